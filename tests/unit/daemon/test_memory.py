"""What threads of the daemon needed for a moment goes back to the system."""

import subprocess
import sys

import pytest

from vfs.daemon.memory import Calm

_PROGRAM = """
import threading
import psutil
from vfs.daemon.memory import give_back, one_heap
one_heap()
bytearray(16 << 20)  # once so much was freed the C library keeps as much at the end of a heap
before = psutil.Process().memory_info().rss
thread = threading.Thread(target=lambda: [bytearray(3000) for _ in range(5_000)])
thread.start()
thread.join()
give_back()
print(psutil.Process().memory_info().rss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_what_a_thread_needed_goes_back() -> None:
    grown = subprocess.run(
        [sys.executable, "-c", _PROGRAM], check=True, stdout=subprocess.PIPE
    ).stdout
    assert int(grown) < 5 << 20, "15 MB were needed for a moment"


def test_memory_goes_back_once_after_what_was_fetched_has_come() -> None:
    calm = Calm()
    asked = [calm.has_come(fetched) for fetched in (0, 0, 10, 20, 20, 20, 30, 30, 30)]
    assert asked == [False, False, False, False, True, False, False, True, False]


_BUFFERS = """
import resource
from vfs.daemon.memory import one_heap
one_heap()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(200):
    buffers = [bytearray(1 << 18) for _ in range(8)]
    del buffers
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_buffers_of_blocks_are_not_given_back_each_time() -> None:
    faults = subprocess.run(
        [sys.executable, "-c", _BUFFERS], check=True, stdout=subprocess.PIPE
    ).stdout
    assert int(faults) < 5_000, "100,000 pages were used"
