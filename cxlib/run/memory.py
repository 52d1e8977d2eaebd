"""How much memory a process has needed at most, as the system tells it, and giving back what it has free."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress
from pathlib import Path


def forget_peak() -> None:
    """Begin to measure this process's peak anew, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_mb(pid: int | None = None) -> float | None:
    """Return the highest resident memory of a process so far, pages that it shares with others included.

    Parameters
    ----------
    pid
        The process; by default this one, since `forget_peak`.

    Returns
    -------
    MB of 10⁶ bytes; None where it is not told, as of a process that has ended.
    """
    with suppress(OSError, StopIteration, ValueError):
        status = Path(f"/proc/{pid or 'self'}/status").read_text(encoding="utf-8", errors="replace")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return round(int(line.split()[1]) * 1024 / 1e6, 1)
    return None


def give_back() -> None:
    """Give back to the system what this process has set free, where the C library can."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
