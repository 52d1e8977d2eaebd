"""Who answered, without a name: a keyed pseudonym for each respondent of a file, and its shard."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute

from cxlib.conversion import EDGES
from cxlib.frames import SHARDS
from cxlib.rejected import Rejected

DIGEST_BYTES: Final = 16


def pseudonym(key: bytes, respondent: str, survey: str | None = None) -> str:
    """Return the pseudonym of an id, of one survey's where ids are counted in each: 32 hexadecimal digits.

    Keyed BLAKE2b.
    """
    return _digester(key)(_of(survey) + respondent.strip(EDGES).encode()).hex()


def _of(survey: str | None) -> bytes:
    # NUL can stand in no id, so that a survey's ids meet nobody else's.
    return b"" if survey is None else survey.encode() + b"\0"


def _digester(key: bytes) -> Callable[[bytes], bytes]:
    keyed = hashlib.blake2b(key=key, digest_size=DIGEST_BYTES)

    def digest(data: bytes) -> bytes:
        one = keyed.copy()  # a third faster than keying each anew
        one.update(data)
        return one.digest()

    return digest


class Occurrences:
    """Counts how often a 64-bit hash came before, at 8 bytes a row: sorted runs, merged as they grow."""

    def __init__(self) -> None:
        self._runs: list[np.ndarray] = []

    def count(self, hashes: np.ndarray) -> np.ndarray:
        order = np.argsort(hashes, kind="stable")
        ranked = hashes[order]
        before = np.arange(len(ranked)) - np.searchsorted(ranked, ranked)
        for run in self._runs:
            before += np.searchsorted(run, ranked, side="right") - np.searchsorted(run, ranked)
        self._runs.append(ranked)
        while len(self._runs) > 1 and len(self._runs[-1]) * 2 > len(self._runs[-2]):
            last = self._runs.pop()
            self._runs[-1] = np.sort(np.concatenate((self._runs[-1], last)), kind="stable")
        out = np.empty(len(hashes), np.int64)
        out[order] = before
        return out


class Respondents:
    """Pseudonyms for the ids of a file, or for its rows where it has none, and the shard of each.

    A shard follows from the id, whoever imports it, in however many parts and in which order: all stores
    make the same report of the same answers. It tells 1 of 40, and is kept where the pseudonyms are.
    """

    def __init__(self, key: bytes, header: str | None, place: int, survey: str | None = None) -> None:
        self._digest = _digester(key)
        self._survey = _of(survey)
        self._header = header
        self._place = place
        self._occurrences = Occurrences()
        self._digests: list[np.ndarray] = []
        self._rows: list[np.ndarray] = []

    def from_ids(self, ids: pa.Array, rows: np.ndarray, rejected: Rejected) -> list[pa.Array]:
        trimmed = pa.compute.utf8_trim(ids, characters=EDGES)
        texts = trimmed.cast(pa.binary()).to_pylist()
        if self._survey:
            texts = [self._survey + text for text in texts]
        digests = b"".join(map(self._digest, texts))
        is_blank = pa.compute.equal(trimmed, "").to_numpy(zero_copy_only=False)
        if is_blank.any():
            cells = repeat(("no id", "", "an id in every row"))
            rejected.add(rows[is_blank], self._place, self._header, cells)
        self._digests.append(np.frombuffer(digests, "<u8").reshape(-1, 2)[~is_blank])
        self._rows.append(rows[~is_blank])
        return [_hexadecimal(digests), _shards(texts)]

    def from_rows(self, columns: Sequence[pa.Array]) -> list[pa.Array]:
        # NUL cannot stand in a text, so that no two different rows join to the same one.
        joined = pa.compute.binary_join_element_wise(*(column.cast(pa.string()) for column in columns), "\0")
        texts = joined.cast(pa.binary()).to_pylist()
        digests = list(map(self._digest, texts))
        before = self._occurrences.count(np.frombuffer(b"".join(digests), "<u8")[::2])
        for place in np.flatnonzero(before).tolist():
            digests[place] = self._digest(digests[place] + int(before[place]).to_bytes(8, "little"))
        return [_hexadecimal(b"".join(digests)), _shards(texts, before)]

    def known(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the digests of the ids, (rows × 2), and the number of each one's row."""
        digests = np.concatenate([np.empty((0, 2), "<u8"), *self._digests])
        return digests, np.concatenate([np.empty(0, np.int64), *self._rows])

    def repeated(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of every id that stands twice, in order, and for each another row that bears it."""
        digests, rows = self.known()
        order = np.argsort(digests[:, 0], kind="stable")
        digests, rows = digests[order], rows[order]
        is_same = (digests[1:] == digests[:-1]).all(axis=1)
        follows, precedes = np.append(False, is_same), np.append(is_same, False)
        first = np.maximum.accumulate(np.where(follows, 0, np.arange(len(rows))))
        other = np.where(follows, rows[first], np.append(rows[1:], 0))
        repeated = np.flatnonzero(follows | precedes)
        repeated = repeated[np.argsort(rows[repeated])]
        return rows[repeated], other[repeated]

    def reject_repeated(self, rejected: Rejected) -> None:
        """Reject every row of an id that stands twice: nobody can say which of them is right."""
        rows, other = self.repeated()
        if len(rows):
            rejected.add(rows, self._place, self._header, map(self.again, other.tolist()))

    @staticmethod
    def again(row: int) -> tuple[str, str, str]:
        """Say that an id stands in another row, too: reason, found and expected."""
        return f"the same id as row {row}", "", "each id once"


def _shards(texts: Sequence[bytes], nth: np.ndarray | int = 0) -> pa.Array:
    """Deal ids (or rows, of which `nth` came before) out to shards: by a checksum, well stirred."""
    sums = np.fromiter(map(zlib.crc32, texts), np.uint64, len(texts)) + np.asarray(nth, np.uint64)
    # Knuth's multiplicative hash: a checksum alone deals ids that count up by a pattern.
    stirred = (sums * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)
    return pa.array(((stirred >> np.uint64(8)) % np.uint64(SHARDS)).astype(np.int8))


def _hexadecimal(digests: bytes) -> pa.Array:
    """Lay out hexadecimal digests as an Arrow array at once: a Python string each would cost more."""
    count = len(digests) // DIGEST_BYTES
    offsets = np.arange(count + 1, dtype=np.int32) * (2 * DIGEST_BYTES)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(digests.hex().encode()))
