"""The path of a text to token ids and back loses nothing, never fails and takes linear time, whatever the text.

The "network" copies the source tokens, in a random order or with repetitions, as long as each placeholder occurs
exactly once, which the search guarantees.
"""

from __future__ import annotations

import random
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nmt.corpus.tokenizer import FIRST_TEXT_ID, LANGUAGES, TAGS
from nmt.inference.documents.plain import PlainDocument
from nmt.inference.text_options import TextOptions
from nmt.inference.text_processor import TextProcessor
from nmt.inference.translation import Translation
from nmt.model_directory.directory import read_model_directory
from nmt.search.hypotheses import Hypothesis
from nmt.search.options import DecodingOptions

_MODEL = read_model_directory(Path(__file__).parents[2] / "data" / "demo-en-fr" / "model")
_FIRST_OTHER_ID = FIRST_TEXT_ID - len(TAGS) - len(LANGUAGES)  # the placeholders have lower ids
_SPANS = [
    "https://a.org/{0}?q=ü",
    "bob{0}@mail.com",
    "%{0}$s",
    "{{name{0}}}",
    "#tag{0}",
    "v2.{0}.1",
    "AB-{0}7-X",
    "${{V{0}}}",
]
_TEXT = TextOptions()


def make_processor(with_placeholders: bool) -> TextProcessor:
    card = _MODEL.card.model_copy(update={"placeholders": with_placeholders})
    return TextProcessor(replace(_MODEL, card=card), card.trained_directions[0], calibrated=False)


PROCESSORS = {value: make_processor(value) for value in (False, True)}


def copy_source(ids: list[int], order: random.Random | None) -> list[int]:
    """Return the token ids, or a random selection in random order with each placeholder exactly once."""
    if order is None:
        return ids
    placeholders = [token for token in ids if token < _FIRST_OTHER_ID]
    others = [token for token in ids if token >= _FIRST_OTHER_ID]
    selected = placeholders + order.choices(others, k=order.randrange(2 * len(others))) if others else placeholders
    return order.sample(selected, len(selected))


def translate(text: str, with_placeholders: bool, order: random.Random | None = None) -> Translation:
    """Translate a text with the network that copies."""
    processor, options = PROCESSORS[with_placeholders], DecodingOptions()
    document = PlainDocument(text, "en")
    translations = []
    for segment in document.segments:
        prepared = processor.prepare(segment, _TEXT)
        hypotheses = []
        for chunk in prepared.chunks:
            source = chunk.tokenized.ids
            tokens = copy_source(source, order)
            positions = [order.randrange(len(source) + 1) if order else n for n in range(len(tokens))]
            hypotheses.append([Hypothesis(tokens, -1.0, -1.0, positions)])
        translations.append(processor.assemble(prepared, hypotheses, options))
    return document.assemble(translations)


def has_valid_alignment(text: str, translation: Translation) -> bool:
    """Return whether all aligned spans lie within the texts."""
    assert translation.alignment is not None
    lengths = len(text), len(translation.text)
    return all(0 <= a < b <= lengths[0] and 0 <= c < d <= lengths[1] for a, b, c, d in translation.alignment)


@given(
    st.text(
        alphabet=st.one_of(
            st.characters(), st.sampled_from("aA.!? \n\t\r\u2028-•*_\"'()«»1:%{}@#/\ud800\U000f0000🎉é中")
        )
    ),
    st.booleans(),
    st.one_of(st.none(), st.randoms(use_true_random=False)),
)
@example("*.\t*0", True, None)
@example("(\n", False, None)
def test_any_text_is_translated(text: str, with_placeholders: bool, order: random.Random | None) -> None:
    translation = translate(text, with_placeholders, order)
    assert has_valid_alignment(text, translation)
    content = text.strip()
    if content:
        indent = len(text) - len(text.lstrip())
        assert translation.text.startswith(text[:indent])
        assert translation.text.endswith(text[indent + len(content) :])
    else:
        assert translation.text == text
    line_breaks = [character for character in text if character in "\n\r"]
    assert [character for character in translation.text if character in "\n\r"] == line_breaks


@st.composite
def texts_with_spans(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Return a text of words and different protected spans, and the spans."""
    templates = draw(st.lists(st.sampled_from(_SPANS), min_size=1, max_size=40))
    spans = [template.format(number + 10) for number, template in enumerate(templates)]
    words = draw(
        st.lists(st.sampled_from(["the", "Cat", "in", "house,", "ISN'T", "(red)", "and", "dort"]), max_size=20)
    )
    items = draw(st.permutations([*spans, *words]))
    return " ".join(items) + draw(st.sampled_from([".", "", " !", "…"])), spans


@given(texts_with_spans(), st.booleans(), st.one_of(st.none(), st.randoms(use_true_random=False)))
def test_protected_spans_occur_exactly_once(
    text_and_spans: tuple[str, list[str]], with_placeholders: bool, order: random.Random | None
) -> None:
    text, spans = text_and_spans
    translation = translate(text, with_placeholders, order)
    assert [span for span in spans if translation.text.count(span) != 1] == []
    assert has_valid_alignment(text, translation)


_REPEATED = [
    *("a", "A ", "a. ", "1", "1. ", "1,", "a@b.c ", "http://", "%s", "{a}", "{", "(", "\"'", "* ", "#a ", "@", "-"),
    *("🎉", "é", "中。", "&", "\n"),
]


@pytest.mark.parametrize(
    ("piece", "with_placeholders"),
    [*((piece, True) for piece in _REPEATED), ("a@b.c ", False), ("{a}", False), ("1. ", False)],
)
def test_long_text_takes_linear_time(piece: str, with_placeholders: bool) -> None:
    text = piece * (100_000 // len(piece))
    began = time.process_time()
    translation = translate(text, with_placeholders)
    assert time.process_time() - began < 10
    assert translation.text
