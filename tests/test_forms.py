"""Forms for a reader: they offer what is published, take nothing on trust, and say what the method says."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import pytest

from cxlib import forms, ordering
from cxlib.choices import find_group
from cxlib.engagement import Engagement
from cxlib.errors import NotFoundError
from cxlib.extract import read_extract
from cxlib.forms import showing
from cxlib.forms.trying import HIGHEST, LOWEST, answered, value_of
from tests.made import Made


@pytest.fixture(scope="module")
def eng(demo: Made) -> Engagement:
    return Engagement(read_extract(demo.folder / "extract"))


@pytest.fixture(autouse=True)
def on_page() -> Iterator[None]:
    """Show as on a dashboard's page, and forget it afterwards."""
    forms.begin_at()
    yield
    showing._begun.update(wave="", segment="", page="")


def lists(box: Any) -> dict[str, Any]:
    return {one.description: one for one in box.children if hasattr(one, "options")}


def text(box: Any) -> str:
    told = [one.value for one in box.children if isinstance(getattr(one, "value", None), str)]
    return unescape(" ".join(told))


def test_only_groups_that_are_shown_are_offered(eng: Engagement) -> None:
    offered = [name for name, _ in lists(forms.explore(eng))["Group"].options]
    groups = eng.extract.release.groups
    hidden = groups[groups["is_hidden"] & (groups["wave"] == eng.wave.id)]
    assert len(hidden) > 0
    assert len(offered) == len(eng.groups())
    keys = {one.key for one in eng.groups()}
    assert "role:frontline" in keys
    for row in hidden.to_dict("records"):
        dims = [dim for dim in str(row["cut"]).split("×") if dim]
        assert "+".join(f"{dim}:{row[dim]}" for dim in dims) not in keys
    with pytest.raises(NotFoundError):
        find_group(eng.groups(), "role:ghost")


def test_from_a_step_to_an_item_to_its_answers(eng: Engagement) -> None:
    box = forms.explore(eng)
    chosen = lists(box)
    assert chosen["Item"].layout.display == "none"
    chosen["Step"].index = 1
    assert chosen["Item"].layout.display == ""
    assert "cx-chart" in text(box)
    chosen["Item"].index = 1
    name = eng.instrument.name("s1.i01")
    assert f"“{name}”" in text(box)
    assert 'data-segment=""' in text(box)
    chosen["Group"].index = 2
    assert 'data-segment="role:' in text(box)


def test_a_view_is_begun_with_where_it_is_shown(eng: Engagement) -> None:
    forms.begin_at(wave="2025-autumn", segment="role:frontline")
    assert "Frontline, Autumn 2025" in text(forms.explore(eng))
    forms.begin_at(wave="nowhere", segment="role:ghost")
    assert "Everyone, Spring 2026" in text(forms.explore(eng))


def test_two_waves_are_compared_over_what_both_show(eng: Engagement) -> None:
    box = forms.compare(eng)
    assert "From Autumn 2025 to Spring 2026" in text(box)
    chosen = lists(box)
    chosen["Earlier"].index, chosen["Later"].index = 1, 0
    assert "comes after the earlier one" in text(box)


@pytest.mark.parametrize("value", [math.nan, math.inf, -9.0, 99.0, "5", None, True, [3]])
def test_a_slider_is_taken_within_its_ends_whatever_is_written(value: object) -> None:
    class Written:
        pass

    one: Any = Written()
    one.value = value
    found = value_of(one, LOWEST, HIGHEST, 2.5)
    assert LOWEST <= found <= HIGHEST


def test_a_place_that_is_not_there_is_the_first() -> None:
    class Written:
        index: Any = 7

    one: Any = Written()
    for index in (7, -1, None, "1"):
        one.index = index
        assert showing.place_of(one, ["first", "second"]) == "first"


def test_what_if_says_what_the_method_says_and_soon(eng: Engagement, tell: Callable[[str], None]) -> None:
    today = ordering.sequence(eng.scores(), eng.framework)
    levels = {one.step: one.level for one in today.steps}
    assert "stands today" in answered(eng, today, levels)[0].text
    levels["s1"] = 3.4
    then = ordering.sequence(levels, eng.framework)
    took = []
    for _ in range(10):
        began = time.perf_counter()
        said, large = answered(eng, today, levels)
        took.append(time.perf_counter() - began)
    tell(f"what if: the sequence answers in {1000 * sorted(took)[5]:.1f} ms (median of 10)")
    assert sorted(took)[5] < 0.2
    assert f"{then.position} of {len(then.steps)}" in large.text
    assert eng.words.percent(then.excess_share or 0) in large.text
    assert eng.words.number(then.effective or 0, 1) in large.text
    assert eng.instrument.called(then.start_here[0]) in said.text
    # Nothing that was measured has changed.
    assert ordering.sequence(eng.scores(), eng.framework) == today


def test_untouched_sliders_leave_everything_as_it_is(eng: Engagement) -> None:
    box = forms.what_if(eng)
    assert "stands today" in text(box)
    sliders = [one for one in box.children if hasattr(one, "readout_format")]
    assert len(sliders) == len(eng.framework.steps)
    sliders[0].value = 4.5
    assert "If Committed leadership stood so" in text(box)
    next(one for one in box.children if hasattr(one, "click")).click()
    assert "stands today" in text(box)
