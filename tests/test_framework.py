"""A framework is data: the small one is read right, a broken one answered by line, and none is wired in."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import shutil
from pathlib import Path

import jsonschema
import pytest

from cxlib.declarations import read_document
from cxlib.errors import DeclarationError, NotFoundError
from cxlib.frames import ItemScale
from cxlib.framework import (
    Framework,
    find_framework,
    json_schema,
    load_framework,
    parse_framework,
    write_schema,
)
from cxlib.instrument import Instrument
from cxlib.registers import REGISTERS

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "data" / "framework"
SHIPPED = sorted(FOLDER.glob("*.yaml"))
SMALL = Path(__file__).parent / "reference" / "small-1.0.0.yaml"
TEXT = SMALL.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def small() -> Framework:
    return load_framework(SMALL)


# ── What is read ────────────────────────────────────────────────────────────────────────────────


def test_the_small_framework_has_twelve_items_in_four_steps(small: Framework) -> None:
    assert (small.id, small.version, len(small.steps), len(small.items)) == ("crumb", "1.0.0", 4, 12)
    assert [step.slug for step in small.steps] == ["ingredients", "baking", "neighbourhood", "shop"]
    assert list(small.items)[:4] == ["grain.mill", "grain.stock", "grain.label", "oven.time"]


def test_a_step_stands_on_all_that_its_prerequisites_stand_on(small: Framework) -> None:
    assert small.ancestors == {
        "grain": frozenset(),
        "oven": {"grain"},
        "counter": {"grain"},
        "street": {"grain", "oven", "counter"},
    }


def test_the_order_puts_prerequisites_first_and_otherwise_keeps_the_file(small: Framework) -> None:
    assert small.order == ("grain", "oven", "counter", "street")
    assert list(small.prerequisites) == list(small.order)
    loose = TEXT.replace("    requires: [oven, counter]\n", "")
    assert parse_framework(loose).order == ("grain", "oven", "street", "counter")


def test_each_item_and_scored_question_has_its_own_scale(small: Framework) -> None:
    assert set(small.scales) == set(small.items) | {"ask.recommend"}
    assert small.scales["grain.mill"] == ItemScale("grain.mill", 1, 5)
    assert small.scales["oven.crust"] == ItemScale("oven.crust", 0, 10)
    assert small.scales["ask.recommend"] == ItemScale("ask.recommend", 0, 10)


def test_each_item_belongs_to_the_step_it_stands_in(small: Framework) -> None:
    assert small.step_of["street.give"] == "street"
    assert {step.id: sum(of == step.id for of in small.step_of.values()) for step in small.steps} == {
        "grain": 3, "oven": 3, "street": 3, "counter": 3,
    }  # fmt: skip


def test_described_levels_are_counted_and_may_be_none(small: Framework) -> None:
    assert (small.levels["grain.mill"], small.levels["oven.crust"]) == (5, 0)


def test_roles_keep_their_weights_and_default_to_one(small: Framework) -> None:
    assert {role.id: (role.kind, role.weight) for role in small.roles} == {
        "owner": ("staff", 2), "team": ("staff", 1), "guest": ("customer", 0),
    }  # fmt: skip


def test_a_text_is_said_in_the_language_asked_for_and_in_no_other(small: Framework) -> None:
    assert small.say(small.step("grain").name, "nl") == "Goede ingrediënten"
    assert small.say(None, "nl") == ""
    with pytest.raises(NotFoundError) as caught:
        small.say(small.step("grain").name, "de")
    assert str(caught.value) == "crumb 1.0.0 is not written in 'de'; expected one of en, nl"


def test_a_step_is_found_by_id_or_slug_and_else_the_nearest_is_named(small: Framework) -> None:
    assert small.step("oven") is small.step("baking")
    with pytest.raises(NotFoundError) as caught:
        small.step("bakign")
    assert str(caught.value) == "crumb 1.0.0 has no step 'bakign'; nearest baking"


def test_the_digest_and_the_stamp_are_those_of_the_file(small: Framework) -> None:
    assert small.digest == hashlib.sha256(SMALL.read_bytes()).hexdigest()
    assert small.stamp == f"crumb 1.0.0 {small.digest[:12]}"
    assert repr(small) == f"<Framework {small.stamp}: 4 steps, 12 items>"


def test_the_copy_in_an_extract_is_the_same_framework(small: Framework) -> None:
    assert parse_framework(small.document.text).content == small.content


def test_a_framework_is_read_once_whoever_has_it() -> None:
    """A night's reports are of three hundred clients and of one framework."""
    text = f"{TEXT}# one of its own\n"
    assert parse_framework(text, name="of crumbs") is parse_framework(text, name="of harbour")


