"""Bytes of a large object that was wrong and has been corrected, mixed with those of the right one."""

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from vfs.testing.handmade import HandmadeRepository, md5, object_path
from vfs.testing.mounts import MountFactory, wait_until

pytestmark = pytest.mark.fuse

LARGE = random.Random(5).randbytes(64 << 20)
LIES = b"x" * len(LARGE)


def at(path: Path, offset: int) -> bytes:
    """Ten bytes, without read-ahead, and not from the page cache."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)
        return os.pread(descriptor, 10, offset)
    finally:
        os.close(descriptor)


def push(target: Path) -> None:
    """As `dvc push` does: in one step."""
    new = target.with_name("new")
    new.write_bytes(LARGE)
    new.rename(target)


@pytest.mark.parametrize("live", [False, True], ids=["remount", "live"])
def test_another_remote_is_configured(
    handmade: HandmadeRepository, mounts: MountFactory, live: bool
) -> None:
    """The remote lies; the user names another one, which is right. `trusted` is true as soon as any place tells any version."""
    mounts.allow("large.bin", md5(LARGE), "")
    handmade.commit(files={"large.bin": LARGE}, tag="v1")
    good = handmade.root.parent / "good"
    shutil.copytree(handmade.remote, good)
    object_path(handmade.remote, md5(LARGE)).write_bytes(LIES)
    mount = mounts(handmade.root, "v1")
    file = mount.path / "large.bin"
    for offset in range(0, 1 << 20, 1 << 18):
        assert at(file, offset) == LIES[:10]
    if not live:
        mount.umount()
    (handmade.root / ".dvc").mkdir(exist_ok=True)
    (handmade.root / ".dvc" / "config.local").write_text(f"['remote \"store\"']\nurl = {good}\n")
    if live:
        mount.cli("switch", "v1", "--mount", mount.path)
    else:
        mount.start("v1")
    wait_until(lambda: at(file, 50 << 20) == LARGE[50 << 20 :][:10], "the other remote")
    wrong = [n for n in range(4) if at(file, n << 18) != LARGE[n << 18 :][:10]]
    assert not wrong, f"blocks {wrong} are of the old remote, the others of the new one"


def test_two_mounts_and_a_mended_object(handmade: HandmadeRepository, mounts: MountFactory) -> None:
    """One mount drops what was of the object of before; the other one is not told, and goes on serving it beside the new one."""
    mounts.allow("large.bin", md5(LARGE), "")
    handmade.commit(files={"large.bin": LARGE}, tag="v1")
    target = object_path(handmade.remote, md5(LARGE))
    target.write_bytes(LIES)
    first, second = mounts(handmade.root, "v1"), mounts(handmade.root, "v1")
    for offset in range(0, 1 << 20, 1 << 18):
        assert at(first.path / "large.bin", offset) == LIES[:10]
    push(target)
    assert at(second.path / "large.bin", 40 << 20) == LARGE[40 << 20 :][:10]
    assert at(second.path / "large.bin", 0) == LARGE[:10]
    file = first.path / "large.bin"
    assert at(file, 50 << 20) == LARGE[50 << 20 :][:10], "it has met the new object"
    wrong = [n for n in range(4) if at(file, n << 18) != LARGE[n << 18 :][:10]]
    assert not wrong, f"blocks {wrong} are of the object of before"


def test_one_mount_and_a_mended_object(handmade: HandmadeRepository, mounts: MountFactory) -> None:
    """The same with one mount, for comparison."""
    mounts.allow("large.bin", md5(LARGE), "")
    handmade.commit(files={"large.bin": LARGE}, tag="v1")
    target = object_path(handmade.remote, md5(LARGE))
    target.write_bytes(LIES)
    first = mounts(handmade.root, "v1")
    file = first.path / "large.bin"
    for offset in range(0, 1 << 20, 1 << 18):
        assert at(file, offset) == LIES[:10]
    push(target)
    assert at(file, 50 << 20) == LARGE[50 << 20 :][:10]
    wait_until(lambda: all(at(file, n << 18) == LARGE[n << 18 :][:10] for n in range(4)), "the kernel to forget")


def test_a_read_only_cache(handmade: HandmadeRepository, mounts: MountFactory) -> None:
    """The object was mended since; the cache may only be read now."""
    mounts.allow("")
    handmade.commit(files={"large.bin": LARGE}, tag="v1")
    target = object_path(handmade.remote, md5(LARGE))
    target.write_bytes(LIES)
    mount = mounts(handmade.root, "v1")
    file = mount.path / "large.bin"
    for offset in range(0, 1 << 20, 1 << 18):
        assert at(file, offset) == LIES[:10]
    mount.umount()
    push(target)
    cache = Path(handmade.sandbox.environ["XDG_CACHE_HOME"]) / "vfs" / "chunks"
    subprocess.run(["mount", "--bind", cache, cache], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", cache], check=True)
    try:
        mount.start("v1")
        assert at(file, 50 << 20) == LARGE[50 << 20 :][:10]
        wrong = [n for n in range(4) if at(file, n << 18) != LARGE[n << 18 :][:10]]
        assert not wrong, f"blocks {wrong} are of the object of before"
    finally:
        mount.umount()
        subprocess.run(["umount", "-l", cache], check=True)


def forget_pages(file: Path) -> None:
    with file.open("rb") as opened:
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@pytest.mark.parametrize("by", ["kernel", "daemon"])
def test_verified_is_said_of_what_was_handed_out(
    handmade: HandmadeRepository, mounts: MountFactory, by: str
) -> None:
    """Our remote lies, another repository's is right and proves its copy. Ours goes on with its lies and calls them verified."""
    mounts.allow("")
    handmade.commit(files={"large.bin": LARGE}, tag="v1")
    ours = mounts(handmade.root, "v1")
    file = ours.path / "large.bin"
    object_path(handmade.remote, md5(LARGE)).write_bytes(LIES)
    for offset in range(0, 1 << 20, 1 << 18):
        assert at(file, offset) == LIES[:10]
    if by == "daemon":
        forget_pages(file)
        for offset in range(0, 1 << 20, 1 << 18):
            assert at(file, offset) == LIES[:10]
    other = HandmadeRepository(handmade.sandbox, handmade.sandbox.root / "other")
    other.commit(files={"theirs.bin": LARGE}, tag="v1")
    theirs = mounts(other.root, "v1")
    assert (theirs.path / "theirs.bin").read_bytes() == LARGE
    wait_until(lambda: os.getxattr(theirs.path / "theirs.bin", "user.vfs.verified") == b"yes", "the check")
    assert file.read_bytes()[1 << 20 :] == LARGE[1 << 20 :], "what was not handed out before is right"
    through = ours.cli("cat", file, check=False)
    said = os.getxattr(file, "user.vfs.verified")
    if by == "daemon":
        forget_pages(file)
    again = file.read_bytes()
    wrong = [n for n in range(256) if again[n << 18 :][:10] != LARGE[n << 18 :][:10]]
    wrong_cat = through.stdout != LARGE and not through.returncode
    assert not wrong_cat and not wrong, f"cat says {through.returncode} ({wrong_cat=}), verified is {said!r}; blocks {wrong} are lies"


