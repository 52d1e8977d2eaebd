"""Every figure of a report as a workbook: a sheet a table, for sorting, filtering and reckoning on.

Headings are the names of the fields, as in `results.json`. Text is written as text: what begins with `=` is
no formula, an address no link.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from math import ceil
from typing import Any, Final, NamedTuple

from cxlib.exports.document import Chart, Report, clean, plain, walk
from cxlib.exports.drawing import colours_of, logo_picture
from cxlib.frames import BLANK, DONT_KNOW, NOT_APPLICABLE
from cxlib.language import Words, words_of
from cxlib.workbook import INERT

# Excel's own limits.
MOST_NAME, MOST_TEXT, MOST_ROWS = 31, 32_767, 1_048_000
WIDEST: Final = 60
# Characters that stand legibly beside one another on a page: a wider sheet is printed on several.
A_PAGE: Final = 280
# Pixels that a logo is high.
LOGO: Final = 48
# Points of one line of text at the size that a workbook opens with.
_LINE: Final = 15
_NOT_IN_NAMES: Final = re.compile(r"[\[\]:*?/\\]")
# Fields that are shares [0–1], by how their names end; and counts, which have no decimals.
_SHARES: Final = ("share", "_share", "top_box", "bottom_box")
_COUNTS: Final = (
    "n", "invited", "population", "items", "count", "answered", "dont_know", "not_applicable", "blank",
)  # fmt: skip
_A_DAY: Final = re.compile(r"(19|20)\d\d-\d\d-\d\d")
_FIELDS: Final = ("field", "value")
# The cut of results.json that is none.
EVERYONE: Final = "everyone"


@dataclass(frozen=True)
class Sheet:
    """A sheet: its name, what it is, its headings and rows."""

    name: str
    about: str
    head: Sequence[str]
    rows: Sequence[Sequence[Any]]


def to_xlsx(report: Report, results: Mapping[str, Any]) -> bytes:
    """Write a workbook of a run's `results.json`, and of the figures behind each chart.

    Parameters
    ----------
    results
        What `results.json` holds.
    """
    import xlsxwriter

    whole = BytesIO()
    cover = report.cover
    with xlsxwriter.Workbook(whole, INERT) as book:
        book.set_properties({
            "title": f"{cover.client} – {cover.title} – {cover.wave}"[:255],
            "author": report.branding.name[:255],
            "subject": cover.framework,
            "keywords": cover.run,
            "comments": report.words["draft_long"] if cover.is_draft else report.words["published"],
            "created": report.moment.replace(tzinfo=None),
        })  # fmt: skip
        say = words_of(report.language)
        _Book(book, report, say).write(list(sheets(results, say)))
    # Its writer gives every part of the archive the same date already.
    return whole.getvalue()


def sheets(results: Mapping[str, Any], _: Words) -> Iterator[Sheet]:
    """Yield the sheets, in the order of the workbook, named in the reader's language."""
    named = {row["id"]: row["name"] for row in results["scores"].get(EVERYONE, ()) if row.get("name")}
    yield _of(
        _("Actions"),
        _("What to do, in order: item, state, level, target, who, days, reason"),
        _with_names(results["recommendations"], "item", named),
    )
    yield _of(
        _("Findings"),
        _("Every comparison, with interval, n and adjusted p; confirmed ones are beyond chance"),
        results["findings"],
    )
    yield _of(_("Participation"), _("Who answered, a row a role"), results["participation"])
    yield _of(_("Response"), _("Invited and answered, by unit"), results["response"])
    # A run of an earlier schema has none.
    complete = results.get("completeness", ())
    yield _of(_("Completeness"), _("How complete the answers are, a row a step"), complete)
    order = results["sequence"]
    yield _of(
        _("Sequence"),
        _("Each step in sequence: level, what of it is supported, what runs ahead"),
        _with_names(order["steps"], "step", named),
    )
    stand = {name: value for name, value in order.items() if name != "steps"}
    yield _fields(_("Position"), _("Where the organisation stands in the sequence"), stand)
    yield _of(
        _("Sensitivity"), _("How much hangs on the convention of gate and slack"), results["sensitivity"]
    )
    for cut, rows in results["scores"].items():
        name = _("Scores of everyone") if cut == EVERYONE else _("Scores by {cut}", cut=cut)
        yield _of(name, _("Levels of items and steps"), rows)
    for cut, rows in results["metrics"].items():
        name = _("Metrics of everyone") if cut == EVERYONE else _("Metrics by {cut}", cut=cut)
        yield _of(name, _("Questions beside the steps"), rows)
    # Codes of what is no level would be read as levels.
    said_so = {BLANK: _("Left blank"), NOT_APPLICABLE: _("Not applicable"), DONT_KNOW: _("Don't know")}
    for cut, rows in results["distribution"].items():
        name = _("Distribution of everyone") if cut == EVERYONE else _("Distribution by {cut}", cut=cut)
        answers = [{**row, "answer": said_so.get(row["answer"], row["answer"])} for row in rows]
        yield _of(name, _("Answers given"), answers)
    yield _of(_("Trend"), _("Levels wave by wave"), results["trend"])
    yield _of(_("Reliability"), _("How well the questions of a step hang together"), results["reliability"])
    yield _of(_("Drivers"), _("What goes with the answers to the outcome questions"), results["drivers"])
    said = [
        {"wording": results["open_questions"].get(one["question"], ""), **one}
        # A run that was made before there were any has none.
        for one in results.get("comments", ())
    ]
    yield _of(_("Comments"), _("What people wrote, where it may be shown; no role: everyone else"), said)
    yield _fields(_("Targets"), _("The levels aimed at, by step and item"), results["targets"])
    yield _fields(_("Unweighted"), _("Means in which everyone counts alike"), results["unweighted"])
    for name, rows in results["registers"].items():
        if name == "assumptions":
            continue  # the last sheet
        about = _("The register of {name}, as the client keeps it", name=name)
        yield _of(_("Register {name}", name=name), about, rows)
    known = [{"assumption": id_, **one} for id_, one in results["assumptions"].items()]
    yield _of(_("Assumptions"), _("What the business case assumes, with source and date"), known)


