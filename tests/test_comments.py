"""What people write, from the file to the page: imported, looked at, held at the door, quoted."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from bs4 import BeautifulSoup
from pypdf import PdfReader

from cxlib.engagement import Engagement
from cxlib.errors import AnonymityError, ContractError, DeclarationError, NotFoundError
from cxlib.extract import BEFORE_COMMENTS, read_extract, write_extract
from cxlib.live import LiveEngagement
from cxlib.outgoing import item_columns
from cxlib.reviewing import open_questions
from cxlib.run.reports import make_report
from cxlib.run.runs import approve
from cxlib.segments import extract_of, units_of
from cxlib.settings import Settings, read_settings
from cxlib.tables import comments as table
from tests.cases import Case, engagement
from tests.conftest import Cx, Visit, refused
from tests.samples import MAPPING, ROOT, created, mapping, survey
from tests.test_pages import PAYLOADS

ASKED = (
    MAPPING
    + """\
comments:
  - {id: why, column: Why, text: {en: "Why did you say so?", de: "Warum?"}}
  - {id: wish, column: Wish, text: "What do you wish for?"}
"""
)
FORMULAS = ['=HYPERLINK("http://e?"&A1)', "+1", "@x", "\t=1+1", " =2+2", "-5"]


def answers(path: Path, said: dict[str, list[str]], *, column: str = "Why") -> Path:
    """Write a survey with two columns of words: the first people of a role say what is given for it."""
    survey(path)
    head, *rows = (line.split(",") for line in path.read_text(encoding="utf-8").splitlines())
    names = [*head, "Why", "Wish"]
    given = {role: iter(texts) for role, texts in said.items()}
    out = []
    for row in rows:
        texts = {"Why": "", "Wish": ""} | {column: next(given.get(row[1], iter(())), "")}
        out.append([*row, texts["Why"], texts["Wish"]])
    frame = pd.DataFrame(out, columns=names)
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings({"CX_HOME": str(tmp_path / "home")})


@pytest.fixture
def eng(settings: Settings) -> Iterator[LiveEngagement]:
    with created(settings) as one:
        yield one


def load(eng: LiveEngagement, folder: Path, said: dict[str, list[str]], *, asked: str = ASKED) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    return eng.import_file(answers(folder / "said.csv", said), mapping(folder, asked))


def some(role: str, n: int) -> list[str]:
    return [f"{role} says {at}" for at in range(n)]


def look(eng: LiveEngagement, *, leave: str = "never", by: str = "Ada") -> None:
    """Let everything pass but what holds a word."""
    found = eng.written()
    away = {one.review.number for one in found if one.review and leave in one.text}
    eng.review(show={one.review.number for one in found if one.review} - away, leave=away, by=by)


def texts(eng: LiveEngagement) -> set[str]:
    return set(eng.comments()["text"])


# ── Import ──────────────────────────────────────────────────────────────────────────────────────


def held(eng: LiveEngagement) -> pd.DataFrame:
    (batch,) = eng.store.batches(eng.slug)
    return pq.read_table(eng.store.batch_path(batch)).to_pandas()


def test_texts_are_trimmed_cleaned_and_cut_and_blank_is_none(eng: LiveEngagement, tmp_path: Path) -> None:
    said = ["  two\n lines\t here ", "", "   ", "no\u0007 bell\u202e", "x" * 2001, "y" * 2000, "n/a"]
    done = load(eng, tmp_path, {"team": said}, asked=ASKED + "blank: [n/a]\n")
    found = held(eng)
    kept = [one for one in found["comment:why"] if isinstance(one, str)]
    assert kept == ["two lines here", "no bell", "x" * 2000, "y" * 2000]
    assert found["comment:wish"].isna().all()
    assert done.found.comments == {"why": 4, "wish": 0}
    assert "4 comments to why, 1 cut at 2,000 characters" in done.found.notes
    assert not [note for note in done.found.notes if "lines" in note]


def test_nothing_else_reads_them_as_answers(eng: LiveEngagement, settings: Settings, tmp_path: Path) -> None:
    load(eng, tmp_path / "with", {"guest": some("guest", 12)})
    (batch,) = eng.store.batches(eng.slug)
    assert not [one for one in item_columns(eng.store.batch_path(batch), eng.spec.dims) if "comment" in one]
    other = read_settings({"CX_HOME": str(tmp_path / "other")})
    with created(other) as without:
        load(without, tmp_path / "without", {}, asked=MAPPING)
        assert "comment:why" not in held(without)
        assert held(eng).drop(columns=["comment:why", "comment:wish"]).columns.equals(held(without).columns)
        pd.testing.assert_frame_equal(
            held(eng).drop(columns=["respondent", "comment:why", "comment:wish"]),
            held(without).drop(columns="respondent"),
        )
        for name in ("groups", "counts", "withheld", "bounds"):
            pd.testing.assert_frame_equal(
                getattr(eng.extract.release, name), getattr(without.extract.release, name)
            )


def test_a_comment_alone_is_no_other_release(eng: LiveEngagement, tmp_path: Path) -> None:
    load(eng, tmp_path, {"guest": some("guest", 12)})
    before = eng.issued()["w1"]
    eng.undo()
    load(eng, tmp_path, {"guest": ["another one", *some("guest", 12)[1:]]})
    after = eng.issued()["w1"]
    assert (before.digests == after.digests).all()
    assert before.answered.shape == after.answered.shape


def test_the_same_file_twice_changes_nothing(eng: LiveEngagement, tmp_path: Path) -> None:
    load(eng, tmp_path, {"guest": some("guest", 12)})
    look(eng)
    before, mark = texts(eng), eng.fingerprint
    assert load(eng, tmp_path, {"guest": some("guest", 12)}).state == "unchanged"
    assert (texts(eng), eng.fingerprint) == (before, mark)
    assert len(before) == 12


def test_a_long_file_brings_words_too(eng: LiveEngagement, tmp_path: Path) -> None:
    rows = ["Person,Role,Shop,Day,Question,Answer"]
    for at in range(12):
        about = f"id{at},guest,market,2026-03-01"
        rows += [f"{about},label,{at % 5 + 1}", f'{about},Why,"word {at}"']
    path = tmp_path / "long.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    plain = yaml.safe_load(ASKED)
    plain |= {
        "long": {"item": "Question", "answer": "Answer"},
        "items": [{"item": "grain.label", "column": "label"}],
        "constructs": [],
        "comments": plain["comments"][:1],
    }
    done = eng.import_file(path, mapping(tmp_path, yaml.safe_dump(plain)))
    assert done.found is not None
    assert done.found.comments == {"why": 12}


def test_a_dataset_in_parts_brings_the_words_of_all(eng: LiveEngagement, tmp_path: Path) -> None:
    path = answers(tmp_path / "said.csv", {"guest": [*some("guest", 12), "x" * 2001]})
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    (tmp_path / "parts").mkdir()
    for at, part in enumerate((frame[:60], frame[60:])):
        part.to_parquet(tmp_path / "parts" / f"{at}.parquet", index=False)
    done = eng.import_file(tmp_path / "parts", mapping(tmp_path, ASKED))
    assert done.found is not None
    assert done.found.comments == {"why": 13, "wish": 0}
    assert "13 comments to why, 1 cut at 2,000 characters" in done.found.notes
    assert len(eng.written()) == 13


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("{id: why, column: mill, text: x}", "read as something else"),
        ("{id: why, column: Person, text: x}", "read as something else"),
        ("{id: grain.mill, column: Why, text: x}", "there twice"),
        ("{id: parking, column: Why, text: x}", "there twice"),
        ("{id: Why not, column: Why, text: x}", "not written as it should be"),
        ("{id: why, column: Why}", "text"),
    ],
)
def test_a_question_that_is_something_else_already_is_refused(
    eng: LiveEngagement, tmp_path: Path, wrong: str, said: str
) -> None:
    with pytest.raises(DeclarationError, match=said):
        load(eng, tmp_path, {}, asked=f"{MAPPING}comments:\n  - {wrong}\n")


# ── Looking at them ─────────────────────────────────────────────────────────────────────────────


def test_nothing_is_shown_before_somebody_looked(eng: LiveEngagement, tmp_path: Path) -> None:
    load(eng, tmp_path, {"guest": some("guest", 12)})
    assert texts(eng) == set()
    assert [one.is_new for one in eng.written()] == [True] * 12
    assert texts(eng) == set()
    mark = eng.fingerprint
    eng.review(show=[3], leave=[4], reword={5: "  said\nagain "}, by="Ada")
    by_number = {one.review.number: one for one in eng.written() if one.review}
    assert texts(eng) == {by_number[3].text, "said again"}
    assert eng.fingerprint != mark
    review = by_number[5].review
    assert review is not None
    assert (review.author, review.words, review.verdict) == ("Ada", "said again", "show")
    assert review.at is not None
    eng.review(leave=[3, 5])
    assert texts(eng) == set()


def test_a_number_means_the_same_comment_whatever_is_imported(eng: LiveEngagement, tmp_path: Path) -> None:
    load(eng, tmp_path, {"guest": some("guest", 12)})
    before = {one.review.number: one.text for one in eng.written() if one.review}
    eng.undo()
    load(eng, tmp_path, {"guest": some("guest", 12), "team": some("team", 8)})
    after = {one.review.number: one.text for one in eng.written() if one.review}
    assert {number: after[number] for number in before} == before
    assert sorted(after) == list(range(1, 21))


def test_a_changed_text_is_looked_at_again_and_an_unchanged_one_is_not(
    eng: LiveEngagement, tmp_path: Path
) -> None:
    load(eng, tmp_path, {"guest": some("guest", 12)})
    look(eng)
    eng.undo()
    assert texts(eng) == set()
    load(eng, tmp_path, {"guest": ["changed", *some("guest", 12)[1:]]})
    assert texts(eng) == set(some("guest", 12)[1:])
    assert [one.text for one in eng.written() if one.is_new] == ["changed"]


def test_undoing_an_import_forgets_the_words_put_in_its_place(eng: LiveEngagement, tmp_path: Path) -> None:
    load(eng, tmp_path, {"guest": some("guest", 12)})
    look(eng)
    eng.review(reword={1: "CANARY words"}, by="Ada")
    assert "CANARY words" in texts(eng)
    eng.undo()
    assert [one.words for one in eng.store.reviews(eng.slug, "w1").values()] == [""] * 12
    load(eng, tmp_path, {"guest": some("guest", 12)})
    assert [one.review.number for one in eng.written() if one.is_new and one.review] == [1]
    assert len(texts(eng)) == 11


def test_numbers_that_nobody_listed_are_refused(eng: LiveEngagement, tmp_path: Path) -> None:
    load(eng, tmp_path, {"guest": some("guest", 12)})
    with pytest.raises(NotFoundError, match="no comment 1 that was listed"):
        eng.review(show=[1])
    eng.written()
    with pytest.raises(NotFoundError, match="no comment 13"):
        eng.review(show=[1, 13])
    with pytest.raises(DeclarationError, match="twice"):
        eng.review(show=[1], leave=[1])
    for bad in ("  ", "x" * 2001):
        with pytest.raises(DeclarationError, match="characters"):
            eng.review(reword={1: bad})
    assert texts(eng) == set()


def test_one_engagements_reviews_are_not_anothers(settings: Settings, tmp_path: Path) -> None:
    with created(settings) as one:
        load(one, tmp_path, {"guest": some("guest", 12)})
        look(one)
    with created(settings, engagement="crusts") as other:
        load(other, tmp_path, {"guest": some("guest", 12)})
        other.written()
        assert texts(other) == set()


def test_the_command_lists_and_keeps(cx: Cx, tmp_path: Path) -> None:
    with created(read_settings({"CX_HOME": str(tmp_path / "home")})) as eng:
        load(eng, tmp_path, {"guest": some("guest", 12)})
    refused(cx("comments", "crumbs", "--show", "3"), "no comment 3 that was listed")
    said = cx("comments", "crumbs")
    assert said.code == 0
    assert "why: Why did you say so?" in said.out
    assert len(re.findall(r"^ +\d+  new    guest +guest says \d+$", said.out, re.MULTILINE)) == 12
    assert (
        "Kept for 4 comments; nobody has looked at 8 yet" in cx("comments", "crumbs", "--show", "3,5-7").out
    )
    assert cx("comments", "crumbs", "--leave", "4", "--reword", "8", "Softly", "--by", "Ada").code == 0
    rows = {one["number"]: one for one in cx("comments", "crumbs", "--json").data["comments"]}
    assert [rows[at]["state"] for at in range(3, 9)] == ["show", "leave", "show", "show", "show", "show"]
    assert (rows[8]["words"], rows[8]["by"]) == ("Softly", "Ada")
    assert len(cx("comments", "crumbs", "--new", "--json").data["comments"]) == 6
    for wrong in ("x", "3-", "5-3", "1,1"):
        refused(cx("comments", "crumbs", "--show", wrong))


# ── What leaves the building ────────────────────────────────────────────────────────────────────

FEW, LEFT, NEW = "CANARY-few", "CANARY-left", "CANARY-new"
SHOWN = [*PAYLOADS, *FORMULAS]


def add_words(eng: LiveEngagement, drawn: Path, form: str, texts: list[str]) -> None:
    """Import the wave's file of a form once more, with a column of words."""
    (path,) = drawn.glob(f"*{form}*.csv")
    mark = ";" if form == "guests" else ","
    plain = yaml.safe_load(
        (ROOT / "data" / "examples" / "harbour" / f"{form}.yaml").read_text(encoding="utf-8")
    )
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, sep=mark)
    frame["Say"] = [*texts, *[""] * (len(frame) - len(texts))]
    frame["Wish"] = ""
    plain["comments"] = [
        {"id": "say", "column": "Say", "text": {"en": "What <b>else</b>?", "de": "Was noch?"}}
    ]
    plain["comments"] += [{"id": "wish", "column": "Wish", "text": "And your wish?"}]
    frame.to_csv(path, index=False, sep=mark)
    (batch,) = (one.id for one in eng.store.batches(eng.slug) if one.source_name == path.name)
    eng.undo(batch)
    eng.import_file(path, mapping(drawn, yaml.safe_dump(plain)))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a run with hostile comments, and canaries in all that may not be shown."""
    home = tmp_path_factory.mktemp("words")
    eng, settings = engagement(
        Case({"leadership": 9, "management": 26, "frontline": 60, "customer": 120}), home
    )
    with eng:
        add_words(eng, home / "drawn", "leaders", [f"{FEW} {at}" for at in range(9)])
        away = [f"{LEFT} {at}" for at in range(3)]
        add_words(eng, home / "drawn", "guests", [*SHOWN, *away])
        look(eng, leave=LEFT)
        # Who comes later has not been looked at.
        add_words(eng, home / "drawn", "guests", [*SHOWN, *away, *(f"{NEW} {at}" for at in range(3))])
        made = make_report(
            eng, settings, names=["6_experiences"], formats=("html", "json", "xlsx", "docx", "pdf")
        )
    return made.folder


def test_no_byte_of_a_run_is_a_comment_that_nobody_let_pass(run: Path) -> None:
    found = [path for path in run.rglob("*") if path.is_file()]
    names = {path.name for path in found}
    assert names >= {
        "report.html",
        "results.json",
        "report.xlsx",
        "report.docx",
        "report.pdf",
        "comments.parquet",
    }
    for path in found:
        for content in contents(path):
            assert b"CANARY" not in content, path.name
    assert b"alert(1)" in (run / "extract" / "comments.parquet").read_bytes()


def contents(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file, and of what is packed into it."""
    yield path.read_bytes()
    if path.suffix in {".xlsx", ".docx"}:
        with zipfile.ZipFile(path) as packed:
            yield from (packed.read(name) for name in packed.namelist())
    if path.suffix == ".pdf":
        yield "".join(page.extract_text() for page in PdfReader(path).pages).encode()


