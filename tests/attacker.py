"""An attacker who reads what is published and shares no code with the door.

It knows more than anyone should: which finest cells hold somebody. It has every published count, and uses

- linear algebra: what is a combination of published figures is known (singular values, not elimination);
- bounds: counts are whole and at least 0, so the least and greatest possible number of a group are sought
  by linear programming, and by whole numbers where a corner is not whole;
- two releases at once: a person stands in a cell and in the first release, the second, or both;
- unanimity: where a group's answers all stand at one level, it knows what each person answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import LinearConstraint, linprog, milp

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
NEAR = 1e-7
ENDLESS = 10**9
ROUGH = 4


@dataclass(frozen=True)
class Published:
    """Published figures over unknown cells: who is in each, and how many gave each answer.

    `rows` (figures × cells) of 0 and 1; `values` (figures × answers).
    """

    rows: Ints
    values: Ints

    def beside(self, other: Published) -> Published:
        """Join the figures of two releases over the same cells."""
        return Published(np.vstack([self.rows, other.rows]), np.vstack([self.values, other.values]))


@dataclass(frozen=True)
class Spoils:
    """What an attack tells: groups computed, unions computed, and groups held within less than k."""

    exact: tuple[int, ...]
    unions: tuple[tuple[int, ...], ...]
    narrow: tuple[int, ...]

    @property
    def recovered(self) -> int:
        return len(self.exact) + len(self.unions)


def attack(
    published: Published,
    wanted: Ints,
    sizes: Ints,
    families: Sequence[Sequence[int]],
    k: int,
    near: int | None = None,
) -> Spoils:
    """Attack the groups that the attacker wants to know.

    Parameters
    ----------
    wanted
        (groups × cells) of 0 and 1, hidden groups.
    sizes
        (groups,) true sizes: to tell which spoils count, never used to find them.
    families
        Siblings among the groups, by place: their unions below k are attacked too.
    near
        How close bounds have to be to be of interest, by default k; 1 finds what is known exactly, faster.

    Returns
    -------
    The groups of fewer than k that are known exactly, unions of at least two siblings that are, and any
    group whose bounds lie less than k apart.
    """
    open_ = _open(published.rows)
    free = np.abs(open_).max(axis=0, initial=0) > NEAR
    low, high, points = _bounds(published, wanted, free, near or k)
    exact = [at for at in range(len(wanted)) if sizes[at] < k and low[at] == high[at]]
    narrow = [at for at in range(len(wanted)) if high[at] - low[at] < k]
    unions = []
    for union in {union for family in families for union in _unions(family, sizes, k)}:
        vector = wanted[list(union)].sum(axis=0)
        is_linear = np.abs(open_ @ vector).max(initial=0) < NEAR
        if is_linear or (_agree(points, vector) and _pinned(published, vector, free)):
            unions.append(union)
    return Spoils(tuple(exact), tuple(unions), tuple(narrow))


def computed(rows: Ints, wanted: Ints) -> NDArray[np.bool_]:
    """Say which groups linear algebra tells: those that nothing moves which leaves the figures alone."""
    known: NDArray[np.bool_] = np.abs(wanted @ _open(rows).T).max(axis=1, initial=0) < NEAR
    return known


def of_one_mind(published: Published, wanted: Ints) -> list[int]:
    """Name the groups that linear algebra tells, and whose answers all stand at one level: of each of
    their people it knows the answer."""
    known = computed(published.rows, wanted)
    cells = np.linalg.lstsq(published.rows.astype(float), published.values.astype(float), rcond=None)[0]
    told = np.rint(wanted @ cells)
    return np.flatnonzero(known & ((told > 0).sum(axis=1) == 1)).tolist()


def _open(rows: Ints) -> Floats:
    """Return an orthonormal basis of what the figures leave open."""
    # A figure of one cell tells that cell; the rest is a smaller problem.
    unseen = ~rows[rows.sum(axis=1) == 1].any(axis=0)
    left = np.unique(rows[:, unseen], axis=0).astype(float)
    if not unseen.any():
        return np.zeros((0, rows.shape[1]))
    # By the eigenvectors of a small symmetric matrix: 0 where nothing published moves.
    values, vectors = np.linalg.eigh(left.T @ left)
    out = np.zeros((int((values < NEAR).sum()), rows.shape[1]))
    out[:, unseen] = vectors[:, values < NEAR].T
    return out


def _unions(family: Sequence[int], sizes: Ints, k: int) -> Iterator[tuple[int, ...]]:
    small = sorted(at for at in family if sizes[at] < k)
    for size in range(2, k):
        least = sorted(sizes[small])[:size]
        if len(small) < size or sum(least) >= k:
            return
        yield from (one for one in combinations(small, size) if sum(sizes[list(one)]) < k)


def _system(published: Published, free: NDArray[np.bool_]) -> tuple[Floats, list[Floats], Floats]:
    """Take out what linear algebra settles: equations over the open cells, and what is settled."""
    told = ~free
    settled = np.zeros((len(free), published.values.shape[1]))
    single = published.rows.sum(axis=1) == 1
    settled[published.rows[single].argmax(axis=1)] = published.values[single]
    told &= ~published.rows[single].any(axis=0)
    if told.any():
        whole = np.linalg.lstsq(published.rows.astype(float), published.values.astype(float), rcond=None)[0]
        settled[told] = np.rint(whole[told])
    left = published.values - published.rows @ settled
    rows, at = np.unique(published.rows[:, free], axis=0, return_index=True)
    keep = rows.any(axis=1)
    return rows[keep].astype(float), list(left[at[keep]].T), settled


def _bounds(
    published: Published, wanted: Ints, free: NDArray[np.bool_], enough: int
) -> tuple[Ints, Ints, list[Ints]]:
    """Return the least and greatest number of each group, and the solutions met on the way.

    Where a few solutions in random directions are `enough` apart already, they stand for the ends.
    """
    rows, sides, settled = _system(published, free)
    fixed = (wanted @ settled).sum(axis=1).astype(np.int64)
    goals = wanted[:, free].astype(float)
    if not goals.any():
        return fixed, fixed.copy(), []
    some = np.random.default_rng(1).standard_normal((ROUGH, len(goals))) @ goals
    some = np.vstack([goals.sum(axis=0), -goals.sum(axis=0), some, -some])
    points = []
    for side in sides:
        met = [point for _, point in _many(rows, side, some) if point is not None]
        points.append(np.array(met, np.int64).reshape(-1, int(free.sum())))
    ends = [goals @ met.T if len(met) else np.zeros((len(goals), 1)) for met in points]
    low = fixed + sum(one.min(axis=1) for one in ends).astype(np.int64)
    high = fixed + sum(one.max(axis=1) for one in ends).astype(np.int64)
    close = np.flatnonzero((high - low < enough) & goals.any(axis=1))
    if len(close):
        low[close], high[close] = fixed[close], fixed[close]
        for at, side in enumerate(sides):
            answer = _many(rows, side, np.vstack([goals[close], -goals[close]]))
            for place, (value, point) in enumerate(answer):
                group = close[place % len(close)]
                if value is None:
                    high[group] = ENDLESS
                elif place < len(close):
                    low[group] += value
                else:
                    high[group] -= value
                if point is not None:
                    points[at] = np.vstack([points[at], point])
    full = [np.zeros((len(met), len(free)), np.int64) for met in points]
    for one, met in zip(full, points, strict=True):
        one[:, free] = met
    return low, high, full


def _many(rows: Floats, side: Floats, goals: Floats) -> list[tuple[int | None, Ints | None]]:
    """Minimise many goals over one set of equations: one large problem, a block a goal."""
    blocks = sparse.kron(sparse.eye(len(goals)), sparse.csr_matrix(rows), format="csr")
    found = linprog(goals.ravel(), A_eq=blocks, b_eq=np.tile(side, len(goals)), method="highs-ds")
    if found.status == 0:
        out: list[tuple[int | None, Ints | None]] = []
        for goal, point in zip(goals, found.x.reshape(len(goals), -1), strict=True):
            whole = np.rint(point)
            if np.abs(point - whole).max(initial=0) < 1e-6:
                out.append((round(float(goal @ whole)), whole.astype(np.int64)))
            else:
                out.append(_one(rows, side, goal))
        return out
    return [_one(rows, side, goal) for goal in goals]


def _one(rows: Floats, side: Floats, goal: Floats) -> tuple[int | None, Ints | None]:
    found = milp(goal, constraints=LinearConstraint(rows, side, side), integrality=np.ones(len(goal)))
    if found.x is None:
        return None, None
    whole = np.rint(found.x).astype(np.int64)
    return round(float(goal @ whole)), whole


def _agree(points: Sequence[Ints], vector: Ints) -> bool:
    """Tell whether all solutions met, answer by answer, give a union the same number."""
    return all(len(set((met @ vector).tolist())) < 2 for met in points)


def _pinned(published: Published, vector: Ints, free: NDArray[np.bool_]) -> bool:
    low, high, _ = _bounds(published, vector[None, :], free, ENDLESS)
    return bool(low[0] == high[0])


def of_one_level(published: Published, wanted: Ints) -> list[int]:
    """Name the groups of whose people every answer is known, however many they are: at all levels but one
    the greatest number that agrees with what is published is 0."""
    out = []
    for at, vector in enumerate(wanted):
        possible = 0
        for side in published.values.T:
            found = linprog(-vector.astype(float), A_eq=published.rows, b_eq=side, method="highs")
            possible += found.status != 0 or -found.fun > NEAR
            if possible > 1:
                break
        if possible == 1:
            out.append(at)
    return out
