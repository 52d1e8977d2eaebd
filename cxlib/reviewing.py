"""What people wrote, inside the house: read from the imports, looked at by a person, handed to the door.

Nothing here has passed the door: it is for whoever answers for the engagement, and for no report.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from cxlib.anonymity.comments import Comment, Pools, pools
from cxlib.anonymity.door import Release
from cxlib.conversion import LONGEST_COMMENT, words
from cxlib.errors import DeclarationError, NotFoundError
from cxlib.frames import COMMENT, RESPONDENT, ROLE
from cxlib.store import LEAVE, SHOW, BatchRecord, Review, Store


@dataclass(frozen=True)
class Written:
    """A comment as somebody of the house sees it: who wrote it is a digest, and what was said of it."""

    question: str
    role: str
    text: str
    digest: str
    person: str
    batch: str
    review: Review | None = None

    @property
    def is_new(self) -> bool:
        """Whether nobody has said yet whether it may be shown."""
        return self.review is None or not self.review.verdict

    @property
    def shown(self) -> str:
        """The words that may be shown, or none."""
        if self.review is None or not self.review.is_shown:
            return ""
        return self.review.words or self.text


def open_questions(batches: Iterable[BatchRecord], language: str) -> dict[str, str]:
    """Return the open questions of imports by id, in one language, or the first that they are written in."""
    asked = [one for batch in batches for one in batch.declared.get("questions", ())]
    return {one["id"]: _in(one["text"], language) for one in asked}


def _in(text: str | Mapping[str, str], language: str) -> str:
    return text if isinstance(text, str) else text.get(language) or next(iter(text.values()))


def written(store: Store, slug: str, wave: str) -> list[Written]:
    """Return every comment of a wave, in an order that tells nothing of who wrote it."""
    import pyarrow.parquet as pq

    key = store.pseudonym_key(slug)
    reviews = store.reviews(slug, wave)
    out = []
    for batch in store.batches(slug, wave):
        path = store.batch_path(batch)
        columns = [name for name in pq.read_schema(path).names if name.startswith(COMMENT)]
        if not columns:
            continue
        held = pq.read_table(path, columns=[RESPONDENT, ROLE, *columns]).to_pydict()
        for column in columns:
            question = column.removeprefix(COMMENT)
            for person, role, text in zip(held[RESPONDENT], held[ROLE], held[column], strict=True):
                if text:
                    digest = _digest(key, wave, person, question, text)
                    out.append(
                        Written(
                            question,
                            role,
                            text,
                            digest,
                            # Another in each question, so that no two lists can be laid together.
                            _digest(key, "person", wave, question, person),
                            batch.id,
                            reviews.get(digest),
                        )
                    )
    return sorted(out, key=lambda one: (one.question, one.digest))


def _digest(key: bytes, *parts: str) -> str:
    # No part can hold NUL.
    return hashlib.blake2b("\0".join(parts).encode(), key=key, digest_size=16).hexdigest()


def listed(store: Store, slug: str, wave: str) -> list[Written]:
    """Return every comment of a wave with its number; one that had none is numbered now."""
    found = written(store, slug, wave)
    if any(one.review is None for one in found):
        store.number_comments(slug, wave, [(one.digest, one.batch) for one in found])
        found = written(store, slug, wave)
    return sorted(found, key=lambda one: one.review.number if one.review else 0)


def review(
    store: Store,
    slug: str,
    wave: str,
    *,
    show: Collection[int] = (),
    leave: Collection[int] = (),
    reword: Mapping[int, str] | None = None,
    by: str = "",
) -> int:
    """Keep what a person says of comments that were listed, and return how many they are.

    Parameters
    ----------
    show, leave, reword
        Numbers of comments to show as they are, not to show, and to show in other words.

    Raises
    ------
    NotFoundError
        If there is no comment of a number, or nobody has listed it yet; nothing is kept then.
    DeclarationError
        If a comment is named twice, or the other words are none or too long.
    """
    said = [*((one, SHOW, "") for one in show), *((one, LEAVE, "") for one in leave)]
    said += [(one, SHOW, words(text)) for one, text in (reword or {}).items()]
    verdicts = {number: (verdict, text) for number, verdict, text in said}
    if len(verdicts) < len(said):
        raise DeclarationError("a comment is named twice", fix="Say one thing of each comment.")
    for number in reword or {}:
        if not 0 < len(verdicts[number][1]) <= LONGEST_COMMENT:
            raise DeclarationError(
                f"the other words for comment {number} are {len(verdicts[number][1]):,} characters; "
                f"expected 1 to {LONGEST_COMMENT:,}",
                fix=f"To show nothing: --leave {number}.",
            )
    known = {one.review.number for one in written(store, slug, wave) if one.review}
    if unknown := sorted(set(verdicts) - known):
        raise NotFoundError(
            f"{slug}, wave {wave}: no comment {', '.join(map(str, unknown))} that was listed",
            fix=f"See what people wrote first: cx comments {slug} --wave {wave}",
        )
    store.set_reviews(slug, wave, verdicts, author=by)
    return len(verdicts)


def at_the_door(
    store: Store, slug: str, wave: str, released: Release, threshold: int
) -> tuple[list[Comment], dict[str, Pools]]:
    """Return a wave's comments as the door sees them, and the pools in which it shows them."""
    found = [
        Comment(one.question, one.role, one.person, one.digest, one.shown)
        for one in written(store, slug, wave)
    ]
    out = [one.comments for one in store.releases(slug, wave).values()] if found else []
    return found, pools(found, released, wave, threshold, out)
