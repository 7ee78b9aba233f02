"""The working trees of a worker: one for each task, thrown away after it.

    <cache>/workers/<hash of the Git remote, or of nothing>/git      a bare repository, kept
                                                            tree-N   N = 0, 1, …: in use while `tree-N.lock` is held

Rule: places are used again, so that caches that go by path do not grow; what a worker that was killed left there is removed by the next one, as soon as
nothing of a command that inherited the lock runs there any more.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from vfs.errors import StoreError
from vfs.git.parcel import Parcel
from vfs.git.unparcel import unpack
from vfs.pipeline.running import held
from vfs.sandbox.removal import remove


@contextmanager
def tree_of(
    parcel: Parcel, cache: Path, check: Callable[[], object]
) -> Iterator[tuple[Path, tuple[int, ...]]]:
    """The working tree that a parcel holds, and the descriptors that a command in it is to inherit.

    Args:
        parcel: from the client.
        cache: of this user on this machine.
        check: called now and then until the tree is made; whatever it raises ends that.

    Raises:
        RemoteError: what the parcel left out cannot be fetched.
        StoreError: the tree cannot be made.
    """
    home = cache / "workers" / hashlib.sha256(parcel.url.encode()).hexdigest()[:32]
    for number in count():
        tree = home / f"tree-{number}"
        with held(os.fsencode(tree), leaving=True) as ours:
            if not ours:
                continue
            _remove(tree)
            try:
                unpack(parcel, home / "git", tree, check)
                yield tree, ours
            finally:
                with suppress(StoreError):  # somebody still writes to it: the next one removes it
                    _remove(tree)
            return


def _remove(tree: Path) -> None:
    try:
        if tree.exists():
            remove(os.fsencode(tree))
    except OSError as error:
        raise StoreError(f"{tree}: {error.strerror}") from error
