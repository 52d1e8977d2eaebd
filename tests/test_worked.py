"""What is worked out beside an extract is what would be worked out anew of it, or it is not taken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cxlib import findings, scoring
from cxlib.engagement import Engagement
from cxlib.extract import read_extract, write_extract
from cxlib.keeping import put_beside
from cxlib.opening import open_engagement, open_live
from cxlib.run.reports import make_report
from cxlib.run.results import results, to_json
from cxlib.settings import Settings, read_settings
from cxlib.worked import WORKED, Worked, place_beside
from tests.samples import created, mapping, share_of, survey

CUTS: tuple[Any, ...] = ((), "role", "shop")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home in which one engagement has the answers of two waves."""
    home = tmp_path_factory.mktemp("worked")
    found = read_settings({"CX_HOME": str(home)})
    with created(found) as eng:
        eng.import_file(survey(home / "spring.csv"), mapping(home))
        eng.import_file(survey(home / "autumn.csv", 2), mapping(home), wave="w2", new_wave=True)
    return found


@pytest.fixture
def extract(settings: Settings, tmp_path: Path) -> Path:
    with open_live("crumbs", settings=settings) as eng:
        write_extract(eng.extract, tmp_path / "extract")
    return tmp_path / "extract"


def bare(extract: Path) -> Engagement:
    return Engagement(read_extract(extract))


def beside(extract: Path) -> Engagement:
    return open_engagement("crumbs", extract=extract)


def refused(*_: Any, **__: Any) -> Any:
    raise AssertionError("this was to be taken from what is beside the extract")


def test_scores_and_comparisons_are_those_worked_out_anew(
    extract: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anew = bare(extract)
    put_beside(extract, bare(extract))
    whole = to_json(results(anew))
    assert to_json(results(beside(extract))) == whole
    wanted = {
        (by, step): anew.scores(by=by, step=step) for by in CUTS[:2] for step in (None, "oven", "counter")
    }
    trend, compared = anew.trend(step="oven"), anew.comparisons()
    assert len(trend["wave"].unique()) == 2
    assert compared
    monkeypatch.setattr(scoring, "scores", refused)
    monkeypatch.setattr(findings, "findings", refused)
    taken = beside(extract)
    for (by, step), scores in wanted.items():
        pd.testing.assert_frame_equal(taken.scores(by=by, step=step), scores, check_exact=True)
    pd.testing.assert_frame_equal(taken.trend(step="oven"), trend, check_exact=True)
    assert taken.comparisons() == compared
    with pytest.raises(AssertionError, match="beside"):
        bare(extract).scores()


def test_of_another_extract_nothing_is_taken(extract: Path) -> None:
    put_beside(extract, bare(extract))
    assert Worked.beside(extract, ("role", "shop")) is not None
    said = extract / "commentary.json"
    said.write_text(said.read_text().replace("{", "{ ", 1))
    assert Worked.beside(extract, ("role", "shop")) is None


def test_what_cannot_be_read_is_worked_out_anew(extract: Path) -> None:
    put_beside(extract, bare(extract))
    wanted, compared = bare(extract).scores(by="role"), bare(extract).comparisons()
    for path in place_beside(extract).iterdir():
        path.write_bytes(path.read_bytes()[:-40])
    found = beside(extract)
    pd.testing.assert_frame_equal(found.scores(by="role"), wanted, check_exact=True)
    assert found.comparisons() == compared


def test_what_was_worked_out_is_kept_for_the_next_report(
    extract: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_beside(extract, bare(extract), tmp_path / "kept")
    first = {path.name: path.read_bytes() for path in place_beside(extract).iterdir()}
    again = tmp_path / "again" / "extract"
    write_extract(read_extract(extract), again)
    monkeypatch.setattr(scoring, "scores", refused)
    put_beside(again, bare(again), tmp_path / "kept")
    assert {path.name: path.read_bytes() for path in place_beside(again).iterdir()} == first
    # Of a wave alone, less is worked out: it is not the same.
    monkeypatch.undo()
    other = tmp_path / "other" / "extract"
    write_extract(read_extract(extract), other)
    put_beside(other, bare(other), tmp_path / "kept", with_trend=False)
    assert {path.name for path in place_beside(other).iterdir()} == {
        "scores w2.parquet",
        "scores w2.role.parquet",
        "comparisons w2.json",
    }


def test_a_chapter_takes_what_is_beside_it_and_a_run_is_published_without(
    settings: Settings, tmp_path: Path
) -> None:
    cell = (
        "import cxlib as cx\nfrom cxlib import findings, scoring\n"
        "scoring.scores = findings.findings = None\n"
        "eng = cx.open(engagement, wave=wave, extract=extract)\n"
        "print(len(eng.scores()), len(eng.scores(by='role')), len(eng.comparisons()))"
    )
    with open_live("crumbs", settings=settings) as eng:
        run = make_report(eng, replace(settings, share=share_of(tmp_path, cell)), formats=("json",))
        sizes = f"{len(eng.scores())} {len(eng.scores(by='role'))} {len(eng.comparisons())}"
    assert f'"{sizes}\\n"' in (run.folder / "notebooks" / "0_probe.ipynb").read_text()
    assert WORKED not in {path.name for path in run.folder.rglob("*")}
