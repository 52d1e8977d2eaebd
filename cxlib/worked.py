"""Scores and comparisons of an extract, worked out once for all that begin with them.

    .making-…/extract/             what leaves the building
    .making-…/worked/<digest>/     scores and comparisons of that very extract, while its report is made

Every chapter of a report begins with the same scores and the same comparisons, and each is a process of its
own. What is found beside an extract is taken instead of being worked out again: it is the same, bit for bit,
or it is not taken. A run that is published has none: its extract says it all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cxlib.errors import ContractError
from cxlib.extract import digest_of, readable
from cxlib.findings import Finding
from cxlib.frames import SCORES, check

if TYPE_CHECKING:
    import pandas as pd

WORKED: Final = "worked"
_MANY: Final = ("about", "groups", "n_each")


class Worked:
    """What is kept of one extract in a folder: SCORES frames by wave and cut, findings by wave."""

    def __init__(self, folder: Path, dims: Sequence[str]) -> None:
        self.folder, self.dims = folder, tuple(dims)

    @classmethod
    def beside(cls, extract: Path, dims: Sequence[str]) -> Worked | None:
        """Return what is kept beside an extract, and of that very one; None where nothing is."""
        if not (extract.parent / WORKED).is_dir():
            return None
        folder = place_beside(extract)
        return cls(folder, dims) if folder.is_dir() else None

    def scores(self, wave: str, cut: Sequence[str]) -> pd.DataFrame | None:
        """Return every score of a cut; None where it is not kept, or cannot be read."""
        import pandas as pd

        path = self._scores(wave, cut)
        with suppress(OSError, ContractError), readable(self.folder, path.name):
            return check(pd.read_parquet(path), SCORES, self.dims)
        return None

    def keep_scores(self, wave: str, cut: Sequence[str], frame: pd.DataFrame) -> None:
        frame.to_parquet(self._scores(wave, cut), index=False, compression="none")

    def comparisons(self, wave: str) -> tuple[Finding, ...] | None:
        """Return every comparison of a wave, in its order; None where it is not kept, or cannot be read."""
        path = self._comparisons(wave)
        with suppress(OSError, ContractError), readable(self.folder, path.name):
            rows = json.loads(path.read_text(encoding="utf-8"))
            return tuple(Finding(**row | {name: tuple(row[name]) for name in _MANY}) for row in rows)
        return None

    def keep_comparisons(self, wave: str, every: Sequence[Finding]) -> None:
        text = json.dumps([asdict(one) for one in every], ensure_ascii=False)
        self._comparisons(wave).write_text(text, encoding="utf-8")

    def _scores(self, wave: str, cut: Sequence[str]) -> Path:
        return self.folder / f"scores {'.'.join([wave, *cut])}.parquet"

    def _comparisons(self, wave: str) -> Path:
        return self.folder / f"comparisons {wave}.json"


def place_beside(extract: Path) -> Path:
    """Return where what is worked out of an extract is kept; it need not be there."""
    return extract.parent / WORKED / digest_of(extract)[:32]
