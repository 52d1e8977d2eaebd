"""The words of what clients see at the gate, in their engagement's language."""

from __future__ import annotations

from functools import lru_cache
from types import SimpleNamespace

from cxlib.language import Words, words_of


@lru_cache(maxsize=16)
def phrases(language: str) -> SimpleNamespace:
    """Return every phrase of the client's pages, and `number`, which writes figures as it does."""
    _ = words_of(language)
    return SimpleNamespace(
        number=_.number,
        language=_.spoken,
        title=_("Your results"),
        all_results=_("All results"),
        for_whom=_(
            "This page is for you alone, by the link that {name} was given. Please do not pass it on."
        ),
        until=_("Your link opens this page until {date}."),
        skip=_("Skip to the results"),
        nothing=_("Nothing is published at the moment."),
        nothing_more=_("Whoever sent you the link can tell you when there will be."),
        newest=_("Newest"),
        approved=_("Approved {date}"),
        draft=_("Draft"),
        read=_("Read the report"),
        explore=_("Explore the figures"),
        chapters=_("Chapters"),
        live=_("Live figures"),
        coming=_("Live figures are coming. What is published stands below already."),
        here=_("The figures below can be changed: nothing you set changes what is published."),
        full=_("Too many readers are here just now, so the live figures have to wait. All else is below."),
        full_yours=_("You have these figures open too often. Close another of their pages, then try again."),
        again=_("Try again"),
        ended=_("The live figures have ended. What is published stands, and they can begin again."),
        begin_again=_("Begin again"),
        not_live=_("Not live at the moment."),
        no_script=_("Live figures need JavaScript; what is published does not."),
        downloads=_("To keep"),
        everything=_("Everything in one file"),
        earlier=_("Earlier editions"),
        leave=_("Close these results on this device"),
        kinds={
            "report.pdf": _("PDF, to print"),
            "report.docx": _("Word"),
            "report.xlsx": _("Excel, every table"),
            "report.pptx": _("PowerPoint, the summary"),
            "report.html": _("Web page, to open offline"),
            "results.json": _("Figures as data (JSON)"),
        },
        once_title=_("This link opens once"),
        once=_(
            "It opens in this browser only, and not a second time elsewhere. Open it where you will read."
        ),
        open=_("Open the results"),
        left_title=_("Closed"),
        left=_("These results are closed on this device. Your link opens them again."),
        left_once=_(
            "These results are closed on this device, and your link opened once. Whoever sent it can send "
            "you another."
        ),
        start_title=_("A private place"),
        start=_("Results are opened by the private link that you were sent."),
        sign_in=_("Facilitators sign in"),
        refused=_refusals(_),
    )


def _refusals(_: Words) -> dict[str, tuple[str, str]]:
    """Return heading and sentence for each reason why nothing is shown."""
    ask = _("Whoever sent it to you can send you another.")
    return {
        "unknown": (_("There is nothing here"), _("Perhaps the address was cut short. Try your link again.")),
        "closed": (_("Please open your link again"), _("You were away for a while, or came without it.")),
        "expired": (_("This link has ended"), ask),
        "revoked": (_("This link was taken back"), ask),
        "used up": (_("This link was opened already"), f"{_('It was made to open once.')} {ask}"),
        "forged": (
            _("That did not come from this page"),
            _("Nothing was changed. Go back, load the page again, and try once more."),
        ),
        "failed": (
            _("Something went wrong here"),
            _("It is not your doing, and it was noted. Try again in a minute."),
        ),
        "being written": (
            _("This is being written anew"),
            _("Try again in a minute; if it stays so, tell whoever sent you the link."),
        ),
    }


def language_wanted(accepted: str) -> str:
    """Return the language of a browser for a page of nobody's: German where it comes first, else English."""
    first = accepted.split(",")[0].strip().lower()
    return "de" if first == "de" or first.startswith("de-") else "en"
