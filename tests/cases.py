"""Engagements of unusual sizes and names, drawn from the example's plan through the real doors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cxlib.creation import create_engagement
from cxlib.live import LiveEngagement
from cxlib.mapping import read_mapping
from cxlib.run.example import write_example
from cxlib.run.truths import Truths, WavePlan
from cxlib.settings import Settings, read_settings
from cxlib.store import Store
from tests.drawn import cx7, harbour

ROOT = Path(__file__).resolve().parents[1]
HARBOUR = ROOT / "data" / "examples" / "harbour"


@dataclass(frozen=True)
class Case:
    """What is unusual.

    Attributes
    ----------
    answered : role → how many answer, in every wave.
    waves : how many of the example's three, the last ones.
    name : the client's.
    language : of the report.
    canaries : give every person an id, a name and a remark that must be found nowhere.
    """

    answered: Mapping[str, int]
    waves: int = 1
    name: str = "Harbour"
    language: str = "en"
    declared: Mapping[str, Any] = field(default_factory=dict)
    canaries: bool = False


def plan_of(case: Case) -> Truths:
    """Return the example's plan with the sizes of a case; nothing is planted in so few or so many."""
    truths = harbour().null()
    kept = truths.waves[-case.waves :]
    waves = [WavePlan(id=one.id, date=one.date, answered=dict(case.answered)) for one in kept]
    return truths.model_copy(update={"waves": waves})


def engagement(case: Case, home: Path) -> tuple[LiveEngagement, Settings]:
    """Create the engagement of a case and import its waves, each file through its mapping."""
    settings = read_settings({"CX_HOME": str(home)})
    truths = plan_of(case)
    declared = yaml.safe_load((HARBOUR / "engagement.yaml").read_text(encoding="utf-8"))
    declared |= {
        "name": case.name,
        "languages": [case.language],
        "roles": {role: {} for role in case.answered},
        "waves": [one for one in declared["waves"] if one["id"] in {plan.id for plan in truths.waves}],
        **case.declared,
    }
    home.mkdir(parents=True, exist_ok=True)
    (home / "engagement.yaml").write_text(json.dumps(declared), encoding="utf-8")
    store = Store.open(settings)
    create_engagement(store, home / "engagement.yaml", frameworks=settings.frameworks)
    eng = LiveEngagement(store, "harbour")
    mappings = {name: read_mapping(HARBOUR / f"{name}.yaml") for name in truths.exports}
    for wave, exports in write_example(truths, cx7(), mappings, home / "drawn").items():
        for form, path in exports.items():
            # A questionnaire that nobody filled in is not exported.
            if len(path.read_text(encoding="utf-8").splitlines()) > 1:
                if case.canaries:
                    mark(path, truths.exports[form])
                eng.import_file(path, HARBOUR / f"{form}.yaml", wave=wave)
    return eng, settings


CANARY = "CANARY"


def mark(path: Path, delimiter: str) -> None:
    """Mark every person of an export by an id, and by columns that no mapping names."""
    head, *rows = (line.split(delimiter) for line in path.read_text(encoding="utf-8").splitlines())
    marked = [
        [f"{CANARY}-ID-{one[0]}", *one[1:], f"{CANARY}-{one[0]}@example.org", f"{CANARY} {one[0]} said it"]
        for one in rows
    ]
    lines = (delimiter.join(one) for one in ([*head, "E-mail", "Anything else?"], *marked))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
