"""Documents over DeepL's routes: queue, progress, cancellation, expiry, ownership and quotas."""

import hashlib
import io
import shutil
import threading
import time
from pathlib import Path

import httpx
import pytest
import yaml
from fake_translator import FakeTranslator
from serving import RunningServer, run_server, wait_until

from nmt.utils.errors import CarouselError
from serve.app import create_app
from serve.service import documents
from serve.settings import Settings

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
        assert len(list(tmp_path.glob(f"document-{handle['document_id']}.*"))) == 2  # result and record
        time.sleep(0.35)
        assert ask(it, handle).status_code == 404
        upload(it)
        assert not any(handle["document_id"] in path.name for path in tmp_path.iterdir())


def test_the_oldest_results_make_space(tmp_path: Path):
    with run_server(FakeTranslator(), document_bytes=5500, documents=tmp_path) as it:
        handles = []
        for _ in range(4):
            handles.append(upload(it, b" " * 1500 + b"A b.").json())
            wait_for(it, handles[-1], "done")
        assert [ask(it, handle).status_code for handle in handles] == [404, 404, 200, 200]
        assert upload(it, b" " * 3000).status_code == 503
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 5500


@pytest.mark.parametrize("record", [b"{", b"{}", b"\xff"])
def test_files_without_a_valid_record_are_deleted(tmp_path: Path, record: bytes):
    (tmp_path / f"document-{'x' * 32}.result").write_bytes(b"x")
    (tmp_path / f"document-{'y' * 32}.json").write_bytes(record)
    (tmp_path / f".document-{'z' * 32}.json.0123abcd.tmp").write_bytes(record)
    (tmp_path / "other").write_bytes(b"x")
    with run_server(FakeTranslator(), documents=tmp_path):
        assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "other"]


def test_results_survive_a_restart(tmp_path: Path, keys_file: Path):
    settings = {"documents": tmp_path / "documents", "api_keys_file": keys_file}
    with run_server(FakeTranslator(), **settings) as it:
        done = upload(it, b"C d.", key="second").json()
        wait_for(it, done, "done", key="second")
        failed = upload(it, b"PK", "a.xlsx", key="first").json()
        wait_for(it, failed, "error", key="first")
        data, files = {"source": "en", "target": "fr"}, {"file": ("a.txt", b"x")}
        url = it.client.post("/translate_file", data=data, files=files).json()["translatedFileUrl"]
    with run_server(FakeTranslator(), **settings) as it:
        assert ask(it, done, "/result", key="second").content == b"[C d.]"
        assert ask(it, done, key="second").json()["billed_characters"] == 4
        assert str(ask(it, failed, key="first").json()["error_message"]).startswith("file: damaged archive")
        assert ask(it, failed, "/result", key="first").status_code == 400
        assert it.client.get(f"/download_file/{url.rpartition('/')[2]}").content == b"[x]"
        assert ask(it, done, method="DELETE", key="second").status_code == 204
        assert ask(it, done, key="second").status_code == 404


