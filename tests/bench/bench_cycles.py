"""What is left when dashboards are opened and closed again, 500 times: `make bench-cycles`.

Promise: processes, memory and descriptors of the gate and of the kernels' parent are back to where they were
after the first cycles. A reader opens the page, speaks to its kernel as a browser does, chooses a group, and
goes: two in three by the page's beacon, one by hanging up. `CX_BENCH_CYCLES=50` runs fewer. Memory is that
which is no file's: what of a library is in memory is shared with whatever else runs on the machine.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from tests.bench.harness import console, write
from tests.bench.serving import Served, gate, published
from tests.readers import Held, Reader, children, held, kernels_in, parent_of

CYCLES = int(os.environ.get("CX_BENCH_CYCLES", "500"))
# What a first opening loads stays loaded: from here on nothing is to be added.
FIRST, AT_ONCE, EVERY = 20, 4, 100
FULL = 503


async def cycle(here: Served, reader: Reader, turn: int) -> None:
    """Open a dashboard, use it, and close it."""
    # Pages that went without a word have places of their session until they are missed.
    while (status := await reader.open(here.dashboard)) == FULL:
        await asyncio.sleep(1)
    assert status == 200, status
    await reader.meet()
    await reader.choose("Group", 1 + turn % 3)
    await reader.leave(politely=turn % 3 != 2)


async def run(here: Served, cycles: int) -> list[dict[str, Any]]:
    """Go through all cycles; return what is held before, in between and after."""
    readers = [await Reader(here.url).let_in(here.link) for _ in range(AT_ONCE)]
    parent = 0
    rows: list[dict[str, Any]] = []

    async def look(done: int) -> None:
        assert Path(f"/proc/{parent}").exists(), "the kernels' parent was replaced: did the package change?"
        until = time.monotonic() + 60
        while (left := kernels_in(here.folder)) and time.monotonic() < until:
            await asyncio.sleep(0.5)
        rows.append({"cycles": done, "kernels": len(left), **state(here.pid, parent)})
        console.log(rows[-1])

    for first in range(0, cycles + FIRST, AT_ONCE):
        await asyncio.gather(*(cycle(here, one, first + at) for at, one in enumerate(readers)))
        if not parent:
            while await readers[0].open(here.dashboard) == FULL:
                await asyncio.sleep(1)
            parent = parent_of(next(iter(kernels_in(here.folder))))
            await readers[0].leave()
        done = first + AT_ONCE
        if done == FIRST or (done > FIRST and (done - FIRST) % EVERY == 0) or done >= cycles + FIRST:
            await look(max(0, done - FIRST))
    return rows


def state(gate_pid: int, parent: int) -> dict[str, Held | int]:
    return {"gate": held(gate_pid), "parent": held(parent), "processes": len(children(gate_pid))}


def left_over(rows: list[dict[str, Any]]) -> Mapping[str, float]:
    """Say what the last row holds more than the first: of kernels, processes, descriptors, threads, MB."""
    first, last = rows[0], rows[-1]
    found: dict[str, float] = {"kernels": last["kernels"]}
    found["processes"] = last["processes"] - first["processes"]
    for who in ("gate", "parent"):
        found |= {
            f"{who}_{what}": getattr(last[who], what) - getattr(first[who], what)
            for what in ("own_mb", "descriptors", "threads")
        }
    return found


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="cx-bench-") as made:
        home = Path(os.environ.get("CX_BENCH_HOME") or made)
        folder = published(home)
        began = time.perf_counter()
        with gate(home, folder) as here, console.status(f"{CYCLES} cycles"):
            rows = asyncio.run(run(here, CYCLES))
        took = time.perf_counter() - began
    title = f"{CYCLES} dashboards opened and closed, {took / CYCLES:.2f} s each"
    table = Table(title=title, title_justify="left")
    for heading in ("cycles", "gate MB", "descriptors", "threads", "parent MB", "descriptors", "left"):
        table.add_column(heading, justify="right")
    for one in rows:
        table.add_row(
            str(one["cycles"]), f"{one['gate'].own_mb:.1f}", str(one["gate"].descriptors),
            str(one["gate"].threads), f"{one['parent'].own_mb:.1f}", str(one["parent"].descriptors),
            str(one["kernels"]),
        )  # fmt: skip
    console.print(table)
    plain = [{**one, "gate": vars(one["gate"]), "parent": vars(one["parent"])} for one in rows]
    load = os.getloadavg()
    write("cycles", {"cycles": CYCLES, "load": load, "left_over": left_over(rows), "rows": plain})


if __name__ == "__main__":
    main()
