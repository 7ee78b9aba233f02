"""Kinds of arguments: each refuses the empty string and tells the shell how to complete it.

Rule: completion runs at every press of Tab, so it imports nothing heavy and stays silent about whatever goes wrong.
"""

import contextlib
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vfs.config.environment import git_environment

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    _Type = click.ParamType[str]
else:
    _Type = click.ParamType  # not generic before click 8.4

_PLAIN = re.compile(r"[\w./@+=-]+")
"""Names that mean nothing to a shell; others are not offered, since a shell would run what is in them."""

_GIT_SECONDS = 5


class Text(_Type):
    """A text that is not empty; `files` says what of this machine completes it (`file`, `dir`, or nothing)."""

    def __init__(self, name: str, files: str = "") -> None:
        self.name = name
        self._files = files

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as it is."""
        if not value:
            article = "an" if self.name[0] in "aeiou" else "a"
            self.fail(f"{article} {self.name} may not be empty", param, ctx)
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem]":
        """Leave files and directories to the shell; offer our own words."""
        from click.shell_completion import CompletionItem

        words = [
            CompletionItem(word)
            for word in self.words(ctx, incomplete)
            if word.startswith(incomplete) and _PLAIN.fullmatch(word)
        ]
        if words or not self._files:
            return words
        return [CompletionItem(incomplete, type=self._files)]

    def words(self, ctx: click.Context, incomplete: str) -> Iterator[str]:
        """Our own words."""
        return iter(())


class Seconds(click.FloatRange):
    """A number of seconds; what is no number compares with no bound, so it would pass them all."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Within the bounds."""
        seconds = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        return float(seconds)


class Revision(Text):
    """Branches, tags and `worktree`, also behind the dots of a range."""

    def words(self, ctx: click.Context, incomplete: str) -> Iterator[str]:
        """The names of the repository that is meant."""
        import subprocess  # at a press of Tab only

        before, dots, _ = incomplete.rpartition("..")
        command = ["git", "-C", _repository(ctx), "for-each-ref", "--format=%(refname:short)"]
        command += ["refs/heads", "refs/tags", "refs/remotes"]
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run(
                command, env=git_environment(), stdin=subprocess.DEVNULL, capture_output=True,
                timeout=_GIT_SECONDS, check=True, encoding="utf-8", errors="replace",
            )  # fmt: skip
            yield from (before + dots + name for name in done.stdout.splitlines())
        if not dots:
            yield "worktree"


class MountPoint(Text):
    """Where vfs is mounted."""

    def words(self, ctx: click.Context, incomplete: str) -> Iterator[str]:
        """The mounts that run, and those that died."""
        from vfs.control.mountinfo import orphans
        from vfs.control.registry import find_mounts

        mounts = find_mounts()
        yield from (str(mount.mountpoint) for mount in mounts)
        yield from (str(mount.path) for mount in orphans(mounts, os.geteuid()))


def _repository(ctx: click.Context) -> str:
    """The repository that a command line names, as far as it is typed: `--repo`, the mount's, or this directory's."""
    from vfs.control.registry import find_mount
    from vfs.errors import NoSuchMount

    if ctx.params.get("repo"):
        return str(Path(ctx.params["repo"]).expanduser())
    with contextlib.suppress(NoSuchMount):
        return find_mount(ctx.params.get("mount"), Path.cwd()).repo
    return "."


REV = Revision("revision")
PATH = Text("path", "file")
FILE = Text("file", "file")
REPO = Text("repository", "dir")
DIRECTORY = Text("mount point", "dir")
MOUNT_POINT = MountPoint("mount point")
TARGET = MountPoint("path", "file")
NAME = Text("name")
ADDRESS = Text("address")
PATTERN = Text("pattern")
