"""Tables, JSON, message catalogues, XLIFF, TMX and Markdown."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import polib
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pseudo import run_text, unchanged

from nmt.inference.files.errors import FileFormatError
from nmt.inference.files.format import ReadOptions
from nmt.utils.errors import UsageError

PROPERTY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def fields(*names: str) -> ReadOptions:
    return ReadOptions("en", "fr", names)


# --- tables ---------------------------------------------------------------------------------------------------------

TABLE = 'id,name,text\r\n1,"A ""fine"" name","Some text, here"\r\nx2,plain,"two\r\nlines"\r\n'


def test_table_keeps_header_quotes_and_line_ends(tmp_path: Path) -> None:
    expected = 'id,name,text\r\n1,"A ""FINE"" NAME","SOME TEXT, HERE"\r\nX2,PLAIN,"TWO\r\nLINES"\r\n'
    assert run_text(tmp_path, ".csv", TABLE) == expected


def test_columns_are_chosen_by_name_or_number(tmp_path: Path) -> None:
    named = run_text(tmp_path, ".csv", TABLE, options=fields("name"))
    assert named == 'id,name,text\r\n1,"A ""FINE"" NAME","Some text, here"\r\nx2,PLAIN,"two\r\nlines"\r\n'
    numbered = run_text(tmp_path, ".tsv", "a b\tc d\ne f\tg h", options=fields("2"))
    assert numbered == "a b\tC D\ne f\tG H"
    with pytest.raises(UsageError, match="there is no column 'body'; use one of id, name, text, or a number"):
        run_text(tmp_path, ".csv", TABLE, options=fields("body"))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_that_of_most_lines(tmp_path: Path, delimiter: str) -> None:
    """The texts contain the other delimiters, and the first line is the header."""
    others = "".join({",", ";", "|"} - {delimiter})
    rows = [["k", "t"], ["1", f"a {others} b"], ["2", "one"], ["3", f"x{others}y {others}"]]
    source = "".join(delimiter.join(row) + "\n" for row in rows)
    expected = "".join(delimiter.join([row[0], row[1].upper() if n else row[1]]) + "\n" for n, row in enumerate(rows))
    assert run_text(tmp_path, ".csv", source, options=fields("t")) == expected


def test_translation_with_delimiter_gets_quotes(tmp_path: Path) -> None:
    def with_comma(segments):
        return [each.__class__(each.text + ", yes", copied=False) for each in unchanged(segments)]

    assert run_text(tmp_path, ".csv", "k;t\n1;good\n", with_comma) == "k;t\n1;good, yes\n"
    assert run_text(tmp_path, ".csv", "k,t\n1,good\n", with_comma) == 'k,t\n1,"good, yes"\n'


def test_lone_quotation_mark_does_not_join_records(tmp_path: Path) -> None:
    assert run_text(tmp_path, ".csv", 'size,what\n5" tall,one\n3,two\n') == 'size,what\n5" TALL,ONE\n3,TWO\n'


@PROPERTY
@given(st.lists(st.lists(st.text('ab ,"\n\r;é', max_size=8), min_size=2, max_size=2), min_size=1, max_size=6))
def test_unchanged_table_is_identical(tmp_path: Path, rows: list[list[str]]) -> None:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    assert run_text(tmp_path, ".csv", written.getvalue(), unchanged) == written.getvalue()


@PROPERTY
@given(st.lists(st.lists(st.text('ab "\n', max_size=8), min_size=2, max_size=2), min_size=1, max_size=6))
def test_fields_are_those_that_python_reads(tmp_path: Path, rows: list[list[str]]) -> None:
    written = io.StringIO()
    csv.writer(written).writerows([["k", "v"], *rows])
    found = run_text(tmp_path, ".csv", written.getvalue())
    assert not {"a", "b"} & set(found)
    shape = [len(row) for row in csv.reader(io.StringIO(found, newline=""))]
    assert shape == [len(row) for row in csv.reader(io.StringIO(written.getvalue(), newline=""))]


# --- JSON -----------------------------------------------------------------------------------------------------------

MESSAGES = (
    '{\n  "title": "a page",\n  "items": [{"text": "one two", "n": 1.5e3}, {"text": "caf\\u00e9"}], "on": true\n}\n'
)


def test_json_values_are_translated_in_place(tmp_path: Path) -> None:
    expected = (
        '{\n  "title": "A PAGE",\n  "items": [{"text": "ONE TWO", "n": 1.5e3}, {"text": "CAF\\u00c9"}], "on": true\n}\n'
    )
    assert run_text(tmp_path, ".json", MESSAGES) == expected


@pytest.mark.parametrize("path", ["items.*.text", "$.items[*].text", "items.0", "items[0].text"])
def test_json_paths(path: str, tmp_path: Path) -> None:
    found = json.loads(run_text(tmp_path, ".json", MESSAGES, options=fields(path)))
    assert found["title"] == "a page"
    assert found["items"][0]["text"] == "ONE TWO"
    assert found["items"][1]["text"] == ("CAFÉ" if "*" in path else "café")


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@PROPERTY
@given(_VALUES, st.sampled_from([None, 2]), st.booleans())
def test_unchanged_json_is_identical(tmp_path: Path, value: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert run_text(tmp_path, ".json", text, unchanged) == text
    json.loads(run_text(tmp_path, ".json", text))


@PROPERTY
@given(st.text('{}[],:"a1 \\n', max_size=12))
def test_invalid_json_is_refused(tmp_path: Path, text: str) -> None:
    try:
        json.loads(text)
    except ValueError:
        with pytest.raises(FileFormatError):
            run_text(tmp_path, ".json", text)
    else:
        assert run_text(tmp_path, ".json", text, unchanged) == text


# --- message catalogues ---------------------------------------------------------------------------------------------

CATALOGUE = r"""msgid ""
msgstr ""
"Language: en\n"
"Plural-Forms: nplurals=2; plural=n != 1;\n"

