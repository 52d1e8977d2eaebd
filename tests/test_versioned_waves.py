"""A wave that is assessed with a newer version: what may be compared, what is refused; and the contact."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from alembic import command
from sqlalchemy import create_engine, text

from cxlib.creation import create_engagement
from cxlib.declarations import WaveSpec
from cxlib.engagement import Engagement
from cxlib.errors import (
    ConflictError,
    DeclarationError,
    IngestError,
    NotFoundError,
    ReadOnlyError,
    StoreError,
)
from cxlib.extract import write_extract
from cxlib.framework import Framework, parse_framework
from cxlib.live import LiveEngagement
from cxlib.opening import open_engagement, open_live
from cxlib.settings import Settings, read_settings
from cxlib.store import Store
from cxlib.store.connect import driver
from cxlib.store.migrations import HEAD, alembic_config
from cxlib.store.schema import VERSION_TABLE
from tests.conftest import Cx, refused
from tests.samples import BAKERY, MAPPING, bakery, created, mapping, survey

SPRING: dict[str, Any] = {"id": "w1", "name": "Spring", "date": "2026-03-31"}
STEAM = """\
      - id: oven.steam
        stream: recipe
        topic: {en: "Steam", nl: "Stoom"}
        statement:
          owner: {en: "Each oven has steam.", nl: "Elke oven heeft stoom."}
          team: {en: "I let in steam.", nl: "Ik laat stoom toe."}
        levels:
          - {en: "No steam.", nl: "Geen stoom."}
          - {en: "A bowl of water.", nl: "Een kom water."}
          - {en: "A valve.", nl: "Een klep."}
          - {en: "A valve by the clock.", nl: "Een klep op tijd."}
          - {en: "Steam by weight.", nl: "Stoom op gewicht."}
