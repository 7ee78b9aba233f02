"""What S3's answers and botocore's exceptions mean: one table.

Rule: the error code decides, then the HTTP status. Messages are built from the code and a clipped,
printable form of the server's message; they never hold headers, URLs with a query, or keys.
"""

import re
from typing import NamedTuple

from vfs.errors import (
    AccessDenied,
    ConfigError,
    ObjectChanged,
    ObjectMissing,
    RemoteError,
    RemoteUnavailable,
    VfsError,
)
from vfs.remotes.answers import element, parse_retry_after, printable, translate_transport
from vfs.remotes.heads import Headers

_SIGN_IN = "check the credentials: `dvc remote modify --local`, AWS_PROFILE, ~/.aws/credentials"
_EXPIRED = "sign in again, or correct the helper that gives them; is the clock right?"
_MAY_WE = "check that these credentials may read the bucket (s3:GetObject, s3:ListBucket)"


class Meaning(NamedTuple):
    """What a code or status means for the caller."""

    error: type[RemoteError]
    hint: str | None = None


_CODES: dict[str, Meaning] = {
    "NoSuchKey": Meaning(ObjectMissing),
    "NoSuchVersion": Meaning(ObjectMissing),
    "NoSuchBucket": Meaning(RemoteError, "the bucket does not exist: check url and endpointurl"),
    "AccessDenied": Meaning(AccessDenied, _MAY_WE),
    "AllAccessDisabled": Meaning(AccessDenied, _MAY_WE),
    "InvalidAccessKeyId": Meaning(AccessDenied, _SIGN_IN),
    "SignatureDoesNotMatch": Meaning(AccessDenied, _SIGN_IN),
    "ExpiredToken": Meaning(AccessDenied, "the session token has expired: sign in again"),
    "InvalidToken": Meaning(AccessDenied, _SIGN_IN),
    "TokenRefreshRequired": Meaning(AccessDenied, _SIGN_IN),
    "RequestExpired": Meaning(AccessDenied, "check the clock of this machine"),
    "RequestTimeTooSkewed": Meaning(AccessDenied, "check the clock of this machine"),
    "InvalidObjectState": Meaning(RemoteError, "the object is archived: restore it first"),
    "PreconditionFailed": Meaning(ObjectChanged),
    "ConditionalRequestConflict": Meaning(RemoteUnavailable),
    "OperationAborted": Meaning(RemoteUnavailable),
    "SlowDown": Meaning(RemoteUnavailable),
    "RequestTimeout": Meaning(RemoteUnavailable),
    "InternalError": Meaning(RemoteUnavailable),
    "ServiceUnavailable": Meaning(RemoteUnavailable),
    "Throttling": Meaning(RemoteUnavailable),
    "ThrottlingException": Meaning(RemoteUnavailable),
    "RequestLimitExceeded": Meaning(RemoteUnavailable),
    "NotImplemented": Meaning(RemoteError, "this server cannot do that"),
}
_STATUSES: dict[int, Meaning] = {
    401: Meaning(AccessDenied, _SIGN_IN),
    403: Meaning(AccessDenied, _MAY_WE),
    404: Meaning(ObjectMissing),
    405: Meaning(ObjectMissing),  # GET of a version that is a delete marker
    408: Meaning(RemoteUnavailable),
    409: Meaning(RemoteUnavailable),
    410: Meaning(ObjectMissing),
    412: Meaning(ObjectChanged),
    425: Meaning(RemoteUnavailable),
    429: Meaning(RemoteUnavailable),
    501: Meaning(RemoteError, "this server cannot do that"),
    505: Meaning(RemoteError),
}
STALE_TOKENS = frozenset({"ExpiredToken", "InvalidToken", "TokenRefreshRequired"})
ELSEWHERE = frozenset(
    {"PermanentRedirect", "TemporaryRedirect", "Redirect", "AuthorizationHeaderMalformed"}
)


