"""Excel workbooks: one visible sheet, read row by row; typed cells written out as the text they show.

openpyxl streams the rows. What it passes over in silence is looked for in the sheet's own XML first:
formulas whose result nobody saved, and headers that span several columns.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa

from cxlib.errors import IngestError, nearest
from cxlib.mapping import SourceSpec
from cxlib.sources.base import TEXT, Batch, Source
from cxlib.sources.presets import LOOKED_AT, Layout, laid_out

# The sheets of a workbook that `cx form` writes, the last one hidden.
ANSWERS, QUESTIONS, LISTS = "Answers", "Questions", "Lists"
# What a workbook may unfold to, as trust asks: more comes as CSV, which is streamed and has no limit.
MOST_BYTES: Final = 50_000_000
MOST_RATIO: Final = 100
MOST_ROWS: Final = 200_000
# So small a workbook may be ever so well packed.
SMALL_BYTES: Final = 16_000_000
ROWS: Final = 1 << 14
PIECE: Final = 1 << 22
OVERLAP: Final = 1 << 16
TOTALS: Final = frozenset(
    [
        "total",
        "totals",
        "sum",
        "subtotal",
        "grand",
        "average",
        "mean",
        "median",
        "count",
        "summe",
        "gesamt",
        "gesamtsumme",
        "mittelwert",
        "durchschnitt",
        "anzahl",
        "somme",
        "moyenne",
        "total_general",
        "suma",
        "promedio",
        "gemiddelde",
        "totaal",
    ]
)
_UNSAVED: Final = re.compile(
    rb'<c\b[^>]*\br="([A-Z]{1,3}[0-9]{1,7})"[^>]*>\s*<f\b(?:[^>]*/>|[^>]*>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>'
)
_OTHERS: Final = {
    "xl/workbook.bin": "a binary Excel workbook (.xlsb)",
    "word/document.xml": "a Word document",
    "content.xml": "an OpenDocument file (.ods)",
}
_ZEROS: Final = re.compile(r"0{2,}")
_MERGED: Final = re.compile(rb'<mergeCell\b[^>]*\bref="([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})"')


class WorkbookSurvey:
    """One sheet of an Excel workbook; see :class:`cxlib.sources.base.SurveyFile`."""

    def __init__(self, path: Path, spec: SourceSpec, source: Source, date_format: str) -> None:
        self.name, self.source, self.done = path.name, source, 0
        self.size = path.stat().st_size
        self._date_format, self._skip = date_format, spec.totals == "skip"
        with path.open("rb") as handle:
            self.sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
        _refuse_bombs(path)
        self._handle = path.open("rb")
        try:
            self._book = _opened(path, self._handle)
            self._sheet = self._chosen(spec.sheet)
            merged = self._looked_through(path)
            self._rows = self._sheet.iter_rows(values_only=True)
            self._header_row = spec.header_row or 1
            above = [next(self._rows, ()) for _ in range(self._header_row)]
            below = list(islice(self._rows, LOOKED_AT - 1))
            self.layout = self._laid_out([above[-1], *below], spec.preset, merged)
            self.header = self.layout.names
            # Rows below the headers that were looked at are answers still.
            self._rows = chain(below[self.layout.rows - 1 :], self._rows)
            self._widths = self._padded()
        except BaseException:
            self.close()
            raise
        self.readable = list(range(len(self.header)))
        if self.layout.tool:
            self._remark(self.layout.remark(self._header_row))
        if self._header_row > 1:
            self._remark(f"header in row {self._header_row}, the rows above it not read")

    def close(self) -> None:
        self._handle.close()

    def batches(self, columns: Collection[int], coded: Collection[int]) -> Iterator[Batch]:
        """Read the rows; see :class:`cxlib.sources.base.SurveyFile`."""
        wanted = sorted(columns)
        numbers: list[int] = []
        texts: list[list[str]] = []
        skipped: list[int] = []
        for number, row in enumerate(self._rows, self._header_row + self.layout.rows):
            if word := _is_total(row):
                if not self._skip:
                    raise IngestError(
                        f"{self.name} row {number} begins with {word!r}: a row of totals is nobody's answer",
                        fix="Delete it from the sheet, or declare source.totals: skip in the mapping.",
                    )
                skipped.append(number)
                continue
            if extra := [at for at in range(len(self.header), len(row)) if row[at] not in (None, "")]:
                raise IngestError(
                    f"{self.name} cell {_column(extra[0])}{number} holds {str(row[extra[0]])[:40]!r} "
                    "under no header",
                    fix="Give the column a header, or clear it.",
                )
            if number > MOST_ROWS:
                raise IngestError(
                    f"{self.name} has more than {MOST_ROWS:,} rows",
                    fix="Export the answers as CSV, which has no limit.",
                )
            texts.append([self._shown(at, row[at]) if at < len(row) else "" for at in wanted])
            numbers.append(number)
            if len(numbers) == ROWS:
                yield self._batch(wanted, texts, numbers, coded)
                texts, numbers = [], []
        if skipped:
            rows = ", ".join(map(str, skipped[:5]))
            self._remark(f"rows of totals left out: {rows}{' …' if len(skipped) > 5 else ''}")
        self.done = self.size
        if numbers:
            yield self._batch(wanted, texts, numbers, coded)

    def _batch(
        self, wanted: Sequence[int], texts: list[list[str]], numbers: list[int], coded: Collection[int]
    ) -> Batch:
        arrays = {at: pa.array([row[place] for row in texts], TEXT) for place, at in enumerate(wanted)}
        arrays = {at: one.dictionary_encode() if at in coded else one for at, one in arrays.items()}
        return Batch(arrays, np.array(numbers))

    def _padded(self) -> dict[int, int]:
        """Find columns of numbers that are shown with zeros before them, as ids are: column → digits."""
        first = self._header_row + self.layout.rows
        rows = self._sheet.iter_rows(min_row=first, max_row=first + 20)
        formats: dict[int, set[str]] = {}
        for row in rows:
            for at, cell in enumerate(row):
                if cell.value is not None:
                    formats.setdefault(at, set()).add(cell.number_format)
        alike = ((at, *found) for at, found in formats.items() if len(found) == 1)
        return {at: len(one) for at, one in alike if _ZEROS.fullmatch(one)}

    def _shown(self, at: int, value: Any) -> str:
        text = self._text(value)
        return text.zfill(self._widths[at]) if at in self._widths and isinstance(value, int) else text

    def _text(self, value: Any) -> str:
        """Write a typed cell as the text it stands for."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, float):
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        if isinstance(value, dt.datetime | dt.date):
            return value.strftime(self._date_format)
        return str(value)

    def _chosen(self, name: str | None) -> Any:
        """Return the sheet to read: the one named, else the only visible one that holds anything."""
        sheets = {sheet.title: sheet for sheet in self._book.worksheets}
        if name is not None:
            if name not in sheets:
                raise IngestError(
                    f"{self.name} has no sheet {name!r}{nearest(name, sheets)}; it has {', '.join(sheets)}",
                    fix="Correct source.sheet in the mapping.",
                )
            self._remark(f"sheet {name} (declared)")
            return _measured(sheets[name])
        visible = [_measured(sheet) for sheet in sheets.values() if sheet.sheet_state == "visible"]
        hidden = [sheet.title for sheet in sheets.values() if sheet.sheet_state != "visible"]
        filled = [sheet for sheet in visible if _is_filled(sheet)]
        # A form that we wrote explains itself on a sheet beside its answers.
        if [sheet.title for sheet in filled] == [ANSWERS, QUESTIONS] and hidden == [LISTS]:
            filled = filled[:1]
        if len(filled) != 1:
            found = ", ".join(sheet.title for sheet in filled) or "none"
            beside = f"; hidden: {', '.join(hidden)}" if hidden else ""
            raise IngestError(
                f"{self.name} has {len(filled)} visible sheets with anything in them ({found}{beside}); "
                "expected one",
                fix="Name the sheet of answers as source.sheet in the mapping.",
            )
        self._remark(f"sheet {filled[0].title} (recognised)")
        if hidden:
            self._remark(f"hidden sheets not read: {', '.join(hidden)}")
        return filled[0]

    def _laid_out(
        self, rows: Sequence[Sequence[Any]], declared: str | None, merged: dict[int, int]
    ) -> Layout:
        """Understand the rows of headers: several are a tool's, one may span columns."""
        wide = max(map(len, rows))
        texts = [[self._text(value) for value in row] + [""] * (wide - len(row)) for row in rows]
        while wide > 1 and not any(row[wide - 1].strip() for row in texts):
            wide -= 1
            texts = [row[:wide] for row in texts]
        found = laid_out(texts if wide else [], declared, self.name)
        if found.rows > 1:
            return found
        names = self._headers(rows[0], merged)
        kinds = [*found.kinds, *[""] * len(names)][: len(names)]
        return replace(found, names=names, texts=list(names), kinds=kinds)

    def _headers(self, row: Sequence[Any], merged: dict[int, int]) -> list[str]:
        """Name every column; those under one merged cell are told apart by their place in it."""
        texts = [self._text(value).strip() for value in row]
        while texts and not texts[-1] and len(texts) - 1 not in merged:
            texts.pop()
        for at, first in merged.items():
            if at < len(texts) and texts[first] and not texts[at]:
                texts[at] = f"{texts[first]} [{at - first + 1}]"
        if merged and any(first < len(texts) and texts[first] for first in merged.values()):
            spans = sorted({texts[first] for first in merged.values() if first < len(texts)})
            self._remark(f"merged headers counted through: {', '.join(spans[:3])}")
        if not any(texts):
            raise IngestError(
                f"{self.name} sheet {self._sheet.title}: row {self._header_row} is empty; "
                "expected the headers",
                fix="Declare source.header_row in the mapping: the number of the row with the headers.",
            )
        return texts

    def _looked_through(self, path: Path) -> dict[int, int]:
        """Refuse a formula without a saved result; return column → first column of merged header cells."""
        merged: dict[int, int] = {}
        with zipfile.ZipFile(path) as archive, archive.open(self._sheet._worksheet_path) as xml:
            before = b""
            while piece := xml.read(PIECE):
                window = before + piece
                if unsaved := _UNSAVED.search(window):
                    raise IngestError(
                        f"{self.name} cell {unsaved[1].decode()} is a formula without a saved result",
                        fix="Open the workbook in a spreadsheet program, save it, and import it again.",
                    )
                for left, top, right, bottom in _MERGED.findall(window):
                    if int(top) == int(bottom):
                        first = _place(left.decode())
                        merged |= dict.fromkeys(range(first + 1, _place(right.decode()) + 1), first)
                before = window[-OVERLAP:]
        return merged

    def _remark(self, text: str) -> None:
        self.source = replace(self.source, remarks=(*self.source.remarks, text))


