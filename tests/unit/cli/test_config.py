"""`vfs config` of our own options, and where both tools have one of the same name."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Done, git
from vfs.config import load_settings

Vfs = Callable[..., Done]


@pytest.fixture
def repository(world: Path, monkeypatch: pytest.MonkeyPatch, vfs: Vfs) -> Path:
    (world / "r").mkdir()
    git(world / "r", "init", "-q")
    monkeypatch.chdir(world / "r")
    assert vfs("init").code == 0
    return world / "r"


def test_each_level_has_its_file(vfs: Vfs, repository: Path, world: Path) -> None:
    assert vfs("config", "transfer.jobs", "7") == Done(0, "", "")
    assert vfs("config", "--local", "cache.limit", "9GiB").code == 0
    assert vfs("config", "--global", "cache.limit", "8GiB").code == 0
    assert (repository / ".vfs" / "config.yaml").read_text() == "transfer:\n  jobs: 7\n"
    assert (world / "config" / "vfs" / "config.yaml").read_text() == "cache:\n  limit: 8GiB\n"
    assert vfs("config", "cache.limit").out == "9GiB\n"
    assert vfs("config", "--global", "cache.limit").out == "8GiB\n"
    settings = load_settings(repository)
    assert (settings.jobs, settings.cache_limit) == (7, 9 << 30)
    git(repository, "check-ignore", "-q", ".vfs/local.yaml")
    assert vfs("config", "-l").out == "transfer.jobs=7\ncache.limit=8GiB\ncache.limit=9GiB\n"
    assert vfs("config", "--unset", "--local", "cache.limit").code == 0
    assert vfs("config", "cache.limit").out == "8GiB\n"
    assert vfs("config", "--unset", "--local", "cache.limit").code == 8


def test_the_cache_of_both(vfs: Vfs, repository: Path, world: Path) -> None:
    """`cache.dir` is DVC's; a remark says so. `vfs.cache.dir` is ours."""
    done = vfs("config", "--local", "cache.dir", "/big/dvc")
    assert (done.code, "vfs.cache.dir" in done.err) == (0, True)
    assert vfs("config", "--local", "vfs.cache.dir", "/big/vfs") == Done(0, "", "")
    assert (repository / ".dvc" / "config.local").read_text() == "[cache]\n    dir = /big/dvc\n"
    assert load_settings(repository).cache_dir == Path("/big/vfs")
    assert vfs("config", "cache.dir").out == vfs("config", "dvc.cache.dir").out == "/big/dvc\n"
    assert vfs("config", "vfs.cache.dir").out == "/big/vfs\n"
    assert vfs("config", "-l").out == "cache.dir=/big/dvc\nvfs.cache.dir=/big/vfs\n"


def test_what_is_refused(vfs: Vfs, repository: Path) -> None:
    for words, code, said in (
        (("cache.limit", "9GiB"), 2, "--local"),
        (("--local", "--global", "cache.limit", "9GiB"), 2, "exclude"),
        (("--system", "transfer.jobs", "7"), 2, "--global"),
        (("transfer.jobs", "many"), 8, "many"),
        (("vfs.transfer.job", "1"), 8, "transfer.jobs"),
        (("transfer.job", "1"), 8, "sections"),
        (("transfer.jobs",), 8, "default"),
        ((), 2, "--list"),
    ):
        done = vfs("config", *words)
        assert (done.code, said in done.err) == (code, True), (words, done)
    assert not (repository / ".vfs").exists()


def test_a_secret_in_the_tracked_file_is_warned_of(vfs: Vfs, repository: Path) -> None:
    assert vfs("remote", "add", "s", "s3://b").err == ""
    done = vfs("remote", "modify", "s", "secret_access_key", "hush")
    assert "--local" in done.err
    assert "hush" not in done.err
    assert "--local" in vfs("remote", "add", "w", "webdav://me:hush@h/d").err
    assert "hush" not in vfs("remote", "list").out + vfs("config", "-l").out
    assert vfs("remote", "modify", "--local", "s", "password", "x").code == 8  # no option of S3
    assert vfs("remote", "modify", "--local", "s", "session_token", "hush").err == ""
    assert (repository / ".dvc" / "config.local").stat().st_mode & 0o77 == 0


def test_outside_of_a_repository(vfs: Vfs, world: Path) -> None:
    assert vfs("config", "core.remote", "x").code == 3
    assert vfs("remote", "list").code == 3
    assert vfs("config", "--global", "core.checksum_jobs", "3").code == 0
    assert vfs("config", "core.checksum_jobs").out == "3\n"
    assert (world / "config" / "dvc" / "config").read_text() == "[core]\n    checksum_jobs = 3\n"
