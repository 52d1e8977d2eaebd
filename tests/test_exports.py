"""The exports: they say what the page says, whole, and nothing that a person wrote runs in any of them."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import docx
import docx.enum.style
import openpyxl
import pptx
import pytest
import vl_convert
from lxml import etree
from nbformat import v4
from pypdf import PdfReader
from typer.main import get_command

from cxlib import look
from cxlib.branding import Branding, contrast, find_branding, read_branding
from cxlib.cli import app
from cxlib.errors import DeclarationError, NotFoundError, ReportError
from cxlib.exports import cells, excel
from cxlib.exports.document import (
    Box,
    Chart,
    Heading,
    Listing,
    Paragraph,
    Report,
    Table,
    Terms,
    plain,
    read_blocks,
    walk,
)
from cxlib.exports.drawing import drawing
from cxlib.exports.excel import to_xlsx
from cxlib.exports.pdf import to_pdf
from cxlib.exports.slides import to_pptx
from cxlib.exports.word import to_docx
from cxlib.exports.wordtemplate import template
from cxlib.run import pages, sections
from cxlib.run.exporting import FILES, exports_of, formats_of, report_of
from cxlib.run.runs import approve, export
from cxlib.run.sections import Remark
from cxlib.settings import read_settings
from tests.made import Exported, Made
from tests.test_pages import COVER, HOSTILE, chart, dots, notebook, shown, table

nb: Any = v4
MOMENT = dt.datetime(2026, 11, 22, 9, 30, tzinfo=dt.UTC)
# Text that some format takes for its own: typst, spreadsheets, XML, fields of Word, paths.
OWN = [
    '#import "@preview/cetz:0.1.0"', "#read(\"/etc/passwd\")", "$x^2$", "*bold* _it_ `raw` <label> @ref",
    '=HYPERLINK("http://e.invalid?"&A1)', "\t=1+1", " +1", "@SUM(A1)", "-2+3", "]]>", "&amp;&#0;",
    "{ INCLUDETEXT c:\\\\x }", "\x0b\x0c\x1b\x00", "\ud800", "مرحبا", "漢字", "📈",
]  # fmt: skip
BAD = f"{HOSTILE} {' '.join(OWN)}"
RESULTS = {
    "recommendations": [{"item": "s1.i01", "who": '=HYPERLINK("http://e.invalid")', "level": 2.25}],
    "findings": [{"about": ["s1", "s2"], "sentence": BAD, "share": 0.5, "is_confirmed": True}],
    "participation": [{"role": "leadership", "name": "@SUM(A1)", "n": 14, "share": 0.5}],
    "response": [],
    "sequence": {"steps": [{"step": "s1", "level": 2.4}], "position": 0, "start_here": ["s1"]},
    "sensitivity": [],
    "scores": {"everyone": [{"id": "s1", "mean": 2.5, "n": 14}], "role×a/b:c?": [{"id": "\t=1+1", "n": -5}]},
    "metrics": {}, "distribution": {}, "trend": [], "reliability": [], "drivers": [],
    "targets": {"s1": 3.5}, "unweighted": {}, "registers": {"promises": [{"id": "p1", "text": "+1"}]},
    "assumptions": {"margin": {"value": 3.0, "unit": "-2+3"}},
}  # fmt: skip


def blocks(extra: str = "") -> list[Any]:
    """A summary page, figures, a table, a chart, remarks, lists: what a report can hold, once each."""
    summary = nb.new_output(
        "execute_result",
        data={"text/html": (
            '<div class="cx-summary-page"><section><h3>Where it stands</h3>'
            '<p class="cx-lead">Position 0 of 7</p></section><section><h3>What to do</h3>'
            '<ol class="cx-three"><li><strong>Begin</strong>'
            "<small>2 days</small></li></ol></section></div>"
            '<dl class="cx-figures"><div><dt>Mean</dt>'
            '<dd class="cx-figure">3.3 <small>of 5</small></dd></div></dl>'
        )},
        execution_count=1,
    )  # fmt: skip
    cell = nb.new_code_cell("", outputs=[summary])
    said = "## What we heard\n\nSome *text* and a [link](https://example.org/).\n\n- one\n- two"
    prose = nb.new_markdown_cell(f"{said}\n\n{extra}")
    return [cell, prose, chart(dots(extra), extra), shown({"text/html": table("Contact centre")})]


def made(*, hostile: str = "", branding: Branding | None = None, is_draft: bool = True) -> Report:
    """A small report, with every kind of block."""
    cover = replace(COVER, is_draft=is_draft, asked=(("Leaders", "14", "20"), ("Customers", "3,000", "")))
    if hostile:
        cover = replace(cover, client=hostile, wave=hostile, title=hostile, asked=((hostile, "14", "20"),))
    front = notebook("Summary", *blocks(hostile), cx={"number": "", "slug": "overview"})
    written = sections.write(
        [front, notebook("Leadership", *blocks(), cx={"number": "1", "slug": "leadership"})],
        cover,
        foreword=Remark(f"Dear readers, **well** done. {hostile}", hostile or "Ann"),
        commentary={"leadership": Remark("Said by an analyst.", "Ben", dt.date(2026, 11, 20))},
    )
    return report_of(written, branding or Branding(), MOMENT)


@pytest.fixture(scope="module")
def report() -> Report:
    return made()


@pytest.fixture(scope="module")
def hostile() -> Report:
    return made(hostile=BAD)


@pytest.fixture(scope="module")
def pdf(report: Report) -> PdfReader:
    return PdfReader(BytesIO(to_pdf(report)))


@pytest.fixture(scope="module")
def word(report: Report) -> Any:
    return docx.Document(BytesIO(to_docx(report)))


def text_of(reader: PdfReader) -> str:
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def parts_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


# ── The document ────────────────────────────────────────────────────────────────────────────────


def test_the_document_holds_every_kind_of_block_that_the_page_shows(report: Report) -> None:
    for kind in (Heading, Box, Paragraph, Listing, Terms, Chart, Table):
        assert any(isinstance(one, kind) for one in walk(report.sections[1])), kind


def test_headings_keep_the_pages_numbers_and_skip_no_level(report: Report) -> None:
    found = [one for one in walk(report.sections[1]) if isinstance(one, Heading)]
    assert [(one.number, one.text) for one in found if one.slug] == [
        ("1", "Leadership"),
        ("1.1", "What we heard"),
        ("1.2", "What we heard"),
    ]
    part = '<h2 id="a">A</h2><aside class="cx-remark"><h4>R</h4></aside><h4>S</h4><h6>T</h6>'
    levels = [(one.text, one.level) for one in walk(read_blocks(part)) if isinstance(one, Heading)]
    assert levels == [("A", 1), ("R", 2), ("S", 2), ("T", 3)]


def test_a_chart_keeps_its_words_its_figures_and_its_specification(report: Report) -> None:
    (one,) = (block for block in walk(report.sections[0]) if isinstance(block, Chart))
    assert one.alternative == (
        "Leaders see every step higher than customers do. The gap is 1.5 levels on every step."
    )
    assert [plain(cell) for cell in one.table.rows[0]] == ["Leadership", "3.5", "40 %"]
    assert one.table.numeric == (False, True, True)
    svg = drawing(one, report)
    assert "var(--cx" not in svg
    assert "Report Chart" in svg
    assert etree.fromstring(svg.encode()).tag.endswith("svg")


def test_the_charts_font_is_the_first_of_the_report_and_others_keep_the_whole(report: Report) -> None:
    (one,) = (block for block in walk(report.sections[0]) if isinstance(block, Chart))
    whole = json.dumps(one.spec)
    drawn = {}
    for step in ("Vision", "Przewodnictwo ąęł", "Вижън"):
        spec = json.loads(whole)
        spec["data"]["values"][0]["step"] = step
        drawn[step] = drawing(replace(one, spec=spec), report)
    assert ["Report Chart" in svg for svg in drawn.values()] == [True, False, False]


def test_a_short_label_is_drawn_whole_and_a_long_one_is_cut(report: Report) -> None:
    (one,) = (block for block in walk(report.sections[0]) if isinstance(block, Chart))
    found = []
    for step in ("M" * 32, "i" * 200):
        spec = json.loads(json.dumps(one.spec))
        spec["data"]["values"][0]["step"] = step
        found.append(f">{step}<" in drawing(replace(one, spec=spec), report))
    assert found == [True, False]


def test_text_keeps_its_styles_and_its_spaces() -> None:
    (one,) = read_blocks("<p>a <strong>b</strong>,\n c&amp;d <a href='https://e.org'>e</a></p>")
    assert isinstance(one, Paragraph)
    assert plain(one.text) == "a b, c&d e"
    assert [(span.text, span.is_bold, span.link) for span in one.text] == [
        ("a ", False, ""), ("b", True, ""), (", c&d ", False, ""), ("e", False, "https://e.org"),
    ]  # fmt: skip


def test_what_no_export_can_write_is_refused() -> None:
    with pytest.raises(ReportError, match="<video>"):
        read_blocks("<video></video>")


# ── PDF ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_pdf_is_tagged_titled_and_names_its_language(pdf: PdfReader) -> None:
    root: Any = pdf.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data()
    about = pdf.metadata
    assert about is not None
    assert about.title == "Beispiel AG – Customer experience assessment – 2026-2"
    assert about.creation_date == MOMENT


def test_the_pdf_says_what_the_page_says(pdf: PdfReader) -> None:
    text = text_of(pdf)
    for said in (
        "Dear readers, well done.", "Said by an analyst.", "Ben, 20 November 2026", "Position 0 of 7",
        "What we heard", "The gap is 1.5 levels on every step.", "Contact centre", "Leaders 14 of 20",
    ):  # fmt: skip
        assert said in text, said


def test_the_pdf_has_running_lines_a_draft_mark_and_page_numbers(pdf: PdfReader) -> None:
    page = pdf.pages[2].extract_text()
    assert "Beispiel AG · 2026-2" in page
    assert "Draft" in page
    assert f"Page 3 of {len(pdf.pages)}" in page
    assert "Draft" not in text_of(PdfReader(BytesIO(to_pdf(made(is_draft=False)))))


def test_the_contents_of_the_pdf_link_and_its_outline_has_the_sections(pdf: PdfReader) -> None:
    assert [one["/Subtype"] for one in (note.get_object() for note in pdf.pages[1]["/Annots"])].count(
        "/Link"
    ) >= 5
    named = [one.title for one in pdf.outline if not isinstance(one, list)]
    assert [one for one in named if "Leadership" in one or "Summary" in one]


def test_charts_in_the_pdf_are_drawings_with_alternative_texts(report: Report) -> None:
    data = to_pdf(report)
    reader = PdfReader(BytesIO(data))
    assert not [image for page in reader.pages for image in page.images]
    alternatives = [
        str(one["/Alt"])
        for one in (
            item.get_object() for item in map(reader.get_object, range(1, len(reader.xref[0]) + 1)) if item
        )
        if isinstance(one, dict) and "/Alt" in one
    ]
    assert sum("The gap is 1.5 levels" in one for one in alternatives) == 2


def test_the_same_report_gives_the_same_bytes(report: Report) -> None:
    for make in (to_pdf, to_docx, to_pptx, lambda one: to_xlsx(one, RESULTS)):
        assert make(report) == make(report)


def test_no_office_file_shows_another_document_in_small(report: Report) -> None:
    """The libraries' own templates bring such a picture along, and so may a consultancy's."""
    whole = BytesIO()
    docx.Document().save(whole)
    assert "docProps/thumbnail.jpeg" in parts_of(whole.getvalue())
    own = replace(report, branding=Branding("North", word_template=whole.getvalue()))
    for data in (template(), to_docx(report), to_docx(own), to_pptx(report)):
        parts = parts_of(data)
        assert not [name for name in parts if "thumbnail" in name]
        assert b"thumbnail" not in parts["_rels/.rels"]


# ── Word ────────────────────────────────────────────────────────────────────────────────────────


def test_the_word_document_has_real_headings_lists_and_a_contents_field(word: Any) -> None:
    found = [(one.style.name, one.text) for one in word.paragraphs]
    assert ("Heading 1", "1\u2002Leadership") in found
    assert ("Heading 2", "1.1\u2002What we heard") in found
    assert ("List Bullet", "one") in found
    contents = [text for name, text in found if name == "TOC 1"]
    assert contents == ["Foreword", "Summary", "1 Leadership"]
    xml = etree.tostring(word.element.body).decode()
    assert 'TOC \\o "1-2"' in xml
    targets = set(re.findall(r'w:anchor="([^"]+)"', xml))
    assert targets
    assert targets <= set(re.findall(r'w:bookmarkStart w:id="\d+" w:name="([^"]+)"', xml))


def test_tables_in_word_repeat_their_headings_and_fit_the_page(word: Any) -> None:
    section = word.sections[0]
    room = section.page_width - section.left_margin - section.right_margin
    for one in word.tables:
        assert one._tbl.tr_lst[0].xpath("./w:trPr/w:tblHeader")
        assert sum(int(column.width or 0) for column in one.columns) <= room
    texts = [cell.text for one in word.tables for row in one.rows for cell in row.cells]
    assert "Contact centre" in texts


def test_pictures_in_word_have_alternative_texts_and_captions(word: Any) -> None:
    found = [shape._inline.docPr for shape in word.inline_shapes]
    assert len(found) == 2
    assert all("The gap is 1.5 levels" in one.get("descr") for one in found)
    assert len({one.get("id") for one in found}) == 2
    assert [one.text for one in word.paragraphs if one.style.name == "Caption"]


def test_the_word_template_is_the_one_that_the_code_describes() -> None:
    kept = (read_settings().template / "word" / "report.docx").read_bytes()
    assert parts_of(kept) == parts_of(template())


def test_a_consultancys_template_gives_its_own_styles_and_page() -> None:
    own = docx.Document()
    own.styles["Heading 1"].font.name = "Courier New"
    contents = own.styles.add_style("toc 1", docx.enum.style.WD_STYLE_TYPE.PARAGRAPH)
    own.add_paragraph("What the template says")
    whole = BytesIO()
    own.save(whole)
    data = to_docx(made(branding=Branding("North", word_template=whole.getvalue())))
    found = docx.Document(BytesIO(data))
    assert found.styles["Heading 1"].font.name == "Courier New"
    assert found.sections[0].page_width == own.sections[0].page_width
    texts = [one.text for one in found.paragraphs]
    assert "What the template says" not in texts
    assert "1\u2002Leadership" in texts
    assert "Leadership" in [
        one.text[2:] for one in found.paragraphs if one.style.style_id == contents.style_id
    ]


def test_a_word_template_that_is_none_is_refused() -> None:
    with pytest.raises(ReportError, match="cannot be opened"):
        to_docx(made(branding=Branding("North", word_template=b"PK no archive")))


# ── PowerPoint ──────────────────────────────────────────────────────────────────────────────────


def test_the_slides_hold_the_summary_as_text_tables_and_pictures(report: Report) -> None:
    deck = pptx.Presentation(BytesIO(to_pptx(report)))
    titles = [slide.shapes.title.text_frame.text for slide in deck.slides]
    assert titles[:3] == ["Customer experience assessment", "Where it stands", "What to do"]
    assert "Leaders see every step higher than customers do" in titles
    assert len(titles) == len([one for one in titles if one])
    pictures = [one for slide in deck.slides for one in slide.shapes if one.shape_type == 13]
    assert [one._element.xpath(".//p:cNvPr")[0].get("descr")[:7] for one in pictures] == ["Leaders"]
    tables = [one.table for slide in deck.slides for one in slide.shapes if one.has_table]
    assert tables[0].cell(1, 0).text == "Contact centre"
    assert tables[0].first_row
    numbered = [
        slide for slide in deck.slides if 'type="slidenum"' in etree.tostring(slide._element).decode()
    ]
    assert len(numbered) == len(titles) - 1


@pytest.mark.parametrize(
    ("size", "is_beside"), [((1200, 500), False), ((700, 700), True), ((400, 900), True)]
)
def test_words_stand_beside_a_tall_chart_and_below_a_wide_one(
    size: tuple[int, int], is_beside: bool, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below a tall one they took of its height, and half of the slide was empty."""
    width, height = size
    shape = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"><rect/></svg>'
    drawn = vl_convert.svg_to_png(shape)
    monkeypatch.setattr("cxlib.exports.slides.picture", lambda *_: drawn)
    deck = pptx.Presentation(BytesIO(to_pptx(report)))
    (page,) = [slide for slide in deck.slides if any(one.shape_type == 13 for one in slide.shapes)]
    (shown,) = [one for one in page.shapes if one.shape_type == 13]
    (said,) = [one for one in page.shapes if one.has_text_frame and "Source" in one.text_frame.text]
    right, foot = shown.left + shown.width, shown.top + shown.height
    assert (said.left >= right) == is_beside
    assert (said.top >= foot) == (not is_beside)
    assert foot <= deck.slide_height * 0.92
    assert said.left + said.width <= deck.slide_width
    assert said.width > deck.slide_width / 5


