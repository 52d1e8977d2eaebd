"""Pieces of Word's own XML, built element by element: text is always a node, never markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from cxlib.exports.document import Span, Text

_LINK: Final = re.compile(r"(https?:|mailto:)", re.IGNORECASE)
_EMU_A_TWIP: Final = 635


@dataclass
class Marks:
    """What has to be unique in one document: bookmarks and pictures."""

    bookmarks: dict[str, str] = field(default_factory=dict)
    drawn: int = 0

    def name(self, slug: str) -> str:
        """Return a bookmark's name: Word knows letters, digits and _, at most 40."""
        return self.bookmarks.setdefault(slug, f"_cx{len(self.bookmarks) + 1}")


def element(tag: str, children: Iterable[Any] = (), **attributes: str) -> Any:
    """Build an element; attributes go by their names without the prefix."""
    from docx.oxml.parser import oxml_parser

    # Not docx's own OxmlElement, which works out names and namespaces anew for each of 70,000.
    made = oxml_parser.makeelement(
        _name(tag), {_name(name.rstrip("_")): value for name, value in attributes.items()}, nsmap=_names()
    )
    made.extend(children)
    return made


@cache
def _name(tag: str) -> str:
    from docx.oxml.ns import qn

    return str(qn(f"w:{tag}"))


@cache
def _names() -> dict[str, str]:
    from docx.oxml.ns import nsmap

    return {"w": nsmap["w"]}


def runs(text: Iterable[Span], *, size: int = 0, bold: bool = False) -> list[Any]:
    """Write spans as runs; `size` in half points."""
    made = []
    for span in text:
        look = [
            *([element("b")] if span.is_bold or bold else []),
            *([element("i")] if span.is_italic else []),
            *([element("rFonts", ascii="Consolas", hAnsi="Consolas")] if span.is_code else []),
        ]
        look.sort(key=lambda one: not one.tag.endswith("}rFonts"))
        if span.is_small:
            look.append(element("color", val="55636A"))
        if size or span.is_small:
            half = min(round((size or 19) * 0.85), 17) if span.is_small else size
            look.append(element("sz", val=str(half)))
        content: list[Any] = []
        for place, line in enumerate(span.text.split("\n")):
            if place:
                content.append(element("br"))
            for at, piece in enumerate(line.split("\t")):
                if at:
                    content.append(element("tab"))
                if piece:
                    content.append(_text(piece))
        made.append(element("r", [*([element("rPr", look)] if look else []), *content]))
    return made


def _text(text: str) -> Any:
    made = element("t")
    made.text = text
    made.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
    return made


