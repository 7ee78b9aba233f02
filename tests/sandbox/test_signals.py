"""Signals, the terminal, and what a command leaves running."""

import os
import pty
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.sandbox.conftest import World, running
from vfs.sandbox.view import View
from vfs.testing.mounts import wait_until


def program(world: World, driver: int) -> psutil.Process:
    """The process between a driver and its command."""
    found = psutil.Process(driver).children()
    assert len(found) == 1
    return found[0]


START = "touch .dvc/started;"
WAIT = "while :; do sleep 1000 & wait; done"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_ends_a_process_is_passed_on_to_the_command(
    world: World, number: signal.Signals
) -> None:
    trap = f"trap 'echo told; kill %1; exit 9' {number.name[3:]};"
    with running(world, f"{trap} {START} {WAIT}", "echo never") as process:
        program(world, process.pid).send_signal(number)
        output, errors = process.communicate(timeout=60)
    done = world.result(output.decode(), errors.decode())
    assert (done.code, done.last, done.output) == (9, 0, "told\n")


def test_a_signal_that_the_command_survives_begins_no_other(world: World) -> None:
    trap = f"trap 'exit 0' TERM; {START} {WAIT}"
    with running(world, trap, "echo never") as process:
        program(world, process.pid).terminate()
        output, errors = process.communicate(timeout=60)
    done = world.result(output.decode(), errors.decode())
    assert (done.code, done.last, done.output) == (-signal.SIGTERM, 1, "")


def test_a_signal_that_is_ignored_ends_nothing(world: World) -> None:
    """As below `nohup`."""
    wait = f"{START} until test -e .dvc/go; do :; done"
    with running(world, wait, "echo second", ignored=(signal.SIGHUP,)) as process:
        program(world, process.pid).send_signal(signal.SIGHUP)
        (world.tree / ".dvc/go").touch()
        output, errors = process.communicate(timeout=60)
    done = world.result(output.decode(), errors.decode())
    assert (done.code, done.output) == (0, "second\n")


@pytest.mark.parametrize(("key", "name"), [(b"\x03", "INT"), (b"\x1c", "QUIT")])
def test_what_is_typed_reaches_the_command_alone(world: World, key: bytes, name: str) -> None:
    """It is in the terminal's foreground; driver and program go on, and tell how the command ended."""
    trap = f"trap 'echo told; exit 5' {name}; test -t 0 && test -t 1 && {START} while :; do read x; done"
    argv = world.argv(trap)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *argv],
        env=world.environ,
        cwd="/",
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        wait_until(lambda: (world.tree / ".dvc/started").exists(), "the command")
        os.write(ours, key)
        assert process.wait(60) == 0
        said = os.read(ours, 4096).decode()
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert "told" in said
    assert world.result(said, "").code == 5


