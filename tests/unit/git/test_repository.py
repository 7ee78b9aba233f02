"""Revisions, objects, logs and layouts, with `git` as the oracle."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.git.conftest import GitRepo
from vfs.errors import FormatError, NotARepository, StoreError, UnknownRevision, Unsupported
from vfs.git import MODE_TREE, Repository, TreeItem
from vfs.git.objects import encode_tree, parse_tree

MakeRepo = Callable[[str], GitRepo]


def history(repo: GitRepo) -> None:
    """Six commits with a merge, an annotated and a light tag, and a branch."""
    for number in range(3):
        repo.write(f"file{number}", b"%d" % number)
        repo.write("shared", b"%d" % number)
        repo.commit(f"commit {number}", 1_700_000_000 + number)
    repo.git("tag", "-a", "v1", "-m", "one")
    repo.git("tag", "light", "HEAD~1")
    repo.git("checkout", "-q", "-b", "side", "HEAD~1")
    repo.write("side/deep/file", b"s")
    repo.commit("on the side", 1_700_000_010)
    repo.git("checkout", "-q", "main")
    repo.write("file0", b"again")
    repo.commit("on main", 1_700_000_011)
    repo.git("merge", "-q", "--no-ff", "-m", "merge side", "side")
    (repo.path / "file1").unlink()
    repo.commit("remove file1", 4_000_000_000)


@pytest.mark.parametrize(
    "rev",
    [
        "HEAD",
        "main",
        "side",
        "v1",
        "light",
        "refs/tags/v1",
        "v1^{}",
        "HEAD~2",
        "HEAD^^2",
        "main@{0}",
        "HEAD@{1}",
        ":/commit 1",
        "HEAD^{/on main}",
        "@",
        "main~1^2",
        "@{-1}",
    ],
)
def test_revisions_are_those_of_rev_parse(repo: GitRepo, rev: str) -> None:
    history(repo)
    oid = repo.text(
        "rev-parse", "--verify", f"{repo.text('rev-parse', '--verify', rev)}^{{commit}}"
    )
    commit = Repository.discover(repo.path).resolve(rev)
    assert commit.oid == oid
    assert commit.tree.hex() == repo.text("rev-parse", f"{oid}^{{tree}}")
    assert commit.time == int(repo.text("show", "-s", "--format=%ct", oid))


def test_abbreviated_and_described_names(repo: GitRepo) -> None:
    history(repo)
    opened = Repository.discover(repo.path)
    oid = repo.text("rev-parse", "HEAD")
    assert opened.resolve(oid[:9]).oid == oid
    assert opened.resolve(repo.text("describe")).oid == oid


@pytest.mark.parametrize(
    "rev",
    ["", "-h", "--all", "nothing", "HEAD:file0", "HEAD^9", "a..b", "HEAD\0x", "HEAD\nx", "\udcff"],
)
def test_what_is_no_commit_is_refused(repo: GitRepo, rev: str) -> None:
    history(repo)
    with pytest.raises(UnknownRevision):
        Repository.discover(repo.path).resolve(rev)


def test_a_new_commit_and_a_repack_are_seen_by_an_open_repository(repo: GitRepo) -> None:
    repo.write("a")
    repo.commit()
    opened = Repository.discover(repo.path)
    opened.resolve("HEAD")
    repo.write("b", b"new")
    oid = repo.commit()
    repo.git("gc", "-q", "--prune=now")
    commit = opened.resolve("main")
    assert commit.oid == oid
    item = opened.find(commit.tree, b"b")
    assert item is not None
    assert opened.read_blob(item.oid) == b"new"


def test_branches_and_tags(repo: GitRepo) -> None:
    history(repo)
    blob = repo.git("hash-object", "-w", "--stdin", data=b"x").decode().strip()
    repo.git("tag", "of-a-blob", blob)
    opened = Repository.discover(repo.path)
    main, side = repo.text("rev-parse", "main"), repo.text("rev-parse", "side")
    assert opened.branches() == [("main", main), ("side", side)]
    assert opened.tags() == [
        ("light", repo.text("rev-parse", "light")),
        ("v1", repo.text("rev-parse", "v1^{commit}")),
    ]


@pytest.mark.parametrize(
    "path", [None, "file0", "file1", "shared", "side", "side/deep/file", "none"]
)
def test_the_log_is_gits(repo: GitRepo, path: str | None) -> None:
    history(repo)
    arguments = ["log", "--format=%H %ct %s|%an <%ae>|%P", "HEAD"]
    expected = repo.text(*arguments, *(["--", path] if path else [])).splitlines()
    log = Repository.discover(repo.path).log(path.encode() if path else None)
    if path is None:
        found = [f"{c.oid} {c.time} {c.summary}|{c.author}|{' '.join(c.parents)}" for c in log]
        assert found == expected
    else:
        assert [c.oid for c in log] == [line.split()[0] for line in expected]


def test_the_log_stops_at_its_limit_and_at_a_shallow_boundary(
    repo: GitRepo, make_repo: MakeRepo
) -> None:
    history(repo)
    assert len(list(Repository.discover(repo.path).log(max=2))) == 2
    shallow = GitRepo(repo.path.parent / "shallow")
    shallow.git("clone", "-q", "--depth=2", f"file://{repo.path}", str(shallow.path))
    expected = shallow.text("log", "--format=%H").splitlines()
    assert [c.oid for c in Repository.discover(shallow.path).log()] == expected


def test_trees_and_blobs_are_gits(repo: GitRepo) -> None:
    repo.write("a", b"\r\n\0binary")
    repo.write("exec", b"#!").chmod(0o755)
    (repo.path / "link").symlink_to("a")
    repo.write("d/e/f", b"deep")
    repo.write("d-x", b"sorts before d/")
    repo.write("ü\n", b"odd name")
    repo.commit()
    opened = Repository.discover(repo.path)
    tree = opened.resolve("HEAD").tree
    listed = repo.git("ls-tree", "-r", "-t", "-z", "-l", "HEAD").split(b"\0")[:-1]
    for line in listed:
        meta, path = line.split(b"\t", 1)
        mode, kind, oid, size = meta.split()
        item = opened.find(tree, path)
        name = path.rpartition(b"/")[2]
        assert item == TreeItem(name, int(mode, 8), bytes.fromhex(oid.decode()))
        if kind == b"blob":
            content = repo.git("cat-file", "blob", oid.decode())
            assert opened.read_blob(item.oid) == content
            assert opened.blob_size(item.oid) == int(size) == len(content)
    assert [item.name for item in opened.read_tree(tree)] == [
        line.split(b"\t")[1] for line in repo.git("ls-tree", "-z", "HEAD").split(b"\0")[:-1]
    ]
    assert opened.find(tree, b"") == TreeItem(b"", MODE_TREE, tree)
    for missing in (b"nothing", b"a/b", b"d/e/f/g", b"d//e", b"/d"):
        assert opened.find(tree, missing) is None


def test_missing_and_wrong_objects(repo: GitRepo) -> None:
    repo.write("a")
    repo.commit()
    opened = Repository.discover(repo.path)
    tree = opened.resolve("HEAD").tree
    with pytest.raises(StoreError, match="missing"):
        opened.read_blob(bytes(20))
    with pytest.raises(StoreError, match="missing"):
        opened.blob_size(bytes(20))
    item = opened.find(tree, b"a")
    assert item is not None
    with pytest.raises(StoreError, match="not a tree"):
        opened.read_tree(item.oid)
    loose = repo.path / ".git/objects" / item.oid.hex()[:2] / item.oid.hex()[2:]
    loose.chmod(0o644)
    loose.write_bytes(b"damaged")
    with pytest.raises(StoreError):
        opened.read_blob(item.oid)


@pytest.mark.parametrize("data", [b"100644 a", b"100644 a\0short", b"9 a\0" + bytes(20), b"x"])
def test_malformed_trees_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match="cafe"):
        parse_tree(data, oid="cafe")


def test_encoded_trees_are_canonical() -> None:
    items = [TreeItem(b"a", 0o40000, bytes(20)), TreeItem(b"a-", 0o100644, bytes(20))]
    data = encode_tree(items)
    assert [item.name for item in parse_tree(data, oid="")] == [b"a-", b"a"]


def test_threads_share_one_repository(repo: GitRepo) -> None:
    for number in range(50):
        repo.write(f"d{number % 7}/f{number}", b"%d" % number)
    repo.commit()
    opened = Repository.discover(repo.path)

    def work(seed: int) -> None:
        tree = opened.resolve("HEAD").tree
        for step in range(200):
            number = (seed * 31 + step) % 50
            item = opened.find(tree, b"d%d/f%d" % (number % 7, number))
            assert item is not None
            assert opened.read_blob(item.oid) == b"%d" % number

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


def test_discovery_layouts(repo: GitRepo, tmp_path: Path) -> None:
    repo.write("d/a")
    repo.commit()
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "linked")
    repo.git("clone", "-q", "--bare", str(repo.path), str(tmp_path / "bare"))
    opened = Repository.discover(repo.path / "d")
    assert (opened.root, opened.git_dir) == (repo.path, repo.path / ".git")
    linked = Repository.discover(tmp_path / "linked")
    assert linked.root == tmp_path / "linked"
    assert linked.common_dir == repo.path / ".git"
    assert linked.git_dir != linked.common_dir
    assert linked.resolve("HEAD").oid == repo.text("rev-parse", "linked")
    assert Repository.discover(tmp_path / "bare").root is None
    with pytest.raises(NotARepository):
        Repository.discover(tmp_path)
    with pytest.raises(NotARepository):
        Repository.open(repo.path / "d")


def test_sha256_repositories_are_refused_clearly(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "sha256")
    repo.git("init", "-q", "--object-format=sha256")
    with pytest.raises(Unsupported, match="SHA-256"):
        Repository.discover(repo.path)


def test_lfs_object_paths(repo: GitRepo, tmp_path: Path) -> None:
    opened = Repository.discover(repo.path)
    oid = "ab" + "cd" + "0" * 60
    assert opened.lfs_object_path(oid) == repo.path / ".git/lfs/objects/ab/cd" / oid
    repo.git("config", "lfs.storage", "elsewhere")
    assert opened.lfs_object_path(oid) == repo.path / ".git/elsewhere/objects/ab/cd" / oid
    repo.git("config", "lfs.storage", str(tmp_path / "lfs"))
    assert opened.lfs_object_path(oid) == tmp_path / "lfs/objects/ab/cd" / oid
    for bad in ("../" + oid[3:], oid.upper(), oid[:-1], oid + "0"):
        with pytest.raises(FormatError):
            opened.lfs_object_path(bad)


def test_submodules(repo: GitRepo, make_repo: MakeRepo) -> None:
    other = make_repo("other")
    other.write("x")
    head = other.commit()
    repo.git("submodule", "--quiet", "add", str(other.path), "libs/other")
    with (repo.path / ".gitmodules").open("a") as file:
        file.write('[include]\n\tpath = /etc/passwd\n[submodule "ghost"]\n\tpath = ghost\n')
    repo.commit()
    opened = Repository.discover(repo.path)
    [found] = opened.submodules(opened.resolve("HEAD").tree)
    assert (found.path, found.oid.hex(), found.url) == (b"libs/other", head, str(other.path))
