import time

import pytest

from nmt.text.number_comparison import find_missing_numbers


@pytest.mark.parametrize(
    ("language", "source", "translation"),
    [
        ("de", "The price is 1,234.5 euros.", "Der Preis ist 1.234,5 Euro."),
        ("fr", "It has 3,000 seats.", "Il a 3 000 places."),
        ("zh", "The city has 3 million people.", "该市有300万人口。"),
        ("ja", "It costs 80,000 yen.", "それは八万円です。"),
        ("zh", "He was born in 1984.", "他生于一九八四年。"),
        ("ar", "He has 25 books.", "لديه ٢٥ كتابا."),
        ("en", "他有２５本书。", "He has 25 books."),
        ("en", "3月5日に来た。", "He came on March 5."),
        ("en", "Er kam am 12.3.2015.", "He came on 12 March 2015."),
        ("de", "He came at 3 p.m.", "Er kam um 15 Uhr."),
        ("ja", "We close at 2:30.", "2時半に閉まる。"),
        ("fr", "It was built in the 19th century.", "Il fut construit au XIXe siècle."),
        ("en", "Er hat 25 Bücher und 3 Hunde.", "He has twenty-five books and three dogs."),
        ("de", "He has 25 books and 71 maps.", "Er hat fünfundzwanzig Bücher und einundsiebzig Karten."),
        ("fr", "He has 21 books and 72 maps.", "Il a vingt et un livres et soixante-douze cartes."),
        ("es", "He has 16 books and 200 maps.", "Tiene dieciséis libros y doscientos mapas."),
        ("nl", "He has 25 books.", "Hij heeft vijfentwintig boeken."),
        ("ja", "There are 3 books.", "本がみっつある。"),
        ("en", "Il est 8h00.", "It is 8 o'clock."),
        ("en", "1 personne", "a person"),
        ("fi", "He has 3 cats.", "Hänellä on kolme kissaa."),
    ],
)
def test_number_is_present_in_other_digits_or_in_words(language: str, source: str, translation: str) -> None:
    assert find_missing_numbers(source, translation, language) == []


@pytest.mark.parametrize(
    ("language", "source", "translation", "missing"),
    [
        ("de", "He has 25 books.", "Er hat Bücher.", ["25"]),
        ("de", "He has 25 books.", "Er hat 35 Bücher.", ["25"]),
        ("de", "He has 25 books.", "Er hat fünf Bücher.", ["25"]),
        ("zh", "He has 25 books.", "他有十五本书。", ["25"]),
        ("fr", "Between 1984 and 1987.", "Entre 1984 et 1986.", ["1987"]),
        ("fi", "He has 347 cats.", "Hänellä on kissoja.", ["347"]),
        ("fr", "It costs 19.99 euros.", "Cela coûte 19 euros.", ["19.99"]),
        ("ja", "The code is 123456789012345678901234567890.", "コードです。", ["123456789012345678901234567890"]),
    ],
)
def test_missing_number(language: str, source: str, translation: str, missing: list[str]) -> None:
    assert find_missing_numbers(source, translation, language) == missing


@pytest.mark.parametrize("language", ["fr", "ja", "fi"])
def test_time_is_linear_in_the_number_of_numbers(language: str) -> None:
    source = " ".join(map(str, range(101, 10_000)))
    begin = time.process_time()
    find_missing_numbers(source, "X一 " * 20_000, language)
    find_missing_numbers("1" * 50_000, "一" * 50_000, language)
    assert time.process_time() - begin < 3
