"""Frames of the control socket, as values and bytes.

    request   {"vfs": 1, "verb": "switch", "args": {"rev": "v1.2"}}
    replies   {"type": "progress", "data": {…}}*  then one of
              {"type": "result", "data": {…}}
              {"type": "error", "code": "unknown-revision", "message": "…", "hint": "…"|null, "exit_code": 4}

A frame is a length (u32, big-endian) and that many bytes of JSON (UTF-8, one object). One connection carries one
request; closing it before the result cancels the request. While a request of the verb `order` is handled, further frames of that verb tell
more of the same order.

Rule: pure; no sockets, no trio. Both ends treat the other as able to send anything: sizes are checked before memory is
taken, and whatever is not a frame of this protocol becomes a `ProtocolError`.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from vfs.errors import DaemonError, ProtocolError, VfsError, error_named

VERSION = 1
HEADER = 4
REQUEST_LIMIT = 1 << 20
REPLY_LIMIT = 64 << 20

Data = dict[str, Any]


class Request(NamedTuple):
    """What a client asks for."""

    verb: str
    args: Data


class Progress(NamedTuple):
    """An interim report of a request that runs; any number, also none."""

    data: Data


class Result(NamedTuple):
    """The request succeeded."""

    data: Data


class Failure(NamedTuple):
    """The request failed; the fields of a `VfsError`."""

    code: str
    message: str
    hint: str | None
    exit_code: int


Reply = Progress | Result | Failure


class Decoder:
    """Cuts a byte stream into frames; holds at most one frame of `limit` bytes plus one read."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes; yield the payload of every frame now complete.

        Raises:
            ProtocolError: a frame announces more than `limit` bytes.
        """
        self._buffer += data
        while len(self._buffer) >= HEADER:
            size = int.from_bytes(self._buffer[:HEADER], "big")
            if size > self._limit:
                raise ProtocolError(f"a frame of {size} bytes exceeds the limit of {self._limit}")
            if len(self._buffer) < HEADER + size:
                return
            payload = bytes(self._buffer[HEADER : HEADER + size])
            del self._buffer[: HEADER + size]
            yield payload

    @property
    def pending(self) -> bool:
        """Whether an incomplete frame is left."""
        return bool(self._buffer)


def encode_request(request: Request) -> bytes:
    """The frame of a request.

    Raises:
        ProtocolError: it is larger than a server accepts.
    """
    document = {"vfs": VERSION, "verb": request.verb, "args": request.args}
    return _frame(document, REQUEST_LIMIT)


def decode_request(payload: bytes) -> Request:
    """The request in a frame's payload."""
    document = _object(payload)
    version = document.get("vfs")
    if version != VERSION:
        raise ProtocolError(
            f"the client speaks version {str(version)[:20]} of the control protocol, "
            f"this daemon version {VERSION}",
            hint="unmount and mount again after an update of vfs",
        )
    return Request(_text(document, "verb"), _data(document, "args"))


def encode_reply(reply: Reply) -> bytes:
    """The frame of a reply."""
    match reply:
        case Progress(data):
            document: Data = {"type": "progress", "data": data}
        case Result(data):
            document = {"type": "result", "data": data}
        case Failure():
            document = {"type": "error", **reply._asdict()}
    return _frame(document, REPLY_LIMIT)


def decode_reply(payload: bytes) -> Reply:
    """The reply in a frame's payload."""
    document = _object(payload)
    match document.get("type"):
        case "progress":
            return Progress(_data(document, "data"))
        case "result":
            return Result(_data(document, "data"))
        case "error":
            return _failure(document)
    raise ProtocolError("the daemon sent a frame of unknown type")


def failure_of(error: VfsError) -> Failure:
    """The reply for an error of the tree."""
    return Failure(error.code, error.message, error.hint, error.exit_code)


def error_of(failure: Failure) -> VfsError:
    """The error a failure describes, as the same class if this version knows its code."""
    known = error_named(failure.code, failure.message, failure.hint)
    if known is not None:
        return known
    error = DaemonError(failure.message, hint=failure.hint)
    error.code = failure.code
    error.exit_code = failure.exit_code
    return error


def path_fields(path: bytes) -> dict[str, str]:
    """A path for JSON: `path` is readable, `path_b64` is there and exact when the bytes are not UTF-8."""
    try:
        return {"path": path.decode()}
    except UnicodeDecodeError:
        import base64  # rare, and start-up counts

        readable = path.decode("utf-8", "backslashreplace")
        return {"path": readable, "path_b64": base64.b64encode(path).decode()}


def path_of(fields: Data) -> bytes:
    """Inverse of `path_fields`.

    Raises:
        ProtocolError: neither field holds a path.
    """
    encoded, plain = fields.get("path_b64"), fields.get("path")
    if isinstance(encoded, str):
        import base64

        try:
            return base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise ProtocolError("path_b64 is not base64") from error
    if not isinstance(plain, str):
        raise ProtocolError("a path is missing")
    return plain.encode("utf-8", "surrogateescape")


def _frame(document: Data, limit: int) -> bytes:
    try:
        payload = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ProtocolError(f"a frame cannot be written as JSON: {error}") from error
    if len(payload) > limit:
        raise ProtocolError(f"a frame of {len(payload)} bytes exceeds the limit of {limit}")
    return len(payload).to_bytes(HEADER, "big") + payload


def _object(payload: bytes) -> Data:
    try:
        document = json.loads(payload.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a frame does not hold JSON") from error
    if not isinstance(document, dict):
        raise ProtocolError("a frame does not hold a JSON object")
    return document


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _text(document: Data, key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str):
        raise ProtocolError(f"a frame lacks the text {key!r}")
    return value


def _data(document: Data, key: str) -> Data:
    value = document.get(key)
    if not isinstance(value, dict):
        raise ProtocolError(f"a frame lacks the object {key!r}")
    return value


def _failure(document: Data) -> Failure:
    hint, exit_code = document.get("hint"), document.get("exit_code")
    if not isinstance(hint, str | None) or type(exit_code) is not int or not 1 <= exit_code <= 125:
        raise ProtocolError("the daemon sent an error that cannot be read")
    return Failure(_text(document, "code"), _text(document, "message"), hint, exit_code)
