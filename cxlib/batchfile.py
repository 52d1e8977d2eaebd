"""The Parquet file of a batch, a row a respondent: written whole or not at all, streamed, copied in part."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cxlib.errors import ContractError, Problem, nearest
from cxlib.frames import COMMENT, RESPONDENT

ROWS_PER_GROUP: Final = 1 << 17
# Smaller files are read before a thread is at work.
WORTH_A_THREAD: Final = 1 << 20


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


def read_batches(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    columns: Sequence[str],
    batch_rows: int = 1 << 17,
    groups: Collection[int] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Stream columns of Parquet files, one batch ahead of whoever counts them.

    Parameters
    ----------
    paths
        Files, or folders whose `*.parquet` files are read in the order of their names.
    columns
        Items and dimensions; other columns are not decoded.
    batch_rows
        Respondents in a batch; what is held in memory grows with it, and not with the files.
    groups
        Row groups to read of each file; by default all.

    Raises
    ------
    ContractError
        If there is no file, or a file lacks a column.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    folders = (sorted(path.rglob("*.parquet")) if path.is_dir() else [path] for path in map(Path, given))
    files = list(chain.from_iterable(folders))
    if not files:
        raise ContractError(f"no Parquet file in {', '.join(map(str, given)) or 'an empty list of paths'}")
    source = chain.from_iterable(_file_batches(file, columns, batch_rows, groups) for file in files)
    if sum(file.stat().st_size for file in files) < WORTH_A_THREAD:
        yield from source
        return
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(next, source, None)
        while (batch := ahead.result()) is not None:
            ahead = pool.submit(next, source, None)
            yield batch


def _file_batches(
    path: Path, columns: Sequence[str], batch_rows: int, groups: Collection[int] | None
) -> Iterator[pa.RecordBatch]:
    try:
        schema = pq.read_schema(path)
    except pa.ArrowInvalid as error:
        raise ContractError(f"{path} cannot be read as Parquet: {error}") from error
    missing = [name for name in columns if name not in schema.names]
    if missing:
        raise ContractError(
            f"{path}: {len(missing)} of {len(columns)} columns are missing",
            problems=[Problem(f"column {name}", f"missing{nearest(name, schema.names)}") for name in missing],
        )
    text = [name for name in columns if is_text(schema.field(name).type)]
    with pq.ParquetFile(path, read_dictionary=text) as file:
        # Row group by row group: asked for all at once, Arrow would buffer the whole file.
        for group in range(file.num_row_groups) if groups is None else groups:
            yield from file.iter_batches(batch_rows, row_groups=[group], columns=list(columns))


def is_text(kind: pa.DataType) -> bool:
    """Say whether a column of this type is text, plain or dictionary; all null counts as both."""
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    return any(test(plain) for test in tests)


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
