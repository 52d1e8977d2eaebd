"""What a reader is told of what is not shown: one word for it, told from what was never asked, and bounds."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cxlib import charts, estimates, findings, tables
from cxlib.anonymity.settle import RULES
from cxlib.extract import COUNTED
from cxlib.frames import WAVE
from cxlib.instrument import Instrument
from cxlib.language import Words, words_of
from cxlib.live import LiveEngagement
from cxlib.ordering import sequence
from cxlib.run.reports import chosen
from cxlib.segments import extract_of
from cxlib.settings import Settings, read_settings
from tests.cases import Case, engagement
from tests.drawn import cx7
from tests.samples import WEIGHTS, Sample, bakery, created, mapping, people, sample, survey
from tests.test_tables import rows, said

STEPS = {"grain_mill": [1, 2], "grain_stock": [2, 3], "oven_time": [5, 4], "oven_crust": [10, 9]}


def five() -> Sample:
    """Four of staff and a guest: the whole is large enough to show, staff are not."""
    rows = people(2, "owner", **STEPS) + people(2, "team", **STEPS)
    return sample(rows + people(1, "guest", oven_crust=7, ask_recommend=9), rules=RULES)


def compared(held: Sample) -> tuple[findings.Finding, ...]:
    return findings.findings(held.release, held.estimates, held.instrument, WEIGHTS, wave="w1")


# ── Hidden, and not asked ───────────────────────────────────────────────────────────────────────


def test_a_step_that_few_of_staff_answered_is_hidden_and_not_unasked() -> None:
    held = five()
    order = sequence(held.scores(), bakery())
    assert set(order.missing) == {"grain", "oven", "counter", "street"}
    assert "grain" in order.hidden
    assert not {"counter", "street"} & set(order.hidden)
    text = tables.standing(order, held.instrument).text
    assert text.startswith("Not assessed in this wave: ")
    unasked, hidden = text.split("Hidden: ")
    assert "Good ingredients" in hidden
    assert "Good ingredients" not in unasked
    assert "Good ingredients: hidden" in tables.steps(order, held.instrument).text
    assert "Current level: hidden" in tables.chapter(held.scores(), held.instrument, step="grain").text
    assert "was not assessed" in tables.chapter(held.scores(), held.instrument, step="counter").text


def test_of_staff_who_are_hidden_nothing_is_compared_over_staff_and_guests_together() -> None:
    rows = people(2, "owner", **STEPS) + people(4, "team", **STEPS) + people(4, "guest", **STEPS)
    held = sample(rows, rules=RULES)
    visible = held.release.groups[~held.release.groups["is_hidden"]]
    assert visible["cut"].tolist() == ["", "unit"]
    assert (held.estimates["kind"] == "pair").any(), "the counts of everyone would allow it"
    assert [one for one in compared(held) if one.family in {"pair", "change"}] == []
    alone = sample(people(10, "team", **STEPS), rules=RULES)
    assert [one for one in compared(alone) if one.family == "pair"]


def test_a_change_of_guests_alone_is_not_called_everyones() -> None:
    rows = [
        row
        for wave, level in (("w1", [1, 2]), ("w2", [4, 5]))
        for role, n in (("guest", 20), ("team", 3), ("owner", 3))
        for row in people(n, role, wave=wave, grain_label=level)
    ]
    held = sample(rows, rules=RULES, cuts=[(), ("role",)])
    made = estimates.estimate_changes(held.tally, held.release, held.instrument, ["w1", "w2"], {})
    found = findings.findings(
        held.release, made, held.instrument, WEIGHTS, wave="w2", waves={"w1": "First", "w2": "Second"}
    )
    changes = [one for one in found if one.family == "change"]
    assert len(changes) == 1
    assert changes[0].sentence.endswith("(role: Guests).")


def test_every_hidden_thing_is_called_by_one_word() -> None:
    held = five()
    order = sequence(held.scores(), bakery())
    shown = [
        tables.standing(order, held.instrument),
        tables.steps(order, held.instrument),
        tables.appendix(held.scores(), held.scores("role"), held.instrument),
        tables.evidence(held.distribution(), held.instrument, step="grain"),
        tables.metrics(held.metrics(), held.instrument),
        charts.scorecard(held.scores(), held.instrument),
    ]
    for block in shown:
        text = block.text.lower() if isinstance(block, tables.Html) else ""
        assert "too few" not in text
        assert not re.search(r"\b[1-4] (people|answer)", text)


def test_a_step_that_was_asked_keeps_its_chapter_where_it_is_hidden(tmp_path: Any) -> None:
    settings = read_settings({"CX_HOME": str(tmp_path / "home")})
    with small(settings, tmp_path) as eng:
        names = {path.stem for path in chosen(eng, settings.notebooks)}
        assert {step.slug for step in eng.framework.steps if eng.is_assessed(step.id)} >= {"ingredients"}
        note = eng.hidden_note
        assert "hidden" in note
        assert "at least 95%" in note
        assert names


def small(settings: Settings, tmp_path: Any) -> LiveEngagement:
    eng = created(settings)
    eng.import_file(survey(tmp_path / "s.csv", sizes={"owner": 2, "team": 2, "guest": 1}), mapping(tmp_path))
    return eng


# ── Bounds ──────────────────────────────────────────────────────────────────────────────────────


def unanimous(**team: Any) -> Sample:
    rows = people(12, "team", grain_stock=[2, 3], **team)
    rows += people(12, "owner", grain_mill=[3, 4], grain_stock=[3, 4], oven_crust=[8, 10])
    rows += people(12, "guest", grain_mill=[2, 4, 5], oven_crust=[2, 3], ask_recommend=[9, 3])
    return sample(rows, rules=RULES, cuts=[(), ("role",)])


@pytest.mark.parametrize(("level", "bound"), [(5, "at least 95%"), (4, "at least 95%"), (2, "at most 5%")])
def test_a_bounded_item_shows_its_bound_and_is_hidden_beside_it(level: int, bound: str) -> None:
    held = unanimous(grain_mill=level)
    card = tables.scorecard(held.scores("role"), held.instrument, kind="item")
    cells = [said(one) for one in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row_of(card, "Bakers"), re.S)]
    assert bound in cells
    assert cells.count("hidden") == 5


def row_of(card: tables.Html | None, role: str) -> str:
    assert card is not None
    rows = re.findall(r"<tr>(.*?)</tr>", str(card.markup), re.S)
    return next(row for row in rows if role in row and "flour" in row)


def test_a_top_box_of_all_or_none_is_a_bound_though_answers_differ() -> None:
    held = unanimous(grain_mill=[4, 5])
    assert held.release.bounds.empty
    score = held.score("grain.mill", role="team")
    assert (score.top_box, score.top_box_bound, score.is_hidden) == (0.95, "at least", False)
    assert math.isnan(score.top_box_high)
    text = said(row_of(tables.scorecard(held.scores("role"), held.instrument, kind="item"), "Bakers"))
    assert "at least 95%" in text
    assert "100%" not in text
    whole = sample(people(12, grain_mill=[4, 5]))
    listed = rows(tables.appendix(whole.scores(), whole.scores("role"), whole.instrument))
    assert next(row for row in listed if row[0] == "grain.mill")[5] == "at least 95%"
    chart = charts.levels(whole.distribution(), whole.instrument)
    assert "(at least 95% answer 4 or 5)" in str(vars(chart))


def test_a_metric_of_one_voice_is_a_bound() -> None:
    question = "q.delivery_gap"
    answered = [
        {"wave": "w1", "role": role, "unit": "north", question: answer}
        for role, answers in (("leadership", [1] * 9), ("management", [0, 1] * 8), ("customer", [0] * 30))
        for answer in answers
    ]
    held = sample(answered, rules=RULES, instrument=Instrument(cx7()), cuts=[(), ("role",)])
    found = held.metrics().set_index("role")
    assert found.loc["leadership", ["is_hidden", "value", "bound"]].tolist() == [True, 95, "at least"]
    assert found.loc["customer", ["is_hidden", "value", "bound"]].tolist() == [True, 5, "at most"]
    assert found["n"].isna().loc[["leadership", "customer"]].all()
    shown = {row[2]: row[3:] for row in rows(tables.metrics(held.metrics(), held.instrument))}
    assert shown["Leadership"] == ["hidden", "at least 95%", "hidden"]
    assert shown["Customers"] == ["hidden", "at most 5%", "hidden"]


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (0, "at most 5%"),
        (0.004, "at most 5%"),
        (0.006, "1%"),
        (0.5, "50%"),
        (0.994, "99%"),
        (1, "at least 95%"),
    ],
)
def test_a_share_that_would_read_as_all_or_none_is_a_bound(share: float, written: str) -> None:
    assert Words("en").top_box(share) == written


def test_a_bound_is_said_in_german() -> None:
    assert words_of("de").top_box(1) == "mindestens 95\N{NO-BREAK SPACE}%"
    assert words_of("de").top_box(0.05, "at most") == "höchstens 5\N{NO-BREAK SPACE}%"


def test_a_units_extract_carries_its_bounds_under_the_cuts_without_it(tmp_path: Any) -> None:
    settings = read_settings({"CX_HOME": str(tmp_path / "home")})
    path = survey(tmp_path / "s.csv", sizes={"owner": 40, "team": 60, "guest": 80})
    lines = path.read_text(encoding="utf-8").splitlines()
    head = lines[0].split(",")
    at, shop = head.index("mill"), head.index("Shop")
    rows = [line.split(",") for line in lines[1:]]
    for row in rows:
        if row[shop] == "harbour" and row[at].strip():
            row[at] = "5"
    path.write_text("\n".join([lines[0], *(",".join(row) for row in rows)]) + "\n", encoding="utf-8")
    with created(settings) as eng:
        eng.import_file(path, mapping(tmp_path))
        whole = eng.extract.release.bounds
        assert "harbour" in set(whole["shop"])
        mine = extract_of(eng.extract, "shop", "harbour").release
        assert len(mine.bounds) == (whole["shop"] == "harbour").sum()
        assert set(mine.bounds["cut"]) <= {"", "role"}
        assert "shop" not in mine.bounds
        assert all(getattr(mine, name) is not None for name in COUNTED)
        assert (mine.bounds[WAVE] == eng.wave_id).all()


# ── Who skipped ─────────────────────────────────────────────────────────────────────────────────


def test_reliability_tells_no_more_than_who_answered_the_item_with_the_fewest() -> None:
    rows = people(30, "team", grain_mill=[1, 2, 3, 4, 5], grain_stock=[2, 2, 3, 5, 4])
    for at in (0, 1):
        rows[at]["grain.mill"] = None
    for at in (2, 3, 4):
        rows[at]["grain.stock"] = None
    held = sample(rows, rules=RULES)
    found = estimates.estimate_reliability(held.tally, held.release, held.instrument)
    row = found[found["id"] == "grain"].iloc[0]
    assert row["n"] == 27
    # Both were answered by 25: neither n nor Feldt's interval may say so.
    from scipy import stats as distributions

    quantile = (1 - row["alpha_low"]) / (1 - row["alpha"])
    told = [n for n in range(5, 40) if np.isclose(quantile, distributions.f.ppf(0.975, n - 1, n - 1))]
    assert told == [27]


def test_of_five_people_the_report_says_hidden_and_compares_nothing(tmp_path: Path) -> None:
    answered = {"leadership": 1, "management": 1, "frontline": 2, "customer": 1}
    eng, settings = engagement(Case(answered), tmp_path / "home")
    with eng:
        assert eng.extract.release.groups.query("cut == ''")["n"].tolist() == [5]
        order = sequence(eng.scores(), eng.framework)
        assert order.missing == order.hidden == tuple(step.id for step in eng.framework.steps)
        assert eng.comparisons() == ()
        assert len(chosen(eng, settings.notebooks)) == len(order.hidden) + 2
