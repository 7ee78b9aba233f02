"""`vfs repro` is killed at random moments (`make soak`: a hundred times): the lock names only what ended well and is in the cache, and the same command then completes."""

import os
import random
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from tests.pipeline.conftest import Work
from vfs.testing.clones import check_store, objects

pytestmark = pytest.mark.slow
KILLS = 100 if os.environ.get("VFS_TEST_SOAK") else 4
STAGES = 6


@pytest.fixture
def in_place() -> bool:
    """Of private views `test_private_kill.py` is about."""
    return True


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


def moments(work: Work, text: str, chance: random.Random) -> Callable[[], bool]:
    """Something that becomes true in the midst of a run whose source has a new text."""
    root, number = work.root, chance.randrange(STAGES)
    lock = (root / "dvc.lock").read_bytes()
    runs = root / ".dvc" / "cache" / "runs"
    before = len(list(runs.glob("*/*/*")))

    def has(path: Path) -> bool:
        with suppress(OSError):
            return text in path.read_text()
        return False

    return chance.choice(
        [
            lambda: not (root / f"o{number}").exists(),
            lambda: has(root / f"d{number}" / "x"),
            lambda: has(root / f"o{number}"),
            lambda: (root / "dvc.lock").read_bytes() != lock,
            lambda: len(list(runs.glob("*/*/*"))) > before + number // 2,
        ]
    )


def test_killed_and_given_again(work: Work) -> None:
    pipeline(work)
    work.vfs("repro")
    chance = random.Random(7)
    killed = 0
    for round_ in range(KILLS):
        text = f"round {round_ % 10}\n"  # later ones come from the run cache
        work.write("a", text)
        when = moments(work, text, chance)
        process = subprocess.Popen(
            work.words("repro"), cwd=work.root, env=work.sandbox.environ, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while process.poll() is None and not when():
            pass
        killed += process.poll() is None
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        recorded_is_there(work)
        assert work.git("status", "--porcelain", "--untracked-files=all").count(".tmp") == 0
    assert killed
    work.vfs("repro")
    expected = text + "".join(f"{n}\n" for n in range(STAGES))
    assert work.read(f"o{STAGES - 1}") == expected
    assert f"{STAGES} stages: nothing to run" in work.vfs("status")
    recorded_is_there(work)