def test_nothing_on_a_slide_stands_beyond_its_edge(report: Report) -> None:
    deck = pptx.Presentation(BytesIO(to_pptx(report)))
    for slide in deck.slides:
        for one in slide.shapes:
            assert one.left >= 0
            assert one.left + one.width <= deck.slide_width
            assert one.top + one.height <= deck.slide_height


# ── Excel ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def book(hostile: Report) -> Any:
    return openpyxl.load_workbook(BytesIO(to_xlsx(hostile, RESULTS)))


def test_the_workbook_has_a_sheet_a_table_and_a_contents_sheet_that_names_them(book: Any) -> None:
    front = book["Contents"]
    named = [row[0].value for row in front.iter_rows(min_row=6)]
    assert named == book.sheetnames[1:]
    assert "Actions" in named
    assert "Scores by role×a b c" in named
    assert all(front.cell(at, 2).value for at in range(6, 6 + len(named)))


def test_no_cell_of_the_workbook_is_a_formula_or_a_link_to_elsewhere(book: Any) -> None:
    cells = [cell for page in book for row in page.iter_rows() for cell in row if cell.value is not None]
    assert not [cell for cell in cells if cell.data_type == "f"]
    assert {cell.hyperlink.target for cell in cells if cell.hyperlink} <= {None}
    assert book["Actions"]["B2"].value == '=HYPERLINK("http://e.invalid")'
    assert book["Scores by role×a b c"]["B2"].value == -5


