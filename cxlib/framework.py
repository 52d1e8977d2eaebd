"""The instrument: steps, items with described levels, questions, lenses and forms, read from YAML.

A framework is data. Nothing here or above it knows how many steps or items there are, what they are
called, or in which order they stand: all of that is read from the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from cxlib.declarations import (
    Dimension,
    Document,
    Id,
    Language,
    Model,
    Name,
    Number,
    Path_,
    Slug,
    Text,
    declaration_error,
    dotted,
    parse_document,
    read_document,
    validate,
)
from cxlib.errors import NotFoundError, Problem, nearest
from cxlib.frames import HIGHEST, LOWEST, ItemScale

MATURITY = "maturity"


class Stream(Model):
    id: Dimension
    name: Text
    description: Text | None = None


class Scale(Model):
    """An answer scale: whole numbers `low`…`high`, with words for some or all of them."""

    id: Dimension
    low: Annotated[int, Field(ge=LOWEST, le=HIGHEST)]
    high: Annotated[int, Field(ge=LOWEST, le=HIGHEST)]
    labels: dict[str, Text] = {}


class Role(Model):
    """Whose eyes: `kind` tells staff from customers; `weight` is its share in the whole."""

    id: Dimension
    name: Text
    kind: Literal["staff", "customer"]
    weight: Annotated[Number, Field(ge=0)] = 1.0


class Advice(Model):
    """What moves an item from one level to the next."""

    action: Text
    who: Text
    effort_days: Annotated[Number, Field(gt=0)]
    effect: Text


class Prerequisite(Model):
    item: Id
    because: Text


class Item(Model):
    """One thing assessed: a statement per role, described levels, advice for each move up."""

    id: Id
    stream: Dimension | None = None
    topic: Text
    statement: Annotated[dict[Dimension, Text], Field(min_length=1)]
    scale: Dimension = MATURITY
    levels: list[Text] = []
    advice: list[Advice] = []
    requires: list[Prerequisite] = []
    seed: str | None = None


class Target(Model):
    level: Annotated[Number, Field(ge=1, le=5)]
    because: Text


class Step(Model):
    id: Dimension
    slug: Slug
    name: Text
    question: Text
    outcome: Text | None = None
    requires: list[Dimension] = []
    because: Text | None = None
    target: Target | None = None
    items: Annotated[list[Item], Field(min_length=1)]


class Question(Model):
    """A question beside the steps: a metric on its own scale, or an open text (`scale` empty)."""

    id: Id
    kind: Id
    scale: Dimension | None
    roles: Annotated[list[Dimension], Field(min_length=1)]
    topic: Text
    text: Text
    wordings: dict[Dimension, Text] = {}
    toward: Literal["high", "low"] = "high"


class LensRow(Model):
    id: Dimension
    name: Text
    description: Text | None = None
    start_here: Text | None = None
    items: list[Id] = []
    questions: list[Id] = []


class Lens(Model):
    id: Dimension
    name: Text
    description: Text | None = None
    rows: Annotated[list[LensRow], Field(min_length=1)]


class Form(Model):
    id: Slug
    name: Text
    roles: Annotated[list[Dimension], Field(min_length=1)]
    items: list[Id] = []
    questions: list[Id] = []
    introduction: Text | None = None
    privacy: Text | None = None
    minutes: Annotated[int, Field(ge=1)] | None = None


class FrameworkFile(Model):
    """The schema of a framework file, as pydantic checks it and editors read it."""

    framework: Slug
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    title: Text
    languages: Annotated[list[Language], Field(min_length=1)]
    licence: Name | None = None
    sources: list[Text] = []
    streams: list[Stream] = []
    scales: Annotated[list[Scale], Field(min_length=1)]
    roles: Annotated[list[Role], Field(min_length=1)]
    steps: Annotated[list[Step], Field(min_length=1)]
    questions: list[Question] = []
    lenses: list[Lens] = []
    forms: list[Form] = []


class Framework:
    """A framework that holds together: every reference exists, every text is there in every language.

    Build it with :func:`load_framework` or :func:`parse_framework`. It is a read-only value: `content`
    is the file, the properties are views of it.
    """

    def __init__(self, content: FrameworkFile, document: Document) -> None:
        self.content = content
        self.document = document

    @property
    def id(self) -> str:
        return self.content.framework

    @property
    def version(self) -> str:
        return self.content.version

    @property
    def digest(self) -> str:
        """SHA-256 of the file's text."""
        return self.document.digest

    @property
    def stamp(self) -> str:
        """What answers and tallies carry: id, version and the first twelve digits of the digest."""
        return f"{self.id} {self.version} {self.digest[:12]}"

    @property
    def steps(self) -> list[Step]:
        return self.content.steps

    @property
    def roles(self) -> list[Role]:
        return self.content.roles

    @cached_property
    def items(self) -> dict[str, Item]:
        """Every item by id, in the order of the steps."""
        return {item.id: item for step in self.steps for item in step.items}

    @cached_property
    def questions(self) -> dict[str, Question]:
        return {question.id: question for question in self.content.questions}

    @cached_property
    def step_of(self) -> dict[str, str]:
        """Item id → step id."""
        return {item.id: step.id for step in self.steps for item in step.items}

    @cached_property
    def scales(self) -> dict[str, ItemScale]:
        """The own scale of every item and of every question that is not open text, by id."""
        by_id = {scale.id: scale for scale in self.content.scales}
        asked = [(item.id, item.scale) for item in self.items.values()]
        asked += [(question.id, question.scale) for question in self.questions.values() if question.scale]
        return {one: ItemScale(one, by_id[scale].low, by_id[scale].high) for one, scale in asked}

    @cached_property
    def ancestors(self) -> dict[str, frozenset[str]]:
        """Step id → every step that it stands on, directly or not."""
        direct = {step.id: step.requires for step in self.steps}
        found: dict[str, frozenset[str]] = {}
        for step in self.order:
            found[step] = frozenset(direct[step]).union(*(found[before] for before in direct[step]))
        return found

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Step ids, each after every step it requires; ties in the order of the file."""
        rank = {step.id: n for n, step in enumerate(self.steps)}
        sorter = TopologicalSorter({step.id: step.requires for step in self.steps})
        sorter.prepare()
        out: list[str] = []
        ready: list[str] = []
        while sorter.is_active():
            ready = sorted([*ready, *sorter.get_ready()], key=rank.__getitem__)
            first = ready.pop(0)
            out.append(first)
            sorter.done(first)
        return tuple(out)

    @property
    def prerequisites(self) -> dict[str, frozenset[str]]:
        """The ancestors in topological order: what :func:`cxlib.ordering.sequence` reads."""
        return {step: self.ancestors[step] for step in self.order}

    @cached_property
    def levels(self) -> dict[str, int]:
        """How many described levels each item has."""
        return {item.id: len(item.levels) for item in self.items.values()}

    def step(self, name: str) -> Step:
        """Return a step by id or slug.

        Raises
        ------
        NotFoundError
            Naming the nearest step.
        """
        for step in self.steps:
            if name in (step.id, step.slug):
                return step
        known = [one for step in self.steps for one in (step.id, step.slug)]
        raise NotFoundError(f"{self.id} {self.version} has no step {name!r}{nearest(name, known)}")

    def say(self, text: Text | None, language: str) -> str:
        """Return a text in a language that the framework has.

        Raises
        ------
        NotFoundError
            If the framework is not written in that language: a text is never replaced in silence.
        """
        if text is None:
            return ""
        if language not in self.content.languages:
            raise NotFoundError(
                f"{self.id} {self.version} is not written in {language!r}; "
                f"expected one of {', '.join(self.content.languages)}"
            )
        return text if isinstance(text, str) else text[language]

    def __repr__(self) -> str:
        return f"<Framework {self.stamp}: {len(self.steps)} steps, {len(self.items)} items>"


def load_framework(path: Path) -> Framework:
    """Read and check a framework file.

    Raises
    ------
    NotFoundError, DeclarationError
        If it is missing or broken; each problem names line, field, found, expected, nearest name.
    """
    return _checked(read_document(path))


def parse_framework(text: str, *, name: str = "framework") -> Framework:
    """Check a framework given as YAML text, for example the copy that an extract carries."""
    return _checked(parse_document(text, name=name))


def find_framework(name: str, folder: Path) -> Path:
    """Find a framework file by path, by `id-version`, or by id (then the newest version).

    Raises
    ------
    NotFoundError
        Naming what is there.
    """
    direct = Path(name)
    if direct.suffix in {".yaml", ".yml"}:
        return direct
    files = {path.stem: path for path in folder.glob("*-*.*.*.yaml")}
    if name in files:
        return files[name]
    versions = {stem: stem.rpartition("-")[2] for stem in files if stem.rpartition("-")[0] == name}
    if versions:
        newest = max(versions, key=lambda stem: tuple(int(part) for part in versions[stem].split(".")))
        return files[newest]
    raise NotFoundError(
        f"no framework {name!r} in {folder.name}/{nearest(name, files)}",
        fix=f"There are: {', '.join(sorted(files)) or 'none'}. A path to a YAML file works too.",
    )


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a framework file, for editors."""
    schema = FrameworkFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "cx framework", **schema}


