"""A survey for Qualtrics: its advanced text format, which "Import a TXT or QSF file" takes.

Each question bears the item's id, which becomes the header of its column, and each choice its level, which
becomes its recoded value; role and form are embedded data. Source: Qualtrics support, "Import and Export
Surveys", section "Preparing an Advanced Format TXT File".
"""

from __future__ import annotations

import html
from collections.abc import Iterator

from cxlib.surveys.asked import Asked, Survey, plain
from cxlib.surveys.codes import answer_code, list_key, segment_codes


def to_qualtrics(survey: Survey) -> bytes:
    """Write a survey in Qualtrics' advanced format, in its base language.

    Every text stands in one line and is escaped as HTML, its brackets and braces too, with which a tag or
    piped text would begin.
    """
    return ("\n".join(_lines(survey)) + "\n").encode()


def _html(text: str) -> str:
    escaped = html.escape(plain(text))
    for sign in "{}[]":
        escaped = escaped.replace(sign, f"&#{ord(sign)};")
    return escaped


def _lines(survey: Survey) -> Iterator[str]:
    language = survey.languages[0]
    words = survey.words[language]
    yield from ("[[AdvancedFormat]]", "", f"[[ED:role:{survey.role}]]", "")
    yield from (f"[[Block:{_html(survey.title[language])}]]", "")
    said = [*survey.introduction[language]]
    if survey.privacy[language]:
        said += [words["what_happens"], *survey.privacy[language]]
    if said:
        yield from ("[[Question:DB]]", "[[ID:introduction]]", "<br><br>".join(map(_html, said)), "")
        yield from ("[[PageBreak]]", "")
    for segment in survey.segments:
        listed = segment_codes(segment.values) if segment.values else None
        if listed:
            yield from _question("MC:SingleAnswer:Vertical", list_key(segment.id), _html(segment.name))
            yield "[[AdvancedChoices]]"
            for value, code in listed.items():
                yield from (f"[[Choice:{code}]]", _html(value))
        else:
            yield from _question("TE:SingleLine", segment.id, _html(segment.name))
        yield ""
    for part in survey.parts:
        yield from (f"[[Block:{_html(part.title[language] or survey.title[language])}]]", "")
        for one in part.asked:
            yield from _asked(one, language)


def _question(kind: str, id_: str, text: str) -> Iterator[str]:
    yield from (f"[[Question:{kind}]]", f"[[ID:{id_}]]", text)


def _asked(one: Asked, language: str) -> Iterator[str]:
    heading, text = _html(one.heading[language]), _html(one.text[language])
    text = f"<strong>{heading}</strong><br>{text}" if heading else text
    if not one.choices:
        yield from (*_question("TE:Essay", one.id, text), "")
        return
    yield from (*_question("MC:SingleAnswer:Vertical", one.id, text), "[[AdvancedChoices]]")
    for choice in one.choices:
        yield from (f"[[Choice:{answer_code(choice.answer)}]]", _html(choice.says[language]))
    yield ""
