"""Numbers and dates as a language writes them: Unicode's CLDR by Babel, no list of months of our own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from cxlib.errors import NotFoundError

if TYPE_CHECKING:
    from babel import Locale

# A share of all or none says what each person answered: a bound of it is written instead.
AT_LEAST, AT_MOST = "at least", "at most"
ALMOST_ALL, ALMOST_NONE = 0.95, 0.05


def number(value: float, language: str, *, digits: int = 0) -> str:
    """Write a number with at most `digits` decimals: 1,234.5 in English, 1.234,5 in German."""
    from babel.numbers import format_decimal

    pattern = "#,##0" + ("." + "#" * digits if digits else "")
    text: str = format_decimal(value, format=pattern, locale=_locale(language))
    return text


def separators(language: str) -> tuple[str, str]:
    """Return the signs before the decimals and between thousands: (".", ",") in English."""
    from babel.numbers import get_decimal_symbol, get_group_symbol

    locale = _locale(language)
    return get_decimal_symbol(locale), get_group_symbol(locale)


def list_of(names: Sequence[str], language: str) -> str:
    """Join names: a, b and c; a, b und c."""
    from babel.lists import format_list

    return format_list(list(names), locale=_locale(language))


def day(date: dt.date, language: str) -> str:
    """Write a date in full: 23 November 2026, 23. November 2026."""
    from babel.dates import format_date

    text: str = format_date(date, format="long", locale=_locale(language))
    return text


def language_name(language: str, within: str) -> str:
    """Name a language in another: German, Deutsch."""
    return _parsed(language).get_display_name(_locale(within)) or language


@lru_cache(maxsize=16)
def _locale(language: str) -> Locale:
    """Find a language's conventions. English without a country is the British: the day before the month."""
    return _parsed("en-GB" if language == "en" else language)


def _parsed(language: str) -> Locale:
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        raise NotFoundError(
            f"no number and date formats for the language {language!r}",
            fix="Use a tag that Unicode's CLDR knows, such as en, de or de-CH.",
        ) from None
