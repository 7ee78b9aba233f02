"""Snapshots of working trees against `git add` in a copy, and the user's repository untouched."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.git.conftest import GitRepo
from vfs.errors import NotARepository, Unsupported
from vfs.git import Repository, scratch

MakeRepo = Callable[[str], GitRepo]


def state(directory: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Every file below a directory: mtime, ctime, mode and content (of directories, mtime)."""
    found = {}
    for parent, _, names in os.walk(directory):
        for name in [".", *names]:
            path = Path(parent) / name
            status = path.lstat()
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            found[str(path)] = status.st_mtime_ns, status.st_ctime_ns, status.st_mode, content
    return found


def files(
    repository: Repository, tree: bytes, prefix: bytes = b""
) -> dict[bytes, tuple[int, bytes]]:
    """{path: (mode, content)} of a tree."""
    found: dict[bytes, tuple[int, bytes]] = {}
    for item in repository.read_tree(tree):
        if item.mode == 0o40000:
            found.update(files(repository, item.oid, prefix + item.name + b"/"))
        else:
            content = item.oid if item.mode == 0o160000 else repository.read_blob(item.oid)
            found[prefix + item.name] = item.mode, content
    return found


def dirty(repo: GitRepo) -> None:
    """A repository with every kind of edit."""
    for name in (
        "same",
        "edited",
        "deleted",
        "mode",
        "to-link",
        "to-dir",
        "d/e/f",
        "d-x",
        "gone/x",
    ):
        repo.write(name, name.encode())
    repo.write("crlf", b"a\r\nb\r\n")
    repo.write(".gitignore", b"*.log\nignored/\n/data\n")
    (repo.path / "link").symlink_to("same")
    repo.commit()
    repo.write("edited", b"EDITED")
    (repo.path / "deleted").unlink()
    (repo.path / "mode").chmod(0o755)
    (repo.path / "to-link").unlink()
    (repo.path / "to-link").symlink_to("elsewhere")
    (repo.path / "to-dir").unlink()
    repo.write("to-dir/x.dvc", b"below a former file")
    repo.write("staged", b"staged")
    repo.git("add", "staged")
    repo.write("staged", b"and edited again")
    (repo.path / "link").unlink()
    (repo.path / "link").symlink_to("edited")
    repo.write("new.dvc", b"pointer")
    repo.write("sub/dvc.yaml", b"stages: {}")
    repo.write("sub/dvc.lock", b"schema: '2.0'")
    repo.write(".dvc/config", b"[core]")


def expected(repo: GitRepo, tmp_path: Path) -> str:
    """The tree `git add` makes of tracked files and pointers in a copy of everything."""
    copy = GitRepo(tmp_path / "copy")
    shutil.rmtree(copy.path)
    shutil.copytree(repo.path, copy.path, symlinks=True)
    copy.git("add", "-u")
    untracked = copy.git(
        "ls-files", "-z", "--others", "--exclude-standard", "--", "*.dvc", "*dvc.yaml", "*dvc.lock", ".dvc/config"
    )  # fmt: skip
    copy.git("add", "--pathspec-from-file=-", "--pathspec-file-nul", data=untracked)
    return copy.text("write-tree")


def test_it_is_what_git_add_would_make_and_the_repository_is_untouched(
    repo: GitRepo, tmp_path: Path
) -> None:
    dirty(repo)
    repo.write("untracked.txt", b"not a pointer")
    repo.write("ignored/x.dvc", b"ignored pointer")
    repo.write("trace.log", b"ignored")
    repo.write("sub/untracked/data.bin", b"data")
    nested = GitRepo(repo.path / "nested")
    nested.git("init", "-q")
    nested.write("x.dvc", b"another repository's")
    tree = expected(repo, tmp_path)
    before = state(repo.path / ".git")
    opened = Repository.discover(repo.path)
    for _ in range(2):
        oid, reader = opened.snapshot_worktree(tmp_path / "cache")
        assert oid.hex() == tree
    found = files(reader, oid)
    assert found[b"edited"] == (0o100644, b"EDITED")
    assert found[b"crlf"] == (0o100644, b"a\r\nb\r\n")
    assert found[b"staged"] == (0o100644, b"and edited again")
    opened.worktree_fingerprint()
    assert state(repo.path / ".git") == before


