"""Options of an S3 remote, as DVC's configuration spells them.

Source: dvc-s3's `S3FileSystem._prepare_credentials` and DVC's `config_schema.py` (3.67).

Trust: `url`, `endpointurl`, `profile`, … may come from the repository's tracked configuration,
which anybody may have written. That is accepted, as DVC does, because a request signed with SigV4
is bound to the host it was signed for and never carries the secret key: a hostile endpoint learns
the access key id and, for temporary credentials, the session token, and can use neither without
the secret. Options that make a library read local files are filtered in `vfs.formats.dvcconfig`.
Invariants: pure; secrets are not part of a `repr` or a message.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from vfs.errors import ConfigError, Unsupported
from vfs.remotes.base import RemoteSpec
from vfs.remotes.options import check_name, seconds, truth, verify

_ACCESS_POINT = re.compile(r"arn:aws[a-z-]*:s3:[a-z0-9-]+:[0-9]+:accesspoint[/:][a-z0-9-]+")
_BUCKET = re.compile(r"[A-Za-z0-9._:-]{1,255}")  # AWS is stricter; Ceph knows `tenant:bucket`
_GRANTS = {
    "grant_full_control": "GrantFullControl",
    "grant_read": "GrantRead",
    "grant_read_acp": "GrantReadACP",
    "grant_write_acp": "GrantWriteACP",
}


@dataclass(frozen=True, slots=True)
class S3Options:
    """A remote's options, checked.

    Attributes:
        bucket: name of the bucket, or ARN of an access point.
        prefix: of all keys, without outer slashes; may be empty.
        endpoint: URL of the server, None for AWS.
        verify: True, False, or the path of a CA bundle; None: what botocore's settings say.
        read_timeout: None: the default of the caller; seconds, like `connect_timeout`.
        put_arguments: further arguments of uploads (encryption, ACL), by boto3's names.
        get_headers: headers that reading needs (SSE-C).
    """

    bucket: str
    prefix: str
    endpoint: str | None = None
    region: str | None = None
    profile: str | None = None
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    credentials_file: str | None = None
    config_file: str | None = None
    anonymous: bool = False
    use_ssl: bool = True
    verify: bool | str | None = None
    connect_timeout: float | None = None
    read_timeout: float | None = None
    put_arguments: Mapping[str, str] = field(default_factory=dict, repr=False)
    get_headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def parse_options(spec: RemoteSpec) -> S3Options:
    """The options of a remote.

    Raises:
        ConfigError: an option has an impossible value.
        Unsupported: the bucket is of a kind that needs another protocol.
    """
    bucket, prefix = _place(spec)
    options = spec.options
    put_arguments, get_headers = _encryption(spec)
    return S3Options(
        bucket=bucket,
        prefix=prefix,
        endpoint=_endpoint(spec),
        region=options.get("region") or None,
        profile=options.get("profile") or None,
        access_key_id=options.get("access_key_id") or None,
        secret_access_key=options.get("secret_access_key") or None,
        session_token=options.get("session_token") or None,
        credentials_file=options.get("credentialpath") or None,
        config_file=options.get("configpath") or None,
        anonymous=truth(spec, "allow_anonymous_login", default=False),
        use_ssl=truth(spec, "use_ssl", default=True),
        verify=verify(options.get("ssl_verify")),
        connect_timeout=seconds(spec, "connect_timeout"),
        read_timeout=seconds(spec, "read_timeout"),
        put_arguments=put_arguments,
        get_headers=get_headers,
    )


def _place(spec: RemoteSpec) -> tuple[str, str]:
    """Bucket and prefix of the URL; `?` and `#` are ordinary characters of a key."""
    rest = spec.url.partition("://")[2]
    access_point = _ACCESS_POINT.match(rest)
    bucket = access_point[0] if access_point else rest.partition("/")[0]
    if not access_point and not bucket.startswith("arn:"):
        form = "names of buckets have letters, digits, '.', '_', '-' and ':'"
        check_name(spec, "bucket", bucket, _BUCKET, form)
    if bucket.endswith("--x-s3") or (bucket.startswith("arn:") and not access_point):
        raise Unsupported(
            f"remote {spec.name}: directory buckets and multi-region access points are not read",
            hint="use a general-purpose bucket or a regional access point",
        )
    return bucket, rest[len(bucket) :].strip("/")


def _endpoint(spec: RemoteSpec) -> str | None:
    value = spec.options.get("endpointurl")
    if not value:
        return None
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        good = False
    if not good or parts.username is not None or parts.password is not None:
        raise ConfigError(
            f"remote {spec.name}: endpointurl is no usable URL",
            hint="https://host or http://host:port, without user and password",
        )
    return value


def _encryption(spec: RemoteSpec) -> tuple[dict[str, str], dict[str, str]]:
    """Arguments of uploads and headers of reads for the `sse*`, `acl` and `grant_*` options."""
    options = spec.options
    arguments = {
        theirs: options[ours]
        for ours, theirs in {
            "sse": "ServerSideEncryption",
            "sse_kms_key_id": "SSEKMSKeyId",
            "acl": "ACL",
            **_GRANTS,
        }.items()
        if options.get(ours)
    }
    encoded = options.get("sse_customer_key")
    if not encoded:
        return arguments, {}
    algorithm = options.get("sse_customer_algorithm") or "AES256"
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError(f"remote {spec.name}: sse_customer_key must be base64") from None
    arguments |= {"SSECustomerAlgorithm": algorithm, "SSECustomerKey": encoded}
    stem = "x-amz-server-side-encryption-customer-"
    digest = hashlib.md5(key, usedforsecurity=False).digest()
    return arguments, {
        f"{stem}algorithm": algorithm,
        f"{stem}key": encoded,
        f"{stem}key-md5": base64.b64encode(digest).decode(),
    }
