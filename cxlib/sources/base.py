"""What every survey file looks like once it is opened: a header, and batches of text with row numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import pyarrow as pa

from cxlib.sources.presets import Layout

DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
TEXT: Final = pa.string()
CODED: Final = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class Source:
    """How a survey file is written; `recognised` names what the mapping left to be found out.

    `remarks` are whole sentences on what else was found, such as the sheet that was read.
    """

    format: str
    encoding: str | None = None
    delimiter: str | None = None
    recognised: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def notes(self) -> list[str]:
        """One sentence for each property: "separator ; (recognised)"."""
        shown = {"format": self.format, "encoding": self.encoding, "separator": self.delimiter}
        if self.delimiter is not None and not self.delimiter.isprintable():
            shown["separator"] = DELIMITERS.get(self.delimiter, repr(self.delimiter))
        return [
            f"{name} {value} ({'recognised' if name in self.recognised else 'declared'})"
            for name, value in shown.items()
            if value is not None
        ] + list(self.remarks)


@dataclass(frozen=True)
class Batch:
    """Some responses as text without gaps.

    `columns` holds, by position in the header, string arrays, or dictionary arrays of strings; `rows`
    the number of each row; `misfits` the rows left out because their fields do not fit the header, each
    with the number of its fields, and `raw` these rows as they stand in the file.
    """

    columns: dict[int, pa.Array]
    rows: np.ndarray
    misfits: tuple[tuple[int, int], ...] = ()
    raw: tuple[str, ...] = ()


class SurveyFile(Protocol):
    """A survey file that was recognised, and can be read once.

    `layout` says what its first rows are; `header` are the names of its columns. `readable` holds the
    positions of the columns that can be text; `done` counts bytes, up to `size`.
    """

    source: Source
    layout: Layout
    header: list[str]
    readable: list[int]
    size: int
    done: int

    @property
    def sha256(self) -> str: ...

    def batches(self, columns: Collection[int], coded: Collection[int]) -> Iterator[Batch]: ...

    def close(self) -> None: ...
