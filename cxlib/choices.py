"""What may be looked at: the groups that a wave's release shows, each by a key that an address can bear.

Nothing here makes a group: a filter offers what the release plan published, and what was hidden in it is
not offered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxlib.errors import NotFoundError
from cxlib.frames import NOT_STATED, ROLE, WAVE, cut_name

if TYPE_CHECKING:
    import pandas as pd

    from cxlib.instrument import Instrument


@dataclass(frozen=True)
class Shown:
    """A group that is shown.

    Attributes
    ----------
    cut : the dimensions that tell it apart; none for everyone.
    values : its value of each.
    name : as a reader calls it; empty for everyone.
    n : respondents.
    """

    cut: tuple[str, ...]
    values: tuple[str, ...]
    name: str
    n: int

    @property
    def key(self) -> str:
        """What an address bears: `role:frontline`, `role:frontline+hotel:Seaside`; empty for everyone."""
        return "+".join(f"{dim}:{value}" for dim, value in zip(self.cut, self.values, strict=True))

    def of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Keep of a frame of this cut the rows of this group."""
        kept = frame
        for dim, value in zip(self.cut, self.values, strict=True):
            kept = kept[kept[dim] == value]
        return kept.reset_index(drop=True)


def shown_groups(
    groups: pd.DataFrame,
    cuts: Iterable[tuple[str, ...]],
    instrument: Instrument,
    segments: Mapping[str, str],
    *,
    wave: str,
) -> tuple[Shown, ...]:
    """Return the groups of a wave that are shown, cut by cut as the release plan has them.

    Parameters
    ----------
    groups
        The GROUPS frame of the release.
    segments
        What each segment is called.
    """
    roles = {role.id: instrument.say(role.name) for role in instrument.framework.roles}
    found = []
    for cut in cuts:
        rows = groups[(groups[WAVE] == wave) & (groups["cut"] == cut_name(cut)) & ~groups["is_hidden"]]
        for row in rows.to_dict("records"):
            values = tuple(str(row[dim]) for dim in cut)
            if NOT_STATED in values:
                continue
            names = [
                roles.get(value, value) if dim == ROLE else f"{segments.get(dim, dim)}: {value}"
                for dim, value in zip(cut, values, strict=True)
            ]
            found.append(Shown(tuple(cut), values, ", ".join(names), int(row["n"])))
    return tuple(found)


def find_group(groups: Iterable[Shown], key: str) -> Shown:
    """Return the group of a key.

    Raises
    ------
    NotFoundError
        If the wave shows no such group.
    """
    for one in groups:
        if one.key == key:
            return one
    raise NotFoundError("no such group is published in this wave", fix="Choose one that is offered.")
