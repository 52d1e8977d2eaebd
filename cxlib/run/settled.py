"""Whatever every job of a batch needs, loaded as this is imported: by a worker, or ahead of all workers.

Where processes can be forked, the server that forks them loads it once, and a worker begins with it. Like
the kernels' parent, it then has one thread: a fork copies no other, and no lock that another holds.
"""

from __future__ import annotations

import os
import sys

from cxlib.run.kernels.parent import THREADED
from cxlib.run.kernels.surroundings import MODEST

# Said before they are loaded: one thread a library, as the workers are as many as the processors.
os.environ |= MODEST
_HIDDEN = [name for name in THREADED if name not in sys.modules]
sys.modules.update(dict.fromkeys(_HIDDEN))  # type: ignore[arg-type]
try:
    import cxlib.run.pages
    import cxlib.run.work  # noqa: F401
finally:
    for _name in _HIDDEN:
        del sys.modules[_name]
