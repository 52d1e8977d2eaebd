"""Scores from what passed the door: items, steps, streams, lens rows and constructs, with n and interval.

What needs the respondents' moments is estimated before the door (:mod:`cxlib.estimates`) and passes it as
an estimate; the rest is computed from the published counts. :mod:`cxlib.composition` says who counts in
which group.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cxlib import stats
from cxlib.composition import BY_ROLE, Composition, Group, Released, gate
from cxlib.errors import AnonymityError
from cxlib.formats import ALMOST_ALL, ALMOST_NONE, AT_LEAST, AT_MOST
from cxlib.frames import (
    DISTRIBUTION,
    METRICS,
    NOT_STATED,
    ROLE,
    SCORES,
    UNITS,
    UNSCORED,
    ItemScale,
    check,
    cut_name,
)
from cxlib.framework.content import Question
from cxlib.instrument import Instrument
from cxlib.stats import Estimate
from cxlib.units import shrink

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]


# ── After the door ──────────────────────────────────────────────────────────────────────────────


def scores(
    released: Released,
    estimates: pd.DataFrame,
    instrument: Instrument,
    weights: Mapping[str, float],
    *,
    wave: str,
    by: str | Sequence[str] = (),
    only: Container[str] | None = None,
    values: Sequence[str] = (),
) -> pd.DataFrame:
    """Score every item, step, stream and construct in the groups of one cut of the release plan.

    Parameters
    ----------
    released, estimates
        What passed the door, and the ESTIMATES frame of :func:`cxlib.estimates.estimate_parts`.
    weights
        Role id → weight; roles of weight 0 are shown beside the whole, not in it.
    by
        The dimensions of the cut; empty for everyone.
    only
        Ids of the items and parts to score; by default all.
    values
        What tells the one group to score apart, a value for each dimension of the cut; by default all groups.

    Returns
    -------
    SCORES frame. Hidden groups keep their row, without figures.

    Raises
    ------
    AnonymityError
        If the release plan does not publish that cut.
    """
    import pandas as pd

    cut = published(released, by)
    composition = Composition(released, estimates, instrument, weights, wave)
    groups = composition.groups(cut)
    if values:
        groups = (one for one in groups if tuple(one.value[dim] for dim in cut) == tuple(values))
    rows = [row for group in groups for row in composition.rows(group, only)]
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

    cut = published(released, by)
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
    """Compute the metrics of every rated question beside the steps, per group of one cut that was asked it.

    Net promoter score of 0–10 recommendations; top box of satisfaction; mean and easy share of effort, in
    the direction stored with the question; exceeded, met and missed of expectation, and their net; the
    share of yes; of any other rating its top box and its mean. Several figures of a question are several
    rows, told apart by `figure`.

    Returns
    -------
    METRICS frame; `value` as `counted_in` says: points −100…100, % 0…100, or the question's own scale.

    Sources: :func:`cxlib.stats.net_promoter`, :func:`~cxlib.stats.top_box`,
    :func:`~cxlib.stats.customer_effort`, :func:`~cxlib.stats.expectation`.
    """
    import pandas as pd

    cut = published(released, by)
    composition = Composition(released, None, instrument, {}, wave)
    rows: list[tuple[Any, ...]] = []
    for question in instrument.framework.questions.values():
        scale = instrument.framework.scales.get(question.id)
        if scale is None:
            continue
        head = (question.id, question.kind, instrument.name(question.id))
        for group in composition.groups(cut):
            counts = composition.own(group, question.id)
            scored = np.zeros(len(scale.levels), np.int64) if counts is None else counts[len(UNSCORED) :]
            figures = _figures(question, scale, scored)
            if counts is not None:
                rows += [
                    (*head, name, *group.key, False, found.n, *_shown(name, found), unit)
                    for name, found, unit in figures
                    if found.n
                ]
            elif (group.is_hidden and _may_ask(question.roles, group)) or (
                group.key,
                question.id,
            ) in composition.withheld:
                bound, share = composition.bounds.get((group.key, question.id), ("", math.nan))
                rows += [
                    (*head, name, *group.key, True, None, 100 * share, math.nan, math.nan, bound, unit)
                    if name in TOP_BOXES
                    else (*head, name, *group.key, True, None, *[math.nan] * 3, "", unit)
                    for name, _, unit in figures
                ]
    out = pd.DataFrame(rows, columns=METRICS.names(released.dims))
    return out.astype(
        {"n": "Int64", "is_hidden": "bool", **dict.fromkeys(("value", "low", "high"), "float64")}
    )


NET_PROMOTER_SCORE, TOP_BOX, MEAN = "net promoter score", "top box", "mean"
POINTS, PERCENT = "points", "%"
# The figures that count the top box of a scale: two places of five and more, the last of two or three.
TOP_BOXES = {TOP_BOX, "yes", "exceeded"}


def _shown(name: str, found: Estimate) -> tuple[float, float, float, str]:
    """Return a metric's value, its ends and its bound: of a top box of all or none only the bound."""
    if name in TOP_BOXES and found.value in (0, 100):
        share, bound = (ALMOST_ALL, AT_LEAST) if found.value else (ALMOST_NONE, AT_MOST)
        return (100 * share, math.nan, math.nan, bound)
    return (found.value, found.low, found.high, "")


