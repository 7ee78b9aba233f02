"""Clients, connections and credentials of one bucket, and when they are replaced.

Rules:
  * boto3 finds region, endpoint, addressing style and credentials (profiles, SSO, roles, instance
    metadata, …), and refreshes credentials that expire; its own retries are off.
  * botocore asks for new credentials at every request that comes less than 15 minutes before the
    old ones expire, which runs a helper of short-lived ones each time; here it is asked once in
    `_REUSE` seconds.
  * When the server refuses the credentials, and the files they came from have changed since
    (somebody pasted new keys) or a helper or role has others by now (keys were rotated before they
    expired), the session is built anew. When it says that the bucket lives in another region, a
    session for that region replaces it.
Invariants: a session never changes; calls that began with the old one end with it.
"""

import re
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from vfs.errors import AccessDenied, ConfigError, RemoteUnavailable, VfsError
from vfs.remotes.bandwidth import pieces
from vfs.remotes.dial import Proxy
from vfs.remotes.http import HttpPool, HttpResponse
from vfs.remotes.s3.errors import Refusal, translate_botocore
from vfs.remotes.s3.options import S3Options
from vfs.remotes.s3.signing import Signer

_REGION = re.compile(r"[a-z0-9][a-z0-9-]{1,40}")
_PROBE = "vfs-probe"
_CONNECT_TIMEOUT = 10.0
_REMEMBER_FAILURE = 5.0  # seconds
_REUSE = 10.0  # seconds
_USER_AGENT = "vfs"


class S3Session:
    """Everything needed to send requests to one bucket.

    Args:
        options: the remote's.
        label: for messages.
        region: overrides the configured one.
        jobs: connections that are kept.
        timeout: seconds without a byte, unless the options say otherwise.
    """

    def __init__(
        self, options: S3Options, label: str, region: str | None, jobs: int, timeout: float
    ) -> None:
        import boto3
        from botocore.session import Session

        self.options = options
        core = Session(profile=options.profile)
        if options.credentials_file:
            core.set_config_variable("credentials_file", options.credentials_file)
        if options.config_file:
            core.set_config_variable("config_file", options.config_file)
        if options.access_key_id and options.secret_access_key:
            core.set_credentials(
                options.access_key_id, options.secret_access_key, options.session_token
            )
        self.region = region or options.region or core.get_config_variable("region") or "us-east-1"
        self._credentials: Any = None if options.anonymous else core.get_credentials()
        if self._credentials is None and not options.anonymous:
            raise AccessDenied(
                f"{label}: no credentials were found",
                hint="configure them as for the AWS tools, or set allow_anonymous_login = true",
            )
        self._label = label
        self._frozen: Any = None
        self._fresh_until = 0.0
        self._freezing = threading.Lock()
        self._files = _stamps(core)
        self._core = core
        self.client: Any = boto3.Session(botocore_session=core).client(
            "s3",
            region_name=self.region,
            endpoint_url=options.endpoint,
            use_ssl=options.use_ssl,
            verify=options.verify,
            config=_client_config(options, jobs, timeout),
        )
        self.client.meta.events.register("before-send.s3", _paced)
        base = self._base_url(options.bucket)
        self._host = base.netloc
        self._signer = Signer(self.region)
        self._path = base.path
        self.pool = HttpPool(
            f"{base.scheme}://{base.netloc}",
            context=_tls(core, options.verify) if base.scheme == "https" else None,
            proxy=_proxy(f"{base.scheme}://{base.netloc}"),
            connect_timeout=options.connect_timeout or _CONNECT_TIMEOUT,
            read_timeout=options.read_timeout or timeout,
            keep=jobs,
        )

    def request(
        self, method: str, key: str, query: str = "", headers: dict[str, str] | None = None
    ) -> HttpResponse:
        """Send a signed request without a body.

        Args:
            method: GET or HEAD.
            key: full key in the bucket; "" is the bucket itself.
            query: percent-encoded, with `=` in every part.
            headers: to be signed and sent.
        """
        target = self._path + quote(key, safe="/~")
        if query:
            target += "?" + query
        sent = {"Host": self._host, "User-Agent": _USER_AGENT, "Accept-Encoding": "identity"}
        sent |= self._signed(method, target, headers or {})
        return self.pool.request(method, target, sent)

    def close(self) -> None:
        """Close all connections."""
        self.pool.close()
        self.client.close()

    def files_changed(self) -> bool:
        """Whether the credential or configuration files are others than at the start."""
        return _stamps(self._core) != self._files

    def _signed(self, method: str, target: str, headers: dict[str, str]) -> dict[str, str]:
        if self._credentials is None:
            return headers
        credentials = self._signing()
        return self._signer.signed(
            method,
            target,
            {**headers, "Host": self._host},
            time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
            access_key=credentials.access_key,
            secret_key=credentials.secret_key,
            token=credentials.token,
        )

    def _signing(self) -> Any:
        """The credentials to sign with now; helpers and roles are asked by one thread at a time."""
        with self._freezing:
            if self._frozen is None or time.monotonic() >= self._fresh_until:
                self._frozen = self._credentials.get_frozen_credentials()
                self._fresh_until = time.monotonic() + _REUSE
            return self._frozen

    def differs(self, other: "S3Session") -> bool:
        """Whether this session signs with other credentials than `other` last did."""
        return self._credentials is not None and self._signing() != other._frozen

    def _base_url(self, bucket: str) -> Any:
        """Where the bucket is: scheme, host, and a path that ends with `/`.

        A presigned URL is the one public way to ask botocore's endpoint rules; nothing is sent.
        """
        parameters = {"Bucket": bucket, "Key": _PROBE}
        url: str = self.client.generate_presigned_url("get_object", parameters)
        parts = urlsplit(url)
        return parts._replace(path=parts.path.removesuffix(_PROBE), query="", fragment="")


