"""Corrections and late answers: shown first, in by id, out by undo, and never counted beside the old."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cxlib.correcting import Difference
from cxlib.errors import AnonymityError, ConflictError, IngestError
from cxlib.live import LiveEngagement
from cxlib.settings import read_settings
from cxlib.store import taking
from tests.conftest import Cx, refused
from tests.samples import BAKERY, MAPPING, created, mapping, survey

ROOT = Path(__file__).parents[1]
Edit = Callable[[list[list[str]]], None]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveEngagement]:
    with created(read_settings({"CX_HOME": str(tmp_path / "home")})) as eng:
        mapping(tmp_path)
        survey(tmp_path / "first.csv")
        eng.import_file(tmp_path / "first.csv", tmp_path / "mapping.yaml")
        yield eng


def edited(folder: Path, name: str, edit: Edit, of: str = "first.csv") -> Path:
    rows = [line.split(",") for line in (folder / of).read_text().splitlines()]
    edit(rows)
    path = folder / name
    path.write_text("".join(",".join(row) + "\n" for row in rows))
    return path


def some_corrected_some_late(rows: list[list[str]]) -> None:
    """Change three people's answers, name seven as they were, add two; leave the others out."""
    late = [[f"LATE-{at}", *rows[40 + at][1:]] for at in range(2)]
    rows[11:] = late
    for row in rows[1:4]:
        place = rows[0].index("crust")
        row[place] = "1" if row[place] != "1" else "2"


def somebody_else(rows: list[list[str]]) -> None:
    rows[1:] = [["X", *rows[1][1:]]]


def another_corrected(rows: list[list[str]]) -> None:
    rows[1:] = [rows[30]]
    rows[1][rows[0].index("mill")] = "1" if rows[1][rows[0].index("mill")] != "1" else "2"


def merged(folder: Path) -> Path:
    """Write what both files say as one: what somebody would have imported had they waited."""
    newer = {line.split(",")[0]: line for line in (folder / "second.csv").read_text().splitlines()}
    lines = [newer.pop(line.split(",")[0], line) for line in (folder / "first.csv").read_text().splitlines()]
    path = folder / "merged.csv"
    path.write_text("\n".join([*lines, *newer.values()]) + "\n")
    return path


def as_it_is(live: LiveEngagement) -> tuple[Any, ...]:
    """What is counted, who stands where, and every file of a batch with its bytes."""
    found = {
        path.name: path.read_bytes()
        for path in live.store.batch_path(live.store.batches("crumbs")[0]).parent.iterdir()
    }
    return live.tally(), live.fingerprint, found, live.store.check(), live.store.orphans(older_than_seconds=0)


def test_replaced_and_added_is_what_the_merged_file_gives(live: LiveEngagement, tmp_path: Path) -> None:
    where = tmp_path / "mapping.yaml"
    before, (first,) = as_it_is(live), live.store.batches("crumbs")
    second = edited(tmp_path, "second.csv", some_corrected_some_late)
    with pytest.raises(ConflictError, match="import it with --correct"):
        live.import_file(second, where)
    asked: list[Difference] = []
    expected = Difference(2, 7, {("first.csv", first.id): 3}, {"oven.crust": 3}, {})
    dry = live.import_file(second, where, correct=True, dry_run=True)
    assert (dry.state, dry.change) == ("dry run", expected)
    declined = live.import_file(second, where, correct=True, confirm=lambda one: bool(asked.append(one)))
    assert (declined.state, asked) == ("declined", [expected])
    assert as_it_is(live) == before

    done = live.import_file(second, where, correct=True)
    assert done.batch is not None
    assert done.batch.rows == 5, "who answers the same is left where they are"
    assert done.batch.quality["corrected"]["identical"] == 7
    assert live.quality["replaced"] is None, "three people are a few"
    counted, extract = live.tally(), live.extract
    records = live.store.batches("crumbs")
    assert [(one.rows, one.rows_imported) for one in records] == [(134, 137), (5, 5)]
    assert live.store.check() == []
    assert live.store.orphans(older_than_seconds=0) == []
    again = live.import_file(second, where, correct=True)
    assert again.state == "unchanged"

    assert live.undo().id == done.batch.id
    assert as_it_is(live) == before
    live.undo()
    live.import_file(merged(tmp_path), where)
    assert live.tally() == counted
    for name in ("estimates", "reliability", "drivers"):
        assert getattr(live.extract, name).equals(getattr(extract, name)), name
    assert live.extract.release.counts.equals(extract.release.counts)


