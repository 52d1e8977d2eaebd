"""`cx framework`: look at an instrument, check it, compare versions, hand it out."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxlib.cli import printing
from cxlib.errors import ConflictError, NotFoundError, nearest

if TYPE_CHECKING:
    from cxlib.declarations import EngagementSpec, WaveSpec
    from cxlib.framework import Framework
    from cxlib.framework.content import Lens
    from cxlib.questionnaire import Handout
    from cxlib.settings import Settings

app = typer.Typer(
    help="Look at an instrument, check it, compare two versions, hand it out.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

# The framework of the suite, where none is named.
DEFAULT = "cx7"

Name = Annotated[str, typer.Argument(metavar="FRAMEWORK", help="Id, id-version, or a YAML file.")]
Language = Annotated[str | None, typer.Option(help="One of its languages; by default its first.")]
Json = Annotated[bool, typer.Option("--json", help="Print data instead of text.")]


@app.command()
def show(
    framework: Name = DEFAULT,
    what: Annotated[
        str | None,
        typer.Argument(help="A step, item, question, lens or form of it; by default all in short."),
    ] = None,
    language: Language = None,
    as_json: Json = False,
) -> None:
    """Show a framework in short, or one part of it in full."""
    found = load(framework)
    said = _language(found, language)
    if what is None:
        shown: Any = {
            "framework": found.id, "version": found.version, "digest": found.digest,
            "languages": found.content.languages, "steps": [step.id for step in found.steps],
            "items": list(found.items), "questions": list(found.questions),
            "lenses": [lens.id for lens in found.content.lenses],
            "forms": [form.id for form in found.content.forms],
        }  # fmt: skip
        lines = _overview(found, said)
    else:
        shown, lines = _part(found, what, said)
    if as_json:
        printing.print_json(shown if isinstance(shown, dict) else shown.model_dump())
    else:
        print("\n".join(lines))


@app.command()
def check(framework: Name = DEFAULT, as_json: Json = False) -> None:
    """Check a framework: what is broken, what reads badly, and whether a used version was changed.

    Exit code 2 if it is broken, 1 if there is anything to look at again.
    """
    from dataclasses import asdict

    from cxlib.framework.wording import remarks
    from cxlib.run.checks import changed_in_use
    from cxlib.settings import read_settings

    settings = read_settings()
    found = load(framework)
    told = remarks(found)
    changed = changed_in_use(found, settings)
    if as_json:
        printing.print_json(
            {"framework": found.stamp, "remarks": [asdict(one) for one in told], "changed": changed}
        )
    else:
        items, texts = len(found.items), len(found.content.languages)
        print(f"{found.stamp}: {len(found.steps)} steps, {items} items, {texts} languages; it holds together")
        for one in told:
            print(f"  line {one.line}, {one.what}: {one.text}")
        if changed:
            print(f"  {changed}")
        count = len(told) + bool(changed)
        print(f"{count} to look at again." if count else "Nothing to look at again.")
    if told or changed:
        raise typer.Exit(1)


@app.command()
def compare(
    before: Annotated[str, typer.Argument(help="The older: id-version or a YAML file.")],
    after: Annotated[str, typer.Argument(help="The newer: id-version or a YAML file.")],
    role: Annotated[str | None, typer.Option(help="Only what this role is asked.")] = None,
    texts: Annotated[bool, typer.Option("--texts", help="Print the texts before and after.")] = False,
    as_json: Json = False,
) -> None:
    """Compare two versions: what was added, dropped, reworded, re-levelled, and what may be trended."""
    from dataclasses import asdict

    from cxlib.framework.versions import KINDS, compare_frameworks

    old, new = load(before), load(after)
    if role is not None:
        new.role(role)
    found = compare_frameworks(old, new)
    trended = found.trended(role=role)
    asked = found.asked(role)
    unchanged = [id_ for id_ in asked if id_ in set(trended)]
    share = len(unchanged) / len(asked) if asked else 1.0
    changes = [
        one
        for one in found.changes
        if one.concerns(role, None) and (role is None or role in found.roles[one.id])
    ]
    questions = [id_ for id_ in trended if id_ in set(found.questions)]
    if as_json:
        printing.print_json(
            {
                "before": found.before, "after": found.after, "items": asked,
                "share_unchanged": share, "trended": trended,
                "changes": [asdict(one) for one in changes],
            }
        )  # fmt: skip
        return
    print(f"{found.before} → {found.after}" + (f", as {role} is asked" if role else ""))
    print(f"  unchanged {len(unchanged)} of {len(asked)} items ({share:.0%}): only these are trended")
    if questions:
        print(f"  and of the questions: {', '.join(questions)}")
    for kind in KINDS:
        for what, known in (("", set(found.items)), (" questions", set(found.questions))):
            ids = list(dict.fromkeys(one.id for one in changes if one.kind == kind and one.id in known))
            if ids:
                print(f"  {kind} {len(ids)}{what}: {', '.join(ids)}")
    for one in changes if texts else ():
        who = ", ".join(part for part in (one.role, one.language) if part)
        print(f"\n{one.id} {one.kind} {one.where}" + (f" ({who})" if who else ""))
        if one.before or one.after:
            print(f"  - {one.before}\n  + {one.after}")


@app.command()
def export(
    to: Annotated[
        Path, typer.Argument(help="The file to write: .xlsx for the whole, .html for a form or the guide.")
    ],
    framework: Annotated[
        str | None,
        typer.Option(help="Id, id-version, or a YAML file; by default the engagement's, else cx7."),
    ] = None,
    form: Annotated[str | None, typer.Option(help="A form, as it is handed out (.html).")] = None,
    role: Annotated[str | None, typer.Option(help="Whose wording, where a form has several.")] = None,
    guide: Annotated[bool, typer.Option("--guide", help="The assessor's guide (.html).")] = False,
    language: Language = None,
    engagement: Annotated[
        str | None, typer.Option(help="Fill in this engagement's client, contact and group sizes.")
    ] = None,
    wave: Annotated[
        str | None, typer.Option(help="The engagement's wave; by default the latest with answers.")
    ] = None,
    client: Annotated[str | None, typer.Option(help="The organisation, as respondents know it.")] = None,
    contact: Annotated[str | None, typer.Option(help="Whom respondents write to.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write a framework to a workbook (.xlsx), or a form of it or the assessor's guide to a page (.html)."""
    from cxlib.files import replaced
    from cxlib.questionnaire import assessor_guide, questionnaire
    from cxlib.settings import read_settings
    from cxlib.workbook import write_workbook

    refuse_to_overwrite(to, force=force)
    if wave and not engagement:
        raise NotFoundError("a wave belongs to an engagement", fix="Say --engagement as well.")
    if role and not form:
        raise NotFoundError("a role words a form, not the workbook or the guide", fix="Say --form as well.")
    settings = read_settings()
    held = _engagement(settings, engagement, wave)
    found = held.framework if held and framework is None else load(framework or DEFAULT)
    if held and held.framework.digest != found.digest:
        raise NotFoundError(
            f"{held.spec.engagement} is assessed with {held.framework.stamp}, this is {found.stamp}",
            fix="Leave --framework out, so that the answers fit.",
        )
    said = _language(found, language)
    kind = to.suffix.lower()
    if kind == ".xlsx":
        if form or guide:
            raise NotFoundError(
                "a form and the guide are pages, not workbooks", fix="Write to an .html file."
            )
        write_workbook(found, to, language=said)
    elif kind in {".html", ".htm"}:
        if bool(form) == guide:
            forms = ", ".join(one.id for one in found.content.forms)
            raise NotFoundError(
                "a page holds one form, or the guide", fix=f"Say --form or --guide. Forms: {forms}."
            )
        if guide:
            whose = client or (held.spec.name if held else "")
            page = assessor_guide(found, client=whose, language=said)
        else:
            filled = handout(held, client, contact)
            page = questionnaire(found, str(form), filled, role=role, language=said)
        with replaced(to) as part:
            part.write_text(page, encoding="utf-8")
    else:
        raise NotFoundError(f"no way to write {to.name!r}", fix="Name an .xlsx or an .html file.")
    print(f"Written: {printing.near(to)}")


