"""The process from which kernels are forked: it has imported the stack, and does nothing else.

    python -m cxlib.run.kernels.parent SOCKET READY

`SOCKET` is where it listens, named by its fingerprint; to the descriptor `READY` it writes "ready", or why
not. It has one thread, no ZeroMQ context and no event loop, so that a fork of it is sound, and it opens no
engagement. It ends when nobody has had a kernel of it for a while and nobody asks it to stay, when its
package or environment has changed, or when its socket is gone; kernels that still run go on.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from cxlib.run.kernels import wire
from cxlib.run.kernels.child import Order, become_kernel
from cxlib.run.kernels.rehearsal import rehearse
from cxlib.run.kernels.surroundings import fingerprint
from cxlib.run.memory import give_back

IDLE_SECONDS = 300.0
LOOK_SECONDS = 5.0
STALL_SECONDS = 2.0

# What a kernel, or the notebooks of this suite, would import; late ones as well.
STACK = (
    *("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.iostream"),
    *("ipykernel.debugger", "debugpy", "ipykernel_launcher", "ipywidgets"),
    *("IPython.core.completerlib", "IPython.core.logger", "IPython.core.oinspect", "IPython.core.debugger"),
    *("IPython.extensions.storemagic", "pdb", "faulthandler", "sqlite3", "tornado.platform.asyncio"),
    *("pandas", "pandas.core.methods.to_dict", "pandas.io.formats.string", "pandas.core.reshape.reshape"),
    *("pyarrow.parquet", "pyarrow.dataset", "pyarrow.pandas_compat", "narwhals._pandas_like.namespace"),
    *("pandas.core.arrays.arrow._arrow_utils", "pandas.core.arrays.arrow.extension_types"),
    *("babel.dates", "babel.lists", "babel.numbers", "scipy.stats"),
    *("cxlib.charts", "cxlib.tables", "cxlib.forms", "cxlib.opening", "cxlib.run.portfolio"),
)
# They start threads when they are loaded, and others load them where they are installed.
THREADED = ("polars", "duckdb", "vl_convert")


def import_stack() -> None:
    """Import what kernels need; a module that is not installed here is left out.

    Raises
    ------
    RuntimeError
        If that started a thread: a fork would then copy a process whose locks nobody will ever open.
    """
    hidden = [name for name in THREADED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        for name in STACK:
            with suppress(ModuleNotFoundError):
                import_module(name)
    finally:
        for name in hidden:
            del sys.modules[name]
    if (threads := _threads()) != 1:
        raise RuntimeError(f"the kernels' parent has {threads} threads after its imports; expected 1")


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def settle() -> None:
    """Give back what is free, and let no later collection of garbage write into what is shared."""
    gc.collect()
    gc.freeze()
    give_back()


@dataclass
class _Kernel:
    """A kernel that was forked: its process, and the client that waits for its exit code, if one does."""

    pid: int
    pidfd: int
    client: socket.socket | None
    has_ended: bool = False


class Parent:
    """Takes orders, forks, reports exit codes; one thing at a time.

    A kernel that has ended stays a zombie until its client has heard of it, as a child of the client would:
    so its number cannot become another process's while the client may still signal it.
    """

    def __init__(self, listener: socket.socket, path: Path) -> None:
        self.listener, self.path, self.named = listener, path, path.stem
        self.inode = path.stat().st_ino
        # Not the default: epoll would be a descriptor to share with every kernel.
        self.selector = selectors.PollSelector()
        self.selector.register(listener, selectors.EVENT_READ)
        self.kernels: dict[int, _Kernel] = {}
        self.is_retired = self.is_rehearsed = False
        self.last_used = self.last_look = time.monotonic()
        self.idle = float(os.environ.get("CX_KERNEL_IDLE_SECONDS") or IDLE_SECONDS)

    def run(self) -> tuple[Order, int] | None:
        """Serve until this process retires (None) or, in a fork, until it has an order to fulfil."""
        while not (self.is_retired and not self.kernels):
            for key, _events in self.selector.select(min(LOOK_SECONDS, self.idle)):
                if key.fileobj is self.listener:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket):
                    if ordered := self._hear(key.fileobj, key.data):
                        return ordered
                else:
                    self._ended(key.data)
            self._look_around()
        return None

    def _accept(self) -> None:
        # Nobody there any more, or too many there already; they wait.
        with suppress(OSError):
            client, _ = self.listener.accept()
            if not wire.is_own(client):
                client.close()
                return
            client.settimeout(STALL_SECONDS)
            self.selector.register(client, selectors.EVENT_READ, None)

    def _hear(self, client: socket.socket, kernel: _Kernel | None) -> tuple[Order, int] | None:
        """Take a new client's order, or note that one of a kernel has hung up."""
        self.last_used = time.monotonic()
        self.selector.unregister(client)
        if kernel is not None:
            client.close()
            kernel.client = None
            self._reap(kernel)
            return None
        try:
            message, fds = wire.receive(client)
        except wire.WireError:
            client.close()
            return None
        if "stay" in message:
            for fd in fds:
                os.close(fd)
            self._stay(client)
            return None
        try:
            order = Order.read(message, fds)
            pid = os.fork()
            if pid == 0:
                return order, self._leave(client)
            self._note(client, pid)
        except (wire.WireError, OSError) as error:
            with suppress(wire.WireError):
                wire.send(client, {"refused": str(error)})
            client.close()
        for fd in fds:
            os.close(fd)
        return None

    def _stay(self, client: socket.socket) -> None:
        """Stay, however idle, while this client holds on, and prepare for the kernels that it will have."""
        self.selector.register(client, selectors.EVENT_READ, None)
        if self.is_rehearsed:
            return
        self.is_rehearsed = True
        # Without it kernels are larger and slower, and else the same.
        with suppress(Exception):
            rehearse()
        settle()
        if _threads() != 1:
            self._retire()

    def _note(self, client: socket.socket, pid: int) -> None:
        try:
            kernel = _Kernel(pid, os.pidfd_open(pid), client)
        except OSError:
            # Too many open: what cannot be watched must not run.
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
        self.kernels[pid] = kernel
        self.selector.register(kernel.pidfd, selectors.EVENT_READ, kernel)
        self.selector.register(client, selectors.EVENT_READ, kernel)
        try:
            wire.send(client, {"pid": pid}, [kernel.pidfd])
        except wire.WireError:
            # Who gave up waiting has another kernel by now, and would never end this one.
            signal.pidfd_send_signal(kernel.pidfd, signal.SIGKILL)

    def _leave(self, client: socket.socket) -> int:
        """In a fork: let go of every socket, so that none is closed by number when it is somebody else's."""
        for key in list(self.selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.detach()
        self.listener.detach()
        return client.detach()

    def _ended(self, kernel: _Kernel) -> None:
        """Tell a kernel's client how it ended, without reaping it yet."""
        self.selector.unregister(kernel.pidfd)
        kernel.has_ended = True
        ended = os.waitid(os.P_PIDFD, kernel.pidfd, os.WEXITED | os.WNOWAIT)
        if kernel.client is not None and ended is not None:
            code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
            with suppress(wire.WireError):
                wire.send(kernel.client, {"exit": code})
        self._reap(kernel)

    def _reap(self, kernel: _Kernel) -> None:
        if kernel.has_ended and kernel.client is None:
            os.waitid(os.P_PIDFD, kernel.pidfd, os.WEXITED)
            os.close(kernel.pidfd)
            del self.kernels[kernel.pid]
            self.last_used = time.monotonic()

    def _look_around(self) -> None:
        now = time.monotonic()
        if self.is_retired or now - self.last_look < min(LOOK_SECONDS, self.idle):
            return
        self.last_look = now
        is_idle = len(self.selector.get_map()) == 1 and not self.kernels and now - self.last_used > self.idle
        if is_idle or not self._is_current():
            self._retire()

    def _is_current(self) -> bool:
        try:
            return self.path.stat().st_ino == self.inode and fingerprint() == self.named
        except OSError:
            return False

    def _retire(self) -> None:
        """Take no more orders: whoever comes too late is hung up on, and starts another parent."""
        self.is_retired = True
        with suppress(OSError):
            if self.path.stat().st_ino == self.inode:
                self.path.unlink()
        self.selector.unregister(self.listener)
        self.listener.close()
        for key in list(self.selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket) and key.data is None:
                self.selector.unregister(key.fileobj)
                key.fileobj.close()


def listen(path: Path) -> socket.socket:
    """Listen at a path of a folder that only this user may enter; whoever starts a parent holds the lock."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    own = path.with_suffix(".new")
    own.unlink(missing_ok=True)
    mask = os.umask(0o177)
    try:
        listener.bind(str(own))
    finally:
        os.umask(mask)
    listener.listen(128)
    listener.setblocking(False)
    # Only now is it seen: no client meets a socket at which nobody listens yet.
    own.replace(path)
    return listener


def main(socket_path: str, ready: str) -> None:
    """Become a process of its own, import, say so, and serve."""
    if os.fork():
        os._exit(0)
    path, ready_fd = Path(socket_path), int(ready)
    # The folder that this was started in: no kernel is to import from it.
    del sys.path[0]
    gc.disable()
    try:
        if fingerprint() != path.stem:
            raise RuntimeError(
                f"the kernels' parent finds another package or environment; expected {path.stem}"
            )
        import_stack()
        listener = listen(path)
        parent = Parent(listener, path)
    except BaseException as error:
        os.write(ready_fd, f"{type(error).__name__}: {error}".encode())
        raise
    settle()
    os.write(ready_fd, b"ready")
    os.close(ready_fd)
    ordered = parent.run()
    if ordered is not None:
        become_kernel(*ordered)


if __name__ == "__main__":
    main(*sys.argv[1:])
