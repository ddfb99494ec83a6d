"""Localisation of numbers: ``1,234.5`` in an English text is ``1.234,5`` in German.

The conventions are those of the Unicode CLDR, which Babel provides. Only what is certain in the conventions of the
source is changed: numbers, percentages, amounts of money, and numeric dates with a year of four digits.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

from nmt.text.languages import primary_subtag
from nmt.text.protected_spans import DEFAULT_PROTECTOR
from nmt.utils.errors import missing_extra

if TYPE_CHECKING:
    from babel import Locale

_SPACES = " \u00a0\u202f"
_NUMBER = re.compile(f"\\d(?:[\\d.,'’٬٫{_SPACES}]*\\d)?")
_DATE = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})")
_BEFORE = re.compile(rf"([+\-−±–]?)([A-Z]{{3}}[{_SPACES}]?)?")
_AFTER = re.compile(rf"[{_SPACES}]?(?:[^\W\d_.]|°).*", re.DOTALL)  # a unit or the code of a currency
_BIDI_MARKS = re.compile("[\u200e\u200f]")
# Numbers after these words are names, and numbers before these are times of day.
_NAME_BEFORE = re.compile(
    r"(?:\b(?:versi[oó]ne?s?|versie|versão|release|build|v\.|section|chapter|article|paragraph|figure|fig\.|table|abschnitt"
    r"|kapitel|artikel|abbildung|tabelle|chapitre|tableau|capítulo|sección|art\.|no\.|nr\.|nº|n°)|版本?|第)\s?\Z",
    re.IGNORECASE,
)
_MAX_NAME = 16  # more than the length of the longest of these words
_TIME_AFTER = re.compile(r"\s?(?:[ap]\.?m\b|uhr\b|h\b|uur\b)", re.IGNORECASE)


def localise_numbers(text: str, source_language: str, target_language: str) -> str:
    """Return a text with its numbers and numeric dates in the conventions of the target language.

    Codes, versions, times, telephone numbers and ISO dates remain as they are, and so does a number that the source
    language does not write this way, such as ``1.5`` in German. A date such as ``5/6/2026`` is changed only if the
    order of day and month is certain; for English, this requires a language code with a region. If the conventions of
    a language are unknown, the text is returned unchanged.

    Raises:
        CarouselError: Babel is not installed.
    """
    source, target = _conventions(source_language), _conventions(target_language)
    if source is None or target is None or source is target:
        return text
    parts: list[str] = []
    done = 0
    for span in DEFAULT_PROTECTOR.find(text):
        if span.kind in {"number", "version"} and not _is_name_or_time(text, span.start, span.end):
            parts += [text[done : span.start], _localise_span(text[span.start : span.end], source, target)]
            done = span.end
    return "".join([*parts, text[done:]])


@dataclass(frozen=True)
class _Conventions:
    """The way in which a language writes numbers and dates."""

    locale: Locale
    number: re.Pattern[str]
    """Numbers with and without groups of digits."""
    group: re.Pattern[str]
    """Separators between groups."""
    separator: str
    inner_group: int
    """Number of digits in a group that is not the last."""
    decimal: str
    percent: str
    """Percent sign with the space before it."""
    currency: tuple[str, str]
    """What stands before and after an amount of money, with ``¤`` for the symbol."""
    date_order: str
    """``dmy``, ``mdy`` or ``ymd``."""
    is_date_order_certain: bool


@lru_cache(maxsize=128)
def _conventions(language: str) -> _Conventions | None:
    """Return the conventions of a language, or None if they are unknown."""
    try:
        # Imported lazily: the package is optional.
        from babel import Locale, UnknownLocaleError
        from babel.numbers import get_decimal_symbol, get_group_symbol
    except ImportError:
        raise missing_extra("localisation", "number localisation") from None
    try:
        locale = Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        primary = primary_subtag(language)
        return None if primary == language else _conventions(primary)
    money = locale.currency_formats["standard"]
    inner_group = locale.decimal_formats[None].grouping[1]
    separator = get_group_symbol(locale, numbering_system="default")
    decimal = get_decimal_symbol(locale, numbering_system="default")
    groups = next((f"[{each}]" for each in (_SPACES, "'’") if separator in each), re.escape(separator))
    whole = rf"[1-9]\d{{0,2}}(?:{groups}\d{{{inner_group}}})*{groups}\d{{3}}|0|[1-9]\d*"
    order = re.sub("[^dmy]", "", locale.date_formats["short"].pattern.lower())
    return _Conventions(
        locale=locale,
        number=re.compile(rf"(?:{whole})(?:{re.escape(decimal)}\d+)?"),
        group=re.compile(groups),
        separator=separator,
        inner_group=inner_group,
        decimal=decimal,
        percent=locale.percent_formats[None].suffix[0],
        currency=(_BIDI_MARKS.sub("", money.prefix[0]), _BIDI_MARKS.sub("", money.suffix[0])),
        date_order="".join(dict.fromkeys(order)),
        is_date_order_certain=locale.language != "en" or locale.territory is not None,
    )


def _is_name_or_time(text: str, start: int, end: int) -> bool:
    """Return whether the word before or after a number says that it is a version, a section or a time of day."""
    before = _NAME_BEFORE.search(text[max(0, start - _MAX_NAME) : start])
    return before is not None or _TIME_AFTER.match(text, end) is not None


def _localise_span(span: str, source: _Conventions, target: _Conventions) -> str:
    """Return a protected span in the conventions of the target, or unchanged if its meaning is uncertain."""
    if match := _DATE.fullmatch(span):
        localised_date = _localise_date(match, source, target)
        if localised_date is not None:
            return localised_date
    numbers = list(_NUMBER.finditer(span))
    localised = [_localise_number(number[0], source, target) for number in numbers]
    if not numbers or any(each is None for each in localised):
        return span
    before, after = span[: numbers[0].start()], span[numbers[-1].end() :]
    between = span[numbers[0].end() : numbers[-1].start()] if len(numbers) == 2 else ""
    if len(numbers) > 2 or (len(numbers) == 2 and between not in {"-", "–"}):
        return span
    return _attach(before, between.join(each for each in localised if each), after, target) or span


def _localise_number(number: str, source: _Conventions, target: _Conventions) -> str | None:
    """Return a number in the conventions of the target, or None if it is not in those of the source."""
    # Digits of all scripts become European ones, which all languages use beside their own.
    digits = "".join(str(unicodedata.digit(each, each)) for each in number)
    if not source.number.fullmatch(digits):
        return None
    whole, _, fraction = digits.partition(source.decimal)
    ungrouped = source.group.sub("", whole)
    if ungrouped != whole:
        whole = _group(ungrouped, target)
    return f"{whole}{target.decimal}{fraction}" if fraction else whole


def _group(digits: str, conventions: _Conventions) -> str:
    """Return the digits of a whole number in groups. Babel's own formatting loses apostrophes between groups."""
    size = conventions.inner_group
    groups = [digits[max(0, end - size) : end] for end in range(len(digits) - 3, 0, -size)]
    return conventions.separator.join([*reversed(groups), digits[-3:]])