def test_the_extract_has_four_columns_of_words_and_no_more(run: Path) -> None:
    path = run / "extract" / "comments.parquet"
    assert pq.read_schema(path).names == ["wave", "question", "role", "text"]
    found = pd.read_parquet(path)
    assert sorted(found["text"]) == sorted(one.strip() for one in SHOWN)
    assert set(found["role"]) == {"customer"}


def test_what_people_wrote_is_text_on_the_page(run: Path, visit: Any) -> None:
    page = BeautifulSoup((run / "report.html").read_text(encoding="utf-8"), "html.parser")
    said, empty = (one for one in page.select("table") if "In their own words" in one.get_text())
    assert [one.get_text() for one in (said.caption, empty.caption)] == [
        "What <b>else</b>?",
        "And your wish?",
    ]
    assert {cell.get_text() for cell in said.select("td")} == {one.strip() for one in SHOWN}
    assert not said.select("td *")
    # The other question was asked, and nobody may be quoted.
    assert [cell.get_text() for cell in empty.select("tbody th, tbody td")] == ["Everyone", "hidden"]
    seen: Visit = visit(run / "report.html")
    assert (seen.alerts, seen.violations, seen.requests) == ([], [], [])


def test_what_people_wrote_is_text_in_the_notebook(run: Path) -> None:
    notebook = nbformat.read(run / "notebooks" / "6_experiences.ipynb", as_version=4)
    (cell,) = (one for one in notebook.cells if one.get("id") == "words-table")
    (output,) = cell.outputs
    assert not BeautifulSoup(output.data["text/html"], "html.parser").select("img, svg, script, a, style")


