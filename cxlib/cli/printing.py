"""What every command prints in the same way: known errors, data, aligned text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cxlib.errors import CxError


def said(error: CxError) -> str:
    """Say a known error in one line; only where a file has several faults, in one line each.

    A file's name or a header can hold what would turn a terminal about: it is replaced.
    """
    return "\n".join(legible(line) for line in _said(error).splitlines())


def legible(text: str) -> str:
    """Replace what a terminal cannot show, or would do."""
    return "".join(sign if sign.isprintable() else "�" for sign in text)


def _said(error: CxError) -> str:
    if len(error.details) > 1:
        return str(error)
    if error.details:
        return f"{error.headline}: {error.details[0]}. {error.fix}".rstrip()
    return f"{error.headline}. {error.fix}" if error.fix else error.headline


def near(path: Path) -> str:
    """Write a path from here where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def say(*, quiet: bool = False) -> Any:
    return (lambda line: None) if quiet else (lambda line: print(line, file=sys.stderr, flush=True))


def answer_name(code: int) -> str:
    from cxlib.frames import BLANK, DONT_KNOW, NOT_APPLICABLE

    return {BLANK: "blank", NOT_APPLICABLE: "n/a", DONT_KNOW: "don't know"}.get(code, str(code))


def print_json(value: Any) -> None:
    from cxlib.run.results import to_json

    print(to_json(value), end="")


def print_frame(frame: Any, digits: int = 2) -> None:
    """Print a frame as plain aligned text: hidden figures say so."""
    import pandas as pd

    shown = frame.drop(columns=[one for one in ("is_hidden",) if one in frame])
    hidden = frame.get("is_hidden")
    rows = [list(shown.columns)]
    for place, row in enumerate(shown.itertuples(index=False)):
        gone = hidden is not None and bool(hidden.iloc[place])
        rows.append(
            [
                ("hidden" if gone else "–")
                if pd.isna(cell)
                else f"{cell:.{digits}f}"
                if isinstance(cell, float)
                else str(cell)
                for cell in row
            ]
        )
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
