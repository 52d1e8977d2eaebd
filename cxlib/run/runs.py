"""Published runs: list them, export one, and approve one, which until then is a draft and says so."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cxlib.engagement import Engagement
from cxlib.errors import NotFoundError, ReportError, nearest
from cxlib.extract import read_extract
from cxlib.frames import WAVE
from cxlib.outgoing import check_against_out
from cxlib.run.exporting import FILES, exports_of, report_of
from cxlib.run.pages import framed
from cxlib.run.reports import (
    MANIFEST,
    REPORT,
    RESULTS,
    branding_of,
    digests,
    manifest_text,
    read_results,
    sha256_of,
    written,
)
from cxlib.settings import Settings
from cxlib.store import Store

# What stands beside the engagements' folders.
BESIDE = frozenset({"bench", "batches", "failed"})
# How the folder of a run is called while it is being removed.
GONE = ".gone-"


@dataclass(frozen=True)
class Published:
    """A run as its manifest tells it; `trouble` says why it could not be read, and the rest is empty then."""

    id: str
    folder: Path
    engagement: str
    wave: str
    made_at: str = ""
    approved_by: str = ""
    approved_at: str = ""
    commentary: int = 0
    bytes: int = 0
    segment: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def is_draft(self) -> bool:
        return not self.approved_at


def find_runs(settings: Settings, engagement: str | None = None) -> list[Published]:
    """Return every run under `reports/out`, the newest of an engagement's waves first."""
    folders = settings.runs.glob(f"{engagement or '*'}/*/*/") if settings.runs.is_dir() else []
    found = [
        _published(path) for path in folders if path.name[0] != "." and path.parent.parent.name not in BESIDE
    ]
    return sorted(found, key=lambda one: (one.engagement, one.id), reverse=True)


def find_run(settings: Settings, name: str) -> Published:
    """Return a run by its id, or the latest run of an engagement by its name: of the whole, not of a unit.

    Raises
    ------
    NotFoundError
        If there is none, naming the nearest.
    """
    every = find_runs(settings)
    found = [one for one in every if name == one.id or (name == one.engagement and not one.segment)]
    if not found:
        known = [*dict.fromkeys(one.engagement for one in every), *(one.id for one in every)]
        raise NotFoundError(
            f"no run {name!r}{nearest(name, known)}", fix="`cx runs` lists them; `cx report` makes one."
        )
    return max(found, key=lambda one: one.id)


def approve(settings: Settings, name: str, *, by: str, now: dt.datetime | None = None) -> Published:
    """Approve a run: page and exports are written again from its own folder, without the word draft.

    No figure changes: results, notebooks and extract have to be what the manifest says they are, and so have
    the exports, since what somebody wrote into one of them would be lost. A run that is approved already
    stays as it is.

    Raises
    ------
    NotFoundError
        If there is no such run.
    ReportError
        If one of its files is not what the manifest says; the run stays the draft that it was.
    AnonymityError
        If beside a run that was approved meanwhile it would tell on a few people.
    """
    found = _readable(settings, name)
    if not found.is_draft:
        return found
    manifest = unchanged(found, {REPORT})
    moment = now or dt.datetime.now(dt.UTC)
    approved = {
        "by": by,
        "at": moment.isoformat(timespec="seconds"),
        "results": manifest["files"].get(RESULTS),
    }
    there = [one for one, file in FILES.items() if file in manifest["files"]]
    _publish(
        found,
        {**manifest, "approved": approved},
        there,
        with_page=True,
        before=lambda eng: _let_out(settings, found, eng),
    )
    return _published(found.folder)


def export(
    settings: Settings, name: str, formats: Sequence[str], *, say: Callable[[str], None] = lambda line: None
) -> tuple[Published, list[Path]]:
    """Write a run that is there in more formats, from its own folder; what is there of these is replaced.

    Returns
    -------
    The run, and the files in the order asked for; a page that is there stays as it is.

    Raises
    ------
    NotFoundError
        If there is no such run.
    ReportError
        If another of its files is not what the manifest says, or figures are asked for that it was made
        without; nothing is written then.
    """
    found = _readable(settings, name)
    manifest = unchanged(found, {FILES[one] for one in formats if one in FILES})
    if "json" in formats:
        read_results(found.folder)
    # A batch may have made a run without its page.
    with_page = "html" in formats and REPORT not in manifest["files"]
    _publish(found, manifest, formats, with_page=with_page, say=say)
    names = {"html": REPORT, "json": RESULTS, **FILES}
    return _published(found.folder), [found.folder / names[one] for one in formats]


def _readable(settings: Settings, name: str) -> Published:
    found = find_run(settings, name)
    if found.trouble:
        raise ReportError(f"run {found.id}: {found.trouble}", fix="Make the report again.")
    return found


