"""The tally: integer counts and cross-moments of answers, additive, made in one pass.

Everything that a client sees is computed from it. All numbers are int64, so that partial tallies
made on other machines merge exactly and in any order: for disjoint respondents
`tally(a) + tally(b) == tally(a ∪ b)`, bit for bit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from cxlib import counting
from cxlib.counting import Batches, Counts, Key, Places
from cxlib.errors import ContractError, Problem, nearest
from cxlib.files import replaced
from cxlib.frames import WAVE, ItemScale, cut_name

# Answers held back until a moment block is worth sorting; 42 items make this 400,000 respondents.
BLOCK_ANSWERS: Final = 1 << 24
FORMAT: Final = "cxlib tally 1"


# ---------------------------------------------------------------------------------------- values


@dataclass(frozen=True, eq=False)
class CutMoments:
    """Cross-moments of one published cut, G groups × I items × I items, on the items' own scales.

    Only answers on the scale take part; blank, not applicable and don't know do not.

    Attributes
    ----------
    dims
        Dimensions of a group's key, `wave` among them.
    keys
        The groups, sorted.
    n
        n[g, i, j] respondents who answered both i and j.
    s
        s[g, i, j] = Σ x_i over those respondents.
    q
        q[g, i, j] = Σ x_i·x_j over those respondents; the diagonal is Σ x_i².
    """

    dims: Key
    keys: tuple[Key, ...]
    n: Counts = field(repr=False)
    s: Counts = field(repr=False)
    q: Counts = field(repr=False)

    def __post_init__(self) -> None:
        _freeze(self, "n", "s", "q")
        if not self.n.shape == self.s.shape == self.q.shape or len(self.keys) != len(self.n):
            raise ContractError(f"moments of cut {cut_name(self.dims)!r}: arrays and keys differ in length")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CutMoments) and _same(self, other)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Moments:
    """The cross-moments of every published cut, sorted by the cuts' dimensions.

    They never leave the house: n_i − n_ij isolates those who skipped item j.
    """

    cuts: tuple[CutMoments, ...]

    __hash__ = None  # type: ignore[assignment]

    def cut(self, dims: Collection[str]) -> CutMoments:
        """Return the moments of one cut, named with or without `wave`.

        Raises
        ------
        ContractError
            If no moments were asked for at this cut.
        """
        wanted = {WAVE, *dims}
        for cut in self.cuts:
            if set(cut.dims) == wanted:
                return cut
        known = ", ".join(repr(cut_name(cut.dims)) for cut in self.cuts)
        raise ContractError(
            f"no moments of cut {cut_name(dims)!r}; there are {known or 'none'}",
            fix="Name the cut in `cuts` when tallying.",
        )


@dataclass(frozen=True, eq=False)
class Tally:
    """Counts of answers in the finest non-empty cells; canonical, so that `==` is bit equality.

    An item that was never asked in a cell counts nothing there, not even blanks.

    Attributes
    ----------
    framework
        Stamp of the framework version the answers were given to.
    dims
        Dimensions of a cell's key; `wave` is one of them.
    items
        The items on their own scales, sorted by id.
    keys
        The cells, sorted; each holds one text a dimension.
    respondents
        [G] respondents in each cell.
    counts
        [G, Σ answers] respondents who gave each answer: item by item, an item's answers in the
        order of `ItemScale.answers`.
    moments
        Cross-moments of the published cuts, where they were asked for.

    Raises
    ------
    ContractError
        If the parts do not fit together or are not sorted.
    """

    framework: str
    dims: Key
    items: tuple[ItemScale, ...]
    keys: tuple[Key, ...] = field(repr=False)
    respondents: Counts = field(repr=False)
    counts: Counts = field(repr=False)
    moments: Moments | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _freeze(self, "respondents", "counts")
        cells, columns = len(self.keys), int(_offsets(self.items)[-1])
        faults = [
            (
                WAVE not in self.dims or len(set(self.dims)) < len(self.dims),
                "dims",
                "unique names, wave among them",
            ),
            (not _ascending([item.item for item in self.items]), "items", "sorted by id, each once"),
            (not _ascending(self.keys), "keys", "sorted, each once"),
            (any(len(key) != len(self.dims) for key in self.keys), "keys", "one text a dimension"),
            (self.respondents.shape != (cells,), "respondents", f"shape ({cells},)"),
            (self.counts.shape != (cells, columns), "counts", f"shape ({cells}, {columns})"),
            (
                any(cut.n.shape[1:] != (len(self.items),) * 2 for cut in (self.moments or Moments(())).cuts),
                "moments",
                f"{len(self.items)} × {len(self.items)} items",
            ),
        ]
        problems = [Problem(where, "wrong", expected=expected) for wrong, where, expected in faults if wrong]
        if problems:
            raise ContractError("a tally breaks its contract", problems=problems)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and _same(self, other)

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Tally) -> Tally:
        """Merge the tallies of disjoint respondents, exactly and in any order.

        An item that one side never asked adds zeros. A tally without cells is neutral.

        Raises
        ------
        ContractError
            For different framework stamps or dimensions, one item on two scales, or moments
            on one side only or of other cuts.
        """
        if not isinstance(other, Tally):
            return NotImplemented
        items = _merged_items(self, other)
        if not self.keys or not other.keys:
            # Of two tallies without cells the richer, whichever stands first.
            return max(self, other, key=lambda t: (len(t.keys), t.moments is not None, t.items))
        keys = tuple(sorted({*self.keys, *other.keys}))
        respondents = np.zeros(len(keys), np.int64)
        counts = np.zeros((len(keys), _offsets(items)[-1]), np.int64)
        for side in (self, other):
            rows = _positions(side.keys, keys)
            respondents[rows] += side.respondents
            counts[np.ix_(rows, _columns(side.items, items))] += side.counts
        moments = None
        if self.moments is not None and other.moments is not None:
            at = [_positions(side.items, items) for side in (self, other)]
            pairs = zip(self.moments.cuts, other.moments.cuts, strict=True)
            moments = Moments(tuple(_merged_cut(pair, at, len(items)) for pair in pairs))
        return Tally(self.framework, self.dims, items, keys, respondents, counts, moments)

    def item_counts(self, item: str) -> Counts:
        """Return [G, A] respondents by cell and answer, in the order of `ItemScale.answers`.

        Raises
        ------
        ContractError
            If the tally does not hold the item.
        """
        names = [one.item for one in self.items]
        if item not in names:
            raise ContractError(f"no item {item} in this tally{nearest(item, names)}")
        at, offsets = names.index(item), _offsets(self.items)
        return self.counts[:, offsets[at] : offsets[at + 1]]

    def cut(self, dims: Collection[str]) -> Tally:
        """Sum the cells up to fewer dimensions; `wave` always stays.

        Moments stay for the cuts that lie within these dimensions.

        Raises
        ------
        ContractError
            If a dimension is unknown.
        """
        _known_dims(dims, self.dims)
        kept = _key_dims(dims, self.dims)
        keys, target = _projected(self.keys, self.dims, kept)
        moments = None
        if self.moments is not None:
            moments = Moments(tuple(cut for cut in self.moments.cuts if set(cut.dims) <= set(kept)))
        return replace(
            self,
            dims=kept,
            keys=keys,
            respondents=_summed(self.respondents, target, len(keys)),
            counts=_summed(self.counts, target, len(keys)),
            moments=moments,
        )

    def select(self, **values: str | Collection[str]) -> Tally:
        """Keep the cells whose dimensions hold these values: `select(wave="2026-1")`.

        Moments stay for the cuts that have all the named dimensions.

        Raises
        ------
        ContractError
            If a dimension is unknown.
        """
        _known_dims(values, self.dims)
        wanted = {dim: {one} if isinstance(one, str) else set(one) for dim, one in values.items()}
        keys, rows = _selected(self.keys, self.dims, wanted)
        moments = None
        if self.moments is not None:
            cuts = []
            for cut in self.moments.cuts:
                if wanted.keys() <= set(cut.dims):
                    groups, at = _selected(cut.keys, cut.dims, wanted)
                    cuts.append(CutMoments(cut.dims, groups, cut.n[at], cut.s[at], cut.q[at]))
            moments = Moments(tuple(cuts))
        return replace(
            self, keys=keys, respondents=self.respondents[rows], counts=self.counts[rows], moments=moments
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the tally to one file (NumPy's npz); equal tallies give equal bytes."""
        cuts = self.moments.cuts if self.moments is not None else ()
        head = {
            "format": FORMAT,
            "framework": self.framework,
            "dims": self.dims,
            "items": [(item.item, item.low, item.high) for item in self.items],
            "keys": self.keys,
            "cuts": None if self.moments is None else [{"dims": cut.dims, "keys": cut.keys} for cut in cuts],
        }
        arrays = {"respondents": self.respondents, "counts": self.counts}
        for at, cut in enumerate(cuts):
            arrays |= {f"n{at}": cut.n, f"s{at}": cut.s, f"q{at}": cut.q}
        text = np.frombuffer(json.dumps(head).encode(), np.uint8)
        with replaced(Path(path)) as part, part.open("wb") as handle:
            np.savez_compressed(handle, allow_pickle=False, head=text, **arrays)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Tally:
        """Read a tally written by `save`, equal to the bit.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ContractError
            If the file is damaged, or is not a tally.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                head = json.loads(file["head"].tobytes())
                if head["format"] != FORMAT:
                    raise ContractError(f"{path}: format {head['format']!r}; expected {FORMAT!r}")
                cuts = [
                    CutMoments(
                        tuple(cut["dims"]), _tuples(cut["keys"]), *(file[f"{name}{at}"] for name in "nsq")
                    )
                    for at, cut in enumerate(head["cuts"] or ())
                ]
                return Tally(
                    head["framework"],
                    tuple(head["dims"]),
                    tuple(ItemScale(*item) for item in head["items"]),
                    _tuples(head["keys"]),
                    file["respondents"],
                    file["counts"],
                    None if head["cuts"] is None else Moments(tuple(cuts)),
                )
        except (FileNotFoundError, ContractError):
            raise
        except Exception as error:
            raise ContractError(
                f"{os.fspath(path)} cannot be read as a tally: {error}", fix="Tally the answers again."
            ) from error


def _freeze(value: Any, *names: str) -> None:
    for name in names:
        array = np.asarray(getattr(value, name))
        if array.dtype.kind not in "iu":
            raise ContractError(f"a tally's {name} are {array.dtype}; expected whole numbers")
        view = np.ascontiguousarray(array, np.int64).view()
        view.flags.writeable = False
        object.__setattr__(value, name, view)


def _same(a: Any, b: Any) -> bool:
    pairs = ((getattr(a, name), getattr(b, name)) for name in a.__dataclass_fields__)
    return all(np.array_equal(x, y) if isinstance(x, np.ndarray) else x == y for x, y in pairs)


def _ascending(names: Sequence[Any]) -> bool:
    return all(a < b for a, b in pairwise(names))


def _tuples(keys: Iterable[Iterable[str]]) -> tuple[Key, ...]:
    return tuple(tuple(key) for key in keys)


def _offsets(items: Sequence[ItemScale]) -> Places:
    return np.cumsum([0, *(len(item.answers) for item in items)], dtype=np.intp)


def _positions(some: Sequence[Any], all_: Sequence[Any]) -> Places:
    at = {one: position for position, one in enumerate(all_)}
    return np.array([at[one] for one in some], np.intp)


def _columns(items: Sequence[ItemScale], all_: Sequence[ItemScale]) -> Places:
    starts = _offsets(all_)[_positions(items, all_)]
    columns = (np.arange(start, start + len(item.answers)) for item, start in zip(items, starts, strict=True))
    return np.concatenate([np.empty(0, np.intp), *columns])


def _known_dims(named: Iterable[str], dims: Key) -> None:
    for dim in named:
        if dim not in dims:
            raise ContractError(f"no dimension {dim}; there are {', '.join(dims)}{nearest(dim, dims)}")


def _key_dims(cut: Iterable[str], dims: Key) -> Key:
    wanted = {WAVE, *cut}
    return tuple(dim for dim in dims if dim in wanted)


def _projected(keys: Iterable[Key], dims: Key, kept: Key) -> tuple[tuple[Key, ...], Places]:
    """Return the sorted keys of fewer dimensions, and for each old key the place of its new one."""
    places = [dims.index(dim) for dim in kept]
    short = [tuple(key[place] for place in places) for key in keys]
    groups = tuple(sorted(set(short)))
    return groups, _positions(short, groups)


def _selected(
    keys: Sequence[Key], dims: Key, wanted: Mapping[str, set[str]]
) -> tuple[tuple[Key, ...], Places]:
    tests = [(dims.index(dim), values) for dim, values in wanted.items()]
    rows = [row for row, key in enumerate(keys) if all(key[place] in values for place, values in tests)]
    return tuple(keys[row] for row in rows), np.array(rows, np.intp)


def _summed(values: Counts, target: Places, groups: int) -> Counts:
    """Add up the rows of `values` that share a target; every target from 0 to `groups` occurs."""
    if not groups:
        return values[:0]
    order = np.argsort(target, kind="stable")
    starts = np.searchsorted(target[order], np.arange(groups))
    return np.add.reduceat(values[order], starts, axis=0)


def _merged_items(a: Tally, b: Tally) -> tuple[ItemScale, ...]:
    for what, one, two in (("framework", a.framework, b.framework), ("dimensions", a.dims, b.dims)):
        if one != two:
            raise ContractError(
                f"tallies of different {what} cannot be added: {one} and {two}",
                fix="Tally both from their answers under one framework version and one set of dimensions.",
            )
    items = tuple(sorted({*a.items, *b.items}))
    for x, y in pairwise(items):
        if x.item == y.item:
            raise ContractError(
                f"tallies on different scales cannot be added: {x.item} is {x.low}…{x.high} in one "
                f"and {y.low}…{y.high} in the other"
            )
    if a.keys and b.keys:
        cuts = [None if side.moments is None else [cut.dims for cut in side.moments.cuts] for side in (a, b)]
        if cuts[0] != cuts[1]:
            raise ContractError(
                "tallies with different moments cannot be added: "
                + " and ".join("none" if c is None else str([cut_name(dims) for dims in c]) for c in cuts),
                fix="Name the same `cuts` when tallying both.",
            )
    return items


def _merged_cut(pair: tuple[CutMoments, CutMoments], at: Sequence[Places], size: int) -> CutMoments:
    keys = tuple(sorted({*pair[0].keys, *pair[1].keys}))
    n, s, q = (np.zeros((len(keys), size, size), np.int64) for _ in range(3))
    for cut, places in zip(pair, at, strict=True):
        rows = _positions(cut.keys, keys)
        # Most merge the same items: whole groups are added far faster than chosen pairs of items.
        where: Any = rows if len(places) == size else np.ix_(rows, places, places)
        n[where] += cut.n
        s[where] += cut.s
        q[where] += cut.q
    return CutMoments(pair[0].dims, keys, n, s, q)


# ---------------------------------------------------------------------------------------- one pass


def tally_batches(
    batches: Batches,
    items: Iterable[ItemScale],
    dims: Sequence[str],
    *,
    framework: str,
    cuts: Iterable[Collection[str]] | None = None,
    constants: Mapping[str, str] | None = None,
) -> Tally:
    """Count answers in one pass over Arrow batches, in bounded memory.

    Parameters
    ----------
    batches
        One row a respondent. An item is a column of whole numbers (int8 is fastest): null is
        blank, -127 not applicable, -126 don't know, the rest lies on the item's scale. A dimension
        is a column of text, plain or dictionary; null and empty count as not stated.
    items
        The items asked, each on its own scale.
    dims
        Dimensions of a cell's key, `wave` among them.
    framework
        Stamp of the framework version.
    cuts
        Cuts to gather cross-moments for, each a collection of dimensions; `wave` is implied.
    constants
        Dimensions that hold one value throughout, such as `{"wave": "2026-1"}`.

    Raises
    ------
    ContractError
        If a column is missing or of the wrong kind, or a value lies outside its item's scale.
    """
    items, dims, constants = tuple(sorted(items)), tuple(dims), dict(constants or {})
    widths = [len(item.answers) for item in items]
    # An empty tally checks items and dimensions before the first answer is read.
    empty = Tally(framework, dims, items, (), np.zeros(0, np.int64), np.zeros((0, sum(widths)), np.int64))
    _known_dims(constants, dims)
    wanted = None if cuts is None else tuple(sorted({empty.cut(cut).dims for cut in cuts}))
    # Narrower cuts are summed from wider ones at the end.
    wide = [cut for cut in wanted or () if not any(set(cut) < set(other) for other in wanted or ())]
    sums: dict[Key, _Sums] = {cut: ({}, np.zeros((3, 0, len(items), len(items)), np.int64)) for cut in wide}
    held: list[counting.Slice] = []
    cells: dict[Key, int] = {}
    respondents, counts = empty.respondents, empty.counts
    for keys, local, codes in counting.slices(batches, items, dims, constants):
        at = _enrolled(keys, cells)
        respondents, counts = _grown(respondents, len(cells)), _grown(counts, len(cells))
        respondents[at] += np.bincount(local, minlength=len(keys))
        counts[at] += counting.count(codes, local, len(keys), widths)
        if wide:
            held.append((keys, local, codes))
            if sum(len(local) for _, local, _ in held) * max(len(items), 1) >= BLOCK_ANSWERS:
                sums, held = _with_block(sums, held, items, dims), []
    if held:
        sums = _with_block(sums, held, items, dims)
    order = tuple(sorted(cells))
    rows = _positions(order, list(cells))
    moments = None if wanted is None else Moments(tuple(_cut_moments(cut, sums, items) for cut in wanted))
    return Tally(framework, dims, items, order, respondents[rows], counts[rows], moments)


# The groups seen so far with their places, and their sums [n s q, groups, items, items].
_Sums = tuple[dict[Key, int], Counts]


def _enrolled(keys: Iterable[Key], known: dict[Key, int]) -> Places:
    return np.array([known.setdefault(key, len(known)) for key in keys], np.intp)


def _grown(values: Counts, rows: int, axis: int = 0) -> Counts:
    """Make room for `rows`, doubling, so that any number of groups costs linear time."""
    if values.shape[axis] >= rows:
        return values
    shape = list(values.shape)
    shape[axis] = max(rows, 2 * shape[axis]) - shape[axis]
    return np.concatenate([values, np.zeros(shape, np.int64)], axis=axis)


def _with_block(
    sums: Mapping[Key, _Sums], held: Sequence[counting.Slice], items: Sequence[ItemScale], dims: Key
) -> dict[Key, _Sums]:
    """Add the moments of a block of respondents, large enough that its groups are, too."""
    codes = np.concatenate([codes for _, _, codes in held], axis=1)
    levels = max((len(item.levels) for item in items), default=1)
    out = {}
    for cut, (known, values) in sums.items():
        places = [dims.index(dim) for dim in cut]
        shorter = ([tuple(key[place] for place in places) for key in keys] for keys, _, _ in held)
        group = np.concatenate(
            [_enrolled(short, known)[local] for short, (_, local, _) in zip(shorter, held, strict=True)]
        )
        values = _grown(values, len(known), axis=1)
        counting.add_moments(values, codes, group, levels)
        out[cut] = known, values
    return out


def _cut_moments(cut: Key, sums: Mapping[Key, _Sums], items: Sequence[ItemScale]) -> CutMoments:
    source = next(wide for wide in sums if set(cut) <= set(wide))
    known, values = sums[source]
    keys, target = _projected(known, source, cut)
    n, s, q = counting.on_scale([_summed(part[: len(known)], target, len(keys)) for part in values], items)
    return CutMoments(cut, keys, n, s, q)
