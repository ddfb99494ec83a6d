"""Surface form of sentences: casing and final punctuation are normalised for the network and restored afterwards."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.text.surface_form import Casing, SurfaceForm, analyse_surface, restore_surface, to_network_form
from nmt.text.truecasing import Truecaser

LANGUAGES = st.sampled_from(["en", "fr", "de", "tr", "el", "zh", "ar", "hi", "th", "ka"])
PLACEHOLDER = "\U000f0003"
WORDS = ["The", "cat", "THE", "Cat", "l'eau", "im", "Haus", "sleeps", "...", "!", "?!", "NASA", "12", "猫"]
TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="aAbBß iIİı.!?…。,'\" " + PLACEHOLDER, max_size=40),
    st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join),
).map(lambda text: " ".join(text.split()))


def network(text: str, trained: bool = False, language: str = "en") -> str:
    # A vocabulary with the token "Tom" and with the letters of all other words.
    truecaser = Truecaser(lambda word: 1 if word == "Tom" else len(word), language)
    return to_network_form(text, analyse_surface(text), trained, truecaser.truecase)


def restore(source: str, translation: str, language: str) -> str:
    return restore_surface(translation, analyse_surface(source), language)


@pytest.mark.parametrize(
    ("text", "casing"),
    [
        ("The black cat sleeps.", Casing.NORMAL),
        ("He is Tom.", Casing.NORMAL),
        ("I am Tom Jones.", Casing.NORMAL),
        ("NASA", Casing.NORMAL),
        ("OK.", Casing.NORMAL),
        ("USB", Casing.NORMAL),
        ("AB-1234-X", Casing.NORMAL),
        ("A", Casing.NORMAL),
        ("I", Casing.NORMAL),
        ("iPhone", Casing.NORMAL),
        ("THE BLACK CAT SLEEPS.", Casing.UPPER),
        ("I AM HERE", Casing.UPPER),
        ("STOP!", Casing.UPPER),
        ("SETTINGS", Casing.UPPER),
        ("DIE STRAßE", Casing.UPPER),
        ("КОШКА СПИТ.", Casing.UPPER),
        ("VISIT https://example.com NOW", Casing.UPPER),
        (f"OPEN {PLACEHOLDER} NOW", Casing.UPPER),
        ("the cat sleeps.", Casing.LOWER),
        ("cat", Casing.LOWER),
        ("see AB-1234 for more", Casing.LOWER),
        ("кошка спит", Casing.LOWER),
        ("The Black Cat Sleeps In The Kitchen.", Casing.TITLE),
        ("The Lord of the Rings", Casing.TITLE),
        ("Les Amis de l'Homme et la Mer", Casing.TITLE),
        ("Tom and Mary", Casing.NORMAL),
        ("Did Mary see Tom and Alice?", Casing.NORMAL),
        ("我喜欢猫。", Casing.NORMAL),
        ("我有iphone", Casing.NORMAL),
        ("ქართული ენა", Casing.NORMAL),
        ("القطة نائمة", Casing.NORMAL),
        ("123 - 4", Casing.NORMAL),
        ("", Casing.NORMAL),
    ],
)
def test_casing_of_sentences(text: str, casing: Casing):
    assert analyse_surface(text).casing is casing


@pytest.mark.parametrize(
    ("text", "final"),
    [
        ("Yes.", "."),
        ("Yes", ""),
        ("Yes!!!", "!!!"),
        ("Yes?!", "?!"),
        ("Oui ?", " ?"),
        ("Oui\u202f!!", "\u202f!!"),
        ("So…", "…"),
        ("是。", "。"),
        ("है।", "।"),
        ("Name:", ":"),
        ('He said "yes."', '."'),
        ('He said "yes"', '"'),
        ("etc.)", ".)"),
        ("?!", ""),
        ("แมว", None),
    ],
)
def test_final_punctuation_is_found_as_written(text: str, final: str | None):
    assert analyse_surface(text).final == final


@pytest.mark.parametrize(
    ("text", "language", "untrained", "trained"),
    [
        ("THE CAT AND I SLEEP.", "en", "The cat and I sleep.", "The cat and I sleep."),
        ("I'M HERE", "en", "I'm here.", "I'm here"),
        ("IŞIK VE İNCİ.", "tr", "Işık ve inci.", "Işık ve inci."),
        ("¿QUÉ ES?", "es", "¿Qué es?", "¿Qué es?"),
        ("i know it.", "en", "I know it.", "I know it."),
        ("i dag.", "da", "I dag.", "I dag."),
        ("where is it", "en", "Where is it.", "Where is it"),
        ("The Black Cat Sleeps", "en", "The black cat sleeps.", "The black cat sleeps"),
        ("TOM'S CAT, TOM-CAT AND TOMCAT", "en", "Tom's cat, Tom-cat and tomcat.", "Tom's cat, Tom-cat and tomcat"),
        ("is tom here?", "en", "Is Tom here?", "Is Tom here?"),
        ("Wow!!!", "en", "Wow!", "Wow!"),
        ("Really?!", "en", "Really?", "Really?"),
        ("Really!?", "en", "Really?", "Really?"),
        ("Ça ?!", "fr", "Ça ?", "Ça ?"),
        ("真的？！", "zh", "真的？", "真的？"),
        ("So it goes...", "en", "So it goes.", "So it goes."),
        ("So it goes…", "en", "So it goes.", "So it goes."),
        ("So it goes . . .", "en", "So it goes.", "So it goes."),
        ("Is it...?!", "en", "Is it?", "Is it?"),
        ("So it goes .", "en", "So it goes.", "So it goes."),
        ("Cats", "en", "Cats", "Cats"),
        ("我喜欢猫", "zh", "我喜欢猫。", "我喜欢猫"),
        ("我喜欢……", "zh", "我喜欢。", "我喜欢。"),
        ("यह है", "hi", "यह है।", "यह है"),
        ("แมวนอนหลับ", "th", "แมวนอนหลับ", "แมวนอนหลับ"),
        (f"Open {PLACEHOLDER}", "en", f"Open {PLACEHOLDER}.", f"Open {PLACEHOLDER}"),
        ('He said "yes"', "en", 'He said "yes"', 'He said "yes"'),
        ("Dear Tom,", "en", "Dear Tom,", "Dear Tom,"),
    ],
)
def test_network_form(text: str, language: str, untrained: str, trained: str):
    assert network(text, False, language) == untrained
    assert network(text, True, language) == trained


@pytest.mark.parametrize(
    ("source", "translation", "language", "restored"),
    [
        ("THE CAT SLEEPS.", "Le chat dort à l'hôtel.", "fr", "LE CHAT DORT À L'HÔTEL."),
        ("THE STREET.", "Die Straße.", "de", "DIE STRAẞE."),
        ("THE CAT.", "Kedi istiyor.", "tr", "KEDİ İSTİYOR."),
        ("THE CAT.", "Ο σκύλος τρέχει.", "el", "Ο ΣΚΥΛΟΣ ΤΡΕΧΕΙ."),
        ("THE CAT.", "კატა.", "ka", "კატა."),
        (
            "The Black Cat Sleeps.",
            "Le chat noir dort à l'hôtel de ville.",
            "fr",
            "Le Chat Noir Dort à l'Hôtel de Ville.",
        ),
        ("El Gato Negro Duerme.", "The cat doesn't sleep at Tom's.", "en", "The Cat Doesn't Sleep at Tom's."),
        ("The Black Cat Sleeps.", "黑猫睡觉。", "zh", "黑猫睡觉。"),
        ("the cat.", "Le chat.", "fr", "le chat."),
        ("the cat.", "Die Katze.", "de", "Die Katze."),
        ("je dors.", "I sleep.", "en", "I sleep."),
        ("la nasa.", "NASA.", "en", "NASA."),
        ("die usa.", "U.S. it is.", "en", "U.S. it is."),
        ("The cat", "Le chat.", "fr", "Le chat"),
        ("Where is it", "Où est-il ?", "fr", "Où est-il"),
        ("The cat", "猫。", "zh", "猫"),
        ("At five", "À cinq h. etc.", "fr", "À cinq h. etc."),
        ("At five", "At 5 p.m.", "en", "At 5 p.m."),
        ("Wow!!!", "Oh là !", "fr", "Oh là !!!"),
        ("Wow!!!", "Oh là.", "fr", "Oh là !!!"),
        ("Wow!!!", "Wow!", "de", "Wow!!!"),
        ("What?!", "什么？", "zh", "什么？！"),
        ("什么？！", "What?", "en", "What?!"),
        ("What?!", "ماذا؟", "ar", "ماذا؟!"),
        ("So...", "Alors.", "fr", "Alors..."),
        ("So…", "Alors...", "fr", "Alors…"),
        ("所以……", "So.", "en", "So……"),
        ("Who?", "Qui", "fr", "Qui ?"),
        ("The cat.", "猫", "ja", "猫。"),
        ("The cat.", "बिल्ली", "hi", "बिल्ली।"),
        ("The cat.", "แมว", "th", "แมว"),
        ("你好。", "Hello", "en", "Hello."),
        ("Who?", "Ποιος", "el", "Ποιος;"),
        ("Name:", "Nom.", "fr", "Nom :"),
        ("Hi Tom,", "Hallo Tom.", "de", "Hallo Tom,"),
        ("Hi.", "Hi!", "de", "Hi!"),
        ('He said: "Who?"', "Il a dit : « Qui ? »", "fr", "Il a dit : « Qui ? »"),
        ('He said: "Who?"', "Il a dit qui ?", "fr", "Il a dit qui ?"),
        ('He said "yes"', "Il a dit oui.", "fr", "Il a dit oui"),
        ("The cat", "...", "fr", "..."),
        ("The cat.", "", "fr", ""),
        ("แมวนอนหลับ", "The cat sleeps.", "en", "The cat sleeps."),
        ("แมวนอนหลับ", "Cat", "en", "Cat"),
    ],
)
def test_surface_form_is_restored(source: str, translation: str, language: str, restored: str):
    assert restore(source, translation, language) == restored


def body(text: str) -> str:
    """Return a text without its final punctuation and without letter case and accents, character by character."""
    text = text.rstrip(" .!?…。！？,;:،؛؟।·\u202f\xa0")
    return "".join(unicodedata.normalize("NFD", character.casefold())[:1].replace("ı", "i") for character in text)


@given(TEXTS, st.booleans(), LANGUAGES)
def test_network_form_keeps_the_position_of_every_character(text: str, trained: bool, language: str):
    assert body(network(text, trained, language)) == body(text)


@given(TEXTS, TEXTS, LANGUAGES)
def test_restoration_keeps_the_position_of_every_character(source: str, translation: str, language: str):
    assert body(restore(source, translation, language)) == body(translation)


@given(TEXTS, st.booleans(), LANGUAGES)
def test_network_form_is_a_fixed_point(text: str, trained: bool, language: str):
    once = network(text, trained, language)
    assert network(once, trained, language) == once


@given(TEXTS)
def test_translations_are_upper_cased(translation: str):
    restored = restore_surface(translation, SurfaceForm(Casing.UPPER, "."), "en")
    for before, after in zip(translation[: len(body(translation))], restored, strict=False):
        assert after == before.upper() or before == "ß" or len(before.upper()) > 1 or "\u10d0" <= before <= "\uabbf"


@given(TEXTS, LANGUAGES)
def test_ordinary_sentences_are_not_changed(text: str, language: str):
    form = SurfaceForm(Casing.NORMAL, ".")
    assert to_network_form(text, form, False, str.lower) == text
    assert restore_surface(f"{text}a.", form, language) == f"{text}a."


@pytest.mark.parametrize("piece", ["A ", "a", "a.", "l'", "A'", "... ", "!", " ", '"', "-a", "İ", "1 ", "The ", "A b"])
def test_time_is_linear(piece: str):
    text = piece * (100_000 // len(piece))
    began = time.process_time()
    for sentence in (text, f"{text}a.", f"Ab{text}"):
        surface = analyse_surface(sentence)
        to_network_form(sentence, surface, False, Truecaser(len, "en").truecase)
        for casing in Casing:
            restore_surface(sentence, SurfaceForm(casing, "!!"), "fr")
    assert time.process_time() - began < 5
