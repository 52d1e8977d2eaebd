"""The report as a Word document that can be edited: real headings, tables, pictures, a contents field.

It is written on a template, `reports/template/word/report.docx` or a consultancy's own: page, margins,
header and the look of each style come from there. `reports/template/word/README.md` names the styles.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from cxlib.errors import ReportError
from cxlib.exports.archive import dated
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
    plain,
)
from cxlib.exports.drawing import logo_picture, picture
from cxlib.exports.wordxml import Marks, bookmarked, contents_field, field_run, paragraph, runs, table_of
from cxlib.settings import read_settings

if TYPE_CHECKING:
    from docx.document import Document

_EMU_A_MM: Final = 36_000
# No heading of the page has this name: theirs are letters, digits and single hyphens.
FOREWORD: Final = "cx--foreword"
STYLES: Final = {
    "": "Body Text", "lead": "CX Lead", "note": "CX Note", "said": "Body Text", "missing": "CX Note",
    "quote": "Quote", "code": "CX Code", "signed": "CX Note",
}  # fmt: skip


def to_docx(report: Report) -> bytes:
    """Write a report as a Word document.

    Raises
    ------
    ReportError
        If the consultancy's template cannot be opened, or lacks Word's own styles.
    """
    document = _opened(report)
    writer = _Writer(document, report)
    _about(document, report)
    _header_and_footer(document, report)
    writer.cover()
    writer.contents()
    if report.foreword:
        (box,) = report.foreword
        writer.blocks([Heading(1, "", report.words["foreword"], FOREWORD), *_inside(box)])
    for section in report.sections:
        writer.blocks(section)
    whole = BytesIO()
    document.save(whole)
    return dated(whole.getvalue(), report.moment)


def _opened(report: Report) -> Document:
    import docx

    own = report.branding.word_template
    source = own or (read_settings().template / "word" / "report.docx").read_bytes()
    try:
        document = docx.Document(BytesIO(source))
    except Exception as error:
        # The library lets through whatever its archive and XML readers raise.
        raise ReportError(
            f"the Word template cannot be opened: {type(error).__name__}",
            fix="Save it in Word as .docx, and name it in branding.yaml.",
        ) from error
    if own is None:
        _coloured(document, dict(report.branding.colours))
    body = document.element.body
    for child in list(body):
        if not child.tag.endswith("}sectPr"):
            body.remove(child)
    return document


def _coloured(document: Document, colours: Mapping[str, str]) -> None:
    """Give our own template a consultancy's accent; a template of theirs has its colours."""
    from docx.shared import RGBColor

    if accent := colours.get("accent"):
        for name in ("Title", "Heading 1", "TOC Heading"):
            document.styles[name].font.color.rgb = RGBColor.from_string(accent[1:].upper())


def _about(document: Document, report: Report) -> None:
    cover, core = report.cover, document.core_properties
    core.title = f"{cover.client} – {cover.title} – {cover.wave}"[:255]
    core.author = core.last_modified_by = report.branding.name[:255]
    core.subject, core.keywords, core.language = cover.framework, cover.run, report.language
    core.comments = report.words["draft_long"] if cover.is_draft else report.words["published"]
    core.created = core.modified = report.moment.replace(tzinfo=None)
    core.revision = 1


def _header_and_footer(document: Document, report: Report) -> None:
    cover, words, section = report.cover, report.words, document.sections[0]
    section.different_first_page_header_footer = True
    width = _room(document)
    top = paragraph([Span(f"{cover.client[:64]} · {cover.wave[:32]}")], "Header", tab=width)
    if cover.is_draft:
        top.extend(runs([Span("\t"), Span(words["draft"], is_bold=True)]))
    _put(section.header, top)
    before, _, rest = words["page"].partition("{page}")
    between, _, after = rest.partition("{pages}")
    foot = paragraph([Span(f"{cover.title[:90]}\t{before}")], "Footer", tab=width)
    for part in (field_run("PAGE"), runs([Span(between)]), field_run("NUMPAGES"), runs([Span(after)])):
        foot.extend(part)
    _put(section.footer, foot)