# ── What the commands share ─────────────────────────────────────────────────────────────────────


def refuse_to_overwrite(to: Path, *, force: bool) -> None:
    if to.exists() and not force:
        # A workbook that somebody marked up is work of theirs.
        raise ConflictError(f"{to.name} is there already", fix="Name another file, or pass --force.")


def load(name: str) -> Framework:
    from cxlib.framework import find_framework, load_framework
    from cxlib.settings import read_settings

    return load_framework(find_framework(name, read_settings().frameworks))


def _language(framework: Framework, language: str | None) -> str:
    said = language or framework.content.languages[0]
    framework.check_language(said)
    return said


def _overview(framework: Framework, language: str) -> list[str]:
    say = framework.say
    content = framework.content
    wide = max((len(one.id) for one in content.streams), default=0) + 2
    lines = [f"{say(content.title, language)}: {framework.stamp}, in {', '.join(content.languages)}"]
    for step in framework.steps:
        target = f"; target {step.target.level:g}" if step.target else ""
        lines.append(f"\n{step.id} {say(step.name, language)} ({step.slug}{target})")
        lines += [
            f"  {item.id}  {item.stream or '':<{wide}}{say(item.topic, language)}" for item in step.items
        ]
    lines.append("\nQuestions beside the steps")
    lines += [
        f"  {one.id:<21} {one.scale or 'open text':<13} {say(one.topic, language)}"
        for one in framework.questions.values()
    ]
    lines.append("\nLenses")
    lines += [f"  {one.id:<21} {len(one.rows)} rows: {say(one.name, language)}" for one in content.lenses]
    lines.append("\nForms")
    lines += [
        f"  {one.id:<21} {len(one.items)} items, {len(one.questions)} questions"
        + (f", about {one.minutes} minutes" if one.minutes else "")
        + f": {', '.join(one.roles)}"
        for one in content.forms
    ]
    return lines


