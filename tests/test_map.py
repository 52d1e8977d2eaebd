"""Proposed mappings: codes, then texts however reworded, then answers; and what a person is told."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cxlib.declarations import parse_document, read_document, validate
from cxlib.errors import IngestError
from cxlib.framework import Framework, load_framework
from cxlib.mapping import MappingSpec, read_mapping
from cxlib.proposals import Proposal, Wanted, mapping_by_codes, mapping_text, propose, wave_told
from cxlib.proposals.answers import Scales
from cxlib.proposals.likeness import views
from tests import rewordings
from tests.conftest import Cx
from tests.exported import Asked, Survey, comma_separated, of_framework, write
from tests.samples import BAKERY
from tests.test_presets import CX7, ROLES, SEGMENTS, imported, same


@pytest.fixture(scope="module")
def cx7() -> Framework:
    return load_framework(CX7)


@pytest.fixture(scope="module")
def wanted(cx7: Framework) -> Wanted:
    return Wanted(cx7, ROLES, {"hotel": "Hotel"})


@pytest.fixture(scope="module")
def crumbs() -> Wanted:
    return Wanted(load_framework(BAKERY), ("owner", "team", "guest"))


# What `cx map` is quick with.
SMALL = ("--framework", BAKERY)


def table(path: Path, header: list[str], *rows: list[str]) -> Path:
    path.write_text(comma_separated([header, *rows]), encoding="utf-8")
    return path


def taken(found: Proposal) -> dict[str, str]:
    return {one.column: f"{one.kind} {one.target}".strip() for one in found.guesses if one.kind}


# ── How often a proposal is right ───────────────────────────────────────────────────────────────

RULES: dict[str, Callable[[str, int], str]] = {
    "as written": lambda text, n: text,
    "numbered": rewordings.numbered,
    "marked up as HTML": rewordings.marked_up,
    "capitals, spaces": rewordings.by_rule,
    "abridged": rewordings.abridged,
    "cut at 40": rewordings.cut,
    "mistyped": rewordings.mistyped,
}
# Least share right [0–1], of what is proposed as sure and of everything, as measured on 28 November 2026.
LEAST = {
    "as written": (1.0, 1.0),
    "numbered": (1.0, 1.0),
    "marked up as HTML": (1.0, 1.0),
    "capitals, spaces": (1.0, 1.0),
    "abridged": (1.0, 1.0),
    "cut at 40": (1.0, 0.98),
    "mistyped": (1.0, 1.0),
    "by hand, near": (1.0, 0.96),
    "by hand, German": (1.0, 0.92),
    "by hand, far": (1.0, 0.0),
    "by hand, held out": (1.0, 0.94),
}


def in_other_words(cx7: Framework) -> Iterator[tuple[str, Survey]]:
    forms = {
        ("frontline", "en"): of_framework(cx7, role="frontline", people=12),
        ("frontline", "de"): of_framework(cx7, role="frontline", language="de", people=12),
        ("leadership", "en"): of_framework(cx7, role="leadership", people=12),
        ("management", "de"): of_framework(cx7, role="management", language="de", people=12),
        ("customer", "en"): of_framework(cx7, role="customer", people=12),
    }
    for rule, change in RULES.items():
        for form in (("frontline", "en"), ("frontline", "de"), ("customer", "en")):
            yield rule, forms[form].reworded(change)
    for rule, role, language, texts in (
        ("by hand, near", "frontline", "en", rewordings.FRONTLINE),
        ("by hand, near", "customer", "en", rewordings.CUSTOMER),
        ("by hand, German", "frontline", "de", rewordings.GERMAN),
        ("by hand, far", "frontline", "en", rewordings.FAR),
        ("by hand, held out", "leadership", "en", rewordings.HELD_OUT),
        ("by hand, held out", "management", "de", rewordings.HELD_OUT_GERMAN),
    ):
        survey = forms[role, language]
        asked = tuple(replace(one, text=texts[one.code]) for one in survey.asked if one.code in texts)
        yield rule, replace(survey, asked=asked)


def outcomes(found: Proposal, survey: Survey, strange: tuple[Asked, ...]) -> Counter[str]:
    """Count the columns of a survey by what was proposed for each: right or not, sure or in doubt."""
    truth = {one.text.strip(): one.code for one in survey.asked}
    odd = {one.text.strip() for one in strange}
    told: Counter[str] = Counter()
    for one in found.guesses:
        kind = "sure" if one.is_sure else "in doubt"
        if one.column.strip() in odd:
            told[f"strange {kind}" if one.target else "strange left"] += 1
        elif (code := truth.get(one.column.strip())) is not None:
            told["left" if not one.target else f"{'right' if one.target == code else 'wrong'} {kind}"] += 1
    return told


def test_how_often_proposals_are_right(
    cx7: Framework, wanted: Wanted, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Print and hold it by how questions were reworded, ten questions of no framework in each file."""
    strange = tuple(Asked(f"x{n}", text) for n, text in enumerate(rewordings.STRANGE))
    shapes = ("surveymonkey-numbers", "google-forms", "limesurvey-texts")
    sums: dict[str, Counter[str]] = {}
    for n, (rule, survey) in enumerate(in_other_words(cx7)):
        # Where the words of answers tell an item, it is found whatever its text; here the text must do.
        shape = shapes[0] if rule.startswith("by hand") else shapes[n % 3]
        people = tuple(
            {**person, **{one.code: 1 + (n + at) % 5 for at, one in enumerate(strange)}}
            for n, person in enumerate(survey.people)
        )
        path = write(shape, tmp_path, Survey((*survey.asked, *strange), people), f"{n}")
        sums.setdefault(rule, Counter()).update(outcomes(propose(path, wanted), survey, strange))
    columns = ("right sure", "right in doubt", "wrong sure", "wrong in doubt", "left")
    print(f"\n{'Proposed, of all columns':<26}" + "".join(f"{one:>16}" for one in columns))
    for rule, told in sums.items():
        print(f"  {rule:<24}" + "".join(f"{told[one]:>16}" for one in columns))
        record_property(rule, dict(told))
    odd = Counter({one: sum(told[one] for told in sums.values()) for one in told_of_strange})
    print(f"  {'asked by no framework':<24}" + "".join(f"{one} {n}   " for one, n in odd.items()))
    for rule, told in sums.items():
        sure = told["right sure"] + told["wrong sure"]
        every = sum(told[one] for one in columns)
        right = told["right sure"] + told["right in doubt"]
        least_sure, least = LEAST[rule]
        assert told["right sure"] >= least_sure * sure, rule
        assert right >= least * every, rule
    assert odd["strange sure"] == 0


