"""The sequence drawn: what each step holds, what of it is supported, and where to start."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from cxlib.charts.drawing import LEVELS, Figure, figure, level, numbered, rows_of, step_names, table_of
from cxlib.charts.loading import alt, unchecked
from cxlib.look import palette
from cxlib.tables.html import brief
from cxlib.tables.ordered import asked_of, is_just_below

if TYPE_CHECKING:
    from cxlib.instrument import Instrument
    from cxlib.language import Words
    from cxlib.ordering import Sequence as Order

# Beside the figure of the step to start with: where the page is narrow, a sign between it and its bar.
TO_START = "width < 300 ? '◀ ' + datum.said : datum.said + ' ' + datum.long"


@unchecked
def sequence(order: Order, instrument: Instrument, *, source: str = "") -> Figure | None:
    """Bars of the level that is supported, and what stands beyond it, in the order of the steps.

    Nothing where a step was not assessed: :func:`cxlib.tables.standing` says so in words.
    """
    if not order.is_assessed:
        return None
    _ = instrument.words
    names, places = step_names(instrument), numbered(instrument)
    data = pd.DataFrame(
        {
            "name": [places[one.step] for one in order.steps],
            "level": [one.level for one in order.steps],
            "supported": [one.effective for one in order.steps],
            "excess": [one.excess for one in order.steps],
            "start": [one.step in order.start_here for one in order.steps],
            "said": [_level(_, one.level, order.gate) for one in order.steps],
        }
    )
    y = rows_of("name", data["name"].tolist())
    # Drawn from level 1, the lowest there is: a bar's length is what has been built. What runs ahead is
    # thinner, so that it is told apart without colour.
    plot = data.assign(floor=1.0)[["name", "floor", "supported", "level"]]
    bars = alt.layer(
        alt.Chart(plot)
        .mark_bar(style="cx-this", height=18)
        .encode(y=y, x=level("floor", _), x2=alt.X2("supported:Q")),
        alt.Chart(plot[data["excess"] > 0])
        .mark_bar(style="cx-ahead", height=8)
        .encode(y=y, x=level("supported", _), x2=alt.X2("level:Q")),
    )
    gate = (
        alt.Chart(pd.DataFrame({"gate": [order.gate]}))
        .mark_rule(strokeDash=[4, 3], style="cx-interval")
        .encode(x=alt.X("gate:Q", scale=LEVELS))
    )
    labels = []
    for is_start, weight in ((False, "normal"), (True, "bold")):
        # The word to start stands in one text with its figure, so that no width can part them.
        said = data[data["start"] == is_start][["name", "level", "said"]]
        of = alt.Chart(said.assign(long=_("start here") if is_start else "")).transform_calculate(
            word=TO_START if is_start else "datum.said"
        )
        at = {"y": y, "x": alt.X("level:Q", scale=LEVELS), "text": alt.Text("word:N")}
        text = {"align": "left", "dx": 6, "fontWeight": weight}
        # It stands on a patch of paper, so that the gate does not run through it.
        labels += [
            of.mark_text(**text, stroke=palette("light")["paper"], strokeWidth=5).encode(**at),
            of.mark_text(**text, style="cx-label").encode(**at),
        ]
    total = len(data)
    return figure(
        alt.layer(bars, gate, *labels),
        title=_title(order, names, _),
        subtitle=_(
            "Level of each step 1–5, in sequence; thick: supported, thin: ahead of what it stands on; "
            "dashed: gate {gate}",
            gate=brief(_, order.gate),
        ),
        summary=_summary(order, data, total, _),
        source=source,
        table=table_of(
            data.assign(start=data["start"].map({True: _("start here"), False: ""})),
            {
                "name": _("Step"),
                "level": _("Level"),
                "supported": _("Supported"),
                "excess": _("Runs ahead"),
                "start": _("Start"),
            },
            _,
        ),
        rows=total,
    )


def _level(_: Words, level: float, gate: float) -> str:
    """Write a level; one just below the gate with two decimals, cut off, so that it never reads as there."""
    return _.number(math.floor(100 * level) / 100, 2) if is_just_below(level, gate) else _.number(level, 1)


def _title(order: Order, names: dict[str, str], _: Words) -> str:
    total, share = len(order.steps), order.excess_share or 0.0
    start = _.listed([names[one] for one in order.start_here])
    if order.position == total:
        return _("All {total} steps stand at level {gate} or above", total=total, gate=brief(_, order.gate))
    if share >= 0.005:
        return _(
            "Start with {start}; {share} of what was built runs ahead of its foundations",
            start=start,
            share=_.percent(share),
        )
    return _(
        "{position} of {total} steps stand; {start} comes next",
        position=order.position,
        total=total,
        start=start,
    )


def _summary(order: Order, data: pd.DataFrame, total: int, _: Words) -> str:
    said = _(
        "Position {position} of {total} (95% range {low}–{high}); mean level {raw}, of which {effective} is "
        "supported; n = {n} a step.",
        position=order.position,
        total=total,
        low=order.position_low,
        high=order.position_high,
        raw=_.number(order.raw or 0, 1),
        effective=_.number(order.effective or 0, 1),
        n=asked_of(order, _),
    )
    if order.excess_share is not None:
        said += " " + _(
            "Out-of-sequence index {share} ({low}–{high}).",
            share=_.percent(order.excess_share),
            low=_.percent(order.excess_share_low or 0),
            high=_.percent(order.excess_share_high or 0),
        )
    lead = data.loc[data["excess"].idxmax()]
    if lead["excess"] > 0.05:
        said += " " + _(
            "{step} runs furthest ahead: {by} levels beyond the slack of {slack}.",
            step=lead["name"].split("  ")[1],
            by=_.number(lead["excess"], 1),
            slack=_.number(order.slack, 1),
        )
    return said
