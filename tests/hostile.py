"""The example once more, with markup in every text that a person could have typed."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from cxlib.engagement import Engagement
from cxlib.extract import read_extract
from cxlib.run.reports import make_report
from tests.gates import approve_by_hand, settings_of

# trust.md's, each with a mark by which it is found again where it stands as text.
PAYLOADS = (
    "</script><img src=x onerror=alert(1)>",
    "<svg onload=alert(2)>",
    "[x](javascript:alert(3))",
    "\"' onmouseover=alert(4) x='",
    '=HYPERLINK("http://e?"&A1)',
    "--><iframe srcdoc='<script>alert(5)</script>'>",
)
# Braces are placeholders where a framework's texts are forms; elsewhere they are words.
BRACES = "{{7*7}}{name}${alert(6)}"


def hostile_run(home: Path, made: Path, *, names: Sequence[str]) -> Path:
    """Write the example's extract anew with markup in every text, report it, and approve the run by hand.

    Parameters
    ----------
    made
        The example's run.
    names
        The notebooks to run.
    """
    mark = _marks()
    folder = home / "extract"
    shutil.copytree(made / "extract", folder)
    document = yaml.safe_load((folder / "framework.yaml").read_text(encoding="utf-8"))
    _texts(document, mark)
    text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=10_000)
    (folder / "framework.yaml").write_text(text, encoding="utf-8")
    facts = json.loads((folder / "extract.json").read_text(encoding="utf-8"))
    facts["framework_digest"] = hashlib.sha256(text.encode()).hexdigest()
    facts["client"] += f" {PAYLOADS[0]} {BRACES}"
    facts["segments"] = {dim: f"{name} {next(mark)} {BRACES}" for dim, name in facts["segments"].items()}
    facts["notes"] = [f"{one} {next(mark)}" for one in (*facts["notes"], BRACES)]
    for one in (*facts["waves"], *facts["roles"]):
        one["name"] = f"{one['name']} {next(mark)} {BRACES}"
    (folder / "extract.json").write_text(json.dumps(facts), encoding="utf-8")
    registers = json.loads((folder / "registers.json").read_text(encoding="utf-8"))
    for one in registers.values():
        for row in one["rows"]:
            for name, value in row.items():
                # What a machine reads of a register (ids, kinds, dates) is one word.
                if isinstance(value, str) and " " in value:
                    row[name] = f"{value} {next(mark)}"
    (folder / "registers.json").write_text(json.dumps(registers), encoding="utf-8")
    said = json.loads((folder / "commentary.json").read_text(encoding="utf-8"))
    said |= {"foreword": " ".join(PAYLOADS), "chapters": {"overview": BRACES + PAYLOADS[1]}, "version": 1,
             "author": PAYLOADS[0], "at": "2026-03-24T09:30:00+00:00"}  # fmt: skip
    (folder / "commentary.json").write_text(json.dumps(said), encoding="utf-8")
    units = {dim: _renamed(folder, dim, mark) for dim in facts["segments"]}
    for path in folder.glob("*.parquet"):
        _mark_frame(path, units, mark)
    settings = settings_of(home)
    run = make_report(Engagement(read_extract(folder)), settings, names=names, formats=("html", "json"))
    approve_by_hand(run.folder, run.folder.parent.parent.name)
    return run.folder


def _marks() -> Iterator[str]:
    return cycle(PAYLOADS)


def _texts(one: Any, mark: Iterator[str]) -> None:
    """Put markup into every text of a framework: each stands by its language."""
    if isinstance(one, dict):
        for key, value in one.items():
            if key in ("en", "de") and isinstance(value, str):
                one[key] = f"{value} {next(mark)}"
            else:
                _texts(value, mark)
    elif isinstance(one, list):
        for value in one:
            _texts(value, mark)


def _renamed(folder: Path, dim: str, mark: Iterator[str]) -> dict[str, str]:
    """Give each unit of a dimension a name with markup, as an uploaded file would bear it."""
    units = pd.read_parquet(folder / "groups.parquet")[dim].dropna().unique()
    return {unit: f"{unit} {next(mark)}" for unit in sorted(units) if unit}


def _mark_frame(path: Path, units: dict[str, dict[str, str]], mark: Iterator[str]) -> None:
    frame = pd.read_parquet(path)
    for dim, names in units.items():
        if dim in frame:
            frame[dim] = frame[dim].map(lambda unit, names=names: names.get(unit, unit))
    if path.stem == "comments":
        frame["text"] = [f"{text} {next(mark)}" for text in frame["text"]]
    frame.to_parquet(path, index=False, compression="none")
