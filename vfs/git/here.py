"""What Git says of a working tree without libgit2, which takes long to load: by its files and the `git` program."""

import os
from collections.abc import Sequence
from pathlib import Path

from vfs.errors import NotARepository, StoreError
from vfs.git.command import GitFailed, run_git

_PATHS = 100  # of a command line, which takes 128 KiB at least


def git_directories(root: Path) -> tuple[Path, Path]:
    """The Git directory of a working tree, and the one it shares with linked ones.

    Raises:
        NotARepository: there is none.
    """
    git = root / ".git"
    if git.is_dir():
        return git, git
    try:
        git = root / git.read_text().removeprefix("gitdir:").strip()
        common = git / "commondir"
        shared = git / common.read_text().strip() if common.exists() else git
    except (OSError, UnicodeDecodeError) as error:
        raise NotARepository(f"{root} is not the top of a Git working tree") from error
    return git.resolve(), shared.resolve()


def tracked(top: bytes, paths: Sequence[bytes]) -> bytes | None:
    """The first path of the index that is one of some paths, or lies below one. Raises StoreError."""
    for start in range(0, len(paths), _PATHS):
        part = [os.fsdecode(path) for path in paths[start : start + _PATHS]]
        where = ["-C", os.fsdecode(top), "--literal-pathspecs"]
        try:
            found = run_git([*where, "ls-files", "-z", "--", *part])
        except GitFailed as error:
            raise _failed(top, error) from error
        if found:
            return found.partition(b"\0")[0]
    return None


def ignored(top: bytes, paths: Sequence[bytes]) -> set[bytes]:
    """Those of some paths that `.gitignore` files and their like hide, tracked or not. Raises StoreError."""
    where = ["-C", os.fsdecode(top)]
    names = b"".join(b"./" + path + b"\0" for path in paths)
    try:
        found = run_git([*where, "check-ignore", "--no-index", "-z", "--stdin"], data=names)
    except GitFailed as error:
        if error.status == 1 and not error.stderr:  # none of them
            return set()
        raise _failed(top, error) from error
    return {path[2:] for path in found.split(b"\0") if path}


def stage(top: bytes, paths: Sequence[bytes]) -> None:
    """Let Git take files as they are now; what is gone leaves the index. Raises StoreError."""
    where = ["-C", os.fsdecode(top), "--literal-pathspecs"]
    here = [path for path in paths if os.path.lexists(os.path.join(top, path))]
    gone = [path for path in paths if path not in set(here)]
    for verb, names in (["add"], here), (["rm", "-q", "--cached", "--ignore-unmatch"], gone):
        for start in range(0, len(names), _PATHS):
            part = [os.fsdecode(path) for path in names[start : start + _PATHS]]
            try:
                run_git([*where, *verb, "--", *part])
            except GitFailed as error:
                raise _failed(top, error) from error


def _failed(top: bytes, error: GitFailed) -> StoreError:
    return StoreError(
        f"{os.fsdecode(top)}: {error.stderr}", hint="run `git fsck` in the repository"
    )
