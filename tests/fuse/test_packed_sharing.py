"""A team that shares through a packed remote: add, push, clone, mount, fetch, check out, change, push."""

import json
import random
import sys
from pathlib import Path

import pytest

from vfs.testing.clones import Clone, check_store
from vfs.testing.mounts import MountFactory
from vfs.testing.s3_servers import S3Server
from vfs.testing.sandbox import Sandbox
from vfs.testing.variants import soak

pytestmark = [pytest.mark.fuse, pytest.mark.slow]

CHANCE = random.Random(3)
FILES = {f"data/{n % 3}/{n:03}": CHANCE.randbytes(2000 + n) for n in range(200)}
FILES |= {"data/empty": b"", "data/again": CHANCE.randbytes(5000), "data/ünicode": b"u" * 300}
FILES["data/and again"] = FILES["data/again"]
LARGE = CHANCE.randbytes(5 << 20)


@pytest.fixture
def one(request: pytest.FixtureRequest, sandbox: Sandbox) -> Clone:
    """A repository with data that nobody pushed, and a packed remote: a directory, or a bucket."""
    root = sandbox.root / "one"
    root.mkdir()
    made = Clone(sandbox, root)
    made.git("init", "-q", "-b", "main")
    made.vfs("init")
    if request.param == "local":
        made.vfs("remote", "add", "--packed", "team", str(sandbox.root / "packed"))
    else:
        server: S3Server = request.getfixturevalue("ministack")
        url = f"s3://{server.new_bucket()}/some/prefix"
        options = [f"{name}={value}" for name, value in server.options.items()]
        made.vfs("remote", "add", "--packed", "team", url, *options)
    for path, data in FILES.items():
        made.write(path, data)
    made.write("model.bin", LARGE)
    made.vfs("add", "data", "model.bin")
    commit(made, "v1")
    return made


def commit(clone: Clone, tag: str) -> None:
    clone.git("add", "--all")
    clone.git("commit", "-q", "-m", tag)
    clone.git("tag", tag)


def figures(said: str) -> dict[str, int]:
    return dict(json.loads(said.splitlines()[0]))


@pytest.mark.parametrize("one", [soak("local"), "s3"], indirect=True)
def test_round_trip(one: Clone, mounts: MountFactory) -> None:
    first = one.data
    assert "200" not in one.vfs("push")  # 199 files: two hold the same
    assert figures(one.vfs("push", "--json"))["files"] == 0
    one.vfs("status", "--remote")

    two = one.clone("two")
    mount = mounts(two.root)
    assert (mount.path / "model.bin").read_bytes() == LARGE
    for path, data in FILES.items():
        assert (mount.path / path).read_bytes() == data
    two.vfs("fetch", "data/1")
    assert not (two.root / "data").exists()
    two.vfs("fetch")
    assert check_store(two.cache) == len(FILES) - 1 + 2
    assert figures(two.vfs("fetch", "--json"))["files"] == 0
    two.vfs("checkout")
    assert two.data == first

    two.write("data/0/000", b"changed")
    two.write("data/new", b"new")
    changed = LARGE[:3_000_000] + b"inserted" + LARGE[3_000_000:]
    two.write("model.bin", changed)
    two.vfs("add", "data", "model.bin")
    commit(two, "v2")
    sent = figures(two.vfs("push", "--json"))
    assert sent["files"] == 2 + 1 + 2  # contents, and manifests
    assert sent["size"] < 2_000_000, "the chunks that changed"
    one.git("pull", "-q", str(two.root), "main")
    one.vfs("pull")
    assert one.data == two.data != first
    assert figures(one.vfs("push", "--all-commits", "--json"))["files"] == 0


@pytest.mark.parametrize("one", ["local", soak("s3")], indirect=True)
def test_one_file_into_a_directory_that_is_not_here(one: Clone) -> None:
    """What the manifest of the version before says need not be in the cache."""
    one.vfs("push")
    two = one.clone("two")
    two.write("data/more", b"more")
    two.vfs("fetch", "data/empty")
    two.vfs("add", "data/more")
    commit(two, "v2")
    assert figures(two.vfs("push", "--json"))["files"] == 2
    three = two.clone("three")
    three.vfs("pull")
    assert three.data == one.data | {"data/more": b"more"}


@pytest.mark.parametrize("one", ["local", soak("s3")], indirect=True)
def test_two_change_one_directory_and_merge(one: Clone) -> None:
    """The merge driver fetches the list of the other side from the packed remote."""
    one.vfs("push")
    two = one.clone("two")
    two.write("data/theirs", b"theirs")
    two.vfs("fetch", "data/empty")
    two.vfs("add", "data/theirs")
    commit(two, "theirs")
    two.vfs("push")
    one.vfs("install")
    bin_ = Path(sys.executable).parent
    one.sandbox.environ["PATH"] = f"{bin_}:{one.sandbox.environ['PATH']}"
    one.write("data/ours", b"ours")
    one.vfs("add", "data")
    commit(one, "ours")
    one.git("pull", "-q", "--no-rebase", "--no-edit", str(two.root), "main")
    one.vfs("fetch", "--rev", "HEAD^2")  # what is merged has no manifest before it is pushed
    one.vfs("pull")
    assert one.data == {**FILES, "model.bin": LARGE, "data/ours": b"ours", "data/theirs": b"theirs"}
