"""Which transport serves where nobody chooses: the fastest that works; and whoever chooses gets that one or an error."""

import json
from typing import Any

import pytest

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory, is_mounted

pytestmark = pytest.mark.fuse


def status(mount: Mount) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(mount.cli("status", "--json", mount.path).stdout)
    return told


def test_the_direct_one_serves(mount: Mount) -> None:
    assert status(mount)["transport"] == "direct"


def test_what_it_cannot_do_the_other_one_does_and_that_is_told(
    repository: HandmadeRepository, mounts: MountFactory
) -> None:
    mount = mounts(repository.root, None, "-o", "allow_root")
    assert (mount.path / "git.txt").read_bytes() == b"git"
    told = status(mount)
    assert told["transport"] == "pyfuse3"
    assert "served through pyfuse3, which is slower: -o allow_root" in json.dumps(told)


def test_who_asks_for_it_gets_no_other(
    repository: HandmadeRepository, mounts: MountFactory
) -> None:
    mounts.allow("allow_root is libfuse's own check")
    mount = mounts.prepare(repository.root)
    mount.path.mkdir()
    words = ("mount", "--repo", str(repository.root), "--transport", "direct", "-o", "allow_root")
    done = mount.cli(*words, mount.path, check=False)
    assert done.returncode != 0
    assert b"--transport pyfuse3" in done.stderr
    assert not is_mounted(mount.path)
