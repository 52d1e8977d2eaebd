"""What is estimated before the door: whatever needs the respondents' moments or their shards.

Neither ever leaves the house; an estimate with its interval does. Only groups and items that passed the
door are estimated, so nothing here can show what the door hid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cxlib import frames
from cxlib.composition import Group, Key, Released, groups_of, key_columns, visible_items
from cxlib.drivers import key_drivers
from cxlib.errors import ContractError
from cxlib.frames import DRIVERS, ESTIMATES, RELIABILITY, ROLE, SHARD, SHARDS, WAVE, ItemScale
from cxlib.instrument import Instrument
from cxlib.reliability import reliability
from cxlib.tally import CutMoments, Tally

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Batches = Iterable[pa.RecordBatch]
# Kind, id, items of how many, and the weights with which the items' means make a figure.
_Wanted = list[tuple[str, str, int, int, Floats]]
# Kind, id, and the items on either side.
_Contrast = tuple[str, str, tuple[str, ...], tuple[str, ...]]

# An exact split of R² looks at every subset of the drivers: with more items than this, the steps drive.
MOST_ITEMS: Final = 15
SAY_DO, PAIR, CHANGE = "say_do", "pair", "change"
# What people are asked about the whole, and what may lie behind it is looked for.
OUTCOMES: Final = ("nps", "csat")


# ── Means, and differences of means within a group ──────────────────────────────────────────────


def estimate_parts(tally: Tally, released: Released, instrument: Instrument) -> pd.DataFrame:
    """Estimate in every visible group the level of each part, and the differences within its answers.

    A part (step, stream, lens row, construct) is made of the items that are visible in the group; `items`
    of `items_total` says how many. The differences are those of a step's two streams (`say_do`) and of a
    step and each step it stands on (`pair`, id "before>after"): the same people answered both, so their
    variance comes from the same moments. Mean and standard error are published for a total and for its
    visible children, so an audit of linear figures has to count Σx and Σx² of each among them.

    Returns
    -------
    ESTIMATES frame, levels 1–5 or differences of levels, in the order of groups and instrument.

    Raises
    ------
    ContractError
        If the tally has no moments for a cut of the release.

    Source: this project's method, section 2: Var = Σᵢⱼ wᵢwⱼ·Cᵢⱼ·nᵢⱼ/(nᵢnⱼ).
    """
    visible = visible_items(released)
    contrasts = list(_contrasts(instrument))
    # Many groups show the same items, and of them the same is wanted.
    wanted: dict[frozenset[str], _Wanted] = {}
    rows: list[tuple[Any, ...]] = []
    for group, held in _groups_with_moments(tally, released, instrument):
        shown = frozenset(held.answered & visible.get(group.key, set()))
        if shown not in wanted:
            wanted[shown] = list(_parts_and_contrasts(shown, held, instrument, contrasts))
        rows += [(*group.key, *row) for row in held.estimate(wanted[shown])]
    return _estimates(rows, released.dims)


def _parts_and_contrasts(
    shown: frozenset[str], held: _Held, instrument: Instrument, contrasts: Sequence[_Contrast]
) -> Iterator[tuple[str, str, int, int, Floats]]:
    """Name what is estimated where these items are shown: kind, id, items, items in all, weights of items."""
    for part in instrument.parts:
        items = [item for item in part.items if item in shown]
        if items:
            yield part.kind, part.id, len(items), len(part.items), held.mean_over(items)
    for kind, id_, plus, minus in contrasts:
        more, less = ([item for item in side if item in shown] for side in (plus, minus))
        if more and less:
            weights = held.mean_over(more) - held.mean_over(less)
            yield kind, id_, len(more) + len(less), len(plus) + len(minus), weights


def _contrasts(instrument: Instrument) -> Iterator[_Contrast]:
    """Name the differences within a group: kind, id, and the items on either side."""
    framework = instrument.framework
    of_step = {step.id: tuple(item.id for item in step.items) for step in framework.steps}
    streams = [stream.id for stream in framework.content.streams]
    if len(streams) == 2:
        for step in map(framework.step, framework.order):
            said, done = (
                tuple(item.id for item in step.items if item.stream == stream) for stream in streams
            )
            yield SAY_DO, step.id, said, done
    for step_id, ancestors in framework.prerequisites.items():
        for before in (one for one in framework.order if one in ancestors):
            yield PAIR, f"{before}>{step_id}", of_step[step_id], of_step[before]


def estimate_changes(
    tally: Tally,
    released: Released,
    instrument: Instrument,
    waves: Sequence[str],
    comparable: Mapping[str, Mapping[str, Sequence[str]]],
) -> pd.DataFrame:
    """Estimate how far each step and construct moved from a wave to the next, in every visible group.

    Parameters
    ----------
    waves
        Ids, oldest first.
    comparable
        Wave id → step id → the items that were asked in the same words and counted to the same step as in
        the wave in hand. A step is compared over these alone; `items` of `items_total` says how many.

    Returns
    -------
    ESTIMATES frame, kind `change`: `wave` is the later one, `mean` the difference in levels, `df` after
    Welch. The waves' respondents are taken as different people; where the same ones answered twice, the
    interval is wider than it need be.

    Source: Welch 1947, Biometrika 34, 28–35.
    """
    visible = visible_items(released)
    found = {group.key: (group, held) for group, held in _groups_with_moments(tally, released, instrument)}
    parts = [part for part in instrument.parts if part.kind in {"step", "construct"}]
    rows: list[tuple[Any, ...]] = []
    for before, after in pairwise(waves):
        for key, (_, now) in found.items():
            earlier = (before, *key[1:])
            if key[0] != after or earlier not in found:
                continue
            then = found[earlier][1]
            shown = now.answered & then.answered & visible.get(key, set()) & visible.get(earlier, set())
            wanted: _Wanted = []
            for part in parts:
                allowed = set(part.items)
                if part.kind == "step":
                    for wave in (before, after):
                        allowed &= set(comparable.get(wave, {}).get(part.id, part.items))
                items = [item for item in part.items if item in shown and item in allowed]
                if not items:
                    continue
                asked = sum(item in now.answered for item in part.items)
                wanted.append((CHANGE, part.id, len(items), asked, now.mean_over(items)))
            # Two estimates of the same items, a wave apart.
            for new, old in zip(now.estimate(wanted), then.estimate(wanted), strict=True):
                variance, other = new[-2] ** 2, old[-2] ** 2
                below = variance**2 / new[-1] + other**2 / old[-1] if new[-1] and old[-1] else np.nan
                df = (variance + other) ** 2 / below if below > 0 else new[-1] + old[-1]
                rows.append(
                    (
                        *key,
                        *new[:2],
                        new[2] + old[2],
                        *new[3:5],
                        new[5] - old[5],
                        (variance + other) ** 0.5,
                        df,
                    )
                )
    return _estimates(rows, released.dims)


def _estimates(rows: Sequence[tuple[Any, ...]], dims: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    out = pd.DataFrame(rows, columns=ESTIMATES.names(dims))
    whole = dict.fromkeys(("n", "items", "items_total"), "int64")
    number = dict.fromkeys(("mean", "se", "df"), "float64")
    return out.astype({**dict.fromkeys([*key_columns(dims), "kind", "id"], "str"), **whole, **number})


# What rests on how one person's answers hang together, frame by frame.
_OF_MOMENTS = {
    one.name for contract in (RELIABILITY, DRIVERS) for one in contract.columns if one.kind == "number"
}


def as_told(frame: pd.DataFrame) -> pd.DataFrame:
    """Round what rests on moments to what a reader needs: this is what leaves the house.

    Counts are published in full. Beside them a standard error in full, a correlation or an α tells what
    somebody who skipped one item of a step answered to another.

    Parameters
    ----------
    frame
        ESTIMATES, RELIABILITY or DRIVERS.

    Returns
    -------
    Standard errors to two significant digits, degrees of freedom to whole ones, all else to two decimals.
    """
    out = frame.copy()
    for name in {"se", "df", *_OF_MOMENTS}.intersection(frame.columns):
        if name == "se":
            out[name] = [float(f"{one:.1e}") for one in frame[name]]
        else:
            out[name] = frame[name].round(0 if name == "df" else 2)
    return out


class _Held:
    """The moments of one group, as means and the covariance of means, on levels 1–5."""

    def __init__(self, cut: CutMoments, at: int, scales: Sequence[ItemScale]) -> None:
        self.n, self.s, self.q = cut.n[at], cut.s[at], cut.q[at]
        self.scales = scales
        self.index = {scale.item: place for place, scale in enumerate(scales)}
        self.own = np.diag(self.n)
        self.answered = {scale.item for scale, n in zip(scales, self.own, strict=True) if n}
        per = np.array([4 / (scale.high - scale.low) for scale in scales])
        low = np.array([scale.low for scale in scales])
        n, own = self.n.astype(float), self.own.astype(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            self.means = np.where(own > 0, 1 + per * (np.diag(self.s) / own - low), 0.0)
            covariance = np.where(n > 1, (self.q - self.s * self.s.T / n) / (n - 1), 0.0)
            of_means = covariance * np.outer(per, per) * n / np.outer(own, own)
        self.of_means = np.where(n > 0, of_means, 0.0)

    def mean_over(self, items: Sequence[str]) -> Floats:
        """Return the weights with which the items' means make their mean."""
        out = np.zeros(len(self.index))
        out[[self.index[item] for item in items]] = 1 / len(items)
        return out

    def places(self, items: Sequence[str]) -> list[int]:
        return [self.index[item] for item in items]

    def block(self, items: Sequence[str]) -> tuple[Ints, Ints, Ints]:
        places = np.ix_(self.places(items), self.places(items))
        return self.n[places], self.s[places], self.q[places]

    def estimate(self, wanted: _Wanted) -> Iterator[tuple[Any, ...]]:
        """Yield kind, id, n, items, items in all, value, standard error and df of linear figures."""
        if not wanted:
            return
        weights = np.array([one[-1] for one in wanted])
        values = (weights @ self.means).tolist()
        variances = np.einsum("pi,pi->p", weights @ self.of_means, weights)
        errors = np.sqrt(np.maximum(variances, 0.0)).tolist()
        fewest = np.where(weights != 0, self.own, self.own.max()).min(axis=1).tolist()
        for (kind, id_, items, total, _), value, se, n in zip(wanted, values, errors, fewest, strict=True):
            # One answer has a mean and no variance.
            yield kind, id_, n, items, total, value, *((se, float(n - 1)) if n > 1 else (np.nan, np.nan))


