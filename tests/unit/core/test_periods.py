"""Reports are differences of sums."""

import json
from typing import Any

from vfs.control.protocol import path_fields
from vfs.core.costs import UNKNOWN, Cost
from vfs.core.periods import MOST_DIRECTORIES, MOST_FILES, Picture, named, report, with_read
from vfs.metrics import Histogram
from vfs.types import Algorithm, Blob, Digest


def blob(number: int) -> Blob:
    return Blob(Digest(Algorithm.MD5, number.to_bytes(16, "big")), number)


def picture(times: int) -> Picture:
    waits = Histogram()
    for _ in range(10 * times):
        waits.add(0.1)
    numbers = {
        "reads": 90 * times, "pushed": 10 * times, "read_bytes": 900 * times, "pushed_bytes": 100 * times,
        "fetch.waits": 10 * times, "fetch.bytes_received": 2100 * times, "stalled": 1.0 * times,
        "busy": 0.5 * times, "gets": 2.0 * times, "asked": 20 * times,
    }  # fmt: skip
    many = {f"d{n}".encode(): Cost(requests=times, demand=n * times) for n in range(100)}
    return Picture(
        numbers,
        {"far": 2000 * times, "dvc-cache": 100 * times},
        {"far": {"requests": 21 * times, "received": 1400 * times, "errors": 0}},
        waits,
        {**many, UNKNOWN: Cost(warm=10**6 * times)},
        {blob(n): Cost(requests=times, demand=n * times) for n in range(50)},
    )


def made(done: Picture) -> dict[str, Any]:
    return report(
        done, name="e", began=10.0, ended=12.5, first=0.2, longest=0.4, paths={blob(49): b"d/\xff"},
        fields=path_fields,
    )  # fmt: skip


def test_a_period_is_what_came_in_it() -> None:
    found = made(picture(5).since(picture(3)))
    assert found == made(picture(2))
    assert found["fetched"]["bytes"] == 3000, "as the remote sent it, and from this machine"
    assert found["amplification"] == 1.5
    assert found["hit_rate"] == 0.9
    assert found["seconds"] == 2.5
    assert found["rates"] == {"bytes_per_second": 2800, "request_seconds": 0.1, "busy_seconds": 1.0}
    assert abs(found["stalled"]["p50"] - 0.1) < 0.01
    json.dumps(found, allow_nan=False)


def test_it_is_bounded_and_the_dearest_come_first() -> None:
    found = made(picture(1))
    directories, files = found["directories"], found["files"]
    assert (len(directories), found["more_directories"]) == (MOST_DIRECTORIES, 101 - MOST_DIRECTORIES)  # fmt: skip
    assert directories[0]["path"] is None
    assert len(files) == MOST_FILES
    assert files[0]["path_b64"], "a name that is no UTF-8"
    assert files[1]["path"] is None


def test_nothing_happened() -> None:
    found = made(picture(3).since(picture(3)))
    assert (found["amplification"], found["hit_rate"], found["directories"]) == (None, None, [])


def test_what_was_read_of_each_directory() -> None:
    found = with_read(made(picture(1)), {b"d99/a": 5, b"d99/b": 6, b"new/c": 7}, path_fields)
    rows = {row["path"]: row.get("read") for row in found["directories"]}
    assert (rows["d99"], rows["new"], rows["d98"]) == (11, 7, None)


def test_periods_from_a_name_on() -> None:
    periods = [{"name": name} for name in "abac"]
    assert [one["name"] for one in named(periods, "a")] == ["a", "c"]
    assert named(periods, "x") == []
