"""Laws of the method: what holds for any answers, beside the published figures of test_reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxlib import contrasts, drivers, estimates, frames, reliability, stats, units
from cxlib.errors import ContractError

COUNTS = st.lists(st.integers(0, 30), min_size=5, max_size=5)


def answers(seed: int, people: int = 400, columns: int = 5) -> Any:
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((people, 1))
    return np.clip(
        np.rint(3 + common + rng.uniform(0.5, 1.5, columns) * rng.standard_normal((people, columns))), 1, 5
    ).astype(np.int64)


def moments(rows: Any) -> tuple[Any, Any, Any]:
    ones = np.ones_like(rows)
    return ones.T @ ones, rows.T @ ones, rows.T @ rows


def in_shards(rows: Any, shards: int = 40) -> tuple[Any, Any, Any]:
    found = [moments(rows[at::shards]) for at in range(shards)]
    n, s, q = (np.array(one) for one in zip(*found, strict=True))
    return n, s, q


def by_places(rows: Any, **more: Any) -> drivers.KeyDrivers:
    places = {str(at): [at] for at in range(1, rows.shape[1])}
    return drivers.key_drivers(*in_shards(rows), outcome=[0], drivers=places, **more)


# ── Key drivers ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("split", [drivers.lmg, drivers.relative_weights])
@pytest.mark.parametrize("seed", range(5))
def test_shares_sum_to_the_r_squared_of_least_squares(split: Any, seed: int) -> None:
    rows = answers(seed).astype(float)
    x = np.column_stack([np.ones(len(rows)), rows[:, 1:]])
    left = rows[:, 0] - x @ np.linalg.lstsq(x, rows[:, 0], rcond=None)[0]
    shares = split(np.corrcoef(rows.T), 0)
    assert shares.sum() == pytest.approx(1 - left.var() / rows[:, 0].var(), abs=1e-10)
    assert (shares > 0).all()


def test_of_two_drivers_johnson_and_lmg_say_the_same() -> None:
    """Johnson 2000: with two predictors his weights are the mean over both orders."""
    correlations = np.corrcoef(answers(3, columns=3).T)
    assert drivers.relative_weights(correlations, 0) == pytest.approx(drivers.lmg(correlations, 0), abs=1e-12)


def test_the_method_follows_the_number_of_drivers() -> None:
    assert by_places(answers(1, columns=16)).method == drivers.LMG
    assert by_places(answers(1, columns=17)).method == drivers.WEIGHTS
    with pytest.raises(ContractError, match="at most 15"):
        drivers.lmg(np.eye(17), 0)


def test_key_drivers_say_why_there_are_none() -> None:
    assert "39 people answered; 40 or more" in by_places(answers(1, people=39)).reason
    constant = answers(1)
    constant[:, 2] = 4
    twins = answers(1)
    twins[:, 2] = twins[:, 1]
    for rows in (constant, twins):
        found = by_places(rows)
        assert found.reason == "an answer does not vary between people, or two say the same"
        assert (found.drivers, found.r_squared.n) == ((), 0)
    n, s, q = (one.sum(axis=0, keepdims=True) for one in in_shards(answers(1)))
    alone = drivers.key_drivers(n, s, q, outcome=[0], drivers={"a": [1], "b": [2]})
    assert "one shard" in alone.reason


def test_the_jackknife_is_that_of_leaving_each_shard_out() -> None:
    rows = answers(8)
    found = by_places(rows)
    left = np.array(
        [
            drivers.lmg(np.corrcoef(np.delete(rows, np.s_[at::40], axis=0).T.astype(float)), 0)
            for at in range(40)
        ]
    )
    spread = 39 / 40 * ((left - left.mean(axis=0)) ** 2).sum(axis=0)
    assert np.diag(found.covariance) == pytest.approx(spread, rel=1e-9)


def test_each_driver_stands_somewhere_on_the_map() -> None:
    found = by_places(answers(4))
    performance = {str(at): stats.share(40 * at, 200) for at in range(1, 5)}
    placed = drivers.importance_performance(found, performance)
    assert [one.id for one in placed] == ["1", "2", "3", "4"]
    middle = (
        float(np.mean([0.2, 0.4, 0.6, 0.8])),
        float(np.mean([one.share.value for one in found.drivers])),
    )
    for one in placed:
        assert one.crosshair == pytest.approx(middle)
        assert sum(one.probabilities.values()) == pytest.approx(1)
        assert tuple(one.probabilities) == drivers.QUADRANTS
        important, good = one.importance >= middle[1], one.performance >= middle[0]
        assert one.quadrant == {
            (True, True): drivers.KEEP, (True, False): drivers.IMPROVE,
            (False, False): drivers.LATER, (False, True): drivers.EASE,
        }[important, good]  # fmt: skip
    with pytest.raises(ContractError, match="no performance for 4"):
        drivers.importance_performance(found, {one: performance[one] for one in "123"})


def test_shards_are_dealt_in_the_order_of_the_rows() -> None:
    import pyarrow as pa

    batches = [pa.RecordBatch.from_pydict({"x": list(range(size))}) for size in (30, 25)]
    dealt = [one for batch in estimates.in_shards(batches) for one in batch[estimates.SHARD].to_pylist()]
    assert dealt == [f"{at % 40:02d}" for at in range(55)]


# ── Reliability ─────────────────────────────────────────────────────────────────────────────────


def test_reliability_does_not_depend_on_the_order_of_items() -> None:
    rows, order = answers(2), [3, 0, 4, 1, 2]
    one, other = (reliability.reliability(*moments(x)) for x in (rows, rows[:, order]))
    for name in ("alpha", "alpha_standardised", "omega"):
        assert getattr(one, name).value == pytest.approx(getattr(other, name).value, abs=1e-8)
        assert getattr(one, name).low <= getattr(one, name).value <= getattr(one, name).high


def test_standardised_alpha_does_not_depend_on_the_scales() -> None:
    rows = answers(2)
    wide = rows * np.array([1, 2, 1, 5, 1])
    one, other = (reliability.cronbach_alpha(*moments(x), standardised=True) for x in (rows, wide))
    assert one.value == pytest.approx(other.value, abs=1e-12)
    raw = reliability.cronbach_alpha(*moments(rows))
    assert raw.value != pytest.approx(reliability.cronbach_alpha(*moments(wide)).value, abs=1e-3)
    back = reliability.cronbach_alpha(*moments(wide), scale=1 / np.array([1, 2, 1, 5, 1]))
    assert back.value == pytest.approx(raw.value, abs=1e-12)


def test_reliability_says_nothing_of_what_does_not_vary() -> None:
    rows = answers(2)
    rows[:, 1] = 3
    found = reliability.reliability(*moments(rows))
    assert found.alpha == found.omega == stats.NOTHING
    assert reliability.cronbach_alpha(*moments(answers(2)[:, :1])) == stats.NOTHING


@given(COUNTS)
def test_rwg_is_a_share_and_of_one_item_is_rwg_j(counts: list[int]) -> None:
    found = reliability.rwg(counts)
    if sum(counts) < 2:
        assert found == stats.NOTHING
        return
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high
    both = reliability.rwg_j([counts, counts])
    assert both.value >= found.value - 1e-12
    assert 0 <= both.low <= both.value <= both.high <= 1
    assert both.low < both.high


# ── Contrasts ───────────────────────────────────────────────────────────────────────────────────


@given(COUNTS, COUNTS)
def test_turning_a_comparison_round_turns_its_sign(a: list[int], b: list[int]) -> None:
    if sum(a) < 2 or sum(b) < 2:
        assert contrasts.cliffs_delta(a, b).n == 0
        return
    one, other = contrasts.cliffs_delta(a, b), contrasts.cliffs_delta(b, a)
    turned = (other.value, other.low, other.high, other.p)
    assert (-one.value, -one.high, -one.low, one.p) == pytest.approx(turned, abs=1e-9)
    assert -1 <= one.low <= one.value <= one.high <= 1
    assert one.low < one.high


def test_what_is_adjusted_keeps_its_order_and_leaves_out_what_was_not_compared() -> None:
    p = [0.04, float("nan"), 0.001, 0.03]
    found = contrasts.adjusted(p)
    assert np.isnan(found[1])
    assert found[[2, 3, 0]] == pytest.approx([0.003, 0.04, 0.04])
    assert contrasts.confirmed(p).tolist() == [True, False, True, True]


def test_two_camps_are_a_split_and_a_spread_is_none() -> None:
    camps, spread, peak = [10, 1, 0, 1, 10], [4, 5, 4, 5, 4], [0, 5, 12, 5, 0]
    assert contrasts.split([camps] * 6).p < 0.01
    assert contrasts.split([spread] * 6).p > 0.2
    assert contrasts.split([peak] * 6).p > 0.99
    assert contrasts.split([camps] * 6).value < 0 < contrasts.split([peak] * 6).value


@pytest.mark.parametrize("ends", range(4, 12))
def test_the_interval_of_a_split_agrees_with_its_test(ends: int) -> None:
    """What the test rules out is in no interval; what it leaves open is, as far as the bootstrap goes."""
    found = contrasts.split([[ends, 5, 4, 5, ends]] * 3)
    assert found.low <= found.value <= found.high
    assert found.p >= 0.025 or found.high <= 0
    assert found.p < 0.025 or found.high > 0


def test_a_unit_is_held_against_all_the_others() -> None:
    found = contrasts.unit_against_rest([20, 30, 10], [3.0, 3.6, 4.0], [0.2, 0.15, 0.3], 0)
    assert found.value == pytest.approx(3.0 - (30 * 3.6 + 10 * 4.0) / 40)
    assert found.low < found.value < found.high
    same = contrasts.unit_against_rest([20, 30, 10], [3.0, 3.0, 3.0], [0.2, 0.15, 0.3], 2)
    assert same.p == pytest.approx(1)


# ── Units and weights ───────────────────────────────────────────────────────────────────────────


def test_shrinking_draws_the_small_unit_furthest() -> None:
    found = units.shrink([4, 40, 40, 40], [4.4, 3.2, 3.6, 2.8], [1, 1, 1, 1])
    weights = [one.weight for one in found]
    assert weights[0] < min(weights[1:])
    assert found[0].raw_rank == 1
    assert all(one.low < one.value < one.high for one in found)
    alike = units.shrink([10, 10, 10], [3.0, 3.0, 3.0], [1, 1, 1])
    assert {one.rank for one in alike} == {1}
    with pytest.raises(ContractError, match="three units"):
        units.shrink([4, 4], [3, 3], [1, 1])


def test_raking_meets_its_margins_and_says_what_it_costs() -> None:
    counts = np.array([[30, 10], [20, 40]])
    found = units.rake(counts, [(0, [60, 40]), (1, [50, 50])])
    weighted = counts * found.weights
    assert weighted.sum() == pytest.approx(100)
    assert weighted.sum(axis=1) == pytest.approx([60, 40], abs=1e-8)
    assert weighted.sum(axis=0) == pytest.approx([50, 50], abs=1e-8)
    assert found.n_effective == pytest.approx(100**2 / (counts * found.weights**2).sum())
    assert found.n_effective < 100
    cut = units.rake(counts, [(0, [60, 40]), (1, [50, 50])], trim=1.5)
    assert cut.trimmed == int(counts[found.weights > 1.5].sum()) > 0
    assert cut.n_effective > found.n_effective


@pytest.mark.parametrize(
    ("counts", "margins", "said"),
    [
        ([[3, 4], [0, 0]], [(0, [5, 5])], "nobody answered in group 1 of margin 0"),
        ([[3, 4], [2, 2]], [(0, [5, 5]), (1, [5, 6])], "expected one number of people"),
        ([[3, 4], [2, 2]], [(0, [5, 5, 5])], "expected 2"),
        ([[3, 0], [0, 4]], [(0, [5, 5]), (1, [2, 8])], "contradict the empty cells"),
        ([[3, 4], [2, 2]], [], "at least one margin"),
    ],
)
def test_raking_refuses_what_no_weight_can_meet(counts: Any, margins: Any, said: str) -> None:
    with pytest.raises(ContractError, match=said):
        units.rake(np.array(counts), margins)


# ── Frames of the method ────────────────────────────────────────────────────────────────────────


def test_every_step_is_compared_with_each_it_stands_on() -> None:
    from cxlib.instrument import Instrument
    from tests.drawn import cx7

    framework = cx7()
    made = list(estimates._contrasts(Instrument(framework)))
    pairs = [id_ for kind, id_, *_ in made if kind == estimates.PAIR]
    assert len(pairs) == len(set(pairs)) == sum(len(one) for one in framework.prerequisites.values()) == 21
    says = {id_: (said, done) for kind, id_, said, done in made if kind == estimates.SAY_DO}
    assert len(says) == 7
    assert all(len(said) == len(done) == 3 and not set(said) & set(done) for said, done in says.values())
    assert {"kind", "id", "mean", "se", "df"} <= {column.name for column in frames.ESTIMATES.columns}


def test_a_table_lists_the_clearest_of_each_family_and_counts_the_others() -> None:
    from cxlib import tables
    from cxlib.findings import Finding
    from cxlib.instrument import Instrument
    from tests.drawn import cx7

    def made(family: str, at: int, p: float) -> Finding:
        said = f"{family} number {at} <b>"
        return Finding(family, ("s1",), ("frontline",), -0.5, -0.7, -0.3, "levels", 40, p, p <= 0.05, 9, said)

    every = [made("pair", at, 0.001 * at) for at in range(8)] + [
        made("split", 1, 0.01),
        made("split", 2, 0.5),
    ]
    table = str(tables.findings(every, Instrument(cx7()), most=3).markup)
    assert [at for at in range(8) if f"pair number {at} &lt;b&gt;" in table] == [0, 1, 2]
    assert "split number 1" in table
    assert "split number 2" not in table
    assert "5 more are not" in table
    assert "−0.50 levels (−0.70 – −0.30)" in table
    assert "more are not" not in str(tables.findings(every, Instrument(cx7()), most=8).markup)
