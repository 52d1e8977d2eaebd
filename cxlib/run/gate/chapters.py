"""A run's chapters as a dashboard has them: what was published of each, and the cells of it that live.

What stands on the page first is the report's own, as it was approved; what a kernel runs is the same
notebook's `explore` cells, and of the cells before them only the lines that those need.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from cxlib.errors import NotFoundError, ReportError
from cxlib.language import Words, words_of
from cxlib.look import as_is
from cxlib.run.gate.shelf import Edition, read
from cxlib.run.reports import MANIFEST, REPORT
from cxlib.run.sections import markdown_of

if TYPE_CHECKING:
    from nbformat import NotebookNode

EXPLORE: Final = "explore"
SETTING: Final = frozenset({"parameters", "injected-parameters", "remove-cell"})

_SECTION: Final = '<section class="cx-section">\n'
_NUMBER: Final = re.compile(r'class="cx-section-title">(?:<span class="cx-number">(\w+)</span> )?(.*?)</h2>')
_HEADING: Final = re.compile(r'<h3 id="[^"]*">(?:<span class="cx-number">[^<]*</span> )?(.*?)</h3>')
_THEME: Final = re.compile(r'<script type="application/json" id="cx-theme">(.*?)</script>', re.DOTALL)


@dataclass(frozen=True)
class Place:
    """Where live figures stand in a chapter: the cells of one place, what it is called, the words before."""

    id: str
    title: str
    words: Markup
    before: str


@dataclass(frozen=True)
class Chapter:
    """A chapter of a run.

    Attributes
    ----------
    slug : of the notebook, which the chapter's address bears.
    number : as the report counts it; empty for the overview.
    parts : published HTML, each piece followed by a place for live figures, or by nothing.
    """

    slug: str
    number: str
    title: str
    notebook: str
    parts: Sequence[tuple[Markup, Place | None]]

    @property
    def is_live(self) -> bool:
        return any(place for _, place in self.parts)


@dataclass(frozen=True)
class Book:
    """The chapters of a run, in order, and the theme that its charts are drawn in."""

    chapters: Mapping[str, Chapter]
    theme: Markup


def book(one: Edition) -> Book:
    """Return the chapters of a run that has a page and notebooks.

    Raises
    ------
    ReportError
        If they are not what the manifest says.
    """
    return _book(one, tuple((one.folder / name).stat().st_mtime_ns for name in (REPORT, MANIFEST)))


@lru_cache(maxsize=16)
def _book(one: Edition, changed: tuple[int, ...]) -> Book:
    page = read(one, REPORT).decode()
    theme = _THEME.search(page)
    body = page.partition('<main id="report">')[2].partition("</main>")[0]
    sections: dict[str, list[str]] = {}
    titles: dict[str, str] = {}
    for section in body.split(_SECTION)[1:]:
        found = _NUMBER.search(section)
        if found is None:
            continue
        number = found[1] or ""
        titles.setdefault(number, str(Markup(found[2]).striptags()))  # noqa: S704
        sections.setdefault(number, []).append(section.rpartition("</section>")[0])
    chapters = {}
    for name, notebook in _notebooks(one):
        about = notebook.metadata.get("cx", {})
        slug, number = str(about.get("slug", "")), str(about.get("number", ""))
        # By its number, so that letters, which are appendices, belong to no chapter.
        if slug and number in sections:
            parts = tuple(_parts(sections[number], notebook, one.language))
            chapters[slug] = Chapter(slug, number, titles[number], name, parts)
    return Book(chapters, as_is(theme[1]) if theme else Markup("{}"))


def _notebooks(one: Edition) -> Iterator[tuple[str, NotebookNode]]:
    import nbformat

    manifest: dict[str, Any] = json.loads((one.folder / MANIFEST).read_text(encoding="utf-8"))
    for name, told in sorted(manifest["files"].items()):
        if not re.fullmatch(r"notebooks/[0-9]_[a-z_]+\.ipynb", name):
            continue
        try:
            data = (one.folder / name).read_bytes()
            if hashlib.sha256(data).hexdigest() != told:
                raise ReportError(f"run {one.run}: {name} is not what its manifest says")
            yield name, nbformat.reads(data.decode(), as_version=4)
        except (OSError, ValueError) as error:
            # A run without readable notebooks has its report still, and no dashboard.
            raise ReportError(f"run {one.run}: {name} cannot be read ({type(error).__name__})") from None


def _parts(
    sections: Sequence[str], notebook: NotebookNode, language: str
) -> Iterator[tuple[Markup, Place | None]]:
    """Cut published sections where the notebook has cells that live."""
    rest = "".join(f'<section class="cx-section">\n{one}</section>\n' for one in sections)
    for place in places(notebook, language):
        at = next((found.start() for found in _HEADING.finditer(rest) if _says(found[1], place.before)), -1)
        if at < 0:
            at = rest.rfind("</section>")
        # A section is closed and opened again around what lives: a piece of markup never stands half open.
        yield as_is(f"{rest[:at]}</section>"), place
        rest = f'<section class="cx-section">\n{rest[at:]}'
    yield as_is(rest), None


def _says(html: str, heading: str) -> bool:
    return bool(heading) and Markup(html).striptags() == heading  # noqa: S704


def places(notebook: NotebookNode, language: str) -> list[Place]:
    """Find the places for live figures: one for each run of `explore` cells that begins with words."""
    say = words_of(language)
    found: list[Place] = []
    cells = notebook.cells
    for at, cell in enumerate(cells):
        tags = cell.metadata.get("tags", [])
        if EXPLORE not in tags or cell.cell_type != "markdown":
            continue
        after = (
            one.source
            for one in cells[at + 1 :]
            if one.cell_type == "markdown" and not {EXPLORE, "workshop"} & set(one.metadata.get("tags", []))
        )
        before = next((_said(say, one) for one in after if one.startswith("## ")), "")
        heading = before.splitlines()[0].removeprefix("## ") if before else ""
        source = _said(say, cell.source)
        title = source.splitlines()[0].lstrip("# ")
        found.append(Place(str(cell.id), title, markdown_of(source), heading))
    return found


def _said(say: Words, text: str) -> str:
    """Say a notebook's words in the engagement's language; those of an older notebook as they stand."""
    try:
        return say(text)
    except NotFoundError:
        return text


def live_notebook(one: Edition, chapter: Chapter, view: str) -> NotebookNode:
    """Return what a kernel runs for a chapter: its `explore` cells, after the lines that they need.

    Parameters
    ----------
    view
        A line of code that says what is to be looked at first; ours, never a visitor's.

    Returns
    -------
    A notebook without outputs, in which each `explore` cell bears its place as `metadata.cx_place`.
    """
    from nbformat import v4

    notebook = next(found for name, found in _notebooks(one) if name == chapter.notebook)
    setting, live, place = [], [], ""
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", []))
        if EXPLORE in tags and cell.cell_type == "markdown":
            place = str(cell.id)
        elif EXPLORE in tags and cell.cell_type == "code":
            live.append((place, str(cell.source)))
        elif cell.cell_type == "code" and tags & SETTING:
            setting.append(str(cell.source))
    new: Any = v4.new_code_cell
    needed = needed_lines("\n".join(setting), "\n".join([view, *(source for _, source in live)]))
    cells = [new(f"{needed}\n{view}")]
    for place, source in live:
        cells.append(new(source, metadata={"tags": [EXPLORE], "cx_place": place}))
    made: NotebookNode = v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    return made


def needed_lines(source: str, used_by: str) -> str:
    """Keep of a notebook's plain statements those that others need, and those that these need in turn."""
    wanted = _names(ast.parse(used_by), ast.Load)
    kept: list[ast.stmt] = []
    for statement in reversed(ast.parse(source).body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            bound = {one.asname or one.name.partition(".")[0] for one in statement.names}
        else:
            bound = _names(statement, ast.Store)
        if bound & wanted:
            kept.append(statement)
            wanted |= _names(statement, ast.Load)
    return "\n".join(ast.unparse(one) for one in reversed(kept))


def _names(tree: ast.AST, context: type[ast.expr_context]) -> set[str]:
    return {one.id for one in ast.walk(tree) if isinstance(one, ast.Name) and isinstance(one.ctx, context)}
