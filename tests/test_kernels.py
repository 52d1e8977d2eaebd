"""Forked kernels are kernels like any other, leave nothing behind, and see nothing that they should not.

Where a promise is "as a stock kernel does it", the same is done with both and compared.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import jupyter_kernel_test as conformance
import nbformat
import papermill
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import v4

from cxlib.run import kernels
from cxlib.run.kernels import ReportKernelManager, forking, provisioner, surroundings, wire

nb: Any = v4
pytestmark = pytest.mark.skipif(not forking.can_fork(), reason="kernels are forked on Linux only")
ROOT = Path(__file__).resolve().parents[1]
SECONDS = 60.0
IDLE = "CX_KERNEL_IDLE_SECONDS"
BOTH = ("cx", "python3")


@contextmanager
def own_runtime(**environ: str) -> Iterator[Path]:
    """Give a runtime folder with a path short enough for sockets; whatever parents it has end with it."""
    folder = Path(tempfile.mkdtemp(prefix="cx"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_RUNTIME_DIR", str(folder))
        for name, value in environ.items():
            patch.setenv(name, value)
        try:
            yield folder
        finally:
            for pid in parents(folder):
                os.kill(pid, signal.SIGKILL)
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module", autouse=True)
def runtime() -> Iterator[Path]:
    with own_runtime() as folder:
        yield folder


def run_alone(work: Any) -> Any:
    """Run a coroutine in a thread of its own: a browser of other tests leaves a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def parents(folder: Path) -> list[int]:
    """Return the processes that are a parent of kernels with its socket in a folder, and not forks of one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
            comm = path.with_name("comm").read_text().strip()
        except OSError:
            continue
        if b"cxlib.run.kernels.parent" in words and os.fsencode(folder) in words[3] and comm != "cx-kernel":
            found.append(int(path.parent.name))
    return found


def descriptors(pid: int) -> list[str]:
    """Return what a process has open, by kind and number: "socket:[12]", "/dev/null"."""
    found = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            found.append(str(path.readlink()))
    # Not the folder that is being listed.
    return sorted(one for one in found if not one.endswith("/fd"))


def kinds(pid: int) -> list[str]:
    return [one.partition(":")[0] for one in descriptors(pid)]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def eventually(holds: Callable[[], bool], seconds: float = 15.0) -> bool:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


class Kernel:
    """A kernel and a client of it, as a person would use them."""

    def __init__(self, name: str = "cx", **start: Any) -> None:
        self.manager = KernelManager(kernel_name=name)
        # On a busy machine a kernel that is asked to end may take longer than five seconds.
        self.manager.shutdown_wait_time = SECONDS
        self.manager.start_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **start)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=SECONDS)

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)
        else:
            self.manager.cleanup_resources()

    @property
    def process(self) -> Any:
        made: Any = self.manager.provisioner
        return made.process

    def run(self, code: str, said: str = "") -> str:
        """Run code and return what it printed, or the name of its error."""
        parts: list[str] = []

        def take(message: Any) -> None:
            if message["msg_type"] == "stream":
                parts.append(message["content"]["text"])

        def answer(message: Any) -> None:
            self.client.input(said)

        reply = self.client.execute_interactive(
            code, output_hook=take, stdin_hook=answer, allow_stdin=bool(said), timeout=SECONDS
        )
        return reply["content"].get("ename") or "".join(parts).strip()

    def _asked(self, expression: str) -> Any:
        return self.client.execute(
            "", silent=True, user_expressions={"value": expression}, reply=True, timeout=SECONDS
        )

    def value(self, expression: str) -> str:
        """Return an expression's value from the reply itself.

        After an interrupt, a stock kernel loses what the next cell prints now and then (2 of 24 seen), and
        so does a forked one.
        """
        reply = self._asked(expression)
        # What arrives while a kernel still turns down what stood behind an interrupted cell is turned down.
        while reply["content"]["status"] == "aborted":
            reply = self._asked(expression)
        return reply["content"]["user_expressions"]["value"]["data"]["text/plain"]


# ── Conformance ─────────────────────────────────────────────────────────────────────────────────


class TestConformance(conformance.KernelTests):
    """Jupyter's own suite of what a kernel must answer."""

    kernel_name = "cx"
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys\nsys.stderr.write('oh')"
    completion_samples = [{"text": "isinst", "matches": {"isinstance"}}]
    complete_code_samples = ["2 + 2", "for i in range(2):\n    i\n\n"]
    incomplete_code_samples = ["for i in range(2):", "print('''oh"]
    invalid_code_samples = ["class = 1"]
    code_page_something = "len?"
    code_generate_error = "1 / 0"
    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": "sorted('cab')", "result": "['a', 'b', 'c']"},
    ]
    code_display_data = [
        {"code": "from IPython.display import HTML, display\ndisplay(HTML('<i>a</i>'))", "mime": "text/html"}
    ]
    code_history_pattern = "6 *7"
    # Not "range": IPython calls the running session 0 there, by whatever way a kernel was started, and the
    # suite expects its number (seen with ipykernel 7.4, IPython 9.18 in a stock kernel).
    supported_history_operations = ("tail", "search")
    code_inspect_sample = "len"
    code_clear_output = "from IPython.display import clear_output\nclear_output()"


