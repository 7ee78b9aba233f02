"""Kill -9 of whoever, at any point of a run: nothing of it is left, neither process nor mount, and the tree is as it was."""

import contextlib
import os
import random
import select
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.sandbox.conftest import World
from vfs.errors import VfsError
from vfs.sandbox import program
from vfs.sandbox.child import Child
from vfs.sandbox.order import Layout, Order
from vfs.sandbox.view import View
from vfs.testing.mounts import wait_until
from vfs.testing.variants import all_but

LINE = (
    "setsid sh -c 'echo > .dvc/daemon; while :; do sleep 1000; done' & (while :; do sleep 1000; done) & "
    "echo > .dvc/started; n=0; while :; do n=$((n + 1)); echo $n > f; rm -f d/g; mkdir -p d; echo > d/g; done"
)

Point = Callable[[World, psutil.Process], object]


def driver_runs(world: World, driver: psutil.Process) -> object:
    return driver.is_running()


def scratch_is_made(world: World, driver: psutil.Process) -> object:
    return world.scratch.exists()


def program_runs(world: World, driver: psutil.Process) -> object:
    return driver.children()


def view_is_being_made(world: World, driver: psutil.Process) -> object:
    return any(world.scratch.glob("work-*/work"))


def command_runs(world: World, driver: psutil.Process) -> object:
    return (world.tree / ".dvc/started").exists()


def daemon_runs(world: World, driver: psutil.Process) -> object:
    return (world.tree / ".dvc/daemon").exists()


def command_writes(world: World, driver: psutil.Process) -> object:
    return (world.scratch / "upper/d/g").exists()


POINTS: list[Point] = [
    driver_runs,
    scratch_is_made,
    program_runs,
    view_is_being_made,
    command_runs,
    daemon_runs,
    command_writes,
]


def start(world: World) -> "subprocess.Popen[bytes]":
    world.write("f", "tree")
    for name in ("started", "daemon"):
        (world.tree / ".dvc" / name).unlink(missing_ok=True)
    subprocess.run(["rm", "-rf", world.scratch], check=True)
    with said(world).open("wb") as errors:
        return subprocess.Popen(
            world.argv(LINE, keep=True),
            env=world.environ,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )


def said(world: World) -> Path:
    return world.sandbox.root / "errors"


def killed_at(world: World, point: Point, level: int) -> int:
    """Kill the driver (0), the program (1) or the command (2) when a point is reached; the driver's status."""
    process = start(world)
    driver = psutil.Process(process.pid)

    def victim() -> psutil.Process | None:
        found: psutil.Process | None = driver
        with contextlib.suppress(psutil.NoSuchProcess):
            for _ in range(level):
                found = next(iter(found.children()), None) if found else None
        return found

    try:
        wait_until(lambda: point(world, driver), point.__name__)
        wait_until(victim, "whom to kill")
        target = victim()
        assert target is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            target.kill()
        status = process.wait(60)
    finally:
        process.kill()
        process.wait()
    world.nothing_is_left()
    assert "Traceback" not in said(world).read_text()
    assert (world.tree / "f").read_text() == "tree"
    assert not (world.tree / "d").exists()
    return status


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.__name__)
def test_the_caller_is_killed(world: World, point: Point) -> None:
    killed_at(world, point, 0)


@pytest.mark.parametrize("point", POINTS[2:], ids=lambda point: point.__name__)
def test_the_program_is_killed(world: World, point: Point) -> None:
    """The caller says so, and ends what else ran."""
    assert killed_at(world, point, 1) == 0
    done = world.result("", "")
    assert "the process that ran a command in a private view was ended (status -9)" in done.error


def test_the_command_is_killed(world: World) -> None:
    assert killed_at(world, command_writes, 2) == 0
    assert world.result("", "").code == -9


@pytest.mark.slow
@pytest.mark.parametrize("seed", all_but((2,), range(4)))
def test_anyone_is_killed_at_random(world: World, seed: int) -> None:
    """Some looks after a point, in which the kernel has gone on."""
    chance = random.Random(seed)
    for _ in range(6):
        point = chance.choice(POINTS)
        looks = chance.randrange(200)
        left = iter(range(looks))

        def later(
            world: World, driver: psutil.Process, point: Point = point, left: object = left
        ) -> object:
            while point(world, driver) and next(left, None) is not None:  # type: ignore[call-overload]
                os.sched_yield()
            return point(world, driver)

        killed_at(world, later, chance.randrange(2 if point in POINTS[:4] else 3))


def test_views_beside_one_whose_program_is_killed_go_on(tmp_path: Path) -> None:
    """The kernel gives the number of a namespace that is gone to the next one."""
    killed = threading.Event()

    def view(name: str) -> View:
        (tmp_path / name).mkdir()
        return View(str(tmp_path / name), str(tmp_path / f"{name}-scratch"))

    def victims() -> None:
        try:
            with view("victim") as victim:
                for _ in range(8):
                    with pytest.raises(VfsError, match="was ended"):
                        victim.run([["sh", "-c", "kill -9 $PPID; sleep 1000"]], victim.tree, {})
        finally:
            killed.set()

    def beside(name: str) -> list[int]:
        found = []
        with view(name) as other:
            while not killed.is_set():
                found.append(other.run([["sh", "-c", ":; :"]], other.tree, {}).code)
        return found

    with ThreadPoolExecutor(4) as pool:
        ends = pool.submit(victims)
        others = [pool.submit(beside, name) for name in ("a", "b", "c")]
        ends.result()
        assert {code for other in others for code in other.result()} == {0}


def test_a_caller_that_is_gone_with_what_it_was_told(tmp_path: Path) -> None:
    """The program has said that the view is ready, and nobody has heard it."""
    for name in ("tree", "upper", "work", "mask"):
        (tmp_path / name).mkdir()
    places = {name: os.fsencode(tmp_path / name) for name in ("tree", "upper", "work", "mask")}
    order = Order(
        layout=Layout(**places, below=[], hide=[], through=[]),  # type: ignore[typeddict-item]
        watching=None,
        commands=[[b"touch", b"never"]],
        cwd=places["tree"],
        environment={},
        ignored=[],
        blocked=[],
    )
    with (tmp_path / "errors").open("wb") as errors:
        child = Child(order, None, None, errors.fileno())
    program.send(child._channel.fileno(), order)
    select.select([child._channel], [], [])
    child._channel.close()  # as the kernel does for one that is killed
    child._process.wait(30)
    assert (tmp_path / "errors").read_text() == ""
    assert os.listdir(tmp_path / "upper") == []
    assert child.status == 0
