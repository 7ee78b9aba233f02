"""Digests of working files: from the table of fingerprints, or by reading, in parallel.

    with Contents(top, state) as contents:
        for content in contents.of(scanner.files(b"data"), cache=cache):
            ...   # content.digest; with `cache`, its object is there (`cache.sync()` is the caller's duty)

Rules:

* A file whose fingerprint is known is not opened; with a cache, only if its object is there and trusted.
* What is read is remembered, batch by batch, so that an interrupted verb has not worked in vain.
* Threads read. Where much is to be read, they let processes do it: one if it is a little of each batch, as many as pay if it is most.
* Results come in the order of the files. Memory: a few batches.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from types import TracebackType
from typing import Final, NamedTuple

from vfs.core.interrupting import carried
from vfs.errors import VfsError
from vfs.objects import ObjectCache
from vfs.objects.presence import trusted
from vfs.processes import Processes
from vfs.state.files import FileState, Known
from vfs.tracking.file import File
from vfs.tracking.reading import Read, read
from vfs.types import Algorithm, Digest

BATCH: Final = 1024  # files whose fingerprints are looked up at once
_MOST: Final = BATCH // 2
_MANY: Final = 128  # files that are worth the start of a process: threads and who looks at all others wait for each other
_TASK_FILES: Final = 64
_TASK_BYTES: Final = 4 << 20
_FEW: Final = 16  # files that are not worth handing over
_PROCESS_FILES: Final = 256
_PROCESS_BYTES: Final = (
    16 << 20
)  # so many files of more than this are large: threads do them as well
_AHEAD: Final = 12  # batches that are being read: while a process starts, others are looked at

Progress = Callable[[str, int, int | None], object]


class Content(NamedTuple):
    """A file and what it holds.

    Attributes:
        file: as it was read; its fingerprint is that of the content.
        digest: of its bytes.
        read: whether it was opened.
    """

    file: File
    digest: Digest
    read: bool


class Contents:
    """A pool of threads that reads files of one working tree."""

    def __init__(self, top: bytes, state: FileState, jobs: int | None = None) -> None:
        self._top = top.rstrip(b"/")
        self._state = state
        self._jobs = jobs or max(2, min(8, os.cpu_count() or 1))
        self._pool = ThreadPoolExecutor(self._jobs, thread_name_prefix="vfs-read")
        self._single = ThreadPoolExecutor(1, thread_name_prefix="vfs-hand-over")
        self._processes = Processes()
        self._unknown = 0  # files that were to be read so far
        self._new: list[Known] = []  # read and not remembered yet
        self._began = 0  # when the first of them was

    def __enter__(self) -> "Contents":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for pool in (self._pool, self._single):
            pool.shutdown(wait=True, cancel_futures=True)
        self._processes.close()

    def of(
        self,
        files: Iterable[File],
        algorithm: Algorithm = Algorithm.MD5,
        *,
        cache: ObjectCache | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Content]:
        """The content of each file, in their order.

        Args:
            files: as `Scanner.files` gives them.
            algorithm: MD5, or MD5_DOS2UNIX for an out in its old form.
            cache: put each content there; without it files are only hashed.
            progress: told ("read", bytes, None).

        Raises:
            DataUnavailable: a file cannot be read, or changes while it is.
            StoreFull, StoreError: the cache or the table cannot be written.
        """
        try:
            yield from self._in_batches(files, algorithm, cache, progress)
        finally:
            self._remember()

    def _in_batches(
        self,
        files: Iterable[File],
        algorithm: Algorithm,
        cache: ObjectCache | None,
        progress: Progress | None,
    ) -> Iterator[Content]:
        waiting: deque[_Batch] = deque()
        done = 0
        source = iter(files)
        while True:
            part = list(islice(source, BATCH)) if len(waiting) < _AHEAD else []
            if part:
                waiting.append(self._begin(part, algorithm, cache))
                if len(waiting) < _AHEAD:
                    continue
            if not waiting:
                return
            batch = waiting.popleft()
            for content in self._finish(batch):
                if content.read:
                    done += content.file.fingerprint.size
                yield content
            if progress is not None:
                progress("read", done, None)

    def _begin(
        self, files: list[File], algorithm: Algorithm, cache: ObjectCache | None
    ) -> "_Batch":
        """Look a batch up, and let threads read what is not known."""
        asked = [(file.path, file.fingerprint) for file in files]
        digests = self._state.digests(asked, algorithm)
        if cache is not None:
            digests = trusted(cache, digests, [file.fingerprint.size for file in files])
        began = time.time_ns()
        unknown = [file for file, digest in zip(files, digests, strict=True) if digest is None]
        self._unknown += len(unknown)
        reading = partial(read, self._top, algorithm, cache)
        work = carried(reading)
        if self._unknown < _MANY or len(unknown) < _TASK_FILES:
            tasks = [self._pool.submit(work, t) for t in _tasks(unknown, _TASK_FILES, _TASK_BYTES)]
        else:
            pool, most = self._single, _TASK_FILES
            if len(unknown) >= _MOST:
                pool, most = self._pool, _PROCESS_FILES
            hand_over = carried(partial(self._hand_over, reading, cache))
            portions = _tasks(unknown, most, _PROCESS_BYTES)
            tasks = [pool.submit(hand_over, portion) for portion in portions]
        return _Batch(files, digests, tasks, began)

    def _hand_over(
        self, work: Callable[[Sequence[File]], Read], cache: ObjectCache | None, files: list[File]
    ) -> Read:
        if len(files) < _FEW:
            return work(files)
        if cache is not None:
            cache.expect()
        return self._processes.call(work, files)

    def _finish(self, batch: "_Batch") -> list[Content]:
        """Wait for a batch and remember it; what was read is remembered also if some of it failed."""
        results: Read = []
        failure: VfsError | None = None
        unknown = [f for f, d in zip(batch.files, batch.digests, strict=True) if d is None]
        for task in batch.tasks:
            try:
                results += task.result()
            except VfsError as error:
                failure = error
                break
        self._new += [Known(f.path, found, d) for f, (d, found) in zip(unknown, results)]  # noqa: B905
        self._began = self._began or batch.began
        if failure is not None:
            raise failure
        if len(self._new) >= BATCH:
            self._remember()
        read, make = iter(results), tuple.__new__
        contents: list[Content] = []
        for file, digest in zip(batch.files, batch.digests, strict=True):
            if digest is not None:
                contents.append(make(Content, (file, digest, False)))
            else:
                new, found = next(read)
                contents.append(Content(file._replace(fingerprint=found), new, read=True))
        return contents

    def _remember(self) -> None:
        new, self._new = self._new, []
        began, self._began = self._began, 0
        self._state.remember(new, now=began)


class _Batch(NamedTuple):
    """Files that were looked up; `None` digests are being read by `tasks`, in order."""

    files: list[File]
    digests: list[Digest | None]
    tasks: list["Future[Read]"]
    began: int


def _tasks(files: Sequence[File], most: int, bytes_: int) -> Iterator[list[File]]:
    """Files in portions of so many, or of so many bytes."""
    portion: list[File] = []
    size = 0
    for file in files:
        portion.append(file)
        size += file.fingerprint.size
        if len(portion) >= most or size >= bytes_:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
