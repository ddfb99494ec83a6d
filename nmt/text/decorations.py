"""Decorations at the edges of a sentence: list marks, Markdown, emoji, quotation marks and brackets.

A network translates "The cat sleeps." better than "- [ ] 1) **The cat sleeps.** 🎉", and decorations are the same in
every language. They are stripped before the translation and stay where they were.
"""

from __future__ import annotations

import re

from nmt.text.normalisation import is_translatable

# Most sentences: a word that is no list mark at the start, and a letter before the final punctuation.
_PLAIN_START = re.compile(r"[^\W\d_\u2150-\u32ff][\w'’-]*[ ,]|[\u3041-\u30fa\u30fc-\u9fff]{4}")
_PLAIN_END = re.compile(r"[^\W_](?:[^\W_]|[.!?。！？])")

_INVISIBLE = "\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
# Arrows, technical symbols, box drawing, geometric shapes, dingbats, emoji. Letterlike symbols ("№", "℃"), units and
# Braille are text.
_SYMBOL = (
    "[\u2190-\u21ff\u2300-\u23ff\u2460-\u27bf\u27f0-\u27ff\u2900-\u297f\u2b00-\u2bff\u3030\u303d\u3200-\u3243\u3280-\u32b0"
    "\U0001f000-\U0001faff\U0001fb00-\U0001fbff•‣⁃◦∙・¶※†‡]"
    "[\ufe0e\ufe0f\u200d\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
    "|[0-9#*]\ufe0f?\u20e3|\u2139\ufe0f"
)
_LETTER = r"[^\W\d_]"
_WORD = rf"\s[\W_]{{0,16}}(?:{_LETTER}(?={_LETTER}|['’])|I(?=\s))"  # not "V" or "e.g."
_ROMAN = "(?:[ivx]{2,5}|[IVX]{2,6})"
_CJK_NUMBER = "[一二三四五六七八九十]{1,3}"
_LEVELS = r"\d{1,3}(?:\.\d{1,2}){0,5}"
# The group `capital` holds marks that must not stand before a lower-case letter: "-v", "1.5 km", "e.g.", "3.5 kg".
_LEADING = re.compile(
    rf"""[\s{_INVISIBLE}]+
    |{_SYMBOL}
    |[·©®™](?=\s) | ·(?={_LETTER})
    |\[[ xX]?\](?=\s)
    |\#{{1,6}}(?=\s) | ={{1,6}}(?=\s) | >{{1,4}}(?=\s|{_LETTER}) | \|+
    |[-=]{{1,2}}>(?=\s) | <[-=]{{1,2}}(?=\s) | (?:[:;=]-?[()DPp]|<3)(?=\s)
    |(?:[-–—―‒]{{1,3}}|[*+])(?=\s) | [–—―](?!\d)
    |(?:…|\.{{2,3}})(?=\s|{_LETTER}) | [,;:.!?、。，)\]]+(?=\s)
    |\[\d{{1,2}}(?::\d\d){{1,2}}\](?=\s)
    |[(\[](?:{_LEVELS}[a-z]?|[a-zA-Z]|{_ROMAN})[)\]](?=\s(?!\d{{2,4}}[\s-]\d)) # no area code: "(555) 123-4567"
    |（(?:\d{{1,3}}|{_CJK_NUMBER})） | \d{{1,3}}[、．] | {_CJK_NUMBER}、(?!{_CJK_NUMBER}、)
    |\*\*(?:{_LEVELS}|[a-zA-Z]|{_ROMAN})[.)]\*\*(?=\s)
    |{_LEVELS}[a-z]?[.:]?\)(?=\s|{_LETTER}) | (?:[a-zA-Z]|{_ROMAN})\)(?=\s)
    |{_LEVELS}\.(?=\s) | {_ROMAN}\.(?=\s+\D) | \d{{1,2}}[-/](?=\s)
    |(?P<capital>-{{1,2}}(?={_LETTER}) | \d{{1,3}}\.(?={_LETTER}) | \d{{1,3}}\s[-–—](?={_WORD})
        | \d{{1,2}}(?:\.\d{{1,2}}){{1,5}}(?={_WORD}) | [a-hivx]\.(?={_WORD}\w*(?![\w.])))
    """,
    re.VERBOSE,
)
_FIRST_WORD = re.compile(f"{_LETTER}+")
_TRAILING = re.compile(
    rf"""(?:[\s{_INVISIBLE}]+ | {_SYMBOL} | (?<=\s)[·©®™+] | \|+ | (?<=\s)\#{{1,6}} | (?<=\s)={{1,6}}
    |(?<=\s)[-–—―‒]{{1,3}} | [–—―] | (?<=\s)[(\[（「『]
    |(?<=[\s.!?…])(?:[:;=]-?[()DPp]+|<3) | \[\d{{1,3}}\] | (?<=[.!?…"”»])[¹²³⁰⁴-⁹]{{1,3}})\Z""",
    re.VERBOSE,
)
_UNDECORATED_END = re.compile(r"[^\W\d_DPp¹²³⁰⁴-⁹\u2150-\u32ff]|[.!?。！？]")
_TAIL = 32  # characters in which trailing decorations are searched; longer than any emoji
_MAX_LAYERS = 8  # of paired marks, each of which takes a pass over the text

