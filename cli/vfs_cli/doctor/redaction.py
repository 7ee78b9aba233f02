"""What may be told of this machine to a stranger: values that are known to be secret are blotted out, names of files are not told.

Rules:
  * An option of a remote is told only if its name is on `TOLD`; the value of any other one is a secret, and so is that of an environment variable whose name
    sounds like one. A secret is blotted out wherever it occurs, also in the spellings of URLs, JSON and Python.
  * What looks like a credential is blotted out as well (`vfs.log.redact`, and `_PATTERNS`).
  * Without `paths` a line keeps words that occur in vfs's own sources and are no name of a file of the repository, numbers, digests and dates;
    what looks like a path or URL is replaced, whatever it consists of.

Pure, but for the sources, which are read once.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote, urlsplit

import vfs
from vfs.log import redact

BLOT: Final = "***"
LEAST: Final = 4
"""Characters of a secret that is looked for; a shorter one would blot out half of every line."""

TOLD: Final = frozenset(
    [
        "region",
        "jobs",
        "checksum_jobs",
        "version_aware",
        "worktree",
        "no_traverse",
        "verify",
        "ssl_verify",
        "use_ssl",
        "ask_password",
        "auth",
        "method",
        "timeout",
        "read_timeout",
        "connect_timeout",
        "layout",
        "type",
        "protected",
        "slow_link_warning",
        "shared",
        "max_sessions",
        "allow_anonymous_login",
        "grant_read",
        "listobjects",
        "acl",
        "sse",
        "port",
    ]
)
"""Options of remotes whose values are told: flags, numbers, names of regions."""

SOUNDS_SECRET: Final = re.compile(
    r"(?i)key|token|secret|passw|passphrase|credential|sas|connection|auth|cookie|session|signature|private"
)
_PROXY: Final = re.compile(r"(?i)proxy$")
_NAME: Final = r"(?:aws_)?(?:secret_access_key|access_key_id|access_key|session_token|security_token|account_key|accountkey|sas_token|sharedaccesssignature|connection_string|client_secret|client_id|tenant_id|oss_key_id|oss_key_secret|private_key|private_key_id|refresh_token|id_token|api_key|apikey|password|passwd|passphrase|token|secret|cookie|custom_auth_header)"
_PATTERNS: Final = (
    re.compile(rf"(?i)\b({_NAME}[\"']?\s*[:=]\s*[\"']?)[^\s\"',;&}}]+"),
    re.compile(r"(?i)((?:proxy-)?authorization[\"']?\s*[:=]\s*)[^\r\n]+"),
    re.compile(r"(?i)((?:set-)?cookie[\"']?\s*[:=]\s*)[^\r\n]+"),
    re.compile(r"(?i)(x-(?:amz|goog|ms)-[a-z-]*(?:token|signature|credential)[a-z-]*[\"']?\s*[:=]\s*)[^\s&\"']+"),
    re.compile(r"(?i)\b((?:bearer|basic|digest|sharedkey)\s+)[A-Za-z0-9+/._~=:-]{6,}"),
    re.compile(r"()\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b"),
    re.compile(r"()\bgh[pousr]_[A-Za-z0-9]{20,}|\bglpat-[\w-]{16,}|\bya29\.[\w-]{10,}"),
    re.compile(r"()\beyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)?"),
    re.compile(r"()-----BEGIN [A-Z ]*PRIVATE KEY-----(?:(?!-----END)[\s\S])*(?:-----END [A-Z ]*-----)?"),
    re.compile(r"(?i)(://)[^/\s@\"'?#]*@"),
    re.compile(r"(\w://[^\s?\"'<>]*\?)[^\s\"'<>]+"),
)  # fmt: skip
_RANDOM: Final = re.compile(
    r"(?<![\w+/=.-])(?!/)(?=\S*[A-Z])(?=\S*[a-z])(?=\S*\d)[A-Za-z0-9+/_=-]{40,}"
)
"""What is as long as a key and begins like no absolute path."""

_WORD: Final = re.compile(r"[^\W\d]\w*")
_PLAIN: Final = re.compile(
    r"(?:[0-9a-f]{8,}|[0-9.,:+%x-]+(?:Z|ms|s|B|KiB|MiB|GiB|TiB)?|\d{4}-\d\d-\d\dT[0-9:.]+Z?)\Z"
)
_MODULE: Final = re.compile(r"(?:vfs|vfs_cli)(?:\.\w+)*\Z")
_SOURCE_FILE: Final = re.compile(r'File "[^"]*?((?:vfs|vfs_cli)/[\w/]+\.py)"')
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]{1,15})://")
_AROUND: Final = re.compile(r"^([\W_]*)(.*?)([\W_]*)$", re.DOTALL)


class Redaction:
    """See the module.

    Args:
        secrets: values that are nobody's business.
        names: of files and directories of the repository.
        paths: names of files may be told.
    """

    def __init__(
        self, secrets: Iterable[str], names: Collection[str] = (), *, paths: bool = False
    ) -> None:
        spelled = {form for secret in secrets for form in spellings(secret)}
        self._secrets = sorted(spelled, key=len, reverse=True)
        self._names = names
        self._paths = paths

    def line(self, text: str) -> str:
        """A line of a log, a message."""
        text = self.blotted(text)
        return text if self._paths else " ".join(map(self._word, _shortened(text).split(" ")))

    def blotted(self, text: str) -> str:
        """A text without secrets; names stay."""
        for secret in self._secrets:
            text = text.replace(secret, BLOT)
        text = redact(text)
        for pattern in _PATTERNS:
            text = pattern.sub(rf"\g<1>{BLOT}", text)
        return _RANDOM.sub(BLOT, text)

    def value(self, value: Any) -> Any:
        """A JSON value: every text in it as a line; names of fields are ours."""
        if isinstance(value, str):
            return self.line(value)
        if isinstance(value, Mapping):
            return {self._field(str(key)): self.value(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(one) for one in value]
        return value

    def url(self, url: str) -> str:
        """Where a remote is: scheme and kind of host, more only with `paths`."""
        scheme, separator, _ = url.partition("://")
        if self._paths:
            return self.blotted(url)
        if not separator:
            return "<directory>"
        host = urlsplit(url).hostname or ""
        local = host in ("localhost", "127.0.0.1", "::1")
        return f"{scheme}://<{'this machine' if local else 'host'}>/<path>"

    def _field(self, name: str) -> str:
        """The name of a field, which in some groups is the name of a remote."""
        return self.line(name)

    def _word(self, word: str) -> str:
        before, inner, after = _parts(word)
        if not inner or inner == BLOT or _PLAIN.match(inner) or _MODULE.match(inner):
            return word
        scheme = _SCHEME.search(word)
        if scheme is not None:
            return f"<{scheme[1]} url>"
        if "/" in word or "\\" in word:
            return "<path>"
        if inner in self._names or re.search(r"\w\.\w", inner):
            return f"{before}<name>{after}"
        found = _WORD.findall(inner)
        if all(one in vocabulary() and one not in self._names for one in found) and inner.isascii():
            return word
        return f"{before}<name>{after}"


def _parts(word: str) -> tuple[str, str, str]:
    found = _AROUND.match(word)
    return (found[1], found[2], found[3]) if found else ("", word, "")


def _shortened(text: str) -> str:
    """Frames of a traceback by the file of ours."""
    return _SOURCE_FILE.sub(
        lambda found: "frame " + found[1].removesuffix(".py").replace("/", "."), text
    )


@cache
def vocabulary() -> frozenset[str]:
    """Every word in vfs's own sources, and in the levels of logging."""
    words = {"INFO", "WARNING", "ERROR", "CRITICAL", "DEBUG", "Traceback", "most", "recent", "last"}
    top = Path(vfs.__file__).parent
    for directory in (top, Path(__file__).parents[1]):
        for file in directory.rglob("*.py"):
            if "testing" not in file.parts:
                words.update(_WORD.findall(file.read_text(encoding="utf-8")))
    return frozenset(words)


