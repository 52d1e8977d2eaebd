"""How far items that measure one thing agree: within a group (rwg), and with one another (α, ω).

Everything is computed from counts or from pairwise moments; missing answers are treated pairwise, and
every result says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats as distributions

from cxlib import stats
from cxlib.errors import ContractError
from cxlib.stats import CONFIDENCE, NOTHING, Estimate

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

PAIRWISE = "pairwise"
# Draws for the interval of ω: its ends move by a hundredth from one seed to another, which is enough.
OMEGA_DRAWS = 500
TURNS = 500


# ── Within a group: rwg ─────────────────────────────────────────────────────────────────────────


def against_guessing(counts: Floats | Ints) -> Floats:
    """Return min(s², σ²)/σ² of each row of a (rows × places) array; nan where fewer than two answered.

    σ² = (K² − 1)/12 is the variance of people who guess among K places; 0 is complete agreement, 1 is
    no more agreement than guessing.
    """
    rows = np.asarray(counts, dtype=float)
    places = np.arange(rows.shape[1])
    n = rows.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = rows @ places / n
        variance = np.maximum(rows @ places**2 - n * mean**2, 0.0) / (n - 1)
    guessing = (rows.shape[1] ** 2 - 1) / 12
    out: Floats = np.where(n > 1, np.minimum(variance, guessing) / guessing, np.nan)
    return out


def pooled_rwg(ratios: Floats) -> Floats:
    """Return rwg(j) of J items from their (J × draws) ratios of variances; of one item, rwg.

    Source: James, Demaree & Wolf 1984, Journal of Applied Psychology 69, 85–98.
    """
    size = len(ratios)
    u = np.mean(ratios, axis=0)
    out: Floats = size * (1 - u) / (size * (1 - u) + u)
    return out


def rwg(counts: Sequence[int] | Ints) -> Estimate:
    """Estimate rwg of one item: 1 − min(s², σ²)/σ², 0–1; interval by seeded bootstrap.

    Source: James, Demaree & Wolf 1984. That .70 is enough is a rule of thumb.
    """
    return rwg_j([counts])


def rwg_j(counts: Sequence[Sequence[int] | Ints]) -> Estimate:
    """Estimate rwg(j) of J items, 0–1, from their counts; n is the smallest of theirs.

    It rises with the number of items, whatever their agreement.

    Source: James, Demaree & Wolf 1984, Journal of Applied Psychology 69, 85–98.
    """
    given = [np.asarray(one, dtype=np.int64) for one in counts]
    given = [one for one in given if one.sum() > 1]
    if not given:
        return NOTHING
    value = float(pooled_rwg(np.array([against_guessing(one[None, :]) for one in given]))[0])
    ratios = np.array([against_guessing(stats.draws_of(one)) for one in given])
    return from_draws(value, ratios, min(int(one.sum()) for one in given), min(len(one) for one in given))


def from_draws(value: float, ratios: Floats, n: int, places: int) -> Estimate:
    """Estimate rwg(j) from the (J × draws) ratios of drawn histograms.

    Where no draw shows more agreement than guessing, the upper end is what n people who do guess would
    show: from them nobody can tell this group.
    """
    draws = pooled_rwg(ratios)
    low, high = stats.spread(draws, value)
    if high - low < 1e-12:
        guessed = _guessed(n, places)
        high = float(np.quantile(pooled_rwg(np.array([guessed] * len(ratios))), (1 + CONFIDENCE) / 2))
    return Estimate(value, low, max(high, value), n)


@cache
def _guessed(n: int, places: int) -> Floats:
    """Return the ratios of n people who guess among so many places, drawn many times; seeded by both."""
    rng = np.random.Generator(np.random.PCG64([n, places]))
    return against_guessing(rng.multinomial(n, np.full(places, 1 / places), size=stats.DRAWS))


# ── Between items: α and ω ──────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Reliability:
    """How well the items of one part hang together.

    Attributes
    ----------
    items : how many.
    n : respondents with an answer, to the item with the fewest; intervals are as sure as if these had
        answered every item. How many answered two items together would tell who skipped one of them.
    alpha, alpha_standardised : Cronbach's α of the covariances, and of the correlations.
    omega : McDonald's ω of one factor; needs three items.
    missing : how missing answers were treated.
    """

    items: int
    n: int
    alpha: Estimate
    alpha_standardised: Estimate
    omega: Estimate
    missing: str = PAIRWISE


def reliability(n_ij: Ints, s_ij: Ints, q_ij: Ints, *, scale: Floats | None = None) -> Reliability:
    """Estimate α, standardised α and ω of J items from their pairwise moments; see :func:`covariance`."""
    return Reliability(
        items=len(n_ij),
        n=fewest(n_ij),
        alpha=cronbach_alpha(n_ij, s_ij, q_ij, scale=scale),
        alpha_standardised=cronbach_alpha(n_ij, s_ij, q_ij, standardised=True),
        omega=mcdonald_omega(n_ij, s_ij, q_ij),
    )


def fewest(n_ij: Ints) -> int:
    """Return the respondents to the item that the fewest answered, of (J × J) pairs."""
    return int(np.diagonal(n_ij).min()) if len(n_ij) else 0


def covariance(n_ij: Ints, s_ij: Ints, q_ij: Ints, *, scale: Floats | None = None) -> Floats:
    """Return the (J × J) covariances (n − 1), each over the respondents who answered both items.

    Parameters
    ----------
    n_ij, s_ij, q_ij
        (J × J) pairs, Σx_i over pairs with j, Σx_i·x_j.
    scale
        (J,) levels per place of each item's own scale; 1 where left out.

    Returns
    -------
    nan for a pair that fewer than two answered.

    Raises
    ------
    ContractError
        If the three are not square and of one size.
    """
    n, s, q = (np.asarray(one, dtype=float) for one in (n_ij, s_ij, q_ij))
    if n.ndim != 2 or not n.shape == n.T.shape == s.shape == q.shape:
        raise ContractError("moments must be three square arrays of one size")
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.where(n > 1, (q - s * s.T / n) / (n - 1), np.nan)
    return found if scale is None else found * np.outer(scale, scale)


def correlation(covariances: Floats) -> Floats:
    """Return correlations from covariances; nan for an item that does not vary."""
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(np.diag(covariances))
        out: Floats = covariances / np.outer(spread, spread)
    out[~np.isfinite(out)] = np.nan
    return out


def cronbach_alpha(
    n_ij: Ints, s_ij: Ints, q_ij: Ints, *, standardised: bool = False, scale: Floats | None = None
) -> Estimate:
    """Estimate Cronbach's α with Feldt's interval, missing answers pairwise.

    α = k/(k − 1)·(1 − ΣC_ii/ΣΣC_ij), of the covariances or, standardised, of the correlations; the interval
    is 1 − (1 − α)·F with n − 1 and (n − 1)(k − 1) degrees of freedom, n as in :class:`Reliability`: the
    interval tells its n to whoever turns the formula round.

    Returns
    -------
    Nothing for fewer than two items or three respondents, or for an item that does not vary.

    Sources: Cronbach 1951, Psychometrika 16, 297–334; Feldt, Woodruff & Salih 1987, Applied Psychological
    Measurement 11, 93–103.
    """
    k, n = len(n_ij), fewest(n_ij)
    if k < 2 or n < 3:
        return NOTHING
    found = covariance(n_ij, s_ij, q_ij, scale=scale)
    if standardised:
        found = correlation(found)
    total = float(found.sum())
    if not np.isfinite(total) or total <= 0 or (np.diag(found) <= 0).any():
        return NOTHING
    value = k / (k - 1) * (1 - float(np.trace(found)) / total)
    tail = (1 - CONFIDENCE) / 2
    low, high = (
        1 - (1 - value) * float(distributions.f.ppf(one, n - 1, (n - 1) * (k - 1)))
        for one in (1 - tail, tail)
    )
    return Estimate(value, low, high, n)


def mcdonald_omega(n_ij: Ints, s_ij: Ints, q_ij: Ints) -> Estimate:
    """Estimate McDonald's ω of one factor, (Σλ)²/[(Σλ)² + Σψ], from the correlations.

    The factor is fitted by least squares on the correlations beside the diagonal (minres). The interval is
    parametric: the fit is repeated on correlations drawn from the Wishart distribution of n respondents,
    seeded by n and the size.

    Returns
    -------
    Nothing for fewer than three items, an item that does not vary, or a fit in which an item has no
    variance of its own (a Heywood case): one factor does not describe these items.

    Sources: McDonald 1999, Test Theory, chapter 6; Harman & Jones 1966, Psychometrika 31, 351–368 (minres).
    """
    k, n = len(n_ij), fewest(n_ij)
    if k < 3 or n <= k + 1:
        return NOTHING
    found = correlation(covariance(n_ij, s_ij, q_ij))
    if np.isnan(found).any():
        return NOTHING
    loadings = _one_factor(found[None])[0]
    if (np.abs(loadings) >= 0.999).any():
        return NOTHING
    value = float(_omega(loadings[None])[0])
    values, vectors = np.linalg.eigh(found)
    # Pairwise correlations need not belong to any one set of answers; the nearest that do stand in here.
    near = (vectors * np.maximum(values, 1e-6)) @ vectors.T
    drawn = distributions.wishart(n - 1, near / (n - 1)).rvs(
        OMEGA_DRAWS, random_state=np.random.Generator(np.random.PCG64([n, k]))
    )
    spread = np.sqrt(np.einsum("dii->di", drawn))
    draws = drawn / (spread[:, :, None] * spread[:, None, :])
    return Estimate(value, *stats.spread(_omega(_one_factor(draws)), value), n)


def _one_factor(correlations: Floats) -> Floats:
    """Fit one factor to each of (draws × J × J) correlations, by least squares beside the diagonal.

    One loading after another is set to its best value given the others; each turn fits better.

    Returns
    -------
    (draws × J) loadings, within ±1.
    """
    # Item by item, so that each step runs along the draws.
    off = np.ascontiguousarray((correlations * (1 - np.eye(correlations.shape[1]))).transpose(1, 2, 0))
    found = np.full(off.shape[1:], 0.6)
    for _ in range(TURNS):
        before = found.copy()
        for at in range(len(found)):
            others = (found**2).sum(axis=0) - found[at] ** 2
            best = (off[at] * found).sum(axis=0) / np.maximum(others, 1e-9)
            found[at] = np.minimum(np.maximum(best, -1), 1)
        if np.abs(found - before).max() < 1e-9:
            break
    return found.T


def _omega(loadings: Floats) -> Floats:
    """Return ω of each row of loadings."""
    common = loadings.sum(axis=1) ** 2
    out: Floats = common / (common + (1 - loadings**2).sum(axis=1))
    return out
