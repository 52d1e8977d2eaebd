"""Tables and blocks against the frames they are made of: figures, hidden groups, hostile names, languages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cxlib import planning, scoring, tables
from cxlib.errors import NotFoundError
from cxlib.findings import FAMILIES, Finding, families_in
from cxlib.frames import DONT_KNOW, NOT_APPLICABLE
from cxlib.framework import Framework, parse_framework
from cxlib.instrument import Instrument
from cxlib.language import Words
from cxlib.ordering import GATE, Sequence, sensitivity, sequence
from cxlib.quality import completeness, told
from cxlib.tables import Html
from tests.drawn import Drawn, cx7, drawn, harbour
from tests.samples import BAKERY, Sample, bakery, people, sample

HOSTILE = "</script><img src=x onerror=alert(1)>"
STEP = "leadership"


# ── What is read back from a piece of a page ────────────────────────────────────────────────────


def markup(html: Html | None) -> str:
    assert html is not None
    return str(html.markup)


def rows(html: Html | None) -> list[list[str]]:
    """Return the body's rows of all tables as a reader sees them."""
    return [
        [said(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)]
        for body in re.findall(r"<tbody>(.*?)</tbody>", markup(html), re.S)
        for row in re.findall(r"<tr>(.*?)</tr>", body, re.S)
    ]


def headings(html: Html | None) -> list[str]:
    return [said(one) for one in re.findall(r'<th scope="col"[^>]*>(.*?)</th>', markup(html), re.S)]


