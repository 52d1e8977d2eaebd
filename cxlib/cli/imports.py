"""What `cx import` asks before it replaces anything and says of an import; `cx imports` lists them all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxlib.cli import printing
from cxlib.errors import ConflictError

if TYPE_CHECKING:
    from cxlib.correcting import Difference
    from cxlib.intake import Import

SHOWN = 12


def imports(
    engagement: Annotated[str, typer.Argument(help="The engagement's name, for example harbour.")],
    wave: Annotated[str | None, typer.Option("--wave", help="The wave's id; by default all.")] = None,
    undone: Annotated[bool, typer.Option(help="Those that were undone, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print data instead of text.")] = False,
) -> None:
    """List the imports: what came in, what was left out and why, what was converted, what was replaced."""
    from cxlib.settings import read_settings
    from cxlib.store import Store

    with Store.open(read_settings()) as store:
        found = store.batches(engagement, wave, undone=undone)
    if as_json:
        printing.print_json(
            {
                "imports": [
                    {
                        "batch": one.id,
                        "wave": one.wave,
                        "state": one.state,
                        "file": one.source_name,
                        "imported": one.rows_imported,
                        "counted": one.rows if one.is_active else 0,
                        "quality": dict(one.quality),
                    }
                    for one in found
                ]
            }
        )
        return
    for one in found:
        state = "" if one.is_active else ", undone"
        print(f"{one.id}  wave {one.wave}  {one.source_name}: {one.rows_imported:,} responses{state}")
        if one.is_active and one.rows < one.rows_imported:
            print(f"  {one.rows_imported - one.rows:,} of them were replaced by a later import")
        for line in _told(one.quality):
            print(f"  {line}")
    if not found:
        print("Nothing was imported yet.")


def _told(quality: Mapping[str, Any]) -> list[str]:
    """Say what the record of an import keeps, a sentence each."""
    out = []
    if rejected := quality.get("rejected", 0):
        out.append(f"{rejected:,} of {quality['read']:,} rows left out: {_counted(quality['reasons'])}")
    if corrected := quality.get("corrected"):
        out.append(
            f"{corrected['new']:,} were new, {corrected['replaced']:,} replaced earlier answers, "
            f"{corrected['identical']:,} were there already"
        )
    if screening := quality.get("screening"):
        from cxlib.screening import Screening

        out += Screening.from_plain(screening).sentences
    if quality.get("empty"):
        out.append(f"{quality['empty']:,} empty rows")
    converted = quality.get("converted", [])
    if converted:
        shown = (f"{text!r} as {meaning} ({times:,})" for text, meaning, times in converted[:SHOWN])
        more = f" and {len(converted) - SHOWN} more" if len(converted) > SHOWN else ""
        out.append(f"read {', '.join(shown)}{more}")
    return out


def _counted(numbers: Mapping[str, int]) -> str:
    shown = [f"{name} ({n:,})" for name, n in list(numbers.items())[:SHOWN]]
    more = len(numbers) - len(shown)
    return ", ".join([*shown, *([f"{more} more"] if more else [])])


def describe(change: Difference) -> list[str]:
    """Say what a correction changes, in numbers of people: nobody is named."""
    out = [
        f"{change.new:,} are new, {change.replacing:,} replace what they answered before, "
        f"{change.identical:,} are there already and the same"
    ]
    out += [f"replaces {n:,} of {source} (batch {batch})" for (source, batch), n in change.replaced.items()]
    if change.changed:
        out.append(f"changes by column: {_counted(change.changed)}")
    if change.lost:
        out.append(f"the file has no column for these answers, which would go: {_counted(change.lost)}")
    return out


def asking(file: Path, *, yes: bool) -> Callable[[Difference], bool]:
    """Show what a correction would replace, and ask; a script says --yes beforehand."""

    def confirm(change: Difference) -> bool:
        if yes or not change.replaced:
            return True
        if not sys.stdin.isatty():
            raise ConflictError(
                f"{file.name} would replace the answers of {change.replacing:,} respondents, and nobody is "
                "there to be asked",
                fix="Look at it with --dry-run, then import it with --yes. Nothing was imported.",
            )
        for line in (f"{file.name}:", *(f"  {one}" for one in describe(change))):
            print(line, file=sys.stderr)
        return typer.confirm("Replace them?", err=True)

    return confirm


def as_data(done: Import) -> dict[str, Any]:
    """Return what an import did as data."""
    found, batch, change = done.found, done.batch, done.change
    told: dict[str, Any] = {
        "state": done.state,
        "wave": done.wave,
        "batch": batch.id if batch else None,
        "rows": found.rows if found else batch.rows if batch else 0,
        "roles": dict(found.roles) if found else {},
        "ignored_columns": list(found.columns_ignored) if found else [],
        "notes": list(found.notes) if found else [],
        "rejected": found.rejected if found else 0,
        "reasons": dict(found.reasons) if found else {},
        "rejects": str(done.rejects) if done.rejects else None,
        "screening": found.screening.to_plain() if found and found.screening else None,
    }
    if change is not None:
        told["change"] = {
            "new": change.new,
            "identical": change.identical,
            "replaced": {batch_id: n for (_, batch_id), n in change.replaced.items()},
            "changed": dict(change.changed),
            "lost": dict(change.lost),
        }
    return told


def print_import(done: Import, engagement: str, file: Path, mapping: Path | None) -> None:
    """Say what an import did, or would do."""
    found, batch, change = done.found, done.batch, done.change
    if found is None:
        if batch is not None:
            print(
                f"Nothing changed: {file.name} is in wave {done.wave} already, "
                f"as batch {batch.id} ({batch.rows} responses)"
            )
        return
    if done.state == "declined":
        print("Nothing was imported.")
        return
    if done.state == "unchanged":
        print(f"Nothing changed: all {found.rows:,} responses are in wave {done.wave} already, and the same")
    else:
        verb = "Would import" if done.state == "dry run" else "Imported"
        rows = found.rows if change is None else change.new + change.replacing
        print(f"{verb} {rows} responses into wave {done.wave}")
    for line in describe(change) if change is not None else ():
        print(f"  {line}")
    print("  " + ", ".join(f"{role} {count}" for role, count in found.roles.items()))
    for note in found.notes:
        print(f"  {printing.legible(note)}")
    if found.screening is not None:
        for line in found.screening.sentences:
            print(f"  {line}")
        if done.state == "dry run" and (kinds := found.screening.kept):
            print(f"  --drop {','.join(kinds)} would leave them out")
    if found.columns_ignored:
        print(f"  columns not in the mapping, left out: {printing.legible(', '.join(found.columns_ignored))}")
    if found.rejected:
        print(f"  {found.rejected:,} rows break the mapping: {_counted(found.reasons)}")
    if done.rejects is not None:
        print(
            f"Left out: {printing.near(done.rejects)} holds these rows as respondents gave them, with the "
            "reasons. Keep it as safe as the survey,"
        )
        by = f" --mapping {mapping}" if mapping is not None else ""
        print(f"correct it, then: cx import {engagement} {printing.near(done.rejects)}{by}")
    if done.state == "imported":
        print(f"Next: cx report {engagement} --wave {done.wave}")
