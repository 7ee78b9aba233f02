"""`vfs repro` is killed at random moments: the lock names only what ended well and is in the cache, and the same command then completes."""

import os
import random
import signal
import subprocess
import time

import pytest
import yaml

from tests.pipeline.conftest import VFS, Work
from vfs.testing.clones import check_store, objects

pytestmark = pytest.mark.slow
KILLS = 100 if os.environ.get("VFS_TEST_SOAK") else 15
STAGES = 6


def pipeline(work: Work) -> None:
    """A chain: each adds its number to what the one before made, in a file and in a directory."""
    work.pipeline(
        "".join(
            f"  s{n}:\n    cmd:\n    - mkdir -p d{n} && cat {'a' if not n else f'o{n - 1}'} > d{n}/x\n"
            f"    - (cat d{n}/x; echo {n}) > o{n}\n"
            f"    deps: [{'a' if not n else f'o{n - 1}'}]\n    outs: [o{n}, d{n}]\n"
            for n in range(STAGES)
        )
    )


def recorded_is_there(work: Work) -> None:
    lock = work.root / "dvc.lock"
    check_store(work.root / ".dvc" / "cache")
    if not lock.exists():
        return
    names = {name for name, _ in objects(work.root / ".dvc" / "cache")}
    for stage in yaml.safe_load(lock.read_text())["stages"].values():
        for out in stage["outs"]:
            assert out["md5"] in names


def test_killed_and_given_again(work: Work) -> None:
    pipeline(work)
    began = time.monotonic()
    work.vfs("repro")
    whole = time.monotonic() - began
    chance = random.Random(7)
    finished = 0
    for round_ in range(KILLS):
        text = f"round {round_ // 2}\n"
        work.write("a", text)
        process = subprocess.Popen(
            [VFS, "repro"], cwd=work.root, env=work.sandbox.environ, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            process.wait(chance.uniform(0.2 * whole, 1.2 * whole))
            finished += 1
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        recorded_is_there(work)
        assert work.git("status", "--porcelain", "--untracked-files=all").count(".tmp") == 0
    assert finished < KILLS
    work.vfs("repro")
    expected = text + "".join(f"{n}\n" for n in range(STAGES))
    assert work.read(f"o{STAGES - 1}") == expected
    assert f"{STAGES} stages: nothing to run" in work.vfs("status")
    recorded_is_there(work)
