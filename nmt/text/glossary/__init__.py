"""Glossaries: lists of terms with prescribed translations, their file formats and their use in a translation."""

from nmt.text.glossary.file_formats import TERM_SUFFIXES, parse_rows, read_terms
from nmt.text.glossary.replacement import TermReplacement, replace_terms
from nmt.text.glossary.term_entry import TermEntry, TermFileError
from nmt.text.glossary.term_list import TermList, TermMatch

__all__ = [
    "TERM_SUFFIXES",
    "TermEntry",
    "TermFileError",
    "TermList",
    "TermMatch",
    "TermReplacement",
    "parse_rows",
    "read_terms",
    "replace_terms",
]
