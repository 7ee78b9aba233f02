"""What a switch changes, and what it must not."""

import errno
import mmap
import os
import random
import threading
from collections.abc import Callable

import pytest

from vfs.testing.handmade import HandmadeRepository, md5, pointer
from vfs.testing.mounts import Mount, MountFactory
from vfs.testing.refusals import refused
from vfs.testing.variants import soak

pytestmark = pytest.mark.fuse

ONE = b"1" * 700_000
TWO = b"2" * 600_001


@pytest.fixture
def mount(handmade: HandmadeRepository, mounts: MountFactory) -> Mount:
    handmade.commit(
        plain={"git.txt": b"one", "becomes/dir": b"old", "l:link": b"git.txt", "gone.txt": b"bye"},
        files={"big.bin": ONE, "same.bin": ONE, "only-one.bin": b"1"},
        directories={
            "data": {"kept": b"kept", "changed": b"v1", "removed": b"r", "Case": b"upper"},
            "turns-file": {"inner/x": b"x"},
        },
        tag="v1",
    )
    handmade.commit(
        plain={"git.txt": b"two!", "l:becomes": b"git.txt", "link/now-dir": b"d", "new.txt": b"hi"},
        files={"big.bin": TWO, "same.bin": ONE, "turns-file": b"a file"},
        directories={
            "data": {"kept": b"kept", "changed": b"v2 is longer", "added": b"a", "case": b"lower"},
            "only-one.bin": {"below": b"b"},
        },
        tag="v2",
    )
    return mounts(handmade.root, "v1")


def read(mount: Mount, path: str) -> bytes:
    return (mount.path / path).read_bytes()


def test_names_follow_at_once(mount: Mount) -> None:
    assert read(mount, "git.txt") == b"one"
    assert read(mount, "data/changed") == b"v1"
    assert read(mount, "big.bin") == ONE
    mount.switch("v2")
    assert read(mount, "git.txt") == b"two!"
    assert read(mount, "data/changed") == b"v2 is longer"
    assert read(mount, "big.bin") == TWO
    mount.switch("v1")
    assert read(mount, "data/changed") == b"v1"
    assert read(mount, "big.bin") == ONE


def test_sizes_follow_at_once(mount: Mount) -> None:
    for rev, size in (("v1", len(ONE)), ("v2", len(TWO)), ("v1", len(ONE))):
        mount.switch(rev)
        assert os.stat(mount.path / "big.bin").st_size == size


def test_a_pointer_with_a_wrong_size_cuts_no_other_file(
    handmade: HandmadeRepository, mounts: MountFactory
) -> None:
    """Beside it, in another revision, and after a switch: the size is part of what a file is."""
    good = handmade.put(ONE)
    config = {".dvc/config": handmade.config()}
    for tag, size in (("evil", 1000), ("good", len(ONE))):
        handmade.commit_raw({**config, "f.dvc": pointer("f", good, size)}, tag=tag)
    mounts.allow("expected 1000")
    mount = mounts(handmade.root, "evil")
    assert os.stat(mount.path / "f").st_size == 1000
    with pytest.raises(OSError, match="Input/output"):
        read(mount, "f")
    assert read(mount, ".snapshots/good/f") == ONE
    mount.switch("good")
    assert read(mount, "f") == ONE
    with pytest.raises(OSError, match="Input/output"):
        read(mount, ".snapshots/evil/f")


def test_an_open_file_keeps_its_bytes(mount: Mount) -> None:
    with (mount.path / "big.bin").open("rb", buffering=0) as file:
        assert os.pread(file.fileno(), 10, 0) == ONE[:10]
        mount.switch("v2")
        assert os.pread(file.fileno(), len(ONE), 0) == ONE
        assert os.fstat(file.fileno()).st_size == len(ONE)
    assert read(mount, "big.bin") == TWO


def test_a_deleted_file_stays_readable_while_open(mount: Mount) -> None:
    with (
        (mount.path / "gone.txt").open("rb") as plain,
        (mount.path / "data" / "removed").open("rb") as tracked,
    ):
        mount.switch("v2")
        assert not os.path.lexists(mount.path / "gone.txt")
        assert not os.path.lexists(mount.path / "data" / "removed")
        assert plain.read() == b"bye"
        assert tracked.read() == b"r"


@pytest.mark.parametrize("flags", [mmap.MAP_SHARED, mmap.MAP_PRIVATE])
def test_a_mapping_keeps_its_bytes(mount: Mount, flags: int) -> None:
    with (mount.path / "big.bin").open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, flags=flags, prot=mmap.PROT_READ)
    assert mapped[:100] == ONE[:100]
    mount.switch("v2")
    assert mapped[:] == ONE
    mapped.close()


def test_an_unchanged_file_keeps_its_inode(mount: Mount) -> None:
    before = {path: os.stat(mount.path / path).st_ino for path in ("same.bin", "data/kept")}
    changed = os.stat(mount.path / "big.bin").st_ino
    with (mount.path / "same.bin").open("rb"), (mount.path / "big.bin").open("rb"):
        mount.switch("v2")
        after = {path: os.stat(mount.path / path).st_ino for path in before}
        assert after == before
        assert os.stat(mount.path / "big.bin").st_ino != changed


def test_a_name_that_did_not_exist_appears(mount: Mount) -> None:
    """The kernel has cached that it is missing; a switch must take that back."""
    for _ in range(3):
        for path in ("new.txt", "data/added"):
            assert not os.path.lexists(mount.path / path)
    mount.switch("v2")
    assert read(mount, "new.txt") == b"hi"
    assert read(mount, "data/added") == b"a"
    mount.switch("v1")
    assert not os.path.lexists(mount.path / "new.txt")