# a comment
#: main.c:1
#, c-format
msgid "open \"the\" file\n"
msgstr ""

msgid "done"
msgstr "déjà"

msgid "one file"
msgid_plural "some files"
msgstr[0] ""
msgstr[1] ""

#~ msgid "old"
#~ msgstr ""
"""


def test_catalogue_keeps_translations_and_fills_the_others(tmp_path: Path) -> None:
    text = run_text(tmp_path, ".po", CATALOGUE)
    found = {entry.msgid: entry for entry in polib.pofile(text)}
    assert found['open "the" file\n'].msgstr == 'OPEN "THE" FILE\n'
    assert found["done"].msgstr == "déjà"
    assert found["one file"].msgstr_plural == {0: "ONE FILE", 1: "SOME FILES"}
    assert '"Language: fr\\n"' in text
    assert '#~ msgid "old"\n#~ msgstr ""' in text
    assert run_text(tmp_path, ".po", text, unchanged) == text


@PROPERTY
@given(
    st.lists(
        st.text('abc é"\\\t\n%', min_size=1, max_size=90).filter(lambda text: "a" in text),
        min_size=1,
        max_size=3,
        unique=True,
    )
)
def test_polib_reads_the_translations(tmp_path: Path, texts: list[str]) -> None:
    catalogue = polib.POFile()
    catalogue.metadata = {"Content-Type": "text/plain; charset=UTF-8"}
    catalogue.extend([polib.POEntry(msgid=text, msgstr="") for text in texts])
    found = polib.pofile(run_text(tmp_path, ".po", str(catalogue), unchanged))
    assert {entry.msgid: entry.msgstr for entry in found} == {text: text for text in texts}


# --- XLIFF and TMX --------------------------------------------------------------------------------------------------


def test_xliff_targets_are_added_where_they_are_missing(tmp_path: Path) -> None:
    text = run_text(
        tmp_path,
        ".xlf",
        '<?xml version="1.0"?>\n<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2"><file><body>\n'
        '  <trans-unit id="1"><source>a <g id="1">bold</g> word<x id="2"/> &amp; more</source></trans-unit>\n'
        '  <trans-unit id="2"><source>kept</source><target>gardé</target></trans-unit>\n'
        '  <trans-unit id="3"><source>empty</source><target/><note>a note</note></trans-unit>\n'
        '  <trans-unit id="4" translate="no"><source>name</source></trans-unit>\n</body></file></xliff>',
    )
    namespace = "{urn:oasis:names:tc:xliff:document:1.2}"
    units = ElementTree.fromstring(text).iter(f"{namespace}trans-unit")
    targets = {unit.get("id"): unit.find(f"{namespace}target") for unit in units}
    assert (
        '<target state="needs-review-translation" state-qualifier="mt">A <g id="1">BOLD</g> WORD<x id="2"/> &amp; MORE'
        in text
    )
    assert targets["2"].text == "gardé"
    assert targets["3"].text == "EMPTY"
    assert targets["4"] is None
    assert "<note>a note</note>" in text


def test_xliff_2_segments(tmp_path: Path) -> None:
    text = run_text(
        tmp_path,
        ".xlf",
        '<xliff version="2.0" xmlns="urn:oasis:names:tc:xliff:document:2.0"><file id="f"><unit id="u"><segment id="1">'
        "<source>one</source></segment><ignorable><source> </source></ignorable><segment><source>two</source></segment>"
        "</unit></file></xliff>",
    )
    assert "<source>one</source><target>ONE</target></segment>" in text
    assert "<source>two</source><target>TWO</target></segment>" in text


def test_memory_gets_a_variant_in_the_target_language(tmp_path: Path) -> None:
    text = run_text(
        tmp_path,
        ".tmx",
        '<tmx version="1.4"><header srclang="en"/><body><tu><tuv xml:lang="en-US">'
        '<seg>a <bpt i="1">&lt;b></bpt>word</seg></tuv><tuv xml:lang="de"><seg>ein Wort</seg></tuv></tu><tu>'
        '<tuv xml:lang="EN"><seg>done</seg></tuv><tuv xml:lang="fr-FR"><seg>fait</seg></tuv></tu></body></tmx>',
    )
    first, second = ElementTree.fromstring(text).iter("tu")
    assert [tuv.get("{http://www.w3.org/XML/1998/namespace}lang") for tuv in first] == ["en-US", "fr", "de"]
    assert "".join(first[1].itertext()) == "A <b>WORD"
    assert len(second) == 2


# --- Markdown -------------------------------------------------------------------------------------------------------

PAGE = """---
title: a page
---
# The *big* title #

