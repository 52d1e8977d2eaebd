"""Clients side by side: for the consultancy's own eyes, in English like the command line."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from cxlib.frames import PORTFOLIO, check
from cxlib.look import as_is, notebook_style
from cxlib.tables.html import Column, Html, missing, table_of

NO_RUN = "No report has been made yet. `cx report ENGAGEMENT` makes one; then its client stands here."


def head() -> Html:
    """Lend a notebook that opens no engagement the report's style."""
    return Html(Markup("<style>{}</style>").format(as_is(notebook_style())), "")


def portfolio(frame: pd.DataFrame) -> Html:
    """Show where each client stands, a row a client, in the order of their names."""
    data = check(frame, PORTFOLIO)
    if data.empty:
        return missing(NO_RUN)
    return table_of(
        "Where each client stands",
        [
            Column("Client", data["client"].tolist()),
            Column("Wave", data["wave_name"].tolist()),
            Column("Date", data["date"].tolist()),
            Column("State", data["state"].tolist()),
            Column("Framework", data["framework"].tolist()),
            Column("n", [f"{one:,}" for one in data["n"]], True),
            Column("Position (95% range)", _ranges(data, "position", "{:.0f}"), True),
            Column("Start here", [one or "–" for one in data["start_here"]]),
            Column("Out of sequence (95% range)", _ranges(data, "excess_share", "{:.0%}"), True),
            Column("Level", ["" if pd.isna(one) else f"{one:.1f}" for one in data["raw"]], True),
            Column("Supported", ["" if pd.isna(one) else f"{one:.1f}" for one in data["effective"]], True),
        ],
        note="A client without a position was not assessed on every step, or one of them is hidden.",
    )


def starts(frame: pd.DataFrame) -> Html:
    """Count with which steps clients would have to start."""
    data = check(frame, PORTFOLIO)
    data = data[data["position"].notna()]
    if data.empty:
        return missing(NO_RUN if frame.empty else "No client has a position yet.")
    # Counted by framework and id: clients read the names of the same step in several languages.
    frameworks = data["framework"].str.split().str[0]
    counted = [
        (of["start_here"].mode()[0] or "every step stands", len(of))
        for _key, of in data.groupby([frameworks, data["start_ids"]], sort=False)
    ]
    counted.sort(key=lambda one: -one[1])
    return table_of(
        "Where clients would start",
        [
            Column("Start here", [name for name, _n in counted]),
            Column("Clients", [f"{n:,}" for _name, n in counted], True),
            Column("Share", [f"{n / len(data):.0%}" for _name, n in counted], True),
        ],
    )


def _ranges(data: pd.DataFrame, name: str, pattern: str) -> list[str]:
    return [
        "" if pd.isna(value) else f"{pattern.format(value)} ({pattern.format(low)}–{pattern.format(high)})"
        for value, low, high in zip(data[name], data[f"{name}_low"], data[f"{name}_high"], strict=True)
    ]
