"""A daemon without any privilege serves a mount that a helper makes: real namespaces, real mounts, the real commands."""

import os
import socket
from pathlib import Path

import pytest

from tests.containers.conftest import ONE, TWO, Helper, MakeHelper, MakePod
from tests.containers.namespaces import USER, VFS, Namespace, Pod
from vfs.errors import (
    AccessDenied,
    DaemonError,
    MountPointRefused,
    ProtocolError,
    UsageError,
    VfsError,
)
from vfs.fuse_helper.client import Helper as Client
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import wait_until
from vfs.testing.sandbox import Sandbox

pytestmark = pytest.mark.fuse


def mount(pod: Pod, helper: Helper, repository: HandmadeRepository, words: str) -> str:
    return pod.vfs(f"mount --fuse-socket {helper.socket} --repo {repository.root} {words}")


def in_table(node: Namespace, point: Path) -> list[str]:
    """The lines of the kernel's table about a mount point."""
    return [line for line in node.mounts().splitlines() if line.split()[4] == str(point)]


def test_a_container_without_privileges_serves_another(
    helper: MakeHelper, pod: MakePod, node: Namespace, repository: HandmadeRepository, point: Path
) -> None:
    helping, serving = helper("--allow-other"), pod()
    assert "CapEff:\t0000000000000000" in serving.sh("cat /proc/self/status")
    code, said = serving.ends(f"mkdir ~/m && {' '.join(VFS)} mount --repo {repository.root} ~/m")
    assert (code, "/dev/fuse" in said) == (DaemonError.exit_code, True), said
    with Namespace("slave", inside=node) as training:
        said = mount(serving, helping, repository, f"-o allow_other,noexec --rev v1 {point}")
        assert said == f"{point} shows v1 of {repository.root}\n"
        assert training.read(point / "big.bin") == ONE
        assert str(point) not in serving.sh("cat /proc/self/mountinfo")
        serving.vfs(f"switch v2 --mount {point}")
        assert training.read(point / "big.bin") == TWO
        assert training.read(point / "git.txt") == b"two"
        [line] = in_table(node, point)
        assert "ro,nosuid,nodev,noexec" in line
        assert f"user_id={USER},group_id={USER},default_permissions,allow_other" in line
        assert "shows v2" in serving.vfs(f"status {point}")
        assert serving.vfs(f"umount {point}") == f"{point} is unmounted\n"
        assert str(point) not in training.mounts()
    assert not point.exists()


def test_the_mount_goes_when_its_container_dies(
    helper: MakeHelper, pod: MakePod, node: Namespace, repository: HandmadeRepository, point: Path
) -> None:
    """Killed at once; what it had cached is sound, and another takes its place."""
    helping, first = helper("--allow-other"), pod()
    mount(first, helping, repository, f"-o allow_other {point}")
    assert node.read(point / "big.bin") == TWO
    first.close()
    helping.expect("is gone: took down")
    assert in_table(node, point) == []
    second = pod()
    mount(second, helping, repository, f"-o allow_other --rev v1 {point}")
    assert node.read(point / "big.bin") == ONE
    second.vfs("cache verify")


def test_the_kernel_limits_are_raised_by_the_helper(
    helper: MakeHelper, pod: MakePod, node: Namespace, repository: HandmadeRepository, point: Path
) -> None:
    """The daemon may not; nor may it raise those of others, or beyond bounds."""
    helping, serving = helper("--allow-other"), pod()
    mount(serving, helping, repository, f"-o allow_other {point}")
    device = in_table(node, point)[0].split()[2]
    knob = Path(f"/sys/class/bdi/{device}/read_ahead_kb")
    wait_until(lambda: int(knob.read_text()) >= 1024, "more read-ahead")


def test_a_helper_that_ends_leaves_mounts_alone(
    helper: MakeHelper, pod: MakePod, node: Namespace, repository: HandmadeRepository, point: Path
) -> None:
    first, serving = helper("--allow-other"), pod()
    mount(serving, first, repository, f"-o allow_other --rev v1 {point}")
    first.close()
    assert not first.socket.exists()
    assert node.read(point / "big.bin") == ONE
    code, said = serving.ends(_umount(point))
    assert code == MountPointRefused.exit_code, said
    assert "does not answer" in said
    second = helper("--allow-other")
    serving.close()
    other = pod()
    wait_until(lambda: _is_dead(node, point), "the mount of a daemon that ended")
    mount(other, second, repository, f"-o allow_other {point}")
    assert node.read(point / "big.bin") == TWO


def test_a_new_helper_takes_down_what_is_dead(
    helper: MakeHelper, pod: MakePod, node: Namespace, repository: HandmadeRepository, point: Path
) -> None:
    first, serving, living = helper(), pod(), pod()
    mount(serving, first, repository, str(point))
    living.sh(
        "export XDG_CACHE_HOME=~/cache"
    )  # first processes have one number: not the same cache
    mount(living, first, repository, str(point.with_name("other")))
    first.process.kill()
    first.process.wait()
    serving.close()
    wait_until(lambda: _is_dead(node, point), "the mount of a daemon that ended")
    helper().expect(f"took down {point}, whose daemon has ended")
    assert in_table(node, point) == []
    assert len(in_table(node, point.with_name("other"))) == 1