def test_the_conformance_suite_is_asked_of_a_forked_kernel_and_all_of_it() -> None:
    samples = {
        name
        for name in vars(conformance.KernelTests)
        if name.startswith(("code_", "complet", "incomplet", "invalid"))
    }
    assert samples <= set(vars(TestConformance))
    with Kernel(TestConformance.kernel_name) as kernel:
        assert isinstance(kernel.process, forking.ForkedKernel)


# ── As a stock kernel does it ───────────────────────────────────────────────────────────────────


def interrupted(kernel: Kernel) -> object:
    asked = kernel.client.execute("import time; time.sleep(60)")
    while kernel.client.get_iopub_msg(timeout=SECONDS)["msg_type"] != "execute_input":
        pass
    time.sleep(0.2)
    kernel.manager.interrupt_kernel()
    while (reply := kernel.client.get_shell_msg(timeout=SECONDS))["parent_header"].get("msg_id") != asked:
        pass
    return reply["content"]["ename"], kernel.value("6 * 7"), kernel.manager.is_alive()


def interrupted_below(kernel: Kernel) -> object:
    """An interrupt reaches what the kernel itself started."""
    kernel.run("import subprocess; sleep = subprocess.Popen(['sleep', '60'])")
    kernel.manager.interrupt_kernel()
    return kernel.value("sleep.wait(10)")


def restarted(kernel: Kernel) -> object:
    first, process = kernel.run("kept = 1; import os; print(os.getpid())"), kernel.process
    kernel.manager.restart_kernel()
    kernel.client.wait_for_ready(timeout=SECONDS)
    return kernel.run("print(kept)"), kernel.run("import os; print(os.getpid())") != first, process.returncode


def shut_down(kernel: Kernel) -> object:
    """Asked politely, a kernel does what it registered to do, and ends with 0."""
    folder, process = Path(tempfile.mkdtemp()), kernel.process
    kernel.run(f"import atexit, pathlib; atexit.register(pathlib.Path({str(folder)!r}).rmdir)")
    kernel.run("import tempfile; held = tempfile.TemporaryDirectory(); name = held.name")
    held = Path(kernel.run("print(name)"))
    file = Path(kernel.manager.connection_file)
    kernel.manager.shutdown_kernel()
    return process.returncode, folder.exists(), held.exists(), file.exists(), kernel.manager.has_kernel


def asked_for_input(kernel: Kernel) -> object:
    return kernel.run("print('hello', input('who? '))", said="you"), kernel.run("input('who? ')")


def without_standard_input(kernel: Kernel) -> object:
    return kernel.run(
        "import os; print(os.read(0, 1), os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid())"
    )


