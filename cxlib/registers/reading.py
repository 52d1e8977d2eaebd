"""Reading a register from a file: strictly, whole, and answered cell by cell."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cxlib.conversion import EDGES, shown
from cxlib.declarations import ID
from cxlib.errors import SHOWN, ConflictError, IngestError, Problem, nearest
from cxlib.files import replaced
from cxlib.mapping import SourceSpec
from cxlib.registers import (
    ASSUMPTIONS,
    INITIATIVES,
    LONGEST,
    REGISTERS,
    ROLE,
    STEP,
    Column,
    Kept,
    Register,
    Row,
    find_register,
)
from cxlib.sources import open_survey

if TYPE_CHECKING:
    from cxlib.framework.content import Role, Step

# What turns the text around it, so that it reads as something else.
_REORDERING: Final = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
MOST_ROWS: Final = 5_000
_ROW_ID: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,38}[A-Za-z0-9])?")
_NAMED_ID: Final = re.compile(ID)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,12})?")


def read_register(
    name: str, path: Path, kept: Mapping[str, Kept], *, steps: Iterable[Step], roles: Iterable[Role]
) -> tuple[Row, ...]:
    """Read a register from a file, all or nothing.

    Parameters
    ----------
    path
        A CSV, TSV or XLSX file whose first row names the columns, in any order.
    kept
        The registers that are there: what columns refer to, and what may refer to rows of this one.
    steps, roles
        Those of the framework; a step goes by its id or its slug.

    Returns
    -------
    The rows in the order of the file, each with every column; none where only the header is there.

    Raises
    ------
    NotFoundError
        If there is no such register.
    IngestError
        With every cell that is not what its column declares, or refers to a row that is not there.
    ConflictError
        If rows are gone that other registers refer to.
    """
    register = find_register(name)
    known = {
        other: {row["id"]: row["id"] for row in one.rows}
        for other, one in kept.items()
        if REGISTERS[other].key == ("id",)
    }
    known[STEP] = {id_: step.id for step in steps for id_ in (step.id, step.slug)}
    known[ROLE] = {role.id: role.id for role in roles}
    try:
        header, lines, misfits = _texts(path, register)
    except IngestError as error:
        if "mapping" not in error.fix:
            raise
        fix = "Keep one visible sheet with the headers in its first row, or save it as “CSV UTF-8”."
        raise IngestError(error.headline, problems=error.details, fix=fix) from None
    problems = [
        Problem(f"row {number}", f"{fields} fields", "", f"{len(header)}", row=number)
        for number, fields in misfits
    ]
    rows: list[Row] = []
    seen: dict[tuple[str, ...], int] = {}
    for number, texts in lines:
        given = dict(zip(header, texts, strict=True))
        if not any(texts):
            continue
        row, faults = _row(register, given, number, known)
        problems += faults
        key = tuple(given.get(one, "") for one in register.key)
        if all(key) and key in seen:
            where = f"row {number}, column {register.key[0]}"
            same = f"stands in row {seen[key]} already"
            problems.append(Problem(where, same, shown(" ".join(key)), "each once", row=number))
        seen.setdefault(key, number)
        rows.append(row)
    if len(rows) > MOST_ROWS:
        problems.append(Problem("rows", "too many", f"{len(rows):,}", f"at most {MOST_ROWS:,}"))
    if problems:
        count = "1 cell" if len(problems) == 1 else f"{len(problems)} cells or rows"
        raise IngestError(
            f"{path.name}: {count} cannot be read as {name}",
            problems=sorted(problems, key=lambda one: one.row or 0),
            fix="Nothing was kept. Correct the file and add it again.",
        )
    if lost := _dangling(name, rows, kept):
        raise ConflictError(
            f"{path.name} lacks rows of {name} that other registers refer to",
            problems=lost,
            fix="Nothing was kept. Keep those rows, or first add the other register without them.",
        )
    return tuple(rows)


def _texts(
    path: Path, register: Register
) -> tuple[list[str], list[tuple[int, list[str]]], list[tuple[int, int]]]:
    """Return the header's names, the rows as texts with their numbers, and rows of another length."""
    known = [one.name for one in register.columns]
    with closing(open_survey(path, SourceSpec(), known)) as file:
        header = [re.sub(r"[\s-]+", "_", _plain(one).strip("\"'")).casefold() for one in file.header]
        problems = [
            Problem(f"column {at + 1}", f"unknown{nearest(name, known)}", shown(file.header[at]),
                    f"one of {', '.join(known)}")
            for at, name in enumerate(header) if name not in known
        ]  # fmt: skip
        problems += [
            Problem(f"column {one.name}", "missing" if one.name not in header else "stands twice")
            for one in register.columns
            if header.count(one.name) > 1 or (one.is_required and one.name not in header)
        ]
        if problems:
            raise IngestError(
                f"{path.name} is no table of {register.name}",
                problems=problems,
                fix=f"Start from a template: cx add ENGAGEMENT {register.name} --template FILE.csv",
            )
        lines, misfits = [], []
        for batch in file.batches(range(len(header)), ()):
            columns = [batch.columns[at].to_pylist() for at in range(len(header))]
            misfits += list(batch.misfits)
            lines += [
                (int(number), [_plain(column[at]) for column in columns])
                for at, number in enumerate(batch.rows)
            ]
    return header, lines, misfits


