"""Packed remotes while pushing and fetching: kills (`make soak`: a hundred of each), lies, what is missing, and one layout filled from the other."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vfs.formats.packs import MANIFESTS, PACKS, parse_pack_key
from vfs.packed import PackedRemote, Pointer
from vfs.remotes import RemoteSpec, open_remote
from vfs.testing.clones import Clone, check_store, handmade_clone, objects
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.variants import soak
from vfs.types import Algorithm, Digest

pytestmark = pytest.mark.slow

KILLS = 100 if os.environ.get("VFS_TEST_SOAK") else 3
CHOOSER = random.Random(7)
FILES = {f"{n % 7}/{n:03d}": CHOOSER.randbytes(6000 + n) for n in range(300)}
SECOND = {name: data for name, data in FILES.items() if name[0] != "3"} | {"new": b"new"}
LARGE = CHOOSER.randbytes(9 << 20)
TWO_PACKS = CHOOSER.randbytes(40 << 20)
POINTERS = 3
OBJECTS = len({**FILES, **SECOND}) + 1 + 2  # and the large one, and two listings


@pytest.fixture
def packed(handmade: HandmadeRepository) -> Path:
    """An empty packed remote."""
    place = handmade.root.parent / "packed"
    place.mkdir()
    return place


@pytest.fixture
def made(handmade: HandmadeRepository, packed: Path) -> HandmadeRepository:
    """A repository with a directory in two versions and a file; the packed remote is the default, DVC's has the data."""
    return versions(handmade, packed, LARGE)


@pytest.fixture
def larger(handmade: HandmadeRepository, packed: Path) -> HandmadeRepository:
    """The same, whose file takes more than one pack."""
    return versions(handmade, packed, TWO_PACKS)


def versions(made: HandmadeRepository, packed: Path, large: bytes) -> HandmadeRepository:
    config = f"remotes: {{team: {{url: {packed}}}}}\nremote: {{default: team}}\n".encode()
    plain = {".vfs/config.yaml": config}
    made.commit(plain=plain, directories={"data": FILES}, files={"large": large}, tag="v1")
    made.commit(plain=plain, directories={"data": SECOND}, files={"large": large}, tag="v2")
    return made


def figures(said: str) -> dict[str, int]:
    """The JSON line of a run."""
    return dict(json.loads(said.splitlines()[0]))


