"""Language detection by script and by words."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.text.language_identification import DetectedLanguage, LanguageDetector

SERVED = ["en", "fr", "de", "pt-BR", "ru", "uk", "zh", "ja", "ko", "el", "ar", "he", "hi", "th"]


@pytest.fixture(scope="module")
def detector() -> LanguageDetector:
    return LanguageDetector(SERVED)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The black cat sleeps on the old sofa.", "en"),
        ("Le chat noir dort sur le vieux canapé.", "fr"),
        ("Die schwarze Katze schläft auf dem alten Sofa.", "de"),
        ("O gato preto está dormindo no sofá velho.", "pt-BR"),
        ("Чёрная кошка спит на старом диване.", "ru"),
        ("Чорна кішка спить на старому дивані.", "uk"),
        ("黑猫在旧沙发上睡觉。", "zh"),
        ("黒い猫が古いソファで寝ている。", "ja"),
        ("검은 고양이가 낡은 소파에서 잔다.", "ko"),
        ("Η μαύρη γάτα κοιμάται.", "el"),
        ("القطة السوداء نائمة.", "ar"),
        ("החתול השחור ישן.", "he"),
        ("काली बिल्ली सो रही है।", "hi"),
        ("แมวดำกำลังนอนหลับ", "th"),
        ("ＴＨＥ ＢＬＡＣＫ ＣＡＴ ＳＬＥＥＰＳ", "en"),
    ],
)
def test_language_of_a_sentence(detector: LanguageDetector, text: str, language: str) -> None:
    found = detector.detect(text)
    assert found.language == language
    assert found.confidence > 0.5


@pytest.mark.parametrize("text", ["", " ", "123", "?!", "🙂", "ქართული"])
def test_text_without_known_letters_has_confidence_0(detector: LanguageDetector, text: str) -> None:
    assert detector.detect(text) == DetectedLanguage("en", 0.0)


def test_confidence_of_a_unique_script_is_its_share_of_letters(detector: LanguageDetector) -> None:
    assert detector.detect("안녕, 123!") == DetectedLanguage("ko", 1.0)
    assert detector.detect("안녕하세요 OK") == DetectedLanguage("ko", pytest.approx(5 / 7))


def test_very_short_text_has_low_confidence(detector: LanguageDetector) -> None:
    assert detector.detect("ok").confidence <= 0.3


def test_no_model_is_loaded_for_scripts_of_one_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    detector = LanguageDetector(["en", "zh", "ja"])
    assert detector.detect("こんにちは") == DetectedLanguage("ja", 1.0)
    assert detector.detect("안녕하세요") == DetectedLanguage("en", 0.0)
    assert detector.rank("안녕하세요") == [DetectedLanguage("ko", 1.0)]


def test_indistinguishable_languages_share_the_probability() -> None:
    text = "O gato preto está dormindo no sofá velho."
    alone = LanguageDetector(["pt"]).detect(text)
    assert LanguageDetector(["pt-BR", "pt-PT"]).detect(text) == DetectedLanguage("pt-BR", alone.confidence / 2)
    with_unknown = LanguageDetector(["tlh", "en", "fr"]).detect("The black cat sleeps on the old sofa.")
    assert with_unknown.language == "en"
    assert 0.5 < with_unknown.confidence <= 2 / 3


def test_nothing_is_claimed_for_languages_without_statistics() -> None:
    assert LanguageDetector(["tlh", "qya"]).detect("tlhIngan maH") == DetectedLanguage("tlh", 0.0)


@pytest.mark.parametrize(
    "text",
    [
        "Die schwarze Katze schläft auf dem alten Sofa.",
        "De zwarte kat slaapt op de oude bank in de kamer.",
        "Il gatto nero dorme sul vecchio divano della nonna.",
        "Чёрная кошка спит на старом диване.",
    ],
)
def test_text_in_another_language_than_the_candidates_has_no_confidence(text: str) -> None:
    everything = LanguageDetector(["de", "nl", "it", "ru"]).detect(text)
    english_or_french = LanguageDetector(["en", "fr"])
    assert english_or_french.detect(text).confidence < 0.05
    first = english_or_french.rank(text)[0]
    assert first.language == everything.language
    assert first.confidence > 0.5


def test_other_languages_need_more_evidence_than_candidates() -> None:
    text = "Tom cocina para Mary."  # Spanish and Portuguese differ in one letter here
    assert LanguageDetector(["es"]).rank(text)[0].language == "es"
    assert LanguageDetector(["pt"]).rank(text)[0].language == "pt"


@pytest.mark.parametrize(
    ("text", "language"), [("Файл README.md находится в папке Documents.", "ru"), ("トムはApple社の人です。", "ja")]
)
def test_words_in_another_script_do_not_mislead(text: str, language: str) -> None:
    assert LanguageDetector(["en", "ru", "ja", "sr"]).detect(text).language == language


@pytest.mark.parametrize("text", ["Account", "Hotel", "Uitgeschakeld", "Alle gingen.", "共有", "Taxi", "Information"])
def test_short_text_is_never_certain(text: str) -> None:
    for candidates in (["en", "de"], ["en", "nl", "it", "ja"], ["zh", "fr"]):
        assert LanguageDetector(candidates).detect(text).confidence <= 0.9


def test_language_codes_may_differ_in_case_and_region() -> None:
    detector = LanguageDetector(["nb", "de", "EN_us"])
    assert detector.detect("Den svarte katten sover på den gamle sofaen.").language == "nb"
    assert detector.detect("The black cat sleeps on the old sofa.").language == "EN_us"


def test_detector_is_thread_safe() -> None:
    detector = LanguageDetector(["en", "fr"])
    texts = ["The black cat sleeps.", "Le chat noir dort sur le canapé."] * 20
    with ThreadPoolExecutor(8) as pool:
        assert [found.language for found in pool.map(detector.detect, texts)] == ["en", "fr"] * 20


@given(text=st.text(max_size=50))
def test_any_text_has_a_language(detector: LanguageDetector, text: str) -> None:
    found = detector.detect(text)
    assert found.language in SERVED
    assert 0 <= found.confidence <= 1
