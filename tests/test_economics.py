"""The business case: lifetime value against its published multiple, effort out of sequence by hand."""

from __future__ import annotations

import math

import pytest

from cxlib.economics import TODAY, effort_out_of_sequence, lifetime_value
from cxlib.errors import ContractError


def test_the_margin_multiple_is_the_published_one() -> None:
    # Gupta & Lehmann 2003: retention 80 %, discount 10 % → 2.667 times the margin (2.67 as printed).
    assert lifetime_value(1, 0.8, 0.1) == pytest.approx(2.667, abs=5e-4)
    assert lifetime_value(150, 0.8, 0.1) == pytest.approx(400)
    assert lifetime_value(1, 0.8, 0.1, first_margin=TODAY) == pytest.approx(1.1 / 0.3)


@pytest.mark.parametrize(("retention", "discount"), [(0.8, 0.1), (0.0, 0.1), (0.62, 0.08), (0.95, 0.0)])
def test_both_timings_are_the_sums_that_they_abbreviate(retention: float, discount: float) -> None:
    years = range(1, 2000)
    later = math.fsum((retention / (1 + discount)) ** year for year in years)
    assert lifetime_value(1, retention, discount) == pytest.approx(later)
    assert lifetime_value(1, retention, discount, first_margin=TODAY) == pytest.approx(1 + later)


def test_acquisition_is_taken_off_once() -> None:
    assert lifetime_value(100, 0.8, 0.1, acquisition=40) == lifetime_value(100, 0.8, 0.1) - 40
    assert lifetime_value(-10, 0.5, 0.1) < 0, (
        "a customer who costs more than he brings is worth less than nothing"
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((math.nan, 0.8, 0.1), "margin is nan"),
        ((math.inf, 0.8, 0.1), "margin is inf"),
        ((1, 80, 0.1), "retention is 80; expected a share"),
        ((1, -0.1, 0.1), "retention"),
        ((1, math.nan, 0.1), "retention"),
        ((1, 0.8, 10), "discount is 10; expected a share"),
        ((1, 0.8, -0.1), "discount"),
        ((1, 1, 0), "no end"),
    ],
)
def test_what_is_no_share_or_has_no_end_is_refused(values: tuple[float, float, float], expected: str) -> None:
    with pytest.raises(ContractError, match=expected):
        lifetime_value(*values)


def test_the_timing_is_one_of_two() -> None:
    with pytest.raises(ContractError, match="expected 'in a year' or 'today'"):
        lifetime_value(1, 0.8, 0.1, first_margin="tomorrow")
    with pytest.raises(ContractError, match="acquisition"):
        lifetime_value(1, 0.8, 0.1, acquisition=math.nan)


# A small graph: b and c stand on a, d on both; e on nothing.
ANCESTORS = {"a": set(), "b": {"a"}, "c": {"a"}, "d": {"a", "b", "c"}, "e": set()}
WORK = [("w1", "a", 10, 100), ("w2", "b", 30, math.nan), ("w3", "d", 20, 300), ("w4", "e", math.nan, 0)]


def test_effort_counts_where_it_stands_on_a_step_below_the_gate() -> None:
    found = effort_out_of_sequence(WORK, ["a"], ANCESTORS)
    assert (found.days, found.days_out, found.cost, found.cost_out) == (60, 50, 400, 300)
    assert found.share == pytest.approx(50 / 60)
    assert found.cost_share == pytest.approx(0.75)
    assert (found.initiatives, found.out_of_sequence, found.unsized, found.ids) == (4, 2, 1, ("w2", "w3"))
    # In a graph, what stands beside the step to start with is in sequence.
    assert effort_out_of_sequence(WORK, ["b"], ANCESTORS).ids == ("w3",)


def test_where_every_step_stands_nothing_is_out_of_sequence() -> None:
    assert effort_out_of_sequence(WORK, [], ANCESTORS).share == 0
    nothing = effort_out_of_sequence([], ["a"], ANCESTORS)
    assert (nothing.share, nothing.cost_share, nothing.ids) == (None, None, ())
