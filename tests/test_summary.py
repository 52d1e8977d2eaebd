"""The first page: it names what was planted, what matters first; and where nothing is, nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cxlib import scoring
from cxlib.findings import Finding
from cxlib.ordering import sequence
from cxlib.planning import LATER, recommendations
from cxlib.summary import FIRST, Summary, summarise
from cxlib.tables.summary import evidence, summary
from tests.drawn import Drawn, cx7, drawn, harbour


def made(found: Drawn) -> Summary:
    *_, last = found.waves
    scores = scoring.scores(found.release, found.estimates, found.instrument, found.weights, wave=last)
    order = sequence(scores, found.instrument.framework)
    return summarise(order, found.findings(), recommendations(scores, order, found.instrument))


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


def test_a_finding_that_is_not_confirmed_is_never_chosen(example: Drawn) -> None:
    doubted = [replace(one, is_confirmed=False) for one in example.findings()]
    assert summarise(made(example).order, doubted, []).findings == ()


def test_one_finding_a_family_then_others_about_something_else() -> None:
    def one(family: str, about: str, low: float, high: float) -> Finding:
        return Finding(family, (about,), (), (low + high) / 2, low, high, "levels", 40, 0.01, True, 9, "…")

    far, near, other = one("pair", "s1", 1.0, 2.0), one("pair", "s1", 0.2, 3.0), one("pair", "s2", 0.1, 0.3)
    order = made_order()
    assert summarise(order, [near, other, far], []).findings == (far, other)
    below = one("change", "s3", -0.9, -0.5)
    assert summarise(order, [below, one("change", "s4", 0.4, 2.0), far], []).findings == (
        far,
        below,
        one("change", "s4", 0.4, 2.0),
    )
    assert set(FIRST) >= {"pair", "change"}


def made_order() -> object:
    return sequence({"s1": 3.0, "s2": 2.0}, {"s1": frozenset(), "s2": frozenset({"s1"})})


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
        assert f"n = {one.n:,}" in said
        assert "95% interval" in said
        digits = 0 if one.unit == "points" else 1
        assert f"{one.value:+.{digits}f}" in said
