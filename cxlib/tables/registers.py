"""Tables of the registers: the journey, promises, standards, measures, actions, and what the case assumes.

Each is made from `eng.registers`. Where a register is empty, its place says what is missing, why it matters
and how to add it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from cxlib import journey
from cxlib.economics import IN_A_YEAR, TODAY
from cxlib.formats import day as in_full
from cxlib.registers import Registers, about
from cxlib.registers.figures import ACQUISITION, DISCOUNT, MARGIN, RETENTION, effort_of, values_of
from cxlib.tables.html import Html, brief, figures, listing, missing, note, role_names, said, sentences
from cxlib.tables.html import together as pieces
from cxlib.tables.ordered import step_names
from cxlib.tables.reading import empty

if TYPE_CHECKING:
    from cxlib.instrument import Instrument
    from cxlib.language import Words
    from cxlib.ordering import Sequence as Order

# Rows of one table that a reader can take in; names in one sentence.
MOST, NAMED = 60, 6


def touchpoints(registers: Registers, instrument: Instrument) -> Html:
    """Show the journey by stage: channel, owner, importance and performance; what nobody owns is marked."""
    _ = instrument.words
    data = registers["touchpoints"]
    if data.empty:
        return _missing("touchpoints", registers, instrument)
    contact = {"direct": _("direct"), "indirect": _("indirect")}
    moment = {"before": _("before"), "during": _("during"), "after": _("after")}
    stages = list(dict.fromkeys(data["stage"]))
    data = data.sort_values("stage", key=lambda of: of.map(stages.index), kind="stable")
    unowned = data.loc[data["owner"] == "", "name"].tolist()
    indirect = int((data["contact"] == "indirect").sum())
    rows = [
        (
            one.name,
            one.stage,
            one.channel,
            contact[one.contact],
            moment[one.moment],
            one.owner or _strong(_("nobody")),
            _figure(_, one.importance),
            _figure(_, one.performance),
        )
        for one in data.itertuples(index=False)
    ]
    headings = (
        _("Touch point"), _("Stage"), _("Channel"), _("Contact"), _("Moment"), _("Owner"), _("Importance"),
        _("Performance"),
    )  # fmt: skip
    return pieces([
        said(sentences(
            _("Touch points: {count}, of them indirect: {indirect}.", count=len(data), indirect=indirect),
            _("Nobody owns {names}.", names=_some(_, unowned)) if unowned else _("Each has an owner."),
        )),
        _table(_, _("Touch points by stage"), headings, rows, numbers=(6, 7), about=_(
            "Importance to customers and performance as those in the room judged them, from 1 to 5."
        )),
    ])  # fmt: skip


def promises(registers: Registers, instrument: Instrument) -> Html:
    """Show the promises, functional and emotional, each with the touch point that keeps it, or none."""
    _ = instrument.words
    data = registers["promises"]
    if data.empty:
        return _missing("promises", registers, instrument)
    half = {"functional": _("functional"), "emotional": _("emotional")}
    places = _names(registers["touchpoints"])
    loose = int((data["touchpoint"] == "").sum())
    rows = [
        (one.text, half[one.half], places.get(one.touchpoint, one.touchpoint) or _strong(_("none yet")))
        for one in data.itertuples(index=False)
    ]
    return pieces([
        said(sentences(
            _("Promises: {count}, of them emotional: {emotional}.",
              count=len(data), emotional=int((data["half"] == "emotional").sum())),
            _("Without a touch point that keeps them: {count}.", count=loose)
            if loose else _("Each has a touch point that keeps it."),
        )),
        _table(_, _("Promises"), (_("Promise"), _("Half of the statement"), _("Touch point")), rows),
    ])  # fmt: skip


def standards(registers: Registers, instrument: Instrument) -> Html:
    """Show each standard as it is written, and what it lacks to be one that can be missed."""
    _ = instrument.words
    data = registers["standards"]
    if data.empty:
        return _missing("standards", registers, instrument)
    found = journey.lint(data, registers["measures"])
    faults = _faults(_)
    lacking = {
        id_: [
            _("vague: {words}", words=one.words) if one.fault == "vague" else faults[one.fault]
            for one in of.itertuples()
        ]
        for id_, of in found.groupby("standard", sort=False)
    }
    rows = [
        (
            _said_by(one.actor, one.action),
            _demand(_, one),
            one.owner or "–",
            _day(_, one.review_date) or "–",
            "; ".join(lacking[one.id]) if one.id in lacking else _("nothing"),
        )
        for one in data.itertuples(index=False)
    ]
    sound, vague = len(data) - len(lacking), int((found["fault"] == "vague").sum())
    headings = (_("Standard"), _("What is demanded"), _("Owner"), _("Reviewed"), _("What it lacks"))
    return pieces([
        said(sentences(
            _("Standards that lack nothing: {sound} of {count}.", sound=sound, count=len(data)),
            _("With vague words: {count}.", count=vague) if vague else "",
        )),
        _table(_, _("Service standards"), headings, rows, wide=True, about=_(
            "Checked for one actor, one action, number with unit and share, scope, owner, measure and day of "
            "review. Vague words are found by a list; a person decides."
        )),
    ])  # fmt: skip


def traceability(registers: Registers, instrument: Instrument) -> Html:
    """Follow each promise to its standards and their measures, and show what hangs loose at either end."""
    _ = instrument.words
    parts = [registers[name] for name in ("promises", "standards", "measures")]
    if all(one.empty for one in parts):
        return _missing("standards", registers, instrument)
    found = journey.traceability(*parts)
    loose = journey.loose_ends(*parts)
    promised, set_, measured = (
        dict(zip(one["id"], one[name], strict=True))
        for one, name in zip(parts, ("text", "action", "name"), strict=True)
    )
    gap = _strong(_("none"))
    rows = [
        (
            promised.get(one.promise) or gap,
            set_.get(one.standard) or gap,
            measured.get(one.measure) or gap,
        )
        for one in found.itertuples()
    ]
    kept, standing = len(parts[0]), len(parts[1])
    return pieces([
        said(sentences(
            _("Promises without a standard: {count} of {all}.", count=len(loose["promises"]), all=kept),
            _("Standards without a promise: {count} of {all}.",
              count=len(loose["standards_unpromised"]), all=standing),
            _("Standards without a measure: {count} of {all}.",
              count=len(loose["standards_unmeasured"]), all=standing),
            _("Measures without a standard: {count} of {all}.",
              count=len(loose["measures"]), all=len(parts[2])),
        )),
        _table(_, _("From promise to measure"), (_("Promise"), _("Standard"), _("Measure")), rows),
    ])  # fmt: skip


def measures(registers: Registers, instrument: Instrument) -> Html:
    """Show each measure's last value against its target, and whether it moved since the one before."""
    _ = instrument.words
    data = registers["measures"]
    if data.empty:
        return _missing("measures", registers, instrument)
    found = journey.measure_states(data, registers["observations"])
    trends = {"better": _("better"), "worse": _("worse"), "same": _("as before"), "": ""}
    met = {True: _("met"), False: _strong(_("missed"))}
    rows = [
        (
            f"{one.name} [{one.unit}]",
            _figure(_, one.value),
            "" if pd.isna(one.n) else _.number(int(one.n)),
            _day(_, one.date),
            _target(_, one),
            "" if pd.isna(one.is_met) else met[bool(one.is_met)],
            _figure(_, one.previous),
            trends[one.trend],
        )
        for one in found.itertuples()
    ]
    headings = (
        _("Measure"), _("Last value"), _("n"), _("Day"), _("Target"), _("State"), _("Before"), _("Moved"),
    )  # fmt: skip
    judged = found["is_met"].dropna()
    table = _table(_, _("Measures"), headings, rows, numbers=(1, 2, 4, 6), about=_(
        "Two values are a direction, not yet a change: what varies by itself goes up and down as well."
    ))  # fmt: skip
    if registers["observations"].empty:
        return pieces([table, _missing("observations", registers, instrument)])
    sentence = _("Targets met by the last value: {met} of {count}.", met=int(judged.sum()), count=len(judged))
    return pieces([said(sentence), table]) if len(judged) else table


