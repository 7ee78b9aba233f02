"""Push and fetch beside the real dvc, in both directions: a colleague who uses `dvc` notices nothing."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from vfs.testing.builders import ODD_NAMES
from vfs.testing.clones import Clone, check_store
from vfs.testing.real_repository import RepositoryCase
from vfs.testing.s3_servers import S3Server
from vfs.testing.sandbox import Sandbox
from vfs.testing.variants import soak

pytestmark = [pytest.mark.dvc, pytest.mark.slow]


FILES = {f"data/{name}": name.encode() * 50 for name in (*ODD_NAMES, "empty/é")}


def start(sandbox: Sandbox, dvc: Path, url: str, options: dict[str, str]) -> Clone:
    """A repository with data that nobody pushed."""
    root = sandbox.root / "one"
    root.mkdir()
    made = Clone(sandbox, root, dvc)
    made.git("init", "-q")
    made.dvc("init", "-q")
    made.dvc("remote", "add", "-q", "-d", "store", url)
    for name, value in options.items():
        made.dvc("remote", "modify", "-q", "store", name, value)
    for path, data in FILES.items():
        made.write(path, data)
    made.write("data/none", b"")
    made.write("model.bin", bytes(range(256)) * 9000)
    made.dvc("add", "-q", "data", "model.bin")
    made.git("add", "--all")
    made.git("commit", "-q", "-m", "v1")
    made.git("tag", "v1")
    return made


def second_version(clone: Clone) -> None:
    clone.write("data/new", b"new" * 1000)
    clone.write("data/none", b"no longer empty")
    (clone.root / "data" / "yes").unlink()
    clone.dvc("add", "-q", "data")
    clone.git("commit", "-q", "-a", "-m", "v2")


@pytest.fixture
def one(request: pytest.FixtureRequest, sandbox: Sandbox, dvc3: Path) -> Clone:
    """A repository whose remote is a directory, or a bucket."""
    if request.param == "local":
        return start(sandbox, dvc3, str(sandbox.root / "remote"), {})
    server: S3Server = request.getfixturevalue("ministack")
    url = f"s3://{server.new_bucket()}/some/prefix"
    return start(sandbox, dvc3, url, server.options)


@pytest.mark.parametrize("one", [soak("local"), "s3"], indirect=True)
def test_dvc_pulls_what_we_pushed(one: Clone) -> None:
    one.vfs("push")
    two = one.clone("two")
    two.dvc("pull", "-q")
    assert two.data == one.data
    assert "up to date" in two.dvc("status")
    assert "in sync" in two.dvc("status", "-c")

    second_version(one)
    assert "3 objects pushed" in one.vfs("push")
    two.git("pull", "-q")
    two.dvc("pull", "-q")
    assert two.data == one.data
    assert "0 objects pushed" in one.vfs("push")
    assert "Everything is up to date" in one.dvc("push")


@pytest.mark.parametrize("one", ["local", soak("s3")], indirect=True)
def test_we_fetch_what_dvc_pushed(one: Clone) -> None:
    one.dvc("push", "-q")
    second_version(one)
    one.dvc("push", "-q")
    two = one.clone("two")
    two.vfs("fetch", "model.bin", "data/new")
    for path, mode in objects(two):
        assert mode == 0o444, path
    assert len(objects(two)) == 3  # and the listing
    two.vfs("fetch", "--all-commits")
    assert "0 objects fetched" in two.vfs("fetch", "--all-commits")
    two.dvc("checkout", "-q")
    assert two.data == one.data
    assert "up to date" in two.dvc("status")
    assert "up to date" in two.dvc("fetch", "--all-commits")
    two.git("checkout", "-q", "v1")
    two.dvc("checkout", "-q")
    assert "up to date" in two.dvc("status")


def test_history_goes_to_remotes_that_came_later(sandbox: Sandbox, dvc3: Path) -> None:
    """To the first remote of a repository, as the default one, and to another, by its name; and back."""
    one = start(sandbox, dvc3, str(sandbox.root / "remote"), {})
    one.vfs("remote", "remove", "store")
    one.git("commit", "-q", "-a", "--amend", "-m", "v1 without a remote")
    one.git("tag", "-f", "v1")
    second_version(one)
    every = check_store(one.cache)
    for name, chosen in (("first", []), ("second", ["-r", "second"])):
        place = sandbox.root / name
        one.vfs("remote", "add", *(["-d"] if not chosen else []), name, str(place))
        assert f"{every} objects pushed" in one.vfs("push", *chosen, "--all-commits")
        assert check_store(place) == every
        shutil.rmtree(one.cache)
        one.vfs("fetch", *chosen, "--all-commits")
        assert check_store(one.cache) == every


def objects(clone: Clone) -> list[tuple[str, int]]:
    base = clone.root / ".dvc" / "cache" / "files" / "md5"
    return [(str(path), path.stat().st_mode & 0o777) for path in base.rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", ["legacy", soak("imports")])
def test_everything_that_dvc_pulls_can_be_fetched(
    name: str, real_repository: Callable[[str], RepositoryCase], sandbox: Sandbox, dvc3: Path
) -> None:
    """At every tag, after `vfs fetch`, dvc lacks nothing but what was imported without its content (`later-…`)."""
    case = real_repository(name)
    clone = Clone(sandbox, case.root, dvc3).clone("fetching")
    for tag in case.revisions:
        clone.git("checkout", "-q", "--force", tag)
        later = any(clone.root.glob("later-*.dvc"))
        said = clone.vfs("fetch", code=16 if later else 0)
        warnings = [line for line in said.splitlines() if line.startswith("warning: ")]
        assert all(line.startswith("warning: later-") for line in warnings), said
        lacking = clone.dvc("status").splitlines()
        lacking = [line for line in lacking if "not in cache" in line and "later-" not in line]
        assert not lacking, tag


@pytest.mark.parametrize("link", [soak("copy"), "hardlink", soak("symlink")])
def test_dvc_finds_what_we_checked_out_up_to_date(sandbox: Sandbox, dvc3: Path, link: str) -> None:
    """In every kind of link, over both versions, and the other way round."""
    one = start(sandbox, dvc3, str(sandbox.root / "remote"), {})
    first = one.data
    second_version(one)
    one.vfs("push", "--all-commits")
    two = one.clone("two")
    two.dvc("config", "--local", "cache.type", link)
    two.vfs("pull", "--all-commits")
    assert two.data == one.data
    assert "up to date" in two.dvc("status")
    two.git("checkout", "-q", "v1")
    two.vfs("checkout")
    assert two.data == first
    assert "up to date" in two.dvc("status")
    two.git("checkout", "-q", "main")
    two.dvc("checkout", "-q")
    assert "3 files" not in (said := two.vfs("checkout"))
    assert said.startswith("0 files checked out, 0 removed")
    assert two.data == one.data


def test_pull_brings_each_of_some_equal_outs(sandbox: Sandbox, dvc3: Path) -> None:
    one = start(sandbox, dvc3, str(sandbox.root / "remote"), {})
    for name in ("x", "y"):
        one.write(name, b"same")
    shutil.copytree(one.root / "data", one.root / "copy")
    one.dvc("add", "-q", "x", "y", "copy")
    one.git("add", "--all")
    one.git("commit", "-q", "-m", "equal ones")
    (sandbox.root / "remote").mkdir()
    assert one.vfs("status", "--remote").count("not on store") == 5
    one.vfs("push")
    two = one.clone("two")
    two.vfs("pull")
    assert "up to date" in two.dvc("status")
    shutil.rmtree(two.root / "copy")
    two.vfs("pull", "copy")
    assert "up to date" in two.dvc("status")
