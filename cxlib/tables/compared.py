"""Tables of comparisons: what stands out, one family's gaps, what changed since the wave before."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING

from cxlib.findings import AGREEMENT, DELTA, LEVELS, POINTS, Finding, families_in
from cxlib.frames import NOT_STATED
from cxlib.tables.html import Html, interval, listing, missing, p_value, role_names, said, sentences, together

if TYPE_CHECKING:
    from cxlib.instrument import Instrument
    from cxlib.language import Words


def findings(made: Sequence[Finding], instrument: Instrument, *, most: int = 5) -> Html:
    """Show what is confirmed, the `most` clearest of each family: sentence, figure, interval, n and p."""
    _ = instrument.words
    if not made:
        return missing(_("Nothing could be compared: too few groups are shown."))
    every = [one for one in made if one.is_confirmed]
    if not every:
        return missing(_("Nothing stands out beyond what chance could do, in any family of comparisons."))
    # They come in the order of their family, the clearest first.
    found = [one for _id, of in groupby(every, key=attrgetter("family")) for one in islice(of, most)]
    left = len(every) - len(found)
    known = families_in(_)
    rate = _.listed([_.percent(one) for one in sorted({one.rate for one in found})])
    return listing(
        _("What stands out"),
        (_("Kind"), _("What stands out"), _("Figure, 95% interval"), _("n"), _("Adjusted p")),
        [
            (
                known[one.family].name,
                one.sentence,
                f"{figure(_, one)} {unit_name(_, one.unit, one.value)} ({figure_interval(_, one)})",
                answers(_, one),
                p_value(_, one.p),
            )
            for one in found
        ],
        numbers=(2, 3, 4),
        note=sentences(
            _(
                "Each kind is one family of comparisons, held to a false-discovery rate of {rate} "
                "(Benjamini–Hochberg): where there were nothing to find, a family would report anything no "
                "more often than that.",
                rate=rate,
            ),
            _(
                "The {most} clearest of each kind are shown; {left} more are not.",
                most=_.number(most),
                left=_.number(left),
            )
            if left
            else "",
        ),
    )


def figure(_: Words, one: Finding) -> str:
    """Write the figure of a comparison with its sign."""
    return _.number(one.value, _digits(one), signed=True)


def figure_interval(_: Words, one: Finding) -> str:
    return interval(_, one.low, one.high, digits=_digits(one), signed=True)


def _digits(one: Finding) -> int:
    return 0 if one.unit == POINTS else 2


def answers(_: Words, one: Finding) -> str:
    """Say how many answers stand behind a comparison: each group's own where two are compared."""
    return _.listed([_.number(n) for n in one.n_each]) if one.n_each else _.number(one.n)


def unit_name(_: Words, unit: str, value: float | None = None) -> str:
    """Say in what a comparison is measured, in the reader's language; a single point as one."""
    if unit == POINTS and value is not None and round(abs(value)) == 1:
        return _("point")
    known = {
        LEVELS: _("levels"),
        POINTS: _("points"),
        DELTA: _("Cliff's delta"),
        AGREEMENT: _("agreement A"),
    }
    return known.get(unit, unit)


def verdict(_: Words, one: Finding) -> str:
    """Say whether a comparison is confirmed within its family."""
    return _("beyond chance") if one.is_confirmed else _("not beyond chance")


def families(made: Sequence[Finding], instrument: Instrument) -> Html:
    """Show how many comparisons were made in each family, and how many are confirmed."""
    _ = instrument.words
    rows = [
        (
            family.name,
            family.compares,
            _.number(len(of)),
            _.number(sum(one.is_confirmed for one in of)),
            _.percent(family.rate),
        )
        for family in families_in(_).values()
        if (of := [one for one in made if one.family == family.id])
    ]
    if not rows:
        return missing(_("Nothing could be compared: the groups are hidden, or were not asked."))
    return listing(
        _("Comparisons made"),
        (_("Kind"), _("Compared"), _("Comparisons"), _("Confirmed"), _("Rate")),
        rows,
        numbers=(2, 3, 4),
    )


