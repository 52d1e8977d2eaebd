"""What the command line does at the gate: publish a run and take it back, mint a link, end one."""

from __future__ import annotations

import datetime as dt
import getpass
import re
from dataclasses import dataclass
from typing import Final

from cxlib.errors import NotFoundError, ReportError, SettingsError
from cxlib.run.gate.rules import OPEN_PATH
from cxlib.run.gate.tokens import Signatures
from cxlib.run.runs import Published, find_run, unchanged
from cxlib.settings import Settings
from cxlib.store import LinkRecord, Publication, Store

LONGEST: Final = dt.timedelta(days=366)
_UNITS: Final = {"h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class NewLink:
    """A link that was just minted. Its address is shown once: the store cannot say it again."""

    record: LinkRecord
    address: str


def publish(settings: Settings, name: str) -> tuple[Published, bool]:
    """Let the holders of a client's links see a run; False beside it where they could already.

    Raises
    ------
    NotFoundError
        If there is no such run.
    ReportError
        If it is a draft, or was changed after it was made.
    """
    found = find_run(settings, name)
    if found.trouble:
        raise ReportError(f"run {found.id}: {found.trouble}", fix="Make the report again.")
    if found.is_draft:
        raise ReportError(
            f"run {found.id} is a draft; what clients see is approved",
            fix=f"Read it, then: cx approve {found.id}",
        )
    unchanged(found)
    with Store.open(settings) as store:
        is_new = store.access.publish(found.id, found.engagement, found.wave, actor=operator(store))
    return found, is_new


def unpublish(settings: Settings, name: str) -> Publication:
    """Take a run back: from now on nobody opens it, whatever link they hold.

    `name` is a run's id, also of one whose folder is gone, or an engagement's for its newest published run.

    Raises
    ------
    NotFoundError
        If none such is published.
    """
    with Store.open(settings) as store:
        runs = [one.run for one in store.access.publications() if name in (one.run, one.engagement)]
        return store.access.unpublish(runs[0] if runs else name, actor=operator(store))


def mint_link(
    settings: Settings, name: str, *, to: str, expires: str = "30d", once: bool = False, url: str = ""
) -> NewLink:
    """Mint a private link to the published runs of a client.

    Parameters
    ----------
    name
        A run's id, or an engagement's name; the link belongs to the engagement.
    to
        Whom it is for, as lists show it.
    expires
        How long it opens: hours, days or weeks, such as 48h, 30d, 8w; at most a year.
    once
        Whether it opens in one browser only.
    url
        The gate's public address; by default the setting's.

    Raises
    ------
    NotFoundError
        If the client has no published run.
    SettingsError
        If the time is none.
    """
    lasts = _lasting(expires)
    if not to.strip():
        raise SettingsError("a link without a name could not be told from others", fix="Say --to NAME.")
    with Store.open(settings) as store:
        access = store.access
        shown = {one.run: one.engagement for one in access.publications()}
        engagement = name if name in shown.values() else shown.get(name)
        if engagement is None:
            raise NotFoundError(
                f"nothing of {name!a} is published, so a link would show nothing",
                fix=f"First: cx publish {name}" if name.isascii() else "First: cx publish RUN",
            )
        minted = Signatures(access.secret("sessions")).mint()
        record = access.add_link(
            minted.id, engagement, to.strip(), minted.digest, lasts, once=once, actor=operator(store)
        )
    return NewLink(record, f"{(url or settings.gate_url).rstrip('/')}{OPEN_PATH}/{minted.token}")


def revoke(settings: Settings, id: str, *, forget: bool = False) -> LinkRecord:
    """End a link, and whoever came in by it is out; with `forget`, whom it was made for is kept no longer.

    Raises
    ------
    NotFoundError
        If there is no such link, naming the nearest.
    """
    with Store.open(settings) as store:
        return store.access.revoke(id, actor=operator(store), forget=forget)


def operator(store: Store) -> str:
    """Return what stands in the audit for whoever works at this command line."""
    try:
        login = getpass.getuser()
    except (KeyError, OSError):
        login = ""
    return store.access.pseudonym("operator", login)


def _lasting(text: str) -> dt.timedelta:
    found = re.fullmatch(r"([1-9][0-9]{0,3})([hdw])", text.strip().lower())
    lasts = dt.timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else dt.timedelta()
    if not dt.timedelta() < lasts <= LONGEST:
        raise SettingsError(
            f"--expires {text!a} is no time; expected hours, days or weeks up to a year",
            fix="Write it like 48h, 30d or 8w.",
        )
    return lasts