Use `code` and a [link text](http://x.org/a_b "T") and
**bold words** here. snake_case &amp; 2 \\* 3 ![a picture](p.png)

> quoted text
> second line

1. first
   - nested item

| head one | b |
|---|:-:|
| cell one | two **x** |

```py
code = "here"
```

<div>block</div>

[ref]: http://x.org
"""


def test_markdown_keeps_its_structure(tmp_path: Path) -> None:
    found = run_text(tmp_path, ".md", PAGE)
    assert found.startswith("---\ntitle: a page\n---\n# THE *BIG* TITLE #\n")
    assert '[LINK TEXT](http://x.org/a_b "T")' in found
    assert "**BOLD WORDS** HERE. SNAKE_CASE & 2 * 3 ![a picture](p.png)" in found
    assert "| HEAD ONE | B |\n|---|:-:|\n| CELL ONE | TWO **X** |" in found
    assert '```py\ncode = "here"\n```\n\n<div>BLOCK</div>\n\n[ref]: http://x.org\n' in found
    assert "1. FIRST\n   - NESTED ITEM" in found
    assert run_text(tmp_path, ".md", PAGE, unchanged) == PAGE
    kinds = [[token.type for token in MarkdownIt().enable("table").parse(text)] for text in (PAGE, found)]
    assert kinds[0] == kinds[1]


@PROPERTY
@given(
    st.lists(
        st.sampled_from(
            [
                "*",
                "**",
                "`",
                "[a](b)",
                "![",
                "](",
                "a",
                "b c",
                "\n",
                "\n\n",
                "> ",
                "- ",
                "# ",
                "\\",
                "<b>",
                "_",
                "|",
                "1. ",
                "&lt;",
                "é",
                "  \n",
            ]
        ),
        max_size=20,
    )
)
def test_unchanged_markdown_is_identical(tmp_path: Path, parts: list[str]) -> None:
    text = "".join(parts)
    assert run_text(tmp_path, ".md", text, unchanged) == text
    run_text(tmp_path, ".md", text)
