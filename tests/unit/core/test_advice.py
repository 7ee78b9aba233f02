"""Each advice is given for its reason and for no other."""

from dataclasses import replace

import pytest

from vfs.core.advice import Facts, advise, predicted_seconds

HERE = Facts("p", size=1000, resident=1000, verified="yes")
GONE = Facts("p", size=10 << 20, requests=3, layout="plain", source="far", limit=1 << 30)


def codes(facts: Facts) -> list[str]:
    return [advice.code for advice in advise(facts)]


def test_nothing_to_gain() -> None:
    assert codes(HERE) == ["here"]
    assert codes(replace(HERE, resident=400, local=600)) == ["here"]


def test_what_is_not_here_is_to_be_fetched_first() -> None:
    (advice,) = advise(GONE)
    assert (advice.code, advice.command) == ("not-here", "vfs prefetch p")
    assert "10.0 MiB" in advice.message
    assert "3 requests" in advice.message
    assert "1 request" in advise(replace(GONE, requests=1))[0].message


def test_what_cannot_be_served_has_its_own_hint() -> None:
    (advice,) = advise(Facts("p", problem="no place has it", hint="vfs pull p"))
    assert (advice.code, advice.command) == ("broken", "vfs pull p")


def test_some_of_a_directory_cannot_be_served() -> None:
    (advice,) = advise(replace(HERE, broken=3))
    assert (advice.code, advice.command) == ("partly-broken", "vfs doctor -v")


def test_wrong_content() -> None:
    assert codes(replace(HERE, verified="bad")) == ["bad-content"]


def test_nobody_has_it() -> None:
    assert codes(replace(GONE, nowhere=2)) == ["nowhere"]


def test_what_was_here_before_is_to_be_pinned() -> None:
    was = replace(GONE, fetched=12 << 20, evicted=7)
    assert codes(was) == ["evicted", "not-here"]
    assert "--pin" in advise(was)[0].command
    assert "evicted" not in codes(replace(was, evicted=0)), "nothing was evicted"
    assert "evicted" not in codes(replace(was, fetched=100)), "it was never here"


def test_a_cache_that_is_too_small() -> None:
    for facts in (replace(GONE, limit=1 << 20), replace(GONE, limit=1 << 20, evicted=3, fetched=20 << 20)):  # fmt: skip
        assert codes(facts)[0] == "cache-too-small"
        assert advise(facts)[0].command == "vfs cache limit 1GiB"


def test_a_store_that_takes_nothing() -> None:
    assert codes(replace(GONE, storing=False))[0] == "store-off"
    assert codes(replace(HERE, storing=False)) == ["here"]


def test_small_files_one_by_one() -> None:
    small = replace(GONE, files=500, size=500 * 2000, requests=500)
    assert "small-files" in codes(small)
    assert "small-files" not in codes(replace(small, layout="packed"))
    assert "small-files" not in codes(replace(small, requests=20))
    assert "small-files" not in codes(replace(small, size=500 << 20))


def test_reads_that_jump() -> None:
    jumps = replace(GONE, waits=200, asked_for=220, read=200 * 4096)
    assert "random-reads" in codes(jumps)
    assert "random-reads" not in codes(replace(jumps, read=200 << 20)), "they are large"
    assert "random-reads" not in codes(replace(jumps, waits=20)), "most was read ahead"


@pytest.mark.parametrize(
    ("latency", "code"),
    [
        ({"far": 0.3, "near": 0.01}, "nearer-remote"),
        ({"far": 0.3, "near": 0.2}, "slow-remote"),
        ({"far": 0.3}, "slow-remote"),
        ({"far": 0.01, "near": 0.001}, None),
        ({}, None),
    ],
)
def test_remotes(latency: dict[str, float], code: str | None) -> None:
    found = codes(replace(GONE, latency=latency))
    assert [one for one in found if one.endswith("remote")] == ([code] if code else [])


def test_the_kernel_refused() -> None:
    refused = replace(HERE, refused=("/sys/class/bdi/0:55/read_ahead_kb",))
    assert codes(refused) == ["kernel-read-ahead", "here"]


def test_seconds() -> None:
    assert predicted_seconds(0, 0, None, None, 16) == 0
    assert predicted_seconds(100, 1, None, None, 16) is None
    assert predicted_seconds(100, 1, 50.0, None, 16) == 2
    assert predicted_seconds(100, 320, 50.0, 0.2, 16) == 4, "round trips take longer"