"""
# Answered in both waves and asked in the same words; and what the newer version changed.
SAME = {"grain.mill", "oven.crust", "street.known", "counter.hello", "ask.recommend"}
DECLARED = {"park.bikes", "park.carts"}
REWORDED, RELEVELLED, DROPPED, ADDED = "grain.label", "grain.stock", "oven.time", "oven.steam"
NEWER_MAPPING = MAPPING.replace(DROPPED, ADDED)


def edited(*changes: tuple[str, str], source: str | None = None) -> str:
    found = source or BAKERY.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in found
        found = found.replace(old, new)
    return found


def newer_text(version: str = "1.1.0") -> str:
    """The bakery with one item reworded, one re-levelled, one dropped and one added."""
    found = edited(
        ("version: 1.0.0", f"version: {version}"),
        ("I can name the allergens of a loaf.", "I can list the allergens of a loaf."),
        ("Some bags carry a date.", "One bag in two carries a date."),
        ("      - oven.time\n", "      - oven.steam\n"),
    )
    begin, end = found.index("      - id: oven.time"), found.index("      - id: oven.crust")
    return found[:begin] + STEAM + found[end:]


def newer(version: str = "1.1.0") -> Framework:
    return parse_framework(newer_text(version), name="newer.yaml")


def settings_in(folder: Path) -> Settings:
    return read_settings({"CX_HOME": str(folder)})


def mapped(folder: Path, name: str, content: str) -> Path:
    (folder / name).mkdir(exist_ok=True)
    return mapping(folder / name, content)


def autumn(eng: LiveEngagement, folder: Path, wave: str = "w2", seed: int = 2, **options: Any) -> Any:
    """Import a survey into a later wave, by the mapping of the version that it is asked with."""
    asked = options.get("framework")
    content = MAPPING if asked is not None and DROPPED in asked.items else NEWER_MAPPING
    file = survey(folder / f"{wave}.csv", seed)
    return eng.import_file(file, mapped(folder, wave, content), wave=wave, **options)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def written(eng: Engagement, folder: Path) -> dict[str, bytes]:
    write_extract(eng.extract, folder)
    return contents(folder)


def of_wave(frame: pd.DataFrame, wave: str, items: set[str] | None = None) -> pd.DataFrame:
    found = frame[frame["wave"] == wave]
    if items is not None:
        found = found[found["item"].isin(items)]
    order = [one for one in found.columns if one != "n"]
    return found.sort_values(order).reset_index(drop=True)


def asked_in(eng: Engagement, wave: str) -> set[str]:
    return set(of_wave(eng.extract.release.counts, wave)["item"])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bakery")


@pytest.fixture(scope="module")
def before(home: Path) -> dict[str, bytes]:
    """The bakery with its first wave alone, and the extract of it."""
    eng = created(settings_in(home), waves=[SPRING])
    eng.import_file(survey(home / "w1.csv", 1), mapping(home), wave="w1")
    found = written(eng, home / "before")
    eng.store.close()
    return found


@pytest.fixture(scope="module")
def live(home: Path, before: dict[str, bytes]) -> Iterator[LiveEngagement]:
    """The same with a second wave that was asked with a newer version; to read from only."""
    with open_live("crumbs", settings=settings_in(home)) as eng:
        autumn(eng, home, new_wave=True, framework=newer())
        yield eng


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[LiveEngagement]:
    """A bakery of its own with one wave answered, to change."""
    eng = created(settings_in(tmp_path), waves=[SPRING])
    eng.import_file(survey(tmp_path / "w1.csv", 1), mapping(tmp_path), wave="w1")
    yield eng
    eng.store.close()


def state(eng: LiveEngagement, folder: Path) -> tuple[Any, ...]:
    """Everything an import could change: waves, imports, and files beside them."""
    files = sorted(str(path.relative_to(folder)) for path in (folder / "data" / "local").rglob("*.parquet"))
    return eng.store.waves(eng.slug), eng.store.batches(eng.slug, undone=True), files


# ── What is counted ─────────────────────────────────────────────────────────────────────────────


def test_the_newer_version_differs_as_these_tests_need_it(live: LiveEngagement) -> None:
    found = live.comparison("w1")
    kinds = ("reworded", "re-levelled", "dropped", "added")
    assert [found.of_kind(kind) for kind in kinds] == [(REWORDED,), (RELEVELLED,), (DROPPED,), (ADDED,)]
    assert len(found.changes) == 4


def test_only_answers_to_what_is_asked_alike_are_counted_for_the_earlier_wave(live: LiveEngagement) -> None:
    eng = live.at_wave("w2")
    assert asked_in(eng, "w1") == SAME | DECLARED
    assert asked_in(eng, "w2") == SAME | DECLARED | {REWORDED, RELEVELLED, ADDED}


def test_what_is_counted_for_the_earlier_wave_is_what_its_own_report_counts(live: LiveEngagement) -> None:
    earlier, later = (live.at_wave(wave).extract for wave in ("w1", "w2"))
    pd.testing.assert_frame_equal(
        of_wave(later.release.counts, "w1"), of_wave(earlier.release.counts, "w1", SAME | DECLARED)
    )
    assert len(of_wave(later.release.counts, "w1")) > 100


def test_two_reports_on_one_wave_hide_the_same_groups_and_items(live: LiveEngagement) -> None:
    earlier, later = (live.at_wave(wave).extract.release for wave in ("w1", "w2"))
    groups = [of_wave(one.groups, "w1") for one in (earlier, later)]
    pd.testing.assert_frame_equal(*groups)
    assert groups[0]["is_hidden"].any()
    pd.testing.assert_frame_equal(
        of_wave(later.withheld, "w1"), of_wave(earlier.withheld, "w1", SAME | DECLARED)
    )


def test_a_steps_earlier_score_is_made_of_the_items_that_stayed_alone(live: LiveEngagement) -> None:
    scores = Engagement(live.at_wave("w2").extract, "w1").scores()
    grain = scores[(scores["id"] == "grain") & (scores["kind"] == "step")].iloc[0]
    mill = scores[scores["id"] == "grain.mill"].iloc[0]
    assert (grain["items"], grain["items_total"]) == (1, 3)
    assert grain["mean"] == pytest.approx(mill["mean"])
    own = live.at_wave("w1").scores()
    assert own[(own["id"] == "grain") & (own["kind"] == "step")].iloc[0]["items"] == 3


def test_the_earlier_waves_own_extract_is_the_same_to_the_byte(
    live: LiveEngagement, before: dict[str, bytes], tmp_path: Path
) -> None:
    after = written(live.at_wave("w1"), tmp_path / "after")
    assert set(after) == set(before)
    assert [name for name in before if after[name] != before[name]] == []


def test_each_wave_carries_the_framework_that_it_was_asked_with(live: LiveEngagement, tmp_path: Path) -> None:
    for wave, asked in (("w1", bakery()), ("w2", newer())):
        eng = live.at_wave(wave)
        assert eng.framework.digest == asked.digest
        assert eng.facts.framework == asked.stamp
        files = written(eng, tmp_path / wave)
        assert hashlib.sha256(files["framework.yaml"]).hexdigest() == asked.digest
    assert DROPPED in live.at_wave("w1").instrument.scales
    assert DROPPED not in live.at_wave("w2").instrument.scales


def test_each_import_carries_the_digest_of_what_was_asked(live: LiveEngagement) -> None:
    found = {batch.wave: batch.framework_digest for batch in live.store.batches("crumbs")}
    assert found == {"w1": bakery().digest, "w2": newer().digest}


@pytest.mark.usefixtures("live")
def test_the_wave_in_hand_is_the_newer_one_and_says_what_it_was_asked_with(home: Path) -> None:
    with open_live("crumbs", settings=settings_in(home)) as eng:
        assert eng.wave_id == "w2"
        assert eng.source.endswith("w2 · crumb 1.1.0")
        assert [one.framework for one in eng.spec.waves] == [None, "crumb-1.1.0"]


def test_the_provenance_says_what_share_may_be_compared(live: LiveEngagement, tmp_path: Path) -> None:
    told = (
        f"Wave Spring was asked with {bakery().stamp}: 69% of the items are unchanged; "
        "only these are compared"
    )
    eng = live.at_wave("w2")
    assert told in eng.provenance
    assert [one.unchanged for one in eng.facts.waves] == [pytest.approx(9 / 13), 1]
    write_extract(eng.extract, tmp_path / "extract")
    assert told in open_engagement("crumbs", extract=tmp_path / "extract").provenance
    assert not any("was asked with" in line for line in live.at_wave("w1").provenance)


def test_an_item_on_another_scale_is_not_compared(fresh: LiveEngagement, tmp_path: Path) -> None:
    scale = ("- {id: points, low: 0, high: 10}", "- {id: points, low: 0, high: 20}")
    asked = parse_framework(edited(("version: 1.0.0", "version: 1.1.0"), scale))
    autumn(fresh, tmp_path, new_wave=True, framework=asked)
    eng = fresh.at_wave("w2")
    assert "oven.crust" not in asked_in(eng, "w1")
    assert "oven.crust" in asked_in(eng, "w2")
    assert "grain.mill" in asked_in(eng, "w1")


def test_an_item_that_only_a_mapping_had_is_another_than_the_frameworks(
    fresh: LiveEngagement, tmp_path: Path
) -> None:
    asked = parse_framework(edited(("version: 1.0.0", "version: 1.1.0"), ("oven.waste", "park.bikes")))
    lines = [line for line in MAPPING.splitlines() if "park.bikes" not in line and "oven.time" not in line]
    lines = [line.replace("constructs:", "") for line in lines if "parking" not in line]
    lines.insert(lines.index("items:") + 1, "  - {item: park.bikes, column: time}")
    fresh.import_file(
        survey(tmp_path / "w2.csv", 2),
        mapped(tmp_path, "w2", "\n".join(lines) + "\n"),
        wave="w2",
        new_wave=True,
        framework=asked,
    )
    eng = fresh.at_wave("w2")
    assert "park.bikes" not in asked_in(eng, "w1")
    assert "park.carts" in asked_in(eng, "w1")
    counts = of_wave(eng.extract.release.counts, "w2", {"park.bikes"})
    assert set(counts["answer"]) == {-128, -127, -126, 1, 2, 3, 4, 5}


def test_waves_are_compared_two_by_two(fresh: LiveEngagement, tmp_path: Path) -> None:
    autumn(fresh, tmp_path, new_wave=True, framework=newer())
    autumn(fresh, tmp_path, wave="w3", seed=3, new_wave=True, framework=bakery())
    eng = fresh.at_wave("w3")
    first = {"grain.mill", REWORDED, RELEVELLED, DROPPED, *SAME, *DECLARED}
    assert asked_in(eng, "w1") == asked_in(eng, "w3") == first
    assert asked_in(eng, "w2") == SAME | DECLARED
    assert [one.unchanged for one in eng.facts.waves] == [1, pytest.approx(9 / 13), 1]


def test_an_undone_import_of_the_newer_wave_brings_the_figures_back(
    fresh: LiveEngagement, tmp_path: Path
) -> None:
    before = written(fresh, tmp_path / "before")
    autumn(fresh, tmp_path, new_wave=True, framework=newer())
    fresh.undo()
    assert fresh.wave_id == "w1"
    assert written(fresh, tmp_path / "after") == before


# ── What a new wave is assessed with ────────────────────────────────────────────────────────────


def test_a_new_wave_is_by_default_asked_as_the_latest_was(fresh: LiveEngagement, tmp_path: Path) -> None:
    autumn(fresh, tmp_path, new_wave=True, framework=newer())
    autumn(fresh, tmp_path, wave="w3", seed=3, new_wave=True)
    assert fresh.at_wave("w3").framework.digest == newer().digest
    assert fresh.store.batches("crumbs", "w3")[0].framework_digest == newer().digest
    autumn(fresh, tmp_path, wave="w4", seed=4, new_wave=True, framework=bakery())
    assert fresh.at_wave("w4").framework.digest == bakery().digest
    assert [one.framework for one in fresh.store.waves("crumbs")] == [
        None,
        "crumb-1.1.0",
        "crumb-1.1.0",
        None,
    ]


def test_a_new_wave_of_an_engagement_with_one_version_keeps_it(fresh: LiveEngagement, tmp_path: Path) -> None:
    done = fresh.import_file(survey(tmp_path / "w2.csv", 2), mapping(tmp_path), wave="w2", new_wave=True)
    assert done.batch is not None
    assert done.batch.framework_digest == bakery().digest
    assert [one.framework for one in fresh.store.waves("crumbs")] == [None, None]
    assert asked_in(fresh.at_wave("w2"), "w1") == asked_in(fresh.at_wave("w2"), "w2")


@pytest.mark.parametrize("asked", [newer(), bakery()], ids=["another", "the same"])
def test_a_wave_that_is_there_keeps_its_framework(
    fresh: LiveEngagement, tmp_path: Path, asked: Framework
) -> None:
    before = state(fresh, tmp_path)
    for new_wave in (False, True):
        with pytest.raises(ConflictError, match=r"wave w1 is assessed with crumb 1\.0\.0") as told:
            autumn(fresh, tmp_path, wave="w1", new_wave=new_wave, framework=asked)
        assert "--new-wave" in told.value.fix
    assert state(fresh, tmp_path) == before


def test_a_framework_alone_adds_no_wave(fresh: LiveEngagement, tmp_path: Path) -> None:
    before = state(fresh, tmp_path)
    with pytest.raises(NotFoundError, match="no wave 'w2'; nearest w1"):
        autumn(fresh, tmp_path, framework=newer())
    assert state(fresh, tmp_path) == before


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_a_used_version_with_another_text_is_refused_and_nothing_is_imported(
    fresh: LiveEngagement, tmp_path: Path, version: str, dry_run: bool
) -> None:
    wave = "w2"
    if version == "1.1.0":
        autumn(fresh, tmp_path, new_wave=True, framework=newer())
        wave = "w3"
    changed = parse_framework(newer_text(version).replace("Steam by weight.", "Steam by feel."))
    before = state(fresh, tmp_path)
    with pytest.raises(ConflictError, match=f"crumb {version} is in use with another text") as told:
        autumn(fresh, tmp_path, wave=wave, new_wave=True, framework=changed, dry_run=dry_run)
    assert "new version number" in told.value.fix
    assert state(fresh, tmp_path) == before


def test_the_store_itself_refuses_a_used_version_with_another_text(fresh: LiveEngagement) -> None:
    before = fresh.store.waves("crumbs")
    with pytest.raises(ConflictError, match="in use with another text"):
        fresh.store.add_wave("crumbs", WaveSpec(id="w2"), ("crumb", "1.0.0", newer_text("1.0.0")))
    assert fresh.store.waves("crumbs") == before
    assert fresh.store.used_digest("crumb", "1.0.0") == bakery().digest
    assert fresh.store.used_digest("crumb", "9.9.9") is None


def test_a_framework_without_the_engagements_roles_is_refused(fresh: LiveEngagement, tmp_path: Path) -> None:
    asked = parse_framework(edited(("version: 1.0.0", "version: 1.1.0"), ("guest", "visitor")))
    before = state(fresh, tmp_path)
    with pytest.raises(DeclarationError, match=r"engagement crumbs does not fit crumb 1\.1\.0"):
        autumn(fresh, tmp_path, new_wave=True, framework=asked)
    assert state(fresh, tmp_path) == before


def test_a_file_that_breaks_its_mapping_adds_no_wave(fresh: LiveEngagement, tmp_path: Path) -> None:
    before = state(fresh, tmp_path)
    path = survey(tmp_path / "w2.csv", 2)
    path.write_text(path.read_text().replace(",team,", ",teem,", 1))
    with pytest.raises(IngestError, match=r"w2\.csv"):
        fresh.import_file(
            path, mapped(tmp_path, "w2", NEWER_MAPPING), wave="w2", new_wave=True, framework=newer()
        )
    assert state(fresh, tmp_path) == before


def test_a_dry_run_of_a_newer_version_changes_nothing(fresh: LiveEngagement, tmp_path: Path) -> None:
    before = state(fresh, tmp_path)
    done = autumn(fresh, tmp_path, new_wave=True, framework=newer(), dry_run=True)
    assert (done.state, done.found.rows) == ("dry run", 137)
    assert state(fresh, tmp_path) == before
    assert fresh.store.used_digest("crumb", "1.1.0") is None


def test_a_newer_version_is_chosen_on_the_command_line(cx: Cx, tmp_path: Path) -> None:
    (tmp_path / "newer.yaml").write_text(newer_text(), encoding="utf-8")
    assert cx("init", "crumbs", "--framework", BAKERY, "--segment", "shop", "--wave", "w1").code == 0
    survey(tmp_path / "w1.csv", 1), survey(tmp_path / "w2.csv", 2)
    mapping(tmp_path), mapped(tmp_path, "w2", NEWER_MAPPING)
    assert cx("import", "crumbs", "w1.csv", "--mapping", "mapping.yaml").code == 0
    later = ("import", "crumbs", "w2.csv", "--mapping", "w2/mapping.yaml", "--framework", "newer.yaml")
    refused(cx(*later), "wave w1 is assessed with crumb 1.0.0", "--new-wave")
    refused(cx(*later, "--wave", "w2"), "no wave 'w2'")
    done = cx(*later, "--wave", "w2", "--new-wave")
    assert "Imported 137 responses into wave w2" in done.out
    asked = {one["id"] for one in cx("tally", "crumbs", "--json").data["answers"]}
    assert ADDED in asked
    assert DROPPED not in asked
    asked = {one["id"] for one in cx("tally", "crumbs", "--wave", "w1", "--json").data["answers"]}
    assert DROPPED in asked
    assert ADDED not in asked


# ── Declared in an engagement file ──────────────────────────────────────────────────────────────

FILE = """\
engagement: crumbs
name: "Crumb & Sons"
framework: crumb.yaml
contact: "Anna Miller, anna@crumb.example"
roles: {owner: {}, team: {}, guest: {}}
segments: {shop: {name: Shop}}
waves:
  - {id: w1, name: Spring}
  - {id: w2, framework: newer.yaml}
