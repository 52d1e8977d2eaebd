"""Charts: counts and scores in, a Vega-Lite figure out. The only module that knows Altair.

A chart's title is its finding, made from its figures; its subtitle says what is measured, on which
scale, with what n; its summary is the text alternative. The data inside are the columns named here and
no others. Colours and type come from the page's theme, so that one chart serves light, dark and print.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import altair as alt
import pandas as pd

from cxlib.charts.drawing import (
    LEVELS,
    ROW,
    Figure,
    figure,
    level,
    range_of,
    rows_of,
    signed,
    table_of,
    tips,
)
from cxlib.errors import ContractError
from cxlib.frames import DISTRIBUTION, DRIVERS, METRICS, ROLE, SCORES, UNSCORED, check
from cxlib.look import palette
from cxlib.tables import Html, missing

if TYPE_CHECKING:
    from cxlib.instrument import Instrument
    from cxlib.ordering import Sequence as Order


def scorecard(
    scores: pd.DataFrame, *, kind: str = "step", targets: Mapping[str, float] | None = None, source: str = ""
) -> Figure | Html | None:
    """Dots with intervals, one row a step (or construct), the target as an open mark.

    A step that was not assessed is said to be; a construct that nobody declared is no loss, and nothing
    is shown.

    Raises
    ------
    ContractError
        If `scores` holds more than one group.
    """
    data = _shown(scores, kind)
    if data.empty:
        return _nothing(scores, kind)
    _one_group(data)
    aims = dict(targets or {})
    data = data.assign(target=[aims.get(one) for one in data["id"]])
    order = data["name"].tolist()
    plot = data[["name", "mean", "low", "high", "n", "target"]]
    y = rows_of("name", order)
    base = alt.Chart(plot)
    interval = base.mark_rule(style="cx-interval").encode(y=y, x=level("low"), x2="high:Q")
    dots = base.mark_point(style="cx-this", size=110, opacity=1).encode(
        y=y, x=level("mean"), tooltip=tips("name", "mean", "low", "high", "n")
    )
    words = base.mark_text(style="cx-label", align="left", dx=9, dy=-9).encode(
        y=y, x=level("mean"), text=alt.Text("mean:Q", format=".1f")
    )
    layers = [interval, dots, words]
    if aims:
        layers.insert(
            1,
            base.mark_point(style="cx-target", shape="diamond", size=90, opacity=1).encode(
                y=y, x=level("target")
            ),
        )
    best, worst = data.loc[data["mean"].idxmax()], data.loc[data["mean"].idxmin()]
    if len(data) == 1:
        title = f"{best['name']} stands at {best['mean']:.1f} of 5"
    else:
        title = (
            f"Highest: {best['name']} at {best['mean']:.1f}; lowest: {worst['name']} at {worst['mean']:.1f}"
        )
    aimed = "; open diamond: target" if aims else ""
    return figure(
        alt.layer(*layers),
        title=title,
        subtitle=f"Mean level 1–5 with its 95% interval{aimed}; n = {range_of(data['n'])}",
        summary="; ".join(
            f"{row.name_} {row.mean:.1f} ({row.low:.1f}–{row.high:.1f})"
            for row in data.rename(columns={"name": "name_"}).itertuples()
        )
        + ".",
        source=source,
        table=table_of(
            data,
            {
                "name": "Step" if kind == "step" else "What",
                "n": "n",
                "mean": "Mean",
                "low": "Low",
                "high": "High",
                "target": "Target",
            },
        ),
        rows=len(data),
    )


def roles(
    scores: pd.DataFrame, instrument: Instrument, *, kind: str = "step", source: str = ""
) -> Figure | Html | None:
    """Dots for each role, one row a step or item: who sees it differently; nothing if none was asked."""
    if not (scores["kind"] == kind).any():
        return None
    data = _shown(scores, kind)
    if data.empty:
        return missing("Hidden: too few people answered.")
    if not (data[ROLE] != "").all():
        raise ContractError("the scores are not cut by role", fix="Pass eng.scores(by='role').")
    known = {role.id: instrument.say(role.name) for role in instrument.framework.roles}
    order = data["name"].drop_duplicates().tolist()
    data = data.assign(who=data[ROLE].map(known).fillna(data[ROLE]))
    names = [known[role] for role in known if (data[ROLE] == role).any()]
    every = list(known.values())
    plot = data[["name", "who", "mean", "low", "high", "n"]]
    y = rows_of("name", order)
    # The whole list of roles fixes each role's colour and shape; the legend names those who answered.
    colour = alt.Color(
        "who:N", scale=alt.Scale(domain=every), legend=alt.Legend(values=names, symbolOpacity=1), title=None
    )
    shape = alt.Shape(
        "who:N", scale=alt.Scale(domain=every), legend=alt.Legend(values=names, symbolOpacity=1), title=None
    )
    offset = alt.YOffset("who:N", sort=names)
    base = alt.Chart(plot)
    drawn = alt.layer(
        base.mark_rule(style="cx-interval", opacity=0.7).encode(
            y=y, yOffset=offset, x=level("low"), x2="high:Q", color=colour
        ),
        base.mark_point(filled=True, size=90, opacity=1).encode(
            y=y,
            yOffset=offset,
            x=level("mean"),
            color=colour,
            shape=shape,
            tooltip=tips("name", "who", "mean", "low", "high", "n"),
        ),
    )
    spans = data.groupby("name", sort=False)["mean"].agg(["min", "max"])
    widest = (spans["max"] - spans["min"]).idxmax()
    gap = float((spans["max"] - spans["min"]).max())
    block = data[data["name"] == widest].sort_values("mean")
    if len(names) < 2:
        title = f"Only {names[0] if names else 'no role'} can be shown"
    else:
        first, last = block.iloc[-1], block.iloc[0]
        apart = f"{first['who']} {first['mean']:.1f}, {last['who']} {last['mean']:.1f}"
        title = f"Seen most differently: {widest}, {apart}"
    return figure(
        drawn,
        title=title,
        subtitle=f"Mean level 1–5 by role with its 95% interval; n = {range_of(data['n'])}",
        summary=(
            f"The widest distance between two roles is {gap:.1f} levels, on {widest}."
            if len(names) > 1
            else "There is no other role to compare with."
        ),
        source=source,
        table=table_of(
            data, {"name": "What", "who": "Role", "n": "n", "mean": "Mean", "low": "Low", "high": "High"}
        ),
        rows=len(order),
        step=max(ROW, 13 * len(names) + 8),
    )


def sequence(order: Order, instrument: Instrument, *, source: str = "") -> Figure | None:
    """Bars of the level that is supported, and what stands beyond it, in the order of the steps.

    Nothing where a step was not assessed: :func:`cxlib.tables.standing` says so in words.
    """
    if not order.is_assessed:
        return None
    names = {step.id: instrument.say(step.name) for step in instrument.framework.steps}
    data = pd.DataFrame(
        {
            "name": [f"{n}  {names[one.step]}" for n, one in enumerate(order.steps, 1)],
            "level": [one.level for one in order.steps],
            "supported": [one.effective for one in order.steps],
            "excess": [one.excess for one in order.steps],
            "start": [one.step in order.start_here for one in order.steps],
        }
    )
    y = rows_of("name", data["name"].tolist())
    # Drawn from level 1, the lowest there is: a bar's length is what has been built. What runs ahead is
    # thinner, so that it is told apart without colour.
    plot = data.assign(floor=1.0)[["name", "floor", "supported", "level"]]
    bars = alt.layer(
        alt.Chart(plot).mark_bar(style="cx-this", height=18).encode(y=y, x=level("floor"), x2="supported:Q"),
        alt.Chart(plot[data["excess"] > 0])
        .mark_bar(style="cx-ahead", height=8)
        .encode(y=y, x=level("supported"), x2="level:Q"),
    )
    gate = (
        alt.Chart(pd.DataFrame({"gate": [order.gate]}))
        .mark_rule(strokeDash=[4, 3], style="cx-interval")
        .encode(x=alt.X("gate:Q", scale=LEVELS))
    )
    at = {"y": y, "x": alt.X("level:Q", scale=LEVELS), "text": alt.Text("level:Q", format=".1f")}
    figures = alt.Chart(data[["name", "level"]])
    # The figure stands on a patch of paper, so that the gate does not run through it.
    patch = figures.mark_text(align="left", dx=6, stroke=palette("light")["paper"], strokeWidth=5).encode(
        **at
    )
    ends = figures.mark_text(style="cx-label", align="left", dx=6).encode(**at)
    starts = data[data["start"]][["name", "level"]]
    flag = (
        alt.Chart(starts.assign(word="start here"))
        .mark_text(style="cx-label", align="left", dx=32, fontWeight="bold")
        .encode(y=y, x=alt.X("level:Q", scale=LEVELS), text="word:N")
    )
    total, share = len(data), order.excess_share or 0.0
    start = ", ".join(names[one] for one in order.start_here)
    if order.position == total:
        title = f"All {total} steps stand at level {order.gate:g} or above"
    elif share >= 0.005:
        title = f"Start with {start}; {share:.0%} of what was built runs ahead of its foundations"
    else:
        title = f"{order.position} of {total} steps stand; {start} comes next"
    lead = data.loc[data["excess"].idxmax()]
    ahead = (
        f" {lead['name'].split('  ')[1]} runs furthest ahead, by {lead['excess']:.1f} levels."
        if lead["excess"] > 0.05
        else ""
    )
    return figure(
        alt.layer(bars, gate, patch, ends, flag),
        title=title,
        subtitle=(
            "Level of each step 1–5, in sequence; thick: supported, thin: ahead of what it stands on; "
            f"dashed: gate {order.gate:g}"
        ),
        summary=(
            f"Position {order.position} of {total} (95% range {order.position_low}–{order.position_high}); "
            f"mean level {order.raw:.1f}, of which {order.effective:.1f} is supported; "
            f"out-of-sequence index {share:.0%}"
            + (
                f" ({order.excess_share_low:.0%}–{order.excess_share_high:.0%})."
                if order.excess_share is not None
                else "."
            )
            + ahead
        ),
        source=source,
        table=table_of(
            data.assign(start=data["start"].map({True: "start here", False: ""})),
            {"name": "Step", "level": "Level", "supported": "Supported", "excess": "Runs ahead", "start": ""},
        ),
        rows=total,
    )


def levels(distribution: pd.DataFrame, *, source: str = "") -> Figure | Html:
    """Diverging bars of the answers to each item, the middle of the scale in the middle."""
    data = check(distribution, DISTRIBUTION)
    data = data[~data["answer"].isin(UNSCORED) & data["share"].notna()]
    if data.empty:
        return missing("Not assessed in this wave, or hidden: there are no answers to show.")
    if data.groupby("id", sort=False)["answer"].apply(lambda one: one.duplicated().any()).any():
        raise ContractError(
            "the answers of more than one group",
            fix="Choose one group, for example distribution of everyone.",
        )
    low, high = int(data["answer"].min()), int(data["answer"].max())
    middle = (low + high) / 2
    data = data.sort_values(["id", "answer"]).assign(
        side=lambda frame: frame["share"].where(frame["answer"] != middle, frame["share"] / 2)
    )
    below = data["share"].where(data["answer"] < middle, 0) + (data["share"] / 2).where(
        data["answer"] == middle, 0
    )
    start = -below.groupby(data["id"]).transform("sum")
    ends = start + data.groupby("id")["share"].cumsum()
    data = data.assign(left=ends - data["share"], right=ends)
    high_share = data[data["answer"] >= high - 1].groupby("id", sort=False)["share"].sum()
    order = distribution["id"].drop_duplicates()
    order = order[order.isin(data["id"])]
    names = data.drop_duplicates("id").set_index("id")["name"]
    plot = data[["name", "answer", "share", "n", "left", "right"]]
    drawn = (
        alt.Chart(plot)
        .mark_bar(height=20)
        .encode(
            y=rows_of("name", names[order].tolist()),
            x=alt.X(
                "left:Q",
                title="Share of answers",
                axis=alt.Axis(format="%", labelExpr="format(abs(datum.value), '.0%')"),
            ),
            x2="right:Q",
            color=alt.Color(
                "answer:O",
                sort=list(range(low, high + 1)),
                scale=alt.Scale(domain=list(range(low, high + 1)), range=_shades(high - low + 1)),
                title=None,
            ),
            order=alt.Order("answer:Q"),
            tooltip=[
                alt.Tooltip("name:N", title="item"),
                alt.Tooltip("answer:O", title="answer"),
                alt.Tooltip("share:Q", format=".0%"),
                alt.Tooltip("n:Q"),
            ],
        )
    )
    least = high_share.idxmin()
    wide = data.pivot(index="id", columns="answer", values="share").loc[order]
    table = pd.DataFrame(
        {"Item": names[order].tolist(), **{str(one): [f"{share:.0%}" for share in wide[one]] for one in wide}}
    )
    answered = data.groupby("id")["n"].sum()
    return figure(
        drawn,
        title=f"Weakest: {names[least]} ({high_share[least]:.0%} answer {high - 1} or {high})",
        subtitle=f"Share of answers on the scale {low}–{high}; n = {range_of(answered)}",
        summary="; ".join(f"{names[one]}: {high_share[one]:.0%} at {high - 1} or {high}" for one in order)
        + ".",
        source=source,
        table=table,
        rows=len(order),
    )


def beside(distribution: pd.DataFrame, instrument: Instrument, *, source: str = "") -> Figure | Html | None:
    """Diverging bars of the items that no framework knows, those on the scale most of them share."""
    scales = {one: (instrument.scales[one].low, instrument.scales[one].high) for one in instrument.items}
    asked = distribution["id"].drop_duplicates()
    shared = pd.Series([scales[one] for one in asked if one in scales], dtype=object).mode()
    if shared.empty:
        return None
    return levels(distribution[distribution["id"].map(scales) == shared[0]], source=source)


def promoters(metrics: pd.DataFrame, instrument: Instrument, *, source: str = "") -> Figure | Html | None:
    """Net Promoter Scores with their intervals on the whole scale, −100 to 100; nothing if not asked."""
    data = check(metrics, METRICS)
    data = data[data["figure"] == "net promoter score"]
    if data.empty:
        return None
    data = data[~data["is_hidden"]]
    if data.empty:
        return missing("Hidden: too few people answered.")
    known = {role.id: instrument.say(role.name) for role in instrument.framework.roles}
    data = data.assign(who=data[ROLE].map(known).fillna("Everyone") if ROLE in data else "Everyone")
    if data["id"].nunique() > 1:
        # Customers recommend the business, staff the workplace: a row says which.
        data = data.assign(who=data["who"] + ": " + data["name"])
    scale = alt.Scale(domain=[-100, 100], nice=False)
    y = rows_of("who", data["who"].tolist())
    base = alt.Chart(data[["who", "value", "low", "high", "n"]])
    zero = (
        alt.Chart(pd.DataFrame({"zero": [0]}))
        .mark_rule(strokeDash=[4, 3], style="cx-interval")
        .encode(x=alt.X("zero:Q", scale=scale))
    )
    drawn = alt.layer(
        zero,
        base.mark_rule(style="cx-interval").encode(
            y=y, x=alt.X("low:Q", scale=scale, title="Net Promoter Score"), x2="high:Q"
        ),
        base.mark_point(style="cx-this", size=110, opacity=1).encode(
            y=y, x=alt.X("value:Q", scale=scale), tooltip=tips("who", "value", "low", "high", "n")
        ),
        base.mark_text(style="cx-label", dy=-13).encode(
            y=y, x=alt.X("value:Q", scale=scale), text=alt.Text("value:Q", format="+.0f")
        ),
    )
    first = data.iloc[0]
    sure = (
        "above zero"
        if first["low"] > 0
        else "below zero"
        if first["high"] < 0
        else "not distinguishable from zero"
    )
    return figure(
        drawn,
        title=f"{first['who']} give a Net Promoter Score of {signed(first['value'])}, {sure}",
        subtitle=(
            "Promoters (9–10) less detractors (0–6), points −100 to 100, with its 95% interval; "
            f"n = {range_of(data['n'])}"
        ),
        summary="; ".join(
            f"{row.who} {signed(row.value)} ({signed(row.low)} to {signed(row.high)}), n = {row.n}"
            for row in data.itertuples()
        )
        + ".",
        source=source,
        table=table_of(
            data, {"who": "Who", "n": "n", "value": "NPS", "low": "Low", "high": "High"}, digits=0
        ),
        rows=len(data),
    )


def drivers(frame: pd.DataFrame, instrument: Instrument, *, source: str = "") -> Figure | Html | None:
    """Bars of the first outcome's drivers with their intervals, as shares of R²; nothing if none was asked.

    The other outcomes stand in the table beside it.
    """
    data = check(frame, DRIVERS)
    data = data[data["driver"] != ""]
    if data.empty:
        return None
    # Customers' outcomes come first: it is their experience that is to be explained.
    kinds = {role.id: role.kind for role in instrument.framework.roles}
    bought = data[data[ROLE].map(kinds) == "customer"] if ROLE in data else data
    first = (data if bought.empty else bought).iloc[0]
    data = data[(data["outcome"] == first["outcome"]) & (data["cut"] == first["cut"])]
    if ROLE in data:
        data = data[data[ROLE] == first[ROLE]]
    data = data.sort_values("share", ascending=False, kind="stable")
    data = data.assign(name=[instrument.called(one) for one in data["driver"]])
    outcome = instrument.called(str(first["outcome"]))
    base = alt.Chart(data[["name", "share", "low", "high", "n"]])
    y = rows_of("name", data["name"].tolist())
    x = alt.X("share:Q", title="Share of R²", scale=alt.Scale(domainMin=0))
    drawn = alt.layer(
        base.mark_bar(style="cx-this", size=12, fillOpacity=0.35, strokeWidth=0).encode(y=y, x=x),
        base.mark_rule(style="cx-interval").encode(y=y, x=alt.X("low:Q", title="Share of R²"), x2="high:Q"),
        base.mark_point(style="cx-this", size=70, opacity=1).encode(y=y, x=x, tooltip=tips("name", "n")),
    )
    best = data.iloc[0]
    return figure(
        drawn,
        title=f"{best['name']} goes most with {outcome}",
        subtitle=(
            f"Shares of the {first['r_squared']:.0%} of differences in {outcome} that go with these answers, "
            f"each with its 95% interval; n = {int(first['n'])}"
        ),
        summary="; ".join(
            f"{row.name} {row.share:.3f} ({row.low:.3f} to {row.high:.3f})"
            for row in data.itertuples(index=False)
        )
        + ".",
        source=source,
        table=table_of(
            data, {"name": "Driver", "n": "n", "share": "Share of R²", "low": "Low", "high": "High"}, digits=3
        ),
        rows=len(data),
    )


# ── What the charts share ───────────────────────────────────────────────────────────────────────


def _shades(places: int) -> list[str]:
    """Return the theme's five levels, light to dark; a longer scale takes shades between them."""
    shades = [palette("light")[f"level{level}"] for level in range(1, 6)]
    if places == len(shades):
        return shades
    stops = [[int(shade[i : i + 2], 16) for i in (1, 3, 5)] for shade in shades]
    out = []
    for place in range(places):
        at = place * (len(stops) - 1) / max(places - 1, 1)
        left = min(int(at), len(stops) - 2)
        mixed = [round(a + (b - a) * (at - left)) for a, b in zip(stops[left], stops[left + 1], strict=True)]
        out.append("#" + "".join(f"{one:02x}" for one in mixed))
    return out


def _shown(scores: pd.DataFrame, kind: str) -> pd.DataFrame:
    data = check(scores, SCORES)
    return data[(data["kind"] == kind) & ~data["is_hidden"] & data["mean"].notna()]


def _nothing(scores: pd.DataFrame, kind: str) -> Html | None:
    if (scores["kind"] == kind).any():
        return missing("Hidden: too few people answered.")
    return None if kind == "construct" else missing("Not assessed in this wave.")


def _one_group(data: pd.DataFrame) -> None:
    if data["id"].duplicated().any():
        raise ContractError(
            "scores of more than one group", fix="Pass the scores of one group, for example eng.scores()."
        )
