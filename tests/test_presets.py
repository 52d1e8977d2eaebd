"""Exports of survey tools: recognised by their marks, and read to the same answers whatever the tool."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from cxlib.declarations import parse_document, validate
from cxlib.errors import IngestError
from cxlib.framework import Framework, load_framework
from cxlib.ingest import convert
from cxlib.mapping import MappingSpec, SourceSpec
from cxlib.proposals import Wanted, mapping_by_codes, mapping_text, propose
from cxlib.sources import PRESETS, Layout, delimited, open_survey
from tests.exported import SHAPES, STRANGERS, Survey, comma_separated, of_framework, workbook, write
from tests.samples import ROOT

CX7 = ROOT / "data" / "framework" / "cx7-1.0.0.yaml"
ROLES = ("leadership", "management", "frontline", "customer")
SEGMENTS = {"hotel": ["Castle Hill", "Harbour", "Station"]}
KEY = b"sixteen or more!"


@pytest.fixture(scope="module")
def cx7() -> Framework:
    return load_framework(CX7)


@pytest.fixture(scope="module")
def wanted(cx7: Framework) -> Wanted:
    return Wanted(cx7, ROLES, {"hotel": "Hotel"})


@pytest.fixture(scope="module")
def survey(cx7: Framework) -> Survey:
    return of_framework(cx7, role="frontline", people=8, roles=["frontline", "management"], segments=SEGMENTS)


def opened(path: Path, **source: Any) -> Layout:
    with closing(open_survey(path, SourceSpec(**source))) as found:
        return found.layout


def imported(path: Path, text: str, wanted: Wanted, out: Path) -> list[dict[str, Any]]:
    """Import a file by a mapping's text and return the rows as they are stored."""
    convert(
        path,
        validate(MappingSpec, parse_document(text, name="proposed.yaml")),
        scales=wanted.framework.scales,
        roles=wanted.roles,
        segments=list(wanted.segments),
        key=KEY,
        out=out,
    )
    return pyarrow.parquet.read_table(out).to_pylist()


def given(survey: Survey, framework: Framework) -> list[dict[str, Any]]:
    """Return what the rows of a survey must be in the store: levels as numbers, words beside them."""
    named = {
        one: one if one in framework.scales or "." not in one else f"comment:{one}"
        for one in framework.questions
    }
    return [{named.get(code, code): answer for code, answer in person.items()} for person in survey.people]


def same(
    stored: list[dict[str, Any]], survey: Survey, framework: Framework, *, without: tuple[str, ...] = ()
) -> None:
    expected = given(survey, framework)
    assert len(stored) == len(expected)
    for row, person in zip(stored, expected, strict=True):
        told = {code: answer for code, answer in person.items() if code not in without}
        assert {code: row[code] for code in told} == told


# ── The same answers, from whatever tool ────────────────────────────────────────────────────────


@pytest.mark.parametrize("shape", SHAPES)
def test_every_tool_gives_the_same_answers_and_without_codes_only_by_a_mapping(
    shape: str, survey: Survey, wanted: Wanted, tmp_path: Path
) -> None:
    path = write(shape, tmp_path, survey)
    assert opened(path).preset == SHAPES[shape].tool
    if SHAPES[shape].has_codes:
        text = mapping_by_codes(path, wanted).text
    else:
        with pytest.raises(IngestError) as refused:
            mapping_by_codes(path, wanted)
        assert "items: no column bears the code of one" in str(refused.value)
        assert f"`cx map {path.name}` proposes a mapping" in refused.value.fix
        text = mapping_text(propose(path, wanted), wanted)
    rows = imported(path, text, wanted, tmp_path / "out.parquet")
    same(rows, survey, wanted.framework)
    assert len({row["respondent"] for row in rows}) == len(survey.people)
    assert all(row["date"].isoformat().startswith("2026-03-") for row in rows)
    assert ("\nid: " in text) is SHAPES[shape].has_ids


# ── Recognition ─────────────────────────────────────────────────────────────────────────────────


