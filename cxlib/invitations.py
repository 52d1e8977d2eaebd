"""How many were invited to a wave, read from a small table: role, any of the segments, invited."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from cxlib.conversion import clean, shown
from cxlib.errors import IngestError, Problem, nearest
from cxlib.frames import NOT_STATED, ROLE
from cxlib.mapping import SourceSpec
from cxlib.sources import open_survey

INVITED = "invited"
MOST = 2_000_000_000


@dataclass(frozen=True)
class Invited:
    """People invited in one cell: dimension → value, and how many."""

    cell: Mapping[str, str]
    n: int


def read_invitations(path: Path, roles: Sequence[str], segments: Sequence[str]) -> tuple[Invited, ...]:
    """Read how many were invited, all or nothing.

    Parameters
    ----------
    path
        A CSV, TSV or XLSX file with the columns `role`, any of the segments, and `invited`; a cell of a
        segment that is empty means those who belong to none.
    roles, segments
        What the engagement has.

    Raises
    ------
    IngestError
        With every row that names an unknown role, no whole number of 0 or more, or a cell that stands
        twice; nothing is kept then.
    """
    known = [ROLE, *segments, INVITED]
    with closing(open_survey(path, SourceSpec(), known)) as file:
        header = [clean(one).casefold() for one in file.header]
        problems = [
            Problem(
                f"column {shown(name)}", f"unknown{nearest(name, known)}", "", f"one of {', '.join(known)}"
            )
            for name in header
            if name not in known
        ]
        problems += [
            Problem(f"column {name}", "missing" if name not in header else "stands twice")
            for name in known
            if header.count(name) > 1 or (name in {ROLE, INVITED} and name not in header)
        ]
        if problems:
            raise IngestError(
                f"{path.name} is no table of who was invited",
                problems=problems,
                fix=f"Expected the columns {ROLE}, {INVITED} and any of: {', '.join(segments) or 'none'}.",
            )
        rows = [
            (int(number), [clean(column[at].as_py()) for column in columns])
            for batch in file.batches(range(len(header)), ())
            for columns in [[batch.columns[place] for place in range(len(header))]]
            for at, number in enumerate(batch.rows)
        ]
    return _checked(path.name, header, rows, roles)


def _checked(
    name: str, header: Sequence[str], rows: Sequence[tuple[int, list[str]]], roles: Sequence[str]
) -> tuple[Invited, ...]:
    problems: list[Problem] = []
    found: dict[tuple[tuple[str, str], ...], int] = {}
    for number, texts in rows:
        given = dict(zip(header, texts, strict=True))
        if not any(texts):
            continue
        role, count = given[ROLE], given.pop(INVITED)
        if role not in roles:
            problems.append(
                Problem(
                    f"row {number}, column {ROLE}", f"unknown role{nearest(role, roles)}", shown(role),
                    f"one of {', '.join(roles)}", row=number,
                )
            )  # fmt: skip
        if not re.fullmatch(r"[0-9]{1,10}", count) or int(count) > MOST:
            problems.append(
                Problem(
                    f"row {number}, column {INVITED}",
                    "not a number of people",
                    shown(count),
                    "0 or more",
                    row=number,
                )
            )
            continue
        cell = tuple((dim, value or NOT_STATED) for dim, value in given.items())
        if cell in found:
            problems.append(
                Problem(
                    f"row {number}", "the same group as in a row before", "", "each group once", row=number
                )
            )
        found[cell] = int(count)
    if problems or not found:
        raise IngestError(
            f"{name}: {len(problems)} row{'s' * (len(problems) != 1)} cannot be read"
            if problems
            else f"{name} names no group",
            problems=problems,
            fix="Nothing was kept. Correct the file.",
        )
    return tuple(Invited(dict(cell), n) for cell, n in found.items())
