"""Charts as drawings: Vega draws them once in this process, and every format takes the same drawing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from cxlib import look
from cxlib.exports.document import Chart, Report, clean
from cxlib.settings import read_settings

# The width at which a chart is drawn, in its own pixels: type of 13 px is 9 pt across an A4 page's text.
WIDTH: Final = 680
VEGALITE: Final = "6.4"
SANS, SERIF = "Report Sans", "Report Serif"
_BEYOND: Final = re.compile("[\U00010000-\U0010ffff]")
_VARIABLE: Final = re.compile(r"var\(--cx-([\w-]+)\)")


def fonts() -> Path:
    """Return the folder of the fonts that print: the page's, cut to fixed weights."""
    return read_settings().template / "fonts" / "print"


def colours(report: Report) -> dict[str, str]:
    """Return the colours by name, a consultancy's own in the place of the suite's."""
    return {**look.palette("light"), **dict(report.branding.colours)}


def drawing(chart: Chart, report: Report) -> str:
    """Draw a chart.

    Returns
    -------
    An SVG drawing of its own, with text as text in the font :data:`SANS`; nothing where Vega cannot draw
    it: its figures have to stand there then, as on the page.
    """
    known = colours(report)
    spec = {**chart.spec, "width": WIDTH, "autosize": {"type": "fit-x", "contains": "padding"}}
    config = {**look.theme(language=report.language), "font": SANS}
    return _drawn(_concrete(spec, known), _concrete(config, known), str(fonts()))


def picture(chart: Chart, report: Report, *, scale: float = 2) -> bytes:
    """Return a chart as a PNG picture on white, for formats that show no drawings everywhere."""
    svg = drawing(chart, report)
    return _pixels(svg, scale, str(fonts())) if svg else b""


def logo_picture(report: Report) -> bytes | None:
    """Return the consultancy's logo as PNG or JPEG, if there is one."""
    logo = report.branding.logo
    if logo is None or logo.kind != "svg":
        return logo.data if logo else None
    return _pixels(logo.data.decode("utf-8", "replace"), 3, str(fonts()))


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

    return json.dumps(put(part))


@lru_cache(maxsize=256)
def _drawn(spec: str, config: str, folder: str) -> str:
    try:
        drawn: str = _vega(folder).vegalite_to_svg(
            json.loads(spec), vl_version=VEGALITE, config=json.loads(config), allowed_base_urls=[]
        )
    except ValueError:
        return ""
    return clean(drawn)


@lru_cache(maxsize=256)
def _pixels(svg: str, scale: float, folder: str) -> bytes:
    white = svg.replace(">", '><rect width="100%" height="100%" fill="#ffffff"/>', 1)
    made: bytes = _vega(folder).svg_to_png(white, scale=scale)
    return made


@lru_cache(maxsize=1)
def _vega(folder: str) -> Any:
    """Load the drawer, once it knows the fonts."""
    import vl_convert

    vl_convert.register_font_directory(folder)
    return vl_convert
