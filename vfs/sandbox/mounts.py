"""The mounts of a private view, made in a namespace that this process has to itself.

    tree        overlay: upper | the working tree | mask | lazy directories
    tree/.git   bound through: what lay there before the overlay

Rules:

* Every directory is handed to the kernel as `/proc/self/fd/N`, so no path needs the overlay's escapes, is too long for them or changes meanwhile.
* `userxattr`, as root too: one way for all. It turns redirections and metadata-only copies off, so a renamed directory is copied by `mv`,
  and a file in the upper directory is complete. `volatile`: nothing is synced, neither by the command nor when the view ends (that would wait for all
  that anybody wrote to that file system); whoever takes files out of the upper directory makes them durable.
* The mask is a tmpfs of whiteouts. One hides a file, and one for a directory that the working tree has ends what is below it there: it does
  what an opaque directory would, without extended attributes, which tmpfs has only since Linux 6.6.
* What is mounted below the working tree stays visible: an overlay would show the directory under it.

Source: `Documentation/filesystems/overlayfs.rst`, `user_namespaces(7)`.
"""

from __future__ import annotations

import os
import stat

from vfs.sandbox import kernel

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` is a third of what the program would import
    from vfs.sandbox.order import Layout
    from vfs.sandbox.watch import Watch

_OPTIONS = b"userxattr,index=off,volatile"
_MASK = b"mode=755,nr_inodes=0"
_HERE = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_FLAGS = {
    os.ST_NOSUID: kernel.NOSUID,
    os.ST_NODEV: kernel.NODEV,
    os.ST_NOEXEC: kernel.NOEXEC,
    os.ST_NOATIME: kernel.NOATIME,
}


class StepError(Exception):
    """A step towards the view that failed: its name, and why."""

    def __init__(self, step: str, error: OSError) -> None:
        super().__init__(step)
        self.step = step
        self.error = error


def enter() -> None:
    """A mount namespace of our own, where nothing that is mounted leaves it. Raises StepError.

    Whoever may not have one has it in a user namespace, as who they are. Their groups go on to count, but cannot be changed there.
    """
    user, group = os.geteuid(), os.getegid()
    try:
        kernel.unshare(kernel.NEW_NAMESPACE)
    except OSError:
        try:
            kernel.unshare(kernel.NEW_USER | kernel.NEW_NAMESPACE)
        except OSError as error:
            raise StepError("namespace", error) from error
        try:
            _write(b"/proc/self/setgroups", b"deny")
            _write(b"/proc/self/uid_map", b"%d %d 1" % (user, user))
            _write(b"/proc/self/gid_map", b"%d %d 1" % (group, group))
        except OSError as error:
            raise StepError("map", error) from error
    try:
        kernel.mount(b"none", b"/", None, kernel.RECURSIVE | kernel.PRIVATE, b"")
    except OSError as error:
        raise StepError("private", error) from error


def build(layout: Layout, watch: Watch | None) -> None:
    """Make the view; this process must not be in the tree. Raises StepError."""
    step = "layers"
    try:
        tree = os.open(layout["tree"], _HERE)
        kept = _kept(layout, tree)
        shown = [tree, *(os.open(path, _HERE) for path in layout["below"])]
        layers = list(shown)
        step = "mask"
        if layout["hide"] and layout["below"]:
            layers.insert(1, _mask(layout))
        step = "watch"
        lowest = watch.survey(shown, layout["hide"], [path for path, _ in kept]) if watch else []
        step = "overlay"
        _overlay(layout, [*layers, *lowest])
        view = os.open(layout["tree"], _HERE)
        if watch:
            watch.watch(view, lowest)
        step = "through"
        for path, source in kept:
            _bind(source, view, path)
            os.close(source)
        for number in (view, *layers, *lowest):
            os.close(number)
    except OSError as error:
        raise StepError(step, error) from error


def take_down(layout: Layout) -> None:
    """Nobody is in the view any more: its mounts go now, not some time after this process has ended."""
    kernel.detach(layout["tree"])
    if layout["hide"] and layout["below"]:
        kernel.detach(layout["mask"])


def _overlay(layout: Layout, layers: list[int]) -> None:
    upper, work = os.open(layout["upper"], _HERE), os.open(layout["work"], _HERE)
    try:
        options = b"%s,lowerdir=%s,upperdir=%s,workdir=%s" % (
            _OPTIONS,
            b":".join(map(_name, layers)),
            _name(upper),
            _name(work),
        )
        has = os.fstatvfs(layers[0]).f_flag
        flags = sum(ours for theirs, ours in _FLAGS.items() if has & theirs)
        kernel.mount(b"vfs-run", layout["tree"], b"overlay", flags, options)
    finally:
        os.close(upper)
        os.close(work)


def _kept(layout: Layout, tree: int) -> list[tuple[bytes, int]]:
    """What the overlay must not cover, by path in the tree, each open as it is now."""
    mounted = set(_mounted_below(layout["tree"]))
    kept: list[tuple[bytes, int]] = []
    for path in sorted(mounted.union(layout["through"])):
        if any(path.startswith(above + b"/") for above, _ in kept):
            continue  # it comes with what is above it
        try:
            source = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=tree)
        except OSError:
            continue  # not there
        # a mount is no symlink, and is not looked at: nobody may answer
        if path not in mounted and stat.S_ISLNK(os.fstat(source).st_mode):
            os.close(source)
        else:
            kept.append((path, source))
    return kept


def _mounted_below(tree: bytes) -> list[bytes]:
    """Mount points in the tree, relative to it. Format: `proc_pid_mountinfo(5)`."""
    with open("/proc/self/mountinfo", "rb") as table:
        points = [line.split(b" ")[4] for line in table]
    top = tree.rstrip(b"/") + b"/"
    return [point[len(top) :] for point in map(_plain, points) if point.startswith(top)]


def _plain(field: bytes) -> bytes:
    """Without the octal escapes; by hand, because what is imported now is looked for in the view, where it may be out of reach."""
    first, *escaped = field.split(b"\\")
    return first + b"".join(bytes([int(piece[:3], 8)]) + piece[3:] for piece in escaped)


def _bind(source: int, view: int, path: bytes) -> None:
    """Show what is open at a path of the view, with all that is mounted below it; not where the view has no such path."""
    try:
        target = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=view)
    except FileNotFoundError:
        return
    try:
        kernel.mount(_name(source), _name(target), None, kernel.BIND | kernel.RECURSIVE, b"")
    finally:
        os.close(target)


def _mask(layout: Layout) -> int:
    """The mask, open; only for paths in directories that a layer below has, because its directories would be seen."""
    kernel.mount(b"vfs-mask", layout["mask"], b"tmpfs", kernel.NOSUID | kernel.NODEV, _MASK)
    top = os.open(layout["mask"], _HERE)
    room = {b"": True}  # whether a directory may have whiteouts in it
    for path in sorted(set(layout["hide"])):
        above = path.rpartition(b"/")[0]
        if above not in room:
            room[above] = _make_room(top, above, layout["below"], room)
        if room[above]:
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(0, 0), dir_fd=top)
            room[path] = False
    return top


def _make_room(top: int, path: bytes, below: list[bytes], room: dict[bytes, bool]) -> bool:
    """Make a directory of the mask with those above it; not where no layer below has it, nor in what is hidden."""
    above = b""
    for name in path.split(b"/"):
        above = os.path.join(above, name)
        if above not in room:
            room[above] = any(_has_directory(layer, above) for layer in below)
            if room[above]:
                os.mkdir(above, 0o755, dir_fd=top)
        if not room[above]:
            return False
    return True


def _has_directory(layer: bytes, path: bytes) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(os.path.join(layer, path)).st_mode)
    except OSError:
        return False


def _name(number: int) -> bytes:
    return b"/proc/self/fd/%d" % number


def _write(path: bytes, text: bytes) -> None:
    number = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(number, text)
    finally:
        os.close(number)
