"""Estimates with intervals, from counts and moments. Pure numbers in, pure numbers out.

Everything takes counts per place of a scale, lowest first, and returns an :class:`Estimate`: a figure
never travels without its interval. scipy and statsmodels where they have it; agreement A is ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy import stats as distributions
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from cxlib.errors import ContractError
from cxlib.frames import top_places

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CONFIDENCE = 0.95
DRAWS = 1000


# ── Student's and the normal distribution ───────────────────────────────────────────────────────
# The functions below scipy.stats, bit for bit: its checks around them cost a report some seconds.


def student_reach(df: float) -> float:
    """Return the quantile of Student's t that a two-sided 95 % interval reaches to."""
    return float(special.stdtrit(df, (1 + CONFIDENCE) / 2))


def student_tail(t: float, df: float) -> float:
    """Return the chance of Student's t above `t`."""
    return float(special.stdtr(df, -t))


def normal_reach() -> float:
    """Return the normal quantile of a two-sided 95 % interval."""
    return float(special.ndtri((1 + CONFIDENCE) / 2))


def normal_tail(z: float) -> float:
    """Return the chance of a standard normal figure above `z`."""
    return float(special.ndtr(-z))


# ── Estimates ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval and the number of answers behind it."""

    value: float
    low: float
    high: float
    n: int

    def view(self, scale: float, shift: float) -> Estimate:
        """See the estimate on another scale: value·scale + shift, scale > 0."""
        return Estimate(
            self.value * scale + shift, self.low * scale + shift, self.high * scale + shift, self.n
        )


NOTHING = Estimate(math.nan, math.nan, math.nan, 0)


def _counts(counts: Sequence[int] | Ints) -> Ints:
    array = np.asarray(counts, dtype=np.int64)
    if array.ndim != 1 or (array < 0).any():
        raise ContractError("counts must be one row of whole numbers, none below 0")
    return array


def moments(counts: Sequence[int] | Ints, values: Sequence[float]) -> tuple[int, float, float]:
    """Return n, mean and sample variance (n − 1) of answers given as counts of `values`."""
    count, value = _counts(counts), np.asarray(values, dtype=float)
    n = int(count.sum())
    if n == 0:
        return 0, math.nan, math.nan
    mean = float(count @ value) / n
    return n, mean, float(count @ (value - mean) ** 2) / (n - 1) if n > 1 else math.nan


def interval_of_mean(mean: float, se: float, df: float, n: int) -> Estimate:
    """Return mean ± t·se (Student, two-sided 95 %), with `df` degrees of freedom."""
    reach = student_reach(df) * se if df > 0 else math.nan
    return Estimate(mean, mean - reach, mean + reach, n)


def mean_level(counts: Sequence[int] | Ints, values: Sequence[float]) -> Estimate:
    """Estimate the mean of `values` from their counts; ends clipped to the scale.

    Student's t where answers vary. Where all stand at one place the formula would give an interval
    of no width: then a seeded bootstrap with half a count spread over the empty places.

    Source: Student 1908; the smoothing is this project's own (method, section 2).
    """
    n, mean, variance = moments(counts, values)
    if n == 0:
        return NOTHING
    if n == 1 or variance == 0:
        return bootstrap(
            counts, lambda draws: draws @ np.asarray(values, float) / draws.sum(axis=1), value=mean
        )
    found = interval_of_mean(mean, math.sqrt(variance / n), n - 1, n)
    return Estimate(mean, max(found.low, min(values)), min(found.high, max(values)), n)


@lru_cache(maxsize=4096)
def share(count: int, n: int) -> Estimate:
    """Estimate a share with Wilson's score interval.

    81 of 263 → .2553 … .3662; 0 of 20 → 0 … .1611.

    Source: Wilson 1927; figures from Newcombe 1998, Statistics in Medicine 17, 857–872.
    """
    if not 0 <= count <= n:
        raise ContractError(f"a share of {count} in {n}; expected 0 ≤ count ≤ n")
    if n == 0:
        return NOTHING
    low, high = proportion_confint(count, n, alpha=1 - CONFIDENCE, method="wilson")
    # Rounding alone would put an end of 0 of n, or of n of n, on the wrong side of the figure.
    return Estimate(count / n, float(low) if count else 0.0, float(high) if count < n else 1.0, n)


