"""Registers: read strictly and whole, kept by version, checked against each other, shown or asked for."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from sqlalchemy import create_engine, make_url, text

from cxlib import journey, tables
from cxlib.creation import add_engagement
from cxlib.declarations import AssumptionSpec
from cxlib.engagement import Engagement
from cxlib.errors import ConflictError, ContractError, CxError, IngestError, NotFoundError, ReadOnlyError
from cxlib.extract import read_extract, write_extract
from cxlib.frames import check
from cxlib.framework import find_framework, load_framework
from cxlib.language import words_of
from cxlib.live import LiveEngagement
from cxlib.opening import open_live
from cxlib.ordering import sequence
from cxlib.registers import REGISTERS, Kept, Registers, about, find_register, frame_of, from_plain
from cxlib.registers.figures import figures, values_of
from cxlib.registers.reading import read_register
from cxlib.run.results import to_json
from cxlib.settings import Settings, read_settings
from cxlib.store import Store
from tests.conftest import Cx, refused
from tests.made import own_example
from tests.test_store import declared

CX7 = load_framework(find_framework("cx7", read_settings().frameworks))
GOOD = {
    "touchpoints": "id,stage,name,channel,contact,moment,owner,importance,performance\n"
    "t1,Arrive,Front desk,on site,direct,during,Front office manager,5,3.5\n"
    "t2,Seek,Advertisement,web,indirect,before,,,\n",
    "promises": "id,touchpoint,half,text\np1,t1,functional,You wait five minutes at most.\n"
    "p2,,emotional,You are known.\n",
    "standards": "id,promise,touchpoint,actor,action,number,unit,share,scope,owner,measure,review_date\n"
    "s1,p1,t1,Receptionist,hands over the key,5,minutes,90,all hotels,Manager,time stamps,2026-06-30\n",
    "measures": "id,standard,name,unit,direction,target\nm1,s1,Keys in time,%,higher,90\n",
    "observations": "measure,date,value,n\nm1,2026-01-31,88,120\nm1,2026-02-28,91,\n",
    "initiatives": "id,kind,name,step,proposed_by,owner,effort_days,cost,opened_date,due_date,status,"
    "closed_date\n"
    "i1,action,Walk the floor,leadership,frontline,Director,10,0,2026-01-01,2026-02-01,open,\n"
    "i2,idea,Mobile keys,s4,customer,,30,5000,2026-01-01,,done,2026-01-11\n",
    "assumptions": "id,value,unit,source,dated\nannual_margin,100,EUR a year,Controlling,2025-12-31\n"
    "annual_retention,80,%,Register,2025-12-31\nannual_discount,0.1,share,Controlling,2025-12-31\n",
}


def table(folder: Path, name: str, content: str | None = None) -> Path:
    path = folder / f"{name}.csv"
    path.write_text(GOOD[name] if content is None else content, encoding="utf-8")
    return path


def read(folder: Path, name: str, content: str | None = None, kept: dict[str, Kept] | None = None) -> Any:
    path = table(folder, name, content)
    return read_register(name, path, kept or {}, steps=CX7.steps, roles=CX7.roles)


@pytest.fixture
def kept(tmp_path: Path) -> dict[str, Kept]:
    """Every register as `GOOD` has it."""
    out: dict[str, Kept] = {}
    for name in GOOD:
        out[name] = Kept(1, read(tmp_path, name, kept=out))
    return out


# ── Reading ─────────────────────────────────────────────────────────────────────────────────────


def test_every_register_reads_into_its_contract(kept: dict[str, Kept]) -> None:
    assert set(kept) == set(REGISTERS) == set(GOOD)
    for name, one in kept.items():
        frame = check(frame_of(name, one.rows), find_register(name).contract)
        assert len(frame) == len(GOOD[name].splitlines()) - 1
    steps = frame_of("initiatives", kept["initiatives"].rows)["step"]
    assert list(steps) == ["s1", "s4"], "a slug is kept as the step's id"
    n = frame_of("observations", kept["observations"].rows)["n"]
    assert n[0] == 120
    assert n[1] is pd.NA


def test_an_empty_register_has_the_same_columns_and_kinds() -> None:
    for name, register in REGISTERS.items():
        empty = Registers("acme")[name]
        assert list(empty.columns) == register.contract.names()
        check(empty, register.contract)
        assert all(about(name, words_of("en")))


BAD = {
    "a column nobody knows": ("touchpoints", "stage,name", "stages,name", r"'stages'.*|nearest stage"),
    "a column that is missing": ("promises", "half,", "", "column half: missing"),
    "a column twice": ("promises", "half,text", "text,text", "column text: stands twice"),
    "no value": ("touchpoints", "t2,Seek", "t2,", "row 3, column stage: missing"),
    "an id of spaces": ("touchpoints", "t2,", "t 2,", "row 3, column id: not an id; found 't 2'"),
    "an id twice": ("touchpoints", "t2,", "t1,", "row 3, column id: stands in row 2 already"),
    "a row twice": ("observations", "2026-02-28", "2026-01-31", "row 3, column measure: stands in row 2"),
    "an unknown word": ("touchpoints", "indirect", "indirekt", "unknown word; nearest indirect"),
    "a level of 7": ("touchpoints", ",5,3.5", ",7,3.5", "column importance: out of range; found '7'"),
    "a comma": ("touchpoints", ",5,3.5", ',5,"3,5"', "column performance: a comma in a number"),
    "infinity": ("measures", ",90", ",inf", "column target: not a number; found 'inf'; expected a number as"),
    "a number with its unit": ("measures", ",90", ",90%", "column target: not a number; found '90%'"),
    "half a case": ("observations", ",120", ",1.5", "column n: not a whole number"),
    "less than nothing": ("observations", ",120", ",-1", "column n: out of range"),
    "a share of 200": ("standards", ",90,", ",200,", "column share: out of range"),
    "a day in two readings": ("observations", "2026-01-31", "03/04/2026", "expected a day as 2026-09-18"),
    "no day": ("observations", "2026-01-31", "2026-02-31", "column date: no day of the calendar"),
    "a long text": ("promises", "You are known.", "x" * 301, "301 characters long.*at most 300"),
    "an address for an owner": ("touchpoints", "Front office manager", "a@b.example", "names no person"),
    "a NUL": ("promises", "known", "kn\x00own", "row 3: a NUL byte"),
    "a character nobody sees": ("promises", "known", "kn\x07own", "column text: holds a character"),
    "a text turned around": ("promises", "known", "kn\u202eown", "column text: holds a character"),
    "an unknown touch point": (
        "promises",
        "p1,t1",
        "p1,t9",
        "no such row of touchpoints; nearest t.; found 't9'; expected one of t1, t2",
    ),
    "an unknown step": ("initiatives", "leadership", "leadershp", "no such step; nearest leadership"),
    "an unknown role": ("initiatives", "frontline", "front-line", "no such role; nearest frontline"),
    "done without a day": ("initiatives", "done,2026-01-11", "done,", "missing, although the status is done"),
    "open and closed": ("initiatives", "open,", "open,2026-03-01", "closed, although the status is open"),
    "closed before it began": ("initiatives", "2026-01-11", "2025-12-31", "before it was opened"),
    "an assumption with spaces": ("assumptions", "annual_margin", "Annual margin", "written like annual_ret"),
    "too many fields": ("promises", "You are known.", "You are, known.", "row 3: 5 fields; expected 4"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_table_is_refused_with_row_column_found_and_expected(
    kind: str, tmp_path: Path, kept: dict[str, Kept]
) -> None:
    name, old, new, expected = BAD[kind]
    assert old in GOOD[name]
    with pytest.raises(IngestError, match=expected):
        read(tmp_path, name, GOOD[name].replace(old, new, 1), kept)


def test_every_fault_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    bad = GOOD["touchpoints"].replace(",5,3.5", ",9,x").replace("indirect", "no")
    with pytest.raises(IngestError) as refusal:
        read(tmp_path, "touchpoints", bad)
    assert list(refusal.value.problems["column"]) == ["importance", "performance", "contact"]
    assert list(refusal.value.problems["row"]) == [2, 2, 3]


def test_a_reference_to_an_empty_register_says_what_to_load_first(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="none yet: first cx add … touchpoints"):
        read(tmp_path, "promises")


def test_a_row_that_others_refer_to_cannot_vanish(tmp_path: Path, kept: dict[str, Kept]) -> None:
    with pytest.raises(ConflictError, match="promises p1, column touchpoint") as refusal:
        read(tmp_path, "touchpoints", GOOD["touchpoints"].replace("t1,", "t3,"), kept)
    assert "standards s1, column touchpoint" in str(refusal.value)
    assert read(tmp_path, "observations", "measure,date,value\n", kept) == ()


def test_headings_are_read_as_people_write_them_and_blank_rows_are_nothing(tmp_path: Path) -> None:
    found = read(
        tmp_path, "assumptions", "\ufeffDated;UNIT;Value;Id;source\n\n2025-12-31;EUR;7.5;margin;CFO\n;;;;\n"
    )
    assert found == ({"id": "margin", "value": 7.5, "unit": "EUR", "source": "CFO", "dated": "2025-12-31"},)


def test_a_workbook_with_typed_cells_is_read_like_text(tmp_path: Path, kept: dict[str, Kept]) -> None:
    import datetime as dt

    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (["measure", "date", "value", "n"], ["m1", dt.datetime(2026, 3, 31), 0.5, 12.0]):
        book.active.append(row)
    book.save(tmp_path / "o.xlsx")
    found = read_register("observations", tmp_path / "o.xlsx", kept, steps=CX7.steps, roles=CX7.roles)
    assert found == ({"measure": "m1", "date": "2026-03-31", "value": 0.5, "n": 12},)
    book.create_sheet("More").append(["x"])
    book.save(tmp_path / "two.xlsx")
    with pytest.raises(IngestError, match="2 visible sheets") as refusal:
        read_register("observations", tmp_path / "two.xlsx", kept, steps=CX7.steps, roles=CX7.roles)
    assert "mapping" not in str(refusal.value), "there is no mapping to correct"


HOSTILE = [
    "</script><img src=x onerror=alert(1)>",
    '=HYPERLINK("http://e?"&A1)',
    "'; drop table register; --",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_stays_text(hostile: str, tmp_path: Path, kept: dict[str, Kept]) -> None:
    cell = '"' + hostile.replace('"', '""') + '"'
    kept["promises"] = Kept(
        2, read(tmp_path, "promises", GOOD["promises"].replace("You are known.", cell), kept)
    )
    assert kept["promises"].rows[1]["text"] == hostile
    shown = tables.promises(Registers("acme", kept), CX7_INSTRUMENT)
    assert "<img" not in shown.markup
    assert hostile in shown.text


# ── The store ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Hold an engagement acme, in a file of this test, and in a schema of its own on a server."""
    environ = {"CX_HOME": str(tmp_path / "home")}
    if request.param == "postgresql":
        server, schema = make_url(request.getfixturevalue("postgresql")), f"cx_{secrets.token_hex(6)}"
        engine = create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
        own = server.update_query_dict({"options": f"-csearch_path={schema}"})
        environ["CX_DATABASE_URL"] = own.render_as_string(hide_password=False)
    with Store.open(read_settings(environ)) as opened:
        add_engagement(opened, declared(languages=["en"], assumptions={}), CX7)
        yield opened
    if request.param == "postgresql":
        with engine.connect() as connection:
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
        engine.dispose()


