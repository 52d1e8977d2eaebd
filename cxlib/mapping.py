"""The mapping of a survey file: which column is whose answer to what, as a person writes it in YAML."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from cxlib.declarations import (
    Dimension,
    Id,
    Model,
    Name,
    Number,
    Slug,
    Text,
    at,
    parse_document,
    read_document,
    validate,
)
from cxlib.errors import nearest
from cxlib.frames import HIGHEST, LOWEST, ItemScale


class ScaleSpec(Model):
    """A scale by its ends, or by its labels from lowest to highest (then stored as 1, 2, 3 …)."""

    low: Annotated[int, Field(ge=LOWEST, le=HIGHEST)] = 1
    high: Annotated[int, Field(ge=LOWEST, le=HIGHEST)] | None = None
    labels: list[Name] = []

    @model_validator(mode="after")
    def _has_ends(self) -> ScaleSpec:
        if self.top <= self.low:
            raise ValueError("a scale needs `high` above `low`, or at least two labels")
        return self

    @property
    def top(self) -> int:
        return self.high if self.high is not None else self.low + len(self.labels) - 1


class SourceSpec(Model):
    """How the file is written; what is left out is recognised from the file and reported.

    `sheet`, `header_row` and `totals` are of workbooks: which sheet, which of its rows holds the headers,
    and whether rows of totals at its end are left out or refused. `preset` names the survey tool whose
    export it is (see :mod:`cxlib.sources.presets`); "none" where a file only looks like one.
    """

    format: Annotated[str, StringConstraints(pattern=r"^(csv|tsv|xlsx|parquet)$")] | None = None
    encoding: Name | None = None
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = None
    sheet: Name | None = None
    header_row: Annotated[int, Field(ge=1)] | None = None
    totals: Literal["refuse", "skip"] = "refuse"
    preset: (
        Literal["qualtrics", "limesurvey", "surveymonkey", "microsoft-forms", "google-forms", "none"] | None
    ) = None


class DimensionMapping(Model):
    """Where a role or segment comes from: one value for the whole file, or a column with its values.

    `others` says what becomes of a segment's text that `values` does not name: it is kept, or refused.
    """

    value: Name | None = None
    column: str | None = None
    values: dict[str, Name] = {}
    others: Literal["keep", "refuse"] = "keep"

    @model_validator(mode="after")
    def _one_way(self) -> DimensionMapping:
        if (self.value is None) == (self.column is None):
            raise ValueError("give either `value` (the same for every row) or `column`")
        return self


class DateMapping(Model):
    column: str
    format: Name = "%Y-%m-%d"


class ItemMapping(Model):
    """One column that answers one item. `scale` is needed where no framework knows the item."""

    item: Id
    column: str
    scale: Name | None = None
    text: Name | None = None
    values: dict[str, int] = {}


class CommentMapping(Model):
    """One column in which people wrote what they think, and the open question that they were asked."""

    id: Id
    column: str
    text: Text


class LongSpec(Model):
    """A file with a row an answer: the column that names the question, and the one that holds the answer.

    An item's `column` is then what stands in the column of questions.
    """

    item: Name
    answer: Name


class ScreeningSpec(Model):
    """Where a file says how a response came about, and from where on one is counted as a matter to look at.

    Attributes
    ----------
    finished : column that is blank, 0, false or no where somebody did not reach the end; `unfinished` names
        further texts for it.
    preview : column that tells a test from an answer; `previews` names further texts that say "test".
    duration : column of the seconds that it took, or hours:minutes:seconds; without it, `started` and
        `ended` are read.
    speed : share of the median duration under which a response is a speeder's.
    straight : answers on one scale from which on a response without any variation is a straight-liner's.
    """

    finished: str | None = None
    unfinished: list[str] = []
    preview: str | None = None
    previews: list[str] = []
    duration: str | None = None
    started: str | None = None
    ended: str | None = None
    speed: Annotated[Number, Field(gt=0, lt=1)] = 1 / 3
    straight: Annotated[int, Field(ge=3)] = 10

    @property
    def columns(self) -> list[str]:
        read = (self.finished, self.preview, self.duration, self.started, self.ended)
        return list(dict.fromkeys(column for column in read if column is not None))


class ConstructSpec(Model):
    """A group of items that measure one thing, declared where no framework does."""

    id: Id
    name: Name
    items: Annotated[list[Id], Field(min_length=1)]


class DriversSpec(Model):
    """What may drive what: an item or construct, and the items or constructs whose shares are asked for."""

    outcome: Id
    of: Annotated[list[Id], Field(min_length=2)]


class MappingSpec(Model):
    """What each column of a survey export means.

    Items and constructs that no framework has are declared here: nothing is forced onto the steps. `survey`
    is for ids that each survey of a tool counts anew: 1 in one survey is another person than 1 in the next.
    """

    mapping: Slug
    source: SourceSpec = SourceSpec()
    id: str | None = None
    survey: Name | None = None
    role: DimensionMapping
    segments: dict[Dimension, DimensionMapping] = {}
    date: DateMapping | None = None
    blank: list[str] = []
    not_applicable: list[str] = []
    dont_know: list[str] = []
    scales: dict[Dimension, ScaleSpec] = {}
    long: LongSpec | None = None
    items: Annotated[list[ItemMapping], Field(min_length=1)]
    constructs: list[ConstructSpec] = []
    drivers: list[DriversSpec] = []
    comments: list[CommentMapping] = []
    screening: ScreeningSpec | None = None
    note: str = ""

    @model_validator(mode="after")
    def _hold_together(self) -> MappingSpec:
        items = [item.item for item in self.items]
        columns = [item.column for item in self.items]
        for i, item in enumerate(self.items):
            if item.item in items[:i]:
                raise at(f"item {item.item} is mapped twice", "items", i, "item")
            if item.column in columns[:i]:
                raise at(f"column {item.column!r} answers two items", "items", i, "column")
            if item.column == self.id:
                raise at(f"column {item.column!r} is the id; it cannot be an answer", "items", i, "column")
            if item.scale is not None and item.scale not in self.scales:
                raise at(f"unknown scale {item.scale}{nearest(item.scale, self.scales)}", "items", i, "scale")
        if self.survey is not None and self.id is None:
            raise at("`survey` says in which survey ids are counted, and no `id` is mapped", "survey")
        if self.long is not None and self.id is None:
            raise at("a file with a row an answer needs `id`: it says whose answer a row is", "long")
        if self.long is not None and self.screening is not None:
            raise at("a file with a row an answer cannot be screened: leave `screening` out", "screening")
        names = [construct.id for construct in self.constructs]
        for c, construct in enumerate(self.constructs):
            if construct.id in (*names[:c], *items):
                raise at(f"the id {construct.id} is there twice", "constructs", c, "id")
            for i, one in enumerate(construct.items):
                if one not in items:
                    raise at(f"unknown item {one}{nearest(one, items)}", "constructs", c, "items", i)
        for c, comment in enumerate(self.comments):
            before = self.comments[:c]
            if comment.id in (*items, *names, *(one.id for one in before)):
                raise at(f"the id {comment.id} is there twice", "comments", c, "id")
            if comment.column in (*self.about, *columns, *(one.column for one in before)):
                raise at(f"column {comment.column!r} is read as something else", "comments", c, "column")
        made_of = {one: {one} for one in items} | {one.id: set(one.items) for one in self.constructs}
        for d, drive in enumerate(self.drivers):
            if drive.outcome not in made_of:
                raise at(
                    f"unknown item or construct {drive.outcome}{nearest(drive.outcome, made_of)}",
                    "drivers", d, "outcome",
                )  # fmt: skip
            for i, one in enumerate(drive.of):
                if one not in made_of:
                    raise at(f"unknown item or construct {one}{nearest(one, made_of)}", "drivers", d, "of", i)
                used = made_of[drive.outcome].union(*(made_of[other] for other in drive.of[:i]))
                if both := sorted(made_of[one] & used):
                    raise at(f"{one} shares {both[0]} with what stands before it", "drivers", d, "of", i)
        return self

    def declared_scale(self, item: ItemMapping) -> ItemScale | None:
        """Return the scale that the mapping itself gives an item, if it does."""
        if item.scale is None:
            return None
        scale = self.scales[item.scale]
        return ItemScale(item.item, scale.low, scale.top)

    @property
    def about(self) -> list[str]:
        """The columns that say whose answers these are, and when they were given."""
        dims = [dim.column for dim in (self.role, *self.segments.values()) if dim.column is not None]
        extra = [self.id] if self.id is not None else []
        dates = [self.date.column] if self.date else []
        return [*extra, *dims, *dates]

    @property
    def columns(self) -> list[str]:
        """Every column that the mapping reads, of a long file once it is wide."""
        answers = [item.column for item in self.items]
        looked_at = self.screening.columns if self.screening is not None else []
        return [*self.about, *answers, *(comment.column for comment in self.comments), *looked_at]


def read_mapping(path: Path) -> MappingSpec:
    """Read and check a mapping file; see :class:`MappingSpec`."""
    return validate(MappingSpec, read_document(path))


@lru_cache(maxsize=64)
def plain_mapping(document: str) -> Mapping[str, Any]:
    """Return a mapping's text as plain data, for example the one that an import was made by."""
    plain: Mapping[str, Any] = parse_document(document, name="mapping").data
    return plain
