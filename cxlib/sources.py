"""Survey files as text: recognised by their marks, read in one pass, each row known by its number.

CSV is cut into blocks of whole records here and parsed by pyarrow block by block. pyarrow alone cannot
be trusted with it: a quotation mark that is never closed makes it swallow the rows that follow in
silence, and it knows row numbers only without threads.

Rows are numbered as a spreadsheet shows them: the header is row 1, and a line break inside quotation
marks does not begin a row.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from cxlib.errors import IngestError
from cxlib.mapping import SourceSpec

DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
BLOCK: Final = 16 << 20
PARSED: Final = 4 << 20
LONGEST_RECORD: Final = 16 << 20
QUOTE, NEWLINE, RETURN = b'"\n\r'

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SIGNATURES: Final = (
    (b"PK\x03\x04", "an Excel workbook (or another zip archive)"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook of the old kind (.xls)"),
    (b"\x1f\x8b", "compressed by gzip"),
    (b"%PDF", "a PDF"),
    (b"$FL2", "an SPSS file"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
)
_PARQUET: Final = b"PAR1"
_TEXT: Final = pa.string()
_CODED: Final = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class Source:
    """How a survey file is written; `recognised` names what the mapping left to be found out."""

    format: str
    encoding: str | None = None
    delimiter: str | None = None
    recognised: tuple[str, ...] = ()

    @property
    def notes(self) -> list[str]:
        """One sentence for each property: "separator ; (recognised)"."""
        shown = {"format": self.format, "encoding": self.encoding, "separator": self.delimiter}
        if self.delimiter is not None and not self.delimiter.isprintable():
            shown["separator"] = DELIMITERS.get(self.delimiter, repr(self.delimiter))
        return [
            f"{name} {value} ({'recognised' if name in self.recognised else 'declared'})"
            for name, value in shown.items()
            if value is not None
        ]


@dataclass(frozen=True)
class Batch:
    """Some responses as text without gaps.

    `columns` holds, by position in the header, string arrays, or dictionary arrays of strings; `rows`
    the number of each row; `misfits` the rows left out because their fields do not fit the header, each
    with the number of its fields.
    """

    columns: dict[int, pa.Array]
    rows: np.ndarray
    misfits: tuple[tuple[int, int], ...] = ()


class SurveyFile(Protocol):
    """A survey file that was recognised, and can be read once.

    `readable` holds the positions of the columns that can be text; `done` counts bytes, up to `size`.
    """

    source: Source
    header: list[str]
    readable: list[int]
    size: int
    done: int

    @property
    def sha256(self) -> str: ...

    def batches(self, columns: Collection[int], coded: Collection[int]) -> Iterator[Batch]: ...

    def close(self) -> None: ...


def open_survey(path: Path, spec: SourceSpec, wanted: Collection[str] = ()) -> SurveyFile:
    """Open a survey file and read its header.

    Parameters
    ----------
    path
        A CSV or Parquet file.
    spec
        What the mapping declares of the file; the rest is recognised.
    wanted
        Headers that the mapping reads: they decide between separators that are both possible.

    Raises
    ------
    IngestError
        If there is no such file, it is empty, or it is not what it is said to be.
    """
    if not path.is_file():
        kind = "is a folder" if path.is_dir() else "does not exist"
        raise IngestError(f"{path} {kind}; expected a CSV or Parquet file", fix="Check the path.")
    size = path.stat().st_size
    if size == 0:
        raise IngestError(
            f"{path.name} is empty (0 bytes); expected a header and at least one response",
            fix="Export it again.",
        )
    with path.open("rb") as file:
        head = file.read(16)
    is_parquet = head.startswith(_PARQUET)
    if spec.format == "parquet" and not is_parquet:
        raise IngestError(
            f"{path.name} is not a Parquet file, which the mapping declares",
            fix="Correct source.format in the mapping, or leave it out.",
        )
    if spec.format == "csv" and is_parquet:
        raise IngestError(
            f"{path.name} is a Parquet file; the mapping declares csv",
            fix="Correct source.format in the mapping, or leave it out.",
        )
    recognised = () if spec.format else ("format",)
    if is_parquet:
        return _ParquetSurvey(path, Source("parquet", recognised=recognised))
    for signature, kind in _SIGNATURES:
        if head.lower().startswith(signature.lower()):
            raise IngestError(
                f"{path.name} is {kind}; expected CSV or Parquet",
                fix="Save the sheet of answers as “CSV UTF-8” and import that.",
            )
    return _CsvSurvey(path, spec, head, recognised, wanted)


# ── CSV ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Scan:
    """Where records end in a piece of CSV that begins with one.

    `end` is the offset behind the last whole record, `records` how many there are before it; `fault`
    is the offset of the first misplaced quotation mark, or -1, and `fault_record` the records before.
    """

    end: int
    records: int
    has_long_fields: bool
    is_open: bool
    fault: int = -1
    fault_record: int = 0


def _scan(data: bytes, delimiters: bytes, *, is_last: bool) -> _Scan:
    """Find the ends of records, and hold every quotation mark to its place (RFC 4180).

    One that opens stands at the start of a field, one that closes at its end, one inside is doubled.
    Otherwise nobody can say where a row ends.
    """
    if QUOTE not in data:
        end = len(data) if is_last else _after_last_line(data)
        lines = _lines(data[:end])
        # A last line without a line break is a record too.
        lines += is_last and end > 0 and data[-1] not in (NEWLINE, RETURN)
        return _Scan(end, lines, has_long_fields=False, is_open=False)
    array = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(array == QUOTE)
    breaks = np.flatnonzero((array == NEWLINE) | (array == RETURN))
    following = np.append(array[1:], 0)[breaks]
    is_end = ~((array[breaks] == RETURN) & (following == NEWLINE))
    if not is_last and len(breaks) and array[-1] == RETURN:
        is_end[-1] = False  # a line feed may follow in the next piece
    inside = np.searchsorted(quotes, breaks) % 2 == 1
    ends = breaks[is_end & ~inside] + 1

    neighbours = np.frombuffer(bytes((QUOTE, NEWLINE, RETURN)) + delimiters, np.uint8)
    opening, closing = quotes[0::2], quotes[1::2]
    opening, closing = opening[opening > 0], closing[closing < len(data) - 1]
    faults = np.concatenate(
        (
            opening[~np.isin(array[opening - 1], neighbours)],
            closing[~np.isin(array[closing + 1], neighbours)],
        )
    )
    fault = int(faults.min()) if len(faults) else -1
    end, records = (int(ends[-1]), len(ends)) if len(ends) else (0, 0)
    is_open = len(quotes) % 2 == 1
    if is_last and end < len(data):
        end, records = len(data), records + 1
    return _Scan(
        end,
        records,
        has_long_fields=bool((inside & (breaks < end)).any()),
        is_open=is_open,
        fault=fault,
        fault_record=int(np.searchsorted(ends, fault, side="right")),
    )


def _after_last_line(data: bytes) -> int:
    if RETURN not in data:
        return data.rfind(b"\n") + 1
    last = max(data.rfind(b"\n"), data.rfind(b"\r", 0, len(data) - 1))
    return last + 1 if data[last + 1 : last + 2] != b"\n" else last + 2


def _lines(data: bytes) -> int:
    lines = data.count(b"\n")
    return lines if RETURN not in data else lines + data.count(b"\r") - data.count(b"\r\n")


class _CsvSurvey:
    """A CSV file; see :class:`SurveyFile`."""

    def __init__(
        self, path: Path, spec: SourceSpec, head: bytes, recognised: Sequence[str], wanted: Collection[str]
    ) -> None:
        self.name = path.name
        self.size = path.stat().st_size
        self.done = 0
        self._sha256 = hashlib.sha256()
        encoding = _encoding(self.name, spec, head)
        if spec.delimiter is not None and (spec.delimiter in '"\r\n' or not spec.delimiter.isascii()):
            raise IngestError(
                f"the separator {spec.delimiter!r} cannot separate fields",
                fix="Correct source.delimiter in the mapping.",
            )
        self._delimiters = (spec.delimiter or "".join(DELIMITERS)).encode()
        self._handle: BinaryIO = path.open("rb")
        try:
            self._blocks = self._read_blocks(encoding, is_declared=spec.encoding is not None)
            block, row, has_long_fields = next(self._blocks, (b"", 1, False))
            first = _first_record(block)
            delimiter, self.header = _header(self.name, first.decode(), spec.delimiter, wanted)
            self._delimiters = delimiter.encode()
            self._check(block, _scan(block, self._delimiters, is_last=True), 1)
        except BaseException:
            self.close()
            raise
        self.readable = list(range(len(self.header)))
        self._rest = (block[len(first) :], row + 1, has_long_fields)
        found = [*recognised]
        found += [] if spec.encoding else ["encoding"]
        found += [] if spec.delimiter else ["separator"]
        self.source = Source("csv", encoding, delimiter, tuple(found))

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes read so far: of the file, once every batch was taken."""
        return self._sha256.hexdigest()

    def close(self) -> None:
        self._handle.close()

    def batches(self, columns: Collection[int], coded: Collection[int]) -> Iterator[Batch]:
        """Read the rows; `columns` names what to read, `coded` what of it as dictionary arrays."""
        block, row, has_long_fields = self._rest
        if block:
            yield from self._parse(block, row, has_long_fields, columns, coded)
        for block, row, has_long_fields in self._blocks:
            yield from self._parse(block, row, has_long_fields, columns, coded)

    def _parse(
        self, block: bytes, row: int, has_long_fields: bool, columns: Collection[int], coded: Collection[int]
    ) -> Iterator[Batch]:
        names = [str(position) for position in range(len(self.header))]
        wanted = [names[position] for position in sorted(columns)]
        invalid: list[tuple[int, int]] = []

        def leave_out(one: pa.csv.InvalidRow) -> str:
            if one.number is None:  # with threads, pyarrow does not know the rows
                return "error"
            invalid.append((one.number, one.actual_columns))
            return "skip"

        def parse(threads: bool, size: int) -> pa.Table:
            return pa.csv.read_csv(
                pa.BufferReader(block),
                read_options=pa.csv.ReadOptions(column_names=names, use_threads=threads, block_size=size),
                parse_options=pa.csv.ParseOptions(
                    delimiter=self._delimiters.decode(),
                    ignore_empty_lines=False,
                    newlines_in_values=has_long_fields,
                    invalid_row_handler=leave_out,
                ),
                convert_options=pa.csv.ConvertOptions(
                    column_types={names[i]: _CODED if i in coded else _TEXT for i in columns},
                    include_columns=wanted,
                    strings_can_be_null=False,
                    check_utf8=False,
                ),
            )

        try:
            table = parse(threads=True, size=PARSED)
        except pa.ArrowInvalid:  # a row that does not fit, or is longer than the parser's block
            table = parse(threads=False, size=len(block) + 1)
        misfits = tuple((row + number - 1, fields) for number, fields in invalid)
        numbers = np.arange(row, row + table.num_rows + len(misfits))
        numbers = np.delete(numbers, np.array([number - row for number, _ in misfits], np.int64))
        start = 0
        for piece in table.to_batches():
            arrays = {int(name): piece.column(name) for name in wanted}
            yield Batch(arrays, numbers[start : start + piece.num_rows], misfits)
            start, misfits = start + piece.num_rows, ()
        if misfits:
            yield Batch({int(name): pa.array([], _TEXT) for name in wanted}, numbers[:0], misfits)

    def _read_blocks(self, encoding: str, *, is_declared: bool) -> Iterator[tuple[bytes, int, bool]]:
        """Cut the file into whole records in UTF-8, each piece with the row it begins at."""
        decoder = codecs.getincrementaldecoder(encoding)("strict")
        carry, row, is_start = b"", 1, True
        while True:
            raw = self._handle.read(BLOCK)
            before, self.done = self.done, self.done + len(raw)
            self._sha256.update(raw)
            if encoding == "utf-8" and raw.isascii() and not decoder.getstate()[0]:
                data = raw
            else:
                try:
                    text = decoder.decode(raw, final=not raw)
                except UnicodeDecodeError as error:
                    sound = carry + error.object[: error.start].decode(encoding).encode()
                    at = before + len(raw) - len(error.object) + error.start
                    raise self._undecodable(
                        error, encoding, at, row + self._records(sound), is_declared=is_declared
                    ) from None
                if is_start:
                    text = text.removeprefix("\ufeff")
                data = text.encode()
            is_start = False
            if (at := data.find(0)) >= 0:
                raise IngestError(
                    f"{self.name} row {row + self._records(carry + data[:at])}: a NUL byte; expected text",
                    fix="If the file is UTF-16 without its mark, declare source.encoding: utf-16-le; "
                    "otherwise export it again.",
                )
            data = carry + data
            scan = _scan(data, self._delimiters, is_last=not raw)
            self._check(data, scan, row)
            if not raw and scan.is_open:
                raise self._never_closed(row + scan.records - 1)
            if len(data) - scan.end > LONGEST_RECORD:
                if scan.is_open:
                    raise self._never_closed(row + scan.records)
                raise IngestError(
                    f"{self.name} row {row + scan.records} is longer than {LONGEST_RECORD >> 20} MB; "
                    "expected one response a row",
                    fix="Check that this is a survey export.",
                )
            carry = data[scan.end :]
            if scan.records:
                yield data[: scan.end], row, scan.has_long_fields
            row += scan.records
            if not raw:
                return

    def _records(self, data: bytes) -> int:
        """Count the records that end before the end of `data`."""
        return _scan(data, self._delimiters, is_last=False).records

    def _check(self, data: bytes, scan: _Scan, row: int) -> None:
        if scan.fault >= 0:
            around = data[max(0, scan.fault - 15) : scan.fault + 15].decode(errors="ignore")
            raise IngestError(
                f"{self.name} row {row + scan.fault_record}: a quotation mark in the middle of a field, "
                f"near {around!r}; expected it around a whole field, and doubled inside",
                fix="Export the file again with quoted text, or double the mark.",
            )

    def _never_closed(self, row: int) -> IngestError:
        return IngestError(
            f"{self.name} row {row}: a quotation mark opens and is never closed",
            fix="Close it, or export the file again: it may have been cut short.",
        )

    def _undecodable(
        self, error: UnicodeDecodeError, encoding: str, at: int, row: int, *, is_declared: bool
    ) -> IngestError:
        byte = error.object[error.start] if error.start < len(error.object) else 0
        found = f"{self.name} row {row}: byte 0x{byte:02X} at offset {at} is not {encoding.upper()}"
        if is_declared:
            return IngestError(
                f"{found}, which the mapping declares", fix="Correct source.encoding in the mapping."
            )
        return IngestError(
            found,
            fix="Declare source.encoding in the mapping (often cp1252), or save the file as UTF-8.",
        )


