"""The dashboards' kernels: whose each is, how many there may be, and when one ends.

A kernel belongs to the session that started it and to one run. It is forked warm, sees nothing of this
process's environment, works in its run's folder, and ends when nobody looks at it any more.
"""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL
from typing import Any, Final

from jupyter_client.ioloop.restarter import AsyncIOLoopKernelRestarter
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager, ServerKernelManager

from cxlib.run.gate.operating import log
from cxlib.run.kernels import ReportKernelManager, report_kernel
from cxlib.run.kernels.child import limit_memory
from cxlib.run.kernels.forking import Warmth
from cxlib.run.memory import give_back

# What a page may say to its kernel: enough for widgets, and nothing that runs code.
SPOKEN: Final = (
    "comm_open", "comm_close", "comm_msg", "comm_info_request", "kernel_info_request",
)  # fmt: skip

# The largest file that a dashboard's kernel may write: Python tries four bytes where temporary files go, and
# does nothing without.
PROBE_BYTES: Final = 16


@dataclass(frozen=True)
class Limits:
    """How many kernels there may be, and how long one may go on.

    Attributes
    ----------
    most : kernels in all; at 50 MB each, what the machine has memory for.
    memory_mb : MB of data that a kernel may hold.
    most_of_one : kernels of one session: a few tabs, and no more.
    alone_seconds : how long a kernel outlives its last page.
    first_seconds : how long a new one waits for its page.
    idle_seconds : how long nobody may touch an open page.
    look_seconds : how often that is looked at.
    """

    most: int = 100
    most_of_one: int = 6
    memory_mb: int = 1024
    alone_seconds: float = 15.0
    first_seconds: float = 60.0
    idle_seconds: float = 1800.0
    look_seconds: float = 3.0


@dataclass
class Held:
    """A kernel that somebody has: which session, which run, and since when nobody looks."""

    session: str
    run: str
    is_used: bool = False
    alone_since: float = field(default_factory=time.monotonic)


class DeathWatch(AsyncIOLoopKernelRestarter):
    """Tells that a kernel died, and starts none in its place: that one would know nothing of the page."""

    restart_limit = 0
    time_to_dead = 1.0


class DashboardKernel(ReportKernelManager, ServerKernelManager):
    """A report's kernel, with what a server keeps of one; one that died stays dead, and its page says so."""

    def __init__(self, **kw: Any) -> None:
        # Ours is short enough for a socket's path, and tells nothing of the kernel's id.
        kw.pop("connection_file", None)
        kw["restarter_class"] = DeathWatch
        super().__init__(**kw)


