"""HTTP/1.1 as uvicorn speaks it, but with JSON for what is not HTTP at all."""

import contextlib
import json

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class JsonErrorsProtocol(H11Protocol):
    """Answers malformed requests, which never reach the application, in the shape of all other errors."""

    def send_400_response(self, msg: str) -> None:
        """Says that the request can't be understood and closes the connection."""
        body = json.dumps({"error": msg}).encode()
        headers = [
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        events = [h11.Response(status_code=400, headers=headers), h11.Data(data=body), h11.EndOfMessage()]
        with contextlib.suppress(h11.LocalProtocolError):  # the answer to the request's well-formed part is out
            for event in events:
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
