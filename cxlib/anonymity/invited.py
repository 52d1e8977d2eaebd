"""Who was invited: a count like any other, and hidden where those who answered are.

Who was invited and how many answered tell a response rate, and of a small group its people. So the door
treats invitations as one more figure: rules 2 to 4 and the bounds, on top of what is hidden already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cxlib.anonymity.door import Release, lay_out
from cxlib.anonymity.settle import settle
from cxlib.frames import WAVE, cut_name


def shown_invited(
    released: Release, wave: str, told: Sequence[tuple[Mapping[str, str], int]]
) -> list[tuple[tuple[str, ...], int]]:
    """Return who was invited to a wave, in the groups that may show it.

    Parameters
    ----------
    told
        Pairs (dimension → value, people invited), every one with the same dimensions.

    Returns
    -------
    Pairs (wave, cut, dimensions…; people invited), cut by cut in the plan's order, for the cuts whose
    dimensions are all told. A group that is hidden, has fewer invited than the threshold, or would give
    such a one away, is left out.
    """
    held = {tuple(cell.values()): n for cell, n in told if n}
    if not held:
        return []
    dims = tuple(told[0][0])
    cells = sorted(held)
    groups = [
        (cut, key)
        for cut in released.cuts
        if set(cut) <= set(dims)
        for key in sorted({tuple(cell[dims.index(dim)] for dim in cut) for cell in cells})
    ]
    names = [WAVE, "cut", *released.dims]
    gone = {
        tuple(row)
        for row in released.groups.loc[released.groups["is_hidden"], names].itertuples(index=False, name=None)
    }
    keys = [(wave, cut_name(cut), *_spread(cut, key, released.dims)) for cut, key in groups]
    layout = lay_out(groups, cells, dims)
    people = np.array([held[cell] for cell in cells], np.int64)
    hidden = np.array([key in gone for key in keys], dtype=bool)
    hidden = settle(layout, people[:, None], released.threshold, hidden=hidden)
    n = layout.members @ people
    return [(key, int(count)) for key, count, away in zip(keys, n, hidden, strict=True) if not away]


def _spread(cut: Sequence[str], key: Sequence[str], dims: Sequence[str]) -> tuple[str, ...]:
    value = dict(zip(cut, key, strict=True))
    return tuple(value.get(dim, "") for dim in dims)