class Kernels(AsyncMappingKernelManager):
    """Starts kernels for sessions within limits, and ends them.

    Raises
    ------
    FullError
        From :meth:`take`, where one more would be too many.
    """

    limits: Limits

    def __init__(self, limits: Limits | None = None, **kw: Any) -> None:
        kw.setdefault("kernel_manager_class", f"{__name__}.{DashboardKernel.__name__}")
        kw.setdefault("allowed_message_types", list(SPOKEN))
        kw.setdefault("buffer_offline_messages", False)
        kw.setdefault("allow_tracebacks", False)
        kw.setdefault("root_dir", "/")
        super().__init__(**kw)
        self.limits = limits or Limits()
        self.held: dict[str, Held] = {}
        self.warmth = Warmth()
        self._watch: asyncio.Task[None] | None = None
        self._is_stirred = False

    # ── Taking one, and whose it is ─────────────────────────────────────────────────────────────

    def take(self, session: str, run: str) -> str:
        """Keep a place for a kernel and return the id that it will have.

        Raises
        ------
        FullError
            If there are as many as there may be, in all or of this session.
        """
        mine = Counter(one.session for one in self.held.values())
        if mine[session] >= self.limits.most_of_one:
            raise FullError("yours")
        if len(self.held) >= self.limits.most:
            raise FullError("all")
        id_ = str(uuid.uuid4())
        self.held[id_] = Held(session, run)
        return id_

    async def begin(self, id_: str, folder: Path) -> str:
        """Start the kernel that a place was kept for, in a run's folder."""
        self._watch = self._watch or asyncio.create_task(self._keep_watch())
        started: str = await super().start_kernel(
            kernel_id=id_,
            kernel_name=report_kernel(),
            cwd=str(folder),
            # What it says beside its messages would stand among the gate's own lines, with names in it.
            stdout=DEVNULL,
            stderr=DEVNULL,
        )
        if id_ not in self.held:
            # Its page was closed while it started.
            await self.end(id_)
            raise RuntimeError("the page went before its kernel came")
        self._limit(id_)
        await asyncio.to_thread(self.warmth.renew)
        return started

    def _limit(self, id_: str) -> None:
        """Let a kernel hold less than one that makes a report, since there are many, and write no file.

        It reads a run that is approved: whatever a library may want to keep beside it, none is kept.
        """
        pid = getattr(self.get_kernel(id_).provisioner, "pid", None)
        if pid and sys.platform == "linux":
            import resource

            with suppress(OSError, ValueError):
                limit_memory(self.limits.memory_mb * 1_000_000, pid)
            with suppress(OSError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (PROBE_BYTES, PROBE_BYTES))

    async def end(self, id_: str) -> None:
        """End a kernel at once, if it is there still, and give its place free."""
        try:
            if id_ in self:
                with suppress(Exception):
                    self._tell(id_)
                with suppress(Exception):
                    await self.shutdown_kernel(id_, now=True)
        finally:
            self.held.pop(id_, None)

    def _tell(self, id_: str) -> None:
        """Tell whoever still looks at a kernel what they are told of one that died: their page says so."""
        watch = self.get_kernel(id_)._restarter
        for tell in tuple(watch.callbacks["dead"]) if watch else ():
            # Of those who hear of a death, the open pages alone: the manager has this kernel to end yet.
            if getattr(tell, "__name__", "") == "on_restart_failed":
                tell.__self__._send_status_message("dead")

    async def end_all(self) -> None:
        """End every kernel, and the watch over them."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self.warmth.end()
        await asyncio.gather(*(self.end(one) for one in {*self.held, *self.list_kernel_ids()}))

    def _handle_kernel_died(self, kernel_id: str) -> None:
        super()._handle_kernel_died(kernel_id)
        held = self.held.pop(kernel_id, None)
        log.warning("kernel died", extra={"about": {"run": held.run if held else ""}})

    # ── When one ends ───────────────────────────────────────────────────────────────────────────

    still: Callable[[str], Awaitable[bool]] | None = None

    def notify_connect(self, kernel_id: str) -> None:
        """Note that a page speaks to a kernel, however short: between two looks it can come and go."""
        super().notify_connect(kernel_id)
        if one := self.held.get(kernel_id):
            one.is_used = True

    async def _keep_watch(self) -> None:
        while True:
            await asyncio.sleep(self.limits.look_seconds)
            with suppress(Exception):
                await self.look_around()
            self._settle()

    def _settle(self) -> None:
        """Give memory back when the last page was closed: a gate is open for weeks, and busy for hours."""
        if self.held:
            self._is_stirred = True
        elif self._is_stirred:
            self._is_stirred = False
            give_back()

    async def look_around(self) -> None:
        """End what nobody looks at, what nobody touched for long, and what a session that ended had."""
        for id_ in set(self.list_kernel_ids()) - set(self.held):
            await self.end(id_)
        now = time.monotonic()
        goes_on: dict[str, bool] = {}
        for id_, one in list(self.held.items()):
            if one.session not in goes_on and self.still is not None:
                goes_on[one.session] = await self.still(one.session)
            if id_ not in self:
                # Being started, or dead and forgotten by now.
                if now - one.alone_since > self.limits.first_seconds:
                    await self.end(id_)
                continue
            if self._kernel_connections.get(id_, 0):
                one.alone_since = now
            alone = now - one.alone_since
            patience = self.limits.alone_seconds if one.is_used else self.limits.first_seconds
            if alone > patience or not goes_on.get(one.session, True) or self._is_idle(id_):
                await self.end(id_)

    def _is_idle(self, id_: str) -> bool:
        from jupyter_server._tz import utcnow

        since = utcnow() - self.get_kernel(id_).last_activity  # type: ignore[attr-defined]
        return bool(since.total_seconds() > self.limits.idle_seconds)


class FullError(Exception):
    """No place for one more kernel: "all" are taken, or "yours"."""