def gaps(made: Sequence[Finding], instrument: Instrument, *, family: str, most: int = 10) -> Html:
    """Show the comparisons of one family, confirmed or not, the clearest first.

    Parameters
    ----------
    family
        One of `cxlib.findings.FAMILIES`.
    most
        Rows; the others are counted.
    """
    _ = instrument.words
    kind = families_in(_)[family]
    every = [one for one in made if one.family == family]
    if not every:
        return missing(
            _(
                "{kind}: nothing could be compared: the groups are hidden, or were not asked.",
                kind=kind.name,
            )
        )
    found = every[:most]
    confirmed = sum(one.is_confirmed for one in every)
    units = list(dict.fromkeys(one.unit for one in found))
    heading = _("Figure, in {unit}", unit=unit_name(_, units[0])) if len(units) == 1 else _("Figure")
    many = len(units) > 1
    return listing(
        kind.name,
        (
            _("What"), _("Whose answers"), heading, _("95% interval"), _("n"), _("Adjusted p"), _("Verdict"),
        ),
        [
            (
                about(instrument, one),
                whose(instrument, one),
                figure(_, one) + (f" {unit_name(_, one.unit, one.value)}" if many else ""),
                figure_interval(_, one),
                answers(_, one),
                p_value(_, one.p),
                verdict(_, one),
            )
            for one in found
        ],
        numbers=(2, 3, 4, 5),
        note=sentences(
            _("Compared: {compares}.", compares=kind.compares),
            _sense(_, family),
            _(
                "{confirmed} of {count} comparisons are beyond chance at a false-discovery rate of {rate}.",
                confirmed=_.number(confirmed),
                count=_.number(len(every)),
                rate=_.percent(kind.rate),
            ),
            _("They are part of {all} that were judged together.", all=_.number(found[0].compared))
            if found[0].compared > len(every)
            else "",
            _("The {most} clearest are shown.", most=_.number(most)) if len(every) > most else "",
        ),
    )  # fmt: skip


def _sense(_: Words, family: str) -> str:
    """Say what the sign of a family's figures means."""
    known = {
        "pair": _("Plus: the later step runs ahead of the one it stands on."),
        "say_do": _("Plus: more is said than done."),
        "delivery": _("Plus: the first calls the experience superior more often than the second."),
        "perception": _("Plus: the first gives the higher answer more often."),
        "split": _("Below 0: two camps. Around 0: a flat spread. Above: agreement."),
        "change": _("Plus: it rose."),
        "unit": _("Plus: it stands above the others of its kind."),
    }
    return known.get(family, "")


def about(instrument: Instrument, one: Finding) -> str:
    """Name what a comparison is about: a step, an item, a question, or a pair of steps."""
    _ = instrument.words
    names = [instrument.called(id_) for id_ in one.about]
    if one.family == "pair" and len(names) == 2:
        return _("{step}, on {before}", step=names[1], before=names[0])
    return ", ".join(names)


def whose(instrument: Instrument, one: Finding) -> str:
    """Name whose answers a comparison is made of."""
    _ = instrument.words
    names = {**role_names(instrument), NOT_STATED: _("not stated")}
    found = [names.get(group, group) for group in one.groups]
    if one.family in {"perception", "delivery"} and len(found) == 2:
        return _("{first} against {second}", first=found[0], second=found[1])
    return ", ".join(found)


def change(
    made: Sequence[Finding], instrument: Instrument, *, since: str | None = None, most: int = 20
) -> Html:
    """Show what changed since the wave before, each change with its interval; or why nothing can be said.

    Parameters
    ----------
    since
        Name of the wave before; empty where this is the first. Without it, the comparisons tell.
    """
    _ = instrument.words
    every = [one for one in made if one.family == "change"]
    if since == "" or (since is None and not every):
        return missing(
            _("A first wave: nothing to compare with. The next one will show what changed, with an interval.")
        )
    if not every:
        return missing(
            _(
                "Nothing can be compared with {since}: it is hidden in one of the waves, or nothing was "
                "asked in the same words.",
                since=since,
            )
        )
    count, confirmed = len(every), sum(one.is_confirmed for one in every)
    facts = {
        "since": since or _("the wave before"),
        "count": _.number(count),
        "confirmed": _.number(confirmed),
    }
    sentence = (
        _("Since {since}, {confirmed} of {count} figures changed beyond chance.", **facts)
        if confirmed
        else _("Since {since}, none of {count} figures changed beyond chance.", **facts)
    )
    return together([said(sentence), gaps(every, instrument, family="change", most=most)])