told_of_strange = ("strange sure", "strange in doubt", "strange left")


def test_the_words_of_answers_tell_an_item_whatever_it_is_called(
    cx7: Framework, wanted: Wanted, tmp_path: Path
) -> None:
    survey = of_framework(cx7, role="leadership", people=12).coded(lambda _, n: f"Q{n}")
    asked = tuple(replace(one, text=f"Question {n}") for n, one in enumerate(survey.asked))
    found = propose(write("google-forms", tmp_path, replace(survey, asked=asked)), wanted)
    by_answers = [one for one in found.guesses if one.why == "the words of its answers"]
    items = [*cx7.items]
    assert [one.target for one in by_answers[: len(items)]] == items
    assert all(one.is_sure for one in by_answers)


def test_no_item_is_proposed_twice(cx7: Framework, wanted: Wanted, tmp_path: Path) -> None:
    said = [text for text in cx7.items["s1.i01"].statement.values() if not isinstance(text, str)]
    header = [text["en"] for text in said] + [text["de"] for text in said]
    found = propose(table(tmp_path / "thrice.csv", header, ["3"] * len(header)), wanted)
    assert [one.target for one in found.guesses if one.target] == ["s1.i01"]
    left = [one for one in found.guesses if not one.target]
    assert {(one.runner_up, one.why) for one in left} == {("s1.i01", "another column asks it better")}


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("12. I am proud", "i am proud"),
        ("Q7: I am proud", "i am proud"),
        ("(3) I am proud", "i am proud"),
        ("a) I am proud", "i am proud"),
        ("4.2) I am proud", "i am proud"),
        ("24 hours are enough", "24 hours are enough"),
        ("<p>I&nbsp;am <b>proud</b></p>", "i am proud"),
        ("${e://Field/name}, I am proud", "i am proud"),
        ("I am\n proud…", "i am proud"),
    ],
)
def test_a_text_is_read_without_what_editors_add(text: str, read: str) -> None:
    assert views(text)[0] == read