def test_each_load_is_a_version_with_author_and_time_and_the_same_rows_are_none(
    store: Store, tmp_path: Path
) -> None:
    eng = LiveEngagement(store, "acme")
    first = eng.set_register("touchpoints", table(tmp_path, "touchpoints"), by="ana")
    again = eng.set_register("touchpoints", table(tmp_path, "touchpoints"), by="ben")
    assert (first.version, again.version, again.author) == (1, 1, "ana")
    fewer = "".join(GOOD["touchpoints"].splitlines(keepends=True)[:2])
    second = eng.set_register("touchpoints", table(tmp_path, "touchpoints", fewer), by="ben")
    assert (second.version, second.author, len(second.rows)) == (2, "ben", 1)
    assert second.at >= first.at
    assert len(eng.register("touchpoints")) == 1, "the newest load replaces the whole"
    old = store.register("acme", "touchpoints", 1)
    assert old is not None
    assert [row["id"] for row in old.rows] == ["t1", "t2"], "and the one before is still there"
    assert store.register("acme", "touchpoints", 9) is None
    assert store.register_versions("acme") == {"touchpoints": 2}


def test_rows_come_back_as_they_were_read(store: Store, tmp_path: Path, kept: dict[str, Kept]) -> None:
    eng = LiveEngagement(store, "acme")
    for name in REGISTERS:
        eng.set_register(name, table(tmp_path, name))
    found = store.registers("acme")
    assert set(found) == set(kept)
    for name, one in found.items():
        order = (lambda row: row["id"]) if name == "assumptions" else (lambda row: 0)
        assert list(one.rows) == sorted(kept[name].rows, key=order), name