def _attach(before: str, number: str, after: str, target: _Conventions) -> str | None:
    """Return a localised number with its sign, currency, percent sign or unit; None if it has something else."""
    sign, symbol = before[: before[:1] in set("+-−±–")], before.lstrip("+-−±–")
    if not symbol and after.strip() == "%":
        return f"{sign}{number}{target.percent}"
    currency = symbol.strip() or after.strip()
    if len(currency) == 1 and unicodedata.category(currency) == "Sc" and not (symbol and after):
        prefix, suffix = (each.replace("¤", currency) for each in target.currency)
        return f"{sign}{prefix}{number}{suffix}"
    if _BEFORE.fullmatch(before) and (not after or _AFTER.fullmatch(after)):
        return f"{before}{number}{after}"
    return None


def _localise_date(match: re.Match[str], source: _Conventions, target: _Conventions) -> str | None:
    """Return a numeric date in the conventions of the target, or None if it isn't certain that it is one."""
    from babel.dates import format_skeleton

    first, second, third = (int(match[n]) for n in (1, 3, 4))
    if len(match[1]) == 4 and len(match[4]) <= 2:
        if match[2] == "-":
            return None  # ISO 8601
        year, month, day = first, second, third
    elif len(match[4]) == 4 and len(match[1]) <= 2 and source.date_order in {"dmy", "mdy"}:
        day, month, year = first, second, third
        is_month_first = second > 12 if not source.is_date_order_certain else source.date_order == "mdy"
        if is_month_first:
            day, month = month, day
        elif not source.is_date_order_certain and day <= 12 and day != month:
            return None
    else:
        return None
    try:
        return format_skeleton("yMd", date(year, month, day), locale=target.locale)
    except ValueError:
        return None