def test_what_people_wrote_is_no_formula_in_a_workbook(run: Path) -> None:
    sheet = openpyxl.load_workbook(run / "report.xlsx")["Comments"]
    head, *rows = sheet.iter_rows()
    at = [cell.value for cell in head].index("text")
    assert {row[at].value for row in rows} == {one.strip() for one in SHOWN}
    assert {cell.data_type for row in rows for cell in row} == {"s"}


def test_an_extract_of_before_is_still_read(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run / "extract", tmp_path / "extract")
    (tmp_path / "extract" / "comments.parquet").unlink()
    with pytest.raises(ContractError, match="comments"):
        read_extract(tmp_path / "extract")
    path = tmp_path / "extract" / "extract.json"
    plain = json.loads(path.read_text(encoding="utf-8"))
    del plain["questions"]
    path.write_text(json.dumps({**plain, "format": BEFORE_COMMENTS}), encoding="utf-8")
    found = read_extract(tmp_path / "extract")
    assert found.comments.empty
    assert found.facts.questions == {}


def test_a_report_on_one_unit_quotes_nobody(run: Path, tmp_path: Path) -> None:
    whole = read_extract(run / "extract")
    unit = extract_of(whole, "hotel", units_of(whole, "hotel")[0])
    write_extract(unit, tmp_path / "unit")
    left = Engagement(read_extract(tmp_path / "unit"))
    assert left.comments().empty
    assert left.open_questions == {}