_CLOSERS = {
    "(": ")", "[": "]", "（": "）", "［": "］", "「": "」", "『": "』", "【": "】", "〔": "〕", "〈": "〉", "《": "》",
    "“": "”“", "„": "“”\"", "‟": "”", "‘": "’‘", "‚": "‘’'", "«": "»", "»": "«»", "‹": "›", "›": "‹›",
    "”": "”", "’": "’", '"': '"', "'": "'", "＂": "＂", "〝": "〞〟",
}  # fmt: skip
_OPENERS: dict[str, str] = {}
for _opener, _closers in _CLOSERS.items():
    for _closer in _closers:
        _OPENERS[_closer] = _OPENERS.get(_closer, "") + _opener
_APOSTROPHES = "'’"
_CONTRACTION = re.compile(
    r"['’](?:\d|(?:t|s|n|k|m|r|tis|twas|twere|em|cause|til|till|bout|round|cuz|un|ne|nen)\b)", re.I
)
_EMPHASIS_START = re.compile(r"\*\*++|~~|\*(?!\s)|_++(?!\s)")
_EMPHASIS_END = re.compile(r"(?<=[^\s*~])(?:\*{1,3}|~~)\Z|(?<=[.!?…。！？])_{1,3}\Z")
_IDENTIFIER = re.compile(r"[a-z0-9_]+")
_STOPS = ("", ".", "。")


def find_core(text: str) -> tuple[int, int]:
    """Return the range ``[start, end)`` of a sentence without the decorations at its edges.

    Quotation marks, brackets and Markdown emphasis are decorations if they enclose the whole sentence, or if their
    partner is in another sentence. Final punctuation is a part of the core. The core contains a letter or digit if
    ``text`` does.
    """
    if _PLAIN_START.match(text) and _PLAIN_END.fullmatch(text[-2:]):
        return 0, len(text)
    start, end = 0, len(text)
    for _ in range(_MAX_LAYERS):
        before = start, end
        start = _skip_leading(text, start, end)
        end = _skip_trailing(text, start, end)
        start, end = _strip_paired(text, start, end)
        if (start, end) == before:
            break
    if not is_translatable(text[start:end]) and is_translatable(text):
        # A text that consists of a list mark only, such as "1." or "a)".
        start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    return start, end


def _skip_leading(text: str, start: int, end: int) -> int:
    """Return the offset after the list marks, symbols and spaces at the start."""
    while (match := _LEADING.match(text, start, end)) is not None:
        if match.lastgroup == "capital" and _continues_in_lower_case(text, match.end()):
            break
        start = match.end()
    return start


