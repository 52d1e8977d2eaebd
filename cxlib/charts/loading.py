"""Altair, loaded without what no chart needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import cxlib.lean  # noqa: F401 — before Altair, which loads jsonschema

# isort: split
import altair as alt
from altair.utils import schemapi

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
