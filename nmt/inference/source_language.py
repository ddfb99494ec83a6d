"""Identification of the source languages of texts."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from nmt.text.language_identification import DetectedLanguage, LanguageDetector

# A text is taken to be in the target language only if that is this many times as probable as every source language:
# copying a text that should have been translated is as bad as translating one that should have been copied.
_TARGET_ODDS = 4
# The same for a language that is neither. Of 700 sentences each of English and French, with English and French as
# candidates, this never happened; of German, Dutch and Japanese ones it did in 80% to 100%.
_OTHER_ODDS = 20
_OTHER_CONFIDENCE = 0.5


def choose_source(
    ranking: Sequence[DetectedLanguage], sources: Sequence[str], target: str, *, others: bool = False
) -> DetectedLanguage:
    """Return the most probable source language of a text that is to be translated.

    The result may also be the target language, if the text is probably in it and needs no translation.

    Args:
        ranking: Languages of the text, as `LanguageDetector.rank` returns them for the sources and the target.
        sources: Possible source languages. The first one is returned, with confidence 0, for a text without letters.
        target: Target language.
        others: Whether the result may also be a language that is neither, if the text is almost certainly in it.
    """
    source = _find(ranking, sources) or DetectedLanguage(sources[0], 0.0)
    written = None if target in sources else _find(ranking, [target])
    in_target = written.confidence if written else 0.0
    if in_target and in_target >= _TARGET_ODDS * source.confidence:
        return DetectedLanguage(target, in_target)
    if others and ranking and ranking[0].language not in {*sources, target}:
        known = max(source.confidence, in_target)
        found = ranking[0]
        if not known or (found.confidence >= _OTHER_CONFIDENCE and found.confidence >= _OTHER_ODDS * known):
            return found
    return source


def _find(ranking: Sequence[DetectedLanguage], languages: Collection[str]) -> DetectedLanguage | None:
    return next((each for each in ranking if each.language in languages), None)


class SourceLanguageDetector:
    """Detector of the language of texts that are to be translated into a target language."""

    def __init__(self, sources: Sequence[str], target: str) -> None:
        """Create a detector; a text without letters is taken to be in the first of the source languages."""
        self._sources, self._target = sources, target
        self._detector = LanguageDetector(list(dict.fromkeys([*sources, target])))

    def detect(self, text: str) -> str:
        """Return the most probable source language of a text, or the target language if the text is probably in it."""
        return choose_source(self._detector.rank(text), self._sources, self._target).language