def _plain(text: str) -> str:
    """Strip what cannot be seen, and write a line break within a cell as a space."""
    return " ".join(unicodedata.normalize("NFC", text.strip(EDGES)).split())


def _row(
    register: Register, given: Mapping[str, str], number: int, known: Mapping[str, Mapping[str, str]]
) -> tuple[Row, list[Problem]]:
    row: Row = {}
    problems = []

    def refuse(column: str, reason: str, expected: str) -> None:
        text = given.get(column, "")
        where, found = f"row {number}, column {column}", shown(text) if text else ""
        problems.append(Problem(where, reason, found, expected, number, column))

    for one in register.columns:
        text = given.get(one.name, "")
        row[one.name] = None if one.is_number else ""
        if not text:
            if one.is_required:
                refuse(one.name, "missing", one.expected)
            continue
        try:
            row[one.name] = _value(register, one, text, known)
        except _FaultError as fault:
            refuse(one.name, fault.reason, fault.expected or one.expected)
    if register is INITIATIVES:
        opened, closed, status = row["opened_date"], row["closed_date"], row["status"]
        if status in {"done", "dropped"} and not given.get("closed_date"):
            refuse("closed_date", f"missing, although the status is {status}", "the day it was closed")
        if status in {"proposed", "open"} and closed:
            refuse("closed_date", f"closed, although the status is {status}", "nothing, or another status")
        if opened and closed and closed < opened:
            refuse("closed_date", "before it was opened", f"{opened} or later")
    return row, problems


class _FaultError(Exception):
    """Why a text is no value of its column."""

    def __init__(self, reason: str, expected: str = "") -> None:
        self.reason, self.expected = reason, expected


def _value(register: Register, column: Column, text: str, known: Mapping[str, Mapping[str, str]]) -> Any:
    """Return what a text means in a column."""
    if column.is_number:
        return _figure(column, text)
    if any(unicodedata.category(char) in {"Cc", "Cs", "Co", "Cn"} or char in _REORDERING for char in text):
        raise _FaultError("holds a character that cannot be shown")
    if column.kind == "word":
        if text.casefold() not in column.words:
            raise _FaultError(f"unknown word{nearest(text.casefold(), column.words)}")
        return text.casefold()
    if column.kind == "day":
        return _day(text)
    if column.kind == "reference":
        there = known.get(column.refers, {})
        what = {STEP: "step", ROLE: "role"}.get(column.refers, f"row of {column.refers}")
        if text not in there:
            some = ", ".join(list(there)[:SHOWN]) + (" …" if len(there) > SHOWN else "")
            first = f"none yet: first cx add … {column.refers}"
            raise _FaultError(f"no such {what}{nearest(text, there)}", f"one of {some}" if there else first)
        return there[text]
    if column.kind == "id":
        # An assumption is also declared in an engagement file, and written there in one way only.
        pattern = _NAMED_ID if register is ASSUMPTIONS else _ROW_ID
        if not pattern.fullmatch(text) or len(text) > 40:
            like = "written like annual_retention" if register is ASSUMPTIONS else column.expected
            raise _FaultError("not an id", like)
        return text
    if len(text) > LONGEST[column.kind]:
        raise _FaultError(f"{len(text):,} characters long")
    if column.kind == "owner" and "@" in text:
        raise _FaultError("an address; a register is published and names no person")
    return text


def _figure(column: Column, text: str) -> float | int:
    found = text.replace("−", "-")
    if not _NUMBER.fullmatch(found):
        comma = re.fullmatch(r"-?[0-9]+,[0-9]+", found)
        raise _FaultError("a comma in a number" if comma else "not a number")
    value = float(found)
    if column.kind == "whole" and not value.is_integer():
        raise _FaultError("not a whole number")
    if not column.low <= value <= column.high:
        raise _FaultError("out of range")
    return int(value) if column.kind == "whole" else value


def _day(text: str) -> str:
    if not _DAY.fullmatch(text):
        raise _FaultError("not a day, or one that can be read in two ways")
    try:
        date.fromisoformat(text)
    except ValueError:
        raise _FaultError("no day of the calendar") from None
    return text


def _dangling(name: str, rows: Iterable[Mapping[str, Any]], others: Mapping[str, Kept]) -> list[Problem]:
    """Say which rows of other registers refer to one that `rows` do not have any more."""
    there = {row["id"] for row in rows} if REGISTERS[name].key == ("id",) else set()
    found = [
        Problem(f"{other} {row[REGISTERS[other].key[0]]}, column {column.name}",
                f"refers to one that is gone{nearest(row[column.name], there)}", shown(row[column.name]))
        for other, kept in others.items() if other != name
        for column in REGISTERS[other].columns if column.refers == name
        for row in kept.rows if row[column.name] and row[column.name] not in there
    ]  # fmt: skip
    return list(dict.fromkeys(found))


def write_template(name: str, path: Path) -> None:
    """Write an empty table with the columns of a register, as CSV that spreadsheet programs read."""
    header = [one.name for one in find_register(name).columns]
    with replaced(path) as part:
        part.write_text(",".join(header) + "\n", encoding="utf-8-sig")
