"""Localisation of numbers and dates, compared with Babel's own formatting."""

from __future__ import annotations

import datetime
import sys
from decimal import Decimal

import pytest
from babel import Locale
from babel.dates import format_skeleton
from babel.numbers import format_currency, format_decimal, format_percent
from hypothesis import given
from hypothesis import strategies as st

from nmt.text import number_localisation
from nmt.text.number_localisation import localise_numbers
from nmt.utils.errors import CarouselError

LANGUAGES = [
    "en",
    "en-GB",
    "en-IN",
    "de",
    "de-CH",
    "fr",
    "es",
    "pt-BR",
    "pl",
    "sv",
    "ru",
    "hi",
    "fa",
    "ar-EG",
    "ja",
    "zh",
]
languages = st.sampled_from(LANGUAGES)


def in_convention(value: Decimal, language: str) -> str:
    locale = Locale.parse(language, sep="-")
    return format_decimal(value, locale=locale, decimal_quantization=False, numbering_system="default")


@given(st.decimals(min_value=1000, max_value=999_999, places=2), languages, languages)
def test_grouped_numbers_are_written_as_babel_writes_them(value: Decimal, source: str, target: str) -> None:
    value = value.normalize() if value % 1 else value.to_integral()
    text = in_convention(value, source)
    assert localise_numbers(f"({text} km)", source, target) == f"({in_convention(value, target)} km)"


@given(st.integers(min_value=0, max_value=9999), languages)
def test_whole_numbers_without_groups_remain_without(value: int, target: str) -> None:
    digits = format_decimal(
        value, locale=Locale.parse(target, sep="-"), group_separator=False, numbering_system="default"
    )
    assert localise_numbers(f"in {value} here", "en", target) == f"in {digits} here"


@pytest.mark.parametrize("target", ["de", "fr", "es", "ja", "sv"])
def test_percentages_and_money(target: str) -> None:
    percent = format_percent(Decimal("0.055"), format=None, locale=target, decimal_quantization=False)
    assert localise_numbers("by 5.5% today", "en", target) == f"by {percent} today"
    money = format_currency(1234.5, "EUR", locale=target)
    # Japanese and Chinese text is full-width around symbols in some locales only; the others agree on the euro sign.
    assert localise_numbers("pay €1,234.50 now", "en", target) == f"pay {money} now"


@given(st.dates(min_value=datetime.date(1000, 1, 1)), languages)
def test_dates_with_a_region_are_written_as_babel_writes_them(date: datetime.date, target: str) -> None:
    expected = format_skeleton("yMd", date, locale=Locale.parse(target, sep="-"))
    assert localise_numbers(f"on {date.month}/{date.day}/{date.year}.", "en-US", target) == f"on {expected}."
    assert localise_numbers(f"am {date.day}.{date.month}.{date.year}.", "de", target) == f"am {expected}."


@pytest.mark.parametrize(
    ("text", "source", "target", "expected"),
    [
        ("1,234.50 and 0.50", "en", "de", "1.234,50 and 0,50"),  # zeros at the end remain
        ("-3.5 °C, −3.5 °C, +3.5 kg", "en", "fr", "-3,5 °C, −3,5 °C, +3,5 kg"),
        ("1,000–2,000 m", "en", "de", "1.000–2.000 m"),
        ("EUR 1,000.00", "en", "de", "EUR 1.000,00"),
        ("1 234,5 €", "fr", "en", "€1,234.5"),
        ("1'234.5 und 1’234.5", "de-CH", "en", "1,234.5 und 1,234.5"),
        ("1,234,567.5", "en", "de-CH", "1'234'567.5"),
        ("12,34,567", "hi", "en", "1,234,567"),
        ("1,234,567,890 and 1,000", "en", "hi", "1,23,45,67,890 and 1,000"),
        ("1,234,567", "en", "fr", "1\u202f234\u202f567"),
        ("٢٬٠٢٦٫٥", "ar-EG", "en", "2,026.5"),
        ("30.11.2026", "de", "en", "11/30/2026"),
        ("11/30/2026", "en", "de", "30.11.2026"),  # day and month are certain, because there is no month 30
        ("5/6/2026", "en-GB", "de", "5.6.2026"),
        ("5/6/2026", "en-US", "de", "6.5.2026"),
        ("2026/11/30", "ja", "en", "11/30/2026"),
    ],
)
def test_examples(text: str, source: str, target: str, expected: str) -> None:
    assert localise_numbers(text, source, target) == expected


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("v1.2.3, 10.15.7, 2.0-rc1, AB-1.5, 192.168.0.1", "en"),
        ("version 3.5, Version 3.5, Section 33.1, No. 1.5, § 3.5", "en"),
        ("14:30, 2.30 pm, 9.45 a.m., 2026-11-30T12:00:00.5", "en"),
        ("+33 1 23 45 67 89, (555) 123-4567, 555.123.4567", "en"),
        ("12(1), 24/7, 2+2=4, 6.02e23, 10^6, 3.5x, A4.5", "en"),
        ("https://example.com/1,234.5, {0.5}, #1.5", "en"),
        ("0,123, 1,23, 1,2345, 1,234,56, 007, 00.5", "en"),  # not written so in English
        ("1.5, 1.23, 1,234.5", "de"),
        ("5/6/2026, 13/13/2026, 31/2/2026, 5/6/26, 2026-11-30", "en"),
        ("21st, 3.5th", "en"),
        ("no numbers", "en"),
        ("", "en"),
    ],
)
def test_everything_else_remains(text: str, source: str) -> None:
    assert localise_numbers(text, source, "de" if source == "en" else "en") == text


def test_unknown_languages_and_regions() -> None:
    assert localise_numbers("1,234.5", "xx", "de") == "1,234.5"
    assert localise_numbers("1,234.5", "en", "qqq-XX") == "1,234.5"
    assert localise_numbers("1,234.5", "en-001-x-private", "de-XX") == "1.234,5"


def test_equal_conventions_change_nothing() -> None:
    text = "1,234.5 on 11/30/2026 for $5 or 5%"
    assert localise_numbers(text, "en-US", "en-US") == text


def test_the_error_without_babel_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "babel", None)
    number_localisation._conventions.cache_clear()
    with pytest.raises(CarouselError, match="'localisation' extra"):
        localise_numbers("1,234.5", "en", "de")
