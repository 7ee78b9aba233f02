"""A small HTTP/1.1 client: pooled connections, bodies read into the caller's buffer.

Purpose: an SDK costs 1-2 ms of CPU per small GET and copies every byte twice; here a request costs
about 0.2 ms and the socket writes into the destination.

Rules:
  * a redirect is never followed here (credentials would go elsewhere);
  * a kept-alive connection that turns out dead before the first byte of an answer is replaced once, unless the request
    had a stream as body, which cannot be sent twice;
  * `OSError` and `http.client.HTTPException` leave this module; the driver translates them.
Invariants: a connection is used by one response at a time; it returns to the pool only if its
response was read to the end. Responses are never decoded (no gzip), so lengths are those of the
object.
"""

import http.client
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import BinaryIO
from urllib.parse import urlsplit

from vfs.remotes.backoff import Pace
from vfs.remotes.bandwidth import metered
from vfs.remotes.base import Writable
from vfs.remotes.cancel import CURRENT, is_cancelled, is_fresh
from vfs.remotes.dial import Proxy, connect
from vfs.remotes.heads import Headers, QuickResponse, request_head

IDLE_SECONDS = 50.0  # below the keep-alive of common servers and load balancers (60 s)
SLICE_SECONDS = 0.5  # `readinto` returns at least this often once bytes have come
MIN_MOVED = 16 << 10  # bytes; a connection that drips never times out by itself
MAX_TEXT = 256 << 10  # bytes of an error answer that are read


class HttpPool:
    """Connections to one origin.

    Args:
        origin: `http://host[:port]` or `https://host[:port]`; anything behind is ignored.
        context: TLS settings; needed for https.
        proxy: to go through, or None.
        connect_timeout: seconds for TCP and TLS.
        read_timeout: seconds without a byte, or with less than `MIN_MOVED` of them.
        keep: idle connections that are kept.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        origin: str,
        *,
        context: ssl.SSLContext | None = None,
        proxy: Proxy | None = None,
        connect_timeout: float = 10.0,
        read_timeout: float = 60.0,
        keep: int = 16,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(origin)
        self._tls = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        self._authority = parts.netloc.rpartition("@")[2]
        self._context = context
        self._proxy = proxy
        self._connect_timeout = connect_timeout
        self.read_timeout = read_timeout
        self._keep = keep
        self._clock = clock
        self._idle: deque[tuple[float, http.client.HTTPConnection]] = deque()
        self._lock = threading.Lock()
        self._active: set[HttpResponse] = set()
        self._talking: set[socket.socket] = set()  # whose answer has not begun
        self._closed = False

    def request(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | BinaryIO | None = None,
    ) -> "HttpResponse":
        """Send one request and wait for the head of its answer.

        Args:
            method: GET, HEAD, …
            target: percent-encoded path and query.
            headers: sent as they are; with a body, they hold its Content-Length.
            body: its bytes, or a stream that holds exactly as many.
        """
        connection = None if is_fresh() else self._take()
        if connection is not None:
            try:
                return self._exchange(connection, method, target, headers, body)
            except (http.client.RemoteDisconnected, ConnectionError):
                if not (body is None or isinstance(body, bytes)) or is_cancelled():
                    raise
                # The server had dropped it; a fresh one decides.
        return self._exchange(self._connect(), method, target, headers, body)

    def close(self) -> None:
        """Drop all connections; responses that are being read fail."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, deque()
            active, talking = list(self._active), list(self._talking)
        for channel in talking:
            _shut_down(channel)
        for _, connection in idle:
            connection.close()
        for response in active:
            response.close()

    def drain(self) -> None:
        """Keep no connection from now on; responses that are being read go on."""
        with self._lock:
            self._keep = 0
            idle, self._idle = self._idle, deque()
        for _, connection in idle:
            connection.close()

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | BinaryIO | None,
    ) -> "HttpResponse":
        if self._proxy is not None and not self._tls:
            target = f"http://{self._authority}{target}"
            headers = {**headers, **self._proxy.headers}
        channel = connection.sock
        try:
            with self._waiting(channel):
                whole, answer = _exchanged(connection, method, target, headers, body)
        except BaseException:
            connection.close()
            raise
        response = HttpResponse(self, connection, channel, answer, reusable=whole)
        with self._lock:
            if not self._closed:
                self._active.add(response)
                return response
        response.close()
        raise ConnectionAbortedError("the remote was closed")

    @contextmanager
    def _waiting(self, channel: socket.socket) -> Iterator[None]:
        """For an answer to begin: ended by `close`, and by who cancels the request."""
        cancel = CURRENT.get()
        with self._lock:
            if self._closed:
                raise ConnectionAbortedError("the remote was closed")
            self._talking.add(channel)
        if cancel is not None:
            cancel.waits(lambda: _shut_down(channel))
        try:
            yield
        finally:
            if cancel is not None:
                cancel.waits(None)
            with self._lock:
                self._talking.discard(channel)

    def _take(self) -> http.client.HTTPConnection | None:
        while True:
            with self._lock:
                if self._closed:
                    raise ConnectionAbortedError("the remote was closed")
                if not self._idle:
                    return None
                since, connection = self._idle.pop()
            if self._clock() - since < IDLE_SECONDS and not _readable(connection.sock):
                return connection
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        return connect(
            self._host,
            self._port,
            context=self._context if self._tls else None,
            proxy=self._proxy,
            connect_timeout=self._connect_timeout,
            read_timeout=self.read_timeout,
            waiting=self._waiting,
        )

    def _finished(
        self, response: "HttpResponse", connection: http.client.HTTPConnection, reusable: bool
    ) -> None:
        dropped: http.client.HTTPConnection | None = connection
        with self._lock:
            self._active.discard(response)
            if reusable and not self._closed:
                self._idle.append((self._clock(), connection))
                dropped = self._idle.popleft()[1] if len(self._idle) > self._keep else None
        if dropped is not None:
            dropped.close()


