"""The instrument: steps, items with described levels, questions, lenses and forms, read from YAML.

A framework is data. Nothing here or above it knows how many steps or items there are, what they are
called, or in which order they stand: all of that is read from the file.
"""

from __future__ import annotations

import json
from functools import cached_property, lru_cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, TypeVar

from cxlib.declarations import (
    Document,
    Text,
    declaration_error,
    dotted,
    parse_document,
    read_document,
    validate,
)
from cxlib.errors import DeclarationError, NotFoundError, Problem, nearest
from cxlib.frames import ItemScale
from cxlib.framework.checks import broken
from cxlib.framework.content import Form, FrameworkFile, Item, Question, Role, Step

Part = TypeVar("Part")


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

    @cached_property
    def serves(self) -> dict[str, tuple[tuple[str, str], ...]]:
        """Item or question id → the (lens id, row id) that it serves."""
        found: dict[str, tuple[tuple[str, str], ...]] = {}
        for lens in self.content.lenses:
            for row in lens.rows:
                for id_ in (*row.items, *row.questions):
                    found[id_] = (*found.get(id_, ()), (lens.id, row.id))
        return found

    def role(self, name: str) -> Role:
        """Return a role by id; a NotFoundError names the nearest."""
        return self._named("role", name, {role.id: role for role in self.roles})

    def form(self, name: str) -> Form:
        """Return a form by id; a NotFoundError names the nearest."""
        return self._named("form", name, {form.id: form for form in self.content.forms})

    def _named(self, kind: str, name: str, known: dict[str, Part]) -> Part:
        if name in known:
            return known[name]
        raise NotFoundError(
            f"{self.id} {self.version} has no {kind} {name!r}{nearest(name, known)}",
            fix=f"There are: {', '.join(known) or 'none'}.",
        )

    def check_language(self, language: str) -> None:
        """Refuse a language that the framework is not written in.

        Raises
        ------
        NotFoundError
            Naming the languages there are: a text is never replaced in silence.
        """
        if language not in self.content.languages:
            raise NotFoundError(
                f"{self.id} {self.version} is not written in {language!r}; "
                f"expected one of {', '.join(self.content.languages)}"
            )

    def say(self, text: Text | None, language: str) -> str:
        """Return a text in a language that the framework has.

        Raises
        ------
        NotFoundError
            If the framework is not written in that language: a text is never replaced in silence.
        """
        if text is None:
            return ""
        self.check_language(language)
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
    """Check a framework given as YAML text, for example the copy that an extract carries.

    The same text gives the same value, read once in a process and in what is forked from it, however it is
    called: the reports of a night are of many clients, and of few frameworks.

    Parameters
    ----------
    name
        What messages call it.
    """
    try:
        return parsed(text)
    except DeclarationError:
        return _checked(parse_document(text, name=name))


@lru_cache(maxsize=8)
def parsed(text: str) -> Framework:
    """Check a framework that has no name of its own; see :func:`parse_framework`."""
    return _checked(parse_document(text, name="framework"))


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
        for path, reason, found, expected in broken(content)
    ]
    if problems:
        raise declaration_error(document, sorted(problems, key=lambda problem: problem.line or 0))
    return Framework(content, document)