def _room(document: Document) -> int:
    """Return the width of the text in EMU; where the template's page has no size, an A4 page's."""
    section = document.sections[0]
    across = section.page_width or 210 * _EMU_A_MM
    return int(across - (section.left_margin or 0) - (section.right_margin or 0))


def _put(place: Any, element: Any) -> None:
    place.is_linked_to_previous = False
    for old in list(place._element):
        place._element.remove(old)
    place._element.append(element)


def _inside(box: Block) -> list[Block]:
    inner = box.blocks if isinstance(box, Box) else (box,)
    return [one for place, one in enumerate(inner) if place or not isinstance(one, Heading)]


class _Writer:
    """Writes blocks one after the other at the end of a document."""

    def __init__(self, document: Document, report: Report) -> None:
        self.document, self.report = document, report
        self.marks = Marks()
        self.width = _room(document)
        # Word itself writes some names small: toc 1.
        self.known = {str(style.name).lower(): str(style.style_id) for style in document.styles}
        for name in ("Heading 1", "Heading 2", "Heading 3"):
            if name.lower() not in self.known:
                raise ReportError(
                    f"the Word template has no style {name!r}",
                    fix="Begin from reports/template/word/report.docx, which has every style.",
                )

    def style(self, *names: str) -> str:
        """Return the id of the first style that the template has, else Word's Normal."""
        return next((self.known[one.lower()] for one in (*names, "Normal") if one.lower() in self.known), "")

    def put(self, element: Any) -> None:
        self.document.element.body.insert(len(self.document.element.body) - 1, element)

    def say(self, text: Sequence[Span], style: str, **more: Any) -> None:
        self.put(paragraph(text, self.style(style), marks=self.marks, document=self.document, **more))

    # ── Parts ───────────────────────────────────────────────────────────────────────────────────

    def cover(self) -> None:
        report, cover, words = self.report, self.report.cover, self.report.words
        if logo := logo_picture(report):
            self.picture(logo, report.branding.name, height=1.6)
        self.say([Span(words["draft_long"] if cover.is_draft else words["published"])], "CX State")
        self.say([Span(cover.client)], "Subtitle")
        self.say([Span(cover.title)], "Title")
        facts = [
            (words["wave"], cover.wave), *([(words["date"], report.date)] if report.date else []),
            (words["framework"], cover.framework), (words["run"], cover.run),
        ]  # fmt: skip
        for name, value in facts:
            self.say([Span(f"{name}: ", is_bold=True), Span(value)], "CX Fact")
        if cover.asked:
            self.say([Span(words["asked"], is_bold=True)], "CX Fact")
        for name, n, of in cover.asked:
            self.say([Span(" ".join((f"{name}:", n, *((words["of"], of) if of else ()))))], "CX Fact")
        beside = (
            "" if report.is_translated else words["untranslated"],
            cover.prepared_by,
            report.branding.line,
        )
        for one in beside:
            if one:
                self.say([Span(one)], "CX Note")

    def contents(self) -> None:
        self.say([Span(self.report.words["contents"])], "TOC Heading", page_break=True)
        foreword = [(1, self.report.words["foreword"], f"s-{FOREWORD}")] if self.report.foreword else []
        entries = foreword + [
            (one.level, f"{one.number} {one.text}".strip(), f"s-{one.slug}")
            for section in self.report.sections
            for one in section
            if isinstance(one, Heading) and one.slug and one.level <= 2
        ]
        for element in contents_field(entries, self.style("TOC 1"), self.style("TOC 2"), self.marks):
            self.put(element)

    def blocks(self, blocks: Iterable[Block]) -> None:
        found = list(blocks)
        for one, after in zip_longest(found, found[1:]):
            # What introduces a chart or a table stays with it.
            self.block(one, keep=isinstance(after, Chart | Table | Terms))

    def block(self, one: Block, *, keep: bool = False) -> None:
        match one:
            case Heading():
                text = [Span(f"{one.number}\u2002{one.text}" if one.number else one.text)]
                made = paragraph(text, self.style(f"Heading {min(one.level, 4)}"), page_break=one.level == 1)
                self.put(bookmarked(made, f"s-{one.slug}", self.marks) if one.slug else made)
            case Paragraph():
                self.say(one.text, STYLES.get(one.kind, "Body Text"), keep=keep)
            case Listing():
                self.listing(one)
            case Terms():
                self.terms(one)
            case Table():
                self.table(one)
            case Chart():
                self.chart(one)
            case Box():
                self.blocks(one.blocks)

    def listing(self, one: Listing) -> None:
        is_numbered = one.is_ordered or one.kind == "steps"
        for place, item in enumerate(one.items, 1):
            for at, block in enumerate(item):
                if not isinstance(block, Paragraph):
                    self.block(block)
                elif at or not is_numbered:
                    self.say(block.text, "List Bullet" if not at else "List Continue")
                else:
                    # Its own number: Word's would run on from one list to the next.
                    self.say([Span(f"{place}.\t"), *block.text], "CX Number")

    def terms(self, one: Terms) -> None:
        if one.kind == "figures":
            head = tuple(name for name, _ in one.pairs)
            self.put(table_of(head, [tuple(value for _, value in one.pairs)], [False] * len(head),
                              [1.0] * len(head), self.width, self.style_of_table(), large=True))  # fmt: skip
            self.say([], "CX Gap")
            return
        for name, meaning in one.pairs:
            self.say([*(Span(span.text, is_bold=True) for span in name), Span(": "), *meaning], "Body Text")

    def table(self, one: Table) -> None:
        if one.is_captioned and one.caption:
            self.say([Span(one.caption)], "Caption", keep=True)
        self.put(table_of(one.head, one.rows, one.numeric, _weights(one), self.width,
                          self.style_of_table(), caption=one.caption))  # fmt: skip
        self.say([], "CX Gap")

    def style_of_table(self) -> str:
        return self.style("CX Table", "Table Grid", "Normal Table")

    def chart(self, one: Chart) -> None:
        self.say([Span(one.title)], "Caption", keep=True)
        if one.subtitle:
            self.say([Span(one.subtitle)], "CX Note", keep=True)
        if drawn := picture(one, self.report):
            self.picture(drawn, one.alternative)
        else:
            self.say([Span(self.report.words["not_drawn"])], "CX Note", keep=True)
            self.table(one.table)
        self.say([Span(one.summary)], "Body Text")
        if one.source:
            self.say([Span(one.source)], "CX Note")

    def picture(self, data: bytes, alternative: str, *, height: float = 0) -> None:
        from docx.oxml.shape import CT_Inline
        from docx.shared import Cm

        holder = self.document.add_paragraph()
        holder.paragraph_format.keep_with_next = not height
        self.marks.drawn += 1
        number = self.marks.drawn
        # Not `add_picture`, which goes through the whole document for a number that is free.
        about, image = self.document.part.get_or_add_image(BytesIO(data))
        size = image.scaled_dimensions(**({"height": Cm(height)} if height else {"width": self.width}))
        drawn = CT_Inline.new_pic_inline(number, about, f"picture{number}.{image.ext}", *size)
        drawn.docPr.set("name", f"Picture {number}")
        drawn.docPr.set("descr", alternative[:2000])
        holder.add_run()._r.add_drawing(drawn)


def _weights(table: Table) -> list[float]:
    """Share the width of the page: by the longest word and the usual length of what stands in a column."""
    weights = []
    for at in range(len(table.numeric)):
        head = plain(table.head[at]) if at < len(table.head) else ""
        cells = [plain(row[at]) for row in table.rows]
        longest = max((len(word) for text in (head, *cells) for word in text.split()), default=1)
        usual = sum(map(len, cells)) / max(1, len(cells))
        weights.append(max(longest + 2.0, min(usual, 60.0) ** 0.85, 3.0))
    return weights