class HttpResponse:
    """The answer to one request; its body is read by one thread.

    Attributes:
        status: HTTP status.
        headers: by name in any case.
        length: bytes of the body, None if the server does not say.
    """

    def __init__(
        self,
        pool: HttpPool,
        connection: http.client.HTTPConnection,
        channel: socket.socket,
        answer: http.client.HTTPResponse,
        *,
        reusable: bool,
    ) -> None:
        self.status = answer.status
        self.headers = Headers.of(answer)
        self.length = answer.length
        self._pool = pool
        self._connection = connection
        self._channel = channel
        self._answer = answer
        self._remaining = answer.length
        self._lock = threading.Lock()
        self._done = False
        self._pace = Pace(pool.read_timeout, MIN_MOVED, 0.0)
        self._waited = 0.0  # seconds in `readinto`: a slow consumer is not a slow server
        self._keep_alive = reusable and not answer.will_close

    def readinto(self, buffer: Writable) -> int:
        """Bytes of the body; 0 is the end of what the server sent, early or not.

        Returns when the buffer is full, the body has ended, or half a second has passed since
        bytes came, so that a caller can judge the speed.
        """
        view = memoryview(buffer)
        if self._remaining is not None and len(view) > self._remaining:
            view = view[: self._remaining]
        total, started = 0, time.monotonic()
        while total < len(view):
            count = self._receive(view[total:])
            if not count:
                break
            total += count
            if self._remaining is not None:
                self._remaining -= count
            if time.monotonic() - started > SLICE_SECONDS:
                break
        if self._done:
            raise ConnectionAbortedError("the response was closed")
        self._waited += time.monotonic() - started
        stalled = self._pace.stalled(total, self._waited)
        if stalled and total and self._remaining != 0:
            raise TimeoutError("the answer is too slow")
        return total

    def _receive(self, view: memoryview) -> int:
        if self._done:
            raise ConnectionAbortedError("the response was closed")
        stream = self._answer.fp
        if self._answer.chunked or stream is None:
            return self._answer.readinto(view)
        # One `recv`, straight into the destination (HTTPResponse.readinto would loop until full).
        return stream.readinto1(view)

    def text(self) -> bytes:
        """The body of an error answer as far as it comes, cut at a limit; closes the response."""
        try:
            return self._read(MAX_TEXT)
        except (OSError, http.client.HTTPException):
            return b""  # the status says enough
        finally:
            self.close()

    def read_all(self, limit: int) -> bytes | None:
        """The whole body; None if it is longer than `limit` or ends early, which who cancels the request can see to."""
        with self._pool._waiting(self._channel):
            data = self._read(limit + 1)
        return None if self._remaining or len(data) > limit else data

    def _read(self, limit: int) -> bytes:
        pieces: list[bytes] = []
        while limit:
            with memoryview(bytearray(min(limit, MAX_TEXT))) as view:
                count = self.readinto(view)
                pieces.append(bytes(view[:count]))
            if not count:
                break
            limit -= count
        return b"".join(pieces)

    def close(self) -> None:
        """Keep the connection if the body was read to its end, else drop it. Any thread."""
        with self._lock:
            if self._done:
                return
            self._done = True
        reusable = self._keep_alive and (self._remaining == 0 or self._answer.isclosed())
        if not reusable:
            _shut_down(self._channel)  # wakes a reader in another thread
        self._answer.close()
        self._pool._finished(self, self._connection, reusable)


def _exchanged(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes | BinaryIO | None,
) -> tuple[bool, http.client.HTTPResponse]:
    """Send a request and wait for the head of its answer; False with it if the server stopped listening, which its answer explains."""
    whole = True
    try:
        connection.send(request_head(method, target, headers))
        if body is not None:
            connection.send(metered(body))
    except (BrokenPipeError, ConnectionResetError):
        if body is None:
            raise
        whole = False
    answer = QuickResponse(connection.sock, method=method)
    try:
        answer.begin()
    except BaseException:
        answer.close()
        raise
    return whole, answer


def _readable(connection: socket.socket | None) -> bool:
    """Whether an idle connection has ended (or sends what nobody asked for)."""
    if connection is None:
        return True
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def _shut_down(channel: socket.socket) -> None:
    # Not `SSLSocket.shutdown`: it drops the TLS layer, and a concurrent reader would be given
    # ciphertext.
    with suppress(OSError):  # it may have ended already
        socket.socket.shutdown(channel, socket.SHUT_RDWR)