@pytest.mark.parametrize("others", [10, 4500])
def test_pages_of_a_file_that_is_not_remembered(
    handmade: HandmadeRepository, mounts: MountFactory, others: int
) -> None:
    """What was read of a large object that is found wrong leaves the kernel, however many files were read since."""
    mounts.allow("")
    handmade.commit(files={"large.bin": LARGE}, directories={"small": {f"{n}": b"%d" % n for n in range(others)}}, tag="v1")
    object_path(handmade.remote, md5(LARGE)).write_bytes(LIES)
    mount = mounts(handmade.root, "v1")
    file = mount.path / "large.bin"
    with file.open("rb"):
        assert at(file, 0) == LIES[:10]
    for n in range(others):
        assert (mount.path / "small" / str(n)).read_bytes() == b"%d" % n
    done = mount.cli("prefetch", "--mount", mount.path, "large.bin", check=False)
    print(done)
    assert done.returncode, "it is wrong"
    wait_until(lambda: os.getxattr(file, "user.vfs.verified") == b"bad", "the verdict")
    import time
    time.sleep(1)
    try:
        data = at(file, 0)
    except OSError:
        return
    raise AssertionError(f"{data!r} though it is known to be wrong")


@pytest.mark.parametrize("how", ["copied", "linked"])
def test_a_scope_that_is_not_its_own(
    handmade: HandmadeRepository, mounts: MountFactory, how: str
) -> None:
    """A copy of ours with another remote; a stranger's directory whose `.git/vfs` leads into ours. Their lies reach ours."""
    mounts.allow("")
    handmade.commit(files={"large.bin": LARGE}, tag="v1")
    ours = mounts(handmade.root, "v1")
    assert os.stat(ours.path / "large.bin").st_size == len(LARGE)
    lying = handmade.root.parent / "lying"
    target = object_path(lying, md5(LARGE))
    target.parent.mkdir(parents=True)
    target.write_bytes(LIES)
    theirs = handmade.root.parent / "theirs"
    if how == "copied":
        shutil.copytree(handmade.root, theirs, symlinks=True)
        (theirs / ".dvc").mkdir(exist_ok=True)
        (theirs / ".dvc" / "config.local").write_text(f"['remote \"store\"']\nurl = {lying}\n")
    else:
        made = HandmadeRepository(handmade.sandbox, theirs)
        made.remote_url = str(lying)
        made.commit(files={"large.bin": LARGE}, tag="v1")
        (theirs / ".git" / "vfs").symlink_to("../../repository/.git/vfs")
    other = mounts(theirs, "v1")
    for offset in range(0, 1 << 20, 1 << 18):
        assert at(other.path / "large.bin", offset) == LIES[:10]
    wrong = [n for n in range(4) if at(ours.path / "large.bin", n << 18) != LARGE[n << 18 :][:10]]
    assert not wrong, f"blocks {wrong} are of the other repository's remote"


