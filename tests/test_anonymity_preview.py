"""What will be hidden is said before publication: which groups, why, how much stays, what would win."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cxlib.anonymity import release
from cxlib.anonymity.preview import FEW_ANSWERS, GIVES_AWAY, ONE_VOICE, PROTECTS, TOO_FEW, preview
from cxlib.frames import UNSCORED
from cxlib.opening import open_live
from tests.conftest import Cx, said_at
from tests.made import Made
from tests.samples import CUTS, created, mapping, people, survey, tallied

DIMS = ["role", "hotel", "department"]


def test_each_hidden_group_has_its_reason() -> None:
    rows = people(3, "owner", "north", grain_mill=[3, 4]) + people(9, "team", "north", grain_mill=[3, 4])
    rows += people(30, "guest", "south", grain_mill=[3, 4])
    found = preview(tallied(rows), CUTS, 5)
    why = {one.values: one.why for one in found.hidden if one.cut == ("role",)}
    assert why == {("owner",): TOO_FEW, ("team",): PROTECTS}
    by_cut = {one.cut: one for one in found.shares}
    assert (by_cut["role",].groups, by_cut["role",].groups_shown) == (3, 1)
    assert (by_cut[()].figures, by_cut[()].figures_shown) == (1, 1)
    assert 0 < found.visible < 1


def test_a_coarser_plan_says_what_it_wins() -> None:
    rows = [
        row
        for role in ("owner", "team", "guest")
        for unit, n in (("north", 3), ("south", 9), ("west", 40))
        for row in people(n, role, unit, grain_mill=[3, 4])
    ]
    found = preview(tallied(rows), CUTS, 5)
    assert {one.without for one in found.coarser} >= {(("role", "unit"),)}
    assert all(0 <= one.now <= one.then <= 1 for one in found.coarser)


def test_where_nothing_is_small_everything_is_shown() -> None:
    found = preview(tallied(people(9, "team", grain_mill=[3, 4])), CUTS, 5)
    assert (found.hidden, found.visible) == ((), 1.0)


def test_the_command_names_groups_and_gives_nobodys_count(cx: Cx, tmp_path: Path) -> None:
    from cxlib.settings import read_settings

    settings = read_settings({"CX_HOME": str(tmp_path / "home")})
    with created(settings) as eng:
        eng.import_file(
            survey(tmp_path / "s.csv", sizes={"owner": 3, "team": 48, "guest": 80}), mapping(tmp_path)
        )
    said = cx("anonymity", "crumbs")
    assert "role owner: too few people" in said.out
    assert "of figures shown" in said.out
    assert "tells nothing more" in said.out
    data = cx("anonymity", "crumbs", "--json").data
    assert data["withheld"] == ""
    assert set(data["hidden"][0]) == {"cut", "values", "why"}


def test_each_item_hidden_in_a_group_that_is_shown_has_its_reason() -> None:
    rows = people(9, "owner", grain_mill=[3, 4], grain_stock=[2, 3], grain_label=4)
    rows += people(9, "team", grain_mill=[3, 4], grain_stock=[2, 3], grain_label=[3, 4])
    rows += people(30, "guest", grain_mill=[3, 4], grain_stock=[2, 3], grain_label=[3, 4])
    for row in rows[3:9]:
        row["grain.stock"] = None
    found = preview(tallied(rows), [(), ("role",)], 5)
    assert found.hidden == ()
    why = {(one.values, one.item): one.why for one in found.items}
    assert why[("owner",), "grain.stock"] == FEW_ANSWERS
    assert why[("owner",), "grain.label"] == ONE_VOICE
    assert why[("team",), "grain.stock"] == GIVES_AWAY
    assert {values for values, _ in why} <= {("owner",), ("team",)}


# ── Against what is published then ──────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def told(demo: Made) -> tuple[Any, str]:
    """Return what `cx anonymity` says of the example: as data, and as text."""
    asked = ("anonymity", "harbour")
    return said_at(demo.home, *asked, "--json").data, said_at(demo.home, *asked).out


def published(demo: Made, name: str) -> pd.DataFrame:
    """Return a frame of the run's extract, of its own wave."""
    frame = pd.read_parquet(demo.folder / "extract" / f"{name}.parquet")
    return frame[frame["wave"] == "2026-spring"]


