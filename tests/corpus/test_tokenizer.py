"""SentencePiece vocabularies: round trips, reserved pieces, training errors."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy import toy_pairs

from nmt.config.schema import TokenizerConfig
from nmt.corpus import tokenizer
from nmt.corpus.text_files import MAX_LINE_CHARACTERS
from nmt.corpus.tokenizer import (
    EOS,
    FIRST_TEXT_ID,
    PLACEHOLDERS,
    RESERVED_PIECES,
    UNK,
    Tokenizer,
    Vocabulary,
    placeholder_id,
)
from nmt.text.normalisation import normalise
from nmt.text.placeholders import PLACEHOLDER_CHARACTERS
from nmt.utils.errors import CarouselError

PAIRS = toy_pairs(200, seed=3)
BPE = TokenizerConfig(vocab_size=430)


def train(config: TokenizerConfig) -> Tokenizer:
    return tokenizer.train_tokenizer(lambda: PAIRS, config, ("en", "fr"))


@pytest.mark.parametrize("kind", ["bpe", "unigram", "char"])
@pytest.mark.parametrize("shared", [True, False])
def test_every_kind_round_trips_the_training_text(kind: str, shared: bool) -> None:
    size = 430 if kind == "bpe" else 355
    trained = train(TokenizerConfig(kind=kind, vocab_size=size, shared=shared))
    assert trained.shared is shared
    for source, target in PAIRS[:20]:
        assert trained.source.decode(trained.source.encode(source).ids).text == source
        assert trained.target.decode(trained.target.encode(target).ids).text == target


VOCABULARY = train(BPE).source


@given(st.text(max_size=40).map(normalise))
@settings(max_examples=200, deadline=None)
def test_byte_fallback_encodes_any_text_and_spans_cover_it(text: str) -> None:
    pieces = VOCABULARY.encode(text)
    decoded = VOCABULARY.decode(pieces.ids)
    assert decoded.text == text
    assert decoded.ids == pieces.ids
    assert all(id_ >= FIRST_TEXT_ID for id_ in pieces.ids)
    for spans in (pieces.spans, decoded.spans):
        assert "".join(text[start:end] for start, end in spans) == text
    assert VOCABULARY.encode_batch([text]) == [pieces.ids]
    assert VOCABULARY.decode_batch([pieces.ids, []]) == [text, ""]


@given(st.text(max_size=40).map(normalise).filter(bool))
def test_continuation_is_encoded_without_a_space(text: str) -> None:
    ids = VOCABULARY.encode_continuation(text)
    assert VOCABULARY.decode([*VOCABULARY.encode("a").ids, *ids]).text == f"a{text}"


def test_text_never_encodes_to_reserved_pieces() -> None:
    assert len(RESERVED_PIECES) == len(set(RESERVED_PIECES)) == FIRST_TEXT_ID - 4
    for piece in RESERVED_PIECES:
        ids = VOCABULARY.encode(f"a {piece} b").ids
        assert min(ids) >= FIRST_TEXT_ID
        assert VOCABULARY.decode(ids).text == f"a {piece} b"


KINDS = {
    "bpe": BPE,
    "unigram": TokenizerConfig(kind="unigram", vocab_size=355),
    "char": TokenizerConfig(kind="char", vocab_size=355),
    "char without byte fallback": TokenizerConfig(kind="char", vocab_size=100, byte_fallback=False),
}
VOCABULARIES = {name: train(config).source for name, config in KINDS.items()}
NUMBERS = {character: number for number, character in enumerate(PLACEHOLDER_CHARACTERS)}
FIRST, SECOND, LAST = PLACEHOLDER_CHARACTERS[0], PLACEHOLDER_CHARACTERS[1], PLACEHOLDER_CHARACTERS[31]


def with_placeholders(alphabet: str) -> st.SearchStrategy[str]:
    """Texts of letters, spaces and placeholders, as they are after normalisation."""
    parts = st.sampled_from([*alphabet, " ", *PLACEHOLDER_CHARACTERS])
    return st.lists(parts, max_size=25).map(lambda parts: " ".join("".join(parts).split()))


@pytest.mark.parametrize("kind", KINDS)
@given(text=with_placeholders("acehklmnors"))
@settings(max_examples=100, deadline=None)
def test_each_placeholder_is_one_token_and_one_character(kind: str, text: str) -> None:
    vocabulary = VOCABULARIES[kind]
    tokens = vocabulary.encode(text)
    decoded = vocabulary.decode(tokens.ids)
    assert decoded.text == text
    assert vocabulary.encode_batch([text]) == [tokens.ids] == [decoded.ids]
    assert vocabulary.decode_batch([tokens.ids]) == [text]
    expected = [(placeholder_id(NUMBERS[c]), i) for i, c in enumerate(text) if c in NUMBERS]
    for spans in (tokens.spans, decoded.spans):
        found = [(i, start) for i, (start, end) in zip(tokens.ids, spans, strict=True) if i < FIRST_TEXT_ID]
        assert found == expected
        assert "".join(text[start:end] for start, end in spans) == text
        assert all(end - start == 1 for i, (start, end) in zip(tokens.ids, spans, strict=True) if i < FIRST_TEXT_ID)


@given(text=with_placeholders("é(中😀.").filter(bool))
@settings(deadline=None)
def test_placeholders_beside_unknown_characters_and_in_continuations(text: str) -> None:
    assert VOCABULARY.decode(VOCABULARY.encode(text).ids).text == text
    ids = VOCABULARY.encode_continuation(text)
    assert VOCABULARY.decode([*VOCABULARY.encode("a").ids, *ids]).text == f"a{text}"


@pytest.mark.parametrize("text", [f"a {FIRST} b", f"ca{FIRST}t", f"{FIRST}{SECOND}", f"{FIRST} cat", f"the cat{LAST}"])
def test_other_tokens_do_not_depend_on_the_number_of_a_placeholder(text: str) -> None:
    for vocabulary in VOCABULARIES.values():
        ids = vocabulary.encode(text).ids
        other = vocabulary.encode(text.replace(FIRST, PLACEHOLDER_CHARACTERS[9])).ids
        assert [placeholder_id(9) if i == placeholder_id(0) else i for i in ids] == other
        placeholders = [PLACEHOLDERS[NUMBERS[character]] for character in text if character in NUMBERS]
        assert vocabulary.ids_to_pieces(i for i in ids if i < FIRST_TEXT_ID) == placeholders


def test_training_is_deterministic() -> None:
    for kind in ("bpe", "unigram"):
        config = TokenizerConfig(kind=kind, vocab_size=375)
        assert train(config).source.serialized == train(config).source.serialized


def test_decoding_replaces_line_ends() -> None:
    newline = [VOCABULARY.encode("\n").ids[-1]]
    assert "\n" not in VOCABULARY.decode(newline).text


def test_without_byte_fallback_new_characters_are_unknown() -> None:
    plain = train(TokenizerConfig(kind="char", vocab_size=100, byte_fallback=False)).source
    assert tokenizer.UNK in plain.encode("中").ids


@pytest.mark.parametrize(
    ("size", "message"),
    [(100_000, "too large for this corpus; set it to at most"), (300, "too small for this corpus; set it to at least")],
)
def test_unsuitable_vocabulary_size_is_reported(size: int, message: str) -> None:
    with pytest.raises(CarouselError, match=f"tokenizer.vocab_size: {size} is {message}"):
        train(TokenizerConfig(vocab_size=size))


@pytest.mark.parametrize(("byte_fallback", "minimum"), [(False, 69), (True, 325)])
def test_char_vocabulary_has_a_minimum_size(byte_fallback: bool, minimum: int) -> None:
    small, enough = (
        TokenizerConfig(kind="char", vocab_size=size, byte_fallback=byte_fallback) for size in (minimum - 1, minimum)
    )
    with pytest.raises(
        CarouselError, match=f"{minimum - 1} is too small for this corpus; set it to at least {minimum}$"
    ):
        train(small)
    assert len(train(enough).source) == minimum


def test_empty_text_is_reported() -> None:
    with pytest.raises(CarouselError, match="no text is left to train a tokenizer"):
        tokenizer.train_tokenizer(lambda: [], BPE, ("en", "fr"))


def test_longest_lines_are_used_for_training() -> None:
    """Lines that exceed the default limit of SentencePiece are not skipped."""
    pairs = [("a cat", "un chat")] * 50 + [("Zq" * (MAX_LINE_CHARACTERS // 2), "x")]
    config = TokenizerConfig(kind="char", vocab_size=90, byte_fallback=False)
    vocabulary = tokenizer.train_tokenizer(lambda: pairs, config, ("en", "fr")).source
    assert UNK not in vocabulary.encode("Zq").ids


def test_models_without_the_reserved_pieces_are_refused() -> None:
    import io

    import sentencepiece

    stream = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([s for s, _ in PAIRS]), model_writer=stream, vocab_size=40, minloglevel=2
    )
    for content in (b"", b"garbage", stream.getvalue()):
        with pytest.raises(CarouselError, match=r"^somewhere"):
            Vocabulary(content, "somewhere")


def test_special_ids_of_existing_models_are_unchanged() -> None:
    assert EOS == 3
    assert tokenizer.PAD == 0
