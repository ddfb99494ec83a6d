"""Sentence splitting with sentencex. Text is not split where a sentence boundary is uncertain."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nmt.text.languages import primary_subtag
from nmt.text.normalisation import is_translatable

# sentencex computes byte offsets for plain spaces only, and rejects lone surrogates.
_SPACE = re.compile(r"[\s\ud800-\udfff]")
# A sentence may follow these without a space. Other marks also occur inside words and quotations: "Yahoo!Mail",
# "「はい。」と言った".
_FULL_STOPS = tuple("。！？｡।॥။។")
_MAX_SEGMENT_CHARACTERS = 5000  # the run time of sentencex is quadratic in the length of quotations
_SEGMENT_ENDS = ((". ", "! ", "? ", "。", "！", "？"), (" ",))
_WORD = re.compile(r"[^\W\d_]{2}")
_INITIAL = re.compile(r"\b[^\W\d_]\.\s*\Z")
_NUMBER = re.compile(r"\d+(?![\d.)])")


def split_sentences(text: str, language: str) -> list[tuple[int, int]]:
    """Return the range ``[start, stop)`` of each sentence of a text, without surrounding white space.

    Sentences without a letter or digit are omitted. Languages that sentencex does not support are split by general
    rules.
    """
    ranges = []
    start = 0
    for segment in _bounded_segments(_SPACE.sub(" ", text)):
        for sentence in _merge_uncertain(_split_segment(segment, language)):
            core = sentence.strip()
            if is_translatable(core):
                indent = sentence.index(core)
                ranges.append((start + indent, start + indent + len(core)))
            start += len(sentence)
    return ranges


def separate_from_next(translation: str) -> str:
    """Return the translation of a sentence with the space that must separate it from the next sentence, if any.

    The function is for sentences that no space separates in the source; none is needed after a full-width full stop.
    """
    return f"{translation} " if translation and not translation.endswith(_FULL_STOPS) else translation


def _bounded_segments(text: str) -> Iterator[str]:
    """Split a text into segments of limited length that end after a sentence, else after a word, else anywhere."""
    start = 0
    while len(text) - start > _MAX_SEGMENT_CHARACTERS:
        half, limit = start + _MAX_SEGMENT_CHARACTERS // 2, start + _MAX_SEGMENT_CHARACTERS
        cuts = (max(text.rfind(end, half, limit) + len(end) for end in ends) for ends in _SEGMENT_ENDS)
        cut = next((cut for cut in cuts if cut > half), limit)
        yield text[start:cut]
        start = cut
    yield text[start:]


def _split_segment(text: str, language: str) -> list[str]:
    # Imported lazily: translating single lines does not need it.
    from sentencex import segment

    sentences: list[str] = segment(primary_subtag(language), text)
    return sentences if "".join(sentences) == text else [text]


def _merge_uncertain(sentences: list[str]) -> list[str]:
    """Return sentences with neighbours merged if the boundary between them is uncertain."""
    groups: list[list[str]] = []
    for sentence in sentences:
        if groups and _is_uncertain(groups[-1][-1], sentence):
            groups[-1].append(sentence)
        else:
            groups.append([sentence])
    return ["".join(group) for group in groups]


def _is_uncertain(before: str, after: str) -> bool:
    """Return whether two neighbouring segments may belong to the same sentence."""
    if not (before.endswith(" ") or after.startswith(" ")):
        return not before.endswith(_FULL_STOPS)
    if not before.rstrip().endswith((".", ")")):
        return False
    is_numbering = _WORD.search(before) is None  # "1. The first"
    is_initial = _INITIAL.search(before) is not None  # "M. Dupont"
    return is_numbering or is_initial or _NUMBER.match(after) is not None  # "approx. 5 km"
