"""What one role is asked, in one language or several, before any tool's own form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from cxlib import look
from cxlib.errors import NotFoundError, nearest
from cxlib.frames import DONT_KNOW, NOT_APPLICABLE
from cxlib.questionnaire import Handout, filled

if TYPE_CHECKING:
    from cxlib.declarations import Text
    from cxlib.framework import Framework
    from cxlib.framework.content import Form, Item, Scale

# A text in each language of the survey.
Said = Mapping[str, str]


@dataclass(frozen=True)
class Choice:
    """An answer that can be chosen: a place on the own scale, or a code beside it (see `cxlib.frames`)."""

    answer: int
    says: Said


@dataclass(frozen=True)
class Asked:
    """An item or a question; without `choices` it is answered in one's own words.

    `heading` is the topic of an item whose levels are described, and nothing elsewhere.
    """

    id: str
    heading: Said
    text: Said
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Part:
    """Some questions under one heading, which may be empty."""

    title: Said
    asked: tuple[Asked, ...]


@dataclass(frozen=True)
class Segment:
    """What a respondent tells of themselves: chosen from `values` where these are known, else written."""

    id: str
    name: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Survey:
    """A questionnaire for one role.

    Attributes
    ----------
    engagement, client, role : whose it is, and who is asked.
    stamp : framework, version, form and role.
    languages : the first is the base.
    title, introduction, privacy : by language; the last two in paragraphs.
    words : the words of our own pages, by language; see `cxlib.look.words`.
    ids : every item and question of the framework; codes are given in view of all of them.
    roles : every role of the engagement.
    """

    engagement: str
    client: str
    role: str
    stamp: str
    languages: tuple[str, ...]
    title: Said
    introduction: Mapping[str, Sequence[str]]
    privacy: Mapping[str, Sequence[str]]
    words: Mapping[str, Mapping[str, str]]
    segments: tuple[Segment, ...]
    parts: tuple[Part, ...]
    ids: tuple[str, ...]
    roles: tuple[str, ...]

    @property
    def asked(self) -> list[Asked]:
        return [one for part in self.parts for one in part.asked]


def survey_of(
    framework: Framework,
    handout: Handout,
    *,
    engagement: str,
    role: str,
    roles: Sequence[str],
    languages: Sequence[str],
    segments: Sequence[Segment] = (),
    form: str | None = None,
) -> Survey:
    """Return what one role of an engagement is asked.

    Parameters
    ----------
    handout
        What fills the texts: client, contact, the smallest groups.
    roles
        Every role of the engagement.
    languages
        Languages of the framework, the base first.
    form
        A form of the framework; by default the first that is for this role.

    Raises
    ------
    NotFoundError
        If the role has no form, the form is not for it, or a language is missing in the framework or in
        our own words.
    """
    chosen = _form(framework, role, form)
    for language in languages:
        framework.check_language(language)
    maker = Maker(framework, role, tuple(languages))
    texts = {
        name: {language: filled(framework.say(text, language), handout, language) for language in languages}
        for name, text in (("introduction", chosen.introduction), ("privacy", chosen.privacy))
    }
    return Survey(
        engagement=engagement,
        client=handout.client,
        role=role,
        stamp=f"{framework.id} {framework.version} · {chosen.id}.{role}",
        languages=tuple(languages),
        title=maker.say(chosen.name),
        words=maker.words,
        segments=tuple(segments),
        parts=tuple(maker.parts(chosen)),
        ids=(*framework.items, *framework.questions),
        roles=tuple(roles),
        **texts,
    )


def _form(framework: Framework, role: str, name: str | None) -> Form:
    framework.role(role)
    forms = [form for form in framework.content.forms if role in form.roles]
    if name is None:
        if not forms:
            raise NotFoundError(f"{framework.id} {framework.version} has no form for {role}")
        return forms[0]
    found = framework.form(name)
    if found not in forms:
        known = ", ".join(form.id for form in forms) or "none"
        raise NotFoundError(
            f"the form {name} is not for {role}{nearest(name, [form.id for form in forms])}",
            fix=f"Forms for {role}: {known}.",
        )
    return found


class Maker:
    """The parts of one form, as one role is asked."""

    def __init__(self, framework: Framework, role: str, languages: tuple[str, ...]) -> None:
        self.framework, self.role, self.languages = framework, role, languages
        self.words = {language: look.words(language) for language in languages}
        self._scales = {scale.id: scale for scale in framework.content.scales}

    def say(self, text: Text | None) -> Said:
        return {language: self.framework.say(text, language) for language in self.languages}

    def parts(self, form: Form) -> list[Part]:
        """Return the opening, the items (by step, but for customers, who see no steps), and the rest."""
        step_of, steps = self.framework.step_of, {step.id: step for step in self.framework.steps}
        is_customer = self.framework.role(self.role).kind == "customer"
        none = dict.fromkeys(self.languages, "")
        out = [Part(none, tuple(self.question(one) for one in form.opening))]
        for step, ids in groupby(form.items, key=lambda id_: "" if is_customer else step_of[id_]):
            title = self.say(steps[step].name) if step else none
            out.append(Part(title, tuple(self.item(self.framework.items[id_]) for id_ in ids)))
        rest = [one for one in form.questions if one not in form.opening]
        title = {language: self.words[language]["more_questions"] for language in self.languages}
        out.append(Part(title if form.items else none, tuple(self.question(one) for one in rest)))
        return [part for part in out if part.asked]

    def item(self, item: Item) -> Asked:
        """Return an item in the words of the role."""
        own, none = self.framework.role(self.role).scale, dict.fromkeys(self.languages, "")
        is_described = own is None and bool(item.levels)
        if is_described:
            low = self._scales[item.scale].low
            levels = [Choice(n, self.say(level)) for n, level in enumerate(item.levels, low)]
        else:
            levels = self._levels(self._scales[own or item.scale])
        # As on paper: who answers by a scale of their own is asked for experience, not for knowledge.
        beside = (
            [(NOT_APPLICABLE, "no_experience")]
            if own is not None
            else [(DONT_KNOW, "dont_know"), (NOT_APPLICABLE, "does_not_apply")]
        )
        others = [Choice(code, self._word(word)) for code, word in beside]
        heading = self.say(item.topic) if is_described else none
        return Asked(item.id, heading, self.say(item.statement[self.role]), (*levels, *others))

    def _word(self, name: str) -> Said:
        return {language: self.words[language][name] for language in self.languages}

    def question(self, id_: str) -> Asked:
        """Return a question beside the items in the words of the role."""
        question = self.framework.questions[id_]
        choices = self._levels(self._scales[question.scale]) if question.scale is not None else []
        text = question.wordings.get(self.role, question.text)
        return Asked(id_, dict.fromkeys(self.languages, ""), self.say(text), tuple(choices))

    def _levels(self, scale: Scale) -> list[Choice]:
        """Return the places of a scale in their words; where some have none, with their numbers as well."""
        values = range(scale.low, scale.high + 1)
        is_whole = all(str(value) in scale.labels for value in values)
        out = []
        for value in values:
            label = self.say(scale.labels.get(str(value)))
            out.append(Choice(value, label if is_whole else numbered(value, label)))
        return out


def numbered(value: int, label: Said) -> Said:
    """Write a place on a scale with its number: "10: Extremely likely", or the number alone."""
    return {language: f"{value}: {text}" if text else str(value) for language, text in label.items()}


def plain(text: str) -> str:
    """Return a text as one line: no control characters, no spaces in a row."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", " ", text).split())
