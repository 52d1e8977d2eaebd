"""Numbers and dates as a language writes them, against what Unicode's CLDR says."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from babel.numbers import parse_decimal
from hypothesis import given
from hypothesis import strategies as st

from cxlib.errors import NotFoundError
from cxlib.formats import day, language_name, number

NARROW = "\N{NARROW NO-BREAK SPACE}"
HARD = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "digits", "english", "german"),
    [
        (0, 0, "0", "0"),
        (999, 0, "999", "999"),
        (1000, 0, "1,000", "1.000"),
        (1234.5, 1, "1,234.5", "1.234,5"),
        (-1234567.891, 2, "-1,234,567.89", "-1.234.567,89"),
        (0.5, 1, "0.5", "0,5"),
        (2.0, 1, "2", "2"),  # at most so many decimals
        (2.04, 1, "2", "2"),
        (0.125, 2, "0.12", "0,12"),  # half goes to the even neighbour
        (0.375, 2, "0.38", "0,38"),
        (2.5, 0, "2", "2"),
        (3.5, 0, "4", "4"),
        (238 * 0.9, 3, "214.2", "214,2"),
    ],
)
def test_a_number_is_written_as_the_language_does(
    value: float, digits: int, english: str, german: str
) -> None:
    assert number(value, "en", digits=digits) == english
    assert number(value, "de", digits=digits) == german


def test_without_decimals_a_number_is_whole() -> None:
    assert number(1234.4, "en") == "1,234"


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("en-GB", "1,234,567.5"),
        ("en-US", "1,234,567.5"),
        ("de-CH", "1’234’567.5"),
        ("nl", "1.234.567,5"),
        ("fr", f"1{NARROW}234{NARROW}567,5"),
        ("sv", f"1{HARD}234{HARD}567,5"),
        ("en-IN", "1,234,567.5"),
    ],
)
def test_a_country_may_write_numbers_in_its_own_way(language: str, written: str) -> None:
    assert number(1_234_567.5, language, digits=1) == written


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("en", "23 November 2026"),  # without a country the British way: the day first
        ("en-GB", "23 November 2026"),
        ("en-US", "November 23, 2026"),
        ("de", "23. November 2026"),
        ("de-AT", "23. November 2026"),
        ("nl", "23 november 2026"),
        ("fr", "23 novembre 2026"),
        ("pt-BR", "23 de novembro de 2026"),
    ],
)
def test_a_date_is_written_in_full(language: str, written: str) -> None:
    assert day(dt.date(2026, 11, 23), language) == written


MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
}


@given(st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1)))
def test_every_day_has_its_month_and_no_zero_before_it(date: dt.date) -> None:
    english, german = (MONTHS[language].split()[date.month - 1] for language in ("en", "de"))
    assert day(date, "en") == f"{date.day} {english} {date.year}"
    assert day(date, "de") == f"{date.day}. {german} {date.year}"


@given(st.integers(-(10**12), 10**12), st.sampled_from(["en", "de", "de-CH", "nl", "fr", "en-US"]))
def test_what_is_written_is_read_back_as_the_same_number(hundredths: int, language: str) -> None:
    written = number(hundredths / 100, language, digits=2)
    locale = {"en": "en_GB"}.get(language, language.replace("-", "_"))
    assert parse_decimal(written, locale=locale) == Decimal(hundredths) / 100


@pytest.mark.parametrize(
    ("language", "within", "name"),
    [
        ("de", "en", "German"),
        ("de", "de", "Deutsch"),
        ("en", "de", "Englisch"),
        ("en", "en", "English"),
        ("nl", "de", "Niederländisch"),
        ("en-US", "en", "English (United States)"),
        ("de-CH", "de", "Deutsch (Schweiz)"),
    ],
)
def test_a_language_is_named_in_another(language: str, within: str, name: str) -> None:
    assert language_name(language, within) == name


@pytest.mark.parametrize("language", ["xx", "english", "", "en_GB", "en-XX", "../de", "de-DE-x"])
def test_a_language_that_unicode_does_not_know_is_named_with_the_next_move(language: str) -> None:
    told = (
        f"no number and date formats for the language {language!r}\n"
        "Use a tag that Unicode's CLDR knows, such as en, de or de-CH."
    )
    for ask in (
        lambda: number(1, language),
        lambda: day(dt.date(2026, 11, 23), language),
        lambda: language_name(language, "en"),
        lambda: language_name("en", language),
    ):
        with pytest.raises(NotFoundError) as caught:
            ask()
        assert str(caught.value) == told