def test_the_fingerprint_follows_the_snapshot(repo: GitRepo, tmp_path: Path) -> None:
    dirty(repo)
    opened = Repository.discover(repo.path)
    seen = {opened.worktree_fingerprint()}
    assert opened.worktree_fingerprint() in seen
    edits: list[Callable[[], object]] = [
        lambda: repo.write("same", b"longer than before"),
        lambda: (repo.path / "same").chmod(0o755),
        lambda: (repo.path / "d/e/f").unlink(),
        lambda: repo.write("deep/new/y.dvc", b"p"),
        lambda: repo.git("rm", "-q", "--cached", "d-x"),
    ]
    for edit in edits:
        edit()
        now = opened.worktree_fingerprint()
        assert now not in seen
        seen.add(now)
    repo.write("some.log", b"ignored")
    repo.write("untracked", b"no pointer")
    assert opened.worktree_fingerprint() in seen


def test_an_edit_of_equal_size_within_the_clocks_tick_is_seen(
    repo: GitRepo, tmp_path: Path
) -> None:
    path = repo.write("racy", b"one")
    repo.commit()
    times = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    os.utime(repo.path / ".git/index", ns=(times.st_atime_ns, times.st_mtime_ns))
    oid, reader = Repository.discover(repo.path).snapshot_worktree(tmp_path / "cache")
    assert files(reader, oid) == {b"racy": (0o100644, b"two")}


def test_bytes_are_those_of_the_working_tree_whatever_git_would_convert(
    repo: GitRepo, tmp_path: Path
) -> None:
    repo.write(".gitattributes", b"*.txt text eol=crlf\n*.bin filter=lfs -text\n")
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"
    repo.write("a.txt", b"a\r\nb\r\n")
    repo.write("c.bin", pointer)
    repo.commit()
    assert repo.git("cat-file", "blob", "HEAD:a.txt") == b"a\nb\n"
    opened = Repository.discover(repo.path)
    oid, reader = opened.snapshot_worktree(tmp_path / "cache")
    assert files(reader, oid)[b"a.txt"] == (0o100644, b"a\r\nb\r\n")
    assert files(reader, oid)[b"c.bin"] == (0o100644, pointer)
    repo.write("c.bin", b"edited and large" * 1000)
    oid, reader = opened.snapshot_worktree(tmp_path / "cache")
    assert files(reader, oid)[b"c.bin"] == (0o100644, b"edited and large" * 1000)


def test_nothing_outside_is_read_through_a_symlinked_parent(repo: GitRepo, tmp_path: Path) -> None:
    repo.write("d/secret", b"inside")
    repo.commit()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"outside")
    (outside / "x.dvc").write_bytes(b"outside")
    shutil.rmtree(repo.path / "d")
    (repo.path / "d").symlink_to(outside)
    oid, reader = Repository.discover(repo.path).snapshot_worktree(tmp_path / "cache")
    assert files(reader, oid) == {}


def test_sparse_files_stay_and_special_files_are_gone(repo: GitRepo, tmp_path: Path) -> None:
    repo.write("kept/a", b"a")
    repo.write("left-out/b", b"b")
    repo.write("pipe", b"c")
    repo.commit()
    repo.git("sparse-checkout", "set", "--no-cone", "/kept", "/pipe")
    assert not (repo.path / "left-out").exists()
    (repo.path / "pipe").unlink()
    os.mkfifo(repo.path / "pipe")
    oid, reader = Repository.discover(repo.path).snapshot_worktree(tmp_path / "cache")
    assert set(files(reader, oid)) == {b"kept/a", b"left-out/b"}


