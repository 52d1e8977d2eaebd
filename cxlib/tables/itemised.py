"""Tables of items: the appendix that holds them all, and where people agree least about one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from cxlib.frames import ROLE, SCORES, check
from cxlib.tables.html import (
    Html,
    hidden,
    interval,
    level_cell,
    listing,
    missing,
    note,
    role_names,
    said,
    small,
    together,
    top_box,
    with_interval,
)

if TYPE_CHECKING:
    from cxlib.instrument import Instrument
    from cxlib.language import Words


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
        return missing(_("No item was asked in this wave, or every one is hidden."))
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
                    *(level_cell(_, by_both.get((item, role)), "–") for role in seen),
                ]
                for item in items
            ],
            numbers=range(2, len(headings)),
            captioned=True,
        )
        for name, items in parts
    ]
    below = note(
        _(
            "Top two: the share of answers in the two highest places of the scale. By role: level, its 95% "
            "interval and n; a dash where a role was not asked. A statement is given in the words of one "
            "role; the others were asked the same in theirs."
        )
    )
    return together([*tables, below], kind="cx-appendix")


def _statement(instrument: Instrument, id_: str) -> str:
    """Return what an item is about and, below it, how it was put to the last role of staff that gets it.

    Those who lead are asked about themselves; the words for the others can be read by anyone.
    """
    item = instrument.framework.items.get(id_)
    if item is not None:
        staff = [role.id for role in instrument.framework.roles if role.kind == "staff"]
        said = [item.statement[role] for role in staff if role in item.statement]
        return small(instrument.say(item.topic), instrument.say((said or [*item.statement.values()])[-1]))
    question = instrument.framework.questions.get(id_)
    if question is not None:
        return small(instrument.say(question.topic), instrument.say(question.text))
    return instrument.name(id_)


def _item_cells(_: Words, row: Any) -> list[str]:
    if row is None:
        return ["", _("not asked"), "", ""]
    if row.is_hidden:
        return [*[hidden(_)] * 3, top_box(_, row, around=False)]
    return [
        _.number(row.n),
        "" if pd.isna(row.mean) else _.number(row.mean, 1),
        interval(_, row.low, row.high),
        top_box(_, row, around=False),
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
