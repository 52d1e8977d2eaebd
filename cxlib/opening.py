"""Opening an engagement: the live store's, or one that was published."""

from __future__ import annotations

from pathlib import Path

from cxlib.engagement import Engagement
from cxlib.errors import NotFoundError
from cxlib.extract import read_extract
from cxlib.live import LiveEngagement
from cxlib.settings import Settings, read_settings
from cxlib.shares import Spread
from cxlib.store import Store
from cxlib.worked import Worked


def open_engagement(
    engagement: str,
    *,
    wave: str | None = None,
    extract: str | Path | None = None,
    language: str | None = None,
    settings: Settings | None = None,
) -> Engagement:
    """Open one wave of an engagement, from the live store or from a published extract.

    Parameters
    ----------
    engagement
        Its name in the store, for example "harbour".
    wave
        The wave's id; by default the latest that has answers.
    extract
        The `extract` folder of a run; empty for the live store.
    language
        One of the engagement's languages, for a live store; an extract has its own.

    Raises
    ------
    NotFoundError
        If there is no such engagement, wave or extract, naming the nearest.
    """
    if extract:
        found = read_extract(Path(extract))
        if engagement and engagement != found.facts.engagement:
            raise NotFoundError(f"{extract} is an extract of {found.facts.engagement}, not of {engagement}")
        return Engagement(found, wave or None, Worked.beside(Path(extract), found.release.dims))
    return open_live(engagement, wave=wave, language=language, settings=settings)


def open_live(
    engagement: str,
    *,
    wave: str | None = None,
    language: str | None = None,
    settings: Settings | None = None,
    spread: Spread = map,
) -> LiveEngagement:
    """Open one wave of an engagement in the store, to read from and to change.

    `spread` says who counts: by default this process; see :mod:`cxlib.run.spread`.

    Raises
    ------
    NotFoundError
        If there is no such engagement or wave, naming the nearest.
    """
    store = Store.open(settings or read_settings())
    try:
        return LiveEngagement(store, engagement, wave or None, language, spread)
    except BaseException:
        store.close()
        raise
