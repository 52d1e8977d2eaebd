"""What each export of the example takes, and what it adds to a report: `make bench-exports`.

Promise: each format adds at most 3 s to a report. Two figures, each in processes of their own:

    alone       from a run that is there, so that each bears the drawing of its charts by itself, at once
    in a report `cx report` with the format, less `cx report` without: the charts of one notebook are drawn
                while others run
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import nbformat
from rich.table import Table

from cxlib.engagement import Engagement
from cxlib.exports.document import Report
from cxlib.extract import read_extract
from cxlib.opening import open_live
from cxlib.run.demo import SLUG, build_demo
from cxlib.run.exporting import FILES, exports_of, report_of
from cxlib.run.reports import branding_of, read_results, written
from cxlib.settings import read_settings
from tests.bench.harness import Way, console, measure, write
from tests.inprocess import report_of as run_of

Timed = tuple[Callable[[], Any], Callable[[Any], Any]]
HERE = "tests.bench.bench_exports"
PROMISED = 3.0
RUN = "20261128T000000Z-00000000"


def document(*, folder: str) -> tuple[Report, Path]:
    """Write what the run says, as `cx report` has it at hand when the exports begin."""
    import datetime as dt

    place = Path(folder)
    eng = Engagement(read_extract(place / "extract"))
    said = written(place, RUN, eng)
    return report_of(said, branding_of(place), dt.datetime(2026, 11, 28, tzinfo=dt.UTC)), place


def exported(*, folder: str, formats: list[str]) -> Timed:
    """Make the files of some formats; says seconds and bytes of each."""
    report, place = document(folder=folder)

    def run() -> tuple[dict[str, bytes], dict[str, float], float]:
        started = time.process_time()
        files, seconds = exports_of(report, lambda: read_results(place), formats)
        return files, seconds, time.process_time() - started

    def finish(found: tuple[dict[str, bytes], dict[str, float], float]) -> dict[str, Any]:
        files, seconds, cpu = found
        return {"bytes": {name: len(data) for name, data in files.items()}, "seconds": seconds, "cpu": cpu}

    return run, finish


def reported(*, home: str, formats: list[str]) -> Timed:
    """Make a whole report, with its page and its figures and some formats."""
    from cxlib.run.reports import make_report

    settings = read_settings({"CX_HOME": home})

    def run() -> float:
        started = time.process_time()
        with open_live(SLUG, settings=settings) as eng:
            make_report(eng, settings, formats=("html", "json", *formats))
        return time.process_time() - started

    return run, lambda cpu: {"cpu": cpu}


def read(*, folder: str) -> Timed:
    """Read the page's sections as a document: what all exports share."""
    from cxlib.exports.document import read_blocks

    place = Path(folder)
    said = written(place, RUN, Engagement(read_extract(place / "extract")))

    def run() -> int:
        return sum(len(read_blocks(one)) for one in said.sections)

    return run, lambda blocks: blocks


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        settings = read_settings({"CX_HOME": home})
        # Where the page's script is kept too, as after any first report.
        os.environ["CX_HOME"] = home
        folder = Path(home) / "run"
        with console.status("making the example's run"):
            build_demo(settings)
            with open_live(SLUG, settings=settings) as eng:
                run_of(eng, settings, folder)
                from cxlib.run.results import results, to_json

                left = Engagement(read_extract(folder / "extract"), eng.wave.id)
                (folder / "results.json").write_text(to_json(results(left)), encoding="utf-8")
        count = sum(len(nbformat.read(path, 4).cells) for path in (folder / "notebooks").iterdir())
        told = {"folder": str(folder)}
        ways = [
            Way("read", f"{HERE}:read", told, rounds=2, calls=1),
            *(Way(one, f"{HERE}:exported", {**told, "formats": [one]}, rounds=2, calls=1) for one in FILES),
            Way("all four", f"{HERE}:exported", {**told, "formats": list(FILES)}, rounds=2, calls=1),
        ]
        started = time.perf_counter()
        found = {one.name: one for one in measure(ways)}
        whole = {
            one.name: one
            for one in measure(
                [
                    Way(name, f"{HERE}:reported", {"home": home, "formats": formats}, rounds=2, calls=1)
                    for name, formats in {"page": [], **{one: [one] for one in FILES}}.items()
                ]
            )
        }
    table = Table(title=f"Exports of the example ({count} cells)", title_justify="left")
    for heading in ("export", "median s", "fastest s", "CPU s", "MB", "peak MB"):
        table.add_column(heading, justify="left" if heading == "export" else "right")
    for name, one in found.items():
        size = sum(one.values[0]["bytes"].values()) / 1e6 if name != "read" else 0
        # What a busy machine does not change as much.
        cpu = min(value["cpu"] for value in one.values) if name != "read" else 0
        table.add_row(
            name,
            f"{one.seconds:.2f}",
            f"{min(one.times):.2f}",
            f"{cpu:.2f}",
            f"{size:.1f}",
            f"{one.peak_mb:.0f}",
        )
    console.print(table)
    alone = {name: found[name].seconds + found["read"].seconds for name in FILES}
    adds = {name: whole[name].seconds - whole["page"].seconds for name in FILES}
    cpu = {name: median(value["cpu"] for value in one.values) for name, one in whole.items()}
    console.print(f"a report with its page alone: {whole['page'].seconds:.1f} s")
    for name, seconds in adds.items():
        kept = "kept" if seconds <= PROMISED else "NOT kept"
        console.print(
            f"{name} adds {seconds:.1f} s to it (of this process's own time {cpu[name] - cpu['page']:.1f} s; "
            f"alone {alone[name]:.1f} s), promised at most {PROMISED:.0f} s: {kept}"
        )
    parts = {name: median(value["seconds"][name] for value in found["all four"].values) for name in FILES}
    console.print(f"together, one after the other: {', '.join(f'{n} {s:.1f} s' for n, s in parts.items())}")
    write(
        "exports",
        {
            "seconds": {name: one.seconds for name, one in found.items()},
            "adds": adds,
            "alone": alone,
            "report_cpu": cpu,
            "report_seconds": {name: one.seconds for name, one in whole.items()},
            "together": parts,
            "peak_mb": {name: one.peak_mb for name, one in found.items()},
            "promised": PROMISED,
            "took": time.perf_counter() - started,
        },
    )


if __name__ == "__main__":
    main()
