"""The gate as one object: store, signatures, routes, and the tornado application that serves them.

    gate = Gate(read_settings(), store)
    gate.application.listen(8866)

Dashboards are mounted by giving further routes, each with its rule: `Gate(..., more=[Route(...)])`; one named
`dashboard` stands as a button on the client's page. A handler of another package finds whom it answers in
`self.request.visit`: `caller.session` is what a kernel is bound to, by an entry in `Gate.kernels`, which the
rule `KERNEL` reads for every path and websocket of a kernel. :meth:`Gate.still` tells whether a session has
ended meanwhile.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import Application, OutputTransform, RequestHandler

from cxlib import look
from cxlib.branding import Branding, find_branding
from cxlib.errors import ReportError
from cxlib.formats import day
from cxlib.run.gate.assets import Assets
from cxlib.run.gate.brands import worn
from cxlib.run.gate.guard import EVERY, FACILITATOR, UNKNOWN, Guarded, Refusal, Visit, guarded
from cxlib.run.gate.operating import Metrics, log
from cxlib.run.gate.phrases import language_wanted, phrases
from cxlib.run.gate.routes import ROUTES
from cxlib.run.gate.rules import OPEN_PATH, STRICT, Route
from cxlib.run.gate.shelf import Edition, edition, published
from cxlib.run.gate.tokens import Signatures
from cxlib.settings import Settings, gate_address
from cxlib.store import Caller, Store

T = TypeVar("T")

# A password's digest takes 64 MB and some 50 ms: a flood of tries waits its turn, or is told to come back.
HASHING_AT_ONCE: Final = 2
STRANGERS_A_MINUTE: Final = 30
_HERE: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})


@dataclass(frozen=True)
class Found:
    """A run that a path names, and whether its client may see it."""

    edition: Edition
    is_published: bool


@dataclass(frozen=True)
class Started:
    """A kernel's owner: the session that it was started for, and the run that it shows."""

    session: str
    run: str


