"""The bench against the field: medians, ratios, targets and tables."""

import json

import pytest

from tests.bench.field.found import BY_KEY, Found, Kind, PeerInfo, better
from tests.bench.field.table import report
from tests.bench.field.verdicts import keys, verdicts


def _found() -> Found:
    found = Found(
        [
            PeerInfo("vfs", Kind.OURS, "packs", True, "1"),
            PeerInfo("rclone", Kind.MOUNT, "plain objects", True, "2"),
            PeerInfo("squashfuse", Kind.MOUNT, "an image", False, "3"),
            PeerInfo("obstore", Kind.LIBRARY, "plain objects", True, "4"),
            PeerInfo("dvc pull", Kind.COPY, "DVC's objects", True, "5"),
            PeerInfo("s3fs", Kind.MOUNT, "plain objects", True, absent="no `s3fs`: a | reason"),
        ]
    )
    for peer, metric, values in (
        ("vfs", "seq_cold", [90.0, 10.0, 100.0]),
        ("rclone", "seq_cold", [200.0]),
        ("obstore", "seq_cold", [100.0]),
        ("vfs", "seq_warm", [100.0]),
        ("rclone", "seq_warm", [50.0]),
        ("squashfuse", "seq_warm", [400.0]),
        ("vfs", "first_byte", [5.0]),
        ("rclone", "first_byte", [10.0]),
        ("squashfuse", "first_byte", [1.0]),
        ("vfs", "seq_cold_memory", [150.0]),
        ("rclone", "seq_cold_memory", [100.0]),
        ("vfs", "epoch_shuffled", [1000.0]),
        ("rclone", "epoch_shuffled", [101.0]),
        ("vfs", "epoch_warm", [1000.0]),
        ("vfs", "epoch_hinted", [850.0]),
        ("vfs", "switch", [1.0]),
        ("dvc pull", "switch", [4.0]),
    ):
        for value in values:
            found.add(peer, 20, metric, value)
    found.lacks("obstore", 20, "stat", "no directory")
    found.lacks("obstore", 20, "list_cold", "no directory")
    return found


def test_a_figure_is_the_median_of_its_rounds() -> None:
    assert _found().value("vfs", 20, "seq_cold") == 90.0
    assert _found().value("vfs", 0, "seq_cold") is None


@pytest.mark.parametrize(("metric", "ratio"), [("seq_cold", 2.0), ("first_byte", 0.5)])
def test_better_is_more_or_less_by_what_is_measured(metric: str, ratio: float) -> None:
    assert better(BY_KEY[metric], 10.0, 5.0) == ratio


def test_each_row_has_its_yardstick() -> None:
    by_key = {v.metric.key: v for v in verdicts(_found(), 20)}
    assert by_key["seq_cold"].yardstick == "obstore"
    assert by_key["seq_cold"].reached is True  # 0.9 of it
    assert by_key["seq_warm"].yardstick == "squashfuse"
    assert by_key["seq_warm"].reached is False
    # What lies on this machine's disk is no yardstick for what comes over the network.
    assert by_key["first_byte"].yardstick == "rclone"
    assert by_key["seq_cold_memory"].reached is True  # 1.5 times as much
    assert by_key["epoch_shuffled"].reached is False  # 9.9 times
    assert by_key["epoch_hinted"].theirs == 1000.0
    assert (by_key["switch"].yardstick, by_key["switch"].ratio) == ("dvc pull", 4.0)
    assert by_key["epoch_hinted"].reached is True


def test_the_tables_tell_what_is_not_there() -> None:
    text = "\n".join(report(_found(), [20]))
    assert "| s3fs | mount | plain objects | **not here**: no `s3fs`: a \\| reason |" in text
    assert "- obstore, stat, list_cold: no directory" in text
    assert (
        "| warm sequential, no page in the kernel | 100 MB/s | squashfuse: 400 MB/s | **0.25 x** |"
        in text
    )
    assert (
        "| cold sequential, 256 KiB, MB/s | **90** | 200 (0.45 x) | - | 100 (0.9 x) | - |" in text
    )


def test_the_document_has_every_round() -> None:
    document = json.loads(json.dumps(_found().document()))
    first = document["figures"][0]
    assert first["rounds"] == [90.0, 10.0, 100.0]
    assert {"peer": "obstore", "latency_ms": 20, "metric": "stat", "why": "no directory"} in document["missing"]  # fmt: skip
    assert document["peers"][0]["kind"] == "vfs"


def test_rows_are_chosen_by_the_beginning_of_their_name() -> None:
    assert keys(["random4_cold"]) == {"random4_cold", "random4_cold_fetched"}
    assert keys([]) == set(BY_KEY)
