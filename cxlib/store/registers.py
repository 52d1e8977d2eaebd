"""Rows of the registers, one line a load; each function works on an open transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from cxlib.declarations import AssumptionSpec
from cxlib.registers import Kept
from cxlib.store.engagements import (
    checked_assumption,
    now,
    select_assumptions,
    storable,
    write_assumption,
)
from cxlib.store.records import RegisterRecord
from cxlib.store.schema import register

# What is kept line by line, too: an engagement file declares them, and the newest date counts.
ASSUMPTIONS = "assumptions"


def write_register(
    connection: Connection, slug: str, name: str, rows: Sequence[Mapping[str, Any]], author: str
) -> RegisterRecord:
    """Write a load of a register as its newest version; the same rows again are no new version."""
    before = select_register(connection, slug, name)
    plain = [dict(row) for row in rows]
    if before is not None and before.rows == plain:
        return before
    version = 1 if before is None else before.version + 1
    values = {"engagement": slug, "name": name, "version": version, "rows": plain}
    values |= {"author": storable(author, "the author")[:200], "at": now()}
    connection.execute(insert(register).values(values))
    if name == ASSUMPTIONS:
        for row in plain:
            spec = AssumptionSpec(**{key: value for key, value in row.items() if key != "id"})
            write_assumption(connection, slug, row["id"], checked_assumption(row["id"], spec))
    return RegisterRecord(name, version, plain, values["author"], values["at"])


def select_register(
    connection: Connection, slug: str, name: str, version: int | None = None
) -> RegisterRecord | None:
    """Return one version of a register, by default the newest."""
    found = select(register).where(register.c.engagement == slug, register.c.name == name)
    if version is not None:
        found = found.where(register.c.version == version)
    row = connection.execute(found.order_by(register.c.version.desc()).limit(1)).first()
    return None if row is None else _record(row)


def select_versions(connection: Connection, slug: str) -> dict[str, int]:
    rows = connection.execute(
        select(register.c.name, func.max(register.c.version).label("newest"))
        .where(register.c.engagement == slug)
        .group_by(register.c.name)
    )
    return {row.name: int(row.newest) for row in rows}


def select_registers(connection: Connection, slug: str) -> dict[str, Kept]:
    """Return the newest version of every register, by name; of the assumptions, each one's newest value."""
    found = {}
    for name in sorted(select_versions(connection, slug)):
        if (record := select_register(connection, slug, name)) is not None:
            found[name] = Kept(record.version, tuple(record.rows))
    if values := select_assumptions(connection, slug):
        version = found[ASSUMPTIONS].version if ASSUMPTIONS in found else 0
        rows = tuple({"id": id_, **one.model_dump()} for id_, one in values.items())
        found[ASSUMPTIONS] = Kept(version, rows)
    return {name: found[name] for name in sorted(found)}


def _record(row: Row[Any]) -> RegisterRecord:
    return RegisterRecord(row.name, row.version, list(row.rows), row.author, row.at)
