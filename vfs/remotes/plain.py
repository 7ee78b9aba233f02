"""Plain HTTP servers: objects are read by URL, and stored the way DVC does if the server takes them.

Source: dvc-http. Rules:
  * nothing can be listed or deleted: HTTP has no words for it, so the driver says `Unsupported`;
  * redirects of reads are followed, never from https to http; credentials go to the configured origin only;
  * `put` sends one request (`method`, POST unless configured), which is as atomic as the server makes it.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO
from urllib.parse import quote, unquote, urljoin, urlsplit

from vfs.errors import ConfigError, ObjectMissing, RemoteError, Unsupported
from vfs.remotes import options
from vfs.remotes.base import Ask, ObjectInfo, RemoteSpec, once
from vfs.remotes.client import HttpClient, checked_url
from vfs.remotes.http import HttpResponse
from vfs.remotes.keys import check_key
from vfs.remotes.uploads import sized
from vfs.remotes.web import REDIRECTS, WebRemote

_MOST_REDIRECTS = 5
_NO_HEAD = frozenset({405, 501})
_METHODS = ("POST", "PUT", "PATCH")


class PlainRemote(WebRemote):
    """A directory of an HTTP server.

    Args:
        spec: its URL, options in DVC's spelling.
        jobs: parallel requests of bulk calls.
        timeout: seconds a connection may be silent.

    Raises:
        ConfigError: options that make no sense.
    """

    def __init__(self, spec: RemoteSpec, *, jobs: int = 16, timeout: float = 60.0) -> None:
        self._base = checked_url(spec.url, spec.name)
        client = HttpClient(
            verify=options.verify(spec.options.get("ssl_verify")),
            connect_timeout=options.seconds(spec, "connect_timeout"),
            read_timeout=options.seconds(spec, "read_timeout") or timeout,
            keep=jobs,
        )
        super().__init__(spec.name, self._base, client, jobs)
        self._credentials = _credentials(spec)
        self._method = (spec.options.get("method") or "POST").upper()
        if self._method not in _METHODS:
            raise ConfigError(f"remote {spec.name}: method must be one of {', '.join(_METHODS)}")

    def send(self, method: str, key: str, version: str, headers: dict[str, str]) -> HttpResponse:
        """As `RangedReads.send`."""
        if version:
            raise ObjectMissing(f"{self.where(key)}: HTTP knows no versions")
        url = self._object(key)
        for _ in range(_MOST_REDIRECTS):
            expected = REDIRECTS | _NO_HEAD if method == "HEAD" else REDIRECTS
            response = self.call(method, url, key=key, headers=headers, expected=expected)
            if response.status not in expected:
                return response
            response.text()
            if response.status in _NO_HEAD:
                method = "GET"  # whose head says the same
                continue
            url = self._redirected(url, response.headers.get("Location", ""), key)
        raise RemoteError(f"{self.where(key)}: the server redirects in circles")

    def list(self, prefix: str = "", *, after: str = "", ask: Ask = once) -> Iterator[ObjectInfo]:
        """Never: HTTP cannot list.

        Raises:
            Unsupported: always.
        """
        raise Unsupported(f"{self._label}: a plain HTTP server cannot be listed", hint=_OTHERS)

    def put(self, key: str, body: bytes | BinaryIO, *, if_absent: bool = False) -> bool:
        """As `Remote.put`; `if_absent` is a check and then a put."""
        url = self._object(key)
        if if_absent and self.exists(key):
            return False
        with sized(body) as (content, size):
            self.done(self._method, url, key=key, body=content, size=size)
        return True

    def delete(self, keys: Iterable[str]) -> None:
        """Nothing but an empty list of keys can be deleted.

        Raises:
            Unsupported: there is a key.
        """
        for key in keys:
            check_key(key)
            raise Unsupported(
                f"{self.where(key)}: nothing is deleted over plain HTTP", hint=_OTHERS
            )

    def signed(
        self, method: str, url: str, headers: Mapping[str, str], size: int
    ) -> Mapping[str, str]:
        """As `WebRemote.signed`."""
        own = _origin(url) == _origin(self._base)
        return {**headers, **self._credentials} if own else headers

    def _object(self, key: str) -> str:
        return f"{self._base}/{quote(check_key(key), safe='/~')}"

    def _redirected(self, url: str, location: str, key: str) -> str:
        try:
            location = urljoin(url, location)
            parts = urlsplit(location)
            good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
        except ValueError:
            good = False
        if not good or not location.isascii() or " " in location:
            raise RemoteError(f"{self.where(key)}: the server redirects to no usable URL")
        if url.startswith("https:") and parts.scheme != "https":
            raise RemoteError(f"{self.where(key)}: the server redirects from https to http")
        if parts._replace(query="", fragment="").geturl() == url + "/":
            raise ObjectMissing(f"{self.where(key)}: it is a directory")
        return parts._replace(fragment="").geturl()


_OTHERS = "use webdav://, ssh:// or an object store for what is more than reading"


def basic(user: str, password: str) -> dict[str, str]:
    """Basic authentication."""
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def header_safe(spec: RemoteSpec, name: str) -> str:
    """An option that becomes part of a header.

    Raises:
        ConfigError: it would end the header.
    """
    value = spec.options.get(name) or ""
    if any(character in value for character in "\r\n\0"):
        raise ConfigError(f"remote {spec.name}: {name} holds a line break")
    return value


def password_of(spec: RemoteSpec) -> str:
    """The configured password.

    Raises:
        ConfigError: it is to be asked for, which a mount cannot.
    """
    password = header_safe(spec, "password")
    if not password and options.truth(spec, "ask_password", default=False):
        raise ConfigError(
            f"remote {spec.name}: ask_password is set, but nobody can be asked",
            hint="`dvc remote modify --local NAME password …`",
        )
    return password


def _credentials(spec: RemoteSpec) -> dict[str, str]:
    """The headers that `auth`, `user`, `password` and `custom_auth_header` stand for."""
    kind = (spec.options.get("auth") or "").lower()
    parts = urlsplit(spec.url)
    if not kind:
        if parts.username is None:
            return {}
        return basic(unquote(parts.username), unquote(parts.password or ""))
    if kind not in ("basic", "custom"):
        raise Unsupported(f"remote {spec.name}: auth = {kind[:20]!a}", hint="basic or custom")
    user, password = header_safe(spec, "user"), password_of(spec)
    header = header_safe(spec, "custom_auth_header")
    if not password or not (user if kind == "basic" else header):
        needed = "user" if kind == "basic" else "custom_auth_header"
        raise ConfigError(f"remote {spec.name}: auth = {kind} needs {needed} and password")
    return basic(user, password) if kind == "basic" else {header: password}


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
