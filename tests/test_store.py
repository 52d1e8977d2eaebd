"""The store keeps what it was given, refuses in plain words, and survives a crash at any moment."""

from __future__ import annotations

import errno
import os
import re
import secrets
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from filelock import FileLock
from sqlalchemy import create_engine, text

from cxlib.declarations import (
    AssumptionSpec,
    EngagementSpec,
    RoleSpec,
    SegmentSpec,
    TargetSpec,
    Thresholds,
    WaveSpec,
)
from cxlib.errors import ConflictError, ContractError, NotFoundError, StoreError
from cxlib.settings import Settings, read_settings
from cxlib.store import Store, has_wal_reset_bug, sqlite_version
from cxlib.store import connect as store_connect
from cxlib.store.connect import driver
from cxlib.store.files import LocalFolder
from cxlib.store.migrations import HEAD, alembic_config
from cxlib.store.schema import VERSION_TABLE, metadata

ROOT = Path(__file__).parents[1]
FRAMEWORK = {"framework_id": "cx7", "framework_version": "1.0.0", "framework_document": "steps: []\n"}
HOSTILE = ["", "acmé", "a'b\"c", "'; drop table engagement; --", "x\0y", "\udcff", "%s", "../../etc/x", "CON"]


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return read_settings({"CX_HOME": str(tmp_path), "CX_DATABASE_URL": database_url})


@pytest.fixture
def file_settings(tmp_path: Path) -> Settings:
    """The SQLite file where it is by default, for what only a file can suffer."""
    return read_settings({"CX_HOME": str(tmp_path)})


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with Store.open(settings) as store:
        yield store


def declared(slug: str = "acme", **changes: Any) -> EngagementSpec:
    spec = EngagementSpec(
        engagement=slug,
        name='Acme & Söhne "AG" \'); --',
        framework="cx7",
        languages=["de", "en"],
        roles={
            "leadership": RoleSpec(population=12, weight=0.5),
            "frontline": RoleSpec(population=3_000_000_000),
            "customer": RoleSpec(),
        },
        segments={"unit": SegmentSpec(name="Unit"), "region": SegmentSpec(name="Région")},
        anonymity=Thresholds(scores=7, comments=12),
        waves=[WaveSpec(id="w2"), WaveSpec(id="w1", name="First", date="2026-01-31")],
        targets={"s1": TargetSpec(level=4, because="the board said so")},
        assumptions={"churn": AssumptionSpec(value=0.12, unit="share", source="CRM", dated="2026-01-31")},
    )
    return spec.model_copy(update=changes)


def stage(store: Store, *respondents: str | None) -> Path:
    path = store.staging() / f"{secrets.token_hex(4)}.parquet"
    pq.write_table(pa.table({"respondent": pa.array(respondents, pa.string())}), path)
    return path


def take_in(
    store: Store, *respondents: str | None, source: str = "a.csv", wave: str = "w1", **changes: Any
) -> Any:
    values = {
        "parquet": changes.get("parquet") or stage(store, *respondents),
        "source_name": source,
        "source_sha256": source.encode(errors="replace").hex().ljust(64, "0")[:64],
        "mapping_document": "mapping: m\n",
        "declared": {"items": [{"item": "q1", "low": 1, "high": 10}], "constructs": []},
    }
    return store.add_batch("acme", wave, **(values | changes))


def raw(settings: Settings) -> Any:
    """Open the file with the store's own SQLite: two copies in one process undo each other's locks."""
    return driver().connect(settings.local / "cx.sqlite", isolation_level=None)


