"""Contrasts: differences between groups, waves and sides of a step, each with interval and p.

A contrast is one comparison; :mod:`cxlib.findings` judges a whole family of them. Where two tests are in
use for one question, the p given here is the more careful: in a family of a hundred comparisons it is the
far tail that decides, and there small groups mislead first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats as distributions

from cxlib import stats
from cxlib.errors import ContractError
from cxlib.stats import CONFIDENCE

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

RATE = 0.05
# Draws of the flat spread that a split is held against; the smallest p is one in so many.
FLAT_DRAWS = 9999


@dataclass(frozen=True)
class Contrast:
    """A difference with its 95 % interval, the answers behind it, and p (two-sided unless said).

    Where two groups are compared, `n_each` says how many answers are each one's: a few beside thousands say
    no more than a few.
    """

    value: float
    low: float
    high: float
    n: int
    p: float
    n_each: tuple[int, ...] = ()


NOTHING = Contrast(math.nan, math.nan, math.nan, 0, math.nan)


# ── Families ────────────────────────────────────────────────────────────────────────────────────


def adjusted(p_values: Sequence[float] | Floats) -> Floats:
    """Return p adjusted for its family by Benjamini–Hochberg; nan stays nan and is no comparison.

    Source: Benjamini & Hochberg 1995, Journal of the Royal Statistical Society B 57, 289–300.
    """
    p = np.asarray(p_values, dtype=float)
    out = np.full(p.shape, np.nan)
    there = ~np.isnan(p)
    if there.any():
        out[there] = distributions.false_discovery_control(p[there], method="bh")
    return out


def confirmed(p_values: Sequence[float] | Floats, rate: float = RATE) -> NDArray[np.bool_]:
    """Say which comparisons of a family are confirmed at a false-discovery rate.

    Source: Benjamini & Hochberg 1995.
    """
    with np.errstate(invalid="ignore"):
        out: NDArray[np.bool_] = adjusted(p_values) <= rate
    return out


# ── Between two groups: one ordinal scale ───────────────────────────────────────────────────────


def cliffs_delta(x: Sequence[int] | Ints, y: Sequence[int] | Ints) -> Contrast:
    """Estimate Cliff's δ = [#(x > y) − #(x < y)]/(n₁n₂) from counts of one ordinal scale, lowest first.

    Interval after Feng & Cliff: [δ − δ³ ± t√V·√((1 − δ²)² + t²V)]/(1 − δ² + t²V), df n₁ + n₂ − 2. Where the
    answers leave no variance, V is taken with half a count spread over the empty places.

    p is the larger of two: Mann–Whitney's, corrected for ties, which holds its size in small groups that
    are alike; and Brunner & Munzel's, which holds it where the groups spread differently and is too eager
    in small ones.

    10 10 20 20 20 30 30 30 40 50 against 10 20 30 40 40 50 → −.25 [−.7265846, .3890062].

    Raises
    ------
    ContractError
        If the two do not count the same places.

    Sources: Cliff 1993, Psychological Bulletin 114, 494–509; Feng & Cliff 2004, Journal of Modern Applied
    Statistical Methods 3, 322–332; R package effsize. Brunner & Munzel 2000, Biometrical Journal 42, 17–25.
    """
    a, b = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if a.shape != b.shape or a.ndim != 1:
        raise ContractError("Cliff's delta compares counts of the same places of one scale")
    n1, n2 = float(a.sum()), float(b.sum())
    if n1 < 2 or n2 < 2:
        return NOTHING
    delta, variance, pooled = _dominance(a, b)
    if variance <= 0:
        _, variance, _ = _dominance(stats.smoothed(a.astype(int)) * n1, stats.smoothed(b.astype(int)) * n2)
    t2v = stats.student_reach(n1 + n2 - 2) ** 2 * variance
    reach = math.sqrt(t2v) * math.sqrt((1 - delta**2) ** 2 + t2v)
    below = 1 - delta**2 + t2v
    low, high = ((delta - delta**3 + sign * reach) / below for sign in (-1, 1))
    p = max(_mann_whitney(delta, a + b, n1, n2), _brunner_munzel(delta, pooled, n1, n2))
    return Contrast(
        delta, max(-1.0, min(low, delta)), min(1.0, max(high, delta)), int(n1 + n2), p, (int(n1), int(n2))
    )


def _dominance(a: Floats, b: Floats) -> tuple[float, float, tuple[float, float]]:
    """Return δ, its variance, and the variances of both groups' dominances."""
    n1, n2 = a.sum(), b.sum()
    below_b = np.cumsum(b) - b
    below_a = np.cumsum(a) - a
    # How often a person at each place of one group stands above the other group, less how often below.
    of_a = (below_b - (n2 - below_b - b)) / n2
    of_b = ((n1 - below_a - a) - below_a) / n1
    delta = float(a @ of_a / n1)
    around_a = float(a @ (of_a - delta) ** 2)
    around_b = float(b @ (of_b - delta) ** 2)
    places = np.arange(len(a))
    sign = np.sign(places[:, None] - places[None, :])
    around = float(a @ (sign - delta) ** 2 @ b)
    variance = (n2**2 * around_a + n1**2 * around_b - around) / (n1 * n2 * (n1 - 1) * (n2 - 1))
    return delta, float(variance), (around_a / (n1 - 1), around_b / (n2 - 1))


