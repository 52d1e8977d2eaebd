"""A page for each lens: the same answers, grouped as another framework would group them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from cxlib.errors import NotFoundError, nearest
from cxlib.frames import METRICS, ROLE, SCORES, check
from cxlib.tables.asked import figure_name, metric_interval, metric_value
from cxlib.tables.html import (
    Html,
    hidden,
    interval,
    listing,
    missing,
    role_names,
    said,
    small,
    together,
    with_interval,
)

if TYPE_CHECKING:
    from cxlib.framework.content import Lens, LensRow
    from cxlib.instrument import Instrument
    from cxlib.language import Words


def lenses(scores: pd.DataFrame, instrument: Instrument, *, metrics: pd.DataFrame | None = None) -> Html:
    """Show every lens that the framework declares, one below the other; see :func:`lens`."""
    _ = instrument.words
    found = instrument.framework.content.lenses
    if not found:
        return missing(_("This framework declares no lens: its items are grouped by step alone."))
    return together(lens(scores, instrument, lens=one.id, metrics=metrics) for one in found)


def lens(
    scores: pd.DataFrame,
    instrument: Instrument,
    *,
    lens: str,
    metrics: pd.DataFrame | None = None,
    headed: bool = True,
) -> Html:
    """Show one lens: each row with its level, interval and n, its weakest item, and where to start.

    Parameters
    ----------
    scores
        SCORES frame of one group, for example `eng.scores()`.
    metrics
        METRICS frame by role: then the questions that belong to a row stand beside it.
    headed
        Whether the lens's name stands above it; without, where a notebook's own heading says it.

    Raises
    ------
    NotFoundError
        Naming the nearest lens.
    """
    _, say = instrument.words, instrument.say
    known = {one.id: one for one in instrument.framework.content.lenses}
    if lens not in known:
        raise NotFoundError(f"no lens {lens!r}{nearest(lens, known)}")
    one = known[lens]
    data = check(scores, SCORES)
    parts = {str(row.id): row for row in data[data["kind"] == "lens"].itertuples()}
    items = {str(row.id): row for row in data[data["kind"] == "item"].itertuples()}
    starts = [say(row.start_here) if row.start_here else "" for row in one.rows]
    beside = _beside(one, metrics, instrument)
    rows = [
        [
            small(say(row.name), say(row.description) if row.description else ""),
            *_level(instrument, parts.get(f"{one.id}.{row.id}"), row, items, beside),
            _weakest(instrument, row, items),
            *([start] if any(starts) else []),
        ]
        for row, start in zip(one.rows, starts, strict=True)
    ]
    headings = [
        _("What"), _("n"), _("Level"), _("95% interval"), _("Weakest item"),
        *([_("Start here")] if any(starts) else []),
    ]  # fmt: skip
    head = Markup("<h3>{}</h3>").format(say(one.name)) if headed else Markup("")
    table = listing(
        say(one.name),
        headings,
        rows,
        numbers=(1, 2, 3),
        note=_("The same answers as in the steps, grouped otherwise: an item can stand in several rows."),
        wide=True,
    )
    above = [Html(head, say(one.name))] if headed else []
    if one.description:
        above.append(said(say(one.description)))
    below = [beside] if beside else []
    return together([*above, _standing_of(instrument, one, parts), table, *below], kind="cx-lens")


def _level(
    instrument: Instrument, found: Any, row: LensRow, items: dict[str, Any], beside: Html | None
) -> list[str]:
    _ = instrument.words
    # A row whose items are hidden one and all has no figure of its own.
    veiled = found is None and any(id_ in items and items[id_].is_hidden for id_ in row.items)
    if veiled or (found is not None and found.is_hidden):
        return [hidden(_)] * 3
    if found is None or pd.isna(found.mean):
        is_below = beside is not None and not row.items and row.questions
        return ["", _("see below") if is_below else _("not assessed"), ""]
    return [_.number(found.n), _.number(found.mean, 1), interval(_, found.low, found.high)]


def _weakest(instrument: Instrument, row: LensRow, items: dict[str, Any]) -> str:
    """Name the row's item with the lowest mean that can be shown, with its figure."""
    _ = instrument.words
    known = [items[id_] for id_ in row.items if id_ in items]
    shown = [one for one in known if not one.is_hidden and not pd.isna(one.mean)]
    if not shown:
        return hidden(_) if any(one.is_hidden for one in known) else ""
    least = min(shown, key=lambda one: (one.mean, one.id))
    level = with_interval(_, least.mean, least.low, least.high)
    return small(instrument.name(str(least.id)), _("{level}, n = {n}", level=level, n=_.number(least.n)))


def _standing_of(instrument: Instrument, one: Lens, parts: dict[str, Any]) -> Html:
    """Say in a sentence which row of a lens stands lowest, or that none was assessed."""
    _ = instrument.words
    levels = {
        row.id: found
        for row in one.rows
        if (found := parts.get(f"{one.id}.{row.id}")) is not None
        and not found.is_hidden
        and not pd.isna(found.mean)
    }
    names = {row.id: instrument.say(row.name) for row in one.rows}
    if not levels:
        return missing(_("None of this lens's items was assessed in this wave, or none can be shown."))
    least = min(levels, key=lambda id_: levels[id_].mean)
    row = levels[least]
    figure = with_interval(_, row.mean, row.low, row.high)
    if len(levels) == 1:
        return said(
            _("“{row}” stands at {figure}, n = {n}.", row=names[least], figure=figure, n=_.number(row.n))
        )
    return said(
        _(
            "Lowest of {count} rows: “{row}” at {figure}, n = {n}.",
            count=_.number(len(levels)),
            row=names[least],
            figure=figure,
            n=_.number(row.n),
        )
    )


def _beside(one: Lens, metrics: pd.DataFrame | None, instrument: Instrument) -> Html | None:
    """Show the first figure of each question that belongs to a row, role by role; nothing without any."""
    if metrics is None:
        return None
    _ = instrument.words
    data = check(metrics, METRICS)
    data = data[data["figure"] == data.groupby("id")["figure"].transform("first")]
    asked = set(data["id"])
    pairs = [(row, id_) for row in one.rows for id_ in row.questions if id_ in asked]
    if not pairs:
        return None
    found: dict[str, dict[str, Any]] = {}
    for row in data.itertuples():
        found.setdefault(str(row.id), {})[getattr(row, ROLE, "")] = row
    inside = {role for _row, id_ in pairs for role in found[id_]}
    names = role_names(instrument)
    roles = [role for role in (*names, "") if role in inside]
    return listing(
        _("Asked beside the steps"),
        [_("What"), _("Question"), *(names.get(role) or _("Everyone") for role in roles)],
        [
            [
                instrument.say(row.name),
                _question(_, next(iter(found[id_].values()))),
                *(_answer(_, found[id_].get(role)) for role in roles),
            ]
            for row, id_ in pairs
        ],
        numbers=range(2, 2 + len(roles)),
        captioned=True,
    )


def _question(_: Words, row: Any) -> str:
    return small(str(row.name), figure_name(_, str(row.figure)))


def _answer(_: Words, row: Any) -> str:
    """Write a question's figure in one role with its interval and n; a dash where the role was not asked."""
    if row is None:
        return "–"
    if row.is_hidden:
        return metric_value(_, row)
    around = metric_interval(_, row)
    n = _("n = {n}", n=_.number(row.n))
    return small(metric_value(_, row), f"({around})" if around else "", n)