def _with_names(rows: Iterable[Mapping[str, Any]], of: str, named: Mapping[str, str]) -> list[dict[str, Any]]:
    """Put what an item or a step is called beside its id."""
    return [
        {of: row[of], "name": named.get(row[of]), **{key: row[key] for key in row if key != of}}
        for row in rows
    ]


def _of(name: str, about: str, rows: Sequence[Mapping[str, Any]]) -> Sheet:
    """Make a sheet of records; a column in which nothing stands is left out."""
    head = [key for key in dict.fromkeys(key for row in rows for key in row)
            if any(row.get(key) not in (None, "") for row in rows)]  # fmt: skip
    return Sheet(name, about, head, [[row.get(key) for key in head] for row in rows])


def _fields(name: str, about: str, fields: Mapping[str, Any]) -> Sheet:
    return Sheet(name, about, _FIELDS, list(fields.items()))


class _Kind(NamedTuple):
    """How a field's values look: with decimals, whole; and whether its texts are days."""

    figure: Any
    whole: Any
    is_day: bool


class _Book:
    """A workbook that is being written."""

    def __init__(self, book: Any, report: Report, say: Words) -> None:
        from cxlib.exports.cells import QuickSheet

        self.book, self.report, self.say, self.page = book, report, say, QuickSheet
        known = colours_of(report.branding)
        base = {"valign": "top", "text_wrap": True, "bottom": 1, "bottom_color": known["rule"]}
        # A little room, or a text would begin where the number before it ends.
        room = {"align": "left", "indent": 1}
        self.head = book.add_format({"bold": True, "font_color": known["paper"], "bg_color": known["accent"],
                                     "text_wrap": True, "valign": "vcenter", **room})  # fmt: skip
        self.words = book.add_format({**base, **room})
        # LibreOffice writes some of them as 0 and 1 otherwise.
        self.flags = book.add_format({**base, "align": "center", "num_format": '"TRUE";"TRUE";"FALSE"'})
        self.days = book.add_format({**base, **room, "num_format": "yyyy-mm-dd"})
        self.bold = book.add_format({"bold": True})
        self.title = book.add_format({"bold": True, "font_size": 16, "font_color": known["accent"]})
        self.draft = book.add_format({"bold": True, "font_color": known["draft"]})
        self.link = book.add_format({"font_color": known["accent"], "underline": 1, "valign": "top"})
        kinds = {"share": "0.0%", "count": "#,##0", "figure": "#,##0.00", "chance": "0.0000"}
        self.numbers = {name: book.add_format({**base, "num_format": kind}) for name, kind in kinds.items()}
        self.taken: set[str] = set()

    def write(self, every: Sequence[Sheet]) -> None:
        _ = self.say
        front = self.book.add_worksheet(self.name(_("Contents")), self.page)
        name, about = self.name(_("Charts")), _("The figures behind each chart of the report")
        placed = [(name, about, self.charts(self.book.add_worksheet(name, self.page), about))]
        for one in every:
            if one.rows:
                name = self.name(one.name)
                self.sheet(self.book.add_worksheet(name, self.page), one)
                placed.append((name, one.about, len(one.rows)))
        self.contents(front, placed)

    def name(self, wanted: str) -> str:
        """Return a name that Excel takes, and that no other sheet has."""
        base = _NOT_IN_NAMES.sub(" ", clean(wanted)).strip("' ") or "Sheet"
        name, tries = base[:MOST_NAME].rstrip(), 1
        while name.lower() in self.taken or name.lower() == "history":
            tries += 1
            name = f"{base[: MOST_NAME - 4].rstrip()} {tries}"
        self.taken.add(name.lower())
        return name

    def contents(self, page: Any, placed: Sequence[tuple[str, str, int]]) -> None:
        _, cover, words = self.say, self.report.cover, self.report.words
        page.set_column(0, 0, 34)
        page.set_column(1, 1, 76)
        page.set_column(2, 2, 10)
        page.write_string(0, 0, clean(f"{cover.client} – {cover.wave}")[:MOST_TEXT], self.title)
        state = words["draft_long"] if cover.is_draft else words["published"]
        page.write_string(1, 0, state, self.draft if cover.is_draft else self.words)
        made = (clean(cover.prepared_by), cover.framework, cover.run)
        page.write_string(2, 0, " · ".join(one for one in made if one)[:MOST_TEXT])
        if logo := logo_picture(self.report):
            self.logo(page, logo)
        for at, heading in enumerate((_("Sheet"), _("What it is"), _("Rows"))):
            page.write_string(4, at, heading, self.head)
        for down, (name, about, rows) in enumerate(placed, 5):
            # Within the workbook; the name is one that `name` made.
            target = name.replace("'", "''")
            page.write_url(down, 0, f"internal:'{target}'!A1", self.link, name)
            page.write_string(down, 1, about, self.words)
            page.write_number(down, 2, rows, self.numbers["count"])
        page.freeze_panes(5, 0)
        self.print(page)

    def logo(self, page: Any, logo: bytes) -> None:
        """Put the consultancy's logo beside the title, as high as the lines there."""
        from pptx.parts.image import Image

        # It is drawn by the dots an inch that it names; one that names none is a quarter lower.
        (_, high), (_, dots) = (one := Image.from_blob(logo)).size, one.dpi
        scale = LOGO / (high * 96 / dots)
        page.insert_image(0, 3, "logo", {
            "image_data": BytesIO(logo), "x_scale": scale, "y_scale": scale, "x_offset": 12, "y_offset": 4,
            "description": clean(self.report.branding.name),
        })  # fmt: skip

    def charts(self, page: Any, about: str) -> int:
        """Write the figures behind each chart below one another; they are text, as the report shows them.

        Each has headings of its own; what stays in sight, and is printed on each page, is what the sheet is.
        Returns the number of rows of figures.
        """
        page.write_string(0, 0, about, self.title)
        down, count = 2, 0
        widths: dict[int, int] = {}
        for section in self.report.sections:
            for one in walk(section):
                if not isinstance(one, Chart):
                    continue
                page.write_string(down, 0, one.title[:MOST_TEXT], self.bold)
                for at, heading in enumerate(one.table.head):
                    widths[at] = max(widths.get(at, 8), min(len(plain(heading)) + 3, 40))
                    page.write_string(down + 1, at, plain(heading), self.head)
                for place, row in enumerate(one.table.rows, down + 2):
                    for at, cell in enumerate(row):
                        text = plain(cell)[:MOST_TEXT]
                        widths[at] = max(widths[at], min(len(text) + 3, 40))
                        page.write_string(place, at, text, self.words)
                down += len(one.table.rows) + 3
                count += len(one.table.rows)
        for at, width in widths.items():
            page.set_column(at, at, width)
        page.freeze_panes(1, 0)
        self.print(page)
        return count

    def sheet(self, page: Any, sheet: Sheet) -> None:
        rows = [[_written(value) for value in row] for row in sheet.rows[:MOST_ROWS]]
        widths: list[int] = []
        for at, heading in enumerate(sheet.head):
            texts = (len(row[at]) if isinstance(row[at], str) else 8 for row in rows[:500])
            # Beside a heading stands the arrow of its filter.
            widths.append(min(max(len(heading) + 5, *(one + 3 for one in texts), 8), WIDEST))
            page.set_column(at, at, widths[at])
            page.write_string(0, at, clean(heading), self.head)
        kinds = [self.kind(told) for told in _told_by(sheet.head)]
        for down, row in enumerate(rows, 1):
            # Not every program finds the height of broken lines out by itself.
            if (lines := _lines(row, widths)) > 1:
                page.set_row(down, _LINE * min(lines, 27))
            if sheet.head is _FIELDS:
                kinds[1] = self.kind(_stem(row[0]))
            for at, value in enumerate(row):
                self.cell(page, down, at, value, kinds[at])
        page.freeze_panes(1, 1)
        page.autofilter(0, 0, len(sheet.rows), len(sheet.head) - 1)
        self.print(page, across=ceil(sum(widths) / A_PAGE))

    def cell(self, page: Any, down: int, at: int, value: Any, kind: _Kind) -> None:
        if value is None or value == "":
            page.write_blank(down, at, None, self.words)
        elif isinstance(value, str):
            if kind.is_day and (day := _day(value)):
                page.write_datetime(down, at, day, self.days)
            else:
                page.write_string(down, at, value, self.words)
        elif isinstance(value, bool):
            page.write_boolean(down, at, value, self.flags)
        else:
            page.write_number(down, at, value, kind.whole if isinstance(value, int) else kind.figure)

    def kind(self, heading: str) -> _Kind:
        """Return how the values of a field look."""
        if heading in _COUNTS:
            name = "count"
        elif heading == "p":
            name = "chance"
        else:
            name = "share" if heading.endswith(_SHARES) else "figure"
        return _Kind(self.numbers[name], self.numbers["count"], heading.endswith(("date", "dated")))

    def print(self, page: Any, across: int = 1) -> None:
        page.set_landscape()
        page.set_paper(9)
        page.fit_to_pages(across, 0)
        page.repeat_rows(0)
        if across > 1:
            page.repeat_columns(0)
            page.print_across()
        cover = self.report.cover
        state = f" · {self.report.words['draft']}" if cover.is_draft else ""
        said = clean(f"{cover.client[:60]} · {cover.wave[:30]}{state}").replace("&", "&&")
        page.set_footer(f"&L{said}&R&P / &N")


