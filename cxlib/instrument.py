"""What one engagement asks: the framework's items and questions, and what mappings declared beside them.

The instrument answers, in one language, the questions that every figure on a page raises: what is this
called, on which scale is it, and which items is it made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from cxlib.errors import ConflictError, NotFoundError, nearest
from cxlib.frames import ItemScale
from cxlib.framework import Framework
from cxlib.framework.content import Step
from cxlib.language import Words, words_of
from cxlib.mapping import MappingSpec


@dataclass(frozen=True)
class DeclaredItem:
    """An item that a mapping declares and no framework knows."""

    id: str
    text: str
    low: int
    high: int


@dataclass(frozen=True)
class DeclaredConstruct:
    """A group of declared items that measure one thing."""

    id: str
    name: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class DeclaredDrivers:
    """What a mapping says may drive what: an item or construct, and the items or constructs behind it."""

    outcome: str
    of: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """A figure made of several items: a step, a stream of it, a row of a lens, or a declared construct."""

    kind: str
    id: str
    name: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class Instrument:
    """The framework in one language, with the declared items and constructs of an engagement."""

    framework: Framework
    language: str = "en"
    items: Mapping[str, DeclaredItem] = field(default_factory=dict)
    constructs: Mapping[str, DeclaredConstruct] = field(default_factory=dict)
    drivers: Mapping[str, DeclaredDrivers] = field(default_factory=dict)

    @cached_property
    def scales(self) -> dict[str, ItemScale]:
        """Own scale of everything that can be asked, by id.

        What the framework has is asked as it says, even if an earlier mapping declared another thing.
        """
        declared = {one.id: ItemScale(one.id, one.low, one.high) for one in self.items.values()}
        return {**declared, **self.framework.scales}

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Every figure made of several items, steps first."""
        say = self.say
        found = [
            Part("step", step.id, say(step.name), tuple(item.id for item in step.items))
            for step in map(self.framework.step, self.framework.order)
        ]
        for step in map(self.framework.step, self.framework.order):
            for stream in self.framework.content.streams:
                items = tuple(item.id for item in step.items if item.stream == stream.id)
                if items:
                    found.append(
                        Part(
                            "stream", f"{step.id}.{stream.id}", f"{say(step.name)}: {say(stream.name)}", items
                        )
                    )
        for lens in self.framework.content.lenses:
            found += [
                Part("lens", f"{lens.id}.{row.id}", say(row.name), tuple(row.items))
                for row in lens.rows
                if row.items
            ]
        found += [Part("construct", one.id, one.name, one.items) for one in self.constructs.values()]
        return tuple(found)

    def part(self, id_: str) -> Part:
        """Return a part by its id.

        Raises
        ------
        NotFoundError
            Naming the nearest part.
        """
        known = {part.id: part for part in self.parts}
        if id_ not in known:
            raise NotFoundError(f"no step, stream, lens row or construct {id_!r}{nearest(id_, known)}")
        return known[id_]

    def members(self, id_: str) -> tuple[str, ...]:
        """Return the items behind an id: itself for an item or question, its items for a part."""
        return (id_,) if id_ in self.scales else self.part(id_).items

    def called(self, id_: str) -> str:
        """Return the name of an item, a question or a part, in the engagement's language."""
        return self.name(id_) if id_ in self.scales else self.part(id_).name

    @property
    def words(self) -> Words:
        """What the suite itself says, in the engagement's language."""
        return words_of(self.language)

    def say(self, text: str | dict[str, str] | None) -> str:
        return self.framework.say(text, self.language)

    def name(self, item: str) -> str:
        """Return what an item or question is about, in a few words."""
        if item in self.framework.items:
            return self.say(self.framework.items[item].topic)
        if item in self.framework.questions:
            return self.say(self.framework.questions[item].topic)
        if item in self.items:
            return self.items[item].text
        raise NotFoundError(f"no item {item!r}{nearest(item, self.scales)}")

    def step(self, name: str) -> Step:
        return self.framework.step(name)

    def declare(self, mapping: MappingSpec) -> Instrument:
        """Return the instrument with what a mapping declares beside the framework.

        Raises
        ------
        ConflictError
            If an id already means something else.
        """
        items, constructs = dict(self.items), dict(self.constructs)
        for one in mapping.items:
            scale = mapping.declared_scale(one)
            if one.item in self.framework.scales or scale is None:
                continue
            before = items.get(one.item)
            text = one.text or (before.text if before else one.column)
            declared = DeclaredItem(one.item, text, scale.low, scale.high)
            if before and (before.low, before.high) != (scale.low, scale.high):
                raise ConflictError(
                    f"{one.item} was imported on the scale {before.low}…{before.high}; "
                    f"this mapping says {scale.low}…{scale.high}",
                    fix="Give the new item another id.",
                )
            items[one.item] = declared
        for construct in mapping.constructs:
            new = DeclaredConstruct(construct.id, construct.name, tuple(construct.items))
            if constructs.get(construct.id, new).items != new.items:
                raise ConflictError(
                    f"construct {construct.id} was declared with other items",
                    fix="Give the new one another id.",
                )
            constructs[construct.id] = new
        drivers = {
            **self.drivers,
            **{one.outcome: DeclaredDrivers(one.outcome, tuple(one.of)) for one in mapping.drivers},
        }
        return Instrument(self.framework, self.language, items, constructs, drivers)

    def to_plain(self) -> dict[str, list[dict[str, Any]]]:
        """Return the declared part as plain data, for the store and the extract."""
        return {
            "items": [asdict(one) for one in self.items.values()],
            "constructs": [{**asdict(one), "items": list(one.items)} for one in self.constructs.values()],
            "drivers": [{"outcome": one.outcome, "of": list(one.of)} for one in self.drivers.values()],
        }

    @classmethod
    def from_plain(
        cls, framework: Framework, language: str, declared: Iterable[Mapping[str, list[dict[str, Any]]]]
    ) -> Instrument:
        """Rebuild an instrument from a framework and the declared parts of its batches, in order."""
        items: dict[str, DeclaredItem] = {}
        constructs: dict[str, DeclaredConstruct] = {}
        drivers: dict[str, DeclaredDrivers] = {}
        for one in declared:
            items.update({item["id"]: DeclaredItem(**item) for item in one.get("items", [])})
            for construct in one.get("constructs", []):
                constructs[construct["id"]] = DeclaredConstruct(
                    **{**construct, "items": tuple(construct["items"])}
                )
            for drive in one.get("drivers", []):
                drivers[drive["outcome"]] = DeclaredDrivers(drive["outcome"], tuple(drive["of"]))
        return cls(framework, language, items, constructs, drivers)
