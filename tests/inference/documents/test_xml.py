"""XML documents: text is replaced by its translation, and everything else is preserved for any translation."""

from __future__ import annotations

import re
import time
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.inference.documents.tag_options import TagOptions
from nmt.inference.documents.xml import XmlDocument, extract_xml_text
from nmt.inference.documents.xml_parser import XmlKind, XmlSyntaxError, parse_xml
from nmt.inference.translation import Translation


def segments(xml: str, **options: object) -> list[str]:
    document = XmlDocument(xml, "en", options=TagOptions(**options))  # type: ignore[arg-type]
    return [" ".join(segment.split()) for segment in document.segments]


def to_upper_case(xml: str, **options: object) -> str:
    document = XmlDocument(xml, "en", target_language="fr", options=TagOptions(**options))  # type: ignore[arg-type]
    translations = [Translation(" ".join(segment.upper().split()), 0.0) for segment in document.segments]
    return document.assemble(translations).text


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "text",
        "two <b/> roots <c>x</c>\r\n",
        '<?xml version="1.0" encoding="latin1"?>\n<!DOCTYPE a [<!ELEMENT a ANY>]>\n<a>é&amp;&nbsp;&unknown;🐈</a>\n',
        '<!-- c --><!DOCTYPE a SYSTEM "http://localhost/a.dtd"><a:b x:y="1>2"><![CDATA[<&]]><?p i?></a:b>',
    ],
)
def test_parts_cover_the_document(xml: str) -> None:
    parts = parse_xml(xml)
    assert "".join(xml[part.start : part.stop] for part in parts) == xml


def test_parts_have_their_text() -> None:
    parts = parse_xml("<a b='&lt;'>x &amp; y<c/></a>")
    assert [part.text for part in parts if part.kind is XmlKind.TEXT] == ["x ", "&", " y"]
    assert [part.text for part in parts if part.kind is XmlKind.START_TAG] == ["a", "c"]
    assert parts[0].attributes == {"b": "<"}


@pytest.mark.parametrize(
    ("xml", "position", "reason"),
    [
        ("<a>", "1:4", "no element found|mismatched tag"),
        ("The cat\n <b></a>", "2:7", "mismatched tag"),
        ("2 < 3", "1:4", "not well-formed"),
        ("a & b", "1:4", "not well-formed"),
        ("<a b=1/>", "1:6", "not well-formed"),
        ("<a b='' b=''/>", "1:9", "duplicate attribute"),
        ("</x>a<x>", "1:", "junk after document element|not well-formed"),
        ("<?xml version='1.0'?><a/><b/>", "1:26", "junk after document element"),
        ("a\ud800", "1:2", "not well-formed"),
        ("\x00", "1:1", "not well-formed"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "1:", "declares entities"),
    ],
)
def test_invalid_documents_are_refused(xml: str, position: str, reason: str) -> None:
    with pytest.raises(XmlSyntaxError) as error:
        XmlDocument(xml, "en")
    assert str(error.value).startswith(position)
    assert re.search(f"{reason}.*; ", str(error.value))


def test_entities_of_exponential_size_are_not_expanded() -> None:
    declarations = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 30))
    with pytest.raises(XmlSyntaxError, match="declares entities"):
        parse_xml(f'<!DOCTYPE a [<!ENTITY e0 "x">{declarations}]><a b="&e29;">&e29;</a>')


