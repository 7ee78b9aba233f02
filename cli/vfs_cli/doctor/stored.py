"""Secrets that programs keep in files of their own: read only so that they can be blotted out of a bug report.

Rule: nothing of a file is told, not even that it is there. What cannot be read is of no account: then nobody here has told of it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from vfs_cli.doctor.redaction import SOUNDS_SECRET, of_url, worth_blotting

_MOST: Final = 256 << 10
"""Bytes of a file."""

_HOME: Final = (
    ".netrc", ".aws/credentials", ".aws/config", ".git-credentials", ".config/git/credentials",
    ".config/gcloud/application_default_credentials.json", ".config/gcloud/credentials.db",
)  # fmt: skip
_NAMED: Final = (
    "NETRC", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "GOOGLE_APPLICATION_CREDENTIALS",
    "AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_CERTIFICATE_PATH",
)  # fmt: skip
"""Variables that name a file."""

_FILES_OF_REMOTES: Final = ("keyfile", "credentialpath", "gdrive_service_account_json_file_path", "gdrive_user_credentials_file")  # fmt: skip
_FIELD: Final = re.compile(r"(?=(?<![\w-])([\w-]+)[\"']?\s*[:=]?\s*[\"']?([^\s\"',]+))")
"""A name and what follows, which may be a name as well."""

_ARMOURED: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(.*?)-----END", re.DOTALL)
_LINES: Final = re.compile(r"\\n|\s")


def stored_secrets(
    home: Path, environment: Mapping[str, str], options: Iterable[Mapping[str, str]]
) -> set[str]:
    """What is in the usual files of a home directory, and in those that variables and remotes name."""
    files = [home / name for name in _HOME]
    if "XDG_CONFIG_HOME" in environment:
        files.append(Path(environment["XDG_CONFIG_HOME"], "git/credentials"))
    files += [Path(environment[name]) for name in _NAMED if environment.get(name)]
    files += [Path(one[name]).expanduser() for one in options for name in _FILES_OF_REMOTES if one.get(name)]  # fmt: skip
    return {
        secret for file in files for secret in secrets_in(_text(file)) if worth_blotting(secret)
    }


def secrets_in(text: str) -> Iterator[str]:
    """What may be a secret in any notation: `NAME = VALUE`, `NAME VALUE`, JSON, URLs, private keys; a token if it is one word."""
    for armoured in _ARMOURED.findall(text):
        yield from _LINES.split(armoured)
    words = text.split()
    if len(words) == 1:
        yield words[0]
    for word in words:
        yield from of_url(word)
    for found in _FIELD.finditer(text):
        if SOUNDS_SECRET.search(found[1]):
            yield found[2]


def _text(file: Path) -> str:
    with suppress(OSError, ValueError), file.open("rb") as stream:
        return stream.read(_MOST).decode("utf-8", "replace")
    return ""
