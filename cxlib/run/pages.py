"""The report page: executed notebooks in, one HTML file out that opens from a disk with no network.

The page carries its style, its script and Vega once, and its charts as data. Three doors keep text
from becoming markup: Jinja escapes whatever a person could have typed, HTML that our own code built
is read again and refused if it holds anything but a table's or a panel's tags, and the page's own
Content-Security-Policy names by hash the only scripts and styles that may run.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup, escape

from cxlib import look
from cxlib.branding import Branding
from cxlib.errors import ReportError
from cxlib.exports.document import Cover
from cxlib.formats import day
from cxlib.language import Words, words_of
from cxlib.look import palette, theme, variables
from cxlib.run.vetting import scroller, vetted
from cxlib.settings import read_settings

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token
    from nbconvert.exporters import Exporter
    from nbformat import NotebookNode

DROPPED_TAGS: Final = frozenset({"remove-cell", "workshop", "explore", "parameters", "injected-parameters"})
VEGALITE: Final = re.compile(r"application/vnd\.vegalite\.v\d+(\.\d+)*\+json")
# The Vega-Lite that Altair 6.3 writes for; another minor version would draw with a warning.
VEGALITE_VERSION: Final = "6.4"
# What only a notebook needs of a chart: the page has its own theme, writes the words itself, and lets the
# drawing follow its width.
NOTEBOOK_ONLY: Final = frozenset({"usermeta", "config", "title", "description", "autosize", "$schema"})
# With {ast: true} the embedder brings its own expression interpreter; the bundle's `vega` is null.
_SNIPPET: Final = "window.cxEmbed=vegaEmbed;"

_NUMBER: Final = re.compile(r"[−+–-]?\s?[\d  ,.']*\d\s?(%|pp|€|[a-zµ]{1,3})?( ?[–…-] ?[−-]?[\d.,]+\s?%?)?")
_HEX: Final = re.compile(r"#[0-9a-fA-F]{6}\b")
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


def render(
    notebooks: Sequence[NotebookNode],
    cover: Cover,
    *,
    commentary: Mapping[str, Remark] | None = None,
    foreword: Remark | None = None,
    tone: Mapping[str, str] | None = None,
) -> str:
    """Put executed notebooks together as one page that asks no host for anything.

    See :func:`write` for the parameters and for what is raised.
    """
    return framed(write(notebooks, cover, commentary=commentary, foreword=foreword, tone=tone))


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


def framed(written: Written, branding: Branding | None = None) -> str:
    """Return the whole HTML document of what was written, in a consultancy's look or the suite's own."""
    own = branding or Branding()
    cover, words, say = written.cover, written.words, written.say
    template = read_settings().template
    style = _style(template, cover, words, own)
    scripts = (vega_bundle(), _read(template, "report.js"))
    html = (
        look.templates()
        .get_template("page.html.j2")
        .render(
            cover=cover,
            words=words,
            language=say.spoken,
            untranslated="" if say.is_translated else words["untranslated"],
            foreword=written.foreword,
            date=day(cover.date, say.spoken) if cover.date else "",
            logo=own.logo.address if own.logo else "",
            line=own.line,
            contents=written.contents,
            sections=written.sections,
            style=look.as_is(style),
            scripts=[look.as_is(script) for script in scripts],
            theme=_data(theme(language=say.spoken), "the theme"),
            policy=_policy([style], scripts),
        )
    )
    # A lone surrogate or a NUL in a name would make the file unreadable long after it was checked.
    return html.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


@lru_cache(maxsize=1)
def vega_bundle() -> str:
    """Return the script that carries Vega, Vega-Lite, the embedder and its expression interpreter.

    It takes about two seconds to make, so a process makes it once.
    """
    import vl_convert

    script: str = vl_convert.javascript_bundle(_SNIPPET, vl_version=VEGALITE_VERSION)
    if re.search(r"</script|<!--|[\r\0]", script, re.IGNORECASE):
        raise ReportError("this vl-convert makes a script that cannot stand in a page")
    # The bundle declares short names at its top level; they must not become the page's.
    return "{" + script + "}"


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
        return _figure(data[chart], page, where)
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


# ---------------------------------------------------------------- charts


def _figure(spec: Mapping[str, Any], page: _Page, where: str) -> Markup:
    about = spec.get("usermeta", {}).get("cx", {})
    table = about.get("table") or {}
    missing = [name for name in ("title", "summary") if not str(about.get(name, "")).strip()]
    if missing or not table.get("columns"):
        raise ReportError(
            f"{where}: a chart without its {', '.join([*missing, *([] if table else ['table'])]) or 'table'}",
            fix="Draw it with cxlib.charts, which writes title, source, summary and table to usermeta.cx.",
        )
    _refuse_addresses(spec, where)
    page.charts += 1
    drawn = {key: value for key, value in spec.items() if key not in NOTEBOOK_ONLY}
    drawing = _page_ready({**drawn, "width": "container"}, _colour_names())
    return look.as_is(
        look.templates()
        .get_template("figure.html.j2")
        .render(
            id=page.slug(f"chart {page.charts}"),
            about=about,
            columns=[str(column) for column in table["columns"]],
            rows=[[_cell(value, page.words) for value in row] for row in table.get("rows", [])],
            numeric=_numeric_columns(table, page.words),
            spec=_data(drawing, where),
            words=page.words,
        )
    )


def _refuse_addresses(part: Any, where: str) -> None:
    if isinstance(part, Mapping):
        for key, value in part.items():
            if key in ("url", "href"):
                raise ReportError(
                    f"{where}: the chart names an address ({key}); a report loads nothing",
                    fix="Give the chart its data as values.",
                )
            if key not in ("values", "datasets"):
                _refuse_addresses(value, where)
    elif isinstance(part, list):
        for value in part:
            _refuse_addresses(value, where)


def _page_ready(part: Any, names: Mapping[str, str], key: str = "") -> Any:
    """Turn the light theme's colours into the page's variables, wherever a spec names one."""
    if isinstance(part, Mapping):
        return {
            name: value if name in ("values", "datasets") else _page_ready(value, names, name)
            for name, value in part.items()
        }
    if isinstance(part, list):
        return [_page_ready(value, names, key) for value in part]
    if not isinstance(part, str):
        return part
    if key == "title":
        # Vega-Lite quotes titles into an expression and forgets that a backslash escapes the quote.
        return part.replace("\\", "\N{SET MINUS}")
    return _HEX.sub(lambda match: names.get(match[0].lower(), match[0]), part)


def _colour_names() -> dict[str, str]:
    return {colour: f"var(--cx-{name})" for name, colour in palette("light").items()}


def _cell(value: Any, words: Mapping[str, Any]) -> tuple[str, str]:
    """Return a table cell's text and its class."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–", "num"
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".").replace("-", "−"), "num"
    text = str(value)
    if text in ("hidden", words["hidden"]):
        return text, "hidden"
    return text, "num" if _NUMBER.fullmatch(text.strip()) else ""


