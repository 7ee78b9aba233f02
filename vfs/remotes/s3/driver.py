"""S3 and what speaks its language.

Reads (GET, HEAD, LIST) are signed with botocore and sent over `vfs.remotes.http`, which costs a
fraction of the CPU of boto3's `get_object`; writes go through boto3. A request is sent once;
repeating it is the business of `vfs.remotes.retry`, except for the one repetition with better
credentials or in the right region.

Trust: see `vfs.remotes.s3.options` on endpoints from tracked configuration. Redirects are never
followed: a signature would not be valid elsewhere, and a token must not go elsewhere.
"""

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO
from urllib.parse import quote

from vfs.errors import ObjectChanged, ObjectMissing, RemoteError, RemoteUnavailable, VfsError
from vfs.remotes.base import Answer, Body, ObjectInfo, RemoteSpec
from vfs.remotes.bulk import heads_in_threads
from vfs.remotes.http import HttpResponse
from vfs.remotes.keys import check_key, join, strip_prefix
from vfs.remotes.ranges import (
    BadAnswer,
    Plan,
    parse_content_range,
    plan_partial,
    plan_whole,
    range_header,
)
from vfs.remotes.s3.body import EmptyBody, S3Body
from vfs.remotes.s3.calls import Calls, Refused
from vfs.remotes.s3.listing import MAX_PAGE, BadListing, Page, page_query, parse_page
from vfs.remotes.s3.options import parse_options
from vfs.remotes.s3.session import Sessions
from vfs.remotes.s3.writes import Writes

_UNSATISFIABLE = 416
_OPAQUE = re.compile(r"[!#-~]{1,512}")  # RFC 9110, entity-tag, without obsolete text


