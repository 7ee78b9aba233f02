"""Ranged reads over HTTP: what the drivers of HTTP stores share.

Rule: an answer is used only if it proves which bytes of which object it holds; a dubious one costs one
more request, never wrong bytes.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from vfs.errors import ObjectChanged, ObjectMissing, RemoteUnavailable
from vfs.remotes.answers import Unsatisfiable
from vfs.remotes.base import Answer, Body, ObjectInfo
from vfs.remotes.bodies import EmptyBody, HttpBody
from vfs.remotes.bulk import heads_in_threads
from vfs.remotes.http import HttpResponse
from vfs.remotes.ranges import (
    BadAnswer,
    Plan,
    parse_content_range,
    plan_partial,
    plan_whole,
    range_header,
)
from vfs.remotes.times import seconds

_OPAQUE = re.compile(r"[!#-~]{1,512}")  # RFC 9110, entity-tag, without obsolete text


class RangedReads(ABC):
    """`get`, `head` and `heads` of a remote.

    Attributes:
        version_header: names the version of an object in an answer; "" if the store has none.
        jobs: parallel requests of `heads`.
    """

    version_header = ""
    jobs = 1

    @abstractmethod
    def send(self, method: str, key: str, version: str, headers: dict[str, str]) -> HttpResponse:
        """A GET or HEAD; returns a 2xx answer whose body is still to be read.

        Raises:
            Unsatisfiable: 416.
            VfsError: any other refusal, translated.
        """

    @abstractmethod
    def where(self, key: str) -> str:
        """Remote and key for messages."""

    def get(
        self,
        key: str,
        start: int = 0,
        length: int | None = None,
        *,
        version: str = "",
        etag: str = "",
    ) -> Body:
        """As `Remote.get`."""
        if start < 0 or (length is not None and length < 0):
            raise ValueError("a range has no negative numbers")
        etag = etag.strip('"')  # DVC records those of HTTP with their quotes
        if length == 0:
            return self._empty(key, version, etag)
        headers = {}
        wanted = range_header(start, length)
        if wanted:
            headers["Range"] = wanted
        if etag:
            # It may come from a pointer, so from anybody.
            if not _OPAQUE.fullmatch(etag):
                raise ObjectChanged(f"{self.where(key)}: no object can have that ETag")
            headers["If-Match"] = f'"{etag}"'
        try:
            response = self.send("GET", key, version, headers)
        except Unsatisfiable:
            return self._past_end(key, start, version, etag)
        if response.status == 206 and response.length == 0:  # Azurite's way to say 416
            response.close()
            return self._past_end(key, start, version, etag)
        try:
            self._check(response, key, version, etag)
            plan = self._plan(response, key, start, length, version)
            return HttpBody(response, plan, etag_of(response), self.where(key))
        except BaseException:
            response.close()
            raise

    def head(self, key: str, *, version: str = "") -> ObjectInfo:
        """As `Remote.head`."""
        response = self.send("HEAD", key, version, {})
        response.close()
        self._check(response, key, version, "")
        size = number(response.headers.get("Content-Length"))
        if size is None:
            # Apache: no length in the answer to HEAD of an empty file.
            response = self.send("GET", key, version, {})
            response.close()
            size = response.length
        if size is None:
            raise RemoteUnavailable(f"{self.where(key)}: the answer has no size")
        put = seconds(response.headers.get("Last-Modified", ""))
        return ObjectInfo(key, size, etag_of(response), version or self._version(response), put)

    def heads(self, keys: Sequence[str]) -> Iterator[tuple[str, Answer]]:
        """As `Remote.heads`."""
        return heads_in_threads(lambda key: self.head(key), keys, self.jobs)

    def exists(self, key: str) -> bool:
        """Whether there is an object."""
        try:
            self.head(key)
        except ObjectMissing:
            return False
        return True

    def _version(self, response: HttpResponse) -> str:
        found = response.headers.get(self.version_header, "") if self.version_header else ""
        return found.replace("null", "")

    def _plan(
        self, response: HttpResponse, key: str, start: int, length: int | None, version: str
    ) -> Plan:
        """How to read an answer to `get`."""
        whole = start == 0 and length is None
        try:
            found = parse_content_range(response.headers.get("Content-Range"))
            if found is not None:
                return plan_partial(found, response.length, start, length)
            if response.status != 200:
                raise BadAnswer(f"status {response.status} without Content-Range")
            if whole and response.length is not None:
                return Plan(0, response.length, response.length)
            info = self.head(key, version=version)
            if info.etag and etag_of(response) not in ("", info.etag):
                raise BadAnswer("the object changed meanwhile")
            return plan_whole(info.size, response.length, start, length)
        except BadAnswer as error:
            raise RemoteUnavailable(f"{self.where(key)}: the answer is wrong: {error}") from None

    def _check(self, response: HttpResponse, key: str, version: str, etag: str) -> None:
        """Whether a server that ignores a version or `If-Match` sends another object."""
        found = self._version(response)
        if version and found and found != version:
            raise ObjectMissing(f"{self.where(key)}: the server has no version {version!a}")
        if etag and etag_of(response) not in ("", etag):
            raise ObjectChanged(f"{self.where(key)}: it was replaced while being read")

    def _empty(self, key: str, version: str, etag: str) -> Body:
        info = self.head(key, version=version)
        if etag and info.etag not in ("", etag):
            raise ObjectChanged(f"{self.where(key)}: it was replaced while being read")
        return EmptyBody(info.size, info.etag)

    def _past_end(self, key: str, start: int, version: str, etag: str) -> Body:
        """After 416: fine if the range begins behind the end, else the server is confused."""
        body = self._empty(key, version, etag)
        if start < body.size:
            raise RemoteUnavailable(f"{self.where(key)}: a good range was refused")
        return body


def etag_of(response: HttpResponse) -> str:
    """The validator; "" for none and for a weak one, which does not pin the bytes."""
    etag = response.headers.get("ETag", "").strip().strip('"')
    return etag if _OPAQUE.fullmatch(etag) and not etag.startswith("W/") else ""


def number(text: str | None) -> int | None:
    """A size as a header has it; None if it is none."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else None
