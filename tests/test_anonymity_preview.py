"""What will be hidden is said before publication: which groups, why, how much stays, what would win."""

from __future__ import annotations

from pathlib import Path

from cxlib.anonymity.preview import PROTECTS, TOO_FEW, preview
from tests.conftest import Cx
from tests.samples import CUTS, created, mapping, people, survey, tallied


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
