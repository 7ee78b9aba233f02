"""The bench against the field runs: the tables have a figure of every row that the peers of this test can give."""

from pathlib import Path

import pytest

from tests.bench.field import tour
from tests.bench.field.data import MIB, Size
from tests.bench.field.found import Found
from tests.bench.field.peers.archives import Ratarmount
from tests.bench.field.peers.ceilings import Passthrough
from tests.bench.field.peers.vfs_mount import Vfs
from tests.bench.field.place import Unavailable
from tests.bench.field.table import report

ROWS = {
    "seq_cold",
    "seq_cold_fetched",
    "random4_warm",
    "epoch_shuffled",
    "epoch_shuffled_memory",
    "epoch_warm",
    "switch",
}


class Absent(Ratarmount):
    """A peer that is not installed."""

    name = "absent"

    def version(self) -> str:
        raise Unavailable("install it")


@pytest.mark.soak
@pytest.mark.fuse
@pytest.mark.slow
def test_a_run_measures_what_it_can_and_tells_the_rest() -> None:
    found = Found()
    peers = [Vfs("vfs", "packed", "packs"), Passthrough(), Absent()]

    def nothing() -> None:
        """Only root may make the kernel forget."""

    plan = tour.Plan(
        peers,
        [0],
        1,
        Size(4 * MIB, 101, 0.1, 10),
        ROWS,
        mock=True,
        cool=nothing,
        cool_names=nothing,
    )
    tour.run(plan, found)
    assert {metric for peer, _, metric in found.samples if peer == "vfs"} == ROWS
    fetched = found.value("vfs", 0, "seq_cold_fetched")
    assert fetched is not None
    assert 1 <= fetched < 2
    assert found.value("passthrough", 0, "epoch_warm")
    assert found.why("passthrough", 0, "switch") == "shows one version"
    assert any("not here**: install it" in line for line in report(found, [0]))
    assert not [
        line
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
        if "passthrough" in line
    ]
