"""`vfs top`: what mounts do, live on a terminal, as lines elsewhere."""

import itertools
import sys
import time
from contextlib import suppress

import click

from vfs.config.environment import colour_wanted
from vfs.control.registry import find_mounts
from vfs.errors import NoSuchMount
from vfs_cli.exits import MOUNT
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option
from vfs_cli.output import Output
from vfs_cli.parameters import MOUNT_POINT, Seconds
from vfs_cli.stats import the_mount
from vfs_cli.top.rates import document, line
from vfs_cli.top.watching import Seen, Watch

_FIRST = 0.5
_QUIT = ("q", "Q", "\x03", "\x04", "\x1b")
_DIGITS = tuple("123456789")
"""Seconds until the first figures are shown; keys that end it, and that choose a mount."""


@click.command(
    "top",
    cls=VerbCommand,
    examples=(
        ("vfs top", "all mounts of this user; q ends it"),
        ("vfs top /mnt/data", "one of them"),
        ("vfs top --once", "one line for each mount: what it did within a second"),
        ("vfs top --interval 10 --count 6 --json", "a minute of figures for a program"),
    ),
    exits=MOUNT,
)
@click.argument("mountpoint", type=MOUNT_POINT, required=False, metavar="[MOUNTPOINT]")
@click.option(
    "--interval", type=Seconds(0.1, 3600), default=1.0, show_default=True, metavar="SECONDS",
    help="How often to look.",
)  # fmt: skip
@click.option("--once", is_flag=True, help="Print one line for each mount, and end.")
@click.option("--count", type=click.IntRange(1), metavar="N", help="Print N times, and end.")
@json_option
def command(
    mountpoint: str | None, interval: float, once: bool, count: int | None, as_json: bool
) -> None:
    """Watch what mounts do: requests, hits, what comes from which remote, who waits, and for which files.

    On a terminal a screen that is kept up to date; q or Ctrl-C ends it. With --once or --count, with --json, or into a pipe, lines.
    What the kernel answers from its page cache is not seen. Files are those of the last 5 to 10 seconds.
    """
    output = Output(as_json)
    watch = Watch(the_mount(mountpoint) if mountpoint is not None else None)
    if mountpoint is None and not find_mounts():
        raise NoSuchMount("nothing is mounted", hint="mount it first: vfs mount MOUNTPOINT")
    if output.terminal and not once and count is None:
        _live(watch, interval)
        return
    watch.look()
    for _ in range(1) if once else itertools.count() if count is None else range(count):
        time.sleep(interval)
        _lines(output, watch.look())
        sys.stdout.flush()


def _lines(output: Output, seen: Seen) -> None:
    clock = time.strftime("%H:%M:%S")
    for look, rates in seen:
        if not output.json:
            output.line(line(look, rates, clock))
        elif rates is not None:
            output.document("top", document(look, rates))
        elif look.error is not None:
            silent = {"mountpoint": str(look.record.mountpoint), "error": look.error.code}
            output.document("top", silent)


def _live(watch: Watch, interval: float) -> None:
    from rich.console import Console
    from rich.live import Live

    from vfs_cli.top.keys import keys
    from vfs_cli.top.screen import screen

    console = Console(no_color=not colour_wanted(), highlight=False)
    chosen, due = 0, 0.0
    seen = watch.look()
    with (
        suppress(KeyboardInterrupt),
        keys() as pressed,
        Live(console=console, screen=True, auto_refresh=False) as live,
    ):
        due = time.monotonic() + min(interval, _FIRST)
        while True:
            chosen = min(chosen, max(0, len(seen) - 1))
            live.update(screen(seen, chosen, time.time(), console.height), refresh=True)
            key = pressed.wait(due - time.monotonic())
            if key is None:
                seen, due = watch.look(), time.monotonic() + interval
            elif key in _QUIT:
                return
            elif key == "\t" and seen:
                chosen = (chosen + 1) % len(seen)
            elif key in _DIGITS[: len(seen)]:
                chosen = int(key) - 1
