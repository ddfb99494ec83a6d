"""Protected spans."""

import pytest

from nmt.text.protected_spans import SpanProtector

PROTECTOR = SpanProtector()


def spans(text: str) -> list[str]:
    return [text[span.start : span.end] for span in PROTECTOR.find(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See https://example.com/a_(b), ok.", ["https://example.com/a_(b)"]),
        ("访问https://example.com。", ["https://example.com"]),
        ("and/or he/she", []),
    ],
)
def test_urls(text: str, expected: list[str]) -> None:
    assert spans(text) == expected
