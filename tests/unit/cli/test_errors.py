"""From exceptions to words and exit codes."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from tests.unit.cli.conftest import Done, process
from vfs.errors import FormatError, UnknownRevision
from vfs_cli.failure import report
from vfs_cli.text import printable

Vfs = Callable[..., Done]


def test_an_error_is_a_line_and_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    error = UnknownRevision("no revision 'x'", hint="git tag lists them")
    assert report(error, as_json=False, debug=False) == 4
    assert capsys.readouterr().err == "error: no revision 'x'\nhint: git tag lists them\n"


def test_the_same_as_json(vfs: Vfs) -> None:
    done = vfs("switch", "v1", "--json")
    assert done.code == 7
    assert done.out == ""
    assert done.error == {
        "type": "error",
        "code": "no-such-mount",
        "message": f"no mount belongs to {Path.cwd()}",
        "hint": "mount it first: vfs mount MOUNTPOINT",
        "exit_code": 7,
    }


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (("swich",), "did you mean 'vfs switch'"),
        (("nonsense",), "'vfs --help' lists the commands"),
        (("switch",), "Missing argument 'REV'"),
        (("completion",), "Choose from: bash, zsh, fish"),
        (("status", "--bogus"), "No such option"),
        (("--bogus",), "No such option"),
        (("umount", "--all", "/x"), "exclude each other"),
        (("ls", "--repo", "/x", "--mount", "/y"), "exclude each other"),
        (("mount", "/x", "-o", "sing"), "unknown mount option 'sing'"),
        (("cache", "clear", "5G"), "takes no argument"),
        (("diff", "a", "b", "c"), "more than two revisions"),
        (("cache", "unpin"), "the name of a pin is missing"),
        (("ls", "--rev", ""), "a revision may not be empty"),
        (("ls", ""), "a path may not be empty"),
        (("ls", "--repo", ""), "a repository may not be empty"),
        (("cat", ""), "a path may not be empty"),
        (("log", ""), "a path may not be empty"),
        (("diff", "a", ""), "a revision may not be empty"),
        (("prefetch", "a", ""), "a path may not be empty"),
        (("prefetch", "--glob", ""), "a pattern may not be empty"),
        (("switch", ""), "a revision may not be empty"),
        (("switch", "a", "--mount", ""), "a mount point may not be empty"),
        (("mount", ""), "a mount point may not be empty"),
        (("mount", "/x", "--rev", ""), "a revision may not be empty"),
        (("umount", ""), "a mount point may not be empty"),
    ],
)
def test_usage_errors_end_with_2(vfs: Vfs, args: tuple[str, ...], part: str) -> None:
    done = vfs(*args)
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert part in done.err
    assert "Traceback" not in done.err


def test_no_arguments_show_the_help(vfs: Vfs) -> None:
    done = vfs()
    assert (done.code, done.out) == (2, "")
    assert done.err == vfs("--help").out


def test_a_usage_error_as_json(vfs: Vfs) -> None:
    error = vfs("switch", "--json").error
    assert (error["code"], error["exit_code"], error["hint"]) == ("usage", 2, "vfs switch --help")


def test_json_after_two_dashes_is_an_argument(vfs: Vfs) -> None:
    assert vfs("switch", "--", "--json").err.startswith("error: no mount")


def test_a_writable_mount_is_unsupported(vfs: Vfs) -> None:
    assert vfs("mount", "-o", "rw", "/x").code == 20


def test_outside_any_repository(vfs: Vfs, world: Path) -> None:
    done = vfs("ls")
    assert done.code == 3
    assert "is not in a Git repository" in done.err


def test_a_bug_has_a_traceback_only_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError) as caught:
        dict[str, str]()["k"]
    assert report(caught.value, as_json=False, debug=False) == 70
    quiet = capsys.readouterr().err
    assert report(caught.value, as_json=False, debug=True) == 70
    loud = capsys.readouterr().err
    assert "internal error (KeyError: 'k')" in quiet
    assert "please report" in quiet
    assert "Traceback" not in quiet
    assert "Traceback" in loud


@pytest.mark.parametrize("args", [("--debug", "switch", "x"), ("--debug", "switch", "x", "--json")])
def test_debug_shows_where_an_error_came_from(vfs: Vfs, args: tuple[str, ...]) -> None:
    done = vfs(*args)
    assert done.code == 7
    assert "Traceback" in done.err
    assert "Traceback" not in vfs(*args[1:]).err


def test_interruptions(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(KeyboardInterrupt(), as_json=False, debug=False) == 130
    assert report(click.Abort(), as_json=True, debug=False) == 130
    assert report(BrokenPipeError(), as_json=False, debug=False) == 141
    assert capsys.readouterr().err == ""


def test_ctrl_c_while_waiting_for_a_daemon(world: Path) -> None:
    import socket

    from vfs.control.registry import MountRecord, mount_id, register

    runtime = world / "run" / "vfs"
    runtime.mkdir(mode=0o700)
    point = world / "mnt"
    with socket.socket(socket.AF_UNIX) as listener:
        path = runtime / f"{mount_id(point)}.sock"
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(30)
        register(MountRecord(mount_id(point), point, "/r", "HEAD", 1, 0.0, None, path))
        script = f"import sys; sys.path[:0] = {sys.path!r}; from vfs_cli.main import main; main()"
        command = [sys.executable, "-c", script, "switch", "v1", "--mount", str(point)]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as child:
            request = b""
            while b"switch" not in request:  # the registry's probes connect and leave
                connection, _ = listener.accept()
                connection.settimeout(30)
                request = connection.recv(65536)
                if b"switch" not in request:
                    connection.close()
            connection.settimeout(1)
            for _ in range(30):  # a signal just before a system call blocks is lost
                child.send_signal(signal.SIGINT)
                with contextlib.suppress(TimeoutError):
                    assert connection.recv(65536) == b""
                    break
            _, err = child.communicate(timeout=30)
            connection.close()
        assert child.returncode == 130
        assert b"Traceback" not in err


def test_a_closed_pipe_is_quiet() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    script = f"import sys; sys.path[:0] = {sys.path!r}; from vfs_cli.main import main; main()"
    with os.fdopen(writing, "wb") as out:
        done = subprocess.run(
            [sys.executable, "-c", script, "status"],
            stdout=out,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    assert done.returncode == 141
    assert done.stderr == b""


def test_no_colour_without_a_terminal() -> None:
    assert b"\x1b" not in process("switch", "x").stderr


def test_hostile_text_cannot_draw_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    report(
        FormatError("\x1b]0;owned\x07\nerror: fake \u202egnp", file="a\nb"),
        as_json=False,
        debug=False,
    )
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "\x1b" not in err
    assert "\u202e" not in err
    assert printable("plain ü 日本") == "plain ü 日本"
    assert printable("\udcff") == "\\udcff"
