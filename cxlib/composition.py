"""How the figures of a group are put together from the groups that passed the door.

One rule for who counts: a group that is cut by role is the people of that role; a group that is not is
made of its visible roles with their weights, and `parts` names them. Where no role of the group is
visible by itself, or the plan does not cut it by role, its people are pooled, and `weighting` says so.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cxlib import stats
from cxlib.errors import ContractError
from cxlib.formats import ALMOST_ALL, ALMOST_NONE, AT_LEAST, AT_MOST
from cxlib.frames import ROLE, UNSCORED, WAVE, cut_dims, cut_name
from cxlib.instrument import Instrument, Part
from cxlib.reliability import against_guessing, from_draws, pooled_rwg
from cxlib.stats import NOTHING, Estimate

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Key = tuple[str, ...]
POOLED, BY_ROLE = "pooled", "by role"


class Released(Protocol):
    """What scoring reads of a release, see :class:`cxlib.anonymity.Release`."""

    @property
    def cuts(self) -> tuple[tuple[str, ...], ...]: ...
    @property
    def dims(self) -> tuple[str, ...]: ...
    @property
    def groups(self) -> pd.DataFrame: ...
    @property
    def counts(self) -> pd.DataFrame: ...
    @property
    def withheld(self) -> pd.DataFrame: ...
    @property
    def bounds(self) -> pd.DataFrame: ...


@dataclass(frozen=True)
class Group:
    wave: str
    cut: str
    value: Mapping[str, str]
    is_hidden: bool

    @cached_property
    def key(self) -> Key:
        return (self.wave, self.cut, *self.value.values())


@dataclass(frozen=True)
class Linear:
    """A linear figure of a group with its standard error: a mean, or a difference within the group.

    `parts` are the roles it is made of, `items` of `items_total` the items.
    """

    value: float
    se: float
    df: float
    n: int
    parts: tuple[str, ...]
    items: int
    items_total: int


def counted(released: Released) -> dict[tuple[Key, str], Ints]:
    """Return the counts by group and item; made once for each release, which never changes."""
    kept: dict[tuple[Key, str], Ints] | None = vars(released).get("_counted")
    if kept is None:
        frame = released.counts
        names = [*key_columns(released.dims), "item"]
        n = frame["n"].to_numpy(np.int64)
        columns = [_coded(frame[name]) for name in names]
        # The answers of one item in one group stand together, in the order of its scale.
        is_new = np.ones(len(n), bool)
        is_new[1:] = np.any([codes[1:] != codes[:-1] for codes, _ in columns], axis=0)
        starts = np.flatnonzero(is_new)
        rows = list(zip(*(_texts(codes[starts], texts) for codes, texts in columns), strict=True))
        kept = {
            (row[:-1], row[-1]): n[start:end]
            for row, start, end in zip(rows, starts.tolist(), [*starts.tolist(), len(n)][1:], strict=True)
        }
        if len(kept) < len(starts):
            raise ContractError(
                "the counts of an item in a group stand apart", fix="Build them with cxlib's own functions."
            )
        vars(released)["_counted"] = kept
    return kept


class Composition:
    """Puts the figures of one wave together, group by group; built once a call, never kept."""

    def __init__(
        self,
        released: Released,
        estimates: pd.DataFrame | None,
        instrument: Instrument,
        weights: Mapping[str, float],
        wave: str,
    ) -> None:
        self.released, self.instrument, self.weights, self.wave = released, instrument, weights, wave
        self.kinds = {role.id: role.kind for role in instrument.framework.roles}
        rank = {role.id: place for place, role in enumerate(instrument.framework.roles)}
        found = (group for group in groups_of(released) if group.wave == wave)
        # Roles always stand in the framework's order, whatever their ids sort to.
        self.all = {
            group.key: group
            for group in sorted(found, key=lambda one: (rank.get(one.value.get(ROLE, ""), 0), one.key))
        }
        keys = key_columns(released.dims)
        self.counts = {found: n for found, n in counted(released).items() if found[0][0] == wave}
        self.items: dict[Key, list[str]] = {}
        for key, item in self.counts:
            self.items.setdefault(key, []).append(item)
        self.withheld = {(row[:-1], row[-1]) for row in rows_of(released.withheld)}
        # What was asked and is hidden was asked all the same.
        self.seen = set().union(*self.items.values(), {item for key, item in self.withheld if key[0] == wave})
        # What may be said of an item that is withheld because all answers stand at one level.
        self.bounds: dict[tuple[Key, str], tuple[str, float]] = {
            (row[:-3], row[-3]): row[-2:] for row in rows_of(released.bounds)
        }
        self.estimates: dict[tuple[Key, str, str], tuple[float, ...]] = {}
        if estimates is not None:
            for row in rows_of(estimates[estimates[WAVE] == wave]):
                size = len(keys)
                self.estimates[(row[:size], row[size], row[size + 1])] = row[size + 2 :]
        self.steps: dict[Key, set[str]] = {}
        for key, kind, id_ in self.estimates:
            if kind == "step":
                self.steps.setdefault(key, set()).add(id_)
        self.mixed: dict[Key, bool] = {}
        self.put_together: dict[Key, tuple[str, list[Group]]] = {}
        self.drawn: dict[tuple[Key, str], Floats] = {}
        self.spreads: dict[tuple[Key, str], Spread | None] = {}

    def groups(self, cut: Sequence[str]) -> Iterator[Group]:
        name = cut_name(cut)
        return (group for group in self.all.values() if group.cut == name)

    def parts(self, group: Group) -> tuple[str, list[Group]]:
        """Return how a group is put together, and the groups it is made of."""
        if group.key not in self.put_together:
            self.put_together[group.key] = self._parts(group)
        return self.put_together[group.key]

    def _parts(self, group: Group) -> tuple[str, list[Group]]:
        if ROLE in cut_dims(group.cut):
            return POOLED, [group]
        finer = tuple(sorted((ROLE, *cut_dims(group.cut)), key=self.released.dims.index))
        roles = [
            one
            for one in self.groups(finer)
            if not one.is_hidden and all(one.value[dim] == group.value[dim] for dim in cut_dims(group.cut))
        ]
        return (BY_ROLE, roles) if roles else (POOLED, [group])

    def own(self, group: Group, item: str) -> Ints | None:
        """Return the visible counts of a group itself, or None."""
        return self.counts.get((group.key, item))

    def made_of(self, group: Group, item: str) -> tuple[str, list[Group]]:
        """Return the visible groups that an item's figure is made of."""
        weighting, parts = self.parts(group)
        return weighting, self.weighty([one for one in parts if (one.key, item) in self.counts])

    def weighty(self, parts: list[Group]) -> list[Group]:
        """Keep the roles that have a weight, if any has: the others are shown beside the whole."""
        return [one for one in parts if self.weights.get(one.value.get(ROLE, ""), 0) > 0] or parts

    def complete(self, parts: list[Group]) -> list[Group]:
        """Keep the roles that answered every step: steps are compared with each other."""
        weighty = {one.key for one in parts if self.weights.get(one.value.get(ROLE, ""), 0) > 0}
        asked = set().union(*(self.steps.get(key, set()) for key in weighty))
        whole = [one for one in parts if asked <= self.steps.get(one.key, set())]
        return whole or parts

    def linear(self, group: Group, kind: str, id_: str) -> Linear | None:
        """Put a linear figure of a group together from its roles' estimates, as a step's mean is."""
        weighting, parts = self.parts(group)
        # Where all its roles are hidden, staff and customers would be taken together.
        if weighting == POOLED and self.is_mixed(group):
            return None
        if weighting == BY_ROLE:
            parts = self.complete(self.weighty(parts))
        parts = [one for one in parts if (one.key, kind, id_) in self.estimates]
        found = [self.estimates[(one.key, kind, id_)] for one in parts]
        if not found or group.is_hidden or any(math.isnan(one[4]) for one in found):
            return None
        weight = [self.weights.get(one.value.get(ROLE, ""), 0) for one in parts]
        n, items, total, mean, se, df = zip(*found, strict=True)
        value, variance, all_df = stats.weighted_mean(
            mean, [one**2 for one in se], df, weight if sum(weight) > 0 else [1.0] * len(parts)
        )
        return Linear(
            value, math.sqrt(variance), all_df, int(sum(n)), _names(parts), int(min(items)), int(max(total))
        )

    def is_mixed(self, group: Group) -> bool:
        """Tell whether staff and customers stand in a group together, hidden ones included."""
        if group.key not in self.mixed:
            self.mixed[group.key] = self._is_mixed(group)
        return self.mixed[group.key]

    def _is_mixed(self, group: Group) -> bool:
        inside = {
            self.kinds.get(one.value.get(ROLE, ""))
            for one in self.all.values()
            if one.value.get(ROLE) and all(one.value[dim] == group.value[dim] for dim in cut_dims(group.cut))
        }
        return len(inside) > 1 and ROLE not in cut_dims(group.cut)

    def answered(self, group: Group, part: Part) -> bool:
        """Tell whether anyone in a group answered any item of a part."""
        found = (self.pooled(group, item) for item in part.items)
        return any(counts is not None and counts[len(UNSCORED) :].any() for counts in found)

    def pooled(self, group: Group, item: str) -> Ints | None:
        _, parts = self.made_of(group, item)
        if group.is_hidden or not parts:
            return None if group.is_hidden else self.own(group, item)
        total: Ints = np.sum([self.counts[(one.key, item)] for one in parts], axis=0)
        return total

    def asked(self, group: Group) -> list[str]:
        """Return the items with visible counts in a group or its parts, in the instrument's order."""
        found = {item for one in (group, *self.parts(group)[1]) for item in self.items.get(one.key, [])}
        return [item for item in self.instrument.scales if item in found]

    def rows(self, group: Group, only: Container[str] | None = None) -> Iterator[tuple[Any, ...]]:
        """Yield the scores of a group: every item and part, or those of `only`."""
        # A thousand draws an item: kept for the parts that share it, not for the groups that do not.
        self.drawn.clear()
        self.spreads.clear()
        asked = self.asked(group)
        hidden = {item for key, item in self.withheld if key == group.key}
        for item in self.instrument.scales:
            if only is not None and item not in only:
                continue
            name = self.instrument.name(item)
            if item in hidden or (group.is_hidden and item in self.seen):
                yield self._row("item", item, name, group, None)
            elif item in asked and (figures := self._item(group, item)) is not None:
                yield self._row("item", item, name, group, figures)
        for part in self.instrument.parts:
            if not self.seen.intersection(part.items) or (only is not None and part.id not in only):
                continue
            if group.is_hidden:
                yield self._row(part.kind, part.id, part.name, group, None, total=len(part.items))
            else:
                found = self._part(group, part)
                if found is not None or hidden.intersection(part.items) or self.answered(group, part):
                    yield self._row(part.kind, part.id, part.name, group, found, total=len(part.items))

    def _row(
        self, kind: str, id_: str, name: str, group: Group, found: Figures | None, total: int = 1
    ) -> tuple[Any, ...]:
        head = (kind, id_, name, *group.key)
        if found is None:
            bound, top = self.bounds.get((group.key, id_), ("", math.nan))
            figures = (*[math.nan] * 3, top, bound, *[math.nan] * 11)
            return (*head, True, None, *figures, POOLED, "", 0, total)
        return (
            *head, False, found.mean.n,
            *_ends(found.mean), *_bounded(found.top),
            *(end for one in (found.agreement, found.rwg, found.gated) for end in _ends(one)),
            found.weighting, "+".join(found.parts), found.items, found.items_total,
        )  # fmt: skip

    def _item(self, group: Group, item: str) -> Figures | None:
        weighting, parts = self.made_of(group, item)
        scale = self.instrument.scales[item]
        beside = len(UNSCORED)
        if not parts:
            parts, weighting = [group], POOLED
        counts = self.pooled(group, item)
        if counts is None or not counts[beside:].any():
            return None
        levels = [scale.as_level(value) for value in scale.levels]
        scored = [self.counts[(one.key, item)][beside:] for one in parts if (one.key, item) in self.counts]
        weight = [self.weights.get(one.value.get(ROLE, ""), 0) for one in parts]
        if len(scored) > 1 and sum(weight) > 0:
            found = [stats.moments(one, levels) for one in scored]
            usable = [(f, w) for f, w in zip(found, weight, strict=True) if f[0] > 1 and w > 0]
            mean = self._weighted([(m, v / n, n - 1, n) for (n, m, v), _ in usable], [w for _, w in usable])
            if mean.n and mean.low == mean.high:
                mean = Estimate(mean.value, *stats.spread(self._draws(group, item), mean.value), mean.n)
        else:
            mean = stats.mean_level(counts[beside:], levels)
        gated = self._gated(group, [item])
        return Figures(
            mean, stats.top_box(counts[beside:]), self._agreement(group, [item]), self._rwg(group, [item]),
            gated,
            weighting, _names(parts), 1, 1,
        )  # fmt: skip

    def _weighted(
        self, found: Sequence[tuple[float, float, float, int]], weights: Sequence[float]
    ) -> Estimate:
        if not found:
            return NOTHING
        mean, variance, df = stats.weighted_mean(
            [one[0] for one in found], [one[1] for one in found], [one[2] for one in found], weights
        )
        n = sum(one[3] for one in found)
        return _within(stats.interval_of_mean(mean, math.sqrt(variance), df, n))

    def _part(self, group: Group, part: Part) -> Figures | None:
        weighting, parts = self.parts(group)
        parts = self.weighty([one for one in parts if (one.key, part.kind, part.id) in self.estimates])
        if part.kind == "step" and weighting == BY_ROLE:
            parts = self.complete(parts)
        if (not parts or weighting == POOLED) and self.is_mixed(group):
            return None
        if not parts:
            parts, weighting = (
                [one for one in [group] if (one.key, part.kind, part.id) in self.estimates],
                POOLED,
            )
        if not parts:
            return None
        found = [self.estimates[(one.key, part.kind, part.id)] for one in parts]
        weight = [self.weights.get(one.value.get(ROLE, ""), 0) for one in parts]
        if sum(weight) == 0 or len(parts) == 1:
            weight = [1.0] * len(parts)
        n, items, total, mean, se, df = zip(*found, strict=True)
        if any(math.isnan(one) for one in se):
            estimate = NOTHING
        else:
            estimate = self._weighted(
                [(m, s**2, d, int(k)) for m, s, d, k in zip(mean, se, df, n, strict=True)], weight
            )
        beside = len(UNSCORED)
        asked = [
            item
            for item in part.items
            if (counts := self.pooled(group, item)) is not None and counts[beside:].any()
        ]
        if estimate.n and estimate.low == estimate.high:
            # Everyone at one place: the moments say no variance, the counts' bootstrap says how sure that is.
            draws = np.mean([self._draws(group, item) for item in asked], axis=0)
            estimate = Estimate(estimate.value, *stats.spread(draws, estimate.value), estimate.n)
        return Figures(
            estimate, self._top(group, asked), self._agreement(group, asked), self._rwg(group, asked),
            self._gated(group, asked), weighting, _names(parts), int(min(items)), int(max(total)),
        )  # fmt: skip

    def _top(self, group: Group, items: Sequence[str]) -> Estimate:
        """Return the mean top-box share of several items, as sure as if each respondent gave one answer."""
        beside = len(UNSCORED)
        found = [
            stats.top_box(counts[beside:])
            for item in items
            if (counts := self.pooled(group, item)) is not None
        ]
        found = [one for one in found if one.n]
        if not found:
            return NOTHING
        n = round(float(np.mean([one.n for one in found])))
        value = float(np.mean([one.value for one in found]))
        around = stats.share(min(n, round(value * n)), n)
        return Estimate(value, min(around.low, value), max(around.high, value), n)

    def _agreement(self, group: Group, items: Sequence[str]) -> Estimate:
        """Return the mean of the items' agreements: how far people agree about each thing asked.

        The counts do not say how a person's answers hang together, and chance moves all items' agreement to
        the same side. So the draws are put in order before they are averaged, as if everyone answered all
        items alike: the interval is wider than it need be, where drawn apart it would hold too seldom.
        """
        seen = [found for item in items if (found := self._spread(group, item)) is not None]
        if not seen:
            return NOTHING
        value = float(np.mean([one.agreement for one in seen]))
        draws = np.mean([one.agreements for one in seen], axis=0)
        return Estimate(value, *stats.spread(draws, value), min(one.n for one in seen))

    def _rwg(self, group: Group, items: Sequence[str]) -> Estimate:
        """Return rwg of one item, rwg(j) of several: how much less people differ than if they guessed."""
        seen = [found for item in items if (found := self._spread(group, item)) is not None and found.n > 1]
        if not seen:
            return NOTHING
        value = float(pooled_rwg(np.array([[one.ratio] for one in seen]))[0])
        places = min(one.places for one in seen)
        return from_draws(value, np.array([one.ratios for one in seen]), min(one.n for one in seen), places)

    def _spread(self, group: Group, item: str) -> Spread | None:
        """Return how the pooled answers to an item spread; kept while its group is put together."""
        if (group.key, item) not in self.spreads:
            counts = self.pooled(group, item)
            scored = None if counts is None else counts[len(UNSCORED) :]
            self.spreads[(group.key, item)] = (
                None if scored is None or not scored.any() else Spread.of(scored)
            )
        return self.spreads[(group.key, item)]

    def _gated(self, group: Group, items: Sequence[str]) -> Estimate:
        """Return the highest level that every item reaches, at half a level's tolerance."""
        means = [self._mean(group, item) for item in items]
        if not means or any(math.isnan(one) for one in means):
            return NOTHING
        value = float(gate(np.array(means)[None, :])[0])
        draws = gate(np.column_stack([self._draws(group, item) for item in items]))
        low, high = stats.spread(draws, value)
        return Estimate(value, math.floor(low), math.ceil(high), 0)

    def _mean(self, group: Group, item: str) -> float:
        _, parts = self.made_of(group, item)
        scale = self.instrument.scales[item]
        levels = [scale.as_level(value) for value in scale.levels]
        beside = len(UNSCORED)
        means, weights = [], []
        for one in parts or [group]:
            counts = self.counts.get((one.key, item))
            if counts is not None and counts[beside:].any():
                means.append(stats.moments(counts[beside:], levels)[1])
                weights.append(self.weights.get(one.value.get(ROLE, ""), 0))
        if not means:
            return math.nan
        return float(np.average(means, weights=weights if sum(weights) > 0 else None))

    def _draws(self, group: Group, item: str) -> Floats:
        """Draw the item's mean level from its counts, put together like the mean itself."""
        if (group.key, item) in self.drawn:
            return self.drawn[(group.key, item)]
        _, parts = self.made_of(group, item)
        levels = np.array(
            [self.instrument.scales[item].as_level(v) for v in self.instrument.scales[item].levels]
        )
        beside = len(UNSCORED)
        found, weights = [], []
        for one in parts or [group]:
            counts = self.counts.get((one.key, item))
            if counts is not None and counts[beside:].any():
                draws = stats.draws_of(counts[beside:])
                found.append(draws @ levels / draws.sum(axis=1))
                weights.append(self.weights.get(one.value.get(ROLE, ""), 0))
        out: Floats = np.average(found, axis=0, weights=weights if sum(weights) > 0 else None)
        self.drawn[(group.key, item)] = out
        return out


