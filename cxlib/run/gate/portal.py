"""What clients see: the door, their page, the report, and what they take with them."""

from __future__ import annotations

import datetime as dt
import io
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from tornado.web import RequestHandler

from cxlib.errors import ReportError
from cxlib.formats import day
from cxlib.run.gate.guard import CLIENT, FACILITATOR, VISITOR, Refusal, Visit
from cxlib.run.gate.pages import lead, report_page
from cxlib.run.gate.phrases import language_wanted, phrases
from cxlib.run.gate.shelf import KINDS, Edition, published, read
from cxlib.run.reports import REPORT
from cxlib.store import Caller, Opening

BEING_WRITTEN: Final = Refusal(503, "being written")
REFUSED_SECONDS: Final = 60.0
# What is packed already is only put in.
_PACKED: Final = (".pdf", ".docx", ".xlsx", ".pptx")


class Answer(RequestHandler):
    """What the gate's own handlers share."""

    @property
    def gate(self) -> Any:
        return self.application.gate

    @property
    def visit(self) -> Visit:
        found: Visit = self.request.visit
        return found

    @property
    def caller(self) -> Caller:
        """Whom the route's rule let pass."""
        return cast("Caller", self.visit.caller)

    @property
    def edition(self) -> Edition:
        """The run that the route's rule asked about."""
        return cast("Edition", self.visit.edition)

    @property
    def wanted(self) -> str:
        """The language of the browser, where no engagement says another."""
        return language_wanted(self.request.headers.get("Accept-Language", ""))

    def show(self, template: str, **values: Any) -> None:
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(self.gate.render(self, template, **values))

    def compute_etag(self) -> str | None:
        """Return None: nothing of these pages is kept by a browser, so nothing is compared."""
        return None

    def be_known(self) -> None:
        """Give a browser that is not in yet something that its form can be bound to."""
        if not self.visit.session:
            cookie, self.visit.session = self.gate.signatures.cookie()
            self.gate.set_cookie(self, VISITOR, cookie, strict=True)

    async def note(self, event: str, detail: str = "") -> None:
        """Write into the audit who saw what of a run."""
        edition = self.edition
        about = {"engagement": edition.engagement, "run": edition.run, "detail": detail}
        await self.gate.ask(self.gate.access.note, event, self.caller.actor, **about)


class Start(Answer):
    """Leads whoever is in to their page, and says to others how to get in."""

    async def get(self) -> None:
        for cookie, route in ((CLIENT, "portal"), (FACILITATOR, "engagements")):
            if await self.gate.caller(self, cookie):
                self.redirect(self.gate.address(route), status=303)
                return
        self.show("start", language=self.wanted)


class Open(Answer):
    """Swaps a private link for a cookie, so that it does not stay in the address.

    A link meant once opens by a button: what only looks at links (a mail filter, a preview) uses none up.
    """

    async def get(self, token: str) -> None:
        read = self.gate.signatures.read_link(token)
        if read is None:
            await self._refuse("unknown")
            return
        caller = await self.gate.caller(self, CLIENT)
        if caller and caller.actor == f"link {read[0]}":
            # In already, by this link: the second opening of a link meant once, in the same browser.
            self.redirect(self.gate.address("portal"), status=303)
            return
        opening: Opening = await self.gate.ask(self.gate.access.look_up, *read)
        if opening.link and opening.link.once and not opening.refused:
            self.be_known()
            language = await self.gate.ask(self.gate.language_of, opening.link.engagement, self.wanted)
            self.show("once", language=language)
            return
        await self._open(*read)

    async def post(self, token: str) -> None:
        read = self.gate.signatures.read_link(token)
        if read is None:
            await self._refuse("unknown")
            return
        await self._open(*read)

    async def _open(self, id: str, digest: str) -> None:
        cookie, session = self.gate.signatures.cookie()
        opening: Opening = await self.gate.ask(self.gate.access.look_up, id, digest)
        # That a link which ended was tried is written down, but not a thousand times a minute.
        lately = self.gate.refused_lately
        if not opening.refused or time.monotonic() - lately.get(id, -REFUSED_SECONDS) >= REFUSED_SECONDS:
            opening = await self.gate.ask(self.gate.access.open_link, id, digest, session)
            if opening.refused:
                lately[id] = time.monotonic()
        if opening.link is None or opening.refused:
            await self._refuse(opening.refused, opening.link.engagement if opening.link else "")
            return
        self.gate.metrics.links.labels("opened").inc()
        # A link meant once opens nothing a second time: so its browser is let in until it ends.
        left = opening.link.expires_at - dt.datetime.now(dt.UTC)
        seconds = left.total_seconds() if opening.link.once else 0
        self.gate.set_cookie(self, CLIENT, cookie, seconds=seconds)
        self.redirect(self.gate.address("portal"), status=303)

    async def _refuse(self, why: str, engagement: str = "") -> None:
        self.gate.metrics.links.labels(why).inc()
        language = await self.gate.ask(self.gate.language_of, engagement, self.wanted) if engagement else ""
        self.gate.refuse(self, Refusal(404 if why == "unknown" else 410, why), language=language)