@pytest.mark.parametrize(
    ("xml", "sentences"),
    [
        ("<a><script src='x'/><p>Where is my key?</p></a>", ["Where is my key?"]),
        ("The black <x id='1'></x> sleeps.", ["The black sleeps."]),
        ("The black <x id='1'/> sleeps.", ["The black sleeps."]),
        ("The <x>black</x> cat", ["The black cat"]),
        ("<doc><s1>A cat</s1><s1>My <y>black <z>key</z></y></s1></doc>", ["A cat", "My black key"]),
        ("<doc><t>One</t>\n <t>two</t></doc>", ["One", "two"]),
        ("<p>One<br/>Two</p>", ["One", "Two"]),
        ("<p>The <e>cat</e></p><q><e>Two</e> <e>keys</e></q>", ["The cat", "Two keys"]),
        ("<ns:p>The <ns:e>cat</ns:e></ns:p>", ["The cat"]),
        ("<seg>The <bpt i='1'/><hi>cat</hi><ept i='1'/></seg>", ["The cat"]),
        ("<li>A cat<p>sleeps</p></li>", ["A cat", "sleeps"]),
        ("<p>The <![CDATA[black]]> cat</p>", ["The black cat"]),
        ("<d><![CDATA[<p>A <b>cat</b></p><script>no</script>]]></d>", ["A cat"]),
        ("<p>A&#32;cat &amp; a&nbsp;key &unknown;</p>", ["A cat & a key"]),
        ("<d><p>A</p><p translate='no'>b</p><p its:translate='no'>c</p><p translatable='false'>d</p></d>", ["A"]),
        ("<p>See <svg:svg><t>no</t></svg:svg> and <code>no</code></p>", ["See and"]),
    ],
)
def test_outline_is_detected(xml: str, sentences: list[str]) -> None:
    assert segments(xml) == sentences
    assert extract_xml_text(xml).split() == " ".join(sentences).split()


@pytest.mark.parametrize(
    ("options", "sentences"),
    [
        ({}, ["A cat", "sleeps", "See the key here"]),
        ({"outline_detection": False}, ["A cat sleeps See the key here"]),
        ({"outline_detection": False, "splitting_tags": {"t"}}, ["A cat", "sleeps See the key here"]),
        ({"splitting_tags": {"e"}}, ["A cat", "sleeps", "See", "the", "key here"]),
        ({"non_splitting_tags": {"t"}}, ["A cat sleeps", "See the key here"]),
        ({"ignore_tags": {"e"}}, ["A cat", "sleeps", "See key here"]),
        ({"ignore_tags": {"T"}}, ["A cat", "sleeps", "See the key here"]),
    ],
)
def test_options_for_tags(options: dict[str, object], sentences: list[str]) -> None:
    assert segments("<d><t>A cat</t> <s>sleeps</s> <p>See <e>the</e> key here</p></d>", **options) == sentences


