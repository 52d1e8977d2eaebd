"""What passes the door withstands an attacker; with one rule switched off, the same attacker succeeds.

The generators: 6×8 tables whose counts are negative binomial (n 1.2, p .12, mean 8.8) or uniform on 0–20,
with both margins and the total published; and releases over three dimensions of 3, 3 and 4 values, every
cut up to two-way, people spread by random weights, one item of three levels that one in ten skips.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from cxlib.anonymity import Release, release
from cxlib.anonymity.rereleases import Issued, issue, told_apart
from cxlib.anonymity.settle import AUDIT, PRIMARY, REMAINDER, RULES, UNANIMITY, Layout, settle
from cxlib.composition import visible_items
from cxlib.frames import UNSCORED, ItemScale
from cxlib.instrument import Instrument
from cxlib.run.example import draw
from cxlib.tally import Tally, tally_batches
from tests.attacker import Published, Spoils, attack, computed, of_one_level, of_one_mind
from tests.drawn import CUTS as CUTS_OF_EXAMPLE
from tests.drawn import DIMS as EXAMPLE
from tests.drawn import cx7, harbour

K = 5
TABLES = 400
Tell = Callable[[str], None]
CUTS = ((), ("row",), ("column",), ("row", "column"))


def skewed(rng: np.random.Generator) -> np.ndarray:
    return rng.negative_binomial(1.2, 0.12, (6, 8))


def uniform(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 21, (6, 8))


GENERATORS = {"negative binomial": skewed, "uniform": uniform}


# ── What an attacker sees ───────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Sight:
    """A release as an attacker sees it, and what it would like to know."""

    published: Published
    wanted: np.ndarray
    sizes: np.ndarray
    families: list[list[int]]

    def attack(self, near: int = K) -> Spoils:
        return attack(self.published, self.wanted, self.sizes, self.families, K, near)


def sight(found: Release, tally: Tally, item: str | None = None) -> Sight:
    """See the respondents, or the answers to an item: figures over the finest cells that hold somebody."""
    true = tally.respondents[:, None] if item is None else tally.item_counts(item)[:, len(UNSCORED) :]
    held = true.any(axis=1)
    cells = [key for key, one in zip(tally.keys, held, strict=True) if one]
    true = true[held]
    gone = set(found.withheld.itertuples(index=False, name=None)) if item else set()
    shown, hidden = [], {}
    for row in found.groups.itertuples(index=False, name=None):
        key = row[: 2 + len(found.dims)]
        vector = np.array(
            [all(not v or v == c for v, c in zip(key[2:], cell[1:], strict=True)) for cell in cells]
        )
        if not vector.any():
            continue
        if row[-1] or (item and (*key, item) in gone):
            hidden[key] = vector
        else:
            shown.append(vector)
    rows = np.array(shown, dtype=np.int64).reshape(-1, len(cells))
    # What the door has hidden, and every finest cell below k. A hidden group of the same k people or more
    # as a published one is published.
    names = {vector.tobytes() for vector in shown}
    hidden = {
        key: vector
        for key, vector in hidden.items()
        if vector.tobytes() not in names or true[vector].sum() < K
    }
    small = [
        vector for vector, n in zip(np.eye(len(cells), dtype=bool), true.sum(axis=1), strict=True) if n < K
    ]
    wanted = np.array([*hidden.values(), *small], dtype=np.int64).reshape(-1, len(cells))
    return Sight(
        Published(rows, rows @ true), wanted, wanted @ true.sum(axis=1), families(list(hidden), wanted, rows)
    )


def families(hidden: list[tuple[str, ...]], wanted: np.ndarray, rows: np.ndarray) -> list[list[int]]:
    """Find siblings: hidden groups of one cut that agree in some dimensions; small cells of one figure."""
    out: dict[tuple[str, ...], list[int]] = {}
    for at, key in enumerate(hidden):
        cut = [place for place, value in enumerate(key[2:]) if value]
        for size in range(len(cut)):
            for kept in combinations(cut, size):
                values = tuple(value if place in kept else "" for place, value in enumerate(key[2:]))
                out.setdefault((key[1], *values), []).append(at)
    cells = list(range(len(hidden), len(wanted)))
    inside = [[at for at in cells if (wanted[at] <= row).all()] for row in rows]
    return [one for one in (*out.values(), *inside) if len(one) > 1]


# ── Random tables ───────────────────────────────────────────────────────────────────────────────

SHAPE = (6, 8)


def table_layout() -> tuple[Layout, list[list[int]]]:
    """Lay a table out with its margins and total: the total, the rows, the columns, the cells."""
    rows, columns = (np.arange(size) for size in SHAPE)
    at = np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE)
    members = np.zeros((1 + len(rows) + len(columns) + at.size, at.size), np.int64)
    members[0] = 1
    members[1 + rows[:, None], at] = 1
    members[1 + len(rows) + columns[:, None], at.T] = 1
    members[1 + len(rows) + len(columns) + at, at] = 1
    cells = 1 + len(rows) + len(columns) + at
    lines = [(1 + row, cells[row]) for row in rows] + [(7 + column, cells[:, column]) for column in columns]
    totals = [(0, 1 + rows), (0, 7 + columns), (0, cells.ravel()), *lines]
    cuts = np.repeat(np.arange(4), [1, *SHAPE, at.size])
    return Layout(members, totals, cuts), [list(line) for _, line in totals]


@dataclass(frozen=True)
class Outcome:
    betrayed: int
    narrow: int
    visible: float


def attacked(kind: str, rules: Collection[str], tables: int = TABLES) -> Outcome:
    """Attack many tables: those that betray anything, those with a cell held within k, the share shown."""
    rng = np.random.default_rng(20_251)
    layout, lines = table_layout()
    betrayed = narrow = shown = large = 0
    for _ in range(tables):
        n = GENERATORS[kind](rng).ravel()
        sizes = layout.members @ n
        gone = settle(Layout(layout.members, layout.totals, layout.cuts), n[:, None], K, rules=rules)
        held = n > 0
        rows = layout.members[np.ix_(~gone & (sizes > 0), held)]
        wanted = np.flatnonzero(gone)
        place = {int(one): at for at, one in enumerate(wanted)}
        spoils = attack(
            Published(rows, rows @ n[held][:, None]),
            layout.members[np.ix_(wanted, held)],
            sizes[wanted],
            [[place[one] for one in map(int, line) if one in place] for line in lines],
            K,
        )
        betrayed += bool(spoils.recovered)
        narrow += bool(spoils.narrow)
        shown += int((~gone[15:] & (n >= K)).sum())
        large += int((n >= K).sum())
    return Outcome(betrayed, narrow, shown / large)


@pytest.mark.parametrize("kind", GENERATORS)
def test_no_cell_and_no_union_is_recovered_from_a_random_table(kind: str, tell: Tell) -> None:
    found = attacked(kind, RULES)
    tell(
        f"{kind}: recovered in {found.betrayed} of {TABLES} tables, nearer than {K} in {found.narrow}; "
        f"{found.visible:.1%} of the cells with at least {K} visible"
    )
    assert (found.betrayed, found.narrow) == (0, 0)
    assert found.visible >= 0.75


# What an attacker finds with fewer rules. (Bounds give away nothing more in tables of people alone, once
# the unions of hidden siblings are audited; they do where each answer is a table, see below.)
OFF = {"primary suppression alone": (PRIMARY,), "without the audits": (PRIMARY, REMAINDER)}


@pytest.mark.parametrize("name", OFF)
def test_with_a_rule_switched_off_the_same_attacker_succeeds(name: str, tell: Tell) -> None:
    for kind in GENERATORS:
        found = attacked(kind, OFF[name], 100)
        tell(
            f"{name}, {kind}: recovered in {found.betrayed} of 100, nearer than {K} in {found.narrow}; "
            f"{found.visible:.1%} visible"
        )
        assert found.betrayed


# ── Random releases over three dimensions ───────────────────────────────────────────────────────

DIMS = {"row": 3, "column": 3, "place": 4}
THREE = tuple(cut for size in range(3) for cut in combinations(DIMS, size))
RELEASES = 200


@dataclass(frozen=True)
class People:
    """People by id: where they stand in each dimension, and their answer 1–3 (0: skipped)."""

    ids: np.ndarray
    places: np.ndarray
    answers: np.ndarray

    def take(self, which: np.ndarray) -> People:
        return People(self.ids[which], self.places[which], self.answers[which])

    def tally(self) -> Tally:
        keys = sorted({tuple(one) for one in self.places.tolist()})
        at = {key: place for place, key in enumerate(keys)}
        cell = np.array([at[tuple(one)] for one in self.places.tolist()], np.intp)
        n = np.bincount(cell, minlength=len(keys))
        counts = np.zeros((len(keys), 6), np.int64)
        np.add.at(counts, (cell, np.where(self.answers > 0, self.answers + 2, 0)), 1)
        named = tuple(("w", *(f"{dim[0]}{one}" for dim, one in zip(DIMS, key, strict=True))) for key in keys)
        return Tally("f", ("wave", *DIMS), (ItemScale("x", 1, 3),), named, n, counts)


def drawn_people(rng: np.random.Generator) -> People:
    size = int(rng.integers(100, 500))
    places = np.column_stack([rng.choice(n, size, p=rng.dirichlet(np.full(n, 2.0))) for n in DIMS.values()])
    answers = rng.choice(4, size, p=[0.1, 0.3, 0.4, 0.2])
    return People(np.arange(size), places, answers)


@cache
def issued(at: int) -> tuple[Release, People]:
    """Draw and release the people of one wave; both tests below look at the same."""
    people = drawn_people(np.random.default_rng([4, at]))
    return release(people.tally(), THREE, K), people


def attacked_releases(rules: Collection[str], releases: int = RELEASES) -> Outcome:
    betrayed = narrow = shown = large = 0
    for at in range(releases):
        found, people = issued(at)
        tally = people.tally()
        if rules != RULES:
            found = release(tally, THREE, K, rules=rules)
        spoils = [sight(found, tally, item).attack() for item in (None, "x")]
        betrayed += any(one.recovered for one in spoils)
        narrow += any(one.narrow for one in spoils)
        sizes = [tally.cut(("wave", *cut)).respondents for cut in THREE]
        large += sum(int((one >= K).sum()) for one in sizes)
        shown += int((~found.groups["is_hidden"]).sum())
    return Outcome(betrayed, narrow, shown / large)


def test_nothing_is_recovered_from_releases_over_three_dimensions(tell: Tell) -> None:
    found = attacked_releases(RULES)
    tell(
        f"three dimensions: recovered in {found.betrayed} of {RELEASES} releases, nearer than {K} in "
        f"{found.narrow}; {found.visible:.1%} of the groups with at least {K} visible"
    )
    assert (found.betrayed, found.narrow) == (0, 0)
    assert found.visible >= 0.75


def test_without_the_attack_by_bounds_groups_over_three_dimensions_are_held_close(tell: Tell) -> None:
    found = attacked_releases((PRIMARY, REMAINDER, AUDIT), 40)
    tell(
        f"three dimensions, without the attack by bounds: {found.betrayed} of 40 recovered, nearer than {K} "
        f"in {found.narrow}"
    )
    assert found.narrow


# ── Of one mind ─────────────────────────────────────────────────────────────────────────────────


def clannish(rng: np.random.Generator) -> People:
    """Draw people of whom all in a row and a place, here and there, give one answer or skip."""
    people = drawn_people(rng)
    answers = people.answers.copy()
    for row in range(DIMS["row"]):
        for place in range(DIMS["place"]):
            if rng.random() < 0.25:
                clan = (people.places[:, [0, 2]] == (row, place)).all(axis=1) & (answers > 0)
                answers[clan] = rng.integers(1, 4)
    return People(people.ids, people.places, answers)


@cache
def of_a_clan(at: int, rules: tuple[str, ...]) -> tuple[Release, Tally]:
    """Draw and release people of one mind here and there; all tests below look at the same."""
    tally = clannish(np.random.default_rng([6, at])).tally()
    return release(tally, THREE, K, rules=rules), tally


def heard(rules: tuple[str, ...], releases: int = RELEASES) -> tuple[int, int, float]:
    """Count groups of one mind, those of which an attacker works out the answers, and the share shown."""
    groups = known = shown = large = 0
    for at in range(releases):
        found, tally = of_a_clan(at, rules)
        true = tally.item_counts("x")[:, len(UNSCORED) :]
        held = true.any(axis=1)
        cells = [key for key, one in zip(tally.keys, held, strict=True) if one]
        every = [row[: 2 + len(DIMS)] for row in found.groups.itertuples(index=False, name=None)]
        vectors = np.array([[lies(key[2:], cell[1:]) for cell in cells] for key in every], dtype=np.int64)
        counts = vectors @ true[held]
        alike = ((counts > 0).sum(axis=1) == 1) & (counts.sum(axis=1) >= K)
        groups += int(alike.sum())
        known += len(of_one_mind(sight(found, tally, "x").published, vectors[alike])) if alike.any() else 0
        large += int((~alike & (counts.sum(axis=1) >= K)).sum())
        shown += len(found.counts.drop_duplicates(["cut", *DIMS]))
        shown -= int(alike.sum()) if UNANIMITY not in rules else 0
    return groups, known, shown / large


def test_what_a_group_says_with_one_voice_is_not_worked_out(tell: Tell) -> None:
    groups, known, shown = heard(RULES)
    tell(
        f"of one mind: the answers of {known} of {groups} groups worked out; {shown:.1%} of the other "
        f"groups with at least {K} answers shown"
    )
    assert groups > RELEASES
    assert known == 0


def test_without_the_rule_of_unanimity_the_answers_of_groups_are_known(tell: Tell) -> None:
    groups, known, _ = heard(tuple(rule for rule in RULES if rule != UNANIMITY), 40)
    tell(f"of one mind, without the rule: the answers of {known} of {groups} groups worked out")
    assert known > groups / 3


@pytest.mark.parametrize("off", [None, UNANIMITY])
def test_what_all_of_a_hidden_group_answered_is_not_known_by_what_is_left(
    off: str | None, tell: Tell
) -> None:
    """However many they are: where nobody can stand at any other level, it is known of each of them."""
    hidden = known = 0
    for at in range(40):
        seen = sight(*of_a_clan(at, tuple(one for one in RULES if one != off)), "x")
        small = seen.sizes < K
        hidden += int(small.sum())
        known += len(of_one_level(seen.published, seen.wanted[small]))
    tell(f"of one mind, {off or 'nothing'} off: of {hidden} hidden groups and cells {known} are known to be")
    assert (known == 0) == (off is None)


# ── A second release of the same wave ───────────────────────────────────────────────────────────

CHANGES = ("nothing", "a late batch", "a few late answers", "a few erased", "a group erased", "a correction")


def changed(people: People, kind: str, rng: np.random.Generator) -> People:
    """Change the people of a wave: a batch is of one finest cell, a few are of anywhere."""
    cell = people.places[rng.integers(len(people.ids))]
    size = int(rng.integers(K, 25)) if "batch" in kind else int(rng.integers(1, K))
    keep = np.ones(len(people.ids), dtype=bool)
    answers = people.answers.copy()
    if kind == "a few erased":
        keep[rng.choice(len(keep), size, replace=False)] = False
    elif kind == "a group erased":
        keep[(people.places == cell).all(axis=1)] = False
    elif kind == "a correction":
        answers[rng.integers(len(answers))] = rng.integers(0, 4)
    elif kind != "nothing":
        where = cell[None] if "batch" in kind else people.places[rng.integers(len(people.ids), size=size)]
        come = People(
            people.ids.max() + 1 + np.arange(size),
            np.broadcast_to(where, (size, 3)),
            rng.choice(4, size, p=[0.1, 0.3, 0.4, 0.2]),
        )
        joined = (
            np.concatenate(pair) for pair in zip(vars(people).values(), vars(come).values(), strict=True)
        )
        return People(*joined)
    return People(people.ids, people.places, answers).take(keep)


def kept(found: Release, people: People) -> Issued:
    digests = (people.ids * 4 + people.answers).astype(np.uint64)
    return issue(found, "w", digests, named(people.places), {"x": people.answers > 0})


def named(places: np.ndarray) -> list[tuple[str, ...]]:
    return [tuple(f"{dim[0]}{one}" for dim, one in zip(DIMS, key, strict=True)) for key in places.tolist()]


def lies(group: tuple[str, ...], cell: tuple[str, ...]) -> bool:
    return all(not value or value == one for value, one in zip(group, cell, strict=True))


def seen_together(first: tuple[Release, People], second: tuple[Release, People], item: str | None) -> Sight:
    """See two releases at once: columns are who stands where in the first, and where in the second."""
    everyone: dict[tuple[int, int], list[tuple[str, ...] | None]] = {}
    for side, (_, people) in enumerate((first, second)):
        for id_, answer, cell in zip(
            people.ids.tolist(), people.answers.tolist(), named(people.places), strict=True
        ):
            if item is None or answer:
                everyone.setdefault((id_, answer), [None, None])[side] = cell
    columns = {pair: at for at, pair in enumerate(dict.fromkeys(tuple(one) for one in everyone.values()))}
    true = np.zeros((len(columns), 1 if item is None else 3), np.int64)
    for (_, answer), pair in everyone.items():
        true[columns[tuple(pair)], 0 if item is None else answer - 1] += 1
    shown, wanted, inside = [], [], []
    for side, (found, _) in enumerate((first, second)):
        gone = set(found.withheld.itertuples(index=False, name=None)) if item else set()
        for row in found.groups.itertuples(index=False, name=None):
            inside_it = [one[side] is not None and lies(row[2:-2], one[side]) for one in columns]
            vector = np.array(inside_it, dtype=bool)
            is_hidden = row[-1] or (item and (*row[:-2], item) in gone)
            (wanted if is_hidden else shown).append(vector)
            inside.append((row[:-2], vector, side, is_hidden))
    for key, vector, side, is_hidden in inside:
        for other, more, at, veiled in inside:
            if key == other and side != at and not is_hidden and not veiled:
                wanted.append(vector & ~more)
    rows = np.array(shown, dtype=np.int64)
    aims = np.array([one for one in wanted if one.any()], dtype=np.int64).reshape(-1, len(columns))
    return Sight(Published(rows, rows @ true), aims, aims @ true.sum(axis=1), [])


def test_a_second_release_of_a_wave_is_withheld_or_tells_nothing(tell: Tell) -> None:
    rng = np.random.default_rng(7)
    withheld, out, betrayed, unchecked = 0, 0, 0, 0
    for at in range(RELEASES):
        first = issued(at)
        later = changed(first[1], CHANGES[at % len(CHANGES)], rng)
        second = (release(later.tally(), THREE, K), later)
        stopped = bool(told_apart(kept(*first), kept(*second), K))
        withheld, out = withheld + stopped, out + (not stopped)
        if stopped and unchecked >= 10:
            continue
        told = any(seen_together(first, second, item).attack(1).exact for item in (None, "x"))
        betrayed += told and not stopped
        unchecked += told and stopped
    tell(
        f"second releases: {withheld} of {RELEASES} withheld; of the {out} that went out {betrayed} betrayed "
        f"anything; of those withheld, the first {unchecked} looked at would have"
    )
    assert out > RELEASES / 8
    assert betrayed == 0
    assert unchecked


# ── Composites ──────────────────────────────────────────────────────────────────────────────────


def test_what_steps_sum_up_tells_nothing_that_the_door_hid(tell: Tell) -> None:
    """Of a step's variance an attacker knows Σx_i·x_j in each group that shows both items."""
    framework, plan = cx7(), harbour()
    instrument, (wave, *_) = Instrument(framework), reversed(plan.waves)
    answers = draw(plan, framework, wave.id)
    items = [instrument.scales[item] for item in answers.items]
    constants = {"wave": wave.id}
    tally = tally_batches([answers.to_batch()], items, EXAMPLE, framework="f", constants=constants)
    found = release(tally, CUTS_OF_EXAMPLE, K)
    visible = visible_items(found)
    keys = [row[:-2] for row in found.groups.itertuples(index=False, name=None)]
    vectors = np.array([[lies(key[2:], cell[1:]) for cell in tally.keys] for key in keys])
    looked = 0
    for step in framework.steps:
        for one, other in combinations([item.id for item in step.items if item.id in answers.items], 2):
            shown = np.array([{one, other} <= visible.get(key, set()) for key in keys])
            first, second = (tally.item_counts(item)[:, len(UNSCORED) :].sum(axis=1) for item in (one, other))
            n = np.minimum(first, second)
            held = n > 0
            sizes = vectors[:, held] @ n[held]
            gone = vectors[np.ix_(~shown & (sizes > 0) & (sizes < K), held)].astype(np.int64)
            small = np.eye(int(held.sum()), dtype=np.int64)[n[held] < K]
            known = computed(vectors[np.ix_(shown, held)].astype(np.int64), np.vstack([gone, small]))
            assert not known.any(), (one, other)
            looked += len(known)
    tell(f"composites of the example: {looked} small groups and cells of pairs of items, none computed")
    assert looked > 500
