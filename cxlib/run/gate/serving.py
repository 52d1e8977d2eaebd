"""`cx serve`: one process, which says where it is and ends when it is asked to, with what it began."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from socket import socket
from typing import Final

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from cxlib.errors import SettingsError
from cxlib.run.gate.dashboards import Dashboards
from cxlib.run.gate.gate import Gate
from cxlib.run.gate.kernels import Limits
from cxlib.run.gate.operating import log, log_to_stderr
from cxlib.run.gate.rules import Route
from cxlib.settings import LOCAL_GATE, Settings
from cxlib.store import Store

# Nobody uploads anything here: a form is a few lines.
MOST_BYTES: Final = 64 * 1024
HEADER_BYTES: Final = 16 * 1024
IDLE_SECONDS: Final = 75.0
LAST_SECONDS: Final = 20.0


def serve(
    settings: Settings,
    *,
    host: str = "127.0.0.1",
    port: int = 8866,
    url: str = "",
    more: Sequence[Route] = (),
    limits: Limits | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Serve until SIGTERM or SIGINT; then take no more, finish what was begun, and return.

    Parameters
    ----------
    port
        0 takes a free one.
    url
        Where clients reach it; by default the setting's, or where it listens if that says nothing.
    limits
        How many kernels the dashboards may have, and for how long.

    Raises
    ------
    SettingsError
        If the port is taken, or the address is none of this machine's.
    """
    try:
        sockets = bind_sockets(port, host)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}", fix="Choose another --port."
        ) from None
    log_to_stderr()
    asyncio.run(_serve(settings, sockets, url, more, limits, say))


async def _serve(
    settings: Settings,
    sockets: list[socket],
    url: str,
    more: Sequence[Route],
    limits: Limits | None,
    say: Callable[[str], None],
) -> None:
    host, port, *_ = sockets[0].getsockname()
    place = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    # Who says no address and another port means that port.
    if not url and settings.gate_url == LOCAL_GATE:
        url = place
    dashboards = Dashboards(settings, limits)
    gate = Gate(settings, Store.open(settings), url=url, more=(*dashboards.routes, *more))
    gate.warm()
    await gate.ask(dashboards.start, gate)
    server = HTTPServer(
        gate.application,
        max_body_size=MOST_BYTES,
        max_header_size=HEADER_BYTES,
        idle_connection_timeout=IDLE_SECONDS,
        body_timeout=IDLE_SECONDS,
    )
    server.add_sockets(sockets)
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, ending.set)
    log.info("started", extra={"about": {"listening": place, "public": gate.settings.gate_url}})
    if not (gate.is_secure or gate.is_local):
        say("Without https, links and passwords can be read by everybody on their way.")
    say(f"The gate is open at {place}, for clients at {gate.settings.gate_url}")
    try:
        await ending.wait()
        log.info("ending")
        server.stop()
        deadline = loop.time() + LAST_SECONDS
        while gate.application.running and loop.time() < deadline:
            await asyncio.sleep(0.05)
        await server.close_all_connections()
    finally:
        await dashboards.close()
        gate.close()
        log.info("ended")
