"""Datasets: a folder of Parquet parts, plain or under folders called `key=value`, read part by part."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import numpy as np
import pyarrow as pa

from cxlib.errors import IngestError, Problem
from cxlib.frames import WAVE
from cxlib.sources.base import CODED, TEXT, Batch, Source
from cxlib.sources.columnar import ParquetSurvey
from cxlib.sources.presets import Layout

# What Hive and Spark call a folder of rows without a value.
_NO_VALUE: Final = "__HIVE_DEFAULT_PARTITION__"
_MARK: Final = b"PAR1"


@dataclass(frozen=True, order=True)
class Part:
    """One file of a dataset.

    Attributes
    ----------
    name : path below the dataset's folder, as messages show it.
    keys : what its folders say of every row in it: ("hotel", "Station").
    path : absolute, so that another process finds it.
    """

    name: str
    keys: tuple[tuple[str, str], ...]
    path: Path

    def digest(self, sha256: str = "") -> str:
        """Return the SHA-256 of its bytes (by default read anew) and keys; the same under another name."""
        if not sha256:
            with self.path.open("rb") as handle:
                sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
        return hashlib.sha256(f"{sha256} {sorted(self.keys)}".encode()).hexdigest()


def find_parts(folder: Path, *, wave: str | None = None, mapped: Collection[str] = ()) -> tuple[Part, ...]:
    """List the parts of a dataset, sorted by name; names that begin with "_" or "." are no parts.

    Parameters
    ----------
    wave
        Where folders are called `wave=…` and the mapping reads no such column: only those of this wave.
    mapped
        Columns that the mapping reads.

    Raises
    ------
    IngestError
        If there is no part, none of the wave, or a file that is not Parquet.
    """
    found, strange = [], []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if any(one.startswith(("_", ".")) for one in inside.parts) or not path.is_file():
            continue
        with path.open("rb") as file:
            is_parquet = file.read(len(_MARK)) == _MARK
        if not is_parquet:
            strange.append(Problem(inside.as_posix(), "is not a Parquet file"))
            continue
        pairs = (folder_.partition("=") for folder_ in inside.parts[:-1] if "=" in folder_)
        keys = tuple((key, "" if value == _NO_VALUE else unquote(value)) for key, _, value in pairs)
        found.append(Part(inside.as_posix(), keys, path.resolve()))
    if strange:
        raise IngestError(
            f"{folder.name}/ holds {len(strange)} file{'s' * (len(strange) != 1)} that cannot be a part",
            problems=strange,
            fix="Nothing was imported. Copy the parts again, or take out what is no part of the answers.",
        )
    if not found:
        raise IngestError(
            f"{folder.name}/ holds no Parquet file; expected a dataset in parts",
            fix="Name the folder of the parts; other files are imported one by one.",
        )
    waves = sorted({value for part in found for key, value in part.keys if key == WAVE})
    if wave is not None and waves and WAVE not in mapped:
        found = [part for part in found if (WAVE, wave) in part.keys]
        if not found:
            raise IngestError(
                f"{folder.name}/ holds no part of wave {wave}; there are: {', '.join(waves)}",
                fix="Pass --wave with one of them, or name the folder of the parts that are meant.",
            )
    return tuple(found)


class PartSurvey:
    """A part with what its folders say as further columns; see :class:`cxlib.sources.base.SurveyFile`."""

    def __init__(self, part: Part) -> None:
        self._file = ParquetSurvey(part.path, Source("parquet", recognised=("format",)), part.name)
        self._own = len(self._file.header)
        keys = [pair for pair in part.keys if pair[0] not in self._file.header]
        self._values = [value for _, value in keys]
        self.source = self._file.source
        self.header = [*self._file.header, *(key for key, _ in keys)]
        self.layout = Layout(self.header)
        self.readable = [*self._file.readable, *range(self._own, len(self.header))]
        self.size = self._file.size
        self.sha256 = self._file.sha256

    @property
    def done(self) -> int:
        return self._file.done

    def close(self) -> None:
        self._file.close()

    def batches(self, columns: Collection[int], coded: Collection[int]) -> Iterator[Batch]:
        """Read the rows; see :class:`cxlib.sources.base.SurveyFile`."""
        own = [at for at in columns if at < self._own]
        for batch in self._file.batches(own, coded):
            rows = len(batch.rows)
            said = {
                at: pa.DictionaryArray.from_arrays(
                    pa.array(np.zeros(rows, np.int32)), [self._values[at - self._own]]
                ).cast(CODED if at in coded else TEXT)
                for at in columns
                if at >= self._own
            }
            yield Batch({**batch.columns, **said}, batch.rows, batch.misfits)
