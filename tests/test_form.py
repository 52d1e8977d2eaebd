"""What `cx form` writes is what each tool takes, and its answers come back as they were given.

Each form is read as the tool reads it, answered at random by the codes that stand in it, exported in the
tool's shape, and imported without a mapping.
"""

from __future__ import annotations

import csv
import html
import io
import json
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cxlib.answered import form_answered, segment_values
from cxlib.cli import app
from cxlib.creation import add_engagement
from cxlib.declarations import EngagementSpec, validate
from cxlib.errors import IngestError, NotFoundError
from cxlib.frames import DONT_KNOW, NOT_APPLICABLE, NOT_STATED
from cxlib.framework import Framework, load_framework, parse_framework
from cxlib.ingest import convert
from cxlib.live import LiveEngagement
from cxlib.mapping import MappingSpec
from cxlib.opening import open_live
from cxlib.questionnaire import Handout
from cxlib.settings import read_settings
from cxlib.store import Store
from cxlib.surveys import TOOLS, Segment, Survey, mapping_back, survey_of
from cxlib.surveys.asked import plain
from cxlib.surveys.codes import (
    LONGEST_CODE,
    answer_code,
    names_of,
    question_codes,
    role_key,
    segment_codes,
)
from cxlib.surveys.limesurvey import COLUMNS, to_limesurvey
from cxlib.surveys.qualtrics import to_qualtrics
from cxlib.surveys.spreadsheet import ROWS, to_xlsx
from tests import exported

ROOT = Path(__file__).resolve().parents[1]
CX7 = ROOT / "data" / "framework" / "cx7-1.0.0.yaml"
ROLES = ("leadership", "management", "frontline", "customer")
HOTELS = ('The "Old" Harbour & Co', "Station <b>", "=1+1", "São {x} [[y]]")
PEOPLE = 12
# What breaks out of a page, a sheet, a table of tabs, a tag or an expression, wherever it is not escaped.
HOSTILE = '</script><img src=x onerror=alert(1)>\t=1+1\n"quoted" \\" ]]> [[PageBreak]] {SID} ${e://x} &amp;'


@pytest.fixture(scope="module")
def cx7() -> Framework:
    return load_framework(CX7)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("form")


@pytest.fixture(scope="module")
def eng(cx7: Framework, home: Path) -> Iterator[LiveEngagement]:
    """An engagement whose invitations name its hotels, and not its departments."""
    at_home = read_settings({"CX_HOME": str(home)})
    plain_spec = {
        "engagement": "harbour",
        "name": "Harbour & Sons",
        "framework": "cx7",
        "contact": "survey@harbour.example",
        "languages": ["en", "de"],
        "roles": {role: {} for role in ROLES},
        "segments": {"hotel": {"name": "Hotel"}, "department": {"name": "Department"}},
        "waves": [{"id": "w1"}],
    }
    with Store.open(at_home) as store:
        add_engagement(store, EngagementSpec.model_validate(plain_spec), cx7)
        cells = [({"role": "frontline", "hotel": hotel}, 9) for hotel in HOTELS]
        store.set_invited("harbour", "w1", cells)
    with open_live("harbour", settings=at_home) as opened:
        yield opened


def made(eng: LiveEngagement, role: str, *languages: str, **options: Any) -> Survey:
    values = segment_values(eng.store, eng.spec)
    segments = [Segment(id_, one.name, values[id_]) for id_, one in eng.spec.segments.items()]
    handout = Handout(eng.spec.name, str(eng.spec.contact), 5, 10)
    given = {"engagement": "harbour", "roles": ROLES, "segments": segments, **options}
    return survey_of(eng.framework, handout, role=role, languages=languages or ("en",), **given)


# ── Each form, read as its tool reads it ────────────────────────────────────────────────────────


@dataclass
class Found:
    """A question as the tool has it after the import: its code, kind and text, and what may be answered."""

    code: str
    kind: str = ""
    text: str = ""
    choices: dict[str, str] = field(default_factory=dict)


