"""What an import could not convert: every cell counted, the first kept with row and reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from cxlib.errors import Problem

KEPT_PROBLEMS: Final = 10_000


class Rejected:
    """The rejected cells of a file, or of the part of one that `of` names: all counted, the first kept."""

    def __init__(self, of: str = "", kept: int = KEPT_PROBLEMS) -> None:
        self.cells = 0
        self.of = of
        self._most = kept
        self._kept: list[tuple[int, int, int, Problem]] = []
        self._rows: list[tuple[int, np.ndarray]] = []

    def add(
        self, rows: np.ndarray, place: int, column: str | None, cells: Iterable[tuple[str, str, str]]
    ) -> None:
        """Add a cell in each of `rows`: of a column, with reason, found and expected."""
        self.cells += len(rows)
        self._rows.append((0, np.unique(rows)))
        kept = rows[: self._most - len(self._kept)].tolist()
        for row, (reason, found, expected) in zip(kept, cells, strict=False):
            where = f"row {row}{self.of}" + (f", column {column}" if column is not None else "")
            problem = Problem(where, reason, found, expected, row=row, column=column)
            self._kept.append((0, row, place, problem))

    def take(self, part: int, other: Rejected) -> None:
        """Add what was rejected in the part of this number."""
        self.cells += other.cells
        self._rows += [(part, rows) for _, rows in other._rows]
        self._kept += [(part, *rest) for _, *rest in other._kept[: self._most - len(self._kept)]]  # type: ignore[misc]

    @property
    def rows(self) -> int:
        parts: dict[int, list[np.ndarray]] = {}
        for part, rows in self._rows:
            parts.setdefault(part, []).append(rows)
        return sum(len(np.unique(np.concatenate(rows))) for rows in parts.values())

    @property
    def problems(self) -> list[Problem]:
        return [problem for *_, problem in sorted(self._kept, key=lambda one: one[:3])]
