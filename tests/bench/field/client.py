"""The reading program of the bench: epochs, first bytes, stats; and all reads of libraries that are no mount.

Runs in any of the interpreters that a peer's library is installed in, so it needs the standard library only and imports nothing of ours at the
top. One job as JSON on standard input, the answer as JSON on standard output. Workers are processes; the clock starts when all are ready.
"""

import contextlib
import importlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

_PIECE = 8 << 20
_THREADS = 16
Job = dict[str, Any]


class Reader(Protocol):
    """Reads objects or files by name."""

    def whole(self, name: str) -> int: ...
    def part(self, name: str, start: int, length: int) -> int: ...


class Posix:
    """Files below a directory."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._buffer = bytearray(1 << 20)

    def whole(self, name: str) -> int:
        total = 0
        descriptor = os.open(f"{self._root}/{name}", os.O_RDONLY)
        try:
            while count := os.readv(descriptor, [self._buffer]):
                total += count
        finally:
            os.close(descriptor)
        return total

    def part(self, name: str, start: int, length: int) -> int:
        descriptor = os.open(f"{self._root}/{name}", os.O_RDONLY)
        try:
            return len(os.pread(descriptor, length, start))
        finally:
            os.close(descriptor)


class Obstore:
    """obstore: S3 by Rust's object_store."""

    def __init__(self, bucket: str, prefix: str, endpoint: str, key: str, secret: str) -> None:
        self._library = importlib.import_module("obstore")
        self._store = importlib.import_module("obstore.store").S3Store(
            bucket, prefix=prefix, endpoint=endpoint, access_key_id=key, secret_access_key=secret,
            region="us-east-1", virtual_hosted_style_request=False, client_options={"allow_http": True},
        )  # fmt: skip

    def whole(self, name: str) -> int:
        return len(self._library.get(self._store, name).bytes())

    def part(self, name: str, start: int, length: int) -> int:
        return len(self._library.get_range(self._store, name, start=start, length=length))


class Fsspec:
    """s3fs, fsspec's driver for S3."""

    def __init__(self, bucket: str, prefix: str, endpoint: str, key: str, secret: str) -> None:
        self._base = f"{bucket}/{prefix}"
        self._files = importlib.import_module("s3fs").S3FileSystem(
            key=key, secret=secret, endpoint_url=endpoint, skip_instance_cache=True
        )

    def whole(self, name: str) -> int:
        return len(self._files.cat_file(f"{self._base}/{name}"))

    def part(self, name: str, start: int, length: int) -> int:
        return len(self._files.cat_file(f"{self._base}/{name}", start=start, end=start + length))


class Dvc:
    """DVC's own file system for Python."""

    def __init__(self, repository: str) -> None:
        self._files = importlib.import_module("dvc.api").DVCFileSystem(repository)

    def whole(self, name: str) -> int:
        with self._files.open(name, "rb") as file:
            return len(file.read())

    def part(self, name: str, start: int, length: int) -> int:
        with self._files.open(name, "rb") as file:
            file.seek(start)
            return len(file.read(length))


READERS: dict[str, Callable[..., Reader]] = {
    "posix": Posix, "obstore": Obstore, "fsspec": Fsspec, "dvc": Dvc,
}  # fmt: skip


def _reader(job: Job) -> Reader:
    return READERS[job["reader"]](**job["options"])


def sequential(job: Job) -> Job:
    """A whole object, by parallel ranges if `parallel`."""
    reader, size = _reader(job), job["size"]
    began = time.perf_counter()
    if job["parallel"]:
        with ThreadPoolExecutor(_THREADS) as pool:
            parts = [pool.submit(reader.part, job["name"], at, min(_PIECE, size - at)) for at in range(0, size, _PIECE)]  # fmt: skip
            total = sum(part.result() for part in parts)
    else:
        total = reader.whole(job["name"])
    return {"seconds": time.perf_counter() - began, "bytes": total, "count": 1}