def test_the_queue_survives_a_killed_server(tmp_path: Path, keys_file: Path):
    """The second server starts with a copy of the directory, as it would be after the end of the first one."""
    first, second = tmp_path / "first", tmp_path / "second"
    with run_server(FakeTranslator(), documents=first, api_keys_file=keys_file) as it:
        glossary = {"name": "g", "source_lang": "EN", "target_lang": "FR", "entries": "A\tZ", "entries_format": "tsv"}
        created = it.client.post("/v2/glossaries", json=glossary, headers={"Authorization": "DeepL-Auth-Key first"})
        it.fake.open.clear()
        handles = [
            upload(it, f"A {n}.".encode(), "Le café.txt", key="first", glossary_id=created.json()["glossary_id"]).json()
            for n in range(4)
        ]
        wait_for(it, handles[0], "translating", key="first")
        awaited = threading.Thread(
            target=lambda: it.client.post(
                "/translate_file", data={"source": "en", "target": "fr"}, files={"file": ("a.txt", b"x")}
            )
        )
        awaited.start()
        wait_until(lambda: len(list(first.glob("*.source"))) == 5)
        shutil.copytree(first, second)
        it.fake.open.set()
        awaited.join()
    assert not any(handle["document_key"] in path.read_text() for path in second.iterdir() for handle in handles)
    with run_server(FakeTranslator(), documents=second, api_keys_file=keys_file) as it:
        assert len(list(second.glob("*.source"))) <= 4
        for n, handle in enumerate(handles):
            wait_for(it, handle, "done", key="first")
            answer = ask(it, handle, "/result", key="first")
            assert answer.content == f"[A {n}.]<Z>".encode()
            assert answer.headers["content-disposition"].endswith("filename*=UTF-8''Le%20caf%C3%A9.txt")
            assert ask(it, handle, key="second").status_code == 404
            assert ask(it, handle | {"document_key": "x"}, key="first").status_code == 404
        usage = it.client.get("/v2/usage", headers={"Authorization": "DeepL-Auth-Key first"}).json()
        assert usage["character_count"] == 16
    assert not [path for path in second.iterdir() if path.suffix in {".source", ".journal"}]


def test_finished_segments_are_not_translated_again_after_a_kill(tmp_path: Path):
    first, second = tmp_path / "first", tmp_path / "second"
    lines = [f"Line {n}." for n in range(250)]
    with run_server(FakeTranslator(), documents=first) as it:
        handle = upload(it, "\n".join([*lines, "STEPS100000"]).encode()).json()
        journal = first / f"document-{handle['document_id']}.journal"
        wait_until(lambda: journal.exists() and journal.read_bytes().count(b"\n") == 1 + 200)
        shutil.copytree(first, second)
        assert ask(it, handle, method="DELETE").status_code == 204
        wait_until(lambda: not list(first.glob("document-*")))
    with run_server(FakeTranslator(), documents=second) as it:
        wait_until(lambda: it.fake.decoded())
        assert set(it.fake.decoded()) <= {*lines[200:], "STEPS100000"}
        assert ask(it, handle, method="DELETE").status_code == 204


@pytest.mark.parametrize("size", [0, 3])
def test_an_incomplete_upload_is_dropped(tmp_path: Path, size: int):
    first, second = tmp_path / "first", tmp_path / "second"
    with run_server(FakeTranslator(), documents=first) as it:
        it.fake.open.clear()
        handle = upload(it).json()
        shutil.copytree(first, second)
    (second / f"document-{handle['document_id']}.source").write_bytes(b"x" * size)
    with run_server(FakeTranslator(), documents=second) as it:
        assert ask(it, handle).status_code == 404


def test_documents_of_a_removed_key_are_deleted(tmp_path: Path, keys_file: Path):
    with run_server(FakeTranslator(), documents=tmp_path, api_keys_file=keys_file) as it:
        handle = upload(it, key="first").json()
        wait_for(it, handle, "done", key="first")
    with run_server(FakeTranslator(), documents=tmp_path) as it:
        assert ask(it, handle).status_code == 404
        assert not list(tmp_path.glob("document-*"))


def test_results_expire_while_the_server_is_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with run_server(FakeTranslator(), documents=tmp_path) as it:
        handle = upload(it).json()
        wait_for(it, handle, "done")
    monkeypatch.setattr(documents, "LIFETIME", 0)
    with run_server(FakeTranslator(), documents=tmp_path) as it:
        assert ask(it, handle).status_code == 404
        assert not list(tmp_path.glob("document-*"))


def test_a_directory_belongs_to_one_server(tmp_path: Path):
    with (
        run_server(FakeTranslator(), documents=tmp_path),
        pytest.raises(CarouselError, match="is in use by another server; set NMT_DOCUMENTS"),
    ):
        create_app(Settings(documents=tmp_path), [])


def test_without_a_directory_the_answer_says_that_documents_end_with_the_server(server: RunningServer):
    answer = ask(server, {"document_id": "x" * 32, "document_key": "x"})
    assert answer.status_code == 404
    assert answer.json()["message"].endswith("so upload it again if the server was restarted")


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