def test_nothing_is_kept_of_a_file_with_a_fault(store: Store, tmp_path: Path) -> None:
    eng = LiveEngagement(store, "acme")
    with pytest.raises(IngestError):
        eng.set_register("touchpoints", table(tmp_path, "touchpoints", GOOD["touchpoints"] + "t3,x\n"))
    assert eng.register("touchpoints").empty
    with pytest.raises(NotFoundError, match="no register 'standard'; nearest standards"):
        eng.set_register("standard", tmp_path / "x.csv")


def test_assumptions_stand_beside_those_of_the_engagement_file(store: Store, tmp_path: Path) -> None:
    older = AssumptionSpec(value=1, unit="EUR", source="guess", dated="2020-01-01")
    store.set_assumption("acme", "annual_margin", older)
    store.set_assumption("acme", "churn", older)
    eng = LiveEngagement(store, "acme")
    eng.set_register("assumptions", table(tmp_path, "assumptions"))
    assert eng.assumptions["annual_margin"].value == 100, "the newest date counts"
    assert eng.assumptions["churn"].source == "guess", "and what was not named stays"
    assert store.assumptions("acme")["annual_retention"].unit == "%"


def test_an_unknown_engagement_has_no_register(store: Store) -> None:
    for ask in (
        lambda: store.set_register("nobody", "touchpoints", [], author=""),
        lambda: store.register("nobody", "touchpoints"),
        lambda: store.registers("nobody"),
    ):
        with pytest.raises(NotFoundError):
            ask()
    with pytest.raises(CxError, match="the author"):
        store.set_register("acme", "touchpoints", [], author="a\0b")


