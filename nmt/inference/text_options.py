"""Options for the treatment of text before and after decoding."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from nmt.text.glossary import TermList
from nmt.text.protected_spans import DEFAULT_PROTECTOR, SpanProtector


@dataclass(frozen=True)
class TextOptions:
    """Options for the treatment of text before and after decoding."""

    protected_phrases: tuple[str, ...] = ()
    """Words and phrases that must survive translation unchanged, in addition to URLs, numbers and the like."""
    protected_patterns: tuple[str, ...] = ()
    """Regular expressions whose matches must survive translation unchanged."""
    terms: TermList | None = None
    """Glossary whose terms the translations must use."""
    localise_numbers: bool = False
    """Whether to convert numbers to the conventions of the target language instead of copying them."""
    split_sentences: bool = True
    """Whether to split texts into sentences, which are translated one by one."""
    min_confidence: float = 0.0
    """Confidence below which the source text is left untranslated, from 0 to 1."""
    find_signals: bool = True
    """Whether translations include quality signals."""

    @cached_property
    def protector(self) -> SpanProtector:
        """Finder of the protected spans. Raises UsageError if a phrase or pattern is invalid."""
        if self.protected_phrases or self.protected_patterns:
            return SpanProtector(self.protected_phrases, self.protected_patterns)
        return DEFAULT_PROTECTOR

    def to_dict(self) -> dict[str, Any]:
        """Return the options as JSON-serialisable values."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**values, "terms": list(self.terms.entries) if self.terms else []}


DEFAULT_TEXT_OPTIONS = TextOptions()