def read_table(content: bytes) -> list[dict[str, str]]:
    """Read rows of tabs as PHP's fgetcsv does, whose quotation marks and backslashes are not to be met."""
    assert content.startswith(b"\xef\xbb\xbf")
    text = content.decode("utf-8-sig")
    assert '"' not in text
    assert "\\" not in text
    header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True)
    assert all(len(row) == len(header) for row in rows)
    return [dict(zip(header, row, strict=True)) for row in rows]


def as_limesurvey(content: bytes) -> dict[str, list[Found]]:
    """Return the questions of each language: relations follow from the order of rows alone."""
    rows = read_table(content)
    out: dict[str, list[Found]] = {}
    for row in rows:
        text = html.unescape(re.sub(r"<br />|</?(p|h3|strong)>", " ", row["text"]))
        if row["class"] == "Q":
            out.setdefault(row["language"], []).append(Found(row["name"], row["type/scale"], text))
        elif row["class"] == "A":
            out[row["language"]][-1].choices[row["name"]] = text
    return out


def as_qualtrics(content: bytes) -> tuple[list[Found], dict[str, str]]:
    """Return the questions and the embedded data of a file in the advanced format."""
    found: list[Found] = []
    embedded: dict[str, str] = {}
    lines = content.decode().split("\n")
    assert lines[0] == "[[AdvancedFormat]]"
    choice = None
    for line in lines[1:]:
        tag = re.fullmatch(r"\[\[(\w+)(?::(.*))?\]\]", line)
        said = html.unescape(re.sub(r"<br>|</?strong>", " ", line))
        if tag is None:
            assert "[[" not in line
            assert "${" not in line
            if choice is not None and line:
                found[-1].choices[choice] = said
                choice = None
            elif found and line:
                found[-1].text += said
        elif tag[1] == "Question":
            found.append(Found("", tag[2]))
        elif tag[1] == "ID":
            found[-1].code = tag[2]
        elif tag[1] == "Choice":
            choice = tag[2]
        elif tag[1] == "ED":
            name, _, value = tag[2].partition(":")
            embedded[name] = value
        else:
            assert tag[1] in {"Block", "PageBreak", "AdvancedChoices"}, line
    return found, embedded


def as_workbook(path: Path) -> tuple[list[Found], Any]:
    book = openpyxl.load_workbook(path)
    page, lists = book["Answers"], book["Lists"]
    offered: dict[str, list[Any]] = {}
    for rule in page.data_validations.dataValidation:
        if rule.type != "list":
            continue
        column, rows = re.fullmatch(r"Lists!\$([A-Z]+)\$1:\$[A-Z]+\$(\d+)", rule.formula1).groups()
        assert str(rule.sqref) == f"{column}2:{column}{ROWS + 1}"
        offered[column] = [lists[f"{column}{row}"].value for row in range(1, int(rows) + 1)]
    found = []
    for cell in page[1]:
        choices = {str(one): one for one in offered.get(cell.column_letter, [])}
        found.append(Found(cell.value, "list" if choices else "open", cell.comment.text, choices))
    return found, book


# ── The round trip ──────────────────────────────────────────────────────────────────────────────


def answered(found: list[Found], fixed: Mapping[str, str], seed: int) -> list[dict[str, Any]]:
    """Answer every question at random by its codes; some stay blank, and open ones get words."""
    draw = random.Random(seed)
    first = {one.code: draw.randrange(PEOPLE) for one in found}
    out = []
    for n in range(PEOPLE):
        row: dict[str, Any] = dict(fixed)
        for one in found:
            if one.code in fixed:
                continue
            if one.choices:
                # Everything that can be answered is answered by somebody.
                code = (*one.choices, None)[(n + first[one.code]) % (len(one.choices) + 1)]
                row[one.code] = None if code is None else int(code) if code.lstrip("-").isdigit() else code
            else:
                row[one.code] = draw.choice([f"Words of {n}, “said”", None])
        out.append(row)
    return out


