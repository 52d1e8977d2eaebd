"""A file's good rows come in; the others lie beside it with reasons, are corrected, and come in alone."""

from __future__ import annotations

import csv
import io
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from cxlib import collecting
from cxlib.collecting import collect
from cxlib.errors import ConflictError, ContractError, IngestError, SettingsError
from cxlib.ingest import convert
from cxlib.live import LiveEngagement
from cxlib.rejects import MARKS, guarded
from cxlib.settings import read_settings
from cxlib.sources import delimited
from tests.conftest import Cx, refused
from tests.samples import BAKERY, MAPPING, created, mapping, survey
from tests.test_ingest import KEY, ROLES, SCALES
from tests.test_ingest import mapping as spec

HOW: dict[str, Any] = {"scales": SCALES, "roles": ROLES, "segments": ("unit",), "key": KEY}
BAD = (
    "id,unit,Q1,Q2,said\n"
    "00123,North,5,1,fine\n"
    '=1+1,"South, ""old""",7,x,"=HYPERLINK(""http://e"")"\n'
    "124,North,5\n"
    "125,North,4,4,ok,too much\n"
    "00127,\u00fcber,3,3,\n"
    "126,North,3,3,@first\n"
    "126,North,2,2,second\n"
    "-5,North,2,9,\n"
)
GOOD_IDS = ["00123", "00127"]


def rows_of(path: Path, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline=""), delimiter=delimiter))


@pytest.fixture
def taken(tmp_path: Path) -> Any:
    """Collect from some text; return what was imported, its table, and the rejected rows."""

    def run(text: str, name: str = "wave2.csv", **changes: Any) -> Any:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        out, rejects = tmp_path / "out.parquet", tmp_path / "left.csv"
        found = collect(path, spec(**changes), out=out, rejects=rejects, force=True, **HOW)
        return found, pq.read_table(out), rejects

    return run


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveEngagement]:
    with created(read_settings({"CX_HOME": str(tmp_path / "home")})) as eng:
        mapping(tmp_path)
        yield eng


# ── The file of rejected rows ───────────────────────────────────────────────────────────────────


def test_good_rows_come_in_and_the_others_lie_beside_with_their_reasons(taken: Any, tmp_path: Path) -> None:
    found, table, rejects = taken(BAD)
    assert table.num_rows == found.rows == len(GOOD_IDS)
    assert found.segments == {"unit": {"North": 1, "über": 1}}, "a rejected row was counted"
    assert found.rejected == 6
    assert found.reasons == {
        "an id that stands twice": 2,
        "outside the scale": 2,
        "unknown text": 1,
        "too few fields": 1,
        "too many fields": 1,
    }
    header, *rows = rows_of(rejects)
    assert header == [*MARKS, "id", "unit", "Q1", "Q2", "said"]
    assert [row[0] for row in rows] == ["3", "4", "5", "7", "8", "9"], "not in the order of the file"
    assert rows[0][1].startswith(
        "column Q1: outside the scale; found '7'; expected 1–5 or blank | column Q2:"
    )
    assert rows[0][2:] == ["'=1+1", 'South, "old"', "7", "x", '\'=HYPERLINK("http://e")']
    assert rows[1][1:] == ["too few fields; found 3; expected 5, as in the header", "124", "North", "5"]
    assert rows[2][-1] == "too much"
    assert rows[3][1] == "column id: the same id as row 8; expected each id once"
    assert rows[5][2] == "-5", "a number is no formula"
    assert not any(cell.lstrip()[:1] in {"=", "+", "@", "\t"} for row in rows for cell in row)
    assert stat.S_IMODE(rejects.stat().st_mode) == 0o600
    assert not list(tmp_path.glob(".*")), "something half-written was left"


