"""Google Cloud Storage by its JSON API.

Source: Google's reference of the JSON API v1. Rules:
  * `if_absent` is `ifGenerationMatch=0`, decided by the server;
  * more than a part is sent as a resumable upload, which shows nothing before it is complete;
  * `If-Match` is not sent (the JSON API has preconditions of its own): the ETag of each answer is compared.
Options as dvc-gs: `credentialpath endpointurl allow_anonymous_login`; `projectname` matters for making
buckets only, which nobody does here.
"""

import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, BinaryIO
from urllib.parse import quote, urlencode

from vfs.config import environment
from vfs.errors import ObjectMissing, RemoteError, RemoteUnavailable, VfsError
from vfs.remotes import options
from vfs.remotes.answers import translate_answer
from vfs.remotes.base import Ask, ObjectInfo, RemoteSpec, once
from vfs.remotes.bulk import in_threads
from vfs.remotes.client import HttpClient, checked_url
from vfs.remotes.gs.tokens import Tokens
from vfs.remotes.http import HttpResponse
from vfs.remotes.keys import check_key, join, strip_prefix
from vfs.remotes.times import seconds
from vfs.remotes.uploads import PART, read_part
from vfs.remotes.web import WebRemote

_ENDPOINT = "https://storage.googleapis.com"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_BUCKET_FORM = "names of buckets have 3 to 222 of a-z, 0-9, '.', '_' and '-'"
_PAGE, _MAX_ANSWER = 1000, 32 << 20
_FIELDS = "items(name,size,etag,updated),nextPageToken"
_INCOMPLETE, _EXISTS = 308, 412


