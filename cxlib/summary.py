"""The summary page: where a client stands, the three findings that matter, the three actions to begin with.

It chooses; it computes no figure of its own. A finding has to be confirmed to be chosen, and that at the
stricter rate of `RATE`; a summary with nothing to choose from says that nothing stands out, and one of
answers that are all hidden, that there are too few to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cxlib.contrasts import RATE as FAMILY_RATE
from cxlib.planning import AFTER, NOW

if TYPE_CHECKING:
    from cxlib.findings import Finding
    from cxlib.ordering import Sequence as Order
    from cxlib.planning import Recommendation

# What a board has to know first. Work out of sequence is wasted whatever else is true; leaders who are not
# believed cannot mend it; a promise that customers do not see kept is what they leave for. Splits come before
# differences of view, which every organisation has, and change before units, which are compared last.
FIRST: Final = ("pair", "say_do", "delivery", "split", "change", "perception", "unit")
MOST: Final = 3
# The page chooses from every family at once. Seven that each report something by chance once in twenty times
# would make a page with something on it once in four, so the families share the page's rate (Bonferroni).
RATE: Final = FAMILY_RATE / len(FIRST)


@dataclass(frozen=True)
class Summary:
    """What stands on the first page.

    `order` says where the organisation stands; `findings` and `actions` are at most three each. `compared`
    counts the comparisons that could be made, `confirmed` those confirmed within their family: with none of
    the first nothing can be said, and some of the second may be left to the pages that follow.
    """

    order: Order
    findings: tuple[Finding, ...]
    actions: tuple[Recommendation, ...]
    compared: int
    confirmed: int


def summarise(order: Order, findings: Iterable[Finding], actions: Sequence[Recommendation]) -> Summary:
    """Choose what a reader with two minutes has to know.

    Parameters
    ----------
    findings
        All comparisons of the wave; only those are chosen whose p, adjusted for their family, is within
        `RATE`.
    actions
        Recommendations in their order: those to do now come first, deferred ones are never chosen.

    Returns
    -------
    One finding a family in the order of `FIRST`, each the one whose figure is furthest from nothing even at
    the near end of its interval; pairs of steps, which all rest on the same staff, by their figure alone, so
    that page and picture name the same step. Where fewer than three families found anything, the next best
    of them that are about something else.
    """
    made = list(findings)
    confirmed = sorted(
        (one for one in made if one.is_confirmed and one.p <= RATE),
        key=lambda one: (FIRST.index(one.family), -_reach(one), one.p),
    )
    chosen: list[Finding] = []
    for one in confirmed:
        if one.family not in {other.family for other in chosen}:
            chosen.append(one)
    for one in confirmed:
        if one not in chosen and not any(
            one.family == other.family and set(one.about) & set(other.about) for other in chosen
        ):
            chosen.append(one)
    first = [one for one in actions if one.state == NOW] or [one for one in actions if one.state == AFTER]
    return Summary(
        order, tuple(chosen[:MOST]), tuple(first[:MOST]), len(made), sum(one.is_confirmed for one in made)
    )


def _reach(found: Finding) -> float:
    """Return how far a figure is from nothing: that of a pair itself, of others the nearer end."""
    if found.family == "pair":
        return abs(found.value)
    return 0.0 if found.low <= 0 <= found.high else min(abs(found.low), abs(found.high))