def _continues_in_lower_case(text: str, offset: int) -> bool:
    """Return whether the next word begins with a lower-case letter, or is a unit such as "GHz" or "V"."""
    word = _FIRST_WORD.search(text, offset, offset + 32)
    if word is None:
        return False
    is_unit = 2 <= len(word[0]) <= 3 and word[0][:2].isupper()
    return word[0][0].islower() or is_unit


def _skip_trailing(text: str, start: int, end: int) -> int:
    """Return the offset before the symbols and spaces at the end."""
    if end > start and _UNDECORATED_END.match(text, end - 1):
        return end
    while (match := _TRAILING.search(text, max(start, end - _TAIL), end)) is not None:
        end = match.start()
    return end


def _strip_paired(text: str, start: int, end: int) -> tuple[int, int]:
    """Strip one quotation mark, bracket or emphasis mark, or a pair of them, from the edges."""
    if start >= end:
        return start, end
    emphasis = _EMPHASIS_START.match(text, start, end)
    if emphasis is not None:
        return _strip_emphasis(text, start, end, emphasis.group())
    if text[start] in _CLOSERS and not _CONTRACTION.match(text, start, end):
        partner = _find_closer(text, start, end)
        if partner is None:
            return start + 1, end
        if text[partner + 1 : end] in _STOPS:
            return start + 1, partner
    emphasis = _EMPHASIS_END.search(text, max(start, end - 4), end)
    if emphasis is not None and text.find(emphasis.group(), start, emphasis.start()) < 0:
        return start, emphasis.start()
    last = end - 1 - (text[end - 1] in ".。")
    if last > start and text[last] in _OPENERS and _is_unpaired_closer(text, start, last):
        return start, last
    return start, end


def _strip_emphasis(text: str, start: int, end: int, mark: str) -> tuple[int, int]:
    inside = start + len(mark)
    partner = text.find(mark, inside, end)
    if partner < 0:
        is_identifier = mark[0] == "_" and not text[inside : inside + 1].isupper()  # "_private"
        return (start, end) if is_identifier else (inside, end)
    is_identifier = mark[0] == "_" and _IDENTIFIER.fullmatch(text, inside, partner) is not None
    if is_identifier or text[partner + len(mark) : end] not in _STOPS:
        return start, end
    return inside, partner


def _find_closer(text: str, start: int, end: int) -> int | None:
    """Return the offset of the mark that closes the one at ``start``, or None if there is none."""
    opener = text[start]
    closers = _CLOSERS[opener]
    if opener in _APOSTROPHES or closers[0] == "’":
        return _find_closing_apostrophe(text, start, end, closers)
    if opener in closers:
        return next((n for n in range(start + 1, end) if text[n] in closers), None)
    depth = 0
    for n in range(start, end):
        if text[n] == opener:
            depth += 1
        elif text[n] in closers:
            depth -= 1
            if depth == 0:
                return n
    return None


def _find_closing_apostrophe(text: str, start: int, end: int, closers: str) -> int | None:
    """Return the offset of the closing single quotation mark; apostrophes in words, as in "don't", are none."""
    found = [
        n
        for n in range(start + 1, end)
        if text[n] in closers and not text[n - 1].isspace() and not text[n + 1 : min(n + 2, end)].isalnum()
    ]
    if found and text[found[-1] + 1 : end] in _STOPS and all(text[n - 1] in "sxz" for n in found[:-1]):
        return found[-1]  # "'The dogs' house.'"
    return found[0] if found else None


def _is_unpaired_closer(text: str, start: int, offset: int) -> bool:
    """Return whether a mark can only close a quotation or bracket that begins before ``start``."""
    closer = text[offset]
    if closer in _APOSTROPHES and text[offset - 1].isalnum():
        return False  # "the dogs'"
    openers = _OPENERS[closer]
    return not any(text[n] in openers for n in range(start, offset) if not _is_apostrophe(text, n))


def _is_apostrophe(text: str, offset: int) -> bool:
    return text[offset] in _APOSTROPHES and text[offset - 1 : offset].isalnum()
