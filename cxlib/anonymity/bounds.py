"""The attack that ends the audit: whoever also knows that every count is whole and at least 0.

For each hidden group the least and the greatest number of people are sought that agree with everything
published. They must lie at least k apart; otherwise the door hides more. First without a solver, by
walking from the true counts as far as a move of the null space goes; where that is not far enough, by
linear programming, and by whole numbers where its corner is not whole (HiGHS, through scipy).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Places = NDArray[np.intp]

# Further moves are made of two of the basis; so many are tried, those that touch the fewest cells first.
MOST_MOVES = 400
MOST_TURNS = 8
# More people than any survey has: nothing bounds the group on that side.
FAR = 10**9


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


def walked(moves: Ints, counts: Ints, vectors: Ints) -> Ints:
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
    (groups,) people, by the one move an answer that changes the group most.
    """
    if not len(moves):
        return np.zeros(len(vectors), np.int64)
    changes = np.abs(vectors @ moves.T)
    down, up = _reach(moves, counts), _reach(-moves, counts)
    # Each answer by itself: nothing published but their sum joins them.
    out: Ints = (changes[:, :, None] * (up + down)[None]).max(axis=1).sum(axis=1)
    return out


def _reach(moves: Ints, counts: Ints) -> Ints:
    """Return how often each move can be taken back before a count falls below 0: (moves × answers)."""
    out = np.full((len(moves), counts.shape[1]), FAR, np.int64)
    # A move touches a few cells: only these are looked at, move by move in their order.
    move, cell = np.nonzero(moves > 0)
    if len(move):
        first = np.flatnonzero(np.diff(move, prepend=-1))
        times = counts[cell] // moves[move, cell][:, None]
        out[move[first]] = np.minimum(np.minimum.reduceat(times, first, axis=0), FAR)
    return out


def climbs(moves: Ints, counts: Ints, vector: Ints, threshold: int) -> bool:
    """Tell whether walking on, move after move, takes one group's number the threshold apart.

    `moves`, `counts` as for :func:`walked`; `vector` (cells,). Each answer takes the move that changes the
    group most, until none does: what it reaches is possible, though more may be.
    """
    gain = moves @ vector
    useful = moves[gain != 0] * np.sign(gain[gain != 0])[:, None]
    gain = np.abs(gain[gain != 0])
    if not len(gain):
        return False
    answers = np.arange(counts.shape[1])
    apart = 0
    for sign in (1, -1):
        ways = useful * sign
        shrinks = ways < 0
        by = np.where(shrinks, -ways, 1)
        at = counts.T.copy()
        for _ in range(MOST_TURNS):
            steps = np.where(shrinks[None], at[:, None, :] // by[None], FAR).min(axis=2)
            best = (steps * gain).argmax(axis=1)
            taken = steps[answers, best]
            if not taken.any():
                break
            at += taken[:, None] * ways[best]
            apart += int((taken * gain[best]).sum())
            if apart >= threshold:
                return True
    return False


@dataclass(frozen=True, eq=False)
class Pinned:
    """A group whose bounds are too near, and the published rows that hold them there."""

    place: int
    rows: Places


@dataclass(frozen=True, eq=False)
class Attack:
    """What is published of one figure, seen by whoever knows that counts are whole and at least 0.

    Attributes
    ----------
    rows
        (published × cells) of 0 and 1, of the cells that linear algebra leaves open.
    counts
        (cells × answers) true counts of those cells.
    """

    rows: Ints
    counts: Ints

    def pinned(self, vectors: Ints, threshold: int) -> tuple[Pinned | None, Flags]:
        """Look for a group whose least and greatest possible number lie less than the threshold apart.

        Parameters
        ----------
        vectors
            (groups × cells) of 0 and 1, those still in doubt.

        Returns
        -------
        The first such group, if there is one; and (groups,) True for those that were found to be apart.
        """
        distinct, of = np.unique(self.rows, axis=0, return_inverse=True)
        answers = self.counts.shape[1]
        people = self.counts.sum(axis=1)
        problem = _Problem(
            np.asarray(np.kron(np.eye(answers), distinct), np.float64),
            (distinct @ self.counts).T.ravel().astype(float),
        )
        least = vectors @ people
        most = least.copy()
        for place, vector in enumerate(vectors):
            goal = np.tile(vector.astype(float), answers)
            ends: list[_End] = []
            for sign in (-1.0, 1.0):
                if most[place] - least[place] >= threshold:
                    break
                ends.append(one := problem.least(sign * goal))
                if one.is_whole:
                    # A solution for one group is one for all.
                    reached = vectors @ np.rint(one.point).astype(np.int64).reshape(answers, -1).sum(axis=0)
                    least, most = np.minimum(least, reached), np.maximum(most, reached)
            else:
                high, low = np.floor(ROUNDING - ends[0].value), np.ceil(ends[1].value - ROUNDING)
                if high - low >= threshold and not all(one.is_whole for one in ends):
                    # A corner that is not whole reaches further than whole numbers do.
                    high, low = -problem.least_whole(-goal), problem.least_whole(goal)
                if high - low < threshold:
                    duals = np.concatenate([one.duals.reshape(answers, -1) for one in ends])
                    held = (np.abs(duals) > ROUNDING).any(axis=0)
                    held = held if held.any() else distinct @ vector > 0
                    return Pinned(place, np.flatnonzero(held[of])), most - least >= threshold
                most[place] = least[place] + threshold
        return None, np.ones(len(vectors), dtype=bool)


ROUNDING = 1e-6
UNBOUNDED = 3


@dataclass(frozen=True, eq=False)
class _End:
    """Where linear programming ends: the value, the point it is reached at, and the equations' duals."""

    value: float
    point: Floats
    duals: Floats

    @property
    def is_whole(self) -> bool:
        return bool(np.isfinite(self.value)) and bool(
            np.abs(self.point - np.rint(self.point)).max(initial=0) < ROUNDING
        )


@dataclass(frozen=True, eq=False)
class _Problem:
    """Whole numbers x ≥ 0 with equal·x = given."""

    equal: Floats
    given: Floats

    def least(self, goal: Floats) -> _End:
        """Return the least goal·x over x ≥ 0, −∞ where nothing bounds it.

        Raises
        ------
        ArithmeticError
            If the solver fails; the true counts are a solution, so none is infeasible.
        """
        from scipy.optimize import linprog

        found = linprog(goal, A_eq=self.equal, b_eq=self.given, method="highs-ds")
        if found.status == UNBOUNDED:
            return _End(-np.inf, np.full(len(goal), 0.5), np.zeros(len(self.given)))
        if found.status != 0:
            raise ArithmeticError(f"bounds of hidden groups: {found.message}")
        return _End(float(found.fun), np.asarray(found.x), np.asarray(found.eqlin.marginals))

    def least_whole(self, goal: Floats) -> float:
        """Return the least goal·x over whole x ≥ 0, −∞ where nothing bounds it."""
        from scipy.optimize import LinearConstraint, milp

        rules = LinearConstraint(self.equal, self.given, self.given)
        found = milp(goal, constraints=rules, integrality=np.ones(len(goal)))
        if found.status == UNBOUNDED:
            return -np.inf
        if found.status != 0:
            raise ArithmeticError(f"bounds of hidden groups: {found.message}")
        return float(round(found.fun))
