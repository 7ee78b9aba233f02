"""A process that was stopped (^Z) in the middle of a transaction of the cache's index: caching stops, nothing else does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.holders import held
from vfs.testing.mounts import Mount, MountFactory, wait_until

pytestmark = pytest.mark.fuse

FILES = {f"{n}": b"%d" % n for n in range(100)}


@pytest.fixture
def mount(handmade: HandmadeRepository, mounts: MountFactory) -> Mount:
    mounts.allow("cannot be written to now", "hangs|no answer in")
    settings = Path(handmade.sandbox.environ["XDG_CONFIG_HOME"]) / "vfs" / "config.yaml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("transfer:\n  deadline: 10\n")
    handmade.commit(directories={"small": FILES}, tag="v1")
    mount = mounts(handmade.root, "v1")
    assert (mount.path / "small" / "0").read_bytes() == b"0"
    return mount


@pytest.fixture
def stopped(handmade: HandmadeRepository, mount: Mount) -> Iterator[None]:
    index = Path(handmade.sandbox.environ["XDG_CACHE_HOME"]) / "vfs" / "chunks" / "index"
    with held(index, stopped=True):
        yield


@pytest.mark.usefixtures("stopped")
def test_reading_goes_on(mount: Mount) -> None:
    for name, content in FILES.items():
        assert (mount.path / "small" / name).read_bytes() == content


@pytest.mark.usefixtures("stopped")
def test_an_unmount_ends_the_daemon(mount: Mount) -> None:
    assert (mount.path / "small" / "1").read_bytes() == b"1"
    daemon = mount.daemon()
    mount.umount()
    wait_until(lambda: not daemon.is_running() or daemon.status() == "zombie", "its end")