def exported_by(found: list[Found], rows: list[dict[str, Any]]) -> exported.Survey:
    asked = [
        exported.Asked(one.code, one.text, {int(code): text for code, text in one.choices.items()})
        for one in found
    ]
    return exported.Survey(tuple(asked), tuple(rows))


MISSING = {998: NOT_APPLICABLE, 999: DONT_KNOW}


def check_came_back(
    eng: LiveEngagement, file: Path, wave: str, rows: list[dict[str, Any]], column: Mapping[str, str]
) -> Any:
    """Import a file without a mapping, and hold what came in to what was answered.

    Customers' files go the whole way into the store; for the others the import alone is enough.
    """
    *_, role, _ = wave.split("-")
    if role == "customer":
        done = eng.import_file(file, wave=wave, new_wave=True)
        assert done.state == "imported"
        table = pq.read_table(eng.store.batch_path(done.batch)).to_pydict()
    else:
        out = file.with_suffix(".parquet")
        form = form_answered(eng.store, eng.spec, eng.framework, file)
        assert form is not None
        convert(
            file, validate(MappingSpec, form.document), scales=eng.framework.scales, roles=ROLES,
            segments=list(eng.spec.segments), key=bytes(32), out=out,
        )  # fmt: skip
        table = pq.read_table(out).to_pydict()
    assert table["role"] == [role] * len(rows)
    told = 0
    for name in (*eng.framework.items, *eng.framework.questions):
        if column[name] not in rows[0]:
            assert name not in table
            continue
        said = [row[column[name]] for row in rows]
        if name in eng.framework.scales:
            told += 1
            assert table[name] == [MISSING.get(one, one) for one in said], name
        else:
            assert table[f"comment:{name}"] == said
    assert told
    return table


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("language", "shape"), [("en", "limesurvey"), ("de", "limesurvey-both")])
def test_what_limesurvey_was_answered_comes_back(
    eng: LiveEngagement, tmp_path: Path, role: str, language: str, shape: str
) -> None:
    survey = made(eng, role, *(("en", "de") if language == "en" else ("de", "en")))
    found = as_limesurvey(to_limesurvey(survey))[language]
    codes = question_codes(names_of(survey.ids, ROLES, ["hotel", "department"]))
    rows = answered(found, {codes[role_key(role)]: role}, seed=3)
    file = exported.write(shape, tmp_path, exported_by(found, rows))
    table = check_came_back(eng, file, f"{shape}-{role}-{language}", rows, codes)
    hotels = {code: hotel for hotel, code in (segment_codes(HOTELS) or {}).items()}
    said = [row["hotellist"] for row in rows]
    assert table["hotel"] == [NOT_STATED if one is None else hotels[str(one)] for one in said]
    assert set(table["hotel"]) >= set(HOTELS)
    assert table["department"] == [row["department"] or NOT_STATED for row in rows]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("language", "shape"), [("en", "qualtrics"), ("de", "qualtrics-labels")])
def test_what_qualtrics_was_answered_comes_back(
    eng: LiveEngagement, tmp_path: Path, role: str, language: str, shape: str
) -> None:
    found, embedded = as_qualtrics(to_qualtrics(made(eng, role, language)))
    assert embedded == {"role": role}
    asked = [one for one in found if one.kind != "DB"]
    rows = answered(asked, {}, seed=5)
    told = exported_by([*asked, Found("role")], [{**row, **embedded} for row in rows])
    file = exported.write(shape, tmp_path, told)
    names = {name: name for name in (*eng.framework.items, *eng.framework.questions)}
    table = check_came_back(eng, file, f"{shape}-{role}-{language}", rows, names)
    assert set(table["hotel"]) >= set(HOTELS)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("language", ["en", "de"])
