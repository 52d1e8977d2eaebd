"""Where things are, read from the environment once and then frozen.

`CX_HOME` (default: the clone, or the current folder for an installed wheel) is the root under which
`data/local/` keeps the store and `reports/out/` the published runs; `CX_DATABASE_URL` names another
database than the SQLite file; `CX_GATE_URL` is where clients reach the gate. Nothing here opens or creates
anything.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cxlib.errors import SettingsError

LOCAL_GATE: Final = "http://127.0.0.1:8866"

PACKAGE = Path(__file__).resolve().parent


def shared_folder() -> Path:
    """Return the folder that holds `notebooks/`, `data/` and `reports/template/`.

    An installed wheel carries them in `cxlib/_share`; in a clone they stand beside the package.
    """
    bundled = PACKAGE / "_share"
    return bundled if bundled.is_dir() else PACKAGE.parent


@dataclass(frozen=True)
class Settings:
    """The settings of one process; build them with :func:`read_settings`.

    Attributes
    ----------
    home : root of everything this installation writes.
    database_url : SQLAlchemy URL of the store.
    share : folder of the notebooks, frameworks, mappings and templates that ship with the suite.
    gate_url : where clients reach the gate, a path below included; without a slash at its end.
    """

    home: Path
    database_url: str
    share: Path
    gate_url: str = LOCAL_GATE

    @property
    def local(self) -> Path:
        """Folder of the store, the import batches and the keys: private, never published."""
        return self.home / "data" / "local"

    @property
    def runs(self) -> Path:
        """Folder of the published runs."""
        return self.home / "reports" / "out"

    @property
    def frameworks(self) -> Path:
        return self.share / "data" / "framework"

    @property
    def examples(self) -> Path:
        return self.share / "data" / "examples"

    @property
    def notebooks(self) -> Path:
        return self.share / "notebooks"

    @property
    def template(self) -> Path:
        return self.share / "reports" / "template"


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Raises
    ------
    SettingsError
        If `CX_HOME` is not a folder, `CX_DATABASE_URL` not a database URL or `CX_GATE_URL` not an address.
    """
    environ = os.environ if environ is None else environ
    share = shared_folder()
    in_clone = (share / "pyproject.toml").is_file()
    home = Path(environ.get("CX_HOME") or (share if in_clone else Path.cwd())).expanduser().resolve()
    if home.exists() and not home.is_dir():
        raise SettingsError(
            f"CX_HOME={home} is a file; expected a folder", fix="Set CX_HOME to a folder, or unset it."
        )
    url = environ.get("CX_DATABASE_URL") or f"sqlite:///{home / 'data' / 'local' / 'cx.sqlite'}"
    if "://" not in url:
        raise SettingsError(
            "CX_DATABASE_URL is not a database URL; expected e.g. postgresql+psycopg://user@host/name",
            fix="Correct CX_DATABASE_URL, or unset it to use the SQLite file in data/local/.",
        )
    gate = gate_address(environ.get("CX_GATE_URL") or LOCAL_GATE)
    return Settings(home=home, database_url=url, share=share, gate_url=gate)


def gate_address(text: str) -> str:
    """Return the gate's public address without a slash at its end.

    Raises
    ------
    SettingsError
        If it is none: of http or https, with a host, and without a query.
    """
    try:
        parts = urlsplit(text.strip())
        is_whole = bool(parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) > 0)
        # What stands beside host and path would make no difference, or give something away.
        is_bare = not (parts.query or parts.fragment or parts.username)
        is_one = is_whole and is_bare and re.fullmatch(r"[A-Za-z0-9._~/-]*", parts.path) is not None
    except ValueError:
        is_one = False
    if not is_one:
        raise SettingsError(
            f"{text!a} is no address of a gate; expected e.g. https://results.example.org",
            fix="Correct CX_GATE_URL (or --url), or unset it to use this machine's own.",
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
