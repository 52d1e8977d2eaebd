"""Exports of a run: the same content as its page, as files beside it."""

from __future__ import annotations

import datetime as dt
import gc
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from cxlib.branding import Branding
from cxlib.errors import NotFoundError, nearest
from cxlib.exports.document import Report, clean, read_blocks
from cxlib.figures import VEGALITE, page_spec
from cxlib.formats import day
from cxlib.run.sections import Written

if TYPE_CHECKING:
    from nbformat import NotebookNode

# What a report can be besides the page and its figures, which every run has.
FILES: Final = {"pdf": "report.pdf", "docx": "report.docx", "xlsx": "report.xlsx", "pptx": "report.pptx"}
ALWAYS: Final = ("html", "json")
DRAWN: Final = frozenset({"pdf", "docx", "pptx"})


@contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no garbage meanwhile: what an export is made of stays until it is written, cell by cell."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def formats_of(text: str) -> tuple[str, ...]:
    """Read a list of formats such as "html,pdf".

    Raises
    ------
    NotFoundError
        If one of them is none, naming the nearest.
    """
    known = (*ALWAYS, *FILES)
    asked = [one.strip().lower() for one in text.split(",") if one.strip()]
    for one in asked:
        if one not in known:
            raise NotFoundError(
                f"no format {one!r}{nearest(one, known)}", fix=f"There are: {', '.join(known)}."
            )
    return tuple(dict.fromkeys(asked))


@_uncollected()
def report_of(written: Written, branding: Branding, moment: dt.datetime) -> Report:
    """Return the document of what was written: what every export is made from."""
    say = written.say
    found = written.cover
    cover = replace(
        found,
        client=clean(found.client),
        wave=clean(found.wave),
        title=clean(found.title),
        prepared_by=clean(found.prepared_by),
        asked=tuple((clean(name), n, of) for name, n, of in found.asked),
    )
    return Report(
        cover,
        written.words,
        say.spoken,
        moment,
        day(cover.date, say.spoken) if cover.date else "",
        read_blocks(written.foreword),
        tuple(read_blocks(one) for one in written.sections),
        branding,
    )


def begin(formats: Collection[str]) -> None:
    """Begin what the formats need before there is anything to show."""
    if DRAWN & set(formats):
        from cxlib.exports import drawing

        drawing.begin()


def draw_ahead(
    notebook: NotebookNode, name: str, language: str, branding: Branding, formats: Collection[str]
) -> None:
    """Have the charts of an executed notebook drawn as the exports will ask for them, while others still run.

    Raises nothing: what cannot be drawn is said where the page or the export meets it.
    """
    # Slides show the pages before the first chapter.
    if not (DRAWN if name.startswith("0_") else DRAWN - {"pptx"}) & set(formats):
        return
    from cxlib.exports import drawing

    picture = "docx" in formats or ("pptx" in formats and name.startswith("0_"))
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for mime, spec in output.get("data", {}).items():
                if VEGALITE.fullmatch(mime):
                    with suppress(Exception):
                        drawing.ask(page_spec(spec), language, branding, picture=picture)


@_uncollected()
def exports_of(
    report: Report,
    results: Callable[[], Mapping[str, Any]],
    formats: Iterable[str],
    *,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[dict[str, bytes], dict[str, float]]:
    """Make the files of the formats asked for, in memory.

    Parameters
    ----------
    results
        Gives what `results.json` holds, where a format needs it.

    Returns
    -------
    Files by name, and seconds by format. Charts are drawn once: the first format that shows them takes the
    time.

    Raises
    ------
    ReportError
        If one of them cannot be made.
    """
    files: dict[str, bytes] = {}
    seconds: dict[str, float] = {}
    formats = tuple(formats)
    if {"pdf", "docx"} & set(formats):
        from cxlib.exports import drawing

        # They come while the first format is being written; those of a report that has just run are there.
        drawing.ask_all(report, picture="docx" in formats)
    for name in formats:
        if name in ALWAYS:
            continue
        say(f"writing {FILES[name]}")
        started = time.perf_counter()
        files[FILES[name]] = _made(name, report, results)
        seconds[name] = round(time.perf_counter() - started, 2)
    return files, seconds


def _made(name: str, report: Report, results: Callable[[], Mapping[str, Any]]) -> bytes:
    # Each library is loaded where its format is asked for, and only there.
    match name:
        case "pdf":
            from cxlib.exports.pdf import to_pdf

            return to_pdf(report)
        case "docx":
            from cxlib.exports.word import to_docx

            return to_docx(report)
        case "pptx":
            from cxlib.exports.slides import to_pptx

            return to_pptx(report)
        case _:
            from cxlib.exports.excel import to_xlsx

            return to_xlsx(report, results())
