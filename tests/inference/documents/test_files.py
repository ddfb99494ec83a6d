"""Translation of document files on the command line."""

from __future__ import annotations

from pathlib import Path

import docx
import pytest
from conftest import Nmt

DEMO = Path(__file__).parents[3] / "data" / "demo-en-fr" / "model"
PAGE = """\ufeff<!DOCTYPE html>\r
<html lang="en"><head><title>the king</title><style>p {{ color: red }}</style></head>\r
<body><!-- the dog -->\r
<h1>{0}</h1>\r
<p class="x">{1}  {2}</p>\r
<pre>the dog  sees</pre><p>&nbsp;</p><p>\U0001f600</p>\r
</body></html>"""
SENTENCES = ("the red dog", "the dog sees the cat.", "the cat sees the king &amp; the dog.")


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "Page.HTML"
    path.write_bytes(PAGE.format(*SENTENCES).encode())
    return path


def test_page_is_translated_like_its_lines(page: Path, model: Path, tmp_path: Path, nmt: Nmt) -> None:
    plain = tmp_path / "in"
    plain.write_text("\n".join(("the king", *SENTENCES)).replace("&amp;", "&") + "\n", encoding="utf-8")
    title, *lines = nmt("translate", model, plain).out.replace("&", "&amp;").splitlines()
    assert lines[1] == "le chien voit le chat."
    expected = PAGE.format(*lines).replace("the king", title).replace('"en"', '"fr"').removeprefix("\ufeff")
    assert nmt("translate", model, page, "-o", tmp_path / "out.html").status == 0
    assert (tmp_path / "out.html").read_bytes().decode() == expected
    assert nmt("translate", model, page).out == expected


def test_tags_follow_the_alignment(tmp_path: Path, nmt: Nmt) -> None:
    """Translating documents computes the alignment, unlike translating lines."""
    (tmp_path / "in.htm").write_text("<p>The <b>black</b> cat sleeps.</p>", encoding="utf-8")
    assert nmt("translate", DEMO, tmp_path / "in.htm").out == "<p>Le chat <b>noir</b> dort.</p>"


@pytest.mark.parametrize("text", ["", "\n", "<p></p>", "<script>the dog</script>\n"])
def test_page_without_words_is_unchanged(text: str, model: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in.html").write_text(text, encoding="utf-8")
    ran = nmt("translate", model, tmp_path / "in.html")
    assert (ran.status, ran.out, ran.err) == (0, text, "")


def test_xml_is_translated(tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in.xml").write_text(
        "<?xml version='1.0'?>\n<d><t>Where is my key?</t><p a='b'/></d>\n", encoding="utf-8"
    )
    expected = "<?xml version='1.0'?>\n<d><t>Où est ma clé ?</t><p a='b'/></d>\n"
    assert nmt("translate", DEMO, tmp_path / "in.xml").out == expected


def test_invalid_xml_is_reported_with_file_line_and_column(tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in.xml").write_text("<a>\n<b>the dog</a>", encoding="utf-8")
    ran = nmt("translate", DEMO, tmp_path / "in.xml")
    assert ran.status == 1
    assert ran.err.endswith("/in.xml:2:13: not well-formed XML (mismatched tag); correct the markup\n")


def test_invalid_utf8_is_reported_with_file_and_line(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in.html").write_bytes(b"<p>the dog\n<p>caf\xe9\n")
    ran = nmt("translate", model, tmp_path / "in.html", "-o", tmp_path / "out.html")
    assert ran.status == 1
    assert ran.err.endswith("/in.html:2: invalid UTF-8 (byte 0xe9); re-encode the file as UTF-8\n")
    assert not (tmp_path / "out.html").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--json"], "--json: applies only to lines, and PAGE is a document; remove --json"),
        (["--ray", "-o", "out.html"], "--ray: applies only to lines, and PAGE is a document; remove --ray"),
        (["in.txt"], "PAGE: documents are translated one at a time; name no other file"),
        (
            ["-o", "out.jsonl"],
            "out.jsonl: a .jsonl file holds pairs of lines, and PAGE is a document; name a file that ends in .HTML",
        ),
    ],
)
def test_options_for_lines_are_rejected_for_documents(options: list[str], message: str, page: Path, nmt: Nmt) -> None:
    """The check comes before the model is loaded."""
    ran = nmt("translate", "nowhere", page, *options)
    assert ran.status == 2
    assert message.replace("PAGE", str(page)) in ran.err


def test_unwritable_output_is_reported_before_the_document_is_read(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    ran = nmt("translate", model, "nowhere.html", "-o", tmp_path)
    assert (ran.status, ran.err) == (
        1,
        f"nmt: {tmp_path}: can't be written (Is a directory); choose another path\n",
    )


def test_missing_document_is_reported(model: Path, nmt: Nmt) -> None:
    ran = nmt("translate", model, "nowhere.html")
    assert (ran.status, ran.err) == (
        1,
        "nmt: nowhere.html: can't be read (No such file or directory); name a document\n",
    )


def test_office_document_is_translated(tmp_path: Path, nmt: Nmt) -> None:
    made = docx.Document()
    made.add_paragraph("The ").add_run("black").bold = True
    made.paragraphs[0].add_run(" cat sleeps.")
    made.save(str(tmp_path / "in.docx"))
    assert nmt("translate", DEMO, tmp_path / "in.docx", "-o", tmp_path / "out.docx").status == 0
    runs = docx.Document(str(tmp_path / "out.docx")).paragraphs[0].runs
    assert [(run.text, run.bold) for run in runs] == [("Le chat ", None), ("noir", True), (" dort.", None)]
    assert {path.name for path in tmp_path.iterdir()} == {"in.docx", "out.docx"}
    ran = nmt("translate", DEMO, tmp_path / "in.docx")
    assert ran.status == 2
    assert ran.err.endswith("in.docx: is not written to a terminal or pipe; name an output file with -o\n")


def test_format_and_fields_are_options(tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in.dat").write_text("key,text\nThe black cat sleeps.,Where is my key?\n", encoding="utf-8")
    ran = nmt("translate", DEMO, tmp_path / "in.dat", "--format", "csv", "--field", "text")
    assert ran.out == "key,text\nThe black cat sleeps.,Où est ma clé ?\n"
    ran = nmt("translate", DEMO, tmp_path / "in.html", "--field", "text")
    assert (ran.status, ran.err) == (2, "nmt: --field: does not apply to the format html; remove --field\n")
    ran = nmt("translate", DEMO, tmp_path / "in.dat", "--format", "none")
    assert ran.err.startswith("nmt: format: there is no 'none'; use one of csv, docx, ")


def test_interrupted_document_is_resumed(tmp_path: Path, nmt: Nmt) -> None:
    """A journal of the same file and options has the translations; that of others is ignored."""
    source, output = tmp_path / "in.srt", tmp_path / "out.srt"
    source.write_text("1\n00:00:01,000 --> 00:00:02,000\nThe black cat sleeps.\n", encoding="utf-8")
    (tmp_path / ".out.srt.journal").write_text('{"key": "another"}\n["wrong", null]\n', encoding="utf-8")
    assert nmt("translate", DEMO, source, "-o", output).status == 0
    assert output.read_text(encoding="utf-8").endswith("\nLe chat noir dort.\n")
    assert {path.name for path in tmp_path.iterdir()} == {"in.srt", "out.srt"}