def test_tools_are_recognised_and_nothing_else_is(
    survey: Survey, cx7: Framework, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Print and hold how many exports are recognised as whose, and how many files of no tool as any's."""
    german = of_framework(cx7, role="customer", language="de", people=2)
    two = Survey(survey.asked, survey.people[:2])
    print("\nRecognised, of all files")
    wrong: list[str] = []
    for preset in PRESETS.values():
        shapes = [one for one, made in SHAPES.items() if made.tool == preset.id]
        paths = [
            write(shape, tmp_path, asked, f"{shape}-{n}")
            for shape in shapes
            for n, asked in enumerate((two, german, two.coded(lambda _, n: f"Q{n}")))
        ]
        found = [path.name for path in paths if opened(path).preset == preset.id]
        wrong += [path.name for path in paths if path.name not in found]
        print(f"  {preset.tool:<16} {len(found):>3} of {len(paths):>3}")
        record_property(preset.id, f"{len(found)}/{len(paths)}")
    taken = []
    for name, rows in STRANGERS.items():
        text = tmp_path / f"no-{name}.csv"
        text.write_text(comma_separated(rows), encoding="utf-8")
        book = workbook(tmp_path / f"no-{name}.xlsx", rows)
        taken += [f"{path.name} as {tool}" for path in (text, book) if (tool := opened(path).tool)]
    print(f"  {'of no tool':<16} {2 * len(STRANGERS) - len(taken):>3} of {2 * len(STRANGERS):>3}")
    assert not wrong
    assert not taken


def test_what_was_recognised_is_said_with_its_mark(survey: Survey, wanted: Wanted, tmp_path: Path) -> None:
    path = write("qualtrics", tmp_path, survey)
    with closing(open_survey(path, SourceSpec())) as found:
        assert found.source.notes[-1] == (
            'an export of Qualtrics, by row 3, which holds {"ImportId": …} in each column; answers from row 4'
        )
        assert found.layout.texts[found.layout.names.index("s1.i01")] == survey.asked[2].text
        assert [int(row) for batch in found.batches([0], []) for row in batch.rows] == [*range(4, 12)]


@pytest.mark.parametrize(
    ("head", "name", "text"),
    [
        (["Q1[x]. Pay [x]", "submitdate. Date", "lastpage. Page", "seed. Seed"], "Q1[x]", "Pay [x]"),
        (["Q1. Pay", "Date submitted", "Last page", "Seed"], "Q1. Pay", "Q1. Pay"),
    ],
)
def test_a_code_before_a_text_is_one_where_the_tools_own_columns_have_codes_too(
    tmp_path: Path, head: list[str], name: str, text: str
) -> None:
    path = tmp_path / "lime.csv"
    path.write_text(comma_separated([head, ["1", "", "", ""]]), encoding="utf-8")
    found = opened(path)
    assert (found.tool, found.names[0], found.texts[0]) == ("LimeSurvey", name, text)


def test_a_mark_is_said_without_what_would_move_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "google.csv"
    rows = [["\x1b Timestamp", "How are you today?"], ["2026/03/16 9:05:11 AM GMT+1", "4"]]
    path.write_text(comma_separated(rows), encoding="utf-8")
    assert opened(path).mark == "the header Timestamp before questions as headers"


def test_a_sheet_may_have_a_title_above_its_headers(survey: Survey, tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "titled.xlsx", [["Survey of spring"], ["ID", "Start time", "Completion time"], [1]]
    )
    with closing(open_survey(path, SourceSpec(header_row=2))) as found:
        assert "answers from row 3" in found.source.remarks[1]
        assert [int(row) for batch in found.batches([0], []) for row in batch.rows] == [3]


def test_a_question_spans_the_columns_of_its_options(tmp_path: Path) -> None:
    head = ["Respondent ID", "Collector ID", "What did you use?", "", "", "Anything else?"]
    below = ["", "", "Lift", "Stairs", "Other (please specify)", "Open-Ended Response"]
    path = tmp_path / "monkey.csv"
    path.write_text(comma_separated([head, below, ["1", "7", "Lift", "", "", "no"]]), encoding="utf-8")
    assert opened(path).names[2:] == [
        "What did you use? [Lift]",
        "What did you use? [Stairs]",
        "What did you use? [Other (please specify)]",
        "Anything else?",
    ]


def test_a_mapping_says_whose_export_it_is(survey: Survey, wanted: Wanted, tmp_path: Path) -> None:
    path = write("limesurvey", tmp_path, survey)
    assert opened(path, preset="limesurvey").rows == 1
    assert opened(path, preset="none").tool == ""
    with pytest.raises(IngestError) as refused:
        opened(path, preset="qualtrics")
    assert str(refused.value) == (
        "limesurvey.csv does not bear the marks of Qualtrics, which the mapping declares; it looks like "
        "LimeSurvey, by the headers submitdate, lastpage, startlanguage\n"
        "Correct source.preset in the mapping, leave it out, or export the file as the tool gives it."
    )


# ── Rows, memory, people ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("shape", ["qualtrics", "surveymonkey-matrix", "qualtrics-xlsx", "microsoft-forms"])
def test_messages_name_the_row_of_the_file(
    shape: str, survey: Survey, wanted: Wanted, tmp_path: Path
) -> None:
    spoilt = dict(survey.people[3], **{"s1.i01": "a great deal"})
    people = (*survey.people[:3], spoilt, *survey.people[4:])
    path = write(shape, tmp_path, Survey(survey.asked, people))
    text = mapping_text(propose(write(shape, tmp_path, survey, "sound"), wanted), wanted)
    with pytest.raises(IngestError) as refused:
        imported(path, text, wanted, tmp_path / "out.parquet")
    row = opened(path).rows + 4
    assert [one.row for one in refused.value.details] == [row]


def test_a_long_file_is_read_piece_by_piece(
    survey: Survey, wanted: Wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("qualtrics", tmp_path, Survey(survey.asked, survey.people * 50))
    whole = _rows(path)
    monkeypatch.setattr(delimited, "BLOCK", 1 << 14)
    pieces = _rows(path)
    assert pieces == whole
    assert [number for number, _ in whole] == [*range(4, 404)]
    with closing(open_survey(path, SourceSpec())) as found:
        assert len(list(found.batches([0], []))) > 5


def _rows(path: Path) -> list[tuple[int, str]]:
    with closing(open_survey(path, SourceSpec())) as found:
        at = found.header.index("s1.i01")
        return [
            (int(row), text.as_py())
            for batch in found.batches([at], [])
            for row, text in zip(batch.rows, batch.columns[at], strict=True)
        ]


def test_a_quotation_mark_left_open_does_not_take_longer_in_a_row_of_texts(tmp_path: Path) -> None:
    path = tmp_path / "open.csv"
    path.write_text('id,role\n"never closed,x\n' + "1,frontline\n" * 300_000, encoding="utf-8")
    with pytest.raises(IngestError, match="row 2: a quotation mark opens and is never closed"):
        opened(path)


def test_an_export_without_responses_is_recognised_still(survey: Survey, tmp_path: Path) -> None:
    path = write("qualtrics", tmp_path, Survey(survey.asked, ()))
    path.write_bytes(path.read_bytes().rstrip())
    assert opened(path).rows == 3


@pytest.mark.parametrize("column", ["IPAddress", "RecipientEmail"])
def test_addresses_are_never_taken_in(column: str, survey: Survey, wanted: Wanted, tmp_path: Path) -> None:
    path = write("qualtrics", tmp_path, survey)
    text = mapping_text(propose(path, wanted), wanted).replace('column: "hotel"', f'column: "{column}"')
    with pytest.raises(IngestError) as refused:
        imported(path, text, wanted, tmp_path / "out.parquet")
    assert str(refused.value) == (
        f"mapping qualtrics reads '{column}', where Qualtrics writes names or addresses; they are never "
        "stored\n"
        "Take the column out of the mapping; as `id` it becomes a pseudonym."
    )


def test_the_store_holds_nothing_that_a_tool_knows_of_people(
    survey: Survey, wanted: Wanted, tmp_path: Path
) -> None:
    path = write("qualtrics", tmp_path, survey)
    out = tmp_path / "out.parquet"
    imported(path, mapping_text(propose(path, wanted), wanted), wanted, out)
    stored = "".join(
        str(value) for row in pyarrow.parquet.read_table(out).to_pylist() for value in row.values()
    )
    assert "192.0.2." not in stored
    assert "R_00" not in stored


@pytest.mark.parametrize("day", ["2026/03/16 9:05:11 AM GMT+1", "2026/03/16 9:05:11 vorm. MEZ", "2026/03/16"])
def test_a_time_of_day_behind_a_day_is_read_over(day: str, wanted: Wanted, tmp_path: Path) -> None:
    text = (
        "mapping: days\nrole: {value: frontline}\ndate: {column: when, format: '%Y/%m/%d'}\n"
        "items: [{item: s1.i01, column: a}]\n"
    )
    path = tmp_path / "days.csv"
    path.write_text(comma_separated([["when", "a"], [day, "3"]]), encoding="utf-8")
    if "vorm" in day:
        with pytest.raises(IngestError, match="ambiguous or unknown date"):
            imported(path, text, wanted, tmp_path / "out.parquet")
        return
    (row,) = imported(path, text, wanted, tmp_path / "out.parquet")
    assert row["date"].isoformat() == "2026-03-16"


def shapes_of(tool: str) -> Iterator[str]:
    return (name for name, made in SHAPES.items() if made.tool == tool)


def test_every_preset_has_shapes_and_its_own_columns_once() -> None:
    for preset in PRESETS.values():
        assert list(shapes_of(preset.id))
        called = [name for names in preset.own.values() for name in names]
        assert len(called) == len(set(called))
