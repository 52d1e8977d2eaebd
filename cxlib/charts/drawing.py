"""What every chart is drawn with: the figure, its axes, its words in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import altair as alt
import pandas as pd

from cxlib.look import palette, theme

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


def level(field: str) -> alt.X:
    return alt.X(f"{field}:Q", scale=LEVELS, title="Level", axis=alt.Axis(values=[1, 2, 3, 4, 5]))


def tips(*fields: str) -> list[alt.Tooltip]:
    number = {"mean", "low", "high", "value"}
    return [alt.Tooltip(f"{one}:Q", format=".1f") if one in number else alt.Tooltip(one) for one in fields]


def signed(points: float) -> str:
    return f"{points:+.0f}".replace("-", "−")


def range_of(n: pd.Series) -> str:
    low, high = int(n.min()), int(n.max())
    return f"{low}" if low == high else f"{low}–{high}"


def table_of(data: pd.DataFrame, columns: dict[str, str], digits: int = 1) -> pd.DataFrame:
    """Return the figures as text, as a reader sees them: rounded once, here."""
    out = {}
    for name, heading in columns.items():
        if name in data and not data[name].isna().all():
            out[heading] = [_written(value, name, digits) for value in data[name]]
    return pd.DataFrame(out)


def _written(value: Any, name: str, digits: int) -> str:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return ""
    return f"{int(value)}" if name == "n" else f"{float(value):.{digits}f}"


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
    table: pd.DataFrame, rows: int, step: int = ROW,
) -> Figure:  # fmt: skip
    drawn = chart.properties(
        width="container", height={"step": step, "for": "position"} if rows > 1 else max(60, step)
    )
    spec = drawn.to_dict(context={"datasets": {}})
    del spec["$schema"]  # JupyterLab's older Vega-Lite would warn of a newer one
    return Figure(title, subtitle, summary, source, table, _plain(spec))


def _plain(value: Any) -> Any:
    """Turn numpy numbers into Python's, so that a specification is JSON and the same on every machine."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.item() if hasattr(value, "item") and not isinstance(value, Sequence) else value
