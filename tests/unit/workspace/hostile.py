"""Repositories in which one thing is wrong and the rest is good."""

from tests.unit.workspace.reading import dvc_config
from vfs.testing.handmade import HandmadeRepository, pointer
from vfs.types import Entry
from vfs.workspace import Snapshot

GOOD = {"good/a": b"fine", "good/b/c": b"also fine"}


def config(repository: HandmadeRepository) -> dict[str, bytes]:
    return dvc_config(repository.remote)


def problems(snapshot: Snapshot) -> dict[bytes, str]:
    return {problem.path: problem.code for problem in snapshot.problems}


def entry_at(snapshot: Snapshot, path: bytes) -> Entry:
    found = snapshot.resolve(path)
    assert isinstance(found, Entry), path
    return found


def good_pointer(repository: HandmadeRepository) -> dict[str, bytes]:
    oid, size, count = repository.put_directory({"a": b"fine", "b/c": b"also fine"})
    return {"good.dvc": pointer("good", oid, size, count), **config(repository)}
