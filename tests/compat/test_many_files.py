"""So many small files that processes add, push, fetch and check them out: the same as one by one, to the byte."""

import hashlib
import os
from pathlib import Path

import pytest

from vfs.testing.clones import Clone, check_store, objects
from vfs.testing.sandbox import Sandbox
from vfs.testing.variants import soak

pytestmark = [pytest.mark.dvc]
MANY = 1_100  # processes take 512 and more


@pytest.fixture
def one(request: pytest.FixtureRequest, sandbox: Sandbox, dvc3: Path) -> Clone:
    """A repository with data that nobody pushed, and a remote of either layout."""
    root = sandbox.root / "one"
    root.mkdir()
    made = Clone(sandbox, root, dvc3)
    made.git("init", "-q")
    made.vfs("init")
    url = str(sandbox.root / "remote")
    packed = ["--packed"] if request.param == "packed" else []
    made.vfs("remote", "add", "-d", *packed, "store", url)
    for number in range(MANY):
        made.write(f"data/{number % 7}/{number:05d}", b"%d\r\n" % number * (number % 50))
    made.write("data/large", bytes(range(256)) * 9000)
    os.chmod(root / "data/0/00007", 0o755)
    (root / "data/link").symlink_to("1/00008")
    return made


def commit(clone: Clone) -> None:
    clone.git("add", "--all")
    clone.git("commit", "-q", "-m", "v1")


@pytest.mark.parametrize("one", ["dvc", soak("packed")], indirect=True)
def test_round_trip(one: Clone) -> None:
    one.vfs("add", "data")
    assert "up to date" in one.dvc("status")
    commit(one)
    one.vfs("push")
    two = one.clone("two")
    two.vfs("fetch")
    assert check_store(two.cache) == check_store(one.cache)
    two.vfs("checkout")
    assert two.data == one.data
    assert "up to date" in two.dvc("status")


@pytest.mark.parametrize("one", [soak("dvc"), "packed"], indirect=True)
def test_what_is_damaged_is_named(one: Clone) -> None:
    one.vfs("add", "data")
    commit(one)
    name = hashlib.md5(one.data["data/0/01001"]).hexdigest()
    damaged = dict(objects(one.cache))[name]
    damaged.chmod(0o644)
    damaged.write_bytes(b"no longer")
    assert "0/01001" in one.vfs("push", code=15)
    one.vfs("add", "data")  # reads what is no longer marked as right
    one.vfs("push")
    two = one.clone("two")
    two.vfs("pull")
    assert two.data == one.data
