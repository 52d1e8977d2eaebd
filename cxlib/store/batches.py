"""Rows of import batches and their respondents; each function works on an open transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    Text,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from cxlib.errors import ConflictError, ContractError, NotFoundError, nearest
from cxlib.frames import RESPONDENT
from cxlib.store.comments import forget_words
from cxlib.store.corrections import give_back, set_aside
from cxlib.store.records import BatchRecord
from cxlib.store.schema import ACTIVE, UNDONE, import_batch, quality, remainder, respondent, wave

if TYPE_CHECKING:
    import pyarrow.parquet as pq

# Sorted chunks walk the primary key once each instead of jumping through it at random.
CHUNK_ROWS = 250_000


def new_batch_id(moment: datetime) -> str:
    """Name a batch so that names sort by time and never meet: 20260110-101530-4f2a91c0."""
    return f"{moment.astimezone(UTC):%Y%m%d-%H%M%S}-{token_hex(4)}"


class Pseudonyms:
    """The `respondent` column of a finished Parquet file.

    Raises
    ------
    ContractError
        If the file is not Parquet or has no such text column.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.name = path.name
        try:
            self._file: pq.ParquetFile = pq.ParquetFile(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise ContractError(
                f"{path.name} is not a finished Parquet file: {error}", fix="Write and close it first."
            ) from None
        schema = self._file.schema_arrow
        if RESPONDENT not in schema.names or not _is_text(schema.field(RESPONDENT).type):
            raise ContractError(f"{path.name} has no text column {RESPONDENT!r}")
        self.rows: int = self._file.metadata.num_rows

    def close(self) -> None:
        self._file.close()

    def chunks(self, size: int) -> Iterator[list[str]]:
        """Read the column in sorted lists of at most `size`."""
        import pyarrow as pa
        import pyarrow.compute as pc

        for part in self._file.iter_batches(batch_size=size, columns=[RESPONDENT]):
            column = part.column(0)
            if column.null_count:
                raise ContractError(f"{self.name}: {column.null_count} rows name no respondent")
            text = column.cast(pa.string())
            yield text.take(pc.sort_indices(text)).to_pylist()

    def everyone(self) -> Any:
        """Read the whole column, as an Arrow array of text: 36 bytes a respondent."""
        import pyarrow as pa

        return self._file.read([RESPONDENT]).column(0).cast(pa.string()).combine_chunks()

    def repeated(self) -> int:
        """Count the rows whose respondent an earlier row named already; needs the column in memory."""
        import pyarrow.compute as pc

        distinct: int = pc.count_distinct(self._file.read([RESPONDENT]).column(0)).as_py()
        return self.rows - distinct


def _is_text(kind: Any) -> bool:
    import pyarrow.types as types

    if types.is_dictionary(kind):
        kind = kind.value_type
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


# ── Writing ─────────────────────────────────────────────────────────────────────────────────────


def insert_batch(
    connection: Connection,
    values: dict[str, Any],
    pseudonyms: Pseudonyms,
    told: Mapping[str, Any],
    *,
    corrects: bool = False,
) -> None:
    """Write a batch's row, what was told of it, and its respondents; one that `corrects` takes over those
    who are in the wave already.

    Raises
    ------
    ConflictError
        If another process has just imported the same file (PostgreSQL only: SQLite's writers take turns).
    AlreadyAnsweredError
        If a respondent is in the wave already, or twice in the file; roll back, then `explain_conflict`.
    """
    try:
        key = connection.execute(
            insert(import_batch).values(values).returning(import_batch.c.key)
        ).scalar_one()
    except IntegrityError:
        raise ConflictError(
            f"{values['source_name']} was imported by another process just now",
            fix="Nothing needs to be done.",
        ) from None
    if told:
        connection.execute(insert(quality).values(batch=key, content=as_json(told)))
    for chunk in pseudonyms.chunks(CHUNK_ROWS):
        if corrects:
            listed = respondent.c.pseudonym.in_(select(_as_rows(connection, chunk)))
            set_aside(connection, values["wave"], listed)
        if connection.dialect.name == "postgresql":
            _copy(connection, values["wave"], key, chunk)
        else:
            _insert(connection, values["wave"], key, chunk)


def _insert(connection: Connection, wave_key: int, batch_key: int, chunk: list[str]) -> None:
    rows = select(literal(wave_key, Integer), _as_rows(connection, chunk), literal(batch_key, Integer))
    try:
        connection.execute(insert(respondent).from_select(["wave", "pseudonym", "batch"], rows))
    except IntegrityError:
        raise AlreadyAnsweredError from None


def _copy(connection: Connection, wave_key: int, batch_key: int, chunk: list[str]) -> None:
    """Send rows by PostgreSQL's COPY, within the transaction that is open."""
    from psycopg.errors import UniqueViolation

    driver: Any = connection.connection.driver_connection
    columns = ("wave", "pseudonym", "batch")
    try:
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY respondent ({', '.join(columns)}) FROM STDIN") as copy,
        ):
            for pseudonym in chunk:
                copy.write_row((wave_key, pseudonym, batch_key))
    except UniqueViolation:
        raise AlreadyAnsweredError from None