def test_what_was_filled_into_the_workbook_comes_back(
    eng: LiveEngagement, tmp_path: Path, role: str, language: str
) -> None:
    survey = made(eng, role, language)
    form = tmp_path / "form.xlsx"
    form.write_bytes(to_xlsx(survey))
    found, book = as_workbook(form)
    asked = [one for one in found if one.code not in {"respondent", "date"}]
    draw = answered(asked, {"role": role}, seed=8)
    page = book["Answers"]
    for down, row in enumerate(draw, 2):
        page.cell(down, 1, f"{down:03}")
        for across, one in enumerate(found, 1):
            if one.code in row:
                page.cell(down, across, row[one.code]).data_type = (
                    "s" if isinstance(row[one.code], str) else "n"
                )
    filled = tmp_path / "filled.xlsx"
    book.save(filled)
    missing = {
        survey.words[language][word]: code
        for word, code in (("dont_know", 999), ("does_not_apply", 998), ("no_experience", 998))
    }
    rows = [{code: missing.get(said, said) for code, said in row.items()} for row in draw]
    names = {name: name for name in (*eng.framework.items, *eng.framework.questions)}
    table = check_came_back(eng, filled, f"xlsx-{role}-{language}", rows, names)
    assert set(table["hotel"]) >= set(HOTELS)


def test_the_same_number_in_two_surveys_is_two_people(eng: LiveEngagement, tmp_path: Path) -> None:
    """LimeSurvey counts its responses from 1 in every survey."""
    for role in ("leadership", "management"):
        found = as_limesurvey(to_limesurvey(made(eng, role)))["en"]
        codes = question_codes(names_of(made(eng, role).ids, ROLES, ["hotel", "department"]))
        rows = answered(found, {codes[role_key(role)]: role}, seed=4)
        file = exported.write("limesurvey", tmp_path, exported_by(found, rows), name=role)
        assert eng.import_file(file, wave="both", new_wave=True).state == "imported"


def test_a_hotel_that_nobody_knows_any_more_is_refused(eng: LiveEngagement, tmp_path: Path) -> None:
    found = as_limesurvey(to_limesurvey(made(eng, "frontline")))["en"]
    rows = answered(found, {"rolefrontline": "frontline"}, seed=4)
    rows[0]["hotellist"] = 12345
    file = exported.write("limesurvey", tmp_path, exported_by(found, rows))
    with pytest.raises(IngestError, match=r"row 2, column hotellist: not among the values .*12345"):
        eng.import_file(file, wave="stale", new_wave=True)


def test_another_file_without_a_mapping_is_asked_for_one(eng: LiveEngagement, tmp_path: Path) -> None:
    file = tmp_path / "other.csv"
    file.write_text("id,answer\n1,4\n")
    assert form_answered(eng.store, eng.spec, eng.framework, file) is None
    with pytest.raises(IngestError, match=r"cannot be imported without a mapping[\s\S]*cx map other.csv"):
        eng.import_file(file)


def test_the_mapping_that_is_made_is_one_that_a_person_could_have_written(cx7: Framework) -> None:
    codes = question_codes(names_of([*cx7.items, *cx7.questions], ROLES, ["hotel"]))
    header = ["id", "submitdate", "interviewtime", "rolecustomer", codes["hotel"], codes["q.recommend"]]
    back = mapping_back([*header, codes["q.comment"]], cx7, roles=ROLES, segments=["hotel"])
    assert back is not None
    spec = validate(MappingSpec, back.document)
    assert (back.tool, back.asks) == ("limesurvey", 2)
    assert (spec.id, spec.survey, spec.role.value) == ("id", "customer", "customer")
    assert spec.items[0].values == {"0: Not at all likely": 0, "0: Überhaupt nicht wahrscheinlich": 0,
                                    "10: Extremely likely": 10, "10: Äußerst wahrscheinlich": 10}  # fmt: skip
    assert spec.screening is not None
    assert (spec.screening.finished, spec.screening.duration) == ("submitdate", "interviewtime")
    assert [one.id for one in spec.comments] == ["q.comment"]
    assert mapping_back(["id", "rolecustomer"], cx7, roles=ROLES, segments=[]) is None
    assert mapping_back(["id", codes["q.recommend"]], cx7, roles=ROLES, segments=[]) is None


