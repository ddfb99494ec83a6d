"""Fuzzing: no request is answered with 500, and all responses conform to the OpenAPI description."""

import json
import random
from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import pytest
import schemathesis
from fake_translator import FakeTranslator
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from serving import RunningServer, run_server

MUTATIONS = 10_000
JSON, FORM = "application/json", "application/x-www-form-urlencoded"

TRANSLATE = {"q": ["A b. C d.", "<p>é</p>"], "source": "en", "target": "fr", "format": "html", "details": True}
DEEPL = {
    "text": ["A b.", "é"],
    "source_lang": "EN",
    "target_lang": "FR",
    "tag_handling": "html",
    "formality": "default",
}
GLOSSARY = {"name": "g", "source_lang": "en", "target_lang": "fr", "entries": "a\tb\nc\td", "entries_format": "tsv"}
BOUNDARY = "multipart/form-data; boundary=x"
FILE = (
    b'--x\r\nContent-Disposition: form-data; name="source"\r\n\r\nen\r\n'
    b'--x\r\nContent-Disposition: form-data; name="target"\r\n\r\nfr\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.html"\r\n\r\n<p>A <b>b</b>\r\n--x--\r\n'
)
SEEDS: list[tuple[str, str, bytes]] = [
    ("/translate", JSON, json.dumps(TRANSLATE).encode()),
    ("/translate", FORM, urlencode({"q": "A b.", "source": "auto", "target": "fr"}).encode()),
    ("/translate", BOUNDARY, FILE),
    ("/translate/stream", JSON, json.dumps(TRANSLATE).encode()),
    ("/detect", FORM, b"q=A+b"),
    ("/translate_file", BOUNDARY, FILE),
    ("/v2/translate", JSON, json.dumps(DEEPL).encode()),
    ("/v2/translate", FORM, b"text=A&text=B&target_lang=FR"),
    ("/v2/languages", FORM, b"type=target"),
    ("/v2/glossaries", JSON, json.dumps(GLOSSARY).encode()),
]


@pytest.fixture(scope="module")
def open_server() -> Iterator[RunningServer]:
    """A server for two language pairs."""
    with run_server(FakeTranslator("en", "fr"), FakeTranslator("fr", "en")) as it:
        yield it


def mutate(body: bytes, rng: random.Random) -> bytes:
    """Return the body with a few byte ranges changed, removed, repeated or reversed."""
    mutated = bytearray(body)
    for _ in range(rng.choice([1, 1, 2, 5])):
        start = rng.randrange(len(mutated) + 1)
        stop = min(len(mutated), start + rng.choice([1, 1, 3, 20]))
        span = mutated[start:stop]
        mutated[start:stop] = rng.choice(
            [
                b"",
                bytes(rng.randrange(256) for _ in span),
                span * rng.choice([2, 50]),
                rng.choice(
                    [
                        b"null",
                        b"{}",
                        b"[]",
                        b"-1",
                        b"1e999",
                        b'"',
                        b"\\ud800",
                        b"%00",
                        b"%ff",
                        b"\0",
                        b"\r\n",
                        b"<!--",
                        b"&",
                    ]
                ),
                span[::-1],
            ]
        )
    return bytes(mutated[:20_000])


# If a form ends in the middle of a file, Starlette leaves the file to the garbage collector.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_mutated_body_is_answered_with_500(open_server: RunningServer):
    rng = random.Random(1)
    statuses: set[int] = set()
    with httpx.Client(base_url=open_server.client.base_url, timeout=30, trust_env=False) as client:
        for n in range(MUTATIONS):
            path, content_type, body = SEEDS[n % len(SEEDS)]
            content_type = rng.choice(
                [content_type, content_type, content_type, content_type, JSON, FORM, BOUNDARY, "text/plain", ""]
            )
            mutated = mutate(body, rng)
            answer = client.post(path, content=mutated, headers={"content-type": content_type} if content_type else {})
            assert answer.status_code < 500, (path, content_type, mutated, answer.text)
            if answer.status_code >= 400:
                assert list(answer.json()) == ["message" if path.startswith("/v2/") else "error"]
                assert "\n" not in answer.text
            statuses.add(answer.status_code)
    assert {200, 201, 400} <= statuses


def test_responses_conform_to_the_openapi_description(open_server: RunningServer):
    schema = schemathesis.openapi.from_url(f"{open_server.client.base_url}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) >= 20
    for operation in operations:

        @settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def check(case: schemathesis.Case) -> None:
            # Whether a request is accepted also depends on the served languages, which are not in the description.
            case.call_and_validate(excluded_checks=[positive_data_acceptance])

        check()
