"""What the business case counts with: lifetime value from margin, and effort spent out of sequence.

Margin, never revenue; the timing of the first margin is always stated.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from cxlib.errors import ContractError

IN_A_YEAR: Final = "in a year"
TODAY: Final = "today"


def lifetime_value(
    margin: float,
    retention: float,
    discount: float,
    *,
    first_margin: str = IN_A_YEAR,
    acquisition: float = 0.0,
) -> float:
    """Value a customer by what is earned while the customer stays.

    Parameters
    ----------
    margin
        Margin of one customer in a year, in money: not revenue.
    retention
        Share [0–1] of customers who are still there a year later, the same every year.
    discount
        What money costs a year, as a share: 0.1 is 10 %.
    first_margin
        "in a year": m·r/(1+d−r), for customers there today whose next margin comes in a year, if they
        stay; "today": m·(1+d)/(1+d−r), for customers who bring the first one now.
    acquisition
        What it cost to win the customer, in money: taken off.

    Returns
    -------
    Money, of today.

    Raises
    ------
    ContractError
        If a share is out of range, something is no number, or the sum has no end (retention 1 without
        a discount).

    Source: Gupta & Lehmann (2003), Customers as assets, Journal of Interactive Marketing 17(1), 9–24.
    """
    for name, value in (("margin", margin), ("acquisition", acquisition)):
        if not math.isfinite(value):
            raise ContractError(f"{name} is {value}; expected a sum of money")
    if not 0 <= retention <= 1:
        raise ContractError(f"retention is {retention:g}; expected a share from 0 to 1")
    if not 0 <= discount <= 1:
        raise ContractError(f"discount is {discount:g}; expected a share from 0 to 1, such as 0.1")
    if first_margin not in (IN_A_YEAR, TODAY):
        raise ContractError(f"first_margin is {first_margin!r}; expected {IN_A_YEAR!r} or {TODAY!r}")
    lost = 1 + discount - retention
    if lost <= 0:
        raise ContractError(
            "customers who never leave, and money that costs nothing: the value has no end",
            fix="Use a retention below 1, or a discount above 0.",
        )
    earned = retention if first_margin == IN_A_YEAR else 1 + discount
    return margin * earned / lost - acquisition


@dataclass(frozen=True)
class Effort:
    """What open initiatives take, and how much of it lies on steps after *start here*.

    Attributes
    ----------
    initiatives : how many are open; `out_of_sequence` how many of them lie on later steps, `unsized` how
        many say nothing about their effort.
    days, days_out : days of work in all, and on later steps; `cost`, `cost_out` the same in money.
    share, cost_share : later of all [0–1]; `None` where there is nothing to divide.
    ids : the initiatives on later steps, in their order.
    """

    initiatives: int
    out_of_sequence: int
    unsized: int
    days: float
    days_out: float
    cost: float
    cost_out: float
    ids: tuple[str, ...]

    @property
    def share(self) -> float | None:
        return self.days_out / self.days if self.days else None

    @property
    def cost_share(self) -> float | None:
        return self.cost_out / self.cost if self.cost else None


def effort_out_of_sequence(
    open_initiatives: Iterable[tuple[str, str, float, float]],
    start_here: Collection[str],
    ancestors: Mapping[str, Collection[str]],
) -> Effort:
    """Sum what is spent on steps that stand on one which is still below the gate.

    Parameters
    ----------
    open_initiatives
        (id, step, effort [days], cost [money]) of each; NaN where nobody said.
    start_here
        The first steps below the gate, as :func:`cxlib.ordering.sequence` finds them; none where all stand.
    ancestors
        Step → every step that it stands on.

    Source: this project's method, section 4.
    """
    every = list(open_initiatives)
    later = [one for one in every if set(ancestors.get(one[1], ())) & set(start_here)]

    def total(of: list[tuple[str, str, float, float]], place: int) -> float:
        return math.fsum(float(one[place]) for one in of if not math.isnan(float(one[place])))

    return Effort(
        initiatives=len(every),
        out_of_sequence=len(later),
        unsized=sum(math.isnan(float(one[2])) for one in every),
        days=total(every, 2),
        days_out=total(later, 2),
        cost=total(every, 3),
        cost_out=total(later, 3),
        ids=tuple(one[0] for one in later),
    )