def child(code: str, settings: Settings, **options: Any) -> subprocess.Popen[str]:
    setup = (
        "import os, sys\n"
        "from cxlib.settings import read_settings\n"
        "from cxlib.store import Store\n"
        "from cxlib.declarations import WaveSpec\n"
        "store = Store.open(read_settings())\n"
    )
    environ = os.environ | {
        "CX_HOME": str(settings.home),
        "CX_DATABASE_URL": settings.database_url,
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.Popen([sys.executable, "-c", setup + code], env=environ, text=True, **options)


def says(error: pytest.ExceptionInfo[StoreError], *parts: str) -> None:
    """Hold that a message names what is needed, and neither SQL nor Python."""
    message = str(error.value)
    for part in parts:
        assert part in message
    assert not re.search(r"\b(SELECT|INSERT|UPDATE|sqlalchemy|sqlite3|Traceback)\b", message)
    assert error.value.fix


# ── Tables ──────────────────────────────────────────────────────────────────────────────────────


def test_migrations_from_nothing_end_in_the_tables_of_the_models(store: Store) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with store._database.read() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert context.get_current_revision() == HEAD
        assert compare_metadata(context, metadata) == []


def test_migrated_sqlite_tables_are_written_as_the_models_write_them(
    file_settings: Settings, tmp_path: Path
) -> None:
    Store.open(file_settings).close()
    models = create_engine(f"sqlite:///{tmp_path / 'models.sqlite'}", module=driver())
    metadata.create_all(models)

    def written(connection: Any) -> dict[str, list[str]]:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {
            name: sorted(line.strip().rstrip(", ") for line in sql.splitlines())
            for name, sql in rows
            if name not in {VERSION_TABLE, "sqlite_sequence"}
        }

    migrated = written(raw(file_settings))
    assert migrated == written(driver().connect(tmp_path / "models.sqlite"))
    assert any("WITHOUT ROWID" in line for line in migrated["respondent"])


def test_head_is_the_newest_migration() -> None:
    from alembic.script import ScriptDirectory

    assert ScriptDirectory.from_config(alembic_config()).get_current_head() == HEAD


def test_a_store_that_is_up_to_date_opens_without_alembic(file_settings: Settings) -> None:
    Store.open(file_settings).close()
    process = child("print('alembic' in sys.modules)", file_settings, stdout=subprocess.PIPE)
    assert process.communicate(timeout=60)[0].strip() == "False"


def test_a_migration_that_fails_half_way_leaves_no_table(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(connection: Any, found: str | None) -> bool:
        connection.execute(text("CREATE TABLE half (a INTEGER)"))
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(store_connect, "upgrade", half)
        with pytest.raises(RuntimeError):
            Store.open(settings)
    with Store.open(settings) as store:
        assert store.engagements() == []


def test_opening_twice_changes_nothing(settings: Settings) -> None:
    with Store.open(settings) as store:
        store.add_engagement(declared(), **FRAMEWORK)
    with Store.open(settings) as first, Store.open(settings) as second:
        assert first.engagement("acme") == second.engagement("acme")


def test_sqlite_is_set_to_survive_a_power_cut(file_settings: Settings) -> None:
    with Store.open(file_settings) as store, store._database.write() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("3.40.1", True),
        ("3.44.6", False),
        ("3.45.0", True),
        ("3.50.6", True),
        ("3.50.7", False),
        ("3.51.2", True),
        ("3.51.3", False),
        ("3.54.0", False),
    ],
)
def test_the_wal_reset_bug_is_known_by_version(version: str, expected: bool) -> None:
    assert has_wal_reset_bug(version) is expected


def test_the_newest_sqlite_at_hand_is_used() -> None:
    import sqlite3

    assert driver().sqlite_version_info >= sqlite3.sqlite_version_info
    assert sqlite_version() == driver().sqlite_version


# ── Engagements ─────────────────────────────────────────────────────────────────────────────────


def test_an_engagement_comes_back_as_it_was_declared(store: Store) -> None:
    spec = declared()
    store.add_engagement(spec, **FRAMEWORK)
    record = store.engagement("acme")
    assert record.spec == spec.model_copy(update={"release": [list(cut) for cut in spec.cuts]})
    assert record.spec.cuts == spec.cuts
    assert list(record.spec.roles) == ["leadership", "frontline", "customer"]
    assert record.framework_document == FRAMEWORK["framework_document"]
    assert (record.framework_id, record.framework_version) == ("cx7", "1.0.0")
    assert [wave.id for wave in store.waves("acme")] == ["w2", "w1"]


def test_a_release_plan_stays_when_the_default_plan_grows(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = declared()
    store.add_engagement(spec, **FRAMEWORK)
    before = spec.cuts
    monkeypatch.setattr(EngagementSpec, "cuts", property(lambda self: ((), ("unit", "region"))))
    assert [tuple(cut) for cut in store.engagement("acme").spec.release or []] == list(before)


def test_times_are_utc(store: Store) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    created = store.engagement("acme").created_at
    assert created.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - created) < timedelta(minutes=1)


def test_the_list_of_engagements_is_short_and_sorted(store: Store) -> None:
    store.add_engagement(declared("zeta"), **FRAMEWORK)
    store.add_engagement(declared("acme"), **FRAMEWORK)
    assert [(one.slug, one.waves) for one in store.engagements()] == [
        ("acme", ("w2", "w1")),
        ("zeta", ("w2", "w1")),
    ]


