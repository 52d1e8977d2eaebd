"""The example's run, made once as a person would make it, and looked at by the tests of several files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from filelock import FileLock

from cxlib.settings import Settings, read_settings

VEGALITE = "application/vnd.vegalite.v5+json"


@dataclass(frozen=True)
class Made:
    """A published run, and the store it came from."""

    folder: Path
    home: Path
    said: str = ""

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def settings(self) -> Settings:
        return read_settings({"CX_HOME": str(self.home)})

    def notebooks(self) -> Iterator[Any]:
        for path in sorted((self.folder / "notebooks").iterdir()):
            yield nbformat.read(path, as_version=4)

    def outputs(self) -> Iterator[Any]:
        for notebook in self.notebooks():
            for cell in notebook.cells:
                yield from cell.get("outputs", [])

    def charts(self) -> list[Any]:
        return [
            dict(output.data)[VEGALITE] for output in self.outputs() if VEGALITE in output.get("data", {})
        ]


def cx(home: Path, *args: object) -> str:
    """Run the command line as a person would, in another process."""
    inherited = {name: value for name, value in os.environ.items() if name != "CX_DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "-m", "cxlib", *map(str, args)],
        env={**inherited, "CX_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def only_run(home: Path) -> Path:
    (found,) = (path.parent for path in home.glob("reports/out/*/*/*/manifest.json"))
    return found


@pytest.fixture(scope="session")
def demos(tmp_path_factory: pytest.TempPathFactory) -> list[Made]:
    """The example twice, at the same time, in two homes that know nothing of each other.

    Where several processes test, the first that asks makes them for all.
    """
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "demos"
    shared.mkdir(exist_ok=True)
    homes = [shared / name for name in ("demo", "again")]
    told = shared / "said.json"
    with FileLock(shared / "lock"):
        if not told.exists():
            with ThreadPoolExecutor(2) as pool:
                told.write_text(json.dumps(list(pool.map(lambda home: cx(home, "demo"), homes))))
    said = json.loads(told.read_text())
    return [Made(only_run(home), home, text) for home, text in zip(homes, said, strict=True)]


@pytest.fixture(scope="session")
def demo(demos: list[Made]) -> Made:
    return demos[0]
