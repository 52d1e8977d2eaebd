"""The gate from a link to a download, as its clients, its facilitators and its operators meet it."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cxlib.errors import ContractError, SettingsError, StoreError
from cxlib.run.gate import facilitators, publishing
from cxlib.run.gate.gate import STRANGERS_A_MINUTE
from cxlib.run.gate.operating import JsonLines
from cxlib.run.gate.passwords import hashed, is_right
from cxlib.run.gate.rules import Route, Rule
from cxlib.run.gate.shelf import KINDS
from cxlib.run.gate.tokens import Signatures
from cxlib.store import Store, accounts
from tests.gates import (
    ACCENT,
    COVER,
    HASH,
    PASSWORD,
    Browser,
    Running,
    approve_by_hand,
    brand,
    digests,
    make_run,
    running,
    settings_of,
)

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Running]:
    """A gate with one client and one published run."""
    folder = make_run(tmp_path, "acme", client="Acme", wave_name="Spring")
    with running(tmp_path) as gate:
        gate.publish(folder)
        yield gate


RUN = "20260324T093001Z-00000001"
REPORT = f"/runs/{RUN}/report"


def events(here: Running) -> list[str]:
    return [one.event for one in reversed(here.access.events())]


# ── Links ───────────────────────────────────────────────────────────────────────────────────────


def test_a_link_becomes_a_cookie_and_leaves_the_address(here: Running) -> None:
    browser, path = here.browser(), here.link("acme")
    answer = browser.get(path)
    assert (answer.status, answer.headers["Location"]) == (303, "/results")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Max-Age" not in cookie
    assert "expires" not in cookie.lower()
    assert path.rpartition("/")[2] not in cookie
    page = browser.get("/results")
    assert page.status == 200
    assert path.rpartition("/")[2] not in page.text
    for words in ("Acme", "Spring", "Where acme stands.", "Approved 24 March 2026", "for you alone"):
        assert words in page.text


def test_a_link_opens_again_and_on_a_second_device(here: Running) -> None:
    path = here.link("acme")
    first, second = here.browser(), here.browser()
    for browser in (first, second, first):
        assert browser.get(path).status == 303
        assert browser.get(REPORT).status == 200
    assert here.access.links()[0].opened == 2
    assert first.cookies != second.cookies


def test_a_link_meant_once_opens_by_its_button_in_one_browser(here: Running) -> None:
    path = here.link("acme", once=True)
    preview = here.browser()
    for _ in range(3):
        # What only looks (a mail filter) uses nothing up.
        assert preview.get(path).status == 200
    first, second = here.browser(), here.browser()
    page, other = first.get(path), second.get(path)
    assert "opens once" in page.text
    answer = first.post(path, {"form": page.form})
    assert answer.status == 303
    # Nothing else lets this browser back in, so it stays in until the link ends.
    assert 2_591_000 < int(re.search(r"Max-Age=(\d+)", answer.headers["Set-Cookie"])[1]) <= 2_592_000
    assert first.get(REPORT).status == 200
    late = second.post(path, {"form": other.form})
    assert (late.status, "opened already" in late.text) == (410, True)
    assert second.get(REPORT).status == 403
    # The same browser may use its link again.
    assert first.get(path).headers["Location"] == "/results"
    assert here.browser().get(path).status == 410


def test_a_link_that_ended_is_written_down_once_a_minute(here: Running) -> None:
    path = here.link("acme", days=-1)
    assert [here.browser().get(path).status for _ in range(5)] == [410] * 5
    assert events(here).count("refused") == 1


def test_of_many_who_open_a_link_meant_once_at_the_same_moment_one_comes_in(here: Running) -> None:
    path = here.link("acme", once=True)
    browsers = [here.browser() for _ in range(12)]
    forms = [browser.get(path).form for browser in browsers]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda one, form: one.post(path, {"form": form}), browsers, forms))
    assert sorted(one.status for one in answers) == [303, *[410] * 11]


def test_a_link_that_expired_opens_nothing_and_ends_who_is_in(here: Running) -> None:
    answer = here.browser().get(here.link("acme", days=-1))
    assert (answer.status, "has ended" in answer.text) == (410, True)
    browser = here.browser()
    assert browser.get(here.link("acme", days=1.5 / 86_400)).status == 303
    assert browser.get(REPORT).status == 200
    time.sleep(1.6)
    assert browser.get(REPORT).status == 403


def test_a_link_that_was_revoked_opens_nothing_and_ends_who_is_in(here: Running) -> None:
    path, browser = here.link("acme"), here.browser()
    assert browser.get(path).status == 303
    assert browser.get(REPORT).status == 200
    here.access.revoke(here.access.links()[0].id, actor="test")
    assert browser.get(REPORT).status == 403
    answer = browser.get(path)
    assert (answer.status, "taken back" in answer.text) == (410, True)


def test_a_link_of_which_any_sign_was_changed_opens_nothing(here: Running) -> None:
    path = here.link("acme")
    token = path.rpartition("/")[2]
    for place, sign in enumerate(token):
        other = "A" if sign != "A" else "B"
        changed = token[:place] + other + token[place + 1 :]
        answer = here.browser().get(f"/open/{changed}")
        # The last sign of a digest carries two bits that no byte holds: its neighbours decode alike.
        assert answer.status == 404 or place == len(token) - 1, place
        assert "Set-Cookie" not in answer.headers or place == len(token) - 1
    assert here.browser().get(path).status == 303


def test_a_signature_for_one_purpose_is_none_for_another() -> None:
    mine, other = Signatures(b"1" * 32), Signatures(b"2" * 32)
    minted, (cookie, session) = mine.mint(), mine.cookie()
    assert mine.read_link(minted.token) == (minted.id, minted.digest)
    assert mine.read_cookie(cookie) == session
    assert mine.read_link(cookie) is None
    assert mine.read_cookie(minted.token) == ""
    assert other.read_link(minted.token) is None
    assert other.read_cookie(cookie) == ""
    assert mine.is_form_token(session, mine.form_token(session))
    assert not mine.is_form_token("other", mine.form_token(session))
    assert not mine.is_form_token("", mine.form_token(""))


def test_the_store_holds_nothing_that_opens(here: Running) -> None:
    path, browser = here.link("acme"), here.browser()
    browser.get(path)
    (cookie,) = browser.cookies.values()
    token = path.rpartition("/")[2]
    held = b"".join(one.read_bytes() for one in here.gate.settings.local.glob("cx.sqlite*"))
    for secret in (token, token.partition(".")[0][8:], cookie, cookie.partition(".")[0]):
        assert secret.encode() not in held


def test_secrets_are_for_this_user_alone(here: Running) -> None:
    folder = here.gate.settings.local / "gate"
    assert {one.name for one in folder.iterdir()} == {"sessions.key", "operator.key", "audit.key"}
    assert folder.stat().st_mode & 0o077 == 0
    assert [one.stat().st_mode & 0o777 for one in folder.iterdir()] == [0o600] * 3


def test_a_session_ends_with_leaving(here: Running) -> None:
    browser = here.client("acme")
    kept = dict(browser.cookies)
    page = browser.get("/results")
    answer = browser.post("/leave", {"form": page.form})
    assert "closed on this device" in answer.text
    assert browser.cookies == {}
    # The cookie itself opens no more, whoever has kept it.
    assert Browser(browser.address, kept).get(REPORT).status == 403


def test_a_link_opens_only_so_many_sessions_at_once(here: Running) -> None:
    path, browsers = here.link("acme"), []
    for _ in range(accounts.MOST_SESSIONS + 2):
        browsers.append(here.browser())
        browsers[-1].get(path)
    assert [one.get("/results").status for one in browsers] == [403, 403, *[200] * accounts.MOST_SESSIONS]


# ── What a client sees ──────────────────────────────────────────────────────────────────────────


def test_every_file_can_be_taken_and_is_what_the_run_holds(here: Running, tmp_path: Path) -> None:
    browser = here.client("acme")
    folder = next(tmp_path.glob("reports/out/acme/*/*/"))
    page = browser.get("/results").text
    for name, kind in KINDS.items():
        assert f'href="/runs/{RUN}/files/{name}"' in page
        answer = browser.get(f"/runs/{RUN}/files/{name}")
        assert answer.data == (folder / name).read_bytes()
        assert answer.headers["Content-Type"] == kind
        ending = name.rpartition(".")[2]
        assert answer.headers["Content-Disposition"] == f'attachment; filename="acme-2026.{ending}"'
    everything = browser.get(f"/runs/{RUN}/files.zip")
    with zipfile.ZipFile(io.BytesIO(everything.data)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == sorted(f"acme-2026.{name.rpartition('.')[2]}" for name in KINDS)
        assert archive.read("acme-2026.pdf") == (folder / "report.pdf").read_bytes()


def test_a_file_that_was_changed_by_hand_is_not_handed_out(here: Running, tmp_path: Path) -> None:
    browser = here.client("acme")
    folder = next(tmp_path.glob("reports/out/acme/*/*/"))
    (folder / "report.pdf").write_text("forged")
    (folder / "report.html").write_text((folder / "report.html").read_text() + "<script>1</script>")
    for path in (f"/runs/{RUN}/files/report.pdf", f"/runs/{RUN}/files.zip", REPORT):
        answer = browser.get(path)
        assert answer.status == 503
        assert "forged" not in answer.text
        assert "written anew" in answer.text


def test_a_page_that_asks_for_more_than_ours_is_not_served(here: Running, tmp_path: Path) -> None:
    folder = next(tmp_path.glob("reports/out/acme/*/*/"))
    page = (folder / "report.html").read_text()
    assert "script-src &#39;sha256-" in page
    (folder / "report.html").write_text(page.replace("script-src ", "script-src &#39;unsafe-inline&#39; ", 1))
    manifest = json.loads((folder / "manifest.json").read_text())
    files = digests(folder)
    files.pop("manifest.json")
    (folder / "manifest.json").write_text(json.dumps({**manifest, "files": files}))
    assert here.client("acme").get(REPORT).status == 503


def test_the_report_has_the_policy_of_its_own_hashes_and_a_way_back(here: Running) -> None:
    answer = here.client("acme").get(REPORT)
    policy = answer.headers["Content-Security-Policy"]
    assert re.search(r"script-src ('sha256-[\w+/]+=' ?)+;", policy)
    assert "unsafe" not in policy
    assert "http-equiv" not in answer.text
    assert 'href="/results">All results</a>' in answer.text
    zipped = here.client("acme").get(REPORT, Accept_Encoding="gzip")
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert len(zipped.data) < len(answer.data) / 1.5


def test_an_unpublished_run_is_gone_at_once(here: Running) -> None:
    browser = here.client("acme")
    assert browser.get(REPORT).status == 200
    here.access.unpublish(RUN, actor="test")
    assert browser.get(REPORT).status == 404
    page = browser.get("/results")
    assert "Nothing is published" in page.text
    assert REPORT not in page.text


def test_waves_units_and_earlier_editions_stand_in_order(tmp_path: Path) -> None:
    folders = [
        make_run(tmp_path, "acme", wave="2025", number=1, wave_name="Old"),
        make_run(tmp_path, "acme", wave="2026", number=2, wave_name="New"),
        make_run(tmp_path, "acme", wave="2026", number=3, wave_name="New"),
        make_run(tmp_path, "acme", wave="2026", number=4, wave_name="New", unit="Castle Hill"),
    ]
    with running(tmp_path) as here:
        for folder in folders:
            here.publish(folder)
        page = here.client("acme").get("/results").text
    order = [page.index(f"/runs/{folders[place].name}/report") for place in (2, 1, 3, 0)]
    assert order == sorted(order)
    assert page.count("<article") == 3
    assert "Castle Hill" in page
    assert page.index("Earlier editions") < page.index(folders[1].name)


def test_a_german_engagement_is_spoken_to_in_german(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "acme", language="de")
    with running(tmp_path) as here:
        here.publish(folder)
        once, browser = here.link("acme", once=True), here.browser()
        assert "Dieser Link öffnet einmal" in browser.get(once).text
        browser = here.client("acme")
        page = browser.get("/results").text
        assert '<html lang="de">' in page
        for words in ("Ihre Ergebnisse", "Bericht lesen", "Zum Mitnehmen", "Freigegeben am 24. März 2026"):
            assert words in page
        assert ">Alle Ergebnisse</a>" in browser.get(f"/runs/{folder.name}/report").text
        expired = here.browser().get(here.link("acme", days=-1), Accept_Language="en")
        assert "abgelaufen" in expired.text
        assert "Hier ist nichts" in here.browser().get("/nothing", Accept_Language="de-AT,en").text


def test_a_client_sees_the_look_that_their_report_was_made_with(here: Running, tmp_path: Path) -> None:
    folder = make_run(tmp_path, "branded", number=7)
    brand(folder, "North & Light")
    approve_by_hand(folder, "branded")
    here.publish(folder)
    client = here.client("branded")
    page = client.get("/results").text
    assert 'alt="North &amp; Light"' in page
    assert "North &amp; Light<br>In sequence" in page
    sheet = client.get(f"/runs/{folder.name}/brand.css")
    assert f'href="/runs/{folder.name}/brand.css"' in page
    assert (sheet.status, sheet.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    light, dark = sheet.text.split("@media")
    assert f"--cx-accent:{ACCENT};--cx-cover:{COVER};" in light
    # An accent is held against white paper alone.
    assert ACCENT not in dark
    assert COVER in dark
    # Whose report was made without sees the gate's own, and so does whoever is nobody yet.
    for other in (here.client("acme").get("/results"), here.browser().get("/login")):
        assert "North" not in other.text
        assert "brand.css" not in other.text
    # What somebody put in its place is not worn.
    (folder / "branding" / "branding.yaml").write_text("name: Somebody else\n", encoding="utf-8")
    page = client.get("/results").text
    assert "Somebody else" not in page
    assert "brand.css" not in page


def test_a_run_in_another_clients_folder_is_nobodys(here: Running, tmp_path: Path) -> None:
    folder = next(tmp_path.glob("reports/out/acme/*/*/"))
    moved = tmp_path / "reports/out/other/2026" / folder.name
    moved.parent.mkdir(parents=True)
    folder.rename(moved)
    here.access.unpublish(RUN, actor="test")
    here.publish(moved)
    assert here.client("other").get(REPORT).status == 404


# ── Facilitators ────────────────────────────────────────────────────────────────────────────────


def test_a_facilitator_signs_in_sees_and_signs_out(here: Running) -> None:
    here.client("acme", "Erika").get(REPORT)
    browser = here.facilitator("ann")
    assert "Acme" in browser.get("/engagements").text
    assert browser.get("/engagements/nobody").status == 404
    page = browser.get("/engagements/acme").text
    for words in (RUN, "approved by Ann", "Erika", "opened", "read"):
        assert words in page
    portfolio = browser.get("/portfolio").text
    assert "Where each client stands" in portfolio
    assert "Acme" in portfolio
    assert "Erika" in browser.get("/audit").text
    report = browser.get(REPORT).text
    assert 'href="/engagements/acme"' in report
    kept = dict(browser.cookies)
    answer = browser.post("/logout", {"form": browser.get("/engagements").form})
    assert (answer.status, answer.headers["Location"]) == (303, "/login")
    assert Browser(browser.address, kept).get("/engagements").headers["Location"] == "/login"


def test_a_wrong_password_is_told_from_a_wrong_name_by_nothing(here: Running) -> None:
    here.access.add_account("ann", HASH, actor="test")
    told = [here.browser().sign_in(name, "wrong password!") for name in ("ann", "bob")]
    assert [one.status for one in told] == [403, 403]
    pages = [re.sub(r'value="[^"]*"', "", one.text) for one in told]
    assert pages[0] == pages[1]


def test_tries_are_slowed_by_name_from_whatever_browser(here: Running) -> None:
    here.access.add_account("ann", HASH, actor="test")
    told = [here.browser().sign_in("ann", "wrong password!").status for _ in range(accounts.FREE_TRIES)]
    assert told == [403] * accounts.FREE_TRIES
    # A right password waits as well, so that nobody can tell it from a wrong one.
    late = here.browser().sign_in("ann")
    assert (late.status, "Too many tries" in late.text) == (429, True)
    assert int(late.headers["Retry-After"]) >= 1
    # Another name from the same address does not: a whole workshop shares one.
    assert here.facilitator("bob").get("/engagements").status == 200


def test_tries_are_slowed_by_browser_over_many_names(here: Running) -> None:
    browser = here.browser()
    told = [browser.sign_in(f"name{place}", "wrong password!").status for place in range(7)]
    assert told == [403] * accounts.FREE_TRIES + [429] * 2


def test_a_hundred_tries_at_once_are_a_hundred(here: Running) -> None:
    here.access.add_account("ann", HASH, actor="test")
    with ThreadPoolExecutor(16) as pool:
        told = list(pool.map(lambda _: here.browser().sign_in("ann", "wrong password!").status, range(40)))
    # The first waits are some seconds: on a busy machine the last of the forty may come after them.
    assert told.count(403) <= accounts.FREE_TRIES + 2
    assert set(told) <= {403, 429, 503}


def test_strangers_do_not_fill_the_audit(here: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facilitators, "is_right", lambda known, password: False)
    told = [here.browser().sign_in(f"name {place}", "wrong password!").status for place in range(40)]
    assert set(told) == {403}
    assert events(here).count("sign-in failed") == STRANGERS_A_MINUTE


def test_waiting_ends_and_doubles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [datetime(2026, 1, 1, tzinfo=UTC)]
    monkeypatch.setattr(accounts, "now", lambda: moment[0])
    with Store.open(settings_of(tmp_path)) as store:
        waits = []
        for _ in range(16):
            assert store.access.count_try(["one"]) == 0
            wait = store.access.count_try(["one"])
            waits.append(wait)
            moment[0] += timedelta(seconds=wait)
        # Two tries a round: the fifth begins the waiting.
        assert waits[:2] == [0, 0]
        assert waits[2:8] == [5, 10, 20, 40, 80, 160]
        assert max(waits) == 900
        assert store.access.count_try(["another"]) == 0


def test_a_new_password_ends_whoever_is_in_by_the_old_one(here: Running) -> None:
    browser = here.facilitator("ann")
    here.access.set_password("ann", hashed("another long sentence"), actor="test")
    assert browser.get("/engagements").status == 303
    assert here.browser().sign_in("ann", PASSWORD).status == 403
    assert here.browser().sign_in("ann", "another long sentence").status == 303
    here.access.remove_account("ann", actor="test")
    assert here.browser().sign_in("ann", "another long sentence").status == 403


def test_signing_in_gives_another_cookie_than_before(here: Running) -> None:
    here.access.add_account("ann", HASH, actor="test")
    browser = here.browser()
    browser.get("/login")
    planted = dict(browser.cookies)
    browser.sign_in("ann")
    assert set(browser.cookies) == {"cx-user"}
    assert not set(browser.cookies.values()) & set(planted.values())
    for name in ("cx-user", "cx-client", "cx-visit"):
        assert Browser(browser.address, {name: planted["cx-visit"]}).get("/engagements").status == 303


def test_a_clients_cookie_is_none_of_a_facilitator(here: Running) -> None:
    client, user = here.client("acme").cookies["cx-client"], here.facilitator("ann").cookies["cx-user"]
    address = here.browser().address
    assert Browser(address, {"cx-user": client}).get("/engagements").status == 303
    assert Browser(address, {"cx-client": user}).get("/results").status == 403


def test_passwords_are_hashed_by_argon2id_and_held_to_a_length() -> None:
    assert HASH.startswith("$argon2id$")
    assert is_right(HASH, PASSWORD)
    assert not is_right(HASH, PASSWORD.upper())
    assert not is_right(None, "nobody has this one")
    assert not is_right("damaged", PASSWORD)
    for length in (0, 11, 257):
        with pytest.raises(SettingsError, match=f"{length} characters"):
            hashed("x" * length)


# ── Forms ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("headers", [
    {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}, {"Origin": "https://evil.example"},
])  # fmt: skip
def test_a_form_that_another_site_sends_changes_nothing(here: Running, headers: dict[str, str]) -> None:
    browser = here.client("acme")
    form = browser.get("/results").form
    assert browser.post("/leave", {"form": form}, **headers).status == 403
    assert browser.get("/results").status == 200
    assert browser.post("/leave", {"form": form}, Sec_Fetch_Site="same-origin", Origin="null").status == 200


def test_the_form_of_one_session_is_none_of_another(here: Running) -> None:
    here.access.add_account("ann", HASH, actor="test")
    first, second = here.browser(), here.browser()
    form = first.get("/login").form
    second.get("/login")
    sent = {"form": form, "name": "ann", "password": PASSWORD}
    assert second.post("/login", sent).status == 403
    assert here.browser().post("/login", sent).status == 403
    assert first.post("/login", sent).status == 303


def test_a_body_that_is_too_large_is_not_read(here: Running) -> None:
    browser = here.browser()
    form = browser.get("/login").form
    try:
        status = browser.post("/login", {"form": form, "name": "x" * 200_000}).status
    except OSError:
        status = 400
    assert status == 400


# ── The audit ───────────────────────────────────────────────────────────────────────────────────


def test_what_happens_is_written_down_without_a_name(here: Running) -> None:
    browser = here.client("acme", "Erika Example")
    browser.get(REPORT)
    browser.get(f"/runs/{RUN}/files/report.pdf")
    browser.get(f"/runs/{RUN}/files.zip")
    browser.post("/leave", {"form": browser.get("/results").form})
    here.browser().get(here.link("acme", days=-1))
    here.access.revoke(here.access.links()[0].id, actor="test")
    here.facilitator("ann")
    here.browser().sign_in("ann", "wrong password!")
    here.access.unpublish(RUN, actor="test")
    assert events(here) == [
        "published", "link minted", "opened", "read", "downloaded", "downloaded", "left", "link minted",
        "refused", "link revoked", "user added", "signed in", "sign-in failed", "unpublished",
    ]  # fmt: skip
    told = " ".join(f"{one.actor} {one.detail}" for one in here.access.events())
    assert "Erika" not in told
    assert "ann" not in told
    assert here.access.check_audit()[2] == []


# ── Operating ───────────────────────────────────────────────────────────────────────────────────


def test_health_says_whether_the_store_can_be_read(here: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    assert here.browser().get("/health").data == b'{"status": "ok"}'

    def broken(run: str) -> None:
        raise StoreError("the disk is gone")

    monkeypatch.setattr(here.access, "publication", broken)
    answer = here.browser().get("/health")
    assert (answer.status, b"disk" in answer.data) == (503, False)


def test_metrics_are_for_operators_and_name_nobody(here: Running) -> None:
    here.client("acme").get(REPORT)
    assert here.browser().get("/metrics").status == 404
    assert here.client("acme").get("/metrics").status == 404
    assert here.browser().get("/metrics", Authorization="Bearer wrong").status == 404
    found = here.browser().get("/metrics", Authorization=f"Bearer {here.gate.operator_token}").text
    assert 'cx_gate_answers_total{route="report",status="200"} 1.0' in found
    assert 'cx_gate_links_total{result="opened"}' in found
    assert RUN not in found
    assert "acme" not in found


def test_no_log_holds_a_token_a_cookie_or_a_name(
    here: Running, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    path, browser = here.link("acme", "Erika Example"), here.browser()
    browser.get(path)
    browser.get("/results")
    browser.get(REPORT)
    here.browser().get(path + "x")
    here.browser().get("/nothing")

    def broken(*args: Any, **options: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(here.access, "publications", broken)
    assert browser.get("/results").status == 500
    monkeypatch.setattr(here.access, "look_up", broken)
    assert here.browser().get(path).status == 500
    formatter = JsonLines()
    lines = [json.loads(formatter.format(one)) for one in caplog.records if one.name == "cxlib.gate"]
    assert {line["route"] for line in lines if line["event"] == "answered"} >= {
        "open",
        "portal",
        "report",
        "none",
    }
    assert [line["error"] for line in lines if line["event"] == "failed"] == ["RuntimeError"] * 2
    told = caplog.text + json.dumps(lines)
    for secret in (path.rpartition("/")[2], *browser.cookies.values(), "Erika", "/open/"):
        assert secret not in told


@pytest.mark.parametrize(("url", "prefix", "name"), [
    ("https://results.example.org", "", "__Host-cx-client"),
    ("https://example.org/cx/results", "/cx/results", "__Secure-cx-client"),
])  # fmt: skip
def test_behind_https_cookies_are_secure_and_the_prefix_is_kept(
    tmp_path: Path, url: str, prefix: str, name: str
) -> None:
    folder = make_run(tmp_path, "acme")
    with running(tmp_path, url=url) as here:
        here.publish(folder)
        host = url.split("/")[2]
        browser = here.browser()
        answer = browser.get(prefix + here.link("acme"), Host=host)
        assert answer.headers["Location"] == f"{prefix}/results"
        assert answer.headers["Set-Cookie"].startswith(f"{name}=")
        assert "; Secure" in answer.headers["Set-Cookie"]
        assert f"Path={prefix or '/'}" in answer.headers["Set-Cookie"]
        assert "max-age=" in answer.headers["Strict-Transport-Security"]
        page = browser.get(f"{prefix}/results", Host=host)
        assert page.status == 200
        addresses = re.findall(r'(?:href|action)="(/[^"]*)"', page.text)
        assert len(addresses) > 8
        assert all(one.startswith(f"{prefix}/") for one in addresses)
        style = next(one for one in addresses if one.endswith(".css"))
        assert browser.get(style, Host=host).status == 200
        if prefix:
            assert browser.get("/results", Host=host).status == 404


def test_another_host_is_not_answered(here: Running) -> None:
    browser = here.client("acme")
    assert browser.get("/results", Host="evil.example").status == 421
    assert browser.get("/results", Host=f"evil.example:{here.port}").status == 421


def test_serving_ends_when_asked_and_finishes_what_it_began(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "acme")
    settings = settings_of(tmp_path)
    with Store.open(settings) as store:
        store.access.publish(folder.name, "acme", "2026", actor="test")
    environ = {**os.environ, "CX_HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    environ.pop("CX_DATABASE_URL", None)
    command = [sys.executable, "-m", "cxlib", "serve", "--port", "0"]
    process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
    try:
        first = json.loads(process.stderr.readline())
        assert first["event"] == "started"
        port = int(first["listening"].rpartition(":")[2])
        assert first["public"] == first["listening"]
        browser = Browser(("127.0.0.1", port))
        path = publishing.mint_link(settings, "acme", to="Erika").address.removeprefix(settings.gate_url)
        assert browser.get(path).status == 303
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(browser.get, f"/runs/{folder.name}/files.zip") for _ in range(4)]
            time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            assert {one.result().status for one in asked if not one.exception()} == {200}
        told = [json.loads(line) for line in process.stderr if line.startswith("{")]
        assert [one["event"] for one in told][-1] == "ended"
    finally:
        process.kill()
        process.wait()


def test_a_route_writes_its_address_and_refuses_what_is_no_name() -> None:
    route = Route("report", "/runs/{run}/report", object, Rule.RUN)  # type: ignore[arg-type]
    assert route.address("/cx", run=RUN) == f"/cx/runs/{RUN}/report"
    assert re.fullmatch(route.pattern("/cx"), f"/cx/runs/{RUN}/report")
    for name in ("../x", RUN + "\n", RUN.lower()):
        with pytest.raises(ContractError):
            route.address(run=name)