@dataclass(frozen=True)
class Figures:
    mean: Estimate
    top: Estimate
    agreement: Estimate
    rwg: Estimate
    gated: Estimate
    weighting: str
    parts: tuple[str, ...]
    items: int
    items_total: int


@dataclass(frozen=True)
class Spread:
    """How answers to one item spread, with draws: agreement A (in order), variance against guessing's."""

    n: int
    places: int
    agreement: float
    agreements: Floats
    ratio: float
    ratios: Floats

    @classmethod
    def of(cls, counts: Ints) -> Spread:
        draws = stats.draws_of(counts)
        return cls(
            int(counts.sum()),
            len(counts),
            float(stats.agreement_of(counts[None, :])[0]),
            np.sort(stats.agreement_of(draws)),
            float(against_guessing(counts[None, :])[0]),
            against_guessing(draws),
        )


def _bounded(top: Estimate) -> tuple[float, str, float, float]:
    """Return a top box, its bound and its ends; of all or none only the bound (method, section 3, rule 6)."""
    if top.value in (0, 1):
        found = (ALMOST_ALL, AT_LEAST) if top.value else (ALMOST_NONE, AT_MOST)
        return (*found, math.nan, math.nan)
    return (top.value, "", top.low, top.high)


def _ends(found: Estimate) -> tuple[float, float, float]:
    return found.value, found.low, found.high


