"""Who counts, and who converts the parts of a dataset: processes of this machine, or a Dask cluster.

Each is a :data:`cxlib.shares.Spread`. A call whose worker was lost is made again by another one; what it
gives is the same, so nobody can tell.
"""

from __future__ import annotations

import os
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from cxlib.errors import CxError, ReportError, SettingsError
from cxlib.shares import Spread

if TYPE_CHECKING:
    from distributed import Client

# How often a call is made whose worker is lost: a full memory would kill the next one, too.
TRIES = 3


def over_processes(count: int) -> Spread:
    """Spread calls over `count` processes of this machine; one process is this one.

    They start with the first call and stay for the next: loading what they need takes seconds.
    """
    if count == 1:
        return map
    pools: list[ProcessPoolExecutor] = []

    def spread(work: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Any]:
        waiting = deque(tasks)
        lost = 0
        while waiting:
            if not pools:
                method = "forkserver" if os.name == "posix" else "spawn"
                pools.append(ProcessPoolExecutor(count, mp_context=get_context(method)))
            running = [pools[0].submit(work, task) for task in waiting]
            try:
                for one in running:
                    yield one.result()
                    waiting.popleft()
                    lost = 0
            except BrokenProcessPool:
                pools.clear()
                lost += 1
                if lost == TRIES:
                    raise _lost(waiting[0]) from None
            finally:
                # Whoever is at work still writes: nobody may clear up before they are done.
                for one in running:
                    one.cancel()
                wait(running)

    return spread


def over_cluster(address: str) -> Spread:
    """Spread calls over the workers of a Dask cluster that see the same folders as this machine.

    Raises
    ------
    SettingsError
        When it is called, if no scheduler answers.
    """

    def spread(work: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Any]:
        with connected(address) as client:
            from distributed import KilledWorker
            from distributed import wait as wait_for

            # A call that is lost with its worker is given to another one by the scheduler.
            running = [
                (task, client.submit(work, task, key=f"{work.__name__}-{secrets.token_hex(6)}", pure=False))
                for task in tasks
            ]
            try:
                while running:
                    task, one = running.pop(0)
                    try:
                        yield one.result()
                    except KilledWorker:
                        raise _lost(task) from None
                    one.release()
            finally:
                # What has begun cannot be called back; it writes until it is done.
                if running:
                    at_work = {key for keys in client.processing().values() for key in keys}
                    client.cancel([one for _, one in running if one.key not in at_work])
                    if begun := [one for _, one in running if one.key in at_work]:
                        with client.as_current():
                            wait_for(begun)

    return spread


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """Connect to a Dask scheduler.

    Raises
    ------
    SettingsError
        If it is no address, none answers there, or the package is not installed.
    """
    try:
        from distributed import Client
        from distributed.comm.addressing import get_address_host_port
    except ImportError:
        raise SettingsError(
            "the package distributed is not installed",
            fix="pip install 'cxlib[cluster]', here and on its workers.",
        ) from None
    try:
        # Of an address that is none a client is half made, and takes 20 s and a traceback to end.
        get_address_host_port(address)
    except ValueError as error:
        raise SettingsError(
            f"no address of a Dask scheduler: {address} ({error})", fix="Write it as tcp://HOST:PORT."
        ) from None
    try:
        client = Client(address, timeout="10s", set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise SettingsError(
            f"no Dask scheduler answers at {address} ({type(error).__name__})",
            fix="Start one with `dask scheduler`, and workers with `dask worker ADDRESS --nthreads 1`.",
        ) from None
    with client:
        yield client


def _lost(task: Any) -> CxError:
    part = getattr(task, "part", task)
    what = getattr(part, "name", None) or getattr(part, "path", part)
    return ReportError(
        f"{TRIES} workers in a row were lost over {what}; nothing was kept",
        fix="Look for a full memory; smaller parts, or fewer processes a machine, need less.",
    )
