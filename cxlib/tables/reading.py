"""Blocks that help a reader: how to read the scores, and what to do where a table is still empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from cxlib.ordering import GATE, SLACK
from cxlib.stats import CONFIDENCE
from cxlib.tables.html import Html, brief, terms

if TYPE_CHECKING:
    from cxlib.instrument import Instrument

LOWEST, HIGHEST = 1, 5


def how_to_read(instrument: Instrument, *, threshold: int | None = None) -> Html:
    """Say how to read a level, an interval, agreement, the gated level, and the word hidden.

    Parameters
    ----------
    threshold
        The smallest group shown, `eng.facts.threshold_scores`.
    """
    _ = instrument.words
    small = (
        _("Too few people to be shown, or a figure from which theirs could be worked out. It is not zero.")
        if threshold is None
        else _(
            "Fewer than {threshold} people, or a figure from which theirs could be worked out. It is not "
            "zero.",
            threshold=_.number(threshold),
        )
    )
    return terms(
        "cx-reading",
        [
            (
                _("Level"),
                _(
                    "Each item is answered on levels from {low} to {high}, each described in words that a "
                    "visitor could ask to be shown. Level {gate} is the gate: from there on a step can bear "
                    "the next.",
                    low=_.number(LOWEST),
                    high=_.number(HIGHEST),
                    gate=brief(_, GATE),
                ),
            ),
            (
                _("{share} interval", share=_.percent(CONFIDENCE)),
                _(
                    "Another set of people of the same kind would give another figure. An interval made this "
                    "way holds the true one {times} times in 100. Two that overlap widely do not show a "
                    "difference.",
                    times=_.number(100 * CONFIDENCE),
                ),
            ),
            (
                _("n"),
                _("The number of people who answered. The fewer they are, the wider the interval."),
            ),
            (
                _("Agreement"),
                _(
                    "Van der Eijk's A: 1 where all choose the same level, 0 where all are equally frequent, "
                    "−1 where people stand in two camps at the ends. A mean alone hides that."
                ),
            ),
            (
                _("Gated level"),
                _(
                    "The highest level that every item of a step reaches, half a level's tolerance allowed: "
                    "an item at 2.5 counts as 3, so this may stand above the mean by as much. A mean can "
                    "hide a weak item; this cannot."
                ),
            ),
            (
                _("Sequence"),
                _(
                    "A step stands on those before it. More than {slack} levels above the weakest of them, "
                    "it runs ahead: what is built there rests on too little.",
                    slack=brief(_, SLACK),
                ),
            ),
            (
                _("Target"),
                _("An open mark, with a star where the framework proposes it and nobody has decided yet."),
            ),
            (_("hidden"), small),
        ],
    )


def empty(what: str, why: str, how: str, instrument: Instrument, *, command: str = "") -> Html:
    """Say what is still missing, why it matters, and how to add it.

    Parameters
    ----------
    command
        What to type, shown as it is typed.
    """
    _ = instrument.words
    last = Markup("{} <code>{}</code>").format(how, command) if command else how
    return terms(
        "cx-empty",
        [(_("What is missing"), what), (_("Why it matters"), why), (_("How to add it"), last)],
    )