def test_headings_stay_in_sight_and_numbers_are_numbers(book: Any) -> None:
    for name in book.sheetnames[2:]:
        assert book[name].freeze_panes == "B2"
    row = {cell.value: book["Participation"].cell(2, cell.column) for cell in book["Participation"][1]}
    assert (row["share"].value, row["share"].number_format) == (0.5, "0.0%")
    assert row["n"].number_format == "#,##0"
    assert book["Findings"].column_dimensions["B"].width == pytest.approx(excel.WIDEST, abs=1)


def test_a_cell_is_written_as_what_its_field_is(report: Report) -> None:
    """Each by what a client would take it for: no code for a level, no share as 0.23, no day as text."""
    told = {
        **RESULTS,
        "scores": {"everyone": [{"id": "s1.i01", "name": "Promises", "top_box": 0.25, "top_box_low": 0.2}]},
        "distribution": {"everyone": [{"answer": one, "n": 1} for one in (-128, -127, -126, 5)]},
        "drivers": [{"driver": "s1", "share": 0.3, "low": 0.2, "high": 0.4, "p": 0.0004, "reason": ""},
                    {"driver": "s2", "share": None, "reason": "too few"}],
        "sequence": {"steps": [], "excess_share": 0.23, "excess_share_high": 0.28, "raw": 3.3},
        "registers": {"assumptions": [{"id": "margin"}], "initiatives": [
            {"due_date": "2026-06-30", "cost": 42000.0, "is_open": False},
            {"due_date": "2026-06-31", "cost": None, "is_open": True}]},
    }  # fmt: skip
    book = openpyxl.load_workbook(BytesIO(to_xlsx(report, told)))

    def cell(sheet: str, heading: str, down: int = 2) -> Any:
        at = [one.value for one in book[sheet][1]].index(heading) + 1
        return book[sheet].cell(down, at)

    answers = [cell("Distribution of everyone", "answer", down).value for down in (2, 3, 4, 5)]
    assert answers == ["Left blank", "Not applicable", "Don't know", 5]
    for sheet, heading in (("Scores of everyone", "top_box_low"), ("Drivers", "low"), ("Drivers", "high")):
        assert cell(sheet, heading).number_format == "0.0%"
    assert cell("Drivers", "p").number_format == "0.0000"
    assert [row[1].number_format for row in book["Position"].iter_rows(2)] == ["0.0%", "0.0%", "#,##0.00"]
    due = [cell("Register initiatives", "due_date", down) for down in (2, 3)]
    assert [one.value for one in due] == [dt.datetime(2026, 6, 30), "2026-06-31"]
    assert due[0].number_format == "yyyy-mm-dd"
    assert [cell("Register initiatives", "is_open", down).value for down in (2, 3)] == [False, True]
    # Lines go on below what is empty, and what an id stands for is beside it.
    assert cell("Register initiatives", "cost", 3).border.bottom.style == "thin"
    assert cell("Actions", "name").value == "Promises"
    assert "Register assumptions" not in book.sheetnames


