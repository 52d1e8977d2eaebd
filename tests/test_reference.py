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
import pandas as pd
import pytest
import yaml

from cxlib import contrasts, drivers, reliability, stats, units
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


SHARED = Path(__file__).resolve().parents[2] / "shared" / "reference"


def columns_of(file: str, names: list[str]) -> Any:
    """Read columns of a published table; a client survey that may not be committed may be missing."""
    path = next((one for one in (FOLDER / file, SHARED / file) if one.is_file()), None)
    if path is None:
        pytest.skip(f"{file} is not in this clone: it may not be committed, and ../shared is missing")
    return pd.read_csv(path)[names].to_numpy(float)


def moments_of(values: Any) -> tuple[Any, Any, Any]:
    there = ~np.isnan(values)
    filled = np.where(there, values, 0).astype(np.int64)
    both = there.astype(np.int64)
    return both.T @ both, filled.T @ both, filled.T @ filled


def alpha(
    file: str, columns: list[str], reversed: list[str] | None = None, standardised: bool = False
) -> dict[str, Any]:
    values = columns_of(file, columns)
    for name in reversed or []:
        at = columns.index(name)
        values[:, at] = values[:, at].min() + values[:, at].max() - values[:, at]
    return asdict(reliability.cronbach_alpha(*moments_of(values), standardised=standardised))


def omega(loadings: list[float], n: int) -> dict[str, Any]:
    """Take moments that have these correlations: scaled up, so that whole numbers hold them closely."""
    wanted = np.outer(loadings, loadings)
    np.fill_diagonal(wanted, 1)
    q = np.rint(wanted * 1e9 * (n - 1)).astype(np.int64)
    none = np.zeros_like(q)
    return asdict(reliability.mcdonald_omega(np.full_like(q, n), none, q))


def lmg(file: str, outcome: str, drivers: list[str]) -> dict[str, Any]:
    correlations = np.corrcoef(columns_of(file, [outcome, *drivers]).T)
    return dict(zip(drivers, lmg_of(correlations, 0), strict=True))


def cliffs_delta(x: list[int], y: list[int]) -> dict[str, Any]:
    places = sorted({*x, *y})
    return asdict(contrasts.cliffs_delta(*([one.count(place) for place in places] for one in (x, y))))


def standardised_difference(**given: float) -> dict[str, Any]:
    found = contrasts.standardised_difference(**given)
    return {**asdict(found), "variance": ((found.high - found.low) / (2 * 1.959964)) ** 2}


def raked(counts: Any, margins: Any) -> dict[str, Any]:
    found = units.rake(np.array(counts), margins)
    return {**asdict(found), "w00": found.weights[0, 0], "w10": found.weights[1, 0]}


def expectation(counts: list[int]) -> dict[str, Any]:
    found = stats.expectation(counts)
    out = {name: getattr(found, name).value for name in ("exceeded", "met", "missed", "net")}
    return {**out, "exceeded_low": found.exceeded.low, "exceeded_high": found.exceeded.high}


def customer_effort(**given: Any) -> dict[str, Any]:
    return dict(zip(("mean", "easy"), (one.value for one in stats.customer_effort(**given)), strict=True))


def shrunken_deviations(**given: list[float]) -> dict[str, Any]:
    found = units.shrink(**given)
    centre = float(np.mean(given["mean"]))
    return dict(zip("ABCDEF", (one.value - centre for one in found), strict=True))


lmg_of = drivers.lmg
FUNCTIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "sequence": chain_of,
    "hidden_children": children_of_one_total,
    "net_promoter": net_promoter,
    "share": lambda **given: asdict(stats.share(**given)),
    "difference_of_shares": lambda **given: asdict(stats.difference_of_shares(**given)),
    "agreement": lambda **given: asdict(stats.agreement(**given)),
    "alpha": alpha,
    "omega": omega,
    "rwg": lambda **given: asdict(reliability.rwg(**given)),
    "lmg": lmg,
    "cliffs_delta": cliffs_delta,
    "standardised_difference": standardised_difference,
    "confirmed": lambda **given: {"confirmed": int(contrasts.confirmed(**given).sum())},
    "share_contrast": lambda **given: asdict(contrasts.difference_of_shares(**given)),
    "shrunken_deviations": shrunken_deviations,
    "raked": raked,
    "expectation": expectation,
    "customer_effort": customer_effort,
    "median": lambda **given: asdict(stats.median(**given)),
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