def actions(registers: Registers, instrument: Instrument, *, day: str | None = None) -> Html:
    """Show ideas and actions: who raised them, who owns them, what is overdue on a day (of the wave)."""
    _ = instrument.words
    data = registers["initiatives"]
    if data.empty:
        return _missing("initiatives", registers, instrument)
    made = journey.actions(data, day)
    made = made.sort_values(
        ["is_open", "days_overdue", "due_date"], ascending=[False, False, True], kind="stable"
    )
    roles = role_names(instrument)
    kinds = {"idea": _("idea"), "action": _("action")}
    rows = [
        (
            one.name,
            kinds[one.kind],
            step_names([one.step], instrument),
            roles.get(one.proposed_by, one.proposed_by),
            one.owner or _strong(_("nobody")),
            _day(_, one.due_date),
            _state(_, one),
        )
        for one in made.itertuples(index=False)
    ]
    headings = (
        _("Idea or action"), _("Kind"), _("Step"), _("Raised by"), _("Owner"), _("Due"), _("State"),
    )  # fmt: skip
    taken = journey.closed_loop_days(made)
    late = int((made["days_overdue"] > 0).sum())
    raised = journey.raised_by(made)
    return pieces([
        said(sentences(
            _("Open: {open} of {count}.", open=int(made["is_open"].sum()), count=len(made)),
            _("Overdue on {day}: {count}.", day=_day(_, day), count=late) if day else "",
            "" if taken is None else _(
                "Half of what was done took {days} days or less from the day it was raised; n = {n}.",
                days=brief(_, taken),
                n=_.number(int(made["days_to_close"].notna().sum())),
            ),
            _("Raised by {roles}.", roles=_.listed([
                f"{roles.get(role, role)} ({_.number(count)})" for role, count in raised.items()
            ])) if raised else "",
        )),
        _table(_, _("Ideas and actions"), headings, rows, wide=True),
    ])  # fmt: skip


