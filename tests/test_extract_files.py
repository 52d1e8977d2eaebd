"""What leaves the building, read from its files: a schema without a place for people, and no small group."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from cxlib.errors import ContractError
from cxlib.extract import CONTRACTS, read_extract, write_extract
from cxlib.frames import UNSCORED
from cxlib.framework import load_framework
from cxlib.run.truths import read_truths
from tests.cases import HARBOUR
from tests.made import Made

K = 5
DIMS = ["role", "hotel", "department"]
TEXT, WHOLE, NUMBER, FLAG = "large_string", "int64", "double", "bool"
GROUP = {"wave": TEXT, "cut": TEXT, **dict.fromkeys(DIMS, TEXT)}
ALPHAS = [
    f"{name}{end}" for name in ("alpha", "omega", "alpha_standardised") for end in ("", "_low", "_high")
]
# Every column of every file. Whoever adds one says here that it passed the door, or is an estimate.
WORDS = ["wave", "question", "role", "text"]
COLUMNS: dict[str, dict[str, str]] = {
    "groups": {**GROUP, "n": WHOLE, "is_hidden": FLAG},
    "counts": {**GROUP, "item": TEXT, "answer": WHOLE, "n": WHOLE},
    "withheld": {**GROUP, "item": TEXT},
    "bounds": {**GROUP, "item": TEXT, "bound": TEXT, "top_box": NUMBER},
    "invited": {**GROUP, "invited": WHOLE},
    "estimates": {
        **GROUP, "kind": TEXT, "id": TEXT, "n": WHOLE, "items": WHOLE, "items_total": WHOLE,
        **dict.fromkeys(("mean", "se", "df"), NUMBER),
    },
    "reliability": {
        **GROUP, "kind": TEXT, "id": TEXT, "n": WHOLE, "items": WHOLE, "missing": TEXT,
        **dict.fromkeys(ALPHAS, NUMBER),
    },
    "drivers": {
        **GROUP, "outcome": TEXT, "driver": TEXT, "n": WHOLE, "method": TEXT, "reason": TEXT,
        **dict.fromkeys(("share", "low", "high", "relative", "correlation"), NUMBER),
        **dict.fromkeys(("r_squared", "r_squared_low", "r_squared_high"), NUMBER),
    },
}  # fmt: skip
# The only sentences in a frame: nobody's words, and no figure but n and what the method asks for.
REASON = re.compile(r"\d+ people answered; \d+ or more are needed for \d+ drivers")
REASONS = {
    "",
    "the respondents stand in one shard, so there is no interval",
    "an answer does not vary between people, or two say the same",
    "what is explained hangs on a few people alone",
}


@pytest.fixture(scope="module")
def folder(demo: Made) -> Path:
    """The example's run: its extract, and its results beside it."""
    return demo.folder


def frame(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / "extract" / f"{name}.parquet")


def schema_problems(extract: Path) -> list[str]:
    """Say what stands in the files of an extract and has no place there: files, columns, kinds."""
    files = {path.stem: path for path in extract.glob("*.parquet")}
    # What people wrote: under a role or none, and only what the door let pass (tests/test_comments.py).
    words = files.pop("comments", None)
    problems = [] if words is None or pq.read_schema(words).names == WORDS else ["comments"]
    problems += [f"file {name}" for name in set(files) ^ set(COLUMNS)]
    for name in set(files) & set(COLUMNS):
        found = {one.name: str(one.type) for one in pq.read_schema(files[name])}
        problems += [f"{name}.{column}: {kind}" for column, kind in found.items() - COLUMNS[name].items()]
        problems += [f"{name}.{column} is missing" for column in COLUMNS[name].keys() - found.keys()]
    others = {path.name for path in extract.iterdir()} - {path.name for path in files.values()}
    declared = {"comments.parquet", "extract.json", "framework.yaml", "registers.json", "commentary.json"}
    return sorted([*problems, *(f"file {name}" for name in others ^ declared)])


