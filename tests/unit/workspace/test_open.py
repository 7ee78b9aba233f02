"""What can be opened, and whose configuration and caches then count."""

import hashlib
import os
from pathlib import Path

import pytest

from tests.unit.workspace.conftest import Open
from tests.unit.workspace.reading import content, dvc_config
from vfs.errors import NotARepository, Unsupported, VfsError
from vfs.testing.handmade import HandmadeRepository, md5, object_path, pointer
from vfs.testing.sandbox import Sandbox
from vfs.types import Entry
from vfs.workspace import Workspace
from vfs.workspace.open import is_url


@pytest.fixture
def repository(sandbox: Sandbox) -> HandmadeRepository:
    made = HandmadeRepository(sandbox, sandbox.root / "r")
    made.commit(plain={"sub/dir/x": b"1"}, files={"m": b"weights"})
    return made


def remotes_of(workspace: Workspace, path: bytes) -> list[str]:
    """Labels of the remotes that would be asked for a file, in order."""
    snapshot = workspace.snapshot("HEAD")
    entry = snapshot.resolve(path)
    assert isinstance(entry, Entry)
    return [p.label for p in workspace.places(snapshot, entry, path) if not p.local]


def test_a_subdirectory_and_a_linked_worktree(
    repository: HandmadeRepository, sandbox: Sandbox, opened: Open
) -> None:
    sandbox.git(repository.root, "checkout", "-q", "-f", "main")
    linked = sandbox.root / "linked"
    sandbox.git(repository.root, "worktree", "add", "-q", "--detach", linked)
    cached = object_path(repository.root / ".dvc" / "cache", md5(b"weights"))
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"weights")
    repository.lose_remote()
    for place in (repository.root / "sub" / "dir", repository.root, linked, linked / "sub"):
        workspace = opened(place)
        assert workspace.root is not None
        assert content(workspace, workspace.snapshot("HEAD"), b"m") == b"weights"
        assert workspace.snapshot("worktree").identity == workspace.snapshot("HEAD").identity
    workspace = opened(linked)
    workspace.snapshot("HEAD")
    assert repository.root / ".dvc" / "cache" in workspace.data_directories()


def test_bare_repositories_and_urls(
    repository: HandmadeRepository, sandbox: Sandbox, opened: Open
) -> None:
    bare = sandbox.root / "bare.git"
    sandbox.git(sandbox.root, "clone", "-q", "--bare", repository.root, bare)
    for place in (bare, f"file://{repository.root}"):
        workspace = opened(place)
        assert workspace.root is None
        assert content(workspace, workspace.snapshot("main"), b"m") == b"weights"
        assert content(workspace, workspace.snapshot("main"), b"sub/dir/x") == b"1"
        with pytest.raises(VfsError):
            workspace.snapshot("worktree")


def test_a_url_clone_is_refreshed_and_works_offline(
    repository: HandmadeRepository, opened: Open
) -> None:
    url = f"file://{repository.root}"
    opened(url).close()
    repository.commit(files={"m": b"newer"})
    workspace = opened(url)
    snapshot = workspace.snapshot("main")
    assert content(workspace, snapshot, b"m") == b"newer"


def test_what_cannot_be_opened(tmp_path: Path, opened: Open) -> None:
    for place in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(NotARepository):
            opened(place)
    with pytest.raises(Unsupported):
        opened("ftp://example.org/x.git")


def test_urls_and_paths_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("https://x/y", "git@github.com:o/r", "host:path/r.git", "file:///x"):
        assert is_url(url)
    odd = tmp_path / "a:b"
    odd.mkdir()
    monkeypatch.chdir(tmp_path)
    for path in ("a:b", "/x/y", ".", "./a:b", "x/y:z", ":x"):
        assert not is_url(path)


CONFIG = """\
[core]
    remote = main
['remote "main"']
    url = {main}
['remote "other"']
    url = {other}
['remote "third"']
    url = remote://other/below
"""


def test_which_remote_is_asked_first(sandbox: Sandbox, opened: Open) -> None:
    repository = HandmadeRepository(sandbox, sandbox.root / "r")
    oid = repository.put(b"weights").encode()
    text = CONFIG.format(main=repository.remote, other="../../elsewhere").encode()
    repository.commit_raw(
        {
            ".dvc/config": text,
            "a.dvc": b"outs:\n- {md5: %s, size: 7, hash: md5, path: a}\n" % oid,
            "b.dvc": b"outs:\n- {md5: %s, size: 7, hash: md5, path: b, remote: Third}\n" % oid,
        }
    )
    workspace = opened(repository.root)
    assert remotes_of(workspace, b"a") == ["main", "other", "third"]
    assert remotes_of(workspace, b"b") == ["third", "main", "other"]
    directories = workspace.data_directories()
    assert sandbox.root / "elsewhere" / "below" in directories
    assert repository.remote in directories
    assert repository.root / ".dvc" / "cache" in directories
    local = repository.root / ".dvc" / "config.local"
    local.parent.mkdir()
    local.write_text("[core]\n    remote = other\n")
    assert remotes_of(workspace, b"a") == ["other", "main", "third"], "edits are seen"