@pytest.mark.parametrize("size", [1, 2, 100])
def test_neither_blocks_nor_pieces_change_what_is_collected(
    taken: Any, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    _, table, rejects = taken(BAD)
    before = rejects.read_bytes()
    monkeypatch.setattr(collecting, "ROWS", size)
    monkeypatch.setattr(delimited, "BLOCK", 60)
    found, again, _ = taken(BAD)
    assert again.equals(table)
    assert rejects.read_bytes() == before
    assert found.rejected == 6


def test_what_comes_back_corrected_is_read_as_it_was(taken: Any, tmp_path: Path) -> None:
    """Ids and texts that look like formulas are what they were; corrected cells are what they are now."""
    _, _, rejects = taken(BAD)
    header, *rows = rows_of(rejects)
    rows = [[*rows[0][:4], "5", "5", rows[0][6]], [*rows[5][:5], "1", ""]]
    corrected = tmp_path / "corrected.csv"
    with corrected.open("w", newline="") as handle:
        csv.writer(handle).writerows([header, *rows])
    said = convert(corrected, spec(), out=tmp_path / "back.parquet", **HOW)
    as_it_was = tmp_path / "plain.csv"
    as_it_was.write_text('id,unit,Q1,Q2\n=1+1,"South, ""old""",5,5\n-5,North,2,1\n')
    convert(as_it_was, spec(), out=tmp_path / "plain.parquet", **HOW)
    assert pq.read_table(tmp_path / "back.parquet").equals(pq.read_table(tmp_path / "plain.parquet"))
    assert said.columns_ignored == ("said",), "the marks are no columns of the survey"


def test_an_apostrophe_that_was_there_stays(taken: Any, tmp_path: Path) -> None:
    for text in ("=1", "'=1", "''=1", "+1", "-1", "-x", " =1", "\t=1", "plain", "'plain", "@a", "+49 30 1"):
        path = tmp_path / "x.csv"
        with path.open("w", newline="") as handle:
            csv.writer(handle).writerows(
                [[*MARKS, "id", "unit", "Q1", "Q2"], ["2", "", "1", guarded(text), 5, 5]]
            )
        said = convert(path, spec(), out=None, **HOW)
        assert list(said.segments["unit"]) == [text.strip()]
    assert guarded("-1") == "-1"
    assert guarded("+49 30 1") == "'+49 30 1"


@pytest.mark.parametrize(
    ("source", "encoding", "delimiter"),
    [
        ({}, "utf-16", ";"),
        ({"encoding": "cp1252", "delimiter": ";"}, "cp1252", ";"),
        ({"format": "tsv"}, "utf-8", "\t"),
    ],
)
def test_it_has_the_shape_that_the_mapping_reads(
    tmp_path: Path, source: dict[str, Any], encoding: str, delimiter: str
) -> None:
    path, rejects, out = tmp_path / "a.csv", tmp_path / "left.csv", tmp_path / "o.parquet"
    text = f"id{delimiter}unit{delimiter}Q1{delimiter}Q2\n1{delimiter}Süd{delimiter}5{delimiter}5\n"
    path.write_bytes(f"{text}2{delimiter}Süd{delimiter}6{delimiter}5\n".encode(encoding))
    assert collect(path, spec(source=source), out=out, rejects=rejects, **HOW).rejected == 1
    kind = source.get("encoding", "utf-8-sig")
    rejects.write_bytes(
        rejects.read_bytes()
        .decode(kind)
        .replace(f"{delimiter}6{delimiter}", f"{delimiter}4{delimiter}")
        .encode(kind)
    )
    said = convert(rejects, spec(source=source), out=out, **HOW)
    assert (said.rows, said.segments) == (1, {"unit": {"Süd": 1}})


def test_a_workbook_stays_a_workbook_and_holds_texts_alone(tmp_path: Path) -> None:
    path, rejects, out = tmp_path / "a.xlsx", tmp_path / "left.xlsx", tmp_path / "o.parquet"
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Answers"
    for row in (["Spring"], ["id", "unit", "Q1", "Q2"], ["007", "North", 5, 5], ["008", "=x", 9, 5]):
        sheet.append(row)
    sheet["B4"].data_type = "s"
    book.save(path)
    chosen = spec(source={"format": "xlsx", "sheet": "Answers", "header_row": 2})
    assert collect(path, chosen, out=out, rejects=rejects, **HOW).rejected == 1
    left = openpyxl.load_workbook(rejects)
    cells = [cell for row in left["Answers"].iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    assert stat.S_IMODE(rejects.stat().st_mode) == 0o600
    left["Answers"]["E3"] = 4
    left.save(rejects)
    said = convert(rejects, chosen, out=out, **HOW)
    assert (said.rows, list(said.segments["unit"])) == (1, ["=x"])


def test_what_cannot_be_collected_is_refused_with_the_next_move(taken: Any, tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="2 of 2 rows"):
        taken("id,unit,Q1,Q2\n1,N,7,5\n2,N,5,7\n")
    with pytest.raises(IngestError, match="0 responses"):
        taken("id,unit,Q1,Q2\n")
    with pytest.raises(IngestError, match="a row an answer"):
        taken("id,q,a,unit\n1,Q1,5,N\n", long={"item": "q", "answer": "a"})
    path = tmp_path / "b.csv"
    path.write_text(BAD)
    there = tmp_path / "there.csv"
    there.write_text("somebody's work")
    with pytest.raises(ConflictError, match="there already"):
        collect(path, spec(), out=tmp_path / "o.parquet", rejects=there, **HOW)
    assert there.read_text() == "somebody's work"
    with pytest.raises(SettingsError, match="cannot write"):
        collect(path, spec(), out=tmp_path / "o.parquet", rejects=tmp_path / "no" / "x.csv", **HOW)
    assert not (tmp_path / "o.parquet").exists()


def test_a_clean_file_is_imported_as_ever_and_nothing_lies_beside(taken: Any, tmp_path: Path) -> None:
    text = "id,unit,Q1,Q2\n1,N,5,5\n2,N,4,4\n"
    found, table, rejects = taken(text)
    assert not rejects.exists()
    assert found.rejected == 0
    convert(tmp_path / "wave2.csv", spec(), out=tmp_path / "plain.parquet", **HOW)
    assert (tmp_path / "plain.parquet").read_bytes() == (tmp_path / "out.parquet").read_bytes()
    assert table.num_rows == 2


# ── Through the store ───────────────────────────────────────────────────────────────────────────


def broken(folder: Path) -> tuple[Path, Path]:
    """Return a sound survey, and one in which three rows break the mapping."""
    sound = survey(folder / "sound.csv")
    lines = sound.read_text().splitlines()
    lines[4] = lines[4].replace(",owner,", ",boss,")
    lines[20] = lines[20].replace(",team,", ",crew,")
    lines[30] += ",more"
    bad = folder / "bad.csv"
    bad.write_text("\n".join(lines) + "\n")
    return sound, bad


def test_collected_and_corrected_is_the_sound_file(live: LiveEngagement, tmp_path: Path) -> None:
    sound, bad = broken(tmp_path)
    where = tmp_path / "mapping.yaml"
    with pytest.raises(IngestError, match=r"3 of 137 rows.*"):
        live.import_file(bad, where)
    dry = live.import_file(bad, where, on_error="collect", dry_run=True)
    assert (dry.found.rows, dry.found.rejected, dry.rejects) == (134, 3, None)  # type: ignore[union-attr]
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == ["bad.csv", "sound.csv"]

    done = live.import_file(bad, where, on_error="collect")
    assert done.rejects == tmp_path / "bad.rejects.csv"
    assert done.batch is not None
    assert done.batch.quality["rejected"] == 3
    assert done.batch.quality["reasons"] == {"unknown role": 2, "too many fields": 1}
    rejects = done.rejects.read_text("utf-8-sig")
    assert live.import_file(bad, where, on_error="collect").state == "unchanged"
    assert done.rejects.read_text("utf-8-sig") == rejects

    done.rejects.write_text(
        rejects.replace(",boss,", ",owner,").replace(",crew,", ",team,").replace(",more", "")
    )
    back = live.import_file(done.rejects, where)
    assert back.batch is not None
    assert back.batch.rows == 3
    assert live.import_file(done.rejects, where).state == "unchanged"
    together = live.tally()
    live.undo()
    live.undo()
    live.import_file(sound, where)
    assert live.tally() == together
    assert live.store.check() == []


def test_a_refusal_by_the_store_leaves_no_rejected_rows(live: LiveEngagement, tmp_path: Path) -> None:
    sound, bad = broken(tmp_path)
    where = tmp_path / "mapping.yaml"
    live.import_file(sound, where)
    with pytest.raises(ConflictError, match="have answered"):
        live.import_file(bad, where, on_error="collect")
    assert not (tmp_path / "bad.rejects.csv").exists()
    with pytest.raises(ContractError, match="on_error is 'ignore'"):
        live.import_file(bad, where, on_error="ignore")
    as_parquet = {**yaml.safe_load(MAPPING), "source": {"format": "parquet"}}
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(as_parquet))
    with pytest.raises(IngestError, match="declares parquet"):
        live.import_file(bad, tmp_path / "p.yaml", on_error="collect")
    (tmp_path / "parts").mkdir()
    pq.write_table(pa.table({"Person": ["1"]}), tmp_path / "parts" / "a.parquet")
    with pytest.raises(IngestError, match="dataset in parts"):
        live.import_file(tmp_path / "parts", where, on_error="collect")


def test_the_command_says_what_was_left_out_and_where(cx: Cx, tmp_path: Path) -> None:
    cx("init", "crumbs", "--framework", BAKERY, "--segment", "shop", "--wave", "w1")
    broken(tmp_path)
    mapping(tmp_path)
    take = ("import", "crumbs", "bad.csv", "--mapping", "mapping.yaml")
    refused(cx(*take), "--on-error collect")
    refused(cx(*take, "--on-error", "skip"), "on_error is 'skip'")
    said = cx(*take, "--on-error", "collect")
    assert said.code == 0, said.err
    assert "Imported 134 responses" in said.out
    assert "3 rows break the mapping: unknown role (2), too many fields (1)" in said.out
    assert "bad.rejects.csv holds these rows as respondents gave them" in said.out
    listed = cx("imports", "crumbs")
    assert "3 of 137 rows left out: unknown role (2), too many fields (1)" in listed.out
    assert "CANARY" not in listed.out
    data = cx("imports", "crumbs", "--json").data["imports"]
    assert (data[0]["imported"], data[0]["quality"]["rejected"]) == (134, 3)
    cx("undo", "crumbs")
    refused(cx(*take, "--on-error", "collect"), "bad.rejects.csv is there already", "--force")
    assert cx(*take, "--on-error", "collect", "--force", "--json").data["rejected"] == 3
    assert "undone" in cx("imports", "crumbs", "--undone").out