def at_random(job: Job) -> Job:
    """Blocks at random offsets until the time is over."""
    reader, block = _reader(job), job["block"]
    made = random.Random(3)
    count = total = 0
    began = now = time.perf_counter()
    while now < began + job["seconds"]:
        start = made.randrange(job["size"] // block) * block
        total += reader.part(job["name"], start, block)
        count += 1
        now = time.perf_counter()
    return {"seconds": now - began, "bytes": total, "count": count}


def first(job: Job) -> Job:
    """Milliseconds to the first byte of each file, one after the other."""
    reader = _reader(job)
    delays = []
    for name in job["names"]:
        began = time.perf_counter()
        if reader.part(name, 0, 1) != 1:
            raise OSError(f"no byte in {name}")
        delays.append((time.perf_counter() - began) * 1000)
    return {"delays": delays}


def forget(job: Job) -> Job:
    """Make the kernel forget the pages of files."""
    for name in job["names"]:
        descriptor = os.open(f"{job['options']['root']}/{name}", os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)
    return {}


def stats(job: Job) -> Job:
    """`stat` of each file below a directory."""
    root = job["options"]["root"]
    began = time.perf_counter()
    for name in job["names"]:
        os.stat(f"{root}/{name}")
    return {"seconds": time.perf_counter() - began, "bytes": 0, "count": len(job["names"])}


def listing(job: Job) -> Job:
    """`ls -lR` of a directory; counts its lines that describe an entry."""
    argv = ["ls", "-lR", f"{job['options']['root']}/{job['names'][0]}"]
    began = time.perf_counter()
    done = subprocess.run(argv, stdout=subprocess.PIPE, check=True, env={"LC_ALL": "C"})
    took = time.perf_counter() - began
    count = sum(line[:1] in (b"-", b"d", b"l") for line in done.stdout.splitlines())
    return {"seconds": took, "bytes": len(done.stdout), "count": count}


def epoch(job: Job) -> Job:
    """Every file once, by several workers that take turns; cut short after `seconds`."""
    with _hinted(job):
        return _epoch(job)


def _epoch(job: Job) -> Job:
    workers = job["workers"]
    started, go = os.pipe()
    answers = []
    for number in range(workers):
        ours, theirs = os.pipe()
        if os.fork() == 0:
            code = 1
            try:
                os.close(go)
                os.close(ours)
                _work(job, job["names"][number::workers], started, theirs)
                code = 0
            finally:
                os._exit(code)
        os.close(theirs)
        answers.append(ours)
    os.close(started)
    for answer in answers:
        if os.read(answer, 1) != b"r":
            raise OSError("a worker failed before it began")
    began = time.perf_counter()
    os.close(go)
    texts = [_rest(answer) for answer in answers]
    took = time.perf_counter() - began
    if not all(texts):
        raise OSError("a worker failed while it read")
    done = [json.loads(text) for text in texts]
    return {"seconds": took, "bytes": sum(d[1] for d in done), "count": sum(d[0] for d in done)}


def _work(job: Job, names: list[str], started: int, answer: int) -> None:
    reader = _reader(job)
    os.write(answer, b"r")
    os.read(started, 1)  # until the other side is closed
    until = time.monotonic() + job["seconds"]
    count = total = 0
    for name in names:
        total += reader.whole(name)
        count += 1
        if time.monotonic() > until:
            break
    os.write(answer, json.dumps([count, total]).encode())


def _rest(answer: int) -> bytes:
    with open(answer, "rb") as file:
        return file.read()


@contextlib.contextmanager
def _hinted(job: Job) -> Iterator[None]:
    """Tell the mount the order of the names before they are read, if the job says so."""
    if not job.get("hinted"):
        yield
        return
    prefetcher = importlib.import_module("vfs.hints").Prefetcher
    with prefetcher(job["options"]["root"], job["names"]):
        yield


JOBS = {
    "sequential": sequential, "random": at_random, "first": first, "stats": stats,
    "listing": listing, "forget": forget, "epoch": epoch,
}  # fmt: skip


def main() -> None:
    """Do one job."""
    job = json.load(sys.stdin)
    print(json.dumps(JOBS[job["job"]](job)))


if __name__ == "__main__":
    main()
