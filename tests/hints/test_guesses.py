"""Orders that nobody told: by the trace of a program's last run, and along a directory."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hints.conftest import FILES, NAMES, fetched, repeated, status
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.latency import LateServer
from vfs.testing.mounts import Mount, wait_until

pytestmark = pytest.mark.fuse

READ = """
import os, sys
for name in sys.stdin.read().split():
    with open(os.path.join(sys.argv[1], "data", name), "rb") as file:
        file.read()
"""


def run(mount: Mount, script: Path, order: list[str], *options: str) -> None:
    argv: list[str | Path] = [sys.executable, script, mount.path, *options]
    mount.sandbox.run(argv, stdin="\n".join(order).encode())


def traces(mount: Mount) -> list[Path]:
    return list((Path(mount.sandbox.environ["XDG_STATE_HOME"]) / "vfs" / "reads").glob("[!.]*"))


def forget(mount: Mount, late: LateServer) -> None:
    """Mount anew, with an empty cache."""
    mount.umount()
    shutil.rmtree(Path(mount.sandbox.environ["XDG_CACHE_HOME"]) / "vfs")
    mount.start()
    late.log.write_text("")


def shares(mount: Mount) -> tuple[int, int]:
    found = status(mount)["transfer"]
    return found["bytes_read_ahead"], found["bytes_demand"]


def test_the_second_run_of_a_script_is_foretold_by_the_first(
    mount: Mount, late: LateServer
) -> None:
    order = list(NAMES)
    random.Random(5).shuffle(order)
    script = mount.sandbox.root / "train.py"
    script.write_text(READ)
    run(mount, script, order)
    assert shares(mount)[0] == 0
    wait_until(lambda: len(traces(mount)) == 1, "its trace")
    forget(mount, late)
    run(mount, script, order, "--other-arguments")
    ahead, demanded = shares(mount)
    assert ahead > 2 * demanded, str(status(mount))
    assert fetched(late) == len(FILES), repeated(late)
    wait_until(lambda: not status(mount)["orders"], "the end of the guess")


def test_what_was_read_right_before_an_unmount_is_kept(mount: Mount) -> None:
    script = mount.sandbox.root / "train.py"
    script.write_text(READ)
    run(mount, script, NAMES[::-1])
    mount.umount()
    assert len(traces(mount)) == 1


def test_a_run_that_goes_another_way_is_not_followed(mount: Mount, late: LateServer) -> None:
    order = list(NAMES)
    random.Random(5).shuffle(order)
    script = mount.sandbox.root / "train.py"
    script.write_text(READ)
    run(mount, script, order)
    wait_until(lambda: len(traces(mount)) == 1, "its trace")
    forget(mount, late)
    run(mount, script, list(reversed(order))[:60])
    assert fetched(late) == 60
    assert not status(mount)["orders"]


def test_who_reads_along_a_directory_finds_what_follows(mount: Mount, late: LateServer) -> None:
    os.listdir(mount.path / "data")
    script = mount.sandbox.root / "walk.py"
    script.write_text(READ)
    run(mount, script, NAMES)
    ahead, demanded = shares(mount)
    assert ahead > 2 * demanded, str(status(mount))
    assert fetched(late) == len(FILES)


def test_a_walk_that_breaks_off_is_given_up(mount: Mount, late: LateServer) -> None:
    """It begins in order, and then leaps about below what it might have come to."""
    names = [f"s{n:04}" for n in range(3000)]
    mount.umount()
    repository = HandmadeRepository(mount.sandbox, mount.sandbox.root / "long", remote_url=late.url)
    repository.commit(directories={"data": {name: name.encode() for name in names}})
    root = late.log.parent / "root"
    shutil.rmtree(root)
    shutil.copytree(repository.remote, root)
    late.log.write_text("")
    mount.repository = repository.root
    mount.start()
    script = mount.sandbox.root / "walk.py"
    script.write_text(READ + "sys.stdout.flush(); sys.stdin = open(sys.argv[2]); sys.stdin.read()")
    gate = mount.sandbox.root / "gate"
    os.mkfifo(gate)
    child = subprocess.Popen(
        [sys.executable, script, mount.path, gate], env=mount.sandbox.environ, stdin=subprocess.PIPE
    )
    try:
        assert child.stdin is not None
        child.stdin.write("\n".join([*names[:40], *names[2999:2900:-3]]).encode())
        child.stdin.close()
        with open(gate, "wb"):  # it has read all, and lives
            wait_until(lambda: not status(mount)["orders"], "the end of the guess", timeout=60)
            assert child.poll() is None
        assert fetched(late) < 1000
    finally:
        child.kill()
        child.wait()


def test_what_is_here_is_not_guessed_at(mount: Mount, late: LateServer) -> None:
    for name in NAMES:
        (mount.path / "data" / name).read_bytes()
    wait_until(lambda: fetched(late) == len(NAMES), "the server to write down the last one")
    before = fetched(late)
    script = mount.sandbox.root / "again.py"
    script.write_text(READ)
    run(mount, script, NAMES)
    assert fetched(late) == before
    assert not status(mount)["orders"]
