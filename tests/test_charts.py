"""Rules that every chart of the example keeps: honest axes, shapes beside colours, words beside both."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from altair.utils.schemapi import validate_jsonschema
from altair.vegalite.v6.schema.core import load_schema
from jsonschema import ValidationError

from tests.made import VEGALITE, Made

THEME = json.loads((Path(__file__).parents[1] / "reports" / "template" / "theme.json").read_text("utf-8"))
ROLES = ("leadership", "management", "frontline", "customer")
MARKS = {"bar", "line", "point", "rect", "rule", "text"}
# A level's bar begins where the scale begins, a share's at nothing, points around zero.
WHOLE = ([1, 5], [0, 1], [-100, 100])


def walk(spec: Any) -> Iterator[dict[str, Any]]:
    """Yield every object within a chart that is neither data nor look."""
    if isinstance(spec, dict):
        yield spec
        for name, one in spec.items():
            if name not in {"datasets", "data", "config", "usermeta"}:
                yield from walk(one)
    elif isinstance(spec, list):
        for one in spec:
            yield from walk(one)


def marks_of(spec: Any) -> set[str]:
    marks = (one["mark"] for one in walk(spec) if "mark" in one)
    return {mark if isinstance(mark, str) else mark["type"] for mark in marks}


def channels(spec: Any, *names: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in walk(spec):
        for name, found in one.get("encoding", {}).items():
            if name in names and isinstance(found, dict):
                yield name, found


def broken_rules(spec: dict[str, Any]) -> list[str]:
    """Name what a chart does that none may do."""
    out = [f"mark {mark}" for mark in sorted(marks_of(spec) - MARKS)]
    out += ["two scales on one axis" for one in walk(spec) if "independent" in str(one.get("resolve", ""))]
    positions = dict(channels(spec, "x", "y"))
    for name, found in channels(spec, "x", "y"):
        domain = (found.get("scale") or {}).get("domain")
        if "bar" not in marks_of(spec) or not domain or found.get("type") != "quantitative":
            continue
        if domain not in WHOLE and domain[0] > 0:
            out.append(f"bars on {name} begin at {domain[0]}")
    if not positions:
        out.append("no axis")
    coloured = {found.get("field") for _, found in channels(spec, "color") if found.get("field")}
    shaped = {found.get("field") for _, found in channels(spec, "shape") if found.get("field")}
    if "who" in coloured - shaped:
        out.append("roles told apart by colour alone")
    return out


def test_every_chart_of_the_report_keeps_the_rules(demo: Made) -> None:
    charts = demo.charts()
    assert len(charts) > 20
    assert [found for chart in charts if (found := broken_rules(chart))] == []


def test_every_chart_of_the_report_is_vega_lite(demo: Made) -> None:
    # They are drawn without Altair's own check: see cxlib.charts.loading.
    for chart in demo.charts():
        validate_jsonschema(chart, load_schema())
    broken = {**demo.charts()[0], "layer": [{"mark": {"type": "blob"}}]}
    with pytest.raises(ValidationError):
        validate_jsonschema(broken, load_schema())


def test_every_chart_says_how_many_and_what_it_shows(demo: Made) -> None:
    for output in demo.outputs():
        if VEGALITE not in output.get("data", {}):
            continue
        about = output.data[VEGALITE]["usermeta"]["cx"]
        assert about["title"]
        assert any(one.isdigit() for one in about["summary"]), about["summary"]
        assert "n = " in f"{about['subtitle']} {about['summary']}", about["title"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"mark": "arc"}, "mark arc"),
        ({"resolve": {"scale": {"y": "independent"}}}, "two scales on one axis"),
        ({"encoding": {"color": {"field": "who"}, "x": {"field": "n"}}}, "roles told apart by colour alone"),
        (
            {
                "mark": "bar",
                "encoding": {"x": {"field": "n", "type": "quantitative", "scale": {"domain": [40, 60]}}},
            },
            "bars on x begin at 40",
        ),
    ],
)
def test_a_chart_that_breaks_a_rule_is_found(change: dict[str, Any], told: str) -> None:
    sound = {"mark": "point", "encoding": {"x": {"field": "n", "type": "quantitative"}}}
    assert broken_rules(sound) == []
    assert told in broken_rules({**sound, **change})


# ── Colours ─────────────────────────────────────────────────────────────────────────────────────

# How linear RGB looks to people without one kind of cone. Source: Machado, Oliveira & Fernandes 2009,
# IEEE Transactions on Visualization and Computer Graphics 15, 1291–1298, severity 1.
EYES = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = TO_XYZ.sum(axis=1)


def lab(colour: str, eye: str | None = None) -> Any:
    """Return a colour in CIE L*a*b*, as someone with such eyes sees it."""
    parts = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    if eye:
        linear = np.clip(np.array(EYES[eye]) @ linear, 0, 1)
    ratio = TO_XYZ @ linear / WHITE
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("eye", [None, *EYES])
def test_roles_and_levels_are_told_apart_by_every_eye(mode: str, eye: str | None) -> None:
    colours = THEME[mode]
    for one, other in itertools.combinations(ROLES, 2):
        assert math.dist(lab(colours[one], eye), lab(colours[other], eye)) > 15, (one, other)
    steps = [lab(colours[f"level{level}"], eye)[0] for level in range(1, 6)]
    rising = [b - a for a, b in itertools.pairwise(steps)]
    assert all(one > 5 for one in rising) or all(one < -5 for one in rising), steps


def test_the_conversion_gives_known_colours() -> None:
    # sRGB red in CIE L*a*b* under D65: Lindbloom, brucelindbloom.com, ColorCalculator.
    assert lab("#ff0000") == pytest.approx([53.24, 80.09, 67.20], abs=0.1)
    assert lab("#ffffff") == pytest.approx([100, 0, 0], abs=0.05)
