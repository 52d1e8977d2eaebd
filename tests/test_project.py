"""The project holds together: one list of packages, one layout, layers that hold, a wheel that is whole."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import cxlib

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / ".ci" / "constraints.txt"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SHARED = ("notebooks", "data/framework", "data/mappings", "data/examples", "reports/template")


def run(*command: str | Path, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command with nothing of this suite's settings in its environment."""
    plain = {
        name: value for name, value in os.environ.items() if not name.startswith(("CX_", "PYTHON", "GIT_"))
    }
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**plain, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """List what git keeps or would keep: everything that is not ignored."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git clone")
    command = [
        "git",
        "-c",
        f"safe.directory={ROOT}",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    found = run(*command, cwd=ROOT)
    assert found.returncode == 0, found.stderr
    return sorted(name for name in found.stdout.split("\0") if name and (ROOT / name).is_file())


# ── Packages ────────────────────────────────────────────────────────────────────────────────────

CONDA_NAMES = {
    "playwright": "playwright-python",
    "jupyter-client": "jupyter_client",
    "jupyter-core": "jupyter_core",
    "jupyter-kernel-test": "jupyter_kernel_test",
    "jupyter-server": "jupyter_server",
    "prometheus-client": "prometheus_client",
}
FROM_PIP = {"axe-playwright-python", "typst"}
ABSENT_FROM_CONDA = {*FROM_PIP, "pysqlite3-binary"}


def wanted() -> list[Requirement]:
    """List every package that pyproject.toml names: to run, to build, and for each extra."""
    project = PROJECT["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    return [
        Requirement(line)
        for line in (*project["dependencies"], *extras, *PROJECT["build-system"]["requires"])
    ]


def as_conda_says(requirements: list[Requirement], python: str) -> dict[str, SpecifierSet]:
    named = {
        CONDA_NAMES.get(one.name, one.name): one.specifier
        for one in requirements
        if one.name not in ABSENT_FROM_CONDA
    }
    return {"python": SpecifierSet(python), "pip": SpecifierSet(), **named}


def in_environment(plain: Mapping[str, Any]) -> dict[str, SpecifierSet]:
    lines = [Requirement(line) for line in plain["dependencies"] if isinstance(line, str)]
    assert len({one.name for one in lines}) == len(lines), "a package is named twice"
    return {one.name: one.specifier for one in lines}


def not_locked(requirements: list[Requirement], lock: str) -> list[str]:
    """Name what the lock does not hold, or holds in a version that is not wanted."""
    locked = dict(line.split("==") for line in lock.splitlines())
    versions = {canonicalize_name(name): Version(version) for name, version in locked.items()}
    return [
        str(one)
        for one in requirements
        if (version := versions.get(canonicalize_name(one.name))) is None or version not in one.specifier
    ]


def not_exact(lock: str) -> list[str]:
    exact = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.!+]*")
    return [line for line in lock.splitlines() if not exact.fullmatch(line)]


def test_conda_and_pip_install_the_same_packages() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert in_environment(environment) == as_conda_says(wanted(), PROJECT["project"]["requires-python"])
    assert environment["channels"] == ["conda-forge"]
    from_pip = [str(one) for one in wanted() if one.name in FROM_PIP]
    assert environment["dependencies"][-1] == {"pip": [*from_pip, "--no-deps --editable ."]}


def test_every_package_is_locked_in_a_version_that_is_wanted() -> None:
    assert not_locked(wanted(), LOCK.read_text(encoding="utf-8")) == []


def test_the_lock_holds_exact_versions_and_no_addresses() -> None:
    lines = LOCK.read_text(encoding="utf-8")
    assert not_exact(lines) == []
    names = [canonicalize_name(line.partition("==")[0]) for line in lines.splitlines()]
    assert len(set(names)) == len(names)


def test_a_lock_that_lags_behind_is_found() -> None:
    requirements = [Requirement(line) for line in ("altair>=6.0", "typer>=0.20", "psycopg[binary]>=3.2")]
    assert not_locked(requirements, "altair==6.3.0\ntyper==0.19.1\n") == [
        "typer>=0.20",
        "psycopg[binary]>=3.2",
    ]


@pytest.mark.parametrize("line", [
    "altair", "altair>=6.0", "altair==6.*", "-e .", "# by hand", "", "altair @ https://example.org/a.whl",
    "--index-url https://example.org/simple", "altair==6.3.0 --hash=sha256:00",
    "altair==6.3.0; python_version > '3.12'",
])  # fmt: skip
def test_a_line_that_is_no_exact_version_is_found(line: str) -> None:
    assert not_exact(f"altair==6.3.0\n{line}\nzipp==3.1\n") == [line]


def test_what_the_tests_import_is_named_in_pyproject() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "tests").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    tops = {name.partition(".")[0] for name in imported} - set(sys.stdlib_module_names) - {"cxlib", "tests"}
    assert {"pytest", "yaml", "numpy"} <= tops
    named, packages = {canonicalize_name(one.name) for one in wanted()}, packages_distributions()
    unnamed = {
        top for top in tops if not named & {canonicalize_name(one) for one in packages.get(top, [top])}
    }
    assert unnamed == set()


# ── Layout ──────────────────────────────────────────────────────────────────────────────────────

TOP = {
    "notebooks", "cxlib", "data", "reports", "tests",
    "environment.yml", "README.md", "pyproject.toml", "Makefile", "LICENSE", "CHANGELOG.md",
}  # fmt: skip

# Written in pieces, so that this file does not find itself.
MACHINE_PATH = re.compile(r"(?<![\w.:~/-])/(?:" + "|".join(["home", "Users", "root", "work"]) + r")/\w")
CDN = re.compile(
    "|".join(
        ["cdn[.]", "[.]cdn", "js" + "delivr", "un" + "pkg[.]", "cdn" + "js", "esm[.]" + "sh", "sky" + "pack",
         "google" + "apis", "g" + "static", "bootstrap" + "cdn", "require" + "js[.]org"]
    )
)  # fmt: skip


def test_the_top_level_holds_the_agreed_layout_and_nothing_else(tracked: list[str]) -> None:
    assert {name.partition("/")[0] for name in tracked if not name.startswith(".")} == TOP


def test_no_file_knows_the_machine_it_was_written_on(tracked: list[str]) -> None:
    own = f"{ROOT}/"
    found = [
        f"{name}: {line.strip()[:80]}"
        for name in tracked
        for line in lines_of(ROOT / name)
        if MACHINE_PATH.search(line) or own in line
    ]
    assert found == []


def test_no_page_loads_anything_from_elsewhere(tracked: list[str]) -> None:
    found = [
        f"{name}: {line.strip()[:80]}"
        for name in tracked
        if name.startswith(("cxlib/", "reports/", "notebooks/"))
        for line in lines_of(ROOT / name)
        if CDN.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("path", ["{}/ann/cx/data.csv", "open('{}/x')", "PATH={}/bin:/usr/bin"])
@pytest.mark.parametrize("folder", ["home", "Users", "root", "work"])
def test_a_path_of_a_machine_is_found(path: str, folder: str) -> None:
    assert MACHINE_PATH.search(path.format("/" + folder))


@pytest.mark.parametrize("text", ["../{}/x", "https://example.org/{}/x", "~/{}/x", "data/{}/x"])
def test_a_path_within_something_else_is_none_of_a_machine(text: str) -> None:
    assert not MACHINE_PATH.search(text.format("home"))


@pytest.mark.parametrize(
    "host", ["cdn.example.org", "cdn.js" + "delivr.net", "un" + "pkg.com/vega", "fonts.google" + "apis.com"]
)
def test_an_address_of_a_cdn_is_found(host: str) -> None:
    assert CDN.search(f'<script src="https://{host}"></script>')


def lines_of(path: Path) -> list[str]:
    """Read a text file by lines; a file of bytes has none."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []


