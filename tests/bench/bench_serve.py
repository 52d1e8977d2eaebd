"""How soon a dashboard's first chart is seen and its first widget answers: `make bench-serve`.

Promises, in a real browser, from navigation on, one notebook: the first chart at least 3 times as fast as
stock Voilà with a stock kernel, the first live widget at least 1.5 times, at half the memory of a kernel or
less; the static report's first chart within 1 s. Peers in the same run: `voila_cold`, the first opening of a
Voilà that was just started, and `voila_warm`, later ones.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import nbformat
from rich.table import Table

from tests.bench.harness import console, write
from tests.conftest import FLAGS

ROUNDS, LATER = int(os.environ.get("CX_BENCH_ROUNDS", "3")), 3
OPEN_AT_ONCE = 5
ENGAGEMENT = "harbour"
NOTEBOOK = "0_overview.ipynb"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def cx(home: Path, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "cxlib", *args],
        env={**os.environ, "CX_HOME": str(home)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


@contextmanager
def serving(command: list[str], port: int, **environment: str) -> Iterator[int]:
    """Run a server until it is no longer wanted; gives its process id once it answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command], env={**os.environ, **environment},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while True:
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if time.monotonic() > until or process.poll() is not None:
                raise RuntimeError(f"{command[0]} did not begin to serve")
            time.sleep(0.1)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def kernels() -> dict[int, float]:
    """Return the processes that are kernels, and the memory of each [MB, shared pages by their share]."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            name = (place / "comm").read_text().strip()
            told = (place / "cmdline").read_bytes().decode(errors="replace")
            if name == "cx-kernel" or "ipykernel_launcher" in told:
                pss = re.search(r"Pss:\s+(\d+) kB", (place / "smaps_rollup").read_text())
                found[int(place.name)] = int(pss[1]) / 1024 if pss else 0.0
        except OSError:
            continue
    return found


def stock_notebook(run: Path, folder: Path) -> Path:
    """Copy the run's notebook for a stock Voilà: without the room's cells, all else alike."""
    notebook = nbformat.read(run / "notebooks" / NOTEBOOK, as_version=4)
    kept = []
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", []))
        if "workshop" in tags:
            continue
        cell.metadata["tags"] = sorted(tags - {"skip-execution"})
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.source = cell.source.replace('extract = "extract"', f"extract = {str(run / 'extract')!r}")
        kept.append(cell)
    notebook.cells = kept
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = folder / NOTEBOOK
    nbformat.write(notebook, path)
    return path


def opened(page: Any, address: str, chart: str) -> tuple[float, float]:
    """Open a dashboard; return seconds to its first chart and to its first widget that answers."""
    started = time.perf_counter()
    page.goto(address, wait_until="commit", timeout=120_000)
    page.wait_for_selector(chart, timeout=120_000, state="attached")
    first = time.perf_counter() - started
    # Answers: a choice is taken, and what is shown changes.
    page.wait_for_selector(".widget-dropdown select", timeout=120_000, state="attached")
    select = page.locator(".widget-dropdown select").nth(1)
    before = page.evaluate(SAID)
    select.select_option(index=2)
    # From here and not by the page: its policy lets no expression be evaluated.
    while page.evaluate(SAID) == before:
        time.sleep(0.01)
    return first, time.perf_counter() - started


SAID = "[...document.querySelectorAll('.cx-said')].map((one) => one.textContent).join()"


def several(browser: Any, address: str, way_in: str, chart: str, times: int) -> list[tuple[float, float]]:
    found = []
    for _ in range(times):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        if way_in:
            page.goto(way_in)
        found.append(opened(page, address, chart))
        context.close()
    return found


def memory(browser: Any, address: str, way_in: str) -> float:
    """Open some at once and return the memory of a kernel of each [MB]."""
    before = set(kernels())
    context = browser.new_context()
    if way_in:
        context.new_page().goto(way_in)
    for _ in range(OPEN_AT_ONCE):
        page = context.new_page()
        page.goto(address, timeout=120_000)
        page.wait_for_selector(".widget-dropdown select", timeout=120_000, state="attached")
    mine = {pid: mb for pid, mb in kernels().items() if pid not in before}
    context.close()
    return sum(mine.values()) / max(1, len(mine))


def main() -> None:
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    taken: dict[str, list[tuple[float, float]]] = {
        "ours_cold": [],
        "ours": [],
        "voila_cold": [],
        "voila_warm": [],
    }
    mb: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="cx-bench-") as made, sync_playwright() as playwright:
        home = Path(os.environ.get("CX_BENCH_HOME") or made)
        if home == Path(made):
            cx(home, "demo")
        (run,) = sorted((home / "reports" / "out" / ENGAGEMENT).glob("*/*"))[-1:]
        cx(home, "approve", run.name, "--by", "bench")
        cx(home, "publish", run.name)
        stock = stock_notebook(run, Path(tempfile.mkdtemp(dir=made)))
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        report: list[float] = []
        for turn in range(ROUNDS):
            port = free_port()
            url = f"http://127.0.0.1:{port}"
            told = json.loads(cx(home, "link", ENGAGEMENT, "--to", "bench", "--url", url, "--json"))
            way_in = next(one for one in told.values() if str(one).startswith(url))
            place, chart = f"{url}/runs/{run.name}/dashboard", "figure .cx-plot svg"
            with (
                console.status(f"ours, round {turn + 1}"),
                serving(["cxlib", "serve", "--port", str(port), "--url", url], port, CX_HOME=str(home)),
            ):
                taken["ours_cold"] += several(browser, place, way_in, chart, 1)
                taken["ours"] += several(browser, place, way_in, chart, LATER)
                context = browser.new_context()
                page = context.new_page()
                page.goto(way_in)
                started = time.perf_counter()
                page.goto(f"{url}/runs/{run.name}/report", wait_until="commit")
                page.wait_for_selector(chart, timeout=60_000, state="attached")
                report.append(time.perf_counter() - started)
                context.close()
                if turn == 0:
                    mb["ours"] = memory(browser, place, way_in)
            port = free_port()
            place = f"http://127.0.0.1:{port}/"
            chart = ".vega-embed svg, .vega-embed canvas"
            command = ["voila", str(stock), "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"]
            with console.status(f"stock Voilà, round {turn + 1}"), serving(command, port):
                taken["voila_cold"] += several(browser, place, "", chart, 1)
                taken["voila_warm"] += several(browser, place, "", chart, LATER)
                if turn == 0:
                    mb["voila"] = memory(browser, place, "")
        browser.close()
    first = {name: median(one for one, _ in times) for name, times in taken.items()}
    live = {name: median(one for _, one in times) for name, times in taken.items()}
    table = Table(title="A dashboard, seconds from navigation", title_justify="left")
    for heading in ("way", "first chart", "÷ ours", "a widget answers", "÷ ours", "MB a kernel"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for name in taken:
        table.add_row(
            name, f"{first[name]:.2f}", f"{first[name] / first['ours']:.1f}", f"{live[name]:.2f}",
            f"{live[name] / live['ours']:.1f}", f"{mb.get(name.split('_')[0], 0):.0f}",
        )  # fmt: skip
    console.print(table)
    console.print(f"The static report's first chart: {median(report):.2f} s")
    peers = ("voila_cold", "voila_warm")
    write(
        "serve",
        {
            "ours": first["ours"],
            "peers": {name: first[name] for name in peers},
            "ratios": {name: first[name] / first["ours"] for name in peers},
            "live": live,
            "live_ratios": {name: live[name] / live["ours"] for name in peers},
            "first_opening": {"chart": first["ours_cold"], "live": live["ours_cold"]},
            "report_first_chart": median(report),
            "memory_mb": mb,
        },
    )


if __name__ == "__main__":
    main()
