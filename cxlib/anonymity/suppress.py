"""Rules 2, 3 and 6: no cell with fewer than k, none that its total gives away by subtraction, and none
whose answers all stand at one level."""

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
