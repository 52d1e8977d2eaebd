"""A chart's title names what is beyond chance; where nothing is, it says that and names no figure."""

from __future__ import annotations

import pandas as pd
import pytest

from cxlib import charts, scoring
from cxlib.findings import Finding
from cxlib.ordering import sequence
from cxlib.summary import summarise
from tests.drawn import Drawn, cx7, drawn, harbour


@pytest.fixture(scope="module")
def example() -> Drawn:
    return drawn(harbour(), cx7())


@pytest.fixture(scope="module")
def null() -> Drawn:
    return drawn(harbour().null(), cx7(), seed=3)


def scores_of(found: Drawn, wave: str = "", by: str = "") -> pd.DataFrame:
    *_, last = found.waves
    wave = wave or last
    return scoring.scores(
        found.release, found.estimates, found.instrument, found.weights, wave=wave, by=(by,) if by else ()
    )


def waves_title(found: Drawn, compared: tuple[Finding, ...]) -> str:
    trend = pd.concat([scores_of(found, wave) for wave in found.waves], ignore_index=True)
    made = charts.waves(trend, found.instrument, names=found.waves, compared=compared)
    assert made
    return made.title


def test_only_a_confirmed_change_is_said_to_have_moved(example: Drawn, null: Drawn) -> None:
    assert waves_title(example, example.findings()).startswith("Customer experiences moved most: +0.")
    assert waves_title(example, ()) == "No change beyond chance since 2025-autumn"
    assert waves_title(null, null.findings()) == "No change beyond chance since 2025-autumn"


def test_a_highest_and_a_lowest_are_named_where_their_intervals_stand_apart(
    example: Drawn, null: Drawn
) -> None:
    made, nothing = (charts.scorecard(scores_of(one), one.instrument) for one in (example, null))
    assert made.title.startswith("Highest: Touch points at ")
    assert nothing.title.startswith("All ")
    assert "beyond chance" in nothing.title


def test_roles_are_named_where_their_intervals_stand_apart(example: Drawn) -> None:
    by_role = scores_of(example, by="role")
    assert charts.roles(by_role, example.instrument).title.startswith("Seen most differently: ")
    loose = by_role.assign(low=1.0, high=5.0)
    assert charts.roles(loose, example.instrument).title == (
        "No role stands apart: the intervals overlap throughout"
    )


def test_page_picture_and_caption_name_the_same_step(example: Drawn) -> None:
    every = example.findings()
    order = sequence(scores_of(example), example.instrument.framework)
    first = summarise(order, every, []).findings[0]
    step = example.instrument.called(first.about[-1])
    drawn_pairs, picture = (
        charts.foundations(every, example.instrument),
        charts.sequence(order, example.instrument),
    )
    assert drawn_pairs
    assert picture
    assert first.sentence.startswith(f"{step}: ")
    assert drawn_pairs.title.startswith(f"{step}: ")
    assert f"{step} runs furthest ahead: 1.3 levels beyond the slack of 0.5." in picture.summary
