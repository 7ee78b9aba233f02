"""For PyTorch: a sampler that tells a mount which files its indices will make workers read.

    sampler = HintedSampler(RandomSampler(dataset), dataset.path_of, mount="/mnt/data")
    loader = DataLoader(dataset, sampler=sampler, num_workers=8, persistent_workers=True)

Rules:
  * Nothing of PyTorch is imported: whatever can be iterated is a sampler, be it of indices or of batches of them.
  * It hands on exactly what the sampler gives. The sampler is asked in the process and thread that iterates, some items early, so random
    numbers are drawn where they always were.
  * Each rank of a distributed training has a sampler of its own, and tells the mount of its own machine.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from functools import partial
from typing import Any, cast

from vfs.hints.locating import Name
from vfs.hints.prefetcher import DEFAULT_FILES, Prefetcher, count

PathsOf = Callable[[Any], Name | Sequence[Name]]


class HintedSampler:
    """See the module. Attributes that it does not have (`set_epoch`, `batch_size`, …) are those of the sampler."""

    def __init__(
        self,
        sampler: Iterable[Any],
        paths_of: PathsOf,
        *,
        mount: Name,
        ahead: int | str = DEFAULT_FILES,
        behind: str = "drop",
        trail: int | None = None,
    ) -> None:
        """As `Prefetcher`, with `sampler` as the order.

        Args:
            sampler: gives indices, or lists of them.
            paths_of: the path, or list of paths, of the sample with an index.
            mount: the mount, or a directory in it.
            ahead: how many files ahead, or how many bytes.
            behind: what becomes of what was read: "drop" or "keep".
            trail: files that were handed out and that workers have yet to read: `prefetch_factor * num_workers * batch_size` at most. None: a
                quarter of `ahead`.
        """
        self._sampler = sampler
        quarter = (ahead if isinstance(ahead, int) else DEFAULT_FILES) // 4
        self._prefetcher: Prefetcher[Any] = Prefetcher(
            mount,
            sampler,
            path_of=partial(_paths, paths_of),
            ahead=ahead,
            behind=cast("Any", behind),
            trail=quarter if trail is None else trail,
        )
        self._yielded = 0
        self._skip = 0

    def __iter__(self) -> Iterator[Any]:
        """One epoch."""
        skip, self._skip = self._skip, 0
        self._yielded = skip
        for item in self._prefetcher.epoch(skip):
            self._yielded += 1
            yield item
        self._yielded = 0

    def __len__(self) -> int:
        """That of the sampler."""
        return len(cast("Sized", self._sampler))

    def __getattr__(self, name: str) -> Any:
        """Whatever else the sampler has."""
        if name.startswith("_"):  # while a copy is made there is no sampler yet
            raise AttributeError(name)
        return getattr(self._sampler, name)

    def state_dict(self) -> dict[str, int]:
        """Where the epoch is: how many items the loader has taken, which may be more than it has given."""
        return {"yielded": self._yielded}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """The next epoch begins behind so many items of the sampler, which must give the same order again."""
        self._skip = count("yielded", state["yielded"])

    def close(self) -> None:
        """The mount need fetch nothing more ahead."""
        self._prefetcher.close()


def _paths(paths_of: PathsOf, item: Any) -> Sequence[Name]:
    """Those of an index, or of a list of them."""
    indices = item if isinstance(item, list | tuple) else (item,)
    paths: list[Name] = []
    for index in indices:
        found = paths_of(index)
        if isinstance(found, str | bytes) or hasattr(found, "__fspath__"):
            paths.append(cast("Name", found))
        else:
            paths.extend(found)
    return paths