def test_nothing_configured(sandbox: Sandbox, opened: Open) -> None:
    """Only the cache serves; the default remote may be missing or nonsense."""
    repository = HandmadeRepository(sandbox, sandbox.root / "r")
    oid = repository.put(b"weights")
    cached = object_path(repository.root / ".dvc" / "cache", oid)
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"weights")
    for config in (None, b"", b"[core]\nremote = gone\n", b"[core\n", b"\xff\xfe\0"):
        blobs = {"m.dvc": pointer("m", oid, 7)} | (
            {} if config is None else {".dvc/config": config}
        )
        repository.commit_raw(blobs)
        workspace = opened(repository.root)
        snapshot = workspace.snapshot("main")
        assert content(workspace, snapshot, b"m") == b"weights"
        assert {p.path for p in snapshot.problems} <= {b".dvc/config"}
        assert bool(snapshot.problems) == bool(config)


def test_cache_directories(sandbox: Sandbox, opened: Open) -> None:
    repository = HandmadeRepository(sandbox, sandbox.root / "r")
    shared = sandbox.root / "shared"
    for number, config in enumerate(
        (b"[cache]\ndir = ../../shared\n", b"[cache]\ndir = %s\n" % os.fsencode(shared))
    ):
        data = b"data %d" % number
        cached = object_path(shared, md5(data))
        cached.parent.mkdir(parents=True)
        cached.write_bytes(data)
        repository.commit_raw({".dvc/config": config, "m.dvc": pointer("m", md5(data), len(data))})
        workspace = opened(repository.root)
        assert content(workspace, workspace.snapshot("main"), b"m") == data
        foreign = opened(f"file://{repository.root}")
        snapshot = foreign.snapshot("main")
        entry = snapshot.resolve(b"m")
        assert isinstance(entry, Entry)
        assert list(foreign.places(snapshot, entry, b"m")) == [], "a stranger names no caches"


def test_repositories_inside_the_repository(sandbox: Sandbox, opened: Open) -> None:
    """`dvc init --subdir`: each has its own configuration; `.dvcignore` ends at its border."""
    repository = HandmadeRepository(sandbox, sandbox.root / "r")
    far = sandbox.root / "far"
    oid = md5(b"inner")
    target = object_path(far, oid)
    target.parent.mkdir(parents=True)
    target.write_bytes(b"inner")
    outer = repository.put(b"outer")
    inner_config = {f"projects/a/{k}": v for k, v in dvc_config(far).items()}
    repository.commit_raw(
        {
            **dvc_config(repository.remote),
            **inner_config,
            ".dvcignore": b"# comment\nignored/\n*.tmp.dvc\n!projects/\n/projects\n",
            "top.dvc": pointer("top", outer, 5),
            "ignored/x.dvc": pointer("x", outer, 5),
            "kept/x.tmp.dvc": pointer("x", outer, 5),
            "projects/b/y.dvc": pointer("y", outer, 5),
            "projects/a/deep/m.dvc": pointer("m", oid, 5),
        }
    )
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("main")
    assert snapshot.problems == ()
    assert content(workspace, snapshot, b"top") == b"outer"
    assert content(workspace, snapshot, b"projects/a/deep/m") == b"inner"
    paths = {path for path, _ in snapshot.walk()}
    assert not paths & {b"ignored/x", b"kept/x", b"projects/b/y"}


def test_lfs_objects_come_from_the_local_store(sandbox: Sandbox, opened: Open) -> None:
    repository = HandmadeRepository(sandbox, sandbox.root / "r")
    data = b"large" * 1000
    oid = hashlib.sha256(data).hexdigest()
    text = (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(data)}\n".encode()
    )
    repository.commit_raw(
        {
            ".gitattributes": b"*.bin filter=lfs\nsub/** -filter\n",
            "a.bin": text,
            "x:run.bin": text,
            "plain.txt": text,
            "sub/b.bin": text,
            "not.bin": b"content that was committed without the filter",
        }
    )
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("main")
    entry = snapshot.resolve(b"a.bin")
    assert isinstance(entry, Entry)
    assert entry.size == len(data)
    (place,) = workspace.places(snapshot, entry, b"a.bin")
    assert place.open_file() is None
    stored = repository.root / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
    stored.parent.mkdir(parents=True)
    stored.write_bytes(data)
    assert content(workspace, snapshot, b"a.bin") == data
    assert content(workspace, snapshot, b"run.bin") == data
    assert content(workspace, snapshot, b"plain.txt") == text
    assert content(workspace, snapshot, b"sub/b.bin") == text
    assert content(workspace, snapshot, b"not.bin").startswith(b"content")


def test_no_secret_in_any_text(sandbox: Sandbox, opened: Open) -> None:
    repository = HandmadeRepository(sandbox, sandbox.root / "r")
    config = (
        b"[core]\nremote = s\n['remote \"s\"']\nurl = s3://user:hunter2@bucket/x\n"
        b"secret_access_key = hunter2\nregion = us-east-1\n"
    )
    repository.commit_raw({".dvc/config": config, "m.dvc": pointer("m", "0" * 32, 7)})
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("main")
    text = repr(snapshot) + repr(snapshot.origins) + repr(snapshot.problems)
    assert "hunter2" not in text
