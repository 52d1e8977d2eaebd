"""YAML files that people write: read safely, checked by pydantic, and answered with line numbers.

YAML here is the 1.2 core schema without anchors, aliases and tags: `NO` stays a word, `1.0.0` stays
text, an alias bomb or a `!!python` tag is refused before anything is built from it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from cxlib.errors import DeclarationError, NotFoundError, Problem, nearest
from cxlib.frames import ROLE, TAKEN

MAX_BYTES = 1_000_000
MAX_DEPTH = 30
MAX_DIGITS = 18
RESERVED_SLUGS = frozenset(
    {"con", "prn", "aux", "nul", *(f"{p}{n}" for p in ("com", "lpt") for n in range(10))}
)


class Loader(yaml.SafeLoader):
    """A safe loader that knows null, true, false, whole and decimal numbers, and nothing else."""


class FastLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same on libyaml, where PyYAML was built with it: a large framework loads in a tenth of the time."""


Loader.yaml_implicit_resolvers = {}
FastLoader.yaml_implicit_resolvers = {}


for _tag, _pattern, _first in (
    ("null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("bool", r"^(?:true|false)$", ["t", "f"]),
    ("int", r"^-?(?:0|[1-9][0-9]*)$", list("-0123456789")),
    ("float", r"^-?(?:0|[1-9][0-9]*)\.[0-9]+$", list("-0123456789")),
):
    for _loader in (Loader, FastLoader):
        _loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)

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
    try:
        node = _composed(text, name, FastLoader)
    except (DeclarationError, UnicodeEncodeError):
        # libyaml's words differ from version to version; what a person reads comes from one parser.
        node = _composed(text, name, Loader)
    lines: dict[Path_, int] = {}
    problems: list[Problem] = []
    data = _build(node, (), lines, problems, name) if node else None
    if problems:
        raise DeclarationError(f"{name} cannot be read", problems=problems)
    if data is None:
        raise DeclarationError(f"{name} is empty")
    return Document(name=name, text=text, data=data, lines=lines)


def _composed(text: str, name: str, loader: type[Any]) -> yaml.Node | None:
    _refuse_what_is_not_allowed(text, name, loader)
    try:
        return yaml.compose(text, Loader=loader)
    except yaml.YAMLError as error:
        raise _not_yaml(error, name, text) from None