def test_a_name_is_taken_once(store: Store) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    before, key = store.engagement("acme"), store.pseudonym_key("acme")
    with pytest.raises(ConflictError) as error:
        store.add_engagement(declared(name="Another"), **FRAMEWORK)
    says(error, "engagement acme exists already")
    assert (store.engagement("acme"), store.pseudonym_key("acme")) == (before, key)


def test_a_used_framework_version_never_changes(store: Store) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    with pytest.raises(ConflictError) as error:
        store.add_engagement(declared("beta"), **(FRAMEWORK | {"framework_document": "steps: [1]\n"}))
    says(error, "cx7 1.0.0", "new version number")
    assert [one.slug for one in store.engagements()] == ["acme"]
    store.add_engagement(
        declared("beta"), **(FRAMEWORK | {"framework_document": "steps: [1]\n", "framework_version": "1.0.1"})
    )
    assert store.engagement("beta").framework_digest != store.engagement("acme").framework_digest


def test_an_unknown_name_is_answered_with_the_nearest(store: Store) -> None:
    with pytest.raises(NotFoundError, match="cx init"):
        store.engagement("acme")
    store.add_engagement(declared(), **FRAMEWORK)
    with pytest.raises(NotFoundError) as error:
        store.engagement("amce")
    says(error, "nearest acme")
    with pytest.raises(NotFoundError) as error:
        store.batches("acme", "w11")
    says(error, "nearest w1", "w1, w2")


def test_waves_are_added_at_the_end_and_once(store: Store) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    store.add_wave("acme", WaveSpec(id="w0", name="Später", date="2027-01-01"))
    assert store.waves("acme")[-1] == WaveSpec(id="w0", name="Später", date="2027-01-01")
    with pytest.raises(ConflictError) as error:
        store.add_wave("acme", WaveSpec(id="w0"))
    says(error, "wave w0")


def test_a_target_is_replaced_and_an_assumption_keeps_its_history(store: Store) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    store.set_target("acme", "s1", 5, "higher")
    store.set_target("acme", "s2.i01", 3.5)
    assert store.targets("acme") == {
        "s1": TargetSpec(level=5, because="higher"),
        "s2.i01": TargetSpec(level=3.5),
    }
    newer = AssumptionSpec(value=0.2, unit="share", source="CRM", dated="2026-06-30")
    older = AssumptionSpec(value=0.3, unit="share", source="guess", dated="2025-01-01")
    store.set_assumption("acme", "churn", newer)
    store.set_assumption("acme", "churn", older)
    assert store.assumptions("acme") == {"churn": newer}
    store.set_assumption("acme", "churn", corrected := newer.model_copy(update={"value": 0.21}))
    assert store.engagement("acme").spec.assumptions == {"churn": corrected}


@pytest.mark.parametrize(
    ("id", "level"), [("s1", 0.5), ("s1", float("nan")), ("s1", "high"), ("S 1", 3), ("a\0b", 3)]
)
def test_what_could_not_be_read_back_is_not_written(store: Store, id: str, level: Any) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    with pytest.raises(StoreError) as error:
        store.set_target("acme", id, level)
    says(error, "cannot be set")
    assert store.targets("acme") == declared().targets


# ── Keys ────────────────────────────────────────────────────────────────────────────────────────


def test_each_engagement_has_a_key_that_only_its_owner_reads(store: Store, settings: Settings) -> None:
    store.add_engagement(declared("acme"), **FRAMEWORK)
    store.add_engagement(declared("beta"), **FRAMEWORK)
    keys = {slug: store.pseudonym_key(slug) for slug in ("acme", "beta")}
    assert all(len(key) == 32 for key in keys.values())
    assert keys["acme"] != keys["beta"]
    path = settings.local / "keys" / "acme.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for file in settings.local.glob("cx.sqlite*"):
        content = file.read_bytes()
        assert keys["acme"] not in content
        assert keys["acme"].hex().encode() not in content


@pytest.mark.parametrize(("content", "state"), [(None, "is missing"), (b"short", "is damaged")])
def test_a_lost_key_is_never_replaced_by_another(
    store: Store, settings: Settings, content: bytes | None, state: str
) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    path = settings.local / "keys" / "acme.key"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreError) as error:
        store.pseudonym_key("acme")
    says(error, state, str(path), "backup")
    assert bool(store.check()) is (content is None)


