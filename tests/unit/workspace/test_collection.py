"""What the catalog may forget about a repository, it learns again: the same snapshot, without the remote where possible."""

import pytest

from tests.unit.workspace.conftest import Open
from vfs.testing.handmade import HandmadeRepository
from vfs.types import Entry
from vfs.workspace import Workspace
from vfs.workspace.summary import CONTENTS_KEY
from vfs.workspace.upkeep import RULES

DATA = {f"{n % 3}/{n:03d}": b"%d" % n for n in range(500)}
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"ab" * 32 + b"\nsize 12345\n"
ATTRIBUTES = b"*.bin filter=lfs\n"


@pytest.fixture
def repository(handmade: HandmadeRepository) -> HandmadeRepository:
    handmade.commit(
        plain={"a/b/c.txt": b"c", "sub/deep/x.bin": LFS, ".gitattributes": ATTRIBUTES},
        directories={"a/data": DATA},
        tag="v1",
    )
    handmade.sandbox.git(
        handmade.root,
        "fast-import",
        "--quiet",
        stdin=b"commit refs/heads/later\ncommitter T <t@example.org> 1900000000 +0000\n"
        b"data 1\n.\nfrom " + handmade.head.encode() + b"\n",
    )
    return handmade


def look(workspace: Workspace, rev: str) -> list[tuple[bytes, Entry]]:
    """Everything in a snapshot, with times, and without the numbers of this process."""
    return [(path, e._replace(origin=0)) for path, e in workspace.snapshot(rev).walk()]


def test_a_forgotten_snapshot_is_the_same_again(
    repository: HandmadeRepository, opened: Open
) -> None:
    workspace = opened(repository.root)
    before = look(workspace, "v1")
    assert any(path == b"sub/deep/x.bin" and e.size == 12345 for path, e in before)
    catalog = workspace.session.catalog
    workspace.close()
    workspace = opened(repository.root)
    catalog = workspace.session.catalog
    collected = catalog.collect(RULES, 0, recent=0)
    assert collected is not None
    assert collected.trees == 1
    assert collected.notes > 4
    assert look(workspace, "later") == before, "also the times: they were kept"


def test_a_snapshot_in_use_stays_without_the_remote(
    repository: HandmadeRepository, opened: Open
) -> None:
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("v1")
    before = list(snapshot.walk())
    other = opened(repository.root)
    repository.remote.rename(repository.remote.with_name("gone"))
    assert other.session.catalog.collect(RULES, 0, recent=0) is not None
    other.session.catalog._pages.clear()
    assert list(snapshot.walk()) == before
    assert look(other, "later") == look(workspace, "v1"), "summaries come from Git again"


def test_a_lost_summary_below_a_known_one_hides_nothing(
    repository: HandmadeRepository, opened: Open
) -> None:
    workspace = opened(repository.root)
    before = look(workspace, "v1")
    git = workspace.repository
    deep = git.find(git.resolve("v1").tree, b"sub/deep")
    assert deep is not None
    workspace.session.catalog.forget(CONTENTS_KEY + deep.oid)
    again = opened(repository.root)
    assert [(path, e.size) for path, e in look(again, "v1")] == [(p, e.size) for p, e in before]


def test_a_daemon_tidies_within_its_limit(
    repository: HandmadeRepository, opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    workspace = opened(repository.root)
    before = look(workspace, "v1")
    workspace.tidy()
    workspace.tidy()
    assert look(workspace, "v1") == before
    assert not caplog.records
