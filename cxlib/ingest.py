"""Survey exports → answers: one pass, everything read as text and converted by the mapping.

Own scales are kept. What cannot be converted is rejected with row, column, reason, found and expected,
and one rejected row is enough: nothing is written then.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import repeat
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute

from cxlib.batchfile import writer
from cxlib.conversion import EDGES, LONGEST_COMMENT, Convert, Field, Plan, Rejection, clean, plan, shown
from cxlib.errors import ContractError, IngestError, Problem, nearest
from cxlib.frames import BLANK, COMMENT, DATE, DONT_KNOW, NOT_APPLICABLE, ROLE, ItemScale
from cxlib.mapping import MappingSpec
from cxlib.pseudonyms import Respondents
from cxlib.rejected import Rejected
from cxlib.rejects import MARKS, Returned, returned
from cxlib.screening import Screener, Screening
from cxlib.sources import PRIVATE, TOTALS, Batch, Part, PartSurvey, Source, SurveyFile, open_survey, widened

MOST_SEGMENT_VALUES: Final = 10_000
SHOWN_CONVERSIONS: Final = 20
KEPT_CONVERSIONS: Final = 200
SHOWN_EMPTY: Final = 5
# One such word, and at most one more beside it.
_TOTAL: Final = rf"(?i)^\W*(?:{'|'.join(sorted(TOTALS))})\b\W*[\w]*\W*$"


@dataclass(frozen=True)
class ItemCounts:
    """How often an item was answered on its scale, left blank, not applicable, or not known."""

    answered: int = 0
    blank: int = 0
    not_applicable: int = 0
    dont_know: int = 0


@dataclass(frozen=True)
class Imported:
    """What a survey file held, and how it was understood.

    Attributes
    ----------
    rows : responses; empty rows of the file are not among them.
    source : format, encoding and separator as used, and which of them were recognised.
    columns_ignored : headers that the mapping does not read.
    scales : the own scale of each mapped item, sorted by item.
    items, roles, segments : counts of answers by item, of respondents by role and by segment value.
    comments : how many wrote something, by open question.
    first_date, last_date : of the responses that bear one.
    has_ids : whether pseudonyms stand for ids of the file, or for its rows.
    notes : what was recognised or converted, a sentence each.
    empty : rows of the file with nothing in them.
    converted : texts that were read as something else, what as, and how often; the most frequent first.
    rejected : rows that break the mapping and were left out, where the good ones were asked for.
    reasons : why, with the number of cells; the most frequent first.
    screening : which responses are partial, tests, hurried …, and what of that was left out.
    is_back : whether these are rows that were rejected before, and corrected.
    """

    rows: int
    source_name: str
    source_sha256: str
    source: Source
    columns_ignored: tuple[str, ...]
    scales: tuple[ItemScale, ...]
    items: Mapping[str, ItemCounts]
    roles: Mapping[str, int]
    segments: Mapping[str, Mapping[str, int]]
    comments: Mapping[str, int]
    first_date: date | None
    last_date: date | None
    has_ids: bool
    notes: tuple[str, ...]
    empty: int = 0
    converted: tuple[tuple[str, str, int], ...] = ()
    rejected: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    screening: Screening | None = None
    is_back: bool = False


def convert(
    path: Path,
    mapping: MappingSpec,
    *,
    scales: Mapping[str, ItemScale],
    roles: Sequence[str],
    segments: Sequence[str],
    key: bytes,
    out: Path | None,
    left_out: np.ndarray | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Imported:
    """Convert a survey file by its mapping, all or nothing, in one pass.

    Memory is bounded but for 45 bytes a row, by which repeated ids are found and responses screened.

    Parameters
    ----------
    path
        A CSV or TSV file, an Excel workbook, or a Parquet file.
    mapping
        What its columns mean.
    scales
        Own scales of the items that the framework knows, by item id.
    roles, segments
        Role ids and segment ids of the engagement.
    key
        The engagement's secret, 16–64 bytes, which pseudonyms are keyed by.
    out
        Parquet file to write: respondent, shard, role, the segments, date, then an int8 column an item,
        sorted, and a text column an open question, named by `frames.COMMENT` and its id. The same input
        gives the same bytes. None: a dry run, nothing is written.
    left_out
        Numbers of the rows that are not read, sorted; see :func:`cxlib.choosing.chosen_rows`.
    progress
        Called now and then with the bytes done and the bytes in all.

    Raises
    ------
    IngestError
        If the mapping does not fit the engagement or the file, the file cannot be read, or any row
        breaks the mapping; `problems` then holds every rejected cell (the first 10,000).
    """
    if not 16 <= len(key) <= 64:
        raise ContractError(f"a key of {len(key)} bytes; expected 16–64")
    planned = plan(mapping, scales, roles, segments)
    with closing(open_mapped(path, mapping)) as survey:
        reader = Reader(survey, path.name, planned, key, left_out=left_out)
        with writer(out, planned.schema) as write:
            reader.read_all(write, progress)
            refuse(reader.seen, path.name, mapping, or_collect=mapping.long is None)
        if progress is not None:
            progress(survey.size, survey.size)
        found = imported(reader.seen, planned, path.name, survey.sha256, survey.source)
        return replace(found, screening=reader.screener.found()[0])


def read_part(
    part: Part, planned: Plan, key: bytes, out: Path
) -> tuple[Seen, tuple[np.ndarray, np.ndarray], str]:
    """Convert one part of a dataset, as :func:`convert` does a file; what was rejected is told, not raised.

    Returns
    -------
    What was seen; of every id its digest (rows × 2) and row, as the same one may stand in another part;
    and the SHA-256 of the file.
    """
    with closing(PartSurvey(part)) as survey:
        reader = Reader(survey, part.name, planned, key, part.name)
        with writer(out, planned.schema) as write:
            for table in reader.tables():
                if table is not None:
                    write(table)
        return reader.seen, reader.respondents.known(), survey.sha256


def open_mapped(path: Path, mapping: MappingSpec) -> SurveyFile:
    """Open a survey file, and turn one with a row an answer into one with a row a respondent."""
    dates = {"date_format": mapping.date.format} if mapping.date else {}
    if mapping.long is None:
        return returned(open_survey(path, mapping.source, mapping.columns, **dates))
    wanted = [*mapping.about, mapping.long.item, mapping.long.answer]
    with closing(open_survey(path, mapping.source, wanted, **dates)) as long:
        return widened(long, path.name, mapping)


# ── Reading ─────────────────────────────────────────────────────────────────────────────────────


def _positions(survey: SurveyFile, name: str, mapping: MappingSpec) -> tuple[dict[str, int], list[str]]:
    """Find every column that the mapping reads: by its exact header, else by what is seen of it."""
    problems, notes = [], []
    found: dict[str, int] = {}
    for wanted in dict.fromkeys(mapping.columns):
        places = [i for i, header in enumerate(survey.header) if header == wanted]
        if not places:
            places = [i for i, header in enumerate(survey.header) if clean(header) == clean(wanted)]
            if len(places) == 1:
                notes.append(f"column {shown(survey.header[places[0]])} read as {shown(wanted)}")
        where = f"column {shown(wanted)}"
        if not places:
            problems.append(Problem(where, f"not in the file{nearest(wanted, survey.header)}", column=wanted))
        elif len(places) > 1:
            columns = " and ".join(str(i + 1) for i in places)
            problems.append(
                Problem(where, "its header stands twice", f"columns {columns}", "one", column=wanted)
            )
        else:
            found[wanted] = places[0]
    private = [one for one in found if survey.layout.kinds[found[one]] == PRIVATE and one != mapping.id]
    if private:
        raise IngestError(
            f"mapping {mapping.mapping} reads {', '.join(map(shown, private))}, where {survey.layout.tool} "
            "writes names or addresses; they are never stored",
            fix="Take the column out of the mapping; as `id` it becomes a pseudonym.",
        )
    if problems:
        headers = ", ".join(shown(header) for header in survey.header[:6])
        more = f" and {len(survey.header) - 6} more" if len(survey.header) > 6 else ""
        written = "; ".join(survey.source.notes)
        raise IngestError(
            f"{name} does not have the columns that mapping {mapping.mapping} reads",
            problems=problems,
            fix=f"Correct the mapping or the export. Read as {written}; the header: {headers}{more}.",
        )
    return found, notes


def _named(header: str, positions: Mapping[str, int]) -> str:
    """Name a column in a message: by its header, if that can be shown."""
    if not header:
        return f"{positions[header] + 1} (no header)"
    return header if header.isprintable() and len(header) <= 60 else shown(header)


class _Column:
    """A column of the file on its way into a column of the output, and what was seen in it."""

    def __init__(self, target: Field, convert: Convert, place: int, header: str) -> None:
        self.target = target
        self.place = place
        self.header = header
        self.seen: Counter[Any] = Counter()
        self.changed: Counter[tuple[str, Any]] = Counter()
        self._convert = convert
        self._known: dict[str, Any] = {}

    def _meaning(self, text: str) -> Any:
        if text not in self._known:
            if len(self._known) > 100_000:
                self._known.clear()
            self._known[text] = self._convert(text)
        return self._known[text]

    def take(self, array: pa.DictionaryArray, rows: np.ndarray, rejected: Rejected) -> pa.Array:
        texts = array.dictionary.to_pylist()
        meanings = [self._meaning(text) for text in texts]
        places = array.indices.to_numpy()
        is_rejected = np.array([isinstance(meaning, Rejection) for meaning in meanings], bool)
        if is_rejected.any():
            at = np.flatnonzero(is_rejected[places])
            cells = (meanings[place].of(texts[place]) for place in places[at].tolist())
            rejected.add(rows[at], self.place, self.header, cells)
            meanings = [None if isinstance(meaning, Rejection) else meaning for meaning in meanings]
        times = np.bincount(places, minlength=len(texts)).tolist()
        for text, meaning, count in zip(texts, meanings, times, strict=True):
            if not count:  # left in the dictionary by an empty row that was taken out
                continue
            self.seen[meaning] += count
            if (
                text
                and text != str(meaning)
                and (len(self.changed) < 1000 or (text, meaning) in self.changed)
            ):
                self.changed[text, meaning] += count
        stored = [None if meaning == BLANK else meaning for meaning in meanings]
        return pa.array(stored, self.target.type).take(array.indices)


class _Comments:
    """A column of what people wrote, on its way into a column of the output; nothing in it is rejected."""

    def __init__(self, target: Field, convert: Convert, place: int) -> None:
        self.target = target
        self.place = place
        self.seen: Counter[str] = Counter()
        self._convert = convert

    def take(self, array: pa.Array) -> pa.Array:
        said = [self._convert(text) for text in array.cast(pa.string()).to_pylist()]
        self.seen["said"] += sum(text is not None for text in said)
        self.seen["cut"] += sum(text is not None and len(text) > LONGEST_COMMENT for text in said)
        kept = [text if text is None else text[:LONGEST_COMMENT].rstrip() for text in said]
        return pa.array(kept, self.target.type)


@dataclass
class Seen:
    """What was seen in a file, or in a part of one: that of several parts adds up.

    `values` and `changed` count meanings, and texts with their meanings, by the columns of the output;
    `empty_rows` names the first few rows with nothing in them.
    """

    rejected: Rejected
    has_ids: bool
    rows: int = 0
    misfits: int = 0
    empty: int = 0
    empty_rows: list[str] = field(default_factory=list)
    is_back: bool = False
    ignored: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    values: dict[str, Counter[Any]] = field(default_factory=dict)
    changed: dict[str, Counter[tuple[str, Any]]] = field(default_factory=dict)
    comments: dict[str, Counter[str]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return self.rows + self.misfits

    def add(self, other: Seen) -> None:
        """Add what was seen in another part, but for what was rejected there."""
        self.rows += other.rows
        self.misfits += other.misfits
        self.empty += other.empty
        self.empty_rows = [*self.empty_rows, *other.empty_rows][:SHOWN_EMPTY]
        self.ignored = list(dict.fromkeys([*self.ignored, *other.ignored]))
        self.notes = list(dict.fromkeys([*self.notes, *other.notes]))
        for mine, theirs in ((self.values, other.values), (self.changed, other.changed)):
            for name, counts in theirs.items():
                mine.setdefault(name, Counter()).update(counts)
        for question, told in other.comments.items():
            self.comments.setdefault(question, Counter()).update(told)


class Reader:
    """Reads one survey file, or the part of one that is called `part`, by a plan.

    `left_out` numbers the rows that are not read, as somebody chose.
    """

    def __init__(
        self,
        survey: SurveyFile,
        name: str,
        plan: Plan,
        key: bytes,
        part: str = "",
        *,
        left_out: np.ndarray | None = None,
    ) -> None:
        self._survey, self._name, self._plan, self._key = survey, name, plan, key
        positions, notes = _positions(survey, name, plan.mapping)
        self._columns = {
            one.name: _Column(one, one.convert, positions[one.header], _named(one.header, positions))
            for one in plan.fields
            if one.header is not None and one.convert is not None and not one.name.startswith(COMMENT)
        }
        self._comments = {
            one.name: _Comments(one, one.convert, positions[one.header])
            for one in plan.fields
            if one.header is not None and one.convert is not None and one.name.startswith(COMMENT)
        }
        header = plan.mapping.id
        self._id = None if header is None else positions[header]
        self.id_named = None if header is None else _named(header, positions)
        self.respondents = Respondents(key, self.id_named, self._id or 0, plan.mapping.survey)
        self._of = f" of {part}" if part else ""
        self._rejected = Rejected(self._of)
        self._coded = {column.place for column in self._columns.values()} - {self._id}
        texts = {column.place for column in self._comments.values()}
        self._read = {*self._coded, *texts, *(survey.readable if self._id is None else (self._id,))}
        self._left_out = left_out
        self.screener = Screener.of(plan.mapping, survey, plan.scales)
        used = {*positions.values(), *self.screener.columns}
        unread = [one for place, one in enumerate(survey.header) if place not in used]
        self.seen = Seen(
            self._rejected,
            self._id is not None,
            ignored=[one for one in unread if one not in MARKS],
            notes=notes,
            is_back=isinstance(survey, Returned),
            values={name: column.seen for name, column in self._columns.items()},
            changed={name: column.changed for name, column in self._columns.items()},
            comments={name.removeprefix(COMMENT): one.seen for name, one in self._comments.items()},
        )

    def read_all(
        self, write: Callable[[pa.Table], None], progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Convert the whole file, and find the ids that stand in it twice."""
        for table in self.tables():
            if table is not None:
                write(table)
            if progress is not None:
                progress(self._survey.done, self._survey.size)
        self.respondents.reject_repeated(self._rejected)

    def tables(self) -> Iterator[pa.Table | None]:
        """Convert batch by batch; from the first rejected row on there is nothing to keep: None."""
        for batch in self.batches():
            table = self.table(batch)
            if not self._of:  # a part knows neither the median nor who stands in another
                self.screener.look(batch, table)
            yield None if self._rejected.cells else table

    def batches(self, *, every: bool = False) -> Iterator[Batch]:
        """Hand out the rows that hold anything: the columns that are read, or `every` one that is text."""
        columns = self._read | self.screener.columns | (set(self._survey.readable) if every else set())
        for batch in self._survey.batches(columns, self._coded):
            if batch.misfits:
                self.seen.misfits += len(batch.misfits)
                rows = np.array([row for row, _ in batch.misfits])
                self._rejected.add(rows, -1, None, map(self.misfit, batch.misfits))
            batch = self._without_totals(self._without_empty_rows(batch))
            if self._left_out is not None:
                is_kept = ~np.isin(batch.rows, self._left_out)
                batch = replace(chosen(batch, is_kept), misfits=batch.misfits, raw=batch.raw)
            yield batch

    def misfit(self, found: tuple[int, int]) -> tuple[str, str, str]:
        """Say what is wrong with a row of so many fields: reason, found and expected."""
        expected, fields = len(self._survey.header), found[1]
        reason = "too many fields" if fields > expected else "too few fields"
        return reason, str(fields), f"{expected}, as in the header"

    def judge(self, batch: Batch) -> Rejected:
        """Say what of some rows breaks the mapping, ids that stand elsewhere again aside; keep nothing."""
        self._rejected = Rejected(self._of, kept=sys.maxsize)
        self.respondents = Respondents(self._key, self.id_named, self._id or 0, self._plan.mapping.survey)
        self.table(batch)
        return self._rejected

    def table(self, batch: Batch) -> pa.Table:
        """Convert some rows to the columns of the plan; null stands where something was rejected."""
        self.seen.rows += len(batch.rows)
        if self._id is None:
            arrays = self.respondents.from_rows([batch.columns[i] for i in sorted(self._read)])
        else:
            ids = batch.columns[self._id]
            arrays = self.respondents.from_ids(ids, batch.rows, self._rejected)
            if (is_total := totals(ids)).any():
                cells = repeat(
                    ("a row of totals is nobody's answer", "", "no such row, or source.totals: skip")
                )
                self._rejected.add(batch.rows[is_total], self._id, self.id_named, cells)
        for one in self._plan.fields:
            column = self._columns.get(one.name)
            if one.name in self._comments:
                texts = self._comments[one.name]
                arrays.append(texts.take(batch.columns[texts.place]))
            elif column is None:
                arrays.append(pa.repeat(pa.scalar(one.value, one.type), len(batch.rows)))
            else:
                array = batch.columns[column.place]
                if not pa.types.is_dictionary(array.type):
                    array = array.dictionary_encode()
                arrays.append(column.take(array, batch.rows, self._rejected))
                if len(column.seen) > MOST_SEGMENT_VALUES and one.name in self._plan.segments:
                    raise IngestError(
                        f"{self._name} column {column.header}: segment {one.name} has more than "
                        f"{MOST_SEGMENT_VALUES:,} different values",
                        fix="Map a column that groups people.",
                    )
        return pa.Table.from_arrays(arrays, schema=self._plan.schema)

    def _without_totals(self, batch: Batch) -> Batch:
        """Leave out rows that sum up the others, where the mapping says so; else they are rejected."""
        if self._id is None or self._plan.mapping.source.totals != "skip":
            return batch
        is_total = totals(batch.columns[self._id])
        if not is_total.any():
            return batch
        rows = ", ".join(map(str, batch.rows[is_total].tolist()[:5]))
        self.seen.notes.append(f"rows of totals left out: {rows}{' …' if is_total.sum() > 5 else ''}")
        return replace(chosen(batch, ~is_total), misfits=batch.misfits, raw=batch.raw)

    def _without_empty_rows(self, batch: Batch) -> Batch:
        """Leave out rows with nothing in any column that is read, such as blank lines at the end."""
        is_empty = np.ones(len(batch.rows), bool)
        for array in (batch.columns[place] for place in self._read):
            if not is_empty.any():
                return batch
            if pa.types.is_dictionary(array.type):
                blanks = [i for i, text in enumerate(array.dictionary.to_pylist()) if not text.strip(EDGES)]
                is_empty &= np.isin(array.indices.to_numpy(), blanks)
            else:
                trimmed = pa.compute.utf8_trim(array, characters=EDGES)
                is_empty &= pa.compute.equal(trimmed, "").to_numpy(zero_copy_only=False)
        if not is_empty.any():
            return batch
        seen = self.seen
        seen.empty += int(is_empty.sum())
        first = batch.rows[is_empty].tolist()[: SHOWN_EMPTY - len(seen.empty_rows)]
        seen.empty_rows += [f"{row}{self._of}" for row in first]
        return replace(chosen(batch, ~is_empty), misfits=batch.misfits, raw=batch.raw)