def _lines(row: Sequence[Any], widths: Sequence[int]) -> int:
    """Return how many lines the tallest cell of a row takes."""
    most = 1
    for value, width in zip(row, widths, strict=True):
        if isinstance(value, str) and (len(value) > width or "\n" in value):
            most = max(most, sum(ceil((len(part) or 1) / width) for part in value.split("\n")))
    return most


def _told_by(head: Sequence[str]) -> list[str]:
    """Name the field that tells how each column is written: the ends of an interval as what it is of."""
    told: list[str] = []
    for heading in head:
        told.append(told[-1] if heading in ("low", "high") and told else _stem(heading))
    return told


def _stem(heading: str) -> str:
    return heading.removesuffix("_low").removesuffix("_high")


def _day(text: str) -> date | None:
    """Read a day such as 2026-03-31; none if it is something else."""
    try:
        return date.fromisoformat(text) if _A_DAY.fullmatch(text) else None
    except ValueError:
        return None


def _written(value: Any) -> Any:
    """Write what is not a plain value as text: lists with commas, the rest field by field."""
    if isinstance(value, str):
        return clean(value)[:MOST_TEXT]
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, list | tuple):
        return clean(", ".join(str(_written(one)) for one in value))[:MOST_TEXT]
    if isinstance(value, Mapping):
        return clean("; ".join(f"{key}: {_written(one)}" for key, one in value.items()))[:MOST_TEXT]
    return value
