"""What the answers in a column mean on a scale: numbers, or words in any language of the framework."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from rapidfuzz import fuzz

from cxlib.conversion import clean
from cxlib.framework import Framework
from cxlib.framework.content import Scale
from cxlib.proposals.likeness import folded

# How alike two labels must be to be read as one [0–1]: a letter or two in a sentence.
ALIKE: Final = 0.88
_WHOLE: Final = re.compile(r"-?\d{1,3}(?:\.0+)?")
_CODE: Final = re.compile(r"(?:A|AO|SQ)0{0,2}(\d{1,2})")

# Words beside a scale that survey tools and their authors write; those of the forms first.
BESIDE: Final = {
    "not_applicable": (
        "not applicable", "n a", "does not apply", "entfällt", "nicht zutreffend", "nicht anwendbar",
    ),
    "dont_know": (
        "don t know", "do not know", "i don t know", "can t say", "weiß nicht", "weiss nicht",
        "kann ich nicht sagen",
    ),
    "blank": ("no answer", "no response", "prefer not to say", "keine antwort", "keine angabe"),
}  # fmt: skip


@dataclass(frozen=True)
class Meaning:
    """What the answers of one column mean on the scale of one item.

    Attributes
    ----------
    values : text → level, where it is not the number itself.
    beside : "not_applicable", "dont_know" or "blank" → the texts that say so.
    unknown : texts that mean nothing there.
    understood : share of the answers that mean something [0–1]; 1 where there are none.
    guessed : those of `values` that were read by likeness, or by the order of codes.
    """

    values: Mapping[str, int] = field(default_factory=dict)
    beside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    understood: float = 1.0
    guessed: tuple[str, ...] = ()


NOTHING: Final = Meaning()


class Scales:
    """The words of every item's levels: of its own scale, of a role that answers by another, or described."""

    def __init__(self, framework: Framework) -> None:
        self._framework = framework
        self._scales = {one.id: one for one in framework.content.scales}
        self._sets: dict[str, list[dict[str, int]]] = {}
        self._owners: dict[str, list[str]] = {}

    def worded(self, id_: str) -> list[dict[str, int]]:
        """Return the labels of an item or question, label → level, a set for each language and source."""
        if id_ not in self._sets:
            self._sets[id_] = [one for one in self._worded(id_) if one]
        return self._sets[id_]

    def told_by(self, answers: Mapping[str, int]) -> dict[str, float]:
        """Say which items answers are of, where their words stand on no other: item → share of them [0–1]."""
        if not self._owners:
            for id_ in self._framework.scales:
                for label in {folded(label) for words in self.worded(id_) for label in words}:
                    self._owners.setdefault(label, []).append(id_)
        found: dict[str, int] = {}
        for text, times in answers.items():
            owners = self._owners.get(folded(text), ())
            if len(owners) == 1:
                found[owners[0]] = found.get(owners[0], 0) + times
        return {id_: times / sum(answers.values()) for id_, times in found.items()}

    def _worded(self, id_: str) -> Iterable[dict[str, int]]:
        framework = self._framework
        item = framework.items.get(id_)
        scale = item.scale if item else framework.questions[id_].scale
        if scale is None:
            return
        own = self._scales[scale]
        others = [self._scales[one.scale] for one in framework.roles if item and one.scale in self._scales]
        fitting = [one for one in (own, *others) if (one.low, one.high) == (own.low, own.high)]
        for language in framework.content.languages:
            for one in dict.fromkeys(one.id for one in fitting):
                yield self._labels(self._scales[one], language)
            if item and len(item.levels) == own.high - own.low + 1:
                yield {framework.say(text, language): own.low + n for n, text in enumerate(item.levels)}

    def _labels(self, scale: Scale, language: str) -> dict[str, int]:
        return {self._framework.say(text, language): int(level) for level, text in scale.labels.items()}

    def meaning(self, id_: str, answers: Mapping[str, int]) -> Meaning:
        """Say what answers mean on an item's scale.

        Parameters
        ----------
        id_
            An item or question with a scale.
        answers
            Text → how often it was given; blank ones left out.
        """
        levels = self._framework.scales[id_].levels
        sets = self.worded(id_)
        known: dict[str, set[int]] = {}
        for words in sets:
            for label, level in words.items():
                for said in (folded(label), f"{level} {folded(label)}"):
                    known.setdefault(said, set()).add(level)
        labels = {label: next(iter(found)) for label, found in known.items() if len(found) == 1}
        is_coded = bool(answers) and all(_CODE.fullmatch(clean(text)) for text in answers)
        values: dict[str, int] = {}
        beside: dict[str, list[str]] = {}
        unknown: list[str] = []
        guessed: list[str] = []
        for text in answers:
            bare = clean(text)
            if _WHOLE.fullmatch(bare):
                if int(bare.partition(".")[0]) not in levels:
                    unknown.append(text)
                continue
            if (level := labels.get(folded(bare))) is not None:
                values[bare] = level
            elif kind := next((kind for kind, said in BESIDE.items() if folded(bare) in said), None):
                beside.setdefault(kind, []).append(bare)
            elif (found := _CODE.fullmatch(bare)) and is_coded and int(found[1]) + levels[0] - 1 in levels:
                values[bare] = int(found[1]) + levels[0] - 1
                guessed.append(bare)
            elif (level := _alike(bare, labels)) is not None:
                values[bare] = level
                guessed.append(bare)
            else:
                unknown.append(text)
        seen = {folded(text) for text in values}
        for words in sets:
            # Levels that nobody chose so far get their words too, in the language that the others are in.
            if seen & {folded(label) for label in words}:
                unseen = (one for one in words.items() if folded(one[0]) not in seen)
                values |= {label: level for label, level in unseen if folded(label) in labels}
        total = sum(answers.values())
        strange = sum(answers[text] for text in unknown)
        return Meaning(
            dict(sorted(values.items(), key=lambda one: (one[1], one[0]))),
            {kind: tuple(texts) for kind, texts in beside.items()},
            tuple(unknown),
            1 - strange / total if total else 1.0,
            tuple(guessed),
        )


def _alike(text: str, labels: Mapping[str, int]) -> int | None:
    """Read a label by its likeness to one level's words, and to no other's nearly as much."""
    said = folded(text)
    scores: dict[int, float] = {}
    for label, level in labels.items():
        scores[level] = max(scores.get(level, 0.0), fuzz.ratio(said, label) / 100)
    best = sorted(scores.items(), key=lambda one: -one[1])[:2]
    if not best or best[0][1] < ALIKE or (len(best) > 1 and best[0][1] - best[1][1] < 0.04):
        return None
    return best[0][0]
