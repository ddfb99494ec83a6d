"""Translation metrics of sacreBLEU, with the signatures that make scores comparable, and exact match of answers."""

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
_UNSPACED_TOKENISERS = ("zh", "ja-mecab")


def bleu_tokeniser(language: str) -> str:
    """Return the name of sacreBLEU's tokeniser for a target language."""
    return _TOKENISERS.get(primary_subtag(language), "13a")


def corpus_bleu(hypotheses: Sequence[str], references: Sequence[str], language: str) -> float:
    """Return the case-sensitive BLEU of detokenised translations."""
    score: float = sacrebleu_metrics(language)["bleu"].corpus_score(list(hypotheses), [list(references)]).score
    return score


def bleu_with_interval(hypotheses: Sequence[str], references: Sequence[str], language: str) -> dict[str, Any]:
    """Return BLEU as ``{"score", "signature", "ci"}``; see `score_translations`."""
    return _score_with_interval(sacrebleu_metrics(language)["bleu"], hypotheses, references)


def score_translations(
    hypotheses: Sequence[str], references: Sequence[str], language: str
) -> dict[str, dict[str, Any]]:
    """Return BLEU, chrF and TER as ``{metric: {"score", "signature", "ci"}}``.

    "ci" is the half-width of the 95% confidence interval of sacreBLEU's bootstrap, with 1,000 samples and its default
    seed.

    Raises CarouselError if the numbers of hypotheses and references differ.
    """
    if len(hypotheses) != len(references):
        difference = f"{len(hypotheses):,} translations but {len(references):,} references"
        raise CarouselError(f"scoring: {difference}; give one reference per line")
    metrics = sacrebleu_metrics(language)
    return {name: _score_with_interval(metric, hypotheses, references) for name, metric in metrics.items()}


def score_corpus(
    spec: CorpusSpec | None, hypotheses: Sequence[str], references: Sequence[str], language: str
) -> dict[str, dict[str, Any]]:
    """Return the scores of a model's output: `exact_match` for a synthetic task, else `score_translations`."""
    if isinstance(spec, SyntheticCorpus):
        return {"exact": exact_match(spec, hypotheses, references)}
    return score_translations(hypotheses, references, language)


def exact_match(task: SyntheticCorpus, hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
    """Return the percentage of correct answers to a synthetic task, in total and by the length of the question.

    Returns:
        ``{"score", "signature", "right_to", "by_length"}``. "right_to" is the greatest length such that all answers to
        questions of at most this length are correct, or 0.
    """
    by_length: dict[int, list[bool]] = {}
    lengths = question_lengths(task.pairs, task.shortest, task.longest)
    for length, hypothesis, reference in zip(lengths, hypotheses, references, strict=True):
        by_length.setdefault(length, []).append(hypothesis == reference)
    right_to = 0
    for length, right in sorted(by_length.items()):
        if not all(right):
            break
        right_to = length
    return {
        "score": _percentage([answer for right in by_length.values() for answer in right]),
        "signature": f"task:{task.task}|lengths:{task.shortest}-{task.longest}|pairs:{task.pairs}|seed:{task.seed}",
        "right_to": right_to,
        "by_length": [[length, _percentage(right)] for length, right in sorted(by_length.items())],
    }


def exact_match_on_unseen(
    questions: Sequence[str], hypotheses: Sequence[str], references: Sequence[str], training_questions: Set[str]
) -> dict[str, Any]:
    """Return the exact match of answers to questions that are not in the training data.

    The result is ``{"questions", "score"}``: the number of these questions, and the percentage of correct answers or,
    without questions, None.
    """
    answers = zip(questions, hypotheses, references, strict=True)
    right = [answer == expected for question, answer, expected in answers if question not in training_questions]
    return {"questions": len(right), "score": _percentage(right) if right else None}


def _percentage(right: Sequence[bool]) -> float:
    """Return the percentage of True values, rounded to two decimals."""
    return round(100 * sum(right) / len(right), 2)


def sentence_chrf(hypotheses: Sequence[str], references: Sequence[str]) -> list[float]:
    """Return the sentence-level chrF of each translation, between 0 and 1."""
    chrf = sacrebleu_metrics("en")["chrf"]
    pairs = zip(hypotheses, references, strict=True)
    return [chrf.sentence_score(hypothesis, [reference]).score / 100 for hypothesis, reference in pairs]


def word_tokeniser(language: str) -> Callable[[str], list[str]]:
    """Return a function that splits a text into the words that BLEU uses, which are single characters in Chinese."""
    tokenise = sacrebleu_metrics(language)["bleu"].tokenizer
    return lambda text: tokenise(text).split()


def sacrebleu_metrics(language: str) -> dict[str, Any]:
    """Return sacreBLEU's metric objects "bleu", "chrf" and "ter" for a target language.

    Raises CarouselError if sacreBLEU is not installed.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
        from sacrebleu.metrics.ter import TER
    except ModuleNotFoundError:
        raise missing_extra("eval", "scoring") from None
    tokeniser = bleu_tokeniser(language)
    # By default, TER would treat a sentence without spaces as one word.
    ter = TER(normalized=True, asian_support=True) if tokeniser in _UNSPACED_TOKENISERS else TER()
    return {"bleu": BLEU(tokenize=tokeniser), "chrf": CHRF(), "ter": ter}


def _score_with_interval(metric: Any, hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
    """Return the score, signature and confidence interval of one metric; see `score_translations`."""
    statistics = resampling.sentence_statistics(metric, hypotheses, references)
    # The signature includes these two attributes.
    metric.n_bootstrap, metric.seed = resampling.BOOTSTRAP_SAMPLES, str(resampling.SEED)
    [resampled] = resampling.bootstrap_scores(metric, [statistics], resampling.BOOTSTRAP_SAMPLES, resampling.SEED)
    return {
        "score": round(resampling.score_from_sums(metric, statistics.sum(0)), 2),
        "signature": metric.get_signature().format(),
        "ci": round(resampling.confidence_half_width(resampled), 2),
    }
