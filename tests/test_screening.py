"""Partial, test, hurried, straight-lined and repeated responses are found, and dropped by choice alone."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cxlib.choosing import chosen_rows
from cxlib.cli import app
from cxlib.collecting import collect
from cxlib.errors import ConflictError, IngestError, NotFoundError
from cxlib.frames import ItemScale
from cxlib.ingest import Imported, convert
from cxlib.live import LiveEngagement
from cxlib.mapping import MappingSpec
from cxlib.pseudonyms import pseudonym
from cxlib.screening import KINDS, Screening, chosen_kinds
from cxlib.settings import read_settings
from cxlib.sources import delimited
from tests import exported, samples

KEY = b"a key of one engagement, 32 byte"
ITEMS = [f"q.i{n:02}" for n in range(1, 13)]
SCALES = {item: ItemScale(item, 1, 5) for item in ITEMS}
HEADER = ["id", "role", "done", "kind", "seconds", "began", "ended", *ITEMS, "said"]
ORDINARY = 30
MEDIAN = 300


def people() -> list[dict[str, Any]]:
    """Return ordinary respondents, who differ in what they answer, and take five minutes."""
    out = []
    for n in range(ORDINARY):
        answers = {item: 1 + (n // 5**at + n + at) % 5 for at, item in enumerate(ITEMS)}
        out.append({
            "id": f"p{n:02}", "role": "team", "done": "1", "kind": "0", "seconds": MEDIAN - 14 + n,
            "began": f"2026-03-01 10:{n:02}:00", "ended": f"2026-03-01 10:{n + 5:02}:00", **answers,
            "said": "",
        })  # fmt: skip
    return out


def one(id_: str, **changes: Any) -> dict[str, Any]:
    """Return one respondent more, ordinary but for the changes."""
    moment = f"2026-03-02 11:00:{int(id_[1:]) % 60:02}"
    return {**people()[7], "id": id_, "began": moment, "ended": moment.replace(" 11", " 12"), **changes}


def straight(level: int, n: int) -> dict[str, Any]:
    return {item: level if at < n else "" for at, item in enumerate(ITEMS)}


# What is planted: of each kind, and beside it what just is none of it.
PLANTED: dict[str, list[dict[str, Any]]] = {
    "partial": [one("x1", done="0"), one("x2", done=""), one("x3", done="FALSE")],
    "test": [one("x4", kind="1"), one("x5", kind=" Survey Test ")],
    "speeder": [one("x6", seconds=95), one("x7", seconds=20)],
    "straightliner": [one("x8", **straight(3, 12)), one("x9", **straight(1, 10))],
    "duplicate": [
        {**people()[3], "id": "x10", "seconds": 280},
        {**people()[3], "id": "x11", "seconds": 281},
    ],
}
NEARLY = [
    one("x12", done="yes"), one("x13", kind="16"), one("x14", seconds=104), one("x15", **straight(4, 9)),
    one("x16", **{**straight(4, 12), ITEMS[5]: 5}),
    {**people()[3], "id": "x17", "ended": "2026-03-01 10:08:01"},
    {**people()[3], "id": "x18", "said": "And one word more."},
]  # fmt: skip
FOUND = {kind: len(rows) for kind, rows in PLANTED.items()}


def everyone() -> list[dict[str, Any]]:
    return [*people(), *(row for rows in PLANTED.values() for row in rows), *NEARLY]


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, HEADER)
        writer.writeheader()
        writer.writerows(rows)
    return path


def mapping(**changes: Any) -> MappingSpec:
    plain: dict[str, Any] = {
        "mapping": "wave",
        "id": "id",
        "role": {"column": "role"},
        "items": [{"item": item, "column": item} for item in ITEMS],
        "comments": [{"id": "said", "column": "said", "text": "Anything else?"}],
        "screening": {
            "finished": "done", "preview": "kind", "duration": "seconds", "started": "began",
            "ended": "ended",
        },
    }  # fmt: skip
    return MappingSpec.model_validate({**plain, **changes})


Run = Callable[..., tuple[Imported, list[str]]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Import rows; give back what was told, and the pseudonyms that came in."""

    def _run(rows: list[dict[str, Any]], spec: MappingSpec | None = None, *drop: str) -> Any:
        out = tmp_path / "out.parquet"
        path = written(tmp_path / "wave.csv", rows)
        about: dict[str, Any] = {"scales": SCALES, "roles": ["team"], "segments": [], "key": KEY}
        screening, left_out = None, None
        if drop:
            screening, left_out = chosen_rows(path, spec or mapping(), chosen_kinds(",".join(drop)), **about)
        found = convert(path, spec or mapping(), out=out, left_out=left_out, **about)
        found = replace(found, screening=screening or found.screening)
        return found, pq.read_table(out)["respondent"].to_pylist()

    return _run


