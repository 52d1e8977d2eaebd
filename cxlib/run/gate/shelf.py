"""What a run has for a client: its page, its exports, and what a cover says of it. Nothing else is served.

A file is handed out if the run's manifest names it and it is what the manifest says; notebooks, extract and
whatever lies about in the folder are not even looked at.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from cxlib.errors import ReportError
from cxlib.run.exporting import FILES
from cxlib.run.gate.rules import ALPHABETS
from cxlib.run.reports import MANIFEST, REPORT, RESULTS
from cxlib.settings import Settings
from cxlib.store import Publication

# In the order in which a reader wants them.
KINDS: Final = {
    FILES["pdf"]: "application/pdf",
    FILES["docx"]: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    FILES["xlsx"]: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    FILES["pptx"]: "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    REPORT: "text/html; charset=utf-8",
    RESULTS: "application/json",
}


@dataclass(frozen=True)
class File:
    """A file of a run: its name, which is one of :data:`KINDS`, and its size [B]."""

    name: str
    bytes: int


@dataclass(frozen=True)
class Edition:
    """A run as its client knows it; texts are as a person typed them, and safe only once escaped.

    Attributes
    ----------
    unit : of a report on one unit: what it is called; empty for the whole.
    date : of the wave, where it has one.
    files : what may be downloaded.
    """

    run: str
    engagement: str
    wave: str
    folder: Path
    client: str
    wave_name: str
    unit: str
    date: dt.date | None
    language: str
    framework: str
    made_at: dt.datetime
    approved_at: dt.datetime | None
    files: tuple[File, ...]

    @property
    def is_draft(self) -> bool:
        return self.approved_at is None

    def file_name(self, name: str) -> str:
        """Return what a download is called on the reader's machine."""
        ending = name.rpartition(".")[2]
        unit = "-".join(re.findall(r"[a-z0-9]+", self.unit.lower()))[:40]
        return "-".join(part for part in (self.engagement, self.wave, unit) if part) + f".{ending}"


def published(settings: Settings, records: Iterable[Publication]) -> list[Edition]:
    """Return the published runs that are there and whole, the newest wave first, then the whole before units.

    One that cannot be read is left out: a client's page does not fail for it, and `cx runs` says why.
    """
    found = []
    for one in records:
        try:
            found.append(edition(settings.runs / one.engagement / one.wave / one.run))
        except ReportError:
            continue
    return sorted(
        (one for one in found if not one.is_draft),
        key=lambda one: (one.date or dt.date.min, one.wave, not one.unit, one.run),
        reverse=True,
    )


def edition(folder: Path) -> Edition:
    """Return a run as its client knows it.

    Raises
    ------
    ReportError
        If it is not there, or not whole.
    """
    try:
        changed = (folder / MANIFEST).stat().st_mtime_ns
        return _edition(folder, changed)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReportError(
            f"run {folder.name} cannot be read ({type(error).__name__})", fix="Make the report again."
        ) from None


@lru_cache(maxsize=1024)
def _edition(folder: Path, changed: int) -> Edition:
    if not re.fullmatch(ALPHABETS["run"], folder.name):
        raise ValueError(folder.name)
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    facts: dict[str, Any] = json.loads((folder / "extract" / "extract.json").read_text(encoding="utf-8"))
    wave = next(one for one in facts["waves"] if one["id"] == facts["wave"])
    approved = (manifest["approved"] or {}).get("at")
    # A run that was put into another client's folder is nobody's.
    if (manifest["engagement"], manifest["wave"]) != (folder.parent.parent.name, folder.parent.name):
        raise ValueError(folder.name)
    segment = [str(one) for one in manifest.get("segment", ())]
    return Edition(
        run=folder.name,
        engagement=manifest["engagement"],
        wave=manifest["wave"],
        folder=folder,
        client=str(facts["client"]),
        wave_name=str(wave["name"] or wave["id"]),
        unit=segment[1] if segment else "",
        date=dt.date.fromisoformat(wave["date"]) if wave["date"] else None,
        language=str(facts["language"]),
        framework=" ".join(str(facts["framework"]).split()[:2]),
        made_at=dt.datetime.fromisoformat(manifest["made_at"]),
        approved_at=dt.datetime.fromisoformat(approved) if approved else None,
        files=tuple(
            File(name, (folder / name).stat().st_size)
            for name in KINDS
            if name in manifest["files"] and (folder / name).is_file()
        ),
    )


def unchanged(one: Edition, folder: str) -> None:
    """Hold that every file below a folder of a run is what its manifest says, and that none was added.

    Raises
    ------
    ReportError
        Naming the first that is not.
    """
    try:
        told = json.loads((one.folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        there = {
            path.relative_to(one.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (one.folder / folder).rglob("*")
            if path.is_file()
        }
    except (OSError, ValueError, KeyError) as error:
        raise ReportError(f"run {one.run}: {folder} cannot be read ({type(error).__name__})") from None
    wanted = {name: digest for name, digest in told.items() if name.startswith(f"{folder}/")}
    if wrong := sorted({*wanted.items()} ^ {*there.items()}):
        raise ReportError(
            f"run {one.run}: {wrong[0][0]} is not what its manifest says", fix="Make the report again."
        )


def read(one: Edition, name: str) -> bytes:
    """Return a file of a run.

    Raises
    ------
    ReportError
        If the run has no such file, or it is not what the manifest says: changed by hand, or being replaced.
    """
    if name not in {file.name for file in one.files}:
        raise ReportError(f"run {one.run} has no {name}", fix="`cx export` makes it.")
    try:
        manifest = json.loads((one.folder / MANIFEST).read_text(encoding="utf-8"))
        data = (one.folder / name).read_bytes()
        told = manifest["files"].get(name)
    except (OSError, ValueError, KeyError) as error:
        raise ReportError(f"run {one.run}: {name} cannot be read ({type(error).__name__})") from None
    if hashlib.sha256(data).hexdigest() != told:
        raise ReportError(
            f"run {one.run}: {name} is not what its manifest says", fix="Write it anew with `cx export`."
        )
    return data
