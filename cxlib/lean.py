"""jsonschema, loaded without what no file here needs: import this before whatever loads it.

Where it is installed, jsonschema loads a grammar of internet addresses, to check formats that no chart and no
notebook has. Building it takes more than a second, in every process anew: most of what papermill costs to
load, and two thirds of what Altair does.
"""

from __future__ import annotations

import sys

GRAMMAR = "rfc3987_syntax"

_is_absent = GRAMMAR not in sys.modules
if _is_absent:
    sys.modules[GRAMMAR] = None  # type: ignore[assignment]
try:
    import jsonschema  # noqa: F401
finally:
    if _is_absent:
        del sys.modules[GRAMMAR]
