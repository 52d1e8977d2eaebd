"""Rule 5: what a release tells beside one of the same wave that is out already.

Late answers, corrections and erased respondents make two releases differ by a few people, and whoever
subtracts one from the other sees them. So a release is kept as who was where in it, and the next one is
held against it: group by group, nested groups too, and by linear algebra over both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cxlib.anonymity.audit import unknown
from cxlib.anonymity.door import Release
from cxlib.frames import WAVE, cut_dims

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Digests = NDArray[np.uint64]
Cell = tuple[str, ...]
# The name of the cut, and a value a dimension of the plan, empty where the group is not cut by it.
Named = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Issued:
    """One wave of a release, as the house keeps it: who was where, and what was shown.

    Attributes
    ----------
    dims
        The dimensions of a cell's key.
    cells
        The finest cells.
    shown
        The groups with figures.
    withheld
        Pairs (group, item) of the items without figures in a shown group.
    digests
        (people,) one number a person and everything that person answered, sorted: who corrects an answer
        is another one.
    places
        (people,) the cell of each.
    items, answered
        Item ids, and (people × items) who answered which on its scale.
    people
        (people,) one number a person, whatever that person answered.
    """

    dims: tuple[str, ...]
    cells: tuple[Cell, ...]
    shown: frozenset[Named]
    withheld: frozenset[tuple[Named, str]]
    digests: Digests
    places: Ints
    items: tuple[str, ...]
    answered: Flags
    people: Digests

    def by_person(self) -> Issued:
        """Return the same with a person known by who it is, and not by what it answered."""
        order = np.argsort(self.people, kind="stable")
        return replace(
            self,
            digests=self.people[order],
            places=self.places[order],
            answered=self.answered[order],
            people=self.people[order],
        )


def issue(
    released: Release,
    wave: str,
    digests: Digests,
    keys: Iterable[Cell],
    answered: Mapping[str, Flags],
    people: Digests | None = None,
) -> Issued:
    """Keep one wave of a release.

    Parameters
    ----------
    digests
        (people,) in any order.
    keys
        The cell of each, a value a dimension of the release.
    answered
        Item id → (people,) who answered it on its scale.
    people
        (people,) who each is, whatever was answered; by default nobody is known from one release to the next
        but by the same answers.
    """
    names = ["cut", *released.dims]
    groups = released.groups[(released.groups[WAVE] == wave) & ~released.groups["is_hidden"]]
    withheld = released.withheld[released.withheld[WAVE] == wave]
    stated = list(keys)
    cells = tuple(sorted(set(stated)))
    at = {cell: place for place, cell in enumerate(cells)}
    order = np.argsort(digests, kind="stable")
    return Issued(
        released.dims,
        cells,
        frozenset(groups[names].itertuples(index=False, name=None)),
        frozenset(
            (row[:-1], row[-1]) for row in withheld[[*names, "item"]].itertuples(index=False, name=None)
        ),
        np.asarray(digests, np.uint64)[order],
        np.array([at[one] for one in stated], np.int64)[order],
        tuple(answered),
        np.array(list(answered.values()), dtype=bool).reshape(len(answered), len(stated)).T[order],
        np.asarray(digests if people is None else people, np.uint64)[order],
    )


def told_apart(before: Issued, after: Issued, threshold: int) -> list[Named]:
    """Name the groups by which two releases of one wave tell on fewer than the threshold.

    A person stands in a cell of the first, of the second, or of both. Of every group shown in one release
    and the same, a wider or a narrower one shown in the other, nobody or at least the threshold may stand
    in the one alone. And nothing that either hides may be computed from both together, neither people nor
    the answers to an item. That holds by what people answered and by who they are: imported another way,
    say by another mapping, nobody's answers are the same, and who was erased would not be seen. Where the
    same people stand in both and not one of them with the same answers, nothing can be told, and everything
    is named.

    Returns
    -------
    Groups of the later release (of the earlier, where only that shows it), sorted; none where both may be
    out.

    Source: this project's method, section 3, rule 5.
    """
    if before.dims != after.dims:
        return sorted(after.shown)
    same = (before.shown, before.withheld) == (after.shown, after.withheld)
    if same and np.array_equal(before.digests, after.digests):
        return []
    known = len(np.intersect1d(before.people, after.people))
    if known and not len(np.intersect1d(before.digests, after.digests)):
        return sorted(after.shown)
    items = (None, *sorted({*before.items, *after.items}))
    found = _told(before, after, threshold, items)
    return sorted(found | _told(before.by_person(), after.by_person(), threshold, (None,)))


def _told(before: Issued, after: Issued, threshold: int, items: Iterable[str | None]) -> set[Named]:
    """Name the groups by which two releases tell on fewer, of people (None) and of who answered each item."""
    joined = _joined(before, after)
    groups = sorted(before.shown | after.shown | _hidden(before) | _hidden(after))
    old, new = _vectors(groups, before, joined.first), _vectors(groups, after, joined.second)
    was, is_ = (np.array([one in side.shown for one in groups], dtype=bool) for side in (before, after))
    related = _related(groups)
    found: set[Named] = set()
    for item in items:
        n = joined.people(item)
        held = n > 0
        seen = [
            shown & np.array([(one, item) not in side.withheld for one in groups], dtype=bool)
            for shown, side in ((was, before), (is_, after))
        ]
        left = (old[:, None] & ~new[None]) @ n
        come = (new[None] & ~old[:, None]) @ n
        few = ((left > 0) & (left < threshold)) | ((come > 0) & (come < threshold))
        near = few & related & seen[0][:, None] & seen[1][None]
        found.update(groups[at] for at in np.flatnonzero(near.any(axis=0)))
        found.update(_computed(groups, old[:, held], new[:, held], seen[0], seen[1], n[held], threshold))
    return found


@dataclass(frozen=True, eq=False)
class _Joined:
    """Two releases at once: columns of people by their cells in both, −1 where they are in none."""

    sides: tuple[Issued, Issued]
    every: Digests
    first: Ints
    second: Ints
    column: Ints

    def people(self, item: str | None) -> Ints:
        """Count who is in each column; of an item, who answered it."""
        mask = np.full(len(self.every), item is None)
        for side in self.sides:
            if item in side.items:
                mask[np.searchsorted(self.every, side.digests)] = side.answered[:, side.items.index(item)]
        return np.bincount(self.column[mask], minlength=len(self.first)).astype(np.int64)


def _joined(before: Issued, after: Issued) -> _Joined:
    every = np.union1d(before.digests, after.digests)
    pair = np.full((len(every), 2), -1, np.int64)
    for side, one in enumerate((before, after)):
        pair[np.searchsorted(every, one.digests), side] = one.places
    columns, of = np.unique(pair, axis=0, return_inverse=True)
    return _Joined((before, after), every, columns[:, 0], columns[:, 1], of.reshape(-1))


def _hidden(side: Issued) -> set[Named]:
    """Name the groups of the same cuts that hold somebody and are not shown."""
    cuts = {one[0] for one in side.shown}
    every = {
        (cut, *(value if dim in cut_dims(cut) else "" for dim, value in zip(side.dims, cell, strict=True)))
        for cut in cuts
        for cell in side.cells
    }
    return every - side.shown


def _vectors(groups: list[Named], side: Issued, cell: Ints) -> Flags:
    """Say who is in each group: (groups × columns)."""
    out = np.zeros((len(groups), len(cell)), dtype=bool)
    inside = np.array(
        [
            [
                all(not want or want == has for want, has in zip(group[1:], one, strict=True))
                for one in side.cells
            ]
            for group in groups
        ],
        dtype=bool,
    ).reshape(len(groups), len(side.cells))
    out[:, cell >= 0] = inside[:, cell[cell >= 0]]
    return out


def _related(groups: list[Named]) -> Flags:
    """Say which groups are the same, or lie in each other: (groups × groups)."""
    values = np.array([one[1:] for one in groups])
    free = values == ""
    within = ((values[:, None] == values[None]) | free[None]).all(axis=2)
    out: Flags = within | within.T
    return out


def _computed(
    groups: list[Named], old: Flags, new: Flags, was: Flags, is_: Flags, n: Ints, threshold: int
) -> set[Named]:
    """Name what either hides, of fewer than the threshold, and both together tell."""
    rows = np.concatenate([old[was], new[is_]]).astype(np.int64)
    open_ = unknown(rows)
    out = set()
    for vectors, shown in ((old, was), (new, is_)):
        size = vectors @ n
        # What one release tells by itself is no news, and the door has seen to it.
        alone = unknown(vectors[shown].astype(np.int64)).recovered(vectors.astype(np.int64))
        small = ~shown & (size > 0) & (size < threshold)
        gone = small & ~alone & open_.recovered(vectors.astype(np.int64))
        out |= {groups[at] for at in np.flatnonzero(gone)}
    both = old & new
    for apart in (old & ~both, new & ~both):
        size = apart @ n
        few = (size > 0) & (size < threshold) & (was | is_)
        gone = few & open_.recovered(apart.astype(np.int64))
        out |= {groups[at] for at in np.flatnonzero(gone)}
    return out


def called(group: Named) -> str:
    """Call a group in a message: "hotel Station", "role frontline, hotel Station", "everyone"."""
    dims = cut_dims(group[0])
    values = [value for value in group[1:] if value]
    return ", ".join(f"{dim} {value}" for dim, value in zip(dims, values, strict=True)) or "everyone"
