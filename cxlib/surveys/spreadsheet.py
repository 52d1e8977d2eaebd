"""A survey as a workbook to fill in: one row a respondent, one column a question, its answers as a list.

Headers are the ids, so that the sheet of answers is imported as it is, also when it was saved as CSV. What
is asked stands in a note on each header, beside the cell that is being filled, and on a sheet of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from math import ceil
from typing import Any, Final

from cxlib.sources.sheets import ANSWERS, LISTS, QUESTIONS
from cxlib.surveys.asked import Asked, Survey, plain
from cxlib.workbook import INERT

RESPONDENT, ROLE, DATE = "respondent", "role", "date"
# Rows that are ready to be filled in.
ROWS: Final = 1000
# Excel's own limits: of a list's message and its title, of a note.
_MESSAGE, _TITLE, _NOTE = 255, 32, 30_000
# Widths in characters of the sheet that explains; more of them stand in a line than its width says.
_WIDE, _LINE, _MORE = (20, 70, 90), 15, 1.15
_INK, _PAPER, _RULE = "#0B5765", "#FFFFFF", "#CFD7D9"


@dataclass(frozen=True)
class _Column:
    """A column: its header, what is asked, what may be chosen, and how wide it is in characters."""

    header: str
    about: str
    choices: Sequence[int | str] = ()
    levels: str = ""
    width: int = 11


def to_xlsx(survey: Survey) -> bytes:
    """Write a survey as a workbook in its base language; no cell of it is a formula."""
    import xlsxwriter

    whole = BytesIO()
    columns = list(_columns(survey))
    with xlsxwriter.Workbook(whole, INERT) as book:
        book.set_properties(
            {"title": plain(survey.title[survey.languages[0]])[:250], "comments": survey.stamp}
        )
        head = book.add_format({"bold": True, "font_color": _PAPER, "bg_color": _INK, "valign": "vcenter"})
        cell = book.add_format({"text_wrap": True, "valign": "top", "border": 1, "border_color": _RULE})
        text, day = book.add_format({"num_format": "@"}), book.add_format({"num_format": "yyyy-mm-dd"})
        page = book.add_worksheet(ANSWERS)
        _explain(book.add_worksheet(QUESTIONS), survey, columns, head, cell)
        lists = book.add_worksheet(LISTS)
        lists.hide()
        for at, column in enumerate(columns):
            kept = {RESPONDENT: text, DATE: day}.get(column.header)
            page.set_column(at, at, column.width, kept)
            page.write_string(0, at, column.header, head)
            note = "\n".join(filter(None, (column.about, column.levels)))[:_NOTE]
            page.write_comment(0, at, note, {"x_scale": 3, "y_scale": 3})
            if column.header == DATE:
                continue
            rule: dict[str, Any] = {"validate": "any"}
            if column.choices:
                _list(lists, at, column.choices)
                source = f"={LISTS}!{_cell(0, at)}:{_cell(len(column.choices) - 1, at)}"
                rule = {"validate": "list", "source": source}
            message = {"input_title": column.header[:_TITLE], "input_message": column.about[:_MESSAGE]}
            page.data_validation(1, at, ROWS, at, {**rule, **message})
        page.freeze_panes(1, 1)
    return whole.getvalue()


def _columns(survey: Survey) -> Iterator[_Column]:
    language = survey.languages[0]
    words = survey.words[language]
    yield _Column(RESPONDENT, words["form_respondent"], width=14)
    yield _Column(ROLE, words["form_role"], [survey.role], width=14)
    for segment in survey.segments:
        yield _Column(segment.id, plain(segment.name), [plain(one) for one in segment.values], width=18)
    yield _Column(DATE, words["form_date"])
    for one in survey.asked:
        about = " – ".join(filter(None, (plain(one.heading[language]), plain(one.text[language]))))
        if not one.choices:
            yield _Column(one.id, about, width=40)
            continue
        # What stands beside a scale is chosen in words, what stands on it as its number.
        beside = [choice for choice in one.choices if choice.answer in _beside(one)]
        on = [choice for choice in one.choices if choice not in beside]
        said = [*(choice.answer for choice in on), *(plain(choice.says[language]) for choice in beside)]
        levels = [
            f"{choice.answer}: {plain(choice.says[language]).removeprefix(f'{choice.answer}: ')}"
            for choice in on
        ]
        yield _Column(one.id, about, said, "\n".join(levels))


def _beside(one: Asked) -> set[int]:
    from cxlib.surveys.codes import BESIDE

    return {choice.answer for choice in one.choices if choice.answer in BESIDE}


def _list(lists: Any, at: int, choices: Sequence[int | str]) -> None:
    for down, value in enumerate(choices):
        if isinstance(value, int):
            lists.write_number(down, at, value)
        else:
            lists.write_string(down, at, value)


def _cell(row: int, column: int) -> str:
    from xlsxwriter.utility import xl_rowcol_to_cell

    return str(xl_rowcol_to_cell(row, column, row_abs=True, col_abs=True))


def _lines(text: str, width: int) -> int:
    return sum(ceil((len(line) or 1) / (width * _MORE)) for line in text.split("\n"))


def _explain(page: Any, survey: Survey, columns: Sequence[_Column], head: Any, cell: Any) -> None:
    """Say how the sheet is filled in, and what each column asks."""
    words = survey.words[survey.languages[0]]
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    for at, width in enumerate(_WIDE):
        page.set_column(at, at, width)
    language = survey.languages[0]
    page.merge_range(0, 0, 0, 2, "", head)
    page.write_string(0, 0, plain(f"{survey.title[language]} – {survey.client}"), head)
    down = 1
    for line in (words["form_how"], *survey.introduction[language], *survey.privacy[language]):
        page.merge_range(down, 0, down, 2, "", cell)
        page.write_string(down, 0, plain(line), cell)
        page.set_row(down, _LINE * _lines(line, sum(_WIDE)))
        down += 1
    for column in columns:
        answers = column.levels or ", ".join(str(choice) for choice in column.choices[:20])
        row = (column.header, column.about, answers)
        for at, value in enumerate(row):
            page.write_string(down, at, value, cell)
        page.set_row(down, _LINE * max(map(_lines, row, _WIDE)))
        down += 1
    page.write_string(down, 0, survey.stamp, cell)