def _groups_with_moments(
    tally: Tally, released: Released, instrument: Instrument
) -> Iterator[tuple[Group, _Held]]:
    """Yield every visible group of the release with its moments, in the release's order."""
    where: dict[str, tuple[CutMoments, dict[Key, int]]] = {}
    scales = [instrument.scales[scale.item] for scale in tally.items]
    for group in groups_of(released, hidden=False):
        cut = frames.cut_dims(group.cut)
        if group.cut not in where:
            if tally.moments is None:
                raise ContractError("the tally has no moments", fix="Tally with `cuts` to get them.")
            found = tally.moments.cut(cut)
            order = [found.dims.index(dim) for dim in (WAVE, *cut)]
            where[group.cut] = (
                found,
                {tuple(key[i] for i in order): at for at, key in enumerate(found.keys)},
            )
        moments, at = where[group.cut]
        yield group, _Held(moments, at[(group.wave, *(group.value[dim] for dim in cut))], scales)


# ── Reliability ─────────────────────────────────────────────────────────────────────────────────


def estimate_reliability(tally: Tally, released: Released, instrument: Instrument) -> pd.DataFrame:
    """Estimate α and ω of every step and construct, for each role (for everyone, where none is published).

    Returns
    -------
    RELIABILITY frame; only parts with two visible items or more, and only visible groups.

    Source: see :mod:`cxlib.reliability`.
    """
    import pandas as pd

    visible = visible_items(released)
    parts = [part for part in instrument.parts if part.kind in {"step", "construct"}]
    rows: list[tuple[Any, ...]] = []
    for group, held in _groups_with_moments(tally, released, instrument):
        if group.cut != _by_role(released):
            continue
        shown = held.answered & visible.get(group.key, set())
        for part in parts:
            items = [item for item in part.items if item in shown]
            if len(items) < 2:
                continue
            per = np.array([4 / (instrument.scales[one].high - instrument.scales[one].low) for one in items])
            found = reliability(*held.block(items), scale=per)
            rows.append(
                (
                    *group.key, part.kind, part.id, found.n, found.items,
                    *(
                        end
                        for one in (found.alpha, found.alpha_standardised, found.omega)
                        for end in (one.value, one.low, one.high)
                    ),
                    found.missing,
                )
            )  # fmt: skip
    return _typed(pd.DataFrame(rows, columns=RELIABILITY.names(released.dims)), RELIABILITY, released.dims)


