"""Tables of what to do: recommendations in their order, a step's next moves, the described levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from cxlib.frames import SCORES, check
from cxlib.planning import AFTER, LATER, NOW, STATES, Recommendation
from cxlib.tables.html import (
    Column,
    Html,
    brief,
    listing,
    missing,
    sentences,
    small,
    table_of,
    with_interval,
)

if TYPE_CHECKING:
    from cxlib.instrument import Instrument
    from cxlib.language import Words


def recommendations(found: Sequence[Recommendation], instrument: Instrument, *, limit: int = 8) -> Html:
    """Show the next moves in their order, the first `limit` of each state, and what is deferred."""
    _ = instrument.words
    if not found:
        return missing(_("Nothing to recommend: no item that can be shown stands below a target."))
    shown = [one for state in STATES for one in [each for each in found if each.state == state][:limit]]
    left = len(found) - len(shown)
    return listing(
        _("What to do first"),
        (_("When"), _("Item"), _("Next move"), _("Days"), _("Why here")),
        [
            (
                state_name(_, one.state),
                _standing(_, one, instrument),
                small(one.action, one.who),
                _days(_, one),
                one.reason,
            )
            for one in shown
        ],
        numbers=(3,),
        note=sentences(
            _(
                "The step to start with first, then by levels to go for a day of work. Days: of the next "
                "move, and of all moves."
            ),
            _star(_, shown),
            _("{count} more are not shown.", count=_.number(left)) if left else "",
        ),
        wide=True,
    )


def _standing(_: Words, one: Recommendation, instrument: Instrument) -> str:
    """Name an item with where it stands and where it is to stand."""
    return small(
        instrument.name(one.item),
        _(
            "{level}, n = {n}",
            level=with_interval(_, one.level, one.low, one.high),
            n=_.number(one.n),
        ),
        _("target {target}", target=_.number(one.target, 1) + ("*" if one.proposed else "")),
    )


def _days(_: Words, one: Recommendation) -> str:
    return _("{next} of {all}", next=brief(_, one.move_days), all=brief(_, one.effort_days))


def state_name(_: Words, state: str) -> str:
    """Say when a recommendation's turn is, in the reader's language."""
    return {NOW: _("Now"), AFTER: _("After another"), LATER: _("Later")}[state]


def _star(_: Words, shown: Sequence[Recommendation]) -> str:
    if any(one.proposed for one in shown):
        return _("* A target proposed by the framework, not yet decided.")
    return ""


def next_moves(
    scores: pd.DataFrame,
    instrument: Instrument,
    *,
    step: str,
    recommendations: Sequence[Recommendation] | None = None,
    limit: int = 3,
) -> Html:
    """Show the next move of a step's items: from the level they reach to the one above, and the effort.

    Parameters
    ----------
    recommendations
        Those of the whole plan, for example `eng.recommendations()`: then the step's own come in their
        order, with target and reason. Without them, the weakest items come first.
    """
    if recommendations is not None:
        return _planned(recommendations, instrument, step, limit)
    _ = instrument.words
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
                    brief(_, advice.effort_days),
                    instrument.say(advice.effect),
                )
            )
    if not rows:
        return missing(
            _("No next move: the step was not assessed, is hidden, or stands at its highest level.")
        )
    return listing(
        _("Next moves"),
        (_("Item"), _("Move"), _("First action"), _("Who"), _("Days"), _("What it should change")),
        rows[:limit],
        numbers=(4,),
        note=_("Weakest items first."),
        wide=True,
    )


def _planned(found: Sequence[Recommendation], instrument: Instrument, step: str, limit: int) -> Html:
    _ = instrument.words
    id_ = instrument.step(step).id
    every = [one for one in found if one.step == id_]
    if not every:
        return missing(
            _("No next move: no item of this step that can be shown stands below its target with advice.")
        )
    shown = every[:limit]
    left = len(every) - len(shown)
    return listing(
        _("Next moves"),
        (
            _("Item"), _("Move"), _("First action"), _("Days"), _("What it should change"), _("Why here"),
        ),
        [
            (
                _standing(_, one, instrument),
                one.move.replace("→", " → "),
                small(one.action, one.who),
                _days(_, one),
                one.effect,
                one.reason,
            )
            for one in shown
        ],
        numbers=(3,),
        note=sentences(
            _("Ranked by levels to go for a day of work; days: next move, of all moves."),
            _star(_, shown),
            _("{count} more are not shown.", count=_.number(left)) if left else "",
        ),
        wide=True,
    )  # fmt: skip


def described_levels(instrument: Instrument, *, step: str) -> Html:
    """Show what each level of each item looks like: the words by which it is assessed."""
    _ = instrument.words
    items = [item for item in instrument.step(step).items if item.levels]
    if not items:
        return missing(_("The items of this step have no described levels."))
    size = max(len(item.levels) for item in items)
    said = [
        [instrument.say(level) for level in item.levels] + [""] * (size - len(item.levels)) for item in items
    ]
    columns = [
        Column(_("Item"), [instrument.say(item.topic) for item in items]),
        *(Column(str(level + 1), [one[level] for one in said]) for level in range(size)),
    ]
    return table_of(_("What good looks like"), columns, wide=True)
