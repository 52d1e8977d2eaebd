"""Rows of facilitators, of who is in, and of failed tries; each function works on an open transaction."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from cxlib.errors import ConflictError, NotFoundError, nearest
from cxlib.store.connect import take_turns
from cxlib.store.engagements import now
from cxlib.store.records import AccountRecord, Caller
from cxlib.store.schema import account, attempt, link, session

# A few mistypes cost nothing; from then on each try waits twice as long as the one before.
FREE_TRIES = 5
# Seconds after the last of them, doubled with every one that follows.
FIRST_WAIT = 5
LONGEST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=1)
# A link may be open in so many browsers at once. What a session may have is limited, so sessions are, too.
MOST_SESSIONS = 20

# ── Facilitators ────────────────────────────────────────────────────────────────────────────────


def insert_account(
    connection: Connection, name: str, password: str, engagements: Sequence[str]
) -> AccountRecord:
    """Add a facilitator; `password` is its hash.

    Raises
    ------
    ConflictError
        If there is one of this name.
    """
    if find_account(connection, name) is not None:
        raise ConflictError(
            f"there is a facilitator {name} already", fix=f"Set another password: cx user passwd {name}"
        )
    moment = now()
    values: dict[str, Any] = {
        "id": secrets.token_hex(4),
        "name": name,
        "password": password,
        "engagements": list(engagements),
        "made_at": moment,
        "changed_at": moment,
    }
    connection.execute(insert(account).values(values))
    return require_account(connection, name)


def select_accounts(connection: Connection) -> list[AccountRecord]:
    return [_account(row) for row in connection.execute(select(account).order_by(account.c.name))]


def find_account(connection: Connection, name: str) -> AccountRecord | None:
    return {one.name: one for one in select_accounts(connection)}.get(name)


def require_account(connection: Connection, name: str) -> AccountRecord:
    """Return a facilitator by name.

    Raises
    ------
    NotFoundError
        With the nearest name that exists.
    """
    known = {one.name: one for one in select_accounts(connection)}
    if name not in known:
        raise NotFoundError(
            f"no facilitator {name!a}{nearest(name, known)}", fix="`cx user list` lists them."
        )
    return known[name]


def change_password(connection: Connection, id: str, password: str, *, ends_sessions: bool) -> None:
    """Keep another hash; whoever is in by the old password is out, unless only the hash was made stronger."""
    connection.execute(update(account).where(account.c.id == id).values(password=password, changed_at=now()))
    if ends_sessions:
        connection.execute(delete(session).where(session.c.account == id))


def delete_account(connection: Connection, id: str) -> None:
    connection.execute(delete(session).where(session.c.account == id))
    connection.execute(delete(account).where(account.c.id == id))


def _account(row: Row[Any]) -> AccountRecord:
    return AccountRecord(**{**row._mapping, "engagements": tuple(row.engagements)})


# ── Who is in ───────────────────────────────────────────────────────────────────────────────────


def insert_session(
    connection: Connection,
    digest: str,
    ends_at: datetime,
    *,
    link: str | None = None,
    account: str | None = None,
) -> None:
    """Begin a session; the oldest of the same link or facilitator ends where there would be too many."""
    moment = now()
    connection.execute(delete(session).where(session.c.ends_at <= moment))
    whose = session.c.link == link if link is not None else session.c.account == account
    kept = select(session.c.digest).where(whose).order_by(session.c.made_at.desc(), session.c.digest)
    digests = [row.digest for row in connection.execute(kept)]
    connection.execute(delete(session).where(session.c.digest.in_(digests[MOST_SESSIONS - 1 :])))
    values = {"digest": digest, "link": link, "account": account, "made_at": moment, "ends_at": ends_at}
    connection.execute(insert(session).values(values))


def delete_session(connection: Connection, digest: str) -> None:
    connection.execute(delete(session).where(session.c.digest == digest))


def find_caller(connection: Connection, digest: str) -> Caller | None:
    """Return who is behind a session that has not ended, by whatever end: its own, or its link's."""
    row = connection.execute(
        select(
            session.c.ends_at,
            link.c.id.label("link"),
            link.c.name.label("link_name"),
            link.c.engagement,
            link.c.expires_at,
            link.c.revoked_at,
            account.c.id.label("account"),
            account.c.name.label("account_name"),
            account.c.engagements,
        )
        .select_from(session)
        .outerjoin(link, link.c.id == session.c.link)
        .outerjoin(account, account.c.id == session.c.account)
        .where(session.c.digest == digest)
    ).first()
    moment = now()
    if row is None or row.ends_at <= moment:
        return None
    if row.account is not None:
        seen = tuple(row.engagements)
        return Caller(digest, f"user {row.account}", row.account_name, True, seen, row.ends_at)
    if row.link is None or row.revoked_at is not None or row.expires_at <= moment:
        return None
    ends = min(row.ends_at, row.expires_at)
    return Caller(digest, f"link {row.link}", row.link_name, False, (row.engagement,), ends)


# ── Failed tries ────────────────────────────────────────────────────────────────────────────────


def count_try(connection: Connection, subjects: Sequence[str]) -> float:
    """Count a try before it is made, so that a hundred at once are a hundred; return seconds [s] to wait.

    Where there is a wait, the try is not to be made, and was not counted.
    """
    take_turns(connection, attempt.name)
    moment = now()
    connection.execute(delete(attempt).where(attempt.c.wait_until < moment - FORGOTTEN_AFTER))
    held = {
        row.subject: row
        for row in connection.execute(select(attempt).where(attempt.c.subject.in_(list(subjects))))
    }
    wait = max(((row.wait_until - moment).total_seconds() for row in held.values()), default=0.0)
    if wait > 0:
        return wait
    for subject in subjects:
        failed = 1 + (held[subject].failed if subject in held else 0)
        # A power of two that is bounded before it is made: tries are counted without end.
        seconds = FIRST_WAIT * 2 ** min(failed - FREE_TRIES, 20) if failed >= FREE_TRIES else 0
        until = moment + min(timedelta(seconds=seconds), LONGEST_WAIT)
        values = {"failed": failed, "wait_until": until}
        if subject in held:
            connection.execute(update(attempt).where(attempt.c.subject == subject).values(values))
        else:
            connection.execute(insert(attempt).values(subject=subject, **values))
    return 0.0


def forget_tries(connection: Connection, subjects: Sequence[str]) -> None:
    connection.execute(delete(attempt).where(attempt.c.subject.in_(list(subjects))))
