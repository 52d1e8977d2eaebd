"""The kernel that a report's notebook runs in: the same Python, and nothing of its surroundings."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from jupyter_core.paths import jupyter_runtime_dir

from cxlib.run.kernels.surroundings import scrubbed_environment

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
