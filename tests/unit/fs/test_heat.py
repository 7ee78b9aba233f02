"""What is hot: the last seconds only, bounded, and for who watches."""

import tracemalloc

from vfs.fs.heat import MOST_PENDING, SLICE_SECONDS, WATCH_SECONDS, Heat, Hot


def _read(heat: Heat, inode: int, size: int) -> None:
    """As `FileSystem.read_nowait` does."""
    if (watched := heat.watched) is not None:
        watched[inode] += size
        if len(watched) >= MOST_PENDING:
            heat.overflow()


def test_reads_count_from_when_somebody_watches() -> None:
    heat = Heat()
    _read(heat, 1, 100)
    assert heat.hottest(10, 1000.0)[1] == []
    _read(heat, 2, 100)
    _read(heat, 3, 300)
    _read(heat, 2, 50)
    seconds, hot = heat.hottest(10, 1002.0)
    assert seconds == 2.0
    assert hot == [Hot(3, 300, 0.0), Hot(2, 150, 0.0)]


def test_what_is_old_is_forgotten() -> None:
    heat = Heat()
    heat.hottest(10, 1000.0)
    _read(heat, 1, 100)
    now = 1000.0
    while heat.hottest(10, now)[1]:
        now += 1.0
        assert now < 1001 + 2 * SLICE_SECONDS
    assert now >= 1000 + SLICE_SECONDS


def test_waits_are_told_too() -> None:
    heat = Heat()
    heat.hottest(10, 1000.0)
    for inode in range(50):
        _read(heat, inode, 1000)
    heat.waits(7, 2.5)
    (first, *rest) = sorted(heat.hottest(1, 1001.0)[1], key=lambda hot: -hot.waited)
    assert first.inode == 7
    assert abs(first.waited - 2.5) < 0.001
    assert len(rest) <= 1


def test_counting_ends_with_the_last_watcher() -> None:
    heat = Heat()
    heat.hottest(10, 1000.0)
    heat.tick(1000.0 + WATCH_SECONDS)
    assert heat.watched is not None
    heat.tick(1001.0 + WATCH_SECONDS)
    assert heat.watched is None


def test_a_million_files_take_no_more_memory_than_some_thousand() -> None:
    heat = Heat()
    heat.hottest(10, 1000.0)
    tracemalloc.start()
    try:
        for inode in range(1_000_000):
            _read(heat, inode, 10)
        for _ in range(100_000):
            _read(heat, -1, 10)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    assert heat.hottest(1, 1001.0)[1][0].inode == -1
