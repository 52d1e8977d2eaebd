"""Two releases of one wave: whoever subtracts one from the other sees nobody, or at least k."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from sqlalchemy import delete

from cxlib.anonymity import release
from cxlib.anonymity.rereleases import Issued, called, issue, told_apart, told_together
from cxlib.errors import AnonymityError, ReportError
from cxlib.live import LiveEngagement
from cxlib.run.reports import make_report
from cxlib.run.runs import approve, find_run
from cxlib.settings import read_settings
from cxlib.store import schema
from tests.samples import CUTS, MAPPING, created, mapping, people, survey, tallied

K = 5
Row = dict[str, Any]


def issued(rows: list[tuple[int, Row]], cuts: Sequence[tuple[str, ...]] = CUTS) -> Issued:
    """Issue rows that carry a number: the same number and answers are the same person."""
    found = release(tallied([row for _, row in rows]), cuts, K)
    digests = np.array([number * 2**32 + crc32(str(row).encode()) for number, row in rows], np.uint64)
    given = {"grain.mill": np.array([row["grain.mill"] is not None for _, row in rows])}
    return issue(found, "w1", digests, [(row["role"], row["unit"]) for _, row in rows], given)


def staff() -> list[tuple[int, Row]]:
    rows = [
        row
        for role in ("owner", "team", "guest")
        for unit in ("north", "south")
        for row in people(20, role, unit, grain_mill=[3, 4])
    ]
    return list(enumerate(rows))


def late(n: int) -> list[tuple[int, Row]]:
    return [(900 + at, row) for at, row in enumerate(people(n, "team", "north", grain_mill=5))]


def test_the_same_people_may_be_shown_again() -> None:
    assert told_apart(issued(staff()), issued(staff()), K) == []


@pytest.mark.parametrize("n", [1, K - 1])
def test_a_few_late_answers_are_told_by_every_group_they_belong_to(n: int) -> None:
    found = told_apart(issued(staff()), issued(staff() + late(n)), K)
    assert {called(one) for one in found} >= {"everyone", "role team", "unit north", "role team, unit north"}
    assert "role owner" not in {called(one) for one in found}


def test_enough_late_answers_are_not() -> None:
    assert told_apart(issued(staff()), issued(staff() + late(K)), K) == []


def test_late_answers_of_which_few_answered_an_item_are_told() -> None:
    some = late(K)
    some[0] = (some[0][0], {**some[0][1], "grain.mill": None})
    assert told_apart(issued(staff()), issued(staff() + some), K)


def test_an_erased_respondent_and_a_corrected_answer_are_told() -> None:
    before = issued(staff())
    assert told_apart(before, issued(staff()[1:]), K)
    corrected = staff()
    corrected[0] = (0, {**corrected[0][1], "grain.mill": 4})
    assert told_apart(before, issued(corrected), K)


def test_a_group_that_was_hidden_is_not_computed_from_both() -> None:
    # Beside a role of three another is hidden. Once the three are six all are shown, and the three that
    # came are six less the three that the first release's total leaves.
    small = [(500 + at, row) for at, row in enumerate(people(3, "boss", "north", grain_mill=2))]
    more = [(600 + at, row) for at, row in enumerate(people(3, "boss", "north", grain_mill=2))]
    found = told_apart(issued(staff() + small), issued(staff() + small + more), K)
    assert "everyone" in {called(one) for one in found}


@pytest.mark.parametrize("few", [K - 1, K])
def test_three_releases_tell_of_a_few_what_no_two_of_them_do(few: int) -> None:
    every = staff()
    parts = (every[:60], every[60 : len(every) - few])
    whole, one, other = (issued(rows, [()]) for rows in (every, *parts))
    for before, after in combinations((whole, one, other), 2):
        assert told_apart(before, after, K) == []
    told = told_together([whole, one], other, K)
    assert [called(group) for group in told] == (["everyone"] if few < K else [])
    assert told_together([whole, whole], other, K) == []


# ── Through the store ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def eng(tmp_path: Path) -> Any:
    settings = read_settings({"CX_HOME": str(tmp_path / "home")})
    with created(settings) as live:
        live.import_file(survey(tmp_path / "s.csv"), mapping(tmp_path))
        yield live, settings


def imported(live: LiveEngagement, folder: Path, name: str, **sizes: int) -> None:
    path = survey(folder / f"{name}.csv", 9, sizes=sizes, ids=name)
    live.import_file(path, folder / "mapping.yaml")


def test_a_run_beside_one_that_is_out_is_withheld_until_it_tells_nothing(eng: Any, tmp_path: Path) -> None:
    live, settings = eng
    first = make_report(live, settings, names=["0_overview"])
    imported(live, tmp_path, "early", team=1)
    live.check_rerelease()  # a draft is not out
    live.undo()
    approve(settings, first.id, by="Ann")
    live.check_rerelease()
    imported(live, tmp_path, "late", team=2)
    with pytest.raises(AnonymityError, match="withheld") as refused:
        make_report(live, settings, names=["0_overview"])
    said = str(refused.value)
    assert "wave w1, everyone" in said
    assert first.id in said
    assert "undo an import" in said
    assert [path.name for path in first.folder.parent.iterdir()] == [first.id]
    live.undo()
    live.check_rerelease()


def test_who_was_erased_is_seen_under_another_mapping_too(eng: Any, tmp_path: Path) -> None:
    """Import again without a person, and in another way: no answer is the same, the people are."""
    live, settings = eng
    approve(settings, make_report(live, settings, names=["0_overview"]).id, by="Ann")
    live.undo()
    path = survey(tmp_path / "again.csv")
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line for line in lines if "team-010" not in line) + "\n")
    for gone in ("Day", "park.bikes"):
        kept = [line for line in MAPPING.splitlines() if gone not in line and "id: parking" not in line]
        text = "\n".join(line for line in kept if line != "constructs:") + "\n"
        assert text != MAPPING
        live.import_file(path, mapping(tmp_path, text))
        with pytest.raises(AnonymityError, match="withheld"):
            live.check_rerelease()
        live.undo()


def test_a_run_of_which_nothing_is_kept_is_not_approved(eng: Any) -> None:
    live, settings = eng
    run = make_report(live, settings, names=["0_overview"])
    with live.store._database.write() as connection:
        connection.execute(delete(schema.release))
    with pytest.raises(ReportError, match="does not know of whom"):
        approve(settings, run.id, by="Ann")
    assert find_run(settings, run.id).is_draft


def test_a_draft_is_not_approved_beside_one_that_went_out_meanwhile(eng: Any, tmp_path: Path) -> None:
    live, settings = eng
    first = make_report(live, settings, names=["0_overview"])
    imported(live, tmp_path, "late", guest=3)
    second = make_report(live, settings, names=["0_overview"])
    approve(settings, first.id, by="Ann")
    with pytest.raises(AnonymityError, match="withheld"):
        approve(settings, second.id, by="Ann")


def test_what_is_kept_of_a_run_holds_no_pseudonym(eng: Any) -> None:
    import pyarrow.parquet as pq

    live, _ = eng
    (made,) = live.issued().values()
    (batch,) = live.store.batches("crumbs")
    assert len(made.digests) == batch.rows
    pseudonyms = pq.read_table(live.store.batch_path(batch))["respondent"].to_pylist()
    assert not {int(one[:16], 16) for one in pseudonyms} & set(made.digests.tolist())
    live.store.add_release("crumbs", "run", {"w1": made})
    (back,) = live.store.releases("crumbs", "w1", "run").values()
    assert told_apart(back, made, K) == []
    assert np.array_equal(back.answered, made.answered)
    assert (back.cells, back.shown, back.withheld) == (made.cells, made.shown, made.withheld)
    assert live.store.releases("crumbs", "w1") == {}
    live.store.mark_out("run")
    assert set(live.store.releases("crumbs", "w1")) == {"run"}
