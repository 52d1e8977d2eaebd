"""`cx batch`: the reports of many engagements, waves and units, by this machine or a cluster."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxlib.cli import printing
from cxlib.errors import NotFoundError

if TYPE_CHECKING:
    from cxlib.run.batch import Batch, Told
    from cxlib.run.jobs import Job

# How many of the last finished jobs the table shows.
LATEST = 8


def batch(
    engagements: Annotated[
        list[str] | None, typer.Argument(help="Names of engagements; all that have answers without any.")
    ] = None,
    plan: Annotated[Path | None, typer.Option(help="A plan file (YAML) instead of names.")] = None,
    wave: Annotated[
        list[str] | None, typer.Option(help="Only this wave; by default the latest. Repeat.")
    ] = None,
    segment: Annotated[
        list[str] | None, typer.Option(help="A report on each unit of this segment beside the whole. Repeat.")
    ] = None,
    notebook: Annotated[list[str] | None, typer.Option(help="Only this notebook. Repeat.")] = None,
    to: Annotated[str, typer.Option("--to", help="What to make, by commas.")] = "html,json",
    workers: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = os.cpu_count() or 1,
    cluster: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler, instead of processes.")
    ] = None,
    tries: Annotated[int, typer.Option(min=1, help="How often a job is tried that was lost.")] = 2,
    force: Annotated[bool, typer.Option("--force", help="Make again what is there.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be made, and make nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print data instead of text.")] = False,
) -> None:
    """Make the reports of many clients. What is there already is skipped; exit code 1 if any failed."""
    from cxlib.run.batch import Cluster, Processes, run_batch
    from cxlib.run.exporting import formats_of
    from cxlib.run.jobs import jobs_of, made, plan_of, read_plan
    from cxlib.settings import read_settings

    if plan is not None and (engagements or wave or segment or notebook):
        raise NotFoundError(
            "a plan file names engagements, waves, segments and notebooks itself",
            fix="Leave the others out, or leave out --plan.",
        )
    settings = read_settings()
    wanted = (
        read_plan(plan)
        if plan is not None
        else plan_of(
            engagements or _with_answers(), waves=wave or (), segments=segment or (), notebooks=notebook or ()
        )
    )
    jobs = jobs_of(wanted, settings, formats=formats_of(to))
    if dry_run:
        _print_plan([(job, None if force else made(job, settings)) for job in jobs], as_json)
        return
    taken = Cluster(settings, cluster) if cluster else Processes(settings, workers)
    progress = Progress(quiet=as_json, at_once=taken.count)
    try:
        with progress:
            done = run_batch(jobs, settings, taken, tries=tries, force=force, say=progress.tell)
    except KeyboardInterrupt:
        print(
            "Interrupted. The same command goes on, without --force: what is there is skipped.",
            file=sys.stderr,
        )
        raise typer.Exit(130) from None
    _print_end(done, jobs, as_json)
    if done.count("failed"):
        raise typer.Exit(1)


def _with_answers() -> list[str]:
    from cxlib.settings import read_settings
    from cxlib.store import Store

    with Store.open(read_settings()) as store:
        found = [one.slug for one in store.engagements() if store.batches(one.slug)]
    if not found:
        raise NotFoundError("no engagement has answers yet", fix="Import a survey file first: cx import …")
    return found


def _print_plan(rows: list[tuple[Job, Path | None]], as_json: bool) -> None:
    if as_json:
        printing.print_json(
            [{**job.to_plain(), "made": there.name if there else None} for job, there in rows]
        )
        return
    for job, there in rows:
        print(f"{'there' if there else 'make':<6} {job.name}  {','.join(job.formats)}  {job.key}")
    new = sum(there is None for _, there in rows)
    print(f"{new} of {len(rows)} reports would be made.")


def _print_end(done: Batch, jobs: list[Job], as_json: bool) -> None:
    if as_json:
        printing.print_json(
            {
                "batch": done.id,
                "manifest": str(done.manifest),
                "jobs": [
                    {**job.to_plain(), **one.to_plain()}
                    for job, one in zip(jobs, done.outcomes.values(), strict=True)
                ],
            }
        )
        return
    counts = {state: done.count(state) for state in ("done", "skipped", "failed")}
    print(f"Batch {done.id}: " + ", ".join(f"{n} {state}" for state, n in counts.items()))
    # By place: a job that is made again has another key.
    for job, one in zip(jobs, done.outcomes.values(), strict=True):
        if one.state == "failed":
            print(f"  failed: {job.name}: {one.cause}")
            if one.kept:
                print(f"    what was left: {printing.near(Path(one.kept))}")
    print(f"  {printing.near(done.manifest)}")


class Progress:
    """One live table on a terminal: counts, time left, the latest. Elsewhere a line an event."""

    def __init__(self, *, quiet: bool, at_once: int) -> None:
        from rich.console import Console

        self._quiet, self._at_once = quiet, at_once
        self._console = Console(stderr=True)
        self._started = time.monotonic()
        self._latest: deque[tuple[str, str, float]] = deque(maxlen=LATEST)
        self._live: Any = None

    def __enter__(self) -> Progress:
        if self._console.is_terminal and not self._quiet:
            from rich.live import Live

            self._live = Live(console=self._console, refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def tell(self, told: Told) -> None:
        if self._quiet:
            return
        seconds = told.outcome.seconds.get("total", 0.0) if told.outcome else 0.0
        is_news = told.event not in {"planned", "begun"}
        if is_news:
            self._latest.appendleft((told.event, told.job.name, seconds))
        if self._live is not None:
            self._live.update(self._table(told))
        elif is_news:
            ended = told.done + told.failed + told.skipped
            cause = f": {told.outcome.cause}" if told.outcome and told.outcome.cause else ""
            took = f" ({seconds:.1f} s)" if seconds else ""
            print(
                f"{ended}/{told.total} {told.event} {told.job.name}{took}{cause}", file=sys.stderr, flush=True
            )

    def _table(self, told: Told) -> Any:
        from rich.console import Group
        from rich.markup import escape
        from rich.table import Table
        from rich.text import Text

        ended = told.done + told.failed + told.skipped
        running = min(self._at_once, told.total - ended)
        left = self.seconds_left(told)
        # Not the table's title, which would break at the table's width.
        counts = Text(
            f"{told.done} done, {running} running, {told.failed} failed, {told.skipped} skipped "
            f"of {told.total}" + (f"; about {_minutes(left)} left" if left else "")
        )
        table = Table()
        for heading in ("what", "report", "seconds"):
            table.add_column(heading, justify="right" if heading == "seconds" else "left")
        for event, name, seconds in self._latest:
            table.add_row(event, escape(name), f"{seconds:.1f}" if seconds else "")
        return Group(counts, table)

    def seconds_left(self, told: Told) -> float:
        """Estimate from what was made so far; 0 where nothing was."""
        worked = told.done + told.failed
        if not worked:
            return 0.0
        return (time.monotonic() - self._started) / worked * (told.total - worked - told.skipped)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
