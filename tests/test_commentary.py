"""The analyst's hand: kept by version, never a figure changed, and a run a draft until it is approved."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url

from cxlib.commentary import Commentary, CommentarySpec, Tone, composed, to_yaml
from cxlib.declarations import parse_document, validate
from cxlib.errors import ConflictError, DeclarationError, NotFoundError, ReportError
from cxlib.extract import read_extract, write_extract
from cxlib.live import LiveEngagement
from cxlib.run.reports import MANIFEST, REPORT, RESULTS, Run, make_report
from cxlib.run.runs import approve, find_run, find_runs
from cxlib.settings import Settings, read_settings
from tests.conftest import Cx, refused
from tests.samples import created, mapping, survey

HOSTILE = "</script><img src=x onerror=alert(1)>"
SAID = {"pair:a>b": "Oven: 1.8 levels ahead of grain, on which it stands.", "do:a.b": "Write it down."}
CHAPTERS = ["overview", "grain"]


def spec(**given: object) -> CommentarySpec:
    return CommentarySpec.model_validate(given)


def put(say: str, finding: str = "pair:a>b") -> CommentarySpec:
    return spec(tone=[{"finding": finding, "say": say}])


# ── Tone ────────────────────────────────────────────────────────────────────────────────────────


def test_a_wording_keeps_its_place_and_takes_each_runs_figures() -> None:
    kept = composed(put("By 1.8 levels the oven leaves the grain behind."), SAID, CHAPTERS, Commentary())
    assert kept.toned(SAID) == {SAID["pair:a>b"]: "By 1.8 levels the oven leaves the grain behind."}
    later = {"pair:a>b": "Oven: 0.9 levels ahead of grain, on which it stands."}
    assert list(kept.toned(later).values()) == ["By 0.9 levels the oven leaves the grain behind."]
    assert kept.resting(later) == ()


@pytest.mark.parametrize("say", ["By 1.9 levels.", "Far ahead.", "1.8 levels, or 45%.", "-1.8 levels."])
def test_a_wording_may_not_change_a_figure(say: str) -> None:
    with pytest.raises(DeclarationError, match="may not change a figure"):
        composed(put(say), SAID, CHAPTERS, Commentary())


def test_a_wording_rests_where_the_sentence_is_gone_or_says_the_opposite() -> None:
    rose = {"change:a": "Grain rose by 0.2 levels since spring."}
    kept = composed(put("Up by 0.2 levels.", "change:a"), rose, CHAPTERS, Commentary())
    fell = {"change:a": "Grain fell by 0.2 levels since spring."}
    assert kept.toned(fell) == {}
    assert kept.resting(fell) == ("change:a",)
    assert kept.toned({}) == {}
    assert kept.resting({}) == ("change:a",)
    # Saved again as it is shown, it is not bound to the other words.
    again = validate(CommentarySpec, parse_document(to_yaml(kept, fell, CHAPTERS), name="c.yaml"))
    assert composed(again, fell, CHAPTERS, kept).toned(fell) == {}


def test_what_is_shown_reads_back_as_the_same_commentary() -> None:
    kept = composed(
        spec(foreword="Two\n\nparagraphs: [x]", chapters={"grain": "# no\n- yes"}, tone=[
            {"finding": "pair:a>b", "say": "1.8 levels"}
        ]),
        SAID, CHAPTERS, Commentary(),
    )  # fmt: skip
    again = validate(CommentarySpec, parse_document(to_yaml(kept, SAID, CHAPTERS), name="c.yaml"))
    back = composed(again, SAID, CHAPTERS, kept)
    assert (back.foreword, back.chapters, back.tone) == (kept.foreword, kept.chapters, kept.tone)
    assert back.tone == (
        Tone("pair:a>b", "Oven: # levels ahead of grain, on which it stands.", "{1} levels"),
    )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (spec(chapters={"grian": "x"}), "no such chapter.*grain"),
        (put("x", "pair:a>c"), "says no such sentence"),
    ],
)
def test_what_is_not_there_is_named(given: CommentarySpec, says: str) -> None:
    with pytest.raises(DeclarationError, match=says):
        composed(given, SAID, CHAPTERS, Commentary())


@pytest.mark.parametrize("text", ["\0", "x" * 8001])
def test_text_that_no_page_can_show_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"U\+0000|8000"):
        spec(foreword=text)


# ── In the store, on both databases ─────────────────────────────────────────────────────────────


@pytest.fixture(params=["sqlite", "postgresql"])
def eng(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LiveEngagement]:
    where = {"CX_HOME": str(tmp_path / "home")}
    if request.param == "postgresql":
        where["CX_DATABASE_URL"] = fresh_database(request.getfixturevalue("postgresql"))
    found = created(read_settings(where))
    found.import_file(survey(tmp_path / "s.csv"), mapping(tmp_path))
    yield found
    found.store.close()


def fresh_database(server: str) -> str:
    from sqlalchemy import create_engine, text

    url: URL = make_url(server)
    name = f"cx_commentary_{dt.datetime.now(dt.UTC):%H%M%S%f}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return url.set(database=name).render_as_string(hide_password=False)


def test_every_save_is_a_version_and_an_older_one_comes_back(eng: LiveEngagement) -> None:
    assert eng.commentary == Commentary()
    first = eng.set_commentary(spec(foreword="one"), by="Ann")
    second = eng.set_chapter("overview", "two", version=1, by="Bob")
    assert (first.version, second.version, second.author) == (1, 2, "Bob")
    assert (second.foreword, second.chapters) == ("one", {"overview": "two"})
    third = eng.restore_commentary(1, by="Ann")
    assert (third.version, third.foreword, dict(third.chapters)) == (3, "one", {})
    assert [one.version for one in eng.store.commentaries(eng.slug, eng.wave_id)] == [1, 2, 3]
    assert dt.datetime.fromisoformat(third.at).tzinfo is not None
    with pytest.raises(NotFoundError, match="no version 9"):
        eng.restore_commentary(9)


def test_two_analysts_at_once_overwrite_nothing(eng: LiveEngagement) -> None:
    eng.set_commentary(spec(foreword="mine"), by="Ann")
    with pytest.raises(ConflictError, match=r"version 1.*begun from version 0.*Ann has changed.*foreword"):
        eng.set_commentary(spec(foreword="yours"), by="Bob")
    with pytest.raises(ConflictError, match="version 1 by now"):
        eng.store.set_commentary(eng.slug, eng.wave_id, Commentary(foreword="late", version=1), author="Bob")
    assert eng.commentary.foreword == "mine"


def test_a_commentary_leaves_with_the_extract_and_changes_no_figure(
    eng: LiveEngagement, tmp_path: Path
) -> None:
    before = eng.extract.estimates
    eng.set_commentary(spec(foreword=HOSTILE), by="Ann")
    write_extract(eng.extract, tmp_path / "extract")
    found = read_extract(tmp_path / "extract")
    assert found.commentary.foreword == HOSTILE
    assert before.equals(eng.extract.estimates)


# ── Draft and approved ──────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveEngagement, Settings, Run]]:
    folder = tmp_path_factory.mktemp("approve")
    settings = read_settings({"CX_HOME": str(folder / "home")})
    found = created(settings)
    found.import_file(survey(folder / "s.csv"), mapping(folder))
    found.set_commentary(spec(foreword=f"Read this. {HOSTILE}", chapters={"overview": "A word."}), by="Ann")
    yield found, settings, make_report(found, settings, names=["0_overview"])
    found.store.close()


def test_a_run_is_a_draft_until_it_is_approved(home: tuple[LiveEngagement, Settings, Run]) -> None:
    _, settings, run = home
    draft, figures = run.report.read_text(), (run.folder / RESULTS).read_bytes()
    assert "cx-band" in draft.split("<body>")[1]
    assert "Read this." in draft
    assert HOSTILE not in draft
    assert find_run(settings, run.id).is_draft
    moment = dt.datetime(2026, 4, 1, tzinfo=dt.UTC)
    done = approve(settings, "crumbs", by="Bob", now=moment)
    assert (done.id, done.approved_by, done.approved_at) == (run.id, "Bob", "2026-04-01T00:00:00+00:00")
    page = run.report.read_text()
    assert "cx-band" not in page.split("<body>")[1]
    assert "Draft" not in page.split("<body>")[1].split("<script")[0]
    assert (run.folder / RESULTS).read_bytes() == figures
    assert not [path for path in run.folder.iterdir() if path.name.startswith(".")]
    # Again changes nothing, and whoever looks finds it so.
    assert approve(settings, run.id, by="Eve").approved_by == "Bob"
    assert [one.is_draft for one in find_runs(settings, "crumbs")] == [False]


@pytest.mark.parametrize("name", ["results.json", "extract/counts.parquet", "notebooks/0_overview.ipynb"])
def test_a_run_that_was_changed_by_hand_is_not_approved(
    name: str, home: tuple[LiveEngagement, Settings, Run]
) -> None:
    eng, settings, _ = home
    run = make_report(eng, settings, names=["0_overview"], now=dt.datetime(2026, 5, 1, tzinfo=dt.UTC))
    try:
        (run.folder / name).write_bytes((run.folder / name).read_bytes() + b" ")
        with pytest.raises(ReportError, match="changed after it was made"):
            approve(settings, run.id, by="Bob")
        assert json.loads((run.folder / MANIFEST).read_text())["approved"] is None
        assert "cx-band" in (run.folder / REPORT).read_text().split("<body>")[1]
    finally:
        import shutil

        shutil.rmtree(run.folder)


def test_the_command_line_keeps_shows_and_approves(cx: Cx, tmp_path: Path) -> None:
    settings = read_settings({"CX_HOME": str(tmp_path / "home")})
    with created(settings) as eng:
        eng.import_file(survey(tmp_path / "s.csv"), mapping(tmp_path))
    refused(cx("comment", "crumbs"), "--show")
    shown = cx("comment", "crumbs", "--show")
    assert shown.out.startswith("version: 0\n")
    path = tmp_path / "c.yaml"
    path.write_text(shown.out.replace("foreword: ''", "foreword: Hello"))
    assert "Kept as version 1" in cx("comment", "crumbs", path, "--by", "Ann").out
    refused(cx("comment", "crumbs", path), "begun from version 0")
    assert "Ann" in cx("comment", "crumbs", "--versions").out
    assert "Kept as version 2" in cx("comment", "crumbs", "--restore", 1, "--by", "Bob").out
    assert cx("comment", "crumbs", "--show", "--json").data["author"] == "Bob"
    assert "No report has been made yet" in cx("runs").out
    refused(cx("approve", "crumbs"), "no run 'crumbs'")


def test_a_manifest_that_cannot_be_read_is_said_to_be(tmp_path: Path) -> None:
    settings = read_settings({"CX_HOME": str(tmp_path)})
    folder = settings.runs / "acme" / "w1" / "20260101T000000Z-aaaaaaaa"
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text("{")
    assert "cannot be read" in find_run(settings, "acme").trouble
    with pytest.raises(ReportError, match="manifest cannot be read"):
        approve(settings, "acme", by="Bob")