def difference_of_shares(count_a: int, n_a: int, count_b: int, n_b: int) -> Estimate:
    """Estimate share a − share b with Newcombe's hybrid score interval (his method 10).

    56/70 − 48/80 → .0524 … .3339.

    Source: Newcombe 1998, Statistics in Medicine 17, 873–890.
    """
    if n_a == 0 or n_b == 0:
        return NOTHING
    low, high = confint_proportions_2indep(
        count_a, n_a, count_b, n_b, compare="diff", method="newcomb", alpha=1 - CONFIDENCE
    )
    return Estimate(count_a / n_a - count_b / n_b, float(low), float(high), n_a + n_b)


def top_box(counts: Sequence[int] | Ints, places: int | None = None) -> Estimate:
    """Estimate the share of answers in the top `places` of the scale.

    By default the top two, and the top one of a scale of four places or fewer.
    """
    count = _counts(counts)
    places = places or top_places(len(count))
    return share(int(count[-places:].sum()), int(count.sum()))


def net_promoter(promoters: int, passives: int, detractors: int) -> Estimate:
    """Estimate the Net Promoter Score as a share, −1…1, with the adjusted Wald interval.

    The point estimate is p − q unadjusted. The interval adds ¾ promoter, ¾ detractor and 3 answers,
    and is clipped to [−1, 1]: plain Wald covers far less than it promises when one group is empty.
    Detractors, passives, promoters 362, 176, 462 → .100, interval .0438967 … .1555051.

    Source: Rocks 2016, arXiv 1601.07235; R package NPS.
    """
    n = promoters + passives + detractors
    if min(promoters, passives, detractors) < 0:
        raise ContractError("promoters, passives and detractors must not be below 0")
    if n == 0:
        return NOTHING
    total = n + 3
    p, q = (promoters + 0.75) / total, (detractors + 0.75) / total
    reach = normal_reach() * math.sqrt((p + q - (p - q) ** 2) / total)
    return Estimate((promoters - detractors) / n, max(-1.0, p - q - reach), min(1.0, p - q + reach), n)


def net_promoter_se(promoters: int, passives: int, detractors: int) -> float:
    """Return the unadjusted standard error √(Var/n), Var = p + q − (p − q)²."""
    n = promoters + passives + detractors
    p, q = promoters / n, detractors / n
    return math.sqrt((p + q - (p - q) ** 2) / n)


@dataclass(frozen=True)
class Expectation:
    """Experience against expectation: shares that exceeded, met and missed it, and exceeded less missed."""

    exceeded: Estimate
    met: Estimate
    missed: Estimate
    net: Estimate


def expectation(counts: Sequence[int] | Ints) -> Expectation:
    """Estimate how experience stood against expectation, from a scale whose middle is "as expected".

    Shares carry Wilson's interval, their net the adjusted Wald interval of the Net Promoter Score.

    Raises
    ------
    ContractError
        If the scale has no middle.
    """
    count = _counts(counts)
    if len(count) % 2 == 0:
        raise ContractError(f"a scale of {len(count)} places has no middle for “as expected”")
    middle, n = len(count) // 2, int(count.sum())
    missed, met, exceeded = int(count[:middle].sum()), int(count[middle]), int(count[middle + 1 :].sum())
    return Expectation(
        share(exceeded, n), share(met, n), share(missed, n), net_promoter(exceeded, met, missed)
    )


def customer_effort(
    counts: Sequence[int] | Ints, values: Sequence[float], *, toward: str = "high"
) -> tuple[Estimate, Estimate]:
    """Estimate the Customer Effort Score: mean on its own scale, and the share who found it easy.

    Parameters
    ----------
    toward
        The end of the scale that is easy: "high" for the statement that it was made easy (version 2.0, easy
        is 5–7 of 7), "low" for the question how much effort it took (version 1.0, easy is 1–3 of 7).

    Raises
    ------
    ContractError
        If `toward` is another word: a score read in the wrong direction would be no score.

    Sources: Dixon, Freeman & Toman 2010, Harvard Business Review 88(7); CEB 2013 for version 2.0.
    """
    count = _counts(counts)
    if toward not in {"high", "low"}:
        raise ContractError(f"the easy end is {toward!r}; expected 'high' or 'low'")
    places = len(count) // 2
    easy = count[-places:] if toward == "high" else count[:places]
    return mean_level(count, values), share(int(easy.sum()), int(count.sum()))


