"""Who reaches what: every route that the application has, asked by everybody, for everybody's ids.

The matrix is made from the application's own routes. What each rule means is written here a second time, on
purpose: a rule that is changed in the code fails here until somebody has thought about it.
"""

from __future__ import annotations

import base64
import inspect
import io
import os
import pkgutil
import socket
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from tornado.web import RequestHandler, StaticFileHandler
from tornado.websocket import WebSocketHandler

from cxlib.errors import ContractError
from cxlib.run import gate as package
from cxlib.run.gate.dashboards import POLICY, Dashboards
from cxlib.run.gate.gate import Nowhere, Started
from cxlib.run.gate.guard import Guarded
from cxlib.run.gate.kernels import Kernels, Limits
from cxlib.run.gate.portal import Answer as Page
from cxlib.run.gate.routes import ROUTES
from cxlib.run.gate.rules import Route, Rule
from cxlib.settings import read_settings
from tests.gates import Answer, Browser, Running, example, make_run, running
from tests.made import Made

UNKNOWN = "20260101T000000Z-00000000"


class Socket(WebSocketHandler):
    """A websocket of another package, which lets everybody in."""

    def check_origin(self, origin: str) -> bool:
        return True

    def open(self, run: str) -> None:
        self.write_message("reached")


class Foreign(RequestHandler):
    """A handler of another package that has its own `prepare`, and forgets every header."""

    def prepare(self) -> None:
        self.set_header("Content-Security-Policy", "default-src *")
        self.prepared = True

    def get(self, run: str) -> None:
        assert self.prepared
        self.finish("reached")

    post = get


@dataclass(frozen=True)
class World:
    """A gate with two clients, and everybody who may come to it."""

    here: Running
    callers: dict[str, Browser]
    runs: dict[str, str]
    links: dict[str, str]
    kernels: dict[str, str]


