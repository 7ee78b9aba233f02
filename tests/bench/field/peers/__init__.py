"""The peers, in the order of the tables. Each module has what starts one kind of them."""

from tests.bench.field.peers.archives import Borg, Ratarmount, Squashfuse
from tests.bench.field.peers.base import Peer
from tests.bench.field.peers.ceilings import Disk, Passthrough
from tests.bench.field.peers.copies import DvcPull, GitLfs
from tests.bench.field.peers.libraries import DvcFileSystem, Raw
from tests.bench.field.peers.rclone import Rclone
from tests.bench.field.peers.restic import Restic
from tests.bench.field.peers.s3fs import S3fs
from tests.bench.field.peers.sshfs import Sshfs
from tests.bench.field.peers.vfs_mount import Vfs


def all_peers() -> list[Peer]:
    """One of each."""
    return [
        Vfs("vfs", "packed", "packs"),
        Vfs("vfs on DVC's layout", "dvc", "DVC's objects"),
        Rclone("rclone", cache=False),
        Rclone("rclone full", cache=True),
        S3fs(),
        Restic(),
        Sshfs(),
        Ratarmount(),
        Squashfuse(),
        Borg(),
        DvcPull(),
        GitLfs(),
        DvcFileSystem(),
        Raw("obstore", "obstore", "obstore"),
        Raw("fsspec", "fsspec", "s3fs"),
        Passthrough(),
        Disk(),
    ]