# ── Modules and layers ──────────────────────────────────────────────────────────────────────────


def modules() -> set[str]:
    files, packages = (ROOT / "cxlib").glob("*.py"), (ROOT / "cxlib").glob("*/__init__.py")
    return {path.stem for path in files} | {path.parent.name for path in packages}


def test_no_module_bears_the_name_of_a_public_function() -> None:
    functions = {name for name in cxlib.__all__ if callable(getattr(cxlib, name))}
    assert {"open", "sequence", "Tally"} <= functions
    assert modules() & functions == set()


def test_every_public_name_is_there_and_typed_as_it_is_loaded() -> None:
    assert sorted(cxlib.__all__) == cxlib.__all__ == dir(cxlib)
    for name, (module, attribute) in cxlib._PUBLIC.items():
        loaded = import_module(module)
        assert getattr(cxlib, name) is (getattr(loaded, attribute) if attribute else loaded)
    with pytest.raises(AttributeError, match="has no attribute 'sequenze'"):
        cxlib.sequenze  # noqa: B018


HEAVY = ("pandas", "numpy", "pyarrow", "sqlalchemy", "altair", "typer")


@pytest.mark.parametrize(("statement", "loaded"), [
    ("import cxlib", ()),
    ("import cxlib, cxlib.settings, cxlib.errors, cxlib.frames", ()),
    ("import cxlib; cxlib.Tally", ("numpy", "pyarrow")),
])  # fmt: skip
def test_importing_cxlib_loads_nothing_heavy(statement: str, loaded: tuple[str, ...]) -> None:
    shown = f"{statement}\nimport sys\nprint(*sorted(set(sys.modules) & set({HEAVY!r})))"
    found = run(sys.executable, "-c", shown, cwd=ROOT)
    assert found.returncode == 0, found.stderr
    assert set(found.stdout.split()) >= set(loaded)
    assert loaded or not found.stdout.split()


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return run(program, "--no-cache", "--no-logo", cwd=folder, PYTHONDONTWRITEBYTECODE="1")


def test_every_module_imports_only_what_its_layer_may() -> None:
    found = lint_imports(ROOT)
    assert found.returncode == 0, found.stdout + found.stderr
    assert f"{len(FORBIDDEN)} kept, 0 broken" in found.stdout


