"""`vfs gc --remote` of a packed remote: what goes and what is said; killed at any moment (`make soak`: a hundred times in each run) it loses nothing and a re-run completes."""

import functools
import json
import os
import random
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from vfs.formats.packs import PACKS
from vfs.packed import PackedRemote, read_files
from vfs.packed.collect import Collector, Garbage
from vfs.remotes import RemoteSpec, open_remote
from vfs.testing.clones import check_store, handmade_clone
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.packed import pointer_of, push
from vfs.testing.web_servers import StoreServer

pytestmark = pytest.mark.slow

KILLS = 100 if os.environ.get("VFS_TEST_SOAK") else 4
CHOOSER = random.Random(7)
VERSIONS = [{f"{v}/{n:02d}": CHOOSER.randbytes(4000) for n in range(40)} for v in range(5)]
LAST = {name: data for files in VERSIONS for name, data in list(files.items())[:5]} | {
    "own": b"own"
}
"""A little of each version: all their packs are mostly dead."""
GC = ("gc", "--workspace", "-r", "team", "--older-than", "0")


def encoded(files: dict[str, bytes]) -> dict[bytes, bytes]:
    return {name.encode(): data for name, data in files.items()}


@pytest.fixture
def packed(handmade: HandmadeRepository) -> Path:
    """A packed remote with all versions, each pushed for itself."""
    place = handmade.root.parent / "packed"
    config = f"remotes: {{team: {{url: {place}}}}}\nremote: {{default: team}}\n".encode()
    for number, files in enumerate((*VERSIONS, LAST)):
        plain = {".vfs/config.yaml": config}
        handmade.commit(plain=plain, directories={"data": files}, tag=f"v{number}")
    handmade.lose_remote()
    fill(place)
    return place


def fill(place: Path) -> None:
    place.mkdir(exist_ok=True)
    remote = open_remote(RemoteSpec("packed", str(place)))
    for files in VERSIONS:
        push(remote, encoded(files))
    push(remote, encoded(LAST), bases=tuple(pointer_of(encoded(files)) for files in VERSIONS[:4]))


def has_changed(place: Path, before: set[str], enough: int) -> bool:
    """Whether so many objects have come or gone."""
    return len(before ^ keys(place)) >= enough


def keys(place: Path) -> set[str]:
    """Objects, and when they were put."""
    found = set()
    for path in place.rglob("*"):
        with suppress(FileNotFoundError):
            if not path.name.startswith(".") and path.is_file():
                found.add(f"{path.relative_to(place)} {path.stat().st_mtime_ns}")
    return found


def whole(place: Path, files: dict[str, bytes]) -> None:
    """Assert that a directory comes back."""
    remote = open_remote(RemoteSpec("packed", str(place)))
    manifest = PackedRemote(remote).manifest(pointer_of(encoded(files)))
    found = read_files(remote, manifest.root.packs, manifest.files())
    assert {piece.file.path: bytes(piece.data) for piece in found} == encoded(files)


def figures(said: str) -> dict[str, int]:
    return dict(json.loads(said.splitlines()[-1]))


def test_gc(handmade: HandmadeRepository, packed: Path) -> None:
    one = handmade_clone(handmade, "one", cached=False)
    assert figures(one.vfs(*GC[:4], "--json"))["young"] == len(
        VERSIONS
    )  # the packs are still named
    before = keys(packed)
    said = one.vfs(*GC, "--dry-run")
    assert "condemned  packed-1/packs/" in said
    assert "repacked   packed-1/packs/" in said
    assert f"removed    {pointer_of(encoded(VERSIONS[0])).key}" in said
    assert "would be removed" in said
    assert keys(packed) == before
    first = figures(one.vfs(*GC, "--json"))
    assert first["removed"] == len(VERSIONS)
    assert first["condemned"] == len(VERSIONS)
    assert "can go from" not in one.vfs(
        "gc", "--workspace", "-r", "team", "--dry-run", "--older-than", "0"
    )
    assert figures(one.vfs(*GC[:4], "--json"))["waiting"] == len(VERSIONS)
    whole(packed, LAST)
    said = one.vfs(*GC)
    assert f"{len(VERSIONS)} packs removed" in said
    whole(packed, LAST)
    assert len([key for key in keys(packed) if key.startswith(PACKS)]) <= 2
    one.vfs("fetch")
    one.vfs("checkout")
    found = {
        str(p.relative_to(one.root / "data")) for p in (one.root / "data").rglob("*") if p.is_file()
    }
    assert found == set(LAST)


def test_what_colleagues_need_is_kept(handmade: HandmadeRepository, packed: Path) -> None:
    """By any scope; a listing that only the packed remote has is not asked for."""
    one = handmade_clone(handmade, "one", cached=False)
    did = figures(one.vfs("gc", "--all-tags", "-r", "team", "--older-than", "0", "--json"))
    assert (did["removed"], did["condemned"]) == (0, 0)
    assert (
        figures(one.vfs("gc", "--rev", "v1", "-r", "team", "--older-than", "0", "--json"))[
            "removed"
        ]
        == 4
    )
    whole(packed, VERSIONS[1])
    whole(packed, LAST)
    one.vfs("gc", "--workspace", "-r", "nosuch", code=8)


def test_what_a_commit_names_that_gc_did_not_know_can_be_read(
    handmade: HandmadeRepository, packed: Path
) -> None:
    """Its pusher found the manifest there; it is put aside before that commit gets known."""
    one = handmade_clone(handmade, "one", cached=False)
    assert figures(one.vfs(*GC, "--json"))["removed"] == len(VERSIONS)
    assert "41 objects pushed" in one.vfs("push", "--rev", "v0", "-r", "store")  # from there
    assert check_store(handmade.remote) == 41
    shutil.rmtree(handmade.remote / "files")
    one.vfs("prefetch", "--rev", "v0", "data")
    assert "41 objects fetched" in one.vfs("fetch", "--rev", "v0")
    assert figures(one.vfs("fsck", "-r", "team", "--rev", "v0", "--json", code=1))["wrong"] == 1
    one.vfs("push", "--rev", "v0")
    whole(packed, VERSIONS[0])


def test_so_can_many_of_them(
    handmade: HandmadeRepository, packed: Path, put_server: StoreServer
) -> None:
    """Which are not asked for one by one, but where nothing can be listed."""
    one = handmade_clone(handmade, "one", cached=False)
    one.vfs(*GC)
    one.vfs("fetch", "--all-tags")
    assert check_store(one.cache) > 40 * len(VERSIONS)
    shutil.rmtree(one.cache)
    served = put_server.new_directory(packed.parent.name)
    shutil.copytree(packed, served, dirs_exist_ok=True)
    subprocess.run(["chmod", "-R", "a+rX", str(served)], check=True)
    one.vfs("remote", "modify", "--local", "team", "url", put_server.url("http", served.name))
    one.vfs("fetch", "--all-tags")
    assert check_store(one.cache) > 40 * len(VERSIONS)


@pytest.mark.parametrize("run", ["first", "second"])
def test_gc_is_killed(handmade: HandmadeRepository, packed: Path, run: str) -> None:
    """The first run puts aside, repacks and condemns; the second one sweeps."""
    one = handmade_clone(handmade, "one", cached=False)
    if run == "second":
        one.vfs(*GC)
    begin = packed.with_name("begin")
    shutil.copytree(packed, begin)
    before = keys(packed)
    one.vfs(*GC)
    most = len(before ^ keys(packed))
    partial = 0
    for seed in range(KILLS):
        shutil.rmtree(packed)
        shutil.copytree(begin, packed, copy_function=shutil.copyfile)
        enough = random.Random(seed).randrange(most)
        one.killed(functools.partial(has_changed, packed, keys(packed), enough), *GC)
        whole(packed, LAST)
        partial += bool(left(collect(packed)))
        for _ in range(2):
            did = collect(packed)
            whole(packed, LAST)
        assert left(did) == 0
    assert partial


def collect(place: Path) -> Garbage:
    """As `GC`, here."""
    store = PackedRemote(open_remote(RemoteSpec("packed", str(place))))
    return Collector(store, {pointer_of(encoded(LAST))}, now=time.time(), grace=0).run()


def left(did: Garbage) -> int:
    """What a collection still found to do."""
    return len(did.removed) + len(did.swept) + len(did.condemned) + len(did.repacked)
