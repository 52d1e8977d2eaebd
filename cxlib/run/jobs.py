"""What a batch is to do: pure descriptions of reports, from the command line or from a plan file.

A job's key is a hash of everything that its report depends on: notebooks, package, the libraries it needs,
template, framework, what the store holds of the engagement, and parameters. The same key gives the same
report; so one that is there is not made again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from cxlib.branding import Branding, find_branding, read_branding
from cxlib.declarations import Dimension, Model, Name, Slug, read_document, validate
from cxlib.errors import DeclarationError, NotFoundError, Problem, nearest
from cxlib.live import LiveEngagement
from cxlib.provenance import digest, made_by, tree
from cxlib.run.reports import MANIFEST
from cxlib.segments import units_of
from cxlib.settings import Settings
from cxlib.store import Store

# A YAML file below CX_HOME: no step of its path leads out of it.
WITHIN = r"^[A-Za-z0-9_-]+(?:[./][A-Za-z0-9_-]+)*\.ya?ml$"


@dataclass(frozen=True)
class Job:
    """One report to make.

    Attributes
    ----------
    engagement, wave : as the store knows them.
    segment : dimension and unit of a report on one unit; empty for the whole.
    notebooks : names; empty for all that belong to the wave.
    formats : what is made of it beside the executed notebooks and the manifest.
    branding : a branding file, from CX_HOME; by default its branding.yaml, if it is there.
    key : hash of all that the report depends on, hexadecimal.
    """

    engagement: str
    wave: str
    segment: tuple[str, str] | tuple[()] = ()
    notebooks: tuple[str, ...] = ()
    formats: tuple[str, ...] = ("html", "json")
    branding: str = ""
    key: str = ""

    @property
    def name(self) -> str:
        """The job as a person reads it."""
        return " ".join([self.engagement, self.wave, *([": ".join(self.segment)] if self.segment else [])])

    def to_plain(self) -> dict[str, Any]:
        return asdict(self)


class Entry(Model):
    """An entry of a plan file: an engagement, and of which waves and units reports are made."""

    engagement: Slug
    waves: list[Slug] = []
    segments: list[Dimension] = []
    notebooks: list[Name] = []
    branding: Annotated[str, StringConstraints(pattern=WITHIN)] | None = None


class Plan(Model):
    """A plan file: the reports of one night."""

    reports: Annotated[list[Entry], Field(min_length=1)]


def read_plan(path: Path) -> Plan:
    """Read and check a plan file.

    Raises
    ------
    DeclarationError
        Naming file, line, field, found and expected.
    """
    return validate(Plan, read_document(path))


def plan_of(
    engagements: Iterable[str],
    *,
    waves: Sequence[str] = (),
    segments: Sequence[str] = (),
    notebooks: Sequence[str] = (),
) -> Plan:
    """Write a plan for engagements that are all treated alike."""
    entries = [
        Entry(engagement=one, waves=list(waves), segments=list(segments), notebooks=list(notebooks))
        for one in engagements
    ]
    return Plan(reports=entries)


def jobs_of(plan: Plan, settings: Settings, *, formats: Sequence[str] = ("html", "json")) -> list[Job]:
    """List the jobs of a plan, each once, in its order.

    Without waves, an entry means the latest wave with answers; with segments, a report on each unit that is
    shown stands beside the whole.

    Raises
    ------
    DeclarationError
        Naming every engagement, wave, segment or notebook that is not there.
    """
    found: dict[Job, None] = {}
    problems: list[Problem] = []
    with Store.open(settings) as store:
        known = [one.slug for one in store.engagements()]
        for place, entry in enumerate(plan.reports, 1):
            try:
                if entry.engagement not in known:
                    raise NotFoundError(
                        f"no engagement {entry.engagement!r}{nearest(entry.engagement, known)}"
                    )
                found |= dict.fromkeys(_jobs(entry, store, settings, tuple(formats)))
            except NotFoundError as error:
                problems.append(Problem(f"report {place}", error.headline))
    if problems:
        raise DeclarationError(
            f"the plan names what is not there ({len(problems)} of {len(plan.reports)} reports)",
            problems=problems,
            fix="Correct the plan; nothing was made.",
        )
    return list(found)


def _jobs(entry: Entry, store: Store, settings: Settings, formats: tuple[str, ...]) -> list[Job]:
    out = []
    for wave in entry.waves or [None]:
        eng = LiveEngagement(store, entry.engagement, wave)
        job = Job(entry.engagement, eng.wave_id, (), tuple(entry.notebooks), formats, entry.branding or "")
        try:
            units = [(dim, unit) for dim in entry.segments for unit in units_of(eng.extract, dim)]
        except NotFoundError:
            raise
        except Exception:
            # Damaged answers are this client's failure, told by its report, and not the whole night's.
            units = []
        out += [keyed(replace(job, segment=segment), eng, settings) for segment in ((), *units)]
    return out


def keyed(job: Job, eng: LiveEngagement, settings: Settings) -> Job:
    """Return the job with its key, for what the store holds now.

    The extract itself is not made for it: its bits follow from the framework, what the store holds, and code.

    Raises
    ------
    NotFoundError
        If a notebook is named that is not there.
    """
    there = {path.stem: path for path in sorted(settings.notebooks.glob("[0-9]_*.ipynb"))}
    for name in job.notebooks:
        if name not in there:
            raise NotFoundError(f"no notebook {name!r}{nearest(name, there)}")
    parts = {
        "job": {**job.to_plain(), "key": ""},
        "notebooks": {name: digest(there[name].read_bytes()) for name in job.notebooks or there},
        **made_by(),
        "template": tree(settings.template),
        "framework": eng.framework.digest,
        "engagement": eng.fingerprint,
        "branding": {name: digest(data) for name, data in branding_for(job, settings).files},
    }
    return replace(job, key=digest(json.dumps(parts, sort_keys=True, default=str).encode())[:20])


def branding_for(job: Job, settings: Settings) -> Branding:
    """Return the look of a job's report: its own, or that of the whole installation.

    Raises
    ------
    CxError
        If the file it names is not there, or cannot be used.
    """
    return read_branding(settings.home / job.branding) if job.branding else find_branding(settings.home)


def made(job: Job, settings: Settings) -> Path | None:
    """Return the run folder that a job of this key made, if it is there.

    A run appears by one rename, when it is whole: a manifest that is there is the manifest of a whole run.
    """
    # With a point before its name it is in the making, or being removed, and may hold a manifest.
    for path in sorted(settings.runs.glob(f"{job.engagement}/{job.wave}/[!.]*/{MANIFEST}"), reverse=True):
        try:
            if json.loads(path.read_text(encoding="utf-8")).get("job") == job.key:
                return path.parent
        except (OSError, ValueError):
            continue
    return None
