"""uvicorn's HTTP/1.1 protocol with time-outs, a limit on the request head, and JSON error responses.

This module refuses malformed requests (400), heads that are too large (431) and heads that arrive too slowly (408),
which then never reach the application. It disconnects clients that stop reading, because their responses occupy memory.

The base class is an undocumented class of uvicorn: ``tests/serve/http/test_protocol.py`` lists the attributes in use,
and ``pyproject.toml`` limits uvicorn's version.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from serve.metrics import Metrics

MAX_HEAD_BYTES = 128 * 1024
"""Maximum size of a request line with headers. A percent-encoded text of 10,000 characters has up to 120,000 bytes."""

_LINGER_SECONDS = 2  # for a refused client to stop sending; closing at once could discard the response


class _Refusal(NamedTuple):
    status: int
    message: str
    reason: str
    """Label of ``nmt_rejected_total``."""


_MALFORMED = _Refusal(400, "the request is not valid HTTP", "malformed")
_HEAD_TOO_LARGE = _Refusal(431, f"request head: too large; send at most {MAX_HEAD_BYTES} bytes", "head_too_large")
_UNKNOWN_TRANSFER_CODING = _Refusal(501, "Transfer-Encoding: not supported; send chunked", "transfer_coding")
_HEAD_TOO_SLOW = _Refusal(408, "request head: took too long to arrive; send the request again", "head_too_slow")


class _RefusedError(Exception):
    """Raised in the parser's callbacks to refuse a request."""

    def __init__(self, refusal: _Refusal) -> None:
        self.refusal = refusal


