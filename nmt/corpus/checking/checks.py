"""Checks of the pairs of a corpus, which find all problems in one run."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field

from nmt.corpus.checking.problems import PROBLEM_KINDS, Problem
from nmt.corpus.checking.raw_corpus import RawCorpus, RawPair
from nmt.corpus.checking.word_association import WordAssociation, find_shifted_stretches
from nmt.corpus.field_names import find_language_fields, language_of_name
from nmt.corpus.parallel_corpus import TextPair
from nmt.text.language_identification import LanguageDetector
from nmt.text.languages import has_letters_of, primary_subtag
from nmt.text.normalisation import normalise

_MAX_CHARACTERS = 1000
_MAX_LENGTH_FACTOR = 3.0  # of the ratio of lengths, relative to the median of the corpus
_EXEMPT_CHARACTERS = 24  # short texts often differ a lot in length from their translations
_MIN_EVIDENCE = 4.0  # log odds of texts that belong to the other side
_MIN_LANGUAGE_LETTERS, _MIN_CONFIDENCE = 15, 0.8
_SMALL_CORPUS = 5000  # pairs up to which the language of every text is identified, which is slow
_NUMBER = re.compile(r"\d+")
_MOJIBAKE = re.compile("[ÃÂâ][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]")


@dataclass
class CorpusCheck:
    """Result of the checks of one corpus."""

    corpus: RawCorpus
    problems: list[Problem] = field(default_factory=list)
    """The first problem of each pair that has one, in the order of the lines."""

    @property
    def lines_by_kind(self) -> dict[str, list[int]]:
        """Line numbers of the problems of each kind that occurs."""
        found = {kind: [problem.line for problem in self.problems if problem.kind == kind] for kind in PROBLEM_KINDS}
        return {kind: lines for kind, lines in found.items() if lines}

    def cleaned_pairs(self) -> Iterator[TextPair]:
        """Yield the normalised pairs without problems, and those that can be repaired."""
        problems = {problem.line: problem.kind for problem in self.problems}
        for pair in self.corpus.pairs:
            kind = problems.get(pair.line)
            if kind and PROBLEM_KINDS[kind].remedy == "drop":
                continue
            source, target = pair.source, pair.target
            if kind == "swapped":
                source, target = target, source
            if kind == "mojibake":
                source, target = repair_mojibake(source), repair_mojibake(target)
            yield normalise(source), normalise(target)


def check_corpus(corpus: RawCorpus, held_out: Set[str] = frozenset(), seen: set[TextPair] | None = None) -> CorpusCheck:
    """Find the problems of a corpus.

    ``held_out`` are normalised sources that must not occur in it, ``seen`` the normalised pairs of the corpora before,
    to which the pairs of this one are added.
    """
    seen = set() if seen is None else seen
    kinds = dict[int, Problem]()

    def report(pairs: Iterable[RawPair], kind: str, detail: str = "") -> None:
        for pair in pairs:
            kinds.setdefault(pair.line, Problem(kind, pair.line, detail or f"{pair.source[:60]} | {pair.target[:60]}"))

    if corpus.pairs and _is_header(corpus.pairs[0], corpus):
        report(corpus.pairs[:1], "header")
    for pair in corpus.pairs:
        if kind := pair.problem or _find_form_problem(pair):
            report([pair], kind)
    sound = [pair for pair in corpus.pairs if pair.line not in kinds]
    association = WordAssociation([(pair.source, pair.target) for pair in sound])
    swapped = [pair for pair in sound if _is_swapped(pair, association)]
    report(swapped, "swapped")
    numbers = {pair.line for pair in swapped}
    texts = [(pair.target, pair.source) if pair.line in numbers else (pair.source, pair.target) for pair in sound]
    for start, stop, shift in find_shifted_stretches(texts, association):
        detail = f"source line N translates target line N{shift:+d}"
        for pair in sound[start:stop]:
            if kinds.pop(pair.line, None) is None or pair.line in numbers:
                report([pair], "misaligned", detail)
    checker = _LanguageChecker(corpus, association, identify_all=len(sound) <= _SMALL_CORPUS)
    for pair in sound:
        if pair.line in kinds:
            continue
        key = normalise(pair.source), normalise(pair.target)
        if kind := checker.find_problem(pair) or _find_length_problem(pair, association):
            report([pair], kind)
        elif key in seen:
            report([pair], "duplicate")
        elif key[0] in held_out:
            report([pair], "overlap")
        elif _numbers(pair.source) != _numbers(pair.target):
            report([pair], "numbers")
        seen.add(key)
    return CorpusCheck(corpus, [kinds[line] for line in sorted(kinds)])


def repair_mojibake(text: str) -> str:
    """Return a text that was decoded as Windows-1252 or Latin-1 although it was UTF-8, decoded correctly."""
    for encoding in ("cp1252", "latin-1"):
        try:
            return text.encode(encoding).decode()
        except UnicodeError:
            continue
    return text


def _is_header(pair: RawPair, corpus: RawCorpus) -> bool:
    cells = [pair.source, pair.target]
    if all((len(cell) <= 3 and language_of_name(cell)) or cell.strip().casefold() in _names(corpus) for cell in cells):
        return True
    return find_language_fields(cells, corpus.source, corpus.target) == (0, 1)


def _names(corpus: RawCorpus) -> set[str]:
    return {corpus.source.casefold(), corpus.target.casefold()}


def _find_form_problem(pair: RawPair) -> str | None:
    """Return the kind of a problem that is visible in the pair alone."""
    source, target = normalise(pair.source), normalise(pair.target)
    if any(_has_control_characters(text) for text in (pair.source, pair.target)):
        return "encoding"
    if not source or not target:
        return "empty"
    if not _has_text(source) or not _has_text(target):
        return "no_text"
    if max(len(source), len(target)) > _MAX_CHARACTERS:
        return "too_long"
    if any(_MOJIBAKE.search(text) and repair_mojibake(text) != text for text in (pair.source, pair.target)):
        return "mojibake"
    return "copy" if source == target else None


def _has_control_characters(text: str) -> bool:
    return "\ufffd" in text or any(unicodedata.category(each) == "Cc" and each not in "\t\n\r" for each in text)


def _has_text(text: str) -> bool:
    return any(map(str.isalnum, text))


def _is_swapped(pair: RawPair, association: WordAssociation) -> bool:
    return (
        association.source_evidence(pair.source) < -_MIN_EVIDENCE
        and association.source_evidence(pair.target) > _MIN_EVIDENCE
    )


class _LanguageChecker:
    """Finds texts that are not in the language of their side."""

    def __init__(self, corpus: RawCorpus, association: WordAssociation, identify_all: bool) -> None:
        self._languages = corpus.source, corpus.target
        self._association, self._identify_all = association, identify_all
        self._detector = LanguageDetector(self._languages)

    def find_problem(self, pair: RawPair) -> str | None:
        """Return the kind of the problem, or None."""
        for side, text in enumerate((pair.source, pair.target)):
            if self._is_foreign(text, side):
                return ("source_language", "target_language")[side]
        return None

    def _is_foreign(self, text: str, side: int) -> bool:
        language = self._languages[side]
        letters = sum(map(str.isalpha, text))
        if letters >= 3 and not has_letters_of(text, language):
            return True
        known = self._association.known_share(text, side)
        if letters < _MIN_LANGUAGE_LETTERS or known > 0.8 or not (self._identify_all or known < 0.5):
            return False
        ranking = self._detector.rank(text)
        if not ranking:
            return False
        best = ranking[0]
        return primary_subtag(best.language) != primary_subtag(language) and best.confidence >= _MIN_CONFIDENCE


def _find_length_problem(pair: RawPair, association: WordAssociation) -> str | None:
    lengths = len(pair.source), len(pair.target)
    difference = math.log((lengths[0] + 1) / (lengths[1] + 1)) - association.log_length_ratio
    is_outlier = abs(difference) > math.log(_MAX_LENGTH_FACTOR) and max(lengths) > _EXEMPT_CHARACTERS
    return "length" if is_outlier else None


def _numbers(text: str) -> Counter[str]:
    return Counter(_NUMBER.findall(text))


def held_out_sources(corpora: Sequence[RawCorpus]) -> set[str]:
    """Return the normalised sources of dev and test corpora."""
    return {normalise(pair.source) for corpus in corpora for pair in corpus.pairs} - {""}
