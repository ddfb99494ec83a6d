"""Signals that a translation is wrong, found by comparing its text with the source.

The signals need no model. They are made for precision: on human translations each one fires well below 1% of the time.
The thresholds were chosen with ``benchmarks/quality_signals.py`` on sentence pairs of Tatoeba, image captions and law.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from nmt.inference.repetition import has_repetition
from nmt.text.function_words import HOMOGRAPHS, count_function_words, function_words
from nmt.text.languages import LATIN, language_scripts, primary_subtag
from nmt.text.number_comparison import find_missing_numbers
from nmt.text.scripts import is_unspaced_script, script_of

_DIGIT = re.compile(r"\d")
_WORD = re.compile(r"[^\W\d_]+")
_NOT_LATIN = re.compile("[^\0-\u024f\u1e00-\u1eff\u2000-\u20bf]")
# Addresses, file names, placeholders, codes and mentions may remain unchanged in a translation. One such character
# marks the run of characters around it as code, up to white space, Chinese characters or kana.
_CODE_CHARACTER = re.compile(r"[@/\\_{}<>%#=$\d\U000f0000-\U000f001f]")
_RUN = re.compile("[^\\s\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]+|[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]+")

# Share of the chrF of a translation that is left where the signal fires, and where the source is in another language
# than the model expects, measured with benchmarks/quality_signals.py and benchmarks/confidence.py.
_QUALITY_LEFT = {
    "copied_source": 0.13,
    "missing_number": 0.95,
    "repetition": 0.85,
    "length": 0.47,
    "untranslated_words": 0.67,
    "wrong_language": 0.15,
}
_QUALITY_OF_WRONG_SOURCE = 0.5


# Number of characters that say what one character of English says, measured on the corpora named above.
_EXPANSION = {"de": 1.16, "es": 1.09, "fr": 1.15, "ja": 0.5, "nl": 1.1, "zh": 0.32}
_EXPANSION_BY_SCRIPT = {"CJK": 0.32, "HANGUL": 0.5}
_DEFAULT_EXPANSION = 1.1
_LENGTH_OFFSET = 4.0  # characters added to both lengths, so that the ratio of short texts varies less
_LENGTH_BOUND, _SHORT_LENGTH_BOUND = 0.45, 1.4
_UNSPACED_LENGTH_BOUND = 0.1  # added for Chinese and Japanese, whose lengths vary more

_MIN_WORD = 3  # letters of an unchanged word that is not a function word
_MIN_RUN = 3  # unchanged words in succession; two are often a loan, such as skate park
_MIN_FOREIGN_LETTERS = 4
_MIN_FUNCTION_WORDS = 3  # of another language for each of the target language, to decide that it is the wrong one


def find_signals(source: str, translation: str, source_language: str, target_language: str) -> tuple[str, ...]:
    """Return the names of the signals that fire for a translation.

    ``copied_source``
        The translation repeats the source text. Names and single words, which may be right, do not count.
    ``missing_number``
        A number in digits of the source is missing in the translation, in digits as well as in words.
    ``repetition``
        The translation repeats words several times in succession, and the source does not.
    ``length``
        The translation is far shorter or longer than the source.
    ``untranslated_words``
        Words of the source, other than names, stand unchanged in a translation that is not a copy.
    ``wrong_language``
        The translation, if not a copy, is in another language than the target language.

    Translations between varieties of a language are not examined for copies and untranslated words.
    """
    source_language, target_language = primary_subtag(source_language), primary_subtag(target_language)
    words, target_words = _words(source), _words(translation)
    folded, target_folded = _casefold(words), _casefold(target_words)
    is_copy = has_untranslated_words = False
    if source_language != target_language:
        unchanged = _unchanged_words(words, target_words, folded, target_folded, source_language, target_language)
        is_copy = folded == target_folded and (
            bool(unchanged)
            or sum(word.islower() and len(word) >= _MIN_WORD for word in words) >= _MIN_RUN
            or _num_foreign_letters(translation, words, target_language)[0] > 0
        )
        has_untranslated_words = bool(unchanged) and not is_copy
    fired = {
        "copied_source": is_copy,
        "missing_number": bool(_DIGIT.search(source))
        and bool(find_missing_numbers(source, translation, target_language)),
        "repetition": has_text_repetition(source, translation),
        "length": has_unusual_length(source, translation, source_language, target_language),
        "untranslated_words": has_untranslated_words,
        "wrong_language": not is_copy
        and is_in_wrong_language(translation, target_words, target_folded, target_language),
    }
    return tuple(name for name, value in fired.items() if value)


def lower_confidence(confidence: float, source: str, source_language: str, signals: Sequence[str]) -> float:
    """Return the confidence in a translation, lowered for its signals, and for a source text in another language."""
    factors = [_QUALITY_LEFT[signal] for signal in signals]
    words = _words(source)
    if is_in_wrong_language(source, words, _casefold(words), primary_subtag(source_language)):
        factors.append(_QUALITY_OF_WRONG_SOURCE)
    return confidence * math.prod(factors)


def has_text_repetition(source: str, translation: str) -> bool:
    """Return whether a translation goes round in circles, and the source does not; see `has_repetition`.

    In scripts without spaces, characters are compared instead of words.
    """
    return has_repetition(_repetition_units(source), _repetition_units(translation))


def has_unusual_length(source: str, translation: str, source_language: str, target_language: str) -> bool:
    """Return whether the length of a translation is far from what its source suggests.

    The logarithm of the ratio of the lengths, in characters of English, is compared with a bound that falls with the
    length: short sentences vary more.
    """
    length, target_length = len(source) / _expansion(source_language), len(translation) / _expansion(target_language)
    bound = _LENGTH_BOUND + _SHORT_LENGTH_BOUND / math.sqrt(max(length + target_length, 1) / 2)
    if "CJK" in language_scripts(source_language) | language_scripts(target_language):
        bound += _UNSPACED_LENGTH_BOUND
    return abs(math.log((target_length + _LENGTH_OFFSET) / (length + _LENGTH_OFFSET))) > bound


def is_in_wrong_language(text: str, words: Sequence[str], folded: Sequence[str], language: str) -> bool:
    """Return whether a text is in another language than it should be in.

    The text is also given as words, and as words in lower case.
    """
    num_foreign, num_letters = _num_foreign_letters(text, words, language)
    if num_foreign >= _MIN_FOREIGN_LETTERS and 2 * num_foreign > num_letters:
        return True
    if not function_words(language):
        return False
    counts = count_function_words(set(folded))
    num_expected = counts.pop(language, 0)
    return max(counts.values(), default=0) >= _MIN_FUNCTION_WORDS * max(num_expected, 1)


def _num_foreign_letters(text: str, words: Sequence[str], language: str) -> tuple[int, int]:
    """Return the number of letters in scripts that a language does not use, and of all letters, except in names."""
    scripts = language_scripts(language)
    if LATIN in scripts and not _NOT_LATIN.search(text):
        return 0, len(text)
    letters = [script for word in words if not word.istitle() for script in map(script_of, word) if script]
    return sum(script not in scripts for script in letters), len(letters)


def _unchanged_words(
    source_words: Sequence[str],
    target_words: Sequence[str],
    source_folded: Sequence[str],
    target_folded: Sequence[str],
    source_language: str,
    target_language: str,
) -> set[str]:
    """Return the words of the source that stand unchanged in the translation although they need translation."""
    foreign_scripts = language_scripts(source_language) - language_scripts(target_language)
    if foreign_scripts:
        lower = {word for word in source_words if word.islower() or is_unspaced_script(word[0])}
        source_text = " ".join(source_words)
        return {
            word
            for word in target_words
            if script_of(word[0]) in foreign_scripts
            and (word in source_text if is_unspaced_script(word[0]) else len(word) >= _MIN_WORD and word in lower)
        }
    target_function_words = function_words(target_language)
    in_both = set(source_folded).intersection(target_folded)
    if not in_both:
        return set()
    only_source = (in_both & function_words(source_language)) - target_function_words - HOMOGRAPHS
    unchanged = {word for word in only_source if len(word) > 1}
    runs = set(_runs(source_words)).intersection(_runs(target_words))
    return unchanged.union(
        *(run for run in runs if all(_is_content_word(word) and word not in target_function_words for word in run))
    )


def _is_content_word(word: str) -> bool:
    """Return whether a word is of some length, and in lower case or a script without case."""
    return len(word) >= _MIN_WORD and (word.islower() or is_unspaced_script(word[0]))


def _runs(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield all sequences of words that are long enough to count as untranslated."""
    return zip(*(words[start:] for start in range(_MIN_RUN)), strict=False)


def _words(text: str) -> list[str]:
    """Return the words of a text without addresses, placeholders and other code."""
    if _CODE_CHARACTER.search(text):
        text = " ".join(run for run in _RUN.findall(text) if not _CODE_CHARACTER.search(run))
    return _WORD.findall(text)


def _casefold(words: Sequence[str]) -> list[str]:
    return [word.casefold() for word in words]


def _repetition_units(text: str) -> list[str]:
    """Return the words of a text in lower case, and the characters of scripts without spaces."""
    words = _WORD.findall(text.casefold())
    if text.isascii():
        return words
    return [unit for word in words for unit in (word if is_unspaced_script(word[0]) else (word,))]


@lru_cache(maxsize=256)
def _expansion(language: str) -> float:
    """Return the number of characters of a language that say what one character of English says."""
    if language == "en":
        return 1.0
    default = min(_EXPANSION_BY_SCRIPT.get(script, _DEFAULT_EXPANSION) for script in language_scripts(language))
    return _EXPANSION.get(language, default)
