"""HTML documents: text is replaced by its translation, and markup is preserved for any translation."""

import re
import time
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nmt.inference.documents.html import HtmlDocument, extract_visible_text
from nmt.inference.documents.tag_options import TagOptions
from nmt.inference.translation import Alternative, Translation

Order = list[int] | None


def translation(source: str, target: str, order: Order) -> Translation:
    """Return a translation in which word n of the target is aligned to word ``order[n]`` of the source."""
    words = [[word.span() for word in re.finditer(r"\w+|[^\w\s]", text)] for text in (source, target)]
    alignment = None if order is None else tuple((*words[0][s], *words[1][t]) for t, s in enumerate(order))
    return Translation(target, -1.0, alignment=alignment)


def translate(html: str, *sentences: tuple[str, str, Order]) -> str:
    """Translate HTML, given the text, translation and alignment of each sentence."""
    document = HtmlDocument(html, "en")
    assert document.segments == [source for source, _, _ in sentences]
    return document.assemble([translation(*sentence) for sentence in sentences]).text


def to_upper_case(html: str) -> str:
    """Translate HTML to upper case."""
    document = HtmlDocument(html, "en")
    return document.assemble([Translation(segment.upper(), 0.0) for segment in document.segments]).text


@pytest.mark.parametrize(
    ("html", "sentence", "output"),
    [
        # Around the target words aligned to their source words
        ("The <b>black</b> cat.", ("The black cat.", "Le chat noir.", [0, 2, 1, 3]), "Le chat <b>noir</b>."),
        ("The <b>cat</b>", ("The cat", "Katze die", [1, 0]), "<b>Katze</b> die"),
        ("<i>Not</i> now", ("Not now", "Jetzt nicht", [1, 0]), "Jetzt <i>nicht</i>"),
        ("I <b>give up</b>!", ("I give up!", "Ich gebe es auf!", [0, 1, 1, 2, 3]), "Ich <b>gebe es auf</b>!"),
        ("un<b>believ</b>able", ("unbelievable", "unglaublich", [0]), "<b>unglaublich</b>"),
        # In source order, even if the words are reordered
        ("<b>A</b> <i>B</i>", ("A B", "b a", [1, 0]), "<b>b</b> <i>a</i>"),
        ("<a>A <b>B</b></a> C", ("A B C", "c b a", [2, 1, 0]), "c <a><b>b</b> a</a>"),
        # At proportional positions without alignment
        ("The <b>black</b> cat.", ("The black cat.", "Le chat noir.", None), "Le <b>chat</b> noir."),
        ("<b>One</b> two", ("One two", "Eins", None), "<b>Eins</b>"),
        # Tags at the edges of a sentence do not move
        ("<p> <b>A cat.</b> </p>", ("A cat.", "Un chat.", None), "<p> <b>Un chat.</b> </p>"),
        ("<i></i><b>A</b>", ("A", "Un", None), "<i></i><b>Un</b>"),
        # Malformed
        ("A <b>cat", ("A cat", "Chat un", [1, 0]), "<b>Chat un"),
        ("A </b>cat", ("A cat", "Un chat", [0, 1]), "Un</b> chat"),
        ("A <b>big <i>red</b> cat</i>!", ("A big red cat!", "Un A B C!", None), "Un <b>A <i>B</b> C</i>!"),
        ("2 < 3 & 4 <", ("2 < 3 & 4 <", "x <y> & z", None), "x &lt;y&gt; &amp; z"),
        ("Cat <b title='>'", ("Cat", "Chat", None), "Chat <b title='>'"),
        ("Cat<!-- <b>cat</b>", ("Cat", "Chat", None), "Chat<!-- <b>cat</b>"),
    ],
)
def test_inline_tags_are_projected(html: str, sentence: tuple[str, str, Order], output: str) -> None:
    assert translate(html, sentence) == output


