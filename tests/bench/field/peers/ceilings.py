"""What the kernel itself can do: the same files on ext4, and through a FUSE file system in C that only passes reads on."""

from pathlib import Path

from tests.bench.field.peers.base import Kind, NoAnswer, Peer, Place, Running
from tests.bench.field.place import first_line, mount, program
from tests.bench.field.readers import Files

_SOURCE = Path(__file__).parents[1] / "passthrough.c"
_INSTALL = "apt-get install gcc pkg-config libfuse3-dev"


class Disk(Peer):
    """The files where they are."""

    name = "ext4"
    kind = Kind.CEILING
    reads = "local files"
    remote = False

    def version(self) -> str:
        return first_line("uname", "-sr")

    def start(self, place: Place) -> Running:
        reader = Files(directory=place.files, environ=place.environ)
        return Running(reader, list, lambda: None)


class Passthrough(Peer):
    """`passthrough.c`, built here: libfuse's low-level interface, one thread."""

    name = "passthrough"
    kind = Kind.CEILING
    reads = "local files, by FUSE in C"
    remote = False

    def version(self) -> str:
        program("gcc", _INSTALL)
        return "libfuse " + first_line(program("pkg-config", _INSTALL), "--modversion", "fuse3")

    def prepare(self, place: Place) -> None:
        flags = place.run("pkg-config", "--cflags", "--libs", "fuse3").split()
        place.run("gcc", "-O2", "-Wall", "-Wextra", "-o", "passthrough", _SOURCE, *flags)

    def start(self, place: Place) -> Running:
        binary = place.directory / "passthrough"
        if not binary.exists():
            raise NoAnswer("passthrough.c was not built")
        made = mount(place, [binary, place.files, place.directory / "m"])
        pids = [process.pid for process in made.processes]
        return Running(Files(directory=made.point, environ=place.environ), lambda: pids, made.stop)


__all__ = ["Disk", "Passthrough"]
