"""A whole report in two languages: one word for whatever is hidden, no figure of a hidden role anywhere."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import docx
import nbformat
import openpyxl
import pptx
import pytest
from bs4 import BeautifulSoup

from cxlib.branding import Branding
from cxlib.engagement import Engagement
from cxlib.extract import read_extract
from cxlib.run.exporting import FILES, exports_of
from cxlib.run.exporting import report_of as document_of
from cxlib.run.reports import read_results, written
from cxlib.run.results import results, to_json
from tests.cases import Case, engagement
from tests.inprocess import report_of
from tests.made import VEGALITE
from tests.opened import layers, opened

WORDS = {"en": "hidden", "de": "verborgen"}
# What else it could be called, and figures that would help: a report has one word.
ELSE = {
    "en": r"redacted|too small|too few|withheld|not disclosed|n\s*[<≤]\s*\d|\*\*\*",
    "de": r"geschwärzt|zu klein|zu wenige|unterdrückt|ausgeblendet|n\s*[<≤]\s*\d|\*\*\*",
}
NOT_ASKED = "–"
ANSWERED = {"leadership": 3, "management": 9, "frontline": 60, "customer": 120}
AWAY = ("leadership", "management")
# Numbers that are met nowhere by chance: who there is in all, and who was invited.
POPULATION = {"leadership": 1_373_521, "management": 2_741_093, "frontline": 3_000_017, "customer": 4_000_037}
INVITED = {"leadership": 1_379_641, "management": 2_749_057, "frontline": 3_000_029, "customer": 4_000_063}


@dataclass(frozen=True)
class Said:
    """A report in a language: its folder, and what the hidden roles are called in it."""

    folder: Path
    language: str
    names: frozenset[str]

    @property
    def word(self) -> str:
        return WORDS[self.language]

    @cached_property
    def page(self) -> BeautifulSoup:
        return BeautifulSoup((self.folder / "report.html").read_text(encoding="utf-8"), "html.parser")

    @cached_property
    def word_tables(self) -> list[list[list[str]]]:
        """The texts of the cells of every table of the Word document."""
        tables = docx.Document(str(self.folder / "report.docx")).tables
        return [[[cell.text for cell in row.cells] for row in table.rows] for table in tables]


@pytest.fixture(scope="module", params=WORDS)
def said(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Said:
    home = tmp_path_factory.mktemp("said")
    roles = {role: {"population": n} for role, n in POPULATION.items()}
    eng, settings = engagement(
        Case(ANSWERED, language=request.param, declared={"roles": roles, "release": [[], ["role"]]}), home
    )
    told = [f"{role},{n}" for role, n in INVITED.items()]
    (home / "invited.csv").write_text("\n".join(["role,invited", *told]) + "\n", encoding="utf-8")
    run = home / "run"
    with eng:
        eng.set_invited(home / "invited.csv")
        groups = eng.extract.release.groups.query("cut == 'role'")
        assert set(groups.loc[groups["is_hidden"], "role"]) == set(AWAY)
        report_of(eng, settings, run)
        (run / "results.json").write_text(to_json(results(eng)), encoding="utf-8")
    left = Engagement(read_extract(run / "extract"), eng.wave_id)
    report = document_of(
        written(run, "20261128T000000Z-00000000", left), Branding(), dt.datetime(2026, 11, 28, tzinfo=dt.UTC)
    )
    for name, data in exports_of(report, lambda: read_results(run), tuple(FILES))[0].items():
        (run / name).write_bytes(data)
    names = {role.name for role in left.facts.roles if role.id in AWAY}
    return Said(run, request.param, frozenset(names))


# ── One word ────────────────────────────────────────────────────────────────────────────────────


def test_every_hidden_cell_of_the_page_holds_the_one_word(said: Said) -> None:
    hidden = said.page.select("td.hidden, th.hidden, dd.hidden")
    assert len(hidden) > 10
    assert {cell.get_text(" ", strip=True) for cell in hidden} == {said.word}
    alone = [cell for cell in said.page.select("td, th") if cell.get_text(" ", strip=True) == said.word]
    assert [cell for cell in alone if "hidden" not in cell.get("class", [])] == []


def test_the_page_says_why_once_and_has_no_other_wording(said: Said) -> None:
    left = Engagement(read_extract(said.folder / "extract"), "2026-spring")
    text = " ".join(said.page.select_one("main").get_text(" ", strip=True).split())  # type: ignore[union-attr]
    note = " ".join(left.hidden_note.split())
    assert text.count(note) == 1
    assert re.findall(r"\d+", note) == ["5", "95", "5"]
    assert re.findall(ELSE[said.language], text.replace(note, "")) == []


def cells_of(said: Said) -> Iterator[tuple[str, list[str]]]:
    """Yield what stands in rows and columns of a hidden role, in every table of page, Word and slides."""
    for table in said.page.select("table"):
        rows = [[one.get_text(" ", strip=True) for one in row.select("th, td")] for row in table.select("tr")]
        yield from (("page", one) for one in about(rows, said.names))
    for rows in said.word_tables:
        yield from (("docx", one) for one in about(rows, said.names))
    for slide in pptx.Presentation(str(said.folder / "report.pptx")).slides:
        for shape in slide.shapes:
            if shape.has_table:
                rows = [[cell.text for cell in row.cells] for row in shape.table.rows]
                yield from (("pptx", one) for one in about(rows, said.names))


def about(rows: list[list[str]], names: frozenset[str]) -> Iterator[list[str]]:
    for row in rows[1:]:
        if names & set(row):
            yield [cell for cell in row if cell not in names]
    for at, heading in enumerate(rows[0]):
        if heading in names:
            yield [row[at] for row in rows[1:] if len(row) == len(rows[0])]


def test_whatever_stands_beside_a_hidden_role_is_the_word_or_was_not_asked(said: Said) -> None:
    found = list(cells_of(said))
    assert {kind for kind, _ in found} == {"page", "docx", "pptx"}
    for kind, cells in found:
        assert not re.search(r"\d", " ".join(cells)), (kind, cells)
        # Question and figure come first, where a row has both.
        assert set(cells[-3:]) <= {said.word, NOT_ASKED}, (kind, cells)
        assert said.word in cells, (kind, cells)


def test_a_document_holds_the_word_as_often_as_the_page(said: Said) -> None:
    on_page = len(said.page.select("table .hidden"))
    cells = [cell.strip() for table in said.word_tables for row in table for cell in row]
    assert cells.count(said.word) == on_page
    read = layers("report.pdf", (said.folder / "report.pdf").read_bytes())
    text = " ".join(content.decode() for where, content in read if re.fullmatch(r".*: page \d+", where))
    assert len(re.findall(rf"\b{said.word}\b", text)) >= on_page
    for name in said.names:
        assert not re.search(rf"\b(?:yes|ja|top box|Top-Box|mean|Mittelwert) {name} [−+]?\d", text), name


def test_no_hidden_role_has_a_figure_in_the_workbook(said: Said) -> None:
    book = openpyxl.load_workbook(said.folder / "report.xlsx", read_only=True)
    seen = 0
    for sheet in book.worksheets:
        head, *rows = sheet.iter_rows(values_only=True)
        for row in (dict(zip(head, one, strict=True)) for one in rows if "role" in head):
            if row["role"] in AWAY:
                figures = {name for name, value in row.items() if isinstance(value, int | float)}
                assert figures <= {"is_hidden", "items", "items_total"}, (sheet.title, row)
                assert row["is_hidden"], (sheet.title, row)
                seen += 1
    assert seen > 50


def test_no_chart_carries_a_figure_of_a_hidden_role(said: Said) -> None:
    charts = 0
    for path in sorted((said.folder / "notebooks").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                chart = output.get("data", {}).get(VEGALITE)
                charts += chart is not None
                for record in records(json.loads(json.dumps(chart))):
                    if {*said.names, *AWAY} & {one for one in record.values() if isinstance(one, str)}:
                        assert not [one for one in record.values() if isinstance(one, float)], record
    assert charts > 5


def records(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from records(one)


# ── Who was invited ─────────────────────────────────────────────────────────────────────────────


def test_how_many_a_hidden_role_has_or_invited_stands_nowhere(said: Said) -> None:
    """Not by itself, and not as what is left of everyone once the roles that are shown are taken away."""
    wanted = [of[role] for of in (POPULATION, INVITED) for role in AWAY]
    wanted += [of["frontline"] + of[role] for of in (POPULATION, INVITED) for role in AWAY]
    wanted += [sum(of.values()) - of[role] for of in (POPULATION, INVITED) for role in AWAY]
    forms = {form.encode() for n in wanted for form in (str(n), f"{n:,}", f"{n:,}".replace(",", "."))}
    shown = {str(INVITED["frontline"]).encode(): False}
    for name, data in opened(said.folder):
        assert not [form for form in forms if form in data], name
        shown |= {form: True for form in shown if form in data}
    assert all(shown.values()), "the roles that are shown have theirs"


def test_participation_has_no_rate_of_a_hidden_role(said: Said) -> None:
    found = read_results(said.folder)
    rows = {row["role"]: row for row in found["participation"]}
    for role in AWAY:
        of = rows[role]
        assert (of["is_hidden"], of["n"], of["population"], of["share"]) == (True, None, None, None)
    for role in set(ANSWERED) - set(AWAY):
        of = rows[role]
        assert (of["n"], of["population"]) == (ANSWERED[role], INVITED[role])
