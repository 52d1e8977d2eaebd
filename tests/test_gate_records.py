"""What the gate's part of the store keeps, on either database."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from cxlib.errors import ConflictError, NotFoundError, StoreError
from cxlib.settings import read_settings
from cxlib.store import Access, Store, accounts

RUN = "20260324T093001Z-00000001"
MONTH = timedelta(days=30)


@pytest.fixture
def access(tmp_path: Path, database_url: str) -> Iterator[Access]:
    settings = read_settings({"CX_HOME": str(tmp_path), "CX_DATABASE_URL": database_url})
    with Store.open(settings) as store:
        yield store.access


def test_a_run_is_published_once_and_taken_back(access: Access) -> None:
    assert access.publish(RUN, "acme", "2026", actor="x")
    assert not access.publish(RUN, "acme", "2026", actor="x")
    assert [one.run for one in access.publications("acme")] == [RUN]
    assert access.publications("other") == []
    assert access.publication(RUN) == access.publications()[0]
    assert access.unpublish(RUN, actor="x").engagement == "acme"
    assert access.publication(RUN) is None
    with pytest.raises(NotFoundError, match="is not published"):
        access.unpublish(RUN, actor="x")
    assert [one.event for one in access.events()] == ["unpublished", "published"]


def test_a_link_opens_by_its_digest_alone(access: Access) -> None:
    access.add_link("abc", "acme", "Erika", "d" * 64, MONTH, once=False, actor="x")
    assert access.open_link("abc", "e" * 64, "s1").refused == "unknown"
    assert access.open_link("abd", "d" * 64, "s1").refused == "unknown"
    assert access.caller("s1") is None
    assert access.open_link("abc", "d" * 64, "s1").refused == ""
    caller = access.caller("s1")
    assert caller is not None
    assert (caller.actor, caller.engagement, caller.is_facilitator) == ("link abc", "acme", False)
    assert caller.may_see("acme")
    assert not caller.may_see("other")
    assert "Erika" not in repr(caller)
    access.revoke("abc", actor="x")
    assert access.caller("s1") is None
    assert access.open_link("abc", "d" * 64, "s2").refused == "revoked"
    with pytest.raises(NotFoundError, match="nearest abc"):
        access.revoke("abcd", actor="x")


def test_of_many_who_open_a_link_meant_once_one_comes_in(access: Access) -> None:
    access.add_link("abc", "acme", "Erika", "d" * 64, MONTH, once=True, actor="x")
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda place: access.open_link("abc", "d" * 64, f"s{place}").refused, range(16)))
    assert sorted(told) == ["", *["used up"] * 15]
    assert access.check_audit()[2] == []


@pytest.mark.parametrize("name", ["x\0y", "\udcff"])
def test_a_name_that_cannot_be_kept_is_refused(access: Access, name: str) -> None:
    with pytest.raises(StoreError):
        access.add_link("abc", "acme", name, "d" * 64, MONTH, once=False, actor="x")
    assert access.links() == []
    assert access.events() == []


def test_a_facilitator_is_known_by_what_outlives_their_name(access: Access) -> None:
    made = access.add_account("ann", "hash", ["acme"], actor="x")
    with pytest.raises(ConflictError, match="a facilitator ann already"):
        access.add_account("ann", "hash", actor="x")
    access.sign_in(made, "s1", [])
    caller = access.caller("s1")
    assert caller is not None
    assert (caller.actor, caller.is_facilitator, caller.engagement) == (f"user {made.id}", True, "")
    assert caller.may_see("acme")
    assert not caller.may_see("other")
    access.leave(caller)
    assert access.caller("s1") is None
    access.sign_in(made, "s2", [])
    access.remove_account("ann", actor="x")
    assert access.caller("s2") is None
    assert access.accounts() == []
    assert f"user {made.id}" in {one.actor for one in access.events()}


def test_tries_at_the_same_moment_are_all_counted(access: Access) -> None:
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda place: access.count_try(["one", f"browser {place}"]), range(24)))
    assert waits.count(0.0) <= accounts.FREE_TRIES + 3
    access.sign_in(access.add_account("ann", "hash", actor="x"), "s1", ["one"])
    assert access.count_try(["one"]) == 0.0


def test_a_pseudonym_is_the_same_again_and_tells_no_name(access: Access) -> None:
    assert access.pseudonym("name", "ann") == access.pseudonym("name", "ann")
    assert len({access.pseudonym(kind, "ann") for kind in ("name", "operator")}) == 2
    assert "ann" not in access.pseudonym("name", "ann").removeprefix("name ")
