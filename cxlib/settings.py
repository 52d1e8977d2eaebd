"""Where things are, read from the environment once and then frozen.

`CX_HOME` (default: the clone, or the current folder for an installed wheel) is the root under which
`data/local/` keeps the store and `reports/out/` the published runs; `CX_DATABASE_URL` names another
database than the SQLite file. Nothing here opens or creates anything.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cxlib.errors import SettingsError

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
    """

    home: Path
    database_url: str
    share: Path

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
        If `CX_HOME` is not a folder or `CX_DATABASE_URL` is not a database URL.
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
    return Settings(home=home, database_url=url, share=share)
