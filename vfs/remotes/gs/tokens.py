"""Google's access tokens.

Rule: tokens go to Google alone (`https://….googleapis.com`): `endpointurl` may come from a repository's
tracked configuration, and whoever gets a token can use it. Anywhere else requests are anonymous.
"""

import json
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vfs.errors import AccessDenied, ConfigError, RemoteUnavailable
from vfs.remotes.extras import load

_SCOPES = ["https://www.googleapis.com/auth/devstorage.read_write"]
_SIGN_IN = "`gcloud auth application-default login`, or credentialpath = FILE in .dvc/config.local"


class Tokens:
    """The credentials of one remote; thread-safe.

    Args:
        endpoint: where requests go.
        path: file with credentials, "" for what the environment has.
        anonymous: ask as nobody.
        where: for messages.
    """

    def __init__(self, endpoint: str, path: str, *, anonymous: bool, where: str) -> None:
        parts = urlsplit(endpoint)
        host = parts.hostname or ""
        google = host == "googleapis.com" or host.endswith(".googleapis.com")
        self._silent = anonymous or parts.scheme != "https" or not google
        self._path = path
        self._where = where
        self._lock = threading.Lock()
        self._credentials: Any = None

    def headers(self) -> dict[str, str]:
        """What identifies us; nothing if we are nobody.

        Raises:
            AccessDenied: there are no credentials, or they were refused.
            RemoteUnavailable: who gives tokens does not answer.
            Unsupported: google-auth is not installed.
        """
        if self._silent:
            return {}
        with self._lock:
            if self._credentials is None:
                self._credentials = self._found()
            if not self._credentials.valid:
                self._refresh()
            return {"Authorization": f"Bearer {self._credentials.token}"}

    def renew(self) -> bool:
        """After a refusal: whether there is another token now."""
        if self._silent:
            return False
        with self._lock:
            if self._credentials is None:
                return False
            old = self._credentials.token
            self._refresh()
            return bool(self._credentials.token != old)

    def _found(self) -> Any:
        if self._path:
            return self._from_file()
        auth = load("google.auth", "gs", self._where)
        errors = load("google.auth.exceptions", "gs", self._where)
        try:
            return auth.default(scopes=_SCOPES)[0]
        except errors.DefaultCredentialsError as error:
            raise AccessDenied(
                f"{self._where}: no usable Google credentials ({type(error).__name__})",
                hint=_SIGN_IN,
            ) from None

    def _from_file(self) -> Any:
        """Of a service account or a user: other kinds of files may name programs to run."""
        accounts = load("google.oauth2.service_account", "gs", self._where)
        users = load("google.oauth2.credentials", "gs", self._where)
        try:
            found = json.loads(Path(self._path).expanduser().read_text())
            kind = found["type"]
            if kind == "service_account":
                return accounts.Credentials.from_service_account_info(found, scopes=_SCOPES)
            if kind == "authorized_user":
                return users.Credentials.from_authorized_user_info(found, scopes=_SCOPES)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{self._where}: credentialpath names no usable file ({type(error).__name__})"
            ) from None
        raise ConfigError(
            f"{self._where}: credentialpath names a file of another kind than service_account or authorized_user",
            hint="name it in GOOGLE_APPLICATION_CREDENTIALS instead",
        )

    def _refresh(self) -> None:
        transport = load("google.auth.transport.urllib3", "gs", self._where)
        pools = load("urllib3", "gs", self._where)
        errors = load("google.auth.exceptions", "gs", self._where)
        try:
            self._credentials.refresh(transport.Request(pools.PoolManager()))
        except errors.TransportError as error:
            raise RemoteUnavailable(
                f"{self._where}: Google gives no token ({type(error).__name__})"
            ) from None
        except errors.GoogleAuthError as error:
            raise AccessDenied(
                f"{self._where}: Google refused the credentials ({type(error).__name__})",
                hint=_SIGN_IN,
            ) from None