class Gate:
    """Everything between a browser and the published runs.

    Parameters
    ----------
    store
        Open; the gate closes it when it ends.
    url
        Where clients reach it, which says the prefix of its paths and whether cookies are for https alone; by
        default the setting's.
    more
        Further routes, each with its rule.
    """

    def __init__(
        self, settings: Settings, store: Store, *, url: str = "", more: Sequence[Route] = ()
    ) -> None:
        self.settings = settings if not url else replace(settings, gate_url=gate_address(url))
        self.store, self.access = store, store.access
        parts = urlsplit(self.settings.gate_url)
        self.prefix, self.host, self.is_secure = parts.path, parts.netloc.lower(), parts.scheme == "https"
        self.signatures = Signatures(self.access.secret("sessions"))
        self.operator_token = self.access.secret("operator").hex()
        self.branding = find_branding(settings.home)
        self.assets = Assets(self.settings, self.branding)
        self.metrics = Metrics()
        self.routes = (*ROUTES, *more)
        self._by_name = {one.name: one for one in self.routes}
        if len(self._by_name) != len(self.routes):
            raise ValueError("two routes of one name")
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="store")
        self.hashing = ThreadPoolExecutor(HASHING_AT_ONCE, thread_name_prefix="password")
        self.hashing_waits = 0
        # When somebody whom nobody knows last tried to sign in.
        self.strangers_lately: deque[float] = deque(maxlen=STRANGERS_A_MINUTE + 1)
        # Who may reach which kernel: whoever starts one for a session writes it down here before it answers.
        self.kernels: dict[str, Started] = {}
        # When a link that ended was last written down as refused.
        self.refused_lately: dict[str, float] = {}
        self.application = GateApplication(self)

    def close(self) -> None:
        """End the threads, and close the store."""
        self._pool.shutdown()
        self.hashing.shutdown()
        self.store.close()

    async def ask(self, verb: Callable[..., T], *args: Any, **options: Any) -> T:
        """Call what waits for a disk in a thread, so that nobody else waits for it."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: verb(*args, **options))

    def warm(self) -> None:
        """Load what the first page would otherwise wait for: words, dates, templates."""
        day(dt.date(2026, 1, 1), phrases("en").language)
        for name in ("portal", "login", "refused"):
            look.templates().get_template(f"gate/{name}.html.j2")

    # ── Addresses ───────────────────────────────────────────────────────────────────────────────

    def address(self, name: str, **names: str) -> str:
        """Return the path of a route."""
        return self._by_name[name].address(self.prefix, **names)

    def has(self, name: str) -> bool:
        return name in self._by_name

    def link_address(self, token: str) -> str:
        return f"{self.settings.gate_url}{OPEN_PATH}/{token}"

    def is_here(self, host: str) -> bool:
        """Tell whether a `Host` names this gate: by its public address, or from this machine itself."""
        name = host.lower()
        return name == self.host or name.rpartition(":")[0] in _HERE or name in _HERE

    @property
    def is_local(self) -> bool:
        """Whether clients reach it on this machine only."""
        return self.host in _HERE or self.host.rpartition(":")[0] in _HERE

    # ── Who, and what ───────────────────────────────────────────────────────────────────────────

    def cookie_name(self, name: str) -> str:
        """Return a cookie's name; `__Host-` lets no other host set it, `__Secure-` none without TLS."""
        if not self.is_secure:
            return name
        return f"{'__Secure-' if self.prefix else '__Host-'}{name}"

    def cookie(self, handler: RequestHandler, name: str) -> str | None:
        return handler.get_cookie(self.cookie_name(name))

    def set_cookie(
        self, handler: RequestHandler, name: str, value: str, *, strict: bool = False, seconds: float = 0
    ) -> None:
        """Set a cookie that no script reads and no other site sends, for the browser's session or [s]."""
        handler.set_cookie(
            self.cookie_name(name),
            value,
            path=self.prefix or "/",
            httponly=True,
            secure=self.is_secure,
            samesite="Strict" if strict else "Lax",
            max_age=round(seconds) if seconds else None,
        )

    def clear_cookie(self, handler: RequestHandler, name: str) -> None:
        handler.clear_cookie(
            self.cookie_name(name), path=self.prefix or "/", secure=self.is_secure, httponly=True
        )

    async def caller(self, handler: RequestHandler, name: str) -> Caller | None:
        """Return who is behind a cookie, :data:`CLIENT` or :data:`FACILITATOR`."""
        session = self.signatures.read_cookie(self.cookie(handler, name))
        if not session:
            return None
        found = await self.ask(self.access.caller, session)
        return found if found and found.is_facilitator == (name == FACILITATOR) else None

    async def still(self, session: str) -> bool:
        """Tell whether a session goes on: a websocket or a kernel that outlives it has to end."""
        return await self.ask(self.access.caller, session) is not None

    def find_edition(self, run: str) -> Found | None:
        """Return the run of an id, published or not; None where there is none that can be read."""
        record = self.access.publication(run)
        if record is not None:
            folders = [self.settings.runs / record.engagement / record.wave / run]
        else:
            folders = sorted(self.settings.runs.glob(f"*/*/{run}"))
        for folder in folders:
            try:
                found = edition(folder)
                # Only what is approved is published; should a row say otherwise, the run does not.
                return Found(found, record is not None and not found.is_draft)
            except ReportError:
                continue
        return None

    def worn(self, one: Edition | None) -> tuple[Branding, Edition] | None:
        """Return a run's own look, for :meth:`render`; None where it is the gate's."""
        own = worn(one) if one else None
        return (own, one) if own and one and own != self.branding else None

    def language_of(self, engagement: str, otherwise: str) -> str:
        """Return the language of an engagement's newest published run."""
        editions = published(self.settings, self.access.publications(engagement))
        return max(editions, key=lambda one: one.run).language if editions else otherwise

    # ── Pages ───────────────────────────────────────────────────────────────────────────────────

    def render(
        self,
        handler: RequestHandler,
        template: str,
        *,
        language: str = "en",
        worn: tuple[Branding, Edition] | None = None,
        **values: Any,
    ) -> str:
        """Render one of the gate's pages; whatever it is given is escaped.

        With `worn` it has the look of a run instead of the gate's own.
        """
        visit: Visit | None = getattr(handler.request, "visit", None)
        house = worn[0] if worn else self.branding
        session = visit.session if visit else ""
        return (
            look.templates()
            .get_template(f"gate/{template}.html.j2")
            .render(
                words=phrases(language),
                house=house,
                logo=house.logo.address if house.logo else "",
                brand=self.address("brand", run=worn[1].run) if worn else "",
                style=self.assets.address(self.prefix, "page"),
                sheet=lambda name, kind: self.assets.address(self.prefix, name, kind),
                address=self.address,
                form=self.signatures.form_token(session) if session else "",
                caller=visit.caller if visit else None,
                **values,
            )
        )

    def refuse(self, handler: RequestHandler, refusal: Refusal, *, language: str = "") -> None:
        """Answer that a request may not pass, in words; to whoever has to sign in, by the way there."""
        self.metrics.refused.labels(refusal.page).inc()
        visit: Visit | None = getattr(handler.request, "visit", None)
        if visit:
            # What a route's own page may do, a refusal need not.
            visit.policy = STRICT
        if refusal.page == "login":
            handler.redirect(self.address("login"), status=303)
            return
        language = language or language_wanted(handler.request.headers.get("Accept-Language", ""))
        handler.clear()
        handler.set_status(refusal.status)
        handler.set_header("Content-Type", "text/html; charset=utf-8")
        handler.finish(self.render(handler, "refused", language=language, why=refusal.page))


