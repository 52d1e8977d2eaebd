"""Made-up answers in the shapes that survey tools export: who answered what, written as each tool would.

`write("qualtrics", folder, survey)` gives the path; `SHAPES` names every shape and the tool it is of.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import openpyxl

from cxlib.framework import Framework

Answer = int | str | None
BEGUN = dt.datetime(2026, 3, 16, 9, 5, 11)


@dataclass(frozen=True)
class Asked:
    """One question: the code that its author gave it, its text, and the words of each level."""

    code: str
    text: str
    labels: Mapping[int, str] = field(default_factory=dict)

    def said(self, answer: Answer, *, in_words: bool) -> str:
        if answer is None:
            return ""
        return self.labels.get(answer, str(answer)) if in_words and isinstance(answer, int) else str(answer)


@dataclass(frozen=True)
class Survey:
    """What was asked, and what each respondent answered: code → level, text, or None for blank."""

    asked: tuple[Asked, ...]
    people: tuple[Mapping[str, Answer], ...]

    def reworded(self, change: Callable[[str, int], str]) -> Survey:
        """Return the same answers to questions in other words; `change` gets each text and its number."""
        return replace(
            self, asked=tuple(replace(one, text=change(one.text, n)) for n, one in enumerate(self.asked, 1))
        )

    def coded(self, change: Callable[[str, int], str]) -> Survey:
        """Return the same answers to questions under other codes."""
        codes = {one.code: change(one.code, n) for n, one in enumerate(self.asked, 1)}
        return Survey(
            tuple(replace(one, code=codes[one.code]) for one in self.asked),
            tuple({codes[code]: answer for code, answer in one.items()} for one in self.people),
        )


def of_framework(
    framework: Framework,
    *,
    role: str,
    language: str = "en",
    people: int = 20,
    seed: int = 1,
    roles: Sequence[str] = (),
    segments: Mapping[str, Sequence[str]] | None = None,
) -> Survey:
    """Return a survey of the first form for a role, as it is worded for it, answered at random.

    `roles` adds a question for the role, `segments` one for each segment with what may be answered.
    """
    form = next(one for one in framework.content.forms if role in one.roles)
    scales = {one.id: one for one in framework.content.scales}
    own = next(one for one in framework.roles if one.id == role).scale
    asked = []
    for id_ in form.items:
        item = framework.items[id_]
        labels = {}
        if own is not None:
            labels = {int(at): framework.say(said, language) for at, said in scales[own].labels.items()}
        else:
            labels = {at: framework.say(said, language) for at, said in enumerate(item.levels, 1)}
        asked.append(Asked(id_, framework.say(item.statement[role], language), labels))
    for id_ in dict.fromkeys((*form.opening, *form.questions)):
        question = framework.questions[id_]
        labels = {}
        if question.scale is not None:
            labels = {
                int(at): framework.say(said, language) for at, said in scales[question.scale].labels.items()
            }
        asked.append(Asked(id_, framework.say(question.wordings.get(role, question.text), language), labels))
    draw = random.Random(seed)
    given: list[dict[str, Answer]] = []
    for n in range(people):
        row: dict[str, Answer] = {}
        for one in asked:
            scale = framework.scales.get(one.code)
            words = f"Words of respondent {n}" if n % 3 == 0 else None
            row[one.code] = words if scale is None else draw.choice([*scale.levels, None])
        if roles:
            row["role"] = roles[n % len(roles)]
        for id_, values in (segments or {}).items():
            row[id_] = values[n % len(values)]
        given.append(row)
    about = [Asked("role", "Which group are you in?")] if roles else []
    about += [Asked(id_, f"Which {id_} do you work in?") for id_ in segments or {}]
    return Survey((*about, *asked), tuple(given))


# ── Writing ─────────────────────────────────────────────────────────────────────────────────────


def comma_separated(rows: Sequence[Sequence[str]], delimiter: str = ",", *, quoted: bool = False) -> str:
    out = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def workbook(path: Path, rows: Sequence[Sequence[Any]], sheet: str = "Sheet1") -> Path:
    book = openpyxl.Workbook()
    book.active.title = sheet
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def _moment(n: int, minutes: int = 0) -> dt.datetime:
    return BEGUN + dt.timedelta(days=n % 9, minutes=7 * n + minutes)


def _table(survey: Survey, *, in_words: bool) -> list[list[str]]:
    return [
        [one.said(person.get(one.code), in_words=in_words) for one in survey.asked]
        for person in survey.people
    ]


_QUALTRICS = (
    ("StartDate", "Start Date", '{"ImportId":"startDate","timeZone":"Europe/Berlin"}'),
    ("EndDate", "End Date", '{"ImportId":"endDate","timeZone":"Europe/Berlin"}'),
    ("Status", "Response Type", '{"ImportId":"status"}'),
    ("IPAddress", "IP Address", '{"ImportId":"ipAddress"}'),
    ("Progress", "Progress", '{"ImportId":"progress"}'),
    ("Duration (in seconds)", "Duration (in seconds)", '{"ImportId":"duration"}'),
    ("Finished", "Finished", '{"ImportId":"finished"}'),
    ("RecordedDate", "Recorded Date", '{"ImportId":"recordedDate","timeZone":"Europe/Berlin"}'),
    ("ResponseId", "Response ID", '{"ImportId":"_recordId"}'),
    ("RecipientLastName", "Recipient Last Name", '{"ImportId":"recipientLastName"}'),
    ("RecipientFirstName", "Recipient First Name", '{"ImportId":"recipientFirstName"}'),
    ("RecipientEmail", "Recipient Email", '{"ImportId":"recipientEmail"}'),
    ("ExternalReference", "External Data Reference", '{"ImportId":"externalDataReference"}'),
    ("LocationLatitude", "Location Latitude", '{"ImportId":"locationLatitude"}'),
    ("LocationLongitude", "Location Longitude", '{"ImportId":"locationLongitude"}'),
    ("DistributionChannel", "Distribution Channel", '{"ImportId":"distributionChannel"}'),
    ("UserLanguage", "User Language", '{"ImportId":"userLanguage"}'),
)


def _qualtrics_rows(survey: Survey, *, in_words: bool) -> list[list[str]]:
    heads = [[one[at] for one in _QUALTRICS] for at in range(3)]
    heads[0] += [one.code for one in survey.asked]
    heads[1] += [one.text for one in survey.asked]
    heads[2] += [
        json.dumps({"ImportId": f"QID{n}"}, separators=(",", ":")) for n, _ in enumerate(survey.asked, 1)
    ]
    rows = []
    for n, answers in enumerate(_table(survey, in_words=in_words)):
        begun, ended = str(_moment(n)), str(_moment(n, 4))
        status, done = ("IP Address", "True") if in_words else ("0", "1")
        rows.append(
            [
                begun,
                ended,
                status,
                f"192.0.2.{n % 250}",
                "100",
                str(200 + n),
                done,
                ended,
                f"R_{n:05d}aZ9kQ2xYbc",
                "",
                "",
                "",
                "",
                "52.5",
                "13.4",
                "anonymous",
                "EN",
                *answers,
            ]
        )
    return [*heads, *rows]


def _qualtrics(path: Path, survey: Survey, *, in_words: bool = False) -> Path:
    path.write_text(
        comma_separated(_qualtrics_rows(survey, in_words=in_words)), encoding="utf-8-sig", newline=""
    )
    return path


def _qualtrics_tsv(path: Path, survey: Survey) -> Path:
    text = comma_separated(_qualtrics_rows(survey, in_words=False), "\t")
    path.write_text(text, encoding="utf-16", newline="")
    return path


def _qualtrics_xlsx(path: Path, survey: Survey) -> Path:
    return workbook(path, _qualtrics_rows(survey, in_words=True), "Sheet0")


def _qualtrics_two(path: Path, survey: Survey) -> Path:
    names, texts, _, *rows = _qualtrics_rows(survey, in_words=False)
    path.write_text(comma_separated([names, texts, *rows]), encoding="utf-8", newline="")
    return path


def _qualtrics_legacy(path: Path, survey: Survey) -> Path:
    own = (
        "ResponseID",
        "ResponseSet",
        "Name",
        "ExternalDataReference",
        "EmailAddress",
        "IPAddress",
        "Status",
        "StartDate",
        "EndDate",
        "Finished",
    )
    rows = [
        [
            f"R_{n:05d}aZ9kQ2xYbc",
            "Default Response Set",
            "Anonymous",
            "",
            "",
            "192.0.2.7",
            "0",
            str(_moment(n)),
            str(_moment(n, 5)),
            "1",
            *answers,
        ]
        for n, answers in enumerate(_table(survey, in_words=False))
    ]
    names = [*(f"V{n}" for n in range(1, 11)), *(one.code for one in survey.asked)]
    texts = [*own, *(one.text for one in survey.asked)]
    path.write_text(comma_separated([names, texts, *rows]), encoding="utf-8", newline="")
    return path


_LIME = ("id", "submitdate", "lastpage", "startlanguage", "seed", "startdate", "datestamp")
_LIME_TEXTS = {
    "en": (
        "Response ID",
        "Date submitted",
        "Last page",
        "Start language",
        "Seed",
        "Date started",
        "Date last action",
    ),
    "de": (
        "Antwort ID",
        "Datum Abgeschickt",
        "Letzte Seite",
        "Start-Sprache",
        "Zufallsstartwert",
        "Datum gestartet",
        "Datum letzte Aktivität",
    ),
}


def lime_code(code: str) -> str:
    """Return what LimeSurvey lets a question be called: letters and digits, a letter first."""
    return "".join(char for char in code if char.isalnum())


def _lime_rows(survey: Survey, *, in_words: bool, language: str) -> list[list[str]]:
    return [
        [
            str(n + 1),
            str(_moment(n, 6)),
            "4",
            language,
            str(1_500_000_000 + n),
            str(_moment(n)),
            str(_moment(n, 6)),
            *answers,
        ]
        for n, answers in enumerate(_table(survey, in_words=in_words))
    ]


def _lime(
    path: Path,
    survey: Survey,
    *,
    heads: str,
    in_words: bool = False,
    language: str = "en",
    delimiter: str = ",",
) -> Path:
    codes = [lime_code(one.code) for one in survey.asked]
    texts = [one.text for one in survey.asked]
    if heads == "codes":
        header = [*_LIME, *codes]
    elif heads == "grid":
        header = [*_LIME, *(f"G01Q01[{code}]" for code in codes)]
    elif heads == "texts":
        header = [*_LIME_TEXTS[language], *texts]
    else:
        own = zip(_LIME, _LIME_TEXTS[language], strict=True)
        header = [f"{code}. {text}" for code, text in [*own, *zip(codes, texts, strict=True)]]
    rows = [header, *_lime_rows(survey, in_words=in_words, language=language)]
    path.write_text(comma_separated(rows, delimiter, quoted=True), encoding="utf-8-sig", newline="")
    return path


_MONKEY = (
    "Respondent ID",
    "Collector ID",
    "Start Date",
    "End Date",
    "IP Address",
    "Email Address",
    "First Name",
    "Last Name",
    "Custom Data 1",
)


def _monkey_rows(survey: Survey, *, in_words: bool, matrix: bool) -> list[list[str]]:
    first, second = list(_MONKEY), [""] * len(_MONKEY)
    in_matrix = False
    for one in survey.asked:
        if matrix and one.labels:
            first.append("" if in_matrix else "How far do these sentences hold?")
            second.append(one.text)
            in_matrix = True
        else:
            first.append(one.text)
            second.append("Response" if one.labels else "Open-Ended Response")
            in_matrix = False
    rows = [
        [
            str(11_400_000_000 + n),
            "405331234",
            f"{_moment(n):%m/%d/%Y %I:%M:%S %p}",
            f"{_moment(n, 8):%m/%d/%Y %I:%M:%S %p}",
            f"192.0.2.{n % 250}",
            "",
            "",
            "",
            "",
            *answers,
        ]
        for n, answers in enumerate(_table(survey, in_words=in_words))
    ]
    return [first, second, *rows]


def _monkey(path: Path, survey: Survey, *, in_words: bool = True, matrix: bool = False) -> Path:
    text = comma_separated(_monkey_rows(survey, in_words=in_words, matrix=matrix))
    path.write_text(text, encoding="utf-8", newline="")
    return path


def _monkey_xlsx(path: Path, survey: Survey) -> Path:
    return workbook(path, _monkey_rows(survey, in_words=True, matrix=True))


def _microsoft(path: Path, survey: Survey, *, language: str = "en", in_words: bool = True) -> Path:
    own = {
        "en": ["ID", "Start time", "Completion time", "Email", "Name", "Last modified time"],
        "de": ["ID", "Startzeit", "Fertigstellungszeit", "E-Mail", "Name", "Uhrzeit der letzten Änderung"],
    }[language]
    rows: list[list[Any]] = [
        [n + 1, _moment(n), _moment(n, 3), "anonymous", "", None, *(answer or None for answer in answers)]
        for n, answers in enumerate(_table(survey, in_words=in_words))
    ]
    # Forms leaves a space that does not break behind many a question.
    return workbook(path, [[*own, *(f"{one.text}\u00a0" for one in survey.asked)], *rows])


def _google(
    path: Path, survey: Survey, *, form: str = "forms", grid: bool = False, in_words: bool = True
) -> Path:
    stamps = {
        "forms": lambda n: (
            f"{_moment(n):%Y/%m/%d} {_moment(n).hour % 12 or 12}:{_moment(n):%M:%S %p} GMT+{1 + n % 2}"
        ),
        "sheets": lambda n: (
            f"{_moment(n).month}/{_moment(n).day}/{_moment(n):%Y} {_moment(n).hour}:{_moment(n):%M:%S}"
        ),
        "de": lambda n: f"{_moment(n):%d.%m.%Y %H:%M:%S}",
    }
    texts = [
        f"How far do these hold? [{one.text}]" if grid and one.labels else one.text for one in survey.asked
    ]
    header = ["Zeitstempel" if form == "de" else "Timestamp", *texts]
    rows = [[stamps[form](n), *answers] for n, answers in enumerate(_table(survey, in_words=in_words))]
    path.write_text(comma_separated([header, *rows], quoted=True), encoding="utf-8", newline="")
    return path


@dataclass(frozen=True)
class Shape:
    """One shape of one tool's exports: `has_codes` where a column is known by its author's code."""

    tool: str
    suffix: str
    make: Callable[[Path, Survey], Path]
    has_codes: bool = False
    has_texts: bool = True
    has_ids: bool = True


SHAPES: dict[str, Shape] = {
    "qualtrics": Shape("qualtrics", ".csv", _qualtrics, has_codes=True),
    "qualtrics-labels": Shape(
        "qualtrics", ".csv", lambda p, s: _qualtrics(p, s, in_words=True), has_codes=True
    ),
    "qualtrics-tsv": Shape("qualtrics", ".tsv", _qualtrics_tsv, has_codes=True),
    "qualtrics-xlsx": Shape("qualtrics", ".xlsx", _qualtrics_xlsx, has_codes=True),
    "qualtrics-two-rows": Shape("qualtrics", ".csv", _qualtrics_two, has_codes=True),
    "qualtrics-legacy": Shape("qualtrics", ".csv", _qualtrics_legacy, has_codes=True),
    "limesurvey": Shape(
        "limesurvey", ".csv", lambda p, s: _lime(p, s, heads="codes"), has_codes=True, has_texts=False
    ),
    "limesurvey-grid": Shape(
        "limesurvey", ".csv", lambda p, s: _lime(p, s, heads="grid"), has_codes=True, has_texts=False
    ),
    "limesurvey-texts": Shape("limesurvey", ".csv", lambda p, s: _lime(p, s, heads="texts", in_words=True)),
    "limesurvey-german": Shape(
        "limesurvey",
        ".csv",
        lambda p, s: _lime(p, s, heads="texts", in_words=True, language="de", delimiter=";"),
    ),
    "limesurvey-both": Shape(
        "limesurvey", ".csv", lambda p, s: _lime(p, s, heads="both", in_words=True), has_codes=True
    ),
    "surveymonkey": Shape("surveymonkey", ".csv", _monkey),
    "surveymonkey-numbers": Shape("surveymonkey", ".csv", lambda p, s: _monkey(p, s, in_words=False)),
    "surveymonkey-matrix": Shape("surveymonkey", ".csv", lambda p, s: _monkey(p, s, matrix=True)),
    "surveymonkey-xlsx": Shape("surveymonkey", ".xlsx", _monkey_xlsx),
    "microsoft-forms": Shape("microsoft-forms", ".xlsx", _microsoft),
    "microsoft-forms-german": Shape(
        "microsoft-forms", ".xlsx", lambda p, s: _microsoft(p, s, language="de", in_words=False)
    ),
    "google-forms": Shape("google-forms", ".csv", _google, has_ids=False),
    "google-forms-grid": Shape("google-forms", ".csv", lambda p, s: _google(p, s, grid=True), has_ids=False),
    "google-forms-sheets": Shape(
        "google-forms", ".csv", lambda p, s: _google(p, s, form="sheets"), has_ids=False
    ),
    "google-forms-german": Shape(
        "google-forms", ".csv", lambda p, s: _google(p, s, form="de"), has_ids=False
    ),
}


def write(shape: str, folder: Path, survey: Survey, name: str = "") -> Path:
    """Write a survey in a shape of `SHAPES` and return the file."""
    made = SHAPES[shape]
    return made.make(folder / f"{name or shape}{made.suffix}", survey)


# ── Files of no tool ────────────────────────────────────────────────────────────────────────────

STRANGERS: dict[str, list[list[str]]] = {
    "plain": [["id", "role", "s1.i01"], ["1", "frontline", "4"]],
    "timestamped": [["Timestamp", "Sensor", "Value"], ["2026-03-01 10:00:00", "t1", "20.5"]],
    "timestamped-units": [
        ["Timestamp", "Temperature [C]", "Humidity [%]"],
        ["3/15/2026 10:22:31", "20", "44"],
    ],
    "crm": [
        ["ID", "Name", "Email", "Start Date", "End Date", "Status"],
        ["1", "A", "a@x.example", "", "", "open"],
    ],
    "project": [["ID", "Start time", "End time", "Task"], ["1", "9:00", "10:00", "walk"]],
    "variables": [["V1", "V2", "V3", "V4"], ["1", "2", "3", "4"]],
    "variables-two-rows": [["V1", "V2", "V3"], ["age", "sex", "income"], ["1", "2", "3"]],
    "respondents": [["Respondent ID", "Q1", "Q2"], ["1", "4", "5"]],
    "collected": [["", "Q1", "Q2"], ["", "a", "b"], ["1", "4", "5"]],
    "json": [["id", "payload", "kind"], ["1", "x", "y"], ["2", '{"ImportId": "QID1"}', "z"]],
    "dates": [["StartDate", "EndDate", "Status", "Owner"], ["2026-01-01", "2026-02-01", "open", "Ann"]],
    "seeded": [["run", "seed", "startdate"], ["1", "42", "2026-01-01"]],
    "sentences": [["Which hotel are you from?", "How did you like it here?"], ["North", "4"]],
    "header-only": [["role", "hotel", "s1.i01"]],
    "one-cell": [["x"]],
}
