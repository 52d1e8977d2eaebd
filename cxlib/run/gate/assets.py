"""Style sheets, scripts and fonts of the gate's pages: named by their content, so that browsers keep them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from tornado.web import RequestHandler

from cxlib import look
from cxlib.branding import Branding
from cxlib.run.gate.brands import colours, sheet
from cxlib.settings import Settings

_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "woff2": "font/woff2",
}


@dataclass(frozen=True)
class Asset:
    """A file, and what it is served as."""

    data: bytes
    type: str


class Assets:
    """All of them, in memory; nothing else is served from where they are served."""

    def __init__(self, settings: Settings, branding: Branding) -> None:
        self._held: dict[str, Asset] = {}
        self._names: dict[str, str] = {}
        fonts = {name: self._add(name.removesuffix(".woff2"), "woff2", data) for name, data in look.fonts()}
        light, dark = colours(branding)
        template = settings.template
        sheets = [(template / name).read_text(encoding="utf-8") for name in ("blocks.css", "report.css")]
        own = (template / "gate" / "gate.css").read_text(encoding="utf-8")
        variables = (
            f":root{{{look.variables('light')}{light}}}\n"
            f"@media screen and (prefers-color-scheme:dark){{:root{{{look.variables('dark')}{dark}}}}}\n"
        )
        # A style sheet and its fonts lie side by side, so that their addresses need no prefix.
        page = "\n".join((look.font_faces(fonts), variables, *sheets, own))
        self._add("page", "css", page.encode())
        self._add("back", "css", (template / "gate" / "back.css").read_bytes())
        self._add("dashboard", "css", (template / "gate" / "dashboard.css").read_bytes())
        self._add("dashboard", "js", (template / "gate" / "dashboard.js").read_bytes())
        self._add("report", "js", (template / "report.js").read_bytes())

    def brand(self, branding: Branding) -> str:
        """Return the style sheet of a look that may be another than the gate's own."""
        return sheet(branding, look.palette("light"), look.palette("dark"))

    def add_script(self, name: str, text: str) -> None:
        """Keep a script that is made and not read."""
        self._add(name, "js", text.encode())

    def address(self, prefix: str, name: str, kind: str = "css") -> str:
        """Return the path of an asset by its short name."""
        return f"{prefix}/assets/{self._names[f'{name}.{kind}']}"

    def get(self, name: str) -> Asset | None:
        return self._held.get(name)

    def _add(self, name: str, kind: str, data: bytes) -> str:
        full = f"{name}.{hashlib.sha256(data).hexdigest()[:12]}.{kind}"
        self._names[f"{name}.{kind}"], self._held[full] = full, Asset(data, _TYPES[kind])
        return full


class AssetFile(RequestHandler):
    """Hands out one asset, to be kept for a year: another content has another name."""

    def get(self, asset: str) -> None:
        found = self.application.gate.assets.get(asset)
        if found is None:
            self.send_error(404)
            return
        self.set_header("Content-Type", found.type)
        self.set_header("Cache-Control", "public, max-age=31536000, immutable")
        self.finish(found.data)