def test_headings_are_whole_and_a_wide_sheet_is_printed_on_several_pages(book: Any, report: Report) -> None:
    """In a column as narrow as its figures a heading broke into a line that nobody saw."""
    cells = [
        cell for row in book["Charts"].iter_rows() for cell in row if cell.fill.fgColor.rgb != "00000000"
    ]
    assert cells
    for cell in cells:
        letter = openpyxl.utils.get_column_letter(cell.column)
        assert book["Charts"].column_dimensions[letter].width >= min(len(cell.value or "") + 2, 40)
    wide = {**RESULTS, "drivers": [{f"column {at}": "text " * 20 for at in range(6)}]}
    pages = openpyxl.load_workbook(BytesIO(to_xlsx(report, wide)))
    assert (pages["Drivers"].page_setup.fitToWidth, pages["Drivers"].print_title_cols) == (2, "$A:$A")
    assert (pages["Actions"].page_setup.fitToWidth or 1, pages["Actions"].print_title_cols) == (1, None)


def test_the_sheets_are_named_in_the_readers_language(report: Report) -> None:
    german = replace(report, language="de", words=look.words("de"))
    book = openpyxl.load_workbook(BytesIO(to_xlsx(german, RESULTS)))
    english = openpyxl.load_workbook(BytesIO(to_xlsx(report, RESULTS)))
    assert book.sheetnames[:4] == ["Inhalt", "Diagramme", "Maßnahmen", "Befunde"]
    assert set(book.sheetnames) & set(english.sheetnames) == {"Position"}
    front, other = (one.worksheets[0] for one in (book, english))
    assert [cell.value for cell in front[5]] == ["Blatt", "Was es ist", "Zeilen"]
    abouts = ([row[1].value for row in page.iter_rows(min_row=6)] for page in (front, other))
    assert all(one and one != said for one, said in zip(*abouts, strict=True))