def test_the_instrument_speaks_dutch_and_makes_a_part_of_every_step_and_stream(small: Framework) -> None:
    instrument = Instrument(small, "nl")
    steps = [part for part in instrument.parts if part.kind == "step"]
    streams = [part for part in instrument.parts if part.kind == "stream"]
    assert [(part.id, part.name, part.items) for part in steps][1] == (
        "oven", "Gelijkmatig bakken", ("oven.time", "oven.crust", "oven.waste"),
    )  # fmt: skip
    assert [part.items for part in streams][:2] == [("grain.mill",), ("grain.stock",)]
    assert streams[0].name == "Goede ingrediënten: Wat is afgesproken"
    assert instrument.name("ask.recommend") == "Ons aanbevelen"
    with pytest.raises(NotFoundError, match=r"no item 'oven\.crst'; nearest oven\.crust"):
        instrument.name("oven.crst")


def test_an_item_or_question_knows_the_rows_that_it_serves(small: Framework) -> None:
    assert small.serves == {
        "street.scent": (("senses", "nose"),),
        "oven.crust": (("senses", "tongue"),),
        "grain.stock": (("senses", "tongue"),),
        "ask.recommend": (("senses", "tongue"),),
    }
    more = TEXT.replace("items: [street.scent]", "items: [street.scent, oven.crust]")
    assert parse_framework(more).serves["oven.crust"] == (("senses", "nose"), ("senses", "tongue"))
    without = TEXT[: TEXT.index("lenses:\n")] + TEXT[TEXT.index("forms:\n") :]
    assert parse_framework(without).serves == {}


def test_a_role_and_a_form_are_found_by_id_and_else_the_nearest_is_named(small: Framework) -> None:
    assert small.role("team").kind == "staff"
    assert small.form("receipt").minutes == 2
    with pytest.raises(NotFoundError) as caught:
        small.role("gest")
    assert str(caught.value) == (
        "crumb 1.0.0 has no role 'gest'; nearest guest\nThere are: owner, team, guest."
    )
    with pytest.raises(NotFoundError) as caught:
        small.form("reciept")
    assert str(caught.value) == (
        "crumb 1.0.0 has no form 'reciept'; nearest receipt\nThere are: kitchen-card, receipt."
    )
    without = parse_framework(TEXT[: TEXT.index("forms:\n")])
    with pytest.raises(NotFoundError) as caught:
        without.form("receipt")
    assert str(caught.value) == "crumb 1.0.0 has no form 'receipt'\nThere are: none."


@pytest.mark.parametrize("language", ["de", "EN", "en-GB", ""])
def test_a_language_that_the_framework_is_not_written_in_is_refused(language: str, small: Framework) -> None:
    small.check_language("en")
    small.check_language("nl")
    with pytest.raises(NotFoundError) as caught:
        small.check_language(language)
    assert str(caught.value) == f"crumb 1.0.0 is not written in {language!r}; expected one of en, nl"


def test_a_role_may_answer_on_a_scale_of_its_own_that_ends_where_the_others_do() -> None:
    text = TEXT.replace("{id: points, low: 0, high: 10}", "{id: points, low: 1, high: 5}")
    found = parse_framework(text.replace("weight: 0}", "weight: 0, scale: points}"))
    assert [role.scale for role in found.roles] == [None, None, "points"]


