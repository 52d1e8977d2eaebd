"""The first page: it names what was planted, what matters first; and where nothing is, nothing.

How often it names something where nothing is, over many sets, is held in test_planted.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from cxlib import scoring
from cxlib.contrasts import Contrast
from cxlib.findings import FAMILIES, Finding, _Comparison, _judged
from cxlib.ordering import sequence
from cxlib.planning import LATER, NOW, recommendations
from cxlib.summary import FIRST, RATE, Summary, summarise
from cxlib.tables.compared import findings as findings_table
from cxlib.tables.summary import evidence, summary
from tests.drawn import Drawn, cx7, drawn, harbour


def made(found: Drawn) -> Summary:
    *_, last = found.waves
    scores = scoring.scores(found.release, found.estimates, found.instrument, found.weights, wave=last)
    order = sequence(scores, found.instrument.framework)
    return summarise(order, found.every, recommendations(scores, order, found.instrument))


@pytest.fixture(scope="module")
def example() -> Drawn:
    return drawn(harbour(), cx7())


def test_the_summary_names_the_first_three_planted_truths(example: Drawn) -> None:
    planted = [one.id for one in harbour().truths[:3]]
    assert planted == ["out_of_sequence", "said_and_done", "delivery_gap"]
    found = made(example)
    assert [one.family for one in found.findings] == ["pair", "say_do", "delivery"]
    pair, said, delivery = found.findings
    truths = {one.id: one for one in harbour().truths}
    assert pair.about[0] in truths["out_of_sequence"].weak
    assert pair.about[1] in truths["out_of_sequence"].strong
    assert said.about == (truths["said_and_done"].step,)
    assert delivery.groups == ("leadership", "customer")
    text = str(summary(found, example.instrument))
    assert all(one.sentence in text for one in found.findings)
    assert "start with Committed leadership" in text
    assert len(found.actions) == 3
    assert all(one.step == "s1" for one in found.actions)


def test_where_nothing_is_planted_the_summary_says_that_nothing_stands_out() -> None:
    found = drawn(harbour().null(), cx7(), seed=3)
    first = made(found)
    assert first.findings == ()
    assert "Nothing stands out" in str(summary(first, found.instrument))


def test_what_is_confirmed_but_not_sure_enough_is_left_to_later_pages(example: Drawn) -> None:
    doubted = [replace(one, p=2 * RATE) for one in example.every]
    first = summarise(made(example).order, doubted, [])
    assert first.findings == ()
    assert first.confirmed > 0
    assert "stands under “What stands out”" in str(summary(first, example.instrument))


def test_where_all_is_hidden_the_summary_says_so_and_finds_nothing_out() -> None:
    few = {"leadership": 1, "management": 1, "frontline": 2, "customer": 1}
    plans = [plan.model_copy(update={"answered": few}) for plan in harbour().null().waves]
    found = drawn(harbour().null().model_copy(update={"waves": plans}), cx7(), last=1)
    first = made(found)
    assert (first.compared, first.order.steps) == (0, ())
    said = str(summary(first, found.instrument))
    assert said.count("Too few answers to say.") == 2
    assert "Nothing stands out" not in said
    assert "No action is due" not in said
    assert "Nothing could be compared" in str(findings_table(found.every, found.instrument))


def test_a_finding_that_is_not_confirmed_is_never_chosen(example: Drawn) -> None:
    doubted = [replace(one, is_confirmed=False) for one in example.every]
    assert summarise(made(example).order, doubted, []).findings == ()


def test_one_finding_a_family_then_others_about_something_else() -> None:
    def one(family: str, about: str, low: float, high: float) -> Finding:
        return Finding(family, (about,), (), (low + high) / 2, low, high, "levels", 40, 0.001, True, 9, "…")

    far, near, other = (
        one("say_do", "s1", 1.0, 2.0),
        one("say_do", "s1", 0.2, 3.0),
        one("say_do", "s2", 0.1, 0.3),
    )
    order = made_order()
    assert summarise(order, [near, other, far], []).findings == (far, other)
    below = one("change", "s3", -0.9, -0.5)
    assert summarise(order, [below, one("change", "s4", 0.4, 2.0), far], []).findings == (
        far,
        below,
        one("change", "s4", 0.4, 2.0),
    )
    # Of pairs the larger figure, which is what the picture of the sequence names.
    pairs = [one("pair", "s1", 1.7, 1.8), one("pair", "s2", 1.6, 2.0)]
    assert summarise(order, pairs, []).findings[0] == pairs[1]
    assert set(FIRST) >= {"pair", "change"}


def made_order() -> object:
    return sequence({"s1": 3.0, "s2": 2.0}, {"s1": frozenset(), "s2": frozenset({"s1"})})


def at_levels(example: Drawn, levels: dict[str, float]) -> pd.DataFrame:
    """Return the example's scores as if each step, and every item of it, stood at a level."""
    *_, last = example.waves
    scores = scoring.scores(
        example.release, example.estimates, example.instrument, example.weights, wave=last
    ).copy()
    step_of = example.instrument.framework.step_of
    for at, one in zip(scores.index, scores["id"], strict=True):
        if level := levels.get(step_of.get(one, one)):
            scores.loc[at, ["mean", "low", "high"]] = level, level - 0.05, level + 0.05
    return scores


