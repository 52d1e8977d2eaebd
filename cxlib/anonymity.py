"""The door: what may be shown of a tally, and the only way from counts to anything published.

Rules 1 to 3 of the method's section 3: a declared release plan and nothing beside it; no cell with
fewer than k respondents, for the group and for each item; and no hidden cell that its total gives
away by subtraction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxlib.errors import AnonymityError
from cxlib.frames import UNSCORED, WAVE, cut_name
from cxlib.tally import Tally

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Totals = Sequence[tuple[int, NDArray[np.intp]]]


@dataclass(frozen=True)
class Release:
    """What passed the door.

    Attributes
    ----------
    cuts : the release plan, each a tuple of dimensions.
    dims : every dimension a group may be cut by, role first.
    groups : GROUPS frame; every non-empty group of the plan, `n` missing where hidden.
    counts : COUNTS frame; only what is visible.
    withheld : (wave, cut, dims…, item) of the items hidden within a visible group.
    threshold : the smallest group shown, respondents.
    """

    cuts: tuple[tuple[str, ...], ...]
    dims: tuple[str, ...]
    groups: pd.DataFrame
    counts: pd.DataFrame
    withheld: pd.DataFrame
    threshold: int


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
    out: Flags = (n > 0) & (n < threshold)
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


def release(tally: Tally, cuts: Sequence[tuple[str, ...]], threshold: int) -> Release:
    """Pass a tally through the door.

    Parameters
    ----------
    tally
        The finest counts; its first dimension is the wave. Waves never share a total.
    cuts
        The release plan, each cut without the wave, at most two dimensions each.
    threshold
        k, the smallest number of respondents that may be shown.

    Raises
    ------
    AnonymityError
        If a cut names a dimension that the tally lacks, or more than two.
    """
    dims = tuple(dim for dim in tally.dims if dim != WAVE)
    for cut in cuts:
        if len(cut) > 2 or not set(cut) <= set(dims):
            raise AnonymityError(
                f"the release plan asks for {cut_name(cut) or 'everyone'}; "
                f"expected at most two of {', '.join(dims)}"
            )
    parts = [_Part.of(tally.cut((WAVE, *cut)), cut) for cut in cuts]
    n = np.concatenate([part.n for part in parts]) if parts else np.zeros((0, 1), np.int64)
    totals = _totals(parts)
    groups = hidden_cells(n[:, 0], totals, threshold)
    cells = np.zeros((len(n), n.shape[1] - 1), dtype=bool)
    for column in range(cells.shape[1]):
        cells[:, column] = hidden_cells(n[:, column + 1], totals, threshold, groups)
    return _frames(parts, tuple(tuple(cut) for cut in cuts), dims, groups, cells, threshold)


@dataclass(frozen=True)
class _Part:
    """One cut of the plan: its groups, and n of each (column 0 respondents, then answered per item)."""

    cut: tuple[str, ...]
    tally: Tally
    n: Ints

    @classmethod
    def of(cls, tally: Tally, cut: tuple[str, ...]) -> _Part:
        beside = len(UNSCORED)
        answered = [tally.item_counts(scale.item)[:, beside:].sum(axis=1) for scale in tally.items]
        return cls(cut, tally, np.column_stack([tally.respondents, *answered]))


def _totals(parts: Sequence[_Part]) -> list[tuple[int, NDArray[np.intp]]]:
    """Pair each group of each cut with the groups of every finer cut that add up to it."""
    starts = np.cumsum([0, *(len(part.n) for part in parts)])
    found: list[tuple[int, NDArray[np.intp]]] = []
    for above, coarse in enumerate(parts):
        for below, fine in enumerate(parts):
            if not set(coarse.cut) < set(fine.cut):
                continue
            at = [0, *(1 + fine.cut.index(dim) for dim in coarse.cut)]
            children: dict[tuple[str, ...], list[int]] = {}
            for row, key in enumerate(fine.tally.keys):
                children.setdefault(tuple(key[i] for i in at), []).append(int(starts[below]) + row)
            for row, key in enumerate(coarse.tally.keys):
                if key in children:
                    found.append((int(starts[above]) + row, np.array(children[key], dtype=np.intp)))
    return found


def _frames(
    parts: Sequence[_Part],
    cuts: tuple[tuple[str, ...], ...],
    dims: tuple[str, ...],
    hidden: Flags,
    cells: Flags,
    threshold: int,
) -> Release:
    import pandas as pd

    names = [WAVE, "cut", *dims]
    groups: list[tuple[object, ...]] = []
    withheld: list[tuple[object, ...]] = []
    at: list[int] = []
    items: list[str] = []
    answers: list[int] = []
    found: list[int] = []
    for part in parts:
        by_item = [(scale, part.tally.item_counts(scale.item)) for scale in part.tally.items]
        for local, key in enumerate(part.tally.keys):
            row = len(groups)
            stated = dict(zip(part.cut, key[1:], strict=True))
            group = (key[0], cut_name(part.cut), *(stated.get(dim, "") for dim in dims))
            groups.append((*group, None if hidden[row] else int(part.n[local, 0]), bool(hidden[row])))
            if hidden[row]:
                continue
            for column, (scale, counts) in enumerate(by_item):
                if cells[row, column]:
                    withheld.append((*group, scale.item))
                elif counts[local].any():
                    at.extend([row] * len(scale.answers))
                    items.extend([scale.item] * len(scale.answers))
                    answers.extend(scale.answers)
                    found.extend(int(one) for one in counts[local])
    frame = pd.DataFrame(groups, columns=[*names, "n", "is_hidden"]).astype(
        {**dict.fromkeys(names, "str"), "n": "Int64", "is_hidden": "bool"}
    )
    visible = frame.loc[at, names].reset_index(drop=True)
    return Release(
        cuts=cuts,
        dims=dims,
        groups=frame,
        counts=visible.assign(
            item=pd.array(items, dtype="str"),
            answer=np.array(answers, dtype=np.int64),
            n=np.array(found, dtype=np.int64),
        ),
        withheld=pd.DataFrame(withheld, columns=[*names, "item"]).astype("str"),
        threshold=threshold,
    )
