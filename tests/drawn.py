"""Drawn data through the real doors, without a store or a notebook: tally, release, estimates, findings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from cxlib import anonymity, estimates, findings
from cxlib.anonymity import Release
from cxlib.anonymity.settle import PRIMARY, REMAINDER, RULES
from cxlib.findings import Finding
from cxlib.framework import Framework, load_framework
from cxlib.instrument import Instrument
from cxlib.run.example import draw
from cxlib.run.truths import Truths, read_truths
from cxlib.tally import tally_batches

# Enough to hide what is small: for hundreds of draws of which only the findings are looked at.
WITHOUT_AUDITS = (PRIMARY, REMAINDER)
ROOT = Path(__file__).resolve().parents[1]
CUTS = ((), ("role",), ("hotel",), ("department",), ("role", "hotel"), ("role", "department"))
DIMS = ("wave", "role", "hotel", "department")


@cache
def cx7() -> Framework:
    return load_framework(ROOT / "data" / "framework" / "cx7-1.0.0.yaml")


@cache
def harbour() -> Truths:
    return read_truths(ROOT / "data" / "examples" / "harbour" / "truths.yaml")


@dataclass(frozen=True)
class Drawn:
    """What a drawn data set is once it passed the door."""

    release: Release
    estimates: pd.DataFrame
    instrument: Instrument
    weights: dict[str, float]
    waves: dict[str, str]

    @cached_property
    def every(self) -> tuple[Finding, ...]:
        """All comparisons as a report makes them, worked out once."""
        return self.findings()

    def findings(self, **options: Any) -> tuple[Finding, ...]:
        *_, last = self.waves
        return findings.findings(
            self.release,
            self.estimates,
            self.instrument,
            self.weights,
            wave=last,
            waves=self.waves,
            **options,
        )


def drawn(
    truths: Truths,
    framework: Framework,
    *,
    seed: int | None = None,
    cuts: tuple[tuple[str, ...], ...] = CUTS,
    last: int = 3,
    rules: Collection[str] = RULES,
) -> Drawn:
    """Draw the last waves of a plan and take them through the door.

    The audits of the door take most of the time; with fewer `rules` more is shown, and more is compared.
    """
    instrument = Instrument(framework)
    plans = truths.waves[-last:]
    total = None
    for plan in plans:
        answers = draw(truths, framework, plan.id, seed)
        items = [instrument.scales[item] for item in answers.items]
        one = tally_batches(
            [answers.to_batch()],
            items,
            DIMS,
            framework=framework.stamp,
            cuts=cuts,
            constants={"wave": plan.id},
        )
        total = one if total is None else total + one
    assert total is not None
    release = anonymity.release(total, cuts, 5, rules=rules)
    waves = [plan.id for plan in plans]
    made = [
        estimates.estimate_parts(total, release, instrument),
        estimates.estimate_changes(total, release, instrument, waves, {}),
    ]
    weights = {role.id: role.weight for role in framework.roles}
    return Drawn(
        release, pd.concat(made, ignore_index=True), instrument, weights, {wave: wave for wave in waves}
    )
