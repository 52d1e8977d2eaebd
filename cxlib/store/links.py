"""Rows of what clients may see and by which links; each function works on an open transaction."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from cxlib.errors import NotFoundError, nearest
from cxlib.store.engagements import now, storable
from cxlib.store.records import LinkRecord, Publication
from cxlib.store.schema import link, publication, session

MOST_CHARACTERS = 200

# ── Published runs ──────────────────────────────────────────────────────────────────────────────


def insert_publication(connection: Connection, run: str, engagement: str, wave: str) -> bool:
    """Publish a run; False where it was published already."""
    if connection.execute(select(publication.c.run).where(publication.c.run == run)).first():
        return False
    values = {"run": run, "engagement": engagement, "wave": wave, "published_at": now()}
    connection.execute(insert(publication).values(values))
    return True


def delete_publication(connection: Connection, run: str) -> bool:
    """Take a run back; False where it was not published."""
    return connection.execute(delete(publication).where(publication.c.run == run)).rowcount > 0


def select_publications(
    connection: Connection, *, engagement: str | None = None, run: str | None = None
) -> list[Publication]:
    """Return what is published, the newest first."""
    found = select(publication).order_by(publication.c.run.desc())
    if engagement is not None:
        found = found.where(publication.c.engagement == engagement)
    if run is not None:
        found = found.where(publication.c.run == run)
    return [Publication(**row._mapping) for row in connection.execute(found)]


# ── Links ───────────────────────────────────────────────────────────────────────────────────────


def insert_link(
    connection: Connection, id: str, engagement: str, name: str, digest: str, lasts: timedelta, *, once: bool
) -> LinkRecord:
    moment = now()
    values: dict[str, Any] = {
        "id": id,
        "engagement": engagement,
        "name": storable(name, "the name")[:MOST_CHARACTERS],
        "digest": digest,
        "once": once,
        "made_at": moment,
        "expires_at": moment + lasts,
        "opened": 0,
    }
    connection.execute(insert(link).values(values))
    return select_link(connection, id)


def select_links(connection: Connection, engagement: str | None = None) -> list[LinkRecord]:
    """Return the links, the newest first."""
    found = select(link).order_by(link.c.made_at.desc(), link.c.id)
    if engagement is not None:
        found = found.where(link.c.engagement == engagement)
    return [_record(row) for row in connection.execute(found)]


def select_link(connection: Connection, id: str) -> LinkRecord:
    """Return a link by its id.

    Raises
    ------
    NotFoundError
        With the nearest id that exists.
    """
    known = {one.id: one for one in select_links(connection)}
    if id not in known:
        raise NotFoundError(f"no link {id!a}{nearest(id, known)}", fix="`cx links` lists them.")
    return known[id]


def find_link(connection: Connection, id: str, digest: str, *, to_open: bool = False) -> LinkRecord | None:
    """Return the link that a token's digest belongs to; one that is to be opened is held until it is."""
    found = select(link).where(link.c.id == id)
    # Of two that open a link meant once, the second has to see that the first did. SQLite knows no such hold
    # and needs none.
    row = connection.execute(found.with_for_update() if to_open else found).first()
    return _record(row) if row and hmac.compare_digest(row.digest, digest) else None


def mark_opened(connection: Connection, id: str, moment: datetime) -> None:
    connection.execute(update(link).where(link.c.id == id).values(opened=link.c.opened + 1, opened_at=moment))


def mark_revoked(connection: Connection, id: str) -> None:
    """End a link, and every session that it opened."""
    connection.execute(
        update(link).where(link.c.id == id, link.c.revoked_at.is_(None)).values(revoked_at=now())
    )
    connection.execute(delete(session).where(session.c.link == id))


def forget_name(connection: Connection, id: str) -> None:
    """Forget whom a link was made for; in the audit only its id stands anyway."""
    connection.execute(update(link).where(link.c.id == id).values(name=""))


def _record(row: Row[Any]) -> LinkRecord:
    return LinkRecord(**{name: value for name, value in row._mapping.items() if name != "digest"})
