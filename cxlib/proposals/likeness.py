"""How alike two questions are: the text of a column, and what a framework asks, however it was reworded.

Three likenesses, each 0–1, of texts reduced to what people read: letters in the same order (Indel distance of
the sorted words, rapidfuzz), letters in common (cosine of trigrams, rare ones weighing more), and how much of
the column's text the wording holds, which is what a text that was cut short keeps.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from rapidfuzz import fuzz, process
from scipy.sparse import csr_matrix

LONGEST: Final = 600
# What an exact text is worth, and the most that any other can be.
EXACT: Final = 1.0
NEARLY: Final = 0.97

_TAG: Final = re.compile(r"<[^<>]{0,300}>")
_HOLE: Final = re.compile(r"[{$][\w{}:/.|-]*\}")
_NUMBER: Final = re.compile(
    r"^\s*(?:(?:q|f|frage|question|item)\s*)?\(?\d{1,3}(?:[.]\d{1,3})*[a-z]?\)?\s*(?:[.):]|[-–—](?=\s))\s*(?=\S)"
    r"|^\s*\(?[a-z]\)\s+",
    re.IGNORECASE,
)
_INSIDE: Final = re.compile(r"^(.*?)\s*\[([^\[\]]+)\]\s*$", re.DOTALL)


def read(text: str) -> str:
    """Return a text as a person reads it: without markup, holes to fill, numbering, or spaces in a row."""
    bare = _TAG.sub(" ", html.unescape(text[: LONGEST * 4]))
    bare = _HOLE.sub(" ", unicodedata.normalize("NFKC", bare))
    bare = " ".join(bare.split())[:LONGEST]
    return _NUMBER.sub("", bare, count=1)


def folded(text: str) -> str:
    """Return what of a text is compared: its words in small letters."""
    return _folded(text[: LONGEST * 4])


@lru_cache(maxsize=1 << 13)
def _folded(text: str) -> str:
    return " ".join(re.findall(r"\w+", read(text).casefold()))


def views(text: str) -> list[str]:
    """Return the parts of a header in which a question may stand: all of it, or what a grid puts last."""
    bare = read(text)
    found = [bare]
    if inside := _INSIDE.match(bare):
        found += [inside[2], inside[1]]
    if " - " in bare:
        found.append(bare.rpartition(" - ")[2])
    return list(dict.fromkeys(words for one in found if (words := folded(one))))


class Wordings:
    """What is asked, in every wording, ready to be compared with many texts.

    `targets` says whose wording each text is; the same one may have many.
    """

    def __init__(self, targets: Sequence[str], texts: Sequence[str]) -> None:
        said = [folded(text) for text in texts]
        self.ids = list(dict.fromkeys(targets))
        self._texts = said
        self._written: dict[str, list[int]] = {}
        for at, one in enumerate(said):
            self._written.setdefault(one, []).append(at)
        self._of = np.array([self.ids.index(one) for one in targets])
        grams = [_grams(one) for one in said]
        self._places = {gram: at for at, gram in enumerate(sorted({one for gram in grams for one in gram}))}
        among = Counter(gram for one in grams for gram in one)
        weight = np.log((1 + len(said)) / (1 + np.array([among[gram] for gram in self._places]))) + 0.1
        # A gram that no wording has is as rare as can be.
        self._weight = np.append(weight, np.log(1 + len(said)) + 0.1)
        self._grams = self._matrix(grams)

    def likeness(self, texts: Sequence[str]) -> np.ndarray:
        """Compare texts with every target, each by its best wording and the best part of the text.

        Returns
        -------
        Likeness [0–1], texts × `ids`.
        """
        found = np.zeros((len(texts), len(self.ids)))
        seen = [(at, view) for at, text in enumerate(texts) for view in views(text)]
        if not seen or not self.ids:
            return found
        said = [view for _, view in seen]
        mine = self._matrix([_grams(one) for one in said])
        cosine = (mine @ self._grams.T).toarray() / np.outer(_norms(mine), _norms(self._grams))
        has = (mine > 0).astype(float).multiply(self._weight).tocsr()
        held = (has @ (self._grams > 0).astype(float).T).toarray()
        share = held / np.maximum(np.asarray(has.sum(axis=1)), 1e-9)
        order = process.cdist(said, self._texts, scorer=fuzz.token_sort_ratio, dtype=np.float32) / 100
        score = np.maximum(order, (cosine + share) / 2)
        score = np.minimum(score, NEARLY)
        for row, one in enumerate(said):
            score[row, self._written.get(one, [])] = EXACT
        for (at, _), row in zip(seen, score, strict=True):
            np.maximum.at(found[at], self._of, row)
        return found

    def _matrix(self, grams: Sequence[Counter[str]]) -> Any:
        rows, columns, values = [], [], []
        for at, one in enumerate(grams):
            strange = 0
            for gram, times in one.items():
                if (place := self._places.get(gram)) is None:
                    strange += times
                    continue
                rows.append(at)
                columns.append(place)
                values.append(times)
            if strange:
                rows.append(at)
                columns.append(len(self._places))
                values.append(strange)
        shape = (len(grams), len(self._places) + 1)
        return csr_matrix((values, (rows, columns)), shape=shape, dtype=float).multiply(self._weight).tocsr()


def _norms(matrix: Any) -> np.ndarray:
    return np.maximum(np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1))).ravel(), 1e-9)


@lru_cache(maxsize=1 << 12)
def _grams(text: str) -> Counter[str]:
    padded = [f" {word} " for word in text.split()]
    return Counter(one[at : at + 3] for one in padded for at in range(len(one) - 2))
