"""Pairs of repositories: in one dvc imports, in the other vfs."""

import shutil
from pathlib import Path

from vfs.testing.clones import Clone, check_store
from vfs.testing.sandbox import Sandbox


def begin(sandbox: Sandbox, dvc: Path, name: str) -> Clone:
    root = sandbox.root / name
    root.mkdir()
    made = Clone(sandbox, root, dvc)
    made.git("init", "-q", "-b", "main")
    made.dvc("init", "-q")
    made.git("add", "--all")
    made.git("commit", "-q", "-m", "init")
    return made


def change(source: Clone) -> None:
    """The next version of the source."""
    source.dvc("pull", "-q")
    source.write("data/a/1", b"another")
    source.write("data/a/3", b"three")
    source.write("code/more", b"more")
    source.dvc("add", "-q", "data/a")
    source.git("add", "--all")
    source.git("commit", "-q", "-m", "s2")
    source.dvc("push", "-q")
    shutil.rmtree(source.cache)


Pair = tuple[Clone, Clone]


def texts(clone: Clone) -> dict[str, str]:
    """Pointers and `.gitignore` files."""
    found = [*clone.root.rglob("*.dvc"), *clone.root.rglob(".gitignore")]
    return {
        str(path.relative_to(clone.root)): path.read_text()
        for path in found
        if path.is_file() and ".dvc/" not in str(path.relative_to(clone.root))
    }


def files(clone: Clone) -> dict[str, bytes]:
    return {
        name: path.read_bytes()
        for path in clone.root.rglob("*")
        if path.is_file() and not (name := str(path.relative_to(clone.root))).startswith(".")
    }


def both(pair: Pair, *arguments: str) -> None:
    theirs, ours = pair
    theirs.dvc(arguments[0], "-q", *arguments[1:])
    ours.vfs(*arguments)


def same(pair: Pair) -> None:
    theirs, ours = pair
    assert texts(ours) == texts(theirs)
    assert files(ours) == files(theirs)
    assert check_store(ours.cache) > 0
