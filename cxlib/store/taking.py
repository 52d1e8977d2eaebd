"""Taking an import in and undoing it: files and rows together, so that neither is there without the other.

The file comes first, then the commit: a crash between them leaves a file that no row needs, which is swept,
never a row without its file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from cxlib.errors import ConflictError, CxError
from cxlib.store import batches, corrections, engagements
from cxlib.store.connect import Database
from cxlib.store.corrections import Remainder
from cxlib.store.files import LocalFolder, sha256_of
from cxlib.store.records import BatchRecord
from cxlib.store.schema import ACTIVE, import_batch

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Order:
    """An import that is to be taken in; see :meth:`cxlib.store.Store.add_batch`."""

    slug: str
    wave: str
    parquet: Path
    values: Mapping[str, Any]
    quality: Mapping[str, Any]
    corrects: Mapping[str, str] | None


def take_in(database: Database, local: LocalFolder, order: Order) -> BatchRecord:
    """Take an import in; see :meth:`cxlib.store.Store.add_batch`."""
    pseudonyms = batches.Pseudonyms(order.parquet)
    left: dict[str, Remainder] = {}
    try:
        about = {"rows": pseudonyms.rows, "parquet_sha256": sha256_of(order.parquet)}
        order = replace(order, values={**order.values, **about})
        # Before the write's turn: it reads and writes whole files, and others wait for a turn.
        for batch, path in (order.corrects or {}).items():
            if made := _remainder(local, path, pseudonyms.everyone()):
                left[batch] = made
        return _take_in(database, local, order, pseudonyms, left)
    finally:
        pseudonyms.close()
        for one in left.values():
            one.staged.unlink(missing_ok=True)


def _take_in(
    database: Database,
    local: LocalFolder,
    order: Order,
    pseudonyms: batches.Pseudonyms,
    left: Mapping[str, Remainder],
) -> BatchRecord:
    slug, wave, moment = order.slug, order.wave, engagements.now()
    batch_id = batches.new_batch_id(moment)
    relative = local.relative_batch_path(slug, batch_id)
    is_moving, wave_key, gone = False, 0, list[str]()
    moved = {id_: _place(local, slug, id_) for id_ in left}
    try:
        with database.write() as connection:
            wave_key = engagements.require_wave(connection, slug, wave)
            given = dict(order.values)
            same = batches.select_same(connection, wave_key, given["source_sha256"], given["mapping_digest"])
            if same is not None:
                raise ConflictError(
                    f"{given['source_name']} is in wave {wave} of {slug} already, as batch {same.id}",
                    fix="Nothing needs to be done; undo that batch first if it is to be read again.",
                )
            places = corrections.select_places(connection, wave_key)
            if order.corrects is not None and places != order.corrects:
                raise ConflictError(
                    f"wave {wave} of {slug} changed since the correction was looked at",
                    fix="Nothing was imported. Look again, and import again.",
                )
            given |= {
                "id": batch_id,
                "wave": wave_key,
                "state": ACTIVE,
                "framework": engagements.select_framework(connection, slug, wave_key).digest,
                "path": relative,
                "created_at": moment,
            }
            corrects = order.corrects is not None
            batches.insert_batch(connection, given, pseudonyms, order.quality, corrects=corrects)
            is_moving = True
            local.take_in(order.parquet, relative)
            keys = _keys(connection, left)
            gone = corrections.select_remainders(connection, keys.values())
            for id_, one in left.items():
                local.take_in(one.staged, moved[id_])
            corrections.write_remainders(
                connection, {keys[id_]: (one, moved[id_]) for id_, one in left.items()}
            )
            record = batches.select_batch(connection, batch_id)
    except batches.AlreadyAnsweredError:
        with database.read() as connection:
            conflict = batches.explain_conflict(connection, slug, wave, wave_key, pseudonyms)
        raise conflict from None
    except BaseException:
        if is_moving and not _may_know(database, batch_id):
            local.put_back(relative, order.parquet)
            _remove(local, moved.values())
        raise
    _remove(local, gone)
    return record


def undo(database: Database, local: LocalFolder, slug: str, batch_id: str | None) -> BatchRecord:
    """Undo an import; see :meth:`cxlib.store.Store.undo_batch`."""
    with database.write() as connection:
        engagements.require_engagement(connection, slug)
        chosen, key, wave_key = batches.select_to_undo(connection, slug, batch_id)
        gaining = corrections.select_gaining(connection, wave_key, key)
        gone = corrections.select_remainders(connection, [key, *gaining])
        record = batches.mark_undone(connection, chosen, key, wave_key)
        left: dict[int, tuple[Remainder, str]] = {}
        for one in gaining:
            row = connection.execute(
                select(import_batch.c.id, import_batch.c.path).where(import_batch.c.key == one)
            ).one()
            made = _remainder(local, row.path, corrections.select_replaced(connection, one))
            if made is not None:
                left[one] = made, _place(local, slug, row.id)
                local.take_in(made.staged, left[one][1])
        corrections.write_remainders(connection, left, gaining)
    # After the commit: a crash in between leaves an orphan, never a row without its file.
    _remove(local, [record.path, *gone])
    return record


def _remainder(local: LocalFolder, path: str, people: pa.Array) -> Remainder | None:
    """Stage what counts of a batch's file without some people; None where none of them is in it."""
    from cxlib.batchfile import without

    staged = local.staging / f"{Path(path).stem}-{token_hex(4)}.parquet"
    rows = without(local.root / path, people, staged)
    return None if rows is None else Remainder(rows, staged, sha256_of(staged))


def _place(local: LocalFolder, slug: str, batch_id: str) -> str:
    return local.relative_batch_path(slug, f"{batch_id}.{token_hex(4)}")


def _keys(connection: Connection, ids: Mapping[str, Any]) -> dict[str, int]:
    rows = connection.execute(
        select(import_batch.c.id, import_batch.c.key).where(import_batch.c.id.in_(list(ids)))
    )
    return {row.id: row.key for row in rows}


def _remove(local: LocalFolder, paths: Any) -> None:
    for path in paths:
        local.remove(path)


def _may_know(database: Database, batch_id: str) -> bool:
    """Tell whether a batch may have been committed, although its commit ended in an exception."""
    try:
        with database.read() as connection:
            return batches.is_known(connection, batch_id)
    except CxError:
        # Unknown: then its file stays where the row, if there is one, looks for it.
        return True
