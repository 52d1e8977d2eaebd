"""One job done by one worker: the report made, or the cause kept; whatever happens, an answer."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from cxlib.errors import CxError, KernelError
from cxlib.opening import open_live
from cxlib.run.jobs import Job, branding_for, made
from cxlib.run.memory import forget_peak, peak_mb
from cxlib.run.reports import MAKING, MANIFEST, make_report
from cxlib.settings import Settings

State = Literal["done", "skipped", "failed"]
FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes
    ----------
    state : done, skipped because a run of its key is there, or failed.
    run : id of the run, where there is one.
    seconds : of each notebook and of what comes after them; `total` is the whole job's.
    peak_mb : highest resident memory of the worker during the job, in MB of 10⁶ bytes, without its kernels;
        None where the system does not tell.
    kernels_mb : the same of each notebook's kernel, where the report was made; None of one not known.
    files : SHA-256 of what the run holds, by path.
    cause : why it failed, in one line; `kept` is the folder of what was left.
    is_known : whether the cause would be the same again, such as a cell that fails: no further try is made.
    """

    key: str
    state: State
    run: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    peak_mb: float | None = None
    kernels_mb: dict[str, float | None] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    cause: str = ""
    kept: str = ""
    is_known: bool = False

    def to_plain(self) -> dict[str, Any]:
        return asdict(self)


def work(job: Job, settings: Settings, *, at_once: int = 1) -> Outcome:
    """Make the report of a job, unless a run of its key is there.

    Two workers with the same job, of one batch or of two, wait for each other: the second finds the run.
    Raises nothing but what ends the process.
    """
    try:
        return _work_alone(job, settings, at_once)
    except OSError as error:
        # Of the job's own folder or lock: a full disk, or somebody else's rights.
        return Outcome(job.key, "failed", cause=_first_line(f"{type(error).__name__}: {error}"))


def _work_alone(job: Job, settings: Settings, at_once: int) -> Outcome:
    place = settings.runs / job.engagement / job.wave
    place.mkdir(parents=True, exist_ok=True)
    with FileLock(place / f".{job.key}.lock"):
        _clear(place, job)
        if there := made(job, settings):
            return Outcome(job.key, "skipped", there.name)
        found = _made_now(job, settings, at_once)
        # A kernel outlives its killed worker by a moment, and may have written once more.
        _clear(place, job)
        return found


def _clear(place: Path, job: Job) -> None:
    """Remove what a killed worker left: whoever holds the lock is the only one at work on a key."""
    for left in place.glob(f"{MAKING}{job.key}-*"):
        shutil.rmtree(left, ignore_errors=True)


def _made_now(job: Job, settings: Settings, at_once: int) -> Outcome:
    forget_peak()
    started = time.perf_counter()
    kept = settings.runs / FAILED / job.engagement / job.wave / job.key
    shutil.rmtree(kept, ignore_errors=True)
    try:
        with open_live(job.engagement, wave=job.wave, settings=settings) as eng:
            run = make_report(
                eng,
                settings,
                names=list(job.notebooks) or None,
                segment=job.segment or None,
                formats=job.formats,
                branding=branding_for(job, settings),
                job=job.key,
                keep=kept,
                at_once=at_once,
            )
    except Exception as error:
        known = isinstance(error, CxError) and not isinstance(error, KernelError)
        cause = error.headline if isinstance(error, CxError) else f"{type(error).__name__}: {error}"
        with suppress(OSError):
            # A full disk keeps the cause in the manifest alone.
            kept.mkdir(parents=True, exist_ok=True)
            (kept / "cause.txt").write_text(f"{job.name}\n{cause}\n", encoding="utf-8")
        return Outcome(
            job.key, "failed", cause=_first_line(cause), is_known=known,
            kept=str(kept) if kept.is_dir() else "",
            seconds={"total": round(time.perf_counter() - started, 2)}, peak_mb=peak_mb(),
        )  # fmt: skip
    files = json.loads((run.folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    seconds = {**run.seconds, "total": round(time.perf_counter() - started, 2)}
    return Outcome(job.key, "done", run.id, seconds, peak_mb(), run.kernels_mb, files)


def _first_line(cause: str) -> str:
    return next((line for line in cause.splitlines() if line.strip()), "no cause is told")[:500]


def settle_in() -> None:
    """Load what every job needs, in a worker that is about to take its first."""
    import cxlib.run.settled  # noqa: F401
