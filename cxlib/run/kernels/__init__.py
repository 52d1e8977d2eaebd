"""The kernels that notebooks run in: forked from a warm parent, and with nothing of what surrounds them.

`cx` is a kernelspec like any other, so that papermill, nbclient, JupyterLab and Voilà use it by its name:

    provisioner    what Jupyter calls to start one; an ordinary kernel where none can be forked
    forking        the client's side: finds or starts the parent, holds a kernel like a `Popen`
    parent         the process that has imported the stack, and forks
    rehearsal      what it does once, so that a dashboard's kernels need not
    child          what a fork does to become a kernel
    surroundings   what a kernel sees of its client, and what tells one parent from another
    wire           what they say to each other

Reports start theirs by the manager below.
"""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.paths import jupyter_runtime_dir

from cxlib.run.kernels.surroundings import scrubbed_environment
from cxlib.run.memory import peak_mb

# The kernelspec of reports, and the one that stands in where it is not installed.
KERNEL, STOCK = "cx", "python3"


class ReportKernelClient(AsyncKernelClient):
    """A client that is ready as soon as the kernel is.

    Jupyter's own waits until nothing has come for a fifth of a second, which is longer than a forked kernel
    takes to start. What it would throw away, whoever runs cells skips: it belongs to no cell.
    """

    async def _async_wait_for_ready(self, timeout: float | None = None) -> None:
        until = time.monotonic() + (float("inf") if timeout is None else timeout)
        while True:
            self.kernel_info()
            try:
                reply = await self.get_shell_msg(timeout=1)
                if reply["msg_type"] == "kernel_info_reply":
                    # Of the outputs nothing is missed only once one has come.
                    await self.get_iopub_msg(timeout=0.2)
                    self._handle_kernel_info_reply(reply)
                    return
            except Empty:
                pass
            if not await self._async_is_alive():
                raise RuntimeError("the kernel died before it was ready")
            if time.monotonic() > until:
                raise RuntimeError(f"the kernel was not ready in {timeout} s")

    wait_for_ready = _async_wait_for_ready


class ReportKernelManager(AsyncKernelManager):
    """Starts a kernel with the scrubbed environment, whatever started this process.

    It is talked to by sockets in the user's runtime folder: no port that another process could take,
    nor one that another user could listen on. `folder` is where the kernel works; this process stays where
    it is, so that several notebooks can run at once. `peak_mb` is the highest resident memory of the last
    kernel of this class that was shut down, in MB of 10⁶ bytes; None where it is not known, as of one that
    died.
    """

    folder: Path | None = None
    peak_mb: float | None = None

    def __init__(self, **kw: Any) -> None:
        if os.name == "posix":
            kw.setdefault("transport", "ipc")
            # A socket's path may be no longer than 107 characters, so the name is short.
            kw.setdefault("connection_file", str(_runtime() / f"cx-{secrets.token_hex(6)}.json"))
        kw.setdefault("client_class", f"{__name__}.{ReportKernelClient.__name__}")
        super().__init__(**kw)

    async def _async_pre_start_kernel(self, **kw: Any) -> tuple[list[str], dict[str, Any]]:
        kw["env"] = scrubbed_environment()
        if self.folder is not None:
            kw["cwd"] = str(self.folder)
        return await super()._async_pre_start_kernel(**kw)

    pre_start_kernel = _async_pre_start_kernel

    async def _async_shutdown_kernel(self, now: bool = False, restart: bool = False) -> None:
        # While it lives: of a process that has ended, the system tells no peak.
        type(self).peak_mb = peak_mb(self.provisioner.pid) if self.has_kernel else None
        await super()._async_shutdown_kernel(now=now, restart=restart)

    shutdown_kernel = _async_shutdown_kernel


def _runtime() -> Path:
    folder = Path(jupyter_runtime_dir())
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def manager_in(folder: Path) -> type[ReportKernelManager]:
    """Return a kernel manager of its own, whose kernels work in a folder."""
    return type("ReportKernelManager", (ReportKernelManager,), {"folder": folder})


def report_kernel() -> str:
    """Name the kernelspec that reports run with; where it is not installed, say so and name the stock one."""
    from cxlib.run.kernels.provisioner import say_once

    try:
        KernelSpecManager().get_kernel_spec(KERNEL)
    except NoSuchKernel:
        say_once(f"ordinary kernels, not forked ones: no kernelspec {KERNEL} is installed; run make report")
        return STOCK
    return KERNEL
