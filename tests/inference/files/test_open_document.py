"""OpenDocument files and electronic books."""

from __future__ import annotations

import zipfile
from pathlib import Path

from odf.opendocument import OpenDocumentText, load
from odf.style import Style, TextProperties
from odf.text import A, H, LineBreak, Note, NoteBody, NoteCitation, P, S, Span
from pseudo import run, unchanged


def content(path: Path, name: str = "content.xml") -> str:
    with zipfile.ZipFile(path) as archive:
        return archive.read(name).decode()


def make_text(path: Path) -> None:
    made = OpenDocumentText()
    bold = Style(name="Bold", family="text")
    bold.addElement(TextProperties(fontweight="bold"))
    made.automaticstyles.addElement(bold)
    made.text.addElement(H(outlinelevel=1, text="the heading"))
    paragraph = P(text="a ")
    paragraph.addElement(Span(stylename=bold, text="black"))
    paragraph.addText(" cat")
    note = Note(noteclass="footnote")
    note.addElement(NoteCitation(text="1"))
    body = NoteBody()
    body.addElement(P(text="the note"))
    note.addElement(body)
    paragraph.addElement(note)
    paragraph.addText(" sleeps in")
    paragraph.addElement(S(c=1))
    paragraph.addElement(A(href="http://example.org/", text="this house"))
    paragraph.addElement(LineBreak())
    paragraph.addText("Next line")
    made.text.addElement(paragraph)
    made.save(path)


def test_text_document_keeps_styles_links_and_footnotes(tmp_path: Path) -> None:
    make_text(tmp_path / "source.odt")
    output = run(tmp_path / "source.odt")
    load(output)
    xml = content(output)
    assert ">THE HEADING</text:h>" in xml
    assert '>A <text:span text:style-name="Bold">BLACK</text:span> CAT<text:note ' in xml
    assert "<text:note-citation>1</text:note-citation><text:note-body><text:p>THE NOTE</text:p></text:note-body>" in xml
    assert "> SLEEPS IN <text:a " in xml
    assert ">THIS HOUSE</text:a><text:line-break/>NEXT LINE</text:p>" in xml


def test_text_document_without_changes_is_identical(tmp_path: Path) -> None:
    make_text(tmp_path / "source.odt")
    output = run(tmp_path / "source.odt", unchanged)
    with zipfile.ZipFile(tmp_path / "source.odt") as before, zipfile.ZipFile(output) as after:
        assert [info.filename for info in before.infolist()] == [info.filename for info in after.infolist()]
        assert all(before.read(name) == after.read(name) for name in before.namelist())


def make_book(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        book.writestr("META-INF/container.xml", "<container/>")
        book.writestr(
            "OEBPS/content.opf",
            '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>a book</dc:title>'
            "<dc:language>en</dc:language></package>",
        )
        book.writestr(
            "OEBPS/toc.ncx",
            '<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navLabel><text>first chapter</text></navLabel></ncx>',
        )
        book.writestr(
            "OEBPS/one.xhtml",
            '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en"><body><h1>first chapter</h1>'
            "<p>a <em>short</em> text<br/>two lines</p><img src='a.png'/></body></html>",
        )
        book.writestr("OEBPS/a.png", b"\x89PNG")


def test_book_keeps_its_first_member_and_changes_its_language(tmp_path: Path) -> None:
    make_book(tmp_path / "source.epub")
    output = run(tmp_path / "source.epub")
    with zipfile.ZipFile(output) as book:
        first = book.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        assert book.read("OEBPS/a.png") == b"\x89PNG"
    assert "<dc:title>A BOOK</dc:title><dc:language>fr</dc:language>" in content(output, "OEBPS/content.opf")
    assert "<text>FIRST CHAPTER</text>" in content(output, "OEBPS/toc.ncx")
    page = content(output, "OEBPS/one.xhtml")
    assert 'xml:lang="fr"' in page
    assert "<h1>FIRST CHAPTER</h1><p>A <em>SHORT</em> TEXT<br/> TWO LINES</p><img src='a.png'/>" in page
