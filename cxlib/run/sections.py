"""What a report says, written once: executed notebooks in, sections of vetted HTML out.

The page frames them (:mod:`cxlib.run.pages`), and every export reads them.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup, escape

from cxlib import look
from cxlib.errors import ReportError
from cxlib.exports.document import Cover
from cxlib.figures import VEGALITE, figure
from cxlib.formats import day
from cxlib.language import Words, words_of
from cxlib.run.vetting import scroller, vetted

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token
    from nbconvert.exporters import Exporter
    from nbformat import NotebookNode

DROPPED_TAGS: Final = frozenset({"remove-cell", "workshop", "explore", "parameters", "injected-parameters"})
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True)
class Remark:
    """What an analyst wrote: markdown without HTML, by whom and when."""

    text: str
    author: str = ""
    date: dt.date | None = None


@dataclass(frozen=True)
class _Heading:
    number: str
    text: str
    slug: str
    below: list[_Heading] = field(default_factory=list)


@dataclass(frozen=True)
class Written:
    """What a report says, written once: the page frames it, and every export reads it.

    Attributes
    ----------
    sections : each section as a piece of a page, escaped and vetted, in the order of the report.
    foreword : what stands before them, or nothing.
    words : of the templates, in the language that `say` speaks.
    """

    cover: Cover
    say: Words
    words: Mapping[str, Any]
    contents: Sequence[_Heading]
    foreword: Markup
    sections: Sequence[Markup]


@dataclass
class _Page:
    """What is known of the page while its sections are written, in order."""

    words: Mapping[str, Any]
    say: Words
    taken: set[str] = field(default_factory=lambda: {"contents", "report", "cx-theme", "cx-tip"})
    contents: list[_Heading] = field(default_factory=list)
    numbered: int = 0
    charts: int = 0

    def slug(self, text: str) -> str:
        plain = unicodedata.normalize("NFKC", text).lower()
        base = "-".join(re.findall(r"\w+", plain))[:60].strip("-_") or "section"
        slug, tries = base, 1
        while slug in self.taken:
            tries += 1
            slug = f"{base}-{tries}"
        self.taken.add(slug)
        return slug


def write(
    notebooks: Sequence[NotebookNode],
    cover: Cover,
    *,
    commentary: Mapping[str, Remark] | None = None,
    foreword: Remark | None = None,
    tone: Mapping[str, str] | None = None,
) -> Written:
    """Write what executed notebooks show, section by section.

    Each first-level heading opens a section. It bears the notebook's `metadata.cx.number` where that has one
    ("" for none), else the next in order. A section whose heading is tagged `appendix` stands at the back,
    after the last notebook, with a letter. Code is never shown, and cells tagged with one of `DROPPED_TAGS`
    are left out with their outputs. Text tagged `optional` is left out where nothing follows it: a section on
    a question that was not asked.

    Parameters
    ----------
    notebooks
        Executed notebooks (nbformat 4), in the order of the report. They are not changed.
    cover
        The first page.
    commentary
        What an analyst says to a notebook, by its `metadata.cx.slug`.
    foreword
        What stands before everything else.
    tone
        Sentences that the report says of itself → how an analyst puts them. Whoever fills it has checked that
        the figures are the same.

    Returns
    -------
    What every format of the report is made from.

    Raises
    ------
    ReportError
        If a cell failed or wrote to stderr, a notebook has no first-level heading, a chart lacks its
        title, summary or figures or asks for a network address, or an HTML output holds more than the
        tags of tables and panels.
    """
    if not _LANGUAGE.fullmatch(cover.language):
        raise ReportError(f"language {cover.language!r}; expected a tag such as en or de-CH")
    say = words_of(cover.language)
    words = look.words(say.spoken)
    page = _Page(words, say)
    parts = [part for index, notebook in enumerate(notebooks, 1) for part in _parts(notebook, index, page)]
    backs = [part for part in parts if part.is_back]
    for part, letter in zip(backs, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", strict=False):
        part.number = letter
    remarks = dict(commentary or {})
    sections = []
    for part in [*(part for part in parts if not part.is_back), *backs]:
        # Said once, where its notebook begins.
        remark = remarks.pop(part.slug, None) if part.slug and not part.is_back else None
        sections.append(_toned(_section(part, page, remark), tone or {}))
    said = _remark(foreword, page, words["foreword"]) if foreword else Markup("")
    return Written(cover, say, words, page.contents, said, sections)


# ---------------------------------------------------------------- notebooks → sections


@dataclass
class _Part:
    """A section to be: the cells from one first-level heading to the next, and where they come from."""

    cells: Sequence[NotebookNode]
    where: str
    places: Mapping[str, int]
    slug: str
    number: str
    is_back: bool


def _parts(notebook: NotebookNode, index: int, page: _Page) -> list[_Part]:
    original = {cell.get("id"): place for place, cell in enumerate(notebook.cells, 1)}
    cleaned, _ = _exporter().from_notebook_node(notebook)
    about = notebook.metadata.get("cx", {})
    number = about.get("number")
    if number is None:
        page.numbered += 1
        number = page.numbered
    cells = cleaned.cells
    starts = [at for at, cell in enumerate(cells) if _opens(cell)]
    if not starts:
        raise ReportError(
            f"notebook {index} has no first-level heading; a section of the report opens with one",
            fix="Begin its first markdown cell with “# ” and the section's name.",
        )
    # What stands before the first heading belongs to it.
    return [
        _Part(
            cells[start if place else 0 : end],
            f"notebook {index}",
            original,
            str(about.get("slug", "")),
            str(number),
            "appendix" in cells[start].metadata.get("tags", []),
        )
        for place, (start, end) in enumerate(zip(starts, [*starts[1:], len(cells)], strict=True))
        if "optional" not in cells[start].metadata.get("tags", []) or _shows(cells[start:end])
    ]


def _opens(cell: NotebookNode) -> bool:
    return cell.cell_type == "markdown" and any(line.startswith("# ") for line in cell.source.splitlines())


def _shows(cells: Sequence[NotebookNode]) -> bool:
    return any(cell.get("outputs") for cell in cells)


def _section(part: _Part, page: _Page, remark: Remark | None) -> Markup:
    opened = len(page.contents)
    parts: list[Markup] = []
    for place, cell in enumerate(part.cells, 1):
        where = f"{part.where}, cell {part.places.get(cell.get('id'), place)}"
        if cell.cell_type == "markdown":
            if "optional" in cell.metadata.get("tags", []) and not (
                _opens(cell) or _leads_to_output(part.cells, place)
            ):
                continue
            parts.append(_prose(page.say(cell.source), page, part.number, opened))
            if remark is not None:
                parts.append(_remark(remark, page, page.words["analyst"]))
                remark = None
        elif cell.cell_type == "code":
            parts.extend(_output(output, page, where) for output in cell.outputs)
    return Markup("\n").join(part for part in parts if part)


def _remark(remark: Remark, page: _Page, heading: str) -> Markup:
    """Write what a person wrote, told apart from what the figures say."""
    signed = ", ".join(
        one for one in (remark.author, day(remark.date, page.say.spoken) if remark.date else "") if one
    )
    return Markup('<aside class="cx-remark"><h4>{}</h4>{}{}</aside>').format(
        heading,
        _prose(remark.text, page),
        Markup('<p dir="auto"><small>{}</small></p>').format(signed) if signed else "",
    )


def _toned(section: Markup, tone: Mapping[str, str]) -> Markup:
    """Put an analyst's wording where a sentence of the report stands alone in its element."""
    text = str(section)
    for said, better in tone.items():
        text = text.replace(f">{escape(said)}<", f">{escape(better)}<")
    return look.as_is(text)


