"""Small made-up samples for the tests: rows of answers, and what the suite makes of them.

The framework is the bakery of `reference/small-1.0.0.yaml`: steps grain → (oven, counter) → street, roles
owner (weight 2), team (1) and guest (0), and `oven.crust` on a scale of 0 to 10.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pyarrow as pa
from nbformat import v4

from cxlib import anonymity, estimates, scoring
from cxlib.anonymity import Release
from cxlib.anonymity.settle import RULES, UNANIMITY
from cxlib.creation import add_engagement
from cxlib.declarations import EngagementSpec
from cxlib.framework import Framework, load_framework
from cxlib.instrument import Instrument
from cxlib.live import LiveEngagement
from cxlib.opening import open_engagement
from cxlib.settings import Settings
from cxlib.store import Store
from cxlib.tally import Tally, tally_batches

nb: Any = v4
ROOT = Path(__file__).resolve().parents[1]
REFERENCE = Path(__file__).parent / "reference"
BAKERY = REFERENCE / "small-1.0.0.yaml"
DIMS = ("wave", "role", "unit")
CUTS = ((), ("role",), ("unit",), ("role", "unit"))
WEIGHTS = {"owner": 2.0, "team": 1.0, "guest": 0.0}
Row = Mapping[str, Any]
# Rows here often give one answer, to be worked out by hand; what that costs is for other tests to say.
NOT_OF_ONE_MIND = tuple(rule for rule in RULES if rule != UNANIMITY)


@cache
def bakery() -> Framework:
    return load_framework(BAKERY)


def people(
    n: int, role: str = "team", unit: str = "north", wave: str = "w1", **answers: Any
) -> list[dict[str, Any]]:
    """Return n rows; an answer is one value for all, or a list that is gone through again and again.

    Items are written with an underscore for the point: `grain_mill=4`.
    """
    rows = []
    for at in range(n):
        row: dict[str, Any] = {"wave": wave, "role": role, "unit": unit}
        for name, given in answers.items():
            value = given[at % len(given)] if isinstance(given, Sequence) else given
            row[name.replace("_", ".")] = value
        rows.append(row)
    return rows


def tallied(
    rows: Iterable[Row],
    *,
    instrument: Instrument | None = None,
    dims: tuple[str, ...] = DIMS,
    cuts: Sequence[tuple[str, ...]] = CUTS,
) -> Tally:
    """Count rows as an import would: an item that no row names was not asked, None is blank."""
    given = list(rows)
    scales = (instrument or Instrument(bakery())).scales
    asked = [scale for item, scale in scales.items() if any(item in row for row in given)]
    columns = {dim: pa.array([row.get(dim) for row in given], pa.string()) for dim in dims}
    columns |= {one.item: pa.array([row.get(one.item) for row in given], pa.int8()) for one in asked}
    return tally_batches(pa.table(columns).to_batches(), asked, dims, framework="crumb 1.0.0", cuts=cuts)


@dataclass(frozen=True)
class Sample:
    """A sample that went through the door."""

    tally: Tally
    release: Release
    estimates: pd.DataFrame
    instrument: Instrument

    def scores(
        self, by: str | tuple[str, ...] = (), wave: str = "w1", weights: Mapping[str, float] = WEIGHTS
    ) -> Any:
        return scoring.scores(self.release, self.estimates, self.instrument, weights, wave=wave, by=by)

    def distribution(self, by: str | tuple[str, ...] = (), wave: str = "w1", **options: Any) -> Any:
        return scoring.distribution(self.release, self.instrument, WEIGHTS, wave=wave, by=by, **options)

    def metrics(self, by: str | tuple[str, ...] = ("role",), wave: str = "w1") -> Any:
        return scoring.metrics(self.release, self.instrument, wave=wave, by=by)

    def score(self, id: str, **group: str) -> Any:
        """Return the one row of an item, step, stream or construct in one group."""
        found = self.scores(by=tuple(group))
        chosen = found["id"] == id
        for dim, value in group.items():
            chosen &= found[dim] == value
        assert chosen.sum() == 1, f"{chosen.sum()} rows for {id} in {group}"
        return found[chosen].iloc[0]


def sample(
    rows: Iterable[Row],
    *,
    k: int = 5,
    cuts: Sequence[tuple[str, ...]] = CUTS,
    instrument: Instrument | None = None,
    rules: Container[str] = NOT_OF_ONE_MIND,
) -> Sample:
    instrument = instrument or Instrument(bakery())
    tally = tallied(rows, instrument=instrument, cuts=cuts)
    release = anonymity.release(tally, cuts, k, rules=rules)
    return Sample(tally, release, estimates.estimate_parts(tally, release, instrument), instrument)


# ── An engagement in a store ────────────────────────────────────────────────────────────────────

MAPPING = """\
mapping: crumbs
note: Made up for the tests.
id: Person
role: {column: Role}
segments:
  shop: {column: Shop}
