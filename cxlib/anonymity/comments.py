"""The door for words: under whose role a comment may be shown, or under nobody's, or not at all.

A comment can name its writer in any company, so a person of the house looks at each first; that is before
this door and no part of it. Here it is held that nothing beside the text tells who wrote it.

- It stands under its role and no other dimension, and that only where the release shows the role and at
  least k people of it wrote something to the question. Who wrote counts, not what is shown.
- Everybody else's are pooled, without a role, where at least k people wrote them.
- That there is a pool says that its roles hold at least k people. Where that could narrow a hidden role, or
  one that the pool leaves out, there is none.
- What is out stays out: beside the pools that approved runs show, nobody is in a company of fewer than k.

Source: this project's method, section 3 and rule 5 of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cxlib.anonymity.door import Release
from cxlib.frames import ROLE, WAVE, cut_name

# The role under which the pool stands.
EVERYONE_ELSE = ""

People = frozenset[str]
# Role (or EVERYONE_ELSE) → who wrote something.
Pools = dict[str, People]
# Open question → the people of each pool, as a run that is out shows them.
Out = Mapping[str, Sequence[People]]


@dataclass(frozen=True)
class Comment:
    """A comment before the door.

    Attributes
    ----------
    question, role
        Ids of the open question, and of the role of whoever wrote it.
    person
        Who wrote it: the same digest for everything that person wrote.
    place
        A keyed digest of its own, by which it is sorted: the order of a file would tell who is who.
    text
        What is to be shown; empty where nobody of the house has said that it may be.
    """

    question: str
    role: str
    person: str
    place: str
    text: str


def pools(
    comments: Sequence[Comment], released: Release, wave: str, threshold: int, out: Sequence[Out] = ()
) -> dict[str, Pools]:
    """Say of one wave under which role, or under none, comments may be shown, and who wrote them.

    Parameters
    ----------
    comments
        All of the wave, those that are not to be shown included: the threshold counts who wrote.
    released
        The release that the comments stand beside.
    threshold
        k of comments, people.
    out
        What each approved run of the wave shows already.

    Returns
    -------
    Open question → role → people. Questions and roles under which nothing may be shown are not there.
    """
    found: dict[str, Pools] = {}
    for question in sorted({one.question for one in comments}):
        wrote: dict[str, set[str]] = {}
        for one in comments:
            if one.question == question:
                wrote.setdefault(one.role, set()).add(one.person)
        by_role = {role: frozenset(people) for role, people in sorted(wrote.items())}
        kept = _pooled(by_role, released, wave, threshold)
        before = [tuple(one.get(question, ())) for one in out]
        while telling := told_by(before, kept, threshold):
            kept = {role: people for role, people in kept.items() if role not in telling}
        if kept:
            found[question] = kept
    return found


def shown(comments: Sequence[Comment], kept: Mapping[str, Pools]) -> list[tuple[str, str, str]]:
    """Return what may be shown: (question, role or EVERYONE_ELSE, text), in an order that tells nothing."""
    out = []
    for one in comments:
        allowed = kept.get(one.question, {})
        role = one.role if one.role in allowed else EVERYONE_ELSE
        # Membership again, not the role alone: who is in no pool is shown in none.
        if one.text and one.person in allowed.get(role, ()):
            out.append((one.question, role, one.place, one.text))
    return [(question, role, text) for question, role, _, text in sorted(out)]


def told_by(before: Sequence[Sequence[People]], now: Pools, threshold: int) -> set[str]:
    """Name the pools of one question by which, beside those that are out, few people are told apart.

    Whoever compares texts sees for each in which pools of which release it stands: people of the same places
    are one company, and each must be nobody or at least the threshold. A company that is in no pool now, of
    people erased since, say, tells on every pool that took in those they stood with.
    """
    if not any(before):
        return set()
    where = [
        {person: at for at, people in enumerate(pools_) for person in people}
        for pools_ in (list(now.values()), *before)
    ]
    everyone = set().union(*where)
    places = {person: tuple(one.get(person) for one in where) for person in everyone}
    sizes = Counter(places.values())
    names = list(now)
    telling: set[str] = set()
    for place, n in sizes.items():
        if n >= threshold:
            continue
        if place[0] is not None:
            telling.add(names[place[0]])
            continue
        telling |= {
            names[other[0]]
            for other in sizes
            if other[0] is not None
            and any(a is not None and a == b for a, b in zip(place[1:], other[1:], strict=True))
        }
    return telling


def _pooled(by_role: Pools, released: Release, wave: str, threshold: int) -> Pools:
    """Sort one question's people into those of a role and everyone else; neither beside what is out yet."""
    groups = released.groups[(released.groups[WAVE] == wave) & ~released.groups["is_hidden"]]
    n = dict(
        zip(*(groups.loc[groups["cut"] == cut_name((ROLE,)), name] for name in (ROLE, "n")), strict=True)
    )
    kept = {role: people for role, people in by_role.items() if role in n and len(people) >= threshold}
    rest = {role: people for role, people in by_role.items() if role not in kept}
    everyone = frozenset[str]().union(*rest.values())
    if len(everyone) < threshold:
        return kept
    # A pool says: its roles hold k people. Known already where those of them that are shown do. Otherwise it
    # is news of the hidden ones, but of all of them together: what the whole leaves of the shown roles.
    every = released.groups[(released.groups[WAVE] == wave) & (released.groups["cut"] == cut_name((ROLE,)))]
    veiled = set(every.loc[every["is_hidden"], ROLE])
    is_known = sum(int(n[role]) for role in rest if role in n) >= threshold
    has_whole = bool((groups["cut"] == "").any())
    return {**kept, EVERYONE_ELSE: everyone} if is_known or (has_whole and veiled <= set(rest)) else kept
