"""Two versions side by side: what a respondent reads breaks a trend, and nothing else does."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxlib.framework import Framework, parse_framework
from cxlib.framework.versions import Change, Comparison, compare_frameworks

TEXT = (Path(__file__).parent / "reference" / "small-1.0.0.yaml").read_text(encoding="utf-8")
Edit = tuple[str, str]
LANGUAGES = (None, "en", "nl")
ROLES = (None, "owner", "team", "guest")


def edited(*edits: Edit, text: str = TEXT) -> str:
    for before, after in edits:
        assert text.count(before) == 1, f"{before!r} stands {text.count(before)} times"
        text = text.replace(before, after)
    return text


@cache
def parsed(text: str = TEXT) -> Framework:
    return parse_framework(text)


def compared(*edits: Edit, text: str = TEXT) -> Comparison:
    return compare_frameworks(parsed(text), parsed(edited(*edits, text=text)))


def asked(text: str = TEXT) -> tuple[str, ...]:
    return (*parsed(text).items, *parsed(text).questions)


def asked_of(role: str | None, framework: Framework | None = None) -> tuple[str, ...]:
    """Return what a role is asked, or anyone."""
    from_ = framework or parsed()
    items = [id_ for id_, one in from_.items.items() if role is None or role in one.statement]
    return (*items, *(id_ for id_, one in from_.questions.items() if role is None or role in one.roles))


def block(item: str) -> str:
    """Return the lines of one item."""
    found = re.search(rf"      - id: {re.escape(item)}\n(?:        .*\n)+", TEXT)
    assert found is not None, item
    return found[0]


# ── Kinds of change ─────────────────────────────────────────────────────────────────────────────

SMILE = """\
      - id: counter.smile
        topic: {en: "A smile", nl: "Een lach"}
        statement:
          team: {en: "I smile.", nl: "Ik lach."}
