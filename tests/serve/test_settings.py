from pathlib import Path

import pytest

from nmt.errors import UsageError
from serve.settings import read_settings


def test_defaults_are_the_contract():
    settings = read_settings()
    assert settings.model_dump(exclude={"threads", "queue_limit"}) == {
        "host": "127.0.0.1",
        "port": 5000,
        "models": (),
        "char_limit": 10_000,
        "batch_limit": 128,
        "max_alternatives": 5,
        "max_body_bytes": 2_000_000,
        "request_timeout": 30.0,
    }
    assert settings.threads >= 1
    assert settings.queue_limit * len("a\n") >= settings.char_limit


def test_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NMT_MODELS", "runs/a/model, runs/b/model,")
    monkeypatch.setenv("NMT_PORT", "8080")
    monkeypatch.setenv("NMT_CHAR_LIMIT", "")
    settings = read_settings(port=None)
    assert settings.models == (Path("runs/a/model"), Path("runs/b/model"))
    assert settings.port == 8080
    assert settings.char_limit == 10_000


def test_what_is_given_has_precedence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NMT_MODELS", "a")
    monkeypatch.setenv("NMT_HOST", "0.0.0.0")
    settings = read_settings(models=(Path("b"),), host="127.0.0.2")
    assert (settings.models, settings.host) == ((Path("b"),), "127.0.0.2")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("NMT_PORT", "http"),
        ("NMT_PORT", "65536"),
        ("NMT_PORT", "-1"),
        ("NMT_THREADS", "0"),
        ("NMT_CHAR_LIMIT", "1e3"),
        ("NMT_BATCH_LIMIT", "0"),
        ("NMT_MAX_ALTERNATIVES", "-1"),
        ("NMT_MAX_BODY_BYTES", "2MB"),
        ("NMT_QUEUE_LIMIT", "0"),
        ("NMT_REQUEST_TIMEOUT", "0"),
        ("NMT_REQUEST_TIMEOUT", "inf"),
        ("NMT_REQUEST_TIMEOUT", "nan"),
    ],
)
def test_a_bad_value_gives_one_line_that_names_the_variable(monkeypatch: pytest.MonkeyPatch, variable: str, value: str):
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError) as caught:
        read_settings()
    assert str(caught.value).startswith(f"{variable}: ")
    assert value in str(caught.value)
    assert "\n" not in str(caught.value)