class GateApplication(Application):
    """Serves routes and nothing else: there is no way to add a handler that has no rule."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self._is_made = False
        super().__init__(
            [(one.pattern(gate.prefix), guarded(one), dict(one.options)) for one in gate.routes],
            default_handler_class=Nowhere,
            transforms=[_sealing(gate)],
            log_function=self._log,
        )
        self._is_made = True
        # What is being answered just now, websockets aside: those last as long as their pages.
        self.running: set[RequestHandler] = set()

    def add_handlers(self, host_pattern: str, host_handlers: Any) -> None:
        if self._is_made:
            raise TypeError("a handler needs a Route with its rule: give it to Gate(more=…)")
        super().add_handlers(host_pattern, host_handlers)

    def get_handler_delegate(
        self, request: HTTPServerRequest, target_class: type[RequestHandler], *args: Any, **kwargs: Any
    ) -> Any:
        # Whatever way a handler got in: without the guard before it, it does not answer.
        if not issubclass(target_class, Guarded | Nowhere):
            target_class, args, kwargs = Nowhere, ({},), {}
        return super().get_handler_delegate(request, target_class, *args, **kwargs)

    def _log(self, handler: RequestHandler) -> None:
        visit: Visit | None = getattr(handler.request, "visit", None)
        route = visit.route.name if visit and visit.route else "none"
        seconds = handler.request.request_time()
        self.gate.metrics.answered(route, handler.get_status(), seconds)
        log.info(
            "answered",
            extra={
                "about": {
                    "route": route,
                    "method": handler.request.method,
                    "status": handler.get_status(),
                    "ms": round(1000 * seconds, 1),
                    "who": visit.caller.actor if visit and visit.caller else "",
                    "run": visit.edition.run if visit and visit.edition else "",
                }
            },
        )


class Nowhere(RequestHandler):
    """Answers every path that is no route, by whatever method, always alike."""

    SUPPORTED_METHODS: Any = EVERY

    def prepare(self) -> None:
        self.request.visit = Visit(None)
        self.application.gate.refuse(self, UNKNOWN)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.application.gate.refuse(self, replace(UNKNOWN, status=status_code))


def _sealing(gate: Gate) -> type[OutputTransform]:
    """Return what puts the security headers on every answer, last, whatever its handler has set."""
    fixed = {
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "X-Robots-Tag": "noindex, nofollow",
    }
    if gate.is_secure:
        fixed["Strict-Transport-Security"] = "max-age=31536000"

    class Sealed(OutputTransform):
        def __init__(self, request: HTTPServerRequest) -> None:
            self._request = request

        def transform_first_chunk(
            self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
        ) -> tuple[int, HTTPHeaders, bytes]:
            visit: Visit | None = getattr(self._request, "visit", None)
            headers["Content-Security-Policy"] = visit.policy if visit else STRICT
            for name, value in fixed.items():
                headers[name] = value
            # What a page shows is for its reader alone, and for now.
            headers.setdefault("Cache-Control", "no-store")
            headers.pop("Server", None)
            return status_code, headers, chunk

    return Sealed
