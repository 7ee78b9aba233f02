"""What the drivers on plain HTTP requests share: sending with credentials, and what refusals mean.

Rule: a request is sent once, and once more if the store refused its credentials and there are fresh
ones. Redirects are errors here.
"""

import http.client
from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import BinaryIO

from vfs.errors import ObjectMissing, RemoteError, RemoteUnavailable, VfsError
from vfs.remotes.answers import (
    Unsatisfiable,
    element,
    translate_answer,
    translate_transport,
)
from vfs.remotes.client import HttpClient
from vfs.remotes.http import HttpResponse
from vfs.remotes.reads import RangedReads

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_UNSATISFIABLE = 416


class WebRemote(RangedReads):
    """One place on an HTTP server.

    Args:
        name: of the remote, for messages.
        url: label, free of credentials.
        client: how to reach the server.
        jobs: parallel requests of bulk calls.

    Attributes:
        codes: meanings of the store's error codes, where the status says less.
        sign_in: hint when access is refused.
    """

    codes: Mapping[str, type[RemoteError]] = {}
    sign_in = "check user and password of the remote (`dvc remote modify --local`)"

    def __init__(self, name: str, url: str, client: HttpClient, jobs: int) -> None:
        self.url = url
        self.jobs = jobs
        self.client = client
        self._label = f"remote {name} ({url})" if name else url

    @abstractmethod
    def signed(
        self, method: str, url: str, headers: Mapping[str, str], size: int
    ) -> Mapping[str, str]:
        """The headers with credentials; `size` is that of the body."""

    def renew(self, refused: HttpResponse) -> bool:
        """After 401: whether `signed` has other credentials now."""
        return False

    def prepare(self) -> None:
        """As `Remote.prepare`."""

    def close(self) -> None:
        """As `Remote.close`."""
        self.client.close()

    def where(self, key: str) -> str:
        """As `RangedReads.where`."""
        return f"{self._label}: {key}" if key else self._label

    def call(
        self,
        method: str,
        url: str,
        *,
        key: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | BinaryIO | None = None,
        size: int = 0,
        expected: Collection[int] = (),
        anonymous: bool = False,
    ) -> HttpResponse:
        """Send a request; the answer is a 2xx or an expected one, its body still to be read.

        Args:
            method: GET, PUT, …
            url: percent-encoded.
            key: for messages.
            headers: further ones.
            body: with `size` bytes.
            size: of the body.
            expected: statuses that are no errors.
            anonymous: the URL says all that authorises it.

        Raises:
            Unsatisfiable: 416, unless it is expected.
            VfsError: any other refusal, translated.
        """
        sign = not anonymous
        response = self._send(method, url, key, headers or {}, body, size, sign)
        repeatable = body is None or isinstance(body, bytes)
        refused = response.status == 401 and 401 not in expected and sign
        if refused and repeatable and self.renew(response):
            response.close()
            response = self._send(method, url, key, headers or {}, body, size, sign)
        if 200 <= response.status < 300 or response.status in expected:
            return response
        text = response.text().decode("utf-8", "replace")
        if response.status == _UNSATISFIABLE:
            raise Unsatisfiable
        raise self.refusal(response, text, key)

    def done(self, method: str, url: str, **arguments: object) -> int:
        """`call`, for requests whose answer has no interesting body; its status."""
        response = self.call(method, url, **arguments)  # type: ignore[arg-type]
        response.text()
        return response.status

    def text(self, method: str, url: str, limit: int, **arguments: object) -> bytes:
        """`call`, and the whole answer, which is an error if it is longer than `limit` bytes."""
        response = self.call(method, url, **arguments)  # type: ignore[arg-type]
        try:
            data = response.read_all(limit)
        except (OSError, http.client.HTTPException) as error:
            raise translate_transport(error, self._label) from error
        finally:
            response.close()
        if data is None:
            raise RemoteUnavailable(f"{self._label}: the answer is cut or endless")
        return data

    def refusal(self, response: HttpResponse, text: str, key: str) -> VfsError:
        """The error of ours for an error answer."""
        if response.status in REDIRECTS:
            if response.headers.get("Location", "").endswith("/"):
                return ObjectMissing(f"{self.where(key)}: it is a directory")
            return RemoteError(f"{self.where(key)}: the server redirects, which is not followed")
        code = response.headers.get("x-ms-error-code") or element(text, "Code")
        return translate_answer(
            response.status,
            self.where(key),
            code=code,
            said=element(text, "Message").partition("\n")[0],
            codes=self.codes,
            retry_after=response.headers.get("Retry-After"),
            sign_in=self.sign_in,
        )

    def _send(
        self,
        method: str,
        url: str,
        key: str,
        headers: Mapping[str, str],
        body: bytes | BinaryIO | None,
        size: int,
        sign: bool,
    ) -> HttpResponse:
        sent: Mapping[str, str] = dict(headers)
        if body is not None or method in ("PUT", "POST"):
            sent = {**headers, "Content-Length": str(size)}
        if sign:
            sent = self.signed(method, url, sent, size)
        try:
            return self.client.request(method, url, sent, body)
        except (OSError, http.client.HTTPException) as error:
            raise translate_transport(error, self.where(key)) from error
