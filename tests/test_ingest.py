"""Survey files come in whole or not at all, and every bad one is answered by one exact message."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxlib import batchfile, rejected, sources
from cxlib.errors import ContractError, IngestError
from cxlib.frames import DONT_KNOW, NOT_APPLICABLE, ItemScale
from cxlib.ingest import ItemCounts, convert
from cxlib.mapping import MappingSpec, read_mapping
from cxlib.pseudonyms import Occurrences, pseudonym
from cxlib.sources import delimited

KEY = b"a key of one engagement, 32 byte"
ROLES = ("leadership", "frontline", "customer")
SCALES = {item: ItemScale(item, 1, 5) for item in ("s3.i04", "s3.i09", "s3.i10")}
ROOT = Path(__file__).resolve().parents[1]
REFERENCE = Path(os.environ.get("CX_REFERENCE") or ROOT.parent / "shared" / "reference")


PLAIN: dict[str, Any] = {
    "mapping": "wave",
    "id": "id",
    "role": {"value": "customer"},
    "segments": {"unit": {"column": "unit"}},
    "not_applicable": ["n/a"],
    "dont_know": ["Don't know"],
    "items": [{"item": "s3.i04", "column": "Q1"}, {"item": "s3.i09", "column": "Q2"}],
}


def mapping(**changes: Any) -> MappingSpec:
    return MappingSpec.model_validate({**PLAIN, **changes})


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Any]:
    """Convert some text (or a file) and give back what was imported and the table that was written."""

    def _run(content: str | bytes | Path, spec: MappingSpec | None = None, **options: Any) -> Any:
        path = content if isinstance(content, Path) else tmp_path / "wave2.csv"
        if isinstance(content, str):
            content = content.encode()
        if isinstance(content, bytes):
            path.write_bytes(content)
        out = tmp_path / "out" / "batch.parquet"
        out.parent.mkdir(exist_ok=True)
        chosen = {"scales": SCALES, "roles": ROLES, "segments": ("unit",), "key": KEY, "out": out}
        imported = convert(path, spec or mapping(), **{**chosen, **options})
        return imported, pq.read_table(out) if out.exists() else None

    return _run


def refusal(run: Callable[..., Any], tmp_path: Path, *args: Any, **options: Any) -> IngestError:
    with pytest.raises(IngestError) as caught:
        run(*args, **options)
    assert list((tmp_path / "out").iterdir()) == [], "something was left behind"
    return caught.value


GOOD = "id,unit,Q1,Q2\n00123,North,5,1\n124,NA,n/a,\n"


# ── What goes in comes out ──────────────────────────────────────────────────────────────────────


def test_a_survey_becomes_one_wide_table(run: Any) -> None:
    imported, table = run(GOOD)
    assert table.schema.names == ["respondent", "shard", "role", "unit", "date", "s3.i04", "s3.i09"]
    assert [str(one) for one in table.schema.types] == [
        "string", "int8", "string", "string", "date32[day]", "int8", "int8",
    ]  # fmt: skip
    assert table["s3.i04"].to_pylist() == [5, NOT_APPLICABLE]
    assert table["s3.i09"].to_pylist() == [1, None]
    assert table["unit"].to_pylist() == ["North", "NA"]
    assert table["role"].to_pylist() == ["customer", "customer"]
    assert imported.rows == 2
    assert imported.items == {"s3.i04": ItemCounts(1, 0, 1, 0), "s3.i09": ItemCounts(1, 1, 0, 0)}
    assert imported.segments == {"unit": {"NA": 1, "North": 1}}
    assert imported.roles == {"customer": 2}
    assert imported.has_ids
    assert imported.columns_ignored == ()
    assert imported.notes == (
        "format csv (recognised)",
        "encoding utf-8 (recognised)",
        "separator , (recognised)",
        "'n/a' read as not applicable, 1 time",
    )


def test_what_was_imported_cannot_be_changed(run: Any) -> None:
    imported, _ = run(GOOD)
    with pytest.raises(dataclasses.FrozenInstanceError):
        imported.rows = 3


def test_a_dry_run_writes_nothing(run: Any, tmp_path: Path) -> None:
    imported, table = run(GOOD, out=None)
    assert imported.rows == 2
    assert table is None
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["wave2.csv"]


def test_the_same_file_gives_the_same_bytes(run: Any, tmp_path: Path) -> None:
    run(GOOD, out=tmp_path / "one")
    run(GOOD, out=tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_bytes_do_not_depend_on_how_the_file_was_cut(run: Any, tmp_path: Path, monkeypatch: Any) -> None:
    text = "id,unit,Q1,Q2,said\r\n" + "".join(
        f'{i},Ünit {i % 7},{i % 5 + 1},,"line {i}\r\n""quoted"", {i}"\r\n' for i in range(2000)
    )
    monkeypatch.setattr(batchfile, "ROWS_PER_GROUP", 700)
    whole, _ = run(text, out=tmp_path / "one")
    monkeypatch.setattr(delimited, "BLOCK", 997)
    monkeypatch.setattr(delimited, "PARSED", 300)
    cut, _ = run(text, out=tmp_path / "two")
    assert whole == cut
    assert whole.rows == 2000
    assert whole.columns_ignored == ("said",)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert pq.ParquetFile(tmp_path / "one").num_row_groups == 3


def test_progress_ends_where_the_file_ends(run: Any) -> None:
    seen: list[tuple[int, int]] = []
    run(GOOD, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(GOOD), len(GOOD))


def test_parquet_gives_the_same_as_csv(run: Any, tmp_path: Path) -> None:
    spec = mapping(date={"column": "day"})
    run("id,unit,Q1,Q2,day\n00123,North,5,1,2026-03-04\n124,NA,n/a,,\n", spec, out=tmp_path / "one")
    table = pa.table({
        "Q2": pa.array([1.0, None]),
        "id": pa.array(["00123", "124"]).dictionary_encode(),
        "day": pa.array([datetime(2026, 3, 4, 12, 30), None]),
        "unit": pa.array(["North", "NA"], pa.large_string()),
        "Q1": ["5", "n/a"],
        "extra": [[1, 2], []],
    })  # fmt: skip
    pq.write_table(table, tmp_path / "wave2.parquet")
    imported, _ = run(tmp_path / "wave2.parquet", spec, out=tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert imported.source == sources.Source("parquet", recognised=("format",))
    assert imported.columns_ignored == ("extra",)
    assert imported.first_date == imported.last_date == date(2026, 3, 4)


def test_parquet_without_ids_leaves_out_what_cannot_be_text(run: Any, tmp_path: Path) -> None:
    table = pa.table(
        {"Q1": [1, 2], "Q2": [1, 2], "unit": ["a", "b"], "extra": [[1, 2], []], "raw": [b"\xff", b""]}
    )
    pq.write_table(table, tmp_path / "wave2.parquet")
    imported, _ = run(tmp_path / "wave2.parquet", mapping(id=None))
    assert imported.rows == 2


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_separator_is_recognised_and_said(run: Any, delimiter: str) -> None:
    imported, table = run(GOOD.replace(",", delimiter))
    assert imported.source.delimiter == delimiter
    name = "tab" if delimiter == "\t" else delimiter
    assert f"separator {name} (recognised)" in imported.notes
    assert table["s3.i04"].to_pylist() == [5, NOT_APPLICABLE]


def test_the_columns_that_are_mapped_decide_between_separators(run: Any) -> None:
    spec = mapping(items=[{"item": "s3.i04", "column": "Fast, clear, kind, fair"}])
    imported, _ = run("id;unit;Fast, clear, kind, fair\n1;North;4\n", spec)
    assert imported.source.delimiter == ";"


def test_what_is_declared_is_not_recognised(run: Any) -> None:
    source = {"format": "csv", "encoding": "cp1252", "delimiter": ";"}
    imported, table = run(
        GOOD.replace(",", ";").replace("North", "Nörd").encode("cp1252"), mapping(source=source)
    )
    assert imported.source == sources.Source("csv", "cp1252", ";")
    assert table["unit"].to_pylist() == ["Nörd", "NA"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_byte_order_mark_tells_the_encoding(run: Any, encoding: str) -> None:
    text = GOOD.replace("North", "Łódź 🏙")
    data = (
        text.encode(encoding)
        if encoding in {"utf-8-sig", "utf-16", "utf-32"}
        else ("\ufeff" + text).encode(encoding)
    )
    imported, table = run(data)
    assert table["unit"].to_pylist() == ["Łódź 🏙", "NA"]
    assert "encoding" in imported.source.recognised
    assert not [note for note in imported.notes if "read as 'id'" in note]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_any_line_end_will_do(run: Any, end: str, last: bool) -> None:
    text = GOOD.replace("North", '"No\nrth, ""A"""').replace("\n", end)
    imported, table = run(text if last else text.removesuffix(end), mapping(segments={}))
    assert imported.rows == 2
    assert table["s3.i09"].to_pylist() == [1, None]


