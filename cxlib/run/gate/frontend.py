"""Voilà's front end as the gate serves it: an index of its files, made once; nothing else is looked for.

No path of a visitor's becomes a path on a disk: it is a key of the index, or it is not there.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import mimetypes
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

from jupyter_core.paths import jupyter_path
from tornado.web import RequestHandler
from voila import __version__
from voila.paths import collect_static_paths

STATIC, EXTENSIONS = "static", "labextensions"
# What draws widgets: the manager that Voilà brings, and the widgets themselves. Whatever else is installed
# here, a client's page does not load.
NEEDED: Final = {
    "@voila-dashboards/widgets-manager8": ("voila", EXTENSIONS),
    "@jupyter-widgets/jupyterlab-manager": (EXTENSIONS,),
}
_KINDS: Final = {".js": "text/javascript", ".css": "text/css", ".json": "application/json"}


class FrontEnd:
    """The files of Voilà's front end, by the path that a page asks them by."""

    @cached_property
    def files(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for root in reversed(collect_static_paths(["voila"], "base")):
            found |= _under(Path(root), STATIC)
        for name, where in NEEDED.items():
            for place in reversed(jupyter_path(*where)):
                found |= _under(Path(place) / name, f"{EXTENSIONS}/{name}")
        return found

    @cached_property
    def version(self) -> str:
        """Twelve digits that change with any of the files, so that browsers may keep them."""
        told = "\n".join(f"{name} {path.stat().st_size}" for name, path in sorted(self.files.items()))
        return hashlib.sha256(f"{__version__}\n{told}".encode()).hexdigest()[:12]

    @cached_property
    def extensions(self) -> list[dict[str, Any]]:
        """What the page tells the front end of the extensions that it is to load."""
        return [
            {"name": name, **json.loads(path.read_text(encoding="utf-8"))["jupyterlab"]["_build"]}
            for name in NEEDED
            if (path := self.files.get(f"{EXTENSIONS}/{name}/package.json"))
        ]


def _under(root: Path, name: str) -> dict[str, Path]:
    return {f"{name}/{path.relative_to(root).as_posix()}": path for path in root.rglob("*") if path.is_file()}


@lru_cache(maxsize=256)
def _held(path: Path, is_zipped: bool) -> bytes:
    data = path.read_bytes()
    return gzip.compress(data, 6, mtime=0) if is_zipped else data


class FrontEndFile(RequestHandler):
    """Hands out one file of Voilà's front end, which holds nobody's figures, to be kept for a year."""

    def initialize(self, dashboards: Any) -> None:
        self.front_end: FrontEnd = dashboards.front_end

    async def get(self, version: str, part: str) -> None:
        path = self.front_end.files.get(part) if version == self.front_end.version else None
        if path is None:
            self.send_error(404)
            return
        kind = _KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        self.set_header("Content-Type", kind)
        self.set_header("Cache-Control", "public, max-age=31536000, immutable")
        self.set_header("Vary", "Accept-Encoding")
        is_zipped = path.suffix in _KINDS and "gzip" in self.request.headers.get("Accept-Encoding", "")
        if is_zipped:
            self.set_header("Content-Encoding", "gzip")
        self.finish(await self.application.gate.ask(_held, path, is_zipped))
