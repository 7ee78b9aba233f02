"""Every way to read a file gives the same bytes."""

import mmap
import os
import random
import shutil
import socket
import threading
from pathlib import Path

import pytest

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory

pytestmark = pytest.mark.fuse

BLOCK = 256 << 10
BIG = random.Random(7).randbytes(5 * BLOCK + 1_234)
TERABYTE = 1 << 40
SPARSE = "00000000000000000000000000001234"


@pytest.fixture(scope="module")
def mount(module_handmade: HandmadeRepository, module_mounts: MountFactory) -> Mount:
    module_handmade.put_sparse(SPARSE, TERABYTE)
    sparse = f"outs:\n- md5: '{SPARSE}'\n  size: {TERABYTE}\n  hash: md5\n  path: sparse.bin\n"
    module_handmade.commit(
        plain={
            "git.bin": BIG,
            "empty": b"",
            "l:link": b"big.bin",
            "sparse.bin.dvc": sparse.encode(),
        },
        files={"big.bin": BIG, "empty.bin": b""},
        directories={"data": {"one-block": BIG[:BLOCK], "one-more": BIG[: BLOCK + 1], "0": b""}},
    )
    return module_mounts(module_handmade.root)


@pytest.fixture(params=["big.bin", "git.bin", "link"])
def big(request: pytest.FixtureRequest, mount: Mount) -> Path:
    return mount.path / str(request.param)


def test_whole(big: Path) -> None:
    assert big.read_bytes() == BIG


@pytest.mark.parametrize(
    "name", ["data/one-block", "data/one-more", "data/0", "empty", "empty.bin"]
)
def test_sizes_around_a_block(mount: Mount, name: str) -> None:
    size = {"data/one-block": BLOCK, "data/one-more": BLOCK + 1}.get(name, 0)
    assert (mount.path / name).read_bytes() == BIG[:size]


def test_random_slices(big: Path) -> None:
    chooser = random.Random(11)
    with big.open("rb", buffering=0) as file:
        for _ in range(300):
            offset = chooser.randrange(len(BIG) + 10)
            length = chooser.choice((1, 17, 4096, 70_000, BLOCK, 2 * BLOCK + 3))
            assert os.pread(file.fileno(), length, offset) == BIG[offset : offset + length]


def test_at_and_after_the_end(big: Path) -> None:
    with big.open("rb", buffering=0) as file:
        assert os.pread(file.fileno(), 10, len(BIG)) == b""
        assert os.pread(file.fileno(), 10, len(BIG) + BLOCK) == b""
        assert os.pread(file.fileno(), 10, len(BIG) - 3) == BIG[-3:]


@pytest.mark.parametrize("flags", [mmap.MAP_SHARED, mmap.MAP_PRIVATE])
def test_mmap(big: Path, flags: int) -> None:
    with big.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, flags=flags, prot=mmap.PROT_READ)
    assert mapped[BLOCK - 5 : BLOCK + 5] == BIG[BLOCK - 5 : BLOCK + 5]
    assert mapped[:] == BIG
    mapped.close()


def test_private_mapping_may_be_written(big: Path) -> None:
    with big.open("rb") as file:
        mapped = mmap.mmap(
            file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE
        )
    mapped[:4] = b"mine"
    assert mapped[:8] == b"mine" + BIG[4:8]
    mapped.close()
    assert big.read_bytes()[:8] == BIG[:8]


def test_sendfile(big: Path) -> None:
    left, right = socket.socketpair()
    received = bytearray()

    def receive() -> None:
        while piece := right.recv(1 << 20):
            received.extend(piece)

    reader = threading.Thread(target=receive)
    reader.start()
    with left, big.open("rb") as file:
        sent = 0
        while sent < len(BIG):
            sent += os.sendfile(left.fileno(), file.fileno(), sent, len(BIG) - sent)
    reader.join(30)
    right.close()
    assert received == BIG


def test_copy(big: Path, tmp_path: Path) -> None:
    shutil.copyfile(big, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == BIG


def test_direct_io(big: Path) -> None:
    """Aligned and unaligned offsets and lengths; buffers are page-aligned by mmap."""
    descriptor = os.open(big, os.O_RDONLY | os.O_DIRECT)
    try:
        for offset, length in ((0, 4096), (BLOCK, BLOCK), (4096 * 3, 8192), (512, 512), (3, 1000)):
            buffer = mmap.mmap(-1, length)
            count = os.preadv(descriptor, [buffer], offset)
            assert buffer[:count] == BIG[offset : offset + length]
            buffer.close()
    finally:
        os.close(descriptor)


def test_sequential_with_seeks(big: Path) -> None:
    with big.open("rb", buffering=8192) as file:
        file.seek(-1000, os.SEEK_END)
        assert file.read() == BIG[-1000:]
        file.seek(0)
        assert file.read(3 * BLOCK) == BIG[: 3 * BLOCK]


def test_many_readers_at_once(mount: Mount) -> None:
    wrong: list[int] = []

    def read(seed: int) -> None:
        chooser = random.Random(seed)
        for name in ("big.bin", "git.bin"):
            with (mount.path / name).open("rb", buffering=0) as file:
                for _ in range(60):
                    offset, length = chooser.randrange(len(BIG)), chooser.randrange(1, 200_000)
                    if os.pread(file.fileno(), length, offset) != BIG[offset : offset + length]:
                        wrong.append(seed)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert wrong == []


@pytest.mark.parametrize(
    "offset", [0, 1, BLOCK - 2, (1 << 31) - 2, (1 << 32) - 2, TERABYTE // 2 + 5, TERABYTE - 100]
)
def test_slices_of_a_terabyte(mount: Mount, offset: int) -> None:
    path = mount.path / "sparse.bin"
    assert path.stat().st_size == TERABYTE
    with path.open("rb", buffering=0) as file:
        assert os.pread(file.fileno(), 100, offset) == bytes(100)


def test_end_of_a_terabyte(mount: Mount) -> None:
    with (mount.path / "sparse.bin").open("rb", buffering=0) as file:
        assert os.pread(file.fileno(), 100, TERABYTE - 7) == bytes(7)
        assert os.pread(file.fileno(), 100, TERABYTE) == b""


def test_seek_data_and_hole(mount: Mount) -> None:
    """A file without known holes is data from start to end."""
    with (mount.path / "big.bin").open("rb") as file:
        assert os.lseek(file.fileno(), 10, os.SEEK_DATA) == 10
        assert os.lseek(file.fileno(), 10, os.SEEK_HOLE) == len(BIG)
