"""A packed remote and a DVC remote in one place: the real `dvc gc` takes nothing of ours."""

from pathlib import Path

import pytest

from vfs.packed import PackedRemote, read_files
from vfs.remotes import RemoteSpec, open_remote
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.packed import push
from vfs.testing.sandbox import Sandbox

pytestmark = [pytest.mark.dvc, pytest.mark.slow]


def test_dvc_gc_leaves_packs_alone(
    handmade: HandmadeRepository, sandbox: Sandbox, dvc3: Path
) -> None:
    files = {b"a": b"one", b"b": b"two"}
    handmade.commit(directories={"data": {"a": b"old", "b": b"older"}})
    handmade.commit(directories={"data": {p.decode(): data for p, data in files.items()}})
    remote = open_remote(RemoteSpec("packed", str(handmade.remote)))
    pointer, _ = push(remote, files)
    ours = {info.key for info in remote.list("packed-1/")}
    legacy = "ab/" + "c" * 30
    remote.put(legacy, b"of DVC 2")
    before = {info.key for info in remote.list("files/")}
    sandbox.git(handmade.root, "checkout", "-q", "main")
    sandbox.run([dvc3, "gc", "--workspace", "--cloud", "--force"], cwd=handmade.root)
    assert {info.key for info in remote.list("files/")} < before
    assert not list(remote.list(legacy))
    assert {info.key for info in remote.list("packed-1/")} == ours
    manifest = PackedRemote(remote).manifest(pointer)
    found = read_files(remote, manifest.root.packs, manifest.files())
    assert {piece.file.path: bytes(piece.data) for piece in found} == files
