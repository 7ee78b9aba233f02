"""restic mount, of a repository on the same S3 server: content-defined packs, as ours."""

import os
from pathlib import Path

from tests.bench.field.data import BIG
from tests.bench.field.peers.base import Peer, Place, Running
from tests.bench.field.place import first_line, mount, program
from tests.bench.field.readers import Files

_INSTALL = "apt-get install restic"
_PASSWORD = "a password of the bench"


class Restic(Peer):
    """The mount of its latest snapshot."""

    name = "restic"
    reads = "restic's packs"

    def version(self) -> str:
        return first_line(program("restic", _INSTALL), "version")

    def prepare(self, place: Place) -> None:
        place.run(*self._argv(place, "init"), env=_environ(place))
        place.run(*self._argv(place, "backup"), BIG, "small", cwd=place.files, env=_environ(place))

    def forget(self, place: Place) -> None:
        place.fresh("cache")

    def start(self, place: Place) -> Running:
        made = mount(
            place, [*self._argv(place, "mount"), place.directory / "m"], env=_environ(place)
        )
        pids = [process.pid for process in made.processes]
        root = _root(made.point / "snapshots" / "latest", place.files)
        return Running(Files(directory=root, environ=place.environ), lambda: pids, made.stop)

    def _argv(self, place: Place, verb: str) -> list[str | Path]:
        repository = f"s3:{place.s3}/{place.buckets['plain']}/restic"
        return [
            program("restic", _INSTALL),
            "-r",
            repository,
            "--cache-dir",
            place.directory / "cache",
            verb,
        ]


def _root(snapshot: Path, source: Path) -> Path:
    """Old versions keep the absolute path of what they saved, where names were given relative to it they do not."""
    inside = snapshot / os.path.relpath(source, "/")
    return snapshot if (snapshot / BIG).exists() else inside


def _environ(place: Place) -> dict[str, str]:
    return {
        "RESTIC_PASSWORD": _PASSWORD,
        **{k: v for k, v in place.environ.items() if k.startswith("AWS")},
    }
