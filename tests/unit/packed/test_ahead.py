"""Small files that processes make ready while a pack is filled."""

import io
import os
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from blake3 import blake3

import vfs.processes
from vfs.errors import ContentMismatch
from vfs.formats.chunking import CUTS
from vfs.packed import Item, Known, PackedRemote, Pusher, learn_packs
from vfs.packed.ahead import Ready, Source, ahead, make_ready
from vfs.remotes import Remote, RemoteSpec, open_remote
from vfs.remotes.base import read_body
from vfs.testing.packed import digest_of, items_of, pointer_of

_MANY = 700


@pytest.fixture(autouse=True)
def two_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vfs.processes, "COUNT", 2)  # also where there is one processor


def on_disk(directory: Path, files: dict[bytes, bytes]) -> list[Item]:
    """Items of files that another process can open."""
    items = []
    for path, content in sorted(files.items()):
        place = directory / os.fsdecode(path)
        place.write_bytes(content)
        items.append(
            Item(path, digest_of(content), len(content), partial(io.FileIO, place), portable=True)
        )
    return items


def some(count: int, seed: int = 1) -> dict[bytes, bytes]:
    """Files, most small; one is empty, one too long to be one chunk, some compress."""
    made = random.Random(seed)
    files = {b"f%04d" % n: made.randbytes(made.randint(1, 2000)) for n in range(count)}
    files |= {b"f0600": b"", b"f0601": made.randbytes(CUTS.least + 1), b"f0602": bytes(4000)}
    return files


def send(remote: Remote, items: list[Item], files: dict[bytes, bytes]) -> None:
    store = PackedRemote(remote)
    with Pusher(store, learn_packs(store, (), expected=0), pack_bytes=1 << 20) as pusher:
        pusher.add(pointer_of(files), items)
        pusher.finish()


def objects(remote: Remote) -> dict[str, bytes]:
    found = list(remote.list(""))
    return {info.key: bytes(read_body(remote.get(info.key), info.size)) for info in found}


def test_a_remote_gets_the_same_bytes_with_and_without(tmp_path: Path) -> None:
    files = some(_MANY)
    items = on_disk(tmp_path, files)
    ready = [one is not None for _, one in ahead(items, Known())]
    assert sum(ready) == _MANY - 2  # neither the empty one nor the long one
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    one, other = (open_remote(RemoteSpec(n, str(tmp_path / n))) for n in ("one", "other"))
    send(one, items, files)
    send(other, items_of(files), files)
    assert objects(one) == objects(other)


def test_what_is_known_is_not_read_again(remote: Remote, tmp_path: Path) -> None:
    known = Known()
    files = {b"f%04d" % n: b"%d" % n for n in range(_MANY)}
    items = on_disk(tmp_path, files)
    for item in items[:300]:
        known.add_file(*item.digest, [])
    ready = [one is not None for _, one in ahead(items, known)]
    assert not any(ready[:300])


def test_few_start_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vfs.processes, "Processes", None)
    items = on_disk(tmp_path, {b"f%d" % n: b"%d" % n for n in range(9)})
    assert list(ahead(items, Known())) == [(item, None) for item in items]


def test_what_is_wrong_is_said_by_who_reads_it_again(remote: Remote, tmp_path: Path) -> None:
    files = {b"f%04d" % n: b"%d" % n for n in range(_MANY)}
    items = on_disk(tmp_path, files)
    (tmp_path / "f0300").write_bytes(b"300 was this long")
    with pytest.raises(ContentMismatch, match="f0300"):
        send(remote, items, files)
    assert not list(remote.list("manifests/"))


def test_what_came_before_a_failure_is_not_lost(tmp_path: Path) -> None:
    items = on_disk(tmp_path, {b"f%04d" % n: b"%d" % n for n in range(300)})

    def failing() -> Iterator[Item]:
        yield from items
        raise ContentMismatch("the next one")

    found: list[Item] = []
    with pytest.raises(ContentMismatch, match="the next one"):
        found.extend(item for item, _ in ahead(failing(), Known()))
    assert found == items


def test_what_cannot_be_made_ready(tmp_path: Path) -> None:
    """What is gone, longer or another one than it was is left to the reader."""
    items = on_disk(tmp_path, {b"a": b"good", b"b": b"gone", b"c": b"long", b"d": b"same"})
    (tmp_path / "b").unlink()
    (tmp_path / "c").write_bytes(b"longer")
    (tmp_path / "d").write_bytes(b"size")
    sources = [Source(item.digest, item.size, item.open) for item in items]
    found = make_ready([None, *sources])
    assert found == [None, Ready(blake3(b"good").digest(), b"good"), None, None, None]
