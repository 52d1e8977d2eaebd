"""The Parquet file of a batch: a row a respondent, written whole or not at all, and copied but for some."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cxlib.frames import COMMENT, RESPONDENT

ROWS_PER_GROUP: Final = 1 << 17


@contextmanager
def writer(out: Path | None, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """Open a Parquet file that appears whole or not at all.

    Its row groups do not depend on the batches, so that the same answers give the same bytes.
    """
    if out is None:
        yield lambda table: None
        return
    waiting: list[pa.Table] = []
    # Hardly a value stands twice in them.
    unlike = {one for one in schema.names if one == RESPONDENT or one.startswith(COMMENT)}
    descriptor, name = tempfile.mkstemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            with pq.ParquetWriter(
                handle,
                schema,
                compression={one: "zstd" if one in unlike else "none" for one in schema.names},
                use_dictionary=[one for one in schema.names if one not in unlike],
                write_statistics=False,
            ) as file:

                def write(table: pa.Table) -> None:
                    waiting.append(table)
                    while sum(one.num_rows for one in waiting) >= ROWS_PER_GROUP:
                        together = pa.concat_tables(waiting)
                        file.write_table(together.slice(0, ROWS_PER_GROUP), row_group_size=ROWS_PER_GROUP)
                        waiting[:] = [together.slice(ROWS_PER_GROUP)]

                yield write
                rest = pa.concat_tables(waiting) if waiting else schema.empty_table()
                if rest.num_rows:
                    file.write_table(rest, row_group_size=ROWS_PER_GROUP)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(out)
        _sync_folder(out.parent)
    finally:
        temporary.unlink(missing_ok=True)


def without(path: Path, people: pa.Array, out: Path) -> int | None:
    """Copy a batch's file but for the rows of some people; return how many rows are left.

    Where none of them is in it, nothing is written: None. Memory grows with `people` (pseudonyms), not with
    the file.
    """
    with pq.ParquetFile(path) as file:
        groups = range(file.num_row_groups)
        if not any(_are(file.read_row_group(at, [RESPONDENT]), people).true_count for at in groups):
            return None
        left = 0
        with writer(out, file.schema_arrow) as write:
            for at in groups:
                rows = file.read_row_group(at)
                rows = rows.filter(pc.invert(_are(rows, people)))
                left += rows.num_rows
                write(rows)
        return left


def _are(rows: pa.Table, people: pa.Array) -> pa.BooleanArray:
    column = rows[RESPONDENT].combine_chunks()
    return pc.is_in(column.cast(pa.string()), value_set=people)


def _sync_folder(folder: Path) -> None:
    """Make a new name in a folder survive a power loss, where the system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
