"""What a facilitator sees: charts, tables and panels in a real JupyterLab, with no other host to ask."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4
from nbformat.sign import NotebookNotary

from cxlib import charts, look, tables
from tests.inprocess import executed
from tests.made import Made, extracts_kept
from tests.samples import people, sample

nb: Any = v4
TOKEN = "lab"
HOSTILE = """Crumb's "best" \\ <img src=x onerror=alert(1)> </style></script> ${alert(1)} """
SECONDS = 60_000
# JupyterLab keeps a picture of every chart. One without width has none, so that it is drawn again, for ever,
# and the window answers no more: here it gets one at last, and the test an end.
PICTURES = """
const taken = HTMLCanvasElement.prototype.toDataURL;
window.cxPictures = 0;
HTMLCanvasElement.prototype.toDataURL = function (...given) {
  window.cxPictures += 1;
  return window.cxPictures > 60 ? "data:image/png;base64,iVBORw0KGgo=" : taken.apply(this, given);
};
"""


def figures() -> list[charts.Figure]:
    """Draw one chart of each kind, the last with words that somebody meant to harm with."""
    answers = {"grain_mill": [2, 3, 4, 5], "grain_stock": [1, 2, 5], "oven_time": [3, 4], "street_known": [2]}
    asked = sample(people(12, "owner", **answers) + people(30, "team", **answers))
    drawn = [
        charts.scorecard(asked.scores(), asked.instrument, targets={"oven": 4.5}, source="Crumb & Sons"),
        charts.roles(asked.scores("role"), asked.instrument),
        charts.levels(asked.distribution(), asked.instrument),
    ]
    found = [one for one in drawn if isinstance(one, charts.Figure)]
    assert len(found) == len(drawn)
    return [*found, replace(found[0], title=HOSTILE * 3, subtitle=HOSTILE, source=HOSTILE, summary=HOSTILE)]


def shown(data: dict[str, Any], metadata: dict[str, Any] | None = None) -> Any:
    output = nb.new_output("execute_result", data=data, metadata=metadata or {}, execution_count=1)
    return nb.new_code_cell("secret_source()", outputs=[output], execution_count=1)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve an executed and trusted notebook whose charts lie far below what the window shows."""
    home = tmp_path_factory.mktemp("lab")
    folders = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    environ = {**os.environ, **{f"JUPYTER_{name}": str(home / name) for name in folders}}
    environ |= {"JUPYTERLAB_SETTINGS_DIR": str(home / "set"), "JUPYTERLAB_WORKSPACES_DIR": str(home / "ws")}
    texts = [nb.new_markdown_cell(f"## Part {n}\n\n" + "Text.\n\n" * 12) for n in range(4)]
    drawn = [one._repr_mimebundle_() for one in figures()]
    panel = tables.figures([("Position", "0 of 7", "95 % range 0–6")]).markup
    table = tables.plain(figures()[0].table, "Scores").markup
    cells = [
        shown({"text/html": f"<style>{look.notebook_style()}</style>{panel}{table}"}),
        *(cell for text, one in zip(texts, drawn, strict=True) for cell in (text, shown(*one))),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nb.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    for name in ("nb", "DATA_DIR"):
        (home / name).mkdir()
    nbformat.write(notebook, home / "nb" / "charts.ipynb")
    NotebookNotary(data_dir=environ["JUPYTER_DATA_DIR"]).sign(notebook)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
        f"--IdentityProvider.token={TOKEN}",
        "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", f"--ServerApp.root_dir={home / 'nb'}",
        "--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    with (home / "log").open("w") as log:
        server = subprocess.Popen(command, env=environ, cwd=home, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for(f"{address}/api", server, home / "log")
            yield f"{address}/doc/tree/charts.ipynb?token={TOKEN}"
        finally:
            server.terminate()
            server.wait(timeout=30)


def wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + SECONDS / 1000
    while time.monotonic() < until and server.poll() is None:
        try:
            opener.open(address, timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


def test_every_chart_is_drawn_and_wears_the_reports_look(visit: Callable[..., Any], lab: str) -> None:
    seen = visit("about:blank", offline=False)
    page, count = seen.page, len(figures())
    page.add_init_script(PICTURES)
    page.goto(lab)
    page.wait_for_function(
        f"document.querySelectorAll('.vega-embed svg.marks').length === {count}", timeout=SECONDS
    )
    page.wait_for_timeout(3_000)
    assert page.evaluate("window.cxPictures") == count
    every = "[...document.querySelectorAll('svg.marks')]"
    sizes = page.evaluate(f"{every}.map((one) => [+one.getAttribute('width'), one.textContent])")
    assert {round(width) for width, _ in sizes} == {charts.drawing.WIDTH}
    for figure, (_, words) in zip(figures()[:3], sizes, strict=False):
        assert figure.title.split(":")[0] in words
        assert figure.subtitle[:30] in words
    dots = (
        "[...document.querySelectorAll('svg.marks .mark-symbol path')].map((one) => one.getAttribute('fill'))"
    )
    assert look.palette("light")["accent"] in page.evaluate(dots)
    large = "parseFloat(getComputedStyle(document.querySelector('.cx-figure')).fontSize)"
    assert page.evaluate(large) > 30
    elsewhere = [
        one for one in seen.requests if not one.startswith(("http://127.0.0.1", "ws://127.0.0.1", "blob:"))
    ]
    assert (seen.errors, elsewhere, seen.alerts) == ([], [], [])


NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def kept() -> Iterator[None]:
    with extracts_kept():
        yield


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_person_can_run_every_cell_of_a_notebook(
    demo: Made, kept: None, path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Run it on the live store as it is opened: parameters as they stand, workshop and explore cells too."""
    monkeypatch.setenv("CX_HOME", str(demo.home))
    notebook = executed(path, tmp_path, every_cell=True)
    assert len(NOTEBOOKS) == 10
    for cell in notebook.cells:
        if cell.cell_type == "code" and {"workshop", "explore"} & set(cell.metadata.get("tags", [])):
            assert cell.outputs, f"{path.stem}, {cell.id}: nothing to work with in the room"
    assert sum(len(cell.get("outputs", [])) for cell in notebook.cells) >= 3
