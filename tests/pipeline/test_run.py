"""Runs in place and in private views: what they leave in the working tree, the cache, the lock, whatever happens."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipeline.conftest import Work
from vfs.testing.mounts import wait_until
from vfs.testing.variants import soak


@pytest.fixture(params=[True, False], ids=["in-place", "private"])
def in_place(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


private_mostly = pytest.mark.parametrize(
    "in_place", [soak(True), False], ids=["in-place", "private"], indirect=True
)
"""Of what is decided before it matters where a command runs."""


CHAIN = """\
  one:
    cmd: cat a > b && echo ran >> SIGNS/log
    deps: [a]
    outs: [b]
  two:
    cmd: cat b > c
    deps: [b]
    params: [lr]
    outs: [c]
    metrics:
    - m.json:
        cache: false
"""


def chain(work: Work, more: str = "") -> None:
    text = CHAIN.replace("cat b > c", "cat b > c; cp params.yaml m.json")
    work.pipeline(text.replace("SIGNS", str(work.signs)) + more)


def test_only_what_changed_runs(work: Work) -> None:
    chain(work)
    assert work.outcomes() == {"one": "ran", "two": "ran"}
    assert work.outcomes() == {"one": "unchanged", "two": "unchanged"}
    os.utime(work.root / "a", (1, 1))
    assert work.outcomes() == {"one": "unchanged", "two": "unchanged"}
    work.write("params.yaml", "lr: 1.0  # the same value\n")
    assert work.outcomes("--dry-run") == {"one": "unchanged", "two": "unchanged"}
    work.write("params.yaml", "lr: 2\n")
    assert work.outcomes("--dry-run") == {"one": "unchanged", "two": "would-run"}
    assert work.outcomes() == {"one": "unchanged", "two": "ran"}
    work.write("a", "other\n")
    assert work.outcomes("two", "-s") == {"two": "unchanged"}
    assert work.outcomes("two") == {"one": "ran", "two": "ran"}
    assert work.read("c") == "other\n"
    assert work.outcomes("-f", "one") == {"one": "ran"}
    assert "2 stages: nothing to run" in work.vfs("status")


@private_mostly
def test_a_stage_whose_outs_stay_the_same_stops_the_change(work: Work) -> None:
    work.pipeline(
        "  one: {cmd: 'head -c 1 a > b', deps: [a], outs: [b]}\n"
        "  two: {cmd: cp b c, deps: [b], outs: [c]}\n"
    )
    work.vfs("repro")
    work.write("a", "a, and more\n")
    assert work.outcomes() == {"one": "ran", "two": "unchanged"}


def test_the_run_cache_gives_outs_back(work: Work) -> None:
    chain(work)
    work.vfs("repro")
    work.write("a", "other\n")
    work.vfs("repro")
    work.write("a", "a\n")
    assert work.outcomes() == {"one": "restored", "two": "restored"}
    assert work.read("c") == "a\n"
    assert (work.signs / "log").read_text() == "ran\nran\n"
    (work.root / "b").unlink()
    (work.root / "m.json").unlink()
    assert work.outcomes() == {"one": "restored", "two": "restored"}
    assert work.read("m.json") == "lr: 1\n"
    assert not (work.root / "m.json").is_symlink()
    work.write("a", "other\n")
    assert work.outcomes("--no-run-cache") == {"one": "ran", "two": "ran"}


def test_a_failed_command_changes_no_record(work: Work) -> None:
    chain(work)
    work.vfs("repro")
    lock = work.read("dvc.lock")
    work.pipeline("  one: {cmd: 'echo half > b; echo to say; exit 3', deps: [a], outs: [b]}\n")
    said = work.vfs("repro", code=23)
    assert "stage 'one': its command ended with 3" in said
    assert work.read("dvc.lock") == lock
    assert work.read("b") == ("half\n" if work.in_place else "a\n")
    logs = sorted((work.root / ".git" / "vfs" / "runs").glob("*one*.log"))
    assert logs[-1].read_text() == "to say\n"
    work.pipeline("  one: {cmd: 'true', deps: [a], outs: [nothing]}\n")
    assert "did not make nothing" in work.vfs("repro", code=23)
    work.pipeline("  one: {cmd: 'kill -9 $$', deps: [a], outs: [b]}\n")
    assert "was ended by signal 9" in work.vfs("repro", code=23)
    assert work.read("dvc.lock") == lock


def test_a_command_behaves_as_if_it_were_run_directly(work: Work) -> None:
    (work.root / "sub").mkdir()
    work.write("sub/dvc.yaml", "stages:\n  x: {cmd: 'pwd > o; echo $DVC_STAGE $DVC_ROOT $MINE >> o; cat >> o', outs: [o]}\n")  # fmt: skip
    work.vfs("repro", "sub/dvc.yaml:x", stdin=b"from stdin\n", env={"MINE": "mine"})
    assert work.read("sub/o").splitlines() == [
        str(work.root / "sub"), f"sub/dvc.yaml:x {work.root} mine", "from stdin",
    ]  # fmt: skip
    assert "the shell /nothing, which is not there" in work.vfs(
        "repro", "-f", "sub", code=23, env={"SHELL": "/nothing"}
    )


def test_what_only_the_user_has_is_not_lost(work: Work) -> None:
    chain(work)
    work.write("b", "precious\n")
    said = work.vfs("repro")
    assert "b, which no cache has, was moved to .dvc/tmp/vfs-kept-one-" in said
    work.write("b", "precious too\n")
    assert "kept aside     .dvc/tmp/vfs-kept-one-" in work.vfs("status")
    work.vfs("repro", "-f")
    (work.root / "b").unlink()
    work.vfs("repro")
    kept = sorted((work.root / ".dvc" / "tmp").glob("vfs-kept-one-*/b"))
    assert [path.read_text() for path in kept] == ["precious\n", "precious too\n"]
    assert [one["path"] for one in work.documents("status") if one["type"] == "kept"] == [
        str(path.parent.relative_to(work.root)) for path in kept
    ]


def test_persist_outs_stay_and_do_not_reach_the_cache(work: Work) -> None:
    work.pipeline(
        "  one:\n    cmd: cat a >> p\n    deps: [a]\n    outs:\n    - p: {persist: true}\n"
    )
    work.vfs("config", "cache.type", "hardlink")
    work.vfs("repro")
    (work.root / "p").unlink()
    work.vfs("checkout", "p")
    assert os.stat(work.root / "p").st_nlink == 2
    work.write("a", "b\n")
    assert work.outcomes() == {"one": "ran"}
    assert work.read("p") == "a\nb\n"
    assert not work.vfs("fsck", "--content").count("damaged")


def test_a_dep_that_changes_while_the_command_runs_is_no_record(
    work: Work, waiting: Callable[[Path], None]
) -> None:
    go = work.signs / "go"
    wait = f"touch {work.signs}/begun; while [ ! -e {go} ]; do sleep 0.01; done"
    work.pipeline(f"  one: {{cmd: 'cp a b; {wait}', deps: [a], outs: [b]}}\n")
    process = work.start("repro")
    waiting(work.signs / "begun")
    work.write("a", "more\n")
    go.touch()
    said = process.communicate()[0].decode()
    assert "a changed while stage 'one' ran" in said
    assert process.returncode == 23
    assert not (work.root / "dvc.lock").exists()


def test_the_lock_is_free_while_a_command_runs(work: Work) -> None:
    work.write("d", "data\n")
    work.pipeline(f"  one: {{cmd: '{sys.executable} -m vfs_cli add d && cp a b', deps: [a], outs: [b]}}\n")  # fmt: skip
    said = work.vfs("repro")
    assert (work.root / "d.dvc").exists() == work.in_place
    assert ("'d.dvc' (created)" in said) != work.in_place


@private_mostly
def test_keep_going_and_side_by_side(work: Work) -> None:
    work.pipeline(
        "  bad: {cmd: 'echo said; false', deps: [a], outs: [x]}\n"
        "  after: {cmd: cp x y, deps: [x], outs: [y]}\n"
        "  good: {cmd: cp a z, deps: [a], outs: [z]}\n"
        "  last: {cmd: cp z w, deps: [z], outs: [w]}\n"
    )
    expected = {"bad": "failed", "after": "skipped", "good": "ran", "last": "ran"}
    assert work.outcomes("-k", code=23) == expected
    work.write("a", "other\n")
    assert work.outcomes("-k", "-j", "3", code=23) == expected
    assert work.read("w") == "other\n"
    assert "good" not in work.outcomes("bad", code=23)


@private_mostly
def test_independent_stages_run_at_once(work: Work) -> None:
    """Each waits for the other: one after the other they would never end."""
    meet = "while [ ! -e {other} ]; do :; done"
    work.pipeline(
        f"  one: {{cmd: 'touch {work.signs}/1.here; {meet.format(other=work.signs / '2.here')}; cp a x', deps: [a], outs: [x]}}\n"
        f"  two: {{cmd: 'touch {work.signs}/2.here; {meet.format(other=work.signs / '1.here')}; cp a y', deps: [a], outs: [y]}}\n"
    )
    assert work.outcomes("-j", "2") == {"one": "ran", "two": "ran"}


@private_mostly
def test_what_is_refused_runs_nothing(work: Work) -> None:
    work.pipeline("  one: {cmd: touch ran, outs: [ran]}\n  two: {cmd: cp a z, deps: [a], outs: [params.yaml]}\n")  # fmt: skip
    assert "dvc.yaml:3: stage 'two': the out params.yaml is tracked by Git" in work.vfs("repro", code=9)  # fmt: skip
    for more in (("-k",), ("-j", "2"), ("-k", "-j", "2")):
        said = work.vfs("repro", *more, code=9)
        assert said.count("'two': the out params.yaml is tracked by Git") == 1, said
        assert "Running" not in said
    work.pipeline("  one: {cmd: touch ran, outs: [ran]}\n  two: {cmd: x, deps: [z], outs: [z]}\n")
    assert "'z' is a dependency and an out" in work.vfs("repro", code=9)
    work.pipeline("  one: {cmd: touch ran, outs: [ran]}\n  two: {cmd: x, bad: 1}\n")
    assert "dvc.yaml:3" in work.vfs("repro", code=9)
    assert not (work.root / "ran").exists()
    work.pipeline("  one: {cmd: touch r, deps: [missing], outs: [r]}\n")
    assert "needs missing, which is not there" in work.vfs("repro", code=16)
    assert "no stage and no out called 'nope'" in work.vfs("repro", "nope", code=5)


def test_ctrl_c_is_the_command_s(work: Work, waiting: Callable[[Path], None]) -> None:
    work.pipeline(
        f"  one:\n    cmd: trap 'echo told > {work.signs}/told; exit 1' INT; touch {work.signs}/begun; while :; do sleep 0.01; done\n"
        "    deps: [a]\n    outs: [b]\n  two: {cmd: touch c, outs: [c]}\n"
    )
    process = work.start("repro")
    waiting(work.signs / "begun")
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate()[0].decode()
    assert process.returncode == 130, said
    assert "stage 'one' was interrupted" in said
    assert (work.signs / "told").exists()
    assert not (work.root / "dvc.lock").exists()
    assert not (work.root / "c").exists()


def test_a_command_that_ends_well_after_ctrl_c_is_recorded(
    work: Work, waiting: Callable[[Path], None]
) -> None:
    work.pipeline(
        f"  one:\n    cmd: trap 'cp a b; exit 0' INT; touch {work.signs}/begun; while :; do sleep 0.01; done\n"
        "    deps: [a]\n    outs: [b]\n  two: {cmd: touch c, outs: [c]}\n"
    )
    process = work.start("repro")
    waiting(work.signs / "begun")
    os.killpg(process.pid, signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    assert "one:" in work.read("dvc.lock")
    assert not (work.root / "c").exists()


@pytest.mark.parametrize("in_place", [False], ids=["private"], indirect=True)
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_ends_the_reading_of_what_was_made(work: Work, jobs: str) -> None:
    work.pipeline("  one: {cmd: truncate -s 256G huge, outs: [huge]}\n")
    process = work.start("repro", "-j", jobs)

    def read() -> bool:
        links = Path(f"/proc/{process.pid}/fd").glob("*")
        return any(os.path.realpath(one).endswith("/huge") for one in links)

    try:
        wait_until(read, "the out to be read")
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=60)[0].decode()  # minutes for all of it
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, said
    assert not (work.root / "dvc.lock").exists()
    (work.root / "dvc.yaml").unlink()
    work.pipeline("  one: {cmd: echo small > huge, outs: [huge]}\n")
    assert work.outcomes() == {"one": "ran"}


def test_sigterm_is_passed_on(work: Work, waiting: Callable[[Path], None]) -> None:
    work.pipeline(f"  one:\n    cmd: trap 'touch {work.signs}/told; exit 1' TERM; touch {work.signs}/begun; while :; do sleep 0.01; done\n    outs: [b]\n")  # fmt: skip
    process = work.start("repro")
    waiting(work.signs / "begun")
    process.terminate()
    process.communicate()
    assert process.returncode == 143
    assert (work.signs / "told").exists()


@private_mostly
def test_two_do_not_run_one_stage(work: Work, waiting: Callable[[Path], None]) -> None:
    work.pipeline(f"  one:\n    cmd: touch {work.signs}/begun; while [ ! -e {work.signs}/go ]; do sleep 0.01; done; cp a b\n    deps: [a]\n    outs: [b]\n")  # fmt: skip
    process = work.start("repro")
    waiting(work.signs / "begun")
    assert "another process is running the stage 'one'" in work.vfs("repro", code=21)
    (work.signs / "go").touch()
    process.communicate()
    assert process.returncode == 0


@private_mostly
def test_a_frozen_stage_is_recorded_never_run(work: Work) -> None:
    work.pipeline("  one: {cmd: cat a > b, deps: [a], outs: [b], frozen: true}\n")
    assert "frozen, so it does not run, and b is not there" in work.vfs("repro", code=23)
    work.write("b", "by hand\n")
    assert work.outcomes("--dry-run") == {"one": "would-record"}
    assert work.outcomes() == {"one": "verified"}
    assert work.outcomes("--dry-run") == {"one": "unchanged"}


@private_mostly
def test_changed_data_that_variables_come_from_is_committed(work: Work) -> None:
    work.write("v.yaml", "n: 1\n")
    work.write("inner/w.yaml", "m: 1\n")
    work.write("other", "1\n")
    for path in ("v.yaml", "inner", "other"):
        work.vfs("add", path)
    work.write("dvc.yaml", "vars: [v.yaml]\nstages:\n  one: {cmd: 'echo ${n} > o', outs: [o]}\n  two: {cmd: 'echo ${m} > p', outs: [p], vars: [inner/w.yaml]}\n")  # fmt: skip
    work.vfs("repro")
    before = {path: work.read(f"{path}.dvc") for path in ("v.yaml", "inner", "other")}
    work.write("v.yaml", "n: 2\n")
    work.write("inner/w.yaml", "m: 2\n")
    work.write("other", "2\n")
    work.outcomes("--dry-run")
    work.outcomes("-s", "one")
    assert {path: work.read(f"{path}.dvc") for path in before} == before
    said = work.vfs("repro", "two")
    assert "git add inner.dvc v.yaml.dvc" in said
    assert [path for path in before if work.read(f"{path}.dvc") != before[path]] == ["v.yaml", "inner"]  # fmt: skip
    assert (work.root / "p").read_text() == "2\n"
    work.vfs("repro", "-f", "-j", "2")
    assert "other" in work.vfs("status")
    assert "v.yaml" not in work.vfs("status")


@private_mostly
def test_a_stage_may_make_the_file_of_its_own_variables(work: Work) -> None:
    work.write("v.yaml", "n: 1\n")
    work.write("dvc.yaml", "vars: [v.yaml]\nstages:\n  one: {cmd: 'echo \"n: ${n}\" > v.yaml', outs: [v.yaml]}\n")  # fmt: skip
    assert work.outcomes() == {"one": "ran"}
