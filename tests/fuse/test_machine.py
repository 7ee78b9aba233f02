"""Random histories of commits, switches, reads, evictions, damage, kills and outages on a real mount.

Hypothesis chooses the steps; `vfs.testing.model` says what each must give. The rules:

- a name shows the current commit's bytes, an open file the bytes it was opened with;
- damage to the cache and kills of the daemon are never seen in the bytes;
- while the remote is away a read may fail with EIO, but never give anything else.

`make test` runs few, always the same examples; `make soak` runs many new ones.
"""

import contextlib
import errno
import itertools
import json
import os
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from vfs.store import ChunkStore
from vfs.store.layout import DATA_START
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.model import Handle, Model, consistent
from vfs.testing.mounts import TRANSPORTS, MountFactory, wait_until
from vfs.testing.processes import wait_ended
from vfs.testing.sandbox import Sandbox

pytestmark = [pytest.mark.fuse, pytest.mark.slow]

BLOCK = 256 << 10
PATIENCE = ("-o", "transfer.deadline=2")  # so long a read waits in an outage
NAMES = ("a", "b", "a b", "B", "ü", "data", "x.bin")
paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map("/".join)
sizes = st.sampled_from((0, 1, 100, 4096, 65_536, 65_537, BLOCK, BLOCK + 1, 3 * BLOCK + 7))
contents = st.builds(
    lambda size, seed: random.Random(seed).randbytes(size), sizes, st.integers(0, 30)
)
trees = st.dictionaries(paths, contents, min_size=1, max_size=8).filter(consistent)
large_contents = st.builds(
    lambda blocks, more, seed: random.Random(seed).randbytes(blocks * BLOCK + more),
    st.sampled_from((3, 16, 17, 20, 64, 65, 70)),  # around 4 MiB and 16 MiB
    st.sampled_from((0, 1, 70_000)),
    st.integers(0, 9),
)
large_trees = st.dictionaries(paths, large_contents, min_size=1, max_size=6).filter(consistent)
numbers = st.integers(0, 1 << 30)


