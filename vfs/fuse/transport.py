"""The seam between a mount and how requests reach it: what `vfs.daemon` knows of a transport."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from vfs.fs.switch import Notifier

SUBTYPE: Final = "vfs"
"""The mount's type is `fuse.vfs` in `/proc/self/mountinfo`."""


class Plan(NamedTuple):
    """A mount to make.

    Attributes:
        mountpoint: an existing directory, absolute; or `/dev/fd/N`, if somebody else mounted that descriptor of `/dev/fuse`.
        source: shown as the mount's device.
        options: further mount options, such as `allow_other`.
        read_ahead: bytes the kernel should read ahead.
        max_background: requests the kernel may keep in flight.
    """

    mountpoint: Path
    source: str
    options: Sequence[str] = ()
    read_ahead: int = 1 << 20
    max_background: int = 64

    @property
    def all_options(self) -> frozenset[str]:
        """The options of every mount of ours, and those of this one."""
        return frozenset({"ro", "default_permissions", *self.options})

    @property
    def escaped_source(self) -> str:
        """The source so that parsers of options take it whole, in ASCII."""
        safe = "".join(c if c.isascii() and c.isprintable() else "?" for c in self.source)
        return safe.replace("\\", "\\\\").replace(",", "\\,")


class Transport(Protocol):
    """One mount, served."""

    name: str

    @property
    def stopping(self) -> bool:
        """Whether the mount is on its way out: notifications may be cut short."""

    def mount(self) -> None:
        """Mount; raises DaemonError with a reason."""

    async def serve(self) -> None:
        """Answer requests until the file system is unmounted or `stop` is called."""

    async def initialised(self) -> None:
        """Return when the kernel has been answered INIT, which sets its limits for the mount."""

    def notifications(self) -> Notifier:
        """The kernel's ear; for worker threads only."""

    def drop_content(self, inode: int) -> None:
        """Forget the pages of a file; blocking, for worker threads only."""

    def stop(self) -> None:
        """End `serve` soon, once what waits was answered; from the event loop."""

    def close(self, *, unmount: bool) -> None:
        """Give the device up; unmount (lazily, if files are open) if the mount is on its directory still. Call once, after `serve`."""
