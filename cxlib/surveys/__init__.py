"""The questionnaire of a framework as survey tools import it, and the way back without a mapping.

A survey is made once from framework and engagement (`asked`), and written for LimeSurvey, Qualtrics or as a
workbook. Questions are called by the ids of the items wherever a tool allows it (`codes`), answers by their
levels, so that an export of the tool says by its headers alone what it answers (`back`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cxlib.surveys.asked import Asked, Choice, Part, Segment, Survey, survey_of
from cxlib.surveys.back import Back, mapping_back
from cxlib.surveys.limesurvey import to_limesurvey
from cxlib.surveys.qualtrics import to_qualtrics
from cxlib.surveys.spreadsheet import to_xlsx

__all__ = ["TOOLS", "Asked", "Back", "Choice", "Part", "Segment", "Survey", "mapping_back", "survey_of"]

# By tool: how a survey is written for it, how such a file's name ends, whether it may hold languages.
TOOLS: Final[dict[str, tuple[Callable[[Survey], bytes], str, bool]]] = {
    "limesurvey": (to_limesurvey, ".txt", True),
    "qualtrics": (to_qualtrics, ".txt", False),
    "xlsx": (to_xlsx, ".xlsx", False),
}
