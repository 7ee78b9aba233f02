"""`vfs mount`: start a daemon that shows a revision at a mount point."""

import os
import sys
from pathlib import Path

import click

from vfs.config.schema import TRANSPORTS
from vfs.control.client import call
from vfs.control.mountinfo import is_mounted
from vfs.control.registry import MountOptions, MountRecord, repository_root
from vfs.descriptors import given
from vfs.errors import (
    DaemonError,
    MountPointRefused,
    Unsupported,
    UsageError,
)
from vfs_cli.exits import SNAPSHOT
from vfs_cli.group import VerbCommand
from vfs_cli.options import (
    bandwidth_option,
    chosen,
    json_option,
    offline_option,
    repo_option,
)
from vfs_cli.output import Output
from vfs_cli.parameters import ADDRESS, DIRECTORY, FILE, REV
from vfs_cli.progress import Progress
from vfs_cli.switch import note_problems
from vfs_cli.text import printable

_FLAGS = ("nodev", "nosuid", "noexec", "default_permissions")
_IMPLIED = ("ro", "auto", "noauto", "user", "nouser", "_netdev", "nofail", "defaults")
_KNOWN = f"allow_other, allow_root, {', '.join(_FLAGS)}, ro, or a setting such as transfer.jobs=32"


@click.command(
    "mount",
    cls=VerbCommand,
    examples=(
        ("vfs mount /mnt/data", "HEAD of the repository of this directory"),
        ("vfs mount --rev v1.0 /mnt/old", "a second mount, pinned to a tag"),
        ("vfs mount --rev worktree /mnt/now", "follows pointers that are not committed yet"),
        ("vfs mount --repo https://host/r.git /mnt/r", "without a clone of your own"),
        ("vfs mount -o allow_other /mnt/data", "readable for every user"),
        ("vfs mount --fuse-socket /run/vfs-helper.sock /mnt/data", "without any privilege"),
        ("vfs mount --metrics-listen 9464 /mnt/data", "Prometheus finds its metrics on this port"),
    ),
    exits=(*SNAPSHOT, MountPointRefused, DaemonError),
)
@click.argument("mountpoint", type=DIRECTORY)
@repo_option
@click.option(
    "--rev", type=REV, default="HEAD", metavar="REV", show_default=True,
    help="Whatever Git resolves, or 'worktree' for the pointers as they lie there now.",
)  # fmt: skip
@click.option(
    "-f", "--foreground", is_flag=True, help="Stay in the foreground and log to the terminal."
)
@click.option(
    "--transport",
    type=click.Choice(TRANSPORTS),
    help="How to talk to the kernel; auto is the fastest that works (default: mount.transport).",
)
@click.option(
    "--fuse-fd",
    type=click.IntRange(min=0),
    metavar="N",
    help="Serve what was mounted with this inherited descriptor of /dev/fuse.",
)
@click.option(
    "--fuse-socket",
    type=FILE,
    metavar="PATH",
    help="Have `vfs fuse-helper`, which listens there, make the mount.",
)
@click.option(
    "--metrics-listen", "listen", type=ADDRESS, metavar="ADDR",
    help="Give metrics to Prometheus at HOST:PORT, PORT (of this machine alone) or the path of a Unix socket.",
)  # fmt: skip
@click.option(
    "--log-json", "log_json", is_flag=True, help="Log JSON objects, one a line, instead of lines for people."
)  # fmt: skip
@click.option(
    "-o", "options", multiple=True, metavar="OPTION,…",
    help="Mount options: allow_other, allow_root, nodev, nosuid, noexec, or SETTING=VALUE.",
)  # fmt: skip
@bandwidth_option
@offline_option
@json_option
def command(
    mountpoint: str,
    repo: str | None,
    rev: str,
    foreground: bool,
    transport: str | None,
    fuse_fd: int | None,
    fuse_socket: str | None,
    listen: str | None,
    log_json: bool,
    options: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show a revision of a repository as a directory.

    Returns when MOUNTPOINT can be used. Files appear at once; their bytes come when they are read. The mount is
    read-only and lives until `vfs umount`.
    """
    from vfs.daemon.start import start_mount

    options = (*options, *(f"{key}={text}" for key, text in chosen().items()))
    given = _with_settings(parse_options(options, transport), listen, log_json)
    parsed = _made_elsewhere(given, fuse_fd, fuse_socket)
    point = _mount_point(mountpoint) if parsed.made_here else Path.cwd() / mountpoint
    with Progress(quiet=as_json or foreground) as progress:

        def tell(record: MountRecord) -> None:
            progress.clear()
            _show(Output(as_json), record)

        try:
            start_mount(_source(repo), rev, point, parsed, foreground, progress.data, tell)
        except DaemonError as error:
            raise _explained(error, parsed) from error


def parse_options(options: tuple[str, ...], transport: str | None = None) -> MountOptions:
    """The values of `-o`, comma-separated and repeatable, as in mount(8).

    Raises:
        UsageError: an option vfs does not know.
        Unsupported: a writable mount is asked for.
    """
    result = MountOptions(transport=transport)
    for name in (word for option in options for word in option.split(",") if word):
        if name == "allow_other":
            result = result._replace(allow_other=True)
        elif name == "allow_root":
            result = result._replace(allow_root=True)
        elif name in _FLAGS:
            result = result._replace(extra=(*result.extra, name))
        elif "=" in name and "." in name.partition("=")[0]:
            key, _, value = name.partition("=")
            result = result._replace(settings=(*result.settings, (key, value)))
        elif name == "rw":
            raise Unsupported("a mount of vfs is read-only", hint="leave out the option 'rw'")
        elif name not in _IMPLIED:
            raise UsageError(f"unknown mount option {name!r}", hint=f"known: {_KNOWN}")
    if result.allow_other and result.allow_root:
        raise UsageError(
            "allow_other and allow_root exclude each other", hint="allow_other includes root"
        )
    return result


def _made_elsewhere(
    options: MountOptions, fuse_fd: int | None, fuse_socket: str | None
) -> MountOptions:
    """The options with who makes the mount, if we do not. Raises UsageError: what we cannot decide then."""
    if fuse_fd is not None and fuse_socket is not None:
        raise UsageError("--fuse-fd and --fuse-socket exclude each other")
    result = options._replace(
        fuse_fd=fuse_fd, fuse_socket=fuse_socket and str(Path.cwd() / fuse_socket)
    )
    if fuse_fd is not None:
        from vfs.daemon.attachment import check_descriptor

        check_descriptor(fuse_fd)
        if options.allow_other or options.allow_root or options.extra:
            raise UsageError(
                "with --fuse-fd the mount's options are those it was made with",
                hint="-o takes settings only, such as transfer.jobs=32",
            )
    if fuse_socket is not None and options.allow_root:
        raise UsageError("a helper has no allow_root", hint="-o allow_other includes root")
    return result


def _with_settings(options: MountOptions, listen: str | None, log_json: bool) -> MountOptions:
    """The options with what has an option of its own and is a setting."""
    added = []
    if listen is not None:
        local = "/" in listen and not listen.startswith("[")
        added.append(("metrics.listen", os.path.abspath(listen) if local else listen))
    if log_json:
        added.append(("log.json", "true"))
    return options._replace(settings=(*options.settings, *added))


def _explained(error: DaemonError, options: MountOptions) -> DaemonError:
    """The error of a mount with what this machine lacks for it, if it lacks something."""
    if not options.made_here:
        return error
    from vfs_cli.doctor import fuse
    from vfs_cli.doctor.finding import State

    checks = [fuse.fuse_device(), fuse.fusermount(), fuse.right_to_mount()]
    if options.allow_other or options.allow_root:
        checks.append(fuse.allow_other())
    lacking = [check for check in checks if check.state is not State.OK]
    if not lacking:
        return error
    causes = "; ".join(check.message for check in lacking)
    return DaemonError(f"{error.message}: {causes}", hint="; then: ".join(c.fix for c in lacking))


def _mount_point(text: str) -> Path:
    """The mount point, absolute; a symlink is followed unless something is mounted there that may not answer."""
    plain = Path(os.path.normpath(Path.cwd() / text))
    return plain if given(plain) is not None or is_mounted(plain) else Path(os.path.realpath(plain))


def _source(repo: str | None) -> str:
    """The repository for a daemon that does not run in this directory."""
    path = Path.cwd() if repo is None else Path(repo).expanduser().absolute()
    if repo is not None and not path.exists():
        return repo
    return str(repository_root(path) or path)


def _show(output: Output, record: MountRecord) -> None:
    if output.json:
        output.document("mount", record_fields(record))
    else:
        output.line(f"{record.mountpoint} shows {record.rev} of {printable(record.repo)}")
        status = call(record, "status", {})
        for notice in status.get("notices") or []:
            output.note(notice)
        note_problems(output, record, status)
    sys.stdout.flush()  # while it can still be taken down


def record_fields(record: MountRecord) -> dict[str, object]:
    """A record for JSON."""
    fields: dict[str, object] = record._asdict()
    for name in ("mountpoint", "log", "socket"):
        fields[name] = None if fields[name] is None else str(fields[name])
    return fields
