"""What to do first: the next move of every item short of its target, in an order that can be explained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cxlib.frames import SCORES, check
from cxlib.instrument import Instrument
from cxlib.language import Words
from cxlib.ordering import Sequence

if TYPE_CHECKING:
    import pandas as pd

    from cxlib.framework.content import Item

NOW, AFTER, LATER = "now", "after", "later"
STATES: Final = (NOW, AFTER, LATER)


@dataclass(frozen=True)
class Recommendation:
    """The next move of one item: what to do, why now or why not yet.

    Attributes
    ----------
    item, step : ids.
    state : `now`; `after`, where another item of the same plan has to come first; `later`, where the step
        stands on one that is still below the gate: deferred, and said to be.
    level, low, high : where the item stands, 1–5, with its 95 % interval.
    n : people who answered it.
    target : where it is to stand, and `proposed` if that is the framework's proposal.
    gap : levels from here to there.
    effort_days : days of work for all moves up to the target; `move_days` of them for the next one.
    gain : gap ÷ effort, levels a day: what the order follows within a state, after *start here*.
    move : the next move, for example "2→3".
    action, who, effect : from the framework's advice.
    reason : why it stands where it stands.
    """

    item: str
    step: str
    state: str
    level: float
    low: float
    high: float
    n: int
    target: float
    proposed: bool
    gap: float
    effort_days: float
    move_days: float
    gain: float
    move: str
    action: str
    who: str
    effect: str
    reason: str


def recommendations(
    scores: pd.DataFrame,
    order: Sequence,
    instrument: Instrument,
    targets: Mapping[str, float] | None = None,
) -> tuple[Recommendation, ...]:
    """Rank what can be done by gap ÷ effort, the step to start with first.

    Parameters
    ----------
    scores
        SCORES frame of one group, for example `eng.scores()`; hidden and unasked items are left out.
    order
        The sequence read from the same scores: it says which steps are open to work on.
    targets
        Level by step or item id, as decided; where none was, the framework's proposal for the step.

    Returns
    -------
    Only items below their target that the framework has advice for: those to do now, then those that wait
    for one of them, then those of later steps. Within each, what belongs to *start here* comes before all
    else, however cheap the rest is; then the higher gain comes first.

    Source: this project's method, section 4 and issue text; gap ÷ effort is a plain ratio, not a forecast.
    """
    data = check(scores, SCORES)
    data = data[(data["kind"] == "item") & data["mean"].notna()]
    level = {str(row.id): (float(row.mean), float(row.low), float(row.high)) for row in data.itertuples()}
    people = {str(id_): int(n) for id_, n in zip(data["id"], data["n"], strict=True)}
    below = {one.step for one in order.steps if not one.passes} | set(order.missing)
    made = [
        found
        for id_, (mean, low, high) in level.items()
        if id_ in instrument.framework.items
        and (
            found := _recommend(
                id_, mean, low, high, people[id_], order, below, level, instrument, targets or {}
            )
        )
    ]
    rank = {id_: place for place, id_ in enumerate(instrument.framework.items)}
    return tuple(
        sorted(
            made,
            key=lambda one: (
                STATES.index(one.state), one.step not in order.start_here, -one.gain, rank[one.item],
            ),
        )
    )  # fmt: skip


def _recommend(
    id_: str,
    mean: float,
    low: float,
    high: float,
    n: int,
    order: Sequence,
    below: set[str],
    level: Mapping[str, tuple[float, float, float]],
    instrument: Instrument,
    targets: Mapping[str, float],
) -> Recommendation | None:
    framework, say, _ = instrument.framework, instrument.say, instrument.words
    item = framework.items[id_]
    step = framework.step(framework.step_of[id_])
    proposed = step.target.level if step.target else math.nan
    target = targets.get(id_, targets.get(step.id, proposed))
    at = min(max(int(mean), 1), len(item.advice))
    if not item.advice or math.isnan(target) or target <= mean:
        return None
    days = _days(item, mean, target)
    advice = item.advice[at - 1]
    open_steps = [one for one in framework.order if one in framework.ancestors[step.id] and one in below]
    waits = [
        one for one in item.requires if level.get(one.item, (math.inf,))[0] < order.gate and one.item != id_
    ]
    gap = target - mean
    if open_steps:
        state = LATER
        reason = _(
            "Deferred: {step} stands on {open}, not yet at level {gate}.",
            step=say(step.name),
            open=_.listed([say(framework.step(one).name) for one in open_steps]),
            gate=_short(_, order.gate),
        )
    elif waits:
        state = AFTER
        names = _.listed([_("“{item}”", item=instrument.name(one.item)) for one in waits])
        reason = _("After {items}: {because}", items=names, because=say(waits[0].because))
    else:
        state = NOW
        facts = {
            "step": say(step.name), "gap": _.number(gap, 1),
            "first": _short(_, advice.effort_days), "days": _short(_, days),
        }  # fmt: skip
        reason = (
            _("{step}: where to start. First move {first} of {days} days; {gap} levels to go.", **facts)
            if step.id in order.start_here
            else _(
                "{step}: everything it stands on holds. First move {first} of {days} days; {gap} levels to "
                "go.",
                **facts,
            )
        )
    if low <= target <= high:
        reason += " " + _("The interval holds the target: it may be there already.")
    return Recommendation(
        item=id_, step=step.id, state=state, level=mean, low=low, high=high, n=n, target=target,
        proposed=id_ not in targets and step.id not in targets,
        gap=gap, effort_days=days, move_days=advice.effort_days, gain=gap / days,
        move=f"{at}→{at + 1}", action=say(advice.action), who=say(advice.who), effect=say(advice.effect),
        reason=reason,
    )  # fmt: skip


def _short(_: Words, value: float) -> str:
    """Write a number with as many decimals as it has, two at the most."""
    digits = next((at for at in (0, 1) if math.isclose(value, round(value, at), abs_tol=5e-4)), 2)
    return _.number(value, digits)


def _days(item: Item, mean: float, target: float) -> float:
    """Add up the work of every move from the level reached to the one that holds the target."""
    first = min(max(int(mean), 1), len(item.advice))
    last = min(max(math.ceil(target), first + 1), len(item.advice) + 1)
    return float(sum(advice.effort_days for advice in item.advice[first - 1 : last - 1]))
