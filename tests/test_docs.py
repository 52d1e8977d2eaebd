"""The README tells the truth: its code runs, its commands exist, its files are there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from cxlib.cli import app
from tests.made import own_example

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands(group: Any = None, before: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Return every command by its words: ("report",), ("framework", "show")."""
    found = {}
    for name, one in (group or get_command(app)).commands.items():
        here = (*before, name)
        found |= commands(one, here) if hasattr(one, "commands") else {here: one}
    return found


COMMANDS = commands()


def command_of(line: str) -> tuple[str, ...]:
    words = tuple(shlex.split(line)[1:])
    return words[:2] if words[:2] in COMMANDS else words[:1]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def shell_lines() -> list[str]:
    """Return the command lines that the README shows, comments cut off."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


def test_the_readme_s_python_runs_on_the_example(
    example_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_example(example_store, tmp_path)
    monkeypatch.setenv("CX_HOME", str(tmp_path))
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    assert names["order"].is_assessed
    assert not names["by_role"].empty


def test_the_readme_names_every_command_and_no_other() -> None:
    named = {command_of(line) for line in shell_lines() if line.startswith("cx ")}
    assert named == set(COMMANDS)


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith("cx ")])
def test_the_readme_s_options_exist(line: str) -> None:
    known = {flag for parameter in COMMANDS[command_of(line)].params for flag in parameter.opts}
    assert {word for word in shlex.split(line) if word.startswith("--")} <= known


def test_every_command_says_what_it_does() -> None:
    for name, command in COMMANDS.items():
        assert command.help, name
        for parameter in command.params:
            assert parameter.help, f"{name} {parameter.name}"


def test_the_readme_s_make_targets_exist() -> None:
    targets = set(re.findall(r"`?make ([a-z0-9-]+)", README))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    benches = {path.stem.replace("_", "-") for path in (ROOT / "tests/bench").glob("bench_*.py")}
    assert {"report", "test", "lab"} <= targets
    for target in targets:
        assert target in benches or re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_every_file_that_the_readme_links_to_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    headings = {f"#{one.lower().replace(' ', '-')}" for one in re.findall(r"^## (.+)$", README, re.MULTILINE)}
    assert [link for link in links if link not in headings and not (ROOT / link).exists()] == []


def test_python_m_cxlib_is_cx() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cxlib", "--help"], capture_output=True, text=True, check=True
    )
    assert all(name[0] in done.stdout for name in COMMANDS)
