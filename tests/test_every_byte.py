"""Whole runs and everything made of them, down to the last layer of every file: no byte is anyone's."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import io
import json
import re
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from cxlib.branding import Branding
from cxlib.creation import add_engagement
from cxlib.engagement import Engagement
from cxlib.extract import read_extract
from cxlib.live import LiveEngagement
from cxlib.opening import open_live
from cxlib.run.batch import Processes, run_batch
from cxlib.run.exporting import FILES, exports_of
from cxlib.run.exporting import report_of as document_of
from cxlib.run.jobs import jobs_of, plan_of
from cxlib.run.reports import read_results, written
from cxlib.run.results import results, to_json
from cxlib.run.runs import approve
from cxlib.settings import Settings, read_settings
from cxlib.store import Store
from tests.cases import CANARY, Case, engagement
from tests.conftest import Cx
from tests.inprocess import report_of
from tests.made import Made
from tests.opened import layers, opened
from tests.samples import DIARY, bakery, declared, mapping, share_of, survey
from tests.test_segments import strange_rows

EVERY_FORMAT = ("html", "json", *FILES)
FAILED = "left in the lurch"


def hits(content: bytes, pseudonyms: set[bytes], others: Iterable[bytes]) -> list[bytes]:
    """Find any pseudonym (all as long, of hexadecimal digits) and any other of a few words."""
    (size,) = {len(one) for one in pseudonyms}
    runs = re.findall(rb"[0-9a-f]{%d,}" % size, content.lower())
    inside = {run[at : at + size] for run in runs for at in range(len(run) - size + 1)}
    return [*(inside & pseudonyms), *(one for one in others if one in content)]


def found_in(folder: Path, pseudonyms: set[bytes], others: Iterable[bytes]) -> dict[str, list[bytes]]:
    words = [*others]
    return {name: found for name, data in opened(folder) if (found := hits(data, pseudonyms, words))}


def people_of(eng: LiveEngagement) -> set[bytes]:
    """Return everyone's pseudonym."""
    batches = [eng.store.batch_path(one) for one in eng.store.batches(eng.facts.engagement)]
    return {one.encode() for path in batches for one in pq.read_table(path)["respondent"].to_pylist()}


def keys_of(eng: LiveEngagement) -> list[bytes]:
    key = eng.store.pseudonym_key(eng.facts.engagement)
    return [key, key.hex().encode(), base64.b64encode(key)]


def as_written(*words: str) -> list[bytes]:
    """Return words as they are, without spaces as a PDF's text may be, and as base64."""
    texts = {form for one in words for form in (one, re.sub(r"\s", "", one))}
    return [one.encode() for one in texts] + [base64.b64encode(one.encode())[:7] for one in words]


# ── What would be a hit is found ────────────────────────────────────────────────────────────────


def test_a_pseudonym_is_found_within_a_longer_number() -> None:
    one = b"0123456789abcdef0123456789abcdef"
    assert hits(b"..f" + one.upper() + b"0..", {one}, []) == [one]
    assert hits(b"a CANARY sings", {one}, [b"CANARY"]) == [b"CANARY"]


def archived(data: bytes) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("within.xml", data)
    return whole.getvalue()


def as_parquet(folder: Path) -> bytes:
    frame = pd.DataFrame({"x": ["a CANARY sings"] * 3})
    frame.to_parquet(folder / "x.parquet", compression="gzip", write_statistics=False)
    return (folder / "x.parquet").read_bytes()


def test_a_canary_is_found_in_every_kind_of_file(tmp_path: Path) -> None:
    page = b"<!doctype html><p>a CANARY sings</p>"
    inside = base64.b64encode(b"." * 60 + b"a CANARY sings")
    kept = {
        "split.docx": archived(b"<?xml version='1.0'?><w>a CAN</w><w>ARY sings</w>"),
        "escaped.html": b"<!doctype html><p>a &#67;ANARY sings</p>",
        "embedded.html": b"<!doctype html><img src='data:x;base64," + inside + b"'>",
        "nested.pptx": archived(archived(page)),
        "x.json": b'{"a": ["\\u0043ANARY"]}',
        "x.gz": gzip.compress(page),
        "x.parquet": as_parquet(tmp_path),
    }
    for name, data in kept.items():
        assert CANARY.encode() not in data, name
        assert [where for where, one in layers(name, data) if CANARY.encode() in one], name


