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
        (("add", "team", "s3://other"), 8, "packed remote"),
        (("add", "--packed", "new", "s3://other", "profile"), 2, "OPTION=VALUE"),
        (("add", "--packed", "--local", "new", "s3://other"), 2, "config.yaml"),
        (("modify", "team", "prot", "x"), 8, "no option 'prot'"),
        (("modify", "team", "layout", "dvc"), 8, "packed"),
        (("modify", "--system", "team", "profile", "x"), 2, "system"),
        (("remove", "--local", "team"), 8, "local.yaml"),
        (("rename", "--local", "team", "new"), 8, "local.yaml"),
        (("rename", "team", "store"), 8, "DVC's layout"),
        (("rename", "store", "team"), 8, "packed remote"),
        (("rename", "team"), 2, "NAME NEW"),
        (("list", "--packed"), 2, "add"),
    ):
        done = vfs("remote", *words)
        assert (done.code, said in done.err) == (code, True), (words, done)
    assert set(read_remotes_file(file)) == {"team"}
    file.write_text("remotes: {team: {url: s3://bucket/x}}\n")
    for words in (
        ("add", "--packed", "new", "s3://b"),
        ("remove", "team"),
        ("rename", "team", "x"),
    ):
        done = vfs("remote", *words)
        assert (done.code, "by hand" in done.err) == (8, True), words


def test_a_secret_is_warned_of(vfs: Vfs, file: Path) -> None:
    done = vfs("remote", "add", "--packed", "team", "s3://b", "secret_access_key=hush")
    assert (done.code, ".vfs/local.yaml" in done.err) == (0, True)
    assert "hush" not in done.err
    done = vfs("remote", "modify", "team", "session_token", "hush")
    assert (done.code, "--local" in done.err) == (0, True)
    assert vfs("remote", "modify", "--unset", "team", "session_token").code == 0
    file.with_name(".gitignore").write_text("*.bak")
    assert vfs("remote", "modify", "--local", "team", "session_token", "hush") == Done(0, "", "")
    git(file.parent, "check-ignore", "-q", "local.yaml")
    assert file.with_name(".gitignore").read_text() == "*.bak\n/local.yaml\n"
    assert (
        file.with_name("local.yaml").read_text() == "remotes:\n  team:\n    session_token: hush\n"
    )


BEFORE = """# ours
remotes: # here
  "Team":  # all of us
    url: "s3://bucket/x"
    # which account
    profile: one  # for now

  disk:
      url: /srv/packed
transfer:
  jobs: 3
"""


def test_modify(vfs: Vfs, file: Path) -> None:
    """Lines change, the rest stays."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(BEFORE)
    assert vfs("remote", "modify", "team", "profile", "two").code == 0
    assert file.read_text() == BEFORE.replace("one  #", "two  #")
    assert vfs("remote", "modify", "team", "Region", "eu").code == 0
    after = BEFORE.replace("one  # for now\n", "two  # for now\n    region: eu\n")
    assert file.read_text() == after
    assert vfs("remote", "modify", "disk", "url", "../other").code == 0
    assert file.read_text() == after.replace("/srv/packed", "../../other")
    assert vfs("remote", "modify", "--unset", "team", "region").code == 0
    assert "does not set" in vfs("remote", "modify", "--unset", "team", "region").err
    assert vfs("remote", "modify", "disk", "url", "/srv/packed").code == 0
    assert vfs("remote", "modify", "team", "profile", "one").code == 0
    assert file.read_text() == BEFORE


def test_rename(vfs: Vfs, file: Path) -> None:
    """Options in the file of this clone and the default follow."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(BEFORE + "remote:\n  default: team\n")
    file.with_name("local.yaml").write_text("remotes:\n  team:\n    session_token: hush\n")
    assert vfs("remote", "rename", "Team", "All").code == 0
    assert file.read_text() == BEFORE.replace('"Team"', "all") + "remote:\n  default: all\n"
    assert "all:\n    session_token" in file.with_name("local.yaml").read_text()
    assert "all  s3://bucket/x  (packed)  (default)\n" in vfs("remote").out
    assert vfs("remote", "rename", "all", "disk").code == 8


def test_remove(vfs: Vfs, file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(BEFORE + "remote:\n  default: team\n")
    file.with_name("local.yaml").write_text("remotes:\n  team:\n    session_token: hush\n")
    done = vfs("remote", "remove", "team")
    assert (done.code, "local.yaml still has options of team" in done.err) == (0, True)
    assert set(read_remotes_file(file)) == {"disk"}
    assert "remote.default" not in vfs("config", "--list").out
    assert vfs("remote", "remove", "--local", "team").code == 0
    assert vfs("remote", "remove", "disk").code == 0
    assert file.read_text() == "# ours\n\ntransfer:\n  jobs: 3\nremote:\n"


def test_a_renamed_remote_of_dvc_stays_the_default(vfs: Vfs, file: Path, world: Path) -> None:
    """Secrets in the file of this clone follow, where DVC leaves them behind and cannot read its files any more."""
    vfs("remote", "add", "store", "s3://bucket/y")
    vfs("remote", "modify", "--local", "store", "session_token", "hush")
    vfs("config", "remote.default", "store")
    file.parent.mkdir(exist_ok=True)
    file.write_text("remote:\n  default: store\n")
    assert vfs("remote", "rename", "store", "other").code == 0
    assert load_settings(world / "r").remote_default == "other"
    local = (world / "r" / ".dvc" / "config.local").read_text()
    assert local == "['remote \"other\"']\n    session_token = hush\n"