def test_what_says_nothing_new_changes_nothing(live: LiveEngagement, tmp_path: Path) -> None:
    before = as_it_is(live)
    same = edited(tmp_path, "same.csv", lambda rows: rows.reverse() or rows.insert(0, rows.pop()))
    done = live.import_file(same, tmp_path / "mapping.yaml", correct=True)
    assert (done.state, done.change) == ("unchanged", Difference(0, 137))
    assert as_it_is(live) == before


def test_corrections_of_corrections_go_back_one_by_one(live: LiveEngagement, tmp_path: Path) -> None:
    where, states = tmp_path / "mapping.yaml", [live.tally()]

    def with_crust(value: str, people: range) -> Edit:
        def edit(rows: list[list[str]]) -> None:
            for at in people:
                rows[at][rows[0].index("crust")] = value
            rows[:] = [rows[0], *(rows[at] for at in people)]

        return edit

    # The second file replaces four people's answers for the second time.
    batches = live.store.batches("crumbs")
    for name, value, people in (("b.csv", "3", range(1, 9)), ("c.csv", "4", range(5, 13))):
        done = live.import_file(edited(tmp_path, name, with_crust(value, people)), where, correct=True)
        assert done.batch is not None
        batches.append(done.batch)
        states.append(live.tally())
    for below in batches[:2]:
        with pytest.raises(ConflictError, match=rf"{below.id} is what batch {batches[2].id} corrects"):
            live.undo(below.id)
    for state in reversed(states[:-1]):
        live.undo()
        assert live.tally() == state
        assert live.store.check() == []
    live.undo()
    assert live.store.batches("crumbs") == []
    assert live.store.orphans(older_than_seconds=0) == []


def test_a_file_whose_answers_were_corrected_cannot_correct_again(
    live: LiveEngagement, tmp_path: Path
) -> None:
    where = tmp_path / "mapping.yaml"
    live.import_file(edited(tmp_path, "second.csv", some_corrected_some_late), where, correct=True)
    assert live.import_file(tmp_path / "first.csv", where).state == "unchanged"
    with pytest.raises(ConflictError, match="3 of its 137 responses were replaced"):
        live.import_file(tmp_path / "first.csv", where, correct=True)


def test_answers_that_the_file_has_no_column_for_are_told_before_they_go(
    live: LiveEngagement, tmp_path: Path
) -> None:
    lines = [line for line in MAPPING.splitlines() if "column: crust" not in line]
    short = tmp_path / "short.yaml"
    short.write_text("\n".join(lines) + "\n")
    change = live.import_file(tmp_path / "first.csv", short, correct=True, dry_run=True).change
    assert change is not None
    assert list(change.lost) == ["oven.crust"]
    assert change.replacing == change.lost["oven.crust"] <= 137


def test_a_file_without_ids_corrects_nothing(live: LiveEngagement, tmp_path: Path) -> None:
    nameless = tmp_path / "nameless.yaml"
    nameless.write_text(MAPPING.replace("id: Person\n", ""))
    with pytest.raises(IngestError, match="names no `id`"):
        live.import_file(tmp_path / "first.csv", nameless, correct=True)


def test_a_wave_that_changed_since_it_was_looked_at_is_looked_at_again(
    live: LiveEngagement, tmp_path: Path
) -> None:
    where = tmp_path / "mapping.yaml"
    second = edited(tmp_path, "second.csv", some_corrected_some_late)
    third = edited(
        tmp_path, "third.csv", lambda rows: rows.__setitem__(slice(1, None), [["X", *rows[1][1:]]])
    )

    def meanwhile(change: Difference) -> bool:
        live.import_file(third, where)
        return True

    with pytest.raises(ConflictError, match="changed since the correction was looked at"):
        live.import_file(second, where, correct=True, confirm=meanwhile)
    assert live.tally().respondents.sum() == 138
    assert live.store.orphans(older_than_seconds=0) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from cxlib.opening import open_live