# ── A published run ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def settings(example_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return own_example(example_store, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def live(settings: Settings) -> LiveEngagement:
    return open_live("harbour", settings=settings)


@pytest.fixture(scope="module")
def published(live: LiveEngagement, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "extract"
    write_extract(live.extract, folder)
    return folder


def test_a_published_run_reads_the_same(live: LiveEngagement, published: Path) -> None:
    eng = Engagement(read_extract(published))
    for name in REGISTERS:
        assert not eng.register(name).empty
        pd.testing.assert_frame_equal(eng.register(name), live.register(name))
    assert eng.assumptions == live.assumptions
    assert to_json(eng.register_figures()) == to_json(live.register_figures())
    with pytest.raises(ReadOnlyError, match="load a register"):
        eng.set_register("promises", published / "x.csv", by="me")


def test_who_loaded_a_register_is_in_no_extract(live: LiveEngagement, published: Path) -> None:
    record = live.store.register("harbour", "promises")
    assert record is not None
    assert record.author == "cx demo"
    assert all(b"cx demo" not in path.read_bytes() for path in published.iterdir())


def test_a_new_load_is_in_the_next_extract(settings: Settings, tmp_path: Path) -> None:
    with open_live("harbour", wave="2025-spring", settings=settings) as eng:
        before = eng.extract.registers["promises"]
        rows = [*before.rows, {**before.rows[0], "id": "p99"}]
        eng.store.set_register("harbour", "promises", rows, author="")
        after = eng.extract.registers["promises"]
        eng.store.set_register("harbour", "promises", list(before.rows), author="")
    assert (len(after.rows), after.version) == (len(before.rows) + 1, before.version + 1)


Damage = Callable[[Any], Any]
DAMAGED: dict[str, Damage] = {
    "an unknown register": lambda plain: plain | {"persons": plain["promises"]},
    "an unknown column": lambda plain: _changed(plain, lambda row: row | {"email": "a@b.example"}),
    "a missing column": lambda plain: _changed(plain, lambda row: {"id": row["id"]}),
    "a number for a text": lambda plain: _changed(plain, lambda row: row | {"text": 3}),
    "a list": lambda plain: [plain],
    "no version": lambda plain: {"promises": {"rows": []}},
}


def _changed(plain: Any, change: Damage) -> Any:
    return plain | {"promises": {"version": 1, "rows": [change(row) for row in plain["promises"]["rows"]]}}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_extract_is_refused_in_one_sentence(kind: str, published: Path, tmp_path: Path) -> None:
    folder = tmp_path / "extract"
    folder.mkdir()
    for path in published.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    plain = json.loads((folder / "registers.json").read_text())
    (folder / "registers.json").write_text(json.dumps(DAMAGED[kind](plain)))
    with pytest.raises(ContractError):
        read_extract(folder)
    (folder / "registers.json").unlink()
    with pytest.raises(NotFoundError, match=r"registers\.json missing"):
        read_extract(folder)


def test_no_number_that_json_lacks_comes_back() -> None:
    row = {"measure": "m", "date": "2026-01-01", "value": float("nan"), "n": None}
    with pytest.raises(ContractError, match="a row of observations"):
        from_plain({"observations": {"version": 1, "rows": [row]}})


# ── The checks ──────────────────────────────────────────────────────────────────────────────────


def faults(folder: Path, kept: dict[str, Kept], **cells: object) -> list[str]:
    """Lint one standard that keeps its form, but for some cells."""
    row = {**kept["standards"].rows[0], **cells}
    found = journey.lint(frame_of("standards", [row]), frame_of("measures", []))
    return found["fault"].tolist()


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({}, []),
        ({"actor": ""}, ["actor"]),
        ({"actor": "Porter and receptionist"}, ["actors"]),
        ({"actor": "Porter/receptionist"}, ["actors"]),
        ({"actor": "Portier oder Empfang"}, ["actors"]),
        ({"actor": "Head of Handling"}, []),
        ({"action": "greets the guest and then offers a drink"}, ["actions"]),
        ({"action": "greets the guest by name and room number"}, []),
        ({"action": "answers as soon as possible"}, ["vague"]),
        ({"action": "answers PROMPTLY"}, ["vague"]),
        ({"action": "antwortet zeitnah"}, ["vague"]),
        ({"action": "goods are unpacked"}, []),
        ({"number": None}, ["number"]),
        ({"unit": ""}, ["unit"]),
        ({"share": None}, ["share"]),
        ({"scope": ""}, ["scope"]),
        ({"owner": ""}, ["owner"]),
        ({"measure": ""}, ["measure"]),
        ({"review_date": ""}, ["review_date"]),
        ({"action": "is friendly", "number": None, "owner": ""}, ["vague", "number", "owner"]),
    ],
)
def test_a_standard_is_held_to_its_form(
    cells: dict[str, object], expected: list[str], tmp_path: Path, kept: dict[str, Kept]
) -> None:
    assert faults(tmp_path, kept, **cells) == expected


