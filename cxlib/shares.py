"""Counting by shares: row groups of a batch's file, each tallied by whoever is at hand, and added up.

Tallies of disjoint respondents add exactly and in any order, so neither the number of shares nor who
counts them changes a bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow.parquet as pq

from cxlib.batchfile import read_batches
from cxlib.estimates import in_shards
from cxlib.frames import SHARD, WAVE, ItemScale
from cxlib.tally import Tally, tally_batches

# Takes a function and what it is to be called with, one by one; yields the results in that order.
Spread: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]

# About a million respondents: half a second of counting, so that handing it out is worth while.
GROUPS_A_SHARE = 8


@dataclass(frozen=True)
class Share:
    """Some row groups of a batch's file, and what is to be counted in them, in plain values.

    `before` rows of the file stand before them.
    """

    path: Path
    groups: range
    before: int
    wave: str
    items: tuple[ItemScale, ...]
    dims: tuple[str, ...]
    framework: str
    cuts: tuple[tuple[str, ...], ...] | None


def shares_of(
    path: Path,
    wave: str,
    items: Sequence[ItemScale],
    dims: Sequence[str],
    *,
    framework: str,
    cuts: Sequence[tuple[str, ...]] | None,
    size: int = GROUPS_A_SHARE,
) -> Iterator[Share]:
    """Cut a batch's file into shares of `size` row groups."""
    about = pq.read_metadata(path)
    rows = [about.row_group(at).num_rows for at in range(about.num_row_groups)]
    chosen = None if cuts is None else tuple(cuts)
    for start in range(0, len(rows), size):
        groups = range(start, min(start + size, len(rows)))
        before = sum(rows[:start])
        yield Share(path, groups, before, wave, tuple(items), tuple(dims), framework, chosen)


def tally_share(share: Share) -> Tally:
    """Count one share; `dims` may name the shard of a respondent, which is dealt where the file has none."""
    stored = pq.read_schema(share.path).names
    columns = [dim for dim in share.dims if dim != WAVE and (dim != SHARD or dim in stored)]
    batches = read_batches(
        share.path, [*columns, *(scale.item for scale in share.items)], groups=share.groups
    )
    return tally_batches(
        in_shards(batches, share.before) if SHARD in share.dims else batches,
        share.items,
        share.dims,
        framework=share.framework,
        cuts=share.cuts,
        constants={WAVE: share.wave},
    )