def test_a_role_that_is_asked_no_item_may_have_any_scale() -> None:
    visitor = '  - {id: visitor, name: {en: "Visitors", nl: "Bezoekers"}, kind: customer, scale: chance}\n'
    text = TEXT.replace("\nsteps:\n", f"{visitor}\nsteps:\n")
    assert parse_framework(text).role("visitor").scale == "chance"


def test_a_form_may_leave_open_what_an_engagement_fills() -> None:
    filled = "{client}, {contact}, {k_scores} and {k_comments}; one { alone"
    text = TEXT.replace("Two minutes for {client}?", filled).replace("No name is asked.", filled)
    form = parse_framework(text).form("receipt")
    assert form.introduction == {"en": filled, "nl": "Twee minuten voor {client}?"}


def test_a_form_may_open_with_some_of_its_questions() -> None:
    text = TEXT.replace(RECEIPT, RECEIPT + "    opening: [ask.wish]\n")
    assert parse_framework(text).form("receipt").opening == ["ask.wish"]


def test_a_framework_is_found_by_path_by_version_or_as_the_newest(tmp_path: Path) -> None:
    for version in ("1.9.0", "1.10.0"):
        shutil.copy(SMALL, tmp_path / f"crumb-{version}.yaml")
    assert find_framework("crumb", tmp_path).name == "crumb-1.10.0.yaml"
    assert find_framework("crumb-1.9.0", tmp_path).name == "crumb-1.9.0.yaml"
    assert find_framework("elsewhere/mine.yaml", tmp_path) == Path("elsewhere/mine.yaml")
    with pytest.raises(NotFoundError) as caught:
        find_framework("crum", tmp_path)
    assert str(caught.value).startswith(f"no framework 'crum' in {tmp_path.name}/; nearest crumb-1.")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_framework_loads_under_its_own_name(path: Path) -> None:
    framework = load_framework(path)
    assert f"{framework.id}-{framework.version}" == path.stem
    assert set(framework.order) == {step.id for step in framework.steps}


def test_a_framework_ships() -> None:
    assert SHIPPED


# ── What is broken ──────────────────────────────────────────────────────────────────────────────

EACH = "expected a text for each of en, nl"
WAITS = '          - {en: "Waits are timed.", nl: "Wachttijden worden gemeten."}\n'
WASTE = 'topic: {en: "Waste", nl: "Verspilling"}'
LAST_MOVE = """\
          - action: {en: "Review the mills each spring.", nl: "Beoordeel elk voorjaar de molens."}
            who: {en: "Owner", nl: "Eigenaar"}
            effort_days: 3
            effect: {en: "Suppliers are chosen, not kept.", nl: "Leveranciers zijn gekozen."}
"""
TIMES = '        stream: recipe\n        topic: {en: "Times'
CRUST = '        scale: points\n        topic: {en: "The crust"'
SMELL = """\
statement:
          guest: {en: "How good does the street smell?", nl: "Hoe lekker ruikt de straat?"}"""
RECEIPT = "    questions: [ask.recommend, ask.wish]\n"
FILLS = "expected {client}, {k_scores}, {k_comments}, {contact}"

