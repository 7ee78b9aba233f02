"""Random bytes in the catalog's file: it is made anew, while mounted and while not, and nothing is served wrong."""

import json
import os
import random
from pathlib import Path

import pytest

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory, vfs
from vfs.testing.sandbox import Sandbox

pytestmark = pytest.mark.fuse

PAGE = 4096
ONE = {f"{n % 7}/{n:04d}": b"%d" % n for n in range(800)}
TWO = ONE | {f"{n % 7}/{n:04d}": b"new %d" % n for n in range(0, 800, 5)}


@pytest.fixture
def mount(handmade: HandmadeRepository, mounts: MountFactory) -> Mount:
    handmade.commit(plain={"a.txt": b"a"}, directories={"data": ONE}, tag="v1")
    handmade.commit(plain={"a.txt": b"b"}, directories={"data": TWO}, tag="v2")
    mounts.allow("catalog .*(damage|empty|lost)", "Git tree is damaged")
    return mounts(handmade.root, "v1")


def data_file(sandbox: Sandbox) -> Path:
    [found] = Path(sandbox.environ["XDG_CACHE_HOME"]).glob("vfs/catalog/data.mdb")
    return found


def spoil(sandbox: Sandbox, seed: int) -> None:
    """Overwrite most pages behind the two meta pages. (Single bytes may end a process: `test_damage.py`.)"""
    chooser = random.Random(seed)
    with data_file(sandbox).open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        for _ in range(size // PAGE):
            file.seek(PAGE * chooser.randrange(2, size // PAGE))
            file.write(chooser.randbytes(PAGE))


def shown(mount: Mount) -> dict[str, bytes]:
    root = mount.path / "data"
    files = [Path(directory) / name for directory, _, names in os.walk(root) for name in names]
    return {str(file.relative_to(root)): file.read_bytes() for file in files}


def test_while_mounted(mount: Mount) -> None:
    assert shown(mount) == ONE
    for seed, (rev, files) in enumerate((("v2", TWO), ("v1", ONE), ("v2", TWO))):
        spoil(mount.sandbox, seed)
        mount.switch(rev)
        assert shown(mount) == files
        assert mount.cli("status").returncode == 0


def test_while_not_mounted(mount: Mount) -> None:
    for seed in range(2):
        mount.umount()
        spoil(mount.sandbox, seed)
        mount.start("v2")
        assert shown(mount) == TWO


def test_verify_and_doctor_find_it(mount: Mount) -> None:
    sandbox = mount.sandbox
    sound = vfs(sandbox, "cache", "verify", "--json")
    assert json.loads(sound.stdout)["catalog"] == "sound"
    assert b"catalog" in vfs(sandbox, "doctor", "--offline", check=False).stdout
    spoil(sandbox, 1)
    assert b"BAD   catalog" in vfs(sandbox, "doctor", "--offline", check=False).stdout
    found = vfs(sandbox, "cache", "verify", "--json", check=False)
    assert found.returncode == 1
    assert json.loads(found.stdout)["catalog"] == "damaged; started anew"
    assert vfs(sandbox, "cache", "verify").returncode == 0
    mount.switch("v2")
    assert shown(mount) == TWO
