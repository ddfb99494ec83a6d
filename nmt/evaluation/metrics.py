"""Scores of translated text, as sacreBLEU computes them, with the signature that makes them comparable."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from typing import Any

from nmt.config.data import CorpusSpec, SyntheticCorpus
from nmt.corpus.synthetic_tasks import question_lengths
from nmt.evaluation import resampling
from nmt.text.languages import primary_subtag
from nmt.utils.errors import CarouselError, missing_extra

_TOKENISERS = {
    **dict.fromkeys(("zh", "zho", "cmn", "yue", "wuu"), "zh"),
    **dict.fromkeys(("ja", "jpn"), "ja-mecab"),
    **dict.fromkeys(("ko", "kor"), "ko-mecab"),
}
_UNSPACED = ("zh", "ja-mecab")  # tokenisers of text without spaces


def bleu_tokeniser(language: str) -> str:
    """The tokeniser of sacreBLEU that suits a target language."""
    return _TOKENISERS.get(primary_subtag(language), "13a")


def bleu(hypotheses: Sequence[str], references: Sequence[str], language: str) -> float:
    """Cased corpus BLEU of detokenised text."""
    score: float = sacrebleu_metrics(language)["bleu"].corpus_score(list(hypotheses), [list(references)]).score
    return score


def bleu_with_interval(hypotheses: Sequence[str], references: Sequence[str], language: str) -> dict[str, Any]:
    """BLEU as `evaluate` gives it."""
    return _scored(sacrebleu_metrics(language)["bleu"], hypotheses, references)


def evaluate(hypotheses: Sequence[str], references: Sequence[str], language: str) -> dict[str, dict[str, Any]]:
    """BLEU, chrF and TER: ``{metric: {"score", "signature", "ci"}}``; ``ci`` is the half-width of the 95% interval.

    The interval is that of sacreBLEU's bootstrap over 1,000 samples with its own seed.
    """
    if len(hypotheses) != len(references):
        raise CarouselError(
            f"{len(hypotheses):,} translations but {len(references):,} references; line N must belong to line N"
        )
    return {name: _scored(metric, hypotheses, references) for name, metric in sacrebleu_metrics(language).items()}


def score_corpus(
    spec: CorpusSpec | None, hypotheses: Sequence[str], references: Sequence[str], language: str
) -> dict[str, dict[str, Any]]:
    """As `evaluate`; answers to a task of the laboratory are right or wrong instead: see `exact_match`."""
    if isinstance(spec, SyntheticCorpus):
        return {"exact": exact_match(spec, hypotheses, references)}
    return evaluate(hypotheses, references, language)


def exact_match(task: SyntheticCorpus, hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
    """The percentage of answers that are right, in all and by the question's length.

    ``right_to`` is the longest length up to which, from the task's shortest on, every answer is right; 0 for none.
    """
    by_length: dict[int, list[bool]] = {}
    for length, hypothesis, reference in zip(
        question_lengths(task.pairs, task.shortest, task.longest), hypotheses, references, strict=True
    ):
        by_length.setdefault(length, []).append(hypothesis == reference)
    right_to = 0
    for length, right in sorted(by_length.items()):
        if not all(right):
            break
        right_to = length
    return {
        "score": _percentage([each for right in by_length.values() for each in right]),
        "signature": f"task:{task.task}|lengths:{task.shortest}-{task.longest}|pairs:{task.pairs}|seed:{task.seed}",
        "right_to": right_to,
        "by_length": [[length, _percentage(right)] for length, right in sorted(by_length.items())],
    }


def exact_match_on_unseen(
    questions: Sequence[str], hypotheses: Sequence[str], references: Sequence[str], learned: Set[str]
) -> dict[str, Any]:
    """How many questions were not ``learned`` by heart in training, and the percentage of right answers to those.

    ``{"questions", "score"}``; ``score`` is None where training held all of them.
    """
    right = [
        hypothesis == reference
        for question, hypothesis, reference in zip(questions, hypotheses, references, strict=True)
        if question not in learned
    ]
    return {"questions": len(right), "score": _percentage(right) if right else None}


def _percentage(right: Sequence[bool]) -> float:
    return round(100 * sum(right) / len(right), 2)


def sentence_chrf(hypotheses: Sequence[str], references: Sequence[str]) -> list[float]:
    """Each translation's chrF over 100."""
    chrf = sacrebleu_metrics("en")["chrf"]
    return [
        chrf.sentence_score(hypothesis, [reference]).score / 100
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    ]


def word_tokeniser(language: str) -> Callable[[str], list[str]]:
    """What splits a text of a language into the words of BLEU: in Chinese, its characters."""
    tokenise = sacrebleu_metrics(language)["bleu"].tokenizer
    return lambda text: tokenise(text).split()


def sacrebleu_metrics(language: str) -> dict[str, Any]:
    """SacreBLEU's objects for BLEU, chrF and TER. Raises CarouselError where it is not installed."""
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
        from sacrebleu.metrics.ter import TER
    except ModuleNotFoundError:
        raise missing_extra("eval", "scoring") from None
    tokeniser = bleu_tokeniser(language)
    # Without spaces, a sentence would be one word for TER, right or wrong.
    ter = TER(normalized=True, asian_support=True) if tokeniser in _UNSPACED else TER()
    return {"bleu": BLEU(tokenize=tokeniser), "chrf": CHRF(), "ter": ter}


def _scored(metric: Any, hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
    """Score, signature and the half-width of the interval of one metric."""
    sums = resampling.statistics(metric, hypotheses, references)
    metric.n_bootstrap, metric.seed = resampling.RESAMPLES, str(resampling.SEED)  # of which its signature tells
    [resampled] = resampling.bootstrap(metric, [sums], resampling.RESAMPLES, resampling.SEED)
    return {
        "score": round(resampling.score(metric, sums.sum(0)), 2),
        "signature": metric.get_signature().format(),
        "ci": round(resampling.half_width(resampled), 2),
    }