def ended(code: str) -> Callable[[Kernel], object]:
    def outcome(kernel: Kernel) -> object:
        process = kernel.process
        kernel.client.execute(f"import os, signal; {code}")
        assert eventually(lambda: not kernel.manager.is_alive())
        return process.poll(), process.wait(), process.returncode

    return outcome


def quit_by_itself(kernel: Kernel) -> object:
    process = kernel.process
    kernel.client.execute("quit()")
    return eventually(lambda: not kernel.manager.is_alive()), process.returncode


def hears_of_widgets(kernel: Kernel) -> object:
    """Name the targets by which a page asks for widgets: for all at once, and for one."""
    return kernel.run("import ipywidgets; print(sorted(get_ipython().kernel.comm_manager.targets))")


def told_about_itself(kernel: Kernel) -> object:
    names = "sys.argv[1], sys.path, sys.flags.safe_path, sys.flags.utf8_mode, sys.executable, __name__"
    return kernel.run(f"import gc, sys; print({names}, gc.isenabled())")


@pytest.mark.parametrize(
    "outcome",
    [
        interrupted,
        interrupted_below,
        restarted,
        shut_down,
        asked_for_input,
        without_standard_input,
        quit_by_itself,
        told_about_itself,
        hears_of_widgets,
        pytest.param(ended("os._exit(7)"), id="exit code 7"),
        pytest.param(ended("os.kill(os.getpid(), signal.SIGSEGV)"), id="segmentation fault"),
        pytest.param(ended("os.kill(os.getpid(), signal.SIGKILL)"), id="killed"),
        pytest.param(ended("os.kill(os.getpid(), signal.SIGTERM)"), id="terminated"),
        pytest.param(ended("os.abort()"), id="aborted"),
    ],
)
def test_a_forked_kernel_does_as_a_stock_one(outcome: Callable[[Kernel], object]) -> None:
    found = []
    for name in BOTH:
        with Kernel(name) as kernel:
            assert isinstance(kernel.process, forking.ForkedKernel) is (name == "cx")
            found.append(outcome(kernel))
    assert found[0] == found[1]
    assert found[0]


def test_a_death_in_a_cell_is_an_error_of_the_notebook() -> None:
    notebook = nb.new_notebook(cells=[nb.new_code_cell("import os; os.kill(os.getpid(), 9)")])
    with pytest.raises(DeadKernelError):
        NotebookClient(notebook, kernel_name="cx", timeout=SECONDS).execute()


