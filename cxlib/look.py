"""The look of every chart and page: colours, type, templates and their words, from `reports/template/`."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from cxlib.errors import NotFoundError
from cxlib.formats import separators
from cxlib.settings import read_settings

if TYPE_CHECKING:
    import jinja2


def palette(mode: str) -> dict[str, str]:
    """Return the colours by name, `"light"` or `"dark"`."""
    colours: dict[str, str] = _source()[mode]
    return colours


def variables(mode: str) -> str:
    """Return the type and the colours as CSS variables."""
    names = _source()
    fonts = f"--cx-font:{names['font']};--cx-display:{names['display']};" if mode == "light" else ""
    return fonts + "".join(f"--cx-{name}:{colour};" for name, colour in palette(mode).items())


def fonts() -> list[tuple[str, bytes]]:
    """Return the fonts of screens, by the names of their files."""
    folder = read_settings().template / "fonts"
    return [(one["file"], (folder / one["file"]).read_bytes()) for one in _source()["faces"]]


def font_faces(addresses: Mapping[str, str] | None = None) -> str:
    """Return the style sheet of the fonts: that carries them itself, so that a page needs no other file, or
    that names their addresses by file."""
    return _carried() if addresses is None else _faces(addresses)


@lru_cache(maxsize=2)
def _carried() -> str:
    return _faces({name: f"data:font/woff2;base64,{b64encode(data).decode()}" for name, data in fonts()})


def _faces(addresses: Mapping[str, str]) -> str:
    return "\n".join(
        f'@font-face{{font-family:"{one["family"]}";font-weight:200 900;font-display:block;'
        f"src:url({addresses[one['file']]}) "
        f'format("woff2");unicode-range:{one["range"]}}}'
        for one in _source()["faces"]
    )


def theme(mode: str | None = None, *, language: str = "en") -> dict[str, Any]:
    """Return the Vega-Lite config of the report's look.

    Parameters
    ----------
    mode
        `"light"` or `"dark"` for concrete colours (JupyterLab, vl-convert), `None` for the page,
        where colours are CSS variables so that dark screens and white paper need no second drawing.
    language
        Whose signs the numbers on axes and marks are written with.

    Returns
    -------
    A config without fonts' names where `mode` is None: the page's own CSS variable decides there.
    """
    if mode is None:
        colours = {name: f"var(--cx-{name})" for name in palette("light")}
        fonts = {}
    else:
        colours, fonts = palette(mode), {"font": _source()["font"]}
    text = re.sub(r"@(\w+)", lambda match: colours[match[1]], json.dumps(_source()["config"]))
    point, thousands = separators(language)
    locale = {
        "number": {
            "decimal": point, "thousands": thousands, "grouping": [3], "currency": ["", ""],
            "percent": "%" if language.startswith("en") else "\N{NO-BREAK SPACE}%", "minus": "−",
        }
    }  # fmt: skip
    return {**fonts, **json.loads(text), "locale": locale}


def notebook_style() -> str:
    """Return the style sheet that gives a notebook's tables and panels the report's look.

    One for a whole notebook, light and dark as JupyterLab is, and for outputs alone.
    """
    template = read_settings().template
    return (
        f"body{{{variables('light')}--cx-measure:68ch;--cx-wide:54rem}}\n"
        f"body[data-jp-theme-light=false]{{{variables('dark')}}}\n"
        f".jp-OutputArea-output{{{_read(template / 'blocks.css')}{_read(template / 'notebook.css')}}}"
    )


def words(language: str) -> dict[str, str]:
    """Return the words that the templates themselves bring, in a language such as `de` or `de-CH`.

    Raises
    ------
    NotFoundError
        If they are not translated: words of one language never stand in a page of another in silence.
    """
    known: dict[str, dict[str, str]] = json.loads(_read(read_settings().template / "words.json"))
    short = language.split("-")[0].lower()
    if short not in known:
        raise NotFoundError(
            f"the words of our own pages are not translated into {language!r}; there are: {', '.join(known)}",
            fix=f'Add a block "{short}" to reports/template/words.json.',
        )
    return known[short]


def templates() -> jinja2.Environment:
    """Return the environment that renders `reports/template/*.j2`; it escapes whatever it is given."""
    return _environment(read_settings().template)


@lru_cache(maxsize=4)
def _environment(template: Path) -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(template),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def css_string(text: str) -> str:
    """Quote text for a style sheet; whatever is not plainly a letter or digit goes by its number."""
    return '"' + "".join(c if c.isascii() and c.isalnum() else f"\\{ord(c):x} " for c in text) + '"'


def as_is(text: str) -> Markup:
    """Mark text that is already safe: our own files, JSON without "<", markdown that takes no
    HTML, a template that escaped what it was given."""
    return Markup(text)  # noqa: S704


def _source() -> dict[str, Any]:
    source: dict[str, Any] = json.loads(_read(read_settings().template / "theme.json"))
    return source


@lru_cache(maxsize=4)
def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
