"""Office files: opened by their own libraries, they differ from the source in translated text alone."""

from __future__ import annotations

import zipfile
from pathlib import Path

import docx
import openpyxl
import pptx
import pytest
from docx.oxml import parse_xml
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.comments import Comment
from openpyxl.worksheet.table import Table
from pseudo import reversed_words, run, unchanged

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def runs(paragraph) -> list[tuple[str, bool | None, bool | None]]:
    return [(run.text, run.bold, run.italic) for run in paragraph.runs]


@pytest.fixture
def document(tmp_path: Path) -> Path:
    made = docx.Document()
    made.add_heading("The big title", 1)
    paragraph = made.add_paragraph("The ")
    paragraph.add_run("black").bold = True
    paragraph.add_run(" cat ")
    paragraph.add_run("sleeps").italic = True
    paragraph.add_run(" here.")
    made.add_paragraph("Left\tright")
    made.add_paragraph("first item", style="List Bullet")
    made.add_table(1, 2).cell(0, 0).text = "in a cell"
    made.sections[0].header.paragraphs[0].text = "at the top"
    made.sections[0].footer.paragraphs[0].text = "at the bottom"
    made.save(tmp_path / "source.docx")
    return tmp_path / "source.docx"


def test_word_document_keeps_styles_runs_and_structure(document: Path) -> None:
    found = docx.Document(str(run(document)))
    heading, mixed, tabbed, item = found.paragraphs
    assert (heading.text, heading.style.name) == ("THE BIG TITLE", "Heading 1")
    assert runs(mixed) == [
        ("THE ", None, None),
        ("BLACK", True, None),
        (" CAT ", None, None),
        ("SLEEPS", None, True),
        (" HERE.", None, None),
    ]
    assert tabbed.text == "LEFT\tRIGHT"
    assert (item.text, item.style.name) == ("FIRST ITEM", "List Bullet")
    assert found.tables[0].cell(0, 0).text == "IN A CELL"
    assert found.sections[0].header.paragraphs[0].text == "AT THE TOP"
    assert found.sections[0].footer.paragraphs[0].text == "AT THE BOTTOM"


def test_word_document_without_changes_is_identical(document: Path) -> None:
    assert contents(run(document, unchanged)) == contents(document)


def test_only_members_with_text_change(document: Path) -> None:
    before, after = contents(document), contents(run(document))
    assert list(before) == list(after)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"word/document.xml", "word/header1.xml", "word/footer1.xml"}


def test_links_fields_notes_and_text_boxes_stay(tmp_path: Path) -> None:
    made = docx.Document()
    body = made.element.body
    box = (
        '<w:r><w:pict><v:textbox xmlns:v="urn:schemas-microsoft-com:vml"><w:txbxContent><w:p><w:r><w:t>in a box</w:t>'
        "</w:r></w:p></w:txbxContent></v:textbox></w:pict></w:r>"
    )
    body.insert(
        0,
        parse_xml(
            f'<w:p {_W}><w:pPr><w:jc w:val="center"/></w:pPr><w:r><w:t xml:space="preserve">see </w:t></w:r>'
            '<w:hyperlink w:anchor="x"><w:r><w:rPr><w:u w:val="single"/></w:rPr><w:t>the page</w:t></w:r></w:hyperlink>'
            '<w:r><w:rPr><w:vertAlign w:val="superscript"/></w:rPr><w:footnoteReference w:id="7"/></w:r>'
            '<w:proofErr w:type="spellStart"/><w:r w:rsidR="1"><w:t xml:space="preserve"> for </w:t></w:r>'
            "<w:r w:rsidR='2'><w:rPr><w:lang w:val='en-US'/></w:rPr><w:t>more &amp; more</w:t></w:r>"
            f'<w:bookmarkStart w:id="0" w:name="b"/>{box}<w:bookmarkEnd w:id="0"/></w:p>'
        ),
    )
    made.save(tmp_path / "source.docx")
    xml = contents(run(tmp_path / "source.docx"))["word/document.xml"].decode()
    assert '<w:pPr><w:jc w:val="center"/></w:pPr>' in xml
    assert (
        '<w:hyperlink w:anchor="x"><w:r><w:rPr><w:u w:val="single"/></w:rPr><w:t xml:space="preserve">THE PAGE<' in xml
    )
    assert '<w:vertAlign w:val="superscript"/></w:rPr><w:footnoteReference w:id="7"/></w:r>' in xml
    assert "FOR MORE &amp; MORE</w:t>" in xml  # runs that look alike are one run
    assert ">IN A BOX</w:t>" in xml
    assert "<w:bookmarkStart" in xml
    assert "<w:bookmarkEnd" in xml


def test_deleted_text_and_field_codes_are_not_translated(tmp_path: Path) -> None:
    made = docx.Document()
    made.element.body.insert(
        0,
        parse_xml(
            f'<w:p {_W}><w:del w:id="1" w:author="a"><w:r><w:delText>old words</w:delText></w:r></w:del>'
            '<w:ins w:id="2" w:author="a"><w:r><w:t>new words</w:t></w:r></w:ins>'
            "<w:r><w:instrText>REF target</w:instrText></w:r></w:p>"
        ),
    )
    made.save(tmp_path / "source.docx")
    xml = contents(run(tmp_path / "source.docx"))["word/document.xml"].decode()
    assert "<w:delText>old words</w:delText>" in xml
    assert "NEW WORDS</w:t></w:r></w:ins>" in xml
    assert "<w:instrText>REF target</w:instrText>" in xml


