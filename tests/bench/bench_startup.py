"""How long a name takes to load and a command to answer: `make bench-startup`.

Promises: `import cxlib` under 0.1 s, `cx --help` under 0.4 s, as medians of fresh processes. Peers: what
the same process would pay for pandas, and what papermill's own command line takes to print its help.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.harness import Way, compare, measure, write

Timed = tuple[Callable[[], Any], Callable[[Any], Any]]
HERE = "tests.bench.bench_startup"


def load(module: str) -> Timed:
    """Import a module for the first time in this process."""
    return lambda: importlib.import_module(module), lambda found: found.__name__


def command(*, name: str) -> Timed:
    """Run a command of this environment with --help, as a shell would."""
    path = Path(sys.executable).with_name(name)

    def run() -> int:
        return subprocess.run([path, "--help"], stdout=subprocess.DEVNULL, check=True).returncode

    return run, lambda code: code


def main() -> None:
    ours, pandas, help_ours, help_papermill = measure(
        [
            Way("import cxlib", f"{HERE}:load", {"module": "cxlib"}, rounds=11, calls=1),
            Way("import pandas", f"{HERE}:load", {"module": "pandas"}, rounds=11, calls=1),
            Way("cx --help", f"{HERE}:command", {"name": "cx"}, rounds=5, calls=5),
            Way("papermill --help", f"{HERE}:command", {"name": "papermill"}, rounds=5, calls=2),
        ]
    )
    imports = compare("Import, first time in a process", ours, [pandas])
    helps = compare("Command line, whole process", help_ours, [help_papermill])
    write(
        "startup",
        {
            "ours": {"import_cxlib": imports["ours"], "cx_help": helps["ours"]},
            "peers": {"import_pandas": pandas.seconds, "papermill_help": help_papermill.seconds},
            "ratios": {**imports["ratios"], **helps["ratios"]},
            "peak_mb": max(ours.peak_mb, help_ours.peak_mb),
        },
    )


if __name__ == "__main__":
    main()
