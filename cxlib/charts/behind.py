"""What stands behind the steps: who recommends, and what goes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cxlib.charts.drawing import Figure, figure, range_of, role_names, rows_of, table_of, tips, too_few
from cxlib.charts.loading import alt, unchecked
from cxlib.frames import DRIVERS, METRICS, ROLE, check
from cxlib.tables.html import Html

if TYPE_CHECKING:
    from cxlib.instrument import Instrument

# Drivers that a caption reads out; the table holds them all.
READ_OUT = 3


@unchecked
def promoters(metrics: pd.DataFrame, instrument: Instrument, *, source: str = "") -> Figure | Html | None:
    """Net Promoter Scores with their intervals on the whole scale, −100 to 100; nothing if not asked."""
    _ = instrument.words
    data = check(metrics, METRICS)
    data = data[data["figure"] == "net promoter score"]
    if data.empty:
        return None
    data = data[~data["is_hidden"]]
    if data.empty:
        return too_few(_)
    known = role_names(instrument)
    everyone = _("Everyone")
    data = data.assign(who=data[ROLE].map(known).fillna(everyone) if ROLE in data else everyone)
    if data["id"].nunique() > 1:
        # Customers recommend the business, staff the workplace: a row says which.
        data = data.assign(who=data["who"] + ": " + data["name"])
    data = data.assign(said=[_.number(one, signed=True) for one in data["value"]])
    scale = alt.Scale(domain=[-100, 100], nice=False)
    y = rows_of("who", data["who"].tolist())
    base = alt.Chart(data[["who", "value", "low", "high", "n", "said"]])
    zero = (
        alt.Chart(pd.DataFrame({"zero": [0]}))
        .mark_rule(strokeDash=[4, 3], style="cx-interval")
        .encode(x=alt.X("zero:Q", scale=scale))
    )
    drawn = alt.layer(
        zero,
        base.mark_rule(style="cx-interval").encode(
            y=y, x=alt.X("low:Q", scale=scale, title=_("Net Promoter Score")), x2=alt.X2("high:Q")
        ),
        base.mark_point(style="cx-this", size=110, opacity=1).encode(
            y=y, x=alt.X("value:Q", scale=scale), tooltip=tips(_, "who", "value", "low", "high", "n")
        ),
        base.mark_text(style="cx-label", dy=-13).encode(
            y=y, x=alt.X("value:Q", scale=scale), text=alt.Text("said:N")
        ),
    )
    first = data.iloc[0]
    score = _.number(first["value"], signed=True)
    if first["low"] > 0:
        title = _("{who}: Net Promoter Score {score}, above zero", who=first["who"], score=score)
    elif first["high"] < 0:
        title = _("{who}: Net Promoter Score {score}, below zero", who=first["who"], score=score)
    else:
        title = _(
            "{who}: Net Promoter Score {score}, not distinguishable from zero", who=first["who"], score=score
        )
    return figure(
        drawn,
        title=title,
        subtitle=_(
            "Promoters (9–10) less detractors (0–6), points −100 to 100, with its 95% interval; n = {n}",
            n=range_of(data["n"], _),
        ),
        summary="; ".join(
            _(
                "{who} {value} ({low} to {high}), n = {n}",
                who=row.who,
                value=_.number(row.value, signed=True),
                low=_.number(row.low, signed=True),
                high=_.number(row.high, signed=True),
                n=_.number(row.n),
            )
            for row in data.itertuples()
        )
        + ".",
        source=source,
        table=table_of(
            data,
            {"who": _("Who"), "n": "n", "value": _("NPS"), "low": _("Low"), "high": _("High")},
            _,
            digits=0,
        ),
        rows=len(data),
    )


@unchecked
def drivers(frame: pd.DataFrame, instrument: Instrument, *, source: str = "") -> Figure | Html | None:
    """Bars of the first outcome's drivers with their intervals, as shares of R²; nothing if none was asked.

    The other outcomes stand in the table beside it.
    """
    _ = instrument.words
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
    x = alt.X("share:Q", title=_("Share of R²"), scale=alt.Scale(domainMin=0))
    drawn = alt.layer(
        base.mark_bar(style="cx-this", size=12, fillOpacity=0.35, strokeWidth=0).encode(y=y, x=x),
        base.mark_rule(style="cx-interval").encode(
            y=y, x=alt.X("low:Q", title=_("Share of R²")), x2=alt.X2("high:Q")
        ),
        base.mark_point(style="cx-this", size=70, opacity=1).encode(y=y, x=x, tooltip=tips(_, "name", "n")),
    )
    best = data.iloc[0]
    return figure(
        drawn,
        title=_("{driver} goes most with {outcome}", driver=best["name"], outcome=outcome),
        subtitle=_(
            "Shares of the {share} of differences in {outcome} that go with these answers, each with its 95% "
            "interval; n = {n} complete answers",
            share=_.percent(first["r_squared"]),
            outcome=outcome,
            n=_.number(int(first["n"])),
        ),
        summary=_("The largest: ")
        + "; ".join(
            _(
                "{driver} {share} ({low} to {high})",
                driver=row.name,
                share=_.number(row.share, 2),
                low=_.number(row.low, 2),
                high=_.number(row.high, 2),
            )
            for row in data.head(READ_OUT).itertuples(index=False)
        )
        + ".",
        source=source,
        table=table_of(
            data,
            {"name": _("Driver"), "n": "n", "share": _("Share of R²"), "low": _("Low"), "high": _("High")},
            _,
            digits=2,
        ),
        rows=len(data),
    )
