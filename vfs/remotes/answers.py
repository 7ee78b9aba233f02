"""What refusals of HTTP servers and broken connections mean, whatever the store.

Rule: the store's own error code decides, then the HTTP status. Messages hold a clipped, printable form
of what the server said; never headers, URLs with a query, or credentials.
"""

import http.client
import re
import ssl
from collections.abc import Mapping
from xml.sax.saxutils import unescape

from vfs.errors import AccessDenied, ObjectChanged, ObjectMissing, RemoteError, RemoteUnavailable

MAX_RETRY_AFTER = 60.0  # seconds
_STATUSES: dict[int, type[RemoteError]] = {
    401: AccessDenied,
    403: AccessDenied,
    404: ObjectMissing,
    407: AccessDenied,  # of the proxy
    408: RemoteUnavailable,
    409: RemoteUnavailable,
    410: ObjectMissing,
    412: ObjectChanged,
    423: RemoteUnavailable,  # WebDAV: locked
    425: RemoteUnavailable,
    429: RemoteUnavailable,
    501: RemoteError,
    505: RemoteError,
    507: RemoteError,  # WebDAV: no space
}


class Unsatisfiable(Exception):
    """416: the server has no byte of the range."""


def translate_answer(
    status: int,
    where: str,
    *,
    said: str = "",
    code: str = "",
    codes: Mapping[str, type[RemoteError]] | None = None,
    retry_after: str | None = None,
    sign_in: str = "check user and password of the remote",
) -> RemoteError:
    """The error of ours that an error answer means.

    Args:
        status: HTTP status.
        where: remote and key, for the message.
        said: the server's words, untrusted.
        code: the store's error code.
        codes: what such codes mean, where it is not what the status means.
        retry_after: value of that header.
        sign_in: the hint when access was refused.
    """
    kind = (codes or {}).get(code) or _STATUSES.get(status)
    if kind is None:
        kind = RemoteUnavailable if status >= 500 else RemoteError
    text = printable(" ".join(filter(None, (code, said)))) or f"HTTP {status}"
    error = kind(f"{where}: {text}", hint=sign_in if kind is AccessDenied else None)
    if isinstance(error, RemoteUnavailable):
        error.retry_after = parse_retry_after(retry_after)
    return error


def parse_retry_after(value: str | None) -> float | None:
    """Seconds of a `Retry-After` header, at most a minute; dates and nonsense are ignored."""
    if value is None or not re.fullmatch(r"[0-9]{1,9}", value.strip()):
        return None
    return min(float(value), MAX_RETRY_AFTER)


def translate_transport(error: Exception, where: str) -> RemoteError:
    """The error of ours for an `OSError` or `HTTPException` of a connection."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return RemoteError(
            f"{where}: the server's certificate is not trusted ({error.verify_message})",
            hint="set ssl_verify to the path of your CA bundle",
        )
    if isinstance(error, TimeoutError):
        return RemoteUnavailable(f"{where}: no answer in time")
    if isinstance(error, http.client.HTTPException):
        return RemoteUnavailable(f"{where}: the answer broke HTTP ({type(error).__name__})")
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return RemoteUnavailable(f"{where}: {printable(str(said))}")


def element(text: str, name: str) -> str:
    """Text of the first element `name`: enough for error documents, and safe for hostile ones."""
    match = re.search(f"<{name}>([^<]{{0,1000}})</{name}>", text)
    return unescape(match[1], {"&quot;": '"', "&apos;": "'"}).strip() if match else ""


def printable(text: str) -> str:
    """A server's words on one line, cut."""
    return "".join(c if c.isprintable() else "?" for c in text[:300])