@pytest.mark.parametrize(
    "text", ["How far? [I am proud]", "How far? - I am proud", "3. How far? [I am proud]"]
)
def test_a_row_of_a_grid_is_a_question(text: str) -> None:
    assert "i am proud" in views(text)


# ── What is about a person ──────────────────────────────────────────────────────────────────────


def test_roles_are_known_by_their_names_in_any_language(wanted: Wanted, tmp_path: Path) -> None:
    path = table(tmp_path / "roles.csv", ["Gruppe", "s1.i01"], ["Leitung", "3"], ["Führungskräfte", "4"])
    found = propose(path, wanted)
    assert taken(found)["Gruppe"] == "role"
    spec = validate(MappingSpec, parse_document(mapping_text(found, wanted), name="x"))
    assert spec.role.values == {"Leitung": "leadership", "Führungskräfte": "management"}


def test_the_role_that_all_questions_are_worded_for_is_proposed(
    cx7: Framework, wanted: Wanted, tmp_path: Path
) -> None:
    path = write("google-forms", tmp_path, of_framework(cx7, role="customer", language="de", people=3))
    text = mapping_text(propose(path, wanted), wanted)
    assert "role: {value: customer}  # no column tells roles; worded for this one" in text


@pytest.mark.parametrize(("shape", "counts"), [("limesurvey", True), ("qualtrics", False)])
def test_ids_that_only_count_are_remarked_on(
    shape: str, counts: bool, cx7: Framework, wanted: Wanted, tmp_path: Path
) -> None:
    path = write(shape, tmp_path, of_framework(cx7, role="customer", people=2))
    assert ("#   counts from 1 in each survey" in mapping_text(propose(path, wanted), wanted)) is counts


def test_a_role_that_nothing_tells_is_left_to_say(wanted: Wanted, tmp_path: Path) -> None:
    text = mapping_text(propose(table(tmp_path / "a.csv", ["s1.i01"], ["3"]), wanted), wanted)
    assert "value: TO-BE-SAID  # no column tells roles; one of leadership, management" in text


@pytest.mark.parametrize(
    ("days", "line"),
    [
        (["16.03.2026 09:05", "17.03.2026 10:15"], 'date: {column: "Datum", format: "%d.%m.%Y"}\n'),
        (["2026/03/16 9:05:11 AM GMT+1", ""], 'date: {column: "Datum", format: "%Y/%m/%d"}\n'),
        (
            ["03/04/2026"],
            'format: "%m/%d/%Y"}  # in doubt: %m/%d/%Y or %d/%m/%Y; the rows looked at do not say',
        ),
        (["03/16/2026", "03/04/2026"], 'date: {column: "Datum", format: "%m/%d/%Y"}\n'),
    ],
)
def test_the_format_of_days_is_read_from_them(
    days: list[str], line: str, wanted: Wanted, tmp_path: Path
) -> None:
    path = table(tmp_path / "days.csv", ["Datum", "s1.i01"], *([day, "3"] for day in days))
    assert line in mapping_text(propose(path, wanted), wanted)


