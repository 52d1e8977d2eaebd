"""The one guard: it stands before every route, asks the route's rule, and opens nothing by default.

A handler answers only as a class that :func:`guarded` made, which asks :func:`admit` before anything of the
handler's own runs. That holds for handlers of other packages too, websockets included.
"""

from __future__ import annotations

import hmac
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlsplit

from tornado.web import HTTPError, RequestHandler

from cxlib.run.gate.rules import STRICT, Route, Rule
from cxlib.run.gate.shelf import Edition
from cxlib.store import Caller

if TYPE_CHECKING:
    from cxlib.run.gate.gate import Found, Gate

log = logging.getLogger("cxlib.gate")

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
CLIENT, FACILITATOR, VISITOR = "cx-client", "cx-user", "cx-visit"


@dataclass
class Visit:
    """What the guard knows of a request; handlers find it as `self.request.visit`.

    Attributes
    ----------
    caller : whom the rule let pass; None where anybody may.
    edition : the run that the path names, where the rule asks about one.
    session : what forms are bound to: the caller's session, or that of a browser that is not in yet.
    policy : the Content-Security-Policy of the answer.
    """

    route: Route | None
    caller: Caller | None = None
    edition: Edition | None = None
    session: str = ""
    policy: str = STRICT
    about: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """Why a request may not pass: a status, and the page that says so."""

    status: int
    page: str


ELSEWHERE = Refusal(421, "unknown")
FORGED = Refusal(403, "forged")
CLOSED = Refusal(403, "closed")
# What is another's answers exactly like what is not there.
UNKNOWN = Refusal(404, "unknown")
SIGN_IN = Refusal(303, "login")


class _Every:
    """Holds every method, so that none is answered before the guard was asked."""

    def __contains__(self, method: object) -> bool:
        return True


EVERY: Final = _Every()


class Guarded(RequestHandler):
    """Goes before a handler's own class: asks the guard, answers errors, and keeps addresses out of logs.

    Tornado would answer a method that a handler does not have before anything else, and so tell a path that
    is another's from one that is not there. Here the guard answers first, and `methods` then holds which the
    handler has.
    """

    route: ClassVar[Route]
    methods: ClassVar[tuple[str, ...]]
    SUPPORTED_METHODS: Any = EVERY

    async def prepare(self) -> None:
        if not _is_socket(self):
            self.application.running.add(self)
        refusal = await admit(self.application.gate, self)
        if refusal is not None:
            self.application.gate.refuse(self, refusal)
            return
        if self.request.method not in self.methods:
            self.send_error(405)
            return
        prepared: Any = super().prepare()
        if inspect.isawaitable(prepared):
            await prepared

    def on_finish(self) -> None:
        self.application.running.discard(self)
        super().on_finish()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.application.gate.refuse(
            self, Refusal(status_code, "failed" if status_code >= 500 else "unknown")
        )

    def log_exception(self, kind: Any, value: Any, trace: Any) -> None:
        # Tornado would write the request's address, and with it a link's token.
        if not isinstance(value, HTTPError):
            log.error("failed", extra={"about": {"route": self.route.name}}, exc_info=(kind, value, trace))


@cache
def guarded(route: Route) -> type[Guarded]:
    """Return the route's handler with the guard before it."""
    own = {"route": route, "methods": tuple(route.handler.SUPPORTED_METHODS)}
    return type(f"Guarded{route.handler.__name__}", (Guarded, route.handler), own)


async def admit(gate: Gate, handler: Guarded) -> Refusal | None:
    """Return None where a request may pass, and leave in `request.visit` who it is; else why not."""
    route, request = handler.route, handler.request
    visit = request.visit = Visit(route, policy=route.policy)
    if not gate.is_here(request.host):
        return ELSEWHERE
    if refusal := await _RULES[route.rule](gate, handler, visit):
        return refusal
    is_plain = request.method in SAFE and not _is_socket(handler)
    if not is_plain and not _is_from_here(handler):
        return FORGED
    if request.method not in SAFE and not route.is_beacon:
        given = handler.get_body_argument("form", "")
        if not gate.signatures.is_form_token(visit.session, given):
            return FORGED
    return None