def test_a_standard_that_a_measure_names_is_measured(kept: dict[str, Kept]) -> None:
    row = {**kept["standards"].rows[0], "measure": ""}
    found = journey.lint(frame_of("standards", [row]), frame_of("measures", kept["measures"].rows))
    assert found.empty


def test_what_hangs_loose_is_found_at_both_ends(kept: dict[str, Kept]) -> None:
    standard, measure = kept["standards"].rows[0], kept["measures"].rows[0]
    standards = frame_of("standards", [standard, {**standard, "id": "s2", "promise": ""}])
    measures = frame_of("measures", [measure, {**measure, "id": "m2", "standard": ""}])
    promises = frame_of("promises", kept["promises"].rows)
    found = journey.traceability(promises, standards, measures)
    assert [tuple(row) for row in found.itertuples(index=False)] == [
        ("p1", "s1", "m1"), ("p2", "", ""), ("", "s2", ""), ("", "", "m2"),
    ]  # fmt: skip
    assert journey.loose_ends(promises, standards, measures) == {
        "promises": ["p2"],
        "standards_unpromised": ["s2"],
        "standards_unmeasured": ["s2"],
        "measures": ["m2"],
    }


@pytest.mark.parametrize(
    ("direction", "values", "is_met", "trend"),
    [
        ("higher", [88, 91], True, "better"),
        ("higher", [91, 88], False, "worse"),
        ("lower", [91, 88], True, "better"),
        ("lower", [90, 90], True, "same"),
        ("higher", [95], True, ""),
        ("higher", [], None, ""),
    ],
)
def test_a_measure_is_met_and_moves_in_its_own_direction(
    direction: str, values: list[float], is_met: bool | None, trend: str, kept: dict[str, Kept]
) -> None:
    measures = frame_of("measures", [{**kept["measures"].rows[0], "direction": direction}])
    # In no order: the days tell which is the last.
    seen = [
        {"measure": "m1", "date": f"2026-0{month}-01", "value": value, "n": None}
        for month, value in enumerate(values, 1)
    ][::-1]
    (found,) = journey.measure_states(measures, frame_of("observations", seen)).to_dict("records")
    assert found["trend"] == trend
    assert (None if pd.isna(found["is_met"]) else bool(found["is_met"])) is is_met
    assert found["observations"] == len(values)