def _leads_to_output(cells: Sequence[NotebookNode], place: int) -> bool:
    """Tell whether any code cell between this text and the next has something to show."""
    for cell in cells[place:]:
        if cell.cell_type == "markdown":
            return False
        if cell.get("outputs"):
            return True
    return False


@lru_cache(maxsize=1)
def _exporter() -> Exporter:
    from nbconvert.exporters import Exporter
    from traitlets.config import Config

    # By default every one of nbconvert's dozen preprocessors validates the notebook, used or not.
    tag_remove = "nbconvert.preprocessors.TagRemovePreprocessor"
    return Exporter(  # type: ignore[no-untyped-call]
        config=Config(
            {
                "Exporter": {"default_preprocessors": [tag_remove], "optimistic_validation": True},
                "TagRemovePreprocessor": {"enabled": True, "remove_cell_tags": set(DROPPED_TAGS)},
            }
        )
    )


def _output(output: NotebookNode, page: _Page, where: str) -> Markup:
    if output.output_type == "error":
        raise ReportError(
            f"{where} failed: {output.ename}: {str(output.evalue)[:200]}",
            fix="Open the executed notebook, correct what the cell says, and run the report again.",
        )
    if output.output_type == "stream":
        if output.name == "stderr":
            raise ReportError(
                f"{where} wrote to stderr: {_text(output.text).strip()[:200]}",
                fix="A report carries no warnings: resolve it, or silence it where it is known.",
            )
        return Markup("<pre>{}</pre>").format(_text(output.text).rstrip())
    data = output.data
    chart = next((mime for mime in data if VEGALITE.fullmatch(mime)), None)
    if chart:
        page.charts += 1
        return figure(data[chart], page.slug(f"chart {page.charts}"), page.words, where)
    if "application/vnd.jupyter.widget-view+json" in data:
        raise ReportError(
            f"{where} shows a widget, which a report cannot hold",
            fix="Tag the cell explore or workshop, with skip-execution.",
        )
    if "text/html" in data:
        return vetted(_text(data["text/html"]), page.words["table"], where)
    if "text/markdown" in data:
        return _prose(_text(data["text/markdown"]), page)
    if "text/plain" in data:
        return Markup("<pre>{}</pre>").format(_text(data["text/plain"]))
    return Markup("")


