"""What if: a reader moves a step's level, and the sequence answers by the method of the report itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from cxlib import charts, ordering, tables
from cxlib.forms.showing import Shown, at_rest, guarded, wide
from cxlib.tables.html import Html, figures, said
from cxlib.tables.ordered import step_names

if TYPE_CHECKING:
    from cxlib.engagement import Engagement
    from cxlib.ordering import Sequence as Order

LOWEST, HIGHEST, STEP = 1.0, 5.0, 0.1


def sliders(named: Mapping[str, tuple[str, float, float, float, float]]) -> dict[str, widgets.FloatSlider]:
    """Make sliders of id → name, value, lowest, highest, step: of levels here, of assumptions elsewhere."""
    return {
        id_: widgets.FloatSlider(
            value=value, min=low, max=high, step=step, description=name, readout_format=".1f",
            continuous_update=True, layout=wide(), style={"description_width": "14rem"},
        )
        for id_, (name, value, low, high, step) in named.items()
    }  # fmt: skip


def value_of(slider: widgets.FloatSlider, low: float, high: float, otherwise: float) -> float:
    """Return what a slider is set to, within its ends, whatever a page wrote into it."""
    value = slider.value
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return otherwise
    return min(max(float(value), low), high)


def what_if(eng: Engagement) -> widgets.VBox | Html:
    """Move the levels of the steps and see position, start, effective maturity and out-of-sequence index.

    Nothing is kept, and what was measured stays as it is.
    """
    _ = eng.words
    today = ordering.sequence(eng.step_scores(), eng.framework)
    if not today.is_assessed:
        return tables.standing(today, eng.instrument)
    levels = {one.step: one.level for one in today.steps}
    made = sliders(
        {id_: (eng.instrument.called(id_), level, LOWEST, HIGHEST, STEP) for id_, level in levels.items()}
    )
    numbers, picture = Shown(eng), Shown(eng)
    back = widgets.Button(description=_("As it is today"))

    def asked() -> dict[str, float]:
        # Untouched, a level is the exact one that was measured: a slider stands at its nearest tenth.
        set_to = {id_: value_of(one, LOWEST, HIGHEST, levels[id_]) for id_, one in made.items()}
        return {
            id_: levels[id_] if abs(value - levels[id_]) < STEP / 2 + 1e-9 else value
            for id_, value in set_to.items()
        }

    # Figures at once, the chart when the slider rests: drawing takes a hundred times as long as the sequence.
    show_numbers = guarded(numbers, lambda: answered(eng, today, asked()))
    show_picture = guarded(picture, lambda: [drawn(eng, today, asked())])

    def show(*_args: Any) -> None:
        show_numbers()
        at_rest(show_picture)

    def reset(*_args: Any) -> None:
        for id_, one in made.items():
            one.value = levels[id_]

    for one in made.values():
        one.observe(show, names="value")
    back.on_click(reset)
    show_numbers()
    show_picture()
    return widgets.VBox([numbers.widget, *made.values(), back, picture.widget])


def answered(eng: Engagement, today: Order, levels: Mapping[str, float]) -> list[Any]:
    """Return what the sequence says to levels [1–5] of all steps, beside what it says today."""
    _ = eng.words
    then = ordering.sequence(levels, eng.framework)
    count = len(then.steps)

    def as_today(text: str) -> str:
        return _("today {value}", value=text)

    large = figures(
        [
            (
                _("Position"),
                _("{position} of {steps}", position=then.position, steps=count),
                as_today(_("{position} of {steps}", position=today.position, steps=count)),
            ),
            (
                _("Start here"),
                step_names(then.start_here, eng.instrument) or _("every step stands"),
                as_today(step_names(today.start_here, eng.instrument) or _("every step stands")),
            ),
            (
                _("Effective maturity"),
                _.number(then.effective or 0.0, 1),
                as_today(_.number(today.effective or 0.0, 1)),
            ),
            (
                _("Out of sequence"),
                _.percent(then.excess_share or 0.0),
                as_today(_.percent(today.excess_share or 0.0)),
            ),
        ]
    )
    return [said(_sentence(eng, today, then)), large]


def drawn(eng: Engagement, today: Order, levels: Mapping[str, float]) -> Any:
    """Draw the sequence of levels [1–5] that somebody tried."""
    then = ordering.sequence(levels, eng.framework)
    chart = charts.sequence(then, eng.instrument, source=eng.words("What if, not measured"))
    # Its own summary speaks of ranges and respondents; what is tried has neither.
    return replace(chart, summary=_sentence(eng, today, then)) if isinstance(chart, charts.Figure) else chart


def _sentence(eng: Engagement, today: Order, then: Order) -> str:
    _ = eng.words
    moved = [
        eng.instrument.called(new.step)
        for old, new in zip(today.steps, then.steps, strict=True)
        if abs(old.level - new.level) > 1e-9
    ]
    if not moved:
        return _("This is how it stands today. Move a step, and what follows from it is worked out anew.")
    start = step_names(then.start_here, eng.instrument) or _("no step")
    return _(
        "If {steps} stood so, {position} of {total} steps would hold and work would start with {start}. Of "
        "mean level {raw}, {effective} would be supported by what comes before.",
        steps=_.listed(moved), position=then.position, total=len(then.steps), start=start,
        raw=_.number(then.raw or 0.0, 1), effective=_.number(then.effective or 0.0, 1),
    )  # fmt: skip