def said(text: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", text)).split())


def by_first(html: Html | None) -> dict[str, dict[str, str]]:
    names = headings(html)
    return {row[0]: dict(zip(names, row, strict=True)) for row in rows(html)}


# ── Drawn data: everything a report has ─────────────────────────────────────────────────────────


@cache
def full() -> Drawn:
    return drawn(harbour(), cx7(), last=2)


def last() -> str:
    *_, wave = full().waves
    return wave


@cache
def scored(by: str = "", wave: str = "") -> pd.DataFrame:
    of = full()
    return scoring.scores(of.release, of.estimates, of.instrument, of.weights, wave=wave or last(), by=by)


@cache
def distribution() -> pd.DataFrame:
    of = full()
    return scoring.distribution(of.release, of.instrument, of.weights, wave=last())


@cache
def measured() -> pd.DataFrame:
    of = full()
    return scoring.metrics(of.release, of.instrument, wave=last())


@cache
def order() -> Sequence:
    return sequence(scored(), full().instrument.framework)


@cache
def compared() -> tuple[Finding, ...]:
    return full().findings()


@cache
def advised() -> tuple[planning.Recommendation, ...]:
    return planning.recommendations(scored(), order(), full().instrument, {})


def score(id_: str, frame: pd.DataFrame | None = None, **group: str) -> Any:
    data = scored() if frame is None else frame
    chosen = data["id"] == id_
    for dim, value in group.items():
        chosen &= data[dim] == value
    (row,) = data[chosen].itertuples()
    return row


def trend() -> pd.DataFrame:
    return pd.concat([scored(wave=wave) for wave in full().waves], ignore_index=True)


def blocks(instrument: Instrument) -> dict[str, Html | None]:
    """Build every block on drawn data, in the words of an instrument."""
    whole, by_role, made = scored(), scored("role"), findings_of(instrument)
    plan = planning.recommendations(whole, order(), instrument, {"s1": 3.2})
    framework = instrument.framework
    people_ = pd.DataFrame(
        {"role": ["frontline"], "name": ["y"], "is_hidden": [False], "n": [3], "population": [9],
         "share": [1 / 3]}
    )  # fmt: skip
    return {
        "how_to_read": tables.how_to_read(instrument, threshold=5),
        "scorecard": tables.scorecard(whole, instrument, targets={"s1": 3.2}, by_role=by_role),
        "by role": tables.scorecard(by_role, instrument),
        "items": tables.scorecard(whole, instrument, kind="item"),
        "chapter": tables.chapter(whole, instrument, step=STEP, targets={}),
        "goals": tables.goals({"s1": 3.2}, whole, instrument, step=STEP),
        "disagreement": tables.disagreement(by_role, instrument, step=STEP),
        "waves": tables.waves(trend(), instrument, dict.fromkeys(full().waves, "y")),
        "change": tables.change(made, instrument, since="y"),
        "first": tables.change((), instrument),
        "nothing": tables.change((), instrument, since="y"),
        "lenses": tables.lenses(whole, instrument, metrics=measured()),
        "appendix": tables.appendix(whole, by_role, instrument),
        "evidence": tables.evidence(distribution(), instrument, step=STEP),
        "completeness": tables.completeness(completeness(distribution(), instrument), instrument),
        "quality": tables.quality(told([{"rejected": 7}], [True], 5), instrument, threshold=5),
        "next_moves": tables.next_moves(whole, instrument, step=STEP, recommendations=plan),
        "moves": tables.next_moves(whole, instrument, step=STEP),
        "recommendations": tables.recommendations(plan, instrument),
        "standing": tables.standing(order(), instrument),
        "unasked": tables.standing(sequence({}, framework), instrument),
        "steps": tables.steps(order(), instrument),
        "sensitivity": tables.sensitivity(sensitivity(whole, framework), instrument),
        "metrics": tables.metrics(measured(), instrument),
        "participation": tables.participation(people_, instrument),
        "findings": tables.findings(made, instrument),
        "families": tables.families(made, instrument),
        "empty": tables.empty("y", "y", "y", instrument),
        **{family: tables.gaps(made, instrument, family=family) for family in FAMILIES},
    }


def prime() -> None:
    """Make the frames that are kept, before a test changes how names are said."""
    for wave in full().waves:
        scored(wave=wave)
    scored("role"), measured(), distribution(), order(), compared(), advised()


@cache
def _found(language: str) -> tuple[Finding, ...]:
    of = full()
    instrument = Instrument(of.instrument.framework, language)
    return Drawn(of.release, of.estimates, instrument, of.weights, dict.fromkeys(of.waves, "y")).findings()


def findings_of(instrument: Instrument) -> tuple[Finding, ...]:
    return _found(instrument.language)


# ── Languages ───────────────────────────────────────────────────────────────────────────────────


class Crossed(dict[str, str]):
    """A catalogue that has every message, with each letter outside the braces crossed out."""

    def __contains__(self, message: object) -> bool:
        return True

    def __getitem__(self, message: str) -> str:
        return "".join(
            part if part.startswith("{") else re.sub(r"[^\W\d_]", "x", part)
            for part in re.split(r"(\{\w+\})", message)
        )


@pytest.fixture
def crossed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Instrument]:
    """German in which all the suite's own letters are x, and the framework's y."""
    prime()
    found = Words("de", Crossed())
    monkeypatch.setattr(Instrument, "words", property(lambda self: found))
    monkeypatch.setattr(Framework, "say", lambda self, text, language=None: "y" if text else "")
    _found.cache_clear()
    yield Instrument(cx7(), "de")
    _found.cache_clear()


def test_every_word_of_every_table_goes_through_the_catalogue(crossed: Instrument) -> None:
    # Frames carry the names that they were scored with, in English: those are no words of a table.
    named = {str(one) for frame in (scored(), measured()) for one in frame["name"]}
    values = {"Department", "Hotel", *(str(one) for dim in ("hotel", "department") for one in units(dim))}
    left: dict[str, set[str]] = {}
    for name, html in blocks(crossed).items():
        assert html is not None, name
        text = re.sub(r"\bs\d\.i\d\d\b|\bq\.\w+", " ", html.text + " " + said(markup(html)))
        for one in sorted(named | values, key=len, reverse=True):
            text = text.replace(one, " ")
        if found := set(re.findall(r"[^\W\d_]{2,}", text)) - {"x", "y", "und"}:
            left[name] = {one for one in found if set(one) - {"x"}}
    assert {name: found for name, found in left.items() if found} == {}


