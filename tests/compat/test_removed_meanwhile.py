"""A push trusts nothing it saw on a remote from which a colleague's `dvc gc -c` has removed it since."""

from pathlib import Path

import pytest

from vfs.testing.clones import Clone, check_store, objects
from vfs.testing.sandbox import Sandbox

pytestmark = [pytest.mark.dvc, pytest.mark.slow]


@pytest.fixture
def one(sandbox: Sandbox, dvc3: Path) -> Clone:
    """A repository with one file on its remote."""
    root = sandbox.root / "one"
    root.mkdir()
    made = Clone(sandbox, root, dvc3)
    made.git("init", "-q")
    made.vfs("init")
    made.vfs("remote", "add", "-d", "store", str(sandbox.root / "remote"))
    made.write("keep", b"keep")
    made.vfs("add", "keep")
    made.git("add", "--all")
    made.git("commit", "-q", "-m", "v1")
    made.vfs("push")
    return made


def test_a_file_that_dvc_gc_removed_is_pushed_again(one: Clone) -> None:
    colleague = one.clone("colleague")
    one.write("model", b"model")
    one.vfs("add", "model")
    one.vfs("push")
    colleague.dvc("pull", "-q")
    colleague.dvc("gc", "-q", "-w", "-c", "-f")

    assert "1 object pushed" in one.vfs("push", "model")
    assert "in sync" in one.dvc("status", "-c")


def test_a_push_that_goes_on_sends_what_dvc_gc_removed_since(one: Clone) -> None:
    colleague = one.clone("colleague")
    for name in "123":
        one.write(f"data/{name}", name.encode())
    one.vfs("add", "data")
    one.git("add", "--all")
    one.git("commit", "-q", "-m", "v2")
    digest = "eccbc87e4b5ce2fe28308fd9f2a7baf3"  # md5 of b"3"
    missing = one.root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    missing.rename(one.root.parent / "aside")
    one.vfs("push", code=16)  # the other two files went, the list did not
    colleague.dvc("pull", "-q")
    colleague.dvc("gc", "-q", "-w", "-c", "-f")
    (one.root.parent / "aside").rename(missing)

    one.vfs("push")
    two = one.clone("two")
    two.dvc("pull", "-q")
    assert two.data == one.data


@pytest.mark.parametrize("what", ["a file", "a list"])
def test_what_was_cut_short_is_pushed_again(one: Clone, what: str) -> None:
    """`dvc push` never sends again what has the name, whatever it holds."""
    one.write("data/a", b"a" * 100)
    one.write("data/b", b"b" * 100)
    one.vfs("add", "data")
    one.vfs("push")
    store = one.root.parent / "remote"
    listing = next(store.rglob("*.dir"))
    files = [path for name, path in objects(store) if not name.endswith(".dir")]
    cut = listing if what == "a list" else files[0]
    cut.chmod(0o644)
    cut.write_bytes(cut.read_bytes()[:2])
    if what == "a file":
        listing.unlink()
    one.vfs("push")
    assert check_store(store) == 4
