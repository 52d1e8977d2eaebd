"""Tables of scores: the scorecard, a chapter's facts, targets, the waves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from cxlib.composition import BY_ROLE
from cxlib.frames import SCORES, WAVE, check
from cxlib.scoring import unweighted
from cxlib.tables.html import (
    Column,
    Html,
    aim,
    aims,
    estimated,
    figures,
    groups,
    hidden,
    interval,
    intervals,
    level_cell,
    listing,
    missing,
    number,
    role_names,
    sentences,
    starred,
    table_of,
    top_box,
)

if TYPE_CHECKING:
    from cxlib.instrument import Instrument
    from cxlib.language import Words


def scorecard(
    scores: pd.DataFrame,
    instrument: Instrument,
    *,
    kind: str = "step",
    targets: Mapping[str, float] | None = None,
    by_role: pd.DataFrame | None = None,
) -> Html | None:
    """Show mean with interval, top box, agreement and gated level, one row a step (or item, construct).

    Nothing where none was asked: the chart before it says so.

    Parameters
    ----------
    targets
        Those decided; a step without one shows the framework's proposal, with a star.
    by_role
        The same scores by role: then the unweighted mean stands beside the weighted one, where no role of
        it is hidden.
    """
    _ = instrument.words
    data = check(scores, SCORES)
    data = data[data["kind"] == kind]
    if data.empty:
        return None
    heading = {"step": _("Step"), "item": _("Item")}.get(kind, _("What"))
    columns = [
        Column(heading, data["name"].tolist()),
        *groups(data, instrument),
        number(_, _("n"), data["n"], data),
        number(_, _("Mean"), data["mean"], data, digits=1),
        intervals(_, data),
    ]
    notes = [_weights_said(data, instrument)]
    plain = {} if by_role is None or (data["cut"] != "").any() else unweighted(data, by_role)
    if plain:
        values = [plain.get(str(one), float("nan")) for one in data["id"]]
        columns.append(number(_, _("Unweighted"), values, data, digits=1))
        notes.append(
            _("Unweighted: everyone counts alike, whatever their role; shown where no role is hidden.")
        )
    columns += [
        Column(_("Top two"), [top_box(_, row) for row in data.itertuples()], True),
        estimated(_, _("Agreement"), data, ("agreement", "agreement_low", "agreement_high"), digits=2),
        estimated(_, _("Gated"), data, ("gated_level", "gated_low", "gated_high")),
    ]
    known = aims(instrument, targets)
    found = [known.get(str(one)) for one in data["id"]]
    if any(found):
        columns.append(Column(_("Target"), [aim(_, one) for one in found], True))
        notes.append(starred(_, found))
    return table_of(_("Scores"), columns, note=sentences(*notes))


def _weights_said(data: pd.DataFrame, instrument: Instrument) -> str:
    _ = instrument.words
    if not (data["weighting"] == BY_ROLE).any():
        return ""
    names = role_names(instrument)
    parts = dict.fromkeys(role for found in data["parts"] for role in found.split("+") if role)
    roles = _.listed([names.get(role, role) for role in parts])
    if data.loc[~data["is_hidden"], "parts"].nunique() > 1:
        return _("Mean over those roles of each row that can be shown, each with its weight.")
    if len(parts) > 1:
        return _("Mean over the roles {roles}, each with its weight.", roles=roles)
    return _("Answers of {roles} alone: other roles were not asked, or cannot be shown.", roles=roles)


def chapter(
    scores: pd.DataFrame,
    instrument: Instrument,
    *,
    step: str,
    targets: Mapping[str, float] | None = None,
) -> Html:
    """Show a step in a few large figures: where it stands, where it is to stand, how far people agree.

    Parameters
    ----------
    scores
        SCORES frame of one group, for example `eng.scores(step=step)`.
    """
    _ = instrument.words
    id_ = instrument.step(step).id
    row = _row(scores, id_, "step")
    if row is None and not _is_any_hidden(scores, [item.id for item in instrument.step(step).items]):
        return missing(_("“{step}” was not assessed in this wave.", step=instrument.called(id_)))
    gone = row is None or bool(row.is_hidden) or pd.isna(row.mean)
    target = aims(instrument, targets).get(id_)
    pairs = [
        (
            _("Current level"),
            hidden(_) if gone else _.number(row.mean, 1),
            "" if gone else _("95% interval {interval}", interval=interval(_, row.low, row.high)),
        ),
        (
            _("Target"),
            _("none yet") if target is None else _.number(target.level, 1),
            "" if target is None else _("proposed by the framework") if target.is_proposed else _("decided"),
        ),
        (
            _("Agreement"),
            hidden(_) if gone else _.number(row.agreement, 2),
            ""
            if gone
            else _(
                "from −1, split, to 1, all agree; {interval}",
                interval=interval(_, row.agreement_low, row.agreement_high, digits=2),
            ),
        ),
        (
            _("Gated level"),
            hidden(_) if gone else _.number(row.gated_level),
            ""
            if gone
            else _(
                "reached by every item within half a level; {interval}",
                interval=interval(_, row.gated_low, row.gated_high, digits=0),
            ),
        ),
        (
            _("People"),
            hidden(_) if gone else _.number(row.n),
            "" if gone else _asked_of(_, int(row.items), int(row.items_total)),
        ),
    ]
    return figures(pairs, kind="cx-figures cx-chapter-facts")


def _asked_of(_: Words, items: int, total: int) -> str:
    """Say how many of a step's items its figure is made of, in the role that was asked the fewest."""
    if items == total:
        return _("each role was asked all {total} items", total=_.number(total))
    return _(
        "each role was asked at least {items} of the {total} items",
        items=_.number(items),
        total=_.number(total),
    )