class HttpProtocol(HttpToolsProtocol):
    """A connection to a client.

    Args:
        metrics: Metrics, which count the refused requests.
        timeout: Seconds for a request head to arrive, and for the client to read a response.
    """

    def __init__(self, *args: Any, metrics: Metrics, timeout: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._metrics, self._timeout = metrics, timeout
        self._running: RequestResponseCycle | None = None  # the request that the application is answering
        self._refusal: _Refusal | None = None
        self._in_head = False
        self._head_bytes = 0
        self._unparsed_bytes = 0  # received since the parser last completed anything
        self._deadline: asyncio.TimerHandle | None = None  # for a head to arrive; at the end, for the client to leave
        self._read_deadline: asyncio.TimerHandle | None = None  # for the client to read most of what was written

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time-out for the first request."""
        super().connection_made(transport)
        self.transport = cast(asyncio.Transport, CoalescingTransport(transport, self.loop))
        self._start_deadline(self._timeout, self._head_timed_out)

    def connection_lost(self, exc: Exception | None) -> None:
        """Notify the application that the client has disconnected."""
        super().connection_lost(exc)
        # uvicorn notifies only the last of several pipelined requests.
        _mark_disconnected(self._running)
        self._cancel_deadline()
        self._cancel_read_deadline()

    def data_received(self, data: bytes) -> None:
        """Parse bytes that have arrived from the client."""
        self._cancel_keep_alive()
        if self._refusal is not None:
            return
        self._unparsed_bytes += len(data)
        rest = memoryview(data)
        try:
            while rest:
                rest = self._feed(rest)
            if self._unparsed_bytes > MAX_HEAD_BYTES:
                raise _RefusedError(_HEAD_TOO_LARGE)
        except (httptools.HttpParserError, _RefusedError) as error:
            cause = error if isinstance(error, _RefusedError) else error.__context__  # raised by a callback
            self._refuse(cause.refusal if isinstance(cause, _RefusedError) else _MALFORMED)
            return
        if not self._is_answering():
            # The start of a head, or the rest of a body whose request was answered already.
            self._start_deadline(self._timeout, self._head_timed_out)

    def _feed(self, data: memoryview) -> memoryview:
        """Parse data up to the next offer to switch protocols, and return the rest of the data."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # Java's HTTP client offers HTTP/2 with its first request. The parser assumes that HTTP/2 follows, although
            # the request's body may follow, so it is given the same head again without the offer.
            version = self.parser.get_http_version().encode()
            head = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
            head += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
            self.parser.feed_data(b"\r\n".join([*head, b"", b""]))
            return data[upgrade.args[0] :]
        return data[len(data) :]

    def pause_writing(self) -> None:
        """Start the time-out for the client to read the buffered data."""
        super().pause_writing()
        if self._read_deadline is None:
            self._read_deadline = self.loop.call_later(self._timeout, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop the time-out, because the client has read most of the buffered data."""
        super().resume_writing()
        self._cancel_read_deadline()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, and discard data that the client has not read yet."""
        self.transport.abort()

    # Callbacks of the parser

    def on_message_begin(self) -> None:
        """Handle the first byte of a request."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Handle a part of the request target."""
        self._count_head_bytes(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Handle a header; trailer fields, after a chunked body, are dropped."""
        if self._in_head:
            self._count_head_bytes(name, value, b": \r\n")
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Call the application, unless the head offers to switch protocols (see ``_feed``)."""
        method = self.parser.get_method()
        if self.parser.should_upgrade() and method != b"CONNECT":
            return
        version = self.parser.get_http_version()
        hosts = sum(name == b"host" for name, _ in self.headers)
        if method == b"CONNECT" or version not in ("1.0", "1.1") or hosts > 1 or (version == "1.1" and not hosts):
            raise _RefusedError(_MALFORMED)
        if any(name == b"transfer-encoding" and value.lower() != b"chunked" for name, value in self.headers):
            raise _RefusedError(_UNKNOWN_TRANSFER_CODING)
        self._in_head = False
        self._unparsed_bytes = 0
        self._cancel_deadline()
        # uvicorn parses the whole target with a function that takes at most 64 KiB, too few for a text.
        self.url, _, query = self.url.partition(b"?")
        super().on_headers_complete()
        self.scope["query_string"] = query
        if not self.pipeline:  # otherwise uvicorn queued the request behind the running one
            self._running = self.cycle

    def on_body(self, body: bytes) -> None:
        """Handle a part of a body."""
        self._unparsed_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Handle the end of a request."""
        if not self.parser.should_upgrade():
            self._unparsed_bytes = 0
            self._cancel_deadline()
            super().on_message_complete()

    # The application's responses

    def on_response_complete(self) -> None:
        """Continue with the next pipelined request. After the last one, start the time-out for the client to read."""
        following = self.pipeline[-1][0] if self.pipeline else None  # started by uvicorn if the connection stays open
        super().on_response_complete()
        if self.transport.is_closing():
            self._start_deadline(self._timeout, self.transport.abort)
        elif following is not None:
            self._running = following
        elif self._refusal is not None:
            self._send_refusal(self._refusal)

    def _is_answering(self) -> bool:
        return self._running is not None and not self._running.response_complete

    # Refusals

    def _count_head_bytes(self, *parts: bytes) -> None:
        self._head_bytes += sum(map(len, parts))
        if self._head_bytes > MAX_HEAD_BYTES:
            raise _RefusedError(_HEAD_TOO_LARGE)

    def _head_timed_out(self) -> None:
        if self._in_head:
            self._refuse(_HEAD_TOO_SLOW)
        else:  # no part of a request has arrived, so there is nothing to answer
            self.transport.abort()

    def _refuse(self, refusal: _Refusal) -> None:
        """Respond to the latest request with an error after all earlier responses, and close the connection."""
        self._refusal = refusal
        self._metrics.rejected.labels(refusal.reason).inc()
        if self.cycle is not None and self.cycle.more_body and not self._in_head:
            # The body is malformed: refuse the request that it belongs to, unless that has its response already.
            if self.cycle.response_started:
                self.transport.abort()
                return
            _mark_disconnected(self.cycle)
            if self._running is self.cycle:
                self._running = None
            else:
                self.pipeline.popleft()
        if not self._is_answering():
            self._send_refusal(refusal)

    def _send_refusal(self, refusal: _Refusal) -> None:
        body = json.dumps({"error": refusal.message}).encode()
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self._cancel_keep_alive()
        self._cancel_deadline()
        self._start_deadline(_LINGER_SECONDS, self.transport.abort)
        self.transport.write(STATUS_LINE[refusal.status] + head + body)
        self.transport.write_eof()

    # Deadlines

    def _start_deadline(self, seconds: float, callback: Callable[[], None]) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(seconds, callback)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cancel_read_deadline(self) -> None:
        if self._read_deadline is not None:
            self._read_deadline.cancel()
            self._read_deadline = None

    def _cancel_keep_alive(self) -> None:
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None


class CoalescingTransport:
    """A transport that joins consecutive writes, so that the head and the body of a response are sent in one packet.

    A system call costs as much as parsing a request, and each packet wakes the client.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._buffer: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Buffer data, which is sent at the event loop's next iteration."""
        if not self._buffer:
            self._loop.call_soon(self._flush)
        self._buffer.append(data)

    def write_eof(self) -> None:
        """Send the buffered data, then close the sending side."""
        self._flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Send the buffered data, then close the connection."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._buffer:
            data, self._buffer = b"".join(self._buffer), []
            self._transport.write(data)


def _mark_disconnected(cycle: RequestResponseCycle | None) -> None:
    """Notify the application that the client of this request has disconnected."""
    if cycle is not None and not cycle.response_complete:
        cycle.disconnected = True
        cycle.message_event.set()