def test_what_a_kernel_writes_past_jupyter_goes_where_its_client_said(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w+b") as out:
        manager = KernelManager(kernel_name="cx")
        manager.start_kernel(stdout=out, stderr=subprocess.STDOUT, extra_arguments=["--debug"])
        manager.shutdown_kernel(now=True)
    assert b"Starting the kernel at pid" in (tmp_path / "out").read_bytes()


def test_papermill_runs_a_notebook_with_nothing_but_the_name(tmp_path: Path) -> None:
    kernel = {"name": "cx", "display_name": "cx", "language": "python"}
    cell = nb.new_code_cell("import os; os.readlink('/proc/self/exe') and open('/proc/self/comm').read()")
    nbformat.write(nb.new_notebook(cells=[cell], metadata={"kernelspec": kernel}), tmp_path / "in.ipynb")
    done = papermill.execute_notebook(
        str(tmp_path / "in.ipynb"), str(tmp_path / "out.ipynb"), progress_bar=False
    )
    assert "cx-kernel" in done.cells[0].outputs[0]["data"]["text/plain"]


def test_jupyter_s_server_starts_interrupts_restarts_and_stops_one() -> None:
    async def use() -> list[bool]:
        many = AsyncMappingKernelManager()
        name = await many.start_kernel(kernel_name="cx")
        forked = [isinstance(many.get_kernel(name).provisioner.process, forking.ForkedKernel)]
        await many.interrupt_kernel(name)
        await many.restart_kernel(name, now=True)
        forked.append(isinstance(many.get_kernel(name).provisioner.process, forking.ForkedKernel))
        await many.shutdown_kernel(name, now=True)
        return [*forked, name not in many]

    assert run_alone(use()) == [True, True, True]


def test_voila_shows_what_one_computed(tmp_path: Path) -> None:
    kernel = {"name": "cx", "display_name": "cx", "language": "python"}
    cell = nb.new_code_cell("open('/proc/self/comm').read().strip() * 2")
    nbformat.write(nb.new_notebook(cells=[cell], metadata={"kernelspec": kernel}), tmp_path / "in.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "voila", "in.ipynb", "--no-browser", f"--port={port}"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as served:
        try:
            page = ""

            def is_there() -> bool:
                nonlocal page
                with suppress(OSError):
                    page = (
                        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=SECONDS).read().decode()
                    )
                return bool(page)

            assert eventually(is_there, SECONDS)
        finally:
            served.terminate()
    assert "cx-kernelcx-kernel" in page


# ── Alone, and not seeing more than it should ───────────────────────────────────────────────────


def test_the_kernelspecs_are_found_with_no_setting() -> None:
    found = KernelSpecManager().find_kernel_specs()
    assert {"cx", "cx-live"} <= set(found)
    for name in ("cx", "cx-live"):
        spec = KernelSpecManager().get_kernel_spec(name)
        assert spec.metadata["kernel_provisioner"]["provisioner_name"] == "cx-warm"
        assert "--HistoryManager.hist_file=:memory:" in spec.argv


CANARY = "canary-7f3a"


@pytest.mark.parametrize("fork", ["1", "0"])
def test_a_kernel_sees_an_allowed_environment_only(fork: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "CX_DATABASE_URL", "QUERY_STRING", "JUPYTER_TOKEN"):
        monkeypatch.setenv(name, CANARY)
    monkeypatch.setenv("CX_KERNEL_FORK", fork)
    with Kernel() as kernel:
        names = set(json.loads(kernel.run("import os, json; print(json.dumps(list(os.environ)))")))
        # What the process began with can be read as well.
        began = kernel.run("print(open('/proc/self/environ').read())")
    # IPython and ipykernel set these.
    by_itself = {"TERM", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "PAGER", "GIT_PAGER", "MPLBACKEND"}
    by_itself |= {"PYDEVD_USE_FRAME_EVAL", "PYDEVD_DISABLE_FILE_VALIDATION"}
    assert names <= surroundings.ALLOWED | set(surroundings.MODEST) | by_itself
    assert CANARY not in began
    assert {"PATH", "HOME"} & names


def test_the_workshops_kernel_reaches_the_store_and_no_other_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CX_DATABASE_URL", "sqlite:///x")
    monkeypatch.setenv("JUPYTER_TOKEN", CANARY)
    with Kernel("cx-live") as kernel:
        assert kernel.run("import os; print(os.environ['CX_DATABASE_URL'])") == "sqlite:///x"
        assert kernel.run("print('JUPYTER_TOKEN' in os.environ)") == "False"


def test_a_kernel_holds_no_descriptor_of_its_parent_or_another_kernel() -> None:
    seen = "import os\nfor n in os.listdir('/proc/self/fd'):\n"
    seen += "    try: print(os.readlink(f'/proc/self/fd/{n}'))\n    except OSError: pass"
    with Kernel() as first, Kernel() as second:
        sockets = {one for one in second.run(seen).splitlines() if one.startswith(("socket:", "pipe:"))}
        assert sockets
        pid = second.run("print(os.getpid())")
        for other in (int(first.run("import os; print(os.getpid())")), *parents_of(pid)):
            assert not sockets & set(descriptors(other))


def parents_of(pid: str) -> list[int]:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return [int(line.split()[1]) for line in status if line.startswith("PPid")]


def test_two_kernels_draw_different_numbers() -> None:
    drawn = "import random, numpy, uuid; print(random.random(), numpy.random.random(), uuid.uuid4())"
    with Kernel() as first, Kernel() as second:
        pairs = zip(first.run(drawn).split(), second.run(drawn).split(), strict=True)
        assert all(one != other for one, other in pairs)


@pytest.mark.parametrize("fork", ["1", "0"])
def test_a_kernel_that_wants_too_much_memory_gets_an_error_and_lives(
    fork: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CX_KERNEL_FORK", fork)
    monkeypatch.setenv("CX_KERNEL_MEMORY_MB", "900")
    with Kernel() as kernel:
        assert kernel.run("much = bytearray(1_200_000_000)") == "MemoryError"
        assert kernel.run("import numpy; numpy.ones(150_000_000)") in ("MemoryError", "_ArrayMemoryError")
        assert kernel.run("import cxlib as cx; cx.charts; print(len(bytearray(50_000_000)))") == "50000000"


def test_reports_kernels_work_in_their_folder_behind_private_sockets(tmp_path: Path, runtime: Path) -> None:
    notebook = nb.new_notebook(cells=[nb.new_code_cell("import os; os.getcwd()")])
    made = kernels.manager_in(tmp_path)
    name = kernels.report_kernel()
    assert name == "cx"
    NotebookClient(notebook, kernel_manager_class=made, kernel_name=name, timeout=SECONDS).execute()
    assert notebook.cells[0].outputs[0]["data"]["text/plain"] == repr(str(tmp_path))
    assert (runtime / "cx").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (runtime / "cx").iterdir()} == {0o600}


@pytest.mark.parametrize("fork", ["1", "0"])
def test_the_peak_of_a_kernels_memory_is_known_when_it_is_shut_down(
    fork: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CX_KERNEL_FORK", fork)
    found = []
    for source in ("0", 'len(b"x" * 300_000_000)', "import os; os._exit(3)"):
        made = kernels.manager_in(tmp_path)
        client = NotebookClient(
            v4.new_notebook(cells=[v4.new_code_cell(source)]),
            kernel_manager_class=made, kernel_name="cx", timeout=SECONDS, shutdown_kernel="immediate",
        )  # fmt: skip
        with suppress(DeadKernelError):
            client.execute()
        found.append(made.peak_mb)
    little, much, dead = found
    assert 30 < little < 400
    assert 290 < much - little < 330
    assert dead is None


# ── The parent ──────────────────────────────────────────────────────────────────────────────────


def test_the_parent_has_one_thread_and_nothing_open() -> None:
    with own_runtime() as folder, Kernel():
        (pid,) = parents(folder)
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        opened = kinds(pid)
    assert len(threads) == 1
    # Its three streams; its listener and one client; the kernel.
    assert opened == ["/dev/null"] * 3 + ["anon_inode"] + ["socket"] * 2


def test_a_parent_with_a_thread_refuses_to_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import threading, time; threading.Thread(target=time.sleep, args=(9,), daemon=True).start()\n"
    code += "from cxlib.run.kernels import parent; parent.STACK = (); parent.import_stack()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert "has 2 threads after its imports; expected 1" in done.stderr


def test_a_kernel_ends_with_its_client(runtime: Path) -> None:
    code = (
        "import sys, time; from jupyter_client.manager import KernelManager\n"
        "manager = KernelManager(kernel_name='cx'); manager.start_kernel()\n"
        "print(manager.provisioner.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        pid = int(client.stdout.readline())
        assert is_running(pid)
        client.kill()
    assert eventually(lambda: not Path(f"/proc/{pid}").exists())


def test_kernels_outlive_a_parent_that_is_killed_and_the_next_one_has_another() -> None:
    with own_runtime() as folder, Kernel() as kernel:
        (pid,) = parents(folder)
        os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: not is_running(pid))
        assert kernel.run("print(6 * 7)") == "42"
        assert interrupted(kernel) == ("KeyboardInterrupt", "42", True)
        with Kernel() as other:
            assert isinstance(other.process, forking.ForkedKernel)
            assert pid not in parents(folder)
            assert len(parents(folder)) == 1
        process = kernel.process
        kernel.manager.shutdown_kernel()
        # How it ended nobody can tell any more, but that it did.
        assert process.returncode == 1
        assert not is_running(process.pid)


def test_many_first_clients_start_one_parent() -> None:
    with own_runtime() as folder:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: forking._connected(), range(8)))
        for connection in found:
            connection.close()
        assert len(parents(folder)) == 1


