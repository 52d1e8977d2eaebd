"""Rule 5: what a release tells beside one of the same wave that is out already.

Late answers, corrections and erased respondents make two releases differ by a few people, and whoever
subtracts one from the other sees them. So a release is kept as who was where in it, and the next one is
held against it: group by group, nested groups too, and by linear algebra over both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from cxlib.anonymity.audit import unknown
from cxlib.anonymity.door import Release
from cxlib.frames import WAVE, cut_dims

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Digests = NDArray[np.uint64]
Bits = NDArray[np.uint8]
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
        Item ids, and who answered which on its scale: (people × bytes), a bit an item, the first the
        highest.
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
    answered: Bits
    people: Digests

    def who_answered(self, item: str) -> Flags:
        """Say who answered an item on its scale: (people,); nobody where it was not asked."""
        if item not in self.items:
            return np.zeros(len(self.digests), bool)
        byte, bit = divmod(self.items.index(item), 8)
        return (self.answered[:, byte] >> np.uint8(7 - bit)) & np.uint8(1) > 0

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
    answered: Mapping[str, Flags] | tuple[tuple[str, ...], Bits],
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
        Item id → (people,) who answered it on its scale; or items and bits, as :class:`Issued` has them.
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
    if isinstance(answered, Mapping):
        flags = np.array(list(answered.values()), dtype=bool).reshape(len(answered), len(stated))
        items, bits = tuple(answered), np.packbits(flags.T, axis=1)
    else:
        items, bits = answered
    return Issued(
        released.dims,
        cells,
        frozenset(groups[names].itertuples(index=False, name=None)),
        frozenset(
            (row[:-1], row[-1]) for row in withheld[[*names, "item"]].itertuples(index=False, name=None)
        ),
        np.asarray(digests, np.uint64)[order],
        np.array([at[one] for one in stated], np.int64)[order],
        items,
        bits[order],
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
    if _same(before, after):
        return []
    known = len(np.intersect1d(before.people, after.people))
    if known and not len(np.intersect1d(before.digests, after.digests)):
        return sorted(after.shown)
    sides = (before, after)
    found = _told(sides, threshold, _items(sides))
    return sorted(found | _told([one.by_person() for one in sides], threshold, (None,)))


def told_together(out: Sequence[Issued], after: Issued, threshold: int) -> list[Named]:
    """Name the groups by which a release tells on fewer than the threshold beside all that are out at once.

    Three releases can tell what no two of them do. Where one holds everybody, and two that followed it a
    part each, the few who are in neither part are what the first leaves of both.

    Parameters
    ----------
    out
        Releases of one wave of which no two, nor any and `after`, tell on anybody (:func:`told_apart`).

    Returns
    -------
    As :func:`told_apart`.
    """
    sides = list[Issued]()
    for one in (*out, after):
        if not any(_same(one, other) for other in sides):
            sides.append(one)
    if len(sides) < 3 or any(one.dims != after.dims for one in sides):
        return []
    found = _computed(_joined(sides), sides, threshold, _items(sides))
    people = [one.by_person() for one in sides]
    return sorted(found | _computed(_joined(people), people, threshold, (None,)))


def _same(before: Issued, after: Issued) -> bool:
    same = (before.shown, before.withheld) == (after.shown, after.withheld)
    return same and np.array_equal(before.digests, after.digests)


def _items(sides: Sequence[Issued]) -> tuple[str | None, ...]:
    """Name what is told: people (None), and the answers to each item."""
    return (None, *sorted({item for side in sides for item in side.items}))


def _told(sides: Sequence[Issued], threshold: int, items: Iterable[str | None]) -> set[Named]:
    """Name the groups by which two releases tell on fewer, of people (None) and of who answered each item."""
    joined = _joined(sides)
    groups, (old, new) = joined.groups, joined.inside
    related = _related(groups)
    found: set[Named] = set()
    for item in (items := tuple(items)):
        n = joined.people(item)
        left = (old[:, None] & ~new[None]) @ n
        come = (new[None] & ~old[:, None]) @ n
        few = ((left > 0) & (left < threshold)) | ((come > 0) & (come < threshold))
        was, is_ = joined.seen(item)
        near = few & related & was[:, None] & is_[None]
        found.update(groups[at] for at in np.flatnonzero(near.any(axis=0)))
    return found | _computed(joined, sides, threshold, items)


@dataclass(frozen=True, eq=False)
class _Joined:
    """Releases at once: columns of people by their cell in each.

    Attributes
    ----------
    every, column
        (people,) their digests, sorted, and the column of each.
    columns
        How many columns there are.
    groups
        Those that any release shows or hides.
    inside
        For each release (groups × columns), who is in a group of it.
    """

    sides: Sequence[Issued]
    every: Digests
    column: Ints
    columns: int
    groups: list[Named]
    inside: list[Flags]

    def people(self, item: str | None) -> Ints:
        """Count who is in each column; of an item, who answered it."""
        mask = np.full(len(self.every), item is None)
        for side in self.sides:
            if item in side.items:
                mask[np.searchsorted(self.every, side.digests)] = side.who_answered(item)
        return np.bincount(self.column[mask], minlength=self.columns).astype(np.int64)

    def seen(self, item: str | None) -> list[Flags]:
        """Say for each release which groups it shows; of an item, shows with figures."""
        return [
            np.array([one in side.shown and (one, item) not in side.withheld for one in self.groups], bool)
            for side in self.sides
        ]


def _joined(sides: Sequence[Issued]) -> _Joined:
    every = np.unique(np.concatenate([side.digests for side in sides]))
    places = np.full((len(every), len(sides)), -1, np.int64)
    for at, one in enumerate(sides):
        places[np.searchsorted(every, one.digests), at] = one.places
    columns, of = np.unique(places, axis=0, return_inverse=True)
    groups = sorted({group for side in sides for group in side.shown | _hidden(side)})
    inside = [_vectors(groups, side, columns[:, at]) for at, side in enumerate(sides)]
    return _Joined(sides, every, of.reshape(-1), len(columns), groups, inside)


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
    joined: _Joined, sides: Sequence[Issued], threshold: int, items: Iterable[str | None]
) -> set[Named]:
    """Name what any release hides, of fewer than the threshold, and all of them together tell."""
    out: set[Named] = set()
    for item in items:
        n = joined.people(item)
        held, n = n > 0, n[n > 0]
        seen = joined.seen(item)
        inside = [one[:, held] for one in joined.inside]
        open_ = unknown(
            np.concatenate([one[at] for one, at in zip(inside, seen, strict=True)]).astype(np.int64)
        )
        for vectors, shown in zip(inside, seen, strict=True):
            size = vectors @ n
            # What one release tells by itself is no news, and the door has seen to it.
            alone = unknown(vectors[shown].astype(np.int64)).recovered(vectors.astype(np.int64))
            small = ~shown & (size > 0) & (size < threshold)
            gone = small & ~alone & open_.recovered(vectors.astype(np.int64))
            out |= {joined.groups[at] for at in np.flatnonzero(gone)}
        shown = np.any(seen, axis=0)
        for one, other in permutations(inside, 2):
            apart = one & ~other
            size = apart @ n
            few = (size > 0) & (size < threshold) & shown
            gone = few & open_.recovered(apart.astype(np.int64))
            out |= {joined.groups[at] for at in np.flatnonzero(gone)}
        # Whoever stands in the same place in each: named by the narrowest group that shows them.
        told = (n < threshold) & ~open_.moves.any(axis=0)
        within = np.any([one & mine[:, None] for one, mine in zip(inside, seen, strict=True)], axis=0)
        for column in np.flatnonzero(told & within.any(axis=0)):
            holding = np.flatnonzero(within[:, column])
            out.add(joined.groups[int(holding[np.argmin(within[holding] @ n)])])
    return out


def called(group: Named) -> str:
    """Call a group in a message: "hotel Station", "role frontline, hotel Station", "everyone"."""
    dims = cut_dims(group[0])
    values = [value for value in group[1:] if value]
    return ", ".join(f"{dim} {value}" for dim, value in zip(dims, values, strict=True)) or "everyone"
