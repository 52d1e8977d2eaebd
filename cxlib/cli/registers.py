"""`cx add`: load the registers that steps 4 to 8 read, look at them, start one from a template."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxlib.cli import printing
from cxlib.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from cxlib.live import LiveEngagement
    from cxlib.registers import Register


def add(
    engagement: Annotated[str, typer.Argument(help="The engagement's name, for example harbour.")],
    register: Annotated[
        str,
        typer.Argument(
            help="touchpoints, promises, standards, measures, observations, initiatives or assumptions."
        ),
    ],
    file: Annotated[
        Path | None, typer.Argument(help="The whole register: CSV, TSV or XLSX, headers in row 1.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Print what is there now.")] = False,
    template: Annotated[
        Path | None, typer.Option(help="Write an empty table to fill in to this CSV file.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="Who loads it, for the store's own record; by default your login.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a template that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print data instead of text.")] = False,
) -> None:
    """Load a register from a table, all of it or nothing; each load is a new version of the whole."""
    from cxlib.opening import open_live
    from cxlib.registers import find_register
    from cxlib.registers.reading import write_template

    found = find_register(register)
    if (file is not None) + show + (template is not None) != 1:
        raise NotFoundError(
            "name one of: a file to load, --show, --template FILE",
            fix=f"Start with: cx add {engagement} {register} --template {register}.csv",
        )
    with open_live(engagement) as eng:
        if show:
            _show(eng, found, as_json)
            return
        if template is not None:
            if template.exists() and not force:
                raise ConflictError(
                    f"{template.name} is there already", fix="Name another file, or pass --force."
                )
            write_template(register, template)
            print(f"Wrote {printing.near(template)}: fill in one row each, then")
            print(f"  cx add {engagement} {register} {printing.near(template)}")
            _explain(found)
            return
        before = eng.store.register_versions(eng.slug).get(register)
        done = eng.set_register(register, file or Path(), by=_login() if by is None else by)
    is_new = done.version != before
    if as_json:
        printing.print_json(
            {"register": register, "version": done.version, "rows": len(done.rows), "is_new": is_new}
        )
        return
    rows = f"{len(done.rows):,} row{'s' * (len(done.rows) != 1)}"
    if is_new:
        print(f"Loaded {register}: {rows}, version {done.version}")
    else:
        print(f"Nothing changed: {register} holds these {rows} already, as version {done.version}")


def _show(eng: LiveEngagement, register: Register, as_json: bool) -> None:
    from cxlib.language import words_of
    from cxlib.registers import about
    from cxlib.run.results import records

    held, frame = eng.store.register(eng.slug, register.name), eng.register(register.name)
    if as_json:
        printing.print_json(
            {
                "register": register.name,
                "version": held.version if held else 0,
                "author": held.author if held else "",
                "at": held.at.isoformat() if held else None,
                "rows": records(frame),
            }
        )
        return
    if frame.empty:
        what, why = about(register.name, words_of("en"))
        print(f"No {register.name} yet. {what} {why}")
        print(f"Start with: cx add {eng.slug} {register.name} --template {register.name}.csv")
        return
    if held is not None:
        who = f" by {held.author}" if held.author else ""
        print(f"Version {held.version}, loaded {held.at:%Y-%m-%d %H:%M} UTC{who}")
    printing.print_frame(frame.map(_legible), digits=1)


def _legible(cell: Any) -> Any:
    """Shorten what would make a line of a terminal unreadable."""
    if not isinstance(cell, str):
        return f"{cell:g}" if isinstance(cell, float) and cell == cell else cell
    return cell if len(cell) <= 40 else cell[:39] + "…"


def _explain(register: Register) -> None:
    width = max(len(one.name) for one in register.columns)
    for one in register.columns:
        needed = "" if one.is_required else "; may be empty"
        beside = f"; an id of {one.refers}" if one.kind == "reference" else f"; {one.expected}"
        beside = "" if one.kind in {"name", "text", "owner"} else beside
        print(f"  {one.name:<{width}}  {one.meaning}{beside}{needed}")


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
