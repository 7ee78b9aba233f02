"""Whatever of a run in a private view is killed, at a random moment: records and cache are right, and after the next command nothing is left."""

import contextlib
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import yaml

from tests.pipeline.conftest import VFS, Work, without_data
from vfs.testing.clones import check_store, objects
from vfs.testing.mounts import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.fuse]
KILLS = int(os.environ.get("VFS_TEST_KILLS", 100 if os.environ.get("VFS_TEST_SOAK") else 4))
KINDS = ("vfs", "daemon", "program", "command")
STAGES = 3


@pytest.fixture
def clone(work: Work) -> Work:
    """A clone without data, whose stages read it."""
    return without_data(
        work,
        "".join(
            f"  s{n}:\n    cmd:\n    - mkdir -p d{n} && cat data/x {'a' if not n else f'o{n - 1}'} > d{n}/x\n"
            f"    - echo {n} > junk; sleep 0.1; cat d{n}/x > o{n}\n"
            f"    deps: [data/x, {'a' if not n else f'o{n - 1}'}]\n    outs: [o{n}, d{n}]\n"
            for n in range(STAGES)
        ),
    )


def victims(run: "subprocess.Popen[bytes]") -> dict[str, psutil.Process]:
    """The processes of a run, by what they are."""
    found = {}
    with contextlib.suppress(psutil.NoSuchProcess):
        vfs = found["vfs"] = psutil.Process(run.pid)
        for one in vfs.children(recursive=True):
            line = " ".join(one.cmdline())
            kind = "daemon" if "vfs.daemon" in line else "program" if "vfs.sandbox" in line else "command"  # fmt: skip
            if line:  # else it has ended
                found[kind] = one
    return found


def kill_one(clone: Work, kind: str, moment: float) -> None:
    """Run the pipeline and kill a process of a kind, once it is there and a moment (in seconds) has passed; again if the run ended before."""
    while True:
        process = subprocess.Popen(
            [VFS, "repro", "--no-run-cache"], cwd=clone.root, env=clone.sandbox.environ,
            start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        try:
            while process.poll() is None:
                with contextlib.suppress(KeyError, psutil.NoSuchProcess):
                    victims(process)[kind].kill()
                    return
        finally:
            process.wait()
        moment /= 2
        clone.write("a", f"{clone.read('a')}again\n")


def processes(work: Work) -> list[int]:
    """Those that live in the sandbox."""
    mark = f"XDG_RUNTIME_DIR={work.sandbox.environ['XDG_RUNTIME_DIR']}".encode()
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if mark in Path("/proc", name, "environ").read_bytes().split(b"\0"):
                found.append(int(name))
    return found


def mounted(work: Work) -> set[str]:
    """Mounts in any namespace."""
    found: set[str] = set()
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            lines = Path("/proc", name, "mountinfo").read_text("latin-1").splitlines()
            found.update(line for line in lines if str(work.sandbox.root) in line)
    return found


def recorded_is_there(work: Work) -> None:
    check_store(work.root / ".dvc" / "cache", lazy=True)
    lock = work.root / "dvc.lock"
    names = {name for name, _ in objects(work.root / ".dvc" / "cache")}
    for stage in yaml.safe_load(lock.read_text())["stages"].values() if lock.exists() else ():
        for out in stage["outs"]:
            assert out["md5"] in names


def test_killed_and_given_again(clone: Work) -> None:
    began = time.monotonic()
    clone.vfs("repro")
    whole = time.monotonic() - began
    chance = random.Random(11)
    for round_ in range(KILLS):
        clone.write("a", f"round {round_}\n")
        kill_one(clone, KINDS[round_ % len(KINDS)], chance.uniform(0.1, 0.6) * whole)
        recorded_is_there(clone)
        clone.vfs("repro")
        recorded_is_there(clone)
        assert clone.read(f"o{STAGES - 1}") == "data\n" * STAGES + clone.read("a")
        wait_until(lambda: not processes(clone), "the end of all processes")
        wait_until(lambda: not mounted(clone), "the end of all mounts")
        assert list((clone.sandbox.root / "run").glob("vfs-run-*")) == []
        assert list((clone.root / ".dvc/tmp").glob("vfs-run-*/running")) == []


def test_what_a_command_wrote_stays_if_its_view_was_killed(clone: Work) -> None:
    """As the kernel does it that lacks memory: nobody knows how far the command came."""
    clone.pipeline(
        f"  one: {{cmd: 'echo hours > b; touch {clone.signs}/begun; sleep 30', deps: [a], outs: [b]}}\n"
    )
    process = clone.start("repro", "one")
    wait_until((clone.signs / "begun").exists, "the command")
    (program,) = (p for p in psutil.Process(process.pid).children() if "vfs.sandbox" in " ".join(p.cmdline()))  # fmt: skip
    program.kill()
    said = process.communicate()[0].decode()
    assert process.returncode == 1, said
    (scratch,) = (clone.root / ".dvc/tmp").glob("vfs-run-one-*")
    assert f"what stage 'one' wrote is kept in .dvc/tmp/{scratch.name}\n" in said
    assert (scratch / "upper/b").read_text() == "hours\n"
    assert sorted(path.name for path in scratch.iterdir()) == ["upper"]


def test_what_was_read_of_a_daemon_that_was_killed_is_not_recorded(clone: Work) -> None:
    """The command does not mind, and ends well."""
    clone.pipeline(
        f"  one: {{cmd: 'touch {clone.signs}/begun; while [ ! -e {clone.signs}/go ]; do sleep 0.01; done;"
        " cat data/* > b 2> /dev/null || true', deps: [data], outs: [b]}\n"
    )
    process = clone.start("repro", "one")
    wait_until((clone.signs / "begun").exists, "the command")
    victims(process)["daemon"].send_signal(signal.SIGKILL)
    (clone.signs / "go").touch()
    said = process.communicate()[0].decode()
    assert process.returncode == 23, said
    assert "nothing was recorded" in said
    assert "is kept in .dvc/tmp/vfs-run-one" in said
    assert not (clone.root / "dvc.lock").exists()
