"""The attack that ends the audit: whoever also knows that every count is whole and at least 0.

For each hidden group the least and the greatest number of people are sought that agree with everything
published. They must lie at least k apart; otherwise the door hides more. First without a solver, by
walking from the true counts as far as a move of the null space goes; where that is not far enough, by
linear programming, and by whole numbers where its corner is not whole (HiGHS, through scipy).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Places = NDArray[np.intp]

# Further moves are made of two of the basis; so many are tried, those that touch the fewest cells first.
MOST_MOVES = 400
FAR = np.iinfo(np.int64).max // 4


@dataclass(frozen=True, eq=False)
class Ceilings:
    """Sums that are known to be at most something: an item hidden within a group whose people are shown.

    `rows` (ceilings × cells) of 0 and 1, `room` (ceilings,) people left below each.
    """

    rows: Ints
    room: Ints


def longer(moves: Ints) -> Ints:
    """Return the moves and what pairs of them make, those that touch the fewest cells first."""
    if len(moves) < 2:
        return moves
    first, second = np.triu_indices(len(moves), 1)
    near = (moves[first] != 0) & (moves[second] != 0)
    first, second = first[near.any(axis=1)], second[near.any(axis=1)]
    if len(first) > 20 * MOST_MOVES:
        first, second = first[: 20 * MOST_MOVES], second[: 20 * MOST_MOVES]
    every = np.concatenate([moves, moves[first] + moves[second], moves[first] - moves[second]])
    every = every[np.argsort((every != 0).sum(axis=1), kind="stable")]
    return every[every.any(axis=1)][:MOST_MOVES]


def walked(moves: Ints, counts: Ints, vectors: Ints, ceilings: Ceilings) -> Ints:
    """Return how far apart two possible numbers of each group are, at least.

    Parameters
    ----------
    moves
        (moves × cells), each changing nothing that is published.
    counts
        (cells × answers) true counts.
    vectors
        (groups × cells) of 0 and 1.

    Returns
    -------
    (groups,) people; 0 where no single move an answer keeps below the ceilings.
    """
    if not len(moves):
        return np.zeros(len(vectors), np.int64)
    changes = np.abs(vectors @ moves.T)
    over = ceilings.rows @ moves.T
    down = np.where(moves[:, :, None] > 0, counts[None] // np.maximum(moves, 1)[:, :, None], FAR).min(axis=1)
    up = np.where(moves[:, :, None] < 0, counts[None] // np.maximum(-moves, 1)[:, :, None], FAR).min(axis=1)
    # A way is the move that changes the group most, for each answer by itself: the answers are separate.
    ways = (changes[:, :, None] * (up + down)[None]).argmax(axis=1)
    answers = np.arange(counts.shape[1])
    found: Ints = (np.take_along_axis(changes, ways, axis=1) * (up + down)[ways, answers]).sum(axis=1)
    if len(over):
        forward = (vectors @ moves.T)[np.arange(len(vectors))[:, None], ways] > 0
        ahead, back = up[ways, answers], down[ways, answers]
        for steps in (np.where(forward, ahead, -back), np.where(forward, -back, ahead)):
            rise = (over[:, ways] * steps[None]).sum(axis=2)
            found[(rise > ceilings.room[:, None]).any(axis=0)] = 0
    return found


@dataclass(frozen=True, eq=False)
class Pinned:
    """A group whose bounds are too near, and the published rows that hold them there."""

    place: int
    low: int
    high: int
    rows: Places


def pinned(
    rows: Ints,
    free: Flags,
    counts: Ints,
    vectors: Ints,
    doubtful: Sequence[int],
    ceilings: Ceilings,
    threshold: int,
) -> Pinned | None:
    """Return a doubtful group whose least and greatest possible number lie less than k apart.

    Parameters
    ----------
    rows
        (published × cells) of 0 and 1.
    free
        (cells,) those that linear algebra leaves open.
    counts
        (cells × answers) true counts.
    vectors
        (groups × cells); of which `doubtful` are the places still in doubt.
    """
    cells = np.flatnonzero(free)
    answers = counts.shape[1]
    inside = rows[:, cells]
    distinct, of = np.unique(inside, axis=0, return_inverse=True)
    kept = distinct.astype(float)
    limits = ceilings.rows[:, cells]
    true = counts[cells]
    problem = _Problem(
        np.kron(np.eye(answers), kept),
        (kept @ true).T.ravel(),
        np.kron(np.ones((1, answers)), limits),
        (limits @ true.sum(axis=1) + ceilings.room).astype(float),
    )
    seen = {place: int(vectors[place][cells] @ true.sum(axis=1)) for place in doubtful}
    least, most = dict(seen), dict(seen)
    for place in doubtful:
        if most[place] - least[place] >= threshold:
            continue
        goal = np.tile(vectors[place][cells].astype(float), answers)
        held = np.zeros(len(kept), dtype=bool)
        ends = []
        for sign in (1.0, -1.0):
            found, point, duals = problem.least(sign * goal)
            ends.append(round(sign * found))
            held |= (np.abs(duals.reshape(answers, -1)) > 1e-9).any(axis=0)
            if point is not None:
                people = point.reshape(answers, -1).sum(axis=0)
                for other in doubtful:
                    value = int(vectors[other][cells] @ people)
                    least[other], most[other] = min(least[other], value), max(most[other], value)
            if most[place] - least[place] >= threshold:
                break
        else:
            if ends[1] - ends[0] < threshold:
                touched = (kept @ vectors[place][cells]) > 0
                return Pinned(place, ends[0], ends[1], np.flatnonzero((held if held.any() else touched)[of]))
    return None


@dataclass(frozen=True, eq=False)
class _Problem:
    """Whole numbers x ≥ 0 with equal·x = given and below·x ≤ most."""

    equal: Floats
    given: Floats
    below: Floats
    most: Floats

    def least(self, goal: Floats) -> tuple[float, Ints | None, Floats]:
        """Return the least goal·x over whole x ≥ 0, the x, and the duals of the equations.

        Raises
        ------
        ArithmeticError
            If the solver fails; the true counts are a solution, so it cannot.
        """
        from scipy.optimize import LinearConstraint, linprog, milp

        caps = {"A_ub": self.below, "b_ub": self.most} if len(self.below) else {}
        found = linprog(goal, A_eq=self.equal, b_eq=self.given, **caps, method="highs-ds")
        if found.status != 0:
            raise ArithmeticError(f"bounds of hidden groups: {found.message}")
        duals = np.asarray(found.eqlin.marginals)
        whole = np.rint(found.x).astype(np.int64)
        if np.abs(found.x - whole).max(initial=0) < 1e-6:
            return float(goal @ whole), whole, duals
        rules = [LinearConstraint(self.equal, self.given, self.given)]
        if len(self.below):
            rules.append(LinearConstraint(self.below, -np.inf, self.most))
        exact = milp(goal, constraints=rules, integrality=np.ones(len(goal)))
        if exact.status != 0:
            # Out of time: what linear programming allows is more than what whole numbers allow.
            raise ArithmeticError(f"bounds of hidden groups: {exact.message}")
        whole = np.rint(exact.x).astype(np.int64)
        return float(goal @ whole), whole, duals
