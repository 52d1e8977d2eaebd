"""A survey for LimeSurvey: its tab-separated survey structure, which "Import survey" takes as a .txt file.

One row a setting, group, question and answer, a row for each language; the base language whole, then each
other in the same order. Source: LimeSurvey manual, "Tab Separated Value survey structure", and what reads
it, `TSVImportSurvey` in application/helpers/admin/import_helper.php.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Final

from cxlib.surveys.asked import Asked, Survey, plain
from cxlib.surveys.codes import answer_code, list_key, names_of, question_codes, role_key, segment_codes

COLUMNS: Final = (
    "class", "type/scale", "name", "relevance", "text", "help", "language", "validation", "mandatory",
    "other", "default", "same_default", "hidden",
)  # fmt: skip
# Group by group, dates and times of each response, no addresses.
_SETTINGS: Final = {
    "format": "G", "anonymized": "N", "datestamp": "Y", "savetimings": "Y", "ipaddr": "N", "refurl": "N",
    "allowprev": "Y",
}  # fmt: skip
_LIST, _DROP_DOWN, _SHORT, _LONG, _EQUATION = "L", "!", "S", "T", "*"


def to_limesurvey(survey: Survey) -> bytes:
    """Write a survey as LimeSurvey's tab-separated structure, in all its languages.

    Every text is escaped as HTML, its braces too, which LimeSurvey would reckon out, and its quotation marks
    and backslashes, at which its reader of tables stumbles.
    """
    rows = [dict(zip(COLUMNS, COLUMNS, strict=True)), *_settings(survey), *_texts(survey)]
    for language in survey.languages:
        rows += _questions(survey, language)
    lines = ("\t".join(row.get(column, "") for column in COLUMNS) for row in rows)
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8-sig")


def _html(text: str) -> str:
    escaped = html.escape(plain(text))
    for sign in "{}\\[]":
        escaped = escaped.replace(sign, f"&#{ord(sign)};")
    return escaped


def _settings(survey: Survey) -> Iterator[dict[str, str]]:
    base, *others = survey.languages
    told = {"language": base, "additional_languages": " ".join(others), **_SETTINGS}
    for name, value in told.items():
        if value:
            yield {"class": "S", "name": name, "text": value}


def _texts(survey: Survey) -> Iterator[dict[str, str]]:
    for language in survey.languages:
        words = survey.words[language]
        before = [f"<p>{_html(one)}</p>" for one in survey.introduction[language]]
        if survey.privacy[language]:
            before += [f"<h3>{_html(words['what_happens'])}</h3>"]
            before += [f"<p>{_html(one)}</p>" for one in survey.privacy[language]]
        for name, text in (
            ("surveyls_title", _html(f"{survey.title[language]} – {survey.client}")),
            ("surveyls_welcometext", "".join(before)),
            ("surveyls_endtext", _html(words["thanks"])),
        ):
            if text:
                yield {"class": "SL", "name": name, "text": text, "language": language}


def _questions(survey: Survey, language: str) -> Iterator[dict[str, str]]:
    words, is_base = survey.words[language], language == survey.languages[0]
    codes = question_codes(names_of(survey.ids, survey.roles, [one.id for one in survey.segments]))
    said = {"language": language, "relevance": "1"}
    yield _group(1, words["about_you"], language)
    # An equation is kept although it is hidden. An attribute is the same in all languages, and set once.
    yield {
        **said, "class": "Q", "type/scale": _EQUATION, "name": codes[role_key(survey.role)],
        "text": survey.role, "mandatory": "N", "other": "N", "hidden": "1" if is_base else "",
    }  # fmt: skip
    for segment in survey.segments:
        listed = segment_codes(segment.values) if segment.values else None
        kind, key = (_DROP_DOWN, list_key(segment.id)) if listed else (_SHORT, segment.id)
        yield _question(kind, codes[key], _html(segment.name), said)
        for value, code in (listed or {}).items():
            yield _answer(code, value, language)
    for number, part in enumerate(survey.parts, 2):
        yield _group(number, part.title[language] or survey.title[language], language)
        for one in part.asked:
            yield _question(_LIST if one.choices else _LONG, codes[one.id], _asked(one, language), said)
            for choice in one.choices:
                yield _answer(answer_code(choice.answer), choice.says[language], language)


def _group(number: int, name: str, language: str) -> dict[str, str]:
    return {
        "class": "G", "type/scale": str(number), "name": _html(name), "relevance": "1", "language": language
    }  # fmt: skip


def _question(kind: str, code: str, text: str, said: dict[str, str]) -> dict[str, str]:
    return {
        **said, "class": "Q", "type/scale": kind, "name": code, "text": text, "mandatory": "N", "other": "N",
    }  # fmt: skip


def _asked(one: Asked, language: str) -> str:
    """Write what is asked: under its topic, where it is chosen among described levels."""
    heading, text = _html(one.heading[language]), _html(one.text[language])
    return f"<strong>{heading}</strong><br />{text}" if heading else text


def _answer(code: str, text: str, language: str) -> dict[str, str]:
    return {"class": "A", "type/scale": "0", "name": code, "text": _html(text), "language": language}
