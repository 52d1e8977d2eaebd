"""The three worked examples of the method, from survey files through the door to the page and its exports."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from cxlib.branding import Branding
from cxlib.engagement import Engagement
from cxlib.extract import read_extract
from cxlib.live import LiveEngagement
from cxlib.run.exporting import exports_of
from cxlib.run.exporting import report_of as document_of
from cxlib.run.reports import written
from cxlib.run.results import results, to_json
from cxlib.settings import Settings, read_settings
from tests.inprocess import report_of
from tests.samples import created, mapping, survey

# People by shop → the sizes that are hidden; k is 5.
EXAMPLES = {
    (4, 9): {4, 9},
    (4, 9, 6): {4, 6},
    (1, 1, 1, 8, 12): {1, 8},
}
BEFORE = 50
FIGURES = ("n", "mean", "low", "high", "top_box", "agreement", "rwg", "gated_level", "parts")
MOMENT = dt.datetime(2026, 11, 28, tzinfo=dt.UTC)


def shops(folder: Path, sizes: tuple[int, ...]) -> tuple[LiveEngagement, Settings]:
    """Ask the team of shops of these sizes, and some more who do not answer."""
    settings = read_settings({"CX_HOME": str(folder / "home")})
    names = [f"shop {chr(ord('a') + at)}" for at, n in enumerate(sizes) for _ in range(n)]
    path = survey(folder / "s.csv", sizes={"team": len(names)})
    head, *rows = (line.split(",") for line in path.read_text(encoding="utf-8").splitlines())
    for row, name in zip(rows, names, strict=True):
        row[head.index("Shop")] = name
    path.write_text("\n".join(",".join(row) for row in [head, *rows]) + "\n", encoding="utf-8")
    invited = [f"team,shop {chr(ord('a') + at)},{BEFORE + n}" for at, n in enumerate(sizes)]
    (folder / "invited.csv").write_text("\n".join(["role,shop,invited", *invited]) + "\n", encoding="utf-8")
    eng = created(settings)
    eng.import_file(path, mapping(folder))
    eng.set_invited(folder / "invited.csv", eng.wave_id)
    return eng, settings


@pytest.mark.parametrize("sizes", EXAMPLES, ids=str)
def test_a_worked_example_comes_out_on_the_page_as_the_method_says(
    sizes: tuple[int, ...], tmp_path: Path
) -> None:
    away = EXAMPLES[sizes]
    eng, settings = shops(tmp_path, sizes)
    with eng:
        page = report_of(eng, settings, tmp_path / "run")
    run = tmp_path / "run"
    names = {f"shop {chr(ord('a') + at)}": n for at, n in enumerate(sizes)}
    # In the extract's files,
    groups = pd.read_parquet(run / "extract" / "groups.parquet").query("cut == 'shop'").set_index("shop")
    assert {name: row.n for name, row in groups.iterrows() if not row.is_hidden} == {
        name: n for name, n in names.items() if n not in away
    }
    assert groups.loc[groups["is_hidden"], "n"].isna().all()
    invited = pd.read_parquet(run / "extract" / "invited.parquet").query("cut == 'shop'")
    assert set(invited["shop"]) == {name for name, n in names.items() if n not in away}
    # on the page, where a table by shop stands once there is a shop to show,
    expected = [
        [name, "hidden", "hidden", "hidden"]
        if n in away
        else [name, str(BEFORE + n), str(n), f"{n / (BEFORE + n):.0%}"]
        for name, n in names.items()
    ]
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    shown = [row for row in table_rows(soup) if row[0] in names]
    assert shown == (expected if set(sizes) - away else [])
    # and in the workbook, where every figure by shop stands.
    left = Engagement(read_extract(run / "extract"), eng.wave_id)
    said = json.loads(to_json(results(left)))
    report = document_of(written(run, "20261128T000000Z-00000000", left), Branding(), MOMENT)
    (run / "report.xlsx").write_bytes(exports_of(report, lambda: said, ("xlsx",))[0]["report.xlsx"])
    head, *rows = openpyxl.load_workbook(run / "report.xlsx")["Scores by shop"].iter_rows(values_only=True)
    scored = [dict(zip(head, row, strict=True)) for row in rows]
    assert {row["shop"] for row in scored if not row["is_hidden"]} == {
        name for name, n in names.items() if n not in away
    }
    assert {row.get(one) for row in scored if row["is_hidden"] for one in FIGURES} == {None}


def table_rows(soup: BeautifulSoup) -> list[list[str]]:
    return [
        [cell.get_text(" ", strip=True) for cell in row.select("th, td")] for row in soup.select("tbody tr")
    ]
