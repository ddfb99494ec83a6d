"""Sentences of several directions of a model in one batch."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from conftest import Nmt

from nmt import Translator
from nmt.inference.continuous_batcher import ContinuousBatcher, DecodingRequest
from nmt.inference.text_options import TextOptions
from nmt.inference.text_processor import TextProcessor
from nmt.model_directory.directory import read_model_directory
from nmt.search.hypotheses import Hypothesis

SENTENCES = {
    ("en", "fr"): ["the dog sees the cat.", "the young king hears the red bird.", "the man sleeps."],
    ("fr", "en"): ["le chien voit le chat.", "le roi jeune entend le oiseau rouge."],
    ("en", "xx"): ["the dog sees the cat.", "the small horse sleeps."],
    ("xx", "en"): ["gur qbt frrf gur png.", "gur lbhat xvat urnef gur erq oveq."],
    ("fr", "xx"): ["le chien voit le chat.", "le roi dort."],  # not trained
}


@pytest.fixture(scope="module")
def requests(multilingual_run: Path) -> dict[tuple[str, str, str], DecodingRequest]:
    """Decoding requests by source, target and text, each with the options of its direction."""
    model = read_model_directory(multilingual_run)
    found = {}
    for pair, sentences in SENTENCES.items():
        direction = model.card.find_direction(*pair)
        assert direction
        processor = TextProcessor(model, direction)
        for text in sentences:
            [chunk] = processor.prepare(text, TextOptions()).chunks
            found[*pair, text] = DecodingRequest((*pair, text), chunk.tokenized.ids, processor.decoding_options)
    return found


def decode(
    batcher: ContinuousBatcher, requests: list[DecodingRequest], random_: random.Random
) -> dict[object, list[Hypothesis]]:
    """Decode requests that enter the batch at random steps."""
    waiting, found = list(requests), dict[object, list[Hypothesis]]()
    while waiting or len(batcher):
        count = min(len(waiting), random_.randint(0, batcher.num_free)) if len(batcher) else min(len(waiting), 2)
        batcher.admit([waiting.pop() for _ in range(count)])
        if len(batcher):
            found |= dict(batcher.advance())
    return found


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_mixed_batch_equals_separate_ones_to_the_bit(
    precision: str,
    multilingual_run: Path,
    requests: dict[tuple[str, str, str], DecodingRequest],
    tmp_path: Path,
    nmt: Nmt,
) -> None:
    exported = nmt("export", multilingual_run, tmp_path / "model", "--quantize", precision, "--shortlist")
    assert exported.status == 0, exported.err
    translator = Translator.load(tmp_path / "model")
    ratios = {request.options.max_length_ratio for request in requests.values()}
    assert len(ratios) > 1  # the directions have other options, and are encoded together nevertheless
    alone = {
        key: decode(translator.continuous_batcher(4, 3), [request], random.Random(0))[key]
        for key, request in requests.items()
    }
    for seed in range(4):
        random_ = random.Random(seed)
        shuffled = random_.sample(list(requests.values()), len(requests))
        assert decode(translator.continuous_batcher(4, 3), shuffled, random_) == alone
    together = translator.continuous_batcher(len(requests), 3)
    together.admit(list(requests.values()))
    assert len(together) == len(requests)
    assert decode(together, [], random.Random(0)) == alone


def test_a_batch_that_cannot_be_encoded_admits_nothing(
    multilingual_run: Path, requests: dict[tuple[str, str, str], DecodingRequest]
) -> None:
    batcher = Translator.load(multilingual_run).continuous_batcher(12, 2)
    good = list(requests.values())
    batcher.admit(good[:3])
    with pytest.raises(Exception, match=r".+"):
        batcher.admit([*good[3:], DecodingRequest("bad", [10**6], good[0].options)])
    assert len(batcher) == 3
    batcher.admit(good[3:])
    assert len(batcher) == len(good)
