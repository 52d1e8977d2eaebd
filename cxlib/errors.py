"""The exception tree: one root, and each child also the built-in a caller would expect.

A message says what and where, found and expected, and the next move. The detail travels with the
exception as `problems`, so that a notebook can show it as a frame and a test can read it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 8


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in something a person gave us.

    `where` is in the reader's own coordinates: "line 12, steps.0.name" for a YAML file,
    "row 17, column Q3" for a survey file (the header is row 1, as a spreadsheet shows it).
    """

    where: str
    reason: str
    found: str = ""
    expected: str = ""
    row: int | None = None
    column: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        text = f"{self.where}: {self.reason}"
        if self.found:
            text += f"; found {self.found}"
        if self.expected:
            text += f"; expected {self.expected}"
        return text


class CxError(Exception):
    """Root of every error that cxlib raises on purpose.

    Parameters
    ----------
    headline
        What is wrong and where, in one line.
    problems
        The single findings behind it, in the order of the source.
    fix
        The next move, in the imperative.
    """

    def __init__(self, headline: str, *, problems: Iterable[Problem] = (), fix: str = "") -> None:
        self.headline = headline
        self.details: tuple[Problem, ...] = tuple(problems)
        self.fix = fix
        super().__init__(headline)

    def __str__(self) -> str:
        lines = [self.headline, *(f"  {problem}" for problem in self.details[:SHOWN])]
        if len(self.details) > SHOWN:
            lines.append(f"  … and {len(self.details) - SHOWN} more: error.problems lists them all")
        if self.fix:
            lines.append(self.fix)
        return "\n".join(lines)

    @property
    def problems(self) -> pd.DataFrame:
        """Every problem as a frame: where, reason, found, expected, row, column, line."""
        import pandas as pd

        columns = list(Problem.__dataclass_fields__)
        return pd.DataFrame([asdict(problem) for problem in self.details], columns=columns)


class SettingsError(CxError, ValueError):
    """An environment variable holds something that cannot be used."""


class DeclarationError(CxError, ValueError):
    """A YAML file that a person wrote (framework, mapping, engagement) breaks its schema."""


class ContractError(CxError, ValueError):
    """A frame or tally that crosses a module breaks its contract, or two do not belong together."""


class IngestError(CxError, ValueError):
    """A survey file cannot be read, or holds rows that break the mapping."""


class StoreError(CxError, RuntimeError):
    """The store refused: locked, full, damaged, or made by a newer version."""


class NotFoundError(StoreError, LookupError):
    """What was asked for by name is not there."""


class ConflictError(StoreError):
    """What is to be written contradicts what is already there."""


class AnonymityError(CxError, ValueError):
    """A figure was asked for that the release plan does not publish."""


class ReadOnlyError(CxError, PermissionError):
    """A published extract was asked to change."""


class ReportError(CxError, RuntimeError):
    """A notebook failed, or the report could not be put together."""


class KernelError(ReportError):
    """A kernel died or took too long while a notebook ran in it; another try may go well."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which of the known names is nearest to one that does not exist: "; nearest s3.i09"."""
    from difflib import get_close_matches

    match = get_close_matches(name, [str(one) for one in known], n=1, cutoff=0.5)
    return f"; nearest {match[0]}" if match else ""
