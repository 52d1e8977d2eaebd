"""The store: engagements, waves, imports and their respondents, on SQLite or PostgreSQL.

    with Store.open(read_settings()) as store:
        store.engagement("acme").spec.roles

The only SQL of the suite lives in this package. A verb that returns has written to disk; a verb that
raises has changed nothing. Every failure is a :class:`~cxlib.errors.StoreError` that says the next move.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cxlib.anonymity.rereleases import Issued
from cxlib.commentary import Commentary
from cxlib.declarations import AssumptionSpec, EngagementSpec, TargetSpec, WaveSpec
from cxlib.errors import ContractError, Problem
from cxlib.registers import Kept
from cxlib.settings import Settings
from cxlib.store import batches as _batches
from cxlib.store import commentaries as _commentaries
from cxlib.store import comments as _comments
from cxlib.store import engagements as _engagements
from cxlib.store import registers as _registers
from cxlib.store import releases as _releases
from cxlib.store import taking as _taking
from cxlib.store import upkeep as _upkeep
from cxlib.store.access import Access, Opening
from cxlib.store.connect import WAIT_SECONDS, Database, has_wal_reset_bug, sqlite_version
from cxlib.store.files import LocalFolder
from cxlib.store.records import (
    AccountRecord,
    BatchRecord,
    Caller,
    EngagementRecord,
    EngagementSummary,
    Event,
    FrameworkRecord,
    LinkRecord,
    Publication,
    RegisterRecord,
    Review,
)
from cxlib.store.schema import ACTIVE, LEAVE, SHOW

__all__ = [
    "LEAVE",
    "SHOW",
    "Access",
    "AccountRecord",
    "BatchRecord",
    "Caller",
    "EngagementRecord",
    "EngagementSummary",
    "Event",
    "FrameworkRecord",
    "LinkRecord",
    "Opening",
    "Publication",
    "RegisterRecord",
    "Review",
    "Store",
    "has_wal_reset_bug",
    "sqlite_version",
]

# A framework as it is handed in: id, version, and the exact text of its YAML file.
FrameworkText = tuple[str, str, str]

# A file that a running import still writes is younger than this.
SETTLED_SECONDS = 3600.0


class Store:
    """A handle on the store; open it with :meth:`Store.open`, close it or use it with `with`."""

    def __init__(self, database: Database, local: LocalFolder) -> None:
        self._database = database
        self._local = local
        # Who may see what at the gate.
        self.access = Access(database, local)

    @classmethod
    def open(cls, settings: Settings, *, wait_seconds: float = WAIT_SECONDS) -> Self:
        """Open the store, making its folders and tables where they are missing or older.

        Parameters
        ----------
        settings
            Where the store is.
        wait_seconds
            How long a write waits for another process before it is refused.

        Raises
        ------
        StoreError
            If the folder cannot be written, or the database is damaged, no store, or newer than this.
        """
        local = LocalFolder(settings.local)
        database = Database(settings.database_url, wait_seconds=wait_seconds)
        local.create()
        try:
            database.migrate()
        except BaseException:
            database.close()
            raise
        return cls(database, local)

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Store {self._database.name}>"

    # ── Engagements ─────────────────────────────────────────────────────────────────────────────

    def add_engagement(
        self,
        spec: EngagementSpec,
        *,
        framework_id: str,
        framework_version: str,
        framework_document: str,
        wave_frameworks: Mapping[str, FrameworkText] | None = None,
    ) -> None:
        """Create an engagement, its waves, targets, assumptions and pseudonym key.

        Parameters
        ----------
        spec
            The declaration; roles, segments, thresholds and release plan are fixed from now on.
        framework_id, framework_version
            What the framework calls itself.
        framework_document
            The exact text of its YAML file; its SHA-256 is the framework's digest.
        wave_frameworks
            The same three texts (id, version, document) for each wave that is assessed with another.

        Raises
        ------
        ConflictError
            If the name is taken, or this framework version is in the store with another text.
        """
        with self._database.write() as connection:
            digest = _engagements.insert_framework(
                connection, id=framework_id, version=framework_version, document=framework_document
            )
            others = {
                wave: _engagements.insert_framework(connection, id=id_, version=version, document=document)
                for wave, (id_, version, document) in (wave_frameworks or {}).items()
            }
            _engagements.insert_engagement(connection, spec, digest, others)
            # Before the commit: an engagement never exists without its key.
            self._local.make_key(spec.engagement)

    def engagements(self) -> list[EngagementSummary]:
        """List the engagements by name."""
        with self._database.read() as connection:
            return _engagements.select_engagements(connection)

    def engagement(self, slug: str) -> EngagementRecord:
        """Return an engagement with its declaration and framework.

        Raises
        ------
        NotFoundError
            With the nearest name that exists.
        """
        with self._database.read() as connection:
            return _engagements.select_engagement(connection, slug)

    def pseudonym_key(self, slug: str) -> bytes:
        """Return the 32 secret bytes that turn an engagement's ids into pseudonyms.

        They lie in `data/local/keys/`, not in the database: who gets hold of one alone cannot guess ids.

        Raises
        ------
        StoreError
            If the key is missing, saying what to restore.
        """
        with self._database.read() as connection:
            _engagements.require_engagement(connection, slug)
        return self._local.read_key(slug)

    def key_path(self, slug: str) -> Path:
        """Return the file of that key, for another process to read; it is there, and a key.

        Raises
        ------
        StoreError
            As `pseudonym_key`.
        """
        self.pseudonym_key(slug)
        return self._local.key_path(slug)

    def add_wave(self, slug: str, spec: WaveSpec, framework: FrameworkText | None = None) -> None:
        """Add a round of assessment after the others.

        `framework` (id, version, document) is what it is assessed with, where not with the engagement's.

        Raises
        ------
        ConflictError
            If the engagement has a wave of this id, or the framework's version is here with another text.
        """
        with self._database.write() as connection:
            used = _engagements.require_engagement(connection, slug)
            digest = None
            if framework is not None:
                id_, version, document = framework
                digest = _engagements.insert_framework(connection, id=id_, version=version, document=document)
            _engagements.insert_wave(connection, slug, spec, None if digest == used else digest)

    def framework(self, slug: str, wave: str) -> FrameworkRecord:
        """Return the framework that a wave is assessed with."""
        with self._database.read() as connection:
            key = _engagements.require_wave(connection, slug, wave)
            return _engagements.select_framework(connection, slug, key)

    def used_digest(self, framework_id: str, version: str) -> str | None:
        """Return the digest of a framework's version as it was used here; None if it never was."""
        with self._database.read() as connection:
            return _engagements.select_used_digest(connection, framework_id, version)

    def set_contact(self, slug: str, name: str) -> None:
        """Set whom respondents write to, over the one set before.

        Raises
        ------
        StoreError
            If it is no name of 1 to 200 characters.
        """
        name = _engagements.checked_contact(name)
        with self._database.write() as connection:
            _engagements.require_engagement(connection, slug)
            _engagements.write_contact(connection, slug, name)

    def waves(self, slug: str) -> list[WaveSpec]:
        """List the waves in the order in which they were added."""
        with self._database.read() as connection:
            _engagements.require_engagement(connection, slug)
            return _engagements.select_waves(connection, slug)

    def set_invited(self, slug: str, wave: str, cells: Sequence[tuple[Mapping[str, str], int]]) -> None:
        """Set how many were invited to a wave, by cell, over what was set before."""
        with self._database.write() as connection:
            key = _engagements.require_wave(connection, slug, wave)
            _engagements.write_invited(connection, key, cells)

    def invited(self, slug: str, wave: str) -> list[tuple[dict[str, str], int]]:
        """Return how many were invited to a wave, by cell; empty where nobody said."""
        with self._database.read() as connection:
            key = _engagements.require_wave(connection, slug, wave)
            return _engagements.select_invited(connection, key)

    def set_target(self, slug: str, id: str, level: float, because: str = "") -> None:
        """Set the level [1–5] that a step or item is to reach, over the one set before.

        Raises
        ------
        StoreError
            If the level is not on 1–5, or the id is not written like s3.i04.
        """
        spec = _engagements.checked_target(id, level, because)
        with self._database.write() as connection:
            _engagements.require_engagement(connection, slug)
            _engagements.write_target(connection, slug, id, spec)

    def targets(self, slug: str) -> dict[str, TargetSpec]:
        """Return the targets by step or item id."""
        with self._database.read() as connection:
            _engagements.require_engagement(connection, slug)
            return _engagements.select_targets(connection, slug)

    def set_assumption(self, slug: str, id: str, spec: AssumptionSpec) -> None:
        """Set a dated value; values of other dates stay, and the newest date counts.

        Raises
        ------
        StoreError
            If the id is not written like churn_rate.
        """
        spec = _engagements.checked_assumption(id, spec)
        with self._database.write() as connection:
            _engagements.require_engagement(connection, slug)
            _engagements.write_assumption(connection, slug, id, spec)

    def assumptions(self, slug: str) -> dict[str, AssumptionSpec]:
        """Return each assumption's newest value."""
        with self._database.read() as connection:
            _engagements.require_engagement(connection, slug)
            return _engagements.select_assumptions(connection, slug)

    # ── Commentary ──────────────────────────────────────────────────────────────────────────────

    def set_commentary(self, slug: str, wave: str, made: Commentary, *, author: str) -> Commentary:
        """Write the next version of what is said to a wave's report.

        Raises
        ------
        ConflictError
            If it does not come right after the newest: somebody else has saved meanwhile.
        """
        with self._database.write() as connection:
            key = _engagements.require_wave(connection, slug, wave)
            return _commentaries.write_commentary(connection, key, made, author)

    def commentary(self, slug: str, wave: str, version: int | None = None) -> Commentary:
        """Return one version of what is said to a wave's report, by default the newest; 0 is nothing yet."""
        with self._database.read() as connection:
            key = _engagements.require_wave(connection, slug, wave)
            return _commentaries.select_commentary(connection, key, version)

    def commentaries(self, slug: str, wave: str) -> tuple[Commentary, ...]:
        """Return every version, oldest first."""
        with self._database.read() as connection:
            key = _engagements.require_wave(connection, slug, wave)
            return _commentaries.select_versions(connection, key)

    # ── Comments ────────────────────────────────────────────────────────────────────────────────

    def reviews(self, slug: str, wave: str) -> dict[str, Review]:
        """Return what was said of each comment of a wave that was ever listed, by its digest."""
        with self._database.read() as connection:
            key = _engagements.require_wave(connection, slug, wave)
            return _comments.select_reviews(connection, key)

    def number_comments(self, slug: str, wave: str, found: Sequence[tuple[str, str]]) -> dict[str, Review]:
        """Number comments, pairs (digest, batch), and return what was said of each; numbers never change."""
        with self._database.write() as connection:
            key = _engagements.require_wave(connection, slug, wave)
            _comments.write_numbers(connection, key, found)
            return _comments.select_reviews(connection, key)

    def set_reviews(
        self, slug: str, wave: str, verdicts: Mapping[int, tuple[str, str]], *, author: str
    ) -> None:
        """Keep what is said of comments: number → "show" or "leave", and words to show instead, or none."""
        with self._database.write() as connection:
            key = _engagements.require_wave(connection, slug, wave)
            _comments.write_verdicts(connection, key, verdicts, author)

    # ── Releases ────────────────────────────────────────────────────────────────────────────────

    def add_release(self, slug: str, run: str, made: Mapping[str, Issued]) -> None:
        """Keep what a run shows, by wave; it is out once `mark_out` says so."""
        with self._database.write() as connection:
            for wave, one in made.items():
                key = _engagements.require_wave(connection, slug, wave)
                _releases.write_release(connection, run, key, one)

    def mark_out(self, run: str) -> None:
        """Say that a run is out; nothing where the store does not know it."""
        with self._database.write() as connection:
            _releases.mark_out(connection, run)

    def releases(self, slug: str, wave: str, run: str | None = None) -> dict[str, Issued]:
        """Return what is out of a wave by run, oldest first; or what one run shows of it, out or not."""
        with self._database.read() as connection:
            key = _engagements.require_wave(connection, slug, wave)
            return _releases.select_releases(connection, key, run=run)

    # ── Registers ───────────────────────────────────────────────────────────────────────────────

    def set_register(
        self, slug: str, name: str, rows: Sequence[Mapping[str, Any]], *, author: str
    ) -> RegisterRecord:
        """Write a register whole, as a new version, unless its rows are those of the newest.

        Assumptions are written beside those of other dates, too, of which the newest counts.
        """
        with self._database.write() as connection:
            _engagements.require_engagement(connection, slug)
            return _registers.write_register(connection, slug, name, rows, author)

    def register(self, slug: str, name: str, version: int | None = None) -> RegisterRecord | None:
        """Return one version of a register, by default the newest; None if it was never loaded."""
        with self._database.read() as connection:
            _engagements.require_engagement(connection, slug)
            return _registers.select_register(connection, slug, name, version)

    def registers(self, slug: str) -> dict[str, Kept]:
        """Return the newest version of every register that holds anything, by name.

        The assumptions are each one's newest value, those of the engagement file included.
        """
        with self._database.read() as connection:
            _engagements.require_engagement(connection, slug)
            return _registers.select_registers(connection, slug)

    def register_versions(self, slug: str) -> dict[str, int]:
        """Return the number of the newest version of every register that was loaded."""
        with self._database.read() as connection:
            return _registers.select_versions(connection, slug)

    # ── Import batches ──────────────────────────────────────────────────────────────────────────

    def staging(self) -> Path:
        """Return the folder where an import writes its Parquet file before `add_batch` takes it in."""
        self._local.create()
        return self._local.staging

    def add_batch(
        self,
        slug: str,
        wave: str,
        *,
        parquet: Path,
        source_name: str,
        source_sha256: str,
        mapping_document: str,
        declared: Mapping[str, Any],
        quality: Mapping[str, Any] | None = None,
        corrects: Mapping[str, str] | None = None,
    ) -> BatchRecord:
        """Take in a finished import: its Parquet file, its row and its respondents, all or nothing.

        Parameters
        ----------
        parquet
            A closed file in `staging()` with a text column `respondent`, one row a respondent. It is
            moved into the store; after a refusal it lies where it was.
        source_name, source_sha256
            Name and digest of the file that was imported.
        mapping_document
            The exact text of the mapping file.
        declared
            Items and constructs that the mapping declares, as JSON can hold them.
        quality
            What was told of the import, as JSON can hold it; the record keeps it.
        corrects
            For an import that takes the place of what its respondents answered before: the wave as it was
            looked at, its batches with the path of each. Undoing the batch gives back exactly what was there.

        Raises
        ------
        ConflictError
            If this file is in the wave already, or a respondent is: it names the other import. Of one that
            corrects, if the wave is no more as it was looked at.
        ContractError
            If the Parquet file is not what it should be.
        """
        parquet = Path(parquet)
        if parquet.parent.resolve() != self._local.staging.resolve():
            raise ContractError(f"{parquet} is not in the staging folder", fix="Write it to store.staging().")
        _engagements.storable(mapping_document, "the mapping")
        values = {
            "source_name": _batches.legible(source_name),
            "source_sha256": source_sha256,
            "mapping_digest": hashlib.sha256(mapping_document.encode()).hexdigest(),
            "mapping_document": mapping_document,
            "declared": _batches.as_json(declared),
        }
        order = _taking.Order(slug, wave, parquet, values, quality or {}, corrects)
        return _taking.take_in(self._database, self._local, order)

    def foresee(self, slug: str, wave: str, parquet: Path) -> None:
        """Raise what `add_batch` would raise because of the respondents in a finished file.

        Raises
        ------
        ConflictError
            If one of them is in the wave already, or twice in the file.
        """
        pseudonyms = _batches.Pseudonyms(Path(parquet))
        try:
            with self._database.read() as connection:
                key = _engagements.require_wave(connection, slug, wave)
                conflict = _batches.find_conflict(connection, slug, wave, key, pseudonyms)
        finally:
            pseudonyms.close()
        if conflict is not None:
            raise conflict

    def find_batch(self, slug: str, wave: str, source_sha256: str, mapping_digest: str) -> BatchRecord | None:
        """Find the active batch of the same source file and mapping, so that nothing goes in twice."""
        with self._database.read() as connection:
            key = _engagements.require_wave(connection, slug, wave)
            return _batches.select_same(connection, key, source_sha256, mapping_digest)

    def batches(self, slug: str, wave: str | None = None, *, undone: bool = False) -> list[BatchRecord]:
        """List the active batches in the order in which they came in; with `undone`, those as well."""
        with self._database.read() as connection:
            if wave is None:
                _engagements.require_engagement(connection, slug)
                key = None
            else:
                key = _engagements.require_wave(connection, slug, wave)
            state = None if undone else ACTIVE
            return _batches.select_batches(connection, slug, wave_key=key, state=state)

    def undo_batch(self, slug: str, batch_id: str | None = None) -> BatchRecord:
        """Undo an import, by default the latest: its answers are gone, and its respondents may answer again.

        Answers that it took the place of count again.

        Raises
        ------
        NotFoundError
            If there is no such batch, or it was undone already.
        ConflictError
            If a later one corrects it: that one goes first.
        """
        return _taking.undo(self._database, self._local, slug, batch_id)

    def batch_path(self, record: BatchRecord) -> Path:
        """Return where the Parquet file of a batch whose answers count is on this machine."""
        return self._local.root / record.path

    def figures_folder(self, slug: str) -> Path:
        """Return where figures of an engagement are kept on this machine; it need not be there."""
        return self._local.root / "figures" / slug

    # ── Care ────────────────────────────────────────────────────────────────────────────────────

    def orphans(self, *, older_than_seconds: float = SETTLED_SECONDS) -> list[Path]:
        """List files that no row needs: left by a crash, or staged and forgotten.

        Younger ones are left out, since an import that is running may be writing them.
        """
        return _upkeep.orphans(self._database, self._local, older_than_seconds)

    def sweep(self, *, older_than_seconds: float = SETTLED_SECONDS) -> list[Path]:
        """Remove the orphans and return them."""
        return _upkeep.sweep(self._database, self._local, older_than_seconds)

    def check(self) -> list[Problem]:
        """Look for damage: the database's own check, missing or changed files, missing keys.

        Returns
        -------
        One problem a finding; empty if all is well. Reads every batch file from end to end.
        """
        return _upkeep.check(self._database, self._local)
