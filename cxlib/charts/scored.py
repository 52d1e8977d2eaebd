"""Scores drawn: steps and items with their intervals, roles beside one another, lenses, waves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from cxlib.charts.drawing import (
    LEVELS,
    ROW,
    Figure,
    figure,
    level,
    numbered,
    one_group,
    range_of,
    role_names,
    rows_of,
    shown_of,
    table_of,
    tips,
    too_few,
    whose,
)
from cxlib.charts.loading import alt, unchecked
from cxlib.errors import ContractError
from cxlib.frames import ROLE, SCORES, WAVE, check
from cxlib.tables.html import Html, missing

if TYPE_CHECKING:
    from cxlib.findings import Finding
    from cxlib.instrument import Instrument
    from cxlib.language import Words


@unchecked
def scorecard(
    scores: pd.DataFrame,
    instrument: Instrument,
    *,
    kind: str = "step",
    targets: Mapping[str, float] | None = None,
    before: pd.DataFrame | None = None,
    source: str = "",
) -> Figure | Html | None:
    """Dots with intervals, one row a step (or construct); the target an open mark, the last wave grey.

    A step that was not assessed is said to be; a construct that nobody declared is no loss, and nothing
    is shown.

    Parameters
    ----------
    before
        SCORES frame of the same group in the wave before.

    Raises
    ------
    ContractError
        If `scores` holds more than one group.
    """
    _ = instrument.words
    data = shown_of(scores, kind)
    if data.empty:
        return _nothing(scores, kind, _)
    one_group(data)
    if kind == "step":
        names = numbered(instrument)
        data = data.assign(
            name=[names.get(one, name) for one, name in zip(data["id"], data["name"], strict=True)]
        )
    aims = dict(targets or {})
    earlier = shown_of(before, kind).set_index("id")["mean"] if before is not None else pd.Series(dtype=float)
    data = data.assign(
        target=[aims.get(one) for one in data["id"]], last=data["id"].map(earlier).astype(float)
    )
    plot = data[["name", "mean", "low", "high", "n", "target", "last"]]
    y = rows_of("name", data["name"].tolist())
    base = alt.Chart(plot)
    layers = [base.mark_rule(style="cx-interval").encode(y=y, x=level("low", _), x2=alt.X2("high:Q"))]
    if data["target"].notna().any():
        layers.append(
            base.mark_point(style="cx-target", shape="diamond", size=90, opacity=1)
            .transform_filter("isValid(datum.target)")
            .encode(y=y, x=level("target", _))
        )
    if data["last"].notna().any():
        layers.append(
            base.mark_point(style="cx-last", size=70, opacity=1, filled=True)
            .transform_filter("isValid(datum.last)")
            .encode(y=y, x=level("last", _))
        )
    layers += [
        base.mark_point(style="cx-this", size=110, opacity=1).encode(
            y=y, x=level("mean", _), tooltip=tips(_, "name", "mean", "low", "high", "n")
        ),
        base.mark_text(style="cx-label", align="left", dx=9, dy=-9).encode(
            y=y, x=level("mean", _), text=alt.Text("mean:Q", format=".1f")
        ),
    ]
    said = [_("Mean level 1–5 with its 95% interval")]
    if data["last"].notna().any():
        said.append(_("grey: the wave before"))
    if data["target"].notna().any():
        said.append(_("open diamond: target"))
    return figure(
        alt.layer(*layers),
        title=_extremes(data, _),
        subtitle=_("{what}; n = {n}", what="; ".join(said), n=range_of(data["n"], _)),
        summary=_each(data, _),
        source=source,
        table=table_of(
            data,
            {
                "name": _("Step") if kind == "step" else _("What"),
                "n": "n",
                "mean": _("Mean"),
                "low": _("Low"),
                "high": _("High"),
                "last": _("Wave before"),
                "target": _("Target"),
            },
            _,
        ),
        rows=len(data),
    )


@unchecked
def lens(
    scores: pd.DataFrame, instrument: Instrument, *, lens: str, source: str = ""
) -> Figure | Html | None:
    """Dots with intervals for the rows of one lens, in its order; nothing where no row was assessed."""
    _ = instrument.words
    data = check(scores, SCORES)
    data = data[(data["kind"] == "lens") & data["id"].str.startswith(f"{lens}.")]
    if data.empty:
        return None
    data = data[~data["is_hidden"] & data["mean"].notna()]
    if data.empty:
        return too_few(_)
    one_group(data)
    # What a row is about stands before its colon; the table says the whole.
    data = data.assign(name=[one.split(": ")[0] for one in data["name"]])
    y = rows_of("name", data["name"].tolist())
    base = alt.Chart(data[["name", "mean", "low", "high", "n"]])
    drawn = alt.layer(
        base.mark_rule(style="cx-interval").encode(y=y, x=level("low", _), x2=alt.X2("high:Q")),
        base.mark_point(style="cx-this", size=100, opacity=1).encode(
            y=y, x=level("mean", _), tooltip=tips(_, "name", "mean", "low", "high", "n")
        ),
        base.mark_text(style="cx-label", align="left", dx=9, dy=-9).encode(
            y=y, x=level("mean", _), text=alt.Text("mean:Q", format=".1f")
        ),
    )
    return figure(
        drawn,
        title=_extremes(data, _),
        subtitle=_("Mean level 1–5 with its 95% interval; n = {n}", n=range_of(data["n"], _)),
        summary=_each(data, _),
        source=source,
        table=table_of(
            data, {"name": _("What"), "n": "n", "mean": _("Mean"), "low": _("Low"), "high": _("High")}, _
        ),
        rows=len(data),
    )


@unchecked
def roles(
    scores: pd.DataFrame, instrument: Instrument, *, kind: str = "step", source: str = ""
) -> Figure | Html | None:
    """Dots for each role, one row a step or item: who sees it differently; nothing if none was asked."""
    _ = instrument.words
    if not (scores["kind"] == kind).any():
        return None
    data = shown_of(scores, kind)
    if data.empty:
        return too_few(_)
    if not (data[ROLE] != "").all():
        raise ContractError("the scores are not cut by role", fix="Pass eng.scores(by='role').")
    known = role_names(instrument)
    order = data["name"].drop_duplicates().tolist()
    data = data.assign(who=data[ROLE].map(known).fillna(data[ROLE]))
    names = [known[role] for role in known if (data[ROLE] == role).any()]
    plot = data[["name", "who", "mean", "low", "high", "n"]]
    y = rows_of("name", order)
    colour, shape = whose(instrument, names)
    offset = alt.YOffset("who:N", sort=names)
    spans = data.groupby("name", sort=False)["mean"].agg(["min", "max"])
    base = alt.Chart(plot)
    drawn = alt.layer(
        # What lies between the lowest and the highest role: the eye goes to the longest.
        alt.Chart(spans.reset_index())
        .mark_rule(strokeWidth=9, opacity=0.13, style="cx-interval", strokeCap="round")
        .encode(y=y, x=level("min", _), x2=alt.X2("max:Q")),
        base.mark_rule(style="cx-interval", opacity=0.7).encode(
            y=y, yOffset=offset, x=level("low", _), x2=alt.X2("high:Q"), color=colour
        ),
        base.mark_point(filled=True, size=90, opacity=1).encode(
            y=y,
            yOffset=offset,
            x=level("mean", _),
            color=colour,
            shape=shape,
            tooltip=tips(_, "name", "who", "mean", "low", "high", "n"),
        ),
    )
    apart = _apart_by_role(data)
    # Named is the widest distance between two whose intervals stand apart; others may be chance.
    widest = (spans["max"] - spans["min"]).loc[apart or slice(None)].idxmax()
    gap = float(spans.loc[widest, "max"] - spans.loc[widest, "min"])
    block = data[data["name"] == widest].sort_values("mean")
    if len(names) < 2:
        title = _("Only {role} can be shown", role=names[0]) if names else _("No role can be shown")
    elif not apart:
        title = _("No role stands apart: the intervals overlap throughout")
    else:
        first, last = block.iloc[-1], block.iloc[0]
        title = _(
            "Seen most differently: {what}, {high} {high_level}, {low} {low_level}",
            what=widest,
            high=first["who"],
            high_level=_.number(first["mean"], 1),
            low=last["who"],
            low_level=_.number(last["mean"], 1),
        )
    return figure(
        drawn,
        title=title,
        subtitle=_("Mean level 1–5 by role with its 95% interval; n = {n}", n=range_of(data["n"], _)),
        summary=(
            _(
                "The widest distance between two roles is {gap} levels, on {what}.",
                gap=_.number(gap, 1),
                what=widest,
            )
            if len(names) > 1
            else _("There is no other role to compare with.")
        ),
        source=source,
        table=table_of(
            data,
            {
                "name": _("What"),
                "who": _("Role"),
                "n": "n",
                "mean": _("Mean"),
                "low": _("Low"),
                "high": _("High"),
            },
            _,
        ),
        rows=len(order),
        step=max(ROW, 13 * len(names) + 8),
    )


@unchecked
def waves(
    trend: pd.DataFrame,
    instrument: Instrument,
    *,
    names: Mapping[str, str],
    compared: Sequence[Finding],
    source: str = "",
) -> Figure | None:
    """Slopes of the steps from wave to wave, each named where it ends; nothing for a single wave.

    Parameters
    ----------
    trend
        SCORES frames of one group in several waves, one below the other; `names` calls the waves.
    compared
        The comparisons of the last wave: only a step whose change is confirmed among them is said to have
        moved.
    """
    _ = instrument.words
    data = shown_of(trend, "step")
    shown = [wave for wave in names if (data[WAVE] == wave).any()]
    steps = [step for step in instrument.framework.order if (data["id"] == step).sum() > 1]
    if len(shown) < 2 or not steps:
        return None
    data = data[data["id"].isin(steps)]
    called = numbered(instrument)
    place = {wave: at for at, wave in enumerate(shown)}
    data = data.assign(
        name=data["id"].map(called), at=data[WAVE].map(place), wave=data[WAVE].map(dict(names))
    )
    ends = data.sort_values("at").groupby("id", sort=False).tail(1).sort_values("mean")
    ends = ends.assign(label_at=_apart(ends["mean"].tolist(), 0.17))
    ends["label"] = [
        f"{row.name_}  {_.number(row.mean, 1)}" for row in ends.rename(columns={"name": "name_"}).itertuples()
    ]
    ends["short"] = [f"{row.label.split()[0]}  {_.number(row.mean, 1)}" for row in ends.itertuples()]
    moved = _moves(data, steps)
    changed = {step for one in compared if one.family == "change" and one.is_confirmed for step in one.about}
    most = max(changed & set(moved), key=lambda step: abs(moved[step]), default="")
    data = data.assign(is_most=data["id"] == most)
    last = len(shown) - 1
    x = alt.X(
        "at:Q",
        title=None,
        scale=alt.Scale(domain=[-0.08, last * 1.62], nice=False),
        axis=alt.Axis(
            values=list(range(last + 1)), grid=False, labelExpr=_labels(names, shown), labelAlign="left"
        ),
    )
    y = alt.Y("mean:Q", scale=LEVELS, title=None, axis=alt.Axis(values=[1, 2, 3, 4, 5]))
    base = alt.Chart(data[["name", "at", "wave", "mean", "low", "high", "n", "is_most"]])
    strong = alt.condition("datum.is_most", alt.value(1.0), alt.value(0.45))
    drawn = alt.layer(
        base.mark_rule(style="cx-interval").encode(
            x=x, y=alt.Y("low:Q", scale=LEVELS), y2=alt.Y2("high:Q"), opacity=strong
        ),
        base.mark_line(style="cx-last", strokeWidth=1.5).encode(x=x, y=y, detail=alt.Detail("name:N")),
        base.transform_filter("datum.is_most").mark_line(style="cx-this", strokeWidth=3).encode(x=x, y=y),
        base.mark_point(filled=True, size=60, opacity=1, style="cx-this").encode(
            x=x, y=y, opacity=strong, tooltip=tips(_, "name", "wave", "mean", "low", "high", "n")
        ),
        alt.Chart(ends[["label", "short", "at", "label_at"]])
        .transform_calculate(said="width < 460 ? datum.short : datum.label")
        .mark_text(style="cx-label", align="left", dx=10)
        .encode(x=x, y=alt.Y("label_at:Q", scale=LEVELS), text=alt.Text("said:N")),
    )
    first, final = (dict(names)[shown[at]] for at in (0, -1))
    since = dict(names)[shown[-2]]
    return figure(
        drawn,
        title=_(
            "{step} moved most: {by} levels since {wave}",
            step=called[most].split("  ")[1],
            by=_.number(moved[most], 1, signed=True),
            wave=since,
        )
        if most
        else _("No change beyond chance since {wave}", wave=since),
        subtitle=_(
            "Mean level 1–5 with its 95% interval, {first} to {last}, over what was asked alike; n = {n}",
            first=first,
            last=final,
            n=range_of(data["n"], _),
        ),
        summary=_(
            "Since {wave}: {moves}.",
            wave=since,
            moves="; ".join(
                f"{called[step].split('  ')[1]} {_.number(moved[step], 1, signed=True)}" for step in steps
            ),
        ),
        source=source,
        table=table_of(
            data.sort_values(["id", "at"]),
            {
                "name": _("Step"),
                "wave": _("Wave"),
                "n": "n",
                "mean": _("Mean"),
                "low": _("Low"),
                "high": _("High"),
            },
            _,
        ),
        height=360,
    )


def _apart_by_role(data: pd.DataFrame) -> list[str]:
    """Name the rows whose highest and lowest role have intervals that do not touch."""
    return [
        str(name)
        for name, of in data.groupby("name", sort=False)
        if of.loc[of["mean"].idxmax(), "low"] > of.loc[of["mean"].idxmin(), "high"]
    ]


def _moves(data: pd.DataFrame, steps: Sequence[str]) -> dict[str, float]:
    """Return how far each step moved from the last wave but one that shows it to the last."""
    found = {}
    for step in steps:
        means = data[data["id"] == step].sort_values("at")["mean"].tolist()
        found[step] = means[-1] - means[-2]
    return found


def _labels(names: Mapping[str, str], shown: Sequence[str]) -> str:
    """Name the waves below the axis; a name is data, so it goes in quotes that it cannot leave."""
    quoted = ", ".join(
        "'" + "".join(f"\\u{ord(c):04x}" for c in names[one] if ord(c) < 0x10000) + "'" for one in shown
    )
    return f"[{quoted}][datum.value]"


def _apart(values: Sequence[float], least: float) -> list[float]:
    """Push labels apart that would overlap; the values come in rising order."""
    out = list(values)
    for _ in range(40):
        for at in range(1, len(out)):
            lack = least - (out[at] - out[at - 1])
            if lack > 0:
                out[at - 1] -= lack / 2
                out[at] += lack / 2
    return [min(max(one, 1.0), 5.0) for one in out]


def _extremes(data: pd.DataFrame, _: Words) -> str:
    """Name the highest and the lowest, where their intervals stand apart; otherwise say that they do not."""
    best, worst = data.loc[data["mean"].idxmax()], data.loc[data["mean"].idxmin()]
    called = [str(one["name"]).split("  ")[-1] for one in (best, worst)]
    if len(data) == 1:
        return _("{what} stands at {level} of 5", what=called[0], level=_.number(best["mean"], 1))
    if not best["low"] > worst["high"]:
        ends = [_.number(one["mean"], 1) for one in (worst, best)]
        if ends[0] == ends[1]:
            return _("All stand at {level}: none is above another beyond chance", level=ends[0])
        return _(
            "All lie between {low} and {high}: none is above another beyond chance", low=ends[0], high=ends[1]
        )
    return _(
        "Highest: {best} at {high}; lowest: {worst} at {low}",
        best=called[0],
        high=_.number(best["mean"], 1),
        worst=called[1],
        low=_.number(worst["mean"], 1),
    )


def _each(data: pd.DataFrame, _: Words) -> str:
    named = data.rename(columns={"name": "what"})
    return (
        "; ".join(
            f"{row.what.split('  ')[-1]} {_.number(row.mean, 1)} "
            f"({_.number(row.low, 1)}–{_.number(row.high, 1)})"
            for row in named.itertuples()
        )
        + "."
    )


def _nothing(scores: pd.DataFrame, kind: str, _: Words) -> Html | None:
    if (scores["kind"] == kind).any():
        return too_few(_)
    return None if kind == "construct" else missing(_("Not assessed in this wave."))
