"""Kinds of problems that the checks of parallel text find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Remedy = Literal["drop", "repair", "keep"]


class ProblemKind(NamedTuple):
    """A kind of problem."""

    description: str
    remedy: Remedy
    """Treatment of the pair when the text is cleaned."""


PROBLEM_KINDS = {
    "header": ProblemKind("header line instead of a sentence pair", "drop"),
    "encoding": ProblemKind("not valid in the encoding of the file, or contains control characters", "drop"),
    "columns": ProblemKind("wrong number of columns", "drop"),
    "quotes": ProblemKind("quotation mark that is not closed", "drop"),
    "unpaired": ProblemKind("line without a line in the other file", "drop"),
    "empty": ProblemKind("one side is empty", "drop"),
    "no_text": ProblemKind("one side has neither letters nor digits", "drop"),
    "too_long": ProblemKind("longer than 1,000 characters", "drop"),
    "mojibake": ProblemKind("UTF-8 that was decoded as a Western encoding", "repair"),
    "copy": ProblemKind("both sides are equal", "drop"),
    "misaligned": ProblemKind("stretch in which one side is shifted by some lines", "drop"),
    "swapped": ProblemKind("source and target are exchanged", "repair"),
    "source_language": ProblemKind("source is in another language", "drop"),
    "target_language": ProblemKind("target is in another language", "drop"),
    "length": ProblemKind("lengths of the two sides differ much", "drop"),
    "duplicate": ProblemKind("pair occurs before in the same corpus", "drop"),
    "overlap": ProblemKind("source also occurs in the dev or test corpus", "drop"),
    "numbers": ProblemKind("numbers of the two sides differ", "keep"),
}
"""Description and remedy of each kind of problem, in the order in which they take precedence."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of one pair."""

    kind: str
    line: int
    """Number of the line or record, counted from 1."""
    detail: str = ""
    """Excerpt or explanation; may be empty."""


def format_lines(lines: list[int], limit: int = 8) -> str:
    """Return ascending line numbers as text, with ranges, such as ``3, 10–14, … (120 more)``."""
    ranges = list[list[int]]()
    for line in lines:
        if ranges and line == ranges[-1][1] + 1:
            ranges[-1][1] = line
        else:
            ranges.append([line, line])
    shown = [f"{first:,}" if first == last else f"{first:,}–{last:,}" for first, last in ranges[:limit]]
    more = sum(last - first + 1 for first, last in ranges[limit:])
    return ", ".join(shown) + (f", … ({more:,} more)" if more else "")
