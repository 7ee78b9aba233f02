"""Metadata clones: real remotes (`file://` with filters, `git daemon`), URLs, refresh, offline."""

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.git.conftest import GitRepo
from vfs.errors import (
    NotARepository,
    ObjectMissing,
    RemoteUnavailable,
    UnknownRevision,
    Unsupported,
    UsageError,
    VfsError,
)
from vfs.git import Repository, clone_metadata
from vfs.git.clone import parse_source
from vfs.testing.ports import free_port

MakeRepo = Callable[[str], GitRepo]
LARGE = bytes(range(256)) * 8192  # 2 MiB, over the filter's limit


@pytest.fixture
def remote(make_repo: MakeRepo) -> GitRepo:
    repo = make_repo("remote")
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.git("config", "uploadpack.allowAnySHA1InWant", "true")
    repo.write("small.dvc", b"pointer")
    repo.write("large.bin", LARGE)
    repo.commit("one")
    repo.git("tag", "v1")
    return repo


def blob(repository: Repository, path: bytes, rev: str = "HEAD") -> bytes:
    item = repository.find(repository.resolve(rev).tree, path)
    assert item is not None
    return item.oid


def test_large_blobs_stay_away_until_they_are_read(remote: GitRepo, tmp_path: Path) -> None:
    clone = clone_metadata(f"file://{remote.path}", tmp_path / "cache", revision="v1")
    large = blob(clone, b"large.bin")
    assert not clone.has_object(large)
    assert clone.has_object(blob(clone, b"small.dvc"))
    assert clone.read_blob(large) == LARGE
    assert clone.has_object(large)
    again = clone_metadata(f"file://{remote.path}", tmp_path / "cache")
    assert again.blob_size(large) == len(LARGE)


def test_promised_blobs_come_in_one_batch(remote: GitRepo, tmp_path: Path) -> None:
    remote.write("other.bin", LARGE + b"x")
    remote.commit()
    clone = clone_metadata(f"file://{remote.path}", tmp_path / "cache")
    oids = [blob(clone, b"large.bin"), blob(clone, b"other.bin"), blob(clone, b"small.dvc")]
    clone.ensure_blobs(oids)
    assert all(clone.has_object(oid) for oid in oids)
    shutil.rmtree(remote.path)
    assert [clone.blob_size(oid) for oid in oids] == [len(LARGE), len(LARGE) + 1, 7]


def test_a_promised_blob_of_a_lost_remote_is_a_remote_error(
    remote: GitRepo, tmp_path: Path
) -> None:
    clone = clone_metadata(f"file://{remote.path}", tmp_path / "cache")
    shutil.rmtree(remote.path)
    with pytest.raises(ObjectMissing):
        clone.read_blob(blob(clone, b"large.bin"))
    assert clone.read_blob(blob(clone, b"small.dvc")) == b"pointer"


def test_a_server_without_filters_gives_everything(make_repo: MakeRepo, tmp_path: Path) -> None:
    plain = make_repo("plain")
    plain.write("large.bin", LARGE)
    plain.commit()
    clone = clone_metadata(f"file://{plain.path}", tmp_path / "cache")
    assert clone.has_object(blob(clone, b"large.bin"))


def test_refresh(remote: GitRepo, tmp_path: Path) -> None:
    url, cache = f"file://{remote.path}", tmp_path / "cache"
    first = clone_metadata(url, cache).resolve("HEAD").oid
    remote.write("new", b"n")
    second = remote.commit("two")
    assert clone_metadata(url, cache).resolve("HEAD").oid == first, "not asked for"
    assert clone_metadata(url, cache, revision="v1").resolve("HEAD").oid == first, "v1 is known"
    assert clone_metadata(url, cache, refresh=True).resolve("HEAD").oid == second
    remote.git("tag", "v2")
    assert clone_metadata(url, cache, revision="v2").resolve("v2").oid == second
    remote.git("checkout", "-q", "-b", "renamed")
    remote.git("branch", "-q", "-D", "main")
    third = remote.commit("three")
    refreshed = clone_metadata(url, cache, refresh=True)
    assert refreshed.resolve("HEAD").oid == third
    assert [name for name, _ in refreshed.branches()] == ["renamed"]
    with pytest.raises(UnknownRevision):
        clone_metadata(url, cache, revision="v99")


def test_a_commit_no_branch_leads_to(remote: GitRepo, tmp_path: Path) -> None:
    url, cache = f"file://{remote.path}", tmp_path / "cache"
    clone_metadata(url, cache)
    remote.write("lost", b"l")
    lost = remote.commit("lost")
    remote.git("reset", "-q", "--hard", "v1")
    assert clone_metadata(url, cache, revision=lost).resolve(lost).oid == lost
    assert clone_metadata(url, cache, refresh=True, revision=lost).resolve(lost).oid == lost
    with pytest.raises(UnknownRevision):
        clone_metadata(url, cache, revision="0" * 39 + "1")


def test_offline_use(remote: GitRepo, tmp_path: Path) -> None:
    url, cache = f"file://{remote.path}", tmp_path / "cache"
    clone_metadata(url, cache)
    shutil.rmtree(remote.path)
    assert blob(clone_metadata(url, cache, revision="v1"), b"small.dvc", "v1")
    with pytest.raises(ObjectMissing):
        clone_metadata(url, cache, refresh=True)
    with pytest.raises(ObjectMissing):
        clone_metadata(f"file://{remote.path}-other", cache)
    assert [p.name for p in (cache / "repositories").iterdir() if p.suffix == ".part"] == []