def _as_rows(connection: Connection, chunk: list[str]) -> ColumnElement[str]:
    """See a list of pseudonyms as a column, by one parameter: a third of the time of one call a row."""
    if connection.dialect.name == "sqlite":
        column: ColumnElement[str] = func.json_each(json.dumps(chunk)).table_valued("value").c.value
        return column
    return func.unnest(literal(chunk, ARRAY(Text))).column_valued("given")


class AlreadyAnsweredError(Exception):
    """Someone in the file is in the wave already; never leaves the store."""


def explain_conflict(
    connection: Connection, slug: str, wave_id: str, wave_key: int, pseudonyms: Pseudonyms
) -> ConflictError:
    """Say why a file was refused."""
    return find_conflict(connection, slug, wave_id, wave_key, pseudonyms) or ConflictError(
        f"wave {wave_id} of {slug} changed during the import", fix="Import again."
    )


def find_conflict(
    connection: Connection, slug: str, wave_id: str, wave_key: int, pseudonyms: Pseudonyms
) -> ConflictError | None:
    """Say which imports the respondents of a file are in already, and how many they are."""
    found: dict[int, int] = {}
    for chunk in pseudonyms.chunks(CHUNK_ROWS):
        rows = connection.execute(
            select(respondent.c.batch, func.count())
            .where(
                respondent.c.wave == wave_key,
                respondent.c.pseudonym.in_(select(_as_rows(connection, chunk))),
            )
            .group_by(respondent.c.batch)
        )
        for key, count in rows:
            found[key] = found.get(key, 0) + count
    if not found:
        repeated = pseudonyms.repeated()
        if not repeated:
            return None
        return ConflictError(
            f"{repeated:,} rows name a respondent whom another row of the same file names",
            fix="Keep one row a respondent and import again.",
        )
    names = connection.execute(
        select(import_batch.c.source_name, import_batch.c.id, import_batch.c.key)
        .where(import_batch.c.key.in_(found))
        .order_by(import_batch.c.key)
    ).all()
    others = ", ".join(f"{found[row.key]:,} in {row.source_name} (batch {row.id})" for row in names)
    return ConflictError(
        f"{sum(found.values()):,} of {pseudonyms.rows:,} respondents have answered wave {wave_id} of {slug} "
        f"already: {others}; nothing was imported",
        fix="If it corrects or completes that one, import it with --correct; if it replaces all of it, undo "
        "that batch with cx undo and import again; otherwise leave these rows out.",
    )


def select_to_undo(connection: Connection, slug: str, batch_id: str | None) -> tuple[BatchRecord, int, int]:
    """Return the batch that `mark_undone` would take out, its key, and its wave's.

    Raises
    ------
    NotFoundError
        If there is no such active batch.
    ConflictError
        If a later one corrects it.
    """
    active = select_batches(connection, slug, state=ACTIVE)
    chosen = [one for one in active if batch_id in (None, one.id)][-1:]
    if not chosen:
        if batch_id is None:
            raise NotFoundError(
                f"engagement {slug} has no import that could be undone", fix="Nothing needs to be done."
            )
        undone = any(one.id == batch_id for one in select_batches(connection, slug, state=UNDONE))
        raise NotFoundError(
            f"batch {batch_id} of {slug} was undone already"
            if undone
            else f"engagement {slug} has no batch {batch_id!a}{nearest(batch_id, [one.id for one in active])}"
        )
    later = active[active.index(chosen[0]) + 1 :]
    resting = [one for one in later if one.wave == chosen[0].wave and one.rests_on_earlier]
    if resting:
        raise ConflictError(
            f"batch {chosen[0].id} is what batch {resting[-1].id} corrects: who answered the same there is "
            "counted here",
            fix=f"Undo that one first: cx undo {slug} --batch {resting[-1].id}.",
        )
    row = connection.execute(
        select(import_batch.c.key, import_batch.c.wave).where(import_batch.c.id == chosen[0].id)
    ).one()
    return chosen[0], row.key, row.wave


