"""WebDAV servers (RFC 4918): Nextcloud, Apache, lighttpd, dCache and others.

Rules:
  * `put` stores under a temporary name in the same collection and moves it, so that nobody sees a part; with
    `Overwrite: F` the server decides `if_absent`;
  * collections on the way are made when the server misses them;
  * `delete` never touches a collection: WebDAV would remove everything below.
Options as dvc-webdav: `user password token custom_auth_header bearer_token_command cert_path key_path
timeout ssl_verify`.
"""

import secrets
import shlex
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import BinaryIO
from urllib.parse import quote, unquote, urlsplit

from vfs.errors import AccessDenied, ObjectMissing, RemoteError, RemoteUnavailable, VfsError
from vfs.remotes import options
from vfs.remotes.base import Ask, ObjectInfo, RemoteSpec, once
from vfs.remotes.client import HttpClient, checked_url
from vfs.remotes.http import HttpResponse
from vfs.remotes.keys import check_key
from vfs.remotes.plain import basic, header_safe, password_of
from vfs.remotes.uploads import sized
from vfs.remotes.walk import TEMPORARY, Named, walk
from vfs.remotes.web import WebRemote
from vfs.remotes.webdav.propfind import MAX_PAGE, QUERY, BadListing, parse_entries

_HELPER_SECONDS = 30.0


