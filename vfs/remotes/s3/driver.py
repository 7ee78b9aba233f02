"""S3 and what speaks its language.

Reads (GET, HEAD, LIST) are signed with botocore and sent over `vfs.remotes.http`, which costs a
fraction of the CPU of boto3's `get_object`; writes go through boto3. A request is sent once;
repeating it is the business of `vfs.remotes.retry`, except for the one repetition with better
credentials or in the right region.

Trust: see `vfs.remotes.s3.options` on endpoints from tracked configuration. Redirects are never
followed: a signature would not be valid elsewhere, and a token must not go elsewhere.
"""

import contextlib
from collections.abc import Iterable, Iterator
from functools import partial
from typing import BinaryIO
from urllib.parse import quote

from vfs.errors import RemoteError, RemoteUnavailable, VfsError
from vfs.remotes.answers import Unsatisfiable
from vfs.remotes.base import Ask, ObjectInfo, RemoteSpec, once
from vfs.remotes.http import HttpResponse
from vfs.remotes.keys import check_key, join, strip_prefix
from vfs.remotes.reads import RangedReads
from vfs.remotes.s3.calls import Calls, Refused
from vfs.remotes.s3.listing import MAX_PAGE, BadListing, Page, page_query, parse_page
from vfs.remotes.s3.options import parse_options
from vfs.remotes.s3.session import Sessions
from vfs.remotes.s3.writes import Writes

_UNSATISFIABLE = 416


class S3Remote(RangedReads):
    """One bucket and prefix.

    Args:
        spec: name, `s3://bucket/prefix`, options in DVC's spelling.
        jobs: parallel requests of bulk calls, connections that are kept.
        timeout: seconds a connection may be silent.

    Raises:
        ConfigError: options that make no sense. Nothing is read or sent before the first request.
    """

    version_header = "x-amz-version-id"

    def __init__(self, spec: RemoteSpec, *, jobs: int = 16, timeout: float = 60.0) -> None:
        options = parse_options(spec)
        self._prefix = options.prefix
        self.jobs = jobs
        self._headers = options.get_headers
        self.url = f"s3://{join(options.bucket, self._prefix).rstrip('/')}"
        label = f"remote {spec.name} ({self.url})" if spec.name else self.url
        self._sessions = Sessions(options, label, jobs, timeout)
        self._calls = Calls(self._sessions, label)
        self._writes = Writes(
            self._calls, options.bucket, self._prefix, options.put_arguments, jobs
        )

    def prepare(self) -> None:
        """Load botocore and build the session: about half a second of processor time."""
        with contextlib.suppress(VfsError):
            self._sessions.current()

    def list(self, prefix: str = "", *, after: str = "", ask: Ask = once) -> Iterator[ObjectInfo]:
        """As `Remote.list`."""
        below = f"{self._prefix}/" if self._prefix else ""
        token, previous = "", ""
        while True:
            query = page_query(below + prefix, below + after if after else "", token)
            page = ask(partial(self._page, query))
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
            # Ceph 16 decides that for single requests only, not for the last one of a multipart upload.
            if not isinstance(body, bytes) and self.exists(key):
                return False
            stored = self._writes.put_if_absent(key, body)
            if stored is not None:
                return stored
            if self.exists(key):
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

    def send(self, method: str, key: str, version: str, headers: dict[str, str]) -> HttpResponse:
        """As `RangedReads.send`."""
        query = f"versionId={quote(version, safe='~')}" if version else ""
        try:
            return self._calls.send(
                method,
                join(self._prefix, check_key(key)),
                key=key,
                query=query,
                headers={**self._headers, **headers},
                expected=(_UNSATISFIABLE,),
            )
        except Refused:
            raise Unsatisfiable from None

    def where(self, key: str) -> str:
        """As `RangedReads.where`."""
        return self._calls.where(key)

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
