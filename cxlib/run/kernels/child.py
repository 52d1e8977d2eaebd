"""What a process that was just forked does to become a kernel like any other."""

from __future__ import annotations

import atexit
import fcntl
import gc
import os
import random
import select
import signal
import socket
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from cxlib.run.kernels import wire

# After standard input, output and error, where this process keeps what ties it to its client.
CLIENT, CONNECTION = 3, 4
_ABOVE = 64
# What libraries do at exit for a kernel's own sake: they find nothing of the parent's.
AT_EXIT = (
    ("zmq.sugar.context", "_notice_atexit"),
    ("logging", "shutdown"),
    ("multiprocessing.util", "_exit_function"),
    ("pyarrow._s3fs", "ensure_s3_finalized"),
)


@dataclass(frozen=True)
class Order:
    """A kernel that a client asked for.

    Attributes
    ----------
    argv : arguments of `ipykernel_launcher`.
    memory : most bytes of data that the kernel may hold, or None.
    is_tied : whether the kernel ends with its client.
    fds : standard input, output, error, and a pidfd of the client.
    """

    argv: list[str]
    cwd: str
    env: dict[str, str]
    memory: int | None
    is_tied: bool
    fds: tuple[int, ...]

    @classmethod
    def read(cls, message: dict[str, Any], fds: Sequence[int]) -> Order:
        """Read an order from a message.

        Raises
        ------
        wire.WireError
            If it is none.
        """
        try:
            memory = message["memory"]
            order = cls(
                argv=[str(one) for one in message["argv"]],
                cwd=str(message["cwd"]),
                env={str(name): str(value) for name, value in message["env"].items()},
                memory=None if memory is None else int(memory),
                is_tied=bool(message["tied"]),
                fds=tuple(fds),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise wire.WireError(f"no order for a kernel: {error!r}") from error
        if len(order.fds) != wire.MOST_FDS:
            raise wire.WireError(f"{len(order.fds)} descriptors; expected {wire.MOST_FDS}")
        return order


def become_kernel(order: Order, connection: int) -> None:
    """Turn this fork into the kernel that was ordered, and run it until it ends.

    Parameters
    ----------
    connection
        Descriptor of the connection to the client, which hears once that the kernel is bound.
    """
    os.setsid()
    _reset_signals()
    _take_descriptors(order, connection)
    _forget_the_parent()
    _settle(order)
    _run(order)


def _reset_signals() -> None:
    for signum in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE, signal.SIGXFSZ}:
        with suppress(OSError, ValueError):
            if signal.getsignal(signum) is not signal.SIG_DFL:
                signal.signal(signum, signal.SIG_DFL)
    # As ipykernel has it between cells; from now on, so that an early interrupt is no early end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _take_descriptors(order: Order, connection: int) -> None:
    """Put the client's descriptors in their places and close everything else."""
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _ABOVE) for fd in (*order.fds, connection)]
    for place, fd in enumerate(high):
        os.dup2(fd, place, inheritable=place < CLIENT)
    os.closerange(CONNECTION + 1, os.sysconf("SC_OPEN_MAX"))


def _forget_the_parent() -> None:
    """Drop what was to be done when the parent exits, and what two kernels must not have in common."""
    atexit._clear()
    for module, name in AT_EXIT:
        if loaded := sys.modules.get(module):
            atexit.register(getattr(loaded, name))
    weakref.finalize._registry.clear()  # type: ignore[attr-defined]
    weakref.finalize._registered_with_atexit = False  # type: ignore[attr-defined]
    random.seed()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    gc.enable()


def _settle(order: Order) -> None:
    os.environ.clear()
    os.environ.update(order.env)
    time.tzset()
    os.chdir(order.cwd)
    limit_memory(order.memory)
    with suppress(OSError):
        Path("/proc/self/comm").write_text("cx-kernel", encoding="ascii")


def limit_memory(most: int | None, pid: int = 0) -> None:
    """Let a process hold at most so many bytes of data of its own; beyond it, Python raises MemoryError.

    Not of address space, of which libraries reserve more than they ever use.
    """
    import resource

    if most is not None:
        _soft, hard = resource.prlimit(pid, resource.RLIMIT_DATA)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.prlimit(pid, resource.RLIMIT_DATA, (most, most))


class _ClientWatch(threading.Thread):
    """Ends this process when the client's has ended, whatever ended it."""

    def __init__(self) -> None:
        super().__init__(name="ClientWatch", daemon=True)

    def run(self) -> None:
        watched = select.poll()
        watched.register(CLIENT, select.POLLIN)
        watched.poll()
        os._exit(1)


class _ModuleFiles(Sequence[str]):
    """The files of all modules, for a debugger: looked for when one asks, and by most kernels never."""

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __getitem__(self, at: Any) -> Any:
        return list(iter(self))[at]

    def __iter__(self) -> Iterator[str]:
        found = (getattr(one, "__file__", None) for one in list(sys.modules.values()))
        return (one for one in found if one)


class _NoModules:
    """Instead of `sys` while a kernel is made: it would write into each of two thousand modules that the
    parent shares with it (13 MB of pages), only to name their files to a debugger."""

    modules: ClassVar[dict[str, Any]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)


def _run(order: Order) -> None:
    import ipykernel_launcher
    from ipykernel import ipkernel, kernelapp

    # By the same name: it heads the lines of the log.
    class IPKernelApp(kernelapp.IPKernelApp):
        """ipykernel's own application, which watches its client instead of the process that forked it."""

        def init_poller(self) -> None:
            if order.is_tied:
                self.poller = _ClientWatch()
            else:
                os.close(CLIENT)

        def init_kernel(self) -> None:
            ipkernel.sys = _NoModules()
            try:
                super().init_kernel()
            finally:
                ipkernel.sys = sys
            if debugger := getattr(self.kernel, "debugger", None):
                debugger.kernel_modules = _ModuleFiles()
            # Widgets were imported in the parent, where no kernel was to hear what pages ask of them.
            if widgets := sys.modules.get("ipywidgets"):
                widgets.register_comm_target()
            with socket.socket(fileno=CONNECTION) as connection, suppress(wire.WireError):
                wire.send(connection, {"ready": True})

    sys.argv = [str(ipykernel_launcher.__file__), *order.argv]
    # Anything but 0: nobody sits at a terminal and has to be told how to leave.
    IPKernelApp.launch_instance(parent_handle=int(order.env.get("JPY_PARENT_PID") or 1))