def test_empty_rows_are_left_out_and_said(run: Any) -> None:
    imported, _ = run(GOOD + "\n , , ,\n,,,\n")
    assert imported.rows == 2
    assert "3 empty rows left out: rows 4, 5, 6" in imported.notes


def test_a_header_is_found_by_what_is_seen_of_it(run: Any) -> None:
    imported, _ = run(GOOD.replace("Q1", "\u00a0Q1 \u200e"))
    assert "column '\\xa0Q1 \\u200e' read as 'Q1'" in imported.notes


def test_an_empty_header_can_be_the_id(run: Any) -> None:
    imported, table = run(GOOD.replace("id,", '"",'), mapping(id=""))
    assert imported.has_ids
    assert table["respondent"].to_pylist()[0] == pseudonym(KEY, "00123")


# ── Levels ──────────────────────────────────────────────────────────────────────────────────────

LABELS = ["Never", "Rarely", "Don’t mind", "Often – mostly", "Always"]


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("3", 3),
        (" 3 ", 3),
        ("\u00a03\ufeff", 3),
        ("\u200f3\u200f", 3),
        ("“3”", 3),
        ("'3", 3),
        ("3.0", 3),
        ("3.000", 3),
        ("03", 3),
        ("", None),
        ("  ", None),
        ("-", None),
        ("N/A", NOT_APPLICABLE),
        ("don’t  KNOW ", DONT_KNOW),
        ("99", DONT_KNOW),
        ("Never", 1),
        ("never ", 1),
        ("Don't mind", 3),
        ("Often - mostly", 4),
        ("Top!", 5),
        ("7", 2),
    ],
)
def test_a_text_becomes_a_level(run: Any, text: str, level: int | None) -> None:
    spec = mapping(
        blank=["-"],
        dont_know=["Don't know", "99"],
        scales={"often": {"labels": LABELS}},
        items=[{"item": "s3.i04", "column": "Q1", "scale": "often", "values": {"Top!": 5, "7": 2}}],
    )
    quoted = text.replace('"', '""')
    _, table = run(f'id,unit,Q1\n1,North,"{quoted}"\n2,North,1\n', spec)
    assert table["s3.i04"].to_pylist() == [level, 1]


