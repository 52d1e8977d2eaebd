"""Forms and the assessor's guide: all that is asked is there, nothing else gets in, and it can be printed."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdf
import pytest

from cxlib import look
from cxlib.errors import NotFoundError
from cxlib.framework import Framework, load_framework, parse_framework
from cxlib.framework.content import Form
from cxlib.questionnaire import Handout, assessor_guide, questionnaire
from tests.samples import BAKERY

ROOT = Path(__file__).resolve().parents[1]
CSS = (ROOT / "reports" / "template" / "questionnaire.css").read_text(encoding="utf-8")
HANDOUT = Handout(
    client="Crumb & Sons",
    contact="Anna Miller, <anna@crumb.example>",
    k_scores=5,
    k_comments=10,
    wave="Spring",
    date=dt.date(2026, 11, 23),
    segments=("Shop", "Shift"),
)
PAYLOADS = [
    "<script>alert(1)</script>",
    "</p></main></style><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "<!-- ",
    "]]> &lt;b&gt; &#60;b&#62;",
    "{{ 7 * 7 }} {% raw %} {client} ${alert(1)}",
    "first\nsecond\r\n\n<h1>third</h1>",
    "NUL \0 and half a pair \ud800",
    "\u202eright to left\u200f",
    "W" * 200,
]


@dataclass(frozen=True)
class Case:
    """One form, as one role gets it in one language."""

    path: Path
    form: str
    role: str
    language: str

    def __str__(self) -> str:
        return f"{self.path.stem} {self.form}.{self.role} {self.language}"

    @property
    def framework(self) -> Framework:
        return loaded(self.path)

    @property
    def asked(self) -> Form:
        return self.framework.form(self.form)

    def say(self, text: Any) -> str:
        return joined(self.framework.say(text, self.language))

    def page(self, handout: Handout = HANDOUT) -> str:
        return questionnaire(self.framework, self.form, handout, role=self.role, language=self.language)


@cache
def loaded(path: Path) -> Framework:
    return load_framework(path)


def joined(text: str) -> str:
    return " ".join(text.split())


def has_words(language: str) -> bool:
    try:
        return bool(look.words(language))
    except NotFoundError:
        return False


FRAMEWORKS = [*sorted((ROOT / "data" / "framework").glob("*.yaml")), BAKERY]
ALL = [
    Case(path, form.id, role, language)
    for path in FRAMEWORKS
    for language in loaded(path).content.languages
    for form in loaded(path).content.forms
    for role in form.roles
]
CASES = [case for case in ALL if has_words(case.language)]
WORDLESS = [case for case in ALL if not has_words(case.language)]
GUIDES = list(dict.fromkeys((case.path, case.language) for case in CASES))
each_form = pytest.mark.parametrize("case", CASES, ids=str)
each_guide = pytest.mark.parametrize(
    ("path", "language"), GUIDES, ids=[f"{p.stem} {one}" for p, one in GUIDES]
)


def german(*changes: tuple[str, str]) -> Framework:
    """The bakery with its second language called German, and texts of it replaced by others."""
    text = BAKERY.read_text(encoding="utf-8").replace("nl: ", "de: ").replace("[en, nl]", "[en, de]")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse_framework(text)


PRIVACY = 'privacy: {en: "No name is asked.", de: "Er wordt geen naam gevraagd."}'
OPEN = (
    PRIVACY,
    "privacy:\n"
    '      en: "Figures from {k_scores}, words from {k_comments}.\\n\\nWrite to {contact}. {contact}!"\n'
    '      de: "Zahlen ab {k_scores}, Worte ab {k_comments}.\\n\\nSchreiben Sie an {contact}. {contact}!"',
)


# ---------------------------------------------------------------- reading a page


@dataclass(eq=False)
class Node:
    """A tag with what is in it."""

    tag: str
    attrs: dict[str, str | None] = field(default_factory=dict)
    inside: list[Node | str] = field(default_factory=list)

    def all(self, tag: str = "", css: str = "") -> list[Node]:
        """List the tags inside, at any depth, of a name and a class."""
        found = []
        for one in self.inside:
            if isinstance(one, Node):
                is_wanted = (not tag or one.tag == tag) and (not css or css in one.classes)
                found += [*([one] if is_wanted else []), *one.all(tag, css)]
        return found

    @property
    def classes(self) -> list[str]:
        return (self.attrs.get("class") or "").split()

    @property
    def text(self) -> str:
        return joined("".join(one if isinstance(one, str) else one.text + " " for one in self.inside))

    @property
    def own(self) -> str:
        """Its text without that of the tags inside."""
        return joined(" ".join(one for one in self.inside if isinstance(one, str)))


class Reader(HTMLParser):
    """Builds the tree, and refuses a page whose tags are not closed in their order."""

    EMPTY = ("meta", "link")

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open = [Node("")]
        self.feed(source)
        self.close()
        assert [node.tag for node in self.open] == [""], "not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"{tag} has an attribute twice"
        node = Node(tag, dict(attrs))
        self.open[-1].inside.append(node)
        if tag not in self.EMPTY:
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].inside.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def read(page: str) -> Node:
    return Reader(page).open[0]


def skeleton(node: Node) -> Iterator[tuple[str, dict[str, str | None]]]:
    """Yield every tag with its attributes: all of a page that is not text."""
    for one in node.inside:
        if isinstance(one, Node):
            yield one.tag, one.attrs
            yield from skeleton(one)


@dataclass(frozen=True)
class Asked:
    """An item or question as it stands on the page: its code, its words, and what can be ticked."""

    code: str
    text: str
    answers: tuple[tuple[str, str], ...]


def asked_on(page: Node) -> list[Asked]:
    """List what a form asks, in the order of the page: rows of tables, and articles."""
    found = []
    for node in page.all():
        if node.tag == "tr" and node.all("span", "code"):
            cells = [
                (one.all("span", "box")[0].text, one.all("span", "unseen")[0].text) for one in node.all("td")
            ]
            found.append((node, node.all("th")[0], cells))
        elif node.tag == "article":
            lines = [[one.text for one in line.all("span")] for line in node.all("li")]
            ticks = [(box, " ".join(words)) for box, *words in lines]
            found.append((node, node.all("p", "statement")[0], ticks))
    codes = [around.all("span", "code") for around, _, _ in found]
    assert [one for few in codes for one in few] == page.all("span", "code")
    assert all(len(few) == 1 for few in codes)
    return [
        Asked(few[0].text, words.own, tuple(ticks))
        for few, (_, words, ticks) in zip(codes, found, strict=True)
    ]


def expected(case: Case) -> list[Asked]:
    """Say from the framework alone what a form asks, in its order."""
    framework, form, say = case.framework, case.asked, case.say
    scales = {scale.id: scale for scale in framework.content.scales}
    own = framework.role(case.role).scale

    def labelled(scale: str) -> tuple[tuple[str, str], ...]:
        values = range(scales[scale].low, scales[scale].high + 1)
        return tuple((str(value), say(scales[scale].labels.get(str(value)))) for value in values)

    def item(id_: str) -> Asked:
        one = framework.items[id_]
        if own is not None:
            answers = (*labelled(own), ("–", look.words(case.language)["no_experience"]))
        elif one.levels:
            answers = tuple((str(n), say(level)) for n, level in enumerate(one.levels, 1))
        else:
            answers = labelled(one.scale)
        return Asked(id_, say(one.statement[case.role]), answers)

    def question(id_: str) -> Asked:
        one = framework.questions[id_]
        text = say(one.wordings.get(case.role, one.text))
        return Asked(id_, text, labelled(one.scale) if one.scale else ())

    later = [id_ for id_ in form.questions if id_ not in form.opening]
    return [*map(question, form.opening), *map(item, form.items), *map(question, later)]


# ---------------------------------------------------------------- what is asked


def test_there_are_forms_in_several_languages_and_one_without_words() -> None:
    assert {case.path for case in CASES} == set(FRAMEWORKS)
    assert {(case.path, case.language) for case in WORDLESS} >= {(BAKERY, "nl")}


@each_form
def test_a_form_asks_all_that_it_lists_once_in_its_order_with_every_answer(case: Case) -> None:
    assert asked_on(read(case.page())) == expected(case)


@each_form
def test_no_statement_stands_anywhere_else_on_the_form(case: Case) -> None:
    wanted = Counter(one.text for one in expected(case))
    said = Counter(node.own for node in read(case.page()).all())
    assert {text: said[text] for text in wanted} == dict(wanted)


@each_form
def test_an_item_is_named_by_its_topic_where_levels_are_described(case: Case) -> None:
    titles = {node.all("span", "code")[0].text: node.own for node in read(case.page()).all("h3")}
    described = case.asked.items if case.framework.role(case.role).scale is None else []
    assert titles == {id_: case.say(case.framework.items[id_].topic) for id_ in described}


@each_form
def test_a_role_with_a_scale_of_its_own_reads_its_words_over_every_column(case: Case) -> None:
    own = case.framework.role(case.role).scale
    tables = [
        node
        for node in read(case.page()).all("table")
        if node.all("span", "code")[0].text in case.asked.items
    ]
    assert len(tables) == (own is not None and bool(case.asked.items))
    for table in tables:
        above = [node.text for node in table.all("thead")[0].all("th")]
        assert above == [label for _, label in expected_scale(case, str(own))]


def expected_scale(case: Case, scale: str) -> list[tuple[str, str]]:
    found = next(one for one in case.framework.content.scales if one.id == scale)
    values = [(str(value), case.say(found.labels[str(value)])) for value in range(found.low, found.high + 1)]
    return [*values, ("–", look.words(case.language)["no_experience"])]


@each_form
def test_staff_read_the_names_of_the_steps_and_customers_do_not(case: Case) -> None:
    headings = [node.text for node in read(case.page()).all("h2")]
    steps = {step.id: case.say(step.name) for step in case.framework.steps}
    shown = [text for text in headings if text in steps.values()]
    if case.framework.role(case.role).kind == "customer":
        assert shown == []
    else:
        order = dict.fromkeys(case.framework.step_of[id_] for id_ in case.asked.items)
        assert shown == [steps[id_] for id_ in order]


def test_a_customer_who_chooses_among_levels_sees_no_step_either() -> None:
    guest = Case(BAKERY, "receipt", "guest", "en")
    assert guest in CASES
    assert guest.framework.role("guest").scale is None
    titles = {guest.say(step.name) for step in guest.framework.steps}
    assert not titles & {node.text for node in read(guest.page()).all()}


def test_a_question_of_the_opening_stands_before_the_items_and_only_there() -> None:
    framework = german(
        (
            "items: [grain.label, oven.crust,",
            "opening: [ask.wish]\n    items: [grain.label, oven.crust,",
        )
    )
    page = read(questionnaire(framework, "receipt", HANDOUT))
    codes = [node.text for node in page.all("span", "code")]
    assert codes == ["ask.wish", *framework.form("receipt").items, "ask.recommend"]


def test_each_role_reads_its_own_wording_of_a_question() -> None:
    framework = german(
        (
            "roles: [owner, team]\n    items:",
            "roles: [team, guest]\n    questions: [ask.wish]\n    items:",
        ),
        (
            "      - grain.mill\n      - grain.stock\n      - grain.label\n      - oven.time\n"
            "      - oven.crust\n      - oven.waste\n      - street.known\n      - street.give\n"
            "      - counter.hello\n      - counter.queue\n      - counter.wrong\n",
            "      - grain.label\n",
        ),
    )
    said = {
        role: asked_on(read(questionnaire(framework, "kitchen-card", HANDOUT, role=role)))[-1].text
        for role in ("team", "guest")
    }
    assert said == {"team": "What would you bake?", "guest": "What should we bake?"}


def test_an_open_question_leaves_lines_to_write_on() -> None:
    page = read(Case(BAKERY, "receipt", "guest", "en").page())
    [wish] = [node for node in page.all("article") if node.all("span", "code")[0].text == "ask.wish"]
    assert wish.all("p", "lines")[0].all("span")
    assert wish.all("span", "box") == []


def test_questions_on_one_short_scale_share_a_table_and_others_do_not() -> None:
    labels = '      "0": {en: "No", de: "Nee"}\n      "1": {en: "Yes", de: "Ja"}\n'
    more = "".join(
        f"  - id: ask.{name}\n    kind: fact\n    scale: {scale}\n    roles: [guest]\n"
        f'    topic: {{en: "{name}", de: "{name}"}}\n    text: {{en: "Is it {name}?", de: "{name}?"}}\n'
        for name, scale in (("near", "either"), ("open", "either"), ("warm", "chance"), ("lone", "either"))
    )
    framework = german(
        (
            "  - id: chance\n",
            f"  - id: either\n    low: 0\n    high: 1\n    labels:\n{labels}  - id: chance\n",
        ),
        ("\nlenses:\n", f"\n{more}\nlenses:\n"),
        ("[ask.recommend, ask.wish]", "[ask.near, ask.open, ask.warm, ask.lone]"),
    )
    page = read(questionnaire(framework, "receipt", HANDOUT))
    [table] = page.all("table")
    assert [node.text for node in table.all("span", "code")] == ["ask.near", "ask.open"]
    assert [node.text for node in table.all("thead")[0].all("th")] == ["No", "Yes"]
    assert [one.answers for one in asked_on(page)[-4:-2]] == [(("0", "No"), ("1", "Yes"))] * 2
    assert [len(one.answers) for one in asked_on(page)[-2:]] == [11, 2]


# ---------------------------------------------------------------- what is filled in


@each_form
def test_what_a_form_leaves_open_is_filled_from_the_engagement(case: Case) -> None:
    page = read(case.page())
    values = {"client": HANDOUT.client, "contact": HANDOUT.contact, "k_scores": "5", "k_comments": "10"}

    def filled(text: Any) -> str:
        said = case.say(text)
        for name, value in values.items():
            said = said.replace(f"{{{name}}}", value)
        return said

    assert joined(" ".join(node.text for node in page.all("p", "lead"))) == filled(case.asked.introduction)
    told = [node for section in page.all("section", "privacy") for node in section.all("p")]
    assert joined(" ".join(node.text for node in told)) == filled(case.asked.privacy)
    assert re.findall(r"\{\w*\}", page.all("body")[0].text) == []


@each_form
def test_a_form_says_whose_it_is_for_whom_of_which_wave_and_in_which_version(case: Case) -> None:
    page = read(case.page())
    words = look.words(case.language)
    [html], [title], [h1] = page.all("html"), page.all("title"), page.all("h1")
    assert html.attrs["lang"] == case.language
    assert title.text == f"{h1.text} – Crumb & Sons"
    assert h1.text == case.say(case.asked.name)
    date = {"en": "23 November 2026", "de": "23. November 2026"}[case.language]
    assert page.all("p", "client")[0].text == f"Crumb & Sons · Spring · {date}"
    meta = page.all("p", "meta")[0].text
    assert meta.startswith(f"{words['for']}: {case.say(case.framework.role(case.role).name)}")
    assert (f" {case.asked.minutes} " in meta) == (case.asked.minutes is not None)
    assert [node.text for node in page.all("dt")] == ["Shop", "Shift"]
    framework = case.framework
    stamp = f"{framework.id} {framework.version} · {case.form}.{case.role} · {case.language}"
    assert page.all("p", "stamp")[0].text == stamp


@pytest.mark.parametrize(
    ("language", "number", "date"),
    [
        ("en", "1,000", "3 November 2026"),
        ("de", "1.000", "3. November 2026"),
        ("de-CH", "1’000", "3. November 2026"),
    ],
)
def test_numbers_and_dates_are_written_as_the_language_writes_them(
    language: str, number: str, date: str
) -> None:
    framework = german(OPEN)
    if language == "de-CH":
        text = framework.document.text.replace("de: ", "de-CH: ").replace("[en, de]", "[en, de-CH]")
        framework = parse_framework(text)
    handout = replace(HANDOUT, k_scores=100, k_comments=1000, date=dt.date(2026, 11, 3))
    page = read(questionnaire(framework, "receipt", handout, language=language))
    assert page.all("html")[0].attrs["lang"] == language
    assert number in page.all("section", "privacy")[0].text
    assert " 100," in page.all("section", "privacy")[0].text
    assert page.all("p", "client")[0].text.endswith(f" · {date}")


def test_a_blank_line_begins_a_paragraph() -> None:
    page = read(questionnaire(german(OPEN), "receipt", HANDOUT))
    told = [node.text for node in page.all("section", "privacy")[0].all("p")]
    assert told == [
        "Figures from 5, words from 10.",
        f"Write to {HANDOUT.contact}. {HANDOUT.contact}!",
    ]


def test_values_are_inserted_once_and_never_looked_into() -> None:
    handout = replace(HANDOUT, client="{contact}", contact="{client} {k_scores} {{ 7 * 7 }}")
    page = read(questionnaire(german(OPEN), "receipt", handout))
    assert page.all("p", "lead")[0].text == "Two minutes for {contact}?"
    told = page.all("section", "privacy")[0].all("p")[1].text
    assert told == "Write to {client} {k_scores} {{ 7 * 7 }}. {client} {k_scores} {{ 7 * 7 }}!"


def test_what_is_not_known_leaves_no_gap() -> None:
    framework = german(("    minutes: 2\n", ""), (f"    {PRIVACY}\n", ""))
    bare = Handout("Crumb", "x", 5, 10)
    page = read(questionnaire(framework, "receipt", bare))
    assert page.all("p", "client")[0].text == "Crumb"
    assert page.all("p", "meta")[0].text == "For: Guests"
    assert (page.all("section", "privacy"), page.all("section", "about"), page.all("dl")) == ([], [], [])


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("case", WORDLESS, ids=str)
def test_a_language_whose_page_words_are_not_translated_is_refused(case: Case) -> None:
    for make in (case.page, lambda: assessor_guide(case.framework, language=case.language)):
        with pytest.raises(NotFoundError, match="not translated into") as refused:
            make()
        assert f'Add a block "{case.language}" to reports/template/words.json' in refused.value.fix


@pytest.mark.parametrize(
    ("form", "role", "language", "told"),
    [
        ("kitchen-card", None, "en", r"several roles: owner, team\nName one with --role"),
        ("kitchen-card", "guest", "en", "not for guest; it is for owner, team"),
        ("kitchen-card", "teem", "en", "no role 'teem'; nearest team"),
        ("kitchen", "team", "en", "no form 'kitchen'; nearest kitchen-card"),
        ("receipt", None, "fr", "not written in 'fr'; expected one of en, nl"),
    ],
)
def test_a_form_that_is_not_there_is_refused(form: str, role: str | None, language: str, told: str) -> None:
    with pytest.raises(NotFoundError, match=told):
        questionnaire(loaded(BAKERY), form, HANDOUT, role=role, language=language)


def test_a_form_for_one_role_needs_no_role_to_be_named() -> None:
    case = Case(BAKERY, "receipt", "guest", "en")
    assert questionnaire(case.framework, "receipt", HANDOUT) == case.page()


def test_a_guide_in_a_language_that_is_not_there_is_refused() -> None:
    with pytest.raises(NotFoundError, match="not written in 'fr'"):
        assessor_guide(loaded(BAKERY), language="fr")


# ---------------------------------------------------------------- the guide


@each_guide
def test_the_guide_shows_for_every_item_what_to_ask_and_every_level(path: Path, language: str) -> None:
    framework = loaded(path)

    def say(text: Any) -> str:
        return joined(framework.say(text, language))

    page = read(assessor_guide(framework, client="Crumb & Sons", language=language))
    steps = [f"{n}. {say(step.name)}" for n, step in enumerate(framework.steps, 1)]
    assert [node.text for node in page.all("h2")] == steps
    items = page.all("article")
    assert [node.all("span", "code")[0].text for node in items] == list(framework.items)
    words = look.words(language)
    for node, item in zip(items, framework.items.values(), strict=True):
        assert node.all("h3")[0].own == say(item.topic)
        assert [one.text for one in node.all("p", "ask")] == ([say(item.evidence)] if item.evidence else [])
        levels = [joined(" ".join(tick.own for tick in line.all("span", "tick"))) for line in node.all("li")]
        assert levels == [say(level) for level in item.levels]
        numbers = [line.all("span", "level")[0].text for line in node.all("li")]
        assert numbers == [str(n) for n in range(1, len(item.levels) + 1)]
        assert [one.text for one in node.all("p", "requires")] == [
            f"{words['stands_on']} {say(framework.items[one.item].topic)} ({one.item}): {say(one.because)}"
            for one in item.requires
        ]
    questions = [say(step.question) for step in framework.steps]
    leads = [node.text for node in page.all("p", "lead")]
    assert leads[-len(questions) :] == questions
    assert page.all("html")[0].attrs["lang"] == language
    assert page.all("p", "client")[0].text == "Crumb & Sons"


def test_each_sentence_of_a_level_has_a_box_of_its_own() -> None:
    framework = german(
        (
            '{en: "There is a folder.", de:',
            "{en: \"There is a folder. 'Nuts' is in it! Is it read?\", de:",
        ),
        ('{en: "Nothing is written down.", de:', '{en: "About 3.5 of them, e.g. one loaf.", de:'),
    )
    page = read(assessor_guide(framework))
    [item] = [node for node in page.all("article") if node.all("span", "code")[0].text == "grain.label"]
    ticks = [[tick.own for tick in line.all("span", "tick")] for line in item.all("li")]
    assert ticks[2] == ["There is a folder.", "'Nuts' is in it!", "Is it read?"]
    assert ticks[0] == ["About 3.5 of them, e.g. one loaf."]
    assert [len(line.all("span", "box")) for line in item.all("li")] == [len(one) for one in ticks]


def test_a_guide_for_nobody_bears_the_name_of_the_framework() -> None:
    page = read(assessor_guide(loaded(BAKERY)))
    assert page.all("p", "client")[0].text == "Crumb: a bakery chain in four steps"
    assert page.all("title")[0].text == "Assessor's guide"


# ---------------------------------------------------------------- what cannot get in


def pages(path: Path) -> Iterator[str]:
    yield from (case.page() for case in CASES if case.path == path)
    yield from (
        assessor_guide(loaded(path), client="Crumb", language=one) for at, one in GUIDES if at == path
    )


@pytest.mark.parametrize("path", FRAMEWORKS, ids=lambda path: path.stem)
def test_a_page_has_no_script_and_asks_no_host_for_anything(path: Path) -> None:
    known = {"lang", "charset", "http-equiv", "content", "name", "rel", "href", "class", "id", "scope"}
    for page in pages(path):
        tags = list(skeleton(read(page)))
        assert not {"script", "img", "iframe", "object", "embed", "form", "svg", "base"} & {
            tag for tag, _ in tags
        }
        assert {name for _, attrs in tags for name in attrs} <= known | {"aria-labelledby", "aria-hidden"}
        assert [attrs["href"] for _, attrs in tags if "href" in attrs] == ["data:,"]
        assert not re.search(r"https?:|//\w|@import|url\(|expression\(", page)
        [policy] = [str(a["content"]) for _, a in tags if a.get("http-equiv") == "Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
        assert re.findall(r"https?:|\*|unsafe-eval|script-src", policy) == []


@pytest.mark.parametrize("text", [*PAYLOADS, " ".join(PAYLOADS)], ids=lambda text: ascii(text)[1:24])
def test_hostile_names_stay_text_and_change_no_tag(text: str) -> None:
    framework = german(OPEN)
    hostile = Handout(f"A {text}", f"B {text}", 5, 10, f"C {text}", HANDOUT.date, (f"D {text}", f"E {text}"))
    plain, page = (questionnaire(framework, "receipt", one) for one in (HANDOUT, hostile))
    assert list(skeleton(read(page))) == list(skeleton(read(plain)))
    assert page.split("<style>")[1].split("</style>")[0] == plain.split("<style>")[1].split("</style>")[0]
    assert "\0" not in page
    assert page.encode().decode() == page
    seen = read(page)
    named = text.replace("\0", "\ufffd").replace("\ud800", "?")
    shown = joined(named)
    assert seen.all("p", "client")[0].text == f"A {shown} · C {shown} · 23 November 2026"
    assert [node.text for node in seen.all("dt")] == [f"D {shown}", f"E {shown}"]
    assert seen.all("p", "lead")[0].text == joined(f"Two minutes for A {named}?")
    assert seen.all("title")[0].text == f"On the receipt – A {shown}"
    assert joined(f"Write to B {named}. B {named}!") in seen.all("section", "privacy")[0].text


@pytest.mark.parametrize("text", PAYLOADS, ids=lambda text: ascii(text)[1:24])
def test_hostile_names_stay_text_in_the_guide(text: str) -> None:
    plain, page = (assessor_guide(loaded(BAKERY), client=client) for client in ("A", f"A {text}"))
    assert list(skeleton(read(page))) == list(skeleton(read(plain)))
    shown = joined(text.replace("\0", "\ufffd").replace("\ud800", "?"))
    assert read(page).all("p", "client")[0].text == f"A {shown}"
    assert page.encode().decode() == page


QUOTED = "</style><script>alert(1)</script> & \\\"} body { display: none } 'x' <b>"


def hostile_framework() -> Framework:
    """The bakery with markup in every kind of text that a form shows."""
    yaml = QUOTED.replace("\\", "\\\\").replace('"', '\\"')
    places = (
        "On the receipt", "Guests", "They know me here.", "Nobody is known.", "Known by name", "Certainly",
        "Would you send a friend to us?", "Part of the street", "Would the street miss us?",
        "Another flour needs another time.", "Crumb: a bakery chain in four steps",
    )  # fmt: skip
    return german(*((f'en: "{text}"', f'en: "{text} {yaml}"') for text in places))


def test_markup_in_a_framework_s_own_texts_stays_text() -> None:
    framework = hostile_framework()
    for make in (lambda f: questionnaire(f, "receipt", HANDOUT), assessor_guide):
        plain, page = make(german()), make(framework)
        assert list(skeleton(read(page))) == list(skeleton(read(plain)))
        assert page.count("</style>") == 1
    page = read(questionnaire(framework, "receipt", HANDOUT))
    known = next(one for one in asked_on(page) if one.code == "street.known")
    assert known.text == f"They know me here. {QUOTED}"
    assert known.answers[0] == ("1", f"Nobody is known. {QUOTED}")
    assert page.all("h1")[0].text == f"On the receipt {QUOTED}"


# ---------------------------------------------------------------- what a browser makes of it

# What pokes out of the sheet: text that is wider than its place, or lies left or right of it.
STICKS_OUT = """() => {
  const main = document.querySelector('main').getBoundingClientRect(), out = [];
  const walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const around = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || around.closest('.unseen, thead')) continue;
    const range = document.createRange();
    range.selectNodeContents(walk.currentNode);
    for (const box of range.getClientRects())
      if (box.left < main.left - 1 || box.right > main.right + 1) out.push(walk.currentNode.data.trim());
  }
  return out;
}"""
# Every text with its colour and the first background behind it.
COLOURS = """() => {
  const found = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    if (!walk.currentNode.data.trim()) continue;
    const around = walk.currentNode.parentElement;
    let behind = around, ground = 'rgba(0, 0, 0, 0)';
    while (behind && ground === 'rgba(0, 0, 0, 0)') {
      ground = getComputedStyle(behind).backgroundColor;
      behind = behind.parentElement;
    }
    const paper = ground === 'rgba(0, 0, 0, 0)' ? 'rgb(255, 255, 255)' : ground;
    found.add(`${getComputedStyle(around).color} on ${paper} with ${getComputedStyle(around).opacity}`);
  }
  return [...found];
}"""


@dataclass(frozen=True)
class Printout:
    """A page in a file, and what a browser prints of it."""

    name: str
    language: str
    file: Path
    tree: Node

    def opened(self, visit: Any, **options: Any) -> Any:
        return visit(self.file, **options)

    def printed(self, visit: Any) -> bytes:
        pdf: bytes = visit(self.file).page.pdf(prefer_css_page_size=True, print_background=True)
        return pdf


MAKERS: dict[str, tuple[str, Callable[[], str]]] = {
    **{str(case): (case.language, case.page) for case in CASES},
    **{
        f"{path.stem} guide {language}": (
            language,
            lambda path=path, language=language: assessor_guide(
                loaded(path), client=HANDOUT.client, language=language
            ),
        )
        for path, language in GUIDES
    },
}


@pytest.fixture(params=MAKERS)
def printout(request: pytest.FixtureRequest, tmp_path: Path) -> Printout:
    """Each form, and each guide, as a file."""
    language, make = MAKERS[request.param]
    return written(tmp_path, make(), request.param, language)


def written(folder: Path, page: str, name: str = "page", language: str = "en") -> Printout:
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    return Printout(name, language, file, read(page))


def fits(page: Any) -> None:
    across = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert across[0] <= across[1]
    assert page.evaluate(STICKS_OUT) == []


def untroubled(seen: Any) -> None:
    assert (seen.errors, seen.requests, seen.alerts, seen.violations) == ([], [], [], [])


def test_a_page_fits_a_wide_and_a_narrow_screen_and_asks_for_nothing(visit: Any, printout: Printout) -> None:
    seen = printout.opened(visit, width=1280)
    for width in (1280, 390):
        seen.page.set_viewport_size({"width": width, "height": 900})
        fits(seen.page)
    untroubled(seen)


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_names_do_nothing_in_a_browser_and_fit_the_screen(
    visit: Any, tmp_path: Path, width: int
) -> None:
    text = " ".join(PAYLOADS)
    hostile = Handout(text, text, 5, 10, text, HANDOUT.date, (text, "W" * 200))
    seen = written(tmp_path, questionnaire(hostile_framework(), "receipt", hostile)).opened(
        visit, width=width
    )
    fits(seen.page)
    assert seen.page.locator(".privacy").is_visible()
    assert seen.page.locator("script, img, svg").count() == 0
    untroubled(seen)


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2) of `#rrggbb` or `rgb(…)`."""
    found = re.fullmatch(r"rgb\((\d+), (\d+), (\d+)\)", colour)
    parts = [int(one) for one in found.groups()] if found else list(bytes.fromhex(colour.removeprefix("#")))
    linear = [
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4
        for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_measure_of_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("rgb(119, 119, 119)", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("media", ["screen", "print"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_text_stands_out_from_its_background(
    visit: Any, tmp_path: Path, width: int, media: str
) -> None:
    pages_ = [questionnaire(german(OPEN), "receipt", HANDOUT), assessor_guide(loaded(BAKERY))]
    pages_ += [case.page() for case in CASES if case.framework.role(case.role).scale is not None][:1]
    for page in pages_:
        seen = written(tmp_path, page).opened(visit, width=width, color_scheme="dark")
        seen.page.emulate_media(media=media, color_scheme="dark")
        found = seen.page.evaluate(COLOURS)
        assert len(found) > 2
        for one in found:
            ink, paper, opacity = re.fullmatch(r"(.+) on (.+) with (.+)", one).groups()  # type: ignore[union-attr]
            assert opacity == "1"
            assert contrast(ink, paper) >= 4.5, one


def test_the_foot_of_every_sheet_stands_out_from_the_paper() -> None:
    sheet = re.search(r"@page \{(.*?)\n\}", CSS, flags=re.DOTALL)
    assert sheet is not None
    colours = re.findall(r"color: (#\w{6});", sheet[1])
    assert len(colours) == 2
    assert all(contrast(colour, "#ffffff") >= 4.5 for colour in colours)


# ---------------------------------------------------------------- what a printer makes of it

FEET = {"en": r"Page (\d+) of (\d+)", "de": r"Seite (\d+) von (\d+)"}


def sheets(pdf: bytes) -> list[str]:
    """Return the text of every printed page, in the order in which it was drawn."""
    return [one.extract_text() for one in pypdf.PdfReader(BytesIO(pdf)).pages]


def bare(text: str) -> str:
    """Leave out what a line break may add or take: white space and hyphens; and undo ligatures."""
    return re.sub(r"[\s\u00ad\u2010-]", "", unicodedata.normalize("NFKC", text))


def blocks(tree: Node) -> list[list[str]]:
    """List what must not be torn apart: an item or question with its answers, a row of a table."""
    rows = [node for node in tree.all("tr") if node.all("span", "code")]
    whole = [*tree.all("article"), *(one for row in rows for one in row.all("th"))]
    return [[one.own for one in (node, *node.all())] for node in whole]


def test_a_page_is_printed_whole_each_sheet_with_its_foot_and_no_item_torn_apart(
    visit: Any, printout: Printout, tmp_path: Path
) -> None:
    pdf = printout.printed(visit)
    sizes = re.findall(rb"MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    assert {(round(float(wide)), round(float(high))) for wide, high in sizes} == {(595, 842)}
    pages_ = sheets(pdf)
    assert len(pages_) >= 1
    feet = [re.findall(FEET[printout.language], one) for one in pages_]
    assert feet == [[(str(n), str(len(pages_)))] for n in range(1, len(pages_) + 1)]
    plain = [bare(one) for one in pages_]
    title, stamp = printout.tree.all("h1")[0].text, printout.tree.all("p", "stamp")[0].text
    assert all(bare(f"{title} · {stamp}") in one for one in plain)
    wanted = blocks(printout.tree)
    assert len(wanted) == len(printout.tree.all("span", "code"))
    for block in wanted:
        whole = [n for n, one in enumerate(plain, 1) if all(bare(text) in one for text in block)]
        assert whole, f"on no page as a whole: {block}"
    for section in printout.tree.all("section"):
        heading, items = section.all("h2"), section.all("article")
        if heading and items:
            both = [bare(heading[0].text), bare(items[0].all("span", "code")[0].text)]
            assert any(all(text in one for text in both) for one in plain), f"a lonely heading: {both}"
    everything = "".join(plain)
    for node in printout.tree.all("main")[0].all():
        if not {"unseen", "stamp"} & set(node.classes):
            assert bare(node.own) in everything, node.own


def test_the_long_words_at_the_ends_of_a_scale_are_not_cut(visit: Any, tmp_path: Path) -> None:
    labels = ('{en: "Certainly not", de: "Zeker niet"}', '{en: "Certainly", de: "Zeker wel"}')
    framework = german(
        (labels[0], '{en: "Not", de: "Überhaupt nicht wahrscheinlich"}'),
        (labels[1], '{en: "Yes", de: "Äußerst wahrscheinlich"}'),
    )
    page = written(tmp_path, questionnaire(framework, "receipt", HANDOUT, language="de"))
    for width in (1280, 390):
        fits(page.opened(visit, width=width).page)
    printed = bare("".join(sheets(page.printed(visit))))
    assert "Äußerstwahrscheinlich" in printed
    assert "Überhauptnichtwahrscheinlich" in printed


def test_a_table_that_runs_on_repeats_its_head(visit: Any, tmp_path: Path) -> None:
    for case in [one for one in CASES if one.framework.role(one.role).scale is not None]:
        page = written(tmp_path, case.page())
        [table] = [
            one for one in page.tree.all("table") if one.all("span", "code")[0].text in case.asked.items
        ]
        words = [bare(node.text) for node in table.all("thead")[0].all("th")]
        rows = [bare(node.all("th")[0].own) for node in table.all("tr")[1:]]
        for one in map(bare, sheets(page.printed(visit))):
            if any(row in one for row in rows):
                assert all(word in one for word in words)
