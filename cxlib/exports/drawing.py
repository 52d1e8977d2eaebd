"""Charts as drawings: Vega draws them once, in a process beside this one, and every format takes the same."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from cxlib import look
from cxlib.branding import Branding
from cxlib.exports.document import Chart, Report, clean, walk
from cxlib.exports.drawer import Drawer, Order, drawer
from cxlib.settings import read_settings

# The width at which a chart is drawn, in its own pixels: type of 13 px is 9 pt across an A4 page's text.
WIDTH: Final = 680
SANS, SERIF = "Report Sans", "Report Serif"
# The latin part of SANS, letter for letter. A chart is drawn by measuring its letters, and measured faster
# with a small font.
CHART: Final = "Report Chart"
# Up to so many letters, a label stays below the look's limit of width. Vega then need not cut any, for which
# it measures each label twice more.
SHORT: Final = 32
_BEYOND: Final = re.compile("[\U00010000-\U0010ffff]")
_RANGE: Final = re.compile(r"U\+([0-9A-F]+)(?:-([0-9A-F]+))?")
_VARIABLE: Final = re.compile(r"var\(--cx-([\w-]+)\)")


def fonts() -> Path:
    """Return the folder of the fonts that print: the page's, cut to fixed weights."""
    return (read_settings().template / "fonts" / "print").resolve()


def colours_of(branding: Branding) -> dict[str, str]:
    """Return the colours by name, a consultancy's own in the place of the suite's."""
    return {**look.palette("light"), **dict(branding.colours)}


def begin() -> None:
    """Have the drawer ready before the first chart is there."""
    folder = str(fonts())
    drawer().ask(lambda: {"folder": folder})


def ask(spec: Mapping[str, Any], language: str, branding: Branding, *, picture: bool = False) -> Future[str]:
    """Ask for a specification drawn with the signs of a language and the colours of a consultancy.

    Returns
    -------
    What will be an SVG drawing of its own, with text as text in the font :data:`CHART` or :data:`SANS`, or
    with `picture` a PNG on white, in base64, for formats that show no drawings everywhere. It is nothing
    where Vega cannot draw it: its figures have to stand there then, as on the page. Answers are remembered.
    """
    known = colours_of(branding)
    sized = {**spec, "width": WIDTH, "autosize": {"type": "fit-x", "contains": "padding"}}
    written = _concrete(sized, known)
    config = look.theme(language=language)
    config["font"] = CHART if covers(faces(1), written) else SANS
    if max(map(len, _data(spec)), default=0) <= SHORT:
        config["axis"] = {**config["axis"], "labelLimit": 0}
    svg = _drawn(drawer(), written, _concrete(config, known), str(fonts()))
    return _pictured(drawer(), svg, str(fonts())) if picture else svg


def ask_all(report: Report, *, picture: bool = False) -> None:
    """Ask for every chart of a report, in its order."""
    for section in report.sections:
        for one in walk(section):
            if isinstance(one, Chart):
                ask(one.spec, report.language, report.branding, picture=picture)


def drawing(chart: Chart, report: Report) -> str:
    """Return a chart of a report as an SVG drawing; see :func:`ask`."""
    return clean(ask(chart.spec, report.language, report.branding).result())


def picture(chart: Chart, report: Report) -> bytes:
    """Return a chart of a report as a PNG picture; see :func:`ask`."""
    return b64decode(ask(chart.spec, report.language, report.branding, picture=True).result())


def logo_picture(report: Report) -> bytes | None:
    """Return the consultancy's logo as PNG or JPEG, if there is one."""
    logo = report.branding.logo
    if logo is None or logo.kind != "svg":
        return logo.data if logo else None
    svg, folder = logo.data.decode("utf-8", "replace"), str(fonts())
    return b64decode(drawer().ask(lambda: _on_white(svg, 3, folder)).result()) or None


@lru_cache(maxsize=2)
def faces(first: int | None = None) -> tuple[tuple[int, int], ...]:
    """Return the ranges of characters in the page's fonts, or in the first: those of :data:`CHART`."""
    found = json.loads((read_settings().template / "theme.json").read_text(encoding="utf-8"))["faces"]
    matches = (match.groups() for one in found[:first] for match in _RANGE.finditer(one["range"]))
    return tuple((int(low, 16), int(high or low, 16)) for low, high in matches)


def covers(ranges: Iterable[tuple[int, int]], text: str) -> bool:
    """Tell whether every character of a text is in one of the ranges."""
    return all(any(low <= ord(char) <= high for low, high in ranges) for char in set(text) if char > "~")


def _data(part: Any, *, is_data: bool = False) -> Iterator[str]:
    """Go through the texts among a chart's data: what its labels can say."""
    if isinstance(part, Mapping):
        for name, one in part.items():
            yield from _data(one, is_data=is_data or name in ("values", "datasets"))
    elif isinstance(part, list):
        for one in part:
            yield from _data(one, is_data=is_data)
    elif is_data and isinstance(part, str):
        yield part


def _concrete(part: Mapping[str, Any], known: Mapping[str, str]) -> str:
    """Write the colours' names as the colours themselves, in everything but the data."""

    def put(value: Any, *, is_data: bool = False) -> Any:
        if isinstance(value, Mapping):
            return {
                clean(name): put(one, is_data=is_data or name in ("values", "datasets"))
                for name, one in value.items()
            }
        if isinstance(value, list):
            return [put(one, is_data=is_data) for one in value]
        if not isinstance(value, str):
            return value
        # A character that no drawing can hold does not fail in Vega: it ends the whole process. And where
        # it shortens a label, it cuts a sign of two halves in two, and fails.
        text = _BEYOND.sub("□", clean(value))
        return text if is_data else _VARIABLE.sub(lambda match: known.get(match[1], match[0]), text)

    return json.dumps(put(part), ensure_ascii=False)


@lru_cache(maxsize=256)
def _drawn(by: Drawer, spec: str, config: str, folder: str) -> Future[str]:
    return by.ask(lambda: {"folder": folder, "spec": spec, "config": config})


@lru_cache(maxsize=256)
def _pictured(by: Drawer, svg: Future[str], folder: str) -> Future[str]:
    return by.ask(lambda: _on_white(svg.result(), 2, folder))


def _on_white(svg: str, scale: float, folder: str) -> Order:
    white = clean(svg).replace(">", '><rect width="100%" height="100%" fill="#ffffff"/>', 1)
    return {"folder": folder, "svg": white, "scale": scale}
