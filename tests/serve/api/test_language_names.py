import pytest

from serve.api.language_names import _NAMES, language_name


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("en", "English"),
        ("zu", "Zulu"),
        ("nb", "Norwegian Bokmål"),
        ("gd", "Scottish Gaelic"),
        ("pt-BR", "Portuguese (BR)"),
        ("zh_Hant", "Chinese (traditional)"),
        ("EN", "English"),
        ("tlh", "tlh"),
        ("", ""),
    ],
)
def test_language_names(code: str, name: str):
    assert language_name(code) == name


def test_the_table_has_all_languages_of_iso_639_1():
    assert len(_NAMES) == 183
    assert all(len(code) == 2 and code.islower() and name[0].isupper() for code, name in _NAMES.items())
