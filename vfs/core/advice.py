"""What would make reading a path faster: facts in, advice out; one function for each advice.

Rule: pure. An advice names what was observed, and the exact command where there is one. The order is that of `RULES`: what helps most comes first.
"""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from vfs.config.units import format_size

SMALL: Final = 256 * 1024
MANY: Final = 64
SLOW_SECONDS: Final = 0.05
"""A request that takes longer than this is slow."""

NEARER: Final = 3
"""A remote that answers in so much less of the time is nearer."""


class Advice(NamedTuple):
    """What would help.

    Attributes:
        code: stable kebab-case name.
        message: why, one sentence.
        command: what to do; "" if there is no command.
    """

    code: str
    message: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a path, and of the mount that it was read in.

    Attributes:
        arguments: that name the path to `vfs prefetch`, quoted for a shell.
        size, files: all of it.
        resident: bytes of it in the chunk store.
        local: bytes of it in plain files or Git objects of this machine, which the chunk store lacks.
        requests: that the rest takes.
        layout: `packed`, `plain` or "": of where the rest comes from first.
        nowhere: contents that no place has, as far as was asked.
        problem: why it cannot be served; `hint` what helps.
        broken: paths below a directory that cannot be served.
        verified: `yes`, `no`, `bad`.
        waits, stalled, asked_for, fetched: reads that waited so far, seconds of that, GETs, and bytes that came.
        read: bytes of the reads that came to the fetcher.
        limit, used: bytes that the chunk store may take, and takes.
        evicted: chunks that it gave up so far.
        storing: whether it takes anything just now.
        latency: seconds to an answer by remote, of those that the mount asked; `source` is the first that would be asked.
        refused: settings of the kernel that the mount was not allowed to raise.
        mounted: whether it is looked at through a mount.
    """

    arguments: str
    size: int = 0
    files: int = 1
    resident: int = 0
    local: int = 0
    requests: int = 0
    layout: str = ""
    nowhere: int = 0
    broken: int = 0
    problem: str = ""
    hint: str = ""
    verified: str = "no"
    waits: int = 0
    stalled: float = 0.0
    asked_for: int = 0
    fetched: int = 0
    read: int = 0
    limit: int = 0
    used: int = 0
    evicted: int = 0
    storing: bool = True
    source: str = ""
    latency: Mapping[str, float] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    mounted: bool = False

    @property
    def missing(self) -> int:
        """Bytes that a remote must give."""
        return max(0, self.size - self.resident - self.local)


Rule = Callable[[Facts], Advice | None]


def broken(facts: Facts) -> Advice | None:
    """It cannot be read at all."""
    if not facts.problem:
        return None
    return Advice("broken", f"it cannot be served: {facts.problem}", facts.hint or "vfs doctor")


def partly_broken(facts: Facts) -> Advice | None:
    """Some of a directory cannot be read at all."""
    if not facts.broken:
        return None
    said = f"{facts.broken} of its paths cannot be served"
    return Advice("partly-broken", said, "vfs doctor -v")


def bad(facts: Facts) -> Advice | None:
    """What places have is not what the digest names."""
    if facts.verified != "bad":
        return None
    said = "what was fetched of it is not what its digest names"
    return Advice("bad-content", said, "vfs fsck --content --repair")


def nowhere(facts: Facts) -> Advice | None:
    """No place has it."""
    if not facts.nowhere:
        return None
    said = f"no place has {facts.nowhere} of its contents: whoever has them must push them"
    return Advice("nowhere", said, "vfs push")


def not_storing(facts: Facts) -> Advice | None:
    """Nothing is kept of what comes."""
    if facts.storing or not facts.missing:
        return None
    said = "the chunk store takes nothing for the moment, so what is read twice is fetched twice"
    return Advice("store-off", said, "vfs doctor")


def evicted(facts: Facts) -> Advice | None:
    """It was here, and had to go."""
    if not facts.evicted or not facts.missing or facts.fetched <= facts.resident + facts.size // 10:
        return None
    if facts.limit and facts.size > facts.limit:
        return Advice("cache-too-small", "it is larger than the chunk store may be", _limit(facts))
    said = "it was fetched before and evicted: other data took its place in the chunk store"
    return Advice("evicted", said, f"vfs prefetch --pin NAME {facts.arguments}")


def cache_too_small(facts: Facts) -> Advice | None:
    """It cannot be kept."""
    if not facts.missing or not facts.limit or facts.size <= facts.limit or facts.evicted:
        return None
    return Advice("cache-too-small", "it is larger than the chunk store may be", _limit(facts))


def _limit(facts: Facts) -> str:
    gib = -(-facts.size * 5 // (4 << 30))
    return f"vfs cache limit {gib}GiB"


def not_here(facts: Facts) -> Advice | None:
    """It must come first."""
    if not facts.missing or facts.problem or facts.nowhere:
        return None
    times = "request" if facts.requests == 1 else "requests"
    said = f"{format_size(facts.missing)} must come from a remote, in {facts.requests} {times}"
    return Advice("not-here", said, f"vfs prefetch {facts.arguments}")


def many_small(facts: Facts) -> Advice | None:
    """A round trip for each small file."""
    average = facts.size // max(1, facts.files)
    if facts.layout != "plain" or facts.requests < MANY or average > SMALL:
        return None
    said = f"{facts.files} files of {format_size(average)} take a request each; a packed remote brings many with one"
    return Advice("small-files", said, "vfs remote add --packed NAME URL; vfs push -r NAME")


def jumping(facts: Facts) -> Advice | None:
    """Reads that jump, each of which waits."""
    if facts.files > 1 or facts.asked_for < MANY or not facts.missing or not facts.waits:
        return None
    if facts.read // facts.waits >= 1 << 20 or facts.waits * 2 < facts.asked_for:
        return None
    said = f"{facts.waits} reads of it waited for {facts.asked_for} small requests: they jump, so nothing is read ahead"
    return Advice("random-reads", said, f"vfs prefetch {facts.arguments}")


def slow_remote(facts: Facts) -> Advice | None:
    """Another remote answers sooner, or none does."""
    mine = facts.latency.get(facts.source)
    if mine is None or mine < SLOW_SECONDS or not facts.missing:
        return None
    best = min(facts.latency, key=lambda name: facts.latency[name])
    if facts.latency[best] * NEARER <= mine:
        said = f"{facts.source} answers in {mine * 1000:.0f} ms, {best} in {facts.latency[best] * 1000:.0f} ms"
        return Advice("nearer-remote", said, f"vfs remote default {shlex.quote(best)}")
    said = f"{facts.source} takes {mine * 1000:.0f} ms to answer; a copy nearer by, or a larger cache, would be faster"
    return Advice("slow-remote", said)


def read_ahead(facts: Facts) -> Advice | None:
    """The kernel's own limits."""
    if not any("read_ahead" in name for name in facts.refused):
        return None
    said = "the kernel reads ahead less than it could: raising that was refused"
    return Advice("kernel-read-ahead", said, "vfs doctor")


def nothing(facts: Facts) -> Advice | None:
    """There is nothing to gain."""
    if facts.missing or facts.problem or facts.broken or facts.verified == "bad":
        return None
    return Advice("here", "all of it is on this machine; reading it asks no remote")


RULES: Final[tuple[Rule, ...]] = (
    broken, partly_broken, bad, nowhere, not_storing, evicted, cache_too_small, not_here,
    many_small, jumping, slow_remote, read_ahead, nothing,
)  # fmt: skip


def advise(facts: Facts) -> list[Advice]:
    """All that would help."""
    return [advice for rule in RULES if (advice := rule(facts)) is not None]


def predicted_seconds(
    size: int, requests: int, rate: float | None, request_seconds: float | None, jobs: int
) -> float | None:
    """How long fetching will take, by what was measured; None if nothing was.

    Args:
        size: bytes to come.
        requests: that bring them.
        rate: bytes a second while something was fetched.
        request_seconds: that a request took.
        jobs: requests at once.
    """
    if not size:
        return 0.0
    by_rate = size / rate if rate else None
    by_requests = requests * request_seconds / max(1, jobs) if request_seconds else None
    known = [seconds for seconds in (by_rate, by_requests) if seconds is not None]
    return max(known) if known else None