def _encoding(name: str, spec: SourceSpec, head: bytes) -> str:
    marked = next((encoding for mark, encoding in _BOMS if head.startswith(mark)), None)
    if spec.encoding is None:
        return marked or "utf-8"
    try:
        "a".encode(spec.encoding)
        declared = codecs.lookup(spec.encoding).name
    except (LookupError, UnicodeError, ValueError):
        raise IngestError(
            f"source.encoding {spec.encoding!r} is not an encoding of text",
            fix="Correct it in the mapping: utf-8, utf-16, cp1252, latin-1, mac-roman …",
        ) from None
    declared = declared.removesuffix("-sig")
    if marked and not marked.startswith(declared):
        raise IngestError(
            f"{name} begins with the mark of {marked.upper()}; the mapping declares {spec.encoding}",
            fix="Correct source.encoding in the mapping, or leave it out.",
        )
    return marked or declared


def _first_record(block: bytes) -> bytes:
    """Return the first record of a block of whole ones, its line break included."""
    start = 0
    while True:
        ends = [at for at in (block.find(b"\n", start), block.find(b"\r", start)) if at >= 0]
        if not ends:
            return block
        at = min(ends)
        if block.count(b'"', 0, at) % 2 == 0:
            return block[: at + 2] if block[at : at + 2] == b"\r\n" else block[: at + 1]
        start = at + 1


