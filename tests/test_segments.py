"""A report on one unit holds rows of the whole release and nothing else: read from the files of both."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cxlib.engagement import Engagement
from cxlib.errors import NotFoundError
from cxlib.extract import CONTRACTS, Extract, read_extract, write_extract
from cxlib.frames import ROLE, cut_dims
from cxlib.run.results import results
from cxlib.segments import extract_of, units_of
from tests.made import Made

Plain = dict[str, Any]


def facts_of(extract: Path) -> Plain:
    found: Plain = json.loads((extract / "extract.json").read_text(encoding="utf-8"))
    return found


def strange_rows(whole: Path, part: Path, dim: str, unit: str) -> list[str]:
    """Name the rows of a unit's extract that are not, figure by figure, rows of the whole's."""
    plan = {"×".join(one for one in cut if one != dim): cut for cut in facts_of(whole)["cuts"] if dim in cut}
    problems = []
    for name in CONTRACTS:
        held, mine = (pd.read_parquet(folder / f"{name}.parquet") for folder in (whole, part))
        if extra := set(mine["cut"]) - set(plan):
            problems.append(f"{name}: cut {', '.join(sorted(extra))}")
            continue
        mine = mine.assign(**{dim: unit, "cut": ["×".join(plan[one]) for one in mine["cut"]]})
        known = {as_said(row) for row in held.to_dict("records")}
        problems += [
            f"{name}: {row}" for row in mine[held.columns].to_dict("records") if as_said(row) not in known
        ]
    return problems


def as_said(row: dict[Any, Any]) -> tuple[str, ...]:
    """Write a row so that what is missing equals what is missing, and no digit is lost."""
    return tuple("" if pd.isna(value) else repr(value) for value in row.values())


@pytest.fixture(scope="module")
def whole(demo: Made) -> Extract:
    return read_extract(demo.folder / "extract")


@pytest.fixture(scope="module")
def units(whole: Extract) -> list[tuple[str, str]]:
    found = [(dim, unit) for dim in ("hotel", "department") for unit in units_of(whole, dim)]
    assert {"hotel", "department"} == {dim for dim, _ in found}
    return found


def test_every_row_of_a_units_files_is_a_row_of_the_wholes(
    demo: Made, whole: Extract, units: list[tuple[str, str]], tmp_path: Path
) -> None:
    for at, (dim, unit) in enumerate(units):
        write_extract(extract_of(whole, dim, unit), tmp_path / str(at))
        assert strange_rows(demo.folder / "extract", tmp_path / str(at), dim, unit) == [], unit
        facts = facts_of(tmp_path / str(at))
        assert [tuple(cut) for cut in facts["cuts"]] == [(), (ROLE,)]
        assert dim not in facts["segments"]
        # How many people a role has in all is of the whole; of the unit, only who was invited is shown.
        assert {one["population"] for one in facts["roles"]} == {None}


def test_a_row_that_the_whole_does_not_hold_would_be_noticed(
    demo: Made, whole: Extract, units: list[tuple[str, str]], tmp_path: Path
) -> None:
    dim, unit = units[0]
    part = extract_of(whole, dim, unit)
    groups = part.release.groups.copy()
    groups.loc[groups.index[-1], ["n", "is_hidden"]] = [4, False]
    write_extract(replace(part, release=replace(part.release, groups=groups)), tmp_path / "more")
    (found,) = strange_rows(demo.folder / "extract", tmp_path / "more", dim, unit)
    assert found.startswith("groups: ")
    other = next(name for of, name in units if of == dim and name != unit)
    assert strange_rows(demo.folder / "extract", tmp_path / "more", dim, other)


def test_what_is_hidden_in_the_whole_is_hidden_in_a_units_report(
    whole: Extract, units: list[tuple[str, str]]
) -> None:
    groups = whole.release.groups
    seen = 0
    for dim, unit in units:
        away = groups[(groups[dim] == unit) & groups["is_hidden"]]
        assert {frozenset(cut_dims(cut)) for cut in away["cut"]} <= {frozenset({dim, ROLE})}
        mine = extract_of(whole, dim, unit).release.groups
        hidden = {(row.wave, row.role) for row in mine[mine["is_hidden"]].itertuples()}
        assert hidden == {(row.wave, row.role) for row in away.itertuples()}
        assert mine.loc[mine["is_hidden"], "n"].isna().all()
        seen += len(hidden)
    assert seen


def figures(rows: list[Plain], **group: str) -> dict[tuple[str, ...], tuple[Any, ...]]:
    """Return what rows of scores say, by part and role."""
    said = ("is_hidden", "n", "mean", "low", "high", "top_box", "parts", "items", "items_total")
    return {
        (row["kind"], row["id"], row["role"]): tuple("" if pd.isna(row[one]) else row[one] for one in said)
        for row in rows
        if all(row[dim] == value for dim, value in group.items())
    }


def test_a_unit_scores_in_its_own_report_what_it_scores_in_the_wholes(
    whole: Extract, units: list[tuple[str, str]]
) -> None:
    """Composites too: a step's level in the unit's report, weighted by role, is one that is out already."""
    every = results(Engagement(whole, whole.facts.wave))["scores"]
    for dim, unit in [units[0], units[-1]]:
        mine = results(Engagement(extract_of(whole, dim, unit), whole.facts.wave))["scores"]
        assert set(mine) == {"everyone", ROLE}
        for cut, of in (("everyone", dim), (ROLE, f"{ROLE}×{dim}")):
            known = figures(every[of], **{dim: unit})
            found = figures(mine[cut])
            assert found
            for part, said in found.items():
                assert said == pytest.approx(known[part]) if said[0] is False else said[1] == ""


@pytest.mark.parametrize("unit", ["Spa", "Restaurant", "Spas", "Nowhere"])
def test_a_hidden_unit_has_no_report_and_no_message_of_its_own(
    whole: Extract, units: list[tuple[str, str]], unit: str
) -> None:
    shown = [name for dim, name in units if dim == "department"]
    assert unit not in shown
    with pytest.raises(NotFoundError) as refused:
        extract_of(whole, "department", unit)
    assert str(refused.value).replace(repr(unit), "X") == (
        f"no report can be made for department X: it is not there, or too few answered\n"
        f"There are: {', '.join(shown)}."
    )
