"""`cx map`, and what `cx import` shows of a file before it is read: what it is, and its first rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cxlib.cli import printing
from cxlib.errors import ConflictError

if TYPE_CHECKING:
    from cxlib.mapping import SourceSpec
    from cxlib.proposals import Guess, Proposal, Wanted

_MOST = 40


def map_(
    file: Annotated[Path, typer.Argument(help="The survey export: CSV, TSV, XLSX or Parquet.")],
    engagement: Annotated[
        str | None, typer.Option("--engagement", help="Whose roles, segments and framework are looked for.")
    ] = None,
    framework: Annotated[
        str | None, typer.Option(help="Framework, where there is no engagement: id, id-version, or a file.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="What to write; by default FILE.mapping.yaml here."),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="How the file is written, as in a mapping: sheet=Answers, encoding=cp1252. Repeat."
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Only show what was found; write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print data instead of text.")] = False,
) -> None:
    """Propose a mapping for a survey file, with a confidence a column, for you to correct."""
    from cxlib.files import replaced
    from cxlib.proposals import mapping_text, propose

    target = out or Path(f"{file.stem}.mapping.yaml")
    if not show and not force and target.exists():
        raise ConflictError(
            f"{printing.near(target)} is there already", fix="Name another with -o, or pass --force."
        )
    wanted = wanted_by(engagement, framework)
    found = propose(file, wanted, _said(source or []))
    text = mapping_text(found, wanted, engagement=engagement or "")
    if not show:
        with replaced(target) as part:
            part.write_text(text, encoding="utf-8")
    if as_json:
        printing.print_json(_plain(found, None if show else target))
        return
    for line in looked_at(found, most=None):
        print(line)
    sure = sum(one.is_sure for one in found.guesses if one.target)
    doubtful = sum(not one.is_sure for one in found.guesses if one.target)
    print(f"\n{sure} matched, {doubtful} in doubt, {len(found.of(''))} columns without a match")
    if not show:
        whose = engagement or "ENGAGEMENT"
        print(f"Written: {printing.near(target)}; correct it")
        print(f"Next: cx import {whose} {file} --mapping {printing.near(target)} --dry-run")


def _said(source: list[str]) -> SourceSpec:
    """Read what was said of a file, as a mapping would say it."""
    from cxlib.declarations import parse_document, validate
    from cxlib.errors import DeclarationError
    from cxlib.mapping import SourceSpec

    if not source:
        return SourceSpec()
    if wrong := [one for one in source if "=" not in one]:
        raise DeclarationError(f"--source {wrong[0]!r} says nothing", fix="Write it as sheet=Answers.")
    pairs = (one.partition("=") for one in source)
    lines = [f"{key.strip()}: {value.strip()}" for key, _, value in pairs]
    return validate(SourceSpec, parse_document("\n".join(lines), name="--source"))


def wanted_by(engagement: str | None, framework: str | None = None) -> Wanted:
    """Return what is looked for: an engagement's framework, roles and segments, or a framework's alone."""
    from cxlib.framework import find_framework, load_framework
    from cxlib.opening import open_live
    from cxlib.proposals import Wanted, wanted_of
    from cxlib.settings import read_settings

    if engagement is None:
        found = load_framework(find_framework(framework or "cx7", read_settings().frameworks))
        return Wanted(found, tuple(role.id for role in found.roles))
    with open_live(engagement) as eng:
        return wanted_of(eng.spec, eng.framework)


def show_before(file: Path, engagement: str | None, say: Callable[[str], None]) -> None:
    """Say what a file is and what its first rows are taken for, before anything is done with it."""
    from cxlib.answered import form_answered
    from cxlib.opening import open_live
    from cxlib.proposals import propose

    for line in looked_at(propose(file, wanted_by(engagement)), most=_MOST):
        say(line)
    if engagement is not None:
        with open_live(engagement) as eng:
            form = form_answered(eng.store, eng.spec, eng.framework, file)
        if form is not None:
            say(f"Answers to a form of {engagement} for {form.tool}, by {form.by}: {form.asks} columns")


def looked_at(found: Proposal, most: int | None) -> Iterator[str]:
    """Say by whom a file was written, and show its first rows: a line a column, with what it is taken for."""
    from cxlib.proposals.proposal import shown_text
    from cxlib.sources import PRIVATE

    tool = (
        found.layout.remark() if found.layout.tool else "no survey tool is known by its marks; a plain table"
    )
    yield f"{shown_text(found.name)}: {shown_text(tool, 200)}"
    numbers = [f"row {number}" for number, _ in found.rows]
    table = [["", "column", *numbers, "taken for", "sure", "by"]]
    for one in found.guesses[:most]:
        is_private = found.layout.kinds[one.place] == PRIVATE
        answers = ["…" if is_private else shown_text(row[one.place], 18) or "–" for _, row in found.rows]
        table.append([str(one.place + 1), shown_text(one.column, 36), *answers, *_taken_for(one)])
    widths = [max(len(row[at]) for row in table) for at in range(len(table[0]))]
    for row in table:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    if most is not None and len(found.guesses) > most:
        yield f"  … and {len(found.guesses) - most} more columns: cx map --show lists them all"


def _taken_for(one: Guess) -> tuple[str, str, str]:
    if not one.kind:
        return "–", "", one.why + (f", nearest {one.runner_up}" if one.runner_up else "")
    if one.kind == "own":
        return "(the tool's)", "", one.why
    what = {"item": one.target, "comment": f"words to {one.target}", "segment": f"segment {one.target}"}
    other = f", next {one.runner_up}" if one.runner_up and not one.is_sure else ""
    strange = f", {len(one.meaning.unknown)} texts not understood" if one.meaning.unknown else ""
    return what.get(one.kind, one.kind), f"{one.confidence:.0%}", one.why + other + strange


def _plain(found: Proposal, target: Path | None) -> dict[str, object]:
    return {
        "file": found.name,
        "tool": found.layout.preset or None,
        "mark": found.layout.mark or None,
        "header_rows": found.layout.rows,
        "mapping": str(target) if target else None,
        "columns": [
            {
                "column": one.column,
                "kind": one.kind or None,
                "target": one.target or None,
                "confidence": one.confidence,
                "by": one.why,
                "runner_up": one.runner_up or None,
                "not_understood": list(one.meaning.unknown),
            }
            for one in found.guesses
        ],
    }


def look_only(file: Path) -> None:
    """Show a file for which nobody named an engagement; nothing is imported."""
    show_before(file, None, print)
    print("Nothing was imported. Next: cx import ENGAGEMENT FILE, with --mapping where codes are missing.")
