"""How good the answers are: complete by what is published, and of imports only what tells on nobody."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cxlib import quality, tables
from cxlib.engagement import Engagement
from cxlib.errors import ReadOnlyError
from cxlib.extract import read_extract, write_extract
from cxlib.frames import BLANK, DISTRIBUTION, DONT_KNOW, NOT_APPLICABLE
from cxlib.instrument import Instrument
from cxlib.run.results import results
from cxlib.settings import read_settings
from tests.samples import bakery, created, mapping, survey
from tests.test_collecting import broken

ROOT = Path(__file__).parents[1]
K = 5


def account(**changes: Any) -> dict[str, Any]:
    return {"read": 10, "rejected": 0, "reasons": {}, "empty": 0, "converted": [], **changes}


@pytest.mark.parametrize(("rejected", "said"), [(0, 0), (1, None), (4, None), (5, 5), (1200, 1200)])
def test_of_a_few_rows_no_number_is_told(rejected: int, said: int | None) -> None:
    reasons = {"no id": 1, "outside the scale": rejected}
    told = quality.told([account(rejected=rejected, reasons=reasons), account()], [True, True], K)
    assert told["rejected"] == said
    assert told["reasons"] == ["answers", "ids"]
    replaced = account(corrected={"new": 1, "replaced": rejected, "identical": 3})
    assert quality.told([replaced], [True], K)["replaced"] == said
    assert (told["files"], told["files_without_ids"]) == (2, 0)


def test_rows_that_came_back_corrected_are_not_left_out() -> None:
    first = account(rejected=12, reasons={"no id": 12})
    # Two that never came back, and two again.
    back = account(read=10, rejected=2, is_back=True)
    assert quality.told([first, back], [True, True], 2)["rejected"] == 4
    assert quality.told([first, account(read=12, is_back=True)], [True, True], K)["rejected"] == 0


def test_every_reason_of_an_import_has_its_kind() -> None:
    """Read the reasons from the code, so that a new one is put under what a reader is told."""
    expected = {
        "ids": {"no id", "an id that stands twice"},
        "rows": {"too many fields", "too few fields", "a row of totals is nobody's answer"},
        "dates": {"ambiguous or unknown date: choose the format", "a spreadsheet's number instead of a date"},
        "roles": {"no role", "unknown role"},
        "segments": {"not among the values of the mapping"},
        "texts": {"a control character", "a text too long"},
    }
    for kind, reasons in expected.items():
        assert {quality.kind_of(one) for one in reasons} == {kind}
    found = set(re.findall(r'Rejection\("([^"]+)"', (ROOT / "cxlib" / "conversion.py").read_text()))
    assert len(found) >= 6
    assert {one for one in found if quality.kind_of(one) == "answers"} == {
        "outside the scale",
        "unknown text",
    }


def test_completeness_is_counted_over_who_was_asked() -> None:
    instrument = Instrument(bakery())
    rows = [
        # role, item, answer, n: of the owners nobody was asked for a greeting, though the file has blanks.
        ("owner", "grain.mill", 4, 6), ("owner", "grain.mill", DONT_KNOW, 2),
        ("owner", "grain.mill", BLANK, 1),
        ("team", "grain.mill", 3, 10), ("team", "grain.stock", 2, 5), ("team", "grain.stock", BLANK, 5),
        ("team", "counter.hello", 5, 9), ("team", "counter.hello", NOT_APPLICABLE, 1),
        ("owner", "counter.hello", BLANK, 9), ("owner", "counter.hello", 5, 0),
        ("team", "ask.recommend", 5, 1),
    ]  # fmt: skip
    frame = pd.DataFrame(
        [(id_, id_, "w1", "role", role, answer, n, 0.0) for role, id_, answer, n in rows],
        columns=DISTRIBUTION.names(("role",)),
    )
    found = quality.completeness(frame, instrument).set_index("step")
    grain = found.loc["grain"]
    assert grain[["items", "answered", "dont_know", "not_applicable", "blank"]].tolist() == [2, 21, 2, 0, 6]
    assert grain["share"] == pytest.approx(21 / 29)
    assert (grain["least"], grain["least_share"]) == ("grain.stock", 0.5)
    assert found.loc["counter", ["answered", "not_applicable", "blank"]].tolist() == [9, 1, 0]
    assert list(found.index) == ["grain", "counter", ""]
    table = str(tables.completeness(found.reset_index(), instrument))
    assert "72%" in table
    assert "Beside the steps" in table
    assert "no answer can be shown" in str(tables.completeness(found.reset_index()[:0], instrument))


def test_a_report_tells_sums_and_the_house_what_each_import_brought(tmp_path: Path) -> None:
    with created(read_settings({"CX_HOME": str(tmp_path / "home")})) as live:
        mapping(tmp_path)
        _, bad = broken(tmp_path)
        live.import_file(bad, tmp_path / "mapping.yaml", on_error="collect")
        live.import_file(
            survey(tmp_path / "more.csv", 3, sizes={"owner": 2}, ids="MORE"), tmp_path / "mapping.yaml"
        )
        said = str(tables.quality(live.quality, live.instrument, threshold=K))
        assert "2 imports" in said
        assert "Fewer than 5 rows could not be read" in said
        assert "roles that nobody knows, rows that did not fit the header" in said
        assert "nobody is counted twice" in said
        house = str(tables.imports(live.imports(), live.instrument))
        assert re.search(r"bad\.csv +134 +134 +3 +0 +0 +unknown role \(2\), too many fields \(1\)", house)
        assert "more.csv  2  2" in house
        write_extract(live.extract, tmp_path / "extract")
        told = results(live)["quality"]
    assert told["rejected"] is None
    read = Engagement(read_extract(tmp_path / "extract"))
    assert read.quality == told
    assert len(read.completeness()) == 5
    with pytest.raises(ReadOnlyError, match="list the imports"):
        read.imports()
    assert "bad.csv" not in (tmp_path / "extract" / "extract.json").read_text()


def test_what_nobody_knows_of_imports_is_not_said() -> None:
    instrument = Instrument(bakery())
    assert tables.quality({}, instrument, threshold=K) is None
    few = quality.told([account(), account()], [False, True], K)
    assert "1 of the imports do not name" in str(tables.quality(few, instrument, threshold=K))
    none = quality.told([account()], [False], K)
    assert "No import names its respondents" in str(tables.quality(none, instrument, threshold=K))
    many = quality.told([account(rejected=7, reasons={"no id": 7}, corrected={"replaced": 9})], [True], K)
    said = str(tables.quality(many, instrument, threshold=K))
    assert "7 rows could not be read" in said
    assert "9 responses took the place" in said
    assert "Nothing was imported yet" in str(tables.imports(pd.DataFrame(), instrument))


def test_a_handle_that_has_told_figures_tells_those_of_a_later_import(tmp_path: Path) -> None:
    with created(read_settings({"CX_HOME": str(tmp_path / "home")})) as live:
        mapping(tmp_path)
        live.import_file(survey(tmp_path / "one.csv"), tmp_path / "mapping.yaml")
        before = live.scores()["n"].sum()
        live.import_file(survey(tmp_path / "two.csv", 3, ids="TWO"), tmp_path / "mapping.yaml")
        assert live.scores()["n"].sum() > before
