import hashlib
from pathlib import Path

import pytest

from nmt.utils.errors import UsageError
from serve.auth.api_keys import read_keys
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


def test_no_keys():
    keys = read_keys(Settings())
    assert not keys
    assert keys.find("anything") is None


def test_keys_of_the_environment():
    keys = read_keys(Settings(api_keys="first, second,,"))
    assert keys
    names = [keys.find(each).name for each in ("first", "second")]
    assert names == [f"environment-{hashlib.sha256(each).hexdigest()[:8]}" for each in (b"first", b"second")]
    # What belongs to a key stays its own, whatever keys come and go.
    assert read_keys(Settings(api_keys="second")).find("second").name == names[1]
    for wrong in ("", "\ud800", "firs", "first,", "first, second", "FIRST", hashlib.sha256(b"first").hexdigest()):
        assert keys.find(wrong) is None


def test_keys_of_a_file(write):
    path = write(f"""
- name: weblate
  sha256: {DIGEST}
- {{name: phone, sha256: '{OTHER.upper()}', requests_per_minute: 10, character_limit: 1000}}
""")
    keys = read_keys(Settings(api_keys_file=path, api_keys="third", require_api_key=True))
    weblate, phone = keys.find("key of a"), keys.find("key of b")
    assert (weblate.name, weblate.requests_per_minute, weblate.character_limit) == ("weblate", None, None)
    assert (phone.name, phone.requests_per_minute, phone.character_limit) == ("phone", 10, 1000)
    assert keys.find("third").name.startswith("environment-")
    assert DIGEST not in repr(weblate)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", ": must be a list of entries"),
        ("name: a", ": must be a list of entries"),
        ("- name: [", ", line 1: not valid YAML"),
        ("- plain-secret", ", entry 1: an entry must have a name and a sha256"),
        (f"- sha256: {DIGEST}", ", entry 1, name: 1 to 64 of"),
        (f"- {{name: a b, sha256: {DIGEST}}}", ", entry 1, name: 1 to 64 of"),
        ("- name: a", ", entry 1, sha256: the key's SHA-256 is needed"),
        (f"- {{name: a, sha256: {DIGEST}}}\n- {{name: b, sha256: plain-secret}}", ", entry 2, sha256: the key's SHA"),
        (
            f"- {{name: a, key: plain-secret, sha256: {DIGEST}}}",
            ", entry 1, key: there is no such field; there",
        ),
        (f"- {{name: a, sha256: {DIGEST}, requests_per_minute: 0}}", ", entry 1, requests_per_minute: a whole number"),
        (f"- {{name: a, sha256: {DIGEST}, character_limit: many}}", ", entry 1, character_limit: a whole number"),
        (f"- {{name: a, sha256: {DIGEST}}}\n- {{name: a, sha256: {OTHER}}}", ", entry 2, name: the same as entry 1's"),
        (f"- {{name: a, sha256: {DIGEST}}}\n- {{name: b, sha256: {DIGEST}}}", ", entry 2, sha256: the same as entry 1"),
    ],
)
def test_a_bad_file_gives_one_line_that_tells_no_secret(write, text: str, complaint: str):
    path = write(text)
    with pytest.raises(UsageError) as caught:
        read_keys(Settings(api_keys_file=path))
    message = str(caught.value)
    assert message.startswith(f"{path}{complaint}")
    assert "\n" not in message
    assert "plain-secret" not in message
    assert DIGEST not in message


def test_a_file_that_is_no_text(tmp_path: Path):
    path = tmp_path / "keys.yaml"
    path.write_bytes(b"- name: \xff")
    with pytest.raises(UsageError, match="byte 8 is not UTF-8; save the file as UTF-8"):
        read_keys(Settings(api_keys_file=path))


def test_a_missing_file(tmp_path: Path):
    with pytest.raises(UsageError, match=r"^NMT_API_KEYS_FILE: .*none can't be read \(No such file or directory\)"):
        read_keys(Settings(api_keys_file=tmp_path / "none"))


def test_keys_that_are_required_must_exist():
    with pytest.raises(UsageError, match=r"^NMT_REQUIRE_API_KEY: there is no key to require; set NMT_API_KEYS"):
        read_keys(Settings(require_api_key=True))