def test_a_file_becomes_a_directory_and_back(mount: Mount) -> None:
    assert read(mount, "only-one.bin") == b"1"
    mount.switch("v2")
    assert os.listdir(mount.path / "only-one.bin") == ["below"]
    assert read(mount, "only-one.bin/below") == b"b"
    mount.switch("v1")
    assert read(mount, "only-one.bin") == b"1"


def test_a_directory_becomes_a_link(mount: Mount) -> None:
    assert read(mount, "becomes/dir") == b"old"
    mount.switch("v2")
    assert os.readlink(mount.path / "becomes") == "git.txt"
    assert read(mount, "becomes") == b"two!"
    mount.switch("v1")
    assert read(mount, "becomes/dir") == b"old"


def test_a_link_becomes_a_directory(mount: Mount) -> None:
    assert read(mount, "link") == b"one"
    mount.switch("v2")
    assert read(mount, "link/now-dir") == b"d"


def test_a_tracked_directory_becomes_a_file(mount: Mount) -> None:
    assert read(mount, "turns-file/inner/x") == b"x"
    mount.switch("v2")
    assert read(mount, "turns-file") == b"a file"


def test_only_the_case_changes(mount: Mount) -> None:
    assert read(mount, "data/Case") == b"upper"
    assert not os.path.lexists(mount.path / "data" / "case")
    mount.switch("v2")
    assert read(mount, "data/case") == b"lower"
    assert not os.path.lexists(mount.path / "data" / "Case")


def test_a_working_directory_inside_survives(mount: Mount) -> None:
    """A process that stands in a directory of the mount sees the new version there."""
    descriptor = os.open(mount.path / "data", os.O_RDONLY | os.O_DIRECTORY)
    try:
        mount.switch("v2")
        here = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=descriptor)
        assert set(os.listdir(here)) == {"kept", "changed", "added", "case"}
        os.close(here)
        opened = os.open("added", os.O_RDONLY, dir_fd=descriptor)
        assert os.read(opened, 10) == b"a"
        os.close(opened)
    finally:
        os.close(descriptor)


def test_a_failed_switch_changes_nothing(mount: Mount) -> None:
    done = mount.switch("no-such-revision", check=False)
    assert done.returncode == 4
    assert read(mount, "git.txt") == b"one"
    assert read(mount, "data/changed") == b"v1"


def test_switch_to_itself(mount: Mount) -> None:
    inode = os.stat(mount.path / "data" / "kept").st_ino
    mount.switch("v1")
    assert os.stat(mount.path / "data" / "kept").st_ino == inode
    assert read(mount, "git.txt") == b"one"


def test_readers_never_see_a_mixture(mount: Mount) -> None:
    """Under constant switching each open file is wholly of one version, and nothing fails."""
    stop = threading.Event()
    wrong: list[str] = []
    seen: set[bytes] = set()

    def watch(path: str, allowed: set[bytes]) -> None:
        while not stop.is_set():
            try:
                found = read(mount, path)
            except OSError as error:
                wrong.append(f"{path}: {error}")
                return
            if found not in allowed:
                wrong.append(f"{path}: {len(found)} bytes of a mixture")
                return
            seen.add(found[:1])

    work: list[tuple[str, set[bytes]]] = [
        ("big.bin", {ONE, TWO}),
        ("data/changed", {b"v1", b"v2 is longer"}),
        ("same.bin", {ONE}),
    ]
    threads = [threading.Thread(target=watch, args=item) for item in work]
    for thread in threads:
        thread.start()
    try:
        for number in range(20):
            mount.switch("v2" if number % 2 == 0 else "v1")
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert wrong == []
    assert seen == {b"1", b"2", b"v"}


def test_listing_and_content_agree_after_each_switch(mount: Mount) -> None:
    expected: dict[str, Callable[[set[str]], bool]] = {
        "v1": lambda names: {"kept", "changed", "removed", "Case"} == names,
        "v2": lambda names: {"kept", "changed", "added", "case"} == names,
    }
    for rev in ("v2", "v1", "v2", "v2", "v1"):
        mount.switch(rev)
        names = set(os.listdir(mount.path / "data"))
        assert expected[rev](names), (rev, names)


@pytest.mark.parametrize("tracked", [True, soak(False)])
def test_an_open_file_follows_its_data_to_another_remote(
    handmade: HandmadeRepository, mounts: MountFactory, tracked: bool
) -> None:
    """The configuration alone changes: same content, other place. The old place is gone, and its failures are no obstacle."""
    large = random.Random(8).randbytes(9 << 20)
    mounts.allow(md5(ONE)[2:])
    handmade.commit(files={"large.bin": large, "small.bin": ONE}, tag="v1")
    mount = mounts(handmade.root, "v1", "-o", "transfer.deadline=1")
    with (
        (mount.path / "large.bin").open("rb", buffering=0) as opened,
        (mount.path / "small.bin").open("rb", buffering=0) as failed,
    ):
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        assert os.pread(opened.fileno(), 10, 0) == large[:10]
        moved = handmade.remote.rename(handmade.remote.with_name("moved"))
        with refused(errno.EIO):
            os.pread(failed.fileno(), 10, 0)
        handmade.remote, handmade.remote_url = moved, str(moved)
        if tracked:
            handmade.commit(files={"large.bin": large, "small.bin": ONE}, tag="v2")
        else:
            (handmade.root / ".dvc").mkdir()
            (handmade.root / ".dvc" / "config.local").write_bytes(handmade.config())
        mount.switch("v2" if tracked else "v1")
        assert os.pread(opened.fileno(), 10, 8 << 20) == large[8 << 20 :][:10]
        assert os.pread(failed.fileno(), 10, 0) == ONE[:10]
    assert os.getxattr(mount.path / "large.bin", "user.vfs.remote") == b"dvc-cache, store"