def of(ids: list[str]) -> list[str]:
    return [pseudonym(KEY, id_) for id_ in ids]


# ── Found, each kind and no more ────────────────────────────────────────────────────────────────


def test_each_kind_is_counted_and_nothing_is_left_out_without_a_choice(run: Run) -> None:
    found, came = run(everyone())
    assert found.screening is not None
    assert dict(found.screening.found) == {kind: FOUND[kind] for kind in KINDS}
    assert found.screening.rows == found.rows == len(came) == len(everyone())
    assert (found.screening.dropped, found.screening.left_out) == ({}, 0)
    assert came == of([row["id"] for row in everyone()])
    assert found.screening.median == pytest.approx(MEDIAN, abs=8)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_left_out_by_choice_and_that_alone(run: Run, kind: str) -> None:
    found, came = run(everyone(), None, kind)
    gone = {row["id"] for row in PLANTED[kind]}
    assert came == of([row["id"] for row in everyone() if row["id"] not in gone])
    assert found.rows == len(came)
    assert sum(found.roles.values()) == len(came), "what is counted is what was kept"
    assert found.screening is not None
    assert found.screening.dropped == {kind: len(gone)}
    assert found.screening.rows == len(everyone())
    assert dict(found.screening.found) == {one: FOUND[one] for one in KINDS}


def test_all_kinds_together_leave_the_ordinary_ones(run: Run) -> None:
    found, came = run(everyone(), None, *KINDS)
    assert came == of([row["id"] for row in (*people(), *NEARLY)])
    assert found.screening is not None
    assert found.screening.left_out == sum(FOUND.values())


def test_one_that_is_several_things_is_left_out_once(run: Run) -> None:
    rows = [*people(), one("x1", done="0", kind="1", seconds=5, **straight(3, 12))]
    found, came = run(rows, None, *KINDS)
    assert found.screening is not None
    # Who did not finish, or only tried, hurried in nothing.
    assert dict(found.screening.found) == {
        "partial": 1, "test": 1, "speeder": 0, "straightliner": 1, "duplicate": 0,
    }  # fmt: skip
    assert found.screening.dropped == {
        "partial": 1, "test": 0, "speeder": 0, "straightliner": 0, "duplicate": 0,
    }  # fmt: skip
    assert len(came) == ORDINARY


