"""What every table is written with: a piece of a page, escaped where it is built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup, escape

from cxlib.frames import DRIVERS, METRICS, RELIABILITY, RESPONSE, ROLE, SCORES, UNITS

if TYPE_CHECKING:
    from cxlib.instrument import Instrument

HIDDEN = "hidden"


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
    heading: str
    cells: Sequence[str]
    is_number: bool = False


def figures(pairs: Sequence[tuple[str, str, str]]) -> Html:
    """Show a few figures large: (label, value, interval or n)."""
    body = Markup("").join(
        Markup('<div><dt>{}</dt><dd class="{}">{} <small>{}</small></dd></div>').format(
            label, "cx-figure" if len(value) < 9 else "cx-words", value, beside
        )
        for label, value, beside in pairs
    )
    return Html(
        Markup('<dl class="cx-figures">{}</dl>').format(body), "; ".join(f"{a}: {b} {c}" for a, b, c in pairs)
    )


def note(text: str) -> Html:
    return _block("cx-note", text)


def missing(text: str) -> Html:
    """Say what is not there: not assessed, not asked, hidden."""
    return _block("cx-missing", text)


def bullets(texts: Sequence[str]) -> Html:
    body = Markup("").join(Markup("<li>{}</li>").format(text) for text in texts)
    return Html(Markup('<ul class="cx-note">{}</ul>').format(body), "\n".join(texts))


def _block(kind: str, text: str) -> Html:
    return Html(Markup('<div class="{}"><p>{}</p></div>').format(kind, text), text)


def groups(data: pd.DataFrame, instrument: Instrument) -> list[Column]:
    """Return a column for each dimension by which the rows are cut; roles go by their names."""
    known = {
        one.name for of in (SCORES, METRICS, RELIABILITY, DRIVERS, UNITS, RESPONSE) for one in of.columns
    }
    cut = [name for name in data.columns if name not in known and (data[name] != "").any()]
    roles = role_names(instrument)
    return [
        Column(name.capitalize(), [roles.get(one, one) if name == ROLE else one for one in data[name]])
        for name in cut
    ]


def role_names(instrument: Instrument) -> dict[str, str]:
    return {role.id: instrument.say(role.name) for role in instrument.framework.roles}


def number(heading: str, values: Any, pattern: str, data: pd.DataFrame, *, hide: bool = True) -> Column:
    hidden = data["is_hidden"] if hide else [False] * len(data)
    cells = [
        HIDDEN if gone else "" if pd.isna(value) else minus(pattern.format(value))
        for value, gone in zip(values, hidden, strict=True)
    ]
    return Column(heading, cells, True)


def interval(low: float, high: float, is_hidden: bool, pattern: str = "{:.1f}") -> str:
    if is_hidden:
        return HIDDEN
    return "" if pd.isna(low) else minus(f"{pattern.format(low)} – {pattern.format(high)}")


def minus(text: str) -> str:
    """Write a minus as a minus, as the charts do."""
    return text.replace("-", "−")


def aim(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def table_of(caption: str, columns: Sequence[Column], *, note: str = "", wide: bool = False) -> Html:
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
    table = Markup(
        '<div class="cx-scroll" tabindex="0" role="region" aria-label="{}"><table class="{}">'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(caption, kind, head, body)
    under = Markup('<p class="cx-note">{}</p>').format(note) if note else Markup("")
    text = "\n".join(["  ".join(one.heading for one in columns), *("  ".join(row) for row in rows)])
    return Html(table + under, text)


def _cell(text: str, column: Column, *, first: bool) -> Markup:
    if first:
        return Markup('<th scope="row">{}</th>').format(text)
    kinds = [kind for kind, holds in (("num", column.is_number), (HIDDEN, text == HIDDEN)) if holds]
    return Markup("<td{}>{}</td>").format(
        Markup(' class="{}"').format(" ".join(kinds)) if kinds else "", escape(text)
    )
