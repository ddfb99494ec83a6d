"""Finding of numbers with their units, dates, telephone numbers, versions and codes.

All patterns take time linear in the length of the text, as those of `nmt.text.span_patterns` do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nmt.text.scripts import UNSPACED
from nmt.text.span_patterns import LATIN, Range

_START = f"(?<![0-9{LATIN}])"
_END = f"(?![0-9{LATIN}])"

# -- Numbers -----------------------------------------------------------------------------------------------------------

_CURRENCIES = "€£¥₩₹₽₺₴₫₪₦₱₿฿¢"
_CURRENCY_CODES = "(?:EUR|USD|GBP|CHF|JPY|CNY|RMB|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|RUB|INR|BRL|MXN|KRW|ZAR|SGD|HKD)"
# Symbols of units that are the same in all languages of the Latin script. Symbols that are a word in one of them ("s",
# "ha") must not be separated from the number by a space. In "1960s", "s" is no unit.
_UNITS = (
    "(?:[kcmµμn]?m[²³]?|[kdcm]?g|µg|μg|[cdhm]?[lL]|m³|km²|[kKMGTP]i?[bB]|[kMG]bit|[kMG]bps|[kMG]b/s|[kMGT]?Hz"
    "|[kMGTm]?W|[kMG]?Wh|[kmµ]?V|mAh?|Ah|kJ|MJ|kN|[khM]?Pa|mbar|dB|px|rpm|mol|ppm|km/h|m/s²?|kcal|[kMG]Ω|Ω|K)"
)
_JOINED_UNITS = "(?:[AJNt]|ms|ns|ha|min|fps)"
# Numbers in Chinese, Japanese and Korean that other languages write with other digits, such as 10万, and months.
_CJK_NUMERAL = "[万億亿萬兆千百만억천]"
# Suffixes of ordinals in English, French, Spanish, Portuguese, Italian, Dutch and Swedish. "3." is an ordinal if the
# sentence goes on.
_ORDINAL = (
    f"(?:(?:st|nd|rd|th|ST|ND|RD|TH|er|ers|re|ère|ères|e|è|ème|èmes|eme|ième|nde?|de|ste|[ºª]|:[ae]){_END}"
    f"|(?<![0-9]{{3}})(?<![.,:/-][0-9])(?<![.,:/-][0-9]{{2}})\\.(?=[ \u00a0]\\w)|月|월|{_CJK_NUMERAL})"
)
_FRACTIONS = "¼-¾⅐-⅞"
# A match begins with a character class, for which the regular expression engine searches fast. Full-width digits are
# left out: they are a style of Chinese and Japanese, and are translated as letters are.
_NUMBER = re.compile(
    f"[\\d{_FRACTIONS}](?:(?<=[{_FRACTIONS}])|(?<![A-Za-z\\d]\\d)(?<!월 \\d)(?<![０-９])"
    # Groups of three digits with spaces, or digits with separators; exponent; fraction.
    "(?:(?<!\\d[ \u00a0]\\d)\\d{0,2}(?:[ \u00a0\u202f]\\d{3})++(?![0-9])(?:[.,]\\d++)?+"
    "|\\d*+(?:[.,:/'’·٫٬\\-–‑]\\d++|\\(\\d++\\))*+)"
    f"(?:[eE][+\\-−]?\\d++|\\^[+\\-−]?\\d++)?+[{_FRACTIONS}]?+(?!{_ORDINAL}))"
    # Unit, currency or percent sign.
    f"(?:(?: ?{_UNITS}|{_JOINED_UNITS}| ?{_CURRENCY_CODES})(?![0-9{LATIN}]|['’](?!s\\b))|[kKMB]{_END}"
    f"|[ \u00a0\u202f]?(?:%|‰|°(?: ?[CFK]{_END})?|℃|℉|[{_CURRENCIES}]|\\$(?:US|CA|AU|NZ|HK)?(?![0-9{{(\\w])))?+"
)
# A sign follows a space or an opening bracket.
_PREFIX = re.compile(
    f"(?:(?<![^\\s(\\[{{\"'“‘«„=:,;/~≈<>{UNSPACED}])[+\\-−±–])?"
    f"(?:(?:{_START}(?:US|CA|AU|NZ|HK|NT|[CARS])\\$|[$#№{_CURRENCIES}]|§§?|{_START}{_CURRENCY_CODES})"
    "[ \u00a0\u202f]?)?\\Z"
)
_MAX_PREFIX = 8  # more than the length of the longest prefix and the character before it
_DAY_OF_MONTH = re.compile("(?<=月)\\d{1,2}日")


def find_numbers(text: str) -> Iterator[Range]:
    """Find numbers with their signs, separators, currencies and international unit symbols.

    Ordinals, months in digits and numbers such as ``10万`` are left out: other languages write them differently.
    """
    days = {match.start() for match in _DAY_OF_MONTH.finditer(text)} if "月" in text else set()
    for match in _NUMBER.finditer(text):
        start, end = match.span()
        if start not in days:
            prefix = _PREFIX.search(text[max(0, start - _MAX_PREFIX) : start])
            yield start - (len(prefix[0]) if prefix else 0), end


# -- Dates and telephone numbers ---------------------------------------------------------------------------------------

_DATE = re.compile(
    f"{_START}(?:\\d{{4}}-\\d{{2}}-\\d{{2}}(?:[T ]\\d{{2}}:\\d{{2}}(?::\\d{{2}}(?:[.,]\\d{{1,9}})?)?"
    f"(?:Z|[+-]\\d{{2}}:?\\d{{2}})?)?|\\d{{1,2}}:\\d{{2}}(?::\\d{{2}}(?:[.,]\\d{{1,9}})?)?Z?|\\d{{1,2}}[hH]\\d{{2}}){_END}"
    "(?![-:][0-9])"
)
_PHONE = re.compile(
    f"(?<![0-9{LATIN}+])(?<!\\d )(?:\\+\\d{{1,3}}(?:[ .-]?\\(\\d{{1,5}}\\))?+(?:[ .-]?\\d{{1,6}}){{2,7}}+"
    "|\\(\\d{2,5}\\)[ -]?\\d{2,4}(?:[ -]\\d{2,4}){1,4}+|0\\d{1,4}(?:[ /-]\\d{2,8}){1,5}+"
    f"|\\d{{2}}(?: \\d{{2}}){{3,6}}+|\\d{{4}}(?: \\d{{4}}){{2,4}}+){_END}"
)


def find_dates(text: str) -> Iterator[Range]:
    """Find dates and times of ISO 8601."""
    return (match.span() for match in _DATE.finditer(text))


def find_phone_numbers(text: str) -> Iterator[Range]:
    """Find telephone numbers and other numbers in groups of digits."""
    return (match.span() for match in _PHONE.finditer(text))


# -- Versions and codes ------------------------------------------------------------------------------------------------

_PRERELEASE = "[-+.]?(?:alpha|beta|rc|RC|dev|post|pre|snapshot|SNAPSHOT|a|b)(?:[.-]?\\d++)*+"
_VERSION = re.compile(
    f"(?<![0-9{LATIN}.])(?:(?:[vV]\\d++(?:\\.\\d++)*+|\\d++(?:\\.\\d++){{2,8}}+)(?:{_PRERELEASE})?+"
    f"|\\d++(?:\\.\\d++){{1,8}}+{_PRERELEASE}){_END}"
)
_UUID = re.compile(f"{_START}[0-9a-fA-F]{{8}}(?:-[0-9a-fA-F]{{4}}){{3}}-[0-9a-fA-F]{{12}}{_END}")
_IBAN = re.compile(
    f"{_START}[A-Z]{{2}}\\d{{2}}(?: (?=[A-Z]{{0,3}}\\d)[A-Z0-9]{{4}}{_END}){{2,7}}+(?: [A-Z0-9]{{1,3}}{_END})?"
)
_HARDWARE_ADDRESS = re.compile(
    f"(?<![0-9{LATIN}:])(?:[0-9A-Fa-f]{{2}}(?::[0-9A-Fa-f]{{2}}){{5}}"
    "|(?:[0-9A-Fa-f]{1,4}:){1,7}(?::[0-9A-Fa-f]{1,4}){1,6}"
    f"|(?:[0-9A-Fa-f]{{1,4}}:){{7}}[0-9A-Fa-f]{{1,4}})(?![0-9{LATIN}:])"
)
# A part of a code mixes letters and digits (A4, B2B, x86), or consists of capital letters or digits. No parts of codes
# are ordinals ("2ND"), times ("2PM"), decades ("1960S"), glued words ("2Men") and misspelt words ("wei0en").
_PART = (
    f"(?!\\d++(?:ST|ND|RD|TH|AM|PM|S){_END}|\\d++[A-Z][a-z]{{2}}"
    f"|(?=[a-z0-9]{{6}})(?![a-f0-9]{{7}})[A-Za-z][a-z]*+\\d[a-z]++{_END})"
    "(?:[A-Za-z]++\\d[A-Za-z0-9]*+|\\d++[A-Za-z]++\\d[A-Za-z0-9]*+|\\d++[A-Z][A-Za-z0-9]*+"
    f"|\\d++[a-df-gi-rtv-z]|[A-Z]++|\\d++){_END}"
)
_CODE = re.compile(f"{_START}{_PART}(?:[-/_.]{_PART})*+")
_LETTER = re.compile("[A-Za-z]")
_ASCII_DIGIT = re.compile("[0-9]")
_NUMBER_WITH_ITEM = re.compile(r"[0-9]+[a-z]\)")  # French "alinéa 8c)" is "paragraph 8(c)"


def find_versions(text: str) -> Iterator[Range]:
    """Find version numbers such as ``v1.2.3`` and ``2.0-rc1``."""
    return (match.span() for match in _VERSION.finditer(text))


def find_codes(text: str) -> Iterator[Range]:
    """Find codes that mix letters and digits: serial numbers, model names, UUIDs, IBANs, hardware addresses."""
    for pattern in (_UUID, _IBAN, _HARDWARE_ADDRESS):
        yield from (match.span() for match in pattern.finditer(text))
    for match in _CODE.finditer(text):
        start, end = match.span()
        is_item = text[end : end + 1] == ")" and _NUMBER_WITH_ITEM.fullmatch(text, start, end + 1) is not None
        is_item = is_item and text[start - 1 : start] != "("
        if _ASCII_DIGIT.search(match[0]) and _LETTER.search(match[0]) and not is_item:
            yield start, end
