"""What never appears in a log: credentials, and characters that would make one record look like another."""

import re

_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]{0,20}://)[^/?#\s@'\"]{1,1000}@"), r"\1***@"),
    (
        re.compile(
            r"(?i)([?&;](?:x-amz-[a-z-]{1,40}|awsaccesskeyid|signature|sig|token|access_token|key|"
            r"password|secret|se|sp|st|spr|sv|code)=)[^&;\s'\"<>]{1,4000}"
        ),
        r"\1***",
    ),
    (
        re.compile(
            r"(?i)\b((?:proxy-)?authorization['\"]?\s*[:=]\s*['\"]?(?:[a-z0-9-]+ +)?)[^\s'\",]+"
        ),
        r"\1***",
    ),
    (
        re.compile(
            r"(?i)\b((?:aws_)?(?:secret_access_key|session_token|account_key|sas_token|connection_string|"
            r"password|passphrase)['\"]?\s*[:=]\s*['\"]?)[^\s'\",]+"
        ),
        r"\1***",
    ),
)
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160), 0x2028, 0x2029)}


def redact(text: str) -> str:
    """`text` without what looks like a credential."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def one_line(text: str) -> str:
    """`text` with its control characters as escapes."""
    return text.translate(_CONTROL)
