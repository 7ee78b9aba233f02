"""A list of files on a remote whose files somebody never sent: `dvc push data/file` puts the whole list with one file."""

import json

import pytest

from vfs.testing.clones import Clone, check_store, handmade_clone, objects
from vfs.testing.handmade import HandmadeRepository

pytestmark = pytest.mark.slow

FILES = {f"f{number}": b"%d" % number for number in range(5)}


@pytest.fixture
def one(handmade: HandmadeRepository) -> Clone:
    """A clone that has everything; the remote has the list of `v1` and one of its files, and nothing of `v2`."""
    handmade.commit(directories={"data": FILES}, tag="v1")
    handmade.sandbox.git(handmade.root, "reset", "-q", "--hard")
    kept = dict(objects(handmade.remote))
    handmade.commit(directories={"data": FILES | {"new": b"new"}}, tag="v2")
    handmade.sandbox.git(handmade.root, "reset", "-q", "--hard")
    made = handmade_clone(handmade, "one", cached=True)
    spared = next(name for name in kept if not name.endswith(".dir"))
    for name, path in objects(handmade.remote):
        if name != spared and not (name in kept and name.endswith(".dir")):
            path.unlink()
    return made


def test_its_files_are_asked_for_once(handmade: HandmadeRepository, one: Clone) -> None:
    one.git("checkout", "-q", "v1")
    assert "4 objects missing there" in one.vfs("status", "--remote")
    assert pushed(one, "data/f0", "data/f1") < 4  # of a part nothing follows for the whole
    assert pushed(one) > 0
    assert check_store(handmade.remote) == len(FILES) + 1
    assert "has everything" in one.vfs("status", "--remote")
    victim = next(path for name, path in objects(handmade.remote) if not name.endswith(".dir"))
    victim.unlink()
    assert pushed(one) == 0  # believed by now
    assert pushed(one, "--verify") == 2


def test_a_new_version_does_not_count_on_it(handmade: HandmadeRepository, one: Clone) -> None:
    one.git("checkout", "-q", "v1")
    one.vfs("status", "--remote")
    one.git("checkout", "-q", "v2")
    assert pushed(one) == 6
    check_store(handmade.remote)


def test_what_is_neither_here_nor_there_is_named(handmade: HandmadeRepository, one: Clone) -> None:
    one.git("checkout", "-q", "v1")
    there = {name for name, _ in objects(handmade.remote)}
    for name, path in objects(one.cache):
        if name not in there:
            path.unlink()
    assert "data/f" in one.vfs("push", code=16)
    two = handmade_clone(handmade, "two", cached=False)
    two.git("checkout", "-q", "v1")
    assert pushed(two) == 0  # nothing of it is here, so nothing can be said


def test_a_list_that_was_put_again_without_its_files(
    handmade: HandmadeRepository, one: Clone
) -> None:
    """By `dvc push data/file`, after a collection took the list that was seen whole."""
    one.git("checkout", "-q", "v1")
    assert pushed(one) == 4
    assert pushed(one) == 0
    lost = [path for name, path in objects(handmade.remote) if not name.endswith(".dir")][:3]
    for path in lost:
        path.unlink()
    (listing,) = [path for name, path in objects(handmade.remote) if name.endswith(".dir")]
    data = listing.read_bytes()
    listing.unlink()
    listing.write_bytes(data)
    assert "3 objects missing there" in one.vfs("status", "--remote")
    assert pushed(one) == 3
    check_store(handmade.remote)


def pushed(clone: Clone, *arguments: str) -> int:
    return int(json.loads(clone.vfs("push", "--json", *arguments).splitlines()[0])["files"])
