"""What survey tools write: how many rows of headers, which columns are the tool's own, where texts stand.

Each tool is one declaration, `PRESETS`, recognised by its marks alone and never by the name of a file. The
shapes are those of the tools' documentation and of exports that people have published.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cxlib.errors import IngestError

Rows = Sequence[Sequence[str]]
# Rows that recognition looks at: three of headers, and one of answers.
LOOKED_AT: Final = 4
NONE: Final = "none"
PRIVATE: Final = "private"


@dataclass(frozen=True)
class Mark:
    """By what a tool was recognised, and how many rows of headers its file has."""

    rows: int
    by: str


@dataclass(frozen=True)
class Preset:
    """How one survey tool writes its exports.

    Attributes
    ----------
    id, tool : what a mapping calls it, and what people do.
    find : first rows → its mark, or None.
    own : kind → how the tool's own columns are called, in each language that its exports were seen in.
        Kinds: id; date (handed in), begun, finished, progress, seconds, status (test or preview), language;
        private (addresses and names, which the store never takes in); other.
    named : the header rows → name and text of each column.
    counts : whether its ids are numbers from 1 in each survey, so that two surveys have the same.
    """

    id: str
    tool: str
    find: Callable[[Rows], Mark | None]
    own: Mapping[str, tuple[str, ...]]
    named: Callable[[Rows], tuple[list[str], list[str]]]
    counts: bool = False

    def kinds(self, names: Sequence[str], texts: Sequence[str]) -> list[str]:
        """Say of each column what the tool itself writes into it: a kind of `own`, or nothing."""
        known = {fold(name): kind for kind, called in self.own.items() for name in called}
        return [
            known.get(fold(name)) or known.get(fold(text), "")
            for name, text in zip(names, texts, strict=True)
        ]


@dataclass(frozen=True)
class Layout:
    """The first rows of a file as they are understood.

    Attributes
    ----------
    names : one header a column: the tool's codes where it has them, else the texts.
    texts : what was asked in each column, as far as the file says; else its name.
    kinds : what the tool itself writes there (see :class:`Preset`), or nothing.
    rows : how many rows of the file are headers.
    preset, tool, mark : by whom it was written and by what that was seen; empty where no tool is known.
    """

    names: list[str]
    texts: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    rows: int = 1
    preset: str = ""
    tool: str = ""
    mark: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "texts", self.texts or list(self.names))
        object.__setattr__(self, "kinds", self.kinds or [""] * len(self.names))

    def remark(self, header_row: int = 1) -> str:
        """Say by whom it was written: "an export of Qualtrics, by row 3, which …; answers from row 4"."""
        return f"an export of {self.tool}, by {self.mark}; answers from row {self.rows + header_row}"


def laid_out(rows: Rows, declared: str | None, name: str) -> Layout:
    """Understand the first rows of a file.

    Parameters
    ----------
    rows
        The first rows as text, at most `LOOKED_AT` of them.
    declared
        The preset that a mapping names; "none" for a file that only looks like a tool's.
    name
        What messages call the file.

    Raises
    ------
    IngestError
        If the mapping names a preset whose marks are not there.
    """
    plain = Layout(list(rows[0]) if rows else [""])
    if declared == NONE or not rows:
        return plain
    for preset in PRESETS.values():
        if declared in (None, preset.id) and (mark := preset.find(rows)):
            names, texts = preset.named(rows[: mark.rows])
            kinds = preset.kinds(names, texts)
            return Layout(names, texts, kinds, mark.rows, preset.id, preset.tool, mark.by)
    if declared is None:
        return plain
    found = laid_out(rows, None, name)
    instead = f"; it looks like {found.tool}, by {found.mark}" if found.tool else ""
    raise IngestError(
        f"{name} does not bear the marks of {PRESETS[declared].tool}, which the mapping declares{instead}",
        fix="Correct source.preset in the mapping, leave it out, or export the file as the tool gives it.",
    )


def fold(header: str) -> str:
    """Reduce a header to what is the same in every export: letters and digits, however spaced."""
    return re.sub(r"[\W_]+", " ", header.casefold()).strip()


def _folded(row: Sequence[str]) -> list[str]:
    return [fold(one) for one in row]


def _headers(names: Iterable[str]) -> str:
    """Say by which headers a tool is known; what does not print is left out, as marks go to terminals."""
    told = ["".join(char for char in name if char.isprintable()).strip() for name in names]
    return f"the header{'s' * (len(told) > 1)} {', '.join(told)}"


def _one_row(rows: Rows) -> tuple[list[str], list[str]]:
    return list(rows[0]), list(rows[0])


# ── Qualtrics ───────────────────────────────────────────────────────────────────────────────────
# Names; texts; {"ImportId": …}. The older form has V1 … V10 for its own columns and no third row; one row
# is left where somebody deleted the others.

_IMPORT_ID: Final = re.compile(r"\s*\{\s*[\"'“”]+ImportId")
_RESPONSE: Final = re.compile(r"R_[A-Za-z0-9]{8,}")
_QUALTRICS: Final = frozenset(
    ("startdate", "enddate", "recordeddate", "responseid", "distributionchannel", "userlanguage", "finished")
)


def _find_qualtrics(rows: Rows) -> Mark | None:
    third = [one for one in rows[2] if one.strip()] if len(rows) > 2 else []
    if third and all(_IMPORT_ID.match(one) for one in third):
        return Mark(3, 'row 3, which holds {"ImportId": …} in each column')
    if len(rows) < 2:
        return None
    names = [one.strip() for one in rows[0]]
    texts = _folded(rows[1])
    if names[:2] == ["V1", "V2"] and texts[:2] == ["responseid", "responseset"]:
        return Mark(2, "V1, V2 … in row 1 and ResponseID, ResponseSet … in row 2 (the legacy form)")
    places = [at for at, one in enumerate(names) if one.casefold() in _QUALTRICS and " " not in one]
    if len(places) < 4:
        return None
    by = _headers(names[at] for at in places[:3])
    # A row of answers holds an id such as R_1a2B3c, a row of texts says what the column is.
    answered = next((at for at, one in enumerate(names) if one == "ResponseId"), None)
    if answered is not None and answered < len(rows[1]):
        return Mark(1 if _RESPONSE.fullmatch(rows[1][answered].strip()) else 2, by)
    has_digits = any(any(char.isdigit() for char in rows[1][at]) for at in places if at < len(rows[1]))
    return Mark(1 if has_digits else 2, by)


def _named_qualtrics(rows: Rows) -> tuple[list[str], list[str]]:
    names = [one.strip() for one in rows[0]]
    if len(rows) < 2:
        return names, list(names)
    return names, [(rows[1][at] if at < len(rows[1]) else "").strip() or one for at, one in enumerate(names)]


# ── LimeSurvey ──────────────────────────────────────────────────────────────────────────────────
# Headers are codes, texts, or "code. text", as whoever exported it chose.

_CODE_AND_TEXT: Final = re.compile(r"([A-Za-z][A-Za-z0-9_]*(?:\[[^\]]*\])*)\. ?(.*)", re.DOTALL)
_LIME_CODES: Final = frozenset(("submitdate", "lastpage", "startlanguage", "seed", "startdate", "datestamp"))
_LIME_TEXTS: Final = frozenset(
    (
        "response id", "date submitted", "last page", "start language", "seed",
        "antwort id", "datum abgeschickt", "letzte seite", "start sprache", "zufallsstartwert",
    )
)  # fmt: skip


def _find_limesurvey(rows: Rows) -> Mark | None:
    names = [one.strip() for one in rows[0]]
    for told, found in (
        ("", [one for one in names if one in _LIME_CODES]),
        (" (full texts)", [one for one in names if fold(one) in _LIME_TEXTS]),
        (
            " (codes and texts)",
            [one for one in names if (both := _CODE_AND_TEXT.fullmatch(one)) and both[1] in _LIME_CODES],
        ),
    ):
        if len(found) >= 3 or (not told and {"lastpage", "submitdate"} <= {*found}):
            return Mark(1, _headers(found[:3]) + told)
    return None


def _named_limesurvey(rows: Rows) -> tuple[list[str], list[str]]:
    both = [_CODE_AND_TEXT.fullmatch(one.strip()) for one in rows[0]]
    # Only where the tool's own columns are written so is a full stop behind a word more than that.
    if sum(one is not None and one[1] in _LIME_CODES for one in both) < 2:
        return _one_row(rows)
    return (
        [one if found is None else found[1] for one, found in zip(rows[0], both, strict=True)],
        [one if found is None else found[2] or one for one, found in zip(rows[0], both, strict=True)],
    )


# ── SurveyMonkey ────────────────────────────────────────────────────────────────────────────────
# Row 1 asks; row 2 says which option or row of the question a column is. What row 1 leaves blank to the
# right of a question belongs to it.

_MONKEY: Final = ("respondent id", "respondentid"), ("collector id", "collectorid")
_ANSWER: Final = frozenset(("", "response", "open ended response", "antwort"))


def _find_surveymonkey(rows: Rows) -> Mark | None:
    first = _folded(rows[0])[:2]
    if len(first) < 2 or first[0] not in _MONKEY[0] or (first[1] and first[1] not in _MONKEY[1]):
        return None
    by = _headers(one for one in rows[0][:2] if one.strip())
    has_options = len(rows) > 1 and not rows[1][0].strip()
    if not first[1] and not has_options:
        return None
    return Mark(1 + has_options, by + (", and options in row 2" if has_options else ""))


def _named_surveymonkey(rows: Rows) -> tuple[list[str], list[str]]:
    if len(rows) < 2:
        return _one_row(rows)
    names, asked = [], ""
    options = [*rows[1], *[""] * (len(rows[0]) - len(rows[1]))]
    for question, option in zip(rows[0], options, strict=False):
        asked = question if question.strip() or not option.strip() else asked
        names.append(asked if fold(option) in _ANSWER else f"{asked} [{option}]")
    return names, list(names)


# ── Microsoft Forms and Google Forms ────────────────────────────────────────────────────────────

_MICROSOFT: Final = (
    ("id", "start time", "completion time"),
    ("id", "startzeit", "fertigstellungszeit"),
)
_GOOGLE: Final = frozenset(("timestamp", "zeitstempel"))
# "2026/03/15 10:22:31 AM GMT+1" from Forms; "3/15/2026 10:22:31" and "15.03.2026 10:22:31" from Sheets.
_GOOGLE_MOMENT: Final = re.compile(
    r"\d{4}/\d{1,2}/\d{1,2} \d{1,2}:\d{2}:\d{2}\s*[AaPp]\.?\s?[Mm]\.?.*"
    r"|\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d{2}:\d{2}|\d{1,2}\.\d{1,2}\.\d{4} \d{1,2}:\d{2}:\d{2}"
    r"|\d{4}-\d{2}-\d{2}(?: \d{2}:\d{2}:\d{2})?"
)


def _find_microsoft(rows: Rows) -> Mark | None:
    if tuple(_folded(rows[0])[:3]) not in _MICROSOFT:
        return None
    return Mark(1, _headers(rows[0][:3]))


def _find_google(rows: Rows) -> Mark | None:
    """Recognise a timestamp of Google's before questions: "Timestamp" alone stands in many a file."""
    if fold(rows[0][0]) not in _GOOGLE or len(rows[0]) < 2:
        return None
    asked = [one for one in rows[0][1:] if len(one.split()) >= 3]
    stamped = len(rows) < 2 or bool(_GOOGLE_MOMENT.fullmatch(rows[1][0].strip()))
    if not stamped or len(asked) * 2 < len(rows[0]) - 1:
        return None
    return Mark(1, _headers(rows[0][:1]) + " before questions as headers")


