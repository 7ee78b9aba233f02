"""Two who share a remote in DVC's layout, of whom one collects what the other needs."""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from vfs.testing.clones import Clone, handmade_clone, objects
from vfs.testing.handmade import HandmadeRepository

NOW = ("--workspace", "-r", "store", "--older-than", "1ms")
OLD = {f"f{number}": b"old %d" % number for number in range(4)}
NEW = {f"f{number}": b"new %d" % number for number in range(4)}


class Team:
    """Ann has `v1` in her cache, Bob knows only what `v2` needs and collects; both versions are on the remote."""

    def __init__(self, made: HandmadeRepository) -> None:
        made.commit(directories={"data": OLD}, tag="v1")
        made.sandbox.git(made.root, "reset", "-q", "--hard")
        self.v1 = {name for name, _ in objects(made.remote)}
        made.commit(directories={"data": NEW}, tag="v2")
        made.sandbox.git(made.root, "reset", "-q", "--hard")
        self.remote = made.remote
        self.ann, self.bob = (handmade_clone(made, name, cached=False) for name in ("ann", "bob"))
        shutil.copytree(made.remote, self.ann.cache, copy_function=shutil.copy)
        self.ann.git("checkout", "-q", "v1")

    def gc(self, *more: str) -> dict[str, int]:
        """Bob collects; what he is told."""
        said = self.bob.vfs("gc", "--json", *NOW, *more)
        return dict(json.loads(said.splitlines()[-1]))

    def there(self) -> set[str]:
        """What lies on the remote."""
        return {name for name, _ in objects(self.remote)}

    def condemning(self) -> list[Path]:
        """What names condemned objects."""
        return list((self.remote / "vfs-condemned").glob("*-*"))

    def between(
        self, who: Clone, moment: str, first: Sequence[str | Path], other: Clone, *then: str
    ) -> str:
        """What a vfs command of somebody says, in the middle of which, when a method of `PlainRemote` has looked, a command of somebody else is run first."""
        code = _BETWEEN.format(
            moment=moment, first=[*map(str, first)], root=str(other.root), then=["vfs", *then]
        )
        done = who.sandbox.run([sys.executable, "-c", code], cwd=who.root)
        return done.stdout.decode()


_BETWEEN = """
import runpy, subprocess, sys
from vfs.sharing.plain import PlainRemote
look = PlainRemote.{moment}
first = {first!r}
def late(*arguments):
    found = list(look(*arguments))
    if found and first:
        subprocess.run(first, cwd={root!r}, check=True, stdout=subprocess.DEVNULL)
        first.clear()
    return iter(found)
PlainRemote.{moment} = late
sys.argv = {then!r}
runpy.run_module("vfs_cli", run_name="__main__")
"""
