"""Contents as they come from places and remotes, on their way into a cache, a file, or nowhere."""

from collections.abc import Callable, Sequence

from vfs.errors import ContentMismatch, ObjectMissing, VfsError
from vfs.formats.hashing import hasher_for, new_hasher
from vfs.objects import ObjectCache
from vfs.tracking.parallel import Failed
from vfs.transfer import Body, Place
from vfs.types import Algorithm, Blob, Digest

_PIECE = 1 << 20

Fill = Callable[[memoryview], int]


def stored(fill: Fill, cache: ObjectCache | None) -> tuple[Digest, int]:
    """MD5 and size of a content, which is in the cache afterwards if there is one. Raises as `ObjectCache.take`."""
    if cache is not None:
        return cache.take(fill)
    hasher, size = new_hasher(Algorithm.MD5), 0
    view = memoryview(bytearray(_PIECE))
    while count := fill(view):
        hasher.update(view[:count])
        size += count
    return Digest(Algorithm.MD5, hasher.digest()), size


def verified(body: Body, blob: Blob) -> Fill:
    """The bytes of a body; their end raises ContentMismatch if they are not those of the blob."""
    if blob.digest.algorithm is Algorithm.PLACE:
        return body.readinto  # the place is all that pins it
    hasher = hasher_for(blob.digest, blob.size)

    def fill(view: memoryview) -> int:
        count = body.readinto(view)
        hasher.update(view[:count])
        if not count and not hasher.matches(blob.digest.value):
            raise ContentMismatch(f"what came for {blob.digest} is something else")
        return count

    return fill


def from_places(places: Sequence[Place], blob: Blob, use: Callable[[Body], int]) -> int:
    """Let `use` read a content from the first place that has it right; what `use` returned.

    Raises:
        VfsError: as the last place told.
    """
    failure: VfsError = ObjectMissing(f"no place has {blob.digest}")
    for place in places:
        try:
            with place.get(0, blob.size) as body:
                return use(body)
        except VfsError as error:
            failure = error
    raise failure


def check(failed: Sequence[Failed[bytes]], where: str) -> None:
    """Raise the first error of a run, if there was one."""
    if failed:
        path, error = failed[0]
        name = path.decode("utf-8", "backslashreplace")
        more = f" (and {len(failed) - 1} more files)" if len(failed) > 1 else ""
        raise type(error)(f"{name or where}: {error.message}{more}", hint=error.hint)
