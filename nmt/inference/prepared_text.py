"""A sentence that is prepared for decoding, with everything that its translation gets back afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from nmt.inference.chunk_alignment import Chunk
from nmt.inference.masking import MaskedText
from nmt.inference.text_options import TextOptions
from nmt.search.options import DecodingOptions
from nmt.text.glossary import TermMatch
from nmt.text.normalisation import original_offsets
from nmt.text.surface_form import Casing, SurfaceForm

_ORDINARY_FORM = SurfaceForm(Casing.NORMAL, ".")
_ORDINARY_FINALS = frozenset(".?!。？！")


@dataclass(frozen=True, slots=True)
class PreparedText:
    """A sentence whose chunks are ready for decoding.

    The sentence consists of leading decorations, the core, which is translated, and trailing decorations. A sentence
    without chunks is copied, apart from glossary terms.
    """

    text: str
    """The sentence as given."""
    core: tuple[int, int]
    """Range of the core in the sentence, in code points."""
    normalised: str
    """The core after normalisation."""
    options: TextOptions
    masked: MaskedText = field(default_factory=lambda: MaskedText(""))
    """The normalised core with its protected spans masked."""
    surface: SurfaceForm = _ORDINARY_FORM
    """Casing and final punctuation of the core."""
    terms: tuple[TermMatch, ...] = ()
    """Matches of glossary terms in the normalised core."""
    chunks: Sequence[Chunk] = ()
    """Parts to decode, as offsets in the masked text in the form that the network reads."""

    @property
    def is_plain(self) -> bool:
        """Whether the network reads the sentence as it is, so that its translation needs no restoration."""
        ordinary = self.surface.casing is Casing.NORMAL and self.surface.final in _ORDINARY_FINALS
        return ordinary and self.text == self.normalised and not self.masked.spans and not self.terms

    def core_offsets(self) -> list[int]:
        """Return the offset in the sentence of each code point of the normalised core, and of its end."""
        start, end = self.core
        return [start + offset for offset in original_offsets(self.text[start:end])]

    def original_terms(self) -> list[TermMatch]:
        """Return the matches of glossary terms in offsets of the sentence."""
        offsets = self.core_offsets()
        return [term._replace(start=offsets[term.start], end=offsets[term.end]) for term in self.terms]

    def decoding_options(self, options: DecodingOptions, chunk: Chunk) -> DecodingOptions:
        """Return the decoding options of a chunk, given those of the whole request."""
        needs_alignment = bool(self.terms) or any(not span.placeholder for span in self.masked.spans)
        if not chunk.copy_tokens and not needs_alignment:
            return options
        attention = options.return_attention or needs_alignment
        return replace(options, copy_tokens=chunk.copy_tokens, return_attention=attention)
