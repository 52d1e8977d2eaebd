"""A proposal as a mapping file, for a person to correct."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from cxlib.conversion import ISO_DATE
from cxlib.declarations import RESERVED_SLUGS
from cxlib.proposals.proposal import Guess, Proposal, Wanted, shown_text
from cxlib.sources import PRESETS

_LONG: Final = 110


def quoted(text: str) -> str:
    """Write a text as YAML in double quotes; what would not show, or turn a line about, is escaped."""
    out = []
    for char in text:
        if char in '"\\':
            out.append("\\" + char)
        elif char in "\n\t\r":
            out.append({"\n": "\\n", "\t": "\\t", "\r": "\\r"}[char])
        elif unicodedata.category(char)[0] in "CZ" and char != " ":
            out.append(f"\\u{ord(char):04X}" if ord(char) < 0x10000 else f"\\U{ord(char):08X}")
        else:
            out.append(char)
    return '"' + "".join(out) + '"'


def slug_of(name: str) -> str:
    """Return what a mapping may be called, after the name of a file."""
    plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    made = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-")
    return made if made and made not in RESERVED_SLUGS else "survey"


def mapping_text(found: Proposal, wanted: Wanted, *, engagement: str = "") -> str:
    """Write a proposal as a mapping file, for a person to correct.

    What is sure stands there plainly, what is doubtful with a remark that says how doubtful and what came
    next, and what nothing was found for in remarks at the end. `cx import --mapping` reads it as it is
    unless no column tells roles, or no item was found.
    """
    items, doubtful = found.of("item"), [one for one in found.guesses if one.target and not one.is_sure]
    matched = len(items) + len(found.of("comment"))
    lines = [
        f"# Proposed by cx map for {shown_text(found.name)}: correct it, then",
        f"#   cx import {engagement or 'ENGAGEMENT'} FILE --mapping THIS.yaml",
        f"# {matched} questions matched; in doubt: {len(doubtful)} (see the remarks).",
        f"# Answers: by the first {found.read_rows:,} rows.",
        f"mapping: {slug_of(Path(found.name).stem)}",
    ]
    said = found.spec.model_dump(exclude_defaults=True, exclude={"preset"})
    if said or found.layout.preset:
        lines.append("source:")
    if found.layout.preset:
        lines.append(f"  preset: {found.layout.preset}  # by {shown_text(found.layout.mark, 90)}")
    lines += [f"  {key}: {value if isinstance(value, int) else quoted(value)}" for key, value in said.items()]
    lines += [*about(found.guesses, found, wanted), *entries(found.guesses, wanted)]
    return "\n".join([*lines, *_left(found, wanted)]) + "\n"


def entries(guesses: Sequence[Guess], wanted: Wanted) -> Iterator[str]:
    """Write what answers what: the items with their values, the open questions with their text."""
    items = [one for one in guesses if one.kind == "item"]
    comments = [one for one in guesses if one.kind == "comment"]
    yield from _beside(items)
    yield "items:"
    for one in items:
        yield from _entry(one, f"item: {one.target}")
    if not items:
        yield "  []  # no column was found that asks what the framework asks; add at least one"
    if comments:
        yield "comments:"
    for one in comments:
        asked = wanted.framework.questions[one.target].text
        said = wanted.framework.say(asked, wanted.framework.content.languages[0])
        yield from _entry(one, f"id: {one.target}", f"text: {quoted(said)}")


def about(guesses: Sequence[Guess], found: Proposal, wanted: Wanted) -> Iterator[str]:
    """Write who answered, and when."""
    known = {(one.kind, one.target): one for one in guesses if one.kind}
    if one := known.get(("id", "")):
        yield f"id: {quoted(one.column)}{_remark(one)}"
        if found.layout.preset and PRESETS[found.layout.preset].counts:
            yield "#   counts from 1 in each survey: where a wave has several, name each by another `survey`"
            yield f"# survey: {slug_of(Path(found.name).stem)}"
    else:
        yield "# id: no column of ids was found; pseudonyms will stand for rows of the file"
    if one := known.get(("role", "")):
        values = "".join(f"{quoted(text)}: {role}, " for text, role in found.role_values.items()).rstrip(", ")
        beside = f", values: {{{values}}}" if values else ""
        yield f"role: {{column: {quoted(one.column)}{beside}}}{_remark(one)}"
        for text in found.role_unknown[:8]:
            yield f"#   not understood as a role: {quoted(shown_text(text))}"
    elif len(wanted.roles) == 1:
        yield f"role: {{value: {wanted.roles[0]}}}"
    elif found.role_of:
        yield f"role: {{value: {found.role_of}}}  # no column tells roles; worded for this one"
    else:
        yield "role:"
        yield f"  value: TO-BE-SAID  # no column tells roles; one of {', '.join(wanted.roles)}, or a column"
    segments = [one for one in guesses if one.kind == "segment"]
    missing = [id_ for id_ in wanted.segments if ("segment", id_) not in known]
    if segments:
        yield "segments:"
        yield from (f"  {one.target}: {{column: {quoted(one.column)}}}{_remark(one)}" for one in segments)
    for id_ in missing:
        yield f"# segment {id_}: no column was found"
    if one := known.get(("date", "")):
        yield from _dated(one)


def _dated(one: Guess) -> Iterator[str]:
    written = f"date: {{column: {quoted(one.column)}, format: {quoted((one.formats or (ISO_DATE,))[0])}}}"
    if len(one.formats) == 1:
        yield written + _remark(one)
    elif one.formats:
        yield f"{written}  # in doubt: {' or '.join(one.formats)}; the rows looked at do not say"
    else:
        yield f"# {written}  # no format was found by which its texts are days"


def _beside(items: Sequence[Guess]) -> Iterator[str]:
    """Write the texts that stand beside every scale."""
    found: dict[str, list[str]] = {}
    for one in items:
        for kind, texts in one.meaning.beside.items():
            found.setdefault(kind, []).extend(texts)
    for kind, texts in found.items():
        yield f"{kind}: [{', '.join(quoted(text) for text in dict.fromkeys(texts))}]"


def _entry(one: Guess, *said: str) -> Iterator[str]:
    fields = [said[0], f"column: {quoted(one.column)}", *said[1:]]
    values = [f"{quoted(text)}: {level}" for text, level in one.meaning.values.items()]
    if one.text != one.column:
        yield f"  # {shown_text(one.text, _LONG)}"
    line = f"  - {{{', '.join(fields)}}}"
    if values and len(line) + sum(map(len, values)) < _LONG:
        yield f"  - {{{', '.join([*fields, f'values: {{{chr(44).join(values)}}}'])}}}{_remark(one)}"
    elif values:
        yield f"  - {fields[0]}{_remark(one)}"
        yield from (f"    {field}" for field in fields[1:])
        yield "    values:"
        yield from (f"      {value}" for value in values)
    else:
        yield line + _remark(one)
    if guessed := [quoted(shown_text(text)) for text in one.meaning.guessed[:5]]:
        yield f"  #   in doubt, read by likeness or order: {', '.join(guessed)}"
    for text in one.meaning.unknown[:5]:
        yield f"  #   not understood: {quoted(shown_text(text))}"


def _remark(one: Guess) -> str:
    if one.is_sure:
        return ""
    other = f"; next {one.runner_up} ({one.runner_up_confidence:.0%})" if one.runner_up_confidence else ""
    return f"  # in doubt: {one.confidence:.0%}, by {one.why}{other}"


def _left(found: Proposal, wanted: Wanted) -> Iterator[str]:
    """List what no entry was written for: columns, and what the framework asks."""
    columns = [one for one in found.guesses if not one.kind]
    if columns:
        yield ""
        yield "# Columns that nothing was found for; they are left out:"
        for one in columns:
            near = f"; nearest {one.runner_up}" if one.runner_up else ""
            text = f" ({shown_text(one.text)})" if one.text != one.column else ""
            yield f"#   {one.place + 1}. {quoted(shown_text(one.column))}{text}: {one.why}{near}"
    if own := [shown_text(one.column) for one in found.of("own")]:
        yield f"# Written by {found.layout.tool} itself, not imported: {', '.join(own)}"
    taken = {one.target for one in found.guesses}
    missing = [one for one in wanted.targets if one not in taken]
    if missing and len(missing) < len(wanted.targets):
        yield "# Asked by the framework, in no column: " + ", ".join(missing)
