"""Time of finding protected spans, in ordinary and in adversarial texts."""

import time

import pytest

from nmt.text.protected_spans import SpanProtector

PROTECTOR = SpanProtector()


def seconds(text: str) -> float:
    """Return the least time of three calls: one of them may include a garbage collection."""

    def measure() -> float:
        start = time.process_time()
        PROTECTOR.find(text)
        return time.process_time() - start

    return min(measure() for _ in range(3))


# fmt: off
UNITS = [
    "a", "a.", "a-", "a_", "a/", "a:", "a+", "a@", "a@a.", "a.com/", "a()", "aA", "A-", "A1-", "AB12 ", "é", "'s", "_",
    "1", "1 ", "1,", "1(", "(1)", "1e", "-1", "+1 ", "12 ", "0 ", "00:", "::", "#", "#1", "$", "$a", "%", "%(", "&a",
    "@", "{", "{{", "{a,plural", "<", "<a ", '<a b="', "<!--", "`", "[", "](", "[a](", "\\", "\\a", "C:\\", "C:\\a ",
    "/", "~/", "www.", "http://", "http://a(", "http://a)", "http://你", "你", "月1日", "🎉", "\u200d",
]
# fmt: on


@pytest.mark.parametrize("unit", UNITS)
def test_time_is_linear_in_the_length_of_the_text(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    assert seconds(text[:20_000]) < 8 * max(seconds(text[:5_000]), 0.03)
    assert seconds(text) < 2
