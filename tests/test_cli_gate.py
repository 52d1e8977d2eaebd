"""The gate from the command line: publishing, links, facilitators, the audit."""

from __future__ import annotations

import io
import re
import socket
import sys
from pathlib import Path

import pytest

from cxlib.errors import NotFoundError, ReportError, SettingsError
from cxlib.run.gate import publishing
from cxlib.run.gate.passwords import is_right
from cxlib.settings import read_settings
from cxlib.store import Store
from tests.conftest import Cx, refused
from tests.gates import PASSWORD, make_run, settings_of


def test_publishing_from_the_command_line(cx: Cx, tmp_path: Path) -> None:
    home = tmp_path / "home"
    folder = make_run(home, "acme")
    draft = make_run(home, "other", number=2, approved=False)
    refused(cx("link", "acme", "--to", "Erika"), "nothing of 'acme' is published", "cx publish acme")
    refused(cx("publish", draft.name), "is a draft", "cx approve")
    assert f"Published {folder.name}" in cx("publish", "acme").out
    assert "Nothing changed" in cx("publish", "acme").out
    picture = tmp_path / "link.svg"
    made = cx("link", "acme", "--to", "Erika \x1b[31m<b>", "--expires", "8w", "--qr", picture)
    address, *more = made.out.splitlines()
    assert re.fullmatch(r"http://127\.0\.0\.1:8866/open/[\w-]{30}\.[\w-]{43}", address)
    assert "Erika �[31m<b>" in more[0]
    assert picture.read_text().startswith("<?xml")
    other = cx(
        "link", folder.name, "--to", "Max", "--once", "--url", "https://r.example.org/x/", "--json"
    ).data
    assert other["address"].startswith("https://r.example.org/x/open/")
    listed = cx("links", "--json").data
    assert [(one["for"], one["once"], one["state"]) for one in listed] == [
        ("Max", True, "opens"), ("Erika \x1b[31m<b>", False, "opens"),
    ]  # fmt: skip
    assert "opens once" in cx("links", "acme").out
    assert "address" not in listed[0]
    assert f"Ended: link {other['link']} for Max" in cx("revoke", other["link"]).out
    assert "revoked" in cx("links").out
    assert "for somebody forgotten" in cx("revoke", other["link"], "--forget").out
    assert "somebody forgotten" in cx("links").out
    refused(cx("revoke", "nonesuch"), "no link 'nonesuch'")
    assert folder.name in cx("unpublish", "acme").out
    refused(cx("unpublish", folder.name), "is not published")
    assert "6 rows, each as it was written" in cx("audit").out
    seal = cx("audit", "--json").data["seal"]
    assert cx("audit", "--holds", seal).code == 0
    assert cx("audit", "--holds", "f" * 64).code == 1
    assert "name forgotten" in cx("audit", "--show", "3").out


@pytest.mark.parametrize("expires", ["", "0d", "-1d", "30", "400d", "1y", "9999w", "³d"])
def test_a_time_that_is_none_is_refused(cx: Cx, tmp_path: Path, expires: str) -> None:
    refused(cx("link", "acme", "--to", "Erika", f"--expires={expires}"), "is no time")


def test_a_port_that_is_taken_is_said(cx: Cx) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused(cx("serve", "--port", port), f"cannot listen on 127.0.0.1, port {port}", "another --port")


def test_a_run_that_was_changed_by_hand_is_not_published(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "acme")
    (folder / "report.pdf").write_text("forged")
    with pytest.raises(ReportError, match="was changed after it was made"):
        publishing.publish(settings_of(tmp_path), "acme")
    with pytest.raises(NotFoundError):
        publishing.publish(settings_of(tmp_path), "nobody")


def test_facilitators_from_the_command_line(cx: Cx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def given(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))

    assert "Nobody signs in yet" in cx("user", "list").out
    given("short\n")
    refused(cx("user", "add", "ann"), "5 characters", "expected 12")
    given(f"{PASSWORD}\n")
    assert "Added ann: sees every engagement" in cx("user", "add", "ann").out
    refused(cx("user", "add", "ann"), "there is a facilitator ann already")
    refused(cx("user", "add", "bob", "--engagement", "nobody"), "no engagement")
    refused(cx("user", "passwd", "anne"), "nearest ann")
    given("another long sentence\n")
    assert "Set: the password of ann" in cx("user", "passwd", "ann").out
    (one,) = cx("user", "list", "--json").data
    assert (one["name"], one["engagements"]) == ("ann", [])
    assert "ann" in cx("user", "list").out
    with Store.open(read_settings()) as store:
        account = store.access.account("ann")
        assert is_right(account.password, "another long sentence")
    assert "Removed ann" in cx("user", "remove", "ann").out
    refused(cx("user", "remove", "ann"), "no facilitator")


@pytest.mark.parametrize("url", ["ftp://x", "results.example.org", "https://", "https://a/?b", "https://a/ b",
                                 "https://u:p@a/", "http://a:99999"])  # fmt: skip
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="is no address"):
        read_settings({"CX_GATE_URL": url})


def test_the_gates_address_is_kept_without_its_last_slash() -> None:
    assert read_settings({"CX_GATE_URL": "https://a.example/x/"}).gate_url == "https://a.example/x"
    assert read_settings({}).gate_url == "http://127.0.0.1:8866"
