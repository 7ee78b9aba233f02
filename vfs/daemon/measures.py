"""What a mount measures, as samples of `vfs.metrics.table`; the one place that knows where each figure comes from.

Rule: figures of the event loop are taken on it, in some tenths of a millisecond; those that need a disk (the chunk store's index, `/proc`) in a thread.
So whoever asks, however often, never makes a request of the kernel wait for long.
"""

import os
import resource
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import trio

from vfs import __version__
from vfs import log as logs
from vfs.control.protocol import path_fields
from vfs.daemon.status import memory
from vfs.errors import StoreError
from vfs.fs.filesystem import FileSystem
from vfs.metrics.samples import Sample, Samples, encode, plain_label
from vfs.store import ChunkStore
from vfs.threads import Pool, run_in
from vfs.transfer import Fetcher
from vfs.workspace import Workspace

Progress = Callable[[dict[str, Any]], Awaitable[None]]
Handler = Callable[[dict[str, Any], Progress], Awaitable[dict[str, Any]]]

MOST_HOT = 100
"""Files told at once."""

_OPS = {"lookup": "lookups", "getattr": "getattrs", "readdir": "readdirs", "open": "opens", "read": "reads"}  # fmt: skip
_RANKS = ("demand", "read_ahead", "warm_up", "along")


