"""Whose look a page wears: the consultancy's that the run was made with, or else the gate's own."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from tornado.web import RequestHandler

from cxlib.branding import FILE, Branding
from cxlib.errors import CxError
from cxlib.run.gate.shelf import Edition, unchanged
from cxlib.run.reports import BRANDING, branding_of


def worn(one: Edition) -> Branding | None:
    """Return the look that a run was made with.

    Returns
    -------
    None where it was made without, or what it keeps of it cannot be read: a page does not fail for its look.
    """
    try:
        return _worn(one, (one.folder / BRANDING / FILE).stat().st_mtime_ns)
    except (CxError, OSError):
        return None


@lru_cache(maxsize=64)
def _worn(one: Edition, changed: int) -> Branding:
    unchanged(one, BRANDING)
    return branding_of(one.folder)


def colours(own: Branding) -> tuple[str, str]:
    """Return a look's own colours as CSS variables, on white and on a dark screen.

    An accent is held against white paper alone, so that dark screens keep the suite's.
    """
    light = "".join(f"--cx-{name}:{colour};" for name, colour in own.colours)
    dark = "".join(f"--cx-{name}:{colour};" for name, colour in own.colours if name == "cover")
    return light, dark


def sheet(own: Branding, base: dict[str, str], base_dark: dict[str, str]) -> str:
    """Return the style sheet that puts a look's colours in place of the gate's, which may be another's."""
    names = ("accent", "cover")
    light = "".join(f"--cx-{name}:{dict(own.colours).get(name, base[name])};" for name in names)
    cover = dict(own.colours).get("cover", base_dark["cover"])
    dark = f"--cx-accent:{base_dark['accent']};--cx-cover:{cover};"
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


class BrandSheet(RequestHandler):
    """Hands out the colours of one run's look.

    By the run, so that any of several gates can answer, whatever pages it has shown before.
    """

    async def get(self, run: str) -> None:
        edition: Edition = self.request.visit.edition
        gate: Any = self.application.gate
        own = await gate.ask(worn, edition)
        self.set_header("Content-Type", "text/css; charset=utf-8")
        self.finish(gate.assets.brand(own or gate.branding))