def _refuse_what_is_not_allowed(text: str, name: str, loader: type[Any]) -> None:
    """Walk the event stream, which needs no recursion, before a single object is built."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=loader):
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
        raise _not_yaml(error, name, text) from None


def _not_yaml(error: yaml.YAMLError, name: str, text: str) -> DeclarationError:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return DeclarationError(f"{name} line {line}: a control character, which YAML does not allow")
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
            if not isinstance(key_node, yaml.ScalarNode):
                where = f"{name} line {line}, {dotted(path) or 'top'}"
                problems.append(
                    Problem(where, "the name of a field is a list or a mapping", "", "a word", line=line)
                )
                continue
            if key in out:
                problems.append(
                    Problem(f"{name} line {line}, {dotted((*path, key))}", "written twice", line=line)
                )
            out[key] = _build(value, (*path, key), lines, problems, name)
            lines[(*path, key)] = line
        return out
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in node.value):
        line = node.start_mark.line + 1
        where = f"{name} line {line}, {dotted(path) or 'top'}"
        problems.append(Problem(where, "holds a character that no file can store", line=line))
    kind = node.tag.rpartition(":")[2]
    if kind == "null":
        return None
    if kind == "bool":
        return node.value == "true"
    if kind == "int" and len(node.value) <= MAX_DIGITS:
        return int(node.value)
    return float(node.value) if kind in {"int", "float"} else node.value


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


SLUG = r"^[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?$"
ID = r"^[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*$"
DIMENSION = r"^[a-z][a-z0-9_]{0,31}$"
LANGUAGE = r"^[a-z]{2}(?:-[A-Z]{2})?$"
DAY = r"^\d{4}-\d{2}-\d{2}$"


def _is_a_day(text: str) -> str:
    date.fromisoformat(text)  # its ValueError says which part is out of range
    return text


Slug = Annotated[str, StringConstraints(pattern=SLUG), AfterValidator(_not_reserved)]
Id = Annotated[str, StringConstraints(pattern=ID, max_length=64)]
Dimension = Annotated[str, StringConstraints(pattern=DIMENSION)]
Day = Annotated[str, StringConstraints(pattern=DAY), AfterValidator(_is_a_day)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_plain_name)]
Language = Annotated[str, StringConstraints(pattern=LANGUAGE)]
Prose = Annotated[str, StringConstraints(min_length=1)]
Text = Annotated[
    Annotated[Prose, Tag("one language")]
    | Annotated[dict[Language, Prose], Field(min_length=1), Tag("by language")],
    Discriminator(lambda text: "by language" if isinstance(text, dict) else "one language"),
]
Number = Annotated[float, Field(allow_inf_nan=False)]

M = TypeVar("M", bound=BaseModel)


def at(reason: str, *path: str | int) -> PydanticCustomError:
    """Build the error of a check over several fields: it names the one that is wrong."""
    return PydanticCustomError("reference", "{reason}", {"reason": reason, "path": path})


def validate(model: type[M], document: Document) -> M:
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
            document, (_problem(document, one, model) for one in error.errors())
        ) from None


def declaration_error(document: Document, problems: Iterable[Problem]) -> DeclarationError:
    found = tuple(dict.fromkeys(problems))
    count = "1 thing breaks" if len(found) == 1 else f"{len(found)} things break"
    return DeclarationError(
        f"{document.name}: {count} the schema", problems=found, fix="Correct the file and try again."
    )


def _problem(document: Document, error: Any, model: type[BaseModel]) -> Problem:
    kind, context = error["type"], error.get("ctx", {})
    path = _real_path(document.data, (*error["loc"], *context.get("path", ())))
    if kind == "extra_forbidden":
        *around, field = error["loc"]
        reason, expected, found = "no such field" + nearest(str(field), _fields_at(model, around)), "", ""
    elif kind == "reference":
        reason, expected, found = context["reason"], "", ""
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


_EXPECTED = {
    "string_type": ("not text", "text; quote it if it looks like a number"),
    "string_too_short": ("empty", "some text"),
    "int_type": ("not a whole number", "a whole number without quotes"),
    "float_type": ("not a number", "a number without quotes"),
    "list_type": ("not a list", "a list: [one, two]"),
    "dict_type": ("not a mapping", "fields: {name: value}"),
    "model_type": ("not a mapping", "fields: {name: value}"),
}
_SHAPES = {
    SLUG: "small letters and digits, with - or _ between them, at most 64",
    ID: "small letters, digits, _ and dots, beginning with a letter: s3.i04",
    DIMENSION: "small letters, digits and _, beginning with a letter, at most 32",
    LANGUAGE: "a language: en, pt-BR",
    DAY: "a day: 2026-09-18",
}


def _plain(message: str, kind: str, context: Mapping[str, Any]) -> tuple[str, str]:
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    if kind == "string_pattern_mismatch":
        pattern = str(context.get("pattern"))
        return "not written as it should be", _SHAPES.get(pattern, f"the pattern {pattern}")
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


def _fields_at(model: type[BaseModel], path: Iterable[str | int]) -> list[str]:
    """List the fields that may stand at a place of the file."""
    for part in path:
        if part in model.model_fields:
            model = _model_in(model.model_fields[str(part)].annotation) or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Find the model in `list[Step]`, `dict[Dimension, RoleSpec]`, `Target | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, getattr(annotation, "__args__", ()))), None)


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
    """A round of assessment; with its own `framework` where it is not the engagement's."""

    id: Slug
    name: Name | None = None
    date: Day | None = None
    framework: Name | None = None

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
    dated: Day


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
    contact: Name | None = None
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
                why = f"segment {taken!r} has a name that the suite uses itself; choose another"
                raise at(why, "segments", taken)
        for c, cut in enumerate(self.release or []):
            for d, dim in enumerate(cut):
                if dim not in dims:
                    raise at(
                        f"unknown dimension {dim!r}{nearest(dim, dims)}; expected one of {', '.join(dims)}",
                        "release",
                        c,
                        d,
                    )
            if len(cut) > 2 or len(set(cut)) < len(cut):
                raise at(f"{cut} is not a cut by at most two different dimensions", "release", c)
        ids = [wave.id for wave in self.waves]
        for w, wave in enumerate(ids):
            if wave in ids[:w]:
                raise at(f"the wave {wave} is there twice", "waves", w, "id")
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


def read_engagement(path: Path) -> EngagementSpec:
    """Read and check an engagement file; see :class:`EngagementSpec`."""
    return validate(EngagementSpec, read_document(path))
