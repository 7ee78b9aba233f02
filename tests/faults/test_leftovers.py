"""A push to a directory is killed: what it left half-written is named by `fsck`, and removed by the next push or `gc`, when it is old."""

import json
import os
import random
from pathlib import Path

import pytest

from vfs.testing.clones import Clone, check_store, handmade_clone
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.variants import soak

BIG = random.Random(1).randbytes(48 << 20)
DAYS = 3 * 86400


def left(remote: Path) -> list[Path]:
    return [path for path in remote.rglob(".vfs-*") if path.is_file()]


def interrupt(one: Clone, remote: Path, *arguments: str) -> None:
    """Kill a push while a file is half-written."""
    one.killed(lambda: bool(left(remote)), "push", *arguments)
    assert left(remote)


def age(paths: list[Path]) -> None:
    for path in paths:
        found = path.stat()
        os.utime(path, (found.st_atime - DAYS, found.st_mtime - DAYS))


def named(one: Clone, *arguments: str) -> list[str]:
    lines = one.vfs("fsck", "--json", "-r", *arguments).splitlines()
    found = [json.loads(line) for line in lines]
    return [line["object"] for line in found if line.get("what") == "leftover"]


@pytest.mark.parametrize("layout", [soak("plain"), "packed"])
def test_gc_removes_it(handmade: HandmadeRepository, layout: str) -> None:
    handmade.commit(files={"big": BIG})
    one = handmade_clone(handmade, "one", cached=True)
    remote, name = handmade.remote, "store"
    handmade.lose_remote()
    if layout == "packed":
        remote, name = one.root.parent / "packed", "packed"
        one.vfs("remote", "add", "--packed", name, str(remote))
    interrupt(one, remote, "-r", name)
    one.vfs("push", "-r", name)
    collect = ["gc", "--remote", name, "--workspace", "--older-than", "0"]
    assert named(one, name) == []
    one.vfs(*collect)
    folder = remote / ("vfs-condemned" if layout == "plain" else "packed-1/condemned")
    (folder / ".vfs-put-0123456789abcdef").write_bytes(b"of a killed collection")
    assert left(remote)  # its writer may live on another machine
    age(left(remote))
    assert named(one, name) == sorted(map(str, left(remote)))
    assert "temporary file" in one.vfs(*collect, "--dry-run")
    assert left(remote)
    assert "temporary file" in one.vfs(*collect)
    assert not left(remote)
    assert one.vfs("fsck", "-r", name, "--content").startswith("0 objects wrong")


def test_push_removes_it(handmade: HandmadeRepository) -> None:
    handmade.commit(files={"big": BIG})
    one = handmade_clone(handmade, "one", cached=True)
    handmade.lose_remote()
    interrupt(one, handmade.remote)
    age(left(handmade.remote))
    one.vfs("push")
    assert not left(handmade.remote)
    assert check_store(handmade.remote) == 1
