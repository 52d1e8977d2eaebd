"""How often an interval holds the truth: `make bench-coverage`.

Every interval promises 95 %. Samples are drawn from seeded populations whose true figure is known, and
the share of intervals that hold it is printed by metric and number of answers, beside the peer: plain
Wald, the figure ± 1.96 standard errors. The promise is 93–97 % from ten answers on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from rich.table import Table

from cxlib import anonymity, contrasts, drivers, estimates, reliability, scoring, stats, units
from cxlib.instrument import Instrument
from cxlib.ordering import sequence
from cxlib.tally import tally_batches
from tests.bench.harness import console, write
from tests.drawn import cx7

Floats = NDArray[np.float64]
Ends = tuple[float, float]
# A trial draws one sample: (truth, ours, Wald or None) by name of the metric.
Trial = Iterator[tuple[str, float, Ends, Ends | None]]

SIZES = (5, 10, 20, 50, 200)
Z = 1.959964
LEVELS = np.arange(1.0, 6)
RATES = (
    (0.05, 0.1, 0.2, 0.35, 0.3),
    (0.1, 0.25, 0.3, 0.25, 0.1),
    (0.3, 0.35, 0.2, 0.1, 0.05),
    (0.15, 0.2, 0.3, 0.2, 0.15),
)


def generator(*seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([20261124, *seed]))


def shares_of(rng: np.random.Generator, places: int) -> Floats:
    """Draw a population of answers to one question: most have one broad peak, some are lopsided."""
    peak, width = rng.uniform(0.15, 0.85) * (places - 1), rng.uniform(0.18, 0.4) * places
    heights = np.exp(-(((np.arange(places) - peak) / width) ** 2) / 2) + 0.03
    out: Floats = heights / heights.sum()
    return out


def around(value: float, se: float) -> Ends:
    return value - Z * se, value + Z * se


def ends(found: Any) -> Ends:
    return found.low, found.high


# ── One question, one group or two ──────────────────────────────────────────────────────────────


def one_group(rng: np.random.Generator, n: int) -> Trial:
    five, eleven = shares_of(rng, 5), shares_of(rng, 11)
    count, nps = rng.multinomial(n, five), rng.multinomial(n, eleven)
    top, truth = int(count[3:].sum()), float(five[3:].sum())
    yield "Top box, CSAT (Wilson)", truth, ends(stats.top_box(count)), around(top / n, wald_share(top, n))
    mean, sd = float(five @ LEVELS), stats.moments(count, LEVELS)[2] ** 0.5
    yield (
        "Level mean, CES (Student; bootstrap)", mean, ends(stats.mean_level(count, LEVELS)),
        around(float(count @ LEVELS) / n, sd / math.sqrt(n)),
    )  # fmt: skip
    three = (int(nps[9:].sum()), int(nps[7:9].sum()), int(nps[:7].sum()))
    net = float(eleven[9:].sum() - eleven[:7].sum())
    yield (
        "NPS, expectation net (adjusted Wald)", net, ends(stats.net_promoter(*three)),
        around((three[0] - three[2]) / n, stats.net_promoter_se(*three)),
    )  # fmt: skip
    middle = float(np.searchsorted(np.cumsum(eleven), 0.5))
    yield "Median (order statistics)", middle, ends(stats.median(nps, range(11))), None


def two_groups(rng: np.random.Generator, n: int) -> Trial:
    p, q = shares_of(rng, 5), shares_of(rng, 5)
    a, b = rng.multinomial(n, p), rng.multinomial(n, q)
    x, y = int(a[3:].sum()), int(b[3:].sum())
    yield (
        "Difference of shares (Newcombe)", float(p[3:].sum() - q[3:].sum()),
        ends(stats.difference_of_shares(x, n, y, n)),
        around((x - y) / n, math.hypot(wald_share(x, n), wald_share(y, n))),
    )  # fmt: skip
    delta = float(p @ np.sign(np.subtract.outer(LEVELS, LEVELS)) @ q)
    found = contrasts.cliffs_delta(a, b)
    yield "Cliff's delta (Feng & Cliff)", delta, ends(found), around(found.value, dominance_se(a, b))
    (_, mean_a, var_a), (_, mean_b, var_b) = stats.moments(a, LEVELS), stats.moments(b, LEVELS)
    se_a, se_b = math.sqrt(var_a / n), math.sqrt(var_b / n)
    if se_a + se_b > 0:
        yield (
            "Change of a mean (Welch)", float((p - q) @ LEVELS),
            ends(contrasts.difference_of_means(mean_a, se_a, n - 1, mean_b, se_b, n - 1)),
            around(mean_a - mean_b, math.hypot(se_a, se_b)),
        )  # fmt: skip
    within = (variance(p, LEVELS) + variance(q, LEVELS)) / 2
    found = contrasts.hedges_g(a, b, LEVELS)
    if not math.isnan(found.low):
        d = (mean_a - mean_b) / math.sqrt((var_a + var_b) / 2)
        yield (
            "Hedges' g",
            float((p - q) @ LEVELS) / math.sqrt(within),
            ends(found),
            around(d, math.sqrt(2 / n)),
        )
    r, s = shares_of(rng, 11), shares_of(rng, 11)
    sides = [
        (int(one[9:].sum()), int(one[7:9].sum()), int(one[:7].sum()))
        for one in (rng.multinomial(n, r), rng.multinomial(n, s))
    ]
    net = float(r[9:].sum() - r[:7].sum() - s[9:].sum() + s[:7].sum())
    value = (sides[0][0] - sides[0][2] - sides[1][0] + sides[1][2]) / n
    yield (
        "Difference of NPS (Agresti & Caffo's way)", net,
        ends(contrasts.difference_of_net_promoters(*sides)),
        around(value, math.hypot(*(stats.net_promoter_se(*one) for one in sides))),
    )  # fmt: skip


def spreads(rng: np.random.Generator, n: int) -> Trial:
    p = shares_of(rng, 5)
    count = rng.multinomial(n, p)
    truth = float(stats.agreement_of(p[None, :])[0])
    yield "Agreement A (bootstrap)", truth, ends(stats.agreement(count)), None
    yield "rwg (bootstrap)", 1 - min(variance(p, LEVELS), 2) / 2, ends(reliability.rwg(count)), None


def wald_share(count: int, n: int) -> float:
    return math.sqrt(count / n * (1 - count / n) / n)


def variance(p: Floats, values: Floats) -> float:
    return float(p @ (values - p @ values) ** 2)


def dominance_se(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    x, y = (np.repeat(np.arange(5), one) for one in (a, b))
    sign = np.sign(x[:, None] - y[None, :])
    return math.sqrt(sign.mean(axis=1).var(ddof=1) / len(x) + sign.mean(axis=0).var(ddof=1) / len(y))


# ── Several items of the same people ────────────────────────────────────────────────────────────


@cache
def people(which: int) -> NDArray[np.int64]:
    """A population of 100,000 with eight items 1–5: four of one factor, four of another that goes with it."""
    rng = generator(7, which)
    factor = rng.standard_normal((100_000, 2)) @ np.linalg.cholesky([[1, 0.5], [0.5, 1]]).T
    loading = rng.uniform(0.5, 0.8, 8)
    latent = factor[:, [0] * 4 + [1] * 4] * loading + rng.standard_normal((100_000, 8)) * np.sqrt(
        1 - loading**2
    )
    cuts = np.quantile(rng.standard_normal(100_000), np.cumsum(RATES[which])[:-1])
    return np.digitize(latent, cuts).astype(np.int64) + 1


def moments(rows: NDArray[np.int64]) -> tuple[Any, Any, Any]:
    ones = np.ones_like(rows)
    return ones.T @ ones, rows.T @ ones, rows.T @ rows


@cache
def truth_of(which: int) -> dict[str, Any]:
    rows = people(which)
    found = reliability.reliability(*moments(rows[:, :4]))
    correlations = np.corrcoef(rows[:, [7, 0, 1, 4, 5]].T)
    return {"alpha": found.alpha.value, "omega": found.omega.value, "shares": drivers.lmg(correlations, 0)}


def items(rng: np.random.Generator, n: int) -> Trial:
    which = int(rng.integers(len(RATES)))
    rows = people(which)[rng.integers(0, 100_000, n)]
    found = reliability.reliability(*moments(rows[:, :4]))
    true = truth_of(which)
    if found.alpha.n:
        yield "Cronbach's alpha (Feldt)", true["alpha"], ends(found.alpha), None
    if found.omega.n:
        yield "McDonald's omega (Wishart draws)", true["omega"], ends(found.omega), None
    if n < 50:
        return
    shards = [moments(rows[at::40][:, [7, 0, 1, 4, 5]]) for at in range(40)]
    n_s, s, q = (np.array(one) for one in zip(*shards, strict=True))
    key = drivers.key_drivers(n_s, s, q, outcome=[0], drivers={str(at): [at] for at in range(1, 5)})
    for one, share in zip(key.drivers, true["shares"], strict=bool(key.drivers)):
        yield "Key driver's share (jackknife)", float(share), ends(one.share), None
    if key.drivers:
        yield "R² of the drivers (jackknife)", float(true["shares"].sum()), ends(key.r_squared), None


def unit_means(rng: np.random.Generator, n: int) -> Trial:
    """Eight units of n each, their true means 0.3 of a level apart (standard deviation)."""
    true = 3 + 0.3 * rng.standard_normal(8)
    answers = true[:, None] + rng.standard_normal((8, n))
    mean, var = answers.mean(axis=1), answers.var(axis=1, ddof=1)
    for at, one in enumerate(units.shrink([n] * 8, mean, var)):
        yield "Unit, shrunken (Morris)", float(true[at]), ends(one), around(mean[at], math.sqrt(var[at] / n))


# ── The whole way: tally, door, estimates, scores, sequence ─────────────────────────────────────


@cache
def framework() -> Any:
    return cx7()


@cache
def staff(which: int) -> NDArray[np.int64]:
    """A population of 40,000 leaders with all 42 items, steps at different levels, a tenth left blank."""
    rng = generator(11, which)
    every = framework()
    person = rng.standard_normal((40_000, 1)) * 0.5
    columns = []
    for _ in every.steps:
        level = rng.uniform(2, 4) + person + 0.4 * rng.standard_normal((40_000, 1))
        columns.append(level + rng.uniform(-0.4, 0.4, 6) + 0.8 * rng.standard_normal((40_000, 6)))
    out = np.clip(np.rint(np.hstack(columns)), 1, 5).astype(np.int64)
    out[rng.random(out.shape) < 0.1] = 0
    return out


@cache
def true_staff(which: int) -> dict[str, float]:
    rows = staff(which)
    every = framework()
    ids = [item.id for step in every.steps for item in step.items]
    place = {id_: at for at, id_ in enumerate(ids)}
    mean = {id_: float(rows[:, at][rows[:, at] > 0].mean()) for id_, at in place.items()}
    counts = {id_: np.bincount(rows[:, at], minlength=6)[1:] for id_, at in place.items()}
    out = dict(mean)
    for step in every.steps:
        inside = [item.id for item in step.items]
        out[step.id] = float(np.mean([mean[one] for one in inside]))
        say, do = (
            np.mean([mean[item.id] for item in step.items if item.stream == stream.id])
            for stream in every.content.streams
        )
        out[f"say_do {step.id}"] = float(say - do)
        out[f"gated {step.id}"] = scoring.gated_level([mean[one] for one in inside])
        out[f"A {step.id}"] = float(
            np.mean([stats.agreement_of(counts[one][None, :] / counts[one].sum())[0] for one in inside])
        )
        u = np.array([[min(variance(counts[one] / counts[one].sum(), LEVELS), 2) / 2] for one in inside])
        out[f"rwg {step.id}"] = float(reliability.pooled_rwg(u)[0])
    order = sequence({step.id: out[step.id] for step in every.steps}, every)
    assert order.position is not None
    out["position"], out["index"] = order.position, order.excess_share or 0.0
    return out


def whole_way(rng: np.random.Generator, n: int) -> Trial:
    which = int(rng.integers(len(RATES)))
    rows, true, every = staff(which)[rng.integers(0, 40_000, n)], true_staff(which), framework()
    instrument = Instrument(every)
    ids = [item.id for step in every.steps for item in step.items]
    batch = pa.RecordBatch.from_pydict(
        {
            "role": pa.array(["leadership"] * n),
            **{
                id_: pa.array(rows[:, at].astype(np.int8), mask=rows[:, at] == 0)
                for at, id_ in enumerate(ids)
            },
        }
    )
    cuts = ((), ("role",))
    tally = tally_batches(
        [batch], [instrument.scales[id_] for id_ in ids], ("wave", "role"),
        framework=every.stamp, cuts=cuts, constants={"wave": "w"},
    )  # fmt: skip
    release = anonymity.release(tally, cuts, 5)
    made = estimates.estimate_parts(tally, release, instrument)
    scores = scoring.scores(release, made, instrument, {"leadership": 1.0}, wave="w")
    steps = {step.id: at for at, step in enumerate(every.steps)}
    for row in scores.to_dict("records"):
        if row["kind"] == "item" and not math.isnan(row["low"]):
            yield "Item level in a report", true[row["id"]], (row["low"], row["high"]), None
        if row["kind"] != "step":
            continue
        at, id_ = steps[row["id"]], row["id"]
        answered = rows[:, at * 6 : at * 6 + 6].astype(float)
        answered[answered == 0] = np.nan
        own = np.nanmean(answered, axis=1)
        own = own[~np.isnan(own)]
        naive = around(float(own.mean()), float(own.std(ddof=1)) / math.sqrt(len(own)))
        yield "Step level (pairwise moments)", true[id_], (row["low"], row["high"]), naive
        for name, figure in (("gated", "gated"), ("A", "agreement"), ("rwg", "rwg")):
            low, high = row[f"{figure}_low"], row[f"{figure}_high"]
            yield f"Step {figure} (bootstrap)", true[f"{name} {id_}"], (low, high), None
    for row in made[(made["kind"] == estimates.SAY_DO) & (made["cut"] == "")].itertuples():
        found = contrasts.excess(row.mean, row.se, row.df)
        truth = true[f"say_do {row.id}"]
        yield "Said less done (pairwise moments)", truth, ends(found), around(row.mean, row.se)
    order = sequence(scores, every)
    if order.position is not None:
        assert order.position_low is not None
        assert order.position_high is not None
        yield "Position (draws)", true["position"], (order.position_low, order.position_high), None
    if order.excess_share is not None:
        assert order.excess_share_low is not None
        assert order.excess_share_high is not None
        low, high = order.excess_share_low, order.excess_share_high
        yield "Out-of-sequence index (draws)", true["index"], (low, high), None


# ── Counting what held ──────────────────────────────────────────────────────────────────────────

# How many samples of each size: fewer where one costs a bootstrap or a whole report.
PARTS: dict[str, tuple[Callable[[np.random.Generator, int], Trial], int]] = {
    "one": (one_group, 4000),
    "two": (two_groups, 3000),
    "spreads": (spreads, 1500),
    "items": (items, 600),
    "units": (unit_means, 800),
    "whole": (whole_way, 120),
}


def count(part: str, n: int) -> dict[str, tuple[int, int, int, int]]:
    """Return by metric: samples, ours that held the truth, samples with a Wald interval, those that held."""
    trial, samples = PARTS[part]
    rng = generator(list(PARTS).index(part), n)
    out: dict[str, list[int]] = {}
    for _ in range(samples):
        for name, truth, ours, wald in trial(rng, n):
            seen = out.setdefault(name, [0, 0, 0, 0])
            seen[0] += 1
            seen[1] += holds(ours, truth)
            if wald is not None:
                seen[2] += 1
                seen[3] += holds(wald, truth)
    return {name: (seen[0], seen[1], seen[2], seen[3]) for name, seen in out.items()}


def holds(interval: Ends, truth: float) -> bool:
    return interval[0] - 1e-9 <= truth <= interval[1] + 1e-9


def main() -> None:
    jobs = [(part, n) for part in PARTS for n in SIZES if part != "whole" or n <= 50]
    with console.status("drawing samples"), ProcessPoolExecutor() as pool:
        found = list(pool.map(count, *zip(*sorted(jobs, key=lambda job: job[0] != "whole"), strict=True)))
    by_metric: dict[str, dict[int, tuple[int, int, int, int]]] = {}
    for (_, n), one in zip(sorted(jobs, key=lambda job: job[0] != "whole"), found, strict=True):
        for name, seen in one.items():
            by_metric.setdefault(name, {})[n] = seen
    table = Table(title="Intervals that held the truth, ours / plain Wald, %", title_justify="left")
    table.add_column("metric")
    for n in SIZES:
        table.add_column(f"n = {n}", justify="right")
    table.add_column("93–97 from 10", justify="right")
    results: dict[str, Any] = {}
    for name, sizes in sorted(by_metric.items(), key=lambda one: list(by_metric).index(one[0])):
        cells, ours_of, wald_of = [], {}, {}
        for n in SIZES:
            if n not in sizes:
                cells.append("")
                continue
            samples, ours, with_wald, held = sizes[n]
            ours_of[n] = ours / samples
            wald_of[n] = held / with_wald if with_wald else None
            beside = f" / {100 * held / with_wald:.1f}" if with_wald else ""
            cells.append(f"{100 * ours / samples:.1f}{beside}")
        within = [0.93 <= one <= 0.97 for n, one in ours_of.items() if n >= 10]
        table.add_row(name, *cells, "yes" if all(within) else f"{sum(within)} of {len(within)}")
        results[name] = {"ours": ours_of, "wald": wald_of, "samples": {n: one[0] for n, one in sizes.items()}}
    console.print(table)
    write("coverage", {"promise": [0.93, 0.97], "coverage": results})


if __name__ == "__main__":
    main()
