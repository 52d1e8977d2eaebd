"""Workbooks, tab-separated files and long files: the same answers come in, whatever they came in."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from cxlib.declarations import parse_document, validate
from cxlib.errors import DeclarationError, IngestError
from cxlib.frames import ItemScale
from cxlib.ingest import convert
from cxlib.mapping import MappingSpec

SCALES = {name: ItemScale(name, 1, 5) for name in ("s1.i01", "s1.i02", "s2.i01")}
KEY = b"k" * 32
HEAD = ["Person", "Role", "Unit", "Date", "A", "B", "C"]
PEOPLE: list[list[Any]] = [
    ["001", "frontline", "North", dt.date(2026, 3, 31), 4, 5, "n/a"],
    ["002", "frontline", "North", dt.date(2026, 4, 1), 3, None, 2],
    ["003", "leadership", "South", dt.date(2026, 4, 2), 1, 2, 5],
]
MAPPING = """\
mapping: staff
id: Person
role: {column: Role}
segments: {unit: {column: Unit}}
date: {column: Date}
not_applicable: [n/a]
items:
  - {item: s1.i01, column: A}
  - {item: s1.i02, column: B}
  - {item: s2.i01, column: C}
"""
Rows = Sequence[Sequence[Any]]


def mapping(**changes: Any) -> MappingSpec:
    plain = {**yaml.safe_load(MAPPING), **changes}
    return validate(MappingSpec, parse_document(yaml.safe_dump(plain), name="mapping.yaml"))


@pytest.fixture
def take(tmp_path: Path) -> Callable[..., Any]:
    """Convert a file and return what is said of it with its table."""

    def run(path: Path, **changes: Any) -> Any:
        out = tmp_path / "out.parquet"
        said = convert(
            path,
            mapping(**changes),
            scales=SCALES,
            roles=["leadership", "frontline"],
            segments=["unit"],
            key=KEY,
            out=out,
        )
        return said, pq.read_table(out)

    return run


def book(path: Path, rows: Rows = (HEAD, *PEOPLE), **sheets: Any) -> Path:
    made = openpyxl.Workbook()
    sheet = made.active
    sheet.title = "Answers"
    for row in rows:
        sheet.append(list(row))
    for name, (state, more) in sheets.items():
        other = made.create_sheet(name)
        other.sheet_state = state
        for row in more:
            other.append(list(row))
    made.save(path)
    return path


def lines(rows: Rows, between: str) -> str:
    def text(value: Any) -> str:
        return "" if value is None else str(value)

    return "".join(between.join(map(text, row)) + "\n" for row in rows)


def long_rows(rows: Rows = PEOPLE) -> list[list[Any]]:
    out: list[list[Any]] = [["Person", "Role", "Unit", "Date", "Question", "Answer"]]
    for row in rows:
        out += [[*row[:4], name, value] for name, value in zip(HEAD[4:], row[4:], strict=True)]
    return out


LONG = {"long": {"item": "Question", "answer": "Answer"}}


# ── The same answers, in five forms ─────────────────────────────────────────────────────────────


def test_the_same_answers_come_in_the_same_whatever_they_came_in(take: Any, tmp_path: Path) -> None:
    csv = tmp_path / "a.csv"
    csv.write_text(lines([HEAD, *PEOPLE], ","))
    _, wanted = take(csv)
    assert wanted["s1.i01"].to_pylist() == [4, 3, 1]
    assert wanted["date"].to_pylist() == [row[3] for row in PEOPLE]

    tsv = tmp_path / "a.tsv"
    tsv.write_text(lines([HEAD, *PEOPLE], "\t"))
    parquet = tmp_path / "a.parquet"
    texts = [[None if value is None else str(value) for value in row] for row in PEOPLE]
    pq.write_table(pa.table(dict(zip(HEAD, map(list, zip(*texts, strict=True)), strict=True))), parquet)
    long = tmp_path / "long.csv"
    long.write_text(lines(long_rows(), ";"))
    workbook = book(tmp_path / "a.xlsx")
    long_book = book(tmp_path / "long.xlsx", long_rows())
    for path, changes in (
        (tsv, {}), (tsv, {"source": {"format": "tsv"}}), (parquet, {}), (workbook, {}),
        (workbook, {"source": {"format": "xlsx", "sheet": "Answers"}}), (long, LONG), (long_book, LONG),
    ):  # fmt: skip
        said, table = take(path, **changes)
        assert table.equals(wanted), f"{path.name} {changes}"
        assert said.rows == 3


def test_a_workbook_says_which_sheet_it_is_and_which_are_hidden(take: Any, tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", Codes=("hidden", [["x"]]), Notes=("visible", []))
    said, _ = take(path)
    assert "format xlsx (recognised)" in said.notes
    assert "sheet Answers (recognised)" in said.notes
    assert "hidden sheets not read: Codes" in said.notes


def test_a_hidden_sheet_is_read_where_it_is_named(take: Any, tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [["nothing here"]], Codes=("hidden", [HEAD, *PEOPLE]))
    said, table = take(path, source={"sheet": "Codes"})
    assert table.num_rows == 3
    assert "sheet Codes (declared)" in said.notes


def test_typed_cells_come_out_as_what_they_show(take: Any, tmp_path: Path) -> None:
    typed = [["001", "frontline", "North", dt.datetime(2026, 3, 31, 0, 0), 4.0, "5", 2]]
    _, table = take(book(tmp_path / "a.xlsx", [HEAD, *typed]))
    assert [table[name][0].as_py() for name in SCALES] == [4, 5, 2]
    _, other = take(book(tmp_path / "b.xlsx", [HEAD, *typed]), date={"column": "Date", "format": "%d.%m.%Y"})
    assert other["date"][0].as_py() == dt.date(2026, 3, 31)


def test_headers_may_stand_lower_and_be_merged(take: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    made = openpyxl.Workbook()
    sheet = made.active
    sheet.append(["Survey of spring"])
    sheet.append(["Person", "Role", "Unit", "Date", "Rating", None, "C"])
    sheet.merge_cells("E2:F2")
    for row in PEOPLE:
        sheet.append(row)
    made.save(path)
    items = [
        {"item": "s1.i01", "column": "Rating"},
        {"item": "s1.i02", "column": "Rating [2]"},
        {"item": "s2.i01", "column": "C"},
    ]
    said, table = take(path, source={"header_row": 2}, items=items)
    assert table["s1.i02"].to_pylist() == [5, None, 2]
    assert any("merged headers" in note for note in said.notes)
    assert any("header in row 2" in note for note in said.notes)


def test_rows_of_totals_are_left_out_where_the_mapping_says_so(take: Any, tmp_path: Path) -> None:
    rows = [HEAD, *PEOPLE, [None] * 7, ["Average", None, None, None, 2.7, 3.5, 3.5]]
    said, table = take(book(tmp_path / "a.xlsx", rows), source={"totals": "skip"})
    assert table.num_rows == 3
    assert "rows of totals left out: 6" in said.notes


def test_the_same_long_answer_twice_counts_once(take: Any, tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    rows = long_rows()
    path.write_text(lines([*rows, rows[1], ["", "", "", "", "", ""]], ","))
    said, table = take(path, **LONG)
    assert table.num_rows == 3
    assert "a row an answer: 9 answers of 3 respondents" in said.notes


# ── What is refused ─────────────────────────────────────────────────────────────────────────────


BAD_LONG = {
    "two answers": (
        [["001", "frontline", "North", "", "A", 5]], r"row 11: another answer to 'A' than in row 2",
    ),
    "two roles": (
        [["001", "leadership", "North", dt.date(2026, 3, 31), "Z", 5]],
        r"row 11, column Role: another Role than in row 2",
    ),
    "no id": ([["", "frontline", "North", "", "A", 5]], r"row 11: no id"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_LONG)
def test_a_bad_long_file_names_both_rows(kind: str, take: Any, tmp_path: Path) -> None:
    more, expected = BAD_LONG[kind]
    path = tmp_path / "long.csv"
    described = [[*(PEOPLE[0][:4] if kind == "two answers" else row[:4]), *row[4:]] for row in more]
    path.write_text(lines([*long_rows(), *described], ","))
    with pytest.raises(IngestError) as refused:
        take(path, **LONG)
    assert re.search(expected, " ".join(str(refused.value).split())), refused.value
    assert not (tmp_path / "out.parquet").exists()


def test_a_long_file_lacks_a_column_by_name(take: Any, tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text(lines(long_rows(), ","))
    with pytest.raises(IngestError, match=r"column 'Questions' is not in the file.*Question"):
        take(path, long={"item": "Questions", "answer": "Answer"})


def test_a_long_mapping_needs_an_id() -> None:
    with pytest.raises(DeclarationError, match="needs `id`"):
        mapping(id=None, **LONG)


def test_drivers_of_a_mapping_must_be_known_and_apart() -> None:
    good = mapping(drivers=[{"outcome": "s1.i01", "of": ["s1.i02", "s2.i01"]}])
    assert good.drivers[0].of == ["s1.i02", "s2.i01"]
    with pytest.raises(DeclarationError, match=r"unknown item or construct s9\.i01"):
        mapping(drivers=[{"outcome": "s1.i01", "of": ["s1.i02", "s9.i01"]}])
    with pytest.raises(DeclarationError, match=r"shares s1\.i01 with what stands before it"):
        mapping(drivers=[{"outcome": "s1.i01", "of": ["s1.i02", "s1.i01"]}])
