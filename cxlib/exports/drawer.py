"""Vega in a process of its own: it draws while this one goes on, and what ends it ends no report.

Vega holds the interpreter while it draws. Beside this process it takes what the processors have left, and
begins with what every drawing needs before the first is asked for.

An order is a line of JSON, its answer another: text, or a picture in base64.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from functools import lru_cache
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final

# The Vega-Lite that Altair 6.3 writes for; another minor version would draw with a warning.
VEGALITE: Final = "6.4"
# Less than the kernels, which the report waits for; as much as it likes once they are done.
NICE: Final = 5
READY: Final = b"ready\n"
Order = Mapping[str, Any]
# What a chart needs whatever it shows: bars, axes, text.
_FIRST: Final = json.dumps({
    "data": {"values": [{"a": "A", "b": 1}]},
    "mark": "bar",
    "encoding": {"x": {"field": "b", "type": "quantitative"}, "y": {"field": "a", "type": "nominal"}},
})  # fmt: skip


class Drawer:
    """Takes orders, and has another process draw them one after the other; each answer comes when it comes.

    The process is started with the first order and ends with this one. Where none can be started, this one
    draws itself; an order that ends the process twice is answered with nothing.
    """

    def __init__(self) -> None:
        self._orders: SimpleQueue[tuple[Callable[[], Order], Future[str]]] = SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None
        # No process waits for drawings that nobody waits for.
        Thread(target=self._work, name="drawer", daemon=True).start()

    def ask(self, order: Callable[[], Order]) -> Future[str]:
        """Ask for a drawing; the order is written when its turn comes, all earlier ones being done."""
        answer: Future[str] = Future()
        self._orders.put((order, answer))
        return answer

    def _work(self) -> None:
        while True:
            order, answer = self._orders.get()
            try:
                answer.set_result(self._answer(order()))
            except BaseException as error:
                # Whoever waits for it gets it.
                answer.set_exception(error)

    def _answer(self, order: Order) -> str:
        line = json.dumps(order).encode() + b"\n"
        for _ in range(2):
            try:
                process = self._process = self._process or _started()
            except OSError:
                return draw(order)
            with suppress(OSError):
                said = _said(process, line)
                if said.endswith(b"\n"):
                    return str(json.loads(said))
            process.kill()
            process.wait()
            self._process = None
        return ""


def drawer() -> Drawer:
    """Return this process's drawer; a forked one has its own."""
    return _drawer(os.getpid())


@lru_cache(maxsize=1)
def _drawer(_pid: int) -> Drawer:
    return Drawer()


def _started() -> subprocess.Popen[bytes]:
    """Start the process that draws.

    Raises
    ------
    OSError
        If it cannot be started.
    """
    process = subprocess.Popen(  # noqa: S603
        [sys.executable or "python", "-m", "cxlib.exports.drawer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )
    if process.stdout is None or process.stdout.readline() != READY:
        process.kill()
        process.wait()
        raise OSError("the process that draws charts did not start")
    return process


def _said(process: subprocess.Popen[bytes], line: bytes) -> bytes:
    if process.stdin is None or process.stdout is None:
        return b""
    process.stdin.write(line)
    process.stdin.flush()
    return process.stdout.readline()


def draw(order: Order) -> str:
    """Draw what is asked for, in this process.

    Parameters
    ----------
    order
        `folder` of fonts; and `spec` and `config`, JSON each, for an SVG drawing, nothing where Vega cannot
        draw it; or `svg` and `scale` for a PNG picture in base64; or none of these, to begin with.
    """
    vega = _vega(order["folder"])
    with suppress(ValueError):
        if "svg" in order:
            return base64.b64encode(vega.svg_to_png(order["svg"], scale=order["scale"])).decode()
        # Read here: Vega's own reader of JSON is off by the last bit of some numbers.
        spec, config = json.loads(order.get("spec", _FIRST)), json.loads(order.get("config", "{}"))
        return str(vega.vegalite_to_svg(spec, vl_version=VEGALITE, config=config, allowed_base_urls=[]))
    return ""


@lru_cache(maxsize=1)
def _vega(folder: str) -> Any:
    """Load the drawer, once it knows the fonts."""
    import vl_convert

    vl_convert.register_font_directory(folder)
    return vl_convert


def main() -> None:
    """Answer orders until nobody can give any more."""
    # Whoever interrupts a command interrupts what gave the orders.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(NICE)
    # What Vega itself may print is no answer.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    out.write(READY)
    out.flush()
    for line in sys.stdin.buffer:
        out.write(json.dumps(draw(json.loads(line))).encode() + b"\n")
        out.flush()


if __name__ == "__main__":
    main()