DECLARED = "1–5 or blank, or a text that the mapping declares"
SCRIPT = "</script><img src=x onerror=alert(1)>"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("6", "outside the scale; found '6'; expected 1–5 or blank"),
        ("11", "outside the scale; found '11'; expected 1–5 or blank"),
        ("-1", "outside the scale; found '-1'; expected 1–5 or blank"),
        ("0", "outside the scale; found '0'; expected 1–5 or blank"),
        ("3,5", "a decimal comma; found '3,5'; expected 1–5 or blank"),
        ("3.5", "not a whole number; found '3.5'; expected 1–5 or blank"),
        ("1E5", "a number in scientific notation; found '1E5'; expected 1–5 or blank"),
        ("inf", "infinity is not a level; found 'inf'; expected 1–5 or blank"),
        ("NaN", "not a number; found 'NaN'; expected 1–5 or blank"),
        ("true", "true or false is not a level; found 'true'; expected 1–5 or blank"),
        ("Dunno", f"unknown text; nearest Don't know; found 'Dunno'; expected {DECLARED}"),
        ("NA", f"unknown text; found 'NA'; expected {DECLARED}"),
        ("٣", f"unknown text; found '٣'; expected {DECLARED}"),
        ("=1+1", f"unknown text; found '=1+1'; expected {DECLARED}"),
        (SCRIPT, f"unknown text; found '{SCRIPT}'; expected {DECLARED}"),
        ("x" * 1_000_000, f"unknown text; found '{'x' * 59}…'; expected {DECLARED}"),
    ],
    ids=lambda value: value[:20],
)  # fmt: skip
def test_a_text_that_is_no_level_is_rejected(run: Any, tmp_path: Path, text: str, message: str) -> None:
    error = refusal(run, tmp_path, f'id,unit,Q1,Q2\n1,North,5,5\n2,North,5,"{text}"\n')
    assert str(error) == (
        f"1 of 2 rows in wave2.csv breaks mapping wave\n  row 3, column Q2: {message}\n{ROWS}"
    )


