"""Documents over DeepL's routes: queue, progress, cancellation, expiry, ownership and quotas."""

import hashlib
import io
import time
from pathlib import Path

import httpx
import pytest
import yaml
from fake_translator import FakeTranslator
from serving import RunningServer, run_server, wait_until

from serve.service import documents

docx = pytest.importorskip("docx")

KEYS = ("first", "second")


def upload(server: RunningServer, content: bytes = b"A b.", name: str = "a.txt", **others: str) -> httpx.Response:
    key = others.pop("key", "")
    headers = {"Authorization": f"DeepL-Auth-Key {key}"} if key else {}
    data = {"source_lang": "EN", "target_lang": "FR"} | others
    return server.client.post("/v2/document", data=data, files={"file": (name, content)}, headers=headers)


def ask(
    server: RunningServer, handle: dict[str, str], path: str = "", method: str = "POST", key: str = ""
) -> httpx.Response:
    headers = {"Authorization": f"DeepL-Auth-Key {key}"} if key else {}
    body = {"document_key": handle["document_key"]}
    return server.client.request(method, f"/v2/document/{handle['document_id']}{path}", json=body, headers=headers)


def wait_for(server: RunningServer, handle: dict[str, str], state: str, key: str = "") -> dict[str, object]:
    wait_until(lambda: ask(server, handle, key=key).json().get("status") == state)
    found: dict[str, object] = ask(server, handle, key=key).json()
    return found


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    entries = [{"name": name, "sha256": hashlib.sha256(name.encode()).hexdigest()} for name in KEYS]
    entries[1]["character_limit"] = 20  # type: ignore[assignment]
    path = tmp_path / "keys.yaml"
    path.write_text(yaml.safe_dump(entries))
    return path


def test_a_word_document_is_translated(server: RunningServer):
    made, written = docx.Document(), io.BytesIO()
    made.add_paragraph("A b.")
    made.save(written)
    handle = upload(server, written.getvalue(), "Le café.docx").json()
    status = wait_for(server, handle, "done")
    assert status == {"document_id": handle["document_id"], "status": "done", "billed_characters": 4}
    answer = ask(server, handle, "/result")
    assert answer.headers["content-disposition"].endswith("filename*=UTF-8''Le%20caf%C3%A9.docx")
    assert [each.text for each in docx.Document(io.BytesIO(answer.content)).paragraphs] == ["[A b.]"]


def test_progress_and_cancellation():
    with run_server(FakeTranslator()) as it:
        it.fake.open.clear()
        handle = upload(it, b"A b.\nC d.\n").json()
        assert wait_for(it, handle, "translating")["seconds_remaining"] >= 1
        answer = ask(it, handle, "/result")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert ask(it, handle, method="DELETE").status_code == 204
        assert ask(it, handle).status_code == 404
        it.fake.open.set()
        assert it.client.get("/v2/usage").json()["character_count"] in {0, 8}


def test_a_failure_is_a_status(server: RunningServer):
    handle = upload(server, b"PK", "a.xlsx").json()
    status = wait_for(server, handle, "error")
    assert str(status["error_message"]).startswith("file: damaged archive")
    assert ask(server, handle, "/result").status_code == 400
    handle = upload(server, b"EXPLODE").json()
    assert wait_for(server, handle, "error")["error_message"] == "the translation failed"


def test_a_document_belongs_to_its_key(keys_file: Path):
    with run_server(FakeTranslator(), api_keys_file=keys_file) as it:
        handle = upload(it, key="first").json()
        wait_for(it, handle, "done", key="first")
        assert ask(it, handle, key="second").status_code == 404
        assert ask(it, handle).status_code == 404
        for changed in ({"document_key": "x"}, {"document_id": "x" * 32}):
            assert ask(it, handle | changed, "/result", key="first").status_code == 404
            assert ask(it, handle | changed, method="DELETE", key="first").status_code == 404
        assert ask(it, handle, "/result", key="first").content == b"[A b.]"


def test_the_quota_of_the_key_applies(keys_file: Path):
    with run_server(FakeTranslator(), api_keys_file=keys_file) as it:
        handle = upload(it, b"A document of many words.", key="second").json()
        status = wait_for(it, handle, "error", key="second")
        assert status["error_message"] == "API key: the limit of 20 characters is reached; use another key"
        handle = upload(it, b"A b.", key="second").json()
        wait_for(it, handle, "done", key="second")
        usage = it.client.get("/v2/usage", headers={"Authorization": "DeepL-Auth-Key second"}).json()
        assert usage["character_count"] == 4


def test_results_expire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(documents, "LIFETIME", 0.3)
    with run_server(FakeTranslator(), documents=tmp_path) as it:
        handle = upload(it).json()
        wait_for(it, handle, "done")
        assert len(list(tmp_path.iterdir())) == 1
        time.sleep(0.35)
        assert ask(it, handle).status_code == 404
        upload(it)
        assert not any(handle["document_id"] in path.name for path in tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []


def test_the_oldest_results_make_space(tmp_path: Path):
    with run_server(FakeTranslator(), document_bytes=5000, documents=tmp_path) as it:
        handles = []
        for _ in range(4):
            handles.append(upload(it, b" " * 1500 + b"A b.").json())
            wait_for(it, handles[-1], "done")
        assert [ask(it, handle).status_code for handle in handles] == [404, 404, 200, 200]
        assert upload(it, b" " * 3000).status_code == 503
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 5000


def test_files_of_an_earlier_server_are_deleted(tmp_path: Path):
    (tmp_path / f"document-{'x' * 32}.result").write_bytes(b"x")
    (tmp_path / "other").write_bytes(b"x")
    with run_server(FakeTranslator(), documents=tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_a_client_may_have_a_limited_number_of_documents():
    with run_server(FakeTranslator()) as it:
        it.fake.open.clear()
        answers = [upload(it) for _ in range(21)]
        assert [answer.status_code for answer in answers] == [200] * 20 + [429]
        it.fake.open.set()
        for answer in answers[:20]:
            wait_for(it, answer.json(), "done")


def test_the_language_is_detected(multilingual_server: RunningServer):
    text = b"Le chien dort dans la maison avec le chat."
    handle = multilingual_server.client.post(
        "/v2/document", data={"target_lang": "EN-US"}, files={"file": ("a.txt", text)}
    ).json()
    wait_for(multilingual_server, handle, "done")
    assert ask(multilingual_server, handle, "/result").content == b"[" + text + b"]"
    handle = upload(multilingual_server, text, source_lang="", target_lang="FR").json()
    wait_for(multilingual_server, handle, "done")
    assert ask(multilingual_server, handle, "/result").content == text


@pytest.mark.parametrize(
    ("name", "others", "status"),
    [("a.exe", {}, 400), ("a.txt", {"target_lang": "XX"}, 400), ("a.exe", {"filename": "a.txt"}, 200)],
)
def test_invalid_uploads_are_refused(server: RunningServer, name: str, others: dict[str, str], status: int):
    answer = upload(server, name=name, **others)
    assert answer.status_code == status
    assert list(answer.json()) == (["message"] if status == 400 else ["document_id", "document_key"])
