"""Kept figures are those of today's answers, plan and package, bit for bit, or they are made anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cxlib import keeping, provenance
from cxlib.extract import write_extract
from cxlib.live import LiveEngagement
from cxlib.opening import open_live
from cxlib.settings import Settings, read_settings
from tests.samples import created, mapping, survey


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home in which one engagement has answers."""
    found = read_settings({"CX_HOME": str(tmp_path / "home")})
    with created(found) as eng:
        eng.import_file(survey(tmp_path / "spring.csv"), mapping(tmp_path))
    return found


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every count that is made, by the wave that it is made for."""
    found: list[str] = []
    make = LiveEngagement._make_figures

    def noted(eng: LiveEngagement) -> Any:
        found.append(eng.wave_id)
        return make(eng)

    monkeypatch.setattr(LiveEngagement, "_make_figures", noted)
    return found


def bits(settings: Settings, folder: Path, **options: Any) -> dict[str, bytes]:
    with open_live("crumbs", settings=settings, **options) as eng:
        write_extract(eng.extract, folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def places(settings: Settings) -> Iterator[Path]:
    return (settings.local / "figures" / "crumbs").iterdir()


def test_what_is_kept_is_the_same_extract_bit_for_bit(
    settings: Settings, counted: list[str], tmp_path: Path
) -> None:
    fresh = bits(settings, tmp_path / "1")
    assert bits(settings, tmp_path / "2") == fresh
    assert counted == ["w1"]
    (place,) = places(settings)
    assert {path.stem for path in place.iterdir()} == set(keeping.MEASURED)
    assert place.parent.stat().st_mode & 0o077 == 0


def test_what_is_decided_in_the_room_counts_nothing_anew(
    settings: Settings, counted: list[str], tmp_path: Path
) -> None:
    before = bits(settings, tmp_path / "1")
    with open_live("crumbs", settings=settings) as eng:
        eng.set_target("oven", 4.0)
        assert eng.extract.facts.targets == {"oven": 4.0}
    after = bits(settings, tmp_path / "2")
    assert {name for name in before if before[name] != after[name]} == {"extract.json"}
    assert counted == ["w1"]


def test_other_answers_another_plan_or_another_package_count_anew(
    settings: Settings, counted: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bits(settings, tmp_path / "1")
    with open_live("crumbs", settings=settings) as eng:
        batch = eng.undo()
        assert batch.wave == "w1"
        assert not (settings.local / "figures" / "crumbs").exists()
        eng.import_file(tmp_path / "spring.csv", tmp_path / "mapping.yaml")
    assert bits(settings, tmp_path / "2") == first
    assert len(counted) == 2
    bits(settings, tmp_path / "3", language="nl")
    assert len(counted) == 3
    monkeypatch.setattr(provenance, "libraries", lambda: {"scipy": "0"})
    bits(settings, tmp_path / "4")
    assert len(counted) == 4
    with open_live("crumbs", settings=settings) as eng:
        (batch,) = eng.store.batches("crumbs")
        path = eng.store.batch_path(batch)
        path.write_bytes(path.read_bytes())
    bits(settings, tmp_path / "5")
    assert len(counted) == 5


@pytest.mark.parametrize("damage", ["cut", "gone", "another column", "not a folder"])
def test_what_cannot_be_read_is_made_anew(
    damage: str, settings: Settings, counted: list[str], tmp_path: Path
) -> None:
    fresh = bits(settings, tmp_path / "1")
    (place,) = places(settings)
    path = place / "counts.parquet"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "gone":
        path.unlink()
    elif damage == "another column":
        (place / "groups.parquet").replace(path)
    else:
        for one in place.iterdir():
            one.unlink()
        place.rmdir()
        place.write_text("")
    assert bits(settings, tmp_path / "2") == fresh
    assert len(counted) == 2


def test_figures_are_told_where_nothing_can_be_kept(
    settings: Settings, counted: list[str], tmp_path: Path
) -> None:
    (settings.local / "figures").write_text("")
    fresh = bits(settings, tmp_path / "1")
    assert bits(settings, tmp_path / "2") == fresh
    assert len(counted) == 2


def test_so_many_states_are_kept_and_the_least_used_goes_first(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = settings.local / "figures" / "crumbs"
    with open_live("crumbs", settings=settings) as eng:
        made = eng._make_figures()
        plan = {"cuts": eng.spec.cuts, "dims": eng.spec.dims, "threshold": eng.spec.anonymity.scores}

    def asked(what: int) -> bool:
        """Tell whether a state had to be made."""
        called = []

        def make() -> keeping.Figures:
            called.append(what)
            return made

        keeping.kept_figures(folder, [what], **plan, make=make)
        return bool(called)

    assert [asked(what) for what in range(keeping.MOST)] == [True] * keeping.MOST
    assert not asked(0)
    assert asked(100)
    assert len(list(folder.iterdir())) == keeping.MOST
    assert not asked(0)
    assert asked(1)