def test_a_scale_below_zero_is_kept(run: Any) -> None:
    spec = mapping(
        scales={"net": {"low": -2, "high": 2}},
        items=[{"item": "own.net", "column": "Q1", "scale": "net"}],
    )
    imported, table = run("id,unit,Q1\n1,North,-2\n2,North,0\n", spec)
    assert table["own.net"].to_pylist() == [-2, 0]
    assert imported.scales == (ItemScale("own.net", -2, 2),)


# ── Mappings that do not fit, and files that are not what they were; tests/test_bad_inputs.py has the rest ──

ROWS = (
    "Nothing was imported. Fix the export or the mapping, or keep the good rows with --on-error collect. "
    "All cells: error.problems"
)

BAD_MAPPINGS: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown item": (
        {"items": [{"item": "s3.i99", "column": "Q1"}]},
        "item s3.i99: unknown item; nearest s3.i09; "
        "expected an item of the framework, or `scale` in the mapping",
    ),
    "another scale": (
        {
            "scales": {"ten": {"low": 1, "high": 10}},
            "items": [{"item": "s3.i04", "column": "Q1", "scale": "ten"}],
        },
        "item s3.i04: mapped on another scale than its own; found 1–10; expected 1–5",
    ),
    "labels that do not fit": (
        {
            "scales": {"ten": {"low": 1, "high": 5, "labels": ["low", "high"]}},
            "items": [{"item": "s3.i04", "column": "Q1", "scale": "ten"}],
        },
        "scale ten: labels do not fit its ends; found 2 labels; expected 5",
    ),
    "a value off the scale": (
        {"items": [{"item": "s3.i04", "column": "Q1", "values": {"top": 6}}]},
        "item s3.i04: the value of 'top' is outside the scale; found 6; expected 1–5",
    ),
    "an unknown role": (
        {"role": {"value": "costumer"}},
        "role: unknown role; nearest customer; found 'costumer'; "
        "expected one of leadership, frontline, customer",
    ),
    "a value for an unknown role": (
        {"role": {"column": "unit", "values": {"A": "frontlin"}}},
        "role: unknown role; nearest frontline; found 'frontlin'; "
        "expected one of leadership, frontline, customer",
    ),
    "an unknown segment": (
        {"segments": {"units": {"column": "unit"}}},
        "segment units: not in the engagement; nearest unit; expected one of unit",
    ),
    "a date format without a year": (
        {"date": {"column": "unit", "format": "%d.%m."}},
        "date: a format that does not give a day; found '%d.%m.'; "
        "expected day, month and year, as in %d.%m.%Y",
    ),
    "two meanings of a missing answer": (
        {"blank": ["N/A"]},
        "text 'n/a': declared for two kinds of missing answer",
    ),
    "an item with a name of the suite": (
        {"scales": {"five": {"high": 5}}, "items": [{"item": "role", "column": "Q1", "scale": "five"}]},
        "item role: the suite uses that name itself; expected another item id",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_MAPPINGS)
