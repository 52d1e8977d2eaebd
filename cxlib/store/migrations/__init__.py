"""Alembic's scripts, carried by the package and run on a connection that is given.

`HEAD` is written here so that a store that is up to date opens without importing Alembic; a test
holds that it is the newest script.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

HEAD: Final = "0010"


def alembic_config(connection: Connection | None = None) -> Config:
    """Configure Alembic without a file; `env.py` works on the given connection."""
    from alembic.config import Config

    config = Config()
    # A percent sign in a folder's name would be read as an interpolation.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection, found: str | None) -> bool:
    """Bring the tables up to `HEAD` within the connection's own transaction.

    Returns
    -------
    False if `found` is a version that this package does not know, and nothing was done.
    """
    from alembic import command
    from alembic.script import ScriptDirectory

    config = alembic_config(connection)
    if found is not None:
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if found not in known:
            return False
    command.upgrade(config, HEAD)
    return True
