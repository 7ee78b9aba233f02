"""`vfs fsck --remote` of a packed remote: each kind of damage is named, and mended from wherever the bytes are."""

import json
import random
import shutil
from typing import Any

import pytest

from vfs.formats.manifest_blocks import dump_block
from vfs.formats.manifests import ManifestBuilder
from vfs.formats.packs import CONDEMNED, MANIFESTS, PACKS
from vfs.formats.zstd import Compressor
from vfs.packed import PackedRemote, read_files
from vfs.remotes import Remote, RemoteSpec, open_remote
from vfs.testing.clones import Clone, handmade_clone
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.packed import pointer_of, push

pytestmark = pytest.mark.slow

CHOOSER = random.Random(3)
FILES = {f"{n % 3}/{n:03d}": CHOOSER.randbytes(4000) for n in range(60)}
NEXT = FILES | {"new": b"new" * 1000}
LARGE = CHOOSER.randbytes(3 << 20)


def encoded(files: dict[str, bytes]) -> dict[bytes, bytes]:
    return {name.encode(): data for name, data in files.items()}


class Place:
    """A packed remote with two versions of a directory and a file, each pushed for itself."""

    def __init__(self, handmade: HandmadeRepository) -> None:
        self.root = handmade.root.parent / "packed"
        self.root.mkdir()
        config = f"remotes: {{team: {{url: {self.root}}}}}\nremote: {{default: team}}\n"
        plain = {".vfs/config.yaml": config.encode()}
        for files in (FILES, NEXT):
            handmade.commit(plain=plain, directories={"data": files}, files={"large": LARGE})
        first, _ = push(self.remote, encoded(FILES))
        push(self.remote, encoded(NEXT), bases=(first,))
        push(self.remote, {b"": LARGE})

    @property
    def remote(self) -> Remote:
        return open_remote(RemoteSpec("packed", str(self.root)))

    def keys(self, folder: str) -> list[str]:
        return sorted(info.key for info in self.remote.list(folder))

    def pack_of(self, content: bytes) -> str:
        """The pack that has some bytes."""
        (key,) = [k for k in self.keys(PACKS) if (self.root / k).read_bytes().find(content) >= 0]
        return key

    def change(self, key: str, content: bytes) -> None:
        """Change a byte of a pack where it has some bytes."""
        data = bytearray((self.root / key).read_bytes())
        data[data.find(content)] ^= 1
        self.remote.put(key, bytes(data))

    def whole(self, files: dict[str, bytes]) -> None:
        """Assert that a directory (or a file at "") comes back."""
        manifest = PackedRemote(self.remote).manifest(pointer_of(encoded(files)))
        found: dict[bytes, bytearray] = {}
        for piece in read_files(self.remote, manifest.root.packs, manifest.files()):
            one = found.setdefault(piece.file.path, bytearray(piece.file.size))
            one[piece.offset : piece.offset + len(piece.data)] = piece.data
        assert found == encoded(files)


@pytest.fixture
def place(handmade: HandmadeRepository) -> Place:
    return Place(handmade)


@pytest.fixture
def one(handmade: HandmadeRepository, place: Place) -> Clone:
    """A clone that has everything in its cache; DVC's remote has nothing."""
    made = handmade_clone(handmade, "one", cached=True)
    shutil.copytree(handmade.remote, handmade.remote.with_name("aside"))
    handmade.lose_remote()
    return made


def fsck(clone: Clone, *arguments: str, code: int = 0) -> list[tuple[str, str, str, bool]]:
    """What, object, path, whether it was repaired."""
    said = clone.vfs("fsck", "-r", "team", "--json", *arguments, code=code)
    found: list[dict[str, Any]] = [json.loads(line) for line in said.splitlines()]
    some = [one for one in found if one["type"] == "finding" and one["what"] != "orphan"]
    return sorted((one["what"], one["object"], one["path"], one["repaired"]) for one in some)


def test_nothing_is_wrong(place: Place, one: Clone) -> None:
    assert fsck(one, "--content", "--all-commits") == []
    before = {key: (place.root / key).read_bytes() for key in place.keys("")}
    assert fsck(one, "--content", "--all-commits", "--repair") == []
    assert {key: (place.root / key).read_bytes() for key in place.keys("")} == before


def test_a_missing_and_a_truncated_pack(place: Place, one: Clone) -> None:
    gone, cut = place.pack_of(FILES["1/001"]), place.pack_of(LARGE[:1000])
    place.remote.delete([gone])
    place.remote.put(cut, (place.root / cut).read_bytes()[:-5000])
    found = [("missing", gone, "data", False), ("truncated", cut, "large", False)]
    assert fsck(one, code=1) == found
    said = one.vfs("fsck", "-r", "team", code=1)
    assert f"missing    {gone}  of data" in said
    assert f"truncated  {cut}  of large" in said
    assert fsck(one, "--repair") == [(*rest, True) for *rest, _ in found]
    assert fsck(one, "--content") == []
    place.whole(NEXT)
    place.whole({"": LARGE})


def test_altered_bytes_are_found_by_content(place: Place, one: Clone) -> None:
    pack = place.pack_of(FILES["1/001"])
    place.change(pack, FILES["1/001"])
    assert fsck(one) == []
    assert fsck(one, "--content", code=1) == [("altered", pack, "data", False)]
    assert fsck(one, "--content", "--all-commits", "--repair") == [("altered", pack, "data", True)]
    assert fsck(one, "--content", "--all-commits") == []
    place.whole(FILES)
    place.whole(NEXT)