def test_a_segment_in_a_question_is_in_doubt(wanted: Wanted, tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", ["Which hotel do you work in?", "s1.i01"], ["North", "3"])
    text = mapping_text(propose(path, wanted), wanted)
    assert (
        '  hotel: {column: "Which hotel do you work in?"}  # in doubt: 60%, by a word of its header' in text
    )


# ── Answers ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("item", "answers", "values", "understood", "guessed"),
    [
        ("s3.i04", ["1", "5", "3.0"], {}, 1.0, ()),
        ("s3.i04", ["Trifft voll und ganz zu"], {"Trifft voll und ganz zu": 5}, 1.0, ()),
        ("s3.i04", ["entirely TRUE "], {"entirely TRUE": 5}, 1.0, ()),
        ("s3.i04", ["Entirley true"], {"Entirley true": 5}, 1.0, ("Entirley true",)),
        ("s3.i04", ["4 - More true than untrue"], {"4 - More true than untrue": 4}, 1.0, ()),
        ("q.recommend", ["10 (extremely likely)", "3"], {"10 (extremely likely)": 10}, 1.0, ()),
        ("s3.i04", ["A1", "A5"], {"A1": 1, "A5": 5}, 1.0, ("A1", "A5")),
        ("s3.i04", ["A1", "maybe"], {}, 0.0, ()),
        ("s3.i04", ["7", "3"], {}, 0.5, ()),
        ("q.delivery_gap", ["Ja", "Nein"], {"Ja": 1, "Nein": 0}, 1.0, ()),
    ],
)
def test_answers_are_read_on_the_scale_of_their_item(
    cx7: Framework,
    item: str,
    answers: list[str],
    values: Mapping[str, int],
    understood: float,
    guessed: tuple[str, ...],
) -> None:
    meaning = Scales(cx7).meaning(item, dict.fromkeys(answers, 1))
    assert {text: meaning.values[text] for text in values} == values
    assert meaning.understood == understood
    assert meaning.guessed == guessed


def test_words_beside_a_scale_are_no_levels(cx7: Framework) -> None:
    meaning = Scales(cx7).meaning("s1.i01", {"n/a": 2, "Weiß nicht": 1, "keine Angabe": 1, "4": 3})
    assert meaning.beside == {
        "not_applicable": ("n/a",), "dont_know": ("Weiß nicht",), "blank": ("keine Angabe",)
    }  # fmt: skip
    assert meaning.understood == 1.0


def test_labels_are_read_by_likeness_only_where_one_level_is_meant(cx7: Framework) -> None:
    assert Scales(cx7).meaning("s3.i04", {"More true": 1}).unknown == ("More true",)
    assert Scales(cx7).meaning("s3.i04", {"half": 1}).unknown == ("half",)


def test_an_answer_read_by_likeness_is_in_doubt_and_never_imported_by_codes(
    wanted: Wanted, cx7: Framework, tmp_path: Path
) -> None:
    survey = of_framework(cx7, role="customer", people=5, roles=["customer"], segments=SEGMENTS)
    people = ({**survey.people[0], "s3.i04": "Entirley true"}, *survey.people[1:])
    path = write("limesurvey-both", tmp_path, Survey(survey.asked, people))
    text = mapping_text(propose(path, wanted), wanted)
    assert '  #   in doubt, read by likeness or order: "Entirley true"\n' in text
    with pytest.raises(IngestError) as refused:
        mapping_by_codes(path, wanted)
    assert [str(one) for one in refused.value.details] == [
        'item s3.i04: an answer that is only like one of its words: "Entirley true"'
    ]


# ── The file that is written ────────────────────────────────────────────────────────────────────

