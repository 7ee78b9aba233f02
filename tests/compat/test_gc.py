"""`vfs gc` beside the real dvc: what is needed stays, dvc finds everything, what goes is named."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.compat.conftest import version
from vfs.testing.clones import Clone, check_store, objects
from vfs.testing.s3_servers import S3Server
from vfs.testing.sandbox import Sandbox
from vfs.testing.variants import soak

pytestmark = [pytest.mark.dvc, pytest.mark.slow]


EACH = 3 + 1 + 1  # objects that only one version has
ALL = 3 * EACH + 3


def gc(clone: Clone, *arguments: str, code: int = 0) -> dict[str, int]:
    said = clone.vfs("gc", "--json", *arguments, code=code)
    found = [json.loads(line) for line in said.splitlines() if line.startswith('{"type":"gc"')]
    return dict(found[-1]) if found else {}


def count(store: Path) -> int:
    return sum(1 for _ in objects(store))


def test_a_scope_is_needed(one: Clone) -> None:
    assert "--all-commits" in one.vfs("gc", code=2)


def test_what_no_remote_has_stays(one: Clone) -> None:
    done = gc(one, "--workspace", "--older-than", "0")
    assert (done["removed"], done["only_here"]) == (0, 2 * EACH)
    assert count(one.cache) == ALL


def test_a_stage_that_never_ran_names_nothing(one: Clone) -> None:
    one.write("dvc.yaml", b"stages:\n  train:\n    cmd: train\n    outs:\n    - weights\n")
    one.write("later.dvc", b"outs:\n- path: later\n")
    one.git("add", "--all")
    one.git("commit", "-q", "-m", "a stage")
    done = gc(one, "--all-commits", "--older-than", "0")
    assert (done["removed"], count(one.cache)) == (0, ALL)


def test_pushed_versions_go_and_dvc_brings_them_back(one: Clone) -> None:
    one.vfs("push", "--all-commits")
    assert gc(one, "--workspace")["young"] == 2 * EACH
    dry = gc(one, "--workspace", "--older-than", "0", "--dry-run")
    assert dry["removed"] == 2 * EACH
    assert count(one.cache) == ALL
    done = gc(one, "--workspace", "--older-than", "0")
    assert done["removed"] == 2 * EACH
    assert check_store(one.cache) == EACH + 3
    assert "up to date" in one.dvc("status")
    one.git("checkout", "-q", "v1")
    one.dvc("pull", "-q")
    assert "up to date" in one.dvc("status")


def test_a_truncated_copy_on_the_remote_is_none(one: Clone, sandbox: Sandbox) -> None:
    one.vfs("push", "--all-commits")
    victim = {name for name, _ in objects(one.cache)}
    gc(one, "--rev", "v1", "--older-than", "0", "--dry-run")
    one.git("checkout", "-q", "v1")
    md5 = (one.root / "model.bin.dvc").read_text().split("md5: ")[1].split()[0]
    one.git("checkout", "-q", "main")
    assert md5 in victim
    path = sandbox.root / "remote" / "files" / "md5" / md5[:2] / md5[2:]
    path.chmod(0o644)
    path.write_bytes(b"short")
    done = gc(one, "--workspace", "--older-than", "0")
    assert done["only_here"] == 1
    assert md5 in dict(objects(one.cache))


@pytest.mark.parametrize("through", ["", "link"])
def test_a_remote_that_is_the_cache_itself_has_nothing(
    one: Clone, sandbox: Sandbox, through: str
) -> None:
    path = one.cache
    if through:
        path = sandbox.root / through
        path.symlink_to(one.cache)
    one.dvc("remote", "modify", "-q", "store", "url", str(path))
    one.vfs("push", "--all-commits")
    done = gc(one, "--workspace", "--older-than", "0")
    assert (done["removed"], done["only_here"]) == (0, 2 * EACH)
    assert count(one.cache) == ALL


def test_scopes_keep_what_they_name(one: Clone) -> None:
    one.vfs("push", "--all-commits")
    assert gc(one, "--all-tags", "--older-than", "0")["removed"] == 0
    assert gc(one, "--rev", "v1", "--older-than", "0")["removed"] == EACH
    assert gc(one, "--all-branches", "--older-than", "0")["removed"] == EACH


def test_what_nothing_names_goes_when_it_is_old(one: Clone) -> None:
    one.write("data/0", b"never committed")
    one.vfs("add", "data")
    one.git("checkout", "-q", "data.dvc")
    assert gc(one, "--all-commits")["young"] == 2
    assert gc(one, "--all-commits", "--older-than", "1h")["removed"] == 0
    assert gc(one, "--all-commits", "--older-than", "0")["removed"] == 2
    assert check_store(one.cache) == ALL


def test_what_is_staged_is_needed(one: Clone) -> None:
    one.vfs("push")
    for data in (b"staged", b"later"):
        one.write("model.bin", data)
        one.vfs("add", "model.bin")
        if data == b"staged":
            one.git("add", "model.bin.dvc")
    gc(one, "--workspace", "--older-than", "0")
    one.git("commit", "-q", "-m", "what was staged")
    one.git("checkout", "-q", "--", "model.bin.dvc")
    one.vfs("checkout")
    assert one.data["model.bin"] == b"staged"


def test_stashes_reflogs_and_linked_trees_count(one: Clone, sandbox: Sandbox) -> None:
    one.vfs("push", "--all-commits")
    one.write("model.bin", b"stashed")
    one.vfs("add", "model.bin")
    one.git("stash", "-q")
    one.git("worktree", "add", "-q", str(sandbox.root / "linked"), "v1")
    linked = Clone(sandbox, sandbox.root / "linked", None)
    linked.write("fresh", b"added beside")
    linked.vfs("add", "fresh")
    version(one, 4)
    one.git("tag", "-d", "v4")
    one.git("reset", "-q", "--hard", "HEAD~1")
    done = gc(one, "--workspace", "--older-than", "0")
    assert done["only_here"] == 1 + EACH
    assert done["removed"] == EACH  # v2: v1 is in the linked tree
    before = check_store(one.cache)
    assert gc(linked, "--workspace", "--older-than", "0")["removed"] == 0
    assert check_store(one.cache) == before


def test_a_list_that_cannot_be_read_ends_it(one: Clone, sandbox: Sandbox) -> None:
    md5 = (one.root / "data.dvc").read_text().split("md5: ")[1].split()[0]
    listing = one.cache / "files" / "md5" / md5[:2] / md5[2:]
    listing.rename(sandbox.root / "away")
    said = one.vfs("gc", "--workspace", "--older-than", "0", code=12)
    assert md5 in said
    assert "data (" in said
    assert count(one.cache) == ALL - 1
    (sandbox.root / "away").rename(listing)
    one.write("broken.dvc", b"outs: [")
    said = one.vfs("gc", "--workspace", "--older-than", "0", code=9)
    assert "broken.dvc" in said


def test_a_cache_that_others_may_use(one: Clone, sandbox: Sandbox) -> None:
    one.dvc("config", "cache.dir", str(sandbox.root / "shared"))
    one.cache.rename(sandbox.root / "shared")
    assert "--project" in one.vfs("gc", "--workspace", code=2)
    two = one.clone("two")
    two.dvc("config", "cache.dir", str(sandbox.root / "shared"))
    two.write("own", b"of the other")
    two.vfs("add", "own")
    done = gc(one, "--workspace", "--older-than", "0", "--project", str(two.root))
    assert done["removed"] == 0
    assert gc(one, "--workspace", "--older-than", "0", "--project", ".")["removed"] == 1


def test_the_run_cache_and_strangers_stay(one: Clone) -> None:
    for name in ("runs/ab/cdef/0123", "files/md5/zz/nothing", "ab/notes.txt"):
        file = one.cache / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    gc(one, "--all-commits", "--older-than", "0")
    assert (one.cache / "runs/ab/cdef/0123").exists()
    assert (one.cache / "ab/notes.txt").exists()


@pytest.mark.parametrize("kind", ["local", soak("s3")])
def test_a_remote(kind: str, one: Clone, request: pytest.FixtureRequest) -> None:
    """Old versions go, then listings of colleagues that are young keep their old files."""
    if kind == "s3":
        server: S3Server = request.getfixturevalue("ministack")
        url = f"s3://{server.new_bucket()}/some/prefix"
        for name, value in {"url": url, **server.options}.items():
            one.dvc("remote", "modify", "-q", "--local", "store", name, value)
    one.vfs("push", "--all-commits")
    # No commit was pushed with Git: all of them count.
    assert gc(one, "--workspace", "-r", "store", "--older-than", "0")["removed"] == 0
    two = one.clone("two")
    if kind == "s3":  # of all versions, whose own configuration has another remote
        shutil.copy(one.root / ".dvc/config.local", two.root / ".dvc/config.local")
    assert gc(two, "--workspace", "-r", "store")["young"] == 2 * EACH
    at_once = ("--workspace", "-r", "store", "--older-than", "1ms")
    assert gc(two, *at_once)["condemned"] == 2 * EACH
    one.dvc("gc", "-q", "-f", "-c", "--all-commits", "-w")  # passes by what says so
    assert "10 objects pushed" in one.vfs("push", "--all-commits")
    assert gc(two, *at_once)["removed"] == 0  # put again since
    done = gc(two, "--workspace", "-r", "store", "--older-than", "0", "--dry-run")
    assert done["removed"] == 2 * EACH
    done = gc(two, "--workspace", "-r", "store", "--older-than", "0")
    assert done["removed"] == 2 * EACH
    two.dvc("pull", "-q")
    assert "in sync" in two.dvc("status", "-c")
    # What was seen on the remote is forgotten: a push sends it all again.
    assert "10 objects pushed" in one.vfs("push", "--all-commits")
    one.dvc("push", "-q", "--all-commits")


def test_young_lists_keep_their_old_files(one: Clone, sandbox: Sandbox) -> None:
    one.vfs("push", "--all-commits")
    two = one.clone("two")
    one.git("checkout", "-q", "v1")
    one.dvc("checkout", "-q")
    before = time.time()
    wait_until(lambda: time.time() > before + 6)
    between = time.time()
    one.write("data/new", b"new")
    one.vfs("add", "data")
    assert "2 objects pushed" in one.vfs("push")
    age = int(time.time() - between) + 5  # a slow machine's gc looks later
    assert gc(two, "--workspace", "-r", "store", "--older-than", str(age))["condemned"] == EACH + 2
    assert gc(two, "--workspace", "-r", "store", "--older-than", "1ms")["removed"] == EACH + 2
    assert check_store(sandbox.root / "remote") == EACH + 3 + 2 + 3


@pytest.mark.fuse
def test_what_a_mount_shows_stays(one: Clone, sandbox: Sandbox) -> None:
    one.vfs("push", "--all-commits")
    two = one.clone("two")
    point = sandbox.root / "point"
    point.mkdir()
    two.vfs("mount", "--rev", "v1", str(point))
    try:
        done = gc(two, "--workspace", "-r", "store", "--older-than", "0")
        assert done["removed"] == EACH  # v2
        assert (point / "model.bin").read_bytes() == b"model 1" * 1000
    finally:
        two.vfs("umount", str(point))


@pytest.mark.fuse
def test_what_a_pin_names_stays_in_the_cache(one: Clone, sandbox: Sandbox) -> None:
    one.vfs("push", "--all-commits")
    point = sandbox.root / "point"
    point.mkdir()
    one.vfs("mount", "--rev", "v1", str(point))
    try:
        one.vfs("prefetch", "--mount", str(point), "--pin", "keep", "model.bin")
    finally:
        one.vfs("umount", str(point))
    assert gc(one, "--workspace", "--older-than", "0")["removed"] == 2 * EACH - 1


@pytest.mark.parametrize("where", ["cache", soak("store"), "packs"])
def test_a_pin_keeps_what_its_pointers_name(one: Clone, sandbox: Sandbox, where: str) -> None:
    """The list in the cache; on a remote the whole directory, of whatever layout."""
    (sandbox.root / "packs").mkdir()
    one.vfs("remote", "add", "--packed", "packs", str(sandbox.root / "packs"))
    for remote in ("store", "packs") if where == "packs" else ("store",):
        one.vfs("push", "-r", remote, "--all-commits")
    origin = str(sandbox.root / "origin.git")
    one.git("clone", "-q", "--bare", ".", origin)
    one.git("remote", "add", "origin", origin)
    one.git("fetch", "-q", "origin")
    one.vfs("prefetch", "--rev", "v1", "--pin", "keep", "data/4")
    arguments = ["--workspace", "--older-than", "0"]
    if where == "cache":
        assert gc(one, *arguments)["removed"] == 2 * EACH - 2
        one.vfs("cache", "unpin", "keep")
        assert gc(one, *arguments)["removed"] == 2
        return
    for _ in range(2):
        gc(one, *arguments, "--remote", where)
    shutil.rmtree(one.cache)
    one.vfs("fetch", "-r", where, "--rev", "v1", "data")
    assert check_store(one.cache) == 7
    one.vfs("fetch", "-r", where, "--rev", "v2", "data", code=11)


def wait_until(true: Callable[[], bool]) -> None:
    while not true():
        os.sched_yield()


def test_what_only_a_packed_remote_has_stays(one: Clone, sandbox: Sandbox) -> None:
    """There it is as good as nowhere."""
    (sandbox.root / "packs").mkdir()
    one.vfs("remote", "add", "--packed", "packs", str(sandbox.root / "packs"))
    one.vfs("push", "-r", "packs", "--all-commits")
    assert gc(one, "--workspace", "--older-than", "0")["only_here"] == 2 * EACH
