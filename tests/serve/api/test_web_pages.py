"""The files of the web pages over real HTTP."""

import gzip
import re
from importlib.resources import files

import pytest
from serving import RunningServer

STATIC = files("serve") / "static"


def test_the_page_has_a_strict_policy(server: RunningServer):
    answer = server.client.get("/")
    assert answer.status_code == 200
    assert answer.text == (STATIC / "index.html").read_text(encoding="utf-8")
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert all(policy[name] == "'self'" for name in ("script-src", "style-src", "img-src", "connect-src"))
    assert policy["require-trusted-types-for"] == "'script'"
    assert all(policy[name] == "'none'" for name in ("trusted-types", "base-uri", "form-action", "frame-ancestors"))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("app/main.js", "text/javascript; charset=utf-8"),
        ("theme.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ],
)
def test_files_are_sent_compressed_and_only_when_they_have_changed(server: RunningServer, path: str, media_type: str):
    content = STATIC.joinpath(*path.split("/")).read_bytes()
    with server.client.stream("GET", f"/static/{path}", headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join(answer.iter_raw())
        assert gzip.decompress(raw) == content
        assert answer.headers["content-type"] == media_type
        assert answer.headers["cache-control"] == "no-cache"
    plain = server.client.get(f"/static/{path}", headers={"Accept-Encoding": "identity"})
    assert plain.content == content
    assert "content-encoding" not in plain.headers
    assert plain.headers["etag"] == answer.headers["etag"]
    repeated = server.client.get(f"/static/{path}", headers={"If-None-Match": answer.headers["etag"]})
    assert (repeated.status_code, repeated.content) == (304, b"")
    assert server.client.head(f"/static/{path}").headers["etag"] == answer.headers["etag"]


@pytest.mark.parametrize(
    "path",
    ["", "app", "app/", "missing.js", "..%2F..%2Fsettings.py", "%2e%2e/app.py", "/etc/passwd", "app%5Cmain.js", "%00"],
)
def test_other_paths_are_404(server: RunningServer, path: str):
    answer = server.client.get(f"/static/{path}")
    assert answer.status_code == 404
    assert set(answer.json()) == {"error"}


def test_the_page_needs_no_key_and_refuses_other_methods(server: RunningServer):
    assert server.client.head("/").status_code == 200
    assert server.client.post("/").status_code == 405


def test_the_page_loads_all_modules_at_once_and_stays_light():
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    modules = sorted(each.name for each in (STATIC / "app").iterdir() if each.name.endswith(".js"))
    for name in modules:
        reference = f'href="static/app/{name}"' if name not in {"main.js", "theme.js"} else f'src="static/app/{name}"'
        assert reference in page, name
    loaded = [STATIC.joinpath(*path.split("/")) for path in re.findall(r'(?:href|src)="static/([^"]+)"', page)]
    loaded += [STATIC / "index.html", STATIC / "strings" / "zh.js"]
    assert sum(len(gzip.compress(each.read_bytes(), 9)) for each in loaded) < 50_000
