"""The way back: from the headers of an export to the mapping that reads it.

A file that came of a survey of ours says by its headers what each column answers; nobody has to say it
again. What is made here is a mapping like one that a person writes, kept with the import and to be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from cxlib import look
from cxlib.declarations import Document, parse_document
from cxlib.errors import NotFoundError
from cxlib.frames import DONT_KNOW, NOT_APPLICABLE
from cxlib.surveys import spreadsheet
from cxlib.surveys.asked import Maker, plain
from cxlib.surveys.codes import (
    BESIDE,
    answer_code,
    list_key,
    names_of,
    question_codes,
    role_key,
    segment_codes,
)

if TYPE_CHECKING:
    from cxlib.framework import Framework

# Where each tool says how a response came about; of these, what stands in the file.
_LIMESURVEY = {
    "finished": "submitdate",
    "duration": "interviewtime",
    "started": "startdate",
    "ended": "datestamp",
}
_QUALTRICS = {
    "finished": "Finished", "preview": "Status", "duration": "Duration (in seconds)", "started": "StartDate",
    "ended": "EndDate",
}  # fmt: skip


@dataclass(frozen=True)
class Back:
    """How a file of ours was recognised, and the mapping that reads it, as YAML.

    `asks` counts the columns that are answers.
    """

    tool: str
    by: str
    mapping: str
    asks: int

    @property
    def document(self) -> Document:
        return parse_document(self.mapping, name=f"the mapping of a {self.tool} form")


def mapping_back(
    header: Sequence[str],
    framework: Framework,
    *,
    roles: Sequence[str],
    segments: Sequence[str],
    values: Mapping[str, Sequence[str]] | None = None,
) -> Back | None:
    """Return the mapping of an export of a survey that `cx form` wrote; None for another file.

    Parameters
    ----------
    header
        The headers of the file: codes, not texts.
    framework
        What the wave is assessed with, and the survey was made of.
    roles, segments
        Of the engagement.
    values
        Known values of segments, by which a chosen code is read; a code of none of them is refused.
    """
    names = [*framework.items, *framework.questions]
    codes = question_codes(names_of(names, roles, segments))
    asked = [role for role in roles if codes[role_key(role)] in header]
    if len(asked) == 1:
        tool, by = "limesurvey", f"the header {codes[role_key(asked[0])]}"
        called = codes
        about: dict[str, Any] = {"role": {"value": asked[0]}}
        about |= {"id": "id", "survey": asked[0]} if "id" in header else {}
        date, screening = "submitdate", _LIMESURVEY
    elif "role" in header and ("ResponseId" in header or spreadsheet.RESPONDENT in header):
        is_qualtrics = "ResponseId" in header
        tool = "qualtrics" if is_qualtrics else "xlsx"
        id_ = "ResponseId" if is_qualtrics else spreadsheet.RESPONDENT
        by, called = f"the headers {id_} and role", {name: name for name in codes}
        about = {"id": id_, "role": {"column": "role"}}
        date, screening = ("RecordedDate", _QUALTRICS) if is_qualtrics else (spreadsheet.DATE, {})
    else:
        return None
    answered = {called[name]: name for name in names if called[name] in header}
    if not answered:
        return None
    words = _Words(framework, asked or roles)
    plain_mapping: dict[str, Any] = {"mapping": f"{tool}-form"}
    plain_mapping |= about
    plain_mapping["segments"] = _segments(header, segments, called, values or {})
    if date in header:
        plain_mapping["date"] = {"column": date}
    plain_mapping["not_applicable"] = words.beside(NOT_APPLICABLE, "does_not_apply", "no_experience")
    plain_mapping["dont_know"] = words.beside(DONT_KNOW, "dont_know")
    if found := {what: column for what, column in screening.items() if column in header}:
        plain_mapping["screening"] = found
    plain_mapping["items"], plain_mapping["comments"] = [], []
    for column in header:
        if (name := answered.get(column)) is None:
            continue
        if name in framework.scales:
            labels = words.values(name)
            one = {"item": name, "column": column, **({"values": labels} if labels else {})}
            plain_mapping["items"].append(one)
        else:
            text = framework.questions[name].text
            plain_mapping["comments"].append({"id": name, "column": column, "text": text})
    if not plain_mapping["items"]:
        return None
    document = yaml.safe_dump(plain_mapping, sort_keys=False, allow_unicode=True, width=110)
    return Back(tool, by, document, len(answered))


def _segments(
    header: Sequence[str],
    segments: Sequence[str],
    called: Mapping[str, str],
    values: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for segment in segments:
        if called[segment] in header:
            out[segment] = {"column": called[segment]}
        elif called[list_key(segment)] in header:
            known = segment_codes(values.get(segment, ())) or {}
            # The tool may write what was chosen as its code or as its text.
            read = {code: value for value, code in known.items()} | {value: value for value in known}
            out[segment] = {"column": called[list_key(segment)], "values": read, "others": "refuse"}
    return out


class _Words:
    """The words of answers, in every language and role that may have been asked."""

    def __init__(self, framework: Framework, roles: Sequence[str]) -> None:
        self._framework = framework
        self._said: dict[str, dict[str, str]] = {}
        for language in framework.content.languages:
            try:
                self._said[language] = look.words(language)
            except NotFoundError:
                continue  # no survey in it can have been written
        self._makers = [Maker(framework, role, tuple(self._said)) for role in roles]

    def beside(self, answer: int, *words: str) -> list[str]:
        """List how an answer beside the scale may be written: its code, and its words in each language."""
        said = (self._said[language][word] for language in self._said for word in words)
        return list(dict.fromkeys([BESIDE[answer], *said]))

    def values(self, name: str) -> dict[str, int]:
        """Return what the places of a scale are called, where it is not their number and but one of them."""
        meant: dict[str, set[int]] = {}
        for maker in self._makers:
            item = self._framework.items.get(name)
            if item is not None and maker.role not in item.statement:
                continue
            for choice in (maker.item(item) if item is not None else maker.question(name)).choices:
                if choice.answer in BESIDE:
                    continue
                for text in (answer_code(choice.answer), *map(plain, choice.says.values())):
                    meant.setdefault(text, set()).add(choice.answer)
        return {
            text: min(found) for text, found in meant.items() if len(found) == 1 and text != str(min(found))
        }