def _mann_whitney(delta: float, both: Floats, n1: float, n2: float) -> float:
    """Return the two-sided p of δ where the groups are alike, ties and continuity corrected."""
    n = n1 + n2
    ties = float((both**3 - both).sum()) / (n * (n - 1))
    variance = n1 * n2 / 12 * (n + 1 - ties)
    if variance <= 0:
        return 1.0
    away = max(abs(delta) * n1 * n2 / 2 - 0.5, 0.0)
    return 2 * stats.normal_tail(away / math.sqrt(variance))


def _brunner_munzel(delta: float, spread: tuple[float, float], n1: float, n2: float) -> float:
    """Return the two-sided p of δ where the groups may spread differently."""
    parts = (spread[0] / n1, spread[1] / n2)
    variance = sum(parts)
    if variance <= 0:
        # Complete separation: no variance to go by, and Mann–Whitney's p decides.
        return 0.0
    df = variance**2 / (parts[0] ** 2 / (n1 - 1) + parts[1] ** 2 / (n2 - 1))
    return 2 * stats.student_tail(abs(delta) / math.sqrt(variance), df)


def hedges_g(a: Sequence[int] | Ints, b: Sequence[int] | Ints, values: Sequence[float]) -> Contrast:
    """Estimate Hedges' g of two groups from counts of `values`: a less b in pooled standard deviations.

    Source: see :func:`standardised_difference`.
    """
    return standardised_difference(*stats.moments(a, values), *stats.moments(b, values))


def standardised_difference(
    n_a: int, mean_a: float, variance_a: float, n_b: int, mean_b: float, variance_b: float
) -> Contrast:
    """Estimate Hedges' g from sizes, means and sample variances; interval g ± z·√Var(g); p of Student's t.

    g = J·d, J = 1 − 3/(4df − 1), Var(g) = J²·[(n₁ + n₂)/(n₁n₂) + d²/(2(n₁ + n₂))].
    103 and 100, standard deviations 5.5 and 4.5, 50 each → g .5924, variance .0411.

    Source: Hedges 1981, Journal of Educational Statistics 6, 107–128; figures from Borenstein, Hedges,
    Higgins & Rothstein 2009, Introduction to Meta-Analysis, chapter 4.
    """
    df = n_a + n_b - 2
    if n_a < 2 or n_b < 2:
        return NOTHING
    pooled = ((n_a - 1) * variance_a + (n_b - 1) * variance_b) / df
    if not pooled > 0:
        return NOTHING
    d = (mean_a - mean_b) / math.sqrt(pooled)
    small = 1 - 3 / (4 * df - 1)
    reach = stats.normal_reach() * small * math.sqrt((n_a + n_b) / (n_a * n_b) + d**2 / (2 * (n_a + n_b)))
    p = 2 * stats.student_tail(abs(d) / math.sqrt(1 / n_a + 1 / n_b), df)
    return Contrast(small * d, small * d - reach, small * d + reach, n_a + n_b, p, (n_a, n_b))


