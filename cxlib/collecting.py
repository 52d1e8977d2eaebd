"""Keeping the good rows of a file, and writing the others beside it to be corrected.

A file is read once as for any import, and a second time only where something breaks the mapping: an id
that stands twice is known at the end. Memory does not grow with what is rejected.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import pyarrow as pa

from cxlib.batchfile import writer
from cxlib.conversion import Plan, plan
from cxlib.errors import IngestError, Problem
from cxlib.frames import ItemScale
from cxlib.ingest import Imported, Reader, chosen, imported, open_mapped, refuse
from cxlib.mapping import MappingSpec
from cxlib.pseudonyms import Respondents
from cxlib.rejects import Add, check_free, rejects_file
from cxlib.sources import Batch

# Rows that are judged together: their reasons are held at once.
ROWS: Final = 1 << 12
REASONS_A_ROW: Final = 8
# A row that was left out: its number, why, its cells.
_Row: TypeAlias = tuple[int, list[Problem], list[str]]


class _BrokenError(Exception):
    """Some rows break the mapping: nothing is written by the first reading. Never leaves this module."""


def collect(
    path: Path,
    mapping: MappingSpec,
    *,
    scales: Mapping[str, ItemScale],
    roles: Sequence[str],
    segments: Sequence[str],
    key: bytes,
    out: Path,
    rejects: Path | None,
    force: bool = False,
    left_out: np.ndarray | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Imported:
    """Convert a survey file by its mapping, and leave out the rows that break it.

    Parameters
    ----------
    rejects
        Where the rows that were left out are written, if there are any: there as a whole when this
        returns. None: a dry run, they are only counted.
    force
        Write over such a file.

    The rest is as of :func:`cxlib.ingest.convert`.

    Returns
    -------
    What the good rows held; `rejected` and `reasons` say what was left out.

    Raises
    ------
    IngestError
        As of `convert`; and if no row is good, or the file has a row an answer.
    ConflictError, SettingsError
        If the rejected rows cannot be written; nothing is left then.
    """
    if mapping.long is not None:
        raise IngestError(
            f"{path.name} has a row an answer: a person's good answers would come in without the others",
            fix="Import it without --on-error collect, or export it with a row a respondent.",
        )
    if rejects is not None:
        check_free(rejects, force=force)
    planned = plan(mapping, scales, roles, segments)
    with closing(open_mapped(path, mapping)) as survey:
        reader = Reader(survey, path.name, planned, key, left_out=left_out)
        seen = reader.seen
        with suppress(_BrokenError), writer(out, planned.schema) as write:
            reader.read_all(write, progress)
            if not seen.rejected.cells or seen.rejected.rows == seen.total:
                refuse(seen, path.name, mapping)
            else:
                raise _BrokenError
        screening = reader.screener.found()[0]
        if not seen.rejected.cells:
            found = imported(seen, planned, path.name, survey.sha256, survey.source)
            return replace(found, screening=screening)
        again = reader.respondents.repeated()
        del reader
    return replace(_sorted_out(path, planned, key, again, left_out, out, rejects), screening=screening)


def _sorted_out(
    path: Path,
    planned: Plan,
    key: bytes,
    again: tuple[np.ndarray, np.ndarray],
    dropped: np.ndarray | None,
    out: Path,
    rejects: Path | None,
) -> Imported:
    """Read a file a second time: good rows into `out`, the others into `rejects`."""
    mapping, reasons, left_out = planned.mapping, Counter[str](), 0

    def told(add: Add, rows: Sequence[_Row]) -> None:
        nonlocal left_out
        left_out += len(rows)
        for row, problems, cells in rows:
            add(row, _said(problems), cells)
            reasons.update(_kind(one.reason) for one in problems)

    with closing(open_mapped(path, mapping)) as survey:
        keeper, judge = (Reader(survey, path.name, planned, key, left_out=dropped) for _ in range(2))
        width = len(survey.header)
        beside = (
            nullcontext(_nowhere)
            if rejects is None
            else rejects_file(rejects, survey.header, survey.source, mapping.source)
        )
        with beside as add, writer(out, planned.schema) as write:
            for batch in keeper.batches(every=True):
                strange = _misfits(batch, keeper, survey.source.delimiter or ",")
                for piece in _pieces(batch):
                    wrong = _wrong(judge, piece, again)
                    is_wrong = np.isin(piece.rows, list(wrong))
                    write(keeper.table(chosen(piece, ~is_wrong)))
                    # In the order of the file.
                    due = [one for one in strange if one[0] < piece.rows[-1]]
                    strange = strange[len(due) :]
                    told(add, sorted([*due, *_rows(chosen(piece, is_wrong), wrong, width)], key=_number))
                told(add, strange)
        found = imported(keeper.seen, planned, path.name, survey.sha256, survey.source)
    return replace(found, rejected=left_out, reasons=dict(reasons.most_common()))


def _nowhere(row: int, reason: str, cells: Sequence[str]) -> None:
    """Write nothing: a dry run."""


def _number(one: _Row) -> int:
    return one[0]


def _pieces(batch: Batch) -> Iterator[Batch]:
    for start in range(0, len(batch.rows), ROWS):
        columns = {at: array.slice(start, ROWS) for at, array in batch.columns.items()}
        yield Batch(columns, batch.rows[start : start + ROWS])


def _wrong(judge: Reader, piece: Batch, again: tuple[np.ndarray, np.ndarray]) -> dict[int, list[Problem]]:
    """Return what breaks the mapping, by row; ids that stand in another row among it."""
    wrong: dict[int, list[Problem]] = {}
    for one in judge.judge(piece).problems:
        wrong.setdefault(one.row or 0, []).append(one)
    mine = np.isin(again[0], piece.rows)
    for row, other in zip(again[0][mine].tolist(), again[1][mine].tolist(), strict=True):
        reason, _, expected = Respondents.again(other)
        where = f"row {row}, column {judge.id_named}"
        wrong.setdefault(row, []).insert(0, Problem(where, reason, "", expected, row=row))
    return wrong


def _misfits(batch: Batch, reader: Reader, delimiter: str) -> list[_Row]:
    """Return the rows whose fields do not fit the header, as they stand in the file."""
    out: list[_Row] = []
    for found, raw in zip(batch.misfits, batch.raw, strict=True):
        reason, number, expected = reader.misfit(found)
        problem = Problem(f"row {found[0]}", reason, number, expected, row=found[0])
        out.append((found[0], [problem], next(csv.reader([raw], delimiter=delimiter), [])))
    return out


def _rows(piece: Batch, wrong: Mapping[int, list[Problem]], width: int) -> list[_Row]:
    """Return rows with what is wrong in them, and a cell for each column of the header."""
    columns = {at: array.cast(pa.string()).to_pylist() for at, array in piece.columns.items()}
    return [
        (row, wrong[row], [columns[at][place] if at in columns else "" for at in range(width)])
        for place, row in enumerate(piece.rows.tolist())
    ]


def _said(problems: Sequence[Problem]) -> str:
    """Say why a row was rejected; its number stands beside it."""
    said = [re.sub(r"^row \d+(?:, )?", "", str(one)).lstrip(": ") for one in problems[:REASONS_A_ROW]]
    more = len(problems) - len(said)
    return " | ".join([*said, *([f"and {more} more"] if more > 0 else [])])


def _kind(reason: str) -> str:
    """Name a reason without what is in one row of it alone."""
    kind = reason.partition("; nearest")[0]
    kind = re.sub(r"^the same id as row .*", "an id that stands twice", kind)
    return re.sub(r"^[\d,]+ characters long$", "a text too long", kind)
