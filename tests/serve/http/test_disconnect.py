import json
import socket

from fake_translator import FakeTranslator
from serving import run_server, wait_until


def test_waiting_sentences_of_a_disconnected_client_are_not_translated():
    with run_server(FakeTranslator(), threads=1, slots=1) as it:
        it.fake.open.clear()
        first = it.translate_meanwhile("first")
        wait_until(lambda: it.fake.decoded() == ["first"])
        service = it.server.config.app.state.service

        body = json.dumps({"q": ["left\nalone", "behind"], "source": "en", "target": "fr"})
        with socket.create_connection(("127.0.0.1", it.port), timeout=30) as connection:
            connection.sendall(
                "POST /translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            wait_until(lambda: service.active == 2)
        wait_until(lambda: service.active == 1)

        it.fake.open.set()
        it.join()
        assert first[0].json() == {"translatedText": "[first]"}
        assert it.translate("last").json() == {"translatedText": "[last]"}
        assert it.fake.decoded() == ["first", "last"]