# ── Means, shares, net promoters ────────────────────────────────────────────────────────────────


def excess(
    value: float, se: float, df: float, over: float = 0.0, *, n: int = 0, two_sided: bool = False
) -> Contrast:
    """Hold an estimate against a value: p that it is above `over`, or with `two_sided` that it differs.

    The interval is the two-sided one of the value itself. Without a standard error there is no p.

    Source: Student 1908.
    """
    if not (se > 0 and df > 0):
        return Contrast(value, math.nan, math.nan, n, math.nan)
    reach = stats.student_reach(df) * se
    away = (value - over) / se
    p = 2 * stats.student_tail(abs(away), df) if two_sided else stats.student_tail(away, df)
    return Contrast(value, value - reach, value + reach, n, p)


def difference_of_means(
    mean_a: float, se_a: float, df_a: float, mean_b: float, se_b: float, df_b: float, *, n: int = 0
) -> Contrast:
    """Compare two independent means, a less b, after Welch; nothing to go by where neither varies.

    Source: Welch 1947, Biometrika 34, 28–35.
    """
    variance = se_a**2 + se_b**2
    if not variance > 0:
        return Contrast(mean_a - mean_b, math.nan, math.nan, n, math.nan)
    below = sum(se**4 / df for se, df in ((se_a, df_a), (se_b, df_b)) if df > 0)
    return excess(mean_a - mean_b, math.sqrt(variance), variance**2 / below, n=n, two_sided=True)


def unit_against_rest(
    n: Sequence[int] | Ints, mean: Sequence[float] | Floats, se: Sequence[float] | Floats, unit: int
) -> Contrast:
    """Compare one unit's mean with that of all the others together, in proportion to their size.

    Parameters
    ----------
    n, mean, se
        (units,) respondents (2 or more), their mean and its standard error.
    unit
        The place of the one compared.

    Returns
    -------
    p is the larger of two: Welch's, and that of the variance within all units together. A unit of five may
    look alike by chance, and Welch alone then takes it for precise: among eighty such comparisons that
    happens often. The interval is the wider of the two.

    Sources: Welch 1947, Biometrika 34, 28–35; the pooled variance is that of the analysis of variance.
    """
    size, means, ses = (np.asarray(one, dtype=float) for one in (n, mean, se))
    others = np.arange(len(size)) != unit
    share = np.where(others, size, 0) / size[others].sum()
    rest = float(share @ means)
    parts = (share * ses) ** 2
    if not (parts.sum() > 0 and ses[unit] > 0):
        return Contrast(float(means[unit]) - rest, math.nan, math.nan, int(size.sum()), math.nan)
    df_rest = float(parts.sum()) ** 2 / float((parts[others] ** 2 / (size[others] - 1)).sum())
    apart = difference_of_means(
        float(means[unit]), float(ses[unit]), float(size[unit] - 1), rest, math.sqrt(parts.sum()), df_rest
    )
    df = float((size - 1).sum())
    within = float((size - 1) @ (size * ses**2)) / df
    pooled_se = math.sqrt(within * (1 / size[unit] + float((share[others] ** 2 / size[others]).sum())))
    pooled = excess(apart.value, pooled_se, df, two_sided=True)
    return Contrast(
        apart.value,
        min(apart.low, pooled.low),
        max(apart.high, pooled.high),
        int(size.sum()),
        max(apart.p, pooled.p),
        (int(size[unit]), int(size[others].sum())),
    )


