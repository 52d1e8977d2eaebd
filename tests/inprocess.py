"""Notebooks run without a kernel, in this process: the same cells and formatters, in a tenth of the time.

What a kernel adds (sockets, a scrubbed environment, a memory of its own) is tested where reports are made;
here only what the cells show is looked at.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from IPython.core.displayhook import CapturingDisplayHook
from IPython.core.interactiveshell import InteractiveShell
from nbformat import NotebookNode, v4
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

import cxlib
from cxlib.engagement import Engagement
from cxlib.extract import read_extract, write_extract
from cxlib.opening import open_engagement
from cxlib.run.reports import chosen, compose
from cxlib.settings import Settings

nb: Any = v4


def executed(path: Path, folder: Path, *, every_cell: bool = False, **parameters: str) -> NotebookNode:
    """Run one notebook's cells as a headless run does, in `folder`; a cell that fails raises its error.

    With `every_cell`, those for the workshop and for exploring too, as a person runs them in JupyterLab.
    """
    notebook = load_notebook_node(str(path))
    notebook = parameterize_notebook(notebook, parameters, report_mode=False, kernel_name="python3")
    shell = InteractiveShell()
    before = Path.cwd()
    os.chdir(folder)
    try:
        for cell in notebook.cells:
            skipped = "skip-execution" in cell.metadata.get("tags", []) and not every_cell
            if cell.cell_type == "code" and not skipped:
                cell.outputs = _outputs(shell, cell.source)
    finally:
        os.chdir(before)
        shell.history_manager.end_session()
    return notebook


def _outputs(shell: InteractiveShell, source: str) -> list[Any]:
    shown: list[dict[str, Any]] = []
    shell.display_trap.hook = CapturingDisplayHook(shell=shell, outputs=shown)
    shell.run_cell(source, store_history=False).raise_error()
    return [
        nb.new_output("execute_result", data=one["data"], metadata=one["metadata"], execution_count=1)
        for one in shown
    ]


@contextmanager
def opened_once() -> Iterator[None]:
    """Let the notebooks of one report share the engagement that each opens from the same extract.

    Their kernels would each parse and compute it anew, to the same figures: that is tested where reports are
    made.
    """
    kept: dict[Any, Engagement] = {}

    def once(engagement: str, *, wave: str | None = None, extract: str | None = None) -> Engagement:
        asked = (engagement, wave, Path(extract or "").resolve())
        if not extract:
            return open_engagement(engagement, wave=wave)
        if asked not in kept:
            kept[asked] = open_engagement(engagement, wave=wave, extract=extract)
        return kept[asked]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cxlib, "open", once)
        yield


def report_of(eng: Engagement, settings: Settings, folder: Path) -> Path:
    """Make a whole report without a kernel, extract to page, in a new folder; return the page."""
    write_extract(eng.extract, folder / "extract")
    left = Engagement(read_extract(folder / "extract"), eng.wave.id)
    (folder / "notebooks").mkdir()
    given = {"engagement": left.facts.engagement, "wave": left.wave.id, "extract": "extract"}
    with opened_once():
        for path in chosen(left, settings.notebooks):
            nbformat.write(executed(path, folder, **given), folder / "notebooks" / path.name)
    page = folder / "report.html"
    page.write_text(compose(folder, "20261128T000000Z-00000000", left), encoding="utf-8")
    return page
