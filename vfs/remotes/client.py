"""HTTP to any number of origins, and how they are reached: TLS, proxies, timeouts.

Invariants: a URL is percent-encoded; connections to different origins are never mixed; nothing is
sent before the first request.
"""

import ssl
import threading
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from vfs.errors import ConfigError
from vfs.remotes.dial import Proxy
from vfs.remotes.http import HttpPool, HttpResponse

USER_AGENT = "vfs"
CONNECT_TIMEOUT = 10.0  # seconds


class HttpClient:
    """Pools of connections, one for each origin; thread-safe.

    Args:
        verify: True or None: the system's authorities; False: no check; else the path of a CA bundle.
        certificate: files of a client certificate and its key ("" if the first holds both).
        connect_timeout: seconds for TCP and TLS.
        read_timeout: seconds without a byte.
        keep: idle connections that are kept for each origin.
    """

    def __init__(
        self,
        *,
        verify: bool | str | None = None,
        certificate: tuple[str, str] | None = None,
        connect_timeout: float | None = None,
        read_timeout: float = 60.0,
        keep: int = 16,
    ) -> None:
        self._verify = verify
        self._certificate = certificate
        self._connect_timeout = connect_timeout or CONNECT_TIMEOUT
        self._read_timeout = read_timeout
        self._keep = keep
        self._lock = threading.Lock()
        self._pools: dict[str, HttpPool] = {}
        self._closed = False

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | BinaryIO | None = None,
    ) -> HttpResponse:
        """Send one request; what goes wrong leaves as `OSError` or `HTTPException`.

        Raises:
            ConfigError: the CA bundle, the client certificate or the proxy cannot be used.
        """
        parts = urlsplit(url)
        target = parts._replace(scheme="", netloc="", fragment="", path=parts.path or "/").geturl()
        sent = {
            "Host": parts.netloc.rpartition("@")[2],
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "identity",
            **headers,
        }
        return self._pool(f"{parts.scheme}://{parts.netloc}").request(method, target, sent, body)

    def close(self) -> None:
        """Close all connections; answers that are being read fail."""
        with self._lock:
            self._closed = True
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()

    def _pool(self, origin: str) -> HttpPool:
        with self._lock:
            if self._closed:
                raise ConnectionAbortedError("the remote was closed")
            pool = self._pools.get(origin)
            if pool is None:
                pool = self._pools[origin] = HttpPool(
                    origin,
                    context=self._tls() if origin.startswith("https:") else None,
                    proxy=_proxy(origin),
                    connect_timeout=self._connect_timeout,
                    read_timeout=self._read_timeout,
                    keep=self._keep,
                )
            return pool

    def _tls(self) -> ssl.SSLContext:
        try:
            context = _authorities(self._verify)
            if self._certificate is not None:
                certificate, key = self._certificate
                context.load_cert_chain(certificate, key or None)
        except OSError as error:
            raise ConfigError(
                f"a certificate file cannot be used: {error.strerror or error}",
                hint="check ssl_verify, cert_path and key_path",
            ) from error
        return context


def checked_url(url: str, name: str) -> str:
    """A URL of http or https without user, query and fragment, and without a slash at its end.

    Raises:
        ConfigError: it is none.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        good = False
    if not good or not url.isprintable() or " " in parts.netloc:
        raise ConfigError(f"remote {name}: its URL names no host", hint="https://host/path")
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl().rstrip("/")


def _authorities(verify: bool | str | None) -> ssl.SSLContext:
    if verify is False:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if verify is None or verify is True:
        return ssl.create_default_context()
    directory = Path(verify).is_dir()
    return ssl.create_default_context(
        cafile=None if directory else verify, capath=verify if directory else None
    )


def _proxy(origin: str) -> Proxy | None:
    """The proxy that the environment names (HTTPS_PROXY, NO_PROXY, …)."""
    parts = urlsplit(origin)
    url = urllib.request.getproxies_environment().get(parts.scheme)
    if not url or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    try:
        return Proxy.parse(url)
    except ValueError:
        raise ConfigError("the proxy in HTTP_PROXY/HTTPS_PROXY is no usable URL") from None
