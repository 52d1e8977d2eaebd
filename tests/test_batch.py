"""Batches: every good report there exactly once, whatever dies on the way, and a manifest that is true."""

from __future__ import annotations

import importlib.util
import json
import multiprocessing.forkserver as forkserver
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from cxlib import lean, provenance
from cxlib.cli.batch import Progress, _print_end
from cxlib.creation import add_engagement
from cxlib.errors import DeclarationError, NotFoundError, SettingsError
from cxlib.live import LiveEngagement
from cxlib.run.batch import Cluster, Processes, Told, run_batch
from cxlib.run.jobs import Job, jobs_of, made, plan_of, read_plan
from cxlib.run.reports import MANIFEST
from cxlib.run.runs import find_runs
from cxlib.run.work import Outcome, work
from cxlib.settings import Settings, read_settings
from cxlib.store import Store
from tests.clusters import local_cluster
from tests.conftest import Cx, refused
from tests.samples import ROOT, bakery, declared, mapping, share_of, survey

EVENTS = ("planned", "begun", "again", "done", "failed", "skipped")
CLIENTS = [f"c{number:02d}" for number in range(40)]
# What goes wrong, by the client that it goes wrong for; a file that is there says that it went wrong once.
CELL = """
import os, pathlib, time
trouble = pathlib.Path(r"{folder}") / engagement
if trouble.is_file():
    what = trouble.read_text()
    if what == "dies once":
        trouble.unlink()
        os._exit(9)
    if what == "slow":
        time.sleep(1.5)
    else:
        raise ValueError(what)
engagement
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A store of forty clients with the same answers; imported once."""
    home = tmp_path_factory.mktemp("many")
    settings = read_settings({"CX_HOME": str(home)})
    path, map_ = survey(home / "spring.csv"), mapping(home)
    with Store.open(settings) as store:
        for name in CLIENTS:
            add_engagement(store, declared(engagement=name, name=f"Client {name}"), bakery())
            LiveEngagement(store, name).import_file(path, map_)
    return settings


@pytest.fixture
def clients(many: Settings, tmp_path: Path) -> Settings:
    """The same store, reports of one small notebook, and a place of its own for what is made."""
    share = share_of(tmp_path, CELL.replace("{folder}", str(tmp_path / "trouble")))
    (tmp_path / "trouble").mkdir()
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)
    (home / "data" / "local").symlink_to(many.local)
    return replace(many, share=share, home=home, database_url=many.database_url)


@pytest.fixture
def trouble(tmp_path: Path) -> Callable[[str, str], None]:
    return lambda name, what: (tmp_path / "trouble" / name).write_text(what) and None


def jobs(settings: Settings, names: list[str] = CLIENTS) -> list[Job]:
    return jobs_of(plan_of(names), settings, formats=())


def runs_of(settings: Settings) -> Counter[str]:
    found = [json.loads(path.read_text()) for path in settings.runs.glob(f"c*/*/*/{MANIFEST}")]
    return Counter(one["engagement"] for one in found)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def hold_true(settings: Settings, manifest: Path) -> None:
    """Hold that the manifest says what lies there: every run called done, with its digests, and no half."""
    for line in lines_of(manifest):
        if line["event"] == "done":
            folder = settings.runs / line["engagement"] / line["wave"] / line["run"]
            assert json.loads((folder / MANIFEST).read_text())["files"] == line["files"]
            assert line["seconds"]["total"] > 0
            assert line["peak_mb"] > 50
            # A forked kernel begins with what its parent has imported.
            assert set(line["kernels_mb"]) == {"0_probe"}
            assert line["kernels_mb"]["0_probe"] > 50
    assert not list(settings.runs.glob("*/*/.making-*"))


# ── Faults ──────────────────────────────────────────────────────────────────────────────────────


