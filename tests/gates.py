"""A gate that runs in a thread, runs made by hand for it, and a browser that keeps its cookies."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import shutil
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zlib import crc32

from nbformat import v4
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from cxlib.exports.document import Cover
from cxlib.run.gate.dashboards import Dashboards
from cxlib.run.gate.gate import Gate
from cxlib.run.gate.kernels import Limits
from cxlib.run.gate.passwords import hashed
from cxlib.run.gate.rules import Route
from cxlib.run.pages import render
from cxlib.settings import Settings, read_settings
from cxlib.store import Store

nb: Any = v4
PASSWORD = "correct horse battery"
MADE = "2026-03-24T09:30:00+00:00"
SEQUENCE = (
    "position", "position_low", "position_high", "excess_share", "excess_share_low", "excess_share_high",
    "raw", "effective",
)  # fmt: skip
# Argon2 takes its time by design; the tests ask for it once.
HASH = hashed(PASSWORD)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "replace")

    @property
    def form(self) -> str:
        """The token of the page's form."""
        return self.text.partition('name="form" value="')[2].partition('"')[0]


@dataclass
class Browser:
    """Asks a gate as a browser does, one request at a time; it keeps cookies and follows nothing."""

    address: tuple[str, int]
    cookies: dict[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()

    def ask(self, method: str, path: str, form: Mapping[str, str] | None = None, **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = urlencode(form) if form is not None else None
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection(*self.address, timeout=60)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            found = Answer(answer.status, dict(answer.getheaders()), answer.read())
            for line in answer.headers.get_all("Set-Cookie") or ():
                for name, morsel in SimpleCookie(line).items():
                    self.cookies[name] = morsel.value
                    if not morsel.value:
                        del self.cookies[name]
            return found
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def post(self, path: str, form: Mapping[str, str], **headers: str) -> Answer:
        return self.ask("POST", path, form, **headers)

    def sign_in(self, name: str, password: str = PASSWORD) -> Answer:
        form = self.get("/login").form
        return self.post("/login", {"form": form, "name": name, "password": password})


@dataclass(frozen=True)
class Running:
    """A gate that answers, and the store behind it."""

    gate: Gate
    port: int
    dashboards: Dashboards
    loop: asyncio.AbstractEventLoop

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do something in the gate's own loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def access(self) -> Any:
        return self.gate.access

    def browser(self) -> Browser:
        return Browser(("127.0.0.1", self.port))

    def publish(self, folder: Path) -> str:
        """Publish a run by hand and return its id."""
        self.access.publish(folder.name, folder.parent.parent.name, folder.parent.name, actor="test")
        return folder.name

    def link(self, engagement: str, name: str = "Erika", *, days: float = 30, once: bool = False) -> str:
        """Mint a link and return the path that opens it."""
        minted = self.gate.signatures.mint()
        self.access.add_link(
            minted.id, engagement, name, minted.digest, timedelta(days=days), once=once, actor="test"
        )
        return f"/open/{minted.token}"

    def client(self, engagement: str, name: str = "Erika") -> Browser:
        """Return a browser that opened a link."""
        browser = self.browser()
        answer = browser.get(self.link(engagement, name))
        assert (answer.status, answer.headers["Location"]) == (303, "/results")
        return browser

    def facilitator(self, name: str = "ann", engagements: Sequence[str] = ()) -> Browser:
        """Return a browser that signed in."""
        self.access.add_account(name, HASH, engagements, actor="test")
        browser = self.browser()
        assert browser.sign_in(name).status == 303
        return browser


@contextmanager
def running(
    home: Path, *, url: str = "", more: Sequence[Route] = (), limits: Limits | None = None
) -> Iterator[Running]:
    """Run a gate in a thread of its own, as `cx serve` runs it in a process; with limits, with dashboards."""
    settings = settings_of(home)
    sockets = bind_sockets(0, "127.0.0.1")
    port = sockets[0].getsockname()[1]
    started, ending, held = threading.Event(), [], []

    async def run() -> None:
        dashboards = Dashboards(settings, limits)
        routes = (*more, *(dashboards.routes if limits else ()))
        gate = Gate(settings, Store.open(settings), url=url or f"http://127.0.0.1:{port}", more=routes)
        if limits:
            await gate.ask(dashboards.start, gate)
        server = HTTPServer(gate.application, max_body_size=64 * 1024)
        server.add_sockets(sockets)
        end = asyncio.Event()
        ending.extend([asyncio.get_running_loop(), end])
        held.extend([gate, dashboards])
        started.set()
        await end.wait()
        server.stop()
        await server.close_all_connections()
        await dashboards.close()
        gate.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert started.wait(60)
    try:
        yield Running(held[0], port, held[1], ending[0])
    finally:
        ending[0].call_soon_threadsafe(ending[1].set)
        thread.join(30)


def settings_of(home: Path) -> Settings:
    return read_settings({"CX_HOME": str(home)})


def make_run(
    home: Path,
    engagement: str,
    *,
    wave: str = "2026",
    number: int = 1,
    client: str = "",
    wave_name: str = "",
    unit: str = "",
    dimension: str = "Hotel",
    language: str = "en",
    body: str = "",
    approved: bool = True,
) -> Path:
    """Write a run's folder as `make_report` leaves it, with a page of ours and exports of a few bytes."""
    folder = settings_of(home).runs / engagement / wave / f"20260324T0930{number:02}Z-{number:08x}"
    (folder / "extract").mkdir(parents=True)
    (folder / "notebooks").mkdir()
    cover = Cover(
        client=client or engagement, wave=wave_name or wave, title="Customer experience assessment",
        date=None, framework="cx7 1.0.0", run=folder.name, is_draft=not approved,
    )  # fmt: skip
    lead = f'<p class="cx-lead">Where {engagement} stands.</p>'
    cells = [nb.new_markdown_cell(f"# Overview\n\n{body}"), nb.new_code_cell("", outputs=[_html(lead)])]
    (folder / "report.html").write_text(render([nb.new_notebook(cells=cells)], cover), encoding="utf-8")
    for name in ("report.pdf", "report.docx", "report.xlsx", "report.pptx"):
        (folder / name).write_text(f"{name} of {engagement} {client}", encoding="utf-8")
    found = {
        "engagement": engagement, "client": client or engagement, "framework": "cx7 1.0.0", "data_date": "",
        "wave": {"id": wave, "name": wave_name or wave, "date": "2026-03-20"},
        "sequence": {**dict.fromkeys(SEQUENCE, 0.0), "start_here": ["s1"]},
        "scores": {"everyone": [{"kind": "step", "id": "s1", "name": f"Step {client}"}]},
        "participation": [{"n": 40}],
    }  # fmt: skip
    (folder / "results.json").write_text(json.dumps(found), encoding="utf-8")
    (folder / "notebooks" / "0_overview.ipynb").write_text("secret code", encoding="utf-8")
    facts = {
        "engagement": engagement, "client": client or engagement, "wave": wave, "language": language,
        "framework": "cx7 1.0.0 abc", "segments": {"hotel": dimension},
        "waves": [{"id": wave, "name": wave_name or wave, "date": "2026-03-20"}],
    }  # fmt: skip
    (folder / "extract" / "extract.json").write_text(json.dumps(facts), encoding="utf-8")
    manifest = {
        "run": folder.name, "engagement": engagement, "wave": wave, "made_at": MADE,
        "segment": ["hotel", unit] if unit else [], "commentary": 0,
        "approved": {"by": "Ann", "at": MADE, "results": ""} if approved else None,
        "files": digests(folder),
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _html(text: str) -> Any:
    return nb.new_output("display_data", {"text/html": text})


def example(home: Path, made: Path, *, engagement: str = "harbour", canary: str = "") -> Path:
    """Put the example's run into another home, approved; with a canary, as another client's.

    The canary then stands in its client's name, its waves', its segments', its page and its consultancy's.
    """
    folder = settings_of(home).runs / engagement / "2026-spring" / made.name
    shutil.copytree(made, folder)
    if canary:
        # Of the same extract, but a run of its own.
        folder = folder.rename(folder.with_name(f"{made.name[:-8]}{crc32(canary.encode()):08x}"))
        path = folder / "extract" / "extract.json"
        facts = json.loads(path.read_text(encoding="utf-8"))
        facts |= {"engagement": engagement, "client": f"Client {canary}"}
        facts["segments"] = {dim: f"{name} {canary}" for dim, name in facts["segments"].items()}
        for wave in facts["waves"]:
            wave["name"] += f" {canary}"
        path.write_text(json.dumps(facts), encoding="utf-8")
        for name in ("report.html", "results.json"):
            text = (folder / name).read_text(encoding="utf-8")
            text = text.replace("Harbour Hotels", f"Harbour Hotels {canary}")
            (folder / name).write_text(text.replace('"harbour"', f'"{engagement}"'), encoding="utf-8")
        for path in (folder / "notebooks").iterdir():
            # As JSON writes it in a line of code: the parameter that names the engagement.
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace('\\"harbour\\"', f'\\"{engagement}\\"'), encoding="utf-8")
        brand(folder, f"House {canary}")
    approve_by_hand(folder, engagement)
    return folder


ACCENT, COVER = "#7a1f3d", "#2b1020"


def brand(folder: Path, name: str) -> None:
    """Let a run have been made with a consultancy's look; its manifest has to be written anew."""
    (folder / "branding").mkdir()
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20"/></svg>'
    )
    (folder / "branding" / "logo.svg").write_text(drawing, encoding="utf-8")
    colours = {"accent": ACCENT, "cover": COVER}
    text = json.dumps({"name": name, "line": "In sequence", "logo": "logo.svg", "colours": colours})
    (folder / "branding" / "branding.yaml").write_text(text, encoding="utf-8")


def approve_by_hand(folder: Path, engagement: str) -> None:
    """Let a run's manifest say that it is approved, whose it is, and what its files are now."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest |= {
        "run": folder.name,
        "engagement": engagement,
        "approved": {"by": "Ann", "at": "2026-04-01T08:00:00+00:00", "results": ""},
        "files": {name: one for name, one in digests(folder).items() if name != "manifest.json"},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
