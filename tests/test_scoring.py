"""Scores against a plain computation on raw answers, and what they are made of when something is hidden."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as distributions

from cxlib import estimates, stats
from cxlib.errors import ContractError
from cxlib.frames import DONT_KNOW, NOT_APPLICABLE
from cxlib.instrument import DeclaredConstruct, DeclaredItem, Instrument
from cxlib.ordering import sequence
from tests.samples import CUTS, bakery, people, sample, tallied

ITEMS = ("grain.mill", "grain.stock", "grain.label")
FIGURES = ["mean", "low", "high", "top_box", "top_box_low", "top_box_high", "agreement", "gated_level"]


def by_hand(columns: list[list[float | None]]) -> tuple[float, float]:
    """Return the mean of item means and its variance ΣΣ C_ij·n_ij/(n_i·n_j)/J², from the raw answers."""
    answers = np.array(columns, dtype=float)
    there = ~np.isnan(answers)
    variance = 0.0
    for a in range(len(answers)):
        for b in range(len(answers)):
            both = there[a] & there[b]
            if both.sum() > 1:
                x, y = answers[a, both], answers[b, both]
                covariance = ((x - x.mean()) * (y - y.mean())).sum() / (both.sum() - 1)
                variance += covariance * both.sum() / (there[a].sum() * there[b].sum())
    return float(np.nanmean(answers, axis=1).mean()), variance / len(answers) ** 2


def a_role(rng: np.random.Generator, role: str, n: int) -> list[dict[str, Any]]:
    """Answers that hang together, with a fifth of them skipped."""
    mood = rng.normal(size=n)
    rows = people(n, role)
    for item in ITEMS:
        levels = np.clip(np.round(3 + mood + rng.normal(size=n)), 1, 5)
        for row, level in zip(rows, levels, strict=True):
            row[item] = None if rng.random() < 0.2 else int(level)
    return rows


# ── Means of steps, from moments ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", range(5))
def test_a_step_mean_is_what_raw_answers_give_with_items_skipped(seed: int) -> None:
    rows = a_role(np.random.default_rng(seed), "team", 60)
    mean, variance = by_hand([[row[item] for row in rows] for item in ITEMS])
    found = sample(rows).estimates.set_index(["cut", "kind", "id"]).loc[("role", "step", "grain")]
    assert found["mean"] == pytest.approx(mean, abs=1e-12)
    assert found["se"] == pytest.approx(math.sqrt(variance), abs=1e-12)


def test_the_interval_of_a_step_is_students() -> None:
    rows = [row for row in a_role(np.random.default_rng(8), "team", 40) if None not in row.values()]
    means = np.array([[row[item] for item in ITEMS] for row in rows], dtype=float).mean(axis=1)
    low, high = distributions.t.interval(0.95, len(rows) - 1, means.mean(), distributions.sem(means))
    found = sample(rows).score("grain", role="team")
    assert found["mean"] == pytest.approx(means.mean(), abs=1e-12)
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=1e-12)
    assert found["n"] == len(rows)


def test_moments_on_another_scale_are_seen_on_levels() -> None:
    crust = [0, 3, 5, 8, 10, 10, None, 7]
    time = [1, 2, 2, 4, 5, 5, 3, 3]
    rows = people(8, oven_crust=crust, oven_time=time)
    mean, variance = by_hand([[None if x is None else 1 + 0.4 * x for x in crust], [float(x) for x in time]])
    made = sample(rows).estimates
    found = made[made["kind"] == "step"].set_index(["cut", "id"]).loc[("role", "oven")]
    assert (found["mean"], found["se"]) == pytest.approx((mean, math.sqrt(variance)), abs=1e-12)


def test_a_tally_without_moments_gives_no_estimates() -> None:
    made = sample(people(6, grain_mill=3))
    with pytest.raises(ContractError, match="no moments"):
        estimates.estimate_parts(tallied(people(6, grain_mill=3), cuts=[()]), made.release, made.instrument)


# ── Roles and weights ───────────────────────────────────────────────────────────────────────────


def test_an_item_of_the_whole_is_the_weighted_mean_of_its_roles() -> None:
    made = sample(people(6, "owner", grain_mill=[4, 5]) + people(30, "team", grain_mill=[1, 2, 3]))
    found = made.score("grain.mill")
    assert found["mean"] == pytest.approx((2 * 4.5 + 1 * 2) / 3)
    assert (found["weighting"], found["parts"], found["n"]) == ("by role", "owner+team", 36)


def test_the_weighted_interval_is_welchs() -> None:
    owner, team = [4, 5, 4, 5, 4, 5], [1, 2, 3] * 10
    made = sample(people(6, "owner", grain_mill=owner) + people(30, "team", grain_mill=team))
    parts = [(4 / 9) * np.var(owner, ddof=1) / 6, (1 / 9) * np.var(team, ddof=1) / 30]
    df = sum(parts) ** 2 / (parts[0] ** 2 / 5 + parts[1] ** 2 / 29)
    reach = distributions.t.ppf(0.975, df) * math.sqrt(sum(parts))
    found = made.score("grain.mill")
    assert (found["mean"] - found["low"], found["high"] - found["mean"]) == pytest.approx((reach, reach))


def test_a_step_of_the_whole_is_the_weighted_mean_of_its_roles_steps() -> None:
    rng = np.random.default_rng(3)
    made = sample(a_role(rng, "owner", 20) + a_role(rng, "team", 50) + a_role(rng, "guest", 90))
    roles = {role: made.score("grain", role=role)["mean"] for role in ("owner", "team")}
    found = made.score("grain")
    assert found["mean"] == pytest.approx((2 * roles["owner"] + roles["team"]) / 3)
    assert found["parts"] == "owner+team"


def test_a_role_of_weight_zero_stands_beside_the_whole() -> None:
    staff = people(6, "owner", grain_label=[4, 5]) + people(9, "team", grain_label=[2, 3, 4])
    with_guests = sample(staff + people(50, "guest", grain_label=1)).score("grain.label")
    assert with_guests["mean"] == sample(staff).score("grain.label")["mean"]
    assert with_guests["parts"] == "owner+team"


def test_where_only_a_role_of_weight_zero_answered_the_whole_is_that_role() -> None:
    found = sample(people(9, "guest", street_scent=[8, 9, 10])).score("street.scent")
    assert found["mean"] == pytest.approx(1 + 0.4 * 9)
    assert found["parts"] == "guest"


def test_with_one_role_hidden_the_whole_is_made_of_those_that_show_and_says_so() -> None:
    rows = people(3, "owner", grain_mill=5) + people(9, "team", grain_mill=[2, 3, 4])
    rows += people(30, "guest", grain_mill=[1, 2])
    made = sample(rows, cuts=[(), ("role",)])
    assert made.scores("role").set_index(["id", "role"]).loc[("grain.mill", "owner"), "is_hidden"]
    found = made.score("grain.mill")
    assert found["parts"] == "guest"
    assert found["mean"] == pytest.approx(1.5)


def test_where_no_role_shows_its_people_are_pooled_and_that_is_said() -> None:
    made = sample(
        people(3, "owner", grain_mill=5) + people(4, "team", grain_mill=[1, 2]), cuts=[(), ("role",)]
    )
    found = made.score("grain.mill")
    assert (found["weighting"], found["parts"]) == ("pooled", "")
    assert found["mean"] == pytest.approx((15 + 6) / 7)


def test_a_plan_without_roles_pools() -> None:
    made = sample(
        people(6, "owner", grain_mill=5) + people(18, "team", grain_mill=[1, 2, 3]), cuts=[(), ("unit",)]
    )
    found = made.score("grain.mill")
    assert (found["weighting"], found["mean"]) == ("pooled", pytest.approx((30 + 36) / 24))


def test_a_unit_is_made_of_its_own_roles() -> None:
    rows = people(6, "owner", "north", grain_mill=5) + people(6, "team", "north", grain_mill=[1, 2])
    rows += people(6, "owner", "south", grain_mill=1) + people(6, "team", "south", grain_mill=1)
    found = sample(rows).scores("unit").set_index(["id", "unit"])
    assert found.loc[("grain.mill", "north"), "mean"] == pytest.approx((2 * 5 + 1.5) / 3)
    assert found.loc[("grain.mill", "south"), "mean"] == pytest.approx(1)


def test_roles_stand_in_the_frameworks_order() -> None:
    rows = [row for role in ("guest", "team", "owner") for row in people(6, role, grain_label=[2, 3])]
    found = sample(rows).scores("role")
    assert found["role"].drop_duplicates().tolist() == ["owner", "team", "guest"]


# ── What counts and what does not ───────────────────────────────────────────────────────────────


def test_blank_not_applicable_and_dont_know_leave_the_denominator() -> None:
    given = [5, 4, None, 4, NOT_APPLICABLE, DONT_KNOW, 3, 5]
    found = sample(people(8, grain_mill=given)).score("grain.mill", role="team")
    assert found["n"] == 5
    assert found["mean"] == pytest.approx(np.mean([5, 4, 4, 3, 5]))
    assert found["top_box"] == pytest.approx(4 / 5)


def test_answers_beside_the_scale_are_counted_and_have_no_share() -> None:
    made = sample(people(8, grain_mill=[5, 4, None, 4, NOT_APPLICABLE, DONT_KNOW, 3, 5]))
    found = made.distribution("role").set_index("answer")
    assert found["n"].to_dict() == {-128: 1, -127: 1, -126: 1, 1: 0, 2: 0, 3: 1, 4: 2, 5: 2}
    assert found.loc[[-128, -127, -126], "share"].isna().all()
    assert found["share"].sum() == pytest.approx(1)


def test_an_item_that_nobody_in_a_group_answered_does_not_touch_its_step() -> None:
    rows = people(8, "team", grain_mill=[3, 4, 5], grain_stock=[2, 3], grain_label=None)
    rows += people(8, "guest", grain_mill=None, grain_stock=None, grain_label=[1, 2])
    made = sample(rows)
    mean, _ = by_hand([[3, 4, 5, 3, 4, 5, 3, 4], [2, 3, 2, 3, 2, 3, 2, 3]])
    step = made.score("grain", role="team")
    assert step["mean"] == pytest.approx(mean)
    assert (step["items"], step["items_total"], step["gated_level"]) == (2, 3, 3)
    assert made.score("grain", role="guest")["mean"] == pytest.approx(1.5)
    assert not made.estimates.isna().any(axis=None)


def test_what_nobody_answered_is_not_called_hidden() -> None:
    made = sample(
        people(8, "team", grain_mill=3, grain_stock=None) + people(8, "guest", grain_mill=None, grain_stock=2)
    )
    assert not made.scores("role")["is_hidden"].any()


def test_a_step_that_was_not_asked_has_no_row() -> None:
    found = sample(people(8, grain_mill=3)).scores()
    assert set(found.loc[found["kind"] == "step", "id"]) == {"grain"}


def test_a_wave_has_its_own_steps() -> None:
    made = sample(people(8, wave="w1", grain_mill=3) + people(8, wave="w2", oven_time=[2, 4]))
    steps = {wave: set(made.scores(wave=wave).query("kind == 'step'")["id"]) for wave in ("w1", "w2")}
    assert steps["w1"] == {"grain"}
    assert made.scores(wave="w2").set_index("id").loc["oven", "mean"] == 3


def test_an_item_withheld_from_a_group_is_left_out_of_its_step_and_counted() -> None:
    rows = people(9, "team", grain_mill=[2, 3, 4], grain_stock=[5, None, None])
    rows += people(9, "owner", grain_mill=3, grain_stock=[3, 4]) + people(
        7, "guest", grain_mill=3, grain_stock=3
    )
    found = sample(rows, cuts=[(), ("role",)]).scores("role").set_index(["id", "role"])
    assert found.loc[("grain.stock", "team"), "is_hidden"]
    step = found.loc[("grain", "team")]
    assert (step["mean"], step["items"], step["items_total"]) == (pytest.approx(3), 1, 3)


def test_hidden_rows_have_no_figures() -> None:
    rows = people(3, "owner", grain_mill=[4, 5]) + people(
        9, "team", grain_mill=[2, 3, 4], grain_stock=[4] + [None] * 8
    )
    found = sample(rows + people(30, "guest", grain_mill=[1, 2])).scores("role")
    gone = found[found["is_hidden"]]
    assert {"owner", "team"} <= set(gone["role"])
    assert gone[["n", *FIGURES]].isna().all(axis=None)
    assert (gone["items"] == 0).all()
    shown = found[~found["is_hidden"]]
    ends = ["top_box_low", "top_box_high"]
    assert shown[["n", *FIGURES]].drop(columns=ends).notna().all(axis=None)
    assert (shown[ends].notna().all(axis=1) == (shown["top_box_bound"] == "")).all()


# ── Scales and intervals ────────────────────────────────────────────────────────────────────────


def test_a_scale_of_eleven_is_seen_on_five_levels() -> None:
    found = sample(people(11, oven_crust=list(range(11)))).score("oven.crust", role="team")
    assert found["mean"] == pytest.approx(3)
    assert found["top_box"] == pytest.approx(2 / 11)


def test_a_declared_scale_of_ten_is_seen_on_five_levels() -> None:
    asked = Instrument(
        bakery(), items={"m.a": DeclaredItem("m.a", "Trust", 1, 10)},
        constructs={"image": DeclaredConstruct("image", "Image", ("m.a",))},
    )  # fmt: skip
    made = sample(people(10, "guest", m_a=[1, 4, 7, 10, 10]), instrument=asked)
    assert made.score("m.a")["mean"] == pytest.approx(1 + 4 * (6.4 - 1) / 9)
    assert made.score("image")["mean"] == pytest.approx(1 + 4 * (6.4 - 1) / 9)
    assert made.scores().set_index("id").loc["image", "name"] == "Image"


def test_a_distribution_stays_on_the_scale_that_was_asked() -> None:
    found = sample(people(11, oven_crust=list(range(11)))).distribution("role")
    assert found["answer"].tolist() == [-128, -127, -126, *range(11)]


@pytest.mark.parametrize("level", [1, 3, 5])
@pytest.mark.parametrize("by", [(), ("role",)])
def test_where_all_agree_no_interval_is_of_zero_width(level: int, by: tuple[str, ...]) -> None:
    answers = {"grain_mill": level, "grain_stock": level}
    found = sample(people(6, "owner", **answers) + people(8, "team", **answers)).scores(by)
    assert (found["mean"] == level).all()
    # The top box is of all or none, and a bound.
    assert found["top_box_low"].isna().all()
    assert found["top_box_bound"].eq("at least" if level > 3 else "at most").all()
    assert (found["low"] < found["high"]).all()
    assert ((found["low"] <= found["mean"]) & (found["mean"] <= found["high"])).all()
    assert (found["agreement_low"] < 1).all()
    assert ((found["low"] >= 1) & (found["high"] <= 5)).all()


def test_means_and_gated_level_disagree_where_one_item_lags() -> None:
    made = sample(people(9, grain_mill=1, grain_stock=4, grain_label=4))
    found = made.score("grain", role="team")
    assert (found["mean"], found["gated_level"]) == (pytest.approx(3), 1)


def test_top_box_and_agreement_of_an_item_are_those_of_its_counts() -> None:
    found = sample(people(10, grain_mill=[1, 2, 4, 5, 5])).score("grain.mill", role="team")
    assert (found["top_box"], found["top_box_low"], found["top_box_high"]) == (
        pytest.approx(0.6), stats.share(6, 10).low, stats.share(6, 10).high,
    )  # fmt: skip
    assert found["agreement"] == stats.agreement([2, 2, 0, 2, 4]).value


# ── Net Promoter Score ──────────────────────────────────────────────────────────────────────────


def test_nps_is_counted_per_role_that_was_asked() -> None:
    rows = people(10, "guest", ask_recommend=[10, 9, 8, 7, 6]) + people(9, "team", grain_mill=3)
    found = sample(rows).metrics()
    assert found["role"].tolist() == ["guest"]
    assert found.loc[0, ["id", "kind", "n"]].tolist() == ["ask.recommend", "nps", 10]
    low, high = (100 * end for end in (stats.net_promoter(4, 4, 2).low, stats.net_promoter(4, 4, 2).high))
    assert found.loc[0, ["value", "low", "high"]].tolist() == pytest.approx([20, low, high])


def test_no_frame_has_a_column_twice() -> None:
    made = sample(people(9, "guest", ask_recommend=[9, 5], grain_label=[2, 4]))
    for found in (made.scores("role"), made.distribution("role"), made.metrics(), made.estimates):
        assert found.columns.is_unique


def test_nps_of_a_hidden_role_keeps_its_row_without_figures() -> None:
    rows = (
        people(4, "guest", ask_recommend=10)
        + people(9, "team", grain_mill=3)
        + people(9, "owner", grain_mill=3)
    )
    found = sample(rows, cuts=[(), ("role",)]).metrics()
    guest = found.set_index("role").loc["guest"]
    assert guest["is_hidden"]
    assert found[["n", "value", "low", "high"]].isna().all(axis=None)


# ── Laws ────────────────────────────────────────────────────────────────────────────────────────

samples = st.lists(
    st.fixed_dictionaries(
        {
            "wave": st.just("w1"),
            "role": st.sampled_from(["owner", "team", "guest"]),
            "unit": st.sampled_from(["north", "south"]),
            "grain.mill": st.sampled_from([None, 1, 2, 3, 4, 5, DONT_KNOW]),
            "grain.stock": st.sampled_from([None, 1, 5]),
            "oven.crust": st.sampled_from([None, 0, 4, 10]),
        }
    ),
    min_size=5,
    max_size=60,
)


@settings(deadline=None, max_examples=15)
@given(samples, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_bit_of_a_score(rows: list[dict[str, Any]], random: Any) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, two = sample(rows), sample(shuffled)
    assert one.estimates.equals(two.estimates)
    for cut in CUTS:
        assert one.scores(cut).equals(two.scores(cut))


@settings(deadline=None, max_examples=15)
@given(samples)
def test_every_figure_that_is_shown_lies_within_its_interval_and_its_range(
    rows: list[dict[str, Any]],
) -> None:
    made = sample(rows)
    for cut in CUTS:
        found = made.scores(cut)
        found = found[~found["is_hidden"]]
        for value, low, high, least, most in (
            ("mean", "low", "high", 1, 5),
            ("top_box", "top_box_low", "top_box_high", 0, 1),
            ("agreement", "agreement_low", "agreement_high", -1, 1),
            ("gated_level", "gated_low", "gated_high", 1, 5),
        ):
            assert (found[low].between(least, most) & found[high].between(least, most)).all(), value
            assert (found[value] >= found[low] - 1e-9).all(), value
            assert (found[value] <= found[high] + 1e-9).all(), value
        assert (found["low"] < found["high"]).all()
        assert (found["n"] >= 5).all()


# ── The sequence is the staff's ─────────────────────────────────────────────────────────────────


def everything(n: int, role: str, level: int) -> Any:
    steps = {item.replace(".", "_"): level for item in bakery().items if bakery().scales[item].high == 5}
    return people(n, role, **steps)


def test_customers_alone_give_no_position() -> None:
    scores = sample(
        everything(3, "owner", 2) + everything(4, "team", 2) + everything(40, "guest", 5)
    ).scores()
    order = sequence(scores, bakery())
    assert order.position is None
    assert order.hidden == order.missing


def test_staff_and_customers_too_few_to_show_are_not_mixed() -> None:
    scores = sample(everything(4, "owner", 2) + everything(4, "team", 2) + everything(4, "guest", 5)).scores()
    steps = scores[scores["kind"] == "step"]
    assert steps["is_hidden"].all()
    assert sequence(scores, bakery()).position is None


def test_every_step_is_read_from_the_roles_that_answered_every_step() -> None:
    owners = people(6, "owner", grain_mill=5)
    scores = sample(owners + everything(24, "team", 3)).scores()
    steps = scores[(scores["kind"] == "step") & scores["mean"].notna()]
    assert set(steps["parts"]) == {"team"}
