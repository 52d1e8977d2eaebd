"""The document that every export is made from: the page's own sections, read again.

The page is written once (:mod:`cxlib.run.sections`), with its numbering, commentary and wordings; the exports
read what it wrote, so that no format can say anything that another does not. Text stays text from here on:
a format gets it as data, never as markup.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Final

from cxlib.branding import Branding
from cxlib.errors import ReportError

_UNWRITABLE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]"
)


@dataclass(frozen=True)
class Cover:
    """What stands on the first page and in the running header of every printed one.

    Attributes
    ----------
    client, wave, title : as the reader knows them; any text is safe.
    date : the day the report speaks of, if its answers are dated.
    framework : name and version of the instrument.
    run : id of the published run.
    language : language tag of the notebooks' text; words of the page itself follow it where
        `reports/template/words.json` knows it, else they are English.
    is_draft : marks the cover and every printed page.
    prepared_by : the consultancy, optional.
    asked : who was asked, a row a role: its name, how many answered, of how many; as a reader sees them.
    """

    client: str
    wave: str
    title: str
    date: dt.date | None
    framework: str
    run: str
    language: str = "en"
    is_draft: bool = True
    prepared_by: str = ""
    asked: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Span:
    """A stretch of text in one style; a line break is a `\\n` in `text`."""

    text: str
    is_bold: bool = False
    is_italic: bool = False
    is_code: bool = False
    is_small: bool = False
    link: str = ""


Text = tuple[Span, ...]


@dataclass(frozen=True)
class Heading:
    """A heading, level 1 (a section) to 4; one with a slug stands in the contents."""

    level: int
    number: str
    text: str
    slug: str = ""


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; `kind` is one of "", lead, note, said, missing, quote, code, signed."""

    text: Text
    kind: str = ""


@dataclass(frozen=True)
class Listing:
    """A list of items, each of a few blocks; `kind` is "", three (a summary's) or steps (the sequence)."""

    items: tuple[tuple[Block, ...], ...]
    is_ordered: bool = False
    kind: str = ""


@dataclass(frozen=True)
class Terms:
    """Terms with what they mean; `kind` is figures (label, large figure) or reading."""

    pairs: tuple[tuple[Text, Text], ...]
    kind: str = "reading"


@dataclass(frozen=True)
class Table:
    """A table: headings, rows of cells, which columns hold figures; `is_captioned` where all see its name."""

    caption: str
    head: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]
    numeric: tuple[bool, ...]
    is_captioned: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart: its words, its Vega-Lite specification in the page's colour names, its figures as a table."""

    title: str
    subtitle: str
    summary: str
    source: str
    spec: Mapping[str, Any]
    table: Table

    @property
    def alternative(self) -> str:
        """What is said where the picture cannot be seen."""
        return f"{self.title}. {self.summary}"


@dataclass(frozen=True)
class Box:
    """Blocks that belong together; `kind` is summary, lens, remark or empty."""

    kind: str
    blocks: tuple[Block, ...]


Block = Heading | Paragraph | Listing | Terms | Table | Chart | Box


@dataclass(frozen=True)
class Report:
    """One report, whole.

    Attributes
    ----------
    words : of the templates, in `language`, the language that the report speaks.
    date : the day it speaks of, as it writes days.
    moment : when the run was made; every file of it bears that date.
    """

    cover: Cover
    words: Mapping[str, Any]
    language: str
    moment: dt.datetime
    date: str = ""
    foreword: tuple[Block, ...] = ()
    sections: tuple[tuple[Block, ...], ...] = ()
    branding: Branding = field(default_factory=Branding)

    @property
    def is_translated(self) -> bool:
        return self.language.split("-")[0] == self.cover.language.split("-")[0]


