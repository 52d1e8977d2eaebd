"""Corrections and late answers: what a file would change of a wave, said before anything is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cxlib import batchfile
from cxlib.frames import RESPONDENT, SHARD
from cxlib.store import BatchRecord


@dataclass(frozen=True)
class Difference:
    """What a file would change of a wave, in numbers of people.

    Attributes
    ----------
    new : answered nothing in this wave before.
    identical : answered before, and the same; they are left as they are.
    replaced : whose answers would be replaced, by the import that holds them: (source name, batch id) → n.
    changed : whose answer changes, by column.
    lost : who answered before what the file has no column for, by column.
    """

    new: int
    identical: int
    replaced: Mapping[tuple[str, str], int] = field(default_factory=dict)
    changed: Mapping[str, int] = field(default_factory=dict)
    lost: Mapping[str, int] = field(default_factory=dict)

    @property
    def replacing(self) -> int:
        return sum(self.replaced.values())

    @property
    def is_none(self) -> bool:
        return not self.new and not self.replaced


def difference(staged: Path, held: Sequence[tuple[BatchRecord, Path]], out: Path) -> Difference:
    """Hold a converted file against the answers of its wave.

    Memory grows with the file that corrects, some 150 bytes a respondent, and not with what is held.

    Parameters
    ----------
    staged
        What the file was converted to.
    held
        The active batches of the wave, each with the file whose answers count.
    out
        Where what is new or changed is written, in the order of the file; nothing where that is nothing.
    """
    given = pq.read_table(staged).combine_chunks()
    people = given[RESPONDENT].combine_chunks()
    is_known, differs = np.zeros(given.num_rows, bool), np.zeros(given.num_rows, bool)
    replaced: dict[tuple[str, str], int] = {}
    changed, lost = Counter[str](), Counter[str]()
    for record, path in held:
        before = differs.copy()
        with pq.ParquetFile(path) as file:
            ids = [file.read_row_group(at, [RESPONDENT])[RESPONDENT] for at in range(file.num_row_groups)]
            for at, some in enumerate(ids):
                mine = pc.index_in(some.combine_chunks().cast(pa.string()), value_set=people)
                rows = np.flatnonzero(mine.is_valid().to_numpy(zero_copy_only=False))
                if not len(rows):
                    continue
                places = mine.take(pa.array(rows)).to_numpy()
                is_known[places] = True
                one = file.read_row_group(at).take(pa.array(rows))
                differs[places] |= _differ(one, given.take(pa.array(places)), changed, lost)
        if n := int((differs & ~before).sum()):
            replaced[record.source_name, record.id] = n
    wanted = ~is_known | differs
    if wanted.any():
        with batchfile.writer(out, given.schema) as write:
            write(given.filter(pa.array(wanted)))
    return Difference(
        new=int((~is_known).sum()),
        identical=int((is_known & ~differs).sum()),
        replaced=replaced,
        changed=dict(sorted(changed.items())),
        lost=dict(sorted(lost.items())),
    )


def _differ(old: pa.Table, new: pa.Table, changed: Counter[str], lost: Counter[str]) -> np.ndarray:
    """Tell in whom two tables of the same people differ, and count by column how many these are."""
    out = np.zeros(old.num_rows, bool)
    names = dict.fromkeys([*old.schema.names, *new.schema.names])
    for name in names.keys() - {RESPONDENT, SHARD}:
        if name not in new.schema.names:
            apart, counts = pc.is_valid(old[name]), lost
        elif name not in old.schema.names:
            apart, counts = pc.is_valid(new[name]), changed
        else:
            was, now = old[name].cast(new[name].type), new[name]
            one_missing = pc.xor(pc.is_null(was), pc.is_null(now))
            apart, counts = pc.or_(pc.fill_null(pc.not_equal(was, now), False), one_missing), changed
        flags = apart.to_numpy()
        out |= flags
        if n := int(flags.sum()):
            counts[name] += n
    return out
