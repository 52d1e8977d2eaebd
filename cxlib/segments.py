"""One unit of an engagement as an engagement of its own, made of published figures alone.

A report for one hotel shows what the release plan publishes of that hotel and nothing else: the figures cut
by hotel are its whole, those cut by role and hotel its roles. Nothing is counted anew, so nothing is shown
that the whole report could not show.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cxlib.anonymity import Release
from cxlib.commentary import Commentary
from cxlib.errors import NotFoundError, nearest
from cxlib.extract import COUNTED, Extract
from cxlib.frames import NOT_STATED, ROLE, cut_name, no_comments

if TYPE_CHECKING:
    import pandas as pd


def units_of(extract: Extract, dim: str) -> list[str]:
    """Return the units of a segment that are shown in the extract's wave, in order.

    Raises
    ------
    NotFoundError
        If the release plan publishes no figures by this segment.
    """
    _check(extract, dim)
    groups = extract.release.groups
    shown = groups[(groups["wave"] == extract.facts.wave) & (groups["cut"] == dim) & ~groups["is_hidden"]]
    return sorted(set(shown[dim]) - {NOT_STATED})


def extract_of(extract: Extract, dim: str, unit: str) -> Extract:
    """Return the extract of one unit.

    Parameters
    ----------
    dim, unit
        A segment of the release plan, and one of its values that is shown.

    Raises
    ------
    NotFoundError
        If the plan does not publish the segment, or the unit is not there or hidden: the message does not
        say which of the two.
    """
    shown = units_of(extract, dim)
    if unit not in shown:
        raise NotFoundError(
            f"no report can be made for {dim} {unit!r}: it is not there, or too few answered"
            f"{nearest(unit, shown)}",
            fix=f"There are: {', '.join(shown)}.",
        )
    facts, release = extract.facts, extract.release
    kept = [cut for cut in facts.cuts if dim in cut and set(cut) <= {dim, ROLE}]
    cuts = tuple(tuple(one for one in cut if one != dim) for cut in kept)
    dims = tuple(one for one in release.dims if one != dim)
    names = {cut_name(cut): cut_name(one for one in cut if one != dim) for cut in facts.cuts if dim in cut}
    known = {cut_name(cut) for cut in cuts}

    def of(frame: pd.DataFrame) -> pd.DataFrame:
        """Keep the unit's rows, under the names of the cuts without it."""
        kept = frame[(frame[dim] == unit) & frame["cut"].isin(names)]
        kept = kept.assign(cut=kept["cut"].map(names).astype("str")).drop(columns=dim)
        return kept[kept["cut"].isin(known)].reset_index(drop=True)

    frames: dict[str, Any] = {
        name: of(getattr(extract, name)) for name in ("estimates", "reliability", "drivers", "invited")
    }
    counted = {name: of(getattr(release, name)) for name in COUNTED}
    return replace(
        extract,
        facts=replace(
            facts,
            client=f"{facts.client}: {unit}",
            cuts=cuts,
            segments={id_: name for id_, name in facts.segments.items() if id_ != dim},
            # Populations are of the whole engagement; how many the unit invited stands in `invited`.
            roles=tuple(replace(role, population=None) for role in facts.roles),
            questions={},
        ),
        release=Release(cuts=cuts, dims=dims, threshold=release.threshold, **counted),
        # What an analyst said was said of the whole, and comments are cut by no segment.
        commentary=Commentary(),
        comments=no_comments(),
        **frames,
    )


def _check(extract: Extract, dim: str) -> None:
    published: Iterable[str] = [cut[0] for cut in extract.facts.cuts if len(cut) == 1 and cut[0] != ROLE]
    if dim not in published:
        raise NotFoundError(
            f"the release plan publishes nothing by {dim!r}{nearest(dim, published)}",
            fix=f"There are: {', '.join(published) or 'no segments'}.",
        )
