"""Settings of DVC's that the tracking verbs follow, beside the real dvc; kinds of links that are asked for by name."""

import fcntl
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tracking.conftest import Clone
from vfs.errors import Unsupported
from vfs.objects.filesystem import FICLONE
from vfs.tracking.links import Linker

pytestmark = [pytest.mark.dvc, pytest.mark.slow]


def test_autostage_stages_as_dvc_does(new_clone: Callable[[str], Clone]) -> None:
    found = []
    for name in ("ours", "theirs"):
        clone = new_clone(name)
        clone.dvc("config", "core.autostage", "true")
        clone.git("add", "-A")
        clone.git("commit", "-q", "-m", "configuration")
        clone.write("data/a", b"a")
        clone.write("sub/file", b"file")
        states = []
        if name == "ours":
            assert b"git add" not in clone.vfs("add", "data", "sub/file").stdout
        else:
            clone.dvc("add", "-q", "data", "sub/file")
        states.append(clone.git("status", "--porcelain"))
        clone.git("commit", "-q", "-m", "data")
        clone.write("data/a", b"b")
        _ = clone.vfs("add", "data") if name == "ours" else clone.dvc("add", "-q", "data")
        states.append(clone.git("status", "--porcelain"))
        found.append(states)
    assert found[0] == found[1]
    assert found[0][0] == b"A  .gitignore\nA  data.dvc\nA  sub/.gitignore\nA  sub/file.dvc"


def test_a_removed_pointer_is_staged_too(clone: Clone) -> None:
    clone.dvc("config", "core.autostage", "true")
    clone.write("data", b"data")
    clone.vfs("add", "data")
    clone.git("add", "-A")
    clone.git("commit", "-q", "-m", "data")
    clone.vfs("remove", "data.dvc")
    assert clone.git("status", "--porcelain") == b"D  .gitignore\nD  data.dvc\n?? data"


def test_a_shared_cache_has_the_modes_of_dvc(new_clone: Callable[[str], Clone]) -> None:
    found = []
    for name in ("ours", "theirs"):
        clone = new_clone(name)
        clone.dvc("config", "cache.shared", "group")
        for number in range(20):
            clone.write(f"data/{number}", b"%d" % number)
        _ = clone.vfs("add", "data") if name == "ours" else clone.dvc("add", "-q", "data")
        base = clone.root / ".dvc/cache"
        found.append(
            {
                str(path.relative_to(base)): oct(path.stat().st_mode)
                for path in (base, *base.rglob("*"))
                if "/tmp" not in str(path.relative_to(base))
            }
        )
    ours, theirs = found
    assert {path: theirs.get(path) for path in ours} == ours
    assert oct(stat.S_IFDIR | 0o2775) in ours.values()


def test_a_clone_that_cannot_be_made_is_refused(clone: Clone) -> None:
    clone.write("data/a", b"a" * 100)
    clone.vfs("add", "data")
    clone.dvc("checkout", "-q")
    done = clone.vfs("checkout", "--link", "reflink", check=False)
    if clones(clone.root):
        assert done.returncode == 0
    else:
        assert done.returncode
        assert b"no reflink of" in done.stderr
        assert b"--link copy" in done.stderr
    assert clone.read("data/a") == b"a" * 100


def clones(directory: Path) -> bool:
    with (
        tempfile.TemporaryFile(dir=directory) as source,
        tempfile.TemporaryFile(dir=directory) as target,
    ):
        try:
            fcntl.ioctl(target.fileno(), FICLONE, source.fileno())
        except OSError:
            return False
    return True


def test_a_hard_link_to_another_file_system_is_refused(tmp_path: Path) -> None:
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as source:
        assert os.fstat(source.fileno()).st_dev != tmp_path.stat().st_dev, "two are needed"
        source.write(b"data")
        source.flush()
        target = os.fsencode(tmp_path / "target")
        with pytest.raises(Unsupported, match="no hardlink"):
            Linker(("hardlink",), strict=True).put(source.name, target)
        assert not os.path.lexists(target)
        Linker(("hardlink",)).put(source.name, target)  # as `cache.type` says: what works
        assert Path(os.fsdecode(target)).read_bytes() == b"data"