HOSTILE = {
    "a break-out of YAML": '"} \n- {item: s9.i99, column: "x',
    "a break-out of a remark": "harmless\nrole: {value: leadership}",
    "escapes of a terminal": "\x1b[2J\x1b]0;owned\x07title",
    "text turned about": "abc\u202egnp.exe\u2066",
    "a line separator": "one\u2028role: x\u2029\u0085two",
    "an anchor and a tag": "&a !!python/object:os.system *b",
    "braces and percent": "{client} %s ${jndi:ldap://x} {{7*7}}",
    "a formula": '=HYPERLINK("http://x")',
    "a long one": "long " * 4_000,
    "an emoji": "\U0001f600 smile",
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_stay_texts(name: str, crumbs: Wanted, tmp_path: Path, cx: Cx) -> None:
    text = HOSTILE[name]
    header = [text, f"{text} grain.stock", "grain.mill", "role"]
    path = table(tmp_path / "hostile.csv", header, [text, text, text, text], ["1", "2", "3", "team"])
    said = cx("map", path, *SMALL)
    assert said.code == 0, said.err
    written = (tmp_path / "hostile.mapping.yaml").read_text(encoding="utf-8")
    for shown in (said.out, written):
        assert not [char for char in shown if char != "\n" and not char.isprintable()]
    spec = read_mapping(tmp_path / "hostile.mapping.yaml")
    assert cx("init", "acme", "--framework", BAKERY, "--role", "team", "--wave", "w1").code == 0
    sound = table(tmp_path / "sound.csv", header, ["1", "2", "3", "team"])
    dry = cx("import", "acme", sound, "--mapping", "hostile.mapping.yaml", "--dry-run")
    assert "columns not in the mapping, left out: " in dry.out
    assert not [char for char in dry.out + dry.err if char != "\n" and not char.isprintable()]
    assert [one.item for one in spec.items] == ["grain.mill"]
    assert spec.role.column == "role"
    # Where the column itself is read, its header comes back as it stands in the file.
    mapped = written.replace('column: "grain.mill"', "column: COLUMN")
    quoted = mapping_text(replace_column(propose(path, crumbs), "grain.mill", text), crumbs)
    assert mapped != written
    assert validate(MappingSpec, parse_document(quoted, name="x")).items[0].column == text


def replace_column(found: Proposal, column: str, by: str) -> Proposal:
    guesses = tuple(replace(one, column=by) if one.column == column else one for one in found.guesses)
    return replace(found, guesses=guesses)


def test_what_is_in_doubt_says_so_and_what_is_left_is_listed(wanted: Wanted, tmp_path: Path) -> None:
    header = ["role", "I look forward to work in the morning", "Postcode", "", "Postcode"]
    path = table(tmp_path / "mixed.csv", header, ["frontline", "4", "12345", "", "1"])
    text = mapping_text(propose(path, wanted), wanted)
    (line,) = (one for one in text.splitlines() if "I look forward" in one)
    assert line.startswith(
        '  - {item: q.engagement_energy, column: "I look forward to work in the morning"}  # in doubt: '
    )
    assert "; next " in line
    assert '#   3. "Postcode": its header stands twice' in text
    assert '#   4. "": no header' in text


def test_a_proposal_never_writes_over_a_file(tmp_path: Path, cx: Cx) -> None:
    path = table(tmp_path / "spring.csv", ["role", "grain.mill"], ["team", "3"])
    mine = tmp_path / "spring.mapping.yaml"
    mine.write_text("mine\n")
    refused = cx("map", path, *SMALL)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "cx: spring.mapping.yaml is there already. Name another with -o, or pass --force.\n"
    )
    assert cx("map", path, *SMALL, "--show").code == 0
    assert mine.read_text() == "mine\n"
    assert cx("map", path, *SMALL, "-o", "other.yaml").code == 0
    assert cx("map", path, *SMALL, "--force").code == 0
    assert mine.read_bytes() == (tmp_path / "other.yaml").read_bytes()


