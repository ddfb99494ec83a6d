"""Documents in a markup language, in which sentences are translated and everything else is copied."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from nmt.inference.documents.document import combine_translations
from nmt.inference.documents.tagged_sentence import TaggedSentence

if TYPE_CHECKING:
    from nmt.inference.translation import Translation


class Edit(NamedTuple):
    """A replacement in the source that does not depend on a translation."""

    start: int
    stop: int
    text: str


class TaggedDocument:
    """A document in a markup language, divided into sentences.

    A tag may contain sentences of its own, such as the alternative text of an image in a sentence. It moves together
    with their translations.
    """

    def __init__(self, source: str, sentences: Sequence[TaggedSentence], edits: Sequence[Edit] = ()) -> None:
        """Create a document.

        Args:
            source: Text of the document.
            sentences: Sentences in any order, which may be nested in the tags of others but not overlap.
            edits: Other replacements, outside of the text of the sentences.
        """
        self._source = source
        items: list[TaggedSentence | Edit] = [*sentences, *edits]
        self._items = sorted(items, key=lambda item: (item.start, -item.stop))
        self._starts = [item.start for item in self._items]
        self.segments: Sequence[str] = [item.text for item in self._items if isinstance(item, TaggedSentence)]

    def assemble(self, translations: Sequence[Translation]) -> Translation:
        """Return the translation of the document, without an alignment, given the translations of all segments."""
        return combine_translations(translations, self._render, alignment=None)

    def _render(self, translations: Sequence[Translation]) -> str:
        remaining = iter(translations)
        of_items = [next(remaining) if isinstance(item, TaggedSentence) else None for item in self._items]
        return self._copy(of_items, 0, 0, len(self._source))

    def _copy(self, translations: Sequence[Translation | None], first: int, start: int, stop: int) -> str:
        """Return ``source[start:stop]`` with the items in it replaced, not considering those before ``first``."""
        parts: list[str] = []
        index = bisect_left(self._starts, start, lo=first)
        while index < len(self._items) and self._items[index].start < stop:
            item, translation, inner = self._items[index], translations[index], index + 1
            parts.append(self._source[start : item.start])
            if isinstance(item, TaggedSentence) and translation is not None:
                parts.append(item.render(translation, partial(self._copy, translations, inner)))
            else:
                parts.append(item.text)
            start = item.stop
            index = bisect_left(self._starts, start, lo=inner)
        parts.append(self._source[start:stop])
        return "".join(parts)