# The place that is changed (its line must be the one reported), what stands there then, the finding.
BROKEN = {
    "unknown item in a lens": (
        "[street.scent]", "[street.scnt]",
        "lenses.0.rows.0.items.0: unknown item street.scnt; nearest street.scent"),
    "unknown question in a lens": (
        "[ask.recommend]\n", "[ask.recomend]\n",
        "lenses.0.rows.1.questions.0: unknown question ask.recomend; nearest ask.recommend"),
    "unknown item in a form": (
        "      - counter.queue\n", "      - counter.que\n",
        "forms.0.items.9: unknown item counter.que; nearest counter.queue"),
    "unknown question in a form": (
        RECEIPT, RECEIPT.replace("wish", "whish"),
        "forms.1.questions.1: unknown question ask.whish; nearest ask.wish"),
    "unknown role in a form": (
        "    roles: [guest]\n    items", "    roles: [gest]\n    items",
        "forms.1.roles.0: unknown role gest; nearest guest"),
    "unknown role in a question": (
        "[team, guest]", "[team, guests]", "questions.1.roles.1: unknown role guests; nearest guest"),
    "unknown role in a wording": (
        '      team: {en: "What would', '      teem: {en: "What would',
        "questions.1.wordings.teem: unknown role teem; nearest team"),
    "unknown role in a statement": (
        '          owner: {en: "I know our', '          ower: {en: "I know our',
        "steps.2.items.0.statement.ower: unknown role ower; nearest owner"),
    "unknown step": (
        "[oven, counter]", "[oven, conter]", "steps.2.requires.1: unknown step conter; nearest counter"),
    "unknown item required": (
        "- item: grain.mill", "- item: grain.mil",
        "steps.1.items.0.requires.0.item: unknown item grain.mil; nearest grain.mill"),
    "unknown stream": (
        TIMES, TIMES.replace("recipe", "recipes"),
        "steps.1.items.0.stream: unknown stream recipes; nearest recipe"),
    "unknown scale": (
        CRUST, CRUST.replace("points", "point"),
        "steps.1.items.1.scale: unknown scale point; nearest points"),
    "unknown scale of a question": (
        "    scale: chance\n", "    scale: chances\n",
        "questions.0.scale: unknown scale chances; nearest chance"),
    "a step that requires itself": (
        "[oven, counter]", "[oven, street]",
        "steps.2.requires.1: the steps require each other in a circle; "
        "found street → street; expected an order"),
    "a circle": (
        "    slug: ingredients\n", "    slug: ingredients\n    requires: [street]\n",
        "steps.0.requires.0: the steps require each other in a circle; "
        "found grain → oven → street → grain; expected an order"),
    "levels that do not fit the scale": (
        WAITS, "",
        "steps.3.items.1.levels: the levels do not fit the scale; found 4; expected 5, lowest first"),
    "advice that does not fit the levels": (
        LAST_MOVE, "",
        "steps.0.items.0.advice: the advice does not fit the levels; found 3; expected 4, one a move up"),
    "a missing translation": (
        WASTE, 'topic: {en: "Waste"}', f"steps.1.items.2.topic: no nl text; found en; {EACH}"),
    "a text without a language": (
        WASTE, "topic: Waste",
        f"steps.1.items.2.topic: one language only; found text without a language; {EACH}"),
    "a language that is not declared": (
        WASTE, WASTE.replace("}", ', fr: "Perte"}'),
        "steps.1.items.2.topic: fr is not among `languages`; expected en, nl"),
    "a level without its translation": (
        '          - {en: "Counted once.", nl: "Eenmaal geteld."}', '          - {nl: "Eenmaal geteld."}',
        f"steps.1.items.2.levels.1: no en text; found nl; {EACH}"),
    "an advice without its translation": (
        'who: {en: "Head baker", nl: "Chef-bakker"}', "who: Head baker",
        f"steps.0.items.0.advice.1.who: one language only; found text without a language; {EACH}"),
    "a label without its translation": (
        '{en: "Certainly", nl: "Zeker wel"}', '{en: "Certainly"}',
        f"scales.2.labels.10: no nl text; found en; {EACH}"),
    "an empty text": (
        WASTE, 'topic: {en: "Waste", nl: ""}',
        "steps.1.items.2.topic.nl: empty; found ''; expected some text"),
    "a text that is a number": (
        WASTE, "topic: 12",
        "steps.1.items.2.topic: not text; found 12; expected text; quote it if it looks like a number"),
    "a step's id twice": (
        "  - id: counter\n", "  - id: oven\n",
        "steps.3.id: the step oven is there twice; expected permanent, unique ids"),
    "a slug twice": (
        "slug: shop", "slug: baking",
        "steps.3.slug: the slug baking is there twice; expected permanent, unique ids"),
    "an item's id twice": (
        "- id: counter.wrong", "- id: counter.hello",
        "steps.3.items.2.id: the item counter.hello is there twice; expected permanent, unique ids"),
    "a question with the id of an item": (
        "id: ask.wish", "id: oven.time",
        "questions.1.id: a question has the id of an item; found oven.time; expected unique ids"),
    "a row of a lens twice": (
        "- id: tongue", "- id: nose", "lenses.0.rows.1: nose is there twice; expected each once"),
    "a question twice in a form": (
        RECEIPT, RECEIPT.replace("ask.wish", "ask.recommend"),
        "forms.1.questions.1: ask.recommend is there twice; expected each once"),
    "a language twice": (
        "languages: [en, nl]", "languages: [en, nl, en]",
        "languages.2: en is there twice; expected each once"),
    "an unknown field": (
        "    minutes: 6\n", "    minute: 6\n", "forms.0.minute: no such field; nearest minutes"),
    "a field of another place": (
        RECEIPT, RECEIPT.replace("questions", "question"),
        "forms.1.question: no such field; nearest questions"),
    "a missing field": (
        "    slug: shop\n", "", "steps.3.slug: missing; expected slug"),
    "a wrong type": (
        "{id: points, low: 0", "{id: points, low: zero",
        "scales.1.low: not a whole number; found 'zero'; expected a whole number without quotes"),
    "a list where a mapping is expected": (
        "  - {id: points, low: 0, high: 10}", "  - [points, 0, 10]",
        "scales.1: not a mapping; found ['points', 0, 10]; expected fields: {name: value}"),
    "a word where a list is expected": (
        "[owner, team]", "owner", "forms.0.roles: not a list; found 'owner'; expected a list: [one, two]"),
    "an empty list": (
        "[team, guest]", "[]",
        "questions.1.roles: list should have at least 1 item after validation, not 0; found []"),
    "a version that is a number": (
        "version: 1.0.0", "version: 1.0",
        "version: not text; found 1.0; expected text; quote it if it looks like a number"),
    "a weight below nothing": (
        "weight: 2", "weight: -1", "roles.0.weight: input should be greater than or equal to 0; found -1"),
    "a weight that is true": (
        "weight: 2", "weight: true",
        "roles.0.weight: not a number; found True; expected a number without quotes"),
    "an unknown kind of role": (
        "kind: customer", "kind: client",
        "roles.2.kind: input should be 'staff' or 'customer'; found 'client'"),
    "a name of Windows": (
        "slug: shop", "slug: con",
        "steps.3.slug: the name 'con' is reserved by an operating system; found 'con'"),
    "a label off the scale": (
        '      "10": {en', '      "11": {en',
        "scales.2.labels.11: a label off the scale; found 11; expected 0…10"),
    "a scale without room": (
        "{id: points, low: 0,", "{id: points, low: 10,",
        "scales.1: the scale has no room; found 10…10; expected low below high"),
    "a scale that no column can hold": (
        "{id: points, low: 0, high: 10}", "{id: points, low: 0, high: 1000}",
        "scales.1.high: input should be less than or equal to 127; found 1000"),
    "a score of recommendation on another scale": (
        "    scale: chance\n", "    scale: maturity\n",
        "questions.0.scale: nps on another scale; found 1…5; expected 0…10"),
    "a role asked what it has no statement for": (
        "    items: [grain.label, oven.crust,", "    items: [grain.mill, oven.crust,",
        "forms.1.items.0: grain.mill has no statement for guest; expected a statement worded for guest"),
    "a role asked another's question": (
        "    minutes: 6\n", "    questions: [ask.recommend]\n    minutes: 6\n",
        "forms.0.questions.0: ask.recommend is not for owner; expected a question whose roles name owner"),
    "a form that asks nothing": (
        "    items: [grain.label, oven.crust, street.known, street.scent, counter.hello, counter.queue]\n"
        "    questions: [ask.recommend, ask.wish]\n", "",
        "forms.1: the form asks nothing; expected at least one item or question"),
    "an item without a statement": (
        SMELL, "statement: {}",
        "steps.2.items.1.statement: "
        "dictionary should have at least 1 item after validation, not 0; found {}"),
    "unknown scale of a role": (
        "weight: 0}", "weight: 0, scale: chnce}",
        "roles.2.scale: unknown scale chnce; nearest chance"),
    "a role on a longer scale than what it is asked": (
        "weight: 0}", "weight: 0, scale: points}",
        "roles.2.scale: guest would answer grain.label on another scale; found 0…10; expected 1…5"),
    "a role on a shorter scale than what it is asked": (
        "weight: 0}", "weight: 0, scale: maturity}",
        "roles.2.scale: guest would answer oven.crust on another scale; found 1…5; expected 0…10"),
    "a blank that nothing fills": (
        'en: "Two minutes for {client}?"', 'en: "Two minutes for {cleint}?"',
        f"forms.1.introduction.en: nothing fills {{cleint}}; nearest client; {FILLS}"),
    "a blank that nothing fills in another language": (
        'nl: "Twee minuten voor {client}?"', 'nl: "Twee minuten voor {klant}?"',
        f"forms.1.introduction.nl: nothing fills {{klant}}; nearest client; {FILLS}"),
    "a blank that nothing fills in the privacy text": (
        'nl: "Er wordt geen naam gevraagd."', 'nl: "Aan {contact}: {k_comment}."',
        f"forms.1.privacy.nl: nothing fills {{k_comment}}; nearest k_comments; {FILLS}"),
    "a blank without a name": (
        'en: "No name is asked."', 'en: "No {} is asked."',
        f"forms.1.privacy.en: nothing fills {{}}; {FILLS}"),
    "an opening that is misspelt": (
        RECEIPT, "    opening: [ask.recomend]\n" + RECEIPT,
        "forms.1.opening.0: ask.recomend is not among the form's questions; expected one of them"),
    "an opening that the form does not ask": (
        "    minutes: 6\n", "    opening: [ask.wish]\n    minutes: 6\n",
        "forms.0.opening.0: ask.wish is not among the form's questions; expected one of them"),
    "an opening that is an item": (
        RECEIPT, "    opening: [ask.wish, oven.crust]\n" + RECEIPT,
        "forms.1.opening.1: oven.crust is not among the form's questions; expected one of them"),
    "an opening twice": (
        RECEIPT, "    opening: [ask.wish, ask.wish]\n" + RECEIPT,
        "forms.1.opening.1: ask.wish is there twice; expected each once"),
    "items in a circle": (
        WASTE, WASTE + "\n        requires:\n"
        '          - {item: oven.waste, because: {en: "So.", nl: "Zo."}}',
        "steps.1.items.2.requires.0: the items require each other in a circle; "
        "found oven.waste → oven.waste; expected an order"),
    "a row that nothing serves": (
        "        items: [street.scent]\n", "",
        "lenses.0.rows.0: nothing serves this row; expected at least one item or question"),
}  # fmt: skip

