"""The handle: what the store says live, the extract says too; and what was refused left no trace."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from cxlib.creation import create_engagement
from cxlib.engagement import Engagement
from cxlib.errors import (
    AnonymityError,
    ConflictError,
    ContractError,
    CxError,
    DeclarationError,
    IngestError,
    NotFoundError,
    ReadOnlyError,
)
from cxlib.extract import read_extract, write_extract
from cxlib.frames import BOUNDS, COMMENTS, COUNTS, DRIVERS, ESTIMATES, GROUPS, INVITED, RELIABILITY
from cxlib.live import LiveEngagement
from cxlib.opening import open_engagement
from cxlib.settings import Settings, read_settings
from cxlib.store import Store
from tests.samples import BAKERY, DIARY, created, declared, mapping, survey

CUTS = [(), ("role",), ("shop",), ("role", "shop")]
STEPS = ["grain", "oven", "street", "counter"]


def settings_in(folder: Path) -> Settings:
    return read_settings({"CX_HOME": str(folder)})


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveEngagement]:
    """The bakery with two waves, to read from only."""
    folder = tmp_path_factory.mktemp("bakery")
    eng = created(settings_in(folder))
    eng.import_file(survey(folder / "spring.csv", 1), mapping(folder), wave="w1")
    eng.import_file(survey(folder / "autumn.csv", 2), mapping(folder), wave="w2")
    yield eng
    eng.store.close()


@pytest.fixture(scope="module")
def folder(live: LiveEngagement, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extract of the bakery's second wave, as it leaves the building."""
    path = tmp_path_factory.mktemp("published") / "extract"
    write_extract(live.extract, path)
    return path


@pytest.fixture(scope="module")
def published(folder: Path) -> Engagement:
    return open_engagement("crumbs", extract=folder)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[LiveEngagement]:
    eng = created(settings_in(tmp_path))
    yield eng
    eng.store.close()