def test_an_interrupted_clone_is_repeated(remote: GitRepo, tmp_path: Path) -> None:
    url, cache = f"file://{remote.path}", tmp_path / "cache"
    path = clone_metadata(url, cache).git_dir
    shutil.copytree(path, path.with_suffix(".part"))
    (path / "HEAD").unlink()
    assert clone_metadata(url, cache).resolve("v1")


def test_many_threads_clone_once(remote: GitRepo, tmp_path: Path) -> None:
    url, cache = f"file://{remote.path}", tmp_path / "cache"
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: clone_metadata(url, cache).resolve("v1").oid, range(6)))
    assert len(set(found)) == 1


def test_a_local_path_is_opened_in_place(remote: GitRepo, tmp_path: Path) -> None:
    opened = clone_metadata(str(remote.path), tmp_path / "cache", revision="v1")
    assert opened.root == remote.path
    assert not (tmp_path / "cache").exists()
    with pytest.raises(NotARepository):
        clone_metadata(str(tmp_path / "nothing"), tmp_path / "cache")


def test_hooks_of_the_users_template_do_not_run(remote: GitRepo, tmp_path: Path) -> None:
    clone = clone_metadata(f"file://{remote.path}", tmp_path / "cache")
    assert not (clone.git_dir / "hooks").exists()


@contextlib.contextmanager
def git_daemon(base: Path) -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen(
        ["git", "daemon", "--verbose", "--export-all", "--reuseaddr", "--listen=127.0.0.1",
         f"--port={port}", f"--base-path={base}", str(base)],
        stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        assert b"Ready" in process.stderr.readline()
        yield f"git://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate()


def test_git_daemon(remote: GitRepo, tmp_path: Path) -> None:
    with git_daemon(remote.path.parent) as base:
        clone = clone_metadata(f"{base}/remote", tmp_path / "cache", revision="v1")
        large = blob(clone, b"large.bin")
        assert not clone.has_object(large)
        assert clone.blob_size(large) == len(LARGE)
        with pytest.raises(VfsError):
            clone_metadata(f"{base}/nothing", tmp_path / "cache")
    with pytest.raises(RemoteUnavailable):
        clone_metadata(f"{base}/elsewhere", tmp_path / "cache")


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("", UsageError),
        ("--upload-pack=touch /tmp/x", UsageError),
        ("-oProxyCommand=x", UsageError),
        ("ext::sh -c touch% /tmp/x", Unsupported),
        ("fd::17", Unsupported),
        ("::x", Unsupported),
        ("ftp://host/x", Unsupported),
        ("javascript://x", Unsupported),
        ("ssh://-oProxyCommand=x/y", UsageError),
        ("ssh://-x@host/y", UsageError),
        ("-x@host:path", UsageError),
        ("user@-host:path", UsageError),
        ("-host:path", UsageError),
        ("https:///path", UsageError),
        ("https://host:port/x", UsageError),
        ("https://host/a\nb", UsageError),
        ("https://host/a\0b", UsageError),
    ],
)
def test_dangerous_urls_are_refused(url: str, error: type[VfsError], tmp_path: Path) -> None:
    with pytest.raises(error) as caught:
        clone_metadata(url, tmp_path)
    assert "ProxyCommand" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("https://host/x.git", "https://host/x.git"),
        ("https://user:s3cret@host:8443/x", "https://host:8443/x"),
        ("https://s3cret@host/x", "https://host/x"),
        ("ssh://git@host:22/x", "ssh://git@host:22/x"),
        ("ssh://git:s3cret@host/x", "ssh://git@host/x"),
        ("git@host:team/x.git", "git@host:team/x.git"),
        ("host:x", "host:x"),
        ("git@[::1]:x", "git@[::1]:x"),
        ("HTTPS://u:s3cret@Host/X", "https://Host/X"),
    ],
)
def test_secrets_leave_the_url(url: str, bare: str) -> None:
    source = parse_source(url)
    assert source.url == bare
    assert source.local is None
    assert "s3cret" not in source.url


@pytest.mark.parametrize("url", ["/a/b", "../x", "./a:b", "a/b:c", "C"])
def test_local_paths(url: str) -> None:
    assert parse_source(url).local == Path(url)


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused(url: str) -> None:
    with contextlib.suppress(VfsError):
        source = parse_source(url)
        assert not source.url.startswith("-")


def test_credentials_are_in_a_private_file_only(tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        port = server.getsockname()[1]
        with pytest.raises(RemoteUnavailable) as caught:
            clone_metadata(f"http://me:s3cret@127.0.0.1:{port}/x", tmp_path)
    assert "s3cret" not in str(caught.value)
    holders = [p for p in tmp_path.rglob("*") if p.is_file() and b"s3cret" in p.read_bytes()]
    assert [p.suffix for p in holders] == [".credentials"]
    assert holders[0].stat().st_mode & 0o777 == 0o600
    assert holders[0].read_text() == f"http://me:s3cret@127.0.0.1:{port}\n"


def test_a_missing_repository_is_named_not_git_s_advice(tmp_path: Path) -> None:
    with pytest.raises(ObjectMissing, match=r"nowhere' does not appear to be a git repository$"):
        clone_metadata(f"file://{tmp_path}/nowhere", tmp_path / "clones")