_FIRST_NAMES: Final = ("Email", "E-Mail", "Email Address", "E-Mail-Adresse", "First Name", "Last Name")

PRESETS: Final[dict[str, Preset]] = {
    one.id: one
    for one in (
        Preset(
            "qualtrics",
            "Qualtrics",
            _find_qualtrics,
            {
                "id": ("ResponseId", "Response ID"),
                "begun": ("StartDate", "Start Date"),
                "date": ("EndDate", "End Date", "RecordedDate", "Recorded Date"),
                "finished": ("Finished",),
                "progress": ("Progress",),
                "seconds": ("Duration (in seconds)", "Duration__in_seconds_"),
                "status": ("Status", "Response Type"),
                "language": ("UserLanguage", "User Language", "Q_Language"),
                PRIVATE: (
                    "IPAddress", "IP Address", "RecipientLastName", "RecipientFirstName", "RecipientEmail",
                    "EmailAddress", "Name", "LocationLatitude", "LocationLongitude", "LocationAccuracy",
                ),
                "other": (
                    "ResponseSet", "ExternalReference", "ExternalDataReference",
                    "DistributionChannel", "Q_RecaptchaScore",
                ),
            },
            _named_qualtrics,
        ),
        Preset(
            "limesurvey",
            "LimeSurvey",
            _find_limesurvey,
            {
                "id": ("id", "Response ID", "Antwort ID"),
                "date": ("submitdate", "Date submitted", "Datum Abgeschickt"),
                "begun": ("startdate", "Date started", "Datum gestartet"),
                "progress": ("lastpage", "Last page", "Letzte Seite"),
                "seconds": ("interviewtime", "Total time", "Gesamtzeit"),
                "language": ("startlanguage", "Start language", "Start-Sprache"),
                PRIVATE: (
                    "ipaddr", "IP address", "IP-Adresse", "firstname", "lastname", "email", "First name",
                    "Last name", "Email address",
                ),
                "other": (
                    "seed", "Zufallsstartwert", "token", "Access code", "Zugangscode", "datestamp",
                    "Date last action", "Datum letzte Aktivität", "refurl", "Referrer URL",
                ),
            },
            _named_limesurvey,
            counts=True,
        ),
        Preset(
            "surveymonkey",
            "SurveyMonkey",
            _find_surveymonkey,
            {
                "id": ("Respondent ID", "RespondentID"),
                "begun": ("Start Date", "StartDate"),
                "date": ("End Date", "EndDate", "Date Modified"),
                PRIVATE: ("IP Address", *_FIRST_NAMES, "FirstName", "LastName"),
                "other": ("Collector ID", "CollectorID", "Date Created", "Custom Data 1", "Custom Data"),
            },
            _named_surveymonkey,
        ),
        Preset(
            "microsoft-forms",
            "Microsoft Forms",
            _find_microsoft,
            {
                "id": ("ID",),
                "begun": ("Start time", "Startzeit"),
                "date": ("Completion time", "Fertigstellungszeit"),
                "language": ("Language", "Sprache"),
                PRIVATE: ("Name", *_FIRST_NAMES),
                "other": ("Last modified time", "Total points", "Quiz feedback"),
            },
            _one_row,
            counts=True,
        ),
        Preset(
            "google-forms",
            "Google Forms",
            _find_google,
            {
                "date": ("Timestamp", "Zeitstempel"),
                PRIVATE: ("Username", "Nutzername", *_FIRST_NAMES),
                "other": ("Score", "Punkte", "Punktzahl"),
            },
            _one_row,
        ),
    )
}  # fmt: skip
