"""Truecasing by the number of tokens of a word in each casing."""

import pytest

from nmt.text.truecasing import Truecaser

WORDS = {"Tom", "tom", "Berlin", "the", "The", "Katze", "we", "İzmir", "Émile"}


def count_tokens(word: str) -> int:
    return 1 if word in WORDS else len(word)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "WE SAW THE BERLIN WALL", "We saw the Berlin wall"),
        ("en", "we saw TOM", "We saw tom"),  # a tie
        ("en", "émile's o'berlin 2berlin berliner", "Émile's o'berlin 2berlin berliner"),
        ("en", "do i know it? i'm here (i.e. there)", "Do I know it? I'm here (i.e. there)"),
        ("de", "die katze", "Die Katze"),
        ("tr", "BİZ İZMİR", "Biz İzmir"),
        ("zh", "我喜欢猫", "我喜欢猫"),
        ("en", "", ""),
    ],
)
def test_words_get_the_casing_with_fewer_tokens(language: str, text: str, expected: str):
    assert Truecaser(count_tokens, language).truecase(text) == expected
