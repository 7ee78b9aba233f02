"""What stat, statfs and the extended attributes of a mount say."""

import errno
import hashlib
import os
import stat

import pytest

from vfs.testing.handmade import HandmadeRepository, md5
from vfs.testing.mounts import Mount, MountFactory
from vfs.testing.refusals import refused

pytestmark = pytest.mark.fuse

BIG = b"0123456789" * 10_001


@pytest.fixture(scope="module")
def mount(module_handmade: HandmadeRepository, module_mounts: MountFactory) -> Mount:
    module_handmade.commit(
        plain={"git.txt": b"git\n", "sub/x": b"x", "l:link": b"git.txt", "x:run": b"#!/bin/sh\n"},
        files={"big.bin": BIG, "empty.bin": b""},
        directories={"data": {"a": b"a", "copy": BIG, "b/c": b"c"}},
        tag="v1",
    )
    return module_mounts(module_handmade.root, "v1")


@pytest.mark.parametrize(
    ("path", "size"), [("git.txt", 4), ("big.bin", len(BIG)), ("empty.bin", 0), ("data/a", 1)]
)
def test_files(mount: Mount, path: str, size: int) -> None:
    status = os.lstat(mount.path / path)
    assert stat.S_ISREG(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == 0o644
    assert status.st_size == size
    assert status.st_nlink == 1
    assert status.st_uid == os.getuid()
    assert status.st_gid == os.getgid()
    assert status.st_blocks == -(-size // 512)
    assert status.st_blksize >= 4096


def test_executable(mount: Mount) -> None:
    assert stat.S_IMODE(os.lstat(mount.path / "run").st_mode) == 0o755


def test_executable_of_dvc(handmade: HandmadeRepository, mounts: MountFactory) -> None:
    """As Git's: 0755, where `dvc checkout` adds the owner's bit to the umask's mode and no other."""
    oid = handmade.put(b"#!/bin/sh\n")
    out = b"outs:\n- md5: %s\n  size: 10\n  isexec: true\n  hash: md5\n  path: tool\n"
    handmade.commit_raw({".dvc/config": handmade.config(), "tool.dvc": out % oid.encode()})
    status = os.lstat(mounts(handmade.root).path / "tool")
    assert stat.S_IMODE(status.st_mode) == 0o755


def test_directories(mount: Mount) -> None:
    for path in ("", "sub", "data", "data/b", ".snapshots"):
        status = os.lstat(mount.path / path)
        assert stat.S_ISDIR(status.st_mode), path
        assert stat.S_IMODE(status.st_mode) & 0o222 in (0, 0o200), path
        assert status.st_nlink >= 1
        assert status.st_uid == os.getuid()


def test_symlink(mount: Mount) -> None:
    status = os.lstat(mount.path / "link")
    assert stat.S_ISLNK(status.st_mode)
    assert status.st_size == len("git.txt")
    assert os.readlink(mount.path / "link") == "git.txt"


def test_times_are_the_commit_time_and_stay(mount: Mount) -> None:
    """make and rsync see a change exactly when the content changed."""
    first = os.lstat(mount.path / "big.bin")
    assert first.st_mtime == 1_706_933_106
    again = os.lstat(mount.path / "big.bin")
    assert (again.st_mtime_ns, again.st_ino) == (first.st_mtime_ns, first.st_ino)


def test_equal_contents_are_one_device(mount: Mount) -> None:
    devices = {os.lstat(mount.path / path).st_dev for path in ("big.bin", "data/copy", "git.txt")}
    assert len(devices) == 1


def test_statfs(mount: Mount) -> None:
    facts = os.statvfs(mount.path)
    assert facts.f_flag & os.ST_RDONLY
    assert facts.f_namemax == 255
    assert facts.f_bfree == 0
    assert facts.f_bavail == 0
    assert facts.f_blocks * facts.f_frsize >= len(BIG)


def test_mount_is_safe(mount: Mount) -> None:
    """No set-uid programs and no device files through a mount."""
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        line = next(line for line in table if line.split()[4] == str(mount.path))
    assert {"ro", "nosuid", "nodev"} <= set(line.split()[5].split(","))
    assert " fuse" in line


def attributes(mount: Mount, path: str) -> dict[str, bytes]:
    full = mount.path / path
    return {
        name: os.getxattr(full, name, follow_symlinks=False)
        for name in os.listxattr(full, follow_symlinks=False)
    }


def test_xattrs_name_the_content(mount: Mount) -> None:
    found = attributes(mount, "big.bin")
    assert all(name.startswith("user.vfs.") for name in found)
    assert md5(BIG).encode() in b"|".join(found.values())


def test_xattrs_of_a_git_file(mount: Mount) -> None:
    blob = hashlib.sha1(b"blob 4\0git\n", usedforsecurity=False).hexdigest().encode()
    assert blob in b"|".join(attributes(mount, "git.txt").values())


def test_git_files_are_here(mount: Mount) -> None:
    assert attributes(mount, "git.txt")["user.vfs.cached"] == b"100"
    assert attributes(mount, "sub/x")["user.vfs.cached"] == b"100"


def test_xattrs_tell_the_revision(mount: Mount) -> None:
    """Of a file that of the mount: its inode is the same in all snapshots that have its content."""
    for path in ("", "data", "git.txt", "data/a"):
        found = attributes(mount, path)
        assert found["user.vfs.rev"] == b"v1", path
        assert len(found["user.vfs.commit"]) == 40, path
    assert attributes(mount, ".snapshots/main/data")["user.vfs.rev"] == b"main"
    assert attributes(mount, ".snapshots/main/data/a")["user.vfs.rev"] == b"v1"


def test_xattrs_of_a_link(mount: Mount) -> None:
    assert attributes(mount, "link") == {}
    assert attributes(mount, ".snapshots") == {}


def test_unknown_xattr(mount: Mount) -> None:
    for name in ("user.vfs.nothing", "security.capability", "system.posix_acl_access"):
        with refused(errno.ENODATA, errno.ENOTSUP):
            os.getxattr(mount.path / "git.txt", name)


def test_missing_names(mount: Mount) -> None:
    for path in ("nothing", "data/nothing", "data/a/below", "git.txt/below", ".snapshots/nothing"):
        assert not os.path.lexists(mount.path / path)
    with pytest.raises(FileNotFoundError):
        os.lstat(mount.path / "nothing")
    with pytest.raises(NotADirectoryError):
        os.lstat(mount.path / "git.txt" / "below")


def test_name_of_256_bytes(mount: Mount) -> None:
    with refused(errno.ENAMETOOLONG):
        os.lstat(mount.raw + b"/" + b"n" * 256)
