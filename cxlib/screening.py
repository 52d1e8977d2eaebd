"""Which responses are no answers to rely on: partial, test, twice, hurried, all alike. Counted, never judged.

The definitions are those of the field, on the side of caution, and each import says what they found:

- **partial**: the file says that the end was not reached.
- **test**: the file says that it was a preview or a test.
- **duplicate**: a later response of the same id, or of another id with the same answers and comments in the
  same second. No address and no browser is looked at. Among responses that are left out for another reason
  none is a duplicate.
- **speeder**: a finished response that took less than a third of the median of the finished ones. There is
  no rule that all follow: half the median marks a doubtful response in Leiner (2019, "Too Fast, too Straight,
  too Weird", Survey Research Methods 13(3), pp. 229–248: a relative speed of 2), who counts no page as more
  than three times as fast as the median; a third is the stricter of what is usual.
- **straightliner**: a response in which every answer on one scale is the same, at least ten of them
  (non-differentiation in its strictest form; the longest string of Curran 2016, "Methods for the detection of
  carelessly invalid responses in survey data", JESP 66, pp. 4–19, is the whole battery). Where levels are
  described, somebody may mean it.

A mapping sets other bounds under `screening`. What is dropped is a person's choice, kept with the import.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cxlib.errors import IngestError, NotFoundError, nearest
from cxlib.frames import COMMENT, DATE, RESPONDENT, SHARD, ItemScale
from cxlib.mapping import MappingSpec, ScreeningSpec
from cxlib.pseudonyms import Occurrences

if TYPE_CHECKING:
    from cxlib.sources import Batch, Layout, SurveyFile

# In the order in which one that is several things is counted as dropped.
PARTIAL, TEST, SPEEDER, STRAIGHT, DUPLICATE = "partial", "test", "speeder", "straightliner", "duplicate"
KINDS: Final = (PARTIAL, TEST, SPEEDER, STRAIGHT, DUPLICATE)
PLURALS: Final = {
    PARTIAL: "partial", TEST: "test", SPEEDER: "speeders", STRAIGHT: "straight-liners",
    DUPLICATE: "duplicate",
}  # fmt: skip
# Texts, in small letters, that say "not finished"; a blank says so too.
_UNFINISHED: Final = frozenset(("", "0", "false", "no", "n", "falsch", "nein", "incomplete", "partial"))
# Qualtrics' codes and names for previews and tests (its support page "Understanding Your Dataset"), and ours.
_PREVIEWS: Final = frozenset(
    (
        "1", "2", "9", "17", "survey preview", "survey test", "preview", "test", "preview spam",
        "offline preview", "true", "yes",
    )
)  # fmt: skip
_MOMENTS: Final = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%Y/%m/%d %H:%M:%S", "%m/%d/%Y %I:%M:%S %p",
    "%Y/%m/%d %I:%M:%S %p",
)  # fmt: skip
_CLOCK: Final = re.compile(r"(?:(\d+):)?(\d+):(\d+(?:[.,]\d+)?)")
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Screening:
    """What was found among the responses of a file, and what of it was left out.

    Attributes
    ----------
    rows : responses looked at.
    found : how many are of each kind that could be looked for; one may be of several.
    choice : the kinds that were to be left out.
    dropped : how many were, each under its first kind.
    median : of the finished responses [seconds]; None where no time is known.
    speed, straight : the bounds that held; see :class:`cxlib.mapping.ScreeningSpec`.
    """

    rows: int
    found: Mapping[str, int]
    choice: tuple[str, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    median: float | None = None
    speed: float = 1 / 3
    straight: int = 10

    @property
    def left_out(self) -> int:
        return sum(self.dropped.values())

    @property
    def kept(self) -> tuple[str, ...]:
        """The kinds of which some were found, and none were left out."""
        return tuple(kind for kind, n in self.found.items() if n and kind not in self.choice)

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON can hold it, for the store."""
        return {
            "rows": self.rows, "found": dict(self.found), "choice": list(self.choice),
            "dropped": dict(self.dropped), "median_seconds": self.median, "speed": self.speed,
            "straight": self.straight,
        }  # fmt: skip

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Screening:
        """Return what the store kept."""
        return cls(
            plain["rows"], plain["found"], tuple(plain["choice"]), plain["dropped"],
            plain["median_seconds"], plain["speed"], plain["straight"],
        )  # fmt: skip

    @property
    def sentences(self) -> list[str]:
        """Say what was found, and what became of it."""
        bounds = {
            SPEEDER: f" (under {self.speed:.0%} of the median, {self.median or 0:,.0f} s)",
            STRAIGHT: f" (at least {self.straight} answers on one scale, all the same)",
        }
        told = [f"{n:,} {PLURALS[kind]}{bounds.get(kind, '')}" for kind, n in self.found.items() if n]
        if not told:
            looked = ", ".join(PLURALS[kind] for kind in self.found)
            return [f"none of {self.rows:,} responses is to be looked at again ({looked})"]
        out = [f"of {self.rows:,} responses: {', '.join(told)}"]
        if self.dropped:
            names = ", ".join(f"{n:,} {PLURALS[kind]}" for kind, n in self.dropped.items() if n)
            return [*out, f"left out: {names}" if names else "left out: none"]
        return [*out, "all were kept"]