def test_a_mapping_that_does_not_fit_is_refused(run: Any, tmp_path: Path, name: str) -> None:
    changes, message = BAD_MAPPINGS[name]
    error = refusal(run, tmp_path, GOOD, mapping(**changes))
    assert str(error) == (f"mapping wave does not fit the engagement\n  {message}\nCorrect the mapping file.")


def test_a_missing_file_and_a_folder_are_refused(run: Any, tmp_path: Path) -> None:
    gone = refusal(run, tmp_path, tmp_path / "gone.csv")
    assert (
        str(gone)
        == f"{tmp_path}/gone.csv does not exist; expected a CSV, TSV, XLSX or Parquet file\nCheck the path."
    )
    folder = refusal(run, tmp_path, tmp_path)
    assert (
        str(folder) == f"{tmp_path} is a folder; expected a CSV, TSV, XLSX or Parquet file\nCheck the path."
    )


@pytest.mark.parametrize("kept", [0.2, 0.9])
def test_a_truncated_parquet_file_is_refused(run: Any, tmp_path: Path, kept: float) -> None:
    whole = tmp_path / "whole.parquet"
    pq.write_table(pa.table({"id": [str(i) for i in range(1000)], "Q1": [1] * 1000}), whole)
    data = whole.read_bytes()
    error = refusal(run, tmp_path, data[: int(len(data) * kept)])
    assert str(error).startswith("wave2.csv is a damaged or truncated Parquet file (")


def test_parquet_damaged_inside_is_refused(run: Any, tmp_path: Path) -> None:
    whole = tmp_path / "whole.parquet"
    columns = {name: [str(i % 5 + 1) for i in range(1000)] for name in ("unit", "Q1", "Q2")}
    pq.write_table(pa.table({"id": [str(i) for i in range(1000)], **columns}), whole, compression="zstd")
    data = bytearray(whole.read_bytes())
    data[40:400] = bytes(360)
    assert "damaged or truncated Parquet" in str(refusal(run, tmp_path, bytes(data)))


def test_a_parquet_column_of_lists_is_no_answer(run: Any, tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["1"], "unit": ["a"], "Q1": [[1]], "Q2": [1]}), tmp_path / "wave2.parquet")
    error = refusal(run, tmp_path, tmp_path / "wave2.parquet")
    assert (
        error.headline
        == "wave2.parquet column 'Q1' holds list<element: int64>; expected text, numbers or dates"
    )


def test_floats_that_are_no_levels_are_rejected_from_parquet_too(run: Any, tmp_path: Path) -> None:
    table = pa.table(
        {"id": [1, 2, 3, 4], "unit": ["a"] * 4, "Q1": [5.0, 1e5, 3.5, float("nan")], "Q2": [True] * 4}
    )
    pq.write_table(table, tmp_path / "wave2.parquet")
    error = refusal(run, tmp_path, tmp_path / "wave2.parquet")
    found = error.problems.query("column == 'Q1'")
    assert found["row"].tolist() == [3, 4, 5]
    assert found["reason"].tolist() == ["outside the scale", "not a whole number", "not a number"]
    assert error.problems.query("column == 'Q2'")["reason"].unique().tolist() == [
        "true or false is not a level"
    ]


def test_every_rejected_cell_is_counted_and_the_first_are_kept(run: Any, tmp_path: Path) -> None:
    rows = "".join(f"{i},North,6,what {i}\n" for i in range(20_000))
    error = refusal(run, tmp_path, "id,unit,Q1,Q2\n" + rows)
    assert error.headline == "20,000 of 20,000 rows in wave2.csv break mapping wave"
    assert "The first 10,000 of 40,000 cells: error.problems" in error.fix
    assert len(error.problems) == rejected.KEPT_PROBLEMS


