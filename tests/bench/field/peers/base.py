"""What a peer is: something that can be prepared once, and started with nothing cached."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.bench.field.found import Kind, PeerInfo
from tests.bench.field.place import Place
from tests.bench.field.readers import Reader
from tests.bench.field.took import NoAnswer


@dataclass
class Running:
    """A started peer.

    Attributes:
        processes: ids of those whose memory (and whose children's) is the peer's.
        stop: unmounts and ends them.
        switch: shows the second version at the same place; None if the peer cannot.
    """

    reader: Reader
    processes: Callable[[], Iterable[int]]
    stop: Callable[[], None]
    switch: Callable[[], None] | None = None


class Peer(ABC):
    """One peer.

    Attributes:
        remote: whether it reads from the server behind the proxy.
    """

    name: str
    kind: Kind = Kind.MOUNT
    reads: str = "plain objects"
    remote: bool = True

    def info(self, version: str = "", absent: str = "") -> PeerInfo:
        """As the tables name it."""
        return PeerInfo(self.name, self.kind, self.reads, self.remote, version, absent)

    @abstractmethod
    def version(self) -> str:
        """What is installed. Raises Unavailable."""

    def prepare(self, place: Place) -> None:  # noqa: B027 - most have nothing to make
        """Make what it reads, once for a run; not measured."""

    def forget(self, place: Place) -> None:  # noqa: B027 - most cache nothing
        """Remove what it cached."""

    @abstractmethod
    def start(self, place: Place) -> Running:
        """Start it. Raises NoAnswer."""


def hand_over(reader: Reader) -> Running:
    """A library: its process is the client itself."""

    def processes() -> list[int]:
        return [reader.pid] if reader.pid else []

    return Running(reader, processes, lambda: None)


__all__ = ["Kind", "NoAnswer", "Peer", "Place", "Running", "hand_over"]