def _numeric_columns(table: Mapping[str, Any], words: Mapping[str, Any]) -> list[bool]:
    rows = table.get("rows", [])
    return [
        bool(rows) and all(_cell(row[place], words)[1] for row in rows if place < len(row))
        for place in range(len(table["columns"]))
    ]


def _data(value: Any, where: str) -> Markup:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise ReportError(f"{where}: the chart's data are not plain values: {error}") from error
    return look.as_is(text.replace("<", "\\u003c"))


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


# ---------------------------------------------------------------- the frame of the page


def _policy(styles: Iterable[str], scripts: Iterable[str]) -> str:
    def hashes(texts: Iterable[str]) -> str:
        digests = (hashlib.sha256(text.encode()).digest() for text in texts)
        return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)

    return (
        f"default-src 'none'; script-src {hashes(scripts)}; style-src {hashes(styles)}; "
        "img-src data:; font-src data:; base-uri 'none'; form-action 'none'"
    )


def _style(template: Path, cover: Cover, words: Mapping[str, Any], own: Branding) -> str:
    folio = " ".join(
        f"counter({part})" if place % 2 else look.css_string(part)
        for place, part in enumerate(re.split(r"\{(pages?)\}", words["page"]))
    )
    running = {
        "top-left": look.css_string(f"{_short(cover.client, 64)} · {_short(cover.wave, 32)}"),
        "top-right": look.css_string(words["draft"] if cover.is_draft else ""),
        "bottom-left": look.css_string(cover.title[:100]),
        "bottom-right": folio,
    }
    boxes = "".join(f"@{place}{{content:{content}}}" for place, content in running.items())
    light = "".join(f"--cx-{name}:{colour};" for name, colour in own.colours)
    # An accent that is read on white is not read on black; the cover is as dark in both.
    dark = "".join(f"--cx-{name}:{colour};" for name, colour in own.colours if name == "cover")
    logo = (
        ".cx-logo{float:right;margin:0;padding:.5rem;background:#fff}"
        ".cx-logo img{display:block;height:3rem}\n"
    )
    return (
        f"{look.font_faces()}\n:root{{{variables('light')}{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{variables('dark')}{dark}}}}}\n"
        f"{_read(template, 'blocks.css')}\n{_read(template, 'report.css')}\n@page{{{boxes}}}\n"
        f"{logo if own.logo else ''}"
    )


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


@lru_cache(maxsize=16)
def _read(template: Path, name: str) -> str:
    return (template / name).read_text(encoding="utf-8")
