"""One call to the server: with the current session, and once more with a better one.

Rule: everything that goes wrong leaves as an error of ours, except statuses the caller said it
expects: those leave as `Refused`.
"""

import http.client
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from vfs.errors import RemoteUnavailable, VfsError
from vfs.remotes.answers import translate_transport
from vfs.remotes.http import HttpResponse
from vfs.remotes.s3.errors import (
    Refusal,
    expired,
    parse_refusal,
    refusal_of,
    translate,
    translate_botocore,
)
from vfs.remotes.s3.session import S3Session, Sessions

T = TypeVar("T")
_TRIES = 3  # as configured, in another region, with renewed credentials


class Refused(Exception):
    """An error answer that the caller wants to see."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.status)
        self.refusal = refusal


class Calls:
    """Calls of one remote.

    Args:
        sessions: where sessions come from.
        label: the remote, for messages.
    """

    def __init__(self, sessions: Sessions, label: str) -> None:
        self._sessions = sessions
        self.label = label

    def where(self, key: str) -> str:
        """Remote and key for messages."""
        return f"{self.label}: {key}" if key else self.label

    def send(
        self,
        method: str,
        full_key: str,
        *,
        key: str,
        query: str = "",
        headers: dict[str, str] | None = None,
        expected: Collection[int] = (),
    ) -> HttpResponse:
        """A read; returns a 2xx answer whose body is still to be read.

        Args:
            method: GET or HEAD.
            full_key: in the bucket.
            key: for messages.
            query: percent-encoded.
            headers: to be signed.
            expected: statuses to raise as `Refused`.
        """

        def work(session: S3Session) -> HttpResponse:
            response = session.request(method, full_key, query, headers)
            if 200 <= response.status < 300:
                return response
            raise Refused(parse_refusal(response.status, response.headers, response.text()))

        return self._run(work, key, expected)

    def read_all(self, response: HttpResponse, limit: int) -> bytes:
        """The body of an answer that is no object; longer than `limit` bytes is an error."""
        try:
            data = response.read_all(limit)
        except (OSError, http.client.HTTPException) as error:
            raise translate_transport(error, self.label) from error
        finally:
            response.close()
        if data is None:
            raise RemoteUnavailable(f"{self.label}: the answer is cut or endless")
        return data

    def client(
        self, work: Callable[[Any], T], *, key: str = "", expected: Collection[int] = ()
    ) -> T:
        """A call of boto3's client."""
        from botocore.exceptions import ClientError

        def translated(session: S3Session) -> T:
            try:
                return work(session.client)
            except ClientError as error:
                raise Refused(refusal_of(error)) from None

        return self._run(translated, key, expected)

    def _run(self, work: Callable[[S3Session], T], key: str, expected: Collection[int]) -> T:
        session = self._sessions.current()
        for tries in range(1, _TRIES + 1):
            try:
                return work(session)
            except Refused as refused:
                if refused.refusal.status in expected:
                    raise
                better = None
                if tries < _TRIES:
                    better = self._sessions.better(session, refused.refusal)
                if better is None:
                    raise translate(refused.refusal, self.where(key)) from None
                session = better
            except VfsError:
                raise
            except Exception as error:
                ours = self._translated(error, key)
                if ours is None:
                    raise
                raise ours from error
        raise AssertionError("unreachable")

    def _translated(self, error: Exception, key: str) -> VfsError | None:
        """The error of ours for a foreign one; None for a bug of ours, which stays what it is."""
        # First by origin: some of botocore's errors are `OSError`s too, and mean more.
        foreign = type(error).__module__.partition(".")[0] in ("botocore", "boto3")
        if foreign or expired(error):
            return translate_botocore(error, self.where(key))
        if isinstance(error, OSError | http.client.HTTPException):
            return translate_transport(error, self.where(key))
        return None
