"""Options of an SSH remote, as dvc-ssh spells them. Invariant: pure; secrets are not part of a `repr`."""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from vfs.errors import ConfigError
from vfs.remotes import options
from vfs.remotes.base import RemoteSpec

# A host or user may end up in a ProxyCommand of the user's configuration.
_HOST = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9_.:%-]{0,253}")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\\$+-]{0,253}")


@dataclass(frozen=True, slots=True)
class SshOptions:
    """A remote's options, checked; what is None is left to `~/.ssh/config`.

    Attributes:
        root: absolute path of the directory on the host.
        timeout: seconds to connect and to sign in.
        allow_agent, gss: whether an agent and Kerberos may be asked.
    """

    host: str
    root: str
    port: int | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)
    keyfile: str | None = None
    timeout: float = 30.0
    allow_agent: bool = True
    gss: bool = False


def parse_options(spec: RemoteSpec) -> SshOptions:
    """The options of a remote.

    Raises:
        ConfigError: its URL or an option makes no sense.
    """
    rest = spec.url.partition("://")[2]
    place, slash, path = rest.partition("/")
    login, _, address = place.rpartition("@")
    user, _, password = login.partition(":")
    host, port = _address(address)
    if not slash or not _HOST.fullmatch(host):
        raise ConfigError(
            f"remote {spec.name}: its URL names no host and directory",
            hint="ssh://host/absolute/path",
        )
    user = spec.options.get("user") or unquote(user)
    if user and not _USER.fullmatch(user):
        raise ConfigError(f"remote {spec.name}: {user[:40]!a} is no user name")
    for name in ("password", "passphrase"):
        asked = options.truth(spec, f"ask_{name}", default=False)
        if asked and not spec.options.get(name):
            raise ConfigError(
                f"remote {spec.name}: ask_{name} is set, but nobody can be asked",
                hint=f"use a key in an agent, or `dvc remote modify --local NAME {name} …`",
            )
    return SshOptions(
        host=host,
        root="/" + path.strip("/"),
        port=_port(spec, spec.options.get("port") or port),
        user=user or None,
        password=spec.options.get("password") or unquote(password) or None,
        passphrase=spec.options.get("passphrase") or None,
        keyfile=spec.options.get("keyfile") or None,
        timeout=min(options.seconds(spec, "timeout") or 30.0, 30.0),
        allow_agent=options.truth(spec, "allow_agent", default=True),
        gss=options.truth(spec, "gss_auth", default=False),
    )


def _address(text: str) -> tuple[str, str]:
    """Host and port; an IPv6 address stands in brackets."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest.removeprefix(":")
    host, _, port = text.partition(":")
    return host, port


def _port(spec: RemoteSpec, text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise ConfigError(f"remote {spec.name}: port must be a number from 1 to 65535")
    return int(text)
