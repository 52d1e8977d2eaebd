"""The summary page's block: where the client stands, three findings, three actions, in words and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from cxlib.findings import LEVELS, POINTS
from cxlib.tables.compared import answers, unit_name
from cxlib.tables.html import Html, brief
from cxlib.tables.ordered import asked_of

if TYPE_CHECKING:
    from cxlib.findings import Finding
    from cxlib.instrument import Instrument
    from cxlib.language import Words
    from cxlib.ordering import Sequence as Order
    from cxlib.planning import Recommendation
    from cxlib.summary import Summary

# A share that would be written as 0 % is said in words.
HARDLY = 0.005


def summary(found: Summary, instrument: Instrument) -> Html:
    """Show the page that a board member reads when they read only one.

    Each finding carries its interval and n; where nothing is confirmed, the page says so instead of
    filling itself, and where nothing can be shown, that there is too little to say.
    """
    _ = instrument.words
    lead, sure = standing_sentence(found.order, instrument)
    findings = [(one.sentence, evidence(one, _)) for one in found.findings]
    actions = [(one.action, _action(one, instrument)) for one in found.actions]
    parts = [
        (
            _("Where it stands"),
            Markup('<p class="cx-lead">{}</p><p class="cx-note">{}</p>').format(lead, sure),
            f"{lead} {sure}",
        ),
        (_("What matters most"), *_three(findings, _nothing_found(found, _))),
        (_("What to do first"), *_three(actions, _nothing_due(found.order, _))),
    ]
    body = Markup("").join(
        Markup("<section><h3>{}</h3>{}</section>").format(name, of) for name, of, _t in parts
    )
    return Html(
        Markup('<div class="cx-summary-page">{}</div>').format(body),
        "\n".join(f"{name}: {text}" for name, _m, text in parts),
    )


def _nothing_found(found: Summary, _: Words) -> str:
    """Say why no finding stands on the page; to have looked and to have been unable to look differ."""
    hidden = found.order.hidden and not found.order.steps
    if found.compared and not hidden:
        return (
            _(
                "Nothing stands out far enough for this page; what does by less stands under “What stands "
                "out”."
            )
            if found.confirmed
            else _("Nothing stands out beyond what chance could do, in any kind of comparison.")
        )
    return (
        _("Too few answers to say.") if hidden else _("Nothing could be compared: too few groups are shown.")
    )


def _nothing_due(order: Order, _: Words) -> str:
    if order.steps:
        return _("No action is due: nothing open stands below its target.")
    return _("Too few answers to say.") if order.hidden else _("No step was assessed.")


def standing_sentence(order: Order, instrument: Instrument) -> tuple[str, str]:
    """Say in one breath where the organisation stands in the sequence; and, smaller, how sure that is."""
    _ = instrument.words
    if not order.is_assessed:
        return _("Not every step was assessed or can be shown, so there is no position in the sequence."), ""
    share = order.excess_share or 0.0
    at = {"position": order.position, "total": len(order.steps)}
    if order.start_here:
        start = _.listed([instrument.called(one) for one in order.start_here])
        said = _(
            "Position {position} of {total}: start with {start}.", start=start, **at,
        )  # fmt: skip
    else:
        said = _(
            "Position {position} of {total}: every step has reached level {gate}.",
            gate=brief(_, order.gate), **at,
        )  # fmt: skip
    said += " " + (
        _("Hardly anything that was built stands on weaker foundations.")
        if share < HARDLY
        else _("{share} of what was built stands on weaker foundations.", share=_.percent(share))
    )
    ranges = _(
        "95% ranges: position {low}–{high}, share {share_low}–{share_high}; mean level {raw}, of which "
        "{effective} is supported; n = {n} a step.",
        low=order.position_low, high=order.position_high,
        share_low=_.percent(order.excess_share_low or 0.0),
        share_high=_.percent(order.excess_share_high or 0.0),
        raw=_.number(order.raw or 0.0, 1), effective=_.number(order.effective or 0.0, 1),
        n=asked_of(order, _),
    )  # fmt: skip
    return said, ranges


def evidence(found: Finding, _: Words) -> str:
    """Write a finding's figure with its interval, n and adjusted p, in its unit."""
    digits = {POINTS: 0, LEVELS: 1}.get(found.unit, 2)
    value, low, high = (_.number(one, digits, signed=True) for one in (found.value, found.low, found.high))
    return _(
        "{value} {unit} (95% interval {low} to {high}), n = {n}",
        value=value, unit=unit_name(_, found.unit, found.value), low=low, high=high, n=answers(_, found),
    )  # fmt: skip


def _action(one: Recommendation, instrument: Instrument) -> str:
    _ = instrument.words
    return _(
        "{item}: level {level} (95% interval {low} to {high}), target {target}. {who}; {days} days. {reason}",
        item=instrument.name(one.item),
        level=_.number(one.level, 1), low=_.number(one.low, 1), high=_.number(one.high, 1),
        target=_.number(one.target, 1), who=one.who, days=brief(_, one.move_days), reason=one.reason,
    )  # fmt: skip


def _three(rows: list[tuple[str, str]], none: str) -> tuple[Markup, str]:
    if not rows:
        return Markup("<p>{}</p>").format(none), none
    items = Markup("").join(
        Markup("<li><strong>{}</strong><small>{}</small></li>").format(said, beside) for said, beside in rows
    )
    return Markup('<ol class="cx-three">{}</ol>').format(items), " ".join(f"{a} {b}" for a, b in rows)