def _header(name: str, record: str, declared: str | None, wanted: Collection[str]) -> tuple[str, list[str]]:
    """Split the header; where no separator is declared, take the one that yields most of what is wanted."""
    best, found, best_score = declared or ",", [""], (-1, -1)
    sought = {header.strip() for header in wanted}
    for delimiter in [declared] if declared else DELIMITERS:
        try:
            fields = next(csv.reader(io.StringIO(record, newline=""), delimiter=delimiter), [""])
        except csv.Error:
            continue
        score = (len({field.strip() for field in fields} & sought), len(fields))
        if score > best_score:
            best, found, best_score = delimiter, fields, score
    if best_score < (0, 0):
        raise IngestError(f"{name} row 1 is not a header", fix="Check that this is a survey export.")
    return best, found


# ── Parquet ─────────────────────────────────────────────────────────────────────────────────────


class _ParquetSurvey:
    """A Parquet file, every column cast to text; see :class:`SurveyFile`."""

    def __init__(self, path: Path, source: Source) -> None:
        self.name = path.name
        self.source = source
        self.size = path.stat().st_size
        self.done = 0
        with path.open("rb") as handle:
            self.sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
        try:
            self._file = pa.parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
            self._schema = self._file.schema_arrow
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from None
        self.header = list(self._schema.names)
        self.readable = [i for i, kind in enumerate(self._schema.types) if _is_plain(kind)]

    def close(self) -> None:
        self._file.close()

    def batches(self, columns: Collection[int], coded: Collection[int]) -> Iterator[Batch]:
        """Read the rows; see :class:`SurveyFile`."""
        row, total = 2, max(1, self._file.metadata.num_rows)
        names = [self.header[position] for position in sorted(columns)]
        by_name = len(set(self.header)) == len(self.header)
        pieces = self._file.iter_batches(batch_size=1 << 16, columns=names if by_name else None)
        while True:
            try:
                piece = next(pieces, None)
            except (pa.ArrowException, OSError) as error:
                raise self._damaged(error) from None
            if piece is None:
                return
            arrays = {}
            for position in columns:
                array = self._text(piece.column(self.header[position] if by_name else position), position)
                arrays[position] = array.dictionary_encode() if position in coded else array
            self.done = self.size * (row - 2 + piece.num_rows) // total
            yield Batch(arrays, np.arange(row, row + piece.num_rows))
            row += piece.num_rows

    def _text(self, array: pa.Array, position: int) -> pa.Array:
        try:
            return array.cast(_TEXT).fill_null("")
        except (pa.ArrowException, UnicodeDecodeError):
            raise IngestError(
                f"{self.name} column {self.header[position]!r} holds {array.type}; "
                "expected text, numbers or dates",
                fix="Write one plain value a cell, or leave the column out.",
            ) from None

    def _damaged(self, error: Exception) -> IngestError:
        return IngestError(
            f"{self.name} is a damaged or truncated Parquet file ({str(error).splitlines()[0][:80]})",
            fix="Export or copy it again.",
        )


def _is_plain(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return not (pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
