"""`cx form`: the questionnaire of an engagement as a survey tool imports it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxlib.cli import framework as _framework
from cxlib.cli import printing
from cxlib.errors import NotFoundError, nearest

if TYPE_CHECKING:
    from cxlib.live import LiveEngagement

NEXT = {
    "limesurvey": "in LimeSurvey: Create survey → Import; then export answers with question codes as headers",
    "qualtrics": "in Qualtrics: Tools → Import/Export → Import survey; then export data as CSV",
    "xlsx": "fill in the sheet Answers, one row a respondent",
}


def form(
    engagement: Annotated[str, typer.Argument(help="The engagement's name, for example harbour.")],
    tool: Annotated[str, typer.Option("--for", help="limesurvey, qualtrics or xlsx.")],
    role: Annotated[str | None, typer.Option(help="Who is asked; by default a file for each role.")] = None,
    name: Annotated[
        str | None, typer.Option("--form", help="A form of the framework; by default the first for the role.")
    ] = None,
    language: Annotated[
        list[str] | None,
        typer.Option(help="By default the engagement's, and for LimeSurvey all. Repeat for several."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The file to write; without --role, a folder.")
    ] = None,
    wave: Annotated[
        str | None, typer.Option(help="Whose framework; by default of the latest wave with answers.")
    ] = None,
    contact: Annotated[
        str | None, typer.Option(help="Whom respondents write to; by default the engagement's.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print data instead of text.")] = False,
) -> None:
    """Write the questionnaire for a survey tool; its answers come back without a mapping."""
    from cxlib.opening import open_live
    from cxlib.surveys import TOOLS, survey_of

    if tool not in TOOLS:
        raise NotFoundError(
            f"no form for {tool!r}{nearest(tool, TOOLS)}", fix=f"There are: {', '.join(TOOLS)}."
        )
    write, ending, has_languages = TOOLS[tool]
    written = []
    with open_live(engagement, wave=wave) as eng:
        roles = _roles(eng, role)
        round_ = next(one for one in eng.store.waves(eng.slug) if one.id == eng.wave_id)
        handout = _framework.handout(_framework.Held(eng.framework, eng.spec, round_), None, contact)
        spoken = _languages(eng, language, several=has_languages)
        for one in roles:
            survey = survey_of(
                eng.framework, handout, engagement=eng.slug, role=one,
                roles=list(eng.spec.roles), languages=spoken, segments=_segments(eng), form=name,
            )  # fmt: skip
            own = f"{eng.slug}-{one}-{tool}{ending}"
            to = output if output is not None and role is not None else (output or Path()) / own
            _framework.refuse_to_overwrite(to, force=force)
            written.append((one, to, len(survey.asked), write(survey)))
    _write(written)
    if as_json:
        files = [{"role": one, "file": str(to), "questions": asked} for one, to, asked, _ in written]
        printing.print_json({"for": tool, "languages": list(spoken), "files": files})
        return
    for one, to, asked, _ in written:
        print(f"Written: {printing.near(to)} ({one}, {asked} questions, {', '.join(spoken)})")
    print(f"Next, {NEXT[tool]}")
    print(f"Then: cx import {engagement} EXPORT   (no mapping is needed)")


def _write(files: list[tuple[str, Path, int, bytes]]) -> None:
    from cxlib.files import replaced

    for _, to, _, content in files:
        with replaced(to) as part:
            part.write_bytes(content)


def _roles(eng: LiveEngagement, role: str | None) -> list[str]:
    roles = list(eng.spec.roles)
    if role is not None and role not in roles:
        raise NotFoundError(
            f"{eng.slug} has no role {role!r}{nearest(role, roles)}", fix=f"There are: {', '.join(roles)}."
        )
    return roles if role is None else [role]


def _languages(eng: LiveEngagement, asked: list[str] | None, *, several: bool) -> tuple[str, ...]:
    """Choose the languages: those asked for, else the engagement's and, where there is room, the rest."""
    from cxlib import look

    known = [one for one in eng.framework.content.languages if _is_spoken(look.words, one)]
    base = eng.spec.languages[0]
    chosen = tuple(dict.fromkeys(asked or ([base, *known] if several else [base])))
    if len(chosen) > 1 and not several:
        raise NotFoundError("this form holds one language", fix="Name one with --language.")
    return chosen


def _is_spoken(words: Any, language: str) -> bool:
    try:
        words(language)
    except NotFoundError:
        return False
    return True


def _segments(eng: LiveEngagement) -> list[Any]:
    from cxlib.answered import segment_values
    from cxlib.surveys import Segment

    values = segment_values(eng.store, eng.spec)
    return [Segment(id_, one.name, values[id_]) for id_, one in eng.spec.segments.items()]
