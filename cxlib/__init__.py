"""cxlib: customer-experience assessments, from survey files to client reports.

    import cxlib as cx
    eng = cx.open("harbour")
    scores = eng.scores(by="role")

Names load on first use, so that `import cxlib` costs nothing in a server or on a command line.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cxlib import charts, errors, forms, frames, tables
    from cxlib.engagement import Engagement
    from cxlib.errors import CxError
    from cxlib.framework import Framework, load_framework
    from cxlib.live import LiveEngagement
    from cxlib.opening import open_engagement as open
    from cxlib.ordering import Sequence, sensitivity, sequence
    from cxlib.run.portfolio import read_portfolio as portfolio
    from cxlib.settings import read_settings
    from cxlib.tally import Tally, tally_batches

# Public name → (module, name there); an empty name is the module itself.
_PUBLIC = {
    "CxError": ("cxlib.errors", "CxError"),
    "Engagement": ("cxlib.engagement", "Engagement"),
    "Framework": ("cxlib.framework", "Framework"),
    "LiveEngagement": ("cxlib.live", "LiveEngagement"),
    "Sequence": ("cxlib.ordering", "Sequence"),
    "Tally": ("cxlib.tally", "Tally"),
    "charts": ("cxlib.charts", ""),
    "errors": ("cxlib.errors", ""),
    "forms": ("cxlib.forms", ""),
    "frames": ("cxlib.frames", ""),
    "load_framework": ("cxlib.framework", "load_framework"),
    "open": ("cxlib.opening", "open_engagement"),
    "portfolio": ("cxlib.run.portfolio", "read_portfolio"),
    "read_settings": ("cxlib.settings", "read_settings"),
    "sensitivity": ("cxlib.ordering", "sensitivity"),
    "sequence": ("cxlib.ordering", "sequence"),
    "tables": ("cxlib.tables", ""),
    "tally_batches": ("cxlib.tally", "tally_batches"),
}

__all__ = [
    "CxError",
    "Engagement",
    "Framework",
    "LiveEngagement",
    "Sequence",
    "Tally",
    "charts",
    "errors",
    "forms",
    "frames",
    "load_framework",
    "open",
    "portfolio",
    "read_settings",
    "sensitivity",
    "sequence",
    "tables",
    "tally_batches",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'cxlib' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    found = import_module(module)
    value = getattr(found, attribute) if attribute else found
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
