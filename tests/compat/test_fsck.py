"""`vfs fsck` and `vfs du` on repositories that the real dvc made."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from vfs.testing.clones import Clone, check_store, objects
from vfs.testing.sandbox import Sandbox

pytestmark = [pytest.mark.dvc, pytest.mark.slow]


def fsck(clone: Clone, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    said = clone.vfs("fsck", "--json", *arguments, code=code)
    found = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return [one for one in found if one["type"] == "finding"]


def names(found: list[dict[str, Any]]) -> list[tuple[str, str, bool]]:
    return sorted((one["what"], one["path"], one["repaired"]) for one in found)


def file_of(clone: Clone, store: Path, content: bytes) -> Path:
    (path,) = [path for _, path in objects(store) if path.read_bytes() == content]
    return path


def spoil(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(0o444)


def test_the_cache(one: Clone) -> None:
    assert fsck(one) == []
    one.vfs("push", "--all-commits")
    model = b"model 3" * 1000
    spoil(file_of(one, one.cache, model), model[:-5])
    file_of(one, one.cache, b"4 of 3").unlink()
    spoil(file_of(one, one.cache, b"5 of 3"), b"5 of 4")
    one.write("stray", b"stray")
    one.vfs("add", "stray")
    (one.root / "stray.dvc").unlink()
    quick = names(fsck(one, code=1))
    assert quick == [
        ("missing", "data", False),
        ("orphan", "", False),
        ("truncated", "model.bin", False),
    ]
    assert ("altered", "data", False) in names(fsck(one, "--content", code=1))
    mended = names(fsck(one, "--content", "--repair"))
    assert [entry[2] for entry in mended] == [True, True, False, True]
    assert fsck(one, "--content", "--all-commits")[0]["what"] == "orphan"
    check_store(one.cache)
    assert "up to date" in one.dvc("status")


def test_an_empty_object_is_not_handed_out(one: Clone) -> None:
    """A machine that stops may leave one, of mode 0444."""
    one.vfs("push")
    victim = file_of(one, one.cache, b"5 of 3")
    spoil(victim, b"")
    assert names(fsck(one, code=1)) == [("truncated", "data", False)]
    shutil.rmtree(one.root / "data")
    one.vfs("checkout", code=16)
    assert "1 object fetched" in one.vfs("pull")
    assert victim.read_bytes() == b"5 of 3"
    assert "up to date" in one.dvc("status")


def test_an_object_of_another_size_than_its_pointer_says_is_hashed(one: Clone) -> None:
    one.vfs("push")
    model = b"model 3" * 1000
    spoil(file_of(one, one.cache, model), model[:-5])
    (one.root / "model.bin").unlink()
    one.vfs("checkout", code=16)
    one.vfs("pull")
    assert (one.root / "model.bin").read_bytes() == model
    pointer = one.root / "model.bin.dvc"
    pointer.write_text(pointer.read_text().replace("size: 7000", "size: 7001"))
    (one.root / "model.bin").unlink()
    one.vfs("checkout")  # DVC lets sizes of pointers be wrong
    assert (one.root / "model.bin").read_bytes() == model


def test_what_was_made_of_a_wrong_object_is_not_called_right(one: Clone) -> None:
    one.vfs("push")
    spoil(file_of(one, one.cache, b"5 of 3"), b"5 of 4")
    shutil.rmtree(one.root / "data")
    one.vfs("checkout")  # it says that it was verified
    assert "all as the pointers say" in one.vfs("status")
    assert names(fsck(one, "--content", code=1)) == [("altered", "data", False)]
    assert "1 modified" in one.vfs("status")
    assert names(fsck(one, "--content", "--repair")) == [("altered", "data", True)]
    assert "would be lost" in one.vfs("checkout", code=22)
    one.vfs("checkout", "--force")
    assert "up to date" in one.dvc("status")


def test_a_damaged_list_is_that_of_its_out_alone(one: Clone) -> None:
    one.vfs("push")
    digest = (one.root / "data.dvc").read_text().split("md5: ")[1].split(".dir")[0]
    listing = one.cache / "files" / "md5" / digest[:2] / f"{digest[2:]}.dir"
    before = listing.read_bytes()
    one.write("model.bin", b"changed")
    for damage in (b"[]", b""):
        spoil(listing, damage)
        said = one.vfs("status")
        assert "the cache does not have its list, or has it damaged: vfs fetch" in said
        assert "modified       model.bin" in said
        one.vfs("status", "-q", code=1)
        one.vfs("diff", "HEAD")
        shutil.rmtree(one.root / "data")
        assert "its list of files is not in the cache" in one.vfs("checkout", "data", code=16)
        assert "1 object fetched" in one.vfs("fetch")
        assert listing.read_bytes() == before
        one.vfs("checkout", "data")
        assert "data" not in one.vfs("status")


def test_what_nobody_has_is_not_trusted_any_more(one: Clone) -> None:
    victim = file_of(one, one.cache, b"5 of 3")
    spoil(victim, b"wrong!")
    (one.root / "data" / "5").unlink()
    assert names(fsck(one, "--content", "--repair", code=1)) == [("altered", "data", False)]
    assert victim.stat().st_mode & 0o777 == 0o644


def test_a_remote(one: Clone, sandbox: Sandbox) -> None:
    one.vfs("push", "--all-commits")
    remote = sandbox.root / "remote"
    assert fsck(one, "-r", "store", "--all-commits", "--content") == []
    spoil(file_of(one, remote, b"model 1" * 1000), b"short")
    file_of(one, remote, b"4 of 1").unlink()
    spoil(file_of(one, remote, b"5 of 3"), b"5 of 4")
    listing = next(path for name, path in objects(remote) if name.endswith(".dir"))
    spoil(listing, b"[]")
    quick = names(fsck(one, "-r", "store", "--all-commits", code=1))
    assert [entry[0] for entry in quick] == ["missing", "truncated", "truncated"]
    found = fsck(one, "-r", "store", "--all-commits", "--content", "--repair")
    assert [one["repaired"] for one in found] == [True] * 4
    check_store(remote)
    two = one.clone("two")
    two.dvc("pull", "-q")
    two.vfs("fetch", "--all-commits")
    check_store(two.cache)


def test_a_remote_gets_no_list_of_files_that_nobody_has(one: Clone, sandbox: Sandbox) -> None:
    """DVC takes a list on a remote as proof that its files are there."""
    one.vfs("push")
    remote = sandbox.root / "remote"
    for store in (remote, one.cache):
        file_of(one, store, b"4 of 3").unlink()
    listing = next(path for name, path in objects(remote) if name.endswith(".dir"))
    listing.unlink()
    found = fsck(one, "-r", "store", "--repair", code=1)
    assert names(found) == [("missing", "data", False)] * 2
    assert not listing.exists()


def test_du(one: Clone) -> None:
    said = one.vfs("du", "--json", "v2", "v3")
    rows = [json.loads(line) for line in said.splitlines()]
    assert rows[-1] == {"type": "du", "outs": 4, "size": 2 * 7000 + 3 * 6 + 6 * 6}
    data = [row for row in rows[:-1] if row["path"] == "data"]
    assert [(row["size"], row["unique"], row["shared"]) for row in data] == [(36, 18, 18)] * 2
    assert all(row["cached"] == row["size"] for row in rows[:-1])
    assert "2 outputs" in one.vfs("du")
