"""ls, diff, log, cat and doctor on a real repository, without any mount."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Daemons, Done, git, process

Vfs = Callable[..., Done]


def test_ls_lists_a_directory(vfs: Vfs, repo: Path) -> None:
    assert vfs("ls") == Done(0, "a.txt\nd\nlink\nrun\n", "")
    assert vfs("ls", "--rev", "v1", "d").out == "b\n"
    assert vfs("ls", "-R", "--rev", "v1").out == "a.txt\nd/b\nlink\nrun\n"
    assert vfs("ls", "d").out == "b\nc\n\udcff\n"


def test_paths_are_relative_to_this_directory(
    vfs: Vfs, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repo / "d")
    assert vfs("ls", "--rev", "v1").out == "b\n"
    assert vfs("ls", "../a.txt").out == "../a.txt\n"
    assert vfs("ls", "-R", "--rev", "v1").out == "b\n"
    assert vfs("ls", "-R", ":/", "--rev", "v1").out == "../a.txt\nb\n../link\n../run\n"
    assert vfs("ls", "b", "--json").documents[0]["path"] == "d/b"
    assert vfs("ls", ":/", "--rev", "v1").out == "a.txt\nd\nlink\nrun\n"
    assert vfs("ls", repo / "d", "--rev", "v1").out == "b\n"
    assert vfs("ls", "--repo", repo, "d", "--rev", "v1").out == "b\n"
    assert vfs("ls", "../..").code == 2
    assert vfs("ls", "/etc").code == 2


def test_long_and_json(vfs: Vfs, repo: Path) -> None:
    lines = vfs("ls", "-l").out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "-rw-r--r--",
        "drwxr-xr-x",
        "lrwxrwxrwx",
        "-rwxr-xr-x",
    ]
    assert lines[0].split()[1] == "8"
    odd = vfs("ls", "d", "--json").documents[-1]
    assert odd["type"] == "entry"
    assert odd["path"] == "d/\\xff"
    assert odd["path_b64"] == "ZC//"
    assert (odd["kind"], odd["size"]) == ("file", 4)
    assert odd["digest"].startswith("git:")


def test_what_is_not_there(vfs: Vfs, repo: Path) -> None:
    assert vfs("ls", "nope").code == 5
    assert vfs("ls", "--rev", "nope").code == 4
    assert vfs("ls", "--rev", "--output=x").code == 4
    assert vfs("log", "nope").err == (
        "error: none of the 2 commits of HEAD has nope\nhint: `vfs ls` shows what is there\n"
    )
    assert "none of the last 1 commit of HEAD" in vfs("log", "nope", "--scan", "1").err
    assert vfs("log", "nope").code == 5
    assert vfs("cat", "nope").code == 5


def test_cat_refuses_what_is_no_plain_file(vfs: Vfs, repo: Path) -> None:
    assert "is a directory" in vfs("cat", "d").err
    assert "is a symlink" in vfs("cat", "link").err


def test_diff(vfs: Vfs, repo: Path) -> None:
    done = vfs("diff", "v1", "HEAD")
    assert done.out == "M a.txt\nA d/c\nA d/\udcff\n"
    assert done.err == "2 added, 1 changed; 4 B -> 16 B\n"
    assert vfs("diff", "v1..HEAD").out == done.out
    assert vfs("diff", "HEAD..v1").out == "M a.txt\nD d/c\nD d/\udcff\n"
    assert vfs("diff", "HEAD", "HEAD") == Done(0, "", "")
    *changed, summary = vfs("diff", "v1", "HEAD", "--json").documents
    assert changed[0]["old"]["size"] == 4
    assert changed[0]["new"]["size"] == 8
    assert changed[1]["old"] is None
    assert summary == {
        "type": "summary", "old": "v1", "new": "HEAD",
        "added": 2, "removed": 0, "changed": 1, "old_size": 4, "new_size": 16,
    }  # fmt: skip


def test_diff_with_the_working_tree(vfs: Vfs, repo: Path) -> None:
    assert vfs("diff").out == ""
    (repo / "a.txt").write_text("edited\n")
    assert vfs("diff").out == "M a.txt\n"
    assert vfs("diff", "v1").out == "M a.txt\nA d/c\nA d/\udcff\n"


def test_log_shows_commits_that_changed_a_path(vfs: Vfs, repo: Path) -> None:
    first, second = git(repo, "rev-parse", "v1"), git(repo, "rev-parse", "HEAD")

    def commits(*args: str) -> list[tuple[str, int]]:
        return [(d["commit"], d["size"]) for d in vfs("log", "--json", *args).documents]

    assert commits("a.txt") == [(second, 8), (first, 4)]
    assert commits("d/b") == [(first, 2)]
    assert commits("d") == [(second, 10), (first, 2)]
    assert [commit for commit, _ in commits()] == [second, first]
    assert commits("-n", "1", "a.txt") == [(second, 8)]
    assert "4 B in 1 file " in vfs("log", "a.txt").out
    git(repo, "rm", "-q", "d/b")
    git(repo, "commit", "-q", "-m", "third")
    gone = vfs("log", "--json", "d/b").documents
    assert (gone[0]["present"], gone[0]["size"]) == (False, None)


def test_doctor_looks_at_the_repository(vfs: Vfs, repo: Path) -> None:
    checks = {d["name"]: d["state"] for d in vfs("doctor", "--json").documents}
    assert (
        checks["repository"]
        == checks["problems"]
        == checks["submodules"]
        == checks["remotes"]
        == "ok"
    )


def bad_pointer(repo: Path, name: str) -> None:
    text = "outs:\n- md5: d8e8fca2dc0f896fd7cb4cb0031ba249\n  path: ../../evil\n"
    (repo / name).write_text(text)


def test_doctor_names_a_pointer_that_cannot_be_served(vfs: Vfs, repo: Path) -> None:
    bad_pointer(repo, "bad.dvc")
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "bad")
    bad_pointer(repo, "new.dvc")
    done = vfs("doctor", "--offline")
    assert done.code == 1
    assert "BAD   problems: HEAD: 1 path cannot be served (1 unsafe-path)\n" in done.out
    assert "BAD   problem: bad.dvc: " in done.out
    assert "new.dvc" not in done.out
    assert vfs("doctor", "--offline", "--rev", "v1").code == 0
    worktree = vfs("doctor", "--offline", "--rev", "worktree").out
    assert "BAD   problems: worktree: 2 paths cannot be served (2 unsafe-path)\n" in worktree
    assert "BAD   problem: new.dvc: " in worktree
    unknown = vfs("doctor", "--offline", "--rev", "nope")
    assert (unknown.code, unknown.out) == (4, "")
    assert unknown.err.startswith("error: 'nope' is no revision of ")


def test_doctor_looks_where_it_is_told(
    vfs: Vfs, repo: Path, daemons: Daemons, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `ls` does: `--repo`, `--mount`, the mount it stands in; what is named and is not there is an error."""
    commit = git(repo, "rev-parse", "v1")
    bad_pointer(repo, "bad.dvc")
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "bad")

    async def status(args: dict[str, object], progress: object) -> dict[str, object]:
        return {"rev": "v1", "commit": commit}

    point = world / "mnt"
    point.mkdir()
    daemons.start(point, repo, status=status)
    monkeypatch.chdir("/")
    assert "problem: bad.dvc" in vfs("doctor", "--offline", "--repo", repo).out
    assert f"every path of {commit} is listed" in vfs("doctor", "--offline", "--mount", point).out
    monkeypatch.chdir(point)
    assert f"every path of {commit} is listed" in vfs("doctor", "--offline").out
    assert vfs("doctor", "--offline", "--repo", world / "none").code == 3
    assert vfs("doctor", "--offline", "--mount", world / "none").code == 7


