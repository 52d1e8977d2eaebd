"""How the gate is watched: structured logs without tokens or names, metrics, and whether it is well."""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from tornado.web import RequestHandler

from cxlib.errors import CxError

log: Final = logging.getLogger("cxlib.gate")

# From a cached page to a report on a slow disk.
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """What Prometheus reads; by routes and reasons, never by persons."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        here = {"registry": self.registry}
        self._answers = Counter("cx_gate_answers", "Answers.", ["route", "status"], **here)
        self._seconds = Histogram(
            "cx_gate_seconds", "Seconds from request to answer.", ["route"], buckets=_SECONDS, **here
        )
        self.refused = Counter("cx_gate_refused", "Requests that did not pass.", ["why"], **here)
        self.links = Counter("cx_gate_links", "Links that were opened, or why not.", ["result"], **here)
        self.sign_ins = Counter("cx_gate_sign_ins", "Tries to sign in.", ["result"], **here)
        self.started = Gauge("cx_gate_started_seconds", "When this gate was started.", **here)
        self.started.set_to_current_time()

    def answered(self, route: str, status: int, seconds: float) -> None:
        self._answers.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self.registry)


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "at": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "about", {}),
        }
        if record.exc_info and record.exc_info[0]:
            told["error"] = record.exc_info[0].__name__
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def log_to_stderr() -> None:
    """Let the gate's log go to standard error, and tornado's own, which knows addresses, only if it must."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)
    for name in ("tornado.general", "tornado.access", "tornado.application"):
        logging.getLogger(name).handlers = [handler]
        logging.getLogger(name).propagate = False
        logging.getLogger(name).setLevel(logging.CRITICAL)


class Health(RequestHandler):
    """Says whether the gate can do its work: 200, or 503 while the store cannot be read."""

    async def get(self) -> None:
        gate = self.application.gate
        try:
            await gate.ask(gate.access.publication, "")
        except CxError:
            self.set_status(503)
            self.finish({"status": "store"})
            return
        self.finish({"status": "ok"})


class MetricsPage(RequestHandler):
    """Hands Prometheus its figures."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish(self.application.gate.metrics.text())