def keys(packed: Path, folder: str) -> set[str]:
    return {
        str(path.relative_to(packed))
        for path in (packed / folder).rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def check_packed(packed: Path) -> int:
    """Assert that each manifest lists what its pointer names, in packs that are there; how many there are."""
    store = PackedRemote(open_remote(RemoteSpec("packed", str(packed))))
    packs = {parse_pack_key(key) for key in keys(packed, PACKS)}
    found = keys(packed, MANIFESTS)
    for key in found:
        name, dot, _ = key.rpartition("/")[2].partition(".")
        manifest = store.manifest(Pointer(Digest(Algorithm.MD5, bytes.fromhex(name)), bool(dot)))
        manifest.check()
        assert packs.issuperset(manifest.root.packs)
    return len(found)


def duration(clone: Clone, *arguments: str) -> float:
    began = time.monotonic()
    clone.vfs(*arguments)
    return time.monotonic() - began


def test_push_is_killed(larger: HandmadeRepository, packed: Path) -> None:
    """At any moment there is no manifest without its packs, and the next run completes."""
    made = larger
    one = handmade_clone(made, "one", cached=True)
    made.lose_remote()
    whole = duration(one, "push", "--all-commits")
    chance = random.Random(1)
    partial = 0
    for _ in range(KILLS):
        shutil.rmtree(packed)
        packed.mkdir()
        end = time.monotonic() + whole * chance.uniform(0.2, 1.0)
        one.killed(lambda end=end: time.monotonic() > end, "push", "--all-commits")  # type: ignore[misc]
        partial += check_packed(packed) < POINTERS
        one.vfs("push", "--all-commits")
        assert check_packed(packed) == POINTERS
    assert partial, "none was killed before its end"
    two = handmade_clone(made, "two", cached=False)
    two.vfs("fetch", "--all-commits")
    assert check_store(two.cache) == OBJECTS


def test_fetch_is_killed(made: HandmadeRepository) -> None:
    handmade_clone(made, "one", cached=True).vfs("push", "--all-commits")
    made.lose_remote()
    for seed in range(KILLS):
        two = handmade_clone(made, f"two{seed}", cached=False)
        enough = random.Random(seed).randrange(OBJECTS)
        cache = two.cache
        two.killed(
            lambda cache=cache, enough=enough: sum(1 for _ in objects(cache)) >= enough,  # type: ignore[misc]
            "fetch",
            "--all-commits",
        )
        there = sum(1 for _ in objects(two.cache))
        assert figures(two.vfs("fetch", "--all-commits", "--json"))["files"] == OBJECTS - there
        assert check_store(two.cache) == OBJECTS
        assert {path.stat().st_mode & 0o777 for _, path in objects(two.cache)} == {0o444}


def damage(packed: Path, content: bytes) -> Path:
    """Change a byte of a file where a pack has it; the pack."""
    for key in keys(packed, PACKS):
        pack = packed / key
        at = pack.read_bytes().find(content)
        if at >= 0:
            pack.chmod(0o644)
            with pack.open("r+b") as file:
                file.seek(at + 100)
                file.write(bytes([content[100] ^ 1]))
            return pack
    raise AssertionError("no pack has it")


def test_wrong_bytes_in_a_pack(made: HandmadeRepository, packed: Path) -> None:
    """They are named and do not come; all other files do. Another remote that has them serves."""
    one = handmade_clone(made, "one", cached=True)
    one.vfs("push")
    damage(packed, FILES["1/001"])
    damage(packed, LARGE[5 << 20 : (5 << 20) + 1000])
    two = handmade_clone(made, "two", cached=False)
    said = two.vfs("fetch", "-r", "team", code=15)
    assert "data/1/001: " in said
    assert "large: " in said
    assert "packed-1/packs/" in said
    assert sum(1 for _ in objects(two.cache)) == len(SECOND) - 1 + 1
    assert not list(two.cache.rglob("*.tmp"))
    assert figures(two.vfs("fetch", "--json"))["files"] == 2  # from DVC's remote
    assert check_store(two.cache) == len(SECOND) + 2


def test_a_pack_that_is_gone(made: HandmadeRepository, packed: Path) -> None:
    one = handmade_clone(made, "one", cached=True)
    made.lose_remote()
    one.vfs("push")
    damage(packed, FILES["1/001"]).unlink()
    two = handmade_clone(made, "two", cached=False)
    assert "there is no such file" in two.vfs("fetch", code=11)
    assert figures(one.vfs("push", "--json"))["files"] == 0  # the manifest is there
    one.vfs("push", "--verify")
    two.vfs("fetch")
    assert check_store(two.cache) == len(SECOND) + 2


def test_what_nobody_has_is_named_and_the_rest_goes(made: HandmadeRepository, packed: Path) -> None:
    one = handmade_clone(made, "one", cached=True)
    made.lose_remote()
    found = {path.read_bytes(): path for _, path in objects(one.cache)}
    found[FILES["0/000"]].unlink()
    assert "data/0/000: it is neither" in one.vfs("push", code=16)
    assert check_packed(packed) == 1  # the large file
    found[FILES["0/000"]].write_bytes(FILES["0/000"])
    wrong = found[FILES["1/001"]]
    wrong.chmod(0o644)
    wrong.write_bytes(bytes(len(FILES["1/001"])))
    assert "is damaged: its content has another MD5" in one.vfs("push", code=15)
    assert check_packed(packed) == 1
    wrong.write_bytes(FILES["1/001"])
    assert figures(one.vfs("push", "--json"))["size"] < 100_000, "the packs of the first attempt"
    assert check_packed(packed) == 2


@pytest.mark.parametrize("count", [20, soak(1500)])
def test_what_is_damaged_is_named_and_the_rest_goes(
    handmade: HandmadeRepository, packed: Path, count: int
) -> None:
    files = {f"{n:04d}": b"%d" % n for n in range(count)}
    handmade.commit(directories={"data": files, "sound": {"a": b"a"}}, files={"one": b"one"})
    one = handmade_clone(handmade, "one", cached=True)
    handmade.lose_remote()
    one.vfs("remote", "add", "--packed", "team", str(packed))
    found = {path.read_bytes(): path for _, path in objects(one.cache)}
    for data in (b"3", b"11", b"19", b"one"):
        found[data].chmod(0o644)
        found[data].write_bytes(b"other")
        found[data].chmod(0o444)
    said = one.vfs("push", "-r", "team", code=15)
    for path in ("data/0003", "data/0011", "data/0019", "one"):
        assert f"{path}: " in said
    assert said.count("is damaged") == 4
    assert "fsck --content --repair" in said
    assert check_packed(packed) == 1
    for data in (b"3", b"11", b"19", b"one"):
        found[data].chmod(0o644)
        found[data].write_bytes(data)
        found[data].chmod(0o444)
    one.vfs("push", "-r", "team")
    assert check_packed(packed) == 3


@pytest.mark.parametrize("scope", ["--all-commits", soak("--all-tags")])
def test_one_layout_is_filled_from_the_other(
    made: HandmadeRepository, packed: Path, scope: str
) -> None:
    """Past the cache, and nothing of it stays on the disk."""
    one = handmade_clone(made, "one", cached=False)
    one.vfs("push", "-r", "team", scope)
    assert check_packed(packed) == POINTERS
    assert figures(one.vfs("push", "-r", "team", scope, "--json"))["files"] == 0
    assert not one.cache.exists()
    assert os.listdir(one.root / ".git" / "vfs" / "spool") == []
    made.lose_remote()
    one.vfs("push", "-r", "store", scope)
    assert check_store(made.remote) == OBJECTS
    assert not one.cache.exists()
    assert os.listdir(one.root / ".git" / "vfs" / "spool") == []


def test_two_clones_push_at_once(larger: HandmadeRepository, packed: Path) -> None:
    made = larger
    clones = [handmade_clone(made, name, cached=True) for name in ("one", "two")]
    made.lose_remote()
    argv = [sys.executable, "-m", "vfs_cli", "push", "--all-commits"]
    pushing = [subprocess.Popen(argv, cwd=c.root, env=made.sandbox.environ) for c in clones]
    assert [process.wait() for process in pushing] == [0, 0]
    assert check_packed(packed) == POINTERS
    three = handmade_clone(made, "three", cached=False)
    three.vfs("fetch", "--all-commits")
    assert check_store(three.cache) == OBJECTS


def test_status_asks_for_manifests(made: HandmadeRepository) -> None:
    one = handmade_clone(made, "one", cached=True)
    assert "not on team" in one.vfs("status", "--remote")
    one.vfs("push")
    assert "not on team" not in one.vfs("status", "--remote")


def test_a_part_of_a_directory(made: HandmadeRepository, packed: Path) -> None:
    """Is fetched alone, and pushed with all of it."""
    one = handmade_clone(made, "one", cached=True)
    one.vfs("push", "data/1/001")
    one.vfs("push", "data/1/001")
    assert check_packed(packed) == 1
    made.lose_remote()
    two = handmade_clone(made, "two", cached=False)
    two.vfs("fetch", "data/1/001")
    assert sum(1 for _ in objects(two.cache)) == 2
    assert "no such" not in two.vfs("fetch", "data/1")
    two.vfs("fetch", "data/none", code=5)
