"""Many at once: a hundred dashboards open, twenty opened at the same moment, and one past the cap."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from statistics import median
from typing import Any

from tests.bench.serving import Served
from tests.readers import Reader, held, kernels_in, parent_of

MOST, EACH, AT_ONCE = 100, 6, 20
# So many at a time, until all are open: what is measured is what they hold, not how fast they came.
TOGETHER = 4


@dataclass(frozen=True)
class Hundred:
    """A hundred dashboards, open and used.

    Attributes
    ----------
    gib : what all processes hold together, gate and kernels' parent included [GiB].
    kernel_mb : median of what a kernel holds [MB, shared pages by their share].
    gate_mb, parent_mb : what those two hold [MB].
    refused : status of the one past the cap, and the seconds after which it is asked to come again.
    """

    open: int
    gib: float
    kernel_mb: float
    gate_mb: float
    parent_mb: float
    refused: tuple[int, str]


async def hundred(here: Served, most: int = MOST) -> Hundred:
    """Open as many dashboards as there may be, in each of which somebody chooses a group."""
    # A session has so many pages at most, and a link so many sessions.
    doors = [await Reader(here.url).let_in(here.link) for _ in range(-(-(most + 1) // EACH))]
    readers = [Reader(here.url, doors[turn // EACH].cookie) for turn in range(most + 1)]
    waiting = asyncio.Semaphore(TOGETHER)

    async def come(one: Reader, turn: int) -> None:
        async with waiting:
            status = await one.open(here.dashboard)
            assert status == 200, (turn, status, one.page[-300:])
            await one.meet()
            await one.choose("Group", 1 + turn % 3)

    try:
        await asyncio.gather(*(come(one, turn) for turn, one in enumerate(readers[:most])))
        status = await readers[-1].open(here.dashboard)
        pids = kernels_in(here.folder)
        parent = parent_of(min(pids))
        each = [held(pid).mb for pid in pids]
        others = held(here.pid).mb, held(parent).mb
        return Hundred(
            len(pids), (sum(each) + sum(others)) * 1e6 / 2**30, median(each), *others,
            (status, readers[-1].retry_after),
        )  # fmt: skip
    finally:
        await asyncio.gather(*(one.leave() for one in readers if one.kernel))


def at_once(browser: Any, here: Served, chart: str, many: int = AT_ONCE) -> dict[str, float]:
    """Open dashboards at the same moment in a real browser; return seconds until the last is drawn.

    `chart` is the last first chart, `live` the last that has its live figures in their places.
    """
    contexts = [browser.new_context(viewport={"width": 1280, "height": 900}) for _ in range(many)]
    try:
        pages = [one.new_page() for one in contexts]
        for page in pages:
            page.goto(here.url + here.link)
        began = time.perf_counter()
        for page in pages:
            # Not `goto`, which waits for each until the gate has answered.
            page.evaluate("path => { setTimeout(() => location.assign(path)); }", here.dashboard)
        found = {}
        for name, wanted in (("chart", chart), ("live", "html[data-live=here]")):
            for page in pages:
                page.wait_for_selector(wanted, timeout=180_000, state="attached")
            found[name] = time.perf_counter() - began
        return found
    finally:
        for one in contexts:
            one.close()
