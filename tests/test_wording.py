"""What an author should look at again: each rule finds what it is for, and stops short of what is fine."""

from __future__ import annotations

import math
import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxlib.errors import NotFoundError
from cxlib.framework import Framework, parse_framework
from cxlib.framework.wording import grade, is_sentence, minutes_to_answer, remarks

TEXT = (Path(__file__).parent / "reference" / "small-1.0.0.yaml").read_text(encoding="utf-8")
# The German rules, on the same texts: what is edited is German, the rest stays as it was.
GERMAN = TEXT.replace("[en, nl]", "[en, de]").replace(' nl: "', ' de: "')
Edit = tuple[str, str]


def edited(*edits: Edit, text: str = TEXT) -> str:
    for before, after in edits:
        assert text.count(before) == 1, f"{before!r} stands {text.count(before)} times"
        text = text.replace(before, after)
    return text


@cache
def parsed(text: str = TEXT) -> Framework:
    return parse_framework(text)


def told(*edits: Edit, text: str = TEXT) -> set[tuple[str, str, str]]:
    """Return what is remarked after an edit and was not before."""
    before, after = (remarks(parsed(one)) for one in (text, edited(*edits, text=text)))
    return {(one.where, one.what, one.text) for one in after} - {
        (one.where, one.what, one.text) for one in before
    }


# ── The reading grade ───────────────────────────────────────────────────────────────────────────

# Smith & Senter 1967: 4.71 · characters a word + 0.5 · words a sentence − 21.43. The counts are by hand.
BY_HAND = {
    # text: (characters, words, sentences, grade)
    "I greet every guest.": (16, 4, 1, -0.59),
    "We bake. You eat it.": (14, 5, 2, -6.992),
    "Who bakes? We do! You eat.": (18, 6, 3, -6.3),
    "Twelve organisations participated yesterday.": (40, 4, 1, 27.67),
    "Ask one thing: who pays?": (18, 5, 2, -3.224),
    "We don’t.": (7, 2, 1, -3.945),
    "We don't.": (7, 2, 1, -3.945),
    "It took 3.5 days.": (12, 5, 1, -7.626),
    "Write to {k_scores}.": (9, 3, 1, -5.8),
    "A loaf": (5, 2, 1, -8.655),
    "“Fresh bread.”": (10, 2, 1, 3.12),
    "Frisches Brot für Gäste.": (20, 4, 1, 4.12),
    "So we wait … and eat.": (14, 5, 1, -5.742),
}


@pytest.mark.parametrize("text", BY_HAND)
def test_the_grade_is_the_automated_readability_index(text: str) -> None:
    characters, words, sentences, by_hand = BY_HAND[text]
    assert math.isclose(4.71 * characters / words + 0.5 * words / sentences - 21.43, by_hand, abs_tol=1e-9)
    assert math.isclose(grade(text), by_hand, abs_tol=1e-9)


@pytest.mark.parametrize("text", ["", " ", "…", "?!", "—"])
def test_a_text_without_words_has_no_grade(text: str) -> None:
    assert grade(text) == 0


sentences = st.lists(st.text("abcdefgÄöß", min_size=1, max_size=12), min_size=1, max_size=15)


@given(st.lists(sentences, min_size=1, max_size=6), st.sampled_from(".!?"))
def test_the_grade_depends_on_the_lengths_of_words_and_sentences_alone(
    said: list[list[str]], stop: str
) -> None:
    words = [len(word) for sentence in said for word in sentence]
    expected = 4.71 * sum(words) / len(words) + 0.5 * len(words) / len(said) - 21.43
    text = " ".join(" ".join(sentence) + stop for sentence in said)
    assert math.isclose(grade(text), expected, abs_tol=1e-9)
    assert math.isclose(grade(re.sub("[a-zÄöß]", "x", text)), expected, abs_tol=1e-9)


@given(sentences, st.integers(2, 5))
def test_saying_a_sentence_again_makes_it_no_harder(words: list[str], times: int) -> None:
    once = " ".join(words) + "."
    assert math.isclose(grade(" ".join([once] * times)), grade(once), abs_tol=1e-9)


@pytest.mark.parametrize("text", ["We bake.", "Do we bake?", "Bake!", '"We bake."', "“We bake.”", "«Oui.»"])
def test_a_sentence_ends_with_a_stop_quoted_or_not(text: str) -> None:
    assert is_sentence(text)