def totals(ids: pa.Array) -> np.ndarray:
    """Tell which ids are words for a sum or a mean, as stand before a spreadsheet's last row."""
    found = pa.compute.match_substring_regex(ids.cast(pa.string()), _TOTAL)
    return found.to_numpy(zero_copy_only=False)


def chosen(batch: Batch, wanted: np.ndarray) -> Batch:
    """Keep some of the rows of a batch, by a flag for each."""
    kept = pa.array(wanted)
    return Batch({at: array.filter(kept) for at, array in batch.columns.items()}, batch.rows[wanted])


def refuse(seen: Seen, name: str, mapping: MappingSpec, *, or_collect: bool = False) -> None:
    """Raise if there was nothing, or anything that breaks the mapping; say whether the rest could be kept."""
    total, rejected = seen.total, seen.rejected
    if not total:
        raise IngestError(f"{name} holds 0 responses: nothing below its header", fix="Export it again.")
    if not rejected.cells:
        return
    problems = rejected.problems
    kept = (
        f"The first {len(problems):,} of {rejected.cells:,} cells"
        if rejected.cells > len(problems)
        else "All cells"
    )
    raise IngestError(
        f"{rejected.rows:,} of {total:,} row{'s' * (total != 1)} in {name} "
        f"break{'s' * (rejected.rows == 1)} mapping {mapping.mapping}",
        problems=problems,
        fix="Nothing was imported. Fix the export or the mapping"
        f"{', or keep the good rows with --on-error collect' if or_collect else ''}. "
        f"{kept}: error.problems",
    )


