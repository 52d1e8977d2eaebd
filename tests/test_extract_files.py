"""What leaves the building, read from its files: a schema without a place for people, and no small group."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from cxlib.extract import CONTRACTS, write_extract
from cxlib.frames import UNSCORED
from cxlib.live import open_live
from cxlib.run.demo import build_demo
from cxlib.run.results import results, to_json
from cxlib.settings import read_settings

K = 5
DIMS = ["role", "hotel", "department"]
# Every column of every file. Whoever adds one says here that it passed the door, or is an estimate.
COLUMNS = {
    "groups": {"n", "is_hidden"},
    "counts": {"item", "answer", "n"},
    "withheld": {"item"},
    "bounds": {"item", "bound", "top_box"},
    "estimates": {"kind", "id", "n", "items", "items_total", "mean", "se", "df"},
    "invited": {"invited"},
    "reliability": {
        "kind", "id", "n", "items", "missing",
        "alpha", "alpha_low", "alpha_high", "omega", "omega_low", "omega_high",
        "alpha_standardised", "alpha_standardised_low", "alpha_standardised_high",
    },
    "drivers": {
        "outcome", "driver", "share", "low", "high", "relative", "correlation", "n", "method", "reason",
        "r_squared", "r_squared_low", "r_squared_high",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the example's extract, and its results beside it."""
    made = read_settings({"CX_HOME": str(tmp_path_factory.mktemp("home"))})
    build_demo(made)
    with open_live("harbour", settings=made) as eng:
        out = tmp_path_factory.mktemp("run")
        write_extract(eng.extract, out / "extract")
        (out / "results.json").write_text(to_json(results(eng)), encoding="utf-8")
    return out


def frame(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / "extract" / f"{name}.parquet")


def test_no_file_has_a_place_for_moments_shards_ids_or_texts(folder: Path) -> None:
    files = {path.stem: path for path in (folder / "extract").glob("*.parquet")}
    # What people wrote stands under a role or none, and only what the door let pass (tests/test_comments.py).
    assert pq.read_schema(files.pop("comments")).names == ["wave", "question", "role", "text"]
    assert set(files) == set(COLUMNS) == set(CONTRACTS)
    for name, path in files.items():
        assert set(pq.read_schema(path).names) == {"wave", "cut", *DIMS, *COLUMNS[name]}
    others = {path.name for path in (folder / "extract").iterdir()} - {path.name for path in files.values()}
    beside = {"extract.json", "framework.yaml", "registers.json", "commentary.json"}
    assert others == {*beside, "comments.parquet"}


def test_no_text_column_holds_more_than_names(folder: Path) -> None:
    for name in COLUMNS:
        for column, values in frame(folder, name).select_dtypes(exclude="number").items():
            assert values.astype(str).str.len().max() < 120, f"{name}.{column}"


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