@pytest.mark.parametrize(
    ("html", "sentence", "output"),
    [
        (
            "Use the <code>ls &amp;</code> command.",
            ("Use the  command.", "Utilisez la commande.", [0, 1, 2, 3]),
            "Utilisez la <code>ls &amp;</code> commande.",
        ),
        (
            "See <span translate='no'>the <b>X</b> file</span>!",
            ("See !", "Voir !", [0, 1]),
            "Voir <span translate='no'>the <b>X</b> file</span> !",
        ),
        ("Save<i class=icon></i> it", ("Save it", "Sauver ça", [0, 1]), "Sauver<i class=icon></i> ça"),
        ("A <!-- <p> --> cat", ("A  cat", "Chat un", [1, 0]), "Chat un<!-- <p> -->"),
        (
            "Press <img src=a> <img src=b> now",
            ("Press   now", "Jetzt los", [1, 0]),
            "Jetzt los <img src=a> <img src=b>",
        ),
        ("super<wbr>cool thing", ("supercool thing", "supertoll", [0]), "supertoll<wbr>"),
    ],
)
def test_copied_elements_keep_their_position(html: str, sentence: tuple[str, str, Order], output: str) -> None:
    assert translate(html, sentence) == output


@pytest.mark.parametrize(
    "html",
    [
        "<script>if (a<b) { say('</b>') }</script>",
        "<style>p > a { color: red }</style>",
        "<textarea>text <b>",
        "<pre>some <b>text</b></pre>",
        "<p translate=no>a <p>text</p></p>",
        "<div class='x NoTranslate'>text <br> text</div>",
        "<code>text <code>in text</code> text</code>",
        "<!-- text -->",
        "<!doctype html>",
        "<?xml version='1.0'?>",
        "<![CDATA[text > text]]>",
        "<img src='text'>",
        "</ text>",
        "<a text",
    ],
)
def test_markup_is_copied(html: str) -> None:
    assert HtmlDocument(html, "en").segments == []
    assert to_upper_case(html) == html


@pytest.mark.parametrize(
    ("html", "segments"),
    [
        ("<h1>Title</h1>text<br>more<hr>and <em>more</em>", ["Title", "text", "more", "and more"]),
        ("<ul><li>one<li>two</ul><select><option>three", ["one", "two", "three"]),
        ("One <b>here. Two</b> there.", ["One here.", "Two there."]),
        ("Fish &amp; chips&nbsp;&lt;3 &unknown; &#x41;&#66 &copy 2000", ["Fish & chips\u00a0<3 &unknown; AB © 2000"]),
        ("split\n  over <b>\r\n lines</b>", ["split   over    lines"]),
        ("<pre>no</pre>yes<code>no</code>", ["yes"]),
        ("<p>unclosed <code>no</p>yes", ["unclosed", "yes"]),
        ("<ul><li translate=no>no</ul>yes", ["yes"]),
        ("<p>3 <4 and a<5 </> end", ["3 <4 and a<5  end"]),
        ("<SCRIPT>no</Script >yes", ["yes"]),
        ("<!-->yes<!--->yes<!-- no --!>yes", ["yesyesyes"]),
        ("<a title='>' href=/x/>link</a>", ["link"]),
        ("<br/>1 &mdash; 2", ["1 — 2"]),
    ],
)
def test_page_is_divided_into_segments(html: str, segments: list[str]) -> None:
    assert HtmlDocument(html, "en").segments == segments


@pytest.mark.parametrize(
    "name",
    [
        *("x", "my-element", "svg", "picture", "input", "output", "button", "label", "iframe", "object", "canvas", "a"),
        *("video", "audio", "progress", "meter", "select", "noscript", "template", "datalist", "textarea", "slot"),
        *("bdo", "marquee", "script", "style", "link", "embed", "math"),
    ],
)
def test_inline_elements_never_divide_a_sentence(name: str) -> None:
    segments = HtmlDocument(f"The black <{name}></{name}> cat sleeps.", "en").segments
    assert [" ".join(segment.split()) for segment in segments] == ["The black cat sleeps."]


@pytest.mark.parametrize("name", ["x", "my-element", "button", "output", "label", "slot", "bdo", "font", "ins", "q"])
def test_text_of_inline_elements_belongs_to_the_sentence(name: str) -> None:
    assert HtmlDocument(f"The <{name}>black</{name}> cat sleeps.", "en").segments == ["The black cat sleeps."]


