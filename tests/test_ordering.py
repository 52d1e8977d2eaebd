"""The sequence: position, where to start, and laws that hold whatever the levels are."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxlib.errors import ContractError
from cxlib.ordering import sequence
from tests.samples import bakery, people, sample

CHAIN = {f"s{at}": frozenset(f"s{before}" for before in range(1, at)) for at in range(1, 8)}
# Two roots; d stands on both, e on d, f on b alone.
DAG = {
    "a": frozenset(),
    "b": frozenset(),
    "c": frozenset("a"),
    "d": frozenset("ab"),
    "e": frozenset("abd"),
    "f": frozenset("b"),
}
level = st.floats(1, 5).map(lambda x: round(x, 2))
graphs = st.sampled_from([CHAIN, DAG])
cases = graphs.flatmap(
    lambda graph: st.tuples(st.just(graph), st.fixed_dictionaries(dict.fromkeys(graph, level)))
)
gates = st.sampled_from([2.5, 3.0, 3.5])
slacks = st.sampled_from([0.0, 0.5, 1.0])
patient = settings(deadline=None, max_examples=60)


# ── Laws ────────────────────────────────────────────────────────────────────────────────────────


@patient
@given(cases, gates, slacks, st.floats(0, 4))
def test_raising_a_step_to_start_with_never_lowers_the_position(
    case: Any, gate: float, slack: float, by: float
) -> None:
    graph, levels = case
    before = sequence(levels, graph, gate=gate, slack=slack)
    for step in before.start_here:
        after = sequence({**levels, step: min(5, levels[step] + by)}, graph, gate=gate, slack=slack)
        assert after.position >= before.position


@patient
@given(cases, gates)
def test_passing_a_step_to_start_with_raises_the_position(case: Any, gate: float) -> None:
    graph, levels = case
    before = sequence(levels, graph, gate=gate)
    for step in before.start_here:
        assert sequence({**levels, step: gate}, graph, gate=gate).position > before.position


@patient
@given(graphs, level, slacks)
def test_identical_levels_are_in_sequence(graph: Any, same: float, slack: float) -> None:
    found = sequence(dict.fromkeys(graph, same), graph, slack=slack)
    assert found.excess_share == (None if same == 1 else 0)
    assert found.effective == found.raw


@patient
@given(cases, gates, slacks)
def test_no_step_is_supported_beyond_what_it_scored(case: Any, gate: float, slack: float) -> None:
    graph, levels = case
    found = sequence(levels, graph, gate=gate, slack=slack)
    assert found.effective <= found.raw + 1e-12
    assert all(one.effective <= one.level for one in found.steps)
    assert all(one.effective + one.excess == pytest.approx(one.level) for one in found.steps)


@patient
@given(cases, gates, slacks)
def test_the_index_is_a_share_and_the_position_a_count(case: Any, gate: float, slack: float) -> None:
    graph, levels = case
    found = sequence(levels, graph, gate=gate, slack=slack)
    assert found.excess_share is None or 0 <= found.excess_share <= 1
    assert 0 <= found.position <= len(graph)
    assert (found.position == len(graph)) == (found.start_here == ())


@patient
@given(cases, slacks)
def test_more_slack_never_finds_more_out_of_sequence(case: Any, slack: float) -> None:
    graph, levels = case
    tight, loose = (sequence(levels, graph, slack=one).excess_share for one in (slack, slack + 0.5))
    assert (tight is None and loose is None) or loose <= tight


@patient
@given(cases)
def test_a_higher_gate_never_raises_the_position(case: Any) -> None:
    graph, levels = case
    positions = [sequence(levels, graph, gate=gate).position for gate in (2.5, 3, 3.5)]
    assert positions == sorted(positions, reverse=True)


# ── Graphs ──────────────────────────────────────────────────────────────────────────────────────


def test_in_a_graph_there_can_be_several_places_to_start() -> None:
    found = sequence({"a": 2, "b": 2.9, "c": 4, "d": 4, "e": 4, "f": 4}, DAG)
    assert (found.position, found.start_here) == (0, ("a", "b"))


def test_in_a_graph_position_counts_every_step_that_stands() -> None:
    found = sequence({"a": 4, "b": 2, "c": 3, "d": 5, "e": 5, "f": 5}, DAG)
    assert (found.position, found.start_here) == (2, ("b",))


def test_behind_a_passed_root_each_branch_has_its_own_start() -> None:
    found = sequence({"a": 3, "b": 3, "c": 1, "d": 2, "e": 5, "f": 4}, DAG)
    assert (found.position, found.start_here) == (3, ("c", "d"))


def test_excess_is_measured_from_the_weakest_ancestor() -> None:
    found = {one.step: one for one in sequence({"a": 4, "b": 2, "c": 4, "d": 4, "e": 4, "f": 1}, DAG).steps}
    assert [found[step].excess for step in "abcdef"] == [0, 0, 0, 1.5, 1.5, 0]


def test_the_frameworks_own_graph_is_read() -> None:
    found = sequence({"grain": 4, "oven": 2, "counter": 2.5, "street": 5}, bakery())
    assert [one.step for one in found.steps] == ["grain", "oven", "counter", "street"]
    assert (found.position, found.start_here) == (1, ("oven", "counter"))


def test_where_every_step_stands_there_is_nowhere_to_start() -> None:
    found = sequence(dict.fromkeys(CHAIN, 3.0), CHAIN)
    assert (found.position, found.start_here) == (7, ())


# ── What is not assessed, and what is refused ───────────────────────────────────────────────────


@pytest.mark.parametrize("level", ["absent", float("nan")])
def test_without_a_step_there_is_no_position(level: Any) -> None:
    levels = {"a": 4.0, "c": 4.0, "d": 4.0, "e": 4.0, "f": 2.0} | ({} if level == "absent" else {"b": level})
    found = sequence(levels, DAG)
    assert (found.is_assessed, found.missing) == (False, ("b",))
    assert (found.position, found.start_here, found.excess_share, found.effective) == (None, (), None, None)
    assert [one.step for one in found.steps] == ["a", "c", "d", "e", "f"]


def test_a_score_for_an_unknown_step_is_refused() -> None:
    with pytest.raises(ContractError, match="unknown steps: z"):
        sequence({**dict.fromkeys(DAG, 3.0), "z": 3.0}, DAG)


STEPS: dict[str, Any] = {
    "grain_mill": [3, 4, 5],
    "oven_time": [2, 3],
    "street_known": [1, 2, 3],
    "counter_hello": [4, 5],
}


def test_the_scores_of_one_group_are_read() -> None:
    found = sequence(sample(people(9, **STEPS)).scores(), bakery())
    assert {one.step: one.level for one in found.steps} == pytest.approx(
        {"grain": 4, "oven": 22 / 9, "counter": 40 / 9, "street": 2}
    )
    assert (found.position, found.start_here) == (2, ("oven",))


def test_the_scores_of_two_groups_are_refused() -> None:
    scores = sample(people(9, "team", **STEPS) + people(9, "owner", **STEPS)).scores("role")
    with pytest.raises(ContractError, match="one group"):
        sequence(scores, bakery())


def test_a_frame_that_is_no_scores_frame_is_refused() -> None:
    with pytest.raises(ContractError, match="scores frame breaks its contract"):
        sequence(sample(people(9, **STEPS)).estimates, bakery())


def test_the_ranges_come_from_the_steps_intervals_and_hold_the_figures() -> None:
    near_the_gate = {**STEPS, "oven_time": [2, 3, 4, 4]}
    found = sequence(sample(people(9, **near_the_gate)).scores(), bakery())
    assert found.position_low < found.position == found.position_high
    assert found.excess_share_low <= found.excess_share <= found.excess_share_high
    assert found.excess_share_low < found.excess_share_high


def test_levels_without_intervals_give_no_range() -> None:
    found = sequence({"a": 4.5, "b": 2.5, "c": 3.5, "d": 5, "e": 5, "f": 5}, DAG)
    assert found.position_low == found.position == found.position_high
    assert found.excess_share_low == found.excess_share == found.excess_share_high


def test_the_same_scores_give_the_same_ranges() -> None:
    scores = sample(people(9, **STEPS)).scores()
    assert astuple(sequence(scores, bakery())) == astuple(sequence(scores, bakery()))


def test_whole_numbers_are_levels_like_any_other() -> None:
    whole = sequence({"a": 1, "b": 5, "c": 5, "d": 5, "e": 5, "f": 5}, DAG)
    assert astuple(whole) == astuple(
        sequence({"a": 1.0, "b": 5.0, "c": 5.0, "d": 5.0, "e": 5.0, "f": 5.0}, DAG)
    )


def test_a_hidden_step_is_told_from_one_that_was_not_asked() -> None:
    order = sequence(
        {"a": 3.0, "b": float("nan")}, {"a": frozenset(), "b": frozenset("a"), "c": frozenset("ab")}
    )
    assert order.missing == ("b", "c")
    assert order.hidden == ("b",)
    assert order.position is None


def test_a_wave_without_any_step_is_missing_them_all() -> None:
    order = sequence(sample(people(9, "guest", ask_recommend=7)).scores(), bakery())
    assert set(order.missing) == {step.id for step in bakery().steps}
    assert order.hidden == ()
