"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cxlib.errors import SettingsError


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Give a place to write to, and put what was written in the place of `path` when all went well.

    A reader never meets half a file; after a failure the old one is there, and nothing else.

    Raises
    ------
    SettingsError
        If the folder is not there or cannot be written to.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise SettingsError(
            f"cannot write {path.name} in {path.parent.name or path.parent}: {error.strerror or error}",
            fix="Name a folder that is there and that you may write to.",
        ) from None
    finally:
        # Where `path` leads through a file, or its name is too long, there is nothing to remove; and the
        # error above says more.
        with suppress(OSError):
            part.unlink(missing_ok=True)