def same(one: pd.DataFrame, two: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def figures(eng: Engagement) -> list[pd.DataFrame]:
    found = [eng.participation()]
    for cut in eng.facts.cuts:
        found += [eng.scores(by=cut), eng.distribution(by=cut), eng.metrics(by=cut)]
    return found


def brief(eng: Engagement) -> list[pd.DataFrame]:
    """Every verb once: what an import may change."""
    return [eng.participation(), eng.scores(by="role"), eng.distribution(by=("role", "shop")), eng.metrics()]


def same_figures(one: list[pd.DataFrame], two: list[pd.DataFrame]) -> None:
    for left, right in zip(one, two, strict=True):
        same(left, right)


def contents(folder: Path) -> dict[str, bytes]:
    """Read every file that an import may leave; the database is asked, not compared by bytes."""
    files = (
        path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith("cx.sqlite")
    )
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


# ── Live and published are the same ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("cut", CUTS, ids="×".join)
@pytest.mark.parametrize("verb", ["scores", "distribution", "metrics"])
def test_every_verb_gives_the_same_bits_live_and_from_the_extract(
    live: LiveEngagement, published: Engagement, verb: str, cut: tuple[str, ...]
) -> None:
    found = getattr(live, verb)(by=cut)
    assert len(found)
    same(found, getattr(published, verb)(by=cut))


@pytest.mark.parametrize("step", STEPS)
def test_a_step_gives_the_same_bits_live_and_from_the_extract(
    live: LiveEngagement, published: Engagement, step: str
) -> None:
    assert live.is_assessed(step) is published.is_assessed(step) is True
    same(live.scores(by="role", step=step), published.scores(by="role", step=step))
    same(live.distribution(by="shop", step=step), published.distribution(by="shop", step=step))


def test_one_group_scores_as_it_does_among_all(published: Engagement) -> None:
    for group in published.groups():
        whole = group.of(published.scores(by=group.cut))
        steps = whole[whole["kind"] == "step"].reset_index(drop=True)
        # Another handle on the same figures, which has computed nothing yet.
        fresh = Engagement(published.extract)
        pd.testing.assert_frame_equal(fresh.step_scores(group), steps)
        pd.testing.assert_frame_equal(published.step_scores(group), steps)
        for step in published.framework.steps:
            wanted = group.of(published.scores(by=group.cut, step=step.id))
            pd.testing.assert_frame_equal(fresh.group_scores(group, step=step.id), wanted)


@pytest.mark.parametrize(
    "name",
    ["name", "wave", "targets", "weights", "source", "is_empty", "provenance", "other_scales", "hidden_note"],
)
def test_what_is_said_beside_the_figures_is_the_same_live_and_from_the_extract(
    live: LiveEngagement, published: Engagement, name: str
) -> None:
    assert getattr(live, name) == getattr(published, name)


def test_participation_and_instrument_are_the_same_live_and_from_the_extract(
    live: LiveEngagement, published: Engagement
) -> None:
    same(live.participation(), published.participation())
    assert live.instrument.to_plain() == published.instrument.to_plain()
    assert live.instrument.parts == published.instrument.parts
    assert live.facts == published.facts


def test_an_earlier_wave_reads_the_same_from_the_extract_of_a_later_one(
    live: LiveEngagement, folder: Path
) -> None:
    earlier = open_engagement("crumbs", extract=folder, wave="w1")
    assert earlier.wave.name == "Spring"
    same_figures(figures(live.at_wave("w1")), figures(earlier))


def test_writing_an_extract_twice_gives_the_same_bytes(
    live: LiveEngagement, folder: Path, tmp_path: Path
) -> None:
    write_extract(live.extract, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(folder)


def test_hidden_groups_reach_neither_verb_nor_file(live: LiveEngagement, published: Engagement) -> None:
    groups = published.extract.release.groups
    gone = groups[groups["is_hidden"]]
    assert len(gone), "the sample is meant to hold small groups"
    assert gone["n"].isna().all()
    for eng in (live, published):
        found = eng.scores(by=("role", "shop"))
        assert found.loc[found["is_hidden"], ["n", "mean", "low", "high"]].isna().all(axis=None)


# ── What the extract holds ──────────────────────────────────────────────────────────────────────


def test_the_extract_holds_the_contracts_columns_and_no_other(folder: Path) -> None:
    dims = ("role", "shop")
    expected = {
        "groups.parquet": GROUPS.names(dims),
        "counts.parquet": COUNTS.names(dims),
        "bounds.parquet": BOUNDS.names(dims),
        "estimates.parquet": ESTIMATES.names(dims),
        "reliability.parquet": RELIABILITY.names(dims),
        "drivers.parquet": DRIVERS.names(dims),
        "invited.parquet": INVITED.names(dims),
        "withheld.parquet": ["wave", "cut", *dims, "item"],
        "comments.parquet": COMMENTS.names(),
    }
    assert {path.name: pq.read_schema(path).names for path in folder.glob("*.parquet")} == expected
    assert {path.name for path in folder.iterdir()} == {
        *expected,
        "extract.json",
        "framework.yaml",
        "registers.json",
        "commentary.json",
    }


def personal(live: LiveEngagement) -> list[bytes]:
    """Everything that must not be found anywhere: ids, pseudonyms, what no mapping names."""
    batches = [live.store.batch_path(one) for one in live.store.batches("crumbs")]
    pseudonyms = [one for path in batches for one in pq.read_table(path)["respondent"].to_pylist()]
    assert len(set(pseudonyms)) >= 137
    key = live.store.pseudonym_key("crumbs")
    return [b"CANARY-ID", DIARY.encode(), key, key.hex().encode(), *(one.encode() for one in set(pseudonyms))]


def test_no_byte_of_the_extract_is_a_persons(live: LiveEngagement, folder: Path) -> None:
    everything = b"".join(contents(folder).values())
    assert [one for one in personal(live) if one in everything] == []
    for name in (b"Diary", b"Person"):
        assert name not in everything


def test_the_canaries_are_in_what_was_imported(live: LiveEngagement, tmp_path: Path) -> None:
    # Else the test above could not fail.
    text = survey(tmp_path / "spring.csv", 1).read_bytes()
    assert b"CANARY-ID-team-000" in text
    assert DIARY.encode() in text
    assert any(batch.source_sha256 for batch in live.store.batches("crumbs"))


@pytest.mark.parametrize("column", ["respondent", "n_ij", "comment"])
@pytest.mark.parametrize("frame", ["groups", "counts", "withheld", "estimates"])
def test_a_column_that_the_extract_has_no_place_for_is_refused(
    live: LiveEngagement, tmp_path: Path, frame: str, column: str
) -> None:
    held = live.extract
    if frame == "estimates":
        wrong = replace(held, estimates=held.estimates.assign(**{column: 1}))
    else:
        more = getattr(held.release, frame).assign(**{column: 1})
        wrong = replace(held, release=replace(held.release, **{frame: more}))
    with pytest.raises(ContractError, match=f"no place for {frame} columns {column}"):
        write_extract(wrong, tmp_path / "extract")


# ── Extracts that are not whole ─────────────────────────────────────────────────────────────────


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "extract"))


