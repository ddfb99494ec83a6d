"""Items of lists and cells of tables within a line of text."""

from __future__ import annotations

import re
from collections.abc import Iterator

_SEPARATOR = re.compile(r"(?<=\s)[•‣⁃◦▪●■▸►·|](?=\s)")
_TABLE_ROW = re.compile(r"\s*\|[^|].*\|\s*\Z")
_LIST_MARK_END = re.compile(r"[.)](?=\s+\S)")
_LIST_MARK = re.compile(r"(?:\A|(?<=\s))(\(?)(\d{1,2}|[a-z]|[A-Z](?=\))|[ivx]{2,5})([.)])\Z")
_LONGEST_MARK = 8
_CONTEXT = 8  # characters before a list mark that are examined
_ROMAN = {"i": 1, "v": 5, "x": 10}


def find_item_starts(text: str) -> list[int]:
    """Return the offsets at which list items and table cells begin within a line, apart from its start.

    The marks of list items are bullets, or numbers or letters that form a sequence, as in "1. cat 2. dog".
    """
    starts = {match.start() for match in _SEPARATOR.finditer(text)}
    if _TABLE_ROW.match(text):
        starts.update(match.start() for match in re.finditer(r"\|", text))
    starts.update(_numbered_items(text))
    indent = len(text) - len(text.lstrip())
    return sorted(start for start in starts if start > indent)


def _numbered_items(text: str) -> Iterator[int]:
    """Yield the offset of each list mark that belongs to a sequence of marks of the same style."""
    sequences: dict[tuple[str, str, str], list[int]] = {}
    for mark_end in _LIST_MARK_END.finditer(text):
        mark = _LIST_MARK.search(text, max(mark_end.end() - _LONGEST_MARK, 0), mark_end.end())
        if mark is None:
            continue
        opening, label, closing = mark.groups()
        for kind, number in _readings(label):
            items = sequences.setdefault((opening, closing, kind), [])
            if number == len(items) + 1 and (items or _begins_list(text, mark.start(), closing)):
                items.append(mark.start())
    for items in sequences.values():
        if len(items) > 1:
            yield from items


def _begins_list(text: str, offset: int, closing: str) -> bool:
    """Return whether the first item of a list may begin at an offset: at the start of a line or of a sentence.

    "Choose: a) tea or b) coffee" is one sentence. After "1.", a sentence would end in any case.
    """
    before = text[max(offset - _CONTEXT, 0) : offset].rstrip()
    if offset <= _CONTEXT and not any(map(str.isalnum, before)):
        return True
    return before.endswith((".", "!", "?", "…")) or (closing == "." and before.endswith((":", ";")))


def _readings(label: str) -> Iterator[tuple[str, int]]:
    """Yield the possible numbers of a list label, each with the kind of numbering."""
    if label.isdecimal():
        yield "number", int(label)
        return
    if len(label) == 1:
        kind = "upper" if label.isupper() else "lower"
        yield kind, ord(label.lower()) - ord("a") + 1
    if all(letter in _ROMAN for letter in label):
        values = [_ROMAN[letter] for letter in label]
        later = [*values[1:], 0]
        yield "roman", sum(-value if value < after else value for value, after in zip(values, later, strict=True))