# ── The example, as `cx demo` makes it ──────────────────────────────────────────────────────────


def test_no_byte_of_the_examples_run_is_a_persons(demo: Made) -> None:
    with open_live("harbour", settings=demo.settings) as eng:
        pseudonyms, secret = people_of(eng), keys_of(eng)
    assert len(pseudonyms) == 3420
    exports = list((demo.home / "data" / "local" / "examples" / "harbour").glob("*.csv"))
    ids = {
        re.split(r"[;,\t]", line)[0].encode()
        for path in exports
        for line in path.read_text(encoding="utf-8").splitlines()[1:]
    }
    assert len(ids) == 3420
    seen = set()
    for name, content in opened(demo.folder):
        seen.add(name)
        assert hits(content, pseudonyms, secret) == [], name
        # Ids are six digits: as a word of their own, not inside a longer number. A PDF numbers its
        # objects, and places letters, by any number.
        if "pdf: stream" not in name and name not in {"report.pdf", "report.pdf: objects"}:
            assert set(re.findall(rb"(?<![\w.+/-])\d{6}(?![\w.+/-])", content)) & ids == set(), name
    assert seen >= {
        "report.html", "results.json", "manifest.json", "extract/extract.json", "report.pdf: page 1",
        "extract/counts.parquet: column n", "notebooks/0_overview.ipynb: texts",
    }  # fmt: skip


# ── A run of people who can be searched for, in every format ────────────────────────────────────


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[bytes], list[bytes]]:
    """Make a run of people each of whom has an id, an address and a remark: page, figures and all exports."""
    home = tmp_path_factory.mktemp("marked")
    answered = {"leadership": 9, "management": 26, "frontline": 60, "customer": 120}
    eng, settings = engagement(Case(answered, waves=2, canaries=True), home)
    with eng:
        exports = [path.read_bytes() for path in (home / "drawn").glob("*.csv")]
        assert sum(one.count(f"{CANARY}-ID-".encode()) for one in exports) == 2 * sum(answered.values())
        run = home / "run"
        report_of(eng, settings, run)
        (run / "results.json").write_text(to_json(results(eng)), encoding="utf-8")
        said = written(
            run, "20261128T000000Z-00000000", Engagement(read_extract(run / "extract"), eng.wave.id)
        )
        report = document_of(said, Branding(), dt.datetime(2026, 11, 28, tzinfo=dt.UTC))
        files, _ = exports_of(report, lambda: read_results(run), tuple(FILES))
        for name, data in files.items():
            (run / name).write_bytes(data)
        return run, people_of(eng), keys_of(eng)


def test_no_byte_of_a_run_in_any_format_is_a_canarys(marked: tuple[Path, set[bytes], list[bytes]]) -> None:
    folder, pseudonyms, secret = marked
    assert len(pseudonyms) >= 215
    assert {path.name for path in folder.iterdir()} >= {*FILES.values(), "report.html", "results.json"}
    words = as_written(CANARY, "example.org", "said it", "Anything else?", "E-mail")
    assert found_in(folder, pseudonyms, [*secret, *words]) == {}


# ── A batch: whole, units, one that fails, two clients ──────────────────────────────────────────