def units(dim: str) -> set[str]:
    return {str(one) for one in full().release.groups[dim] if one}


def test_figures_are_written_as_the_language_does(crossed: Instrument) -> None:
    card = rows(tables.scorecard(scored(), crossed, targets={}))
    row = score("s1")
    assert f"{row.mean:.1f}".replace(".", ",") in card[0]
    text = markup(tables.scorecard(scored(), crossed))
    assert f"{row.top_box:.0%}".replace("%", "\N{NO-BREAK SPACE}%") in text
    assert not re.search(r"\d\.\d", said(text))


def test_families_are_named_in_the_readers_language() -> None:
    known = families_in(Words("de", Crossed()))
    assert list(known) == list(FAMILIES)
    assert all(set(one.name) <= set("x ") for one in known.values())
    assert {one.rate for one in known.values()} == {0.05}


# ── What a person typed is text, whatever it holds ──────────────────────────────────────────────


def test_hostile_texts_are_escaped_in_every_block(monkeypatch: pytest.MonkeyPatch) -> None:
    prime()
    say = Framework.say
    monkeypatch.setattr(
        Framework, "say", lambda self, text, language=None: HOSTILE + say(self, text, language or "en")
    )
    _found.cache_clear()
    instrument = Instrument(cx7(), "en")
    for name, html in blocks(instrument).items():
        page = markup(html)
        assert "<img" not in page, name
        assert "<script" not in page, name
        assert "</script" not in page, name
    assert "&lt;img" in markup(tables.lenses(scored(), instrument))
    _found.cache_clear()


def test_hostile_names_of_clients_waves_and_units_are_escaped() -> None:
    held = sample([*people(8, unit=HOSTILE, grain_mill=3), *people(8, unit="north", grain_mill=2)])
    found = {
        "unit": tables.scorecard(held.scores("unit"), held.instrument),
        "wave": tables.waves(trend(), full().instrument, {wave: wave + HOSTILE for wave in full().waves}),
        "since": tables.change(compared(), full().instrument, since=HOSTILE),
        "note": tables.note(HOSTILE),
        "empty": tables.empty(HOSTILE, HOSTILE, HOSTILE, held.instrument, command=HOSTILE),
        "bullets": tables.bullets([HOSTILE]),
        "figures": tables.figures([(HOSTILE, HOSTILE, HOSTILE)]),
        "plain": tables.plain(pd.DataFrame({HOSTILE: [HOSTILE]}), HOSTILE),
    }
    for name, html in found.items():
        assert "&lt;img" in markup(html), name
        assert "<img" not in markup(html), name


# ── Scores ──────────────────────────────────────────────────────────────────────────────────────


def test_the_scorecard_says_what_the_frame_holds() -> None:
    card = tables.scorecard(scored(), full().instrument, targets={"s1": 3.2})
    row, shown = score("s1"), by_first(card)["Committed leadership"]
    assert shown["n"] == f"{row.n:,}"
    assert shown["Mean"] == f"{row.mean:.1f}"
    assert shown["95% interval"] == f"{row.low:.1f} – {row.high:.1f}"
    assert shown["Top two"] == f"{row.top_box:.0%} {row.top_box_low:.0%} – {row.top_box_high:.0%}"
    assert shown["Agreement"].startswith(f"{row.agreement:.2f} {row.agreement_low:.2f}")
    assert shown["Gated"].startswith(f"{row.gated_level:.0f} ")


