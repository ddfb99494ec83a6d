"""Language identification by script, and among languages of the same script with py3langid (Lui & Baldwin 2012)."""

from __future__ import annotations

import threading
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from nmt.text.languages import language_scripts, primary_subtag
from nmt.text.scripts import script_of

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

_MAX_CHARACTERS = 2000  # more text takes time without improving the result
_LIBRARY_CODES = {"nb": "no"}  # where py3langid's code differs from ours


@dataclass(frozen=True, slots=True)
class DetectedLanguage:
    """Result of language identification."""

    language: str
    confidence: float
    """Probability from 0 to 1, given that the text is in one of the candidate languages."""


class LanguageDetector:
    """Detector of the language of a text among given candidate languages. Thread-safe."""

    def __init__(self, languages: Sequence[str]) -> None:
        self._languages = list(dict.fromkeys(languages))

    def detect(self, text: str) -> DetectedLanguage:
        """Return the most probable language of a text without markup.

        A text without letters of any candidate language yields the first language with confidence 0.
        """
        text = unicodedata.normalize("NFKC", text[:_MAX_CHARACTERS])
        letters = Counter(script for script in map(script_of, text) if script)
        shares = [_script_share(letters, language) for language in self._languages]
        best = max(shares)
        if best == 0:
            return DetectedLanguage(self._languages[0], 0.0)
        candidates = [language for language, share in zip(self._languages, shares, strict=True) if share == best]
        language, probability = self._most_probable(text, candidates)
        return DetectedLanguage(language, best * probability)

    def _most_probable(self, text: str, candidates: Sequence[str]) -> tuple[str, float]:
        """Return the most probable candidate language and its probability relative to the other candidates."""
        if len(candidates) == 1:
            return candidates[0], 1.0
        ranking = dict(_get_identifier().rank(text))
        codes = [_library_code(candidate) for candidate in candidates]
        total = sum(ranking.get(code, 0.0) for code in set(codes))
        if not total:
            return candidates[0], 1 / len(candidates)
        best = max(codes, key=lambda code: ranking.get(code, 0.0))
        # Candidates with the same code share its probability; each unsupported one is assumed to have a uniform share.
        same_code = codes.count(best)
        unsupported = sum(code not in ranking for code in codes)
        supported_share = 1 - unsupported / len(candidates)
        return candidates[codes.index(best)], ranking[best] / total * supported_share / same_code


_load_lock = threading.Lock()


def _get_identifier() -> LanguageIdentifier:
    """Return the identifier of py3langid, which is loaded on first use."""
    with _load_lock:
        return _load_identifier()


@cache
def _load_identifier() -> LanguageIdentifier:
    # Imported lazily: it takes most of a second and 75 MB, and languages of different scripts never need it.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _library_code(language: str) -> str:
    """Return the code that py3langid uses for a language."""
    return _LIBRARY_CODES.get(primary_subtag(language), primary_subtag(language))


def _script_share(letters: Counter[str], language: str) -> float:
    """Return the share of the letters that belong to the scripts of a language."""
    return sum(letters[script] for script in language_scripts(language)) / max(letters.total(), 1)