CELL = f"""
import cxlib as cx
eng = cx.open(engagement, wave=wave, extract=extract)
if engagement == "second" and not [one for one in eng.facts.cuts if "shop" in one]:
    raise ValueError("{FAILED}")
cx.tables.scorecard(eng.scores(by="role"), eng.instrument, kind="item")
"""
CLIENTS = {"first": "CANARY-CLIENT-A", "second": "CANARY-CLIENT-B"}


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, dict[str, set[bytes]], list[bytes]]:
    """Make the reports of two clients and of their shops; those of the second one's shops fail."""
    home = tmp_path_factory.mktemp("batch")
    made = read_settings({"CX_HOME": str(home)})
    settings = replace(made, share=share_of(home, CELL), database_url=made.database_url)
    pseudonyms, secret = {}, []
    map_ = mapping(home)
    with Store.open(settings) as store:
        for seed, (slug, name) in enumerate(CLIENTS.items()):
            add_engagement(store, declared(engagement=slug, name=name), bakery())
            eng = LiveEngagement(store, slug)
            eng.import_file(survey(home / f"{slug}.csv", seed, ids=f"CANARY-{slug}"), map_)
            pseudonyms[slug] = people_of(eng)
            secret += keys_of(eng)
    jobs = jobs_of(plan_of(CLIENTS, segments=["shop"]), settings, formats=EVERY_FORMAT)
    assert len(jobs) >= 4
    done = run_batch(jobs, settings, Processes(settings, 2))
    failed = [job for job in jobs if done.outcomes[job.key].state == "failed"]
    assert {job.engagement for job in failed} == {"second"}
    assert all(job.segment for job in failed)
    assert done.count("done") == len(jobs) - len(failed)
    first = next(done.outcomes[job.key].run for job in jobs if job.engagement == "first")
    approve(settings, first, by="Ann")
    return settings, pseudonyms, secret


def test_no_byte_that_a_batch_leaves_is_a_persons(
    batch: tuple[Settings, dict[str, set[bytes]], list[bytes]],
) -> None:
    settings, pseudonyms, secret = batch
    seen = {name for name, _ in opened(settings.runs)}
    for wanted in ("batches/", "failed/second/", "cause.txt", *FILES.values()):
        assert [name for name in seen if wanted in name], wanted
    ids = [f"CANARY-{slug}-{role}" for slug in CLIENTS for role in ("owner", "team", "guest")]
    words = as_written(*ids, DIARY, "Diary")
    assert found_in(settings.runs, set().union(*pseudonyms.values()), [*secret, *words]) == {}


def test_no_byte_of_a_clients_run_is_another_clients(
    batch: tuple[Settings, dict[str, set[bytes]], list[bytes]],
) -> None:
    settings, pseudonyms, _ = batch
    for slug, other in (("first", "second"), ("second", "first")):
        for folder in (settings.runs / slug, settings.runs / "failed" / slug):
            if folder.exists():
                assert found_in(folder, pseudonyms[other], as_written(CLIENTS[other])) == {}
        mine = found_in(settings.runs / slug, {b"0"}, as_written(CLIENTS[slug]))
        for wanted in ("report.html", "extract/extract.json", *FILES.values()):
            assert [name for name in mine if wanted in name], wanted


def test_a_units_run_holds_rows_of_the_whole_run_and_nothing_else(
    batch: tuple[Settings, dict[str, set[bytes]], list[bytes]],
) -> None:
    settings, _, _ = batch
    found = {
        tuple(json.loads(path.read_text(encoding="utf-8"))["segment"]): path.parent
        for path in settings.runs.glob("first/*/*/manifest.json")
    }
    whole = found.pop(())
    assert len(found) > 1
    for (dim, unit), folder in found.items():
        assert strange_rows(whole / "extract", folder / "extract", dim, unit) == []


def test_what_a_command_says_of_a_run_is_nobodys(
    batch: tuple[Settings, dict[str, set[bytes]], list[bytes]], cx: Cx, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, pseudonyms, secret = batch
    monkeypatch.setattr("cxlib.settings.read_settings", lambda *_: settings)
    monkeypatch.setenv("CX_HOME", str(settings.home))
    every = set().union(*pseudonyms.values())
    for command in (
        ["batch", "second", "--segment", "shop", "--to", ",".join(EVERY_FORMAT)],
        ["anonymity", "first"], ["runs"], ["runs", "--json"], ["scores", "first", "--by", "role"],
        ["tally", "first", "--by", "role"], ["export", "first", "--to", "json"],
    ):  # fmt: skip
        said = cx(*command)
        assert said.code == (command[0] == "batch"), said.err
        content = (said.out + said.err).encode()
        assert hits(content, every, [*secret, *as_written("CANARY-first", "CANARY-second", DIARY)]) == []
