"""Checks of the training, dev and test corpora of a translator together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nmt.config.data import CorpusSpec, FilePair
from nmt.corpus.checking.checks import CorpusCheck, check_corpus, held_out_sources
from nmt.corpus.checking.cleaning import split_pairs
from nmt.corpus.checking.raw_corpus import RawCorpus, read_raw_corpus
from nmt.corpus.compressed_files import content_suffix
from nmt.corpus.parallel_corpus import SINGLE_FILE_SUFFIXES, TextPair
from nmt.utils.errors import CarouselError, UsageError


@dataclass(frozen=True)
class DataCheck:
    """Results for all corpora, and their languages."""

    source: str
    target: str
    checks: dict[str, list[CorpusCheck]]
    """Results of the corpora by role: ``train``, ``dev`` and ``test``."""

    @property
    def num_pairs(self) -> int:
        """Number of pairs of all corpora."""
        return sum(len(check.corpus.pairs) for checks in self.checks.values() for check in checks)

    def cleaned_parts(self, split: Mapping[str, int]) -> dict[str, list[TextPair]]:
        """Return the cleaned pairs by role, with new parts of the sizes of ``split`` taken from the training text.

        Raises CarouselError if a part of ``split`` exists already, or nothing is left for training.
        """
        parts = {
            role: [pair for check in checks for pair in check.cleaned_pairs()] for role, checks in self.checks.items()
        }
        for name in split:
            if parts.get(name):
                raise UsageError(f"--split: there is a {name} corpus already; leave {name} out")
        parts |= split_pairs(parts["train"], split) if split else {}
        if not parts["train"]:
            raise CarouselError("no training pair is left after cleaning; look at the report")
        return parts


def check_data_set(
    corpora: Mapping[str, Sequence[CorpusSpec]], source: str | None = None, target: str | None = None
) -> DataCheck:
    """Read and check corpora by role; languages that are not given are guessed from the training corpora."""
    raw = dict[str, list[RawCorpus]]()
    for role, specs in corpora.items():
        for spec in specs:
            corpus = read_raw_corpus(spec, source, target)
            source, target = source or corpus.source, target or corpus.target
            raw.setdefault(role, []).append(corpus)
    if source is None or target is None:
        raise UsageError("FILE: no training corpus; name a file")
    if source == target:
        raise CarouselError(f"both sides seem to be in the language {source}; name the languages with --from and --to")
    dev, test = (held_out_sources(raw.get(role, [])) for role in ("dev", "test"))
    held_out = {"train": dev | test, "dev": test, "test": set[str]()}
    checks = dict[str, list[CorpusCheck]]()
    for role, found in raw.items():
        seen = set[TextPair]()
        checks[role] = [check_corpus(corpus, held_out[role], seen) for corpus in found]
    return DataCheck(source, target, checks)


def corpora_of_files(files: Sequence[Path]) -> list[CorpusSpec]:
    """Return the corpora of files on a command line: two plain files are the two sides of one corpus."""
    plain = [file for file in files if content_suffix(file) not in SINGLE_FILE_SUFFIXES and file.exists()]
    if len(plain) == 1:
        raise UsageError(f"{plain[0]}: one side of a corpus; name the file of the other side, too")
    if len(plain) not in (0, 2):
        raise UsageError(f"{plain[2]}: a third plain file; check one pair of files at a time, or name a recipe")
    others: list[CorpusSpec] = [str(file) for file in files if file not in plain]
    return ([FilePair(source=str(plain[0]), target=str(plain[1]))] if plain else []) + others