@pytest.mark.parametrize(
    ("xml", "output"),
    [
        ("<a b='c d' /> <!-- x y --><?p i?>a <b/> c", "<a b='c d' /> <!-- x y --><?p i?>A <b/> C"),
        ("a &lt; <b>c</b>", "A &lt; <b>C</b>"),
        ("<p>a <![CDATA[b & c]]> d & e</p>".replace("d &", "d &amp;"), "<p>A <![CDATA[B & C]]> D &amp; E</p>"),
        ("<p><![CDATA[a < b]]></p>", "<p><![CDATA[A < B]]></p>"),
        ("<p><![CDATA[a. B <]]> c</p>", "<p><![CDATA[A. B <]]> C</p>"),
        ("<p><![CDATA[]]>a</p>", "<p><![CDATA[]]>A</p>"),
        ("<d><![CDATA[<p title='a'>b &amp; c</p>]]></d>", "<d><![CDATA[<p title='A'>B &amp; C</p>]]></d>"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?><a>b</a>', '<?xml version="1.0" encoding="UTF-8"?><a>B</a>'),
        ('<?xml version="1.0" encoding="utf-8"?><a>b</a>', '<?xml version="1.0" encoding="utf-8"?><a>B</a>'),
        ("\ufeff<a>b</a>", "\ufeff<a>B</a>"),
    ],
)
def test_markup_is_preserved(xml: str, output: str) -> None:
    assert to_upper_case(xml) == output


def test_ignored_elements_are_copied() -> None:
    xml = "<p>Open <x>the <b>Settings</b></x> now</p><x>no</x>"
    assert to_upper_case(xml, ignore_tags={"x"}) == "<p>OPEN <x>the <b>Settings</b></x> NOW</p><x>no</x>"


def test_text_is_valid_xml_whatever_the_translation() -> None:
    document = XmlDocument("<p>a <![CDATA[b]]></p>", "en")
    output = document.assemble([Translation("x ]]> \x0b\ufffe<&>", 0.0)]).text
    root = ET.fromstring(output)
    assert "".join(root.itertext()).replace(" ", "") == "x]]><&>"


NAMES = ["p", "b", "x", "item", "n:e"]
texts = st.sampled_from(
    ["Word. ", "two words ", " ", "x", "&lt;b> ", "1, 2", "Ça va? ", "好。", "<!-- c -->", "<?p i?>", "&nbsp;"]
)
cdata = st.sampled_from(["a b", "<b>x</b> y", "", "1 < 2 &amp;", "<p>"]).map(lambda text: f"<![CDATA[{text}]]>")


def elements(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    content = st.lists(children, max_size=5).map("".join)
    return st.builds(lambda name, inner: f"<{name} a='1' >{inner}</{name}>", st.sampled_from(NAMES), content)


contents = st.recursive(texts | cdata | st.just("<x id='2'/>"), elements, max_leaves=25)
documents = st.lists(contents, max_size=6).map("".join)
name_sets = st.sets(st.sampled_from(NAMES), max_size=2).map(frozenset)
tag_options = st.builds(TagOptions, name_sets, name_sets, name_sets, st.booleans())
targets = st.lists(st.sampled_from(["mot", " ", "<b>", "&amp;", "l'un", ".", "]]>", "好", "\n"]), max_size=8).map(
    "".join
)


def structure(xml: str) -> list[object]:
    """Return the elements with their attributes and the comments and processing instructions, in order."""
    parser = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True, insert_pis=True))
    parser.feed(f"<root xmlns:n='n'>{xml.replace('&nbsp;', '')}</root>")
    return [
        ("<", element.tag, element.attrib) if isinstance(element.tag, str) else (element.tag, element.text)
        for element in parser.close().iter()
    ]


def hide_cdata(xml: str) -> str:
    """Return XML without the content of CDATA sections; a section that is divided at "]]>" counts as one."""
    return re.sub(r"(<!\[CDATA\[).*?\]\]>", r"\1]]>", xml.replace("]]]]><![CDATA[>", ""), flags=re.DOTALL)


@given(documents, tag_options)
def test_unchanged_segments_reproduce_the_document(xml: str, options: TagOptions) -> None:
    document = XmlDocument(xml, "en", options=options)
    assert document.assemble([Translation(segment, 0.0) for segment in document.segments]).text == xml


@given(st.data(), documents, tag_options)
def test_structure_does_not_depend_on_the_translations(data: st.DataObject, xml: str, options: TagOptions) -> None:
    document = XmlDocument(xml, "en", options=options)
    output = document.assemble([Translation(data.draw(targets), 0.0) for _ in document.segments]).text
    assert structure(output) == structure(xml)
    markup = [
        re.findall(r"<!\[CDATA\[(?=.*?\]\]>)|<[/\w?][^>]*>|<!--.*?-->", hide_cdata(text)) for text in (output, xml)
    ]
    assert markup[0] == markup[1]


@pytest.mark.parametrize(
    "atom",
    [
        "<a>x</a>",
        "&amp;",
        "&x;",
        "<a b='c'/>",
        "<![CDATA[x]]>",
        "<![CDATA[<p>]]>",
        "<!-- x -->",
        "é",
        "<a>1</a>x",
        "\n",
    ],
)
def test_large_documents_take_linear_time(atom: str) -> None:
    start = time.process_time()
    to_upper_case(atom * 5000)
    assert time.process_time() - start < 4


def test_deeply_nested_documents() -> None:
    xml = "<a>" * 20_000 + "b" + "</a>" * 20_000
    assert to_upper_case(xml) == xml.replace("b", "B")
