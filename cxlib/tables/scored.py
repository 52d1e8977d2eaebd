"""Tables of scores: the scorecard, a chapter's facts, targets, the waves, every item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from cxlib.composition import BY_ROLE
from cxlib.frames import ROLE, SCORES, WAVE, check
from cxlib.scoring import unweighted
from cxlib.tables.html import (
    Column,
    Html,
    aim,
    aims,
    figures,
    groups,
    hidden,
    interval,
    intervals,
    listing,
    missing,
    note,
    number,
    role_names,
    said,
    sentences,
    small,
    starred,
    table_of,
    together,
    with_interval,
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
        number(_, _("Top two"), data["top_box"], data, percent=True),
        number(_, _("Agreement"), data["agreement"], data, digits=2),
        number(_, _("Gated"), data["gated_level"], data),
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
    if row is None:
        return missing(
            _(
                "“{step}” was not assessed in this wave: none of its items was asked.",
                step=instrument.called(id_),
            )
        )
    gone = bool(row.is_hidden) or pd.isna(row.mean)
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
                "reached by every item; {interval}",
                interval=interval(_, row.gated_low, row.gated_high, digits=0),
            ),
        ),
        (
            _("People"),
            hidden(_) if gone else _.number(row.n),
            ""
            if gone
            else _("{items} of {total} items", items=_.number(row.items), total=_.number(row.items_total)),
        ),
    ]
    return figures(pairs, kind="cx-figures cx-chapter-facts")


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
        rows.append([instrument.called(str(id_)), *(_level_cell(_, by_wave.get(wave)) for wave in held)])
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


def _level_cell(_: Words, row: Any, none: str = "") -> str:
    """Write a level with interval and n, on two lines; the word where it is hidden, `none` where unasked."""
    if row is None or (not row.is_hidden and pd.isna(row.mean)):
        return none or _("not asked")
    if row.is_hidden:
        return hidden(_)
    around = interval(_, row.low, row.high)
    n = _("n = {n}", n=_.number(row.n))
    return small(_.number(row.mean, 1), f"({around}), {n}" if around else n)


def appendix(scores: pd.DataFrame, scores_by_role: pd.DataFrame, instrument: Instrument) -> Html:
    """Show every item, step by step: what it says, its level with interval and n, and the same by role.

    What was asked beside the steps stands last. Hidden and unasked items keep their row, and say so.
    """
    _ = instrument.words
    whole, roles = check(scores, SCORES), check(scores_by_role, SCORES)
    whole, roles = (one[one["kind"] == "item"] for one in (whole, roles))
    framework = instrument.framework
    parts = [
        (instrument.called(step.id), [item.id for item in step.items])
        for step in map(framework.step, framework.order)
    ]
    beside = [one for one in dict.fromkeys(whole["id"]) if one not in framework.items]
    if beside:
        parts.append((_("Asked beside the steps"), beside))
    if whole.empty and roles.empty:
        return missing(_("No item was asked in this wave."))
    seen = [role.id for role in framework.roles if (roles[ROLE] == role.id).any()] if ROLE in roles else []
    by_id = {str(row.id): row for row in whole.itertuples()}
    by_both = {(str(row.id), getattr(row, ROLE)): row for row in roles.itertuples()} if seen else {}
    names = role_names(instrument)
    headings = [
        _("Id"), _("Item and statement"), _("n"), _("Mean"), _("95% interval"), _("Top two"),
        *(names[role] for role in seen),
    ]  # fmt: skip
    tables = [
        listing(
            name,
            headings,
            [
                [
                    item,
                    _statement(instrument, item),
                    *_item_cells(_, by_id.get(item)),
                    *(_level_cell(_, by_both.get((item, role)), "–") for role in seen),
                ]
                for item in items
            ],
            numbers=range(2, len(headings)),
            wide=True,
            captioned=True,
        )
        for name, items in parts
    ]
    below = note(
        _(
            "Top two: the share of answers in the two highest places of the scale. By role: level, its 95% "
            "interval and n; a dash where a role was not asked."
        )
    )
    return together([*tables, below], kind="cx-appendix")


def _statement(instrument: Instrument, id_: str) -> str:
    """Return what an item is about and, below it, how it was put to the first role that gets it."""
    item = instrument.framework.items.get(id_)
    if item is not None:
        return small(instrument.say(item.topic), instrument.say(next(iter(item.statement.values()))))
    question = instrument.framework.questions.get(id_)
    if question is not None:
        return small(instrument.say(question.topic), instrument.say(question.text))
    return instrument.name(id_)


def _item_cells(_: Words, row: Any) -> list[str]:
    if row is None:
        return ["", _("not asked"), "", ""]
    if row.is_hidden:
        return [hidden(_)] * 4
    return [
        _.number(row.n),
        "" if pd.isna(row.mean) else _.number(row.mean, 1),
        interval(_, row.low, row.high),
        "" if pd.isna(row.top_box) else _.percent(row.top_box),
    ]


def disagreement(
    scores_by_role: pd.DataFrame, instrument: Instrument, *, step: str, most: int = 5
) -> Html | None:
    """Show where people of one role agree least about an item of a step, and say it in a sentence.

    Nothing where no agreement can be shown.
    """
    _ = instrument.words
    data = check(scores_by_role, SCORES)
    items = {item.id for item in instrument.step(step).items}
    data = data[(data["kind"] == "item") & data["id"].isin(items) & data["agreement"].notna()]
    if data.empty:
        return None
    rows = list(data.sort_values(["agreement", "id"], kind="stable").head(most).itertuples())
    names = role_names(instrument)

    def who(row: Any) -> str:
        role = getattr(row, ROLE, "")
        return names.get(role, role)

    least = rows[0]
    facts = {
        "item": instrument.name(str(least.id)),
        "agreement": with_interval(_, least.agreement, least.agreement_low, least.agreement_high, digits=2),
        "n": _.number(least.n),
    }
    sentence = (
        _("Least agreed: “{item}” in the eyes of {role}, A = {agreement}, n = {n}.", role=who(least), **facts)
        if who(least)
        else _("Least agreed: “{item}”, A = {agreement}, n = {n}.", **facts)
    )
    headings = (
        _("Item"), _("Role"), _("n"), _("Level"), _("Agreement A, 95% interval"), _("rwg, 95% interval")
    )  # fmt: skip
    table = listing(
        _("Where people agree least"),
        headings,
        [
            (
                instrument.name(str(row.id)),
                who(row),
                _.number(row.n),
                with_interval(_, row.mean, row.low, row.high),
                with_interval(_, row.agreement, row.agreement_low, row.agreement_high, digits=2),
                with_interval(_, row.rwg, row.rwg_low, row.rwg_high, digits=2),
            )
            for row in rows
        ],
        numbers=range(2, 6),
        note=_(
            "A runs from −1, two camps, over 0, a flat spread, to 1, all agree. rwg compares the spread with "
            "guessing: 0 as if guessed, 1 all agree."
        ),
    )
    return together([said(sentence), table])


def _row(scores: pd.DataFrame, id_: str, kind: str) -> Any:
    data = check(scores, SCORES)
    data = data[(data["kind"] == kind) & (data["id"] == id_)]
    return next(iter(data.itertuples()), None)
