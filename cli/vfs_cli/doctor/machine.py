"""Checks of the machine: cache directory, limits, private directories.

Source of file system names: /proc/self/mountinfo (types of the kernel and of common FUSE file systems).
"""

import os
import resource
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from vfs.config import Settings
from vfs.config.units import GIB, format_size
from vfs_cli.doctor.finding import Finding, bad, note, ok

_NETWORK = frozenset(
    [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "afs",
        "ceph",
        "glusterfs",
        "lustre",
        "gpfs",
        "beegfs",
        "fuse.sshfs",
        "fuse.s3fs",
        "fuse.rclone",
        "fuse.glusterfs",
        "fuse.ceph",
        "virtiofs",
    ]
)
_MEMORY = frozenset({"tmpfs", "ramfs"})
WANTED_FILES = 4096


def cache_place(directory: Path, table: bytes | None = None) -> Finding:
    """Is the cache on a local disk?"""
    name = "cache-place"
    kind = file_system_of(
        directory, Path("/proc/self/mountinfo").read_bytes() if table is None else table
    )
    fix = "set cache.dir in ~/.config/vfs/config.yaml to a directory on a local disk"
    if kind in _NETWORK:
        return bad(
            name, f"{directory} is on {kind}: a database file on a network may be damaged", fix
        )
    if kind in _MEMORY:
        return note(
            name, f"{directory} is on {kind}: the cache takes memory and is lost at restart", fix
        )
    return ok(name, f"{directory} is on {kind or 'a disk'}")


def file_system_of(directory: Path, table: bytes) -> str:
    """The type of the file system that `directory` lies on, by the mount table; empty if unknown."""
    place, best, kind = os.path.realpath(directory), -1, ""
    for line in table.decode("utf-8", "surrogateescape").splitlines():
        fields = line.split(" ")
        if "-" not in fields[6:]:
            continue
        point = fields[4].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:
            best, kind = len(point), fields[fields.index("-", 6) + 1]
    return kind


def cache_writable(directory: Path) -> Finding:
    """May we write there? Looks at the nearest directory that exists."""
    name = "cache-writable"
    existing = _existing(directory)
    if os.statvfs(existing).f_flag & os.ST_RDONLY:
        return bad(
            name,
            f"{existing} lies on a read-only file system: nothing is cached",
            "mount it read-write, or move cache.dir",
        )
    if not os.access(existing, os.W_OK | os.X_OK):
        return bad(
            name,
            f"{existing} is not writable: nothing is cached",
            f"sudo chown $(id -u) {existing}",
        )
    return ok(name, f"{directory} can be written")


def cache_space(settings: Settings) -> Finding:
    """Is there room for the cache?"""
    name = "cache-space"
    info = os.statvfs(_existing(settings.cache_dir))
    free = info.f_bavail * info.f_frsize
    if free <= settings.min_free:
        return note(
            name,
            f"{format_size(free)} free, and {format_size(settings.min_free)} are to stay free: nothing new is cached",
            "free some space, lower cache.min_free, or move cache.dir",
        )
    return ok(name, f"{format_size(free)} free, cache limit {format_size(settings.cache_limit)}")


def catalog(directory: Path) -> Finding:
    """Can the catalog be read? Another process tries: what is damaged may end it."""
    from vfs.catalog import is_readable

    if is_readable(directory / "catalog"):
        return ok("catalog", "sound")
    return bad(
        "catalog",
        "its file is damaged: it is made anew by whoever meets the damage, or now",
        "vfs cache verify",
    )


def open_files(limits: tuple[int, int] | None = None) -> Finding:
    """How many files may a daemon open that is started from here? It raises its soft limit to the hard one.

    Args:
        limits: soft and hard; those of this process if None.
    """
    name = "open-files"
    soft, hard = limits or resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < WANTED_FILES:
        return note(
            name,
            f"a daemon started here may open {hard} files (soft limit {soft}, hard limit {hard}), and wants {WANTED_FILES}",
            f"sudo prlimit --pid $$ --nofile={WANTED_FILES}:{WANTED_FILES}, and mount anew (for good: * hard nofile {WANTED_FILES} in /etc/security/limits.conf)",
        )
    most = "any number of" if hard == resource.RLIM_INFINITY else hard
    return ok(name, f"a daemon started here may open {most} files (this shell: {soft})")


def daemon_files(mounts: Iterable[tuple[Path, int]]) -> Iterator[Finding]:
    """What daemons that run have; of the others nothing is said.

    Args:
        mounts: mount point and process of each.
    """
    name = "daemon-files"
    for path, pid in mounts:
        try:
            soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            used = len(os.listdir(f"/proc/{pid}/fd"))
        except OSError:
            continue
        text = (
            f"{path} (process {pid}) has {used} files open of {'any number' if soft < 0 else soft}"
        )
        if soft == resource.RLIM_INFINITY or soft >= WANTED_FILES:
            yield ok(name, text)
            continue
        enough = hard == resource.RLIM_INFINITY or hard >= WANTED_FILES
        wanted = f"{WANTED_FILES}:" if enough else f"{WANTED_FILES}:{WANTED_FILES}"
        sudo = "" if enough else "sudo "
        yield note(name, text, f"{sudo}prlimit --pid {pid} --nofile={wanted}")


def private_directories(variable: str | None, runtime: Path, uid: int) -> Iterator[Finding]:
    """Where sockets lie, and whether that is what the session meant."""
    name = "runtime-directory"
    if variable is None:
        fix = f"log in through PAM (loginctl), or export XDG_RUNTIME_DIR=/run/user/{uid}"
        yield note(name, f"XDG_RUNTIME_DIR is not set: sockets lie in {runtime}", fix)
    elif not runtime.is_relative_to(variable):
        yield note(
            name,
            f"XDG_RUNTIME_DIR={variable} is missing or belongs to somebody else: sockets lie in {runtime}",
            f"export XDG_RUNTIME_DIR=/run/user/{uid}",
        )
    else:
        yield ok(name, f"sockets lie in {runtime}")


def memory(settings: Settings, table: Path = Path("/proc/meminfo")) -> Finding:
    """Does the byte budget fit into memory?"""
    name = "memory"
    rows = dict(line.split(":", 1) for line in table.read_text().splitlines() if ":" in line)
    total = int(rows["MemTotal"].split()[0]) << 10
    text = f"{format_size(settings.memory_limit)} in flight at most, {format_size(total)} of memory"
    if settings.memory_limit * 4 > total or total < GIB // 2:
        return note(name, text, "set transfer.memory to less, e.g. 64MiB")
    return ok(name, text)


def private_view(scratch: Path) -> Finding:
    """Can a command of a stage run in a private view with its scratch there? Tries it."""
    from vfs.sandbox.view import supported

    name = "private-view"
    try:
        refusal = supported(os.fspath(scratch))
    except OSError as error:
        return note(name, f"cannot be tried in {scratch}: {error.strerror}")
    if refusal is None:
        return ok(name, "stages can run in private views")
    return note(name, refusal.message, refusal.hint or "")


def scratch_place(root: Path | None) -> Path:
    """Where the scratch of a stage of a repository lies, or would if it had one."""
    place = None if root is None else root / ".dvc" / "tmp"
    return place if place is not None and os.access(place, os.W_OK) else Path(tempfile.gettempdir())


def _existing(directory: Path) -> Path:
    for candidate in (directory, *directory.parents):
        if candidate.exists():
            return candidate
    return Path("/")