CONTRACTS = PROJECT["tool"]["importlinter"]["contracts"]
FORBIDDEN = {
    "Layers: each imports only what lies below": ("errors.py", "import cxlib.frames"),
    "Only the store speaks SQL": ("tables.py", "import sqlalchemy"),
    "Only charts knows Altair": ("stats.py", "def f():\n    import altair"),
    "Only forms makes widgets": ("charts.py", "import ipywidgets"),
    "Only run executes and converts notebooks": ("engagement.py", "import papermill"),
}


def test_an_import_that_is_not_allowed_breaks_its_contract(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "cxlib", tmp_path / "cxlib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for module, line in FORBIDDEN.values():
        with (tmp_path / "cxlib" / module).open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")
    found = lint_imports(tmp_path)
    assert found.returncode == 1, found.stdout + found.stderr
    assert {name for name in FORBIDDEN if f"{name} BROKEN" in found.stdout} == set(FORBIDDEN)


def test_a_module_without_a_layer_breaks_the_contract(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "cxlib", tmp_path / "cxlib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "cxlib" / "utils.py").write_text('"""A drawer."""\n', encoding="utf-8")
    found = lint_imports(tmp_path)
    assert found.returncode == 1
    assert "cxlib.utils" in found.stdout


def test_every_contract_is_shown_able_to_fail() -> None:
    assert {contract["name"] for contract in CONTRACTS} == set(FORBIDDEN)


@pytest.mark.parametrize(("contract", "free"), [
    ("Only the store speaks SQL", "store"),
    ("Only charts knows Altair", "charts"),
    ("Only forms makes widgets", "forms"),
    ("Only run executes and converts notebooks", "run"),
])  # fmt: skip
def test_a_contract_binds_every_module_but_one(contract: str, free: str) -> None:
    (bound,) = (one["source_modules"] for one in CONTRACTS if one["name"] == contract)
    expected = {f"cxlib.{module}" for module in modules() - {free, "__init__", "__main__"}}
    assert set(bound) == expected


# ── The wheel ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory, tracked: list[str]) -> Path:
    """Build the wheel from a clone that was worked in, and unpack it where nothing of the clone is near."""
    clone, built, folder = (tmp_path_factory.mktemp(name) for name in ("clone", "built", "unpacked"))
    for name in tracked:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, clone / name)
    for name in ("notebooks/.ipynb_checkpoints/0_overview-checkpoint.ipynb", "data/local/cx.sqlite"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text("{}", encoding="utf-8")
    done = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", built, cwd=clone)
    assert done.returncode == 0, done.stderr
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_the_wheel_carries_the_files_of_the_clone_and_no_others(unpacked: Path, tracked: list[str]) -> None:
    expected = {name for name in tracked if name.startswith("cxlib/")}
    expected |= {
        f"cxlib/_share/{name}" for name in tracked if name.startswith(tuple(f"{one}/" for one in SHARED))
    }
    carried = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    # Kernelspecs, which an installer puts where Jupyter looks for them.
    data = f"cxlib-{PROJECT['project']['version']}.data/"
    specs = {name for name in carried if name.startswith(data)}
    assert specs == {f"{data}data/share/jupyter/kernels/{name}/kernel.json" for name in ("cx", "cx-live")}
    assert {name for name in carried - specs if ".dist-info/" not in name} == expected


@pytest.mark.parametrize("shared", [
    "notebooks/0_overview.ipynb", "data/framework/schema.json", "data/mappings/mobi.yaml",
    "data/examples/harbour/truths.yaml", "reports/template/page.html.j2",
])  # fmt: skip
def test_the_wheel_carries_what_a_report_needs(unpacked: Path, shared: str) -> None:
    assert (unpacked / "cxlib" / "_share" / shared).is_file()


def test_an_installed_wheel_finds_what_it_carries_and_writes_where_it_is_run(
    unpacked: Path, tmp_path: Path
) -> None:
    asked = "from cxlib.settings import read_settings as r; s = r(); print(s.share, s.home, sep='\\n')"
    found = run(sys.executable, "-c", asked, cwd=tmp_path, PYTHONPATH=str(unpacked))
    assert found.returncode == 0, found.stderr
    share, home = map(Path, found.stdout.splitlines())
    assert share == (unpacked / "cxlib" / "_share").resolve()
    assert home == tmp_path.resolve()


def test_an_installed_wheel_loads_its_own_framework(unpacked: Path, tmp_path: Path) -> None:
    asked = (
        "import cxlib as cx, cxlib.framework as f; s = cx.read_settings(); "
        "print(cx.load_framework(f.find_framework('cx7', s.frameworks)).document.name)"
    )
    found = run(sys.executable, "-c", asked, cwd=tmp_path, PYTHONPATH=str(unpacked))
    assert found.stdout.startswith("cx7-"), found.stderr


def test_an_installed_wheel_answers_on_the_command_line(unpacked: Path, tmp_path: Path) -> None:
    found = run(
        sys.executable, "-m", "cxlib", "--help", cwd=tmp_path, PYTHONPATH=str(unpacked), COLUMNS="100"
    )
    assert found.returncode == 0, found.stderr
    assert "report" in found.stdout
    assert list(tmp_path.iterdir()) == []
