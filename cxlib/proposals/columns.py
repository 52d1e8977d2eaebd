"""What each column of a file may be: codes first, then texts; one column to one item at most."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from cxlib.conversion import EDGES, ISO_DATE, day_part
from cxlib.framework import Framework
from cxlib.mapping import SourceSpec
from cxlib.proposals.answers import NOTHING, Scales
from cxlib.proposals.likeness import Wordings, folded
from cxlib.proposals.proposal import FLOOR, Guess, Proposal, Wanted
from cxlib.sources import SurveyFile, open_survey

# Rows that are looked at, and rows that are shown.
SAMPLE: Final = 2_000
SHOWN_ROWS: Final = 3
# Columns that are compared by their texts; no questionnaire has more.
MOST_COLUMNS: Final = 2_000
# Likeness [0–1] below which two questions share nothing but common words, and from which they are the same.
# Measured: of ten questions that no framework asks, the nearest reached 0.67; of 23 rewordings by hand of the
# customers' form, none lay below 0.71.
_STRANGE, _SAME = 0.58, 0.80
# By how much the best item must lie before the next one for its likeness to count in full.
_APART: Final = 0.08
_CLEARLY: Final = 0.05
# What it is worth that all answers of a column are described levels of one item.
_BY_ANSWERS: Final = 0.95

DATE_FORMATS: Final = (ISO_DATE, "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d.%m.%y")
_ROLE_WORDS: Final = frozenset(("role", "rolle", "your role", "ihre rolle"))
_ID_WORDS: Final = frozenset(("id", "respondent", "respondentid", "responseid", "person", "personid"))
_DATE_WORDS: Final = frozenset(("date", "datum", "day", "submitted", "submittedat", "timestamp"))


@dataclass(frozen=True)
class _Column:
    place: int
    name: str
    text: str
    kind: str
    answers: Mapping[str, int]


def propose(path: Path, wanted: Wanted, spec: SourceSpec | None = None) -> Proposal:
    """Look at the first rows of a file and propose what each of its columns is.

    Parameters
    ----------
    path
        A survey file; at most `SAMPLE` rows of it are looked at.
    wanted
        What is asked, of whom.
    spec
        How the file is written, where that has to be declared.

    Raises
    ------
    IngestError
        If the file cannot be read.
    """
    spec = spec or SourceSpec()
    with closing(open_survey(path, spec, wanted.targets)) as survey:
        layout = survey.layout
        answers, rows, read_rows = _sample(survey)
    columns = [
        _Column(at, name, layout.texts[at], layout.kinds[at], answers.get(at, {}))
        for at, name in enumerate(layout.names)
    ]
    finder = _Finder(columns, wanted)
    guesses = finder.find()
    return Proposal(path.name, spec, layout, tuple(guesses), rows, read_rows, *finder.roles(guesses))


def _sample(
    survey: SurveyFile,
) -> tuple[dict[int, Mapping[str, int]], tuple[tuple[int, tuple[str, ...]], ...], int]:
    counts: dict[int, Counter[str]] = {at: Counter() for at in survey.readable}
    shown: list[tuple[int, tuple[str, ...]]] = []
    read_rows = 0
    for batch in survey.batches(survey.readable, ()):
        texts = {at: one[: SAMPLE - read_rows].to_pylist() for at, one in batch.columns.items()}
        taken = min(len(batch.rows), SAMPLE - read_rows)
        for at, column in texts.items():
            counts[at].update(filled for text in column if (filled := text.strip(EDGES)))
        for n in range(min(taken, SHOWN_ROWS - len(shown))):
            row = tuple(texts[at][n] if at in texts else "" for at in range(len(survey.header)))
            shown.append((int(batch.rows[n]), row))
        read_rows += taken
        if read_rows >= SAMPLE:
            break
    return {at: dict(one) for at, one in counts.items()}, tuple(shown), read_rows


def code_of(text: str) -> str:
    """Reduce a code to what every tool leaves of it: small letters and digits ("s1.i01" is "s1i01")."""
    return "".join(char for char in text.casefold() if char.isalnum())


class _Finder:
    """Guesses column by column; what is taken once is taken."""

    def __init__(self, columns: Sequence[_Column], wanted: Wanted) -> None:
        self._columns, self._wanted = columns, wanted
        self._scales = Scales(wanted.framework)
        framework = wanted.framework
        self._role_names = {folded(one): one for one in wanted.roles}
        for role in framework.roles:
            if role.id in wanted.roles:
                named = (framework.say(role.name, language) for language in framework.content.languages)
                self._role_names |= {folded(name): role.id for name in named}
        self._codes = {code_of(one): ("item", one) for one in wanted.targets}
        self._codes |= {code_of(one): ("segment", one) for one in wanted.segments}
        self._codes |= {one: (one, "") for one in ("role", "wave", "id", "date")}

    def find(self) -> list[Guess]:
        found = {one.place: Guess(one.place, one.name, one.text) for one in self._columns}
        times = Counter(one.name.strip() for one in self._columns)
        taken: set[tuple[str, str]] = set()
        free = []
        for one in self._columns:
            guess = found[one.place]
            if one.kind:
                found[one.place] = self._own(one, guess, taken)
            elif not one.name.strip():
                found[one.place] = replace(guess, why="no header")
            elif times[one.name.strip()] > 1:
                found[one.place] = replace(guess, why="its header stands twice")
            elif (coded := self._by_code(one)) and coded not in taken:
                taken.add(coded)
                found[one.place] = self._meant(one, replace(guess, confidence=1.0, why="code"), *coded)
            else:
                free.append(one)
        for one in free:
            about = self._about(one, found[one.place], taken)
            if about.kind:
                taken.add((about.kind, about.target))
                found[one.place] = about
        free = [one for one in free if not found[one.place].kind]
        left = [one for one in self._wanted.targets if ("item", one) not in taken]
        for one in free[MOST_COLUMNS:]:
            found[one.place] = replace(found[one.place], why=f"one of more than {MOST_COLUMNS:,} columns")
        for guess in self._by_text(free[:MOST_COLUMNS], left):
            found[guess.place] = guess
        return [found[one.place] for one in self._columns]

    def _own(self, one: _Column, guess: Guess, taken: set[tuple[str, str]]) -> Guess:
        """Say what a column of the tool's own is good for: an id, a date, or nothing here."""
        if one.kind in ("id", "date") and (one.kind, "") not in taken:
            taken.add((one.kind, ""))
            formats = _formats(one.answers) if one.kind == "date" else ()
            return replace(guess, kind=one.kind, confidence=1.0, why="the tool's own", formats=formats)
        return replace(guess, kind="own", confidence=1.0, why=one.kind)

    def _by_code(self, one: _Column) -> tuple[str, str] | None:
        """Find what is called so: by its name, by what stands in a grid's brackets, or before a text."""
        inside = re.search(r"\[([^\[\]]+)\]\s*$", one.name)
        first = one.text.split(maxsplit=1)[0].rstrip(".:)") if " " in one.text.strip() else ""
        named = [one.name, *([inside[1]] if inside else [])]
        if first in self._wanted.targets:
            named.append(first)
        return next((self._codes[code] for name in named if (code := code_of(name)) in self._codes), None)

    def _meant(self, one: _Column, guess: Guess, kind: str, target: str) -> Guess:
        if kind == "item" and target not in self._wanted.framework.scales:
            return replace(guess, kind="comment", target=target)
        if kind == "date":
            return replace(guess, kind=kind, formats=_formats(one.answers))
        meaning = self._scales.meaning(target, one.answers) if kind == "item" else NOTHING
        return replace(guess, kind=kind, target=target, meaning=meaning)

    def _about(self, one: _Column, guess: Guess, taken: set[tuple[str, str]]) -> Guess:
        """Find who somebody is, and when: by what columns are called, and by what stands in them."""
        said, code = folded(one.text), code_of(one.name)
        if ("role", "") not in taken:
            known = sum(n for text, n in one.answers.items() if folded(text) in self._role_names)
            share = known / max(1, sum(one.answers.values()))
            if share >= 0.9:
                return replace(guess, kind="role", confidence=0.9, why="its values are roles")
            if said in _ROLE_WORDS:
                return replace(guess, kind="role", confidence=0.5, why="its header")
        for id_, name in self._wanted.segments.items():
            if ("segment", id_) in taken:
                continue
            if said == folded(name):
                return replace(guess, kind="segment", target=id_, confidence=0.95, why="the segment's name")
            if len(said.split()) <= 10 and {id_, folded(name)} & {*said.split()}:
                return replace(guess, kind="segment", target=id_, confidence=0.6, why="a word of its header")
        if ("id", "") not in taken and code in _ID_WORDS:
            is_unique = all(times == 1 for times in one.answers.values())
            return replace(guess, kind="id", confidence=0.9 if is_unique else 0.5, why="its header")
        if ("date", "") not in taken and code in _DATE_WORDS and (formats := _formats(one.answers)):
            return replace(guess, kind="date", confidence=0.9, why="its header and values", formats=formats)
        return guess

    def _by_text(self, free: Sequence[_Column], left: Sequence[str]) -> list[Guess]:
        """Assign columns to items so that their likeness is greatest in sum (the Hungarian method)."""
        if not free or not left:
            return []
        targets, texts = _wordings(self._wanted.framework, left)
        wordings = Wordings(targets, texts)
        by_text = wordings.likeness([one.text for one in free])
        likeness = np.maximum(by_text, _BY_ANSWERS * self._by_answers(free, wordings.ids))
        rows, places = linear_sum_assignment(likeness, maximize=True)
        mine = dict(zip(rows.tolist(), places.tolist(), strict=True))
        holder = {place: row for row, place in mine.items()}
        return [
            self._judged(one, at, mine.get(at), likeness, by_text, holder, wordings.ids)
            for at, one in enumerate(free)
        ]

    def _judged(
        self,
        one: _Column,
        at: int,
        mine: int | None,
        likeness: np.ndarray,
        by_text: np.ndarray,
        holder: Mapping[int, int],
        ids: Sequence[str],
    ) -> Guess:
        """Say how sure it is that column `at` asks item `mine`, given how alike all of them are."""
        best, *_ = order = np.argsort(-likeness[at], kind="stable").tolist()
        left = Guess(one.place, one.name, one.text, why="nothing like it", runner_up=ids[best])
        if holder.get(best, at) != at and likeness[at][best] >= _SAME:
            left = replace(left, why="another column asks it better")
        if mine is None:
            return left
        # An item that another column asks much better is no rival here.
        rivals = (
            place
            for place in order
            if place != mine and likeness[holder.get(place, at)][place] <= likeness[at][place] + _CLEARLY
        )
        other = next(rivals, None)
        next_best = 0.0 if other is None else float(likeness[at][other])
        why = "text" if by_text[at][mine] >= likeness[at][mine] else "the words of its answers"
        guess = self._meant(one, replace(left, why=why, runner_up=""), "item", ids[mine])
        sure = _confidence(float(likeness[at][mine]), next_best) * _evidence(guess, one.answers)
        if sure < FLOOR:
            return left
        if other is not None:
            alone = _confidence(next_best, 0.0)
            guess = replace(guess, runner_up=ids[other], runner_up_confidence=round(alone, 2))
        return replace(guess, confidence=round(sure, 2))

    def _by_answers(self, free: Sequence[_Column], ids: Sequence[str]) -> np.ndarray:
        """Return the share of each column's answers that are words of one item's levels: columns × ids."""
        found = np.zeros((len(free), len(ids)))
        places = {id_: at for at, id_ in enumerate(ids)}
        for at, one in enumerate(free):
            for id_, share in self._scales.told_by(one.answers).items():
                if id_ in places:
                    found[at, places[id_]] = share
        return found

    def roles(self, guesses: Sequence[Guess]) -> tuple[str, Mapping[str, str], tuple[str, ...]]:
        """Say whose wordings fit best, what the values of the role's column mean, and which mean nothing."""
        column = next((one for one in guesses if one.kind == "role"), None)
        if column is not None:
            answers = self._columns[column.place].answers
            values = {
                text: self._role_names[folded(text)] for text in answers if folded(text) in self._role_names
            }
            named = {text: role for text, role in values.items() if text != role}
            return "", named, tuple(text for text in answers if text not in values)
        framework = self._wanted.framework
        votes: Counter[str] = Counter()
        for one in guesses:
            item = framework.items.get(one.target)
            if item is None or one.kind != "item":
                continue
            said = folded(one.text)
            fits = {
                role
                for role, text in item.statement.items()
                if role in self._wanted.roles
                and said
                in {folded(framework.say(text, language)) for language in framework.content.languages}
            }
            if len(fits) == 1:
                votes.update(fits)
        best = votes.most_common(2)
        sure = bool(best) and (len(best) == 1 or best[0][1] > 4 * best[1][1])
        return (best[0][0] if sure else ""), {}, ()


