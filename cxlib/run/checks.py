"""What `cx doctor` looks at: everything that can be wrong with an installation, with the next move."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from cxlib.errors import CxError
from cxlib.framework import Framework, load_framework
from cxlib.settings import Settings
from cxlib.store import Store, has_wal_reset_bug, sqlite_version


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    is_ok: bool
    found: str
    fix: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Look at Python, packages, kernel, frameworks, store and folders; nothing is changed."""
    return [finding for look in (_python, _packages, _kernel) for finding in look()] + [
        finding for look in (_frameworks, _folders, _store) for finding in look(settings)
    ]


def _python() -> Iterator[Finding]:
    yield Finding("Python", sys.version_info >= (3, 11), sys.version.split()[0], "Use Python 3.11 or newer.")


def _packages() -> Iterator[Finding]:
    """Compare what is installed with what the package says it needs, advisories included."""
    from packaging.requirements import Requirement

    try:
        needed = [Requirement(line) for line in requires("cxlib") or []]
    except PackageNotFoundError:
        yield Finding(
            "packages", False, "cxlib itself is not installed", "Run make report, or pip install the wheel."
        )
        return
    wrong = []
    for one in needed:
        if one.marker and not one.marker.evaluate({"extra": ""}):
            continue
        try:
            if not one.specifier.contains(version(one.name), prereleases=True):
                wrong.append(f"{one.name} {version(one.name)}, expected {one.specifier}")
        except PackageNotFoundError:
            wrong.append(f"{one.name} is missing")
    yield Finding(
        "packages",
        not wrong,
        "; ".join(wrong) or f"{len(needed)} as required",
        "Remove .venv and run make report again.",
    )


def _kernel() -> Iterator[Finding]:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    from cxlib.run.kernels import KERNEL
    from cxlib.run.kernels.forking import can_fork

    try:
        spec = KernelSpecManager().get_kernel_spec(KERNEL)
    except NoSuchKernel:
        yield Finding("kernel", False, f"no kernel {KERNEL}", "Run make report, or install cxlib again.")
        return
    how = "forked" if can_fork() else "ordinary ones: this system has no fork that would do"
    yield Finding("kernel", True, f"{KERNEL}: {spec.display_name}; {how}")


def changed_in_use(framework: Framework, settings: Settings) -> str:
    """Say how a version that was released or used differs from this file; empty where it does not.

    A used version never changes: answers carry its digest. What was released stands in `SHA256SUMS`,
    what was used in the store.
    """
    name = f"{framework.id}-{framework.version}.yaml"
    sums = settings.frameworks / "SHA256SUMS"
    lines = sums.read_text(encoding="utf-8").splitlines() if sums.is_file() else []
    released = {path: digest for digest, path in (line.split(maxsplit=1) for line in lines if line.strip())}
    if released.get(name, framework.digest) != framework.digest:
        return f"{name} was released with another text; give the changed one a new version number"
    if settings.database_url.startswith("sqlite") and not (settings.local / "cx.sqlite").exists():
        return ""
    with Store.open(settings) as store:
        used = store.used_digest(framework.id, framework.version)
    if used not in (None, framework.digest):
        return f"{name} was used with another text; give the changed one a new version number"
    return ""


def _frameworks(settings: Settings) -> Iterator[Finding]:
    def look(path: Path) -> str:
        framework = load_framework(path)
        if changed := changed_in_use(framework, settings):
            raise CxError(changed)
        return f"{framework}"[1:-1]

    for path in sorted(settings.frameworks.glob("*-*.yaml")):
        yield _tried(path.stem, lambda path=path: look(path), "Correct the file, or take the released one.")


def _folders(settings: Settings) -> Iterator[Finding]:
    missing = [
        str(one.relative_to(settings.share))
        for one in (settings.notebooks, settings.template, settings.examples)
        if not one.is_dir()
    ]
    yield Finding(
        "notebooks and template",
        not missing,
        ", ".join(missing) or "there",
        "Reinstall: folders are missing.",
    )
    left = list(settings.runs.glob("*/*/.making-*")) if settings.runs.is_dir() else []
    yield Finding(
        "unfinished reports",
        not left,
        f"{len(left)} left by a crash" if left else "none",
        "Delete reports/out/*/*/.making-*",
    )


def _store(settings: Settings) -> Iterator[Finding]:
    yield Finding(
        "SQLite",
        True,
        sqlite_version()
        + (", which has the WAL-reset bug: one process writes at a time" if has_wal_reset_bug() else ""),
    )
    if settings.database_url.startswith("sqlite") and not (settings.local / "cx.sqlite").exists():
        yield Finding("store", True, "none yet; cx init or cx demo makes it")
        return

    def look() -> str:
        with Store.open(settings) as store:
            if wrong := list(store.check()):
                raise CxError("; ".join(str(one) for one in wrong))
            orphans = store.orphans()
            return f"{len(store.engagements())} engagements" + (
                f"; {len(orphans)} unreferenced files" if orphans else ""
            )

    yield _tried("store", look, "Restore data/local from a backup, or remove it to begin anew.")


def _tried(what: str, look: Callable[[], str], fix: str) -> Finding:
    try:
        return Finding(what, True, look())
    except CxError as error:
        return Finding(what, False, str(error).splitlines()[0], error.fix or fix)