date: {column: Day}
dont_know: [no idea]
scales:
  ten: {low: 1, high: 10}
items:
  - {item: grain.mill, column: mill}
  - {item: grain.stock, column: stock}
  - {item: grain.label, column: label}
  - {item: oven.time, column: time}
  - {item: oven.crust, column: crust}
  - {item: street.known, column: known}
  - {item: counter.hello, column: hello}
  - {item: ask.recommend, column: recommend}
  - {item: park.bikes, column: bikes, scale: ten, text: Room for bicycles}
  - {item: park.carts, column: carts, scale: ten, text: Room for carts}
constructs:
  - {id: parking, name: Parking, items: [park.bikes, park.carts]}
"""
STAFF_COLUMNS = ("mill", "stock", "label", "time", "crust", "known", "hello")
GUEST_COLUMNS = ("label", "crust", "known", "hello", "recommend", "bikes", "carts")
HIGHEST = {"crust": 11, "recommend": 11, "bikes": 10, "carts": 10}
DIARY = "CANARY-DIARY"


def survey(
    path: Path, seed: int = 1, *, sizes: Mapping[str, int] | None = None, ids: str = "CANARY-ID"
) -> Path:
    """Write a survey of the bakery as CSV: staff and guests in one file, a diary that nobody maps."""
    rng = np.random.default_rng(seed)
    columns = sorted({*STAFF_COLUMNS, *GUEST_COLUMNS})
    lines = [",".join(("Person", "Role", "Shop", "Day", *columns, "Diary"))]
    for role, n in (sizes or {"owner": 9, "team": 48, "guest": 80}).items():
        asked = GUEST_COLUMNS if role == "guest" else STAFF_COLUMNS
        for at in range(n):
            cells = [
                f"{ids}-{role}-{at:03}",
                role,
                rng.choice(["harbour", "market", "station"], p=[0.6, 0.3, 0.1]),
            ]
            cells.append(f"2026-03-{rng.integers(1, 28):02}")
            for column in columns:
                low = 0 if HIGHEST.get(column) == 11 else 1
                answer = str(rng.integers(low, low + HIGHEST.get(column, 5)))
                answer = "" if rng.random() < 0.05 else "no idea" if rng.random() < 0.03 else answer
                cells.append(answer if column in asked else "")
            lines.append(",".join((*cells, f"{DIARY}-{at}")))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def declared(**changes: Any) -> EngagementSpec:
    plain = {
        "engagement": "crumbs",
        "name": "Crumb & Sons",
        "framework": "crumb",
        "languages": ["en", "nl"],
        "roles": {"owner": {"population": 12}, "team": {"population": 60}, "guest": {}},
        "segments": {"shop": {"name": "Shop"}},
        "waves": [{"id": "w1", "name": "Spring", "date": "2026-03-31"}, {"id": "w2", "name": "Autumn"}],
        "targets": {"oven": {"level": 3.5, "because": "the guests said so"}},
    }
    return EngagementSpec.model_validate({**plain, **changes})


def created(settings: Settings, **changes: Any) -> LiveEngagement:
    """Create the bakery's engagement in a store of its own; close `.store` when done."""
    spec = declared(**changes)
    with Store.open(settings) as store:
        add_engagement(store, spec, bakery())
    eng = open_engagement(spec.engagement, settings=settings)
    assert isinstance(eng, LiveEngagement)
    return eng


def share_of(folder: Path, source: str) -> Path:
    """Make a share like the clone's, but for its notebooks: one, whose only cell holds `source`."""
    share = folder / "share"
    (share / "notebooks").mkdir(parents=True)
    for name in ("data", "reports"):
        (share / name).symlink_to(ROOT / name)
    cells = [
        nb.new_markdown_cell("# Probe\n\nA question."),
        nb.new_code_cell('engagement = ""\nwave = ""\nextract = ""', metadata={"tags": ["parameters"]}),
        nb.new_code_cell(source),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nb.new_notebook(cells=cells, metadata=kernel), share / "notebooks" / "0_probe.ipynb")
    return share


def mapping(folder: Path, text: str = MAPPING) -> Path:
    path = folder / "mapping.yaml"
    path.write_text(text, encoding="utf-8")
    return path
