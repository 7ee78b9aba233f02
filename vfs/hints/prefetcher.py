"""`Prefetcher`: files read in a known order are there before they are asked for (`docs/hints.md`).

Rules:
  * Without a mount, or once its daemon is gone, everything goes on without hints; a warning says so, once per prefetcher.
  * Who drops one without closing it has closed it: nothing that lives on holds it, neither its link nor the feed.
  * Only the process that made a prefetcher tells the mount anything: its copies in other processes only hand items on.
"""

import os
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from operator import index
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar, cast

from vfs.config.units import parse_size
from vfs.control.protocol import Data
from vfs.control.registry import MountRecord
from vfs.errors import VfsError
from vfs.hints.feed import Feed
from vfs.hints.link import Link
from vfs.hints.locating import Name, Namer, locate

T = TypeVar("T")

DEFAULT_FILES = 2048
PULL_STEP = 32
"""Items pulled ahead at least in one go, by whoever iterates; half of a window that is smaller."""

PathOf = Callable[[T], Name | Sequence[Name]]


class Prefetcher(Generic[T]):
    """Iterating gives the items of the order, while the mount fetches what comes.

    Or as a context manager: inside the block the mount watches which files are read, by whomever, and keeps ahead of them.
    """

    def __init__(
        self,
        mount: Name,
        order: Iterable[T],
        *,
        path_of: PathOf[T] | None = None,
        ahead: int | str = DEFAULT_FILES,
        behind: Literal["drop", "keep"] = "drop",
        start: int = 0,
        trail: int = 0,
    ) -> None:
        """Nothing is asked of the mount before the first item is.

        Args:
            mount: the mount, or a directory in it: paths may be relative to it.
            order: items in the order in which their files will be read; asked for no further ahead than the mount looks. What can be iterated
                more than once is an order for every epoch.
            path_of: the path, or list of paths, of an item; None: items are paths.
            ahead: how many files ahead, or how many bytes ("2GiB").
            behind: whether what was read may leave the cache before what nobody has named.
            start: how many items of the first epoch are left out.
            trail: by how many files some readers may be behind the item that was handed out last (several workers).

        Raises:
            TypeError, ValueError: an argument is not what it has to be.
        """
        self._place = mount
        self._order = order
        self._path_of = path_of
        self._start = count("start", start)
        self._wishes = _wishes(ahead, behind, trail)
        self._process = os.getpid()
        self._found: tuple[MountRecord, Namer] | None = None
        self._link: Link | None = None
        self._dropped: weakref.finalize[..., Any] | None = None
        self._feed: Feed[T] | None = None
        self._warned = False
        self._astray = ""  # the first path that is not in the mount

    def __len__(self) -> int:
        """Items of a whole epoch."""
        return len(cast("Sized", self._order))

    # -- epochs ------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[T]:
        """The items of an epoch: of the one that the block began, or of a new one."""
        feed, link = self._feed, self._link
        if feed is not None and link is not None and link.alive and feed.fresh:
            link.take_over()
            return self._hand_out(feed, link)
        return self.epoch(self._start)

    def epoch(self, start: int = 0) -> Iterator[T]:
        """The items of a new epoch, but for the first `start`."""
        self._start = count("start", start)
        feed = self._next_feed()
        link = self._begin(feed, passive=False)
        return iter(feed) if link is None else self._hand_out(feed, link)

    def _hand_out(self, feed: Feed[T], link: Link) -> Iterator[T]:
        step = min(PULL_STEP, -(-int(self._wishes["files"]) // 2))
        while True:
            if link.news:
                link.news = False
                self._look(link)
            elif link.until - feed.pulled >= step:
                feed.pull(link.until)
                link.wake()
                self._look(link)
            try:
                item, position = feed.next()
            except StopIteration:
                self._look(link)
                return
            link.move(position)
            yield item

    def renew(self, order: Iterable[T], *, start: int = 0) -> Self:
        """Another order from now on; `start` items of its first epoch are left out."""
        self._order, self._start = order, count("start", start)
        if self._feed is not None and self._link is not None:
            self._begin(self._next_feed(), passive=True)
        return self

    def advance(self, number: int) -> None:
        """Inside a block: the reader has come to the item of this number. From then on the mount believes that, rather than what it sees."""
        link, feed = self._link, self._feed
        number = count("number", number)
        if link is not None and feed is not None and link.alive:
            link.move(feed.pass_items(number))

    def _next_feed(self) -> Feed[T]:
        start, self._start = self._start, 0
        this = weakref.ref(self)

        def names(item: T) -> Sequence[str]:
            prefetcher = this()
            return () if prefetcher is None else prefetcher._names(item)

        return Feed(iter(self._order), names, start)

    def _names(self, item: T) -> Sequence[str]:
        if self._found is None:
            return ()
        name = self._found[1]
        paths = _paths(item, self._path_of)
        names = [name(path) for path in paths]
        if not self._astray and "" in names:
            self._astray = os.fsdecode(paths[names.index("")]) or "''"
        return names

    # -- the mount ---------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Tell the mount what comes; it watches who reads."""
        self._begin(self._next_feed(), passive=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """The mount need fetch nothing more ahead. Iterating again begins anew."""
        link = self._link
        if link is not None:
            self._look(link)
            link.close()
        self._unlink()

    @property
    def figures(self) -> Data:
        """What the mount said last: positions (`at`, `taken`, `known`), files `fetched`, already `here`, `failed`, `absent`; empty without a mount."""
        return {} if self._link is None else dict(self._link.told)

    def _begin(self, feed: Feed[T], *, passive: bool) -> Link | None:
        """Have a link, if there can be one, and an epoch on it."""
        if os.getpid() != self._process:
            return None
        if self._link is not None and not self._link.alive:
            self._look(self._link)
            self._unlink()
        self._feed = feed
        if self._link is None:
            try:
                self._found = locate(self._place)
                step = max(1, int(self._wishes["files"]) // 32)
                self._link = Link(self._found[0], self._wishes, step)
                self._dropped = weakref.finalize(self, self._link.let_go)
            except (VfsError, OSError) as error:
                self._warn(error)
                return None
        self._link.begin(feed, passive=passive)
        return self._link

    def _unlink(self) -> None:
        self._link = self._feed = None
        if self._dropped is not None:
            self._dropped.detach()
            self._dropped = None

    def _look(self, link: Link) -> None:
        if link.trouble is not None:
            self._warn(link.trouble)
        elif self._astray:
            self._warn(f"{self._astray} is not in it", "not all")
        elif (absent := link.told.get("first_absent")) and self._found is not None:
            path = os.path.join(self._found[0].mountpoint, absent)
            self._warn(f"{path} is no file there (links are not followed)", "not all")

    def _warn(self, why: VfsError | OSError | str, which: str = "no") -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"{which} files are fetched ahead of reading {os.fsdecode(self._place)}: {why}",
                RuntimeWarning,
                stacklevel=4,
            )

    # -- copies in other processes -----------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """A copy in another process hands items on, and is silent."""
        mine = dict.fromkeys(("_link", "_dropped", "_feed", "_found"))
        return self.__dict__ | mine | {"_process": -1}


def hinted(
    paths: Iterable[T],
    *,
    mount: Name | None = None,
    ahead: int | str = DEFAULT_FILES,
    **wishes: Any,
) -> Iterator[T]:
    """The paths of an iterable, whose files a mount fetches ahead of whoever takes them.

    Args:
        paths: in the order in which they will be read; asked for as far ahead as the mount looks.
        mount: as of `Prefetcher`; None: where the first path lies, and relative paths are relative to the working directory.
        ahead: as of `Prefetcher`.
        **wishes: as of `Prefetcher`.
    """
    source = iter(paths)
    if mount is None:
        try:
            first = next(source)
        except StopIteration:
            return
        path_of = _absolute(wishes.get("path_of"))
        mount = os.path.dirname(os.path.normpath(next(iter(path_of(first)), os.getcwd())))
        source, wishes["path_of"] = _chained(first, source), path_of
    prefetcher = Prefetcher(mount, source, ahead=ahead, **wishes)
    try:
        yield from prefetcher
    finally:
        prefetcher.close()


def _paths(item: T, path_of: PathOf[T] | None) -> Sequence[Name]:
    """Those of an item."""
    found = cast("Name | Sequence[Name]", item if path_of is None else path_of(item))
    return (found,) if isinstance(found, str | bytes | os.PathLike) else found


def _absolute(path_of: PathOf[T] | None) -> Callable[[T], Sequence[str]]:
    """The same paths, from the working directory of now."""
    here = os.getcwd()
    return lambda item: [os.path.join(here, os.fsdecode(path)) for path in _paths(item, path_of)]


def _chained(first: T, rest: Iterator[T]) -> Iterator[T]:
    yield first
    yield from rest


def _wishes(ahead: int | str, behind: str, trail: int) -> Data:
    """The arguments of the verb `order`. Raises TypeError, ValueError."""
    if behind not in ("drop", "keep"):
        raise ValueError(f"behind={behind!r}: expected 'drop' or 'keep'")
    wishes: Data = {"behind": behind, "trail": count("trail", trail)}
    expected = f"ahead={ahead!r}: expected 1 to {MOST_FILES} files, or bytes ('2GiB')"
    if isinstance(ahead, str):
        try:
            size = parse_size(ahead)
        except ValueError:
            size = 0
        if not size:
            raise ValueError(expected)
        return wishes | {"size": size, "files": MOST_FILES}
    try:
        files = index(ahead)
    except TypeError:
        raise TypeError(expected) from None
    if not 1 <= files <= MOST_FILES:
        raise ValueError(expected)
    return wishes | {"files": files}


def count(name: str, given: int) -> int:
    """An argument that is a count. Raises TypeError, ValueError."""
    expected = f"{name}={given!r}: expected a whole number, 0 or more"
    try:
        number = index(given)
    except TypeError:
        raise TypeError(expected) from None
    if number < 0:
        raise ValueError(expected)
    return number


MOST_FILES = 65_536
"""How many files ahead a mount looks at most (`vfs.daemon.order`)."""
