"""Finding of spans that a translation must contain unchanged, such as URLs, placeholders, numbers and codes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from nmt.text import numeric_spans, span_patterns
from nmt.text.normalisation import normalise
from nmt.text.scripts import UNSPACED, is_word_boundary
from nmt.text.span_patterns import Range
from nmt.utils.errors import UsageError


class ProtectedSpan(NamedTuple):
    """Range ``[start, end)`` of code points that a translation must contain unchanged, exactly once."""

    start: int
    end: int
    kind: str
    """One of `KINDS`."""


class _Detector(NamedTuple):
    """A kind of spans; a text without a match of ``trigger`` contains none."""

    kind: str
    trigger: re.Pattern[str]
    find: Callable[[str], Iterator[Range]]


_DETECTORS = tuple(
    _Detector(kind, re.compile(trigger), find)
    for kind, trigger, find in (
        ("url", r"\.(?=[A-Za-z0-9])|:(?=[/\w+])", span_patterns.find_urls),
        ("email", "@", span_patterns.find_emails),
        ("path", r"[/\\]", span_patterns.find_paths),
        ("path", r"\.(?=[a-zA-Z0-9])", span_patterns.find_file_names),
        ("placeholder", r"[%{$\\]", span_patterns.find_placeholders),
        ("tag", "[<&]", span_patterns.find_tags),
        ("markdown", r"`|\]\(", span_patterns.find_markdown),
        ("hashtag", "[#＃]", span_patterns.find_hashtags),
        ("mention", "@", span_patterns.find_mentions),
        ("emoji", f"[{span_patterns.PICTOGRAPHS}\u20e3]", span_patterns.find_emoji),
        ("identifier", r"[_#+]|--|\.(?=[A-Za-z])|\(\)|[a-z](?=[A-Z])", span_patterns.find_identifiers),
        # Of spans with equal range, the first counts.
        ("date", "[0-9][-:hH][0-9]", numeric_spans.find_dates),
        ("version", r"[0-9]\.[0-9]|[vV][0-9]", numeric_spans.find_versions),
        ("number", r"\d|[¼-¾⅐-⅞]", numeric_spans.find_numbers),
        ("phone", r"[0-9][ .()/-]{1,2}[0-9]|[+(][0-9]", numeric_spans.find_phone_numbers),
        ("code", r"[0-9][A-Za-z:-]|[A-Za-z][0-9]|[A-Z][-/_.:][0-9]|[0-9][-/_. ][A-Z]|::", numeric_spans.find_codes),
    )
)
KINDS = (*dict.fromkeys(detector.kind for detector in _DETECTORS), "phrase", "pattern")
"""Kinds of protected spans."""

# Characters of which at least one is in every text with spans, apart from the cases in `_may_contain_spans`.
_SPECIAL = re.compile(rf"[\d#＃$%&*+/<=>@\\_`{{¼-¾⅐-⅞{span_patterns.PICTOGRAPHS}]")
_DOT = re.compile(r"\.(?=[A-Za-z])")
_HUMP = re.compile("[a-z](?=[A-Z])")
# Characters that keep the spans on both sides together: "{a}/{b}", "2+2=4".
_JOINERS = frozenset("+-–−*/=^:;,.~&|·×_@#")
_LIST_KINDS = frozenset({"number", "version", "code"})
_LIST_SEPARATORS = frozenset({" ", ", ", "; ", "、"})
_MIN_LIST = 4  # fewer numbers may be no list: "on May 5, 2010, 300 people"


class SpanProtector:
    """Finder of spans that must not be translated.

    Args:
        phrases: Phrases that must not be translated. In scripts with spaces between words, they match whole words.
        patterns: Regular expressions of further spans. Their run time is the caller's responsibility.

    Raises:
        UsageError: A phrase is empty, or a pattern is invalid or matches the empty string.
    """

    def __init__(self, phrases: Sequence[str] = (), patterns: Sequence[str] = ()) -> None:
        self._phrases = _PhraseFinder(phrases) if phrases else None
        self._patterns = [_compile_pattern(pattern) for pattern in patterns]

    def find(self, text: str) -> list[ProtectedSpan]:
        """Return the protected spans of a text, ordered and disjoint.

        Overlapping spans are merged, as are spans with nothing but a joining character between them, and lists of
        numbers or codes. The kind of the result is that of the longest.
        """
        found: list[ProtectedSpan] = []
        if self._phrases:
            found += (ProtectedSpan(start, end, "phrase") for start, end in self._phrases.find(text))
        for pattern in self._patterns:
            found += (ProtectedSpan(*match.span(), "pattern") for match in pattern.finditer(text) if match[0])
        if _may_contain_spans(text):
            for kind, trigger, find in _DETECTORS:
                if trigger.search(text):
                    found += (ProtectedSpan(start, end, kind) for start, end in find(text))
        return _merge_lists(_merge(found, text), text) if found else found


DEFAULT_PROTECTOR = SpanProtector()
"""Finder of the built-in kinds of spans."""


def _may_contain_spans(text: str) -> bool:
    """Return False, quickly, for texts without spans of the built-in kinds."""
    if _SPECIAL.search(text) or _DOT.search(text) or ":" in text or any(each in text for each in ("()", "](", "--")):
        return True
    return not text[1:].islower() and _HUMP.search(text) is not None


def _merge(spans: Iterable[ProtectedSpan], text: str) -> list[ProtectedSpan]:
    """Merge spans that overlap or that only a joining character separates."""
    merged: list[ProtectedSpan] = []
    longest = 0
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        length = span.end - span.start
        if merged:
            start, end, kind = merged[-1]
            gap = span.start - end
            if gap <= 0 or (gap == 1 and text[end] in _JOINERS):
                if length > longest:
                    longest, kind = length, span.kind
                merged[-1] = ProtectedSpan(start, max(end, span.end), kind)
                continue
        merged.append(span)
        longest = length
    return merged


def _merge_lists(spans: list[ProtectedSpan], text: str) -> list[ProtectedSpan]:
    """Merge each list of numbers or codes with equal separators, since its order is the same in every language."""
    if len(spans) < _MIN_LIST:
        return spans
    merged: list[ProtectedSpan] = []
    first = 0
    for n in range(1, len(spans) + 1):
        gap = text[spans[first].end : spans[min(first + 1, n - 1)].start]
        is_continued = n < len(spans) and spans[n].kind in _LIST_KINDS and spans[first].kind in _LIST_KINDS
        separator = text[spans[n - 1].end : spans[n].start] if is_continued else ""
        if separator in _LIST_SEPARATORS and (n == first + 1 or separator == gap):
            continue
        if n - first >= _MIN_LIST:
            merged.append(spans[first]._replace(end=spans[n - 1].end))
        else:
            merged += spans[first:n]
        first = n
    return merged


def _compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a regular expression that the caller gives."""
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f"patterns: {pattern!r} is not a valid regular expression: {error}; correct it") from None
    if compiled.fullmatch(""):
        raise UsageError(f"patterns: {pattern!r} matches the empty string; make it match at least one character")
    return compiled


class _PhraseFinder:
    """Finder of given phrases in time that does not depend on their number."""

    # The first word of a phrase; a character of a script without spaces between words counts as a word.
    _WORD = re.compile(rf"[^\W{UNSPACED}]++|\S")

    def __init__(self, phrases: Sequence[str]) -> None:
        self._by_first_word: dict[str, list[str]] = defaultdict(list)
        for phrase in sorted(map(normalise, phrases), key=len, reverse=True):
            if not phrase:
                raise UsageError("phrases: a phrase is empty; remove it")
            self._by_first_word[self._WORD.findall(phrase)[0]].append(phrase)

    def find(self, text: str) -> Iterator[Range]:
        """Find phrases from left to right, the longest first."""
        end = 0
        for word in self._WORD.finditer(text):
            start = word.start()
            if start >= end and is_word_boundary(text, start) and (phrases := self._by_first_word.get(word[0])):
                stops = (start + len(phrase) for phrase in phrases if text.startswith(phrase, start))
                stop = next((stop for stop in stops if is_word_boundary(text, stop)), 0)
                if stop:
                    yield start, stop
                    end = stop
