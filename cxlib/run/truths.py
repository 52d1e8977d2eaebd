"""What is planted in the made-up example, read from YAML: sizes, spread, and each truth by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from cxlib.declarations import Dimension, Id, Model, Name, Number, Slug, read_document, validate

Share = Annotated[Number, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class WavePlan(Model):
    """One wave: its id, its date and how many people of each role answer."""

    id: Slug
    date: Name
    answered: dict[Dimension, Count]


class Few(Model):
    """A department of a few people, all of one role in one hotel."""

    department: Name
    hotel: Name
    role: Dimension
    people: Count


class Spread(Model):
    """How people differ, as standard deviations in levels: in general, on a step, from item to item."""

    person: Number
    step: Number
    item: Number


class Beside(Model):
    """Shares of answers beside the scale."""

    blank: Share
    not_applicable: Share
    dont_know: Share


class Rated(Model):
    """A rated question: mean and slope on its own scale, by how a person stands in general."""

    mean: Number
    slope: Number


class Recommend(Model):
    """The question whether people recommend, its mean and what is left to chance."""

    question: Id
    mean: Number
    spread: Number


class Superior(Model):
    """The question of the delivery gap, and the share of yes where none is planted."""

    question: Id
    share: Share


class Truth(Model):
    """One planted truth: what it says, what is to be found, and what the generator needs to plant it."""

    id: Dimension
    says: Name
    found: Name
    weak: list[Dimension] = []
    strong: list[Dimension] = []
    between: list[Dimension] = []
    step: Dimension | None = None
    role: Dimension | None = None
    wave: Slug | None = None
    hotel: Name | None = None
    department: Name | None = None
    gap: Number = 0
    by: Number = 0
    customers_by: Number = 0
    camps: list[Number] = []
    yes: dict[Dimension, Share] = {}
    weights: dict[Id, Number] = {}


class Truths(Model):
    """The whole plan of a made-up example."""

    example: Slug
    seed: int
    waves: Annotated[list[WavePlan], Field(min_length=1)]
    hotels: dict[Name, Share]
    departments: dict[Name, Share]
    few: Few
    nowhere: dict[Dimension, list[Dimension]]
    spread: Spread
    beside: Beside
    steps: dict[Dimension, Number]
    roles: dict[Dimension, Number]
    customers: dict[Dimension, Number]
    rated: dict[Name, dict[Id, Rated]]
    yes: dict[Id, Share]
    recommend: Recommend
    superior: Superior
    exports: dict[Slug, Name]
    truths: list[Truth]

    def truth(self, id_: str) -> Truth | None:
        """Return a planted truth, or None where it is not planted."""
        return next((one for one in self.truths if one.id == id_), None)

    def wave(self, id_: str) -> WavePlan:
        return next(one for one in self.waves if one.id == id_)

    def null(self) -> Truths:
        """Return the same plan with nothing planted: sizes and spread stay, every effect goes.

        All roles, waves, units and steps stand at one level, what is said is what is done, and everybody
        is as likely to call the experience superior.
        """
        level = 3.0
        return self.model_copy(
            update={
                "steps": dict.fromkeys(self.steps, level),
                "roles": dict.fromkeys(self.roles, 0.0),
                "customers": dict.fromkeys(self.customers, level),
                "truths": [],
            }
        )


def read_truths(path: Path) -> Truths:
    """Read and check a file of planted truths."""
    return validate(Truths, read_document(path))