def gate(means: Floats) -> Floats:
    out: Floats = np.clip(np.floor(means.min(axis=1) + 0.5), 1, 5)
    return out


def _within(found: Estimate) -> Estimate:
    return Estimate(found.value, max(1.0, found.low), min(5.0, found.high), found.n)


def _names(parts: Iterable[Group]) -> tuple[str, ...]:
    return tuple(one.value[ROLE] for one in parts if one.value.get(ROLE))


def key_columns(dims: Sequence[str]) -> list[str]:
    return [WAVE, "cut", *dims]


def _coded(column: pd.Series) -> tuple[NDArray[np.intp], list[str]]:
    """Return a column of texts as places in a list of the different ones."""
    import pandas as pd

    codes, texts = pd.factorize(column)
    return codes, texts.tolist()


def _texts(codes: NDArray[np.intp], texts: list[str]) -> list[str]:
    """Return the texts at places: each text once in memory, however many rows it stands in."""
    return [texts[at] for at in codes.tolist()]


def groups_of(released: Released, *, hidden: bool = True) -> Iterator[Group]:
    dims = released.dims
    for row in rows_of(released.groups.drop(columns="n")):
        group = Group(row[0], row[1], dict(zip(dims, row[2 : 2 + len(dims)], strict=True)), bool(row[-1]))
        if hidden or not group.is_hidden:
            yield group


def rows_of(frame: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a frame without missing values as tuples, with each text once in memory."""
    columns = [
        _texts(*_coded(frame[name])) if frame[name].dtype == "str" else frame[name].tolist() for name in frame
    ]
    return zip(*columns, strict=True)


def visible_items(released: Released) -> dict[Key, set[str]]:
    """Name the items whose counts passed the door, by group."""
    found: dict[Key, set[str]] = {}
    for key, item in counted(released):
        found.setdefault(key, set()).add(item)
    return found