def vocabulary(extract: Path) -> dict[str, set[str]]:
    """Return what each column of texts may say: what was declared before anybody answered."""
    facts = json.loads((extract / "extract.json").read_text(encoding="utf-8"))
    framework = load_framework(extract / "framework.yaml")
    truths = read_truths(HARBOUR / "truths.yaml")
    steps = [step.id for step in framework.steps]
    items = {*framework.scales}
    streams = {f"{step}.{one.id}" for step in steps for one in framework.content.streams}
    rows = {f"{lens.id}.{row.id}" for lens in framework.content.lenses for row in lens.rows}
    parts = {*steps, *streams, *rows}
    return {
        "wave": {one["id"] for one in facts["waves"]},
        "cut": {"×".join(cut) for cut in facts["cuts"]},
        "role": {"", *(one["id"] for one in facts["roles"])},
        "hotel": {"", "not stated", *truths.hotels},
        "department": {"", "not stated", *truths.departments, truths.few.department},
        "item": items,
        "bound": {"at least", "at most"},
        "kind": {"step", "stream", "lens", "construct", "say_do", "pair", "change"},
        "id": {*parts, *items, *(f"{one}>{other}" for one in steps for other in steps)},
        "missing": {"pairwise"},
        "outcome": {*framework.questions},
        "driver": {"", *steps, *items},
        "method": {"lmg", "relative weights"},
        "reason": REASONS,
    }


def strange_texts(extract: Path) -> list[str]:
    known = vocabulary(extract)
    problems = []
    for name, columns in COLUMNS.items():
        texts = [column for column, kind in columns.items() if kind == TEXT]
        table = pq.read_table(extract / f"{name}.parquet", columns=texts)
        for column in texts:
            strange = set(table[column].to_pylist()) - known[column]
            if column == "reason":
                strange = {one for one in strange if not REASON.fullmatch(one)}
            problems += [f"{name}.{column}: {one}" for one in sorted(strange)]
    return problems


def test_no_file_has_a_place_for_moments_shards_ids_or_texts(folder: Path) -> None:
    assert schema_problems(folder / "extract") == []
    assert set(COLUMNS) == set(CONTRACTS)


def test_no_column_says_more_than_was_declared_before_anybody_answered(folder: Path) -> None:
    assert strange_texts(folder / "extract") == []


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("counts", "respondent", "0123456789abcdef"),
        ("counts", "shard", 3),
        ("estimates", "sum_of_squares", 41.5),
        ("groups", "n", 4.5),
        ("groups", "comment", "Anna never answers the phone."),
    ],
)
def test_a_column_too_many_would_be_noticed(
    folder: Path, tmp_path: Path, name: str, column: str, value: Any
) -> None:
    shutil.copytree(folder / "extract", tmp_path / "extract")
    path = tmp_path / "extract" / f"{name}.parquet"
    pd.read_parquet(path).assign(**{column: value}).to_parquet(path)
    assert [one for one in schema_problems(tmp_path / "extract") if one.startswith(f"{name}.{column}")]


@pytest.mark.parametrize("column", ["department", "item", "reason"])
def test_a_persons_words_in_a_column_of_names_would_be_noticed(
    folder: Path, tmp_path: Path, column: str
) -> None:
    shutil.copytree(folder / "extract", tmp_path / "extract")
    name = next(name for name, columns in COLUMNS.items() if column in columns)
    path = tmp_path / "extract" / f"{name}.parquet"
    held = pd.read_parquet(path)
    held.loc[held.index[-1], column] = "4 people answered; Anna did not"
    held.to_parquet(path)
    assert strange_texts(tmp_path / "extract") == [f"{name}.{column}: 4 people answered; Anna did not"]


def test_the_writer_refuses_a_column_that_has_no_place(folder: Path, tmp_path: Path) -> None:
    held = read_extract(folder / "extract")
    more = replace(held, estimates=held.estimates.assign(sum_of_squares=1.0))
    with pytest.raises(ContractError, match="no place for estimates columns sum_of_squares"):
        write_extract(more, tmp_path / "extract")


