"""What changed between two versions of a framework, and whose answers may still be compared across it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from cxlib.declarations import Text
from cxlib.framework import Framework
from cxlib.framework.content import Item, Question, Scale

ADDED, DROPPED, REWORDED, RELEVELLED, RESCALED, MOVED = KINDS = (
    "added", "dropped", "reworded", "re-levelled", "rescaled", "moved",
)  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One difference between two versions.

    Attributes
    ----------
    id : of the item or question.
    kind : one of `KINDS`. An item that moved to another step or stream is still asked in the same
        words: its own answers stay comparable, the step's do not.
    where : what changed in it, for a reader: "statement", "level 3", "scale".
    role, language : whose wording changed; empty where it concerns everyone.
    before, after : the texts, empty where there was none.
    """

    id: str
    kind: str
    where: str = ""
    role: str = ""
    language: str = ""
    before: str = ""
    after: str = ""

    def concerns(self, role: str | None, language: str | None) -> bool:
        """Tell whether the change reached those who answer in this role and language."""
        return (not self.role or role in (None, self.role)) and (
            not self.language or language in (None, self.language)
        )


@dataclass(frozen=True)
class Comparison:
    """Two versions of a framework, side by side.

    Attributes
    ----------
    before, after : stamps: id, version and the first digits of the digest.
    items, questions : ids that either version has, in the order of the newer, dropped ones last.
    changes : every difference in what a respondent reads or in where it is counted.
    languages : those that both are written in; a language that only one has is compared with nothing.
    placed : item id → its step in either version, where the two agree.
    roles : id → every role that either version asks it of.
    """

    before: str
    after: str
    items: tuple[str, ...]
    questions: tuple[str, ...]
    languages: tuple[str, ...]
    changes: tuple[Change, ...] = field(repr=False)
    placed: dict[str, str] = field(repr=False)
    roles: dict[str, frozenset[str]] = field(repr=False)

    def asked(self, role: str | None) -> tuple[str, ...]:
        """List the items that either version asks of a role, or of anyone."""
        return tuple(id_ for id_ in self.items if role is None or role in self.roles[id_])

    def of_kind(self, kind: str) -> tuple[str, ...]:
        """List the items and questions with a change of this kind, each once."""
        return tuple(dict.fromkeys(change.id for change in self.changes if change.kind == kind))

    @cached_property
    def unchanged(self) -> tuple[str, ...]:
        """The items that nobody is asked differently, in any language that both versions have."""
        return tuple(id_ for id_ in self.trended() if id_ in set(self.items))

    @property
    def share_unchanged(self) -> float:
        """Unchanged items as a share [0–1] of the items that either version has."""
        return len(self.unchanged) / len(self.items) if self.items else 1.0

    def trended(self, *, role: str | None = None, language: str | None = None) -> tuple[str, ...]:
        """List the items and questions whose answers before and after may be compared.

        Only what is asked in the same words, with the same levels and on the same scale. With a role or
        a language, what the respondents of that role, in that language, are asked. Versions without a
        language in common have nothing that may be compared.
        """
        if not self.languages or language not in (None, *self.languages):
            return ()
        broken = {
            change.id for change in self.changes if change.kind != MOVED and change.concerns(role, language)
        }
        asked = (*self.items, *self.questions)
        return tuple(id_ for id_ in asked if id_ not in broken and (role is None or role in self.roles[id_]))

    def trended_step(self, step: str, *, role: str | None = None) -> tuple[str, ...]:
        """List the unchanged items that both versions count to this step.

        A step's score before and after is compared over these items alone.
        """
        return tuple(id_ for id_ in self.trended(role=role) if self.placed.get(id_) == step)


def compare_frameworks(before: Framework, after: Framework) -> Comparison:
    """Compare what two versions ask, and where they count it.

    Advice, prerequisites, lenses and forms are no part of a question: they may change without breaking
    a trend, and are not compared. Neither is white space.
    """
    shared = [one for one in before.content.languages if one in after.content.languages]
    items = _either(after.items, before.items)
    questions = _either(after.questions, before.questions)
    placed = {id_: step for id_, step in after.step_of.items() if before.step_of.get(id_) == step}
    changes: list[Change] = []
    roles: dict[str, frozenset[str]] = {}
    for id_ in (*items, *questions):
        old, new = _Asked.of(before, id_, shared), _Asked.of(after, id_, shared)
        changes += _changes(old, new, id_)
        roles[id_] = frozenset().union(*(one.roles for one in (old, new) if one is not None))
    return Comparison(
        before.stamp, after.stamp, items, questions, tuple(shared), tuple(changes), placed, roles
    )