def test_overdue_is_at_the_day_of_the_wave_and_only_what_is_open(kept: dict[str, Kept]) -> None:
    data = frame_of("initiatives", kept["initiatives"].rows)
    made = journey.actions(data, "2026-02-11")
    assert list(made["days_overdue"]) == [10, 0]
    assert list(journey.actions(data, "2026-02-01")["days_overdue"]) == [0, 0]
    assert list(journey.actions(data, None)["days_overdue"]) == [0, 0]
    assert journey.closed_loop_days(made) == 10
    assert journey.closed_loop_days(made[made["is_open"]]) is None
    assert journey.raised_by(data) == {"customer": 1, "frontline": 1}


# ── The tables ──────────────────────────────────────────────────────────────────────────────────


def _instrument() -> Any:
    from cxlib.instrument import Instrument

    return Instrument.from_plain(CX7, "en", [])


CX7_INSTRUMENT = _instrument()
WHERE = {
    "touchpoints": "touchpoints", "promises": "promises", "standards": "standards", "measures": "measures",
    "traceability": "standards", "actions": "initiatives", "assumptions": "assumptions",
    "value": "assumptions",
}  # fmt: skip


@pytest.mark.parametrize("name", WHERE)
def test_an_empty_register_says_what_is_missing_why_it_matters_and_how_to_add_it(name: str) -> None:
    shown = getattr(tables, name)(Registers("acme"), CX7_INSTRUMENT)
    assert '<dl class="cx-empty">' in shown.markup
    assert shown.markup.count("<dt>") == 3
    assert f"cx add acme {WHERE[name]} --template {WHERE[name]}.csv" in shown.markup


