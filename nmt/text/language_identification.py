"""Which of the served languages a text is in: by its script as far as that tells, then by its words."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from nmt.text.languages import language_scripts, primary_subtag

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

# Enough to know a language by; more would only cost time.
_LONGEST = 2000
_KNOWN_AS = {"nb": "no"}


@dataclass(frozen=True, slots=True)
class DetectedLanguage:
    """The language of a text."""

    language: str
    confidence: float
    """0 to 1: how probable it is, provided that the text is in one of the languages that were to choose from."""


class LanguageDetector:
    """Tells ``languages`` apart; all its methods may be called by several threads at once."""

    def __init__(self, languages: Sequence[str]) -> None:
        self._languages = list(dict.fromkeys(languages))

    def detect(self, text: str) -> DetectedLanguage:
        """The most probable language of a text without markup.

        Of a text without letters, or whose letters none of the languages is written in, nothing is known: that is the
        first language, with a confidence of 0.
        """
        text = unicodedata.normalize("NFKC", text[:_LONGEST])
        letters = Counter(script for script in map(_script, text) if script)
        shares = [_share(letters, language) for language in self._languages]
        best = max(shares)
        if best == 0:
            return DetectedLanguage(self._languages[0], 0.0)
        candidates = [language for language, share in zip(self._languages, shares, strict=True) if share == best]
        language, probability = self._most_probable(text, candidates)
        return DetectedLanguage(language, best * probability)

    def _most_probable(self, text: str, candidates: Sequence[str]) -> tuple[str, float]:
        """One of ``candidates``, and its probability among them."""
        if len(candidates) == 1:
            return candidates[0], 1.0
        found = dict(_identifier().rank(text))
        names = [_known_as(candidate) for candidate in candidates]
        of_known = sum(found.get(name, 0.0) for name in set(names))
        if not of_known:
            return candidates[0], 1 / len(candidates)
        best = max(names, key=lambda name: found.get(name, 0.0))
        # Of languages that the library can't tell apart or does not know, each is as probable as another.
        sharing = names.count(best)
        unknown = sum(name not in found for name in names)
        known_share = 1 - unknown / len(candidates)
        return candidates[names.index(best)], found[best] / of_known * known_share / sharing


_loading = threading.Lock()


def _identifier() -> LanguageIdentifier:
    """The library, loaded once."""
    with _loading:
        return _load()


@cache
def _load() -> LanguageIdentifier:
    # Imported late: it takes most of a second and 75 MB, and languages of different scripts never need it.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _known_as(language: str) -> str:
    """The name that the library has for a language, if any."""
    return _KNOWN_AS.get(primary_subtag(language), primary_subtag(language))


def _share(letters: Counter[str], language: str) -> float:
    """How many of the letters are of the language's scripts."""
    return sum(letters[script] for script in language_scripts(language)) / max(letters.total(), 1)


@lru_cache(maxsize=4096)
def _script(character: str) -> str | None:
    """The script of a letter, by the first word of its name; None for what is no letter."""
    if not character.isalpha():
        return None
    return re.split(r"\W", unicodedata.name(character, ""), maxsplit=1)[0] or None
