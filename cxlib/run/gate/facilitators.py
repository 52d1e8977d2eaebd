"""What facilitators see: engagements with their runs and links, all clients, and who saw what."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Sequence
from typing import Any, Final

from cxlib.errors import CxError
from cxlib.run.gate.guard import FACILITATOR, VISITOR
from cxlib.run.gate.passwords import LONGEST, hashed, is_right, is_weak
from cxlib.run.gate.portal import Answer
from cxlib.run.gate.shelf import Edition, edition
from cxlib.run.gate.tokens import digest_of
from cxlib.run.runs import Published, find_runs
from cxlib.store import AccountRecord, Event

# Who waits for a password's digest beyond this is told to come back.
MOST_WAITING: Final = 8
EVENTS: Final = 100


class Login(Answer):
    """Lets a facilitator in: by name and password, and not too often."""

    def get(self) -> None:
        self.be_known()
        self.show("login", said="", name="")

    async def post(self) -> None:
        name = self.get_body_argument("name", "")[:LONGEST].replace("\0", "")
        password = self.get_body_argument("password", "", strip=False)
        gate = self.gate
        if gate.hashing_waits >= MOST_WAITING:
            self._again(503, 5, name)
            return
        # By name and by browser, never by address: a whole workshop shares one.
        subjects = [digest_of(f"name {name.lower()}"), digest_of(f"browser {self.visit.session}")]
        if wait := await gate.ask(gate.access.count_try, subjects):
            gate.metrics.sign_ins.labels("too often").inc()
            self._again(429, wait, name)
            return
        account = await gate.ask(gate.access.account, name)
        if not await self._matches(account, password) or account is None:
            gate.metrics.sign_ins.labels("refused").inc()
            await self._note_failure(account, name)
            self.set_status(403)
            self.show("login", said="Name and password do not go together. Try again.", name=name)
            return
        if is_weak(account.password):
            await gate.ask(gate.access.rehash, account.id, hashed(password))
        # Another cookie than before: what a stranger may have planted opens nothing.
        cookie, session = gate.signatures.cookie()
        await gate.ask(gate.access.sign_in, account, session, subjects)
        gate.metrics.sign_ins.labels("in").inc()
        gate.set_cookie(self, FACILITATOR, cookie)
        gate.clear_cookie(self, VISITOR)
        self.redirect(gate.address("engagements"), status=303)

    async def _note_failure(self, account: AccountRecord | None, name: str) -> None:
        """Write a failed try down; of names that nobody bears only so many a minute, or the disk fills."""
        gate, now = self.gate, time.monotonic()
        if account is None:
            lately = gate.strangers_lately
            lately.append(now)
            # The queue is as long as what may be written a minute: full of late ones, it is enough.
            if len(lately) == lately.maxlen and now - lately[0] < 60.0:
                return
        actor = f"user {account.id}" if account else gate.access.pseudonym("name", name)
        await gate.ask(gate.access.note, "sign-in failed", actor)

    async def _matches(self, account: AccountRecord | None, password: str) -> bool:
        if len(password) > LONGEST:
            return False
        self.gate.hashing_waits += 1
        try:
            known = account.password if account else None
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self.gate.hashing, is_right, known, password)
        finally:
            self.gate.hashing_waits -= 1

    def _again(self, status: int, seconds: float, name: str) -> None:
        wait = max(1, round(seconds + 0.5))
        self.set_status(status)
        self.set_header("Retry-After", str(wait))
        said = f"Too many tries. Wait {_spoken(wait)}, then try again."
        self.show("login", said=said, name=name)


def _spoken(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 120 else f"{round(seconds / 60)} minutes"


class Logout(Answer):
    """Ends a facilitator's session."""

    async def post(self) -> None:
        await self.gate.ask(self.gate.access.leave, self.caller)
        self.gate.clear_cookie(self, FACILITATOR)
        self.redirect(self.gate.address("login"), status=303)