def _by_role(released: Released) -> str:
    return ROLE if (ROLE,) in released.cuts else ""


def _typed(frame: pd.DataFrame, contract: frames.Contract, dims: Sequence[str]) -> pd.DataFrame:
    kinds = {"text": "str", "whole": "int64", "number": "float64", "flag": "bool"}
    wanted = {column.name: kinds[column.kind] for column in contract.columns}
    return frame.astype({**wanted, **dict.fromkeys(dims, "str")})


# ── Key drivers ─────────────────────────────────────────────────────────────────────────────────


def in_shards(batches: Batches, dealt: int = 0) -> Iterator[pa.RecordBatch]:
    """Name the shard of every respondent of one file, as the import dealt them.

    Files of an earlier version do not say it: there they are dealt in the order of the rows, of which
    `dealt` stand before these. Never by pseudonym: these differ from store to store, and a report would
    with them.
    """
    names = pa.array([f"{place:02d}" for place in range(SHARDS)])
    for batch in batches:
        if SHARD in batch.schema.names:
            at = batch.schema.get_field_index(SHARD)
            places = batch.column(at)
            batch = batch.remove_column(at)
        else:
            places = pa.array((np.arange(batch.num_rows) + dealt) % SHARDS, pa.int8())
            dealt += batch.num_rows
        yield batch.append_column(SHARD, pa.DictionaryArray.from_arrays(places, names))


