"""A form as it is handed out, and the assessor's guide: one HTML file each, made for paper.

What a form leaves open (`{client}`, `{k_scores}`, `{k_comments}`, `{contact}`) is filled from the
engagement. The page has no script and asks no host for anything; each text is escaped.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from cxlib import look
from cxlib.errors import NotFoundError
from cxlib.formats import day, number
from cxlib.settings import read_settings

if TYPE_CHECKING:
    from cxlib.framework import Framework
    from cxlib.framework.content import Form, Item, Question, Scale

# Answers whose words are longer than this stand below each other.
_ROOM_IN_A_ROW = 26
# A scale with more points than this is a strip of numbers with words at its ends.
_LABELLED = 7


@dataclass(frozen=True)
class Handout:
    """What an engagement adds to a form.

    Attributes
    ----------
    client : the organisation, as respondents know it.
    contact : whom to write to about the answers.
    k_scores, k_comments : smallest group [respondents] of which figures, and words, are shown.
    wave, date : the round of assessment, where it is known.
    segments : what respondents tell about themselves, such as their hotel.
    """

    client: str
    contact: str
    k_scores: int
    k_comments: int
    wave: str = ""
    date: dt.date | None = None
    segments: tuple[str, ...] = ()


def questionnaire(
    framework: Framework, form: str, handout: Handout, *, role: str | None = None, language: str = "en"
) -> str:
    """Return a form as a printable page.

    Parameters
    ----------
    role
        Whose wording; needed where the form is for several roles.
    language
        One that the framework is written in.

    Raises
    ------
    NotFoundError
        If there is no such form, role or language, or the page's own words are not translated.
    """
    asked = framework.form(form)
    role = _role(framework, asked, role)
    framework.check_language(language)
    words = look.words(language)
    page = _Page(framework, role, language)
    minutes = number(asked.minutes, language) if asked.minutes is not None else ""
    return _rendered(
        "questionnaire.html.j2",
        language=language,
        words=words,
        title=page.say(asked.name),
        role=page.say(framework.role(role).name),
        handout=handout,
        date=day(handout.date, language) if handout.date else "",
        minutes=words["minutes"].format(minutes=minutes) if minutes else "",
        introduction=filled(page.say(asked.introduction), handout, language),
        privacy=filled(page.say(asked.privacy), handout, language),
        opening=page.questions(asked.opening),
        sections=page.sections(asked),
        questions=page.questions(id_ for id_ in asked.questions if id_ not in asked.opening),
        stamp=f"{framework.id} {framework.version} · {asked.id}.{role} · {language}",
    )


def assessor_guide(framework: Framework, *, client: str = "", language: str = "en") -> str:
    """Return the guide for whoever visits: whom to ask, what to ask to be shown, and the levels.

    Raises
    ------
    NotFoundError
        If the framework, or the page's own words, are not written in that language.
    """
    framework.check_language(language)
    words = look.words(language)
    steps = [
        {
            "name": framework.say(step.name, language),
            "question": framework.say(step.question, language),
            "items": [
                {
                    "id": item.id,
                    "topic": framework.say(item.topic, language),
                    "evidence": framework.say(item.evidence, language),
                    "levels": [_sentences(framework.say(level, language)) for level in item.levels],
                    "requires": [
                        {
                            "id": one.item,
                            "topic": framework.say(framework.items[one.item].topic, language),
                            "because": framework.say(one.because, language),
                        }
                        for one in item.requires
                    ],
                }
                for item in step.items
            ],
        }
        for step in framework.steps
    ]
    return _rendered(
        "guide.html.j2",
        language=language,
        words=words,
        title=words["guide"],
        client=client,
        framework=framework.say(framework.content.title, language),
        introduction=_paragraphs(words["guide_intro"]),
        steps=steps,
        stamp=f"{framework.id} {framework.version} · {language}",
    )


def _rendered(template: str, **values: Any) -> str:
    words, stamp = values["words"], values["stamp"]
    folder = read_settings().template
    style = "\n".join(
        (
            f":root{{{look.variables('light')}}}",
            (folder / "questionnaire.css").read_text(encoding="utf-8"),
            _running(f"{values['title']} · {stamp}", words["page"]),
        )
    )
    html = look.templates().get_template(template).render(style=look.as_is(style), **values)
    # A lone surrogate or a NUL in a name would make the file unreadable.
    return html.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def _running(left: str, page: str) -> str:
    """Write the foot of every sheet: what this is, and which page of how many."""
    right = " ".join(
        {"page": "counter(page)", "pages": "counter(pages)"}.get(part, look.css_string(part)) if part else ""
        for part in re.split(r"\{(pages?)\}", page)
    )
    return f"@page{{@bottom-left{{content:{look.css_string(left)}}}@bottom-right{{content:{right}}}}}"


def _role(framework: Framework, form: Form, role: str | None) -> str:
    if role is None and len(form.roles) == 1:
        return form.roles[0]
    if role is None:
        raise NotFoundError(
            f"the form {form.id} is worded for several roles: {', '.join(form.roles)}",
            fix="Name one with --role.",
        )
    framework.role(role)
    if role not in form.roles:
        raise NotFoundError(
            f"the form {form.id} is not for {role}; it is for {', '.join(form.roles)}",
            fix="Choose another form or role.",
        )
    return role


def filled(text: str, handout: Handout, language: str) -> list[str]:
    """Fill what the paragraphs of a text leave open, once: a name with braces in it stays what it is."""
    values = {
        "client": handout.client,
        "contact": handout.contact,
        "k_scores": number(handout.k_scores, language),
        "k_comments": number(handout.k_comments, language),
    }
    return [
        re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], match[0]), part) for part in _paragraphs(text)
    ]


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]


def _sentences(text: str) -> list[str]:
    """Split a described level into what can be ticked one by one."""
    return re.split(r"(?<=[.!?])\s+(?=[A-ZÄÖÜ„'\"])", text)


@dataclass(frozen=True)
class _Page:
    """The parts of one form, for one role, in one language."""

    framework: Framework
    role: str
    language: str

    def say(self, text: Any) -> str:
        return self.framework.say(text, self.language)

    def sections(self, form: Form) -> list[dict[str, Any]]:
        """Return the items, by step for those who choose among levels; customers see no steps."""
        who = self.framework.role(self.role)
        items = [self.framework.items[id_] for id_ in form.items]
        if who.scale is not None:
            grid = self._grid(who.scale, [(item.id, self.say(item.statement[self.role])) for item in items])
            return [{"title": "", "grid": grid, "items": []}] if items else []
        names = {
            item.id: "" if who.kind == "customer" else self.say(step.name)
            for step in self.framework.steps
            for item in step.items
        }
        return [
            {"title": name, "grid": None, "items": [self._item(item) for item in members]}
            for name, members in groupby(items, key=lambda item: names[item.id])
        ]

    def questions(self, ids: Iterable[str]) -> list[dict[str, Any]]:
        """Return questions beside the items; neighbours on one short scale share a grid."""
        asked = [self.framework.questions[id_] for id_ in ids]
        out: list[dict[str, Any]] = []
        for scale, group in groupby(asked, key=lambda question: question.scale):
            members = list(group)
            if scale is not None and len(members) > 1 and self._in_a_row(scale):
                rows = [(one.id, self._text(one)) for one in members]
                out.append({"shape": "grid", "grid": self._grid(scale, rows)})
            else:
                out += [self._question(one) for one in members]
        return out

    def _item(self, item: Item) -> dict[str, Any]:
        answers = [(str(n), self.say(level)) for n, level in enumerate(item.levels, 1)]
        scale = self._scale(item.scale)
        return {
            "id": item.id,
            "topic": self.say(item.topic),
            "statement": self.say(item.statement[self.role]),
            "answers": answers or self._answers(scale),
        }

    def _question(self, question: Question) -> dict[str, Any]:
        found: dict[str, Any] = {"id": question.id, "text": self._text(question)}
        if question.scale is None:
            return {**found, "shape": "open"}
        answers = self._answers(self._scale(question.scale))
        if len(answers) > _LABELLED or not all(label for _, label in answers):
            return {**found, "shape": "strip", "answers": answers}
        return {**found, "shape": "row" if self._in_a_row(question.scale) else "list", "answers": answers}

    def _text(self, question: Question) -> str:
        return self.say(question.wordings.get(self.role, question.text))

    def _grid(self, scale: str, rows: Iterable[tuple[str, str]]) -> dict[str, Any]:
        return {"answers": self._answers(self._scale(scale)), "rows": list(rows)}

    def _in_a_row(self, scale: str) -> bool:
        answers = self._answers(self._scale(scale))
        return len(answers) <= _LABELLED and all(0 < len(label) <= _ROOM_IN_A_ROW for _, label in answers)

    def _scale(self, id_: str) -> Scale:
        return next(one for one in self.framework.content.scales if one.id == id_)

    def _answers(self, scale: Scale) -> list[tuple[str, str]]:
        """Return every value of a scale with its words, empty where it has none."""
        return [
            (str(value), self.say(scale.labels.get(str(value)))) for value in range(scale.low, scale.high + 1)
        ]
