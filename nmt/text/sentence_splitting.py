"""Where the sentences of a text are. Where it is doubtful whether one ends, it does not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nmt.text.languages import primary_subtag
from nmt.text.normalisation import is_translatable

# sentencex counts bytes: it wants plain spaces, and can't read half a surrogate pair.
_SPACE = re.compile(r"[\s\ud800-\udfff]")
# A sentence may follow these without a space; after others that is "Yahoo!Mail", or "「はい。」と言った".
_FULL_STOPS = tuple("。！？｡।॥။។")
# The time that sentencex takes grows with the square of what stands in quotes.
_LONGEST = 5000  # characters
_ENDS = ((". ", "! ", "? ", "。", "！", "？"), (" ",))
_WORD = re.compile(r"[^\W\d_]{2}")
_INITIAL = re.compile(r"\b[^\W\d_]\.\s*\Z")
_NUMBER = re.compile(r"\d+(?![\d.)])")


def split_sentences(text: str, language: str) -> list[tuple[int, int]]:
    """The ranges ``[start, stop)`` of the sentences of ``text``, without the white space around them.

    What holds nothing to translate is in none. A language that has no rules of its own is split by general ones.
    """
    places = []
    start = 0
    for stretch in _stretches(_SPACE.sub(" ", text)):
        for piece in _joined(_pieces(stretch, language)):
            core = piece.strip()
            if is_translatable(core):
                indent = piece.index(core)
                places.append((start + indent, start + indent + len(core)))
            start += len(piece)
    return places


def separate_from_next(translation: str) -> str:
    """The translation of a sentence that another follows without a space, with one if it is to have one itself."""
    return f"{translation} " if translation and not translation.endswith(_FULL_STOPS) else translation


def _stretches(text: str) -> Iterator[str]:
    """The text, in parts if it is very long: after a full stop, else after a word, else anywhere."""
    start = 0
    while len(text) - start > _LONGEST:
        half, most = start + _LONGEST // 2, start + _LONGEST
        cuts = (max(text.rfind(end, half, most) + len(end) for end in ends) for ends in _ENDS)
        cut = next((cut for cut in cuts if cut > half), most)
        yield text[start:cut]
        start = cut
    yield text[start:]


def _pieces(text: str, language: str) -> list[str]:
    # Imported late: only what translates whole texts needs it.
    from sentencex import segment

    pieces: list[str] = segment(primary_subtag(language), text)
    return pieces if "".join(pieces) == text else [text]


def _joined(pieces: list[str]) -> list[str]:
    """The pieces, those joined that had better not be split."""
    groups: list[list[str]] = []
    for piece in pieces:
        if groups and _is_doubtful(groups[-1][-1], piece):
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return ["".join(group) for group in groups]


def _is_doubtful(before: str, after: str) -> bool:
    """Whether a sentence may go on from one piece to the next."""
    if not (before.endswith(" ") or after.startswith(" ")):
        return not before.endswith(_FULL_STOPS)
    if not before.rstrip().endswith((".", ")")):
        return False
    is_numbering = _WORD.search(before) is None  # "1. The first"
    is_initial = _INITIAL.search(before) is not None  # "M. Dupont"
    return is_numbering or is_initial or _NUMBER.match(after) is not None  # "approx. 5 km"
