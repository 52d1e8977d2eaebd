"""What pydantic cannot see in a framework file: references, counts, circles, translations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from cxlib.declarations import Model, Path_
from cxlib.errors import nearest
from cxlib.framework.content import PLACEHOLDERS, Form, FrameworkFile, LensRow, Role

Finding = tuple[Path_, str, str, str]


def broken(content: FrameworkFile) -> Iterator[Finding]:
    """Find what does not hold together: place in the file, what is wrong, found, expected."""
    yield from _loose_ends(content)
    yield from _placeholders(content)
    yield from _untranslated(content)


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
    for n, who in enumerate(content.roles):
        if who.scale is not None:
            yield from known("scale", who.scale, ("roles", n, "scale"))
            yield from _other_ends(content, n, who)
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
        for q, one in enumerate(form.opening):
            if one not in form.questions:
                yield (
                    ("forms", n, "opening", q),
                    f"{one} is not among the form's questions",
                    "",
                    "one of them",
                )
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
    yield from _circles(content)


def _circles(content: FrameworkFile) -> Iterator[Finding]:
    """Find steps, and items, that stand on themselves by way of others."""
    steps = {step.id: (("steps", s, "requires"), step.requires) for s, step in enumerate(content.steps)}
    items = {
        item.id: (("steps", s, "items", i, "requires"), [one.item for one in item.requires])
        for s, step in enumerate(content.steps)
        for i, item in enumerate(step.items)
    }
    for kind, known in (("steps", steps), ("items", items)):
        try:
            TopologicalSorter({id_: below for id_, (_, below) in known.items()}).prepare()
        except CycleError as error:
            circle = error.args[1]
            path, below = next(one for id_, one in known.items() if id_ in circle)
            place = next(n for n, before in enumerate(below) if before in circle)
            yield (
                (*path, place),
                f"the {kind} require each other in a circle",
                " → ".join(circle),
                "an order",
            )


def _other_ends(content: FrameworkFile, n: int, role: Role) -> Iterator[Finding]:
    """Find a role whose scale does not fit what it is asked: its answers are compared with the others'."""
    by_id = {scale.id: (scale.low, scale.high) for scale in content.scales}
    for step in content.steps:
        for item in step.items:
            own, asked = by_id.get(role.scale or ""), by_id.get(item.scale)
            if role.id in item.statement and own and asked and own != asked:
                yield (
                    ("roles", n, "scale"),
                    f"{role.id} would answer {item.id} on another scale",
                    f"{own[0]}…{own[1]}",
                    f"{asked[0]}…{asked[1]}",
                )
                return


def _placeholders(content: FrameworkFile) -> Iterator[Finding]:
    """Find what a form leaves open that nothing can fill."""
    for n, form in enumerate(content.forms):
        for field in ("introduction", "privacy"):
            text = getattr(form, field)
            for language, one in text.items() if isinstance(text, dict) else [("", text or "")]:
                for name in re.findall(r"\{(.*?)\}", one):
                    if name not in PLACEHOLDERS:
                        yield (
                            ("forms", n, field, *([language] if language else [])),
                            f"nothing fills {{{name}}}{nearest(name, PLACEHOLDERS)}",
                            "",
                            ", ".join(f"{{{known}}}" for known in PLACEHOLDERS),
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
        lists.append((("forms", n, "opening"), form.opening))
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
    for path, text in texts_of(content):
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
    "toward", "items", "questions", "opening", "roles", "requires", "item",
})  # fmt: skip
_TEXTS_BY_KEY = frozenset({"statement", "wordings", "labels"})


def texts_of(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, str | Mapping[str, str]]]:
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
                yield from texts_of(member, at)
            elif name not in _NOT_PROSE and isinstance(member, str | dict):
                yield at, member