def difference_of_shares(count_a: int, n_a: int, count_b: int, n_b: int) -> Contrast:
    """Compare two shares, a less b: Newcombe's interval, Fisher's exact p, which holds in a group of five.

    Sources: Newcombe 1998, Statistics in Medicine 17, 873–890; Fisher 1935.
    """
    if n_a == 0 or n_b == 0:
        return NOTHING
    found = stats.difference_of_shares(count_a, n_a, count_b, n_b)
    table = [[count_a, n_a - count_a], [count_b, n_b - count_b]]
    p = float(distributions.fisher_exact(table).pvalue)
    return Contrast(found.value, found.low, found.high, found.n, p, (n_a, n_b))


def difference_of_net_promoters(a: tuple[int, int, int], b: tuple[int, int, int]) -> Contrast:
    """Compare two Net Promoter Scores as shares, a less b; each side (promoters, passives, detractors).

    Both sides carry the added ¾, 1½, ¾ answers of the adjusted Wald interval, as a single score does.

    Source: Rocks 2016, arXiv 1601.07235; the difference follows Agresti & Caffo 2000, The American
    Statistician 54, 280–288.
    """
    if not sum(a) or not sum(b):
        return NOTHING
    values, centres, variances = [], [], []
    for promoters, passives, detractors in (a, b):
        n = promoters + passives + detractors
        p, q = (promoters + 0.75) / (n + 3), (detractors + 0.75) / (n + 3)
        values.append((promoters - detractors) / n)
        centres.append(p - q)
        variances.append((p + q - (p - q) ** 2) / (n + 3))
    centre, se = centres[0] - centres[1], math.sqrt(sum(variances))
    value, reach = values[0] - values[1], stats.normal_reach() * se
    p = 2 * stats.normal_tail(abs(centre) / se)
    low, high = max(-2.0, min(centre - reach, value)), min(2.0, max(centre + reach, value))
    return Contrast(value, low, high, sum(a) + sum(b), p, (sum(a), sum(b)))


# ── Within a group: split in two ────────────────────────────────────────────────────────────────


def split(answers: Sequence[Sequence[int] | Ints]) -> Contrast:
    """Hold a group's agreement on a step against a flat spread: is it split into camps?

    Parameters
    ----------
    answers
        Counts of each item of the step, lowest place first.

    Returns
    -------
    value
        The items' mean agreement A: below 0 there are more people at the ends than between them.
    low, high
        The means of the items' bootstrap ends: as wide as if a person answered all items alike. Where p is
        below .025 they end at 0: the test rules out a flat spread and all above it, and the bootstrap alone
        says how deep the split may be.
    p
        One-sided: how often as many people, spread evenly over the scale and each answering all items
        alike, come out as split as this. Items that hang together less make it smaller than it says.

    Source: Van der Eijk 2001, Quality & Quantity 35, 325–341; the test is this project's own.
    """
    given = [np.asarray(one, dtype=np.int64) for one in answers]
    given = [one for one in given if one.sum() > 1]
    if not given:
        return NOTHING
    found = [stats.agreement(one) for one in given]
    value = float(np.mean([one.value for one in found]))
    n = min(one.n for one in found)
    flat = _flat_agreements(n, len(given[0]))
    p = (1 + int((flat <= value + 1e-12).sum())) / (len(flat) + 1)
    low, high = (float(np.mean([getattr(one, end) for one in found])) for end in ("low", "high"))
    if p < (1 - CONFIDENCE) / 2 and value <= 0:
        high = min(high, 0.0)
    return Contrast(value, low, high, n, p)


@cache
def _flat_agreements(n: int, places: int) -> Floats:
    """Return the agreement of n people spread evenly by chance, many times over; seeded by n and places."""
    rng = np.random.Generator(np.random.PCG64([n, places]))
    return stats.agreement_of(rng.multinomial(n, np.full(places, 1 / places), size=FLAT_DRAWS))
