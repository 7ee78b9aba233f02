"""`attempt`: one GET of a job, in a worker thread."""

import copy
import logging

import trio

from vfs.errors import RemoteError, VfsError
from vfs.store import ChunkStore
from vfs.transfer.download import Announce, download
from vfs.transfer.source import Source
from vfs.transfer.state import Job

log = logging.getLogger("vfs.transfer")


async def attempt(
    job: Job, source: Source, store: ChunkStore, announce: Announce, threads: trio.CapacityLimiter
) -> VfsError | None:
    """Let a thread read what a job asks for; returns why it did not bring all of it."""
    job.asked = source.etag
    return await trio.to_thread.run_sync(
        _download,
        job,
        source,
        store,
        announce,
        abandon_on_cancel=True,
        limiter=threads,
    )


def _download(job: Job, source: Source, store: ChunkStore, announce: Announce) -> VfsError | None:
    try:
        download(job, source, store, announce)
    except VfsError as failure:
        return copy.copy(failure)  # it is kept; the frames it has passed hold drivers and bodies
    except Exception as failure:
        label = source.place.label
        log.exception("%s failed in an unforeseen way (this is a bug)", label)
        return RemoteError(f"{label}: {type(failure).__name__}")
    return None
