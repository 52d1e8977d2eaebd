"""Tables of what stands behind the figures: how items hang together, what drives what, units without luck."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from cxlib.drivers import LMG, WEIGHTS
from cxlib.frames import DRIVERS, RELIABILITY, ROLE, UNITS, check
from cxlib.tables.html import (
    Column,
    Html,
    groups,
    interval,
    missing,
    role_names,
    sentences,
    table_of,
    with_interval,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cxlib.instrument import Instrument
    from cxlib.language import Words


def reliability(frame: pd.DataFrame, instrument: Instrument) -> Html | None:
    """Show α and ω with their intervals, by role and part; nothing where there are none."""
    _ = instrument.words
    data = check(frame, RELIABILITY)
    if data.empty:
        return None
    triples = ((_("α raw"), "alpha"), (_("α standardised"), "alpha_standardised"), (_("ω"), "omega"))
    return table_of(
        _("How the items hang together"),
        [
            Column(_("What"), [instrument.called(one) for one in data["id"]]),
            *groups(data, instrument),
            Column(_("Items"), [str(one) for one in data["items"]], True),
            Column(_("n"), [_.number(one) for one in data["n"]], True),
            *(
                Column(
                    heading,
                    [
                        with_interval(_, *found, digits=2)
                        for found in zip(data[name], data[f"{name}_low"], data[f"{name}_high"], strict=True)
                    ],
                    True,
                )
                for heading, name in triples
            ),
        ],
        note=_(
            "Missing answers pairwise. Alpha rises with the number of items and does not show that they "
            "measure one thing."
        ),
    )


def drivers(frame: pd.DataFrame, instrument: Instrument) -> Html | None:
    """Show what goes with each outcome, and its share of what is explained; nothing where none was asked."""
    _ = instrument.words
    data = check(frame, DRIVERS)
    if data.empty:
        return None
    notes = dict.fromkeys(
        _("{outcome}: {reason}.", outcome=instrument.called(row.outcome), reason=reason_name(_, row.reason))
        for row in data[data["driver"] == ""].itertuples()
    )
    keys = ["outcome", *[name for name in (ROLE,) if name in data]]
    data = data[data["driver"] != ""].sort_values(
        [*keys, "share"], ascending=[True] * len(keys) + [False], kind="stable"
    )
    if data.empty:
        return missing(" ".join(notes))
    first = data.groupby(keys, sort=False).head(1)
    explained = [
        _(
            "{outcome}{role}: R² {r_squared}, n = {n} complete answers, {method}.",
            outcome=instrument.called(row.outcome),
            role=_of_role(row, instrument),
            r_squared=with_interval(_, row.r_squared, row.r_squared_low, row.r_squared_high, digits=2),
            n=_.number(row.n),
            method={LMG: _("LMG shares"), WEIGHTS: _("relative weights")}.get(row.method, row.method),
        )
        for row in first.itertuples()
    ]
    return table_of(
        _("Key drivers"),
        [
            Column(_("Outcome"), [instrument.called(one) for one in data["outcome"]]),
            *groups(data, instrument),
            Column(_("Driver"), [instrument.called(one) for one in data["driver"]]),
            Column(_("Share of R²"), [_.number(one, 2) for one in data["share"]], True),
            Column(_("95% interval"), _intervals(_, data["low"], data["high"], digits=2), True),
            Column(_("Of what is explained"), [_.percent(one) for one in data["relative"]], True),
            Column(_("r"), [_.number(one, 2) for one in data["correlation"]], True),
        ],
        note=sentences(*explained, *notes, _("What goes together need not cause one another.")),
    )


def _of_role(row: Any, instrument: Instrument) -> str:
    """Name in brackets the role whose answers are explained, where they are cut by role."""
    role = str(getattr(row, ROLE, ""))
    return f" ({role_names(instrument).get(role, role)})" if role else ""


def _intervals(_: Words, low: Iterable[float], high: Iterable[float], *, digits: int) -> list[str]:
    return [interval(_, *ends, digits=digits) for ends in zip(low, high, strict=True)]


def reason_name(_: Words, reason: str) -> str:
    """Say in the reader's language why nothing could be explained.

    The estimate carries its reason in English, since it is made before anybody's language is known.
    """
    known = {
        "the respondents stand in one shard, so there is no interval": _(
            "too few people answered for an interval"
        ),
        "an answer does not vary between people, or two say the same": _(
            "an answer does not vary between people, or two say the same"
        ),
        "what is explained hangs on a few people alone": _("what is explained hangs on a few people alone"),
    }
    if reason in known:
        return known[reason]
    numbers = re.fullmatch(r"(\d+) people answered; (\d+) or more are needed for (\d+) drivers", reason)
    if numbers is None:
        return reason
    people, needed, count = (_.number(int(one)) for one in numbers.groups())
    return _(
        "{people} people answered; {needed} or more are needed for {count} drivers",
        people=people,
        needed=needed,
        count=count,
    )


def units(frame: pd.DataFrame, instrument: Instrument) -> Html | None:
    """Show the units of a step by their shrunken level, with the raw rank that luck gave them."""
    _ = instrument.words
    data = check(frame, UNITS)
    if data.empty:
        return None
    return table_of(
        _("Units, without luck"),
        [
            Column(_("Step"), [instrument.called(one) for one in data["id"]]),
            *groups(data, instrument),
            Column(_("n"), [_.number(one) for one in data["n"]], True),
            Column(_("Rank"), [str(one) for one in data["rank"]], True),
            Column(_("Level"), [_.number(one, 2) for one in data["value"]], True),
            Column(_("95% interval"), _intervals(_, data["low"], data["high"], digits=2), True),
            Column(_("As it came out"), [_.number(one, 2) for one in data["raw"]], True),
            Column(_("Raw rank"), [str(one) for one in data["raw_rank"]], True),
        ],
        note=_(
            "A small unit moves far by chance, so each is drawn towards the mean of all by how little its "
            "answers say. Intervals that overlap rank nobody."
        ),
    )
