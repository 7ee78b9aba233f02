"""`vfs gc` is killed at random points: nothing that is needed is lost, no listing lacks a file, a re-run completes.

Of a cache, and of a remote in DVC's layout at once and in two runs; a packed one is in `test_packed_gc.py`. `make soak` kills each a hundred times, as it does `add`
(`tests/tracking/test_kill.py`), `push`, `fetch` and `checkout` (`test_sharing.py`, `test_packed_sharing.py`).
"""

import json
import os
import random
import shutil
from functools import partial
from pathlib import Path

import pytest

from vfs.testing.clones import Clone, check_store, handmade_clone, objects
from vfs.testing.handmade import HandmadeRepository, md5
from vfs.testing.variants import all_but

pytestmark = pytest.mark.slow

SOAK = bool(os.environ.get("VFS_TEST_SOAK"))
KILLS = 100 if SOAK else 4
ROUNDS = 100 if SOAK else 2  # of five commands each
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
@pytest.mark.parametrize("seed", all_but((2,), range(KILLS)))
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


RUN = ("gc", "--workspace", "-r", "store", "--older-than", "1ms")


def test_both_runs_are_killed(made: HandmadeRepository) -> None:
    """The one that condemns, or that sweeps, and then a colleague pushes a version that goes: it is whole until two more runs."""
    ann = handmade_clone(made, "ann", cached=True)
    bob = handmade_clone(made, "bob", cached=False)
    store, begin = made.remote, made.remote.with_name("begin")
    shutil.copytree(store, begin)
    first = {md5(data) for data in (OLD[0] | COMMON).values()}
    condemned, swept = store / "vfs-condemned", 0
    for seed in range(ROUNDS):
        shutil.rmtree(store)
        shutil.copytree(begin, store)
        if seed % 2:
            bob.vfs(*RUN)
        else:
            bob.killed(lambda: any(condemned.glob("[0-9]*-*")), *RUN)
        most = random.Random(seed).randrange(LEFT, WHOLE)
        bob.killed(partial(has_at_most, store, most), *RUN)
        swept += LEFT < check_store(store) < WHOLE
        needed(bob, store)
        ann.vfs("push", "--rev", "v0")
        assert first <= dict(objects(store)).keys()
        bob.vfs(*RUN)
        assert first <= dict(objects(store)).keys()
        bob.vfs(*RUN)
        assert check_store(store) == LEFT
        needed(bob, store)
    assert swept or not SOAK


def has_at_most(store: Path, most: int) -> bool:
    return count(store) <= most


def count(store: Path) -> int:
    return sum(1 for _ in objects(store))