class MountMachine(RuleBasedStateMachine):
    """The real thing and the model, step by step."""

    options: tuple[str, ...] = PATIENCE
    transport: str

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.cache_lost = False
        self.descriptors: list[tuple[int, Handle]] = []
        self.sandbox = Sandbox.temporary()
        self.mounts = MountFactory(self.sandbox, self.transport)
        self.mounts.allow("WARNING")  # damage and outages are warned about; errors are not allowed
        self.repository = HandmadeRepository(self.sandbox, self.sandbox.root / "repository")
        self.mount = self.mounts.prepare(self.repository.root)

    @initialize(files=trees)
    def begin(self, files: dict[str, bytes]) -> None:
        self._begin(files)

    def _begin(self, files: dict[str, bytes]) -> None:
        self._commit(files)
        self.model.switch("v0")
        self.mount.start("v0", *self.options)

    def _commit(self, files: dict[str, bytes]) -> str:
        tag = self.model.commit(files)
        self.repository.commit(
            directories={"tree": files}, plain={"tag.txt": tag.encode()}, tag=tag
        )
        return tag

    @rule(files=trees)
    @precondition(lambda self: self.model.fetchable)
    def commit(self, files: dict[str, bytes]) -> None:
        self._commit(files)

    @rule(number=numbers)
    @precondition(lambda self: self.model.fetchable)
    def switch(self, number: int) -> None:
        tags = list(self.model.commits)
        tag = tags[number % len(tags)]
        self.mount.switch(tag)
        self.model.switch(tag)

    @rule(number=numbers)
    def read_whole(self, number: int) -> None:
        path = self._path(number)
        with self._outage_may_fail():
            found = (self.mount.path / "tree" / path).read_bytes()
            assert found == self.model.files[path]

    @rule(number=numbers, offset=numbers, length=st.integers(1, 2 * BLOCK))
    def read_slice(self, number: int, offset: int, length: int) -> None:
        path = self._path(number)
        content = self.model.files[path]
        offset %= len(content) + 10
        with (
            self._outage_may_fail(),
            (self.mount.path / "tree" / path).open("rb", buffering=0) as file,
        ):
            found = os.pread(file.fileno(), length, offset)
            assert found == content[offset : offset + length]

    @rule(number=numbers)
    def open(self, number: int) -> None:
        path = self._path(number)
        with self._outage_may_fail():
            descriptor = os.open(self.mount.path / "tree" / path, os.O_RDONLY)
            self.descriptors.append((descriptor, self.model.open(path)))

    @rule(number=numbers, offset=numbers, length=st.integers(1, 2 * BLOCK))
    @precondition(lambda self: self.descriptors)
    def read_open(self, number: int, offset: int, length: int) -> None:
        descriptor, handle = self.descriptors[number % len(self.descriptors)]
        offset %= len(handle.content) + 10
        with self._outage_may_fail():
            found = os.pread(descriptor, length, offset)
            assert found == handle.content[offset : offset + length]

    @rule(number=numbers)
    @precondition(lambda self: self.descriptors)
    def close(self, number: int) -> None:
        descriptor, handle = self.descriptors.pop(number % len(self.descriptors))
        self.model.handles.remove(handle)
        os.close(descriptor)

    @rule(probe=paths)
    def look_up(self, probe: str) -> None:
        expected = not self.model.absent([probe])
        assert os.path.lexists(self.mount.path / "tree" / probe) == expected

    @rule(number=numbers)
    def look_into_snapshots(self, number: int) -> None:
        tags = list(self.model.commits)
        tag = tags[number % len(tags)]
        with self._outage_may_fail():
            shown = (self.mount.path / ".snapshots" / tag / "tag.txt").read_bytes()
            assert shown == tag.encode()

    @rule()
    def forget_kernel_pages(self) -> None:
        for path in self.model.files:
            with contextlib.suppress(OSError):
                descriptor = os.open(self.mount.path / "tree" / path, os.O_RDONLY)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(descriptor)
        for descriptor, _ in self.descriptors:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)

    @rule(seed=numbers, on_disk=st.booleans(), cut=st.booleans())
    @precondition(lambda self: self.model.fetchable)
    def damage_cache(self, seed: int, on_disk: bool, cut: bool) -> None:
        """Spoil every segment once the daemon has verified what is in it, and read all of it again."""
        self._read_everything()
        wait_until(self._quiet, "the daemon's own writes: what others change meanwhile is not seen")
        chooser = random.Random(seed)
        for segment in (self._cache() / "chunks" / "segments").glob("*.seg"):
            try:
                file = segment.open("r+b", buffering=0)
            except FileNotFoundError:
                continue  # nothing was left in it, and the daemon has removed it
            with file:
                size = os.fstat(file.fileno()).st_size
                if cut:
                    os.truncate(file.fileno(), chooser.randrange(size + 1))
                else:
                    records = bytearray(os.pread(file.fileno(), size, DATA_START))
                    for spot in range(chooser.randrange(64), len(records), 64):
                        records[spot] ^= 1  # no chunk of any size is spared
                    os.pwrite(file.fileno(), records, DATA_START)
                if on_disk:
                    os.fsync(file.fileno())
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        self._read_everything()

    def _quiet(self) -> bool:
        transfer = json.loads(self.mount.cli("status", "--json", self.mount.path).stdout)[
            "transfer"
        ]
        return not transfer["in_flight_requests"] and not transfer["in_flight_bytes"]

    def _read_everything(self) -> None:
        """From the daemon, not from what the kernel keeps."""
        self.forget_kernel_pages()
        for path, content in self.model.files.items():
            with self._outage_may_fail():
                assert (self.mount.path / "tree" / path).read_bytes() == content
        for descriptor, handle in self.descriptors:
            with self._outage_may_fail():
                assert os.pread(descriptor, len(handle.content) + 1, 0) == handle.content

    @rule()
    @precondition(lambda self: self.model.fetchable or not self.cache_lost)
    def kill_and_remount(self) -> None:
        process = self.mount.daemon()
        process.kill()
        assert not wait_ended([process], 30)
        for descriptor, _ in self.descriptors:
            os.close(descriptor)
        self.descriptors.clear()
        self.model.lose_handles()
        self.mount.start(self.model.current, *self.options)
        self.cache_lost = False

    @rule()
    @precondition(lambda self: self.model.fetchable and not self.descriptors)
    def mount_with_an_empty_cache(self) -> None:
        self.mount.umount()
        shutil.rmtree(self._cache(), ignore_errors=True)
        self.mount.start(self.model.current, *self.options)

    @rule(kept=st.integers(0, 64))
    def evict(self, kept: int) -> None:
        """Another process with a small limit makes room."""
        chunks = self._cache() / "chunks"
        with ChunkStore.open(chunks, limit=kept * BLOCK, min_free=0) as store:
            store.evict()

    @rule()
    @precondition(lambda self: self.model.fetchable)
    def lose_the_cache_while_mounted(self) -> None:
        self.cache_lost = (
            True  # a daemon started from here on knows no listing until it has the remote
        )
        shutil.rmtree(self._cache(), ignore_errors=True)

    @rule()
    @precondition(lambda self: self.model.fetchable)
    def remote_goes_away(self) -> None:
        self.repository.remote.rename(self.repository.remote.with_suffix(".away"))
        self.model.fetchable = False

    @rule()
    @precondition(lambda self: not self.model.fetchable)
    def remote_comes_back(self) -> None:
        self.repository.remote.with_suffix(".away").rename(self.repository.remote)
        wait_until(self._all_readable, "the end of refusals, seconds after the outage")
        self.model.fetchable = True

    @invariant()
    def names_are_those_of_the_commit(self) -> None:
        if not self.model.current:
            return
        assert (self.mount.path / "tag.txt").read_bytes() == self.model.current.encode()
        for directory in self.model.directories():
            found = set(os.listdir(self.mount.path / "tree" / directory))
            assert found == self.model.listing(directory)
        for path, content in self.model.files.items():
            assert os.stat(self.mount.path / "tree" / path).st_size == len(content)

    def teardown(self) -> None:
        for descriptor, _ in self.descriptors:
            os.close(descriptor)
        wrong = self.mounts.close()
        self.sandbox.close()
        assert not wrong, "\n".join(wrong)

    def _all_readable(self) -> bool:
        try:
            for path in self.model.files:
                (self.mount.path / "tree" / path).read_bytes()
            for descriptor, handle in self.descriptors:
                os.pread(descriptor, len(handle.content), 0)
        except OSError:
            return False
        return True

    def _cache(self) -> Path:
        return Path(self.sandbox.environ["XDG_CACHE_HOME"]) / "vfs"

    def _path(self, number: int) -> str:
        names = sorted(self.model.files)
        return names[number % len(names)]

    @contextlib.contextmanager
    def _outage_may_fail(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if self.model.fetchable or error.errno != errno.EIO:
                raise


class LargeMachine(MountMachine):
    """Files that come in parts and are compared when all of them was seen, in a cache that cannot hold many."""

    options: tuple[str, ...] = (*PATIENCE, "-o", "cache.limit=64MiB")

    @initialize(files=large_trees)
    def begin(self, files: dict[str, bytes]) -> None:
        self._begin(files)

    @rule(files=large_trees)
    @precondition(lambda self: self.model.fetchable)
    def commit(self, files: dict[str, bytes]) -> None:
        self._commit(files)


def on(transport: str, machine: type[MountMachine] = MountMachine) -> type[MountMachine]:
    """The machine with all of its mounts made through a transport."""
    return type(machine.__name__, (machine,), {"transport": transport})


SOAK = bool(os.environ.get("VFS_TEST_SOAK"))
SOAK_MINUTES = float(os.environ.get("VFS_TEST_SOAK_MINUTES") or 60)
COMMON = settings(
    deadline=None, suppress_health_check=list(HealthCheck), print_blob=True, database=None
)


@pytest.mark.timeout(600)
def test_random_histories(transport: str) -> None:
    few = settings(
        COMMON,
        max_examples=5 if transport == "direct" else 2,
        stateful_step_count=25,
        derandomize=True,
        phases=(Phase.explicit, Phase.generate),
    )
    run_state_machine_as_test(on(transport), settings=few)


if SOAK:

    @pytest.mark.timeout(3600)
    def test_random_histories_of_large_files(transport: str) -> None:
        some = settings(COMMON, max_examples=8, stateful_step_count=25)
        run_state_machine_as_test(on(transport, LargeMachine), settings=some)

    @pytest.mark.timeout(SOAK_MINUTES * 60 + 3600)
    def test_random_histories_for_an_hour(capsys: pytest.CaptureFixture[str]) -> None:
        until, histories = time.monotonic() + SOAK_MINUTES * 60, 0
        turns = itertools.cycle(TRANSPORTS)
        while time.monotonic() < until:
            many = settings(COMMON, max_examples=10, stateful_step_count=60)
            run_state_machine_as_test(on(next(turns)), settings=many)
            histories += many.max_examples
            with capsys.disabled():
                print(f"{histories} random histories", flush=True)
