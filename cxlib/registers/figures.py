"""The figures that the tables of the registers show, as plain data: what `results.json` holds of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from cxlib import journey
from cxlib.economics import IN_A_YEAR, TODAY, Effort, effort_out_of_sequence, lifetime_value
from cxlib.errors import ContractError
from cxlib.registers import Assumption, Registers

# What a lifetime value takes, by the ids of the assumptions; the last is optional.
MARGIN, RETENTION, DISCOUNT, ACQUISITION = (
    "annual_margin", "annual_retention", "annual_discount", "acquisition_cost",
)  # fmt: skip
_PERCENT: Final = frozenset({"%", "percent", "per cent", "prozent"})


@dataclass(frozen=True)
class Values:
    """A customer's lifetime value by the timing of the first margin, or why there is none.

    `missing` names the assumptions that are not there; `fault` says what is wrong with those that are.
    """

    by_timing: Mapping[str, float] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    fault: str = ""
    has_acquisition: bool = False


def values_of(assumptions: Mapping[str, Assumption]) -> Values:
    """Compute a customer's lifetime value from the assumptions; see `cxlib.economics`."""
    absent = tuple(one for one in (MARGIN, RETENTION, DISCOUNT) if one not in assumptions)
    if absent:
        return Values(missing=absent)
    margin, retention, discount = (_plain(assumptions[one]) for one in (MARGIN, RETENTION, DISCOUNT))
    cost = assumptions[ACQUISITION].value if ACQUISITION in assumptions else 0.0
    try:
        found = {
            timing: lifetime_value(margin, retention, discount, first_margin=timing, acquisition=cost)
            for timing in (IN_A_YEAR, TODAY)
        }
    except ContractError as error:
        return Values(fault=error.headline)
    return Values(found, has_acquisition=ACQUISITION in assumptions)


def _plain(one: Assumption) -> float:
    return one.value / 100 if one.unit.casefold().split(" of ")[0].strip() in _PERCENT else one.value


def effort_of(
    registers: Registers, start_here: Collection[str], ancestors: Mapping[str, Collection[str]]
) -> Effort:
    """Sum the effort of what is open; see :func:`cxlib.economics.effort_out_of_sequence`."""
    data = registers["initiatives"]
    data = data[data["status"].isin(journey.OPEN)]
    rows = data[["id", "step", "effort_days", "cost"]].itertuples(index=False, name=None)
    return effort_out_of_sequence(rows, start_here, ancestors)


def figures(
    registers: Registers,
    start_here: Collection[str] | None,
    ancestors: Mapping[str, Collection[str]],
    day: str | None,
) -> dict[str, Any]:
    """Return every figure that the tables work out from the registers, as plain data.

    Parameters
    ----------
    start_here
        The first steps below the gate; None where there is no position in the sequence.
    day
        The day at which something is overdue, that of the wave.
    """
    parts = [registers[name] for name in ("promises", "standards", "measures")]
    places = registers["touchpoints"]
    lint = journey.lint(parts[1], parts[2])
    made = journey.actions(registers["initiatives"], day)
    effort = None if start_here is None else effort_of(registers, start_here, ancestors)
    worth = values_of(registers.assumptions)
    return {
        "touchpoints": {
            "count": len(places),
            "indirect": int((places["contact"] == "indirect").sum()),
            "unowned": places.loc[places["owner"] == "", "id"].tolist(),
        },
        "promises": {
            "count": len(parts[0]),
            "emotional": int((parts[0]["half"] == "emotional").sum()),
            "without_touchpoint": parts[0].loc[parts[0]["touchpoint"] == "", "id"].tolist(),
        },
        "standards": {
            "count": len(parts[1]),
            "sound": len(parts[1]) - lint["standard"].nunique(),
            "vague": int((lint["fault"] == "vague").sum()),
            "faults": lint.to_dict("records"),
        },
        "loose_ends": journey.loose_ends(*parts),
        "measures": journey.measure_states(parts[2], registers["observations"]).to_dict("records"),
        "actions": {
            "count": len(made),
            "open": int(made["is_open"].sum()),
            "overdue": {one.id: int(one.days_overdue) for one in made[made["days_overdue"] > 0].itertuples()},
            "closed_loop_days": journey.closed_loop_days(made),
            "raised_by": journey.raised_by(made),
        },
        "effort": effort and {**asdict(effort), "share": effort.share, "cost_share": effort.cost_share},
        "lifetime_value": dict(worth.by_timing),
    }
