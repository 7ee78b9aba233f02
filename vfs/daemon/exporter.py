"""The metrics of a mount for Prometheus, over HTTP, at the address of `metrics.listen`.

Rules:
  * The address is bound before the mount is made, so that who asked for it hears that it cannot be.
  * A scraper has a thread of its own, of `MOST_SCRAPERS`, and `SECONDS` in all; then its connection is cut, whatever it does. Of what it asks no more
    than `MOST_ASKED` is read, and one answer follows another by `PAUSE` at the soonest, whoever asks. So none of them takes processor time or memory
    that the mount needs; figures are taken as `vfs.daemon.measures` says.
  * Who names no host is served on this machine only. What is told has no paths, no URLs and nothing secret (`vfs.metrics.table`), but there is no
    password either: an address that others can reach is told of (`Exporter.notice`).

prometheus-client is imported when there is something to serve.
"""

import errno
import io
import ipaddress
import logging
import os
import socket
import socketserver
import stat
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar, Final

import trio

from vfs.daemon.exposition import Encoder, encoder_for
from vfs.errors import DaemonError, VfsError
from vfs.metrics.samples import Sample
from vfs.threads import Pool, run_in

log = logging.getLogger("vfs.daemon")

PATH: Final = "/metrics"
MOST_SCRAPERS: Final = 8
SECONDS: Final = 10.0
PAUSE: Final = 0.05
MOST_ASKED: Final = 16 << 10
"""Bytes of a request line and headers; what follows is not read."""

_LOOK: Final = 0.2

Take = Callable[[], list[Sample]]


class Exporter:
    """A bound address; raises DaemonError if it cannot be bound.

    Attributes:
        url: where the metrics are; for a Unix socket its path.
        notice: what is to be told of the address; "" if there is nothing.
    """

    def __init__(self, address: str) -> None:
        self._server = _Server(_bound(address))
        self._file = _identity(address) if address.startswith("/") else None
        host, _, port = address.rpartition(":")
        if self._file is None:
            port = str(self._server.listening.getsockname()[1])  # the one that was free, for 0
        self.url = address if self._file is not None else f"http://{host}:{port}{PATH}"
        self.notice = ""
        if not _only_here(self._server.listening):
            self.notice = f"metrics at {self.url} are for everybody who can reach this address: there is no password"

    async def run(self, take: Callable[[trio.lowlevel.TrioToken], list[Sample]]) -> None:
        """Serve until cancelled; `take` is called in threads."""
        self._server.take = partial(take, trio.lowlevel.current_trio_token())
        thread = threading.Thread(
            target=self._server.serve_forever, args=(_LOOK,), daemon=True, name="vfs-metrics"
        )
        thread.start()
        log.info("metrics are at %s", self.url)
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await run_in(Pool.CONTROL, self._server.shutdown)

    def close(self) -> None:
        """Let go of the address."""
        self._server.server_close()
        if self._file is not None:
            path, inode = self._file
            with suppress(OSError):
                if path.lstat().st_ino == inode:
                    path.unlink()


def _only_here(listening: socket.socket) -> bool:
    """Whether only programs of this machine can reach it."""
    if listening.family == socket.AF_UNIX:
        return True
    address = ipaddress.ip_address(listening.getsockname()[0].partition("%")[0])
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _identity(address: str) -> tuple[Path, int]:
    path = Path(address)
    return path, path.lstat().st_ino


def _bound(address: str) -> socket.socket:
    """A listening socket.

    Raises:
        DaemonError: the address cannot be had.
    """
    try:
        return _bound_file(address) if address.startswith("/") else _bound_port(address)
    except OSError as error:
        hint = "name another address: --metrics-listen HOST:PORT, or metrics.listen (port 0 takes any that is free)"
        if error.errno in (errno.EACCES, errno.EPERM) and not address.startswith("/"):
            hint = "ports below 1024 are for root; " + hint
        elif error.errno == errno.EADDRINUSE:
            hint = "another mount or program listens there; " + hint
        reason = error.strerror or str(error)
        raise DaemonError(f"metrics cannot be given at {address}: {reason}", hint=hint) from error


def _bound_port(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    family, kind, protocol, _, where = socket.getaddrinfo(
        host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.listen(MOST_SCRAPERS)
    except BaseException:
        listening.close()
        raise
    return listening


def _bound_file(path: str) -> socket.socket:
    """A socket file of mode 0600, in place of one that nobody listens to any more and of nothing else."""
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.lstat(path).st_mode) and not _listens(path):
            os.unlink(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(path)
        os.chmod(path, 0o600)
        listening.listen(MOST_SCRAPERS)
    except BaseException:
        listening.close()
        raise
    return listening


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except OSError as error:
            return error.errno != errno.ECONNREFUSED
    return True


class _Server(socketserver.ThreadingMixIn, socketserver.BaseServer):
    """Accepts scrapers; see the module.

    Attributes:
        take: takes the samples.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, listening: socket.socket) -> None:
        super().__init__("", _Handler)
        self.listening = listening
        self.take: Take = list
        self._began: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        self._next = 0.0
        self._turns = threading.Lock()

    def fileno(self) -> int:
        """For the loop that waits for connections."""
        return self.listening.fileno()

    def taken(self) -> list[Sample]:
        """The samples, in the turn of who asks."""
        with self._turns:
            time.sleep(max(0.0, self._next - time.monotonic()))
            self._next = time.monotonic() + PAUSE
        return self.take()

    def get_request(self) -> tuple[socket.socket, Any]:
        """The next connection."""
        return self.listening.accept()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether there is a thread for it."""
        with self._lock:
            free = len(self._began) < MOST_SCRAPERS
            if free:
                self._began[request] = time.monotonic()
        return free

    def service_actions(self) -> None:
        """Cut off those who take too long."""
        with self._lock:
            late = [one for one, began in self._began.items() if time.monotonic() > began + SECONDS]
        for connection in late:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request: Any) -> None:
        """A connection is over."""
        with self._lock:
            self._began.pop(request, None)
        with suppress(OSError):
            request.shutdown(socket.SHUT_WR)
        request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A scraper left, or was cut off."""
        log.debug("a scraper left before its answer", exc_info=True)

    def server_close(self) -> None:
        """Listen no more."""
        self.listening.close()


class _Asked(io.RawIOBase):
    """What a scraper sends, up to a length."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._left = MOST_ASKED

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._connection.recv_into(memoryview(buffer)[: self._left]) if self._left else 0
        self._left -= count
        return count


class _Handler(BaseHTTPRequestHandler):
    timeout: ClassVar[float | None] = SECONDS
    server_version = "vfs"
    sys_version = ""

    def setup(self) -> None:
        """Read no more than a request may have."""
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(_Asked(self.connection))

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != PATH:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", f"metrics are at {PATH}\n".encode())
            return
        encoder: Encoder = encoder_for(self.headers.get("Accept", ""))
        assert isinstance(self.server, _Server)
        try:
            samples = self.server.taken()
        except (trio.RunFinishedError, VfsError):
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", b"the mount has ended\n")
            return
        self._answer(HTTPStatus.OK, encoder.content_type, encoder.encode(samples))

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        log.debug(format, *args)