"""


def create(folder: Path, content: str = FILE) -> None:
    (folder / "crumb.yaml").write_text(edited(), encoding="utf-8")
    (folder / "newer.yaml").write_text(newer_text(), encoding="utf-8")
    (folder / "crumbs.yaml").write_text(content, encoding="utf-8")
    with Store.open(settings_in(folder)) as store:
        create_engagement(store, folder / "crumbs.yaml", frameworks=folder)


def test_an_engagement_file_may_give_a_wave_its_own_version(tmp_path: Path) -> None:
    create(tmp_path)
    with open_live("crumbs", settings=settings_in(tmp_path)) as eng:
        assert eng.framework.digest == bakery().digest
        assert eng.at_wave("w2").framework.digest == newer().digest
        assert [one.framework for one in eng.spec.waves] == [None, "crumb-1.1.0"]
        eng.import_file(survey(tmp_path / "w1.csv", 1), mapping(tmp_path), wave="w1")
        autumn(eng, tmp_path)
        digests = [batch.framework_digest for batch in eng.store.batches("crumbs")]
        assert digests == [bakery().digest, newer().digest]
        assert asked_in(eng.at_wave("w2"), "w1") == SAME | DECLARED


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("newer.yaml}", "never.yaml}", "never.yaml"),
        ("newer.yaml}", "crumb-1.2.0}", "no framework 'crumb-1.2.0'"),
        ("roles: {owner: {}", "targets: {oven.time: {level: 4}}\nroles: {owner: {}", "oven.time"),
    ],
)
def test_a_wave_whose_framework_does_not_fit_is_refused_and_nothing_is_created(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    with pytest.raises((NotFoundError, DeclarationError), match=told):
        create(tmp_path, FILE.replace(old, new))
    with Store.open(settings_in(tmp_path)) as store:
        assert store.engagements() == []
        assert store.used_digest("crumb", "1.0.0") is None


# ── The contact ─────────────────────────────────────────────────────────────────────────────────


def test_a_declared_contact_is_read_back(tmp_path: Path) -> None:
    create(tmp_path)
    with open_live("crumbs", settings=settings_in(tmp_path)) as eng:
        assert eng.spec.contact == "Anna Miller, anna@crumb.example"


def test_a_contact_can_be_set_and_changed(fresh: LiveEngagement, tmp_path: Path) -> None:
    assert fresh.spec.contact is None
    for name in ("Anna", "Ben <b@crumb.example> & 'sons'; --", "Ännä 李 \u202e"):
        fresh.set_contact(name)
        assert fresh.spec.contact == name
        assert fresh.store.engagement("crumbs").spec.contact == name
        with open_live("crumbs", settings=settings_in(tmp_path)) as again:
            assert again.spec.contact == name


def test_a_contact_reaches_no_extract(fresh: LiveEngagement, tmp_path: Path) -> None:
    before = written(fresh, tmp_path / "before")
    fresh.set_contact("CANARY-CONTACT")
    assert written(fresh, tmp_path / "after") == before
    assert not any(b"CANARY-CONTACT" in one for one in before.values())


@pytest.mark.parametrize("name", ["", "x" * 201, "a\0b", "a\nb", "\ud800"], ids=ascii)
def test_a_contact_that_could_not_be_read_back_is_not_written(fresh: LiveEngagement, name: str) -> None:
    fresh.set_contact("Anna")
    with pytest.raises(StoreError, match="the contact cannot be set") as told:
        fresh.set_contact(name)
    assert "1 to 200 characters" in told.value.fix
    assert fresh.store.engagement("crumbs").spec.contact == "Anna"


def test_a_contact_is_set_for_one_engagement_that_is_there(fresh: LiveEngagement, tmp_path: Path) -> None:
    other = created(settings_in(tmp_path), engagement="loaves", waves=[SPRING], contact="Ben")
    fresh.set_contact("Anna")
    assert other.store.engagement("loaves").spec.contact == "Ben"
    other.store.close()
    with pytest.raises(NotFoundError, match="nearest crumbs"):
        fresh.store.set_contact("crums", "Anna")


def test_an_extract_takes_no_contact(live: LiveEngagement, tmp_path: Path) -> None:
    write_extract(live.extract, tmp_path / "extract")
    with pytest.raises(ReadOnlyError, match="cannot set a contact"):
        open_engagement("crumbs", extract=tmp_path / "extract").set_contact("Anna")


# ── A store from before ─────────────────────────────────────────────────────────────────────────


def taken_back(settings: Settings) -> None:
    """Write the store's database as the first version had it, with every row that it had a place for."""
    now = settings.local / "cx.sqlite"
    old = settings.local / "old.sqlite"
    engine = create_engine(f"sqlite:///{old}", module=driver())
    with engine.connect() as connection, connection.begin():
        command.upgrade(alembic_config(connection), "0001")
    with engine.connect() as connection:
        connection.execute(text("ATTACH DATABASE :path AS now"), {"path": str(now)})
        tables = connection.execute(
            text("SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        )
        names = [row[0] for row in tables if row[0] != VERSION_TABLE]
        assert {"contact", "wave_framework"}.isdisjoint(names)
        for name in names:
            connection.execute(text(f'INSERT INTO main."{name}" SELECT * FROM now."{name}"'))
        connection.commit()
    engine.dispose()
    old.replace(now)


def version_of(settings: Settings) -> str:
    connection = driver().connect(settings.local / "cx.sqlite")
    found: str = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()[0]
    connection.close()
    return found


def test_a_store_of_the_first_version_is_upgraded_and_reads_back(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    eng = created(settings)
    eng.import_file(survey(tmp_path / "w1.csv", 1), mapping(tmp_path), wave="w1")
    eng.set_target("oven", 4, "agreed")
    spec, batches = eng.store.engagement("crumbs").spec, eng.store.batches("crumbs")
    before = written(eng, tmp_path / "before")
    eng.store.close()
    taken_back(settings)
    assert version_of(settings) == "0001"

    with open_live("crumbs", settings=settings) as again:
        assert version_of(settings) == HEAD != "0001"
        assert again.store.engagement("crumbs").spec == spec
        # A store of that version knew nothing of how good answers are.
        assert again.store.batches("crumbs") == [replace(one, quality={}) for one in batches]
        after = written(again, tmp_path / "after")
        facts, plain = (json.loads(found.pop("extract.json")) for found in (before, after))
        assert facts.pop("quality")
        plain.pop("quality")
        assert (after, plain) == (before, facts)
        assert again.store.check() == []
        assert again.spec.contact is None
        assert [one.framework for one in again.spec.waves] == [None, None]
        again.set_contact("Anna")
        autumn(again, tmp_path, wave="w3", seed=3, new_wave=True, framework=newer())
        assert asked_in(again.at_wave("w3"), "w1") == SAME | DECLARED
    with open_live("crumbs", settings=settings) as later:
        assert later.spec.contact == "Anna"
        assert [one.framework for one in later.spec.waves] == [None, None, "crumb-1.1.0"]


def test_an_upgrade_that_fails_leaves_the_older_store_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_in(tmp_path)
    created(settings, waves=[SPRING]).store.close()
    taken_back(settings)
    plain = driver().connect(settings.local / "cx.sqlite")
    # In the way of the second of the two tables that the upgrade makes.
    plain.execute("CREATE TABLE wave_framework (x)")
    plain.commit()
    plain.close()
    with pytest.raises(StoreError):
        Store.open(settings)
    assert version_of(settings) == "0001"
    plain = driver().connect(settings.local / "cx.sqlite")
    names = {row[0] for row in plain.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    plain.execute("DROP TABLE wave_framework")
    plain.commit()
    plain.close()
    assert "contact" not in names
    with open_live("crumbs", settings=settings) as eng:
        assert eng.spec.name == "Crumb & Sons"