def test_the_step_to_start_with_comes_before_what_is_cheaper(example: Drawn) -> None:
    """At a middle position the steps that hold have open work too, and some of it is quickly done."""
    levels = {"s1": 3.1, "s2": 3.1, "s3": 2.6, "s4": 3.2, "s5": 2.4, "s6": 2.9, "s7": 2.2}
    instrument = example.instrument
    scores = at_levels(example, levels)
    order = sequence(scores, instrument.framework)
    assert (order.position, order.start_here) == (2, ("s3",))
    found = recommendations(scores, order, instrument, dict.fromkeys(levels, 4.0))
    now = [one for one in found if one.state == NOW]
    assert {one.step for one in now} == {"s1", "s2", "s3"}
    places = [one.step in order.start_here for one in now]
    assert places == sorted(places, reverse=True)
    gains = [one.gain for one in now]
    assert max(gains[places.count(True) :]) > min(gains[: places.count(True)]), "something else is cheaper"
    for started in (True, False):
        of = [one.gain for one in now if (one.step == "s3") is started]
        assert of == sorted(of, reverse=True)
    assert [one.step for one in summarise(order, [], found).actions][:2] == ["s3", "s3"]


def test_two_groups_say_how_many_each_of_them_is(example: Drawn) -> None:
    every = example.every
    delivery = next(one for one in every if one.groups == ("leadership", "customer"))
    assert delivery.n_each == (14, 3000)
    assert "n = 14 and 3,000" in evidence(delivery, example.instrument.words)
    for one in every:
        assert bool(one.n_each) is (one.family in {"delivery", "perception", "unit"} or one.unit == "points")
        assert not one.n_each or sum(one.n_each) == one.n


def test_nothing_is_confirmed_whose_interval_holds_zero(example: Drawn) -> None:
    confirmed = [one for one in example.every if one.is_confirmed]
    assert {"split", "delivery"} <= {one.family for one in confirmed}
    assert [one.sentence for one in confirmed if one.low < 0 < one.high] == []


def test_deferred_actions_are_never_put_first(example: Drawn) -> None:
    *_, last = example.waves
    scores = scoring.scores(
        example.release, example.estimates, example.instrument, example.weights, wave=last
    )
    order = sequence(scores, example.instrument.framework)
    later = [one for one in recommendations(scores, order, example.instrument) if one.state == LATER]
    assert later
    assert summarise(order, [], later).actions == ()


def test_every_finding_carries_its_interval_and_n(example: Drawn) -> None:
    for one in made(example).findings:
        said = evidence(one, example.instrument.words)
        counts = one.n_each or (one.n,)
        assert f"n = {' and '.join(f'{n:,}' for n in counts)}" in said
        assert sum(counts) == one.n
        assert "95% interval" in said
        digits = 0 if one.unit == "points" else 1
        assert f"{one.value:+.{digits}f}" in said


def test_a_test_that_its_own_interval_does_not_share_confirms_nothing() -> None:
    """Two ways to look at one figure may differ near the edge; what stands as found has both."""

    def judged(low: float, high: float) -> bool:
        contrast = Contrast(-0.31, low, high, 45, 0.0005)
        made = _Comparison(("s3",), ("management",), contrast, "agreement A", "…")
        (one,) = _judged(FAMILIES["split"], [made])
        return one.is_confirmed

    assert judged(-0.55, 0.0)
    assert not judged(-0.55, 0.13)