def test_a_proposed_target_bears_a_star_and_a_decided_one_does_not() -> None:
    card = tables.scorecard(scored(), full().instrument, targets={"s1": 3.2})
    shown = {name: row["Target"] for name, row in by_first(card).items()}
    assert shown.pop("Committed leadership") == "3.2"
    assert len(shown) == 6
    assert all(re.fullmatch(r"\d\.\d\*", one) for one in shown.values())
    assert "* A target proposed by the framework" in markup(card)
    every = {step.id: 4.0 for step in full().instrument.framework.steps}
    assert "*" not in markup(tables.scorecard(scored(), full().instrument, targets=every))


def test_the_unweighted_mean_counts_everyone_alike() -> None:
    rows_ = [*people(6, "owner", grain_mill=[4, 5]), *people(18, "team", grain_mill=[1, 2, 3])]
    held = sample(rows_)
    found = scoring.unweighted(held.scores(), held.scores("role"))
    assert found["grain.mill"] == pytest.approx((6 * 4.5 + 18 * 2) / 24)
    card = tables.scorecard(held.scores(), held.instrument, kind="item", by_role=held.scores("role"))
    shown = by_first(card)["Where flour comes from"]
    assert shown["Mean"] == "3.7"
    assert shown["Unweighted"] == "2.6"


def test_there_is_no_unweighted_mean_beside_a_hidden_role() -> None:
    weights = {"owner": 2.0, "team": 1.0, "guest": 1.0}
    for owners in (3, 6):
        held = sample([
            *people(owners, "owner", grain_label=4), *people(9, "team", grain_label=[1, 2]),
            *people(9, "guest", grain_label=3),
        ])  # fmt: skip
        whole, by_role = held.scores(weights=weights), held.scores("role", weights=weights)
        assert by_role["is_hidden"].any() == (owners < 5)
        assert ("grain.label" in scoring.unweighted(whole, by_role)) == (owners >= 5)
        card = tables.scorecard(whole, held.instrument, kind="item", by_role=by_role)
        assert ("Unweighted" in headings(card)) == (owners >= 5)


def test_a_figure_made_of_the_roles_beside_a_hidden_one_has_no_unweighted_mean() -> None:
    whole, by_role = scored().copy(), scored("role").copy()
    whole.loc[whole["id"] == "s1", "parts"] = "management+frontline"
    by_role.loc[(by_role["id"] == "s1") & (by_role["role"] == "leadership"), "is_hidden"] = True
    found = scoring.unweighted(whole, by_role)
    assert "s1" not in found
    assert "s2" in found


def test_a_hidden_group_shows_the_word_and_no_figure() -> None:
    held = sample(people(9, grain_mill=3) + people(3, "owner", grain_mill=4) + people(2, "guest"))
    by_role = held.scores("role")
    hidden = by_role[by_role["is_hidden"]]
    assert len(hidden)
    card = tables.scorecard(by_role, held.instrument, kind="item")
    (row,) = [one for one in rows(card) if "Owners" in one]
    assert [one for one in row if any(map(str.isdigit, one))] == []
    assert row.count("hidden") == 6
    assert markup(card).count('class="num hidden"') == 6 * len(hidden[hidden["kind"] == "item"])
    # A unit that is called so is not a hidden one.
    named = sample(people(9, unit="hidden", grain_mill=3))
    assert ">hidden</td>" in markup(tables.scorecard(named.scores("unit"), named.instrument, kind="item"))
    assert "num hidden" not in markup(tables.scorecard(named.scores("unit"), named.instrument, kind="item"))
    assert 'class="hidden"' not in markup(
        tables.scorecard(named.scores("unit"), named.instrument, kind="item")
    )


def test_a_chapter_begins_with_where_its_step_stands() -> None:
    row = score("s1")
    block = tables.chapter(scored(), full().instrument, step=STEP, targets={})
    assert '<dl class="cx-figures cx-chapter-facts">' in markup(block)
    for part in (
        f"Current level: {row.mean:.1f} 95% interval {row.low:.1f} – {row.high:.1f}",
        "proposed by the framework",
        f"Agreement: {row.agreement:.2f}",
        f"Gated level: {row.gated_level:.0f}",
        f"People: {row.n:,}",
    ):
        assert part in block.text
    assert (
        "Target: 3.2 decided"
        in tables.chapter(scored(), full().instrument, step=STEP, targets={"s1": 3.2}).text
    )


