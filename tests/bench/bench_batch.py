"""Seconds a report, of many: `make bench-batch`. The notebook `1_leadership` of the example, twenty clients.

Peers, all from the same store in the same run:

    commands   papermill's and nbconvert's commands in a loop over two shells, as it is done by hand today
    handmade   papermill's API with stock kernels and one reused exporter, in two processes
    floor      the same code cells in an IPython shell of as many warm processes, outputs formatted, our page
               written: no kernel, no run folder

Promises: at most 2.5 times the floor's time, at least 6 times faster than `handmade` and 20 than `commands`.
The slow peers make fewer reports; all figures are seconds a report. What is counted of each client is kept
(`cxlib.keeping`) by the first of three calls, whose median is taken, and found by all that come after it; the
first call has a row of its own. What is left is named by :func:`profile`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import yaml
from rich.table import Table

from cxlib.creation import create_engagement
from cxlib.mapping import read_mapping
from cxlib.opening import open_live
from cxlib.run.batch import Processes, run_batch
from cxlib.run.demo import SLUG, build_demo
from cxlib.run.example import write_example
from cxlib.run.jobs import jobs_of, plan_of
from cxlib.run.truths import read_truths
from cxlib.settings import read_settings
from cxlib.store import Store
from tests.bench.harness import Way, console, measure, write

Timed = tuple[Callable[[], Any], Callable[[Any], Any]]
HERE = "tests.bench.bench_batch"
NOTEBOOK = "1_leadership"
WORKERS = 2
# How many reports each way makes: enough that its start is spread, few enough that the slow ones end.
COUNTS = {"ours": 20, "floor": 20, "handmade": 6, "commands": 4}


def clients(home: Path, count: int) -> list[str]:
    """Build the example, and copies of it under other names with the same answers."""
    settings = read_settings({"CX_HOME": str(home)})
    build_demo(settings)
    folder = settings.examples / SLUG
    truths = read_truths(folder / "truths.yaml")
    mappings = {name: read_mapping(folder / f"{name}.yaml") for name in truths.exports}
    names = [SLUG]
    with open_live(SLUG, settings=settings) as eng:
        files = write_example(truths, eng.framework, mappings, home / "drawn")
    plain = yaml.safe_load((folder / "engagement.yaml").read_text(encoding="utf-8"))
    for number in range(2, count + 1):
        name = f"client-{number:03d}"
        declared = home / f"{name}.yaml"
        declared.write_text(yaml.safe_dump({**plain, "engagement": name, "name": f"Client {number}"}))
        with Store.open(settings) as store:
            create_engagement(store, declared, frameworks=settings.frameworks)
        with open_live(name, settings=settings) as eng:
            for wave, exports in files.items():
                for form, path in exports.items():
                    eng.import_file(path, folder / f"{form}.yaml", wave=wave)
        names.append(name)
    return names


def ours(*, home: str, names: list[str], notebooks: list[str]) -> Timed:
    """Make the reports as `cx batch --to html` does."""
    settings = read_settings({"CX_HOME": home})

    def run() -> Any:
        jobs = jobs_of(plan_of(names, notebooks=notebooks), settings, formats=("html",))
        return run_batch(jobs, settings, Processes(settings, WORKERS), force=True)

    def finish(done: Any) -> dict[str, Any]:
        if done.count("done") != len(names):
            raise SystemExit(f"{done.count('failed')} of {len(names)} failed")
        return {
            "seconds": [one.seconds for one in done.outcomes.values()],
            "peak_mb": [one.peak_mb for one in done.outcomes.values()],
            "kernels_mb": [max(one.kernels_mb.values()) for one in done.outcomes.values()],
        }

    return run, finish


def profile(*, home: str, names: list[str]) -> Timed:
    """Make reports one after the other, in a process alone, and time what each is made of."""
    from cxlib.live import LiveEngagement
    from cxlib.run import reports, work
    from cxlib.run.kernels.forking import kept_warm

    spent: dict[str, float] = {}

    def timed(owner: Any, name: str, called: str) -> None:
        inner = getattr(owner, name)

        def outer(*args: Any, **options: Any) -> Any:
            began = time.perf_counter()
            try:
                return inner(*args, **options)
            finally:
                spent[called] = spent.get(called, 0.0) + time.perf_counter() - began

        setattr(owner, name, outer)

    for owner, name, called in (
        (work, "_work_alone", "all of it"),
        (LiveEngagement, "_make_extract", "the extract, from what is kept"),
        (LiveEngagement, "issued", "who stands where in it (rule 5)"),
        (reports, "write_extract", "extract written"),
        (reports, "read_extract", "extract read again"),
        (reports, "put_beside", "scores and comparisons put beside it"),
        (reports, "_execute", "the notebook: kernel, cells, messages, files"),
        (reports, "_write_out", "the page"),
    ):
        timed(owner, name, called)

    def cells(notebook: Any, name: str) -> None:
        for cell in notebook.cells:
            took = cell.metadata.get("papermill", {}).get("duration")
            if cell.cell_type == "code" and took:
                last = cell.source.strip().splitlines()[-1]
                kind = next((one for one in ("charts", "tables") if f"cx.{one}." in last), "opening")
                spent[f"  its cells: {kind}"] = spent.get(f"  its cells: {kind}", 0.0) + took
        forget(notebook, name)

    forget, reports._forget_this_machine = reports._forget_this_machine, cells
    settings = read_settings({"CX_HOME": home})

    def run() -> dict[str, float]:
        jobs = jobs_of(plan_of(names, notebooks=[NOTEBOOK]), settings, formats=("html",))
        with kept_warm():
            for at, job in enumerate(jobs):
                if at == 2:
                    # The first have loaded what a process loads once.
                    spent.clear()
                work.work(replace(job, key=f"{job.key[:12]}{time.time_ns() % 16**8:08x}"), settings)
        return {called: seconds / (len(jobs) - 2) for called, seconds in spent.items()}

    return run, lambda found: found


def floor(*, home: str, names: list[str], notebooks: list[str]) -> Timed:
    def run() -> int:
        context = get_context("forkserver")
        with ProcessPoolExecutor(WORKERS, mp_context=context, initializer=_settle) as pool:
            return sum(pool.map(partial(_cells, home=home, notebooks=notebooks), names))

    return run, lambda size: size


def _settle() -> None:
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    import cxlib.charts
    import cxlib.run.pages  # noqa: F401
    import tests.inprocess  # noqa: F401


def _cells(name: str, *, home: str, notebooks: list[str]) -> int:
    from cxlib.exports.document import Cover
    from cxlib.run.pages import render
    from tests.inprocess import executed

    os.environ["CX_HOME"] = home
    settings = read_settings()
    with tempfile.TemporaryDirectory() as folder:
        made = [
            executed(settings.notebooks / f"{one}.ipynb", Path(folder), engagement=name) for one in notebooks
        ]
    return len(render(made, Cover(name, "", "", None, "", "")))


def handmade(*, home: str, names: list[str]) -> Timed:
    def run() -> int:
        with ProcessPoolExecutor(WORKERS, mp_context=get_context("forkserver")) as pool:
            return sum(pool.map(partial(_by_hand, home=home), names))

    return run, lambda size: size


def _by_hand(name: str, *, home: str) -> int:
    import papermill
    from nbconvert import HTMLExporter

    os.environ["CX_HOME"] = home
    settings = read_settings()
    exporter = globals().setdefault("_exporter", HTMLExporter(exclude_input=True))
    with tempfile.TemporaryDirectory() as folder:
        notebook = papermill.execute_notebook(
            str(settings.notebooks / f"{NOTEBOOK}.ipynb"),
            f"{folder}/out.ipynb",
            parameters={"engagement": name},
            kernel_name="python3",
            progress_bar=False,
            log_output=False,
        )
        return len(exporter.from_notebook_node(notebook)[0])


def commands(*, home: str, names: list[str]) -> Timed:
    """Run the two commands for each client, in two shells at once."""
    here = Path(sys.executable).parent
    source = read_settings({"CX_HOME": home}).notebooks / f"{NOTEBOOK}.ipynb"

    def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            shells = [
                subprocess.Popen(
                    " && ".join(
                        f"{here}/papermill {source} {folder}/{name}.ipynb -p engagement {name} -k python3 "
                        f"--no-progress-bar && {here}/jupyter nbconvert --to html --no-input "
                        f"{folder}/{name}.ipynb"
                        for name in half
                    ),
                    shell=True,
                    env={**os.environ, "CX_HOME": home},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                for half in (names[::2], names[1::2])
            ]
            if any(shell.wait() for shell in shells):
                raise SystemExit("a command failed")

    return run, lambda nothing: nothing


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with console.status("building twenty clients"):
            names = clients(home, max(COUNTS.values()))
        of = {"home": folder}
        folder_of = read_settings({"CX_HOME": folder}).notebooks
        every = [path.stem for path in sorted(folder_of.glob("[0-9]_*.ipynb"))]
        one = [NOTEBOOK]
        ways = {
            "ours": Way(
                "ours", f"{HERE}:ours", {**of, "names": names[: COUNTS["ours"]], "notebooks": one}, 1, 3
            ),
            "floor": Way(
                "floor", f"{HERE}:floor", {**of, "names": names[: COUNTS["floor"]], "notebooks": one}, 1, 3
            ),
            "handmade": Way(
                "handmade", f"{HERE}:handmade", {**of, "names": names[: COUNTS["handmade"]]}, 1, 1
            ),
            "commands": Way(
                "commands", f"{HERE}:commands", {**of, "names": names[: COUNTS["commands"]]}, 1, 1
            ),
        }
        found = {one.name: one for one in measure(list(ways.values()))}
        whole = measure(
            [
                Way("ours, ten notebooks", f"{HERE}:ours", {**of, "names": names[:4], "notebooks": []}, 1, 1),
                Way(
                    "floor, nine notebooks",
                    f"{HERE}:floor",
                    {**of, "names": names[:4], "notebooks": every},
                    1,
                    1,
                ),
            ]
        )
        (left,) = measure([Way("profile", f"{HERE}:profile", {**of, "names": names[:10]}, 1, 1)])
    a_report = {name: one.seconds / COUNTS[name] for name, one in found.items()}
    table = Table(title=f"Seconds a report: {NOTEBOOK}, {WORKERS} processes", title_justify="left")
    for heading in ("way", "reports", "s a report", "÷ ours"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for name, seconds in a_report.items():
        table.add_row(name, str(COUNTS[name]), f"{seconds:.2f}", f"{seconds / a_report['ours']:.2f}")
    first = found["ours"].times[0] / COUNTS["ours"]
    table.add_row("ours, nothing kept yet", str(COUNTS["ours"]), f"{first:.2f}", "")
    for one in whole:
        table.add_row(one.name, "4", f"{one.seconds / 4:.2f}", "")
    console.print(table)
    ratios = {name: seconds / a_report["ours"] for name, seconds in a_report.items() if name != "ours"}
    promised = {"floor": 0.4, "handmade": 6.0, "commands": 20.0}
    for name, least in promised.items():
        kept = "kept" if ratios[name] >= least else "NOT kept"
        console.print(f"{name}: {ratios[name]:.2f} of ours, promised at least {least}: {kept}")
    (parts,) = left.values
    console.print("What a report is made of, one at a time, alone, ms:")
    for called, seconds in parts.items():
        console.print(f"  {seconds * 1000:5.0f}  {called}")
    write(
        "batch",
        {
            "seconds_a_report": a_report,
            "ratios": ratios,
            "promised": promised,
            "first": first,
            "parts": parts,
            "whole": {one.name: one.seconds / 4 for one in whole},
        },
    )


if __name__ == "__main__":
    main()