# ── The table ───────────────────────────────────────────────────────────────────────────────────


def test_nothing_stands_in_the_report_where_nobody_was_asked(eng: LiveEngagement, tmp_path: Path) -> None:
    load(eng, tmp_path, {}, asked=MAPPING)
    assert eng.open_questions == {}
    assert table(eng.comments(), eng.open_questions, eng.instrument, threshold=10) is None


def test_roles_stand_in_their_order_and_everyone_else_last(eng: LiveEngagement, tmp_path: Path) -> None:
    load(eng, tmp_path, {"guest": some("guest", 12), "team": some("team", 11), "owner": some("owner", 9)})
    look(eng)
    rows = str(table(eng.comments(), eng.open_questions, eng.instrument, threshold=10)).splitlines()
    roles = [line.split("  ")[0] for line in rows if " says " in line]
    assert list(dict.fromkeys(roles)) == ["Bakers and shop staff", "Guests"]
    frame = eng.comments().assign(role=lambda of: of["role"].replace("guest", ""))
    rows = str(table(frame, eng.open_questions, eng.instrument, threshold=10)).splitlines()
    roles = [line.split("  ")[0] for line in rows if " says " in line]
    assert list(dict.fromkeys(roles)) == ["Bakers and shop staff", "Everyone else"]