def test_a_chapter_of_a_step_that_was_not_assessed_or_is_hidden_says_so() -> None:
    held = sample(people(9, grain_mill=3))
    assert "was not assessed" in tables.chapter(held.scores(), held.instrument, step="oven").text
    few = sample(people(9, grain_mill=[3, None, None]))
    block = tables.chapter(few.scores(), few.instrument, step="grain")
    assert "Current level: hidden" in block.text
    assert [name for name in block.text.split("; ") if re.search(r"\d", name)] == []


def test_goals_show_the_target_beside_where_the_step_stands() -> None:
    row = score("s1")
    (shown,) = rows(tables.goals({"s1": 4.5, "s2": 4.0}, scored(), full().instrument, step=STEP))
    assert shown == [
        "Committed leadership", f"{row.n:,}", f"{row.mean:.1f}", f"{row.low:.1f} – {row.high:.1f}", "4.5",
        f"{4.5 - row.mean:.1f}",
    ]  # fmt: skip
    assert "No target" in tables.goals({"s2": 4.0}, scored(), full().instrument, step=STEP).text


# ── Comparisons ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("family", FAMILIES)
def test_gaps_list_a_family_confirmed_or_not(family: str) -> None:
    made = [one for one in compared() if one.family == family]
    block = tables.gaps(compared(), full().instrument, family=family, most=4)
    shown = rows(block)
    assert len(shown) == min(4, len(made))
    for one, row in zip(made, shown, strict=False):
        assert row[-1] == ("beyond chance" if one.is_confirmed else "not beyond chance")
        assert " and ".join(f"{n:,}" for n in one.n_each or (one.n,)) in row
        assert f"{abs(one.value):.{0 if one.unit == 'points' else 2}f}" in row[2]
    assert f"{sum(one.is_confirmed for one in made)} of {len(made)} comparisons" in markup(block)


def test_a_gap_that_is_not_confirmed_says_so_and_an_empty_family_says_why() -> None:
    made = compared()
    assert "not beyond chance" in markup(tables.gaps(made, full().instrument, family="unit"))
    part = [one for one in made if one.family == "perception"][:7]
    told = markup(tables.gaps(part, full().instrument, family="perception"))
    assert f"part of {part[0].compared} that were judged together" in told
    assert "judged together" not in markup(tables.gaps(made, full().instrument, family="perception"))
    assert "nothing could be compared" in tables.gaps((), full().instrument, family="delivery").text


def test_change_tells_a_first_wave_from_one_without_a_match() -> None:
    instrument = full().instrument
    assert "A first wave: nothing to compare with" in tables.change((), instrument).text
    assert "A first wave: nothing to compare with" in tables.change(compared(), instrument, since="").text
    assert "Since the wave before, " in tables.change(compared(), instrument).text
    assert "Nothing can be compared with Autumn" in tables.change((), instrument, since="Autumn").text
    found = [one for one in compared() if one.family == "change"]
    block = tables.change(compared(), instrument, since="Autumn", most=99)
    assert len(rows(block)) == len(found)
    count = sum(one.is_confirmed for one in found)
    assert f"Since Autumn, {count} of {len(found)} figures changed beyond chance." in block.text
    calm = [one for one in found if not one.is_confirmed]
    assert f"none of {len(calm)} figures" in tables.change(calm, instrument, since="Autumn").text


