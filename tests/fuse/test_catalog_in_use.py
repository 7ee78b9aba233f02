"""Mounts go on while another process empties the catalog, also without their remote."""

import json
import os
from pathlib import Path

import pytest

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import MountFactory, vfs

pytestmark = pytest.mark.fuse

ONE = {f"{n % 7}/{n:05d}": b"%d" % n for n in range(3000)}
TWO = ONE | {"0/00000": b"changed"}


def listed(root: Path) -> dict[str, int]:
    files = [Path(directory) / name for directory, _, names in os.walk(root) for name in names]
    return {str(file.relative_to(root)): file.stat().st_size for file in files}


def sizes(files: dict[str, bytes]) -> dict[str, int]:
    return {name: len(data) for name, data in files.items()}


def test_clearing_the_catalog_spares_what_is_mounted(
    handmade: HandmadeRepository, mounts: MountFactory
) -> None:
    handmade.commit(directories={"data": ONE}, tag="v1")
    handmade.commit(directories={"data": TWO}, tag="v2")
    handmade.commit(directories={"data": {**TWO, "more": b""}}, tag="v3")
    mount = mounts(handmade.root, "v1")
    second = mounts(handmade.root, "v3")
    assert (mount.path / ".snapshots" / "v2" / "data" / "0" / "00000").stat().st_size == 7
    second.umount()
    handmade.remote.rename(handmade.remote.with_name("gone"))

    def figures(*arguments: str) -> dict[str, int]:
        found: dict[str, int] = json.loads(vfs(mount.sandbox, "cache", *arguments, "--json").stdout)
        return found

    before = figures("status")
    assert before["catalog_bytes"] >= before["catalog_used_bytes"] > 0
    cleared = figures("clear", "--catalog")
    assert cleared["catalog_used_bytes"] < before["catalog_used_bytes"]
    assert listed(mount.path / "data") == sizes(ONE)
    assert listed(mount.path / ".snapshots" / "v2" / "data") == sizes(TWO)
    mount.switch("v2")
    assert listed(mount.path / "data") == sizes(TWO)
    mount.umount()
    assert figures("clear", "--catalog")["catalog_used_bytes"] < cleared["catalog_used_bytes"]
    assert vfs(mount.sandbox, "cache", "status", "--catalog", check=False).returncode == 2
