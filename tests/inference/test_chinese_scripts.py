"""Chinese text in the script of the user, with a network that reads and writes another one."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from nmt.config.schema import TokenizerConfig
from nmt.corpus.tokenizer import Tokenizer, placeholder_id, train_tokenizer
from nmt.inference import network_scripts
from nmt.inference.text_options import TextOptions
from nmt.inference.text_processor import TextProcessor
from nmt.inference.translation import Translation
from nmt.model_directory.card import DirectionCard
from nmt.model_directory.directory import ModelDirectory, read_model_directory
from nmt.search.hypotheses import Hypothesis
from nmt.search.options import DecodingOptions
from nmt.text import chinese
from nmt.text.glossary import TermList
from nmt.utils.errors import CarouselError

pytest.importorskip("opencc")

_MODEL = read_model_directory(Path(__file__).parents[2] / "data" / "demo-en-fr" / "model")
SIMPLIFIED, TRADITIONAL = "我们说汉语。", "我們說漢語。"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    config = TokenizerConfig(kind="char", vocab_size=140, byte_fallback=False)
    return train_tokenizer(lambda: [("We speak Chinese.", SIMPLIFIED)] * 9, config, ("en", "zh"))


def make_model(tokenizer: Tokenizer, script: str | None = "simplified", source: str = "en") -> ModelDirectory:
    target = "zh" if source == "en" else "en"
    pairs = [DirectionCard(source=source, target=target, longest_source=80, longest_ratio=3)]
    updates = {"chinese_script": script, "languages": ["en", "zh"], "directions": pairs, "placeholders": True}
    return replace(_MODEL, card=_MODEL.card.model_copy(update=updates), tokenizer=tokenizer)


def write(processor: TextProcessor, source: str, output: str, options: TextOptions | None = None) -> Translation:
    """Return the translation of a sentence for which the network writes a text, or the text without 2 characters."""
    prepared = processor.prepare(source, options or TextOptions())
    texts = [list(processor.target_ids(text)) for text in (output, output[2:])]
    chunks = [[Hypothesis(ids, -1.0, -1.0, [2] * len(ids)) for ids in texts]]
    return processor.assemble(prepared, chunks, DecodingOptions(num_hypotheses=2))


def test_the_network_reads_its_own_script(tokenizer: Tokenizer) -> None:
    model = make_model(tokenizer, source="zh")
    processor = TextProcessor(model, model.card.directions[0])
    chunks = [processor.prepare(text, TextOptions()).chunks for text in (SIMPLIFIED, TRADITIONAL)]
    assert chunks[0] == chunks[1]
    assert chunks[0][0].tokenized.text == SIMPLIFIED
    sources = [processor.tokenize_pair(text, "We")[0].ids for text in (SIMPLIFIED, TRADITIONAL)]
    assert sources[0] == sources[1]


def test_text_of_a_network_without_a_script_is_left_as_it_is(tokenizer: Tokenizer) -> None:
    model = make_model(tokenizer, None, source="zh")
    processor = TextProcessor(model, model.card.directions[0])
    assert processor.prepare(TRADITIONAL, TextOptions()).chunks[0].tokenized.text == TRADITIONAL


def test_protected_spans_and_terms_are_found_in_the_text_of_the_user(tokenizer: Tokenizer) -> None:
    model = make_model(tokenizer, source="zh")
    processor = TextProcessor(model, model.card.directions[0])
    options = TextOptions(protected_phrases=("漢語",), terms=TermList([("我們", "us")], "zh", "en"))
    prepared = processor.prepare(TRADITIONAL, options)
    assert [span.text for span in prepared.masked.spans] == ["漢語"]
    assert [term.source for term in prepared.terms] == ["我們"]


@pytest.mark.parametrize(
    ("script", "expected"), [(None, SIMPLIFIED), ("simplified", SIMPLIFIED), ("traditional", TRADITIONAL)]
)
@pytest.mark.parametrize("of_network", ["simplified", None])
def test_translations_are_written_in_the_requested_script(
    tokenizer: Tokenizer, of_network: str | None, script: chinese.ChineseScript | None, expected: str
) -> None:
    model = make_model(tokenizer, of_network)
    processor = TextProcessor(model, model.card.directions[0], script=script)
    translation = write(processor, "We speak Chinese.", SIMPLIFIED)
    assert translation.text == expected
    assert [each.text for each in translation.alternatives] == [expected[2:]]
    assert translation.alignment is not None
    assert max(end for *_, end in translation.alignment) <= len(expected)
    assert processor.tokenize_pair("We", TRADITIONAL)[1].text == (SIMPLIFIED if of_network else TRADITIONAL)


def test_what_was_not_written_by_the_network_is_not_converted(tokenizer: Tokenizer) -> None:
    """A protected name in simplified characters survives, and so does the prescribed translation of a term."""
    model = make_model(tokenizer)
    processor = TextProcessor(model, model.card.directions[0], script="traditional")
    prepared = processor.prepare("We speak 汉语", TextOptions(protected_phrases=("汉语",)))
    ids = [*processor.target_ids("我们说"), placeholder_id(0)]
    found = processor.assemble(prepared, [[Hypothesis(ids, -1.0, -1.0, [2] * len(ids))]], DecodingOptions())
    assert found.text.replace(" ", "") == "我們說汉语"
    terms = TextOptions(terms=TermList([("speak", "说话")], "en", "zh"))
    assert write(processor, "speak", SIMPLIFIED[2:4], terms).text == "说话"


def test_other_languages_are_not_converted(tokenizer: Tokenizer) -> None:
    model = make_model(tokenizer)
    direction = model.card.directions[0].model_copy(update={"target": "ja"})
    card = model.card.model_copy(update={"languages": ["en", "zh", "ja"], "directions": [direction]})
    processor = TextProcessor(replace(model, card=card), direction, script="traditional")
    assert write(processor, "We speak Chinese.", SIMPLIFIED).text == SIMPLIFIED
    assert processor.tokenize_pair("We", TRADITIONAL)[1].text == TRADITIONAL


def test_without_the_converter_text_is_read_as_it_is_and_traditional_output_is_refused(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(network_scripts, "has_chinese_converter", lambda: False)
    monkeypatch.setitem(__import__("sys").modules, "opencc", None)
    for function in (network_scripts._converter_if_installed, network_scripts._warn_once, chinese.chinese_converter):
        function.cache_clear()
    try:
        model = make_model(tokenizer, source="zh")
        with caplog.at_level(logging.WARNING):
            processor = TextProcessor(model, model.card.directions[0])
            assert caplog.text == ""  # other directions of the network may be the ones that are used
            assert processor.prepare(TRADITIONAL, TextOptions()).chunks[0].tokenized.text == TRADITIONAL
        assert "not converted to simplified characters; install carousel-nmt[chinese]" in caplog.text
        model = make_model(tokenizer)
        with pytest.raises(CarouselError, match="'chinese' extra"):
            TextProcessor(model, model.card.directions[0], script="traditional")
        assert write(TextProcessor(model, model.card.directions[0], script="simplified"), "We.", "我们").text
    finally:
        for function in (
            network_scripts._converter_if_installed,
            network_scripts._warn_once,
            chinese.chinese_converter,
        ):
            function.cache_clear()