def named(cut: list[str], values: list[str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(zip(cut, values, strict=True)))


def groups_in(frame: pd.DataFrame) -> list[tuple[tuple[str, str], ...]]:
    rows = frame[["cut", *DIMS]].to_dict("records")
    return [tuple(sorted((dim, row[dim]) for dim in DIMS if dim in row["cut"].split("×"))) for row in rows]


def test_what_the_command_says_will_be_hidden_is_hidden_in_the_run_and_nothing_else(
    demo: Made, told: tuple[Any, str]
) -> None:
    data, text = told
    groups, withheld = published(demo, "groups"), published(demo, "withheld")
    hidden = [named(one["cut"], one["values"]) for one in data["hidden"]]
    assert sorted(hidden) == sorted(groups_in(groups[groups["is_hidden"]]))
    items = [(named(one["cut"], one["values"]), one["item"]) for one in data["items"]]
    assert sorted(items) == sorted(zip(groups_in(withheld), withheld["item"], strict=True))
    assert hidden
    assert items
    for one in (*data["hidden"], *data["items"]):
        said = ", ".join(f"{dim} {value}" for dim, value in zip(one["cut"], one["values"], strict=True))
        lines = [line for line in text.splitlines() if line.startswith(f"  {said}: ")]
        assert [line for line in lines if line.endswith(f": {one['why']}") and one.get("item", "") in line]


def test_the_shares_that_the_command_names_are_those_of_the_run(demo: Made, told: tuple[Any, str]) -> None:
    data, text = told
    groups, counts = published(demo, "groups"), published(demo, "counts")
    scored = counts[~counts["answer"].isin(UNSCORED)].groupby(["cut", *DIMS, "item"])["n"].sum()
    figures = scored[scored > 0].groupby("cut").size()
    for one in data["shares"]:
        cut = "×".join(one["cut"])
        shown = groups.loc[groups["cut"] == cut, "is_hidden"]
        assert (one["groups"], one["groups_shown"]) == (len(shown), int((~shown).sum()))
        assert one["figures_shown"] == figures[cut]
    whole = sum(one["figures"] for one in data["shares"])
    assert data["visible"] == pytest.approx(int(figures.sum()) / whole)
    assert f"{data['visible']:.0%} of figures shown" in text


def test_the_reasons_are_true_and_no_group_s_size_is_said(demo: Made, told: tuple[Any, str]) -> None:
    data, text = told
    with open_live("harbour", settings=demo.settings) as eng:
        tally = eng.tally(moments=False).select(wave=eng.wave_id)
    for one in data["hidden"]:
        cut = tally.cut(("wave", *one["cut"]))
        n = dict(zip(cut.keys, cut.respondents.tolist(), strict=True))[("2026-spring", *one["values"])]
        assert one["why"] == (TOO_FEW if n < 5 else PROTECTS)
    for one in data["items"]:
        cut = tally.cut(("wave", *one["cut"]))
        at = cut.keys.index(("2026-spring", *one["values"]))
        scored = cut.item_counts(one["item"])[at, len(UNSCORED) :]
        assert (one["why"] == FEW_ANSWERS) == (scored.sum() < 5)
        assert (one["why"] == ONE_VOICE) == (scored.sum() >= 5 and (scored > 0).sum() == 1)
    about = text[text.index("Hidden groups") : text.index("A coarser plan")]
    # The only digits are those of the items' ids.
    assert not re.search(r"\d", re.sub(r"\bs\d\.i\d\d\b", "", about))


def test_what_a_coarser_plan_would_win_is_what_it_shows(demo: Made, told: tuple[Any, str]) -> None:
    data, text = told
    with open_live("harbour", settings=demo.settings) as eng:
        tally, cuts = eng.tally(moments=False).select(wave=eng.wave_id), eng.spec.cuts
    wins = [one for one in data["coarser"] if one["then"] > one["now"]]
    assert wins
    for one in wins:
        without = [tuple(cut) for cut in one["without"]]
        kept = [cut for cut in cuts if cut not in without]
        assert len(kept) == len(cuts) - len(without)
        counts = release(tally, kept, 5).counts
        scored = counts[~counts["answer"].isin(UNSCORED)].groupby(["cut", *DIMS, "item"])["n"].sum()
        every = sum(share["figures"] for share in data["shares"] if tuple(share["cut"]) in kept)
        assert one["then"] == pytest.approx(int((scored > 0).sum()) / every)
        assert f"show {one['then']:.1%} of their figures, not {one['now']:.1%}" in text