class GoogleRemote(WebRemote):
    """One bucket and prefix.

    Args:
        spec: `gs://bucket/prefix`, options in DVC's spelling.
        jobs: parallel requests of bulk calls.
        timeout: seconds a connection may be silent.

    Raises:
        ConfigError: options that make no sense.
    """

    version_header = "x-goog-generation"
    sign_in = "may these credentials use the bucket (roles/storage.objectUser)?"

    def __init__(self, spec: RemoteSpec, *, jobs: int = 16, timeout: float = 60.0) -> None:
        bucket, _, prefix = spec.url.partition("://")[2].partition("/")
        options.check_name(spec, "bucket", bucket, _BUCKET, _BUCKET_FORM)
        self._prefix = prefix.strip("/")
        url = f"gs://{join(bucket, self._prefix)}".rstrip("/")
        super().__init__(spec.name, url, HttpClient(read_timeout=timeout, keep=jobs), jobs)
        endpoint = checked_url(_endpoint(spec), spec.name)
        self._objects = f"{endpoint}/storage/v1/b/{bucket}/o"
        self._uploads = f"{endpoint}/upload/storage/v1/b/{bucket}/o"
        self._tokens = Tokens(
            endpoint,
            spec.options.get("credentialpath") or "",
            anonymous=options.truth(spec, "allow_anonymous_login", default=False),
            where=self._label,
        )

    def send(self, method: str, key: str, version: str, headers: dict[str, str]) -> HttpResponse:
        """As `RangedReads.send`."""
        # With gzip accepted, compressed objects are sent as they are stored.
        kept = {name: value for name, value in headers.items() if name != "If-Match"}
        url = self._object(key, version, alt="media")
        return self.call(method, url, key=key, headers={**kept, "Accept-Encoding": "gzip"})

    def head(self, key: str, *, version: str = "") -> ObjectInfo:
        """As `Remote.head`."""
        found = self._json(self._object(key, version, fields="size,etag,generation,updated"), key)
        put = seconds(_text(found, "updated"))
        return ObjectInfo(key, _size(found), _text(found, "etag"), _text(found, "generation"), put)

    def list(self, prefix: str = "", *, after: str = "", ask: Ask = once) -> Iterator[ObjectInfo]:
        """As `Remote.list`."""
        below = f"{self._prefix}/" if self._prefix else ""
        query = {"prefix": below + prefix, "maxResults": str(_PAGE), "fields": _FIELDS}
        if after:
            query["startOffset"] = below + after
        while True:
            page = ask(partial(self._json, f"{self._objects}?{urlencode(query)}", ""))
            for item in page.get("items", ()):
                key = strip_prefix(_text(item, "name"), self._prefix)
                # The first one may be `after` itself, and not every emulator knows `startOffset`.
                if key is not None and key.startswith(prefix) and (not after or key > after):
                    put = seconds(_text(item, "updated"))
                    yield ObjectInfo(key, _size(item), _text(item, "etag"), modified=put)
            token = _text(page, "nextPageToken")
            if not token or token == query.get("pageToken"):
                return
            query["pageToken"] = token

    def put(self, key: str, body: bytes | BinaryIO, *, if_absent: bool = False) -> bool:
        """As `Remote.put`."""
        query = {"name": join(self._prefix, check_key(key))}
        if if_absent:
            query["ifGenerationMatch"] = "0"
        first = body if isinstance(body, bytes) else read_part(body)
        if isinstance(body, bytes) or len(first) < PART:
            status = self._related(query, key, first)
        elif if_absent and self.exists(key):  # before it is sent in vain
            return False
        else:
            status = self._resumable(query, key, first, body)
        return status != _EXISTS

    def delete(self, keys: Iterable[str]) -> None:
        """As `Remote.delete`: a request for each."""

        def one(key: str) -> None:
            with suppress(ObjectMissing):
                self.done("DELETE", self._object(key), key=key)

        for _ in in_threads(one, [check_key(key) for key in keys], self.jobs):
            pass

    def signed(
        self, method: str, url: str, headers: Mapping[str, str], size: int
    ) -> Mapping[str, str]:
        """As `WebRemote.signed`."""
        return {**headers, **self._tokens.headers()}

    def renew(self, refused: HttpResponse) -> bool:
        """As `WebRemote.renew`."""
        return self._tokens.renew()

    def refusal(self, response: HttpResponse, text: str, key: str) -> VfsError:
        """As `WebRemote.refusal`: errors are JSON, those of contents plain text."""
        said = text if not text.startswith(("<", "{")) else ""
        with suppress(ValueError, KeyError, TypeError):
            said = str(json.loads(text)["error"]["message"])
        if response.status == 404 and "bucket does not exist" in said:
            return RemoteError(f"{self.where(key)}: {said[:200]!a}", hint="check the remote's url")
        return translate_answer(
            response.status,
            self.where(key),
            said=said.strip(),
            retry_after=response.headers.get("Retry-After"),
            sign_in=self.sign_in,
        )

    def _related(self, query: dict[str, str], key: str, data: bytes) -> int:
        """Send everything in one request; its status."""
        edge = secrets.token_hex(16)
        head = f"--{edge}\r\nContent-Type: application/json\r\n\r\n{{}}\r\n--{edge}\r\n"
        head += "Content-Type: application/octet-stream\r\n\r\n"
        body = b"".join((head.encode(), data, f"\r\n--{edge}--\r\n".encode()))
        url = f"{self._uploads}?{urlencode({'uploadType': 'multipart', **query})}"
        headers = {"Content-Type": f"multipart/related; boundary={edge}"}
        return self.done(
            "POST", url, key=key, headers=headers, body=body, size=len(body), expected=(_EXISTS,)
        )

    def _resumable(self, query: dict[str, str], key: str, first: bytes, rest: BinaryIO) -> int:
        """Send parts; the status of the last answer."""
        start = f"{self._uploads}?{urlencode({'uploadType': 'resumable', **query})}"
        headers = {"X-Upload-Content-Type": "application/octet-stream"}
        response = self.call("POST", start, key=key, headers=headers, expected=(_EXISTS,))
        response.text()
        if response.status == _EXISTS:
            return _EXISTS
        session = response.headers.get("Location", "")
        origin = self._uploads.partition("/upload/")[0] + "/"
        if not session.startswith(origin) or not session.isascii() or " " in session:
            raise RemoteError(f"{self.where(key)}: the server sends the upload elsewhere")
        try:
            return self._send_parts(session, key, first, rest)
        except BaseException:
            with suppress(VfsError):  # what is left of it is forgotten after a week
                self.done("DELETE", session, key=key, expected=(499,))
            raise

    def _send_parts(self, session: str, key: str, data: bytes, rest: BinaryIO) -> int:
        sent = 0
        while True:
            following = read_part(rest) if len(data) == PART else b""
            total = "*" if following else str(sent + len(data))
            span = f"{sent}-{sent + len(data) - 1}" if data else "*"
            headers = {"Content-Range": f"bytes {span}/{total}"}
            expected = (_INCOMPLETE, _EXISTS)
            response = self.call(
                "PUT",
                session,
                key=key,
                headers=headers,
                body=data,
                size=len(data),
                expected=expected,
            )
            response.text()
            if response.status != _INCOMPLETE:
                return response.status
            sent += len(data)
            kept = re.fullmatch(r"bytes=0-([0-9]+)", response.headers.get("Range", ""))
            if not following or kept is None or int(kept[1]) + 1 != sent:
                raise RemoteUnavailable(f"{self.where(key)}: the server lost a part of the upload")
            data = following

    def _object(self, key: str, version: str = "", **query: str) -> str:
        if version:
            if not re.fullmatch(r"[0-9]{1,20}", version):
                raise ObjectMissing(f"{self.where(key)}: no generation is called {version[:40]!a}")
            query["generation"] = version
        name = quote(join(self._prefix, check_key(key)), safe="~")
        return f"{self._objects}/{name}" + (f"?{urlencode(query)}" if query else "")

    def _json(self, url: str, key: str) -> dict[str, Any]:
        data = self.text("GET", url, _MAX_ANSWER, key=key)
        try:
            found = json.loads(data)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise RemoteUnavailable(f"{self.where(key)}: the answer is no JSON object")
        return found


def _endpoint(spec: RemoteSpec) -> str:
    emulator = environment().get("STORAGE_EMULATOR_HOST", "")
    if emulator and "://" not in emulator:
        emulator = f"http://{emulator}"
    return spec.options.get("endpointurl") or emulator or _ENDPOINT


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name, "")
    return value.strip('"') if isinstance(value, str) else ""


def _size(found: Mapping[str, Any]) -> int:
    text = str(found.get("size", ""))
    if not text.isascii() or not text.isdigit():
        raise RemoteUnavailable("the server names an object without its size")
    return int(text)
