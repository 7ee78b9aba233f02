"""Directories of this machine: XDG rules, private modes, refusals."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vfs.config import cache_dir, dvc_config_paths, runtime_dir, state_dir
from vfs.config.environment import git_environment
from vfs.errors import ConfigError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith(("XDG_", "VFS_", "DVC_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_defaults_lie_below_home(home: Path) -> None:
    assert cache_dir() == home / ".cache" / "vfs"
    assert state_dir() == home / ".local" / "state" / "vfs"
    assert dvc_config_paths() == (Path("/etc/xdg/dvc/config"), home / ".config" / "dvc" / "config")


def test_relative_variables_are_ignored(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "relative")
    assert cache_dir() == home / ".cache" / "vfs"
    assert runtime_dir().is_absolute()


def test_dvc_s_own_variables_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_DIRS", "/one:/two")
    assert dvc_config_paths()[0] == Path("/one/dvc/config")
    monkeypatch.setenv("DVC_SYSTEM_CONFIG_DIR", "/s")
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", "/g")
    assert dvc_config_paths() == (Path("/s/config"), Path("/g/config"))


def test_the_runtime_directory_is_private(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home))
    assert runtime_dir() == home / "vfs"
    assert (home / "vfs").stat().st_mode & 0o777 == 0o700
    (home / "vfs").chmod(0o755)
    runtime_dir()
    assert (home / "vfs").stat().st_mode & 0o777 == 0o700


def test_a_symlink_in_its_place_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home))
    (home / "elsewhere").mkdir()
    (home / "vfs").symlink_to("elsewhere")
    with pytest.raises(ConfigError, match="is not a directory of user"):
        runtime_dir()


def test_a_file_in_its_place_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    (home / "vfs").write_text("")
    with pytest.raises(ConfigError, match="cannot be used as a private directory"):
        state_dir()


def test_somebody_else_s_directories_are_not_used(
    home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As user nobody: the variable still names root's directory, and a guessed name in /tmp is taken."""
    if os.geteuid() != 0:
        assert not os.access("/root", os.W_OK)
        return
    shared = tmp_path_factory.mktemp("shared")
    for directory in (shared, *shared.parents[:-2]):
        directory.chmod(0o755)
    (shared / "tmp").mkdir()
    (shared / "tmp").chmod(0o1777)
    (shared / "tmp" / "vfs-65534").mkdir()
    code = (
        "import os, sys; os.setgid(65534); os.setuid(65534)\n"
        "from vfs.config import runtime_dir\n"
        "from vfs.errors import ConfigError\n"
        "try: print(runtime_dir())\n"
        "except ConfigError as error: print('refused', error)\n"
    )
    environment = {
        "XDG_RUNTIME_DIR": str(shared),
        "TMPDIR": str(shared / "tmp"),
        "HOME": "/nonexistent",
    }

    def run() -> str:
        script = f"import sys; sys.path[:0] = {sys.path!r}; import tempfile, vfs.config.places, vfs.errors\n{code}"
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    assert "refused" in run()
    (shared / "tmp" / "vfs-65534").rmdir()
    assert run().strip() == str(shared / "tmp" / "vfs-65534")


def test_git_sees_no_repository_of_a_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/x")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -v")
    found = git_environment()
    assert "GIT_DIR" not in found
    assert "GIT_CONFIG_COUNT" not in found
    assert found["GIT_SSH_COMMAND"] == "ssh -v"
    assert found["GIT_TERMINAL_PROMPT"] == "0"