def test_it_speaks_german(eng: LiveEngagement, tmp_path: Path) -> None:
    load(eng, tmp_path, {"guest": some("guest", 12)})
    look(eng)
    assert open_questions(eng.store.batches(eng.slug), "de") == {
        "why": "Warum?",
        "wish": "What do you wish for?",
    }


# ── What is out ─────────────────────────────────────────────────────────────────────────────────


def test_comments_are_held_against_what_is_out(
    eng: LiveEngagement, settings: Settings, tmp_path: Path
) -> None:
    """Late comments of a few would be told by the texts alone, though no count tells on anybody."""
    load(eng, tmp_path, {"guest": some("guest", 12)})
    look(eng)
    first = make_report(eng, settings, names=["0_overview"])
    approve(settings, first.id, by="Ada")
    assert len(eng.store.releases(eng.slug, "w1")[first.id].comments["why"][0]) == 12
    eng.undo()
    load(eng, tmp_path, {"guest": some("guest", 15)})
    look(eng)
    # The same answers as before: no count is another.
    eng.check_rerelease()
    assert texts(eng) == set()
    eng.undo()
    load(eng, tmp_path, {"guest": some("guest", 22)})
    look(eng)
    assert len(texts(eng)) == 22
    second = make_report(eng, settings, names=["0_overview"])
    eng.undo()
    load(eng, tmp_path, {"guest": some("guest", 32)})
    look(eng)
    third = make_report(eng, settings, names=["0_overview"])
    approve(settings, third.id, by="Ada")
    approve(settings, second.id, by="Ada")
    eng.undo()
    load(eng, tmp_path, {"guest": some("guest", 37)})
    assert texts(eng) == set()


def test_a_run_whose_comments_would_tell_by_now_is_not_approved(
    eng: LiveEngagement, settings: Settings, tmp_path: Path
) -> None:
    runs = []
    for n in (12, 15):
        load(eng, tmp_path, {"guest": some("guest", n)})
        look(eng)
        runs.append(make_report(eng, settings, names=["0_overview"]))
        eng.undo()
    approve(settings, runs[0].id, by="Ada")
    with pytest.raises(AnonymityError, match="comments to why"):
        approve(settings, runs[1].id, by="Ada")