# Where nothing is left on the changed line, the finding stands on what is around it.
AROUND = {
    "levels that do not fit the scale": -5,
    "advice that does not fit the levels": -13,
    "a missing field": -1,
    "a circle": +1,
    "items in a circle": +2,
    "a row that nothing serves": -2,
    "a form that asks nothing": -3,
}


# Whatever is gone is missed wherever it was used, and a misspelt field is also a missing one.
LEADS_TO_MORE = frozenset({
    "unknown role in a question", "unknown role in a statement", "an item's id twice", "a step's id twice",
    "a question with the id of an item", "a role asked another's question",
})  # fmt: skip


def line_of(text: str, place: str) -> int:
    assert text.count(place) == 1, f"{place!r} stands {text.count(place)} times"
    return text[: text.index(place)].count("\n") + 1


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_framework_names_line_field_found_expected_and_nearest(kind: str) -> None:
    before, after, finding = BROKEN[kind]
    line = line_of(TEXT, before) + AROUND.get(kind, 0)
    with pytest.raises(DeclarationError) as caught:
        parse_framework(TEXT.replace(before, after), name="small.yaml")
    told = {str(problem): problem.line for problem in caught.value.details}
    assert told.get(f"small.yaml line {line}, {finding}") == line, "\n".join(told)
    assert len(told) == 1 or kind in LEADS_TO_MORE, "\n".join(told)


