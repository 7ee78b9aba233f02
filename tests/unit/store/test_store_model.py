"""Random histories of a store against a dict: it may forget, it never lies."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.unit.store.support import payload_of, segment_files
from vfs.errors import StoreCorrupt
from vfs.store import ChunkStore
from vfs.store.layout import segment_name

SEGMENT = 128 * 1024
keys = st.integers(0, 9).map(lambda n: b"key" + n.to_bytes(4, "big"))
sizes = st.sampled_from([0, 1, 500, 4096, 20_000, 60_000])


class StoreMachine(RuleBasedStateMachine):
    """Two handles of one directory; every byte read must be one that was appended under its key."""

    @initialize()
    def start(self) -> None:
        self.root = Path(tempfile.mkdtemp())
        self.ever: dict[bytes, set[bytes]] = {}  # what was ever appended under a key
        self.latest: dict[bytes, bytes] = {}  # what must be found: nothing has been lost since
        self.pinned: set[bytes] = set()
        self.serial = 0
        self.stores = [self.open(), self.open()]

    def open(self) -> ChunkStore:
        return ChunkStore.open(self.root / "c", limit=4 * SEGMENT, min_free=0, capacity=SEGMENT)

    def places(self) -> dict[bytes, int]:
        """In which segment the chunks are that must be found."""
        keys = list(self.latest)
        extents = self.stores[0].locate_many(keys)
        assert None not in extents
        return {k: e.segment.number for k, e in zip(keys, extents, strict=True) if e is not None}

    def forget_evicted(self, places: dict[bytes, int]) -> None:
        """A chunk may be lost only together with the segment in which it was."""
        engine: Any = self.stores[1]._engine
        kept = {number for number, _ in engine.evictor.segments()}
        self.latest = {key: data for key, data in self.latest.items() if places[key] in kept}

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        shutil.rmtree(self.root)

    @rule(which=st.integers(0, 1), batch=st.lists(st.tuples(keys, sizes), min_size=1, max_size=4))
    def append(self, which: int, batch: list[tuple[bytes, int]]) -> None:
        items = []
        for key, size in batch:
            self.serial += 1
            items.append((key, payload_of(self.serial, size)))
            self.ever.setdefault(key, set()).add(items[-1][1])
        places = self.places()
        if self.stores[which].append(items):
            self.forget_evicted(places)
            self.latest.update(items)
        else:
            self.latest.clear()

    @rule(
        which=st.integers(0, 1),
        key=keys,
        offset=st.integers(0, 300),
        length=st.integers(0, 5000),
        quick_first=st.booleans(),
    )
    def read(
        self, which: int, key: bytes, offset: int, length: int, quick_first: bool = False
    ) -> None:
        store = self.stores[which]
        extent = store.locate(key)
        if extent is None:
            assert key not in self.latest
            return
        quick = None
        try:
            if quick_first:
                quick = store.read_nowait(extent, offset, length)
            part = store.read(extent, offset, length)
        except StoreCorrupt:
            assert key not in self.latest
            assert store.locate(key) is None
            return
        assert quick is None or quick == part
        if key in self.latest:
            assert part == self.latest[key][offset : offset + length]
        else:
            assert part in {payload[offset : offset + length] for payload in self.ever[key]}

    @rule(which=st.integers(0, 1), key=keys)
    def drop(self, which: int, key: bytes) -> None:
        self.stores[which].drop([key])
        self.latest.pop(key, None)
        assert self.stores[1 - which].locate(key) is None

    @rule(which=st.integers(0, 1), key=keys)
    def pin(self, which: int, key: bytes) -> None:
        self.stores[which].pin("pin", [key])

    @rule(which=st.integers(0, 1))
    def unpin(self, which: int) -> None:
        self.stores[which].unpin("pin")

    @rule(which=st.integers(0, 1), limit=st.sampled_from([2, 3, 4]))
    def limit(self, which: int, limit: int) -> None:
        places = self.places()
        self.stores[which].set_limit(limit * SEGMENT)
        self.forget_evicted(places)

    @rule(which=st.integers(0, 1), reopen=st.booleans())
    def maintain(self, which: int, reopen: bool) -> None:
        self.stores[which].maintain()
        if reopen:
            self.stores[which].close()
            self.stores[which] = self.open()

    def reopen_both(self) -> None:
        for store in self.stores:
            store.close()
        self.stores = [self.open(), self.open()]

    @rule(
        choice=st.integers(0, 100),
        place=st.integers(0, 300),
        data=st.binary(min_size=1, max_size=64),
        quick=st.booleans(),
    )
    def damage(self, choice: int, place: int, data: bytes, quick: bool) -> None:
        """Overwrite part of a chunk; only handles opened afterwards promise to notice."""
        if not self.latest:
            return
        key = sorted(self.latest)[choice % len(self.latest)]
        extent = self.stores[0].locate(key)
        assert extent is not None
        name = segment_name(extent.segment.number, extent.segment.nonce)
        with (self.root / "c" / "segments" / name).open("r+b") as file:
            file.seek(extent.offset + place)
            file.write(data)
        self.latest.clear()
        self.reopen_both()
        self.read(choice % 2, key, 0, 5000, quick)

    @rule(
        kind=st.sampled_from(["clear", "truncate", "unlink", "another boot"]),
        which=st.integers(0, 5),
        place=st.floats(0, 1),
    )
    def disaster(self, kind: str, which: int, place: float) -> None:
        files = segment_files(self.root / "c")
        if kind == "clear":
            self.stores[which % 2].clear()
        elif kind == "another boot":
            self.reopen_both()
            for store in self.stores:
                store.close()
            (self.root / "c" / "boot").write_text("another boot")
            self.stores = [self.open(), self.open()]
        elif files:
            chosen = files[which % len(files)]
            if kind == "unlink":
                chosen.unlink()
            else:
                os.truncate(chosen, int(place * chosen.stat().st_size))
                self.reopen_both()
        self.latest.clear()

    @rule(which=st.integers(0, 1))
    def verify(self, which: int) -> None:
        self.stores[which].verify()
        report = self.stores[which].verify()
        assert (report.bad, report.strays) == (0, 0)

    @invariant()
    def the_count_of_chunks_is_plausible(self) -> None:
        if hasattr(self, "stores"):
            assert self.stores[0].statistics().chunks <= len(self.ever)

    @invariant()
    def nothing_is_lost_without_a_reason(self) -> None:
        if hasattr(self, "stores"):
            for store in self.stores:
                assert all(store.contains_many(list(self.latest)))


TestStoreModel = StoreMachine.TestCase
TestStoreModel.settings = settings(
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
