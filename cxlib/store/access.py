"""Who may see what at the gate: published runs, links, facilitators, sessions, and the audit of it all.

    with Store.open(read_settings()) as store:
        store.access.publications("acme")

Each verb writes its row of the audit in the transaction of what it does: neither stands without the other.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from cxlib.errors import NotFoundError, Problem
from cxlib.store import accounts as _accounts
from cxlib.store import audit as _audit
from cxlib.store import links as _links
from cxlib.store.connect import Database
from cxlib.store.engagements import now
from cxlib.store.files import LocalFolder
from cxlib.store.records import AccountRecord, Caller, Event, LinkRecord, Publication

# A browser stays in this long after it opened a link, if the link lasts; it may open it again.
CLIENT_STAYS = timedelta(days=30)
FACILITATOR_STAYS = timedelta(hours=12)


@dataclass(frozen=True)
class Opening:
    """What came of opening a link: it is open, or `refused` says why not; no link where none is known."""

    link: LinkRecord | None
    refused: str = ""


class Access:
    """The gate's part of the store; :attr:`cxlib.store.Store.access` holds it."""

    def __init__(self, database: Database, local: LocalFolder) -> None:
        self._database = database
        self._local = local

    def secret(self, name: str) -> bytes:
        """Return 32 secret bytes for one purpose, made on first use in `data/local/gate/`."""
        return self._local.secret(name)

    def pseudonym(self, kind: str, name: str) -> str:
        """Return what stands for a person in the audit: the same for the same name, and telling nothing."""
        digest = hmac.new(self.secret("audit"), f"{kind}:{name}".encode("utf-8", "replace"), hashlib.sha256)
        return f"{kind} {digest.hexdigest()[:12]}"

    # ── Published runs ──────────────────────────────────────────────────────────────────────────

    def publish(self, run: str, engagement: str, wave: str, *, actor: str) -> bool:
        """Let the holders of an engagement's links see a run; False where they could already."""
        with self._database.write() as connection:
            is_new = _links.insert_publication(connection, run, engagement, wave)
            if is_new:
                self._note(connection, "published", actor, engagement=engagement, run=run)
        return is_new

    def unpublish(self, run: str, *, actor: str) -> Publication:
        """Take a run back, at once and for everybody.

        Raises
        ------
        NotFoundError
            If it is not published.
        """
        with self._database.write() as connection:
            found = _links.select_publications(connection, run=run)
            if not found:
                raise NotFoundError(
                    f"run {run} is not published", fix="`cx links` and `cx runs` show what is."
                )
            _links.delete_publication(connection, run)
            self._note(connection, "unpublished", actor, engagement=found[0].engagement, run=run)
        return found[0]

    def publications(self, engagement: str | None = None) -> list[Publication]:
        """Return the published runs, the newest first."""
        with self._database.read() as connection:
            return _links.select_publications(connection, engagement=engagement)

    def publication(self, run: str) -> Publication | None:
        with self._database.read() as connection:
            return next(iter(_links.select_publications(connection, run=run)), None)

    # ── Links ───────────────────────────────────────────────────────────────────────────────────

    def add_link(
        self, id: str, engagement: str, name: str, digest: str, lasts: timedelta, *, once: bool, actor: str
    ) -> LinkRecord:
        """Keep a link that was minted: its digest, never itself."""
        with self._database.write() as connection:
            made = _links.insert_link(connection, id, engagement, name, digest, lasts, once=once)
            self._note(
                connection,
                "link minted",
                actor,
                engagement=engagement,
                detail=f"link {id}, until {made.expires_at:%Y-%m-%d %H:%M}Z{', once' if once else ''}",
            )
        return made

    def links(self, engagement: str | None = None) -> list[LinkRecord]:
        """Return the links, the newest first, those that ended too."""
        with self._database.read() as connection:
            return _links.select_links(connection, engagement)

    def revoke(self, id: str, *, actor: str, forget: bool = False) -> LinkRecord:
        """End a link and every session it opened; one that was revoked already stays as it was.

        With `forget`, whom it was made for is kept no longer either.

        Raises
        ------
        NotFoundError
            If there is no such link, naming the nearest.
        """
        with self._database.write() as connection:
            found = _links.select_link(connection, id)
            if found.revoked_at is None:
                _links.mark_revoked(connection, id)
                self._note(
                    connection, "link revoked", actor, engagement=found.engagement, detail=f"link {id}"
                )
            if forget and found.name:
                _links.forget_name(connection, id)
                self._note(
                    connection, "name forgotten", actor, engagement=found.engagement, detail=f"link {id}"
                )
            return _links.select_link(connection, id)

    def look_up(self, id: str, digest: str) -> Opening:
        """Say what opening a link would come to, and change nothing."""
        with self._database.read() as connection:
            found = _links.find_link(connection, id, digest)
        return Opening(found, found.ended(now()) if found else "unknown")

    def open_link(self, id: str, digest: str, session: str) -> Opening:
        """Begin a session by a link, or say why not; of two that open one meant once, one comes in."""
        with self._database.write() as connection:
            moment = now()
            found = _links.find_link(connection, id, digest, to_open=True)
            refused = found.ended(moment) if found else "unknown"
            if found is None or refused:
                self._note(
                    connection,
                    "refused",
                    f"link {found.id}" if found else "unknown",
                    engagement=found.engagement if found else "",
                    detail=refused,
                )
                return Opening(found, refused)
            _links.mark_opened(connection, id, moment)
            ends = found.expires_at if found.once else min(found.expires_at, moment + CLIENT_STAYS)
            _accounts.insert_session(connection, session, ends, link=id)
            self._note(connection, "opened", f"link {id}", engagement=found.engagement)
        return Opening(found)

    # ── Facilitators ────────────────────────────────────────────────────────────────────────────

    def add_account(
        self, name: str, password: str, engagements: Sequence[str] = (), *, actor: str
    ) -> AccountRecord:
        """Add a facilitator; `password` is its hash.

        Raises
        ------
        ConflictError
            If there is one of this name.
        """
        with self._database.write() as connection:
            made = _accounts.insert_account(connection, name, password, engagements)
            self._note(connection, "user added", actor, detail=f"user {made.id}")
        return made

    def accounts(self) -> list[AccountRecord]:
        with self._database.read() as connection:
            return _accounts.select_accounts(connection)

    def account(self, name: str) -> AccountRecord | None:
        with self._database.read() as connection:
            return _accounts.find_account(connection, name)

    def require_account(self, name: str) -> AccountRecord:
        """Return a facilitator by name.

        Raises
        ------
        NotFoundError
            With the nearest name that exists.
        """
        with self._database.read() as connection:
            return _accounts.require_account(connection, name)

    def set_password(self, name: str, password: str, *, actor: str) -> AccountRecord:
        """Keep another hash; whoever signed in by the old password is out."""
        with self._database.write() as connection:
            found = _accounts.require_account(connection, name)
            _accounts.change_password(connection, found.id, password, ends_sessions=True)
            self._note(connection, "password set", actor, detail=f"user {found.id}")
        return found

    def rehash(self, id: str, password: str) -> None:
        """Keep the same password's stronger hash."""
        with self._database.write() as connection:
            _accounts.change_password(connection, id, password, ends_sessions=False)

    def remove_account(self, name: str, *, actor: str) -> AccountRecord:
        """Remove a facilitator; the audit goes on to know them as what stood for them."""
        with self._database.write() as connection:
            found = _accounts.require_account(connection, name)
            _accounts.delete_account(connection, found.id)
            self._note(connection, "user removed", actor, detail=f"user {found.id}")
        return found

    # ── Sessions ────────────────────────────────────────────────────────────────────────────────

    def count_try(self, subjects: Sequence[str]) -> float:
        """Count a try to sign in before it is made; return the seconds [s] to wait, 0 for none."""
        with self._database.write() as connection:
            return _accounts.count_try(connection, subjects)

    def sign_in(self, account: AccountRecord, session: str, subjects: Sequence[str]) -> None:
        """Begin a facilitator's session, and forget the tries before."""
        with self._database.write() as connection:
            _accounts.forget_tries(connection, subjects)
            _accounts.insert_session(connection, session, now() + FACILITATOR_STAYS, account=account.id)
            self._note(connection, "signed in", f"user {account.id}")

    def caller(self, session: str) -> Caller | None:
        """Return who is behind a session; None once it, its link or its facilitator has ended."""
        with self._database.read() as connection:
            return _accounts.find_caller(connection, session)

    def leave(self, caller: Caller) -> None:
        """End a session."""
        with self._database.write() as connection:
            _accounts.delete_session(connection, caller.session)
            self._note(connection, "left", caller.actor, engagement=caller.engagement)

    # ── Audit ───────────────────────────────────────────────────────────────────────────────────

    def note(self, event: str, actor: str, *, engagement: str = "", run: str = "", detail: str = "") -> None:
        """Add to the audit what happened and changed no other row."""
        with self._database.write() as connection:
            self._note(connection, event, actor, engagement=engagement, run=run, detail=detail)

    def events(
        self, engagements: Sequence[str] = (), *, before: int | None = None, limit: int | None = None
    ) -> list[Event]:
        """Return what happened, the newest first; of some engagements, or of all where none is named."""
        with self._database.read() as connection:
            return _audit.select_events(
                connection, engagements=tuple(engagements), before=before, limit=limit
            )

    def check_audit(self, holds: str = "") -> tuple[int, str, list[Problem]]:
        """Check the chain; see :func:`cxlib.store.audit.check_chain`."""
        with self._database.read() as connection:
            return _audit.check_chain(connection, self.secret("audit"), holds=holds)

    def _note(self, connection: Connection, event: str, actor: str, **about: str) -> None:
        _audit.append(connection, self.secret("audit"), event, actor, **about)