def walk(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield every block, those in lists and boxes too, in the order of reading."""
    for block in blocks:
        yield block
        if isinstance(block, Box):
            yield from walk(block.blocks)
        elif isinstance(block, Listing):
            for item in block.items:
                yield from walk(item)


def plain(text: Text) -> str:
    """Return a text without its styles, on one line."""
    return " ".join("".join(span.text for span in text).split())


def clean(text: str) -> str:
    """Return a text without the characters that no file of XML can hold; each is shown as lost."""
    return _UNWRITABLE.sub("\ufffd", text)


# ---------------------------------------------------------------- reading


def read_blocks(section: str) -> tuple[Block, ...]:
    """Read a section of the page.

    Parameters
    ----------
    section
        A piece of a page as :mod:`cxlib.run.sections` writes it: vetted, and nested as it should be.

    Raises
    ------
    ReportError
        If it holds a tag that no export knows: better no file than one that leaves something out.
    """
    tree = _Tree()
    # A piece of text that is marked as safe gives every piece of itself as one.
    tree.feed(str(section))
    tree.close()
    return _levelled(tuple(_blocks(tree.root)))


def _levelled(blocks: tuple[Block, ...], above: int = 0) -> tuple[Block, ...]:
    """Let no heading skip a level: a screen reader's user would look for the one between."""
    found: list[Block] = []
    for block in blocks:
        if isinstance(block, Heading):
            above = min(block.level, above + 1)
            found.append(Heading(above, block.number, block.text, block.slug))
        elif isinstance(block, Box):
            found.append(Box(block.kind, _levelled(block.blocks, above)))
        else:
            found.append(block)
    return tuple(found)


@dataclass
class _Node:
    tag: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: list[_Node | str] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()

    def find(self, tag: str, kind: str = "") -> _Node | None:
        """Return the first node below of a tag, and of a class where one is named."""
        for one in self.children:
            if isinstance(one, _Node):
                if one.tag == tag and (not kind or kind in one.classes):
                    return one
                if below := one.find(tag, kind):
                    return below
        return None

    def every(self, tag: str) -> Iterator[_Node]:
        for one in self.children:
            if isinstance(one, _Node):
                if one.tag == tag:
                    yield one
                else:
                    yield from one.every(tag)


class _Tree(HTMLParser):
    """Puts together the tree of a piece of a page."""

    VOID: Final = frozenset({"br", "hr", "img", "col"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = _Node("")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = _Node(tag, {name: clean(value or "") for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in self.VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID and len(self.open) > 1:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(clean(data))


_INLINE_TAGS: Final = (
    "a abbr b bdi br code del em i img s small span strong sub summary sup time"  # of markdown, and our own
)
_INLINE: Final = frozenset(_INLINE_TAGS.split())
_HEADINGS: Final = {"h2": 1, "h3": 2, "h4": 3, "h5": 4, "h6": 4}
_BOXES: Final = {"cx-summary-page": "summary", "cx-lens": "lens", "cx-remark": "remark"}
_PARAGRAPHS: Final = {"cx-lead": "lead", "cx-note": "note", "cx-said": "said", "cx-missing": "missing"}
_LISTS: Final = {"cx-three": "three", "cx-steps": "steps"}
_FIGURES: Final = frozenset({"cx-figures", "cx-chapter-facts"})


def _blocks(node: _Node, kind: str = "") -> Iterator[Block]:
    """Yield the blocks below a node; what stands there without a tag is a paragraph of its own."""
    loose: list[_Node | str] = []
    for child in node.children:
        if isinstance(child, str) or child.tag in _INLINE:
            loose.append(child)
            continue
        yield from _loose(loose, kind)
        loose = []
        yield from _block(child, kind)
    yield from _loose(loose, kind)


def _loose(nodes: Sequence[_Node | str], kind: str) -> Iterator[Paragraph]:
    if text := _text(nodes):
        yield Paragraph(text, kind)


def _block(node: _Node, kind: str) -> Iterator[Block]:
    tag, classes = node.tag, node.classes
    named = next((_PARAGRAPHS[one] for one in classes if one in _PARAGRAPHS), kind)
    if tag in _HEADINGS:
        yield _heading(node)
    elif tag == "p":
        small = [one for one in node.children if not isinstance(one, str) or one.strip()]
        signed = kind == "" and len(small) == 1 and isinstance(small[0], _Node) and small[0].tag == "small"
        yield from _loose(node.children, "signed" if signed else named)
    elif tag == "pre":
        yield Paragraph((Span(_raw(node).strip("\n"), is_code=True),), "code")
    elif tag == "blockquote":
        yield from _blocks(node, "quote")
    elif tag in ("ul", "ol"):
        items = tuple(tuple(_blocks(one)) for one in node.every("li"))
        named_list = next((_LISTS[one] for one in classes if one in _LISTS), "")
        yield Listing(tuple(one for one in items if one), tag == "ol", named_list)
    elif tag == "dl":
        yield Terms(tuple(_pairs(node)), "figures" if _FIGURES & set(classes) else "reading")
    elif tag == "table":
        yield _table(node)
    elif tag == "figure":
        yield _chart(node)
    elif tag in ("div", "section", "aside", "details"):
        if "cx-scroll" in classes and (table := node.find("table")):
            yield _table(table, node.attributes.get("aria-label", ""))
        elif box := next((_BOXES[one] for one in classes if one in _BOXES), ""):
            yield Box(box, tuple(_blocks(node)))
        else:
            yield from _blocks(node, named)
    elif tag not in ("hr", "script", "noscript", "svg"):
        raise ReportError(
            f"the report holds <{tag}>, which no export knows how to write",
            fix="Teach cxlib/exports/document.py what it is, or leave the format out.",
        )


def _heading(node: _Node) -> Heading:
    number = node.find("span", "cx-number")
    rest = [one for one in node.children if one is not number]
    slug = node.attributes.get("id", "")
    level = _HEADINGS[node.tag] + (node.tag == "h3" and not slug)
    return Heading(level, _raw(number).strip() if number else "", plain(_text(rest)), slug)


def _pairs(node: _Node) -> Iterator[tuple[Text, Text]]:
    terms, meanings = list(node.every("dt")), list(node.every("dd"))
    for term, meaning in zip(terms, meanings, strict=True):
        yield _text(term.children), _text(meaning.children)


def _table(node: _Node, label: str = "") -> Table:
    caption = node.find("caption")
    shown = caption is not None and "cx-unseen" not in caption.classes
    rows = [[one for one in row.children if isinstance(one, _Node)] for row in node.every("tr")]
    head = node.find("thead")
    heads = rows[: len(list(head.every("tr")))] if head else []
    body = rows[len(heads) :]
    width = max((len(row) for row in rows), default=0)
    numeric = tuple(
        any("num" in row[at].classes for row in [*heads, *body] if at < len(row)) for at in range(width)
    )
    return Table(
        plain(_text(caption.children)) if caption else label,
        tuple(_text(one.children) for one in heads[-1]) if heads else (),
        tuple(tuple(_text(one.children) for one in row) + ((),) * (width - len(row)) for row in body),
        numeric,
        shown,
    )


def _chart(node: _Node) -> Chart:
    def said(tag: str, kind: str) -> str:
        found = node.find(tag, kind)
        return plain(_text(found.children)) if found else ""

    script, figures = node.find("script"), node.find("details")
    table = figures.find("table") if figures else None
    if script is None or table is None:
        raise ReportError("a chart of the page has no specification or no figures")
    return Chart(
        said("p", "cx-chart-title"),
        said("p", "cx-chart-subtitle"),
        said("p", "cx-summary"),
        said("p", "cx-source"),
        json.loads(_raw(script)),
        _table(table),
    )


def _raw(node: _Node) -> str:
    return "".join(
        one if isinstance(one, str) else "\n" if one.tag == "br" else _raw(one) for one in node.children
    )


def _text(nodes: Iterable[_Node | str]) -> Text:
    """Read text with its styles; white space counts once, as on a page."""
    spans: list[Span] = []
    _gather(nodes, Span(""), spans)
    joined: list[Span] = []
    for span in spans:
        text = span.text if span.text == "\n" else _once(span.text)
        before = joined[-1].text if joined else "\n"
        if before.endswith((" ", "\n")):
            text = text.lstrip(" ")
        if not text:
            continue
        if joined and text != "\n" and before != "\n" and _styled(joined[-1], "") == _styled(span, ""):
            joined[-1] = _styled(span, before + text)
        else:
            joined.append(_styled(span, text))
    while joined and not joined[-1].text.strip():
        joined.pop()
    if joined:
        joined[-1] = _styled(joined[-1], joined[-1].text.rstrip())
    return tuple(joined)


def _once(text: str) -> str:
    """Write ordinary white space once; spaces that do not break are kept."""
    words = text.translate({ord(char): " " for char in "\t\n\r\f"}).split(" ")
    kept = " ".join(word for word in words if word)
    return f"{' ' * (words[0] == '' and bool(kept))}{kept}{' ' * (words[-1] == '')}"


def _gather(nodes: Iterable[_Node | str], style: Span, spans: list[Span]) -> None:
    for node in nodes:
        if isinstance(node, str):
            spans.append(_styled(style, node))
        elif node.tag == "br":
            spans.append(Span("\n"))
        elif node.tag == "img":
            spans.append(_styled(style, node.attributes.get("alt", "")))
        elif "cx-unseen" not in node.classes:
            if "cx-step-state" in node.classes:
                spans.append(Span(" · "))
            elif node.tag == "small" and spans:
                spans.append(Span("\n"))
            _gather(node.children, _under(node, style), spans)


def _under(node: _Node, style: Span) -> Span:
    return Span(
        "",
        style.is_bold or node.tag in ("b", "strong", "th"),
        style.is_italic or node.tag in ("i", "em") or "hidden" in node.classes,
        style.is_code or node.tag == "code",
        style.is_small or node.tag == "small" or "cx-step-state" in node.classes,
        node.attributes.get("href", "") if node.tag == "a" else style.link,
    )


def _styled(style: Span, text: str) -> Span:
    return Span(text, style.is_bold, style.is_italic, style.is_code, style.is_small, style.link)