def test_an_extract_with_another_framework_is_refused(copy: Path) -> None:
    path = copy / "framework.yaml"
    path.write_bytes(path.read_bytes() + b"# changed\n")
    with pytest.raises(
        ContractError, match=r"framework\.yaml is not the framework that the answers were given to"
    ):
        read_extract(copy)


@pytest.mark.parametrize("name", ["groups.parquet", "withheld.parquet", "framework.yaml", "extract.json"])
def test_an_extract_without_one_of_its_files_is_not_found(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(NotFoundError, match=name):
        read_extract(copy)


@pytest.mark.parametrize("name", ["counts.parquet", "estimates.parquet"])
def test_an_extract_with_a_column_missing_is_refused(copy: Path, name: str) -> None:
    frame = pd.read_parquet(copy / name)
    frame.drop(columns="n").to_parquet(copy / name, index=False)
    with pytest.raises(ContractError, match="column n: missing"):
        read_extract(copy)


@pytest.mark.parametrize("name", ["groups.parquet", "extract.json"])
def test_a_truncated_file_in_an_extract_is_a_known_error(copy: Path, name: str) -> None:
    path = copy / name
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(CxError, match=name):
        read_extract(copy)


def test_an_extract_of_a_later_format_is_refused(copy: Path) -> None:
    path = copy / "extract.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(ContractError, match="format 99"):
        read_extract(copy)


def test_an_extract_of_another_client_is_refused(folder: Path) -> None:
    with pytest.raises(NotFoundError, match="an extract of crumbs, not of harbour"):
        open_engagement("harbour", extract=folder)


def test_an_extract_knows_its_waves(folder: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no wave 'w11' here; nearest w1"):
        open_engagement("crumbs", extract=folder, wave="w11").scores()


@pytest.mark.parametrize(
    "change",
    [
        lambda eng, path: eng.set_target("oven", 4),
        lambda eng, path: eng.import_file(path, path),
        lambda eng, path: eng.undo(),
    ],
    ids=["set_target", "import_file", "undo"],
)
def test_an_extract_cannot_be_changed(published: Engagement, tmp_path: Path, change: Any) -> None:
    with pytest.raises(ReadOnlyError, match="published extract of crumbs"):
        change(published, tmp_path / "survey.csv")


def test_an_extract_refuses_a_cut_outside_the_plan(published: Engagement, live: LiveEngagement) -> None:
    for eng in (published, live):
        with pytest.raises(AnonymityError, match="does not publish 'diary'"):
            eng.scores(by="diary")


# ── Importing ───────────────────────────────────────────────────────────────────────────────────


def test_the_same_file_twice_changes_nothing(fresh: LiveEngagement, tmp_path: Path) -> None:
    path = survey(tmp_path / "spring.csv")
    first = fresh.import_file(path, mapping(tmp_path))
    before, files = brief(fresh), contents(tmp_path)
    second = fresh.import_file(path, mapping(tmp_path))
    assert (first.state, second.state) == ("imported", "unchanged")
    assert second.batch == first.batch
    assert contents(tmp_path) == files
    same_figures(brief(fresh), before)


def test_undo_brings_the_figures_back(fresh: LiveEngagement, tmp_path: Path) -> None:
    fresh.import_file(survey(tmp_path / "one.csv", 1, ids="A"), mapping(tmp_path))
    before, files = brief(fresh), contents(tmp_path / "data")
    batch = fresh.import_file(survey(tmp_path / "two.csv", 2, ids="B"), mapping(tmp_path)).batch
    assert not brief(fresh)[1].equals(before[1])
    assert fresh.undo().id == batch.id
    same_figures(brief(fresh), before)
    assert contents(tmp_path / "data") == files


def test_what_was_undone_can_be_imported_again(fresh: LiveEngagement, tmp_path: Path) -> None:
    path = survey(tmp_path / "spring.csv")
    fresh.import_file(path, mapping(tmp_path))
    before = brief(fresh)
    fresh.undo()
    assert fresh.is_empty
    assert fresh.import_file(path, mapping(tmp_path)).state == "imported"
    same_figures(brief(fresh), before)


def test_there_is_nothing_to_undo_in_an_empty_engagement(fresh: LiveEngagement) -> None:
    with pytest.raises(NotFoundError):
        fresh.undo()


def test_two_halves_of_a_survey_give_the_figures_of_the_whole(fresh: LiveEngagement, tmp_path: Path) -> None:
    header, *rows = survey(tmp_path / "whole.csv").read_text().splitlines()
    for name, part in (("odd", rows[::2]), ("even", rows[1::2])):
        (tmp_path / f"{name}.csv").write_text("\n".join([header, *part]) + "\n")
        fresh.import_file(tmp_path / f"{name}.csv", mapping(tmp_path), wave="w1")
    fresh.import_file(tmp_path / "whole.csv", mapping(tmp_path), wave="w2")
    halves, whole = fresh.at_wave("w1"), fresh.at_wave("w2")
    for one, two in zip(brief(halves)[1:], brief(whole)[1:], strict=True):
        same(one.drop(columns="wave"), two.drop(columns="wave"))


@pytest.mark.parametrize("new_wave", [False, True])
def test_a_rejected_file_leaves_everything_as_it_was(
    fresh: LiveEngagement, tmp_path: Path, new_wave: bool
) -> None:
    fresh.import_file(survey(tmp_path / "one.csv", 1, ids="A"), mapping(tmp_path))
    bad = survey(tmp_path / "bad.csv", 2, ids="B")
    bad.write_text(bad.read_text().replace("\nB-team-007,team,", "\nB-team-007,teem,"))
    before, files = brief(fresh), contents(tmp_path)
    with pytest.raises(IngestError, match="teem"):
        fresh.import_file(bad, mapping(tmp_path), wave="w3" if new_wave else "w1", new_wave=new_wave)
    assert contents(tmp_path) == files
    assert [one.id for one in fresh.store.waves("crumbs")] == ["w1", "w2"]
    assert len(fresh.store.batches("crumbs", undone=True)) == 1
    same_figures(brief(fresh), before)


def test_a_person_who_answered_before_is_refused_and_nothing_changes(
    fresh: LiveEngagement, tmp_path: Path
) -> None:
    fresh.import_file(survey(tmp_path / "one.csv", 1), mapping(tmp_path))
    files = contents(tmp_path / "data")
    with pytest.raises(ConflictError):
        fresh.import_file(survey(tmp_path / "two.csv", 2), mapping(tmp_path), wave="w1")
    assert contents(tmp_path / "data") == files
    assert len(fresh.store.batches("crumbs")) == 1


def test_a_dry_run_changes_nothing(fresh: LiveEngagement, tmp_path: Path) -> None:
    files = contents(tmp_path / "data")
    done = fresh.import_file(
        survey(tmp_path / "one.csv"), mapping(tmp_path), wave="w9", new_wave=True, dry_run=True
    )
    assert (done.state, done.wave, done.batch, done.found.rows) == ("dry run", "w9", None, 137)
    assert contents(tmp_path / "data") == files
    assert fresh.is_empty
    assert [one.id for one in fresh.store.waves("crumbs")] == ["w1", "w2"]


def test_a_dry_run_refuses_what_the_import_would_refuse(fresh: LiveEngagement, tmp_path: Path) -> None:
    fresh.import_file(survey(tmp_path / "one.csv", 1), mapping(tmp_path))
    files = contents(tmp_path / "data")
    with pytest.raises(ConflictError, match="137 of 137 respondents have answered wave w1"):
        fresh.import_file(survey(tmp_path / "two.csv", 2), mapping(tmp_path), wave="w1", dry_run=True)
    assert contents(tmp_path / "data") == files


def test_a_second_wave_becomes_the_one_in_hand_and_leaves_the_first_alone(
    fresh: LiveEngagement, tmp_path: Path
) -> None:
    fresh.import_file(survey(tmp_path / "one.csv", 1), mapping(tmp_path))
    first = fresh.scores(by="role")
    fresh.import_file(survey(tmp_path / "two.csv", 2), mapping(tmp_path), wave="w3", new_wave=True)
    assert (fresh.wave.id, [one.id for one in fresh.facts.waves]) == ("w3", ["w1", "w2", "w3"])
    assert set(fresh.scores()["wave"]) == {"w3"}
    same(fresh.at_wave("w1").scores(by="role"), first)


def test_an_unknown_wave_is_refused_with_the_nearest(fresh: LiveEngagement, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no wave 'w22'; nearest w2"):
        fresh.import_file(survey(tmp_path / "one.csv"), mapping(tmp_path), wave="w22")


def test_a_new_target_shows_at_once(fresh: LiveEngagement, tmp_path: Path) -> None:
    fresh.import_file(survey(tmp_path / "one.csv"), mapping(tmp_path))
    assert fresh.targets == {"oven": 3.5}
    fresh.set_target("oven", 4.5)
    fresh.set_target("grain.mill", 2)
    assert fresh.targets == {"grain.mill": 2, "oven": 4.5}
    with pytest.raises(NotFoundError, match="nearest oven"):
        fresh.set_target("ovn", 4)


# ── Opening ─────────────────────────────────────────────────────────────────────────────────────


def test_an_engagement_without_answers_has_empty_frames_of_the_same_columns(
    fresh: LiveEngagement, live: LiveEngagement
) -> None:
    assert fresh.is_empty
    assert not any(fresh.is_assessed(step) for step in STEPS)
    for empty, full in zip(figures(fresh)[1:], figures(live)[1:], strict=True):
        assert len(empty) == 0
        assert list(empty.columns) == list(full.columns)


def test_a_misspelt_engagement_or_wave_is_answered_with_the_nearest(
    fresh: LiveEngagement, tmp_path: Path
) -> None:
    settings = settings_in(tmp_path)
    with pytest.raises(NotFoundError, match="nearest crumbs"):
        open_engagement("crums", settings=settings)
    with pytest.raises(NotFoundError, match="nearest w1"):
        open_engagement("crumbs", wave="w11", settings=settings)


def test_names_come_in_the_language_that_was_asked_for(live: LiveEngagement) -> None:
    dutch = LiveEngagement(live.store, "crumbs", language="nl")
    assert dutch.instrument.name("oven.crust") == "De korst"
    assert [role.name for role in dutch.facts.roles] == ["Eigenaren", "Bakkers en winkelteam", "Gasten"]
    found = dutch.scores()
    assert found.set_index("id").loc["grain", "name"] == "Goede ingrediënten"
    same(found.drop(columns="name"), live.scores().drop(columns="name"))


def test_who_answered_is_told_by_role_whatever_the_plan_names(tmp_path: Path) -> None:
    eng = created(settings_in(tmp_path), release=[["shop"]])
    eng.import_file(survey(tmp_path / "one.csv"), mapping(tmp_path))
    found = eng.participation()
    eng.store.close()
    assert eng.facts.cuts == ((), ("role",), ("shop",))
    assert found.set_index("role")["n"].to_dict() == {"owner": 9, "team": 48, "guest": 80}
    assert found.loc[0, "share"] == 9 / 12


# ── Creating ────────────────────────────────────────────────────────────────────────────────────

ENGAGEMENT = f"""\
engagement: crumbs
name: Crumb & Sons
framework: {BAKERY.name}
languages: [en]
roles:
  owner: {{population: 12}}
  team: {{}}
waves:
  - id: w1
targets:
  oven: {{level: 3.5}}
"""


def create(tmp_path: Path, text: str) -> Any:
    shutil.copy(BAKERY, tmp_path)
    (tmp_path / "engagement.yaml").write_text(text, encoding="utf-8")
    with Store.open(settings_in(tmp_path)) as store:
        made = create_engagement(store, tmp_path / "engagement.yaml", frameworks=tmp_path)
        return made, store.engagement("crumbs")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  team: {}", "  teem: {}", "nearest team"),
        ("[en]", "[en, fr]", "engagement.yaml, languages"),
        ("  oven:", "  ofen:", "nearest oven"),
        ("{level: 3.5}", "{level: 7}", "line 11, targets.oven.level"),
        ("engagement: crumbs", "engagement: ../../etc/x", "line 1, engagement"),
        ("engagement: crumbs", "engagement: con", "reserved by an operating system"),
        ("waves:", "release: [[role, shop]]\nwaves:", "unknown dimension 'shop'"),
        ("waves:", "anonymity: {scores: 2}\nwaves:", "anonymity.scores"),
        ("name: Crumb & Sons", "name: !!python/object/apply:os.system [id]", "the tag"),
    ],
)
def test_an_engagement_that_does_not_fit_is_refused_and_not_created(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in ENGAGEMENT
    with pytest.raises(DeclarationError) as caught:
        create(tmp_path, ENGAGEMENT.replace(old, new))
    assert message in str(caught.value)
    with Store.open(settings_in(tmp_path)) as store:
        assert store.engagements() == []


def test_an_engagement_keeps_the_plan_it_was_created_with(tmp_path: Path) -> None:
    made, kept = create(tmp_path, ENGAGEMENT.replace("waves:", "segments: {shop: {name: Shop}}\nwaves:"))
    assert made.release is None
    assert kept.spec.release == [[], ["role"], ["shop"], ["role", "shop"]]
    assert kept.framework_document == BAKERY.read_text(encoding="utf-8")


def test_an_engagement_cannot_be_created_twice(tmp_path: Path) -> None:
    create(tmp_path, ENGAGEMENT)
    with pytest.raises(ConflictError, match="crumbs"):
        create(tmp_path, ENGAGEMENT)


@pytest.mark.parametrize(
    "name", ["unit", "name", "kind", "value", "mean", "share", "is_hidden", "population"]
)
def test_a_segment_of_any_name_that_is_accepted_goes_through_every_verb(tmp_path: Path, name: str) -> None:
    try:
        eng = created(settings_in(tmp_path), segments={name: {"name": "Shop"}})
    except ValueError:
        with pytest.raises(ValueError, match=f"segment '{name}'"):
            declared(segments={name: {"name": "Shop"}})
        return
    text = mapping(tmp_path).read_text().replace("shop: {column: Shop}", f"{name}: {{column: Shop}}")
    eng.import_file(survey(tmp_path / "one.csv"), mapping(tmp_path, text))
    found = figures(eng)
    eng.store.close()
    assert all(one.columns.is_unique for one in found)
    assert "harbour" in set(eng.scores(by=name)[name])