# ── The documented structure ────────────────────────────────────────────────────────────────────


def test_limesurveys_structure_is_as_its_manual_says(eng: LiveEngagement) -> None:
    rows = read_table(to_limesurvey(made(eng, "management", "en", "de")))
    assert tuple(rows[0]) == COLUMNS
    order = "".join({"S": "s", "SL": "l", "G": "G", "Q": "Q", "A": "A"}[row["class"]] for row in rows)
    # Settings, texts of the languages, then groups, in each questions, at each answers: once a language.
    assert re.fullmatch(r"s+l+((?:G(?:QA*)+)+)\1", order)
    settings = {row["name"]: row["text"] for row in rows if row["class"] == "S"}
    assert settings["language"] == "en"
    assert settings["additional_languages"] == "de"
    assert (settings["format"], settings["datestamp"], settings["ipaddr"]) == ("G", "Y", "N")
    titles = {row["language"] for row in rows if row["name"] == "surveyls_title"}
    assert titles == {"en", "de"}
    for row in rows:
        if row["class"] == "Q":
            assert re.fullmatch(r"[a-zA-Z][a-zA-Z0-9]{0,19}", row["name"])
            assert row["type/scale"] in {"L", "!", "S", "T", "*"}
            assert (row["mandatory"], row["other"], row["relevance"]) == ("N", "N", "1")
        if row["class"] == "A":
            assert re.fullmatch(r"[a-zA-Z0-9]{1,5}", row["name"])
            assert row["type/scale"] == "0"
    questions = [row["name"] for row in rows if row["class"] == "Q" and row["language"] == "en"]
    assert len(set(map(str.casefold, questions))) == len(questions)
    # The role is kept although it is hidden, and hidden once for all languages.
    hidden = [(row["name"], row["text"], row["language"]) for row in rows if row["hidden"]]
    assert hidden == [("rolemanagement", "management", "en")]
    groups = [(row["type/scale"], row["language"]) for row in rows if row["class"] == "G"]
    half = len(groups) // 2
    assert (
        [one[0] for one in groups[:half]]
        == [one[0] for one in groups[half:]]
        == [*map(str, range(1, half + 1))]
    )


def test_qualtrics_text_is_as_its_manual_says(eng: LiveEngagement) -> None:
    found, embedded = as_qualtrics(to_qualtrics(made(eng, "customer", "de")))
    by_code = {one.code: one for one in found}
    assert embedded == {"role": "customer"}
    assert [by_code[one].kind for one in ("introduction", "q.recommend", "q.comment", "department")] == [
        "DB", "MC:SingleAnswer:Vertical", "TE:Essay", "TE:SingleLine",
    ]  # fmt: skip
    assert list(by_code["q.recommend"].choices) == [str(level) for level in range(11)]
    assert by_code["s3.i01"].choices["998"] == "Keine Erfahrung"
    assert "999" not in by_code["s3.i01"].choices
    assert [one.code for one in found if one.code.startswith("q.")][:2] == ["q.recommend", "q.satisfaction"]


