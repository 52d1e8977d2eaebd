"""Charts: counts and scores in, a Vega-Lite figure out. The only module that knows Altair.

A chart's title is its finding, made from its figures; its subtitle says what is measured, on which
scale, with what n; its summary is the text alternative. The data inside are the columns named here and
no others. Colours and type come from the page's theme, so that one chart serves light, dark and print.
"""

from __future__ import annotations

from cxlib.charts.answers import beside, levels, role_levels
from cxlib.charts.behind import drivers, promoters
from cxlib.charts.compared import delivery, foundations, said_and_done
from cxlib.charts.drawing import Figure
from cxlib.charts.ordered import sequence
from cxlib.charts.scored import lens, roles, scorecard, waves

__all__ = [
    "Figure",
    "beside",
    "delivery",
    "drivers",
    "foundations",
    "lens",
    "levels",
    "promoters",
    "role_levels",
    "roles",
    "said_and_done",
    "scorecard",
    "sequence",
    "waves",
]
