"""Reports from end to end: what a run holds, what a browser makes of it, and what a failure leaves.

These are the slow ones. One run of the example, one of the bakery (with hostile names) and one of the
real customers are made once and looked at by many tests.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import re
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape
from itertools import permutations
from pathlib import Path
from typing import Any

import jsonschema
import nbformat
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from axe_playwright_python.sync_playwright import Axe
from nbformat import v4

from cxlib import tables
from cxlib.creation import create_engagement
from cxlib.engagement import Engagement
from cxlib.errors import ReportError
from cxlib.extract import read_extract
from cxlib.live import LiveEngagement
from cxlib.opening import open_engagement
from cxlib.run.portfolio import read_portfolio
from cxlib.run.reports import Run, compose, make_report
from cxlib.run.results import results, schema_text, to_json
from cxlib.settings import read_settings
from cxlib.store import Store
from tests.conftest import said_at
from tests.inprocess import executed, opened_once
from tests.made import Made
from tests.samples import BAKERY, DIARY, created, mapping, share_of, survey
from tests.test_language import messages

nb: Any = v4
ROOT = Path(__file__).resolve().parents[1]
REFERENCE = Path(os.environ.get("CX_REFERENCE") or ROOT.parent / "shared" / "reference")
WIDGET = "application/vnd.jupyter.widget-view+json"
IMAGE = "</script><img src=x onerror=alert(1)>"
DRAWING = "<svg onload=alert(1)>"
SECRET = "hunter2-CANARY-SECRET"


CHAPTERS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]_*.ipynb"))


@pytest.fixture(scope="session")
def bakery(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A framework that the suite does not know, from init to report, with markup in every name."""
    home = tmp_path_factory.mktemp("bakery")
    (home / BAKERY.name).write_bytes(BAKERY.read_bytes())
    declared = {
        "engagement": "crumbs", "name": f"Crumb {DRAWING}", "framework": BAKERY.name,
        "roles": {"owner": {"population": 12}, "team": {}, "guest": {}},
        "segments": {"shop": {"name": f"Shop {IMAGE}"}},
        "waves": [{"id": "w1", "name": f"Spring {IMAGE}", "date": "2026-03-31"}],
        "targets": {"oven": {"level": 3.5, "because": IMAGE}},
    }  # fmt: skip
    (home / "crumbs.yaml").write_text(json.dumps(declared))
    path = survey(home / "spring.csv")
    path.write_text(path.read_text().replace(",harbour,", f",{IMAGE},").replace(",market,", f",{DRAWING},"))
    text = mapping(home).read_text()
    for words in ("Made up for the tests.", "Room for bicycles", "name: Parking"):
        assert words in text
        text = text.replace(words, f"{words} {IMAGE}")
    mapping(home, text)
    settings = read_settings({"CX_HOME": str(home)})
    with Store.open(settings) as store:
        create_engagement(store, home / "crumbs.yaml", frameworks=settings.frameworks)
        eng = LiveEngagement(store, "crumbs")
        eng.import_file(path, home / "mapping.yaml")
        return Made(make_report(eng, settings).folder, home)


