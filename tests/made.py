"""The example's run, made once as a person would make it, and looked at by the tests of several files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
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


def shared_folder(factory: pytest.TempPathFactory, name: str) -> Path:
    """Return a folder that all processes of one test session have together; lock `lock` in it to fill it."""
    base = factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    shared.mkdir(exist_ok=True)
    return shared


@contextmanager
def extracts_kept() -> Iterator[None]:
    """Let handles on one store in one state share their extract, which each would make anew to the same bits.

    For tests that open an engagement again and again, and look at something else.
    """
    from cxlib.live import LiveEngagement

    make, kept = LiveEngagement._make_extract, {}

    def once(eng: LiveEngagement) -> Any:
        state = (eng.store._database.name, eng.fingerprint)
        if state not in kept:
            kept[state] = make(eng)
        return kept[state]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LiveEngagement, "_make_extract", once)
        yield


@pytest.fixture(scope="session")
def example_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's store without a report, made once for all processes: the home to copy, not to change."""
    from cxlib.run.demo import build_demo

    shared = shared_folder(tmp_path_factory, "example")
    with FileLock(shared / "lock"):
        if not (shared / "made").exists():
            build_demo(read_settings({"CX_HOME": str(shared / "home")}))
            (shared / "made").touch()
    return shared / "home"


def own_example(example_store: Path, home: Path) -> Settings:
    """Copy the example's store into a home of a test's own."""
    shutil.copytree(example_store / "data", home / "data", dirs_exist_ok=True)
    return read_settings({"CX_HOME": str(home)})


@pytest.fixture(scope="session")
def demos(tmp_path_factory: pytest.TempPathFactory) -> list[Made]:
    """The example twice, at the same time, in two homes that know nothing of each other.

    Where several processes test, the first that asks makes them for all.
    """
    shared = shared_folder(tmp_path_factory, "demos")
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


@dataclass(frozen=True)
class Exported:
    """A run with its exports, the files that the export named, and the home that holds them."""

    home: Path
    folder: Path
    files: list[Path]


@pytest.fixture(scope="session")
def exported(demo: Made, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The example's run exported in every format, once for all processes: to read from, or to copy."""
    from cxlib.run.exporting import FILES
    from cxlib.run.runs import export

    shared = shared_folder(tmp_path_factory, "exported")
    home, told = shared / "home", shared / "files.json"
    with FileLock(shared / "lock"):
        if not told.exists():
            shutil.copytree(demo.home / "reports", home / "reports")
            _, files = export(read_settings({"CX_HOME": str(home)}), "harbour", tuple(FILES))
            told.write_text(json.dumps([str(path) for path in files]))
    return Exported(home, only_run(home), [Path(one) for one in json.loads(told.read_text())])
