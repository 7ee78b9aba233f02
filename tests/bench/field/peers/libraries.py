"""Python libraries that read the same objects without a mount: the ceilings of what comes over the network."""

from pathlib import Path

from tests.bench.field.peers.base import Kind, Peer, Place, Running, hand_over
from tests.bench.field.peers.copies import fresh_clone
from tests.bench.field.place import PYTHON, TOOLS, Unavailable, first_line
from tests.bench.field.readers import Reader
from vfs.testing.s3_servers import ACCESS_KEY, SECRET_KEY


class Raw(Peer):
    """A library that reads plain objects."""

    kind = Kind.LIBRARY

    def __init__(self, name: str, reader: str, package: str) -> None:
        self.name, self._reader, self._package = name, reader, package

    def version(self) -> str:
        return library(PYTHON, self._package, "`tests/setup/field.sh`")

    def start(self, place: Place) -> Running:
        options = {
            "bucket": place.buckets["plain"], "prefix": "v1", "endpoint": place.s3,
            "key": ACCESS_KEY, "secret": SECRET_KEY,
        }  # fmt: skip
        return hand_over(Reader(self._reader, options, PYTHON, place.environ))


class DvcFileSystem(Peer):
    """DVC's own, of a clone without data."""

    name = "DVCFileSystem"
    kind = Kind.LIBRARY
    reads = "DVC's objects"
    python = TOOLS / "dvc3/bin/python"

    def version(self) -> str:
        return library(self.python, "dvc", "`tests/setup/dvc.sh dvc3`")

    def start(self, place: Place) -> Running:
        options = {"repository": str(fresh_clone(place))}
        return hand_over(Reader("dvc", options, self.python, place.environ, parallel=False))


def library(python: Path, package: str, install: str) -> str:
    """The version of a package that an interpreter has. Raises Unavailable."""
    if not python.exists():
        raise Unavailable(f"no {package}: {install}")
    code = f"import importlib.metadata as m; print('{package}', m.version('{package}'))"
    said = first_line(str(python), "-c", code)
    if not said.startswith(package):
        raise Unavailable(f"no {package}: {install}")
    return said
