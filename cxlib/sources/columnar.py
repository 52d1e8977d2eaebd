"""Parquet: every column cast to text, row group by row group."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from cxlib.errors import IngestError
from cxlib.sources.base import TEXT, Batch, Source
from cxlib.sources.presets import Layout


class ParquetSurvey:
    """A Parquet file, every column cast to text; see :class:`SurveyFile`."""

    def __init__(self, path: Path, source: Source, name: str = "") -> None:
        self.name = name or path.name
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
        self.layout = Layout(self.header)
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
            return array.cast(TEXT).fill_null("")
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
