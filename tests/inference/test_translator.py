"""Translation of text with a model of a toy language."""

import hashlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from toy import toy_pairs

from nmt import CarouselError, Translation, Translator, UsageError
from nmt.config.schema import TokenizerConfig
from nmt.corpus.tokenizer import train_tokenizer
from nmt.engine.onnx.export import export_model
from nmt.inference.chunk_alignment import Chunk, align_chunks
from nmt.inference.text_options import TextOptions
from nmt.inference.text_processor import TextProcessor
from nmt.model_directory.card import DirectionCard
from nmt.model_directory.directory import read_model_directory
from nmt.search.hypotheses import Hypothesis
from nmt.search.options import DecodingOptions


@pytest.fixture(scope="module")
def translator(model: Path) -> Translator:
    return Translator.load(model, threads=2)


def test_model_translates_toy_language(translator: Translator) -> None:
    pairs = toy_pairs(40, seed=99)
    translations = translator.translate([source for source, _ in pairs])
    right = sum(t.text == target for t, (_, target) in zip(translations, pairs, strict=True))
    assert right >= 36
    assert all(-1 < t.score <= 0 for t in translations)


def test_string_returns_one_translation_and_list_returns_a_list(translator: Translator) -> None:
    one = translator.translate("the red dog sees the cat.")
    assert isinstance(one, Translation)
    assert translator.translate(["the red dog sees the cat."]) == [one]
    assert translator.translate([]) == []


def test_translations_do_not_depend_on_the_batch(translator: Translator) -> None:
    texts = [source for source, _ in toy_pairs(40, seed=5)]
    together = translator.translate(texts)
    for text, expected in zip(texts[:10], together, strict=False):
        alone = translator.translate(text)
        assert alone.text == expected.text
        assert alone.score == pytest.approx(expected.score, abs=1e-5)
        assert alone.alignment == expected.alignment


def test_alternatives_are_distinct(translator: Translator) -> None:
    result = translator.translate("the small cat hears the young king.", alternatives=4)
    texts = [result.text, *(other.text for other in result.alternatives)]
    assert len(texts) == len(set(texts)) > 1
    assert len(result.alternatives) <= 4


@pytest.mark.parametrize("text", ["", "  ", "😀🎉", "…!", "\t"])
def test_text_without_words_is_unchanged(text: str, translator: Translator) -> None:
    translation = translator.translate(text)
    assert replace(translation, alignment=None) == Translation(text, copied=True)
    assert translation.alignment in {(), ((0, len(text), 0, len(text)),)}


def test_long_text_is_split_and_not_cut(translator: Translator) -> None:
    pairs = toy_pairs(60, seed=7)
    result = translator.translate(" ".join(source for source, _ in pairs))
    chunks = [t.text for t in translator.translate([source for source, _ in pairs])]
    expected = sum(len(chunk.split()) for chunk in chunks)
    assert abs(len(result.text.split()) - expected) <= expected * 0.1
    assert translator.translate("dog" * 2000).text


def test_alignment_spans_are_within_the_texts(translator: Translator) -> None:
    text = " the  red\u00ad dog sees\u00a0the young king. "
    result = translator.translate(text)
    assert result.alignment is not None
    for source_start, source_end, target_start, target_end in result.alignment:
        assert 0 <= source_start < source_end <= len(text)
        assert 0 <= target_start < target_end <= len(result.text)
        assert not result.text[target_start].isspace()


def test_alignment_follows_source_positions(translator: Translator) -> None:
    """The tokens of the first chunk attend to themselves; those of the second to end of sentence, except the last."""
    text = joined = "the dog. the cat"
    vocabulary = translator._model.tokenizer.source
    chunks = [Chunk(0, vocabulary.encode("the dog.")), Chunk(9, vocabulary.encode("the cat"))]
    targets = [vocabulary.decode(chunk.tokenized.ids) for chunk in chunks]
    lengths = [len(chunk.tokenized.ids) for chunk in chunks]
    attended = [list(range(lengths[0])), [lengths[1]] * (lengths[1] - 1) + [lengths[1] - 1]]
    spans = align_chunks(chunks, attended, targets)
    assert spans is not None
    pairs = [(text[a:b], joined[c:d]) for a, b, c, d in spans]
    assert "".join(source for source, _ in pairs[: lengths[0]]) == "thedog."
    assert all(source == target for source, target in pairs)
    assert len(pairs) == lengths[0] + 1
    assert joined.endswith(pairs[-1][1])


