"""What every chart is drawn with: the figure, its axes, its words in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import pandas as pd

from cxlib.charts.loading import alt
from cxlib.errors import ContractError
from cxlib.frames import SCORES, check
from cxlib.look import palette, theme
from cxlib.tables.html import Html, missing

if TYPE_CHECKING:
    from cxlib.instrument import Instrument
    from cxlib.language import Words

MIME = "application/vnd.vegalite.v5+json"
ROW = 34
# How wide a chart is drawn in a notebook, with its names. A chart as wide as its container would be drawn
# without any width in a cell out of sight, and JupyterLab draws such a one again and again for ever.
WIDTH = 860
EMBED = {"renderer": "svg", "actions": {"export": True, "source": False, "compiled": False, "editor": False}}
LEVELS = alt.Scale(domain=[1, 5], nice=False)


@dataclass(frozen=True)
class Figure:
    """A drawn finding: a Vega-Lite specification with its words and its figures as a table.

    Shows itself in a notebook; `summary` stands where a picture cannot.
    """

    title: str
    subtitle: str
    summary: str
    source: str
    table: pd.DataFrame
    spec: dict[str, Any]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], ...]:
        about = {
            "title": self.title,
            "subtitle": self.subtitle,
            "source": self.source,
            "summary": self.summary,
            "table": {
                "columns": list(self.table.columns),
                "rows": self.table.to_numpy(dtype=object).tolist(),
            },
        }
        # The v5 name is the newest that JupyterLab and Voilà know; the specification is v6's.
        spec = {**self.spec, **_for_notebook(self), "usermeta": {"cx": about}}
        return {MIME: spec, "text/plain": f"{self.title}. {self.summary}"}, {MIME: {"embed_options": EMBED}}


def rows_of(field: str, order: Sequence[str]) -> alt.Y:
    """Return the axis of names; long ones break into two lines, and most do where the page is narrow."""

    def broken(least: int) -> str:
        return f"split(replace(datum.label, regexp('^(.{{{least},}}?) '), '$1\\n'), '\\n')"

    axis = alt.Axis(
        labelExpr=(
            f"width < 330 && length(datum.label) > 16 ? {broken(7)} : "
            f"length(datum.label) > 32 ? {broken(15)} : datum.label"
        )
    )
    return alt.Y(f"{field}:N", sort=list(order), title=None, axis=axis)


def level(field: str, _: Words) -> alt.X:
    return alt.X(f"{field}:Q", scale=LEVELS, title=_("Level"), axis=alt.Axis(values=[1, 2, 3, 4, 5]))


def tips(_: Words, *fields: str) -> list[alt.Tooltip]:
    """Return what a mark says when it is pointed at: the fields by their names in the reader's language."""
    called = {
        "name": _("What"), "who": _("Who"), "under": _("Stands on"), "wave": _("Wave"), "n": _("n"),
        "mean": _("Mean"), "low": _("Low"), "high": _("High"), "value": _("Value"), "say": _("Said"),
        "do": _("Done"),
    }  # fmt: skip
    words = {"name", "who", "under", "wave", "n"}
    return [
        alt.Tooltip(one, title=called[one])
        if one in words
        else alt.Tooltip(f"{one}:Q", format=".1f", title=called[one])
        for one in fields
    ]


def range_of(n: pd.Series, _: Words) -> str:
    low, high = int(n.min()), int(n.max())
    return _.number(low) if low == high else f"{_.number(low)}–{_.number(high)}"


def role_names(instrument: Instrument) -> dict[str, str]:
    """Return the roles by id in the order that every chart keeps, as a reader calls them."""
    return {role.id: instrument.say(role.name) for role in instrument.framework.roles}


def whose(
    instrument: Instrument, shown: Sequence[str], *, legend: bool = True
) -> tuple[alt.Color, alt.Shape]:
    """Return colour and shape by role (field `who`): each role has its own of both, whoever answered."""
    every = list(role_names(instrument).values())
    key = alt.Legend(values=list(shown), symbolOpacity=1) if legend else None
    return (
        alt.Color("who:N", scale=alt.Scale(domain=every), legend=key, title=None),
        alt.Shape("who:N", scale=alt.Scale(domain=every), legend=key, title=None),
    )


def step_names(instrument: Instrument) -> dict[str, str]:
    return {step.id: instrument.say(step.name) for step in instrument.framework.steps}


def numbered(instrument: Instrument) -> dict[str, str]:
    """Return the steps by id with their place in the sequence: 1  Committed leadership."""
    names = step_names(instrument)
    return {step: f"{place}  {names[step]}" for place, step in enumerate(instrument.framework.order, 1)}


def shown_of(scores: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Keep the rows of a kind that have a figure to draw."""
    data = check(scores, SCORES)
    return data[(data["kind"] == kind) & ~data["is_hidden"] & data["mean"].notna()]


def one_group(data: pd.DataFrame) -> None:
    if data["id"].duplicated().any():
        raise ContractError(
            "scores of more than one group", fix="Pass the scores of one group, for example eng.scores()."
        )


def too_few(_: Words) -> Html:
    return missing(_("Hidden: “What is not shown” says why."))


def table_of(data: pd.DataFrame, columns: dict[str, str], _: Words, digits: int = 1) -> pd.DataFrame:
    """Return the figures as text, as a reader sees them: rounded once, here."""
    out = {}
    for name, heading in columns.items():
        if name in data and not data[name].isna().all():
            out[heading] = [_written(value, name, digits, _) for value in data[name]]
    return pd.DataFrame(out)


def _written(value: Any, name: str, digits: int, _: Words) -> str:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return ""
    return _.number(int(value)) if name == "n" else _.number(float(value), digits)


def _for_notebook(figure: Figure) -> dict[str, Any]:
    """Return what a chart needs where no page surrounds it: its words, its colours and a width.

    The report's page leaves all of this out, and gives the chart its own.
    """
    look = theme("light")
    under = [*wrap(figure.subtitle, 120), *wrap(figure.source, 120)]
    return {
        "width": WIDTH,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "title": {"text": wrap(figure.title, 84), "subtitle": under},
        "description": figure.summary,
        # White in JupyterLab's dark theme too: the colours were chosen on white.
        "config": {
            **look,
            "background": palette("light")["paper"],
            "padding": 10,
            "title": {
                **look["title"], "fontSize": 16, "subtitleFontSize": 12.5, "subtitlePadding": 6,
                "subtitleColor": palette("light")["muted"], "frame": "bounds", "offset": 16,
            },
        },
    }  # fmt: skip


def figure(
    chart: alt.Chart | alt.LayerChart, *, title: str, subtitle: str, summary: str, source: str,
    table: pd.DataFrame, rows: int = 0, step: int = ROW, height: int = 0,
) -> Figure:  # fmt: skip
    """Make a figure of a chart with so many rows of a step each, or of a fixed height."""
    # In pixels, not as a step of the scale: Vega-Lite warns of every chart that is fitted across and stepped
    # downwards.
    drawn = chart.properties(width="container", height=height or (step * rows if rows > 1 else max(60, step)))
    spec = drawn.to_dict(validate=False, context={"datasets": {}})
    del spec["$schema"]  # JupyterLab's older Vega-Lite would warn of a newer one
    return Figure(title, subtitle, summary, source, table, _plain(spec))


def _plain(value: Any) -> Any:
    """Turn numpy numbers into Python's, so that a specification is JSON and the same on every machine."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.item() if hasattr(value, "item") and not isinstance(value, Sequence) else value