class Measures:
    """All figures of one mount.

    Args of the constructor:
        filesystem, fetcher, store, workspace: what measures.
        transport: how the mount talks to the kernel.
        started: when it was made, seconds since the epoch.
        problems: how many paths cannot be served.
    """

    def __init__(
        self,
        filesystem: FileSystem,
        fetcher: Fetcher,
        store: ChunkStore,
        workspace: Workspace,
        *,
        transport: Callable[[], str],
        started: float,
        problems: Callable[[], int],
    ) -> None:
        self._filesystem = filesystem
        self._fetcher = fetcher
        self._store = store
        self._workspace = workspace
        self._transport = transport
        self._started = started
        self._problems = problems

    def verbs(self) -> dict[str, Handler]:
        """By the names under which they are asked."""

        async def metrics(args: dict[str, Any], progress: Progress) -> dict[str, Any]:
            return {"samples": encode(await self.taken())}

        async def top(args: dict[str, Any], progress: Progress) -> dict[str, Any]:
            return await self.top(int(args.get("files", 20)))

        return {"metrics": metrics, "top": top}

    async def taken(self) -> list[Sample]:
        """All samples of now."""
        samples = self.on_loop()
        await run_in(Pool.CONTROL, self.in_thread, samples)
        return samples.all()

    def taken_in_thread(self, token: trio.lowlevel.TrioToken) -> list[Sample]:
        """The same for a thread; raises trio.RunFinishedError when the mount has ended."""
        samples = trio.from_thread.run_sync(self.on_loop, trio_token=token)
        self.in_thread(samples)
        return samples.all()

    async def top(self, number: int) -> dict[str, Any]:
        """All samples, and the files that were read and waited for most, for `vfs top`."""
        seconds, hottest = self._filesystem.heat.hottest(min(number, MOST_HOT), time.monotonic())
        samples = await self.taken()
        paths = await self._filesystem.names.paths(hot.inode for hot in hottest)
        view = self._filesystem.directories.main
        hot = [
            {**path_fields(paths.get(one.inode, b"")), "bytes": one.size, "waited": one.waited}
            for one in hottest
        ]
        return {
            "rev": view.label,
            "commit": view.commit,
            "samples": encode(samples),
            "hot_seconds": seconds,
            "hot": hot,
        }

    def tick(self) -> None:
        """Forget what was hot; now and then."""
        self._filesystem.heat.tick(time.monotonic())

    def on_loop(self) -> Samples:
        """Figures that belong to the event loop."""
        samples = Samples()
        self._of_mount(samples)
        self._of_requests(samples, self._filesystem.counters.snapshot())
        self._of_fetching(samples)
        return samples

    def in_thread(self, samples: Samples) -> None:
        """Figures that may need a disk, or belong to nobody; in a thread."""
        self._of_remotes(samples)
        self._of_store(samples)
        _of_process(samples)

    def _of_mount(self, samples: Samples) -> None:
        filesystem, totals = self._filesystem, self._filesystem.directories.main.totals
        samples.add("vfs_build_info", 1, __version__, self._transport())
        samples.add("vfs_start_time_seconds", self._started)
        samples.add("vfs_switches_total", filesystem.counters.switches)
        samples.add("vfs_snapshot_files", totals.files)
        samples.add("vfs_snapshot_bytes", totals.size)
        samples.add("vfs_snapshot_problems", self._problems())
        samples.add("vfs_inodes", filesystem.inodes)

    def _of_requests(self, samples: Samples, counted: Mapping[str, int]) -> None:
        stalls = self._filesystem.stalls
        for op, name in _OPS.items():
            samples.add("vfs_requests_total", counted[name], op)
        samples.add("vfs_request_errors_total", counted["errors"])
        samples.add("vfs_read_bytes_total", counted["read_bytes"])
        samples.add("vfs_pushed_files_total", counted["pushed"])
        samples.add("vfs_pushed_bytes_total", counted["pushed_bytes"])
        at_once = counted["reads"] - counted["waited"]
        samples.add("vfs_cache_hits_total", at_once + stalls.served)
        samples.add("vfs_cache_misses_total", stalls.missed)
        samples.add("vfs_read_wait_seconds", stalls.lasted.distribution())
        samples.add("vfs_reader_stall_seconds_total", stalls.seconds(time.monotonic()))
        samples.add("vfs_readers_waiting", stalls.waiting)

    def _of_fetching(self, samples: Samples) -> None:
        now = self._fetcher.statistics()
        samples.add("vfs_fetch_requests_total", now.requests)
        samples.add("vfs_fetch_failures_total", now.failed_requests)
        samples.add("vfs_fetch_retries_total", now.retries)
        samples.add("vfs_fetch_timeouts_total", now.timeouts)
        samples.add("vfs_fetch_shortened_total", now.cut_off)
        for rank in _RANKS:
            samples.add("vfs_fetched_bytes_total", getattr(now, f"bytes_{rank}"), rank)
        samples.add("vfs_stored_bytes_total", now.bytes_stored)
        samples.add("vfs_unstored_bytes_total", now.bytes_unstored)
        samples.add("vfs_wrong_contents_total", now.mismatches + now.bad)
        samples.add("vfs_inflight_bytes", now.in_flight_bytes)
        samples.add("vfs_inflight_requests", now.in_flight_requests)
        samples.add("vfs_queued_requests", now.queued)
        samples.add("vfs_memory_cached_bytes", now.memory_cached)
        samples.add("vfs_budget_bytes", self._workspace.settings.memory_limit)

    def _of_remotes(self, samples: Samples) -> None:
        for name, asked in self._workspace.session.remote_statistics():
            remote = plain_label(name)
            samples.add("vfs_remote_requests_total", asked.requests, remote)
            samples.add("vfs_remote_hedges_total", asked.hedges, remote)
            samples.add("vfs_remote_hedges_won_total", asked.hedges_won, remote)
            samples.add("vfs_remote_received_bytes_total", asked.received, remote)
            samples.add("vfs_remote_wasted_bytes_total", asked.wasted, remote)
            samples.add("vfs_remote_sent_bytes_total", asked.sent, remote)
            samples.add("vfs_remote_pending_requests", asked.pending, remote)
            samples.add("vfs_remote_request_seconds", asked.answers, remote)
            for code, times in asked.errors.items():
                samples.add("vfs_remote_errors_total", times, remote, code)

    def _of_store(self, samples: Samples) -> None:
        try:
            now = self._store.statistics()
        except StoreError:  # told in the log by who needs it
            return
        samples.add("vfs_cache_bytes", now.bytes)
        samples.add("vfs_cache_limit_bytes", now.limit)
        samples.add("vfs_cache_chunks", now.chunks)
        samples.add("vfs_cache_evicted_chunks_total", now.evicted)
        samples.add("vfs_cache_corrupt_chunks_total", now.corrupt)
        samples.add("vfs_cache_writable", int(now.writable))
        samples.add("vfs_cache_suspended", int(now.suspended))


def _of_process(samples: Samples) -> None:
    if (resident := memory()) is not None:
        samples.add("vfs_resident_memory_bytes", resident)
    samples.add("vfs_cpu_seconds_total", time.process_time())
    samples.add("vfs_open_descriptors", len(os.listdir("/proc/self/fd")))
    samples.add("vfs_descriptors_limit", resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    samples.add("vfs_threads", threading.active_count())
    counted = logs.counted()
    for level in ("warning", "error"):
        samples.add("vfs_log_records_total", counted.get(level, 0), level)
