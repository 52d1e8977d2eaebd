"""The client's side of forked kernels: finding or starting their parent, and a handle on one kernel."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_runtime_dir

from cxlib.run.kernels import wire
from cxlib.run.kernels.surroundings import fingerprint, scrubbed_environment

START_SECONDS = 60.0
READY_SECONDS = 10.0
# How long after a kernel's end its parent may take to say how it ended.
LATE_SECONDS = 2.0
LONGEST_PATH = 107


class NoForkError(Exception):
    """No kernel could be forked; the message says why, and an ordinary one will do."""


class ForkedKernel:
    """A kernel that another process forked, to be held like a `subprocess.Popen`.

    `poll`, `wait` and `returncode` give its exit code as its parent reports it: negative for a signal. Where
    the parent itself is gone, a kernel's end is still seen, but its code is not known and given as 1.
    """

    stdin = None

    def __init__(self, pid: int, pidfd: int, connection: socket.socket, *, is_ready: bool = False) -> None:
        self.pid, self.returncode, self._is_ready = pid, None, is_ready
        self.stdout: Any = None
        self.stderr: Any = None
        self._pidfd = pidfd
        self._connection: socket.socket | None = connection
        self._seen_dead: float | None = None

    def poll(self) -> int | None:
        """Return the exit code, or None while the kernel runs."""
        if self.returncode is None:
            self._look(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code.

        Raises
        ------
        subprocess.TimeoutExpired
            If it takes longer than `timeout` seconds.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if until is not None and time.monotonic() >= until:
                raise subprocess.TimeoutExpired(f"kernel {self.pid}", timeout or 0)
            self._look(0.1)
        return code

    def wait_ready(self, timeout: float) -> None:
        """Wait until the kernel has bound its sockets, has ended, or the time is over."""
        if self._connection is None or self._is_ready:
            return
        with suppress(wire.WireError):
            self._connection.settimeout(timeout)
            message, fds = wire.receive(self._connection)
            self._close(fds)
            if "exit" in message:
                self._end(message["exit"])

    def send_signal(self, signum: int) -> None:
        """Send a signal to this very process, not to a later one that got its number."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._pidfd, signum)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _look(self, seconds: float) -> None:
        """Wait up to some seconds for news of the kernel."""
        watched = select.poll()
        heard = self._connection
        watched.register(self._pidfd if heard is None else heard, select.POLLIN)
        if watched.poll(seconds * 1000) and heard is not None:
            try:
                heard.settimeout(LATE_SECONDS)
                message, fds = wire.receive(heard)
                self._close(fds)
                if "exit" in message:
                    self._end(message["exit"])
            except wire.WireError:
                # The parent is gone, and the kernel lives on.
                heard.close()
                self._connection = None
        if self.returncode is None and self._has_ended():
            self._seen_dead = self._seen_dead or time.monotonic()
            if self._connection is None or time.monotonic() - self._seen_dead > LATE_SECONDS:
                self._end(1)

    def _has_ended(self) -> bool:
        watched = select.poll()
        watched.register(self._pidfd, select.POLLIN)
        return bool(watched.poll(0))

    def _end(self, code: int) -> None:
        self.returncode = code
        self._release()

    def _release(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1

    @staticmethod
    def _close(fds: Sequence[int]) -> None:
        for fd in fds:
            os.close(fd)

    def __del__(self) -> None:
        self._release()


def can_fork() -> bool:
    """Has this system what a forked kernel needs: fork, pidfds, and sockets that say who speaks?"""
    return sys.platform == "linux" and hasattr(os, "pidfd_open") and hasattr(socket, "SO_PEERCRED")


class Warmth:
    """Keeps the kernels' parent warm while nobody has a kernel: a connection to it, held open."""

    def __init__(self) -> None:
        self._connection: socket.socket | None = None

    def renew(self) -> None:
        """Ask a parent to stay, unless one does already; where none can be had, kernels start as they can."""
        if self._connection is not None:
            looked = select.poll()
            looked.register(self._connection, select.POLLIN)
            if not looked.poll(0):
                return
            self.end()
        if os.environ.get("CX_KERNEL_FORK") == "0":
            return
        with suppress(NoForkError, wire.WireError):
            connection = _connected()
            wire.send(connection, {"stay": True})
            self._connection = connection

    def end(self) -> None:
        """Let the parent end when it likes."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def start_ahead() -> None:
    """Have the kernels' parent started, where there is none, while other work is done before the kernels'."""

    def start() -> None:
        with suppress(NoForkError):
            _connected().close()

    if can_fork() and os.environ.get("CX_KERNEL_FORK") != "0":
        threading.Thread(target=start, daemon=True).start()


@contextmanager
def kept_warm() -> Iterator[None]:
    """Keep the kernels' parent while many reports are made, rehearsed: each kernel then needs less time.

    It starts beside whatever else is to be started; who wants a kernel before it is there waits for it.
    """
    warmth = Warmth()
    starting = threading.Thread(target=warmth.renew, daemon=True)
    starting.start()
    try:
        yield
    finally:
        starting.join()
        warmth.end()


def fork_kernel(
    argv: Sequence[str],
    *,
    cwd: str,
    env: dict[str, str],
    memory: int | None,
    is_tied: bool,
    stdio: Sequence[int],
) -> ForkedKernel:
    """Have a kernel forked, starting the parent where there is none.

    Parameters
    ----------
    argv
        Arguments of `ipykernel_launcher`.
    memory
        Most bytes of data that the kernel may hold, or None.
    is_tied
        Whether the kernel ends with this process.
    stdio
        Descriptors of its standard input, output and error.

    Raises
    ------
    NoForkError
        Saying why not.
    """
    if not can_fork():
        raise NoForkError(f"{sys.platform} has no fork that would do")
    order = {"argv": list(argv), "cwd": cwd, "env": env, "memory": memory, "tied": is_tied}
    trouble = ""
    # Twice: a parent may retire, or be killed, between a connection and its answer.
    for _ in range(2):
        connection = _connected()
        try:
            return _asked(connection, order, stdio)
        except wire.WireError as error:
            connection.close()
            trouble = str(error)
    raise NoForkError(f"the kernels' parent does not answer: {trouble}")


def _asked(connection: socket.socket, order: dict[str, Any], stdio: Sequence[int]) -> ForkedKernel:
    myself = os.pidfd_open(os.getpid())
    try:
        wire.send(connection, order, [*stdio, myself])
    finally:
        os.close(myself)
    message, fds = wire.receive(connection)
    # On a busy machine a kernel may be bound before its parent, which has forked it, has a turn to say so.
    if is_ready := "ready" in message:
        ForkedKernel._close(fds)
        message, fds = wire.receive(connection)
    if "pid" not in message or len(fds) != 1:
        ForkedKernel._close(fds)
        connection.close()
        raise NoForkError(str(message.get("refused", "an answer that is none")))
    return ForkedKernel(int(message["pid"]), fds[0], connection, is_ready=is_ready)


def _connected() -> socket.socket:
    """Return a connection to the parent for these surroundings, which is started if need be."""
    folder = _folder()
    path = folder / f"{fingerprint()}.sock"
    if len(os.fsencode(path)) > LONGEST_PATH - len(".new"):
        raise NoForkError(f"the path of a socket in {folder} is too long; shorten JUPYTER_RUNTIME_DIR")
    if connection := _try(path):
        return connection
    with _alone(folder / "lock"):
        # Whoever had the lock before may have started one.
        if connection := _try(path):
            return connection
        _start(path)
    if connection := _try(path):
        return connection
    raise NoForkError("the kernels' parent ended as soon as it was started")


def _folder() -> Path:
    """Return the folder of the parents' sockets, which nobody but this user may enter."""
    folder = Path(jupyter_runtime_dir()) / "cx"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise NoForkError(f"{folder} is not a folder of this user")
        if stat.S_IMODE(found.st_mode) & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise NoForkError(f"{folder}: {error.strerror or error}") from error
    return folder


def _try(path: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.settimeout(READY_SECONDS)
        connection.connect(str(path))
        if wire.is_own(connection):
            return connection
    except OSError:
        pass
    connection.close()
    return None


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock that the operating system takes back when this process ends."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise NoForkError(f"{path}: {error.strerror or error}") from error
    try:
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise NoForkError(
                        f"another process holds {path.name} for {START_SECONDS:.0f} s"
                    ) from None
                time.sleep(0.02)
            except OSError as error:
                raise NoForkError(f"{path} cannot be locked: {error.strerror or error}") from error
        yield
    finally:
        os.close(fd)


def _start(path: Path) -> None:
    """Start a parent that listens at a path, and wait until it does."""
    ready, told = os.pipe()
    try:
        try:
            started = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "cxlib.run.kernels.parent", str(path), str(told)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=scrubbed_environment(allowed={"CX_KERNEL_IDLE_SECONDS"}),
                cwd="/",
                pass_fds=(told,),
                start_new_session=True,
            )
        finally:
            os.close(told)
        said = _read_to_end(ready, time.monotonic() + START_SECONDS)
        started.wait()
    except OSError as error:
        raise NoForkError(f"the kernels' parent cannot be started: {error.strerror or error}") from error
    finally:
        os.close(ready)
    if said != "ready":
        raise NoForkError(said or "the kernels' parent ended while it was starting")


def _read_to_end(fd: int, until: float) -> str:
    parts = []
    waiting = select.poll()
    waiting.register(fd, select.POLLIN)
    while waiting.poll(max(0.0, until - time.monotonic()) * 1000):
        if not (part := os.read(fd, 4096)):
            return b"".join(parts).decode(errors="replace")
        parts.append(part)
    raise NoForkError(f"the kernels' parent is not ready after {START_SECONDS:.0f} s")