def _part(framework: Framework, what: str, language: str) -> tuple[Any, list[str]]:
    say = framework.say
    steps = {name: step for step in framework.steps for name in (step.id, step.slug)}
    lenses = {lens.id: lens for lens in framework.content.lenses}
    forms = {form.id: form for form in framework.content.forms}
    # A form may bear the name of a step or lens: `form.customer` is always the form.
    named = {f"form.{id_}": form for id_, form in forms.items()}
    if what in framework.items:
        return framework.items[what], _item(framework, what, language)
    if what in framework.questions:
        one = framework.questions[what]
        lines = [f"{one.id} {say(one.topic, language)}: {say(one.text, language)}"]
        lines += [f"  as {role} is asked: {say(text, language)}" for role, text in one.wordings.items()]
        lines += [f"  asked of {', '.join(one.roles)}; {one.scale or 'open text'}, kind {one.kind}"]
        return one, [*lines, *_serves(framework, what, language)]
    if what in steps:
        step = steps[what]
        lines = [f"{step.id} {say(step.name, language)}: {say(step.question, language)}"]
        lines += [f"  {text}" for text in (say(step.outcome, language), say(step.because, language)) if text]
        if step.target:
            lines.append(f"  target {step.target.level:g}: {say(step.target.because, language)}")
        for item in step.items:
            lines += ["", *_item(framework, item.id, language)]
        return step, lines
    if what in lenses:
        return lenses[what], _lens(framework, lenses[what], language)
    if what in forms or what in named:
        form = forms.get(what) or named[what]
        lines = [f"{form.id}: {say(form.name, language)}", "", say(form.introduction, language)]
        lines += ["", say(form.privacy, language), ""]
        asked = (*form.opening, *form.items, *(id_ for id_ in form.questions if id_ not in form.opening))
        return form, [*lines, *(_topic(framework, id_, language) for id_ in asked)]
    known = [*framework.items, *framework.questions, *steps, *lenses, *forms, *named]
    raise NotFoundError(
        f"{framework.id} {framework.version} has no part {what!r}{nearest(what, known)}",
        fix="cx framework show lists them all.",
    )


