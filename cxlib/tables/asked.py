"""Tables of who was asked and what: participation, response, the metrics beside the steps, evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from cxlib.frames import (
    BLANK,
    DISTRIBUTION,
    DONT_KNOW,
    METRICS,
    NOT_APPLICABLE,
    PARTICIPATION,
    RESPONSE,
    UNSCORED,
    check,
)
from cxlib.scoring import MEAN, NET_PROMOTER_SCORE, PERCENT, POINTS, TOP_BOX
from cxlib.tables.html import (
    Column,
    Html,
    groups,
    hidden,
    interval,
    listing,
    missing,
    note,
    number,
    sentences,
    shares,
    table_of,
    together,
)

if TYPE_CHECKING:
    from cxlib.instrument import Instrument
    from cxlib.language import Words


def participation(frame: pd.DataFrame, instrument: Instrument) -> Html:
    """Show who was asked and who answered, n of N by role."""
    _ = instrument.words
    data = check(frame, PARTICIPATION)
    if data.empty:
        return missing(_("Nobody has answered yet."))
    columns = [
        Column(_("Role"), data["name"].tolist()),
        number(_, _("Answered"), data["n"], data),
    ]
    if data["population"].notna().any():
        columns.append(number(_, _("Of"), data["population"], data))
        columns.append(number(_, _("Share"), data["share"], data, percent=True))
    return table_of(_("Who answered"), columns)


def response(frame: pd.DataFrame, instrument: Instrument) -> Html | None:
    """Show invited against answered, a table a cut; nothing where nobody said who was invited."""
    _ = instrument.words
    data = check(frame, RESPONSE)
    if data.empty:
        return None
    over = bool((data["share"] > 1).any())
    tables = [
        table_of(
            _("Invited and answered"),
            [
                *groups(part, instrument),
                number(_, _("Invited"), part["invited"], part),
                number(_, _("Answered"), part["n"], part),
                number(_, _("Share"), part["share"], part, percent=True),
            ],
        )
        for _cut, part in data.groupby("cut", sort=False)
    ]
    return together([
        *tables,
        note(sentences(
            _("Of a hidden group neither who was invited nor who answered is shown."),
            _("More answered than were invited: check the numbers.") if over else "",
        )),
    ])  # fmt: skip


def metrics(frame: pd.DataFrame, instrument: Instrument) -> Html | None:
    """Show the metrics of the questions beside the steps with interval and n; nothing if none was asked."""
    _ = instrument.words
    data = check(frame, METRICS)
    if data.empty:
        return None
    rows = list(data.itertuples())
    return table_of(
        _("Metrics"),
        [
            Column(_("Question"), data["name"].tolist()),
            Column(_("Figure"), [figure_name(_, one) for one in data["figure"]]),
            *groups(data, instrument),
            number(_, _("n"), data["n"], data),
            Column(
                _("Value"),
                [metric_value(_, row) for row in rows],
                True,
            ),
            Column(
                _("95% interval"),
                [metric_interval(_, row) for row in rows],
                True,
            ),
        ],
        note=_(
            "Points run from −100 to 100; % is a share of those who answered; the rest is on its own scale."
        ),
    )


def figure_name(_: Words, figure: str) -> str:
    """Say what is computed of a question, in the reader's language."""
    known = {
        NET_PROMOTER_SCORE: _("net promoter score"),
        TOP_BOX: _("top box"),
        MEAN: _("mean"),
        "yes": _("yes"),
        "easy": _("easy"),
        "exceeded": _("exceeded"),
        "met": _("met"),
        "missed": _("missed"),
        "net": _("net"),
    }
    return known.get(figure, figure)


def metric_value(_: Words, row: Any) -> str:
    """Write the value of a METRICS row in its unit: points with their sign, per cent, or a mean with its
    scale; of all or none, a bound."""
    if row.is_hidden and not row.bound:
        return hidden(_)
    if pd.isna(row.value):
        return ""
    if row.counted_in == POINTS:
        return _.number(row.value, signed=True)
    if row.counted_in == PERCENT:
        return _.top_box(row.value / 100, row.bound)
    return _("{value} on {scale}", value=_.number(row.value, 1), scale=row.counted_in.removeprefix("on "))


def metric_interval(_: Words, row: Any) -> str:
    """Write the interval of a METRICS row; a bound has none, which would tell more."""
    if row.is_hidden:
        return hidden(_)
    if row.counted_in == POINTS:
        return interval(_, row.low, row.high, digits=0, signed=True)
    if row.counted_in != PERCENT:
        return interval(_, row.low, row.high)
    return "" if _.is_bounded(row.value / 100) else shares(_, row.low / 100, row.high / 100)


def evidence(distribution: pd.DataFrame, instrument: Instrument, *, step: str) -> Html:
    """Show what each item of a step asks to be shown, and how many answered, did not know, or left it out.

    Parameters
    ----------
    distribution
        DISTRIBUTION frame of one group, for example `eng.distribution(step=step)`. An item without a row
        was not asked, or is hidden.
    """
    _ = instrument.words
    data = check(distribution, DISTRIBUTION)
    counts = {
        str(id_): dict(zip(of["answer"], of["n"], strict=True)) for id_, of in data.groupby("id", sort=False)
    }
    items = instrument.step(step).items
    has_evidence = any(item.evidence for item in items)
    if not counts and not has_evidence:
        return missing(_("Nothing is known of how this step was assessed: no answer can be shown."))
    rows = []
    for item in items:
        found = counts.get(item.id)
        row = [instrument.say(item.topic)]
        if has_evidence:
            row.append(instrument.say(item.evidence) if item.evidence else "")
        if found is None:
            rows.append([*row, _("not asked, or hidden"), "", "", ""])
        else:
            answered = sum(int(n) for answer, n in found.items() if answer not in UNSCORED)
            beside = (found.get(one, 0) for one in (DONT_KNOW, NOT_APPLICABLE, BLANK))
            rows.append([*row, _.number(answered), *(_.number(int(one)) for one in beside)])
    shown = [_("Whom to ask, and what to ask to be shown")] if has_evidence else []
    headings = [
        _("Item"), *shown, _("Answered"), _("Don't know"), _("Not applicable"), _("Left blank"),
    ]  # fmt: skip
    return listing(
        _("Evidence, and how complete it is"),
        headings,
        rows,
        numbers=range(len(headings) - 4, len(headings)),
        note=_(
            "An answer is what a person says, not what a visitor was shown. Don't know, not applicable and "
            "blank are counted here and in no mean."
        ),
        wide=has_evidence,
    )
