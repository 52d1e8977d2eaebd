"""The command line: every command, what it prints, and how it refuses."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Cx, refused
from tests.samples import BAKERY, mapping, survey

COMMANDS = (
    "init",
    "import",
    "invited",
    "undo",
    "tally",
    "scores",
    "findings",
    "report",
    "demo",
    "doctor",
    "framework",
)


@pytest.fixture
def bakery(cx: Cx, tmp_path: Path) -> Cx:
    """An engagement made from options, with one survey to import."""
    done = cx(
        "init", "crumbs", "--framework", BAKERY, "--name", "Crumb & Sons", "--segment", "shop", "--wave", "w1"
    )
    assert done.code == 0, done.err
    survey(tmp_path / "spring.csv")
    mapping(tmp_path)
    return cx


IMPORT = ("import", "crumbs", "spring.csv", "--mapping", "mapping.yaml")


# ── Help ────────────────────────────────────────────────────────────────────────────────────────


def test_help_lists_every_command_and_each_explains_itself(cx: Cx) -> None:
    listed = cx("--help")
    assert listed.code == 0
    for command in COMMANDS:
        assert f"\n  {command} " in listed.out
        told = cx(command, "--help")
        assert told.code == 0
        assert len(told.out.splitlines()[2].strip()) > 20


def test_cx_alone_shows_its_help(cx: Cx) -> None:
    said = cx()
    assert "Commands:" in said.out + said.err


def test_the_module_and_the_script_are_the_same_command(tmp_path: Path) -> None:
    environ = {**os.environ, "CX_HOME": str(tmp_path)}
    script = Path(sys.executable).with_name("cx")
    for command in ([sys.executable, "-m", "cxlib"], [str(script)]):
        done = subprocess.run(
            [*command, "undo", "nobody"], env=environ, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("cx: no engagement")
        assert len(done.stderr.splitlines()) == 1


def test_a_word_that_is_no_command_is_refused(cx: Cx) -> None:
    said = cx("scors")
    assert said.code == 2
    assert "scors" in said.err
    assert "Traceback" not in said.err


# ── init ────────────────────────────────────────────────────────────────────────────────────────


def test_init_from_options_makes_an_engagement(cx: Cx) -> None:
    said = cx(
        "init", "crumbs", "--framework", BAKERY, "--name", "Crumb & Sons", "--role", "owner=12",
        "--role", "team", "--segment", "shop=Shop", "--wave", "w1", "--wave", "w2", "--smallest-group", 7,
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "Created crumbs: Crumb & Sons" in said.out
    assert "roles owner, team; waves w1, w2; smallest group 7" in said.out
    assert "Next: cx import crumbs" in said.out


def test_init_from_a_file_makes_an_engagement(cx: Cx, tmp_path: Path) -> None:
    shutil.copy(BAKERY, tmp_path)
    (tmp_path / "crumbs.yaml").write_text(
        f"engagement: crumbs\nname: Crumb & Sons\nframework: {BAKERY.name}\n"
        "roles: {team: {}}\nwaves: [{id: w1}]\n"
    )
    said = cx("init", "crumbs.yaml")
    assert said.code == 0, said.err
    assert "Created crumbs: Crumb & Sons" in said.out


def test_init_by_default_takes_the_suites_own_framework_with_all_its_roles(cx: Cx) -> None:
    assert "roles leadership, management, frontline, customer; waves w1" in cx("init", "acme").out


def test_init_twice_is_refused(bakery: Cx) -> None:
    refused(bakery("init", "crumbs", "--framework", BAKERY), "crumbs")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["nothing.yaml"], "no file"),
        (["acme", "--framework", "cx8"], "There are: cx7-"),
        (["acme", "--role", "leader"], "nearest leadership"),
        (["acme", "--role", "frontline=18x"], "18x"),
        (["acme", "--role", "frontline=²"], "²"),
        (["acme", "--smallest-group", "2"], "anonymity.scores"),
        (["a/b"], "engagement"),
        (["../../etc/x"], "engagement"),
        (["CON"], "engagement"),
        (["acme", "--segment", "role"], "role"),
        (["acme", "--wave", "w1", "--wave", "w1"], "there twice"),
    ],
)
def test_init_refuses_what_does_not_fit_and_makes_nothing(cx: Cx, args: list[str], told: str) -> None:
    refused(cx("init", *args), told)
    assert "0 engagements" in cx("doctor").out


# ── import and undo ─────────────────────────────────────────────────────────────────────────────


def test_import_says_what_came_in_and_what_was_left_out(bakery: Cx) -> None:
    said = bakery(*IMPORT)
    assert said.code == 0, said.err
    assert "Imported 137 responses into wave w1" in said.out
    assert "owner 9" in said.out
    assert "left out: Diary" in said.out
    assert "Next: cx report crumbs --wave w1" in said.out


def test_a_dry_run_says_what_would_happen_and_does_nothing(bakery: Cx) -> None:
    assert "Would import 137 responses into wave w1" in bakery(*IMPORT, "--dry-run").out
    assert bakery("tally", "crumbs", "--json").data["answers"] == []


def test_the_same_file_twice_says_that_nothing_changed(bakery: Cx) -> None:
    bakery(*IMPORT)
    before = bakery("scores", "crumbs", "--json").out
    said = bakery(*IMPORT)
    assert (said.code, said.out[:15]) == (0, "Nothing changed")
    assert bakery("scores", "crumbs", "--json").out == before


def test_import_tells_a_program_the_same(bakery: Cx) -> None:
    dry, first, again = (
        bakery(*IMPORT, "--dry-run", "--json"),
        bakery(*IMPORT, "--json"),
        bakery(*IMPORT, "--json"),
    )
    assert [one.data["state"] for one in (dry, first, again)] == ["dry run", "imported", "unchanged"]
    assert [one.data["rows"] for one in (dry, first, again)] == [137, 137, 137]
    assert first.data["roles"] == {"guest": 80, "owner": 9, "team": 48}
    assert first.data["ignored_columns"] == ["Diary"]
    assert again.data["batch"] == first.data["batch"]


def test_a_new_wave_is_added_only_when_asked_for(bakery: Cx) -> None:
    refused(bakery(*IMPORT, "--wave", "w2"), "no wave 'w2'; nearest w1", "--new-wave")
    assert "into wave w2" in bakery(*IMPORT, "--wave", "w2", "--new-wave").out


def test_undo_takes_the_latest_import_back(bakery: Cx) -> None:
    bakery(*IMPORT)
    said = bakery("undo", "crumbs")
    assert said.code == 0
    assert "Undone: spring.csv (137 responses) in wave w1" in said.out
    assert bakery("tally", "crumbs", "--json").data["answers"] == []
    refused(bakery("undo", "crumbs"))


def test_undo_by_its_id_takes_that_import_back(bakery: Cx) -> None:
    batch = bakery(*IMPORT, "--json").data["batch"]
    refused(bakery("undo", "crumbs", "--batch", "20990101-000000-00000000"))
    assert batch in bakery("undo", "crumbs", "--batch", batch).out


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (",team,", ",teem,", "teem"),
        ("Person,Role", "Person,Rolle", "Role"),
        ("2026-03-", "26.3.", "Day"),
    ],
)
def test_a_broken_survey_is_refused_with_row_or_column(
    bakery: Cx, tmp_path: Path, old: str, new: str, told: str
) -> None:
    path = tmp_path / "spring.csv"
    path.write_text(path.read_text().replace(old, new))
    refused(bakery(*IMPORT), "spring.csv", told)
    assert bakery("tally", "crumbs", "--json").data["answers"] == []


def test_a_file_or_mapping_that_is_not_there_is_refused(bakery: Cx) -> None:
    refused(bakery("import", "crumbs", "sprong.csv", "--mapping", "mapping.yaml"), "no file sprong.csv")
    refused(bakery("import", "crumbs", "spring.csv", "--mapping", "map.yaml"), "no file map.yaml")


# ── tally, scores, report, doctor ───────────────────────────────────────────────────────────────


def test_tally_shows_who_answered_what(bakery: Cx) -> None:
    bakery(*IMPORT)
    said = bakery("tally", "crumbs", "--by", "role")
    assert said.code == 0, said.err
    row = next(line.split() for line in said.out.splitlines() if line.startswith("owner"))
    assert "9" in row
    assert "grain.mill" in said.out
    assert "don't know" in said.out


def test_tally_for_a_program_holds_the_same_counts(bakery: Cx) -> None:
    bakery(*IMPORT)
    found = bakery("tally", "crumbs", "--by", "role", "--json").data
    assert [one["n"] for one in found["participation"]] == [9, 48, 80]
    owners = [one for one in found["answers"] if one["role"] == "owner" and one["id"] == "grain.mill"]
    assert sum(one["n"] for one in owners) == 9


def test_scores_shows_steps_and_the_place_in_the_sequence(bakery: Cx) -> None:
    bakery(*IMPORT)
    said = bakery("scores", "crumbs")
    assert said.code == 0, said.err
    for step in ("grain", "oven", "street", "counter"):
        assert f"\n{step} " in said.out
    assert "start here: " in said.out


def test_scores_for_a_program_hold_interval_n_and_sequence(bakery: Cx) -> None:
    bakery(*IMPORT)
    found = bakery("scores", "crumbs", "--by", "role", "--by", "shop", "--json").data
    shown = [one for one in found["scores"] if not one["is_hidden"]]
    assert shown
    assert all(one["low"] < one["mean"] < one["high"] and one["n"] >= 5 for one in shown)
    hidden = [one for one in found["scores"] if one["is_hidden"]]
    assert hidden
    assert all(one["mean"] is one["n"] is None for one in hidden)
    assert found["sequence"]["position"] in range(5)


@pytest.mark.parametrize("kind", ["step", "stream", "item", "construct"])
def test_scores_of_each_kind_can_be_shown(bakery: Cx, kind: str) -> None:
    bakery(*IMPORT)
    found = bakery("scores", "crumbs", "--kind", kind, "--json").data["scores"]
    assert found
    assert {one["kind"] for one in found} == {kind}


def test_a_wave_without_steps_has_no_position(bakery: Cx, tmp_path: Path) -> None:
    survey(tmp_path / "spring.csv", sizes={"guest": 30})
    text = (tmp_path / "mapping.yaml").read_text()
    kept = [line for line in text.splitlines() if "{item: oven" not in line]
    (tmp_path / "mapping.yaml").write_text("\n".join(kept) + "\n")
    bakery(*IMPORT)
    said = bakery("scores", "crumbs").out
    assert "No position: " in said
    assert "oven was not assessed" in said
    assert "grain is hidden" in said


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("scores", "crums"), "nearest crumbs"),
        (("tally", "crums"), "nearest crumbs"),
        (("undo", "crums"), "nearest crumbs"),
        (("report", "crums"), "nearest crumbs"),
        (("import", "crums", "spring.csv", "--mapping", "mapping.yaml"), "nearest crumbs"),
        (("scores", "crumbs", "--wave", "w11"), "nearest w1"),
        (("scores", "crumbs", "--by", "diary"), "'diary'"),
        (("scores", "crumbs", "--by", "rolle"), "'rolle'"),
        (("scores", "crumbs", "--kind", "stepp"), "nearest step"),
        (("report", "crumbs"), "0 responses"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(bakery: Cx, args: tuple[str, ...], told: str) -> None:
    refused(bakery(*args), told)
    refused(bakery(*args, *([] if args[0] == "undo" else ["--json"])), told)


def test_a_misspelt_notebook_is_answered_with_the_nearest(bakery: Cx, tmp_path: Path) -> None:
    bakery(*IMPORT)
    refused(bakery("report", "crumbs", "--notebook", "0_overvew"), "nearest 0_overview")
    assert not list((tmp_path / "home").glob("reports/out/*/*/*"))


def test_doctor_finds_a_healthy_installation(bakery: Cx) -> None:
    said = bakery("doctor")
    assert said.code == 0, said.out
    assert "FAIL" not in said.out
    found = bakery("doctor", "--json").data
    assert all(one["is_ok"] for one in found)
    assert {"Python", "packages", "kernel", "store", "notebooks and template"} <= {
        one["what"] for one in found
    }


def test_doctor_finds_a_damaged_batch_and_says_what_to_do(bakery: Cx, tmp_path: Path) -> None:
    bakery(*IMPORT)
    for path in tmp_path.glob("home/data/local/batches/**/*.parquet"):
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    said = bakery("doctor")
    assert said.code == 1
    assert "FAIL  store" in said.out
    assert "backup" in said.out


def test_a_home_that_is_a_file_is_refused(cx: Cx, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    refused(cx("scores", "crumbs"), "CX_HOME", "is a file")


def test_a_database_address_that_is_none_is_refused(cx: Cx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CX_DATABASE_URL", "nowhere")
    refused(cx("scores", "crumbs"), "CX_DATABASE_URL")


def test_a_reader_that_goes_away_is_no_error(bakery: Cx, tmp_path: Path) -> None:
    bakery(*IMPORT)
    command = f"{sys.executable} -m cxlib tally crumbs --by role --json | head -c 1"
    environ = {**os.environ, "CX_HOME": str(tmp_path / "home")}
    done = subprocess.run(["bash", "-c", command], env=environ, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("{", "")