def test_a_parent_that_nobody_needs_ends_and_takes_its_socket_along() -> None:
    with own_runtime(**{IDLE: "0.5"}) as folder:
        with Kernel():
            (pid,) = parents(folder)
            time.sleep(1.5)
            assert is_running(pid)
        assert eventually(lambda: not is_running(pid))
        assert [path.name for path in (folder / "cx").iterdir()] == ["lock"]


def test_a_parent_ends_when_its_folder_is_gone() -> None:
    with own_runtime() as folder:
        forking._connected().close()
        (pid,) = parents(folder)
        shutil.rmtree(folder)
        assert eventually(lambda: not is_running(pid))


def test_a_package_that_changes_gets_another_parent_and_running_kernels_go_on(tmp_path: Path) -> None:
    with own_runtime(
        PYTHONPATH=os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    ) as folder:
        with Kernel() as kernel:
            (pid,) = parents(folder)
            (tmp_path / "another.py").write_text("value = 42", encoding="utf-8")
            with Kernel() as other:
                assert other.run("import another; print(another.value)") == "42"
                assert len(parents(folder)) == 2
            assert eventually(lambda: len(list((folder / "cx").glob("*.sock"))) == 1)
            assert is_running(pid)
            assert kernel.run("print(6 * 7)") == "42"
        assert eventually(lambda: not is_running(pid))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_gets_no_kernel_even_where_the_folder_is_open() -> None:
    with own_runtime() as folder:
        forking._connected().close()
        (path,) = (folder / "cx").glob("*.sock")
        for one, mode in ((folder, 0o755), (folder / "cx", 0o755), (path, 0o777)):
            one.chmod(mode)
        code = (
            "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\nprint(s.recv(9))"
        )
        done = subprocess.run(
            ["/usr/bin/env", "python3", "-c", code, str(path)],
            user=65534, group=65534, capture_output=True, text=True, check=False, timeout=30, cwd="/",
        )  # fmt: skip
        if "Permission denied" in done.stderr and "socket" not in done.stderr:
            pytest.skip("another user cannot run Python here")
        assert done.stdout.strip() == "b''", done.stderr


