"""How well a framework's texts are written: what an author should look at again.

None of this stops a framework from loading. The rules are those of the house: plain words, one thing a
statement, and levels that differ by what an outsider can see, not by an adverb.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

from cxlib.declarations import dotted
from cxlib.framework.checks import texts_of

if TYPE_CHECKING:
    from cxlib.declarations import Path_
    from cxlib.framework import Framework

HIGHEST_GRADE = 9
# Two texts that share this much of their own words say the same thing. The nearest pair of neighbouring
# levels in cx7 1.0.0 shares less than half.
ALIKE = 0.7

# Words that only turn a dial. A level that needs one to differ from its neighbour describes nothing new.
_DEGREES = {
    "en": "a all almost always any each every few fully generally great highly largely little lot many "
    "mainly more most mostly much never no nearly not occasionally often only partly quite rarely really "
    "regularly seldom several some somewhat sometimes "
    "strongly the usually very well widely consistently frequently",
    "de": "alle allen aller alles allgemein der die das den dem des ein eine einen einem einer fast ganz "
    "gelegentlich gering gut häufig hoch immer jede jeden jeder jedes kaum kein keine keinen konsequent "
    "manche manchmal mehr mehrere meist meisten meistens nicht nie niemals nur oft regelmäßig sehr selten "
    "stark stets teilweise überwiegend umfassend viel viele völlig vollständig weitgehend wenig wenige",
}
# Words that carry no content of their own: two items are not alike because both say "customers".
_COMMON = {
    "en": "a about an and are as at be been by can customer customers do does for from get give has have how "
    "i if in is it its me my of on or our out see service so that the their them there they this to up us "
    "was we what when where which who with they're",
    "de": "als am an auch auf aus bei das dass dem den der des die dies durch ein eine einem einen einer er "
    "es für haben hat ich ihr ihre im in ist kann kunde kunden man mein meine mich mir mit nach oder sich "
    "sie sind so über um und uns unser unsere unserem unseren vom von was wenn wer wie wir wird zu zum zur",
}
_JOINED = {"en": r"\b(and|or|as well as)\b", "de": r"\b(und|oder|sowie)\b"}


@dataclass(frozen=True)
class Remark:
    """Something an author should look at again.

    Attributes
    ----------
    where : the place, as `Document.line` and an editor know it.
    what : one of "hard to read", "differs by degree only", "asks two things", "alike", "missing".
    text : what was found, for a reader.
    line : in the file, from 1.
    """

    where: str
    what: str
    text: str
    line: int


def remarks(framework: Framework) -> list[Remark]:
    """List what an author should look at again, in the order of the file."""
    found = [
        Remark(dotted(path), what, text, framework.document.line(path))
        for rule in (_missing, _ladders, _joined, _alike, _hard)
        for path, what, text in rule(framework)
    ]
    return sorted(found, key=lambda one: one.line)


def grade(text: str) -> float:
    """Return the school grade (US) at which a text can be read: the automated readability index.

    By letters a word and words a sentence, so it needs no dictionary and knows no language; for a text
    of one short sentence it is a rough figure.

    Source: Smith & Senter, *Automated Readability Index*, AMRL-TR-66-220, Wright-Patterson Air Force
    Base, 1967: 4.71 · characters a word + 0.5 · words a sentence − 21.43.
    """
    # A placeholder is read as the short word that it stands for.
    said = re.sub(r"\{\w+\}", "we", text)
    words = re.findall(r"[^\W_]+(?:['’][^\W_]+)?", said)
    sentences = [one for one in re.split(r"[.!?:]+(?=\s|\W*$)", said) if re.search(r"\w", one)]
    if not words:
        return 0.0
    return 4.71 * sum(map(len, words)) / len(words) + 0.5 * len(words) / len(sentences) - 21.43


def is_sentence(text: str) -> bool:
    """Tell a sentence, which has a reading grade, from a name or a label, which has none."""
    return text.rstrip("'\"”»").endswith((".", "!", "?"))


def minutes_to_answer(framework: Framework, form: str, role: str, language: str) -> float:
    """Estimate how long a form takes, in minutes: reading, choosing, and writing where it is open.

    Reading at 238 words a minute (Brysbaert, *How many words do we read per minute?*, Journal of Memory
    and Language 109, 2019: silent reading of non-fiction in English; a tenth fewer in other languages,
    whose words are longer). Choosing takes 6 seconds, among described levels 12, a sentence 40: our own
    estimates, not timed with people.
    """
    asked = framework.form(form)
    say = framework.say
    texts = [say(asked.introduction, language), say(asked.privacy, language)]
    seconds = 0
    described = framework.role(role).scale is None
    for id_ in asked.items:
        item = framework.items[id_]
        texts += [say(item.topic, language), say(item.statement[role], language)]
        levels = item.levels if described else []
        texts += [say(level, language) for level in levels]
        seconds += 12 if levels else 6
    for id_ in asked.questions:
        question = framework.questions[id_]
        texts.append(say(question.wordings.get(role, question.text), language))
        seconds += 6 if question.scale else 40
    words = sum(len(text.split()) for text in texts)
    return words / (238 if _main(language) == "en" else 238 * 0.9) + seconds / 60


Found = Iterator[tuple["Path_", str, str]]


def _missing(framework: Framework) -> Found:
    for s, step in enumerate(framework.steps):
        if step.target is None:
            yield ("steps", s), "missing", f"{step.id} proposes no target"
        if step.requires and not step.because:
            yield (
                ("steps", s),
                "missing",
                f"{step.id} does not say why it stands on {', '.join(step.requires)}",
            )
        for i, item in enumerate(step.items):
            here: Path_ = ("steps", s, "items", i)
            is_served = item.id in framework.serves or not framework.content.lenses
            lacks = [
                name
                for name, has in (
                    ("described levels", item.levels),
                    ("advice", item.advice or not item.levels),
                    ("evidence to ask for", item.evidence),
                    ("source (seed)", item.seed),
                    (
                        "lens row that it serves",
                        is_served,
                    ),
                    ("form that asks it", any(item.id in form.items for form in framework.content.forms)),
                )
                if not has
            ]
            if lacks:
                yield here, "missing", f"{item.id} has no {', no '.join(lacks)}"


def _ladders(framework: Framework) -> Found:
    """Find levels that differ from the one below only in degree."""
    for s, step in enumerate(framework.steps):
        for i, item in enumerate(step.items):
            for language in framework.content.languages:
                said = [framework.say(level, language) for level in item.levels]
                for n, (lower, upper) in enumerate(pairwise(said), 2):
                    below, above = (_words(text, language, _DEGREES) for text in (lower, upper))
                    if not above - below or _share(below, above) >= ALIKE:
                        yield (
                            ("steps", s, "items", i, "levels", n - 1),
                            "differs by degree only",
                            f"{item.id} level {n} ({language}) names nothing that level {n - 1} has not",
                        )


def _joined(framework: Framework) -> Found:
    """Find statements that ask two things at once."""
    for s, step in enumerate(framework.steps):
        for i, item in enumerate(step.items):
            for role, text in item.statement.items():
                for language in framework.content.languages:
                    pattern = _JOINED.get(_main(language))
                    said = framework.say(text, language)
                    if pattern and (hit := re.search(pattern, said, re.IGNORECASE)):
                        yield (
                            ("steps", s, "items", i, "statement", role),
                            "asks two things",
                            f"{item.id} for {role} ({language}) joins with {hit[0]!r}: {said}",
                        )


def _alike(framework: Framework) -> Found:
    """Find items whose statements are made of the same words."""
    places = {
        item.id: ("steps", s, "items", i)
        for s, step in enumerate(framework.steps)
        for i, item in enumerate(step.items)
    }
    for language in framework.content.languages:
        for role in framework.roles:
            said = {
                item.id: _words(framework.say(item.statement[role.id], language), language, _COMMON)
                for item in framework.items.values()
                if role.id in item.statement
            }
            for one, other in combinations(said, 2):
                share = _share(said[one], said[other])
                if share >= ALIKE:
                    yield (
                        (*places[other], "statement", role.id),
                        "alike",
                        f"{other} and {one} share {share:.0%} of their words for {role.id} ({language})",
                    )


def _hard(framework: Framework) -> Found:
    """Find English sentences above the grade that everyone can be expected to read."""
    english = next((one for one in framework.content.languages if _main(one) == "en"), None)
    if english is None:
        return
    for path, text in texts_of(framework.content):
        said = text if isinstance(text, str) else text[english]
        if is_sentence(said) and (reached := grade(said)) > HIGHEST_GRADE:
            yield path, "hard to read", f"grade {reached:.1f}: {said}"


def _words(text: str, language: str, without: dict[str, str]) -> frozenset[str]:
    """Return the stems of a text's own words: crude (the first six letters), and enough to compare."""
    dropped = set(without.get(_main(language), "").split())
    return frozenset(word[:6] for word in re.findall(r"\w+", text.lower()) if word not in dropped)


def _main(language: str) -> str:
    return language.split("-")[0].lower()


def _share(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the shared part of two sets of words, 0–1 (Jaccard 1912)."""
    return len(one & other) / len(one | other) if one | other else 1.0
