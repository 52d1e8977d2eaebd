"""How soon a kernel is ready and a notebook done, forked and stock: `make bench-kernels`.

Seconds from asking for a kernel to its first answer, and for the notebook `1_leadership` of the example by
papermill, as reports run it. Both kinds are started by the reports' own manager, so that they differ in
nothing but how they start; `jupyter` is the stock kernel by Jupyter's manager and client, as papermill has it
by default. `first` is a forked kernel of which the parent has to be started as well. Memory is what each of
five kernels adds (PSS) after it has loaded the suite, the parent's share included.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

from jupyter_client.manager import AsyncKernelManager

from cxlib.opening import open_engagement
from cxlib.run.demo import build_demo
from cxlib.run.kernels import KERNEL, STOCK, ReportKernelManager, manager_in
from cxlib.settings import read_settings
from tests.bench.harness import Way, compare, console, measure, write

Timed = tuple[Callable[[], Any], Callable[[Any], Any]]
HERE = "tests.bench.bench_kernels"
LOAD = "import cxlib as cx, altair, pandas; cx.charts; cx.tables; cx.open"


def ready(*, kernel: str, manager: str = "reports", is_first: bool = False) -> Timed:
    """Start kernels, all of which live to the end; the value is the mean of their memory [MB]."""
    loop = asyncio.new_event_loop()
    made = ReportKernelManager if manager == "reports" else AsyncKernelManager
    started: list[tuple[Any, Any]] = []
    if is_first:
        os.environ["JUPYTER_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="cx")
        os.environ["CX_KERNEL_IDLE_SECONDS"] = "0.1"

    async def start() -> None:
        one = made(kernel_name=kernel)
        # Jupyter's default transport makes a kernel warn about it.
        await one.start_kernel(stderr=subprocess.DEVNULL)
        client = one.client()
        client.start_channels()
        await client.wait_for_ready(timeout=60)
        started.append((one, client))

    async def load() -> None:
        for _, client in started:
            await client.execute(LOAD, reply=True)

    async def stop() -> None:
        for one, client in started:
            client.stop_channels()
            await one.shutdown_kernel(now=True)

    def finish(_: object) -> float:
        if manager == "reports":
            loop.run_until_complete(load())
        pids = [one.provisioner.pid for one, _ in started]
        above = {_parent(pid) for pid in pids} - {os.getpid()}
        each = sum(_pss_mb(pid) for pid in (*pids, *above)) / len(pids)
        loop.run_until_complete(stop())
        if is_first:
            # Its parent ends with it.
            shutil.rmtree(os.environ["JUPYTER_RUNTIME_DIR"], ignore_errors=True)
        return each

    if not is_first:
        loop.run_until_complete(start())
    return lambda: loop.run_until_complete(start()), finish


def notebook(*, kernel: str, folder: str) -> Timed:
    """Run the notebook by papermill, as a report does, in a folder that holds an extract."""
    import papermill

    logging.getLogger("papermill").setLevel(logging.ERROR)
    path = read_settings().notebooks / "1_leadership.ipynb"
    out = Path(folder) / f"{kernel}.ipynb"

    def run() -> int:
        done = papermill.execute_notebook(
            str(path),
            str(out),
            parameters={"engagement": "harbour", "wave": "2026-spring", "extract": "extract"},
            kernel_name=kernel,
            progress_bar=False,
            request_save_on_cell_execute=False,
            skip_cells_with_tag="skip-execution",
            store_widget_state=False,
            shutdown_kernel="immediate",
            kernel_manager_class=manager_in(Path(folder)),
        )
        return sum(len(cell.get("outputs", [])) for cell in done.cells)

    run()
    return run, lambda outputs: outputs


def _parent(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("PPid"))


def _pss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6


def main() -> None:
    from cxlib.extract import write_extract

    home = Path(tempfile.mkdtemp(prefix="cx"))
    try:
        settings = read_settings({"CX_HOME": str(home)})
        with console.status("the example"):
            build_demo(settings)
            write_extract(open_engagement("harbour", settings=settings).extract, home / "extract")
        starts = [
            Way("forked", f"{HERE}:ready", {"kernel": KERNEL}, rounds=2, calls=4),
            Way("stock", f"{HERE}:ready", {"kernel": STOCK}, rounds=2, calls=4),
            Way("jupyter", f"{HERE}:ready", {"kernel": STOCK, "manager": "jupyter"}, rounds=2, calls=4),
            Way("first", f"{HERE}:ready", {"kernel": KERNEL, "is_first": True}, rounds=2, calls=1),
        ]
        runs = [
            Way(
                f"{name}, notebook",
                f"{HERE}:notebook",
                {"kernel": kernel, "folder": str(home)},
                rounds=2,
                calls=2,
            )
            for name, kernel in (("forked", KERNEL), ("stock", STOCK))
        ]
        forked, stock, jupyter, first, done, done_stock = measure([*starts, *runs])
    finally:
        shutil.rmtree(home, ignore_errors=True)
    if done.values != done_stock.values:
        raise SystemExit(f"outputs differ: {done.values}, {done_stock.values}")
    begun = compare("Seconds to a kernel that answers", forked, [stock, jupyter], [first])
    ran = compare("Seconds for 1_leadership", done, [done_stock])
    memory = {one.name: mean(one.values) for one in (forked, stock)}
    console.print(f"MB a kernel (PSS): forked {memory['forked']:.0f}, stock {memory['stock']:.0f}")
    write(
        "kernels",
        {
            "ours": {"ready": begun["ours"], "notebook": ran["ours"], "pss_mb": memory["forked"]},
            "peers": {**begun["peers"], **ran["peers"], "pss_mb": memory["stock"]},
            "ratios": {
                **begun["ratios"],
                **ran["ratios"],
                "pss": memory["stock"] / memory["forked"],
            },
            "others": begun["others"],
            "peak_mb": max(forked.peak_mb, done.peak_mb),
        },
    )


if __name__ == "__main__":
    main()
