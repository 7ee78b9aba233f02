"""Sizes that are wrong, missing or met to be wrong, and objects that are not whole."""

import os

import pytest

from tests.unit.workspace.conftest import Open
from tests.unit.workspace.hostile import config, entry_at, problems
from tests.unit.workspace.reading import content
from vfs.errors import ContentMismatch
from vfs.testing.handmade import HandmadeRepository, md5, object_path, pointer
from vfs.testing.sandbox import Sandbox
from vfs.types import Blob, Kind


def test_a_wrong_size_in_a_pointer(repository: HandmadeRepository, opened: Open) -> None:
    """It is believed until the bytes are asked for, and never for another pointer's file."""
    oid = repository.put(b"ten bytes.")
    repository.commit_raw({**config(repository), "f.dvc": pointer("f", oid, 3)})
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("main")
    entry = entry_at(snapshot, b"f")
    assert entry.size == 3
    assert entry.digest is not None
    assert workspace.session.catalog.facts(entry.digest) is None
    place = workspace.places(snapshot, entry, b"f")[-1]
    with pytest.raises(ContentMismatch, match="10 bytes, expected 3"):
        place.get(0, 3)
    repository.commit_raw({**config(repository), "f.dvc": pointer("f", oid, 10)})
    again = workspace.snapshot("main")
    assert content(workspace, again, b"f") == b"ten bytes."


def test_a_pointer_without_size_asks_the_remote(
    repository: HandmadeRepository, opened: Open
) -> None:
    oid = repository.put(b"ten bytes.").encode()
    text = b"outs:\n- {md5: %s, hash: md5, path: f}\n" % oid
    repository.commit_raw({**config(repository), "f.dvc": text})
    workspace = opened(repository.root)
    assert content(workspace, workspace.snapshot("main"), b"f") == b"ten bytes."


def test_an_object_that_was_cut_to_nothing(repository: HandmadeRepository, opened: Open) -> None:
    """In the remote or in the DVC cache: it breaks its path, says where it lies, and heals; it is nobody's size."""
    now = [1_000_000.0]
    oid, size, count = repository.put_directory({"a": b"one", "b": b"two", "e": b""})
    bare = b"outs:\n- {md5: %s, hash: md5, path: f}\n" % md5(b"one").encode()
    zero = pointer("z", md5(b"one"), 0)
    pointers = {"d.dvc": pointer("d", oid, size, count), "f.dvc": bare, "z.dvc": zero}
    repository.commit_raw({**config(repository), **pointers, "t.dvc": pointer("t", md5(b"two"), 3)})
    for data in (b"one", b"two"):
        object_path(repository.remote, md5(data)).write_bytes(b"")
    cached = object_path(repository.root / ".dvc" / "cache", md5(b"two"))
    cached.parent.mkdir(parents=True)
    cached.touch()
    workspace = opened(repository.root, clock=lambda: now[0])
    snapshot = workspace.snapshot("main")
    for path in (b"d/a", b"d/b", b"f", b"z"):
        assert entry_at(snapshot, path).kind is Kind.BROKEN
    assert entry_at(snapshot, b"t").size == 3, "the pointer says it"
    assert entry_at(snapshot, b"d/e").size == 0
    said = "\n".join(problem.message for problem in snapshot.problems)
    assert f"store ({repository.remote}): the object files/md5/{md5(b'one')[:2]}" in said
    assert snapshot.may_heal
    object_path(repository.remote, md5(b"one")).write_bytes(b"one")
    cached.write_bytes(b"two")
    now[0] += 61
    healed = workspace.snapshot("main")
    assert healed.problems == ()
    for path, data in ((b"d/a", b"one"), (b"d/b", b"two"), (b"f", b"one"), (b"z", b"one")):
        assert content(workspace, healed, path) == data


def test_an_lfs_pointer_that_says_empty_of_what_is_not(
    repository: HandmadeRepository, opened: Open
) -> None:
    text = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 0\n" % (b"ab" * 32)
    repository.commit_raw({".gitattributes": b"f filter=lfs\n", "f": text})
    snapshot = opened(repository.root).snapshot("main")
    assert problems(snapshot) == {b"f": "bad-format"}
    assert entry_at(snapshot, b"f").size == len(text), "Git's own file"


def test_a_size_of_another_repository_is_asked_for_anew_once_it_was_met_to_be_wrong(
    repository: HandmadeRepository, opened: Open, sandbox: Sandbox
) -> None:
    """A cut object lies on the remote of one repository; another has the whole, under its pointers and its listings."""
    oid, size, count = repository.put_directory({"a": b"the content"})
    honest = {
        "d.dvc": pointer("d", oid, size, count),
        "f.dvc": pointer("f", md5(b"the content"), 11),
    }
    repository.commit_raw({**config(repository), **honest})
    stranger = HandmadeRepository(sandbox, sandbox.root / "stranger")
    listing, size, count = stranger.put_directory({"x": b"the content"})
    stranger.commit_raw({**config(stranger), "d.dvc": pointer("d", listing, size, count)})
    object_path(stranger.remote, md5(b"the content")).write_bytes(b"cut")
    assert entry_at(opened(stranger.root).snapshot("main"), b"d/x").size == 3
    workspace = opened(repository.root)
    first = workspace.snapshot("main")
    assert content(workspace, first, b"f") == b"the content"
    poisoned = entry_at(first, b"d/a")
    place = workspace.places(first, poisoned, b"d/a")[-1]
    with pytest.raises(ContentMismatch, match="11 bytes, expected 3"):
        place.get(0, 3)
    assert content(workspace, workspace.snapshot("main"), b"d/a") == b"the content"


def test_cache_files_must_be_plain_and_whole(
    repository: HandmadeRepository, opened: Open, sandbox: Sandbox
) -> None:
    data = b"the content"
    repository.commit(files={"f": data})
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("main")
    entry = entry_at(snapshot, b"f")
    assert entry.digest is not None
    blob = Blob(entry.digest, entry.size)
    cached = object_path(repository.root / ".dvc" / "cache", md5(data))
    cached.parent.mkdir(parents=True)
    secret = sandbox.root / "secret"
    secret.write_bytes(b"x" * len(data))

    def first_file() -> bytes | None:
        place = workspace.places_of(snapshot.origins[entry.origin], blob)[0]
        assert place.local
        descriptor = place.open_file()
        if descriptor is None:
            return None
        with open(descriptor, "rb") as file:
            return file.read()

    assert first_file() is None
    cached.symlink_to(secret)
    assert first_file() is None
    cached.unlink()
    cached.write_bytes(b"short")
    assert first_file() is None
    assert content(workspace, snapshot, b"f") == data
    cached.unlink()
    cached.mkdir()
    assert first_file() is None
    cached.rmdir()
    os.mkfifo(cached)
    assert first_file() is None
    cached.unlink()
    cached.write_bytes(data)
    assert first_file() == data
