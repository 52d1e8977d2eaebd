"""What a kernel may see of the process that starts it, and what tells one kernels' parent from another."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import sysconfig
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from cxlib.settings import PACKAGE

# What a kernel needs to start and to find its libraries. Database addresses, tokens and whatever else
# stands in the environment of the one who makes reports does not reach a notebook.
ALLOWED = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"),
        *("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHASHSEED", "LD_LIBRARY_PATH", "IPYTHONDIR"),
        *("JUPYTER_PATH", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"),
        # Told to the kernel by whoever starts it: the notebook's path, the process it belongs to.
        *("JPY_SESSION_NAME", "JPY_PARENT_PID"),
        *("SYSTEMROOT", "TEMP", "TMP", "USERPROFILE", "APPDATA"),
    }
)
# One thread a library, because reports run side by side; and of Arrow's allocators none that starts a thread,
# or takes a gigabyte before it is needed, which would count against the limit of memory: the system's, which
# gives back what is free. Of its arenas one, since Python runs one thread at a time.
MODEST = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "ARROW_IO_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "MIMALLOC_ARENA_EAGER_COMMIT": "0",
    "MALLOC_ARENA_MAX": "1",
}
# What acts while Python starts and imports, so that it cannot be made good in a kernel that is forked later.
_EARLY = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHASHSEED", "TZ")


def scrubbed_environment(
    environ: Mapping[str, str] | None = None, allowed: Collection[str] = ()
) -> dict[str, str]:
    """Return the allowed part of an environment, by default this process's; libraries are kept modest."""
    environ = os.environ if environ is None else environ
    kept = {name: value for name, value in environ.items() if name in ALLOWED or name in allowed}
    return {**kept, **MODEST}


def fingerprint() -> str:
    """Return 12 hexadecimal digits that differ wherever a kernel forked from one parent would not do.

    That is: another Python, another version of anything that is installed, another text of this package;
    another machine, container or control group; another user, limit, priority or locale. A kernel has those
    from its parent.
    """
    told = json.dumps([_python(), _place(), _limits(), list(_texts())], default=str)
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _python() -> list[object]:
    early = {name: os.environ.get(name) for name in _EARLY}
    return [sys.version, sys.executable, sys.prefix, str(PACKAGE), early]


def _place() -> list[object]:
    spaces = [_link(f"/proc/self/ns/{kind}") for kind in ("mnt", "net", "pid", "user")]
    return [_text("/proc/sys/kernel/random/boot_id"), spaces, _text("/proc/self/cgroup")]


def _limits() -> list[object]:
    import resource

    names = sorted(name for name in dir(resource) if name.startswith("RLIMIT_"))
    status = _text("/proc/self/status").splitlines()
    return [
        os.geteuid(),
        os.getegid(),
        sorted(os.getgroups()),
        os.getpriority(os.PRIO_PROCESS, 0),
        sorted(os.sched_getaffinity(0)),
        [line for line in status if line.startswith(("Umask", "NoNewPrivs", "Seccomp:", "CapEff"))],
        [(name, resource.getrlimit(getattr(resource, name))) for name in names],
    ]


def _texts() -> Iterator[tuple[str, int, int]]:
    """Name what this package is made of, and the folders that packages are installed in, with their times."""
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    installed |= {one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one}
    for path in (*sorted(PACKAGE.rglob("*.py")), *map(Path, sorted(installed))):
        try:
            found = path.stat()
        except OSError:
            continue
        # A folder's size says nothing; its time changes when a package comes, goes or is replaced.
        yield str(path), found.st_mtime_ns, 0 if path.is_dir() else found.st_size


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""
