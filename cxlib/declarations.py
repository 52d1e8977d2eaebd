"""YAML files that people write: read safely, checked by pydantic, and answered with line numbers.

YAML here is the 1.2 core schema without anchors, aliases and tags: `NO` stays a word, `1.0.0` stays
text, an alias bomb or a `!!python` tag is refused before anything is built from it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from cxlib.errors import DeclarationError, NotFoundError, Problem, nearest
from cxlib.frames import HIGHEST, LOWEST, ROLE, TAKEN, ItemScale

MAX_BYTES = 5_000_000
MAX_DEPTH = 30
RESERVED_SLUGS = frozenset(
    {"con", "prn", "aux", "nul", *(f"{p}{n}" for p in ("com", "lpt") for n in range(10))}
)


class Loader(yaml.SafeLoader):
    """A safe loader that knows null, true, false, whole and decimal numbers, and nothing else."""


Loader.yaml_implicit_resolvers = {}


for _tag, _pattern, _first in (
    ("null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("bool", r"^(?:true|false)$", ["t", "f"]),
    ("int", r"^-?(?:0|[1-9][0-9]*)$", list("-0123456789")),
    ("float", r"^-?(?:0|[1-9][0-9]*)\.[0-9]+$", list("-0123456789")),
):
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)

Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """A YAML file as plain data, with the line on which each of its fields stands.

    `digest` is the SHA-256 of the bytes: the identity that answers and reports carry.
    """

    name: str
    text: str
    data: Any
    lines: Mapping[Path_, int] = field(repr=False)

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def line(self, path: Path_) -> int:
        """Return the line of a field, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_document(path: Path) -> Document:
    """Read a YAML file.

    Raises
    ------
    NotFoundError
        If there is no such file.
    DeclarationError
        If it is too large, not UTF-8, not YAML, or uses what is not allowed here.
    """
    if not path.is_file():
        raise NotFoundError(f"no file {path}", fix="Check the path.")
    if path.stat().st_size > MAX_BYTES:
        raise DeclarationError(
            f"{path.name} is larger than {MAX_BYTES // 1_000_000} MB; expected a file a person wrote"
        )
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DeclarationError(
            f"{path.name} is not UTF-8 (byte {error.start})", fix="Save it as UTF-8."
        ) from None
    return parse_document(text, name=path.name)


def parse_document(text: str, *, name: str) -> Document:
    """Read YAML from text; `name` is what messages call it."""
    _refuse_what_is_not_allowed(text, name)
    try:
        node = yaml.compose(text, Loader=Loader)
    except yaml.YAMLError as error:
        raise _not_yaml(error, name) from None
    if node is None:
        raise DeclarationError(f"{name} is empty")
    lines: dict[Path_, int] = {}
    problems: list[Problem] = []
    data = _build(node, (), lines, problems, name)
    if problems:
        raise DeclarationError(f"{name} cannot be read", problems=problems)
    return Document(name=name, text=text, data=data, lines=lines)


def _refuse_what_is_not_allowed(text: str, name: str) -> None:
    """Walk the event stream, which needs no recursion, before a single object is built."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=Loader):
            line = event.start_mark.line + 1 if event.start_mark else 1
            tag = getattr(event, "tag", None)
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise DeclarationError(
                    f"{name} line {line}: anchors and aliases are not allowed here", fix="Write the text out."
                )
            if tag and tag != "!":
                raise DeclarationError(
                    f"{name} line {line}: the tag {tag} is not allowed here",
                    fix="Remove it; quote text that should stay text.",
                )
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise DeclarationError(f"{name} line {line}: nested deeper than {MAX_DEPTH} levels")
    except yaml.YAMLError as error:
        raise _not_yaml(error, name) from None


def _not_yaml(error: yaml.YAMLError, name: str) -> DeclarationError:
    mark = getattr(error, "problem_mark", None)
    where = f"{name} line {mark.line + 1}" if mark else name
    return DeclarationError(f"{where}: not valid YAML: {getattr(error, 'problem', None) or 'cannot be read'}")


def _build(node: yaml.Node, path: Path_, lines: dict[Path_, int], problems: list[Problem], name: str) -> Any:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return [_build(child, (*path, i), lines, problems, name) for i, child in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        out: dict[str, Any] = {}
        for key_node, value in node.value:
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode) or key in out:
                problems.append(
                    Problem(f"{name} line {line}, {dotted((*path, key))}", "written twice", line=line)
                )
            out[key] = _build(value, (*path, key), lines, problems, name)
            lines[(*path, key)] = line
        return out
    kind = node.tag.rpartition(":")[2]
    if kind == "null":
        return None
    if kind == "bool":
        return node.value == "true"
    return int(node.value) if kind == "int" else float(node.value) if kind == "float" else node.value


def dotted(path: Path_) -> str:
    """Write a path as a person would point at it: steps.0.items.2.topic."""
    return ".".join(str(part) for part in path)


# ── Models ──────────────────────────────────────────────────────────────────────────────────────


class Model(BaseModel):
    """Base of everything declared: immutable, and strict about fields that do not exist."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _not_reserved(slug: str) -> str:
    if slug in RESERVED_SLUGS:
        raise ValueError(f"the name {slug!r} is reserved by an operating system")
    return slug


