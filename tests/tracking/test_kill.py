"""`vfs add` is killed at random moments: nothing is lost or half written, and the same command then completes.

`make soak` kills a hundred times.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import time

import pytest

from tests.tracking.conftest import VFS, Clone
from tests.tracking.test_add import check_objects
from vfs.formats.layout import object_path
from vfs.formats.pointer import parse_pointer
from vfs.testing.trees import capture

pytestmark = [pytest.mark.dvc, pytest.mark.slow]

KILLS = 100 if os.environ.get("VFS_TEST_SOAK") else 5


def fill(clone: Clone) -> None:
    chance = random.Random(5)
    for number in range(800):
        clone.write(f"data/{number % 7}/{number}", chance.randbytes(3000))
    for number in range(4):
        clone.write(f"data/large{number}", chance.randbytes(6 << 20))
    clone.settle()


def named_objects_are_there(clone: Clone) -> None:
    """What a pointer names is there, and what its listing names."""
    pointer = clone.root / "data.dvc"
    if not pointer.exists():
        return
    (out,) = parse_pointer(pointer.read_bytes(), b"data.dvc").outs
    assert out.digest is not None
    objects = clone.objects()
    listing = json.loads(objects[object_path(out.digest, is_tree=True)][1])
    for entry in listing:
        md5 = entry["md5"]
        assert f"files/md5/{md5[:2]}/{md5[2:]}" in objects


def begin_anew(clone: Clone) -> None:
    """As if nothing had been added yet."""
    shutil.rmtree(clone.root / ".dvc/cache", ignore_errors=True)
    shutil.rmtree(clone.root / ".git/vfs", ignore_errors=True)
    for name in ("data.dvc", ".gitignore"):
        (clone.root / name).unlink(missing_ok=True)


def adding(clone: Clone) -> "subprocess.Popen[bytes]":
    """`vfs add` as a process of its own, which can be killed."""
    return subprocess.Popen(
        [VFS, "add", "data"],
        cwd=clone.root,
        env=clone.sandbox.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def seconds_to_add(clone: Clone) -> float:
    """How long such a process takes if nothing had been added yet."""
    begin_anew(clone)
    began = time.monotonic()
    assert adding(clone).wait(60) == 0
    return time.monotonic() - began


def test_killed_and_given_again(clone: Clone) -> None:
    fill(clone)
    before = capture(clone.path("data"))
    whole = min(seconds_to_add(clone) for _ in range(2))  # the first fills caches
    chance = random.Random(6)
    finished = 0
    for round_ in range(KILLS):
        if round_ % 4 == 0:
            begin_anew(clone)
        elif round_ % 4 == 2:
            clone.write("data/3/3", chance.randbytes(3000))
            before = capture(clone.path("data"))
        process = adding(clone)
        try:
            process.wait(chance.uniform(0.2 * whole, whole))
            finished += 1
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        check_objects(clone)
        assert clone.git("status", "--porcelain", "--untracked-files=all").count(b".tmp") == 0
        named_objects_are_there(clone)
        assert capture(clone.path("data")) == before
    assert finished < KILLS
    clone.vfs("add", "data")
    named_objects_are_there(clone)
    assert "up to date" in clone.dvc("status")
    assert b"/data\n" in clone.read(".gitignore")
