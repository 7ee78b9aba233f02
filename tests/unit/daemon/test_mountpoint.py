"""What is said of a directory that cannot be mounted on."""

import os
from pathlib import Path

import pytest

from vfs.daemon.mountpoint import check_directory, check_right
from vfs.errors import DaemonError, MountPointRefused


@pytest.mark.parametrize(("place", "makes"), [("new", True), ("repo/.git/new", False)])
def test_nobody_is_told_to_make_what_would_be_refused(
    tmp_path: Path, place: str, makes: bool
) -> None:
    with pytest.raises(MountPointRefused, match="does not exist") as refused:
        check_directory(tmp_path / place)
    assert (refused.value.hint == f"mkdir -p {tmp_path / place}") == makes


def test_who_may_not_mount_is_told_before_anything_is_waited_for(tmp_path: Path) -> None:
    device = tmp_path / "fuse"
    with pytest.raises(DaemonError, match="No such file"):
        check_right(tmp_path, allow_other=False, device=device)
    device.touch()
    check_right(tmp_path, allow_other=False, device=device)


def test_others_may_read_where_the_administrator_allows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, config = tmp_path / "fuse", tmp_path / "fuse.conf"
    device.touch()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for text in (None, "# user_allow_other\n"):
        if text is not None:
            config.write_text(text)
        with pytest.raises(DaemonError, match="only for root") as refused:
            check_right(tmp_path, allow_other=True, device=device, config=config)
        assert str(config) in (refused.value.hint or "")
    config.write_text("user_allow_other\n")
    check_right(tmp_path, allow_other=True, device=device, config=config)
