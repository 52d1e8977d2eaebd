"""One survey file on its way into the store: converted, held against what is there, taken in; or left."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxlib.choosing import chosen_rows
from cxlib.collecting import collect
from cxlib.correcting import Difference, difference
from cxlib.datasets import Part, convert_dataset
from cxlib.declarations import Document, WaveSpec
from cxlib.errors import ConflictError, ContractError, IngestError
from cxlib.framework import Framework
from cxlib.ingest import Imported, convert
from cxlib.mapping import MappingSpec
from cxlib.rejects import rejects_path
from cxlib.store import BatchRecord

if TYPE_CHECKING:
    from cxlib.live import LiveEngagement

REFUSE, COLLECT = "refuse", "collect"


@dataclass(frozen=True)
class How:
    """How a file is to be imported.

    Attributes
    ----------
    dry_run : only say what would happen.
    on_error : "refuse" the file where a row breaks the mapping, or "collect" such rows and keep the others.
    rejects : where the rows that were left out are written; by default beside the file.
    force : write over such a file.
    drop : kinds of responses that are left out; see :mod:`cxlib.screening`.
    correct : let the file replace what its respondents answered before in this wave.
    confirm : asked before anything is replaced, with what would be; by default nobody is asked.
    progress : called with bytes read and bytes in all.
    """

    dry_run: bool = False
    on_error: str = REFUSE
    rejects: Path | None = None
    force: bool = False
    drop: tuple[str, ...] = ()
    correct: bool = False
    confirm: Callable[[Difference], bool] | None = None
    progress: Callable[[int, int], None] | None = None

    def __post_init__(self) -> None:
        if self.on_error not in (REFUSE, COLLECT):
            raise ContractError(
                f"on_error is {self.on_error!r}; expected {REFUSE!r} or {COLLECT!r}",
                fix=f"Refuse a file with a bad row, or collect such rows: on_error={COLLECT!r}.",
            )


@dataclass(frozen=True)
class Import:
    """What an import did, or would do.

    `state` is "imported", "unchanged", "declined" or "dry run"; `change` what it replaces, where it corrects;
    `rejects` the file of the rows that were left out, if any were.
    """

    state: str
    wave: str
    batch: BatchRecord | None
    found: Imported | None
    change: Difference | None = None
    rejects: Path | None = None


def unchanged(same: BatchRecord, how: How) -> Import:
    """Answer for a file that is in its wave already.

    Raises
    ------
    ConflictError
        If it came in with another choice of what to leave out; or it is to correct, and what it says was
        corrected since: nobody can be told that it is so.
    """
    choice = tuple(same.quality.get("screening", {}).get("choice", ()))
    if choice != how.drop:
        was, now = (f"--drop {','.join(one)}" if one else "nothing left out" for one in (choice, how.drop))
        raise ConflictError(
            f"{same.source_name} is in wave {same.wave} already, as batch {same.id}, with {was}; "
            f"asked for: {now}",
            fix=f"Undo it first (cx undo … --batch {same.id}), and import it again.",
        )
    if how.correct and same.rows < same.rows_imported:
        gone = same.rows_imported - same.rows
        raise ConflictError(
            f"{same.source_name} is in wave {same.wave} already, as batch {same.id}, and {gone:,} of its "
            f"{same.rows_imported:,} responses were replaced by a later import",
            fix="To have them back, undo that later import: cx undo … --batch.",
        )
    return Import("unchanged", same.wave, same, None)


@dataclass(frozen=True)
class Intake:
    """A file, its digest and mapping, the wave it belongs to and what that is asked; `parts` of a folder."""

    eng: LiveEngagement
    wave: str
    is_known: bool
    path: Path
    parts: tuple[Part, ...]
    digest: str
    document: Document
    spec: MappingSpec
    asked: Framework
    how: How

    def run(self) -> Import:
        """Import it; see :meth:`cxlib.live.LiveEngagement.import_file`."""
        self._check()
        store, how, slug = self.eng.store, self.how, self.eng.slug
        instrument = replace(self.eng.instrument, framework=self.asked).declare(self.spec)
        staged = store.staging() / f"{self.digest[:16]}-{self.document.digest[:16]}-{os.getpid()}.parquet"
        ready, made, written = staged, None, None
        try:
            found = self._convert(staged)
            written = self._rejects() if found.rejected else None
            if found.source_sha256 != self.digest:
                raise IngestError(f"{self.path.name} changed while it was read", fix="Import it again.")
            change, held = None, store.batches(slug, self.wave) if self.is_known else []
            if how.correct:
                ready = staged.with_suffix(".kept.parquet")
                change = difference(staged, [(one, store.batch_path(one)) for one in held], ready)
            elif how.dry_run and self.is_known:
                store.foresee(slug, self.wave, staged)
            made = self._left(found, change, written)
            if made is not None:
                return made
            if not self.is_known:
                text = (self.asked.id, self.asked.version, self.asked.document.text)
                store.add_wave(slug, WaveSpec(id=self.wave), text)
            batch = store.add_batch(
                slug,
                self.wave,
                parquet=ready,
                source_name=self.path.name,
                source_sha256=self.digest,
                mapping_document=self.document.text,
                declared={**instrument.to_plain(), **_questions(self.spec)},
                quality=account(found, change),
                corrects={one.id: one.path for one in held} if how.correct else None,
            )
            made = Import("imported", self.wave, batch, found, change, written)
            return made
        finally:
            staged.unlink(missing_ok=True)
            ready.unlink(missing_ok=True)
            # Nothing was imported: then nothing of it lies about.
            if written is not None and (made is None or made.rejects is None):
                written.unlink(missing_ok=True)

    def _check(self) -> None:
        if self.how.on_error == COLLECT and self.parts:
            raise IngestError(
                f"{self.path.name}/ is a dataset in parts: rows are collected from one file",
                fix="Import it without --on-error collect, or write it as one file.",
            )
        if self.how.drop and self.parts:
            raise IngestError(
                f"{self.path.name}/ is a dataset in parts, which are read by themselves: who hurried or "
                "stands twice is known of one file",
                fix="Leave such rows out before the parts are written, or import one file.",
            )
        if self.how.correct and self.spec.id is None:
            raise IngestError(
                f"{self.path.name} cannot correct anything: mapping {self.spec.mapping} names no `id`, so "
                "nobody can tell whose earlier answers a row replaces",
                fix="Map the column that holds the respondents' ids; or undo the earlier import (cx undo), "
                "and import the corrected file whole.",
            )

    def _rejects(self) -> Path | None:
        if self.how.on_error != COLLECT or self.how.dry_run:
            return None
        return self.how.rejects or rejects_path(self.path, self.spec.source)

    def _convert(self, out: Path) -> Imported:
        how: dict[str, Any] = {
            "scales": self.asked.scales,
            "roles": list(self.eng.spec.roles),
            "segments": list(self.eng.spec.segments),
            "out": out,
            "progress": self.how.progress,
        }
        if self.parts:
            key = self.eng.store.key_path(self.eng.slug)
            return convert_dataset(
                self.parts, self.path.name, self.spec, key=key, spread=self.eng.spread, **how
            )
        how["key"] = self.eng.store.pseudonym_key(self.eng.slug)
        screening = None
        if self.how.drop:
            about = {name: how[name] for name in ("scales", "roles", "segments", "key")}
            screening, how["left_out"] = chosen_rows(self.path, self.spec, self.how.drop, **about)
        if self.how.on_error == COLLECT:
            found = collect(self.path, self.spec, rejects=self._rejects(), force=self.how.force, **how)
        else:
            found = convert(self.path, self.spec, **how)
        # What was left out is none of what was converted, and counts among what was found.
        return found if screening is None else replace(found, screening=screening)

    def _left(self, found: Imported, change: Difference | None, written: Path | None) -> Import | None:
        """Say why nothing is taken in; None where it is."""
        if self.how.dry_run:
            return Import("dry run", self.wave, None, found, change)
        if change is not None and change.is_none:
            return Import("unchanged", self.wave, None, found, change, written)
        if change is not None and self.how.confirm is not None and not self.how.confirm(change):
            return Import("declined", self.wave, None, found, change)
        return None


def account(found: Imported, change: Difference | None) -> dict[str, Any]:
    """Say of an import what its record keeps, as plain data: what was read, left out, converted, replaced."""
    told: dict[str, Any] = {
        "read": found.rows + found.rejected,
        "rejected": found.rejected,
        "reasons": dict(found.reasons),
        "empty": found.empty,
        "converted": [list(one) for one in found.converted],
    }
    if found.screening is not None:
        told["screening"] = found.screening.to_plain()
    if found.is_back:
        told["is_back"] = True
    if change is not None:
        told["corrected"] = {
            "new": change.new,
            "replaced": change.replacing,
            "identical": change.identical,
            "changed": dict(change.changed),
            "lost": dict(change.lost),
        }
    return told


def _questions(spec: MappingSpec) -> Mapping[str, list[dict[str, Any]]]:
    """Return the open questions of a mapping as plain data; nothing where it has none."""
    asked = [{"id": one.id, "text": one.text} for one in spec.comments]
    return {"questions": asked} if asked else {}
