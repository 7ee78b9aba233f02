"""Connections to an HTTP origin, straight or through a proxy.

Rule: whoever asks is told of each socket that is waited for, so that the wait can be ended from another thread. `OSError` and
`http.client.HTTPException` leave this module.
"""

import base64
import http.client
import socket
import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote, urlsplit

from vfs.remotes.bandwidth import LIMIT

BLOCK = 256 << 10  # bytes of a body that are sent at a time

Waiting: TypeAlias = Callable[[socket.socket], AbstractContextManager[None]]
"""Told of a socket for as long as it is waited for."""


class Proxy(NamedTuple):
    """An HTTP proxy; `headers` carries its credentials."""

    host: str
    port: int
    headers: dict[str, str]

    @classmethod
    def parse(cls, url: str) -> "Proxy":
        """From `[http://][user:password@]host[:port]`.

        Raises:
            ValueError: no host, or a port that is no number.
        """
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if not parts.hostname:
            raise ValueError("a proxy URL needs a host")
        headers = {}
        if parts.username:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            headers["Proxy-Authorization"] = "Basic " + base64.b64encode(pair).decode()
        return cls(parts.hostname, parts.port or 80, headers)


def connect(
    host: str,
    port: int,
    *,
    context: ssl.SSLContext | None,
    proxy: Proxy | None,
    connect_timeout: float,
    read_timeout: float,
    waiting: Waiting,
) -> http.client.HTTPConnection:
    """A connection that is ready for a request; with TLS if there is a `context`."""
    named = (host, port) if proxy is None else (proxy.host, proxy.port)
    connection: http.client.HTTPConnection
    if context is None:
        connection = http.client.HTTPConnection(*named, timeout=connect_timeout, blocksize=BLOCK)
    else:
        connection = http.client.HTTPSConnection(
            *named, timeout=connect_timeout, context=context, blocksize=BLOCK
        )
    try:
        if proxy is None:
            connection.sock = _dial(host, port, context, connect_timeout, waiting)
        else:
            if context is not None:
                connection.set_tunnel(host, port, proxy.headers)
            connection.connect()
    except BaseException:
        connection.close()
        raise
    connection.sock.settimeout(read_timeout)
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return connection


def _dial(
    host: str, port: int, context: ssl.SSLContext | None, timeout: float, waiting: Waiting
) -> socket.socket:
    channel = _reached(host, port, timeout, waiting)
    if context is None:
        return channel
    with channel, channel.dup() as same, waiting(same):  # wrapping takes the descriptor away
        return context.wrap_socket(channel, server_hostname=host)


def _reached(
    host: str,
    port: int,
    timeout: float,
    waiting: Waiting,
) -> socket.socket:
    """As `socket.create_connection`; `waiting` is given each socket while it connects."""
    failure = OSError("the name has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
        channel = socket.socket(family, kind, protocol)
        try:
            channel.settimeout(timeout)
            if (limit := LIMIT.get()) is not None:  # what nobody may read yet stays with the server
                channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, min(limit.buffer, 1 << 20))
            with waiting(channel):
                channel.connect(address)
            channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            channel.close()
            failure = error
        except BaseException:
            channel.close()
            raise
        else:
            return channel
    raise failure
