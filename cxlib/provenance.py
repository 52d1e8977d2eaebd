"""What made a figure: the package's own text, and the versions of what it stands on."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

PACKAGE = Path(__file__).parent


def library_version() -> str:
    try:
        return version("cxlib")
    except PackageNotFoundError:
        return "0 (not installed)"


@lru_cache(maxsize=1)
def libraries() -> dict[str, str]:
    """Return the versions of what `cxlib` needs: another Typst breaks lines elsewhere."""
    try:
        named = {Requirement(one).name for one in requires("cxlib") or () if "extra ==" not in one}
    except PackageNotFoundError:
        return {}
    return {name: version(name) for name in sorted(named)}


@lru_cache(maxsize=8)
def tree(folder: Path, suffix: str = "") -> str:
    """Digest the files of a folder: in a clone, the version says nothing of a change made today."""
    parts = [
        (path.relative_to(folder).as_posix(), digest(path.read_bytes()))
        for path in sorted(folder.rglob(f"*{suffix}"))
        if path.is_file()
    ]
    return digest(json.dumps(parts).encode())


def made_by() -> dict[str, object]:
    """Return everything but data that a figure depends on, as plain data."""
    return {"library": library_version(), "stands_on": libraries(), "code": tree(PACKAGE, ".py")}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