@pytest.mark.parametrize("name", ["p", "div", "li", "td", "option", "h3", "figcaption", "summary", "main", "search"])
def test_block_elements_divide_sentences(name: str) -> None:
    assert HtmlDocument(f"The <{name}>black</{name}> cat", "en").segments == ["The", "black", "cat"]


@pytest.mark.parametrize(
    ("html", "segments"),
    [
        ("<nav><a href=/>My key</a><a href=/n>The black cat</a></nav>", ["My key", "The black cat"]),
        ("<a>My key</a> <a>The black cat</a>", ["My key", "The black cat"]),
        ("<a>My key</a> | <a><i></i>The <b>black</b> cat</a>\n", ["My key", "The black cat"]),
        ("<a>The key</a> of <a>the cat</a>", ["The key of the cat"]),
        ("See <a>the key</a> <a>of the cat</a>.", ["See the key of the cat."]),
        ("<b>New</b><span>Black cat</span>", ["New", "Black cat"]),
        ("<b>new</b><x-a><i>black</i> cat</x-a>", ["new", "black cat"]),
        ("<b>New!</b><!-- x --><span>Black cat</span>", ["New!", "Black cat"]),
        ("<button>Yes</button><button>No</button>", ["Yes", "No"]),
        ("Press<button>Yes</button>now", ["Press", "Yes", "now"]),
        ("Press <button>Yes</button> now", ["Press Yes now"]),
        ("<label>My key <input></label> <label>My cat <input></label>", ["My key", "My cat"]),
        ("The cat<img>sleeps", ["The cat sleeps"]),
        ("The cat<a><svg/></a>sleeps", ["The cat sleeps"]),
        ("The cat<img>.", ["The cat."]),
        # Parts of words
        ("<b>W</b><i>o</i><b>r</b><i>d</i>", ["Word"]),
        ("<b>T</b><i>he cat</i>", ["The cat"]),
        ("<b>The</b>re", ["There"]),
        ("<i>l'</i><b>homme</b>", ["l'homme"]),
        ("<b>我</b><i>爱你</i>", ["我爱你"]),
        ("H<sub>2</sub>O", ["H2O"]),
        ("in<wbr>visi<!-- x -->ble", ["invisible"]),
        # Numbers and symbols in an element of their own
        ("The black cat<sup><a href='#r'>1</a></sup> sleeps.", ["The black cat sleeps."]),
        ("The cat sleeps.<sup>[2]</sup> <i>→</i> My key.", ["The cat sleeps.", "My key."]),
        ("The cat sleeps.<sup>[2]</sup>My key.", ["The cat sleeps.", "My key."]),
        ("<sup>3</sup>The cat", ["The cat"]),
        ("The <b>5</b> cats", ["The 5 cats"]),
        ("The cat<b>!</b>", ["The cat!"]),
        # Line breaks
        ("The black cat sleeps<br>in the kitchen.", ["The black cat sleeps in the kitchen."]),
        ("Hugo Cat<br>12 Main Street<br>Paris", ["Hugo Cat", "12 Main Street", "Paris"]),
        ("milk<br>bread", ["milk", "bread"]),
        ("Where is my key?<br>in the kitchen", ["Where is my key?", "in the kitchen"]),
        ("<b>Where is<br></b>My key", ["Where is", "My key"]),
    ],
)
def test_words_in_adjacent_elements_are_not_joined(html: str, segments: list[str]) -> None:
    document = HtmlDocument(html, "en")
    assert [" ".join(segment.split()) for segment in document.segments] == segments


