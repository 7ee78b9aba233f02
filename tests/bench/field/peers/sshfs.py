"""sshfs, from an OpenSSH server of this machine; no proxy can delay that, so it reads without latency only."""

from pathlib import Path

from tests.bench.field.peers.base import NoAnswer, Peer, Place, Running
from tests.bench.field.place import first_line, mount, program
from tests.bench.field.readers import Files
from vfs.testing.git_servers import SshServer, start_sshd
from vfs.testing.processes import stop
from vfs.testing.s3_servers import ServerFailed

_INSTALL = "apt-get install sshfs openssh-server"


class Sshfs(Peer):
    """The mount; the server is started with it and ended with it."""

    name = "sshfs"
    reads = "files by SFTP"
    remote = False

    def version(self) -> str:
        return first_line(program("sshfs", _INSTALL), "--version")

    def start(self, place: Place) -> Running:
        try:
            server = start_sshd(place.fresh("sshd"))
        except ServerFailed as error:
            raise NoAnswer(str(error)) from None
        try:
            return self._start(place, server)
        except BaseException:
            stop(server.process)
            raise

    def _start(self, place: Place, server: SshServer) -> Running:
        argv: list[str | Path] = [
            program("sshfs", _INSTALL), f"root@127.0.0.1:{place.files}", place.directory / "m", "-f", "-F", server.config,
            "-p", str(server.port), "-o", "ro",
        ]  # fmt: skip
        made = mount(place, argv)
        pids = [process.pid for process in made.processes]

        def end() -> None:
            made.stop()
            stop(server.process)

        return Running(Files(directory=made.point, environ=place.environ), lambda: pids, end)