def write_schema(path: Path) -> None:
    path.write_text(json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


# ── What pydantic cannot see: references, counts, cycles, translations ──────────────────────────


def _checked(document: Document) -> Framework:
    content = validate(FrameworkFile, document)
    problems = [
        Problem(
            f"{document.name} line {document.line(path)}, {dotted(path)}",
            reason,
            found,
            expected,
            line=document.line(path),
        )
        for path, reason, found, expected in (*_loose_ends(content), *_untranslated(content))
    ]
    if problems:
        raise declaration_error(document, sorted(problems, key=lambda problem: problem.line or 0))
    return Framework(content, document)


Finding = tuple[Path_, str, str, str]


def _loose_ends(content: FrameworkFile) -> Iterator[Finding]:
    """Find names that do not exist, names given twice, counts that do not fit, and circles."""
    ids = {
        "stream": [one.id for one in content.streams],
        "scale": [one.id for one in content.scales],
        "role": [one.id for one in content.roles],
        "step": [one.id for one in content.steps],
        "item": [item.id for step in content.steps for item in step.items],
        "question": [one.id for one in content.questions],
        "lens": [one.id for one in content.lenses],
        "form": [one.id for one in content.forms],
    }
    for kind, names in (*ids.items(), ("slug", [step.slug for step in content.steps])):
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield (
                _where(content, kind, name),
                f"the {kind} {name} is there twice",
                "",
                "permanent, unique ids",
            )
    for q, question in enumerate(content.questions):
        if question.id in ids["item"]:
            yield ("questions", q, "id"), "a question has the id of an item", question.id, "unique ids"
    yield from _repeated(content)

    def known(kind: str, name: str, path: Path_) -> Iterator[Finding]:
        if name not in ids[kind]:
            yield path, f"unknown {kind} {name}{nearest(name, ids[kind])}", "", ""

    for n, scale in enumerate(content.scales):
        if scale.low >= scale.high:
            yield ("scales", n), "the scale has no room", f"{scale.low}…{scale.high}", "low below high"
        for label in scale.labels:
            if label not in {str(value) for value in range(scale.low, scale.high + 1)}:
                yield (
                    ("scales", n, "labels", label),
                    "a label off the scale",
                    label,
                    f"{scale.low}…{scale.high}",
                )
    for s, step in enumerate(content.steps):
        for r, before in enumerate(step.requires):
            yield from known("step", before, ("steps", s, "requires", r))
        for i, item in enumerate(step.items):
            here: Path_ = ("steps", s, "items", i)
            if item.stream is not None:
                yield from known("stream", item.stream, (*here, "stream"))
            yield from known("scale", item.scale, (*here, "scale"))
            for role in item.statement:
                yield from known("role", role, (*here, "statement", role))
            for r, needed in enumerate(item.requires):
                yield from known("item", needed.item, (*here, "requires", r, "item"))
            size = next((one.high - one.low + 1 for one in content.scales if one.id == item.scale), None)
            if item.levels and size is not None and len(item.levels) != size:
                yield (
                    (*here, "levels"),
                    "the levels do not fit the scale",
                    str(len(item.levels)),
                    f"{size}, lowest first",
                )
            if item.advice and len(item.advice) != len(item.levels) - 1:
                yield (
                    (*here, "advice"),
                    "the advice does not fit the levels",
                    str(len(item.advice)),
                    f"{len(item.levels) - 1}, one a move up",
                )
    for q, question in enumerate(content.questions):
        if question.scale is not None:
            yield from known("scale", question.scale, ("questions", q, "scale"))
        for r, role in enumerate(question.roles):
            yield from known("role", role, ("questions", q, "roles", r))
        for role in question.wordings:
            yield from known("role", role, ("questions", q, "wordings", role))
        asked_on = next((one for one in content.scales if one.id == question.scale), None)
        if question.kind in {"nps", "enps"} and asked_on and (asked_on.low, asked_on.high) != (0, 10):
            yield (
                ("questions", q, "scale"),
                f"{question.kind} on another scale",
                f"{asked_on.low}…{asked_on.high}",
                "0…10",
            )
    for n, lens in enumerate(content.lenses):
        for r, row in enumerate(lens.rows):
            here = ("lenses", n, "rows", r)
            yield from _members(known, row, here)
            if not row.items and not row.questions:
                yield here, "nothing serves this row", "", "at least one item or question"
    for n, form in enumerate(content.forms):
        yield from _members(known, form, ("forms", n))
        if not form.items and not form.questions:
            yield ("forms", n), "the form asks nothing", "", "at least one item or question"
        for r, role in enumerate(form.roles):
            yield from known("role", role, ("forms", n, "roles", r))
            if role not in ids["role"]:
                continue
            for q, one in enumerate(form.questions):
                meant = next((question for question in content.questions if question.id == one), None)
                if meant is not None and role not in meant.roles:
                    yield (
                        ("forms", n, "questions", q),
                        f"{one} is not for {role}",
                        "",
                        f"a question whose roles name {role}",
                    )
            for i, one in enumerate(form.items):
                asked = next((item for step in content.steps for item in step.items if item.id == one), None)
                if asked is not None and role not in asked.statement:
                    yield (
                        ("forms", n, "items", i),
                        f"{one} has no statement for {role}",
                        "",
                        f"a statement worded for {role}",
                    )
    try:
        TopologicalSorter({step.id: step.requires for step in content.steps}).prepare()
    except CycleError as error:
        circle = error.args[1]
        s, step = next((s, step) for s, step in enumerate(content.steps) if step.id in circle)
        r = next(r for r, before in enumerate(step.requires) if before in circle)
        yield (
            ("steps", s, "requires", r),
            "the steps require each other in a circle",
            " → ".join(circle),
            "an order",
        )


def _repeated(content: FrameworkFile) -> Iterator[Finding]:
    """Find what a list names twice."""
    lists: list[tuple[Path_, list[str]]] = [(("languages",), content.languages)]
    for s, step in enumerate(content.steps):
        lists.append((("steps", s, "requires"), step.requires))
    for q, question in enumerate(content.questions):
        lists.append((("questions", q, "roles"), question.roles))
    for n, lens in enumerate(content.lenses):
        lists.append((("lenses", n, "rows"), [row.id for row in lens.rows]))
        for r, row in enumerate(lens.rows):
            lists.append((("lenses", n, "rows", r, "items"), row.items))
            lists.append((("lenses", n, "rows", r, "questions"), row.questions))
    for n, form in enumerate(content.forms):
        lists.append((("forms", n, "roles"), form.roles))
        lists.append((("forms", n, "items"), form.items))
        lists.append((("forms", n, "questions"), form.questions))
    for path, names in lists:
        for i, name in enumerate(names):
            if name in names[:i]:
                yield (*path, i), f"{name} is there twice", "", "each once"


def _members(known: Any, row: LensRow | Form, here: Path_) -> Iterator[Finding]:
    for i, item in enumerate(row.items):
        yield from known("item", item, (*here, "items", i))
    for q, question in enumerate(row.questions):
        yield from known("question", question, (*here, "questions", q))


def _where(content: FrameworkFile, kind: str, name: str) -> Path_:
    """Point at the second place that a name stands in."""
    if kind == "item":
        found: list[Path_] = [
            ("steps", s, "items", i, "id")
            for s, step in enumerate(content.steps)
            for i, item in enumerate(step.items)
            if item.id == name
        ]
        return found[-1]
    plural = {"lens": "lenses", "slug": "steps"}.get(kind, kind + "s")
    field = "slug" if kind == "slug" else "id"
    return [
        (plural, n, field) for n, one in enumerate(getattr(content, plural)) if getattr(one, field) == name
    ][-1]


def _untranslated(content: FrameworkFile) -> Iterator[Finding]:
    """Find every text that lacks one of the languages which the file says it is written in."""
    languages = content.languages
    for path, text in _texts(content, ()):
        if isinstance(text, str):
            if len(languages) > 1:
                yield (
                    path,
                    "one language only",
                    "text without a language",
                    f"a text for each of {', '.join(languages)}",
                )
            continue
        for language in languages:
            if language not in text:
                yield (
                    path,
                    f"no {language} text",
                    ", ".join(text),
                    f"a text for each of {', '.join(languages)}",
                )
        for language in text:
            if language not in languages:
                yield path, f"{language} is not among `languages`", "", ", ".join(languages)


# Fields that are ids, numbers or names of files; every other text is read by people.
_NOT_PROSE = frozenset({
    "id", "slug", "framework", "version", "languages", "licence", "stream", "scale", "kind", "seed",
    "toward", "items", "questions", "roles", "requires", "item",
})  # fmt: skip
_TEXTS_BY_KEY = frozenset({"statement", "wordings", "labels"})


def _texts(value: Any, path: Path_) -> Iterator[tuple[Path_, str | Mapping[str, str]]]:
    """Yield every text that people read, with its place in the file."""
    for name in type(value).model_fields:
        one = getattr(value, name)
        here = (*path, name)
        members: Iterable[tuple[Path_, Any]]
        if isinstance(one, list):
            members = (((*here, n), member) for n, member in enumerate(one))
        elif isinstance(one, dict) and name in _TEXTS_BY_KEY:
            members = (((*here, key), member) for key, member in one.items())
        else:
            members = ((here, one),)
        for at, member in members:
            if isinstance(member, Model):
                yield from _texts(member, at)
            elif name not in _NOT_PROSE and isinstance(member, str | dict):
                yield at, member