@pytest.mark.parametrize(
    ("html", "output"),
    [
        ("The cat<sup><a>1</a></sup> sleeps", "THE CAT<sup><a>1</a></sup> SLEEPS"),
        ("See <b>5</b> cats", "SEE <b>5</b> CATS"),
        ("The cat<img>sleeps", "THE CAT<img> SLEEPS"),
        ("See <img>the cat", "SEE <img>THE CAT"),
        ("A <b>5</b>x", "A <b>5</b>X"),
        ("<img alt=cat> <img alt='l&apos;a&b'/>", "<img alt=\"CAT\"> <img alt='L&#39;A&amp;B'/>"),
        ('The <img alt="a &quot;b&quot; &copy=1">', 'THE <img alt="A &quot;B&quot; &amp;COPY=1">'),
        ("<p title='A b. C d.' title='no' aria-label='e'>f", "<p title='A B. C D.' title='no' aria-label='E'>F"),
        ("<input value=a><input type=submit value=a>", '<input value=a><input type=submit value="A">'),
        ("<input placeholder='a' alt='b'><a placeholder='a'>", "<input placeholder='A' alt='B'><a placeholder='a'>"),
        ("<select><option label='a b'>c</select>", "<select><option label='A B'>C</select>"),
        ("a <select><optgroup label=x><option>b</select> c", 'A <select><optgroup label="X"><option>B</select> C'),
        ("<meta name=description content='a b'>", "<meta name=description content='A B'>"),
        ("<meta name=keywords content='a,b c, d'>", "<meta name=keywords content='A,B C, D'>"),
        ("<meta property='og:title' content='a'/>", "<meta property='og:title' content='A'/>"),
        ("<meta name=robots content='noindex'>", "<meta name=robots content='noindex'>"),
        ("<code title='a'>b <i title='c'></i></code>", "<code title='A'>b <i title='c'></i></code>"),
        ("<p translate=no title='a'><i title=c>b</i></p>", "<p translate=no title='a'><i title=c>b</i></p>"),
        ("<textarea placeholder='a'>b</textarea>", "<textarea placeholder='A'>b</textarea>"),
        ("<title>a <b> &amp; c</title>d", "<title>A &lt;B&gt; &amp; C</title>D"),
        (
            "<div translate=no>a<p translate=yes>b <i>c</i></p>d</div>e",
            "<div translate=no>a<p translate=yes>B <i>C</i></p>d</div>E",
        ),
        ("a <b translate=no>b <i translate>c</i></b> d", "A <b translate=no>b <i translate>C</i></b> D"),
        ("a <code translate=yes>b</code>", "A <code translate=yes>B</code>"),
        ("a <pre translate=yes>b</pre>", "A <pre translate=yes>b</pre>"),
        ("<svg><title>a</title><script/><p>b</svg>c", "<svg><title>a</title><script/><p>b</svg>C"),
        ("<video>a <b>b</b></video>", "<video>A <b>B</b></video>"),
        ("a <noscript>b</noscript> c", "A<noscript>B</noscript> C"),
        ("&#99999999999999999999999999; a", "&amp;#99999999999999999999999999; A"),
    ],
)
def test_units_and_attributes_are_translated_in_place(html: str, output: str) -> None:
    document = HtmlDocument(html, "en")
    translations = [Translation(" ".join(segment.upper().split()), 0.0) for segment in document.segments]
    assert document.assemble(translations).text == output


@pytest.mark.parametrize(
    ("html", "languages", "output"),
    [
        ("<html lang=en xml:lang='en-US'><p lang=en>", "en fr", "<html lang=fr xml:lang='fr'><p lang=en>"),
        ("<html class='lang'><body dir=ltr>", "en fr", "<html class='lang'><body dir=ltr>"),
        ("<html lang='en' dir=ltr>", "en ar", "<html lang='ar' dir=rtl>"),
        ("<HTML><body dir='ltr'>", "en-US he-IL", "<HTML dir=\"rtl\"><body dir='rtl'>"),
        ("<html><body>", "fa en", "<html><body>"),
        ("<html dir=auto><body dir=rtl>", "ur en", "<html dir=ltr><body dir=ltr>"),
        ("<meta charset='iso-8859-1'>", "en fr", "<meta charset='utf-8'>"),
        ("<META CHARSET=UTF-8 >", "en fr", "<META CHARSET=UTF-8 >"),
        (
            "<meta http-equiv=Content-Type content='text/html; charset=latin1'>",
            "en fr",
            "<meta http-equiv=Content-Type content='text/html; charset=utf-8'>",
        ),
        ("<p lang=en>1", "en ar", "<p lang=en>1"),
    ],
)
def test_declarations_of_a_page_become_true_for_the_translation(html: str, languages: str, output: str) -> None:
    source, target = languages.split()
    document = HtmlDocument(html, source, target_language=target)
    assert document.assemble([Translation(segment, 0.0) for segment in document.segments]).text == output
    assert HtmlDocument(html, source).assemble([Translation(s, 0.0) for s in document.segments]).text == html