def test_the_figures_behind_charts_stand_below_what_they_are(book: Any) -> None:
    page = book["Charts"]
    assert page.freeze_panes == "A2"
    assert page.print_title_rows == "$1:$1"
    assert page["A1"].value == "The figures behind each chart of the report"
    figures = [row for row in page.iter_rows(values_only=True) if row[1] not in (None, "Mean")]
    assert book["Contents"]["C6"].value == len(figures) > 0


def test_cells_written_quickly_are_the_librarys_to_the_letter(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {**RESULTS, "trend": [{"wave": "a", "n": None}, {"wave": "b", "n": 8}]}
    quick = to_xlsx(report, given)
    slow = cells.Worksheet._write_cell
    left: list[str] = []

    def counted(page: Any, row: int, col: int, cell: Any) -> None:
        left.append(type(cell).__name__)
        slow(page, row, col, cell)

    monkeypatch.setattr(cells.Worksheet, "_write_cell", counted)
    assert to_xlsx(report, given) == quick
    assert not {"Number", "Blank"} & set(left)
    monkeypatch.setattr(cells, "QuickSheet", cells.Worksheet)
    assert to_xlsx(report, given) == quick
    assert {"Number", "Blank", "String"} <= set(left)


# ── Hostile text ────────────────────────────────────────────────────────────────────────────────


def test_hostile_text_is_text_in_the_pdf(hostile: Report) -> None:
    reader = PdfReader(BytesIO(to_pdf(hostile)))
    text = text_of(reader)
    assert "#import" in text
    assert "passwd" in text
    assert "root:" not in text
    assert "*bold* _it_ `raw` <label> @ref" in text
    for page in reader.pages:
        for one in page.get("/Annots", []):
            about = one.get_object()
            assert about.get("/A", {}).get("/S", "/GoTo") in ("/GoTo", "/URI")
            assert not str(about.get("/A", {}).get("/URI", "https:")).startswith("javascript")


@pytest.mark.parametrize("make", [to_docx, to_pptx, lambda one: to_xlsx(one, RESULTS)])
def test_hostile_text_is_text_in_office_files(hostile: Report, make: Any) -> None:
    parts = parts_of(make(hostile))
    for name, data in parts.items():
        if name.endswith((".xml", ".rels")):
            tree = etree.fromstring(data)
            assert not tree.xpath("//*[local-name()='script' or local-name()='f']"), name
            for one in tree.xpath("//*[@TargetMode='External']"):
                assert one.get("Target") == "https://example.org/"
            for one in tree.xpath("//*[local-name()='instrText']"):
                assert one.text.strip().split()[0] in ("TOC", "PAGE", "NUMPAGES")
    assert not [name for name in parts if "vba" in name.lower() or "embed" in name.lower()]


def test_a_chart_that_cannot_be_drawn_shows_its_figures(report: Report) -> None:
    (one,) = (block for block in walk(report.sections[0]) if isinstance(block, Chart))
    broken = replace(report, sections=((replace(one, spec={"mark": "none of these"}),),))
    assert drawing(broken.sections[0][0], broken) == ""
    assert "This chart could not be drawn here" in text_of(PdfReader(BytesIO(to_pdf(broken))))
    assert docx.Document(BytesIO(to_docx(broken))).tables[0].cell(1, 0).text == "Leadership"
    assert any(shape.has_table for shape in pptx.Presentation(BytesIO(to_pptx(broken))).slides[1].shapes)


@pytest.mark.parametrize(
    "label", ["x\x01\x0b", "\ud800", "😀" * 400, "\ufffe", "a" * 5000, "</text><script/>"]
)
def test_no_label_keeps_a_chart_from_being_drawn(report: Report, label: str) -> None:
    (one,) = (block for block in walk(report.sections[0]) if isinstance(block, Chart))
    spec = json.loads(json.dumps(one.spec))
    spec["data"]["values"][0]["step"] = label
    svg = drawing(replace(one, spec=spec), report)
    assert etree.fromstring(svg.encode()).xpath("count(//*[local-name()='script'])") == 0


# ── Branding ────────────────────────────────────────────────────────────────────────────────────

LOGO = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">'
    b'<rect width="40" height="20" fill="#123456"/></svg>'
)


