"""Survey exports → answers: one pass, everything read as text and converted by the mapping.

Own scales are kept. What cannot be converted is rejected with row, column, reason, found and expected,
and one rejected row is enough: nothing is written then.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from cxlib.conversion import EDGES, LONGEST_COMMENT, Convert, Field, Plan, Rejection, clean, plan, shown
from cxlib.errors import ContractError, IngestError, Problem, nearest
from cxlib.frames import BLANK, COMMENT, DATE, DONT_KNOW, NOT_APPLICABLE, RESPONDENT, ROLE, ItemScale
from cxlib.mapping import MappingSpec
from cxlib.pseudonyms import Respondents
from cxlib.rejected import Rejected
from cxlib.sources import PRIVATE, Batch, Part, PartSurvey, Source, SurveyFile, open_survey, widened

MOST_SEGMENT_VALUES: Final = 10_000
SHOWN_CONVERSIONS: Final = 20
SHOWN_EMPTY: Final = 5
ROWS_PER_GROUP: Final = 1 << 17


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


def convert(
    path: Path,
    mapping: MappingSpec,
    *,
    scales: Mapping[str, ItemScale],
    roles: Sequence[str],
    segments: Sequence[str],
    key: bytes,
    out: Path | None,
    progress: Callable[[int, int], None] | None = None,
) -> Imported:
    """Convert a survey file by its mapping, all or nothing, in one pass.

    Memory is bounded but for 24 bytes a row, by which repeated ids are found.

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
    with closing(_open(path, mapping)) as survey:
        reader = _Reader(survey, path.name, planned, key)
        with writer(out, planned.schema) as write:
            for table in reader.tables():
                if table is not None:
                    write(table)
                if progress is not None:
                    progress(survey.done, survey.size)
            reader.reject_repeated()
            refuse(reader.seen, path.name, mapping)
        if progress is not None:
            progress(survey.size, survey.size)
        return imported(reader.seen, planned, path.name, survey.sha256, survey.source)


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
        reader = _Reader(survey, part.name, planned, key, part.name)
        with writer(out, planned.schema) as write:
            for table in reader.tables():
                if table is not None:
                    write(table)
        return reader.seen, reader.respondents.known(), survey.sha256


def _open(path: Path, mapping: MappingSpec) -> SurveyFile:
    """Open a survey file, and turn one with a row an answer into one with a row a respondent."""
    dates = {"date_format": mapping.date.format} if mapping.date else {}
    if mapping.long is None:
        return open_survey(path, mapping.source, mapping.columns, **dates)
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


class _Reader:
    """Reads one survey file, or the part of one that is called `part`, by a plan."""

    def __init__(self, survey: SurveyFile, name: str, plan: Plan, key: bytes, part: str = "") -> None:
        self._survey, self._name, self._plan = survey, name, plan
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
        named = None if header is None else _named(header, positions)
        self.respondents = Respondents(key, named, self._id or 0, plan.mapping.survey)
        self._of = f" of {part}" if part else ""
        self._rejected = Rejected(self._of)
        read = set(positions.values())
        self.seen = Seen(
            self._rejected,
            self._id is not None,
            ignored=[one for place, one in enumerate(survey.header) if place not in read],
            notes=notes,
            values={name: column.seen for name, column in self._columns.items()},
            changed={name: column.changed for name, column in self._columns.items()},
            comments={name.removeprefix(COMMENT): one.seen for name, one in self._comments.items()},
        )

    def tables(self) -> Iterator[pa.Table | None]:
        """Convert batch by batch; from the first rejected row on there is nothing to keep: None."""
        coded = {column.place for column in self._columns.values()} - {self._id}
        texts = {column.place for column in self._comments.values()}
        read = {*coded, *texts, *(self._survey.readable if self._id is None else (self._id,))}
        for batch in self._survey.batches(read, coded):
            if batch.misfits:
                self.seen.misfits += len(batch.misfits)
                rows = np.array([row for row, _ in batch.misfits])
                self._rejected.add(rows, -1, None, (self._misfit(fields) for _, fields in batch.misfits))
            batch = self._without_empty_rows(batch)
            self.seen.rows += len(batch.rows)
            table = self._table(batch)
            yield None if self._rejected.cells else table

    def _misfit(self, fields: int) -> tuple[str, str, str]:
        expected = len(self._survey.header)
        reason = "too many fields" if fields > expected else "too few fields"
        return reason, str(fields), f"{expected}, as in the header"

    def _table(self, batch: Batch) -> pa.Table:
        if self._id is None:
            arrays = self.respondents.from_rows([batch.columns[i] for i in sorted(batch.columns)])
        else:
            arrays = self.respondents.from_ids(batch.columns[self._id], batch.rows, self._rejected)
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

    def _without_empty_rows(self, batch: Batch) -> Batch:
        """Leave out rows with nothing in any column that is read, such as blank lines at the end."""
        is_empty = np.ones(len(batch.rows), bool)
        for array in batch.columns.values():
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
        kept = pa.array(~is_empty)
        return Batch({i: array.filter(kept) for i, array in batch.columns.items()}, batch.rows[~is_empty])

    def reject_repeated(self) -> None:
        self.respondents.reject_repeated(self._rejected)


def refuse(seen: Seen, name: str, mapping: MappingSpec) -> None:
    """Raise if there was nothing, or anything that breaks the mapping."""
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
        fix=f"Nothing was imported. Fix the export or the mapping. {kept}: error.problems",
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
    names = {BLANK: "blank", NOT_APPLICABLE: "not applicable", DONT_KNOW: "don't know"}
    changed: Counter[tuple[str, str]] = Counter()
    for target, texts in seen.changed.items():
        if target == DATE:
            continue
        for (text, meaning), times in texts.items():
            changed[text, names.get(meaning, str(meaning))] += times
    for (text, meaning), times in sorted(changed.items(), key=lambda one: (-one[1], one[0]))[
        :SHOWN_CONVERSIONS
    ]:
        yield f"{shown(text)} read as {meaning}, {times:,} time{'s' * (times != 1)}"
    if len(changed) > SHOWN_CONVERSIONS:
        yield f"{len(changed) - SHOWN_CONVERSIONS:,} more texts converted"


# ── Writing ─────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def writer(out: Path | None, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """Open a Parquet file that appears whole or not at all.

    Its row groups do not depend on the batches, so that the same answers give the same bytes.
    """
    if out is None:
        yield lambda table: None
        return
    waiting: list[pa.Table] = []
    # Hardly a value stands twice in them.
    unlike = {one for one in schema.names if one == RESPONDENT or one.startswith(COMMENT)}
    descriptor, name = tempfile.mkstemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            with pa.parquet.ParquetWriter(
                handle,
                schema,
                compression={one: "zstd" if one in unlike else "none" for one in schema.names},
                use_dictionary=[one for one in schema.names if one not in unlike],
                write_statistics=False,
            ) as file:

                def write(table: pa.Table) -> None:
                    waiting.append(table)
                    while sum(one.num_rows for one in waiting) >= ROWS_PER_GROUP:
                        together = pa.concat_tables(waiting)
                        file.write_table(together.slice(0, ROWS_PER_GROUP), row_group_size=ROWS_PER_GROUP)
                        waiting[:] = [together.slice(ROWS_PER_GROUP)]

                yield write
                rest = pa.concat_tables(waiting) if waiting else schema.empty_table()
                if rest.num_rows:
                    file.write_table(rest, row_group_size=ROWS_PER_GROUP)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(out)
        _sync_folder(out.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a new name in a folder survive a power loss, where the system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
