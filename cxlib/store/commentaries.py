"""Rows of the commentary, one line a version; each function works on an open transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, insert, select

from cxlib.commentary import Commentary
from cxlib.errors import ConflictError
from cxlib.store.engagements import now, storable
from cxlib.store.schema import commentary


def write_commentary(connection: Connection, wave_key: int, made: Commentary, author: str) -> Commentary:
    """Write the version that comes after the newest; whoever was begun from an older one is refused."""
    newest = select_commentary(connection, wave_key).version
    if made.version != newest + 1:
        raise ConflictError(
            f"the commentary is at version {newest} by now; somebody else has saved",
            fix="Print the newest with `cx comment … --show`, put your changes into it, and save that.",
        )
    plain = made.to_plain()
    content = {name: plain[name] for name in ("foreword", "chapters", "tone")}
    values: dict[str, Any] = {"wave": wave_key, "version": made.version, "content": content}
    values |= {"author": storable(author, "the author")[:200], "at": now()}
    connection.execute(insert(commentary).values(values))
    return select_commentary(connection, wave_key)


def select_commentary(connection: Connection, wave_key: int, version: int | None = None) -> Commentary:
    """Return one version, by default the newest; version 0, and nothing, where there is none."""
    found = select(commentary).where(commentary.c.wave == wave_key)
    if version is not None:
        found = found.where(commentary.c.version == version)
    row = connection.execute(found.order_by(commentary.c.version.desc()).limit(1)).first()
    return Commentary() if row is None else _record(row)


def select_versions(connection: Connection, wave_key: int) -> tuple[Commentary, ...]:
    rows = connection.execute(
        select(commentary).where(commentary.c.wave == wave_key).order_by(commentary.c.version)
    )
    return tuple(_record(row) for row in rows)


def _record(row: Row[Any]) -> Commentary:
    return Commentary.from_plain(
        {
            **row.content,
            "version": row.version,
            "author": row.author,
            "at": row.at.isoformat(timespec="seconds"),
        }
    )