def test_options_for_tags() -> None:
    html = "The <x>black</x> cat<par>sleeps</par> <P>here</P>"
    options = TagOptions(frozenset({"X"}), frozenset({"par"}), frozenset({"p"}))
    document = HtmlDocument(html, "en", options=options)
    assert document.segments == ["The  cat", "sleeps", "here"]
    output = document.assemble([Translation(text, 0.0) for text in ("THE CAT", "SLEEPS", "HERE")]).text
    assert output == "THE <x>black</x> CAT<par>SLEEPS</par> <P>HERE</P>"


def test_segments_are_in_document_order() -> None:
    html = "<title>a</title><p title=b>c <img alt=d> cat. Fox <select title=g><option>h</select></p>"
    assert HtmlDocument(html, "en").segments == ["a", "b", "c  cat.", "d", "Fox", "g", "h"]


def test_whole_page_is_translated() -> None:
    page = (
        "<!DOCTYPE html>\n<html lang=en>\n<head><title>My page</title>\r\n<meta charset='utf-8'></head>\n"
        '<body class="a" >\n  <p>Hello,\n   <A HREF="/x?a=1&amp;b">world</A>!  It&#39;s me.</p>\t<p>Bye</p>\n</html>\n'
    )
    assert to_upper_case(page) == (
        "<!DOCTYPE html>\n<html lang=en>\n<head><title>MY PAGE</title>\r\n<meta charset='utf-8'></head>\n"
        '<body class="a" >\n  <p>HELLO,    <A HREF="/x?a=1&amp;b">WORLD</A>!  IT\'S ME.</p>\t<p>BYE</p>\n</html>\n'
    )


def test_alternatives_and_scores_of_segments_are_combined() -> None:
    document = HtmlDocument("<p>A <b>B</b>.<p>C", "en")
    first = Translation("a b.", -1.0, 0.5, (Alternative("b a!", -2.0),), ((0, 1, 0, 1), (2, 3, 2, 3)))
    output = document.assemble([first, Translation("c", -3.0, 0.7)])
    assert output.text == "<p>a <b>b</b>.<p>c"
    assert output.alternatives == (Alternative("<p>b <b>a</b>!<p>c", -2.5),)
    assert (output.score, output.confidence) == (-2.0, pytest.approx(0.6))
    assert output.alignment is None


def test_visible_text_excludes_markup_and_code() -> None:
    html = "<title>A &amp; B</title><script>no</script><p>c <b>d</b><!-- no --><code>no</code></p> <br>e"
    assert extract_visible_text(html) == "A & B\nc d\ne"


def test_translations_of_adjacent_sentences_are_separated() -> None:
    document = HtmlDocument("<b>你好。</b>我很好。", "zh")
    output = document.assemble([Translation("Hello.", 0.0), Translation("Fine.", 0.0)])
    assert output.text == "<b>Hello. </b>Fine."


FRAGMENTS = [
    "<", ">", "</", "<!", "<!--", "-->", "<![CDATA[", "]]>", "<?", "<b>", "</b>", "<I>", "</i >", "<a href='", "'", '"',
    "=", "/", "<code>", "</code>", "<pre>", "</pre>", "<script>", "</script", "<p translate=no>", "</p>", "<br/>",
    "<img>", "<li>", "&", "&amp;", "&nbsp;", "&#6", "&notit;", "&bne;", "&#1;", "One. ", "Two words", "好。", "\n", " ",
    "<i title='a b'>", "<select>", "<svg/>", "</select>", "<b translate>", "<sup>", "1", "</sup>", "<title>",
]  # fmt: skip
tag_soups = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=4)), max_size=25).map("".join)
INLINE = ["b", "i", "a", "span", "code"]
markup = st.one_of(
    st.sampled_from(INLINE).map(lambda name: f"<{name} id='<&>'>"),
    st.sampled_from(INLINE).map(lambda name: f"</{name}>"),
    st.sampled_from(["<p>", "</p>", "<br>", "<img src=x>", "<!-- a <b> -->", "<div translate=no>", "</div>", "<hr />"]),
)
texts = st.sampled_from(["Word. ", "two words ", " ", "x", "&lt;b> ", "1, 2", "Ça va? ", "好。"])
pages = st.lists(st.one_of(markup, texts), max_size=30).map("".join)
targets = st.lists(st.sampled_from(["mot", " ", "<b>", "&amp;", "l'un", ".", "好", "\n"]), max_size=10).map("".join)


