"""The repository of `vfs demo`: two tagged versions of a small dataset and a remote beside it.

Everything is written directly in DVC's own formats (`.dvc` pointers, `.dir` objects, objects
under `files/md5`), so the demonstration needs neither dvc nor a network.

    v1   data/images  300 files     model/weights.bin  256 MiB
    v2   20 images changed, 10 added, 5 removed; the weights are the same
"""

import hashlib
import os
import random
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final, NamedTuple

from vfs.config import git_environment
from vfs.formats.dirlisting import dump_listing
from vfs.formats.layout import object_path
from vfs.types import Algorithm, Digest

WEIGHTS_SIZE: Final = 256 << 20
IMAGES: Final = 300
CHANGED: Final = 20
ADDED: Final = 10
REMOVED: Final = 5
_PIECE: Final = 4 << 20
_SEED: Final = 20_240_229

WEIGHTS: Final = "model/weights.bin"
IMAGES_DIRECTORY: Final = "data/images"


class Version(NamedTuple):
    """One tagged version.

    Attributes:
        tag: its Git tag.
        images: file name -> MD5.
        size: bytes of all tracked data.
    """

    tag: str
    images: Mapping[str, str]
    size: int


class DemoRepository:
    """Builds the repository below a directory; `build` does it all."""

    def __init__(
        self, base: Path, held: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        """`held` surrounds each child process (`vfs_cli.interruption`)."""
        self._held = held
        self.root = base / "repository"
        self.remote = base / "remote"
        self._random = random.Random(_SEED)

    def build(self, progress: Callable[[int], None]) -> tuple[Version, Version]:
        """Write both versions.

        Args:
            progress: is told how many bytes were written since the last call.
        """
        self.root.mkdir(parents=True)
        self._git("init", "--quiet", "--initial-branch=main", ".")
        weights = self._store(self._weights(), progress)
        first = {f"{number:04d}.jpg": self._image() for number in range(IMAGES)}
        one = self._version("v1", first, weights, progress)
        second = dict(first)
        for number in range(0, CHANGED * 10, 10):
            second[f"{number:04d}.jpg"] = self._image()
        for number in range(1, REMOVED * 50, 50):
            del second[f"{number:04d}.jpg"]
        for number in range(IMAGES, IMAGES + ADDED):
            second[f"{number:04d}.jpg"] = self._image()
        two = self._version("v2", second, weights, progress)
        return one, two

    def object(self, md5: str) -> Path:
        """Where the remote keeps an object."""
        return self.remote / object_path(Digest(Algorithm.MD5, bytes.fromhex(md5)))

    def _version(
        self, tag: str, images: Mapping[str, bytes], weights: str, progress: Callable[[int], None]
    ) -> Version:
        digests = {name: self._store([data], progress) for name, data in images.items()}
        listing = dump_listing(
            (name.encode(), Digest(Algorithm.MD5, bytes.fromhex(md5)))
            for name, md5 in sorted(digests.items())
        )
        directory = hashlib.md5(listing, usedforsecurity=False).digest()
        self._write(
            self.remote / object_path(Digest(Algorithm.MD5, directory), is_tree=True), listing
        )
        size = sum(map(len, images.values()))
        pointers = {
            f"{IMAGES_DIRECTORY}.dvc": _pointer(
                "images", f"{directory.hex()}.dir", size, len(images)
            ),
            f"{WEIGHTS}.dvc": _pointer("weights.bin", weights, WEIGHTS_SIZE, None),
            ".dvc/config": "[core]\n    remote = shared\n['remote \"shared\"']\n    url = ../../remote\n",
            ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
            "README.txt": f"A dataset in version {tag}.\n",
        }
        for path, text in pointers.items():
            self._write(self.root / path, text.encode())
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", f"dataset {tag}")
        self._git("tag", tag)
        return Version(tag, digests, size + WEIGHTS_SIZE)

    def _image(self) -> bytes:
        return self._random.randbytes(self._random.randrange(8 << 10, 64 << 10))

    def _weights(self) -> Iterator[bytes]:
        piece = bytearray(self._random.randbytes(_PIECE))
        for number in range(WEIGHTS_SIZE // _PIECE):
            piece[:8] = number.to_bytes(8, "little")
            yield bytes(piece)

    def _store(self, pieces: Iterator[bytes] | list[bytes], progress: Callable[[int], None]) -> str:
        self.remote.mkdir(exist_ok=True)
        temporary = self.remote / "incoming"
        digest = hashlib.md5(usedforsecurity=False)
        with temporary.open("wb") as file:
            for piece in pieces:
                digest.update(piece)
                file.write(piece)
                progress(len(piece))
        target = self.object(digest.hexdigest())
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(temporary, target)
        return digest.hexdigest()

    def _write(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def _git(self, *arguments: str) -> None:
        identity = {
            f"GIT_{role}_{part}": value
            for role in ("AUTHOR", "COMMITTER")
            for part, value in (("NAME", "vfs demo"), ("EMAIL", "demo@example.org"))
        }
        # Upkeep would outlive a git that is killed, and write where the demo has cleaned up.
        settings = ("commit.gpgsign=false", "core.autocrlf=false", "maintenance.auto=false")
        options = [word for setting in settings for word in ("-c", setting)]
        with self._held():
            subprocess.run(
                ["git", *options, *arguments],
                cwd=self.root,
                env={**git_environment(), **identity},
                stdin=subprocess.DEVNULL,
                check=True,
            )


def _pointer(name: str, md5: str, size: int, count: int | None) -> str:
    nfiles = "" if count is None else f"  nfiles: {count}\n"
    return f"outs:\n- md5: {md5}\n  size: {size}\n{nfiles}  hash: md5\n  path: {name}\n"
