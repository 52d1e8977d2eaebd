"""Rules 2, 3 and 6: no cell with fewer than k, none that its total gives away by subtraction, and none
whose answers all stand at one level, nor is seen to by what is shown around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Totals = Sequence[tuple[int, NDArray[np.intp]]]


def too_small(n: Ints, threshold: int) -> Flags:
    """Say which cells hold somebody, and fewer than the threshold."""
    out: Flags = (n > 0) & (n < threshold)
    return out


def unanimous(counts: Ints, threshold: int) -> Flags:
    """Say which groups (rows of groups × answers on the scale) answered at one level, one and all.

    Groups below the threshold are not among them: they are hidden for being small.

    Source: this project's method, section 3, rule 6.
    """
    out: Flags = ((counts > 0).sum(axis=1) == 1) & (counts.sum(axis=1) >= threshold)
    return out


def heard(
    members: Ints, counts: Ints, totals: Totals, hidden: Flags, threshold: int
) -> NDArray[np.intp] | None:
    """Look for a hidden group, or a finest cell below the threshold, all of whose answers are known to stand
    at one level, however many they are.

    Where nobody of a shown group stands at a level, nobody in it does; nor does anybody of what the shown
    children of a shown total leave, where the rest of the total has none there.

    Parameters
    ----------
    members
        (groups × finest cells) of 0 and 1.
    counts
        (finest cells × answers) on the scale, of non-empty cells.
    totals
        As for :func:`hidden_cells`.
    hidden
        (groups,) True where hidden.
    threshold
        k: the smallest number of respondents that may be shown.

    Returns
    -------
    The shown groups that tell it, or None where nobody is heard.

    Source: this project's method, section 3, rule 6, of what an attacker computes.
    """
    said = members @ counts
    small = too_small(counts.sum(axis=1), threshold)
    shown = ~hidden & said.any(axis=1)
    told = [(members[one] > 0, said[one] == 0, np.array([one])) for one in np.flatnonzero(shown)]
    for total, children in totals:
        gone = children[hidden[children]]
        if shown[total] and len(gone):
            left = children[shown[children]]
            tells = left if len(left) else np.array([total])
            told.append((members[gone].any(axis=0), said[gone].sum(axis=0) == 0, tells))
    told = [one for one in told if one[1].any()]
    if not told:
        return None
    cells, empty = (np.array([one[at] for one in told]) for at in (0, 1))
    # Levels at which somebody of a cell may stand, for all that is shown.
    possible = 1 - (cells.T.astype(np.int64) @ empty.astype(np.int64) > 0)
    aims = np.concatenate([members[hidden & said.any(axis=1)], np.eye(len(counts), dtype=np.int64)[small]])
    known = aims[((aims @ possible) > 0).sum(axis=1) == 1]
    if not len(known):
        return None
    around = (cells & (known[0] > 0)).any(axis=1)
    return np.unique(np.concatenate([told[one][2] for one in np.flatnonzero(around)]))


def hidden_cells(n: Ints, totals: Totals, threshold: int, hidden: Flags | None = None) -> Flags:
    """Decide which cells to hide so that none below the threshold is shown or can be subtracted.

    Parameters
    ----------
    n
        (cells,) respondents of each cell, totals among them, in key order.
    totals
        Pairs (index of a total, indices of the cells that add up to it).
    threshold
        k: the smallest number of respondents that may be shown.
    hidden
        Cells that are hidden already for another reason.

    Returns
    -------
    (cells,) True where hidden. Examples with k = 5, children only: [4, 9] → both;
    [4, 9, 6] → 4 and 6; [1, 1, 1, 8, 12] → the three 1s and 8.

    Source: this project's method, section 3, rules 2 and 3 (after Cox 1980, JASA 75, 377–385).
    """
    out = too_small(n, threshold)
    if hidden is not None:
        out |= hidden & (n > 0)
    settled = False
    while not settled:
        settled = True
        for total, children in totals:
            if out[total]:
                continue
            gone = children[out[children]]
            if not len(gone) or (len(gone) >= 2 and n[gone].sum() >= threshold):
                continue
            left = children[~out[children] & (n[children] > 0)]
            # argmin takes the first of equals, and cells stand in key order: the rule for ties.
            out[left[np.argmin(n[left])] if len(left) else total] = True
            settled = False
    return out
