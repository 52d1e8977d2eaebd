"""Altair, loaded without what no chart needs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

# Altair loads jsonschema, which builds a grammar of internet addresses where that is installed, to check
# formats that no chart has: two thirds of what Altair costs to load, in every kernel anew.
_GRAMMAR = "rfc3987_syntax"
_is_absent = _GRAMMAR not in sys.modules
if _is_absent:
    sys.modules[_GRAMMAR] = None  # type: ignore[assignment]
try:
    import altair as alt
    from altair.utils import schemapi
finally:
    if _is_absent:
        del sys.modules[_GRAMMAR]

P, R = ParamSpec("P"), TypeVar("R")


def unchecked(draw: Callable[P, R]) -> Callable[P, R]:
    """Draw without holding each part against Vega-Lite's schema, to which a test holds the report's charts.

    The check takes as long as all else of a drawing, and writes into every page of the schema, which kernels
    would otherwise share.
    """

    @wraps(draw)
    def drawn(*args: P.args, **options: P.kwargs) -> R:
        with schemapi.debug_mode(False):
            return draw(*args, **options)

    return drawn


__all__ = ["alt", "unchecked"]
