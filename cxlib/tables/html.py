"""What every table is written with: a piece of a page, escaped where it is built."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup, escape

from cxlib.frames import DRIVERS, METRICS, NOT_STATED, RELIABILITY, RESPONSE, ROLE, SCORES, UNITS, WAVE

if TYPE_CHECKING:
    from cxlib.instrument import Instrument
    from cxlib.language import Words

# From so many characters on a cell is a sentence, and keeps room for some words a line on a phone.
WORDY = 40


_TAG = re.compile(r"<[^>]*>")


class Hidden(str):
    """The word in the cell of a hidden figure; a kind of its own, since a client may be called that too."""

    __slots__ = ()


@dataclass(frozen=True)
class Html:
    """A piece of a page, escaped where it was built. Shows itself in a notebook; prints as plain text."""

    markup: Markup
    text: str

    def _repr_html_(self) -> str:
        return str(self.markup)

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Column:
    """A column of a table; cells are text, or pieces of a page that are safe already."""

    heading: str
    cells: Sequence[str]
    is_number: bool = False


# ── Blocks ──────────────────────────────────────────────────────────────────────────────────────


def figures(pairs: Sequence[tuple[str, str, str]], *, kind: str = "cx-figures") -> Html:
    """Show a few figures large: (label, value, interval or n)."""
    body = Markup("").join(
        Markup('<div><dt>{}</dt><dd class="{}">{} <small>{}</small></dd></div>').format(
            label, _size(value), value, beside
        )
        for label, value, beside in pairs
    )
    return Html(
        Markup('<dl class="{}">{}</dl>').format(kind, body), "; ".join(f"{a}: {b} {c}" for a, b, c in pairs)
    )


def _size(value: str) -> str:
    if isinstance(value, Hidden):
        return "cx-words hidden"
    return "cx-figure" if len(value) < 9 else "cx-words"


def note(text: str) -> Html:
    """Say something beside the figures, small."""
    return _block("cx-note", text)


def missing(text: str) -> Html:
    """Say what is not there: not assessed, not asked, hidden."""
    return _block("cx-missing", text)


def said(text: str) -> Html:
    """Say what a table shows, in a sentence made from its figures."""
    return Html(Markup('<p class="cx-said">{}</p>').format(text), text)


def bullets(texts: Sequence[str]) -> Html:
    """List a few sentences."""
    body = Markup("").join(Markup("<li>{}</li>").format(text) for text in texts)
    return Html(Markup('<ul class="cx-note">{}</ul>').format(body), "\n".join(texts))


def terms(kind: str, pairs: Iterable[tuple[str, str]]) -> Html:
    """List terms, each with what it means."""
    found = list(pairs)
    body = Markup("").join(Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(*pair) for pair in found)
    return Html(
        Markup('<dl class="{}">{}</dl>').format(kind, body),
        "\n".join(f"{term}: {_plain(meaning)}" for term, meaning in found),
    )


def together(parts: Iterable[Html], *, kind: str = "") -> Html:
    """Put several pieces one below the other, in a section of a class if one is named."""
    found = list(parts)
    body = Markup("").join(one.markup for one in found)
    if kind:
        body = Markup('<section class="{}">{}</section>').format(kind, body)
    return Html(body, "\n".join(one.text for one in found))


def _block(kind: str, text: str) -> Html:
    return Html(Markup('<div class="{}"><p>{}</p></div>').format(kind, text), text)


# ── Cells ───────────────────────────────────────────────────────────────────────────────────────


def hidden(_: Words) -> Hidden:
    return Hidden(_("hidden"))


def estimated(_: Words, heading: str, data: pd.DataFrame, ends: Sequence[str], *, digits: int = 0) -> Column:
    """Return a column of figures with their intervals below; `ends` names value, low and high in `data`."""
    cells: list[str] = []
    for away, value, low, high in zip(data["is_hidden"], *(data[end] for end in ends), strict=True):
        if away or pd.isna(value):
            cells.append(hidden(_) if away else "")
        else:
            cells.append(small(_.number(value, digits), interval(_, low, high, digits=digits)))
    return Column(heading, cells, True)


def top_box(_: Words, row: Any, *, around: bool = True) -> str:
    """Write the top box of a SCORES row, its interval below; a bound has none, which would tell more."""
    if row.is_hidden and not row.top_box_bound:
        return hidden(_)
    if pd.isna(row.top_box):
        return ""
    share = _.top_box(row.top_box, row.top_box_bound)
    if not around or row.top_box_bound or _.is_bounded(row.top_box):
        return share
    return small(share, shares(_, row.top_box_low, row.top_box_high))


def number(
    _: Words,
    heading: str,
    values: Any,
    data: pd.DataFrame,
    *,
    digits: int = 0,
    percent: bool = False,
    hide: bool = True,
) -> Column:
    """Return a column of figures, the hidden ones of `data` by the word."""
    gone = data["is_hidden"] if hide else [False] * len(data)
    write = _.percent if percent else _.number
    cells = [
        hidden(_) if away else "" if pd.isna(value) else write(float(value), digits)
        for value, away in zip(values, gone, strict=True)
    ]
    return Column(heading, cells, True)


def interval(_: Words, low: float, high: float, *, digits: int = 1, signed: bool = False) -> str:
    """Write an interval; nothing where there is none."""
    if pd.isna(low) or pd.isna(high):
        return ""
    return span(_.number(low, digits, signed=signed), _.number(high, digits, signed=signed))


def shares(_: Words, low: float, high: float) -> str:
    """Write an interval of a share [0–1] in per cent."""
    return "" if pd.isna(low) or pd.isna(high) else span(_.percent(low), _.percent(high))


def span(low: str, high: str) -> str:
    return f"{low} – {high}"


def intervals(_: Words, data: pd.DataFrame, *, digits: int = 1) -> Column:
    """Return the column of the intervals of SCORES rows."""
    cells = [
        hidden(_) if row.is_hidden else interval(_, row.low, row.high, digits=digits)
        for row in data.itertuples()
    ]
    return Column(_("95% interval"), cells, True)


def with_interval(
    _: Words, value: float, low: float, high: float, *, digits: int = 1, signed: bool = False
) -> str:
    """Write a figure with its interval in brackets; nothing where there is no figure."""
    if pd.isna(value):
        return ""
    around = interval(_, low, high, digits=digits, signed=signed)
    figure = _.number(value, digits, signed=signed)
    return f"{figure} ({around})" if around else figure


def brief(_: Words, value: float) -> str:
    """Write a number with as many decimals as it has, two at the most: days, gates."""
    digits = next((at for at in (0, 1) if math.isclose(value, round(value, at), abs_tol=5e-4)), 2)
    return _.number(value, digits)


def p_value(_: Words, p: float) -> str:
    return f"< {_.number(0.001, 3)}" if p < 0.001 else _.number(p, 3)


def groups(data: pd.DataFrame, instrument: Instrument) -> list[Column]:
    """Return a column for each dimension by which the rows are cut; roles go by their names."""
    _ = instrument.words
    known = {
        one.name for of in (SCORES, METRICS, RELIABILITY, DRIVERS, UNITS, RESPONSE) for one in of.columns
    } - {WAVE}
    cut = [name for name in data.columns if name not in known and name != WAVE and (data[name] != "").any()]
    names = {**role_names(instrument), NOT_STATED: _("not stated")}
    return [
        Column(
            _("Role") if name == ROLE else name.capitalize(),
            [names.get(one, one) if name == ROLE or one == NOT_STATED else one for one in data[name]],
        )
        for name in cut
    ]


def role_names(instrument: Instrument) -> dict[str, str]:
    return {role.id: instrument.say(role.name) for role in instrument.framework.roles}


def role_name(instrument: Instrument, role: str) -> str:
    return role_names(instrument).get(role, role)


def small(text: str, *beside: str) -> str:
    """Write a figure with what belongs to it below, small, a line each."""
    found = [one for one in beside if one]
    return Markup("{} <small>{}</small>").format(text, lines(found)) if found else text


def lines(texts: Iterable[str]) -> str:
    """Write several lines into one cell."""
    return Markup("<br>").join(texts)


def level_cell(_: Words, row: Any, none: str = "") -> str:
    """Write a level with interval and n, on two lines; the word where it is hidden, `none` where unasked."""
    if row is None or (not row.is_hidden and pd.isna(row.mean)):
        return none or _("not asked")
    if row.is_hidden:
        return hidden(_)
    around = interval(_, row.low, row.high)
    n = _("n = {n}", n=_.number(row.n))
    return small(_.number(row.mean, 1), f"({around})" if around else "", n)


# ── Targets ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Aim:
    """A target of a step or item: its level 1–5, and whether the framework proposes it."""

    level: float
    is_proposed: bool


def aims(instrument: Instrument, targets: Mapping[str, float] | None) -> dict[str, Aim]:
    """Return the targets decided, and for a step without one the framework's proposal."""
    proposed = {step.id: Aim(step.target.level, True) for step in instrument.framework.steps if step.target}
    return {**proposed, **{id_: Aim(level, False) for id_, level in (targets or {}).items()}}


