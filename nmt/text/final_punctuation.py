"""Final punctuation of sentences, and its equivalents in other languages."""

from __future__ import annotations

import re

from nmt.text.languages import language_scripts, primary_subtag
from nmt.text.scripts import is_combining_mark, is_unspaced_script

_STOPS = ".!?…‽。！？．｡।॥۔؟։።။។"
_PAUSES = ",;:،؛，、；："
_SPACES = " \u00a0\u202f"
_CLOSERS = "\"'”“’»«›‹)]}」』）］】》〉*"
_SIMPLE = str.maketrans("。．｡।॥۔։።။។！？؟‽،，、؛；：", "..........!???,,,;;:")
_FULL_WIDTH = str.maketrans(".!?,;:", "。！？，；：")
_ARABIC = str.maketrans("?,;", "؟،؛")
_FULL_STOPS = dict.fromkeys(("hi", "bn", "as", "bho", "mai", "ne", "or", "pa", "sa"), "।") | {
    "am": "።", "hy": "։", "km": "។", "lo": "", "my": "။", "th": "", "ti": "።", "ur": "۔",
}  # fmt: skip
_ELLIPSES = ("...", "…", "……")
_ABBREVIATION = re.compile(r"(?:\.[^\W\d_]{1,3}|\b(?:etc|inc|ltd|co|corp|jr|sr|usw|bzw))\Z", re.IGNORECASE)
_WITHOUT_STOPS = re.compile("[\u0e00-\u0eff]")  # Thai and Lao are written without final punctuation
_DEVANAGARI = re.compile("[\u0900-\u097f]")
_WORD = re.compile(r"[^\W_]+|[\U000f0000-\U0010ffff]")
_MIN_UNSPACED_CHARACTERS = 4  # of a sentence in a script without spaces; shorter text is a word


def find_final(text: str) -> str | None:
    """Return the final punctuation of a text with the space before it, and with closing marks after it, if any.

    It is None for text without final punctuation in a script that has none, such as Thai.
    """
    if _WITHOUT_STOPS.match(text[-1:]):
        return None
    before_closers = text.rstrip(_CLOSERS)
    body = before_closers.rstrip(_STOPS + _SPACES)
    if body == before_closers and body.endswith(tuple(_PAUSES)):
        body = body[:-1]
    body = body.rstrip()
    return text[len(body) :] if body else ""


def simplify_final(text: str, final: str) -> str:
    """Return a text whose final punctuation is one mark, such as "?" for " ?!", without a space before full stops."""
    marks = final.lstrip()
    if not marks or _has_closer(marks):
        return text
    body, space = text[: len(text) - len(final)], final[: len(final) - len(marks)]
    mark = _simple_mark(marks)
    if mark == "." and is_unspaced_script(body[-1]):
        mark = "。"
    return body + ("" if mark[0] in ".," else space) + mark


def add_full_stop(text: str) -> str:
    """Return a text of at least two words with a full stop of its script, if it ends with a word or placeholder."""
    last = text[-1:]
    if not last or not (last.isalnum() or is_combining_mark(last) or last >= "\U000f0000"):
        return text
    if is_unspaced_script(last):
        return f"{text}。" if len(text) >= _MIN_UNSPACED_CHARACTERS else text
    if len(_WORD.findall(text)) < 2:
        return text
    return text + ("।" if _DEVANAGARI.match(last) else ".")


def restore_final(translation: str, final: str, language: str) -> str:
    """Return a translation with the final punctuation of its source, in the form of the target language."""
    marks, found = final.strip(), find_final(translation) or ""
    found_marks = found.lstrip()
    body = translation[: len(translation) - len(found)]
    if not body or _has_closer(found_marks) or (_has_closer(marks) and marks[0] not in _CLOSERS):
        return translation
    if not marks or _has_closer(marks):
        is_kept = found_marks in _ELLIPSES or found_marks in tuple(_PAUSES) or _ABBREVIATION.search(body)
        return translation if is_kept else body
    are_same_kind = bool(found_marks) and (found_marks in tuple(_PAUSES)) == (marks in tuple(_PAUSES))
    if are_same_kind and len(marks) == 1 and marks not in _ELLIPSES:
        return translation
    return body + _translate_marks(marks, found, language)


def _has_closer(marks: str) -> bool:
    return any(mark in _CLOSERS for mark in marks)


def _simple_mark(marks: str) -> str:
    """Return the mark that final punctuation amounts to; an ellipsis is a full stop, because ellipses are rare."""
    simple = marks.translate(_SIMPLE)
    for kind in "?!":
        if kind in simple:
            return marks[simple.index(kind)]
    return "." if marks[0] == "…" else marks[0]


def _translate_marks(marks: str, found: str, language: str) -> str:
    """Return final punctuation in the form of a language, with the space that the translation has there."""
    subtag = primary_subtag(language)
    if marks not in _ELLIPSES:
        marks = marks.translate(_SIMPLE)
        if "CJK" in language_scripts(language):
            marks = marks.translate(_FULL_WIDTH)
        elif "ARABIC" in language_scripts(language):
            marks = marks.translate(_ARABIC)
        elif subtag == "el":
            marks = marks.replace(";", "·").replace("?", ";")
        marks = marks.replace(".", _FULL_STOPS.get(subtag, "."))
    space = found[: len(found) - len(found.lstrip())]
    if marks[:1] not in tuple("!?;:"):
        space = ""
    elif subtag == "fr" and not found.lstrip().startswith(tuple("!?;:")):
        space = " "
    return space + marks
