"""The command line `cx`: parse, call one function, print.

A known error is one line and exit code 2; what readers take as data they get with `--json`. Nothing
heavy is imported before a command runs, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cxlib.cli import anonymity as _anonymity
from cxlib.cli import batch as _batch
from cxlib.cli import comments as _comments
from cxlib.cli import form as _form
from cxlib.cli import framework as _framework
from cxlib.cli import gate as _gate
from cxlib.cli import imports as _imports
from cxlib.cli import mapping as _mapping
from cxlib.cli import printing
from cxlib.cli import registers as _registers
from cxlib.cli import runs as _runs
from cxlib.errors import CxError, DeclarationError, NotFoundError, nearest

if TYPE_CHECKING:
    from cxlib.live import LiveEngagement
    from cxlib.ordering import Sequence

app = typer.Typer(
    name="cx",
    help="Customer-experience assessments: from survey files to client reports.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(_framework.app, name="framework")
app.add_typer(_gate.users, name="user")
for _command in (
    _imports.imports, _registers.add, _form.form, _anonymity.anonymity, _comments.comments, _runs.comment,
    _runs.approve,
    _runs.export, _runs.runs, _batch.batch, _gate.publish, _gate.unpublish, _gate.link, _gate.links,
    _gate.revoke, _gate.serve, _gate.audit,
):  # fmt: skip
    app.command()(_command)

Engagement = Annotated[str, typer.Argument(help="The engagement's name, for example harbour.")]
Wave = Annotated[
    str | None, typer.Option("--wave", help="The wave's id; by default the latest with answers.")
]
Cluster = Annotated[
    str | None,
    typer.Option("--cluster", help="Address of a Dask scheduler whose workers count, and see CX_HOME."),
]
Json = Annotated[bool, typer.Option("--json", help="Print data instead of text.")]


@app.command()
def init(
    engagement: Annotated[
        str, typer.Argument(help="An engagement file (.yaml), or a name for a new engagement.")
    ],
    name: Annotated[str | None, typer.Option(help="The client's name, as reports print it.")] = None,
    framework: Annotated[str, typer.Option(help="Framework: id, id-version, or a YAML file.")] = "cx7",
    role: Annotated[
        list[str] | None,
        typer.Option(help="A role, with the people invited: frontline or frontline=187. Repeat."),
    ] = None,
    segment: Annotated[
        list[str] | None, typer.Option(help="A segment that groups are cut by: hotel or hotel=Hotel. Repeat.")
    ] = None,
    wave: Annotated[
        list[str] | None, typer.Option(help="A wave's id, for example 2026-autumn. Repeat.")
    ] = None,
    smallest_group: Annotated[
        int, typer.Option(help="Smallest group of respondents that is shown, 3 to 100.")
    ] = 5,
) -> None:
    """Create an engagement, from a file or from options."""
    from cxlib.creation import add_engagement, create_engagement
    from cxlib.framework import find_framework, load_framework
    from cxlib.settings import read_settings
    from cxlib.store import Store

    settings = read_settings()
    with Store.open(settings) as store:
        if engagement.endswith((".yaml", ".yml")):
            spec = create_engagement(store, Path(engagement), frameworks=settings.frameworks)
        else:
            found = load_framework(find_framework(framework, settings.frameworks))
            spec = _declared(engagement, name, framework, role, segment, wave, smallest_group, found)
            add_engagement(store, spec, found)
    print(f"Created {spec.engagement}: {spec.name}")
    waves = ", ".join(one.id for one in spec.waves)
    print(f"  roles {', '.join(spec.roles)}; waves {waves}; smallest group {spec.anonymity.scores}")
    print(f"Next: cx import {spec.engagement} SURVEY.csv --mapping MAPPING.yaml (cx map proposes one)")


app.command("map")(_mapping.map_)


@app.command("import")
def import_(
    engagement: Annotated[
        str, typer.Argument(help="The engagement's name; a file alone is only shown, as it is understood.")
    ],
    file: Annotated[
        Path | None,
        typer.Argument(help="The survey export: CSV, TSV, XLSX, Parquet, or a folder of Parquet parts."),
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(help="The mapping file: which column is what; not needed where columns bear codes."),
    ] = None,
    wave: Wave = None,
    new_wave: Annotated[bool, typer.Option(help="Add the wave if it is not there yet.")] = False,
    framework: Annotated[
        str | None, typer.Option(help="What the new wave is assessed with; by default as the latest wave.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Only show what would happen.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes that read a folder of parts.")] = (
        os.cpu_count() or 1
    ),
    cluster: Cluster = None,
    on_error: Annotated[
        str, typer.Option(help="refuse a file with a bad row, or collect such rows and keep the others.")
    ] = "refuse",
    rejects: Annotated[
        Path | None, typer.Option(help="Where collected rows are written; by default beside the file.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Write over such a file.")] = False,
    drop: Annotated[
        str | None,
        typer.Option(
            help="Leave out responses, by commas: partial, test, duplicate, speeder, straightliner."
        ),
    ] = None,
    correct: Annotated[
        bool, typer.Option(help="Corrections and late answers: replace by id what is there, add the rest.")
    ] = False,
    yes: Annotated[bool, typer.Option(help="Replace without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Import a survey file, all of it or nothing; the same file twice changes nothing."""
    if file is None:
        if not Path(engagement).is_file():
            raise NotFoundError(f"no file {engagement}", fix="cx import ENGAGEMENT FILE imports one.")
        _mapping.look_only(Path(engagement))
        return
    how: dict[str, Any] = {"on_error": on_error, "rejects": rejects, "force": force}
    if drop is not None:
        from cxlib.screening import chosen_kinds

        how["drop"] = chosen_kinds(drop)
    if correct:
        how |= {"correct": True, "confirm": _imports.asking(file, yes=yes)}
    asked = _framework.load(framework) if framework else None
    many = workers if file.is_dir() else 1
    if mapping is None and file.is_file() and not as_json:
        _mapping.show_before(file, engagement, printing.say())
    with _live(engagement, None, cluster, many) as eng, _progress(file, quiet=as_json) as progress:
        done = eng.import_file(
            file,
            mapping,
            wave=wave,
            new_wave=new_wave,
            framework=asked,
            dry_run=dry_run,
            progress=progress,
            **how,
        )
    if as_json:
        printing.print_json(_imports.as_data(done))
    else:
        _imports.print_import(done, engagement, file, mapping)