class Sessions:
    """The current session of a remote; thread-safe.

    Args:
        options: the remote's.
        label: for messages.
        jobs: parallel requests.
        timeout: seconds without a byte.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        options: S3Options,
        label: str,
        jobs: int,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._failure: tuple[float, VfsError] | None = None
        self._options = options
        self._label = label
        self._jobs = jobs
        self._timeout = timeout
        self._lock = threading.Lock()
        self._session: S3Session | None = None
        self._renewable = 0.0
        self._closed = False

    def current(self) -> S3Session:
        """The session to use now.

        It is built at the first call, which reads files and may ask the instance for credentials.

        Raises:
            AccessDenied: no credentials.
            ConfigError: profile, endpoint or options make no sense.
        """
        session = self._session
        if session is not None and not self._closed:
            return session
        with self._lock:
            if self._closed:
                raise RemoteUnavailable(f"{self._label}: the remote was closed")
            if self._session is None:
                self._session = self._first()
            return self._session

    def better(self, refused: S3Session, refusal: Refusal) -> S3Session | None:
        """A session that may succeed where `refused` was refused, or None."""
        with self._lock:
            if self._closed:
                return None
            if self._session is not None and self._session is not refused:
                return self._session  # another thread was faster
            region = refusal.region if refusal.status in (301, 307, 400) else ""
            if region and region != refused.region and _REGION.fullmatch(region):
                self._session = self._build(region)
            elif refusal.status in (400, 401, 403) and refused.files_changed():
                self._session = self._build(refused.region)
            else:
                renewed = self._renewed(refused, refusal)
                if renewed is None:
                    return None
                self._session = renewed
            refused.pool.drain()
            return self._session

    def _renewed(self, refused: S3Session, refusal: Refusal) -> S3Session | None:
        """A session with the credentials that helpers and roles give now, if they give others."""
        fixed = self._options.anonymous or self._options.secret_access_key
        if fixed or not refusal.denied or self._clock() < self._renewable:
            return None
        self._renewable = self._clock() + _REUSE
        session = self._build(refused.region)
        if session.differs(refused):
            return session
        session.close()
        return None

    def close(self) -> None:
        """End everything."""
        with self._lock:
            self._closed = True
            session = self._session
        if session is not None:
            session.close()

    def _first(self) -> S3Session:
        """Build, unless that failed just now: looking for credentials may take seconds."""
        if self._failure is not None and self._clock() < self._failure[0]:
            error = self._failure[1]
            raise type(error)(error.message, hint=error.hint)
        try:
            return self._build(None)
        except VfsError as error:
            self._failure = self._clock() + _REMEMBER_FAILURE, error
            raise

    def _build(self, region: str | None) -> S3Session:
        try:
            return S3Session(self._options, self._label, region, self._jobs, self._timeout)
        except (AccessDenied, ConfigError):
            raise
        except Exception as error:
            raise translate_botocore(error, self._label) from error


def _paced(request: Any, **_: object) -> None:
    """Before boto3 sends: its body keeps to the limit of bandwidth."""
    if request.body:
        request.body = pieces(request.body)


def _client_config(options: S3Options, jobs: int, timeout: float) -> Any:
    from botocore import UNSIGNED
    from botocore.config import Config

    return Config(
        signature_version=UNSIGNED if options.anonymous else "s3v4",
        connect_timeout=options.connect_timeout or _CONNECT_TIMEOUT,
        read_timeout=options.read_timeout or timeout,
        max_pool_connections=2 * jobs,
        tcp_keepalive=True,
        retries={"total_max_attempts": 1},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        user_agent_extra=_USER_AGENT,
    )


def _tls(core: Any, verify: bool | str | None) -> ssl.SSLContext:
    """As botocore would: the option, AWS_CA_BUNDLE or `ca_bundle`, else its own list of CAs."""
    from botocore.httpsession import get_cert_path

    chosen = verify if verify is not None else core.get_config_variable("ca_bundle") or True
    if chosen is False:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    path = str(get_cert_path(True) if chosen is True else chosen)
    directory = Path(path).is_dir()
    return ssl.create_default_context(
        cafile=None if directory else path, capath=path if directory else None
    )


def _proxy(origin: str) -> Proxy | None:
    """The proxy that the environment names for a URL (HTTPS_PROXY, NO_PROXY, …)."""
    from botocore.utils import get_environ_proxies

    url = get_environ_proxies(origin).get(urlsplit(origin).scheme)
    if not url:
        return None
    try:
        return Proxy.parse(url)
    except ValueError:
        raise ConfigError("the proxy in HTTP_PROXY/HTTPS_PROXY is no usable URL") from None


def _stamps(core: Any) -> tuple[tuple[int, int, int] | None, ...]:
    """Identity of the files that credentials come from; None for a missing one."""
    stamps: list[tuple[int, int, int] | None] = []
    for name in ("credentials_file", "config_file"):
        try:
            found = Path(core.get_config_variable(name)).expanduser().stat()
        except (OSError, RuntimeError, TypeError):
            stamps.append(None)
        else:
            stamps.append((found.st_ino, found.st_mtime_ns, found.st_size))
    return tuple(stamps)
