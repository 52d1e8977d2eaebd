"""Tables as a reader sees them: frames in, HTML out, everything that a person typed escaped.

One small template of our own: a table library would bring a style sheet per table, which the page's
content policy refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup, escape

from cxlib.errors import ContractError
from cxlib.frames import METRICS, PARTICIPATION, ROLE, SCORES, check

if TYPE_CHECKING:
    from cxlib.instrument import Instrument
    from cxlib.ordering import Sequence as Order

HIDDEN = "hidden"


@dataclass(frozen=True)
class Html:
    """A piece of a page, escaped where it was built. Shows itself in a notebook; prints as plain text."""

    markup: Markup
    text: str

    def _repr_html_(self) -> str:
        return str(self.markup)

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class _Column:
    heading: str
    cells: Sequence[str]
    is_number: bool = False


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
        _Column("Step" if kind == "step" else "Item" if kind == "item" else "What", data["name"].tolist()),
        *_groups(data, instrument),
        _number("n", data["n"], "{:,.0f}", data),
        _number("Mean", data["mean"], "{:.1f}", data),
        _Column(
            "95% interval", [_interval(row.low, row.high, row.is_hidden) for row in data.itertuples()], True
        ),
        _number("Top two", data["top_box"] * 100, "{:.0f}%", data),
        _number("Agreement", data["agreement"], "{:.2f}", data),
        _number("Gated", data["gated_level"], "{:.0f}", data),
    ]
    if aims:
        columns.append(_Column("Target", [_aim(aims.get(one)) for one in data["id"]], True))
    if (data["weighting"] == "by role").any():
        names = _role_names(instrument)
        parts = dict.fromkeys(role for found in data["parts"] for role in found.split("+") if role)
        roles = [names.get(role, role) for role in parts]
        if data.loc[~data["is_hidden"], "parts"].nunique() > 1:
            note = "Mean over those roles of each row that can be shown, each with its weight."
        elif len(roles) > 1:
            note = f"Mean over the roles {', '.join(roles)}, each with its weight."
        else:
            note = f"Answers of {', '.join(roles)} alone: other roles were not asked, or cannot be shown."
        return _table("Scores", columns, note=note)
    return _table("Scores", columns)


def participation(frame: pd.DataFrame) -> Html:
    """Show who was asked and who answered, n of N by role."""
    data = check(frame, PARTICIPATION)
    columns = [_Column("Role", data["name"].tolist()), _number("Answered", data["n"], "{:,.0f}", data)]
    if data["population"].notna().any():
        columns.append(_number("Of", data["population"], "{:,.0f}", data, hide=False))
        columns.append(_number("Share", data["share"] * 100, "{:.0f}%", data))
    return _table("Who answered", columns)


def metrics(frame: pd.DataFrame, instrument: Instrument) -> Html | None:
    """Show metrics such as the Net Promoter Score with interval and n; nothing if none was asked."""
    data = check(frame, METRICS)
    if data.empty:
        return None
    return _table(
        "Metrics",
        [
            _Column("Question", data["name"].tolist()),
            *_groups(data, instrument),
            _number("n", data["n"], "{:,.0f}", data),
            _number("Score", data["value"], "{:+.0f}", data),
            _Column(
                "95% interval",
                [_interval(row.low, row.high, row.is_hidden, "{:+.0f}") for row in data.itertuples()],
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
    return _table(
        "Next moves",
        [_Column(name, [row[i] for row in rows[:limit]], name == "Days") for i, name in enumerate(names)],
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
        _Column("Item", [instrument.say(item.topic) for item in items]),
        *(_Column(str(level + 1), [one[level] for one in said]) for level in range(size)),
    ]
    return _table("What good looks like", columns, wide=True)


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
    return _table(
        "What was decided",
        [
            _Column("What", data["name"].tolist()),
            _number("Now", data["mean"], "{:.1f}", data),
            _Column("Target", [_aim(eng_targets[one]) for one in data["id"]], True),
            _number("To go", pd.Series(gaps).clip(lower=0), "{:.1f}", data),
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


def figures(pairs: Sequence[tuple[str, str, str]]) -> Html:
    """Show a few figures large: (label, value, interval or n)."""
    body = Markup("").join(
        Markup('<div><dt>{}</dt><dd class="{}">{} <small>{}</small></dd></div>').format(
            label, "cx-figure" if len(value) < 9 else "cx-words", value, beside
        )
        for label, value, beside in pairs
    )
    return Html(
        Markup('<dl class="cx-figures">{}</dl>').format(body), "; ".join(f"{a}: {b} {c}" for a, b, c in pairs)
    )


def note(text: str) -> Html:
    return _block("cx-note", text)


def missing(text: str) -> Html:
    """Say what is not there: not assessed, not asked, hidden."""
    return _block("cx-missing", text)


def bullets(texts: Sequence[str]) -> Html:
    body = Markup("").join(Markup("<li>{}</li>").format(text) for text in texts)
    return Html(Markup('<ul class="cx-note">{}</ul>').format(body), "\n".join(texts))


def plain(data: pd.DataFrame, caption: str) -> Html:
    """Show any frame of text and numbers, as it is."""
    if len(data) > 200:
        raise ContractError(f"a table of {len(data)} rows is no table for a reader; expected at most 200")
    return _table(
        caption,
        [
            _Column(str(name), [str(one) for one in data[name]], pd.api.types.is_numeric_dtype(data[name]))
            for name in data
        ],
    )


def _block(kind: str, text: str) -> Html:
    return Html(Markup('<div class="{}"><p>{}</p></div>').format(kind, text), text)


def _groups(data: pd.DataFrame, instrument: Instrument) -> list[_Column]:
    """Return a column for each dimension by which the rows are cut; roles go by their names."""
    known = {one.name for one in (*SCORES.columns, *METRICS.columns)}
    cut = [name for name in data.columns if name not in known and (data[name] != "").any()]
    roles = _role_names(instrument)
    return [
        _Column(name.capitalize(), [roles.get(one, one) if name == ROLE else one for one in data[name]])
        for name in cut
    ]


def _role_names(instrument: Instrument) -> dict[str, str]:
    return {role.id: instrument.say(role.name) for role in instrument.framework.roles}


def _number(heading: str, values: Any, pattern: str, data: pd.DataFrame, *, hide: bool = True) -> _Column:
    hidden = data["is_hidden"] if hide else [False] * len(data)
    cells = [
        HIDDEN if gone else "" if pd.isna(value) else _minus(pattern.format(value))
        for value, gone in zip(values, hidden, strict=True)
    ]
    return _Column(heading, cells, True)


def _interval(low: float, high: float, is_hidden: bool, pattern: str = "{:.1f}") -> str:
    if is_hidden:
        return HIDDEN
    return "" if pd.isna(low) else _minus(f"{pattern.format(low)} – {pattern.format(high)}")


def _minus(text: str) -> str:
    """Write a minus as a minus, as the charts do."""
    return text.replace("-", "−")


def _aim(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _table(caption: str, columns: Sequence[_Column], *, note: str = "", wide: bool = False) -> Html:
    head = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(
            Markup(' class="num"') if one.is_number else "", one.heading
        )
        for one in columns
    )
    rows = list(zip(*(one.cells for one in columns), strict=True))
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(
                _cell(cell, one, first=i == 0) for i, (cell, one) in enumerate(zip(row, columns, strict=True))
            )
        )
        for row in rows
    )
    kind = "cx-table cx-wide" if wide else "cx-table"
    table = Markup(
        '<div class="cx-scroll" tabindex="0" role="region" aria-label="{}"><table class="{}">'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(caption, kind, head, body)
    under = Markup('<p class="cx-note">{}</p>').format(note) if note else Markup("")
    text = "\n".join(["  ".join(one.heading for one in columns), *("  ".join(row) for row in rows)])
    return Html(table + under, text)


def _cell(text: str, column: _Column, *, first: bool) -> Markup:
    if first:
        return Markup('<th scope="row">{}</th>').format(text)
    kinds = [kind for kind, holds in (("num", column.is_number), (HIDDEN, text == HIDDEN)) if holds]
    return Markup("<td{}>{}</td>").format(
        Markup(' class="{}"').format(" ".join(kinds)) if kinds else "", escape(text)
    )
