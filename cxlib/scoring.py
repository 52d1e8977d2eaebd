"""Scores from what passed the door: items, steps, streams and constructs, each with n and interval.

What needs the respondents' moments is estimated before the door and passes it as an estimate; the rest
is computed from the published counts. :mod:`cxlib.composition` says who counts in which group.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cxlib import frames, stats
from cxlib.composition import Composition, Group, Key, Released, gate, groups_of, key_columns
from cxlib.errors import AnonymityError, ContractError
from cxlib.frames import (
    DISTRIBUTION,
    ESTIMATES,
    METRICS,
    ROLE,
    SCORES,
    UNSCORED,
    WAVE,
    ItemScale,
    check,
    cut_name,
)
from cxlib.instrument import Instrument
from cxlib.tally import Tally

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]


# ── Before the door: what needs moments ─────────────────────────────────────────────────────────


def estimate_parts(tally: Tally, released: Released, instrument: Instrument) -> pd.DataFrame:
    """Estimate the mean level of every step, stream and construct in every visible group.

    Needs the tally's moments, which never leave the house: only the estimates do. A part is made of
    the items that are visible in the group; `items` of `items_total` says how many. Mean and standard
    error are published for a total and for its visible children, so an audit of linear figures has to
    count Σx and Σx² of each among them.

    Returns
    -------
    ESTIMATES frame, levels 1–5, in the order of the groups and of the instrument.

    Raises
    ------
    ContractError
        If the tally has no moments for a cut of the release.
    """
    import pandas as pd

    dims = released.dims
    visible = _visible_items(released)
    rows: list[tuple[Any, ...]] = []
    index = {scale.item: place for place, scale in enumerate(tally.items)}
    for group in groups_of(released, hidden=False):
        cut = frames.cut_dims(group.cut)
        held = _held_moments(tally, cut)
        at = held.where[(group.wave, *(group.value[dim] for dim in cut))]
        answered = np.diag(held.n[at])
        for part in instrument.parts:
            items = [
                item for item in part.items if item in visible.get(group.key, ()) and answered[index[item]]
            ]
            if not items:
                continue
            places = [index[item] for item in items]
            block = np.ix_(places, places)
            views = [_view(instrument.scales[item]) for item in items]
            mean, variance, df = stats.mean_of_items(
                held.n[at][block],
                held.s[at][block],
                held.q[at][block],
                shift=np.array([shift for shift, _ in views]),
                scale=np.array([scale for _, scale in views]),
            )
            n = int(answered[places].min())
            rows.append(
                (
                    *group.key,
                    part.kind,
                    part.id,
                    n,
                    len(items),
                    len(part.items),
                    mean,
                    math.sqrt(variance),
                    df,
                )
            )
    names = ESTIMATES.names(dims)
    out = pd.DataFrame(rows, columns=names)
    whole = dict.fromkeys(("n", "items", "items_total"), "int64")
    number = dict.fromkeys(("mean", "se", "df"), "float64")
    return out.astype({**dict.fromkeys([*key_columns(dims), "kind", "id"], "str"), **whole, **number})


@dataclass(frozen=True)
class _Held:
    n: Ints
    s: Ints
    q: Ints
    where: Mapping[Key, int]


def _held_moments(tally: Tally, cut: Sequence[str]) -> _Held:
    if tally.moments is None:
        raise ContractError("the tally has no moments", fix="Tally with `cuts` to get them.")
    found = tally.moments.cut(cut)
    order = [found.dims.index(dim) for dim in (WAVE, *cut)]
    return _Held(
        found.n, found.s, found.q, {tuple(key[i] for i in order): at for at, key in enumerate(found.keys)}
    )


# ── After the door ──────────────────────────────────────────────────────────────────────────────


def scores(
    released: Released,
    estimates: pd.DataFrame,
    instrument: Instrument,
    weights: Mapping[str, float],
    *,
    wave: str,
    by: str | Sequence[str] = (),
) -> pd.DataFrame:
    """Score every item, step, stream and construct in the groups of one cut of the release plan.

    Parameters
    ----------
    released, estimates
        What passed the door, and the ESTIMATES frame of :func:`estimate_parts`.
    weights
        Role id → weight; roles of weight 0 are shown beside the whole, not in it.
    by
        The dimensions of the cut; empty for everyone.

    Returns
    -------
    SCORES frame. Hidden groups keep their row, without figures.

    Raises
    ------
    AnonymityError
        If the release plan does not publish that cut.
    """
    import pandas as pd

    cut = _cut(released, by)
    composition = Composition(released, estimates, instrument, weights, wave)
    rows = [row for group in composition.groups(cut) for row in composition.rows(group)]
    names = SCORES.names(released.dims)
    out = pd.DataFrame(rows, columns=names)
    missing = dict.fromkeys([one.name for one in SCORES.columns if one.kind == "number"], "float64")
    out = out.astype({**missing, "n": "Int64", "is_hidden": "bool", "items": "int64", "items_total": "int64"})
    return check(out, SCORES, released.dims)


def distribution(
    released: Released,
    instrument: Instrument,
    weights: Mapping[str, float],
    *,
    wave: str,
    by: str | Sequence[str] = (),
    items: Iterable[str] | None = None,
) -> pd.DataFrame:
    """Return how many chose each answer, per item and group of one cut, on the item's own scale.

    Returns
    -------
    DISTRIBUTION frame: the scale's places with `share` of the scored answers; blank, not applicable and
    don't know with n only. Groups and items that are hidden have no rows.
    """
    import pandas as pd

    cut = _cut(released, by)
    composition = Composition(released, None, instrument, weights, wave)
    rows: list[tuple[Any, ...]] = []
    for group in composition.groups(cut):
        for item in composition.asked(group) if items is None else items:
            found = composition.pooled(group, item)
            if found is None:
                continue
            scale = instrument.scales[item]
            scored = int(found[len(UNSCORED) :].sum())
            for answer, n in zip(scale.answers, found, strict=True):
                share = int(n) / scored if scored and answer not in UNSCORED else math.nan
                rows.append((item, instrument.name(item), *group.key, answer, int(n), share))
    out = pd.DataFrame(rows, columns=DISTRIBUTION.names(released.dims))
    return out.astype({"answer": "int64", "n": "int64", "share": "float64"})


def metrics(
    released: Released, instrument: Instrument, *, wave: str, by: str | Sequence[str] = (ROLE,)
) -> pd.DataFrame:
    """Compute the Net Promoter Score of every NPS question, per group of one cut that was asked it.

    Returns
    -------
    METRICS frame; `value` in points, −100…100.

    Source: see :func:`cxlib.stats.net_promoter`.
    """
    import pandas as pd

    cut = _cut(released, by)
    composition = Composition(released, None, instrument, {}, wave)
    rows: list[tuple[Any, ...]] = []
    for question in instrument.framework.questions.values():
        scale = instrument.framework.scales.get(question.id)
        if question.kind not in {"nps", "enps"} or scale is None or (scale.low, scale.high) != (0, 10):
            continue
        name = instrument.name(question.id)
        for group in composition.groups(cut):
            counts = composition.own(group, question.id)
            if counts is None:
                if (group.is_hidden and _may_ask(question.roles, group)) or (
                    group.key,
                    question.id,
                ) in composition.withheld:
                    rows.append(
                        (question.id, question.kind, name, *group.key, True, None, *[math.nan] * 3, "points")
                    )
                continue
            scored = counts[len(UNSCORED) :]
            found = stats.net_promoter(int(scored[9:].sum()), int(scored[7:9].sum()), int(scored[:7].sum()))
            if found.n:
                points = found.view(100, 0)
                rows.append(
                    (
                        question.id,
                        question.kind,
                        name,
                        *group.key,
                        False,
                        found.n,
                        points.value,
                        points.low,
                        points.high,
                        "points",
                    )
                )
    out = pd.DataFrame(rows, columns=METRICS.names(released.dims))
    return out.astype(
        {"n": "Int64", "is_hidden": "bool", **dict.fromkeys(("value", "low", "high"), "float64")}
    )


def gated_level(means: Sequence[float]) -> int:
    """Return the highest level L such that every mean reaches L − ½: (1, 4, 4) → 1.

    Source: this project's method, section 2.
    """
    return int(gate(np.asarray(means, dtype=float)[None, :])[0])


def _view(scale: ItemScale) -> tuple[float, float]:
    """Return shift and scale of the affine view of a scale on 1–5."""
    per = 4 / (scale.high - scale.low)
    return 1 - scale.low * per, per


def _may_ask(roles: Sequence[str], group: Group) -> bool:
    return not group.value.get(ROLE) or group.value[ROLE] in roles


def _cut(released: Released, by: str | Sequence[str]) -> tuple[str, ...]:
    wanted = (by,) if isinstance(by, str) and by else tuple(by)
    for cut in released.cuts:
        if set(cut) == set(wanted):
            return cut
    known = ", ".join(cut_name(cut) or "everyone" for cut in released.cuts)
    raise AnonymityError(
        f"the release plan does not publish {cut_name(wanted)!r}; expected one of: {known}",
        fix="The plan is fixed when the engagement is created: choose one of its cuts.",
    )


def _visible_items(released: Released) -> dict[Key, set[str]]:
    keys = key_columns(released.dims)
    found: dict[Key, set[str]] = {}
    for row in released.counts[[*keys, "item"]].drop_duplicates().itertuples(index=False, name=None):
        found.setdefault(row[:-1], set()).add(row[-1])
    return found
