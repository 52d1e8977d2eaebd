"""A file whose columns bear the framework's codes: its mapping follows from them, and nothing is guessed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from cxlib.conversion import EDGES
from cxlib.declarations import Document, EngagementSpec, parse_document
from cxlib.errors import IngestError, Problem
from cxlib.framework import Framework
from cxlib.mapping import SourceSpec
from cxlib.proposals.columns import code_of, propose
from cxlib.proposals.proposal import Guess, Proposal, Wanted, shown_text
from cxlib.proposals.writing import about, entries, quoted
from cxlib.sources import Batch, open_survey

BY_CODES = "by-codes"


def wanted_of(spec: EngagementSpec, framework: Framework) -> Wanted:
    """Return what a file is read for in an engagement."""
    return Wanted(framework, tuple(spec.roles), {id_: one.name for id_, one in spec.segments.items()})


def mapping_by_codes(path: Path, wanted: Wanted) -> Document:
    """Return the mapping of a file whose columns all bear the framework's codes.

    Items may be called by their ids or by what a tool leaves of them (`s1i01`), beside them `role`, and
    each segment by its id. Some form of the framework must be there as a whole.

    Raises
    ------
    IngestError
        If the file cannot be read, or something that is needed is not there by its code, naming what.
    """
    if path.is_dir():
        raise IngestError(f"{path.name}/ is a dataset; it is imported by a mapping", fix="Pass --mapping.")
    found = propose(path, wanted)
    coded = [one for one in found.guesses if one.why in ("code", "the tool's own")]
    if problems := _missing(found, coded, wanted):
        said = found.layout.remark() if found.layout.tool else "an export of no tool that is known here"
        raise IngestError(
            f"{found.name} cannot be imported without a mapping, as columns lack their codes; it is {said}",
            problems=problems,
            fix=f"Nothing was imported. `cx map {path.name}` proposes a mapping for you to correct.",
        )
    lines = ["# By the codes that the file's columns bear; nobody wrote a mapping.", f"mapping: {BY_CODES}"]
    if found.layout.preset:
        lines += ["source:", f"  preset: {found.layout.preset}"]
    lines += [*about(coded, found, wanted), *entries(coded, wanted)]
    return parse_document("\n".join(lines) + "\n", name=f"the codes in {found.name}")


def wave_told(path: Path, asked: str | None = None) -> str | None:
    """Return the wave that a file's column `wave` names, if it has one; else the one asked for.

    Raises
    ------
    IngestError
        If the file cannot be read, its rows are of several waves, or of another than asked for.
    """
    if not path.is_file():
        return asked
    with closing(open_survey(path, SourceSpec())) as survey:
        places = [at for at, name in enumerate(survey.header) if code_of(name) == "wave"]
        if len(places) != 1:
            return asked
        found: dict[str, int] = {}
        for batch in survey.batches(survey.readable, ()):
            told = [text.strip(EDGES) for text in batch.columns[places[0]].to_pylist()]
            for at, text in enumerate(told):
                if text in found or (not text and _is_blank(batch, at)):
                    continue
                found[text] = int(batch.rows[at])
            if len(found) > 1:
                break
    if not found or (len(found) == 1 and asked in (None, *found) and "" not in found):
        return asked or next(iter(found), None)
    several = [f"{shown_text(text) or 'nothing'} in row {row}" for text, row in found.items()][:3]
    raise IngestError(
        f"{path.name}: its column wave says {' and '.join(several)}; expected {asked or 'one wave a file'}",
        fix="Import the rows of each wave by themselves, or by a mapping, which does not read that column.",
    )


def _is_blank(batch: Batch, at: int) -> bool:
    """Say whether a row holds nothing at all, as lines at the end of a file do."""
    return not any(column[at].as_py().strip(EDGES) for column in batch.columns.values())


def _missing(found: Proposal, coded: list[Guess], wanted: Wanted) -> list[Problem]:
    framework = wanted.framework
    has = {one.target for one in coded if one.kind in ("item", "comment")}
    problems = []
    roles = [one for one in coded if one.kind == "role"]
    if not roles and len(wanted.roles) > 1:
        problems.append(Problem("role", "no column of that name", "", f"it with {', '.join(wanted.roles)}"))
    told = {one.target for one in coded if one.kind == "segment"}
    problems += [
        Problem(f"segment {id_}", "no column of that name") for id_ in wanted.segments if id_ not in told
    ]
    forms = [
        [one for one in (*form.opening, *form.items, *form.questions) if one in framework.scales]
        for form in framework.content.forms
        if {*form.roles} & {*wanted.roles}
    ] or [[*framework.items]]
    needed = max(forms, key=lambda form: (len(has & {*form}), -len({*form} - has)))
    day = next((one for one in coded if one.kind == "date"), None)
    if day is not None and len(day.formats) != 1 and found.read_rows:
        read = f"days by {' and '.join(day.formats)}" if day.formats else "days by no known format"
        problems.append(
            Problem(f"column {shown_text(day.column)}", read, "", "days that are read in one way")
        )
    if not has:
        return [*problems, Problem("items", "no column bears the code of one")]
    problems += [
        Problem(f"item {id_}", "no column of that name" + _likely(found, id_))
        for id_ in needed
        if id_ not in has
    ]
    problems += [
        Problem(
            f"item {one.target}", f"an answer that is only like one of its words: {quoted(shown_text(text))}"
        )
        for one in coded
        for text in one.meaning.guessed
    ]
    return problems


def _likely(found: Proposal, id_: str) -> str:
    like = next((one for one in found.guesses if one.target == id_ and one.why == "text"), None)
    return f"; {quoted(shown_text(like.column, 40))} may be it" if like else ""