def test_waves_stand_side_by_side_with_interval_and_n() -> None:
    first, now = full().waves
    names = {first: "Autumn", now: "Spring"}
    block = tables.waves(trend(), full().instrument, names)
    assert headings(block) == ["Step", "Autumn", "Spring"]
    row = score("s1")
    assert by_first(block)["Committed leadership"]["Spring"] == (
        f"{row.mean:.1f} ({row.low:.1f} – {row.high:.1f}) n = {row.n:,}"
    )
    assert tables.waves(scored(), full().instrument, {now: "Spring"}) is None


def test_disagreement_names_the_least_agreed_first() -> None:
    by_role = scored("role")
    items = by_role[(by_role["kind"] == "item") & by_role["id"].str.startswith("s1.")]
    least = items.loc[items["agreement"].idxmin()]
    block = tables.disagreement(by_role, full().instrument, step=STEP)
    assert rows(block)[0][0] == least["name"]
    assert f"{least['agreement']:.2f}".replace("-", "−") in rows(block)[0][4]
    assert f"“{least['name']}”" in said(markup(block).split("</p>")[0])
    values = [float(row[4].split()[0].replace("−", "-")) for row in rows(block)]
    assert values == sorted(values)
    held = sample(people(3, grain_mill=3))
    assert tables.disagreement(held.scores("role"), held.instrument, step="grain") is None


# ── Lenses, items, evidence ─────────────────────────────────────────────────────────────────────


def test_a_lens_shows_each_row_with_its_weakest_item() -> None:
    framework, data = full().instrument.framework, scored().set_index("id")
    for lens in framework.content.lenses:
        block = tables.lens(scored(), full().instrument, lens=lens.id)
        assert markup(block).startswith('<section class="cx-lens"><h3>')
        shown = by_first(block)
        assert len(shown) == len(lens.rows)
        for row in lens.rows:
            cells = shown[said(full().instrument.say(row.name))]
            if not row.items:
                assert cells["Level"] == "not assessed"
                continue
            figure = data.loc[f"{lens.id}.{row.id}"]
            assert cells["Level"] == f"{figure['mean']:.1f}"
            assert cells["95% interval"] == f"{figure['low']:.1f} – {figure['high']:.1f}"
            assert cells["n"] == f"{figure['n']:,}"
            weakest = data.loc[[one for one in row.items if one in data.index], "mean"].idxmin()
            assert cells["Weakest item"].startswith(full().instrument.name(weakest))
            if row.start_here:
                assert cells["Start here"] == full().instrument.say(row.start_here)


def test_a_lens_shows_the_questions_that_belong_to_its_rows() -> None:
    block = tables.lens(scored(), full().instrument, lens="chain", metrics=measured())
    asked = [row for row in rows(block) if row[1].startswith("Recommending the workplace")]
    found = measured()
    enps = found[(found["id"] == "q.recommend_work") & (found["role"] == "frontline")].iloc[0]
    assert len(asked) == 1
    assert f"{enps['value']:+.0f}".replace("-", "−") in asked[0][4]
    assert f"n = {enps['n']:,}" in asked[0][4]
    assert "see below" in markup(block)
    with pytest.raises(NotFoundError, match="pitfalls"):
        tables.lens(scored(), full().instrument, lens="pitfall")


def test_all_lenses_come_one_below_the_other_and_none_without_any() -> None:
    block = tables.lenses(scored(), full().instrument)
    assert markup(block).count('<section class="cx-lens">') == 4
    document = BAKERY.read_text(encoding="utf-8")
    bare = parse_framework(document[: document.index("lenses:")], name="bare.yaml")
    assert "declares no lens" in tables.lenses(scored().head(0), Instrument(bare)).text


