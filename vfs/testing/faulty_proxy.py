"""An HTTP proxy that misbehaves on request: it stands between a client and a real server.

Usage::

    with FaultyProxy(server.port) as proxy:
        proxy.plan(status(503), reset(after=1000))    # the next two GETs; then it is transparent
        ...
        assert [r.method for r in proxy.requests] == [...]

Rule: each fault is used once, for the next request with its method; `proxy.always` sets one for all
further requests. Faults work on whole answers of the upstream, so objects should be small. Nothing
sleeps: a dripping or stalled answer waits for the end of the proxy or of the client.
"""

import contextlib
import http.client
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import BinaryIO, NamedTuple, Self

from vfs.testing.ports import free_port


class Request(NamedTuple):
    """What a client asked."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What is sent to the client.

    Attributes:
        body: what Content-Length promises, unless `headers` says otherwise.
        stop_after: send only so many bytes of the body, then do what `ending` says.
        ending: `finish`, `reset` (RST), `hangup` (FIN), `stall` (send nothing more).
        drip: seconds between single bytes; 0 sends everything at once.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    stop_after: int | None = None
    ending: str = "finish"
    drip: float = 0.0
    raw: bytes | None = None

    def header(self, name: str, value: str | None) -> "Answer":
        """With a header set, or removed."""
        kept = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        return replace(self, headers=kept if value is None else (*kept, (name, value)))


Upstream = Callable[[], Answer]
Fault = Callable[[Request, Upstream], Answer]


def status(code: int, *headers: tuple[str, str], body: bytes = b"") -> Fault:
    """An answer of our own; the upstream is not asked."""
    return lambda request, upstream: Answer(code, headers, body)


def reset(after: int) -> Fault:
    """The right answer, reset after so many bytes of the body."""
    return lambda request, upstream: replace(upstream(), stop_after=after, ending="reset")


def truncate(after: int) -> Fault:
    """The right answer, closed after so many bytes of the body."""
    return lambda request, upstream: replace(upstream(), stop_after=after, ending="hangup")


def stall(after: int) -> Fault:
    """The right answer, which stops to move after so many bytes of the body."""
    return lambda request, upstream: replace(upstream(), stop_after=after, ending="stall")


def drip(interval: float) -> Fault:
    """The right answer, byte by byte."""
    return lambda request, upstream: replace(upstream(), drip=interval)


def hangup() -> Fault:
    """No answer at all."""
    return lambda request, upstream: Answer(0, raw=b"")


def garbage(data: bytes = b"\x00\xff not HTTP\r\n\r\n") -> Fault:
    """Bytes that are no HTTP."""
    return lambda request, upstream: Answer(0, raw=data)


def whole(data: bytes) -> Fault:
    """200 and the whole object, as a server that ignores ranges."""

    def fault(request: Request, upstream: Upstream) -> Answer:
        answer = upstream().header("Content-Range", None)
        return replace(answer, status=200, body=data).header("Content-Length", str(len(data)))

    return fault


def wrong_status(code: int) -> Fault:
    """The right answer under another status."""
    return lambda request, upstream: replace(upstream(), status=code)


def set_header(name: str, value: str | None) -> Fault:
    """The right answer with a header replaced or removed."""
    return lambda request, upstream: upstream().header(name, value)


def corrupt(offset: int) -> Fault:
    """The right answer with one byte changed."""

    def fault(request: Request, upstream: Upstream) -> Answer:
        answer = upstream()
        body = bytearray(answer.body)
        body[offset] ^= 0xFF
        return replace(answer, body=bytes(body))

    return fault


def do_first(action: Callable[[], object], then: Fault | None = None) -> Fault:
    """Run something (say, replace the object) before the upstream is asked."""

    def fault(request: Request, upstream: Upstream) -> Answer:
        action()
        return then(request, upstream) if then else upstream()

    return fault


@dataclass
class FaultyProxy:
    """The proxy; a context manager.

    Args:
        upstream: port of the real server on 127.0.0.1, None if every request has a fault that
            answers by itself.
        port: to listen at; 0 chooses one. A proxy made anew at the port of one that ended is a service that restarts.
        tls: the server side of TLS, None for plain HTTP.
    """

    upstream: int | None = None
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    port: int = 0

    def __post_init__(self) -> None:
        self._planned: dict[str, deque[Fault]] = {}
        self._always: dict[str, Fault] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self.port = self.port or free_port()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        with self._lock:
            sockets = [*self._open, self._listener]
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(10)

    @property
    def endpoint(self) -> str:
        """Where clients connect."""
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def plan(self, *faults: Fault, method: str = "GET") -> None:
        """Use these for the next requests with this method, one each."""
        with self._lock:
            self._planned.setdefault(method, deque()).extend(faults)

    def always(self, fault: Fault | None, method: str = "GET") -> None:
        """Use this for all requests that nothing is planned for; None ends it."""
        with self._lock:
            if fault is None:
                self._always.pop(method, None)
            else:
                self._always[method] = fault

    def _spawn(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(client)
            self._spawn(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self.tls is not None:
                client = self._wrapped(client, self.tls)
            with client, client.makefile("rb") as stream:
                while (request := _read_request(client, stream)) is not None:
                    if not self._reply(client, request):
                        return
        except OSError:
            return
        finally:
            with self._lock:
                self._open.discard(client)

    def _wrapped(self, client: socket.socket, tls: ssl.SSLContext) -> socket.socket:
        with self._lock:
            self._open.discard(client)
        wrapped = tls.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._open.add(wrapped)
        wrapped.do_handshake()
        return wrapped

    def _reply(self, client: socket.socket, request: Request) -> bool:
        """Answer one request; whether the connection lives on."""
        with self._lock:
            self.requests.append(request)
            queue = self._planned.get(request.method)
            fault = queue.popleft() if queue else self._always.get(request.method)
        answer = fault(request, lambda: self._forward(request)) if fault else self._forward(request)
        if answer.raw is not None:
            client.sendall(answer.raw)
            client.shutdown(socket.SHUT_RDWR)
            return False
        length = [] if _has_length(answer) else [("Content-Length", str(len(answer.body)))]
        head = [f"HTTP/1.1 {answer.status} Said"]
        head += [f"{name}: {value}" for name, value in (*answer.headers, *length)]
        client.sendall("\r\n".join((*head, "", "")).encode("latin-1"))
        if request.method != "HEAD":
            self._send_body(client, answer)
        return self._end(client, answer.ending)

    def _send_body(self, client: socket.socket, answer: Answer) -> None:
        body = answer.body if answer.stop_after is None else answer.body[: answer.stop_after]
        if not answer.drip:
            client.sendall(body)
            return
        for position in range(len(body)):
            client.sendall(body[position : position + 1])
            if self._stopping.wait(answer.drip):
                return

    def _end(self, client: socket.socket, ending: str) -> bool:
        if ending == "stall":
            client.recv(1)  # until the client gives up, or the proxy ends
        elif ending == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif ending == "hangup":
            client.shutdown(socket.SHUT_RDWR)
        return ending == "finish" and not self._stopping.is_set()

    def _forward(self, request: Request) -> Answer:
        assert self.upstream is not None, f"no upstream for {request.method} {request.target}"
        connection = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=60)
        try:
            connection.putrequest(
                request.method, request.target, skip_host=True, skip_accept_encoding=True
            )
            for name, value in request.headers.items():
                connection.putheader(name, value)
            connection.endheaders(request.body or None)
            answer = connection.getresponse()
            body = answer.read()
            skipped = ("transfer-encoding", "connection", "keep-alive")
            headers = tuple(pair for pair in answer.getheaders() if pair[0].lower() not in skipped)
            return Answer(answer.status, headers, body)
        finally:
            connection.close()


def _has_length(answer: Answer) -> bool:
    return any(
        name.lower() in ("content-length", "transfer-encoding") for name, _ in answer.headers
    )


def _read_request(client: socket.socket, stream: BinaryIO) -> Request | None:
    line = stream.readline()
    if not line.strip():
        return None
    method, target, _ = line.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    while header := stream.readline().decode("latin-1").strip():
        name, _, value = header.partition(":")
        headers[name] = value.strip()
    lowered = {name.lower(): value for name, value in headers.items()}
    if lowered.get("expect", "").lower() == "100-continue":
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        headers = {name: value for name, value in headers.items() if name.lower() != "expect"}
    size = int(lowered.get("content-length", "0"))
    body = stream.read(size) if size else b""
    return Request(method, target, headers, body)
