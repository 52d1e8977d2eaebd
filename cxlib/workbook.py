"""A framework as an Excel workbook: everything a consultant wants to read, sort and mark up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxlib.files import replaced

if TYPE_CHECKING:
    from cxlib.framework import Framework

# What a person typed stays text: no formula, no link, no number that it was not.
INERT = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
# Points of one line of text at the size that a workbook opens with.
_LINE = 15
_INK, _PAPER, _RULE = "#0B5765", "#FFFFFF", "#CFD7D9"


@dataclass(frozen=True)
class Sheet:
    """One sheet: its name, columns as (heading, width in characters), and rows of text or numbers."""

    name: str
    columns: Sequence[tuple[str, int]]
    rows: list[list[Any]]


def write_workbook(framework: Framework, path: Path, *, language: str = "en") -> None:
    """Write a framework to an XLSX file, in one language; the file appears whole or not at all.

    Texts are written as texts: what begins with `=` is no formula, an address no link. The headings are
    the field names of the framework's file, in English whatever the language of the texts.

    Raises
    ------
    NotFoundError
        If the framework is not written in that language.
    """
    import xlsxwriter

    framework.check_language(language)
    # In memory first: the writer has errors of its own for a folder that is not there or a full disk.
    whole = BytesIO()
    with xlsxwriter.Workbook(whole, INERT) as book:
        book.set_properties(
            {"title": framework.say(framework.content.title, language), "comments": framework.stamp}
        )
        head = book.add_format(
            {
                "bold": True,
                "font_color": _PAPER,
                "bg_color": _INK,
                "text_wrap": True,
                "valign": "vcenter",
                "border": 1,
                "border_color": _RULE,
            }
        )
        cell = book.add_format({"text_wrap": True, "valign": "top", "border": 1, "border_color": _RULE})
        for one in sheets(framework, language):
            _write(book, one, head, cell, framework.stamp)
    with replaced(path) as target:
        target.write_bytes(whole.getvalue())


def sheets(framework: Framework, language: str) -> list[Sheet]:
    """Return the sheets, in the order of the workbook."""
    return [
        build(framework, language)
        for build in (_about, _steps, _items, _advice, _prerequisites, _questions, _scales, _lenses, _forms)
    ]


def _write(book: Any, sheet: Sheet, head: Any, cell: Any, stamp: str) -> None:
    page = book.add_worksheet(sheet.name)
    for place, (heading, width) in enumerate(sheet.columns):
        page.set_column(place, place, width)
        page.write_string(0, place, heading, head)
    for down, row in enumerate(sheet.rows, 1):
        page.set_row(down, _LINE * _lines(row, [width for _, width in sheet.columns]))
        for across, value in enumerate(row):
            if value is None or value == "":
                page.write_blank(down, across, None, cell)
            elif isinstance(value, str):
                page.write_string(down, across, value, cell)
            else:
                page.write_number(down, across, value, cell)
    page.freeze_panes(1, 1)
    page.autofilter(0, 0, max(1, len(sheet.rows)), len(sheet.columns) - 1)
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    page.repeat_rows(0)
    page.set_footer(f"&L{stamp.replace('&', '&&')}&R&P / &N")


def _lines(row: Sequence[Any], widths: Sequence[int]) -> int:
    """Return how many lines the tallest cell of a row takes; not every program finds that out by itself."""
    texts = zip((str(value or "") for value in row), widths, strict=True)
    return max(sum(ceil((len(part) or 1) / width) for part in text.split("\n")) for text, width in texts)


def _about(framework: Framework, language: str) -> Sheet:
    content = framework.content
    rows: list[list[Any]] = [
        ["Title", framework.say(content.title, language)],
        ["Framework", framework.id],
        ["Version", framework.version],
        ["SHA-256", framework.digest],
        ["Language of this workbook", language],
        ["Languages", ", ".join(content.languages)],
        ["Licence", content.licence or ""],
        ["Steps", len(framework.steps)],
        ["Items", len(framework.items)],
        ["Questions beside them", len(framework.questions)],
        *(["Stream " + one.id, framework.say(one.name, language)] for one in content.streams),
        *(["Source", framework.say(one, language)] for one in content.sources),
    ]
    return Sheet("About", [("What", 28), ("", 90)], rows)


def _steps(framework: Framework, language: str) -> Sheet:
    say = partial(framework.say, language=language)
    rows = [
        [
            step.id,
            say(step.name),
            say(step.question),
            say(step.outcome),
            ", ".join(step.requires),
            say(step.because),
            step.target.level if step.target else None,
            say(step.target.because) if step.target else "",
        ]
        for step in framework.steps
    ]
    columns = [
        ("Step", 7),
        ("Name", 24),
        ("Question", 44),
        ("Outcome", 50),
        ("Stands on", 10),
        ("Because", 44),
        ("Target", 8),
        ("Why this target", 44),
    ]
    return Sheet("Steps", columns, rows)


def _items(framework: Framework, language: str) -> Sheet:
    say = partial(framework.say, language=language)
    roles = framework.roles
    levels = max((len(item.levels) for item in framework.items.values()), default=0)
    rows = [
        [
            item.id,
            say(framework.step(framework.step_of[item.id]).name),
            item.stream or "",
            say(item.topic),
            *(say(item.statement.get(role.id)) for role in roles),
            *(say(item.levels[n]) if n < len(item.levels) else "" for n in range(levels)),
            say(item.evidence),
            ", ".join(f"{lens}.{row}" for lens, row in framework.serves.get(item.id, ())),
            item.seed or "",
        ]
        for item in framework.items.values()
    ]
    columns = [
        ("Item", 8), ("Step", 18), ("Stream", 8), ("Topic", 22),
        *((f"Statement: {say(role.name)}", 34) for role in roles),
        *((f"Level {n}", 34) for n in range(1, levels + 1)),
        ("Ask to see", 36), ("Serves", 30), ("Source", 8),
    ]  # fmt: skip
    return Sheet("Items", columns, rows)


def _advice(framework: Framework, language: str) -> Sheet:
    say = partial(framework.say, language=language)
    rows = [
        [
            item.id,
            say(item.topic),
            f"{n} → {n + 1}",
            say(move.action),
            say(move.who),
            move.effort_days,
            say(move.effect),
        ]
        for item in framework.items.values()
        for n, move in enumerate(item.advice, 1)
    ]
    columns = [
        ("Item", 8),
        ("Topic", 24),
        ("Move", 8),
        ("First action", 60),
        ("Who", 30),
        ("Effort [days]", 9),
        ("What it changes", 50),
    ]
    return Sheet("Advice", columns, rows)


def _prerequisites(framework: Framework, language: str) -> Sheet:
    say = partial(framework.say, language=language)
    rows = [
        [
            item.id,
            say(item.topic),
            one.item,
            say(framework.items[one.item].topic),
            say(one.because),
        ]
        for item in framework.items.values()
        for one in item.requires
    ]
    columns = [("Item", 8), ("Topic", 28), ("Stands on", 10), ("Its topic", 28), ("Because", 70)]
    return Sheet("Prerequisites", columns, rows)


def _questions(framework: Framework, language: str) -> Sheet:
    say = partial(framework.say, language=language)
    rows = [
        [
            one.id,
            one.kind,
            ", ".join(one.roles),
            say(one.topic),
            say(one.text),
            *(say(one.wordings.get(role.id)) for role in framework.roles),
            one.scale or "open text",
            one.toward if one.scale else "",
        ]
        for one in framework.questions.values()
    ]
    columns = [
        ("Question", 22), ("Kind", 14), ("Roles", 24), ("Topic", 26), ("Text", 54),
        *((f"Wording: {say(role.name)}", 34) for role in framework.roles),
        ("Scale", 14), ("Better", 9),
    ]  # fmt: skip
    return Sheet("Questions", columns, rows)


def _scales(framework: Framework, language: str) -> Sheet:
    rows = [
        [scale.id, value, framework.say(scale.labels.get(str(value)), language)]
        for scale in framework.content.scales
        for value in range(scale.low, scale.high + 1)
    ]
    return Sheet("Scales", [("Scale", 16), ("Answer", 9), ("In words", 60)], rows)


def _lenses(framework: Framework, language: str) -> Sheet:
    say = partial(framework.say, language=language)
    rows = [
        [
            say(lens.name),
            row.id,
            say(row.name),
            say(row.start_here),
            _named(framework, row.items, language),
            _named(framework, row.questions, language),
        ]
        for lens in framework.content.lenses
        for row in lens.rows
    ]
    columns = [("Lens", 26), ("Row", 24), ("Name", 44), ("Start here", 44), ("Items", 44), ("Questions", 44)]
    return Sheet("Lenses", columns, rows)


def _forms(framework: Framework, language: str) -> Sheet:
    say = partial(framework.say, language=language)
    rows = [
        [
            form.id,
            say(form.name),
            ", ".join(form.roles),
            form.minutes,
            place,
            id_,
            _text(framework, id_, form.roles, language),
        ]
        for form in framework.content.forms
        for place, id_ in enumerate([*form.items, *form.questions], 1)
    ]
    columns = [
        ("Form", 14),
        ("Name", 30),
        ("Roles", 28),
        ("Minutes", 9),
        ("Place", 7),
        ("Asks", 20),
        ("Topic", 40),
    ]
    return Sheet("Forms", columns, rows)


def _named(framework: Framework, ids: Iterable[str], language: str) -> str:
    return "\n".join(f"{id_} {_text(framework, id_, (), language)}" for id_ in ids)


def _text(framework: Framework, id_: str, roles: Sequence[str], language: str) -> str:
    asked = framework.items.get(id_) or framework.questions[id_]
    return framework.say(asked.topic, language)
