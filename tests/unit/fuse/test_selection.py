"""Which transport serves, and why not the fastest."""

from pathlib import Path
from typing import cast

import pytest

from vfs.errors import DaemonError
from vfs.fs.filesystem import FileSystem
from vfs.fuse import selection
from vfs.fuse.direct.mounting import mount
from vfs.fuse.transport import Plan

NOBODY = cast("FileSystem", None)


def test_who_asks_for_the_direct_one_gets_it_or_an_error() -> None:
    plan = Plan(Path("/nowhere/at/all"), "vfs:x")
    with pytest.raises(DaemonError, match="cannot mount on /nowhere/at/all"):
        selection.mounted("direct", NOBODY, plan)


def test_checks_at_each_open_are_not_for_the_direct_one() -> None:
    with pytest.raises(DaemonError, match="allow_root") as refused:
        mount(Plan(Path("/nowhere"), "vfs:x", ("allow_root",)))
    assert "pyfuse3" in str(refused.value.hint)


def test_a_helper_that_this_user_may_not_run_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only a group may run it: so the other transport is tried, or the reason is told."""
    (tmp_path / "fusermount3").touch(mode=0o600)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(DaemonError, match="fusermount3: Permission denied"):
        mount(Plan(tmp_path, "vfs:x"))


def test_a_source_with_commas_is_one_option() -> None:
    plan = Plan(Path("/m"), "vfs:/a,allow_other\\b\nü")
    assert plan.escaped_source == "vfs:/a\\,allow_other\\\\b??"
    assert plan.all_options == {"ro", "default_permissions"}
