"""Real S3 servers for tests: Ceph RADOS Gateway (Debian's packages) and MiniStack (PyPI).

Rule: a server listens on loopback only, keeps its files in a directory it is given, and is ended by
the processes that were started, never by name; it does not outlive whoever started it. `start_*`
return when it answers.
"""

import http.client
import os
import secrets
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vfs.testing.ports import free_port
from vfs.testing.processes import serve, stop

ACCESS_KEY = "AKIDTEST"
SECRET_KEY = "SECRETTEST"
REGION = "us-east-1"
_START = 90.0  # seconds
CEPH_COMMANDS = (
    "ceph",
    "ceph-mon",
    "ceph-mgr",
    "ceph-osd",
    "monmaptool",
    "radosgw",
    "radosgw-admin",
)


class ServerFailed(AssertionError):
    """A server of the tests did not come up."""


@dataclass
class S3Server:
    """A running server.

    Attributes:
        endpoint: `http://127.0.0.1:port`.
        port: of the endpoint.
        processes: to end, the last first.
        directory, sts_port: of Ceph only.
    """

    name: str
    endpoint: str
    port: int
    processes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)
    directory: Path = Path()
    sts_port: int = 0

    def admin(self, *arguments: str) -> None:
        """Run `radosgw-admin ARGUMENTS` for a gateway of Ceph."""
        program = ["radosgw-admin", "-c", str(self.directory / "ceph.conf"), "-n", "client.rgw.a"]
        _ceph(self.directory, *program, *arguments)

    @property
    def options(self) -> dict[str, str]:
        """Options of a remote on this server, in DVC's spelling."""
        return {
            "endpointurl": self.endpoint,
            "access_key_id": ACCESS_KEY,
            "secret_access_key": SECRET_KEY,
            "region": REGION,
        }

    def client(self, *, connections: int = 10) -> Any:
        """boto3's client for this server, for what the tests do behind our back."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name=REGION,
            config=Config(
                s3={"addressing_style": "path"},
                proxies={},
                max_pool_connections=connections,
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def new_bucket(self, *, versioned: bool = False) -> str:
        """Make a bucket with a fresh name."""
        name = f"t-{secrets.token_hex(6)}"
        client = self.client()
        client.create_bucket(Bucket=name)
        if versioned:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    def stop(self) -> None:
        """End all processes; those that do not listen are killed."""
        while self.processes:
            stop(self.processes.pop())


def start_ministack(directory: Path) -> S3Server:
    """MiniStack: an S3 in memory that does not check signatures; about a second."""
    port = free_port()
    program = Path(sys.executable).with_name("ministack")
    settings = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "SERVICES": "s3,sts"}
    log = directory / "ministack.log"
    process = serve([program], log, _environment(directory) | settings, directory)
    server = S3Server("ministack", f"http://127.0.0.1:{port}", port, [process])
    _wait_for_answer(server, log)
    return server


def start_rgw(directory: Path, *, store: str = "memstore") -> S3Server:
    """Ceph: one monitor, one manager, one OSD (in memory) and the RADOS Gateway; about 12 s.

    Raises:
        ServerFailed: with the command that failed and what it said.
    """
    missing = [command for command in CEPH_COMMANDS if shutil.which(command) is None]
    if missing:
        raise ServerFailed(
            f"{', '.join(missing)} not found; `apt-get install --no-install-recommends radosgw "
            "ceph-mon ceph-osd ceph-mgr ceph-common`, or leave out tests marked s3"
        )
    for name in ("mon", "mgr", "osd", "rgw", "run", "log"):
        (directory / name).mkdir()
    ports = (free_port(), free_port(), free_port(), free_port())
    configuration = directory / "ceph.conf"
    cluster = str(uuid.uuid4())
    configuration.write_text(_CEPH.format(dir=directory, cluster=cluster, store=store, ports=ports))
    server = S3Server("rgw", f"http://127.0.0.1:{ports[2]}", ports[2])
    server.directory, server.sts_port = directory, ports[3]
    try:
        _start_cluster(server, configuration, cluster, ports[:2])
        _wait_for_answer(server, directory / "log" / "client.rgw.a.log")
        server.admin(
            "user", "create", "--uid=test", "--display-name=test",
            f"--access-key={ACCESS_KEY}", f"--secret-key={SECRET_KEY}",
        )  # fmt: skip
    except BaseException:
        server.stop()
        raise
    return server


def start_sts(server: S3Server) -> S3Server:
    """A second gateway of a running Ceph that also grants roles; `server.stop` ends it."""
    _daemon(server, "radosgw", "-n", "client.rgw.sts")
    second = S3Server("sts", f"http://127.0.0.1:{server.sts_port}", server.sts_port)
    _wait_for_answer(second, server.directory / "log" / "client.rgw.sts.log")
    return second


def _start_cluster(
    server: S3Server, configuration: Path, cluster: str, ports: Sequence[int]
) -> None:
    osd, here, directory = str(uuid.uuid4()), ("-c", configuration), server.directory
    address = f"[v2:127.0.0.1:{ports[0]},v1:127.0.0.1:{ports[1]}]"
    monitors = directory / "monmap"
    _ceph(
        directory, "monmaptool", "--create", "--clobber", "--fsid", cluster,
        "--addv", "a", address, monitors,
    )  # fmt: skip
    _ceph(directory, "ceph-mon", *here, "-i", "a", "--mkfs", "--monmap", monitors)
    _daemon(server, "ceph-mon", "-i", "a")
    _daemon(server, "ceph-mgr", "-i", "x")
    _ceph(directory, "ceph", *here, "osd", "new", osd)
    _ceph(directory, "ceph-osd", *here, "-i", "0", "--mkfs", "--osd-uuid", osd)
    _daemon(server, "ceph-osd", "-i", "0")
    _daemon(server, "radosgw", "-n", "client.rgw.a")


def _daemon(server: S3Server, *argv: str) -> None:
    """Start one of Ceph's, in the foreground so that it is a child of ours."""
    here = server.directory
    argv = (argv[0], "-f", "-c", str(here / "ceph.conf"), *argv[1:])
    server.processes.append(serve(argv, here / "log" / "daemons.log", _environment(here)))


