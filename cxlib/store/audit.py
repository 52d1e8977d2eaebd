"""Rows of the audit, each sealed with the one before; each function works on an open transaction.

The seal is a keyed digest over the row and the seal before it. Whoever changes, removes or slips in a row
breaks the chain, and without the key, which lies outside the database, cannot forge a new one. What was cut
off at its end only somebody can tell who kept a later seal: `cx audit` prints the last one for that.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from cxlib.errors import Problem
from cxlib.store.connect import take_turns
from cxlib.store.engagements import now
from cxlib.store.records import Event
from cxlib.store.schema import audit

FIRST = "0" * 64


def append(
    connection: Connection,
    key: bytes,
    event: str,
    actor: str,
    *,
    engagement: str = "",
    run: str = "",
    detail: str = "",
) -> Event:
    """Add what happened. `actor` is a pseudonym; no name of a person may stand in any of these."""
    # Two processes that add at the same moment would both seal the same row before theirs.
    take_turns(connection, audit.name)
    last = connection.execute(select(audit).order_by(audit.c.number.desc()).limit(1)).first()
    values: dict[str, Any] = {
        "number": 1 + (last.number if last else 0),
        "at": now().isoformat(timespec="milliseconds"),
        "event": event,
        "actor": actor,
        "engagement": engagement,
        "run": run,
        "detail": detail,
    }
    sealed = Event(**values, seal=_seal(key, last.seal if last else FIRST, values))
    connection.execute(insert(audit).values(**values, seal=sealed.seal))
    return sealed


def select_events(
    connection: Connection,
    *,
    engagements: tuple[str, ...] = (),
    before: int | None = None,
    limit: int | None = None,
) -> list[Event]:
    """Return what happened, the newest first; of some engagements, or of all where none is named."""
    found = select(audit).order_by(audit.c.number.desc())
    if engagements:
        found = found.where(audit.c.engagement.in_(engagements))
    if before is not None:
        found = found.where(audit.c.number < before)
    return [_event(row) for row in connection.execute(found.limit(limit) if limit else found)]


def check_chain(connection: Connection, key: bytes, *, holds: str = "") -> tuple[int, str, list[Problem]]:
    """Read the audit from its first row to its last and say where it was touched.

    Parameters
    ----------
    holds
        A seal that was kept elsewhere, whole or its first characters; empty for none.

    Returns
    -------
    The number of rows, the last seal, and the first break with whatever `holds` shows to be missing.
    """
    seal, rows, is_held, problems = FIRST, 0, not holds, []
    for row in connection.execute(select(audit).order_by(audit.c.number)):
        event = _event(row)
        values = {name: getattr(event, name) for name in _SEALED}
        if event.number != rows + 1:
            problems.append(Problem(f"row {rows + 1}", "is missing", f"row {event.number}"))
        elif not hmac.compare_digest(event.seal, _seal(key, seal, values)):
            problems.append(Problem(f"row {event.number}", "was changed, or the row before it was"))
        if problems:
            # From here on nothing can be told: every later seal stands on this one.
            rows = connection.execute(select(func.count()).select_from(audit)).scalar_one()
            return rows, event.seal, problems
        seal, rows = event.seal, event.number
        is_held = is_held or seal.startswith(holds)
    if not is_held:
        problems.append(Problem("the end", f"the row sealed {holds[:16]}… is gone", f"{rows} rows"))
    return rows, seal, problems


_SEALED = ("number", "at", "event", "actor", "engagement", "run", "detail")


def _seal(key: bytes, before: str, values: dict[str, Any]) -> str:
    told = json.dumps([before, *(values[name] for name in _SEALED)], ensure_ascii=True)
    return hmac.new(key, told.encode(), hashlib.sha256).hexdigest()


def _event(row: Row[Any]) -> Event:
    return Event(**row._mapping)