def _figures(question: Question, scale: ItemScale, counts: Ints) -> list[tuple[str, Estimate, str]]:
    """Compute what a question's kind calls for: name of the figure, estimate, unit."""
    own = f"on {scale.low}–{scale.high}"
    if question.kind in {"nps", "enps"} and (scale.low, scale.high) == (0, 10):
        groups = (int(counts[part].sum()) for part in (slice(9, None), slice(7, 9), slice(0, 7)))
        return [(NET_PROMOTER_SCORE, stats.net_promoter(*groups).view(100, 0), POINTS)]
    if (scale.low, scale.high) == (0, 1):
        return [("yes", stats.share(int(counts[1]), int(counts.sum())).view(100, 0), PERCENT)]
    if question.kind == "ces":
        mean, easy = stats.customer_effort(counts, scale.levels, toward=question.toward)
        return [(MEAN, mean, own), ("easy", easy.view(100, 0), PERCENT)]
    if question.kind == "expectation":
        met = stats.expectation(counts)
        return [
            ("exceeded", met.exceeded.view(100, 0), PERCENT),
            ("met", met.met.view(100, 0), PERCENT),
            ("missed", met.missed.view(100, 0), PERCENT),
            ("net", met.net.view(100, 0), POINTS),
        ]
    top = (TOP_BOX, stats.top_box(counts).view(100, 0), PERCENT)
    return [top] if question.kind == "csat" else [top, (MEAN, stats.mean_level(counts, scale.levels), own)]


def units(
    released: Released,
    estimates: pd.DataFrame,
    instrument: Instrument,
    *,
    wave: str,
    step: str,
    by: str | Sequence[str],
) -> pd.DataFrame:
    """Rank the units of a cut on one step, each drawn towards the mean of all by how little it says.

    Parameters
    ----------
    by
        A cut of the plan with one segment, with or without role; without it, a unit's people are pooled.

    Returns
    -------
    UNITS frame, role by role, the highest shrunken level first. Hidden units are left out, and so are the
    people who did not say where they belong. A role with fewer than three units has no rows.

    Source: see :func:`cxlib.units.shrink`.
    """
    import pandas as pd

    cut = published(released, by)
    (segment,) = [dim for dim in cut if dim != ROLE] or ("",)
    if not segment:
        raise AnonymityError("units are ranked within a segment", fix="Name one, for example by='hotel'.")
    id_ = instrument.step(step).id
    composition = Composition(released, estimates, instrument, {}, wave)
    found: dict[str, list[tuple[Group, tuple[float, ...]]]] = {}
    for group in composition.groups(cut):
        one = composition.estimates.get((group.key, "step", id_))
        if (
            one is not None
            and not group.is_hidden
            and group.value[segment] != NOT_STATED
            and one[4] == one[4]
        ):
            found.setdefault(group.value.get(ROLE, ""), []).append((group, one))
    rows: list[tuple[Any, ...]] = []
    for members in found.values():
        if len(members) < 3:
            continue
        n = np.array([one[0] for _, one in members])
        mean, se = (np.array([one[at] for _, one in members]) for at in (3, 4))
        shrunken = shrink(n, mean, n * se**2)
        rows += sorted(
            (
                (id_, *group.key, int(size), *(_on_levels(name, getattr(one, name)) for name in SHRUNKEN))
                for (group, _), size, one in zip(members, n, shrunken, strict=True)
            ),
            key=lambda row: -row[-len(SHRUNKEN)],
        )
    out = pd.DataFrame(rows, columns=UNITS.names(released.dims))
    whole, number = (
        dict.fromkeys(("n", "rank", "raw_rank"), "int64"),
        ("value", "low", "high", "raw", "weight"),
    )
    return check(out.astype({**whole, **dict.fromkeys(number, "float64")}), UNITS, released.dims)


