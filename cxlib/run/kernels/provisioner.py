"""The Jupyter provisioner behind the kernelspecs `cx` and `cx-live`.

papermill, nbclient, JupyterLab and Voilà find it by its entry point, and so start kernels by a fork.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner
from traitlets import Integer, List, Unicode

from cxlib.run.kernels.child import limit_memory
from cxlib.run.kernels.forking import READY_SECONDS, ForkedKernel, NoForkError, fork_kernel
from cxlib.run.kernels.surroundings import scrubbed_environment

DYING_SECONDS = 0.2
LAUNCHER = ["-m", "ipykernel_launcher"]
# What a forked kernel can be given. Anything else that `Popen` knows gets an ordinary one.
_KNOWN = {"cwd", "env", "stdin", "stdout", "stderr", "independent", "extra_arguments", "kernel_id"}
_said: set[str] = set()


class WarmProvisioner(LocalProvisioner):
    """Forks a kernel from the warm parent, with a scrubbed environment and a limit of memory.

    Everything but the start is `LocalProvisioner`'s: it holds the forked kernel like a `Popen`. Where no
    kernel can be forked, an ordinary one is started, scrubbed and limited in the same way, and one line on
    standard error says why.
    """

    allowed = List(Unicode(), help="Environment variables let through beside the usual ones.").tag(
        config=True
    )
    memory_mb = Integer(
        2048,
        help="MB of data that a kernel may hold, 0 for no limit; CX_KERNEL_MEMORY_MB goes before it.",
    ).tag(config=True)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start a kernel; it listens when this returns, if it was forked."""
        independent = bool(kwargs.get("independent"))
        kwargs["env"] = scrubbed_environment(kwargs.get("env"), self.allowed)
        if not independent:
            kwargs["env"]["JPY_PARENT_PID"] = str(os.getpid())
        # In a thread: the parent's first start takes seconds, and a server has other things to do meanwhile.
        try:
            self.process = await asyncio.to_thread(self._fork, cmd, kwargs)
        except NoForkError as why:
            say_once(f"an ordinary kernel, not a forked one: {' '.join(str(why).split())}")
            info = await super().launch_kernel(cmd, **kwargs)
            # Linux alone can limit another process; one that is gone already needs none.
            if sys.platform == "linux" and self.pid is not None:
                with suppress(OSError):
                    limit_memory(self.memory, self.pid)
            return info
        self.pid = self.pgid = self.process.pid
        self.cwd = kwargs.get("cwd") or Path.cwd()
        return self.connection_info

    async def kill(self, restart: bool = False) -> None:
        """Kill the kernel, and give it the moment that this takes: whoever asked looks next in 0.1 s."""
        await super().kill(restart)
        until = time.monotonic() + DYING_SECONDS
        while await self.poll() is None and time.monotonic() < until:
            await asyncio.sleep(0.002)

    @property
    def memory(self) -> int | None:
        """Most bytes of data that a kernel may hold, or None."""
        asked = os.environ.get("CX_KERNEL_MEMORY_MB", "")
        return (int(asked) if asked.isdecimal() else self.memory_mb) * 1_000_000 or None

    def _fork(self, cmd: list[str], kwargs: Mapping[str, Any]) -> ForkedKernel:
        if os.environ.get("CX_KERNEL_FORK") == "0":
            raise NoForkError("CX_KERNEL_FORK=0")
        if unknown := {name for name, value in kwargs.items() if name not in _KNOWN and value is not None}:
            raise NoForkError(f"it was to be started with {', '.join(sorted(unknown))}")
        if cmd[:3] != [sys.executable, *LAUNCHER]:
            raise NoForkError(f"it is not started by {' '.join(LAUNCHER)} of this Python")
        cwd = Path(kwargs.get("cwd") or Path.cwd())
        if not cwd.is_dir():
            raise NoForkError(f"{cwd} is no folder")
        with _stdio(kwargs) as (fds, readers):
            kernel = fork_kernel(
                cmd[3:],
                cwd=str(cwd.resolve()),
                env=kwargs["env"],
                memory=self.memory,
                is_tied=not kwargs.get("independent"),
                stdio=fds,
            )
            for name, fd in readers.items():
                setattr(kernel, name, os.fdopen(os.dup(fd), "rb"))
        kernel.wait_ready(READY_SECONDS)
        return kernel


@contextmanager
def _stdio(kwargs: Mapping[str, Any]) -> Iterator[tuple[list[int], dict[str, int]]]:
    """Give descriptors for a kernel's three streams, as `Popen` reads them, and our ends of their pipes.

    Standard input is empty unless one is given: a kernel asks its client, not a terminal.
    """
    with ExitStack() as closing:

        def opened(fd: int) -> int:
            closing.callback(os.close, fd)
            return fd

        readers: dict[str, int] = {}

        def stream(name: str, inherited: int) -> int:
            given = kwargs.get(name)
            if given == subprocess.PIPE:
                ours, theirs = map(opened, os.pipe())
                readers[name] = ours
                return theirs
            if given == subprocess.DEVNULL:
                return opened(os.open(os.devnull, os.O_RDWR))
            if given is None:
                try:
                    return opened(os.dup(inherited))
                except OSError:
                    return opened(os.open(os.devnull, os.O_RDWR))
            return given if isinstance(given, int) else int(given.fileno())

        given = kwargs.get("stdin")
        stdin = (
            opened(os.open(os.devnull, os.O_RDONLY))
            if given in (None, subprocess.PIPE)
            else stream("stdin", 0)
        )
        stdout = stream("stdout", 1)
        stderr = stdout if kwargs.get("stderr") == subprocess.STDOUT else stream("stderr", 2)
        yield [stdin, stdout, stderr], readers


def say_once(line: str) -> None:
    """Write one line to standard error, the same one once a process."""
    if line not in _said:
        _said.add(line)
        sys.stderr.write(f"cxlib: {line}\n")