def _is_socket(handler: RequestHandler) -> bool:
    return handler.request.headers.get("Upgrade", "").lower() == "websocket"


def _is_from_here(handler: Guarded) -> bool:
    """Tell whether a request that may change something comes from a page of this gate.

    With `Referrer-Policy: no-referrer` a browser names no origin for a form, but says whether the sites are
    the same; for a websocket it always names the origin.
    """
    headers = handler.request.headers
    if (site := headers.get("Sec-Fetch-Site")) is not None and site != "same-origin":
        return False
    origin = headers.get("Origin")
    # The very address that this request came to: another port of this machine is another site.
    own = handler.request.host.lower()
    if _is_socket(handler):
        return origin is not None and urlsplit(origin).netloc.lower() == own
    return origin in (None, "null") or urlsplit(str(origin)).netloc.lower() == own


# ── The rules ───────────────────────────────────────────────────────────────────────────────────


def _enters(visit: Visit, caller: Caller | None) -> bool:
    if caller is not None:
        visit.caller, visit.session = caller, caller.session
    return caller is not None


async def _open(gate: Gate, handler: Guarded, visit: Visit) -> Refusal | None:
    visit.session = gate.signatures.read_cookie(gate.cookie(handler, VISITOR))
    return None


async def _client(gate: Gate, handler: Guarded, visit: Visit) -> Refusal | None:
    return None if _enters(visit, await gate.caller(handler, CLIENT)) else CLOSED


async def _facilitator(gate: Gate, handler: Guarded, visit: Visit) -> Refusal | None:
    return None if _enters(visit, await gate.caller(handler, FACILITATOR)) else SIGN_IN


def _may_see(caller: Caller, found: Found) -> bool:
    """Tell whether a run is the caller's to see: of their engagement, and for a client published."""
    return caller.may_see(found.edition.engagement) and (found.is_published or caller.is_facilitator)


async def _run(gate: Gate, handler: Guarded, visit: Visit) -> Refusal | None:
    callers = [await gate.caller(handler, name) for name in (CLIENT, FACILITATOR)]
    if not any(callers):
        return CLOSED
    found = await gate.ask(gate.find_edition, handler.path_kwargs["run"])
    for caller in callers:
        if caller and found and _may_see(caller, found):
            visit.edition = found.edition
            _enters(visit, caller)
            return None
    return UNKNOWN


async def _kernel(gate: Gate, handler: Guarded, visit: Visit) -> Refusal | None:
    started = gate.kernels.get(handler.path_kwargs["kernel"])
    for name in (CLIENT, FACILITATOR):
        caller = await gate.caller(handler, name)
        # Another browser with the same link is another session, and has kernels of its own.
        if caller is None or started is None or caller.session != started.session:
            continue
        found = await gate.ask(gate.find_edition, started.run)
        if found and _may_see(caller, found):
            visit.edition = found.edition
            _enters(visit, caller)
            return None
    return CLOSED


async def _engagement(gate: Gate, handler: Guarded, visit: Visit) -> Refusal | None:
    if not _enters(visit, caller := await gate.caller(handler, FACILITATOR)):
        return SIGN_IN
    return None if caller and caller.may_see(handler.path_kwargs["engagement"]) else UNKNOWN


async def _operator(gate: Gate, handler: Guarded, visit: Visit) -> Refusal | None:
    given = handler.request.headers.get("Authorization", "").encode("utf-8", "replace")
    if hmac.compare_digest(given, f"Bearer {gate.operator_token}".encode()):
        return None
    return None if _enters(visit, await gate.caller(handler, FACILITATOR)) else UNKNOWN


_RULES: Final[dict[Rule, Callable[[Gate, Guarded, Visit], Awaitable[Refusal | None]]]] = {
    Rule.OPEN: _open,
    Rule.CLIENT: _client,
    Rule.RUN: _run,
    Rule.KERNEL: _kernel,
    Rule.FACILITATOR: _facilitator,
    Rule.ENGAGEMENT: _engagement,
    Rule.OPERATOR: _operator,
}