class S3Remote:
    """One bucket and prefix.

    Args:
        spec: name, `s3://bucket/prefix`, options in DVC's spelling.
        jobs: parallel requests of bulk calls, connections that are kept.
        timeout: seconds a connection may be silent.

    Raises:
        ConfigError: options that make no sense. Nothing is read or sent before the first request.
    """

    def __init__(self, spec: RemoteSpec, *, jobs: int = 16, timeout: float = 60.0) -> None:
        options = parse_options(spec)
        self._prefix = options.prefix
        self._jobs = jobs
        self._headers = options.get_headers
        self.url = f"s3://{join(options.bucket, self._prefix).rstrip('/')}"
        label = f"remote {spec.name} ({self.url})" if spec.name else self.url
        self._sessions = Sessions(options, label, jobs, timeout)
        self._calls = Calls(self._sessions, label)
        self._writes = Writes(self._calls, options.bucket, self._prefix, options.put_arguments)

    def prepare(self) -> None:
        """Load botocore and build the session: about half a second of processor time."""
        with contextlib.suppress(VfsError):
            self._sessions.current()

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
        if length == 0:
            return self._empty(key, version, etag)
        headers = dict(self._headers)
        wanted = range_header(start, length)
        if wanted:
            headers["Range"] = wanted
        if etag:
            # It may come from a pointer, so from anybody.
            if not _OPAQUE.fullmatch(etag):
                raise ObjectChanged(f"{self._calls.where(key)}: no object can have that ETag")
            headers["If-Match"] = f'"{etag}"'
        try:
            response = self._send("GET", key, version, headers)
        except Refused:
            return self._past_end(key, start, version, etag)
        try:
            self._check(response, key, version, etag)
            plan = self._plan(response, key, start, length, version)
            return S3Body(response, plan, _etag(response), self._calls.where(key))
        except BaseException:
            response.close()
            raise

    def head(self, key: str, *, version: str = "") -> ObjectInfo:
        """As `Remote.head`."""
        response = self._send("HEAD", key, version, dict(self._headers))
        response.close()
        self._check(response, key, version, "")
        size = _number(response.headers.get("Content-Length"))
        if size is None:
            raise RemoteUnavailable(f"{self._calls.where(key)}: the answer has no size")
        found = response.headers.get("x-amz-version-id", "")
        return ObjectInfo(key, size, _etag(response), version or found.replace("null", ""))

    def heads(self, keys: Sequence[str]) -> Iterator[tuple[str, Answer]]:
        """As `Remote.heads`."""
        return heads_in_threads(self.head, keys, self._jobs)

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        """As `Remote.list`."""
        below = f"{self._prefix}/" if self._prefix else ""
        token, previous = "", ""
        while True:
            page = self._page(page_query(below + prefix, below + after if after else "", token))
            for found in page.objects:
                key = strip_prefix(found.key, self._prefix)
                # Not every server honours `prefix` and `start-after`.
                if key is not None and key.startswith(prefix) and (not after or key > after):
                    yield found._replace(key=key)
            previous, token = token, page.token
            if not token:
                return
            if token == previous:
                raise RemoteError(f"{self._calls.label}: the listing does not advance")

    def put(self, key: str, body: bytes | BinaryIO, *, if_absent: bool = False) -> bool:
        """As `Remote.put`; `if_absent` is `If-None-Match: *`, decided by the server."""
        start = None if isinstance(body, bytes) or not body.seekable() else body.tell()
        if if_absent:
            stored = self._writes.put_if_absent(key, body)
            if stored is not None:
                return stored
            if self._exists(key):
                return False
            if not isinstance(body, bytes):
                if start is None:
                    raise RemoteError(f"{self._calls.where(key)}: the stream cannot be repeated")
                body.seek(start)
        self._writes.put(key, body)
        return True

    def delete(self, keys: Iterable[str]) -> None:
        """As `Remote.delete`."""
        self._writes.delete(keys)

    def close(self) -> None:
        """As `Remote.close`."""
        self._sessions.close()

    def _send(self, method: str, key: str, version: str, headers: dict[str, str]) -> HttpResponse:
        query = f"versionId={quote(version, safe='~')}" if version else ""
        return self._calls.send(
            method,
            join(self._prefix, check_key(key)),
            key=key,
            query=query,
            headers=headers,
            expected=(_UNSATISFIABLE,),
        )

    def _page(self, query: str) -> Page:
        response = self._calls.send("GET", "", key="", query=query)
        data = self._calls.read_all(response, MAX_PAGE)
        try:
            return parse_page(data)
        except BadListing as error:
            # Seen from proxies and overloaded servers: worth another try.
            raise RemoteUnavailable(
                f"{self._calls.label}: the listing cannot be used: {error}"
            ) from None

    def _plan(
        self, response: HttpResponse, key: str, start: int, length: int | None, version: str
    ) -> Plan:
        """How to read an answer to `get`; a dubious one costs one more request, never wrong bytes."""
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
            if info.etag and _etag(response) not in ("", info.etag):
                raise BadAnswer("the object changed meanwhile")
            return plan_whole(info.size, response.length, start, length)
        except BadAnswer as error:
            raise RemoteUnavailable(
                f"{self._calls.where(key)}: the answer is wrong: {error}"
            ) from None

    def _check(self, response: HttpResponse, key: str, version: str, etag: str) -> None:
        """Whether a server that ignores `versionId` or `If-Match` sends another object."""
        found = response.headers.get("x-amz-version-id", "")
        if version and found and found != version:
            raise ObjectMissing(f"{self._calls.where(key)}: the server has no version {version!a}")
        if etag and _etag(response) not in ("", etag):
            raise ObjectChanged(f"{self._calls.where(key)}: it was replaced while being read")

    def _empty(self, key: str, version: str, etag: str) -> Body:
        info = self.head(key, version=version)
        if etag and info.etag not in ("", etag):
            raise ObjectChanged(f"{self._calls.where(key)}: it was replaced while being read")
        return EmptyBody(info.size, info.etag)

    def _past_end(self, key: str, start: int, version: str, etag: str) -> Body:
        """After 416: fine if the range begins behind the end, else the server is confused."""
        body = self._empty(key, version, etag)
        if start < body.size:
            raise RemoteUnavailable(f"{self._calls.where(key)}: a good range was refused")
        return body

    def _exists(self, key: str) -> bool:
        try:
            self.head(key)
        except ObjectMissing:
            return False
        return True


def _etag(response: HttpResponse) -> str:
    """The validator; "" for none and for a weak one, which does not pin the bytes."""
    etag = response.headers.get("ETag", "").strip().strip('"')
    return etag if _OPAQUE.fullmatch(etag) and not etag.startswith("W/") else ""


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else None
