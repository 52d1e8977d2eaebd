"""Rule 4: what linear algebra over everything published tells about what is hidden, exactly.

Columns are the non-empty finest cells, rows the published groups of one figure. A group is recovered
where its vector lies in the row space, that is where it is orthogonal to the rows' null space. One null
space serves the counts of every answer, and every item with the same pattern.

Composites are combinations of these rows, or rows of their own that no other pattern makes weaker. A mean,
an overall, a figure weighted by role or not: each is made of the counts of items that are visible in its
groups. What is more is the variance of a step, from the moments: Σx_i·x_j of a group. It is shown only
where both items are, so its rows are among the rows of either item, and its row space within theirs; a
hidden group that either item's audit keeps out of reach is out of its reach too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Places = NDArray[np.intp]

# Elimination runs modulo this prime: int64 holds every product, and no margin has such a determinant.
PRIME = 2_147_483_647
# So many unions of one parent are listed. The attack by bounds finds the rest: whoever is in a union
# of fewer than k that is known lies between 0 and k − 1.
MOST_UNIONS = 20_000


@dataclass(frozen=True, eq=False)
class Unknown:
    """What one pattern of published groups leaves open.

    Attributes
    ----------
    free
        (cells,) True for the finest cells that the published figures do not determine.
    moves
        (moves × cells) whole numbers that span the null space: what may be added to the counts of the
        cells without changing anything published.
    """

    free: Flags
    moves: Ints

    def recovered(self, vectors: Ints) -> Flags:
        """Say which (vectors × cells) an attacker computes: those that no move changes."""
        out: Flags = np.logical_not((vectors @ self.moves.T).any(axis=1))
        return out


def unknown(rows: Ints) -> Unknown:
    """Work out what (published groups × finest cells) of 0 and 1 leave open.

    Figures that stand for a single cell are taken out first, again and again, then the rest is eliminated
    exactly: modulo a prime, and the null space that comes out is multiplied out over the whole numbers.
    """
    cells = rows.shape[1]
    open_ = np.ones(cells, dtype=bool)
    while True:
        left = rows[:, open_]
        single = left[left.sum(axis=1) == 1]
        if not len(single):
            break
        open_[np.flatnonzero(open_)[single.any(axis=0)]] = False
    columns = np.flatnonzero(open_)
    rest = np.unique(rows[:, columns], axis=0)
    basis = null_space(rest[rest.any(axis=1)])
    moves = np.zeros((len(basis), cells), np.int64)
    moves[:, columns] = basis
    return Unknown(np.asarray(moves.any(axis=0), np.bool_), moves)


def null_space(rows: Ints) -> Ints:
    """Return whole numbers (basis × columns) that span {v : rows·v = 0}, exactly.

    The basis is found modulo a prime. The rank modulo a prime is at most the true one, so the true null
    space is at most as large; as all of the basis is in it, checked over the whole numbers, it is it.
    """
    columns = rows.shape[1]
    work, pivots = rows % PRIME, []
    at = 0
    for column in range(columns):
        found = np.flatnonzero(work[at:, column])
        if not len(found):
            continue
        pivot = at + int(found[0])
        if pivot != at:
            work[[at, pivot]] = work[[pivot, at]]
        if work[at, column] != 1:
            work[at] = work[at] * pow(int(work[at, column]), -1, PRIME) % PRIME
        others = np.flatnonzero(work[:, column])
        others = others[others != at]
        work[others] = (work[others] - work[others, column][:, None] * work[at]) % PRIME
        pivots.append(column)
        at += 1
        if at == len(work):
            break
    free = np.setdiff1d(np.arange(columns), pivots)
    basis = np.zeros((len(free), columns), np.int64)
    basis[np.arange(len(free)), free] = 1
    if pivots:
        values = -work[: len(pivots)][:, free].T % PRIME
        basis[:, pivots] = np.where(values > PRIME // 2, values - PRIME, values)
    # A fraction looks like a huge whole number modulo the prime; margins seldom have any.
    return basis if not (rows @ basis.T).any() and np.abs(basis).max(initial=0) < 1000 else _slowly(rows)


def _slowly(rows: Ints) -> Ints:
    """Return the null space by fractions, each vector made whole."""
    work = [[Fraction(int(one)) for one in row] for row in rows]
    columns, pivots = rows.shape[1], list[int]()
    for column in range(columns):
        at = len(pivots)
        pivot = next((row for row in range(at, len(work)) if work[row][column]), None)
        if pivot is None:
            continue
        work[at], work[pivot] = work[pivot], work[at]
        work[at] = [one / work[at][column] for one in work[at]]
        for row in range(len(work)):
            if row != at and work[row][column]:
                by = work[row][column]
                work[row] = [one - by * base for one, base in zip(work[row], work[at], strict=True)]
        pivots.append(column)
    out = []
    for free in (column for column in range(columns) if column not in pivots):
        vector = [Fraction(0)] * columns
        vector[free] = Fraction(1)
        for row, pivot in enumerate(pivots):
            vector[pivot] = -work[row][free]
        whole = lcm(*(one.denominator for one in vector))
        out.append([int(one * whole) for one in vector])
    return np.array(out, np.int64).reshape(-1, columns)


def unions(n: Ints, threshold: int) -> Iterator[tuple[int, ...]]:
    """List the unions of two or more siblings that sum below the threshold, at most `MOST_UNIONS`.

    None has more than threshold − 1 members, as each holds somebody.
    """
    order = np.argsort(n, kind="stable")
    sizes = n[order].tolist()
    given = 0
    stack: list[tuple[tuple[int, ...], int]] = [((place,), size) for place, size in enumerate(sizes)]
    while stack and given < MOST_UNIONS:
        members, total = stack.pop()
        for place in range(members[-1] + 1, len(sizes)):
            if total + sizes[place] >= threshold:
                break
            more = (*members, place)
            given += 1
            yield tuple(int(order[one]) for one in more)
            stack.append((more, total + sizes[place]))


def recovered_union(
    open_: Unknown, vectors: Ints, n: Ints, siblings: Sequence[Places], threshold: int
) -> tuple[int, ...] | None:
    """Return a union of hidden siblings below the threshold that is recovered, if there is one.

    Parameters
    ----------
    vectors, n
        (hidden × cells) and (hidden,) of what is hidden.
    siblings
        For each parent, the places of its hidden children among them.
    """
    changes = vectors @ open_.moves.T
    for family in siblings:
        small = family[n[family] < threshold]
        if len(small) < 2:
            continue
        for union in unions(n[small], threshold):
            places = small[list(union)]
            if not changes[places].sum(axis=0).any():
                return tuple(places.tolist())
    return None


def relation(rows: Ints, vector: Ints) -> Places:
    """Return the rows that a recovered vector is put together from (rows × cells; cells)."""
    weights, *_ = np.linalg.lstsq(rows.T.astype(float), vector.astype(float), rcond=None)
    return np.flatnonzero(np.abs(weights) > 1e-7)
