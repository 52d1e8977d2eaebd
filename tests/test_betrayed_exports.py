"""The planted department of three in every export: a name that is hidden, no figure, none by arithmetic."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docx
import numpy as np
import openpyxl
import pptx
import pytest
from pypdf import PdfReader

from cxlib.frames import UNSCORED
from cxlib.opening import open_live
from cxlib.tally import Tally
from tests.attacker import Published, attack, computed
from tests.made import Exported, Made

K, FEW = 5, "Spa"
SEGMENTS = ("role", "hotel", "department")
STAFF = "leadership+management+frontline"
WORD = "hidden"
Row = dict[str, Any]
Workbook = dict[str, list[Row]]


@pytest.fixture(scope="module")
def folder(exported: Exported) -> Path:
    """The example's run in all formats, those too that `cx demo` does not make."""
    return exported.folder


@pytest.fixture(scope="module")
def book(folder: Path) -> Workbook:
    """Read every sheet whose rows are records."""
    read = openpyxl.load_workbook(folder / "report.xlsx", read_only=True)
    out = {}
    for sheet in read.worksheets:
        head, *rows = sheet.iter_rows(values_only=True)
        if sheet.title not in {"Contents", "Charts"}:
            out[sheet.title] = [dict(zip(map(str, head), row, strict=True)) for row in rows]
    return out


# ── By name ─────────────────────────────────────────────────────────────────────────────────────