def _plain_name(text: str) -> str:
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise ValueError("control characters are not allowed in a name")
    return text


Slug = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?$"),
    AfterValidator(_not_reserved),
]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*$", max_length=64)]
Dimension = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_plain_name)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(?:-[A-Z]{2})?$")]
Text = (
    Annotated[str, StringConstraints(min_length=1)]
    | dict[Language, Annotated[str, StringConstraints(min_length=1)]]
)
Number = Annotated[float, Field(strict=False, allow_inf_nan=False)]

M = TypeVar("M", bound=BaseModel)


def validate(model: type[M], document: Document, *, known: Iterable[str] = ()) -> M:
    """Build a model from a document; every finding names its line and field.

    Raises
    ------
    DeclarationError
        With one problem a finding: line, field, found, expected, and the nearest name that exists.
    """
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise declaration_error(
            document, (_problem(document, one, model, known) for one in error.errors())
        ) from None


def declaration_error(document: Document, problems: Iterable[Problem]) -> DeclarationError:
    found = tuple(dict.fromkeys(problems))
    count = "1 thing breaks" if len(found) == 1 else f"{len(found)} things break"
    return DeclarationError(
        f"{document.name}: {count} the schema", problems=found, fix="Correct the file and try again."
    )


def _problem(document: Document, error: Any, model: type[BaseModel], known: Iterable[str]) -> Problem:
    path = _real_path(document.data, error["loc"])
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        reason, expected = "no such field" + nearest(str(error["loc"][-1]), _fields_around(model)), ""
        found = ""
    elif kind == "missing":
        reason, expected, found = "missing", str(error["loc"][-1]), ""
    else:
        reason, expected = _plain(error["msg"], kind, context)
        found = _short(error.get("input"))
    line = document.line(path)
    shown = (
        path
        if kind != "missing"
        else (*path, str(error["loc"][-1]))
        if not path or path[-1] != error["loc"][-1]
        else path
    )
    return Problem(
        f"{document.name} line {line}, {dotted(shown) or 'top'}", reason, found, expected, line=line
    )


def _plain(message: str, kind: str, context: Mapping[str, Any]) -> tuple[str, str]:
    if kind == "string_type":
        return "not text", "text; quote it if it looks like a number"
    if kind == "string_pattern_mismatch":
        return "not a valid id", f"a name like {context.get('pattern')}"
    if kind in {"value_error", "assertion_error"}:
        return message.removeprefix("Value error, "), ""
    return message[0].lower() + message[1:], ""


def _real_path(data: Any, loc: Iterable[str | int]) -> Path_:
    """Keep the parts of pydantic's location that exist in the file (it adds names of union members)."""
    path: list[str | int] = []
    for part in loc:
        is_key = isinstance(data, Mapping) and part in data
        is_place = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if is_key or is_place:
            data = data[part]
            path.append(part)
    return tuple(path)


def _fields_around(model: type[BaseModel]) -> set[str]:
    """Collect the field names of a model and of every model inside it."""
    names: set[str] = set()
    todo: list[Any] = [model]
    seen: set[Any] = set()
    while todo:
        one = todo.pop()
        if one in seen:
            continue
        seen.add(one)
        if isinstance(one, type) and issubclass(one, BaseModel):
            names.update(one.model_fields)
            todo.extend(info.annotation for info in one.model_fields.values())
        else:
            todo.extend(getattr(one, "__args__", ()))
    return names


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


# ── The engagement ──────────────────────────────────────────────────────────────────────────────


class RoleSpec(Model):
    """A role in one engagement: people invited or employed, and its weight in the whole."""

    population: Annotated[int, Field(ge=1)] | None = None
    weight: Annotated[Number, Field(ge=0)] | None = None


class SegmentSpec(Model):
    name: Name


class WaveSpec(Model):
    id: Slug
    name: Name | None = None
    date: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None

    @property
    def label(self) -> str:
        return self.name or self.id


class Thresholds(Model):
    """The smallest groups that may be shown: `scores` respondents for figures, `comments` for words."""

    scores: Annotated[int, Field(ge=3, le=100)] = 5
    comments: Annotated[int, Field(ge=3, le=1000)] = 10


class AssumptionSpec(Model):
    value: Number
    unit: Name
    source: Name
    dated: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class TargetSpec(Model):
    level: Annotated[Number, Field(ge=1, le=5)]
    because: str = ""


