"""Many reports: jobs handed to workers, each outcome written down as it comes, a few tries and no more.

    reports/out/batches/<batch>.jsonl    what happened, a line an event, never rewritten
    reports/out/failed/<engagement>/…    what a failed job left, and its cause

Workers are processes of this machine, or those of a Dask cluster; the jobs are the same. A batch that was
killed is begun again by the same command: what is there is skipped, so only what was in flight is redone.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

from cxlib.errors import SettingsError
from cxlib.run.jobs import Job, made
from cxlib.run.kernels.forking import kept_warm
from cxlib.run.spread import connected
from cxlib.run.work import Outcome, settle_in, work
from cxlib.settings import Settings

BATCHES = "batches"
# How often a job is tried whose failure `cxlib` does not know: a killed kernel, a full memory.
TRIES = 2
# From so many on, a rehearsal in the kernels' parent takes less time than it saves their kernels.
WORTH_A_REHEARSAL = 10
# A worker is replaced after so many reports: whatever a library keeps of each does not add up.
REPORTS_A_WORKER = 40

# None: a worker has begun it.
Took = tuple[Job, Outcome | BaseException | None]


class Workers(Protocol):
    """Whatever takes jobs and gives outcomes, in any order; an exception where a worker was lost.

    Before its outcome, a job may be given with None when a worker begins it.
    """

    def take(self, jobs: Sequence[Job]) -> Iterator[Took]: ...


@dataclass(frozen=True)
class Told:
    """What a batch says as it goes: an event, and how far it is."""

    event: str
    job: Job
    outcome: Outcome | None
    attempt: int
    done: int
    failed: int
    skipped: int
    total: int


@dataclass(frozen=True)
class Batch:
    """A batch that has ended: its manifest, and what became of every job, in the order of the jobs."""

    id: str
    manifest: Path
    outcomes: dict[str, Outcome]

    def count(self, state: str) -> int:
        return sum(one.state == state for one in self.outcomes.values())


def run_batch(
    jobs: Sequence[Job],
    settings: Settings,
    workers: Workers,
    *,
    tries: int = TRIES,
    force: bool = False,
    say: Callable[[Told], None] = lambda told: None,
) -> Batch:
    """Make the reports of all jobs that are not there yet.

    Parameters
    ----------
    tries
        How often a job is tried whose failure is not a known one.
    force
        Make again what is there.
    say
        Takes what happens, as it happens.

    Returns
    -------
    The batch, when every job is done, skipped or has failed for good; a failed job stops no other.
    """
    moment = dt.datetime.now(dt.UTC)
    batch = f"{moment:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    if force:
        jobs = [replace(job, key=f"{job.key[:14]}{batch[-6:]}") for job in jobs]
    path = settings.runs / BATCHES / f"{batch}.jsonl"
    outcomes: dict[str, Outcome] = {}
    attempts = dict.fromkeys((job.key for job in jobs), 0)
    with _Manifest(path) as manifest:

        def tell(event: str, job: Job, outcome: Outcome | None = None) -> None:
            manifest.write(event, job, attempts[job.key], outcome)
            states = [one.state for one in outcomes.values()]
            counts = (states.count(state) for state in ("done", "failed", "skipped"))
            say(Told(event, job, outcome, attempts[job.key], *counts, len(jobs)))

        waiting: list[Job] = []
        for job in jobs:
            if there := made(job, settings):
                outcomes[job.key] = Outcome(job.key, "skipped", there.name)
                tell("skipped", job, outcomes[job.key])
            else:
                waiting.append(job)
                tell("planned", job)
        while waiting:
            again = []
            for job, found in workers.take(waiting):
                if found is None:
                    tell("begun", job)
                    continue
                attempts[job.key] += 1
                if isinstance(found, BaseException):
                    found = Outcome(
                        job.key, "failed", cause=f"the worker was lost: {found or type(found).__name__}"
                    )
                if found.state == "failed" and not found.is_known and attempts[job.key] < tries:
                    tell("again", job, found)
                    again.append(job)
                    continue
                outcomes[job.key] = found
                tell(found.state, job, found)
            waiting = again
    return Batch(batch, path, {job.key: outcomes[job.key] for job in jobs})


class _Manifest:
    """An append-only file: a line is on the disk, whole, before the next thing happens."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> _Manifest:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: what a full disk refused must not be tried again at the end.
            self._file = self.path.open("ab", buffering=0)
        except OSError as error:
            raise self._refused(error, "Set CX_HOME to a folder that you may write to.") from None
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, event: str, job: Job, attempt: int, outcome: Outcome | None) -> None:
        line: dict[str, Any] = {
            "at": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
            "event": event,
            "attempt": attempt,
            **job.to_plain(),
            **({name: value for name, value in outcome.to_plain().items() if value} if outcome else {}),
        }
        data = json.dumps(line, ensure_ascii=False).encode() + b"\n"
        whole = self._file.tell()
        try:
            while data:
                data = data[self._file.write(data) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            # A full disk takes half a line: nobody could read it.
            self._file.truncate(whole)
            fix = "Free some space and begin again by the same command: what is there is skipped."
            raise self._refused(error, fix) from None

    def _refused(self, error: OSError, fix: str) -> SettingsError:
        return SettingsError(
            f"cannot write {self.path.name} in {self.path.parent}: {error.strerror}", fix=fix
        )


# ── Processes of this machine ───────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Processes:
    """Workers on this machine: each makes one report at a time, with the notebooks one after the other."""

    settings: Settings
    count: int = os.cpu_count() or 1

    def take(self, jobs: Sequence[Job]) -> Iterator[Took]:
        """Yield each job as it ends. A worker that dies takes down a whole pool: what was in flight then runs

        one at a time, each in a pool of its own, so that the job that kills is told from its neighbours.
        """
        waiting, suspects = deque(jobs), deque[Job]()
        with kept_warm() if len(jobs) >= WORTH_A_REHEARSAL else nullcontext():
            while waiting:
                yield from self._all(waiting, suspects, self.count)
                while suspects:
                    job = suspects.popleft()
                    yield job, None
                    try:
                        with self._pool(1) as pool:
                            yield job, pool.submit(work, job, self.settings).result()
                    except BrokenProcessPool as error:
                        yield job, error

    def _all(self, waiting: deque[Job], suspects: deque[Job], count: int) -> Iterator[Took]:
        """Take from `waiting` until it is empty, or until the pool breaks: then `suspects` were in flight."""
        # Fewer reports than processors: the notebooks of each run side by side.
        at_once = max(1, count // max(1, len(waiting)))
        running: dict[Future[Outcome], Job] = {}
        with self._pool(min(count, len(waiting))) as pool:
            while waiting or running:
                try:
                    while waiting and len(running) < count:
                        running[pool.submit(work, waiting[0], self.settings, at_once=at_once)] = waiting[0]
                        yield waiting.popleft(), None
                    ended, _ = wait(running, return_when=FIRST_COMPLETED)
                    for one in ended:
                        outcome = one.result()
                        yield running.pop(one), outcome
                except BrokenProcessPool:
                    for one, job in running.items():
                        if one.done() and one.exception() is None:
                            yield job, one.result()
                        else:
                            suspects.append(job)
                    return

    def _pool(self, count: int) -> ProcessPoolExecutor:
        context = get_context("forkserver" if os.name == "posix" else "spawn")
        if sys.platform == "linux":
            # Loaded once, by the server that forks the workers; elsewhere each loads it for itself.
            context.set_forkserver_preload(["cxlib.run.settled"])
        return ProcessPoolExecutor(
            count,
            mp_context=context,
            initializer=settle_in,
            max_tasks_per_child=REPORTS_A_WORKER,
        )


# ── A Dask cluster ──────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Cluster:
    """Workers of a Dask cluster that see the same CX_HOME and database; one task a report."""

    settings: Settings
    address: str

    @property
    def count(self) -> int:
        """How many reports it makes at once, now.

        Raises
        ------
        SettingsError
            If no scheduler answers.
        """
        with connected(self.address) as client:
            return sum(client.nthreads().values())

    def take(self, jobs: Sequence[Job]) -> Iterator[Took]:
        with connected(self.address) as client:
            from distributed import as_completed

            # A task that is lost with its worker is given to another one by the scheduler.
            running = {
                client.submit(
                    work, job, self.settings, key=f"{job.name} {job.key} {secrets.token_hex(2)}", pure=False
                ): job
                for job in jobs
            }
            for one in as_completed(running, loop=client.loop):
                error = one.exception()
                yield running[one], (one.result() if error is None else error)
                one.release()
