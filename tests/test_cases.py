"""Reports of unusual clients, whole and readable: few and many answers, one wave and three, other scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cxlib.commentary import CommentarySpec
from cxlib.live import LiveEngagement
from tests.cases import Case, engagement
from tests.inprocess import report_of

NORMAL = {"leadership": 9, "management": 26, "frontline": 120, "customer": 400}
LONG = "Vereinigte Hafen-, Lager- und Gasthausbetriebe der Freien und Hansestadt Musterhafen AG & Co"
HEBREW, ARABIC = "שלום, הצוות עשה עבודה נהדרת (2026)", "شكرا جزيلا على كل شيء، 100٪ رائع"
CASES = {
    "one wave": Case(NORMAL),
    "three waves": Case(NORMAL, waves=3, name=ARABIC),
    "one role": Case({"frontline": 150}),
    "five respondents": Case({"leadership": 1, "management": 1, "frontline": 2, "customer": 1}),
    "40,000 respondents": Case({"leadership": 40, "management": 960, "frontline": 9000, "customer": 30000}),
    "a long name": Case({"frontline": 30, "customer": 60}, name=LONG),
    "a second language": Case(NORMAL, waves=2, language="de"),
}


@pytest.fixture(scope="module", params=CASES)
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    home = tmp_path_factory.mktemp("case")
    eng, settings = engagement(CASES[request.param], home)
    said = {"foreword": HEBREW, "chapters": {"overview": f"{ARABIC}\n\n{HEBREW}"}}
    eng.set_commentary(CommentarySpec.model_validate(said), by="שרה")
    with eng:
        check(eng, request.param)
        return request.param, report_of(eng, settings, home / "run")


def check(eng: LiveEngagement, name: str) -> None:
    """Hold that the case is the one that it is called."""
    assert len(eng.facts.waves) == CASES[name].waves
    assert int(eng.tally().respondents.sum()) == CASES[name].waves * sum(CASES[name].answered.values())
    assert len(LONG) >= 90


@pytest.mark.parametrize("width", [1280, 390])
def test_a_report_is_whole_and_readable(
    report: tuple[str, Path], visit: Callable[..., Any], width: int
) -> None:
    name, path = report
    seen = visit(path, width=width)
    page = seen.page
    page.wait_for_selector("html[data-charts=drawn]", timeout=60_000)
    assert page.locator("figure.cx-chart").count() == page.locator("figure .cx-plot svg").count()
    across = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert across[0] <= across[1], "the page is wider than the window"
    assert (seen.errors, seen.requests, seen.alerts, seen.violations) == ([], [], [], [])
    text = page.locator("body").inner_text()
    for words in (CASES[name].name, HEBREW, ARABIC):
        assert words in text
    broken = {"nan", "NaN", "NaT", "<NA>", "undefined", "[object"}
    assert not broken & set(text.split())
    assert "{" not in text
    cells = page.evaluate("[...document.querySelectorAll('td, th, dd')].map((one) => one.innerText.trim())")
    assert not {"None", "null", "inf", "∞"} & set(cells)
    # Every section says something: its heading is never all there is.
    empty = page.evaluate(
        "[...document.querySelectorAll('main .cx-section:not(:has(> .cx-remark:only-child))')]"
        ".filter((one) => one.innerText.trim().length < 120).map((one) => one.innerText)"
    )
    assert empty == []


def test_right_to_left_text_reads_from_the_right(report: tuple[str, Path], visit: Callable[..., Any]) -> None:
    _, path = report
    page = visit(path).page
    ways = page.evaluate(
        "[...document.querySelectorAll('p')].filter((one) => /^[\\u0590-\\u06ff]/.test(one.innerText.trim()))"
        ".map((one) => getComputedStyle(one).direction)"
    )
    assert len(ways) >= 3
    assert set(ways) == {"rtl"}
