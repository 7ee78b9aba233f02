"""The user's index and configuration, changed for the user with the user's own `git`.

Rule: unlike everything else in `vfs.git`, this writes to the repository; only verbs that say so call it.
"""

from collections.abc import Sequence
from pathlib import Path

from vfs.errors import StoreError
from vfs.git.command import GitFailed, run_git


def is_ignored(directory: Path, path: str) -> bool:
    """Whether Git ignores a path of a working tree."""
    try:
        run_git(["-C", str(directory), "check-ignore", "-q", "--", path])
    except GitFailed:
        return False
    return True


def stage(directory: Path, files: Sequence[Path]) -> None:
    """`git add` files of a working tree.

    Raises:
        StoreError: Git does not.
    """
    _run(directory, ["add", "--", *map(str, files)])


def get_config(directory: Path, key: str) -> str | None:
    """A value of the repository's configuration; None if it is not set."""
    try:
        found = run_git(["-C", str(directory), "config", "--get", key])
    except GitFailed:
        return None
    return found.decode("utf-8", "surrogateescape").strip()


def set_config(directory: Path, key: str, value: str) -> None:
    """Set a value of the repository's own configuration. Raises StoreError."""
    _run(directory, ["config", "--local", key, value])


def hooks_path(directory: Path) -> str | None:
    """What the user's configuration says of where hooks lie; None if nothing."""
    try:
        found = run_git(["-C", str(directory), "config", "--get-all", "core.hooksPath"])
    except GitFailed:
        return None
    values = found.decode("utf-8", "surrogateescape").splitlines()
    return values[-2] if len(values) > 1 else None  # the last one is ours: no hook runs for us


def merge_text(ours: Path, base: Path, theirs: Path) -> bool:
    """Merge files line by line into `ours`; whether there were no conflicts.

    Raises:
        StoreError: Git cannot.
    """
    labels = ["-L", "ours", "-L", "base", "-L", "theirs"]
    try:
        run_git(["merge-file", "-q", *labels, "--", str(ours), str(base), str(theirs)])
    except GitFailed as error:
        if 0 < error.status < 128:  # the number of conflicts
            return False
        raise StoreError(f"git merge-file: {error.stderr}") from error
    return True


def _run(directory: Path, arguments: Sequence[str]) -> None:
    try:
        run_git(["-C", str(directory), *arguments])
    except GitFailed as error:
        raise StoreError(f"git {arguments[0]} in {directory}: {error.stderr}") from error