def aim(_: Words, found: Aim | None) -> str:
    """Write a target, with a star where it is a proposal."""
    return "" if found is None else _.number(found.level, 1) + ("*" if found.is_proposed else "")


def starred(_: Words, found: Iterable[Aim | None]) -> str:
    """Say what the star means, where there is one."""
    if any(one is not None and one.is_proposed for one in found):
        return _("* A target proposed by the framework, not yet decided.")
    return ""


def sentences(*texts: str) -> str:
    """Put sentences one after the other; empty ones are left out."""
    return " ".join(text for text in texts if text)


# ── Tables ──────────────────────────────────────────────────────────────────────────────────────


def listing(
    caption: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Iterable[int] = (),
    note: str = "",
    wide: bool = False,
    captioned: bool = False,
) -> Html:
    """Build a table from its rows; `numbers` are the places of the columns that hold figures."""
    figures_at = set(numbers)
    columns = [
        Column(heading, [row[at] for row in rows], at in figures_at) for at, heading in enumerate(headings)
    ]
    return table_of(caption, columns, note=note, wide=wide, captioned=captioned)


def table_of(
    caption: str, columns: Sequence[Column], *, note: str = "", wide: bool = False, captioned: bool = False
) -> Html:
    """Build a table; the caption is read aloud, and printed above it where `captioned`."""
    head = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(
            Markup(' class="num"') if one.is_number else "", one.heading
        )
        for one in columns
    )
    rows = list(zip(*(one.cells for one in columns), strict=True))
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(
                _cell(cell, one, first=i == 0) for i, (cell, one) in enumerate(zip(row, columns, strict=True))
            )
        )
        for row in rows
    )
    kind = "cx-table cx-wide" if wide else "cx-table"
    shown = Markup("<caption>{}</caption>").format(caption) if captioned else Markup("")
    table = Markup(
        '<div class="cx-scroll" tabindex="0" role="group" aria-label="{}"><table class="{}">{}'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(caption, kind, shown, head, body)
    under = Markup('<p class="cx-note">{}</p>').format(note) if note else Markup("")
    written = ["  ".join(one.heading for one in columns), *("  ".join(map(_plain, row)) for row in rows)]
    return Html(table + under, "\n".join([caption, *written] if captioned else written))


def _plain(text: str) -> str:
    """Write a cell as it reads, its lines apart."""
    return " ".join(unescape(_TAG.sub(" ", text)).split()) if isinstance(text, Markup) else str(text)


def _cell(text: str, column: Column, *, first: bool) -> Markup:
    # A heading that says nothing would be announced as one all the same.
    if first and text:
        return Markup('<th scope="row">{}</th>').format(text)
    held = (
        ("num", column.is_number),
        ("hidden", isinstance(text, Hidden)),
        ("wordy", not column.is_number and len(text) > WORDY),
    )
    kinds = [kind for kind, holds in held if holds]
    return Markup("<td{}>{}</td>").format(
        Markup(' class="{}"').format(" ".join(kinds)) if kinds else "", escape(text)
    )