def test_a_damaged_pack_that_nothing_names_is_not_counted_on(place: Place, one: Clone) -> None:
    other = encoded({"x": FILES["0/000"], "y": CHOOSER.randbytes(10_000)})
    orphan, _ = push(place.remote, other)
    pack = place.pack_of(other[b"y"])
    place.remote.delete([orphan.key])
    place.change(pack, other[b"y"])
    assert fsck(one, "--content", code=1) == [("altered", pack, "", False)]
    assert fsck(one, "--content", "--repair") == [("altered", pack, "", True)]
    assert len(place.keys(CONDEMNED)) == 1
    assert fsck(one, "--content") == []
    push(place.remote, other, expected=1 << 30)
    place.whole({name.decode(): data for name, data in other.items()})


def test_manifests(place: Place, one: Clone) -> None:
    """Gone, damaged, of other files, and one that names chunks that its packs do not have."""
    data, large = pointer_of(encoded(NEXT)), pointer_of({b"": LARGE})
    good = {key: (place.root / key).read_bytes() for key in place.keys(MANIFESTS)}
    place.remote.delete([data.key])
    place.remote.put(large.key, good[large.key][:-1])
    found = [("altered", large.key, "large", False), ("missing", data.key, "data", False)]
    assert fsck(one, code=1) == sorted(found)
    assert fsck(one, "--repair") == sorted((*rest, True) for *rest, _ in found)
    place.whole(NEXT)
    place.whole({"": LARGE})
    damaged = bytearray(good[data.key])
    damaged[-1] ^= 1
    place.remote.put(data.key, bytes(damaged))
    assert "one of its blocks is damaged" in one.vfs("fsck", "-r", "team", code=1)
    one.vfs("fsck", "-r", "team", "--repair")
    place.whole(NEXT)


def test_a_manifest_of_other_files_or_chunks(place: Place, one: Clone) -> None:
    pointer = pointer_of(encoded(NEXT))
    manifest = PackedRemote(place.remote).manifest(pointer)
    files = list(manifest.files())
    lies = {
        "lists the files of": [files[0]._replace(value=bytes(16)), *files[1:]],
        "names 1 chunks that are not in": [
            files[0]._replace(chunks=(files[0].chunks[0]._replace(id=bytes(32)),)),
            *files[1:],
        ],
    }
    for what, lie in lies.items():
        builder = ManifestBuilder(pointer.digest, is_tree=True, compressor=Compressor())
        builder.add(dump_block(lie), len(lie), sum(f.size for f in lie), lie[0].path)
        place.remote.put(pointer.key, builder.finish(manifest.root.packs))
        assert what in one.vfs("fsck", "-r", "team", code=1)
        one.vfs("fsck", "-r", "team", "--repair")
        assert fsck(one, "--content") == []
        place.whole(NEXT)


def test_what_nobody_has_stays_wrong_and_is_named(
    place: Place, handmade: HandmadeRepository
) -> None:
    two = handmade_clone(handmade, "two", cached=False)
    aside = handmade.remote.with_name("aside")
    shutil.copytree(handmade.remote, aside)
    handmade.lose_remote()
    pack = place.pack_of(FILES["1/001"])
    place.remote.delete([pack])
    said = two.vfs("fsck", "-r", "team", "--repair", code=1)
    assert f"missing    {pack}  of data: it is neither in the cache nor on any remote" in said
    shutil.copytree(aside, handmade.remote, dirs_exist_ok=True)  # DVC's remote has it again
    assert fsck(two, "--repair") == [("missing", pack, "data", True)]
    assert not two.cache.exists()
    place.whole(NEXT)


def test_the_chunk_cache_heals(place: Place, handmade: HandmadeRepository) -> None:
    """What a mount or `prefetch` has read."""
    two = handmade_clone(handmade, "two", cached=False)
    handmade.lose_remote()
    two.vfs("prefetch", "data")
    shutil.rmtree(two.cache, ignore_errors=True)
    pack = place.pack_of(FILES["1/001"])
    place.remote.delete([pack])
    assert fsck(two, "--repair") == [("missing", pack, "data", True)]
    place.whole(NEXT)


def test_a_condemned_object_that_is_damaged(place: Place, one: Clone) -> None:
    """It would end every push; what has another name there is somebody else's."""
    key = CONDEMNED + "1-0123456789abcdef"
    place.remote.put(key, b"?")
    place.remote.put(CONDEMNED + ".keep", b"")
    assert fsck(one, code=1) == [("altered", key, "", False)]
    assert fsck(one, "--repair") == [("altered", key, "", True)]
    assert place.keys(CONDEMNED) == [CONDEMNED + ".keep"]


def test_orphans_are_told_and_not_wrong(place: Place, one: Clone) -> None:
    pointer, _ = push(place.remote, {b"": b"stray"})
    pack = place.pack_of(b"stray")
    said = one.vfs("fsck", "-r", "team")
    assert f"orphan     {pointer.key}" in said
    place.remote.delete([pointer.key])
    assert f"orphan     {pack}" in one.vfs("fsck", "-r", "team")
