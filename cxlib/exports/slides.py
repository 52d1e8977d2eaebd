"""The summary as slides: what the first pages of a report say, as text, tables and pictures to edit.

A slide for each part of the summary page, and one for each chart, each row of figures and each short table
of the pages that follow it up to the first numbered chapter.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any, Final

from cxlib.exports.archive import dated, drop_thumbnail
from cxlib.exports.document import (
    Block,
    Box,
    Chart,
    Heading,
    Listing,
    Paragraph,
    Report,
    Span,
    Table,
    Terms,
    Text,
    plain,
)
from cxlib.exports.drawing import colours_of, logo_picture, picture

# Inches: a slide of 16 to 9, and what stands on it.
WIDTH, HEIGHT, MARGIN = 13.333, 7.5, 0.6
TOP, BOTTOM = 1.65, 6.85
# A table with more than that is for reading, not for showing.
MOST_ROWS, MOST_COLUMNS = 12, 9
# The share of a slide's width below which a chart has its words beside it.
BESIDE = 0.66
# PowerPoint's table style without rules and colours; the rules are the cells' own.
_PLAIN: Final = "{2D5ABB26-0587-4C30-8999-92F81FD0307C}"


def to_pptx(report: Report) -> bytes:
    """Write the summary pages of a report as a PowerPoint file: titles, text, tables, pictures, numbers."""
    deck = _Deck(report)
    deck.cover()
    for title, parts in _shown(report):
        deck.slide(title, parts)
    return deck.saved()


def _shown(report: Report) -> Iterator[tuple[str, list[Block]]]:
    """Yield each slide: its title and what stands on it."""
    for section in report.sections:
        opening = section[0]
        if isinstance(opening, Heading) and opening.number:
            return
        title = ""
        for block in section:
            if isinstance(block, Heading):
                title = block.text
            elif isinstance(block, Box) and block.kind == "summary":
                yield from _parts(block)
            elif isinstance(block, Chart):
                yield block.title, [block]
            elif (isinstance(block, Terms) and block.kind == "figures") or (
                isinstance(block, Table)
                and 0 < len(block.rows) <= MOST_ROWS
                and len(block.head) <= MOST_COLUMNS
            ):
                yield title, [block]


def _parts(box: Box) -> Iterator[tuple[str, list[Block]]]:
    title = ""
    parts: list[Block] = []
    for block in box.blocks:
        if isinstance(block, Heading):
            if parts:
                yield title, parts
            title, parts = block.text, []
        else:
            parts.append(block)
    if parts:
        yield title, parts


class _Deck:
    """A presentation that is being written."""

    def __init__(self, report: Report) -> None:
        from pptx import Presentation
        from pptx.util import Inches

        self.report, self.colours = report, colours_of(report.branding)
        self.deck: Any = Presentation()
        drop_thumbnail(self.deck.part.package._rels)
        self.deck.slide_width, self.deck.slide_height = Inches(WIDTH), Inches(HEIGHT)
        cover, core = report.cover, self.deck.core_properties
        core.title = f"{cover.client} – {cover.title} – {cover.wave}"[:255]
        core.author = core.last_modified_by = report.branding.name[:255]
        core.subject, core.keywords, core.language = cover.framework, cover.run, report.language
        core.created = core.modified = report.moment.replace(tzinfo=None)
        core.revision = 1

    def saved(self) -> bytes:
        whole = BytesIO()
        self.deck.save(whole)
        return dated(whole.getvalue(), self.report.moment)

    # ── Slides ──────────────────────────────────────────────────────────────────────────────────

    def cover(self) -> None:
        report, cover, words = self.report, self.report.cover, self.report.words
        page = self.deck.slides.add_slide(self.deck.slide_layouts[0])
        fill = page.background.fill
        fill.solid()
        fill.fore_color.rgb = self.colour("cover")
        title, below = page.shapes.title, page.placeholders[1]
        self.place(title, MARGIN, 2.3, WIDTH - 2 * MARGIN, 1.9)
        size = 44 if len(cover.title) <= 60 else 28 if len(cover.title) <= 160 else 16
        self.write(title, [[Span(cover.title[:400])]], size, "oncover", serif=True)
        self.place(below, MARGIN, 4.4, WIDTH - 2 * MARGIN, 1.8)
        lines = [cover.client[:200], " · ".join(one for one in (cover.wave[:100], report.date) if one)]
        beside = (
            "" if report.is_translated else words["untranslated"],
            cover.prepared_by,
            report.branding.line,
        )
        lines += [one for one in beside if one]
        self.write(below, [[Span(one)] for one in lines], 18, "quiet")
        state = words["draft_long"] if cover.is_draft else words["published"]
        self.text(page, MARGIN, 0.5, 8, 0.5, [[Span(state)]], 14, "amber" if cover.is_draft else "oncover")
        if logo := logo_picture(report):
            shape = page.shapes.add_picture(BytesIO(logo), 0, 0, height=self.inches(0.8))
            shape.left, shape.top = self.inches(WIDTH - MARGIN) - shape.width, self.inches(0.45)
            self.alternative(shape, report.branding.name)

    def slide(self, title: str, parts: Sequence[Block]) -> None:
        page = self.deck.slides.add_slide(self.deck.slide_layouts[5])
        self.place(page.shapes.title, MARGIN, 0.45, WIDTH - 2 * MARGIN, 1.1)
        size = 28 if len(title) <= 60 else 24 if len(title) <= 110 else 18
        self.write(page.shapes.title, [[Span(title)]], size, "ink", serif=True)
        texts: list[Text] = []
        for part in parts:
            match part:
                case Chart():
                    self.chart(page, part)
                case Table():
                    self.table(page, part)
                case Terms():
                    self.figures(page, part)
                case Listing():
                    self.listing(page, part)
                case Paragraph():
                    texts.append(part.text)
        if texts:
            large = [one if place else tuple(_large(one)) for place, one in enumerate(texts)]
            self.text(page, MARGIN, TOP + 0.2, WIDTH - 2 * MARGIN, 4.5, large, 24, "ink", gap=18)
        self.foot(page)

    def foot(self, page: Any) -> None:
        cover = self.report.cover
        said = [cover.client[:64], cover.wave[:32]]
        if cover.is_draft:
            said.append(self.report.words["draft"])
        self.text(page, MARGIN, 6.98, 10, 0.35, [[Span(" · ".join(said))]], 10, "muted")
        holder = self.text(page, WIDTH - MARGIN - 1, 6.98, 1, 0.35, [[Span("")]], 10, "muted", right=True)
        paragraph = holder.text_frame.paragraphs[0]._p
        from pptx.oxml import parse_xml
        from pptx.oxml.ns import nsdecls

        for run in list(paragraph):
            if run.tag.endswith("}r"):
                paragraph.remove(run)
        colour = self.colours["muted"][1:].upper()
        paragraph.append(parse_xml(
            f'<a:fld {nsdecls("a")} id="{{B6F15528-21DE-4FAA-801E-634DDDAF4B2B}}" type="slidenum">'
            f'<a:rPr lang="en" sz="1000"><a:solidFill><a:srgbClr val="{colour}"/></a:solidFill></a:rPr>'
            f"<a:t>{len(self.deck.slides)}</a:t></a:fld>"
        ))  # fmt: skip

    # ── What stands on them ─────────────────────────────────────────────────────────────────────

    def chart(self, page: Any, chart: Chart) -> None:
        data = picture(chart, self.report)
        if not data:
            self.table(page, replace(chart.table, rows=chart.table.rows[:MOST_ROWS]))
            return
        width, height = struct.unpack(">II", data[16:24])
        room, high = WIDTH - 2 * MARGIN, BOTTOM - TOP - 0.35
        scale = min(room / width, (high - 0.8) / height)
        # A tall one takes the whole height, and its words stand where nothing else would.
        if is_tall := width * scale < BESIDE * room:
            scale = min(BESIDE * room / width, high / height)
        if chart.subtitle:
            self.text(page, MARGIN, TOP - 0.15, room, 0.4, [[Span(chart.subtitle)]], 12, "muted")
        shape = page.shapes.add_picture(
            BytesIO(data), self.inches(MARGIN), self.inches(TOP + 0.3), self.inches(width * scale)
        )
        self.alternative(shape, chart.alternative)
        said = [[Span(chart.summary)], *([[Span(chart.source, is_small=True)]] if chart.source else [])]
        if is_tall:
            left = MARGIN + width * scale + 0.4
            self.text(page, left, TOP + 0.3, WIDTH - MARGIN - left, high, said, 14, "ink")
        else:
            self.text(page, MARGIN, BOTTOM - 0.8, room, 0.8, said, 12, "ink")

    def table(self, page: Any, table: Table) -> None:
        from pptx.enum.text import MSO_ANCHOR

        room = WIDTH - 2 * MARGIN
        rows, columns = len(table.rows) + 1, len(table.head)
        high = min(0.5, (BOTTOM - TOP) / rows)
        size = 14 if rows <= 9 and columns <= 6 else 12 if columns <= 7 else 11
        frame = page.shapes.add_table(
            rows, columns, self.inches(MARGIN), self.inches(TOP), self.inches(room), self.inches(high * rows)
        )
        self.alternative(frame, table.caption)
        grid = frame.table
        grid._tbl.tblPr.find("{*}tableStyleId").text = _PLAIN
        grid.horz_banding = False
        longest = [max(len(plain(row[at])) for row in (table.head, *table.rows)) for at in range(columns)]
        weights = [max(6.0, min(one, 40) ** 0.9) for one in longest]
        for at, weight in enumerate(weights):
            grid.columns[at].width = self.inches(room * weight / sum(weights))
        for down, row in enumerate((table.head, *table.rows)):
            for across, text in enumerate(row):
                cell = grid.cell(down, across)
                cell.margin_top = cell.margin_bottom = self.inches(0.03)
                self.write(cell, [text], size, "paper" if down == 0 else "ink", bold=down == 0,
                           right=table.numeric[across])  # fmt: skip
                cell.vertical_anchor = MSO_ANCHOR.MIDDLE
                _ruled(cell, self.colours["rule"])
                if down == 0:
                    cell.fill.solid()
                    cell.fill.fore_color.rgb = self.colour("accent")

    def figures(self, page: Any, terms: Terms) -> None:
        room = (WIDTH - 2 * MARGIN) / max(1, len(terms.pairs))
        for at, (name, value) in enumerate(terms.pairs):
            large = [span for span in value if not span.is_small]
            below = [Span(plain(tuple(span for span in value if span.is_small)), is_small=True)]
            size = 40 if len(plain(tuple(large))) < 9 else 22
            left = MARGIN + at * room
            self.text(page, left, TOP + 0.6, room - 0.2, 0.5, [name], 14, "muted")
            self.text(page, left, TOP + 1.1, room - 0.2, 1.2, [large], size, "accent", serif=True)
            self.text(page, left, TOP + 2.3, room - 0.2, 1, [below], 16, "muted")

    def listing(self, page: Any, listing: Listing) -> None:
        high = (BOTTOM - TOP) / max(3, len(listing.items))
        for at, item in enumerate(listing.items):
            top = TOP + 0.15 + at * high
            texts = [one.text for one in item if isinstance(one, Paragraph)]
            self.text(page, MARGIN, top, 0.6, 0.7, [[Span(str(at + 1))]], 30, "accent", serif=True)
            self.text(page, MARGIN + 0.7, top + 0.06, WIDTH - 2 * MARGIN - 0.7, high - 0.2, texts, 20, "ink")

    # ── Text ────────────────────────────────────────────────────────────────────────────────────

    def inches(self, value: float) -> int:
        return round(value * 914_400)

    def colour(self, name: str) -> Any:
        from pptx.dml.color import RGBColor

        colour = self.colours[name]
        return RGBColor(*(int(colour[at : at + 2], 16) for at in (1, 3, 5)))

    def place(self, shape: Any, left: float, top: float, width: float, height: float) -> None:
        shape.left, shape.top = self.inches(left), self.inches(top)
        shape.width, shape.height = self.inches(width), self.inches(height)

    def text(
        self, page: Any, left: float, top: float, width: float, height: float,
        lines: Sequence[Sequence[Span]], size: float, colour: str, **more: Any,
    ) -> Any:  # fmt: skip
        box = page.shapes.add_textbox(*map(self.inches, (left, top, width, height)))
        self.write(box, lines, size, colour, **more)
        return box

    def write(
        self, shape: Any, lines: Sequence[Sequence[Span]], size: float, colour: str, *,
        serif: bool = False, bold: bool = False, right: bool = False, gap: float = 0,
    ) -> None:  # fmt: skip
        from pptx.enum.text import MSO_ANCHOR, MSO_AUTO_SIZE, PP_ALIGN
        from pptx.util import Pt

        frame = shape.text_frame
        frame.word_wrap = True
        if hasattr(frame, "auto_size") and not hasattr(shape, "merge"):
            frame.auto_size = MSO_AUTO_SIZE.NONE
            frame.vertical_anchor = MSO_ANCHOR.TOP
            frame.margin_left = frame.margin_right = 0
        for place, spans in enumerate(lines):
            paragraph = frame.paragraphs[0] if not place else frame.add_paragraph()
            paragraph.alignment = PP_ALIGN.RIGHT if right else PP_ALIGN.LEFT
            if gap:
                paragraph.space_after = Pt(gap)
            for span in spans:
                for at, part in enumerate(span.text.split("\n")):
                    if at:
                        paragraph.add_line_break()
                    if not part:
                        continue
                    run = paragraph.add_run()
                    run.text = part.replace("\t", " ")
                    font = run.font
                    font.size = Pt(round(size * (0.75 if span.is_small else 1)))
                    font.bold, font.italic = bold or span.is_bold or None, span.is_italic or None
                    font.color.rgb = self.colour("muted" if span.is_small else colour)
                    font.name = "Cambria" if serif else "Calibri"

    def alternative(self, shape: Any, text: str) -> None:
        shape._element.xpath(".//p:cNvPr")[0].set("descr", text[:2000])


def _ruled(cell: Any, colour: str) -> None:
    """Draw a thin rule below a cell."""
    from pptx.oxml import parse_xml
    from pptx.oxml.ns import nsdecls

    about = cell._tc.get_or_add_tcPr()
    about.insert(0, parse_xml(
        f'<a:lnB {nsdecls("a")} w="6350"><a:solidFill><a:srgbClr val="{colour[1:].upper()}"/></a:solidFill>'
        "</a:lnB>"
    ))  # fmt: skip


def _large(text: Text) -> Iterator[Span]:
    for span in text:
        yield Span(span.text, True, span.is_italic, span.is_code, span.is_small, span.link)
