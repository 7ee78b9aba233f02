"""Talking to the daemon of a mount: synchronous, standard library only, cheap to import.

Rule: whatever goes wrong with the socket becomes a `DaemonError`; an error of the handler arrives as the class the
daemon raised. Leaving `call` early (Ctrl-C included) closes the connection, which cancels the request over there.
"""

import contextlib
import socket
import struct
import time
from collections.abc import Callable, Iterator

from vfs.control.protocol import (
    REPLY_LIMIT,
    Data,
    Decoder,
    Failure,
    Progress,
    Reply,
    Request,
    Result,
    decode_reply,
    encode_request,
    error_of,
)
from vfs.control.registry import MountRecord, connect, find_mount, find_mounts
from vfs.errors import DaemonError

__all__ = ["Errand", "Talk", "call", "find_mount", "find_mounts", "peer_process"]

_READ = 64 << 10
SILENCE_SECONDS = 10.0
"""Without a sign of life (`server.BEAT_SECONDS`) for so long, a daemon hangs."""


def call(
    mount: MountRecord,
    verb: str,
    args: Data | None = None,
    on_progress: Callable[[Data], None] | None = None,
    *,
    timeout: float | None = None,
) -> Data:
    """Ask the daemon of `mount` and wait for its result.

    Args:
        mount: whom to ask.
        verb: the request; the daemon knows which there are.
        args: its arguments, JSON values only.
        on_progress: called for every interim report.
        timeout: seconds without report or answer that are too many even if the daemon lives; None waits for as long as it does.

    Raises:
        DaemonError: no daemon, no answer, or no sense in it.
        VfsError: whatever the handler raised.
    """
    frame = encode_request(Request(verb, args or {}))
    with _translated(mount), connect(mount.socket) as connection:
        connection.settimeout(SILENCE_SECONDS if timeout is None else min(timeout, SILENCE_SECONDS))
        heard = time.monotonic()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(frame)  # a refusal may lie in the buffer already: read it below
        replies = _replies(connection)
        for reply in replies:
            match reply:
                case Progress(data) if not data:  # a sign of life
                    if timeout is not None and time.monotonic() > heard + timeout:
                        raise TimeoutError
                case Progress(data):
                    heard = time.monotonic()
                    if on_progress is not None:
                        on_progress(data)
                case Result(data):
                    return data
                case Failure():
                    raise error_of(reply)
    raise DaemonError(f"the daemon of {mount.mountpoint} closed the connection", hint=_hint(mount))


class Errand:
    """A request whose result nobody needs. `drop` may be called in any thread."""

    def __init__(self, mount: MountRecord, verb: str, args: Data) -> None:
        """Ask; arguments as `call`. Raises DaemonError: it cannot be asked."""
        with _translated(mount):
            self._connection = connect(mount.socket)
            self._connection.sendall(encode_request(Request(verb, args)))

    def wait(self) -> None:
        """Until it is done, or dropped."""
        with self._connection, contextlib.suppress(OSError):
            while self._connection.recv(_READ):
                pass

    def drop(self) -> None:
        """Give it up, which cancels it over there."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)


class Talk:
    """A request that goes on: both ends tell the other until the client has enough. One thread at a time sends, one receives."""

    def __init__(self, mount: MountRecord, verb: str, args: Data) -> None:
        """Begin; arguments as `call`. Raises DaemonError: nobody is there."""
        self._verb = verb
        self._decoder = Decoder(REPLY_LIMIT)
        with _translated(mount):
            self._connection = connect(mount.socket)
            self._connection.settimeout(SILENCE_SECONDS)
            self._connection.sendall(encode_request(Request(verb, args)))

    def fileno(self) -> int:
        """For `select`; -1 once it is closed."""
        return self._connection.fileno()

    def tell(self, args: Data) -> None:
        """Send a portion. Raises OSError: the daemon is gone, or takes nothing."""
        self._connection.sendall(encode_request(Request(self._verb, args)))

    def hear(self) -> list[Data] | None:
        """What has come since the last call, at least a sign of life; None: the daemon ended the talk.

        Raises:
            OSError: the daemon is gone, or hangs.
            VfsError: whatever the handler raised.
        """
        data = self._connection.recv(_READ)
        if not data:
            return None
        heard = []
        for payload in self._decoder.feed(data):
            match decode_reply(payload):
                case Progress(told):
                    heard.append(told)
                case Failure() as failure:
                    raise error_of(failure)
                case Result():
                    return None
        return heard

    def close(self) -> None:
        """End it over there as well, also if a child process has the connection open."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def abandon(self) -> None:
        """Close what this process has of it; for a child of the process that talks."""
        self._connection.close()


def peer_process(mount: MountRecord) -> int | None:
    """The process that listens on the control socket; None if nobody does or it lives in another namespace."""
    try:
        with connect(mount.socket) as connection:
            raw = connection.getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
            )
    except OSError:
        return None
    pid = int(struct.unpack("3i", raw)[0])
    return pid if pid > 0 else None


def _replies(connection: socket.socket) -> Iterator[Reply]:
    decoder = Decoder(REPLY_LIMIT)
    while data := connection.recv(_READ):
        for payload in decoder.feed(data):
            yield decode_reply(payload)


@contextlib.contextmanager
def _translated(mount: MountRecord) -> Iterator[None]:
    try:
        yield
    except (TimeoutError, BlockingIOError) as error:
        raise DaemonError(
            f"the daemon of {mount.mountpoint} (process {mount.pid}) does not answer",
            hint=f"{_log(mount)}vfs umount --lazy {mount.mountpoint} detaches it in any case",
        ) from error
    except OSError as error:
        raise DaemonError(
            f"the daemon of {mount.mountpoint} cannot be reached: {error.strerror or error}",
            hint=_hint(mount),
        ) from error


def _hint(mount: MountRecord) -> str:
    return f"{_log(mount)}to mount anew: vfs umount {mount.mountpoint}, then vfs mount"


def _log(mount: MountRecord) -> str:
    return "" if mount.log is None else f"see {mount.log}; "
