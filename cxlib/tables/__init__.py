"""Tables as a reader sees them: frames in, HTML out, everything that a person typed escaped.

One small template of our own: a table library would bring a style sheet per table, which the page's
content policy refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd
from markupsafe import Markup

from cxlib.errors import ContractError
from cxlib.frames import METRICS, PARTICIPATION, RESPONSE, SCORES, SENSITIVITY, check
from cxlib.planning import STATES, Recommendation
from cxlib.tables.evidence import drivers, families, findings, reliability, units
from cxlib.tables.html import (
    HIDDEN,
    Column,
    Html,
    aim,
    bullets,
    figures,
    groups,
    interval,
    minus,
    missing,
    note,
    number,
    role_names,
    table_of,
)

if TYPE_CHECKING:
    from cxlib.instrument import Instrument
    from cxlib.ordering import Sequence as Order

__all__ = [
    "Html",
    "bullets",
    "described_levels",
    "drivers",
    "families",
    "figures",
    "findings",
    "goals",
    "metrics",
    "missing",
    "next_moves",
    "note",
    "participation",
    "plain",
    "recommendations",
    "reliability",
    "response",
    "scorecard",
    "sensitivity",
    "standing",
    "steps",
    "units",
]


def scorecard(
    scores: pd.DataFrame,
    instrument: Instrument,
    *,
    kind: str = "step",
    targets: Mapping[str, float] | None = None,
) -> Html | None:
    """Show mean with interval, top box, agreement and gated level, one row a step (or item, construct).

    Nothing where none was asked: the chart before it says so.
    """
    data = check(scores, SCORES)
    data = data[data["kind"] == kind]
    if data.empty:
        return None
    aims = targets or {}
    columns = [
        Column("Step" if kind == "step" else "Item" if kind == "item" else "What", data["name"].tolist()),
        *groups(data, instrument),
        number("n", data["n"], "{:,.0f}", data),
        number("Mean", data["mean"], "{:.1f}", data),
        Column(
            "95% interval", [interval(row.low, row.high, row.is_hidden) for row in data.itertuples()], True
        ),
        number("Top two", data["top_box"] * 100, "{:.0f}%", data),
        number("Agreement", data["agreement"], "{:.2f}", data),
        number("Gated", data["gated_level"], "{:.0f}", data),
    ]
    if aims:
        columns.append(Column("Target", [aim(aims.get(one)) for one in data["id"]], True))
    if (data["weighting"] == "by role").any():
        names = role_names(instrument)
        parts = dict.fromkeys(role for found in data["parts"] for role in found.split("+") if role)
        roles = [names.get(role, role) for role in parts]
        if data.loc[~data["is_hidden"], "parts"].nunique() > 1:
            note = "Mean over those roles of each row that can be shown, each with its weight."
        elif len(roles) > 1:
            note = f"Mean over the roles {', '.join(roles)}, each with its weight."
        else:
            note = f"Answers of {', '.join(roles)} alone: other roles were not asked, or cannot be shown."
        return table_of("Scores", columns, note=note)
    return table_of("Scores", columns)


def participation(frame: pd.DataFrame) -> Html:
    """Show who was asked and who answered, n of N by role."""
    data = check(frame, PARTICIPATION)
    columns = [Column("Role", data["name"].tolist()), number("Answered", data["n"], "{:,.0f}", data)]
    if data["population"].notna().any():
        columns.append(number("Of", data["population"], "{:,.0f}", data, hide=False))
        columns.append(number("Share", data["share"] * 100, "{:.0f}%", data))
    return table_of("Who answered", columns)


def response(frame: pd.DataFrame, instrument: Instrument) -> Html | None:
    """Show invited against answered, group by group; nothing where nobody said who was invited."""
    data = check(frame, RESPONSE)
    if data.empty:
        return None
    over = bool((data["share"] > 1).any())
    return _response(data, instrument, " More answered than were invited: check the numbers." if over else "")


def _response(data: pd.DataFrame, instrument: Instrument, warning: str) -> Html:
    return table_of(
        "Invited and answered",
        [
            *groups(data, instrument),
            number("Invited", data["invited"], "{:,.0f}", data, hide=False),
            number("Answered", data["n"], "{:,.0f}", data),
            number("Share", data["share"] * 100, "{:.0f}%", data),
        ],
        note=f"A hidden group shows who was invited, and not who answered.{warning}",
    )


def metrics(frame: pd.DataFrame, instrument: Instrument) -> Html | None:
    """Show the metrics of the questions beside the steps with interval and n; nothing if none was asked."""
    data = check(frame, METRICS)
    if data.empty:
        return None
    written = [
        (
            _in_unit(row.value, row.counted_in),
            interval(row.low, row.high, row.is_hidden, _pattern(row.counted_in)),
        )
        for row in data.itertuples()
    ]
    return table_of(
        "Metrics",
        [
            Column("Question", data["name"].tolist()),
            Column("Figure", data["figure"].tolist()),
            *groups(data, instrument),
            number("n", data["n"], "{:,.0f}", data),
            Column(
                "Value",
                [HIDDEN if gone else one for (one, _), gone in zip(written, data["is_hidden"], strict=True)],
                True,
            ),
            Column("95% interval", [one for _, one in written], True),
        ],
        note="Points run from −100 to 100; % is a share of those who answered; the rest is on its own scale.",
    )


def _pattern(unit: str) -> str:
    return {"points": "{:+.0f}", "%": "{:.0f}%"}.get(unit, "{:.1f}")


def _in_unit(value: float, unit: str) -> str:
    beside = "" if unit in {"points", "%"} else f" {unit}"
    return "" if pd.isna(value) else minus(_pattern(unit).format(value)) + beside


def recommendations(found: Sequence[Recommendation], instrument: Instrument, *, limit: int = 8) -> Html:
    """Show the next moves in their order, the first `limit` of each state, and what is deferred."""
    if not found:
        return missing("Nothing to recommend: no item stands below a target.")
    shown = [one for state in STATES for one in [each for each in found if each.state == state][:limit]]
    said = {"now": "Now", "after": "After another", "later": "Later"}
    rows = [
        (
            said[one.state],
            instrument.name(one.item),
            f"{one.level:.1f} ({one.low:.1f} – {one.high:.1f})",
            f"{one.target:.1f}" + ("*" if one.proposed else ""),
            one.action,
            one.who,
            f"{one.move_days:g} of {one.effort_days:g}",
            one.reason,
        )
        for one in shown
    ]
    names = ("When", "Item", "Level (95% interval)", "Target", "Next move", "Who", "Days", "Why here")
    left = len(found) - len(shown)
    more = f" {left} more are in the results file." if left else ""
    star = " * A target proposed by the framework." if any(one.proposed for one in shown) else ""
    return table_of(
        "What to do first",
        [
            Column(name, [row[at] for row in rows], name in {"Target", "Days"})
            for at, name in enumerate(names)
        ],
        note=f"Ranked by levels to go for a day of work; days: next move, of all moves.{star}{more}",
        wide=True,
    )


def sensitivity(frame: pd.DataFrame, instrument: Instrument) -> Html | None:
    """Show the position and the start at other gates and slacks; nothing where a step was not assessed."""
    data = check(frame, SENSITIVITY)
    if data.empty:
        return None
    starts = [
        _step_names([one for one in found.split("+") if one], instrument) for found in data["start_here"]
    ]
    return table_of(
        "How much hangs on the convention",
        [
            Column("Gate", [f"{one:.1f}" for one in data["gate"]], True),
            Column("Slack", [f"{one:.1f}" for one in data["slack"]], True),
            Column("Position", [str(one) for one in data["position"]], True),
            Column("Start here", [one or "every step stands" for one in starts]),
            Column(
                "Out of sequence",
                ["" if pd.isna(one) else f"{one:.0%}" for one in data["excess_share"]],
                True,
            ),
        ],
    )


def next_moves(scores: pd.DataFrame, instrument: Instrument, *, step: str, limit: int = 3) -> Html:
    """Show the next move of a step's weakest items: from the level they reach to the one above."""
    found = instrument.step(step)
    data = check(scores, SCORES)
    data = data[
        (data["kind"] == "item") & data["id"].isin([item.id for item in found.items]) & data["mean"].notna()
    ]
    rows = []
    for row in data.sort_values(["mean", "id"]).itertuples():
        item = instrument.framework.items[str(row.id)]
        reached = max(1, int(row.mean))
        if reached <= len(item.advice):
            advice = item.advice[reached - 1]
            rows.append(
                (
                    instrument.say(item.topic),
                    f"{reached}\N{NO-BREAK SPACE}→\N{NO-BREAK SPACE}{reached + 1}",
                    instrument.say(advice.action),
                    instrument.say(advice.who),
                    f"{advice.effort_days:g}",
                    instrument.say(advice.effect),
                )
            )
    if not rows:
        return missing("No next move: the step was not assessed, or stands at its highest level.")
    names = ("Item", "Move", "First action", "Who", "Days", "What it should change")
    return table_of(
        "Next moves",
        [Column(name, [row[i] for row in rows[:limit]], name == "Days") for i, name in enumerate(names)],
        note="Weakest items first.",
    )