def _wordings(framework: Framework, left: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return every wording of what is not taken yet, beside whose it is."""
    found = []
    for id_ in left:
        if item := framework.items.get(id_):
            texts = [*item.statement.values(), item.topic]
        else:
            question = framework.questions[id_]
            texts = [question.text, *question.wordings.values(), question.topic]
        found += [(id_, framework.say(text, one)) for text in texts for one in framework.content.languages]
    found = list(dict.fromkeys(found))
    return [id_ for id_, _ in found], [text for _, text in found]


def _confidence(likeness: float, other: float) -> float:
    """Turn a likeness into a confidence [0–1]: how far it is from strange, and how far before the next."""
    if likeness >= 1.0:
        return 1.0 if other < 1.0 else 0.5
    base = min(1.0, max(0.0, (likeness - _STRANGE) / (_SAME - _STRANGE)))
    apart = min(1.0, max(0.0, 0.5 + (likeness - other) / (2 * _APART)))
    return min(0.97, base * apart)


def _evidence(guess: Guess, answers: Mapping[str, int]) -> float:
    """Weigh a guess by what the answers say: prose is no answer on a scale, and numbers are no prose."""
    if not answers:
        return 0.9
    if guess.kind == "comment":
        return 0.5 if all(text.isdigit() for text in answers) else 1.0
    return 0.3 + 0.7 * guess.meaning.understood


def _formats(answers: Mapping[str, int]) -> tuple[str, ...]:
    """Return every format by which each of the texts is a day; none where there are no texts."""
    days = [day_part(text) for text in answers]
    return tuple(one for one in DATE_FORMATS if answers and all(_is_day(text, one) for text in days))


def _is_day(text: str, format: str) -> bool:
    try:
        datetime.strptime(text, format)
    except ValueError:
        return False
    return True
