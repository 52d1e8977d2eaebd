"""The kernel that a report's notebook runs in: the same Python, and nothing of its surroundings."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from jupyter_core.paths import jupyter_runtime_dir

# What a kernel needs to start and to find its libraries. Database addresses, tokens and whatever else
# stands in the environment of the one who makes reports does not reach a notebook.
ALLOWED = frozenset(
    {
        *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHASHSEED"),
        *("LD_LIBRARY_PATH", "JUPYTER_PATH", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"),
        *("SYSTEMROOT", "TEMP", "TMP", "USERPROFILE", "APPDATA"),
    }
)


def scrubbed_environment() -> dict[str, str]:
    """Return the allowed part of the environment, and one thread a library: reports run side by side."""
    kept = {name: value for name, value in os.environ.items() if name in ALLOWED}
    return {**kept, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class ReportKernelManager(AsyncKernelManager):
    """Starts a kernel with the scrubbed environment, whatever started this process.

    It is talked to by sockets in the user's runtime folder: no port that another process could take,
    nor one that another user could listen on. `folder` is where the kernel works; this process stays where
    it is, so that several notebooks can run at once.
    """

    folder: Path | None = None

    def __init__(self, **kw: Any) -> None:
        if os.name == "posix":
            kw.setdefault("transport", "ipc")
            # A socket's path may be no longer than 107 characters, so the name is short.
            kw.setdefault("connection_file", str(_runtime() / f"cx-{secrets.token_hex(6)}.json"))
        super().__init__(**kw)

    async def _async_pre_start_kernel(self, **kw: Any) -> tuple[list[str], dict[str, Any]]:
        kw["env"] = scrubbed_environment()
        if self.folder is not None:
            kw["cwd"] = str(self.folder)
        return await super()._async_pre_start_kernel(**kw)

    pre_start_kernel = _async_pre_start_kernel


def _runtime() -> Path:
    folder = Path(jupyter_runtime_dir())
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def manager_in(folder: Path) -> type[ReportKernelManager]:
    """Return a kernel manager whose kernels work in a folder."""
    return type("ReportKernelManager", (ReportKernelManager,), {"folder": folder})