def secrets_of(
    options: Iterable[Mapping[str, str]], urls: Iterable[str], environment: Mapping[str, str]
) -> set[str]:
    """The values that are nobody's business.

    Args:
        options: of remotes.
        urls: that may have a user, a password, a query.
        environment: of this process.
    """
    found: set[str] = set()
    for table in options:
        for name, value in table.items():
            if name.lower() not in TOLD:
                found.update(_pieces(value))
    for url in urls:
        found.update(of_url(url))
    for name, value in environment.items():
        if SOUNDS_SECRET.search(name):
            found.update(_pieces(value))
        elif _PROXY.search(name) or "://" in value:
            found.update(of_url(value))
    return {one for one in found if worth_blotting(one)}


def worth_blotting(value: str) -> bool:
    """Whether a secret is looked for."""
    return len(value) >= LEAST and value.lower() not in ("true", "false")


def _pieces(value: str) -> Iterator[str]:
    """A value, and the values in it if it is a list of fields (`AccountKey=…;EndpointSuffix=…`, `a=b&c=d`) or JSON."""
    value = value.strip()
    yield value
    yield from of_url(value)
    for field in re.split(r"[;&\n]", value.removeprefix("?")):
        name, separator, rest = field.partition("=")
        if (separator and SOUNDS_SECRET.search(name)) or name.strip().lower() in (
            "sig",
            "signature",
        ):
            yield rest.strip()
    if value.startswith("{"):
        try:
            document = json.loads(value)
        except ValueError:
            return
        for name, one in document.items() if isinstance(document, dict) else ():
            if isinstance(one, str) and SOUNDS_SECRET.search(str(name)):
                yield one


def of_url(url: str) -> Iterator[str]:
    """What is secret in a URL, if it is one."""
    if "://" not in url:
        return
    try:
        parts = urlsplit(url)
        values = [field.partition("=")[2] for field in re.split("[&;]", parts.query)]
        found = [parts.password or "", parts.query, *values]
    except ValueError:
        found = [url]
    for text in found:
        if text:
            yield text
            yield unquote(text)


def spellings(secret: str) -> set[str]:
    """How a secret may be written elsewhere."""
    lines = {line.strip() for line in secret.splitlines()}
    forms = {secret, secret.strip(), quote(secret, safe=""), quote(secret), quote_plus(secret)}
    forms |= {json.dumps(secret)[1:-1], repr(secret)[1:-1], *lines}
    return {form for form in forms if len(form) >= LEAST}
