"""Corrections: an import that takes the place of answers of its wave, until it is undone.

A respondent counts in one batch of a wave. Where a later one takes over, the row of the earlier batch is
kept as `replaced`, and what still counts of that batch is a file of its own, its remainder: whoever reads a
batch reads that, and meets nobody twice. Each function works on an open transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, select, update

from cxlib.store.schema import ACTIVE, import_batch, remainder, replaced, respondent

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Remainder:
    """What still counts of a batch: rows, and the file that holds them, as it is staged."""

    rows: int
    staged: Path
    sha256: str


def select_places(connection: Connection, wave_key: int) -> dict[str, str]:
    """Map each active batch of a wave to the file that counts: the same as long as nothing came or went."""
    rows = connection.execute(
        select(import_batch.c.id, func.coalesce(remainder.c.path, import_batch.c.path).label("path"))
        .join_from(import_batch, remainder, isouter=True)
        .where(import_batch.c.wave == wave_key, import_batch.c.state == ACTIVE)
        .order_by(import_batch.c.key)
    )
    return {row.id: row.path for row in rows}


def set_aside(connection: Connection, wave_key: int, chosen: ColumnElement[bool]) -> None:
    """Free the chosen respondents of a wave for another batch, and remember in which they were."""
    mine = (respondent.c.wave == wave_key) & chosen
    held = select(respondent.c.wave, respondent.c.pseudonym, respondent.c.batch).where(mine)
    connection.execute(insert(replaced).from_select(["wave", "pseudonym", "batch"], held))
    connection.execute(delete(respondent).where(mine))


def give_back(connection: Connection, wave_key: int, batch_key: int) -> None:
    """Take a batch out of its wave: whom it replaced counts again where they were last, others not at all."""
    mine = (respondent.c.wave == wave_key) & (respondent.c.batch == batch_key)
    before = _before()
    connection.execute(
        update(respondent).where(mine, before.is_not(None)).values(batch=before),
        execution_options={"synchronize_session": False},
    )
    counts_again = exists().where(
        respondent.c.wave == replaced.c.wave,
        respondent.c.pseudonym == replaced.c.pseudonym,
        respondent.c.batch == replaced.c.batch,
    )
    connection.execute(delete(replaced).where(replaced.c.wave == wave_key, counts_again))
    connection.execute(delete(respondent).where(mine))
    connection.execute(delete(replaced).where(replaced.c.wave == wave_key, replaced.c.batch == batch_key))
    connection.execute(delete(remainder).where(remainder.c.batch == batch_key))


def _before() -> ColumnElement[int | None]:
    """The batch in which a respondent was last before the one in hand."""
    earlier = replaced.alias()
    return (
        select(func.max(earlier.c.batch))
        .where(earlier.c.wave == respondent.c.wave, earlier.c.pseudonym == respondent.c.pseudonym)
        .correlate(respondent)
        .scalar_subquery()
    )


def select_gaining(connection: Connection, wave_key: int, batch_key: int) -> list[int]:
    """List the batches (keys) to which respondents would come back if this one were taken out."""
    mine = (respondent.c.wave == wave_key) & (respondent.c.batch == batch_key)
    found = connection.execute(select(_before()).where(mine).distinct()).scalars()
    return sorted(key for key in found if key is not None)


def select_replaced(connection: Connection, batch_key: int) -> pa.Array:
    """Return whose answers in a batch do not count, as pseudonyms."""
    import pyarrow as pa

    found = connection.execute(select(replaced.c.pseudonym).where(replaced.c.batch == batch_key)).scalars()
    return pa.array(found, pa.string())


def select_remainders(connection: Connection, batches: Collection[int]) -> list[str]:
    """Return the paths of the remainders of some batches (keys)."""
    rows = connection.execute(select(remainder.c.path).where(remainder.c.batch.in_(batches)))
    return list(rows.scalars())


def write_remainders(
    connection: Connection, found: Mapping[int, tuple[Remainder, str]], whole: Collection[int] = ()
) -> None:
    """Say of batches (keys) what still counts of them and in which file, or that they are `whole` again."""
    connection.execute(delete(remainder).where(remainder.c.batch.in_([*found, *whole])))
    for key, (one, path) in found.items():
        values = {"batch": key, "rows": one.rows, "path": path, "parquet_sha256": one.sha256}
        connection.execute(insert(remainder).values(values))
