"""Peers that copy before anything can be read: DVC and Git LFS. What they copy for a row counts as its time."""

import shutil
import time
from pathlib import Path

from tests.bench.field import stores
from tests.bench.field.data import BIG
from tests.bench.field.peers.base import Kind, Peer, Place, Running
from tests.bench.field.place import TOOLS, Unavailable, first_line, program
from tests.bench.field.readers import Files


class Copy(Peer):
    """A clone whose data is brought by a command, and no process that stays."""

    kind = Kind.COPY

    def clone(self, place: Place) -> Path:
        """A clone of the first version without data."""
        raise AssertionError("each has its own")

    def pull(self, place: Place, clone: Path, paths: list[str]) -> None:
        """Bring these."""
        raise AssertionError("each has its own")

    def switch(self, place: Place, clone: Path) -> None:
        """Check out the second version."""
        raise AssertionError("each has its own")

    def start(self, place: Place) -> Running:
        clone = self.clone(place)
        here: set[str] = set()

        def bring(paths: list[str]) -> float:
            began = time.perf_counter()
            lacking = [path for path in paths if not here.intersection((path, path.split("/")[0]))]
            if lacking:
                self.pull(place, clone, lacking)
                here.update(lacking)
            return time.perf_counter() - began

        reader = Files(directory=clone, environ=place.environ, bring=bring)
        return Running(reader, list, lambda: None, lambda: self.switch(place, clone))


class DvcPull(Copy):
    """`dvc pull`, which can bring single files of a directory."""

    name = "dvc pull"
    reads = "DVC's objects"
    program = TOOLS / "dvc3/bin/dvc"

    def version(self) -> str:
        if not self.program.exists():
            raise Unavailable("no dvc: `tests/setup/dvc.sh dvc3`")
        return first_line(str(self.program), "--version")

    def clone(self, place: Place) -> Path:
        return fresh_clone(place)

    def pull(self, place: Place, clone: Path, paths: list[str]) -> None:
        place.run(self.program, "pull", "-q", "-j8", *paths, cwd=clone)

    def switch(self, place: Place, clone: Path) -> None:
        place.run("git", "checkout", "-q", "v2", cwd=clone)
        place.run(self.program, "pull", "-q", "-j8", "small", cwd=clone)


class GitLfs(Copy):
    """`git lfs pull` from a server of its own (Giftless) behind the same proxy."""

    name = "git-lfs pull"
    reads = "LFS objects"

    def version(self) -> str:
        if not (TOOLS / "giftless/bin/python").exists():
            raise Unavailable("no LFS server: `tests/setup/giftless.sh`")
        return first_line(program("git-lfs", "apt-get install git-lfs"), "--version")

    def prepare(self, place: Place) -> None:
        root = place.fresh("origin")
        git = place.sandbox.git
        git(root, "init", "-q", "-b", "main")
        (root / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
        for tag in ("v1", "v2"):
            place.run("git", "checkout", "-q", tag, cwd=place.repository)
            stores.vfs(place.sandbox, place.repository, "checkout", "--force")
            place.run(
                "cp",
                "-r",
                "--remove-destination",
                place.repository / BIG,
                place.repository / "small",
                root,
            )
            git(root, "add", "--all")
            git(root, "commit", "-q", "-m", tag)
            git(root, "tag", tag)
        place.run("git", "checkout", "-q", "v1", cwd=place.repository)
        stores.vfs(place.sandbox, place.repository, "checkout", "--force")
        git(root, "config", "lfs.url", place.lfs)
        git(root, "lfs", "push", "--all", place.lfs)

    def clone(self, place: Place) -> Path:
        path = place.directory / "clone"
        shutil.rmtree(path, ignore_errors=True)
        skip = {"GIT_LFS_SKIP_SMUDGE": "1"}
        place.run(
            "git", "clone", "-q", "--branch", "v1", place.directory / "origin", path, env=skip
        )
        place.run("git", "config", "lfs.url", place.lfs, cwd=path)
        return path

    def pull(self, place: Place, clone: Path, paths: list[str]) -> None:
        place.run("git", "lfs", "pull", "--include", ",".join(paths), cwd=clone)

    def switch(self, place: Place, clone: Path) -> None:
        place.run("git", "checkout", "-q", "v2", cwd=clone, env={"GIT_LFS_SKIP_SMUDGE": "1"})
        place.run("git", "lfs", "pull", "--include", "small", cwd=clone)


def fresh_clone(place: Place) -> Path:
    """A clone that has the remote in DVC's layout, and nothing in its cache."""
    path = place.directory / "clone"
    shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(place.sandbox.root / "site", ignore_errors=True)
    place.run("git", "clone", "-q", "--branch", "v1", place.repository, path)
    stores.add_remote(path, "dvc", place.buckets["dvc"], place.s3)
    return path
