"""`cx comments`: what people wrote, read inside the house, and which of it a report may show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cxlib.cli import printing
from cxlib.cli.runs import By, login
from cxlib.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cxlib.reviewing import Written


def comments(
    engagement: Annotated[str, typer.Argument(help="The engagement's name, for example harbour.")],
    wave: Annotated[
        str | None, typer.Option("--wave", help="The wave's id; by default the latest with answers.")
    ] = None,
    show: Annotated[
        str | None, typer.Option("--show", help="Numbers of comments that may be shown: 3,5 or 3-9.")
    ] = None,
    leave: Annotated[
        str | None, typer.Option("--leave", help="Numbers of comments that are not to be shown: 4.")
    ] = None,
    reword: Annotated[
        tuple[int, str] | None,
        typer.Option("--reword", help='A number, and the words to show instead: 3 "The queue is long".'),
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="List only what nobody has looked at yet.")] = False,
    by: By = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print data instead of text.")] = False,
) -> None:
    """List what people wrote, and say which of it reports may show: a text can name its writer."""
    from cxlib.opening import open_live
    from cxlib.reviewing import open_questions

    with open_live(engagement, wave=wave) as eng:
        if show is None and leave is None and reword is None:
            found = [one for one in eng.written() if one.is_new or not new]
            asked = open_questions(eng.store.batches(eng.slug, eng.wave_id), eng.spec.languages[0])
            _list(found, asked, engagement, eng.wave_id, as_json)
            return
        kept = eng.review(
            show=_numbers(show), leave=_numbers(leave), reword=dict([reword] if reword else []),
            by=login() if by is None else by,
        )  # fmt: skip
        left = sum(one.is_new for one in eng.written())
    if as_json:
        printing.print_json({"kept": kept, "unseen": left})
        return
    print(f"Kept for {kept} comment{'s' * (kept != 1)}; nobody has looked at {left} yet")
    print(f"Next: cx {f'comments {engagement} --new' if left else f'report {engagement}'}")


def _list(found: list[Written], asked: Mapping[str, str], engagement: str, wave: str, as_json: bool) -> None:
    rows = [
        {
            "number": one.review.number if one.review else 0,
            "state": one.review.verdict if one.review and one.review.verdict else "new",
            "question": one.question,
            "role": one.role,
            "text": one.text,
            "words": one.review.words if one.review else "",
            "by": one.review.author if one.review else "",
            "at": one.review.at if one.review else None,
        }
        for one in found
    ]
    if as_json:
        printing.print_json({"wave": wave, "questions": dict(asked), "comments": rows})
        return
    if not rows:
        print(f"Wave {wave}: no comments to look at.")
        return
    for question in dict.fromkeys(row["question"] for row in rows):
        print(f"{question}: {asked.get(question, '')}")
        for row in rows:
            if row["question"] == question:
                print(f"  {row['number']:>4}  {row['state']:<5}  {row['role']:<12}  {row['text']}")
                if row["words"]:
                    print(f"        shown as: {row['words']}")
    print(f'Next: cx comments {engagement} --wave {wave} --show 1,2  or --leave 3, or --reword 4 "…"')


def _numbers(text: str | None) -> list[int]:
    """Read 3,5 and 3-9; what stands twice is there twice, so that it is found."""
    out: list[int] = []
    for part in (text or "").split(",") if text is not None else []:
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or len(part) > 15:
            raise DeclarationError(
                f"{part.strip()[:40]!r} is no number of a comment; expected numbers like 3,5 or 3-9"
            )
        ends = int(first), int(last or first)
        if not 0 <= ends[1] - ends[0] < 100_000:
            raise DeclarationError(f"{part.strip()} runs backwards, or too far; expected numbers like 3-9")
        out += range(ends[0], ends[1] + 1)
    return out
