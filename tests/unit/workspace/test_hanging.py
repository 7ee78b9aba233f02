"""Looks into directories that do not answer."""

import pytest

from vfs.errors import RemoteUnavailable
from vfs.workspace.hanging import HANGS, Looks


def test_nobody_follows_a_look_that_hangs_until_it_is_back() -> None:
    now = [0.0]
    looks = Looks(lambda: now[0])
    with looks.into("/net"):
        now[0] = HANGS
        with looks.into("/net"):
            pass
        now[0] = HANGS + 0.1
        with pytest.raises(RemoteUnavailable, match="/net does not answer"), looks.into("/net"):
            pytest.fail("it hangs")
        with looks.into("/local"):
            pass
    with looks.into("/net"):
        pass