def test_doctor_looks_at_every_branch_and_tag(vfs: Vfs, repo: Path) -> None:
    git(repo, "checkout", "-q", "-b", "side")
    bad_pointer(repo, "bad.dvc")
    git(repo, "update-index", "--add", "--cacheinfo", f"160000,{git(repo, 'rev-parse', 'v1')},sub")
    (repo / ".gitmodules").write_text('[submodule "s"]\n\tpath = sub\n\turl = ../s\n')
    git(repo, "add", "bad.dvc", ".gitmodules")
    git(repo, "commit", "-q", "-m", "bad")
    git(repo, "tag", "v2")
    git(repo, "commit", "-q", "--allow-empty", "-m", "as bad")
    git(repo, "checkout", "-q", "main")
    assert vfs("doctor", "--offline").code == 0
    done = vfs("doctor", "--offline", "--all")
    assert done.code == 1
    assert "BAD   problems: HEAD, side, v1 and 1 more: 1 path cannot be served" in done.out
    (line,) = (line for line in done.out.splitlines() if line.startswith("BAD   problem: "))
    assert line.startswith("BAD   problem: bad.dvc: ")
    assert line.endswith(" (in side, v2)")
    assert "note  submodules: sub is a submodule and is empty in a mount (in side, v2)" in done.out
    commit = git(repo, "rev-parse", "v1")
    mount = f'vfs mount --repo {repo}/sub --rev {commit} "$(mktemp -d)"'
    assert f"-> git -C {repo} submodule update --init -- sub && {mount}\n" in done.out
    git(repo, "checkout", "-q", "side")
    assert "submodules: sub is a submodule" in vfs("doctor", "--offline", "--rev", "worktree").out


