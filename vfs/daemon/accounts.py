"""What a mount did and what that cost: since it was made, in periods (epochs, runs), of a directory, of a content.

Rules: on the loop, but names are looked up in a worker thread. What is kept of a period that ended is its report; of those that go on a
picture of the sums when it began (`docs/explaining.md`).
"""

import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

from vfs.control.protocol import path_fields, path_of
from vfs.core.costs import UNKNOWN, Cost
from vfs.core.periods import Picture, cost_fields, report
from vfs.errors import UnknownPath, VfsError
from vfs.fs.directories import Listing, find_directory, join
from vfs.fs.filesystem import FileSystem
from vfs.fs.names import names_in, place_of
from vfs.remotes.statistics import RemoteStatistics
from vfs.threads import Pool, run_in
from vfs.transfer import Fetcher
from vfs.transfer.accounting import Spell
from vfs.types import Algorithm, Blob, Digest

Progress = Callable[[dict[str, Any]], Awaitable[None]]
Handler = Callable[[dict[str, Any], Progress], Awaitable[dict[str, Any]]]

MOST_FINISHED: Final = 64
MOST_OPEN: Final = 64
"""Periods of runs that go on; the oldest goes when there are more."""

FIRST: Final = "since the mount"
"""The name of the period before the first mark."""


class Period(NamedTuple):
    """One that goes on."""

    name: str
    began: float
    at_first: Picture
    spell: Spell


class Accounts:
    """See the module."""

    def __init__(
        self,
        filesystem: FileSystem,
        fetcher: Fetcher,
        remotes: Callable[[], Mapping[str, RemoteStatistics]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._fs = filesystem
        self._fetcher = fetcher
        self._accounting = fetcher.accounting
        self._remotes = remotes
        self._clock = clock
        self._accounting.costs.place_of = self._place
        self._finished: deque[dict[str, Any]] = deque(maxlen=MOST_FINISHED)
        self._runs: OrderedDict[str, Period] = OrderedDict()
        self._now = self._begin(FIRST)

    # -- verbs ---------------------------------------------------------------------------------------

    def verbs(self) -> dict[str, Handler]:
        """By the names under which they are asked."""
        return {"report": self.report, "run": self.run, "cost": self.cost}

    async def report(self, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """The periods so far, the one that goes on last. With `mark`, that one ends, and one of that name begins."""
        ending, name = self._now, args.get("mark")
        if name is None:
            return {"periods": [*self._finished, await self._told(ending)]}
        self._accounting.spells.discard(ending.spell)
        self._now = self._begin(str(name))
        told = await self._told(ending, self._now.at_first)
        if args.get("start"):  # what was before is of no interest
            self._finished.clear()
        else:
            self._finished.append(told)
        return {"periods": [*self._finished]}

    async def run(self, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """A run (`open`: its name) begins, or ends (`close`): its report."""
        if (name := args.get("open")) is not None:
            self._runs[str(name)] = self._begin(str(name))
            while len(self._runs) > MOST_OPEN:
                self._accounting.spells.discard(self._runs.popitem(last=False)[1].spell)
            return {}
        period = self._runs.pop(str(args.get("close")), None)
        if period is None:
            raise UnknownPath("no run of that name is counted here")
        self._accounting.spells.discard(period.spell)
        return await self._told(period)

    async def cost(self, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """What a content (`digest`: algorithm and hex, `size`) or what is below a directory (`path`) cost so far."""
        costs = self._accounting.costs
        if "digest" in args:
            algorithm, _, value = str(args["digest"]).partition(":")
            digest = Digest(_ALGORITHMS[algorithm], bytes.fromhex(value))
            return cost_fields(costs.known(self._fetcher.own(Blob(digest, int(args["size"])))))
        top, total = path_of(args), Cost()
        for path, cost in costs.directories().items():
            if path != UNKNOWN and (not top or path == top or path.startswith(top + b"/")):
                total.add(cost)
        return cost_fields(total)

    # -- periods -------------------------------------------------------------------------------------

    def _begin(self, name: str) -> Period:
        period = Period(name, self._clock(), self._picture(), Spell())
        self._accounting.spells.add(period.spell)
        return period

    def _picture(self) -> Picture:
        accounting = self._accounting
        return Picture(
            {**self._fs.counters.snapshot(), **accounting.numbers()},
            dict(self._fetcher.statistics().places),
            {
                name: {
                    "requests": one.requests,
                    "received": one.received,
                    "errors": sum(one.errors.values()),
                }
                for name, one in self._remotes().items()
            },
            accounting.waits.lasted.copy(),
            accounting.costs.directories(),
            accounting.costs.files(),
        )

    async def _told(self, period: Period, at_last: Picture | None = None) -> dict[str, Any]:
        ended, view = self._clock(), self._fs.directories.main
        done = (at_last or self._picture()).since(period.at_first)
        latency = {name: one.latency[50] for name, one in self._remotes().items() if one.requests}
        shown = {"rev": view.label, "commit": view.commit, "latency": latency}
        paths = await self._paths(done.dearest())
        said = report(
            done,
            name=period.name,
            began=period.began,
            ended=ended,
            first=period.spell.first,
            longest=period.spell.longest,
            paths=paths,
            fields=path_fields,
        )
        return {**said, **shown}

    # -- names ---------------------------------------------------------------------------------------

    def _place(self, blob: Blob) -> bytes | None:
        """The directory in which the kernel looked a content up last."""
        for inode in self._fs.files.showing(blob):
            file = self._fs.files.get(inode)
            node = self._fs.directories.get(file.directory if file is not None else 0)
            if node is None:
                continue
            return place_of(node, self._fs.directories.main)
        return None

    async def _paths(self, wanted: Iterable[Blob]) -> dict[Blob, bytes]:
        """The paths of contents, as far as the directories that they were looked up in still have them."""
        root = self._fs.directories.main.root
        by_place: dict[bytes, set[Blob]] = {}
        for blob in wanted:
            by_place.setdefault(self._accounting.costs.directory(blob), set()).add(blob)
        by_place.pop(UNKNOWN, None)
        return await run_in(Pool.CONTROL, _named, root, by_place)


_ALGORITHMS: Final = {a.name.lower().replace("_", "-"): a for a in Algorithm}


def _named(root: Listing, wanted: Mapping[bytes, set[Blob]]) -> dict[Blob, bytes]:
    found: dict[Blob, bytes] = {}
    for place, blobs in wanted.items():
        listing = None
        with suppress(VfsError):
            listing = find_directory(root, place)
        names = names_in(listing, {blob.digest for blob in blobs}) if listing is not None else {}
        found |= {blob: join(place, names[blob.digest]) for blob in blobs if blob.digest in names}
    return found
