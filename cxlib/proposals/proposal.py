"""What a proposal holds: a guess a column, and what is looked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cxlib.conversion import words
from cxlib.framework import Framework
from cxlib.mapping import SourceSpec
from cxlib.proposals.answers import NOTHING, Meaning
from cxlib.sources import Layout

# Confidence [0–1] from which a column is written down without a remark, and below which not at all.
SURE: Final = 0.75
FLOOR: Final = 0.4


@dataclass(frozen=True)
class Wanted:
    """What a file is read for: a framework, the engagement's roles, and its segments with their names."""

    framework: Framework
    roles: tuple[str, ...]
    segments: Mapping[str, str] = field(default_factory=dict)

    @property
    def targets(self) -> list[str]:
        return [*self.framework.items, *self.framework.questions]


@dataclass(frozen=True)
class Guess:
    """What one column is taken for.

    Attributes
    ----------
    place, column, text : where it stands, its header, and what was asked.
    kind : "item", "comment", "role", "segment", "wave", "id", "date", "own" (the tool's), or "" (nothing).
    target : the item, question or segment.
    confidence : 0–1; 1 where the column bears the code.
    why : by what it was found.
    runner_up, runner_up_confidence : the next best item, and how sure it would be without this one.
    meaning : of the answers, where the target has a scale.
    formats : of dates: every format by which each day in the sample is one.
    """

    place: int
    column: str
    text: str
    kind: str = ""
    target: str = ""
    confidence: float = 0.0
    why: str = ""
    runner_up: str = ""
    runner_up_confidence: float = 0.0
    meaning: Meaning = NOTHING
    formats: tuple[str, ...] = ()

    @property
    def is_sure(self) -> bool:
        return self.confidence >= SURE


@dataclass(frozen=True)
class Proposal:
    """What a file is understood to be: its layout, a guess a column, and its first rows as text.

    `spec` is how the file was said to be written; `read_rows` says how many rows the guesses rest on;
    `role_of` is the role whose wordings fit best where no column tells roles; `role_values` and
    `role_unknown` are the texts of the column that does, with the roles they name, or that name none.
    """

    name: str
    spec: SourceSpec
    layout: Layout
    guesses: tuple[Guess, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    read_rows: int
    role_of: str
    role_values: Mapping[str, str]
    role_unknown: tuple[str, ...]

    def of(self, kind: str) -> list[Guess]:
        return [one for one in self.guesses if one.kind == kind]


def shown_text(text: str, most: int = 60) -> str:
    """Return a text that a terminal or a comment can bear: one line, no control characters, not too long."""
    bare = words(text[: 20 * most])
    return bare if len(bare) <= most else bare[: most - 1] + "…"
