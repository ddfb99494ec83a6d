"""Tables with and without quoted cells."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.corpus.table_files import TableRow, read_table

CELL = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]) | st.sampled_from('",;\n\t'), max_size=8)


@given(rows=st.lists(st.lists(CELL, min_size=2, max_size=2), min_size=1, max_size=8))
def test_quoted_csv_is_read_as_the_csv_module_writes_it(rows: list[list[str]]) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    lines = buffer.getvalue().split("\n")[:-1]
    assert [row.cells for row in read_table(lines, ".csv")] == rows


def test_lines_of_rows_are_counted_across_quoted_line_feeds() -> None:
    lines = ["en,fr", '"two', 'lines","deux, lignes"', "last,fin"]
    assert list(read_table(lines, ".csv")) == [
        TableRow(1, ["en", "fr"]),
        TableRow(2, ["two\nlines", "deux, lignes"]),
        TableRow(4, ["last", "fin"]),
    ]


def test_unclosed_quotation_mark_spoils_one_row_only() -> None:
    lines = ["a,b", '"open,c', *[f"{n},x" for n in range(40)]]
    rows = list(read_table(lines, ".csv"))
    assert [row.line for row in rows if row.is_unclosed] == [2]
    assert len(rows) == 42


@pytest.mark.parametrize(
    ("lines", "cells"),
    [
        (['"Hi," he said.\t« Salut », dit-il.', '"Yes."\t"Oui."'], ['"Hi," he said.', "« Salut », dit-il."]),
        (['"He said ""hi""."\tIl a dit.', 'x"y\tz'], ['He said "hi".', "Il a dit."]),
        (['"a"\t"b"', '"c"\t"d"'], ["a", "b"]),
        (['6" pipe\ttube', "x\ty"], ['6" pipe', "tube"]),
    ],
)
def test_quotation_marks_in_tsv_are_text_unless_cells_are_quoted(lines: list[str], cells: list[str]) -> None:
    assert next(read_table(lines, ".tsv")).cells == cells


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_of_csv_is_found(delimiter: str) -> None:
    lines = [delimiter.join(("Well, yes", "Eh bien")) if delimiter != "," else "Well,Eh", delimiter.join("ab")]
    assert all(len(row.cells) == 2 for row in read_table(lines, ".csv"))