def _either(newer: dict[str, Item] | dict[str, Question], older: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*newer, *older]))  # type: ignore[misc]


@dataclass(frozen=True)
class _Asked:
    """All that a respondent meets of one item or question: key → text, by what a change would be."""

    roles: frozenset[str]
    # (kind, where, role, language) → text
    texts: dict[tuple[str, str, str, str], str]

    @classmethod
    def of(cls, framework: Framework, id_: str, languages: list[str]) -> _Asked | None:
        item, question = framework.items.get(id_), framework.questions.get(id_)
        if item is not None:
            parts = _of_item(framework, item)
            roles = frozenset(item.statement)
        elif question is not None:
            parts = _of_question(framework, question)
            roles = frozenset(question.roles)
        else:
            return None
        texts = {}
        for kind, where, role, text in parts:
            # A framework in one language may write its texts plainly; another version names the language.
            by_language = text if isinstance(text, dict) else dict.fromkeys(languages, text)
            for language in ("", *languages):
                if language in by_language:
                    texts[kind, where, role, language] = " ".join(by_language[language].split())
        return cls(roles, texts)


Part = tuple[str, str, str, Text]


def _fact(text: str) -> Text:
    """Return what is the same in every language, such as the ends of a scale."""
    return {"": text}


def _of_item(framework: Framework, item: Item) -> Iterator[Part]:
    scales = {scale.id: scale for scale in framework.content.scales}
    yield REWORDED, "topic", "", item.topic
    yield MOVED, "place", "", _fact(f"{framework.step_of[item.id]} {item.stream or ''}")
    yield from _of_scale(scales[item.scale], "")
    for role, text in item.statement.items():
        yield REWORDED, "statement", role, text
        own = framework.role(role).scale
        if own is None:
            for n, level in enumerate(item.levels, 1):
                yield RELEVELLED, f"level {n}", role, level
        else:
            yield from _of_scale(scales[own], role)


def _of_question(framework: Framework, question: Question) -> Iterator[Part]:
    yield REWORDED, "topic", "", question.topic
    yield RESCALED, "kind", "", _fact(question.kind)
    yield RESCALED, "direction", "", _fact(f"toward {question.toward}")
    for role in question.roles:
        yield REWORDED, "question", role, question.wordings.get(role, question.text)
    if question.scale is not None:
        scales = {scale.id: scale for scale in framework.content.scales}
        yield from _of_scale(scales[question.scale], "")


def _of_scale(scale: Scale, role: str) -> Iterator[Part]:
    yield RESCALED, "scale", role, _fact(f"{scale.low}…{scale.high}")
    for value, label in scale.labels.items():
        yield RESCALED, f"answer {value}", role, label


def _changes(before: _Asked | None, after: _Asked | None, id_: str) -> Iterator[Change]:
    if before is None or after is None:
        yield Change(id_, ADDED if before is None else DROPPED)
        return
    for role in sorted(before.roles ^ after.roles):
        kind = ADDED if role in after.roles else DROPPED
        yield Change(id_, kind, where="role", role=role)
    asked = before.roles & after.roles
    found: dict[tuple[str, str, str, str, str], list[str]] = {}
    for key in dict.fromkeys([*before.texts, *after.texts]):
        kind, where, role, language = key
        old, new = before.texts.get(key, ""), after.texts.get(key, "")
        if old != new and (not role or role in asked):
            found.setdefault((kind, where, language, old, new), []).append(role)
    for (kind, where, language, old, new), roles in found.items():
        # What every role met alike, such as a level, is told once.
        everyone = "" in roles or (len(roles) > 1 and set(roles) == set(asked))
        for role in [""] if everyone else roles:
            yield Change(id_, kind, where, role, language, old, new)
