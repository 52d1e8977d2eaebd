"""200 reports of the example's size in one go on two cores, and their memory: `make bench-batch-200`.

Promise: the memory of a batch is flat from 20 to 200 reports. Each batch runs in a process of its own, with
two workers and all notebooks; the peaks are those of the process that leads it, of the worker and of the
kernel that needed most. Clients are built first, untimed. Two numbers after the module's name are other
sizes than 20 and 200.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

from tests.bench.bench_batch import HERE, WORKERS, clients
from tests.bench.harness import Measured, Way, console, measure, write

SIZES = (20, 200)
# More memory than that, from the smaller batch to the larger one, is not flat.
FLAT = 1.1
PROCESSES = ("parent", "worker", "kernel")


def peaks(one: Measured) -> dict[str, float]:
    """Return the highest resident memory in MB of each kind of process of a batch."""
    (value,) = one.values
    return {"parent": one.peak_mb, "worker": max(value["peak_mb"]), "kernel": max(value["kernels_mb"])}


def main(sizes: tuple[int, ...] = SIZES) -> None:
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as home:
        with console.status(f"building {max(sizes)} clients"):
            names = clients(Path(home), max(sizes))
        built = time.perf_counter() - started
        found = {
            size: measure(
                [
                    Way(
                        f"{size} reports",
                        f"{HERE}:ours",
                        {"home": home, "names": names[:size], "notebooks": []},
                        rounds=1,
                        calls=1,
                    )
                ]
            )[0]
            for size in sizes
        }
    table = Table(title=f"Reports in one go, {WORKERS} workers (clients built in {built:.0f} s)")
    for heading in ("reports", "s in total", "s a report", *(f"{one} peak MB" for one in PROCESSES)):
        table.add_column(heading, justify="right")
    for size, one in found.items():
        table.add_row(
            str(size),
            f"{one.seconds:.0f}",
            f"{one.seconds / size:.2f}",
            *(f"{mb:.0f}" for mb in peaks(one).values()),
        )
    console.print(table)
    few, many = (peaks(found[size]) for size in (min(sizes), max(sizes)))
    growth = {name: many[name] / few[name] for name in PROCESSES}
    for name, ratio in growth.items():
        kept = "kept" if ratio <= FLAT else "NOT kept"
        console.print(f"{name}: {ratio:.2f} of its memory at {min(sizes)}, promised at most {FLAT}: {kept}")
    write(
        "batch_200",
        {
            "seconds": {str(size): one.seconds for size, one in found.items()},
            "seconds_a_report": {str(size): one.seconds / size for size, one in found.items()},
            "peak_mb": {str(size): peaks(one) for size, one in found.items()},
            "growth": growth,
            "parts": {str(size): _parts(one) for size, one in found.items()},
        },
    )


def _parts(one: Measured) -> dict[str, Any]:
    """Return the median seconds of each notebook and of what comes after them."""
    (value,) = one.values
    return {name: median(job[name] for job in value["seconds"]) for name in value["seconds"][0]}


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or SIZES)
