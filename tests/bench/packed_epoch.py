"""A cold epoch over 20,000 x 8 KiB through a mount, S3 (Ceph, in memory) with added latency: packed, and DVC's layout.

    python -m tests.bench.packed_epoch [MS] [FILES]

DVC's layout is read for 200 files only: it takes a round trip each. Files are read by one reader.
"""

import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from vfs.remotes import RemoteSpec, open_remote
from vfs.testing.faulty_proxy import FaultyProxy, do_first
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory
from vfs.testing.packed import push
from vfs.testing.s3_servers import S3Server, start_rgw
from vfs.testing.sandbox import Sandbox

SIZE = 8192
SAMPLE = 200


def main() -> None:
    """Print files per second of each way."""
    delay = float(sys.argv[1] if len(sys.argv) > 1 else 20) / 1000
    count = int(sys.argv[2] if len(sys.argv) > 2 else 20_000)
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="vfs-rgw-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        server = start_rgw(directory)
        stack.callback(server.stop)
        proxy = stack.enter_context(FaultyProxy(server.port))
        for method in ("GET", "HEAD"):
            proxy.always(do_first(partial(time.sleep, delay)), method)
        sandbox = Sandbox.temporary()
        stack.callback(sandbox.close)
        factory = MountFactory(sandbox)
        stack.callback(factory.close)
        made = random.Random(1)
        files = {f"f{n:05}": made.randbytes(SIZE) for n in range(count)}
        packed = packed_repository(sandbox, server, proxy, files)
        few = dict(list(files.items())[:SAMPLE])
        plain = dvc_repository(sandbox, server, proxy, few)
        for shuffled in (False, True):
            speeds = []
            for repository, names in ((packed, list(files)), (plain, list(few))):
                if shuffled:
                    random.Random(2).shuffle(names)
                speeds.append(cold(sandbox, factory, repository, names))
            order = "shuffled" if shuffled else "in order"
            print(
                f"{order}: packed {speeds[0]:,.0f} files/s, DVC's layout {speeds[1]:,.0f} files/s: "
                f"{speeds[0] / speeds[1]:.1f} x",
                flush=True,
            )


def cold(
    sandbox: Sandbox, factory: MountFactory, repository: HandmadeRepository, names: list[str]
) -> float:
    shutil.rmtree(Path(sandbox.environ["XDG_CACHE_HOME"]) / "vfs", ignore_errors=True)
    mount: Mount = factory(repository.root)
    began = time.perf_counter()
    for name in names:
        assert len((mount.path / "data" / name).read_bytes()) == SIZE
    speed = len(names) / (time.perf_counter() - began)
    mount.umount()
    return speed


def packed_repository(
    sandbox: Sandbox, server: S3Server, proxy: FaultyProxy, files: dict[str, bytes]
) -> HandmadeRepository:
    repository = HandmadeRepository(sandbox, sandbox.root / "packed")
    url = f"s3://{server.new_bucket()}/data"
    options = server.options | {"endpointurl": proxy.endpoint}
    lines = "".join(f"    {key}: {value}\n" for key, value in options.items())
    config = f"remotes:\n  shared:\n    url: {url}\n{lines}"
    repository.commit(plain={".vfs/config.yaml": config.encode()}, directories={"data": files})
    with closing(open_remote(RemoteSpec("shared", url, server.options))) as remote:
        push(remote, {n.encode(): data for n, data in files.items()}, pack_bytes=32 << 20)
    repository.lose_remote()
    return repository


def dvc_repository(
    sandbox: Sandbox, server: S3Server, proxy: FaultyProxy, files: dict[str, bytes]
) -> HandmadeRepository:
    bucket = server.new_bucket()
    options = server.options | {"endpointurl": proxy.endpoint}
    repository = HandmadeRepository(
        sandbox, sandbox.root / "plain", remote_url=f"s3://{bucket}", remote_options=options
    )
    repository.commit(directories={"data": files})
    client = server.client()
    put: Callable[[str, bytes], object] = lambda key, data: client.put_object(  # noqa: E731
        Bucket=bucket, Key=key, Body=data
    )
    repository.upload(put)
    return repository


if __name__ == "__main__":
    main()
