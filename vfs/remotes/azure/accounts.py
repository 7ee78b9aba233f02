"""Which account a remote is on, and how its requests are authorised.

Source: dvc-azure's order of login methods; Microsoft's "Authorize with Shared Key". Rules:
  * the first that is complete counts: connection string, service principal, account key, SAS token,
    azure-identity's default credentials, nobody;
  * whatever is not in the remote's options is taken from the AZURE_STORAGE_* variables;
  * tokens of azure-identity and SAS tokens are sent to the account's own host over https only; a connection string
    that names another endpoint has to bring its own key.
"""

import base64
import binascii
import hashlib
import hmac
import re
import threading
import time
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from vfs.config import environment
from vfs.errors import AccessDenied, ConfigError
from vfs.remotes import options
from vfs.remotes.base import RemoteSpec
from vfs.remotes.client import checked_url
from vfs.remotes.extras import load

API = "2021-08-06"
_NAME = re.compile(r"[a-z0-9]{3,24}")
_SUFFIX = re.compile(r"[a-z0-9][a-z0-9.-]{1,100}")
_SCOPE = "https://storage.azure.com/.default"
_EARLY = 300.0  # seconds before its end that a token is renewed
_SIGNED = (
    "content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
    "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range",
)  # fmt: skip
_EXCLUDABLE = ("environment", "visual_studio_code", "shared_token_cache", "managed_identity")


class Account(NamedTuple):
    """An account of Azure's storage.

    Attributes:
        name: of the account.
        endpoint: URL of its blob service.
        key: the account key, decoded; b"" for none.
        sas: query string with a shared access signature; "" for none.
    """

    name: str
    endpoint: str
    key: bytes = b""
    sas: str = ""


def find_account(spec: RemoteSpec, host: str) -> Account:
    """The account that the options, the URL (`host`, as of abfs) or the environment name.

    Raises:
        ConfigError: none does, or its name or key makes no sense.
    """
    string = _value(spec, "connection_string")
    if string:
        return _from_string(spec.name, string)
    name = (_value(spec, "account_name") or host.partition(".")[0]).lower()
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"remote {spec.name}: no account of Azure is named",
            hint="`dvc remote modify NAME account_name …`, or connection_string in .dvc/config.local",
        )
    suffix = host.partition(".")[2].partition(".")[2] or "core.windows.net"
    if not _SUFFIX.fullmatch(suffix) or not suffix.startswith("core."):
        raise ConfigError(f"remote {spec.name}: {host[:80]!a} is no host of Azure")
    key = _decoded(spec.name, _value(spec, "account_key"))
    sas = _value(spec, "sas_token").lstrip("?")
    if any(character.isspace() for character in sas):
        raise ConfigError(f"remote {spec.name}: sas_token holds a blank")
    return Account(name, f"https://{name}.blob.{suffix}", key, sas)


class Authorization:
    """Authorises the requests of one remote; thread-safe."""

    def __init__(self, spec: RemoteSpec, account: Account, where: str) -> None:
        self._account = account
        self._where = where
        self._spec = spec
        self._lock = threading.Lock()
        self._identity: Any = None
        self._token, self._until = "", 0.0
        named = bool(_value(spec, "connection_string"))
        self._principal = not named and all(
            spec.options.get(name) for name in ("tenant_id", "client_id", "client_secret")
        )
        anonymous = options.truth(spec, "allow_anonymous_login", default=False)
        known = bool(account.key or account.sas)
        self._by_token = self._principal or not (known or named or anonymous)

    @property
    def sas(self) -> str:
        """What to add to the query of each URL."""
        return "" if self._by_token or self._account.key else self._account.sas

    def headers(self, method: str, url: str, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers of a request with what authorises it.

        Raises:
            AccessDenied: azure-identity finds no credentials.
            Unsupported: azure-identity is needed and not installed.
        """
        sent = {**headers, "x-ms-version": API, "x-ms-date": formatdate(usegmt=True)}
        if self._by_token:
            sent["Authorization"] = f"Bearer {self._bearer()}"
        elif self._account.key:
            text = string_to_sign(self._account.name, method, url, sent)
            digest = hmac.digest(self._account.key, text.encode(), hashlib.sha256)
            signature = base64.b64encode(digest).decode()
            sent["Authorization"] = f"SharedKey {self._account.name}:{signature}"
        return sent

    def renew(self) -> bool:
        """After a refusal: whether there is another token."""
        with self._lock:
            old, self._token = self._token, ""
        return self._by_token and self._bearer() != old

    def _bearer(self) -> str:
        with self._lock:
            if not self._token or time.time() > self._until:
                if self._identity is None:
                    self._identity = self._found()
                errors = load("azure.core.exceptions", "azure", self._where)
                try:
                    token = self._identity.get_token(_SCOPE)
                except errors.ClientAuthenticationError as error:
                    raise AccessDenied(
                        f"{self._where}: no usable Azure credentials ({type(error).__name__})",
                        hint="`az login`, or account_key, sas_token or connection_string in .dvc/config.local",
                    ) from None
                self._token, self._until = token.token, token.expires_on - _EARLY
            return self._token

    def _found(self) -> Any:
        identity = load("azure.identity", "azure", self._where)
        if self._principal:
            given = self._spec.options
            return identity.ClientSecretCredential(
                given["tenant_id"], given["client_id"], given["client_secret"]
            )
        excluded = {
            f"exclude_{name}_credential": options.truth(
                self._spec, f"exclude_{name}_credential", default=False
            )
            for name in _EXCLUDABLE
        }
        return identity.DefaultAzureCredential(**excluded)


def string_to_sign(account: str, method: str, url: str, headers: Mapping[str, str]) -> str:
    """What a shared key signs of a request."""
    lowered = {name.lower(): value for name, value in headers.items()}
    if lowered.get("content-length") == "0":
        lowered["content-length"] = ""
    lines = [method, *(lowered.get(name, "") for name in _SIGNED)]
    lines += [f"{name}:{lowered[name]}" for name in sorted(lowered) if name.startswith("x-ms-")]
    parts = urlsplit(url)
    lines.append(f"/{account}{parts.path}")
    query = sorted((name.lower(), value) for name, value in parse_qsl(parts.query, True))
    return "\n".join([*lines, *(f"{name}:{value}" for name, value in query)])


def _value(spec: RemoteSpec, name: str) -> str:
    variable = "AZURE_STORAGE_" + name.upper().replace("ACCOUNT_NAME", "ACCOUNT")
    variable = variable.replace("ACCOUNT_KEY", "KEY")
    return (spec.options.get(name) or environment().get(variable) or "").strip()


def _from_string(remote: str, text: str) -> Account:
    fields = dict(part.partition("=")[::2] for part in text.split(";") if "=" in part)
    if fields.get("UseDevelopmentStorage", "").lower() == "true":
        raise ConfigError(f"remote {remote}: write the emulator's connection string out")
    name = fields.get("AccountName", "")
    suffix = fields.get("EndpointSuffix", "core.windows.net")
    scheme = fields.get("DefaultEndpointsProtocol", "https")
    endpoint = fields.get("BlobEndpoint") or f"{scheme}://{name}.blob.{suffix}"
    key = _decoded(remote, fields.get("AccountKey", ""))
    sas = fields.get("SharedAccessSignature", "").lstrip("?")
    if key and not name:
        raise ConfigError(f"remote {remote}: connection_string has a key and no AccountName")
    return Account(name, checked_url(endpoint, remote), key, sas)


def _decoded(remote: str, key: str) -> bytes:
    try:
        return base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError(f"remote {remote}: the account key is no base64") from None
