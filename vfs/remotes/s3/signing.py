"""Signatures of requests without a body (AWS Signature Version 4), as `botocore.auth.S3SigV4Auth` gives them.

Purpose: botocore takes several times as long for it as the rest of a small GET does: it derives the key of the day anew, and goes
through the headers seven times. What is signed, and how, is in the S3 API reference ("Signature calculations for the authorization
header"); that both sign alike is tested.

Invariant: pure but for the key of the day, which is remembered.
"""

import hmac
from hashlib import sha256
from typing import Final, NamedTuple

_EMPTY: Final = sha256(b"").hexdigest()


class _Key(NamedTuple):
    """The key that signs for a day, and what it was derived from."""

    secret: str
    day: str
    key: bytes


class Signer:
    """Signs for one region; thread-safe."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._key: _Key | None = None

    def signed(
        self,
        method: str,
        target: str,
        headers: dict[str, str],
        moment: str,
        *,
        access_key: str,
        secret_key: str,
        token: str | None,
    ) -> dict[str, str]:
        """All headers to send.

        Args:
            method: of the request.
            target: percent-encoded path and query, as it is sent.
            headers: to be signed; `Host` is among them, none is there twice in different cases.
            moment: now, as `20240203T040506Z`.
            access_key: who signs.
            secret_key: with what.
            token: of a session; None if there is none.
        """
        sent = {**headers, "X-Amz-Date": moment, "X-Amz-Content-SHA256": _EMPTY}
        if token:
            sent["X-Amz-Security-Token"] = token
        lines = {name.lower(): " ".join(value.split()) for name, value in sent.items()}
        names = sorted(lines)
        path, _, query = target.partition("?")
        if "&" in query:
            query = "&".join(sorted(query.split("&"), key=lambda pair: pair.partition("=")))
        signed = ";".join(names)
        head = "".join([f"{name}:{lines[name]}\n" for name in names])
        request = f"{method}\n{path}\n{query}\n{head}\n{signed}\n{_EMPTY}"
        day = moment[:8]
        scope = f"{day}/{self._region}/s3/aws4_request"
        digest = sha256(request.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"
        signature = hmac.digest(self._key_of(secret_key, day), text.encode(), "sha256").hex()
        sent["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, "
            f"SignedHeaders={signed}, Signature={signature}"
        )
        return sent

    def _key_of(self, secret: str, day: str) -> bytes:
        known = self._key
        if known is None or known.day != day or known.secret != secret:
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            known = self._key = _Key(secret, day, key)
        return known.key
