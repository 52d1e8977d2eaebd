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
from cxlib.anonymity.comments import told_by
from cxlib.anonymity.rereleases import Issued, called, issue, told_apart, told_together
from cxlib.declarations import Thresholds
from cxlib.errors import AnonymityError, Problem
from cxlib.frames import COMMENT, DATE, NOT_STATED, RESPONDENT, UNSCORED
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


def item_columns(path: Path, dims: Sequence[str]) -> list[str]:
    """Name the columns of a batch that hold answers."""
    import pyarrow.parquet as pq

    beside = {RESPONDENT, DATE, *dims}
    names = pq.read_schema(path).names
    return [name for name in names if name not in beside and not name.startswith(COMMENT)]


def _digests(
    path: Path, dims: Sequence[str], key: str
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], list[tuple[str, ...]], pd.DataFrame]:
    """Return of each person of a batch: keyed numbers of all answers and of who it is, cell, items answered.

    The day of an answer is in no report, and no part of either; nor is what somebody wrote: no count changes
    with it, and comments are held against what is out by who wrote them.
    """
    import pandas as pd
    import pyarrow.parquet as pq

    names = pq.read_schema(path).names
    told = sorted(name for name in names if name != DATE and not name.startswith(COMMENT))
    frame = pd.read_parquet(path, columns=told)
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