def test_a_lens_row_without_an_assessed_item_says_so_and_so_does_the_lens() -> None:
    held = sample(people(9, grain_stock=3))
    shown = by_first(tables.lens(held.scores(), held.instrument, lens="senses"))
    assert shown["Smell"]["Level"] == "not assessed"
    assert shown["Taste"]["Level"] == "3.0"
    other = sample(people(9, grain_mill=3))
    block = tables.lens(other.scores(), other.instrument, lens="senses")
    assert "None of this lens's items was assessed" in block.text
    few = sample(people(9, grain_stock=[3, None, None]))
    cells = by_first(tables.lens(few.scores(), few.instrument, lens="senses"))["Taste"]
    assert (cells["Level"], cells["n"], cells["Weakest item"]) == ("hidden", "hidden", "hidden")


def test_the_appendix_holds_every_item_by_role() -> None:
    block = tables.appendix(scored(), scored("role"), full().instrument)
    shown = by_first(block_of(block, "Committed leadership"))
    assert len({row[0] for row in rows(block)} & set(full().instrument.framework.items)) == 42
    whole, team = score("s1.i01"), score("s1.i01", scored("role"), role="frontline")
    cells = shown["s1.i01"]
    assert cells["Mean"] == f"{whole.mean:.1f}"
    assert cells["n"] == f"{whole.n:,}"
    assert cells["Top two"] == f"{whole.top_box:.0%}"
    assert cells["Frontline"] == f"{team.mean:.1f} ({team.low:.1f} – {team.high:.1f}) n = {team.n:,}"
    assert cells["Customers"] == "–"
    assert "leaders" in cells["Item and statement"]
    assert "Asked beside the steps" in markup(block)


def block_of(block: Html, caption: str) -> Html:
    """Return one table of a block by its caption."""
    (found,) = [
        one
        for one in markup(block).split('<div class="cx-scroll"')[1:]
        if f"<caption>{caption}</caption>" in one
    ]
    return Html(tables.note("").markup + type(block.markup)(f'<div class="cx-scroll"{found}'), "")


def test_the_appendix_tells_hidden_items_from_unasked_ones() -> None:
    held = sample(people(9, grain_mill=3) + people(3, "owner", grain_mill=4))
    few = sample(people(9, grain_mill=[3, None, None]))
    for found in (held, few):
        shown = {
            row[0]: row
            for row in rows(tables.appendix(found.scores(), found.scores("role"), found.instrument))
        }
        assert shown["oven.time"][3] == "not asked"
        assert set(shown) == set(bakery().items)
        assert "hidden" in shown["grain.mill"]
    assert not re.search(
        r"\d\.\d", said(markup(tables.appendix(few.scores(), few.scores("role"), few.instrument)))
    )


def test_evidence_counts_who_did_not_answer_item_by_item() -> None:
    answers = {3: 8, DONT_KNOW: 5, NOT_APPLICABLE: 6, None: 7}
    held = sample([row for answer, n in answers.items() for row in people(n, grain_mill=answer)])
    shown = by_first(tables.evidence(held.distribution(), held.instrument, step="grain"))
    cells = shown["Where flour comes from"]
    told = [cells[name] for name in ("Answered", "Don't know", "Not applicable", "Left blank")]
    assert told == ["8", "5", "6", "7"]
    assert shown["Allergens"]["Answered"] == "not asked, or hidden"
    item = full().instrument.framework.items["s1.i01"]
    block = by_first(tables.evidence(distribution(), full().instrument, step=STEP))
    cells = block[full().instrument.name("s1.i01")]
    assert cells["Whom to ask, and what to ask to be shown"] == full().instrument.say(item.evidence)
    assert cells["Answered"] == f"{score('s1.i01').n:,}"


# ── What to do ──────────────────────────────────────────────────────────────────────────────────