class EngagementSpec(Model):
    """One client's programme as it is declared in an engagement file.

    Roles, segments, thresholds and release plan are fixed when the engagement is created: a plan that
    grew afterwards would let two reports be subtracted from each other.
    """

    engagement: Slug
    name: Name
    framework: Name
    languages: Annotated[list[Language], Field(min_length=1)] = ["en"]
    roles: Annotated[dict[Dimension, RoleSpec], Field(min_length=1)]
    segments: dict[Dimension, SegmentSpec] = {}
    anonymity: Thresholds = Thresholds()
    release: list[list[Dimension]] | None = None
    waves: Annotated[list[WaveSpec], Field(min_length=1)]
    targets: dict[Id, TargetSpec] = {}
    assumptions: dict[Id, AssumptionSpec] = {}

    @model_validator(mode="after")
    def _hold_together(self) -> EngagementSpec:
        dims = self.dims
        for taken in self.segments:
            if taken in TAKEN:
                raise ValueError(f"segment {taken!r} has a name that the suite uses itself; choose another")
        for cut in self.release or []:
            for dim in cut:
                if dim not in dims:
                    raise ValueError(
                        f"release plan: unknown dimension {dim!r}; expected one of {', '.join(dims)}"
                    )
            if len(cut) > 2 or len(set(cut)) < len(cut):
                raise ValueError(f"release plan: {cut} is not a cut by at most two different dimensions")
        ids = [wave.id for wave in self.waves]
        if len(set(ids)) < len(ids):
            raise ValueError("two waves have the same id")
        return self

    @property
    def dims(self) -> tuple[str, ...]:
        """The dimensions a group can be cut by, role first."""
        return (ROLE, *self.segments)

    @property
    def cuts(self) -> tuple[tuple[str, ...], ...]:
        """The release plan: everyone and roles always; by default each segment, alone and within roles.

        Whole and roles are what every page is built on: who answered, and who sees it differently.
        """
        declared = self.release
        if declared is None:
            declared = [[], *([dim] for dim in self.dims), *([ROLE, dim] for dim in self.segments)]
        order = self.dims.index
        return tuple(dict.fromkeys(tuple(sorted(cut, key=order)) for cut in ([], [ROLE], *declared)))


# ── The mapping of a survey file ────────────────────────────────────────────────────────────────


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
    """How the file is written; what is left out is recognised from the file and reported."""

    format: Annotated[str, StringConstraints(pattern=r"^(csv|parquet)$")] | None = None
    encoding: Name | None = None
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = None


class DimensionMapping(Model):
    """Where a role or segment comes from: one value for the whole file, or a column with its values."""

    value: Name | None = None
    column: str | None = None
    values: dict[str, Name] = {}

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


class ConstructSpec(Model):
    """A group of items that measure one thing, declared where no framework does."""

    id: Id
    name: Name
    items: Annotated[list[Id], Field(min_length=1)]


class MappingSpec(Model):
    """What each column of a survey export means.

    Items and constructs that no framework has are declared here: nothing is forced onto the steps.
    """

    mapping: Slug
    source: SourceSpec = SourceSpec()
    id: str | None = None
    role: DimensionMapping
    segments: dict[Dimension, DimensionMapping] = {}
    date: DateMapping | None = None
    blank: list[str] = []
    not_applicable: list[str] = []
    dont_know: list[str] = []
    scales: dict[Dimension, ScaleSpec] = {}
    items: Annotated[list[ItemMapping], Field(min_length=1)]
    constructs: list[ConstructSpec] = []
    note: str = ""

    @model_validator(mode="after")
    def _hold_together(self) -> MappingSpec:
        items = [item.item for item in self.items]
        for repeated in sorted({item for item in items if items.count(item) > 1}):
            raise ValueError(f"item {repeated} is mapped twice")
        columns = [item.column for item in self.items]
        for repeated in sorted({column for column in columns if columns.count(column) > 1}):
            raise ValueError(f"column {repeated!r} answers two items")
        for item in self.items:
            if item.scale is not None and item.scale not in self.scales:
                raise ValueError(
                    f"item {item.item}: unknown scale {item.scale!r}{nearest(item.scale, self.scales)}"
                )
        for construct in self.constructs:
            for one in construct.items:
                if one not in items:
                    raise ValueError(f"construct {construct.id}: unknown item {one}{nearest(one, items)}")
        return self

    def declared_scale(self, item: ItemMapping) -> ItemScale | None:
        """Return the scale that the mapping itself gives an item, if it does."""
        if item.scale is None:
            return None
        scale = self.scales[item.scale]
        return ItemScale(item.item, scale.low, scale.top)

    @property
    def columns(self) -> list[str]:
        """Every column that the mapping reads."""
        dims = [dim.column for dim in (self.role, *self.segments.values()) if dim.column is not None]
        extra = [self.id] if self.id is not None else []
        dates = [self.date.column] if self.date else []
        return [*extra, *dims, *dates, *(item.column for item in self.items)]


def read_engagement(path: Path) -> EngagementSpec:
    """Read and check an engagement file; see :class:`EngagementSpec`."""
    return validate(EngagementSpec, read_document(path))


def read_mapping(path: Path) -> MappingSpec:
    """Read and check a mapping file; see :class:`MappingSpec`."""
    return validate(MappingSpec, read_document(path))