@pytest.mark.parametrize(("low", "high"), [(1, 10), (0, 5), (1, 4)])
def test_a_roles_scale_must_have_both_ends_of_what_it_is_asked(low: int, high: int) -> None:
    text = TEXT.replace("{id: points, low: 0, high: 10}", f"{{id: points, low: {low}, high: {high}}}")
    with pytest.raises(DeclarationError) as caught:
        parse_framework(text.replace("weight: 0}", "weight: 0, scale: maturity}"), name="small.yaml")
    # Told once, for the first of its items: the scale is what is wrong.
    assert [str(one) for one in caught.value.details] == [
        f"small.yaml line {line_of(TEXT, 'weight: 0}')}, roles.2.scale: "
        f"guest would answer oven.crust on another scale; found 1…5; expected {low}…{high}"
    ]


def test_a_blank_in_a_framework_of_one_language_is_told_where_its_text_stands() -> None:
    plain = re.sub(r'\{en: ("[^"]*"), nl: "[^"]*"\}', r"\1", TEXT.replace("[en, nl]", "[en]"))
    assert parse_framework(plain).form("receipt").introduction == "Two minutes for {client}?"
    text = plain.replace("{client}", "{kunde} and {clients}")
    with pytest.raises(DeclarationError) as caught:
        parse_framework(text, name="small.yaml")
    where = f"small.yaml line {line_of(text, '{kunde}')}, forms.1.introduction"
    assert [str(one) for one in caught.value.details] == [
        f"{where}: nothing fills {{kunde}}; {FILLS}",
        f"{where}: nothing fills {{clients}}; nearest client; {FILLS}",
    ]