@app.command()
def invited(
    engagement: Engagement,
    file: Annotated[
        Path, typer.Argument(help="A table with the columns role, invited and any of the segments.")
    ],
    wave: Wave = None,
    as_json: Json = False,
) -> None:
    """Say how many were invited, so that response rates can be shown; the newest table counts."""
    with _live(engagement, wave) as eng:
        told = eng.set_invited(file, wave)
        declared = {id_: role.population for id_, role in eng.spec.roles.items()}
        where = eng.wave_id
    by_role = {role: sum(one.n for one in told if one.cell["role"] == role) for role in declared}
    if as_json:
        printing.print_json({"wave": where, "groups": len(told), "invited": by_role})
        return
    print(f"Wave {where}: {sum(by_role.values()):,} invited in {len(told)} groups")
    for role, n in by_role.items():
        people = declared[role]
        beside = f"; the engagement declares a population of {people:,}" if people not in (None, n) else ""
        print(f"  {role} {n:,}{beside}")


@app.command()
def undo(
    engagement: Engagement,
    batch: Annotated[str | None, typer.Option(help="The batch's id; by default the latest import.")] = None,
) -> None:
    """Undo an import: its answers are removed, and its respondents may be imported again."""
    with _live(engagement) as eng:
        undone = eng.undo(batch)
    print(f"Undone: {undone.source_name} ({undone.rows} responses) in wave {undone.wave}, batch {undone.id}")


@app.command()
def tally(
    engagement: Engagement,
    wave: Wave = None,
    by: Annotated[list[str] | None, typer.Option(help="Cut by this dimension. Repeat for two.")] = None,
    cluster: Cluster = None,
    as_json: Json = False,
) -> None:
    """Count who answered what, in the groups of the release plan; small groups are hidden."""
    from cxlib.frames import UNSCORED
    from cxlib.run.results import records

    with _live(engagement, wave, cluster) as eng:
        found = eng.distribution(by=tuple(by or ()))
        people = eng.participation()
    if as_json:
        named = found.assign(answer_name=found["answer"].map(printing.answer_name))
        printing.print_json({"participation": records(people), "answers": records(named)})
        return
    printing.print_frame(people)
    print()
    if found.empty:
        print("Nothing to show: no answers, or every group is hidden.")
        return
    dims = list(by or [])
    wide = found.pivot_table(index=["id", *dims], columns="answer", values="n", aggfunc="sum", sort=False)
    # The scale first, then what lies beside it, whose codes are lower than any scale's.
    order = sorted(wide.columns, key=lambda code: (code in UNSCORED, code))
    printing.print_frame(wide[order].astype("Int64").rename(columns=printing.answer_name).reset_index())