@pytest.fixture(scope="session")
def mobi(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """250 real customers of a mobile operator; the file never enters the repository."""
    file = REFERENCE / "mobi.csv"
    if not file.is_file():
        pytest.skip(f"no {file}: set CX_REFERENCE to the folder of the reference data")
    home = tmp_path_factory.mktemp("mobi")
    for command in (
        ("init", "mobi", "--name", "A mobile operator", "--role", "customer", "--wave", "2005"),
        ("import", "mobi", file, "--mapping", ROOT / "data" / "mappings" / "mobi.yaml"),
        ("report", "mobi", "--json"),
    ):
        said = said_at(home, *command)
        assert said.code == 0, said.err
    return Made(Path(said.data["folder"]), home)


def composed(demo: Made, language: str, folder: Path) -> str:
    """Return the example's page in a language: its extract, read by readers of that language."""
    shutil.copytree(demo.folder / "extract", folder / "extract")
    head = folder / "extract" / "extract.json"
    facts = json.loads(head.read_text(encoding="utf-8"))
    head.write_text(json.dumps({**facts, "language": language}), encoding="utf-8")
    eng = Engagement(read_extract(folder / "extract"))
    given = {"engagement": "harbour", "wave": eng.wave.id, "extract": "extract"}
    (folder / "notebooks").mkdir()
    with opened_once():
        for name in CHAPTERS:
            made = executed(ROOT / "notebooks" / f"{name}.ipynb", folder, **given)
            nbformat.write(made, folder / "notebooks" / f"{name}.ipynb")
    return compose(folder, demo.folder.name, eng)


def worded(content: Any) -> Iterator[str]:
    """Yield every English text of a framework's content that has a German one beside it."""
    if isinstance(content, dict) and {"en", "de"} <= set(content):
        yield content["en"]
    elif isinstance(content, dict | list | tuple):
        for one in content.values() if isinstance(content, dict) else content:
            yield from worded(one)


def said_in_english(page: str, eng: Engagement) -> list[str]:
    """List what stands on a page as the suite or its framework says it in English.

    Only pieces of more than four words count, cut where a figure is filled in or Markdown begins.
    """
    texts = (*messages(), *worded(eng.framework.content.model_dump()))
    pieces = {part.strip(" .,:;#") for text in texts for part in re.split(r"\{\w+\}|[`\n]", text)}
    shown = re.sub(r"\s+", " ", unescape(page))
    return sorted(one for one in pieces if len(one.split()) > 4 and one in shown)


# ── What a run holds ────────────────────────────────────────────────────────────────────────────


def test_a_run_holds_extract_notebooks_results_page_and_manifest(demo: Made) -> None:
    found = {path.relative_to(demo.folder).as_posix() for path in demo.folder.rglob("*") if path.is_file()}
    assert found == {
        "report.html", "report.pdf", "results.json", "manifest.json",
        *(f"notebooks/{name}.ipynb" for name in CHAPTERS),
        "extract/extract.json", "extract/framework.yaml", "extract/groups.parquet", "extract/counts.parquet",
        "extract/withheld.parquet", "extract/estimates.parquet", "extract/reliability.parquet",
        "extract/drivers.parquet", "extract/invited.parquet", "extract/registers.json",
        "extract/commentary.json", "extract/bounds.parquet", "extract/comments.parquet",
    }  # fmt: skip


def test_the_demo_says_where_its_report_is_and_what_to_try_next(demo: Made) -> None:
    assert f"Report: {demo.report}" in demo.said
    assert "cx scores harbour --by role" in demo.said


def test_the_manifest_names_every_file_with_its_true_digest(demo: Made) -> None:
    manifest = json.loads((demo.folder / "manifest.json").read_text())
    files = (path for path in demo.folder.rglob("*") if path.is_file() and path.name != "manifest.json")
    assert manifest["files"] == {
        path.relative_to(demo.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }
    assert manifest["run"] == demo.folder.name
    assert set(manifest["seconds"]) == {*CHAPTERS, "results", "page", "pdf"}
    assert all(seconds > 0 for seconds in manifest["seconds"].values())
    assert (manifest["engagement"], manifest["wave"]) == ("harbour", "2026-spring")


def test_results_can_be_rebuilt_from_the_extract_to_the_bit(demo: Made) -> None:
    published = Engagement(read_extract(demo.folder / "extract"))
    assert to_json(results(published)) == (demo.folder / "results.json").read_text(encoding="utf-8")


def test_results_hold_every_published_cut_and_no_figure_of_a_hidden_group(demo: Made) -> None:
    found = json.loads((demo.folder / "results.json").read_text())
    assert list(found["scores"]) == [
        "everyone",
        "role",
        "hotel",
        "department",
        "role×hotel",
        "role×department",
    ]
    rows = [row for cut in found["scores"].values() for row in cut]
    assert any(row["is_hidden"] for row in rows)
    for row in rows:
        shown = (row["n"], row["mean"], row["low"], row["high"])
        assert all(one is None for one in shown) if row["is_hidden"] else None not in shown
    assert found["sequence"]["position"] is not None


def test_nothing_is_left_beside_the_run(demo: Made) -> None:
    assert [path.name for path in demo.folder.parent.iterdir()] == [demo.folder.name]


def test_every_notebook_was_executed_and_says_nothing_of_this_machine(demo: Made) -> None:
    words = {str(ROOT), str(demo.home), str(Path.home()), sys.prefix, socket.gethostname(), "/tmp/"}
    for notebook in demo.notebooks():
        assert notebook.metadata.papermill.parameters == {
            "engagement": "harbour", "wave": "2026-spring", "extract": "extract",
        }  # fmt: skip
        assert any(cell.get("outputs") for cell in notebook.cells)
        text = nbformat.writes(notebook)
        assert [word for word in words if len(word) > 3 and word in text] == []


def test_no_notebook_keeps_widgets(demo: Made) -> None:
    for notebook in demo.notebooks():
        assert "widgets" not in notebook.metadata
    assert not [output for output in demo.outputs() if WIDGET in output.get("data", {})]


def test_what_is_for_the_workshop_or_for_exploring_was_not_run(demo: Made) -> None:
    skipped = [
        cell
        for notebook in demo.notebooks()
        for cell in notebook.cells
        if cell.cell_type == "code" and "skip-execution" in cell.metadata.get("tags", [])
    ]
    assert skipped
    assert not any(cell.outputs for cell in skipped)


def test_a_second_run_gives_the_same_bits(demos: list[Made]) -> None:
    demo, again = demos
    assert (again.folder / "results.json").read_bytes() == (demo.folder / "results.json").read_bytes()
    for path in sorted((demo.folder / "extract").iterdir()):
        assert (again.folder / "extract" / path.name).read_bytes() == path.read_bytes(), path.name
    assert len(demo.charts()) >= 4
    assert again.charts() == demo.charts()


# ── What a browser makes of it ──────────────────────────────────────────────────────────────────


def drawn(seen: Any) -> Any:
    seen.page.wait_for_selector("html[data-charts=drawn]", timeout=60_000)
    return seen.page


@pytest.mark.parametrize("width", [1280, 390])
def test_the_report_opens_offline_with_every_chart_drawn(
    demo: Made, visit: Callable[..., Any], width: int
) -> None:
    seen = visit(demo.report, width=width)
    page = drawn(seen)
    charts = page.locator("figure.cx-chart").count()
    assert charts == len(demo.charts()) >= 4
    assert page.locator("figure .cx-plot svg").count() == charts
    assert (seen.errors, seen.requests, seen.alerts, seen.violations) == ([], [], [], [])
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert "Harbour Hotels" in page.title()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing_serious_in_the_report(
    demo: Made, visit: Callable[..., Any], width: int, scheme: str
) -> None:
    # The page's own policy keeps out what is not the page's, axe too.
    seen = visit(demo.report, width=width, color_scheme=scheme, bypass_csp=True)
    seen.page.wait_for_selector("html[data-charts=drawn]", timeout=60_000)
    found = Axe().run(seen.page).response
    assert len(found["passes"]) > 30
    assert [(one["impact"], one["id"], one["nodes"][0]["html"][:200]) for one in found["violations"]] == []


@pytest.mark.parametrize("width", [1280, 390])
def test_markup_in_names_runs_nowhere_in_the_report(
    bakery: Made, visit: Callable[..., Any], width: int
) -> None:
    seen = visit(bakery.report, width=width)
    page = drawn(seen)
    assert page.locator("figure .cx-plot svg").count() == len(bakery.charts()) > 0
    assert page.locator("img").count() == 0
    page.mouse.move(width / 2, 400)
    assert (seen.alerts, seen.errors, seen.requests, seen.violations) == ([], [], [], [])
    assert DRAWING in page.locator("body").inner_text()


def test_a_real_customer_wave_opens_offline_with_every_chart_drawn(
    mobi: Made, visit: Callable[..., Any]
) -> None:
    seen = visit(mobi.report, width=390)
    page = drawn(seen)
    assert page.locator("figure .cx-plot svg").count() == len(mobi.charts()) > 0
    assert (seen.errors, seen.requests, seen.violations) == ([], [], [])


# ── A framework that the suite does not know ────────────────────────────────────────────────────


def test_a_small_framework_gives_the_overview_and_the_business_case(bakery: Made) -> None:
    there = {path.stem for path in (bakery.folder / "notebooks").iterdir()}
    assert there == {"0_overview", "8_business_case"}
    found = json.loads((bakery.folder / "results.json").read_text())
    assert [one["step"] for one in found["sequence"]["steps"]] == ["grain", "oven", "counter", "street"]
    page = bakery.report.read_text(encoding="utf-8")
    for words in ("Good ingredients", "Even baking", "Bakers and shop staff", "crumb 1.0.0"):
        assert words in page


def test_markup_in_names_stays_text_in_the_page(bakery: Made) -> None:
    page = bakery.report.read_text(encoding="utf-8")
    assert IMAGE not in page
    assert DRAWING not in page
    assert "&lt;svg onload=alert(1)&gt;" in page


def test_no_byte_of_a_run_is_a_persons(bakery: Made) -> None:
    eng = open_engagement("crumbs", settings=bakery.settings)
    assert isinstance(eng, LiveEngagement)
    with eng.store as store:
        pseudonyms = {
            one
            for batch in store.batches("crumbs")
            for one in pq.read_table(store.batch_path(batch))["respondent"].to_pylist()
        }
        key = store.pseudonym_key("crumbs")
    assert len(pseudonyms) == 137
    personal = [b"CANARY-ID", DIARY.encode(), key, key.hex().encode(), base64.b64encode(key)]
    personal += [one.encode() for one in pseudonyms]
    for path in (path for path in bakery.folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        assert [one for one in personal if one in content] == [], path.name


# ── Real input ──────────────────────────────────────────────────────────────────────────────────


def test_a_wave_of_customers_says_that_the_steps_were_not_assessed(mobi: Made) -> None:
    page = mobi.report.read_text(encoding="utf-8")
    assert "not assessed" in page.lower()
    found = json.loads((mobi.folder / "results.json").read_text())
    assert found["sequence"]["position"] is None
    assert len(found["sequence"]["missing"]) == 7
    assert not [row for row in found["scores"]["everyone"] if row["kind"] == "step"]


def test_a_wave_of_customers_shows_its_constructs_on_its_own_scale(mobi: Made) -> None:
    with (REFERENCE / "mobi.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    means = {
        name: sum(1 + 4 * (int(row[column]) - 1) / 9 for row in rows for column in columns)
        / len(rows)
        / len(columns)
        for name, columns in {
            "image": ["IMAG1", "IMAG2", "IMAG3", "IMAG4", "IMAG5"],
            "satisfaction": ["CUSA1", "CUSA2", "CUSA3"],
            "complaints": ["CUSCO"],
        }.items()
    }
    found = json.loads((mobi.folder / "results.json").read_text())
    shown = {row["id"]: row for row in found["scores"]["everyone"] if row["kind"] == "construct"}
    assert len(shown) == 7
    for name, mean in means.items():
        assert shown[name]["mean"] == pytest.approx(mean, abs=1e-12)
        assert (shown[name]["n"], shown[name]["low"] < mean < shown[name]["high"]) == (250, True)
    assert "24 items answered on 1–10" in found["scales"][0]
    page = mobi.report.read_text(encoding="utf-8")
    assert "24 items answered on 1–10" in page
    assert "Satisfaction" in page


def test_a_wave_of_customers_says_how_reliable_its_constructs_are(mobi: Made) -> None:
    """Standardised α of the four published constructs: Tenenhaus 2005's data, as R's seminr prints them."""
    with (REFERENCE / "seminr_mobi_reliability.csv").open(encoding="utf-8") as file:
        published = {row[""].lower(): float(row["alpha"]) for row in csv.DictReader(file)}
    found = json.loads((mobi.folder / "results.json").read_text())
    shown = {row["id"]: row for row in found["reliability"]}
    page = mobi.report.read_text(encoding="utf-8")
    asked_alike = ("image", "expectation", "value", "satisfaction")
    assert set(asked_alike) == set(published)
    for name in asked_alike:
        row = shown[name]
        # Two decimals leave the house; the formula itself is tested to twelve.
        assert row["alpha_standardised"] == round(published[name], 2)
        assert row["alpha_standardised_low"] < row["alpha_standardised"] < row["alpha_standardised_high"]
        for kind in ("alpha", "alpha_standardised", "omega"):
            value, low, high = (row[f"{kind}{end}"] for end in ("", "_low", "_high"))
            # One factor behind two items cannot be told from any other.
            assert (value is None) == (kind == "omega" and row["items"] < 3)
            assert value is None or f"{value:.2f} ({low:.2f} – {high:.2f})" in page


def test_a_wave_of_customers_says_what_goes_with_satisfaction_and_loyalty(mobi: Made) -> None:
    """Shares of R² as plain least squares on the survey gives them, driver by driver in every order."""
    columns = {
        "image": "IMAG1 IMAG2 IMAG3 IMAG4 IMAG5",
        "expectation": "CUEX1 CUEX2 CUEX3",
        "quality": "PERQ1 PERQ2 PERQ3 PERQ4 PERQ5 PERQ6 PERQ7",
        "value": "PERV1 PERV2",
        "satisfaction": "CUSA1 CUSA2 CUSA3",
        "complaints": "CUSCO",
        "loyalty": "CUSL1 CUSL2 CUSL3",
    }
    survey = pd.read_csv(REFERENCE / "mobi.csv")
    answers = {name: survey[of.split()].mean(axis=1).to_numpy() for name, of in columns.items()}

    def explained(outcome: str, of: tuple[str, ...]) -> float:
        x = np.column_stack([np.ones(len(survey)), *(answers[one] for one in of)])
        left = answers[outcome] - x @ np.linalg.lstsq(x, answers[outcome], rcond=None)[0]
        return 1 - float(left.var() / answers[outcome].var())

    found = json.loads((mobi.folder / "results.json").read_text())["drivers"]
    page = mobi.report.read_text(encoding="utf-8")
    for outcome, of in {
        "satisfaction": ("image", "expectation", "quality", "value"),
        "loyalty": ("image", "satisfaction", "complaints"),
    }.items():
        rows = {row["driver"]: row for row in found if row["outcome"] == outcome}
        assert tuple(rows) == of
        orders = list(permutations(of))
        for one in of:
            gains = [
                explained(outcome, (*order[: order.index(one)], one))
                - explained(outcome, order[: order.index(one)])
                for order in orders
            ]
            assert rows[one]["share"] == pytest.approx(float(np.mean(gains)), abs=0.005 + 1e-9)
            assert 0 <= rows[one]["low"] < rows[one]["share"] < rows[one]["high"] <= 1
        whole = next(iter(rows.values()))
        assert whole["r_squared"] == pytest.approx(explained(outcome, of), abs=0.005 + 1e-9)
        rounding = 0.005 * (1 + len(rows)) + 1e-9
        assert sum(row["share"] for row in rows.values()) == pytest.approx(whole["r_squared"], abs=rounding)
        assert whole["r_squared_low"] < whole["r_squared"] < whole["r_squared_high"]
        value, low, high = (whole[f"r_squared{end}"] for end in ("", "_low", "_high"))
        assert f"R² {value:.2f} ({low:.2f} – {high:.2f}), n = 250" in page


# ── Failures ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def crumbs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveEngagement]:
    home = tmp_path_factory.mktemp("crumbs")
    eng = created(read_settings({"CX_HOME": str(home)}))
    eng.import_file(survey(home / "spring.csv"), mapping(home))
    yield eng
    eng.store.close()


Probe = Callable[..., Run]


@pytest.fixture
def probe(crumbs: LiveEngagement, tmp_path: Path) -> Probe:
    """Make a report of one notebook whose only cell holds the given lines."""

    def run(*lines: str) -> Run:
        share = share_of(tmp_path, "\n".join(lines))
        return make_report(crumbs, replace(read_settings({"CX_HOME": str(tmp_path)}), share=share))

    return run


def nothing_published(home: Path) -> bool:
    return not [path for path in home.glob("reports/out/**/*") if path.is_file() or path.name.startswith(".")]


def test_a_notebook_that_raises_leaves_no_run_and_says_who_where_and_why(
    probe: Probe, tmp_path: Path
) -> None:
    with pytest.raises(ReportError) as caught:
        probe('raise ValueError("the third oven is cold")')
    first, *_ = str(caught.value).splitlines()
    for part in ("Crumb & Sons", "w1", "0_probe.ipynb", "cell ", "ValueError: the third oven is cold"):
        assert part in first
    assert nothing_published(tmp_path)


def test_the_cell_that_is_named_is_the_one_in_the_notebook_as_it_was_written(probe: Probe) -> None:
    with pytest.raises(ReportError, match=r"cell 3\b"):
        probe("1 / 0")


def test_a_kernel_that_dies_leaves_no_run_and_says_so(probe: Probe, tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(ReportError) as caught:
        probe("import os", "os._exit(3)")
    first, *_ = str(caught.value).splitlines()
    for part in ("Crumb & Sons", "w1", "0_probe.ipynb", "kernel"):
        assert part in first
    assert nothing_published(tmp_path)
    assert time.monotonic() - started < 60


def test_a_notebook_that_warns_leaves_no_run(probe: Probe, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="soon"):
        probe("import warnings", 'warnings.warn("soon", FutureWarning)')
    assert nothing_published(tmp_path)


def test_a_kernel_sees_no_secret_of_who_started_it(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CX_DATABASE_URL", f"postgresql+psycopg://user:{SECRET}@host/name")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    run = probe("import os", 'sorted(os.environ), "PATH" in os.environ, list(os.environ.values())')
    everything = b"".join(path.read_bytes() for path in run.folder.rglob("*") if path.is_file())
    assert b"OMP_NUM_THREADS" in everything, "the environment was meant to be shown"
    for hidden in (SECRET.encode(), b"CX_DATABASE_URL", b"AWS_SECRET_ACCESS_KEY"):
        assert hidden not in everything


def test_a_wave_without_answers_gives_no_report(tmp_path: Path) -> None:
    settings = read_settings({"CX_HOME": str(tmp_path)})
    eng = created(settings)
    with eng.store, pytest.raises(ReportError, match="Crumb & Sons, wave w1: 0 responses"):
        make_report(eng, settings)
    assert nothing_published(tmp_path)


def test_a_notebook_without_the_parameters_is_refused(crumbs: LiveEngagement, tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [nb.new_markdown_cell("# A"), nb.new_code_cell("wave = ''", metadata={"tags": ["parameters"]})]
    nbformat.write(nb.new_notebook(cells=cells, metadata=kernel), tmp_path / "notebooks" / "0_a.ipynb")
    settings = replace(read_settings({"CX_HOME": str(tmp_path)}), share=tmp_path)
    with pytest.raises(ReportError, match="has no parameter engagement, extract"):
        make_report(crumbs, settings)
    assert nothing_published(tmp_path)


def test_results_keep_the_schema_that_is_published_with_them(demo: Made) -> None:
    text = (ROOT / "reports" / "template" / "results.schema.json").read_text(encoding="utf-8")
    assert text == schema_text()
    found = json.loads((demo.folder / "results.json").read_text())
    jsonschema.Draft202012Validator(json.loads(text)).validate(found)


def test_the_portfolio_shows_where_each_client_stands_as_its_report_does(demo: Made) -> None:
    found = read_portfolio(settings=demo.settings)
    row = found[found["engagement"] == "harbour"].iloc[0]
    order = json.loads((demo.folder / "results.json").read_text())["sequence"]
    assert (row["run"], row["position"]) == (demo.folder.name, order["position"])
    assert row["excess_share"] == order["excess_share"]
    assert row["start_here"] == "Committed leadership"
    assert "Committed leadership" in str(tables.starts(found))


def test_a_german_report_has_no_sentence_left_in_english(demo: Made, tmp_path: Path) -> None:
    eng = Engagement(read_extract(demo.folder / "extract"))
    # The same search finds them by the hundred where they are.
    assert len(said_in_english(demo.report.read_text(encoding="utf-8"), eng)) > 500
    page = composed(demo, "de", tmp_path)
    assert '<html lang="de">' in page
    assert "Die Sätze dieses Berichts sind englisch" not in page
    assert said_in_english(page, eng) == []
    assert "Hier beginnen: Engagierte Leitung" in page
    pointed = [one for found in re.findall(r'"tooltip":(\[.*?\])', page) for one in json.loads(found)]
    titles = {one.get("title", one["field"]) for one in pointed}
    assert {"Mittelwert", "Untergrenze", "Obergrenze", "Rolle", "n"} <= titles
    assert titles.isdisjoint({"name", "who", "under", "wave", "mean", "low", "high", "value", "say", "do"})
    assert re.search(r"\d\.\d\N{NO-BREAK SPACE}%", page) is None
