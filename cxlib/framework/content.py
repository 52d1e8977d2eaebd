"""The schema of a framework file, as pydantic checks it and editors read it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cxlib.declarations import Dimension, Id, Language, Model, Name, Number, Slug, Text
from cxlib.frames import HIGHEST, LOWEST

MATURITY = "maturity"

# What a form's texts may leave open: the engagement fills it when the form is handed out.
PLACEHOLDERS = ("client", "k_scores", "k_comments", "contact")


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
    """Whose eyes: `kind` tells staff from customers; `weight` is its share in the whole.

    A role with a `scale` answers items with that scale's words, as customers do, who cannot know what
    the described levels ask about; every other role chooses among the levels.
    """

    id: Dimension
    name: Text
    kind: Literal["staff", "customer"]
    scale: Dimension | None = None
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
    """One thing assessed: a statement per role, described levels, advice for each move up.

    `evidence` tells an assessor whom to ask, and what to ask to be shown; `seed` where the item is from.
    """

    id: Id
    stream: Dimension | None = None
    topic: Text
    statement: Annotated[dict[Dimension, Text], Field(min_length=1)]
    scale: Dimension = MATURITY
    evidence: Text | None = None
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
    """A questionnaire as it is handed out; `{client}` and its like are filled from the engagement.

    `opening` names those of its questions that come before the items, so that these do not colour them.
    """

    id: Slug
    name: Text
    roles: Annotated[list[Dimension], Field(min_length=1)]
    opening: list[Id] = []
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
