"""What is said of a directory that cannot be mounted on."""

from pathlib import Path

import pytest

from vfs.daemon.mountpoint import check_directory
from vfs.errors import MountPointRefused


@pytest.mark.parametrize(("place", "makes"), [("new", True), ("repo/.git/new", False)])
def test_nobody_is_told_to_make_what_would_be_refused(
    tmp_path: Path, place: str, makes: bool
) -> None:
    with pytest.raises(MountPointRefused, match="does not exist") as refused:
        check_directory(tmp_path / place)
    assert (refused.value.hint == f"mkdir -p {tmp_path / place}") == makes
