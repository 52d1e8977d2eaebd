"""The sequence: how far an organisation has come in order, where to start, and what stands on too little.

Gate, slack and the default chain are conventions: reports show the result at several of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cxlib.errors import ContractError
from cxlib.frames import SCORES, SENSITIVITY, check

if TYPE_CHECKING:
    import pandas as pd

    from cxlib.framework import Framework

GATE = 3.0
SLACK = 0.5
DRAWS = 2000
# Gate and slack are conventions, so a reader sees what others would give.
GATES = (2.5, 3.0, 3.5)
SLACKS = (0.0, 0.5, 1.0)


@dataclass(frozen=True)
class StepOrder:
    """One step in the sequence: its level, what of it is supported, and what is excess.

    `low`…`high` is the 95 % interval of the level; levels are 1–5; `n` is how many respondents stand behind
    it, where that is known.
    """

    step: str
    level: float
    low: float
    high: float
    passes: bool
    effective: float
    excess: float
    n: int | None = None


@dataclass(frozen=True)
class Sequence:
    """Where an organisation stands in the order of the steps.

    Attributes
    ----------
    steps : one :class:`StepOrder` a step, each after those it stands on.
    missing : steps without a level; then there is no position, start or index.
    hidden : those of them that were assessed, but not by enough staff of the same roles to show.
    position : steps passed whose ancestors all pass too.
    start_here : the first steps below the gate whose ancestors all pass.
    excess_share : out-of-sequence index, the share 0–1 of what was built that stands on less;
        `None` where every step is at level 1.
    raw, effective : mean level of the steps, as scored and as supported.
    """

    steps: tuple[StepOrder, ...]
    missing: tuple[str, ...]
    hidden: tuple[str, ...]
    gate: float
    slack: float
    position: int | None
    position_low: int | None
    position_high: int | None
    start_here: tuple[str, ...]
    excess_share: float | None
    excess_share_low: float | None
    excess_share_high: float | None
    raw: float | None
    effective: float | None

    @property
    def is_assessed(self) -> bool:
        return not self.missing


def sequence(
    scores: pd.DataFrame | Mapping[str, float],
    framework: Framework | Mapping[str, frozenset[str]],
    *,
    gate: float = GATE,
    slack: float = SLACK,
) -> Sequence:
    """Read the sequence from the levels of the steps.

    Parameters
    ----------
    scores
        SCORES frame with one row a step (the staff's, see :func:`cxlib.scoring.scores`), or levels 1–5
        by step id, which then have no interval.
    framework
        The framework, or its ancestors: step id → ids of all steps it stands on, in order.
    gate
        g, the level that counts as passed.
    slack
        δ, how far a step may run ahead of its weakest ancestor before it counts as excess.

    Returns
    -------
    With position and index as 95 % ranges of seeded draws from each step's interval; a wave that lacks
    a step gets no position.

    Raises
    ------
    ContractError
        If a step has two scores, or a score no step.

    Source: this project's method, section 4. Levels 2.1 2.5 1.8 3.6 3.9 4.2 2.0 in a chain →
    position 0, start at the first, index .366, 2.87 raw, 2.19 effective.
    """
    ancestors = framework if isinstance(framework, Mapping) else framework.prerequisites
    levels, lows, highs = _levels(scores, framework)
    asked = _respondents(scores)
    if unknown := set(levels) - set(ancestors):
        raise ContractError(f"scores for unknown steps: {', '.join(sorted(unknown))}")
    order = list(ancestors)
    missing = tuple(step for step in order if math.isnan(levels.get(step, math.nan)))
    if missing:
        return Sequence(
            tuple(
                StepOrder(
                    step,
                    levels[step],
                    lows[step],
                    highs[step],
                    levels[step] >= gate,
                    math.nan,
                    math.nan,
                    asked.get(step),
                )
                for step in order
                if step not in missing
            ),
            missing,
            tuple(step for step in missing if step in levels),
            gate,
            slack,
            None,
            None,
            None,
            (),
            None,
            None,
            None,
            None,
            None,
        )
    above = [np.array([order.index(one) for one in ancestors[step]], dtype=int) for step in order]
    m = np.array([levels[step] for step in order], dtype=float)
    read = _read(m[None, :], above, gate, slack)
    drawn = _read(
        _draws(m, np.array([lows[s] for s in order]), np.array([highs[s] for s in order])), above, gate, slack
    )
    position, index = int(read.position[0]), float(read.index[0])
    ends = np.quantile(drawn.position, [0.025, 0.975], method="nearest")
    shares = drawn.index[~np.isnan(drawn.index)]
    index_low, index_high = np.quantile(shares, [0.025, 0.975]) if len(shares) else (math.nan, math.nan)
    passes = m >= gate
    return Sequence(
        steps=tuple(
            StepOrder(
                step,
                float(m[i]),
                lows[step],
                highs[step],
                bool(passes[i]),
                float(read.effective[0, i]),
                float(read.excess[0, i]),
                asked.get(step),
            )
            for i, step in enumerate(order)
        ),
        missing=(),
        hidden=(),
        gate=gate,
        slack=slack,
        position=position,
        position_low=min(position, int(ends[0])),
        position_high=max(position, int(ends[1])),
        start_here=tuple(step for i, step in enumerate(order) if not passes[i] and passes[above[i]].all()),
        excess_share=None if math.isnan(index) else index,
        excess_share_low=None if math.isnan(index) else min(index, float(index_low)),
        excess_share_high=None if math.isnan(index) else max(index, float(index_high)),
        raw=float(m.mean()),
        effective=float(read.effective[0].mean()),
    )


def sensitivity(
    scores: pd.DataFrame | Mapping[str, float],
    framework: Framework | Mapping[str, frozenset[str]],
    *,
    gates: tuple[float, ...] = GATES,
    slacks: tuple[float, ...] = SLACKS,
) -> pd.DataFrame:
    """Read the sequence at several gates and slacks, to see what hangs on the convention.

    Returns
    -------
    SENSITIVITY frame, a row a setting; empty where a step has no level.

    Source: this project's method, section 4.
    """
    import pandas as pd

    found = [sequence(scores, framework, gate=gate, slack=slack) for gate in gates for slack in slacks]
    rows = [
        (one.gate, one.slack, one.position, "+".join(one.start_here), one.excess_share)
        for one in found
        if one.is_assessed
    ]
    out = pd.DataFrame(rows, columns=SENSITIVITY.names())
    kinds = {"gate": "float64", "slack": "float64", "position": "int64", "start_here": "str"}
    return check(out.astype({**kinds, "excess_share": "float64"}), SENSITIVITY)


@dataclass(frozen=True)
class _Reading:
    """The sequence of many sets of levels at once; arrays (draws,) or (draws × steps)."""

    position: np.ndarray
    index: np.ndarray
    effective: np.ndarray
    excess: np.ndarray


def _read(m: np.ndarray, above: list[np.ndarray], gate: float, slack: float) -> _Reading:
    passes = m >= gate
    position = np.zeros(len(m), dtype=int)
    effective, excess = m.copy(), np.zeros_like(m)
    for i, ancestors in enumerate(above):
        position += passes[:, i] & passes[:, ancestors].all(axis=1)
        if len(ancestors):
            floor = m[:, ancestors].min(axis=1) + slack
            effective[:, i] = np.minimum(m[:, i], floor)
            excess[:, i] = np.maximum(0, m[:, i] - floor)
    built = (m - 1).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        index = np.where(built > 0, excess.sum(axis=1) / built, np.nan)
    return _Reading(position, index, effective, excess)


def _draws(m: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Draw levels as normals as wide as their intervals, clipped to 1–5.

    The interval of a step comes from the respondents' moments and holds how its items move together;
    a bootstrap of the items' counts would lose that and be too narrow.
    """
    spread = np.nan_to_num((high - low) / (2 * 1.959964))
    rng = np.random.Generator(np.random.PCG64(len(m)))
    out: np.ndarray = np.clip(m + rng.standard_normal((DRAWS, len(m))) * spread, 1, 5)
    return out


def _respondents(scores: pd.DataFrame | Mapping[str, float]) -> dict[str, int]:
    """Return how many stand behind each step's score, where it is one of a frame and visible."""
    if isinstance(scores, Mapping):
        return {}
    steps = scores[(scores["kind"] == "step") & scores["n"].notna()]
    if "cut" in steps and (steps["cut"] == "").any():
        steps = steps[steps["cut"] == ""]
    return dict(zip(steps["id"], steps["n"].astype(int), strict=True))


def _levels(
    scores: pd.DataFrame | Mapping[str, float], framework: Framework | Mapping[str, frozenset[str]]
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    if isinstance(scores, Mapping):
        return dict(scores), dict(scores), dict(scores)
    steps = check(scores, SCORES)
    steps = steps[steps["kind"] == "step"]
    if "cut" in steps and (steps["cut"] == "").any():
        steps = steps[steps["cut"] == ""]
    if steps["id"].duplicated().any():
        raise ContractError(
            "a step has more than one score; the sequence is read from one group",
            fix="Pass the scores of one group, for example eng.scores().",
        )
    # The order is the staff's: a step scored by customers alone, or by other roles than the rest, has no
    # level here. Customers are shown beside it.
    customers = set() if isinstance(framework, Mapping) else _customers(framework)
    alone = [bool(parts) and set(parts.split("+")) <= customers for parts in steps["parts"]]
    by_staff = ~np.array(alone, dtype=bool)
    usual = steps.loc[by_staff & steps["mean"].notna(), "parts"].mode()
    steps = steps.copy()
    steps.loc[~by_staff | (len(usual) > 0 and steps["parts"] != usual[0]), ["mean", "low", "high"]] = math.nan
    read = steps.set_index("id")
    return tuple(  # type: ignore[return-value]
        {str(step): float(value) for step, value in read[column].astype(float).items()}
        for column in ("mean", "low", "high")
    )


def _customers(framework: Framework) -> set[str]:
    return {role.id for role in framework.roles if role.kind == "customer"}
