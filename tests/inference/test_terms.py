"""Glossary terms in translations by a real model, and in translations that are already finished."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmt import Translation, Translator
from nmt.inference.terms import apply_terms
from nmt.inference.text_options import TextOptions
from nmt.inference.translation import Alternative, AppliedTerm
from nmt.text.glossary import TermList

DEMO_MODEL = Path(__file__).parents[2] / "data" / "demo-en-fr" / "model"
TERMS = TermList(
    [("cat", "minou"), ("book", "texte"), ("garden", "oasis"), ("black", "bleu marine"), ("AB-12", "CD-34")], "en", "fr"
)


@pytest.fixture(scope="module")
def translator() -> Translator:
    return Translator.load(DEMO_MODEL)


@pytest.mark.parametrize(
    ("text", "expected", "used"),
    [
        ("The black cat sleeps.", "Le minou bleu marine dort.", ["cat", "black"]),
        ("Hugo found a book and he read it.", "Hugo a trouvé un texte et il l'a lu.", ["book"]),
        ("The book is in the garden.", "Le texte est dans l'oasis.", ["book", "garden"]),
        ("THE CAT SLEEPS.", "LE MINOU DORT.", ["cat"]),
        ("• The cat sleeps. 🎉", "• Le minou dort. 🎉", ["cat"]),
        ("Where is my key?", "Où est ma clé ?", []),
        ("cat", "minou", ["cat"]),
        ("Cat!", "Minou !", ["cat"]),
        ("“Cats”", "“Minou”", ["cat"]),
        # Text that is copied otherwise.
        ("AB-12 / №5", "CD-34 / №5", ["AB-12"]),
        ("№5", "№5", []),
    ],
)
def test_terms_in_translations(translator: Translator, text: str, expected: str, used: list[str]) -> None:
    translation = translator.translate(text, text_options=TextOptions(terms=TERMS))
    assert translation.text == expected
    assert sorted(term.source for term in translation.terms) == sorted(used)


def test_a_part_of_a_protected_span_is_no_term(translator: Translator) -> None:
    text = "The cat sleeps at https://cat.example/black-cat today."
    translation = translator.translate(text, text_options=TextOptions(terms=TERMS))
    assert "https://cat.example/black-cat" in translation.text
    assert " minou " in translation.text
    assert [term.source for term in translation.terms] == ["cat"]


def test_alternatives_have_the_terms(translator: Translator) -> None:
    options = TextOptions(terms=TERMS)
    translation = translator.translate("The black cat sleeps.", alternatives=3, text_options=options)
    texts = [translation.text, *(each.text for each in translation.alternatives)]
    assert all(" minou " in text and " bleu marine " in text for text in texts)
    assert len(set(texts)) == len(texts)


def test_terms_of_a_finished_translation() -> None:
    source = "The  cat\u00a0sleeps."
    translation = Translation(
        "Le chat dort.",
        alternatives=(Alternative("Le matou dort.", -0.5), Alternative("Un chat dort.", -1.0)),
        alignment=((0, 3, 0, 2), (5, 8, 3, 7), (9, 15, 8, 12)),
    )
    found = apply_terms(TERMS, source, translation)
    assert found.text == "Le minou dort."
    assert found.alignment == ((0, 3, 0, 2), (5, 8, 3, 8), (9, 15, 9, 13))
    assert [each.text for each in found.alternatives] == ["Un minou dort."]
    assert found.terms == (AppliedTerm("cat", "minou"),)
    assert apply_terms(TERMS, "The dog", translation) is translation
    copied = Translation("The cat", copied=True)
    assert apply_terms(TERMS, "The cat", copied) is copied
