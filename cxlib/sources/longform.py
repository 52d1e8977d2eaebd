"""Long files, a row an answer, made wide: a row a respondent, as everything after expects it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from cxlib.errors import ContractError, IngestError, Problem, nearest
from cxlib.mapping import MappingSpec
from cxlib.sources.base import TEXT, Batch, Source, SurveyFile
from cxlib.sources.presets import Layout

if TYPE_CHECKING:
    import pandas as pd

# All answers are held at once, about 100 bytes each; more come as a wide file, which streams.
MOST_ANSWERS: Final = 20_000_000
MOST_PROBLEMS: Final = 100
ROWS: Final = 1 << 16


@dataclass
class WideSurvey:
    """A long file made wide; see :class:`cxlib.sources.base.SurveyFile`."""

    source: Source
    header: list[str]
    sha256: str
    size: int
    columns: list[pa.Array]
    rows: np.ndarray
    done: int = 0

    @property
    def layout(self) -> Layout:
        return Layout(self.header)

    @property
    def readable(self) -> list[int]:
        return list(range(len(self.header)))

    def batches(self, columns: Collection[int], coded: Collection[int]) -> Iterator[Batch]:
        """Hand out the rows; see :class:`cxlib.sources.base.SurveyFile`."""
        for start in range(0, len(self.rows), ROWS):
            arrays = {at: self.columns[at].slice(start, ROWS) for at in columns}
            arrays = {at: one.dictionary_encode() if at in coded else one for at, one in arrays.items()}
            yield Batch(arrays, self.rows[start : start + ROWS])
        self.done = self.size

    def close(self) -> None:
        """Nothing is open any more."""


def widened(long: SurveyFile, name: str, mapping: MappingSpec) -> WideSurvey:
    """Turn a file with a row an answer into one with a row a respondent, in the order they first appear.

    A row is known by the number of its respondent's first row in the file.

    Raises
    ------
    IngestError
        If a column is missing, a respondent answers a question twice with different answers, or is
        described in two ways; with the numbers of the rows.
    """
    import pandas as pd

    if mapping.long is None or mapping.id is None:
        raise ContractError("a file with a row an answer needs `long` and `id` in its mapping")
    about = list(dict.fromkeys(mapping.about))
    named = [*about, mapping.long.item, mapping.long.answer]
    places = [_place(long, name, one) for one in named]
    frame = _read(long, name, places)
    frame.columns = pd.Index([*range(len(about)), "item", "answer", "row"])
    respondent = about.index(mapping.id)
    frame[respondent] = frame[respondent].str.strip()
    frame["item"] = frame["item"].str.strip()
    _check_described(frame, name, about, respondent)
    frame = _once(frame, name, respondent)
    first = frame.drop_duplicates(respondent)
    order = first[respondent]
    wide = frame[frame["item"] != ""].pivot(index=respondent, columns="item", values="answer").reindex(order)
    asked = list(dict.fromkeys(frame.loc[frame["item"] != "", "item"]))
    columns = [pa.array(first[at].tolist(), TEXT) for at in range(len(about))]
    columns += [pa.array(wide[item].fillna("").tolist(), TEXT) for item in asked]
    remark = f"a row an answer: {len(frame):,} answers of {len(first):,} respondents"
    source = replace(long.source, remarks=(*long.source.remarks, remark))
    return WideSurvey(source, [*about, *asked], long.sha256, long.size, columns, first["row"].to_numpy())


def _place(long: SurveyFile, name: str, wanted: str) -> int:
    places = [at for at, header in enumerate(long.header) if header.strip() == wanted.strip()]
    if len(places) != 1:
        what = "stands twice" if places else f"is not in the file{nearest(wanted, long.header)}"
        raise IngestError(
            f"{name}: column {wanted!r} {what}; it has {', '.join(repr(one) for one in long.header[:8])}",
            fix="Correct `long`, `id`, `role`, `segments` or `date` in the mapping, or the export.",
        )
    return places[0]


def _read(long: SurveyFile, name: str, places: Sequence[int]) -> pd.DataFrame:
    import pandas as pd

    pieces, answers = [], 0
    for batch in long.batches(set(places), set()):
        if batch.misfits:
            row, fields = batch.misfits[0]
            raise IngestError(
                f"{name} row {row} has {fields} fields; expected {len(long.header)}, as in the header",
                fix="Export it again.",
            )
        answers += len(batch.rows)
        if answers > MOST_ANSWERS:
            raise IngestError(
                f"{name} holds more than {MOST_ANSWERS:,} answers, a row each",
                fix="Export it with a row a respondent, or wave by wave.",
            )
        columns = [batch.columns[at].cast(TEXT).to_pylist() for at in places]
        piece = pd.DataFrame(dict(enumerate(columns)), dtype=object)
        pieces.append(piece.assign(row=batch.rows))
    if not pieces:
        raise IngestError(f"{name} holds 0 responses: nothing below its header", fix="Export it again.")
    found = pd.concat(pieces, ignore_index=True)
    texts = found.columns[:-1]
    # Blank lines, such as stand at the end of an export, are nobody's.
    return found[(found[texts] != "").any(axis=1)].reset_index(drop=True)


def _check_described(frame: pd.DataFrame, name: str, about: Sequence[str], respondent: int) -> None:
    problems: list[Problem] = []
    if (blank := frame[frame[respondent] == ""]).size:
        problems += [
            Problem(f"row {row}", "no id", "", "an id in every row") for row in blank["row"][:MOST_PROBLEMS]
        ]
    first = frame.drop_duplicates(respondent).set_index(respondent)
    for at, header in enumerate(about):
        if at == respondent:
            continue
        before = frame[respondent].map(first[at])
        for row, found, expected, where in zip(
            *(
                one[frame[at] != before][:MOST_PROBLEMS]
                for one in (frame["row"], frame[at], before, frame[respondent].map(first["row"]))
            ),
            strict=True,
        ):
            problems.append(
                Problem(
                    f"row {row}, column {header}",
                    f"another {header} than in row {where}",
                    repr(found),
                    repr(expected),
                )
            )
    if problems:
        raise IngestError(
            f"{name} describes a respondent in two ways, or none",
            problems=problems[:MOST_PROBLEMS],
            fix="Nothing was imported. Correct the export: one role, segment and date a respondent.",
        )


def _once(frame: pd.DataFrame, name: str, respondent: int) -> pd.DataFrame:
    """Keep each answer once, and refuse two different ones."""
    kept = frame.drop_duplicates([respondent, "item", "answer"])
    twice = kept[kept.duplicated([respondent, "item"], keep=False) & (kept["item"] != "")]
    if len(twice):
        first = twice.groupby([respondent, "item"], sort=False)["row"].transform("first")
        later = twice[twice["row"] != first]
        problems = [
            Problem(
                f"row {row}", f"another answer to {item!r} than in row {before}", repr(answer), "one answer"
            )
            for row, item, answer, before in zip(
                later["row"], later["item"], later["answer"], first[twice["row"] != first], strict=True
            )
        ]
        raise IngestError(
            f"{name}: {len(problems):,} answer{'s' * (len(problems) != 1)} to a question that the same "
            "respondent answered before",
            problems=problems[:MOST_PROBLEMS],
            fix="Nothing was imported. Keep one answer a respondent and question.",
        )
    return kept