class Refusal(NamedTuple):
    """An error answer.

    Attributes:
        status: HTTP status.
        code: S3's error code, "" if the answer had none.
        message: S3's sentence, untrusted.
        region: the region the server says the bucket is in, "" if it does not.
        retry_after: seconds, or None.
    """

    status: int
    code: str = ""
    message: str = ""
    region: str = ""
    retry_after: float | None = None

    @property
    def denied(self) -> bool:
        """Whether other credentials might do; no narrower, since some servers say AccessDenied to unknown keys."""
        return self.status in (401, 403) or (self.status == 400 and self.code in STALE_TOKENS)

    @property
    def elsewhere(self) -> bool:
        """Whether the bucket lives in another region."""
        return bool(self.region) and (self.status in (301, 307) or self.code in ELSEWHERE)


def parse_refusal(status: int, headers: Headers, body: bytes) -> Refusal:
    """An error answer from its parts; never fails (HEAD answers have no body)."""
    text = body.decode("utf-8", "replace")
    return Refusal(
        status,
        element(text, "Code"),
        element(text, "Message"),
        headers.get("x-amz-bucket-region") or element(text, "Region"),
        parse_retry_after(headers.get("Retry-After")),
    )


def translate(refusal: Refusal, where: str) -> RemoteError:
    """The error of ours that an error answer means.

    Args:
        refusal: the answer.
        where: remote and key, for the message.
    """
    meaning = _CODES.get(refusal.code) or _STATUSES.get(refusal.status)
    hint = None
    if refusal.status in (301, 302, 303, 307, 308) or refusal.elsewhere:
        region = printable(refusal.region) or "unknown"
        meaning = Meaning(RemoteError, f"set the remote's region (the bucket's is {region})")
    if meaning is None:
        meaning = Meaning(RemoteUnavailable if refusal.status >= 500 else RemoteError)
    hint = meaning.hint
    said = printable(" ".join(filter(None, (refusal.code, refusal.message))))
    error = meaning.error(f"{where}: {said or f'HTTP {refusal.status}'}", hint=hint)
    if isinstance(error, RemoteUnavailable):
        error.retry_after = refusal.retry_after
    return error


def translate_botocore(error: Exception, where: str) -> VfsError:
    """The error of ours for anything boto3 raises."""
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        return translate(refusal_of(error), where)
    if isinstance(error, exceptions.SSLError):
        return RemoteError(f"{where}: TLS failed", hint="set ssl_verify to your CA bundle")
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return RemoteUnavailable(f"{where}: {type(error).__name__}")
    if isinstance(error, exceptions.ProfileNotFound | exceptions.ConfigParseError):
        return ConfigError(f"{where}: {printable(str(error))}")
    if expired(error):
        return AccessDenied(f"{where}: the credentials that were found have expired", hint=_EXPIRED)
    name = type(error).__name__
    if re.search("Credential|Token|SSO|Refresh|AssumeRole|Login", name):
        return AccessDenied(f"{where}: no usable credentials ({name})", hint=_SIGN_IN)
    if isinstance(error, exceptions.BotoCoreError | ValueError):
        return RemoteError(f"{where}: {name}: {printable(str(error))}")
    return translate_transport(error, where)


def expired(error: Exception) -> bool:
    """Whether botocore was given credentials that expired before it got them."""
    return isinstance(error, RuntimeError) and "still expired" in str(error)


def refusal_of(error: Exception) -> Refusal:
    """The parts of a botocore `ClientError`."""
    response = getattr(error, "response", {})
    answer, metadata = response.get("Error", {}), response.get("ResponseMetadata", {})
    headers = metadata.get("HTTPHeaders", {})
    code = str(answer.get("Code", ""))
    return Refusal(
        int(metadata.get("HTTPStatusCode", 0)),
        "" if code.isdigit() else code,
        str(answer.get("Message", "")),
        str(headers.get("x-amz-bucket-region", answer.get("Region", ""))),
        parse_retry_after(headers.get("retry-after")),
    )
