"""What goes out of an engagement, and of whom: each run held against what is out of the same waves.

The store keeps it and nothing else does: digests of people, and the cells they stand in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxlib.anonymity import Release
from cxlib.anonymity.rereleases import Issued, called, issue, told_apart
from cxlib.errors import AnonymityError, Problem
from cxlib.frames import DATE, NOT_STATED, RESPONDENT, SHARD, UNSCORED
from cxlib.store import BatchRecord, Store

if TYPE_CHECKING:
    import pandas as pd


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
    import pandas as pd

    key = store.pseudonym_key(slug).hex()[:16]
    out = {}
    for wave in waves:
        digests: list[NDArray[np.uint64]] = []
        people: list[NDArray[np.uint64]] = []
        cells: list[tuple[str, ...]] = []
        answered: list[pd.DataFrame] = []
        for batch in (one for one in batches if one.wave == wave):
            found, who, where, given = _digests(store.batch_path(batch), dims, key)
            digests.append(found)
            people.append(who)
            cells += where
            answered.append(given)
        if digests:
            given = pd.concat(answered, ignore_index=True).fillna(False).astype(bool)
            mask = {str(item): given[item].to_numpy() for item in given}
            out[wave] = issue(released, wave, np.concatenate(digests), cells, mask, np.concatenate(people))
    return out


def check_against_out(store: Store, slug: str, issued: Mapping[str, Issued], threshold: int) -> None:
    """Hold what a run shows against what is out of the same waves of an engagement.

    Raises
    ------
    AnonymityError
        Naming the groups by which the two would tell on fewer people than the threshold.
    """
    problems = [
        Problem(f"wave {wave}, {called(group)}", f"tells on fewer than {threshold} people beside run {run}")
        for wave, made in issued.items()
        for run, before in store.releases(slug, wave).items()
        for group in told_apart(before, made, threshold)
    ]
    if problems:
        raise AnonymityError(
            f"{slug}: this run is withheld; beside what is out already it would tell on a few people",
            problems=problems,
            fix="Import more answers or undo an import, until each of these groups is as it was or at least "
            f"{threshold} people apart; `cx anonymity {slug}` shows how things stand. Nothing was published.",
        )


def item_columns(path: Path, dims: Sequence[str]) -> list[str]:
    """Name the columns of a batch that hold answers."""
    import pyarrow.parquet as pq

    beside = {RESPONDENT, SHARD, DATE, *dims}
    return [name for name in pq.read_schema(path).names if name not in beside]


def _digests(
    path: Path, dims: Sequence[str], key: str
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], list[tuple[str, ...]], pd.DataFrame]:
    """Return of each person of a batch: keyed numbers of all answers and of who it is, cell, items answered.

    The day of an answer is in no report, and no part of either.
    """
    import pandas as pd

    frame = pd.read_parquet(path)
    told = [name for name in sorted(frame) if name not in {DATE, SHARD}]
    digests, people = (
        pd.util.hash_pandas_object(frame[columns], index=False, hash_key=key).to_numpy(np.uint64)
        for columns in (told, [RESPONDENT])
    )
    stated = (
        frame[dim].astype("object").where(frame[dim].notna() & (frame[dim] != ""), NOT_STATED)
        if dim in frame
        else [NOT_STATED] * len(frame)
        for dim in dims
    )
    scored = frame[item_columns(path, dims)]
    given = scored.notna() & ~scored.isin(UNSCORED)
    return digests, people, list(zip(*stated, strict=True)), given