def test_a_key_that_outlived_its_database_is_kept(file_settings: Settings) -> None:
    with Store.open(file_settings) as store:
        store.add_engagement(declared(), **FRAMEWORK)
        key = store.pseudonym_key("acme")
    (file_settings.local / "cx.sqlite").unlink()
    with Store.open(file_settings) as store:
        store.add_engagement(declared(), **FRAMEWORK)
        assert store.pseudonym_key("acme") == key


# ── Batches ─────────────────────────────────────────────────────────────────────────────────────


def test_a_batch_comes_back_with_all_that_was_said_of_it(store: Store, settings: Settings) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    batch = take_in(store, "r2", "r1")
    assert store.batches("acme") == [batch] == store.batches("acme", "w1")
    assert store.batches("acme", "w2") == []
    assert (batch.engagement, batch.wave, batch.state, batch.rows) == ("acme", "w1", "active", 2)
    assert batch.declared["items"] == [{"item": "q1", "low": 1, "high": 10}]
    assert batch.framework_digest == store.engagement("acme").framework_digest
    assert store.batch_path(batch) == settings.local / "batches" / "acme" / f"{batch.id}.parquet"
    assert pq.read_table(store.batch_path(batch))["respondent"].to_pylist() == ["r2", "r1"]
    assert list(store.staging().iterdir()) == []
    assert store.check() == []