@pytest.fixture(scope="module")
def world(demo: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two clients with the example's report and a live kernel each, a draft, and what was not published."""
    home = tmp_path_factory.mktemp("world")
    static = tmp_path_factory.mktemp("static")
    (static / "report.pdf").write_text("reached")
    folders = {
        "a": example(home, demo.folder, engagement="alpha", canary="CANARY-A"),
        "b": example(home, demo.folder, engagement="beta", canary="CANARY-B"),
        "draft": make_run(home, "alpha", number=3, client="CANARY-A", approved=False),
        "kept": make_run(home, "beta", number=4, client="CANARY-B"),
    }
    more = [
        Route("foreign", "/runs/{run}/foreign", Foreign, Rule.RUN, is_beacon=True),
        Route("channel", "/runs/{run}/channel", Socket, Rule.RUN),
        Route("statics", "/runs/{run}/static/{file}", Static, Rule.RUN, options={"path": str(static)}),
    ]
    with running(home, more=more, limits=Limits(look_seconds=600.0)) as here:
        runs = {name: folder.name for name, folder in folders.items()}
        for name in ("a", "b", "draft"):
            # A draft that somebody wrote into the table is no more out than before.
            here.publish(folders[name])
        callers = {
            "nobody": here.browser(),
            "a": here.client("alpha", "CANARY-A link"),
            "b": here.client("beta", "CANARY-B link"),
            "facilitator": here.facilitator("ann"),
            "facilitator of a": here.facilitator("bob", ["alpha"]),
        }
        held: Kernels = here.dashboards.voila.kernels
        kernels = {}
        for name in ("a", "b"):
            session = here.gate.signatures.read_cookie(callers[name].cookies["cx-client"])
            kernels[name] = held.take(session, runs[name])
            here.do(held.begin(kernels[name], folders[name]))
        # No further one: a dashboard then shows what is published, and says so.
        held.limits = Limits(most=0)
        links = {"a": here.link("alpha"), "b": here.link("beta")}
        yield World(here, callers, {**runs, "none": UNKNOWN}, links, kernels)


NO_KERNEL = "00000000-0000-4000-8000-000000000000"


class Static(StaticFileHandler):
    """Files of another package."""

    async def get(self, run: str, file: str) -> None:  # type: ignore[override]
        await super().get(file)


# Which rule each route has, a second time: a new route, or another rule, stands here or fails.
RULES = {
    "start": Rule.OPEN, "open": Rule.OPEN, "login": Rule.OPEN, "asset": Rule.OPEN, "health": Rule.OPEN,
    "portal": Rule.CLIENT, "leave": Rule.CLIENT,
    "report": Rule.RUN, "file": Rule.RUN, "everything": Rule.RUN,
    "engagements": Rule.FACILITATOR, "engagement": Rule.ENGAGEMENT, "portfolio": Rule.FACILITATOR,
    "audit": Rule.FACILITATOR, "logout": Rule.FACILITATOR,
    "metrics": Rule.OPERATOR,
    "brand": Rule.RUN,
    "dashboard": Rule.RUN, "chapter": Rule.RUN, "kernel": Rule.KERNEL, "channels": Rule.KERNEL,
    "ending": Rule.KERNEL, "front-end": Rule.OPEN,
}  # fmt: skip

# What each rule means, a second time: who reaches whose.
OWNER = {"a": "alpha", "b": "beta", "draft": "alpha", "kept": "beta", "none": ""}
SEES = {"facilitator": {"alpha", "beta"}, "facilitator of a": {"alpha"}}
CLIENTS = {"a": "a", "b": "b"}


def may(rule: Rule, caller: str, whose: str) -> bool:
    if rule is Rule.OPEN:
        return True
    if rule is Rule.CLIENT:
        return caller in CLIENTS
    if rule is Rule.RUN:
        return CLIENTS.get(caller) == whose or OWNER[whose] in SEES.get(caller, set())
    if rule is Rule.KERNEL:
        return CLIENTS.get(caller) == whose
    if rule in (Rule.FACILITATOR, Rule.OPERATOR):
        return caller in SEES
    assert rule is Rule.ENGAGEMENT
    return OWNER[whose] in SEES.get(caller, set())


CALLERS = ("nobody", "a", "b", "facilitator", "facilitator of a")
NAMED = {"run", "engagement", "kernel"}


def targets(route: Route) -> tuple[str, ...]:
    return tuple(OWNER) if NAMED & set(route.path.replace("}", "{").split("{")[1::2]) else ("a",)


def path_of(world: World, route: Route, whose: str) -> str:
    names = {
        "run": world.runs[whose],
        "engagement": OWNER[whose] or "gamma",
        "kernel": world.kernels.get(whose, NO_KERNEL),
        # A chapter without live figures, so that nothing is started.
        "chapter": "business_case",
        "version": world.here.dashboards.front_end.version,
        "part": "static/voila.js",
        "file": "report.pdf",
        "token": world.links.get(whose, world.links["a"]).rpartition("/")[2],
        "asset": world.here.gate.assets.address("", "page").rpartition("/")[2],
    }
    return route.address("", **{name: names[name] for name in route.path.replace("}", "{").split("{")[1::2]})


def reached(answer: Answer) -> bool:
    """Tell whether the handler answered, and not the guard: also that it has no such method, or is full."""
    if answer.status == 303:
        return answer.headers["Location"] != "/login"
    return answer.status < 400 or answer.status in (405, 503)


def is_socket(route: Route) -> bool:
    return issubclass(route.handler, WebSocketHandler)


def test_the_matrix_has_every_route_that_the_application_serves(world: World) -> None:
    served = world.here.gate.application.wildcard_router.rules
    assert [rule.target for rule in served] == [
        rule.target for rule in served if issubclass(rule.target, Guarded)
    ]
    assert [rule.target.route for rule in served] == list(world.here.gate.routes)
    assert {*ROUTES, *world.here.dashboards.routes} < set(world.here.gate.routes)
    assert {route.name: route.rule for route in (*ROUTES, *world.here.dashboards.routes)} == RULES
    # Of these the test has brought some itself.
    assert len(world.here.gate.routes) == len(RULES) + 3
    # Beside those of the routes there is no way in.
    assert (
        world.here.gate.application.default_router.rules[-1].target
        is world.here.gate.application.wildcard_router
    )


def test_every_caller_on_every_route_for_everybodys_ids(world: World) -> None:
    asked, wrong = 0, []
    for route in world.here.gate.routes:
        if is_socket(route):
            continue
        for caller, whose in product(CALLERS, targets(route)):
            browser = world.callers[caller]
            kept = dict(browser.cookies)
            answer = browser.get(path_of(world, route, whose))
            # Opening a link or leaving changes who one is: for the matrix everybody stays who they are.
            browser.cookies = kept
            asked += 1
            expected = may(route.rule, caller, whose)
            if reached(answer) != expected:
                wrong.append((route.name, caller, whose, answer.status))
    assert wrong == []
    assert asked > 250


def test_a_websocket_opens_for_those_who_may_and_for_no_other_page(world: World) -> None:
    sockets = 0
    for route in world.here.gate.routes:
        sockets += is_socket(route)
        # Of a route that is none, no origin makes one.
        origins = (world.here.url, "https://evil.example", "http://127.0.0.1:1", None)
        for caller, whose in product(CALLERS, targets(route)):
            path = path_of(world, route, whose)
            for origin in origins if is_socket(route) else origins[:1]:
                status = handshake(world, caller, path, origin)
                allowed = may(route.rule, caller, whose) and origin == world.here.url
                assert (status == 101) == (allowed and is_socket(route)), (route.name, caller, whose, status)
    assert sockets == 2


METHODS = ("HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "FINISH")


def test_a_closed_route_tells_nobody_which_methods_it_has(world: World) -> None:
    asked = 0
    for route in world.here.gate.routes:
        for caller, whose in product(CALLERS[:3], targets(route)):
            if may(route.rule, caller, whose):
                continue
            path = path_of(world, route, whose)
            closed = world.callers[caller].get(path)
            assert not reached(closed)
            for method in METHODS:
                answer = world.callers[caller].ask(method, path)
                assert answer.status == closed.status, (route.name, caller, whose, method, answer.status)
                assert answer.data == closed.data or method == "HEAD"
                asked += 1
    assert asked > 1000
    # What is nowhere answers every method alike, too; and what is open has no method but its own.
    nowhere = {world.here.browser().ask(method, "/nowhere").status for method in ("GET", *METHODS)}
    assert nowhere == {404}
    assert world.here.browser().ask("FINISH", "/health").status in (403, 405)


def handshake(world: World, caller: str, path: str, origin: str | None) -> int:
    """Ask for a websocket and return the status."""
    cookies = "; ".join(f"{name}={value}" for name, value in world.callers[caller].cookies.items())
    lines = [
        f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{world.here.port}", "Upgrade: websocket",
        "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        *([f"Cookie: {cookies}"] if cookies else []), *([f"Origin: {origin}"] if origin else []),
    ]  # fmt: skip
    with socket.create_connection(("127.0.0.1", world.here.port), timeout=30) as wire:
        wire.sendall("\r\n".join([*lines, "", ""]).encode())
        return int(wire.recv(64).split()[1])


def test_no_answer_to_one_client_holds_a_word_of_another(world: World) -> None:
    own: dict[str, set[str]] = {"a": set(), "b": set(), "facilitator of a": set()}
    for route in world.here.gate.routes:
        if is_socket(route):
            continue
        for caller, canary in (("a", b"CANARY-B"), ("b", b"CANARY-A"), ("facilitator of a", b"CANARY-B")):
            browser = world.callers[caller]
            kept = dict(browser.cookies)
            for whose in targets(route):
                answer = browser.get(path_of(world, route, whose))
                assert canary not in unpacked(answer), (route.name, caller, whose)
                assert canary.decode() not in str(answer.headers)
                if b"CANARY-" in unpacked(answer):
                    own[caller].add(route.name)
            browser.cookies = kept
    pages = {"report", "dashboard", "chapter", "everything"}
    assert own["a"] == own["b"] == {"portal", *pages}
    # A draft is among what they see: its file, which bears the name in plain words.
    assert own["facilitator of a"] == {"engagements", "engagement", "portfolio", "audit", "file", *pages}


def unpacked(answer: Answer) -> bytes:
    """Return an answer with whatever a zip in it holds."""
    if not answer.data.startswith(b"PK"):
        return answer.data
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        return answer.data + b"".join(archive.read(name) for name in archive.namelist())


def test_a_dashboard_that_is_mounted_stands_on_its_clients_page(world: World) -> None:
    page = world.callers["a"].get("/results").text
    assert f'href="/runs/{world.runs["a"]}/dashboard"' in page
    assert world.runs["b"] not in page


def test_a_kernel_is_the_sessions_that_started_it_and_ends_with_it(world: World) -> None:
    # Whether there is such a kernel is not asked before the guard is content: 404, and 403 before.
    id_ = NO_KERNEL.replace("8", "9")
    here, path = world.here, f"/live/api/kernels/{id_}"
    browser, second = here.client("alpha"), here.client("alpha")
    session = here.gate.signatures.read_cookie(browser.cookies["cx-client"])
    run = make_run(here.gate.settings.home, "alpha", number=9, client="CANARY-A")
    here.publish(run)
    here.gate.kernels[id_] = Started(session, run.name)
    asking = (browser, second, world.callers["facilitator"])
    assert [one.get(path).status for one in asking] == [404, 403, 403]
    # An unknown kernel answers exactly like another's.
    other, unknown = second.get(path), second.get(f"/live/api/kernels/{NO_KERNEL}")
    assert (other.status, other.data) == (unknown.status, unknown.data)
    here.access.unpublish(run.name, actor="test")
    assert browser.get(path).status == 403
    here.publish(run)
    assert browser.get(path).status == 404
    browser.post("/leave", {"form": browser.get("/results").form})
    assert browser.get(path).status == 403
    here.access.unpublish(run.name, actor="test")


def test_anothers_run_answers_like_one_that_is_not_there(world: World) -> None:
    for route in (one for one in world.here.gate.routes if one.rule is Rule.RUN and not is_socket(one)):
        for caller, others in (
            ("a", "b"),
            ("b", "a"),
            ("a", "draft"),
            ("b", "kept"),
            ("facilitator of a", "b"),
        ):
            found, absent = (
                world.callers[caller].get(path_of(world, route, whose)) for whose in (others, "none")
            )
            told = {name: value for name, value in found.headers.items() if name != "Date"}
            assert found.status == absent.status == 404
            assert found.data == absent.data
            assert told == {name: value for name, value in absent.headers.items() if name != "Date"}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_is_changed_without_a_form_of_ours(world: World, method: str) -> None:
    for route in world.here.gate.routes:
        for caller, whose in product(CALLERS, targets(route)[:2]):
            browser = world.callers[caller]
            path = path_of(world, route, whose)
            answer = browser.ask(method, path, {"form": "made up"})
            if not route.is_beacon:
                assert answer.status >= 400 or answer.headers.get("Location") == "/login", (
                    route.name,
                    caller,
                )
            else:
                assert not reached(browser.ask(method, path, {}, Origin="https://evil.example"))
                assert not reached(browser.ask(method, path, {}, Sec_Fetch_Site="cross-site"))


def test_the_headers_stand_on_every_answer_whatever_a_handler_sets(world: World) -> None:
    routes = [route for route in world.here.gate.routes if not is_socket(route)]
    paths = {path_of(world, route, "a"): route for route in routes}
    for path in (*paths, "/nothing", "/runs/../../etc/passwd", "//evil.example/"):
        for method in ("GET", "POST", "HEAD", "TRACE"):
            answer = world.callers["a"].ask(method, path)
            policy = answer.headers["Content-Security-Policy"]
            # A dashboard's own page says what more it may (dashboards.py), and nothing else under its route.
            if path in paths and paths[path].name in ("dashboard", "chapter") and answer.status in (200, 503):
                assert policy == POLICY
                policy = policy.replace("style-src 'self' 'unsafe-inline'; ", "")
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert "blob:" not in policy
            assert "*" not in policy
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "Server" not in answer.headers
            kept = path.startswith(("/assets/", "/front-end/"))
            assert answer.headers["Cache-Control"] == "no-store" or (kept and answer.status == 200)


def test_a_route_without_a_rule_cannot_be_written() -> None:
    with pytest.raises(TypeError):
        Route("new", "/new", RequestHandler)  # type: ignore[call-arg]
    with pytest.raises(ContractError, match="has no rule"):
        Route("new", "/new", RequestHandler, None)  # type: ignore[arg-type]
    with pytest.raises(ContractError, match="names no run"):
        Route("new", "/new", RequestHandler, Rule.RUN)
    with pytest.raises(ContractError, match="names no kernel"):
        Route("new", "/new/{run}", RequestHandler, Rule.KERNEL)
    with pytest.raises(ContractError, match="no alphabet for anything"):
        Route("new", "/new/{anything}", RequestHandler, Rule.OPEN)


def test_a_handler_without_a_route_is_not_served(tmp_path: Path) -> None:
    from tornado.routing import PathMatches
    from tornado.routing import Rule as Way

    class Sneaked(RequestHandler):
        def get(self) -> None:
            self.finish("reached")

    with running(tmp_path) as here:
        application = here.gate.application
        with pytest.raises(TypeError, match="needs a Route"):
            application.add_handlers(".*", [("/new", Sneaked)])
        application.wildcard_router.rules.insert(
            0, application.wildcard_router.process_rule(Way(PathMatches("/new"), Sneaked))
        )
        answer = here.browser().get("/new")
        assert (answer.status, b"reached" in answer.data) == (404, False)


def test_every_handler_of_the_gate_has_a_route() -> None:
    found: set[Any] = set()
    for one in pkgutil.iter_modules(package.__path__):
        module = import_module(f"{package.__name__}.{one.name}")
        found |= {
            kind
            for _name, kind in inspect.getmembers(module, inspect.isclass)
            if issubclass(kind, RequestHandler) and kind.__module__.startswith(package.__name__)
        }
    routes = (*ROUTES, *Dashboards(read_settings()).routes)
    assert found - {route.handler for route in routes} == {Guarded, Nowhere, Page}


@pytest.mark.parametrize("path", [
    "/runs/../results", "/runs/%2e%2e/report", "/runs/{a}/files/../manifest.json",
    "/runs/{a}/files/manifest.json", "/runs/{a}/files/notebooks/0_overview.ipynb", "/runs/",
    "/runs/{a}/files/extract/extract.json", "/runs/{a}/", "/runs/{a}/files/", "/assets/",
    "/assets/../gate.py", "/engagements/../audit", "/runs/{a}/report/", "/engagements/ALPHA",
    "/engagements/alpha%00", "/runs/{a}%0a/report", "/.git/config", "/results/..;/audit",
    "/runs/{a}/dashboard/", "/runs/{a}/dashboard/../report", "/live/api/kernels", "/live/",
    "/live/voila/files/x", "/voila/tree", "/api/contents", "/live/api/kernels/{a}", "/front-end/",
    "/runs/{a}/brand.css/x",
])  # fmt: skip
@pytest.mark.parametrize("caller", ["a", "facilitator"])
def test_no_path_climbs_or_lists(world: World, caller: str, path: str) -> None:
    answer = world.callers[caller].get(path.replace("{a}", world.runs["a"]))
    assert answer.status == 404
    assert b"secret code" not in answer.data