def median(counts: Sequence[int] | Ints, values: Sequence[float]) -> Estimate:
    """Estimate the median from counts of `values`, lowest first, with the interval of its order statistics.

    Both ends are answers that were given, or the ends of the scale where too few answered; on a scale of a
    few places the interval covers more than it promises.

    Source: Conover 1999, Practical Nonparametric Statistics, 3rd edition, section 3.2.
    """
    count, value = _counts(counts), np.asarray(values, dtype=float)
    n = int(count.sum())
    if n == 0:
        return NOTHING
    given = np.repeat(value, count)
    lower = int(distributions.binom.ppf((1 - CONFIDENCE) / 2, n, 0.5))
    if lower == 0:
        return Estimate(float(np.median(given)), float(value.min()), float(value.max()), n)
    return Estimate(float(np.median(given)), float(given[lower - 1]), float(given[n - lower]), n)


# ── Agreement ───────────────────────────────────────────────────────────────────────────────────


@cache
def _layer_agreements(places: int) -> Floats:
    """Tabulate A of one layer, for every pattern of filled places, indexed by its bits.

    Of triples of places with two filled, TU counts those with one peak (011, 110), TDU those with a hole
    (101). Source: Van der Eijk 2001, Quality & Quantity 35, 325–341, as R's agrmt computes it.
    """
    pattern = np.arange(2**places)[:, None] >> np.arange(places) & 1 == 1
    filled = pattern.sum(axis=1)
    even, hole = np.zeros((2, len(pattern)), np.int64)
    for first, middle, last in combinations(pattern.T, 3):
        even += middle & (first ^ last)
        hole += first & ~middle & last
    total = even + hole
    with np.errstate(divide="ignore", invalid="ignore"):
        unimodality = ((places - 2) * even - (places - 1) * hole) / ((places - 2) * total)
        found: Floats = np.where(total > 0, unimodality, 0.0) * (1 - (filled - 1) / (places - 1))
    found[(filled == 0) | (filled == places)] = 0.0
    found[filled == 1] = 1.0
    return found


def agreement_of(counts: Floats | Ints) -> Floats:
    """Return van der Eijk's A of each row of a (rows × places) array; nan where a row is empty."""
    given = np.asarray(counts, dtype=float)
    rows, places = given.shape
    table = _layer_agreements(places)
    # A layer reaches from one height to the next, and fills every place that is at least as high.
    order = np.argsort(given, axis=1)
    heights = np.diff(np.take_along_axis(given, order, axis=1), axis=1, prepend=0.0)
    filled = np.cumsum((1 << order)[:, ::-1], axis=1)[:, ::-1]
    found = np.zeros(rows)
    for layer in range(places):
        found += heights[:, layer] * (places - layer) * table[filled[:, layer]]
    with np.errstate(invalid="ignore"):
        out: Floats = found / given.sum(axis=1)
    return out


def agreement(counts: Sequence[int] | Ints) -> Estimate:
    """Estimate van der Eijk's agreement A: +1 all at one place, 0 flat, −1 split between the ends.

    The histogram is peeled into layers; A is the mean of the layers' agreements, weighted by their
    size. [30, 40, 210, 130, 530, 50, 10] → .6113333. Interval by seeded bootstrap.

    Source: Van der Eijk 2001, Quality & Quantity 35, 325–341; R package agrmt.
    """
    count = _counts(counts)
    if count.sum() == 0:
        return NOTHING
    return bootstrap(count, agreement_of, value=float(agreement_of(count[None, :])[0]))


# ── Bootstrap ───────────────────────────────────────────────────────────────────────────────────


def smoothed(counts: Sequence[int] | Ints) -> Floats:
    """Return the shares of a histogram with half a count spread over its empty places."""
    count = _counts(counts).astype(float)
    empty = count == 0
    if empty.any() and count.sum() > 0:
        count[empty] = 0.5 / empty.sum()
    out: Floats = count / count.sum()
    return out


