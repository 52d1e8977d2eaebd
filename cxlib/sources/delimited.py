"""CSV: cut into blocks of whole records here, and parsed by pyarrow block by block.

pyarrow alone cannot be trusted with it: a quotation mark that is never closed makes it swallow the rows
that follow in silence, and it knows row numbers only without threads.

Rows are numbered as a spreadsheet shows them: the header is row 1, and a line break inside quotation
marks does not begin a row. Where a survey tool writes several rows of headers, the answers begin below.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv

from cxlib.errors import IngestError
from cxlib.mapping import SourceSpec
from cxlib.sources.base import CODED, DELIMITERS, TEXT, Batch, Source
from cxlib.sources.presets import LOOKED_AT, laid_out

BLOCK: Final = 16 << 20
PARSED: Final = 4 << 20
LONGEST_RECORD: Final = 16 << 20
QUOTE, NEWLINE, RETURN = b'"\n\r'
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_SEPARATOR: Final = re.compile(rb'"?sep=([,;\t|])"?\s*', re.IGNORECASE)

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


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
    following = np.zeros(len(breaks), np.uint8)
    has_next = breaks + 1 < len(array)
    following[has_next] = array[breaks[has_next] + 1]
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


class CsvSurvey:
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
            # One record more than headers, should the first be a line for Excel.
            records = _first_records(block, LOOKED_AT + 1)
            # The last line of a file may be a row of headers, and come by itself for want of a line break.
            while len(records) <= LOOKED_AT and (more := next(self._blocks, None)):
                block, has_long_fields = block + more[0], has_long_fields or more[2]
                records = _first_records(block, LOOKED_AT + 1)
            remarks: tuple[str, ...] = ()
            named = _SEPARATOR.fullmatch(records[0]) if records else None
            if named:  # it would stand in the way of everybody else
                block, row, records = block[len(records[0]) :], row + 1, records[1:]
                remarks = ("its first line names the separator",)
            records = records[:LOOKED_AT]
            declared = spec.delimiter or (named[1].decode() if named else None)
            first = records[0].decode() if records else ""
            delimiter, header = _header(self.name, first, declared, wanted)
            self._delimiters = delimiter.encode()
            self._check(block, _scan(block, self._delimiters, is_last=True), row)
            rows = [header, *(_fields(one.decode(), delimiter) for one in records[1:])]
            self.layout = laid_out(rows, spec.preset, self.name)
            self.header = self.layout.names
        except BaseException:
            self.close()
            raise
        self.readable = list(range(len(self.header)))
        heads = records[: self.layout.rows]
        self._rest = (block[sum(map(len, heads)) :], row + self.layout.rows, has_long_fields)
        found = [*recognised]
        found += [] if spec.encoding else ["encoding"]
        found += [] if spec.delimiter else ["separator"]
        remarks += (self.layout.remark(),) if self.layout.tool else ()
        self.source = Source("csv", encoding, delimiter, tuple(found), remarks)

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
        invalid: list[tuple[int, int, str]] = []

        def leave_out(one: pa.csv.InvalidRow) -> str:
            if one.number is None:  # with threads, pyarrow does not know the rows
                return "error"
            invalid.append((one.number, one.actual_columns, one.text))
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
                    column_types={names[i]: CODED if i in coded else TEXT for i in columns},
                    include_columns=wanted,
                    strings_can_be_null=False,
                    check_utf8=False,
                ),
            )

        # Threads gain nothing on a small file, and a process that ends at once can be aborted by theirs.
        is_long = len(block) > PARSED
        try:
            table = parse(threads=is_long, size=PARSED if is_long else len(block) + 1)
        except pa.ArrowInvalid:  # a row that does not fit, or is longer than the parser's block
            invalid.clear()
            table = parse(threads=False, size=len(block) + 1)
        misfits = tuple((row + number - 1, fields) for number, fields, _ in invalid)
        raw = tuple(text for *_, text in invalid)
        numbers = np.arange(row, row + table.num_rows + len(misfits))
        numbers = np.delete(numbers, np.array([number - row for number, _ in misfits], np.int64))
        start = 0
        for piece in table.to_batches():
            arrays = {int(name): piece.column(name) for name in wanted}
            yield Batch(arrays, numbers[start : start + piece.num_rows], misfits, raw)
            start, misfits, raw = start + piece.num_rows, (), ()
        if misfits:
            yield Batch({int(name): pa.array([], TEXT) for name in wanted}, numbers[:0], misfits, raw)

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
        if encoding != "utf-8":
            return IngestError(
                f"{found}, whose mark the file begins with",
                fix="It may have been cut short: export or copy it again.",
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


def _first_records(block: bytes, most: int) -> list[bytes]:
    """Return the first few records of a block of whole ones, their line breaks included."""
    found: list[bytes] = []
    begin = start = quotes = 0
    while begin < len(block) and len(found) < most:
        line = _LINE_END.search(block, start)
        at, end = line.span() if line else (len(block), len(block))
        quotes += block.count(b'"', start, at)
        start = end
        if line is None or quotes % 2 == 0:
            found.append(block[begin:end])
            begin = end
    return found


def _fields(record: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(record, newline=""), delimiter=delimiter), [""]) or [""]
    except csv.Error:
        return [""]


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
