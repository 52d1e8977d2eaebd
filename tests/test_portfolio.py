"""The analyst's view of all clients, read from runs that are made up here: nothing but what it reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cxlib import tables
from cxlib.errors import NotFoundError
from cxlib.run.portfolio import read_portfolio
from cxlib.settings import Settings, read_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings({"CX_HOME": str(tmp_path)})


def run(
    settings: Settings, client: str, start: str, *, wave: str = "2026", name: str = "r1", **manifest: Any
) -> None:
    found = {
        "engagement": client,
        "client": client.title(),
        "wave": {"id": wave, "name": wave, "date": f"{wave[:4]}-03-01"},
        "data_date": None,
        "framework": "cx7 1.0.0",
        "participation": [{"n": 40}],
        "scores": {"everyone": [{"kind": "step", "id": "s1", "name": start}]},
        "sequence": {
            "start_here": ["s1"], "position": 0, "position_low": 0, "position_high": 0, "excess_share": 0.1,
            "excess_share_low": 0.05, "excess_share_high": 0.2, "raw": 2.8, "effective": 2.5,
        },
    }  # fmt: skip
    folder = settings.runs / client / wave / name
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(found), encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def test_an_unknown_wave_is_not_a_store_without_reports(settings: Settings) -> None:
    assert read_portfolio(wave="2027", settings=settings).empty
    run(settings, "acme", "Committed leadership")
    with pytest.raises(NotFoundError, match=r"no run of a wave '2027'"):
        read_portfolio(wave="2027", settings=settings)
    assert len(read_portfolio(wave="2026", settings=settings)) == 1


def test_drafts_are_told_from_what_was_approved(settings: Settings) -> None:
    run(settings, "acme", "Committed leadership")
    run(settings, "bolt", "Committed leadership", approved={"by": "A", "at": "2026-03-02"})
    found = read_portfolio(settings=settings).set_index("engagement")["state"]
    assert found.to_dict() == {"acme": "draft", "bolt": "approved"}
    assert "approved" in str(tables.portfolio(read_portfolio(settings=settings)))


def test_one_step_in_two_languages_is_counted_once(settings: Settings) -> None:
    for client, start in (("acme", "Committed leadership"), ("bolt", "Engagierte Leitung")):
        run(settings, client, start)
    run(settings, "cord", "Committed leadership")
    said = str(tables.starts(read_portfolio(settings=settings)))
    assert "Engagierte" not in said
    assert "100%" in said


def test_a_run_on_one_unit_is_not_where_its_client_stands(settings: Settings) -> None:
    run(settings, "acme", "Committed leadership")
    run(settings, "acme", "Strategic vision", name="r2", segment=["hotel", "Castle Hill"])
    assert read_portfolio(settings=settings)["run"].tolist() == ["r1"]