def described_levels(instrument: Instrument, *, step: str) -> Html:
    """Show what each level of each item looks like: the words by which it is assessed."""
    items = [item for item in instrument.step(step).items if item.levels]
    if not items:
        return missing("The items of this step have no described levels.")
    size = max(len(item.levels) for item in items)
    said = [
        [instrument.say(level) for level in item.levels] + [""] * (size - len(item.levels)) for item in items
    ]
    columns = [
        Column("Item", [instrument.say(item.topic) for item in items]),
        *(Column(str(level + 1), [one[level] for one in said]) for level in range(size)),
    ]
    return table_of("What good looks like", columns, wide=True)


def standing(order: Order, instrument: Instrument) -> Html:
    """Show where the organisation stands in a few large figures, or which steps were not assessed."""
    if not order.is_assessed:
        unasked = [step for step in order.missing if step not in order.hidden]
        said = []
        if len(unasked) == len(instrument.framework.steps):
            said.append("None of the steps was assessed in this wave")
        elif unasked:
            said.append(f"Not assessed in this wave: {_step_names(unasked, instrument)}")
        if order.hidden:
            said.append(f"Too few answers from staff to show: {_step_names(order.hidden, instrument)}")
        return missing(". ".join(said) + ". So there is no position in the sequence.")
    start = _step_names(order.start_here, instrument) or "every step stands"
    below = (
        f"first below level {order.gate:g}" if order.start_here else f"all at level {order.gate:g} or above"
    )
    index = order.excess_share or 0.0
    around = f"{order.position_low}–{order.position_high}"
    share = f"{order.excess_share_low or 0:.0%}–{order.excess_share_high or 0:.0%}"
    return figures([
        ("Position", f"{order.position} of {len(order.steps)}", f"95% range {around}"),
        ("Start here", start, below),
        ("Out of sequence", f"{index:.0%}", f"{share} of what was built"),
        ("Mean level", f"{order.raw:.1f}", f"of which {order.effective:.1f} is supported"),
    ])  # fmt: skip


