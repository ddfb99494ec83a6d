import hashlib
from pathlib import Path

import pytest

from nmt.utils.errors import UsageError
from serve.auth.api_keys import read_api_keys
from serve.settings import Settings

DIGEST = hashlib.sha256(b"key of a").hexdigest()
OTHER = hashlib.sha256(b"key of b").hexdigest()


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "keys.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_without_keys_none_is_found():
    keys = read_api_keys(Settings())
    assert not keys
    assert keys.find("anything") is None


def test_keys_from_the_environment():
    keys = read_api_keys(Settings(api_keys="first key, second key,,"))
    assert keys
    names = [keys.find(each).name for each in ("first key", "second key")]
    assert names == [f"environment-{hashlib.sha256(each).hexdigest()[:8]}" for each in (b"first key", b"second key")]
    # A key's name, to which its glossaries belong, does not depend on the other keys.
    assert read_api_keys(Settings(api_keys="second key")).find("second key").name == names[1]
    for wrong in (
        "",
        "\ud800",
        "first",
        "first key,",
        "first key, second key",
        "FIRST KEY",
        hashlib.sha256(b"first key").hexdigest(),
    ):
        assert keys.find(wrong) is None


def test_keys_from_a_file(write):
    path = write(f"""
- name: weblate
  sha256: {DIGEST}
- {{name: phone, sha256: '{OTHER.upper()}', requests_per_minute: 10, character_limit: 1000}}
""")
    keys = read_api_keys(Settings(api_keys_file=path, api_keys="third key", require_api_key=True))
    weblate, phone = keys.find("key of a"), keys.find("key of b")
    assert (weblate.name, weblate.requests_per_minute, weblate.character_limit) == ("weblate", None, None)
    assert (phone.name, phone.requests_per_minute, phone.character_limit) == ("phone", 10, 1000)
    assert keys.find("third key").name.startswith("environment-")
    assert DIGEST not in repr(weblate)


@pytest.mark.parametrize(
    ("text", "message_start"),
    [
        ("", ": not a list; list the keys"),
        ("name: a", ": not a list; list the keys"),
        ("- name: [", ":1: invalid YAML; fix the syntax"),
        ("- plain-secret", ", entry 1: not a mapping; give it a name and a sha256"),
        (f"- sha256: {DIGEST}", ", entry 1, name: missing or invalid; use 1 to 64 of"),
        (f"- {{name: a b, sha256: {DIGEST}}}", ", entry 1, name: missing or invalid; use 1 to 64 of"),
        ("- name: a", ", entry 1, sha256: missing or invalid; use the key's SHA-256"),
        (
            f"- {{name: a, sha256: {DIGEST}}}\n- {{name: b, sha256: plain-secret}}",
            ", entry 2, sha256: missing",
        ),
        (
            f"- {{name: a, key: plain-secret, sha256: {DIGEST}}}",
            ", entry 1, key: unknown field; use only name, sha256",
        ),
        (
            f"- {{name: a, sha256: {DIGEST}, requests_per_minute: 0}}",
            ", entry 1, requests_per_minute: missing or",
        ),
        (
            f"- {{name: a, sha256: {DIGEST}, character_limit: many}}",
            ", entry 1, character_limit: missing or",
        ),
        (
            f"- {{name: a, sha256: {DIGEST}}}\n- {{name: a, sha256: {OTHER}}}",
            ", entry 2, name: same as in entry 1",
        ),
        (f"- {{name: a, sha256: {DIGEST}}}\n- {{name: b, sha256: {DIGEST}}}", ", entry 2, sha256: same as in entry 1"),
    ],
)
def test_an_invalid_file_is_reported_in_one_line_without_secrets(write, text: str, message_start: str):
    path = write(text)
    with pytest.raises(UsageError) as caught:
        read_api_keys(Settings(api_keys_file=path))
    message = str(caught.value)
    assert message.startswith(f"{path}{message_start}")
    assert "\n" not in message
    assert "plain-secret" not in message
    assert DIGEST not in message


def test_a_file_in_another_encoding_is_reported(tmp_path: Path):
    path = tmp_path / "keys.yaml"
    path.write_bytes(b"- name: \xff")
    with pytest.raises(UsageError, match="invalid UTF-8 at byte 8; re-encode the file as UTF-8"):
        read_api_keys(Settings(api_keys_file=path))


def test_a_missing_file_is_reported(tmp_path: Path):
    with pytest.raises(UsageError, match=r"^NMT_API_KEYS_FILE: cannot read .*none \(No such file or directory\)"):
        read_api_keys(Settings(api_keys_file=tmp_path / "none"))


def test_requiring_keys_without_any_is_reported():
    with pytest.raises(UsageError, match=r"^NMT_REQUIRE_API_KEY: there are no API keys; set NMT_API_KEYS"):
        read_api_keys(Settings(require_api_key=True))


@pytest.mark.parametrize("keys", ["ab", "long enough, brief", "12345"])
def test_short_keys_are_refused_without_showing_them(keys: str):
    with pytest.raises(UsageError, match=r"^NMT_API_KEYS, entry [12]: shorter than 6 characters; use ") as raised:
        read_api_keys(Settings(api_keys=keys))
    assert keys.rpartition(" ")[2] not in str(raised.value).removesuffix("16")
