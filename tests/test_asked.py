"""What an item tells beside its scale: who was asked, who left it blank, who does not know.

The attacker of :mod:`tests.attacker` sees every published answer, knows of which roles an item was asked, and
takes all answers to it in a group for the number of people asked there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import combinations

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from cxlib.anonymity import Release, release
from cxlib.anonymity.settle import ASKED, RULES
from cxlib.frames import BLANK, DONT_KNOW, NOT_APPLICABLE, ItemScale
from cxlib.tally import Tally
from tests.attacker import Published, attack

K = 5
RELEASES = 60
ROLES, HOTELS = ("guest", "owner", "team"), ("east", "north", "south", "west")
DIMS = {"role": ROLES, "hotel": HOTELS}
CUTS = tuple(cut for size in range(3) for cut in combinations(DIMS, size))
ASKED_OF = {"all": ROLES, "guests": ("guest",), "house": ("owner", "team"), "team": ("team",)}
Tell = Callable[[str], None]


def tallied(cells: Sequence[tuple[str, str]], answers: dict[str, np.ndarray]) -> Tally:
    """Tally (people,) cells and for each item the answers, `None` where the item was not asked."""
    keys = tuple(sorted(set(cells)))
    at = np.array([keys.index(one) for one in cells])
    blocks = []
    scales = tuple(ItemScale(item, 1, 3) for item in sorted(answers))
    for scale in scales:
        block = np.zeros((len(keys), len(scale.answers)), np.int64)
        given = [
            (cell, answer) for cell, answer in zip(at, answers[scale.item], strict=True) if answer is not None
        ]
        for cell, answer in given:
            block[cell, scale.answers.index(answer)] += 1
        blocks.append(block)
    n = np.bincount(at, minlength=len(keys))
    named = tuple(("w", *key) for key in keys)
    return Tally("f", ("wave", *DIMS), scales, named, n, np.hstack(blocks))


@cache
def drawn(seed: int) -> Tally:
    """Draw a wave: a small role, hotels of all sizes, items of some roles that many do not know or skip."""
    rng = np.random.default_rng([11, seed])
    size = int(rng.integers(40, 250))
    shares = rng.dirichlet([3.0, 0.3, 1.5])
    roles = rng.choice(ROLES, size, p=shares)
    hotels = rng.choice(HOTELS, size, p=rng.dirichlet(np.full(len(HOTELS), 1.2)))
    answers = {}
    for item, of in ASKED_OF.items():
        beside = rng.dirichlet(np.full(3, 0.5)) * rng.uniform(0, 0.6)
        chances = [*beside, *((1 - beside.sum()) * rng.dirichlet(np.full(3, 2.0)))]
        given = rng.choice([BLANK, NOT_APPLICABLE, DONT_KNOW, 1, 2, 3], size, p=chances)
        answers[item] = np.array(
            [int(one) if role in of else None for one, role in zip(given, roles, strict=True)]
        )
    return tallied(list(zip(roles.tolist(), hotels.tolist(), strict=True)), answers)


@cache
def released(seed: int, rules: tuple[str, ...] = RULES) -> Release:
    """Release a wave; all tests below look at the same."""
    return release(drawn(seed), CUTS, K, rules=rules)


def lies(key: tuple[str, ...], cell: tuple[str, ...]) -> bool:
    return all(not value or value == one for value, one in zip(key, cell, strict=True))


def told_of_people(found: Release, tally: Tally) -> tuple[Published, np.ndarray, np.ndarray]:
    """Put together what is published of people: groups shown, and the people asked in them, item by item."""
    cells = [key[1:] for key in tally.keys]
    rows, hidden = [], []
    for row in found.groups.itertuples(index=False, name=None):
        vector = np.array([lies(row[2:-2], cell) for cell in cells], np.int64)
        (hidden if row[-1] else rows).append(vector)
    values = [int(vector @ tally.respondents) for vector in rows]
    for key, block in found.counts.groupby(["cut", "role", "hotel", "item"], sort=False):
        asked = np.array([cell[0] in ASKED_OF[key[-1]] and lies(key[1:-1], cell) for cell in cells], np.int64)
        assert block["n"].sum() == asked @ tally.respondents
        rows.append(asked)
        values.append(int(block["n"].sum()))
    published = Published(np.array(rows), np.array(values)[:, None])
    shown = {vector.tobytes() for vector in rows}
    small = [
        one for one, n in zip(np.eye(len(cells), dtype=np.int64), tally.respondents, strict=True) if n < K
    ]
    wanted = [one for one in hidden if one.tobytes() not in shown or one @ tally.respondents < K]
    aims = np.array([*wanted, *small], dtype=np.int64).reshape(-1, len(cells))
    return published, aims, aims @ tally.respondents


def told_of_item(found: Release, tally: Tally, item: str) -> tuple[Published, np.ndarray, np.ndarray]:
    """Put together what is published of an item, answers beside the scale among them."""
    true = tally.item_counts(item)
    held = true.any(axis=1)
    cells = [key[1:] for key, one in zip(tally.keys, held, strict=True) if one]
    true = true[held]
    seen = found.counts[found.counts["item"] == item]
    shown = set(seen[["cut", "role", "hotel"]].itertuples(index=False, name=None))
    rows, aims = [], []
    for row in found.groups.itertuples(index=False, name=None):
        vector = np.array([lies(row[2:-2], cell) for cell in cells], np.int64)
        if vector.any():
            (rows if (row[1], *row[2:-2]) in shown else aims).append(vector)
    names = {vector.tobytes() for vector in rows}
    aims = [one for one in aims if one.tobytes() not in names or (one @ true).sum() < K]
    wanted = np.array(aims, dtype=np.int64).reshape(-1, len(cells))
    published = np.array(rows, dtype=np.int64).reshape(-1, len(cells))
    return Published(published, published @ true), wanted, (wanted @ true).sum(axis=1)


def attacked(rules: tuple[str, ...]) -> tuple[int, int, int, float]:
    """Count releases that tell people or answers, those that hold a group within k, and the share shown."""
    people = answers = narrow = shown = large = 0
    for seed in range(RELEASES):
        tally = drawn(seed)
        found = released(seed, rules)
        spoils = attack(*told_of_people(found, tally), [], K)
        people += bool(spoils.recovered)
        narrow += bool(spoils.narrow)
        answers += any(
            attack(*told_of_item(found, tally, item), [], K).recovered
            for item in ASKED_OF
            if tally.item_counts(item).any()
        )
        for cut in CUTS:
            counted = tally.cut(("wave", *cut))
            large += sum(int((counted.item_counts(item)[:, 3:].sum(axis=1) >= K).sum()) for item in ASKED_OF)
        scored = found.counts[found.counts["answer"] > 0].groupby(["cut", *DIMS, "item"])["n"].sum()
        shown += int((scored >= K).sum())
    return people, answers, narrow, shown / large


def test_who_was_asked_tells_nobodys_number_and_no_answer(tell: Tell) -> None:
    people, answers, narrow, shown = attacked(RULES)
    tell(
        f"asked of some roles: people recovered in {people} of {RELEASES} releases, answers in {answers}, "
        f"nearer than {K} in {narrow}; {shown:.1%} of the figures of at least {K} shown"
    )
    assert (people, answers, narrow) == (0, 0, 0)
    assert shown >= 0.6


def test_without_an_eye_on_who_was_asked_people_are_told(tell: Tell) -> None:
    people, answers, narrow, shown = attacked(tuple(rule for rule in RULES if rule != ASKED))
    tell(
        f"without an eye on who was asked: people recovered in {people} of {RELEASES} releases, "
        f"answers in {answers}, nearer than {K} in {narrow}; {shown:.1%} shown"
    )
    assert people


def test_an_item_of_some_hotels_tells_nobodys_number_in_them() -> None:
    """Two files, one with an item that the other lacks: its answers less a shown hotel's people."""
    cells, asked = [], []
    for hotel, n, is_asked in (("east", 4, 1), ("north", 50, 1), ("south", 4, 0), ("west", 60, 0)):
        cells += [("team", hotel)] * n
        asked += [1 + at % 3 if is_asked else None for at in range(n)]
    tally = tallied(
        cells, {"all": np.array([1 + at % 3 for at in range(len(cells))]), "team": np.array(asked)}
    )
    for rules, shown in ((RULES, {"all"}), ([rule for rule in RULES if rule != ASKED], {"all", "team"})):
        found = release(tally, [(), ("hotel",)], K, rules=rules)
        groups = found.groups.set_index("hotel")["n"]
        assert groups.isna().to_dict() == {
            "": False,
            "east": True,
            "north": False,
            "south": True,
            "west": False,
        }
        assert set(found.counts.loc[found.counts["cut"] == "", "item"]) == shown
        if "team" in shown:
            of_all = found.counts.query("cut == '' and item == 'team'")["n"].sum()
            assert of_all - groups["north"] == 4


