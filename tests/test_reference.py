"""Worked cases with their sources: every YAML file in `reference/` that names a function.

To add one, write a case into a file there: `inputs` as the function takes them, `expected` by name of
the figure, and `tolerance` by name where the source prints a rounded figure (elsewhere 1e-12).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from cxlib import stats
from cxlib.anonymity import hidden_cells
from cxlib.ordering import sequence
from cxlib.scoring import gated_level

FOLDER = Path(__file__).parent / "reference"


def chain_of(levels: list[float]) -> dict[str, Any]:
    steps = [f"s{at}" for at in range(1, len(levels) + 1)]
    ancestors = {step: frozenset(steps[:at]) for at, step in enumerate(steps)}
    found = asdict(sequence(dict(zip(steps, levels, strict=True)), ancestors))
    return {**found, "start_here": list(found["start_here"])}


def children_of_one_total(children: list[int], k: int) -> dict[str, Any]:
    n = np.array([*children, sum(children)])
    hidden = hidden_cells(n, [(len(children), np.arange(len(children)))], k)
    return {"hidden": n[:-1][hidden[:-1]].tolist(), "total_is_hidden": bool(hidden[-1])}


def net_promoter(**counts: int) -> dict[str, Any]:
    return {**asdict(stats.net_promoter(**counts)), "se": stats.net_promoter_se(**counts)}


FUNCTIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "sequence": chain_of,
    "hidden_children": children_of_one_total,
    "net_promoter": net_promoter,
    "share": lambda **given: asdict(stats.share(**given)),
    "difference_of_shares": lambda **given: asdict(stats.difference_of_shares(**given)),
    "agreement": lambda **given: asdict(stats.agreement(**given)),
    "gated_level": lambda **given: {"value": gated_level(**given)},
}


def cases() -> Iterator[Any]:
    for path in sorted(FOLDER.glob("*.yaml")):
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        blocks = data if isinstance(data, list) else [data]
        for block in blocks:
            for case in block.get("cases", []):
                yield pytest.param(block, case, id=f"{path.stem}: {block['function']}: {case['name']}")


@pytest.mark.parametrize(("block", "case"), list(cases()))
def test_a_figure_is_the_one_that_its_source_prints(block: dict[str, Any], case: dict[str, Any]) -> None:
    found = FUNCTIONS[block["function"]](**case["inputs"])
    for name, expected in case["expected"].items():
        if isinstance(expected, int | float) and not isinstance(expected, bool):
            near = case.get("tolerance", {}).get(name, 1e-12)
            assert found[name] == pytest.approx(expected, abs=near, rel=0), (
                f"{name}; source: {block['source']}"
            )
        else:
            assert found[name] == expected, f"{name}; source: {block['source']}"


def test_every_case_says_where_its_figures_are_from() -> None:
    given = [case.values for case in cases()]
    assert len(given) >= 20
    assert all(len(block["source"]) > 20 and case["expected"] for block, case in given)