def test_doctor_only_notes_what_is_served_all_the_same(vfs: Vfs, repo: Path) -> None:
    (repo / "a.txt.dvc").write_text(
        "outs:\n- md5: d8e8fca2dc0f896fd7cb4cb0031ba249\n  size: 5\n  hash: md5\n  path: a.txt\n"
    )
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "twice")
    done = vfs("doctor", "--offline")
    assert done.code == 0
    assert "note  problem: a.txt: 'a.txt' is tracked by Git" in done.out
    assert "ok    problems: every path of HEAD is listed" in done.out


def test_a_path_below_one_that_cannot_be_served(vfs: Vfs, repo: Path) -> None:
    """It may well be there: that it is not in the revision would be a lie."""
    (repo / "lost.dvc").write_text(
        f"outs:\n- md5: {'0' * 32}.dir\n  nfiles: 1\n  hash: md5\n  path: lost\n"
    )
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "lost")
    for verb in ("ls", "cat", "prefetch"):
        done = vfs(verb, "lost/sub/file", "--json")
        assert (verb, done.code, done.error["code"]) == (verb, 16, "data-unavailable")
        assert "lost: the file list " in done.error["message"]
    assert [d["present"] for d in vfs("log", "--json", "lost/sub/file").documents] == [True]


def test_with_a_mount_its_commit_counts(
    vfs: Vfs, repo: Path, daemons: Daemons, world: Path
) -> None:
    commit = git(repo, "rev-parse", "v1")

    async def status(args: dict[str, object], progress: object) -> dict[str, object]:
        return {"rev": "v1", "commit": commit}

    point = world / "mnt"
    (point / "d").mkdir(parents=True)
    (point / "d" / "b").write_text("through the mount\n")
    (point / "d" / "link").symlink_to("/etc/passwd")
    (point / "away").symlink_to("/etc")
    daemons.start(point, repo, status=status)
    assert vfs("ls", "d").out == "b\nc\n\udcff\n"
    assert vfs("ls", ":/d", "--mount", point).out == "b\n"
    assert vfs("diff", "HEAD", "--mount", point).out == "M a.txt\nD d/c\nD d/\udcff\n"
    assert vfs("cat", ":/d/b", "--mount", point).out == "through the mount\n"
    assert vfs("cat", point / "d" / "b", "--mount", point).out == "through the mount\n"
    assert vfs("cat", ":/d/link", "--mount", point).code == 16
    assert vfs("cat", ":/away/passwd", "--mount", point).code == 5
    assert vfs("cat", ":/d", "--mount", point).code == 2
    assert vfs("cat", ":/none", "--mount", point).code == 5


def test_in_a_repository_head_is_meant_also_while_it_is_mounted(
    vfs: Vfs, tracked: bytes, repo: Path, daemons: Daemons, world: Path
) -> None:
    commit = git(repo, "rev-parse", "v1")

    async def status(args: dict[str, object], progress: object) -> dict[str, object]:
        return {"rev": "v1", "commit": commit}

    async def prefetch(args: dict[str, object], progress: object) -> dict[str, object]:
        raise AssertionError("the mount was asked")

    daemons.start(world / "mnt", repo, status=status, prefetch=prefetch)
    assert vfs("ls", "big.bin").out == "big.bin\n"
    assert vfs("cat", "d/c").out == "new\n"
    (repo / "big.bin").write_bytes(tracked)
    assert vfs("diff").out == ""
    (report,) = vfs("prefetch", "big.bin", "--json").documents
    assert (report["files"], report["bytes"]) == (1, len(tracked))
    assert [d["path"] for d in vfs("ls", "--json", "--mount", world / "mnt").documents] == [
        "a.txt", "d", "link", "run",
    ]  # fmt: skip


