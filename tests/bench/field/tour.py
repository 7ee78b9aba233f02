"""One run: peers in turns, round by round, at each latency; what fails is noted and the tour goes on."""

import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench.field import stores
from tests.bench.field.course import Course
from tests.bench.field.data import Size
from tests.bench.field.found import Found
from tests.bench.field.peers.base import Peer
from tests.bench.field.place import Place, Unavailable
from tests.bench.field.proxy import Proxy
from tests.bench.field.rows import Run, parts
from tests.bench.field.took import NoAnswer
from tests.bench.harness import drop_caches, drop_names
from vfs.testing.lfs_server import LfsServer, start_giftless
from vfs.testing.s3_servers import S3Server, ServerFailed
from vfs.testing.sandbox import Sandbox


@dataclass(frozen=True)
class Plan:
    """What a run measures.

    Attributes:
        wanted: keys of metrics.
        cool, cool_names: make the kernel forget what it has cached.
        mock: whether MiniStack serves instead of Ceph.
    """

    peers: Sequence[Peer]
    latencies: Sequence[int]
    rounds: int
    size: Size
    wanted: set[str]
    mock: bool = False
    cool: Callable[[], None] = drop_caches
    cool_names: Callable[[], None] = drop_names


@dataclass
class Ground:
    """Servers and data of a run."""

    sandbox: Sandbox
    proxy: Proxy
    server: S3Server
    repository: Path
    buckets: dict[str, str]
    lfs: bool


def run(plan: Plan, found: Found) -> None:
    """Measure everything; `found` has what there is, also when this is interrupted."""
    with ground(plan) as here:
        places = dict(prepared(plan, here, found))
        for number in range(plan.rounds):
            for latency in plan.latencies:
                for peer, place in places.items():
                    if latency == 0 or peer.remote:
                        say(f"round {number + 1} of {plan.rounds}, {latency} ms: {peer.name}")
                        course = Course(
                            peer,
                            _at(here, place, latency),
                            here.proxy,
                            100 * number + 7,
                            plan.wanted,
                            plan.cool,
                            plan.cool_names,
                        )
                        measure(course, latency, found)


@contextmanager
def ground(plan: Plan) -> Iterator[Ground]:
    """Start the servers, make the data, take everything down."""
    with ExitStack() as stack:
        sandbox = Sandbox.temporary()
        stack.callback(sandbox.close)
        server = stack.enter_context(stores.server(sandbox.root, plan.size, mock=plan.mock))
        upstreams = {"s3": server.port}
        lfs = _start_lfs(plan, sandbox, stack)
        if lfs is not None:
            upstreams["lfs"] = lfs.port
        (sandbox.root / "proxy").mkdir()
        proxy = Proxy(sandbox.root / "proxy", upstreams, sorted({0, *plan.latencies}))
        stack.callback(proxy.stop)
        if lfs is not None:
            _trust(
                sandbox, lfs, [proxy.endpoint("lfs", latency) for latency in {0, *plan.latencies}]
            )
        say("making the data")
        repository = stores.make_repository(sandbox, plan.size)
        buckets = stores.fill(sandbox, repository, server, plan.size)
        yield Ground(sandbox, proxy, server, repository, buckets, lfs is not None)


def prepared(plan: Plan, here: Ground, found: Found) -> Iterator[tuple[Peer, Place]]:
    """The peers that can be had, and where each works."""
    for number, peer in enumerate(plan.peers):
        directory = here.sandbox.root / f"p{number}"
        directory.mkdir()
        place = _at(
            here, Place(here.sandbox, directory, here.repository, plan.size, here.buckets), 0
        )
        try:
            version = peer.version()
            say(f"preparing {peer.name}: {version}")
            peer.prepare(place)
        except (Unavailable, NoAnswer, AssertionError, OSError) as error:
            say(f"{peer.name} cannot be had: {error}")
            found.peers.append(peer.info(absent=brief(error)))
        else:
            found.peers.append(peer.info(version))
            yield peer, place


def measure(course: Course, latency: int, found: Found) -> None:
    """All parts of one peer."""
    for metrics, part in parts():
        if course.wants(*metrics):
            _measure(course, latency, found, metrics, part)


def _measure(course: Course, latency: int, found: Found, metrics: Sequence[str], part: Run) -> None:
    name, began, why = course.peer.name, time.perf_counter(), ""
    given: set[str] = set()
    try:
        for metric, value in part(course):
            given.add(metric)
            if metric in course.wanted:
                found.add(name, latency, metric, value)
    except Exception as error:  # noqa: BLE001 - one that fails must not hide the others
        if not isinstance(error, NoAnswer | AssertionError | OSError):
            traceback.print_exc()
        why = brief(error) if isinstance(error, NoAnswer) else f"failed: {brief(error)}"
        for metric in course.wanted.intersection(metrics) - given:
            found.lacks(name, latency, metric, why)
    say(f"  {metrics[0]}: {time.perf_counter() - began:.1f} s{why and ', '}{why}")


def brief(error: BaseException) -> str:
    """An error in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:140]} … {text[-140:]}"


def say(line: str) -> None:
    """Progress."""
    print(line, file=sys.stderr, flush=True)


def _at(here: Ground, place: Place, latency: int) -> Place:
    lfs = f"{here.proxy.endpoint('lfs', latency)}/org/field.git/info/lfs" if here.lfs else ""
    return replace(place, s3=here.proxy.endpoint("s3", latency), lfs=lfs)


def _start_lfs(plan: Plan, sandbox: Sandbox, stack: ExitStack) -> LfsServer | None:
    """A Git LFS server, if a peer wants one and it can be had."""
    if not any(peer.reads == "LFS objects" for peer in plan.peers):
        return None
    directory = sandbox.root / "giftless"
    directory.mkdir()
    try:
        server = start_giftless(directory)
    except ServerFailed as error:
        say(f"no LFS server: {error}")
        return None
    stack.callback(server.stop)
    return server


def _trust(sandbox: Sandbox, server: LfsServer, endpoints: list[str]) -> None:
    """Give Git the server's token for the proxy's addresses."""
    known = server.credentials.read_text().strip()
    user = known.removeprefix("http://").rpartition("@")[0]
    lines = [known, *(url.replace("http://", f"http://{user}@") for url in endpoints)]
    server.credentials.write_text("\n".join(lines) + "\n")
    sandbox.git(sandbox.root, "config", "--global", "credential.helper", server.helper)
