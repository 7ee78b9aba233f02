"""A descriptor of /dev/fuse on which no mount can begin is refused, with what is wrong."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from vfs.errors import DaemonError
from vfs.fuse.direct.beginning import begin, end
from vfs.fuse.transport import Plan
from vfs.testing.mounts import is_mounted

pytestmark = pytest.mark.fuse


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[int]:
    """The device of a mount that has begun."""
    plan = Plan(tmp_path, "vfs-test")
    device, agreed = begin(plan)
    assert agreed.minor is not None
    assert is_mounted(tmp_path)
    yield device
    end(device, plan)
    assert not is_mounted(tmp_path)


def refusal(number: int) -> str:
    with pytest.raises(DaemonError, match="no agreement") as refused:
        begin(Plan(Path(f"/dev/fd/{number}"), "vfs-test"))
    assert "from its beginning on" in str(refused.value.hint)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)  # whoever passed it waits for nothing
    return refused.value.message


def test_a_device_without_a_mount() -> None:
    assert "nothing is mounted" in refusal(os.open("/dev/fuse", os.O_RDWR))


def test_a_mount_that_somebody_has_served(begun: int) -> None:
    assert "does not begin with INIT" in refusal(os.dup(begun))


def test_a_mount_with_a_request_that_waits(begun: int, tmp_path: Path) -> None:
    """It is answered, so that whoever made it does not wait for ever."""
    asking = os.fork()
    if not asking:  # it may hang if the test fails: it must not be a thread of ours
        try:
            os.stat(tmp_path / "x")
        except OSError:
            os._exit(3)
        os._exit(4)
    assert "does not begin with INIT" in refusal(os.dup(begun))
    assert os.waitstatus_to_exitcode(os.waitpid(asking, 0)[1]) == 3