def _text(value: str | Iterable[str]) -> str:
    return value if isinstance(value, str) else "".join(value)


# ---------------------------------------------------------------- markdown


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False, "typographer": False}).enable(
        ["table", "strikethrough"]
    )
    rules: dict[str, Any] = markdown.renderer.rules  # type: ignore[attr-defined]
    rules["image"] = _image
    opening = '<table class="cx-table">\n'
    rules["table_open"] = lambda tokens, place, options, env: scroller(env["table"]) + opening
    rules["table_close"] = lambda tokens, place, options, env: "</table></div>\n"
    return markdown


def _image(tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    token = tokens[place]
    source = str(token.attrs.get("src", ""))
    if source.startswith("data:image/"):
        return str(Markup('<img src="{}" alt="{}">').format(source, token.content))
    return str(escape(token.content))


def markdown_of(source: str) -> Markup:
    """Render markdown that stands inside a section but in no report, by the same rules: no HTML is kept."""
    page = _Page(look.words("en"), words_of("en"), contents=[_Heading("", "", "")])
    return _prose(source, page, "", 0)


def _prose(source: str, page: _Page, number: str | None = None, opened: int = 0) -> Markup:
    """Render markdown; with a number, its headings join the contents of that section."""
    markdown = _markdown()
    tokens = markdown.parse(source)
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            inline = tokens[place + 1]
            depth = int(token.tag[1])
            token.tag = tokens[place + 2].tag = f"h{min(depth + (1 if number is not None else 3), 6)}"
            if number is not None and depth <= 2:
                _enter(token, inline, depth, page, number, opened)
        elif number is None and token.type in ("paragraph_open", "list_item_open"):
            # What a person wrote may run from the right, paragraph by paragraph.
            token.attrSet("dir", "auto")
        elif token.type in ("th_open", "td_open") and token.attrs.pop("style", "") == "text-align:right":
            token.attrSet("class", "num")
        for child in token.children or ():
            if child.type == "link_open" and str(child.attrs.get("href", "")).startswith("http"):
                child.attrSet("rel", "noopener noreferrer")
    return look.as_is(markdown.renderer.render(tokens, markdown.options, {"table": page.words["table"]}))


def _enter(token: Token, inline: Token, depth: int, page: _Page, number: str, opened: int) -> None:
    from markdown_it.token import Token

    text = _plain(inline.children or ())
    slug = page.slug(text)
    token.attrSet("id", slug)
    if len(page.contents) == opened:
        token.tag, shown = "h2", number
        page.contents.append(_Heading(number, text, slug))
        token.attrSet("class", "cx-section-title")
    else:
        below = page.contents[-1].below
        shown = f"{number}.{len(below) + 1}" if number else ""
        below.append(_Heading(shown, text, slug))
        token.tag = "h3"
    if shown:
        mark = Markup('<span class="cx-number">{}</span> ').format(shown)
        inline.children = [Token("html_inline", "", 0, content=str(mark)), *(inline.children or ())]


def _plain(tokens: Iterable[Token]) -> str:
    """Return what a reader would read aloud of a heading."""
    return "".join(
        " " if token.type in ("softbreak", "hardbreak") else token.content
        for token in tokens
        if token.type in ("text", "code_inline", "softbreak", "hardbreak", "image", "text_special")
    ).strip()