def test_items_in_a_circle_over_two_steps_are_told() -> None:
    needs = '        requires: [{item: oven.time, because: {en: "So.", nl: "Zo."}}]\n'
    text = TEXT.replace('        topic: {en: "Where flour', needs + '        topic: {en: "Where flour')
    with pytest.raises(DeclarationError) as caught:
        parse_framework(text, name="small.yaml")
    assert [str(one) for one in caught.value.details] == [
        f"small.yaml line {line_of(text, needs)}, steps.0.items.0.requires.0: the items require each other "
        "in a circle; found grain.mill → oven.time → grain.mill; expected an order"
    ]


def test_every_mistake_is_told_at_once_in_the_order_of_the_file() -> None:
    text = TEXT.replace("[oven, counter]", "[oven, conter]").replace("slug: shop", "slug: baking")
    text = text.replace("[street.scent]", "[street.scnt]")
    with pytest.raises(DeclarationError) as caught:
        parse_framework(text, name="small.yaml")
    conter, baking, scnt = (
        line_of(text, at) for at in ("conter]", 'baking\n    name: {en: "A', "street.scnt")
    )
    assert str(caught.value) == (
        "small.yaml: 3 things break the schema\n"
        f"  small.yaml line {conter}, steps.2.requires.1: "
        "unknown step conter; nearest counter\n"
        f"  small.yaml line {baking}, steps.3.slug: "
        "the slug baking is there twice; expected permanent, unique ids\n"
        f"  small.yaml line {scnt}, lenses.0.rows.0.items.0: "
        "unknown item street.scnt; nearest street.scent\n"
        "Correct the file and try again."
    )


# ── The schema for editors ──────────────────────────────────────────────────────────────────────


def test_the_schema_that_ships_is_the_one_the_code_checks(tmp_path: Path) -> None:
    write_schema(tmp_path / "schema.json")
    shipped = (FOLDER / "schema.json").read_text(encoding="utf-8")
    assert json.loads(shipped) == json_schema()
    assert shipped == (tmp_path / "schema.json").read_text(encoding="utf-8"), (
        "data/framework/schema.json is out of date: write it with cxlib.framework.write_schema"
    )


@pytest.mark.parametrize("path", [*SHIPPED, SMALL], ids=lambda path: path.stem)
def test_every_framework_is_valid_in_an_editor(path: Path) -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(read_document(path).data)


