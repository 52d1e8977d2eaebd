"""Connections: which SQLite, its pragmas, who may write when, and what a failure means in plain words.

SQLite up to 3.51.2 can corrupt a database in WAL mode when one connection checkpoints while another
commits and restarts the log (sqlite.org/wal.html, "The WAL-Reset Bug"; fixed in 3.51.3, 3.50.7 and
3.44.6). Only a commit checkpoints here, so one process at a time writes *and* checkpoints: every write
transaction holds a lock file beside the database from before its BEGIN until after its COMMIT. The
kernel drops that lock with the process, however it dies.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import URL, Connection, column, create_engine, event, inspect, make_url, select, table, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from cxlib.errors import Problem, StoreError
from cxlib.store.migrations import HEAD, upgrade
from cxlib.store.schema import VERSION_TABLE

WAIT_SECONDS = 5.0
POLL_SECONDS = 0.005
CACHE_KIB = 65_536

# ASCII "cx70": tells a store from any other SQLite file (PRAGMA application_id, `file` shows it).
APPLICATION_ID = 0x63783730


def driver() -> ModuleType:
    """Choose the DB-API module that links the newest SQLite at hand."""
    try:
        import pysqlite3
    except ImportError:
        return sqlite3
    newest: ModuleType = max((sqlite3, pysqlite3), key=lambda module: module.sqlite_version_info)
    return newest


def sqlite_version() -> str:
    """Return the version of the SQLite library that the store works with."""
    return str(driver().sqlite_version)


def has_wal_reset_bug(version: str | None = None) -> bool:
    """Tell whether a SQLite version (default: the one in use) has the WAL-reset bug.

    The store is safe with such a version too, as long as nothing but the store writes to its file.

    Source: sqlite.org/wal.html, "The WAL-Reset Bug" (3.7.0 to 3.51.2, fixed in 3.44.6 and 3.50.7 too).
    """
    number = tuple(int(part) for part in (version or sqlite_version()).split("."))
    return not (number >= (3, 51, 3) or (3, 50, 7) <= number < (3, 51) or (3, 44, 6) <= number < (3, 45))


class Database:
    """The database behind one store: `read()` and `write()` are the only ways to it.

    Parameters
    ----------
    url
        SQLAlchemy URL of a SQLite file or a PostgreSQL database.
    wait_seconds
        How long a writer waits for its turn before it is refused.
    """

    def __init__(self, url: str, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self.wait_seconds = wait_seconds
        self.url = _parse(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.path = Path(self.url.database or "").absolute() if self.is_sqlite else None
        self.name = str(self.path or self.url.set(query={}).render_as_string(hide_password=True))
        options: dict[str, Any] = {"pool_pre_ping": not self.is_sqlite}
        if self.is_sqlite:
            options |= {"module": driver(), "connect_args": {"timeout": wait_seconds}}
        else:
            options["connect_args"] = {"connect_timeout": max(2, round(wait_seconds))}
        try:
            self.engine = create_engine(self.url, **options)
        except (ImportError, NoSuchModuleError, ArgumentError, TypeError):
            raise StoreError(
                f"no driver for the database {self.name}",
                fix="Install cxlib's PostgreSQL driver (psycopg), or correct CX_DATABASE_URL.",
            ) from None
        self._lock: FileLock | None = None
        if self.path is not None:
            self._lock = FileLock(
                self.path.with_name(self.path.name + ".lock"),
                poll_interval=POLL_SECONDS,
                # A lock that outlives its process would stop every writer after a crash.
                fallback_to_soft=False,
            )
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)

    def close(self) -> None:
        """Give every connection back to the system."""
        self.engine.dispose()

    # ── Transactions ────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that sees one state of the store from its first to its last statement.

        Raises
        ------
        StoreError
            If the database cannot be read.
        """
        with self._in_plain_words():
            options = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
            with self.engine.connect().execution_options(**options) as connection, connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that may write; it is on disk when the block ends without an exception.

        Raises
        ------
        StoreError
            If no turn comes within `wait_seconds`, or the database cannot be written; then nothing
            of the block was.
        """
        deadline = time.monotonic() + self.wait_seconds
        with (
            self._in_plain_words(),
            self._turn(),
            self.engine.connect().execution_options(cx_writes=True) as connection,
        ):
            self._wait_no_longer_than(deadline, connection)
            with connection.begin():
                if not self.is_sqlite:
                    wait = round(self.wait_seconds * 1000)
                    connection.execute(text(f"SET LOCAL lock_timeout = {wait}"))
                yield connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold the lock file, so that one process at a time writes and checkpoints."""
        if self._lock is None:
            yield
            return
        try:
            self._lock.acquire(timeout=self.wait_seconds)
        except Timeout:
            raise self._busy() from None
        except OSError as error:
            raise _unwritable(self._lock.lock_file, error) from None
        try:
            yield
        finally:
            self._lock.release()

    def _wait_no_longer_than(self, deadline: float, connection: Connection) -> None:
        """Let a programme that knows no lock file (a backup, a shell) delay us for what is left."""
        if self.is_sqlite:
            left = max(0, round((deadline - time.monotonic()) * 1000))
            driver: Any = connection.connection.driver_connection
            driver.execute(f"PRAGMA busy_timeout = {left}")

    # ── Tables ──────────────────────────────────────────────────────────────────────────────────

    def migrate(self) -> None:
        """Bring the tables up to date, from nothing or from an older version.

        Raises
        ------
        StoreError
            If the file is no database, another programme's, or made by a newer version.
        """
        with self.read() as connection:
            if self._version(connection) == HEAD:
                return
        self._use_wal()
        with self.write() as connection:
            if not self.is_sqlite:
                # Two processes that find the same old tables take turns, as SQLite's writers do.
                connection.execute(text(f"SELECT pg_advisory_xact_lock({APPLICATION_ID})"))
            found = self._version(connection)
            if found == HEAD:
                return
            if not upgrade(connection, found):
                raise StoreError(
                    f"the store {self.name} was made by a newer version of cx "
                    f"(its tables are version {found}, this one knows up to {HEAD})",
                    fix="Update cx on this machine, then try again; nothing was changed.",
                )
            if self.is_sqlite:
                connection.execute(text(f"PRAGMA application_id = {APPLICATION_ID}"))

    def _version(self, connection: Connection) -> str | None:
        """Return the version of the tables, or None where there are none yet."""
        names = inspect(connection).get_table_names()
        if VERSION_TABLE in names:
            return connection.execute(
                select(column("version_num")).select_from(table(VERSION_TABLE))
            ).scalar()
        if names and self.is_sqlite:
            raise StoreError(
                f"{self.name} is a database of another programme",
                fix="Point CX_HOME or CX_DATABASE_URL somewhere else; nothing was changed.",
            )
        return None

    def _use_wal(self) -> None:
        """Switch a SQLite file to its write-ahead log, which it then stays with."""
        if not self.is_sqlite:
            return
        with self._in_plain_words(), self._turn():
            connection = self.engine.raw_connection()
            try:
                mode = connection.cursor().execute("PRAGMA journal_mode = WAL").fetchone()[0]
            finally:
                connection.close()
        if mode != "wal":
            raise StoreError(
                f"the folder of {self.name} cannot hold a SQLite write-ahead log",
                fix="Keep data/local/ on a local disk (not a network share), or use PostgreSQL "
                "by CX_DATABASE_URL.",
            )

    def check(self, connection: Connection) -> list[Problem]:
        """Ask a SQLite file whether it is whole; PostgreSQL looks after its own."""
        if not self.is_sqlite:
            return []
        findings = [row[0] for row in connection.execute(text("PRAGMA integrity_check")) if row[0] != "ok"]
        if findings:
            return [Problem("database", f"damaged: {finding}; restore a backup") for finding in findings]
        loose = connection.execute(text("PRAGMA foreign_key_check")).all()
        return [Problem(f"table {row[0]}", f"a row points at a {row[2]} that is not there") for row in loose]

    # ── Failures ────────────────────────────────────────────────────────────────────────────────

    def _busy(self) -> StoreError:
        return StoreError(
            f"the store is busy: another process kept writing to it for {self.wait_seconds:g} s; "
            "nothing was changed",
            fix="Wait until a running import or workshop save has ended, then try again.",
        )

    @contextmanager
    def _in_plain_words(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._explain(error.orig) from None
        except SQLAlchemyError as error:
            raise self._explain(error) from None
        except (sqlite3.Error, driver().Error) as error:
            raise self._explain(error) from None
        except UnicodeEncodeError:
            raise StoreError(
                "a text holds characters that cannot be stored", fix="Remove them and try again."
            ) from None

    def _explain(self, error: BaseException | None) -> StoreError:
        """Say what a database's refusal means and what to do; its own words may hold SQL and names."""
        kind = getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None) or ""
        for prefixes, (what, fix) in _MEANINGS.items():
            if kind.startswith(prefixes):
                return StoreError(what.format(name=self.name), fix=fix) if what else self._busy()
        if not self.is_sqlite and type(error).__name__ == "OperationalError":
            what, fix = _UNREACHABLE
            return StoreError(what.format(name=self.name), fix=fix)
        detail = kind or type(error).__name__
        return StoreError(
            f"the store {self.name} refused ({detail}); nothing was changed",
            fix="Run cx doctor; if it finds nothing, report this with the word in brackets.",
        )