def _on_levels(name: str, value: float) -> float:
    return min(max(value, 1.0), 5.0) if name in {"value", "low", "high"} else value


SHRUNKEN = ("value", "low", "high", "rank", "raw", "raw_rank", "weight")


def unweighted(scores: pd.DataFrame, by_role: pd.DataFrame) -> dict[str, float]:
    """Return the mean of each figure if everyone counted alike, whatever their role: level 1–5 by id.

    Parameters
    ----------
    scores
        SCORES frame of everyone; only figures that are weighted means over several roles are answered.
    by_role
        The SCORES frame of the same wave by role.

    Returns
    -------
    Roles weighted by their respondents. A figure with a hidden role has none: beside the weighted mean it
    would be a second equation for what the door hid.

    Source: this project's method, sections 2 and 3.
    """
    veiled = {str(id_) for id_ in by_role.loc[by_role["is_hidden"], "id"]}
    seen = by_role[~by_role["id"].isin(veiled)]
    held = {
        (str(id_), str(role)): (float(n), float(mean))
        for id_, role, n, mean in zip(
            seen["id"], seen[ROLE], seen["n"].astype("float64"), seen["mean"], strict=True
        )
    }
    out: dict[str, float] = {}
    for id_, weighting, parts in zip(scores["id"], scores["weighting"], scores["parts"], strict=True):
        pairs = [held.get((str(id_), role)) for role in str(parts).split("+")]
        found = [one for one in pairs if one is not None]
        if weighting != BY_ROLE or len(pairs) < 2 or len(found) < len(pairs):
            continue
        n, mean = (np.array(one) for one in zip(*found, strict=True))
        if n.sum() > 0 and not np.isnan(mean).any():
            out[str(id_)] = float((n * mean).sum() / n.sum())
    return out


def gated_level(means: Sequence[float]) -> int:
    """Return the highest level L such that every mean reaches L − ½: (1, 4, 4) → 1.

    Source: this project's method, section 2.
    """
    return int(gate(np.asarray(means, dtype=float)[None, :])[0])


def _may_ask(roles: Sequence[str], group: Group) -> bool:
    return not group.value.get(ROLE) or group.value[ROLE] in roles


def published(released: Released, by: str | Sequence[str]) -> tuple[str, ...]:
    """Return the cut of the release plan that is meant, in the plan's order.

    Raises
    ------
    AnonymityError
        If the plan does not publish it.
    """
    wanted = (by,) if isinstance(by, str) and by else tuple(by)
    for cut in released.cuts:
        if set(cut) == set(wanted):
            return cut
    known = ", ".join(cut_name(cut) or "everyone" for cut in released.cuts)
    raise AnonymityError(
        f"the release plan does not publish {cut_name(wanted)!r}; expected one of: {known}",
        fix="The plan is fixed when the engagement is created: choose one of its cuts.",
    )