def test_what_is_typed_before_the_command_runs_is_not_lost(world: World) -> None:
    """The first of it that shows is the program, which may be anywhere before the command."""
    process = subprocess.Popen(
        world.argv("sleep 1000", "echo never"),
        env=world.environ,
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        driver = psutil.Process(process.pid)
        wait_until(driver.children, "the program")
        os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    done = world.result(output.decode(), errors.decode())
    assert (done.code, done.last, done.output) == (-signal.SIGINT, 0, "")


def test_a_signal_that_is_ignored_stays_so(world: World) -> None:
    line = "grep SigIgn /proc/self/status"
    found = world.run(line, ignored=[signal.SIGINT, signal.SIGHUP]).output
    ignored = (
        int(found.split()[1], 16) & (1 << signal.SIGRTMIN - 3) - 1
    )  # not those of the C library, which whoever started us may have ignored
    assert ignored == 1 << signal.SIGINT - 1 | 1 << signal.SIGHUP - 1


CHAIN = """
import os
os.setsid()
open(".dvc/x", "w")
while True:
    if os.fork():
        os._exit(0)
"""


@pytest.mark.parametrize(
    "line",
    [
        "sleep 1000 &",
        "(sleep 1000 & sleep 1000 & wait) & exit 0",
        "setsid sh -c 'sleep 1000 & sleep 1000' &",
        "setsid -f sh -c 'cd /; exec >/dev/null 2>&1 </dev/null; setsid -f sleep 1000; sleep 1000'",
        "sleep 1000 & kill -STOP $!",
        "(trap '' TERM HUP; while :; do sleep 1000; done) &",
        "nohup sleep 1000 &",
        f"/usr/bin/python3 -I -S -c '{CHAIN}' & while ! test -e .dvc/x; do :; done",
    ],
)
def test_what_is_left_in_the_background_is_ended(world: World, line: str) -> None:
    done = world.run(line)
    assert done.code == 0
    assert world.processes() == []


def test_they_are_asked_first(world: World) -> None:
    """And what they write then is in the view."""
    line = "(trap 'echo > bye; exit' TERM; touch .dvc/x; while :; do sleep 1000 & wait; done) & while ! test -e .dvc/x; do :; done"
    assert world.run(line).what == {"bye": "created"}


def test_between_lines_they_run_on(world: World) -> None:
    done = world.run("sleep 1000 & echo $! > pid", "kill -0 $(cat pid) && echo runs")
    assert done.output == "runs\n"


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    (tmp_path / "tree").mkdir()
    with View(str(tmp_path / "tree"), str(tmp_path / "scratch")) as view:
        yield view


def test_it_is_stopped_from_another_thread(view: View, tmp_path: Path) -> None:
    found = []
    line = f"touch {tmp_path}/started; sleep 1000"
    thread = threading.Thread(
        target=lambda: found.append(
            view.run([["sh", "-c", line], ["echo", "never"]], view.tree, dict(os.environ))
        )
    )
    thread.start()
    wait_until((tmp_path / "started").exists, "the command")
    view.stop()
    thread.join(30)
    assert [(status.code, status.last) for status in found] == [(-signal.SIGTERM, 0)]
    assert view.run([["true"]], view.tree, {}).code == -signal.SIGTERM, "and for good"


@pytest.mark.parametrize("early", [False, True])
def test_a_signal_is_passed_on_for_another_thread(view: View, tmp_path: Path, early: bool) -> None:
    found = []
    line = f"trap 'exit 3' TERM; touch {tmp_path}/started; while :; do sleep 1000 & wait; done"
    thread = threading.Thread(
        target=lambda: found.append(
            view.run([["sh", "-c", line], ["echo", "never"]], view.tree, dict(os.environ))
        )
    )
    if early:
        view.send_signal(signal.SIGTERM)
    thread.start()
    if not early:
        wait_until((tmp_path / "started").exists, "the command")
        view.send_signal(signal.SIGTERM)
    thread.join(30)
    assert [tuple(status)[:2] for status in found] == [(-signal.SIGTERM if early else 3, 0)]
    assert (tmp_path / "started").exists() is not early
    assert view.run([["true"]], view.tree, {}).code == -signal.SIGTERM, "and for good"


def test_an_interruption_ends_the_run(view: View, tmp_path: Path) -> None:
    def interrupt() -> None:
        wait_until((tmp_path / "started").exists, "the command")
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    line = f"touch {tmp_path}/started; echo $$ > {tmp_path}/pid; sleep 1000"
    with pytest.raises(KeyboardInterrupt):
        view.run([["sh", "-c", line]], view.tree, dict(os.environ))
    thread.join()
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_what_the_caller_blocks_the_command_blocks(view: View, tmp_path: Path) -> None:
    """A shell may clear it; and nothing of ours is blocked in either of them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    try:
        with (tmp_path / "said").open("w+") as said:
            view.run([["grep", "SigBlk", "/proc/self/status"]], view.tree, {}, stdout=said.fileno())
            said.seek(0)
            assert int(said.read().split()[1], 16) == 1 << signal.SIGUSR1 - 1
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == {*before, signal.SIGUSR1}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
