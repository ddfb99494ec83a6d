"""Sentence splitting with sentencex. Text is not split where a sentence boundary is uncertain."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from nmt.text.decorations import find_core
from nmt.text.languages import primary_subtag
from nmt.text.list_items import find_item_starts
from nmt.text.normalisation import is_translatable
from nmt.text.protected_spans import DEFAULT_PROTECTOR, ProtectedSpan, SpanProtector

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
_NUMBERING = re.compile(r"\W*(?:[ivx]{1,5}|[IVX]{1,6})[.)]\s*")
# sentencex does not see the end of a sentence before emoji and emphasis marks: "One.🎉 Two", "**One.** Two".
_CAPITAL = "(?=[^\\W\\d_a-zß-öø-ÿ])"
_END_BEFORE_SYMBOL = re.compile(rf"[.!?…][\"'”’»)\]]{{0,3}}[^\w\s\"'”’»)\].,;:!?…({{\[<-]{{1,16}}\s+{_CAPITAL}")
# Words that sentencex takes for abbreviations: those that occur before a full stop in the corpora of Tatoeba.
_NOT_ABBREVIATIONS = {
    "de": "bart mag mich ok",
    "en": "art con fed id ill may me miss no ok",
    "es": "auto bien contra entre extra hipo mar micro mono no para poli pro sobre",
    "fr": "vol",
    "nl": "al bel best dat hand hert mand me os pas tom u ver vol",
}
_END_AFTER_WORD = {
    language: re.compile(rf"\b(?i:{words.replace(' ', '|')})\.[\"'”’»)\]]{{0,3}}\s+(?:(?=[-–—•]\s)|{_CAPITAL})")
    for language, words in _NOT_ABBREVIATIONS.items()
}
# Closing marks belong to the sentence before them; emoji and other symbols after a space do not.
_ATTACHED = re.compile(r"(?:.*[\"'”’»›“‘«‹)\]」』*_])?\S*")
_KEY = re.compile(r"[^\W_][\w'’.-]*(?: [\w'’.-]+){0,2} ?: +(?=[\w\"'“„«‘(¿¡])")  # "Note: the cat sleeps."
_OPENING_MARKS = tuple("\"'“„«»‘‚‹›([「『（【*_~”’")
_PLAIN_SENTENCE = re.compile(r"[^\W\d_][\w ,'’-]*(?<=\w)[.!?]?")
_BEFORE_QUOTATION = re.compile(':\\s+(?=["“„«»])')


def is_plain_sentence(text: str) -> bool:
    """Return whether a text is certainly one sentence, of words, commas and a final mark; fast for ordinary text."""
    is_short = len(text) <= _MAX_SEGMENT_CHARACTERS
    return is_short and _PLAIN_SENTENCE.fullmatch(text) is not None and "   " not in text


def split_sentences(text: str, language: str, protector: SpanProtector = DEFAULT_PROTECTOR) -> list[tuple[int, int]]:
    """Return the range ``[start, stop)`` of each sentence of a line, without surrounding white space and table rules.

    Items of a list, cells of a table, and labels such as "Note:" are sentences. List marks belong to the sentence that
    follows, and quotation marks to the sentence that they open or close. Sentences without a letter or digit are
    omitted. Languages that sentencex does not support are split by general rules. No sentence begins or ends inside a
    protected span.
    """
    ranges = []
    start = 0
    is_table_row = text.lstrip().startswith("|") and text.rstrip().endswith("|")
    for segment in _bounded_segments(_SPACE.sub(" ", text)):
        for sentence in _split_items(segment, language):
            is_cell = is_table_row or sentence.lstrip().startswith("| ")
            core = sentence.strip(" |" if is_cell else " ")
            if is_translatable(core):
                indent = sentence.index(core)
                ranges.append((start + indent, start + indent + len(core)))
            start += len(sentence)
    if len(ranges) > 1 or (ranges and ranges[0][1] - ranges[0][0] < len(text)):
        return _merge_at_spans(ranges, protector.find(text))
    return ranges


def _merge_at_spans(ranges: Sequence[tuple[int, int]], spans: Sequence[ProtectedSpan]) -> list[tuple[int, int]]:
    """Merge sentences that share a protected span, and extend those that contain only a part of one."""
    merged: list[tuple[int, int]] = []
    spans_left = list(reversed(spans))
    for start, stop in ranges:
        while spans_left and spans_left[-1].end <= start:
            spans_left.pop()
        if merged and start < merged[-1][1]:
            start, stop = merged[-1][0], max(stop, merged.pop()[1])
        elif spans_left and spans_left[-1].start < start:
            start = spans_left[-1].start
        while spans_left and spans_left[-1].start < stop:
            stop = max(stop, spans_left.pop().end)
        merged.append((start, stop))
    return merged


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


def _split_items(text: str, language: str) -> Iterator[str]:
    """Split a text into list items, and these into sentences."""
    for begin, stop in pairwise([0, *find_item_starts(text), len(text)]):
        item = text[begin:stop]
        start, end = find_core(item)  # sentencex does not split "• One. Two."
        attached = len(item) - len(_ATTACHED.sub("", item[end:], count=1))
        key = _KEY.match(item, start, end)
        value = key.end() if key else start
        parts = ([key[0]] if key else []) + _split_core(item[value:end], language)
        for sentence in _merge_decorations(item[:start], parts, item[end:attached]):
            yield from _split_quotation(sentence, language)
        yield item[attached:]


def _split_core(text: str, language: str) -> list[str]:
    """Split a text without decorations at its edges into sentences."""
    sentences = _merge_uncertain(_split_segment(text, language))
    for pattern in (_END_BEFORE_SYMBOL, _END_AFTER_WORD.get(primary_subtag(language))):
        if pattern is not None:
            sentences = [part for sentence in sentences for part in _cut(sentence, pattern)]
    return sentences


def _cut(text: str, boundary: re.Pattern[str]) -> Iterator[str]:
    """Split a text after each match of a pattern."""
    offsets = [0, *(match.end() for match in boundary.finditer(text)), len(text)]
    return (text[start:end] for start, end in pairwise(offsets))


def _merge_decorations(before: str, sentences: list[str], after: str) -> list[str]:
    """Return sentences with the text before the first and after the last sentence."""
    if len(sentences) < 2:
        return [before + "".join(sentences) + after]
    return [before + sentences[0], *sentences[1:-1], sentences[-1] + after]


def _split_quotation(sentence: str, language: str) -> list[str]:
    """Split a quotation of several sentences, which sentencex leaves whole: "'One. Two.'", "He said: 'One. Two.'"."""
    before = _BEFORE_QUOTATION.search(sentence)
    if before is None and sentence.lstrip()[:1].isalpha():
        return [sentence]
    begin = before.end() if before else 0
    start, end = find_core(sentence[begin:])
    start, end = begin + start, begin + end
    if not sentence[begin:start].rstrip().endswith(_OPENING_MARKS):
        return [sentence]
    parts = _split_core(sentence[start:end], language)
    if len(parts) < 2:
        return [sentence]
    introduction = [sentence[:begin]] if begin else []
    return introduction + _merge_decorations(sentence[begin:start], parts, sentence[end:])


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
    is_numbering = _WORD.search(before) is None or _NUMBERING.fullmatch(before) is not None  # "1. The first", "IV. The"
    is_initial = _INITIAL.search(before) is not None  # "M. Dupont"
    return is_numbering or is_initial or _NUMBER.match(after) is not None  # "approx. 5 km"