from cxlib.store import files, taking

at = int(sys.argv[3])
moved = files.LocalFolder.take_in
def take_in(self, *paths):
    global at
    moved(self, *paths)
    at -= 1
    if at == 0:
        os.kill(os.getpid(), signal.SIGKILL)
files.LocalFolder.take_in = take_in
with open_live("crumbs") as live:
    if sys.argv[1] == "undo":
        live.undo()
    else:
        live.import_file(Path(sys.argv[1]), Path(sys.argv[2]), correct=True)
"""


@pytest.mark.parametrize(("what", "moves"), [("correct", 1), ("correct", 2), ("undo", 1)])
def test_a_crash_in_the_middle_leaves_everything_as_it_was(
    live: LiveEngagement, tmp_path: Path, what: str, moves: int
) -> None:
    where = tmp_path / "mapping.yaml"
    second = edited(tmp_path, "second.csv", some_corrected_some_late)
    if what == "undo":
        live.import_file(second, where, correct=True)
        live.import_file(edited(tmp_path, "third.csv", another_corrected), where, correct=True)
    before, records = live.tally(), live.store.batches("crumbs")
    env = {**os.environ, "CX_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    first = "undo" if what == "undo" else str(second)
    done = subprocess.run([sys.executable, "-c", KILLED, first, str(where), str(moves)], env=env, check=False)
    assert done.returncode == -signal.SIGKILL
    assert live.store.batches("crumbs") == records
    assert live.tally() == before
    assert live.store.check() == []
    live.store.sweep(older_than_seconds=0)
    assert live.store.check() == []
    if what == "undo":
        live.undo()
    else:
        assert live.import_file(second, where, correct=True).state == "imported"
    assert live.store.check() == []


def test_a_full_disk_under_what_still_counts_changes_nothing(
    live: LiveEngagement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = as_it_is(live)
    second = edited(tmp_path, "second.csv", some_corrected_some_late)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(taking.corrections, "write_remainders", full)
        with pytest.raises(Exception, match="No space left"):
            live.import_file(second, tmp_path / "mapping.yaml", correct=True)
    assert as_it_is(live) == before


def test_a_run_that_would_tell_on_the_corrected_is_withheld_as_ever(
    live: LiveEngagement, tmp_path: Path
) -> None:
    live.store.add_release("crumbs", "run-1", live.issued())
    live.store.mark_out("run-1")
    live.import_file(
        edited(tmp_path, "second.csv", some_corrected_some_late), tmp_path / "mapping.yaml", correct=True
    )
    with pytest.raises(AnonymityError, match="withheld"):
        live.check_rerelease()
    live.undo()
    live.check_rerelease()


def test_the_command_shows_asks_and_tells(cx: Cx, tmp_path: Path) -> None:
    cx("init", "crumbs", "--framework", BAKERY, "--segment", "shop", "--wave", "w1")
    mapping(tmp_path)
    survey(tmp_path / "first.csv")
    take = ("import", "crumbs", "second.csv", "--mapping", "mapping.yaml")
    cx("import", "crumbs", "first.csv", "--mapping", "mapping.yaml")
    edited(tmp_path, "second.csv", some_corrected_some_late)
    refused(cx(*take), "import it with --correct")
    refused(cx(*take, "--correct"), "replace the answers of 3 respondents", "--yes")
    dry = cx(*take, "--correct", "--dry-run")
    assert "Would import 5 responses" in dry.out
    assert "2 are new, 3 replace what they answered before, 7 are there already and the same" in dry.out
    assert "changes by column: oven.crust (3)" in dry.out
    assert "CANARY" not in dry.out
    done = cx(*take, "--correct", "--yes", "--json").data
    assert (done["state"], done["change"]["new"], done["change"]["identical"]) == ("imported", 2, 7)
    listed = cx("imports", "crumbs").out
    assert "3 of them were replaced by a later import" in listed
    assert "2 were new, 3 replaced earlier answers, 7 were there already" in listed
    assert "Nothing changed" in cx(*take, "--correct").out
    assert "(5 responses)" in cx("undo", "crumbs").out
