"""Rules 2 to 4, 6 and the bounds, until nothing changes any more: what of one figure is hidden."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cxlib.anonymity.audit import Unknown, recovered_union, relation, unknown
from cxlib.anonymity.bounds import Attack, climbs, longer, walked
from cxlib.anonymity.suppress import Totals, hidden_cells, too_small, unanimous

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Places = NDArray[np.intp]

# The rules of the method's section 3 that decide what of one figure is hidden: the attack by bounds among
# them, and who was asked. Tests switch them off one by one, to see that an attacker then succeeds.
PRIMARY, UNANIMITY, REMAINDER, AUDIT, BOUNDS = "primary", "unanimity", "remainder", "audit", "bounds"
ASKED = "asked"
RULES = (PRIMARY, UNANIMITY, REMAINDER, AUDIT, BOUNDS, ASKED)


@dataclass(frozen=True, eq=False)
class Layout:
    """The groups of one wave: who is in which, and which add up to which.

    Attributes
    ----------
    members
        (groups × finest cells) of 0 and 1, groups in key order within their cut, cut by cut.
    totals
        Pairs (place of a group, places of the groups of one finer cut that add up to it).
    cuts
        (groups,) the number of each group's cut.
    """

    members: Ints
    totals: Totals
    cuts: Ints
    _known: dict[bytes, tuple[Unknown, Ints]] = field(default_factory=dict, repr=False)

    def unknown(self, shown: Flags, cells: Flags) -> tuple[Unknown, Ints]:
        """Return what a pattern leaves open, and moves to walk; worked out once for all that share it."""
        key = shown.tobytes() + cells.tobytes()
        if key not in self._known:
            found = unknown(self.members[np.ix_(shown, cells)])
            self._known[key] = (found, longer(found.moves))
        return self._known[key]


def settle(
    layout: Layout,
    counts: Ints,
    threshold: int,
    *,
    hidden: Flags | None = None,
    beside: Flags | None = None,
    rules: Container[str] = RULES,
) -> Flags:
    """Decide which groups of one figure to hide.

    Parameters
    ----------
    counts
        (finest cells × answers) how many gave each answer on the scale; respondents are one column.
    threshold
        k: the smallest number of respondents that may be shown.
    hidden
        (groups,) hidden already for another reason.
    beside
        (groups,) those that stand beside a figure which is settled. Only they are hidden, and of them only
        who is fewer than the threshold has to stay unknown.
    rules
        Those to keep; all but in tests.

    Returns
    -------
    (groups,) True where hidden; never a group without answers.

    Source: this project's method, section 3, rules 2 to 4 and 6, and the attack by bounds at its end.
    """
    cells: Flags = np.asarray(counts.any(axis=1), np.bool_)
    people = counts[cells].sum(axis=1)
    members = layout.members[:, cells]
    n = members @ people
    out = too_small(n, threshold) if PRIMARY in rules else np.zeros(len(n), dtype=bool)
    if hidden is not None:
        out |= hidden & (n > 0)
    # Respondents are one column, and of one mind only about having answered.
    if UNANIMITY in rules and counts.shape[1] > 1:
        out |= unanimous(members @ counts[cells], threshold)
    if not out.any() and not too_small(people, threshold).any():
        return out
    figure = _Figure(
        layout,
        counts[cells],
        cells,
        n,
        np.ones(len(n), dtype=bool) if beside is None else beside,
        np.ones(len(n), dtype=bool) if beside is None else ~beside | too_small(n, threshold),
        threshold,
        rules,
    )
    apart = np.zeros(len(n) + len(people), dtype=bool)
    while True:
        if REMAINDER in rules:
            out = hidden_cells(n, layout.totals, threshold, out)
        if (more := _betrayed(figure, out, apart)) is None:
            return out
        out[more] = True


@dataclass(frozen=True, eq=False)
class _Figure:
    """One figure under audit: (cells × answers) counts of the non-empty finest cells, (groups,) n,
    which groups may be hidden, and which have to stay unknown once they are."""

    layout: Layout
    counts: Ints
    cells: Flags
    n: Ints
    may: Flags
    guarded: Flags
    threshold: int
    rules: Container[str]


def _betrayed(figure: _Figure, out: Flags, apart: Flags) -> int | None:
    """Return the smallest published group of a relation that gives something hidden away.

    `apart` (groups, then finest cells) is what was found to be safe, and grows: hiding more takes figures
    from an attacker and gives none, so what was safe remains so.
    """
    layout, counts, n, threshold, rules = (
        figure.layout, figure.counts, figure.n, figure.threshold, figure.rules,
    )  # fmt: skip
    shown = ~out & (n > 0)
    if AUDIT not in rules and BOUNDS not in rules:
        return None
    open_, moves = layout.unknown(shown, figure.cells)
    members = layout.members[:, figure.cells]
    people = counts.sum(axis=1)
    alone = too_small(people, threshold)
    # What must stay unknown: every hidden group, and every finest cell below the threshold.
    gone = out & figure.guarded
    wanted = np.concatenate([gone, alone])
    vectors = np.concatenate([members[gone], np.eye(len(people), dtype=np.int64)[alone]])
    sizes = vectors @ people
    doubt = ~apart[wanted]
    rows = np.flatnonzero(shown)

    def smallest(of: Places, target: int) -> int:
        """Of the target's own cut where there is any: its siblings, rather than who else was asked."""
        group = np.flatnonzero(wanted)[target]
        of = of[figure.may[of]] if figure.may[of].any() else rows[figure.may[rows]]
        own = of[layout.cuts[of] == layout.cuts[group]] if group < len(n) else of
        of = own if len(own) else of
        return int(of[np.argmin(n[of])])

    # The same people under another name, and at least k: showing them tells nothing more.
    is_twin = (sizes >= threshold) & ((vectors[:, None] == members[rows][None]).all(axis=2)).any(axis=1)
    doubt &= ~is_twin
    if AUDIT in rules and (told := np.flatnonzero(open_.recovered(vectors) & ~is_twin)).size:
        return smallest(rows[relation(members[rows], vectors[told[0]])], told[0])
    doubt[doubt] = walked(moves, counts, vectors[doubt]) < threshold
    for place in np.flatnonzero(doubt):
        doubt[place] = not climbs(moves, counts, vectors[place], threshold)
    if AUDIT in rules:
        families = _families(layout.totals, members[:, alone], np.flatnonzero(gone), np.flatnonzero(doubt))
        union = recovered_union(open_, vectors, sizes, families, threshold)
        if union is not None:
            return smallest(rows[relation(members[rows], vectors[list(union)].sum(axis=0))], union[0])
    found = None
    if BOUNDS in rules and len(places := np.flatnonzero(doubt)):
        free = open_.free
        attack = Attack(members[np.ix_(rows, free)], counts[free])
        found, safe = attack.pinned(vectors[np.ix_(places, free)], threshold)
        doubt[places[safe]] = False
    apart[np.flatnonzero(wanted)[~doubt & ~is_twin]] = True
    if found is None:
        return None
    return smallest(_under(layout.totals, rows[found.rows], shown), places[found.place])


def _families(totals: Totals, alone: Ints, places: Places, doubtful: Places) -> list[Places]:
    """Return, for each parent, which of its hidden children (or of its small finest cells) are in doubt.

    A member of a union below k that is recovered cannot be k apart, so the others need no look.
    """
    where = {int(place): at for at, place in enumerate(places)}
    doubt = set(doubtful.tolist())
    found = [
        np.array([at for child in children if (at := where.get(int(child))) in doubt], np.intp)
        for _, children in totals
    ]
    first = len(places)
    found += [
        np.array([at for one in np.flatnonzero(row) if (at := first + int(one)) in doubt], np.intp)
        for row in alone
    ]
    return list({one.tobytes(): one for one in found if len(one) > 1}.values())


def _under(totals: Totals, held: Places, shown: Flags) -> Places:
    """Return what may be hidden to loosen rows that hold a bound: their visible children, or themselves."""
    wanted = set(held.tolist())
    below = [children[shown[children]] for total, children in totals if total in wanted]
    found = np.concatenate([*below, held]) if below else held
    return np.unique(found)
