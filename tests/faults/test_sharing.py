"""Push, fetch and checkout are killed (`make soak`: a hundred times each), meet lying remotes, full and read-only disks, and each other."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vfs.testing.clones import Clone, check_store, handmade_clone, objects
from vfs.testing.faulty_proxy import Fault, FaultyProxy, corrupt, set_header, truncate, whole
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.s3_servers import S3Server
from vfs.testing.sandbox import Sandbox
from vfs.testing.variants import all_but, soak

pytestmark = pytest.mark.slow

SOAK = bool(os.environ.get("VFS_TEST_SOAK"))
KILLS = 100 if SOAK else 6
CHOOSER = random.Random(7)
FILES = {f"{n % 7}/{n:03d}": CHOOSER.randbytes(2000 + n) for n in range(300)}
OBJECTS = len(FILES) + 1


def figures(said: str) -> dict[str, int]:
    """The JSON line of a run."""
    return dict(json.loads(said.splitlines()[0]))


@pytest.fixture
def made(handmade: HandmadeRepository) -> HandmadeRepository:
    """A repository with one directory."""
    handmade.commit(directories={"data": FILES}, tag="v1")
    handmade.sandbox.git(handmade.root, "reset", "-q", "--hard")
    return handmade


@pytest.mark.parametrize("seed", all_but((0, 2), range(KILLS)))
def test_push_is_killed(made: HandmadeRepository, seed: int) -> None:
    one = handmade_clone(made, "one", cached=True)
    made.lose_remote()
    enough = random.Random(seed).randrange(OBJECTS)
    one.killed(lambda: sum(1 for _ in objects(made.remote)) >= enough, "push")
    there = check_store(made.remote)
    assert figures(one.vfs("push", "--json"))["files"] == OBJECTS - there
    assert check_store(made.remote) == OBJECTS
    assert figures(one.vfs("push", "--json"))["files"] == 0


@pytest.mark.parametrize("seed", all_but((0, 1), range(KILLS)))
def test_fetch_is_killed(made: HandmadeRepository, seed: int) -> None:
    one = handmade_clone(made, "one", cached=False)
    enough = random.Random(seed).randrange(OBJECTS)
    one.killed(lambda: sum(1 for _ in objects(one.cache)) >= enough, "fetch")
    there = sum(1 for _ in objects(one.cache))
    assert figures(one.vfs("fetch", "--json"))["files"] == OBJECTS - there
    assert check_store(one.cache) == OBJECTS
    assert {path.stat().st_mode & 0o777 for _, path in objects(one.cache)} == {0o444}


@pytest.mark.parametrize("seed", all_but((2,), range(100 if SOAK else 3)))
def test_checkout_is_killed(made: HandmadeRepository, seed: int) -> None:
    """What was there stays until all of the new version can be renamed into place."""
    second = {name: data for name, data in FILES.items() if name[0] != "3"} | {"new": b"new"}
    made.commit(directories={"data": second}, tag="v2")
    one = handmade_clone(made, "one", cached=False)
    one.git("checkout", "-q", "v1")
    one.vfs("fetch", "--all-tags")
    enough = random.Random(seed).randrange(len(FILES))
    data, staging = one.root / "data", one.root / ".dvc" / "tmp"
    one.killed(lambda: sum(1 for _ in staging.rglob("*/*")) >= enough, "checkout")
    one.vfs("checkout")
    assert tree(data) == FILES
    one.git("checkout", "-q", "v2")
    one.killed(lambda: (data / "new").exists(), "checkout")
    one.vfs("checkout")
    assert tree(data) == second
    assert not list(staging.glob("vfs-*"))


def tree(directory: Path) -> dict[str, bytes]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def test_two_clones_push_at_once(made: HandmadeRepository) -> None:
    one, two = (handmade_clone(made, name, cached=True) for name in ("one", "two"))
    made.lose_remote()
    argv = [sys.executable, "-m", "vfs_cli", "push"]
    pushing = [
        subprocess.Popen(argv, cwd=clone.root, env=made.sandbox.environ, stdout=subprocess.PIPE)
        for clone in (one, two)
    ]
    for process in pushing:
        process.communicate()
        assert process.returncode == 0
    assert check_store(made.remote) == OBJECTS


def test_what_the_cache_lacks_or_has_wrong_is_named_and_the_rest_goes(
    made: HandmadeRepository,
) -> None:
    one = handmade_clone(made, "one", cached=True)
    made.lose_remote()
    found = {path.read_bytes(): path for _, path in objects(one.cache)}
    found[FILES["0/000"]].unlink()
    wrong = found[FILES["1/001"]]
    wrong.write_bytes(b"other")
    wrong.chmod(0o444)
    said = one.vfs("push", code=16)
    assert "data/0/000: it is neither in the cache nor on any remote" in said
    assert "data/1/001: " in said
    assert "damaged" in said
    assert sum(1 for _ in objects(made.remote)) == OBJECTS - 3  # and not the listing
    check_store(made.remote)
    wrong.unlink()
    for path in ("0/000", "1/001"):
        target = found[FILES[path]]
        target.write_bytes(FILES[path])
    assert figures(one.vfs("push", "--json"))["files"] == 3


# Remotes that lie ------------------------------------------------------------------------------


@pytest.fixture
def through_proxy(
    sandbox: Sandbox, ministack: S3Server, tmp_path: Path
) -> Iterator[tuple[Clone, FaultyProxy]]:
    """A clone without data whose remote is a bucket behind a proxy."""
    bucket = ministack.new_bucket()
    with FaultyProxy(ministack.port) as proxy:
        # A remote that promises more than it sends is waited for.
        options = {**ministack.options, "endpointurl": proxy.endpoint, "read_timeout": "2"}
        made = HandmadeRepository(
            sandbox, tmp_path / "repo", remote_url=f"s3://{bucket}/p", remote_options=options
        )
        made.commit(directories={"data": {"a": b"a" * 1000, "b": b"b" * 1000}})
        client = ministack.client()
        made.upload(lambda key, data: client.put_object(Bucket=bucket, Key=f"p/{key}", Body=data))
        yield handmade_clone(made, "one", cached=False), proxy


def test_status_asks_no_more_than_push_would(
    sandbox: Sandbox, ministack: S3Server, tmp_path: Path
) -> None:
    """A new version of a directory: the list, the lists that were seen there, and the new file."""
    bucket = ministack.new_bucket()
    with FaultyProxy(ministack.port) as proxy:
        options = {**ministack.options, "endpointurl": proxy.endpoint}
        made = HandmadeRepository(
            sandbox, tmp_path / "repo", remote_url=f"s3://{bucket}/p", remote_options=options
        )
        files = {f"{n}": b"%d" % n for n in range(40)}
        made.commit(directories={"data": files}, tag="v1")
        made.commit(directories={"data": files | {"new": b"new"}}, tag="v2")
        one = handmade_clone(made, "one", cached=True)
        one.vfs("push", "--rev", "v1")
        proxy.requests.clear()
        assert "2 objects missing there" in one.vfs("status", "--remote")
        assert len(proxy.requests) <= 6
        one.vfs("push")
        proxy.requests.clear()
        assert "store has everything" in one.vfs("status", "--remote")
        assert len(proxy.requests) <= 3


@pytest.mark.parametrize(
    "fault",
    [
        corrupt(10),
        soak(truncate(100)),
        set_header("Content-Length", "3000"),
        soak(whole(b"short")),
    ],
    ids=["wrong bytes", "cut", "wrong length", "other object"],
)
def test_a_remote_that_lies(through_proxy: tuple[Clone, FaultyProxy], fault: Fault) -> None:
    """No wrong byte gets into the cache, and the right ones do as soon as they come."""
    one, proxy = through_proxy
    one.vfs("fetch", "data", "--json")
    for name, path in objects(one.cache):
        if not name.endswith(".dir"):
            path.unlink()
    proxy.plan(fault)
    done = one.sandbox.run([sys.executable, "-m", "vfs_cli", "fetch"], cwd=one.root, check=False)
    for name, path in objects(one.cache):
        assert path.stat().st_size == 1000 or name.endswith(".dir")
    if done.returncode:
        assert b"data/" in done.stderr
        one.vfs("fetch")
    assert check_store(one.cache) == 3


def test_a_stale_listing_costs_an_upload_and_nothing_else(
    sandbox: Sandbox, ministack: S3Server, tmp_path: Path
) -> None:
    """Objects that LIST does not show yet are sent again; what it shows no more is not believed for ever."""
    bucket = ministack.new_bucket()
    made = HandmadeRepository(
        sandbox, tmp_path / "repo", remote_url=f"s3://{bucket}/p", remote_options=ministack.options
    )
    files = dict(list(FILES.items())[:40])
    made.commit(directories={"data": files})
    one = handmade_clone(made, "one", cached=True)
    client = ministack.client()
    assert figures(one.vfs("push", "--json"))["files"] == 41
    listed = client.list_objects_v2(Bucket=bucket)["Contents"]
    for item in listed:  # somebody empties the bucket
        client.delete_object(Bucket=bucket, Key=item["Key"])
    assert figures(one.vfs("push", "--json"))["files"] == 41
    two = handmade_clone(made, "two", cached=False)
    two.vfs("fetch")
    assert check_store(two.cache) == 41


# Disks -------------------------------------------------------------------------------------------


@pytest.fixture
def small(sandbox: Sandbox) -> Iterator[Path]:
    """A file system of 300 KiB."""
    place = sandbox.root / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_the_disk_of_the_cache_is_full(made: HandmadeRepository, small: Path) -> None:
    one = handmade_clone(made, "one", cached=False)
    (one.root / ".dvc" / "config.local").write_text(f"[cache]\n    dir = {small}\n")
    assert "No space left" in one.vfs("fetch", code=18)
    for name, path in objects(small):
        assert path.stat().st_size >= 2000, name
    assert not list(small.rglob("*.tmp"))


def test_the_disk_of_the_remote_is_full_or_read_only(made: HandmadeRepository, small: Path) -> None:
    one = handmade_clone(made, "one", cached=True)
    local = one.root / ".dvc" / "config.local"
    local.write_text(f"['remote \"store\"']\n    url = {small}\n")
    said = one.vfs("push", code=10)
    assert "No space left" in said
    assert "vfs gc --remote" in said
    assert not any(name.endswith(".dir") for name, _ in objects(small))
    assert not list(small.rglob("*.tmp"))
    subprocess.run(["mount", "-o", "remount,ro", small], check=True)
    said = one.vfs("push", code=13)
    assert "Read-only" in said
    assert "hint: " in said


def test_the_working_tree_is_full(made: HandmadeRepository, small: Path) -> None:
    """A checkout that has no room leaves what was there."""
    made.commit(directories={"data": {"only": b"one"}}, tag="small")
    root = small / "clone"
    made.sandbox.git(small, "clone", "-q", "--shared", made.root, root)
    one = Clone(made.sandbox, root)
    shutil.rmtree(root / ".git" / "hooks", ignore_errors=True)
    cache = made.sandbox.root / "cache-of-one"
    (root / ".dvc" / "config.local").write_text(f"[cache]\n    dir = {cache}\n    type = copy\n")
    one.vfs("pull")
    one.git("checkout", "-q", "v1")
    one.vfs("fetch")
    assert "No space left" in one.vfs("checkout", code=18)
    assert os.listdir(root / "data") == ["only"]
    assert (root / "data" / "only").read_bytes() == b"one"
