"""The adapter for samplers, with plain Python in the place of PyTorch (`test_torch.py` has the real one)."""

import pickle
import random
from collections.abc import Iterator

import pytest

from tests.hints.conftest import FILES, NAMES, fetched
from vfs.hints.torch import HintedSampler
from vfs.testing.latency import LateServer
from vfs.testing.mounts import Mount, wait_until

pytestmark = pytest.mark.fuse


class Shuffled:
    """As `DistributedSampler`: another order for each epoch."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        order = list(range(self.count))
        random.Random(self.epoch).shuffle(order)
        return iter(order)


def await_window(late: LateServer, files: int) -> None:
    wait_until(lambda: fetched(late) >= files, f"{files} files")


def path_of(index: int) -> str:
    return f"data/{NAMES[index]}"


def test_epochs_are_those_of_the_sampler_and_what_comes_is_there(
    mount: Mount, late: LateServer
) -> None:
    plain = Shuffled(100)
    sampler = HintedSampler(plain, path_of, mount=mount.path, ahead=16)
    assert len(sampler) == 100
    for epoch in range(2):
        sampler.set_epoch(epoch)
        seen: list[int] = []
        for index in sampler:
            if not epoch:
                await_window(late, min(100, len(seen) + 8))
            seen.append(index)
            name = NAMES[index]
            assert (mount.path / "data" / name).read_bytes() == FILES[name]
        assert seen == list(plain)
    assert fetched(late) == 100
    sampler.close()


def test_resuming_in_mid_epoch(mount: Mount) -> None:
    plain = Shuffled(60)
    sampler = HintedSampler(plain, path_of, mount=mount.path, ahead=16)
    taken = iter(sampler)
    begun = [next(taken) for _ in range(25)]
    resumed = HintedSampler(plain, path_of, mount=mount.path, ahead=16)
    resumed.load_state_dict(sampler.state_dict())
    rest = list(resumed)
    assert begun + rest == list(plain)
    assert list(resumed) == list(plain)  # the next epoch is whole
    sampler.close()
    resumed.close()


def test_batches(mount: Mount, late: LateServer) -> None:
    batches = [list(range(n, n + 10)) for n in range(0, 200, 10)]
    sampler = HintedSampler(batches, path_of, mount=mount.path, ahead=40, trail=0)
    given: list[list[int]] = []
    for batch in sampler:
        await_window(late, min(200, 10 * len(given) + 40))
        given.append(batch)
    assert given == batches
    sampler.close()


def test_a_copy_for_a_spawned_worker_is_silent(mount: Mount) -> None:
    sampler = HintedSampler(Shuffled(20), path_of, mount=mount.path)
    next(iter(sampler))
    copy = pickle.loads(pickle.dumps(sampler))
    assert list(copy) == list(Shuffled(20))
    assert copy._prefetcher._link is None
    sampler.close()


def test_a_sampler_that_fails_fails_where_it_would_have(mount: Mount) -> None:
    def broken() -> Iterator[int]:
        yield from range(10)
        raise LookupError("no more")

    sampler = HintedSampler(broken(), path_of, mount=mount.path)
    taken = iter(sampler)
    assert [next(taken) for _ in range(10)] == list(range(10))
    with pytest.raises(LookupError, match="no more"):
        next(taken)
    sampler.close()