_UNREACHABLE = (
    "the database {name} cannot be reached, or does not let this user in",
    "Check that it runs, and the user, password and name in CX_DATABASE_URL.",
)

# SQLite's extended result names and PostgreSQL's SQLSTATE classes; an empty text means "busy".
_MEANINGS: dict[tuple[str, ...], tuple[str, str]] = {
    ("SQLITE_BUSY", "SQLITE_LOCKED", "55P03", "40001", "40P01"): ("", ""),
    ("SQLITE_FULL", "53100"): (
        "no room left on the disk of {name}; nothing was changed",
        "Free some space, then try again.",
    ),
    ("SQLITE_NOTADB",): (
        "{name} is not a database",
        "Restore it from a backup, or move it away: cx then begins a new, empty store.",
    ),
    ("SQLITE_CORRUPT",): (
        "the store {name} is damaged",
        "Keep a copy of the file, restore the last backup, and run cx doctor.",
    ),
    ("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH", "25006", "42501"): (
        "the store {name} may only be read by this user",
        "Give this user the right to write to it and its folder, or set CX_HOME to another folder.",
    ),
    ("SQLITE_CANTOPEN",): (
        "the store {name} cannot be opened",
        "Check that its folder exists and that this user may write there, or set CX_HOME to another folder.",
    ),
    ("SQLITE_IOERR",): (
        "the disk of {name} failed while it was read or written",
        "Check the disk and the folder's rights, then run cx doctor.",
    ),
    ("57P", "08", "28", "3D000"): _UNREACHABLE,
}