def test_a_poisoned_client_among_40_stops_no_other_and_leaves_its_cause(
    clients: Settings, trouble: Callable[[str, str], None]
) -> None:
    trouble("c17", "the third oven is cold")
    done = run_batch(jobs(clients), clients, Processes(clients, 2))
    assert (done.count("done"), done.count("failed")) == (39, 1)
    assert runs_of(clients) == Counter({name: 1 for name in CLIENTS if name != "c17"})
    hold_true(clients, done.manifest)
    (failed,) = (one for one in done.outcomes.values() if one.state == "failed")
    assert "the third oven is cold" in failed.cause
    left = Path(failed.kept)
    assert {one.engagement for one in find_runs(clients)} == set(CLIENTS) - {"c17"}
    assert "the third oven is cold" in (left / "cause.txt").read_text()
    assert (left / "notebooks" / "0_probe.ipynb").is_file()
    # A cell that fails would fail again: it is tried once, and the next batch tries it again.
    assert [one["attempt"] for one in lines_of(done.manifest) if one["event"] == "failed"] == [1]
    again = run_batch(jobs(clients), clients, Processes(clients, 2))
    assert (again.count("skipped"), again.count("failed")) == (39, 1)
    assert sum(runs_of(clients).values()) == 39


def test_a_kernel_that_is_killed_is_tried_again(
    clients: Settings, trouble: Callable[[str, str], None]
) -> None:
    trouble("c02", "dies once")
    done = run_batch(jobs(clients, CLIENTS[:4]), clients, Processes(clients, 2))
    assert done.count("done") == 4
    assert runs_of(clients) == Counter(CLIENTS[:4])
    told = [(one["event"], one["attempt"]) for one in lines_of(done.manifest) if one["engagement"] == "c02"]
    assert told == [("planned", 0), ("begun", 0), ("again", 1), ("begun", 1), ("done", 2)]
    hold_true(clients, done.manifest)


def test_a_worker_that_is_killed_takes_nobodys_report_along(
    clients: Settings, trouble: Callable[[str, str], None]
) -> None:
    for name in CLIENTS[:6]:
        trouble(name, "slow")
    killed: list[int] = []

    def kill_one(told: Told) -> None:
        server = forkserver._forkserver._forkserver_pid
        if told.event == "done" and not killed and (found := children_of(server)):
            os.kill(found[-1], signal.SIGKILL)
            killed.append(found[-1])

    done = run_batch(jobs(clients, CLIENTS[:6]), clients, Processes(clients, 2), say=kill_one)
    assert killed
    assert done.count("done") + done.count("skipped") == 6
    assert runs_of(clients) == Counter(CLIENTS[:6])
    hold_true(clients, done.manifest)


def children_of(parent: int) -> list[int]:
    out = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                out.append(int(path.parent.name))
        except (OSError, ValueError):
            continue
    return sorted(out)


SCRIPT = """
import resource, sys
from pathlib import Path
from cxlib.run.batch import Processes, run_batch
from cxlib.run.jobs import jobs_of, plan_of
from cxlib.settings import Settings
if __name__ == "__main__":
    home, url, share, limit, *names = sys.argv[1:]
    settings = Settings(Path(home), url, Path(share))
    todo = jobs_of(plan_of(names), settings, formats=())
    if int(limit):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    done = run_batch(todo, settings, Processes(settings, 2))
    print(done.manifest, done.count("done"), done.count("skipped"), done.count("failed"))
"""