def test_the_facts_have_no_place_for_a_person_either(folder: Path) -> None:
    """What stands beside the frames is declared, too: field by field, down to the last level."""
    plain = json.loads((folder / "extract" / "extract.json").read_text(encoding="utf-8"))
    assert set(plain) == {
        "engagement", "client", "wave", "waves", "language", "framework", "framework_digest", "roles",
        "segments", "cuts", "threshold_scores", "threshold_comments", "targets", "declared", "data_date",
        "notes", "library", "questions", "quality", "format",
    }  # fmt: skip
    assert {key for one in plain["roles"] for key in one} == {"id", "name", "kind", "population", "weight"}
    assert {key for one in plain["waves"] for key in one} == {"id", "name", "date", "framework", "unchanged"}
    assert set(plain["declared"]) == {"items", "constructs", "drivers"}
    told = {"files", "files_without_ids", "rejected", "replaced", "reasons", "left_out"}
    assert set(plain["quality"]) == told


def test_what_a_group_says_with_one_voice_stands_in_no_file_but_as_a_bound(folder: Path) -> None:
    counts, bounds, withheld = (frame(folder, name) for name in ("counts", "bounds", "withheld"))
    keys = ["wave", "cut", *DIMS, "item"]
    scored = counts[~counts["answer"].isin(UNSCORED) & (counts["n"] > 0)]
    assert (scored.groupby(keys)["answer"].nunique() > 1).all()
    assert len(bounds)
    assert set(zip(bounds["bound"], bounds["top_box"], strict=True)) <= {
        ("at least", 0.95),
        ("at most", 0.05),
    }
    assert bounds[keys].merge(withheld[keys]).shape == bounds[keys].shape
    found = json.loads((folder / "results.json").read_text())
    assert len(found["bounds"]) == (bounds["wave"] == found["wave"]["id"]).sum()


def test_no_file_holds_a_figure_of_fewer_than_the_threshold(folder: Path) -> None:
    groups, counts = frame(folder, "groups"), frame(folder, "counts")
    assert not groups["n"].dropna().between(1, K - 1).any()
    scored = counts[~counts["answer"].isin(UNSCORED)]
    assert not scored.groupby(["wave", "cut", *DIMS, "item"])["n"].sum().between(1, K - 1).any()
    for name, column in (("estimates", "n"), ("drivers", "n"), ("invited", "invited")):
        found = frame(folder, name)[column]
        assert found[found > 0].min() >= K, name


def test_the_department_of_three_has_a_name_and_no_figure(folder: Path) -> None:
    for name in COLUMNS:
        found = frame(folder, name)
        mine = found[found["department"] == "Spa"]
        assert name in {"groups", "withheld"} or mine.empty, name
        if name == "groups":
            assert len(mine)
            assert mine["n"].isna().all()
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    rows = [row for row in every_row(found) if row.get("department") == "Spa"]
    figures = [
        (key, value)
        for row in rows
        for key, value in row.items()
        if isinstance(value, int | float)
        and not isinstance(value, bool)
        and key not in {"items", "items_total"}
    ]
    assert figures == []


def test_the_department_of_three_is_no_difference_of_two_figures(folder: Path) -> None:
    """By subtraction: whatever column of people it is, the siblings shown leave three for nobody."""
    for name, column in (("groups", "n"), ("invited", "invited")):
        found = frame(folder, name).dropna(subset=[column])
        for wave, of in found.groupby("wave"):
            whole = int(of.loc[of["cut"] == "", column].iloc[0])
            shown = of[of["cut"] == "department"]
            left = whole - int(shown[column].sum())
            assert left == 0 or left >= K, f"{name}, {wave}"
            assert left != 3


def every_row(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(row for one in value.values() for row in every_row(one))]
    return [row for one in value for row in every_row(one)] if isinstance(value, list) else []


def test_what_rests_on_moments_is_no_finer_than_a_reader_needs(folder: Path) -> None:
    """Beside the counts, an error in full tells what somebody who skipped one item answered to another."""
    found = read_extract(folder / "extract")
    errors = found.estimates["se"].dropna()
    assert len(errors) > 100
    assert all(float(f"{one:.1e}") == one for one in errors)
    assert (found.estimates["df"].dropna() % 1 == 0).all()
    for frame in (found.reliability, found.drivers):
        numbers = frame.select_dtypes("float64")
        assert numbers.notna().any(axis=None)
        assert numbers.round(2).equals(numbers)
