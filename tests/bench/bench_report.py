"""How long the whole report of the example takes, and where the time goes: `make bench-report`.

Promise: at most 40 s on two cores with stock kernels. Peers in the same run: the notebooks one after the
other, as a loop over papermill would have them, and the floor: the same cells in this process, without a
kernel, and the same page.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

from cxlib.opening import open_live
from cxlib.run.demo import SLUG, build_demo
from cxlib.run.kernels import STOCK, manager_in
from cxlib.run.reports import make_report
from cxlib.settings import read_settings
from tests.bench.harness import Measured, Way, compare, console, measure, write
from tests.inprocess import report_of

Timed = tuple[Callable[[], Any], Callable[[Any], Any]]
HERE = "tests.bench.bench_report"
PROMISED = 40.0
IMPORTS = "import cxlib\nfrom cxlib import charts, tables\ncharts, tables"


def report(*, home: str, at_once: int | None, forked: bool) -> Timed:
    """Make the report as `cx report` does, in forked kernels or stock ones; says the seconds of its parts."""
    os.environ["CX_KERNEL_FORK"] = "1" if forked else "0"
    settings = read_settings({"CX_HOME": home})

    def run() -> Any:
        with open_live(SLUG, settings=settings) as eng:
            return make_report(eng, settings, at_once=at_once)

    def finish(made: Any) -> dict[str, float]:
        shutil.rmtree(made.folder)
        return dict(made.seconds)

    return run, finish


def floor(*, home: str) -> Timed:
    """Run the same cells in this process, and compose the same page."""
    settings = read_settings({"CX_HOME": home})

    def run() -> int:
        with open_live(SLUG, settings=settings) as eng, tempfile.TemporaryDirectory() as folder:
            return report_of(eng, settings, Path(folder) / "run").stat().st_size

    return run, lambda size: size


def kernel(*, home: str) -> Timed:
    """Start a stock kernel, let it import what every notebook does, and stop it; says the seconds of each."""

    async def steps() -> dict[str, float]:
        manager = manager_in(Path(home))(kernel_name=STOCK)
        started = time.perf_counter()
        await manager.start_kernel()
        client = manager.client()
        client.start_channels()
        await client.wait_for_ready(timeout=60)
        ready = time.perf_counter()
        await client.execute(IMPORTS, silent=True, reply=True, timeout=60)
        imported = time.perf_counter()
        client.stop_channels()
        await manager.shutdown_kernel(now=True)
        return {
            "kernel ready": ready - started,
            "its imports": imported - ready,
            "its end": time.perf_counter() - imported,
        }

    return lambda: asyncio.run(steps()), lambda found: found


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        with console.status("building the example"):
            build_demo(read_settings({"CX_HOME": home}))
        of = {"home": home}
        stock, alone, forked = (
            {**of, "at_once": at_once, "forked": forked}
            for at_once, forked in ((None, False), (1, False), (None, True))
        )
        ways = [
            Way("stock kernels", f"{HERE}:report", stock, rounds=3, calls=1),
            Way(
                "stock, one at a time",
                f"{HERE}:report",
                alone,
                rounds=1,
                calls=1,
            ),
            Way("forked kernels", f"{HERE}:report", forked, rounds=3, calls=1),
            Way("floor: no kernels", f"{HERE}:floor", of, rounds=3, calls=1),
            Way("one kernel", f"{HERE}:kernel", of, rounds=5, calls=1),
        ]
        ours, slow, warm, quick, one = measure(ways)
    found = compare("The whole report of the example", ours, [slow, warm, quick])
    parts = {**medians(one), **medians(ours)}
    table = Table(title="Where the time goes (parts run side by side)", title_justify="left")
    table.add_column("part")
    table.add_column("median s", justify="right")
    for name, seconds in parts.items():
        table.add_row(name, f"{seconds:.2f}")
    console.print(table)
    kept = "kept" if ours.seconds <= PROMISED else "NOT kept"
    console.print(f"at most {PROMISED:.0f} s: {ours.seconds:.1f} s, {kept}")
    write("report", {**found, "parts": parts, "promised": PROMISED})


def medians(way: Measured) -> Mapping[str, float]:
    return {name: median(one[name] for one in way.values) for name in way.values[0]}


if __name__ == "__main__":
    main()