@pytest.fixture
def script(clients: Settings, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start a batch in a process of its own, in a process group of its own."""
    path = tmp_path / "run_it.py"
    path.write_text(textwrap.dedent(SCRIPT))

    def start(names: list[str], limit: int = 0) -> subprocess.Popen[str]:
        command = [sys.executable, path, clients.home, clients.database_url, clients.share, limit, *names]
        return subprocess.Popen(
            [str(one) for one in command], stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    return start


def test_a_batch_killed_at_half_redoes_only_what_was_in_flight(
    clients: Settings, script: Callable[..., subprocess.Popen[str]], trouble: Callable[[str, str], None]
) -> None:
    for name in CLIENTS[:8]:
        trouble(name, "slow")
    running = script(CLIENTS[:8])
    until = time.monotonic() + 120
    while sum(runs_of(clients).values()) < 3 and time.monotonic() < until:
        time.sleep(0.1)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    before = runs_of(clients)
    assert 3 <= sum(before.values()) < 8
    (manifest,) = (clients.runs / "batches").iterdir()
    told = {one: {line["key"] for line in lines_of(manifest) if line["event"] == one} for one in EVENTS}
    assert not told["again"] | told["failed"] | told["skipped"]
    # What was in flight is what begun and did not end: one a worker, and no report of it lies there half.
    assert 1 <= len(told["begun"] - told["done"]) <= 2
    assert told["done"] <= told["begun"] < told["planned"]
    done = run_batch(jobs(clients, CLIENTS[:8]), clients, Processes(clients, 2))
    assert (done.count("skipped"), done.count("done")) == (len(before), 8 - len(before))
    assert runs_of(clients) == Counter(CLIENTS[:8])
    hold_true(clients, done.manifest)


def test_two_batches_at_once_make_each_report_once(
    clients: Settings, script: Callable[..., subprocess.Popen[str]]
) -> None:
    both = [script(CLIENTS[:6]), script(CLIENTS[:6])]
    said = [one.communicate(timeout=300)[0].split() for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert runs_of(clients) == Counter(CLIENTS[:6])
    assert sum(int(one[1]) for one in said) == 6
    assert sum(int(one[1]) + int(one[2]) for one in said) == 12
    for one in said:
        hold_true(clients, Path(one[0]))


def test_a_full_disk_leaves_nothing_half_written(
    clients: Settings, script: Callable[..., subprocess.Popen[str]]
) -> None:
    """A file may grow to 6 kB and no further, which fails where a full disk would."""
    running = script(CLIENTS[:2], 6000)
    said = running.communicate(timeout=300)[0].split()
    assert said[1:] == ["0", "0", "2"]
    assert runs_of(clients) == Counter()
    hold_true(clients, Path(said[0]))
    causes = [line["cause"] for line in lines_of(Path(said[0])) if line["event"] == "failed"]
    assert len(causes) == 2
    assert all("disk" in one or "too large" in one for one in causes), causes


def test_a_disk_that_is_full_for_the_manifest_ends_the_batch_by_a_whole_line(
    clients: Settings, script: Callable[..., subprocess.Popen[str]]
) -> None:
    running = script(CLIENTS[:16], 6000)
    assert running.communicate(timeout=300)[0] == ""
    assert running.returncode != 0
    (manifest,) = (clients.runs / "batches").iterdir()
    assert manifest.stat().st_size < 6000
    assert {line["event"] for line in lines_of(manifest)} <= {"planned", "begun", "again", "failed"}
    hold_true(clients, manifest)
    done = run_batch(jobs(clients, CLIENTS[:2]), clients, Processes(clients, 2))
    assert done.count("done") == 2


@pytest.mark.parametrize("left", [".making-{key}-1", ".gone-20260101T000000Z-{key}"])
def test_a_run_in_the_making_or_on_its_way_out_is_no_run(left: str, clients: Settings) -> None:
    """A host that dies between a run's manifest and its rename, or while it prunes, leaves a manifest."""
    (job,) = jobs(clients, CLIENTS[:1])
    folder = clients.runs / job.engagement / job.wave / left.format(key=job.key)
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text(json.dumps({"job": job.key, "engagement": job.engagement}))
    assert made(job, clients) is None
    kept = folder.rename(folder.with_name("20260101T000000Z-1"))
    assert made(job, clients) == kept


def test_a_folder_that_cannot_be_written_to_stops_no_other_report(clients: Settings) -> None:
    clients.runs.mkdir(parents=True)
    (clients.runs / "c02").write_text("no folder")
    done = run_batch(jobs(clients, CLIENTS[:4]), clients, Processes(clients, 2))
    assert [one.state for one in done.outcomes.values()] == ["done", "done", "failed", "done"]
    (failed,) = (line for line in lines_of(done.manifest) if line["event"] == "failed")
    assert failed["engagement"] == "c02"
    assert "NotADirectoryError" in failed["cause"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each worker loads what it needs")
def test_workers_are_forked_from_a_server_that_has_loaded_all_and_has_one_thread(clients: Settings) -> None:
    forkserver._forkserver._stop()
    with Processes(clients, 1)._pool(1) as pool:
        pool.submit(os.getpid).result()
        server = Path(f"/proc/{forkserver._forkserver._forkserver_pid}")
        assert "libarrow" in (server / "maps").read_text()
        assert len(list((server / "task").iterdir())) == 1


# ── A cluster ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def cluster() -> Iterator[Any]:
    with local_cluster() as started:
        yield started


def test_a_cluster_makes_the_same_and_outlives_a_worker(
    clients: Settings, cluster: Any, trouble: Callable[[str, str], None]
) -> None:
    for name in CLIENTS[:6]:
        trouble(name, "slow")
    killed: list[int] = []

    def kill_one(told: Told) -> None:
        if told.event == "done" and not killed:
            killed.append(next(iter(cluster.workers.values())).process.pid)
            os.kill(killed[0], signal.SIGKILL)

    of = Cluster(clients, cluster.scheduler_address)
    assert of.count == 2
    done = run_batch(jobs(clients, CLIENTS[:6]), clients, of, say=kill_one)
    assert killed
    assert done.count("done") + done.count("skipped") == 6
    assert runs_of(clients) == Counter(CLIENTS[:6])
    hold_true(clients, done.manifest)


def test_a_cluster_that_does_not_answer_is_named(clients: Settings) -> None:
    pytest.importorskip("distributed")
    with pytest.raises(SettingsError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9"):
        run_batch(jobs(clients, CLIENTS[:1]), clients, Cluster(clients, "tcp://127.0.0.1:9"))


@pytest.mark.parametrize("address", ["scheduler", "ftp://scheduler"])
def test_what_is_no_address_is_refused_before_a_client_is_made_of_it(address: str, clients: Settings) -> None:
    pytest.importorskip("distributed")
    with pytest.raises(SettingsError, match=f"no address of a Dask scheduler: {address}"):
        Cluster(clients, address).count  # noqa: B018


# ── Keys ────────────────────────────────────────────────────────────────────────────────────────


def test_a_key_changes_with_whatever_the_report_depends_on(
    clients: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = jobs(clients, ["c00"])
    assert jobs(clients, ["c00"]) == [job]
    others = [*jobs(clients, ["c01"]), *jobs_of(plan_of(["c00"]), clients, formats=("json",))]
    notebook = clients.notebooks / "0_probe.ipynb"
    notebook.write_text(notebook.read_text().replace("A question.", "Another."))
    others += jobs(clients, ["c00"])
    with Store.open(clients) as store:
        LiveEngagement(store, "c00").set_target("oven", 4.0)
    others += jobs(clients, ["c00"])
    (clients.share / "reports").unlink()
    shutil.copytree(ROOT / "reports" / "template", clients.template)
    assert jobs(clients, ["c00"])[0].key == others[-1].key
    with (clients.template / "report.css").open("a") as css:
        css.write("p { color: red }")
    provenance.tree.cache_clear()
    others += jobs(clients, ["c00"])
    monkeypatch.setattr(provenance, "version", lambda name: "0.1" if name == "typst" else version(name))
    provenance.libraries.cache_clear()
    others += jobs(clients, ["c00"])
    provenance.libraries.cache_clear()
    assert len({job.key, *(one.key for one in others)}) == 7


def test_the_same_job_gives_the_same_figures(clients: Settings) -> None:
    (job,) = jobs_of(plan_of(["c03"]), clients, formats=("json",))
    digests = []
    for key in ("a" * 20, "b" * 20):
        found = work(replace(job, key=key), clients)
        assert found.state == "done"
        digests.append({name: one for name, one in found.files.items() if "notebooks" not in name})
    assert digests[0] == digests[1]
    assert {"results.json", "extract/counts.parquet"} <= set(digests[0])


def test_a_plan_names_everything_that_is_not_there(clients: Settings, tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(
        "reports:\n  - engagement: c99\n  - engagement: c01\n    waves: [w9]\n"
        "  - engagement: c02\n    segments: [shelf]\n  - engagement: c03\n"
    )
    with pytest.raises(DeclarationError) as caught:
        jobs_of(read_plan(path), clients)
    said = str(caught.value)
    for part in ("3 of 4 reports", "'c99'", "'w9'", "'shelf'"):
        assert part in said
    path.write_text("reports:\n  - client: c01\n")
    with pytest.raises(DeclarationError, match="engagement"):
        read_plan(path)


def test_a_client_whose_answers_are_damaged_stops_no_plan(tmp_path: Path) -> None:
    """Its units are not known; the report on the whole fails, and says why."""
    settings = read_settings({"CX_HOME": str(tmp_path / "home")})
    with Store.open(settings) as store:
        for name in ("crumbs", "loaves"):
            add_engagement(store, declared(engagement=name), bakery())
            LiveEngagement(store, name).import_file(survey(tmp_path / "s.csv"), mapping(tmp_path))
        (batch,) = store.batches("crumbs")
        path = store.batch_path(batch)
    path.write_bytes(path.read_bytes()[:-9])
    found = jobs_of(plan_of(("crumbs", "loaves"), segments=["shop"]), settings)
    assert [(one.engagement, one.segment) for one in found][:2] == [("crumbs", ()), ("loaves", ())]
    assert {one.engagement for one in found if one.segment} == {"loaves"}
    told = work(found[0], settings)
    assert (told.state, told.is_known) == ("failed", True)
    assert told.cause == f"the answers of import {path.stem} cannot be read: their file is damaged"
    path.unlink()
    assert work(found[0], settings).cause.endswith("their file is gone")


# ── The command line ────────────────────────────────────────────────────────────────────────────


def test_the_command_line_plans_makes_skips_and_prunes(cx: Cx, tmp_path: Path) -> None:
    settings = read_settings({"CX_HOME": str(tmp_path / "home")})
    with Store.open(settings) as store:
        add_engagement(store, declared(), bakery())
        eng = LiveEngagement(store, "crumbs")
        eng.import_file(survey(tmp_path / "s.csv"), mapping(tmp_path))
    planned = cx("batch", "--segment", "shop", "--notebook", "8_business_case", "--to", "json", "--dry-run")
    assert planned.code == 0
    assert "would be made" in planned.out
    assert not settings.runs.exists()
    refused(cx("batch", "--to", "hmtl", "--dry-run"), "'hmtl'", "html")
    refused(cx("batch", "nobody", "--dry-run"), "'nobody'")
    done = cx("batch", "crumbs", "--notebook", "8_business_case", "--to", "json", "--json")
    assert done.code == 0
    (job,) = done.data["jobs"]
    assert (job["state"], job["engagement"]) == ("done", "crumbs")
    again = cx("batch", "crumbs", "--notebook", "8_business_case", "--to", "json")
    assert "0 done, 1 skipped, 0 failed" in again.out
    forced = cx("batch", "crumbs", "--notebook", "8_business_case", "--to", "json", "--force", "--json")
    planned = cx("batch", "crumbs", "--notebook", "8_business_case", "--to", "json", "--dry-run")
    assert "0 of 1 reports" in planned.out
    planned = cx("batch", "crumbs", "--notebook", "8_business_case", "--to", "json", "--dry-run", "--force")
    assert "1 of 1 reports" in planned.out
    runs = [job["run"], forced.data["jobs"][0]["run"]]
    assert "No figure differs." in cx("runs", "--compare", *runs).out
    assert "1 drafts would go" in cx("runs", "crumbs", "--prune", "--keep", "1", "--dry-run").out
    left = settings.runs / "crumbs" / "w1" / ".gone-20260101T000000Z-1"
    left.mkdir()
    assert cx("runs", "crumbs", "--prune", "--keep", "1").code == 0
    assert not left.exists()
    assert [one["run"] for one in cx("runs", "--json").data] == [runs[1]]
    refused(cx("runs", "crums"), "no engagement 'crums'", "crumbs")
    refused(cx("runs", "crums", "--prune"), "no engagement 'crums'", "crumbs")


def test_a_batch_with_a_failure_ends_with_code_1(
    cx: Cx, clients: Settings, trouble: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble("c00", "no flour")
    monkeypatch.setattr("cxlib.settings.read_settings", lambda *_: clients)
    said = cx("batch", "c00", "c01", "--to", "", "--workers", "2")
    assert said.code == 1
    assert "1 done, 0 skipped, 1 failed" in said.out
    assert "failed: c00 w1: " in said.out
    assert "no flour" in said.out


def test_a_batch_that_is_interrupted_says_how_to_go_on(
    cx: Cx, clients: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cxlib.settings.read_settings", lambda *_: clients)
    monkeypatch.setattr("cxlib.run.batch.run_batch", interrupted)
    said = cx("batch", "c00", "--to", "")
    assert (said.code, said.out) == (130, "")
    assert "The same command goes on" in said.err


class Backwards:
    """Workers that end with the first job, and fail one."""

    def take(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Outcome]]:
        for job in reversed(jobs):
            state: Any = "failed" if job.engagement == "c01" else "done"
            yield job, Outcome(job.key, state, f"run of {job.engagement}", is_known=True, cause="no flour")


@pytest.mark.parametrize("force", [False, True])
def test_what_became_of_a_job_is_said_of_that_job(
    force: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever ended first, and by its name also where it has another key because it is made again."""
    jobs = [Job(name, "w1", key=name * 7) for name in CLIENTS[:4]]
    done = run_batch(jobs, read_settings({"CX_HOME": str(tmp_path)}), Backwards(), force=force)
    _print_end(done, jobs, as_json=True)
    said = json.loads(capsys.readouterr().out)["jobs"]
    assert [one["run"] for one in said] == [f"run of {one['engagement']}" for one in said]
    assert [one["state"] for one in said] == ["done", "failed", "done", "done"]
    _print_end(done, jobs, as_json=False)
    assert "failed: c01 w1: no flour" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("terminal", "said"),
    [
        ("", ["1/3 done c00 w1 (2.0 s)", "2/3 failed c01 w1 (1.0 s): no flour"]),
        ("1", ["1 done, 1 running, 1 failed, 0 skipped of 3; about ", " left", "c01 w1"]),
    ],
)
def test_progress_is_a_line_an_event_and_on_a_terminal_one_table(
    terminal: str, said: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", terminal)
    monkeypatch.setenv("TERM", "dumb" if not terminal else "xterm")
    jobs = [Job(f"c{number:02d}", "w1", key=f"{number}") for number in range(3)]
    with Progress(quiet=False, at_once=2) as progress:
        for job in jobs:
            progress.tell(Told("planned", job, None, 0, 0, 0, 0, 3))
        progress.tell(Told("begun", jobs[0], None, 0, 0, 0, 0, 3))
        done = Outcome("0", "done", seconds={"total": 2.0})
        progress.tell(Told("done", jobs[0], done, 1, 1, 0, 0, 3))
        failed = Outcome("1", "failed", seconds={"total": 1.0}, cause="no flour")
        progress.tell(Told("failed", jobs[1], failed, 1, 1, 1, 0, 3))
    err = capsys.readouterr().err
    for part in said:
        assert part in err
    assert "planned" not in err
    assert "begun" not in err


def test_a_unit_that_is_hidden_or_not_there_is_refused_in_one_wording(clients: Settings) -> None:
    from cxlib.segments import extract_of, units_of

    with Store.open(clients) as store:
        extract = LiveEngagement(store, "c01").extract
    shown = units_of(extract, "shop")
    groups = extract.release.groups
    hidden = set(groups.loc[(groups["cut"] == "shop") & groups["is_hidden"], "shop"])
    for unit in (*sorted(hidden), "Nowhere"):
        with pytest.raises(NotFoundError, match="it is not there, or too few answered"):
            extract_of(extract, "shop", unit)
    of = extract_of(extract, "shop", shown[0])
    assert "shop" not in of.release.dims
    n = groups.loc[(groups["cut"] == "shop") & (groups["shop"] == shown[0]), "n"].iloc[0]
    assert of.release.groups.loc[of.release.groups["cut"] == "", "n"].iloc[0] == n
    assert made(jobs(clients, ["c01"])[0], clients) is None


def test_a_worker_begins_without_a_grammar_of_addresses() -> None:
    """It takes more than a second to build, for formats that no notebook has; jsonschema would load it."""
    assert importlib.util.find_spec(lean.GRAMMAR), "nothing to leave out: this test could not fail"
    code = "import cxlib.run.settled, altair, papermill, sys; print(cxlib.lean.GRAMMAR in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout.strip() == "False", ran.stderr