class Engagements(Answer):
    """All engagements of a facilitator, and how each stands."""

    async def get(self) -> None:
        rows = await self.gate.ask(self._rows)
        self.show("engagements", rows=rows, here="engagements")

    def _rows(self) -> list[dict[str, Any]]:
        access, caller = self.gate.access, self.caller
        shown, moment = {one.run for one in access.publications()}, dt.datetime.now(dt.UTC)
        runs: dict[str, list[Published]] = {}
        for run in find_runs(self.gate.settings):
            if caller.may_see(run.engagement):
                runs.setdefault(run.engagement, []).append(run)
        live: dict[str, list[Any]] = {}
        for link in access.links():
            live.setdefault(link.engagement, []).append(link)
        # Those that this store has, and those whose runs were made elsewhere.
        names = {one.slug: one.name for one in self.gate.store.engagements() if caller.may_see(one.slug)}
        rows = []
        for slug in sorted({*runs, *names}):
            found, links = runs.get(slug, []), live.get(slug, [])
            rows.append(
                {
                    "slug": slug,
                    "client": next((one.client for one in _editions(found[:5])), names.get(slug, slug)),
                    "wave": found[0].wave if found else "–",
                    "runs": len(found),
                    "drafts": sum(one.is_draft for one in found),
                    "published": sum(one.id in shown for one in found),
                    "links": sum(not one.ended(moment) for one in links),
                    "opened": max((one.opened_at for one in links if one.opened_at), default=None),
                }
            )
        return rows


def _editions(runs: Sequence[Published]) -> list[Edition]:
    found = []
    for one in runs:
        try:
            found.append(edition(one.folder))
        except CxError:
            continue
    return found


class Engagement(Answer):
    """One engagement: its runs, its links, and what happened last."""

    async def get(self, engagement: str) -> None:
        shown = await self.gate.ask(self._shown, engagement)
        if not (shown["runs"] or shown["links"] or shown["client"]):
            self.send_error(404)
            return
        self.show("engagement", here="engagements", slug=engagement, **shown)

    def _shown(self, engagement: str) -> dict[str, Any]:
        access, moment = self.gate.access, dt.datetime.now(dt.UTC)
        published = {one.run: one for one in access.publications(engagement)}
        found = find_runs(self.gate.settings, engagement)
        editions = {one.run: one for one in _editions(found)}
        links = [(one, one.ended(moment)) for one in access.links(engagement)]
        events = access.events([engagement], limit=20)
        names = {one.slug: one.name for one in self.gate.store.engagements()}
        client = next((one.client for one in editions.values()), names.get(engagement, ""))
        return {
            "client": client,
            "runs": [(one, editions.get(one.id), published.get(one.id)) for one in found],
            "links": links,
            "events": named(self.gate, events),
        }


class Portfolio(Answer):
    """All clients side by side, from what was published."""

    async def get(self) -> None:
        try:
            stands, starts = await self.gate.ask(self._tables)
        except CxError as error:
            stands, starts = "", ""
            self.show("portfolio", here="portfolio", stands=stands, starts=starts, said=str(error))
            return
        self.show("portfolio", here="portfolio", stands=stands, starts=starts, said="")

    def _tables(self) -> tuple[Any, Any]:
        from cxlib import tables
        from cxlib.look import as_is
        from cxlib.run.portfolio import read_portfolio

        frame = read_portfolio(settings=self.gate.settings)
        caller = self.caller
        frame = frame[[caller.may_see(one) for one in frame["engagement"]]]
        return tuple(as_is(make(frame)._repr_html_()) for make in (tables.portfolio, tables.starts))


class Audit(Answer):
    """Who opened what, and when."""

    async def get(self) -> None:
        caller = self.caller
        before = self.get_query_argument("before", "")
        place = int(before) if before.isascii() and before.isdecimal() and len(before) < 10 else None
        events = await self.gate.ask(self.gate.access.events, caller.engagements, before=place, limit=EVENTS)
        rows = await self.gate.ask(named, self.gate, events)
        older = events[-1].number if len(events) == EVENTS else 0
        self.show("audit", here="audit", events=rows, older=older)


def named(gate: Any, events: Sequence[Event]) -> list[tuple[Event, str]]:
    """Put beside each event whom its actor stands for, as far as the store still knows a name."""
    names = {f"link {one.id}": one.name for one in gate.access.links()}
    names |= {f"user {one.id}": one.name for one in gate.access.accounts()}
    return [(one, names.get(one.actor, one.actor)) for one in events]