def draws_of(counts: Sequence[int] | Ints, draws: int = DRAWS) -> Ints:
    """Draw histograms of the same size from the smoothed one, (draws × places).

    The seed comes from the counts, so that the same answers always give the same interval and no
    interval depends on which others were computed before it.
    """
    return _draws_of(tuple(int(one) for one in _counts(counts)), draws).astype(np.int64)


# The mean, the agreement and the level of one item ask for the same draws, one after the other. Kept as
# small as they can be: a hundred dashboards keep as many.
@lru_cache(maxsize=256)
def _draws_of(count: tuple[int, ...], draws: int) -> NDArray[Any]:
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(count)))
    out = rng.multinomial(sum(count), smoothed(count), size=draws)
    return out.astype(np.min_scalar_type(sum(count)))


def bootstrap(counts: Sequence[int] | Ints, statistic: Any, *, value: float) -> Estimate:
    """Return `value` with the 2.5 % and 97.5 % points of `statistic` over drawn histograms.

    Parameters
    ----------
    statistic
        Takes (draws × places) counts, returns (draws,) figures.
    value
        The figure of the answers themselves; the interval is widened to hold it.
    """
    n = int(np.sum(counts))
    found = statistic(draws_of(counts))
    return Estimate(value, *spread(found, value), n)


def spread(draws: Floats, value: float) -> tuple[float, float]:
    """Return the 95 % range of draws, widened where needed to hold the figure itself."""
    low, high = _quantiles(draws, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    return min(low, value), max(high, value)


def _quantiles(draws: Floats, wanted: Sequence[float]) -> list[float]:
    """Return what `numpy.nanquantile` does of one row, bit for bit; a report asks for thousands."""
    found = np.sort(draws)
    n = len(found) - int(np.isnan(found).sum())
    out = []
    for one in wanted:
        at = (n - 1) * one
        below = min(int(at), n - 2)
        if n < 2:
            out.append(float(found[0]) if n else math.nan)
            continue
        a, b, share = float(found[below]), float(found[below + 1]), at - below
        out.append(a + (b - a) * share if share < 0.5 else b - (b - a) * (1 - share))
    return out


# ── Means over several items, from pairwise moments ─────────────────────────────────────────────


def mean_of_items(
    n_ij: Ints, s_ij: Ints, q_ij: Ints, *, shift: Floats, scale: Floats
) -> tuple[float, float, float]:
    """Return mean, variance and degrees of freedom of the mean over J items of their means.

    Respondents who skipped an item stay in for the others: Var = ΣΣ C_ij·n_ij/(n_i·n_j)/J², with C_ij
    the covariance over the pairs that answered both.

    Parameters
    ----------
    n_ij, s_ij, q_ij
        (J × J) pairs, Σx_i over pairs with j, Σx_i·x_j, on the items' own scales.
    shift, scale
        (J,) the affine view of each item: level = shift + scale·x.

    Returns
    -------
    nan for variance and degrees of freedom where an item has fewer than two answers.

    Source: this project's method, section 2 (pairwise moments).
    """
    n = n_ij.astype(float)
    own = np.diag(n)
    if (own == 0).any():
        return math.nan, math.nan, math.nan
    means = shift + scale * np.diag(s_ij) / own
    if (own < 2).any():
        return float(means.mean()), math.nan, math.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = np.where(n > 1, (q_ij - s_ij * s_ij.T / n) / (n - 1), 0.0)
    covariance = covariance * np.outer(scale, scale)
    variance = float((covariance * n / np.outer(own, own)).sum()) / len(own) ** 2
    return float(means.mean()), max(variance, 0.0), float(own.min() - 1)


def weighted_mean(
    means: Sequence[float], variances: Sequence[float], dfs: Sequence[float], weights: Sequence[float]
) -> tuple[float, float, float]:
    """Return mean, variance and Welch–Satterthwaite degrees of freedom of Σω·x̄/Σω.

    Source: Satterthwaite 1946, Biometrics Bulletin 2, 110–114.
    """
    weight = np.asarray(weights, dtype=float)
    weight = weight / weight.sum()
    parts = weight**2 * np.asarray(variances, dtype=float)
    variance = float(parts.sum())
    below = float((parts**2 / np.asarray(dfs, dtype=float)).sum())
    df = variance**2 / below if below > 0 else float(np.sum(dfs))
    return float(weight @ np.asarray(means, dtype=float)), variance, df