def test_alignment_of_a_split_text_covers_all_chunks(translator: Translator) -> None:
    text = " ".join(source for source, _ in toy_pairs(40, seed=8))
    result = translator.translate(text)
    assert result.alignment is not None
    assert max(span[1] for span in result.alignment) > len(text) * 0.9
    assert max(span[3] for span in result.alignment) > len(result.text) * 0.9
    chunks = translator.text_processor.prepare(text, TextOptions()).chunks
    assert len(chunks) > 1
    assert all(len(chunk.tokenized.ids) <= translator._model.card.longest_source for chunk in chunks)


@given(st.text(max_size=30))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arbitrary_text_is_accepted(translator: Translator, text: str) -> None:
    result = translator.translate(text, beam_size=1)
    assert isinstance(result.text, str)


def test_engines_and_single_model_ensemble_agree(model: Path) -> None:
    texts = [source for source, _ in toy_pairs(60, seed=21)]
    onnx = Translator.load(model, engine="onnx", shortlist=False).translate(texts)
    for other in (
        Translator.load(model, engine="torch"),
        Translator.load(model, shortlist=False, ensemble=[model, model]),
    ):
        for a, b in zip(onnx, other.translate(texts), strict=True):
            assert (a.text, a.alignment) == (b.text, b.alignment)
            assert a.score == pytest.approx(b.score, abs=1e-5)


def test_ensemble_members_must_share_languages_and_tokenizer(model: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(model, tmp_path / "other"))
    card = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**card, "target_language": "it"}))
    with pytest.raises(CarouselError, match="other: translates between other languages"):
        Translator.load(model, ensemble=[other])
    with pytest.raises(UsageError, match="an ensemble needs the native or the onnx engine"):
        Translator.load(model, engine="torch", ensemble=[model])


def test_forced_scores_equal_search_scores(translator: Translator) -> None:
    texts = [source for source, _ in toy_pairs(40, seed=3)]
    translations = translator.translate(texts)
    scores = translator.score([(text, t.text) for text, t in zip(texts, translations, strict=True)])
    for found, expected in zip(scores, translations, strict=True):
        assert found.score / found.tokens == pytest.approx(expected.score, abs=1e-5)
        assert found.alignment == expected.alignment


def test_confidence_increases_with_score(translator: Translator) -> None:
    texts = [source for source, _ in toy_pairs(30, seed=4)] + ["king king the the", "small", "draws the red"]
    pairs = sorted((t.score, t.confidence) for t in translator.translate(texts))
    confidences = [confidence for _, confidence in pairs]
    assert all(confidence is not None and 0 <= confidence <= 1 for confidence in confidences)
    assert confidences == sorted(confidences)


def test_forced_phrase_outside_the_shortlist_is_produced(translator: Translator) -> None:
    odd = "Zyx"
    options = replace(translator.decoding_options, force_phrases=(translator.force_phrase_ids(odd),))
    assert odd in translator.translate("the dog sees the cat.", options=options).text


def test_forced_phrases_are_words(translator: Translator) -> None:
    texts = [source for source, _ in toy_pairs(20, seed=5)]
    for phrase in ("gra", "le c", "Zy"):  # parts of words of the language, and a word that the model does not know
        options = replace(translator.decoding_options, force_phrases=(translator.force_phrase_ids(phrase),))
        for translation in translator.translate(texts, options=options):
            assert re.search(rf"(?<!\w){phrase}(?!\w)", translation.text), translation.text


@pytest.mark.parametrize(("language", "separator"), [("fr", " "), ("zh", ""), ("ja", ""), ("ko", " ")])
def test_chunks_are_joined_with_the_separator_of_the_language(model: Path, language: str, separator: str) -> None:
    directory = read_model_directory(model)
    text_processor = TextProcessor(
        directory, DirectionCard(source="en", target=language, longest_source=40, longest_ratio=2)
    )
    text = " ".join(source for source, _ in toy_pairs(40, seed=8)).removesuffix(".")
    prepared = text_processor.prepare(text, TextOptions())
    chunks = prepared.chunks
    ids = [list(text_processor.target_ids(f"roi {n}")) for n in range(len(chunks))]
    found = text_processor.assemble(
        prepared, [[Hypothesis(tokens, -1.0, -1.0, [0] * len(tokens))] for tokens in ids], DecodingOptions()
    )
    assert found.text == separator.join(f"roi {n}" for n in range(len(chunks)))
    assert len(chunks) > 1
    assert found.alignment is not None
    assert {found.text[start:end] for _, _, start, end in found.alignment} <= {"roi", *"roi0123456789"}


