"""What was said of comments by whoever looked at them; each function works on an open transaction.

The store holds a keyed digest of a comment, never its text; only what somebody put in its place is kept, and
goes when the import of the comment is undone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from cxlib.store.engagements import now, storable
from cxlib.store.records import Review
from cxlib.store.schema import comment, import_batch


def select_reviews(connection: Connection, wave_key: int) -> dict[str, Review]:
    """Return what was said of each comment that was ever listed, by its digest."""
    rows = connection.execute(select(comment).where(comment.c.wave == wave_key).order_by(comment.c.number))
    return {
        row.digest: Review(row.number, row.verdict or "", row.words or "", row.author, row.at) for row in rows
    }


def write_numbers(connection: Connection, wave_key: int, found: Sequence[tuple[str, str]]) -> None:
    """Number the comments that have none yet, in the order given: pairs (digest, id of its batch).

    A number is never given twice, so that it means the same comment however much is imported meanwhile.
    """
    known = {
        row.digest: row.batch
        for row in connection.execute(
            select(comment.c.digest, comment.c.batch).where(comment.c.wave == wave_key)
        )
    }
    keys = {
        row.id: row.key
        for row in connection.execute(
            select(import_batch.c.id, import_batch.c.key).where(import_batch.c.wave == wave_key)
        )
    }
    last = connection.execute(
        select(func.coalesce(func.max(comment.c.number), 0)).where(comment.c.wave == wave_key)
    ).scalar_one()
    new = [(digest, keys[batch]) for digest, batch in found if digest not in known]
    rows: list[dict[str, Any]] = [
        {"wave": wave_key, "digest": digest, "number": number, "batch": batch, "author": ""}
        for number, (digest, batch) in enumerate(new, last + 1)
    ]
    if rows:
        connection.execute(insert(comment), rows)
    for digest, batch in found:
        # Imported again after it was undone: it goes with that import now.
        if known.get(digest, keys[batch]) != keys[batch]:
            mine = (comment.c.wave == wave_key) & (comment.c.digest == digest)
            connection.execute(update(comment).where(mine).values(batch=keys[batch]))


def write_verdicts(
    connection: Connection, wave_key: int, verdicts: Mapping[int, tuple[str, str]], author: str
) -> None:
    """Keep what is said of comments: number → verdict and other words, or none; over what was said before."""
    moment, by = now(), storable(author, "the author")[:200]
    for number, (verdict, words) in verdicts.items():
        connection.execute(
            update(comment)
            .where(comment.c.wave == wave_key, comment.c.number == number)
            .values(verdict=verdict, words=storable(words, "the words") or None, author=by, at=moment)
        )


def forget_words(connection: Connection, batch_key: int) -> None:
    """Forget what was put in the place of a batch's comments, and that it was: somebody has to look again."""
    connection.execute(
        update(comment)
        .where(comment.c.batch == batch_key, comment.c.words.is_not(None))
        .values(words=None, verdict=None, author="", at=None)
    )
