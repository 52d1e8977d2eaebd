"""Looking after the store: files that no row needs, and damage."""

from __future__ import annotations

from pathlib import Path

from cxlib.errors import Problem, StoreError
from cxlib.store import batches, engagements
from cxlib.store.connect import Database
from cxlib.store.files import LocalFolder, sha256_of


def orphans(database: Database, local: LocalFolder, older_than_seconds: float) -> list[Path]:
    """List files that no row needs, older than so many seconds."""
    with database.read() as connection:
        referenced = set(batches.select_active_paths(connection))
    return local.loose(referenced, older_than_seconds=older_than_seconds)


def sweep(database: Database, local: LocalFolder, older_than_seconds: float) -> list[Path]:
    """Remove the orphans and return them."""
    with database.write() as connection:
        # Within a write's turn, so that no import stands between its file and its commit.
        referenced = set(batches.select_active_paths(connection))
        found = local.loose(referenced, older_than_seconds=older_than_seconds)
        for path in found:
            local.remove(path.relative_to(local.root).as_posix())
    return [path for path in found if not path.exists()]


def check(database: Database, local: LocalFolder) -> list[Problem]:
    """Look for damage; one problem a finding, empty if all is well."""
    try:
        with database.read() as connection:
            problems = database.check(connection)
            files = batches.select_active_paths(connection)
            miscounted = batches.select_miscounted(connection)
            slugs = [one.slug for one in engagements.select_engagements(connection)]
    except StoreError as error:
        # Damage can be such that the database cannot even look for it.
        return [Problem("database", error.headline, expected="a database that can be read")]
    for relative, digest in files.items():
        path = local.root / relative
        if not path.is_file():
            problems.append(Problem(f"file {relative}", "missing; restore it from a backup"))
        elif (found := sha256_of(path)) != digest:
            reason = "changed since it was imported; restore it from a backup"
            problems.append(Problem(f"file {relative}", reason, f"SHA-256 {found[:12]}…", f"{digest[:12]}…"))
    for relative, rows, respondents in miscounted:
        reason = "rows and respondents differ in number"
        problems.append(Problem(f"batch {relative}", reason, f"{respondents:,} respondents", f"{rows:,}"))
    for slug in slugs:
        if not local.key_path(slug).is_file():
            problems.append(Problem(f"file keys/{slug}.key", "missing; restore it from a backup"))
    return problems