def unchanged(found: Published, anew: Set[str] = frozenset()) -> dict[str, Any]:
    """Return a run's manifest, once every file is what it says; those of `anew` are written again anyway.

    Whatever a crash between the writing of these and of the manifest left is written over.
    """
    manifest: dict[str, Any] = json.loads((found.folder / MANIFEST).read_text(encoding="utf-8"))
    told, there = (
        {**files, **dict.fromkeys(anew, "")} for files in (manifest["files"], digests(found.folder))
    )
    if changed := sorted(name for name in {*told, *there} if told.get(name) != there.get(name)):
        exported = set(changed) <= set(FILES.values())
        raise ReportError(
            f"run {found.id} was changed after it was made: {', '.join(changed[:5])}",
            fix="Keep your copy elsewhere, and write it anew: cx export RUN --to FORMAT."
            if exported
            else "Only what was made can be approved or exported: make the report again.",
        )
    return manifest


def _publish(
    found: Published,
    manifest: dict[str, Any],
    formats: Sequence[str],
    *,
    with_page: bool = False,
    before: Callable[[Engagement], None] = lambda eng: None,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Write what is asked for and the manifest; all is made, and `before` agrees, ahead of any change."""
    folder = found.folder
    eng = Engagement(read_extract(folder / "extract"), manifest["wave"])
    said, look = written(folder, found.id, eng, is_draft=not manifest["approved"]), branding_of(folder)
    report = report_of(said, look, dt.datetime.fromisoformat(manifest["made_at"]))
    files, _ = exports_of(report, partial(read_results, folder), formats, say=say)
    if with_page:
        files[REPORT] = framed(said, look).encode()
    before(eng)
    for name, data in files.items():
        _replace(folder / name, data)
    digested = {**manifest["files"], **{name: sha256_of(folder / name) for name in files}}
    told = {**manifest, "files": dict(sorted(digested.items()))}
    _replace(folder / MANIFEST, manifest_text(told).encode())


def _let_out(settings: Settings, run: Published, eng: Engagement) -> None:
    """Hold a run against what is out of its waves, and count it among that from now on.

    A run whose engagement this store does not know was made elsewhere, and is that store's to check.
    """
    with Store.open(settings) as store:
        if run.engagement not in {one.slug for one in store.engagements()}:
            return
        waves = [wave.id for wave in store.waves(run.engagement)]
        issued = {
            wave: one for wave in waves for one in store.releases(run.engagement, wave, run.id).values()
        }
        shown = set(eng.extract.release.groups[WAVE])
        if shown - set(issued):
            raise ReportError(
                f"run {run.id}: the store does not know of whom it shows figures, so it cannot be held "
                "against what is out",
                fix="Make the report again, and approve that.",
            )
        smallest = store.engagement(run.engagement).spec.anonymity
        check_against_out(store, run.engagement, issued, smallest)
        store.mark_out(run.id)


def compare_runs(settings: Settings, before: str, after: str) -> list[str]:
    """Say in lines what differs between the results of two runs; none where they are the same.

    Raises
    ------
    NotFoundError
        If there is no such run, or it has no results.
    """
    held = []
    for name in (before, after):
        path = find_run(settings, name).folder / RESULTS
        if not path.is_file():
            raise NotFoundError(f"run {name!r} has no {RESULTS}", fix="Make it with --to json.")
        held.append(json.loads(path.read_text(encoding="utf-8")))
    return list(_differences("", *held))


def _differences(where: str, before: Any, after: Any) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from _differences(f"{where}.{key}".strip("."), before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list):
        if len(before) != len(after):
            yield f"{where}: {len(before)} rows, then {len(after)}"
        for place, pair in enumerate(zip(before, after, strict=False)):
            yield from _differences(f"{where}[{place}]", *pair)
    elif before != after:
        yield f"{where}: {before}, then {after}"


def prune_runs(
    settings: Settings, engagement: str | None, *, keep: int, dry_run: bool = False
) -> list[Published]:
    """Remove the older drafts of each wave and unit, all but the newest `keep`; approved runs stay.

    Returns
    -------
    The runs that are removed, or would be.
    """
    by_place: dict[tuple[str, str, tuple[str, ...]], list[Published]] = {}
    for one in find_runs(settings, engagement):
        if one.is_draft and not one.trouble:
            by_place.setdefault((one.engagement, one.wave, one.segment), []).append(one)
    gone = [one for runs in by_place.values() for one in runs[keep:]]
    if dry_run:
        return gone
    for left in settings.runs.glob(f"{engagement or '*'}/*/{GONE}*"):
        # Of a prune that was killed: nobody sees it any more.
        shutil.rmtree(left, ignore_errors=True)
    for one in gone:
        # Renamed first: what a reader or a batch finds is whole, or not there.
        hidden = one.folder.with_name(f"{GONE}{one.folder.name}")
        one.folder.rename(hidden)
        shutil.rmtree(hidden)
    return gone


def _replace(path: Path, data: bytes) -> None:
    """Write a file beside its place and rename it: whoever opens it sees the old one or the new one."""
    part = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _published(folder: Path) -> Published:
    where = (folder.name, folder, folder.parent.parent.name, folder.parent.name)
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        approved = manifest.get("approved") or {}
        return Published(
            *where,
            made_at=manifest["made_at"],
            approved_by=approved.get("by", ""),
            approved_at=approved.get("at", ""),
            commentary=int(manifest.get("commentary", 0)),
            segment=tuple(manifest.get("segment", ())),
            bytes=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Published(*where, trouble=f"its manifest cannot be read ({type(error).__name__})")
