"""`cx publish`, `cx link`, `cx serve` and what belongs to them: published runs for clients."""

from __future__ import annotations

import datetime as dt
import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxlib.cli import printing
from cxlib.errors import ConflictError, SettingsError, StoreError

if TYPE_CHECKING:
    from cxlib.store import LinkRecord

Json = Annotated[bool, typer.Option("--json", help="Print data instead of text.")]
Run = Annotated[str, typer.Argument(help="A run's id, or an engagement's name for its latest run.")]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="Where clients reach the gate, e.g. https://results.example.org; by default CX_GATE_URL.",
    ),
]

users = typer.Typer(help="Facilitators who sign in at the gate.", no_args_is_help=True, rich_markup_mode=None)
User = Annotated[str, typer.Argument(help="The name to sign in with.")]


def publish(run: Run, as_json: Json = False) -> None:
    """Let the holders of a client's links see an approved run."""
    from cxlib.run.gate.publishing import publish
    from cxlib.settings import read_settings

    found, is_new = publish(read_settings(), run)
    if as_json:
        printing.print_json({"run": found.id, "engagement": found.engagement, "is_new": is_new})
        return
    print(f"{'Published' if is_new else 'Nothing changed: published already is'} {found.id}")
    print(f"Next: cx link {found.engagement} --to NAME")


def unpublish(run: Run, as_json: Json = False) -> None:
    """Take a run back: from now on no link shows it."""
    from cxlib.run.gate.publishing import unpublish
    from cxlib.settings import read_settings

    found = unpublish(read_settings(), run)
    if as_json:
        printing.print_json({"run": found.run, "engagement": found.engagement})
    else:
        print(f"Taken back: {found.run} ({found.engagement}, wave {found.wave})")


def link(
    run: Annotated[str, typer.Argument(help="A published run's id, or its engagement's name.")],
    to: Annotated[str, typer.Option("--to", help="Whom it is for, as lists show it.")],
    expires: Annotated[str, typer.Option(help="How long it opens: 48h, 30d, 8w.")] = "30d",
    once: Annotated[bool, typer.Option("--once", help="Let it open in one browser only.")] = False,
    url: Url = None,
    qr: Annotated[Path | None, typer.Option(help="Write its QR code to this SVG or PNG file.")] = None,
    as_json: Json = False,
) -> None:
    """Mint a private link to a client's published runs, with its QR code; it is shown this once."""
    import segno

    from cxlib.run.gate.publishing import mint_link
    from cxlib.settings import gate_address, read_settings

    if qr is not None and qr.suffix.lower() not in (".svg", ".png"):
        raise SettingsError(f"{qr.name} is no picture of a QR code", fix="Name it .svg or .png.")
    made = mint_link(
        read_settings(), run, to=to, expires=expires, once=once, url=gate_address(url) if url else ""
    )
    code = segno.make(made.address, error="m", micro=False)
    if qr is not None:
        try:
            code.save(str(qr), scale=8, border=4)
        except OSError as error:
            raise StoreError(
                f"cannot write {qr}: {error.strerror or error}", fix="Choose another place."
            ) from None
    if as_json:
        printing.print_json({**_plain(made.record), "address": made.address})
        return
    print(made.address)
    until = f"{made.record.expires_at:%Y-%m-%d %H:%M} UTC"
    print(f"  for {legible(made.record.name)}, until {until}{', opens once' if once else ''}")
    print(f"  cx revoke {made.record.id}   ends it; the address is not kept and cannot be shown again")
    if qr is not None:
        print(f"  {printing.near(qr)}")
    elif sys.stdout.isatty():
        code.terminal(compact=True)


def links(
    engagement: Annotated[str | None, typer.Argument(help="An engagement's name; all without it.")] = None,
    as_json: Json = False,
) -> None:
    """List the private links: for whom, until when, how often opened, and whether they still open."""
    import pandas as pd

    from cxlib.settings import read_settings
    from cxlib.store import Store

    with Store.open(read_settings()) as store:
        found = store.access.links(engagement)
    if as_json:
        printing.print_json([_plain(one) for one in found])
        return
    if not found:
        print("No link was minted. Next: cx publish RUN, then cx link RUN --to NAME")
        return
    moment = dt.datetime.now(dt.UTC)
    printing.print_frame(
        pd.DataFrame(
            {
                "link": [one.id for one in found],
                "engagement": [one.engagement for one in found],
                "for": [_whom(one.name) for one in found],
                "until, UTC": [f"{one.expires_at:%Y-%m-%d %H:%M}" for one in found],
                "opened": [str(one.opened) for one in found],
                "last, UTC": [f"{one.opened_at:%Y-%m-%d %H:%M}" if one.opened_at else "–" for one in found],
                "state": [one.ended(moment) or ("opens once" if one.once else "opens") for one in found],
            }
        )
    )


def revoke(
    link: Annotated[str, typer.Argument(help="A link's id, as `cx links` shows it.")],
    forget: Annotated[
        bool, typer.Option("--forget", help="Keep no longer whom it was made for, either.")
    ] = False,
    as_json: Json = False,
) -> None:
    """End a private link; whoever came in by it is out."""
    from cxlib.run.gate.publishing import revoke
    from cxlib.settings import read_settings

    found = revoke(read_settings(), link, forget=forget)
    if as_json:
        printing.print_json(_plain(found))
    else:
        print(f"Ended: link {found.id} for {_whom(found.name)} ({found.engagement})")