# ── All of it in one program ────────────────────────────────────────────────────────────────────


def spans(found: Release, tally: Tally) -> list[tuple[int, int]]:
    """Attack people and all answers to all items at once: pairs (true number, width of its bounds).

    Unknown are the people of each finest cell and, item by item, who gave which answer there: at least 0,
    and together the people wherever the item was asked. Of an item the widths of its levels are summed up.
    """
    cells = [key[1:] for key in tally.keys]
    items = [item for item in sorted(ASKED_OF) if tally.item_counts(item).any()]
    answers = tally.items[0].answers
    size, width = len(cells), len(cells) * (1 + len(items) * len(answers))
    rows, values = [], []
    aims: list[tuple[int, list[np.ndarray]]] = []

    def at(item: int, answer: int, vector: np.ndarray) -> np.ndarray:
        out = np.zeros(width)
        start = size * (1 + item * len(answers) + answer)
        out[start : start + size] = vector
        return out

    def of_people(vector: np.ndarray) -> np.ndarray:
        return np.concatenate([vector, np.zeros(width - size)])

    groups = [
        (row[1:-2], row[-1], np.array([lies(row[2:-2], cell) for cell in cells], float))
        for row in found.groups.itertuples(index=False, name=None)
    ]
    for _, is_hidden, vector in groups:
        n = int(vector @ tally.respondents)
        if is_hidden:
            aims.append((n, [of_people(vector)]))
        else:
            rows.append(of_people(vector))
            values.append(n)
    for place, item in enumerate(items):
        true = tally.item_counts(item)
        asked = np.array([cell[0] in ASKED_OF[item] for cell in cells], float)
        for cell, one in enumerate(np.eye(size)):
            every = sum(at(place, answer, one) for answer in range(len(answers)))
            rows.append(every - of_people(one) * asked[cell])
            values.append(0)
        seen = found.counts[found.counts["item"] == item]
        shown = set(seen[["cut", *DIMS]].itertuples(index=False, name=None))
        for key, _, vector in groups:
            if key in shown:
                rows += [at(place, answer, vector * asked) for answer in range(len(answers))]
                values += (vector * asked @ true).tolist()
            elif scored := int((vector @ true)[3:].sum()):
                aims.append((scored, [at(place, answer, vector) for answer in range(3, len(answers))]))
    equal, first = np.unique(np.array(rows), axis=0, return_index=True)
    equal, given = sparse.csr_matrix(equal), np.array(values, float)[first]
    out = []
    for true_n, goals in aims:
        if true_n >= K:
            continue
        apart = 0
        for goal in goals:
            least, most = (linprog(sign * goal, A_eq=equal, b_eq=given, method="highs") for sign in (1, -1))
            assert (least.status, most.status) == (0, 0)
            apart += int(np.floor(-most.fun + 1e-6) - np.ceil(least.fun - 1e-6))
            if apart >= K:
                break
        out.append((true_n, apart))
    return out


def test_people_and_all_answers_taken_together_tell_no_small_group(tell: Tell) -> None:
    found = [spans(released(seed), drawn(seed)) for seed in range(RELEASES)]
    every = [apart for one in found for _, apart in one]
    near = sum(any(apart < K for _, apart in one) for one in found)
    tell(
        f"people and all answers in one program: 0 of {len(every)} hidden groups and figures below {K} "
        f"known, in {near} of {RELEASES} releases some are held within {min(every)} to {K - 1}"
    )
    assert len(every) > 10 * RELEASES
    assert min(every) > 0
    assert near <= RELEASES / 20