def test_next_moves_follow_the_plan_with_reason_effort_and_n() -> None:
    plan = [one for one in advised() if one.step == "s1"]
    block = tables.next_moves(scored(), full().instrument, step=STEP, recommendations=advised(), limit=2)
    shown = rows(block)
    assert len(shown) == 2
    for one, row in zip(plan, shown, strict=False):
        assert row[0].startswith(full().instrument.name(one.item))
        assert f"{one.level:.1f} ({one.low:.1f} – {one.high:.1f}), n = {one.n:,}" in row[0]
        assert row[3] == f"{one.move_days:g} of {one.effort_days:g}"
        assert row[-1] == one.reason
    assert f"{len(plan) - 2} more are not shown." in markup(block)
    nothing = tables.next_moves(scored(), full().instrument, step=STEP, recommendations=())
    assert "No next move" in nothing.text
    assert all(one.n == score(one.item).n for one in advised())


def test_days_are_written_with_the_decimals_they_have() -> None:
    held = sample(people(9, grain_mill=[1, 1, 2]))
    assert rows(tables.next_moves(held.scores(), held.instrument, step="grain"))[0][4] == "0.5"


# ── Blocks ──────────────────────────────────────────────────────────────────────────────────────


def test_how_to_read_takes_its_numbers_from_the_library() -> None:
    block = tables.how_to_read(bakery_words(), threshold=7)
    assert markup(block).startswith('<dl class="cx-reading"><div><dt>Level</dt>')
    assert f"Level {GATE:g} is the gate" in block.text
    assert "Fewer than 7 people" in block.text
    assert "95 times in 100" in block.text


def bakery_words() -> Instrument:
    return Instrument(bakery())


def test_an_empty_table_says_what_why_and_how() -> None:
    block = tables.empty("No touch points.", "Nobody owns them.", "Type", bakery_words(), command="cx add")
    assert markup(block) == (
        '<dl class="cx-empty"><div><dt>What is missing</dt><dd>No touch points.</dd></div>'
        "<div><dt>Why it matters</dt><dd>Nobody owns them.</dd></div>"
        "<div><dt>How to add it</dt><dd>Type <code>cx add</code></dd></div></dl>"
    )
    assert block.text.endswith("How to add it: Type cx add")


# ── Small engagements ───────────────────────────────────────────────────────────────────────────

Build = Callable[[Sample], Html | None]
EVERY: dict[str, Build] = {
    "scorecard": lambda of: tables.scorecard(of.scores(), of.instrument, by_role=of.scores("role")),
    "chapter": lambda of: tables.chapter(of.scores(), of.instrument, step="grain"),
    "disagreement": lambda of: tables.disagreement(of.scores("role"), of.instrument, step="grain"),
    "lenses": lambda of: tables.lenses(of.scores(), of.instrument, metrics=of.metrics()),
    "appendix": lambda of: tables.appendix(of.scores(), of.scores("role"), of.instrument),
    "evidence": lambda of: tables.evidence(of.distribution(), of.instrument, step="grain"),
    "moves": lambda of: tables.next_moves(of.scores(), of.instrument, step="grain"),
    "goals": lambda of: tables.goals({"grain": 4.0}, of.scores(), of.instrument, step="grain"),
    "waves": lambda of: tables.waves(of.scores(), of.instrument, {"w1": "Spring"}),
    "metrics": lambda of: tables.metrics(of.metrics(), of.instrument),
    "standing": lambda of: tables.standing(sequence(of.scores(), bakery()), of.instrument),
}


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(
    "rows_",
    [
        people(9, grain_mill=[1, 2, 3]),
        people(9, "guest", grain_label=[2, 4], ask_recommend=[9, 3]),
        people(5, grain_mill=3, oven_crust=7),
        people(3, grain_mill=3),
    ],
    ids=["one role", "customers alone", "five people", "too few"],
)
def test_a_block_holds_for_small_engagements(name: str, rows_: list[dict[str, Any]]) -> None:
    block = EVERY[name](sample(rows_))
    if block is None:
        return
    assert block.text
    assert "nan" not in block.text.lower()
    assert "nan" not in re.findall(r">([^<]*)<", markup(block))


def test_no_file_of_tables_is_longer_than_a_person_reads() -> None:
    for path in Path(tables.__file__).parent.glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) < 600, path.name
