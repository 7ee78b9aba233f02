"""The daemon's end of the control socket.

Rule: one connection, one request. A handler is `async (args, progress) -> result`; its errors become error frames, a bug
becomes "internal" with a traceback in the log, and nothing a client does ends the server or blocks a handler:
progress is lossy (only the newest report waits), a slow reader is dropped, a closed connection cancels its handler.
The handler of a `Dialogue` is `async (args, progress, portions) -> result`: what the client sends after its request, frames of the same
verb, comes in as portions; no more is read from the client than the handler takes.

Invariants: only this user and root are served (`SO_PEERCRED`, besides mode 0600 in a directory of mode 0700); at most
`MAX_CLIENTS` at once; a request must arrive within `REQUEST_SECONDS`.
"""

import contextlib
import errno
import logging
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import trio

from vfs.control.protocol import (
    REQUEST_LIMIT,
    Data,
    Decoder,
    Failure,
    Progress,
    Reply,
    Request,
    Result,
    decode_request,
    encode_reply,
    failure_of,
)
from vfs.control.registry import connect, locked, socket_address
from vfs.descriptors import ran_short
from vfs.errors import (
    AccessDenied,
    DaemonError,
    ProtocolError,
    UsageError,
    VfsError,
    only_vfs_error,
)
from vfs.log.requests import begin

MAX_CLIENTS = 64
REQUEST_SECONDS = 10.0
REPLY_SECONDS = 30.0
BEAT_SECONDS = 1.0
"""How often a client that waits is sent an empty report: it tells work that takes long from a daemon that hangs."""
INTERNAL_EXIT = 70  # EX_SOFTWARE of <sysexits.h>

ReportProgress = Callable[[Data], Awaitable[None]]
Handler = Callable[[Data, ReportProgress], Awaitable[Data]]


class Dialogue(NamedTuple):
    """A verb whose client goes on telling while it is handled."""

    handler: Callable[[Data, ReportProgress, AsyncIterator[Data]], Awaitable[Data]]


logger = logging.getLogger("vfs.control")


