"""What people wrote, as the report quotes it: under a role or under none, and never beside a figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from cxlib.anonymity.comments import EVERYONE_ELSE
from cxlib.frames import COMMENTS, check
from cxlib.tables.html import Html, hidden, listing, note, role_names, together

if TYPE_CHECKING:
    from cxlib.instrument import Instrument


def comments(
    frame: pd.DataFrame, questions: Mapping[str, str], instrument: Instrument, *, threshold: int
) -> Html | None:
    """Show what people wrote, a table an open question; nothing where none was asked.

    Parameters
    ----------
    frame
        COMMENTS frame, `eng.comments()`.
    questions
        Every open question that was asked, id → wording, `eng.open_questions`: one of which nothing may be
        shown says so, whether too few wrote or nobody did.
    threshold
        The smallest number of people whose comments are shown, `eng.facts.threshold_comments`.
    """
    _ = instrument.words
    data = check(frame, COMMENTS)
    if not questions:
        return None
    names = {**role_names(instrument), EVERYONE_ELSE: _("Everyone else")}
    order = list(names).index
    tables = []
    for id_, wording in questions.items():
        said = data[data["question"] == id_].sort_values("role", key=lambda of: of.map(order), kind="stable")
        rows = [[names[role], text] for role, text in zip(said["role"], said["text"], strict=True)]
        heads = [_("Role"), _("In their own words")]
        tables.append(listing(wording, heads, rows or [[_("Everyone"), hidden(_)]], captioned=True))
    about = _(
        "Somebody looked at each comment first, left some out or put them in other words. A role is named "
        "where at least {threshold} of its people wrote something; everyone else stands together, where they "
        "are as many. The order tells nothing.",
        threshold=_.number(threshold),
    )
    return together([*tables, note(about)])
