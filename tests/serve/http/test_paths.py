"""HEAD and OPTIONS requests, variants of paths, and path prefixes of reverse proxies."""

from collections.abc import Iterator

import pytest
from fake_translator import FakeTranslator
from serving import RunningServer, run_server

BODY = {"q": "a", "source": "en", "target": "fr"}
GET_ROUTES = [
    "/",
    "/health",
    "/ready",
    "/metrics",
    "/languages",
    "/frontend/settings",
    "/openapi.json",
    "/spec",
    "/docs",
]
GET_ROUTES += ["/learn", "/v2/languages", "/v2/usage", "/v2/glossaries", "/v2/glossary-language-pairs"]


@pytest.fixture(scope="module")
def prefixed_server() -> Iterator[RunningServer]:
    with run_server(FakeTranslator(), root_path="/t2/", trusted_proxies="127.0.0.1") as it:
        yield it


@pytest.mark.parametrize("path", GET_ROUTES)
def test_head_is_answered_like_get_without_a_body(server: RunningServer, path: str) -> None:
    head, get = server.client.head(path), server.client.get(path)
    assert (head.status_code, get.status_code) == (200, 200)
    assert head.content == b""
    assert head.headers["content-type"] == get.headers["content-type"]
    if path != "/metrics":  # whose length changes
        assert head.headers["content-length"] == get.headers["content-length"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/languages", "GET, HEAD, POST, OPTIONS"),
        ("GET", "/translate", "POST, OPTIONS"),
        ("HEAD", "/translate", "POST, OPTIONS"),
        ("PATCH", "/health", "GET, HEAD, OPTIONS"),
        ("POST", "/spec", "GET, HEAD, OPTIONS"),
        ("POST", "/v2/glossaries/some-id", "DELETE, GET, HEAD, OPTIONS"),
    ],
)
def test_allow_names_every_method_of_a_path(server: RunningServer, method: str, path: str, allowed: str) -> None:
    refused = server.client.request(method, path)
    assert (refused.status_code, refused.headers["allow"]) == (405, allowed)
    options = server.client.options(path)
    assert (options.status_code, options.headers["allow"], options.content) == (204, allowed, b"")


def test_options_of_an_unknown_path_is_404(server: RunningServer) -> None:
    assert server.client.options("/nothing").status_code == 404


@pytest.mark.parametrize("path", ["/translate", "/translate/", "//translate", "//translate//"])
def test_doubled_and_trailing_slashes_are_ignored(server: RunningServer, path: str) -> None:
    url = f"http://127.0.0.1:{server.port}{path}"
    assert server.client.post(url, json=BODY).json() == {"translatedText": "[a]"}


def test_errors_under_v2_have_deepl_s_form_whatever_the_slashes(server: RunningServer) -> None:
    url = f"http://127.0.0.1:{server.port}//v2//translate/"
    assert set(server.client.post(url, json={}).json()) == {"message"}


@pytest.mark.parametrize("page", ["/docs", "/learn"])
def test_a_page_with_relative_links_is_redirected_to_its_own_path(server: RunningServer, page: str) -> None:
    answer = server.client.get(f"{page}/")
    assert (answer.status_code, answer.headers["location"]) == (308, f"..{page}")
    assert server.client.get(f"{page}/", follow_redirects=True).url.path == page


@pytest.mark.parametrize("path", ["/translate", "/t2/translate", "/t2/translate/"])
def test_a_path_is_served_with_and_without_the_prefix(prefixed_server: RunningServer, path: str) -> None:
    assert prefixed_server.client.post(path, json=BODY).json() == {"translatedText": "[a]"}


@pytest.mark.parametrize(
    ("header", "prefix"),
    [(None, "/t2"), ("/other/place", "/other/place"), ("/other/", "/other"), ("//evil.example", "/t2"), ("x", "/t2")],
)
def test_addresses_contain_the_prefix(prefixed_server: RunningServer, header: str | None, prefix: str) -> None:
    headers = {"X-Forwarded-Prefix": header} if header else {}
    client = prefixed_server.client
    assert client.get("/openapi.json", headers=headers).json()["servers"] == [{"url": prefix}]
    parameters = {"source": "en", "target": "fr"}
    answer = client.post("/translate_file", headers=headers, data=parameters, files={"file": ("a.txt", b"a")})
    address = answer.json()["translatedFileUrl"]
    assert address.startswith(f"http://127.0.0.1:{prefixed_server.port}{prefix}/download_file/")
    if prefix == "/t2":
        assert client.get(address).content == b"[a]"


def test_the_prefix_of_an_untrusted_client_is_ignored(server: RunningServer) -> None:
    answer = server.client.get("/openapi.json", headers={"X-Forwarded-Prefix": "/x"})
    assert answer.json()["servers"] == [{"url": "/"}]
