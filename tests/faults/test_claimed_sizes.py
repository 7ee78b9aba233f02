"""A stranger's pointers and server may claim any size: that costs its own path, not the daemon, nor memory."""

import errno
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import MountFactory
from vfs.testing.sandbox import Sandbox
from vfs.types import BLOCK_SIZE

pytestmark = pytest.mark.fuse

LARGEST = BLOCK_SIZE << 32


class Liar(BaseHTTPRequestHandler):
    """Every object has the size that its name begins with, and any bytes that anybody wants."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def size(self) -> int:
        *_, first, rest = self.path.split("/")
        return int((first + rest)[:16], 16)

    def do_HEAD(self) -> None:
        self.answer(200, self.size())

    def do_GET(self) -> None:
        if "Range" not in self.headers:  # HEAD gave a size that no server can mean
            self.answer(404, 0)
            return
        first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        length = last - first + 1
        self.answer(206, length, f"bytes {first}-{last}/{self.size()}")
        self.wfile.write(bytes(length))

    def answer(self, status: int, length: int, part: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", '"v1"')
        if part:
            self.send_header("Content-Range", part)
        self.end_headers()


@pytest.fixture
def liar() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def out(path: str, size: int, *, said: bool = True) -> bytes:
    text = f"outs:\n- md5: {size:016x}{path:0>16}\n  hash: md5\n  path: '{path}'\n"
    return (text + (f"  size: {size}\n" if said else "")).encode()


def test_only_what_claims_too_much_is_not_served(
    sandbox: Sandbox, mounts: MountFactory, liar: str
) -> None:
    mounts.allow("WARNING")
    repo = HandmadeRepository(sandbox, sandbox.root / "evil", remote_url=liar)
    oid = f"{1 << 62:x}"
    lfs = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid:0>64}\nsize {1 << 62}\n"
    blobs = {
        "01.dvc": out("01", LARGEST),
        "02.dvc": out("02", LARGEST + 1),
        "03.dvc": out("03", 1 << 60),
        "04.dvc": out("04", (1 << 63) - 1),
        "05.dvc": out("05", 1 << 60, said=False),
        "06.dvc": out("06", (1 << 64) - 1, said=False),
        "lfs": lfs.encode(),
        ".gitattributes": b"lfs filter=lfs\n",
        "good": b"good",
        ".dvc/config": repo.config(),
    }
    repo.commit_raw(blobs, tag="v1")
    mount = mounts(repo.root, "v1")
    with (mount.path / "01").open("rb", buffering=0) as file:
        assert os.fstat(file.fileno()).st_size == LARGEST
        for offset in (0, LARGEST // 2, LARGEST - 4096):
            assert os.pread(file.fileno(), 8192, offset) == bytes(min(8192, LARGEST - offset))
    for path in ("02", "03", "04", "05", "06", "lfs"):
        with pytest.raises(OSError, match=rf"\[Errno {errno.EIO}\]"):
            (mount.path / path).open("rb")
    assert (mount.path / "good").read_bytes() == b"good"
    failed = mount.cli("cat", "--rev", "v1", "--repo", repo.root, ":/03", check=False)
    assert failed.returncode != 0
    assert "vfs serves files of up to 1 PiB" in failed.stderr.decode()
    assert json.loads(mount.cli("status", "--json", mount.path).stdout.splitlines()[0])


def test_a_look_into_large_files_costs_little(
    handmade: HandmadeRepository, mounts: MountFactory
) -> None:
    size, pointers = 1 << 40, {}
    for number in range(12):
        digest = hashlib.md5(b"%d" % number).hexdigest()
        handmade.put_sparse(digest, size)
        pointers[f"{number}.dvc"] = (
            f"outs:\n- md5: '{digest}'\n  size: {size}\n  hash: md5\n  path: '{number}'\n".encode()
        )
    handmade.commit(plain=pointers, tag="v1")
    mount = mounts(handmade.root, "v1")
    before = mount.daemon().memory_info().rss
    for number in range(12):
        with (mount.path / str(number)).open("rb", buffering=0) as file:
            assert os.pread(file.fileno(), 4096, 0) == bytes(4096)
    assert mount.daemon().memory_info().rss - before < 50 << 20
