"""Credentials from Git: whatever helpers the user has, by `git credential`.

Rule: nobody is ever prompted; only a server that asks is told. What a server took is approved, so that helpers keep it;
what it refused is rejected, and asked for once more.
"""

import base64
from collections.abc import Mapping
from pathlib import Path

from vfs.git.command import GitFailed, run_git

_SECONDS = 60.0  # for a helper


class GitCredentials:
    """User and password for one URL; not thread-safe.

    Args:
        url: of the server.
        git_dir: whose configuration counts.
    """

    def __init__(self, url: str, git_dir: Path) -> None:
        self._url = url
        self._git_dir = git_dir
        self._found = b""
        self._header: dict[str, str] = {}
        self._approved = False

    def headers(self) -> Mapping[str, str]:
        """The `Authorization` of a request; nothing before the server asked."""
        return self._header

    def refused(self) -> bool:
        """The server asks: reject what it was told, and look for something else."""
        if self._found:
            self._run("reject", self._found)
        old, self._header, self._approved = self._header, {}, False
        self._found = self._run("fill", f"url={self._url}\n\n".encode())
        fields = dict(line.partition("=")[::2] for line in _text(self._found).splitlines())
        user, password = fields.get("username"), fields.get("password")
        if user is None or password is None:
            self._found = b""
            return False
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._header = {"Authorization": f"Basic {pair}"}
        return self._header != old

    def accepted(self) -> None:
        """The server took them: helpers may keep them."""
        if self._found and not self._approved:
            self._approved = True
            self._run("approve", self._found)

    def _run(self, verb: str, data: bytes) -> bytes:
        try:
            return run_git(["credential", verb], git_dir=self._git_dir, data=data, timeout=_SECONDS)
        except GitFailed:  # there are none, and nobody may be asked
            return b""


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
