"""`results.json`: every figure of a report as plain data, the same bits from the same extract."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from cxlib.frames import cut_name
from cxlib.ordering import sensitivity, sequence

if TYPE_CHECKING:
    from cxlib.engagement import Engagement

SCHEMA = 2


def results(eng: Engagement) -> dict[str, Any]:
    """Collect the figures of one wave: participation, sequence, and scores by every published cut."""
    scores = eng.scores()
    return {
        "schema": SCHEMA,
        "engagement": eng.facts.engagement,
        "client": eng.name,
        "wave": asdict(eng.wave),
        "framework": eng.facts.framework,
        "library": eng.facts.library,
        "data_date": eng.facts.data_date,
        "smallest_group": eng.facts.threshold_scores,
        "participation": records(eng.participation()),
        "sequence": asdict(sequence(scores, eng.framework)),
        "scores": {cut_name(cut) or "everyone": records(eng.scores(by=cut)) for cut in eng.facts.cuts},
        "metrics": {cut_name(cut) or "everyone": records(eng.metrics(by=cut)) for cut in eng.facts.cuts},
        "distribution": {
            cut_name(cut) or "everyone": records(eng.distribution(by=cut)) for cut in eng.facts.cuts
        },
        "sensitivity": records(sensitivity(scores, eng.framework)),
        "findings": [asdict(one) for one in eng.comparisons()],
        "recommendations": [asdict(one) for one in eng.recommendations()],
        "reliability": records(eng.reliability()),
        "drivers": records(eng.drivers()),
        "targets": eng.targets,
        "scales": eng.other_scales,
    }


def to_json(found: dict[str, Any]) -> str:
    """Write results as JSON: keys in order, numbers in full, what is missing as null."""
    return json.dumps(_plain(found), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame row by row as plain data."""
    return [
        dict(zip(frame.columns, row, strict=True))
        for row in frame.astype(object).itertuples(index=False, name=None)
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    if pd.isna(value) or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value if isinstance(value, str | int | float | bool) else str(value)
