"""`fsck --repair` where nothing was pushed: the working tree may have the right bytes."""

import json
from pathlib import Path

import pytest

from vfs.testing.clones import Clone, check_store, handmade_clone, objects
from vfs.testing.handmade import HandmadeRepository

FILES = {f"{number}": b"%d" % number * 2000 for number in range(20)}


@pytest.fixture
def one(handmade: HandmadeRepository) -> Clone:
    """Copies of the cache's objects in the working tree, and no remote."""
    handmade.commit(directories={"data": FILES}, files={"one": b"one"})
    made = handmade_clone(handmade, "one", cached=True)
    handmade.lose_remote()
    made.vfs("checkout", "--link", "copy")
    return made


def spoil(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"[]")
    path.chmod(0o444)


def object_of(clone: Clone, data: bytes) -> Path:
    [path] = [path for _, path in objects(clone.cache) if path.read_bytes() == data]
    return path


def listing_of(clone: Clone) -> Path:
    [path] = [path for name, path in objects(clone.cache) if name.endswith(".dir")]
    return path


def findings(clone: Clone, *arguments: str, code: int = 0) -> list[tuple[str, str, bool]]:
    lines = [
        json.loads(line) for line in clone.vfs("fsck", "--json", *arguments, code=code).splitlines()
    ]
    found = [line for line in lines if line["type"] == "finding"]
    return [(line["what"], line["path"], line["repaired"]) for line in found]


def test_objects_are_healed_by_working_files(one: Clone) -> None:
    spoil(object_of(one, FILES["3"]))
    object_of(one, b"one").unlink()
    found = findings(one, "--content", "--repair")
    assert sorted(found) == [("altered", "data", True), ("missing", "one", True)]
    assert findings(one, "--content") == []
    assert check_store(one.cache) == len(FILES) + 2
    assert "all as the pointers say" in one.vfs("status")


def test_a_list_is_healed_and_its_files_are_no_orphans(one: Clone) -> None:
    spoil(listing_of(one))
    assert findings(one, "--content", code=1) == [("altered", "data", False)]
    assert "which objects no commit names is not known" in one.vfs("fsck", code=1)
    assert findings(one, "--repair") == [("altered", "data", True)]
    assert findings(one, "--content") == []
    assert check_store(one.cache) == len(FILES) + 2


def test_what_was_changed_heals_nothing(one: Clone) -> None:
    spoil(object_of(one, FILES["3"]))
    target = one.root / "data" / "3"
    target.unlink()
    target.write_bytes(FILES["4"])
    assert findings(one, "--content", "--repair", code=1) == [("altered", "data", False)]
    spoil(listing_of(one))
    assert findings(one, "--repair", code=1)[0][2] is False
