"""How many files a process may have open, and what happens when there are too few."""

import contextlib
import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from vfs import descriptors


class Keeper:
    """Keeps one."""

    def __init__(self) -> None:
        self.asked = 0

    def let_go(self) -> None:
        self.asked += 1


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_for_want_of_descriptors_those_kept_go(number: int) -> None:
    keeper, calls = Keeper(), []
    descriptors.register(keeper)

    def opened(path: str, *, flags: int) -> str:
        calls.append((path, flags))
        if len(calls) == 1:
            raise OSError(number, os.strerror(number))
        return path

    assert descriptors.again(opened, "p", flags=3) == "p"
    assert (keeper.asked, calls) == (1, [("p", 3)] * 2)


def test_what_fails_for_another_reason_is_not_tried_again(tmp_path: Path) -> None:
    keeper = Keeper()
    descriptors.register(keeper)
    with pytest.raises(FileNotFoundError):
        descriptors.again(os.open, tmp_path / "none", os.O_RDONLY)
    assert keeper.asked == 0


def test_the_limit_is_raised_to_the_hard_one() -> None:
    code = (
        "import resource\nfrom vfs.descriptors import raise_limit, share\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 512))\n"
        "print(share(1000))\nraise_limit()\nprint(*resource.getrlimit(resource.RLIMIT_NOFILE), share(1000), share(99))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["16", "512", "512", "128", "99"]


def test_files_are_opened_although_none_is_left(tmp_path: Path) -> None:
    """A descriptor that is only kept makes room for one that is needed."""

    class Holder:
        def __init__(self) -> None:
            self.held: list[descriptors.Descriptor] = []

        def let_go(self) -> None:
            self.held.clear()

    holder = Holder()
    descriptors.register(holder)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (max(64, len(os.listdir("/proc/self/fd")) + 8), before[1])
    )
    try:
        with contextlib.suppress(OSError):
            while True:
                holder.held.append(descriptors.Descriptor(os.open(tmp_path, os.O_RDONLY)))
        assert holder.held
        os.close(descriptors.again(os.open, tmp_path, os.O_RDONLY))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert not holder.held