@pytest.mark.parametrize(
    "sent", [b"", b"\0\0\0\2[]", b"\0\0\0\2{}", b"\xff\xff\xff\xff", b"GET / HTTP/1.1\r\n\r\n"]
)
def test_nonsense_on_the_socket_harms_nobody(sent: bytes) -> None:
    connection = forking._connected()
    connection.sendall(sent)
    connection.shutdown(socket.SHUT_WR)
    connection.settimeout(SECONDS)
    with connection, suppress(ConnectionError):
        # Hung up on, or told that this is no order.
        assert b"pid" not in connection.recv(4096)
    with Kernel() as kernel:
        assert kernel.run("print(6 * 7)") == "42"


def test_a_message_arrives_whole_with_its_descriptors() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, Path(os.devnull).open() as null:
        assert wire.is_own(ours)
        wire.send(ours, {"a": "ü" * 10_000}, [null.fileno()])
        message, fds = wire.receive(theirs)
        assert message == {"a": "ü" * 10_000}
        assert [str(Path(f"/proc/self/fd/{fd}").readlink()) for fd in fds] == [os.devnull]
        os.close(fds[0])
        ours.close()
        with pytest.raises(wire.WireError, match="hung up"):
            wire.receive(theirs)
        with pytest.raises(wire.WireError, match="expected at most"):
            wire.send(theirs, {"a": "x" * wire.MOST_BYTES})


