"""`vfs demo` shows what it promises and leaves nothing behind, however it ends."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vfs.testing.mounts import MountFactory, daemons, is_mounted, vfs, wait_until
from vfs.testing.sandbox import Sandbox
from vfs.testing.variants import soak

pytestmark = [pytest.mark.fuse, pytest.mark.slow]


@pytest.fixture
def temporary(sandbox: Sandbox, mounts: MountFactory) -> Path:
    """The directory in which the demonstration makes its own; `mounts` checks the logs."""
    path = sandbox.root / "tmp"
    path.mkdir()
    sandbox.environ["TMPDIR"] = str(path)
    return path


def mounted_below(directory: Path) -> list[Path]:
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        points = [Path(line.split()[4]) for line in table]
    return [point for point in points if directory in point.parents]


def test_shows_and_cleans_up(sandbox: Sandbox, temporary: Path) -> None:
    done = vfs(sandbox, "demo")
    said = done.stdout.decode()
    assert "switch to v2" in said
    assert "306 files" in said
    assert "311 files" in said
    assert "was fetched" in said
    assert os.listdir(temporary) == []
    assert mounted_below(temporary) == []
    assert daemons(sandbox) == []


def test_as_json(sandbox: Sandbox, temporary: Path) -> None:
    steps = [json.loads(line) for line in vfs(sandbox, "demo", "--json").stdout.splitlines()]
    assert {step["type"] for step in steps[:-1]} == {"step"}
    assert steps[-1]["type"] == "demo"
    assert steps[-1]["fetched"] == sum(step["fetched"] for step in steps[:-1]) > 0
    assert os.listdir(temporary) == []


def test_ends_as_the_command_that_failed(
    sandbox: Sandbox, mounts: MountFactory, temporary: Path
) -> None:
    mounts.allow("only sections and plain values are expected")
    config = Path(sandbox.environ["XDG_CONFIG_HOME"]) / "vfs" / "config.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text("a: [1]\n")
    done = vfs(sandbox, "demo", "--json", check=False)
    assert done.returncode == 8
    assert json.loads(done.stderr)["code"] == "bad-config"
    assert os.listdir(temporary) == []


@pytest.mark.parametrize("number", [signal.SIGINT, soak(signal.SIGTERM)])
@pytest.mark.parametrize("moment", ["while it builds", "while it is mounted"])
def test_cleans_up_when_interrupted(
    sandbox: Sandbox, temporary: Path, number: signal.Signals, moment: str
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "vfs_cli", "demo"],
        env=sandbox.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    with process:
        if moment == "while it builds":
            wait_until(lambda: list(temporary.glob("*/repository")), "the repository")
        else:
            wait_until(lambda: mounted_below(temporary), "the mount")
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert b"Traceback" not in output
    assert os.listdir(temporary) == []
    assert mounted_below(temporary) == []
    wait_until(lambda: daemons(sandbox) == [], "the daemon to end")


def test_waits_for_a_git_that_goes_on_after_an_interruption(
    sandbox: Sandbox, temporary: Path
) -> None:
    """As on a busy machine: it is just starting when the interruption comes, and writes after that."""
    slow = sandbox.root / "slow"
    slow.mkdir()
    script = 'kill -INT $PPID; (sleep 0.7; mkdir -p "$PWD/late") & wait'
    (slow / "git").write_text(f"#!/bin/sh\n{script}\n")
    (slow / "git").chmod(0o755)
    sandbox.environ["PATH"] = f"{slow}:{sandbox.environ['PATH']}"
    done = vfs(sandbox, "demo", check=False)
    assert done.returncode != 0
    assert b"Traceback" not in done.stderr
    assert os.listdir(temporary) == []


def test_keep(sandbox: Sandbox, temporary: Path) -> None:
    vfs(sandbox, "demo", "--keep")
    (base,) = temporary.iterdir()
    assert is_mounted(base / "mnt")
    assert (base / "mnt" / "README.txt").read_text() == "A dataset in version v2.\n"
    vfs(sandbox, "umount", base / "mnt")