@pytest.mark.parametrize("text", ["Waste", "What is agreed", "No. 5 oven", "Who bakes? The team", ""])
def test_a_name_is_no_sentence(text: str) -> None:
    assert not is_sentence(text)


# ── What reads badly ────────────────────────────────────────────────────────────────────────────

QUESTION = "Do we know what goes into our bread?"
OUTCOME = "A list of suppliers that we can stand by."
# Ten words of 54 and of 53 letters in one sentence: grade 9.004 and 8.533.
ABOVE = "Bakers always remember whose flour comes from which miller here."
BELOW = "Bakers always remember whose flour comes from which mille here."
QUEUE = "counter.queue level 4 (en) names nothing that level 3 has not"
# Eight and nine words of their own, seven of them in both: 7 of 10. One more new word: 7 of 11.
LOWER = "Ovens doors racks trays cards bells lamps fans."
UPPER = "Ovens doors racks trays cards bells lamps mixers scales."

# The rule, an edit that it must find with its place and its words, and one that it must pass.
RULES: dict[str, tuple[str, tuple[Edit, ...], tuple[str, str, str], tuple[Edit, ...]]] = {
    "a sentence above the grade": (
        TEXT, ((QUESTION, ABOVE),), ("steps.0.question", "hard to read", f"grade 9.0: {ABOVE}"),
        ((QUESTION, BELOW),),
    ),
    "a hard sentence, not a hard name": (
        TEXT, ((OUTCOME, "Internationally standardised documentation."),),
        ("steps.0.outcome", "hard to read",
         f"grade {4.71 * 40 / 3 + 1.5 - 21.43:.1f}: Internationally standardised documentation."),
        ((OUTCOME, "Internationally standardised documentation"),),
    ),
    "a hard sentence in English, which is what the grade is made for": (
        TEXT, (("No name is asked.", "Identification information remains unavailable."),),
        ("forms.1.privacy", "hard to read", "grade 31.2: Identification information remains unavailable."),
        (("Er wordt geen naam gevraagd.", "Identificatiegegevens blijven onbeschikbaar."),),
    ),
    "a level with nothing but a degree": (
        TEXT, (("The rule is kept.", "There is always a rule."),),
        ("steps.3.items.1.levels.3", "differs by degree only", QUEUE),
        (("The rule is kept.", "There is a rule on the wall."),),
    ),
    "a level that only leaves out": (
        TEXT,
        (("There is a rule.", "There is a rule for the second till."), ("The rule is kept.", "The rule.")),
        ("steps.3.items.1.levels.3", "differs by degree only", QUEUE),
        (("There is a rule.", "There is a rule for the second till."), ("The rule is kept.", "The clock.")),
    ),
    "levels that share most of their words": (
        TEXT, (("There is a rule.", LOWER), ("The rule is kept.", UPPER)),
        ("steps.3.items.1.levels.3", "differs by degree only", QUEUE),
        (("There is a rule.", LOWER), ("The rule is kept.", UPPER.replace("scales", "scales, sieves"))),
    ),
    "a German level with nothing but a degree": (
        GERMAN,
        (("Er is een regel.", "Wir zählen manchmal."), ("De regel wordt gevolgd.", "Wir zählen immer.")),
        ("steps.3.items.1.levels.3", "differs by degree only", QUEUE.replace("(en)", "(de)")),
        (("Er is een regel.", "Wir zählen manchmal."), ("De regel wordt gevolgd.", "Wir zählen vor Ort.")),
    ),
    "a statement with and": (
        TEXT, (("I greet every guest.", "I greet and thank every guest."),),
        ("steps.3.items.0.statement.team", "asks two things",
         "counter.hello for team (en) joins with 'and': I greet and thank every guest."),
        (("I greet every guest.", "I hand sandwiches to every guest."),),
    ),
    "a statement with or, wherever it stands": (
        TEXT, (("I was greeted.", "I was greeted, OR someone smiled."),),
        ("steps.3.items.0.statement.guest", "asks two things",
         "counter.hello for guest (en) joins with 'OR': I was greeted, OR someone smiled."),
        (("I was greeted.", "For once the door stood open."),),
    ),
    "a statement with as well as": (
        TEXT, (("I was greeted.", "They greet me as well as you."),),
        ("steps.3.items.0.statement.guest", "asks two things",
         "counter.hello for guest (en) joins with 'as well as': They greet me as well as you."),
        (("I was greeted.", "They greet me well."),),
    ),
    "a German statement with und": (
        GERMAN, (("Ik werd begroet.", "Man grüßt und dankt."),),
        ("steps.3.items.0.statement.guest", "asks two things",
         "counter.hello for guest (de) joins with 'und': Man grüßt und dankt."),
        (("Ik werd begroet.", "Der Hund ist rund."),),
    ),
    "a German statement with oder": (
        GERMAN, (("Ik werd begroet.", "Man grüßt oder dankt."),),
        ("steps.3.items.0.statement.guest", "asks two things",
         "counter.hello for guest (de) joins with 'oder': Man grüßt oder dankt."),
        (("Ik werd begroet.", "Es riecht nicht modernd."),),
    ),
    "a German statement with sowie": (
        GERMAN, (("Ik werd begroet.", "Man grüßt mich sowie dich."),),
        ("steps.3.items.0.statement.guest", "asks two things",
         "counter.hello for guest (de) joins with 'sowie': Man grüßt mich sowie dich."),
        (("Ik werd begroet.", "Man grüßt mich sowieso."),),
    ),
    "two statements, not two words in one level": (
        TEXT, (("The queue moved.", "The queue or line moved."),),
        ("steps.3.items.1.statement.guest", "asks two things",
         "counter.queue for guest (en) joins with 'or': The queue or line moved."),
        (("Someone helps when asked.", "Someone helps or serves when asked."),),
    ),
    "a language that has a rule": (
        TEXT, (("The queue moved.", "The queue moved and moved."),),
        ("steps.3.items.1.statement.guest", "asks two things",
         "counter.queue for guest (en) joins with 'and': The queue moved and moved."),
        (("De rij schoot op.", "De rij schoot op oder nicht und and."),),
    ),
    "two items of the same words": (
        TEXT, (("The queue moved.", "The staff greeted everyone."),
               ("I was greeted.", "They greeted us: staff, everyone!")),
        ("steps.3.items.1.statement.guest", "alike",
         "counter.queue and counter.hello share 100% of their words for guest (en)"),
        (("The queue moved.", "The staff helped everyone."),
         ("I was greeted.", "They greeted us: staff, everyone!")),
    ),
    "two items of the same words, other than those that every item has": (
        TEXT, (("The queue moved.", "We give our customers jam."), ("I was greeted.", "They get jam.")),
        ("steps.3.items.1.statement.guest", "alike",
         "counter.queue and counter.hello share 100% of their words for guest (en)"),
        (("The queue moved.", "We give our customers what they get: jam."),
         ("I was greeted.", "We give our customers what they get: tea.")),
    ),
    "two items of most of the same words": (
        TEXT, (("The queue moved.", UPPER), ("I was greeted.", LOWER)),
        ("steps.3.items.1.statement.guest", "alike",
         "counter.queue and counter.hello share 70% of their words for guest (en)"),
        (("The queue moved.", UPPER.replace("scales", "scales, sieves")), ("I was greeted.", LOWER)),
    ),
    "two items for the same role": (
        TEXT, (("I may open a second till.", "I bake by the card!"),),
        ("steps.3.items.1.statement.team", "alike",
         "counter.queue and oven.time share 100% of their words for team (en)"),
        (("A second till opens at five guests.", "I bake by the card!"),),
    ),
    "two items of the same words in German": (
        GERMAN, (("De rij schoot op.", "Ich finde Brotregale."),
                 ("Ik werd begroet.", "Finde das Brotregal für mich.")),
        ("steps.3.items.1.statement.guest", "alike",
         "counter.queue and counter.hello share 100% of their words for guest (de)"),
        (("De rij schoot op.", "Das ist für mich, für unsere Kunden: Brot."),
         ("Ik werd begroet.", "Das ist für mich, für unsere Kunden: Torte.")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_finds_what_it_is_for(rule: str) -> None:
    text, edits, expected, _ = RULES[rule]
    assert told(*edits, text=text) == {expected}


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_passes_a_near_miss(rule: str) -> None:
    text, _, _, edits = RULES[rule]
    assert told(*edits, text=text) == set()


def test_the_bakery_has_three_levels_that_differ_by_a_word_of_degree() -> None:
    found = [one.text for one in remarks(parsed()) if one.what != "missing"]
    assert found == [
        "grain.stock level 2 (en) names nothing that level 1 has not",
        "grain.stock level 3 (en) names nothing that level 2 has not",
        "counter.hello level 3 (en) names nothing that level 2 has not",
    ]


# ── What is missing ─────────────────────────────────────────────────────────────────────────────

MILL = """\
      - id: grain.mill
        stream: recipe
"""
# grain.mill has levels, advice and a form; with these it has everything.
WHOLE = edited(
    (MILL, MILL + '        seed: us\n        evidence: {en: "A list.", nl: "Een lijst."}\n'),
    ("items: [street.scent]", "items: [street.scent, grain.mill]"),
)
LEVELS_AND_ADVICE = WHOLE[WHOLE.index("        levels:\n") : WHOLE.index("      - id: grain.stock\n")]
ADVICE = LEVELS_AND_ADVICE[LEVELS_AND_ADVICE.index("        advice:\n") :]
LACKS = {
    "described levels": (LEVELS_AND_ADVICE, ""),
    "advice": (ADVICE, ""),
    "evidence to ask for": ('        evidence: {en: "A list.", nl: "Een lijst."}\n', ""),
    "source (seed)": ("        seed: us\n", ""),
    "lens row that it serves": ("items: [street.scent, grain.mill]", "items: [street.scent]"),
    "form that asks it": ("      - grain.mill\n", ""),
}


def missing(text: str, about: str) -> list[str]:
    return [
        one.text
        for one in remarks(parsed(text))
        if one.what == "missing" and one.text.startswith(f"{about} ")
    ]


def test_an_item_that_has_everything_lacks_nothing() -> None:
    assert missing(WHOLE, "grain.mill") == []


@pytest.mark.parametrize("what", LACKS)
def test_what_an_item_lacks_is_named(what: str) -> None:
    assert missing(edited(LACKS[what], text=WHOLE), "grain.mill") == [f"grain.mill has no {what}"]


def test_all_that_an_item_lacks_is_told_in_one_line() -> None:
    text = edited(LACKS["advice"], LACKS["source (seed)"], text=WHOLE)
    assert missing(text, "grain.mill") == ["grain.mill has no advice, no source (seed)"]


def test_a_framework_without_lenses_lacks_no_row() -> None:
    without = TEXT[: TEXT.index("lenses:\n")] + TEXT[TEXT.index("forms:\n") :]
    assert missing(without, "grain.mill") == ["grain.mill has no evidence to ask for, no source (seed)"]


@pytest.mark.parametrize("step", ["grain", "street", "counter"])
def test_a_step_without_a_target_is_told(step: str) -> None:
    assert f"{step} proposes no target" in missing(TEXT, step)
    assert missing(TEXT, "oven") == []


def test_a_step_that_does_not_say_why_it_stands_on_others_is_told() -> None:
    because = re.search(r"    because: .*welcome.*\n", TEXT)
    assert because is not None
    assert told((because[0], "")) == {
        ("steps.2", "missing", "street does not say why it stands on oven, counter")
    }
    # A step that stands on nothing has nothing to explain; where it stands in the file is no matter.
    first = edited(("    slug: ingredients\n", "    slug: ingredients\n    requires: [shelf]\n"))
    shelf = TEXT[TEXT.index("  - id: counter\n") : TEXT.index("questions:\n  - id: ask")]
    shelf = shelf.replace("requires: [grain]", "requires: []").replace("counter", "shelf")
    shelf = shelf.replace("slug: shop", "slug: shelf")
    whole = parsed(first.replace("questions:\n  - id: ask", f"{shelf}questions:\n  - id: ask"))
    assert "grain does not say why it stands on shelf" in [one.text for one in remarks(whole)]


# ── Remarks as a list ───────────────────────────────────────────────────────────────────────────


def test_remarks_stand_in_the_order_of_the_file_and_name_their_line() -> None:
    text = edited(("The queue moved.", "The queue moved and moved."), (QUESTION, ABOVE))
    found = remarks(parsed(text))
    lines = text.splitlines()
    assert [one.line for one in found] == sorted(one.line for one in found)
    by_what = {one.what: lines[one.line - 1] for one in found}
    assert ABOVE in by_what["hard to read"]
    assert "moved and moved" in by_what["asks two things"]
    assert "Most are greeted." in by_what["differs by degree only"]


def test_a_framework_without_english_is_not_graded() -> None:
    dutch = re.sub(r'\{en: "[^"]*", nl: ("[^"]*")\}', r"{nl: \1}", TEXT.replace("[en, nl]", "[nl]"))
    assert {one.what for one in remarks(parsed(dutch))} == {"missing"}


def test_a_framework_in_one_language_is_read_as_that_language() -> None:
    plain = re.sub(r'\{en: ("[^"]*"), nl: "[^"]*"\}', r"\1", TEXT.replace("[en, nl]", "[en]"))
    assert told((QUESTION, ABOVE), text=plain) == {
        ("steps.0.question", "hard to read", f"grade 9.0: {ABOVE}")
    }


# ── How long a form takes ───────────────────────────────────────────────────────────────────────

ITEMS = "    items: [grain.label, oven.crust, street.known, street.scent, counter.hello, counter.queue]\n"
LABEL = edited((ITEMS, "    items: [grain.label]\n"))


def test_a_form_takes_as_long_as_it_takes_to_read_choose_and_write() -> None:
    # Two minutes for {client}? 4, No name is asked. 4; Allergens 1, the statement 8, the levels 4 + 5 + 4 +
    # 5 + 5; Would you send … 7, What should we bake? 4: 51 words at 238 a minute. Choosing a level 12 s,
    # a number 6 s, writing 40 s.
    assert math.isclose(minutes_to_answer(parsed(LABEL), "receipt", "guest", "en"), 51 / 238 + 58 / 60)


def test_other_languages_are_read_a_tenth_more_slowly() -> None:
    # 4 + 5; 1 + 9 + (5 + 7 + 4 + 5 + 5); 7 + 5.
    assert math.isclose(
        minutes_to_answer(parsed(LABEL), "receipt", "guest", "nl"), 57 / (0.9 * 238) + 58 / 60
    )


def test_whoever_answers_on_a_scale_of_their_own_reads_no_levels() -> None:
    guest = 'name: {en: "Guests", nl: "Gasten"}, kind: customer, weight: 0'
    own = edited(
        ("  - {id: points, low: 0, high: 10}", "  - {id: points, low: 1, high: 5}"),
        (guest, guest + ", scale: maturity"),
        text=LABEL,
    )
    assert math.isclose(minutes_to_answer(parsed(own), "receipt", "guest", "en"), (51 - 23) / 238 + 52 / 60)


def test_an_item_without_levels_is_answered_with_a_number() -> None:
    crust = edited(("[grain.label]", "[oven.crust]"), text=LABEL)
    # 4 + 4; The crust 2, How good was the crust? 5; 7 + 4.
    assert math.isclose(minutes_to_answer(parsed(crust), "receipt", "guest", "en"), 26 / 238 + 52 / 60)


def test_a_role_reads_its_own_wording() -> None:
    card = edited(("    minutes: 6\n", "    questions: [ask.wish]\n    minutes: 6\n"),
                  ("    roles: [owner, team]\n", "    roles: [team]\n"),
                  ("What would you bake?", "What would you bake for them tomorrow?"))  # fmt: skip
    without = edited(("    roles: [owner, team]\n", "    roles: [team]\n"))
    longer = minutes_to_answer(parsed(card), "kitchen-card", "team", "en")
    assert math.isclose(
        longer - minutes_to_answer(parsed(without), "kitchen-card", "team", "en"), 7 / 238 + 40 / 60
    )
    assert minutes_to_answer(parsed(), "kitchen-card", "owner", "en") != minutes_to_answer(
        parsed(), "kitchen-card", "team", "en"
    )


@pytest.mark.parametrize(
    ("form", "role", "language"),
    [("reciept", "guest", "en"), ("receipt", "gest", "en"), ("receipt", "guest", "de")],
)
def test_a_form_role_or_language_that_is_not_there_is_a_known_error(
    form: str, role: str, language: str
) -> None:
    with pytest.raises(NotFoundError):
        minutes_to_answer(parsed(), form, role, language)
