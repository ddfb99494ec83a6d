"""Corpora as people have them: headers, extra columns, TMX, XLIFF, JSON, UTF-16, and other spellings of file names."""

import gzip
import json
from pathlib import Path

import pytest

from nmt.config.data import CorpusSpec, TableFile
from nmt.corpus.parallel_corpus import corpus_files, read_pairs
from nmt.utils.errors import CarouselError

PAIRS = [("A dog.", "Un chien."), ("Two cats!", "Deux chats & un <b> !")]

TMX = """<?xml version="1.0"?><tmx version="1.4"><header srclang="en"/><body>
<tu><tuv xml:lang="FR-fr"><seg>Un <bpt i="1">&lt;b></bpt>chien<ept i="1">&lt;/b></ept>.</seg></tuv>
<tuv xml:lang="en-GB"><seg>A <hi>dog</hi>.</seg></tuv></tu>
<tu><tuv xml:lang="en"><seg>No translation</seg></tuv></tu>
<tu><tuv lang="en"><seg>Two
 cats!</seg></tuv><tuv lang="fr"><seg>Deux chats &amp; un &lt;b&gt; !</seg></tuv></tu></body></tmx>"""
XLIFF1 = """<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2"><file source-language="en-US"
 target-language="fr"><body><trans-unit id="1"><source>A <g id="1">dog</g>.</source><target>Un chien<ph id="2">x</ph>.
</target><alt-trans><source>A dog</source><target>Un toutou</target></alt-trans></trans-unit>
<trans-unit id="2"><source>Untranslated</source></trans-unit><trans-unit id="3"><source>Two cats!</source>
<target>Deux chats &amp; un &lt;b&gt; !</target></trans-unit></body></file></xliff>"""
XLIFF2 = """<xliff version="2.0" srcLang="en" trgLang="fr"><file id="f"><unit id="1"><segment><source>A <pc>dog</pc>.
</source><target>Un chien.</target></segment><segment><source>Two cats!</source><target>Deux chats &amp; un &lt;b> !
</target></segment></unit></file></xliff>"""


def table(delimiter: str, header: str) -> str:
    return header + "\n" + "".join(f"{n}{delimiter}{t}{delimiter}{s}\n" for n, (s, t) in enumerate(PAIRS))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("c.tsv", table("\t", "id\tFrench\tEnglish")),
        ("c.csv", table(";", "id;target;source")),
        ("c.csv", table(",", "id,FR,en_US")),
        ("c.tmx", TMX),
        ("c.xlf", XLIFF1),
        ("c.xliff", XLIFF2),
        ("c.json", json.dumps([{"en": s, "fr": t} for s, t in PAIRS])),
        ("c.json", json.dumps({"version": 1, "data": [{"translation": {"EN": s, "fr-FR": t}} for s, t in PAIRS]})),
        ("c.json", json.dumps(PAIRS)),
        ("c.jsonl", "".join(json.dumps({"source": s, "Translation": t}) + "\n" for s, t in PAIRS)),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_formats(name: str, content: str, encoding: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, encoding=encoding)
    assert list(read_pairs(str(tmp_path / name), "en", "fr")) == PAIRS


@pytest.mark.parametrize(
    "spec",
    [
        {"table": "c.tsv", "columns": (3, 2), "header": False},
        {"table": "d.tsv", "columns": ("second", "first")},
        {"table": "d.tsv", "columns": (3, 2)},
    ],
)
def test_columns_of_a_recipe(spec: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.tsv").write_text(table("\t", "").removeprefix("\n"))
    Path("d.tsv").write_text(table("\t", "id\tfirst\tsecond"))
    assert list(read_pairs(TableFile.model_validate(spec), "en", "fr")) == PAIRS


@pytest.mark.parametrize(
    "name", ["c.pt-BR", "c.pt_BR", "c.pt_br", "c.pt", "c.pt.txt", "c_pt-BR.txt", "c.txt.pt", "c-pt", "c.portuguese"]
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_spellings_of_file_names(name: str, suffix: str, tmp_path: Path) -> None:
    for file in ("c.en", name + suffix):
        (tmp_path / file).write_bytes(gzip.compress(b"x\n") if file.endswith(".gz") else b"x\n")
    assert corpus_files(str(tmp_path / "c"), "en", "pt-BR")[1] == tmp_path / (name + suffix)
    assert list(read_pairs(str(tmp_path / "c"), "en", "pt-BR")) == [("x", "x")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.tsv", b"a\tb\tc\n", r"c\.tsv:1: 3 columns, of which none is called en or fr; .*columns: \[1, 2\]"),
        ("c.csv", b'en,fr\n"a,b\n', r"c\.csv:2: a quotation mark is not closed"),
        ("c.csv", b"en,fr\na,b\nc,d,e\n", r"c\.csv:3: 3 columns; write 2, as in line 1"),
        ("c.json", b'[{"en": "a"', r"c\.json:1: invalid JSON"),
        ("c.json", b"3", r"c\.json: contains no list of pairs"),
        ("c.json", b'[{"en": "a"}]', r"c\.json: record 1: no text in field 'fr'"),
        ("c.tmx", b"<tmx>\n<tu>", r"c\.tmx:2: invalid XML"),
        ("c.tmx", b"<tmx><tu><tuv lang='de'><seg>a</seg></tuv></tu></tmx>", r"no pair of en and fr .*found: de"),
        ("c.tmx", b"<!DOCTYPE tmx [<!ENTITY a 'b'>]><tmx>&a;</tmx>", r"declares the XML entity a"),
        ("c.tsv", "en\tfr\n".encode("utf-16") + b"\0", r"c\.tsv: begins as UTF-16, but is not valid UTF-16"),
        ("c.en", b"a\n", r"c\.fr: can't be read .*also looked for .*c\.FR"),
    ],
)
def test_messages_name_place_and_remedy(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    spec: CorpusSpec = str(tmp_path / ("c" if name == "c.en" else name))
    with pytest.raises(CarouselError, match=message) as error:
        list(read_pairs(spec, "en", "fr"))
    assert "\n" not in str(error.value)