def test_the_workbook_offers_what_can_be_answered_and_says_what_is_asked(
    eng: LiveEngagement, tmp_path: Path
) -> None:
    path = tmp_path / "form.xlsx"
    path.write_bytes(to_xlsx(made(eng, "frontline", "en")))
    found, book = as_workbook(path)
    by_code = {one.code: one for one in found}
    assert [one.code for one in found][:5] == ["respondent", "role", "hotel", "department", "date"]
    assert [*by_code["s1.i01"].choices.values()] == [1, 2, 3, 4, 5, "Don't know", "Not applicable"]
    assert by_code["role"].choices == {"frontline": "frontline"}
    assert set(by_code["hotel"].choices) == set(HOTELS)
    item = eng.framework.items["s1.i01"]
    assert plain(eng.framework.say(item.statement["frontline"], "en")) in by_code["s1.i01"].text
    assert f"5: {plain(eng.framework.say(item.levels[-1], 'en'))}" in by_code["s1.i01"].text
    page = book["Answers"]
    assert page.freeze_panes == "B2"
    assert book["Lists"].sheet_state == "hidden"
    told = {row[0].value: row[1].value for row in book["Questions"].iter_rows()}
    assert set(by_code) <= set(told)
    kinds = {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row}
    assert "f" not in kinds


# ── Awkward ids and texts ───────────────────────────────────────────────────────────────────────

IDS = st.from_regex(r"[a-z][a-z0-9_]{0,12}(\.[a-z0-9_]{1,30}){0,2}", fullmatch=True)


@settings(max_examples=30, deadline=None)
@given(st.lists(IDS, unique=True, max_size=12))
def test_no_two_ids_share_a_code_and_limesurvey_takes_each(ids: list[str]) -> None:
    codes = question_codes([*ids, "id", "s3.i04", "s3i.04"])
    assert len({code.casefold() for code in codes.values()}) == len(codes)
    for code in codes.values():
        assert re.fullmatch(r"[a-z][a-z0-9]*", code)
        assert len(code) <= LONGEST_CODE
    assert codes["id"] != "id"
    assert codes["s3.i04"] != codes["s3i.04"]


def test_a_code_says_what_it_is_wherever_it_can() -> None:
    codes = question_codes(["s3.i04", "q.engagement_meaning", "q.what_would_you_rather_not_say"])
    assert list(codes.values())[:2] == ["s3i04", "qengagementmeaning"]
    assert re.fullmatch(r"qqwhatwould[a-z0-9]{9}", codes["q.what_would_you_rather_not_say"])


def test_every_answer_has_a_code_that_both_tools_take() -> None:
    codes = [answer_code(one) for one in (*range(-100, 128), NOT_APPLICABLE, DONT_KNOW)]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"\d{1,5}", code) for code in codes)
    told = [answer_code(one) for one in (4, 0, -3, NOT_APPLICABLE, DONT_KNOW)]
    assert told == ["4", "0", "1003", "998", "999"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=20), unique=True, max_size=40))
def test_a_segments_code_follows_from_its_value_alone(values: list[str]) -> None:
    codes = segment_codes(values)
    if codes is not None:
        assert all(re.fullmatch(r"\d{5}", code) for code in codes.values())
        assert all((segment_codes([value]) or {})[value] == code for value, code in codes.items())


@pytest.fixture(scope="module")
def hostile() -> Framework:
    """The bakery, whose every text about one item breaks out of whatever does not escape it."""
    text = (ROOT / "tests" / "reference" / "small-1.0.0.yaml").read_text(encoding="utf-8")
    text = text.replace("languages: [en, nl]", "languages: [en]")
    text = re.sub(r"\{en: (\"[^\"]*\"), nl: \"[^\"]*\"\}", r"\1", text)
    for wording in ("Where flour comes from", "I know every mill we buy from."):
        text = text.replace(json.dumps(wording), json.dumps(HOSTILE))
    return parse_framework(text)


