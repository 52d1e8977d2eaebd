"""Rows of what runs showed, one a run and wave; each function works on an open transaction."""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy import Connection, delete, insert, select, update

from cxlib.anonymity.rereleases import Issued
from cxlib.store.engagements import now
from cxlib.store.schema import release


def write_release(connection: Connection, run: str, wave_key: int, made: Issued) -> None:
    """Keep what a run shows of a wave; it is not out yet. A run made again takes the place of its draft."""
    mine = (release.c.run == run) & (release.c.wave == wave_key)
    connection.execute(delete(release).where(mine, release.c.out_at.is_(None)))
    if connection.execute(select(release.c.run).where(mine)).first():
        return
    content: dict[str, Any] = {
        "dims": made.dims,
        "cells": made.cells,
        "shown": sorted(made.shown),
        "withheld": sorted(made.withheld),
        "items": made.items,
    }
    members = made.digests.astype("<u8").tobytes() + made.places.astype("<u4").tobytes()
    members += made.people.astype("<u8").tobytes()
    members += made.answered.tobytes()
    values = {"run": run, "wave": wave_key, "content": content, "members": members, "made_at": now()}
    connection.execute(insert(release).values(values))


def mark_out(connection: Connection, run: str) -> None:
    """Say that a run is out from now on; one that is out already stays as it was."""
    connection.execute(
        update(release).where(release.c.run == run, release.c.out_at.is_(None)).values(out_at=now())
    )


def select_releases(connection: Connection, wave_key: int, *, run: str | None = None) -> dict[str, Issued]:
    """Return what is out of a wave by run, oldest first; or what one run shows of it, out or not."""
    wanted = release.c.out_at.is_not(None) if run is None else release.c.run == run
    rows = connection.execute(
        select(release).where(release.c.wave == wave_key, wanted).order_by(release.c.made_at)
    )
    return {row.run: _issued(row.content, row.members) for row in rows}


def _issued(content: dict[str, Any], members: bytes) -> Issued:
    items = tuple(content["items"])
    width = (len(items) + 7) // 8
    people = len(members) // (20 + width)
    bits = np.frombuffer(members, np.uint8, people * width, 20 * people).reshape(people, width)
    return Issued(
        tuple(content["dims"]),
        tuple(tuple(one) for one in content["cells"]),
        frozenset(tuple(one) for one in content["shown"]),
        frozenset((tuple(group), item) for group, item in content["withheld"]),
        np.frombuffer(members, "<u8", people),
        np.frombuffer(members, "<u4", people, 8 * people).astype(np.int64),
        items,
        bits,
        np.frombuffer(members, "<u8", people, 12 * people),
    )
