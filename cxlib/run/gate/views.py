"""What a reader looks at: a wave and a group, as the address bears them. A wish, and never authority.

Both are held against the run's own release plan: what it does not publish cannot be asked for, and a wish
that names anything else is as if it had not been there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlencode

from cxlib.run.gate.shelf import Edition, unchanged

LONGEST = 200


@dataclass(frozen=True)
class View:
    """A wave by its id and a group as `dimension:value`, several joined by `+`; both may be empty."""

    wave: str = ""
    segment: str = ""

    @property
    def query(self) -> str:
        """As an address bears it, with its question mark; empty where there is nothing to say."""
        said = {name: value for name, value in (("wave", self.wave), ("segment", self.segment)) if value}
        return f"?{urlencode(said)}" if said else ""

    @property
    def line(self) -> str:
        """The line of code that tells the notebook."""
        return f"cx.forms.begin_at(wave={self.wave!r}, segment={self.segment!r})"


def view_of(one: Edition, wave: str, segment: str) -> View:
    """Keep of a wish what the run publishes."""
    files = sorted((one.folder / "extract").iterdir())
    waves, groups = _published(one, tuple((path.name, path.stat().st_mtime_ns) for path in files))
    wave = wave if wave in waves else ""
    return View(wave, segment if (wave or one.wave, segment) in groups else "")


@lru_cache(maxsize=64)
def _published(
    one: Edition, changed: tuple[tuple[str, int], ...]
) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    from cxlib.engagement import Engagement
    from cxlib.extract import read_extract

    # A kernel shows what was approved, and not what somebody put in its place.
    unchanged(one, "extract")
    folder = one.folder
    eng = Engagement(read_extract(folder / "extract"))
    waves = [one.id for one in eng.facts.waves]
    groups = {(wave, one.key) for wave in waves for one in eng.groups(wave) if len(one.key) <= LONGEST}
    return frozenset(waves), frozenset(groups)