@pytest.mark.parametrize("tool", TOOLS)
def test_hostile_texts_arrive_as_texts(hostile: Framework, tool: str, tmp_path: Path) -> None:
    handout = Handout(HOSTILE, HOSTILE, 5, 10)
    survey = survey_of(
        hostile, handout, engagement="crumbs", role="owner", roles=["owner"], languages=["en"],
        segments=[Segment("shop", HOSTILE, (HOSTILE, "market"))],
    )  # fmt: skip
    write, ending, _ = TOOLS[tool]
    content = write(survey)
    said = plain(HOSTILE)
    if tool == "limesurvey":
        rows = read_table(content)
        assert not [row for row in rows if re.search(r"<(?!br />|/?(p|h3|strong)>)|[{}]", row["text"])]
        by_code = {one.code: one for one in as_limesurvey(content)["en"]}
        assert by_code["grainmill"].text == f" {said}  {said}"
        assert said in by_code["shoplist"].choices.values()
    elif tool == "qualtrics":
        assert not re.search(rb"<(?!br>|/?strong>)|[{}]", content)
        found, _ = as_qualtrics(content)
        by_code = {one.code: one for one in found}
        assert by_code["grain.mill"].text == f" {said}  {said}"
        assert said in by_code["shop.list"].choices.values()
    else:
        path = tmp_path / f"form{ending}"
        path.write_bytes(content)
        found, book = as_workbook(path)
        by_code = {one.code: one for one in found}
        assert said in by_code["grain.mill"].text
        assert set(by_code["shop"].choices) == {said, "market"}
        assert "f" not in {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row}


# ── Who is asked what ───────────────────────────────────────────────────────────────────────────


def test_a_role_is_asked_its_own_form_in_its_own_words(eng: LiveEngagement) -> None:
    form = next(one for one in eng.framework.content.forms if one.id == "customer")
    survey = made(eng, "customer", "en")
    asked = [one.id for one in survey.asked]
    assert sorted(asked) == sorted([*form.items, *form.questions])
    assert asked[:2] == form.opening
    assert made(eng, "frontline", form="quick").stamp.endswith("quick.frontline")
    assert "Harbour & Sons" in " ".join(survey.introduction["en"])
    with pytest.raises(NotFoundError, match="customer is not for leadership"):
        made(eng, "leadership", form="customer")
    with pytest.raises(NotFoundError, match="is not written in 'fr'"):
        made(eng, "leadership", "fr")


def test_the_command_writes_a_file_a_role_and_reads_its_answers_back(
    eng: LiveEngagement, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert eng.store, "the engagement is there"
    monkeypatch.setenv("CX_HOME", str(home))

    def cx(*args: object, code: int = 0) -> str:
        done = CliRunner().invoke(app, [*map(str, args)])
        assert done.exit_code == code, (done.output, done.exception)
        return done.output + str(done.exception or "")

    told = cx("form", "harbour", "--for", "limesurvey", "-o", tmp_path)
    assert told.count("Written: ") == len(ROLES)
    assert "(frontline, 39 questions, en, de)" in told
    form = tmp_path / "harbour-frontline-limesurvey.txt"
    found = as_limesurvey(form.read_bytes())["en"]
    rows = answered(found, {"rolefrontline": "frontline"}, seed=6)
    file = exported.write("limesurvey", tmp_path, exported_by(found, rows), name="back")
    told = cx("import", "harbour", file, "--wave", "cli", "--new-wave")
    assert "Answers to a form of harbour for limesurvey, by the header rolefrontline: 39 columns" in told
    assert f"Imported {PEOPLE} responses into wave cli" in told
    assert f"of {PEOPLE} responses" in told or f"none of {PEOPLE} responses" in told
    assert "is there already" in cx("form", "harbour", "--for", "limesurvey", "-o", tmp_path, code=1)
    one = tmp_path / "one.txt"
    cx("form", "harbour", "--for", "qualtrics", "--role", "customer", "--language", "de", "-o", one)
    assert as_qualtrics(one.read_bytes())[1] == {"role": "customer"}
    refused = cx("form", "harbour", "--for", "qualtrics", "--language", "de", "--language", "en", code=1)
    assert "holds one language" in refused
    assert "nearest xlsx" in cx("form", "harbour", "--for", "xls", code=1)