def _item(framework: Framework, id_: str, language: str) -> list[str]:
    from cxlib.formats import number

    say, item = framework.say, framework.items[id_]
    lines = [f"{item.id} {say(item.topic, language)}" + (f" ({item.stream})" if item.stream else "")]
    lines += [f"  {role}: {say(text, language)}" for role, text in item.statement.items()]
    if item.evidence:
        lines.append(f"  ask to see: {say(item.evidence, language)}")
    for n, level in enumerate(item.levels, 1):
        lines.append(f"  {n}  {say(level, language)}")
        if n <= len(item.advice):
            move = item.advice[n - 1]
            days = number(move.effort_days, language, digits=1)
            lines.append(f"       → {say(move.action, language)} ({say(move.who, language)}, {days} d)")
            lines.append(f"         {say(move.effect, language)}")
    lines += [f"  stands on {one.item}: {say(one.because, language)}" for one in item.requires]
    return [*lines, *_serves(framework, id_, language), *([f"  from seed {item.seed}"] if item.seed else [])]


def _serves(framework: Framework, id_: str, language: str) -> list[str]:
    names = {
        (lens.id, row.id): framework.say(row.name, language)
        for lens in framework.content.lenses
        for row in lens.rows
    }
    return [f"  serves {lens}.{row}: {names[lens, row]}" for lens, row in framework.serves.get(id_, ())]


def _lens(framework: Framework, lens: Lens, language: str) -> list[str]:
    say = framework.say
    lines = [f"{lens.id}: {say(lens.name, language)}", f"  {say(lens.description, language)}"]
    for row in lens.rows:
        lines.append(f"\n{row.id}: {say(row.name, language)}")
        if row.start_here:
            lines.append(f"  start here: {say(row.start_here, language)}")
        lines += [_topic(framework, id_, language) for id_ in (*row.items, *row.questions)]
    return lines


def _topic(framework: Framework, id_: str, language: str) -> str:
    asked = framework.items.get(id_) or framework.questions[id_]
    return f"  {id_:<21} {framework.say(asked.topic, language)}"


@dataclass(frozen=True)
class Held:
    """What an engagement in the store says to those who answer."""

    framework: Framework
    spec: EngagementSpec
    wave: WaveSpec


def _engagement(settings: Settings, engagement: str | None, wave: str | None) -> Held | None:
    from cxlib.opening import open_live

    if engagement is None:
        return None
    with open_live(engagement, wave=wave, settings=settings) as eng:
        round_ = next(one for one in eng.store.waves(eng.slug) if one.id == eng.wave_id)
        return Held(eng.framework, eng.spec, round_)


def handout(held: Held | None, client: str | None, contact: str | None) -> Handout:
    """Gather what fills a form: from the engagement, else from the options."""
    from cxlib.declarations import Thresholds
    from cxlib.questionnaire import Handout

    if held is None:
        lacking = [option for option, value in (("--client", client), ("--contact", contact)) if not value]
        if lacking:
            raise NotFoundError(
                f"a form says whose it is and whom to write to; missing: {', '.join(lacking)}",
                fix="Give both, or --engagement for all that it declares.",
            )
        plain = Thresholds()
        return Handout(str(client), str(contact), plain.scores, plain.comments)
    spec, wave = held.spec, held.wave
    whom = contact or spec.contact
    if not whom:
        raise NotFoundError(
            f"{spec.engagement} names nobody to write to; the privacy text needs a contact",
            fix="Add --contact, or `contact:` in the engagement file before it is created.",
        )
    return Handout(
        client or spec.name, whom, spec.anonymity.scores, spec.anonymity.comments,
        wave=wave.label, date=dt.date.fromisoformat(wave.date) if wave.date else None,
        segments=tuple(one.name for one in spec.segments.values()),
    )  # fmt: skip