def test_inside_a_mount(
    vfs: Vfs, repo: Path, daemons: Daemons, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = git(repo, "rev-parse", "v1")

    async def status(args: dict[str, object], progress: object) -> dict[str, object]:
        return {"rev": "v1", "commit": commit}

    point = world / "mnt"
    (point / ".snapshots" / "main" / "d").mkdir(parents=True)
    (point / "d").mkdir()
    daemons.start(point, repo, status=status)
    monkeypatch.chdir(point / "d")
    assert vfs("ls").out == "b\n"
    assert vfs("ls", "--rev", "main").out == "b\nc\n\udcff\n"
    monkeypatch.chdir(point / ".snapshots" / "main" / "d")
    assert vfs("ls").out == "b\nc\n\udcff\n"


def test_log_in_a_mount_of_the_working_tree(
    vfs: Vfs, repo: Path, daemons: Daemons, world: Path
) -> None:
    async def status(args: dict[str, object], progress: object) -> dict[str, object]:
        return {"rev": "worktree", "commit": None}

    daemons.start(world / "mnt", repo, status=status)
    assert vfs("log", "--mount", world / "mnt", "a.txt").out == vfs("log", "a.txt").out != ""


def test_cat_streams_data_from_a_remote(vfs: Vfs, tracked: bytes) -> None:
    done = vfs("cat", "big.bin")
    assert (done.code, done.err) == (0, "")
    assert done.out.encode("utf-8", "surrogateescape") == tracked
    assert vfs("cat", "a.txt", "--rev", "v1").out == "one\n"


def test_cat_of_data_that_nobody_has(vfs: Vfs, tracked: bytes, world: Path) -> None:
    for file in (world / "remote").rglob("*"):
        if file.is_file():
            file.unlink()
    done = vfs("cat", "big.bin", "--json")
    assert done.code == 16
    assert done.error["code"] == "data-unavailable"
    assert vfs("cat", "big.bin").err.startswith("error: big.bin of HEAD: no place has ")


def test_an_error_of_the_process_is_all_it_says(tracked: bytes, world: Path) -> None:
    for file in (world / "remote").rglob("*"):
        if file.is_file():
            file.unlink()
    plain = process("cat", "big.bin")
    assert (plain.returncode, plain.stdout) == (16, b"")
    assert [line.split(b": ")[0] for line in plain.stderr.splitlines()] == [b"error", b"hint"]
    documents = process("cat", "big.bin", "--json").stderr.splitlines()
    assert [json.loads(line)["code"] for line in documents] == ["data-unavailable"]


def test_an_unusable_cache_is_a_warning(
    repo: Path, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (world / "file").write_bytes(b"")
    monkeypatch.setenv("VFS_CACHE_DIR", str(world / "file" / "cache"))
    plain = process("ls", "d")
    assert (plain.returncode, plain.stdout) == (0, b"b\nc\n\xff\n")
    assert {line.split(b": ")[0] for line in plain.stderr.splitlines()} == {b"warning"}
    said = [json.loads(line) for line in process("ls", "d", "--json").stderr.splitlines()]
    assert {line["type"] for line in said} == {"warning"}


def test_prefetch_and_the_cache(vfs: Vfs, tracked: bytes, world: Path) -> None:
    (empty,) = vfs("cache", "--json").documents
    assert (empty["type"], empty["bytes"]) == ("cache", 0)
    (report,) = vfs("prefetch", "--json").documents
    assert report["type"] == "prefetch"
    assert report["failed_files"] == 0
    assert report["files"] >= 1
    vfs("cat", "big.bin")
    assert vfs("cache", "verify").code == 0
    assert vfs("cache", "clear", "--json").documents[0]["chunks"] == 0
    assert vfs("prefetch", "nope").code == 5
    unmatched = vfs("prefetch", "--glob", "*.nothing")
    assert (unmatched.code, unmatched.out) == (5, "")
    assert "nothing matches '*.nothing'" in unmatched.err


def test_the_cache_limit_is_kept(vfs: Vfs, world: Path) -> None:
    (first,) = vfs("cache", "limit", "1GiB", "--json").documents
    assert first["limit"] == 1 << 30
    assert vfs("cache", "--json").documents[0]["limit"] == 1 << 30
    assert (world / "config" / "vfs" / "config.yaml").read_text() == "cache:\n  limit: 1GiB\n"
    assert vfs("cache", "limit", "lots").code == 2
    assert vfs("cache", "limit", "1").code == 8


def test_damage_in_the_cache_is_found(vfs: Vfs, world: Path) -> None:
    from vfs.store import ChunkStore

    directory = world / "cache" / "vfs" / "chunks"
    with ChunkStore.open(directory, limit=1 << 30, min_free=0) as store:
        assert store.append([(b"key-of-a-chunk", bytes(range(256)) * 400)])
    assert vfs("cache", "verify").code == 0
    (segment,) = (
        f for f in directory.rglob("*") if f.is_file() and b"\0\1\2\3\4" in f.read_bytes()
    )
    data = bytearray(segment.read_bytes())
    data[data.index(b"\0\1\2\3\4") + 1000] ^= 1
    segment.write_bytes(data)
    done = vfs("cache", "verify", "--json")
    assert done.code == 1
    (report,) = done.documents
    assert (report["type"], report["bad"], report["chunks"]) == ("verify", 1, 1)
    assert vfs("cache", "verify").code == 0