def test_a_busy_mount_is_taken_down_only_lazily(
    helper: MakeHelper, pod: MakePod, node: Namespace, repository: HandmadeRepository, point: Path
) -> None:
    helping, serving = helper("--allow-other"), pod()
    mount(serving, helping, repository, f"-o allow_other {point}")
    reader = os.open(f"/proc/{node.process.pid}/root{point}/big.bin", os.O_RDONLY)
    try:
        code, said = serving.ends(_umount(point))
        assert code == MountPointRefused.exit_code, said
        assert "is busy" in said
        serving.vfs(f"umount --lazy {point}")
        assert in_table(node, point) == []
        assert os.pread(reader, len(TWO), 0) == TWO
    finally:
        os.close(reader)


def _umount(point: Path) -> str:
    return f"{' '.join(VFS)} umount {point}"


def _is_dead(node: Namespace, point: Path) -> bool:
    as_user = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups")
    return "not connected" in node.run(*as_user, "stat", "-f", point, check=False).stderr


class Asking:
    """Requests of an ordinary user, straight to the socket."""

    def __init__(self, helping: Helper) -> None:
        self._path = helping.socket

    def refused(self, kind: type[VfsError], point: Path, **options: bool) -> str:
        """The message of the error that a request for a mount ends with."""
        client = self.connect()
        try:
            with pytest.raises(kind) as caught:
                client.mount(point, "vfs:x", **{"allow_other": False, "noexec": False, **options})
        finally:
            client.close()
        return caught.value.message

    def connect(self, uid: int = USER) -> Client:
        """A connection of a user: the kernel notes who calls connect(2)."""
        os.seteuid(uid)
        try:
            return Client(self._path)
        finally:
            os.seteuid(0)


@pytest.fixture
def asking(helper: MakeHelper, sandbox: Sandbox) -> Asking:
    sandbox.root.chmod(0o755)
    return Asking(helper())


def test_places_that_are_refused(asking: Asking, sandbox: Sandbox, node: Namespace) -> None:
    shared = sandbox.root / "shared"
    (shared / "full").mkdir()
    (shared / "full" / "mine").write_bytes(b"1")
    (shared / "file").write_bytes(b"1")
    (shared / "link").symlink_to(sandbox.root / "home")
    for place in ("/etc", "/", str(shared), f"{shared}/a/b", f"{shared}/..", f"{shared}/.", "data"):
        assert "not directly below" in asking.refused(MountPointRefused, Path(place))
    assert "not empty" in asking.refused(MountPointRefused, shared / "full")
    assert "no directory" in asking.refused(MountPointRefused, shared / "file")
    assert "no directory" in asking.refused(MountPointRefused, shared / "link")
    node.run("mount", "-t", "tmpfs", "none", shared / "full")
    assert "something is mounted" in asking.refused(MountPointRefused, shared / "full")
    asking.refused(AccessDenied, shared / "data", allow_other=True)
    assert "fuse.vfs" not in node.mounts()


def test_users_who_are_not_named_are_refused(asking: Asking, point: Path) -> None:
    client = asking.connect(uid=0)
    with pytest.raises(AccessDenied, match="user 0"):
        client.check(point, allow_other=False)
    client.close()


def test_one_mount_per_connection_and_only_the_own(
    asking: Asking, point: Path, node: Namespace
) -> None:
    client, other = asking.connect(), asking.connect()
    fuse = client.mount(point, "vfs:x", allow_other=False, noexec=False)
    with pytest.raises(UsageError, match="already"):
        client.mount(point.with_name("b"), "vfs:x", allow_other=False, noexec=False)
    for request in (lambda: other.unmount(lazy=True), lambda: other.tune(1 << 20, 12)):
        with pytest.raises(MountPointRefused, match="no mount of this connection"):
            request()
    assert len(in_table(node, point)) == 1
    client.close()
    wait_until(lambda: not in_table(node, point), "the mount to go with its connection")
    os.close(fuse)
    other.close()


def test_what_breaks_the_protocol_harms_nobody(
    asking: Asking, sandbox: Sandbox, point: Path
) -> None:
    for packet in (b"x", b"\0" * 70_000, b"\0\0\0\2{}", b'\0\0\0\1{"vfs":1,"verb":"exec","args":{}}',
                   b'\0\0\0\1{"vfs":1,"verb":"mount","args":{"path":"/","source":7}}'):  # fmt: skip
        os.seteuid(USER)
        try:
            raw = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            raw.connect(str(sandbox.root / "helper.sock"))
        finally:
            os.seteuid(0)
        with raw:
            raw.settimeout(20)
            raw.send(packet)
            assert b'"error"' in raw.recv(1 << 16)
    client = asking.connect()
    client.check(point, allow_other=False)
    with pytest.raises(ProtocolError, match="read_ahead"):
        client.tune(-1, 1)
    client.close()
