"""Prepared data of several translation directions."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from multilingual import encipher, write_multilingual_recipe
from toy import toy_pairs

from nmt.config.loading import load_translator_recipe
from nmt.config.schema import TokenizerConfig
from nmt.corpus.arrow_corpus import ArrowCorpus
from nmt.corpus.preparation import PreparedData, prepare_data
from nmt.corpus.tokenizer import Vocabulary, corpus_tag_id, language_id, train_multilingual_tokenizer


@pytest.fixture
def multilingual_recipe(tmp_path: Path) -> Path:
    return write_multilingual_recipe(tmp_path)


def prepare(recipe: Path, *overrides: str) -> PreparedData:
    return prepare_data(load_translator_recipe(recipe, overrides))


def direction_texts(prepared: PreparedData, number: int) -> list[tuple[list[int], str, str]]:
    """Return prefix, source and target of each training pair of a direction."""
    corpus, vocabulary = prepared.train, prepared.tokenizer.source
    rows = corpus.direction_rows[number]
    pairs = zip(corpus.source_ids(rows).to_lists(), corpus.target_ids(rows).to_lists(), strict=True)
    decode = lambda ids: vocabulary.decode(ids.tolist()).text  # noqa: E731
    return [([int(source[0])], decode(source[1:]), decode(target)) for source, target in pairs]


def test_sources_begin_with_the_piece_of_the_target_language(multilingual_recipe: Path) -> None:
    prepared = prepare(multilingual_recipe)
    french = list(dict.fromkeys(toy_pairs(200, seed=1)))
    english = list(dict.fromkeys(source for source, _ in toy_pairs(100, seed=11)))
    en, fr, xx = ([language_id(number)] for number in range(3))
    assert direction_texts(prepared, 0) == [(fr, source, target) for source, target in french]
    assert direction_texts(prepared, 1) == [(en, target, source) for source, target in french]
    assert direction_texts(prepared, 2) == [(xx, text, encipher(text)) for text in english]
    assert direction_texts(prepared, 3) == [(en, encipher(text), text) for text in english]
    assert [each.prefix for each in prepared.directions] == [fr, en, xx, en]
    assert prepared.directions[1].dev == [(target, source) for source, target in prepared.directions[0].dev]


def test_corpus_tag_follows_the_language_piece(multilingual_recipe: Path) -> None:
    train = multilingual_recipe.parent / "fr.train"
    prepared = prepare(multilingual_recipe, f"data.directions.0.train=[{{corpus: {train}, tag: 5}}]")
    ids = prepared.train.source_ids(np.array([0])).to_lists()[0]
    assert ids[:2].tolist() == [language_id(1), corpus_tag_id(5)]


@pytest.mark.parametrize("suffix", ["tsv", "jsonl"])
def test_reverse_direction_exchanges_the_sides_of_any_format(multilingual_recipe: Path, suffix: str) -> None:
    lines = {"tsv": "one\tun\ntwo\tdeux\n", "jsonl": '{"en": "one", "fr": "un"}\n{"en": "two", "fr": "deux"}\n'}
    corpus = multilingual_recipe.parent / f"dev.{suffix}"
    corpus.write_text(lines[suffix], encoding="utf-8")
    prepared = prepare(multilingual_recipe, f"data.directions.0.dev={corpus}")
    assert prepared.directions[0].dev == [("one", "un"), ("two", "deux")]
    assert prepared.directions[1].dev == [("un", "one"), ("deux", "two")]


def test_reverse_direction_exchanges_named_files(multilingual_recipe: Path) -> None:
    folder = multilingual_recipe.parent
    spec = f"{{source: {folder}/fr.dev.en, target: {folder}/fr.dev.fr}}"
    prepared = prepare(multilingual_recipe, f"data.directions.0.dev={spec}")
    assert prepared.directions[1].dev == [(target, source) for source, target in toy_pairs(10, seed=2)]


def test_fingerprint_covers_directions_and_languages(multilingual_recipe: Path) -> None:
    overrides = ([], ["data.directions.0.both_ways=false"], ["data.languages=[fr]"], ["data.chinese_script=simplified"])
    assert len({prepare(multilingual_recipe, *each).train.fingerprint for each in overrides}) == len(overrides)
    # Sampling is not part of the data.
    again = prepare(multilingual_recipe, "data.temperature=5", "data.directions.0.weight=2")
    assert again.train.fingerprint == prepare(multilingual_recipe).train.fingerprint


def test_alignment_links_skip_the_language_piece(multilingual_recipe: Path) -> None:
    prepared = prepare(multilingual_recipe, "training.guided_alignment=0.1")
    corpus: ArrowCorpus = prepared.train
    links = corpus.alignment_links(np.arange(len(corpus)))
    assert links is not None
    for source, length in zip(links[0].to_lists(), corpus.source_lengths, strict=True):
        assert source.min() >= 1
        assert source.max() < length
    # The cipher translates word by word, so that most links are between tokens at the same relative positions.
    rows = corpus.direction_rows[3]
    positions = corpus.alignment_links(rows)
    assert positions is not None
    firsts = [
        source[0] for source, target in zip(*(side.to_lists() for side in positions), strict=True) if target[0] == 0
    ]
    assert Counter(firsts).most_common(1)[0][0] == 1


def test_reverse_direction_has_the_links_of_the_other_way_round(multilingual_recipe: Path) -> None:
    corpus = prepare(multilingual_recipe, "training.guided_alignment=0.1").train
    forward, backward = (corpus.alignment_links(corpus.direction_rows[number]) for number in (0, 1))
    assert forward is not None
    assert backward is not None
    for sources, targets, *reverse in zip(*(side.to_lists() for side in (*forward, *backward)), strict=True):
        links = {(source - 1, target) for source, target in zip(sources.tolist(), targets.tolist(), strict=True)}
        assert links == {(target, source - 1) for source, target in zip(*(e.tolist() for e in reverse), strict=True)}


def test_chinese_text_is_converted_on_both_sides(tmp_path: Path) -> None:
    pytest.importorskip("opencc")
    recipe = write_multilingual_recipe(tmp_path)
    for name in ("train", "dev"):
        (tmp_path / f"zh.{name}.en").write_text("we\nyou\n", encoding="utf-8")
        (tmp_path / f"zh.{name}.zh").write_text("我們\n你們\n", encoding="utf-8")
    prefix = tmp_path / "zh"
    chinese = f"{{source: en, target: zh, train: [{prefix}.train], dev: {prefix}.dev, both_ways: true}}"
    overrides = [f"data.directions.1={chinese}", "tokenizer.vocab_size=400"]
    prepared = prepare(recipe, *overrides, "data.chinese_script=simplified")
    assert prepared.directions[2].dev == [("we", "我们"), ("you", "你们")]
    assert [texts[1:] for texts in direction_texts(prepared, 3)] == [("我们", "we"), ("你们", "you")]
    assert prepare(recipe, *overrides).directions[3].dev == [("我們", "we"), ("你們", "you")]


def test_tokenizer_text_is_balanced_and_has_shared_sentences_once(tmp_path: Path) -> None:
    """English, which occurs in all pairs, must not take more of the vocabulary than other languages."""
    from nmt.corpus.training_text import balanced_sentences

    recipe = load_translator_recipe(write_multilingual_recipe(tmp_path, train_pairs=300))
    data = recipe.data
    assert not hasattr(data, "source")
    sentences = list(balanced_sentences(data))  # type: ignore[arg-type]
    counts = Counter(language for language, _ in sentences)
    assert len(set(counts.values())) == 1
    english = [text for language, text in sentences if language == "en"]
    assert len(set(english)) == len(english)  # the language with most text is not repeated
    cipher = Counter(text for language, text in sentences if language == "xx")
    assert max(cipher.values()) - min(cipher.values()) <= 1


def test_each_language_has_its_characters_in_the_vocabulary() -> None:
    """An alphabet is complete although its rarest letter is rarer than the characters of Chinese that are left out."""
    latin = [("en", "the quick brown fox jumps over the lazy dog")] * 2000 + [("en", "ÿ")]
    chinese = [("zh", "我们需要钱")] * 20 + [("zh", "好")]
    config = TokenizerConfig(vocab_size=400)
    vocabulary = train_multilingual_tokenizer([*latin, *chinese], config).target
    pieces = {text for text, _, _ in vocabulary.text_pieces()}
    assert set("ÿ我们需要钱") <= pieces
    assert encoded_as_bytes(vocabulary, "龍")
    assert vocabulary.decode_batch(vocabulary.encode_batch(["我们 ÿ龍"])) == ["我们 ÿ龍"]


def encoded_as_bytes(vocabulary: Vocabulary, text: str) -> bool:
    return vocabulary.encode_batch([text])[0][-len(text.encode()) :] == vocabulary.fallback_ids(text)
