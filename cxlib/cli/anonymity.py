"""`cx anonymity`: what the next report will hide, why, and what a coarser release plan would win."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cxlib.cli import printing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cxlib.anonymity.preview import Preview


def anonymity(
    engagement: Annotated[str, typer.Argument(help="The engagement's name, for example harbour.")],
    wave: Annotated[
        str | None, typer.Option("--wave", help="The wave's id; by default the latest with answers.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print data instead of text.")] = False,
) -> None:
    """Show, before publication, what will be hidden and why, and what a coarser release plan would win."""
    from dataclasses import asdict

    from cxlib.anonymity.preview import preview
    from cxlib.errors import AnonymityError
    from cxlib.opening import open_live

    with open_live(engagement, wave=wave) as eng:
        tally = eng.tally(moments=False).select(wave=eng.wave_id)
        found = preview(tally, eng.spec.cuts, eng.spec.anonymity.scores)
        held = ""
        try:
            eng.check_rerelease()
        except AnonymityError as error:
            held = printing.said(error)
    if as_json:
        printing.print_json({**asdict(found), "visible": found.visible, "withheld": held})
        return
    smallest = eng.spec.anonymity.scores
    print(f"Wave {eng.wave_id}: smallest group {smallest}; {found.visible:.0%} of figures shown")
    _print(found)
    print()
    print(held or "Beside what is out already, a run made now tells nothing more.")


def _print(found: Preview) -> None:
    import pandas as pd

    printing.print_frame(
        pd.DataFrame(
            {
                "cut": [_named(one.cut) for one in found.shares],
                "groups shown": [f"{one.groups_shown} of {one.groups}" for one in found.shares],
                "figures shown": [f"{one.figures_shown} of {one.figures}" for one in found.shares],
            }
        )
    )
    print()
    print("Hidden groups" if found.hidden else "No group is hidden.")
    for one in found.hidden:
        print(f"  {_group(one.cut, one.values)}: {one.why}")
    if found.items:
        print()
        print("Hidden items in groups that are shown")
    items: dict[tuple[str, str], list[str]] = {}
    for held in found.items:
        items.setdefault((_group(held.cut, held.values), held.why), []).append(held.item)
    for (group, why), names in items.items():
        print(f"  {group}: {', '.join(names)}: {why}")
    wins = [one for one in found.coarser if one.then > one.now]
    if wins:
        print()
        print("A coarser plan, for an engagement that is still to be created:")
    for plan in wins:
        names = ", ".join(_named(cut) for cut in plan.without)
        print(f"  without {names}: the other cuts show {plan.then:.1%} of their figures, not {plan.now:.1%}")


def _group(cut: Sequence[str], values: Sequence[str]) -> str:
    named = (f"{dim} {value}" for dim, value in zip(cut, values, strict=True))
    return ", ".join(named) or "everyone"


def _named(cut: Sequence[str]) -> str:
    return "×".join(cut) or "everyone"