def test_conflicts_and_submodules(repo: GitRepo, make_repo: MakeRepo, tmp_path: Path) -> None:
    other = make_repo("other")
    other.write("x")
    head = other.commit()
    repo.write("both", b"base\n")
    repo.git("submodule", "--quiet", "add", str(other.path), "lib")
    repo.commit()
    repo.git("checkout", "-q", "-b", "side")
    repo.write("both", b"side\n")
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo.write("both", b"main\n")
    repo.commit()
    with pytest.raises(Exception, match="merge"):
        repo.git("merge", "-q", "side")
    oid, reader = Repository.discover(repo.path).snapshot_worktree(tmp_path / "cache")
    found = files(reader, oid)
    assert found[b"both"] == (0o100644, (repo.path / "both").read_bytes())
    assert found[b"lib"] == (0o160000, bytes.fromhex(head))


def test_layouts(repo: GitRepo, tmp_path: Path) -> None:
    """Linked working trees, alternates of alternates, an empty repository, a bare one."""
    empty = Repository.discover(repo.path)
    oid, reader = empty.snapshot_worktree(tmp_path / "cache")
    assert files(reader, oid) == {}
    repo.write("a", b"a")
    repo.commit()
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "linked")
    (tmp_path / "linked/b.dvc").write_bytes(b"b")
    oid, reader = Repository.discover(tmp_path / "linked").snapshot_worktree(tmp_path / "cache")
    assert set(files(reader, oid)) == {b"a", b"b.dvc"}
    borrower = GitRepo(tmp_path / "borrower")
    borrower.git("clone", "-q", "--shared", str(repo.path), str(borrower.path))
    relative = os.path.relpath(repo.path / ".git/objects", borrower.path / ".git/objects")
    (borrower.path / ".git/objects/info/alternates").write_text(relative + "\n")
    oid, reader = Repository.discover(borrower.path).snapshot_worktree(tmp_path / "cache")
    assert files(reader, oid) == {b"a": (0o100644, b"a")}
    repo.git("clone", "-q", "--bare", str(repo.path), str(tmp_path / "bare"))
    with pytest.raises(NotARepository):
        Repository.discover(tmp_path / "bare").snapshot_worktree(tmp_path / "cache")


def test_a_split_index_is_refused_with_a_hint(repo: GitRepo, tmp_path: Path) -> None:
    repo.write("a")
    repo.commit()
    repo.git("update-index", "--split-index")
    with pytest.raises(Unsupported) as caught:
        Repository.discover(repo.path).snapshot_worktree(tmp_path / "cache")
    assert "split" in (caught.value.hint or "")


def test_a_large_store_is_replaced_but_not_under_its_readers(
    repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.write("a", b"one")
    repo.commit()
    monkeypatch.setattr(scratch, "MAX_OBJECTS", 3)
    opened = Repository.discover(repo.path)
    first = second = None
    for number in range(6):
        repo.write("a", b"edit number %d" % number)
        oid, reader = opened.snapshot_worktree(tmp_path / "cache")
        if first is None:
            first = oid, reader
        second = oid, reader
    assert first is not None
    assert second is not None
    assert first[1].git_dir != second[1].git_dir
    assert files(first[1], first[0]) == {b"a": (0o100644, b"edit number 0")}
    old = first[1].git_dir
    del first, reader
    opened.snapshot_worktree(tmp_path / "cache")
    assert not old.exists()
    assert files(second[1], second[0])[b"a"][1] == b"edit number 5"


def test_unicode_and_odd_names(repo: GitRepo, tmp_path: Path) -> None:
    for name in ("ü", "new\nline", "tab\t", 'quote"', "back\\slash", "\udcff"):
        repo.write(name, b"x")
        repo.write(f"{name}.dvc", b"y")
    repo.git("add", "--", ":(glob)**/*[!c]")
    repo.git("rm", "-q", "--cached", "--ignore-unmatch", "--", "*.dvc")
    repo.git("commit", "-q", "-m", "x")
    oid, reader = Repository.discover(repo.path).snapshot_worktree(tmp_path / "cache")
    assert oid.hex() == expected(repo, tmp_path)
    assert len(files(reader, oid)) == 12