def estimate_drivers(sharded: Tally, released: Released, instrument: Instrument) -> pd.DataFrame:
    """Estimate what goes with an outcome, and how much of it, for each role.

    Parameters
    ----------
    sharded
        Tally with moments by shard and role (see :func:`in_shards`): the interval comes from leaving one
        shard of respondents out at a time.

    Returns
    -------
    DRIVERS frame: a row a driver, its `share` of R²; the shares of an outcome sum to its `r_squared`.
    An outcome that cannot be explained has one row with an empty `driver` and its `reason`.

    Source: see :func:`cxlib.drivers.key_drivers`.
    """
    import pandas as pd

    visible = visible_items(released)
    cut = _by_role(released)
    if sharded.moments is None:
        raise ContractError("the tally by shard has no moments", fix="Tally with `cuts` to get them.")
    moments = sharded.moments.cut((ROLE, SHARD))
    index = {scale.item: place for place, scale in enumerate(sharded.items)}
    rows: list[tuple[Any, ...]] = []
    for group in groups_of(released, hidden=False):
        if group.cut != cut:
            continue
        wanted = {WAVE: group.wave, **({ROLE: group.value[ROLE]} if cut else {})}
        n, s, q = _by_shard(moments, wanted)
        if len(n) < 2:
            continue
        own = np.diagonal(n.sum(axis=0))
        shown = {item for item in visible.get(group.key, set()) if item in index and own[index[item]]}
        for outcome, drivers in _asked(instrument, shown):
            # Composites are means of items as they are seen on 1–5, so that no wide scale outweighs another.
            items = [*outcome[1], *(item for members in drivers.values() for item in members)]
            places = np.ix_(range(len(n)), [index[one] for one in items], [index[one] for one in items])
            local = {item: place for place, item in enumerate(items)}
            scale = np.array(
                [4 / (instrument.scales[one].high - instrument.scales[one].low) for one in items]
            )
            found = key_drivers(
                n[places], s[places], q[places],
                outcome=[local[one] for one in outcome[1]],
                drivers={name: [local[one] for one in members] for name, members in drivers.items()},
                scale=scale,
            )  # fmt: skip
            head, r2 = (*group.key, outcome[0]), found.r_squared
            tail = (found.n, found.method, r2.value, r2.low, r2.high, found.reason)
            rows += [
                (
                    *head,
                    one.id,
                    one.share.value,
                    one.share.low,
                    one.share.high,
                    one.relative,
                    one.correlation,
                    *tail,
                )
                for one in found.drivers
            ] or [(*head, "", *[np.nan] * 5, *tail)]
    return _typed(pd.DataFrame(rows, columns=DRIVERS.names(released.dims)), DRIVERS, released.dims)


def _by_shard(moments: CutMoments, wanted: Mapping[str, str]) -> tuple[Ints, Ints, Ints]:
    """Return n, s, q of the respondents wanted, (shards × items × items)."""
    at = [moments.dims.index(dim) for dim in wanted]
    where = moments.dims.index(SHARD)
    rows: dict[str, list[int]] = {}
    for place, key in enumerate(moments.keys):
        if [key[one] for one in at] == list(wanted.values()):
            rows.setdefault(key[where], []).append(place)
    shape = (0, *moments.n.shape[1:])
    return tuple(  # type: ignore[return-value]
        np.array([values[places].sum(axis=0) for places in rows.values()]).reshape(-1, *shape[1:])
        for values in (moments.n, moments.s, moments.q)
    )


def _asked(
    instrument: Instrument, shown: set[str]
) -> Iterator[tuple[tuple[str, Sequence[str]], dict[str, Sequence[str]]]]:
    """Name what may drive what in a group: as the mapping says, else items (or steps) behind the outcome."""
    for one in instrument.drivers.values():
        outcome = [item for item in instrument.members(one.outcome) if item in shown]
        drivers = {
            id_: items for id_ in one.of if (items := [i for i in instrument.members(id_) if i in shown])
        }
        if outcome and len(drivers) > 1:
            yield (one.outcome, outcome), drivers
    framework = instrument.framework
    items = [item for item in framework.items if item in shown]
    steps = {
        step.id: inside
        for step in map(framework.step, framework.order)
        if (inside := [item.id for item in step.items if item.id in shown])
    }
    behind: dict[str, Sequence[str]] = {one: [one] for one in items} if len(items) <= MOST_ITEMS else steps
    for question in framework.questions.values():
        if question.kind in OUTCOMES and question.id in shown and len(behind) > 1:
            yield (question.id, [question.id]), behind