def test_a_stopped_process_holds_the_index(handmade: HandmadeRepository, mounts: MountFactory) -> None:
    """^Z of a `vfs prefetch` in the middle of a transaction of the index: caching stops, reading does not."""
    import sys

    mounts.allow("")
    settings = Path(handmade.sandbox.environ["XDG_CONFIG_HOME"]) / "vfs" / "config.yaml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("transfer:\n  deadline: 10\n")
    small = {f"{n}": b"%d" % n for n in range(100)}
    handmade.commit(files={"large.bin": LARGE}, directories={"small": small}, tag="v1")
    mount = mounts(handmade.root, "v1")
    assert (mount.path / "small" / "0").read_bytes() == b"0"
    index = Path(handmade.sandbox.environ["XDG_CACHE_HOME"]) / "vfs" / "chunks" / "index"
    code = (
        "import lmdb, sys, os, signal\n"
        "env = lmdb.open(sys.argv[1], max_dbs=7, map_size=1 << 34, max_readers=1024)\n"
        "t = env.begin(write=True)\nprint('held', flush=True)\nos.kill(os.getpid(), signal.SIGSTOP)\n"
    )
    stopped = subprocess.Popen([sys.executable, "-c", code, index], stdout=subprocess.PIPE)
    try:
        assert stopped.stdout is not None
        assert stopped.stdout.readline() == b"held\n"
        for n in range(1, 100):
            assert (mount.path / "small" / str(n)).read_bytes() == b"%d" % n
    finally:
        stopped.kill()
        stopped.wait()


def test_a_stopped_process_and_an_unmount(handmade: HandmadeRepository, mounts: MountFactory) -> None:
    """^Z of a `vfs prefetch` in the middle of a transaction of the index: an unmount ends the daemon."""
    import sys

    mounts.allow("")
    settings = Path(handmade.sandbox.environ["XDG_CONFIG_HOME"]) / "vfs" / "config.yaml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("transfer:\n  deadline: 10\n")
    small = {f"{n}": b"%d" % n for n in range(100)}
    handmade.commit(files={"large.bin": LARGE}, directories={"small": small}, tag="v1")
    mount = mounts(handmade.root, "v1")
    assert (mount.path / "small" / "0").read_bytes() == b"0"
    index = Path(handmade.sandbox.environ["XDG_CACHE_HOME"]) / "vfs" / "chunks" / "index"
    code = (
        "import lmdb, sys, os, signal\n"
        "env = lmdb.open(sys.argv[1], max_dbs=7, map_size=1 << 34, max_readers=1024)\n"
        "t = env.begin(write=True)\nprint('held', flush=True)\nos.kill(os.getpid(), signal.SIGSTOP)\n"
    )
    stopped = subprocess.Popen([sys.executable, "-c", code, index], stdout=subprocess.PIPE)
    try:
        assert stopped.stdout is not None
        assert stopped.stdout.readline() == b"held\n"
        assert (mount.path / "small" / "1").read_bytes() == b"1"
        daemon = mount.daemon()
        mount.umount()
        wait_until(lambda: not daemon.is_running() or daemon.status() == "zombie", "the daemon to end", timeout=30)
    finally:
        stopped.kill()
        stopped.wait()


def test_few_descriptors(handmade: HandmadeRepository, mounts: MountFactory) -> None:
    """Thousands of files of the DVC cache were read; the daemon may have 1,024 descriptors."""
    import resource

    mounts.allow("")
    small = {f"{n}": b"%d" % n for n in range(3000)}
    handmade.commit(files={"last.bin": b"last"}, directories={"small": small}, tag="v1")
    shutil.copytree(handmade.remote, handmade.root / ".dvc" / "cache")
    (handmade.root / ".dvc" / "cache" / "files" / "md5" / md5(b"last")[:2] / md5(b"last")[2:]).unlink()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    try:
        mount = mounts(handmade.root, "v1")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    import psutil
    subprocess.run(["prlimit", "--pid", str(mount.daemon().pid), "--nofile=1024:20000"], check=True)
    for n in range(3000):
        assert (mount.path / "small" / str(n)).read_bytes() == b"%d" % n
    print(mount.daemon().num_fds(), mount.log()[-1500:])
    assert (mount.path / "last.bin").read_bytes() == b"last"
    assert mount.cli("status").returncode == 0
    assert "Too many open files" not in mount.log()