def chosen_kinds(text: str) -> tuple[str, ...]:
    """Read a choice such as "partial,test".

    Raises
    ------
    NotFoundError
        Naming the nearest kind.
    """
    asked = [one.strip() for one in text.split(",") if one.strip()]
    for one in asked:
        if one not in KINDS:
            raise NotFoundError(
                f"no kind of response {one!r}{nearest(one, KINDS)}", fix=f"There are: {', '.join(KINDS)}."
            )
    return tuple(kind for kind in KINDS if kind in asked)


def screening_of(mapping: MappingSpec, layout: Layout) -> ScreeningSpec:
    """Return what a mapping declares, and where it says nothing, the columns of the tool itself."""
    if mapping.screening is not None:
        return mapping.screening
    own: dict[str, str] = {}
    for name, kind in zip(layout.names, layout.kinds, strict=False):
        own.setdefault(kind, name)
    # LimeSurvey has no column for it: who did not reach the end has no date of submission.
    finished = own.get("finished") or (own.get("date") if layout.preset == "limesurvey" else None)
    return ScreeningSpec(
        finished=finished,
        preview=own.get("status"),
        duration=own.get("seconds"),
        started=own.get("begun"),
        ended=own.get("date"),
    )


class Screener:
    """Looks at responses as they pass; memory is bounded but for 19 bytes a response.

    Parameters
    ----------
    places
        Position of each column that is looked at, by its header; a column that the file does not have is
        not looked at.
    scales
        Own scales of the items, by which batteries are made.
    moment
        Header of the mapping's date, if any: it may hold the time of day.
    """

    def __init__(
        self,
        spec: ScreeningSpec,
        places: Mapping[str, int],
        scales: Sequence[ItemScale],
        moment: str | None = None,
        *,
        has_ids: bool = False,
    ) -> None:
        self._spec, self._has_ids = spec, has_ids
        place = {name: places.get(getattr(spec, name) or "") for name in _COLUMNS}
        self._finished, self._preview = place["finished"], place["preview"]
        self._duration, self._started, self._ended = place["duration"], place["started"], place["ended"]
        moments = [self._started, self._ended, places.get(moment or "")]
        self._moments = list(dict.fromkeys(one for one in moments if one is not None))
        batteries: dict[tuple[int, int], list[str]] = {}
        for scale in scales:
            batteries.setdefault((scale.low, scale.high), []).append(scale.item)
        self._batteries = {ends: items for ends, items in batteries.items() if len(items) >= spec.straight}
        self._items = [scale.item for scale in scales]
        self._unfinished = _UNFINISHED | {one.strip().casefold() for one in spec.unfinished}
        self._previews = (
            frozenset(one.strip().casefold() for one in spec.previews) if spec.previews else _PREVIEWS
        )
        self._rows: list[np.ndarray] = []
        self._flags: dict[str, list[np.ndarray]] = {PARTIAL: [], TEST: [], STRAIGHT: []}
        self._seconds: list[np.ndarray] = []
        self._prints: list[np.ndarray] = []

    @classmethod
    def of(cls, mapping: MappingSpec, survey: SurveyFile, scales: Sequence[ItemScale]) -> Screener:
        """Return what looks at a file that was opened, by its mapping or, without a word there, its tool."""
        places = {header: at for at, header in reversed([*enumerate(survey.header)])}
        moment = mapping.date.column if mapping.date is not None else None
        spec = screening_of(mapping, survey.layout)
        return cls(spec, places, scales, moment, has_ids=mapping.id is not None)

    @property
    def columns(self) -> set[int]:
        """The positions of the columns that are looked at."""
        return {
            one
            for one in (self._finished, self._preview, self._duration, self._started, self._ended)
            if one is not None
        }

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that this file lets be told."""
        has_time = self._duration is not None or None not in (self._started, self._ended)
        can = {
            PARTIAL: self._finished is not None,
            TEST: self._preview is not None,
            SPEEDER: has_time,
            STRAIGHT: bool(self._batteries),
            DUPLICATE: self._has_ids or bool(self._moments),
        }
        return tuple(kind for kind in KINDS if can[kind])

    def check(self, drop: Collection[str], name: str) -> None:
        """Refuse to leave out what nothing in the file tells.

        Raises
        ------
        IngestError
            Naming the kinds that it tells.
        """
        for kind in drop:
            if kind not in self.kinds:
                raise IngestError(
                    f"nothing in {name} says which responses are {PLURALS[kind]}; "
                    f"it tells: {', '.join(self.kinds) or 'none'}",
                    fix=f"Name the column under `screening` in the mapping, or leave {kind} out of --drop.",
                )

    def look(self, batch: Batch, table: pa.Table) -> None:
        """Look at some rows, as they stand in the file and as they were converted."""
        n = len(batch.rows)
        self._rows.append(batch.rows.astype(np.uint32))
        for kind, place, texts in (
            (PARTIAL, self._finished, self._unfinished),
            (TEST, self._preview, self._previews),
        ):
            told = np.zeros(n, bool) if place is None else _is_among(batch.columns[place], texts)
            self._flags[kind].append(told)
        self._flags[STRAIGHT].append(self._is_straight(table))
        self._seconds.append(self._time(batch))
        self._prints.append(self._print(batch, table))

    def _is_straight(self, table: pa.Table) -> np.ndarray:
        straight = np.zeros(table.num_rows, bool)
        for (low, high), items in self._batteries.items():
            least = np.full(table.num_rows, high, np.int16)
            most, count = np.full(table.num_rows, low, np.int16), np.zeros(table.num_rows, np.int16)
            for item in items:
                answers = _numbers(table[item], low - 1)
                is_answer = answers >= low
                count += is_answer
                least = np.where(is_answer, np.minimum(least, answers), least)
                most = np.where(is_answer, np.maximum(most, answers), most)
            straight |= (count >= self._spec.straight) & (least == most)
        return straight

    def _time(self, batch: Batch) -> np.ndarray:
        """Return how long each response took, in seconds; not a number where nothing says so."""
        if self._duration is not None:
            return _seconds(_texts(batch.columns[self._duration]))
        if self._started is None or self._ended is None:
            return np.full(len(batch.rows), np.nan, np.float32)
        began, ended = (_moments(_texts(batch.columns[one])) for one in (self._started, self._ended))
        took = (ended - began).astype(np.float32)
        # Dates without a time of day say nothing, nor does an end before its beginning.
        return np.where(took > 0, took, np.float32(np.nan)).astype(np.float32)

    def _print(self, batch: Batch, table: pa.Table) -> np.ndarray:
        """Return a fingerprint of all that was answered and of the second; 0 where no second is known."""
        prints = np.zeros(table.num_rows, np.uint64)
        timed = np.zeros(table.num_rows, bool)
        for place in self._moments:
            texts = _texts(batch.columns[place])
            timed |= pc.match_substring(texts, ":").to_numpy(zero_copy_only=False)
            prints = _mixed(prints, _hashes(texts))
        if not timed.any():
            return prints * np.uint64(0)
        said = np.zeros(table.num_rows, bool)
        for name in table.column_names:
            if name in (RESPONDENT, SHARD, DATE):
                continue
            column = table[name].combine_chunks()
            if pa.types.is_integer(column.type):
                numbers = _numbers(column, -129)
                said |= numbers > -129
                prints = _mixed(prints, (numbers + 200).astype(np.uint64))
            else:
                if name.startswith(COMMENT):
                    said |= column.is_valid().to_numpy(zero_copy_only=False)
                prints = _mixed(prints, _hashes(column.fill_null("")))
        return np.where(timed & said, prints | np.uint64(1), np.uint64(0))

    def found(
        self, choice: Sequence[str] = (), ids: tuple[np.ndarray, np.ndarray] | None = None
    ) -> tuple[Screening, np.ndarray]:
        """Return what was found, and the rows of the file that the choice leaves out, sorted.

        Parameters
        ----------
        ids
            Of each id its digest (rows × 2) and row, where the same may stand twice; see
            :meth:`cxlib.pseudonyms.Respondents.known`.
        """
        rows = np.concatenate([np.empty(0, np.uint32), *self._rows])
        is_of = {kind: np.concatenate([np.empty(0, bool), *told]) for kind, told in self._flags.items()}
        seconds = np.concatenate([np.empty(0, np.float32), *self._seconds])
        is_whole = ~is_of[PARTIAL] & ~is_of[TEST] & (seconds > 0)
        median = float(np.median(seconds[is_whole])) if is_whole.any() else None
        is_of[SPEEDER] = is_whole & (seconds < self._spec.speed * (median or 0))
        others = [is_of[kind] for kind in choice if kind != DUPLICATE]
        is_out = np.logical_or.reduce(others) if others else np.zeros(len(rows), bool)
        is_of[DUPLICATE] = self._is_repeated(rows, ~is_out, ids)
        dropped, is_out = {}, np.zeros(len(rows), bool)
        for kind in (kind for kind in KINDS if kind in choice):
            dropped[kind] = int((is_of[kind] & ~is_out).sum())
            is_out |= is_of[kind]
        found = {kind: int(is_of[kind].sum()) for kind in self.kinds}
        screening = Screening(
            len(rows), found, tuple(choice), dropped, median, self._spec.speed, self._spec.straight
        )
        return screening, np.sort(rows[is_out])

    def _is_repeated(
        self, rows: np.ndarray, is_left: np.ndarray, ids: tuple[np.ndarray, np.ndarray] | None
    ) -> np.ndarray:
        """Flag every response but the first of those that are the same, among those that are left."""
        repeated = np.zeros(len(rows), bool)
        prints = np.concatenate([np.empty(0, np.uint64), *self._prints])
        at = np.flatnonzero(is_left & (prints != 0))
        repeated[at] = Occurrences().count(prints[at]) > 0
        if ids is not None:
            digests, of = ids
            place = np.searchsorted(rows, of)  # rows come in the order of the file
            kept = is_left[place]
            place, digests = place[kept], digests[kept]
            repeated[place] |= Occurrences().count(digests[:, 0]) > 0
        return repeated


_COLUMNS: Final = ("finished", "preview", "duration", "started", "ended")


def _texts(array: pa.Array) -> pa.Array:
    return pc.utf8_trim_whitespace(array.cast(pa.string()))


def _is_among(array: pa.Array, texts: Collection[str]) -> np.ndarray:
    lowered = pc.utf8_lower(_texts(array))
    return pc.is_in(lowered, pa.array(sorted(texts))).to_numpy(zero_copy_only=False)


def _numbers(column: pa.Array | pa.ChunkedArray, missing: int) -> np.ndarray:
    return pc.fill_null(column.cast(pa.int16()), pa.scalar(missing, pa.int16())).to_numpy()


def _seconds(texts: pa.Array) -> np.ndarray:
    """Read seconds, or hours:minutes:seconds; what is neither is not a number."""
    plain = pc.replace_substring(texts, ",", ".")
    is_number = pc.match_substring_regex(plain, r"^\d{1,9}(\.\d+)?$")
    numbers = pc.if_else(is_number, plain, pa.scalar(None, pa.string())).cast(pa.float32())
    out = numbers.to_numpy(zero_copy_only=False).astype(np.float32)
    for at in np.flatnonzero(pc.match_substring(texts, ":").to_numpy(zero_copy_only=False)).tolist():
        if clock := _CLOCK.fullmatch(texts[at].as_py()):
            hours, minutes, rest = clock.groups()
            out[at] = int(hours or 0) * 3600 + int(minutes) * 60 + float(rest.replace(",", "."))
    return out


def _moments(texts: pa.Array) -> np.ndarray:
    """Read moments as seconds, by the form that most of them have; not a number where none fits."""
    plain = pc.replace_substring_regex(
        pc.replace_substring_regex(texts, r"^(\d{4}-\d{2}-\d{2})T", r"\1 "),
        r"([.,]\d+)?(Z| ?GMT.*| ?[+-]\d{2}:?\d{2})?$",
        "",
    )
    best = None
    for form in _MOMENTS:
        read = pc.strptime(plain, format=form, unit="s", error_is_null=True)
        if best is None or read.null_count < best.null_count:
            best = read
        if best.null_count == 0:
            break
    assert best is not None  # noqa: S101 (there are forms)
    return best.cast(pa.int64()).cast(pa.float64()).to_numpy(zero_copy_only=False)


def _hashes(texts: pa.Array) -> np.ndarray:
    import pandas as pd

    coded = texts.dictionary_encode()
    known = pd.util.hash_array(coded.dictionary.to_numpy(zero_copy_only=False).astype(object))
    return known[coded.indices.to_numpy()] if len(known) else np.zeros(len(texts), np.uint64)


def _mixed(prints: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Stir one column more into the fingerprints."""
    stirred = (prints ^ values) * _ODD
    return stirred ^ (stirred >> np.uint64(29))
