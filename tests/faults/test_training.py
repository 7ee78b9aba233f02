"""A training run: worker processes read shuffled epochs while the version changes between them.

Every sample of every epoch is compared with what its version holds.
"""

import multiprocessing
import os
import random
from pathlib import Path

import pytest

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import MountFactory

pytestmark = [pytest.mark.fuse, pytest.mark.slow]

COUNT = 20_000
WORKERS = 4
EPOCHS = ("v1", "v2")
CONTENTS = 5_000  # that they share: to fetch each for the first time costs the most
CHANGED = 7  # every seventh content differs between the versions


def name(number: int) -> str:
    return f"class-{number % 40:02d}/sample-{number:05d}.bin"


def sample(number: int, tag: str) -> bytes:
    content = number % CONTENTS
    version = tag if content % CHANGED == 0 else "both"
    return f"{version}:{content}|".encode() * (1 + content % 60)


def work(
    root: str, worker: int, seed: int, tag: str, results: "multiprocessing.Queue[str]"
) -> None:
    """One worker of one epoch: its share of a shuffled order, each sample checked."""
    order = list(range(COUNT))
    random.Random(seed).shuffle(order)
    for number in order[worker::WORKERS]:
        try:
            descriptor = os.open(f"{root}/{name(number)}", os.O_RDONLY)
            try:
                data = os.read(descriptor, 1 << 16)
            finally:
                os.close(descriptor)
        except OSError as error:
            results.put(f"{tag} {number}: {error}")
            return
        if data != sample(number, tag):
            results.put(f"{tag} {number}: {data[:30]!r}")
            return
    results.put("")


def epoch(root: Path, seed: int, tag: str) -> list[str]:
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[str] = context.Queue()
    workers = [
        context.Process(target=work, args=(str(root), n, seed, tag, results))
        for n in range(WORKERS)
    ]
    for process in workers:
        process.start()
    outcome = [results.get(timeout=240) for _ in workers]
    for process in workers:
        process.join(30)
    return [line for line in outcome if line]


@pytest.mark.timeout(600)
def test_shuffled_epochs_with_a_switch_between(
    handmade: HandmadeRepository, mounts: MountFactory
) -> None:
    for tag in ("v1", "v2"):
        files = {name(number): sample(number, tag) for number in range(COUNT)}
        handmade.commit(directories={"data": files}, tag=tag)
    mount = mounts(handmade.root, EPOCHS[0])
    for number, tag in enumerate(EPOCHS):
        if number:
            mount.switch(tag)
        assert epoch(mount.path / "data", number, tag) == []
