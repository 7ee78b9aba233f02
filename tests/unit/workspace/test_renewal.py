"""Options of remotes that are corrected while a snapshot is in use."""

from pathlib import Path

import pytest

from tests.unit.workspace.conftest import Open
from tests.unit.workspace.reading import content
from vfs.errors import RemoteUnavailable
from vfs.testing.handmade import HandmadeRepository, md5, pointer
from vfs.testing.sandbox import Sandbox
from vfs.transfer import Place
from vfs.types import Blob, Entry
from vfs.workspace import Snapshot, Workspace
from vfs.workspace.renewal import Renewal, stamps
from vfs.workspace.stores import DvcStore, RemoteRef


@pytest.fixture
def repository(sandbox: Sandbox) -> HandmadeRepository:
    made = HandmadeRepository(sandbox, sandbox.root / "r")
    made.commit(files={"m": b"weights"})
    return made


def write_local(repository: HandmadeRepository, text: str) -> None:
    directory = repository.root / ".dvc"
    directory.mkdir(exist_ok=True)
    (directory / "config.local").write_text(text)


def remote_place(workspace: Workspace, snapshot: Snapshot) -> Place:
    entry = snapshot.resolve(b"m")
    assert isinstance(entry, Entry)
    assert entry.digest is not None
    origin = snapshot.origins[entry.origin]
    found = workspace.places_of(origin, Blob(entry.digest, entry.size))
    (place,) = (place for place in found if not place.local)
    return place


def test_a_place_follows_the_file_without_a_new_snapshot(
    repository: HandmadeRepository, opened: Open
) -> None:
    write_local(repository, "['remote \"store\"']\n    url = /nowhere\n")
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("HEAD")
    place = remote_place(workspace, snapshot)
    with pytest.raises(RemoteUnavailable):
        place.get(0, 7)
    write_local(repository, "# nothing any more\n")
    with place.get(0, 7) as body:
        assert body.size == 7
    write_local(repository, "['remote \"store\"']\n    url = /nowhere else\n")
    with pytest.raises(RemoteUnavailable):
        place.get(0, 7)
    (repository.root / ".dvc" / "config.local").unlink()
    assert content(workspace, snapshot, b"m") == b"weights"


@pytest.mark.parametrize(
    "text",
    ["[[[", "['remote \"store\"']\n    url = remote://none\n", "\0"],
    ids=["syntax", "chain", "nul"],
)
def test_a_file_that_cannot_be_used_changes_nothing(
    text: str, repository: HandmadeRepository, opened: Open
) -> None:
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("HEAD")
    write_local(repository, text)
    assert content(workspace, snapshot, b"m") == b"weights"


def test_a_new_snapshot_has_the_new_options(repository: HandmadeRepository, opened: Open) -> None:
    write_local(repository, "['remote \"store\"']\n    url = /nowhere\n")
    workspace = opened(repository.root)
    workspace.snapshot("HEAD")
    write_local(repository, "")
    assert content(workspace, workspace.snapshot("HEAD"), b"m") == b"weights"


def test_remotes_that_are_added_and_removed(
    repository: HandmadeRepository, opened: Open, sandbox: Sandbox
) -> None:
    """Also for a content whose inode and origin are those of an older snapshot."""
    repository.commit_raw({".dvc/config": b"", "m.dvc": pointer("m", md5(b"weights"), 7)})
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("HEAD")
    with pytest.raises(AssertionError):
        content(workspace, snapshot, b"m")
    write_local(repository, f"['remote \"new\"']\n    url = {repository.remote}\n")
    assert content(workspace, snapshot, b"m") == b"weights"
    write_local(repository, "")
    with pytest.raises(AssertionError):
        content(workspace, snapshot, b"m")


def test_a_half_written_file_changes_nothing(repository: HandmadeRepository, opened: Open) -> None:
    repository.commit_raw({".dvc/config": b"", "m.dvc": pointer("m", md5(b"weights"), 7)})
    write_local(repository, f"['remote \"new\"']\n    url = {repository.remote}\n")
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("HEAD")
    write_local(repository, "['remote \"ne")
    assert content(workspace, snapshot, b"m") == b"weights"


def test_a_versioned_remote_keeps_its_url(tmp_path: Path) -> None:
    file = tmp_path / "config.local"
    old = RemoteRef("r", "s3://a", (("secret", "x"),), versioned=True)
    new = [DvcStore(remotes=(old,))]
    renewal = Renewal()
    renewal.note(new[0], [file], stamps([file]), lambda: new[0])
    assert renewal.remote(old) == old
    for text, now, expected in (
        ("1", old._replace(url="s3://b"), old),
        ("22", old._replace(options=(("secret", "y"),)), old._replace(options=(("secret", "y"),))),
        ("333", old._replace(name="other"), old),
        ("4444", old._replace(options=(("endpointurl", "http://other"),)), old),
    ):
        new[:] = [DvcStore(remotes=(now,))]
        file.write_text(text)
        assert renewal.remote(old) == expected
    unknown = RemoteRef("s", "s3://c")
    assert renewal.remote(unknown) == unknown
