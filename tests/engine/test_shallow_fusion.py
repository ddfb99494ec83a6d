"""A language model combined with a translator: shallow fusion and rescoring."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Nmt
from toy import toy_pairs

from nmt.corpus.tokenizer import BOS
from nmt.engine.shallow_fusion import LanguageModelScorer, fused_engine_factory, load_language_model
from nmt.engine.torch_engine import torch_engine_factory
from nmt.inference.rescoring import Rescorer
from nmt.inference.translation import Translation
from nmt.inference.translator import Translator
from nmt.model_directory.directory import read_language_model_directory, read_model_directory
from nmt.search.hypotheses import Hypothesis
from nmt.search.protocol import StepRequest

SOURCES = [source for source, _ in toy_pairs(12, seed=5)]


def test_weight_zero_leaves_translations_unchanged(model: Path, subword_model: Path) -> None:
    alone = Translator.load(model, engine="torch").translate(SOURCES, alternatives=2)
    fused = Translator.load(model, language_model=subword_model, lm_weight=0.0).translate(SOURCES, alternatives=2)
    rescored = Translator.load(model, engine="torch", language_model=subword_model, lm_weight=0.0, rescore=3)
    for found in (fused, rescored.translate(SOURCES, alternatives=2)):
        assert [each.text for each in found] == [each.text for each in alone]
        assert [each.alternatives for each in found] == [each.alternatives for each in alone]
        assert [each.score for each in found] == [each.score for each in alone]
        assert all(each.confidence is None for each in found)


def test_fused_score_is_the_weighted_sum_of_log_probabilities(model: Path, subword_model: Path) -> None:
    translator, language_model = read_model_directory(model), read_language_model_directory(subword_model)
    fused = fused_engine_factory(translator, language_model, 0.3, threads=2)(3, 2)
    alone, network = torch_engine_factory(translator, threads=2)(3, 2), load_language_model(language_model)
    random, sources = np.random.default_rng(1), [[80, 90], [100, 110, 120], [75]]
    vocabulary = language_model.card.vocabulary
    for engine in (fused, alone):
        engine.admit([0, 1], sources[:2], [(), ()])
    histories = [[] for _ in range(6)]  # tokens of each row, as the search would keep them
    tokens, parents = np.full(6, BOS), np.arange(6)
    for step in range(5):
        if step == 3:  # a sentence is admitted while others are being decoded
            for engine in (fused, alone):
                engine.admit([2], [sources[2]], [()])
            histories[4], histories[5], tokens[4:], parents[4:] = [], [], BOS, (4, 5)
        histories = [
            [*histories[parent], token] for parent, token in zip(parents.tolist(), tokens.tolist(), strict=True)
        ]
        score_ids = random.integers(70, vocabulary, size=(6, 4))
        none = np.zeros(0, dtype=np.int64)
        request = StepRequest(tokens, parents, 3, score_ids, none, none)
        results = fused.step(request), alone.step(request)
        rows = range(6 if step >= 3 else 4)
        with torch.no_grad():
            lm_scores = [network(torch.tensor([histories[row]]), network.initial_state(1))[0][0, -1] for row in rows]
            lm_scores = [(hidden @ network.output.T).log_softmax(dim=0).numpy() for hidden in lm_scores]
        for row in rows:
            expected = results[1].id_scores[row] + 0.3 * lm_scores[row][score_ids[row]]
            assert results[0].id_scores[row] == pytest.approx(expected, abs=1e-4)
        tokens = random.integers(70, vocabulary, size=6)
        parents = (np.arange(6) // 2) * 2 + random.integers(2, size=6)


def test_rescoring_ranks_by_the_weighted_sum(model: Path, subword_model: Path, character_model: Path) -> None:
    def translate_four(translator: Translator) -> list[Translation]:
        options = replace(translator.decoding_options, length_penalty=0.0)
        return translator.translate(SOURCES, beam_size=4, alternatives=3, options=options)

    plain = translate_four(Translator.load(model, engine="torch"))
    for path in (subword_model, character_model):  # rescoring works with any tokenizer
        scorer = LanguageModelScorer(read_language_model_directory(path))
        found = translate_four(Translator.load(model, engine="torch", language_model=path, lm_weight=1e6, rescore=4))
        for before, after in zip(plain, found, strict=True):
            texts = [before.text, *(each.text for each in before.alternatives)]
            assert after.text == texts[int(np.argmax(scorer.score(texts)))]
            assert {after.text, *(each.text for each in after.alternatives)} == set(texts)


def test_rescored_rank_applies_the_length_penalty_to_both_scores() -> None:
    hypotheses = [Hypothesis([7] * n, -float(n), -float(n), None) for n in (1, 4, 2)]
    lm_scores = {"7": -3.0, "7777": -0.5, "77": -6.0}
    rescorer = Rescorer(lambda texts: [lm_scores[text] for text in texts], lm_weight=0.5, num_hypotheses=3)
    decode = lambda lists: ["".join(map(str, ids)) for ids in lists]  # noqa: E731
    ordered = rescorer.rerank({4: hypotheses}, decode, alpha=1.0)[4]
    expected = {n: -n + 0.5 * lm_scores["7" * n] / ((5 + n + 1) / 6) for n in (1, 4, 2)}
    assert [len(each.tokens) for each in ordered] == sorted(expected, key=lambda n: -expected[n])
    assert [each.rank_score for each in ordered] == pytest.approx(sorted(expected.values(), reverse=True))


def test_fusion_refuses_a_language_model_with_another_tokenizer(model: Path, character_model: Path, nmt: Nmt) -> None:
    ran = nmt("translate", model, "--lm", character_model)
    assert ran.status == 1
    assert ran.err == (
        f"nmt: {character_model / 'model'}: has another tokenizer than {model}; train it with tokenizer.model={model}, "
        "or rescore with --rescore N\n"
    )


def test_commands_refuse_the_wrong_kind_of_model(model: Path, character_model: Path, nmt: Nmt, tmp_path: Path) -> None:
    for command in (
        ["translate", character_model],
        ["export", character_model, tmp_path / "out"],
        ["translate", model, "--with", character_model],
    ):
        ran = nmt(*command)
        assert ran.status == 1
        assert "is a language model, which can't translate" in ran.err
        assert ran.err.count("\n") == 1
    for command in (["generate", model], ["translate", model, "--lm", model]):
        ran = nmt(*command)
        assert ran.status == 1
        assert "is a translator, which can't score or write text by itself" in ran.err
    ran = nmt("translate", model, "--lm-weight", "0.5")
    assert (ran.status, ran.err) == (2, "nmt: --lm-weight: needs a language model; add --lm, or remove --lm-weight\n")