def test_style_follows_its_word(tmp_path: Path) -> None:
    made = docx.Document()
    paragraph = made.add_paragraph("a few ")
    paragraph.add_run("bold").bold = True
    paragraph.add_run(" words here")
    made.save(tmp_path / "source.docx")
    found = docx.Document(str(run(tmp_path / "source.docx", reversed_words))).paragraphs[0]
    assert runs(found) == [("HERE WORDS ", None, None), ("BOLD", True, None), (" FEW A", None, None)]


def test_workbook_keeps_formulas_numbers_and_table_headers(tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    sheet = made.active
    for row in (["Name", "Amount"], ["a green apple", 5], ["a pear", 2.5], ["the sum", "=SUM(B2:B3)"]):
        sheet.append(row)
    sheet["D1"] = CellRichText("plain ", TextBlock(InlineFont(b=True), "bold"), " again")
    sheet["A2"].comment = Comment("a remark", "someone")
    sheet.add_table(Table(displayName="Fruit", ref="A1:B3"))
    made.save(tmp_path / "source.xlsx")
    found = openpyxl.load_workbook(run(tmp_path / "source.xlsx"), rich_text=True).active
    values = [[cell.value for cell in row[:2]] for row in found]
    assert values == [["Name", "Amount"], ["A GREEN APPLE", 5], ["A PEAR", 2.5], ["THE SUM", "=SUM(B2:B3)"]]
    assert [str(part) for part in found["D1"].value] == ["PLAIN ", "BOLD", " AGAIN"]
    assert found["D1"].value[1].font.b
    assert found["A2"].comment.text == "A REMARK"
    assert contents(run(tmp_path / "source.xlsx", unchanged)) == contents(tmp_path / "source.xlsx")


def test_presentation_keeps_slide_order_and_notes(tmp_path: Path) -> None:
    made = pptx.Presentation()
    for number in range(12):
        slide = made.slides.add_slide(made.slide_layouts[1])
        slide.shapes.title.text = f"slide number {number}"
        frame = slide.placeholders[1].text_frame
        frame.text = "one point"
        bold = frame.paragraphs[0].add_run()
        bold.text, bold.font.bold = " bold", True
        slide.notes_slide.notes_text_frame.text = "a note"
    made.save(tmp_path / "source.pptx")
    found = pptx.Presentation(str(run(tmp_path / "source.pptx")))
    assert [slide.shapes.title.text for slide in found.slides] == [f"SLIDE NUMBER {number}" for number in range(12)]
    for slide in found.slides:
        first = slide.placeholders[1].text_frame.paragraphs[0]
        assert [(run.text, run.font.bold) for run in first.runs] == [("ONE POINT ", None), ("BOLD", True)]
        assert slide.notes_slide.notes_text_frame.text == "A NOTE"
    assert contents(run(tmp_path / "source.pptx", unchanged)) == contents(tmp_path / "source.pptx")


def make_paragraph(path: Path, inner: str) -> None:
    made = docx.Document()
    made.element.body.insert(0, parse_xml(f"<w:p {_W}>{inner}</w:p>"))
    made.save(path)


def styled(style: str, text: str) -> str:
    properties = f"<w:rPr><w:{style}/></w:rPr>" if style else ""
    return f'<w:r>{properties}<w:t xml:space="preserve">{text}</w:t></w:r>'


def test_styles_and_links_change_places_with_their_words(tmp_path: Path) -> None:
    link = f'<w:hyperlink w:anchor="x">{styled("u", "the link")}</w:hyperlink>'
    inner = [styled("b", "bold words"), styled("", " are "), styled("i", "before"), styled("", " this and "), link]
    make_paragraph(tmp_path / "source.docx", "".join(inner))
    xml = contents(run(tmp_path / "source.docx", reversed_words))["word/document.xml"].decode()
    link = f'<w:hyperlink w:anchor="x">{styled("u", "LINK THE")}</w:hyperlink>'
    expected = [link, styled("", " AND THIS "), styled("i", "BEFORE"), styled("", " ARE "), styled("b", "WORDS BOLD")]
    assert "".join(expected) in xml


def test_codes_of_a_field_keep_their_order(tmp_path: Path) -> None:
    marks = [f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "separate", "end")]
    code = "<w:r><w:instrText> PAGE </w:instrText></w:r>"
    field = f"{marks[0]}{code}{marks[1]}{styled('b', 'seven')}{marks[2]}"
    make_paragraph(tmp_path / "source.docx", f"{styled('i', 'See page')}{styled('', ' number ')}{field}")
    xml = contents(run(tmp_path / "source.docx", reversed_words))["word/document.xml"].decode()
    places = [xml.index(part) for part in (marks[0], code, marks[1], marks[2])]
    assert places == sorted(places)


@pytest.mark.parametrize("character", ["\U000f0000", "\U000f0001", "\U000ffffd"])
def test_private_use_characters_stay(tmp_path: Path, character: str) -> None:
    inner = f"{styled('b', f'one {character}')}{styled('', f' two {character} three')}"
    make_paragraph(tmp_path / "source.docx", inner)
    found = docx.Document(str(run(tmp_path / "source.docx"))).paragraphs[0]
    assert runs(found) == [(f"ONE {character}", True, None), (f" TWO {character} THREE", None, None)]