def paragraph(
    text: Sequence[Span],
    style: str,
    *,
    keep: bool = False,
    page_break: bool = False,
    tab: int = 0,
    marks: Marks | None = None,
    document: Any = None,
    size: int = 0,
    bold: bool = False,
    right: bool = False,
    in_cell: bool = False,
) -> Any:
    """Build a paragraph; `tab` is the place of a right tab stop in EMU."""
    about = [element("pStyle", val=style)] if style else []
    if keep:
        about.append(element("keepNext"))
    if page_break:
        about.append(element("pageBreakBefore"))
    if tab:
        # The style's own stops are for another page.
        stops = [element("tab", val="clear", pos=pos) for pos in ("4680", "9360", "4320", "8640")]
        about.append(element("tabs", [*stops, element("tab", val="right", pos=str(tab // _EMU_A_TWIP))]))
    if in_cell:
        about.append(element("spacing", before="20", after="20"))
    if right:
        about.append(element("jc", val="right"))
    made = element("p", [element("pPr", about)])
    for span in text:
        written = runs([span], size=size, bold=bold)
        if document is not None and _LINK.match(span.link):
            made.append(_linked(span.link, written, document))
        else:
            made.extend(written)
    return made


def _linked(address: str, written: list[Any], document: Any) -> Any:
    from docx.opc.constants import RELATIONSHIP_TYPE
    from docx.oxml.ns import qn

    made = element("hyperlink", written)
    made.set(qn("r:id"), document.part.relate_to(address, RELATIONSHIP_TYPE.HYPERLINK, is_external=True))
    return made


def bookmarked(made: Any, slug: str, marks: Marks) -> Any:
    """Put a bookmark around a paragraph's text."""
    name = marks.name(slug)
    number = name.removeprefix("_cx")
    made.insert(1, element("bookmarkStart", id=number, name=name))
    made.append(element("bookmarkEnd", id=number))
    return made


def field_run(instruction: str) -> list[Any]:
    """Write a field that Word works out, such as PAGE."""
    text = element("instrText")
    text.text = f" {instruction} "
    parts = [element("fldChar", fldCharType="begin"), text, element("fldChar", fldCharType="separate"),
             _text("1"), element("fldChar", fldCharType="end")]  # fmt: skip
    return [element("r", [one]) for one in parts]


def contents_field(
    entries: Sequence[tuple[int, str, str]], first: str, second: str, marks: Marks
) -> list[Any]:
    """Write the contents as a field, filled already: links, to which Word adds the pages."""
    text = element("instrText")
    text.text = ' TOC \\o "1-2" \\h \\z \\u '
    text.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
    begin = element("fldChar", fldCharType="begin", dirty="true")
    opening = [element("r", [one]) for one in (begin, text, element("fldChar", fldCharType="separate"))]
    made = []
    for level, shown, slug in entries:
        line = paragraph([], first if level == 1 else second)
        line.extend(opening)
        opening = []
        line.append(element("hyperlink", runs([Span(shown)]), anchor=marks.name(slug), history="1"))
        made.append(line)
    closing = element("p", [element("r", [element("fldChar", fldCharType="end")])])
    if opening:
        closing = element("p", [*opening, element("r", [element("fldChar", fldCharType="end")])])
    return [*made, closing]


def table_of(
    head: Sequence[Text],
    rows: Sequence[Sequence[Text]],
    numeric: Sequence[bool],
    weights: Sequence[float],
    width: int,
    style: str,
    *,
    caption: str = "",
    large: bool = False,
) -> Any:
    """Build a table that fits the page, with a header row that repeats."""
    total = width // _EMU_A_TWIP
    columns = [int(total * one / sum(weights)) for one in weights] or [total]
    size = 17 if len(columns) <= 6 else 15 if len(columns) <= 9 else 12
    if large:
        size = 18
    about = [
        *([element("tblStyle", val=style)] if style else []),
        element("tblW", w=str(sum(columns)), type="dxa"),
        element("tblLayout", type="fixed"),
        element("tblLook", val="0420", firstRow="1", lastRow="0", firstColumn="0", lastColumn="0",
                noHBand="0", noVBand="1"),
        *([element("tblCaption", val=caption[:250])] if caption else []),
    ]  # fmt: skip
    made = element("tbl", [
        element("tblPr", about),
        element("tblGrid", [element("gridCol", w=str(one)) for one in columns]),
    ])  # fmt: skip
    if head:
        made.append(_row(head, columns, numeric, size if not large else 16, is_head=True))
    for row in rows:
        made.append(_row(row, columns, numeric, size if not large else 30))
    return made


def _row(
    cells: Sequence[Text],
    columns: Sequence[int],
    numeric: Sequence[bool],
    size: int,
    *,
    is_head: bool = False,
) -> Any:
    about = [element("cantSplit"), *([element("tblHeader")] if is_head else [])]
    made = element("tr", [element("trPr", about)])
    for text, width, is_number in zip(cells, columns, numeric, strict=False):
        holder = element("tcPr", [element("tcW", w=str(width), type="dxa")])
        written = paragraph(text, "", size=size, bold=is_head, right=is_number, in_cell=True)
        made.append(element("tc", [holder, written]))
    return made
