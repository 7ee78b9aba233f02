"""Writers are killed at any moment; what the index names afterwards is whole."""

import random
import signal
from pathlib import Path

from tests.unit.store.support import (
    MIB,
    fetch,
    fill,
    key_of,
    open_store,
    payload_of,
    run_python,
    segment_files,
    start_python,
)
from vfs.store import layout

WRITER = """
import sys, threading
from pathlib import Path
from tests.unit.store.support import *
store = open_store(Path(sys.argv[1]), limit=int(sys.argv[3]), capacity=MIB)
first = int(sys.argv[2])
def work(start):
    for n in range(start, start + 100_000):
        assert store.append([(key_of(n), payload_of(n, 30_000))])
        if n % 10 == 5:
            store.locate(key_of(n - 3))
        sys.stdout.write(f"{n}\\n"); sys.stdout.flush()
threads = [threading.Thread(target=work, args=(first + 500_000 * t,)) for t in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def number_of(key: bytes) -> int:
    return int.from_bytes(key[-4:], "big")


def check_all(directory: Path) -> int:
    """Open as a new process would; every chunk that is found has its bytes. Returns their number."""
    output = run_python(
        """
import sys
from pathlib import Path
from tests.unit.store.support import *
with open_store(Path(sys.argv[1])) as store:
    keys = store._engine.index.read(lambda t: [bytes(k) for k, _ in t.cursor(store._engine.index.chunks)])
    for key in keys:
        assert fetch(store, key) == payload_of(int.from_bytes(key[-4:], "big"), 30_000), key
    report = store.verify()
    assert (report.bad, report.strays) == (0, 0), report
    assert report.chunks == len(keys)
    seen = store.statistics()
    assert seen.corrupt == 0
    assert seen.segments == len(segment_files(Path(sys.argv[1])))
    print(len(keys))
""",
        directory,
    )
    return int(output)


def test_killed_writers_leave_only_whole_chunks(tmp_path: Path) -> None:
    chance = random.Random(1)
    acknowledged: set[int] = set()
    for round_ in range(12):
        first = round_ * 2_000_000
        with start_python(WRITER, tmp_path / "c", first, 1 << 40) as writer:
            assert writer.stdout is not None
            wanted = chance.randrange(1, 60)
            lines = [writer.stdout.readline() for _ in range(wanted)]
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().splitlines(keepends=True)
        acknowledged |= {int(line) for line in lines + rest if line.endswith("\n")}
        if round_ % 4 == 3:
            assert check_all(tmp_path / "c") >= len(acknowledged)
    with open_store(tmp_path / "c") as store:
        assert all(store.contains_many([key_of(n) for n in acknowledged]))


def test_writers_killed_while_they_evict(tmp_path: Path) -> None:
    chance = random.Random(2)
    for round_ in range(8):
        with start_python(WRITER, tmp_path / "c", round_ * 2_000_000, 3 * MIB) as writer:
            assert writer.stdout is not None
            for _ in range(120 + chance.randrange(60)):
                writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
    assert check_all(tmp_path / "c") > 0
    with open_store(tmp_path / "c", limit=3 * MIB, capacity=MIB) as store:
        store.evict()
        assert store.statistics().bytes <= 3 * MIB


def test_a_killed_writer_does_not_disturb_a_living_one(tmp_path: Path) -> None:
    with open_store(tmp_path / "c") as store:
        for round_ in range(4):
            with start_python(WRITER, tmp_path / "c", round_ * 2_000_000, 1 << 40) as writer:
                assert writer.stdout is not None
                for _ in range(10):
                    number = int(writer.stdout.readline())
                    assert fetch(store, key_of(number)) == payload_of(number, 30_000)
                writer.send_signal(signal.SIGKILL)
            fill(store, [5_000_000 + round_], 30_000)
    assert check_all(tmp_path / "c") >= 44


def test_the_tail_of_a_dead_writer_is_reclaimed(tmp_path: Path) -> None:
    with open_store(tmp_path / "c") as store:
        fill(store, [1])
    (segment,) = segment_files(tmp_path / "c")
    indexed = segment.stat().st_size
    with segment.open("ab") as file:
        file.write(layout.record_header(b"half", 1000, 1, 2) + bytes(500_000))
    with open_store(tmp_path / "c") as store:
        fill(store, [2])
        assert [path.stat().st_size for path in segment_files(tmp_path / "c")] == [
            store.statistics().bytes
        ]
        assert segment.stat().st_size < indexed + 100_000
        assert fetch(store, key_of(1)) == payload_of(1)
        assert fetch(store, key_of(2)) == payload_of(2)


def test_a_segment_that_was_never_registered_is_removed(tmp_path: Path) -> None:
    open_store(tmp_path / "c").close()
    stray = tmp_path / "c" / "segments" / layout.segment_name(77, 5)
    stray.write_bytes(b"vfsseg")
    with open_store(tmp_path / "c") as other, open_store(tmp_path / "c"):
        assert not stray.exists()
        fill(other, [1])
    with open_store(tmp_path / "c") as store:
        assert fetch(store, key_of(1)) == payload_of(1)
