"""Tables as a reader sees them: frames in, HTML out, everything that a person typed escaped.

One small template of our own: a table library would bring a style sheet per table, which the page's
content policy refuses.
"""

from __future__ import annotations

import pandas as pd

from cxlib.errors import ContractError
from cxlib.tables.asked import evidence, metrics, participation, response
from cxlib.tables.behind import drivers, reliability, units
from cxlib.tables.compared import change, families, findings, gaps
from cxlib.tables.html import Column, Html, bullets, figures, missing, note, said, table_of, together
from cxlib.tables.itemised import appendix, disagreement
from cxlib.tables.lensed import lens, lenses
from cxlib.tables.method import sources
from cxlib.tables.moves import described_levels, next_moves, recommendations
from cxlib.tables.ordered import sensitivity, standing, steps
from cxlib.tables.portfolio import head, portfolio, starts
from cxlib.tables.quality import completeness, imports, quality
from cxlib.tables.reading import empty, how_to_read
from cxlib.tables.registers import (
    actions,
    assumptions,
    effort,
    measures,
    promises,
    quoted,
    standards,
    touchpoints,
    traceability,
    value,
)
from cxlib.tables.scored import chapter, goals, scorecard, waves
from cxlib.tables.summary import summary
from cxlib.tables.voiced import comments

__all__ = [
    "Html",
    "actions",
    "appendix",
    "assumptions",
    "bullets",
    "change",
    "chapter",
    "comments",
    "completeness",
    "described_levels",
    "disagreement",
    "drivers",
    "effort",
    "empty",
    "evidence",
    "families",
    "figures",
    "findings",
    "gaps",
    "goals",
    "head",
    "how_to_read",
    "imports",
    "lens",
    "lenses",
    "measures",
    "metrics",
    "missing",
    "next_moves",
    "note",
    "participation",
    "plain",
    "portfolio",
    "promises",
    "quality",
    "quoted",
    "recommendations",
    "reliability",
    "response",
    "said",
    "scorecard",
    "sensitivity",
    "sources",
    "standards",
    "standing",
    "starts",
    "steps",
    "summary",
    "together",
    "touchpoints",
    "traceability",
    "units",
    "value",
    "waves",
]


def plain(data: pd.DataFrame, caption: str) -> Html:
    """Show any frame of text and numbers, as it is."""
    if len(data) > 200:
        raise ContractError(f"a table of {len(data)} rows is no table for a reader; expected at most 200")
    return table_of(
        caption,
        [
            Column(str(name), [str(one) for one in data[name]], pd.api.types.is_numeric_dtype(data[name]))
            for name in data
        ],
    )
