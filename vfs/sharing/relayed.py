"""Many small objects between the cache and a remote that is a directory of this machine: by processes."""

from collections.abc import Callable, Sequence

from vfs.objects import ObjectCache
from vfs.objects.relay import relay
from vfs.processes import Processes
from vfs.tracking.parallel import MANY, in_processes
from vfs.types import Digest


def relay_many(
    source: ObjectCache,
    target: ObjectCache,
    digests: Sequence[Digest],
    sizes: list[int],
    tick: Callable[[], object],
) -> set[Digest]:
    """Put what is small and right; what was put.

    Args:
        source: what has them.
        target: what gets them; `target.sync` brings them to the disk.
        digests: of files; nothing is done for a few.
        sizes: gets the size (bytes) of each that was put.
        tick: called ten times a second.

    Raises:
        StoreFull, StoreError: the target's directory cannot be made.
    """
    put: set[Digest] = set()
    if len(digests) < MANY:
        return put
    target.expect()

    def portion(by: Processes, some: Sequence[Digest]) -> None:
        came = by.call(relay, source, target, some)
        put.update(came)
        sizes.extend(came.values())

    in_processes(digests, portion, tick)
    return put
