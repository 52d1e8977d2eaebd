"""How soon a dashboard's first chart is seen and its first widget answers: `make bench-serve`.

Promises, in a real browser, from navigation on, one notebook: the first chart at least 3 times as fast as
stock Voilà with a stock kernel, the first live widget at least 1.5 times, at half the memory of a kernel or
less; the static report's first chart within 1 s; 100 dashboards open in 8 GiB; 20 opened at the same moment
all drawn, and the one past the cap told so. Peers in the same run: `voila_cold`, the first opening of a
Voilà that was just started, and `voila_warm`, later ones. `CX_BENCH_HOME` is where the example is made
already.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import nbformat
from rich.table import Table

from tests.bench.crowd import AT_ONCE, at_once, hundred
from tests.bench.harness import console, write
from tests.bench.serving import Served, free_port, gate, published, serving
from tests.conftest import FLAGS
from tests.readers import children, held, kernels_in

ROUNDS, LATER = int(os.environ.get("CX_BENCH_ROUNDS", "3")), 3
OPEN_AT_ONCE = 5
WAYS = ("ours_cold", "ours", "voila_cold", "voila_warm")
NOTEBOOK = "0_overview.ipynb"
# Two frames after a chart stands in the page it has been painted.
PAINTED = """
new MutationObserver((_, watch) => {
  if (!document.querySelector("CHART")) return;
  watch.disconnect();
  requestAnimationFrame(() => requestAnimationFrame(() => { window.cxPainted = performance.now(); }));
}).observe(document, {childList: true, subtree: true});
"""


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


def memory(browser: Any, address: str, way_in: str, kernels: Callable[[], set[int]]) -> float:
    """Open some at once and return the memory of a kernel of each [MB]."""
    before = kernels()
    context = browser.new_context()
    if way_in:
        context.new_page().goto(way_in)
    for _ in range(OPEN_AT_ONCE):
        page = context.new_page()
        page.goto(address, timeout=120_000)
        page.wait_for_selector(".widget-dropdown select", timeout=120_000, state="attached")
    each = [held(pid).mb for pid in kernels() - before]
    context.close()
    return sum(each) / max(1, len(each))


def of_report(browser: Any, here: Served, chart: str) -> float:
    """Return seconds until the static report's first chart is painted, for somebody who was never here.

    By the page's own clock, from navigation on: whoever asks from outside is told when the page has a moment.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(here.url + here.link)
    page.add_init_script(PAINTED.replace("CHART", chart))
    page.goto(f"{here.url}/runs/{here.folder.name}/report", wait_until="commit")
    page.wait_for_selector("html[data-charts=drawn]", timeout=60_000, state="attached")
    took = float(page.evaluate("() => window.cxPainted")) / 1000
    context.close()
    return took


def ours(browser: Any, here: Served, found: dict[str, Any], *, is_first: bool) -> None:
    """Measure one gate that was just started."""
    place, way_in, chart = here.url + here.dashboard, here.url + here.link, "figure .cx-plot svg"
    found["ours_cold"] += several(browser, place, way_in, chart, 1)
    found["ours"] += several(browser, place, way_in, chart, LATER)
    found["report"] += [of_report(browser, here, chart) for _ in range(LATER)]
    if is_first:
        found["mb"]["ours"] = memory(browser, place, way_in, lambda: kernels_in(here.folder))
        found["at_once"] = at_once(browser, here, chart)
        # Beside a browser's own loop, in a thread.
        with ThreadPoolExecutor(1) as beside:
            found["hundred"] = beside.submit(lambda: asyncio.run(hundred(here))).result()


def stock(browser: Any, notebook: Path, found: dict[str, Any], *, is_first: bool) -> None:
    """Measure one stock Voilà that was just started, on the same notebook."""
    port = free_port()
    place, chart = f"http://127.0.0.1:{port}/", ".vega-embed svg, .vega-embed canvas"
    command = ["voila", str(notebook), "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"]
    with serving(command, port) as pid:
        found["voila_cold"] += several(browser, place, "", chart, 1)
        found["voila_warm"] += several(browser, place, "", chart, LATER)
        if is_first:
            found["mb"]["voila"] = memory(browser, place, "", lambda: children(pid))


def main() -> None:
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    found: dict[str, Any] = {name: [] for name in (*WAYS, "report")} | {"mb": {}}
    before = os.getloadavg()
    with tempfile.TemporaryDirectory(prefix="cx-bench-") as made, sync_playwright() as playwright:
        home = Path(os.environ.get("CX_BENCH_HOME") or made)
        folder = published(home)
        notebook = stock_notebook(folder.resolve(), Path(tempfile.mkdtemp(dir=made)))
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        for turn in range(ROUNDS):
            with console.status(f"ours, round {turn + 1}"), gate(home, folder) as here:
                ours(browser, here, found, is_first=turn == 0)
            with console.status(f"stock Voilà, round {turn + 1}"):
                stock(browser, notebook, found, is_first=turn == 0)
        browser.close()
    report(found, (before, os.getloadavg()))


def report(found: dict[str, Any], load: tuple[Any, Any]) -> None:
    """Print and write what was found."""
    first = {name: median(one for one, _ in found[name]) for name in WAYS}
    live = {name: median(one for _, one in found[name]) for name in WAYS}
    mb, many = found["mb"], found["hundred"]
    table = Table(title="A dashboard, seconds from navigation", title_justify="left")
    for heading in ("way", "first chart", "÷ ours", "a widget answers", "÷ ours", "MB a kernel"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for name in WAYS:
        table.add_row(
            name, f"{first[name]:.2f}", f"{first[name] / first['ours']:.1f}", f"{live[name]:.2f}",
            f"{live[name] / live['ours']:.1f}", f"{mb[name.split('_')[0]]:.0f}",
        )  # fmt: skip
    console.print(table)
    static, once = median(found["report"]), found["at_once"]
    rest = Table(title="The rest", title_justify="left", show_header=False)
    for name, value in (
        ("static report, first chart", f"{static:.2f} s"),
        ("memory of a kernel, of stock Voilà's", f"{mb['ours'] / mb['voila']:.2f}"),
        (f"{many.open} open and used, with gate and parent", f"{many.gib:.2f} GiB"),
        (
            "of these a kernel; gate; parent",
            f"{many.kernel_mb:.0f}; {many.gate_mb:.0f}; {many.parent_mb:.0f} MB",
        ),
        ("the one past the cap", f"{many.refused[0]}, come again in {many.refused[1]} s"),
        (f"{AT_ONCE} at the same moment, last first chart", f"{once['chart']:.1f} s"),
        (f"{AT_ONCE} at the same moment, last live figures", f"{once['live']:.1f} s"),
        ("load (1 min) before and after", f"{load[0][0]:.1f}, {load[1][0]:.1f}"),
    ):
        rest.add_row(name, value)
    console.print(rest)
    peers = ("voila_cold", "voila_warm")
    write(
        "serve",
        {
            "ours": first["ours"],
            "peers": {name: first[name] for name in peers} | {"memory": mb["voila"]},
            "ratios": {name: first[name] / first["ours"] for name in peers}
            | {"memory": mb["voila"] / mb["ours"]},
            "live": live,
            "live_ratios": {name: live[name] / live["ours"] for name in peers},
            "first_opening": {"chart": first["ours_cold"], "live": live["ours_cold"]},
            "report_first_chart": static,
            "memory_mb": mb,
            "hundred": vars(many),
            "at_once": once,
            "load": load,
        },
    )


if __name__ == "__main__":
    main()