def goals(targets: Mapping[str, float], scores: pd.DataFrame, instrument: Instrument, *, step: str) -> Html:
    """Show what was decided for a step: its target beside where it stands."""
    _ = instrument.words
    id_ = instrument.step(step).id
    data = check(scores, SCORES)
    inside = {id_, *(item.id for item in instrument.step(step).items)}
    data = data[data["id"].isin(set(targets) & inside)]
    if data.empty:
        return missing(_("No target was set yet."))
    gaps = [max(0.0, targets[row.id] - row.mean) for row in data.itertuples()]
    return table_of(
        _("What was decided"),
        [
            Column(_("What"), data["name"].tolist()),
            number(_, _("n"), data["n"], data),
            number(_, _("Now"), data["mean"], data, digits=1),
            intervals(_, data),
            Column(_("Target"), [_.number(targets[one], 1) for one in data["id"]], True),
            number(_, _("To go"), gaps, data, digits=1),
        ],
    )


def waves(
    trend: pd.DataFrame, instrument: Instrument, names: Mapping[str, str], *, kind: str = "step"
) -> Html | None:
    """Show the levels of each wave side by side; nothing where there is but one.

    Parameters
    ----------
    trend
        SCORES frames of several waves, one below the other, of one group each.
    names
        Wave id → name, oldest first.
    """
    _ = instrument.words
    data = check(trend, SCORES)
    data = data[data["kind"] == kind]
    held = [wave for wave in names if (data[WAVE] == wave).any()]
    if len(held) < 2:
        return None
    rows = []
    for id_, of in data.groupby("id", sort=False):
        by_wave = {str(row.wave): row for row in of.itertuples()}
        rows.append([instrument.called(str(id_)), *(level_cell(_, by_wave.get(wave)) for wave in held)])
    heading = {"step": _("Step"), "item": _("Item")}.get(kind, _("What"))
    return listing(
        _("The waves side by side"),
        [heading, *(names[wave] for wave in held)],
        rows,
        numbers=range(1, len(held) + 1),
        note=_(
            "Level with 95% interval and number of people. Of an earlier wave only what was asked in the "
            "same words is counted."
        ),
    )


def _is_any_hidden(scores: pd.DataFrame, items: Collection[str]) -> bool:
    """Tell whether an item was answered by too few to show: a step of such items alone has no row."""
    return bool((scores["id"].isin(items) & scores["is_hidden"]).any())


def _row(scores: pd.DataFrame, id_: str, kind: str) -> Any:
    data = check(scores, SCORES)
    data = data[(data["kind"] == kind) & (data["id"] == id_)]
    return next(iter(data.itertuples()), None)
