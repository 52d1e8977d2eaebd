"""Answers drawn: how many chose each level, the neutral in the middle, and role beside role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cxlib import stats
from cxlib.charts.drawing import Figure, figure, range_of, role_names, rows_of
from cxlib.charts.loading import alt, unchecked
from cxlib.errors import ContractError
from cxlib.frames import DISTRIBUTION, ROLE, UNSCORED, check
from cxlib.look import palette
from cxlib.tables.html import Html, missing

if TYPE_CHECKING:
    from cxlib.instrument import Instrument


@unchecked
def levels(distribution: pd.DataFrame, instrument: Instrument, *, source: str = "") -> Figure | Html:
    """Diverging bars of the answers to each item, the middle of the scale in the middle.

    Raises
    ------
    ContractError
        If it holds the answers of more than one group.
    """
    _ = instrument.words
    data = check(distribution, DISTRIBUTION)
    data = data[~data["answer"].isin(UNSCORED) & data["share"].notna()]
    if data.empty:
        return missing(_("Not assessed in this wave, or hidden: there are no answers to show."))
    if data.groupby("id", sort=False)["answer"].apply(lambda one: one.duplicated().any()).any():
        raise ContractError(
            "the answers of more than one group",
            fix="Choose one group, for example distribution of everyone.",
        )
    low, high = int(data["answer"].min()), int(data["answer"].max())
    middle = (low + high) / 2
    data = data.sort_values(["id", "answer"])
    below = data["share"].where(data["answer"] < middle, 0) + (data["share"] / 2).where(
        data["answer"] == middle, 0
    )
    start = -below.groupby(data["id"]).transform("sum")
    ends = start + data.groupby("id")["share"].cumsum()
    data = data.assign(left=ends - data["share"], right=ends, centre=ends - data["share"] / 2)
    high_share = data[data["answer"] >= high - 1].groupby("id", sort=False)["share"].sum()
    order = distribution["id"].drop_duplicates()
    order = order[order.isin(data["id"])]
    names = data.drop_duplicates("id").set_index("id")["name"]
    answered = data.groupby("id")["n"].sum()
    plot = data[["name", "answer", "share", "n", "left", "right", "centre"]]
    every = list(range(low, high + 1))
    y = rows_of("name", names[order].tolist())
    base = alt.Chart(plot)
    x = alt.X(
        "left:Q",
        title=_("Share of answers"),
        axis=alt.Axis(format="%", labelExpr="format(abs(datum.value), '.0%')"),
    )
    bars = base.mark_bar(height=22).encode(
        y=y,
        x=x,
        x2=alt.X2("right:Q"),
        color=alt.Color(
            "answer:O", sort=every, scale=alt.Scale(domain=every, range=shades(len(every))), title=None
        ),
        order=alt.Order("answer:Q"),
        tooltip=[
            alt.Tooltip("name:N", title=_("item")),
            alt.Tooltip("answer:O", title=_("answer")),
            alt.Tooltip("share:Q", format=".0%", title=_("share")),
            alt.Tooltip("n:Q"),
        ],
    )
    # A bar says its share where it is wide enough to be read: a tenth of the answers on a narrow page.
    words = (
        base.transform_filter("datum.share >= (width < 460 ? 0.16 : 0.08)")
        .mark_text(fontSize=11)
        .encode(
            y=y,
            x=alt.X("centre:Q"),
            text=alt.Text("share:Q", format=".0%"),
            color=alt.condition(
                f"datum.answer >= {low + 0.6 * (high - low)}",
                alt.value(palette("light")["paper"]),
                alt.value(palette("light")["ink"]),
            ),
        )
    )
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(style="cx-interval").encode(x=alt.X("zero:Q"))
    least = high_share.idxmin()
    wide = data.pivot_table(index="id", columns="answer", values="share", sort=False).loc[order]
    wide = wide[sorted(wide.columns)]
    table = pd.DataFrame(
        {
            _("Item"): names[order].tolist(),
            "n": [_.number(int(answered[one])) for one in order],
            **{str(one): [_.percent(share) for share in wide[one].fillna(0.0)] for one in wide},
        }
    )
    return figure(
        alt.layer(zero, bars, words),
        title=_(
            "Weakest: {item} ({share} answer {first} or {last})",
            item=names[least],
            share=_.top_box(high_share[least]),
            first=high - 1,
            last=high,
        ),
        subtitle=_(
            "Share of answers on the scale {low}–{high}, the middle in the middle; n = {n}",
            low=low,
            high=high,
            n=range_of(answered, _),
        ),
        summary=_(
            "Answers at {first} or {last}: {each}.",
            first=high - 1,
            last=high,
            each="; ".join(f"{names[one]} {_.top_box(high_share[one])}" for one in order),
        ),
        source=source,
        table=table,
        rows=len(order),
    )


@unchecked
def beside(distribution: pd.DataFrame, instrument: Instrument, *, source: str = "") -> Figure | Html | None:
    """Diverging bars of the items that no framework knows, those on the scale most of them share."""
    scales = {one: (instrument.scales[one].low, instrument.scales[one].high) for one in instrument.items}
    asked = distribution["id"].drop_duplicates()
    shared = pd.Series([scales[one] for one in asked if one in scales], dtype=object).mode()
    if shared.empty:
        return None
    return levels(distribution[distribution["id"].map(scales) == shared[0]], instrument, source=source)


@unchecked
def role_levels(
    distribution: pd.DataFrame, instrument: Instrument, *, step: str, source: str = ""
) -> Figure | Html | None:
    """Small multiples: for each role, the share of its answers to a step at each level.

    A mean hides a split; two high bars with few between them do not. Nothing where no role was asked.

    Parameters
    ----------
    distribution
        DISTRIBUTION frame by role, of the step's items.
    """
    _ = instrument.words
    found = instrument.step(step)
    data = check(distribution, DISTRIBUTION)
    data = data[data["id"].isin([item.id for item in found.items]) & ~data["answer"].isin(UNSCORED)]
    if data.empty:
        return None
    if not (data[ROLE] != "").all():
        raise ContractError("the answers are not cut by role", fix="Pass eng.distribution(by='role').")
    known = {role: name for role, name in role_names(instrument).items() if (data[ROLE] == role).any()}
    low, high = int(data["answer"].min()), int(data["answer"].max())
    every = list(range(low, high + 1))
    rows, told = [], []
    for role, name in known.items():
        own = data[data[ROLE] == role]
        counts = own.groupby("answer")["n"].sum().reindex(every, fill_value=0)
        people = int(own.groupby("id")["n"].sum().max())
        items = [
            group.set_index("answer")["n"].reindex(every, fill_value=0) for _id, group in own.groupby("id")
        ]
        seen = [stats.agreement_of(one.to_numpy()[None, :])[0] for one in items if one.sum()]
        agreement = sum(seen) / len(seen)
        total = int(counts.sum())
        told.append((name, agreement, people, counts / total))
        rows += [(name, level, int(n) / total, int(n), people) for level, n in counts.items()]
    plot = pd.DataFrame(rows, columns=["who", "level", "share", "n", "people"])
    order = list(known.values())
    x = alt.X(
        "who:N",
        sort=order,
        title=None,
        axis=alt.Axis(
            labelAngle=0,
            labelLimit=110,
            labelFontSize=alt.ExprRef("width < 460 ? 10.5 : 13"),
            domain=False,
            ticks=False,
        ),
    )
    offset = alt.XOffset("level:O", sort=every)
    y = alt.Y(
        "share:Q",
        title=None,
        axis=alt.Axis(format=".0%"),
        scale=alt.Scale(domain=[0, 1.12 * plot["share"].max()], nice=False),
    )
    base = alt.Chart(plot)
    drawn = alt.layer(
        base.mark_bar().encode(
            x=x,
            xOffset=offset,
            y=y,
            color=alt.Color(
                "level:O", sort=every, title=None, scale=alt.Scale(domain=every, range=shades(len(every)))
            ),
            tooltip=[
                alt.Tooltip("who:N", title=_("role")),
                alt.Tooltip("level:O", title=_("answer")),
                alt.Tooltip("share:Q", format=".0%", title=_("share")),
                alt.Tooltip("n:Q"),
            ],
        ),
        base.transform_filter("datum.share >= 0.005 && width >= 460")
        .mark_text(style="cx-label", dy=-7, fontSize=11)
        .encode(x=x, xOffset=offset, y=y, text=alt.Text("share:Q", format=".0%")),
    )
    lowest = min(told, key=lambda one: one[1])
    return figure(
        drawn,
        title=_("Least agreement: {role}, A = {agreement}", role=lowest[0], agreement=_.number(lowest[1], 2)),
        subtitle=_(
            "Share of each role's answers at each level, over the items of {step}; "
            "A runs from −1 (two camps) over 0 (spread evenly) to 1 (all agree); n = {n}",
            step=instrument.say(found.name),
            n=range_of(plot["people"], _),
        ),
        summary="; ".join(
            _(
                "{role}: {low} at {first} or {second}, {high} at {fourth} or {last}, "
                "A = {agreement}, n = {n}",
                role=name,
                low=_.top_box(float(shares.iloc[:2].sum())),
                first=every[0],
                second=every[1],
                high=_.top_box(float(shares.iloc[-2:].sum())),
                fourth=every[-2],
                last=every[-1],
                agreement=_.number(agreement, 2),
                n=_.number(people),
            )
            for name, agreement, people, shares in told
        )
        + ".",
        source=source,
        table=pd.DataFrame(
            {
                _("Role"): order,
                "n": [_.number(people) for _n, _a, people, _s in told],
                "A": [_.number(agreement, 2) for _n, agreement, _p, _s in told],
                **{str(one): [_.percent(float(shares[one])) for *_x, shares in told] for one in every},
            }
        ),
        height=210,
    )


def shades(places: int) -> list[str]:
    """Return the theme's five levels, light to dark; a longer scale takes shades between them."""
    found = [palette("light")[f"level{level}"] for level in range(1, 6)]
    if places == len(found):
        return found
    stops = [[int(shade[i : i + 2], 16) for i in (1, 3, 5)] for shade in found]
    out = []
    for place in range(places):
        at = place * (len(stops) - 1) / max(places - 1, 1)
        left = min(int(at), len(stops) - 2)
        mixed = [round(a + (b - a) * (at - left)) for a, b in zip(stops[left], stops[left + 1], strict=True)]
        out.append("#" + "".join(f"{one:02x}" for one in mixed))
    return out
