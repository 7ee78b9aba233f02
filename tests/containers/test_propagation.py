"""Which containers see a mount that another one makes itself: what `rshared` and `rslave` of compose files and manifests mean."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.containers.conftest import ONE, TWO
from tests.containers.namespaces import VFS, Namespace
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import daemons, wait_until
from vfs.testing.sandbox import Sandbox

pytestmark = pytest.mark.fuse


class Containers:
    """One that mounts, as root with CAP_SYS_ADMIN, and others beside it; all have the node's directory bound, each in its own way."""

    def __init__(self, node: Namespace, sandbox: Sandbox, stack: ExitStack) -> None:
        self.node = node
        self.sandbox = sandbox
        self.mounting = stack.enter_context(Namespace("unchanged", inside=node))
        self.slave = stack.enter_context(Namespace("slave", inside=node))
        self.private = stack.enter_context(Namespace("private", inside=node))

    def vfs(self, *words: str | Path) -> None:
        """Run a verb in the container that mounts."""
        self.sandbox.run([*self.mounting.enter, *VFS, *words])


@pytest.fixture
def containers(node: Namespace, sandbox: Sandbox) -> Iterator[Containers]:
    with ExitStack() as stack:
        yield Containers(node, sandbox, stack)
    wait_until(lambda: not daemons(sandbox), "the daemon to end with the mounts")


def test_who_sees_it(containers: Containers, repository: HandmadeRepository, point: Path) -> None:
    """A shared bind on the mounting side and a slave on the other suffice; a private one sees an empty directory."""
    point.mkdir()
    containers.vfs("mount", "--repo", repository.root, "--rev", "v1", point)
    for sees in (containers.slave, containers.node):
        assert sees.read(point / "big.bin") == ONE
    assert containers.private.run("ls", "-A", point).stdout == ""
    containers.vfs("switch", "v2", "--mount", point)
    assert containers.slave.read(point / "big.bin") == TWO
    containers.vfs("umount", point)
    for gone in (containers.slave, containers.node):
        assert str(point) not in gone.mounts()


def test_a_slave_sends_nothing_back(
    containers: Containers, repository: HandmadeRepository, point: Path
) -> None:
    """What a training container unmounts is gone for itself only."""
    point.mkdir()
    containers.vfs("mount", "--repo", repository.root, point)
    containers.slave.run("umount", point)
    assert str(point) not in containers.slave.mounts()
    assert containers.node.read(point / "big.bin") == TWO
    containers.vfs("umount", point)
