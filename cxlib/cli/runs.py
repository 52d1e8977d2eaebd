"""`cx comment`, `cx approve`, `cx export`, `cx runs`: an analyst's words to a report, and its end."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxlib.cli import printing
from cxlib.errors import NotFoundError, nearest

if TYPE_CHECKING:
    from cxlib.run.runs import Published

By = Annotated[
    str | None, typer.Option("--by", help="Your name, as the report prints it; by default your login.")
]

To = Annotated[
    str,
    typer.Option(
        "--to",
        help="Formats with commas: html, pdf, docx, xlsx, pptx, json. Page and results are always made.",
    ),
]


def comment(
    engagement: Annotated[str, typer.Argument(help="The engagement's name, for example harbour.")],
    file: Annotated[
        Path | None, typer.Argument(help="The commentary as a YAML file: what --show prints, edited.")
    ] = None,
    wave: Annotated[
        str | None, typer.Option(help="The wave's id; by default the latest with answers.")
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Print the newest version as a file to edit, with every sentence.")
    ] = False,
    versions: Annotated[
        bool, typer.Option("--versions", help="List what was kept, by whom and when.")
    ] = False,
    restore: Annotated[
        int | None, typer.Option(help="Keep this older version's words as the newest.")
    ] = None,
    by: By = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print data instead of text.")] = False,
) -> None:
    """Say something to a report: a foreword, a word to a chapter, another wording; never another figure."""
    from cxlib.commentary import CommentarySpec, to_yaml
    from cxlib.declarations import read_document, validate
    from cxlib.opening import open_live

    if (file is not None) + show + versions + (restore is not None) != 1:
        raise NotFoundError(
            "name one of: a file to keep, --show, --versions, --restore N",
            fix=f"Start with: cx comment {engagement} --show > commentary.yaml",
        )
    with open_live(engagement, wave=wave) as eng:
        if show:
            if as_json:
                printing.print_json(eng.commentary.to_plain())
            else:
                print(to_yaml(eng.commentary, eng.sentences, eng.chapters), end="")
            return
        if versions:
            _list_versions(list(eng.store.commentaries(eng.slug, eng.wave_id)), as_json)
            return
        author = login() if by is None else by
        if restore is not None:
            kept = eng.restore_commentary(restore, by=author)
        else:
            kept = eng.set_commentary(validate(CommentarySpec, read_document(file or Path())), by=author)
        resting = kept.resting(eng.sentences)
    if as_json:
        printing.print_json({"version": kept.version, "resting": list(resting)})
        return
    print(f"Kept as version {kept.version}: the next report says it")
    for one in resting:
        print(f"  rests, because the report does not say it so now: {one}")
    print(f"Next: cx report {engagement}")


def approve(
    run: Annotated[str, typer.Argument(help="A run's id, or an engagement's name for its latest run.")],
    by: By = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print data instead of text.")] = False,
) -> None:
    """Approve a run: its pages say draft no more. No figure changes; what was changed by hand is refused."""
    from cxlib.run.runs import approve, find_run
    from cxlib.settings import read_settings

    settings = read_settings()
    was = find_run(settings, run)
    found = approve(settings, run, by=login() if by is None else by)
    if as_json:
        printing.print_json(_plain(found))
    elif not was.is_draft:
        print(f"Nothing changed: {found.id} was approved by {found.approved_by} at {found.approved_at}")
    else:
        print(f"Approved {found.id} ({found.engagement}, wave {found.wave}) by {found.approved_by}")
        print(f"  {printing.near(found.folder / 'report.html')}")


def export(
    run: Annotated[str, typer.Argument(help="A run's id, or an engagement's name for its latest run.")],
    to: To = "pdf",
    as_json: Annotated[bool, typer.Option("--json", help="Print data instead of text.")] = False,
) -> None:
    """Write a run that is there in other formats: PDF, Word, Excel, PowerPoint."""
    from cxlib.run.exporting import formats_of
    from cxlib.run.runs import export
    from cxlib.settings import read_settings

    found, files = export(read_settings(), run, formats_of(to), say=printing.say(quiet=as_json))
    if as_json:
        printing.print_json({"run": found.id, "files": [str(path) for path in files]})
        return
    for path in files:
        print(f"  {printing.near(path)}")


def runs(
    engagement: Annotated[str | None, typer.Argument(help="An engagement's name; all without it.")] = None,
    compare: Annotated[
        tuple[str, str] | None, typer.Option(help="Two runs: say where their figures differ.")
    ] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Remove older drafts; approved runs stay.")] = False,
    keep: Annotated[int, typer.Option(min=1, help="How many drafts of each wave and unit stay.")] = 3,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what --prune would remove.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print data instead of text.")] = False,
) -> None:
    """List, compare or prune the published runs: when they were made, whether drafts, and how large."""
    from cxlib.run.runs import compare_runs, find_runs, prune_runs
    from cxlib.settings import read_settings

    settings = read_settings()
    if compare is not None:
        lines = compare_runs(settings, *compare)
        if as_json:
            printing.print_json(lines)
        else:
            print(
                "\n".join([*lines[:40], f"{len(lines)} figures differ." if lines else "No figure differs."])
            )
        return
    if prune:
        if engagement is not None and not find_runs(settings, engagement):
            _check_known(engagement)
        gone = prune_runs(settings, engagement, keep=keep, dry_run=dry_run)
        if as_json:
            printing.print_json([_plain(one) for one in gone])
        else:
            print("\n".join(f"{one.engagement}  {one.wave}  {one.id}" for one in gone) or "Nothing to prune.")
            if gone:
                said = "would go" if dry_run else "are gone"
                print(f"{len(gone)} drafts {said}, {sum(one.bytes for one in gone) / 1e6:.0f} MB.")
        return
    found = find_runs(settings, engagement)
    if engagement is not None and not found:
        _check_known(engagement)
    _list_runs(found, as_json)


def _check_known(engagement: str) -> None:
    """Refuse a name of which there is neither a run nor an engagement."""
    from cxlib.run.runs import find_runs
    from cxlib.settings import read_settings
    from cxlib.store import Store

    settings = read_settings()
    with Store.open(settings) as store:
        known = {one.slug for one in store.engagements()}
    if engagement not in known:
        known |= {one.engagement for one in find_runs(settings)}
        raise NotFoundError(
            f"no engagement {engagement!r}{nearest(engagement, sorted(known))}",
            fix="`cx runs` without a name lists every run.",
        )


def _list_runs(found: list[Published], as_json: bool) -> None:
    import pandas as pd

    if as_json:
        printing.print_json([_plain(one) for one in found])
        return
    if not found:
        print("No report has been made yet. Next: cx report ENGAGEMENT")
        return
    printing.print_frame(
        pd.DataFrame(
            {
                "engagement": [one.engagement for one in found],
                "wave": [one.wave for one in found],
                "unit": [": ".join(one.segment) or "–" for one in found],
                "run": [one.id for one in found],
                "state": [
                    one.trouble or ("draft" if one.is_draft else f"approved by {one.approved_by}")
                    for one in found
                ],
                "commentary": [one.commentary or "–" for one in found],
                "MB": [f"{one.bytes / 1e6:.1f}" for one in found],
            }
        )
    )


def _list_versions(found: list[Any], as_json: bool) -> None:
    if as_json:
        printing.print_json([one.to_plain() for one in found])
    elif not found:
        print("Nothing was said to this report yet.")
    for one in [] if as_json else found:
        says = [
            *(["foreword"] if one.foreword else []),
            *one.chapters,
            *([f"{len(one.tone)} wordings"] if one.tone else []),
        ]
        print(f"{one.version}  {one.at[:16].replace('T', ' ')} UTC  {one.author or '–'}  {', '.join(says)}")


def _plain(found: Any) -> dict[str, Any]:
    return {
        "run": found.id,
        "engagement": found.engagement,
        "wave": found.wave,
        "segment": list(found.segment),
        "made_at": found.made_at,
        "is_draft": found.is_draft,
        "approved_by": found.approved_by,
        "approved_at": found.approved_at,
        "commentary": found.commentary,
        "bytes": found.bytes,
        "trouble": found.trouble,
    }


def login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
