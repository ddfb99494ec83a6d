"""Recognition of small numbers that are written out in words.

The tables hold the beginnings of words, so that they match ordinals and inflected forms too.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from nmt.text.languages import primary_subtag

# Values separated by spaces: 0 to 20, then 30 to 90 by tens, then 100, 1000 and larger powers of ten. Alternatives,
# among them words for hours, halves and dozens, are separated by bars.
_STEMS = {
    "de": """null|kein ein|erst|halb zwei|zwo|beid|halb drei|dritt vier fünf sechs sieb acht neun zehn elf
        zwölf|dutzend|mittag dreizehn vierzehn fünfzehn|viertel sechzehn siebzehn achtzehn neunzehn zwanzig
        dreißig|dreissig|halb vierzig fünfzig sechzig siebzig achtzig neunzig hundert tausend million|milliard""",
    "en": """zero|no|nil|nought one|a|an|first|once two|second|twice|half|both|couple three|third four|quarter
        five|fifth six seven eigh nin ten eleven twel|dozen|noon|midnight thirteen fourteen fifteen|quarter sixteen
        seventeen eighteen nineteen twent thirt|half fort fift sixt sevent eight ninet hundred thousand
        million|billion""",
    "es": """cero un|una|uno|prim dos|segund|medi tres|tercer cuatro|cuart cinco|quint seis|sext siete|séptim ocho|octav
        nueve|noven diez|décim once|undécim doce|mediod|median trece catorce quince|cuart dieciséis|dieciseis diecisiete
        dieciocho diecinueve veint treinta|medi cuarenta cincuenta sesenta setenta ochenta noventa cien|quinient mil
        mill""",
    "fr": """zéro un|une|prem deux|second|demi trois|tiers quatr|quart cinq six sept huit neuf|neuv dix onz
        douz|midi|minuit treiz quatorz quinz|quart seiz dix dix dix vingt trent|demi quarant cinquant soixant
        soixant|sept quatr|huit quatr|non cent mill million|milliard""",
    "it": """zero un|una|uno|prim due|second|mezz tre|terz quattr|quart cinqu|quint sei|sest sette|settim otto|ottav
        nove|non dieci|decim undici dodici|mezzog|mezzan tredici quattordici quindici|quart sedici diciassette diciotto
        diciannove vent trent|mezz quarant cinquant sessant settant ottant novant cent mill|mila milion|miliard""",
    "nl": """nul|geen een|één|eerst twee|half|beid drie|derd vier vijf zes zev ach negen tien elf twaalf|dozijn|middag
        dertien veertien vijftien|kwart zestien zeventien achttien negentien twintig dertig|half veertig vijftig
        zestig zeventig tachtig negentig honderd duizend miljoen|miljard""",
    "pt": """zero um|uma|prim dois|duas|segund|mei três|terceir quatro|quart cinco|quint seis|sext sete|sétim oito|oitav
        nove|non dez|décim onze doze|mei treze catorze|quatorze quinze|quart dezesseis|dezasseis dezessete|dezassete
        dezoito dezenove|dezanove vint trinta|mei quarenta cinquenta sessenta setenta oitenta noventa cem|cent|quinhent
        mil milh|bilh""",
}
_VALUES = (*range(21), *range(30, 100, 10), 100, 1000, 10**6)
_MAX_COMPOUND = 99  # numbers above are recognised by their largest power of ten alone

_CHINESE_NUMERALS = re.compile("[\\d〇零一二三四五六七八九十百千万萬億亿两兩]+")
_MAX_NUMERALS = 20  # longer runs are no numbers
_CHINESE_DIGITS = dict(zip("〇零一二两兩三四五六七八九", (0, 0, 1, 2, 2, 2, 3, 4, 5, 6, 7, 8, 9), strict=True))
_CHINESE_POWERS = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "萬": 10**4, "億": 10**8, "亿": 10**8}
# Beginnings of the native words of Japanese, which are written in Hiragana.
_JAPANESE_STEMS = {1: "ひと", 2: "ふた", 3: "みっ", 4: "よ", 5: "いつ", 6: "むっ", 7: "なな", 8: "やっ", 9: "ここの"}


def is_written_out(value: int, text: str, language: str) -> bool | None:
    """Return whether a text may contain a number as a word; None if the number words of the language are not known.

    The answer errs on the side of True: of numbers above 99 only the power of ten is looked for.
    """
    language = primary_subtag(language)
    if language in {"zh", "yue", "wuu", "ja"}:
        numerals = _numbers_in_chinese(text)
        is_half_hour = value == 30 and "半" in text
        return (
            value in numerals or is_half_hour or (language == "ja" and _JAPANESE_STEMS.get(value, text + "_") in text)
        )
    if language not in _STEMS:
        return None
    stems, text = _parse_stems(language), text.casefold()
    if value > _MAX_COMPOUND:
        return any(stem in text for power in (100, 1000, 10**6) if value >= power for stem in stems[power])
    if value in stems:
        return _word_pattern(language, value).search(text) is not None
    ten, unit = value - value % 10, value % 10
    # French counts on from sixty and eighty (soixante-douze), where the teens are words of their own.
    return any(stem in text for stem in stems[ten]) and (language == "fr" or any(stem in text for stem in stems[unit]))


@cache
def _parse_stems(language: str) -> dict[int, tuple[str, ...]]:
    """Return the beginnings of the words for each value in a language."""
    return {value: tuple(stems.split("|")) for value, stems in zip(_VALUES, _STEMS[language].split(), strict=True)}


@cache
def _word_pattern(language: str, value: int) -> re.Pattern[str]:
    """Return a pattern of the words for a value; stems of one or two letters are whole words."""
    alternatives = (stem + r"\b" if len(stem) < 3 else stem for stem in _parse_stems(language)[value])
    return re.compile(rf"\b(?:{'|'.join(alternatives)})")


@lru_cache(maxsize=2)  # the numbers of a sentence are looked up in the same translation
def _numbers_in_chinese(text: str) -> set[int]:
    """Return the values of the Chinese numerals of a text."""
    return {number for match in _CHINESE_NUMERALS.finditer(text) for number in _chinese_numbers(match[0])}


def _chinese_numbers(numerals: str) -> set[int]:
    """Return the value of a run of Chinese numerals, and those of the sequences of digits in it.

    In 二十五 digits are multiplied by the power of ten that follows; 一九八四 is a sequence of digits.
    """
    if len(numerals) > _MAX_NUMERALS:
        return set()
    values: set[int] = set()
    total = below_power = 0
    digits = ""
    for numeral in numerals:
        power = _CHINESE_POWERS.get(numeral)
        if power is None:
            digits += str(_CHINESE_DIGITS[numeral] if numeral in _CHINESE_DIGITS else int(numeral))
            values.add(int(digits))
        elif power < 10**4:
            below_power += int(digits or 1) * power
            digits = ""
        else:
            total += (below_power + int(digits or 0) or 1) * power
            below_power, digits = 0, ""
    return values | {total + below_power + int(digits or 0)}
