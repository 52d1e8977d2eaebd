"""What goes out of an engagement, and of whom: each run held against what is out of the same waves.

The store keeps it and nothing else does: digests of people, and the cells they stand in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cxlib.anonymity import Release
from cxlib.anonymity.comments import told_by
from cxlib.anonymity.rereleases import Issued, called, issue, told_apart, told_together
from cxlib.batchfile import read_batches
from cxlib.declarations import Thresholds
from cxlib.errors import AnonymityError, Problem, StoreError
from cxlib.frames import COMMENT, DATE, NOT_STATED, RESPONDENT, SHARD, UNSCORED
from cxlib.store import BatchRecord, Store

# People looked at together: as many as are told apart in a breath, in a few megabytes.
ROWS = 1 << 15
# Some people of a batch: numbers of their answers, numbers of who they are, cells, bits of items answered.
_People: TypeAlias = tuple[NDArray[np.uint64], NDArray[np.uint64], list[tuple[str, ...]], NDArray[np.uint8]]


def issued(
    store: Store,
    slug: str,
    batches: Sequence[BatchRecord],
    waves: Sequence[str],
    dims: Sequence[str],
    released: Release,
) -> dict[str, Issued]:
    """Return what a release shows, wave by wave, and of whom.

    Parameters
    ----------
    batches, waves
        Those that the release is made of.
    dims
        Every dimension that a group may be cut by, role first.
    """
    key = store.pseudonym_key(slug).hex()[:16]
    out = {}
    for wave in waves:
        paths = [store.batch_path(batch) for batch in batches if batch.wave == wave]
        items = tuple(sorted({item for path in paths for item in item_columns(path, dims)}))
        told = [some for path in paths for some in _digests(path, dims, key, items)]
        if told:
            digests, people, cells, bits = zip(*told, strict=True)
            del told
            out[wave] = issue(
                released,
                wave,
                np.concatenate(digests),
                chain.from_iterable(cells),
                (items, np.concatenate(bits)),
                np.concatenate(people),
            )
    return out


def check_against_out(store: Store, slug: str, issued: Mapping[str, Issued], smallest: Thresholds) -> None:
    """Hold what a run shows against what is out of the same waves of an engagement.

    Raises
    ------
    AnonymityError
        Naming the groups, and the open questions, by which the two would tell on fewer people than the
        threshold.
    """
    problems, threshold = list[Problem](), smallest.scores
    for wave, made in issued.items():
        out = store.releases(slug, wave)
        beside = {f"run {run}": told_apart(before, made, threshold) for run, before in out.items()}
        if not any(beside.values()):
            beside["all that is out"] = told_together(list(out.values()), made, threshold)
        problems += [
            Problem(f"wave {wave}, {called(group)}", f"tells on fewer than {threshold} people beside {what}")
            for what, groups in beside.items()
            for group in groups
        ]
        # The door has held the comments against what was out then; more may be out by now.
        problems += [
            Problem(
                f"wave {wave}, comments to {question}",
                f"tell on fewer than {smallest.comments} people beside what is out",
            )
            for question, pools in made.comments.items()
            if told_by(
                [one.comments.get(question, ()) for one in out.values()],
                {str(at): people for at, people in enumerate(pools)},
                smallest.comments,
            )
        ]
    if problems:
        raise AnonymityError(
            f"{slug}: this run is withheld; beside what is out already it would tell on a few people",
            problems=problems,
            fix="Import more answers or undo an import, until each of these groups is as it was or at least "
            f"{threshold} people apart; `cx anonymity {slug}` shows how things stand. Nothing was published.",
        )


def stamp_of(path: Path) -> tuple[int, int]:
    """Return size and time of change of a batch's file, which change with whatever is in it.

    Raises
    ------
    StoreError
        If it is gone.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        raise _unreadable(path, "gone") from None
    return found.st_size, found.st_mtime_ns


def _unreadable(path: Path, how: str) -> StoreError:
    return StoreError(
        f"the answers of import {path.stem} cannot be read: their file is {how}",
        fix=f"Put {path.name} back from a backup of data/local, or undo that import and import it again.",
    )


def item_columns(path: Path, dims: Sequence[str]) -> list[str]:
    """Name the columns of a batch that hold answers.

    Raises
    ------
    StoreError
        If the batch's file is gone or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    beside = {RESPONDENT, SHARD, DATE, *dims}
    try:
        names = pq.read_schema(path).names
    except pa.ArrowInvalid:
        raise _unreadable(path, "damaged") from None
    except FileNotFoundError:
        raise _unreadable(path, "gone") from None
    return [name for name in names if name not in beside and not name.startswith(COMMENT)]


def last_day(paths: Iterable[Path]) -> str | None:
    """Return the day of the last answer in batches, as in 2026-03-31, from their column of dates alone."""
    import pyarrow.compute as pc

    days = [
        found
        for path in paths
        for rows in read_batches(path, [DATE])
        if (found := pc.max(rows[DATE]).as_py()) is not None
    ]
    return max(days).isoformat() if days else None


def _digests(path: Path, dims: Sequence[str], key: str, every: Sequence[str]) -> Iterator[_People]:
    """Tell of the people of a batch, some at a time: memory does not grow with its columns.

    Yields keyed numbers of all answers and of who it is, the cell, and which of `every` item was answered.
    The day of an answer is in no report, and no part of either; nor is the shard, nor what
    somebody wrote: no count changes with it, and comments are held against what is out by who wrote them.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    items = item_columns(path, dims)
    places = {item: place for place, item in enumerate(every)}
    stored = set(pq.read_schema(path).names)
    told = sorted(name for name in stored - {DATE, SHARD} if not name.startswith(COMMENT))
    # One type, whether or not an answer is blank in these rows: the same answers are the same number.
    kinds = pa.schema([(name, pa.float64() if name in places else pa.large_string()) for name in told])
    cells: dict[tuple[str, ...], tuple[str, ...]] = {}
    for rows in read_batches(path, told, ROWS):
        frame = rows.select(told).cast(kinds).to_pandas()
        digests, people = (
            pd.util.hash_pandas_object(frame[columns], index=False, hash_key=key).to_numpy(np.uint64)
            for columns in (told, [RESPONDENT])
        )
        stated = (
            frame[dim].where(frame[dim].notna() & (frame[dim] != ""), NOT_STATED).tolist()
            if dim in stored
            else [NOT_STATED] * len(frame)
            for dim in dims
        )
        given = np.zeros((len(frame), len(every)), bool)
        answers = frame[items].to_numpy(np.float64)
        given[:, [places[item] for item in items]] = ~np.isnan(answers) & ~np.isin(answers, UNSCORED)
        # One tuple a cell, not one a person.
        where = [cells.setdefault(cell, cell) for cell in zip(*stated, strict=True)]
        yield digests, people, where, np.packbits(given, axis=1)