def mark_undone(connection: Connection, record: BatchRecord, key: int, wave_key: int) -> BatchRecord:
    """Free the respondents of a batch, or give them back to where they were, and keep its row."""
    give_back(connection, wave_key, key)
    forget_words(connection, key)
    changed = connection.execute(
        update(import_batch)
        .where(import_batch.c.key == key, import_batch.c.state == ACTIVE)
        .values(state=UNDONE, undone_at=datetime.now(UTC))
    )
    if changed.rowcount != 1:
        raise ConflictError(f"batch {record.id} of {record.engagement} was undone by someone else just now")
    return select_batch(connection, record.id)


# ── Reading ─────────────────────────────────────────────────────────────────────────────────────


def _records() -> Select[Any]:
    own = {"wave", "framework", "key", "rows", "path", "parquet_sha256"}
    columns = [column for column in import_batch.c if column.name not in own]
    counting = [
        func.coalesce(remainder.c[name], import_batch.c[name]).label(name)
        for name in ("rows", "path", "parquet_sha256")
    ]
    return (
        select(
            *columns,
            *counting,
            import_batch.c.rows.label("rows_imported"),
            quality.c.content.label("quality"),
            import_batch.c.framework.label("framework_digest"),
            wave.c.engagement,
            wave.c.id.label("wave"),
        )
        .join_from(import_batch, wave)
        .join(remainder, remainder.c.batch == import_batch.c.key, isouter=True)
        .join(quality, quality.c.batch == import_batch.c.key, isouter=True)
        .order_by(import_batch.c.key)
    )


def _record(row: Row[Any]) -> BatchRecord:
    return BatchRecord(**{**row._mapping, "quality": row.quality or {}})


def select_batch(connection: Connection, batch_id: str) -> BatchRecord:
    return _record(connection.execute(_records().where(import_batch.c.id == batch_id)).one())


def is_known(connection: Connection, batch_id: str) -> bool:
    return (
        connection.execute(select(import_batch.c.key).where(import_batch.c.id == batch_id)).first()
        is not None
    )


def select_batches(
    connection: Connection, slug: str, *, wave_key: int | None = None, state: str | None = ACTIVE
) -> list[BatchRecord]:
    """List batches in the order in which they came in."""
    query = _records().where(wave.c.engagement == slug)
    if wave_key is not None:
        query = query.where(import_batch.c.wave == wave_key)
    if state is not None:
        query = query.where(import_batch.c.state == state)
    return [_record(row) for row in connection.execute(query)]


def select_same(
    connection: Connection, wave_key: int, source_sha256: str, mapping_digest: str
) -> BatchRecord | None:
    """Find the active batch of the same file and the same mapping in a wave."""
    row = connection.execute(
        _records().where(
            import_batch.c.wave == wave_key,
            import_batch.c.source_sha256 == source_sha256,
            import_batch.c.mapping_digest == mapping_digest,
            import_batch.c.state == ACTIVE,
        )
    ).one_or_none()
    return None if row is None else _record(row)


def select_active_paths(connection: Connection) -> dict[str, str]:
    """Map the path of every file of an active batch, as it came in and what counts of it, to its SHA-256."""
    rows = connection.execute(
        select(import_batch.c.path, import_batch.c.parquet_sha256).where(import_batch.c.state == ACTIVE)
    )
    counting = connection.execute(select(remainder.c.path, remainder.c.parquet_sha256))
    return {row.path: row.parquet_sha256 for found in (rows, counting) for row in found}


def select_miscounted(connection: Connection) -> list[tuple[str, int, int]]:
    """List active batches whose rows and respondents differ in number: path, rows, respondents."""
    counted = select(respondent.c.batch, func.count().label("n")).group_by(respondent.c.batch).subquery()
    found = func.coalesce(counted.c.n, 0)
    counting = func.coalesce(remainder.c.rows, import_batch.c.rows)
    rows = connection.execute(
        select(import_batch.c.path, counting.label("rows"), found.label("found"))
        .join_from(import_batch, counted, import_batch.c.key == counted.c.batch, isouter=True)
        .join(remainder, remainder.c.batch == import_batch.c.key, isouter=True)
        .where(import_batch.c.state == ACTIVE, counting != found)
        .order_by(import_batch.c.key)
    )
    return [(row.path, row.rows, row.found) for row in rows]


def legible(name: str) -> str:
    """Replace what no database or terminal can show in a file's name; it is only ever shown."""
    return "".join(char if char.isprintable() else "�" for char in name)[:1000] or "unnamed"


def as_json(declared: Mapping[str, Any]) -> Any:
    """Return what JSON makes of `declared`, so that it reads back as it was given."""
    try:
        return json.loads(json.dumps(declared, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ContractError(f"`declared` cannot be written as JSON: {error}") from None
