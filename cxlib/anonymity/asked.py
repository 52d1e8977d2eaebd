"""Who was asked: what an item tells about the size of groups, whatever was answered.

All answers to an item, blank, not applicable and don't know among them, add up to the people asked. Where an
item is asked of some roles only, that is a number of people which no cut of the plan need show: of guests
in everyone, of leaders in a hotel. So the people of each shown group that each set of roles leaves are
audited beside the respondents themselves, and where they would tell on anybody, the items asked of those
roles are hidden in that group.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np
from numpy.typing import NDArray

from cxlib.anonymity.settle import RULES, Layout, settle
from cxlib.frames import BLANK, ItemScale

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def asked_cells(scales: Sequence[ItemScale], counts: Sequence[Ints], roles: Sequence[str]) -> Flags:
    """Say in which finest cells each item was asked.

    A file that holds several roles has blanks where a role was not asked; another role may have been asked
    and left it blank, one and all. Nothing tells the two apart, so there are two answers.

    Parameters
    ----------
    counts
        For each item (finest cells × answers).
    roles
        The role of each finest cell.

    Returns
    -------
    (2 × items × cells): of the roles that hold any answer at all, and of those that said more than nothing.
    """
    _, of = np.unique(np.array(roles, dtype=str), return_inverse=True)
    out = np.zeros((2, len(scales), len(roles)), dtype=bool)
    for row, (scale, found) in enumerate(zip(scales, counts, strict=True)):
        said = [answer != BLANK for answer in scale.answers]
        for at, any_ in enumerate((found.any(axis=1), found[:, said].any(axis=1))):
            out[at, row] = np.isin(of, of[any_])
    return out


def too_telling(
    layout: Layout,
    people: Ints,
    asked: Flags,
    threshold: int,
    *,
    hidden: Flags,
    rules: Container[str] = RULES,
) -> Flags:
    """Say in which groups a set of roles may not be counted.

    Parameters
    ----------
    people
        (finest cells,) respondents.
    asked
        (sets × finest cells) True where a set of roles was asked.
    hidden
        (groups,) the groups whose respondents are hidden.

    Returns
    -------
    (sets × groups), True where the items asked of that set are to be hidden; always in a hidden group.
    """
    groups = len(layout.members)
    out = np.repeat(hidden[None], len(asked), axis=0)
    within = (layout.members[None] * asked[:, None]).reshape(-1, layout.members.shape[1])
    within[:, people == 0] = 0
    every = np.vstack([np.where(people == 0, 0, layout.members), within])
    vectors, first, of = np.unique(every, axis=0, return_index=True, return_inverse=True)
    of = of.reshape(-1)
    # Who is a group of the plan under another name is shown or hidden as that is; hidden if any is.
    gone = np.zeros(len(vectors), dtype=bool)
    gone[of[:groups][hidden]] = True
    new = np.flatnonzero((first >= groups) & vectors.any(axis=1))
    if len(new):
        more = Layout(
            np.vstack([layout.members, vectors[new]]),
            layout.totals,
            np.concatenate([layout.cuts, np.full(len(new), layout.cuts.max(initial=0) + 1)]),
        )
        beside = np.arange(len(more.members)) >= groups
        settled = settle(
            more,
            people[:, None],
            threshold,
            hidden=np.concatenate([hidden, np.zeros(len(new), dtype=bool)]),
            beside=beside,
            rules=rules,
        )
        gone[new] = settled[groups:]
    return out | gone[of[groups:]].reshape(out.shape)