def test_batches_are_listed_in_the_order_of_arrival_whatever_the_clock_says(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    take_in(store, "a", source="first")
    monkeypatch.setattr("cxlib.store.engagements.now", lambda: datetime(2001, 1, 1, tzinfo=UTC))
    take_in(store, "b", source="second")
    assert [batch.source_name for batch in store.batches("acme")] == ["first", "second"]
    assert store.undo_batch("acme").source_name == "second"


def test_the_same_file_by_the_same_mapping_goes_in_once(store: Store) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    batch = take_in(store, "r1")
    assert store.find_batch("acme", "w1", batch.source_sha256, batch.mapping_digest) == batch
    assert store.find_batch("acme", "w2", batch.source_sha256, batch.mapping_digest) is None
    assert store.find_batch("acme", "w1", batch.source_sha256, "0" * 64) is None
    with pytest.raises(ConflictError) as error:
        take_in(store, "r1")
    says(error, "a.csv is in wave w1 of acme already", batch.id)
    assert store.batches("acme", undone=True) == [batch]


def test_a_respondent_answers_a_wave_once_whatever_the_file(store: Store) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    first = take_in(store, *(f"r{n}" for n in range(40)), source="first.csv")
    second = take_in(store, "x1", "x2", source="second.csv")
    path = stage(store, "new", "r7", "r39", "x2")
    with pytest.raises(ConflictError) as error:
        take_in(store, source="third.csv", parquet=path)
    says(error, "3 of 4 respondents", f"2 in first.csv (batch {first.id})", "1 in second.csv", "cx undo")
    assert path.exists()
    assert store.batches("acme") == [first, second]
    assert take_in(store, "r7", wave="w2", source="third.csv").rows == 1
    assert take_in(store, "new", source="fourth.csv").rows == 1
    assert store.check() == []


def test_a_respondent_who_stands_twice_in_a_file_is_refused(store: Store) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    with pytest.raises(ConflictError) as error:
        take_in(store, "r1", "r2", "r1", "r1")
    says(error, "2 rows name a respondent")
    assert store.batches("acme") == []


def test_a_file_of_nobody_is_taken_in(store: Store) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    assert take_in(store).rows == 0
    assert store.check() == []


def test_an_undone_batch_frees_its_respondents_and_keeps_its_row(store: Store) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    kept = take_in(store, "r0", source="kept.csv")
    batch = take_in(store, "r1", "r2", source="gone.csv")
    path = store.batch_path(batch)
    undone = store.undo_batch("acme")
    assert undone == replace(batch, state="undone", undone_at=undone.undone_at)
    assert undone.undone_at is not None
    assert not path.exists()
    assert store.batches("acme") == [kept]
    assert store.batches("acme", undone=True) == [kept, undone]
    assert store.find_batch("acme", "w1", batch.source_sha256, batch.mapping_digest) is None
    assert take_in(store, "r1", "r2", source="gone.csv").is_active
    assert store.check() == []


def test_a_batch_is_undone_by_name_and_once(store: Store) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    with pytest.raises(NotFoundError, match="no import"):
        store.undo_batch("acme")
    first = take_in(store, "r1", source="first.csv")
    second = take_in(store, "r2", source="second.csv")
    assert store.undo_batch("acme", first.id).source_name == "first.csv"
    with pytest.raises(NotFoundError, match="undone already"):
        store.undo_batch("acme", first.id)
    with pytest.raises(NotFoundError, match=f"nearest {second.id}"):
        store.undo_batch("acme", second.id[:-1])


def test_a_correction_takes_over_who_it_names_and_gives_them_back(store: Store) -> None:
    store.add_engagement(declared(), **FRAMEWORK)

    def correct(*respondents: str, source: str) -> Any:
        corrects = {one.id: one.path for one in store.batches("acme", "w1")}
        told = {"corrected": {"new": 0, "replaced": 1, "identical": 0}}
        return take_in(store, *respondents, source=source, corrects=corrects, quality=told)

    def held() -> list[list[str]]:
        found = []
        for one in store.batches("acme", "w1"):
            people = pq.read_table(store.batch_path(one))["respondent"].to_pylist()
            assert len(people) == one.rows
            found.append(people)
        assert store.check() == []
        assert [one for one in store.orphans(older_than_seconds=0) if one.parent.name == "acme"] == []
        return found

    first = take_in(store, "r1", "r2", "r3", source="first.csv")
    correct("r2", "r9", source="second.csv")
    assert held() == [["r1", "r3"], ["r2", "r9"]]
    third = correct("r2", "r3", source="third.csv")
    assert held() == [["r1"], ["r9"], ["r2", "r3"]]
    assert [one.rows_imported for one in store.batches("acme")] == [3, 2, 2]
    assert third.quality["corrected"]["replaced"] == 1
    with pytest.raises(ConflictError) as refused:
        store.undo_batch("acme", first.id)
    says(refused, first.id, third.id)
    with pytest.raises(ConflictError) as refused:
        take_in(store, "r1", source="fourth.csv", corrects={first.id: first.path})
    says(refused, "changed since the correction was looked at")
    store.undo_batch("acme")
    assert held() == [["r1", "r3"], ["r2", "r9"]]
    store.undo_batch("acme")
    assert held() == [["r1", "r2", "r3"]]
    assert store.batches("acme") == [first]
    take_in(store, "r9", source="second.csv")
    assert held() == [["r1", "r2", "r3"], ["r9"]]


def test_only_a_finished_parquet_file_from_the_staging_folder_is_taken_in(
    store: Store, tmp_path: Path
) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    half = store.staging() / "half.parquet"
    half.write_bytes(stage(store, "r1").read_bytes()[:-20])
    other = store.staging() / "other.parquet"
    pq.write_table(pa.table({"respondent": [1, 2]}), other)
    elsewhere = tmp_path / "elsewhere.parquet"
    pq.write_table(pa.table({"respondent": ["r1"]}), elsewhere)
    for path, reason in ((half, "not a finished"), (other, "no text column"), (elsewhere, "staging folder")):
        with pytest.raises(ContractError, match=reason):
            take_in(store, parquet=path)
    with pytest.raises(ContractError, match="name no respondent"):
        take_in(store, "r1", None)
    for document in ("a: \0\n", "a: \udcff\n"):
        with pytest.raises(StoreError, match="the mapping holds a character"):
            take_in(store, "r1", mapping_document=document)
    with pytest.raises(ContractError, match="JSON"):
        take_in(store, "r1", declared={"low": float("nan")})
    assert store.batches("acme") == []


def test_dictionary_and_large_text_columns_are_read(store: Store) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    for number, kind in enumerate((pa.large_string(), pa.dictionary(pa.int32(), pa.string()))):
        path = store.staging() / f"{number}.parquet"
        pq.write_table(pa.table({"respondent": pa.array([f"{number}b", f"{number}a"]).cast(kind)}), path)
        assert take_in(store, source=f"{number}.csv", parquet=path).rows == 2
    assert store.check() == []


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_data_and_nothing_else(store: Store, name: str) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    before = store.engagement("acme")
    for ask in (
        store.engagement,
        store.waves,
        store.pseudonym_key,
        store.undo_batch,
        lambda one: store.batches("acme", one),
        lambda one: store.undo_batch("acme", one),
        lambda one: store.find_batch("acme", one, one, one),
    ):
        with pytest.raises(NotFoundError) as error:
            ask(name)
        str(error.value).encode()
    batch = (
        take_in(store, name or "x", "plain", source=name)
        if name.isprintable()
        else take_in(store, "a", source=name)
    )
    assert batch.source_name == store.batches("acme")[0].source_name
    assert batch.source_name.isprintable()
    if name.isprintable():
        assert batch.source_name == (name or "unnamed")
    assert store.engagement("acme") == before
    assert store.check() == []


# ── Crashes ─────────────────────────────────────────────────────────────────────────────────────


def test_a_crash_between_file_and_commit_leaves_an_orphan_that_is_swept(
    store: Store, settings: Settings
) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    path = stage(store, "r1")
    process = child(
        "from pathlib import Path\n"
        "moved = store._local.take_in\n"
        "def crash(*names):\n"
        "    moved(*names)\n"
        "    os._exit(9)\n"
        "store._local.take_in = crash\n"
        f"store.add_batch('acme', 'w1', parquet=Path({str(path)!r}), source_name='a.csv', "
        "source_sha256='0' * 64, mapping_document='m', declared={})\n",
        settings,
    )
    assert process.wait(60) == 9
    assert store.batches("acme", undone=True) == []
    assert store.check() == []
    assert store.orphans() == []
    [orphan] = store.orphans(older_than_seconds=0)
    assert orphan.parent == settings.local / "batches" / "acme"
    assert store.sweep(older_than_seconds=0) == [orphan]
    assert store.orphans(older_than_seconds=0) == []
    assert take_in(store, "r1").rows == 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_file_that_cannot_be_moved_leaves_everything_as_it_was(
    store: Store, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    path = stage(store, "r1")
    moved = LocalFolder.take_in

    def fail(self: LocalFolder, staged: Path, relative: str) -> None:
        if moment == "after":
            moved(self, staged, relative)
        raise StoreError("no room", fix="…")

    with monkeypatch.context() as patch:
        patch.setattr(LocalFolder, "take_in", fail)
        with pytest.raises(StoreError, match="no room"):
            take_in(store, parquet=path)
    assert path.exists()
    assert store.orphans(older_than_seconds=0) == [path]
    assert take_in(store, parquet=path).rows == 1


def test_a_full_disk_under_the_batch_files_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    path = stage(store, "r1")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("cxlib.store.files.Path.replace", full)
        with pytest.raises(StoreError) as error:
            take_in(store, parquet=path)
    says(error, "No space left on device", "free some space")
    assert path.exists()
    assert store.batches("acme") == []
    assert store.check() == []


def test_a_commit_that_reports_failure_after_all_keeps_its_file(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    write = store._database.write

    class Interrupted(BaseException):
        pass

    class LateFailure:
        def __enter__(self) -> Any:
            self.inner = write()
            return self.inner.__enter__()

        def __exit__(self, *raised: Any) -> None:
            self.inner.__exit__(*raised)
            raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(store._database, "write", LateFailure)
        with pytest.raises(Interrupted):
            take_in(store, "r1")
    [batch] = store.batches("acme")
    assert store.batch_path(batch).exists()
    assert store.check() == []


def test_an_undo_whose_file_could_not_be_removed_leaves_an_orphan(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    path = store.batch_path(take_in(store, "r1"))
    with monkeypatch.context() as patch:
        patch.setattr(LocalFolder, "remove", lambda self, relative: None)
        store.undo_batch("acme")
    assert store.check() == []
    assert store.sweep(older_than_seconds=0) == [path]


def test_sweeping_leaves_alone_what_is_young_or_needed(store: Store) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    batch = take_in(store, "r1")
    young, old = stage(store, "r2"), stage(store, "r3")
    os.utime(old, (time.time() - 7200,) * 2)
    os.utime(store.batch_path(batch), (time.time() - 7200,) * 2)
    assert store.sweep() == [old]
    assert young.exists()
    assert store.batch_path(batch).exists()


def test_damage_is_found(store: Store, settings: Settings) -> None:
    store.add_engagement(declared(), **FRAMEWORK)
    changed, missing = take_in(store, "r1", source="1"), take_in(store, "r2", source="2")
    store.batch_path(changed).write_bytes(b"x")
    store.batch_path(missing).unlink()
    with store._database.write() as connection:
        connection.execute(text("DELETE FROM respondent WHERE pseudonym = 'r1'"))
    (settings.local / "keys" / "acme.key").unlink()
    findings = [str(one) for one in store.check()]
    assert len(findings) == 4
    for finding, part in zip(
        findings, ("changed since", "missing", "differ in number", "acme.key"), strict=True
    ):
        assert part in finding


def test_kill_9_during_writes_loses_no_acknowledged_write(settings: Settings) -> None:
    with Store.open(settings) as store:
        store.add_engagement(declared(), **FRAMEWORK)
    acknowledged: list[str] = []
    for round in range(5):
        process = child(
            "n = 0\n"
            "while True:\n"
            f"    store.add_wave('acme', WaveSpec(id=f'k{round}-{{n}}'))\n"
            f"    print(f'k{round}-{{n}}', flush=True)\n"
            "    n += 1\n",
            settings,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        acknowledged.append(process.stdout.readline().strip())
        time.sleep(0.03 * (round + 1))
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.read().split()
        process.wait(60)
        with Store.open(settings) as store:
            found = [wave.id for wave in store.waves("acme")]
            assert store.check() == []
        assert set(acknowledged) <= set(found)
        assert len(found) <= len(acknowledged) + 2 + round + 1
    assert len(acknowledged) > 20


# ── Several at once ─────────────────────────────────────────────────────────────────────────────


def test_two_processes_that_write_at_once_lose_nothing(settings: Settings) -> None:
    code = (
        "import pyarrow as pa, pyarrow.parquet as pq\n"
        "for n in range(25):\n"
        "    store.add_wave('acme', WaveSpec(id=f'{os.getpid()}-{n}'))\n"
        "    if n % 5 == 0:\n"
        "        path = store.staging() / f'{os.getpid()}-{n}.parquet'\n"
        "        column = [f'{os.getpid()}-{n}-{i}' for i in range(2000)]\n"
        "        pq.write_table(pa.table({'respondent': column}), path)\n"
        "        store.add_batch('acme', 'w1', parquet=path, source_name=path.name,\n"
        "                        source_sha256=path.name, mapping_document='m', declared={})\n"
    )
    with Store.open(settings) as store:
        store.add_engagement(declared(), **FRAMEWORK)
        processes = [child(code, settings) for _ in range(2)]
        assert [process.wait(120) for process in processes] == [0, 0]
        assert len(store.waves("acme")) == 2 + 2 * 25
        assert sum(batch.rows for batch in store.batches("acme")) == 2 * 5 * 2000
        assert store.check() == []
        assert store.orphans(older_than_seconds=0) == []


def test_two_processes_that_create_a_store_at_once_both_get_it(settings: Settings) -> None:
    processes = [child("print(store.engagements())", settings, stdout=subprocess.PIPE) for _ in range(2)]
    assert [process.communicate(timeout=60)[0].strip() for process in processes] == ["[]"] * 2


def test_threads_of_one_process_take_turns(store: Store) -> None:
    store.add_engagement(declared(), **FRAMEWORK)

    def add(name: str) -> None:
        for n in range(10):
            store.add_wave("acme", WaveSpec(id=f"{name}{n}"))

    threads = [threading.Thread(target=add, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(store.waves("acme")) == 2 + 40


@pytest.mark.parametrize("holder", ["the store's own lock", "another programme"])
def test_a_locked_store_is_waited_for_and_then_refused(file_settings: Settings, holder: str) -> None:
    with Store.open(file_settings, wait_seconds=0.4) as store:
        store.add_engagement(declared(), **FRAMEWORK)
        hold: Callable[[], Any]
        if holder == "another programme":
            other = raw(file_settings)
            hold, free = lambda: other.execute("BEGIN IMMEDIATE"), other.close
        else:
            lock = FileLock(file_settings.local / "cx.sqlite.lock", thread_local=False)
            hold, free = lock.acquire, lock.release
        hold()
        begun = time.monotonic()
        with pytest.raises(StoreError) as error:
            store.add_wave("acme", WaveSpec(id="late"))
        says(error, "busy", "0.4 s", "nothing was changed", "try again")
        assert 0.3 < time.monotonic() - begun < 5
        assert len(store.waves("acme")) == 2
        free()
        store.add_wave("acme", WaveSpec(id="late"))
        assert len(store.waves("acme")) == 3


def test_a_lock_that_is_freed_in_time_is_only_waited_for(file_settings: Settings) -> None:
    with Store.open(file_settings) as store:
        store.add_engagement(declared(), **FRAMEWORK)
        lock = FileLock(file_settings.local / "cx.sqlite.lock", thread_local=False)
        lock.acquire()
        threading.Timer(0.3, lock.release).start()
        store.add_wave("acme", WaveSpec(id="late"))
        assert len(store.waves("acme")) == 3


# ── Files that are no store ─────────────────────────────────────────────────────────────────────


def test_a_store_of_a_newer_version_is_left_alone(settings: Settings) -> None:
    with Store.open(settings) as store, store._database.write() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(StoreError) as error:
        Store.open(settings)
    says(error, "newer version of cx", "9999", HEAD, "Update cx")


def test_a_file_that_is_no_database_is_left_alone(file_settings: Settings) -> None:
    file_settings.local.mkdir(parents=True)
    path = file_settings.local / "cx.sqlite"
    path.write_bytes(b"Dear diary, " * 1000)
    with pytest.raises(StoreError) as error:
        Store.open(file_settings)
    says(error, f"{path} is not a database", "backup")
    assert path.read_bytes() == b"Dear diary, " * 1000


def test_another_programmes_database_is_left_alone(file_settings: Settings) -> None:
    file_settings.local.mkdir(parents=True)
    other = raw(file_settings)
    other.execute("CREATE TABLE recipe (name TEXT)")
    other.close()
    before = (file_settings.local / "cx.sqlite").read_bytes()
    with pytest.raises(StoreError) as error:
        Store.open(file_settings)
    says(error, "another programme")
    assert (file_settings.local / "cx.sqlite").read_bytes() == before


def test_an_empty_file_becomes_a_store(file_settings: Settings) -> None:
    file_settings.local.mkdir(parents=True)
    (file_settings.local / "cx.sqlite").touch()
    with Store.open(file_settings) as store:
        assert store.engagements() == []


def test_a_damaged_database_is_a_finding_not_a_traceback(file_settings: Settings) -> None:
    with Store.open(file_settings) as store:
        store.add_engagement(declared(), **FRAMEWORK)
        take_in(store, *(f"{n:032d}" for n in range(20_000)))
    path = file_settings.local / "cx.sqlite"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 8192] = b"\xff" * 8192
    path.write_bytes(content)
    with Store.open(file_settings) as store:
        findings = store.check()
    assert findings
    assert all("damaged" in str(one) for one in findings)


def test_a_full_disk_under_the_database_leaves_it_whole(file_settings: Settings) -> None:
    with Store.open(file_settings) as store:
        store.add_engagement(declared(), **FRAMEWORK)
        path = stage(store, *(f"{n:032d}" for n in range(50_000)))
        with store._database.read() as connection:
            pages = connection.execute(text("PRAGMA page_count")).scalar()
            connection.execute(text(f"PRAGMA max_page_count = {pages + 5}"))
        with pytest.raises(StoreError) as error:
            take_in(store, parquet=path)
        says(error, "no room left", "Free some space")
        assert path.exists()
        assert store.batches("acme") == []
        assert store.check() == []
        with store._database.read() as connection:
            connection.execute(text("PRAGMA max_page_count = 1000000"))
        assert take_in(store, parquet=path).rows == 50_000


@pytest.fixture
def nobody() -> Iterator[None]:
    """Be a user whom file modes bind; they do not bind root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_may_only_be_read_is_named(
    file_settings: Settings, request: pytest.FixtureRequest
) -> None:
    Store.open(file_settings).close()
    for path in file_settings.local.iterdir():
        path.chmod(0o755 if path.is_dir() else 0o444)
    file_settings.local.chmod(0o555)
    for parent in (file_settings.home, *file_settings.home.parents[:2]):
        # pytest keeps its folders to their owner.
        parent.chmod(0o755)
    request.getfixturevalue("nobody")
    with pytest.raises(StoreError) as error, Store.open(file_settings, wait_seconds=0.3) as store:
        store.add_engagement(declared(), **FRAMEWORK)
    says(error, str(file_settings.local), "right to write")


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("mysql://root@localhost/x", "mysql"),
        ("sqlite://", "no SQLite file"),
        ("sqlite:///:memory:", "no SQLite file"),
        ("://", "cannot be read"),
        ("postgresql+psycopg://someone:s3cret@127.0.0.1:1/none?password=s3cret", "cannot be reached"),
        ("postgresql+nodriver://x/y", "no driver"),
    ],
)
def test_an_address_that_leads_nowhere_is_named_without_its_password(
    tmp_path: Path, url: str, part: str
) -> None:
    settings = replace(read_settings({"CX_HOME": str(tmp_path)}), database_url=url)
    with pytest.raises(StoreError) as error:
        Store.open(settings, wait_seconds=0.2)
    says(error, part)
    assert "s3cret" not in str(error.value)


def test_a_refusal_nobody_foresaw_is_still_one_sentence(file_settings: Settings) -> None:
    with Store.open(file_settings) as store:
        strange = store._database._explain(SimpleNamespace(sqlite_errorname="SQLITE_NOLFS"))  # type: ignore[arg-type]
    assert "SQLITE_NOLFS" in str(strange)
    assert "cx doctor" in str(strange)
