"""What a release will hide and why, for whoever answers for it: before publication, and inside the house.

It names groups, and gives shares of figures; it gives nobody's count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cxlib.anonymity.door import Release, release
from cxlib.frames import UNSCORED, WAVE, cut_name
from cxlib.tally import Tally

Cut = tuple[str, ...]
TOO_FEW, PROTECTS = "too few people", "would tell on a hidden group"
FEW_ANSWERS, ONE_VOICE, GIVES_AWAY = "too few answers", "answered alike", "would tell on hidden answers"


@dataclass(frozen=True)
class Veiled:
    """A hidden group: its cut, its values in the cut's order, and why it is hidden."""

    cut: Cut
    values: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Withheld:
    """An item hidden within a group that is shown: the group's cut and values, and why it is hidden."""

    cut: Cut
    values: tuple[str, ...]
    item: str
    why: str


@dataclass(frozen=True)
class Share:
    """Of one cut: groups in all and shown, and figures (answers to an item in a group) in all and shown."""

    cut: Cut
    groups: int
    groups_shown: int
    figures: int
    figures_shown: int


@dataclass(frozen=True)
class Coarser:
    """A plan without some cuts: the share of figures, 0–1, that its other cuts show now, and then."""

    without: tuple[Cut, ...]
    now: float
    then: float


@dataclass(frozen=True)
class Preview:
    """All that a release hides: groups, and items within groups that are shown; and the rest in shares."""

    hidden: tuple[Veiled, ...]
    items: tuple[Withheld, ...]
    shares: tuple[Share, ...]
    coarser: tuple[Coarser, ...]

    @property
    def visible(self) -> float:
        """The share of figures shown, 0–1; 1 where there is none."""
        return _visible(self.shares)


def preview(tally: Tally, cuts: Sequence[Cut], threshold: int) -> Preview:
    """Say what of one wave will be hidden and why, and what a coarser plan would win.

    Parameters
    ----------
    tally
        The counts of one wave.
    cuts, threshold
        The release plan and k.

    Returns
    -------
    `coarser` leaves out one dimension's cuts, or one two-way cut, at a time; those that win most come first.
    """
    found = release(tally, cuts, threshold)
    shares = _shares(tally, found)
    plans = {
        tuple(cut for cut in cuts if dropped <= set(cut))
        for dropped in [{dim} for dim in found.dims] + [set(cut) for cut in cuts if len(cut) > 1]
    }
    coarser = []
    for without in sorted(plan for plan in plans if plan and len(plan) < len(cuts)):
        kept = [cut for cut in cuts if cut not in without]
        now = _visible([one for one in shares if one.cut in kept])
        then = _visible(_shares(tally, release(tally, kept, threshold)))
        coarser.append(Coarser(without, now, then))
    coarser.sort(key=lambda one: (one.now - one.then, one.without))
    return Preview(_veiled(tally, found), _withheld(tally, found), tuple(shares), tuple(coarser))


def _veiled(tally: Tally, found: Release) -> tuple[Veiled, ...]:
    out = []
    for cut in found.cuts:
        counted = tally.cut((WAVE, *cut))
        people = {key[1:]: int(n) for key, n in zip(counted.keys, counted.respondents, strict=True)}
        mine = found.groups[(found.groups["cut"] == cut_name(cut)) & found.groups["is_hidden"]]
        for values in mine[[dim for dim in found.dims if dim in cut]].itertuples(index=False, name=None):
            # A tally's key holds its dimensions in its own order, which is the release's too.
            why = TOO_FEW if people[values] < found.threshold else PROTECTS
            out.append(Veiled(tuple(dim for dim in found.dims if dim in cut), values, why))
    return tuple(out)


def _withheld(tally: Tally, found: Release) -> tuple[Withheld, ...]:
    out = []
    for cut in found.cuts:
        counted = tally.cut((WAVE, *cut))
        place = {key[1:]: at for at, key in enumerate(counted.keys)}
        mine = found.withheld[found.withheld["cut"] == cut_name(cut)]
        named = tuple(dim for dim in found.dims if dim in cut)
        for *values, item in mine[[*named, "item"]].itertuples(index=False, name=None):
            scored = counted.item_counts(item)[place[tuple(values)], len(UNSCORED) :]
            if scored.sum() < found.threshold:
                why = FEW_ANSWERS
            else:
                why = ONE_VOICE if (scored > 0).sum() == 1 else GIVES_AWAY
            out.append(Withheld(named, tuple(values), item, why))
    return tuple(out)


def _shares(tally: Tally, found: Release) -> list[Share]:
    scored = found.counts[~found.counts["answer"].isin(UNSCORED)]
    keys = ["cut", *found.dims, "item"]
    shown = scored.groupby(keys, sort=False)["n"].sum()
    figures = shown[shown > 0].groupby("cut").size()
    out = []
    for cut in found.cuts:
        counted = tally.cut((WAVE, *cut))
        every = sum(
            int(counted.item_counts(scale.item)[:, len(UNSCORED) :].any(axis=1).sum())
            for scale in tally.items
        )
        groups = found.groups[found.groups["cut"] == cut_name(cut)]["is_hidden"]
        out.append(Share(cut, len(groups), int((~groups).sum()), every, int(figures.get(cut_name(cut), 0))))
    return out


def _visible(shares: Sequence[Share]) -> float:
    every = sum(one.figures for one in shares)
    return sum(one.figures_shown for one in shares) / every if every else 1.0