def effort(registers: Registers, instrument: Instrument, order: Order, *, listed: bool = True) -> Html:
    """Show how much of the effort of open and proposed initiatives lies on steps after *start here*.

    Parameters
    ----------
    listed
        Whether the initiatives on later steps are listed as well, with their cost: the report does so once.
    """
    _ = instrument.words
    data = registers["initiatives"]
    if data.empty:
        return _missing("initiatives", registers, instrument)
    if not order.is_assessed:
        return missing(_("There is no position in the sequence, so no effort can be out of it."))
    found = effort_of(registers, order.start_here, instrument.framework.ancestors)
    if not found.initiatives:
        return missing(_("No idea or action is open."))
    start = step_names(order.start_here, instrument) or _("every step stands")
    money = _currency_of(registers)
    shown = [
        (
            _("Effort out of sequence"),
            "–" if found.share is None else _.percent(found.share),
            _("{days} of {all} days", days=brief(_, found.days_out), all=brief(_, found.days)),
        ),
        (
            _("Cost out of sequence"),
            "–" if found.cost_share is None else _.percent(found.cost_share),
            _(
                "{cost} of {all}",
                cost=_.number(found.cost_out),
                all=f"{_.number(found.cost)} {money}".strip(),
            ),
        ),
        (
            _("Initiatives out of sequence"),
            _("{count} of {all}", count=found.out_of_sequence, all=found.initiatives),
            _("start here: {steps}", steps=start),
        ),
    ]
    if not listed:
        del shown[1]
    later = data[data["id"].isin(found.ids)] if listed else data[:0]
    rows = [
        (
            one.name,
            step_names([one.step], instrument),
            _status(_)[one.status],
            _figure(_, one.effort_days),
            _money(_, one.cost),
        )
        for one in later.sort_values("effort_days", ascending=False, kind="stable").itertuples(index=False)
    ]
    parts = [figures(shown)]
    if rows:
        headings = (
            _("Initiative"), _("Step"), _("State"), _("Days"),
            _("Cost, in {money}", money=money) if money else _("Cost"),
        )  # fmt: skip
        parts.append(
            _table(_, _("Effort on steps that stand on an open one"), headings, rows, numbers=(3, 4))
        )
    if proposed := int((data["status"] == "proposed").sum()):
        parts.append(
            note(
                _(
                    "Counted are {all} ideas and actions; of these only proposed: {proposed}.",
                    all=found.initiatives,
                    proposed=proposed,
                )
            )
        )
    if found.unsized:
        parts.append(note(_("Initiatives that say nothing of their effort: {count}.", count=found.unsized)))
    return pieces(parts)


