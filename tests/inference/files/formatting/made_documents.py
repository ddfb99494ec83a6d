"""Ten documents per format with the formatting of real ones, made by the libraries of the formats."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import docx
import openpyxl
import pptx
from docx.enum.text import WD_BREAK, WD_COLOR_INDEX
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Pt, RGBColor
from odf import table as odf_table
from odf.draw import Frame, Page, TextBox
from odf.opendocument import OpenDocumentPresentation, OpenDocumentSpreadsheet, OpenDocumentText
from odf.style import MasterPage, PageLayout, Style, TextProperties
from odf.text import (
    A,
    Bookmark,
    H,
    LineBreak,
    List,
    ListItem,
    Note,
    NoteBody,
    NoteCitation,
    P,
    Ruby,
    RubyBase,
    Span,
    Tab,
)
from odf.text import RubyText as OdfRubyText
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

NUM_DOCUMENTS = 10
TEXT = (
    "the report shows that new results of our small team are better than last year because every customer asked for "
    "more help with the old system and we found a simple way to answer them on time without much extra work or cost in "
    "any region where local partners sell boats bicycles garden tools coffee paper lamps and winter clothes to large "
    "hotels"
)
WORDS = TEXT.split()
# An image of one pixel.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8ffff3f0005fe02fe"
    "dccc59e70000000049454e44ae426082"
)


class Writer:
    """Random sentences, the same for the same number of a document."""

    def __init__(self, number: int) -> None:
        self._random = random.Random(number)

    def words(self, least: int, most: int) -> str:
        return " ".join(self._random.choices(WORDS, k=self._random.randint(least, most)))

    def sentence(self) -> str:
        return self.words(5, 14).capitalize() + "."

    def parts(self, kinds: list[str]) -> Iterator[tuple[str, str]]:
        """Yield the parts of a paragraph of two sentences: text, and a kind of formatting or nothing."""
        for end in (". ", "."):
            yield self.words(2, 5).capitalize(), ""
            for kind in self._random.sample(kinds, 3):
                yield f" {self.words(1, 3)}", kind
                yield f" {self.words(2, 4)}", ""
            yield end, ""


def _add_hyperlink(paragraph, text: str, address: str) -> None:
    relation = paragraph.part.relate_to(address, RELATIONSHIP_TYPE.HYPERLINK, is_external=True)
    link = OxmlElement("w:hyperlink")
    link.set(qn("r:id"), relation)
    run = parse_xml(f'<w:r {nsdecls("w")}><w:rPr><w:u w:val="single"/></w:rPr><w:t xml:space="preserve"/></w:r>')
    run.find(qn("w:t")).text = text
    link.append(run)
    paragraph._p.append(link)


_DOCX_KINDS = ["bold", "italic", "underline", "colour", "size", "highlight", "superscript", "link", "style"]


def _fill_paragraph(paragraph, writer: Writer) -> None:
    for text, kind in writer.parts(_DOCX_KINDS):
        if kind == "link":
            paragraph.add_run(" ")
            _add_hyperlink(paragraph, text.strip(), "https://example.org/page")
            continue
        run = paragraph.add_run(text)
        match kind:
            case "bold" | "italic" | "underline":
                setattr(run, kind, True)
            case "colour":
                run.font.color.rgb = RGBColor(200, 0, 0)
            case "size":
                run.font.size = Pt(15)
            case "highlight":
                run.font.highlight_color = WD_COLOR_INDEX.YELLOW
            case "superscript":
                run.font.superscript = True
            case "style":
                run.style = "Strong"


def make_docx(path: Path, number: int) -> None:
    made, writer = docx.Document(), Writer(number)
    section = made.sections[0]
    section.header.paragraphs[0].text = writer.sentence()
    _fill_paragraph(section.footer.paragraphs[0], writer)
    made.add_heading(writer.words(2, 5).capitalize(), 0)
    for _ in range(2):
        made.add_heading(writer.words(2, 5).capitalize(), 1)
        for _ in range(3):
            _fill_paragraph(made.add_paragraph(), writer)
        for _ in range(3):
            made.add_paragraph(writer.sentence(), style="List Number")
        made.add_picture(io.BytesIO(PNG), width=Inches(1))
        rows = made.add_table(3, 3, style="Light Grid Accent 1")
        rows.cell(0, 0).merge(rows.cell(0, 1))
        for cell in rows._cells:
            _fill_paragraph(cell.paragraphs[0], writer)
    paragraph = made.add_paragraph(writer.sentence())
    paragraph.add_run().add_break(WD_BREAK.PAGE)
    paragraph.add_run(writer.words(3, 6).capitalize() + ".")
    field = "".join(
        f"<w:r {nsdecls('w')}>{part}</w:r>"
        for part in (
            '<w:fldChar w:fldCharType="begin"/>',
            "<w:instrText> PAGE </w:instrText>",
            '<w:fldChar w:fldCharType="separate"/>',
            "<w:t>1</w:t>",
            '<w:fldChar w:fldCharType="end"/>',
        )
    )
    numbered = parse_xml(f'<w:p {nsdecls("w")}><w:r><w:t xml:space="preserve">See the page </w:t></w:r>{field}</w:p>')
    made.element.body.insert(1, numbered)
    made.save(path)


_ODF_KINDS = ["Bold", "Italic", "Under", "link", "Large"]


def _add_odf_styles(made) -> None:
    properties = {
        "Bold": {"fontweight": "bold"},
        "Italic": {"fontstyle": "italic"},
        "Under": {"textunderlinestyle": "solid"},
        "Large": {"fontsize": "18pt"},
    }
    for name, values in properties.items():
        style = Style(name=name, family="text")
        style.addElement(TextProperties(**values))
        made.automaticstyles.addElement(style)


def _odf_paragraph(writer: Writer) -> P:
    paragraph = P()
    for text, kind in writer.parts(_ODF_KINDS):
        stripped = text.strip() if kind else text
        if kind:
            paragraph.addText(" ")
        if kind == "link":
            paragraph.addElement(A(href="https://example.org/page", text=stripped))
        elif kind:
            paragraph.addElement(Span(stylename=kind, text=stripped))
        else:
            paragraph.addText(stripped)
    return paragraph


def make_odt(path: Path, number: int) -> None:
    made, writer = OpenDocumentText(), Writer(number)
    _add_odf_styles(made)
    for chapter in range(3):
        made.text.addElement(H(outlinelevel=1, text=writer.words(2, 5).capitalize()))
        for _ in range(3):
            made.text.addElement(_odf_paragraph(writer))
        paragraph = P(text=writer.words(3, 6).capitalize())
        note = Note(noteclass="footnote")
        note.addElement(NoteCitation(text=str(chapter + 1)))
        body = NoteBody()
        body.addElement(_odf_paragraph(writer))
        note.addElement(body)
        paragraph.addElement(note)
        paragraph.addText(f" {writer.words(2, 4)}.")
        paragraph.addElement(LineBreak())
        paragraph.addElement(Bookmark(name=f"mark{chapter}"))
        paragraph.addText(writer.sentence())
        paragraph.addElement(Tab())
        paragraph.addText(writer.sentence())
        made.text.addElement(paragraph)
        items = List()
        for _ in range(3):
            item = ListItem()
            item.addElement(_odf_paragraph(writer))
            items.addElement(item)
        made.text.addElement(items)
        ruby = Ruby()
        ruby.addElement(RubyBase(text="word"))
        ruby.addElement(OdfRubyText(text="reading"))
        paragraph = P(text=f"{writer.words(2, 4).capitalize()} ")
        paragraph.addElement(ruby)
        paragraph.addText(f" {writer.words(2, 4)}.")
        made.text.addElement(paragraph)
    made.text.addElement(_odf_table(writer))
    made.save(path)


def _odf_table(writer: Writer) -> odf_table.Table:
    made = odf_table.Table(name="Table")
    made.addElement(odf_table.TableColumn(numbercolumnsrepeated=3))
    for _ in range(3):
        row = odf_table.TableRow()
        for _ in range(2):
            cell = odf_table.TableCell(valuetype="string")
            cell.addElement(_odf_paragraph(writer))
            row.addElement(cell)
        number = odf_table.TableCell(valuetype="float", value="2", formula="of:=1+1")
        number.addElement(P(text="2"))
        row.addElement(number)
        made.addElement(row)
    return made


def make_ods(path: Path, number: int) -> None:
    made, writer = OpenDocumentSpreadsheet(), Writer(number)
    _add_odf_styles(made)
    made.spreadsheet.addElement(_odf_table(writer))
    made.save(path)


def make_odp(path: Path, number: int) -> None:
    made, writer = OpenDocumentPresentation(), Writer(number)
    _add_odf_styles(made)
    layout = PageLayout(name="Layout")
    made.automaticstyles.addElement(layout)
    master = MasterPage(name="Master", pagelayoutname=layout)
    made.masterstyles.addElement(master)
    for slide in range(4):
        page = Page(name=f"slide{slide}", masterpagename=master)
        made.presentation.addElement(page)
        for place in range(2):
            frame = Frame(width="20cm", height="5cm", x="2cm", y=f"{2 + 6 * place}cm")
            box = TextBox()
            frame.addElement(box)
            box.addElement(_odf_paragraph(writer))
            page.addElement(frame)
    made.save(path)


def make_xlsx(path: Path, number: int) -> None:
    made, writer = openpyxl.Workbook(), Writer(number)
    for sheet in (made.active, made.create_sheet("Second")):
        for row in range(1, 7):
            sheet.cell(row, 1, writer.words(1, 3)).font = Font(bold=row == 1, color="FF0000")
            sheet.cell(row, 2, row * 1.5).number_format = "0.00"
            sheet.cell(row, 3, f"=SUM(B1:B{row})").fill = PatternFill("solid", fgColor="FFFF00")
            parts = list(writer.parts(["b", "i", "u"]))
            fonts = {"b": InlineFont(b=True), "i": InlineFont(i=True), "u": InlineFont(u="single")}
            rich = [TextBlock(fonts[kind], text) if kind else text for text, kind in parts]
            sheet.cell(row, 4).value = CellRichText(*rich)
        sheet["A2"].comment = Comment(writer.sentence(), "someone")
        sheet["A3"].hyperlink = "https://example.org/"
        sheet.merge_cells("A8:B8")
        sheet["A8"] = writer.sentence()
        chart = BarChart()
        chart.title = writer.words(2, 4)
        chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=6))
        sheet.add_chart(chart, "F2")
    made.save(path)


def make_pptx(path: Path, number: int) -> None:
    made, writer = pptx.Presentation(), Writer(number)
    for _ in range(4):
        slide = made.slides.add_slide(made.slide_layouts[1])
        slide.shapes.title.text = writer.words(2, 5)
        frame = slide.placeholders[1].text_frame
        for level in range(3):
            paragraph = frame.paragraphs[0] if level == 0 else frame.add_paragraph()
            paragraph.level = level
            for text, kind in writer.parts(["bold", "italic", "underline", "link", "size"]):
                run = paragraph.add_run()
                run.text = text
                if kind == "link":
                    run.hyperlink.address = "https://example.org/"
                elif kind == "size":
                    run.font.size = pptx.util.Pt(30)
                elif kind:
                    setattr(run.font, kind, True)
        slide.notes_slide.notes_text_frame.text = writer.sentence()
        cells = slide.shapes.add_table(2, 2, Inches(1), Inches(5), Inches(4), Inches(1)).table
        for row in range(2):
            for column in range(2):
                cells.cell(row, column).text = writer.words(1, 3)
        data = CategoryChartData()
        data.categories = [writer.words(1, 2) for _ in range(3)]
        data.add_series(writer.words(1, 2), (1, 2, 3))
        slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(5), Inches(5), Inches(3), Inches(2), data)
        slide.shapes.add_picture(io.BytesIO(PNG), Inches(1), Inches(1))
    made.save(path)


def make_epub(path: Path, number: int) -> None:
    """Write a book by hand; no library with a permissive licence writes one."""
    writer = Writer(number)
    tags = {"b": "strong", "i": "em", "c": 'span class="c"', "l": 'a href="two.xhtml#x"'}
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        book.writestr("META-INF/container.xml", "<container/>")
        book.writestr(
            "OEBPS/content.opf",
            f'<package xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{writer.words(2, 4)}</dc:title></package>',
        )
        for name in ("one", "two"):
            body = ""
            for _ in range(4):
                parts = [
                    f" <{tags[kind]}>{text.strip()}</{tags[kind].split()[0]}>" if kind else text
                    for text, kind in writer.parts(list(tags))
                ]
                body += (
                    f"<h2>{writer.words(2, 4)}</h2><p id='p'>{''.join(parts)}</p><ul><li>{writer.sentence()}</li></ul>"
                )
                body += f"<p>{writer.words(2, 3)} <ruby>word<rt>reading</rt></ruby> {writer.words(2, 3)}.<br/></p>"
                body += (
                    f"<p>{writer.words(2, 3)}<a href='#n'><sup>1</sup></a> {writer.words(2, 3)}.</p><img src='a.png'/>"
                )
            html = f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>t</title></head><body>{body}</body></html>'
            book.writestr(f"OEBPS/{name}.xhtml", html)


MAKERS: dict[str, Callable[[Path, int], None]] = {
    ".docx": make_docx,
    ".pptx": make_pptx,
    ".xlsx": make_xlsx,
    ".odt": make_odt,
    ".ods": make_ods,
    ".odp": make_odp,
    ".epub": make_epub,
}
