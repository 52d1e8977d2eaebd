"""A gate to be measured: the example's run published by `cx` itself, served by a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ENGAGEMENT = "harbour"


@dataclass(frozen=True)
class Served:
    """A gate that answers: its process, its address, a link that opens it, and the run's folder."""

    pid: int
    url: str
    link: str
    folder: Path

    @property
    def dashboard(self) -> str:
        return f"/runs/{self.folder.name}/dashboard"


def published(home: Path) -> Path:
    """Make the example in a home, unless it is there, and publish its run; return the run's folder."""
    if not (home / "reports" / "out" / ENGAGEMENT).is_dir():
        cx(home, "demo")
    run = sorted((home / "reports" / "out" / ENGAGEMENT).glob("*/*"))[-1]
    cx(home, "approve", run.name, "--by", "bench")
    cx(home, "publish", run.name)
    return run


@contextmanager
def gate(home: Path, run: Path, *options: str) -> Iterator[Served]:
    """Serve a published run until it is no longer wanted."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    told = json.loads(cx(home, "link", ENGAGEMENT, "--to", "bench", "--url", url, "--json"))
    link = next(one for one in told.values() if str(one).startswith(url)).removeprefix(url)
    command = ["cxlib", "serve", "--port", str(port), "--url", url, *options]
    with serving(command, port, CX_HOME=str(home)) as pid:
        yield Served(pid, url, link, run.resolve())


def cx(home: Path, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "cxlib", *args],
        env={**os.environ, "CX_HOME": str(home)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def serving(command: list[str], port: int, **environment: str) -> Iterator[int]:
    """Run a server until it is no longer wanted; gives its process id once it answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command], env={**os.environ, **environment},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while True:
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if time.monotonic() > until or process.poll() is not None:
                raise RuntimeError(f"{command[0]} did not begin to serve")
            time.sleep(0.1)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