@pytest.mark.parametrize("kind", [
    "an unknown field", "a missing field", "a wrong type", "a weight below nothing", "an empty text",
    "a list where a mapping is expected", "a text that is a number", "an empty list",
    "an unknown kind of role", "a scale that no column can hold",
])  # fmt: skip
def test_an_editor_sees_what_is_broken(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(TEXT.replace(*BROKEN[kind][:2]), encoding="utf-8")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(json_schema()).validate(read_document(path).data)


# ── Nothing is wired to one framework ───────────────────────────────────────────────────────────


def names_of(framework: Framework) -> frozenset[str]:
    """Collect every name that only this framework has: not those of the schema itself."""
    steps = {name for step in framework.steps for name in (step.id, step.slug)}
    own = steps | set(framework.items) | set(framework.questions) | {role.id for role in framework.roles}
    schema = json.dumps(json_schema())
    # A register of touch points is one whatever a framework calls its steps.
    own -= {one.name for one in REGISTERS.values()}
    return frozenset(name for name in own if f'"{name}"' not in schema)


def counts_of(framework: Framework) -> frozenset[int]:
    return frozenset({len(framework.steps), len(framework.items)})


def wired(source: str, names: frozenset[str], counts: frozenset[int]) -> list[str]:
    """Find code that names a step, item, question or role, or counts on how many there are.

    Strings with a space are sentences (docstrings, examples in messages) and may name one.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            words = {node.value, *re.split(r"[^a-z0-9.]+", node.value), *re.split(r"[^a-z0-9]+", node.value)}
            found += [f"line {node.lineno}: {name!r}" for name in sorted(words & names)]
        if isinstance(node, ast.Compare) and any(map(_is_count, (node.left, *node.comparators))):
            found += [
                f"line {node.lineno}: a number of {number}"
                for number in _numbers(node.left, *node.comparators)
                if number in counts
            ]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
            found += [
                f"line {node.lineno}: a range of {number}"
                for number in _numbers(*node.args)
                if number in counts | {count + 1 for count in counts}
            ]
    return found


def _is_count(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len"


def _numbers(*nodes: ast.expr) -> list[int]:
    return [node.value for node in nodes if isinstance(node, ast.Constant) and type(node.value) is int]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_no_code_is_wired_to_a_framework(path: Path) -> None:
    framework = load_framework(path)
    names, counts = names_of(framework), counts_of(framework)
    found = {
        str(source.relative_to(ROOT)): lines
        for source in sorted((ROOT / "cxlib").rglob("*.py"))
        # Kernels know nothing of assessments; a file system of pyarrow's is called like a step.
        if source.parent.name != "kernels"
        if (lines := wired(source.read_text(encoding="utf-8"), names, counts))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("source", "finding"),
    [
        ('x = scores["street"]', "line 1: 'street'"),
        ('if step == "neighbourhood":\n    pass', "line 1: 'neighbourhood'"),
        ('x = "grain.mill"', "line 1: 'grain.mill'"),
        ('x = "street.mean"', "line 1: 'street'"),
        ('x = "3_shop.ipynb"', "line 1: 'shop'"),
        ('x = f"{run}-guest"', "line 1: 'guest'"),
        ("if len(steps) == 4:\n    pass", "line 1: a number of 4"),
        ("if 12 != len(items):\n    pass", "line 1: a number of 12"),
        ("for n in range(1, 5):\n    pass", "line 1: a range of 5"),
        ("for n in range(12):\n    pass", "line 1: a range of 12"),
    ],
)
def test_code_that_is_wired_to_a_framework_is_found(source: str, finding: str, small: Framework) -> None:
    assert finding in wired(source, names_of(small), counts_of(small))


@pytest.mark.parametrize(
    "source",
    ['"""A step, such as street."""', 'x = "expected an item, for example grain.mill"', "x = len(steps) + 4"],
)
def test_sentences_and_sums_are_not_taken_for_wiring(source: str, small: Framework) -> None:
    assert wired(source, names_of(small), counts_of(small)) == []
