"""HTTP/1.1 as uvicorn speaks it over llhttp, but patient only so long, and with JSON for what is not HTTP at all.

What is refused here never reaches the application: malformed requests (400), heads that are too large (431) or
take too long (408). A client that does not fetch its answer is cut off, for its connection holds memory.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from serve.metrics import Metrics

MAX_HEAD_BYTES = 128 * 1024
"""A text in the query string is part of the head: percent-encoded, 10,000 characters take up to 120,000 bytes."""

_LINGER = 2  # seconds for a refused client to stop sending; closing at once could destroy the answer on its way
_MALFORMED = (400, "Invalid HTTP request received.", "malformed")
_TOO_LARGE = (431, f"the request's head is too large; at most {MAX_HEAD_BYTES} bytes are allowed", "head_too_large")
_TOO_SLOW = (408, "the request took too long to arrive", "head_too_slow")


class _RefusedError(Exception):
    """Raised within the parser's callbacks; its argument is one of the triples above."""


class HttpProtocol(HttpToolsProtocol):
    """One connection. ``timeout`` seconds are for a head to arrive, and for an answer to be fetched."""

    def __init__(self, *args: Any, metrics: Metrics, timeout: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._metrics = metrics
        self._timeout = timeout
        self._running: RequestResponseCycle | None = None  # whom the application is answering; a cycle is a request
        self._refusal: tuple[int, str, str] | None = None
        self._in_head = False
        self._head_bytes = 0
        self._unparsed_bytes = 0  # received since the parser last completed anything
        self._deadline: asyncio.TimerHandle | None = None  # of the client: to send a head or, at the end, to leave
        self._fetching: asyncio.TimerHandle | None = None  # its deadline to fetch most of what is written

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected; now it has to send something."""
        super().connection_made(transport)
        self.transport = cast(asyncio.Transport, Joining(transport, self.loop))
        self._arm(self._timeout, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        super().connection_lost(exc)
        # Of pipelined requests uvicorn tells only the last that nobody waits for its answer.
        _abandon(self._running)
        self._disarm()
        self._stop_fetching()

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
        self._unset_keepalive_if_required()
        if self._refusal is not None:
            return
        self._unparsed_bytes += len(data)
        rest = memoryview(data)
        try:
            while rest:
                rest = self._feed(rest)
            if self._unparsed_bytes > MAX_HEAD_BYTES:
                raise _RefusedError(_TOO_LARGE)
        except (httptools.HttpParserError, _RefusedError) as error:
            cause = error if isinstance(error, _RefusedError) else error.__context__  # what a callback raised
            self._refuse(cause.args[0] if isinstance(cause, _RefusedError) else _MALFORMED)
            return
        if not self._is_answering():
            # The beginning of a head, or more of a body whose request is answered already.
            self._arm(self._timeout, self._too_slow)

    def _feed(self, data: memoryview) -> memoryview:
        """Parses ``data``, or as much of it as ends with an offer to speak another protocol; returns the rest."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            # Java's client offers HTTP/2 with its first request. The parser takes what follows for HTTP/2, which
            # may be the request's body; so it gets the same head again without the offer.
            version = self.parser.get_http_version().encode()
            head = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
            head += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
            self.parser.feed_data(b"\r\n".join([*head, b"", b""]))
            return data[offer.args[0] :]
        return data[len(data) :]

    def pause_writing(self) -> None:
        """Much is waiting to be fetched by the client."""
        super().pause_writing()
        if self._fetching is None:
            self._fetching = self.loop.call_later(self._timeout, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has fetched most of it."""
        super().resume_writing()
        self._stop_fetching()

    def timeout_keep_alive_handler(self) -> None:
        """Nothing has happened for long. What is unsent by now, nobody wants."""
        self.transport.abort()

    # The parser's callbacks

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the request's target."""
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header. The fields that may follow a chunked body are none, and are dropped."""
        if self._in_head:
            self._count(name, value, b": \r\n")
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A whole head; unless it offers another protocol (see ``_feed``), the application is called."""
        method = self.parser.get_method()
        if self.parser.should_upgrade() and method != b"CONNECT":
            return
        version = self.parser.get_http_version()
        hosts = sum(name == b"host" for name, _ in self.headers)
        if method == b"CONNECT" or version not in ("1.0", "1.1") or hosts > 1 or (version == "1.1" and not hosts):
            raise _RefusedError(_MALFORMED)
        self._in_head = False
        self._unparsed_bytes = 0
        self._disarm()
        # uvicorn would have the whole target parsed by what takes 64 KiB at most, too few for a text.
        self.url, _, query = self.url.partition(b"?")
        super().on_headers_complete()
        self.scope["query_string"] = query

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._unparsed_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of a request."""
        if not self.parser.should_upgrade():
            self._unparsed_bytes = 0
            self._disarm()
            super().on_message_complete()

    # The application's answers

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Callable[..., Any]) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """An answer is written; if it was the last, what is still unsent must be fetched in time."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._arm(self._timeout, self.transport.abort)
        elif self._refusal is not None and not self._is_answering():
            self._send_refusal(self._refusal)

    def _is_answering(self) -> bool:
        return self._running is not None and not self._running.response_complete

    # Refusals

    def _count(self, *chunks: bytes) -> None:
        self._head_bytes += sum(map(len, chunks))
        if self._head_bytes > MAX_HEAD_BYTES:
            raise _RefusedError(_TOO_LARGE)

    def _too_slow(self) -> None:
        if self._in_head:
            self._refuse(_TOO_SLOW)
        else:  # nothing of a request has come: there is nothing to answer
            self.transport.abort()

    def _refuse(self, refusal: tuple[int, str, str]) -> None:
        """Answers what came last with an error, after the answers to what came before, and closes."""
        self._refusal = refusal
        self._metrics.rejected.labels(refusal[2]).inc()
        if self.cycle is not None and self.cycle.more_body and not self._in_head:
            # The body is at fault: this very request is refused, unless it has its answer already.
            if self.cycle.response_started:
                self.transport.abort()
                return
            _abandon(self.cycle)
            if self._running is self.cycle:
                self._running = None
            else:
                self.pipeline.popleft()
        if not self._is_answering():
            self._send_refusal(refusal)

    def _send_refusal(self, refusal: tuple[int, str, str]) -> None:
        status, message, _ = refusal
        body = json.dumps({"error": message}).encode()
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self._unset_keepalive_if_required()
        self._disarm()
        self._arm(_LINGER, self.transport.abort)
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.write_eof()

    # Deadlines

    def _arm(self, seconds: float, then: Callable[[], None]) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(seconds, then)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_fetching(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
            self._fetching = None


class Joining:
    """A transport that sends in one go what is written in one go: a head and its body are one packet, not two.

    A system call costs as much as reading a request, and each packet wakes the client.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Sends ``data`` together with what else is written before the event loop goes on."""
        if not self._parts:
            self._loop.call_soon(self._send)
        self._parts.append(data)

    def write_eof(self) -> None:
        """Sends what is written, and that nothing more will come."""
        self._send()
        self._transport.write_eof()

    def close(self) -> None:
        """Sends what is written, and closes."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._parts:
            data, self._parts = b"".join(self._parts), []
            self._transport.write(data)


def _abandon(cycle: RequestResponseCycle | None) -> None:
    """Tells the application that nobody waits for this answer any more."""
    if cycle is not None and not cycle.response_complete:
        cycle.disconnected = True
        cycle.message_event.set()