@app.command()
def scores(
    engagement: Engagement,
    wave: Wave = None,
    by: Annotated[list[str] | None, typer.Option(help="Cut by this dimension. Repeat for two.")] = None,
    kind: Annotated[str, typer.Option(help="step, stream, item, lens or construct.")] = "step",
    as_json: Json = False,
) -> None:
    """Show scores with their intervals, and where the organisation stands in the sequence."""
    from dataclasses import asdict

    from cxlib.ordering import sequence
    from cxlib.run.results import records

    kinds = ("step", "stream", "item", "lens", "construct")
    if kind not in kinds:
        raise NotFoundError(f"no kind {kind!r}{nearest(kind, kinds)}", fix=f"There are: {', '.join(kinds)}.")
    with _live(engagement, wave) as eng:
        found = eng.scores(by=tuple(by or ()))
        order = sequence(eng.scores(), eng.framework)
    shown = found[found["kind"] == kind]
    if as_json:
        printing.print_json({"scores": records(shown), "sequence": asdict(order)})
        return
    if shown.empty:
        other = ", ".join(dict.fromkeys(found["kind"])) or "nothing"
        print(f"No {kind} was scored in this wave; there is: {other}")
        return
    columns = ["id", "name", *(by or []), "n", "mean", "low", "high", "top_box", "agreement", "gated_level"]
    columns.append("is_hidden")
    printing.print_frame(shown[columns], digits=2)
    if order.is_assessed:
        start = ", ".join(order.start_here) or "none, every step stands"
        print(
            f"\nPosition {order.position} of {len(order.steps)}; start here: {start}; "
            f"out of sequence {order.excess_share or 0:.0%}"
        )
    else:
        print("\nNo position: " + ", ".join(f"{one} {_why(one, order)}" for one in order.missing))