def audit(
    holds: Annotated[
        str, typer.Option("--holds", help="A seal that you kept: was anything cut off since?")
    ] = "",
    show: Annotated[int, typer.Option("--show", min=0, help="Print this many of the newest rows.")] = 0,
    as_json: Json = False,
) -> None:
    """Check what the gate wrote down, row by row. Exit code 1 if anything was changed or is missing."""
    from dataclasses import asdict

    from cxlib.settings import read_settings
    from cxlib.store import Store

    with Store.open(read_settings()) as store:
        rows, seal, problems = store.access.check_audit(holds)
        newest = store.access.events(limit=show) if show else []
    if as_json:
        told = [asdict(one) for one in newest]
        printing.print_json(
            {"rows": rows, "seal": seal, "problems": list(map(str, problems)), "newest": told}
        )
    else:
        for one in reversed(newest):
            parts = (one.at, one.event, one.actor, one.engagement, one.run, one.detail)
            print("  ".join(part for part in parts if part))
        for problem in problems:
            print(f"FAIL  {problem}")
        if not problems:
            print(f"{rows} rows, each as it was written. The last seal, to keep elsewhere: {seal[:32]}")
    if problems:
        raise typer.Exit(1)


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0 takes a free port.")] = 8866,
    host: Annotated[
        str, typer.Option(help="Address to listen on; behind a proxy, this machine's own.")
    ] = "127.0.0.1",
    url: Url = None,
    kernels: Annotated[
        int, typer.Option(min=0, help="How many dashboards may be live at once; each takes some 100 MB.")
    ] = 100,
) -> None:
    """Open the gate: published runs for clients by their links, until it is interrupted."""
    from cxlib.run.gate.kernels import Limits
    from cxlib.run.gate.serving import serve
    from cxlib.settings import read_settings

    serve(
        read_settings(), host=host, port=port, url=url or "", limits=Limits(most=kernels), say=printing.say()
    )


# ── Facilitators ────────────────────────────────────────────────────────────────────────────────


@users.command("add")
def user_add(
    name: User,
    engagement: Annotated[
        list[str] | None, typer.Option(help="Let them see this engagement only. Repeat; all without it.")
    ] = None,
) -> None:
    """Add a facilitator; the password is asked for, or read from standard input."""
    from cxlib.run.gate.passwords import hashed
    from cxlib.run.gate.publishing import operator
    from cxlib.settings import read_settings
    from cxlib.store import Store

    plain = name.strip()
    if not plain or len(plain) > 200 or not plain.isprintable():
        raise SettingsError(f"{name!a} is no name to sign in with", fix="Take 1 to 200 letters.")
    with Store.open(read_settings()) as store:
        for one in engagement or ():
            store.engagement(one)
        if store.access.account(plain):
            raise ConflictError(
                f"there is a facilitator {plain} already", fix=f"Set another password: cx user passwd {plain}"
            )
        made = store.access.add_account(plain, hashed(_password()), engagement or (), actor=operator(store))
    print(f"Added {made.name}: sees {', '.join(made.engagements) or 'every engagement'}")


@users.command("passwd")
def user_passwd(name: User) -> None:
    """Set a facilitator's password; whoever is in by the old one is out."""
    from cxlib.run.gate.passwords import hashed
    from cxlib.run.gate.publishing import operator
    from cxlib.settings import read_settings
    from cxlib.store import Store

    with Store.open(read_settings()) as store:
        store.access.require_account(name)
        store.access.set_password(name, hashed(_password()), actor=operator(store))
    print(f"Set: the password of {name}")


@users.command("list")
def user_list(as_json: Json = False) -> None:
    """List the facilitators, and whose engagements they see."""
    import pandas as pd

    from cxlib.settings import read_settings
    from cxlib.store import Store

    with Store.open(read_settings()) as store:
        found = store.access.accounts()
    if as_json:
        printing.print_json(
            [{"name": one.name, "id": one.id, "engagements": list(one.engagements)} for one in found]
        )
        return
    if not found:
        print("Nobody signs in yet. Next: cx user add NAME")
        return
    printing.print_frame(
        pd.DataFrame(
            {
                "name": [one.name for one in found],
                "id": [one.id for one in found],
                "sees": [", ".join(one.engagements) or "all" for one in found],
                "password set, UTC": [f"{one.changed_at:%Y-%m-%d %H:%M}" for one in found],
            }
        )
    )


@users.command("remove")
def user_remove(name: User) -> None:
    """Remove a facilitator, who is out at once."""
    from cxlib.run.gate.publishing import operator
    from cxlib.settings import read_settings
    from cxlib.store import Store

    with Store.open(read_settings()) as store:
        store.access.remove_account(name, actor=operator(store))
    print(f"Removed {name}")


def _password() -> str:
    """Ask for a password twice, or read a line of standard input where nobody sits at it."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise SettingsError("the two passwords differ", fix="Try again.")
    return password


def legible(text: str) -> str:
    """Write a name without what would move a terminal's cursor or colour its text."""
    return "".join(char if char.isprintable() else "�" for char in text)


def _whom(name: str) -> str:
    return legible(name) or "somebody forgotten"


def _plain(one: LinkRecord) -> dict[str, Any]:
    return {
        "link": one.id,
        "engagement": one.engagement,
        "for": one.name,
        "once": one.once,
        "made_at": one.made_at.isoformat(timespec="seconds"),
        "expires_at": one.expires_at.isoformat(timespec="seconds"),
        "opened": one.opened,
        "opened_at": one.opened_at.isoformat(timespec="seconds") if one.opened_at else None,
        "state": one.ended(dt.datetime.now(dt.UTC)) or "opens",
    }