def test_a_kernel_that_is_ready_before_its_parent_says_so_is_a_kernel() -> None:
    """As on a busy machine: its parent, having forked it, may get its turn only after it is bound."""
    ours, theirs = socket.socketpair()
    with theirs, subprocess.Popen(["/bin/sleep", "60"]) as slept:
        wire.send(theirs, {"ready": True})
        watched = os.pidfd_open(slept.pid)
        wire.send(theirs, {"pid": slept.pid}, [watched])
        os.close(watched)
        kernel = forking._asked(ours, {}, [])
        begun = time.monotonic()
        kernel.wait_ready(SECONDS)
        assert (kernel.pid, kernel.poll()) == (slept.pid, None)
        assert time.monotonic() - begun < SECONDS / 2
        kernel.kill()
        slept.wait()
        wire.send(theirs, {"exit": -signal.SIGKILL})
        assert kernel.wait(SECONDS) == -signal.SIGKILL


@pytest.mark.parametrize("is_tied", [True, False])
def test_a_kernel_whose_client_gave_up_is_not_left_behind(is_tied: bool) -> None:
    with own_runtime() as folder, Path(os.devnull).open("r+") as null:
        connection, told = forking._connected(), os.pidfd_open(os.getpid())
        argv = ["-f", str(folder / "connection.json")]
        order = {"argv": argv, "cwd": "/", "env": {}, "memory": None, "tied": is_tied}
        (pid,) = parents(folder)
        os.kill(pid, signal.SIGSTOP)
        wire.send(connection, order, [*[null.fileno()] * 3, told])
        connection.close()
        os.close(told)
        os.kill(pid, signal.SIGCONT)
        # Orders are taken one after the other: whoever has a kernel now came after the one that gave up.
        with Kernel() as kernel:
            assert eventually(lambda: left(folder)[3] == 1)
            assert kernel.run("print(6 * 7)") == "42"


def test_a_parent_is_started_ahead_of_its_first_kernel() -> None:
    with own_runtime() as folder:
        forking.start_ahead()
        assert eventually(lambda: len(parents(folder)) == 1)
        assert left(folder)[3] == 0


def test_a_client_with_a_thousand_descriptors_starts_a_parent() -> None:
    """As a server with fifty notebooks has; `select` would take none beyond 1023."""
    with own_runtime() as folder, ExitStack() as held:
        while held.enter_context(Path(os.devnull).open()).fileno() < 1100:
            pass
        forking._connected().close()
        assert len(parents(folder)) == 1


# ── Where no kernel can be forked ───────────────────────────────────────────────────────────────


def no_fork(patch: pytest.MonkeyPatch) -> str:
    patch.setattr(forking, "can_fork", lambda: False)
    return "has no fork that would do"


def switched_off(patch: pytest.MonkeyPatch) -> str:
    patch.setenv("CX_KERNEL_FORK", "0")
    return "CX_KERNEL_FORK=0"


def another_package(patch: pytest.MonkeyPatch) -> str:
    patch.setattr(forking, "fingerprint", lambda: "0" * 12)
    return "finds another package or environment"


def no_folder(patch: pytest.MonkeyPatch) -> str:
    patch.setattr(forking, "jupyter_runtime_dir", lambda: "/dev/null/x")
    return "/dev/null/x"


def too_long(patch: pytest.MonkeyPatch) -> str:
    folder = Path(tempfile.gettempdir()) / f"cx-{'x' * 90}"
    patch.setattr(forking, "jupyter_runtime_dir", lambda: folder)
    patch.setattr(forking, "_folder", lambda: folder)
    return "too long"


def no_answer(patch: pytest.MonkeyPatch) -> str:
    def hang_up(*_: object) -> None:
        raise wire.WireError("the other end hung up")

    patch.setattr(forking, "_asked", hang_up)
    return "does not answer"


