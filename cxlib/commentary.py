"""The analyst's hand: a foreword, a word to each chapter, another wording where the report's is stiff.

A correction of tone rewords one sentence and never a figure. It is kept with slots where the sentence has
its numbers, and with the pattern of the words around them: on the next run the slots take that run's
numbers, and where the words of the sentence themselves have changed (what rose has fallen), it rests.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from cxlib.errors import ConflictError, DeclarationError, Problem, nearest
from cxlib.planning import Recommendation

if TYPE_CHECKING:
    # Who opens a store needs none of what findings are computed with.
    from cxlib.findings import Finding

OVERVIEW, BUSINESS = "overview", "business_case"
MOST_TEXT: Final = 8_000
_NUMBER: Final = re.compile(r"[−+-]?\d+(?:[.,\u202f\u00a0]\d+)*(?:\u00a0?%)?")
_SLOT: Final = re.compile(r"\{(\d+)\}")


def _plain(text: str) -> str:
    if bad := next((char for char in text if char < " " and char not in "\n\t"), None):
        raise ValueError(f"holds the character U+{ord(bad):04X}, which no page can show")
    return text.strip()


Prose = Annotated[str, Field(max_length=MOST_TEXT), AfterValidator(_plain)]


class ToneSpec(BaseModel):
    """Another wording for one sentence of the report."""

    model_config = ConfigDict(extra="forbid")
    finding: str = Field(min_length=1, max_length=200)
    say: Annotated[str, Field(min_length=1, max_length=600), AfterValidator(_plain)]


class CommentarySpec(BaseModel):
    """A commentary file: `version` is the one it was begun from, 0 for the first."""

    model_config = ConfigDict(extra="forbid")
    version: int = Field(0, ge=0)
    foreword: Prose = ""
    chapters: dict[str, Prose] = {}
    tone: list[ToneSpec] = []


@dataclass(frozen=True)
class Tone:
    """A correction of tone: which sentence, the words it was made for, and what to say, with slots."""

    finding: str
    pattern: str
    say: str


@dataclass(frozen=True)
class Commentary:
    """What an analyst says to one wave's report, in one version; version 0 is nothing said yet.

    `at` is the moment it was kept, in ISO form.
    """

    foreword: str = ""
    chapters: Mapping[str, str] = field(default_factory=dict)
    tone: tuple[Tone, ...] = ()
    version: int = 0
    author: str = ""
    at: str = ""

    def to_plain(self) -> dict[str, Any]:
        return {**asdict(self), "chapters": dict(self.chapters), "tone": [asdict(one) for one in self.tone]}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Commentary:
        return cls(**{**plain, "tone": tuple(Tone(**one) for one in plain["tone"])})

    def toned(self, sentences: Mapping[str, str]) -> dict[str, str]:
        """Return the report's sentences that are put otherwise, each with what to say instead.

        Parameters
        ----------
        sentences
            Id → sentence, of this run: see :func:`sentences_of`.
        """
        return {
            said: put
            for one in self.tone
            if (said := sentences.get(one.finding)) is not None and (put := _filled(one, said)) is not None
        }

    def resting(self, sentences: Mapping[str, str]) -> tuple[str, ...]:
        """Name the corrections whose sentence this run does not say, or says in other words."""
        return tuple(
            one.finding
            for one in self.tone
            if one.finding not in sentences or _filled(one, sentences[one.finding]) is None
        )


def sentence_id(of: Finding | Recommendation) -> str:
    """Name a sentence so that the next run's is found again: pair:s1>s4, say_do:s1@frontline, do:s1.i02."""
    if isinstance(of, Recommendation):
        return f"do:{of.item}"
    groups = "" if of.family == "pair" else f"@{'+'.join(of.groups)}"
    return f"{of.family}:{'>'.join(of.about)}{groups}"


def sentences_of(findings: Iterable[Finding], recommendations: Iterable[Recommendation]) -> dict[str, str]:
    """Return every sentence that may be put otherwise, by id: confirmed findings, and actions."""
    said = {sentence_id(one): one.sentence for one in findings if one.is_confirmed}
    return said | {sentence_id(one): one.action for one in recommendations}