def lines_of(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield every row of every table, and every paragraph, that names the department."""
    found: list[tuple[str, list[str]]] = []
    word = docx.Document(str(folder / "report.docx"))
    found += [("docx", [cell.text for cell in row.cells]) for table in word.tables for row in table.rows]
    found += [("docx", [one.text]) for one in word.paragraphs]
    for slide in pptx.Presentation(str(folder / "report.pptx")).slides:
        for shape in slide.shapes:
            if shape.has_table:
                found += [("pptx", [cell.text for cell in row.cells]) for row in shape.table.rows]
            elif shape.has_text_frame:
                found.append(("pptx", [shape.text_frame.text]))
            found.append(("pptx", [shape.name]))
        if slide.has_notes_slide:
            found.append(("pptx", [slide.notes_slide.notes_text_frame.text]))
    for page in PdfReader(folder / "report.pdf").pages:
        found += [("pdf", line.split()) for line in page.extract_text().splitlines()]
    charts = openpyxl.load_workbook(folder / "report.xlsx", read_only=True)["Charts"]
    found += [
        ("xlsx", [str(one) for one in row if one is not None]) for row in charts.iter_rows(values_only=True)
    ]
    yield from (one for one in found if re.search(rf"\b{FEW}\b", " ".join(one[1])))


def test_the_department_of_three_stands_in_every_document_as_hidden_and_without_a_figure(
    folder: Path,
) -> None:
    lines = list(lines_of(folder))
    assert {kind for kind, _ in lines} >= {"docx", "pdf"}, "who was invited is a table by department"
    for kind, cells in lines:
        assert not re.search(r"\d", " ".join(cells)), (kind, cells)
        # A row that names it says of each of its figures that it is hidden.
        assert set(cells) == {FEW, WORD}, (kind, cells)


def test_the_department_of_three_has_no_figure_in_the_workbook(book: Workbook) -> None:
    named = [row for rows in book.values() for row in rows if FEW in map(str, row.values())]
    assert len(named) > 100
    for row in named:
        assert row["is_hidden"] is True, row
        figures = {
            name for name, value in row.items() if isinstance(value, int | float) and value is not True
        }
        # Of how many items a figure would be made is the framework's to say.
        assert figures <= {"items", "items_total"}, row
        assert not row.get("parts"), row
    known = {id(row) for row in named}
    text = [
        str(value) for rows in book.values() for row in rows if id(row) not in known for value in row.values()
    ]
    assert not [one for one in text if re.search(rf"\b{FEW}\b", one)]


def test_no_row_of_the_workbook_that_is_hidden_has_a_figure(book: Workbook) -> None:
    for sheet, rows in book.items():
        for row in (one for one in rows if one.get("is_hidden")):
            beside = {name: row.get(name) for name in ("n", "mean", "invited", "population", "low", "high")}
            assert set(beside.values()) == {None}, (sheet, row)


# ── By arithmetic ───────────────────────────────────────────────────────────────────────────────


class Reckoner:
    """Somebody with the workbook, a pencil, and the knowledge of which finest cells hold somebody."""

    def __init__(self, book: Workbook, tally: Tally, item: str | None) -> None:
        n = tally.respondents if item is None else tally.item_counts(item)[:, len(UNSCORED) :].sum(axis=1)
        self.true = n[n > 0]
        held = [key for key, one in zip(tally.keys, n, strict=True) if one]
        at = [tally.dims.index(dim) for dim in SEGMENTS]
        self.cells = [[key[place] for place in at] for key in held]
        self.wave = held[0][tally.dims.index("wave")] if held else ""
        self.item, self.book = item, book
        self.rows: list[np.ndarray] = []
        self.values: list[float] = []

    @property
    def few(self) -> np.ndarray:
        return np.array([[cell[2] == FEW for cell in self.cells]], dtype=np.int64)

    def of(self, row: Row, roles: str | None = None) -> np.ndarray:
        """Say who a row speaks of, and of these who has one of the roles that it is made of."""
        wanted = [row.get(dim) or "" for dim in SEGMENTS]
        among = roles.split("+") if roles else None
        return np.array(
            [
                all(not want or want == has for want, has in zip(wanted, cell, strict=True))
                and (among is None or cell[0] in among)
                for cell in self.cells
            ],
            dtype=np.int64,
        )

    def learn(self, vector: np.ndarray, value: float | None) -> None:
        """Take a figure down. What it is a figure of is checked by the truth."""
        if value is not None and vector.any():
            assert vector @ self.true == value
            self.rows.append(vector)
            self.values.append(value)

    def published(self) -> Published:
        rows = np.array(self.rows, dtype=np.int64).reshape(-1, len(self.cells))
        return Published(rows, np.array(self.values, dtype=np.int64)[:, None])


def sheets(book: Workbook, kind: str) -> Iterator[Row]:
    yield from (row for name, rows in book.items() if name.startswith(kind) for row in rows)


def people(book: Workbook, tally: Tally) -> Reckoner:
    out = Reckoner(book, tally, None)
    for row in (*sheets(book, "Participation"), *sheets(book, "Response")):
        out.learn(out.of(row), row["n"])
    return out


def answers(book: Workbook, tally: Tally, item: str) -> Reckoner:
    """Take down who answered an item: beside its levels, and by its answers.

    A mean weighted by role is a sum of its roles' own, and beside the counts it may tell each of them; so
    of every figure each part is taken for known.
    """
    out = Reckoner(book, tally, item)
    parts: dict[tuple[str, ...], str] = {}
    for row in sheets(book, "Scores"):
        if (row["kind"], row["id"]) == ("item", item) and row["parts"]:
            parts[tuple(row.get(dim) or "" for dim in SEGMENTS)] = row["parts"]
            out.learn(out.of(row, row["parts"]), row["n"])
            for role in row["parts"].split("+"):
                vector = out.of(row, role)
                out.learn(vector, float(vector @ out.true))
    for row in sheets(book, "Metrics"):
        if row["id"] == item and not row["is_hidden"]:
            out.learn(out.of(row), row["n"])
    counted: dict[tuple[str, ...], int] = {}
    for row in sheets(book, "Distribution"):
        if row["id"] == item and not isinstance(row["answer"], str):
            key = tuple(row.get(dim) or "" for dim in SEGMENTS)
            counted[key] = counted.get(key, 0) + row["n"]
    for key, n in counted.items():
        of = dict(zip(SEGMENTS, key, strict=True))
        # Where a group holds staff and customers, its answers are those of staff: of the same people as its
        # level, where it has one.
        either = [out.of(of, roles) for roles in (parts.get(key), STAFF, None) if roles or key not in parts]
        out.learn(next((one for one in either if one @ out.true == n), either[0]), n)
    return out


@pytest.fixture(scope="module")
def tally(demo: Made) -> Tally:
    with open_live("harbour", settings=demo.settings) as eng:
        return eng.tally(moments=False).select(wave=eng.wave_id)


def test_nothing_in_the_workbook_tells_how_many_of_the_three_answered_or_what(
    book: Workbook, tally: Tally
) -> None:
    looked = 0
    for item in (None, *(scale.item for scale in tally.items)):
        seen = people(book, tally) if item is None else answers(book, tally, item)
        if not seen.few.any():
            continue
        found = seen.published()
        assert len(found.rows) > (6 if item is None else 10), item
        # What is in the row space is known by its number, and by the sum of its answers: its mean.
        assert not computed(found.rows, seen.few).any(), item
        spoils = attack(found, seen.few, seen.few @ seen.true, [], K)
        assert (spoils.exact, spoils.narrow) == ((), ()), item
        looked += 1
    assert looked > 20


def test_a_figure_too_many_in_the_workbook_would_be_noticed(book: Workbook, tally: Tally) -> None:
    """Show the departments that are hidden beside the three: what is left of everyone is the three."""
    item = next(row["id"] for row in book["Scores by department"] if row["department"] == FEW)
    seen = answers(book, tally, item)
    shown = {row["department"] for row in book["Scores by department"] if not row["is_hidden"]}
    for name in {cell[2] for cell in seen.cells} - {FEW, *shown}:
        vector = seen.of({"department": name})
        seen.learn(vector, float(vector @ seen.true))
    assert computed(seen.published().rows, seen.few).all()
