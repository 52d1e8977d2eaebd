"""Readers of dashboards without a browser: each opens a page, speaks to its kernel as the page's front end
does, chooses, and goes. A hundred of them cost less than one browser's tab."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from uuid import uuid4

from tornado.httpclient import HTTPRequest, HTTPResponse
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.websocket import WebSocketClientConnection, websocket_connect

_KERNEL = re.compile(r'"kernelId":"([0-9a-f-]*)"')
LONGEST = 180.0


@dataclass
class Reader:
    """Somebody with a session of their own.

    Attributes
    ----------
    kernel : the id of the kernel behind the page that is open; empty where none was to be had.
    states : the widgets of that page by id, as their kernel told them.
    retry_after : when somebody who was refused is to come again [s].
    """

    url: str
    cookie: str = ""
    kernel: str = ""
    page: str = ""
    retry_after: str = ""
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    _socket: WebSocketClientConnection | None = None
    _session: str = field(default_factory=lambda: uuid4().hex)

    async def let_in(self, link: str) -> Reader:
        """Open a private link and keep its session's cookie."""
        answer = await self._ask("GET", link, follow_redirects=False)
        assert answer.code == 303, answer.code
        told = SimpleCookie()
        for line in answer.headers.get_list("Set-Cookie"):
            told.load(line)
        self.cookie = "; ".join(f"{name}={one.value}" for name, one in told.items() if one.value)
        return self

    async def open(self, path: str) -> int:
        """Open a dashboard's page to its end; return its status."""
        answer = await self._ask("GET", path)
        self.page = answer.body.decode()
        found = _KERNEL.search(self.page)
        self.kernel = found[1] if found else ""
        self.retry_after = answer.headers.get("Retry-After", "")
        return int(answer.code)

    async def meet(self) -> None:
        """Connect to the page's kernel and ask for all its widgets, as the front end does."""
        path = f"/live/api/kernels/{self.kernel}/channels?session_id={self._session}"
        request = HTTPRequest(
            self.url.replace("http", "ws", 1) + path,
            headers={"Cookie": self.cookie, "Origin": self.url},
            request_timeout=LONGEST, connect_timeout=LONGEST,
        )  # fmt: skip
        self._socket = await websocket_connect(request, max_message_size=64 << 20)
        await self._say("kernel_info_request", {})
        comm = uuid4().hex
        opening = {"comm_id": comm, "target_name": "jupyter.widget.control", "data": {}}
        await self._say("comm_open", opening, metadata={"version": "1.0.0"})
        await self._say("comm_msg", {"comm_id": comm, "data": {"method": "request_states"}})

        def told(content: dict[str, Any]) -> bool:
            return content.get("comm_id") == comm and content["data"].get("method") == "update_states"

        states = (await self._hear(told))["data"]["states"]
        self.states = {id_: one["state"] | {"_model": one["model_name"]} for id_, one in states.items()}

    async def choose(self, label: str, index: int) -> float:
        """Choose in a list, and wait until a sentence answers; return how long that took [s]."""
        id_ = next(id_ for id_, one in self.states.items() if one.get("description") == label)
        return await self._set(id_, {"index": index})

    async def slide(self, at: int, value: float) -> float:
        """Set a slider, by its place among them, and wait until a sentence answers; return seconds."""
        found = [id_ for id_, one in self.states.items() if one["_model"] == "FloatSliderModel"]
        return await self._set(found[at], {"value": value})

    async def _set(self, id_: str, state: dict[str, Any]) -> float:
        began = time.perf_counter()
        said = {"method": "update", "state": state, "buffer_paths": []}
        await self._say("comm_msg", {"comm_id": id_, "data": said})

        def answers(content: dict[str, Any]) -> bool:
            if content.get("data", {}).get("method") != "update":
                return False
            return "cx-said" in str(content["data"]["state"].get("value", ""))

        await self._hear(answers)
        return time.perf_counter() - began

    async def leave(self, *, politely: bool = True) -> None:
        """Close the page: a browser tells so by a beacon; one that is killed only hangs up."""
        if politely:
            path = f"/live/voila/api/shutdown/{self.kernel}"
            answer = await self._ask("POST", path, body="", headers={"Sec-Fetch-Site": "same-origin"})
            assert answer.code in (204, 403), answer.code
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self.kernel, self.page, self.states = "", "", {}

    async def _ask(self, method: str, path: str, **more: Any) -> HTTPResponse:
        headers = {**more.pop("headers", {}), **({"Cookie": self.cookie} if self.cookie else {})}
        client = SimpleAsyncHTTPClient(force_instance=True, max_body_size=64 << 20)
        try:
            return await client.fetch(
                HTTPRequest(
                    self.url + path, method, headers=headers, request_timeout=LONGEST,
                    connect_timeout=LONGEST, **more,
                ),
                raise_error=False,
            )  # fmt: skip
        finally:
            client.close()

    async def _say(self, kind: str, content: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
        assert self._socket is not None
        header = {
            "msg_id": uuid4().hex, "msg_type": kind, "session": self._session, "username": "",
            "version": "5.3", "date": "",
        }  # fmt: skip
        message = {
            "header": header, "parent_header": {}, "metadata": metadata or {}, "content": content,
            "channel": "shell", "buffers": [],
        }  # fmt: skip
        await self._socket.write_message(json.dumps(message))

    async def _hear(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for a message whose content is the wanted one; whatever else comes is let go."""
        assert self._socket is not None
        until = time.monotonic() + LONGEST
        while True:
            told = await asyncio.wait_for(self._socket.read_message(), until - time.monotonic())
            if told is None:
                raise ConnectionError("the gate hung up")
            content = json.loads(told).get("content", {}) if isinstance(told, str) else {}
            if wanted(content):
                return dict(content)


# ── What a machine holds meanwhile ──────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Held:
    """What processes hold: memory [MB of 10⁶ bytes, shared pages by their share], descriptors, threads.

    `own_mb` is the memory that is no file's: what of a library is in memory counts less as more processes of
    the machine have it.
    """

    mb: float
    own_mb: float
    descriptors: int
    threads: int


def held(pid: int) -> Held:
    """Say what a process holds."""
    place = Path("/proc") / str(pid)
    told = (place / "smaps_rollup").read_text()
    found = (re.search(rf"^{name}:\s+(\d+) kB", told, re.MULTILINE) for name in ("Pss", "Pss_Anon"))
    return Held(
        *(int(one[1]) * 1024 / 1e6 if one else 0.0 for one in found),
        len(list((place / "fd").iterdir())),
        len(list((place / "task").iterdir())),
    )


def uss_mb(pid: int) -> float:
    """Return the memory that a process shares with no other [MB of 10⁶ bytes]."""
    told = (Path("/proc") / str(pid) / "smaps_rollup").read_text()
    return (
        sum(int(kb) for kb in re.findall(r"^Private_(?:Clean|Dirty):\s+(\d+) kB", told, re.MULTILINE))
        * 1024
        / 1e6
    )


def children(pid: int) -> set[int]:
    """Name the processes that a process started and that still run, zombies left out."""
    found = set()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (place / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.add(int(place.name))
    return found


def is_alive(pid: int) -> bool:
    return (Path("/proc") / str(pid)).exists()


def kernels_in(folder: Path) -> set[int]:
    """Name the forked kernels that work in a run's folder; other gates of this machine have others."""
    found = set()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if (place / "comm").read_text().strip() == "cx-kernel" and (place / "cwd").readlink() == folder:
                found.add(int(place.name))
        except OSError:
            continue
    return found


def parent_of(pid: int) -> int:
    """Return the process that a process was started by."""
    return int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
