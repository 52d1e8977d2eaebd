"""A chart of a notebook as a figure of the page: checked, in the page's colours, its figures beside it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from markupsafe import Markup

from cxlib import look
from cxlib.errors import ReportError
from cxlib.look import palette

VEGALITE: Final = re.compile(r"application/vnd\.vegalite\.v\d+(\.\d+)*\+json")
# What only a notebook needs of a chart: the page has its own theme, writes the words itself, and lets the
# drawing follow its width.
NOTEBOOK_ONLY: Final = frozenset({"usermeta", "config", "title", "description", "autosize", "$schema"})

_NUMBER: Final = re.compile(r"[−+–-]?\s?[\d  ,.']*\d\s?(%|pp|€|[a-zµ]{1,3})?( ?[–…-] ?[−-]?[\d.,]+\s?%?)?")
_HEX: Final = re.compile(r"#[0-9a-fA-F]{6}\b")


def figure(spec: Mapping[str, Any], id_: str, words: Mapping[str, Any], where: str) -> Markup:
    """Write a chart as a figure of the page.

    Raises
    ------
    ReportError
        If it lacks its title, summary or figures, names a network address, or its data are no plain values.
    """
    about = spec.get("usermeta", {}).get("cx", {})
    table = about.get("table") or {}
    missing = [name for name in ("title", "summary") if not str(about.get(name, "")).strip()]
    if missing or not table.get("columns"):
        raise ReportError(
            f"{where}: a chart without its {', '.join([*missing, *([] if table else ['table'])]) or 'table'}",
            fix="Draw it with cxlib.charts, which writes title, source, summary and table to usermeta.cx.",
        )
    _refuse_addresses(spec, where)
    return look.as_is(
        look.templates()
        .get_template("figure.html.j2")
        .render(
            id=id_,
            about=about,
            columns=[str(column) for column in table["columns"]],
            rows=[[_cell(value, words) for value in row] for row in table.get("rows", [])],
            numeric=_numeric_columns(table, words),
            spec=as_data(page_spec(spec), where),
            words=words,
        )
    )


def page_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a notebook's chart as the page has it: as wide as there is room, its colours by their names."""
    drawn = {key: value for key, value in spec.items() if key not in NOTEBOOK_ONLY}
    found: dict[str, Any] = _page_ready({**drawn, "width": "container"}, _colour_names())
    return found


def _refuse_addresses(part: Any, where: str) -> None:
    if isinstance(part, Mapping):
        for key, value in part.items():
            if key in ("url", "href"):
                raise ReportError(
                    f"{where}: the chart names an address ({key}); a report loads nothing",
                    fix="Give the chart its data as values.",
                )
            if key not in ("values", "datasets"):
                _refuse_addresses(value, where)
    elif isinstance(part, list):
        for value in part:
            _refuse_addresses(value, where)


def _page_ready(part: Any, names: Mapping[str, str], key: str = "") -> Any:
    """Turn the light theme's colours into the page's variables, wherever a spec names one."""
    if isinstance(part, Mapping):
        return {
            name: value if name in ("values", "datasets") else _page_ready(value, names, name)
            for name, value in part.items()
        }
    if isinstance(part, list):
        return [_page_ready(value, names, key) for value in part]
    if not isinstance(part, str):
        return part
    if key == "title":
        # Vega-Lite quotes titles into an expression and forgets that a backslash escapes the quote.
        return part.replace("\\", "\N{SET MINUS}")
    return _HEX.sub(lambda match: names.get(match[0].lower(), match[0]), part)


def _colour_names() -> dict[str, str]:
    return {colour: f"var(--cx-{name})" for name, colour in palette("light").items()}


def _cell(value: Any, words: Mapping[str, Any]) -> tuple[str, str]:
    """Return a table cell's text and its class."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–", "num"
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".").replace("-", "−"), "num"
    text = str(value)
    if text in ("hidden", words["hidden"]):
        return text, "hidden"
    return text, "num" if _NUMBER.fullmatch(text.strip()) else ""


def _numeric_columns(table: Mapping[str, Any], words: Mapping[str, Any]) -> list[bool]:
    rows = table.get("rows", [])
    return [
        bool(rows) and all(_cell(row[place], words)[1] for row in rows if place < len(row))
        for place in range(len(table["columns"]))
    ]


def as_data(value: Any, where: str) -> Markup:
    """Write plain data as JSON that may stand in a script element."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise ReportError(f"{where}: the chart's data are not plain values: {error}") from error
    return look.as_is(text.replace("<", "\\u003c"))
