"""The door for words: who stands beside whom, and what several releases tell together."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from cxlib.anonymity import Release
from cxlib.anonymity.comments import EVERYONE_ELSE, Comment, Out, pools, shown, told_by
from tests.samples import people, sample

K = 10
SPREAD = [1, 2, 3, 4, 5]


def released(**n: int) -> Release:
    """Return a release of so many people a role, all of one place."""
    rows = [row for role, of in n.items() for row in people(of, role, grain_mill=SPREAD)]
    return sample(rows, cuts=((), ("role",))).release


def hidden(release: Release) -> set[str]:
    groups = release.groups
    return set(groups.loc[groups["is_hidden"], "role"])


def wrote(question: str = "why", /, **n: int) -> list[Comment]:
    """Return a comment each of the first so many people of a role."""
    return [
        Comment(question, role, f"{role}{at}", f"{at * 7919 % 1009:04}-{role}", f"{role} {at} says")
        for role, of in n.items()
        for at in range(of)
    ]


def kept(comments: list[Comment], release: Release, out: list[Out] | None = None) -> dict[str, Any]:
    """Return role → number of people who wrote, of the one question there is."""
    found = pools(comments, release, "w1", K, out or [])
    return {role: len(of) for role, of in found.get("why", {}).items()}


def told(comments: list[Comment], release: Release) -> Counter[str]:
    rows = shown(comments, pools(comments, release, "w1", K))
    return Counter(role for _, role, _ in rows)


# ── One release ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("n", "seen"), [(0, {}), (1, {}), (9, {}), (10, {"guest": 10}), (11, {"guest": 11})])
def test_a_role_is_named_from_ten_of_its_people_on(n: int, seen: dict[str, int]) -> None:
    release = released(owner=20, team=20, guest=30)
    assert not hidden(release)
    assert told(wrote(guest=n), release) == seen


def test_people_count_and_not_comments() -> None:
    twice = [*wrote(guest=9), Comment("why", "guest", "guest0", "zz", "and another thing")]
    assert told(twice, released(owner=20, team=20, guest=30)) == {}


def test_who_wrote_counts_whether_or_not_it_is_shown() -> None:
    seen = wrote(guest=10)
    left = [*seen[:1], *(Comment(one.question, one.role, one.person, one.place, "") for one in seen[1:])]
    assert told(left, released(owner=20, team=20, guest=30)) == {"guest": 1}
    assert told(left[:9], released(owner=20, team=20, guest=30)) == {}


def test_questions_are_held_apart() -> None:
    both = [*wrote(guest=9), *wrote("what", team=9)]
    assert pools(both, released(owner=20, team=20, guest=30), "w1", K) == {}


def test_what_is_left_is_pooled_without_a_role() -> None:
    release = released(owner=20, team=20, guest=30)
    assert told(wrote(owner=4, team=6, guest=12), release) == {EVERYONE_ELSE: 10, "guest": 12}
    assert told(wrote(owner=4, team=5, guest=12), release) == {"guest": 12}


def test_a_hidden_role_is_never_named_but_may_stand_in_the_pool_with_all_that_are_hidden() -> None:
    release = released(owner=3, team=20, guest=30)
    assert hidden(release) == {"owner", "team"}
    assert told(wrote(owner=1, team=12, guest=12), release) == {EVERYONE_ELSE: 13, "guest": 12}


def test_a_pool_that_is_one_hidden_role_by_elimination_is_withheld() -> None:
    """That ten of the team wrote would say that the team is ten at least, and so what is left for owners."""
    release = released(owner=3, team=20, guest=30)
    assert told(wrote(team=12, guest=12), release) == {"guest": 12}


def test_a_pool_that_would_narrow_a_hidden_role_is_withheld() -> None:
    """Seven guests and a pool of eleven: four of the hidden wrote. Of which, all of them have to be in it."""
    release = released(owner=3, team=6, guest=7)
    assert hidden(release) == {"owner", "team"}
    assert told(wrote(team=4, guest=7), release) == {}
    assert told(wrote(owner=1, team=4, guest=7), release) == {EVERYONE_ELSE: 12}


def test_the_shown_roles_of_a_pool_may_say_all_that_it_says() -> None:
    release = released(owner=3, team=20, guest=60)
    assert told(wrote(owner=1, guest=9), release) == {EVERYONE_ELSE: 10}


def test_another_waves_groups_let_nothing_pass() -> None:
    assert pools(wrote(guest=12), released(owner=20, team=20, guest=30), "w2", K) == {}


def test_the_order_is_that_of_keyed_digests_and_not_of_the_file() -> None:
    release = released(owner=20, team=20, guest=30)
    said = wrote(guest=15, team=12)
    once = shown(said, pools(said, release, "w1", K))
    turned = said[::-1]
    assert shown(turned, pools(turned, release, "w1", K)) == once
    mine = [text for _, role, text in once if role == "guest"]
    assert mine != [one.text for one in said if one.role == "guest"]
    assert len(mine) == 15


# ── Several releases ────────────────────────────────────────────────────────────────────────────


def out_of(comments: list[Comment], release: Release) -> Out:
    return {question: tuple(of.values()) for question, of in pools(comments, release, "w1", K).items()}


def test_the_same_people_may_be_out_again() -> None:
    release = released(owner=20, team=20, guest=30)
    assert kept(wrote(guest=12), release, [out_of(wrote(guest=12), release)]) == {"guest": 12}


@pytest.mark.parametrize(
    ("before", "after", "seen"),
    [
        (12, 13, {}),  # one who came late
        (12, 21, {}),  # nine
        (12, 22, {"guest": 22}),  # ten
        (12, 11, {}),  # one who was erased
        (22, 12, {"guest": 12}),  # ten of them
    ],
)
def test_who_comes_or_goes_is_nobody_or_ten(before: int, after: int, seen: dict[str, int]) -> None:
    release = released(owner=20, team=20, guest=30)
    assert kept(wrote(guest=after), release, [out_of(wrote(guest=before), release)]) == seen


def test_a_pool_that_takes_in_a_role_that_was_named_tells_on_the_others() -> None:
    release = released(owner=20, team=20, guest=30)
    out = out_of(wrote(guest=10), release)
    # One guest takes the comment back: the pool would show ten, of whom one stood in no text of the first.
    assert kept([*wrote(guest=9), *wrote(team=1)], release, [out]) == {}
    assert kept([*wrote(guest=9), *wrote(team=9)], release, [out]) == {}


def test_three_releases_tell_what_no_two_of_them_do() -> None:
    named = [f"p{at}" for at in range(40)]
    first, second = frozenset(named[:25]), frozenset(named[10:])
    now = {"guest": frozenset([*named[:12], *named[25:]])}
    assert not told_by([[first]], now, K)
    assert not told_by([[frozenset(named[12:25])]], now, K)
    assert told_by([[first], [second]], now, K) == {"guest"}


def test_no_company_is_ever_smaller_than_ten() -> None:
    """Random releases of 60 people one after the other; whoever lays all their texts together sees for each
    person in which pools they stand. Seed 6."""
    random = Random(6)
    release = released(owner=20, team=20, guest=30)
    shown_at_all = held = 0
    for _ in range(60):
        answered = roster = [(role, at) for role in ("owner", "team", "guest") for at in range(20)]
        out: list[Out] = []
        for _ in range(4):
            share = random.choice([0.3, 0.5, 0.7, 1.0])
            if random.random() < 0.6:
                answered = [one for one in roster if random.random() < share]
            comments = [Comment("why", role, f"{role}{at}", f"{at:04}", "said") for role, at in answered]
            found = pools(comments, release, "w1", K, out).get("why", {})
            free = pools(comments, release, "w1", K).get("why", {})
            shown_at_all += len(found)
            held += len(free) - len(found)
            out.append({"why": tuple(found.values())})
            where: dict[str, list[tuple[int, int]]] = {}
            for run, of in enumerate(out):
                for pool, members in enumerate(of["why"]):
                    for one in members:
                        where.setdefault(one, []).append((run, pool))
            company = Counter(map(tuple, where.values()))
            assert all(n >= K for n in company.values())
    # It withholds something, and not everything.
    assert shown_at_all > 100
    assert held > 50