def test_measures_without_values_ask_for_the_values(kept: dict[str, Kept]) -> None:
    del kept["observations"]
    shown = tables.measures(Registers("acme", kept), CX7_INSTRUMENT)
    assert "Keys in time" in shown.text
    assert "cx add acme observations --template" in shown.text


def test_the_example_s_gaps_are_named(live: LiveEngagement) -> None:
    registers, instrument = live.registers, live.instrument
    assert "Nobody owns Photographs on travel sites, Replies to reviews and Delivery vans" in str(
        tables.touchpoints(registers, instrument).text
    )
    assert "Without a touch point that keeps them: 1." in tables.promises(registers, instrument).text
    said = tables.standards(registers, instrument).text
    assert "Standards that lack nothing: 5 of 8. With vague words: 2." in said
    assert "vague: promptly, friendly; no number" in said
    assert "Standards without a measure: 4 of 8." in tables.traceability(registers, instrument).text
    assert "Targets met by the last value: 3 of 5." in tables.measures(registers, instrument).text
    said = tables.actions(registers, instrument, day=live.wave.date).text
    assert "Overdue on 20 March 2026: 2." in said
    assert "overdue by 21 days" in said
    assert "Overdue" not in tables.actions(registers, instrument).text


def test_effort_is_out_of_sequence_where_it_stands_on_an_open_step(live: LiveEngagement) -> None:
    order = sequence(live.scores(), live.framework)
    shown = tables.effort(live.registers, live.instrument, order)
    assert "89% 247 of 277 days" in shown.text
    assert "New check-in app" in shown.text
    panels = tables.effort(live.registers, live.instrument, order, listed=False).text
    assert "89% 247 of 277 days" in panels
    assert "New check-in app" not in panels, "the list stands in one chapter"
    assert "of these only proposed: 2." in shown.text
    assert "Cost, in EUR" in shown.text
    assert "Every director works" not in shown.text, "work on the step to start with is in sequence"
    stands = replace(order, start_here=())
    assert "0% 0 of 277 days" in tables.effort(live.registers, live.instrument, stands).text
    none = replace(order, missing=("s1",))
    assert "no position" in tables.effort(live.registers, live.instrument, none).text


def test_an_assumption_stands_by_its_name_and_a_share_in_per_cent(kept: dict[str, Kept]) -> None:
    rows = [dict(row) for row in kept["assumptions"].rows]
    rows += [{**rows[0], "id": "annual_retention", "value": 0.62, "unit": "share"}]
    rows += [{**rows[0], "id": "days_lost", "value": 0.625, "unit": "share"}]
    shown = tables.assumptions(Registers("acme", {"assumptions": Kept(1, tuple(rows))}), CX7_INSTRUMENT)
    lines = [" ".join(line.split()) for line in shown.text.splitlines()]
    for start in ("Annual margin", "Annual retention 62%", "Days lost 62.5%"):
        assert any(line.startswith(start) for line in lines), start


def test_a_customer_s_value_stands_with_timing_formula_and_source(kept: dict[str, Kept]) -> None:
    found = values_of(Registers("acme", kept).assumptions)
    assert found.by_timing["in a year"] == pytest.approx(266.667, abs=0.001)
    shown = tables.value(Registers("acme", kept), CX7_INSTRUMENT)
    assert "267 EUR" in shown.text
    assert "m · r / (1 + d − r)" in shown.text
    assert "Gupta and Lehmann (2003)" in shown.markup
    rows = [dict(row) for row in kept["assumptions"].rows]
    rows[1] |= {"value": 80.0, "unit": "share"}
    shown = tables.value(Registers("acme", {"assumptions": Kept(1, tuple(rows))}), CX7_INSTRUMENT)
    assert "shares from 0 to 1" in shown.text
    shown = tables.value(Registers("acme", {"assumptions": Kept(1, tuple(rows[:1]))}), CX7_INSTRUMENT)
    assert "The assumptions: Annual retention and Annual discount." in shown.text