def assumptions(registers: Registers, instrument: Instrument) -> Html:
    """Show each assumption with value, unit, source and day."""
    _ = instrument.words
    held = registers.assumptions
    if not held:
        return _missing("assumptions", registers, instrument)
    rows = [
        (
            _assumed(_, id_),
            *((_percent(_, one.value), "") if _is_share(one.unit) else (_exact(_, one.value), one.unit)),
            one.source,
            _day(_, one.dated),
        )
        for id_, one in held.items()
    ]
    headings = (_("Assumption"), _("Value"), _("Unit"), _("Source"), _("Day"))
    return _table(_, _("Assumptions"), headings, rows, numbers=(1,))


def value(registers: Registers, instrument: Instrument) -> Html:
    """Show a customer's lifetime value by both timings, with its formula and source."""
    _ = instrument.words
    found = values_of(registers.assumptions)
    if found.missing:
        return empty(
            _("The assumptions: {names}.", names=_.listed([_assumed(_, one) for one in found.missing])),
            _("Without margin, retention and discount nobody can say what a customer is worth."),
            _("Add them to the register of assumptions, each with unit, source and day:"),
            instrument,
            command=_command(registers, "assumptions"),
        )
    if found.fault:
        return missing(
            _(
                "No lifetime value follows from these assumptions: retention and discount are shares "
                "from 0 to 1, and retention may be 1 only with a discount above 0."
            )
        )
    return _values(_, found.by_timing, registers, found.has_acquisition)


def quoted(instrument: Instrument) -> Html:
    """Quote the best known figure on what a better experience is worth, with its correction."""
    _ = instrument.words
    return note(
        _(
            "An often quoted figure promises a company of $1 million “$284 thousand” more. It is ten "
            "times its source: Temkin (25 June 2009) reported $284 million for a company of $10 billion "
            "and 10 points more on its index, of which $65 million from purchases, $116 million from "
            "customers who stay and $103 million from word of mouth. That is {share} of revenue, or "
            "${right} thousand for $1 million. Nothing here is computed from it.",
            share=_.percent(0.0284, 2),
            right=_.number(28.4, 1),
        )
    )


def _values(_: Words, by_timing: Mapping[str, float], registers: Registers, has_acquisition: bool) -> Html:
    money = _currency(registers.assumptions[MARGIN].unit)
    off = _(", less acquisition cost") if has_acquisition else ""
    timings = (
        (_("First margin in a year"), f"m · r / (1 + d − r){off}", IN_A_YEAR),
        (_("First margin today"), f"m · (1 + d) / (1 + d − r){off}", TODAY),
    )
    rows = [
        # Whole money: a margin, a share and a discount that somebody estimated bear no cents.
        (name, formula, f"{_.number(by_timing[timing])} {money}".strip())
        for name, formula, timing in timings
    ]
    return _table(
        _,
        _("Lifetime value of a customer"),
        (_("Timing"), _("Formula"), _("Value")),
        rows,
        numbers=(2,),
        about=_(
            "m is the margin of a year, never revenue; r the share of customers who are there a year later, "
            "the same every year; d the discount a year. Source: Gupta and Lehmann (2003), Customers as "
            "assets."
        ),
    )


# ── What the tables share ───────────────────────────────────────────────────────────────────────


def _missing(name: str, registers: Registers, instrument: Instrument) -> Html:
    """Say what an empty register would hold, why it matters and how to add it."""
    what, why = about(name, instrument.words)
    how = instrument.words("Write an empty table, fill it in, and load it by the same command with the file:")
    return empty(what, why, how, instrument, command=_command(registers, name))


def _command(registers: Registers, name: str) -> str:
    return f"cx add {registers.engagement} {name} --template {name}.csv"


def _table(
    _: Words,
    caption: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Iterable[int] = (),
    about: str = "",
    wide: bool = False,
) -> Html:
    left = len(rows) - MOST
    more = _("{count} more are not shown.", count=_.number(left)) if left > 0 else ""
    return listing(caption, headings, rows[:MOST], numbers=numbers, note=sentences(about, more), wide=wide)


