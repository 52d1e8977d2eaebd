"""How good the answers are: how complete, and what may be told of the imports that they came in by.

Completeness is made of published counts. An import is no group of the release plan, and can be of one role
alone: a reader learns sums over all imports of a wave, a few as "fewer than", and nothing of one import.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxlib.frames import BLANK, COMPLETENESS, DONT_KNOW, NOT_APPLICABLE, ROLE, UNSCORED, check

if TYPE_CHECKING:
    import pandas as pd

    from cxlib.instrument import Instrument
    from cxlib.store import BatchRecord

# Why a row can be left out, in the words of the import, by what a reader is told.
KINDS: Final = {
    "ids": re.compile(r"no id|an id that stands twice"),
    "rows": re.compile(r"too (many|few) fields|a row of totals"),
    "dates": re.compile(r"ambiguous or unknown date|a spreadsheet's number"),
    "roles": re.compile(r"(no|unknown) role"),
    "segments": re.compile(r"not among the values of the mapping"),
    "texts": re.compile(r"a control character|a text too long"),
}
ANSWERS: Final = "answers"


def told(imports: Iterable[Mapping[str, Any]], has_ids: Iterable[bool], threshold: int) -> dict[str, Any]:
    """Return what may be told of the imports of a wave.

    Parameters
    ----------
    imports
        What the record of each import keeps: see `cxlib.intake.account`.
    has_ids
        Of each, whether it names respondents.
    threshold
        The smallest group that is shown: of fewer rows no number is told.

    Returns
    -------
    left_out : kind → responses that were left out by somebody's choice; None as below.
    files, files_without_ids : how many. rejected, replaced : rows, over all files; None for fewer than the
    threshold, and some. reasons : why rows were rejected, as kinds, sorted.
    """
    found, named = list(imports), list(has_ids)
    kinds = {kind_of(reason) for one in found for reason in one.get("reasons", {})}
    # What was rejected and came back, corrected, is in by now; or was rejected again, and counts there.
    back = sum(int(one["read"]) for one in found if one.get("is_back"))
    rejected = max(0, sum(int(one.get("rejected", 0)) for one in found) - back)
    replaced = sum(int(one.get("corrected", {}).get("replaced", 0)) for one in found)
    return {
        "files": len(found),
        "files_without_ids": len(named) - sum(named),
        "rejected": _or_few(rejected, threshold),
        "replaced": _or_few(replaced, threshold),
        "reasons": sorted(kinds),
        "left_out": _left_out(found, threshold),
    }


def _left_out(imports: Iterable[Mapping[str, Any]], threshold: int) -> dict[str, int | None]:
    """Add up what was left out by choice, by kind; kinds that nobody chose are not among them."""
    sums: dict[str, int] = {}
    for one in imports:
        for kind, n in one.get("screening", {}).get("dropped", {}).items():
            sums[kind] = sums.get(kind, 0) + int(n)
    return {kind: _or_few(n, threshold) for kind, n in sums.items()}


def _or_few(n: int, threshold: int) -> int | None:
    return None if 0 < n < threshold else n


def kind_of(reason: str) -> str:
    """Return the kind of a reason: ids, rows, dates, roles, texts, else answers."""
    return next((kind for kind, pattern in KINDS.items() if pattern.match(reason)), ANSWERS)


def by_import(records: Iterable[BatchRecord]) -> pd.DataFrame:
    """Say of each import what came in, what was left out and what was converted: for the house alone.

    Returns
    -------
    Columns batch, file, imported [respondents], counted [of them, by now], rejected [rows], replaced
    [earlier answers], empty [rows], left_out {kind: responses}, reasons {why: cells}, converted [(text,
    meaning, times)].
    """
    import pandas as pd

    rows = [
        {
            "batch": one.id,
            "file": one.source_name,
            "imported": one.rows_imported,
            "counted": one.rows,
            "rejected": one.quality.get("rejected", 0),
            "replaced": one.quality.get("corrected", {}).get("replaced", 0),
            "empty": one.quality.get("empty", 0),
            "left_out": one.quality.get("screening", {}).get("dropped", {}),
            "reasons": one.quality.get("reasons", {}),
            "converted": one.quality.get("converted", []),
        }
        for one in records
    ]
    return pd.DataFrame(rows)


def completeness(distribution: pd.DataFrame, instrument: Instrument) -> pd.DataFrame:
    """Say how complete answers are, step by step, and which item was answered least.

    Parameters
    ----------
    distribution
        DISTRIBUTION frame, of everyone or by role. An item without a row was not asked, or is hidden; one
        that nobody of a role gave anything but blank to was not asked there.

    Returns
    -------
    COMPLETENESS frame, steps in their order; what was asked beside them comes last.
    """
    import pandas as pd

    given = distribution[(distribution["answer"] != BLANK) & (distribution["n"] > 0)]
    asked = set(zip(given["id"], given[ROLE], strict=True))
    # As an array of truths even where there is no row: an empty list would choose no column.
    is_asked = [pair in asked for pair in zip(distribution["id"], distribution[ROLE], strict=True)]
    distribution = distribution[np.array(is_asked, bool)]
    steps = {item.id: step for step in instrument.framework.steps for item in step.items}
    order = [*instrument.framework.steps, None]
    rows = []
    for step in order:
        of = distribution[np.array([steps.get(id_) is step for id_ in distribution["id"]], bool)]
        if of.empty:
            continue
        counted = {str(id_): _counted(one) for id_, one in of.groupby("id", sort=False)}
        sums = [sum(one[at] for one in counted.values()) for at in range(4)]
        least = min(counted, key=lambda id_: _share(counted[id_]))
        rows.append(
            (
                step.id if step else "",
                instrument.say(step.name) if step else "",
                len(counted),
                *sums,
                _share(sums),
                least,
                instrument.name(least),
                _share(counted[least]),
            )
        )
    out = pd.DataFrame(rows, columns=COMPLETENESS.names())
    kinds = {"whole": "int64", "number": "float64", "text": "str"}
    return check(out.astype({one.name: kinds[one.kind] for one in COMPLETENESS.columns}), COMPLETENESS)


def _counted(of: pd.DataFrame) -> list[int]:
    """Count answers on the scale, don't know, not applicable, blank."""
    counts = of.groupby("answer")["n"].sum().to_dict()
    answered = sum(int(n) for answer, n in counts.items() if answer not in UNSCORED)
    return [answered, *(int(counts.get(one, 0)) for one in (DONT_KNOW, NOT_APPLICABLE, BLANK))]


def _share(counted: list[int]) -> float:
    return counted[0] / sum(counted) if sum(counted) else 0.0