def test_problems_stand_in_the_order_of_the_file(run: Any, tmp_path: Path) -> None:
    error = refusal(run, tmp_path, "id,unit,Q2,Q1\n1,North,9,9\n1,North,9\n1,North,9,9\n")
    assert [(one.row, one.column) for one in error.details] == [
        (2, "id"), (2, "Q2"), (2, "Q1"), (3, None), (4, "id"), (4, "Q2"), (4, "Q1"),
    ]  # fmt: skip


def test_row_numbers_hold_across_blocks(run: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(delimited, "BLOCK", 1000)
    monkeypatch.setattr(delimited, "PARSED", 200)
    lines = [f'{i},"Un\tit"'.replace("\t", "") + f',{i % 5 + 1},"{i % 5 + 1}"' for i in range(500)]
    lines[300] = "300,Unit,1"
    lines[77] = "77,Unit,1,8"
    lines[10] = ""
    lines[400] = '400,"Un\nit",1,1'
    error = refusal(run, tmp_path, "id,unit,Q1,Q2\n" + "\n".join(lines))
    assert error.problems["row"].tolist() == [79, 302, 402]


def test_a_quotation_mark_never_closed_in_a_long_file_is_found_early(
    run: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(delimited, "BLOCK", 1000)
    monkeypatch.setattr(delimited, "LONGEST_RECORD", 5000)
    rows = "".join(f"{i},North,5,5\n" for i in range(5000))
    error = refusal(run, tmp_path, "id,unit,Q1,Q2\n1,North,5,5\n" + '2,"North,5,5\n' + rows)
    assert error.headline == "wave2.csv row 3: a quotation mark opens and is never closed"
    error = refusal(run, tmp_path, "id,unit,Q1,Q2\n1,North,5," + "5" * 10_000)
    assert error.headline.startswith("wave2.csv row 2 is longer than ")


def test_a_column_of_free_text_is_no_segment(run: Any, tmp_path: Path) -> None:
    rows = "".join(f"{i},says {i},5,5\n" for i in range(10_001))
    error = refusal(run, tmp_path, "id,unit,Q1,Q2\n" + rows)
    assert error.headline == "wave2.csv column unit: segment unit has more than 10,000 different values"


@pytest.mark.parametrize("broken", [KeyboardInterrupt, OSError("disk full")])
def test_an_interruption_leaves_nothing_behind(run: Any, tmp_path: Path, broken: Any) -> None:
    def interrupt(done: int, total: int) -> None:
        assert list((tmp_path / "out").iterdir()), "it is not written while it is read"
        raise broken

    with pytest.raises((KeyboardInterrupt, OSError)):
        run(GOOD, progress=interrupt)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_refusal_leaves_what_was_there(run: Any, tmp_path: Path) -> None:
    run(GOOD)
    before = (tmp_path / "out" / "batch.parquet").read_bytes()
    with pytest.raises(IngestError):
        run(GOOD + "125,North,6,6\n")
    assert (tmp_path / "out" / "batch.parquet").read_bytes() == before


# ── Roles, segments, dates ──────────────────────────────────────────────────────────────────────


def test_roles_come_from_a_column(run: Any, tmp_path: Path) -> None:
    spec = mapping(
        role={"column": "job", "values": {"Boss": "leadership", "Clerk": "frontline"}}, segments={}
    )
    imported, table = run("id,job,Q1,Q2\n1,boss ,5,5\n2,Clerk,5,5\n3,customer,5,5\n", spec)
    assert table["role"].to_pylist() == ["leadership", "frontline", "customer"]
    assert imported.segments == {"unit": {"not stated": 3}}
    assert "'Clerk' read as frontline, 1 time" in imported.notes
    (tmp_path / "out" / "batch.parquet").unlink()
    error = refusal(run, tmp_path, "id,job,Q1,Q2\n1,Clark,5,5\n2,,5,5\n", spec)
    expected = "expected one of Boss, Clerk, leadership, frontline, customer"
    assert [str(one) for one in error.details] == [
        f"row 2, column job: unknown role; nearest Clerk; found 'Clark'; {expected}",
        f"row 3, column job: no role; {expected}",
    ]


def test_segments_are_text_and_nothing_is_missing_unless_it_is_blank(run: Any) -> None:
    spec = mapping(
        blank=["NA"],
        segments={"unit": {"column": "unit", "values": {"n": "North"}}, "region": {"value": "EU"}},
    )
    texts = ["NA", "n", " e\u0301te ", "", "=HYPERLINK(1)", "00123", "1E5"]
    rows = "".join(f"{i},{text},1,1\n" for i, text in enumerate(texts))
    imported, table = run("id,unit,Q1,Q2\n" + rows, spec, segments=("unit", "region", "channel"))
    assert table["unit"].to_pylist() == ["NA", "North", "éte", "not stated", "=HYPERLINK(1)", "00123", "1E5"]
    assert imported.segments["region"] == {"EU": 7}
    assert imported.segments["channel"] == {"not stated": 7}


def test_dates_are_read_by_their_format_or_rejected(run: Any, tmp_path: Path) -> None:
    text = "id,unit,Q1,Q2,day\n1,N,1,1,2026-03-04\n2,N,1,1,2026-02-28T23:59:01Z\n3,N,1,1,\n"
    imported, table = run(text, mapping(date={"column": "day"}))
    assert table["date"].to_pylist() == [date(2026, 3, 4), date(2026, 2, 28), None]
    assert (imported.first_date, imported.last_date) == (date(2026, 2, 28), date(2026, 3, 4))
    (tmp_path / "out" / "batch.parquet").unlink()
    error = refusal(
        run, tmp_path, text + "4,N,1,1,03/04/2026\n5,N,1,1,2026-02-30\n", mapping(date={"column": "day"})
    )
    assert [str(one) for one in error.details] == [
        f"row {row}, column day: ambiguous or unknown date: choose the format; found '{found}'; "
        "expected %Y-%m-%d, as in 2026-03-31"
        for row, found in ((5, "03/04/2026"), (6, "2026-02-30"))
    ]
    _, table = run(text.replace("2026-03-04", "03/04/2026").replace("2026-02-28T23:59:01Z", "28/2/2026"),
                   mapping(date={"column": "day", "format": "%d/%m/%Y"}))  # fmt: skip
    assert table["date"].to_pylist() == [date(2026, 4, 3), date(2026, 2, 28), None]


# ── Respondents ─────────────────────────────────────────────────────────────────────────────────


def test_pseudonyms_are_keyed_and_stable(run: Any) -> None:
    _, table = run(GOOD)
    ours = table["respondent"].to_pylist()
    assert ours == [pseudonym(KEY, "00123"), pseudonym(KEY, "124")]
    assert ours[0] == hashlib.blake2b(b"00123", key=KEY, digest_size=16).hexdigest()
    assert pseudonym(KEY, "123") != pseudonym(KEY, "00123")
    _, other = run(GOOD, key=b"another key of 32 bytes, exactly")
    assert not set(ours) & set(other["respondent"].to_pylist())


@pytest.mark.parametrize("key", [b"", b"short", b"x" * 65])
def test_a_key_that_protects_nothing_is_refused(run: Any, key: bytes) -> None:
    with pytest.raises(ContractError, match="expected 16–64"):
        run(GOOD, key=key)


def test_rows_without_ids_stay_distinct_and_are_the_same_again(run: Any, monkeypatch: Any) -> None:
    text = "unit,Q1,Q2,said\n" + "North,5,5,fine\nNorth,5,5,poor\n" * 300
    imported, table = run(text, mapping(id=None))
    first = table["respondent"].to_pylist()
    assert len(set(first)) == imported.rows == 600
    assert not imported.has_ids
    assert "no id column: pseudonyms stand for rows of the file" in imported.notes
    monkeypatch.setattr(delimited, "BLOCK", 100)
    _, again = run(text, mapping(id=None))
    assert again["respondent"].to_pylist() == first
    _, longer = run(text + "North,5,5,new\n", mapping(id=None))
    assert longer["respondent"].to_pylist()[:-1] == first


def test_cells_do_not_run_into_each_other(run: Any) -> None:
    _, both = run("unit,Q1,Q2,a,b\nN,1,1,x,\nN,1,1,,x\n", mapping(id=None))
    _, second = run("unit,Q1,Q2,a,b\nN,1,1,,x\n", mapping(id=None))
    assert both["respondent"].to_pylist()[1] == second["respondent"].to_pylist()[0], "not a second occurrence"


def test_ids_never_reach_the_file(run: Any, tmp_path: Path) -> None:
    run("id,unit,Q1,Q2,mail\ncanary-77,North,5,1,canary-78\n")
    assert b"canary" not in (tmp_path / "out" / "batch.parquet").read_bytes()


def test_occurrences_are_counted_over_all_batches() -> None:
    generator = np.random.default_rng(7)
    occurrences = Occurrences()
    seen: dict[int, int] = {}
    for size in (0, 1, 50, 3, 200, 7, 1000):
        hashes = generator.integers(0, 40, size).astype(np.uint64)
        expected = []
        for one in hashes.tolist():
            expected.append(seen.get(one, 0))
            seen[one] = expected[-1] + 1
        assert occurrences.count(hashes).tolist() == expected


# ── Laws ────────────────────────────────────────────────────────────────────────────────────────

ANSWERS = st.sampled_from([1, 2, 3, 4, 5, None, NOT_APPLICABLE, DONT_KNOW])
WRITTEN = {None: "", NOT_APPLICABLE: "n/a", DONT_KNOW: "don't know"}
COMMENT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
UNITS = st.sampled_from(["North", "Süd", "Ost, links", "NA"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(st.tuples(ANSWERS, ANSWERS, UNITS, COMMENT), min_size=1, max_size=30),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    block=st.sampled_from([40, 250, 1 << 20]),
)
def test_any_answers_come_back_as_they_were(
    run: Any, rows: Any, delimiter: str, end: str, encoding: str, block: int
) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    lines = [
        delimiter.join(
            [f"{i:05d}", quoted(unit), str(WRITTEN.get(one, one)), quoted(said), str(WRITTEN.get(two, two))]
        )
        for i, (one, two, unit, said) in enumerate(rows)
    ]
    text = end.join([delimiter.join(["id", "unit", "Q1", "said", "Q2"]), *lines])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "BLOCK", block)
        imported, table = run(text.encode(encoding))
    assert imported.rows == len(rows)
    assert table["s3.i04"].to_pylist() == [one for one, *_ in rows]
    assert table["s3.i09"].to_pylist() == [two for _, two, *_ in rows]
    assert table["unit"].to_pylist() == [unit for *_, unit, _ in rows]
    assert table["respondent"].to_pylist() == [pseudonym(KEY, f"{i:05d}") for i in range(len(rows))]


# ── Real customers ──────────────────────────────────────────────────────────────────────────────


def test_the_mobi_survey_goes_in_as_it_is(tmp_path: Path) -> None:
    path = REFERENCE / "mobi.csv"
    if not path.is_file():
        pytest.skip(f"no {path}: the published data are not part of this repository (set CX_REFERENCE)")
    spec = read_mapping(ROOT / "data" / "mappings" / "mobi.yaml")
    out = tmp_path / "mobi.parquet"
    imported = convert(path, spec, scales={}, roles=["customer"], segments=[], key=KEY, out=out)
    table = pq.read_table(out)
    assert imported.rows == table.num_rows == 250
    assert imported.columns_ignored == ()
    assert imported.has_ids
    assert set(imported.items.values()) == {ItemCounts(answered=250)}
    assert {(scale.low, scale.high) for scale in imported.scales} == {(1, 10)}
    assert sorted(item for construct in spec.constructs for item in construct.items) == sorted(imported.items)
    header, *lines = path.read_text().splitlines()
    place = header.split(",").index('"PERQ6"')
    assert table["mobi.perq6"].to_pylist() == [int(line.split(",")[place]) for line in lines]
