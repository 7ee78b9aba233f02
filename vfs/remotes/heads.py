"""Heads of requests and answers, for `vfs.remotes.http`.

Purpose: `http.client` goes through each line with the machinery for mails, which takes longer than all the rest of a small GET.

Rule: only an answer whose head came in one piece, is plain in every line and says how long its body is, is read here; every other one,
chunked, broken or of another version, is left to `http.client`, of which nothing was taken yet.
"""

import http.client
import re
from collections.abc import Iterable, Mapping
from typing import Final, cast, overload

_STATUS: Final = re.compile(rb"HTTP/1\.1 (20[01236]|[345][0-9]{2})(?: [^\r\n]*)?\Z")
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*)\Z")
_TARGET: Final = re.compile(r"[!-~]+")
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_MODIFIED: Final = 304  # has no body whatever it says


class Headers:
    """Headers of an answer, by name in any case; of several of one name the first."""

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields

    @classmethod
    def of(cls, answer: http.client.HTTPResponse) -> "Headers":
        """Those of an answer."""
        fields = answer.fields if isinstance(answer, QuickResponse) else {}
        return cls(fields or _first_of(answer.headers.items()))

    @overload
    def get(self, name: str) -> str | None: ...

    @overload
    def get(self, name: str, default: str) -> str: ...

    def get(self, name: str, default: str | None = None) -> str | None:
        """The value of a header."""
        return self._fields.get(name.lower(), default)


class QuickResponse(http.client.HTTPResponse):
    """An answer whose head is looked at where it lies.

    Attributes:
        fields: by name in small letters; empty if `http.client` read them.
    """

    _method: str

    def begin(self) -> None:
        """As `HTTPResponse.begin`."""
        self.fields: dict[str, str] = {}
        if not self._plain(self.fp.peek(1)):
            super().begin()

    def _plain(self, came: bytes) -> bool:
        """Take a plain head; False, and nothing was taken, if it is none."""
        end = came.find(b"\r\n\r\n")
        if end < 0:
            return False
        first, *lines = came[:end].split(b"\r\n")
        status = _STATUS.match(first)
        fields: dict[str, str] = {}
        for line in lines:
            found = _FIELD.match(line)
            if found is None:
                return False
            name = found[1].decode("ascii").lower()
            if name == "content-length" and name in fields:
                return False
            fields.setdefault(name, found[2].decode("latin-1").rstrip(" \t"))
        length = fields.get("content-length", "")
        if status is None or not length.isascii() or not length.isdigit() or len(length) > 18:
            return False
        if "transfer-encoding" in fields or (code := int(status[1])) == _NOT_MODIFIED:
            return False
        self.fp.read(end + 4)
        self.code = self.status = code
        self.version, self.reason = 11, ""
        self.headers = self.msg = cast("http.client.HTTPMessage", fields)
        self.chunked, self.chunk_left = False, None
        self.length = 0 if self._method == "HEAD" else int(length)
        self.will_close = "close" in fields.get("connection", "").lower()
        self.fields = fields
        return True


def request_head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """The bytes of a request up to its body.

    Raises:
        http.client.InvalidURL: the target has characters that no request line may have.
        ValueError: a header that cannot be sent.
    """
    if not _TARGET.fullmatch(target):
        raise http.client.InvalidURL(f"a request cannot name {target[:200]!a}")
    lines = [f"{name}: {value}" for name, value in headers.items()]
    text = "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""])
    if not len(lines) + 2 == text.count("\n") == text.count("\r"):
        raise ValueError("a header has a line end")
    if not all(map(_NAME.fullmatch, headers)):
        raise ValueError("a header has a name that none may have")
    return text.encode("latin-1")


def _first_of(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in items:
        fields.setdefault(name.lower(), value)
    return fields
