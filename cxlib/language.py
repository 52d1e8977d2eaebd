"""What the suite itself says, in the reader's language: sentences by gettext catalogues, figures by CLDR.

Sentences stand in the code in English, marked by a call named `_`; `reports/template/words/<language>.po`
translates them, and a test holds that it translates every one. The words of a framework are its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cxlib.errors import NotFoundError
from cxlib.formats import ALMOST_ALL, ALMOST_NONE, AT_LEAST, list_of, separators
from cxlib.settings import read_settings

SOURCE = "en"


@dataclass(frozen=True)
class Words:
    """Says sentences and writes figures in one language.

    A language without a catalogue speaks English, and `is_translated` tells, so that a page can say so. A
    sentence that a catalogue lacks is an error: no language ever stands in for another in silence.
    """

    language: str
    catalogue: dict[str, str] | None = field(default=None, repr=False)

    @property
    def is_translated(self) -> bool:
        return self.catalogue is not None or self._short == SOURCE

    @property
    def spoken(self) -> str:
        """The language that the sentences are in: the one asked for, or English."""
        return self.language if self.is_translated else SOURCE

    @property
    def _short(self) -> str:
        return self.language.split("-")[0].lower()

    def __call__(self, message: str, /, **figures: object) -> str:
        """Say a sentence; `figures` fill the names in braces.

        Raises
        ------
        NotFoundError
            If the language's catalogue lacks it.
        """
        if self.catalogue is not None:
            if message not in self.catalogue:
                raise NotFoundError(
                    f"not translated into {self.language}: {message[:80]!r}",
                    fix=f"Add it to reports/template/words/{self._short}.po.",
                )
            message = self.catalogue[message]
        return message.format(**figures) if figures else message

    def number(self, value: float, digits: int = 0, *, signed: bool = False) -> str:
        """Write a number with exactly `digits` decimals, rounded once, a minus as a minus."""
        text = f"{value:{'+' if signed else ''},.{digits}f}"
        if not any(digit in text for digit in "123456789"):
            text = text.lstrip("+-")  # nothing is neither more nor less
        point, thousands = separators(self.spoken)
        return text.translate({ord(","): thousands, ord("."): point, ord("-"): "−"})

    def percent(self, share: float, digits: int = 0) -> str:
        """Write a share [0–1] as a percentage."""
        space = "" if self.spoken.startswith(SOURCE) else "\N{NO-BREAK SPACE}"
        return f"{self.number(100 * share, digits)}{space}%"

    def top_box(self, share: float, bound: str = "") -> str:
        """Write the share [0–1] of a top box; of one that is all or none, or has a `bound`, only that."""
        _ = self
        if bound == AT_LEAST or (not bound and self.is_bounded(share) and share > ALMOST_NONE):
            return _("at least {share}", share=self.percent(ALMOST_ALL))
        if bound or self.is_bounded(share):
            return _("at most {share}", share=self.percent(ALMOST_NONE))
        return self.percent(share)

    def is_bounded(self, share: float) -> bool:
        """Tell whether a share would be written as all or none, and a bound stands in its place."""
        return self.percent(share) in {self.percent(0), self.percent(1)}

    def listed(self, names: Sequence[str]) -> str:
        """Join names as the language does: a, b and c."""
        return list_of(names, self.spoken)


def words_of(language: str) -> Words:
    """Return the words of a language, for example `de` or `de-CH`."""
    short = language.split("-")[0].lower()
    path = read_settings().template / "words" / f"{short}.po"
    return Words(language, None if short == SOURCE or not path.is_file() else _catalogue(path))


@lru_cache(maxsize=8)
def _catalogue(path: Path) -> dict[str, str]:
    from babel.messages.pofile import read_po

    with path.open("rb") as stream:
        return {str(one.id): str(one.string) for one in read_po(stream) if one.id and one.string}
