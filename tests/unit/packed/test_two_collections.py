"""Two collections at once, of which only one knows the commit that a manifest put aside belongs to."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

from tests.unit.packed.test_collecting import ONE, Place, read_back
from vfs.errors import ObjectMissing
from vfs.formats.packs import MANIFESTS
from vfs.testing.packed import push


def crossed(root: Path, *, knows: bool) -> Iterator[bool]:
    """Let another collection run before each request of one; whether what the manifest that came back names is there.

    `knows`: it is the one that is interrupted that knows the commit; else the other.
    """
    for left in count(1):
        place = Place(root / f"{left}")
        push(place.remote, ONE)
        place.pass_time()
        place.gc()
        place.pass_time()
        outer, inner = place.collector(*[ONE] * knows), place.collector(*[ONE] * (not knows))
        place.clock.left, place.clock.action = left, inner.run
        outer.run()
        if place.clock.left > 0:
            return
        if place.keys(MANIFESTS):
            try:
                read_back(place.remote, ONE)
            except ObjectMissing:
                yield False
                continue
        yield True


def test_what_comes_back_while_its_packs_go_does_not_stay(tmp_path: Path) -> None:
    assert all(crossed(tmp_path, knows=True))


def test_a_sweep_looks_again_for_what_came_back(tmp_path: Path) -> None:
    """Only what comes back between that look and the removal is not seen."""
    assert sum(not whole for whole in crossed(tmp_path, knows=False)) <= 1
