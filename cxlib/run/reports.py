"""From an engagement to a published run: extract, notebooks, one page, results, manifest.

    reports/out/<engagement>/<wave>/<run>/
      report.html  results.json  manifest.json
      report.pdf   and other exports, where they were asked for
      extract/     what left the building
      notebooks/   as executed
      branding/    the consultancy's look, if there is one

A run is built in a folder beside its place and renamed when it is whole: a failure leaves nothing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

from cxlib.branding import Branding, find_branding
from cxlib.engagement import Engagement
from cxlib.errors import KernelError, ReportError, nearest
from cxlib.exports.document import Cover
from cxlib.extract import digest_of, read_extract, write_extract
from cxlib.keeping import put_beside
from cxlib.live import LiveEngagement
from cxlib.provenance import library_version
from cxlib.run.exporting import ALWAYS, FILES, begin, draw_ahead, exports_of, report_of
from cxlib.run.kernels import STOCK, manager_in, report_kernel
from cxlib.run.kernels.forking import start_ahead
from cxlib.run.pages import framed
from cxlib.run.results import results, to_json
from cxlib.run.sections import Remark, Written, write
from cxlib.segments import extract_of
from cxlib.settings import Settings
from cxlib.tables.html import hidden
from cxlib.worked import WORKED

if TYPE_CHECKING:
    from nbformat import NotebookNode

CELL_SECONDS = 300
MAKING = ".making-"
BRANDING = "branding"
REPORT, RESULTS, MANIFEST = "report.html", "results.json", "manifest.json"
FORMATS = (*ALWAYS, *FILES)
# The chapter that belongs to no step, and closes the report.
BUSINESS = "business_case"


@dataclass(frozen=True)
class Run:
    """A published run: its folder, and seconds per notebook and for what comes after them.

    `kernels_mb` is the highest resident memory of each notebook's kernel, MB of 10⁶ bytes, None if unknown.
    """

    id: str
    folder: Path
    seconds: dict[str, float]
    kernels_mb: dict[str, float | None]

    @property
    def report(self) -> Path:
        return self.folder / REPORT


def make_report(
    eng: Engagement,
    settings: Settings,
    *,
    names: Sequence[str] | None = None,
    branding: Branding | None = None,
    say: Callable[[str], None] = lambda line: None,
    now: dt.datetime | None = None,
    at_once: int | None = None,
    segment: tuple[str, str] | None = None,
    formats: Sequence[str] = ALWAYS,
    job: str = "",
    keep: Path | None = None,
) -> Run:
    """Run the notebooks of one wave headless and publish what comes out, as a draft.

    Parameters
    ----------
    names
        Notebooks by name, for example "0_overview"; by default the overview, every step that was asked, and
        the business case.
    branding
        The consultancy's look; by default that of `CX_HOME/branding.yaml`, if it is there.
    say
        Takes a line of progress.
    at_once
        Notebooks that run at the same time; by default as many as there are processors.
    segment
        Dimension and unit of a report on one unit, made of what is published of it; by default the whole.
    formats
        What is made beside executed notebooks and manifest: of :data:`FORMATS`.
    job
        Key of the job that this is, kept in the manifest.
    keep
        Where a report that failed leaves what there was of it; by default nowhere.

    Raises
    ------
    ReportError
        Naming client, notebook, cell and cause; the run folder does not exist then.
    AnonymityError
        If beside a run that is out already it would tell on a few people.
    """
    if report_kernel() != STOCK:
        # What kernels need takes as long to load as answers to count.
        start_ahead()
    begin(formats)
    # One state of the answers from here on, whatever is imported meanwhile.
    held = Engagement(eng.extract, eng.wave.id)
    if held.is_empty:
        raise ReportError(
            f"{eng.name}, wave {eng.wave.id}: 0 responses",
            fix=f"Import a survey file first: cx import {eng.facts.engagement} FILE --mapping MAPPING",
        )
    named = chosen(held, settings.notebooks, names) if names else []
    live = eng if isinstance(eng, LiveEngagement) else None
    issued = live.issued() if live else {}
    if live:
        live.check_rerelease(issued)
    look = find_branding(settings.home) if branding is None else branding
    moment = (now or dt.datetime.now(dt.UTC)).replace(microsecond=0)
    place = settings.runs / eng.facts.engagement / eng.wave.id
    place.mkdir(parents=True, exist_ok=True)
    making = place / f"{MAKING}{job or os.getpid()}-{time.monotonic_ns()}"
    try:
        extract = extract_of(held.extract, *segment) if segment else held.extract
        write_extract(extract, making / "extract")
        # From here on everything is made from what leaves the building, as its readers will have it.
        left = read_extract(making / "extract")
        kept_in = live.store.figures_folder(live.slug) if live else None
        bare = Engagement(left, held.wave.id)
        worked = put_beside(making / "extract", bare, kept_in, with_trend=len(named) != 1)
        eng = Engagement(left, held.wave.id, worked)
        notebooks = named or chosen(eng, settings.notebooks)
        run_id = f"{moment:%Y%m%dT%H%M%SZ}-{(job or digest_of(making / 'extract'))[:8]}"
        (making / "notebooks").mkdir()
        at_once = at_once or os.cpu_count() or 1
        with_results = bool({"json", "xlsx"} & set(formats))
        ahead = partial(draw_ahead, language=eng.words.spoken, branding=look, formats=formats)
        seconds, kernels_mb = _execute_all(
            notebooks, making, eng, say, at_once, ahead, with_results=with_results
        )
        shutil.rmtree(making / WORKED)
        look.keep(making / BRANDING)
        seconds |= _write_out(making, run_id, eng, look, moment, formats, say)
        _write_manifest(making, eng, run_id, moment, seconds, job, segment)
        final = place / run_id
        if final.exists():
            raise ReportError(f"{final} is there already", fix="Wait a second and run it again.")
        if live:
            live.store.add_release(live.slug, run_id, issued)
        making.rename(final)
    except BaseException:
        if keep is not None and making.exists():
            keep.parent.mkdir(parents=True, exist_ok=True)
            making.rename(keep)
        raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return Run(run_id, final, seconds, kernels_mb)


def _write_out(
    making: Path,
    run_id: str,
    eng: Engagement,
    look: Branding,
    moment: dt.datetime,
    formats: Sequence[str],
    say: Callable[[str], None],
) -> dict[str, float]:
    """Write page and exports; return the seconds of each."""
    if not set(formats) - {"json"}:
        return {}
    seconds = {}
    say("writing the report")
    started = time.perf_counter()
    said = written(making, run_id, eng)
    if "html" in formats:
        (making / REPORT).write_text(framed(said, look), encoding="utf-8")
        seconds["page"] = round(time.perf_counter() - started, 2)
    if set(formats) <= set(ALWAYS):
        return seconds
    files, took = exports_of(report_of(said, look, moment), partial(read_results, making), formats, say=say)
    for name, data in files.items():
        (making / name).write_bytes(data)
    return seconds | took


def compose(folder: Path, run_id: str, eng: Engagement, *, is_draft: bool = True) -> str:
    """Return the page of a run, from its own folder; see :func:`written`."""
    return framed(written(folder, run_id, eng, is_draft=is_draft), branding_of(folder))


def written(folder: Path, run_id: str, eng: Engagement, *, is_draft: bool = True) -> Written:
    """Write what a run says from its own folder: executed notebooks, extract, and what an analyst adds.

    Parameters
    ----------
    eng
        The run's extract, opened.
    """
    said = eng.commentary
    day = dt.date.fromisoformat(said.at[:10]) if said.at else None

    def remark(text: str) -> Remark:
        return Remark(text, said.author, day)

    cover = Cover(
        client=eng.name,
        wave=eng.wave.name,
        title=eng.words("Customer experience assessment"),
        date=_day(eng),
        framework=f"{eng.framework.id} {eng.framework.version}",
        run=run_id,
        language=eng.instrument.language,
        is_draft=is_draft,
        prepared_by=branding_of(folder).name,
        asked=_asked(eng),
    )
    return write(
        [nbformat.read(path, as_version=4) for path in sorted((folder / "notebooks").glob("*.ipynb"))],
        cover,
        commentary={slug: remark(text) for slug, text in said.chapters.items()},
        foreword=remark(said.foreword) if said.foreword else None,
        tone=said.toned(eng.sentences) if said.tone else None,
    )


def branding_of(folder: Path) -> Branding:
    """Return the look that a run was made with."""
    return find_branding(folder / BRANDING)


def read_results(folder: Path) -> dict[str, Any]:
    """Return what a run's `results.json` holds.

    Raises
    ------
    ReportError
        If the run was made without.
    """
    path = folder / RESULTS
    if not path.is_file():
        raise ReportError(f"run {folder.name} has no {RESULTS}", fix="Make it with --to json.")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _asked(eng: Engagement) -> tuple[tuple[str, str, str], ...]:
    """Say who was asked, a row a role, as the cover shows it."""
    _ = eng.words
    return tuple(
        (
            str(row.name),
            str(hidden(_)) if row.is_hidden else _.number(int(row.n)),
            "" if row.population != row.population or row.is_hidden else _.number(int(row.population)),
        )
        for row in eng.participation().astype({"population": "float64"}).itertuples(index=False)
    )


def chosen(eng: Engagement, folder: Path, names: Sequence[str] | None = None) -> list[Path]:
    """Return the notebooks to run, in order: `N_slug` belongs to the step of that slug, if it was asked."""
    there = {path.stem: path for path in sorted(folder.glob("[0-9]_*.ipynb"))}
    if names is None:
        slugs = {step.slug for step in eng.framework.steps if eng.is_assessed(step.id)}
        if slugs:
            slugs.add(BUSINESS)
        return [path for stem, path in there.items() if stem[0] == "0" or stem[2:] in slugs]
    for name in names:
        if name not in there:
            raise ReportError(
                f"no notebook {name!r}{nearest(name, there)}", fix=f"There are: {', '.join(there)}."
            )
    return [path for stem, path in there.items() if stem in set(names)]


def _execute_all(
    notebooks: Sequence[Path],
    making: Path,
    eng: Engagement,
    say: Callable[[str], None],
    at_once: int,
    ahead: Callable[[NotebookNode, str], object],
    *,
    with_results: bool,
) -> tuple[dict[str, float], dict[str, float | None]]:
    """Execute the notebooks, several at a time, each in a kernel of its own; the first failure ends it.

    Returns seconds by notebook, and the peak memory of their kernels.

    This process waits for the kernels; meanwhile it works out `results.json`, and does what can be done
    `ahead` with each notebook that has been executed, one after the other.
    """

    def timed(work: Callable[[], object], what: str) -> float:
        say(what)
        started = time.perf_counter()
        work()
        return round(time.perf_counter() - started, 2)

    def write_results() -> None:
        (making / RESULTS).write_text(to_json(results(eng)), encoding="utf-8")

    peaks: dict[str, float | None] = {}

    def execute(path: Path) -> None:
        executed, peaks[path.stem] = _execute(path, making, eng)
        after.submit(ahead, executed, path.stem)

    # Threads do: the work is done by the kernels, and no thread changes where this process stands.
    with ThreadPoolExecutor(1) as after, ThreadPoolExecutor(at_once + 1) as pool:
        running = (
            {"results": pool.submit(timed, write_results, "working out the results")} if with_results else {}
        )
        running |= {
            path.stem: pool.submit(timed, partial(execute, path), f"running {path.stem}")
            for path in notebooks
        }
        try:
            seconds = {stem: one.result() for stem, one in running.items()}
        except BaseException:
            for one in running.values():
                one.cancel()
            after.shutdown(wait=False, cancel_futures=True)
            raise
    return seconds, dict(sorted(peaks.items()))


def _execute(path: Path, making: Path, eng: Engagement) -> tuple[NotebookNode, float | None]:
    """Execute one notebook on the extract in `making`, and keep it there without a trace of this machine.

    Returns it, and the peak memory of its kernel in MB, if it is known.
    """
    import papermill
    from papermill.exceptions import PapermillExecutionError

    known = papermill.inspect_notebook(str(path))
    given = {"engagement": eng.facts.engagement, "wave": eng.wave.id, "extract": "extract"}
    if unknown := set(given) - set(known):
        raise ReportError(
            f"{path.name} has no parameter {', '.join(sorted(unknown))}", fix="Add it to its parameters cell."
        )
    out = making / "notebooks" / path.name
    manager = manager_in(making)
    logging.getLogger("papermill").setLevel(logging.ERROR)
    try:
        papermill.execute_notebook(
            str(path),
            str(out),
            parameters=given,
            kernel_name=report_kernel(),
            progress_bar=False,
            request_save_on_cell_execute=False,
            start_timeout=60,
            execution_timeout=CELL_SECONDS,
            skip_cells_with_tag="skip-execution",
            store_widget_state=False,
            shutdown_kernel="immediate",
            kernel_manager_class=manager,
        )
    except PapermillExecutionError as error:
        raise _failed(eng, path, f"cell {error.cell_index}", f"{error.ename}: {error.evalue}") from None
    except Exception as error:
        # A kernel that died or a cell that ran too long: the saved notebook can look whole, only this tells.
        raise _failed(eng, path, "the kernel", f"{type(error).__name__}: {error}", KernelError) from error
    executed = nbformat.read(out, as_version=4)
    _forget_this_machine(executed, path.name)
    nbformat.write(executed, out)
    return executed, manager.peak_mb


def _failed(
    eng: Engagement, path: Path, where: str, cause: str, kind: type[ReportError] = ReportError
) -> ReportError:
    first = next((line for line in cause.splitlines() if line.strip()), cause)
    return kind(
        f"{eng.name}, wave {eng.wave.id}: {path.name}, {where}: {first[:300]}",
        fix="Nothing was published. Open the notebook in JupyterLab with the same parameters to see it.",
    )


def _forget_this_machine(notebook: NotebookNode, name: str) -> None:
    """Drop the paths, times and process notes that papermill leaves in a notebook."""
    notebook.metadata.pop("widgets", None)
    kept = notebook.metadata.get("papermill", {}).get("parameters", {})
    notebook.metadata["papermill"] = {"input_path": name, "parameters": kept}
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            output.get("metadata", {}).pop("papermill", None)


def _day(eng: Engagement) -> dt.date | None:
    """Return the day that the figures speak of: the wave's, or the last answer's; never today's."""
    day = eng.wave.date or eng.facts.data_date
    return dt.date.fromisoformat(day) if day else None


def _write_manifest(
    making: Path,
    eng: Engagement,
    run_id: str,
    moment: dt.datetime,
    seconds: dict[str, float],
    job: str,
    segment: tuple[str, str] | None,
) -> None:
    manifest: dict[str, Any] = {
        "run": run_id,
        "engagement": eng.facts.engagement,
        "wave": eng.wave.id,
        "segment": list(segment or ()),
        "job": job,
        "made_at": moment.isoformat(timespec="seconds"),
        "library": library_version(),
        "framework": eng.facts.framework,
        "parameters": {"engagement": eng.facts.engagement, "wave": eng.wave.id, "extract": "extract"},
        "commentary": eng.commentary.version,
        "approved": None,
        "seconds": seconds,
        "files": digests(making),
    }
    (making / MANIFEST).write_text(manifest_text(manifest), encoding="utf-8")


def manifest_text(manifest: dict[str, Any]) -> str:
    return json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a run but its manifest, by path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name[0] != ".")
    return {
        path.relative_to(folder).as_posix(): sha256_of(path) for path in files if path != folder / MANIFEST
    }


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
