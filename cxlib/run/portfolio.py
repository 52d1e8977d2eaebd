"""All clients side by side, read from what was published: an analyst's view, in no client's run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxlib.errors import NotFoundError, ReportError, nearest
from cxlib.frames import PORTFOLIO, check
from cxlib.settings import Settings, read_settings

if TYPE_CHECKING:
    import pandas as pd

DRAFT, APPROVED = "draft", "approved"


def read_portfolio(*, wave: str = "", settings: Settings | None = None) -> pd.DataFrame:
    """Read where each client stands from the latest run of its latest wave: PORTFOLIO frame.

    It reads `results.json` alone, so that hundreds of clients take no longer than a glance, and shows the
    figures that the clients hold.

    Parameters
    ----------
    wave
        Id of a wave, to read the latest runs of that one; empty for each client's latest.

    Raises
    ------
    NotFoundError
        If there are runs, and none of that wave; naming the nearest.
    ReportError
        If a run's results cannot be read, naming it.
    """
    import pandas as pd

    folder = (settings or read_settings()).runs
    rows = []
    for client in sorted(path for path in folder.glob("*") if path.is_dir() and path.name != "bench"):
        runs = [path for path in client.glob(f"{wave or '*'}/*/results.json") if path.parent.name[0] != "."]
        told = {path: _manifest(path.parent) for path in runs}
        # A run on one unit is not where its client stands.
        found = [
            (_read(path), path.parent.name, APPROVED if of.get("approved") else DRAFT)
            for path, of in told.items()
            if not of.get("segment")
        ]
        if found:
            held, run, state = max(found, key=lambda one: (_date(one[0]), one[1]))
            rows.append(_row(held, run, state))
    if wave and not rows:
        known = sorted({path.parent.parent.name for path in folder.glob("*/*/*/results.json")})
        if known:
            raise NotFoundError(
                f"no run of a wave {wave!r}{nearest(wave, known)}",
                fix=f"Waves with a run: {', '.join(known)}. Leave it empty for the latest of each.",
            )
    out = pd.DataFrame(rows, columns=PORTFOLIO.names())
    kinds = {
        one.name: {"text": "str", "whole": "Int64", "number": "float64"}[one.kind]
        for one in PORTFOLIO.columns
    }
    return check(out.astype({**kinds, "n": "int64"}), PORTFOLIO)


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        _row(found, "", "")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReportError(
            f"{path.parent.name}/results.json cannot be read: {type(error).__name__}",
            fix="Make that report again, or remove the run's folder.",
        ) from None
    return found


def _manifest(folder: Path) -> dict[str, Any]:
    """Return what a run says of itself; of one whose manifest cannot be read nothing is known: a draft."""
    try:
        found = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _date(found: dict[str, Any]) -> str:
    return found["wave"]["date"] or found["data_date"] or ""


def _row(found: dict[str, Any], run: str, state: str) -> tuple[Any, ...]:
    order, wave = found["sequence"], found["wave"]
    names = {row["id"]: row["name"] for row in found["scores"]["everyone"] if row["kind"] == "step"}
    return (
        found["engagement"], found["client"], wave["id"], wave["name"], _date(found), found["framework"], run,
        state,
        sum(row["n"] or 0 for row in found["participation"]),
        order["position"], order["position_low"], order["position_high"],
        ", ".join(names.get(one, one) for one in order["start_here"]), "+".join(order["start_here"]),
        order["excess_share"], order["excess_share_low"], order["excess_share_high"],
        order["raw"], order["effective"],
    )  # fmt: skip
