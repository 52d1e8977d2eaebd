"""What the door costs: the example, and plans of 6, 24 and 60 units: `make bench-anonymity`.

The promise is 5 s for the example (42 items × 6 cuts × 3 waves). The growth is that of the time with the
number of units, as the slope between them on logarithmic scales. There is no peer to measure against:
suppression tools for statistical offices know totals, but not items, unions or composites.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from cxlib import anonymity
from cxlib.frames import ItemScale
from cxlib.instrument import Instrument
from cxlib.run.example import draw
from cxlib.tally import Tally, tally_batches
from tests.bench.harness import write
from tests.drawn import CUTS, DIMS, cx7, harbour

UNITS = (6, 24, 60)
ITEMS = 42
PER_UNIT = 30
PLAN = ((), ("role",), ("unit",), ("role", "unit"))


def example() -> Tally:
    truths, framework = harbour(), cx7()
    instrument = Instrument(framework)
    total = None
    for plan in truths.waves:
        answers = draw(truths, framework, plan.id)
        items = [instrument.scales[item] for item in answers.items]
        one = tally_batches(
            [answers.to_batch()], items, DIMS, framework=framework.stamp, constants={"wave": plan.id}
        )
        total = one if total is None else total + one
    assert total is not None
    return total


def of_units(units: int, seed: int = 1) -> Tally:
    """Draw a tally of three roles in so many units, with answers skipped at random."""
    rng = np.random.default_rng(seed)
    keys = sorted(("w", role, f"u{unit:02}") for role in ("lead", "desk", "kitchen") for unit in range(units))
    weight = {"lead": 0.1, "desk": 0.5, "kitchen": 0.4}
    n = np.array([rng.poisson(PER_UNIT * weight[role]) for _, role, _ in keys])
    held = n > 0
    keys, n = [key for key, one in zip(keys, held, strict=True) if one], n[held]
    scales = tuple(ItemScale(f"i{at:02}", 1, 5) for at in range(ITEMS))
    shares = [0.04, 0.03, 0.03, 0.1, 0.2, 0.3, 0.2, 0.1]
    counts = np.concatenate([[rng.multinomial(one, shares) for one in n] for _ in scales], axis=1)
    return Tally("bench", ("wave", "role", "unit"), scales, tuple(keys), n, counts)


def seconds(tally: Tally, cuts: Any) -> float:
    started = time.perf_counter()
    anonymity.release(tally, cuts, 5)
    return time.perf_counter() - started


def main() -> None:
    found = {"example": min(seconds(example(), CUTS) for _ in range(3))}
    print(f"the example, {ITEMS} items × {len(CUTS)} cuts × 3 waves: {found['example']:.2f} s; promised 5 s")
    for units in UNITS:
        found[f"units_{units}"] = seconds(of_units(units), PLAN)
        print(f"{units} units, {ITEMS} items × {len(PLAN)} cuts: {found[f'units_{units}']:.2f} s")
    first, last = (found[f"units_{one}"] for one in (UNITS[0], UNITS[-1]))
    found["growth"] = math.log(last / first) / math.log(UNITS[-1] / UNITS[0])
    print(f"time grows with the units to the power {found['growth']:.2f}")
    write("anonymity", {"ours": found})


if __name__ == "__main__":
    main()
