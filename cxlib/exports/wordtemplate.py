"""The default Word template, made from the suite's own look: `python -m cxlib.exports.wordtemplate`.

It is kept as a file, `reports/template/word/report.docx`, so that a consultancy can open it, change it and
name its own; this module only says how it came about, and a test holds that both agree.
"""

from __future__ import annotations

import datetime as dt
from io import BytesIO
from typing import Any, Final

from cxlib import look
from cxlib.exports.archive import dated, drop_thumbnail
from cxlib.exports.wordxml import element
from cxlib.settings import read_settings

TEXT, DISPLAY = "Calibri", "Cambria"
MADE: Final = dt.datetime(2026, 1, 1)
# Style: what it is based on, size in points, bold, colour, space before and after in points.
STYLES: Final[dict[str, tuple[str, float, bool, str, float, float]]] = {
    "Normal": ("", 10, False, "ink", 0, 4),
    "Body Text": ("Normal", 10, False, "ink", 0, 6),
    "Title": ("Normal", 32, True, "accent", 6, 30),
    "Subtitle": ("Normal", 15, False, "muted", 150, 0),
    "Heading 1": ("Normal", 22, True, "accent", 0, 8),
    "Heading 2": ("Normal", 15, True, "ink", 20, 5),
    "Heading 3": ("Normal", 12, True, "ink", 14, 4),
    "Heading 4": ("Normal", 10.5, True, "muted", 10, 3),
    "TOC Heading": ("Normal", 22, True, "accent", 0, 10),
    "TOC 1": ("Normal", 10, True, "ink", 3, 0),
    "TOC 2": ("Normal", 9.5, False, "ink", 0, 0),
    "Caption": ("Normal", 11, True, "ink", 12, 2),
    "Quote": ("Normal", 10, False, "muted", 4, 6),
    "List Bullet": ("Normal", 10, False, "ink", 0, 3),
    "List Continue": ("Normal", 10, False, "ink", 0, 3),
    "Header": ("Normal", 8, False, "muted", 0, 0),
    "Footer": ("Normal", 8, False, "muted", 0, 0),
    "CX State": ("Normal", 10, True, "draft", 0, 0),
    "CX Fact": ("Normal", 10, False, "ink", 0, 2),
    "CX Lead": ("Normal", 15, False, "ink", 4, 6),
    "CX Note": ("Normal", 8.5, False, "muted", 0, 6),
    "CX Number": ("Normal", 10, False, "ink", 0, 4),
    "CX Code": ("Normal", 9, False, "ink", 4, 6),
    "CX Gap": ("Normal", 4, False, "ink", 0, 4),
}
DISPLAYED: Final = frozenset({"Title", "Heading 1", "Heading 2", "Heading 3", "TOC Heading", "CX Lead"})
KEPT: Final = frozenset({"Heading 1", "Heading 2", "Heading 3", "Heading 4", "Caption", "TOC Heading"})


def template() -> bytes:
    """Return the default template."""
    import docx
    from docx.enum.style import WD_STYLE_TYPE
    from docx.shared import Mm, Pt, RGBColor

    document, colours = docx.Document(), look.palette("light")
    drop_thumbnail(document.part.package.rels)
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin = section.right_margin = Mm(20)
    section.top_margin, section.bottom_margin = Mm(25), Mm(22)
    styles = document.styles
    known = {style.name for style in styles}
    for name, (base, size, is_bold, colour, before, after) in STYLES.items():
        style = styles[name] if name in known else styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
        style.base_style = styles[base] if base else None
        font, space = style.font, style.paragraph_format
        _named(style, DISPLAY if name in DISPLAYED else TEXT)
        font.size, font.bold, font.italic = Pt(size), is_bold, False
        font.color.rgb = RGBColor.from_string(colours[colour][1:].upper())
        space.space_before, space.space_after = Pt(before), Pt(after)
        space.keep_with_next = name in KEPT
        # What Word's own styles bring besides: rules below titles, letters set apart.
        for extra in [*style.element.findall(".//{*}pBdr"), *style.element.findall("{*}rPr/{*}spacing")]:
            extra.getparent().remove(extra)
    styles["TOC 2"].paragraph_format.left_indent = Mm(8)
    styles["CX Number"].paragraph_format.left_indent = Mm(6)
    styles["CX Number"].paragraph_format.first_line_indent = Mm(-6)
    styles["Quote"].paragraph_format.left_indent = Mm(6)
    _table_style(styles, colours)
    core = document.core_properties
    core.title, core.author, core.comments = "Report template", "", ""
    core.created = core.modified = MADE
    whole = BytesIO()
    document.save(whole)
    return dated(whole.getvalue(), MADE)


def _named(style: Any, font: str) -> None:
    from docx.oxml.ns import qn

    style.font.name = font
    fonts = style.element.rPr.rFonts
    for kind in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{kind}"), None)
    for kind in ("eastAsia", "cs"):
        fonts.set(qn(f"w:{kind}"), font)


def _table_style(styles: Any, colours: dict[str, str]) -> None:
    """Add the look of tables: thin rules between rows, a heavier one below the headings."""
    from docx.enum.style import WD_STYLE_TYPE

    def rule(side: str, size: int, colour: str) -> Any:
        return element(side, val="single", sz=str(size), space="0", color=colours[colour][1:].upper())

    style = styles.add_style("CX Table", WD_STYLE_TYPE.TABLE)
    style.element.extend([
        element("pPr", [element("spacing", before="20", after="20", line="240", lineRule="auto")]),
        element("tblPr", [
            element("tblBorders", [
                rule("top", 6, "ink"), rule("bottom", 4, "rule"), rule("insideH", 4, "rule"),
            ]),
            element("tblCellMar", [
                element("top", w="30", type="dxa"), element("left", w="60", type="dxa"),
                element("bottom", w="30", type="dxa"), element("right", w="60", type="dxa"),
            ]),
        ]),
        element("tblStylePr", [
            element("rPr", [element("b"), element("color", val=colours["muted"][1:].upper())]),
            element("tcPr", [element("tcBorders", [rule("bottom", 8, "ink")])]),
        ], type="firstRow"),
    ])  # fmt: skip


if __name__ == "__main__":
    path = read_settings().template / "word" / "report.docx"
    path.write_bytes(template())