def _step_names(steps: Iterable[str], instrument: Instrument) -> str:
    return ", ".join(instrument.say(instrument.step(step).name) for step in steps)


def goals(eng_targets: Mapping[str, float], scores: pd.DataFrame, *, step: str) -> Html:
    """Show what was decided for a step: its target beside where it stands."""
    data = check(scores, SCORES)
    data = data[data["id"].isin(eng_targets) & ((data["id"] == step) | data["id"].str.startswith(f"{step}."))]
    if data.empty:
        return missing("No target was set yet.")
    gaps = [eng_targets[row.id] - row.mean for row in data.itertuples()]
    return table_of(
        "What was decided",
        [
            Column("What", data["name"].tolist()),
            number("Now", data["mean"], "{:.1f}", data),
            Column("Target", [aim(eng_targets[one]) for one in data["id"]], True),
            number("To go", pd.Series(gaps).clip(lower=0), "{:.1f}", data),
        ],
    )


def steps(order: Order, instrument: Instrument) -> Html:
    """Show the steps in order, each with its state.

    A step holds when it and all it stands on have reached the gate. One that reached it while something
    before it has not is open below; if it runs ahead by more than the slack, it says so.
    """
    ahead = {one.step for one in order.steps if one.excess > 0}
    reached = {one.step for one in order.steps if one.passes}
    ancestors = instrument.framework.ancestors
    rows = []
    for step in instrument.framework.order:
        if step in order.missing:
            state, kind = ("too few answers" if step in order.hidden else "not assessed"), "is-missing"
        elif step in order.start_here:
            state, kind = "start here", "is-current"
        elif step in reached and ancestors[step] <= reached:
            state, kind = "holds", "is-done"
        else:
            state = "reached, on an open step" if step in reached else "later"
            state, kind = ("ahead of its foundations" if step in ahead else state), "is-later"
        rows.append((instrument.say(instrument.step(step).name), state, kind))
    body = Markup("").join(
        Markup(
            '<li class="{kind}"><span>{name}</span><span class="cx-step-state">{state}</span></li>'
        ).format(kind=kind, name=name, state=state)
        for name, state, kind in rows
    )
    text = "; ".join(f"{name}: {state}" for name, state, _ in rows)
    return Html(Markup('<ol class="cx-steps">{}</ol>').format(body), text)


def plain(data: pd.DataFrame, caption: str) -> Html:
    """Show any frame of text and numbers, as it is."""
    if len(data) > 200:
        raise ContractError(f"a table of {len(data)} rows is no table for a reader; expected at most 200")
    return table_of(
        caption,
        [
            Column(str(name), [str(one) for one in data[name]], pd.api.types.is_numeric_dtype(data[name]))
            for name in data
        ],
    )
