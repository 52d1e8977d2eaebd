"""What several files share: the command line, a real browser, and a place for figures that tests measure."""

from __future__ import annotations

import os

# One thread a library, said before any is loaded: testers are as many as processors and more, and threads
# that wait on one another's processor take half of its time.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import json
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import settings as laws
from sqlalchemy import create_engine, make_url, text

from cxlib import cli

# A fixture is found where its name stands.
from tests.made import demo as demo
from tests.made import demos as demos
from tests.made import example_store as example_store
from tests.made import exported as exported

# A law's deadline would measure the machine, not the law.
laws.register_profile("cx", deadline=None)
laws.load_profile("cx")

TOLD: list[str] = []


@pytest.fixture
def tell() -> Callable[[str], None]:
    """Print a measured figure at the end of the run, where a reader finds it although tests are quiet."""
    return TOLD.append


def pytest_configure(config: pytest.Config) -> None:
    """Give each testing process kernels of its own: a parent of kernels is shared by whoever finds it."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = tempfile.mkdtemp(prefix="cxrt")
        os.environ["JUPYTER_RUNTIME_DIR"] = folder
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["told"] = TOLD


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    TOLD.extend(getattr(node, "workeroutput", {}).get("told", []))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if TOLD:
        terminalreporter.section("measured")
        for line in TOLD:
            terminalreporter.write_line(line)


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


Cx = Callable[..., Said]


@pytest.fixture
def cx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cx:
    """Run `cx` as its script does, in this process, with a home of its own."""
    monkeypatch.setenv("CX_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CX_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*args: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["cx", *map(str, args)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return run


def said_at(home: Path, *args: object) -> Said:
    """Run `cx` as its script does, in this process, on a home that is there: for what several tests read."""
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setenv("CX_HOME", str(home))
        patch.delenv("CX_DATABASE_URL", raising=False)
        patch.setattr(sys, "argv", ["cx", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    return Said(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def refused(said: Said, *parts: str) -> None:
    """Hold that a command ended with a known error: code 2, one line, and nothing printed."""
    assert said.code == 2
    assert said.out == ""
    first, *more = said.err.splitlines()
    assert first.startswith("cx: ")
    # One line; only the findings in a person's file stand below it, then the next move.
    assert all(line.startswith("  ") for line in more[:-1])
    assert "Traceback" not in said.err
    for part in parts:
        assert part in said.err


FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Whatever is not this machine is asked for through a port that nobody listens on: a network that is down.
NO_NETWORK = {"server": "http://127.0.0.1:9", "bypass": "127.0.0.1"}
WATCH = """
window.cxViolations = [];
document.addEventListener("securitypolicyviolation",
  (event) => window.cxViolations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


@dataclass
class Visit:
    """A page that was opened, and what the browser had to say about it."""

    page: Any
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)

    @property
    def violations(self) -> list[str]:
        found: list[str] = self.page.evaluate("window.cxViolations")
        return found


def dismiss(dialog: Any, seen: Visit) -> None:
    seen.alerts.append(dialog.message)
    dialog.dismiss()


def _absent(reason: str) -> None:
    if os.environ.get("CX_REQUIRE_BROWSER") == "1":
        pytest.fail(f"CX_REQUIRE_BROWSER=1, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Start Chromium once; skip without it, or fail where CX_REQUIRE_BROWSER=1 asks for it."""
    names = ("chromium", "chromium-browser", "google-chrome")
    program = os.environ.get("CX_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if program is None:
        _absent("Chromium is not installed (apt-get install chromium, or set CX_CHROMIUM)")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _absent("the Python package playwright is not installed")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield started
        started.close()


BINARIES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Name a PostgreSQL server: CX_TEST_DATABASE_URL, or one started for these tests and thrown away.

    It listens on a socket in a folder of its own and nowhere else. Without a server the test skips, or
    fails where CX_REQUIRE_POSTGRES=1 asks for it.
    """
    if given := os.environ.get("CX_TEST_DATABASE_URL"):
        yield given
        return
    found = sorted(path for pattern in BINARIES for path in Path("/").glob(f"{pattern[1:]}/initdb"))
    if not found:
        _without_postgresql("PostgreSQL is not installed (apt-get install postgresql)")
    # The server refuses to run as root: there it runs as the user that Debian's package brings.
    as_root = os.geteuid() == 0
    if as_root and (shutil.which("runuser") is None or not _is_user("postgres")):
        _without_postgresql("PostgreSQL does not run as root, and there is no user postgres to run it as")
    # A socket's path may have about a hundred characters, which pytest's own folders can pass.
    folder = Path(tempfile.mkdtemp(prefix="cxpg"))
    if as_root:
        shutil.chown(folder, "postgres")

    def run(program: str, *args: str) -> None:
        before = ["runuser", "-u", "postgres", "--"] if as_root else []
        done = subprocess.run(
            [*before, str(found[-1].parent / program), *args], capture_output=True, text=True, cwd=folder
        )
        if done.returncode:
            _without_postgresql(f"{program} failed: {done.stderr.strip()[-300:]}")

    data = str(folder / "data")
    try:
        run(
            "initdb",
            "--pgdata",
            data,
            "--auth",
            "trust",
            "--username",
            "cx",
            "--encoding",
            "UTF8",
            "--no-sync",
        )
        options = (
            f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off -c max_connections=80"
        )
        run("pg_ctl", "--pgdata", data, "--wait", "--log", str(folder / "log"), "--options", options, "start")
        try:
            yield f"postgresql+psycopg://cx@/postgres?host={folder}"
        finally:
            run("pg_ctl", "--pgdata", data, "--mode", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Name an empty database: a file of this test, and a schema of its own where a server is given."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'data' / 'local' / 'cx.sqlite'}"
        return
    server, schema = make_url(request.getfixturevalue("postgresql")), f"cx_{secrets.token_hex(6)}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    own = server.update_query_dict({"options": f"-csearch_path={schema}"})
    yield own.render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


def _is_user(name: str) -> bool:
    import pwd

    return any(one.pw_name == name for one in pwd.getpwall())


def _without_postgresql(reason: str) -> NoReturn:
    if os.environ.get("CX_REQUIRE_POSTGRES") == "1":
        pytest.fail(f"CX_REQUIRE_POSTGRES=1, but {reason}")
    pytest.skip(f"{reason}: the store is tested on SQLite only")


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    """Open a file or an address: `visit(path, width=390, color_scheme="dark")`.

    Any further keyword goes to the browser's context. Requests are all but the page itself and
    `data:` addresses; `offline=True` is the default, so that one that is made also fails. Without it this
    machine is reached, and no other.
    """
    with ExitStack() as closing:

        def open_page(
            address: str | Path, *, width: int = 1280, height: int = 900, offline: bool = True, **context: Any
        ) -> Visit:
            url = address.resolve().as_uri() if isinstance(address, Path) else address
            opened = browser.new_context(
                viewport={"width": width, "height": height}, offline=offline, proxy=NO_NETWORK, **context
            )
            closing.callback(opened.close)
            seen = Visit(opened.new_page())
            seen.page.add_init_script(WATCH)
            seen.page.on("console", lambda m: seen.errors.append(m.text) if m.type == "error" else None)
            seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
            seen.page.on("dialog", lambda dialog: dismiss(dialog, seen))
            seen.page.on(
                "request",
                lambda r: None if r.url == url or r.url.startswith("data:") else seen.requests.append(r.url),
            )
            seen.page.goto(url)
            return seen

        yield open_page
