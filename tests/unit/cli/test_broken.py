"""What a snapshot names and nobody can serve: each verb says so, on its path, and ends with its code."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Done, git
from vfs.testing.faulty_proxy import FaultyProxy, status

Vfs = Callable[..., Done]


@pytest.fixture
def broken(repo: Path, tracked: bytes, world: Path) -> Path:
    """`d/lost` is imported from a repository that is gone."""
    (repo / "d" / "lost.dvc").write_text(
        "deps:\n- path: lost\n  repo:\n"
        f"    url: {world / 'gone'}\n    rev_lock: {'0' * 39}1\nouts:\n- path: lost\n"
    )
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "import")
    return repo


def test_ls_lists_it_and_warns(vfs: Vfs, broken: Path) -> None:
    for words in (["d/lost"], ["d"], ["-R"], ["-l", "d"]):
        done = vfs("ls", *words)
        assert done.code == 1
        assert "lost\n" in done.out
        assert done.err.startswith("warning: d/lost cannot be served: "), done.err
        assert str(broken.parent / "gone") in done.err
    assert vfs("ls", "d/b") == Done(0, "d/b\n", "")
    done = vfs("ls", "d", "--json")
    assert done.code == 1
    assert [w.partition(": ")[0] for w in done.warnings] == ["d/lost cannot be served"]
    assert [d["path"] for d in done.documents if d["kind"] == "broken"] == ["d/lost"]


def test_prefetch_names_it(vfs: Vfs, broken: Path, tracked: bytes) -> None:
    """By its path, below a directory, by a pattern; the rest is fetched."""
    for words in (["d/lost"], ["d"], ["--glob", "*/lost"]):
        done = vfs("prefetch", *words)
        assert done.code == 16, words
        assert done.err.startswith("error: 1 file cannot be fetched: d/lost: ")
    done = vfs("prefetch", "--json")
    assert (done.code, done.error["code"]) == (16, "data-unavailable")
    (report,) = done.documents
    assert report["failed_files"] == 1
    assert report["problems"][0].startswith("d/lost: ")
    assert report["bytes"] > len(tracked)
    assert vfs("prefetch", "--glob", "*/[bc]").code == 0


def test_cat_and_doctor_name_it(vfs: Vfs, broken: Path) -> None:
    assert vfs("cat", "d/lost").code == 16
    done = vfs("doctor", "--offline")
    assert done.code == 1
    assert "BAD   problem: d/lost: " in done.out


def test_a_missing_lfs_object_says_what_brings_it(vfs: Vfs, repo: Path) -> None:
    (repo / ".gitattributes").write_text("*.big filter=lfs\n")
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'ab' * 32}\nsize 12\n"
    (repo / "x.big").write_text(pointer)
    git(
        repo,
        "-c",
        "filter.lfs.clean=cat",
        "-c",
        "filter.lfs.process=",
        "-c",
        "filter.lfs.required=false",
        "add",
        ".",
    )
    git(repo, "commit", "-q", "-m", "lfs")
    done = vfs("cat", "x.big")
    assert done.code == 16
    assert "hint: `git lfs fetch`" in done.err


def test_an_import_whose_content_nobody_has(vfs: Vfs, repo: Path, tracked: bytes) -> None:
    """Its pointer says hash and size, so it is listed; no hint pretends that it can be read."""
    (repo / "f.dvc").write_text(
        f"deps:\n- path: f\n  repo:\n    url: {repo.parent / 'gone'}\n    rev_lock: {'0' * 39}1\n"
        f"outs:\n- md5: {'ab' * 16}\n  size: 3\n  hash: md5\n  path: f\n"
    )
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "import")
    assert "is read from" not in vfs("doctor", "--offline").out
    done = vfs("prefetch", "f")
    assert done.code == 16
    assert done.err.startswith("error: 1 file cannot be fetched: f: ")


def test_doctor_names_the_first_of_many(vfs: Vfs, broken: Path) -> None:
    outs = "".join(f"- path: u{number}\n" for number in range(30))
    (broken / "many.dvc").write_text(f"outs:\n{outs}")
    git(broken, "add", ".")
    git(broken, "commit", "-q", "-m", "never committed to DVC")
    few, every = vfs("doctor", "--offline"), vfs("doctor", "--offline", "-v")
    assert "problems: HEAD: 31 paths cannot be served" in few.out
    assert few.out.count("BAD   problem: ") == 20
    assert "BAD   problems: and 11 more\n      -> vfs doctor --verbose names all\n" in few.out
    assert every.out.count("BAD   problem: ") == 31
    assert "more" not in every.out
    told = [d["name"] for d in vfs("doctor", "--offline", "--json").documents]
    assert told.count("problem") == 31


def test_who_waits_for_a_remote_says_so_at_once(
    vfs: Vfs, repo: Path, tracked: bytes, world: Path
) -> None:
    """Not only on a terminal: a directory that is away is waited for until the deadline."""
    (world / "remote").rename(world / "away")
    (world / "config" / "vfs").mkdir()
    (world / "config" / "vfs" / "config.yaml").write_text("transfer: {deadline: 2}")
    (repo / "data.dvc").write_text(f"outs:\n- md5: {'0' * 32}.dir\n  path: data\n")
    reason = f"there is no directory {world / 'remote'}"
    end = f"{reason}; the setting `transfer.deadline` says for how long, `vfs doctor` what is wrong"
    first, error, _ = vfs("cat", "big.bin").err.splitlines()
    assert first.startswith("warning: waiting for data: remote r ")
    assert first.endswith(end)
    assert error.count("files/md5/") == error.count(reason) == 1
    first, *_, last = vfs("ls", "data", "--rev", "worktree").err.splitlines()
    assert (
        first == "warning: waiting for remote r "
        f"({reason}) for 2 s at most; the setting `transfer.deadline` says for how long, `vfs doctor` what is wrong"
    )
    assert last.count("000.dir: ") == last.count(reason) == 1


def test_a_remote_that_is_away_may_have_it_all_the_same(
    vfs: Vfs, repo: Path, tracked: bytes, world: Path
) -> None:
    shutil.copytree(world / "remote", world / "other")
    (world / "remote").rename(world / "away")
    local = f"['remote \"z\"']\nurl = {world / 'other'}\n"
    (repo / ".dvc" / "config.local").write_text(local)
    (why,) = vfs("why", "big.bin", "--ask-remotes", "--json").documents
    places = {place["place"]: place for place in why["places"]}
    assert (places["r"]["has"], places["z"]["has"]) == (None, True)
    assert "there is no directory" in places["r"]["note"]
    assert "[plain] not known: " in vfs("why", "big.bin", "--ask-remotes").out


REFUSED = b"<Error><Code>SignatureDoesNotMatch</Code><Message>wrong</Message></Error>"
UNREADABLE = {
    "wrong secret": (
        "url = s3://b/d\n    endpointurl = {proxy}\n    access_key_id = a\n    secret_access_key = b",
        13, "SignatureDoesNotMatch wrong", "check the credentials",
    ),
    "no driver": ("url = hdfs://host/d", 20, "no driver for 'hdfs'", "mirror it"),
    "unknown scheme": ("url = foo://host/d", 20, "no driver for 'foo'", "`dvc fetch`"),
    "no profile": (
        "url = s3://b/d\n    profile = nobody", 8, "profile (nobody) could not be found", "AWS_PROFILE",
    ),
    "no bucket": ("url = s3://", 8, "names no bucket", "s3://bucket/path"),
    "no bucket of Google's": ("url = gs://b/p", 8, "no bucket can be called 'b'", "3 to 222"),
    "no container": ("url = azure://c/p", 8, "no container can be called 'c'", "3 to 63"),
    "no such list": ("url = {empty}", 16, "was not found", "dvc push"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_list_that_cannot_be_read_says_what_is_in_the_way(
    vfs: Vfs, repo: Path, world: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it was not found, and may not have been pushed, is said only where somebody looked."""
    for name in ("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    options, code, message, hint = UNREADABLE[case]
    (world / "empty").mkdir()
    with FaultyProxy(1) as proxy:
        proxy.always(status(403, body=REFUSED))
        options = options.format(proxy=proxy.endpoint, empty=world / "empty")
        (repo / ".dvc").mkdir()
        (repo / ".dvc" / "config").write_text(
            f"[core]\n    remote = r\n['remote \"r\"']\n    {options}\n"
        )
        (repo / "data.dvc").write_text(f"outs:\n- md5: {'0' * 32}.dir\n  path: data\n")
        git(repo, "add", ".")
        git(repo, "commit", "-q", "-m", "data")
        for words in (["cat", "data/x"], ["cat", "data"], ["ls", "data/x"]):
            done = vfs(*words)
            assert done.code == code, done.err
            assert message in done.err
            assert hint in done.err.partition("hint: ")[2]
            assert ("was not found" in done.err) == ("dvc push" in done.err) == (code == 16)
        assert message in vfs("ls").err
        assert hint in vfs("doctor").out
        assert vfs("log", "data").code == 0
