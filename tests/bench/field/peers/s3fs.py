"""s3fs-fuse, on plain objects; without its disk cache, as Debian's default."""

from pathlib import Path

from tests.bench.field.peers.base import Peer, Place, Running
from tests.bench.field.place import first_line, mount, program
from tests.bench.field.readers import Files
from vfs.testing.s3_servers import ACCESS_KEY, SECRET_KEY

_INSTALL = "apt-get install s3fs"


class S3fs(Peer):
    """The mount."""

    name = "s3fs"

    def version(self) -> str:
        return first_line(program("s3fs", _INSTALL), "--version")

    def prepare(self, place: Place) -> None:
        secret = place.directory / "password"
        secret.touch(mode=0o600)
        secret.write_text(f"{ACCESS_KEY}:{SECRET_KEY}\n")

    def start(self, place: Place) -> Running:
        options = (
            f"passwd_file={place.directory / 'password'},url={place.s3},use_path_request_style,ro,"
            "parallel_count=8,multireq_max=20,complement_stat"
        )
        bucket = place.buckets["plain"]
        argv: list[str | Path] = [
            program("s3fs", _INSTALL),
            bucket,
            place.directory / "m",
            "-f",
            "-o",
            options,
        ]
        made = mount(place, argv)
        pids = [process.pid for process in made.processes]
        return Running(
            Files(directory=made.point / "v1", environ=place.environ), lambda: pids, made.stop
        )
