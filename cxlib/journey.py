"""From touch point to observation: what a standard lacks, what hangs loose, how measures and actions stand.

Frames of the registers in, plain frames out; nothing here knows where they are kept.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd

# What a standard can lack, in the order in which a reader would put it right.
FAULTS: Final = (
    "vague", "actor", "actors", "actions", "number", "unit", "share", "scope", "owner", "measure",
    "review_date",
)  # fmt: skip
OPEN: Final = ("proposed", "open")
# Words that let everybody think of something else, as they stand in standards in English and German.
VAGUE: Final = (
    "prompt", "promptly", "quick", "quickly", "fast", "swift", "swiftly", "soon", "timely", "asap",
    "as soon as possible", "as quickly as possible", "without delay", "immediate", "immediately",
    "friendly", "polite", "politely", "courteous", "courteously", "warm", "warmly", "attentive", "helpful",
    "professional", "professionally", "appropriate", "appropriately", "adequate", "adequately", "proper",
    "properly", "reasonable", "reasonably", "efficient", "efficiently", "regular", "regularly", "often",
    "good", "great", "excellent", "outstanding", "high quality", "world-class", "best effort", "best efforts",
    "where possible", "if possible", "when possible", "whenever possible", "as needed", "as appropriate",
    "prompte", "schnell", "schnelle", "schnellstmöglich", "rasch", "zügig", "zeitnah", "umgehend",
    "unverzüglich", "baldmöglichst", "so bald wie möglich", "so schnell wie möglich", "freundlich", "höflich",
    "herzlich", "zuvorkommend", "aufmerksam", "hilfsbereit", "professionell", "angemessen", "regelmäßig",
    "wenn möglich", "falls möglich", "nach möglichkeit", "bei bedarf", "gut", "hervorragend",
)  # fmt: skip
_VAGUE: Final = re.compile(
    r"(?<!\w)(?:" + "|".join(sorted(map(re.escape, VAGUE), key=len, reverse=True)) + r")(?!\w)", re.IGNORECASE
)
_SEVERAL_ACTORS: Final = re.compile(r"[,;/&+]|(?<!\w)(?:and|or|und|oder|bzw)(?!\w)", re.IGNORECASE)
_SEVERAL_ACTIONS: Final = re.compile(
    r";|[.!?]\s+\S|(?<!\w)(?:and then|then|as well as|and also|und dann|sowie)(?!\w)", re.IGNORECASE
)


def vague_words(text: str) -> tuple[str, ...]:
    """Return the words of a text by which everybody understands something else, each once."""
    return tuple(dict.fromkeys(found.casefold() for found in _VAGUE.findall(text)))


def lint(standards: pd.DataFrame, measures: pd.DataFrame) -> pd.DataFrame:
    """Hold each standard to its form: one actor, one action, number, unit and share, who looks after it.

    Parameters
    ----------
    standards, measures
        The registers of these names; a standard is measured if it says how, or a measure names it.

    Returns
    -------
    A row a fault: `standard`, `fault` (one of `FAULTS`) and `words`, the vague ones; nothing for a
    standard that keeps its form. A rule of thumb finds vague words and a second actor or action: a person
    decides.

    Source: this project's method, section 7.
    """
    import pandas as pd

    measured = set(measures["standard"]) - {""}
    rows = []
    for one in standards.itertuples():
        vague = vague_words(f"{one.actor} | {one.action} | {one.unit}")
        faults = {
            "vague": bool(vague),
            "actor": not one.actor,
            "actors": bool(_SEVERAL_ACTORS.search(one.actor)),
            "actions": bool(_SEVERAL_ACTIONS.search(one.action)),
            "number": pd.isna(one.number),
            "unit": not one.unit,
            "share": pd.isna(one.share),
            "scope": not one.scope,
            "owner": not one.owner,
            "measure": not one.measure and one.id not in measured,
            "review_date": not one.review_date,
        }
        rows += [
            (one.id, fault, ", ".join(vague) if fault == "vague" else "") for fault in FAULTS if faults[fault]
        ]
    return pd.DataFrame(rows, columns=["standard", "fault", "words"]).astype("str")


def traceability(promises: pd.DataFrame, standards: pd.DataFrame, measures: pd.DataFrame) -> pd.DataFrame:
    """Follow each promise to its standards and their measures; what hangs loose has a gap on one side.

    Returns
    -------
    Ids in the columns `promise`, `standard`, `measure`, each "" where the chain breaks: promises in their
    order, then standards of no promise, then measures of no standard.
    """
    import pandas as pd

    rows: list[tuple[str, str, str]] = []

    def below(promise: str, standard: str) -> None:
        of = measures.loc[measures["standard"] == standard, "id"] if standard else []
        rows.extend((promise, standard, measure) for measure in of)
        if not len(of):
            rows.append((promise, standard, ""))

    for promise in promises["id"]:
        of = standards.loc[standards["promise"] == promise, "id"]
        for standard in of if len(of) else [""]:
            below(promise, standard)
    for standard in standards.loc[standards["promise"] == "", "id"]:
        below("", standard)
    rows += [("", "", measure) for measure in measures.loc[measures["standard"] == "", "id"]]
    return pd.DataFrame(rows, columns=["promise", "standard", "measure"]).astype("str")


def loose_ends(
    promises: pd.DataFrame, standards: pd.DataFrame, measures: pd.DataFrame
) -> dict[str, list[str]]:
    """Name what hangs loose: promises without a standard, standards without a promise or a measure, measures
    without a standard.
    """
    kept, measured = set(standards["promise"]), set(measures["standard"])
    return {
        "promises": [one for one in promises["id"] if one not in kept],
        "standards_unpromised": standards.loc[standards["promise"] == "", "id"].tolist(),
        "standards_unmeasured": [one for one in standards["id"] if one not in measured],
        "measures": measures.loc[measures["standard"] == "", "id"].tolist(),
    }


def measure_states(measures: pd.DataFrame, observations: pd.DataFrame) -> pd.DataFrame:
    """Say where each measure stands: its last value against its target, and against the value before.

    Returns
    -------
    The measure's `id`, `name`, `unit`, `direction`, `target`; `observations` how many; `date`, `value` and
    `n` of the last, `previous` the value before; `is_met` whether the target is reached, NA without one;
    `trend`: "better", "worse", "same", or "" where there are not two values. Two values are a direction,
    not yet a change: only a control chart would tell one from the other.
    """
    import pandas as pd

    rows = []
    for one in measures.itertuples():
        of = observations[observations["measure"] == one.id].sort_values("date", kind="stable")
        last = of.iloc[-1] if len(of) else None
        previous = of.iloc[-2]["value"] if len(of) > 1 else float("nan")
        sign = 1 if one.direction == "higher" else -1
        moved = sign * (last["value"] - previous) if last is not None else float("nan")
        is_met = (
            None if last is None or pd.isna(one.target) else bool(sign * (last["value"] - one.target) >= 0)
        )
        trend = "" if pd.isna(moved) else "better" if moved > 0 else "worse" if moved < 0 else "same"
        seen = ("", float("nan"), None) if last is None else (last["date"], last["value"], last["n"])
        rows.append(
            (one.id, one.name, one.unit, one.direction, one.target, len(of), *seen, previous, is_met, trend)
        )
    names = ["id", "name", "unit", "direction", "target", "observations", "date", "value", "n", "previous"]
    kinds = {"n": "Int64", "is_met": "boolean", "target": "float64", "value": "float64"}
    return pd.DataFrame(rows, columns=[*names, "is_met", "trend"]).astype(kinds | {"previous": "float64"})


def actions(initiatives: pd.DataFrame, as_of: str | None) -> pd.DataFrame:
    """Add to each initiative whether it is overdue at a day, and how long it took to close.

    Parameters
    ----------
    as_of
        A day as 2026-03-20, for example that of the wave; without it, nothing is overdue.

    Returns
    -------
    The register with `is_open`, `days_overdue` [days, 0 where it is not] and `days_to_close` [days from
    opened to closed, NA where it is open or a date is missing].
    """
    import pandas as pd

    def days(begin: str, end: str) -> int:
        return (date.fromisoformat(end) - date.fromisoformat(begin)).days

    is_open = initiatives["status"].isin(OPEN)
    overdue = [
        max(0, days(one.due_date, as_of)) if as_of and one.due_date and one.status in OPEN else 0
        for one in initiatives.itertuples()
    ]
    taken = [
        days(one.opened_date, one.closed_date)
        if one.status == "done" and one.opened_date and one.closed_date
        else None
        for one in initiatives.itertuples()
    ]
    return initiatives.assign(
        is_open=is_open,
        days_overdue=pd.Series(overdue, index=initiatives.index, dtype="int64"),
        days_to_close=pd.Series(taken, index=initiatives.index, dtype="Int64"),
    )


def closed_loop_days(made: pd.DataFrame) -> float | None:
    """Return the median of days from opened to closed, of what is done; None where nothing can be told."""
    taken = [int(one) for one in made["days_to_close"].dropna()]
    return float(median(taken)) if taken else None


def raised_by(initiatives: pd.DataFrame) -> dict[str, int]:
    """Count ideas and actions by the role that raised them, most first; without those that say none."""
    counted = Counter(role for role in initiatives["proposed_by"] if role)
    return dict(sorted(counted.items(), key=lambda one: (-one[1], one[0])))