def imported(seen: Seen, plan: Plan, name: str, sha256: str, source: Source) -> Imported:
    """Say what a file of which everything was seen held."""
    texts = {
        one.name: one
        for one in plan.fields
        if pa.types.is_string(one.type) and not one.name.startswith(COMMENT)
    }
    dates = [one for one in seen.values.get(DATE, ()) if one is not None]
    counts = {name: _value_counts(one, seen) for name, one in texts.items()}
    return Imported(
        rows=seen.rows,
        source_name=name,
        source_sha256=sha256,
        source=source,
        columns_ignored=tuple(seen.ignored),
        scales=plan.scales,
        items={scale.item: _item_counts(seen.values[scale.item]) for scale in plan.scales},
        roles=counts[ROLE],
        segments={segment: counts[segment] for segment in plan.segments},
        comments={name: counted["said"] for name, counted in seen.comments.items()},
        first_date=min(dates, default=None),
        last_date=max(dates, default=None),
        has_ids=seen.has_ids,
        notes=(*source.notes, *seen.notes, *_conversion_notes(seen)),
        empty=seen.empty,
        is_back=seen.is_back,
        converted=tuple(_converted(seen)[:KEPT_CONVERSIONS]),
    )


def _item_counts(seen: Mapping[int, int]) -> ItemCounts:
    blank, not_applicable, dont_know = (seen.get(code, 0) for code in (BLANK, NOT_APPLICABLE, DONT_KNOW))
    answered = sum(seen.values()) - blank - not_applicable - dont_know
    return ItemCounts(answered, blank, not_applicable, dont_know)


