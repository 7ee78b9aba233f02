"""`vfs remote` for packed remotes: lines of `.vfs/config.yaml`, the rest of which stays."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Done, git
from vfs.config import load_settings, read_remotes_file

Vfs = Callable[..., Done]


@pytest.fixture
def file(world: Path, monkeypatch: pytest.MonkeyPatch, vfs: Vfs) -> Path:
    (world / "r").mkdir()
    git(world / "r", "init", "-q")
    monkeypatch.chdir(world / "r")
    assert vfs("init").code == 0
    return world / "r" / ".vfs" / "config.yaml"


def test_add_and_list(vfs: Vfs, file: Path, world: Path) -> None:
    done = vfs("remote", "add", "--packed", "Team", "s3://bucket/x", "endpointurl=http://h:1/")
    assert done == Done(0, "", "")
    team = '  team:\n    url: "s3://bucket/x"\n    endpointurl: "http://h:1/"\n'
    assert file.read_text() == f"remotes:\n{team}"
    assert vfs("remote").out == "team  s3://bucket/x  (packed)  (default)\n"
    file.write_text(f"# ours\ntransfer:\n  jobs: 3\nremotes: # here\n{team}# end\n")
    assert vfs("remote", "add", "--packed", "-d", "disk", "../packed").code == 0
    assert file.read_text() == (
        "# ours\ntransfer:\n  jobs: 3\nremotes: # here\n  disk:\n    url: ../../packed\n"
        f"{team}# end\nremote:\n  default: disk\n"
    )
    assert set(read_remotes_file(file)) == {"disk", "team"}
    assert load_settings(world / "r").remote_default == "disk"
    assert "team  s3://bucket/x  (packed)\n" in vfs("remote", "list").out


def test_the_default_of_both_kinds(vfs: Vfs, file: Path) -> None:
    vfs("remote", "add", "--packed", "team", "s3://bucket/x")
    vfs("remote", "add", "-d", "store", "s3://bucket/y")
    assert vfs("remote", "default").out == "store\n"
    vfs("remote", "default", "team")
    assert vfs("remote", "default").out == vfs("config", "remote.default").out == "team\n"
    vfs("remote", "default", "store")
    assert vfs("remote", "default").out == "store\n"
    assert "remote.default" not in vfs("config", "--list").out
    vfs("remote", "default", "team")
    vfs("remote", "default", "--unset")
    assert vfs("remote", "default").code == 8


def test_what_is_refused(vfs: Vfs, file: Path) -> None:
    vfs("remote", "add", "--packed", "team", "s3://bucket/x")
    vfs("remote", "add", "store", "s3://bucket/y")
    for words, code, said in (
        (("add", "--packed", "team", "s3://other"), 8, "already"),
        (("add", "--packed", "store", "s3://other"), 8, "DVC's layout"),
        (("add", "team", "s3://other"), 8, "config.yaml"),
        (("add", "--packed", "new", "s3://other", "profile"), 2, "OPTION=VALUE"),
        (("add", "--packed", "--local", "new", "s3://other"), 2, "config.yaml"),
        (("modify", "team", "profile", "x"), 8, "config.yaml"),
        (("remove", "team"), 8, "config.yaml"),
        (("list", "--packed"), 2, "add"),
    ):
        done = vfs("remote", *words)
        assert (done.code, said in done.err) == (code, True), (words, done)
    assert set(read_remotes_file(file)) == {"team"}
    file.write_text("remotes: {team: {url: s3://bucket/x}}\n")
    assert "by hand" in vfs("remote", "add", "--packed", "new", "s3://b").err


def test_a_secret_is_warned_of(vfs: Vfs, file: Path) -> None:
    done = vfs("remote", "add", "--packed", "team", "s3://b", "secret_access_key=hush")
    assert (done.code, ".vfs/local.yaml" in done.err) == (0, True)
    assert "hush" not in done.err