def _opened(path: Path, handle: BinaryIO) -> Any:
    import openpyxl
    from defusedxml import DefusedXmlException
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        # Formulas come as their saved results; defusedxml, installed beside it, refuses entities.
        # By a handle, as openpyxl goes by a file's name otherwise.
        return openpyxl.load_workbook(handle, read_only=True, data_only=True, keep_links=False)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError, SyntaxError) as error:
        if isinstance(error, DefusedXmlException) or isinstance(error.__context__, DefusedXmlException):
            raise IngestError(
                f"{path.name} declares entities in its XML, which no survey needs",
                fix="Do not trust the file; export the answers as CSV.",
            ) from None
        cause = next(iter(str(error).splitlines()), type(error).__name__).partition(" from /")[0]
        raise IngestError(
            f"{path.name} is a damaged workbook ({cause[:80]})", fix="Save or copy it again."
        ) from None


def _refuse_bombs(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            unfolded = sum(one.file_size for one in archive.infolist())
            inside = set(archive.namelist())
    except (zipfile.BadZipFile, OSError) as error:
        raise IngestError(f"{path.name} is a damaged workbook ({error})", fix="Copy it again.") from None
    if "xl/workbook.xml" not in inside:
        kind = next((kind for mark, kind in _OTHERS.items() if mark in inside), "another zip archive")
        raise IngestError(
            f"{path.name} is {kind}; expected CSV, TSV, XLSX or Parquet",
            fix="Save the sheet of answers as “Excel workbook (.xlsx)” or “CSV UTF-8” and import that.",
        )
    if unfolded > MOST_BYTES or unfolded > max(MOST_RATIO * path.stat().st_size, SMALL_BYTES):
        raise IngestError(
            f"{path.name} would unfold to {unfolded / 1e6:,.0f} MB; expected at most "
            f"{MOST_BYTES / 1e6:,.0f} MB, and {MOST_RATIO} times the file",
            fix="Export the answers as CSV, which has no limit; do not trust a file that came from outside.",
        )


def _measured(sheet: Any) -> Any:
    # What a sheet says of its own size can be wrong, or a trap.
    sheet.reset_dimensions()
    return sheet


def _is_filled(sheet: Any) -> bool:
    first = sheet.iter_rows(max_row=50, values_only=True)
    return any(value not in (None, "") for row in first for value in row)


def _is_total(row: Sequence[Any]) -> str:
    """Return the word by which a row says that it holds totals, or nothing."""
    first = next((value for value in row if value not in (None, "")), None)
    if not isinstance(first, str):
        return ""
    words = re.findall(r"\w+", first.casefold())
    return first if words and len(words) <= 2 and words[0] in TOTALS else ""


def _place(letters: str) -> int:
    out = 0
    for letter in letters:
        out = out * 26 + ord(letter) - 64
    return out - 1


def _column(place: int) -> str:
    out = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        out = chr(65 + rest) + out
    return out
