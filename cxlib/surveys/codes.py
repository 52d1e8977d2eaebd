"""How questions and answers are called in a tool that does not take our ids, and how that is undone.

LimeSurvey takes letters and digits for a question, beginning with a letter, at most 20 of them, and its own
words are taken (https://github.com/LimeSurvey/LimeSurvey, application/models/Question.php, `rules`); for an
answer letters and digits, at most 5. Qualtrics takes whole numbers for an answer.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from cxlib.errors import ContractError
from cxlib.frames import DONT_KNOW, NOT_APPLICABLE

LONGEST_CODE: Final = 20
# Codes of no scale: `cxlib.frames` lets none reach above 127.
BESIDE: Final = {NOT_APPLICABLE: "998", DONT_KNOW: "999"}
_BELOW_ZERO: Final = 1000
# What LimeSurvey's expressions call something else, and the columns of its exports.
_TAKEN: Final = frozenset(
    (
        "lang", "sid", "savedid", "token", "qid", "gid", "sgq", "self", "that", "this", "id", "submitdate",
        "lastpage", "startlanguage", "seed", "startdate", "datestamp", "ipaddr", "refurl", "interviewtime",
        "other", "comment", "time",
    )
)  # fmt: skip
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def answer_code(answer: int) -> str:
    """Return what an answer is called in every tool: its level; 998, 999 beside a scale; 1003 for -3."""
    return BESIDE.get(answer) or str(answer if answer >= 0 else _BELOW_ZERO - answer)


def question_codes(ids: Iterable[str]) -> dict[str, str]:
    """Return LimeSurvey's code of each id: the id without dots and underscores, `s3.i04` → `s3i04`.

    Where that is too long, taken, or the same for two ids, it is the first letters and a checksum of the id.
    No two ids have the same code, whatever the case of its letters.

    Raises
    ------
    ContractError
        If two ids cannot be told apart by 20 letters and digits; nobody has seen that.
    """
    names = list(dict.fromkeys(ids))
    short = {name: re.sub(r"[^A-Za-z0-9]", "", name) for name in names}
    times = Counter(code.casefold() for code in short.values())
    found = {
        name: code
        if len(code) <= LONGEST_CODE
        and code[:1].isalpha()
        and times[code.casefold()] == 1
        and code.casefold() not in _TAKEN
        else f"q{code[:10]}{_checksum(name, 9)}"
        for name, code in short.items()
    }
    if len({code.casefold() for code in found.values()}) < len(found):
        raise ContractError("two ids have the same code in LimeSurvey", fix="Rename one of the items.")
    return found


def segment_codes(values: Sequence[str]) -> dict[str, str] | None:
    """Return a code of five digits for each value of a segment, which follows from the value alone.

    None if two values share one: they are then asked for in words. A place in the list would be another
    value's as soon as the list changes.
    """
    codes = {value: str(10_000 + int(_checksum(value, 12), 36) % 90_000) for value in values}
    return codes if len(set(codes.values())) == len(codes) else None


def role_key(role: str) -> str:
    """Name the hidden question by which a survey says whom it asks: its code alone tells."""
    return f"role.{role}"


def list_key(segment: str) -> str:
    """Name the question that asks for a segment by a list of codes; in words it bears the segment's id."""
    return f"{segment}.list"


def names_of(ids: Iterable[str], roles: Iterable[str], segments: Sequence[str]) -> list[str]:
    """List everything that may need a code in one engagement, so that both ways see the same."""
    return [*ids, *map(role_key, roles), *segments, *map(list_key, segments)]


def _checksum(text: str, length: int) -> str:
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:10])
    out = ""
    for _ in range(length):
        number, digit = divmod(number, 36)
        out += _DIGITS[digit]
    return out
