"""Records of mounts: written, found, cleared when their daemon is dead."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from vfs.control.registry import (
    MountRecord,
    connect,
    find_mount,
    find_mounts,
    mount_id,
    register,
    repository_root,
    socket_path,
    unregister,
)
from vfs.errors import NoSuchMount


class Runtime:
    """A runtime directory with daemons that only listen."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.directory = directory
        self._stack = stack

    def record(
        self, mountpoint: str | Path, repo: str | Path = "/repo", pid: int = 1
    ) -> MountRecord:
        point = Path(mountpoint)
        path = self.directory / f"{mount_id(point)}.sock"
        return MountRecord(mount_id(point), point, str(repo), "HEAD", pid, 1.5, Path("/log"), path)

    def start(self, mountpoint: str | Path, repo: str | Path = "/repo") -> MountRecord:
        record = self.record(mountpoint, repo)
        self.listen(record)
        register(record)
        return record

    def listen(self, record: MountRecord) -> socket.socket:
        listener = self._stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(record.socket))
        listener.listen()
        return listener


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "vfs").mkdir(mode=0o700)
    with ExitStack() as stack:
        yield Runtime(tmp_path / "vfs", stack)


def test_a_record_reads_back(runtime: Runtime) -> None:
    record = runtime.start("/mnt/with blank\n and \udcff")
    assert find_mounts() == [record]
    assert socket_path(record.mountpoint) == record.socket
    file = record.socket.with_suffix(".json")
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_switch_writes_the_record_anew(runtime: Runtime) -> None:
    record = runtime.start("/mnt/a")
    register(record._replace(rev="v2"))
    assert [mount.rev for mount in find_mounts()] == ["v2"]
    assert sorted(p.suffix for p in runtime.directory.iterdir() if not p.name.startswith(".")) == [
        ".json",
        ".sock",
    ]


def test_a_dead_daemon_is_forgotten(runtime: Runtime) -> None:
    record = runtime.record("/mnt/a")
    listener = runtime.listen(record)
    register(record)
    assert find_mounts() == [record]
    listener.close()
    assert find_mounts() == []
    assert not record.socket.exists()
    assert not record.socket.with_suffix(".json").exists()


def test_a_hung_daemon_is_there_but_does_not_block_us(runtime: Runtime) -> None:
    record = runtime.start("/mnt/a")
    crowd = []
    try:
        while True:
            crowd.append(connect(record.socket, patience=0))
    except BlockingIOError:
        assert find_mounts() == [record]
    finally:
        for client in crowd:
            client.close()


def test_damaged_and_foreign_files_are_passed_over(runtime: Runtime) -> None:
    record = runtime.start("/mnt/a")
    for name, text in (
        ("a.json", ""),
        ("b.json", "{"),
        ("c.json", "[]"),
        ("d.json", '{"mountpoint": 1}'),
        ("e.json", "[" * 100_000),
        ("f.json", '{"mountpoint":"/x","repo":"","rev":"","pid":"x","started":0,"log":null}'),
    ):
        (runtime.directory / name).write_text(text)
    (runtime.directory / "g.json").mkdir()
    assert find_mounts() == [record]


def test_only_its_own_daemon_unregisters(runtime: Runtime) -> None:
    record = runtime.start("/mnt/a")
    unregister(record._replace(pid=record.pid + 1))
    assert find_mounts() == [record]
    unregister(record)
    assert find_mounts() == []
    unregister(record)


def test_found_by_mount_point_or_below(runtime: Runtime) -> None:
    outer, inner = runtime.start("/mnt/a"), runtime.start("/mnt/a/deep/b")
    cwd = Path("/mnt")
    assert find_mount("/mnt/a", cwd) == outer
    assert find_mount("a", cwd) == outer
    assert find_mount("./a/../a//x/y", cwd) == outer
    assert find_mount("/mnt/a/deep/b/c", cwd) == inner
    with pytest.raises(NoSuchMount, match="/mnt/abc: nothing is mounted there") as caught:
        find_mount("/mnt/abc", cwd)
    assert caught.value.hint == "name one of: /mnt/a, /mnt/a/deep/b"


def test_found_through_a_symlink(runtime: Runtime, tmp_path: Path) -> None:
    (tmp_path / "real" / "point").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "direct").symlink_to("real/point")
    record = runtime.start(tmp_path / "real" / "point")
    assert find_mount(tmp_path / "link" / "point", Path("/")) == record
    assert find_mount("direct", tmp_path) == record


def test_found_from_inside_a_mount(runtime: Runtime) -> None:
    outer, inner = runtime.start("/mnt/a"), runtime.start("/mnt/a/deep")
    assert find_mount(None, Path("/mnt/a/x")) == outer
    assert find_mount(None, Path("/mnt/a/deep")) == inner


def test_found_by_repository(runtime: Runtime, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    (repo / ".git").mkdir(parents=True)
    (repo / "sub" / "dir").mkdir(parents=True)
    record = runtime.start("/mnt/a", repo)
    runtime.start("/mnt/b", tmp_path / "other")
    assert find_mount(None, repo) == record
    assert find_mount(None, repo / "sub" / "dir") == record
    runtime.start("/mnt/c", repo)
    with pytest.raises(NoSuchMount, match="is mounted 2 times") as caught:
        find_mount(None, repo)
    assert caught.value.hint == "name one of: /mnt/a, /mnt/c"


def test_a_nested_repository_is_not_its_parent(runtime: Runtime, tmp_path: Path) -> None:
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "nested").mkdir()
    (tmp_path / "repo" / "nested" / ".git").write_text("gitdir: elsewhere")
    runtime.start("/mnt/a", tmp_path / "repo")
    with pytest.raises(NoSuchMount, match="no mount belongs to"):
        find_mount(None, tmp_path / "repo" / "nested")


def test_nothing_is_mounted(runtime: Runtime) -> None:
    with pytest.raises(NoSuchMount) as caught:
        find_mount(None, Path("/"))
    assert caught.value.hint == "mount it first: vfs mount MOUNTPOINT"


def test_repository_root_knows_bare_repositories(tmp_path: Path) -> None:
    bare = tmp_path / "r.git"
    (bare / "objects").mkdir(parents=True)
    (bare / "HEAD").write_text("ref: refs/heads/main")
    assert repository_root(bare / "objects") == bare


def test_ids_differ_and_fit_into_a_socket_address() -> None:
    names = {mount_id(Path(f"/mnt/{number}")) for number in range(1000)}
    assert len(names) == 1000
    assert {len(name) for name in names} == {16}


def test_concurrent_writers_leave_whole_records(runtime: Runtime) -> None:
    record = runtime.record("/mnt/a")
    runtime.listen(record)
    children = []
    for number in range(4):
        pid = os.fork()
        if pid == 0:
            for step in range(50):
                register(record._replace(rev=f"{number}-{step}" * 50))
            os._exit(0)
        children.append(pid)
    seen = 0
    while children:
        for mount in find_mounts():
            assert len(set(mount.rev.split("-"))) <= 100
            seen += 1
        pid, status = os.waitpid(children[0], os.WNOHANG)
        if pid:
            assert status == 0
            children.pop(0)
    assert seen
    assert len(find_mounts()) == 1
