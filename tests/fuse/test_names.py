"""Names arrive as Git and DVC store them, whatever bytes they are."""

import os

import pytest

from vfs.testing.builders import ODD_NAMES
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory
from vfs.testing.refusals import refused
from vfs.testing.trees import capture

pytestmark = pytest.mark.fuse

RAW = (b"latin-\xe9", b"\xff\xfe", b"control-\x01\x1b", b"b" * 255, b"\xf0" * 255)


@pytest.fixture(scope="module")
def mount(module_handmade: HandmadeRepository, module_mounts: MountFactory) -> Mount:
    repo = module_handmade
    oid, size, count = repo.put_directory({name: name.encode() for name in ODD_NAMES})
    text = f"outs:\n- md5: {oid}\n  size: {size}\n  nfiles: {count}\n  hash: md5\n  path: data\n"
    raw = {b"raw/" + name: b"git " + name for name in RAW}
    repo.commit_raw({b".dvc/config": repo.config(), b"data.dvc": text.encode(), **raw})
    return module_mounts(repo.root)


def test_tracked_names(mount: Mount) -> None:
    found = capture(mount.raw + b"/data")
    files = {os.fsdecode(path) for path, node in found.items() if node.kind == "file"}
    assert files == set(ODD_NAMES)
    for name in ODD_NAMES:
        assert (mount.path / "data" / name).read_bytes() == name.encode()


def test_git_names(mount: Mount) -> None:
    assert set(os.listdir(mount.raw + b"/raw")) == set(RAW)
    for name in RAW:
        with open(mount.raw + b"/raw/" + name, "rb") as file:
            assert file.read() == b"git " + name


def test_lookup_is_exact(mount: Mount) -> None:
    """No normalisation, no case folding: only the very bytes are found."""
    assert os.path.exists(mount.path / "data" / "yes")
    for other in ("YES", "yes ", "sort/A", "decomposed-\u00e9"):
        assert not os.path.isfile(mount.path / "data" / other), other


def test_control_characters_in_xattrs_do_no_harm(mount: Mount) -> None:
    with refused(61):
        os.getxattr(mount.raw + b"/raw/" + RAW[2], b"user.\x01")