def test_what_a_file_cannot_tell_is_said_and_written_down(cx: Cx, tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_bytes(comma_separated([["role", "grain.mill", "Straße"], ["team", "3", "ü"]]).encode("cp1252"))
    assert "Declare source.encoding in the mapping (often cp1252)" in cx("map", path, *SMALL).err
    assert cx("map", path, *SMALL, "--source", "encoding=cp1252").code == 0
    assert read_mapping(tmp_path / "old.mapping.yaml").source.encoding == "cp1252"
    assert (
        "--source 'encoding' says nothing" in cx("map", path, *SMALL, "--source", "encoding", "--force").err
    )
    assert "nearest encoding" in cx("map", path, *SMALL, "--source", "encodng=cp1252", "--force").err


def test_many_columns_are_matched_in_time(cx7: Framework, wanted: Wanted, tmp_path: Path) -> None:
    texts = [f"Column {n} of a wide file that nobody needs" for n in range(2_500)]
    header = [*texts[:300], "I may solve a customer's problem on the spot.", *texts[300:]]
    path = table(tmp_path / "wide.csv", header, ["3"] * len(header))
    found = propose(path, wanted)
    assert [one.target for one in found.guesses if one.is_sure] == ["s5.i05"]
    assert found.guesses[-1].why == "one of more than 2,000 columns"


# ── By the command line, into the store ─────────────────────────────────────────────────────────


@pytest.fixture
def acme(cx: Cx) -> Cx:
    done = cx("init", "acme", "--name", "Acme", "--segment", "hotel=Hotel", "--wave", "w1", "--wave", "w2")
    assert done.code == 0, done.err
    return cx


def test_a_proposed_mapping_imports_as_it_is(acme: Cx, cx7: Framework, tmp_path: Path) -> None:
    survey = of_framework(cx7, role="frontline", people=6, roles=["frontline"], segments=SEGMENTS)
    path = write("microsoft-forms", tmp_path, survey.reworded(rewordings.abridged), "forms")
    said = acme("map", path, "--engagement", "acme")
    assert said.code == 0, said.err
    assert said.out.startswith("forms.xlsx: an export of Microsoft Forms, by the headers ID, Start time")
    assert "39 matched, 1 in doubt, 0 columns without a match" in said.out
    assert "Next: cx import acme" in said.out
    done = acme("import", "acme", path, "--mapping", "forms.mapping.yaml", "--wave", "w1")
    assert done.code == 0, done.err
    assert "Imported 6 responses into wave w1" in done.out
    data = json.loads(acme("map", path, "--engagement", "acme", "--show", "--json").out)
    assert data["tool"] == "microsoft-forms"
    assert {one["kind"] for one in data["columns"]} == {
        "id",
        "own",
        "date",
        "role",
        "segment",
        "item",
        "comment",
    }


def test_an_import_without_a_mapping_says_what_it_sees_and_what_is_missing(
    acme: Cx, cx7: Framework, tmp_path: Path
) -> None:
    survey = of_framework(cx7, role="frontline", people=6, roles=["frontline"], segments=SEGMENTS)
    path = write("limesurvey-both", tmp_path, survey)
    dry = acme("import", "acme", path, "--dry-run")
    assert dry.code == 0, dry.err
    assert "Would import 6 responses into wave w1" in dry.out
    assert dry.err.startswith("limesurvey-both.csv: an export of LimeSurvey, by the headers submitdate")
    assert "row 2" in dry.err.splitlines()[1]
    assert any(line.split()[:2] == ["10", "s1i01"] for line in dry.err.splitlines())
    done = acme("import", "acme", path)
    assert "Imported 6 responses into wave w1" in done.out
    again = acme("import", "acme", path)
    assert again.out.startswith("Nothing changed: limesurvey-both.csv is in wave w1 already")

    fewer = replace(survey, asked=tuple(one for one in survey.asked if one.code not in ("hotel", "s1.i05")))
    refused = acme("import", "acme", write("limesurvey-both", tmp_path, fewer, "fewer"), "--wave", "w2")
    assert (refused.code, refused.out) == (2, "")
    told = refused.err[refused.err.index("cx: ") :].splitlines()
    assert told[1:] == [
        "  segment hotel: no column of that name",
        "  item s1.i05: no column of that name",
        "Nothing was imported. `cx map fewer.csv` proposes a mapping for you to correct.",
    ]


def test_a_file_alone_is_only_looked_at(cx: Cx, tmp_path: Path) -> None:
    path = table(tmp_path / "spring.csv", ["role", "s1.i01", "Postcode"], ["frontline", "3", "12345"])
    said = cx("import", path)
    assert said.code == 0, said.err
    assert said.out.startswith("spring.csv: no survey tool is known by its marks; a plain table\n")
    assert said.out.splitlines()[-1].startswith("Nothing was imported. Next: cx import ENGAGEMENT FILE")
    assert not (tmp_path / "home").exists()
    refused = cx("import", "nowhere.csv")
    assert refused.err == "cx: no file nowhere.csv. cx import ENGAGEMENT FILE imports one.\n"


def test_addresses_are_not_shown(cx: Cx, cx7: Framework, tmp_path: Path) -> None:
    said = cx("import", write("qualtrics", tmp_path, of_framework(cx7, role="customer", people=3)))
    assert said.code == 0
    assert "192.0.2." not in said.out


def test_a_small_framework_is_matched_too(tmp_path: Path) -> None:
    framework = load_framework(BAKERY)
    topics = [framework.say(one.topic, "en") for one in framework.items.values()]
    path = table(tmp_path / "crumbs.csv", topics, ["1"] * len(topics))
    found = propose(path, Wanted(framework, tuple(role.id for role in framework.roles)))
    assert [one.target for one in found.guesses] == [*framework.items]


# ── Waves ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("rows", "asked", "told"),
    [
        ([["w1"], ["w1"], [""]], None, "w1"),
        ([["w1"]], "w1", "w1"),
        (
            [["w1"], ["w2"]],
            None,
            "its column wave says w1 in row 2 and w2 in row 3; expected one wave a file",
        ),
        ([["w1"]], "w2", "its column wave says w1 in row 2; expected w2"),
        ([], "w2", "w2"),
    ],
)
def test_a_file_may_say_its_wave(rows: list[list[str]], asked: str | None, told: str, tmp_path: Path) -> None:
    path = table(tmp_path / "waves.csv", ["wave"], *rows)
    if " " not in told:
        assert wave_told(path, asked) == told
        return
    with pytest.raises(IngestError) as refused:
        wave_told(path, asked)
    assert refused.value.headline == f"waves.csv: {told}"


