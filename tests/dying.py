"""Work that ends its worker: apart from the tests, so that a fresh process loads nothing else."""

from __future__ import annotations

import os
from pathlib import Path


def dies(task: Path) -> str:
    """End the process, the first time only."""
    if task.suffix == ".always" or not task.exists():
        task.touch()
        os._exit(9)
    return task.name