def test_pieces_of_a_file_make_no_difference(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = run(everyone(), None, "speeder", "duplicate")
    monkeypatch.setattr(delimited, "BLOCK", 700)
    pieces, _ = run(everyone(), None, "speeder", "duplicate")
    assert pieces == whole


def test_a_mapping_sets_its_own_bounds(run: Run) -> None:
    screening = {**mapping().screening.model_dump(), "speed": 0.06, "straight": 12, "unfinished": ["yes"]}  # type: ignore[union-attr]
    found, _ = run(everyone(), mapping(screening={**screening, "previews": ["16"]}))
    assert found.screening is not None
    assert dict(found.screening.found) == {
        "partial": 4, "test": 1, "speeder": 0, "straightliner": 1, "duplicate": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("began", "ended"),
    [
        ("2026-03-01 10:00:00", "2026-03-01 10:{:02}:{:02}"),
        ("2026-03-01T10:00:00.250Z", "2026-03-01T10:{:02}:{:02}.250Z"),
        ("01.03.2026 10:00:00", "01.03.2026 10:{:02}:{:02}"),
        ("3/1/2026 10:00:00", "3/1/2026 10:{:02}:{:02}"),
    ],
)
def test_a_duration_is_reckoned_where_the_file_says_only_when(run: Run, began: str, ended: str) -> None:
    rows = [{**row, "began": began, "ended": ended.format(5, at)} for at, row in enumerate(people())]
    rows.append({**one("x1"), "began": began, "ended": ended.format(1, 30)})
    spec = mapping(screening={"started": "began", "ended": "ended"})
    found, came = run(rows, spec, "speeder")
    assert found.screening is not None
    assert found.screening.median == pytest.approx(300 + ORDINARY / 2, abs=2)
    assert (dict(found.screening.found)["speeder"], len(came)) == (1, ORDINARY)


@pytest.mark.parametrize("written_as", ["{}", "{}.5", "{},25", "0:00:{:02}", "00:{:02}"])
def test_a_duration_is_read_as_tools_write_it(run: Run, written_as: str) -> None:
    rows = [*people(), one("x1", seconds=written_as.format(59)), one("x2", seconds="unknown")]
    found, _ = run(rows)
    assert found.screening is not None
    assert found.screening.found["speeder"] == 1


def test_days_without_a_time_make_nobody_a_duplicate(run: Run) -> None:
    rows = [{**row, "began": "2026-03-01", "ended": "2026-03-01"} for row in everyone()]
    found, _ = run(rows)
    assert found.screening is not None
    assert found.screening.found["duplicate"] == 0
    assert "duplicate" in found.screening.found, "ids are looked at all the same"


def test_who_has_no_time_of_day_is_no_duplicate_of_another(run: Run) -> None:
    rows = [*people(), *({**one(id_), "began": "", "ended": "2026-03-02"} for id_ in ("x1", "x2"))]
    found, _ = run(rows)
    assert found.screening is not None
    assert found.screening.found["duplicate"] == 0


# ── Ids that stand twice ────────────────────────────────────────────────────────────────────────


def test_an_id_twice_stays_an_error_without_a_choice(run: Run) -> None:
    with pytest.raises(IngestError, match="the same id as row 9"):
        run([*people(), one("p07")])
    with pytest.raises(IngestError, match="the same id as row 9"):
        run([*people(), one("p07")], None, "partial")


def test_of_an_id_that_stands_twice_the_first_is_kept(run: Run) -> None:
    again = {**one("p07"), ITEMS[0]: 2}
    found, came = run([*people(), again], None, "duplicate")
    assert came == of([row["id"] for row in people()])
    assert found.screening is not None
    assert found.screening.dropped == {"duplicate": 1}


def test_nobody_is_lost_whose_first_try_is_left_out(run: Run) -> None:
    """A person who broke off and came back is neither partial nor twice: the second response is theirs."""
    first = {**one("x50"), "id": "p99", "done": "0"}
    rows = [first, *people(), one("p99")]
    found, came = run(rows, None, "partial", "duplicate")
    assert came == of([*(row["id"] for row in people()), "p99"])
    assert found.screening is not None
    assert found.screening.dropped == {"partial": 1, "duplicate": 0}
    _, came = run(rows, None, "duplicate")
    assert came == of(["p99", *(row["id"] for row in people())])


# ── What cannot be told is not left out ─────────────────────────────────────────────────────────


def test_what_breaks_the_mapping_in_a_row_that_is_left_out_stops_nothing(run: Run) -> None:
    rows = [*people(), one("x1", done="0", role="nobody"), one("x2", done="0", **{ITEMS[0]: 9})]
    with pytest.raises(IngestError, match="2 of 32 rows"):
        run(rows)
    found, came = run(rows, None, "partial")
    assert len(came) == found.rows == ORDINARY


def test_what_is_left_out_by_choice_is_no_rejected_row(tmp_path: Path) -> None:
    rows = [*people(), one("x1", done="0", role="nobody"), one("x2", **{ITEMS[0]: 9})]
    path, rejects = written(tmp_path / "wave.csv", rows), tmp_path / "rejects.csv"
    about: dict[str, Any] = {"scales": SCALES, "roles": ["team"], "segments": [], "key": KEY}
    _, left_out = chosen_rows(path, mapping(), ("partial",), **about)
    out = tmp_path / "out.parquet"
    found = collect(path, mapping(), rejects=rejects, out=out, left_out=left_out, **about)
    assert (found.rows, found.rejected) == (ORDINARY, 1)
    told = rejects.read_text(encoding="utf-8-sig")
    assert "x2" in told
    assert "x1" not in told


@pytest.mark.parametrize("kind", ["partial", "test", "speeder"])
def test_a_kind_that_nothing_tells_is_refused(run: Run, kind: str) -> None:
    spec = mapping(screening=None)
    message = r"nothing in wave.csv says which responses are \w+; it tells: straightliner, duplicate"
    with pytest.raises(IngestError, match=message):
        run(people(), spec, kind)
    found, _ = run(people(), spec)
    assert found.screening is not None
    assert set(found.screening.found) == {"straightliner", "duplicate"}


def test_a_file_of_nothing_else_is_refused(run: Run) -> None:
    with pytest.raises(
        IngestError, match=r"all 3 responses of wave\.csv would be left out by --drop partial"
    ):
        run(PLANTED["partial"], None, "partial")


def test_a_column_that_is_not_there_is_named(run: Run) -> None:
    with pytest.raises(IngestError, match="column 'finished': not in the file"):
        run(people(), mapping(screening={"finished": "finished"}))


def test_a_choice_is_read_in_one_order_and_its_typos_named() -> None:
    assert chosen_kinds("speeder, partial") == ("partial", "speeder")
    assert chosen_kinds("") == ()
    with pytest.raises(NotFoundError, match="'speeders'; nearest speeder"):
        chosen_kinds("speeders")


def test_a_file_with_a_row_an_answer_is_not_screened() -> None:
    with pytest.raises(ValueError, match="cannot be screened"):
        mapping(long={"item": "item", "answer": "answer"})


# ── The tools' own columns ──────────────────────────────────────────────────────────────────────


def tool_rows(path: Path, edit: Callable[[dict[str, str]], None], heads: int) -> None:
    """Change an export: the first row names its columns, `heads` rows are no answers."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    for row in rows[heads:]:
        named = dict(zip(rows[0], row, strict=True))
        edit(named)
        row[:] = [named[name] for name in rows[0]]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(rows)


@pytest.mark.parametrize("tool", ["qualtrics", "limesurvey"])
def test_a_tools_own_columns_are_looked_at_by_default(tool: str, tmp_path: Path) -> None:
    asked = exported.Survey(
        tuple(exported.Asked(f"i{n}", f"Item {n}") for n in range(12)),
        tuple({f"i{n}": 1 + (n * p) % 5 for n in range(12)} for p in range(1, 21)),
    )
    path = exported.write(tool, tmp_path, asked)

    def edit(row: dict[str, str]) -> None:
        if tool == "limesurvey" and row["id"] == "3":
            row["submitdate"] = ""
        if row.get("ResponseId", "").startswith("R_00004"):
            row["Finished"], row["Status"], row["Duration (in seconds)"] = "0", "1", "3"
        if row.get("ResponseId", "").startswith("R_00006"):
            row["Duration (in seconds)"] = "12"

    tool_rows(path, edit, heads=3 if tool == "qualtrics" else 1)
    items = [{"item": f"i{n}", "column": f"i{n}", "scale": "five"} for n in range(12)]
    id_ = "ResponseId" if tool == "qualtrics" else "id"
    spec = MappingSpec.model_validate({
        "mapping": "tool", "id": id_, "role": {"value": "team"}, "items": items,
        "scales": {"five": {"high": 5}},
    })  # fmt: skip
    found = convert(path, spec, scales={}, roles=["team"], segments=[], key=KEY, out=None)
    assert found.screening is not None
    told = dict(found.screening.found)
    assert told["partial"] == 1
    assert told["straightliner"] == 4, "who answers with 5, 10, 15 or 20 steps of one stays in place"
    if tool == "qualtrics":
        assert (told["test"], told["speeder"]) == (1, 1)
    else:
        assert "test" not in told


# ── In the store, and on the command line ───────────────────────────────────────────────────────


@pytest.fixture
def crumbs(tmp_path: Path) -> Iterator[LiveEngagement]:
    eng = samples.created(read_settings({"CX_HOME": str(tmp_path)}))
    yield eng
    eng.store.close()


def bakery_file(folder: Path) -> tuple[Path, Path]:
    """Write a survey of the bakery with what was not finished, and the mapping that says so."""
    path = samples.survey(folder / "crumbs.csv")
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    done = [f"{line},{'no' if at % 10 == 0 else 'yes'}" for at, line in enumerate(lines)]
    path.write_text("\n".join([f"{header},Done", *done]) + "\n", encoding="utf-8")
    text = samples.MAPPING + "screening: {finished: Done}\n"
    return path, samples.mapping(folder, text)


def test_the_choice_is_kept_with_the_import(crumbs: LiveEngagement, tmp_path: Path) -> None:
    path, spec = bakery_file(tmp_path)
    foreseen = crumbs.import_file(path, spec, dry_run=True)
    assert foreseen.found is not None
    assert foreseen.found.screening is not None
    assert foreseen.found.screening.found["partial"] == 14
    done = crumbs.import_file(path, spec, drop=("partial",))
    assert done.batch is not None
    assert done.batch.rows == 137 - 14
    kept = done.batch.quality["screening"]
    assert (kept["choice"], kept["dropped"], kept["rows"]) == (["partial"], {"partial": 14}, 137)
    assert Screening.from_plain(kept) == done.found.screening  # type: ignore[union-attr]
    assert crumbs.imports()["left_out"].tolist() == [{"partial": 14}]
    assert crumbs.extract.facts.quality["left_out"] == {"partial": 14}
    assert crumbs.import_file(path, spec, drop=("partial",)).state == "unchanged"
    with pytest.raises(ConflictError, match="with --drop partial; asked for: nothing left out"):
        crumbs.import_file(path, spec)


def test_the_command_line_counts_drops_and_tells_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples.created(read_settings({"CX_HOME": str(tmp_path)})).store.close()
    monkeypatch.setenv("CX_HOME", str(tmp_path))
    path, spec = bakery_file(tmp_path)

    def cx(*args: object) -> str:
        done = CliRunner().invoke(app, [*map(str, args)])
        assert done.exit_code == 0, done.output
        return done.output

    foreseen = cx("import", "crumbs", path, "--mapping", spec, "--dry-run")
    assert "of 137 responses: 14 partial\n  all were kept\n  --drop partial would leave them out" in foreseen
    done = cx("import", "crumbs", path, "--mapping", spec, "--drop", "partial")
    assert "Imported 123 responses into wave w1" in done
    assert "left out: 14 partial" in done
    assert "left out: 14 partial" in cx("imports", "crumbs")