"""
WRONG_TEAM = '          team: {en: "I may put things right myself.", nl: "Ik mag zelf iets goedmaken."}\n'
WRONG_GUEST = '          guest: {en: "It was put right.", nl: "Het werd goedgemaakt."}\n'
WAITS = '          - {en: "Waits are timed.", nl: "Wachttijden worden gemeten."}\n'
CRUST = '        scale: points\n        topic: {en: "The crust"'
TIMES = '        stream: recipe\n        topic: {en: "Times'
WISH = 'text: {en: "What should we bake?"'

# Each is a small edit of the bakery, and all that may be told of it.
EDITS: dict[str, tuple[tuple[Edit, ...], tuple[Change, ...]]] = {
    "a new item": (
        (("      - id: counter.wrong\n", SMILE + "      - id: counter.wrong\n"),),
        (Change("counter.smile", "added"),),
    ),
    "a new question": (
        (("\nlenses:\n",
          '  - {id: ask.why, kind: comment, scale: null, roles: [guest], topic: {en: "Why", nl: "Waarom"},\n'
          '     text: {en: "Why?", nl: "Waarom?"}}\n\nlenses:\n'),),
        (Change("ask.why", "added"),),
    ),
    "a statement in one role and language": (
        (("I greet every guest.", "I greet all guests."),),
        (Change("counter.hello", "reworded", "statement", "team", "en",
                "I greet every guest.", "I greet all guests."),),
    ),
    "a statement in one role and both languages": (
        (("I was greeted.", "Somebody greeted me."), ("Ik werd begroet.", "Iemand groette mij.")),
        (Change("counter.hello", "reworded", "statement", "guest", "en",
                "I was greeted.", "Somebody greeted me."),
         Change("counter.hello", "reworded", "statement", "guest", "nl",
                "Ik werd begroet.", "Iemand groette mij.")),
    ),
    "the topic of an item": (
        (('topic: {en: "Waste"', 'topic: {en: "Rubbish"'),),
        (Change("oven.waste", "reworded", "topic", "", "en", "Waste", "Rubbish"),),
    ),
    "the topic of a question": (
        (("Recommending us", "Sending friends"),),
        (Change("ask.recommend", "reworded", "topic", "", "en", "Recommending us", "Sending friends"),),
    ),
    "a question that another role has its own wording of": (
        ((WISH, 'text: {en: "What do you miss?"'),),
        (Change("ask.wish", "reworded", "question", "guest", "en",
                "What should we bake?", "What do you miss?"),),
    ),
    "a role's wording of a question": (
        (("What would you bake?", "What would you bake for us?"),),
        (Change("ask.wish", "reworded", "question", "team", "en",
                "What would you bake?", "What would you bake for us?"),),
    ),
    "a level": (
        (("Some bags carry a date.", "A few bags carry a date."),),
        (Change("grain.stock", "re-levelled", "level 2", "", "en",
                "Some bags carry a date.", "A few bags carry a date."),),
    ),
    "items on a longer scale": (
        (("{id: points, low: 0, high: 10}", "{id: points, low: 0, high: 20}"),),
        (Change("oven.crust", "rescaled", "scale", "", "", "0…10", "0…20"),
         Change("street.scent", "rescaled", "scale", "", "", "0…10", "0…20")),
    ),
    "the label of an answer": (
        (('"10": {en: "Certainly"', '"10": {en: "For certain"'),),
        (Change("ask.recommend", "rescaled", "answer 10", "", "en", "Certainly", "For certain"),),
    ),
    "a label where there was none": (
        (('      "0": {en: "Certainly not"', '      "5": {en: "Perhaps", nl: "Misschien"}\n'
          '      "0": {en: "Certainly not"'),),
        (Change("ask.recommend", "rescaled", "answer 5", "", "en", "", "Perhaps"),
         Change("ask.recommend", "rescaled", "answer 5", "", "nl", "", "Misschien")),
    ),
    "the kind of a question": (
        (("    kind: nps\n", "    kind: rating\n"),),
        (Change("ask.recommend", "rescaled", "kind", "", "", "nps", "rating"),),
    ),
    "the direction of a question": (
        (('topic: {en: "One wish"', 'toward: low\n    topic: {en: "One wish"'),),
        (Change("ask.wish", "rescaled", "direction", "", "", "toward high", "toward low"),),
    ),
    "an item in another stream": (
        ((TIMES, TIMES.replace("recipe", "shift")),),
        (Change("oven.time", "moved", "place", "", "", "oven recipe", "oven shift"),),
    ),
    "an item in another step": (
        ((block("street.give"), ""), (block("counter.queue"), block("counter.queue") + block("street.give"))),
        (Change("street.give", "moved", "place", "", "", "street recipe", "counter recipe"),),
    ),
    "an item for one more role": (
        ((WRONG_TEAM, WRONG_TEAM + WRONG_GUEST),),
        (Change("counter.wrong", "added", "role", "guest"),),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", EDITS)
def test_a_change_is_told_with_its_kind_its_place_and_both_texts(kind: str) -> None:
    edits, changes = EDITS[kind]
    assert compared(*edits).changes == changes


@pytest.mark.parametrize("kind", EDITS)
def test_what_is_not_told_of_stays_comparable_and_a_move_breaks_no_items_trend(kind: str) -> None:
    edits, changes = EDITS[kind]
    found = compared(*edits)
    broken = {change.id for change in changes if change.kind != "moved"}
    newer = asked(edited(*edits))
    assert sorted(found.trended()) == sorted(set(newer) - broken)
    assert found.unchanged == tuple(id_ for id_ in found.trended() if not id_.startswith("ask."))
    assert found.share_unchanged == len(found.unchanged) / len(parsed(edited(*edits)).items)


def test_a_dropped_item_stands_last_and_counts_in_the_share() -> None:
    found = compare_frameworks(parsed(edited(*EDITS["a new item"][0])), parsed())
    assert found.changes == (Change("counter.smile", "dropped"),)
    assert found.items == (*parsed().items, "counter.smile")
    assert found.share_unchanged == 12 / 13


def test_items_and_questions_stand_in_the_order_of_the_newer_version() -> None:
    found = compared(*EDITS["a new item"][0])
    assert found.items[-2:] == ("counter.smile", "counter.wrong")
    assert found.questions == ("ask.recommend", "ask.wish")


def test_a_comparison_says_what_was_compared() -> None:
    found = compared(("version: 1.0.0", "version: 1.0.1"))
    assert found.before == parsed().stamp
    assert found.after.startswith("crumb 1.0.1 ")
    assert found.languages == ("en", "nl")


def test_the_items_of_a_kind_are_listed_once_each() -> None:
    kinds = ("a statement in one role and both languages", "a level", "items on a longer scale")
    found = compared(*(edit for kind in kinds for edit in EDITS[kind][0]))
    assert found.of_kind("reworded") == ("counter.hello",)
    assert found.of_kind("re-levelled") == ("grain.stock",)
    assert found.of_kind("rescaled") == ("oven.crust", "street.scent")
    assert found.of_kind("dropped") == ()


def test_what_all_roles_are_asked_anew_is_told_once() -> None:
    wordings = '    wordings:\n      team: {en: "What would you bake?", nl: "Wat zou jij bakken?"}\n'
    found = compared((WISH, 'text: {en: "What now?"'), text=edited((wordings, "")))
    assert [(one.role, one.where) for one in found.changes] == [("", "question")]


def test_roles_that_were_asked_in_other_words_each_tell_their_own() -> None:
    found = compared(
        ("I know our neighbours.", "I know you."),
        ("I know the regulars by name.", "I know you."),
        ("They know me here.", "I know you."),
    )
    assert [(one.role, one.before) for one in found.changes] == [
        ("owner", "I know our neighbours."),
        ("team", "I know the regulars by name."),
        ("guest", "They know me here."),
    ]


def test_a_change_for_the_only_role_that_is_asked_names_it() -> None:
    found = compared(("How good does the street smell?", "How good is the smell?"))
    assert [change.role for change in found.changes] == ["guest"]


def test_a_level_more_is_a_longer_scale_and_a_new_level() -> None:
    found = compared(
        (WAITS, WAITS + '          - {en: "No one waits.", nl: "Niemand wacht."}\n'),
        ("  - {id: points,", "  - {id: six, low: 1, high: 6}\n  - {id: points,"),
        ('        stream: recipe\n        topic: {en: "The queue"',
         '        stream: recipe\n        scale: six\n        topic: {en: "The queue"'),
    )  # fmt: skip
    assert [
        (one.kind, one.where, one.role, one.language, one.before, one.after) for one in found.changes
    ] == [
        ("rescaled", "scale", "", "", "1…5", "1…6"),
        ("re-levelled", "level 6", "", "en", "", "No one waits."),
        ("re-levelled", "level 6", "", "nl", "", "Niemand wacht."),
    ]


def test_a_question_that_becomes_open_has_no_scale_any_more() -> None:
    found = compared(("    scale: chance\n", "    scale: null\n"))
    assert {(one.kind, one.where, one.before, one.after) for one in found.changes} == {
        ("rescaled", "scale", "0…10", ""),
        ("rescaled", "answer 0", "Certainly not", ""),
        ("rescaled", "answer 0", "Zeker niet", ""),
        ("rescaled", "answer 10", "Certainly", ""),
        ("rescaled", "answer 10", "Zeker wel", ""),
    }


def test_a_question_for_one_role_less_is_dropped_for_that_role_alone() -> None:
    found = compared(("    roles: [team, guest]\n", "    roles: [guest]\n"))
    assert found.changes == (Change("ask.wish", "dropped", "role", "team"),)
    assert "ask.wish" in found.trended(role="guest")
    assert "ask.wish" not in found.trended(role="team")


# ── What is no change ───────────────────────────────────────────────────────────────────────────


def with_language(text: str, language: str) -> str:
    """Say everything in one more language."""
    text = text.replace("languages: [en, nl]", f"languages: [en, nl, {language}]")
    return re.sub(r', nl: "([^"]*)"', rf', nl: "\1", {language}: "\1 ({language})"', text)


def only(text: str, language: str, *, plain: bool = False) -> str:
    """Say everything in one language: `{en: "…"}`, or without naming it."""
    text = text.replace("languages: [en, nl]", f"languages: [{language}]")
    at = 1 if language == "en" else 2
    shown = rf'"\{at}"' if plain else rf'{{{language}: "\{at}"}}'
    return re.sub(r'\{en: "([^"]*)", nl: "([^"]*)"\}', shown, text)


NO_CHANGE = {
    "nothing": TEXT,
    "white space within a text": edited(("I greet every guest.", "I  greet every   guest. ")),
    "a text over two lines": edited((
        'team: {en: "I bake by the card.", nl: "Ik bak volgens de kaart."}',
        "team:\n            en: >\n              I bake\n              by the card.\n"
        "            nl: Ik bak volgens de kaart.")),
    "an advice": edited(("Hang up the list.", "Take down the list.")),
    "the effort of an advice": edited(("effort_days: 0.5", "effort_days: 4")),
    "why a step stands on another": edited(("No oven mends poor flour.", "Flour comes first.")),
    "what a step stands on": edited(("    requires: [oven, counter]\n", "    requires: [oven]\n")),
    "what an item stands on": edited(("- item: grain.mill", "- item: grain.stock")),
    "the name, question and outcome of a step": edited(
        ('name: {en: "Even baking"', 'name: {en: "Baking"'),
        ("Is today's loaf like yesterday's?", "Is it the same?"),
        ("A list of suppliers that we can stand by.", "A list.")),
    "a slug": edited(("slug: shop", "slug: till")),
    "a target": edited(("      level: 3.5\n", "      level: 4\n")),
    "a weight": edited(("weight: 2", "weight: 3")),
    "the name of a role": edited(("Bakers and shop staff", "Staff")),
    "a lens": edited(("items: [street.scent]", "items: [street.scent, oven.waste]")),
    "a form": edited(
        ("minutes: 2", "minutes: 9"),
        ("Two minutes for {client}?", "Have a minute?"),
        ("    roles: [owner, team]\n", "    roles: [team]\n")),
    "evidence and a seed": edited(
        (CRUST, '        evidence: {en: "A loaf.", nl: "Een brood."}\n        seed: us\n' + CRUST)),
    "the name of a scale": TEXT.replace("scale: points", "scale: score").replace("id: points", "id: score"),
    "another scale with the same ends and words": edited(
        ("  - {id: points,", "  - {id: marks, low: 0, high: 10}\n  - {id: points,"),
        (CRUST, CRUST.replace("points", "marks"))),
    "the order of items": edited(
        (block("oven.time"), ""), (block("oven.waste"), block("oven.waste") + block("oven.time"))),
    "the order of roles": edited(
        ("    roles: [team, guest]\n", "    roles: [guest, team]\n")),
    "a wording of a role that says what all are asked": edited(
        ('      team: {en: "What would you bake?"',
         '      guest: {en: "What should we bake?", nl: "Wat zouden wij moeten bakken?"}\n'
         '      team: {en: "What would you bake?"')),
    "a language more": with_language(TEXT, "fr"),
    "a language less": only(TEXT, "en"),
    "the other language less": only(TEXT, "nl"),
    "a language less, and the one that is left not named": only(TEXT, "en", plain=True),
    "the other way to write a line break": TEXT.replace("\n", "\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("kind", NO_CHANGE)
@pytest.mark.parametrize("way", ["forth", "back"])
def test_what_no_respondent_meets_changes_nothing(kind: str, way: str) -> None:
    pair = (parsed(), parsed(NO_CHANGE[kind]))
    found = compare_frameworks(*pair) if way == "forth" else compare_frameworks(*reversed(pair))
    assert found.changes == ()
    assert sorted(found.trended()) == sorted(asked())
    assert found.share_unchanged == 1


@pytest.mark.parametrize("plain", [False, True])
def test_a_text_that_does_not_name_its_language_is_compared_all_the_same(plain: bool) -> None:
    changed = edited(("I greet every guest.", "I greet all guests."))
    found = compare_frameworks(parsed(only(TEXT, "en", plain=plain)), parsed(changed))
    assert [(one.id, one.language, one.before, one.after) for one in found.changes] == [
        ("counter.hello", "en", "I greet every guest.", "I greet all guests.")
    ]
    neither = compare_frameworks(
        parsed(only(TEXT, "en", plain=True)), parsed(only(changed, "en", plain=plain))
    )
    assert neither.changes == found.changes


def test_versions_without_a_language_in_common_leave_nothing_to_trend() -> None:
    for plain in (False, True):
        found = compare_frameworks(
            parsed(only(TEXT, "en", plain=plain)), parsed(only(TEXT, "nl", plain=plain))
        )
        assert found.languages == ()
        assert found.trended() == found.trended(role="guest") == found.trended_step("oven") == ()
        assert found.share_unchanged == 0


def test_a_language_that_only_one_version_has_is_compared_with_nothing() -> None:
    reworded = only(edited(("I greet every guest.", "I greet all guests.")), "en")
    found = compare_frameworks(parsed(), parsed(reworded))
    assert {change.language for change in found.changes} == {"en"}
    assert found.trended(language="nl") == ()
    assert found.trended(language="en") == found.trended()


# ── Whose answers may still be compared ─────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("role", "language", "kept"),
    [
        (None, None, False), ("team", None, False), (None, "en", False), ("team", "en", False),
        ("owner", None, True), ("guest", "en", True), (None, "nl", True), ("team", "nl", True),
    ],
)  # fmt: skip
def test_a_text_of_one_role_in_one_language_breaks_their_trend_alone(
    role: str | None, language: str | None, kept: bool
) -> None:
    found = compared(*EDITS["a statement in one role and language"][0])
    trended = found.trended(role=role, language=language)
    assert ("counter.hello" in trended) is kept
    assert set(asked_of(role)) - set(trended) <= {"counter.hello"}


def test_a_level_breaks_the_trend_of_every_role_in_its_language() -> None:
    found = compared(*EDITS["a level"][0])
    assert not any("grain.stock" in found.trended(role=role) for role in ROLES)
    assert "grain.stock" in found.trended(language="nl")
    assert "grain.stock" not in found.trended(language="en")


def test_the_ends_of_a_scale_break_the_trend_in_every_language() -> None:
    found = compared(*EDITS["items on a longer scale"][0])
    assert not any("oven.crust" in found.trended(language=language) for language in LANGUAGES)


def test_a_role_that_is_added_leaves_the_others_theirs() -> None:
    found = compared(*EDITS["an item for one more role"][0])
    kept = {role: "counter.wrong" in found.trended(role=role) for role in ROLES}
    assert kept == {None: False, "owner": True, "team": True, "guest": False}


def test_a_steps_trend_is_made_of_the_items_that_both_versions_count_to_it() -> None:
    assert compared().trended_step("oven") == ("oven.time", "oven.crust", "oven.waste")
    assert compared().trended_step("nowhere") == ()
    moved = compared(*EDITS["an item in another step"][0])
    assert moved.trended_step("street") == ("street.known", "street.scent")
    assert moved.trended_step("counter") == ("counter.hello", "counter.queue", "counter.wrong")
    assert "street.give" in moved.trended()
    stream = compared(*EDITS["an item in another stream"][0])
    assert stream.trended_step("oven") == ("oven.time", "oven.crust", "oven.waste")
    more = compared(*EDITS["a new item"][0])
    assert more.trended_step("counter") == ("counter.hello", "counter.queue", "counter.wrong")


def test_a_steps_trend_may_be_asked_for_one_role() -> None:
    found = compared(*EDITS["a statement in one role and language"][0])
    assert found.trended_step("counter") == ("counter.queue", "counter.wrong")
    assert found.trended_step("counter", role="team") == ("counter.queue", "counter.wrong")
    assert found.trended_step("counter", role="owner") == ("counter.hello", "counter.queue", "counter.wrong")


# ── A role with a scale of its own ──────────────────────────────────────────────────────────────

GUEST = 'name: {en: "Guests", nl: "Gasten"}, kind: customer, weight: 0'
AGREE = '  - {id: agree, low: 1, high: 5, labels: {"1": {en: "No", nl: "Nee"}, "5": {en: "Yes", nl: "Ja"}}}\n'
FIVE = edited(("  - {id: points, low: 0, high: 10}\n", "  - {id: points, low: 1, high: 5}\n" + AGREE))
OWN = edited((GUEST, GUEST + ", scale: agree"), text=FIVE)
OF_GUESTS = {"grain.label", "oven.crust", "street.known", "street.scent", "counter.hello", "counter.queue"}


def test_a_role_that_gets_a_scale_of_its_own_loses_its_trend_and_no_other_role_does() -> None:
    found = compare_frameworks(parsed(FIVE), parsed(OWN))
    assert {change.role for change in found.changes} == {"guest"}
    assert set(found.trended(role="guest")) == set(asked_of("guest")) - OF_GUESTS
    assert found.trended(role="owner") == asked_of("owner")
    assert found.trended(role="team") == asked_of("team")
    of_label = [(one.kind, one.where, one.before, one.after) for one in found.changes
                if one.id == "grain.label" and one.language in ("", "en")]  # fmt: skip
    assert sorted(of_label) == [
        ("re-levelled", "level 1", "Nothing is written down.", ""),
        ("re-levelled", "level 2", "The baker knows by heart.", ""),
        ("re-levelled", "level 3", "There is a folder.", ""),
        ("re-levelled", "level 4", "Every shelf has its card.", ""),
        ("re-levelled", "level 5", "Cards are checked each week.", ""),
        ("rescaled", "answer 1", "", "No"),
        ("rescaled", "answer 5", "", "Yes"),
        ("rescaled", "scale", "", "1…5"),
    ]


def test_the_words_of_a_roles_scale_concern_that_role_alone() -> None:
    found = compared(('{en: "Yes", nl: "Ja"}', '{en: "Yes, surely", nl: "Ja"}'), text=OWN)
    assert {(one.role, one.language, one.where) for one in found.changes} == {("guest", "en", "answer 5")}
    assert {one.id for one in found.changes} == OF_GUESTS
    assert found.trended(role="team") == asked_of("team")


def test_nothing_is_trended_for_a_role_that_is_asked_nothing() -> None:
    assert compared().trended(role="nobody") == compared().asked("nobody") == ()


def test_a_role_that_does_not_choose_among_levels_keeps_its_trend_when_they_change() -> None:
    found = compared(("There is a folder.", "There is a binder."), text=OWN)
    assert [(one.where, one.role) for one in found.changes] == [("level 3", "owner"), ("level 3", "team")]
    assert "grain.label" in found.trended(role="guest")
    assert "grain.label" not in found.trended(role="owner")


# ── Laws ────────────────────────────────────────────────────────────────────────────────────────

versions = st.frozensets(st.sampled_from(sorted(EDITS)))
MIRROR = {"added": "dropped", "dropped": "added"}


@cache
def version(kinds: frozenset[str]) -> Framework:
    return parsed(edited(*(edit for kind in sorted(kinds) for edit in EDITS[kind][0])))


def mirrored(change: Change) -> Change:
    return replace(
        change, kind=MIRROR.get(change.kind, change.kind), before=change.after, after=change.before
    )


@settings(max_examples=60)
@given(versions)
def test_a_version_compared_with_itself_has_not_changed(kinds: frozenset[str]) -> None:
    same = compare_frameworks(version(kinds), version(kinds))
    assert same.changes == ()
    assert same.share_unchanged == 1
    assert same.trended() == (*version(kinds).items, *version(kinds).questions)
    for step in version(kinds).steps:
        assert same.trended_step(step.id) == tuple(item.id for item in step.items)


@settings(max_examples=60)
@given(versions, versions)
def test_what_is_added_one_way_is_dropped_the_other(one: frozenset[str], other: frozenset[str]) -> None:
    forth = compare_frameworks(version(one), version(other))
    back = compare_frameworks(version(other), version(one))
    assert set(back.changes) == {mirrored(change) for change in forth.changes}
    assert len(back.changes) == len(forth.changes)
    assert back.share_unchanged == forth.share_unchanged
    assert back.placed == forth.placed
    for role in ROLES:
        for language in LANGUAGES:
            kept = forth.trended(role=role, language=language)
            assert set(back.trended(role=role, language=language)) == set(kept)


@settings(max_examples=60)
@given(versions, versions)
def test_whoever_is_asked_alone_keeps_at_least_the_trend_of_all(
    one: frozenset[str], other: frozenset[str]
) -> None:
    found = compare_frameworks(version(one), version(other))
    changed = {change.id for change in found.changes if change.kind != "moved"}
    assert {*found.trended()} == {*found.items, *found.questions} - changed
    for role in ROLES:
        of_role = {id_ for id_, roles in found.roles.items() if role is None or role in roles}
        assert {*found.trended()} & of_role <= {*found.trended(role=role)} <= of_role
        for language in LANGUAGES:
            both = {*found.trended(role=role, language=language)}
            assert {*found.trended(role=role)} | {*found.trended(language=language)} & of_role <= both


@settings(max_examples=40)
@given(versions, versions, versions)
def test_a_trend_over_two_changes_of_version_is_a_trend_over_both_at_once(
    one: frozenset[str], two: frozenset[str], three: frozenset[str]
) -> None:
    first, second = (
        compare_frameworks(version(one), version(two)),
        compare_frameworks(version(two), version(three)),
    )
    whole = compare_frameworks(version(one), version(three))
    for role in ROLES:
        assert {*first.trended(role=role)} & {*second.trended(role=role)} <= {*whole.trended(role=role)}
