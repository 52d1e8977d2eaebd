"""The door itself: a tally, a release plan and a threshold in; what may be shown out.

Rule 1 of the method's section 3 is kept here: a declared release plan and nothing beside it. What of it
is hidden is decided figure by figure (:mod:`cxlib.anonymity.settle`): respondents, then each item.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxlib.anonymity.asked import asked_cells, too_telling
from cxlib.anonymity.settle import ASKED, RULES, UNANIMITY, Layout, settle
from cxlib.anonymity.suppress import unanimous
from cxlib.errors import AnonymityError
from cxlib.formats import ALMOST_ALL, ALMOST_NONE, AT_LEAST, AT_MOST
from cxlib.frames import ROLE, UNSCORED, WAVE, ItemScale, cut_name
from cxlib.tally import Tally

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Places = NDArray[np.intp]


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
    bounds : BOUNDS frame; of the withheld, those whose answers all stand at one level.
    threshold : the smallest group shown, respondents.
    """

    cuts: tuple[tuple[str, ...], ...]
    dims: tuple[str, ...]
    groups: pd.DataFrame
    counts: pd.DataFrame
    withheld: pd.DataFrame
    bounds: pd.DataFrame
    threshold: int


def release(
    tally: Tally,
    cuts: Sequence[tuple[str, ...]],
    threshold: int,
    *,
    rules: Container[str] = RULES,
) -> Release:
    """Pass a tally through the door.

    Parameters
    ----------
    tally
        The finest counts; its first dimension is the wave. Waves never share a total.
    cuts
        The release plan, each cut without the wave, at most two dimensions each.
    threshold
        k, the smallest number of respondents that may be shown.
    rules
        Those of :mod:`cxlib.anonymity.settle` to keep; all but in tests.

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
    # The role is told apart even where no cut has it: items are asked of roles.
    finest = tally.cut((WAVE, *(dim for dim in dims if dim == ROLE or any(dim in cut for cut in cuts))))
    parts = [_Part(tuple(cut), tally.cut((WAVE, *cut))) for cut in cuts]
    keys = [(part, key) for part in parts for key in part.tally.keys]
    hidden = np.zeros(len(keys), dtype=bool)
    cells = np.zeros((len(keys), len(tally.items)), dtype=bool)
    bounded = np.zeros_like(cells)
    # Waves never share a total: each is settled by itself.
    for wave in sorted({key[0] for key in finest.keys}):
        at = np.flatnonzero([key[0] == wave for _, key in keys])
        inside = np.flatnonzero([key[0] == wave for key in finest.keys])
        groups = [(part.cut, key[1:]) for part, key in (keys[one] for one in at)]
        layout = lay_out(groups, [finest.keys[one][1:] for one in inside], finest.dims[1:])
        people = finest.respondents[inside]
        gone = settle(layout, people[:, None], threshold, rules=rules)
        hidden[at] = gone
        counts = [finest.item_counts(scale.item)[inside] for scale in finest.items]
        away = _asked(layout, finest, inside, counts, gone, threshold, rules)
        for column, found in enumerate(counts):
            scored = found[:, len(UNSCORED) :]
            cells[at, column] = settle(layout, scored, threshold, hidden=away[column], rules=rules)
            cells[at, column] |= away[column] & (layout.members @ found.any(axis=1) > 0)
            if UNANIMITY in rules:
                bounded[at, column] = unanimous(layout.members @ scored, threshold)
    return _frames(parts, tuple(tuple(cut) for cut in cuts), dims, hidden, cells, bounded, threshold)


def _asked(
    layout: Layout,
    finest: Tally,
    inside: Places,
    counts: Sequence[Ints],
    gone: Flags,
    threshold: int,
    rules: Container[str],
) -> Flags:
    """Say for each item in which groups it is hidden for whom it was asked: (items × groups)."""
    place = finest.dims.index(ROLE) if ROLE in finest.dims else None
    roles = ["" if place is None else finest.keys[one][place] for one in inside]
    if ASKED not in rules:
        return np.repeat(gone[None], len(counts), axis=0)
    asked = np.concatenate(asked_cells(finest.items, counts, roles))
    sets, of = np.unique(asked, axis=0, return_inverse=True)
    people = finest.respondents[inside]
    telling = too_telling(layout, people, sets, threshold, hidden=gone, rules=rules)
    return np.asarray(telling[of.reshape(-1, len(counts))].any(axis=0), np.bool_)


@dataclass(frozen=True)
class _Part:
    """One cut of the plan and its groups."""

    cut: tuple[str, ...]
    tally: Tally


def lay_out(
    groups: Sequence[tuple[tuple[str, ...], tuple[str, ...]]],
    cells: Sequence[tuple[str, ...]],
    dims: Sequence[str],
) -> Layout:
    """Lay the groups of one wave out over its finest cells, and pair each with the finer ones in it.

    Parameters
    ----------
    groups
        Pairs (cut, values of its dimensions), cut by cut.
    cells
        The finest cells, each with a value a dimension of `dims`.
    """
    codes = np.array(cells)
    members = np.zeros((len(groups), len(cells)), np.int64)
    for row, (cut, key) in enumerate(groups):
        columns = [dims.index(dim) for dim in cut]
        members[row] = (codes[:, columns] == np.array(key)).all(axis=1)
    cuts = {cut: np.flatnonzero([one == cut for one, _ in groups]) for cut, _ in groups}
    totals: list[tuple[int, Places]] = []
    for coarse, fine in product(cuts, repeat=2):
        if set(coarse) < set(fine):
            overlap = members[cuts[coarse]] @ members[cuts[fine]].T > 0
            totals += [(int(cuts[coarse][row]), cuts[fine][one]) for row, one in enumerate(overlap)]
    order = list(cuts)
    return Layout(members, totals, np.array([order.index(cut) for cut, _ in groups], np.int64))


def _frames(
    parts: Sequence[_Part],
    cuts: tuple[tuple[str, ...], ...],
    dims: tuple[str, ...],
    hidden: Flags,
    cells: Flags,
    bounded: Flags,
    threshold: int,
) -> Release:
    import pandas as pd

    names = [WAVE, "cut", *dims]
    groups: list[tuple[object, ...]] = []
    withheld: list[tuple[object, ...]] = []
    bounds: list[tuple[object, ...]] = []
    scales = parts[0].tally.items if parts else ()
    widths = [len(scale.answers) for scale in scales]
    # What every column of counts is about: the place of an item, and one of its answers.
    item_of = np.repeat(np.arange(len(scales)), widths)
    answer_of = np.array([answer for scale in scales for answer in scale.answers], np.int64)
    at, columns, found = [np.zeros(0, np.intp)], [np.zeros(0, np.intp)], [np.zeros(0, np.int64)]
    for part in parts:
        counts, first = part.tally.counts, len(groups)
        for local, key in enumerate(part.tally.keys):
            row = len(groups)
            stated = dict(zip(part.cut, key[1:], strict=True))
            group = (key[0], cut_name(part.cut), *(stated.get(dim, "") for dim in dims))
            groups.append(
                (*group, None if hidden[row] else int(part.tally.respondents[local]), bool(hidden[row]))
            )
            for column in np.flatnonzero(cells[row] & ~hidden[row]):
                scale = scales[column]
                withheld.append((*group, scale.item))
                if bounded[row, column]:
                    bounds.append((*group, scale.item, *_bound(scale, counts[local, item_of == column])))
        shown = ~(cells | hidden[:, None])[first : len(groups)]
        for item in range(len(scales)):
            shown[:, item] &= counts[:, item_of == item].any(axis=1)
        places = np.nonzero(shown[:, item_of])
        at.append(first + places[0])
        columns.append(places[1])
        found.append(counts[places])
    level_at = np.concatenate(columns)
    frame = pd.DataFrame(groups, columns=[*names, "n", "is_hidden"]).astype(
        {**dict.fromkeys(names, "str"), "n": "Int64", "is_hidden": "bool"}
    )
    visible = frame.loc[np.concatenate(at), names].reset_index(drop=True)
    return Release(
        cuts=cuts,
        dims=dims,
        groups=frame,
        counts=visible.assign(
            item=pd.array(np.array([scale.item for scale in scales], object)[item_of[level_at]], dtype="str"),
            answer=answer_of[level_at],
            n=np.concatenate(found),
        ),
        withheld=pd.DataFrame(withheld, columns=[*names, "item"]).astype("str"),
        bounds=pd.DataFrame(bounds, columns=[*names, "item", "bound", "top_box"]).astype(
            {**dict.fromkeys([*names, "item", "bound"], "str"), "top_box": "float64"}
        ),
        threshold=threshold,
    )


def _bound(scale: ItemScale, counts: Ints) -> tuple[str, float]:
    """Say of answers that all stand at one level whether that is in the scale's top box."""
    level = scale.answers[int(np.argmax(np.where(np.isin(scale.answers, UNSCORED), 0, counts)))]
    return (AT_LEAST, ALMOST_ALL) if level in scale.top else (AT_MOST, ALMOST_NONE)
