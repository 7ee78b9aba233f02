"""What this machine alone may have of a repository: reflogs, stashes, commits nobody pushed, linked working trees, what is staged.

Rule: asked of the `git` program; with several working trees, the HEAD and the reflog of each count.
"""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from vfs.errors import StoreError
from vfs.git.command import GitFailed, run_git


def known_commits(git_dir: Path) -> list[str]:
    """All commits (hex) that any reference, reflog entry, stash or HEAD leads to. Raises StoreError."""
    return _git(git_dir, ["rev-list", "--all", "--reflog"]).decode().split()


def unpushed_commits(git_dir: Path) -> list[str]:
    """Those of `known_commits` that no remote-tracking branch leads to. Raises StoreError."""
    return _git(git_dir, ["rev-list", "--all", "--reflog", "--not", "--remotes"]).decode().split()


def former_heads(git_dir: Path) -> list[str]:
    """The commits (hex) that HEAD led to, newest first, as far back as its reflog goes. Raises StoreError."""
    return _git(git_dir, ["log", "--walk-reflogs", "--format=%H", "HEAD", "--"]).decode().split()


def working_trees(git_dir: Path) -> list[Path]:
    """The tops of all working trees of a repository that are there. Raises StoreError."""
    listed = _git(git_dir, ["worktree", "list", "--porcelain"])
    found = []
    for record in listed.split(b"\n\n"):
        lines = record.split(b"\n")
        if b"bare" not in lines and lines[0].startswith(b"worktree "):
            found.append(
                Path(lines[0].removeprefix(b"worktree ").decode("utf-8", "surrogateescape"))
            )
    return [path for path in found if (path / ".git").exists()]


def staged_files(root: Path, patterns: Sequence[str], limit: int) -> list[dict[bytes, bytes]]:
    """The regular files of a working tree's index that match patterns, not empty and up to `limit` bytes each; after a conflict, those of each side.

    Raises:
        StoreError: Git cannot read the index, or an object that it names.
    """
    listed = _in(root, ["ls-files", "-z", "--stage", "--", *patterns]).split(b"\0")
    entries = []
    for line in listed[:-1]:
        fields, _, path = line.partition(b"\t")
        mode, oid, side = fields.split(b" ")
        if mode.startswith(b"100"):
            entries.append((side, path, oid))
    wanted = b"\n".join({oid for _, _, oid in entries})
    sizes = [
        line.split(b" ") for line in _in(root, ["cat-file", "--batch-check"], wanted).splitlines()
    ]
    small = [oid for oid, kind, *size in sizes if kind == b"blob" and 0 < int(size[0]) <= limit]
    data = io.BytesIO(_in(root, ["cat-file", "--batch"], b"\n".join(small)))
    texts = {}
    for _ in small:
        oid, _, size = data.readline().split(b" ")
        texts[oid] = data.read(int(size))
        data.read(1)
    return [
        {path: texts[oid] for one, path, oid in entries if one in (b"0", side) and oid in texts}
        for side in sorted({side for side, _, _ in entries})
    ]


def changed_files(root: Path, files: Iterable[bytes]) -> list[bytes]:
    """Those of some files of a working tree that are not as in HEAD, or not in it. Raises StoreError."""
    names = [b":(top,literal)" + file for file in files]
    if not names:
        return []
    command = ["-C", str(root), "status", "--porcelain", "-z", "--no-renames"]
    command += ["--untracked-files=all", "--ignored"]
    try:
        said = run_git(
            [*command, "--", *(name.decode("utf-8", "surrogateescape") for name in names)]
        )
    except GitFailed as error:
        raise StoreError(f"git status in {root}: {error.stderr}") from error
    return [line[3:] for line in said.split(b"\0") if line]


def commit_files(root: Path, files: Sequence[str], message: str) -> str:
    """Commit files of a working tree as they lie there, and nothing else that is staged; the commit (hex).

    Raises:
        StoreError: Git does not.
    """
    where = ["-C", str(root)]
    try:
        run_git([*where, "add", "--", *files])
        run_git([*where, "commit", "-q", "-m", message, "--only", "--", *files])
        return run_git([*where, "rev-parse", "HEAD"]).decode().strip()
    except GitFailed as error:
        raise StoreError(f"git commit in {root}: {error.stderr}") from error


def _in(root: Path, arguments: list[str], data: bytes = b"") -> bytes:
    try:
        return run_git(["-C", str(root), *arguments], data=data)
    except GitFailed as error:
        raise StoreError(f"git {arguments[0]} in {root}: {error.stderr}") from error


def _git(git_dir: Path, arguments: list[str]) -> bytes:
    try:
        return run_git(arguments, git_dir=git_dir)
    except GitFailed as error:
        raise StoreError(f"git {arguments[0]} in {git_dir}: {error.stderr}") from error
