"""Files of terms in TSV, CSV and TBX, and the errors of invalid ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmt.text.glossary import read_terms
from nmt.utils.errors import CarouselError

TBX_3 = """<?xml version="1.0" encoding="UTF-8"?>
<tbx style="dct" type="TBX-Basic" xml:lang="en" xmlns="urn:iso:std:iso:30042:ed-2"
     xmlns:min="http://www.tbxinfo.net/ns/min">
  <tbxHeader><fileDesc><sourceDesc><p>A term of the header.</p></sourceDesc></fileDesc></tbxHeader>
  <text><body>
    <conceptEntry id="c1">
      <min:subjectField>animals</min:subjectField>
      <langSec xml:lang="en-GB">
        <termSec><term>tom  cat</term><min:partOfSpeech>noun</min:partOfSpeech></termSec>
        <termSec><term>pussy</term></termSec>
      </langSec>
      <langSec xml:lang="fr">
        <termSec><term>mistigri</term><min:administrativeStatus>supersededTerm-admn-sts</min:administrativeStatus></termSec>
        <termSec><term>minou &amp; Cie</term></termSec>
      </langSec>
      <langSec xml:lang="de"><termSec><term>Miez</term></termSec></langSec>
    </conceptEntry>
    <conceptEntry id="c2"><langSec xml:lang="en"><termSec><term>dog</term></termSec></langSec></conceptEntry>
  </body></text>
</tbx>
"""
TBX_2 = """<?xml version='1.0'?>
<!DOCTYPE martif SYSTEM "TBXBasiccoreStructV02.dtd">
<martif type="TBX-Basic" xml:lang="en">
  <text><body>
    <termEntry id="1">
      <langSet xml:lang="EN_us"><ntig><termGrp><term>color <hi>wheel</hi></term>
        <termNote type="partOfSpeech">noun</termNote></termGrp></ntig></langSet>
      <langSet xml:lang="pt-PT"><tig><term>roda das cores</term></tig></langSet>
      <langSet xml:lang="pt-BR"><tig><term>círculo cromático</term>
        <termNote type="administrativeStatus">preferredTerm-admn-sts</termNote></tig></langSet>
    </termEntry>
    <termEntry id="2">
      <langSet xml:lang="en-US"><tig><term>old</term></tig></langSet>
      <langSet xml:lang="pt"><tig><term>velho</term>
        <termNote type="administrativeStatus">deprecatedTerm-admn-sts</termNote></tig></langSet>
    </termEntry>
  </body></text>
</martif>
"""


def read(tmp_path: Path, name: str, content: str | bytes, languages: str = "en fr") -> list[tuple[str, str]]:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_terms(path, *languages.split())


@pytest.mark.parametrize(
    ("name", "content", "terms"),
    [
        ("a.tsv", "cat\tminou\n\nhot dog\tsaucisse\r\n", [("cat", "minou"), ("hot dog", "saucisse")]),
        ("a.tsv", '\ufeff"cat"\t minou \n', [('"cat"', "minou")]),
        ("A.CSV", 'cat,minou,en,fr\n"salt, pepper","le ""sel"""\n', [("cat", "minou"), ("salt, pepper", 'le "sel"')]),
        ("a.csv", '"two\nlines",x\n', [("two lines", "x")]),
        ("a.tsv", "cat\tminou\ncat\tminou\n", [("cat", "minou")]),
        ("a.tsv", "cafe\u0301\tcafe\u0301\n", [("café", "café")]),
    ],
)
def test_tables(tmp_path: Path, name: str, content: str, terms: list[tuple[str, str]]) -> None:
    assert read(tmp_path, name, content) == terms


@pytest.mark.parametrize(
    ("content", "languages", "terms"),
    [
        (TBX_3, "en fr", [("tom cat", "minou & Cie"), ("pussy", "minou & Cie")]),
        (TBX_3, "en-US fr-CA", [("tom cat", "minou & Cie"), ("pussy", "minou & Cie")]),
        (TBX_3, "de en", [("Miez", "tom cat")]),
        (TBX_2, "en pt-BR", [("color wheel", "círculo cromático"), ("old", "velho")]),
        (TBX_2, "en pt", [("color wheel", "roda das cores"), ("old", "velho")]),
        (TBX_2, "pt en", [("roda das cores", "color wheel"), ("círculo cromático", "color wheel"), ("velho", "old")]),
        (TBX_3.replace("<tbx ", "<t:tbx ").replace("</tbx>", "</t:tbx>"), "de en", [("Miez", "tom cat")]),
    ],
)
def test_tbx(tmp_path: Path, content: str, languages: str, terms: list[tuple[str, str]]) -> None:
    assert read(tmp_path, "a.tbx", content, languages) == terms


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "cat\tminou", "a.txt: unknown format of a glossary; name a file that ends in .tsv, .csv or .tbx"),
        ("a.tsv", "cat\tminou\n\ndog", "a.tsv:3: must be two terms with a tab between them"),
        ("a.tsv", "cat\tminou\tfr", "a.tsv:1: must be two terms with a tab between them"),
        ("a.csv", "cat\tminou", "a.csv:1: must be two terms with a comma between them"),
        ("a.csv", 'cat,minou\n"dog,x\n', "a.csv:2: not valid CSV"),
        ("a.tsv", "cat\tminou\n \tx", "a.tsv:2: a term is empty; write a term on both sides or remove the entry"),
        ("a.tsv", "cat\ta\ncat\tb", "a.tsv:2: 'cat' already has another translation; remove one of the two"),
        ("a.tsv", b"cat\tminou\n\xff\tx", "a.tsv:2: invalid UTF-8; re-encode the file as UTF-8"),
        ("a.tsv", "\n", "a.tsv: contains no terms from en into fr; name another file"),
        ("a.tbx", "<tbx>\n<text></tbx>", "a.tbx:2: not well-formed XML (mismatched tag)"),
        ("a.tbx", "", "a.tbx:1: not well-formed XML (no element found)"),
        (
            "a.tbx",
            "<?xml version='1.0' encoding='x'?><tbx/>",
            "a.tbx:1: unknown encoding; re-encode the file as UTF-8",
        ),
        ("a.tbx", "\n<html><body/></html>", "a.tbx:2: the root element is 'html'; the root of a TBX file is"),
        ("a.tbx", "<tbx></tbx>", "a.tbx: contains no terms from en into fr; name another file"),
        (
            "a.tbx",
            '<!DOCTYPE tbx [\n<!ENTITY a "b">]><tbx/>',
            "a.tbx:2: declares an entity, which can be harmful; replace the entity by its text",
        ),
    ],
)
def test_errors_name_the_file_and_the_line(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(CarouselError) as error:
        read(tmp_path, name, content)
    assert str(error.value).startswith(f"{tmp_path}/{message}")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CarouselError, match=r"none\.tsv: cannot be read \(No such file"):
        read_terms(tmp_path / "none.tsv", "en", "fr")


def test_a_document_type_does_not_load_other_files(tmp_path: Path) -> None:
    (tmp_path / "terms.dtd").write_text('<!ENTITY cat "minou">')
    content = '<!DOCTYPE tbx SYSTEM "terms.dtd"><tbx><conceptEntry><langSec xml:lang="en"><term>&cat;</term></langSec>'
    content += '<langSec xml:lang="fr"><term>x</term></langSec></conceptEntry></tbx>'
    with pytest.raises(CarouselError):
        read(tmp_path, "a.tbx", content)
