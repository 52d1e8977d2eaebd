"""What every bench shares: fresh processes, medians in one run, ratios to peers, one file of results.

A bench names its ways as `module:factory`. A factory gets the way's arguments, imports what it needs
and returns (run, finish): `run()` is timed, `finish(result)` turns its last result into something that
JSON can hold, untimed, so that the bench can check that all ways agree.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "reports" / "out" / "bench"
console = Console(width=110)


@dataclass(frozen=True)
class Way:
    """One way to do the job: each round is a fresh process that makes `calls` timed calls."""

    name: str
    factory: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    rounds: int = 3
    calls: int = 3


@dataclass(frozen=True)
class Measured:
    """What a way took: the median of all its calls, and the highest peak of its processes."""

    name: str
    seconds: float
    peak_mb: float
    values: tuple[Any, ...]
    times: tuple[float, ...] = ()


def measure(ways: Sequence[Way]) -> list[Measured]:
    """Run the ways in turns, round by round, so that a busy minute of the machine hits all alike."""
    found: dict[str, list[dict[str, Any]]] = {way.name: [] for way in ways}
    for turn in range(max(way.rounds for way in ways)):
        for way in ways:
            if turn < way.rounds:
                with console.status(f"{way.name}, round {turn + 1} of {way.rounds}"):
                    found[way.name].append(_in_fresh_process(way))
    out = []
    for name, rounds in found.items():
        times = tuple(seconds for one in rounds for seconds in one["times"])
        values = tuple(one["value"] for one in rounds)
        out.append(Measured(name, median(times), max(one["peak_mb"] for one in rounds), values, times))
    return out


def _in_fresh_process(way: Way) -> dict[str, Any]:
    order = json.dumps({"factory": way.factory, "arguments": dict(way.arguments), "calls": way.calls})
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.harness", order],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{way.name} failed")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def peak_mb() -> float:
    """Return the highest resident memory of this process so far, in MB of 10⁶ bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss: on Linux it begins with the memory of the process that started this one.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def compare(
    title: str, ours: Measured, peers: Sequence[Measured], others: Sequence[Measured] = ()
) -> dict[str, Any]:
    """Print our figure beside the peers' and return ours, peers, ratios and peak_mb for `write`."""
    table = Table(title=title, title_justify="left")
    for heading in ("way", "median s", "fastest s", "÷ ours", "peak MB"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for one in (ours, *peers, *others):
        ratio = f"{one.seconds / ours.seconds:.1f}"
        table.add_row(one.name, f"{one.seconds:.2f}", f"{min(one.times):.2f}", ratio, f"{one.peak_mb:.0f}")
    console.print(table)
    return {
        "ours": ours.seconds,
        "peers": {peer.name: peer.seconds for peer in peers},
        "ratios": {peer.name: peer.seconds / ours.seconds for peer in peers},
        "peak_mb": ours.peak_mb,
        "peers_peak_mb": {peer.name: peer.peak_mb for peer in peers},
        "others": {other.name: {"seconds": other.seconds, "peak_mb": other.peak_mb} for other in others},
    }


def write(name: str, results: Mapping[str, Any]) -> Path:
    """Write `reports/out/bench/NAME.json`, with the machine that the figures hold for."""
    OUT.mkdir(parents=True, exist_ok=True)
    machine = {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    path = OUT / f"{name}.json"
    about = {"name": name, "date": time.strftime("%Y-%m-%d"), "python": platform.python_version()}
    path.write_text(json.dumps({**about, "machine": machine, **results}, indent=2) + "\n", encoding="utf-8")
    console.print(f"[dim]{path.relative_to(ROOT)}[/dim]")
    return path


def _main(order: Mapping[str, Any]) -> None:
    module, name = order["factory"].split(":")
    run, finish = getattr(importlib.import_module(module), name)(**order["arguments"])
    times = []
    for _ in range(order["calls"]):
        start = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - start)
    peak = peak_mb()
    print(json.dumps({"times": times, "peak_mb": peak, "value": finish(result)}))


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]))
