"""What passes the door withstands an attacker; with one rule switched off, the same attacker succeeds.

The generators: 6×8 tables whose counts are negative binomial (n 1.2, p .12, mean 8.8) or uniform on 0–20,
with both margins and the total published; and releases over three dimensions of 3, 4 and 4 values, every
cut up to two-way, people spread by random weights, one item of three levels that one in ten skips.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import pytest

from cxlib.anonymity import Release, release
from cxlib.anonymity.settle import AUDIT, BOUNDS, PRIMARY, REMAINDER, RULES
from cxlib.frames import UNSCORED, ItemScale
from cxlib.tally import Tally
from tests.attacker import Published, Spoils, attack

K = 5
TABLES = 400
Tell = Callable[[str], None]
CUTS = ((), ("row",), ("column",), ("row", "column"))


def skewed(rng: np.random.Generator) -> np.ndarray:
    return rng.negative_binomial(1.2, 0.12, (6, 8))


def uniform(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 21, (6, 8))


GENERATORS = {"negative binomial": skewed, "uniform": uniform}


def counted(table: np.ndarray, dims: tuple[str, ...]) -> Tally:
    """Count a table of people without items: cells in key order, empty ones left out."""
    keys = [tuple(f"{name[0]}{at}" for name, at in zip(dims, place, strict=True)) for place in np.ndindex(table.shape)]
    held = sorted((("w", *key), int(n)) for key, n in zip(keys, table.ravel(), strict=True) if n)
    n = np.array([one for _, one in held], np.int64)
    return Tally("f", ("wave", *dims), (), tuple(key for key, _ in held), n, np.zeros((len(n), 0), np.int64))


# ── What an attacker sees ───────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Sight:
    """A release as an attacker sees it, and what it would like to know."""

    published: Published
    wanted: np.ndarray
    sizes: np.ndarray
    families: list[list[int]]

    def attack(self) -> Spoils:
        return attack(self.published, self.wanted, self.sizes, self.families, K)


def sight(found: Release, tally: Tally, item: str | None = None) -> Sight:
    """See the respondents, or the answers to an item: figures over the finest cells that hold somebody."""
    if item is None:
        true = tally.respondents[:, None]
    else:
        true = tally.item_counts(item)[:, len(UNSCORED) :]
    held = true.any(axis=1)
    cells = [key for key, one in zip(tally.keys, held, strict=True) if one]
    true = true[held]
    gone = set(found.withheld.itertuples(index=False, name=None)) if item else set()
    shown, hidden = [], {}
    for row in found.groups.itertuples(index=False, name=None):
        key = row[: 2 + len(found.dims)]
        vector = np.array([all(not v or v == c for v, c in zip(key[2:], cell[1:], strict=True)) for cell in cells])
        if not vector.any():
            continue
        if row[-1] or (item and (*key, item) in gone):
            hidden[key] = vector
        else:
            shown.append(vector)
    rows = np.array(shown, dtype=np.int64).reshape(-1, len(cells))
    # What the door has hidden, and every finest cell below k.
    small = [vector for vector, n in zip(np.eye(len(cells), dtype=bool), true.sum(axis=1), strict=True) if n < K]
    wanted = np.array([*hidden.values(), *small], dtype=np.int64).reshape(-1, len(cells))
    return Sight(Published(rows, rows @ true), wanted, wanted @ true.sum(axis=1), families(list(hidden), wanted, found))


def families(hidden: list[tuple[str, ...]], wanted: np.ndarray, found: Release) -> list[list[int]]:
    """Find siblings: hidden groups of one cut that agree in all dimensions but one, or that lie in a group."""
    out: dict[tuple[str, ...], list[int]] = {}
    for at, key in enumerate(hidden):
        cut = [place for place, value in enumerate(key[2:]) if value]
        for size in range(len(cut)):
            for kept in combinations(cut, size):
                values = tuple(value if place in kept else "" for place, value in enumerate(key[2:]))
                out.setdefault((key[1], *values), []).append(at)
    return [one for one in out.values() if len(one) > 1]


# ── Random tables ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Outcome:
    betrayed: int
    narrow: int
    visible: float


def attacked(kind: str, rules: Collection[str], tables: int = TABLES) -> Outcome:
    """Attack many tables: those with anything recovered, with a cell held within k, the share of cells shown."""
    rng = np.random.default_rng(20_251)
    betrayed = narrow = shown = large = 0
    for _ in range(tables):
        tally = counted(GENERATORS[kind](rng), ("row", "column"))
        found = release(tally, CUTS, K, rules=rules)
        spoils = sight(found, tally).attack()
        betrayed += bool(spoils.recovered)
        narrow += bool(spoils.narrow)
        inner = found.groups[found.groups["cut"] == "row×column"]
        shown += int((~inner["is_hidden"]).sum())
        large += int((tally.respondents >= K).sum())
    return Outcome(betrayed, narrow, shown / large)


@pytest.mark.parametrize("kind", GENERATORS)
def test_no_cell_and_no_union_is_recovered_from_a_random_table(kind: str, tell: Tell) -> None:
    found = attacked(kind, RULES)
    tell(
        f"{kind}: recovered in {found.betrayed} of {TABLES} tables, bounds nearer than {K} in {found.narrow}; "
        f"{found.visible:.1%} of the cells with at least {K} visible"
    )
    assert (found.betrayed, found.narrow) == (0, 0)
    assert found.visible >= 0.75


OFF = {
    "primary suppression alone": (PRIMARY,),
    "without the audits": (PRIMARY, REMAINDER),
    "without the attack by bounds": (PRIMARY, REMAINDER, AUDIT),
}


@pytest.mark.parametrize("name", OFF)
def test_with_a_rule_switched_off_the_same_attacker_succeeds(name: str, tell: Tell) -> None:
    found = {kind: attacked(kind, OFF[name], 100) for kind in GENERATORS}
    tell(f"{name}: " + "; ".join(
        f"{kind}: recovered in {one.betrayed} of 100, bounds nearer than {K} in {one.narrow}, "
        f"{one.visible:.1%} visible" for kind, one in found.items()
    ))
    assert sum(one.betrayed + one.narrow for one in found.values()) > 0
