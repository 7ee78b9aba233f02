"""A mount whose data lies on a packed remote and nowhere else."""

import json

import pytest

from vfs.remotes import RemoteSpec, open_remote
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import MountFactory
from vfs.testing.packed import push

pytestmark = pytest.mark.fuse

SMALL = {f"f{n:04}": b"%d" % n * 2000 for n in range(600)}
LARGE = b"".join(b"%08d" % n for n in range(1_000_000))


@pytest.fixture
def repository(handmade: HandmadeRepository) -> HandmadeRepository:
    packed = handmade.root.parent / "packed"
    packed.mkdir()
    config = f"remotes: {{shared: {{url: {packed}}}}}\n".encode()
    handmade.commit(
        plain={".vfs/config.yaml": config}, directories={"data": SMALL}, files={"large": LARGE}
    )
    remote = open_remote(RemoteSpec("packed", str(packed)))
    push(remote, {path.encode(): data for path, data in SMALL.items()})
    push(remote, {b"": LARGE})
    handmade.lose_remote()
    return handmade


def test_small_files(repository: HandmadeRepository, mounts: MountFactory) -> None:
    mount = mounts(repository.root)
    found = {path.name: path.read_bytes() for path in sorted((mount.path / "data").iterdir())}
    assert found == SMALL
    told = json.loads(mount.cli("status", mount.path, "--json").stdout)
    assert told["transfer"]["failed_requests"] == 0
    # of 3.4 MB; what is fetched ahead asks for some dozens before their neighbours bring them
    came, along = told["transfer"]["places"]["shared"], told["transfer"]["bytes_along"]
    assert 0 < came - along < 400_000, "neighbours come along"
    size = sum(map(len, SMALL.values()))
    assert size <= came < 1.1 * size
    assert told["remotes"]["shared"]["received"] < 1.1 * size, told["remotes"]


def test_any_part_of_a_large_file(repository: HandmadeRepository, mounts: MountFactory) -> None:
    mount = mounts(repository.root)
    with (mount.path / "large").open("rb", buffering=0) as file:
        for start in (7_000_001, 0, 3_333_333):
            file.seek(start)
            assert file.read(5000) == LARGE[start : start + 5000]
    assert (mount.path / "large").read_bytes() == LARGE


def test_prefetch(repository: HandmadeRepository, mounts: MountFactory) -> None:
    mount = mounts(repository.root)
    mount.cli("prefetch", "--mount", mount.path, "--json")
    told = json.loads(mount.cli("status", mount.path, "--json").stdout)
    transfer = told["transfer"]
    assert transfer["bytes_warm_up"] + transfer["bytes_along"] == transfer["bytes_received"]
    assert transfer["bytes_warm_up"] >= len(LARGE)
    for name, data in SMALL.items():
        assert (mount.path / "data" / name).read_bytes() == data
