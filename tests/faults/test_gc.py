"""`vfs gc` is killed at random points: nothing that is needed is lost, no listing lacks a file, a re-run completes."""

import json
import os
import random
from pathlib import Path

import pytest

from vfs.testing.clones import Clone, check_store, handmade_clone, objects
from vfs.testing.handmade import HandmadeRepository

pytestmark = pytest.mark.slow

KILLS = 100 if os.environ.get("VFS_TEST_SOAK") else 10
CHOOSER = random.Random(11)
COMMON = {f"common/{n}": CHOOSER.randbytes(100) for n in range(50)}
OLD = [{f"{n}": CHOOSER.randbytes(500) for n in range(300)} for _ in range(3)]


@pytest.fixture
def made(handmade: HandmadeRepository) -> HandmadeRepository:
    """Four versions; the last one shares some files with the others."""
    for number, files in enumerate(OLD):
        handmade.commit(directories={"data": files | COMMON}, tag=f"v{number}")
    handmade.commit(directories={"data": COMMON | {"own": b"own"}}, tag="last")
    handmade.sandbox.git(handmade.root, "reset", "-q", "--hard")
    return handmade


WHOLE = 3 * 301 + 52
LEFT = 52


def needed(clone: Clone, store: Path) -> None:
    """The last version is whole."""
    found = dict(objects(store))
    pointer = (clone.root / "data.dvc").read_text()
    name = pointer.split("md5: ")[1].split()[0]
    assert all(entry["md5"] in found for entry in json.loads(found[name].read_bytes()))


@pytest.mark.parametrize("remote", [False, True])
@pytest.mark.parametrize("seed", range(KILLS))
def test_gc_is_killed(made: HandmadeRepository, seed: int, remote: bool) -> None:
    one = handmade_clone(made, "one", cached=not remote)
    store = made.remote if remote else one.cache
    if not remote:  # what the remote has may go
        assert count(store) == WHOLE
    arguments = ["gc", "--workspace", "--older-than", "0", *(["-r", "store"] if remote else [])]
    enough = random.Random(seed).randrange(LEFT, WHOLE)
    one.killed(lambda: count(store) <= enough, *arguments)
    check_store(store)
    needed(one, store)
    one.vfs(*arguments)
    assert check_store(store) == LEFT
    needed(one, store)


def count(store: Path) -> int:
    return sum(1 for _ in objects(store))
