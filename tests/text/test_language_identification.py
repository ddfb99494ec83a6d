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


def test_no_model_is_loaded_for_a_single_language_of_a_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    assert LanguageDetector(["en", "zh", "ru"]).detect("Bonjour") == DetectedLanguage("en", 1.0)
    assert LanguageDetector(["pt-BR"]).detect("Olá") == DetectedLanguage("pt-BR", 1.0)


def test_indistinguishable_languages_share_the_probability() -> None:
    portuguese = LanguageDetector(["pt-BR", "pt-PT"]).detect("O gato preto está dormindo no sofá velho.")
    assert portuguese == DetectedLanguage("pt-BR", 0.5)
    assert LanguageDetector(["tlh", "qya"]).detect("tlhIngan maH") == DetectedLanguage("tlh", 0.5)
    with_unknown = LanguageDetector(["tlh", "en", "fr"]).detect("The black cat sleeps on the old sofa.")
    assert with_unknown.language == "en"
    assert 0.5 < with_unknown.confidence <= 2 / 3


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
