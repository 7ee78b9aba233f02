"""From a mount request to its end, in this process."""

import gc
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from vfs import log as logs
from vfs.config import Settings, default_settings, load_settings, runtime_dir, state_dir
from vfs.control.protocol import Failure, Progress, Result, encode_reply, failure_of
from vfs.control.registry import mount_id
from vfs.daemon.attachment import attachment_for
from vfs.daemon.ending import Ending
from vfs.daemon.memory import give_back, one_heap
from vfs.daemon.mountpoint import (
    data_above,
    refuse_covering,
    refuse_overlap,
)
from vfs.daemon.request import MountRequest
from vfs.daemon.service import Service
from vfs.descriptors import raise_limit
from vfs.errors import DaemonError, VfsError, only_vfs_error
from vfs.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from vfs.daemon.exporter import Exporter

log = logging.getLogger("vfs.daemon")

SWITCH_INTERVAL = 0.0002
"""Seconds a worker thread waits for the interpreter while the loop is busy. At Python's 5 ms, telling the kernel of 1,000 changed
names next to busy readers took 0.5 s, almost all of it waiting."""

COLLECT_AFTER = 20_000
"""Objects made between two searches for cyclic garbage. A request makes a dozen and no cycles; at Python's 700, searching cost more
than looking names up, and a quarter of building a catalog."""

INTERNAL_EXIT = 70
"""Exit code of a bug (EX_SOFTWARE)."""


class Reporter:
    """Tells the process that started us how it goes; silent once it has gone."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """Some of a stage is done."""
        self._send(encode_reply(Progress({"stage": stage, "done": done, "total": total})))

    def ready(self, result: dict[str, Any]) -> None:
        """The mount can be used."""
        self._send(encode_reply(Result(result)))
        self._close()

    def failed(self, failure: Failure) -> None:
        """There will be no mount."""
        self._send(encode_reply(failure))
        self._close()

    def _send(self, frame: bytes) -> None:
        if self._descriptor >= 0:
            try:
                os.write(self._descriptor, frame)
            except OSError:
                self._close()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def run_reporting(request: MountRequest) -> int:
    """Serve a mount and report over the request's descriptor; returns the exit code."""
    reporter = Reporter(request.report)
    try:
        run(request, reporter)
    except VfsError as error:
        reporter.failed(failure_of(error))
        return error.exit_code
    except SystemExit:
        raise  # somebody wants no mount any more
    except BaseException as error:  # noqa: BLE001 - `run` has logged it
        reporter.failed(Failure("internal", f"internal error: {error}", None, INTERNAL_EXIT))
        return INTERNAL_EXIT
    return 0


def run(request: MountRequest, reporter: Reporter) -> None:
    """Build the snapshot, mount, serve until the end.

    Raises:
        VfsError: whatever kept the mount from being made, or ended it; it is in the log, as any other error is.
        SystemExit: a signal came before there was a mount.
    """
    raise_limit()
    one_heap()
    gc.set_threshold(COLLECT_AFTER, 20, 50)
    log_file = state_dir() / f"{mount_id(request.mountpoint)}.log"
    release = logs.hold()  # how the log looks is a setting as well
    settings, refused = _settings(request)
    close_log = logs.setup(log_file, request.foreground, as_json=settings.log_json)
    release()
    ending = Ending()
    try:
        if refused is not None:
            raise refused
        workspace = open_workspace(request.repo, settings)
        try:
            _serve(request, reporter, workspace, log_file, ending)
        finally:
            workspace.close()
    except Exception as error:
        known = only_vfs_error(error)
        if known is None:
            log.exception("internal error (this is a bug)")
            raise
        log.log(known.log_level, "%s", known)
        raise known from None
    except SystemExit:
        log.info("told to end before anything was mounted")
        raise
    finally:
        close_log()


def _serve(
    request: MountRequest, reporter: Reporter, workspace: Workspace, log_file: Path, ending: Ending
) -> None:
    attachment = attachment_for(request)
    attachment.check()
    snapshot = workspace.snapshot(request.rev, reporter.progress)
    refuse_own_places(request.mountpoint, workspace)
    for problem in snapshot.problems[:100]:
        hint = f" ({problem.hint})" if problem.hint else ""
        log.warning("%s: %s%s", os.fsdecode(problem.path), problem.message, hint)
    gc.collect()
    give_back()
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.freeze()  # what is alive now lives as long as the mount: no collection need look at it
    recent = logs.Recent()
    with _exporting(request, workspace.settings.metrics_listen) as exporter:
        ending.mounting()
        attachment.attach(f"vfs:{workspace.name}")
        service = Service(request, workspace, snapshot, log_file, recent, attachment, exporter)
        service.mount()
        log.info("mounted %s at %s", workspace.name, request.mountpoint)
        trio.run(service.run, _announce(service, reporter), ending)
        log.info("unmounted %s", request.mountpoint)


@contextmanager
def _exporting(request: MountRequest, address: str) -> "Iterator[Exporter | None]":
    """The metrics at an address; a mount that was not itself told of it goes on without, if it cannot be had.

    Raises:
        DaemonError: it cannot be had, and the command line named it.
    """
    if not address:
        yield None
        return
    from vfs.daemon.exporter import Exporter  # with a web server, which most mounts do without

    exporter = None
    try:
        exporter = Exporter(address)
    except DaemonError as error:
        if any(key == "metrics.listen" for key, _ in request.options.settings):
            raise
        log.warning("%s (%s)", error, error.hint)
    try:
        yield exporter
    finally:
        if exporter is not None:
            exporter.close()


def _announce(service: Service, reporter: Reporter) -> Callable[[], None]:
    def announce() -> None:
        reporter.ready(service.status())

    return announce


def refuse_own_places(mountpoint: Path, workspace: Workspace) -> None:
    """Refuse a mount point that would make the daemon wait for itself.

    To be asked once a snapshot is built: it is the snapshot that says which caches and remotes are read.

    Raises:
        MountPointRefused: naming the place.
    """
    own = [workspace.settings.cache_dir, runtime_dir(), state_dir(), *workspace.data_directories()]
    roots = [] if workspace.root is None else [_real(workspace.root)]
    own += [place for root in roots for place in data_above(mountpoint, root)]
    refuse_overlap(mountpoint, [_real(path) for path in own])
    refuse_covering(mountpoint, [_real(Path(sys.prefix)), *roots])


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _settings(request: MountRequest) -> tuple[Settings, VfsError | None]:
    """The settings; the built-in ones and why, if those that are written cannot be used."""
    root = Path(request.repo)
    try:
        found = load_settings(root if root.is_dir() else None, dict(request.options.settings))
    except VfsError as error:
        return default_settings(), error
    return found, None
