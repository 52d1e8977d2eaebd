"""Tables of how good the answers are: how complete, what was left out, and, for the house, by import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cxlib.frames import COMPLETENESS, check
from cxlib.tables.html import Html, bullets, listing, missing, small

if TYPE_CHECKING:
    import pandas as pd

    from cxlib.instrument import Instrument
    from cxlib.language import Words

SHOWN = 5


def completeness(frame: pd.DataFrame, instrument: Instrument) -> Html:
    """Show how complete the answers are, a row a step, and the item that was answered least."""
    _ = instrument.words
    data = check(frame, COMPLETENESS)
    if data.empty:
        return missing(_("Nothing is known of how complete the answers are: no answer can be shown."))
    rows = [
        [
            row.name or _("Beside the steps"),
            *(_.number(n) for n in (row.items, row.answered)),
            _.percent(row.share),
            *(_.number(n) for n in (row.dont_know, row.not_applicable, row.blank)),
            small(row.least_name, _.percent(row.least_share)),
        ]
        for row in data.itertuples(index=False)
    ]
    headings = [
        _("Step"), _("Items"), _("Answered"), _("Share"), _("Don't know"), _("Not applicable"),
        _("Left blank"), _("Answered least"),
    ]  # fmt: skip
    return listing(
        _("How complete the answers are"),
        headings,
        rows,
        numbers=range(1, len(headings) - 1),
        note=_(
            "Counted in answers, over the roles and items that may be shown. Don't know, not applicable and "
            "blank are in no mean; an item counts as asked of a role if anyone there gave it an answer."
        ),
    )


def quality(told: Mapping[str, Any], instrument: Instrument, *, threshold: int) -> Html | None:
    """Say in sentences what came in and what was left out; nothing where nothing is known of it."""
    _ = instrument.words
    if not told:
        return None
    files, without = told["files"], told["files_without_ids"]
    said = [
        _("The answers came in by one import.")
        if files == 1
        else _("The answers came in by {n} imports.", n=_.number(files)),
        _duplicates(_, files, without),
    ]
    left_out, names = told.get("left_out", {}), _screened(_)
    by_choice = [f"{names[kind]} ({_rows(_, n, threshold)})" for kind, n in left_out.items() if n != 0]
    if by_choice:
        said.append(_("Left out by choice: {kinds}.", kinds=", ".join(by_choice)))
    if told["rejected"] == 0 and by_choice:
        said.append(_("No other row was left out."))
    elif told["rejected"] == 0:
        said.append(_("No row was left out."))
    else:
        kinds = _kinds(_)
        said.append(
            _(
                "{n} rows could not be read and were left out, because of {reasons}.",
                n=_rows(_, told["rejected"], threshold),
                reasons=", ".join(kinds[one] for one in told["reasons"] if one in kinds) or kinds["answers"],
            )
        )
    if told["replaced"] != 0:
        n = _rows(_, told["replaced"], threshold)
        said.append(_("{n} responses took the place of earlier ones of the same people.", n=n))
    return bullets(said)


def _duplicates(_: Words, files: int, without: int) -> str:
    if not without:
        return _("Every import names its respondents: nobody is counted twice.")
    if without == files:
        return _("No import names its respondents: whether somebody answered twice cannot be told.")
    return _(
        "{n} of the imports do not name their respondents: whether somebody answered twice there cannot be "
        "told.",
        n=_.number(without),
    )


def _rows(_: Words, n: int | None, threshold: int) -> str:
    return _("Fewer than {n}", n=_.number(threshold)) if n is None else _.number(n)


def _screened(_: Words) -> dict[str, str]:
    return {
        "partial": _("responses that did not reach the end"),
        "test": _("tests and previews"),
        "speeder": _("responses in a fraction of the usual time"),
        "straightliner": _("responses with the same answer throughout"),
        "duplicate": _("responses that stood there twice"),
    }


def _kinds(_: Words) -> dict[str, str]:
    return {
        "ids": _("ids that were missing or stood twice"),
        "rows": _("rows that did not fit the header"),
        "dates": _("dates that were not as agreed"),
        "roles": _("roles that nobody knows"),
        "segments": _("segments that the mapping does not name"),
        "texts": _("texts that cannot be shown"),
        "answers": _("answers outside their scale or in unknown words"),
    }


def imports(frame: pd.DataFrame, instrument: Instrument) -> Html:
    """Show import by import what came in, what was left out and what was converted: for the house alone.

    Parameters
    ----------
    frame
        See :meth:`cxlib.live.LiveEngagement.imports`.
    """
    _ = instrument.words
    if frame.empty:
        return missing(_("Nothing was imported yet."))
    rows = [
        [
            row.file,
            *(_.number(n) for n in (row.imported, row.counted, row.rejected, row.replaced, row.empty)),
            _listed(_, [f"{reason} ({_.number(n)})" for reason, n in row.reasons.items()]),
            _listed(
                _, [f"“{text}” → {meaning} ({_.number(times)})" for text, meaning, times in row.converted]
            ),
        ]
        for row in frame.itertuples(index=False)
    ]
    headings = [
        _("File"), _("Imported"), _("Counted now"), _("Left out"), _("Replaced earlier"), _("Empty rows"),
        _("Why left out"), _("Read as"),
    ]  # fmt: skip
    return listing(
        _("Import by import"),
        headings,
        rows,
        numbers=range(1, 6),
        note=_("For the house alone: an import can be of a few people, and none of this is in a report."),
        wide=True,
    )


def _listed(_: Words, texts: list[str]) -> str:
    more = [_("and {n} more", n=_.number(len(texts) - SHOWN))] if len(texts) > SHOWN else []
    return ", ".join([*texts[:SHOWN], *more])
