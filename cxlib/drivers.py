"""Key drivers: how much of an outcome goes with each of several answers, in company of the others.

From pairwise moments alone. Shares of R² are exact averages over every order in which the drivers could
enter (LMG), or Johnson's relative weights where there are too many orders; both sum to R². The interval
comes from leaving out one shard of respondents at a time. None of it shows what causes what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import comb

import numpy as np
from numpy.typing import NDArray

from cxlib.errors import ContractError
from cxlib.reliability import correlation, covariance, fewest
from cxlib.stats import NOTHING, Estimate, student_reach

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

LMG, WEIGHTS = "lmg", "relative weights"
# 2¹⁵ regressions a shard are done in a second; every driver more doubles that.
MOST_EXACT = 15
# Fewer respondents than this for each driver, and the shares are noise.
RESPONDENTS_PER_DRIVER = 10
DRAWS = 2000


@dataclass(frozen=True)
class Driver:
    """One driver: its share of R², that share of what is explained, and r with the outcome."""

    id: str
    share: Estimate
    relative: float
    correlation: float


@dataclass(frozen=True)
class KeyDrivers:
    """The drivers of one outcome.

    Attributes
    ----------
    method : "lmg" or "relative weights".
    n : respondents with an answer, to the item with the fewest.
    r_squared : share 0–1 of the outcome's variance that goes with all drivers together.
    drivers : in the order given; their shares sum to R².
    covariance : (drivers × drivers) jackknife covariance of the shares.
    reason : why there are no drivers; empty where there are.
    """

    method: str
    n: int
    r_squared: Estimate
    drivers: tuple[Driver, ...]
    covariance: Floats = field(default_factory=lambda: np.zeros((0, 0)), repr=False, compare=False)
    reason: str = ""


@dataclass(frozen=True)
class Placed:
    """One driver on the map of importance and performance.

    `quadrant` is where the figures put it, `probabilities` how sure that is, by quadrant; `crosshair` names
    the performance and the importance at which the map is divided: the means over the drivers.
    """

    id: str
    performance: float
    importance: float
    quadrant: str
    probabilities: Mapping[str, float]
    crosshair: tuple[float, float]


KEEP, IMPROVE, LATER, EASE = QUADRANTS = ("keep up", "improve first", "low priority", "could give less")


def lmg(correlations: Floats, outcome: int, drivers: Sequence[int] | None = None) -> Floats:
    """Split R² among drivers: the mean gain of each over all orders in which they could enter.

    Parameters
    ----------
    correlations
        (V × V) correlations or covariances of outcome and drivers.
    outcome, drivers
        Places in it; by default all others drive.

    Returns
    -------
    (drivers,) shares of R², none below 0 but for rounding; they sum to R².

    Raises
    ------
    ContractError
        For more than 15 drivers.

    Source: Lindeman, Merenda & Gold 1980; Grömping 2006, Journal of Statistical Software 17(1).
    mtcars, mpg on am, vs, cyl → .1774892, .2027032, .3817849.
    """
    x = [at for at in range(len(correlations)) if at != outcome] if drivers is None else list(drivers)
    size = len(x)
    if size > MOST_EXACT:
        raise ContractError(f"{size} drivers; an exact split looks at every subset of at most {MOST_EXACT}")
    explained = _explained_by_subset(correlations, outcome, x)
    subsets = np.arange(2**size)
    members = np.bitwise_count(subsets.astype(np.uint32)).astype(int)
    # The weight of a subset in Shapley's mean: how many orders have just these before the driver.
    weight = np.array([1 / (size * comb(size - 1, m)) if m < size else 0.0 for m in range(size + 1)])
    shares = np.empty(size)
    for at in range(size):
        without = subsets[(subsets >> at & 1) == 0]
        shares[at] = weight[members[without]] @ (explained[without | 1 << at] - explained[without])
    return shares


def _explained_by_subset(correlations: Floats, outcome: int, drivers: Sequence[int]) -> Floats:
    """Return R² of every subset of the drivers, indexed by its bits.

    One driver after another is swept out of what the subsets so far have left over, so that every subset
    costs one small step from a smaller one.
    """
    left = correlations[np.ix_([*drivers, outcome], [*drivers, outcome])][None]
    variance = float(correlations[outcome, outcome])
    for _ in drivers:
        pivot, column = left[:, :1, :1], left[:, 1:, :1]
        without = left[:, 1:, 1:]
        left = np.concatenate([without, without - column * column.transpose(0, 2, 1) / pivot])
    out: Floats = 1 - left[:, 0, 0] / variance
    return out


def relative_weights(correlations: Floats, outcome: int, drivers: Sequence[int] | None = None) -> Floats:
    """Split R² among drivers by Johnson's relative weights, for any number of them.

    The drivers are turned into the nearest variables that do not correlate; what these explain goes back
    to the drivers by how alike they are.

    Returns
    -------
    (drivers,) weights, none below 0; they sum to R².

    Source: Johnson 2000, Multivariate Behavioral Research 35, 1–19.
    """
    x = [at for at in range(len(correlations)) if at != outcome] if drivers is None else list(drivers)
    spread = np.sqrt(np.diag(correlations))
    standard = correlations / np.outer(spread, spread)
    values, vectors = np.linalg.eigh(standard[np.ix_(x, x)])
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    beta = np.linalg.solve(root, standard[x, outcome])
    out: Floats = root**2 @ beta**2
    return out


def key_drivers(
    n: Ints,
    s: Ints,
    q: Ints,
    *,
    outcome: Sequence[int],
    drivers: Mapping[str, Sequence[int]],
    scale: Floats | None = None,
    method: str | None = None,
) -> KeyDrivers:
    """Split what goes with an outcome among drivers, each a mean of one item or more.

    Parameters
    ----------
    n, s, q
        (shards × items × items) pairwise moments of shards of disjoint respondents, usually 40.
    outcome
        Places of the items whose mean is the outcome.
    drivers
        Id → places of the items whose mean is the driver.
    scale
        (items,) levels per place of each item's own scale; 1 where left out.
    method
        "lmg" or "relative weights"; by default lmg for at most 15 drivers.

    Returns
    -------
    Shares with intervals ± t·SE, SE = √[(G − 1)/G·Σ(θ₍g₎ − θ̄)²], clipped to 0–1. Where too few answered, an
    item does not vary or two say the same, there are no drivers, and `reason` says why.

    Sources: see :func:`lmg`, :func:`relative_weights`; jackknife: Wolter 2007, chapter 4 (delete a group).
    """
    method = method or (LMG if len(drivers) <= MOST_EXACT else WEIGHTS)
    groups = [*([list(outcome)]), *(list(places) for places in drivers.values())]
    used = sorted({place for places in groups for place in places})
    # A shard without a respondent would repeat the whole and add nothing: it is left out.
    filled = [at for at in range(len(n)) if n[at][np.ix_(used, used)].any()]
    total_n, total_s, total_q = (np.asarray(one)[filled].sum(axis=0) for one in (n, s, q))
    pairs = total_n[np.ix_(used, used)]
    size = fewest(pairs) if len(filled) else 0

    def nothing(reason: str) -> KeyDrivers:
        return KeyDrivers(method, size, NOTHING, (), reason=reason)

    needed = max(RESPONDENTS_PER_DRIVER * len(drivers), 30)
    if size < needed:
        return nothing(f"{size} people answered; {needed} or more are needed for {len(drivers)} drivers")
    if len(filled) < 2:
        return nothing("the respondents stand in one shard, so there is no interval")
    whole = _composites(total_n, total_s, total_q, groups, scale)
    if whole is None:
        return nothing("an answer does not vary between people, or two say the same")
    left = []
    for at in filled:
        found = _composites(
            total_n - np.asarray(n[at]),
            total_s - np.asarray(s[at]),
            total_q - np.asarray(q[at]),
            groups,
            scale,
        )
        if found is None:
            return nothing("what is explained hangs on a few people alone")
        left.append(_split(found, method))
    shares, drawn = _split(whole, method), np.array(left)
    count = len(drawn)
    around = drawn - drawn.mean(axis=0)
    spread = (count - 1) / count * around.T @ around
    reach = student_reach(count - 1)
    r2, r2_se = float(shares.sum()), float(np.sqrt(spread.sum()))
    return KeyDrivers(
        method,
        size,
        _within(r2, reach * r2_se, size),
        tuple(
            Driver(id_, _within(float(share), reach * float(se), size), float(share) / r2, float(r))
            for id_, share, se, r in zip(drivers, shares, np.sqrt(np.diag(spread)), whole[0, 1:], strict=True)
        ),
        spread,
    )


def _split(correlations: Floats, method: str) -> Floats:
    return lmg(correlations, 0) if method == LMG else relative_weights(correlations, 0)


def _within(value: float, reach: float, n: int) -> Estimate:
    return Estimate(value, max(0.0, value - reach), min(1.0, value + reach), n)


def _composites(
    n: Ints, s: Ints, q: Ints, groups: Sequence[Sequence[int]], scale: Floats | None
) -> Floats | None:
    """Return the correlations of means of items, or None where they do not make a proper set."""
    found = covariance(n, s, q, scale=scale)
    weights = np.zeros((len(groups), len(found)))
    for at, places in enumerate(groups):
        weights[at, list(places)] = 1 / len(places)
    used = weights.any(axis=0)
    between = weights[:, used] @ found[np.ix_(used, used)] @ weights[:, used].T
    if not np.isfinite(between).all() or (np.diag(between) <= 0).any():
        return None
    out = correlation(between)
    # Pairwise covariances need not belong together, and twins cannot be told apart: either shows here.
    return out if float(np.linalg.eigvalsh(out)[0]) > 1e-6 else None


def importance_performance(found: KeyDrivers, performance: Mapping[str, Estimate]) -> tuple[Placed, ...]:
    """Place each driver by its share of R² (importance) and its top box (performance).

    The probability of each quadrant comes from seeded normal draws: the shares with their jackknife
    covariance, each performance as wide as its interval. The crosshair moves with the draws.

    Raises
    ------
    ContractError
        If a driver has no performance.

    Source: Martilla & James 1977, Journal of Marketing 41(1), 77–79.
    """
    ids = [one.id for one in found.drivers]
    if missing := [id_ for id_ in ids if id_ not in performance]:
        raise ContractError(f"no performance for {', '.join(missing)}")
    if not ids:
        return ()
    x = np.array([performance[id_].value for id_ in ids])
    width = np.array([(performance[id_].high - performance[id_].low) / (2 * 1.959964) for id_ in ids])
    y = np.array([one.share.value for one in found.drivers])
    rng = np.random.Generator(np.random.PCG64([found.n, len(ids)]))
    xs = x + rng.standard_normal((DRAWS, len(ids))) * width
    ys = rng.multivariate_normal(y, found.covariance, DRAWS, method="eigh")
    drawn = _quadrants(xs, ys)
    here = _quadrants(x[None, :], y[None, :])[0]
    return tuple(
        Placed(
            id_,
            float(x[at]),
            float(y[at]),
            QUADRANTS[here[at]],
            {name: float((drawn[:, at] == place).mean()) for place, name in enumerate(QUADRANTS)},
            (float(x.mean()), float(y.mean())),
        )
        for at, id_ in enumerate(ids)
    )


def _quadrants(x: Floats, y: Floats) -> Ints:
    important = y >= y.mean(axis=1, keepdims=True)
    good = x >= x.mean(axis=1, keepdims=True)
    out: Ints = np.where(important, np.where(good, 0, 1), np.where(good, 3, 2)).astype(np.int64)
    return out
