"""Requests for other hosts, and simple cross-site requests of web pages."""

from collections.abc import Iterator

import httpx
import pytest
from fake_translator import FakeTranslator
from serving import RunningServer, run_server

from serve.settings import Settings

FORM = {"q": "a", "source": "en", "target": "fr"}
ALLOWED = "https://allowed.example"


@pytest.fixture(scope="module")
def open_server() -> Iterator[RunningServer]:
    with run_server(FakeTranslator(), allowed_hosts="*", cors_origins=ALLOWED) as it:
        yield it


def post_form(it: RunningServer, **headers: str) -> httpx.Response:
    return it.client.post("/translate", data=FORM, headers={k.replace("_", "-"): v for k, v in headers.items()})


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:5000", "[::1]:5000", "[::1]"])
def test_a_local_server_answers_to_local_names(server: RunningServer, host: str):
    assert server.client.get("/languages", headers={"Host": host}).status_code == 200


def test_health_checks_may_name_any_address(server: RunningServer):
    for path in ("/health", "/ready"):
        assert server.client.get(path, headers={"Host": "0.0.0.0:5000"}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:5000", "localhost.evil.example", "[", "192.0.2.1"])
@pytest.mark.parametrize("path", ["/languages", "/v2/languages", "/", "/metrics"])
def test_a_local_server_refuses_other_names(server: RunningServer, host: str, path: str):
    answer = server.client.get(path, headers={"Host": host})
    assert answer.status_code == 400
    assert "NMT_ALLOWED_HOSTS" in answer.json()["message" if path.startswith("/v2") else "error"]


def test_the_default_hosts_depend_on_the_address():
    for host in ("127.0.0.1", "localhost", "::1"):
        assert set(Settings(host=host).allowed_hosts_or_default) == {"localhost", "127.0.0.1", "::1"}
    assert "127.0.0.2" in Settings(host="127.0.0.2").allowed_hosts_or_default
    for host in ("0.0.0.0", "::", "192.0.2.1", "translate.example"):
        assert Settings(host=host).allowed_hosts_or_default == ("*",)
    assert Settings(host="127.0.0.1", allowed_hosts="a.example, b.example").allowed_hosts_or_default == (
        "a.example",
        "b.example",
    )


def test_listed_hosts_are_answered():
    with run_server(FakeTranslator(), allowed_hosts="Translate.Example,[2001:db8::1]") as it:
        for host, status in {"translate.example:443": 200, "[2001:db8::1]:80": 200, "localhost": 400}.items():
            assert it.client.get("/languages", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "null", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "http://other.service.example", "Sec_Fetch_Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
    ],
    ids=str,
)
def test_forms_of_other_pages_are_refused(open_server: RunningServer, headers: dict[str, str]):
    answer = post_form(open_server, **headers)
    assert answer.status_code == 403
    assert "NMT_CORS_ORIGINS" in answer.json()["error"]
    for content_type in ("text/plain", "multipart/form-data; boundary=x", "Text/Plain; charset=utf-8"):
        assert post_form(open_server, Content_Type=content_type, **headers).status_code == 403
    raw = {name.replace("_", "-"): value for name, value in headers.items()}
    assert open_server.client.delete("/v2/glossaries/x", headers=raw).status_code == 403
    assert open_server.client.get("/languages", headers=raw).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": ALLOWED, "Sec_Fetch_Site": "cross-site"},
        {"Origin": "https://translate.example", "Host": "translate.example"},
        {"Origin": "https://translate.example", "X_Forwarded_Host": "translate.example"},
        {"Origin": "https://translate.example", "Sec_Fetch_Site": "same-origin"},
        {"Sec_Fetch_Site": "none"},
    ],
    ids=str,
)
def test_own_and_allowed_pages_and_other_programs_send_forms(open_server: RunningServer, headers: dict[str, str]):
    assert post_form(open_server, **headers).status_code == 200


def test_requests_that_need_permission_in_the_browser_are_left_to_it(open_server: RunningServer):
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    answer = open_server.client.post("/translate", json=FORM, headers=headers)
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers
