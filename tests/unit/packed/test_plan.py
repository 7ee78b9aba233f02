"""A plan makes the requests that a reader makes."""

import random
from pathlib import Path

import pytest

from vfs.packed import Located, Manifest, PackedPlace, PackedRemote, PackReader
from vfs.packed.plan import Plan
from vfs.remotes.local import LocalRemote
from vfs.remotes.statistics import Statistics, StatisticsRemote
from vfs.testing.packed import push

R = random.Random(3)
SMALL = {f"d{n % 3}/f{n:05}".encode(): R.randbytes(R.randint(0, 30_000)) for n in range(1500)}


def located(manifest: Manifest) -> list[tuple[int, Located]]:
    packs = manifest.root.packs
    return [(file.size, Located(packs, file.chunks)) for file in manifest.files() if file.size]


@pytest.mark.parametrize("pack_bytes", [1 << 20, 16 << 20])
def test_small_files_in_their_order(tmp_path: Path, pack_bytes: int) -> None:
    asked = Statistics()
    remote = StatisticsRemote(LocalRemote(str(tmp_path), name="r"), asked, jobs=1)
    pointer, _ = push(remote, SMALL, pack_bytes=pack_bytes)
    files = located(PackedRemote(remote).manifest(pointer))
    plan, reader = Plan(), PackReader(remote, tmp_path)
    before = asked.snapshot()
    for size, one in files:
        plan.add(one, [(0, size)])
        with PackedPlace(reader, "r", one).get(0, size) as body:
            buffer = memoryview(bytearray(1 << 20))
            while body.readinto(buffer):
                pass
    after = asked.snapshot()
    reader.close()
    assert plan.requests == after.requests - before.requests
    assert plan.bytes == after.received - before.received
    assert len(plan.packs) == len({chunk.pack for _, one in files for chunk in one.chunks})


def test_ranges_of_a_large_file(tmp_path: Path) -> None:
    asked = Statistics()
    remote = StatisticsRemote(LocalRemote(str(tmp_path), name="r"), asked, jobs=1)
    pointer, _ = push(remote, {b"": R.randbytes(9_000_000)}, pack_bytes=4 << 20)
    ((size, one),) = located(PackedRemote(remote).manifest(pointer))
    ranges = [(start, min(start + (4 << 20), size)) for start in range(0, size, 4 << 20)]
    plan = Plan()
    plan.add(one, ranges)
    before = asked.snapshot()
    for start, end in ranges:
        reader = PackReader(remote, tmp_path)  # another: they come at once, and share no edges
        with PackedPlace(reader, "r", one).get(start, end - start) as body:
            buffer = memoryview(bytearray(1 << 20))
            while body.readinto(buffer):
                pass
        reader.close()
    after = asked.snapshot()
    assert plan.requests == pytest.approx(after.requests - before.requests, abs=1)
    assert plan.bytes == pytest.approx(after.received - before.received, rel=0.1)