@st.composite
def alignments(draw: st.DrawFn, source: str, target: str) -> tuple[tuple[int, int, int, int], ...] | None:
    def spans(text: str) -> st.SearchStrategy[tuple[int, int]]:
        edge = st.integers(0, len(text))
        return st.tuples(edge, edge).map(lambda pair: (min(pair), max(pair)))

    links = st.tuples(spans(source), spans(target)).map(lambda link: (*link[0], *link[1]))
    return draw(st.none() | st.lists(links, max_size=8).map(tuple))


def any_translation(data: st.DataObject, segment: str) -> Translation:
    target, other = data.draw(targets), data.draw(targets)
    return Translation(target, 0.0, None, (Alternative(other, 0.0),), data.draw(alignments(segment, target)))


class MarkupCollector(HTMLParser):
    """Collects the tags and comments that Python's parser finds."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.markup: list[str | None] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.markup.append(self.get_starttag_text())

    def handle_endtag(self, tag: str) -> None:
        self.markup.append(f"</{tag}>")

    def handle_comment(self, data: str) -> None:
        self.markup.append(f"<!--{data}-->")


@given(tag_soups)
@example("&notit; &bne;. x <b")
def test_unchanged_segments_reproduce_the_page(html: str) -> None:
    document = HtmlDocument(html, "en")
    assert document.assemble([Translation(segment, 0.0) for segment in document.segments]).text == html


@given(st.data(), pages)
def test_tags_do_not_depend_on_the_translations(data: st.DataObject, html: str) -> None:
    document = HtmlDocument(html, "en")
    output = document.assemble([any_translation(data, segment) for segment in document.segments])
    for text in (output.text, *(alternative.text for alternative in output.alternatives)):
        assert MarkupCollector(text).markup == MarkupCollector(html).markup


@given(st.data(), tag_soups)
def test_content_outside_segments_does_not_depend_on_the_translations(data: st.DataObject, html: str) -> None:
    document = HtmlDocument(html, "en")
    translations = [any_translation(data, segment) for segment in document.segments]
    marked = [Translation(re.sub(r"\S+", "\ue000", t.text), 0.0, alignment=None) for t in translations]
    empty = document.assemble([Translation("", 0.0) for _ in translations]).text
    assert re.sub(r"[\s\ue000]", "", document.assemble(marked).text) == re.sub(r"[\s\ue000]", "", empty)
    document.assemble(translations)


@given(st.data(), pages)
def test_all_text_of_the_translations_is_output(data: st.DataObject, html: str) -> None:
    document = HtmlDocument(html, "en")
    translations = [any_translation(data, segment) for segment in document.segments]
    rest = iter("".join(unescape(re.sub("<[^>]*>", "", document.assemble(translations).text)).split()))
    for character in "".join("".join(each.text.split()) for each in translations):
        assert character in rest  # `in` consumes the iterator up to the character


@pytest.mark.parametrize(
    "atom",
    [
        "<a ",
        "<!--",
        "<a b='",
        "<script>",
        "<b>x ",
        "<b>x</i>",
        "</b>x ",
        "&",
        "&a",
        "<",
        "x<img> ",
        "<p translate=no>",
        "a ='",
        "<i title='a'>",
        "<b translate=no><i translate>x",
        "<select>x",
        "<a>x</a>",
        "<i>1</i>x",
        "<i>1",
        "x<br>",
        "<button></button>x",
        "</button>",
        "<i></i>",
        "<svg>",
        "<title>",
        "x<b>y</b>",
        "&#9",
        "<meta name=keywords content=','>",
    ],
)
def test_pathological_pages_are_parsed_in_linear_time(atom: str) -> None:
    html = (atom * 10_000)[:10_000]
    start = time.process_time()
    to_upper_case(html)
    assert time.process_time() - start < 2
