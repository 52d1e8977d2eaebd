"""Who was invited against who answered: read strictly, shown without telling on a small group."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from cxlib.anonymity import shown_invited
from cxlib.engagement import Engagement
from cxlib.errors import IngestError, ReadOnlyError
from cxlib.extract import read_extract, write_extract
from cxlib.invitations import read_invitations
from cxlib.live import LiveEngagement
from cxlib.opening import open_live
from cxlib.settings import Settings
from cxlib.tables import participation, response
from tests.conftest import Cx, refused
from tests.made import extracts_kept, own_example
from tests.samples import people, sample

ROLES, SEGMENTS = ["owner", "team", "guest"], ["unit"]
GOOD = "role,unit,invited\nowner,,3\nteam,north,10\nteam,south,12\nguest,,400\n"


def made(n: int, role: str, unit: str) -> list[dict[str, object]]:
    return people(n, role, unit, grain_mill=3)


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "invited.csv"
    path.write_text(text)
    return path


def test_a_table_is_read(tmp_path: Path) -> None:
    told = read_invitations(table(tmp_path, GOOD), ROLES, SEGMENTS)
    assert sum(one.n for one in told) == 425
    assert told[0].cell == {"role": "owner", "unit": "not stated"}
    (coarse,) = read_invitations(table(tmp_path, "invited;role\n7;team\n"), ROLES, SEGMENTS)
    assert (coarse.cell, coarse.n) == ({"role": "team"}, 7)


def shown(people: int, told: list[tuple[dict[str, str], int]]) -> dict[tuple[str, ...], int]:
    """Show who was invited where `people` of each role and unit answered."""
    rows = [
        row for role in ("owner", "team") for unit in ("north", "south") for row in made(people, role, unit)
    ]
    return dict(shown_invited(sample(rows).release, "w1", told))


def test_invitations_are_summed_to_every_cut_that_they_know() -> None:
    cells = [({"role": role, "unit": unit}, 20) for role in ("owner", "team") for unit in ("north", "south")]
    found = shown(9, cells)
    assert found["w1", "", "", ""] == 80
    assert found["w1", "role", "owner", ""] == found["w1", "unit", "", "north"] == 40
    assert found["w1", "role×unit", "team", "south"] == 20
    by_role = shown(9, [({"role": "owner"}, 20), ({"role": "team"}, 30)])
    assert {key[1] for key in by_role} == {"", "role"}


def test_a_few_invited_are_hidden_and_so_is_who_would_tell_them() -> None:
    cells = [({"role": "owner"}, 3), ({"role": "team"}, 30), ({"role": "guest"}, 90)]
    assert shown(9, cells) == {("w1", "", "", ""): 123, ("w1", "role", "guest", ""): 90}


def test_of_a_hidden_group_no_invitation_is_shown() -> None:
    rows = made(3, "owner", "north") + made(9, "team", "north") + made(30, "guest", "south")
    cells = [({"role": role}, 50) for role in ("owner", "team", "guest")]
    found = dict(shown_invited(sample(rows).release, "w1", cells))
    assert set(found) == {("w1", "", "", ""), ("w1", "role", "guest", "")}


BAD = {
    "an unknown role": (GOOD.replace("owner", "owners"), r"row 2, column role: unknown role.*nearest owner"),
    "no number": (GOOD.replace(",10", ",ten"), r"row 3, column invited: not a number of people.*'ten'"),
    "less than nobody": (GOOD.replace(",10", ",-1"), r"row 3, column invited: not a number of people"),
    "half a person": (GOOD.replace(",10", ",1.5"), r"row 3, column invited"),
    "blank": (GOOD.replace(",10", ","), r"row 3, column invited"),
    "a group twice": (GOOD + "team,north,2\n", r"row 6: the same group"),
    "an unknown column": (GOOD.replace("unit", "units"), r"column 'units': unknown.*nearest unit"),
    "no column of numbers": (GOOD.replace("invited", "n"), r"column invited: missing"),
    "no rows": ("role,unit,invited\n", r"names no group"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_table_is_refused_whole(kind: str, tmp_path: Path) -> None:
    text, expected = BAD[kind]
    with pytest.raises(IngestError, match=expected):
        read_invitations(table(tmp_path, text), ROLES, SEGMENTS)


# ── On the example ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def settings(example_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with extracts_kept():
        yield own_example(example_store, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def live(settings: Settings) -> LiveEngagement:
    return open_live("harbour", settings=settings)


def test_rates_are_of_those_invited(live: LiveEngagement) -> None:
    found = live.participation().set_index("role")
    assert found.loc["frontline", "population"] == 412
    assert found.loc["frontline", "share"] == pytest.approx(358 / 412)
    hotels = live.response("hotel").set_index("hotel")
    shown = hotels[~hotels["is_hidden"]]
    assert (shown["share"] == shown["n"].astype(float) / shown["invited"].astype(float)).all()
    assert int(hotels["invited"].sum()) == 42480


def test_a_hidden_group_shows_nothing_but_its_name(live: LiveEngagement) -> None:
    found = live.response("department")
    hidden = found[found["is_hidden"]]
    assert "Spa" in set(hidden["department"])
    assert hidden[["n", "share", "invited"]].isna().all().all()
    shown = response(found, live.instrument)
    assert shown is not None
    spa = next(line for line in shown.text.splitlines() if line.startswith("Spa"))
    assert spa.split() == ["Spa", "hidden", "hidden", "hidden"]
    told = live.extract.invited
    assert not (told["department"] == "Spa").any()


def test_without_a_cut_every_segment_stands_below_the_other(live: LiveEngagement) -> None:
    assert list(dict.fromkeys(live.response()["cut"])) == ["hotel", "department"]
    shown = response(live.response(), live.instrument)
    assert shown is not None
    assert shown.markup.count("<table") == 2, "a table a segment, without blanks"


def test_the_extract_carries_it_and_a_published_run_cannot_change_it(
    live: LiveEngagement, tmp_path: Path
) -> None:
    write_extract(live.extract, tmp_path / "extract")
    published = Engagement(read_extract(tmp_path / "extract"))
    pd.testing.assert_frame_equal(published.response(), live.response())
    with pytest.raises(ReadOnlyError, match="set who was invited"):
        published.set_invited(tmp_path / "x.csv")


def test_a_newer_table_replaces_the_one_before(settings: Settings, tmp_path: Path) -> None:
    with open_live("harbour", wave="2025-spring", settings=settings) as eng:
        before = eng.participation().set_index("role").loc["leadership", "population"]
        eng.set_invited(table(tmp_path, "role,invited\nleadership,20\n"))
        after = eng.participation().set_index("role")
        assert (before, after.loc["leadership", "population"]) == (14, 20)
        assert eng.response("hotel").empty
        assert after.loc["frontline", "population"] == 412, "the declared population stands in"


def test_more_answers_than_invitations_are_shown_and_said(settings: Settings, tmp_path: Path) -> None:
    with open_live("harbour", wave="2025-autumn", settings=settings) as eng:
        eng.set_invited(table(tmp_path, "role,hotel,invited\nfrontline,Station,20\nfrontline,Lakeside,500\n"))
        shown = response(eng.response("hotel"), eng.instrument)
        assert shown is not None
        assert "More answered than were invited" in shown.markup
        assert participation(eng.participation(), eng.instrument).text


def test_the_command_says_what_it_read(cx: Cx, tmp_path: Path) -> None:
    cx("init", "acme", "--name", "Acme", "--role", "leadership", "--role", "customer", "--wave", "w1")
    path = table(tmp_path, "role,invited\nleadership,12\ncustomer,900\n")
    said = cx("invited", "acme", path)
    assert "Wave w1: 912 invited in 2 groups" in said.out
    assert cx("invited", "acme", path, "--json").data["invited"] == {"leadership": 12, "customer": 900}
    path.write_text("role,invited\nleader,12\n")
    refused(cx("invited", "acme", path), "unknown role", "leadership")


def test_findings_are_told_on_the_command_line(
    cx: Cx, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CX_HOME", str(settings.home))
    said = cx("findings", "harbour")
    assert "ahead of" in said.out
    assert "comparisons are confirmed" in said.out
    data = cx("findings", "harbour", "--json").data
    assert {one["family"] for one in data["findings"]} >= {"pair", "say_do", "delivery", "split", "change"}
    assert data["recommendations"][0]["state"] == "now"
    assert len(cx("findings", "harbour", "--all", "--json").data["findings"]) > len(data["findings"])