def _ceph(directory: Path, *argv: str | Path) -> None:
    log = directory / "log" / "commands.log"
    with open(log, "ab") as output:
        code = subprocess.run(
            argv,
            env=_environment(directory),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=_START,
            check=False,
        ).returncode
    if code:
        raise ServerFailed(
            f"{argv[0]} ended with {code}:\n{log.read_text(errors='replace')[-3000:]}"
        )


def _environment(directory: Path) -> dict[str, str]:
    kept = {k: os.environ[k] for k in ("PATH", "LANG", "PYTHONPATH") if k in os.environ}
    return {**kept, "HOME": str(directory), "TMPDIR": str(directory)}


def _wait_for_answer(server: S3Server, log: Path) -> None:
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline and all(p.poll() is None for p in server.processes):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)  # a server that is coming up has no event to wait for
        else:
            return
        finally:
            connection.close()
    server.stop()
    text = log.read_text(errors="replace")[-3000:] if log.exists() else "(no log)"
    raise ServerFailed(f"{server.name} did not answer on {server.endpoint}:\n{text}")


_CEPH = """\
[global]
fsid = {cluster}
mon host = [v2:127.0.0.1:{ports[0]}/0,v1:127.0.0.1:{ports[1]}/0]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon allow pool delete = true
mon max pg per osd = 1000
mon warn on insecure global id reclaim allowed = false
run dir = {dir}/run
admin socket = {dir}/run/$name.$pid.asok
pid file = {dir}/run/$name.pid
log file = {dir}/log/$name.log
crash dir = {dir}/log
heartbeat file = {dir}/run/$name.hb
ms bind ipv6 = false
[mon]
mon data = {dir}/mon
[mgr]
mgr data = {dir}/mgr
[osd]
osd data = {dir}/osd
osd objectstore = {store}
memstore device bytes = 8589934592
bluestore block size = 12884901888
osd memory target = 2147483648
[client.rgw.a]
rgw data = {dir}/rgw
# Without tcp_nodelay every small GET costs 44 ms.
rgw frontends = beast endpoint=127.0.0.1:{ports[2]} tcp_nodelay=1
ms mon client mode = crc
rgw enable usage log = false
[client.rgw.sts]
# Not in the first one: with STS, a wrong secret is answered by AccessDenied instead of SignatureDoesNotMatch.
rgw data = {dir}/rgw
rgw frontends = beast endpoint=127.0.0.1:{ports[3]} tcp_nodelay=1
ms mon client mode = crc
rgw s3 auth use sts = true
rgw sts key = 0123456789abcdef
rgw gc obj min wait = 10
"""
