"""Units and weights: rank small groups without being led by luck, and weight answers to known margins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats as distributions

from cxlib.errors import ContractError
from cxlib.stats import normal_reach

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SETTLED = 1e-10
ROUNDS = 1000


@dataclass(frozen=True)
class Shrunken:
    """A unit's mean, drawn towards the mean of all by how little it says.

    Attributes
    ----------
    value, low, high : the shrunken mean with its 95 % interval.
    rank : by shrunken mean, 1 the highest; units that cannot be told apart share one.
    raw, raw_rank : as it came out.
    weight : share 0–1 of the raw mean in the shrunken one.
    """

    value: float
    low: float
    high: float
    rank: int
    raw: float
    raw_rank: int
    weight: float


def shrink(
    n: Sequence[int] | Ints, mean: Sequence[float] | Floats, variance: Sequence[float] | Floats
) -> tuple[Shrunken, ...]:
    """Shrink unit means towards the mean of all, empirical Bayes.

    Parameters
    ----------
    n, mean, variance
        (units,) respondents (2 or more), their mean, and the sample variance between them.

    Returns
    -------
    B_g = τ²/(τ² + MSW/n_g) of the unit's own mean and the rest of the mean of all, with
    τ² = max(0, (MSB − MSW)/n₀).
    The interval also holds what is not known of the mean of all and of τ².

    Raises
    ------
    ContractError
        For fewer than three units, or one of fewer than two respondents.

    Sources: Efron & Morris 1975, Journal of the American Statistical Association 70, 311–319; interval:
    Morris 1983, JASA 78, 47–55, equation 1.17; τ² by analysis of variance, Searle, Casella & McCulloch 1992,
    chapter 3.
    """
    size, raw, within = (np.asarray(one, dtype=float) for one in (n, mean, variance))
    units = len(size)
    if units < 3 or (size < 2).any():
        raise ContractError("shrinking needs three units of two respondents or more")
    total = size.sum()
    msw = float((size - 1) @ within) / (total - units)
    grand = float(size @ raw) / total
    msb = float(size @ (raw - grand) ** 2) / (units - 1)
    n0 = (total - float(size @ size) / total) / (units - 1)
    tau2 = max(0.0, (msb - msw) / n0)
    sampling = msw / size
    spread = tau2 + sampling
    if not spread.min() > 0:
        # Everyone in every unit answered alike: nothing to shrink, and nothing to be unsure of but n.
        sampling = spread = np.full(units, 1e-12)
    centre = float((raw / spread).sum() / (1 / spread).sum())
    pull = sampling / spread
    value = centre + (1 - pull) * (raw - centre)
    unsure = 2 / max(units - 3, 1) * pull**2 * (float(spread.mean()) / spread) * (raw - centre) ** 2
    variance_of = sampling * (1 - (units - 1) / units * pull) + unsure
    reach = normal_reach() * np.sqrt(variance_of)
    ranks, raw_ranks = (
        distributions.rankdata(-np.round(one, 12), method="min").astype(int) for one in (value, raw)
    )
    return tuple(
        Shrunken(
            float(value[at]), float(value[at] - reach[at]), float(value[at] + reach[at]), int(ranks[at]),
            float(raw[at]), int(raw_ranks[at]), float(1 - pull[at]),
        )
        for at in range(units)
    )  # fmt: skip


@dataclass(frozen=True)
class Raked:
    """Weights that make a sample meet known margins.

    Attributes
    ----------
    weights : weight of a respondent by cell, of the shape of the counts; 0 in an empty cell; mean 1.
    n_effective : (Σw)²/Σw² over respondents: how many unweighted answers say as much.
    trimmed : respondents whose weight was cut; then the margins are met less closely.
    rounds : rounds until nothing changed any more.
    """

    weights: Floats
    n_effective: float
    trimmed: int
    rounds: int


def rake(
    counts: Ints | Sequence[object],
    margins: Sequence[tuple[int, Sequence[float]]],
    *,
    trim: float | None = None,
) -> Raked:
    """Rake counts to known margins by iterative proportional fitting, until no weight moves by 1e-10.

    Parameters
    ----------
    counts
        Respondents by cell, one axis a dimension.
    margins
        (axis, people along it) for each known margin; they must sum to the same.
    trim
        The largest weight allowed, in means; by default none.

    Raises
    ------
    ContractError
        If a margin has people where nobody answered, margins disagree, or the weights do not settle.

    Source: Deming & Stephan 1940, Annals of Mathematical Statistics 11, 427–444; n_eff: Kish 1965.
    """
    found = np.asarray(counts, dtype=float)
    aims = [(axis, np.asarray(target, dtype=float)) for axis, target in margins]
    _check_margins(found, aims)
    fitted = found.copy()
    weights = np.where(found > 0, 1.0, 0.0)
    rounds = 0
    while True:
        rounds += 1
        if rounds > ROUNDS:
            raise _unsettled(f"the weights do not settle in {ROUNDS} rounds")
        for axis, target in aims:
            others = tuple(one for one in range(found.ndim) if one != axis)
            along = fitted.sum(axis=others)
            ratio = np.divide(target, along, out=np.zeros_like(target), where=along > 0)
            fitted = fitted * np.expand_dims(ratio, others)
        new = np.divide(fitted, found, out=np.zeros_like(fitted), where=found > 0)
        moved = float(np.abs(new - weights).max())
        weights = new
        if moved < SETTLED:
            break
    for axis, target in aims:
        others = tuple(one for one in range(found.ndim) if one != axis)
        if np.abs(fitted.sum(axis=others) - target).max() > 1e-6 * target.sum():
            raise _unsettled(f"margin {axis} cannot be met together with the others")
    weights = weights * found.sum() / (weights * found).sum()
    trimmed = 0
    if trim is not None and (over := weights > trim).any():
        trimmed = int(found[over].sum())
        weights = np.minimum(weights, trim)
        weights = weights * found.sum() / (weights * found).sum()
    effective = float((found * weights).sum()) ** 2 / float((found * weights**2).sum())
    return Raked(weights, effective, trimmed, rounds)


def _unsettled(what: str) -> ContractError:
    return ContractError(
        f"{what}: the margins contradict the empty cells",
        fix="Join small groups, or rake to fewer margins.",
    )


def _check_margins(found: Floats, aims: Sequence[tuple[int, Floats]]) -> None:
    sums = [float(target.sum()) for _, target in aims]
    if not aims or found.sum() <= 0:
        raise ContractError("raking needs answers and at least one margin")
    if max(sums) - min(sums) > 1e-6 * max(sums):
        raise ContractError(
            f"the margins sum to {', '.join(f'{one:g}' for one in sums)}; expected one number of people",
            fix="Take all margins from the same list of people.",
        )
    for axis, target in aims:
        others = tuple(one for one in range(found.ndim) if one != axis)
        along = found.sum(axis=others)
        if target.shape != along.shape or (target < 0).any():
            raise ContractError(
                f"margin {axis} has {target.size} groups; expected {along.size}, none below 0",
                fix="Give one number a group, in the order of the counts.",
            )
        if empty := np.flatnonzero((target > 0) & (along == 0)).tolist():
            raise ContractError(
                f"nobody answered in group {empty[0]} of margin {axis}, which has {target[empty[0]]:g} "
                "people: no weight can speak for them",
                fix="Join the group with another, or leave the margin out.",
            )