@pytest.mark.parametrize("trouble", [no_fork, switched_off, another_package, no_folder, too_long, no_answer])
def test_an_ordinary_kernel_stands_in_and_one_line_says_so(
    trouble: Callable[[pytest.MonkeyPatch], str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    why = trouble(monkeypatch)
    monkeypatch.setattr(provisioner, "_said", set())
    with Kernel() as kernel:
        assert isinstance(kernel.process, subprocess.Popen)
        assert kernel.run("print(6 * 7)") == "42"
    with Kernel() as kernel:
        pass
    (line,) = [one for one in capsys.readouterr().err.splitlines() if one.startswith("cxlib:")]
    assert why in line


def test_reports_run_where_the_kernelspec_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kernels, "KERNEL", "cx-not-there")
    monkeypatch.setattr(provisioner, "_said", set())
    assert [kernels.report_kernel(), kernels.report_kernel()] == ["python3"] * 2
    assert capsys.readouterr().err.count("no kernelspec cx-not-there is installed") == 1


# ── Many ────────────────────────────────────────────────────────────────────────────────────────


def left(folder: Path) -> tuple[list[str], list[str], int, int]:
    """What is there: files of a runtime folder, this process's descriptors, its parent's, and its kernels."""
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    (pid,) = parents(folder)
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return files, kinds(os.getpid()), len(kinds(pid)), len(below)


def test_a_rehearsal_goes_through_and_starts_no_thread() -> None:
    """By itself: a parent goes on where it fails, and its kernels are only larger and slower."""
    code = (
        "from pathlib import Path\n"
        "from cxlib.run.kernels.parent import import_stack\n"
        "from cxlib.run.kernels.rehearsal import rehearse\n"
        "from cxlib.framework import parsed\n"
        "import_stack(); rehearse()\n"
        "print(parsed.cache_info().misses, len(list(Path('/proc/self/task').iterdir())))"
    )
    env = surroundings.scrubbed_environment()
    made = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert (made.returncode, made.stdout.split()) == (0, ["1", "1"]), made.stderr


def test_300_kernels_leave_no_process_file_socket_or_descriptor() -> None:
    async def one() -> None:
        manager = ReportKernelManager(kernel_name="cx")
        await manager.start_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        await manager.shutdown_kernel(now=True)

    async def some(n: int) -> None:
        for _ in range(n // 3):
            await asyncio.gather(one(), one(), one())

    with own_runtime() as folder:
        run_alone(some(6))
        assert eventually(lambda: left(folder)[3] == 0)
        gc.collect()
        files, ours, parents_own, _ = left(folder)
        run_alone(some(300))
        assert eventually(lambda: left(folder)[3] == 0)
        gc.collect()
        files_after, ours_after, parents_after, _ = left(folder)
        assert (files_after, parents_after) == (files, parents_own)
        # Not equality: what an earlier test of this process left to the collector may be closed meanwhile.
        assert not Counter(ours_after) - Counter(ours)
        assert files == ["cx", files[1], "cx/lock"]


def pss_mb(pid: int) -> float:
    """Return the memory of a process, what it shares divided among those who share it, in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6


def test_50_kernels_at_once_take_at_most_half_of_a_stock_ones_memory_each() -> None:
    work = "import cxlib as cx, pandas, altair; cx.charts; cx.tables; cx.open"
    with own_runtime() as folder:
        with Kernel("python3") as stock:
            stock.run(work)
            alone = pss_mb(stock.process.pid)
        started = [Kernel() for _ in range(50)]
        try:
            assert all(kernel.run(work) == "" for kernel in started)
            (pid,) = parents(folder)
            # The parent's own share is borne by the kernels.
            each = (sum(pss_mb(kernel.process.pid) for kernel in started) + pss_mb(pid)) / len(started)
        finally:
            for kernel in started:
                kernel.__exit__()
    assert each <= alone / 2, f"{each:.0f} MB of {alone:.0f} MB"
