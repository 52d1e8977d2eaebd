"""A planted department of three is in no file of its run by name with figures, and not by subtraction."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import nbformat
import numpy as np
import pandas as pd
from bs4 import BeautifulSoup

from cxlib.anonymity import Release
from cxlib.extract import CONTRACTS, read_extract
from cxlib.frames import UNSCORED
from cxlib.opening import open_live
from cxlib.tally import Tally
from tests.attacker import attack, computed
from tests.made import Made
from tests.test_attack import K, lies, sight

FEW = "Spa"


# ── By name ───────────────────────────────────────────────────────────────────────────────────────


def told(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every record of plain data."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for one in value if isinstance(value, list) else []:
        yield from told(one)


def test_the_department_of_three_has_no_figure_in_the_extract(demo: Made) -> None:
    for name in CONTRACTS:
        frame = pd.read_parquet(demo.folder / "extract" / f"{name}.parquet")
        mine = frame[frame["department"] == FEW]
        assert len(mine) == (6 if name == "groups" else 0), name
        assert name != "groups" or mine["n"].isna().all()
    for name in ("extract.json", "registers.json", "commentary.json"):
        assert FEW.encode() not in (demo.folder / "extract" / name).read_bytes(), name


def test_the_department_of_three_has_no_figure_in_the_results(demo: Made) -> None:
    found = json.loads((demo.folder / "results.json").read_text(encoding="utf-8"))
    mine = [one for one in told(found) if FEW in one.values()]
    assert mine
    assert all(one["is_hidden"] for one in mine)
    figures = {name for one in mine for name, value in one.items() if isinstance(value, float | int)}
    # How many items a figure would be made of is the framework's to say, and nobody's answer.
    assert figures <= {"is_hidden", "items", "items_total"}
    assert not [one for one in found["findings"] if FEW in str(one)]


def test_the_department_of_three_has_no_figure_on_the_page_or_in_a_notebook(demo: Made) -> None:
    pages = [demo.report.read_text(encoding="utf-8")]
    for notebook in demo.notebooks():
        pages += ["".join(dict(one.get("data", {})).get("text/html", "")) for one in outputs(notebook)]
        said = [json.dumps(dict(one.get("data", {}))) for one in outputs(notebook)]
        assert not [text for text in said if f'"{FEW}"' in text], "a chart's data"
    for page in pages:
        soup = BeautifulSoup(page, "html.parser")
        for row in soup.select("tr"):
            cells = [cell.get_text(" ", strip=True) for cell in row.select("th, td")]
            if FEW in cells:
                assert not re.search(r"\d", " ".join(cells)), cells
        for text in soup.find_all(string=re.compile(rf"\b{FEW}\b")):
            assert not re.search(r"\d", text) or text.parent.name == "script", text
        assert f'"{FEW}"' not in page


def outputs(notebook: nbformat.NotebookNode) -> Iterator[Any]:
    for cell in notebook.cells:
        yield from cell.get("outputs", [])


def of_wave(found: Release, wave: str) -> Release:
    frames = {name: getattr(found, name) for name in ("groups", "counts", "withheld", "bounds")}
    return replace(found, **{name: frame[frame["wave"] == wave] for name, frame in frames.items()})


def test_the_department_of_three_is_not_told_by_subtraction(demo: Made) -> None:
    """Respondents and every item, in each wave, by linear algebra and by bounds over all that is shown."""
    published = read_extract(demo.folder / "extract").release
    with open_live("harbour", settings=demo.settings) as eng:
        whole: Tally = eng.tally(moments=False)
        invitations = {wave: eng.store.invited("harbour", wave) for wave in eng.wave_names}
        invited = eng.extract.invited
    looked = 0
    for wave in invitations:
        tally = whole.select(wave=wave)
        found = of_wave(published, wave)
        place = tally.dims.index("department")
        for item in (None, *(scale.item for scale in tally.items)):
            n = tally.respondents if item is None else tally.item_counts(item)[:, len(UNSCORED) :].sum(axis=1)
            cells = [key for key, one in zip(tally.keys, n, strict=True) if one]
            few = np.array([[key[place] == FEW for key in cells]], dtype=np.int64)
            if not few.any():
                continue
            seen = sight(found, tally, item).published
            assert not computed(seen.rows, few).any(), (wave, item)
            spoils = attack(seen, few, few @ n[n > 0], [], K)
            assert (spoils.exact, spoils.narrow) == ((), ()), (wave, item)
            looked += 1
        told_cells = [(*(cell.get(dim, "") for dim in published.dims),) for cell, n in invitations[wave] if n]
        shown = invited[invited["wave"] == wave]
        rows = np.array(
            [
                [lies(key[2:-1], cell) for cell in told_cells]
                for key in shown.itertuples(index=False, name=None)
            ],
            dtype=np.int64,
        )
        mine = np.array([[FEW in cell for cell in told_cells]], dtype=np.int64)
        assert mine.any()
        assert not computed(rows, mine).any()
    assert looked > 60