def composed(
    spec: CommentarySpec, sentences: Mapping[str, str], chapters: Sequence[str], before: Commentary
) -> Commentary:
    """Check a commentary against the report it is for, and make the next version's content of it.

    Corrections that were made before are kept as they are where the file still holds them, even if their
    sentence rests in this run.

    Raises
    ------
    ConflictError
        If it was begun from another version than the newest: somebody else has saved meanwhile.
    DeclarationError
        If a chapter or sentence is not there, or a wording changes a figure.
    """
    if spec.version != before.version:
        changed = ", ".join(_changed(spec, before)) or "nothing"
        raise ConflictError(
            f"the commentary is at version {before.version}; this was begun from version {spec.version}, "
            f"and {before.author or 'somebody'} has changed since: {changed}",
            fix="Print the newest with --show, put your changes into it, and save that.",
        )
    problems = [
        Problem(f"chapters, {one}", f"no such chapter{nearest(one, chapters)}", expected=", ".join(chapters))
        for one in spec.chapters
        if one not in chapters
    ]
    kept = {one.finding: one for one in before.tone}
    tone = []
    for place, one in enumerate(spec.tone, 1):
        where = f"tone {place}, {one.finding}"
        known = kept.get(one.finding)
        # As it was kept, slots and all: it may rest in this run, and is not bound to other words unasked.
        if known is not None and one.say == known.say:
            tone.append(known)
            continue
        if one.finding not in sentences:
            problems.append(
                Problem(where, f"this run says no such sentence{nearest(one.finding, sentences)}")
            )
            continue
        said = sentences[one.finding]
        lost, made_up = _difference(said, one.say)
        if lost or made_up:
            problems.append(
                Problem(
                    where,
                    "a wording may not change a figure",
                    found=f"{', '.join(made_up) or 'no other figure'}"
                    + (f"; missing {', '.join(lost)}" if lost else ""),
                    expected=f"the figures of “{said}”",
                )
            )
        else:
            tone.append(Tone(one.finding, _pattern(said), _slotted(one.say, said)))
    if problems:
        raise DeclarationError(
            "the commentary does not fit this report",
            problems=problems,
            fix="Correct it; --show prints every sentence with its id.",
        )
    chapters_said = {slug: text for slug, text in spec.chapters.items() if text}
    return Commentary(spec.foreword, chapters_said, tuple(tone), before.version + 1)


def to_yaml(of: Commentary, sentences: Mapping[str, str], chapters: Sequence[str]) -> str:
    """Write a commentary as the file it is edited in, with every sentence that can be put otherwise."""
    toned = {one.finding: one for one in of.tone}
    plain = {
        "version": of.version,
        "foreword": of.foreword,
        "chapters": {one: of.chapters.get(one, "") for one in chapters},
        "tone": [
            {"finding": one.finding, "say": _filled(one, sentences.get(one.finding, "")) or one.say}
            for one in of.tone
        ],
    }
    text = yaml.safe_dump(plain, allow_unicode=True, sort_keys=False, width=100, default_style=None)
    resting = set(of.resting(sentences))
    lines = [
        "# To put a sentence otherwise, add it under tone: {finding: ID, say: …}; its figures stay.",
        *(f"# rests, because this run does not say it so: {one}" for one in toned if one in resting),
        *(f"#   {id_}: {' '.join(said.split())}" for id_, said in sentences.items() if id_ not in toned),
    ]
    return text + "\n".join(lines) + "\n"


# ── Figures in sentences ────────────────────────────────────────────────────────────────────────


def _numbers(text: str) -> list[str]:
    return [found.group().lstrip("+") for found in _NUMBER.finditer(text)]


def _difference(said: str, say: str) -> tuple[list[str], list[str]]:
    """Return the figures that a wording lost, and those it made up."""
    before, after = Counter(_numbers(said)), Counter(_numbers(say))
    return list((before - after).keys()), list(set(after) - set(before))


def _pattern(said: str) -> str:
    return _NUMBER.sub("#", said)


def _slotted(say: str, said: str) -> str:
    """Write a wording with the place that each of its figures has in the report's sentence."""
    places: dict[str, list[int]] = {}
    for place, one in enumerate(_numbers(said), 1):
        places.setdefault(one, []).append(place)

    def slot(found: re.Match[str]) -> str:
        mine = places[found.group().lstrip("+")]
        return f"{{{mine.pop(0) if len(mine) > 1 else mine[0]}}}"

    return _NUMBER.sub(slot, say.replace("{", "(").replace("}", ")"))


def _filled(tone: Tone, said: str) -> str | None:
    """Put a run's figures into a wording; None where the run says something else."""
    if _pattern(said) != tone.pattern:
        return None
    numbers = _numbers(said)
    return _SLOT.sub(lambda found: numbers[int(found[1]) - 1], tone.say)


def _changed(spec: CommentarySpec, before: Commentary) -> list[str]:
    found = ["foreword"] if spec.foreword != before.foreword else []
    every = sorted({*spec.chapters, *before.chapters})
    found += [one for one in every if spec.chapters.get(one, "") != before.chapters.get(one, "")]
    toned = {one.finding for one in spec.tone} != {one.finding for one in before.tone}
    return [*found, *(["tone"] if toned else [])]
