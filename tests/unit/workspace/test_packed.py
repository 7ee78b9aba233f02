"""Snapshots whose data lies on a packed remote: file lists, sizes and contents come from it."""

import gc
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from tests.unit.transfer.bench import Bench
from tests.unit.workspace.conftest import Open
from tests.unit.workspace.reading import content, tree_of
from vfs.config import Settings
from vfs.remotes import RemoteSpec, open_remote
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.packed import push
from vfs.testing.sandbox import Sandbox
from vfs.transfer import Body
from vfs.types import Blob, Entry

FILES = {f"d{n % 3}/f{n:03}": b"content %d" % (n // 2) for n in range(300)}


class Shared:
    """A repository whose DVC remote has lost everything, and a packed remote that has it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.repository = HandmadeRepository(sandbox, sandbox.root / "repository")
        self.packed = sandbox.root / "packed"
        self.packed.mkdir()

    def commit(self, config: str | None, files: dict[str, bytes] = FILES, tag: str = "") -> None:
        plain = {} if config is None else {".vfs/config.yaml": config.encode()}
        self.repository.commit(
            plain=plain, directories={"data": files}, files={"one.bin": b"single"}, tag=tag
        )
        remote = open_remote(RemoteSpec("packed", str(self.packed)))
        push(remote, {path.encode(): data for path, data in files.items()})
        push(remote, {b"": b"single"})
        self.repository.lose_remote()

    @property
    def local(self) -> Path:
        """What this machine configures."""
        return self.repository.root / ".vfs" / "local.yaml"

    def edit(self, *, jobs: int) -> None:
        """Configure the packed remote anew."""
        self.local.parent.mkdir(exist_ok=True)
        self.local.write_text(f"remotes: {{shared: {{url: {self.packed}, jobs: {jobs}}}}}")

    @property
    def config(self) -> str:
        return f"remotes:\n  shared:\n    url: {self.packed}\n    layout: packed\n"


@pytest.fixture
def shared(sandbox: Sandbox) -> Shared:
    return Shared(sandbox)


def test_everything_is_read_from_it(shared: Shared, opened: Open) -> None:
    shared.commit(shared.config)
    workspace = opened(shared.repository.root)
    snapshot = workspace.snapshot("HEAD")
    assert not snapshot.problems
    found = tree_of(workspace, snapshot)
    assert {path for path in found if path.startswith(b"data/d")} >= {
        b"data/" + path.encode() for path in FILES
    }
    assert content(workspace, snapshot, b"data/d1/f007") == b"content 3"
    assert content(workspace, snapshot, b"one.bin") == b"single"


def test_after_the_catalog_is_there_names_and_sizes_need_no_remote(
    shared: Shared, opened: Open
) -> None:
    shared.commit(shared.config)
    before = opened(shared.repository.root)
    names = {path for path, _ in before.snapshot("HEAD").walk()}
    before.close()
    shutil.rmtree(shared.packed)
    after = opened(shared.repository.root)
    assert {path for path, _ in after.snapshot("HEAD").walk()} == names


def test_a_remote_of_this_machine_serves_older_commits(shared: Shared, opened: Open) -> None:
    shared.commit(None)
    local = shared.repository.root / ".vfs" / "config.yaml"
    local.parent.mkdir()
    local.write_text("remotes: {shared: {url: ../../packed}}")
    workspace = opened(shared.repository.root)
    assert content(workspace, workspace.snapshot("HEAD"), b"data/d1/f007") == b"content 3"


def test_a_remote_that_is_filled_later_serves_what_was_mounted(
    shared: Shared, opened: Open
) -> None:
    shared.repository.commit(
        plain={".vfs/config.yaml": shared.config.encode()}, directories={"data": FILES}
    )
    workspace = opened(shared.repository.root)
    snapshot = workspace.snapshot("HEAD")
    assert content(workspace, snapshot, b"data/d1/f004") == b"content 2"
    push(
        open_remote(RemoteSpec("packed", str(shared.packed))),
        {path.encode(): data for path, data in FILES.items()},
    )
    shared.repository.lose_remote()
    again = opened(shared.repository.root)
    assert content(again, again.snapshot("HEAD"), b"data/d1/f007") == b"content 3"


def rest_of(body: Body) -> bytes:
    """All of a short content."""
    with body:
        buffer = bytearray(100)
        return bytes(buffer[: body.readinto(memoryview(buffer))])


def unnamed(directory: Path) -> int:
    """Files without a name in a directory that this process has open."""
    links = [os.path.realpath(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")]
    return sum(x.startswith(str(directory)) and x.endswith("(deleted)") for x in links)


@pytest.fixture
def uncollected() -> Iterator[None]:
    """No circles are looked for: what is let go must go by itself."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
def test_what_an_edit_replaced_is_given_back(
    shared: Shared, opened: Open, settings: Settings
) -> None:
    """A driver and the file with its windows of packs, as soon as nobody reads from it; what was begun is read to its end."""
    shared.commit(None)
    shared.edit(jobs=1)
    workspace = opened(shared.repository.root)
    snapshot = workspace.snapshot("HEAD")
    entry = snapshot.resolve(b"data/d1/f007")
    assert isinstance(entry, Entry)
    (place,) = (p for p in workspace.places(snapshot, entry, b"") if p.label == "shared")
    with place.get(0, 9) as begun:
        for number in range(10):
            shared.edit(jobs=2 + number)
            assert content(workspace, snapshot, b"data/d2/f%03d" % (2 + 3 * number))
        assert unnamed(settings.cache_dir) == 2
        assert rest_of(begun) == b"content 3"
    del begun
    assert content(workspace, snapshot, b"one.bin") == b"single"
    assert unnamed(settings.cache_dir) == 1
    shared.local.unlink()
    assert rest_of(place.get(0, 9)) == b"content 3", "what is configured no more stays as it was"


@pytest.mark.usefixtures("uncollected")
async def test_an_error_that_is_remembered_keeps_no_driver(
    shared: Shared, opened: Open, settings: Settings, nursery: trio.Nursery, tmp_path: Path
) -> None:
    shared.repository.commit(directories={"data": FILES})
    shared.edit(jobs=1)
    workspace = opened(shared.repository.root)
    snapshot = workspace.snapshot("HEAD")
    gc.collect()  # of the circles of the build
    bench = Bench(nursery, tmp_path)
    await bench.start()
    for number in range(10):
        shared.edit(jobs=2 + number)
        entry = snapshot.resolve(b"data/d1/f%03d" % (1 + 3 * number))
        assert isinstance(entry, Entry)
        places = workspace.places(snapshot, entry, b"")
        assert entry.digest is not None
        assert await bench.read(Blob(entry.digest, entry.size), places, 0, 7) == b"content"
    assert unnamed(settings.cache_dir) == 1
    bench.scope.cancel()
    await bench.ended.wait()
    bench.store.close()


def test_two_versions(shared: Shared, opened: Open) -> None:
    shared.commit(shared.config, tag="v1")
    shared.commit(shared.config, {**FILES, "d1/f007": b"changed"}, tag="v2")
    workspace = opened(shared.repository.root)
    for rev, expected in (("v1", b"content 3"), ("v2", b"changed"), ("v1", b"content 3")):
        assert content(workspace, workspace.snapshot(rev), b"data/d1/f007") == expected


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("remotes: {shared: {url: PACKED, layout: flat}}", "has the layout 'flat'"),
        ("remotes: {store: {url: PACKED}}", "is defined in .dvc/config as well"),
        ("remotes: {shared: [PACKED]}", "only sections and plain values"),
        (
            "remotes: {shared: {url: PACKED, credentialpath: ../creds}}",
            "the option credentialpath of remote 'shared' is ignored",
        ),
    ],
)
def test_what_cannot_be_used_is_a_problem(
    shared: Shared, opened: Open, config: str, said: str
) -> None:
    shared.commit(config.replace("PACKED", json.dumps(str(shared.packed))))
    problems = opened(shared.repository.root).snapshot("HEAD").problems
    assert any(said in p.message and p.path == b".vfs/config.yaml" for p in problems), problems


def test_a_damaged_manifest_is_a_problem_of_its_directory(shared: Shared, opened: Open) -> None:
    shared.commit(shared.config)
    for manifest in (shared.packed / "packed-1" / "manifests").rglob("*.dir"):
        manifest.chmod(0o644)
        manifest.write_bytes(b"nonsense")
    problems = opened(shared.repository.root).snapshot("HEAD").problems
    assert any("is too short for a manifest" in p.message for p in problems), problems


def test_a_pack_that_lies_is_not_believed(shared: Shared, opened: Open, tmp_path: Path) -> None:
    shared.commit(shared.config)
    for pack in (shared.packed / "packed-1" / "packs").iterdir():
        data = bytearray(pack.read_bytes())
        data[20:4000] = bytes(3980)
        pack.chmod(0o644)
        pack.write_bytes(data)
    workspace = opened(shared.repository.root)
    snapshot = workspace.snapshot("HEAD")
    with pytest.raises(AssertionError, match="other bytes"):
        content(workspace, snapshot, b"data/d0/f000")
