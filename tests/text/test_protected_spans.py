"""Protected spans: what is found, with its exact range, and what is not."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.text.decorations import find_core
from nmt.text.placeholders import PLACEHOLDER_CHARACTERS
from nmt.text.protected_spans import KINDS, ProtectedSpan, SpanProtector
from nmt.utils.errors import UsageError

PROTECTOR = SpanProtector()


def found(text: str, protector: SpanProtector = PROTECTOR) -> list[str]:
    return [text[span.start : span.end] for span in protector.find(text)]


# Spans that are found in the middle and at the end of a sentence, in brackets and in Chinese text without spaces.
SPANS = {
    "url": [
        "https://example.com",
        "http://example.com:8080/a/b.html?x=1&y=2#top",
        "https://en.wikipedia.org/wiki/Bank_(geography)",
        "https://zh.wikipedia.org/wiki/维基",
        "ftp://files.example.org/pub/",
        "ssh://git@host/repo.git",
        "www.example.com",
        "www.example.museum/x",
        "example.com/path",
        "example.co.uk",
        "sub.domain.example.org",
        "localhost:8080/admin",
        "192.168.0.1:8000/x",
        "mailto:someone@example.com",
        "tel:+33123456789",
    ],
    "email": ["info@example.com", "first.last+tag@sub.example.co.uk", "müller@example.de"],
    "path": [
        "/usr/local/bin",
        "/etc",
        "/home/user/file.txt",
        "~/notes",
        "./run.sh",
        "../data/",
        "src/main.py",
        "docs/how-to/",
        "C:\\Users\\me\\a.txt",
        "C:\\Program Files\\App\\app.exe",
        "D:/data/x",
        "\\\\server\\share\\x",
        "report.pdf",
        "archive.tar.gz",
        "README.md",
        "my-file_2.json",
    ],
    "placeholder": [
        "%s",
        "%d",
        "%1$s",
        "%2$05d",
        "%(name)s",
        "%05.2f",
        "%@",
        "%1$@",
        "%ld",
        "%{count}",
        "%PATH%",
        "{name}",
        "{0}",
        "{}",
        "{user.name}",
        "{price:.2f}",
        "{{ x }}",
        "{{user.name|title}}",
        "{% if x %}",
        "${VAR}",
        "$VAR",
        "$(HOME)",
        "#{x}",
        "{count, plural, one {# cat} other {# cats}}",
        "{a}/{b}",
        "\\n",
        "\\u00e9",
        "\\alpha",
    ],
    "tag": [
        '<x id="1"/>',
        "<br>",
        "<br />",
        "</b>",
        "<ph:0>",
        "<a href='/x?a=1&b=2'>",
        "<!-- note -->",
        "<username>",
        "<input disabled>",
        "&nbsp;",
        "&amp;",
        "&#160;",
        "&#xA0;",
    ],
    "markdown": ["`x = 1`", "``code``"],
    "hashtag": ["#python", "#100days", "#été", "#日本語", "#snake_case"],
    "mention": ["@someone", "@some.one", "@user_1", "@user@mastodon.social"],
    "emoji": ["🎉", "👩‍⚕️", "👍🏽", "🇫🇷", "1️⃣", "❤️", "👨‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🎉🎉", "→", "©", "★"],
    "identifier": [
        "snake_case",
        "CONSTANT_NAME",
        "camelCase",
        "iPhone",
        "XmlHttpRequest",
        "print()",
        "dotted.names()",
        "os.path.join",
        "obj.some_name",
        "C++",
        "C#",
        ".NET",
        "--verbose",
        "--no-split",
        "--out=x",
    ],
    "code": [
        "AB-1234-X",
        "A4",
        "B2B",
        "MP3",
        "mp3",
        "CO2",
        "F-16",
        "COVID-19",
        "UTF-8",
        "ISO-8859-1",
        "221b",
        "3D",
        "x86",
        "0x1F",
        "b53fc9e",
        "bae3cff",
        "SOR/2004-45",
        "0-306-40615-X",
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "550e8400-e29b-41d4-a716-446655440000",
        "00:1A:2B:3C:4D:5E",
        "fe80::1ff:fe23:4567:890a",
    ],
    "version": ["1.2.3", "2.0-rc1", "3.11b1", "1.0.0-beta.2", "10.15.7"],
    "date": ["2026-11-30", "2026-11-30T12:00Z", "2026-11-30 12:00:05", "2026-11-30T12:00:00+01:00", "14:30", "8h30"],
    "phone": ["+33 1 23 45 67 89", "+1 (555) 123-4567", "(555) 123-4567", "01 23 45 67 89", "1234 5678 9012 3456"],
    "number": [
        "5",
        "1,234.5",
        "1.234,5",
        "1 234 567",
        "1'000",
        "-3 °C",
        "−3 °C",
        "+7",
        "30 km",
        "30km",
        "100 kB",
        "5 %",
        "5%",
        "0.5‰",
        "90°",
        "$1,000",
        "€5",
        "5 €",
        "-$5",
        "US$5",
        "5 $US",
        "EUR 5",
        "5 USD",
        "$5M",
        "24/7",
        "10-20",
        "1990–1995",
        "30.11.2026",
        "30/11/2026",
        "2:1:0",
        "§ 5",
        "#5",
        "12(1)",
        "2½",
        "½",
        "6.02e23",
        "10^6",
        "٢٠٢٦",
        "1920×1080",
        "2+2=4",
        "978-3-16-148410-0",
        "6171-1231-1311-1231",
        "5 m²",
    ],
}
CASES = [(kind, span) for kind, spans in SPANS.items() for span in spans]


@pytest.mark.parametrize(("kind", "span"), CASES)
@pytest.mark.parametrize(
    "sentence",
    ["{}", "We saw {} there.", "It ends with {}.", "Is it {}?", "{}, then", "x ({}) y", '"{}"', "“{}”", "他说{}。"],
)
def test_spans_are_found_in_any_position(kind: str, span: str, sentence: str) -> None:
    before, _, after = sentence.partition("{}")
    spans = PROTECTOR.find(before + span + after)
    assert spans == [ProtectedSpan(len(before), len(before) + len(span), spans[0].kind)]
    assert spans[0].kind in KINDS


@pytest.mark.parametrize(("kind", "span"), CASES)
def test_kinds(kind: str, span: str) -> None:
    # Some spans fit several descriptions; the others have the kind under which they are listed.
    several = {"mailto:someone@example.com", "30.11.2026"}
    if span not in several:
        assert PROTECTOR.find(span)[0].kind == kind


@pytest.mark.parametrize(
    "text",
    [
        "The quick brown fox jumps over the lazy dog.",
        "O'Brien met Mr. Smith and Mrs. McDonald of the U.S. at 'YouTube', e.g. yesterday, i.e. Monday a.m.",
        "He said so...Then he left. And/or he/she; AC/DC, TCP/IP, black/white, red/green/blue.",
        "Meet me @ home, well-known mother-in-law, X-ray, T-shirt, d'Artagnan, PhD, AT&T, R&D, Q&A; rock & roll",
        "This is half off... (see below) [sic] {This is a whole sentence in braces.}",
        "a < b and c > d, x<y and z>w, <y and z>",
        "end.Then no space, or this.it is",
        "C'est l'été ; où est-il ? Ça va - oui. A-t-elle fini ?",
        "„Straße“ – Flugbegleiter_in, Lehrer_innen; z.B. usw.",
        "¿Qué? ¡Hola! Tom & Mary’s 'book' __ ____ * ** - -- a -- b, so--then, he said--",
        "彼は学校へ行きました。你好，世界！ 안녕하세요. مرحبا، كيف حالك؟ Привет, т.е. так.",
        "21st 2nd 3rd 4th 1er 2e 3ème 21e 1ste 8ste 5º 3ª 1:a 2ND",
        "am 3. Oktober, im 21. Jahrhundert",
        "10万円 3.5億 11月30日 5만 12월",
        "５時に会おう。",
        "`tis the season, unmatched ` here, the `linked words`_ of a document",
        "unmatched { and ] and ( and <a and $ and % and # and & and \\ and @",
    ],
)
def test_ordinary_text_has_no_spans(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Punctuation and brackets around URLs
        ("(see https://example.com/a_(b)).", ["https://example.com/a_(b)"]),
        ("访问https://example.com了解更多", ["https://example.com"]),
        ("«https://example.com/é»,", ["https://example.com/é"]),
        ("زر https://example.com، من فضلك", ["https://example.com"]),
        ("https://example.com's page", ["https://example.com"]),
        ("**https://example.com** <https://example.org>", ["https://example.com", "https://example.org"]),
        ("http://... and http://", []),
        ("example.com.", ["example.com"]),
        ("Mail a@b.de.", ["a@b.de"]),
        # Placeholders and percent signs
        ("50% discount, 50 % off, 5%ige Lösung", ["50%", "50 %", "5%"]),
        ("%s's %d%% of %dpx", ["%s", "%d%%", "%d"]),
        ("100%d and 50 %des", ["100%d", "50 %"]),
        ("Hello {name}!{{x}}", ["{name}", "{{x}}"]),
        ("${a}${b} {a}, {b}", ["${a}${b}", "{a}", "{b}"]),
        ("{n, plural, one {# {x} cat} other", ["{x}"]),
        ("Line one\\nLine two", ["\\n"]),
        ('[the link](https://a.b/c "t"), ![img](x.png)', ["[", '](https://a.b/c "t")', "![", "](x.png)"]),
        ("<b>5</b> cats", ["<b>5</b>"]),
        ("AT&T; &unknown; &copy;", ["&copy;"]),
        # Numbers and their surroundings
        ("10am 2PM 1960s 1990er 20-year-old mid-1990s", ["10", "2", "1960", "20", "1990"]),
        ("in 2004, 300 people", ["2004", "300"]),
        ("It's 2:30. At 9.", ["2:30", "9"]),
        ("5 - 3 = 2, 5-3", ["5", "3", "2", "5-3"]),
        ("5 h, 5 in, 5 ha, 5 s, 5 ft", ["5", "5", "5", "5", "5"]),
        ("5 l'eau 5 l 5 km's", ["5", "5 l", "5 km"]),
        ("alinéa 8c) et 12(1)a)", ["8", "12(1)"]),
        ("北京-3号 气温-3°C 5km的路 3个", ["-3", "-3°C", "5km", "3"]),
        ("2026年11月30日", ["2026"]),
        ("5 100 2000", ["5", "100", "2000"]),
        ("Ca. 5 personnes. He has 3.", ["5", "3"]),
        ("wei0en 2Men 3D-Film G-20-Gipfel", ["2", "3D", "G-20"]),
        ("١٬٢٣٤ كتاب، ٥٠٪", ["١٬٢٣٤", "٥٠"]),
        # Windows paths and what follows them
        ("C:\\a.txt the 24/7", ["C:\\a.txt", "24/7"]),
        ("C:/a.txt the 24/7", ["C:/a.txt", "24/7"]),
        ("C:\\notes and/or, C:/notes and/or", ["C:\\notes", "C:/notes"]),
        ("C:\\a.txt or D:\\b.txt or \\\\server\\c.txt", ["C:\\a.txt", "D:\\b.txt", "\\\\server\\c.txt"]),
        ("C:\\My own files v1.2\\a.txt is", ["C:\\My own files v1.2\\a.txt"]),
        ("C:/Program Files (x86)/App/a.txt is", ["C:/Program Files (x86)/App/a.txt"]),
        # Lists
        ("1 2 3 4 5 cats", ["1 2 3 4 5"]),
        ("1, 2, A4, 3.5.1 and 6", ["1, 2, A4, 3.5.1", "6"]),
        ("1, 2, 3; 4; 5", ["1", "2", "3", "4", "5"]),
        ("1; 2; 3; 4, 5, 6, 7, 8", ["1; 2; 3; 4", "5, 6, 7, 8"]),
        ("{a} 1 2 3 {b}, on May 5, 2010, 300", ["{a}", "1", "2", "3", "{b}", "5", "2010", "300"]),
        # Names of things
        ("@a,@b #x #y #1 C#5", ["@a,@b", "#x", "#y", "#1", "#5"]),
        ("issue#5 a#b me@", ["#5"]),
    ],
)
def test_neighbours(text: str, expected: list[str]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "sentence", ["{} The cat sleeps.", "{}: the cat", "- {} sleeps", "The cat ({})", "Cats {}", "{}"]
)
@pytest.mark.parametrize(("kind", "span"), CASES)
def test_the_core_of_a_sentence_does_not_begin_or_end_inside_a_span(kind: str, span: str, sentence: str) -> None:
    before, _, after = sentence.partition("{}")
    for edge in find_core(before + span + after):
        assert not len(before) < edge < len(before) + len(span)


def test_phrases_match_whole_words_and_the_longest_first() -> None:
    protector = SpanProtector(["New York", "New York Times", "cat", "C-3PO's", "e\u0301te\u0301", "東京"])
    text = "The New York Times of New York: cats, cat's, concat été 東京都 C-3PO's"
    expected = ["New York Times", "New York", "cat", "été", "東京", "C-3PO's"]
    assert found(text, protector) == expected
    assert {span.kind for span in protector.find("New York")} == {"phrase"}
    assert found("new york", protector) == []


def test_phrases_in_scripts_with_combining_marks() -> None:
    protector = SpanProtector(["कि"])
    assert found("कि किताब", protector) == ["कि"]


def test_many_phrases_do_not_take_longer() -> None:
    protector = SpanProtector([f"word{chr(97 + n % 26)}{n} phrase" for n in range(100_000)])
    start = time.process_time()
    assert found("a sentence with wordb1 phrase in it " * 1000, protector) == ["wordb1 phrase"] * 1000
    assert time.process_time() - start < 2


def test_patterns() -> None:
    protector = SpanProtector(patterns=[r"ACME \w+", r"\bx*"])
    assert found("the ACME Rocket xx", protector) == ["ACME Rocket", "xx"]
    assert [span.kind for span in protector.find("ACME Rocket")] == ["pattern"]


@pytest.mark.parametrize("pattern", ["(", "[a", "*", "a{99999999999999999999}", "(?P<n>a)(?P<n>b)"])
def test_invalid_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match=r"patterns: .* is not a valid regular expression: .*; correct it"):
        SpanProtector(patterns=[pattern])


@pytest.mark.parametrize("pattern", ["", "a*", "x?|y", "(?=a)|"])
def test_patterns_that_match_nothing_are_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match=r"patterns: .* matches the empty string; make it match"):
        SpanProtector(patterns=[pattern])


@pytest.mark.parametrize("phrase", ["", " ", "\u200b"])
def test_empty_phrases_are_refused(phrase: str) -> None:
    with pytest.raises(UsageError, match="phrases: a phrase is empty; remove it"):
        SpanProtector(["cat", phrase])


WORDS = st.sampled_from(["the", "cat", "Haus", "été", "quickly", "Tom", "however", "naïve", "Ö"])


@st.composite
def sentences(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Words with spans between them, each separated by spaces."""
    spans = draw(st.lists(st.sampled_from([span for _, span in CASES]), max_size=5))
    parts = draw(st.lists(WORDS, min_size=1, max_size=3))
    for span in spans:
        parts += [span, *draw(st.lists(WORDS, min_size=1, max_size=3))]
    return " ".join(parts), spans


@pytest.mark.parametrize(("kind", "span"), CASES)
def test_every_two_spans_with_a_word_between_them_are_found_apart(kind: str, span: str) -> None:
    for _, other in CASES:
        assert found(f"the {span} the {other}") == [span, other]


@given(sentences())
def test_generated_spans_are_found_once_in_order(sentence: tuple[str, list[str]]) -> None:
    text, expected = sentence
    assert found(text) == expected


@given(st.text(max_size=60) | st.text("ab1.,:/@#$%{}<>[]()`_-\\&; A°€万月", max_size=60))
def test_spans_are_ordered_and_disjoint_in_any_text(text: str) -> None:
    spans = PROTECTOR.find(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(a.end <= b.start for a, b in pairwise(spans))


@given(sentences())
def test_no_spans_remain_when_placeholders_stand_for_them(sentence: tuple[str, list[str]]) -> None:
    text, _ = sentence
    for n, span in reversed(list(enumerate(PROTECTOR.find(text)))):
        text = text[: span.start] + PLACEHOLDER_CHARACTERS[n] + text[span.end :]
    assert PROTECTOR.find(text) == []
