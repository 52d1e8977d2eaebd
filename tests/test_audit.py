"""What happened at the gate stays as it was written, or whoever checks is told where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from cxlib.settings import read_settings
from cxlib.store import Access, Store

RUN = "20260324T093001Z-00000001"


@pytest.fixture
def access(tmp_path: Path, database_url: str) -> Iterator[Access]:
    """The gate's part of a store, on either database, in which something has happened."""
    settings = read_settings({"CX_HOME": str(tmp_path), "CX_DATABASE_URL": database_url})
    with Store.open(settings) as store:
        for place in range(5):
            store.access.note("read", f"link {place}", engagement="acme", run=RUN, detail="report.html")
        yield store.access


@pytest.mark.parametrize(("change", "found"), [
    ("UPDATE audit SET actor = 'link 9' WHERE number = 3", "row 3"),
    ("UPDATE audit SET at = '2020-01-01' WHERE number = 1", "row 1"),
    ("UPDATE audit SET detail = '' WHERE number = 5", "row 5"),
    ("UPDATE audit SET seal = (SELECT seal FROM audit WHERE number = 2) WHERE number = 4", "row 4"),
    ("DELETE FROM audit WHERE number = 2", "row 2"),
    ("DELETE FROM audit WHERE number = 1", "row 1"),
    ("INSERT INTO audit SELECT 6, at, event, actor, engagement, run, detail, seal FROM audit "
     "WHERE number = 5", "row 6"),
])  # fmt: skip
def test_a_changed_row_breaks_the_chain(access: Access, change: str, found: str) -> None:
    rows, seal, problems = access.check_audit()
    assert (rows, len(seal), problems) == (5, 64, [])
    with access._database.write() as connection:
        connection.execute(text(change))
    (problem,) = access.check_audit()[2]
    assert problem.where == found


def test_what_was_cut_off_is_told_by_a_seal_that_was_kept(access: Access) -> None:
    _rows, seal, _problems = access.check_audit()
    with access._database.write() as connection:
        connection.execute(text("DELETE FROM audit WHERE number = 5"))
    assert access.check_audit()[2] == []
    (problem,) = access.check_audit(seal[:16])[2]
    assert "is gone" in problem.reason
    access.note("read", "link 7")
    assert access.check_audit(seal)[2] != []


def test_without_the_key_nobody_can_seal(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "secret", lambda name: b"0" * 32)
    access.note("read", "link 9")
    monkeypatch.undo()
    (problem,) = access.check_audit()[2]
    assert problem.where == "row 6"


def test_many_who_write_at_once_leave_one_chain(access: Access) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda place: access.note("read", f"link {place}"), range(40)))
    assert access.check_audit()[0] == 45
    assert access.check_audit()[2] == []
