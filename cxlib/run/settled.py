"""Whatever every job of a batch needs, loaded as this is imported: by a worker, or ahead of all workers.

Where processes can be forked, the server that forks them loads it once, and a worker begins with it.
"""

from __future__ import annotations

import os

# One thread a library, said before it is loaded: the workers are as many as the processors.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import cxlib.run.pages
import cxlib.run.work  # noqa: F401
