"""Language identification by script, and among languages of the same script with py3langid (Lui & Baldwin 2012)."""

from __future__ import annotations

import math
import threading
import unicodedata
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from nmt.text.languages import LATIN, language_scripts, languages_by_scripts, primary_subtag
from nmt.text.scripts import script_of

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

_MAX_CHARACTERS = 2000  # more text takes time without improving the result
_LIBRARY_CODES = {"nb": "no"}  # where py3langid's code differs from ours
_NO_LANGUAGE = "zxx"  # py3langid's class of texts that are in no language

# Chosen with benchmarks/language_identification.py, so that no wrong answer for one or two words is surer than 0.8.
_PRIOR_OF_OTHERS = 0.05  # prior probability of a language that is no candidate, relative to a candidate
_KNEE = 0.8
_SHORT_TEXT_LETTERS = 30  # the library is too sure of texts that are not much longer

_MIN_PROBABILITY = 0.001  # other languages below are left out

_LATIN_ONLY = frozenset({LATIN})
_LISTED = languages_by_scripts()


@dataclass(frozen=True, slots=True)
class DetectedLanguage:
    """Result of language identification."""

    language: str
    confidence: float
    """Probability from 0 to 1 that the text is in this language, and not in another one; cautious for short texts."""


class LanguageDetector:
    """Detector of the language of a text, which is probably one of given candidate languages. Thread-safe."""

    def __init__(self, languages: Sequence[str]) -> None:
        self._codes = {language: _library_code(language) for language in languages}
        self._script_sets = {*_LISTED, _LATIN_ONLY, *map(language_scripts, languages)}

    def detect(self, text: str) -> DetectedLanguage:
        """Return the most probable candidate language of a text without markup.

        A text that is in none of the candidate languages yields one of them with a low confidence; a text without
        letters of any candidate language yields the first candidate with confidence 0.
        """
        found = (each for each in self.rank(text) if each.language in self._codes)
        return next(found, DetectedLanguage(next(iter(self._codes)), 0.0))

    def rank(self, text: str) -> list[DetectedLanguage]:
        """Return the languages that a text without markup may be in, the most probable first.

        The languages are all that the detector knows, with a preference for the candidates. Those that are written in
        other scripts than the text are left out.
        """
        text = unicodedata.normalize("NFKC", text[:_MAX_CHARACTERS])
        letters = Counter(script for script in map(script_of, text) if script)
        if not letters:
            return []
        shares = {scripts: _share(letters, scripts) for scripts in self._script_sets}
        share = max(shares.values())
        script_sets = frozenset(scripts for scripts in shares if shares[scripts] == share)
        listed = {language for scripts in script_sets for language in _LISTED.get(scripts, ())}
        candidates = [language for language in self._codes if language_scripts(language) in script_sets]
        if len(listed.union(map(primary_subtag, candidates))) == 1 and _LATIN_ONLY not in script_sets:
            found = candidates or list(listed)
            return [DetectedLanguage(language, share / len(found)) for language in found]
        codes = [self._codes[language] for language in candidates]
        probabilities = _probabilities(text, set(codes), script_sets)
        # Candidates that the library does not know are as probable as the average candidate.
        share *= sum(code in probabilities for code in codes) / len(codes) if codes else 1.0
        confidences = {code: share * _discount(p, letters.total()) for code, p in probabilities.items()}
        # Candidates with the same code, such as pt-BR and pt-PT, share its probability.
        ranking = [
            DetectedLanguage(language, confidences.get(code, 0.0) / codes.count(code))
            for language, code in zip(candidates, codes, strict=True)
        ]
        ranking += [DetectedLanguage(code, confidences[code]) for code in confidences if code not in codes]
        return sorted(ranking, key=lambda each: -each.confidence)


def _probabilities(text: str, candidates: Set[str], script_sets: frozenset[frozenset[str]]) -> dict[str, float]:
    """Return the probabilities of the library's languages that are written in given scripts, by code."""
    ranking = _get_identifier().rank(text)
    possible = _library_languages(script_sets)
    scores = {code: score for code, score in ranking if code in possible}
    highest = max(scores.values(), default=0.0)
    # The scores are log-probabilities that treat overlapping features as independent. The root of the length makes up
    # for that, as in the library's own normalisation.
    temperature = math.sqrt(len(text.encode(errors="surrogatepass")))
    weights = {code: math.exp((score - highest) / temperature) for code, score in scores.items()}
    for code in weights.keys() - candidates:
        weights[code] *= _PRIOR_OF_OTHERS
    total = sum(weights.values())
    return {
        code: weight / total
        for code, weight in weights.items()
        if weight / total >= _MIN_PROBABILITY or code in candidates
    }


_load_lock = threading.Lock()


def _get_identifier() -> LanguageIdentifier:
    """Return the identifier of py3langid, which is loaded on first use."""
    with _load_lock:
        return _load_identifier()


@cache
def _load_identifier() -> LanguageIdentifier:
    # Imported lazily: it takes most of a second and 75 MB, and languages with a script of their own never need it.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)


def _library_code(language: str) -> str:
    """Return the code that py3langid uses for a language."""
    return _LIBRARY_CODES.get(primary_subtag(language), primary_subtag(language))


@cache
def _library_languages(script_sets: frozenset[frozenset[str]]) -> frozenset[str]:
    """Return the codes of the library's languages that are written in one of given sets of scripts."""
    labels = _get_identifier().labels
    return frozenset(code for code in labels if code != _NO_LANGUAGE and language_scripts(code) in script_sets)


def _share(letters: Counter[str], scripts: frozenset[str]) -> float:
    """Return the share of the letters that belong to the scripts of a language."""
    # Japanese mixes its scripts. Other languages with several scripts, such as Serbian, use one at a time.
    counts = [letters[script] for script in scripts]
    return float(sum(counts) if "HIRAGANA" in scripts else max(counts)) / letters.total()


def _discount(probability: float, num_letters: int) -> float:
    """Return a probability, lowered for texts with few letters.

    The probabilities below and above a knee are scaled linearly, such that the knee is lowered to 0.8. It is at 0.96
    for a word of six letters, and close to 0.8 for a long text.
    """
    knee = math.pow(_KNEE, 1 / (1 + _SHORT_TEXT_LETTERS / num_letters))
    if probability < knee:
        return probability * _KNEE / knee
    return _KNEE + (probability - knee) / (1 - knee) * (1 - _KNEE)
