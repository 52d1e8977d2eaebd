"""`results.json`: every figure of a report as plain data, the same bits from the same extract.

`reports/template/results.schema.json` says what is in it; it is made from the contracts of the frames
(`python -m cxlib.run.results` writes it), and a test holds that both agree.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from cxlib import frames
from cxlib.extract import WaveFacts
from cxlib.findings import Finding
from cxlib.frames import ROLE, Contract, cut_name
from cxlib.ordering import Sequence, sensitivity, sequence
from cxlib.planning import Recommendation
from cxlib.scoring import unweighted
from cxlib.settings import read_settings

if TYPE_CHECKING:
    from cxlib.engagement import Engagement

SCHEMA = 7

# What is in the file, part by part: a frame's contract, the same for each published cut, or a value's type.
FRAMES = {
    "participation": frames.PARTICIPATION,
    "completeness": frames.COMPLETENESS,
    "response": frames.RESPONSE,
    "trend": frames.SCORES,
    "sensitivity": frames.SENSITIVITY,
    "reliability": frames.RELIABILITY,
    "drivers": frames.DRIVERS,
    "bounds": frames.BOUNDS,
    "comments": frames.COMMENTS,
}
BY_CUT = {"scores": frames.SCORES, "metrics": frames.METRICS, "distribution": frames.DISTRIBUTION}
VALUES: dict[str, Any] = {
    "schema": int,
    "engagement": str,
    "client": str,
    "wave": WaveFacts,
    "framework": str,
    "library": str,
    "language": str,
    "data_date": str | None,
    "smallest_group": int,
    "sequence": Sequence,
    "summary": dict[str, list[int]],
    "findings": list[Finding],
    "recommendations": list[Recommendation],
    "targets": dict[str, float],
    "unweighted": dict[str, float],
    "scales": list[str],
    "registers": dict[str, list[dict[str, Any]]],
    "register_figures": dict[str, Any],
    "assumptions": dict[str, dict[str, Any]],
    "open_questions": dict[str, str],
    "quality": dict[str, Any],
}


def results(eng: Engagement) -> dict[str, Any]:
    """Collect the figures of one wave: who answered, sequence, scores by every published cut, findings.

    `summary` names the findings and recommendations that stand on the first page, by their place in the two
    lists.
    """
    scores = eng.scores()
    compared, moves, chosen = eng.comparisons(), eng.recommendations(), eng.summary()
    by = {cut_name(cut) or "everyone": cut for cut in eng.facts.cuts}
    return {
        "schema": SCHEMA,
        "engagement": eng.facts.engagement,
        "client": eng.name,
        "wave": asdict(eng.wave),
        "framework": eng.facts.framework,
        "library": eng.facts.library,
        "language": eng.instrument.language,
        "data_date": eng.facts.data_date,
        "smallest_group": eng.facts.threshold_scores,
        "participation": records(eng.participation()),
        "response": records(eng.response()),
        "completeness": records(eng.completeness()),
        "quality": eng.quality,
        "sequence": asdict(sequence(scores, eng.framework)),
        "summary": {
            "findings": [compared.index(one) for one in chosen.findings],
            "recommendations": [moves.index(one) for one in chosen.actions],
        },
        "scores": {name: records(eng.scores(by=cut)) for name, cut in by.items()},
        "metrics": {name: records(eng.metrics(by=cut)) for name, cut in by.items()},
        "distribution": {name: records(eng.distribution(by=cut)) for name, cut in by.items()},
        "unweighted": unweighted(scores, eng.scores(by=ROLE)) if (ROLE,) in eng.facts.cuts else {},
        "trend": records(eng.trend()),
        "sensitivity": records(sensitivity(scores, eng.framework)),
        "findings": [asdict(one) for one in compared],
        "recommendations": [asdict(one) for one in moves],
        "reliability": records(eng.reliability()),
        "drivers": records(eng.drivers()),
        "bounds": records(eng.bounds()),
        "open_questions": eng.open_questions,
        "comments": records(eng.comments()),
        "targets": eng.targets,
        "scales": eng.other_scales,
        "registers": {name: records(frame) for name, frame in eng.registers.items()},
        "register_figures": eng.register_figures(),
        "assumptions": {id_: asdict(one) for id_, one in eng.assumptions.items()},
    }


def to_json(found: dict[str, Any]) -> str:
    """Write results as JSON: keys in order, numbers in full, what is missing as null."""
    return _laid_out(_plain(found), 3) + "\n"


# One for all rows: `json.dumps` would make one for each.
_written = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def _laid_out(value: Any, depth: int, indent: str = "\n") -> str:
    """Write plain data with its outer containers a line an entry, and the rest as rows of one line.

    Python's own indenting leaves its fast encoder aside: two seconds a report.
    """
    if not depth or not value or not isinstance(value, dict | list):
        return _written(value)
    inner = indent + " "
    if isinstance(value, list):
        rows = [_laid_out(one, depth - 1, inner) for one in value]
        return f"[{inner}{f',{inner}'.join(rows)}{indent}]"
    rows = [f"{_written(key)}: {_laid_out(one, depth - 1, inner)}" for key, one in value.items()]
    return f"{{{inner}{f',{inner}'.join(rows)}{indent}}}"


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame row by row as plain data."""
    return [
        dict(zip(frame.columns, row, strict=True))
        for row in frame.astype(object).itertuples(index=False, name=None)
    ]


def _plain(value: Any) -> Any:
    # Nearly all of them, and told by their type alone.
    if type(value) in (str, int, bool):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    if pd.isna(value) or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value if isinstance(value, str | int | float | bool) else str(value)


# ── The schema ──────────────────────────────────────────────────────────────────────────────────


def results_schema() -> dict[str, Any]:
    """Return the JSON schema of `results.json`, draft 2020-12."""
    parts: dict[str, Any] = {name: _schema_of(kind) for name, kind in VALUES.items()}
    parts |= {name: _rows(contract) for name, contract in FRAMES.items()}
    parts |= {
        name: {"type": "object", "minProperties": 1, "additionalProperties": _rows(contract)}
        for name, contract in BY_CUT.items()
    }
    parts["schema"] = {"const": SCHEMA}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Every figure of a report",
        "type": "object",
        "properties": dict(sorted(parts.items())),
        "required": sorted(parts),
        "additionalProperties": False,
    }


_JSON = {"text": "string", "whole": "integer", "number": "number", "flag": "boolean"}


def _rows(contract: Contract) -> dict[str, Any]:
    """Describe a frame's rows; a column beside the contract's is a segment, and its cells are text."""
    columns = {
        one.name: {
            "type": [_JSON[one.kind], "null"] if one.may_miss else _JSON[one.kind],
            "description": one.meaning,
        }
        for one in contract.columns
    }
    return {
        "type": "array",
        "items": {
            "type": "object",
            "properties": columns,
            "required": sorted(columns),
            "additionalProperties": {"type": "string"},
        },
    }


def _schema_of(kind: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return {
            "type": "object",
            "properties": {name: _schema_of(one) for name, one in hints.items()},
            "required": sorted(hints),
            "additionalProperties": False,
        }
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if origin in (list, tuple):
        return {"type": "array", "items": _schema_of(inside[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema_of(inside[1])}
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [_schema_of(one) for one in inside]}
    plain = {int: "integer", float: "number", str: "string", bool: "boolean", types.NoneType: "null"}
    return {"type": plain[kind]} if kind in plain else {}


def schema_text() -> str:
    return json.dumps(results_schema(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    path = read_settings().template / "results.schema.json"
    path.write_text(schema_text(), encoding="utf-8")