class WebdavRemote(WebRemote):
    """A collection of a WebDAV server.

    Args:
        spec: `webdav://host/path` or `webdavs://…`, options in DVC's spelling.
        jobs: parallel requests of bulk calls.
        timeout: seconds a connection may be silent.

    Raises:
        ConfigError: options that make no sense.
    """

    def __init__(self, spec: RemoteSpec, *, jobs: int = 16, timeout: float = 60.0) -> None:
        scheme, _, rest = spec.url.partition("://")
        self._base = checked_url(f"{scheme.replace('webdav', 'http')}://{rest}", spec.name)
        self._path = unquote(urlsplit(self._base).path)
        self._base = self._base.removesuffix(urlsplit(self._base).path) + quote(
            self._path, safe="/~"
        )
        certificate = spec.options.get("cert_path") or ""
        client = HttpClient(
            verify=options.verify(spec.options.get("ssl_verify")),
            certificate=(certificate, spec.options.get("key_path") or "") if certificate else None,
            read_timeout=options.seconds(spec, "timeout") or timeout,
            keep=jobs,
        )
        super().__init__(
            spec.name, f"{scheme}{self._base[self._base.index('://') :]}", client, jobs
        )
        self._command = spec.options.get("bearer_token_command") or ""
        self._credentials = _credentials(spec)
        self._lock = threading.Lock()

    def send(self, method: str, key: str, version: str, headers: dict[str, str]) -> HttpResponse:
        """As `RangedReads.send`."""
        url = self._object(key)
        if version:
            raise ObjectMissing(f"{self.where(key)}: WebDAV keeps no versions")
        return self.call(method, url, key=key, headers=headers)

    def list(self, prefix: str = "", *, after: str = "", ask: Ask = once) -> Iterator[ObjectInfo]:
        """As `Remote.list`."""
        return walk(lambda directory: ask(partial(self._read, directory)), prefix, after, self.jobs)

    def put(self, key: str, body: bytes | BinaryIO, *, if_absent: bool = False) -> bool:
        """As `Remote.put`."""
        url = self._object(key)
        if if_absent and self.exists(key):
            return False
        temporary = f"{url.rpartition('/')[0]}/{TEMPORARY}{secrets.token_hex(8)}"
        try:
            with sized(body) as (content, size):
                self._store(temporary, key, content, size)
            headers = {"Destination": url, "Overwrite": "F" if if_absent else "T"}
            expected = (412,) if if_absent else ()
            status = self.done("MOVE", temporary, key=key, headers=headers, expected=expected)
        except BaseException:
            with suppress(VfsError):
                self.done("DELETE", temporary, key=key, expected=(404,))
            raise
        if status == 412:
            self.done("DELETE", temporary, key=key, expected=(404,))
        return status != 412

    def delete(self, keys: Iterable[str]) -> None:
        """As `Remote.delete`; collections stay."""
        for key in keys:
            url = self._object(key)
            with suppress(ObjectMissing):
                if any(not each.name and each.is_directory for each in self._entries(url, key, 0)):
                    continue
                self.done("DELETE", url, key=key)

    def signed(
        self, method: str, url: str, headers: Mapping[str, str], size: int
    ) -> Mapping[str, str]:
        """As `WebRemote.signed`."""
        if self._command:
            with self._lock:
                if not self._credentials:
                    self._credentials = self._token()
        return {**headers, **self._credentials}

    def renew(self, refused: HttpResponse) -> bool:
        """As `WebRemote.renew`: the command may give a fresh token."""
        if not self._command:
            return False
        with self._lock:
            self._credentials = self._token()
        return True

    def _object(self, key: str) -> str:
        return f"{self._base}/{quote(check_key(key), safe='/~')}"

    def _store(self, temporary: str, key: str, content: bytes | BinaryIO, size: int) -> None:
        start = None if isinstance(content, bytes) else content.tell()
        for missing in (404, 409):
            status = self.done(
                "PUT", temporary, key=key, body=content, size=size, expected=(404, 409)
            )
            if status not in (404, 409):
                return
            if missing == 409:
                break
            self._make_collections(key)
            if not isinstance(content, bytes):
                content.seek(start or 0)
        raise RemoteError(f"{self.where(key)}: the server has no collection for it")

    def _make_collections(self, key: str) -> None:
        """All above the object; 405 and 301 mean that one is there."""
        root = self._base.partition("://")[2].partition("/")[2]
        *above, _ = [*root.split("/"), *quote(key, safe="/~").split("/")]
        url = self._base[: len(self._base) - len(root)].rstrip("/")
        for name in filter(None, above):
            url = f"{url}/{name}"
            # A server may forbid to make what it does not let us write into, above the remote.
            self.done("MKCOL", f"{url}/", key=key, expected=(301, 401, 403, 405, 409))

    def _read(self, directory: str) -> Sequence[Named]:
        """The entries of a collection."""
        below = f"/{quote(directory, safe='/~')}" if directory else ""
        url = f"{self._base}{below}"
        try:
            found = self._entries(f"{url}/", directory, 1)
        except (ObjectMissing, RemoteUnavailable):
            raise
        except RemoteError:
            # What servers say of a file as if it were a collection: 400, 403, 405, …
            if any(
                not each.name and not each.is_directory for each in self._entries(url, directory, 0)
            ):
                return []
            raise
        return [each for each in found if each.name]

    def _entries(self, url: str, key: str, depth: int) -> Sequence[Named]:
        headers = {"Depth": str(depth), "Content-Type": "application/xml"}
        data = self.text(
            "PROPFIND", url, MAX_PAGE, key=key, headers=headers, body=QUERY, size=len(QUERY)
        )
        path = unquote(urlsplit(url).path)
        try:
            return parse_entries(data, path)
        except BadListing as error:
            raise RemoteUnavailable(
                f"{self.where(key)}: the listing cannot be used: {error}"
            ) from None

    def _token(self) -> dict[str, str]:
        """What the user's command prints, as a header."""
        try:
            done = subprocess.run(
                shlex.split(self._command),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_HELPER_SECONDS,
                check=True,
            )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise AccessDenied(
                f"{self._label}: bearer_token_command failed ({type(error).__name__})",
                hint="run it by hand: it must print a token",
            ) from None
        return {"Authorization": f"Bearer {done.stdout.strip()}"}


def _credentials(spec: RemoteSpec) -> dict[str, str]:
    """A token, user and password, or a header of the user's own; as in dvc-webdav the first that is set."""
    if spec.options.get("bearer_token_command"):
        return {}
    if token := header_safe(spec, "token"):
        return {"Authorization": f"Bearer {token}"}
    parts = urlsplit(spec.url)
    user = header_safe(spec, "user") or unquote(parts.username or "")
    if user:
        return basic(user, password_of(spec) or unquote(parts.password or ""))
    if header := header_safe(spec, "custom_auth_header"):
        return {header: password_of(spec)}
    return {}