def test_the_figure_to_be_careful_with_is_quoted_with_its_correction() -> None:
    said = tables.quoted(CX7_INSTRUMENT).text
    for part in ("$284 thousand", "$284 million", "$10 billion", "2.84%", "$28.4 thousand"):
        assert part in said


def test_a_long_register_is_cut_and_says_so(kept: dict[str, Kept]) -> None:
    rows = tuple({**kept["touchpoints"].rows[0], "id": f"t{n}"} for n in range(75))
    shown = tables.touchpoints(Registers("acme", {"touchpoints": Kept(1, rows)}), CX7_INSTRUMENT)
    assert shown.markup.count("<tr>") == 61
    assert "15 more are not shown." in shown.markup


def test_figures_are_there_without_any_register() -> None:
    found = figures(Registers("acme"), None, CX7.ancestors, None)
    assert found["effort"] is None
    assert found["lifetime_value"] == {}
    assert found["actions"]["closed_loop_days"] is None
    assert to_json(found)


# ── The command ─────────────────────────────────────────────────────────────────────────────────


def test_a_register_goes_from_template_to_version_and_back(cx: Cx, tmp_path: Path) -> None:
    cx("init", "acme", "--name", "Acme", "--wave", "w1")
    said = cx("add", "acme", "touchpoints", "--template", "t.csv")
    assert "cx add acme touchpoints t.csv" in said.out
    assert "one of direct, indirect" in said.out
    path = tmp_path / "t.csv"
    header = GOOD["touchpoints"].splitlines()[0]
    assert path.read_text("utf-8-sig").strip() == header
    refused(cx("add", "acme", "touchpoints", "--template", "t.csv"), "t.csv is there already", "--force")
    assert "Loaded touchpoints: 0 rows, version 1" in cx("add", "acme", "touchpoints", "t.csv").out
    path.write_text(GOOD["touchpoints"])
    assert "2 rows, version 2" in cx("add", "acme", "touchpoints", path, "--by", "ana").out
    assert "Nothing changed" in cx("add", "acme", "touchpoints", path).out
    shown = cx("add", "acme", "touchpoints", "--show").out
    assert "Version 2" in shown
    assert "by ana" in shown
    assert "Front desk" in shown
    data = cx("add", "acme", "touchpoints", "--show", "--json").data
    assert data["rows"][1] == {
        "id": "t2", "stage": "Seek", "name": "Advertisement", "channel": "web", "contact": "indirect",
        "moment": "before", "owner": "", "importance": None, "performance": None,
    }  # fmt: skip
    assert "No promises yet" in cx("add", "acme", "promises", "--show").out


def test_the_command_refuses_in_one_sentence(cx: Cx, tmp_path: Path) -> None:
    cx("init", "acme", "--name", "Acme", "--wave", "w1")
    refused(cx("add", "acme", "touchpoint", "--show"), "no register 'touchpoint'", "nearest touchpoints")
    refused(cx("add", "acme", "touchpoints"), "name one of", "--template touchpoints.csv")
    refused(cx("add", "acme", "touchpoints", "x.csv", "--show"), "name one of")
    refused(cx("add", "acme", "touchpoints", "none.csv"), "none.csv does not exist")
    path = table(tmp_path, "touchpoints", GOOD["touchpoints"].replace("direct", "dirct", 1))
    refused(cx("add", "acme", "touchpoints", path), "row 2, column contact", "nearest direct")
