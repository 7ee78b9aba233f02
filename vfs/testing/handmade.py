"""Repositories with DVC data written by hand, for tests that need many of them quickly.

The bytes follow DVC 3 (canonical `.dir` objects, `files/md5/ab/cd…` objects), which
`tests/compat` proves against the real DVC; here a commit costs one `git fast-import` instead
of seconds of `dvc add`.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from vfs.testing.sandbox import Sandbox


def md5(data: bytes) -> str:
    """DVC 3's object id of a file."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def object_path(remote: Path, oid: str) -> Path:
    """Where an object lies in a remote or cache of DVC 3's layout."""
    return remote / "files" / "md5" / oid[:2] / oid[2:]


class HandmadeRepository:
    """A Git repository with pointers and a local-directory remote, both written directly.

    Attributes:
        root: the repository (a work tree that holds nothing but `.git`).
        remote: the DVC remote, a directory.
        head: commit id of the last commit.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        root: Path,
        *,
        remote_url: str = "",
        remote_options: Mapping[str, str] | None = None,
    ) -> None:
        """An empty repository.

        Args:
            sandbox: where git runs.
            root: directory to make; the objects go to `ROOT-remote` beside it.
            remote_url: what `.dvc/config` names instead, for a remote that `upload` fills.
            remote_options: further settings of the remote there.
        """
        self.sandbox = sandbox
        self.root = root
        self.remote = root.parent / f"{root.name}-remote"
        self.remote.mkdir(parents=True, exist_ok=True)
        self.remote_url = remote_url or str(self.remote)
        self.remote_options = dict(remote_options or {})
        self.head = ""
        sandbox.git(sandbox.root, "init", "-q", "-b", "main", root)

    def put(self, data: bytes) -> str:
        """Store an object on the remote and return its id."""
        return self._store(md5(data), data)

    def put_sparse(self, oid: str, size: int) -> None:
        """Store an object of `size` zero bytes under a made-up id; it takes no disk space."""
        target = object_path(self.remote, oid)
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "wb") as file:
            file.truncate(size)

    def put_zeros(self, size: int) -> str:
        """Store a listing of `size` zero bytes under its true id; it takes no disk space."""
        hasher = hashlib.md5(usedforsecurity=False)
        for start in range(0, size, 1 << 20):
            hasher.update(bytes(min(1 << 20, size - start)))
        oid = f"{hasher.hexdigest()}.dir"
        self.put_sparse(oid, size)
        return oid

    def put_directory(self, files: Mapping[str, bytes]) -> tuple[str, int, int]:
        """Store the files of a tracked directory and its listing.

        Returns:
            The `.dir` id, the total size in bytes, the number of files.
        """
        entries = [{"md5": self.put(data), "relpath": path} for path, data in files.items()]
        return self.put_listing(entries), sum(map(len, files.values())), len(files)

    def put_listing(self, entries: list[dict[str, str]]) -> str:
        """Store a listing whose objects are (or are deliberately not) on the remote already."""
        entries = sorted(entries, key=lambda entry: entry["relpath"])
        data = json.dumps(entries, sort_keys=True).encode()
        return self._store(md5(data) + ".dir", data)

    def commit(
        self,
        *,
        plain: Mapping[str, bytes] | None = None,
        files: Mapping[str, bytes] | None = None,
        directories: Mapping[str, Mapping[str, bytes]] | None = None,
        tag: str = "",
        message: str = ".",
    ) -> str:
        """Make a commit that holds exactly what is given (nothing of its parent stays).

        Args:
            plain: files for Git itself; a path may start with `x:` (executable) or `l:` (symlink).
            files: single files tracked by DVC.
            directories: directories tracked by DVC, each path -> content.
            tag: a tag to put on the commit.
            message: of the commit.

        Returns:
            The commit id.
        """
        blobs: dict[str, bytes] = {".dvc/config": self.config(), **(plain or {})}
        for path, data in (files or {}).items():
            blobs[f"{path}.dvc"] = pointer(path, self.put(data), len(data))
        for path, content in (directories or {}).items():
            oid, size, count = self.put_directory(content)
            blobs[f"{path}.dvc"] = pointer(path, oid, size, count)
        return self.commit_raw(blobs, tag=tag, message=message)

    def commit_raw(
        self,
        blobs: Mapping[str, bytes] | Mapping[bytes, bytes],
        *,
        tag: str = "",
        message: str = ".",
    ) -> str:
        """Make a commit of these blobs as they are; prefixes of paths as in `commit`."""
        stream = [
            b"commit refs/heads/main\n",
            b"committer Test Person <test@example.org> 1706933106 +0000\n",
            b"data %d\n%s\n" % (len(message.encode()), message.encode()),
        ]
        if self.head:
            stream.append(f"from {self.head}\n".encode())
        stream.append(b"deleteall\n")
        for path, data in blobs.items():
            mode, name = _mode(os.fsencode(path))
            stream += [
                b"M %s inline %s\n" % (mode, _quote(name)),
                b"data %d\n" % len(data),
                data,
                b"\n",
            ]
        self.sandbox.git(self.root, "fast-import", "--quiet", "--force", stdin=b"".join(stream))
        self.head = self.sandbox.git(self.root, "rev-parse", "main").decode()
        if tag:
            self.sandbox.git(self.root, "tag", "--force", tag, self.head)
        return self.head

    def upload(self, put: Callable[[str, bytes], object]) -> None:
        """Hand every object to `put(key, data)`, keys as in the remote."""
        for path in sorted(self.remote.rglob("*")):
            if path.is_file():
                put(path.relative_to(self.remote).as_posix(), path.read_bytes())

    def lose_remote(self) -> None:
        """Remove every object of the remote."""
        shutil.rmtree(self.remote)
        self.remote.mkdir()

    def _store(self, oid: str, data: bytes) -> str:
        target = object_path(self.remote, oid)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        return oid

    def config(self) -> bytes:
        """The bytes of `.dvc/config` that name the remote."""
        lines = ["[core]", "    remote = store", "['remote \"store\"']"]
        options = {"url": self.remote_url, **self.remote_options}
        lines += [f"    {name} = {value}" for name, value in options.items()]
        return "\n".join([*lines, ""]).encode()


def pointer(path: str, oid: str, size: int, count: int | None = None) -> bytes:
    """The bytes of a `.dvc` file for one out that lies beside it."""
    nfiles = "" if count is None else f"  nfiles: {count}\n"
    name = json.dumps(path.rsplit("/", 1)[-1])
    return (f"outs:\n- md5: {oid}\n  size: {size}\n{nfiles}  hash: md5\n  path: {name}\n").encode()


def _mode(path: bytes) -> tuple[bytes, bytes]:
    if path.startswith(b"x:"):
        return b"100755", path[2:]
    if path.startswith(b"l:"):
        return b"120000", path[2:]
    return b"100644", path


def _quote(path: bytes) -> bytes:
    """A path in fast-import's C-style quotes, so that any byte may stand in it."""
    return b'"' + b"".join(b"\\%03o" % byte for byte in path) + b'"'