def take_turns(connection: Connection, name: str) -> None:
    """Let whoever is about to write a table wait until this transaction has ended.

    For what is read and then written in one go. SQLite's writers take turns anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"LOCK TABLE {name} IN EXCLUSIVE MODE"))


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError(
            "CX_DATABASE_URL cannot be read as a database URL",
            fix="Write it like postgresql+psycopg://user@host/name, or unset it.",
        ) from None
    backend = parsed.get_backend_name()
    if backend not in {"sqlite", "postgresql"}:
        raise StoreError(
            f"the store works on SQLite or PostgreSQL; CX_DATABASE_URL names {backend}",
            fix="Correct CX_DATABASE_URL, or unset it to use the SQLite file in data/local/.",
        )
    if backend == "sqlite" and (not parsed.database or parsed.database == ":memory:" or parsed.query):
        raise StoreError(
            "CX_DATABASE_URL names no SQLite file",
            fix="Write it like sqlite:////folder/cx.sqlite, or unset it.",
        )
    return parsed


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # BEGIN is ours (see _begin_sqlite), not the driver's.
    connection.isolation_level = None
    for pragma in ("foreign_keys = ON", "synchronous = FULL", f"cache_size = -{CACHE_KIB}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once when another wrote in between,
    # whatever the time-out: so who may write takes the write lock first.
    writes = connection.get_execution_options().get("cx_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _unwritable(path: Any, error: OSError) -> StoreError:
    return StoreError(
        f"cannot write {path}: {error.strerror or error}",
        fix="Give this user the right to write there, free some space, or set CX_HOME to another folder.",
    )
