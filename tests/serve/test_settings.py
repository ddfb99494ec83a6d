from pathlib import Path

import pytest
from pydantic import SecretStr

from nmt.utils.errors import UsageError
from serve.settings import read_settings


def test_defaults():
    settings = read_settings()
    assert settings.model_dump(exclude={"threads", "queue_limit"}) == {
        "host": "127.0.0.1",
        "port": 5000,
        "models": (),
        "slots": 16,
        "lazy": False,
        "cache": 2000,
        "glossaries": None,
        "memory": None,
        "documents": None,
        "document_bytes": 1_000_000_000,
        "char_limit": 10_000,
        "batch_limit": 128,
        "max_alternatives": 5,
        "max_body_bytes": 2_000_000,
        "max_file_bytes": 10_000_000,
        "request_timeout": 30.0,
        "rate_limit": 0,
        "api_keys": SecretStr(""),
        "api_keys_file": None,
        "require_api_key": False,
        "cors_origins": (),
        "allowed_hosts": (),
        "trusted_proxies": (),
        "root_path": "",
        "keep_alive": 75.0,
        "inspect": False,
        "log_level": "info",
    }
    assert settings.threads >= 1
    assert settings.queue_limit * len("a\n") >= settings.char_limit


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NMT_MODELS", "runs/a/model, runs/b/model,")
    monkeypatch.setenv("NMT_PORT", "8080")
    monkeypatch.setenv("NMT_CHAR_LIMIT", "")
    settings = read_settings(port=None)
    assert settings.models == (Path("runs/a/model"), Path("runs/b/model"))
    assert settings.port == 8080
    assert settings.char_limit == 10_000


def test_arguments_take_precedence_over_the_environment(monkeypatch: pytest.MonkeyPatch):
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
        ("NMT_RATE_LIMIT", "-1"),
        ("NMT_REQUIRE_API_KEY", "perhaps"),
        ("NMT_CORS_ORIGINS", "https://good.example,bad.example"),
        ("NMT_CORS_ORIGINS", "https://example.org/path"),
        ("NMT_TRUSTED_PROXIES", "10.0.0.0/8,proxy.example"),
        ("NMT_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("NMT_LOG_LEVEL", "loud"),
    ],
)
def test_an_invalid_value_is_reported_in_one_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
):
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError) as caught:
        read_settings()
    assert str(caught.value).startswith(f"{variable}: ")
    assert value.rpartition(",")[2] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [("NMT_CHARLIMIT", "NMT_CHAR_LIMIT"), ("nmt_api_key", "NMT_API_KEYS"), ("NMT_X", "NMT_")],
)
def test_a_misspelt_variable_is_reported_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, nearest: str
):
    monkeypatch.setenv(variable, "s3cret")
    with pytest.raises(UsageError) as caught:
        read_settings()
    assert str(caught.value).startswith(f"{variable}: unknown setting; did you mean {nearest}")
    assert "s3cret" not in str(caught.value)


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NMT_CORS_ORIGINS", "https://a.example, http://localhost:8080,")
    monkeypatch.setenv("NMT_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1, fd00::/8")
    settings = read_settings()
    assert settings.cors_origins == ("https://a.example", "http://localhost:8080")
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "192.0.2.1/32", "fd00::/8"]


def test_keys_are_not_in_the_repr(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NMT_API_KEYS", "s3cret")
    assert "s3cret" not in repr(read_settings())