def _faults(_: Words) -> dict[str, str]:
    return {
        "actor": _("names no actor"),
        "actors": _("names more than one actor"),
        "actions": _("names more than one action"),
        "number": _("no number"),
        "unit": _("no unit"),
        "share": _("no share of cases"),
        "scope": _("no scope"),
        "owner": _("no owner"),
        "measure": _("no measure"),
        "review_date": _("no day of review"),
    }


def _said_by(actor: str, action: str) -> str:
    return f"{actor}: {action}" if actor else action


def _demand(_: Words, one: Any) -> str:
    """Write number, unit, share and scope in one cell, as far as they are there."""
    number, share = one.number, one.share
    much = "" if pd.isna(number) else brief(_, number)
    texts = [
        " ".join(text for text in (much, str(one.unit)) if text),
        "" if pd.isna(share) else _("in {share} of cases", share=_.percent(share / 100)),
        str(one.scope),
    ]
    return ", ".join(text for text in texts if text) or "–"


def _target(_: Words, one: Any) -> str:
    target = one.target
    if pd.isna(target):
        return ""
    sign = "≥" if one.direction == "higher" else "≤"
    return f"{sign} {brief(_, target)}"


def _state(_: Words, one: Any) -> str:
    late, status = int(one.days_overdue), str(one.status)
    if late:
        return _strong(
            _("overdue by {days} days", days=_.number(late)) if late > 1 else _("overdue by a day")
        )
    named, closed = _status(_)[status], str(one.closed_date)
    return f"{named}, {_day(_, closed)}" if closed else named


def _status(_: Words) -> dict[str, str]:
    return {"proposed": _("proposed"), "open": _("open"), "done": _("done"), "dropped": _("dropped")}


def _assumed(_: Words, id_: str) -> str:
    """Name an assumption: those that are known by the reader's words, others by their id, as a name."""
    known = {
        MARGIN: _("Annual margin"), RETENTION: _("Annual retention"), DISCOUNT: _("Annual discount"),
        ACQUISITION: _("Acquisition cost"),
    }  # fmt: skip
    name = id_.replace("_", " ")
    return known.get(id_, name[:1].upper() + name[1:])


def _is_share(unit: str) -> bool:
    return unit.strip().casefold() in {"share", "anteil"}


def _strong(text: str) -> str:
    return Markup("<strong>{}</strong>").format(text)


def _names(data: pd.DataFrame) -> dict[str, str]:
    return dict(zip(data["id"], data["name"], strict=True))


def _some(_: Words, names: Sequence[str]) -> str:
    """Name a few, and count the others."""
    if len(names) <= NAMED:
        return _.listed(list(names))
    more = _("{count} more", count=_.number(len(names) - NAMED + 1))
    return _.listed([*names[: NAMED - 1], more])


def _figure(_: Words, value: float) -> str:
    return "" if pd.isna(value) else brief(_, value)


def _exact(_: Words, value: float) -> str:
    """Write a value with the decimals it was given with, four at the most."""
    digits = next((at for at in range(4) if abs(value - round(value, at)) < 5e-6), 4)
    return _.number(value, digits)


def _percent(_: Words, share: float) -> str:
    """Write a share [0–1] in per cent, with a decimal only where it has one."""
    return _.percent(share, 0 if math.isclose(100 * share, round(100 * share), abs_tol=5e-4) else 1)


def _money(_: Words, value: float) -> str:
    return "" if pd.isna(value) else _.number(value)


def _day(_: Words, text: str | None) -> str:
    return in_full(date.fromisoformat(text), _.spoken) if text else ""


def _currency_of(registers: Registers) -> str:
    """Return the currency that the assumptions are in, if one of them says it: that of the costs too."""
    found = (_currency(one.unit) for one in registers.assumptions.values())
    return next((one for one in found if one), "")


def _currency(unit: str) -> str:
    first = unit.split()[0] if unit.split() else ""
    return first if re.fullmatch(r"[A-Z]{3}|[$€£¥]", first) else ""