def test_the_wave_in_a_file_is_the_wave_it_goes_to(acme: Cx, cx7: Framework, tmp_path: Path) -> None:
    survey = of_framework(cx7, role="frontline", people=3, roles=["frontline"], segments=SEGMENTS)
    people = tuple({**one, "wave": "w2"} for one in survey.people)
    asked = (*survey.asked, Asked("wave", "Wave"))
    done = acme("import", "acme", write("qualtrics", tmp_path, Survey(asked, people)))
    assert "Imported 3 responses into wave w2" in done.out, done.err


def test_a_dataset_needs_a_mapping(wanted: Wanted, tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="is a dataset; it is imported by a mapping"):
        mapping_by_codes(tmp_path, wanted)


def test_a_mapping_by_codes_is_read_back(cx7: Framework, wanted: Wanted, tmp_path: Path) -> None:
    survey = of_framework(cx7, role="customer", people=5, roles=["customer"], segments=SEGMENTS)
    path = write("limesurvey-grid", tmp_path, survey)
    document = mapping_by_codes(path, wanted)
    kept = tmp_path / "kept.yaml"
    kept.write_text(document.text, encoding="utf-8")
    assert read_document(kept).digest == document.digest
    assert read_mapping(kept).source.preset == "limesurvey"
    rows: list[dict[str, Any]] = imported(path, document.text, wanted, tmp_path / "out.parquet")
    same(rows, survey, cx7)


def test_days_that_can_be_read_in_two_ways_need_a_mapping(wanted: Wanted, tmp_path: Path) -> None:
    path = table(
        tmp_path / "us.csv", ["date", "role", "hotel", "s1.i01"], ["03/04/2026", "frontline", "a", "1"]
    )
    with pytest.raises(IngestError) as refused:
        mapping_by_codes(path, wanted)
    assert "column date: days by %m/%d/%Y and %d/%m/%Y; expected days that are read in one way" in [
        str(one) for one in refused.value.details
    ]
