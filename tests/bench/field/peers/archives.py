"""Mounts of an archive on this machine's disk: a tar by ratarmount, a squashfs image by squashfuse, a borg repository."""

from collections.abc import Callable
from pathlib import Path

from tests.bench.field.data import BIG
from tests.bench.field.peers.base import Peer, Place, Running
from tests.bench.field.place import first_line, mount, program
from tests.bench.field.readers import Files


class Archive(Peer):
    """What they share: the archive is made once and mounted by one program in the foreground."""

    reads = "a local archive"
    remote = False
    command: tuple[str, str]

    def version(self) -> str:
        return first_line(program(*self.command), "--version")

    def argv(self, place: Place) -> list[str | Path]:
        """The command that mounts it."""
        raise AssertionError("each archive has its own")

    def below(self, point: Path, place: Place) -> Path:
        """Where the data lies in the mount."""
        return point

    def start(self, place: Place) -> Running:
        made = mount(place, self.argv(place), env=ENVIRONMENT)
        pids = [process.pid for process in made.processes]
        reader = Files(directory=self.below(made.point, place), environ=place.environ)
        return Running(reader, lambda: pids, made.stop)


ENVIRONMENT = {"BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"}


class Ratarmount(Archive):
    """An uncompressed tar, whose index was made before."""

    name = "ratarmount"
    reads = "a local tar"
    command = ("ratarmount", "`tests/setup/field.sh` (PyPI ratarmount)")

    def prepare(self, place: Place) -> None:
        tar = place.directory / "data.tar"
        place.run("tar", "-cf", tar, "-C", place.files, BIG, "small")
        self.start(place).stop()  # makes the index

    def argv(self, place: Place) -> list[str | Path]:
        tar = place.directory / "data.tar"
        return [
            program(*self.command),
            "-f",
            "--index-file",
            f"{tar}.index",
            tar,
            place.directory / "m",
        ]


class Squashfuse(Archive):
    """An image without compression: the data is random."""

    name = "squashfuse"
    reads = "a local squashfs image"
    command = ("squashfuse", "apt-get install squashfuse squashfs-tools")

    def prepare(self, place: Place) -> None:
        image = place.directory / "image"
        make = program("mksquashfs", "apt-get install squashfs-tools")
        put: Callable[..., str] = place.run
        put(
            make,
            place.files / BIG,
            place.files / "small",
            image,
            "-quiet",
            "-no-progress",
            "-noI",
            "-noD",
            "-noF",
        )

    def argv(self, place: Place) -> list[str | Path]:
        return [program(*self.command), "-f", place.directory / "image", place.directory / "m"]


class Borg(Archive):
    """A repository without encryption."""

    name = "borg"
    reads = "a local borg repository"
    command = ("borg", "apt-get install borgbackup python3-pyfuse3")

    def prepare(self, place: Place) -> None:
        borg, repository = program(*self.command), place.directory / "repository"
        place.run(borg, "init", "-e", "none", repository)
        place.run(
            borg, "create", f"{repository}::v1", BIG, "small", cwd=place.files, env=ENVIRONMENT
        )

    def argv(self, place: Place) -> list[str | Path]:
        archive = f"{place.directory / 'repository'}::v1"
        return [program(*self.command), "mount", "-f", archive, place.directory / "m"]
