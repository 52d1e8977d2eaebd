"""Altair, loaded without what no chart needs."""

from __future__ import annotations

import sys

# Altair loads jsonschema, which builds a grammar of internet addresses where that is installed, to check
# formats that no chart has: two thirds of what Altair costs to load, in every kernel anew.
_GRAMMAR = "rfc3987_syntax"
_is_absent = _GRAMMAR not in sys.modules
if _is_absent:
    sys.modules[_GRAMMAR] = None  # type: ignore[assignment]
try:
    import altair as alt
finally:
    if _is_absent:
        del sys.modules[_GRAMMAR]

__all__ = ["alt"]
