"""The file of rejected rows: a person's own columns with a reason beside each row, to correct and import.

It is written in the shape of the file that the rows came from, so that the same mapping reads it. What a
spreadsheet would take for a formula gets an apostrophe, which is taken off again when the file is read.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from cxlib.errors import ConflictError, IngestError
from cxlib.files import replaced
from cxlib.mapping import SourceSpec
from cxlib.sources.base import TEXT, Batch, Source, SurveyFile
from cxlib.sources.presets import Layout

ROW: Final = "cx row"
REASON: Final = "cx reason"
MARKS: Final = (ROW, REASON)
# Begins as a formula does, also after spaces or apostrophes; a number stays what it is.
_FORMULA: Final = re.compile(r"'*(?:[ \t\r\n]*[=+\-@]|[\t\r\n])")
_NUMBER: Final = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
_GUARDED: Final = r"^'('*(?:[ \t\r\n]*[=+\-@]|[\t\r\n]))"
# A row of the file: its number in the other one, why it was rejected, its cells.
Add: TypeAlias = Callable[[int, str, Sequence[str]], None]


def guarded(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would run; `Returned` takes it off again."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def rejects_path(path: Path, source: SourceSpec) -> Path:
    """Name the file of rejected rows beside its source: survey.csv → survey.rejects.csv.

    Raises
    ------
    IngestError
        If the mapping declares Parquet, which nobody corrects by hand.
    """
    if source.format == "parquet":
        raise IngestError(
            "rejected rows are written as CSV, to be corrected; the mapping declares parquet",
            fix="Leave source.format out of the mapping, or import without --on-error collect.",
        )
    suffix = ".csv" if path.suffix.lower() in {"", ".parquet"} else path.suffix
    return path.with_name(f"{path.stem}.rejects{suffix}")


def check_free(path: Path, *, force: bool) -> None:
    """Refuse to write over a file that somebody may be correcting.

    Raises
    ------
    ConflictError
        If there is one, and nobody insists.
    """
    if path.exists() and not force:
        raise ConflictError(
            f"{path.name} is there already, and may hold rows that somebody corrects",
            fix="Import it or move it away, name another with --rejects, or write over it with --force.",
        )


@contextmanager
def rejects_file(path: Path, header: Sequence[str], source: Source, spec: SourceSpec) -> Iterator[Add]:
    """Open a file of rejected rows: for this user's eyes alone, there as a whole or not at all.

    Parameters
    ----------
    header
        The source's own, in its order; marks of an earlier rejection are written anew.
    source, spec
        How the source is written, and what the mapping declares of it.

    Raises
    ------
    SettingsError
        If it cannot be written there.
    """
    own = [at for at, one in enumerate(header) if one not in MARKS]
    with replaced(path) as part:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        write = _workbook if source.format == "xlsx" else _text
        with write(part, source, spec) as line:
            line([*MARKS, *(guarded(header[at]) for at in own)])

            def add(row: int, reason: str, cells: Sequence[str]) -> None:
                # A row of too few or too many fields is written as it stands.
                kept = [cells[at] for at in own] if len(cells) == len(header) else cells
                line([str(row), reason, *map(guarded, kept)])

            yield add
        with part.open("rb+") as handle:
            os.fsync(handle.fileno())


@contextmanager
def _text(path: Path, source: Source, spec: SourceSpec) -> Iterator[Callable[[Sequence[str]], Any]]:
    # The mark of UTF-8 is what makes a spreadsheet read it as such; a declared encoding has to stay.
    encoding = spec.encoding or "utf-8-sig"
    # Only a reason can hold a sign that the encoding lacks.
    with path.open("w", encoding=encoding, errors="replace", newline="") as handle:
        yield csv.writer(handle, delimiter=source.delimiter or ",", lineterminator="\n").writerow


@contextmanager
def _workbook(path: Path, source: Source, spec: SourceSpec) -> Iterator[Callable[[Sequence[str]], Any]]:
    import xlsxwriter

    # Every cell a text: no formula, no lost zero before an id, no date that was none.
    with xlsxwriter.Workbook(str(path), {"constant_memory": True, "strings_to_formulas": False}) as book:
        sheet = book.add_worksheet(spec.sheet or "Rejects")
        row = (spec.header_row or 1) - 1

        def line(cells: Sequence[str]) -> None:
            nonlocal row
            for at, text in enumerate(cells):
                if text:
                    sheet.write_string(row, at, text)
            row += 1

        yield line


class Returned:
    """A file of rejected rows that comes back, corrected; see :class:`cxlib.sources.base.SurveyFile`."""

    def __init__(self, survey: SurveyFile) -> None:
        self._survey = survey
        self.header = [re.sub(_GUARDED, r"\1", one) for one in survey.header]
        self.readable, self.size = survey.readable, survey.size

    @property
    def source(self) -> Source:
        return self._survey.source

    @property
    def layout(self) -> Layout:
        return replace(self._survey.layout, names=self.header)

    @property
    def done(self) -> int:
        return self._survey.done

    @property
    def sha256(self) -> str:
        return self._survey.sha256

    def close(self) -> None:
        self._survey.close()

    def batches(self, columns: Collection[int], coded: Collection[int]) -> Iterator[Batch]:
        """Read the rows; see :class:`cxlib.sources.base.SurveyFile`."""
        for batch in self._survey.batches(columns, coded):
            yield Batch(
                {at: _plain(one) for at, one in batch.columns.items()}, batch.rows, batch.misfits, batch.raw
            )


def returned(survey: SurveyFile) -> SurveyFile:
    """See a survey file that bears the marks of a rejection as what it was before."""
    return Returned(survey) if set(MARKS) <= set(survey.header) else survey


def _plain(array: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(array.type):
        return pa.DictionaryArray.from_arrays(array.indices, _plain(array.dictionary))
    return pc.replace_substring_regex(array.cast(TEXT), _GUARDED, r"\1")
