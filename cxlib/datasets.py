"""Datasets → answers: every part converted by itself, wherever it is, and joined to one batch.

What a part holds is additive, like a tally; only ids that stand in two parts need a look at all of them.
Parts may be converted by other processes or machines that see the same folders: the outcome is the same.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from cxlib.batchfile import writer
from cxlib.conversion import plan
from cxlib.errors import IngestError
from cxlib.files import replaced
from cxlib.frames import ItemScale
from cxlib.ingest import Imported, Seen, imported, read_part, refuse
from cxlib.mapping import MappingSpec
from cxlib.rejected import Rejected
from cxlib.sources import Part, Source, find_parts

if TYPE_CHECKING:
    # Not for those who convert: it would load what estimates need.
    from cxlib.shares import Spread

__all__ = ["Part", "convert_dataset", "dataset_digest", "find_parts"]


@dataclass(frozen=True)
class PartTask:
    """One part to convert, in plain values: what another process or machine is handed.

    The engagement's key is no part of it: whoever converts reads it from its file.
    """

    part: Part
    mapping: MappingSpec
    scales: Mapping[str, ItemScale]
    roles: tuple[str, ...]
    segments: tuple[str, ...]
    key: Path
    out: Path

    @property
    def ids(self) -> Path:
        """Where the ids of the part are kept until all are known: digest (two words) and row of each."""
        return self.out.with_suffix(".ids.npy")


def convert_part(task: PartTask) -> tuple[Seen, str]:
    """Convert one part to Parquet; return what was seen, and the part's digest."""
    planned = plan(task.mapping, task.scales, task.roles, task.segments)
    seen, (digests, rows), sha256 = read_part(task.part, planned, task.key.read_bytes(), task.out)
    # Whole or not at all: a worker that was lost leaves nothing that looks like it.
    with replaced(task.ids) as half, half.open("wb") as handle:
        np.save(handle, np.column_stack([digests, rows.astype(np.uint64)]), allow_pickle=False)
    return seen, task.part.digest(sha256)


def part_digest(part: Part) -> str:
    return part.digest()


def dataset_digest(parts: Sequence[Part], spread: Spread) -> str:
    """Return the SHA-256 of a dataset: of what its parts hold, whatever they are called."""
    return _together(spread(part_digest, parts))


def _together(digests: Iterator[str]) -> str:
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


def convert_dataset(
    parts: Sequence[Part],
    name: str,
    mapping: MappingSpec,
    *,
    scales: Mapping[str, ItemScale],
    roles: Sequence[str],
    segments: Sequence[str],
    key: Path,
    out: Path,
    spread: Spread,
    progress: Callable[[int, int], None] | None = None,
) -> Imported:
    """Convert a dataset in parts by a mapping to one file, all or nothing.

    Memory is bounded by the largest part's ids at whoever converts it, and here by 32 bytes a row, by which
    ids in two parts are found.

    Parameters
    ----------
    parts, name
        See :func:`cxlib.sources.find_parts`; the dataset's name in messages.
    key
        The file of the engagement's key.
    out
        As of :func:`cxlib.ingest.convert`; what stands in it does not depend on who converts.
    spread
        Who converts.

    The rest is as of :func:`cxlib.ingest.convert`.

    Raises
    ------
    IngestError
        Naming part, row and column of what breaks the mapping; nothing is left then.
    """
    planned = plan(mapping, scales, roles, segments)
    if mapping.long is not None:
        raise IngestError(
            f"{name} is a dataset in parts, and mapping {mapping.mapping} says it has a row an answer: one "
            "person's answers may lie in several parts",
            fix="Write it with a row a respondent (a pivot in DuckDB, Polars or Spark), and import that.",
        )
    if mapping.id is None:
        raise IngestError(
            f"{name} is a dataset in parts, and mapping {mapping.mapping} names no `id`: nobody could tell "
            "whether two parts hold the same person",
            fix="Map the column that holds the respondents' ids.",
        )
    folder = out.with_suffix(".parts")
    folder.mkdir(mode=0o700)
    try:
        tasks = [
            PartTask(part, mapping, scales, tuple(roles), tuple(segments), key, folder / f"{at:06}.parquet")
            for at, part in enumerate(parts)
        ]
        seen = Seen(Rejected(), has_ids=True)
        digests = []
        sizes = [part.path.stat().st_size for part in parts]
        for at, (one, digest) in zip(count(1), spread(convert_part, tasks)):
            seen.add(one)
            seen.rejected.take(at, one.rejected)
            digests.append(digest)
            if progress is not None:
                progress(sum(sizes[:at]), sum(sizes))
        _reject_repeated(tasks, seen.rejected, mapping.id)
        refuse(seen, name, mapping)
        with writer(out, planned.schema) as write:
            for task in tasks:
                with pq.ParquetFile(task.out) as file:
                    for group in range(file.num_row_groups):
                        write(file.read_row_group(group))
                task.out.unlink()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    source = Source("parquet", recognised=("format",), remarks=(f"{len(parts):,} parts",))
    return imported(seen, planned, name, _together(iter(digests)), source)


def _reject_repeated(tasks: Sequence[PartTask], rejected: Rejected, header: str) -> None:
    """Reject every row of an id that stands twice, in one part or in two."""
    files = [np.load(task.ids, mmap_mode="r", allow_pickle=False) for task in tasks]
    starts = np.cumsum([0, *(len(one) for one in files)])
    first = np.empty(starts[-1], np.uint64)
    for start, one in zip(starts, files, strict=False):
        first[start : start + len(one)] = one[:, 0]
    order = np.argsort(first, kind="stable")
    ranked = first[order]
    same = ranked[1:] == ranked[:-1]
    if not same.any():
        return
    suspects = np.sort(order[np.append(False, same) | np.append(same, False)])
    del first, order, ranked, same
    part = np.searchsorted(starts, suspects, side="right") - 1
    full = np.concatenate([one[suspects[part == at] - starts[at]] for at, one in enumerate(files)])
    order = np.lexsort((full[:, 1], full[:, 0]))
    # Sorted by digest, and within one as the parts and rows stand.
    group = np.append(True, (full[order][1:, :2] != full[order][:-1, :2]).any(axis=1))
    leads = np.flatnonzero(group)
    lead = leads[np.cumsum(group) - 1]
    size = np.diff(np.append(leads, len(order)))[np.cumsum(group) - 1]
    for at in range(len(files)):
        mine = np.flatnonzero((part[order] == at) & (size > 1))
        mine = mine[np.argsort(order[mine])]
        if not len(mine):
            continue
        is_lead = lead[mine] == mine
        others = order[np.where(is_lead, np.minimum(mine + 1, len(order) - 1), lead[mine])]
        cells = [
            (f"the same id as row {full[other, 2]} of {tasks[part[other]].part.name}", "", "each id once")
            for other in others.tolist()
        ]
        own = Rejected(f" of {tasks[at].part.name}")
        own.add(full[order[mine], 2].astype(np.int64), 0, header, cells)
        rejected.take(at + 1, own)