def test_phrases_are_tokenized_as_within_a_text(translator: Translator) -> None:
    assert translator.force_phrase_ids("roi") == translator.target_ids("roi")
    assert translator.bad_phrase_ids("roi") == [translator.target_ids("roi")]
    # No space precedes a punctuation mark or a word in a script without spaces.
    decode = translator.text_processor._tokenizer.target.decode
    begin = translator.target_ids("roi")
    assert decode((*begin, *translator.force_phrase_ids("猫"))).text == "roi猫"
    assert [decode((*begin, *ids)).text for ids in translator.bad_phrase_ids(".")] == ["roi .", "roi."]


def test_phrases_with_unknown_characters_are_rejected(model: Path) -> None:
    directory = read_model_directory(model)
    config = TokenizerConfig(vocab_size=82, byte_fallback=False)
    tokenizer = train_tokenizer(lambda: [("the cat", "猫 小 小猫 a")] * 9, config, ("en", "zh"))
    text_processor = TextProcessor(replace(directory, tokenizer=tokenizer), directory.card.trained_directions[0])
    assert text_processor.force_phrase_ids("猫")
    for phrase in ("龘", "龘猫", "猫龘"):
        with pytest.raises(UsageError, match="can't write all of its characters"):
            text_processor.force_phrase_ids(phrase)
        with pytest.raises(UsageError, match="can't write all of its characters"):
            text_processor.bad_phrase_ids(phrase)


def test_prefix_applies_to_the_first_chunk_only(translator: Translator) -> None:
    text = " ".join(source for source, _ in toy_pairs(40, seed=8))
    options = replace(translator.decoding_options, target_prefix=translator.target_ids("roi roi roi"))
    translated = translator.translate(text, options=options).text
    assert translated.startswith("roi roi roi")
    assert translated.count("roi roi roi") == 1


def test_confidence_requires_the_calibrated_search(model: Path, translator: Translator) -> None:
    text = "the dog sees the cat."
    sampled = translator.translate(text, options=replace(translator.decoding_options, sampling_temperature=1.0))
    others = [Translator.load(model, shortlist=False), Translator.load(model, ensemble=[model])]
    assert all(t.confidence is None for t in (sampled, *(other.translate(text) for other in others)))
    assert translator.translate(text).confidence is not None


def test_confidence_is_exported_only_with_its_shortlist(model: Path, tmp_path: Path) -> None:
    for listed in (True, False):
        export_model(read_model_directory(model), tmp_path / f"{listed}", "fp32", include_shortlist=listed)
        found = Translator.load(tmp_path / f"{listed}").translate("the dog sees the cat.")
        assert (found.confidence is not None) == listed


def test_invalid_arguments_are_rejected(model: Path, translator: Translator) -> None:
    with pytest.raises(UsageError, match="threads: 0"):
        Translator.load(model, threads=0)
    with pytest.raises(UsageError, match="engine: there is no 'abacus'"):
        Translator.load(model, engine="abacus")  # type: ignore[arg-type]
    for alone in ({"rescore": 4}, {"lm_weight": 0.3}):
        with pytest.raises(UsageError, match="require a language model; name one"):
            Translator.load(model, **alone)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="beam_size: 0 is too few"):
        translator.translate("a", beam_size=0)
    with pytest.raises(UsageError, match="alternatives: -1"):
        translator.translate("a", alternatives=-1)


@pytest.mark.parametrize(
    ("arguments", "named"), [({"beam_size": 0}, "beam_size: 0"), ({"alternatives": -1}, "alternatives: -1")]
)
def test_stream_validates_arguments_before_iteration(
    translator: Translator, arguments: dict[str, int], named: str
) -> None:
    with pytest.raises(UsageError, match=named):
        translator.stream([], **arguments)


@pytest.mark.parametrize("texts", [["a b"], [f"{letter} b" for letter in "abcdefghijklmnopqrst"]])
def test_a_network_that_computes_no_numbers_is_an_error(model: Path, tmp_path: Path, texts: list[str]) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(model, damaged)
    weights = load_file(damaged / "model.safetensors")
    for tensor in weights.values():
        tensor.fill(np.nan)
    save_file(weights, damaged / "model.safetensors")
    card = json.loads((damaged / "config.json").read_text())
    content = (damaged / "model.safetensors").read_bytes()
    card["files"]["model.safetensors"] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (damaged / "config.json").write_text(json.dumps(card))
    translator = Translator.load(damaged, engine="torch", threads=2)
    with pytest.raises(CarouselError, match="the network computes scores that are NaN"):
        translator.translate(texts)