def branded(folder: Path, text: str, logo: bytes = LOGO) -> Path:
    (folder / "logo.svg").write_bytes(logo)
    path = folder / "branding.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_branding_stands_in_every_format(tmp_path: Path) -> None:
    path = branded(
        tmp_path,
        "name: North & Light\nline: In sequence\nlogo: logo.svg\n"
        'colours: {accent: "#7a1f3d", cover: "#2b1020"}',
    )
    own = read_branding(path)
    one = made(branding=own)
    one = replace(one, cover=replace(one.cover, prepared_by=own.name))
    text = text_of(PdfReader(BytesIO(to_pdf(one))))
    assert "North & Light" in text
    assert "In sequence" in text
    word = docx.Document(BytesIO(to_docx(one)))
    assert str(word.styles["Heading 1"].font.color.rgb) == "7A1F3D"
    assert len(word.inline_shapes) == 3
    deck = pptx.Presentation(BytesIO(to_pptx(one)))
    assert str(deck.slides[0].background.fill.fore_color.rgb) == "2B1020"
    book = openpyxl.load_workbook(BytesIO(to_xlsx(one, RESULTS)))
    assert str(book["Contents"]["A3"].value).startswith("North & Light · ")
    (shown,) = book["Contents"]._images
    assert shown.anchor._from.col == 3
    assert round(shown.anchor.to.row) <= 4
    assert book["Contents"]["A5"].fill.fgColor.rgb == "FF7A1F3D"
    front = notebook("Leadership")
    page = pages.framed(sections.write([front], replace(COVER, prepared_by=own.name)), own)
    assert "--cx-accent:#7a1f3d" in page
    assert 'alt="North &amp; Light"' in page
    own.keep(tmp_path / "kept")
    assert find_branding(tmp_path / "kept") == own
    assert find_branding(tmp_path / "none") == Branding()


