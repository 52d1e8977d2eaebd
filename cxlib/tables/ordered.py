"""Tables of the sequence: where the organisation stands, each step's state, what hangs on the convention."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd
from markupsafe import Markup

from cxlib.frames import SENSITIVITY, check
from cxlib.tables.html import Column, Html, brief, figures, missing, shares, table_of

if TYPE_CHECKING:
    from cxlib.instrument import Instrument
    from cxlib.language import Words
    from cxlib.ordering import Sequence as Order


def standing(order: Order, instrument: Instrument) -> Html:
    """Show where the organisation stands in a few large figures, or which steps were not assessed."""
    _ = instrument.words
    if not order.is_assessed:
        unasked = [step for step in order.missing if step not in order.hidden]
        said = []
        if len(unasked) == len(instrument.framework.steps):
            said.append(_("None of the steps was assessed in this wave."))
        elif unasked:
            said.append(_("Not assessed in this wave: {steps}.", steps=step_names(unasked, instrument)))
        if order.hidden:
            away = step_names(order.hidden, instrument)
            said.append(_("Hidden: {steps}.", steps=away))
        return missing(" ".join([*said, _("So there is no position in the sequence.")]))
    gate = brief(_, order.gate)
    below = (
        _("first below level {gate}", gate=gate)
        if order.start_here
        else _("all at level {gate} or above", gate=gate)
    )
    return figures(
        [
            (
                _("Position"),
                _("{position} of {steps}", position=order.position, steps=len(order.steps)),
                _("95% range {low}–{high}", low=order.position_low, high=order.position_high),
            ),
            (_("Start here"), step_names(order.start_here, instrument) or _("every step stands"), below),
            (
                _("Out of sequence"),
                _.percent(order.excess_share or 0.0),
                _(
                    "{interval} of what was built",
                    interval=shares(_, order.excess_share_low or 0.0, order.excess_share_high or 0.0),
                ),
            ),
            (
                _("Mean level"),
                _.number(order.raw or 0.0, 1),
                _(
                    "of which {level} is supported; n = {n} a step",
                    level=_.number(order.effective or 0.0, 1),
                    n=asked_of(order, _),
                ),
            ),
        ]
    )


def is_just_below(level: float, gate: float) -> bool:
    """Whether a level is below the gate and would be written as if it had reached it."""
    return level < gate <= round(level, 1)


def asked_of(order: Order, _: Words) -> str:
    """Say how many respondents stand behind the steps' levels, from the fewest to the most."""
    asked = [one.n for one in order.steps if one.n is not None]
    if not asked:
        return "–"
    low, high = min(asked), max(asked)
    return _.number(low) if low == high else f"{_.number(low)}–{_.number(high)}"


def step_names(steps: Iterable[str], instrument: Instrument) -> str:
    return ", ".join(instrument.called(step) for step in steps)


def steps(order: Order, instrument: Instrument) -> Html:
    """Show the steps in order, each with its state.

    A step holds when it and all it stands on have reached the gate. One that reached it while something
    before it has not is open below; if it runs ahead by more than the slack, it says so.
    """
    _ = instrument.words
    ahead = {one.step for one in order.steps if one.excess > 0}
    reached = {one.step for one in order.steps if one.passes}
    levels = {one.step: one.level for one in order.steps}
    ancestors = instrument.framework.ancestors
    rows = []
    for step in instrument.framework.order:
        if step in order.missing:
            state = _("hidden") if step in order.hidden else _("not assessed")
            kind = "is-missing"
        elif step in order.start_here:
            state, kind = _("start here"), "is-current"
            if is_just_below(levels[step], order.gate):
                state = _("start here, just below level {gate}", gate=brief(_, order.gate))
        elif step in reached and ancestors[step] <= reached:
            state, kind = _("holds"), "is-done"
        elif step in ahead:
            state, kind = _("ahead of its foundations"), "is-later"
        else:
            state = _("reached, on an open step") if step in reached else _("later")
            kind = "is-later"
        rows.append((instrument.called(step), state, kind))
    body = Markup("").join(
        Markup(
            '<li class="{kind}"><span>{name}</span><span class="cx-step-state">{state}</span></li>'
        ).format(kind=kind, name=name, state=state)
        for name, state, kind in rows
    )
    text = "; ".join(f"{name}: {state}" for name, state, _kind in rows)
    return Html(Markup('<ol class="cx-steps">{}</ol>').format(body), text)


def sensitivity(frame: pd.DataFrame, instrument: Instrument) -> Html | None:
    """Show the position and the start at other gates and slacks; nothing where a step was not assessed."""
    _ = instrument.words
    data = check(frame, SENSITIVITY)
    if data.empty:
        return None
    starts = [
        step_names([one for one in found.split("+") if one], instrument) for found in data["start_here"]
    ]
    return table_of(
        _("How much hangs on the convention"),
        [
            Column(_("Gate"), [_.number(one, 1) for one in data["gate"]], True),
            Column(_("Slack"), [_.number(one, 1) for one in data["slack"]], True),
            Column(_("Position"), [str(one) for one in data["position"]], True),
            Column(_("Start here"), [one or _("every step stands") for one in starts]),
            Column(
                _("Out of sequence"),
                ["" if pd.isna(one) else _.percent(one) for one in data["excess_share"]],
                True,
            ),
        ],
    )
