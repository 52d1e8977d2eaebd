"""Gaps drawn: what is said and what is done, who calls the experience superior, what runs ahead of what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from cxlib import stats
from cxlib.charts.drawing import (
    Figure,
    figure,
    level,
    numbered,
    one_group,
    range_of,
    role_names,
    rows_of,
    step_names,
    table_of,
    tips,
    whose,
)
from cxlib.charts.loading import alt, unchecked
from cxlib.frames import DISTRIBUTION, ROLE, SCORES, UNSCORED, check
from cxlib.look import palette

if TYPE_CHECKING:
    from cxlib.findings import Finding
    from cxlib.instrument import Instrument

SAY, DO = "say", "do"


@unchecked
def said_and_done(scores: pd.DataFrame, instrument: Instrument, *, source: str = "") -> Figure | None:
    """Dumbbells, one row a step: the items on what is said, an open square, and on what is done, a dot.

    Nothing where no step was asked in both streams.

    Raises
    ------
    ContractError
        If `scores` holds more than one group.
    """
    _ = instrument.words
    data = check(scores, SCORES)
    data = data[(data["kind"] == "stream") & ~data["is_hidden"] & data["mean"].notna()]
    one_group(data)
    rows = data.set_index("id")
    names = numbered(instrument)
    steps = [one for one in names if {f"{one}.{SAY}", f"{one}.{DO}"} <= set(rows.index)]
    if not steps:
        return None
    streams = {one.id: instrument.say(one.name) for one in instrument.framework.content.streams}
    wide = pd.DataFrame(
        [
            (
                names[step],
                *(
                    rows.loc[f"{step}.{stream}", part]
                    for stream in (SAY, DO)
                    for part in ("mean", "low", "high")
                ),
                int(min(rows.loc[f"{step}.{stream}", "n"] for stream in (SAY, DO))),
            )
            for step in steps
        ],
        columns=["name", "say", "say_low", "say_high", "do", "do_low", "do_high", "n"],
    )
    y = rows_of("name", wide["name"].tolist())
    base = alt.Chart(wide)
    drawn = alt.layer(
        base.mark_rule(strokeWidth=9, opacity=0.13, style="cx-interval", strokeCap="round").encode(
            y=y, x=level("do", _), x2=alt.X2("say:Q")
        ),
        base.mark_rule(style="cx-interval", yOffset=-5).encode(
            y=y, x=level("say_low", _), x2=alt.X2("say_high:Q")
        ),
        base.mark_rule(style="cx-interval", yOffset=5).encode(
            y=y, x=level("do_low", _), x2=alt.X2("do_high:Q")
        ),
        base.mark_point(style="cx-target", shape="square", size=90, opacity=1, yOffset=-5).encode(
            y=y, x=level("say", _), tooltip=tips(_, "name", "say", "n")
        ),
        base.mark_point(style="cx-this", size=100, opacity=1, yOffset=5).encode(
            y=y, x=level("do", _), tooltip=tips(_, "name", "do", "n")
        ),
    )
    wide["gap"] = wide["say"] - wide["do"]
    widest = wide.loc[wide["gap"].abs().idxmax()]
    called = widest["name"].split("  ")[1]
    return figure(
        drawn,
        title=_(
            "{step}: said {said}, done {done}",
            step=called,
            said=_.number(widest["say"], 1),
            done=_.number(widest["do"], 1),
        ),
        subtitle=_(
            "Open square: {said}; dot: {done}; mean level 1–5, each with its 95% interval; n = {n}",
            said=streams[SAY],
            done=streams[DO],
            n=range_of(wide["n"], _),
        ),
        summary=_(
            "What is said less what is done: {gaps}.",
            gaps="; ".join(
                f"{row.name_.split('  ')[1]} {_.number(row.gap, 1, signed=True)}"
                for row in wide.rename(columns={"name": "name_"}).itertuples()
            ),
        ),
        source=source,
        table=table_of(
            wide,
            {
                "name": _("Step"),
                "n": "n",
                "say": _("Said"),
                "say_low": _("Low"),
                "say_high": _("High"),
                "do": _("Done"),
                "do_low": _("Low, done"),
                "do_high": _("High, done"),
                "gap": _("Gap"),
            },
            _,
        ),
        rows=len(wide),
        step=38,
    )


@unchecked
def delivery(distribution: pd.DataFrame, instrument: Instrument, *, source: str = "") -> Figure | None:
    """Dots with Wilson's intervals: the share of each role that calls the experience superior.

    Nothing where the question was not asked of a role that can be shown.

    Parameters
    ----------
    distribution
        DISTRIBUTION frame by role.
    """
    _ = instrument.words
    asked = [one.id for one in instrument.framework.questions.values() if one.kind == "delivery_gap"]
    data = check(distribution, DISTRIBUTION)
    data = data[data["id"].isin(asked) & ~data["answer"].isin(UNSCORED)]
    known = role_names(instrument)
    rows = []
    for role, name in known.items():
        found = data[data[ROLE] == role]
        n = int(found["n"].sum())
        if n:
            yes = int(found.loc[found["answer"] == found["answer"].max(), "n"].sum())
            share = stats.share(yes, n)
            rows.append((name, share.value, share.low, share.high, n))
    if not rows:
        return None
    plot = pd.DataFrame(rows, columns=["who", "share", "low", "high", "n"])
    y = rows_of("who", plot["who"].tolist())
    scale = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X("share:Q", scale=scale, title=_("Share who call it superior"), axis=alt.Axis(format=".0%"))
    colour, shape = whose(instrument, plot["who"].tolist(), legend=False)
    base = alt.Chart(plot)
    drawn = alt.layer(
        base.mark_rule(style="cx-interval").encode(y=y, x=alt.X("low:Q", scale=scale), x2=alt.X2("high:Q")),
        base.mark_point(filled=True, size=130, opacity=1).encode(
            y=y, x=x, color=colour, shape=shape, tooltip=tips(_, "who", "n")
        ),
        base.mark_text(style="cx-label", dy=-14).encode(y=y, x=x, text=alt.Text("share:Q", format=".0%")),
    )
    each = _.listed([f"{row.who} {_.top_box(row.share)}" for row in plot.itertuples()])
    ranges = [
        f"{row.who} {_.top_box(row.share)} ({_.percent(row.low)}–{_.percent(row.high)}), "
        f"n = {_.number(row.n)}"
        for row in plot.itertuples()
    ]
    return figure(
        drawn,
        title=_("Who calls the experience superior: {each}", each=each),
        subtitle=_(
            "Share of each role that answers yes, with its 95% interval (Wilson); n = {n}",
            n=range_of(plot["n"], _),
        ),
        summary="; ".join(ranges) + ".",
        source=source,
        table=pd.DataFrame(
            {
                _("Role"): plot["who"],
                "n": [_.number(one) for one in plot["n"]],
                **{
                    heading: [_.percent(one) for one in plot[name]]
                    for heading, name in ((_("Share"), "share"), (_("Low"), "low"), (_("High"), "high"))
                },
            }
        ),
        rows=len(plot),
        step=44,
    )


@unchecked
def foundations(compared: Sequence[Finding], instrument: Instrument, *, source: str = "") -> Figure | None:
    """Squares: how far each step stands above each that it stands on; filled where that is beyond chance.

    Nothing where no pair of steps could be compared.

    Parameters
    ----------
    compared
        The comparisons of a wave; those of the family `pair` are drawn.
    """
    _ = instrument.words
    pairs = [one for one in compared if one.family == "pair"]
    if not pairs:
        return None
    names, places = numbered(instrument), {one: at for at, one in enumerate(instrument.framework.order, 1)}
    plot = pd.DataFrame(
        [
            (
                names[on],
                str(places[below]),
                one.value,
                one.is_confirmed,
                _.number(one.value, 1, signed=True),
                names[below],
                one.low,
                one.high,
                one.n,
            )
            for one in pairs
            for below, on in [one.about]
        ],
        columns=["name", "below", "value", "confirmed", "text", "under", "low", "high", "n"],
    )
    order = [names[one] for one in instrument.framework.order if names[one] in set(plot["name"])]
    # Where the page is narrow the steps go by their numbers, and the squares keep their room.
    short_names = alt.Axis(labelExpr="width < 400 ? split(datum.label, ' ')[0] : datum.label")
    y = alt.Y("name:N", sort=order, title=None, axis=short_names)
    x = alt.X(
        "below:O",
        title=_("Above step"),
        sort=[str(one) for one in places.values()],
        axis=alt.Axis(orient="top", labelAngle=0, domain=False, ticks=False),
    )
    base = alt.Chart(plot[["name", "below", "confirmed", "text", "under", "value", "low", "high", "n"]])
    drawn = alt.layer(
        base.mark_rect(style="cx-ahead", stroke=palette("light")["paper"], strokeWidth=2).encode(
            y=y,
            x=x,
            opacity=alt.condition("datum.confirmed", alt.value(0.9), alt.value(0.07)),
            tooltip=tips(_, "name", "under", "value", "low", "high", "n"),
        ),
        base.mark_text(fontSize=12).encode(
            y=y,
            x=x,
            text=alt.Text("text:N"),
            color=alt.condition(
                "datum.confirmed", alt.value(palette("light")["paper"]), alt.value(palette("light")["muted"])
            ),
        ),
    )
    confirmed = plot[plot["confirmed"]]
    if confirmed.empty:
        title = _("No step runs ahead of what it stands on by more than chance could do")
    else:
        most = confirmed.loc[confirmed["value"].idxmax()]
        title = _(
            "{step}: {by} levels above {below}, on which it stands",
            step=most["name"].split("  ")[1],
            by=_.number(most["value"], 1),
            below=most["under"].split("  ")[1],
        )
    short = step_names(instrument)
    return figure(
        drawn,
        title=title,
        subtitle=_(
            "Levels by which a step stands above one that it stands on, by number; filled: more than half a "
            "level beyond chance; n = {n}",
            n=range_of(plot["n"], _),
        ),
        summary=_(
            "{found} of {all} pairs run ahead by more than half a level, beyond chance; "
            "steps by number: {steps}.",
            found=len(confirmed),
            all=len(plot),
            steps=", ".join(f"{places[one]} {short[one]}" for one in instrument.framework.order),
        ),
        source=source,
        table=table_of(
            plot.assign(
                confirmed=plot["confirmed"].map({True: _("beyond chance"), False: _("not beyond chance")})
            ),
            {
                "name": _("Step"),
                "under": _("Stands on"),
                "n": "n",
                "value": _("Above by"),
                "low": _("Low"),
                "high": _("High"),
                "confirmed": _("Judged"),
            },
            _,
        ),
        rows=len(order),
    )