@dataclass(frozen=True)
class Round:
    """One wave, or one unit of it: what stands now, what it says in a sentence, and earlier editions."""

    now: Edition
    lead: str
    earlier: tuple[Edition, ...]


def rounds(editions: Sequence[Edition]) -> list[Round]:
    """Group what is published by wave and unit, in the order given; of each the newest run stands now."""
    grouped: dict[tuple[str, str], list[Edition]] = {}
    for one in editions:
        grouped.setdefault((one.wave, one.unit), []).append(one)
    by_age = [sorted(group, key=lambda one: one.run, reverse=True) for group in grouped.values()]
    return [Round(newest, lead(newest), tuple(older)) for newest, *older in by_age]


class Portal(Answer):
    """A client's own page: their waves, the report of each, and what they may take with them."""

    async def get(self) -> None:
        caller = self.caller
        records = await self.gate.ask(self.gate.access.publications, caller.engagement)
        editions = await self.gate.ask(published, self.gate.settings, records)
        newest = max(editions, key=lambda one: one.run, default=None)
        language = newest.language if newest else self.wanted
        spoken = phrases(language).language
        self.show(
            "portal",
            language=language,
            worn=await self.gate.ask(self.gate.worn, newest),
            client=newest.client if newest else "",
            rounds=await self.gate.ask(rounds, editions),
            dashboard=self.gate.has("dashboard"),
            until=day(caller.ends_at.date(), spoken),
            day=lambda moment: day(moment.date() if isinstance(moment, dt.datetime) else moment, spoken),
            size=lambda bytes_: size(bytes_, phrases(language).number),
        )


def size(bytes_: int, number: Callable[..., str]) -> str:
    """Write how large a file is: 1.8 MB, 340 KB."""
    return f"{number(bytes_ / 1e6, 1)} MB" if bytes_ >= 1e6 else f"{number(max(1, bytes_ / 1e3))} KB"


class Leave(Answer):
    """Ends a client's session in this browser."""

    async def post(self) -> None:
        caller = self.caller
        language = await self.gate.ask(self.gate.language_of, caller.engagement, self.wanted)
        links = await self.gate.ask(self.gate.access.links, caller.engagement)
        await self.gate.ask(self.gate.access.leave, caller)
        self.gate.clear_cookie(self, CLIENT)
        self.visit.caller, self.visit.session = None, ""
        is_once = any(one.once for one in links if caller.actor == f"link {one.id}")
        self.show("left", language=language, once=is_once)


class Report(Answer):
    """The report itself, without a kernel, under its own policy of hashes."""

    async def get(self, run: str) -> None:
        edition = self.edition
        back, label = self.gate.address("portal"), phrases(edition.language).all_results
        if self.caller.is_facilitator:
            back = self.gate.address("engagement", engagement=edition.engagement)
            label = "Back to the engagement"
        try:
            style = self.gate.assets.address(self.gate.prefix, "back")
            page = await self.gate.ask(report_page, edition, back=back, label=label, style=style)
        except (ReportError, OSError):
            self.gate.refuse(self, BEING_WRITTEN)
            return
        await self.note("read", REPORT)
        self.visit.policy = page.policy
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Vary", "Accept-Encoding")
        if "gzip" in self.request.headers.get("Accept-Encoding", ""):
            self.set_header("Content-Encoding", "gzip")
            self.finish(page.zipped)
        else:
            self.finish(page.body)


class Download(Answer):
    """One file of a run."""

    async def get(self, run: str, file: str) -> None:
        edition = self.edition
        if file not in {one.name for one in edition.files}:
            self.send_error(404)
            return
        try:
            data = await self.gate.ask(read, edition, file)
        except ReportError:
            self.gate.refuse(self, BEING_WRITTEN)
            return
        await self.note("downloaded", file)
        self.set_header("Content-Type", KINDS[file])
        self.set_header("Content-Disposition", f'attachment; filename="{edition.file_name(file)}"')
        self.finish(data)


class DownloadAll(Answer):
    """Every file of a run in one."""

    async def get(self, run: str) -> None:
        edition = self.edition
        try:
            data = await self.gate.ask(zipped, edition)
        except ReportError:
            self.gate.refuse(self, BEING_WRITTEN)
            return
        await self.note("downloaded", "everything")
        self.set_header("Content-Type", "application/zip")
        self.set_header("Content-Disposition", f'attachment; filename="{edition.file_name("all.zip")}"')
        self.finish(data)


def zipped(one: Edition) -> bytes:
    """Return every file of a run as a zip, each by the name that it bears when it is downloaded alone.

    Raises
    ------
    ReportError
        If one of them is not what the manifest says.
    """
    held = io.BytesIO()
    moment = (one.approved_at or one.made_at).timetuple()[:6]
    with zipfile.ZipFile(held, "w") as archive:
        for file in one.files:
            about = zipfile.ZipInfo(one.file_name(file.name), moment)
            about.external_attr = 0o644 << 16
            how = zipfile.ZIP_STORED if file.name.endswith(_PACKED) else zipfile.ZIP_DEFLATED
            archive.writestr(about, read(one, file.name), how)
    return held.getvalue()