def _value_counts(one: Field, seen: Seen) -> Mapping[str, int]:
    counts = {one.value: seen.rows} if one.convert is None else seen.values[one.name]
    return {value: counts[value] for value in sorted(counts) if counts[value]}


def _conversion_notes(seen: Seen) -> Iterator[str]:
    if seen.empty:
        more = " …" if seen.empty > len(seen.empty_rows) else ""
        plural = "s" * (seen.empty != 1)
        yield f"{seen.empty:,} empty row{plural} left out: row{plural} {', '.join(seen.empty_rows)}{more}"
    for name, counted in seen.comments.items():
        said, cut = counted["said"], counted["cut"]
        more = f", {cut:,} cut at {LONGEST_COMMENT:,} characters" if cut else ""
        yield f"{said:,} comment{'s' * (said != 1)} to {name}{more}"
    if not seen.has_ids:
        yield "no id column: pseudonyms stand for rows of the file"
    converted = _converted(seen)
    for text, meaning, times in converted[:SHOWN_CONVERSIONS]:
        yield f"{shown(text)} read as {meaning}, {times:,} time{'s' * (times != 1)}"
    if len(converted) > SHOWN_CONVERSIONS:
        yield f"{len(converted) - SHOWN_CONVERSIONS:,} more texts converted"


def _converted(seen: Seen) -> list[tuple[str, str, int]]:
    """Return the texts that were read as something else, what as, and how often, the most frequent first."""
    names = {BLANK: "blank", NOT_APPLICABLE: "not applicable", DONT_KNOW: "don't know"}
    changed: Counter[tuple[str, str]] = Counter()
    for target, texts in seen.changed.items():
        if target == DATE:
            continue
        for (text, meaning), times in texts.items():
            changed[text, names.get(meaning, str(meaning))] += times
    ranked = sorted(changed.items(), key=lambda one: (-one[1], one[0]))
    return [(text, meaning, times) for (text, meaning), times in ranked]
