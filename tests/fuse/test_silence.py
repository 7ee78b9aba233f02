"""What costs no message on the direct transport, by its own count of them; and when it must cost one again."""

import errno
import json
import os
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory, wait_until

pytestmark = pytest.mark.fuse

COUNT = 500
CONTENT = b"content" * 1000


@pytest.fixture(scope="module")
def transport() -> str:
    return "direct"


@pytest.fixture(scope="module")
def mount(module_handmade: HandmadeRepository, module_mounts: MountFactory) -> Mount:
    files = {f"f{number:04d}": CONTENT for number in range(COUNT)}
    for tag, more in (("v1", {}), ("v2", {"new": b"new"}), ("v3", {"f0000": b"other"})):
        module_handmade.commit(
            plain={"l:link": b"data/f0000"},
            directories={"data": {**files, **more}, "same": {"a": b"a", "b/c": b"c"}},
            tag=tag,
        )
    return module_mounts(module_handmade.root, "v1")


def messages(mount: Mount) -> int:
    """How many there have been."""
    told = json.loads(mount.cli("status", "--json", mount.path).stdout)
    assert told["transport"] == "direct"
    return int(told["requests"]["messages"])


def least(mount: Mount, action: Callable[[], object]) -> int:
    """How few messages an action needs: whoever makes this machine drop its caches meanwhile, or needs its memory, is no fault of ours."""
    fewest = 1 << 60
    for _ in range(10):
        before = messages(mount)
        action()
        fewest = min(fewest, messages(mount) - before)
        if not fewest:
            break
    return fewest


@pytest.fixture
def warm(mount: Mount) -> Path:
    """The mount at v1, wholly looked at and read once."""
    mount.switch("v1")
    for directory, _, names in os.walk(mount.path):
        for name in names:
            Path(directory, name).read_bytes()
    os.readlink(mount.path / "link")
    return mount.path


def read_all(path: Path) -> None:
    for number in range(COUNT):
        descriptor = os.open(path / "data" / f"f{number:04d}", os.O_RDONLY)
        assert os.read(descriptor, 1 << 20) == CONTENT
        os.close(descriptor)


def look(path: Path) -> list[tuple[str, int]]:
    """As `ls -l` does."""
    with os.scandir(path) as entries:
        return sorted((entry.name, entry.stat().st_size) for entry in entries)


def test_a_warm_open_read_and_close(mount: Mount, warm: Path) -> None:
    assert least(mount, lambda: read_all(warm)) == 0


def test_python_asks_of_each_file_that_it_buffers_whether_it_is_a_terminal(
    mount: Mount, warm: Path
) -> None:
    """Until 3.14. The kernel passes that on each time, whatever it is answered."""

    def read(buffering: int) -> None:
        with (warm / "data" / "f0001").open("rb", buffering=buffering) as file:
            assert file.read() == CONTENT

    def ask() -> None:
        refused = pytest.raises(termios.error, match=str(errno.ENOTTY))
        with (warm / "data" / "f0001").open("rb", buffering=0) as file, refused:
            termios.tcgetattr(file.fileno())

    assert least(mount, lambda: read(0)) == 0
    assert least(mount, lambda: read(-1)) == (sys.version_info < (3, 14))
    assert least(mount, ask) == 1


def test_a_warm_listing(mount: Mount, warm: Path) -> None:
    assert least(mount, lambda: look(warm / "data")) == 0
    assert least(mount, lambda: os.listdir(warm / "data")) == 0
    assert least(mount, lambda: [list(os.walk(warm)) for _ in range(3)]) == 0


def test_a_warm_link_and_an_absent_name(mount: Mount, warm: Path) -> None:
    def ask() -> None:
        assert os.readlink(warm / "link") == "data/f0000"
        assert not os.path.lexists(warm / "data" / "absent")

    ask()
    assert least(mount, ask) == 0


def test_a_file_the_kernel_dropped_costs_one_message(mount: Mount, warm: Path) -> None:
    def read() -> None:
        descriptor = os.open(warm / "data" / "f0001", os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        assert os.read(descriptor, 1 << 20) == CONTENT
        os.close(descriptor)

    assert least(mount, read) == 1


@pytest.mark.parametrize("rev", ["v2", "v3"])
def test_a_switch_makes_the_kernel_list_what_changed_and_nothing_else(
    mount: Mount, warm: Path, rev: str
) -> None:
    before = look(warm / "data")
    mount.switch(rev)
    after = look(warm / "data")
    assert dict(after) == {**dict(before), **({"new": 3} if rev == "v2" else {"f0000": 5})}
    assert least(mount, lambda: look(warm / "same")) == 0
    assert least(mount, lambda: look(warm / "data")) == 0
    mount.switch("v1")
    assert look(warm / "data") == before


def test_a_listing_that_is_read_across_a_switch_leaves_no_old_name(
    mount: Mount, warm: Path
) -> None:
    """Whatever part of it the kernel keeps: who lists anew sees what is there now."""
    for rev, new in (("v2", True), ("v1", False)) * 3:
        with os.scandir(warm / "data") as entries:
            for _ in range(100):
                next(entries)
            mount.switch(rev)
            rest = [entry.name for entry in entries]
        assert len(rest) in (COUNT - 100, COUNT - 99)
        for _ in range(3):
            assert ("new" in os.listdir(warm / "data")) == new


def test_a_listing_of_revisions_is_not_kept(mount: Mount, warm: Path) -> None:
    """Branches are made without a switch."""
    snapshots = warm / ".snapshots"
    assert "later" not in os.listdir(snapshots)
    assert "later" not in os.listdir(snapshots)
    mount.sandbox.git(Path(mount.repository), "branch", "later", "v1")
    wait_until(lambda: "later" in os.listdir(snapshots), "the branch to be listed")