@app.command()
def findings(
    engagement: Engagement,
    wave: Wave = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Every comparison, not only the confirmed ones.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what stands out beyond chance, and what to do first."""
    from dataclasses import asdict

    with _live(engagement, wave) as eng:
        made, advised = eng.comparisons(), eng.recommendations()
    found = [one for one in made if all_ or one.is_confirmed]
    if as_json:
        printing.print_json(
            {"findings": [asdict(one) for one in found], "recommendations": [asdict(one) for one in advised]}
        )
        return
    for one in found:
        print(f"{one.family:<10} {'' if one.is_confirmed else '(not confirmed) '}{one.sentence}")
    print(f"{sum(one.is_confirmed for one in made)} of {len(made)} comparisons are confirmed.")
    for advice in advised[:5]:
        print(f"{advice.state:<10} {advice.item} {advice.move}: {advice.action}")


@app.command()
def report(
    engagement: Engagement,
    wave: Wave = None,
    notebook: Annotated[
        list[str] | None, typer.Option(help="Only this notebook, for example 0_overview. Repeat.")
    ] = None,
    to: _runs.To = "html",
    branding: Annotated[
        Path | None,
        typer.Option(help="A branding file; by default branding.yaml in CX_HOME, if it is there."),
    ] = None,
    cluster: Cluster = None,
    as_json: Json = False,
) -> None:
    """Run the notebooks and publish the report of one wave."""
    from cxlib.branding import read_branding
    from cxlib.run.exporting import ALWAYS, FILES, formats_of
    from cxlib.run.reports import make_report
    from cxlib.settings import read_settings

    formats = tuple(dict.fromkeys((*ALWAYS, *formats_of(to))))
    own = read_branding(branding) if branding else None
    with _live(engagement, wave, cluster) as eng:
        run = make_report(
            eng,
            read_settings(),
            names=notebook,
            formats=formats,
            branding=own,
            say=printing.say(quiet=as_json),
        )
    if as_json:
        printing.print_json(
            {"run": run.id, "folder": str(run.folder), "report": str(run.report), "seconds": run.seconds}
        )
    else:
        print(f"Report: {printing.near(run.report)}")
        for one in formats:
            if one in FILES:
                print(f"        {printing.near(run.folder / FILES[one])}")
        print("  " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in run.seconds.items()))


@app.command()
def demo() -> None:
    """Build the made-up example engagement, import its files and make its report."""
    from cxlib.run.demo import make_demo
    from cxlib.settings import read_settings

    run = make_demo(read_settings(), say=printing.say())
    print(f"\nReport: {printing.near(run.report)}")
    print("\nTry next:")
    print("  open the report in a browser; it needs no network; report.pdf lies beside it")
    print("  cx export harbour --to docx,xlsx,pptx")
    print("  cx scores harbour --by role")
    print("  cx tally harbour --by hotel")
    print("  jupyter lab notebooks/0_overview.ipynb")


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check this installation: versions, store, kernel, folders. Exit code 1 if something is wrong."""
    from dataclasses import asdict

    from cxlib.run.checks import examine
    from cxlib.settings import read_settings

    found = examine(read_settings())
    if as_json:
        printing.print_json([asdict(one) for one in found])
    else:
        for one in found:
            print(
                f"{'ok  ' if one.is_ok else 'FAIL'}  {one.what}: {one.found}"
                + (f"\n      {one.fix}" if not one.is_ok else "")
            )
    if not all(one.is_ok for one in found):
        raise typer.Exit(1)


def main() -> NoReturn:
    """Run `cx`; a known error is one line on standard error and exit code 2."""
    try:
        app(standalone_mode=True)
    except CxError as error:
        print(f"cx: {printing.said(error)}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # The reader (`| head`) has gone; there is nobody left to tell.
        sys.stderr.close()
    sys.exit(0)


# ── What the commands share ─────────────────────────────────────────────────────────────────────


def _live(
    engagement: str, wave: str | None = None, cluster: str | None = None, workers: int = 1
) -> LiveEngagement:
    from cxlib.opening import open_live

    if cluster is None and workers == 1:
        return open_live(engagement, wave=wave)
    from cxlib.run.spread import over_cluster, over_processes

    return open_live(
        engagement, wave=wave, spread=over_cluster(cluster) if cluster else over_processes(workers)
    )


def _declared(
    slug: str, name: str | None, framework: str, roles: list[str] | None, segments: list[str] | None,
    waves: list[str] | None, smallest_group: int, found: Any,
) -> Any:  # fmt: skip
    """Build an engagement's declaration from options, checked like a file."""
    from cxlib.declarations import EngagementSpec, parse_document, validate

    def pair(text: str) -> tuple[str, str]:
        key, _, value = text.partition("=")
        return key, value

    plain = {
        "engagement": slug,
        "name": name or slug,
        "framework": framework,
        "languages": found.content.languages[:1],
        "roles": {
            # What is no number is passed on as it is: the check answers with field and expectation.
            key: {"population": int(value) if value.isascii() and value.isdecimal() else value}
            if value
            else {}
            for key, value in map(pair, roles or [role.id for role in found.roles])
        },
        "segments": {key: {"name": value or key.capitalize()} for key, value in map(pair, segments or [])},
        "anonymity": {"scores": smallest_group, "comments": max(10, smallest_group)},
        "waves": [{"id": one} for one in waves or ["w1"]],
    }
    try:
        return validate(EngagementSpec, parse_document(json.dumps(plain), name="the options"))
    except DeclarationError as error:
        # There is no file to correct, and no line in it.
        told = [replace(one, where=one.where.replace("line 1, ", "")) for one in error.details]
        raise DeclarationError(
            error.headline, problems=told, fix="Correct the option and try again."
        ) from None


@contextmanager
def _progress(file: Path, *, quiet: bool) -> Iterator[Any]:
    """Show a bar for a file that takes a while, and nothing for one that does not."""
    long_file = 5_000_000
    files = file.rglob("*.parquet") if file.is_dir() else [file] if file.is_file() else []
    size = sum(one.stat().st_size for one in files)
    if quiet or not sys.stderr.isatty() or size < long_file:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(file.name), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("import", total=size)

        def update(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)
            if done >= total:  # a question may follow, and nothing may move below it
                bar.stop()

        yield update


def _why(step: str, order: Sequence) -> str:
    return "is hidden" if step in order.hidden else "was not assessed"