@pytest.mark.parametrize(("text", "told"), [
    ("name: N\nlogos: x.png", "line 2, logos: no such field; nearest logo"),
    ("line: x", "name: missing"),
    ('name: N\ncolours:\n  accent: "#fff000"', "line 3, colours.accent: text in this colour cannot be read"),
    ('name: N\ncolours:\n  cover: "#cccccc"', "line 3, colours.cover: text on this colour cannot be read"),
    ("name: N\ncolours:\n  accent: teal", "line 3, colours.accent"),
    ("name: N\nlogo: there.png", "line 2, logo: no such file; found there.png"),
    ("name: N\nlogo: ../secret.png", "line 2, logo"),
    ("name: N\nword_template: logo.svg", "line 2, word_template: no Word document"),
])  # fmt: skip
def test_a_branding_that_cannot_be_used_says_where_and_why(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(DeclarationError) as error:
        read_branding(branded(tmp_path, text))
    assert told in str(error.value)


@pytest.mark.parametrize("inside", [
    b"<script>alert(1)</script>", b'<rect onload="alert(1)"/>', b'<image href="http://e.invalid/x.png"/>',
    b'<a href="javascript:alert(1)"/>', b'<rect style="fill:url(http://e.invalid)"/>',
    b'<text x="1" y="9">Northlight</text>',
])  # fmt: skip
def test_a_logo_that_does_more_than_show_is_refused(tmp_path: Path, inside: bytes) -> None:
    path = branded(tmp_path, "name: N\nlogo: logo.svg", b"<svg>" + inside + b"</svg>")
    with pytest.raises(DeclarationError, match="no logo that every format can show"):
        read_branding(path)


def test_contrast_is_what_wcag_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


# ── A run ───────────────────────────────────────────────────────────────────────────────────────


def test_formats_are_read_and_an_unknown_one_names_the_nearest() -> None:
    assert formats_of("html, PDF,pdf,xlsx") == ("html", "pdf", "xlsx")
    with pytest.raises(NotFoundError, match="no format 'pfd'; nearest pdf"):
        formats_of("pfd")


def test_only_what_is_asked_for_is_made(report: Report) -> None:
    files, seconds = exports_of(report, lambda: RESULTS, ("html", "xlsx", "json"))
    assert list(files) == ["report.xlsx"]
    assert list(seconds) == ["xlsx"]


@pytest.fixture
def home(demo: Made, tmp_path: Path) -> Path:
    shutil.copytree(demo.home / "reports", tmp_path / "reports")
    return tmp_path


def digests_are_true(folder: Path) -> bool:
    from cxlib.run.reports import digests

    return bool(json.loads((folder / "manifest.json").read_text())["files"] == digests(folder))


def test_the_example_has_a_pdf_of_its_whole_report(demo: Made) -> None:
    pages = [page.extract_text() for page in PdfReader(demo.folder / "report.pdf").pages]
    assert len(pages) > 40
    assert "The business case" in " ".join(" ".join(pages).split())
    assert not [page for page in pages[1:] if len(page) < 120]


def test_a_run_is_exported_and_approved_with_its_exports_and_its_manifest_stays_true(
    exported: Exported, tmp_path: Path
) -> None:
    assert [path.name for path in exported.files] == list(FILES.values())
    assert all(path.stat().st_size > 100_000 for path in exported.files)
    assert {path.parent for path in exported.files} == {exported.folder}
    assert digests_are_true(exported.folder)
    shutil.copytree(exported.home / "reports", tmp_path / "reports")
    folder = approve(read_settings({"CX_HOME": str(tmp_path)}), "harbour", by="Ann").folder
    assert digests_are_true(folder)
    assert all((folder / path.name).read_bytes() != path.read_bytes() for path in exported.files)
    word = docx.Document(str(folder / "report.docx"))
    assert word.sections[0].header.paragraphs[0].text.endswith("Spring 2026")
    book = openpyxl.load_workbook(folder / "report.xlsx", read_only=True)
    assert book["Contents"]["A2"].value == "Published"
    assert not list(folder.glob(".*"))


def test_a_run_without_page_or_figures_gets_its_page_and_says_that_it_has_no_figures(home: Path) -> None:
    """A file that is named as written is there."""
    settings, (path,) = read_settings({"CX_HOME": str(home)}), home.glob("reports/out/*/*/*/manifest.json")
    manifest = json.loads(path.read_text())
    for name in ("report.html", "results.json"):
        (path.parent / name).unlink()
        del manifest["files"][name]
    path.write_text(json.dumps(manifest))
    with pytest.raises(ReportError, match=r"has no results\.json"):
        export(settings, "harbour", ("html", "json"))
    assert not (path.parent / "report.html").exists()
    _, (page,) = export(settings, "harbour", ("html",))
    assert page.is_file()
    assert json.loads(path.read_text())["files"]["report.html"]


def test_an_export_that_somebody_wrote_into_is_not_lost_when_a_run_is_approved(home: Path) -> None:
    settings = read_settings({"CX_HOME": str(home)})
    (path,) = home.glob("reports/out/*/*/*/report.pdf")
    path.write_bytes(path.read_bytes() + b"mine")
    with pytest.raises(ReportError, match=r"was changed after it was made: report\.pdf"):
        approve(settings, "harbour", by="Ann")
    assert path.read_bytes().endswith(b"mine")
    export(settings, "harbour", ("pdf",))
    assert not path.read_bytes().endswith(b"mine")
    assert digests_are_true(path.parent)


def test_a_run_whose_figures_were_changed_is_not_exported(home: Path) -> None:
    (path,) = home.glob("reports/out/*/*/*/results.json")
    path.write_text("{}")
    with pytest.raises(ReportError, match=r"was changed after it was made: results\.json"):
        export(read_settings({"CX_HOME": str(home)}), "harbour", ("xlsx",))
    assert not (path.parent / "report.xlsx").exists()


def test_the_command_line_exports_a_run_and_names_its_files(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CX_HOME", str(home))
    get_command(app)(["export", "harbour", "--to", "xlsx,json"], standalone_mode=False)
    said = capsys.readouterr()
    assert [Path(line.strip()).name for line in said.out.splitlines()] == ["report.xlsx", "results.json"]
    assert "writing report.xlsx" in said.err
    with pytest.raises(NotFoundError, match="no format 'word'"):
        get_command(app)(["export", "harbour", "--to", "word"], standalone_mode=False)