async def serve(
    path: Path,
    handlers: Mapping[str, Handler | Dialogue],
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Listen at `path` until cancelled; reports started once connections are accepted.

    Raises:
        DaemonError: another daemon listens there, or the socket cannot be made.
    """
    server = _Server(handlers)
    listening = _listen(path)
    identity = _identity(path)
    try:
        with listening:
            listener = _Listener(trio.socket.from_stdlib_socket(listening))
            async with trio.open_nursery() as nursery:
                await nursery.start(trio.serve_listeners, server.client, [listener])
                task_status.started()
    finally:
        _unlink(path, identity)


def _identity(path: Path) -> int:
    return path.stat().st_ino


def _unlink(path: Path, identity: int) -> None:
    """Remove our socket, but not that of a daemon that took the name over."""
    with contextlib.suppress(OSError):
        if _identity(path) == identity:
            path.unlink()


def _listen(path: Path) -> socket.socket:
    """A listening socket at `path` of mode 0600, in place of one that nobody listens to any more."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with locked(path.parent):
            _refuse_if_served(path)
            path.unlink(missing_ok=True)
            with socket_address(path) as address:
                listening.bind(address)
            path.chmod(0o600)
            listening.listen(MAX_CLIENTS)
    except OSError as error:
        listening.close()
        raise DaemonError(f"{path}: no control socket here: {error.strerror or error}") from error
    except BaseException:
        listening.close()
        raise
    return listening


def _refuse_if_served(path: Path) -> None:
    try:
        connect(path, patience=0).close()
    except OSError as error:
        if error.errno in (errno.ECONNREFUSED, errno.ENOENT, errno.ENOTSOCK):
            return
        if error.errno != errno.EAGAIN:
            raise
    raise DaemonError(f"{path}: another daemon listens here", hint="vfs status shows it")


class _Listener(trio.abc.Listener[trio.SocketStream]):
    """Accepts also when the process has run out of descriptors, as long as it keeps some that it can do without."""

    def __init__(self, listening: trio.socket.SocketType) -> None:
        self._inner = trio.SocketListener(listening)

    async def accept(self) -> trio.SocketStream:
        try:
            return await self._inner.accept()
        except OSError as error:
            if not ran_short(error):
                raise
        return await self._inner.accept()

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Server:
    def __init__(self, handlers: Mapping[str, Handler | Dialogue]) -> None:
        self._handlers = handlers
        self._clients = 0

    async def client(self, stream: trio.SocketStream) -> None:
        """Serve one connection; never raises but for cancellation."""
        self._clients += 1
        try:
            async with stream:
                await self._serve(stream)
        except* trio.BrokenResourceError:
            logger.debug("a client left before its reply")
        finally:
            self._clients -= 1

    async def _serve(self, stream: trio.SocketStream) -> None:
        try:
            self._admit(stream)
            decoder = Decoder(REQUEST_LIMIT)
            request = await _receive(stream, decoder)
            if request is None:
                return
            handler = self._handlers.get(request.verb)
            if handler is None:
                known = ", ".join(sorted(self._handlers))
                raise UsageError(f"unknown request {request.verb[:40]!r}", hint=f"known: {known}")
        except VfsError as error:
            await _send(stream, failure_of(error))
            return
        await _Conversation(stream, handler, request, decoder).run()

    def _admit(self, stream: trio.SocketStream) -> None:
        uid = _peer_uid(stream)
        if uid not in (0, os.geteuid()):
            logger.warning("refused a control connection of user %d", uid)
            raise AccessDenied("this mount belongs to another user")
        if self._clients > MAX_CLIENTS:
            raise DaemonError(
                f"more than {MAX_CLIENTS} clients talk to this mount", hint="try again"
            )


class _Conversation:
    """One request that runs: the handler, the sender of its replies, and the watch for a client that leaves.

    Only `_deliver` writes to the stream, so that no frame is ever cut short by another.
    """

    def __init__(
        self,
        stream: trio.SocketStream,
        handler: Handler | Dialogue,
        request: Request,
        decoder: Decoder,
    ) -> None:
        self._stream = stream
        self._handler = handler
        self._request = request
        self._decoder = decoder
        self._told, self._portions = trio.open_memory_channel[Data](0)
        self._waiting: Progress | None = None
        self._final: Result | Failure | None = None
        self._news = trio.Event()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch, nursery.cancel_scope)
            nursery.start_soon(self._handle)
            await self._deliver()
            nursery.cancel_scope.cancel()

    async def _handle(self) -> None:
        self._final = await self._outcome()
        self._news.set()

    async def _outcome(self) -> Result | Failure:
        verb = self._request.verb
        handler, args = self._handler, self._request.args
        begin()  # this task is the request's own
        try:
            if isinstance(handler, Dialogue):
                return Result(await handler.handler(args, self._progress, self._portions))
            return Result(await handler(args, self._progress))
        except VfsError as error:
            return failure_of(error)
        except Exception as error:
            known = only_vfs_error(error)
            if known is not None:
                return failure_of(known)
            logger.exception("the handler of %r failed", verb)
            return Failure(
                "internal",
                f"internal error in {verb}: {type(error).__name__}",
                "the daemon's log has the details; please report it",
                INTERNAL_EXIT,
            )

    async def _progress(self, data: Data) -> None:
        """Given to handlers; replaces a report that is still waiting, never waits for the client."""
        self._waiting = Progress(data)
        self._news.set()
        await trio.lowlevel.checkpoint()

    async def _deliver(self) -> None:
        """Send reports as they come, signs of life between them, and the outcome last."""
        while True:
            waiting: Progress | None = Progress({})
            with trio.move_on_after(BEAT_SECONDS):
                await self._news.wait()
                self._news = trio.Event()
                waiting, self._waiting = self._waiting, None
            if waiting is not None and not await _send(self._stream, waiting):
                return
            if self._final is not None:
                await _send(self._stream, self._final)
                return

    async def _watch(self, scope: trio.CancelScope) -> None:
        """Cancel the handler when the client closes; what it sends meanwhile is a portion, or ignored."""
        talks = isinstance(self._handler, Dialogue)
        with contextlib.suppress(trio.BrokenResourceError):
            data = b""
            while True:
                try:
                    for payload in self._decoder.feed(data) if talks else ():
                        await self._told.send(decode_request(payload).args)
                except ProtocolError as error:
                    self._final = failure_of(error)
                    self._news.set()
                    return
                if not (data := await self._stream.receive_some(1 << 16)):
                    break
        scope.cancel()


async def _receive(stream: trio.SocketStream, decoder: Decoder) -> Request | None:
    """The request of a connection; None if the client leaves without one."""
    with trio.move_on_after(REQUEST_SECONDS):
        while data := await stream.receive_some(1 << 16):
            for payload in decoder.feed(data):
                return decode_request(payload)
        return None
    raise ProtocolError(f"no request within {REQUEST_SECONDS:.0f} seconds")


async def _send(stream: trio.SocketStream, reply: Reply) -> bool:
    """Send a reply; False if the client is gone or does not read."""
    try:
        frame = encode_reply(reply)
    except ProtocolError as error:
        logger.exception("a reply cannot be sent")
        frame = encode_reply(failure_of(error))
    with (
        trio.move_on_after(REPLY_SECONDS, shield=True),
        contextlib.suppress(trio.BrokenResourceError),
    ):
        await stream.send_all(frame)
        return True
    return False


def _peer_uid(stream: trio.SocketStream) -> int:
    raw = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", raw)[1])
